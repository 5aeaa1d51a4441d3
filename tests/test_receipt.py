"""Promises about the legal time of receipt (LS Đ11.2, LA Đ10.2, DN Đ10.2, PY Đ8.3.b)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive.clock import VIETNAM
from archive.errors import UsageError
from ingest.receipt import add_working_hours, is_working_day, legal_time, read_book

# A week without holidays: Tuesday 10 March 2026; the day before a public holiday: Wednesday 29 April 2026.
TUE, WED, FRI, MON = "2026-03-10", "2026-03-11", "2026-03-13", "2026-03-16"
CASES = [
    # raw entry          DN                   LS and LA            PY                   doubtful by PY
    (f"{TUE} 09:00",     f"{TUE} 09:00",      f"{TUE} 09:00",      f"{TUE} 09:00",      False),
    (f"{TUE} 06:15",     f"{TUE} 06:15",      f"{TUE} 07:30",      f"{WED} 07:30",      True),
    (f"{TUE} 12:10",     f"{TUE} 12:10",      f"{TUE} 13:30",      f"{WED} 07:30",      True),
    (f"{TUE} 17:30",     f"{TUE} 17:30",      f"{WED} 07:30",      f"{WED} 07:30",      False),
    (f"{FRI} 17:30",     f"{FRI} 17:30",      f"{MON} 07:30",      f"{MON} 07:30",      False),
    ("2026-04-29 17:30", "2026-04-29 17:30",  "2026-05-04 07:30",  "2026-05-04 07:30",  False),
]
RULES = ("DN", "LS", "LA", "PY")
MILD = replace(read_book(), rules={**read_book().rules, "PY": replace(read_book().rule("PY"), literal=False)})


def vietnam(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%d %H:%M").replace(tzinfo=VIETNAM)


@pytest.mark.parametrize(("raw", "dn", "ls", "py", "doubt"), CASES)
def test_the_table_of_cases_holds_row_by_row(raw: str, dn: str, ls: str, py: str, doubt: bool) -> None:
    moment = vietnam(raw).astimezone(UTC)
    expectations = (("DN", dn, False), ("LS", ls, False), ("LA", ls, False), ("PY", py, doubt))
    for rule, expected, doubtful in expectations:
        found = legal_time(moment, rule, "sample")
        assert (found.at, found.doubtful) == (vietnam(expected), doubtful)
        assert (found.rule_id, found.calendar_id) == (rule, "sample")
        assert found.article and found.at.utcoffset() == timedelta(hours=7)


@pytest.mark.parametrize(("raw", "expected"), [("06:15", "07:30"), ("12:10", "13:30")])
def test_the_literal_reading_of_phu_yen_is_a_switch_and_stays_doubtful(raw: str, expected: str) -> None:
    found = legal_time(vietnam(f"{TUE} {raw}"), "PY", "sample", MILD)
    assert (found.at, found.doubtful) == (vietnam(f"{TUE} {expected}"), True)
    late = legal_time(vietnam(f"{TUE} 17:30"), "PY", "sample", MILD)
    assert (late.at, late.doubtful) == (vietnam(f"{WED} 07:30"), False)


def test_the_first_and_last_minute_of_a_session_belong_to_it() -> None:
    for clock in ("07:30", "11:30", "13:30", "17:00"):
        assert legal_time(vietnam(f"{TUE} {clock}"), "LS", "sample").at == vietnam(f"{TUE} {clock}")


def test_a_result_that_rests_on_an_unconfirmed_holiday_is_doubtful() -> None:
    found = legal_time(vietnam("2026-02-13 18:00"), "LS", "sample")
    assert (found.at, found.doubtful) == (vietnam("2026-02-23 07:30"), True)
    assert legal_time(vietnam("2026-11-24 09:00"), "LS", "sample").doubtful


def test_a_makeup_saturday_is_worked_and_marked_to_be_confirmed() -> None:
    found = legal_time(vietnam("2026-01-09 17:30"), "LS", "sample")
    assert (found.at, found.doubtful) == (vietnam("2026-01-10 07:30"), True)
    assert is_working_day(date(2026, 1, 10), "sample") and not is_working_day(date(2026, 1, 17), "sample")
    assert not is_working_day(date(2026, 9, 2), "sample")


def test_a_year_without_a_list_of_holidays_gives_doubtful_results() -> None:
    assert legal_time(vietnam("2031-03-11 09:00"), "LS", "sample").doubtful
    assert not legal_time(vietnam("2031-03-11 09:00"), "DN", "sample").doubtful


def test_a_time_without_a_zone_an_unknown_rule_or_calendar_is_a_wrong_use() -> None:
    with pytest.raises(ValueError, match="zone"):
        legal_time(datetime(2026, 3, 10, 9), "LS", "sample")
    with pytest.raises(UsageError, match="HN"):
        legal_time(vietnam(f"{TUE} 09:00"), "HN", "sample")
    with pytest.raises(UsageError, match="none"):
        is_working_day(date(2026, 1, 1), "none")


@pytest.mark.parametrize(("start", "hours", "end"), [
    (f"{TUE} 08:00", 2, f"{TUE} 10:00"), (f"{TUE} 10:30", 2, f"{TUE} 14:30"),
    (f"{TUE} 09:30", 2, f"{TUE} 11:30"), (f"{FRI} 16:00", 2, f"{MON} 08:30"),
    (f"{TUE} 20:00", 4, f"{WED} 11:30"), (f"{TUE} 12:00", 0, f"{TUE} 13:30"),
    ("2026-04-29 16:30", 1, "2026-05-04 08:00")])
def test_office_hours_are_counted_over_breaks_and_holidays(start: str, hours: float, end: str) -> None:
    assert add_working_hours(vietnam(start), hours, "sample") == vietnam(end)


def test_every_calendar_entry_lies_in_a_listed_year_and_only_once() -> None:
    for calendar in read_book().calendars.values():
        days = [*calendar.off, *calendar.worked, *calendar.unsettled]
        assert {day.year for day in days} == calendar.years
        assert not calendar.off & set(calendar.worked)


MOMENTS = st.datetimes(datetime(2024, 12, 1), datetime(2027, 2, 1),
                       timezones=st.sampled_from([UTC, VIETNAM, timezone(timedelta(hours=-5))]))


@given(MOMENTS, st.sampled_from(RULES))
def test_the_legal_time_is_never_before_the_entry_and_stays_where_it_is(moment: datetime, rule: str) -> None:
    found = legal_time(moment, rule, "sample")
    assert found.at >= moment
    assert legal_time(found.at, rule, "sample").at == found.at
    if rule != "DN":
        sessions = read_book().calendar("sample").sessions(found.at.date())
        assert any(start <= found.at.time() <= end for start, end in sessions)


@given(MOMENTS, MOMENTS, st.sampled_from(RULES))
def test_who_came_first_counts_first(one: datetime, other: datetime, rule: str) -> None:
    # Not so under the literal reading of PY, which is why its results are marked doubtful.
    first, last = min(one, other), max(one, other)
    assert legal_time(first, rule, "sample", MILD).at <= legal_time(last, rule, "sample", MILD).at


@given(MOMENTS, st.floats(0, 60), st.floats(0, 60))
def test_more_office_hours_never_end_sooner(start: datetime, hours: float, more: float) -> None:
    sooner, later = (add_working_hours(start, count, "sample") for count in (hours, hours + more))
    assert start <= sooner <= later
