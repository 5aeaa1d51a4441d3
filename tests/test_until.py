"""A night with an end: nothing is begun that would not be done, nothing is lost, urgent first; the report says so."""

from __future__ import annotations

import io
import json
import re
import shutil
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from rich.console import Console
from sqlalchemy import select

from archive import clock, i18n, model, opening, settings
from archive.errors import UsageError
from archive.file_plan_import import import_file_plan
from archive.findings import finding
from archive.fixity import rows
from archive.opening import Archive, ownership
from archive.rebuild import rebuild
from ingest import nightly, report, report_keeping, report_page
from ingest.commands import nightly as nightly_command
from ingest.commands.report import print_report, promise_sentence
from ingest.item import Context, Examined, Item
from ingest.pace import Pace
from ingest.stages.examine import examine
from ingest.until import Hours, moment
from ingest.urgency import in_order
from retention.objects import ADMITS
from tests.conftest import NIGHT, ROOT, once

FILES = 6
URGENT = "ghi-chu-5.txt"
EACH = timedelta(minutes=10)        # that an item takes on the clock of these tests


class Time:
    """A clock that stands until an item is examined."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Time:
    made = Time(NIGHT)
    monkeypatch.setattr(clock, "now", made)
    return made


def working(time: Time, spoil: Callable[[Examined], Examined] = lambda one: one) -> Any:
    """What stands in for the worker processes: the same stages, and each item takes its time."""
    def examined(items: Iterable[Item], context: Context, only: str = "", **_more: Any) -> Iterator[Examined]:
        for item in items:
            time.now += EACH
            yield spoil(examine(item, context, only))
    return examined


def make(root: Path) -> None:
    """An archive whose inbox holds some texts and the list of them; one is urgent."""
    archive = opening.make_archive(root, {"agency": {"code": "H99", "name": "Sở Nội vụ tỉnh Mẫu"},
                                          "night": {"rebuild_drill": "off"}})
    import_file_plan(archive, ROOT / "samples" / "file-plan.xlsx", "H99")
    archive.close()
    lines = ["Tên tệp;Mã hồ sơ;Ngày ban hành;Trích yếu;Mức độ khẩn"]
    for n in range(FILES):
        (root / "inbox" / f"ghi-chu-{n}.txt").write_text(f"Nội dung ghi chú số {n}", encoding="utf-8")
        lines.append(f"ghi-chu-{n}.txt;H99.2026.01.VP;05/03/2026;Ghi chú số {n};{'Hỏa tốc' if n == 5 else 'Thường'}")
    (root / "inbox" / "ghi-chu.csv").write_text("\n".join(lines), encoding="utf-8-sig")


@pytest.fixture
def kho(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, time: Time,
        monkeypatch: pytest.MonkeyPatch) -> Iterator[Archive]:
    shutil.copytree(once(tmp_path_factory, "texts-of-a-night", make), tmp_path / "kho")
    monkeypatch.setattr(nightly, "examine_all", working(time))
    archive = opening.open_archive(settings.load(tmp_path / "kho"))
    yield archive
    archive.close()


def states(archive: Archive) -> dict[str, str]:
    with archive.catalogue.session() as session:
        return {row.name: row.state for row in session.scalars(select(model.Item)) if row.name.endswith(".txt")}


def compared(archive: Archive) -> list[str]:
    """How the catalogue differs from what a rebuild would make."""
    with ownership(archive):
        return [one.sentence() for one in rows.compare(archive, ADMITS)]


# --- the hour ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("told", "wanted"), [
    ("05:30", "2026-11-21T05:30"), ("22:31", "2026-11-20T22:31"), ("22:30", "2026-11-21T22:30"), ("off", ""), ("", "")])
def test_the_hour_is_the_next_one_that_clocks_in_vietnam_show(told: str, wanted: str) -> None:
    found = moment(told, NIGHT)
    assert (found.isoformat(timespec="minutes").removesuffix("+07:00") if found else "") == wanted


@pytest.mark.parametrize("told", ["5:30", "24:00", "0530", "05:30:00", "sáng", "05:30+07"])
def test_what_is_no_hour_is_wrong_use(told: str, kho: Archive) -> None:
    with pytest.raises(UsageError):
        moment(told, NIGHT)
    done = CliRunner().invoke(nightly_command.command, ["--until", told], obj=kho.settings.root)
    assert isinstance(done.exception, UsageError)
    assert list(states(kho)) == []


def item(name: str, size: int = 0, at: datetime = NIGHT, **fields: str) -> Item:
    from ingest.item import Part

    return Item(name, "inbox", name, Path("/x"), [Part(name, "original", Path("/x/y"), size, "", "")], at, dict(fields))


def test_the_order_is_urgent_then_older_then_larger() -> None:
    found = in_order([item("a", 1), item("b", 5), item("cũ", 1, NIGHT - timedelta(days=2)),
                      item("k", 1, priority="Thượng khẩn")])
    assert [one.name for one in found] == ["k", "cũ", "b", "a"]


def hours(until: timedelta | None, now: Time, **told: Any) -> Hours:
    pace = Pace(3, {"": (10, 0, 600.0)}, 0.0, 1.0, told.pop("after", 0.0), 2)      # a minute each, two processors
    return Hours(NIGHT + until if until else None, NIGHT, pace, settings.Settings(root=Path("/x")), now=now)


def test_what_would_not_be_done_with_all_that_is_in_hand_is_not_begun() -> None:
    now = Time(NIGHT)
    night = hours(timedelta(minutes=5), now)
    begun = [one.id for one in night.admitted(item(str(n)) for n in range(9))]
    # Each takes one worker two minutes, and both workers are at it: the fourth would end after 5 minutes.
    assert begun == ["0", "1", "2"]
    assert night.left == {str(n) for n in range(3, 9)}
    night.done("0")
    night.done("1")
    night.done("2")
    now.now += timedelta(minutes=4)
    assert list(night.admitted([item("9")])) == []
    now.now -= timedelta(minutes=2)
    assert [one.id for one in night.admitted([item("9")])] == ["9"]


def test_what_was_handed_out_and_not_begun_is_called_off() -> None:
    now = Time(NIGHT)
    night = hours(timedelta(minutes=5), now)
    assert len(list(night.admitted(item(str(n)) for n in range(3)))) == 3
    assert not night.too_late_for(item("1"))
    now.now += timedelta(minutes=2)     # what would be begun now takes two minutes
    night.in_hand["2"] = 2.0
    assert not night.too_late_for(item("1")) and not night.too_late_for(item("2"))
    now.now += timedelta(minutes=1)
    assert night.too_late_for(item("1")) and not night.too_late_for(item("2")), "a short one still fits"
    night.done("0")
    night.call_off()
    assert (night.left, night.unstored, night.in_hand) == ({"1", "2"}, 1, {})
    assert not hours(None, now).too_late_for(item("1"))


def test_a_day_with_its_hour_is_that_moment_even_when_it_has_passed() -> None:
    assert moment("2026-11-20T05:30", NIGHT) == datetime(2026, 11, 20, 5, 30, tzinfo=clock.VIETNAM)
    for told in ("2026-11-20T25:30", "2026-11-20 05:30", "2026-11-20T05:30:00", "2026-11-20"):
        with pytest.raises(UsageError):
            moment(told, NIGHT)
    # Nothing is begun, and what has waited for nights is no exception.
    assert list(hours(timedelta(hours=-1), Time(NIGHT)).admitted([item("cũ", at=NIGHT - timedelta(days=1))])) == []


def test_time_is_kept_free_for_what_follows_but_never_the_whole_night() -> None:
    assert list(hours(timedelta(minutes=5), Time(NIGHT), after=240.0).admitted([item("a")])) != []
    assert list(hours(timedelta(minutes=2, seconds=20), Time(NIGHT), after=240.0).admitted([item("a")])) == []


def test_an_item_of_an_earlier_night_is_begun_even_if_it_seems_too_long() -> None:
    """Else an estimate that is too high would keep it out for ever."""
    old, huge = item("cũ", at=NIGHT - timedelta(days=1)), {"": (1, 0, 90_000.0)}
    for until, at, begun in ((timedelta(hours=7), NIGHT, 1), (timedelta(minutes=50), NIGHT, 0),
                             (timedelta(hours=7), NIGHT + timedelta(hours=6), 0)):
        night = hours(until, Time(at))
        night.pace = Pace(3, huge, 0.0, 1.0, 0.0, 2)
        assert len(list(night.admitted([old, item("mới"), item("cũ nữa", at=old.received_at)]))) == begun


def test_a_night_without_an_end_begins_everything() -> None:
    night = hours(None, Time(NIGHT))
    assert len(list(night.admitted(item(str(n)) for n in range(9)))) == 9
    assert not night.over
    assert night.within(300.0) == 300.0


# --- a night that stops, and the next ------------------------------------------------------------------------


def test_what_is_left_waits_whole_and_the_next_night_stores_it(kho: Archive, time: Time) -> None:
    """Three of six are done by the hour, the urgent one among them; also a lost catalogue forgets nothing of the rest.
    """
    first = nightly.run(kho, until=NIGHT + timedelta(minutes=35))
    stood = states(kho)
    assert sorted(stood.values()) == ["received"] * 3 + ["stored"] * 3
    assert stood[URGENT] == "stored"
    assert [one.code for one in first.findings] == ["NIGHT-007"]
    assert (first.left["items"], first.left["urgent"], first.left["inbox"]) == (3, 0, 0)
    assert list((kho.settings.root / "inbox").glob("*.txt")) == [], "they are taken in, and safe"
    made = report.build(kho, first.batch)
    assert [one.state for one in made.promises if one.name == "nothing_lost"] == ["kept"]
    assert not made.needs_person
    assert nightly_command.exit_code(made, max(one.level for one in first.findings)) == 0
    assert compared(kho) == []
    with ownership(kho):
        rebuild(kho, admits=ADMITS)
    time.now = NIGHT + timedelta(days=1)
    second = nightly.run(kho)
    assert second.batch != first.batch
    assert second.left == {}
    assert set(states(kho).values()) == {"stored"}
    with kho.catalogue.session() as session:
        subjects = sorted(session.scalars(select(model.Document.subject)))
    assert subjects == [f"Ghi chú số {n}" for n in range(FILES)], "the list's rows were not forgotten"
    assert compared(kho) == []
    assert nightly.run(kho).batch == ""


def test_a_night_that_is_killed_after_its_hour_and_run_again_loses_nothing(
        kho: Archive, time: Time, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(nightly, "_finish", lambda *_arguments: 1 / 0)      # items are put back, the batch is open
        with pytest.raises(ZeroDivisionError):
            nightly.run(kho, until=NIGHT + timedelta(minutes=35))
    time.now = NIGHT + timedelta(minutes=40)
    again = nightly.run(kho, until=NIGHT + timedelta(minutes=60))
    assert again.resumed
    assert again.left["items"] == 1
    assert sorted(states(kho).values()) == ["received"] + ["stored"] * 5
    assert compared(kho) == []


def failing(one: Examined) -> Examined:
    if one.item.name == "ghi-chu-0.txt":
        one.item.parts[0].format = "hỏng"       # what a failing stage makes of the parts
        one.findings = [finding("NIGHT-001", one.item.name, error="ValueError: hỏng")]
        one.error = ('Traceback (most recent call last):\n  File "/x/ingest/stages/verify.py", line 77, in verify\n'
                     '    raise ValueError\n  File "/usr/lib/python3/json/decoder.py", line 3, in scan\n'
                     'ValueError: hỏng\n')
    return one


def test_what_failed_before_and_is_left_stands_as_failed_again(
        kho: Archive, time: Time, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nightly, "examine_all", working(time, failing))
    first = nightly.run(kho)
    assert states(kho)["ghi-chu-0.txt"] == "failed"
    time.now = NIGHT + timedelta(days=1)
    second = nightly.run(kho, until=time.now + timedelta(seconds=1))
    assert second.left["items"] == 1
    with kho.catalogue.session() as session:
        row = session.scalars(select(model.Item).where(model.Item.name == "ghi-chu-0.txt")).one()
    assert (row.state, row.batch) == ("failed", first.batch)
    assert compared(kho) == []


# --- poison --------------------------------------------------------------------------------------------------


def test_what_fails_three_nights_in_a_row_goes_to_a_person_with_the_place(
        kho: Archive, time: Time, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nightly, "examine_all", working(time, failing))
    for day in range(3):
        time.now = NIGHT + timedelta(days=day)
        if day == 2:        # killed between ledger and catalogue: told once, counted once
            with monkeypatch.context() as patch:
                patch.setattr("ingest.outcomes.set_findings", lambda *_arguments: 1 / 0)
                with pytest.raises(ZeroDivisionError):
                    nightly.run(kho)
        batch = nightly.run(kho).batch
        assert states(kho)["ghi-chu-0.txt"] == ("quarantine" if day == 2 else "failed")
    (line,) = [one for one in report.build(kho, batch).lines if one.name == "ghi-chu-0.txt"]
    (told,) = [one for one in line.findings if one.code == "NIGHT-008"]
    assert told.params == {"nights": "3", "code": "NIGHT-001", "place": "ingest/stages/verify.py:77 (verify)"}
    with kho.catalogue.session() as session:
        kinds = list(session.scalars(select(model.Event.kind).where(
            model.Event.subject == line.item).order_by(model.Event.seq)))
        parts = session.get_one(model.Item, line.item).facts["parts"]
    assert kinds == ["received", "failed", "failed", "quarantined"]
    assert [one["format"] for one in parts] == [""], "what failing nights made of it is not believed"
    assert compared(kho) == []
    time.now = NIGHT + timedelta(days=3)
    assert nightly.run(kho).batch == "", "it is not tried again by itself"
    release(kho, line.item)
    nightly.run(kho)
    assert states(kho)["ghi-chu-0.txt"] == "failed", "who asked for it again has three nights more"
    assert compared(kho) == []


def release(archive: Archive, item_id: str) -> None:
    from ingest import releasing

    with ownership(archive):
        releasing.release(archive, releasing.find(archive, item_id), {}, by="Lan")


def test_the_place_of_a_traceback_is_in_our_code_where_it_was_there() -> None:
    from ingest.poison import place_of

    assert place_of("") == place_of("killed by a signal") == ""
    frames = '  File "/a/b/lib/pikepdf/_core.py", line 5, in open\nPdfError\n'
    assert place_of(frames) == "pikepdf/_core.py:5 (open)"


# --- what a person sees --------------------------------------------------------------------------------------


def test_the_command_foretells_stops_and_reports(kho: Archive, time: Time) -> None:
    root = kho.settings.root
    i18n.use("en")
    (root / "luutru.toml").write_text('language = "en"\n' + (root / "luutru.toml").read_text().replace(
        'language = "vi"\n', ""))
    dry = CliRunner().invoke(nightly_command.command, ["--dry-run", "--json"], obj=root)
    ahead = json.loads(dry.stdout)["forecast"]
    assert (ahead["files"], ahead["nights"]) == (FILES + 1, 0)
    assert "until" not in ahead
    done = CliRunner().invoke(nightly_command.command, ["--until", "23:05"], obj=root)
    assert done.exit_code == 0, done.output
    assert "7 files wait in the inbox" in done.stdout
    assert "This is a guess" in done.stdout
    assert "NIGHT-007" in done.stdout
    assert "Left for the next night" in done.stdout
    assert "3 wait whole for the next night" in done.stdout
    told = json.loads((root / "reports" / "2026-11-20.1.json").read_text())
    assert told["left_for_the_next_night"]["items"] == 3
    assert told["forecast"]["files"] == FILES + 1
    page = (root / "reports" / "2026-11-20.1.html").read_text()
    assert "Left for the next night" in page
    assert page.count("ghi-chu-1.txt") == 1
    # The next night knows what things cost, and that two minutes are not enough.
    time.now = NIGHT + timedelta(days=1)
    short = CliRunner().invoke(nightly_command.command, ["--dry-run", "--json", "--until", "22:32"], obj=root)
    ahead = json.loads(short.stdout)["forecast"]
    assert (ahead["files"], ahead["items"], ahead["nights"], ahead["fits"]) == (0, 3, 1, False)
    assert 25 * 60 <= ahead["seconds"] <= 40 * 60, "three items at ten minutes each"
    said = CliRunner().invoke(nightly_command.command, ["--dry-run", "--until", "22:32"], obj=root)
    assert "Not all of it will be done by 22:32" in said.stdout
    with opening.open_archive(settings.load(root)).catalogue.session() as session:
        assert session.scalar(select(model.Batch.id).order_by(model.Batch.started_at.desc()).limit(1)) == "2026-11-20.1"


def test_the_setting_is_the_default_and_is_checked(kho: Archive, time: Time) -> None:
    root = kho.settings.root
    text = (root / "luutru.toml").read_text()
    (root / "luutru.toml").write_text(text.replace("[night]", '[night]\nuntil = "23:05"', 1))
    done = CliRunner().invoke(nightly_command.command, ["--json"], obj=root)
    assert json.loads(done.stdout)["left_for_the_next_night"]["items"] == 3
    time.now = NIGHT + timedelta(days=1)
    done = CliRunner().invoke(nightly_command.command, ["--json", "--until", "off"], obj=root)
    assert json.loads(done.stdout)["left_for_the_next_night"] == {}
    assert set(states(kho).values()) == {"stored"}


def test_every_sentence_of_the_hours_is_told() -> None:
    i18n.use("en")
    left = {"until": clock.stamp(NIGHT), "items": 30, "urgent": 2, "inbox": 4, "bytes": 9, "seconds": 5400, "first": []}
    assert report_keeping.left_sentence(left) == (
        "It will take about 1 h 30 min; 4 files still lie in the inbox, not yet taken in.")
    assert report_keeping.counted("received", left) == "left for the next night"
    assert report_keeping.counted("received", {}) == "received"
    told = {"files": 3, "items": 1, "bytes": 12_400_000_000, "seconds": 30, "after": 5, "kept": 1, "nights": 2}
    assert report_keeping.forecast_sentence(told, 65.0) == "Foretold: 1 minute for 4 files (12.4 GB); it took 1 minute"
    assert report_keeping.forecast_sentence({}, 65.0) == ""
    lost = report.Promise("nothing_lost", "kept", {"received": 5, "open": 0, "left": 2})
    assert promise_sentence(lost).endswith("; 2 wait whole for the next night")
    assert callable(print_report)
    assert callable(report_page.render)


def test_every_stage_that_tells_its_progress_has_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that the bars do not know would end a night on a terminal, and only there."""
    places = [path for path in (ROOT / "ingest").rglob("*.py") if not {"commands", "machines"} & set(path.parts)]
    told = {name for path in places
            for name in re.findall(r'progress(?:\(|, )"(\w+)"', path.read_text(encoding="utf-8"))}
    told -= {"objects", "restore", "compare", "check"}      # of backups, which have a bar of their own
    assert {"collect", "sheets", "examine", "store", "index", "drill"} <= told
    monkeypatch.setattr(nightly_command, "console", lambda **_named: Console(file=io.StringIO(), force_terminal=True))
    with nightly_command.progress_bars(quiet=False) as bars:
        for name in sorted(told):
            bars(name, 1, 2)
