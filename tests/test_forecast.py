"""What a night foretells and drills by itself, and what the report tells of backups: all from what was noted."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from archive import clock, i18n, model, opening, settings
from archive.backup import making, media, standing
from archive.catalogue import record
from archive.ledger import Entry
from archive.opening import Archive, ownership
from ingest import nightly, rebuild_drill, report_keeping, restore_test
from ingest.commands.report import promise_sentence
from ingest.forecast import amount, duration, foretell, hour, waiting_sentence
from ingest.pace import FIRST_AFTER, Meter, kind_of, measured
from ingest.report import Promise, build
from ingest.sources.inbox import Waiting
from tests.conftest import NIGHT
from tests.stored_documents import store_documents
from web.pages.forecast import forecast

FILE = "H99.2026.01.VP"
FIELDS = [{"subject": f"Việc số {n}", "codeNumber": str(n), "codeNotation": "TB-SNV", "mode": "01",
           "issuedDate": "03/02/2024", "organName": "Sở Nội vụ"} for n in range(1, 4)]
DAY = timedelta(days=1)
SUNDAY = datetime(2026, 11, 22, 15, 30, tzinfo=NIGHT.tzinfo)


@pytest.fixture
def kho(archive: Archive) -> Archive:
    """An archive with a few documents."""
    store_documents(archive, FIELDS, code=FILE)
    return archive


def note(archive: Archive, kind: str, subject: str, /, **data: Any) -> None:
    """An event that stands in the ledger."""
    with ownership(archive), archive.catalogue.session() as session:
        record(session, archive.ledger, [Entry(kind, subject, data, f"{kind}-{archive.ledger.seq}")])


def night(archive: Archive, at: datetime, cost: dict[str, Any] | None, minutes: float = 10) -> None:
    """A batch that ended, as the catalogue has it."""
    ended = clock.stamp(at + timedelta(minutes=minutes))
    with archive.catalogue.session() as session:
        session.add(model.Batch(id=f"{at:%Y-%m-%d}.1", night=f"{at:%Y-%m-%d}", started_at=clock.stamp(at),
                                finished_at=ended, summary={"cost": cost} if cost else {}))


COST = {"seconds": {"collect": 4.0, "examine": 300.0, "store": 20.0}, "taken": 40, "stored": 40,
        "kinds": {"scan": {"n": 10, "bytes": 50_000_000, "seconds": 270.0},
                  "pdf": {"n": 30, "bytes": 3_000_000, "seconds": 30.0}}}


# --- pace and forecast -----------------------------------------------------------------------------------------


def test_what_is_reckoned_for_the_same_again_is_what_it_cost(archive: Archive) -> None:
    night(archive, NIGHT - 2 * DAY, COST)
    night(archive, NIGHT - DAY, None)
    with archive.catalogue.session() as session:
        pace = measured(session, archive.settings, 2)
    assert pace.nights == 1, "a night that was interrupted tells no pace"
    again = sum(pace.of("scan", 5_000_000) for _ in range(10)) + sum(pace.of("pdf", 100_000) for _ in range(30))
    assert again == pytest.approx(300.0)
    assert pace.of("scan", 50_000_000) > 5 * pace.of("scan", 5_000_000), "a long scan takes longer"
    assert pace.of("message", 1_000_000) == pytest.approx(300.0 * (0.25 / 40 + 0.75 / 53)), "of all kinds together"
    assert (pace.take, pace.store, pace.after) == (0.1, 0.5, FIRST_AFTER)


def test_what_follows_the_storing_is_the_middle_of_what_followed(archive: Archive, monkeypatch: pytest.MonkeyPatch,
                                                                 ) -> None:
    for n, minutes in enumerate((2, 20, 6)):
        at = NIGHT - (3 - n) * DAY
        night(archive, at, COST)
        monkeypatch.setattr(clock, "now", lambda at=at, minutes=minutes: at + timedelta(minutes=10 + minutes))
        note(archive, "sealed", f"{n}")
    with archive.catalogue.session() as session:
        assert measured(session, archive.settings, 2).after == pytest.approx(360.0)


def test_without_a_night_the_guess_is_cautious_and_said_to_be_one(archive: Archive) -> None:
    i18n.use("en")
    place = archive.settings.root / "inbox" / "a.pdf"
    place.write_bytes(b"%PDF" + b"0" * 2_000_000)
    with archive.catalogue.session() as session:
        pace = measured(session, archive.settings, 1)
    ahead = foretell(archive, [("inbox", Waiting(place, "a.pdf"))], NIGHT, NIGHT + timedelta(minutes=1), pace)
    assert not ahead.fits
    assert ahead.after > 300
    assert 1 < ahead.seconds < 60
    told = ahead.sentences()
    assert told[0] == "1 file waits in the inbox (2.0 MB)."
    assert "until about 22:3" in told[1]
    assert "no night has told yet" in told[2]
    assert "Not all of it will be done by 22:31" in told[3]


def test_the_portal_foretells_what_the_night_does(archive: Archive) -> None:
    for name, size in (("a.pdf", 2_000_000), ("quet/b.tif", 3_000_000)):
        place = archive.settings.root / "inbox" / name
        place.parent.mkdir(exist_ok=True)
        place.write_bytes(b"0" * size)
    with archive.catalogue.session() as session:
        assert forecast(session, archive.settings).seconds is None, "no night has told yet"
    night(archive, NIGHT - DAY, COST)
    with archive.catalogue.session() as session:
        session.add(model.Item(id="cu", batch="", source="inbox", name="c.pdf", size=100_000, sha256="0", sha512="0",
                               received_at=clock.stamp(NIGHT - DAY), legal_received_at="", receipt_rule="",
                               state="failed"))
    ahead, _waiting, _found = nightly.look_ahead(archive, None)
    with archive.catalogue.session() as session:
        told = forecast(session, archive.settings)
    assert (told.waiting, told.waiting_bytes, ahead.items) == (2, 5_000_000, 1)
    assert told.seconds == pytest.approx(ahead.seconds + ahead.after)


def test_a_meter_tells_nothing_where_no_time_passed_and_never_less_than_nothing() -> None:
    meter = Meter()
    times = iter([NIGHT, NIGHT, NIGHT, NIGHT - DAY, NIGHT, NIGHT + timedelta(seconds=8)])
    with meter.phase("collect", lambda: next(times)):
        pass
    with meter.phase("store", lambda: next(times)):
        pass
    assert meter.told() == {}
    meter.examined("pdf", 10, 1.0)
    meter.examined("scan", 90, 3.0)
    with meter.phase("examine", lambda: next(times)):
        pass
    spread = {kind: (one["n"], one["bytes"], round(one["seconds"], 1)) for kind, one in meter.told()["kinds"].items()}
    assert spread == {"pdf": (1, 10, 2.0), "scan": (1, 90, 6.0)}
    small = Meter(seconds={"examine": 9.0}, kinds={"other": [3, 30, 0.0]})      # less than the system measures
    assert small.told()["kinds"]["other"]["seconds"] == 9.0


def test_kinds_of_files_are_told_by_their_names(archive: Archive) -> None:
    scans = archive.settings.scans.model_copy(update={"folders": ["quet"]})
    told = archive.settings.model_copy(update={"scans": scans})
    names = ("quet/a.pdf", "a.PDF", "a/b.tiff", "x.edxml", "g.zip", "khong", "m.docx")
    assert [kind_of(name, told) for name in names] == ["scan", "pdf", "scan", "message", "package", "other", "office"]


def test_figures_are_written_for_people() -> None:
    i18n.use("en")
    assert [amount(n) for n in (3, 4_200_000, 42_400_000, 1_260_000_000_000)] == ["0.1 MB", "4.2 MB", "42 MB",
                                                                                 "1,260.0 GB"]
    assert [duration(n) for n in (1, 60, 3_540, 3_600, 40_000)] == [
        "1 minute", "1 minute", "59 minutes", "1 h 0 min", "11 h 7 min"]
    assert hour(NIGHT + 2 * DAY, NIGHT) == "22:30 22/11"
    assert waiting_sentence(0, 2, 0) == "0 files wait in the inbox, 2 items from earlier nights (0.1 MB)."


# --- the rebuild drill ---------------------------------------------------------------------------------------


def test_a_drill_is_due_on_its_day_once_a_week_or_when_the_day_was_missed(archive: Archive) -> None:
    def due(at: datetime) -> bool:
        with archive.catalogue.session() as session:
            return rebuild_drill.is_due(session, archive.settings, at)

    assert not due(SUNDAY), "no night was yet"
    night(archive, SUNDAY - 2 * DAY, None)
    assert not due(SUNDAY), "the first one comes a week after the first night"
    assert [due(SUNDAY + n * DAY) for n in (5, 6, 7, 8)] == [False, False, True, False]
    assert due(SUNDAY + timedelta(days=7, hours=8)), "after midnight it is still that night"
    assert [due(SUNDAY + n * DAY) for n in (10, 11, 12)] == [False, True, True], "that Sunday the machine was off"


def test_a_drill_finds_a_row_that_somebody_changed_and_the_report_tells(
        kho: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    i18n.use("en")
    monkeypatch.setattr(clock, "now", lambda: SUNDAY)
    with ownership(kho):
        assert rebuild_drill.drill(kho, SUNDAY) == []
    assert keeping(kho, SUNDAY + DAY)["rebuild"].state == "kept"
    assert "22/11/2026 and is the same (3 documents" in promise_sentence(keeping(kho, SUNDAY + DAY)["rebuild"])
    late = keeping(kho, SUNDAY + 16 * DAY)["rebuild"]
    assert (late.state, late.figures["overdue"]) == ("not_checked", 9)
    assert "9 days late (last: 22/11/2026)" in promise_sentence(late)
    with kho.catalogue.session() as session:
        session.execute(update(model.Document).where(model.Document.code == f"{FILE}.0000002").values(subject="khác"))
    with ownership(kho):
        (found,) = rebuild_drill.drill(kho, SUNDAY + DAY)
    assert (found.code, found.params["n"]) == ("NIGHT-009", "1")
    assert f"{FILE}.0000002" in found.params["first"]
    wrong = keeping(kho, SUNDAY + DAY)["rebuild"]
    assert wrong.state == "broken"
    assert "1 rows are not what ledger and store say" in promise_sentence(wrong)
    assert not (kho.settings.root / ".rebuilt").exists()


def test_the_night_drills_by_itself_when_there_is_time(kho: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    night(kho, SUNDAY - 9 * DAY, None)
    drilled: list[float] = []
    monkeypatch.setattr(rebuild_drill, "drill", lambda *_arguments: drilled.append(1.0) or [])
    for remaining, times in ((4.0, 0), (60.0, 1)):
        rebuild_drill.nightly(kho, SUNDAY, remaining, lambda *_: None)
        assert len(drilled) == times
    monkeypatch.setattr(rebuild_drill, "drill", lambda *_arguments: (_ for _ in ()).throw(OSError("no room")))
    with ownership(kho):
        (found,) = rebuild_drill.nightly(kho, SUNDAY, 60.0, lambda *_: None)
    assert "no room" in found.params["first"], "what cannot be made again is told, and ends no night"


def test_an_archive_without_drills_asks_for_none(kho: Archive) -> None:
    night(kho, SUNDAY - 9 * DAY, None)
    off = kho.settings.model_copy(update={"night": kho.settings.night.model_copy(update={"rebuild_drill": "off"})})
    with kho.catalogue.session() as session:
        assert not rebuild_drill.is_due(session, off, SUNDAY)
        assert rebuild_drill.overdue(session, off, SUNDAY) == 0
        assert rebuild_drill.overdue(session, kho.settings, SUNDAY) == 2


# --- backups in the report -----------------------------------------------------------------------------------


def keeping(archive: Archive, now: datetime) -> dict[str, Promise]:
    with archive.catalogue.session() as session:
        return {name if name != "backup" else f"backup {figures['place']}".strip(): Promise(name, state, figures)
                for name, state, figures in report_keeping.promises(session, archive.settings, now)}


def test_the_report_tells_of_each_target_when_it_was_made_and_what_is_overdue(
        archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    i18n.use("en")
    assert promise_sentence(keeping(archive, NIGHT)["backup"]).startswith("No backups are made")
    archive.settings = archive.settings.model_copy(update={"backup": archive.settings.backup.model_copy(
        update={"targets": {"nas": "/nas", "worm": "/worm"}})})
    told = keeping(archive, NIGHT)
    assert set(told) == {"backup nas", "backup worm"}
    assert {one.state for one in told.values()} == {"broken"}
    assert "none has been made yet" in promise_sentence(told["backup worm"])
    monkeypatch.setattr(clock, "now", lambda: NIGHT)
    note(archive, standing.MADE, "nas", set="20261120T153000Z-full", medium="M1", kind="full", base="",
         made_at=clock.stamp(NIGHT), sha256="", seq=1, files=3, bytes=5_000_000, faults=0)
    told = keeping(archive, NIGHT + DAY)
    assert told["backup nas"].state == "kept"
    assert promise_sentence(told["backup nas"]) == "The backup nas: last made 20/11/2026 (1 sets, 5.0 MB)"
    assert told["restore_test"].state == "not_checked"
    assert "never been tried" in promise_sentence(told["restore_test"])
    late = keeping(archive, NIGHT + 2 * DAY)["backup nas"]
    assert (late.state, late.figures["age"]) == ("broken", 2)
    assert "overdue, 2 days are allowed" in promise_sentence(late)
    note(archive, standing.CHECKED, "nas", number=4)
    assert "4 faults" in promise_sentence(keeping(archive, NIGHT + DAY)["backup nas"])
    note(archive, standing.DRILLED, "nas", number=0)
    assert keeping(archive, NIGHT + DAY)["restore_test"].state == "kept"
    assert "was last tried on 20/11/2026, every 92 days" in promise_sentence(
        keeping(archive, NIGHT + 93 * DAY)["restore_test"])
    note(archive, standing.DRILLED, "nas", number=7)
    assert "was not whole (7 faults)" in promise_sentence(keeping(archive, NIGHT + DAY)["restore_test"])


def test_the_night_tries_a_restore_by_itself_where_it_is_told_to(kho: Archive, tmp_path: Path,
                                                                monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "nas").mkdir()
    told = kho.settings
    kho.settings = told.model_copy(update={
        "backup": told.backup.model_copy(update={"targets": {"nas": str(tmp_path / "nas")}}),
        "night": told.night.model_copy(update={"restore_test": "auto"})})
    assert restore_test.nightly(kho, NIGHT, 3600.0) == [], "there is nothing to restore"
    target = media.target_named(kho.settings, "nas")
    with ownership(kho):
        media.begin(kho, target, NIGHT, code="M1", ends="", actor="Lan")
    assert making.run(kho, target, NIGHT).findings is not None
    assert restore_test.nightly(kho, NIGHT, 0.0) == [], "there is no time"
    assert drills(kho) == []
    assert [one.code for one in restore_test.nightly(kho, NIGHT, 3600.0)] == []
    assert [one["number"] for one in drills(kho)] == [0]
    assert restore_test.nightly(kho, NIGHT + DAY, 3600.0) == [], "once a quarter"
    assert len(drills(kho)) == 1
    monkeypatch.setattr(shutil, "disk_usage", lambda _place: type("usage", (), {"free": 0})())
    (found,) = restore_test.nightly(kho, NIGHT + 100 * DAY, 3600.0)
    assert found.code == "BACKUP-021"


def drills(archive: Archive) -> list[dict[str, Any]]:
    with archive.catalogue.session() as session:
        return list(session.scalars(select(model.Event.data).where(model.Event.kind == standing.DRILLED)))


def test_the_report_of_a_night_has_these_lines(tmp_path: Path, sample_night: Path) -> None:
    """As the morning report shows them, with the forecast of the night."""
    archive = opening.open_archive(settings.load(Path(shutil.copytree(sample_night, tmp_path / "kho"))))
    with archive.catalogue.session() as session:
        batch = session.scalars(select(model.Batch.id)).one()
    made = build(archive, batch)
    archive.close()
    assert [one.state for one in made.promises if one.name == "backup"] == ["not_checked"]
    assert made.forecast["files"] > 20
    assert made.left == {}
    assert [one for one in made.promises if one.name == "rebuild"] == [], "a week after the first night"


@pytest.fixture(autouse=True)
def _nothing_left_of_the_clock() -> Iterator[None]:
    yield
    assert nightly.clock.now is clock.now
