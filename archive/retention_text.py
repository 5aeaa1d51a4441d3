"""Retention periods as people write them in a file plan: "Vĩnh viễn", "10 năm", "VV", "mười năm".

Reads the words only; whether the law allows the period is `within_law`. Never guesses: a period that
hangs on an event ("đến khi hết hiệu lực") is not a number of years and is not read as one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from archive.dates import parse_date
from archive.spelling import fold, plain

# Luật Lưu trữ 33/2024/QH15 Điều 15.3: at least 2, at most 70 years, from the year the work ended.
SHORTEST, LONGEST = 2, 70

# A period as the catalogue's one number, so that the longest of many is their maximum.
FOREVER, UNKNOWN = 9999, -1

_OTHER = "07"       # tt05_maintenance: another period, which stands in words beside it
_PERMANENT = {"vinh vien", "vv", "bao quan vinh vien"}
_YEARS = re.compile(r"(?P<years>[0-9]{1,4})(?:[.,]0+)?\s*(?:năm|nam|n)?\s*(?:\([^)]*\))?", re.IGNORECASE)
_DIGITS = {"một": 1, "hai": 2, "ba": 3, "bốn": 4, "năm": 5, "sáu": 6, "bảy": 7, "bẩy": 7, "tám": 8, "chín": 9}
_AFTER_TEN = {**_DIGITS, "tư": 4, "lăm": 5, "nhăm": 5, "mốt": 1}


@dataclass(frozen=True, slots=True)
class Retention:
    """A period that was read: permanent, or whole years from the year the work ended."""

    years: int | None

    @property
    def permanent(self) -> bool:
        """Whether the records are kept for ever (vĩnh viễn)."""
        return self.years is None

    @property
    def within_law(self) -> bool:
        """Whether the period is permanent or 2 to 70 years (Luật Lưu trữ 33/2024/QH15 Đ15.3)."""
        return self.years is None or SHORTEST <= self.years <= LONGEST

    def __str__(self) -> str:
        return "Vĩnh viễn" if self.years is None else f"{self.years} năm"


def parse_retention(text: str) -> Retention | None:
    """The period that `text` names, or None where it names none that can be counted in years.

    A bare number is a number of years. A remark in brackets is left aside ("10 năm (từ khi quyết toán)").
    """
    text = text.strip()
    if fold(text) in _PERMANENT:
        return Retention(None)
    if match := _YEARS.fullmatch(text):
        return Retention(int(match["years"]))
    years = _in_words(plain(text))
    return None if years is None else Retention(years)


def kept_years(fields: Mapping[str, str], words: str = "") -> int:
    """The years that a record names as its period, FOREVER for ever, UNKNOWN where it names none that can be counted.

    `fields.maintenance` (a code of TT 05/2025, or words) comes first, its remark where the code says "another"; else
    `words`, the period as the file plan has it.
    """
    return _kept(fields.get("maintenance", "").strip(), fields.get("maintenanceText", "").strip(), words.strip())


@lru_cache(maxsize=4096)
def _kept(code: str, remark: str, words: str) -> int:
    from archive.fields.tables import code_lists  # its package reads periods by this module

    named = code_lists()["tt05_maintenance"].values.get(code, code) if code != _OTHER else ""
    period = parse_retention(named or remark or words)
    if period is None:
        return UNKNOWN
    return FOREVER if period.years is None else min(period.years, FOREVER - 1)


def latest_year(*dates: str) -> int:
    """The latest year that one of these dates names, also partial ones; 0 where none is a date."""
    return max((read.year for one in dates if one and (read := parse_date(one)) is not None), default=0)


def _in_words(text: str) -> int | None:
    """The number of years in words ("mười lăm năm" -> 15), None when it is not one."""
    words = text.split()
    if len(words) < 2 or words[-1] != "năm":
        return None
    words = words[:-1]
    if len(words) == 1 and words[0] in _DIGITS:
        return _DIGITS[words[0]]
    if words[0] == "mười":
        tens, rest = 1, words[1:]
    elif len(words) >= 2 and words[0] in _DIGITS and words[1] in ("mươi", "chục"):
        tens, rest = _DIGITS[words[0]], words[2:]
    else:
        return None
    if not rest:
        return tens * 10
    return tens * 10 + _AFTER_TEN[rest[0]] if len(rest) == 1 and rest[0] in _AFTER_TEN else None
