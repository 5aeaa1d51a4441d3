"""The benchmark of digitising: its measure of errors is right, and its pages are what they say. No figure is judged."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import pages_of_text
from benchmarks.text_errors import distance, errors, folded
from ingest.digitise.creases import torn
from ingest.digitise.engine import Line, Reading, Word


def slow(known: str, read: str) -> int:
    """The distance by its definition."""
    before = list(range(len(read) + 1))
    for row, one in enumerate(known, 1):
        now = [row]
        for column, other in enumerate(read, 1):
            now.append(min(before[column] + 1, now[-1] + 1, before[column - 1] + (one != other)))
        before = now
    return before[-1]


@given(st.text("abc", max_size=12), st.text("abcd", max_size=12))
def test_the_distance_is_the_edit_distance(known: str, read: str) -> None:
    assert distance(known, read) == slow(known, read)


def test_a_lost_sign_counts_with_diacritics_and_not_without() -> None:
    found = errors(["Điều 1"], "Dieu  1")
    assert found.letters == pytest.approx(2 / 6)
    assert (found.letters_folded, found.words_folded, found.words, found.recall) == (0, 0, 0.5, 0.5)
    assert folded("Đường Trường Sa") == "Duong Truong Sa"


def test_of_two_right_orders_the_nearer_counts() -> None:
    assert errors(["a b c d", "a c b d"], "a c b d").letters == 0


def test_a_letterhead_has_more_than_one_right_order_and_a_plain_page_one() -> None:
    letter, plain = pages_of_text._sheet(2, 0, table=False), pages_of_text._sheet(3, 0, table=False)
    assert len(letter.truths()) > 1
    assert len(plain.truths()) == 1
    assert len({" ".join(sorted(truth.split())) for truth in letter.truths()}) == 1


def line(left: float, right: float, top: float) -> Line:
    box = (left, top, right, top + 30)
    return Line(box, 0.0, -6.0, (Word("chữ", box, 95.0),), opens_paragraph=False)


@pytest.mark.parametrize(("gap", "crease"), [(12, True), (-10, True), (60, False), (200, False)])
def test_lines_that_go_on_right_beside_are_torn_and_columns_are_not(gap: float, crease: bool) -> None:
    left = [line(100, 800, 100 + 50 * row) for row in range(20)]
    right = [line(800 + gap, 1500, 101 + 50 * row) for row in range(20)]
    assert torn(Reading(1654, 2339, (*left, *right))) is crease
    assert not torn(Reading(1654, 2339, tuple(left)))
