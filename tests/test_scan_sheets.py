"""Separator sheets: what is printed is read again, however it was scanned; and nothing else is taken for one."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pikepdf
import pytest
import zxingcpp
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageFilter

from archive.settings import IngestSettings
from ingest.commands.scan_sheets import command
from ingest.sources.scan_payload import DamagedPayloadError, NotOursError, Sheet, decode, encode
from ingest.sources.scan_printing import Printed, sheets_pdf
from ingest.sources.scan_reading import is_blank, look, read_codes
from tests import scanned_sheets as scans
from tests.scanned_sheets import CODE, page, sheet

MADE = datetime(2026, 11, 20, tzinfo=UTC)
headings = st.text("ABCDĐEÊGHTVX", min_size=1, max_size=6)
file_codes = st.builds(lambda agency, year, number, heading: f"{agency}.{year}.{number:02d}.{heading}",
                       st.sampled_from(["H99", "H37.01", "G09.02"]), st.integers(1990, 2099), st.integers(1, 99),
                       headings)


def sheets_of() -> st.SearchStrategy[Sheet]:
    counts = st.integers(0, 999_999)
    return st.one_of(st.builds(Sheet, st.just("D"), file_codes, st.integers(1, 9_999_999), counts),
                     st.builds(Sheet, st.sampled_from(["F", "B"]), file_codes, st.just(0), counts))


@given(sheets_of())
def test_what_a_sheet_says_is_read_again(one: Sheet) -> None:
    assert decode(encode(one)) == one
    assert encode(one).isascii()


@given(sheets_of(), st.integers(0, 60), st.sampled_from("0123456789ABCDEFTUVX;."))
def test_one_wrong_letter_is_noticed(one: Sheet, at: int, letter: str) -> None:
    text = encode(one)
    at %= len(text)
    if text[at] == letter:
        return
    with pytest.raises((DamagedPayloadError, NotOursError)):
        decode(text[:at] + letter + text[at + 1:])


@given(st.text(max_size=80))
def test_no_other_text_is_a_sheet_and_none_is_a_crash(text: str) -> None:
    for one in (text, f"LUUTRU1;{text}"):
        with pytest.raises((DamagedPayloadError, NotOursError)):
            decode(one)


@pytest.mark.parametrize("wrong", [Sheet("D", CODE), Sheet("F", CODE, 3), Sheet("D", "không phải mã", 1),
                                   Sheet("D", CODE, 10_000_000), Sheet("D", CODE, 1, 1_000_000)])
def test_a_sheet_that_cannot_be_is_not_printed(wrong: Sheet) -> None:
    with pytest.raises(ValueError, match=r".+"):
        encode(wrong)


# --- reading ----------------------------------------------------------------------------------------------------


def noisy(picture: Image.Image, strength: float) -> Image.Image:
    grey = np.asarray(picture).astype(float) + np.random.default_rng(3).normal(0, strength, np.asarray(picture).shape)
    return Image.fromarray(grey.clip(0, 255).astype("uint8"))


def levels(picture: Image.Image, factor: float, add: float) -> Image.Image:
    return Image.fromarray((np.asarray(picture).astype(float) * factor + add).clip(0, 255).astype("uint8"))


def shrunk(picture: Image.Image, factor: float) -> Image.Image:
    small = Image.new("L", picture.size, 255)
    small.paste(picture.resize((int(picture.width * factor), int(picture.height * factor))), (60, 80))
    return small


def without(picture: Image.Image, form: str) -> Image.Image:
    """The sheet with one of its codes covered, wherever it stands: the heading above moves it with the language."""
    (code,) = zxingcpp.read_barcodes(np.asarray(picture), formats=getattr(zxingcpp.BarcodeFormat, form))
    corners = [code.position.top_left, code.position.top_right, code.position.bottom_right, code.position.bottom_left]
    across, down = [one.x for one in corners], [one.y for one in corners]
    return covered(picture, (min(across) - 15, min(down) - 15, max(across) + 15, max(down) + 15))


def covered(picture: Image.Image, box: tuple[int, int, int, int]) -> Image.Image:
    spoilt = picture.copy()
    spoilt.paste(40, box)
    return spoilt


DAMAGE: dict[str, Callable[[Image.Image], Image.Image]] = {
    "as scanned": lambda one: one,
    "skewed by 3 degrees": lambda one: one.rotate(3, fillcolor=255),
    "skewed by 8 degrees": lambda one: one.rotate(-8, fillcolor=255),
    "upside down": lambda one: one.rotate(180),
    "sideways": lambda one: one.rotate(90, expand=True),
    "faded": lambda one: levels(one, 0.25, 191),
    "dark": lambda one: levels(one, 0.5, 20),
    "noise": lambda one: noisy(one, 40),
    "blurred": lambda one: one.filter(ImageFilter.GaussianBlur(3)),
    "black and white": lambda one: one.point(lambda level: 255 if level > 128 else 0),
    "printed at a third": lambda one: shrunk(one, 0.35),
    "100 dpi": lambda one: one.resize((one.width // 2, one.height // 2)),
    "the QR torn off": lambda one: without(one, "QRCode"),
    "the bars torn off": lambda one: without(one, "Code128"),
    "all at once": lambda one: noisy(levels(one.rotate(177, fillcolor=255).filter(ImageFilter.GaussianBlur(1.5)),
                                            0.4, 153), 12),
}


def drawn(picture: Image.Image) -> Any:
    """A page as scan_reading draws it."""
    scale = 1500 / max(picture.size)
    return np.asarray(picture.convert("L").resize((int(picture.width * scale), int(picture.height * scale))))


@pytest.mark.parametrize("name", DAMAGE)
def test_a_sheet_is_read_however_it_was_scanned(name: str) -> None:
    for kind, ordinal in (("D", 7), ("F", 0)):
        found, broken = read_codes(drawn(DAMAGE[name](sheet(kind, ordinal).convert("L"))))
        assert found == {Sheet(kind, CODE, ordinal)}    # type: ignore[arg-type]
        assert not broken


@pytest.mark.parametrize(("text", "form"), [
    ("https://hoadondientu.example/tra-cuu?ma=7F3A", "QRCode"), ("00020101021238570010A000000727", "QRCode"),
    ("H99.2026.03.VTLT.0000001", "QRCode"), ("H99-2026-000123", "Code128"),
    ("Số 12/2026/QĐ-UBND ngày 03/02/2026", "QRCode")])
def test_a_code_of_somebody_else_is_no_sheet(text: str, form: str) -> None:
    assert read_codes(drawn(scans.other_code(text, form))) == (set(), False)


def test_a_picture_of_a_sheet_inside_a_page_is_no_sheet() -> None:
    whole = page(3).convert("L").copy()
    whole.paste(sheet("D", 4).convert("L").resize((190, 269)), (1300, 1900))
    assert read_codes(drawn(whole)) == (set(), False)


def test_a_spoilt_sheet_and_one_of_another_version_are_no_letters() -> None:
    for text in (f"LUUTRU1;D;{CODE};3;;0000", f"LUUTRU2;D;{CODE};3;;1234", "LUUTRU1;"):
        assert read_codes(drawn(scans.other_code(text))) == (set(), True)


def test_a_blank_back_is_told_from_a_page() -> None:
    assert is_blank(drawn(scans.blank()))
    assert not is_blank(drawn(page(1)))


@pytest.mark.parametrize("make", [scans.pdf, scans.tiff])
def test_a_scan_is_looked_through_page_by_page(tmp_path: Path, make: Callable[..., Path]) -> None:
    path = make(tmp_path / "x", [sheet("D", 1), page(1), scans.blank()])
    noted = look([path], IngestSettings())
    assert noted == {"pages": [3], "damaged": [], "blank": [{"file": 1, "page": 3}], "sheets": [
        {"file": 1, "page": 1, "kind": "D", "code": CODE, "ordinal": 1, "count": 0}]}


def test_only_scans_of_several_pages_are_looked_through(tmp_path: Path) -> None:
    born_digital = tmp_path / "born.pdf"
    born_digital.write_bytes(sheets_pdf([Printed(Sheet("D", CODE, 1)), Printed(Sheet("D", CODE, 2))], MADE))
    single = scans.pdf(tmp_path / "one.pdf", [sheet("D", 1)])
    cut_off = tmp_path / "cut.pdf"
    cut_off.write_bytes(single.read_bytes()[:2000])
    for path in (born_digital, single, cut_off):
        assert look([path], IngestSettings()) is None


# --- printing ---------------------------------------------------------------------------------------------------


def luutru(*arguments: str | Path) -> Result:
    done = CliRunner().invoke(command, [str(one) for one in arguments])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done


def read_back(path: Path) -> list[Sheet]:
    """The sheets of a printed file, as a scanner would see them."""
    import pypdfium2

    with pypdfium2.PdfDocument(path) as document:
        pictures = [one.render(scale=128 / 72, grayscale=True).to_numpy() for one in document]
    return [next(iter(read_codes(one)[0])) for one in pictures]


def test_the_command_prints_what_was_asked_for(tmp_path: Path) -> None:
    target = tmp_path / "to.pdf"
    done = luutru(f"{CODE}.1-3", "H99.2026.01.VP", "-o", target, "--json")
    assert done.exit_code == 0
    assert read_back(target) == [Sheet("F", CODE, 0, 3), Sheet("D", CODE, 1), Sheet("D", CODE, 2), Sheet("D", CODE, 3),
                                 Sheet("F", "H99.2026.01.VP")]
    assert [one["kind"] for one in json.loads(done.stdout)["sheets"]] == ["F", "D", "D", "D", "F"]
    with pikepdf.open(target) as pdf:
        assert b"pdfaid:part" in pdf.Root.Metadata.read_bytes()


def test_the_command_prints_backs_for_scanners_of_both_sides(tmp_path: Path) -> None:
    target = tmp_path / "to.pdf"
    luutru(f"{CODE}.5", "--no-start", "--backs", "-o", target)
    assert read_back(target) == [Sheet("D", CODE, 5), Sheet("B", CODE)]


def test_a_list_gives_its_documents_their_sheets(tmp_path: Path) -> None:
    listed, target = tmp_path / "ds.csv", tmp_path / "to.pdf"
    listed.write_text("Tên tệp;Mã hồ sơ;Trích yếu;Số trang\n"
                      f"{CODE}.0000004.pdf;;Quy chế;12\nx.pdf;{CODE};Kế hoạch;3\ny.pdf;;Không hồ sơ;1\n", "utf-8")
    done = luutru("--list", listed, "-o", target, "--json")
    assert read_back(target) == [Sheet("F", CODE, 0, 2), Sheet("D", CODE, 4, 12), Sheet("D", CODE, 5, 3)]
    assert json.loads(done.stdout)["left_out"] == [4]


def test_the_command_writes_over_nothing_and_refuses_what_is_no_code(tmp_path: Path) -> None:
    there = tmp_path / "to.pdf"
    there.write_bytes(b"mine")
    for arguments in ([f"{CODE}.1", "-o", there], ["-o", tmp_path / "x.pdf"], ["Hồ sơ 1", "-o", tmp_path / "x.pdf"],
                      [f"{CODE}.9-3", "-o", tmp_path / "x.pdf"], [f"{CODE}.1", "-o", tmp_path / "no" / "x.pdf"],
                      ["--list", there, "-o", tmp_path / "x.pdf"]):
        done = CliRunner().invoke(command, [str(one) for one in arguments])
        assert done.exit_code != 0
        assert getattr(done.exception, "exit_code", 2) == 2
    assert there.read_bytes() == b"mine"
    assert luutru(f"{CODE}.1", "-o", tmp_path / "x.pdf", "--dry-run").exit_code == 0
    assert not (tmp_path / "x.pdf").exists()


def test_the_same_sheets_are_the_same_bytes() -> None:
    sheets = [Printed(Sheet("D", CODE, 2, 4), "Quy chế")]
    assert sheets_pdf(sheets, MADE) == sheets_pdf(sheets, MADE)
