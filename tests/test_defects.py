"""The share of faulty scans, as NĐ 31/2026/NĐ-CP Điều 12 asks for it, from the catalogue alone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from archive import clock, i18n, model, opening
from archive.findings import Level, finding, rules
from archive.fixity import places
from archive.opening import Archive
from archive.settings import CopiesSettings
from cli import luutru
from ingest import digitised, report, report_page
from ingest.digitise import defects
from ingest.digitise.defects import Row, band_of
from tests.stored_documents import FILE, store_documents

BATCH = "2026-11-20.1"


# --- figures ------------------------------------------------------------------------------------------


def test_every_code_is_a_known_finding_and_of_one_kind_only() -> None:
    listed = [code for kind in defects.kinds().values() for code in kind.codes]
    assert len(listed) == len(set(listed)) and set(listed) <= set(rules())
    assert all(rules()[code].level >= Level.warning for kind in defects.kinds().values() if kind.counted
               for code in kind.codes)
    assert {kind.of for kind in defects.kinds().values()} == {"scan", "catalogue"}


def test_a_document_counts_once_however_many_errors_it_has() -> None:
    rows = [Row("a", "DIGITISE-001", "1, 3–4"), Row("a", "DIGITISE-021", "4"), Row("a", "DIGITISE-047"),
            Row("b", "DIGITISE-006", "1"), Row("c", "DIGITISE-004", "1"), Row("x", "DIGITISE-001", "1")]
    found = defects.defects(rows, {"a": 5, "b": 2, "c": 3})
    assert (found.documents, found.pages, found.faulty, found.faulty_pages) == (3, 10, 1, 5)
    assert dict(found.kinds) == {"resolution": 1, "name": 1, "picture": 1}
    assert found.rate == pytest.approx(100 / 3) and found.page_rate == 50


def test_pages_that_a_document_does_not_have_count_for_none() -> None:
    assert defects.defects([Row("a", "DIGITISE-001", "7–9")], {"a": 3}).faulty_pages == 3
    assert defects.defects([Row("a", "DIGITISE-001", "2–9")], {"a": 3}).faulty_pages == 2


@pytest.mark.parametrize(("rate", "article"), [
    (0.01, "Điều 12.1"), (0.99, "Điều 12.1"), (1.0, "Điều 12.2"), (1.49, "Điều 12.2"), (1.5, "Điều 12.3"),
    (1.99, "Điều 12.3"), (2.0, None), (50.0, None)])
def test_the_band_holds_from_its_lower_threshold_to_under_the_upper(rate: float, article: str | None) -> None:
    band = band_of(rate)
    assert (band is None) == (article is None)
    assert band is None or article is None or band.article.endswith(article)


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.sampled_from(sorted(rules())), st.text(max_size=8))),
       st.dictionaries(st.sampled_from("abcd"), st.integers(0, 9)))
def test_a_rate_is_a_share(rows: list[tuple[str, str, str]], scanned: dict[str, int]) -> None:
    found = defects.defects([Row(*row) for row in rows], scanned)
    assert 0 <= found.faulty <= found.documents and 0 <= found.faulty_pages <= found.pages
    assert (found.rate is None) == (not scanned)


# --- from the catalogue --------------------------------------------------------------------------------


@pytest.fixture
def scans(archive: Archive) -> Iterator[Archive]:
    """Four documents of one night: three scans, of which one is signed and one at 150 dpi, and one born digital."""
    store_documents(archive, [{"subject": f"Văn bản số {n}"} for n in range(4)])
    with archive.catalogue.session() as session:
        session.add(model.Batch(id=BATCH, night="2026-11-20", started_at=clock.stamp(clock.now()), finished_at="",
                                summary={}))
        documents = session.scalars(select(model.Document).order_by(model.Document.ordinal)).all()
        for number, row in enumerate(documents[:3], 1):
            row.pages = 2
            session.add(model.File(document=row.code, path=f"a{number}.pdf", role="access", name="access.pdf",
                                   format="pdf", size=1, sha256=f"{number:064}", sha512=f"{number:0128}"))
        documents[0].legal_value = "signed_copy"
        for row in (documents[1], documents[3]):
            one = finding("DIGITISE-001", "quet.pdf", pages="2", dpi=150, limit=200)
            session.add(model.ItemFinding(item=row.item, n=1, code=one.code, level=one.level.name, subject=one.subject,
                                          params=dict(one.params)))
        session.commit()
    yield archive


def with_copies(archive: Archive, *folders: Path) -> Archive:
    copies = CopiesSettings(places=[str(folder) for folder in folders])
    return replace(archive, settings=archive.settings.model_copy(update={"copies": copies}))


def told(archive: Archive, **asked: str) -> list[dict[str, Any]]:
    with archive.catalogue.session() as session:
        return [digitised.as_dict(one) for one in digitised.build(session, archive, **asked)]


def test_only_scans_are_counted_and_the_unsigned_are_told(scans: Archive) -> None:
    one, = told(scans)
    assert (one["batch"], one["fonds"], one["documents"], one["pages"]) == (BATCH, "H99", 3, 6)
    assert (one["faulty"], one["faulty_pages"], one["unsigned"], one["waiting"]) == (1, 1, 2, 0)
    assert one["rate"] == pytest.approx(33.3333, abs=0.001) and one["band"] is None
    assert [kind["kind"] for kind in one["kinds"]] == ["resolution"]


def test_batch_and_fonds_choose(scans: Archive) -> None:
    assert told(scans, batch=BATCH, fonds="H99") == told(scans)
    assert told(scans, batch="2026-11-19.1") == [] and told(scans, fonds="H98") == []


def test_a_scan_that_waits_for_its_metadata_is_a_faulty_one(scans: Archive) -> None:
    with scans.catalogue.session() as session:
        session.add(model.Item(id="w", source="inbox", name="w.pdf", size=1, sha256="0" * 64, sha512="0" * 128,
                               received_at="2026-11-20T10:00:00Z", legal_received_at="2026-11-20T10:00:00Z",
                               receipt_rule="LS", batch=BATCH, state="quarantine", fields={},
                               facts={"digitise": {"scan": True, "pages": [{}, {}]}}))
        session.add(model.ItemFinding(item="w", n=1, code="FILE-001", level="refused", subject="w.pdf", params={}))
        session.commit()
    waiting, stored = sorted(told(scans), key=lambda one: one["fonds"])
    assert (waiting["fonds"], waiting["waiting"], waiting["documents"], waiting["faulty"]) == ("", 1, 1, 1)
    assert waiting["kinds"][0]["kind"] == "metadata" and stored["documents"] == 3


def test_without_a_copy_the_backup_is_not_checked(scans: Archive) -> None:
    assert told(scans)[0]["without_backup"] is None


def test_scans_that_all_wait_do_not_make_an_archive_without_copies_backed_up(archive: Archive) -> None:
    with archive.catalogue.session() as session:
        session.add(model.Item(id="w", source="inbox", name="w.pdf", size=1, sha256="0" * 64, sha512="0" * 128,
                               received_at="2026-11-20T10:00:00Z", legal_received_at="2026-11-20T10:00:00Z",
                               receipt_rule="LS", batch=BATCH, state="quarantine", fields={},
                               facts={"digitise": {"scan": True, "pages": [{}]}}))
    with archive.catalogue.session() as session:
        parts = digitised.build(session, archive)
    assert [one.without_backup for one in (*parts, digitised.total(parts))] == [None, None]


def test_a_rate_is_written_as_people_write_it() -> None:
    found = defects.defects([Row("a", "FILE-001", "")], dict.fromkeys("abcdefghi", 1))
    assert "11,11 %" in digitised.rate_sentence(found)
    i18n.use("en")
    assert "11.11 %" in digitised.rate_sentence(found)


def test_what_a_copy_does_not_hold_is_without_backup(scans: Archive, tmp_path: Path) -> None:
    scans = with_copies(scans, tmp_path / "ban sao")
    assert told(scans)[0]["without_backup"] == 3
    place, = places.copies(scans.settings)
    folder = scans.store.folder(f"urn:luutru:casefile:{FILE}").relative_to(scans.store.root).as_posix()
    places.note(scans.settings, place, places.Known(objects={folder: (1, "x")}), None)
    assert told(scans)[0]["without_backup"] == 0
    both = with_copies(scans, tmp_path / "ban sao", tmp_path / "hai")
    assert told(both)[0]["without_backup"] == 3            # every copy, not one of them


# --- how it is shown ------------------------------------------------------------------------------------


def run(archive: Archive, *args: str) -> Any:
    i18n.use("en")
    return CliRunner().invoke(luutru, ["--root", str(archive.settings.root), "report", *args], catch_exceptions=False)


def test_the_command_tells_the_rate_and_how_it_is_read(scans: Archive) -> None:
    shown = run(scans, "digitised", "--json")
    assert shown.exit_code == 0 and json.loads(shown.output)["total"]["faulty"] == 1
    assert run(scans, "digitised", "--batch", "2001-01-01.1").exit_code == 2
    assert run(scans, "digitised", "--fonds", "H01").exit_code == 2
    words = run(scans, "digitised").output
    assert "33,33 %" in words and BATCH in words and "31/2026" in words


def test_the_nights_report_is_still_shown_by_report_alone_or_with_its_batch(scans: Archive) -> None:
    for args in ((), (BATCH,), ("night", BATCH)):
        assert json.loads(run(scans, *args, "--json").output)["batch"] == BATCH
    assert run(scans, "2001-01-01.1").exit_code == 2
    assert "digitised" in run(scans, "--help").output


def test_the_morning_page_tells_what_was_digitised(scans: Archive) -> None:
    made = report.build(scans, BATCH)
    assert report.as_dict(made)["digitised"][0]["documents"] == 3
    i18n.use("en")
    assert "33.33 %" in report_page.render(made) and "31/2026" in report_page.render(made)
    with scans.catalogue.session() as session:
        for row in session.scalars(select(model.File).where(model.File.role == "access")):
            session.delete(row)
        for document in session.scalars(select(model.Document)):
            document.legal_value = "signed_original"
        session.commit()
    assert "31/2026" not in report_page.render(report.build(scans, BATCH))


def test_an_empty_archive_says_that_nothing_was_digitised(tmp_path: Path) -> None:
    made = opening.make_archive(tmp_path / "kho", {"agency": {"code": "H99", "name": "Sở Nội vụ tỉnh Mẫu"}})
    shown = run(made, "digitised", "--json")
    made.close()
    assert json.loads(shown.output)["total"]["rate"] is None
