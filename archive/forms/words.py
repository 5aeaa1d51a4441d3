"""Numbers and dates in Vietnamese words, as forms ask for beside the figures.

The way of administrative papers: mốt, tư and lăm after mươi, lăm after mười, linh before a single one, "không trăm" for
a missing hundred within a number, and nothing for a group of three zeros.
"""

from __future__ import annotations

from datetime import date

LARGEST = 10**15
_DIGITS = ("không", "một", "hai", "ba", "bốn", "năm", "sáu", "bảy", "tám", "chín")
_AFTER_TENS = {1: "mốt", 4: "tư", 5: "lăm"}
_GROUPS = ((10**9, "tỷ"), (10**6, "triệu"), (10**3, "nghìn"))
_APRIL = 4


def number_words(number: int) -> str:
    """`number` (0 … 10^15) in words, in small letters: 1204 is "một nghìn hai trăm linh bốn".

    Raises ValueError for another number: a form has no words for it.
    """
    if not 0 <= number <= LARGEST:
        raise ValueError(f"no words for {number}")
    return " ".join(_words(number, within=False)) or _DIGITS[0]


def figures(number: float) -> str:
    """`number` in figures as Vietnamese papers write it: 12.345 and 12,5."""
    text = f"{number:,}" if isinstance(number, int) else f"{number:,.2f}".rstrip("0").rstrip(".")
    return text.translate(str.maketrans(",.", ".,"))


def date_text(day: date) -> str:
    """A day as papers write it: "ngày 05 tháng 02 năm 2026"; days under 10, January and February with a nought."""
    month = f"{day.month:02d}" if day.month <= 2 else str(day.month)
    return f"ngày {day.day:02d} tháng {month} năm {day.year}"


def date_words(day: date) -> str:
    """A day in words only: "ngày năm tháng hai năm hai nghìn không trăm hai mươi sáu"; April is "tháng tư"."""
    month = "tư" if day.month == _APRIL else number_words(day.month)
    return f"ngày {number_words(day.day)} tháng {month} năm {number_words(day.year)}"


def _words(number: int, *, within: bool) -> list[str]:
    """The words of a number; `within`: something stands before it, so that its hundreds are named even when nought."""
    for size, name in _GROUPS:
        if number >= size:
            before, after = divmod(number, size)
            return [*_words(before, within=within), name, *_words(after, within=True)]
    return _below_thousand(number, within=within) if number else []


def _below_thousand(number: int, *, within: bool) -> list[str]:
    hundreds, rest = divmod(number, 100)
    tens, ones = divmod(rest, 10)
    found = [_DIGITS[hundreds], "trăm"] if hundreds or within else []
    if tens == 0:
        return found + ((["linh"] if found else []) + [_DIGITS[ones]] if ones else [])
    if tens == 1:
        return [*found, "mười", *([] if not ones else ["lăm" if ones == 5 else _DIGITS[ones]])]
    return [*found, _DIGITS[tens], "mươi", *([_AFTER_TENS.get(ones, _DIGITS[ones])] if ones else [])]
