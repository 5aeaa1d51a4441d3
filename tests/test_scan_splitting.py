"""Long scans become documents: nothing lost, nothing twice, the received file kept once and whole."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pikepdf
import pytest
from PIL import Image
from sqlalchemy import select

from archive import catalogue, clock, layout, model, opening
from archive.rebuild import rebuild
from ingest import intake, nightly
from ingest.releasing import release
from tests import scanned_sheets as scans
from tests.conftest import NIGHT
from tests.scan_nights import LIST, Done, make
from tests.scanned_sheets import CODE, page, sheet

OTHER = "H99.2026.01.VTLT"       # the case file of the scans with a fault
GOOD = "quet/dot1.pdf"


def torn() -> Image.Image:
    """A sheet whose payload is not what was printed: a checksum that is wrong, on both codes."""
    import zxingcpp

    made = page(1).copy()
    code = np.asarray(zxingcpp.write_barcode_to_image(zxingcpp.create_barcode(
        f"LUUTRU1;D;{OTHER};2;;0000", zxingcpp.BarcodeFormat.QRCode), scale=14))
    made.paste(Image.fromarray(code), (300, 1000))
    return made


def two_codes() -> Image.Image:
    made = sheet("D", 1, OTHER).copy()
    made.paste(sheet("D", 2, OTHER).crop((480, 700, 1180, 1400)).resize((420, 420)), (1150, 60))
    return made


# What is laid in, and the code that holds it; none: it is split or taken in.
TROUBLES: dict[str, tuple[list[Callable[[], Image.Image]], str]] = {
    "quet/SCAN-020.pdf": ([lambda: sheet("D", 1, OTHER), lambda: page(1), torn, lambda: page(2)], "SCAN-020"),
    "quet/SCAN-021.pdf": ([two_codes, lambda: page(1)], "SCAN-021"),
    "quet/SCAN-022.pdf": ([lambda: page(1), lambda: sheet("D", 1, OTHER), lambda: page(2)], "SCAN-022"),
    "quet/SCAN-023.pdf": ([lambda: sheet("D", 1, OTHER), lambda: sheet("D", 2, OTHER), lambda: page(2)], "SCAN-023"),
    "quet/SCAN-024.pdf": ([lambda: sheet("F", 0, OTHER), lambda: sheet("D", 1, "H99.2026.02.VP"),
                           lambda: page(2)], "SCAN-024"),
    "quet/SCAN-025.pdf": ([lambda: sheet("F", 0, OTHER, 3), lambda: sheet("D", 1, OTHER), lambda: page(2)], "SCAN-025"),
    "quet/SCAN-026.pdf": ([lambda: sheet("D", 1, OTHER), lambda: page(1), lambda: sheet("D", 1, OTHER),
                           lambda: page(2)], "SCAN-026"),
    "quet/SCAN-027.pdf": ([lambda: sheet("D", 1, OTHER), lambda: page(1), lambda: sheet("D", 3, OTHER),
                           lambda: page(2)], "SCAN-027"),
    "quet/SCAN-028.pdf": ([lambda: sheet("D", 1, OTHER, count=2), lambda: page(1)], "SCAN-028"),
    "quet/SCAN-030.pdf": ([lambda: sheet("D", 51, OTHER), lambda: page(1)], "SCAN-030"),
    "quet/SCAN-031.pdf": ([lambda: sheet("D", 61, OTHER), lambda: page(1)], "SCAN-031"),
    "quet/SCAN-033.pdf": ([lambda: page(1), lambda: page(2), lambda: page(3)], "SCAN-033"),
    "quet/SCAN-034.tif": ([lambda: page(1), lambda: page(2)], "SCAN-034"),
    "quet/SCAN-037.pdf": ([lambda: sheet("D", 1, "H99.2026.77.VP"), lambda: page(8)], "SCAN-037"),
}
ROWS = ("H99.2026.03.VTLT.0000001.pdf;;;1;QĐ-SNV;01/10/2026;Sở Nội vụ tỉnh Mẫu;Ban hành quy chế số 1;2",
        f"dot1.pdf;{CODE};2;3;QĐ-SNV;03/10/2026;Sở Nội vụ tỉnh Mẫu;Ban hành quy chế số 3;1",
        "hai.tif;H99.2026.02.VP;;4;QĐ-SNV;04/10/2026;Sở Nội vụ tỉnh Mẫu;Ban hành quy chế số 4;1",
        "hai.tif;H99.2026.02.VP;;5;QĐ-SNV;05/10/2026;Sở Nội vụ tỉnh Mẫu;Kế hoạch kiểm tra an toàn đập thủy điện;2",
        f"{OTHER}.0000051.pdf;;;51;QĐ-SNV;05/10/2026;Sở Nội vụ tỉnh Mẫu;Ban hành quy chế số 51;4",
        f"SCAN-031.pdf;{OTHER};61;61;QĐ-SNV;06/10/2026;Sở Nội vụ tỉnh Mẫu;Ban hành quy chế số 61;1",
        f"SCAN-031.pdf;{OTHER};62;62;QĐ-SNV;06/10/2026;Sở Nội vụ tỉnh Mẫu;Ban hành quy chế số 62;1",
        "SCAN-033.pdf;H99.2026.01.VP;;71;QĐ-SNV;07/10/2026;Sở Nội vụ tỉnh Mẫu;Ban hành quy chế số 71;1",
        "SCAN-033.pdf;H99.2026.01.VP;;72;QĐ-SNV;08/10/2026;Sở Nội vụ tỉnh Mẫu;Ban hành quy chế số 72;1",
        "SCAN-034.tif;H99.2026.01.VP;;73;QĐ-SNV;07/10/2026;Sở Nội vụ tỉnh Mẫu;Ban hành quy chế số 73;0",
        "SCAN-034.tif;H99.2026.01.VP;;74;QĐ-SNV;08/10/2026;Sở Nội vụ tỉnh Mẫu;Ban hành quy chế số 74;2",
        "le.pdf;H99.2026.01.VP;;9;QĐ-SNV;09/10/2026;Sở Nội vụ tỉnh Mẫu;Ban hành quy chế số 9;5")




def lay_in(root: Path) -> dict[str, bytes]:
    """The inbox of the night that most tests look at; what was laid in."""
    inbox = root / "inbox"
    scans.pdf(inbox / GOOD, [sheet("F", count=2), sheet("D", 1, count=2), page(1), page(2), sheet("D", 2),
                             scans.blank(), page(3)])
    scans.tiff(inbox / "quet/hai.tif", [page(4), page(5), page(6)])
    scans.pdf(inbox / "quet/le.pdf", [scans.other_code("https://hoadon.example/tra-cuu?id=LUUTRU1"), scans.blank()])
    for name, (pages, _code) in TROUBLES.items():
        (scans.pdf if name.endswith("pdf") else scans.tiff)(inbox / name, [one() for one in pages])
    (inbox / "quet/ds.csv").write_text("\n".join((LIST, *ROWS)), encoding="utf-8-sig")
    return {path.relative_to(inbox).as_posix(): path.read_bytes() for path in inbox.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LUUTRU_INGEST__SETTLE_SECONDS", "0")
        patch.setattr(clock, "now", lambda: NIGHT)
        archive = make(tmp_path_factory.mktemp("scans") / "kho")
        received = lay_in(archive.settings.root)
        nightly.run(archive)
        yield Done(archive, received)
        archive.close()


def test_a_scan_with_sheets_becomes_its_documents(done: Done) -> None:
    assert done.row(GOOD).state == "package"
    first = done.record(f"{GOOD}/{CODE}.0000001.pdf")
    second = done.record(f"{GOOD}/{CODE}.0000002.pdf")
    assert [first["pages"], second["pages"]] == [2, 1]
    assert [first["fields"]["codeNumber"], second["fields"]["codeNumber"]] == ["1", "3"]
    assert first["facts"]["scan"]["pages"] == [[1, 3, 4]]
    assert second["facts"]["scan"]["pages"] == [[1, 7, 7]], "the blank back of the sheet belongs to no document"
    assert first["facts"]["registry_line"] == {"list": "quet/ds.csv", "line": 2}


def test_the_received_scan_is_kept_once_and_whole(done: Done) -> None:
    row = done.row(GOOD)
    held = layout.scan_object(row.id)
    told = json.loads(done.archive.store.read(held, layout.SCAN))
    assert done.archive.store.read(held, told["files"][0]["path"]) == done.received[GOOD]
    places = [object_id for object_id in done.archive.store.objects() for content in
              done.archive.store.files(object_id).values() if content.sha256 == row.sha256]
    assert places == [held]
    everything = sorted(place for one in told["documents"] for place in one["pages"]) + told["sheets"] + told["backs"]
    pages = sorted(page for _file, first, last in everything for page in range(first, last + 1))
    assert pages == list(range(1, 8)), "every page is a document's, a sheet, or the back of one; none is two"
    assert done.record(f"{GOOD}/{CODE}.0000001.pdf")["facts"]["scan"]["sources"][0]["sha256"] == row.sha256
    assert not intake.folder(done.archive.settings, row.id).exists()
    assert list(done.archive.store.verify(held)) == []


def test_the_pictures_of_a_part_are_those_of_the_scan(done: Done, tmp_path: Path) -> None:
    (tmp_path / "all.pdf").write_bytes(done.received[GOOD])
    record = done.record(f"{GOOD}/{CODE}.0000001.pdf")
    original = next(file["path"] for file in record["files"] if file["role"] == "original")
    (tmp_path / "part.pdf").write_bytes(done.archive.store.read(layout.casefile_object(CODE), original))

    def raw(path: Path, number: int) -> bytes:
        with pikepdf.open(path) as pdf:
            (image,) = pdf.pages[number].Resources.XObject.values()
            return bytes(image.read_raw_bytes())

    assert [raw(tmp_path / "part.pdf", n) for n in (0, 1)] == [raw(tmp_path / "all.pdf", n) for n in (2, 3)]
    assert (tmp_path / "part.pdf").stat().st_size < len(done.received[GOOD]) * 2 / 5


def test_a_scan_without_sheets_is_split_by_the_page_counts_of_the_list(done: Done) -> None:
    one, two = (done.record(f"quet/hai.tif/H99.2026.02.VP.000000{n}.tif") for n in (1, 2))
    assert [one["pages"], two["pages"]] == [1, 2]
    assert [one["fields"]["codeNumber"], two["fields"]["codeNumber"]] == ["4", "5"]
    assert one["facts"]["scan"]["by"] == "counts"


def test_another_code_on_a_letter_is_no_sheet(done: Done) -> None:
    assert done.row("quet/le.pdf").state == "stored"
    assert "scan" not in done.record("quet/le.pdf")["facts"]


@pytest.mark.parametrize(("name", "code"), [(name, code) for name, (_pages, code) in TROUBLES.items()])
def test_what_is_not_sure_is_not_split_and_waits_whole(done: Done, name: str, code: str) -> None:
    row = done.row(name)
    assert row.state == "quarantine"
    assert code in done.codes(name)
    held = next(path for path in (intake.folder(done.archive.settings, row.id) / "received").iterdir())
    assert held.read_bytes() == done.received[name]
    (found,) = {one.params["page"] for one in done.findings(name) if one.code == code}
    assert 1 <= int(found) <= len(TROUBLES[name][0])
    with done.archive.catalogue.session() as session:
        assert session.scalar(select(model.Item.id).where(model.Item.name.startswith(f"{name}/"))) is None


def test_the_page_of_a_finding_is_the_page_to_be_shown(done: Done) -> None:
    def where(name: str, code: str) -> tuple[str, str]:
        found = next(one for one in done.findings(f"quet/{name}.pdf") if one.code == code)
        return found.params["part"], found.params["page"]

    assert where("SCAN-020", "SCAN-020") == ("0", "3")
    assert where("SCAN-022", "SCAN-022") == ("0", "1")
    assert where("SCAN-027", "SCAN-027") == ("0", "3")
    assert next(one for one in done.findings("quet/SCAN-033.pdf") if one.code == "SCAN-033").params[
        "difference"] == "+1"


def test_the_list_is_held_against_pages_and_text(done: Done) -> None:
    assert "SCAN-036" in done.codes("quet/le.pdf"), "five pages are stated, two came"
    assert "SCAN-039" in done.codes("quet/hai.tif/H99.2026.02.VP.0000002.tif"), "the abstract is of another document"
    assert "SCAN-039" not in done.codes("quet/hai.tif/H99.2026.02.VP.0000001.tif")
    assert "SCAN-032" in done.codes("quet/ds.csv"), "scans beside the list that no row names"
    assert "LIST-003" not in done.codes("quet/ds.csv")


def test_nothing_is_in_the_inbox_and_every_file_has_its_place(done: Done) -> None:
    assert [path for path in (done.archive.settings.root / "inbox").rglob("*") if path.is_file()] == []
    with done.archive.catalogue.session() as session:
        states = {row.name: row.state for row in session.scalars(select(model.Item))}
    assert {states[name] for name in done.received} == {"package", "stored", "quarantine", "list"}


def test_a_rebuild_makes_the_same_catalogue(done: Done) -> None:
    with done.archive.catalogue.session() as session:
        before = catalogue.rows(session)
    with opening.ownership(done.archive):
        rebuild(done.archive)
    with done.archive.catalogue.session() as session:
        after = catalogue.rows(session)
    for one in (*before["document"], *after["document"]):
        one.pop("indexed")
    assert before == after


def test_who_answers_lets_a_scan_be_split_or_taken_in_as_one(done: Done, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: NIGHT)
    archive = done.archive
    for name, code, values in (("quet/SCAN-027.pdf", "SCAN-027", {}), ("quet/SCAN-022.pdf", "SCAN-022",
                                                                       {"fileCode": "H99.2026.01.VP"}),
                               ("quet/SCAN-037.pdf", "", {"fileCode": "H99.2026.02.VP"})):
        with opening.ownership(archive):
            release(archive, done.row(name), values, by="thu", accepted=[code] if code else [], reason="đã đối chiếu")
    nightly.run(archive)
    assert done.row("quet/SCAN-027.pdf").state == "package"
    assert done.row(f"quet/SCAN-027.pdf/{OTHER}.0000003.pdf").state == "stored"
    assert done.row("quet/SCAN-022.pdf").state == "stored"
    assert done.record("quet/SCAN-022.pdf")["pages"] == 3
    assert done.row("quet/SCAN-037.pdf/H99.2026.77.VP.0000001.pdf").document.startswith("H99.2026.02.VP.")
