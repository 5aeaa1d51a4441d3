"""One look into a PDF before anything is rendered: can it be opened, is it whole, how large is it, what would it do.

Opens the file once, reads the page tree and dictionaries, never a page's content, and never writes. A file that
opens only after repair is reopened once more, and looked at page by page.
"""

from __future__ import annotations

import logging
import mmap
import re
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path, PurePosixPath
from typing import Any

import pikepdf

from archive.findings import Finding, finding
from archive.settings import IngestSettings
from ingest import containers, formats, secrecy

# What qpdf and its Python side raise over damaged objects; anything else is a fault of ours and goes up.
_DAMAGE = (pikepdf.PdfError, RuntimeError, ValueError, TypeError, KeyError, OverflowError, RecursionError)
_TAIL = 2048
_DPI = 300                          # pages are rendered for OCR at 300 dots an inch at most
_MM = 25.4 / 72
_LOST = b"\xef\xbf\xbd"             # U+FFFD in UTF-8
_LOST_SHARE = 0.01                  # of the bytes; a sound PDF has a handful by chance
_PDFA = re.compile(rb"""pdfaid:(part|conformance)(?:\s*=\s*["']|[^<>]*>)\s*([0-9A-Za-z])""")
_PDFA_REACH = 400                   # bytes of XMP in which both halves of the claim stand
_REFERENCE = re.compile(rb"(?<![\w.])(\d{1,9}) (\d{1,5}) R(?!\w)")
_MAX_ATTACHMENTS = 20
_MAX_RAW_ATTACHMENT = 5 << 20
_FORM_DEPTH = 3                     # forms in forms; deeper ones hold no page pictures in practice
_NOTE = 200                         # characters of a note on a page that a stamp may have


@dataclass(slots=True)
class PdfLook:
    """What the look found: findings, and facts for the record."""

    findings: list[Finding] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)


def look(path: Path, subject: str, settings: IngestSettings) -> PdfLook:
    """Look into the PDF at `path`, named `subject` in findings, within the limits of `settings`."""
    result = PdfLook()
    with _complaints() as complaints:
        pdf, repaired = _open(path, subject, result)
        if pdf is None:
            return result
        with pdf:
            try:
                _look(pdf, path, subject, settings, result)
                whole = not repaired or _whole(pdf)
            except _DAMAGE:
                whole = False
            warned = bool(pdf.get_warnings())
    if not whole or any("Pages tree" in complaint for complaint in complaints):     # qpdf left a page out
        result.findings = [_damage(path, subject)]
    elif repaired or warned or complaints or not _closed(path):
        result.findings.append(finding("CHECK-013", subject))
        result.facts["repaired"] = True
    return result


class _Listener(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.heard: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if message := record.getMessage().strip():
            self.heard.append(message)


@contextmanager
def _complaints() -> Iterator[list[str]]:
    """What qpdf says while a file is open: some of its repairs, such as dropping a page, it tells only its log."""
    log, listener = logging.getLogger("pikepdf._core"), _Listener()
    propagated, log.propagate = log.propagate, False
    log.addHandler(listener)
    try:
        yield listener.heard
    finally:
        log.removeHandler(listener)
        log.propagate = propagated


def _open(path: Path, subject: str, result: PdfLook) -> tuple[pikepdf.Pdf | None, bool]:
    """The open PDF and whether it had to be repaired; None with a finding when it cannot be opened."""
    for recover in (False, True):
        try:
            return pikepdf.open(path, suppress_warnings=True, attempt_recovery=recover), recover
        except pikepdf.PasswordError:
            result.findings.append(finding("CHECK-010", subject))
            return None, False
        except _DAMAGE as error:
            if "encrypt" in str(error):      # a security handler that qpdf does not know, such as certificates
                result.findings.append(finding("CHECK-010", subject))
                return None, False
    result.findings.append(_damage(path, subject))
    return None, False


def _damage(path: Path, subject: str) -> Finding:
    """The finding for a PDF that is lost; one that went through a text conversion has a cause to name."""
    data = path.read_bytes()
    was_text = data.count(_LOST) * len(_LOST) > _LOST_SHARE * len(data)
    return finding("CHECK-014" if was_text else "CHECK-012", subject)


def _closed(path: Path) -> bool:
    """Whether the file begins and ends as a PDF does: header first, startxref and %%EOF last."""
    with path.open("rb") as stream:
        head = stream.read(5)
        stream.seek(max(0, path.stat().st_size - _TAIL))
        tail = stream.read()
    return head == b"%PDF-" and b"%%EOF" in tail and b"startxref" in tail


def _whole(pdf: pikepdf.Pdf) -> bool:
    """Whether a repaired PDF still has all its parts: repair puts null where something was cut off."""
    if not len(pdf.pages):
        return False
    for held in pdf.objects:
        part = held.stream_dict if isinstance(held, pikepdf.Stream) else held
        if not isinstance(part, (pikepdf.Dictionary, pikepdf.Array)):
            continue
        for reference in _REFERENCE.finditer(part.unparse()):
            if pdf.get_object(int(reference[1]), int(reference[2])) is None:
                return False
    return not any("stream" in warning for warning in pdf.get_warnings())    # a stream without its end


def _look(pdf: pikepdf.Pdf, path: Path, subject: str, settings: IngestSettings, result: PdfLook) -> None:
    found, facts = result.findings, result.facts
    pages = len(pdf.pages)
    facts["pages"] = pages
    if claim := _pdfa_claim(path):
        facts["pdfa"] = claim
    if pages == 0:
        found.append(finding("CHECK-021", subject))
    elif pages > settings.max_pages:
        found.append(finding("CHECK-018", subject, pages=pages, limit=settings.max_pages))
        return
    if pdf.is_encrypted:
        facts["encrypted"] = "empty password"
        found.append(finding("CHECK-011", subject))
    found += _attachments(pdf, subject, facts)
    kinds = set(actions(pdf.Root))
    seen: set[tuple[int, int]] = set()
    marks: list[Finding] = []
    for number, page in enumerate(pdf.pages, 1):
        too_big = _too_big(page.obj, number, subject, settings, seen)
        if too_big:
            found.append(too_big)
            break
        annotations = page.obj.get("/Annots")
        kinds.update(actions(page.obj))
        for annotation in annotations if isinstance(annotations, pikepdf.Array) else []:
            if isinstance(annotation, pikepdf.Dictionary):
                kinds.update(actions(annotation))
                marks += _stamp(annotation, number, subject)
    found += marks[:1]
    if "/JavaScript" in kinds:
        found.append(finding("CHECK-015", subject))
    if "/Launch" in kinds:
        found.append(finding("CHECK-017", subject))
    if kinds:
        facts["active"] = sorted(action.strip("/") for action in kinds)


def actions(holder: pikepdf.Object) -> Iterator[str]:
    """The kinds of dangerous actions that a catalogue, page or annotation holds."""
    for action in (holder.get("/OpenAction"), holder.get("/A")):
        if isinstance(action, pikepdf.Dictionary):
            yield from _kind(action)
    more = holder.get("/AA")
    if isinstance(more, pikepdf.Dictionary):
        for name in more.keys():  # noqa: SIM118 (a pikepdf dictionary is no mapping)
            if isinstance(more.get(name), pikepdf.Dictionary):
                yield from _kind(more[name])
    names = holder.get("/Names")
    if isinstance(names, pikepdf.Dictionary) and "/JavaScript" in names:
        yield "/JavaScript"


def _kind(action: pikepdf.Object) -> Iterator[str]:
    kind = str(action.get("/S", ""))
    if kind in ("/JavaScript", "/Launch"):
        yield kind
    following = action.get("/Next")
    if isinstance(following, pikepdf.Dictionary) and str(following.get("/S", "")) in ("/JavaScript", "/Launch"):
        yield str(following.get("/S"))


def _stamp(annotation: pikepdf.Object, page: int, subject: str) -> list[Finding]:
    """The secrecy finding for a note or stamp laid over a page: its text is in no text layer for the gate to read."""
    if str(annotation.get("/Subtype", "")) not in ("/FreeText", "/Stamp"):
        return []
    text = annotation.get("/Contents")
    if not isinstance(text, pikepdf.String) or len(str(text)) > _NOTE:
        return []
    return secrecy.stamp_findings(str(text), page, subject)


def _attachments(pdf: pikepdf.Pdf, subject: str, facts: dict[str, Any]) -> list[Finding]:
    names = pdf.Root.get("/Names")
    if not isinstance(names, pikepdf.Dictionary) or "/EmbeddedFiles" not in names:
        return []
    attached = pdf.attachments
    facts["embedded"] = len(attached)
    if not len(attached):
        return []
    for key in list(attached)[:_MAX_ATTACHMENTS]:
        specification = attached[key]
        if formats.is_script_name(specification.filename) or _holds_program(specification.obj):
            return [finding("CHECK-022", subject)]
    return [finding("CHECK-016", subject, count=len(attached))]


def _holds_program(specification: pikepdf.Object) -> bool:
    """Whether the first bytes of an embedded file are a program's; never unpacks more than a few of them."""
    files = specification.get("/EF")
    stream = files.get("/F") if isinstance(files, pikepdf.Dictionary) else None
    if not isinstance(stream, pikepdf.Stream) or int(stream.get("/Length", 0)) > _MAX_RAW_ATTACHMENT:
        return False
    raw = bytes(stream.read_raw_bytes())
    if stream.get("/Filter") is not None:
        try:
            raw = zlib.decompressobj().decompress(raw, 512)
        except zlib.error:
            return False
    return containers.is_program(raw[:512]) or formats.extension_of(
        PurePosixPath(str(specification.get("/F", ""))).name) in formats.known("exe").extensions


def _too_big(page: pikepdf.Object, number: int, subject: str, settings: IngestSettings,
             seen: set[tuple[int, int]]) -> Finding | None:
    """The finding for a page or picture that would cost too much memory to render."""
    box = _inherited(page, "/MediaBox")
    if isinstance(box, pikepdf.Array) and len(box) == 4:
        sides = [float(side) for side in box if isinstance(side, (int, float, Decimal))]
        if len(sides) == 4:
            unit = float(page.get("/UserUnit", 1))
            width, height = abs(sides[2] - sides[0]) * unit, abs(sides[3] - sides[1]) * unit
            if (width / 72 * _DPI) * (height / 72 * _DPI) > settings.max_pixels:
                return finding("CHECK-019", subject, page=number, width=round(width * _MM), height=round(height * _MM))
    resources = _inherited(page, "/Resources")
    for width, height in _pictures(resources, seen, _FORM_DEPTH):
        if width * height > settings.max_pixels:
            return finding("CHECK-020", subject, width=width, height=height, limit=settings.max_pixels // 10**6)
    return None


def _inherited(page: pikepdf.Object, key: str) -> pikepdf.Object | None:
    for _ in range(20):
        if key in page:
            return page.get(key)
        parent = page.get("/Parent")
        if not isinstance(parent, pikepdf.Dictionary):
            return None
        page = parent
    return None


def _pictures(resources: pikepdf.Object | None, seen: set[tuple[int, int]], depth: int) -> Iterator[tuple[int, int]]:
    """Stated width and height of each picture not yet seen; pages often share theirs."""
    objects = resources.get("/XObject") if isinstance(resources, pikepdf.Dictionary) else None
    if not isinstance(objects, pikepdf.Dictionary):
        return
    for name in objects.keys():  # noqa: SIM118
        stream = objects.get(name)
        if not isinstance(stream, pikepdf.Stream) or stream.objgen in seen:
            continue
        seen.add(stream.objgen)
        kind = str(stream.get("/Subtype", ""))
        if kind == "/Image":
            yield int(stream.get("/Width", 0)), int(stream.get("/Height", 0))
        elif kind == "/Form" and depth > 1:
            yield from _pictures(stream.get("/Resources"), seen, depth - 1)


def _pdfa_claim(path: Path) -> str:
    """The PDF/A part and level that the file claims ("2b"), by its XMP; a claim, not a validation."""
    with path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data:
        at = data.find(b"pdfaid:")
        near = data[max(0, at - _PDFA_REACH):at + _PDFA_REACH] if at >= 0 else b""
    said = {name: value.decode() for name, value in _PDFA.findall(near)}
    return said[b"part"] + said.get(b"conformance", "").lower() if b"part" in said else ""
