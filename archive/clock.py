"""The one place where the program asks for the time: UTC, always with its zone.

Callers write `clock.now()`, so that a rehearsal or a test can stop the clock in one place.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

VIETNAM = timezone(timedelta(hours=7), "+07:00")


def now() -> datetime:
    """The present moment in UTC (QCVN 12:2026/BCA 2.2.22 asks for UTC in records)."""
    return datetime.now(UTC)


def stamp(moment: datetime) -> str:
    """`moment` as ISO 8601 in UTC with microseconds, the form in which times are recorded."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def parse(text: str) -> datetime:
    """The moment that `stamp` wrote."""
    return datetime.fromisoformat(text)


def in_vietnam(moment: datetime) -> datetime:
    """`moment` in Vietnam's time, for people (LS Đ11.3, LA Đ10.3: ISO 8601, Vietnam's zone)."""
    return moment.astimezone(VIETNAM)


def night_of(moment: datetime) -> date:
    """The date of the night that `moment` belongs to, in Vietnam: until noon it is still last evening's."""
    return (in_vietnam(moment) - timedelta(hours=12)).date()
