"""The form of TT 02/2019/TT-BNV, for receivers that still run it: the fields of its Phụ lục I as XML beside the files.

The circular names the files (file code, dot, ordinal: Đ6.1.e) and the fields; no layout of the XML was found in it.
The layout here is this system's convention: one XML a record, its root named by the level, one element a row of the
table under the printed tag and in its order, empty where nothing is known. Row 12 of the file table repeats the tag
"Maintenance" (số lượng tờ): it is written as "SheetNumber", or as printed, and the root says which ("sheets").
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from archive import clock, describing, layout, records, revisions
from archive.correcting import read_fonds
from archive.crosswalk import TT02, TT05, convert
from archive.errors import UsageError
from archive.fields import profile
from archive.fields.kinds import kind_of
from archive.fields.tables import Row
from archive.findings import Finding, finding
from archive.i18n import _
from archive.opening import Archive
from archive.packages.description import PackedFile
from archive.packages.ead import attribute, text
from archive.packages.opening import Opened, UnreadableError, limits, open_package
from archive.packages.parsing import read_xml
from archive.packages.writing import Progress, Written, copy_files
from archive.records import Record

LAYOUT = "luutru-tt02/1"
SUMS = "sha256sums.txt"
Sheets = Literal["SheetNumber", "Maintenance"]
_SHEETS = ("SheetNumber", "PiecesOfPaper", "numberOfPaper")      # how implementers call row 12
_ROOTS = {"fonds": "Fonds", "file": "File", "document": "Document", "photo": "Photo", "av": "AudioVisual"}
_LEVELS = {root: level for level, root in _ROOTS.items()}
_FILES = ("original", "attachment", "signature")
_LINE = re.compile(r"([0-9a-f]{64}) [ *](.+)")


@dataclass(frozen=True, slots=True)
class OldRecord:
    """One record in the form of TT 02/2019: its name (file or document code, "fonds"), level, fields by our keys.

    `files` are the names of its files beside the XML; `notes` say what the conversion did to its values.
    """

    name: str
    level: str
    fields: Mapping[str, str]
    files: Sequence[str] = ()
    notes: Sequence[Finding] = ()


@dataclass(slots=True)
class OldPackage:
    """What was read: the records by their names, and everything that was found wrong.

    `others` are the files that are no record, `files` and `bytes` count what was compared with its SHA-256.
    """

    records: dict[str, OldRecord] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    others: list[str] = field(default_factory=list)
    files: int = 0
    bytes: int = 0


def write_tt02(archive: Archive, code: str, target: Path, progress: Progress = lambda *_: None, *,
               sheets: Sheets = "SheetNumber") -> Written:
    """Write a case file in the form of TT 02/2019 into the new folder `target`, with a list of SHA-256.

    Raises UsageError for an unknown case file or a target that is there, IntegrityError when a stored file has
    changed, ead.UnwritableTextError for text that XML cannot carry.
    """
    if not archive.store.has(layout.casefile_object(code)):
        raise UsageError(_("There is no case file {code}.").format(code=code))
    held = archive.store.files(layout.casefile_object(code))
    created = clock.in_vietnam(clock.now()).isoformat(timespec="seconds")
    packed: list[PackedFile] = []
    for one, record in describe(archive, code):
        data = as_xml(one, sheets)
        packed.append(_made(f"{one.name}.xml", data, created))
        for file in _own_files(record):
            packed.append(PackedFile(PurePosixPath(file["path"]).name, held[file["path"]].place, file["size"],
                                     file["sha256"], "application/octet-stream", created, file["role"], file["name"]))
    sums = "".join(f"{one.sha256}  {one.path}\n" for one in packed).encode()
    return copy_files([*packed, _made(SUMS, sums, created)], target, progress)


def describe(archive: Archive, code: str) -> Iterator[tuple[OldRecord, Record]]:
    """The fonds, the case file and its documents in the form of TT 02/2019, each with the record it is made from."""
    case_file = records.read_case_file(archive.store, code)
    documents = list(records.read_documents(archive.store, code))
    ours = archive.settings.archive_code
    home = {"archiveCode": ours, "fondsCode": case_file["fonds"], "fileCatalog": str(case_file["year"]),
            "fileNotation": case_file["notation"], "fileCode": code}
    fonds = read_fonds(archive, case_file["fonds"])
    yield OldRecord("fonds", "fonds", _in_table({**revisions.described(fonds), "archiveCode": ours,
                                                 "fondsCode": fonds["code"]}, "fonds")), fonds
    computed = describing.case_file_fields(case_file, documents, ours, "AIP_hoso")
    own, notes = _old(case_file, "file", {key: value for key, value in computed.items() if key != "maintenance"})
    own |= {"title": case_file["title"], "maintenance": case_file["retention"]}
    yield OldRecord(code, "file", _in_table({**own, **home}, "file"), (), notes), case_file
    for record in documents:
        level = kind_of(record["fields"])
        computed = describing.document_fields(record, case_file, ours, "AIP_hoso")
        own, notes = _old(record, level, {key: value for key, value in computed.items() if key != "description"})
        fields = _in_table({**own, **home, "docOrdinal": str(record["ordinal"])}, level)
        files = [PurePosixPath(file["path"]).name for file in _own_files(record)]
        yield OldRecord(record["code"], level, fields, files, notes), record


def _old(record: Record, level: str, computed: Mapping[str, str]) -> tuple[dict[str, str], tuple[Finding, ...]]:
    """The record's fields in the words of TT 02/2019; what it lacks and the archive knows is filled in."""
    own, source = record.get("fields", {}), record["profile"]
    notes: tuple[Finding, ...] = ()
    if source == TT05:
        made = convert(own, level, TT05, TT02, record["code"])
        own, notes = made.fields, made.notes
    known = convert({key: value for key, value in computed.items() if value}, level, TT05, TT02).fields
    return {**known, **{key: value for key, value in own.items() if value}}, notes


def _in_table(fields: Mapping[str, str], level: str) -> dict[str, str]:
    return {row.key: fields[row.key] for row in profile(TT02).table(level) if fields.get(row.key)}


def _own_files(record: Record) -> list[Mapping[str, Any]]:
    return [file for file in record.get("files", ()) if file["role"] in _FILES]


def _made(name: str, data: bytes, created: str) -> PackedFile:
    return PackedFile(name, data, len(data), hashlib.sha256(data).hexdigest(), "text/xml", created, "")


# --- the XML -----------------------------------------------------------------------------------------------


def as_xml(record: OldRecord, sheets: Sheets = "SheetNumber") -> bytes:
    """The record as XML: every row of its table, in order. Raises ead.UnwritableTextError."""
    root = _ROOTS[record.level]
    choice = f' sheets="{attribute(sheets, "sheets")}"' if record.level == "file" else ""
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', f'<{root} regime="{TT02}" layout="{LAYOUT}"{choice}>']
    for row in profile(TT02).table(record.level):
        tag = sheets if _is_sheets(row) else row.tag
        value = record.fields.get(row.key, "")
        lines.append(f"  <{tag}>{text(value, tag)}</{tag}>" if value else f"  <{tag}/>")
    return "\n".join((*lines, f"</{root}>", "")).encode()


def _is_sheets(row: Row) -> bool:
    return row.level == "file" and row.key == "numberOfPaper"


def from_xml(root: Any, name: str, found: list[Finding]) -> OldRecord | None:
    """The record that an XML file tells; None, with a finding, for another kind of file.

    An element that the table does not have is kept under its own name, with a finding.
    """
    level = _LEVELS.get(str(root.tag))
    if level is None:
        found.append(finding("ANNEX-004", name, reason=f"<{str(root.tag)[:60]}>"))
        return None
    rows: dict[str, list[str]] = {}
    for row in profile(TT02).table(level):
        rows.setdefault(row.tag, []).append(row.key)
    if level == "file":
        rows |= {tag: ["numberOfPaper"] for tag in _SHEETS}
    fields: dict[str, str] = {}
    for element in root:
        tag, value = str(element.tag), element.text or ""
        keys = rows.get(tag, [])
        key = keys.pop(0) if keys else tag       # the second "Maintenance" is row 12
        if not keys and key == tag and tag not in {row.key for row in profile(TT02).table(level)}:
            found.append(finding("ANNEX-005", name, tag=tag[:60], value=value[:120]))
        if value:
            fields[key] = value
    return OldRecord(PurePosixPath(name).name.removesuffix(".xml"), level, fields)


# --- reading back ------------------------------------------------------------------------------------------


def read_tt02(path: Path) -> OldPackage:
    """Read a folder (or a ZIP of it) in this form: every file against the list of SHA-256, every record's fields.

    A wrong package gets findings, never an exception. Raises FileNotFoundError where nothing is.
    """
    with open_package(path) as container:
        read = read_opened(container)
        # Neither METS.xml nor bagit.txt marks the root of this form: the list of hashes does.
        read.findings[:0] = [one for one in container.findings if one.code != "PKG-013"]
    return read


def read_opened(container: Opened, tell: Callable[[int], None] = lambda count: None) -> OldPackage:
    """As `read_tt02`, for a container that is open; its own findings are left to the caller.

    `tell` is told the bytes read since its last call.
    """
    read = OldPackage()
    lists = [PurePosixPath(name).parent for name in container.names if PurePosixPath(name).name == SUMS]
    top = min(lists, key=lambda folder: len(folder.parts), default=PurePosixPath("."))
    opened = container.within(str(top)) if top.parts else container
    _compare(opened, read, tell)
    own = sorted(one for one in opened.names if one.endswith(".xml") and "/" not in one)
    read.others = sorted({*opened.names} - {*own, SUMS})
    for name in own:
        root = read_xml(opened, name, read.findings)
        if root is not None and (record := from_xml(root, name, read.findings)) is not None:
            files = [one for one in opened.names if one != name and _belongs(one, record)]
            read.records[record.name] = OldRecord(record.name, record.level, record.fields, sorted(files))
    if not any(one.level == "file" for one in read.records.values()):
        read.findings.append(finding("ANNEX-006", container.path.name))
    return read


def _belongs(name: str, record: OldRecord) -> bool:
    if record.level in ("fonds", "file"):
        return False
    return not name.endswith(".xml") and name.startswith((f"{record.name}.", f"{record.name}-"))


def _compare(opened: Opened, read: OldPackage, tell: Callable[[int], None]) -> None:
    """Every file against its SHA-256: missing, changed, or not in the list."""
    found = read.findings
    if not opened.has(SUMS):
        found.append(finding("ANNEX-001", SUMS))
        return
    stated: dict[str, str] = {}
    lines = opened.read(SUMS, limits("xml")["bytes"]).decode("utf-8-sig", errors="replace").splitlines()
    for line in lines:
        if match := _LINE.fullmatch(line):
            stated[match[2]] = match[1]
    for name, digest in stated.items():
        if not opened.has(name):
            found.append(finding("ANNEX-001", name))
            continue
        hashed = hashlib.sha256()
        try:
            for piece in opened.pieces(name):
                hashed.update(piece)
                read.bytes += len(piece)
                tell(len(piece))
        except UnreadableError:
            hashed.update(b"unreadable")
        read.files += 1
        if hashed.hexdigest() != digest:
            found.append(finding("ANNEX-002", name))
    for name in opened.names:
        if name not in stated and name != SUMS:
            found.append(finding("ANNEX-003", name))
