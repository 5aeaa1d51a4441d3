"""Packages (SIP of another system, AIP handed over): one ZIP that holds a case file, or loose documents.

A package is checked whole and read for secrecy marks before a single document leaves it. Then each document gets an
intake folder of its own and is an item like every other; what is not a document (METS, EAD, PREMIS, documentation)
lies beside the package until the store takes it. No name inside the ZIP is ever used as a path.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import uuid
from collections import Counter
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

from archive import codes
from archive.fields.normalise import with_words
from archive.files import json_bytes, write_atomically
from archive.findings import Finding, Level, finding
from archive.packages.check import check_opened
from archive.packages.containers import UnreadableError
from archive.packages.opening import Opened, open_package
from archive.packages.reading import DATA, ReadFile, ReadPackage, read_package
from archive.settings import Settings
from ingest import formats, intake, virus
from ingest.beside import Owners, is_signature, signed_by
from ingest.copying import Copied, safe_name
from ingest.extract import Unreadable, carries_text, read_part
from ingest.item import Context, Item, Part
from ingest.secrecy import name_findings, secrecy_findings
from ingest.sources.inbox import RECEIVED, TAKING, item_id

SOURCE = "package"              # the source of an item that came out of a package
MANIFEST = "package.json"       # what the package is, beside it in its intake folder
REST = "submission"             # its files that are no document's, there too
ATTACHMENTS = Path(RECEIVED, "attachments")
_SUFFIXES = frozenset({"", ".zip", ".sip", ".aip"})
_ZIP = b"PK\x03\x04"
_LOOSE = frozenset({"SIP_tailieu", "AIP_tailieu"})
_ORDINAL = re.compile(rf"(?:.*\D)?([0-9]{{{codes.ORDINAL_DIGITS}}})")
_SIGNATURES_NOT_CHECKED = "PKG-090"
_SHOWN = 20                     # names that a finding lists


def is_package(path: Path) -> bool:
    """Whether the file is a ZIP with a METS.xml at its top, or in the folder at its top. Raises OSError."""
    if path.suffix.lower() not in _SUFFIXES:
        return False
    with path.open("rb") as stream:
        if stream.read(len(_ZIP)) != _ZIP:
            return False
    with open_package(path) as opened:
        return opened.has("METS.xml") or opened.like("METS.xml") is not None


def unfold(item: Item, context: Context) -> list[Finding]:
    """Check the package `item` and take it apart: an intake folder for each of its documents, MANIFEST for itself.

    `item.facts["package"]` says whether that was done: a package that is held, or bears a secrecy mark anywhere in
    its metadata (whole or not at all: PY Đ4.1, LA Đ1.2), is not opened further. Safe to run twice, until its
    documents are registered (stages/packages.py).
    """
    item.facts["package"] = {"unfolded": False}
    accepted = item.facts.get("accepted", [])
    _state, found = virus.scan(item.main.path, item.name, context.settings.ingest.virus_scanner)
    if _holds(found, accepted):
        return found
    with open_package(item.main.path) as opened:
        # Signatures are judged document by document, in the verify stage: that they were not judged here is no news.
        found += [one for one in check_opened(opened).findings if one.code != _SIGNATURES_NOT_CHECKED]
        read = read_package(opened, [])
        if read is None:
            return [*found, finding("SIP-001", item.name)]
        found += _whole(item, read, opened)
        if _holds(found, accepted):
            return found
        work = _Unfolding(item, context.settings, opened, read)
        try:
            work.run()
        except UnreadableError as error:
            work.findings.append(finding("SIP-015", item.name, reason=str(error)))
    found += work.findings
    whole = (item.folder / MANIFEST).exists() and not _holds(work.findings, accepted)
    item.facts["package"] = {"unfolded": whole}
    for one in () if whole else work.made:
        intake.leave(context.settings, one)
    return found


def unfold_again(package: Item, settings: Settings, wanted: Container[str]) -> None:
    """Take the documents with the item ids `wanted` out of a package that was sound before, and describe it anew.

    For a document that was kept out for its secrecy mark and that a person released: its bytes are in the package
    alone. `package.main` is the ZIP in the inbox. Raises UnreadableError, OSError.
    """
    package.folder.mkdir(exist_ok=True)
    with open_package(package.main.path) as opened:
        read = read_package(opened, [])
        if read is not None:
            _Unfolding(package, settings, opened, read, wanted).run()


def read_manifest(settings: Settings, package: str) -> dict[str, Any]:
    """What MANIFEST says of the package with this item id. Raises FileNotFoundError."""
    data: dict[str, Any] = json.loads((intake.folder(settings, package) / MANIFEST).read_bytes())
    return data


def case_file_code(text: str, fonds: str) -> str:
    """The file code in `text`: itself, or what stands behind the code of the archive that filed it (arcFileCode).

    An archival code is an archive's code, a dot and the file code, which begins with the code of its fonds. Text that
    is neither comes back as it is.
    """
    if fonds and f".{fonds}." in text:
        text = text[text.rindex(f".{fonds}.") + 1:]
    code = codes.parse_file_code(text, inventory=True)
    return str(code) if code else text


def _holds(found: list[Finding], accepted: list[str]) -> bool:
    return any(one.level >= Level.refused and one.code not in accepted for one in found)


def _whole(item: Item, read: ReadPackage, opened: Opened) -> list[Finding]:
    """What is wrong with the package as a whole: secrecy in its metadata and names, no documents, a test."""
    found = secrecy_findings({"title": read.title, **read.fields}, "", item.name)
    for document in read.documents:
        found += secrecy_findings(document.fields, "", f"{item.name}/{document.code}")
    for name in (item.name, opened.name, *opened.names):
        found += name_findings(name, item.name)
    found = [one for number, one in enumerate(found) if one not in found[:number]]
    if read.form == "DIP":
        found.append(finding("SIP-004", item.name))
    elif not _documents(read, opened):
        found.append(finding("SIP-002", item.name))
    if read.status == "TEST":
        found.append(finding("SIP-003", item.name))
    return found


@dataclass(frozen=True, slots=True)
class _Document:
    """One document of the package: its code, fields, files (the main one first), and the file that describes it."""

    code: str
    fields: Mapping[str, str]
    files: Sequence[ReadFile]
    described_in: str = ""


def _documents(read: ReadPackage, opened: Opened) -> list[_Document]:
    """What the package hands over now; of a package that is only E-ARK, each data file as a document of its own.

    Documents that were handed over before, and are only named here (.fetch.txt), are not among them. A signature file
    (.p7s) that nothing names goes with the one file that it can be of.
    """
    if read.form is not None:
        return _with_signatures([_Document(one.code, one.fields, one.files, one.record.path) for one in read.documents
                                 if one.files or not one.holey], read.loose, opened)
    data = [name for name in opened.names if DATA.fullmatch(name)]
    owners = Owners(data)
    signatures = [name for name in data if is_signature(name) and len(owners.of(name)) == 1]
    return _with_signatures([_Document("", {}, [_file(name, opened)]) for name in data if name not in signatures],
                            signatures, opened)


def _with_signatures(documents: list[_Document], loose: Iterable[str], opened: Opened) -> list[_Document]:
    """The documents, with the signature files among `loose` beside what they sign; their main file comes first."""
    holders = {file.path: number for number, document in enumerate(documents) for file in document.files}
    owners = Owners(holders)
    for name in filter(is_signature, loose):
        if len(mine := owners.of(name)) == 1:
            document = documents[holders[mine[0]]]
            documents[holders[mine[0]]] = replace(document, files=[*document.files, _file(name, opened)])
    return [replace(one, files=sorted(one.files, key=lambda file: bool(_owner(file.path, one.files))))
            for one in documents]


def _file(name: str, opened: Opened) -> ReadFile:
    return ReadFile(name, "original", opened.size(name), "", "")


def _owner(name: str, files: Sequence[ReadFile]) -> str:
    """The one file among `files` that the signature file `name` is of; "" for none, and for what is no signature."""
    mine = signed_by(name, [file.path for file in files]) if is_signature(name) else []
    return mine[0] if len(mine) == 1 else ""


class _Unfolding:
    """The taking apart of one package."""

    def __init__(self, item: Item, settings: Settings, opened: Opened, read: ReadPackage,
                 wanted: Container[str] | None = None) -> None:
        self.item, self.settings, self.opened, self.read, self.wanted = item, settings, opened, read, wanted
        stated = item.facts.get("corrections", {}).get("fileCode") or read.fields.get("fileCode") \
            or read.fields.get("arcFileCode") or ""
        self.case_file = case_file_code(stated.strip(), read.fonds) if read.form and read.form not in _LOOSE else ""
        self.findings: list[Finding] = []
        self.made: list[str] = []       # the intake folders of documents that are there now

    def run(self) -> None:
        """Make the folders of the documents and the manifest. Raises UnreadableError for damaged bytes."""
        (self.item.folder / MANIFEST).unlink(missing_ok=True)
        if self.read.form and self.read.form not in _LOOSE and not self.case_file:
            self._find("SIP-014")
        documents = [one for one in _documents(self.read, self.opened) if self._has_files(one)]
        rest = self._rest({file.path for document in documents for file in document.files})
        if _holds(self.findings, self.item.facts.get("accepted", [])):
            return              # before any document is copied: a mark in the documentation keeps all of it out
        ordinals = self._ordinals(documents)
        ids = [self._document(document, ordinal) for document, ordinal in zip(documents, ordinals, strict=True)]
        speaks_of = {safe_path(one.described_in): item for one, item in zip(documents, ids, strict=True)}
        for entry in rest:
            entry["document"] = speaks_of.get(entry["path"], "")
        if self.read.holey:
            self._find("SIP-011", count=len(self.read.holey), names=_told(sorted(one.name for one in self.read.holey)))
        os.sync()       # once for thousands of files; nothing is registered before they are on the disk
        taken = {file.path for document in documents for file in document.files}
        if loose := [name for name in self.read.loose if name not in taken]:
            self._find("SIP-017", count=len(loose), names=_told(loose))
        write_atomically(self.item.folder / MANIFEST, json_bytes({
            "schema": "luutru/package/1", "id": self.item.id, "name": self.item.name, "objid": self.read.objid,
            "form": self.read.form or "", "fonds": self.read.fonds, "organisation": self.read.organisation,
            "request": self.read.request, "title": self.read.title, "status": self.read.status,
            "case_file": self.case_file, "fields": _stated(self.read.fields), "documents": ids, "submission": rest}))

    def _find(self, code: str, **params: object) -> None:
        self.findings.append(finding(code, self.item.name, level=None, **params))

    def _has_files(self, document: _Document) -> bool:
        missing = [file.path for file in document.files if not self.opened.has(file.path)]
        if missing or not document.files:
            self._find("SIP-012", document=document.code, names=_told(missing) or "—")
        return bool(document.files) and not missing

    def _ordinals(self, documents: list[_Document]) -> list[int]:
        """The ordinal that each document's code states, else its place in the package; gaps and clashes are told."""
        ordinals = [int(match[1]) if (match := _ORDINAL.fullmatch(document.code)) else position
                    for position, document in enumerate(documents, 1)]
        twice = sorted(number for number, times in Counter(ordinals).items() if times > 1)
        gaps = _gaps(ordinals)
        if self.case_file and (twice or gaps):
            self._find("SIP-010", twice=_told(map(str, twice)) or "—", gaps=_told(gaps) or "—")
        return ordinals

    # --- documents ----------------------------------------------------------------------------------------

    def _document(self, document: _Document, ordinal: int) -> str:
        """Copy a document's files into an intake folder of its own and describe it there; its item id."""
        root = self.item.folder.parent
        taking = root / f"{TAKING}{uuid.uuid4().hex}"
        (taking / ATTACHMENTS if len(document.files) > 1 else taking / RECEIVED).mkdir(parents=True)
        try:
            parts: list[dict[str, Any]] = []
            for number, file in enumerate(document.files):
                name = PurePosixPath(file.path).name
                place = (ATTACHMENTS / f"{number:04d}-{safe_name(name)}" if number else
                         Path(RECEIVED, safe_name(name))).as_posix()
                copied = _copy(self.opened, file.path, taking / place)
                if file.sha256 and file.sha256.lower() != copied.sha256:
                    self._find("SIP-013", path=file.path, stated=file.sha256.lower(), found=copied.sha256)
                role = "signature" if _owner(file.path, document.files) else "attachment" if number else "original"
                parts.append({"name": name, "role": role, "path": place,
                              "size": copied.size, "sha256": copied.sha256, "sha512": copied.sha512, "format": ""})
            path = document.files[0].path
            identity = item_id(SOURCE, "\0".join((self.item.id, document.code, path)), parts[0]["sha256"])
            if self.wanted is not None and identity not in self.wanted:
                return identity
            facts: dict[str, Any] = {"package": {
                "item": self.item.id, "name": self.item.name, "objid": self.read.objid, "form": self.read.form or "",
                "request": self.read.request, "case_file": self.case_file, "code": document.code, "ordinal": ordinal,
                "path": path, "parts": parts}}
            if accepted := self.item.facts.get("accepted", []):
                facts["accepted"] = accepted
            fields = {**with_words(_stated(document.fields), self.settings.profile),
                      **({"fileCode": self.case_file} if self.case_file else {})}
            home = root / identity
            made = Item(identity, SOURCE, "", taking, [
                Part(one["name"], one["role"], taking / one["path"], one["size"], one["sha256"], one["sha512"])
                for one in parts], self.item.received_at, fields, facts)
            (taking / intake.SIDECAR).write_bytes(intake.sidecar(made))
            if home.exists():       # of a run that was killed before its documents were registered
                intake.leave(self.settings, identity)
            taking.rename(home)
            self.made.append(identity)
        finally:
            shutil.rmtree(taking, ignore_errors=True)
        return identity

    # --- the rest -----------------------------------------------------------------------------------------

    def _rest(self, taken: set[str]) -> list[dict[str, Any]]:
        """Copy every file that is no document's beside the package, numbered, and list them."""
        folder = self.item.folder / REST
        if folder.exists():
            shutil.rmtree(folder)
        folder.mkdir()
        listed: list[dict[str, Any]] = []
        used: set[str] = set()
        unread: list[str] = []
        for number, name in enumerate(name for name in sorted(self.opened.names) if name not in taken):
            copied = _copy(self.opened, name, folder / f"{number:06d}")
            path = safe_path(name)
            path = path if path not in used else f"{path}.{number}"
            used.add(path)
            listed.append({"path": path, "place": f"{REST}/{number:06d}", "size": copied.size,
                           "sha256": copied.sha256, "sha512": copied.sha512})
            if name.startswith("documentation/") and not self._read_for_marks(folder / f"{number:06d}", name):
                unread.append(name)
        if unread:
            self._find("SIP-016", count=len(unread), names=_told(unread))
        return listed

    def _read_for_marks(self, path: Path, name: str) -> bool:
        """Look for secrecy marks on the pages of a file of the documentation; whether its text could be read."""
        fmt = formats.identify(path).format.id
        try:
            text = "\f".join(read_part(path, fmt, self.settings.ingest).pages) if carries_text(fmt) else ""
        except Unreadable:
            text = ""
        self.findings += secrecy_findings({}, text, f"{self.item.name}/{name}")
        return bool(text.strip())


def safe_path(name: str) -> str:
    """The name of a package's file as a path that every file system takes; of a decent name, the name itself."""
    return "/".join(map(safe_name, name.split("/")))


def _gaps(ordinals: Iterable[int]) -> list[str]:
    """The numbers from 1 that are missing among `ordinals`, runs of them as "3–7": a code may state any number."""
    missing, expected = [], 1
    for number in sorted(set(ordinals)):
        if number > expected:
            missing.append(str(expected) if number == expected + 1 else f"{expected}–{number - 1}")
        expected = max(expected, number + 1)
    return missing


def _told(names: Iterable[str]) -> str:
    listed = list(names)
    return ", ".join(listed[:_SHOWN]) + (f" … (+{len(listed) - _SHOWN})" if len(listed) > _SHOWN else "")


def _stated(fields: Mapping[str, str]) -> dict[str, str]:
    return {tag: value for tag, value in fields.items() if value.strip()}


def _copy(opened: Opened, name: str, target: Path) -> Copied:
    """Copy a file out of the package, hashing it on the way. Raises UnreadableError, OSError."""
    sha256, sha512, size = hashlib.sha256(), hashlib.sha512(), 0
    with target.open("xb") as sink:
        for piece in opened.pieces(name):
            sink.write(piece)
            sha256.update(piece)
            sha512.update(piece)
            size += len(piece)
    return Copied(size, sha256.hexdigest(), sha512.hexdigest(), 0)
