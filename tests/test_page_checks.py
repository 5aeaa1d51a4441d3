"""The checks on a scan's pictures: what is good passes in silence, each fault is told by its own finding.

A small version of benchmarks/page_checks.py, whose table docs/digitising.md shows.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pikepdf
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from archive.findings import Level, rules
from archive.settings import Settings
from benchmarks import pages_with_faults as made
from benchmarks.page_checks import judged
from benchmarks.pages_with_faults import Scan
from ingest.digitise import names, sheets, telling
from ingest.digitise.judgement import judge
from ingest.digitise.pages import survey
from ingest.digitise.quality import measure
from samples.making import scans, typeset
from samples.making.scans import Look


@cache
def text(face: int = 0) -> Image.Image:
    return made.scanned(made.written(made.FACES[face], 20)[0])


@cache
def letter() -> Image.Image:
    return scans.scanned(typeset.documents()["to-trinh-danh-muc"], Look(), most=1)[0]


SMALL = (80, 56)        # mm of a printed picture: every dot of its screen is drawn
GOOD: list[tuple[str, Callable[[], Image.Image], int]] = [
    ("letter with seal and signature", letter, 200),
    ("text, narrow margins", lambda: made.scanned(made.written(made.FACES[2], 12)[0]), 200),
    ("table", lambda: made.scanned(made.table(18, wide=True)), 200),
    ("map", lambda: made.scanned(made.drawing(1), dpi=300), 300),
    ("photograph to the edge", lambda: made.photograph(0, (152, 102)), 200),
    ("dark photograph", lambda: made.photograph(4, (152, 102)), 200),
    ("printed picture", lambda: made.scanned(made.with_picture(made.printed(2, *made.SCREENS[2], soft=True,
                                                                            size=SMALL))), 200),
    ("ruled paper", lambda: made.scanned(made.ruled(0)), 200),
    ("F4", lambda: made.scanned(made.written(made.FACES[0], 20, paper=(210, 330))[0]), 200),
]


@pytest.mark.parametrize(("make", "dpi"), [one[1:] for one in GOOD], ids=[one[0] for one in GOOD])
def test_a_good_page_brings_no_finding(make: Callable[[], Image.Image], dpi: int) -> None:
    assert judged(Scan("", (make(),), dpi)) == []


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("make", [text, letter])
def test_writing_cut_off_at_a_side_is_told_with_the_side(side: str, make: Callable[[], Image.Image]) -> None:
    found, = judged(Scan("", (make(), made.cut(make(), side, 36))))
    assert (found.code, found.level) == ("DIGITISE-040", Level.warning)
    assert (found.params["pages"], found.params["sides_en"]) == ("2", side)


@pytest.mark.parametrize("side", ["top", "bottom"])
def test_a_line_of_writing_cut_across_is_told(side: str) -> None:
    page = text()
    ink = np.flatnonzero((np.asarray(page.convert("L")) < 120).mean(axis=1) > 0.04)
    middle = int(ink[10]) if side == "top" else page.height - int(ink[-10])
    found, = judged(Scan("", (made.cut(page, side, round(middle / 200 * 25.4)),)))
    assert (found.code, found.params["sides_en"]) == ("DIGITISE-040", side)


def test_a_scanners_border_is_a_note_and_no_cut_writing() -> None:
    found, = judged(Scan("", (made.bordered(text(), "right", 4),)))
    assert (found.code, found.level, found.params["sides_en"]) == ("DIGITISE-041", Level.note, "right")


def test_a_coloured_band_of_a_letterhead_is_no_border() -> None:
    page = text().copy()
    page.paste((20, 60, 170), (0, 0, page.width, 50))
    assert judged(Scan("", (page,))) == []


@pytest.mark.parametrize(("factor", "percent"), [(0.9, "90"), (0.95, "95"), (1.06, "106")])
def test_a_page_that_was_not_scanned_at_100_percent_is_told_at_how_many(factor: float, percent: str) -> None:
    found, = judged(Scan("", (made.resized(text(), factor),)))
    assert (found.code, found.level, found.params["percent"]) == ("DIGITISE-042", Level.note, percent)


def test_a_double_feed_shows_by_its_length() -> None:
    pages = (text(), text(1), text(2), made.longer(text(), text(1), 1.3))
    found, = judged(Scan("", pages))
    assert (found.code, found.params["pages"], found.params["length"]) == ("DIGITISE-043", "4", "386")


def test_half_a_sheet_among_whole_ones_is_noted() -> None:
    half = text().crop((0, 0, 1654, 1169))
    told = {one.code: one.params["pages"] for one in judged(Scan("", (text(), text(1), half, text(2))))}
    assert told["DIGITISE-044"] == "3" and set(told) <= {"DIGITISE-040", "DIGITISE-044"}    # halved through a line


def test_two_sheets_in_one_picture_are_told_but_a_wide_table_is_not() -> None:
    assert [one.code for one in judged(Scan("", (made.beside(text(), text(1)),)))] == ["DIGITISE-045"]
    assert judged(Scan("", (made.scanned(made.table(30, paper="a3", wide=True)),))) == []


def test_a_grey_scan_is_noted_where_the_profile_asks_for_colour_and_a_colourless_colour_scan_is_not() -> None:
    assert [one.code for one in judged(Scan("", (text().convert("L"),)))] == ["DIGITISE-046"]
    assert judged(Scan("", (text().convert("L").convert("RGB"),))) == []


def test_a_pattern_over_a_printed_picture_is_noted() -> None:
    screen = made.SCREENS[2]
    assert [one.code for one in judged(Scan("", (made.scanned(made.with_picture(
        made.printed(2, *screen, soft=False, size=SMALL))),)))] == ["DIGITISE-048"]


def test_a_stretched_page_is_told() -> None:
    page = text()
    flat = page.resize((page.width, page.height // 2))
    found, = judged(Scan("", (flat,), 200, stated=(200, 100)))[:1]
    codes = [one.code for one in judged(Scan("", (flat,), 200, stated=(200, 100)))]
    assert "DIGITISE-049" in codes and "DIGITISE-042" not in codes
    assert found.code == "DIGITISE-001"         # 100 dpi down is under the least


def test_a_photograph_is_neither_faded_nor_dark_but_a_faded_page_is() -> None:
    photograph = measure(np.asarray(made.photograph(4, (152, 102))))
    assert photograph.photograph and not photograph.pale and not photograph.dark
    faded = measure(np.asarray(made.toned(text(), lambda v: 255 - (255 - v) * 0.3)))
    assert not faded.photograph and faded.pale


def test_the_picture_on_a_larger_sheet_is_measured_and_not_the_sheet(tmp_path: Any) -> None:
    with pikepdf.open(io.BytesIO(Scan("", (text(),)).pdf())) as pdf:
        page = pdf.pages[0]
        page.Contents = pdf.make_stream(b"q 535.5 0 0 757.8 30 42 cm /Im0 Do Q")
        pdf.save(tmp_path / "a.pdf")
    seen, = survey(tmp_path / "a.pdf", "pdf", Settings().ingest).pages
    assert sheets.scale(*seen.sheet) == 90 and seen.length_mm == pytest.approx(297, abs=1)


@pytest.mark.parametrize(("name", "told"), [
    ("H99.2026.03.VTLT.0000001.pdf", False), ("H99.2026.03.VTLT.12.pdf", False), ("H99.2026.03.VTLT.pdf", False),
    ("quet/H99.2026.03.VTLT.0000001.pdf", False), ("000.00.15.H51.2019.02.TH.3.pdf", False),
    ("IMG_20261110_0004.jpg", False), ("Quyết định 12.pdf", False), ("2026-03-01 cong van.pdf", False),
    ("H99_2026_03_VTLT_0000001.pdf", True), ("H99.2026.03 VTLT.0000001.pdf", True), ("H99.2026.0000001.tif", True),
    ("H99.2026.03.VTLT.0000001 (2).pdf", True), ("h99-2026-03-VTLT-1.pdf", True)])
def test_a_name_that_is_meant_as_a_code_must_be_one(name: str, told: bool) -> None:
    assert [one.code for one in names.findings(name)] == (["DIGITISE-047"] if told else [])


@pytest.mark.parametrize(("short", "long", "percent"), [
    (210, 297, None), (297, 420, None), (148, 210, None), (210, 330, None), (216, 279, None), (207, 294, None),
    (189, 267, 90), (168, 237.6, 80), (222.6, 314.8, 106), (120, 200, None), (0, 0, None)])
def test_the_scale_is_told_only_of_sheets_of_the_a_series(short: float, long: float, percent: int | None) -> None:
    assert sheets.scale(short, long) == percent


def page(number: int, short: float, long: float) -> dict[str, Any]:
    return {"page": number, "kind": "picture", "dpi": 200.0, "stated": True, "length_mm": long, "colour": "colour",
            "blank": False, "pale": False, "dark": False, "confidence": 95.0, "words": 200, "rotation": 0, "skew": 0.0,
            "sheet": [short, long]}


def test_paper_of_other_sizes_between_the_pages_is_no_double_feed() -> None:
    pages = [page(n, 210, 297) for n in range(1, 6)]
    mixed = [*pages, page(6, 297, 420), page(7, 210, 330), page(8, 90, 120)]
    assert judge("a.pdf", {"pages": mixed}, Settings()) == []
    assert [one.code for one in judge("a.pdf", {"pages": [*pages[:2], page(3, 210, 400)]}, Settings())] \
        == ["DIGITISE-043"]
    assert judge("a.pdf", {"pages": [pages[0], page(2, 210, 400)]}, Settings()) == []      # no usual size of two


def test_every_sentence_is_whole() -> None:
    noted = page(1, 189, 267) | {"cut": ["left", "top"], "border": ["right"], "spread": True, "moire": True,
                                 "colour": "grey", "stretch": 0.0}
    others = [page(n, 210, 297) | {"stretch": 0.0} for n in range(2, 6)]
    tall, half, flat = page(6, 210, 400), page(7, 148, 210), page(8, 210, 297) | {"stretch": 0.5}
    found = judge("H99_2026_01_VP.pdf", {"pages": [noted, *others, tall, half, flat]}, Settings())
    assert sorted({one.code for one in found}) == [f"DIGITISE-0{n}" for n in range(40, 50)]
    for one in found:
        told = one.sentence("vi") + one.sentence("en") + one.cure("vi") + one.cure("en")
        assert "…" not in told and "{" not in told and one.article
        assert rules()[one.code].level in (Level.note, Level.warning)


@given(st.sets(st.integers(1, 80), min_size=1))
def test_told_pages_are_read_back(pages: set[int]) -> None:
    assert telling.pages_of(telling.numbers(pages)) == pages


@given(st.text())
def test_a_text_that_names_no_pages_is_none(text_: str) -> None:
    assert all(isinstance(number, int) for number in telling.pages_of(text_[:6]))


@given(st.text(max_size=60))
def test_no_name_breaks_the_check(name: str) -> None:
    assert len(names.findings(name)) <= 1


def test_a_drawings_steep_lines_are_no_skew() -> None:
    assert [one.code for one in judge("a.pdf", {"pages": [page(1, 210, 297) | {"skew": 3.0}]}, Settings())] \
        == ["DIGITISE-005"]
    assert judge("a.pdf", {"pages": [page(1, 210, 297) | {"skew": 87.5}]}, Settings()) == []


@pytest.mark.parametrize("side", [1, 3, 127, 253, 254, 255, 256, 511])
def test_no_size_of_picture_breaks_the_measuring(side: int) -> None:
    shaded = np.full((side, 1280, 3), 250, np.uint8)
    shaded[:, 300:, :] = np.random.default_rng(1).integers(90, 130, (side, 980, 1))
    for picture in (shaded, np.ascontiguousarray(shaded.swapaxes(0, 1))):
        assert not measure(picture).moire           # grain is no pattern
