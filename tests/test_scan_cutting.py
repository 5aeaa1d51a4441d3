"""Pages are taken out of a scan without a change, and no page of a plan is lost or twice."""

from __future__ import annotations

import contextlib
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from archive.findings import Level
from archive.settings import Settings
from ingest.item import Context, Item, Part
from ingest.sources.scan_cutting import NotCopiedError, bears_signature, cut
from ingest.sources.scan_plan import plan, ranges
from ingest.sources.scan_splitting import pages_told, unfold
from ingest.stages.compare import compare
from tests import scanned_sheets as scans
from tests.conftest import NIGHT, ROOT
from tests.scanned_sheets import CODE, page


@pytest.mark.parametrize(("compression", "big"), [
    ("raw", False), ("raw", True), ("tiff_lzw", False), ("tiff_adobe_deflate", False), ("jpeg", False),
    ("packbits", False), ("group4", False)])
def test_pages_of_a_tiff_are_copied_without_a_change(tmp_path: Path, compression: str, big: bool) -> None:
    noise = np.random.default_rng(5)
    pages = [Image.fromarray(noise.integers(0, 255, (120, 90, 3), dtype="uint8")) for _ in range(4)]
    pages = [one.convert("1") for one in pages] if compression == "group4" else pages
    source = tmp_path / "all.tif"
    pages[0].save(source, save_all=True, append_images=pages[1:], compression=compression, dpi=(200, 200), big_tiff=big)
    assert source.read_bytes()[2] == (43 if big else 42)
    one, two = tmp_path / "1.tif", tmp_path / "2.tif"
    cut([source], [([(1, 2), (1, 3)], one), ([(1, 4)], two)])
    with Image.open(source) as whole, Image.open(one) as part:
        assert part.n_frames == 2                                                   # type: ignore[attr-defined]
        for here, there in ((0, 1), (1, 2)):
            part.seek(here)
            whole.seek(there)
            assert np.array_equal(np.asarray(part), np.asarray(whole))
            assert (part.info["dpi"], part.info["compression"]) == (whole.info["dpi"], whole.info["compression"])


def test_a_damaged_file_is_not_cut(tmp_path: Path) -> None:
    whole = scans.tiff(tmp_path / "x.tif", [page(1), page(2)], "group4").read_bytes()
    dice = random.Random(3)
    for n in range(150):
        spoilt = bytearray(whole)
        for _ in range(dice.randint(1, 6)):
            spoilt[dice.randrange(len(spoilt))] = dice.randrange(256)
        place = tmp_path / f"{n}.tif"
        place.write_bytes(spoilt[:dice.choice((len(whole), len(whole) // 2))])
        with contextlib.suppress(NotCopiedError):
            cut([place], [([(1, 1)], tmp_path / f"{n}-1.tif"), ([(1, 2)], tmp_path / f"{n}-2.tif")])
    pdf = scans.pdf(tmp_path / "x.pdf", [page(1)])
    for pages in ([(1, 2)], [(2, 1)]):
        with pytest.raises(NotCopiedError):
            cut([pdf], [(pages, tmp_path / "no.pdf")])


def test_a_signed_scan_is_not_taken_apart(tmp_path: Path) -> None:
    signed = next((ROOT / "samples" / "inbox" / "van-ban-den").glob("87-*.pdf"))
    assert bears_signature(signed)
    assert not bears_signature(scans.pdf(tmp_path / "x.pdf", [page(1)]))
    sheets = [{"file": 1, "page": 1, "kind": "D", "code": CODE, "ordinal": 1, "count": 0}]
    item = Item("0" * 16, "inbox", "x.pdf", tmp_path, [Part("x.pdf", "original", signed, 1, "", "")], NIGHT, facts={
        "sheets": {"pages": [2], "sheets": sheets, "damaged": [], "blank": []}})
    assert [one.code for one in unfold(item, Context(Settings(), NIGHT.date(), NIGHT))] == ["SCAN-038"]
    assert item.facts["package"] == {"unfolded": False}, "it waits whole"
    item.facts["accepted"] = ["SCAN-038"]
    unfold(item, Context(Settings(), NIGHT.date(), NIGHT))
    assert "package" not in item.facts, "a person answered: it goes on as one document"


sheets_and_pages = st.lists(st.one_of(
    st.just("page"), st.just("blank"), st.just("damaged"),
    st.tuples(st.sampled_from("FDB"), st.integers(1, 4), st.integers(0, 3))), min_size=1, max_size=14)


@given(sheets_and_pages)
def test_whatever_stands_in_a_scan_no_page_is_lost_or_twice(stack: list[Any]) -> None:
    noted: dict[str, Any] = {"pages": [len(stack)], "sheets": [], "damaged": [], "blank": []}
    for number, one in enumerate(stack, 1):
        place = {"file": 1, "page": number}
        if one == "blank":
            noted["blank"].append(place)
        elif one == "damaged":
            noted["damaged"].append({**place, "why": "unread"})
        elif one != "page":
            kind, ordinal, count = one
            noted["sheets"].append({**place, "kind": kind, "code": CODE, "ordinal": ordinal if kind == "D" else 0,
                                    "count": count})
    order = [(1, number) for number in range(1, len(stack) + 1)]
    made = plan("x.pdf", noted, order, [])
    assert all(1 <= int(one.params["page"]) <= len(stack) for one in made.findings)
    if made.by and not any(one.level >= Level.refused for one in made.findings):
        places = [place for one in made.cuts for place in one.pages] + made.sheets + made.backs
        assert sorted(places) == order
        assert all(one.pages for one in made.cuts)
        assert pages_told(ranges(order)) == order


def test_a_sheet_that_ocr_alone_can_read_holds_its_document(tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text("QUYẾT ĐỊNH\fTỜ PHÂN CÁCH: BẮT ĐẦU MỘT VĂN BẢN\nH99.2026.03.VTLT\n3\f"
                                       + "văn bản hướng dẫn về tờ phân cách " * 40, encoding="utf-8")
    item = Item("0" * 16, "inbox", "x.pdf", tmp_path, [], NIGHT, facts={
        "digitise": {"scan": True, "pages": [{"page": n} for n in (1, 2, 3)]}})
    context = Context(Settings(), NIGHT.date(), NIGHT)
    assert [(one.code, one.params["page"]) for one in compare(item, context)] == [("SCAN-029", "2")]
    item.facts["sheets"] = {"sheets": [{"page": 2}], "damaged": []}
    assert compare(item, context) == []


def test_blank_backs_explain_pages_that_the_list_does_not_count(tmp_path: Path) -> None:
    pages = [{"page": n, "blank": n in (2, 4)} for n in range(1, 5)]
    item = Item("0" * 16, "inbox", "x.pdf", tmp_path, [], NIGHT, facts={
        "digitise": {"scan": True, "pages": pages}, "registry": {"numberOfPage": "2"}})
    context = Context(Settings(), NIGHT.date(), NIGHT)
    assert [(one.code, one.level) for one in compare(item, context)] == [("SCAN-036", Level.note)]
    item.facts["registry"] = {"numberOfPage": "3"}
    assert [(one.code, one.level) for one in compare(item, context)] == [("SCAN-036", Level.warning)]
    item.facts |= {"registry": {}, "registry_line": {"sheets": "2"}}
    assert compare(item, context) == []
    item.facts["registry_line"] = {"sheets": "1"}
    assert [one.code for one in compare(item, context)] == ["SCAN-036"]
