"""Signed PDFs mutated at random: never a crash, and never called valid when what was signed or what is seen differs.

What decides is independent of our code: the signed bytes, compared one by one, and pdfium's drawing of every page.
`LUUTRU_FUZZ=20` runs twenty times as many examples, each time other ones.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pypdfium2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingest.signatures import DocumentSignatures, load_trust, verify_pdf
from tests.signed import genuine, papers
from tests.signed.papers import FORGED, form, stream, update
from tests.signed.people import CLERK, RECEIVED, write_trust
from tests.signed.signing import seal, sign
from tests.signed.structure import modern

MORE = int(os.environ.get("LUUTRU_FUZZ", "0"))
_RANGE = re.compile(rb"/ByteRange\s*\[\s*(\d+)\s+(\d+)\s+(\d+)\s+(\d+)\s*\]")
_NUMBERS = re.compile(rb"(?<![0-9A-Fa-f])\d{1,10}(?= \d{5} [nf]| 0 R| 0 obj)|(?<=/ByteRange \[)[\d ]+"
                      rb"|(?<=startxref\n)\d+|(?:(?<=/Prev )|(?<=/Size )|(?<=/Length )|(?<=/First ))\d+")


def some(count: int) -> Any:
    """The bounded run of every day, or the long one."""
    return settings(max_examples=count * (MORE or 1), deadline=None, derandomize=not MORE,
                    suppress_health_check=list(HealthCheck))


@dataclass(frozen=True)
class Base:
    """A genuine file, and for each of its signed revisions: what was signed, and how its pages are drawn."""

    pdf: bytes
    revisions: tuple[tuple[int, int, int, tuple[bytes, ...]], ...]      # before, after, end, pages

    @property
    def marks(self) -> set[bytes]:
        """The texts of its byte ranges."""
        return {match.group() for match in _RANGE.finditer(self.pdf)}


def drawn(pdf: bytes) -> tuple[bytes, ...]:
    """Every page as pdfium draws it, boxes of signatures and annotations included; () when it cannot be opened."""
    try:
        with pypdfium2.PdfDocument(pdf) as document:
            document.init_forms()
            pages = []
            for page in document:
                bitmap = page.render(scale=0.8)
                pages.append(bytes(bitmap.buffer))
                bitmap.close()
                page.close()
            return tuple(pages)
    except Exception:       # whatever it says: nothing is seen
        return ()


def base(pdf: bytes) -> Base:
    found = []
    for match in _RANGE.finditer(pdf):
        _, before, after, length = map(int, match.groups())
        found.append((before, after, after + length, drawn(pdf[:after + length])))
    return Base(pdf, tuple(found))


@cache
def bases() -> tuple[Base, ...]:
    """Two signatures; a certification and a seal; cross-reference streams; a form; evidence and a timestamp."""
    made = (genuine.two(), genuine.two(certify=2), seal(modern(5, 8), CLERK, "Hai", box=genuine.SEAL_BOX,
            look=genuine.RING),
            sign(genuine.FILLED()), genuine.stamped(genuine.with_evidence(genuine.one())))
    return tuple(map(base, made))


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the trust list."""
    folder = tmp_path_factory.mktemp("fuzz")
    write_trust(folder / "trust" / "cong-vu")
    return folder


def look(place: Path, pdf: bytes) -> DocumentSignatures:
    path = place / "van-ban.pdf"
    path.write_bytes(pdf)
    return verify_pdf(path, load_trust(place / "trust"), RECEIVED)


def same(one: Base, pdf: bytes) -> bool:
    """Whether `pdf` holds, unchanged, what was signed in a revision of `one`, and shows that revision's pages."""
    seen = drawn(pdf)
    return any(pdf[:before] == one.pdf[:before] and pdf[after:end] == one.pdf[after:end] and seen == pages
               for before, after, end, pages in one.revisions)


def hold(place: Path, one: Base, pdf: bytes) -> None:
    """The promise."""
    verdict = look(place, pdf).verdict
    if verdict in ("valid", "valid_with_notes"):
        assert same(one, pdf), verdict
    if verdict == "unsigned":
        assert not any(mark in pdf for mark in one.marks), verdict


def _cut(pdf: bytes, at: int, length: int, new: bytes = b"") -> bytes:
    return pdf[:at] + new + pdf[at + length:]


@st.composite
def bytes_changed(draw: st.DrawFn) -> tuple[Base, bytes]:
    """Flipped, spliced, cut, doubled, at any place."""
    one = draw(st.sampled_from(bases()))
    pdf = one.pdf
    ends = [0, *(revision[2] for revision in one.revisions), len(pdf)]
    for _step in range(draw(st.integers(1, 3))):
        where = draw(st.integers(0, max(0, len(pdf) - 1)))
        kind = draw(st.sampled_from(["flip", "flip", "insert", "delete", "truncate", "double", "swap", "text"]))
        length = draw(st.integers(1, 400))
        if kind == "flip":
            pdf = _cut(pdf, where, 1, bytes([draw(st.integers(0, 255))]))
        elif kind == "insert":
            pdf = _cut(pdf, where, 0, draw(st.binary(min_size=1, max_size=12)))
        elif kind == "delete":
            pdf = _cut(pdf, where, length)
        elif kind == "truncate":
            pdf = pdf[:draw(st.sampled_from([where, *ends]))]
        elif kind == "double":
            source = draw(st.integers(0, len(one.pdf) - 1))
            pdf = _cut(pdf, where, 0, one.pdf[source:source + length * 8])
        elif kind == "swap":
            first, second = draw(st.sampled_from(ends)), draw(st.sampled_from(ends))
            pdf = pdf[:min(first, second)] + pdf[max(first, second):] + pdf[min(first, second):max(first, second)]
        else:
            pdf = pdf.replace(*draw(st.sampled_from([(b"185", b"985"), (b"/F1", b"/F2"), (b"endobj", b"endobX"),
                                                     (b"/Contents", b"/Annots  "), (b"/Kids", b"/Kidz"),
                                                     (b"/Fields", b"/Fieldz"), (b"/Sig", b"/Sjg")])))
    return one, pdf


@some(220)
@given(bytes_changed())
def test_changed_bytes_are_never_called_valid_and_never_crash(place: Path, changed: tuple[Base, bytes]) -> None:
    hold(place, *changed)


@st.composite
def numbers_changed(draw: st.DrawFn) -> tuple[Base, bytes]:
    """Offsets, lengths, references and ranges: one or two numbers are others."""
    one = draw(st.sampled_from(bases()))
    pdf = one.pdf
    for _step in range(draw(st.integers(1, 2))):
        found = list(_NUMBERS.finditer(pdf))
        match = found[draw(st.integers(0, len(found) - 1))]
        other = draw(st.sampled_from([found[draw(st.integers(0, len(found) - 1))].group(), b"0", b"-1", b"9999999999",
                                      b"%d" % draw(st.integers(0, len(pdf)))]))
        if draw(st.booleans()):
            other = other[:len(match.group())].rjust(len(match.group()), b"0")
        pdf = _cut(pdf, match.start(), len(match.group()), other)
    return one, pdf


@some(120)
@given(numbers_changed())
def test_changed_numbers_are_never_called_valid_and_never_crash(place: Path, changed: tuple[Base, bytes]) -> None:
    hold(place, *changed)


BODIES = [
    stream(FORGED), stream(b""), b"null", b"<< >>", b"[ ]", b"(x)", b"42", b"<< /Type /Catalog /Pages 2 0 R >>",
    b"<< /Type /Pages /Kids [6 0 R] /Count 1 >>", b"<< /Type /Font /Subtype /Type1 /BaseFont /ZapfDingbats >>",
    b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 300 300] /Contents 4 0 R >>",
    b"<< /Type /Annot /Subtype /Stamp /Rect [60 640 460 740] /F 4 /AP << /N 41 0 R >> >>",
    b"<< /Type /Annot /Subtype /Widget /FT /Sig /T (Che) /Rect [60 640 460 740] /F 4 /AP << /N 41 0 R >> >>",
    form(b"1 0 0 rg 0 0 400 100 re f", (0, 0, 400, 100)), b"<< /Fields [40 0 R] /SigFlags 3 /NeedAppearances true >>",
    b"<< /Type /Sig /Filter /Adobe.PPKLite /SubFilter /adbe.pkcs7.detached /ByteRange [0 9 9 9] /Contents <00> >>"]
_ENTRIES = [b"/Annots [40 0 R]", b"/Rotate 90", b"/Contents 41 0 R", b"/OpenAction 40 0 R", b"/AcroForm 40 0 R",
        b"/V 40 0 R",
            b"/AP << /N 41 0 R >>", b"/Rect [60 640 460 740]", b"/DSS << /Certs [41 0 R] >>", b"/Perms << >>", b"/F 2"]


@st.composite
def increments(draw: st.DrawFn) -> tuple[Base, bytes]:
    """One or two updates by hand with any objects, whole or not, sometimes sealed by a trusted clerk, invisibly."""
    one = draw(st.sampled_from(bases()))
    pdf = one.pdf
    for _step in range(draw(st.integers(1, 2))):
        parts: dict[int, bytes | None] = {}
        for _object in range(draw(st.integers(0, 3))):
            number = draw(st.integers(1, 45))
            kind = draw(st.sampled_from(["new", "new", "entry", "other", "free"]))
            try:
                body = papers.body_of(pdf, draw(st.integers(1, 30)) if kind == "other" else number)
            except IndexError:
                body = b"<< >>"
            if kind == "new":
                parts[number] = draw(st.sampled_from(BODIES))
            elif kind == "free":
                parts[number] = None
            elif kind == "entry" and body.endswith(b">>"):
                parts[number] = papers.with_entry(body, draw(st.sampled_from(_ENTRIES)))
            else:
                parts[number] = body
        places = draw(st.dictionaries(st.integers(1, 9), st.integers(0, len(pdf)), max_size=1))
        pdf = update(pdf, parts, places=places, table=draw(st.sampled_from([True, True, True, False])),
                     trailing=draw(st.sampled_from([True, True, True, False])),
                     end=draw(st.sampled_from([b"%%EOF\n", b"%%EOF\n", b""])),
                     root=draw(st.sampled_from([b"", b"", b"40 0 R"])),
                     prev=draw(st.sampled_from([None, None, None, 0,
                             papers.last_start(one.pdf[:one.revisions[0][2]])])))
    if draw(st.integers(0, 5)) == 0:
        try:
            pdf = seal(pdf, CLERK, "VanThu9")
        except Exception:   # nobody could sign that
            return one, pdf
    return one, pdf


@some(220)
@given(increments())
def test_appended_revisions_are_never_called_valid_when_they_change_what_is_seen(
        place: Path, changed: tuple[Base, bytes]) -> None:
    hold(place, *changed)


def test_the_bases_are_valid_and_the_oracle_sees(place: Path) -> None:
    """The fuzz run would prove nothing if its genuine files were refused, or its oracle blind."""
    for one in bases():
        assert look(place, one.pdf).verdict == "valid"
        assert one.revisions and all(len(pages) == 2 and any(pages[0]) for *_, pages in one.revisions)
        assert same(one, one.pdf) and not same(one, update(one.pdf, {4: stream(FORGED)}))
        assert not same(one, one.pdf.replace(b"/Type /Page", b"/Type /Pagf", 1))
