"""What is done to a page's picture before it is read, and to that of its access copy: each step does its work."""

from __future__ import annotations

import io
from functools import cache
from pathlib import Path
from typing import Any

import img2pdf
import numpy as np
import pikepdf
import pypdfium2
import pytest
import typst
from PIL import Image

from archive.settings import OcrSettings, Settings
from ingest.digitise import _scale, light_pictures, text_font
from ingest.digitise.engine import Reader, find_tessdata, reader
from ingest.digitise.pages import Page
from ingest.digitise.reading import evened, read_page
from tests.test_digitise import DPI, LONG, Done, digitised, jpeg, layer, recall, scan, sheet

TABLE = """#set page(width: 15cm, height: 5cm, margin: 1cm)
#set text(font: ("Liberation Serif", "Libertinus Serif"), size: 12pt, lang: "vi")
| 12/QĐ-UBND | 05/10/2026 | Về việc ban hành quy chế |

| 13/QĐ-UBND | 06/10/2026 | Về việc kiện toàn tổ chức |"""


@pytest.fixture(scope="module")
def tesseract() -> Reader:
    tessdata = find_tessdata(OcrSettings())
    assert tessdata is not None
    return reader(tessdata, "vie")


def tone(picture: Image.Image) -> np.ndarray[Any, np.dtype[np.float32]]:
    return np.asarray(picture.convert("L"), np.float32)


def bgr(grey: np.ndarray[Any, Any]) -> np.ndarray[Any, np.dtype[np.uint8]]:
    return np.repeat(grey.clip(0, 255).astype(np.uint8)[:, :, None], 3, axis=2)


# --- reading ------------------------------------------------------------------------------------------------


def half_dark() -> np.ndarray[Any, np.dtype[np.float32]]:
    """A page whose right half lies in shadow, as of a bound volume."""
    page = tone(sheet(LONG))
    across = np.arange(page.shape[1], dtype=np.float32)
    return page * (1 - 0.5 / (1 + np.exp(-(across - 0.5 * page.shape[1]) / 40)))


def test_writing_in_the_dark_part_of_a_page_is_read(tesseract: Reader) -> None:
    page = half_dark()
    assert recall(LONG, tesseract.read(page.astype(np.uint8), DPI).text) < 0.7      # what it is good for
    assert recall(LONG, read_page(bgr(page), DPI, tesseract, OcrSettings()).reading.text) > 0.97


def test_evened_paper_is_equally_light_and_even_paper_is_left_as_it_is() -> None:
    dark = evened(half_dark().astype(np.uint8))
    light, shaded = (np.median(dark[:, part]) for part in (slice(50, 400), slice(-400, -50)))
    assert abs(float(light) - float(shaded)) < 12
    plain = np.asarray(sheet(LONG).convert("L"))
    assert evened(plain) is plain


@pytest.mark.parametrize(("shape", "level"), [((1, 1), 255), ((5, 700), 0), ((700, 5), 120), ((97, 49), 3)])
def test_any_picture_can_be_evened(shape: tuple[int, int], level: int) -> None:
    picture = np.full(shape, level, np.uint8)
    picture[:, : shape[1] // 2] //= 3
    assert evened(picture).shape == shape


@pytest.mark.parametrize(("held", "drawn"), [(90.0, 200), (139.0, 200), (150.0, 150), (200.0, 200), (300.0, 200)])
def test_coarse_scans_are_enlarged_and_fine_ones_reduced(held: float, drawn: float) -> None:
    dpi, scale = _scale(Page(1, "picture", held, length_mm=297.0), (595.0, 842.0))
    assert (round(dpi), round(72 * scale)) == (drawn, drawn)


def test_a_scan_of_90_dpi_loses_no_line(tmp_path: Path) -> None:
    done = digitised(tmp_path, ("trang.pdf", scan(sheet(LONG, 90).resize((744, 1052)), dpi=90)))
    assert done.facts["pages"][0]["dpi"] == pytest.approx(90, abs=1)        # the scan's own is told and judged
    assert recall(LONG, done.text) > 0.95


def test_the_lines_of_a_table_are_no_words(tesseract: Reader) -> None:
    with pypdfium2.PdfDocument(typst.compile(TABLE.encode())) as document:
        page = document[0].render(scale=DPI / 72).to_pil().convert("L")
    words = tesseract.read(np.asarray(page), DPI).text.split()
    assert words[:3] == ["12/QĐ-UBND", "05/10/2026", "Về"]
    assert not [word for word in words if "|" in word]


def creased() -> np.ndarray[Any, np.dtype[np.float32]]:
    """A sheet folded down the middle: worn ink along the crease, a dark line in it."""
    page = tone(sheet(LONG))
    away = (np.arange(page.shape[1], dtype=np.float32) - 0.5 * page.shape[1]) / DPI * 25.4
    page = page + (235 - page) * np.exp(-np.square(away / 0.45)) * 0.8
    return page * (1 - 0.45 * np.exp(-np.square((away - 0.5) / 0.3)))


def test_a_crease_does_not_tear_lines_in_two(tesseract: Reader) -> None:
    done = read_page(bgr(creased()), DPI, tesseract, OcrSettings())
    assert "crease" in done.retried
    lines = done.reading.text.splitlines()
    assert any("Ban hành kèm theo" in line and "công tác văn thư" in line for line in lines)


def test_a_page_in_columns_is_not_read_across(tesseract: Reader) -> None:
    column = sheet(LONG, 110).convert("L").crop((80, 80, 830, 700))
    page = Image.new("L", (1654, 820), 255)
    for left in (40, 864):
        page.paste(column, (left, 100))
    done = read_page(bgr(tone(page)), DPI, tesseract, OcrSettings())
    assert "crease" not in done.retried


# --- the text layer's font ------------------------------------------------------------------------------------


@cache
def fonts(path: Path) -> set[str]:
    with pikepdf.open(path) as pdf:
        return {str(one.BaseFont).partition("+")[2] or str(one.BaseFont)[1:] for one in pdf.objects
                if isinstance(one, pikepdf.Dictionary) and one.get("/Type") == "/Font" and "/BaseFont" in one}


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Done:
    """A page of the best quality that a scanner writes."""
    out = io.BytesIO()
    sheet(LONG, 300).save(out, "JPEG", quality=95, dpi=(300, 300))
    return digitised(tmp_path_factory.mktemp("trang"), ("quyet dinh.jpg", out.getvalue()))


def test_the_text_layer_has_its_own_small_font(page: Done) -> None:
    assert {name.rpartition("+")[2] for name in fonts(page.access)} == {text_font.NAME}
    assert text_font.FONT.stat().st_size < 10_000


def test_the_font_is_what_its_maker_makes(tmp_path: Path) -> None:
    text_font.make(tmp_path / "font.ttf")
    assert (tmp_path / "font.ttf").read_bytes() == text_font.FONT.read_bytes()


def test_every_vietnamese_letter_has_its_width() -> None:
    from fontTools.ttLib import TTFont  # type: ignore[import-untyped]

    known = TTFont(text_font.FONT).getBestCmap()
    letters = "aăâeêioôơuưyAĂÂEÊIOÔƠUƯYđĐ" + "".join(map(chr, range(0x1EA0, 0x1EFA))) + "–—“”‘’…₫•"
    assert not [letter for letter in letters if ord(letter) not in known]


# --- the access copy's pictures -------------------------------------------------------------------------------


def picture_of(path: Path) -> Any:
    with pikepdf.open(path) as pdf:
        return next(iter(pdf.pages[0].get_images().values())).read_raw_bytes()


def shown(path: Path) -> np.ndarray[Any, np.dtype[np.float32]]:
    with pypdfium2.PdfDocument(path) as document:
        return np.asarray(document[0].render(scale=1).to_pil().convert("L"), np.float32)


def test_the_access_copy_is_well_under_the_scan_and_looks_and_reads_alike(page: Done, tesseract: Reader) -> None:
    received = next((page.item.folder / "received").iterdir())
    assert page.access.stat().st_size < 0.6 * received.stat().st_size
    assert "not_pdfa" not in page.facts
    with Image.open(io.BytesIO(picture_of(page.access))) as picture:
        assert abs(picture.height - 2339) <= 1
        read = tesseract.read(np.asarray(picture.convert("L")), DPI).text
        assert recall(LONG, read) >= recall(LONG, page.text) - 0.01
    other = np.asarray(sheet(LONG, 72).convert("L"), np.float32)
    copy = shown(page.access)[: other.shape[0], : other.shape[1]]
    assert np.abs(copy - other[: copy.shape[0], : copy.shape[1]]).mean() < 6


def test_the_setting_keeps_the_pictures_as_received(tmp_path: Path) -> None:
    data = jpeg(sheet(LONG))
    done = digitised(tmp_path, ("trang.jpg", data), ocr={"access_copy": "as_received"})
    assert picture_of(done.access) == data


def test_a_scan_that_would_hardly_get_lighter_keeps_its_picture(tmp_path: Path) -> None:
    out = io.BytesIO()
    sheet(LONG).save(out, "JPEG", quality=20, dpi=(DPI, DPI))
    assert picture_of(digitised(tmp_path, ("trang.jpg", out.getvalue())).access) == out.getvalue()


@pytest.mark.parametrize("lies", [90, 180, 270])
def test_a_lighter_picture_lies_as_the_received_one_did(tmp_path: Path, lies: int) -> None:
    received = tmp_path / "scan.pdf"
    received.write_bytes(img2pdf.convert([jpeg(sheet(LONG).rotate(lies, expand=True))], nodate=True))
    with pikepdf.open(received, allow_overwriting_input=True) as pdf:
        pdf.pages[0].rotate(lies, relative=False)               # the scanner notes how it is to be shown
        pdf.save(received)
    before = shown(received)
    told = Page(1, "picture", 200.0, length_mm=297.0)
    assert set(light_pictures.candidates(received, {1: told})) == {1}
    with pypdfium2.PdfDocument(received) as document:
        drawn = document[0].render(scale=DPI / 72).to_numpy()
    assert light_pictures.encode(drawn, lies, told, tmp_path / "light.jpg", 10**9)
    light_pictures.replace(received, {1: tmp_path / "light.jpg"})
    assert np.abs(shown(received) - before).mean() < 3


def with_more(change: Any) -> Any:
    def make(path: Path) -> None:
        with pikepdf.open(path, allow_overwriting_input=True) as pdf:
            change(pdf, pdf.pages[0])
            pdf.save(path)
    return make


def drawn_over(pdf: pikepdf.Pdf, page: pikepdf.Page) -> None:
    page.contents_add(pdf.make_stream(b"0 0 m 100 100 l S"), prepend=False)


def drawn_twice(pdf: pikepdf.Pdf, page: pikepdf.Page) -> None:
    page.contents_add(pdf.make_stream(page.Contents.read_bytes()), prepend=False)


def cropped(_pdf: pikepdf.Pdf, page: pikepdf.Page) -> None:
    page.cropbox = [50, 50, 400, 600]


def smaller(pdf: pikepdf.Pdf, page: pikepdf.Page) -> None:
    page.contents_add(pdf.make_stream(b"0.5 0 0 0.5 0 0 cm"), prepend=True)


def masked(pdf: pikepdf.Pdf, page: pikepdf.Page) -> None:
    mask = pdf.make_stream(b"\xff", Type=pikepdf.Name.XObject, Subtype=pikepdf.Name.Image, Width=1, Height=1,
                           BitsPerComponent=8, ColorSpace=pikepdf.Name.DeviceGray)
    next(iter(page.get_images().values())).SMask = mask


@pytest.mark.parametrize("change", [drawn_over, drawn_twice, cropped, smaller, masked])
def test_a_page_that_is_more_or_less_than_its_picture_is_left_alone(tmp_path: Path, change: Any) -> None:
    path = tmp_path / "scan.pdf"
    path.write_bytes(scan(sheet()))
    told = {1: Page(1, "picture", 200.0, length_mm=297.0)}
    assert set(light_pictures.candidates(path, told)) == {1}
    with_more(change)(path)
    assert not light_pictures.candidates(path, told)


@pytest.mark.parametrize("other", [{"colour": "bw"}, {"stated": False}, {"length_mm": 594.0}, {"dpi": 100.0},
                                   {"has_text": True}, {"kind": "text"}])
def test_other_pages_are_left_alone(tmp_path: Path, other: dict[str, Any]) -> None:
    path = tmp_path / "scan.pdf"
    path.write_bytes(scan(sheet()))
    told: dict[str, Any] = {"kind": "picture", "dpi": 200.0, "length_mm": 297.0} | other
    assert not light_pictures.candidates(path, {1: Page(1, **told)})


def test_a_grey_scan_stays_grey(tmp_path: Path) -> None:
    out = io.BytesIO()
    sheet(LONG, 300).convert("L").save(out, "JPEG", quality=95, dpi=(300, 300))
    done = digitised(tmp_path, ("trang.jpg", out.getvalue()))
    with Image.open(io.BytesIO(picture_of(done.access))) as picture:
        assert (picture.mode, abs(picture.height - 2339) <= 1) == ("L", True)
    assert "QUYẾT ĐỊNH" in layer(done.access)


def test_the_default_is_light() -> None:
    assert Settings().ocr.access_copy == "light"
