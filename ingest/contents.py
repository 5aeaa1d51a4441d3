"""What a received file holds, by its format: macros, passwords, bombs, damage, stray characters.

Reads within limits and never changes anything; each function returns the findings about one file and facts for the
record. PDF has a module of its own (ingest/pdflook.py).
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from archive.findings import Finding, Level, finding
from archive.settings import IngestSettings
from ingest import compound, containers, pdflook, repertoire, xmlsafe

Look = tuple[list[Finding], dict[str, Any]]
_TEXT_LOOK = 1 << 20               # bytes of a text that are looked at for stray characters
_PICTURE_TAIL = 1 << 16            # cameras write a little behind the end of a JPEG
_SCRIPT = re.compile(rb"<script|javascript:|\son(?:load|error|click)\s*=", re.IGNORECASE)


def look(path: Path, fmt: str, subject: str, settings: IngestSettings) -> Look:
    """Findings and facts about the content of the file at `path`, which is of format `fmt` (formats.toml)."""
    looker = _LOOKS.get(fmt)
    return looker(path, subject, settings) if looker else ([], {})


def _pdf(path: Path, subject: str, settings: IngestSettings) -> Look:
    seen = pdflook.look(path, subject, settings)
    return seen.findings, seen.facts


def _container(path: Path, subject: str, settings: IngestSettings) -> Look:
    """ZIP, OOXML and ODF: limits, damage, programs, macros, passwords, and XML that declares a DTD."""
    try:
        contents = containers.examine(path, containers.Limits.of(settings))
    except containers.ContainerRefused as refused:
        return [refused.finding(subject)], {}
    found: list[Finding] = []
    if contents.programs:
        found.append(finding("CHECK-038", subject, entry=contents.programs[0]))
    if _has_macros(contents):
        found.append(_macros(subject, settings))
    if any(name.lower().endswith((".xml", ".rels")) and xmlsafe.has_doctype(head)
           for name, head in contents.heads.items()):
        found.append(finding("CHECK-041", subject))
    if "META-INF/manifest.xml" in contents.heads and _odf_locked(path, settings):
        found.append(finding("CHECK-025", subject))
    return found, {}


def _has_macros(contents: containers.Contents) -> bool:
    return any(name.endswith("vbaProject.bin") or name.startswith(("Basic/", "Scripts/"))
               for name in contents.heads)


def _odf_locked(path: Path, settings: IngestSettings) -> bool:
    with containers.open_zip(path, containers.Limits.of(settings)) as opened:
        return b"encryption-data" in opened.read("META-INF/manifest.xml", _TEXT_LOOK)


def _macros(subject: str, settings: IngestSettings) -> Finding:
    return finding("CHECK-008", subject, level=Level[settings.macros])


def _compound(path: Path, subject: str, settings: IngestSettings) -> Look:
    with path.open("rb") as stream:
        inside = compound.look(stream)
    if inside is None:
        return [finding("CHECK-026", subject)], {}
    found = []
    if inside.encrypted:
        found.append(finding("CHECK-025", subject))
    if inside.macros:
        found.append(_macros(subject, settings))
    return found, {}


def _xml(path: Path, subject: str, settings: IngestSettings) -> Look:
    try:
        xmlsafe.check(path, xmlsafe.Limits.of(settings))
    except xmlsafe.XmlRefused as refused:
        return [refused.finding(subject)], {}
    return [], {}


def _picture(path: Path, subject: str, settings: IngestSettings) -> Look:
    """Size in pixels from the header, and whether the end is there; the picture itself is not decoded."""
    from PIL import Image, UnidentifiedImageError  # heavy, and most documents are PDF

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")   # Pillow only warns of bombs and cut headers; our own limits follow
        try:
            with Image.open(path) as picture:
                width, height = picture.size
                frames = int(getattr(picture, "n_frames", 1))
                whole = _is_whole(path, picture)
        except Image.DecompressionBombError:
            return [finding("CHECK-020", subject, width="?", height="?", limit=settings.max_pixels // 10**6)], {}
        except (UnidentifiedImageError, OSError, ValueError, SyntaxError, KeyError, TypeError, EOFError,
                ZeroDivisionError, IndexError, OverflowError, MemoryError):
            # What Pillow raises over damaged headers; MemoryError when one claims more than any machine has.
            return [finding("CHECK-024", subject)], {}
    facts = {"pages": frames, "width": width, "height": height}
    if width * height > settings.max_pixels:
        return [finding("CHECK-020", subject, width=width, height=height, limit=settings.max_pixels // 10**6)], facts
    if frames > settings.max_pages:
        return [finding("CHECK-018", subject, pages=frames, limit=settings.max_pages)], facts
    return ([] if whole else [finding("CHECK-024", subject)]), facts


def _is_whole(path: Path, picture: Any) -> bool:
    size = path.stat().st_size
    with path.open("rb") as stream:
        stream.seek(max(0, size - _PICTURE_TAIL))
        tail = stream.read()
    if picture.format == "JPEG":
        return b"\xff\xd9" in tail
    if picture.format == "PNG":
        return b"IEND" in tail
    if picture.format == "TIFF":
        tags = picture.tag_v2
        starts, counts = tags.get(273) or tags.get(324), tags.get(279) or tags.get(325)   # strips or tiles
        return not starts or not counts or all(
            start + count <= size for start, count in zip(starts, counts, strict=False))
    return True


def _text(path: Path, subject: str, _settings: IngestSettings) -> Look:
    """Characters that Vietnamese text does not have; the old encodings are told at the extract stage."""
    with path.open("rb") as stream:
        data = stream.read(_TEXT_LOOK)
    try:
        text = _unicode(data)
    except UnicodeDecodeError:
        return [finding("CHECK-054", subject)], {"unicode": False}
    found = []
    if not repertoire.is_composed(text):
        found.append(finding("CHECK-051", subject))
    if stray := repertoire.stray_letters(text):
        found.append(finding("CHECK-052", subject, letters=stray))
    if control := repertoire.control_characters(text):
        found.append(finding("CHECK-053", subject, letters=control))
    return found, {"unicode": True}


def _unicode(data: bytes) -> str:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data[:len(data) & ~1].decode("utf-16")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if len(data) == _TEXT_LOOK and error.start >= len(data) - 3:      # a letter cut by the end of the look
            return data[:error.start].decode("utf-8-sig")
        raise


def _html(path: Path, subject: str, settings: IngestSettings) -> Look:
    found, facts = _text(path, subject, settings)
    with path.open("rb") as stream:
        if _SCRIPT.search(stream.read(_TEXT_LOOK)):
            found.append(finding("CHECK-023", subject))
    return found, facts


_LOOKS: Mapping[str, Callable[[Path, str, IngestSettings], Look]] = {
    "pdf": _pdf,
    **dict.fromkeys(("zip", "jar", "docx", "docm", "xlsx", "xlsm", "pptx", "pptm", "odt", "ods", "odp"), _container),
    **dict.fromkeys(("doc", "xls", "ppt", "ole", "msg", "locked_office"), _compound),
    **dict.fromkeys(("xml", "edxml", "svg"), _xml),
    **dict.fromkeys(("jpg", "png", "gif", "tif", "bmp", "webp", "jp2"), _picture),
    **dict.fromkeys(("txt", "csv"), _text),
    "htm": _html,
}
