"""Dates as people and programs write them, read exactly or not at all.

A date is known to the day, the month or the year; nothing is filled in. Day comes before month, as
Vietnamese papers write it, and the result says which form was read, so that a caller can show it.
"""

from __future__ import annotations

import calendar
import re
import unicodedata
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from enum import StrEnum

# Vietnam keeps one zone without daylight saving; legal times are written in it (TT 05/2025/TT-BNV Đ8).
VIETNAM = timezone(timedelta(hours=7))

FIRST_YEAR, LAST_YEAR = 1000, 2999
_EXCEL_FIRST, _EXCEL_LAST = 10_000, 99_999      # 18/05/1927 to 13/10/2173: five digits, so no year is meant


class DateForm(StrEnum):
    """The form in which a date was read."""

    day_month_year = "DD/MM/YYYY"
    loose_day_month_year = "D/M/YYYY"
    month_year = "MM/YYYY"
    year = "YYYY"
    iso = "YYYY-MM-DD"
    iso_month = "YYYY-MM"
    slashed_iso = "YYYY/MM/DD"
    timestamp = "YYYY-MM-DD hh:mm"
    words = "ngày … tháng … năm …"
    month_words = "tháng … năm …"
    year_words = "năm …"
    excel = "Excel"


class Precision(StrEnum):
    """How exactly a date is known."""

    day = "day"
    month = "month"
    year = "year"


@dataclass(frozen=True, slots=True)
class PartialDate:
    """A date known to the day, the month or the year, and the form it was read from.

    Raises ValueError for a day that the calendar does not have, or a day without its month.
    """

    year: int
    month: int | None = None
    day: int | None = None
    form: DateForm = DateForm.day_month_year

    def __post_init__(self) -> None:
        if self.month is None and self.day is not None:
            raise ValueError("a day without its month")
        if not FIRST_YEAR <= self.year <= LAST_YEAR:
            raise ValueError(f"year out of range: {self.year}")
        date(self.year, self.month or 1, self.day or 1)

    @property
    def precision(self) -> Precision:
        """Day, month or year."""
        if self.day is not None:
            return Precision.day
        return Precision.year if self.month is None else Precision.month

    @property
    def first(self) -> date:
        """The first day that the date may mean."""
        return date(self.year, self.month or 1, self.day or 1)

    @property
    def last(self) -> date:
        """The last day that the date may mean."""
        month = self.month or 12
        return date(self.year, month, self.day or calendar.monthrange(self.year, month)[1])

    @property
    def text(self) -> str:
        """DD/MM/YYYY, MM/YYYY or YYYY: the forms of the field tables of TT 05/2025/TT-BNV."""
        parts = [f"{self.year:04d}"]
        if self.month is not None:
            parts.insert(0, f"{self.month:02d}")
        if self.day is not None:
            parts.insert(0, f"{self.day:02d}")
        return "/".join(parts)


_TIME = r"(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2})(?:[.,]\d+)?)?"
_PATTERNS = [(form, re.compile(pattern, re.IGNORECASE | re.ASCII)) for form, pattern in (
    (DateForm.day_month_year, r"(?P<d>\d{2})/(?P<m>\d{2})/(?P<y>\d{4})"),
    (DateForm.loose_day_month_year, r"(?P<d>\d{1,2})\s*([/.-])\s*(?P<m>\d{1,2})\s*\2\s*(?P<y>\d{4})"),
    (DateForm.month_year, r"(?P<m>\d{1,2})\s*[/.-]\s*(?P<y>\d{4})"),
    (DateForm.year, r"(?P<y>\d{4})"),
    (DateForm.iso, r"(?P<y>\d{4})-(?P<m>\d{2})-(?P<d>\d{2})"),
    (DateForm.iso_month, r"(?P<y>\d{4})-(?P<m>\d{2})"),
    (DateForm.slashed_iso, r"(?P<y>\d{4})/(?P<m>\d{1,2})/(?P<d>\d{1,2})"),
    (DateForm.timestamp, rf"(?P<y>\d{{4}})([-/])(?P<m>\d{{1,2}})\2(?P<d>\d{{1,2}})(?:T|\s+){_TIME}"
                         r"(?P<zone>\s*(?:Z|[+-]\d{2}:?\d{2}))?"),
    (DateForm.words, r"(?:[^,]{1,60},\s*)?ng(?:ày|ay)\s*(?P<d>\d{1,2})\s*th(?:áng|ang)\s*(?P<m>\d{1,2})"
                     r"\s*,?\s*n(?:ăm|am)\s*(?P<y>\d{4})"),
    (DateForm.month_words, r"th(?:áng|ang)\s*(?P<m>\d{1,2})(?:\s*,?\s*n(?:ăm|am)\s*|\s*[/.-]\s*)"
                           r"(?P<y>\d{4})"),
    (DateForm.year_words, r"n(?:ăm|am)\s*(?P<y>\d{4})"),
    (DateForm.excel, r"(?P<serial>\d{5})(?:[.]\d+)?"),
)]


def parse_date(value: str | float | date) -> PartialDate | None:
    """The date that `value` gives, or None: no date, one the calendar lacks, or one that would be a guess.

    A text is read as day, month, year; a year has four digits ("01/02/26" is not read). A number, or a
    text of five digits, is a day count of a spreadsheet (1900 system). A time with a zone is first
    brought to Vietnam's zone. `form` of the result says which of these it was.
    """
    if isinstance(value, datetime):
        local = value if value.tzinfo is None else value.astimezone(VIETNAM)
        return _made(DateForm.timestamp, local.year, local.month, local.day)
    if isinstance(value, date):
        return _made(DateForm.iso, value.year, value.month, value.day)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    text = unicodedata.normalize("NFC", str(value)).lower().strip().rstrip(".").strip()
    for form, pattern in _PATTERNS:
        if match := pattern.fullmatch(text):
            return _read(form, match.groupdict())
    return None


def _read(form: DateForm, parts: dict[str, str | None]) -> PartialDate | None:
    if form is DateForm.excel:
        serial = int(parts["serial"] or 0)
        if not _EXCEL_FIRST <= serial <= _EXCEL_LAST:
            return None
        day = date(1899, 12, 30) + timedelta(days=serial)
        return PartialDate(day.year, day.month, day.day, form)
    year, month, day_of_month = (int(parts[name] or 0) if parts.get(name) else None for name in "ymd")
    if form is DateForm.timestamp:
        return _timestamp(parts)
    return _made(form, year or 0, month, day_of_month)


def _timestamp(parts: dict[str, str | None]) -> PartialDate | None:
    numbers = [int(parts[name] or 0) for name in ("y", "m", "d", "hour", "minute", "second")]
    zone = (parts["zone"] or "").strip().upper()
    try:
        moment = datetime(*numbers)  # type: ignore[arg-type]
        if zone and zone != "Z":
            hours, minutes = int(zone[1:3]), int(zone[-2:])
            offset = timedelta(hours=hours, minutes=minutes) * (-1 if zone[0] == "-" else 1)
            moment = moment.replace(tzinfo=timezone(offset)).astimezone(VIETNAM)
        elif zone:
            moment = moment.replace(tzinfo=UTC).astimezone(VIETNAM)
    except (ValueError, OverflowError):
        return None
    return _made(DateForm.timestamp, moment.year, moment.month, moment.day)


def _made(form: DateForm, year: int, month: int | None, day: int | None) -> PartialDate | None:
    try:
        return PartialDate(year, month, day, form)
    except ValueError:
        return None
