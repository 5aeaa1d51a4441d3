"""Copies for readers: the words of the law on every page, nothing of a page covered, nothing of the source changed."""

from __future__ import annotations

import io
import re
import unicodedata
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import numpy
import pikepdf
import pypdfium2
import pytest
from PIL import Image

from archive.findings import Finding
from archive.forms.copied_pages import Bounds, Source
from archive.forms.copies import Stamp, copy
from tests.conftest import ROOT

MADE = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)
INBOX = ROOT / "samples" / "inbox"
SIGNED = INBOX / "van-ban-den" / "87-QĐ-SNV phê duyệt dự toán.pdf"
SCAN = INBOX / "quet" / "H99.2026.03.VTLT.0000003.pdf"
LOCKED = INBOX / "van-ban-den" / "77-GM-SNV (co mat khau).pdf"
PHOTO = INBOX / "quet" / "IMG_20261110_0004.jpg"
AGENCY = "Sở Nội vụ tỉnh Mẫu"
DOCUMENT = "H99.2026.01.VP.0000001"
STAMP = Stamp(AGENCY, (
    f"Bản sao của tài liệu {DOCUMENT}, cấp theo yêu cầu YC.2026.0001 cho Phạm Thị Hòa ngày 20/11/2026; mã kiểm tra "
    "3F9A-07C2-51DE", "Không kiểm tra được chữ ký số của tài liệu gốc trên bản sao này."))


def of(path: Path) -> Source:
    return Source(path.name, path, path.suffix[1:].lower())


def copied(*paths: Path, stamp: Stamp = STAMP, bounds: Bounds | None = None) -> tuple[bytes, int, list[Finding]]:
    return copy(DOCUMENT, [of(path) for path in paths], stamp, made=MADE, bounds=bounds)


@cache
def plain(name: str) -> bytes:
    """The copy of a sample."""
    data, _pages, found = copied({"signed": SIGNED, "scan": SCAN, "photo": PHOTO}[name])
    assert found == []
    return data


def texts(data: bytes) -> list[str]:
    with pypdfium2.PdfDocument(data) as pdf:
        return [unicodedata.normalize("NFC", " ".join(page.get_textpage().get_text_range().split())) for page in pdf]


def places(data: bytes, number: int, words: str) -> list[tuple[float, float, float, float]]:
    """Where words stand on a page: left, bottom, right, top in shares of the page as it is seen."""
    with pypdfium2.PdfDocument(data) as pdf:
        page = pdf[number]
        width, height = page.get_size()
        reader = page.get_textpage()
        found, search = [], reader.search(words, match_case=True)
        while (hit := search.get_next()) is not None:
            boxes = [reader.get_charbox(n) for n in range(hit[0], hit[0] + hit[1])]
            found.append((min(box[0] for box in boxes) / width, min(box[1] for box in boxes) / height,
                          max(box[2] for box in boxes) / width, max(box[3] for box in boxes) / height))
        return found


def picture(data: bytes, number: int = 0) -> numpy.ndarray[Any, Any]:
    with pypdfium2.PdfDocument(data) as pdf:
        pdf.init_forms()
        bitmap = pdf[number].render(scale=1, grayscale=True)
        return numpy.array(bitmap.to_numpy(), copy=True).reshape(bitmap.height, bitmap.width)


def sheet(*, rotate: int = 0, crop: tuple[int, ...] = (), unit: int = 0, dark: bool = False, height: int = 842,
          words: bytes = b"(Noi dung) Tj") -> bytes:
    """One page of text, turned, cut or black as asked."""
    with pikepdf.new() as pdf:
        page = pdf.add_blank_page(page_size=(595, height))
        page.obj.Resources = pikepdf.Dictionary(Font=pikepdf.Dictionary(F1=pikepdf.Dictionary(
            Type=pikepdf.Name.Font, Subtype=pikepdf.Name.Type1, BaseFont=pikepdf.Name.Helvetica)))
        ink = b"0.2 g 0 0 595 %d re f 1 g " % height if dark else b""
        page.obj.Contents = pdf.make_stream(ink + b"q BT /F1 12 Tf 100 400 Td " + words + b" ET")   # a q too many
        if rotate:
            page.obj.Rotate = rotate
        if crop:
            page.obj.CropBox = pikepdf.Array(list(crop))
        if unit:
            page.obj.UserUnit = unit
        out = io.BytesIO()
        pdf.save(out, static_id=True)
        return out.getvalue()


def written(folder: Path, data: bytes, name: str = "van-ban.pdf") -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


# --- the words ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["signed", "scan", "photo"])
def test_every_page_says_what_it_is_for_whom_and_whose_it_is(name: str) -> None:
    pages = texts(plain(name))
    for number, text in enumerate(pages):
        assert "BẢN SAO" in text
        assert AGENCY in text
        assert "YC.2026.0001" in text
        assert "Phạm Thị Hòa" in text
        assert "3F9A-07C2-51DE" in text
        assert "Không kiểm tra được chữ ký số" in text
        (left, bottom, _right, top), *_more = places(plain(name), number, "BẢN SAO")
        assert left > 0.5
        assert bottom > 0.9, "top right, TT 05/2025 Điều 40 khoản 4"
        assert top < 1
        left, _bottom, right, top = places(plain(name), number, AGENCY)[-1]
        assert abs((left + right) / 2 - 0.5) < 0.02, "in the middle of the bottom margin"
        assert top < 0.12


def test_by_the_law_alone_the_mark_stands_on_the_first_page_and_a_reading_copy_has_none(tmp_path: Path) -> None:
    long = written(tmp_path, sheet())
    data, pages, _found = copied(long, long, long, stamp=Stamp(AGENCY, (), every_page=False))
    assert pages == 3
    assert ["BẢN SAO" in text for text in texts(data)] == [True, False, False]
    data, _pages, _found = copied(long, long, stamp=Stamp(AGENCY, (), on_first=False))
    assert ["BẢN SAO" in text for text in texts(data)] == [False, True]
    data, _pages, _found = copied(long, stamp=Stamp(AGENCY, (), mark=""))
    assert [("BẢN SAO" in text, AGENCY in text) for text in texts(data)] == [(False, True)]


def test_the_marks_over_the_letters_are_there(tmp_path: Path) -> None:
    data, _pages, _found = copied(written(tmp_path, sheet()))
    with pypdfium2.PdfDocument(data) as pdf:
        page, scale = pdf[0], 8
        reader = page.get_textpage()
        hit = reader.search("BẢN SAO", match_case=True).get_next()
        assert hit is not None
        start = hit[0]
        left, _bottom, right, top = reader.get_charbox(start + 1)
        letter_top = reader.get_charbox(start)[3]
        ink = page.render(scale=scale, grayscale=True).to_numpy().reshape(round(page.get_height() * scale), -1)
        over = ink[int((page.get_height() - top) * scale):int((page.get_height() - letter_top - 0.4) * scale),
                   int(left * scale):int(right * scale)]
    assert (over[:len(over) // 2] < 128).any(), "the hook of Ả, up to its top"


# --- nothing is covered ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", [SIGNED, SCAN, PHOTO], ids=["signed", "scan", "photo"])
def test_what_was_to_be_seen_on_a_page_is_to_be_seen_in_the_copy(path: Path) -> None:
    data, _pages, _found = copied(path, stamp=Stamp(AGENCY, STAMP.lines))
    bare = copied(path, stamp=Stamp("·", (), mark=""))[0] if path.suffix != ".pdf" else path.read_bytes()
    before, after = picture(bare), picture(data)
    assert after.shape[1] == before.shape[1]
    grown = after.shape[0] - before.shape[0]
    shares = [float((numpy.abs(after[top:top + before.shape[0]].astype(int) - before) > 90).mean())
              for top in range(min(grown, 40) + 1)]
    new = min(shares)
    assert new < 0.004, "the words of the copy, and nothing else, differ"
    top = shares.index(new)
    lighter = (after[top:top + before.shape[0]].astype(int) - before) > 90
    assert float(lighter.mean()) < 0.0005, "no ink of the source is gone"


def test_a_page_full_of_ink_grows_for_the_words(tmp_path: Path) -> None:
    data, _pages, _found = copied(written(tmp_path, sheet(dark=True)))
    before, after = picture(sheet(dark=True)), picture(data)
    assert after.shape[0] > before.shape[0] + 40
    dark = numpy.flatnonzero((after < 100).mean(axis=1) > 0.9)
    assert len(dark) >= before.shape[0] - 20, "all of the page is there"
    assert places(data, 0, "BẢN SAO")[0][1] * after.shape[0] > after.shape[0] - dark[0] - 1, "over it"
    assert places(data, 0, AGENCY)[0][3] * after.shape[0] < after.shape[0] - dark[-1], "under it"


@pytest.mark.parametrize("rotate", [0, 90, 180, 270])
def test_on_a_turned_and_cut_page_the_words_stand_upright_at_the_seen_edges(tmp_path: Path, rotate: int) -> None:
    source = sheet(rotate=rotate, crop=(50, 100, 500, 800), unit=0 if rotate else 2)
    data, _pages, found = copied(written(tmp_path, source))
    assert found == []
    with pypdfium2.PdfDocument(data) as pdf:
        wide, high = pdf[0].get_size()
    seen = (450, 700) if rotate in (0, 180) else (700, 450)
    assert wide == pytest.approx(seen[0] * (1 if rotate else 2), abs=1)
    assert high == pytest.approx(seen[1] * (1 if rotate else 2), abs=1)
    (left, bottom, right, top), = places(data, 0, "BẢN SAO")
    assert left > 0.5
    assert bottom > 0.9
    assert (right - left) * wide > (top - bottom) * high, "it is read from left to right"
    assert "Noi dung" in texts(data)[0]


def test_a_narrow_page_gets_paper_beside_it(tmp_path: Path) -> None:
    place = tmp_path / "anh.png"
    Image.new("RGB", (120, 90), "white").save(place, dpi=(100, 100))
    data, _pages, found = copied(place)
    assert found == []
    assert AGENCY in texts(data)[0]
    with pypdfium2.PdfDocument(data) as pdf:
        assert pdf[0].get_width() > 150


# --- the source -----------------------------------------------------------------------------------------------------


def test_the_signed_original_keeps_its_bytes_and_its_copy_shows_the_seal_but_no_signature() -> None:
    before = SIGNED.read_bytes()
    data = plain("signed")
    assert SIGNED.read_bytes() == before
    with pikepdf.open(io.BytesIO(data)) as pdf:
        assert "/AcroForm" not in pdf.Root
        assert all("/Annots" not in page.obj for page in pdf.pages)
        assert "/OpenAction" not in pdf.Root
    assert b"/ByteRange" not in data
    with pikepdf.open(SIGNED) as pdf:
        box = next(note.Rect for page in pdf.pages for note in page.obj.get("/Annots", ()) if note.get("/FT") == "/Sig")
        number = next(n for n, page in enumerate(pdf.pages) if "/Annots" in page.obj)
        high = float(pdf.pages[number].mediabox[3])
    left, low, right, top = (int(float(value)) for value in box)
    part = (slice(int(high) - top, int(high) - low), slice(left, right))
    shown = [picture(one, number)[part] for one in (before, data)]
    assert (shown[0] < 200).any(), "the seal of the sample is to be seen"
    assert ((shown[0] < 200) == (shown[1] < 200)).mean() > 0.97


def test_the_same_copy_has_the_same_bytes() -> None:
    assert copied(SIGNED)[0] == plain("signed")


def test_parts_of_a_document_follow_one_another_and_a_part_that_is_odd_is_named(tmp_path: Path) -> None:
    word = written(tmp_path, b"PK\x03\x04", "bao-cao.docx")
    data, pages, found = copied(SIGNED, word, PHOTO)
    assert pages == len(texts(plain("signed"))) + 1 == len(texts(data))
    assert [(one.code, one.params["name"], one.params["format"]) for one in found] == [
        ("READING-014", "bao-cao.docx", "docx")]


def damaged() -> bytes:
    return b"%PDF-1.7\n" + SIGNED.read_bytes()[3000:9000]


def portfolio() -> bytes:
    with pikepdf.open(io.BytesIO(sheet())) as pdf:
        pdf.Root.Collection = pikepdf.Dictionary(Type=pikepdf.Name.Collection)
        out = io.BytesIO()
        pdf.save(out)
        return out.getvalue()


@pytest.mark.parametrize(("name", "data", "code"), [
    ("khoa.pdf", LOCKED.read_bytes(), "READING-012"), ("hong.pdf", damaged(), "READING-013"),
    ("nhieu-tep.pdf", portfolio(), "READING-013"), ("khong-phai.jpg", b"GIF89a" + bytes(40), "READING-013"),
    ("cut.jpg", PHOTO.read_bytes()[:4000], "READING-013"), ("dai.pdf", SIGNED.read_bytes(), "READING-015"),
    ("ghi-am.mp3", b"ID3", "READING-014")])
def test_what_cannot_become_pages_is_a_finding_and_no_copy(tmp_path: Path, name: str, data: bytes, code: str) -> None:
    bounds = Bounds(pages=0) if code == "READING-015" else None
    made, pages, found = copied(written(tmp_path, data, name), bounds=bounds)
    assert [one.code for one in found] == [code]
    assert (made, pages) == (b"", 0)
    assert name in found[0].sentence("vi")
    assert not re.search(r"\{\w+\}", found[0].sentence("vi") + found[0].cure("vi"))


def test_a_layer_that_was_hidden_stays_hidden(tmp_path: Path) -> None:
    hidden = b"(Cong khai) Tj ET /OC /L1 BDC BT /F1 60 Tf 80 600 Td (Nhap) Tj"
    with pikepdf.open(io.BytesIO(sheet(words=hidden))) as pdf:
        page = pdf.pages[0]
        stream = page.obj.Contents.read_bytes()
        page.obj.Contents = pdf.make_stream(stream + b" EMC")
        layer = pdf.make_indirect(pikepdf.Dictionary(Type=pikepdf.Name.OCG, Name="Nháp"))
        page.obj.Resources.Properties = pikepdf.Dictionary(L1=layer)
        pdf.Root.OCProperties = pikepdf.Dictionary(OCGs=pikepdf.Array([layer]), D=pikepdf.Dictionary(
            OFF=pikepdf.Array([layer])))
        out = io.BytesIO()
        pdf.save(out)
    data, _pages, _found = copied(written(tmp_path, out.getvalue()))
    here = (slice(180, 260), slice(70, 300))
    assert (picture(out.getvalue())[here] > 200).all()
    assert (picture(data)[here] > 200).all()
