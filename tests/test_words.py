"""Numbers and days in words: a reader who knows only the words comes back to the figures."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive.forms.words import LARGEST, date_text, date_words, figures, number_words

ONES = {"không": 0, "một": 1, "mốt": 1, "hai": 2, "ba": 3, "bốn": 4, "tư": 4, "năm": 5, "lăm": 5, "sáu": 6, "bảy": 7,
        "tám": 8, "chín": 9}
GROUPS = {"nghìn": 10**3, "triệu": 10**6, "tỷ": 10**9}


def read(text: str) -> int:
    """The number that a text says, read as a person reads it: the largest unit parts it."""
    words = text.split()
    for name in ("tỷ", "triệu", "nghìn"):
        if name in words:
            at = len(words) - 1 - words[::-1].index(name) if name == "tỷ" else words.index(name)
            after = words[at + 1:]
            return read(" ".join(words[:at])) * GROUPS[name] + (read(" ".join(after)) if after else 0)
    if "trăm" in words:
        at = words.index("trăm")
        after = words[at + 1:]
        return read(" ".join(words[:at])) * 100 + (read(" ".join(after)) if after else 0)
    if words[0] == "linh":
        assert len(words) == 2
        return ONES[words[1]]
    if words[0] == "mười":
        return 10 + (ONES[words[1]] if len(words) > 1 else 0)
    if "mươi" in words:
        assert words[1] == "mươi"
        return ONES[words[0]] * 10 + (ONES[words[2]] if len(words) > 2 else 0)
    assert len(words) == 1
    return ONES[words[0]]


@given(st.one_of(st.integers(0, 9999), st.integers(0, LARGEST),
                 st.builds(lambda n, tens: n * 10**tens, st.integers(0, 1000), st.integers(0, 12))))
def test_the_words_of_a_number_are_read_back_as_that_number(number: int) -> None:
    assert read(number_words(number)) == number


@pytest.mark.parametrize(("number", "said"), [
    (0, "không"), (4, "bốn"), (5, "năm"), (10, "mười"), (11, "mười một"), (14, "mười bốn"), (15, "mười lăm"),
    (20, "hai mươi"), (21, "hai mươi mốt"), (24, "hai mươi tư"), (25, "hai mươi lăm"), (55, "năm mươi lăm"),
    (100, "một trăm"), (101, "một trăm linh một"), (104, "một trăm linh bốn"), (105, "một trăm linh năm"),
    (110, "một trăm mười"), (115, "một trăm mười lăm"), (121, "một trăm hai mươi mốt"), (1000, "một nghìn"),
    (1005, "một nghìn không trăm linh năm"), (1204, "một nghìn hai trăm linh bốn"),
    (10_000, "mười nghìn"), (21_015, "hai mươi mốt nghìn không trăm mười lăm"),
    (1_000_001, "một triệu không trăm linh một"), (2_026_000, "hai triệu không trăm hai mươi sáu nghìn"),
    (10**9, "một tỷ"), (10**12, "một nghìn tỷ"), (10**15, "một triệu tỷ"),
    (1_005_000_000_020, "một nghìn không trăm linh năm tỷ không trăm hai mươi")])
def test_numbers_are_said_as_papers_say_them(number: int, said: str) -> None:
    assert number_words(number) == said


@pytest.mark.parametrize("number", [-1, LARGEST + 1])
def test_a_number_without_words_is_refused(number: int) -> None:
    with pytest.raises(ValueError, match="no words"):
        number_words(number)


def test_figures_have_dots_between_thousands_and_a_comma_before_decimals() -> None:
    assert [figures(12_345_678), figures(999), figures(0.25), figures(1234.5), figures(3.0)] == [
        "12.345.678", "999", "0,25", "1.234,5", "3"]


def test_days_have_noughts_where_papers_have_them() -> None:
    assert date_text(date(2026, 2, 5)) == "ngày 05 tháng 02 năm 2026"
    assert date_text(date(2026, 11, 21)) == "ngày 21 tháng 11 năm 2026"
    assert date_text(date(2026, 3, 9)) == "ngày 09 tháng 3 năm 2026"
    assert date_words(date(2026, 4, 5)) == "ngày năm tháng tư năm hai nghìn không trăm hai mươi sáu"
