"""The report of a period: counted from the events of the ledger alone, the same today and in ten years."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import pypdfium2
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from archive import clock, model, opening
from archive.catalogue import record
from archive.errors import UsageError
from archive.ledger import Entry
from archive.opening import Archive
from ingest.commands.report import command
from retention import reports
from retention.reports import KINDS, Kind, Period
from retention.reports.figures import Told, figures

YEAR = Period("year", 2026)
NOVEMBER = Period("month", 2026, 11)


def stored(item: str, case_file: str, at: str, **scan: Any) -> Told:
    data = {"document": f"{case_file}.0000001", "case_file": case_file, "version": 1, "batch": "b", "files": {},
            "legal_value": "", "verdict": ""}
    return Told(at, "stored", item, {**data, "scan": scan} if scan else data)


def at(day: str, clock: str = "03:00:00") -> str:
    return f"2026-{day}T{clock}.000000+00:00"


def refused(item: str, when: str, *codes: str) -> Told:
    return Told(when, "quarantined", item, {"batch": "b", "findings": [
        {"code": code, "level": "refused", "subject": "x", "params": {}} for code in codes]
        + [{"code": "META-001", "level": "warning", "subject": "x", "params": {}}]})


def opened(code: str, when: str, title: str = "Hồ sơ") -> Told:
    return Told(when, "casefile_opened", code, {"fonds": code.split(".")[0], "title": title, "retention": ""})


EVENTS: Sequence[Told] = (
    opened("H99.2025.01.VP", "2025-03-01T03:00:00.000000+00:00", "Chương trình công tác năm 2025"),
    opened("H99.2026.01.VP", at("01-10")), opened("H98.2026.02.VP", at("01-10")),
    Told(at("02-01"), "received", "a1", {"name": "một.pdf"}), Told(at("02-01"), "received", "a2", {"name": "hai.pdf"}),
    Told(at("02-01"), "received", "a3", {"name": "ba.pdf"}), Told(at("02-01"), "received", "a4", {"name": "bốn.pdf"}),
    stored("a1", "H99.2026.01.VP", at("02-01"), pages=3, kinds=["resolution"], faulty=True),
    refused("a2", at("02-01"), "FILE-001"), refused("a3", at("02-01"), "CHECK-010", "VERIFY-004"),
    Told(at("02-01"), "kept_out", "a4", {"batch": "b", "findings": []}),
    Told(at("03-02"), "casefile_closed", "H99.2026.01.VP", {"version": 2}),
    Told(at("11-02"), "turned_away", "a3", {"reason": "x"}),
    stored("b1", "H98.2026.02.VP", at("11-03"), pages=1, kinds=["colour"], faulty=False),
    stored("b2", "H98.2026.02.VP", at("11-03")),
    Told(at("11-04"), "casefile_reopened", "H99.2026.01.VP", {"version": 3}),
    Told(at("11-05"), "casefile_corrected", "H99.2026.01.VP", {"before": {"endDate": ""},
                                                               "after": {"endDate": "15/08/2026"}}),
    Told(at("11-06"), "transfer_confirmed", "NL.1", {"side": "agency", "count": 7, "case_files": ["H98.2020.01.VP"]}),
    Told(at("11-06"), "transfer_approved", "NL.1", {"side": "agency", "approved": 9}),
    Told(at("11-07"), "destroyed", "H98.2001.01.VP", {"documents": 4}),
    Told(at("11-30", "17:00:00"), "casefile_closed", "H98.2026.02.VP", {"version": 2}),    # December in Vietnam
    Told(at("12-05"), "stored", "a2", stored("a2", "H99.2026.01.VP", at("12-05")).data),
)


def test_a_month_counts_what_was_done_in_it_by_agency() -> None:
    told = reports.as_dict(figures(EVENTS, NOVEMBER))
    assert told["items"] == {"stored": 2, "turned_away": 1}
    assert told["agencies"]["H98"] == {**dict.fromkeys(reports.COUNTED, 0), "stored": 2, "handed_over": 7, "scans": 1,
                                       "scan_pages": 1, "open": 1, "destroyed_documents": 4}
    assert told["agencies"]["H99"]["reopened"] == 1 and told["rate"] == 0.0
    february = reports.as_dict(figures(EVENTS, Period("month", 2026, 2)))
    assert february["items"] == {"received": 4, "stored": 1, "quarantined": 2, "kept_out": 1}
    assert february["refused"] == {"CHECK-010": 1, "FILE-001": 1, "VERIFY-004": 1}
    assert february["rate"] == 100.0 and february["scan_errors"] == {"resolution": 1}


def test_inspection_lists_say_how_it_stood_when_the_period_ended() -> None:
    november = figures(EVENTS, NOVEMBER)
    assert [one["item"] for one in november.unfiled] == ["a2"]
    assert november.unfiled[0]["name"] == "hai.pdf"
    assert {one["code"]: one["due"] for one in november.open} == {
        "H99.2025.01.VP": "2026-03-01", "H99.2026.01.VP": "2026-10-14", "H98.2026.02.VP": "2027-03-01"}
    assert [one["code"] for one in november.overdue] == ["H99.2025.01.VP", "H99.2026.01.VP"]
    february = figures(EVENTS, Period("month", 2026, 2))
    assert february.overdue == [] and [one["item"] for one in february.unfiled] == ["a2"]
    december = figures(EVENTS, Period("month", 2026, 12))
    assert december.unfiled == [] and "H98.2026.02.VP" not in {one["code"] for one in december.open}
    assert december.agencies["H98"]["closed"] == 1, "17:00 in UTC is the next day in Vietnam"


def test_a_case_file_that_is_destroyed_is_open_no_more_and_counts_as_one() -> None:
    gone = Told(at("11-08"), "destroyed", "H99.2025.01.VP", {"documents": 2})
    november = figures([*EVENTS[:-2], gone], NOVEMBER)
    assert november.agencies["H99"]["destroyed"] == 1
    assert "H99.2025.01.VP" not in {one["code"] for one in november.open}


@settings(deadline=None)
@given(st.integers(0, len(EVENTS)), st.sampled_from(KINDS), st.integers(0, 11))
def test_what_happens_later_changes_no_past_report(cut: int, kind: Kind, n: int) -> None:
    """The report as it was made on any day after its period is the report for ever."""
    of_year = {"month": 12, "quarter": 4, "half": 2, "year": 1}[kind]
    period = Period(kind, 2026, n % of_year + 1)
    events = sorted(EVENTS, key=lambda one: one.at)
    whole = [one for one in events if one.at < period.end]
    later = [one for one in events if one.at >= period.end][:cut]
    assert reports.as_dict(figures(whole, period)) == reports.as_dict(figures([*whole, *later], period))


@settings(deadline=None)
@given(st.sampled_from(KINDS), st.dates(date(1990, 1, 1), date(2100, 12, 31)))
def test_periods_follow_one_another_without_gap_and_are_read_as_they_are_named(kind: Kind, day: date) -> None:
    last = reports.period(kind, "", day)
    assert last.last < day and reports.period(kind, last.name, day) == last
    assert (last.first - last.before().last).days == 1 and last.before().end == last.begin
    months = (last.last.year - last.first.year) * 12 + last.last.month - last.first.month + 1
    assert months == {"month": 1, "quarter": 3, "half": 6, "year": 12}[kind]


def test_months_of_a_year_add_up_to_it() -> None:
    whole = figures(EVENTS, YEAR)
    months = [figures(EVENTS, Period("month", 2026, n)) for n in range(1, 13)]
    assert whole.items == sum((one.items for one in months), type(whole.items)())
    for name in set(reports.COUNTED) - {"open", "overdue"}:
        assert whole.total[name] == sum(one.total[name] for one in months)


@pytest.mark.parametrize(("kind", "text", "name"), [
    ("month", "11/2026", "2026-11"), ("quarter", "q4/2026", "2026-Q4"), ("quarter", "4/2026", "2026-Q4"),
    ("half", "2026-H1", "2026-H1"), ("year", "2026", "2026")])
def test_periods_are_read_in_the_ways_people_write_them(kind: Kind, text: str, name: str) -> None:
    assert reports.period(kind, text, date(2026, 11, 20)).name == name


@pytest.mark.parametrize(("kind", "text"), [("month", "13/2026"), ("month", "2026"), ("quarter", "2026-H1"),
                                            ("half", "2026-H3"), ("year", "2026-11"), ("year", "0000"),
                                            ("month", "2026-00"), ("quarter", "quý IV")])
def test_what_names_no_period_is_a_wrong_use(kind: Kind, text: str) -> None:
    with pytest.raises(UsageError):
        reports.period(kind, text, date(2026, 11, 20))


# --- the command -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Archive]:
    """An archive whose catalogue has the events above, and one with a name that a spreadsheet would reckon."""
    made = opening.make_archive(tmp_path_factory.mktemp("reports") / "kho", {
        "agency": {"code": "H99", "name": "Sở Nội vụ tỉnh Mẫu"}})
    odd = [Told(at("11-20"), "received", "c1", {"name": "=1+1.pdf"}), refused("c1", at("11-20"), "FILE-005")]
    with pytest.MonkeyPatch.context() as patched, opening.ownership(made), made.catalogue.session() as session:
        for n, one in enumerate(sorted([*EVENTS, *odd], key=lambda one: one.at)):
            patched.setattr(clock, "now", lambda moment=one.at: clock.parse(moment))
            record(session, made.ledger, [Entry(one.kind, one.subject, one.data, f"{n:040x}")])
    yield made
    made.close()


def run(told: Archive, *args: str) -> str:
    made = CliRunner().invoke(command, args, obj=told.settings.root, catch_exceptions=False)
    assert made.exit_code == 0, made.output
    return made.stdout


def test_the_command_reads_only_what_matters_and_says_the_same(told: Archive) -> None:
    """What the database gives of the ledger makes the same figures as the whole ledger."""
    with told.catalogue.session() as session:
        everything = [Told(row.at, row.kind, row.subject, row.data) for row in session.query(
            model.Event).order_by(model.Event.seq)]
    for kind, text, period in (("month", "2026-11", NOVEMBER), ("year", "2026", YEAR),
                               ("quarter", "2026-Q1", Period("quarter", 2026, 1))):
        shown = json.loads(run(told, kind, text, "--json"))
        expected = reports.as_dict(figures(everything, period))
        assert {**shown, "complete": True} == {**expected, "band": shown["band"]}
    february = json.loads(run(told, "month", "2026-02", "--json"))
    assert february["complete"] and february["rate"] == 100.0 and february["band"] is None, "no band from 2 % on"


def test_rows_of_the_catalogue_change_nothing(told: Archive) -> None:
    before = run(told, "month", "2026-11", "--json")
    with told.catalogue.session() as session:
        session.merge(model.Item(id="c1", source="s", name="x", size=1, sha256="", sha512="", received_at="",
                                 legal_received_at="", receipt_rule="", batch="b", state="stored"))
    assert run(told, "month", "2026-11", "--json") == before


def test_one_fonds_alone(told: Archive) -> None:
    with told.catalogue.session() as session:
        session.merge(model.Fonds(code="H98", name="Cơ quan khác"))
    shown = json.loads(run(told, "year", "2026", "--fonds", "H98", "--json"))
    assert set(shown["agencies"]) == {"H98"} and {one["fonds"] for one in shown["case_files_not_closed"]} <= {"H98"}


def test_files_for_spreadsheets_have_every_list_and_no_formula(told: Archive, tmp_path: Path) -> None:
    run(told, "month", "2026-11", "--csv", "-o", str(tmp_path / "r.csv"))
    rows = list(csv.reader(io.StringIO((tmp_path / "r.csv").read_text(encoding="utf-8-sig"))))
    assert any("H99.2025.01.VP" in row for row in rows) and any("hai.pdf" in row for row in rows)
    assert any("'=1+1.pdf" in row for row in rows)
    run(told, "month", "2026-11", "--xlsx", "-o", str(tmp_path / "r.xlsx"))
    from openpyxl import load_workbook

    cells = [cell.value for sheet in load_workbook(tmp_path / "r.xlsx").worksheets for row in sheet for cell in row]
    assert "H99.2025.01.VP" in cells and "'=1+1.pdf" in cells and 7 in cells
    again = tmp_path / "again.csv"
    run(told, "month", "2026-11", "--csv", "-o", str(again))
    assert again.read_bytes() == (tmp_path / "r.csv").read_bytes()


def test_the_paper_shows_figures_reasons_and_lists_and_is_the_same_again(told: Archive, tmp_path: Path) -> None:
    for name in ("a.pdf", "b.pdf"):
        run(told, "quarter", "2026-Q1", "--pdf", "-o", str(tmp_path / name))
    assert (tmp_path / "a.pdf").read_bytes() == (tmp_path / "b.pdf").read_bytes()
    with pypdfium2.PdfDocument(tmp_path / "a.pdf") as pdf:
        text = " ".join(" ".join(page.get_textpage().get_text_range().split()) for page in pdf)
    assert "quý I năm 2026" in text and "ngày 01 tháng 4 năm 2026" in text
    assert "CHECK-010" in text and "H99.2025.01.VP" in text and "hai.pdf" in text
    run(told, "quarter", "2026-Q1", "--docx", "-o", str(tmp_path / "a.docx"))
    assert "H99.2025.01.VP" in zipfile.ZipFile(tmp_path / "a.docx").read("word/document.xml").decode()


def test_wrong_uses_are_told(told: Archive, tmp_path: Path) -> None:
    for args in (["month", "--csv"], ["month", "-o", str(tmp_path / "x")], ["month", "2026-13"],
                 ["year", "--fonds", "KHONGCO"]):
        made = CliRunner().invoke(command, args, obj=told.settings.root)
        assert made.exit_code != 0 and not (tmp_path / "x").exists()
    assert "H99" in run(told, "month", "2026-11")
