"""What is due, computed as sets: as the pure rules give one by one; few lines in the morning, every name on demand."""

from __future__ import annotations

import json
from collections import Counter
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import func, select, update

from archive import clock, model
from archive.catalogue import Catalogue, record
from archive.commands.calendar import command as calendar
from archive.ledger import Entry
from archive.opening import Archive
from archive.settings import Settings
from benchmarks import retaining_material as generator
from ingest import report, report_page
from retention import deadlines, life
from retention.commands.deadlines import command
from retention.deadline_rules import historical, terms
from retention.deadline_sets import work_ended

CASE_FILES = 400
TODAY = date(2026, 12, 20)
FAR = 36_500


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Archive:
    """An archive whose catalogue has some hundred case files, as the benchmark draws them; a fifth of them open."""
    from archive import opening

    made = opening.make_archive(tmp_path_factory.mktemp("deadlines") / "kho", {
        "agency": {"code": "H99", "name": "Sở Nội vụ tỉnh Mẫu"}})
    generator.fill(made.catalogue, CASE_FILES)
    with made.catalogue.session() as session:
        codes = list(session.scalars(select(model.CaseFile.code).order_by(model.CaseFile.code)))
        session.execute(update(model.CaseFile).where(model.CaseFile.code.in_(codes[::5])).values(closed_at=""))
        session.execute(update(model.CaseFile).where(model.CaseFile.code == codes[0]).values(
            fields={"endDate": "15/06/2026"}, ended=2026))
        session.execute(update(model.CaseFile).where(model.CaseFile.code == codes[1]).values(
            closed_at="2025-12-31T17:30:00.000000+00:00"))
    return made


def settings(made: Archive, **retention: object) -> Settings:
    return made.settings.model_copy(update={"retention": made.settings.retention.model_copy(update=retention)})


def listed(made: Archive, kind: str, within: int = FAR) -> dict[str, date]:
    with made.catalogue.session() as session:
        return {one["code"]: one["due"] for one in deadlines.listed(session, made.settings, kind, TODAY, within=within)}


def test_open_case_files_are_due_as_the_rules_say_of_each(filled: Archive) -> None:
    with filled.catalogue.session() as session:
        rows = list(session.scalars(select(model.CaseFile).where(model.CaseFile.closed_at == "")))
        ground = deadlines.ground_of(filled.settings)
        expected = {row.code: terms("submission", work_ended(
            row.year, row.ended, str(row.fields.get("endDate", ""))), ground)[0].due for row in rows}
    assert len(expected) > CASE_FILES // 5
    assert listed(filled, "submission") == expected
    assert date(2026, 8, 14) in expected.values(), "the one whose last day was entered"


def test_permanent_case_files_are_due_as_the_rules_say_of_each(filled: Archive) -> None:
    ground = deadlines.ground_of(filled.settings)
    with filled.catalogue.session() as session:
        life.gather(session, TODAY.isoformat())
        life.judge(session, "next_year")
        permanent = dict(life.permanent(session))
        life.forget(session)
        closed = {row.code: clock.in_vietnam(clock.parse(row.closed_at)).year for row in session.scalars(
            select(model.CaseFile).where(model.CaseFile.closed_at != ""))}
    expected = {code: historical(ended or closed[code], closed[code], ground)[0].due
                for code, ended in permanent.items() if code in closed}
    assert len(expected) > 50
    assert listed(filled, "historical") == expected
    registered = listed(filled, "registration")
    assert {code: due.year for code, due in registered.items()} == {
        code: due.year - 1 for code, due in expected.items()}


def test_the_lines_count_what_the_lists_name(filled: Archive) -> None:
    for ahead in (0, 30, FAR):
        with filled.catalogue.session() as session:
            found = deadlines.watch(session, filled.settings, TODAY, within=ahead)
        for kind in ("submission", "historical", "registration", "expiry", "expired_list"):
            names = listed(filled, kind, ahead)
            lines = [one for one in found if one.kind == kind]
            assert sum(one.count for one in lines) == len(names)
            assert Counter(names.values()) == sum((Counter({one.due: one.count}) for one in lines), Counter())
            for one in lines:
                of_day = sorted(code for code, due in names.items() if due == one.due and code.startswith(one.fonds))
                assert list(one.first) == of_day[:3] and one.late == (one.due < TODAY)


def test_the_morning_page_tells_much_in_few_lines(filled: Archive) -> None:
    with filled.catalogue.session() as session:
        lines = deadlines.due(session, filled.settings, "", TODAY)
        everything = deadlines.watch(session, filled.settings, TODAY, within=30)
    assert sum(one.count for one in lines) == sum(one.count for one in everything) > 100
    assert len(lines) < 12 < len(everything)
    assert {one.state for one in lines if one.kind == "submission"} == {"breached", "late"}
    assert all("{" not in one.sentence(language) for one in lines for language in ("vi", "en"))


def test_an_expiry_is_told_thirty_days_before_and_not_sooner(filled: Archive) -> None:
    def told(day: date) -> bool:
        with filled.catalogue.session() as session:
            return any(one.kind == "expiry" and one.due == date(2026, 12, 31)
                       for one in deadlines.watch(session, filled.settings, day, within=0))

    assert [told(day) for day in (date(2026, 11, 30), date(2026, 12, 1), date(2026, 12, 31))] == [False, True, True]


def test_a_hold_a_list_and_a_confirmed_hand_over_take_case_files_out(filled: Archive) -> None:
    expired, permanent = sorted(listed(filled, "expired_list")), sorted(listed(filled, "historical"))
    with filled.catalogue.session() as session:
        session.add(model.Destruction(id="HUY.2026.001", fonds="H99", state="planned", listed_on="", version=1))
        session.add(model.DestructionItem(destruction="HUY.2026.001", n=1, case_file=expired[0], reason="expired",
                                          state="proposed"))
        session.add(model.Hold(n=1, at=generator.AT, by="x", reason="x", requester="x", number="1", dated="2026-01-01",
                               from_day="2026-01-01", items=1, state="placed"))
        session.add(model.HoldItem(hold=1, code=expired[1], kind="casefile", case_file=expired[1]))
        session.add(model.Transfer(code="NL.1", side="agency", kind="historical", partner="T", state="confirmed",
                                   version=1))
        session.flush()
        session.add(model.TransferItem(transfer="NL.1", n=1, code=permanent[0], state="confirmed"))
        session.add(model.TransferItem(transfer="NL.1", n=2, code=permanent[1], state="returned"))
    try:
        assert not {expired[0], expired[1]} & set(listed(filled, "expired_list"))
        assert set(expired[2:]) <= set(listed(filled, "expired_list"))
        assert permanent[0] not in listed(filled, "historical") and permanent[1] in listed(filled, "historical")
        assert permanent[0] not in listed(filled, "registration") and permanent[1] in listed(filled, "registration")
        with filled.catalogue.session() as session:
            session.get_one(model.Destruction, "HUY.2026.001").state = "cancelled"
        assert expired[0] in listed(filled, "expired_list"), "a list that was given up names nothing"
    finally:
        with filled.catalogue.session() as session:
            for table in (model.TransferItem, model.Transfer, model.DestructionItem, model.Destruction, model.HoldItem,
                          model.Hold):
                session.query(table).delete()


def test_hand_overs_that_wait_for_us_and_decided_destructions_are_watched(filled: Archive) -> None:
    acts = [{"act": "registered", "at": "2026-12-01T20:00:00.000000+00:00"}]        # 2 December in Vietnam
    with filled.catalogue.session() as session:
        session.add(model.Transfer(code="NL.2", side="archive", kind="historical", partner="T", state="registered",
                                   version=1, record={"acts": acts}))
        session.add(model.Transfer(code="NL.3", side="archive", kind="current", partner="T", state="examined",
                                   version=1, record={"acts": acts, "complete_on": "2026-12-10"}))
        decided = [{"act": "approved", "at": "2026-12-10T01:00:00.000000+00:00", "dated": "2026-12-08"}]
        session.add(model.Destruction(id="HUY.2026.002", fonds="H99", state="approved", listed_on="", version=1,
                                      record={"acts": decided}))
    try:
        with filled.catalogue.session() as session:
            found = {one.first: (one.kind, one.due) for one in deadlines.watch(
                session, filled.settings, TODAY, within=FAR)}
        assert found["NL.2",] == ("answer", date(2026, 12, 11))
        assert found["NL.3",] == ("confirmation", date(2027, 2, 8))
        assert found["HUY.2026.002",] == ("destruction", date(2026, 12, 23))
    finally:
        with filled.catalogue.session() as session:
            session.query(model.Transfer).delete()
            session.query(model.Destruction).delete()


def test_settings_switch_rules_off_and_name_building_works(filled: Archive) -> None:
    with filled.catalogue.session() as session:
        off = settings(filled, deadlines_off=["submission.digital"])
        assert all(one.terms[0].rule.id != "digital" for one in deadlines.watch(session, off, TODAY, within=FAR))
        works = settings(filled, construction=["VP"], deadlines_off=["submission.digital"])
        rules = {one.terms[0].rule.id for one in deadlines.watch(session, works, TODAY, within=FAR)
                 if one.kind == "submission"}
        assert rules == {"construction"}
        own = filled.settings.model_copy(update={"destruction": filled.settings.destruction.model_copy(
            update={"submits_to": "nobody"})})
        assert not {"historical", "registration"} & {
            one.kind for one in deadlines.watch(session, own, TODAY, within=FAR)}


def test_the_command_tells_lines_and_every_name(filled: Archive) -> None:
    def run(*args: str) -> dict[str, object]:
        made = CliRunner().invoke(command, [*args, "--json"], obj=filled.settings.root, catch_exceptions=False)
        told: dict[str, object] = json.loads(made.stdout)
        return told

    lines = run("--on", TODAY.isoformat())["deadlines"]
    assert isinstance(lines, list) and {"breached", "late", "soon"} >= {one["state"] for one in lines}
    names = run("--on", TODAY.isoformat(), "--kind", "submission")["case_files"]
    assert isinstance(names, list)
    assert sum(one["count"] for one in lines if one["kind"] == "submission") == len(names)
    fonds = names[0]["fonds"]
    own = run("--on", TODAY.isoformat(), "--fonds", fonds)["deadlines"]
    assert isinstance(own, list) and {one["fonds"] for one in own} == {fonds}
    wrong = CliRunner().invoke(command, ["--kind", "nothing"], obj=filled.settings.root)
    assert wrong.exit_code == 2 and "submission" in wrong.output
    assert CliRunner().invoke(command, ["--on", "hôm nay"], obj=filled.settings.root).exit_code == 2
    plain = CliRunner().invoke(command, ["--on", TODAY.isoformat()], obj=filled.settings.root, catch_exceptions=False)
    assert plain.exit_code == 0 and "TT 05/2025/TT-BNV" in plain.output


def test_the_morning_report_shows_them_on_the_page_and_for_machines(filled: Archive) -> None:
    with filled.catalogue.session() as session:
        session.add(model.Batch(id="2026-12-19.1", night="2026-12-19", started_at=generator.AT))
        record(session, filled.ledger, [Entry("batch_started", "2026-12-19.1", {}, "b" * 40)])
        open_ = session.scalar(select(func.count()).select_from(model.CaseFile).where(model.CaseFile.closed_at == ""))
    made = report.build(filled, "2026-12-19.1", TODAY)
    told = report.as_dict(made)["deadlines"]
    assert sum(one["count"] for one in told if one["kind"] == "submission") <= (open_ or 0)
    page = report_page.render(made)
    Path(filled.settings.root, "page.html").write_text(page, encoding="utf-8")
    assert all(one["vi"].split(":")[0] in page for one in told) and len(page) < 40_000


def test_postgresql_says_the_same_as_sqlite(filled: Archive, postgresql: str) -> None:
    other = Catalogue(postgresql)
    other.migrate()
    generator.fill(other, CASE_FILES)
    here = Catalogue(f"sqlite:///{filled.settings.root / 'compare.db'}")
    here.migrate()
    generator.fill(here, CASE_FILES)
    told = []
    for one in (here, other):
        with one.session() as session:
            codes = list(session.scalars(select(model.CaseFile.code).order_by(model.CaseFile.code)))
            session.execute(update(model.CaseFile).where(model.CaseFile.code == codes[0]).values(
                fields={"endDate": "15/06/2026"}, ended=2026, closed_at=""))
            told.append(deadlines.watch(session, settings(filled, construction=["VP"]), TODAY, within=FAR))
        one.close()
    assert len(told[0]) > 50
    assert sorted(told[0], key=lambda one: (one.kind, one.fonds, one.due)) == sorted(
        told[1], key=lambda one: (one.kind, one.fonds, one.due))


def test_calendars_are_shown_and_taken_in_and_the_ledger_keeps_them(filled: Archive, tmp_path: Path) -> None:
    def run(*args: str) -> Any:
        made = CliRunner().invoke(calendar, args, obj=filled.settings.root)
        assert made.exit_code == 0, made.output
        return made.stdout

    shown = json.loads(run("show", "--json"))
    assert shown["calendar"] == "sample" and {"date": "2026-09-02", "kind": "off", "name": "Quốc khánh",
                                              "settled": True} in shown["days"]
    own = tmp_path / "lich.toml"
    own.write_text('[tinh]\nname = "Tỉnh"\nyears = [2027]\n[tinh.sessions]\nmon = [[07:00:00, 11:00:00]]\n',
                   encoding="utf-8")
    run("import", str(own), "--dry-run")
    assert not (filled.settings.root / "calendars.toml").exists()
    run("import", str(own))
    assert json.loads(run("show", "tinh", "--json"))["years"] == [2027]
    with filled.catalogue.session() as session:
        event = session.scalar(select(model.Event).where(model.Event.kind == "calendars_imported"))
        assert event is not None and event.data["text"] == own.read_text(encoding="utf-8")
    own.write_bytes(b"\xff\xfe")
    assert CliRunner().invoke(calendar, ["import", str(own)], obj=filled.settings.root).exit_code == 2
