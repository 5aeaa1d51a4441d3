"""What a file is, told by its bytes and never by its name; and which formats a legal profile takes in, and when.

Identifying never raises for any content, never unpacks more than a few kilobytes, and an unknown file is `unknown`,
not the nearest guess. Names, MIME types, PRONOM ids and allow-lists live in formats.toml.
"""

from __future__ import annotations

import io
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from pathlib import Path, PurePosixPath
from typing import IO, Any

from ingest import cmslook, compound, containers, xmlsafe

_TABLE = Path(__file__).with_suffix(".toml")
_HEAD = 1 << 14
_PDF_SEARCH = 1024                  # readers accept junk of up to 1,024 bytes before "%PDF-"
_MAX_CONTROL_SHARE = 0.02           # of the bytes of a text that are control characters
_MIN_ASCII_SHARE = 0.55             # of a legacy 8-bit Vietnamese text; random bytes have 0.37
_CSV_LINES = 20
_HTML_START = re.compile(rb"(?:<!--.*?-->\s*)*<(?:!doctype\s+html|html[\s>])", re.IGNORECASE | re.DOTALL)
_OOXML_MAIN = (("word/document.xml", "docx"), ("xl/workbook.xml", "xlsx"), ("xl/workbook.bin", "xlsx"),
               ("ppt/presentation.xml", "pptx"))
_WITH_MACROS = {"docx": "docm", "xlsx": "xlsm", "pptx": "pptm"}
_ODF = {"application/vnd.oasis.opendocument.text": "odt", "application/vnd.oasis.opendocument.spreadsheet": "ods",
        "application/vnd.oasis.opendocument.presentation": "odp"}


@dataclass(frozen=True, slots=True)
class Format:
    """One format of formats.toml."""

    id: str
    vi: str
    en: str
    kind: str
    mime: str
    puid: str = ""
    extensions: tuple[str, ...] = ()
    versions: Mapping[str, str] = field(default_factory=dict)
    like: str = ""

    def fits(self, name: str) -> bool:
        """Whether the extension of `name` may stand for this format; a name without one says nothing."""
        extension = extension_of(name)
        return not extension or extension in self.extensions


@dataclass(frozen=True, slots=True)
class Identified:
    """What a file was found to be; `version` as the file states it, empty where it states none."""

    format: Format
    version: str = ""

    @property
    def puid(self) -> str:
        """The PRONOM id of this version, or of the format; empty where not sure."""
        return self.format.versions.get(self.version) or self.format.puid


@dataclass(frozen=True, slots=True)
class AllowList:
    """One list of formats that a profile takes in, with its validity, source and mark (see formats.toml)."""

    profile: str
    formats: frozenset[str]
    valid_from: date
    valid_to: date | None
    source: str
    mark: str


def extension_of(name: str) -> str:
    """The extension of a file name in lower case without its dot; empty when it has none."""
    return PurePosixPath(name.replace("\\", "/").strip()).suffix[1:].lower()


def identify(source: Path | bytes) -> Identified:
    """What `source` is by its content alone. Never raises for any bytes; OSError when the file cannot be read."""
    if isinstance(source, bytes):
        return _identify(io.BytesIO(source))
    with source.open("rb") as stream:
        return _identify(stream)


def known(fmt: str) -> Format:
    """The format of that id. Raises KeyError for one that formats.toml does not have."""
    return _table().formats[fmt]


def allowed(profile: str, day: date) -> list[AllowList]:
    """The lists of `profile` in force on `day`; where none is, those in force nearest to it.

    The second case is our own rule: legacy documents are judged by the lists of their regime even when they are
    taken in after it ended.
    """
    lists = [entry for entry in _table().allow if entry.profile == profile]
    nearest = min((_days_off(entry, day) for entry in lists), default=0)
    return [entry for entry in lists if _days_off(entry, day) == nearest]


def _days_off(entry: AllowList, day: date) -> int:
    """Days between `day` and the list's time in force; 0 within it."""
    return max((entry.valid_from - day).days, (day - (entry.valid_to or day)).days, 0)


def is_allowed(fmt: Format, profile: str, day: date, role: str = "original", extra: tuple[str, ...] = ()) -> bool:
    """Whether a part in `role` may be of this format under `profile` on `day`; `extra` is the agency's own list."""
    own = fmt.like or fmt.id
    if role in _table().roles:
        return own in _table().roles[role]
    return own in extra or any(own in entry.formats for entry in allowed(profile, day))


def profile_name(profile: str) -> str:
    """The legal text behind a profile, as people call it. Raises KeyError for an unknown profile."""
    return _table().profiles[profile]


def is_script_name(name: str) -> bool:
    """Whether a system would run a file of this name, whatever its content: such text is told by name only."""
    return extension_of(name) in known("script").extensions


@dataclass(frozen=True, slots=True)
class _Table:
    formats: Mapping[str, Format]
    magic: tuple[tuple[str, tuple[tuple[int, re.Pattern[bytes]], ...]], ...]
    allow: tuple[AllowList, ...]
    roles: Mapping[str, frozenset[str]]
    profiles: Mapping[str, str]


@cache
def _table() -> _Table:
    with _TABLE.open("rb") as stream:
        raw = tomllib.load(stream)
    formats = {fmt: Format(id=fmt, vi=entry["vi"], en=entry["en"], kind=entry["kind"], mime=entry["mime"],
                           puid=entry.get("puid", ""), extensions=tuple(entry.get("extensions", ())),
                           versions=entry.get("versions", {}), like=entry.get("like", ""))
               for fmt, entry in raw["formats"].items()}
    magic = tuple((entry.get("is", fmt), tuple((offset, _pattern(code)) for offset, code in entry[key]))
                  for fmt, entry in raw["formats"].items() for key in ("magic", "or_magic") if key in entry)
    allow = tuple(AllowList(entry["profile"], frozenset(entry["formats"]), entry["from"], entry.get("to"),
                            entry["source"], entry["mark"]) for entry in raw["allow"])
    return _Table(formats, magic, allow, {role: frozenset(ids) for role, ids in raw["roles"].items()},
                  raw["profiles"])


def _pattern(code: str) -> re.Pattern[bytes]:
    """A hex pattern of formats.toml as a regular expression; "?" stands for any half byte."""
    parts = []
    for pair in (code[at:at + 2] for at in range(0, len(code), 2)):
        low, high = int(pair.replace("?", "0"), 16), int(pair.replace("?", "f"), 16)
        parts.append(b"[\\x%02x-\\x%02x]" % (low, high))
    return re.compile(b"".join(parts), re.DOTALL)


def _found(fmt: str, version: str = "") -> Identified:
    return Identified(_table().formats[fmt], version)


def _identify(stream: IO[bytes]) -> Identified:
    head = stream.read(_HEAD)
    if containers.is_program(head):
        return _found("exe" if head[:2] == b"MZ" else "elf" if head[:4] == b"\x7fELF" else "macho")
    for fmt, patterns in _table().magic:
        if all(pattern.match(head, offset) for offset, pattern in patterns):
            return _found(fmt, _version(fmt, head))
    if head.startswith((containers.ZIP_MAGIC, b"PK\x05\x06")):
        return _in_zip(stream)
    if head.startswith(compound.MAGIC):
        inside = compound.look(stream)
        return _found(inside.format if inside else "ole")
    if signature := cmslook.kind(head):
        return _found(signature)
    if text := _text(head):
        return text
    if b"%PDF-" in head[:_PDF_SEARCH]:
        return _found("pdf", _version("pdf", head))
    return _found("unknown")


def _version(fmt: str, head: bytes) -> str:
    if fmt == "pdf":
        at = head.find(b"%PDF-")
        return head[at + 5:at + 8].decode("ascii", "replace")
    if fmt == "gif":
        return head[3:6].decode("ascii", "replace")
    return ""


def _in_zip(stream: IO[bytes]) -> Identified:
    """Tell the kinds of ZIP apart by what they must contain; one that cannot be opened is just a ZIP."""
    try:
        with containers.open_zip(stream) as opened:
            names = set(opened.names)
            if "mimetype" in names:
                mime = opened.read("mimetype", 200).strip().decode("ascii", "replace")
                if mime in _ODF:
                    return _found(_ODF[mime], _odf_version(opened, names))
            if "[Content_Types].xml" in names:
                types = opened.read("[Content_Types].xml", 1 << 20)
                for main, fmt in _OOXML_MAIN:
                    if main in names:
                        return _found(_WITH_MACROS[fmt] if b"macroEnabled" in types else fmt)
            if "META-INF/MANIFEST.MF" in names and any(name.endswith((".class", ".dex")) for name in names):
                return _found("jar")
            return _found("zip")
    except containers.ContainerRefused:
        return _found("zip")


def _odf_version(opened: containers.SafeZip, names: set[str]) -> str:
    if "META-INF/manifest.xml" not in names:
        return ""
    stated = re.search(rb'manifest:version="([\d.]{1,5})"', opened.read("META-INF/manifest.xml", 4096))
    return stated[1].decode("ascii") if stated else ""


def _text(head: bytes) -> Identified | None:
    """Kinds of text, or None for bytes that are none."""
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if _HTML_START.match(start):
        return _found("htm")
    if start.startswith(b"<") or head.startswith((b"\xff\xfe<", b"\xfe\xff\x00<")):
        prolog = head if head[:1] in (b"\xff", b"\xfe", b"\xef") else start
        root = xmlsafe.root_name(prolog).lower()
        special = {"edxml": "edxml", "svg": "svg", "html": "htm"}
        if root or xmlsafe.has_doctype(prolog) or start.startswith(b"<?xml"):
            return _found(special.get(root, "xml"))
    text = _decoded(head)
    if text is None:
        return None
    if text.startswith("#!") or text.lower().startswith(("@echo off", "<?php")):
        return _found("script")
    return _found("csv" if _is_table(text) else "txt")


def _decoded(head: bytes) -> str | None:
    """`head` as text in whatever encoding a text has, or None when it is not text."""
    if not head.strip():
        return None
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return head[:len(head) & ~1].decode("utf-16", "replace")
    if b"\x00" in head:
        return None
    control = sum(head.count(code) for code in (*range(9), 11, *range(14, 32), 127))
    if control > _MAX_CONTROL_SHARE * len(head):
        return None
    try:
        return head.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if len(head) == _HEAD and error.start > _HEAD - 4:
            return head[:error.start].decode("utf-8-sig")     # a letter cut by the end of the look
    ascii_share = sum(code < 128 for code in head) / len(head)
    return head.decode("latin-1") if ascii_share >= _MIN_ASCII_SHARE else None


def _is_table(text: str) -> bool:
    """Whether each of the first lines has the same number of the same separator, at least one, on two lines or more."""
    lines = [line for line in text.splitlines()[:_CSV_LINES + 1] if line.strip()]
    if len(text) >= _HEAD // 4 and len(lines) > 1:
        lines = lines[:-1]                                     # the last one may be cut
    lines = lines[:_CSV_LINES]
    if len(lines) < 2:
        return False
    for separator in ";\t,":
        counts = {_unquoted(line).count(separator) for line in lines}
        if len(counts) == 1 and counts.pop() > 0:
            return True
    return False


def _unquoted(line: str) -> str:
    return re.sub(r'"[^"]*"', "", line)



def as_facts(found: Identified) -> dict[str, Any]:
    """What the record says of the format, JSON-ready."""
    return {"format": found.format.id, "mime": found.format.mime, "puid": found.puid, "version": found.version}
