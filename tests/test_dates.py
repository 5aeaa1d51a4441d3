"""Dates are read exactly or not at all, and the form that was read is told."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive.dates import DateForm, PartialDate, Precision, parse_date

DAYS = st.dates(min_value=date(1000, 1, 1), max_value=date(2999, 12, 31))


@pytest.mark.parametrize(("text", "expected", "form"), [
    ("05/09/2026", "05/09/2026", DateForm.day_month_year),
    ("5/9/2026", "05/09/2026", DateForm.loose_day_month_year),
    ("05-09-2026", "05/09/2026", DateForm.loose_day_month_year),
    ("5.9.2026", "05/09/2026", DateForm.loose_day_month_year),
    (" 5 / 9 / 2026 ", "05/09/2026", DateForm.loose_day_month_year),
    ("9/2026", "09/2026", DateForm.month_year),
    ("2026", "2026", DateForm.year),
    ("2026-09-05", "05/09/2026", DateForm.iso),
    ("2026-09", "09/2026", DateForm.iso_month),
    ("2026/09/05", "05/09/2026", DateForm.slashed_iso),
    ("2026/09/05 08:30:00", "05/09/2026", DateForm.timestamp),
    ("2026-09-05T08:30:00+07:00", "05/09/2026", DateForm.timestamp),
    ("ngày 05 tháng 9 năm 2026", "05/09/2026", DateForm.words),
    ("Hà Nội, ngày 05 tháng 9 năm 2026.", "05/09/2026", DateForm.words),
    ("NGÀY 5 THÁNG 9 NĂM 2026", "05/09/2026", DateForm.words),
    ("ngay 5 thang 9 nam 2026", "05/09/2026", DateForm.words),
    ("tháng 9 năm 2026", "09/2026", DateForm.month_words),
    ("Tháng 9/2026", "09/2026", DateForm.month_words),
    ("năm 2026", "2026", DateForm.year_words),
    ("46270", "05/09/2026", DateForm.excel),
    ("46270.5", "05/09/2026", DateForm.excel),
    (46270, "05/09/2026", DateForm.excel),
    (46270.0, "05/09/2026", DateForm.excel),
    (2026.0, "2026", DateForm.year),
    (date(2026, 9, 5), "05/09/2026", DateForm.iso),
    (datetime(2026, 9, 5, 23, 0), "05/09/2026", DateForm.timestamp),
])
def test_each_form_is_read_and_named(text, expected, form):
    read = parse_date(text)
    assert read is not None
    assert (read.text, read.form) == (expected, form)


@pytest.mark.parametrize("text", [
    "", "hôm qua", "30/02/2026", "2014/02/30", "13/13/2026", "01/02/26", "2026-13-01", "0000", "31/04/2026", "5/2026/9",
    "100000", "9999", "quý I/2026", "2026-09-05T25:00:00", "ngày tháng năm 2026", "05/09/2026 và 06/09/2026", "0999",
    "2026-09-05T08:30:00+99:00",
])
def test_what_is_no_date_or_would_be_a_guess_is_not_read(text):
    assert parse_date(text) is None


def test_decomposed_letters_are_the_same_words():
    assert parse_date("nga\u0300y 5 tha\u0301ng 9 na\u0306m 2026").text == "05/09/2026"


def test_a_time_of_another_zone_gives_the_day_in_vietnam():
    assert parse_date("2026-09-05T20:00:00Z").text == "06/09/2026"
    assert parse_date("2026-09-05 20:00:00-05:00").text == "06/09/2026"
    assert parse_date(datetime(2026, 9, 5, 20, tzinfo=UTC)).text == "06/09/2026"
    assert parse_date(datetime(2026, 9, 5, 20, tzinfo=timezone(timedelta(hours=7)))).text == "05/09/2026"


def test_a_partial_date_stays_partial_and_knows_its_first_and_last_day():
    month, year = parse_date("02/2024"), parse_date("2024")
    assert (month.precision, year.precision) == (Precision.month, Precision.year)
    assert (month.first, month.last) == (date(2024, 2, 1), date(2024, 2, 29))
    assert (year.first, year.last) == (date(2024, 1, 1), date(2024, 12, 31))
    assert parse_date("01/02/2024").precision is Precision.day


def test_a_day_without_a_month_cannot_be_made():
    with pytest.raises(ValueError, match="month"):
        PartialDate(2026, None, 5)


@given(DAYS)
def test_every_day_is_read_back_from_each_way_of_writing_it(day):
    for text in (f"{day:%d/%m}/{day.year:04d}", day.isoformat(), f"{day.day}/{day.month}/{day.year:04d}",
                 f"ngày {day.day} tháng {day.month} năm {day.year:04d}"):
        read = parse_date(text)
        assert read is not None
        assert read.first == read.last == day


@given(st.dates(min_value=date(1927, 5, 18), max_value=date(2173, 10, 13)))
def test_a_spreadsheet_day_count_is_the_day_the_spreadsheet_shows(day):
    assert parse_date((day - date(1899, 12, 30)).days).first == day


@given(DAYS, st.sampled_from(["day", "month", "year"]))
def test_the_written_form_is_read_as_the_same_date(day, precision):
    written = PartialDate(day.year, day.month if precision != "year" else None, day.day if precision == "day" else None)
    read = parse_date(written.text)
    assert (read.year, read.month, read.day) == (written.year, written.month, written.day)


@given(st.text(max_size=40))
def test_no_text_breaks_the_reader(text):
    read = parse_date(text)
    assert read is None or read.first <= read.last
