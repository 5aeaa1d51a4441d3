"""Deadlines: the days that the texts give, the strictest first; and the arithmetic they are counted by."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from archive import working_days
from archive.errors import UsageError
from retention import deadline_rules
from retention.deadline_rules import Ground, back, end, historical, kinds, terms
from retention.deadline_sets import work_ended
from retention.transfer.terms import Due

SAMPLE = working_days.calendar("sample")
GROUND = Ground(SAMPLE)
DAYS = st.dates(date(1996, 1, 1), date(2060, 12, 31))


# --- working days ------------------------------------------------------------------------------------------


@settings(deadline=None)
@given(DAYS, st.integers(0, 60))
def test_so_many_working_days_lie_after_the_start_and_the_last_is_worked(start: date, count: int) -> None:
    last = SAMPLE.after(start, count)
    assert SAMPLE.between(start, last) == count
    assert last == start if count == 0 else SAMPLE.sessions(last)


@settings(deadline=None)
@given(DAYS, st.integers(0, 40), st.integers(0, 40))
def test_working_days_add_up(start: date, one: int, more: int) -> None:
    assert SAMPLE.after(SAMPLE.after(start, one), more) == SAMPLE.after(start, one + more)


@settings(deadline=None)
@given(DAYS, DAYS, st.integers(0, 40))
def test_who_starts_later_never_ends_sooner(start: date, other: date, count: int) -> None:
    assume(start <= other)
    assert SAMPLE.after(start, count) <= SAMPLE.after(other, count)


def test_holidays_are_passed_over_and_makeup_days_are_worked() -> None:
    # Tết Bính Ngọ: Monday 16 to Friday 20 February 2026 are off.
    assert SAMPLE.after(date(2026, 2, 13), 1) == date(2026, 2, 23)
    # Saturday 10 January 2026 is worked for Friday 2 January.
    assert SAMPLE.after(date(2026, 1, 9), 1) == date(2026, 1, 10)
    assert SAMPLE.after(date(2025, 12, 31), 1) == date(2026, 1, 5)
    with pytest.raises(ValueError, match="forward"):
        SAMPLE.after(date(2026, 1, 1), -1)


OWN = """
[tinh]
name = "Lịch của tỉnh"
years = [2027]
holidays = [{ date = 2027-03-01, name = "Ngày truyền thống \\"của tỉnh\\"", confirmed = true }]
[tinh.sessions]
mon = [[07:00:00, 11:00:00]]
tue = [[07:00:00, 11:00:00]]
"""


def test_an_imported_calendar_is_used_and_the_shipped_one_stays(tmp_path: Path) -> None:
    assert set(working_days.import_calendars(tmp_path, OWN, "lich.toml")) == {"tinh"}
    own = working_days.calendar("tinh", tmp_path)
    assert own.after(date(2027, 2, 26), 1) == date(2027, 3, 2)
    assert own.names[date(2027, 3, 1)] == 'Ngày truyền thống "của tỉnh"'
    assert set(working_days.calendars(tmp_path)) == {"sample", "tinh"}
    working_days.import_calendars(tmp_path, OWN.replace("tinh", "xa"), "lich.toml")
    assert set(working_days.calendars(tmp_path)) == {"sample", "tinh", "xa"}, "what came before stays"
    assert working_days.calendar("tinh", tmp_path) == own, "written again as it was"
    with pytest.raises(UsageError, match="huyen"):
        working_days.calendar("huyen", tmp_path)


@pytest.mark.parametrize("fault", [
    "", "[x", OWN.replace("2027-03-01", "2028-03-01"), OWN.replace("mon =", "someday ="),
    OWN.replace("[[07:00:00, 11:00:00]]", "[]"), OWN.replace("07:00:00, 11:00:00", "11:00:00, 07:00:00"),
    OWN.replace('name = "Lịch của tỉnh"\n', ""), OWN.replace(", confirmed = true", ""),
    OWN.replace("2027-03-01", '"first of March"'), OWN.replace("[tinh.sessions]", "[other.sessions]")])
def test_a_calendar_that_cannot_be_right_is_refused_and_nothing_is_written(tmp_path: Path, fault: str) -> None:
    with pytest.raises(UsageError):
        working_days.import_calendars(tmp_path, fault, "lich.toml")
    assert not list(tmp_path.iterdir())


@given(st.text(max_size=200))
@settings(max_examples=60, deadline=None)
def test_no_text_crashes_the_reader_of_calendars(text: str) -> None:
    try:
        working_days.read_calendars(text, "lich.toml")
    except UsageError:
        pass


# --- periods -----------------------------------------------------------------------------------------------


@settings(deadline=None)
@given(DAYS, st.integers(0, 400), st.sampled_from(["days", "months", "years", "year_ends"]))
def test_a_longer_period_never_ends_sooner_and_none_before_its_start(start: date, count: int, unit: str) -> None:
    assert start <= end(start, count, unit, SAMPLE) <= end(start, count + 1, unit, SAMPLE)  # type: ignore[arg-type]


@settings(deadline=None)
@given(DAYS, st.integers(0, 60))
def test_months_back_and_forth_come_to_the_same_month(day: date, count: int) -> None:
    there = end(back(day, count, "months", SAMPLE), count, "months", SAMPLE)
    assert (there.year, there.month) == (day.year, day.month) and there <= day


def test_months_end_on_the_day_of_the_same_number_or_the_last() -> None:
    assert end(date(2026, 1, 31), 1, "months", SAMPLE) == date(2026, 2, 28)
    assert end(date(2024, 2, 29), 1, "years", SAMPLE) == date(2025, 2, 28)
    assert back(date(2031, 12, 31), 12, "months", SAMPLE) == date(2030, 12, 31)
    assert end(date(2026, 5, 5), 5, "year_ends", SAMPLE) == date(2031, 12, 31)


def test_a_hand_over_is_not_called_a_case_file() -> None:
    told = Due("historical", "NL-2026-01", date(2026, 12, 31), "Điều 17", late=False)
    assert told.sentence("vi") == "Nộp đợt NL-2026-01 vào lưu trữ lịch sử"
    assert "case file" not in told.sentence("en")


def test_every_rule_of_the_table_can_be_counted() -> None:
    for kind in kinds().values():
        assert kind.rules and {"vi", "en", "vi_many", "en_many"} == {
            key for key in kind.sentences if not key.endswith("_transfer")}
        for rule in kind.rules:
            assert rule.unit in deadline_rules.UNITS and rule.certainty in deadline_rules.CERTAINTIES and rule.article
            assert deadline_rules.term(rule, date(2026, 11, 20), GROUND).due


# --- the law's own days (TR-01, TR-02, TR-04) ----------------------------------------------------------------


def test_submission_takes_the_strictest_and_shows_the_others() -> None:
    found = terms("submission", date(2026, 12, 31), GROUND)
    assert [(one.rule.id, one.due) for one in found] == [
        ("digital", date(2027, 3, 1)), ("records", date(2027, 12, 31)), ("outer", date(2027, 12, 31))]
    works = terms("submission", date(2026, 5, 10), GROUND, "construction")
    assert [(one.rule.id, one.due) for one in works][:2] == [
        ("digital", date(2026, 7, 9)), ("construction", date(2026, 8, 10))]
    off = replace(GROUND, off=frozenset({"submission.digital"}))
    assert terms("submission", date(2026, 12, 31), off)[0].rule.id == "records"


@pytest.mark.parametrize(("ended", "submitted", "due"), [
    (2026, 2027, date(2032, 12, 31)), (2026, 2025, date(2031, 12, 31)),         # the new law: 5 years
    (2015, 2016, date(2025, 12, 31)), (2024, 2025, date(2030, 7, 1)),           # the old one: 10 years, capped
    (2019, 2020, date(2029, 12, 31)), (2020, 2021, date(2030, 7, 1))])
def test_permanent_case_files_are_due_at_the_historical_archive(ended: int, submitted: int, due: date) -> None:
    assert historical(ended, submitted, GROUND)[0].due == due


def test_of_the_year_of_the_change_both_laws_are_told_the_stricter_first() -> None:
    found = historical(2025, 2027, GROUND)
    assert [(one.rule.id, one.due) for one in found] == [
        ("ten_years", date(2030, 7, 1)), ("five_years", date(2032, 12, 31))]


def test_the_long_terms_of_some_sectors_end_with_the_cap_as_well() -> None:
    assert historical(1990, 1992, GROUND, special=True)[0].due == date(2020, 12, 31)
    assert historical(2010, 2011, GROUND, special=True)[0].due == date(2030, 7, 1)


@settings(deadline=None)
@given(st.integers(1950, 2060), st.integers(1950, 2060), st.booleans())
def test_nothing_formed_before_the_new_law_is_due_after_1_july_2030(ended: int, submitted: int, special: bool) -> None:
    found = historical(ended, submitted, GROUND, special=special)
    assert found and found == sorted(found, key=lambda one: one.due)
    if ended <= 2025:
        assert found[0].due <= date(2030, 7, 1)


def test_a_registration_is_answered_within_seven_working_days() -> None:
    [one] = terms("answer", date(2026, 2, 12), GROUND)      # the Thursday before Tết
    assert one.due == date(2026, 3, 2)
    [one] = terms("registration", date(2030, 7, 1), GROUND)
    assert one.due == date(2029, 7, 1)
    [one] = terms("processing", date(2026, 11, 1), GROUND)
    assert one.due == date(2026, 12, 31)


def test_the_end_of_the_work_is_what_was_entered_else_the_end_of_the_year() -> None:
    assert work_ended(2025, 2025, "15/6/2025") == date(2025, 6, 15)
    assert work_ended(2025, 2026, "2026-02-03") == date(2026, 2, 3)
    assert work_ended(2025, 2026, "2026") == date(2026, 12, 31)
    assert work_ended(2025, 0, "") == date(2025, 12, 31)


def test_a_notice_is_thirty_days_before_or_what_the_archive_has_set() -> None:
    [one] = terms("expiry", date(2026, 12, 31), GROUND)
    assert one.due == date(2026, 12, 1)
    [one] = terms("expiry", date(2026, 12, 31), replace(GROUND, amounts={"expiry.thirty_days": 60}))
    assert one.due == date(2026, 12, 31) - timedelta(days=60)
