"""The attachments of an edXML message: base64, sometimes a ZIP round one file, sometimes the file itself.

What a message says of an attachment is never believed and never mended: bytes decide, disagreement is a
finding. Nothing is written outside the folder given, and nothing beyond the limits.
"""

from __future__ import annotations

import binascii
import hashlib
import os
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from archive.findings import Finding, finding
from archive.settings import IngestSettings
from ingest import containers, formats
from ingest.copying import safe_name
from ingest.item import Part

_MB = 1 << 20
_SLICE = 4 * _MB
_BLANK = b" \t\r\n\f\v"
_LOOK = 1 << 16
# U+FFFD in UTF-8: a file that went through a text conversion is full of it, a sound one hardly has any.
_REPLACED, _TOO_MANY_REPLACED = b"\xef\xbf\xbd", 30


@dataclass(frozen=True, slots=True)
class Encoded:
    """One attachment as the message gives it: texts unchanged, content still in base64."""

    name: str
    content_id: str
    content_type: str
    description: str
    content: str


@dataclass(frozen=True, slots=True)
class Unpacked:
    """An attachment on disk: its part (role still open), the ZIP entry it came from, its format."""

    part: Part
    entry: str
    format: str


@dataclass(slots=True)
class Unpacker:
    """Writes the attachments of one message, nested ones too, into `folder`, within one budget."""

    folder: Path
    settings: IngestSettings
    findings: list[Finding] = field(default_factory=list)
    written: set[str] = field(default_factory=set)
    total: int = 0

    def unpack(self, attachment: Encoded, subject: str) -> Unpacked | None:
        """The attachment as a file; None, with a finding, when it cannot be had whole.

        `subject` names the message.
        """
        number = len(self.written) + 1
        name = display_name(attachment.name) or f"{number}"
        about = f"{subject} › {name}"
        room = min(self.settings.max_file_mb, self.settings.archive_max_unpacked_mb - self.total // _MB) * _MB
        if len(attachment.content) // 4 * 3 > room * 1.5 or number > self.settings.archive_max_entries:
            self._refuse("EDXML-013", about, limit=max(room // _MB, 0))
            return None
        path = self.folder / f"{number}-{safe_name(name)}"
        try:
            raw = _write(path, lambda sink: _decode(attachment.content, sink, room))
        except _Corrupt:
            self._refuse("EDXML-007", about)
            return None
        except _TooLarge:
            self._refuse("EDXML-013", about, limit=room // _MB)
            return None
        entry, told = "", formats.identify(path)
        if told.format.id == "zip" and not (formats.extension_of(name) and told.format.fits(name)):
            try:
                entry, raw = self._open_container(path, about, raw, room)
            except _TooLarge:
                path.unlink()
                self._refuse("EDXML-013", about, limit=room // _MB)
                return None
            except containers.ContainerRefused as error:
                path.unlink()
                self.findings.append(error.finding(about))
                return None
            told = formats.identify(path)
        self.written.add(path.name)
        self.total += raw.size
        if raw.replaced >= _TOO_MANY_REPLACED and told.format.kind != "unknown" and raw.binary:
            self._refuse("EDXML-015", about, format=told.format.vi, format_en=told.format.en)
        part = Part(name, "attachment", path, raw.size, raw.sha256, raw.sha512)
        return Unpacked(part, entry, told.format.id)

    def clear_others(self) -> None:
        """Remove what an interrupted or older run left in the folder."""
        for path in self.folder.iterdir() if self.folder.is_dir() else ():
            if path.name not in self.written:
                path.unlink()

    def _refuse(self, code: str, about: str, **params: str | int) -> None:
        self.findings.append(finding(code, about, level=None, **params))

    def _open_container(self, path: Path, about: str, raw: _Raw, room: int) -> tuple[str, _Raw]:
        """The one file of a ZIP in the ZIP's place; a ZIP with other contents than one file stays."""
        with containers.open_zip(path, containers.Limits.of(self.settings)) as opened:
            entries = [name for name in opened.names if not name.endswith("/")]
            if len(entries) != 1:
                self.findings.append(finding("EDXML-014", about, entries=len(entries)))
                return "", raw
            data = opened.read(entries[0], room + 1)
        if len(data) > room:
            raise _TooLarge
        return entries[0], _write(path, lambda sink: sink(data))


def display_name(name: str) -> str:
    """The file name that a message gives, without folders of the sender's machine and unseen characters."""
    last = unicodedata.normalize("NFC", name).replace("\\", "/").rstrip("/ ").rsplit("/", 1)[-1]
    return "".join(char for char in last if unicodedata.category(char) not in ("Cc", "Cf", "Cs")).strip()


class _Corrupt(ValueError):  # noqa: N818 - never leaves this module
    pass


class _TooLarge(ValueError):  # noqa: N818 - never leaves this module
    pass


@dataclass(frozen=True, slots=True)
class _Raw:
    size: int
    sha256: str
    sha512: str
    replaced: int       # U+FFFD in the first bytes
    binary: bool        # whether there are bytes that no text has


def _write(path: Path, fill: Callable[[Callable[[bytes], None]], None]) -> _Raw:
    """Let `fill` write a file through the sink it is given; rename it to `path` when it is whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    sha256, sha512, head = hashlib.sha256(), hashlib.sha512(), bytearray()
    try:
        with part.open("wb") as stream:
            def sink(data: bytes) -> None:
                stream.write(data)
                sha256.update(data)
                sha512.update(data)
                head.extend(data[:max(0, _LOOK - len(head))])

            fill(sink)
            size = stream.tell()
            stream.flush()
            os.fsync(stream.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    binary = head.startswith(b"%PDF-") or any(code in head for code in (b"\x00", b"\x01", b"\x02", b"\x0e"))
    return _Raw(size, sha256.hexdigest(), sha512.hexdigest(), head.count(_REPLACED), binary)


def _decode(content: str, sink: Callable[[bytes], None], room: int) -> None:
    """Decode strict base64, blanks allowed, into `sink`. Raises _TooLarge, and _Corrupt, also for nothing."""
    rest, size, ended = b"", 0, False
    for start in range(0, len(content), _SLICE):
        try:
            block = rest + content[start:start + _SLICE].encode("ascii").translate(None, _BLANK)
        except UnicodeEncodeError as error:
            raise _Corrupt from error
        whole = len(block) // 4 * 4
        block, rest = block[:whole], block[whole:]
        if not block:
            continue
        if ended or block.endswith(b"==="):     # more than two: binascii lets it pass, strict mode or not
            raise _Corrupt
        try:
            data = binascii.a2b_base64(block, strict_mode=True)
        except binascii.Error as error:
            raise _Corrupt from error
        ended = block.endswith(b"=")
        size += len(data)
        if size > room:
            raise _TooLarge
        sink(data)
    if rest or not size:
        raise _Corrupt
