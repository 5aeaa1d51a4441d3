"""Scans that come page by page: a folder of pictures becomes documents, and every page keeps its bytes."""

from __future__ import annotations

import io
import json
import shutil
from pathlib import Path

import pikepdf
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from archive import clock, layout, opening
from archive.findings import finding
from archive.fixity import checking
from archive.settings import Settings, load
from ingest import nightly
from ingest.releasing import release
from ingest.sources.inbox import Waiting
from ingest.sources.scan_cutting import NotCopiedError, cut
from ingest.sources.scan_pages import doubts, joined, page_of
from tests import scanned_sheets as scans
from tests.conftest import NIGHT
from tests.scan_nights import LIST, Done, make
from tests.scanned_sheets import CODE, DPI, page, sheet

ONE, PILE, FLAT = f"quet/{CODE}.0000007", f"quet/{CODE}", f"quet/{CODE}.8"
HOLED = f"quet/{CODE}.0000009"


def png(picture: Image.Image) -> bytes:
    out = io.BytesIO()
    picture.copy().save(out, "PNG", dpi=(DPI, DPI))
    return out.getvalue()


def lay_in(inbox: Path) -> dict[str, bytes]:
    """A document in two pictures, a pile with sheets, files that name their page, and a scan without its page 2."""
    laid = {f"{ONE}/1.jpg": scans.jpeg(page(1)), f"{ONE}/002.png": png(page(2)),
            f"{PILE}/001.jpg": scans.jpeg(sheet("D", 1)), f"{PILE}/002.jpg": scans.jpeg(page(3)),
            f"{PILE}/003.jpg": scans.jpeg(sheet("D", 2)), f"{PILE}/004.jpg": scans.jpeg(page(4)),
            f"{FLAT}-p001.jpg": scans.jpeg(page(5)), f"{FLAT}-p002.jpg": scans.jpeg(page(6)),
            f"{HOLED}/001.jpg": scans.jpeg(page(7)), f"{HOLED}/003.jpg": scans.jpeg(page(8))}
    for name, data in laid.items():
        (inbox / name).parent.mkdir(parents=True, exist_ok=True)
        (inbox / name).write_bytes(data)
    (inbox / "quet/ds.csv").write_text("\n".join([
        LIST, f"{CODE}.0000007;;;1;QĐ-SNV;01/10/2026;Sở Nội vụ;Ban hành quy chế số 1;2"]), encoding="utf-8-sig")
    return laid


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clock, "now", lambda: NIGHT)
        archive = make(tmp_path_factory.mktemp("pages") / "kho", {"ingest": {"settle_seconds": 0}})
        received = lay_in(archive.settings.root / "inbox")
        nightly.run(archive)
        yield Done(archive, received)
        archive.close()


def kept(done: Done, name: str) -> dict[str, bytes]:
    """The received files in the object of a scan."""
    held = layout.scan_object(done.row(f"{name}.pdf").id)
    told = json.loads(done.archive.store.read(held, layout.SCAN))
    return {one["name"]: done.archive.store.read(held, one["path"]) for one in told["files"]}


def test_a_folder_of_pictures_is_one_document(done: Done) -> None:
    record = done.record(f"{ONE}.pdf/{CODE}.0000007.pdf")
    assert record["pages"] == 2
    assert record["fields"]["codeNumber"] == "1", "the list's row found it by the folder's name"
    assert record["fields"]["fileCode"] == CODE
    assert record["facts"]["scan"]["by"] == "pages"
    assert record["facts"]["scan"]["pages"] == [[1, 1, 1], [2, 1, 1]]
    assert kept(done, ONE) == {"1.jpg": done.received[f"{ONE}/1.jpg"], "002.png": done.received[f"{ONE}/002.png"]}


def test_the_data_of_a_picture_are_not_compressed_anew(done: Done) -> None:
    record = done.record(f"{ONE}.pdf/{CODE}.0000007.pdf")
    path = next(file["path"] for file in record["files"] if file["role"] == "original")
    with pikepdf.open(io.BytesIO(done.archive.store.read(layout.casefile_object(CODE), path))) as made:
        (first,) = made.pages[0].get_images().values()
        assert first.read_raw_bytes() == done.received[f"{ONE}/1.jpg"]
        assert round(float(made.pages[0].mediabox[2]) / 72 * 25.4) == 210
        (second,) = made.pages[1].get_images().values()
        drawn = pikepdf.PdfImage(second).as_pil_image().convert("RGB")
    with Image.open(io.BytesIO(done.received[f"{ONE}/002.png"])) as sent:
        assert drawn.tobytes() == sent.convert("RGB").tobytes()


def test_sheets_among_the_pictures_part_the_documents_of_a_pile(done: Done) -> None:
    first, second = (done.record(f"{PILE}.pdf/{CODE}.000000{n}.pdf") for n in (1, 2))
    assert [first["facts"]["scan"]["pages"], second["facts"]["scan"]["pages"]] == [[[2, 1, 1]], [[4, 1, 1]]]
    assert len(kept(done, PILE)) == 4, "the pictures of the sheets are kept as well"


def test_pages_named_by_number_in_one_folder_are_one_document(done: Done) -> None:
    assert done.record(f"{FLAT}.pdf/{CODE}.0000008.pdf")["pages"] == 2
    assert list(kept(done, FLAT)) == [f"{CODE}.8-p001.jpg", f"{CODE}.8-p002.jpg"]


def test_nothing_is_left_in_the_inbox_and_all_is_sound(done: Done) -> None:
    assert [path for path in (done.archive.settings.root / "inbox").rglob("*") if path.is_file()] == []
    assert list(checking.faults(done.archive)) == []


def test_a_scan_that_lacks_a_page_waits_until_it_comes(done: Done, tmp_path: Path,
                                                       monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: NIGHT)
    (found,) = [one for one in done.findings(f"{HOLED}.pdf") if one.code == "SCAN-040"]
    assert (found.params["missing"], found.params["twice"]) == ("2", "—")
    for complete in (True, False):
        root = Path(shutil.copytree(done.archive.settings.root, tmp_path / f"kho{complete}"))
        again = Done(opening.open_archive(load(root)), {})
        name = f"{HOLED}.pdf/{CODE}.0000009.pdf"
        if complete:
            for number, data in ((1, done.received[f"{HOLED}/001.jpg"]), (2, scans.jpeg(page(9)))):
                (root / "inbox" / HOLED).mkdir(parents=True, exist_ok=True)
                (root / "inbox" / HOLED / f"00{number}.jpg").write_bytes(data)
        else:
            with opening.ownership(again.archive):
                release(again.archive, again.row(f"{HOLED}.pdf"), {}, by="thu", accepted=["SCAN-040"],
                        reason="đã đếm, đủ trang")
        nightly.run(again.archive)
        assert again.record(name)["pages"] == (3 if complete else 2)
        assert list(kept(again, HOLED)) == [f"00{n}.jpg" for n in ((1, 2, 3) if complete else (1, 3))]
        assert [path for path in (root / "inbox").rglob("*") if path.is_file()] == []
        again.archive.close()


def test_more_pages_than_a_scan_that_was_stored_are_not_lost_as_a_duplicate(done: Done, tmp_path: Path,
                                                                           monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: NIGHT)
    root = Path(shutil.copytree(done.archive.settings.root, tmp_path / "kho"))
    again = Done(opening.open_archive(load(root)), {})
    other = root / "inbox" / f"quet/{CODE}.0000017"
    other.mkdir(parents=True)
    (other / "1.jpg").write_bytes(done.received[f"{ONE}/1.jpg"])
    (other / "2.jpg").write_bytes(scans.jpeg(page(11)))
    nightly.run(again.archive)
    assert again.record(f"quet/{CODE}.0000017.pdf/{CODE}.0000017.pdf")["pages"] == 2
    again.archive.close()


def test_a_page_that_is_still_being_written_keeps_the_scan_in_the_inbox() -> None:
    ready = [Waiting(Path(f"/x/{ONE}/00{n}.jpg"), f"{ONE}/00{n}.jpg") for n in (2, 1)]
    (made,) = joined(ready, Settings(), [])
    assert (made.name, made.path.name, [one.path.name for one in made.pages]) == (f"{ONE}.pdf", "001.jpg", ["002.jpg"])
    assert joined(ready, Settings(), [finding("COLLECT-001", f"{ONE}/003.jpg")]) == []


@pytest.mark.parametrize(("name", "found"), [
    (f"{ONE}/001.jpg", (ONE, 1)), (f"{ONE}/trang 12.PNG", (ONE, 12)), (f"{PILE}/IMG_0003.jpeg", (PILE, 3)),
    (f"quet/{CODE}.7_trang_02.jpg", (f"quet/{CODE}.7", 2)),
    (f"{PILE}/{CODE}.0000008.jpg", None), (f"quet/{CODE}.0000008.jpg", None), ("quet/ảnh/001.jpg", None),
    (f"{ONE}/001.tif", None), (f"{ONE}/bìa.jpg", None), ("IMG_20261110_0004.jpg", None)])
def test_what_is_a_page_says_its_name_and_its_folder(name: str, found: tuple[str, int] | None) -> None:
    assert page_of(name, Settings()) == found
    off = Settings.model_validate({"scans": {"folders": ["khac"]}})
    assert page_of(name, off) is None


@given(st.text(max_size=60))
def test_no_name_is_too_odd_for_a_page(name: str) -> None:
    place = page_of(name, Settings())
    assert place is None or place[1] >= 0


@given(st.lists(st.integers(1, 30), min_size=1, max_size=12))
def test_missing_and_doubled_pages_are_told(have: list[int]) -> None:
    missing, twice = doubts([f"{number:03}.jpg" for number in have])
    assert set(missing) | set(have) == set(range(1, max(have) + 1))
    assert not set(missing) & set(have)
    assert (not twice) == (len(have) == len(set(have)))


def test_a_picture_that_does_not_say_its_resolution_is_not_bound(tmp_path: Path) -> None:
    page(1).copy().save(tmp_path / "1.jpg", "JPEG")
    with pytest.raises(NotCopiedError, match="độ phân giải"):
        cut([tmp_path / "1.jpg"], [([(1, 1)], tmp_path / "x.pdf")])
    (tmp_path / "2.jpg").write_bytes(scans.jpeg(page(1))[:100])
    with pytest.raises(NotCopiedError):
        cut([tmp_path / "2.jpg"], [([(1, 1)], tmp_path / "x.pdf")])
