"""The rule of each case file: decided, explained on any day, linked, due; and it survives a rebuild and a kill."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import settings as with_settings
from hypothesis import strategies as st
from sqlalchemy import select

from archive import catalogue, clock, decisions, links, model, records
from archive.commands import casefile
from archive.errors import UsageError
from archive.fixity.checking import missing_objects
from archive.model import Document
from archive.opening import Archive, ownership
from archive.rebuild import rebuild
from archive.retention_text import FOREVER
from retention import assigning, explaining, holds, life, simulating
from retention.assigning import Decision
from retention.commands.retention import command
from retention.holds import Ground
from retention.listing import listing
from retention.objects import ADMITS, catch_up
from retention.tables import keeping, reading
from tests.conftest import NIGHT
from tests.stored_documents import store_documents
from tests.test_retention_tables import TOLD, csv_of, stop

DAY = "2026-11-20"
CLOSED = {"state": "closed", "closed_at": clock.stamp(NIGHT), "title": "Công văn trao đổi về công tác lưu trữ"}
DOCUMENT = {"typeName": "08", "codeNumber": "1", "organName": "Sở Nội vụ", "subject": "V/v báo cáo"}
# code, what the plan says, dates of the documents, more
FILES: dict[str, tuple[str, list[str], dict[str, Any]]] = {
    "H99.2010.01.VP": ("10 năm", ["05/03/2010", "20/12/2011"], {}),
    "H99.2011.01.VP": ("5 năm", ["01/02/2012"], {"fields": {"endDate": "15/06/2014"}}),
    "H99.2012.01.VP": ("Vĩnh viễn", ["01/02/2012"], {}),
    "H99.2013.01.VP": ("10 năm", [""], {}),
    "H99.2014.01.VP": ("đến khi hết hiệu lực", ["01/02/2014"], {}),
    "H99.2016.01.VP": ("10 năm", ["01/02/2016"], {}),
    "H99.2017.01.VP": ("5 năm", ["01/02/2017"], {"closed_at": "", "state": "open"}),
    "H99.2026.01.VP": ("10 năm", ["01/02/2026"], {}),
}
OLD, ENDED, FOREVER_FILE, UNDATED, EVENT, NEXT, OPEN, NEW = FILES


@pytest.fixture
def kho(archive: Archive, stopped_clock: datetime, tmp_path: Path) -> Archive:
    """An archive with case files of several years and a table in force, and the one of 2011."""
    for code, (retention, days, more) in FILES.items():
        described = [{**DOCUMENT, "codeNumber": str(n), **({"issuedDate": day} if day else {})}
                     for n, day in enumerate(days, 1)]
        store_documents(archive, described, code=code, case_file={**CLOSED, "retention": retention, **more})
    with ownership(archive):
        for path, told in ((csv_of(tmp_path), TOLD), (reading.shipped()["tt09_2011"], {})):
            keeping.import_table(archive, reading.read_table(path, **told), path, by="Lan", at=NIGHT)
    return archive


def decide(archive: Archive, codes: list[str], at: datetime = NIGHT, **told: Any) -> tuple[int, list[str]]:
    day = clock.in_vietnam(at).date().isoformat()
    decision = Decision(**{"kind": "table", "reason": "Theo bảng", "by": "Lan", "from_day": day, **told})
    with ownership(archive):
        n, found = assigning.assign(archive, codes, decision, at=at)
    return n, [one.code for one in found]


def asked(archive: Archive, code: str, on: str = DAY) -> explaining.Explanation:
    with archive.catalogue.session() as session:
        return explaining.explanation(archive, session, code, on, "next_year")


def due(archive: Archive, on: str = DAY, fonds: str = "") -> dict[str, str]:
    with archive.catalogue.session() as session, listing(session, on, "next_year", fonds=fonds) as items:
        return {one.code: one.blocked for one in items}


def simulated(archive: Archive, first: int, years: int = 10, schedule: str = "") -> dict[str, Any]:
    with archive.catalogue.session() as session:
        return simulating.simulate(session, first, years, "next_year", on=DAY, schedule=schedule)


def luutru(archive: Archive, *arguments: str, group: Any = command) -> Result:
    done = CliRunner().invoke(group, list(arguments), obj=archive.settings.root)
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done


# --- what is due ---------------------------------------------------------------------------------------


def test_what_is_due_is_expired_never_permanent_never_without_a_date(kho: Archive) -> None:
    assert due(kho) == {OLD: "", ENDED: ""}
    assert due(kho, "2021-12-31") == {ENDED: ""}
    assert due(kho, "2022-01-01") == {OLD: "", ENDED: ""}      # 10 years from 2011, the year of the last document
    assert due(kho, "2027-01-01") == {OLD: "", ENDED: "", NEXT: ""}
    assert due(kho, fonds="H98") == {}


def test_the_set_and_the_single_answer_agree_on_every_case_file_and_day(kho: Archive) -> None:
    decide(kho, [EVENT], rule="tt09_2011:65")
    decide(kho, [EVENT], kind="event", event_on="2016-05-01")
    link(kho, f"{OLD}.0000001", NEXT)
    for on in (DAY, "2027-01-01", "2036-12-31", "2037-01-01"):
        found = due(kho, on)
        for code in FILES:
            known = asked(kho, code, on)
            own = life.until(known.known.period)
            assert (code in found) == (own < int(on[:4])), (code, on)
            assert found.get(code, "") == known.blocked, (code, on)


def test_every_case_file_says_why_it_has_no_date(kho: Archive) -> None:
    missing = {code: asked(kho, code).known.period.missing for code in FILES}
    assert {code: why for code, why in missing.items() if why} == {UNDATED: "end", EVENT: "rule", OPEN: "open"}
    told = simulated(kho, 2027)
    assert {why: total["case_files"] for why, total in told["without_date"].items()} == {
        "rule": 1, "open": 1, "end": 1, "event": 0}
    assert told["permanent"]["case_files"] == 1


def test_the_years_to_come_are_told_by_fonds_and_rule_with_the_bytes_they_free(kho: Archive) -> None:
    told = simulated(kho, 2027, 11)
    assert {year["year"]: year["ready"]["case_files"] for year in told["years"] if year["ready"]["case_files"]} == {
        2027: 3, 2037: 1}
    first = told["years"][0]
    with kho.catalogue.session() as session:
        sizes = {code: sum(session.scalars(select(Document.bytes).where(Document.case_file == code)))
                 for code in (OLD, ENDED, NEXT)}
    assert first["ready"]["bytes"] == sum(sizes.values()) > 0
    assert first["by"] == [
        {"fonds": "H99", "rule": "plan:10", "case_files": 2, "documents": 3, "bytes": sizes[OLD] + sizes[NEXT],
         "blocked": 0},
        {"fonds": "H99", "rule": "plan:5", "case_files": 1, "documents": 1, "bytes": sizes[ENDED], "blocked": 0}]
    assert told["chart"]["series"][0] == {"name": "ready", "values": [3, *[0] * 9, 1]}


def test_counting_the_year_of_the_end_itself_is_a_setting(kho: Archive) -> None:
    with kho.catalogue.session() as session, listing(session, "2026-01-01", "end_year") as items:
        assert {one.code for one in items} == {OLD, ENDED, NEXT}


# --- decisions -----------------------------------------------------------------------------------------


def test_a_decision_changes_the_rule_of_closed_case_files_and_keeps_what_was_before(kho: Archive) -> None:
    versions = {code: kho.store.version(f"urn:luutru:casefile:{code}") for code in (OLD, NEW)}
    n, found = decide(kho, [OLD, NEW], rule="mau2026:1.2", years=20)
    assert (n, found) == (1, [])
    known = asked(kho, OLD).known
    assert (known.period.years, known.period.last_year) == (20, 2031)
    assert OLD not in due(kho)
    changes = asked(kho, OLD).changes
    assert [(one.what, one.by, one.before, one.n) for one in changes] == [("table", "Lan", "", 1)]
    assert "mau2026@1:1.2" in changes[0].after and changes[0].from_day == DAY
    assert versions == {code: kho.store.version(f"urn:luutru:casefile:{code}") for code in (OLD, NEW)}


def test_the_rule_is_one_at_any_time_and_any_past_day_is_answered(kho: Archive) -> None:
    later = NIGHT + timedelta(days=10)
    decide(kho, [OLD], rule="mau2026:1.2", years=20)
    decide(kho, [OLD], at=later, rule="mau2026:1.2", years=30)
    decide(kho, [OLD], at=later, rule="mau2026:1.2", years=40, from_day="2027-03-01")
    assert [asked(kho, OLD, on).known.period.years for on in (DAY, "2026-11-29", "2026-11-30", "2027-02-28",
                                                              "2027-03-01")] == [20, 20, 30, 30, 40]
    with pytest.raises(UsageError):
        asked(kho, OLD, "2026-11-19")       # before it came into the archive
    changes = asked(kho, OLD, "2027-03-01").changes
    assert [one.before.split(" (")[0] for one in changes] == ["", *[one.after.split(" (")[0] for one in changes[:2]]]
    assert len(asked(kho, OLD).changes) == 1


def test_a_period_below_the_table_is_refused_whoever_decides(kho: Archive) -> None:
    assert decide(kho, [NEW], rule="mau2026:1.2", years=5) == (0, ["RETAIN-014", "RETAIN-018"])
    assert decide(kho, [NEW], rule="mau2026:2", years=70)[1] == ["RETAIN-014"]
    assert decide(kho, [NEW], rule="mau2026:1.1", years=71)[1] == ["RETAIN-016"]
    assert list(kho.ledger.lines())[-1].kind == "retention_table_imported"


def test_another_law_goes_before_the_table_and_is_cited(kho: Archive) -> None:
    decide(kho, [OLD], rule="mau2026:1.2", years=20)
    assert decide(kho, [OLD], kind="other_law", years=5)[1][0] == "RETAIN-017"
    n, found = decide(kho, [OLD], kind="other_law", years=5, law="Luật Kế toán 88/2015/QH13, Điều 41")
    assert (n, found) == (2, ["RETAIN-018"])
    known = asked(kho, OLD).known
    assert known.facts.rule is not None and known.facts.rule.source == "other_law"
    assert (known.period.years, known.period.last_year) == (5, 2016)
    with pytest.raises(UsageError):
        decide(kho, [OLD], kind="other_law", law="Luật Kế toán 88/2015/QH13, Điều 41")


def test_the_longest_document_wins_over_table_plan_and_law(kho: Archive) -> None:
    store_documents(kho, [{**DOCUMENT, "codeNumber": "9", "issuedDate": "01/01/2010", "maintenance": "04"}], code=OLD)
    known = asked(kho, OLD).known
    assert (known.period.years, known.period.raised, known.longest_document) == (30, "documents", f"{OLD}.0000003")
    assert OLD not in due(kho)
    assert decide(kho, [OLD], rule="mau2026:1.2")[1] == ["RETAIN-019"]
    assert asked(kho, OLD).known.period.years == 30
    store_documents(kho, [{**DOCUMENT, "codeNumber": "10", "maintenance": "01"}], code=OLD)
    assert asked(kho, OLD).known.period.permanent
    assert due(kho, "2999-01-01").get(OLD) is None


def test_a_legacy_table_serves_only_case_files_of_its_years(kho: Archive) -> None:
    assert decide(kho, [OLD, NEW], rule="tt09_2011:1.2")[1] == ["RETAIN-018", "RETAIN-018", "RETAIN-015", "RETAIN-015"]
    assert decide(kho, [NEXT], rule="tt09_2011:5.1")[1] == []
    assert decide(kho, [OLD], rule="mau2026:1.2")[1] == []      # today's table, for whatever is decided today


def test_a_period_by_event_has_no_date_until_the_event_is_recorded(kho: Archive) -> None:
    assert decide(kho, [EVENT], kind="event", event_on="2016-05-01")[1] == ["RETAIN-020"]
    decide(kho, [EVENT], rule="tt09_2011:65")
    assert asked(kho, EVENT).known.period.missing == "event"
    decide(kho, [EVENT], kind="event", event_on="2016-05-01")
    assert asked(kho, EVENT).known.period.last_year == 2021
    assert due(kho)[EVENT] == ""


def test_wrong_use_is_told_and_nothing_is_kept(kho: Archive) -> None:
    wrong: list[tuple[list[str], dict[str, Any]]] = [
        (["H99.1999.01.VP"], {"rule": "mau2026:1.1"}), ([], {"rule": "mau2026:1.1"}), ([OLD], {"rule": "mau2026:99"}),
        ([OLD], {"rule": "none:1"}), ([OLD], {"rule": "mau2026:1.1", "reason": " "}),
        ([OLD], {"rule": "mau2026:1.1", "from_day": "20/11/2026"})]
    for codes, told in wrong:
        with pytest.raises(UsageError):
            decide(kho, codes, **told)
    assert not kho.store.has(assigning.ROW.object_id(1))


# --- suggestions ---------------------------------------------------------------------------------------


def test_a_suggestion_shows_its_reasons_and_is_never_applied(kho: Archive) -> None:
    done = luutru(kho, "suggest", NEW, "--json")
    best = json.loads(done.stdout)["suggestions"][0]
    assert best["rule"] == "mau2026@1:3" and {"trao", "đổi"} <= set(best["shared"])
    assert asked(kho, NEW).known.decision is None
    assert not any(one["rule"].startswith("tt09_2011") for one in json.loads(done.stdout)["suggestions"])


def test_earlier_decisions_for_like_titles_come_first(kho: Archive) -> None:
    decide(kho, [OLD], rule="mau2026:1.2", years=20)
    best = json.loads(luutru(kho, "suggest", NEW, "--json").stdout)["suggestions"][0]
    assert (best["rule"], best["example"], best["decision"]) == ("mau2026@1:1.2", OLD, 1)
    assert OLD in luutru(kho, "suggest", NEW).stdout


# --- links and holds -----------------------------------------------------------------------------------


def link(archive: Archive, document: str, case_file: str, *, end: bool = False, at: datetime = NIGHT) -> int:
    with ownership(archive):
        return links.link(archive, [document], case_file, by="Lan", reason="Dùng chung", at=at, end=end)


def test_a_case_file_stays_while_a_longer_one_needs_its_document(kho: Archive) -> None:
    link(kho, f"{OLD}.0000001", NEXT)
    assert due(kho) == {OLD: "link", ENDED: ""}
    known = asked(kho, OLD)
    assert (known.blocked, known.until) == ("link", 2026)
    assert [(one.code, one.until) for one in known.links] == [(NEXT, 2026)]
    assert due(kho, "2027-01-01") == {OLD: "", ENDED: "", NEXT: ""}
    told = simulated(kho, 2026, 2)
    assert [(year["due"]["case_files"], year["link"]["case_files"], year["ready"]["case_files"])
            for year in told["years"]] == [(2, 1, 1), (1, 0, 2)]
    link(kho, f"{OLD}.0000001", NEXT, end=True)
    assert due(kho) == {OLD: "", ENDED: ""}


def test_a_link_is_followed_through_further_ones_and_in_circles(kho: Archive) -> None:
    link(kho, f"{OLD}.0000001", ENDED)
    link(kho, f"{ENDED}.0000001", OLD)
    assert due(kho) == {OLD: "", ENDED: ""}         # a circle of expired ones holds nothing
    link(kho, f"{ENDED}.0000001", FOREVER_FILE)
    assert due(kho) == {OLD: "link", ENDED: "link"}
    assert asked(kho, OLD).blocked == "link"
    assert due(kho, "2999-01-01")[OLD] == "link"
    assert asked(kho, NEXT, "2999-01-01").blocked == ""     # who needs a document is not kept by it


@with_settings(deadline=None, max_examples=15)
@given(st.data())
def test_the_year_is_the_longest_of_all_that_can_be_reached(
        tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    """Any graph of links, against a plain walk through it."""
    engine = catalogue.Catalogue(f"sqlite:///{tmp_path_factory.mktemp('graph') / 'c.db'}")
    model.Base.metadata.create_all(engine.engine)
    ends = data.draw(st.lists(st.integers(2000, 2040), min_size=2, max_size=9))
    edges = data.draw(st.sets(st.tuples(st.integers(0, len(ends) - 1), st.integers(0, len(ends) - 1)), max_size=14))
    with engine.session() as session:
        session.add(model.Fonds(code="H99", name="H99"))
        session.flush()
        for n, end in enumerate(ends):
            session.add(model.CaseFile(
                code=f"F{n}", fonds="H99", year=2000, notation=f"{n}", title="t", profile="tt05_2025",
                object_id=f"o{n}", version=1, opened_at="", closed_at="x", keep_years=5, ended=end))
        for n, (home, other) in enumerate(sorted(edges)):
            session.add(model.DocumentLink(document=f"F{home}.1", case_file=f"F{other}", n=n, home=f"F{home}", at=""))

    def reached(one: int, seen: set[int]) -> set[int]:
        for home, other in edges:
            if home == one and other not in seen:
                seen.add(other)
                reached(other, seen)
        return seen

    expected = {f"F{n}": max(ends[one] for one in reached(n, {n})) + 5 for n in range(len(ends))}
    with engine.session() as session:
        for year in (2010, 2025, 2040):
            with listing(session, f"{year}-01-01", "next_year") as items:
                ready = {one.code for one in items if not one.blocked}
            assert ready == {code for code, until in expected.items() if until < year}
    engine.close()


def test_links_that_cannot_be_are_refused(kho: Archive) -> None:
    link(kho, f"{OLD}.0000001", NEXT)
    for document, target, end in ((f"{OLD}.0000001", OLD, False), (f"{OLD}.0000001", NEXT, False),
                                  (f"{OLD}.0000009", NEXT, False), (f"{OLD}.0000001", "H99.1.1.X", False),
                                  (f"{OLD}.0000002", NEXT, True)):
        with pytest.raises(UsageError):
            link(kho, document, target, end=end)


def test_a_held_case_file_enters_no_list_and_keeps_what_it_needs(kho: Archive) -> None:
    link(kho, f"{OLD}.0000001", ENDED)
    with ownership(kho):
        holds.place(kho, [f"{ENDED}.0000001"], Ground("Thanh tra", "Lan", "12/TTr", DAY, "Thanh tra tỉnh"), at=NIGHT)
    assert due(kho) == {OLD: "link", ENDED: "hold"}
    assert (asked(kho, ENDED).blocked, asked(kho, OLD).blocked) == ("hold", "link")
    year = simulated(kho, 2026, 1)["years"][0]
    assert (year["hold"]["case_files"], year["link"]["case_files"], year["ready"]["case_files"]) == (1, 1, 0)
    assert "Thanh tra" in luutru(kho, "explain", ENDED, "--json").stdout


def test_a_hold_alone_keeps_a_case_file_in_every_year_to_come(kho: Archive) -> None:
    with ownership(kho):
        holds.place(kho, [ENDED], Ground("Thanh tra", "Lan", "12/TTr", DAY, "Thanh tra tỉnh"), at=NIGHT)
    assert due(kho) == {OLD: "", ENDED: "hold"}
    year = simulated(kho, 2026, 1)["years"][0]
    assert (year["due"]["case_files"], year["hold"]["case_files"], year["ready"]["case_files"]) == (2, 1, 1)
    assert asked(kho, ENDED).blocked == "hold"


# --- another table -------------------------------------------------------------------------------------


def test_a_simulation_under_another_table_says_what_it_would_change(kho: Archive, tmp_path: Path) -> None:
    decide(kho, [OLD, NEW], rule="mau2026:3")
    decide(kho, [NEXT], rule="mau2026:1.1", years=20)
    decide(kho, [ENDED], rule="tt09_2011:1.2")
    path = csv_of(tmp_path, [("1.1", "Gửi để biết", "5 năm"), ("3", "Công văn trao đổi", "70 năm")], "moi.csv")
    with ownership(kho):
        keeping.import_table(kho, reading.read_table(path, **TOLD), path, by="Lan", at=NIGHT)
    told = simulated(kho, 2027, 3, "mau2026@2")
    assert [year["due"]["case_files"] for year in told["years"]] == [2, 0, 1]
    assert [year["due"]["case_files"] for year in told["other"]["years"]] == [1, 0, 0]
    assert told["other"]["unmatched"]["case_files"] == 1        # the row of 2011 has other words
    assert told["other"]["table"] == "mau2026@2"
    with pytest.raises(UsageError):
        simulated(kho, 2027, 3, "none")


# --- what survives -------------------------------------------------------------------------------------


def test_decisions_and_links_survive_a_rebuild_row_by_row(kho: Archive) -> None:
    decide(kho, [OLD, NEW], rule="mau2026:1.2", years=20)
    decide(kho, [EVENT], rule="tt09_2011:65")
    decide(kho, [EVENT], kind="event", event_on="2016-05-01")
    link(kho, f"{OLD}.0000001", NEXT)
    link(kho, f"{OLD}.0000001", NEXT, end=True)
    link(kho, f"{OLD}.0000002", NEXT)
    with kho.catalogue.session() as session:
        before = catalogue.rows(session)
    answer = due(kho, "2035-01-01")
    assert missing_objects(kho) == []
    with ownership(kho):
        rebuild(kho, admits=ADMITS)
    with kho.catalogue.session() as session:
        after = catalogue.rows(session)
    assert {name for name in before if before[name] != after[name]} == set()
    assert due(kho, "2035-01-01") == answer
    assert list(kho.ledger.check()) == []


@pytest.mark.parametrize("what", ["periods", "links", "unlink"])
def test_a_decision_killed_before_the_ledger_is_told_by_the_next_owner(
        kho: Archive, monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    if what == "unlink":
        link(kho, f"{OLD}.0000001", NEXT)
    lines = len(list(kho.ledger.lines()))
    module = assigning if what == "periods" else links
    with monkeypatch.context() as patched:
        patched.setattr(module, "ROW", decisions.Row(module.ROW.prefix, module.ROW.schema, module.ROW.last, stop))
        with pytest.raises(KeyboardInterrupt):
            if what == "periods":
                decide(kho, [OLD], rule="mau2026:1.2", years=20)
            else:
                link(kho, f"{OLD}.0000001", NEXT, end=what == "unlink")
    assert len(list(kho.ledger.lines())) == lines
    with ownership(kho):
        catch_up(kho)
    assert len(list(kho.ledger.lines())) == lines + 1
    assert due(kho) == ({OLD: "", ENDED: ""} if what == "unlink" else
                        {OLD: "link", ENDED: ""} if what == "links" else {ENDED: ""})
    with ownership(kho):
        catch_up(kho)
    assert len(list(kho.ledger.lines())) == lines + 1


def test_a_rebuild_after_the_kill_writes_the_event_as_well(kho: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(assigning, "ROW", decisions.Row(assigning.PREFIX, "luutru/periods/1", lambda session: 0, stop))
        with pytest.raises(KeyboardInterrupt):
            decide(kho, [OLD], rule="mau2026:1.2", years=20)
    with ownership(kho):
        rebuild(kho, admits=ADMITS)
    assert list(kho.ledger.lines())[-1].kind == "periods_set"
    assert due(kho) == {ENDED: ""}


def test_bytes_periods_and_years_follow_the_records(kho: Archive) -> None:
    with kho.catalogue.session() as session:
        for row in session.scalars(select(Document)):
            sizes = session.scalars(select(model.File.size).where(model.File.document == row.code))
            assert row.bytes == sum(sizes) > 0
        assert session.get_one(model.CaseFile, ENDED).ended == 2014
        assert session.get_one(model.CaseFile, FOREVER_FILE).keep_years == FOREVER


def test_one_object_holds_a_decision_for_any_number_of_case_files(kho: Archive) -> None:
    decide(kho, [OLD, NEXT, NEW], rule="mau2026:1.2", years=20)
    assert [one for one in kho.store.objects() if one.startswith(assigning.PREFIX)] == ["urn:luutru:periods:000001"]
    told = decisions.read(kho, "urn:luutru:periods:000001")
    assert (told["schema"], told["case_files"], told["years"]) == ("luutru/periods/1", [OLD, NEXT, NEW], 20)
    line = list(kho.ledger.lines())[-1]
    assert (line.kind, line.actor, line.data["count"], line.data["table_version"]) == ("periods_set", "Lan", 3, 1)


# --- commands ------------------------------------------------------------------------------------------


def test_the_commands_assign_explain_due_and_simulate(kho: Archive) -> None:
    done = luutru(kho, "assign", OLD, "--rule", "mau2026:1.2", "--years", "20", "--reason", "Theo bảng", "--by", "Mai",
                  "--json")
    assert (done.exit_code, json.loads(done.stdout)["n"]) == (0, 1)
    told = json.loads(luutru(kho, "explain", OLD, "--json").stdout)
    assert (told["rule"], told["base"], told["kept_until"], told["blocked"]) == (
        "mau2026@1:1.2", 2011, "2031-12-31", "")
    assert [step["step"] for step in told["steps"]] == ["rule", "base", "arithmetic"]
    assert all(step["article"] for step in told["steps"])
    assert told["changes"][0]["by"] == "Mai"
    assert "31/12/2031" in luutru(kho, "explain", OLD).stdout
    assert [one["code"] for one in json.loads(luutru(kho, "due", "--json").stdout)["case_files"]] == [ENDED]
    assert ENDED in luutru(kho, "due", "--on", "2026-11-20").stdout
    assert len(json.loads(luutru(kho, "simulate", "--years", "3", "--json").stdout)["years"]) == 3
    assert "2027" in luutru(kho, "simulate", "--schedule", "mau2026").stdout
    for code in FILES:
        assert luutru(kho, "explain", code).exit_code == 0


def test_the_commands_refuse_with_the_right_exit_code(kho: Archive, tmp_path: Path) -> None:
    refused = luutru(kho, "assign", NEW, "--rule", "mau2026:1.2", "--years", "5", "--reason", "Ngắn", "--json")
    assert (refused.exit_code, json.loads(refused.stdout)["refused"]) == (5, True)
    assert luutru(kho, "assign", NEW, "--reason", "x").exit_code == 2
    assert luutru(kho, "assign", NEW, "--rule", "mau2026:1.2", "--law", "Luật khác", "--reason", "x").exit_code == 2
    assert luutru(kho, "due", "--on", "20/11/2026").exit_code == 2
    dry = luutru(kho, "assign", OLD, "--rule", "mau2026:1.2", "--years", "20", "--reason", "Thử", "--dry-run", "--json")
    assert (dry.exit_code, json.loads(dry.stdout)["n"]) == (0, 0)
    listed = tmp_path / "ds.txt"
    listed.write_text(f"{OLD}\n\n{NEXT}\n")
    bulk = luutru(kho, "assign", "--list", str(listed), "--rule", "mau2026:1.2", "--years", "20", "--reason", "Loạt",
                  "--json")
    assert json.loads(bulk.stdout)["case_files"] == 2
    assert asked(kho, NEXT).known.period.years == 20


def test_the_command_links_and_ends_links(kho: Archive) -> None:
    done = luutru(kho, "link", f"{OLD}.0000001", NEXT, "--reason", "Dùng chung", "--json", group=casefile.command)
    assert json.loads(done.stdout)["n"] == 1
    assert due(kho)[OLD] == "link"
    assert luutru(kho, "unlink", f"{OLD}.0000001", NEXT, "--reason", "Xong", group=casefile.command).exit_code == 0
    assert due(kho)[OLD] == ""
    kinds = [line.kind for line in kho.ledger.lines()]
    assert kinds[-2:] == ["documents_linked", "documents_unlinked"]


def test_a_corrected_end_date_and_plan_are_part_of_the_history(kho: Archive) -> None:
    from archive import correcting

    with ownership(kho):
        correcting.correct_case_file(kho, OPEN, {"maintenance": "20 năm"}, "Theo danh mục sửa đổi", by="Mai")
    changes = asked(kho, OPEN).changes
    assert [(one.what, one.by) for one in changes] == [("corrected", "Mai")]
    assert records.read_case_file(kho.store, OPEN)["state"] == "open"
    assert asked(kho, OPEN).known.period.years == 20


def test_a_night_tells_what_a_killed_decision_left(kho: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    from ingest import nightly

    with monkeypatch.context() as patched:
        patched.setattr(assigning, "ROW", decisions.Row(assigning.PREFIX, "luutru/periods/1", assigning.ROW.last, stop))
        with pytest.raises(KeyboardInterrupt):
            decide(kho, [OLD], rule="mau2026:1.2", years=20)
    monkeypatch.setattr(clock, "now", lambda: datetime(2026, 11, 21, 15, 30, tzinfo=UTC))
    nightly.run(kho)
    assert [line.kind for line in kho.ledger.lines()].count("periods_set") == 1
    assert due(kho) == {ENDED: ""}
