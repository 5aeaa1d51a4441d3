"""The period of a case file as a pure reckoning: the law's bounds hold for whatever facts come."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive.retention_text import FOREVER, UNKNOWN, kept_years, latest_year
from retention.period import Facts, Period, Rule, explain

YEARS = st.integers(2, 70)
KEPT = st.one_of(st.just(UNKNOWN), st.just(FOREVER), YEARS)
RULES = st.one_of(
    st.none(), st.builds(Rule, st.just("plan"), st.just("permanent")),
    st.builds(Rule, st.sampled_from(["plan", "other_law"]), st.just("years"), YEARS),
    st.builds(Rule, st.just("table"), st.just("years"), YEARS, KEPT),
    st.builds(Rule, st.just("table"), st.just("event"), st.one_of(st.just(0), YEARS)))
FACTS = st.builds(Facts, RULES, KEPT, st.booleans(), st.one_of(st.just(0), st.integers(1950, 2100)),
                  st.one_of(st.just(0), st.integers(1950, 2100)), st.sampled_from(["next_year", "end_year"]))


def plain(**told: object) -> Facts:
    return replace(Facts(Rule("plan", "years", 5), closed=True, ended=2020), **told)  # type: ignore[arg-type]


def test_the_years_are_counted_from_the_end_of_the_year_in_which_the_work_ended() -> None:
    """The example of the convention: ended in March 2020, five years, kept until 31/12/2025, listed from 2026."""
    period = explain(plain())
    assert (period.base, period.last_year, period.expired_from) == (2020, 2025, 2026)
    assert explain(plain(counting="end_year")).last_year == 2024


@pytest.mark.parametrize(("facts", "missing"), [
    (plain(rule=None), "rule"), (plain(closed=False), "open"), (plain(ended=0), "end"),
    (plain(rule=Rule("table", "event", 5)), "event"), (plain(rule=Rule("table", "event"), event=2021, closed=False),
                                                       "open")])
def test_without_an_end_or_an_event_there_is_no_date_and_it_says_why(facts: Facts, missing: str) -> None:
    period = explain(facts)
    assert (period.last_year, period.expired_from, period.missing) == (None, None, missing)


def test_an_event_starts_the_clock_and_a_period_without_years_ends_with_its_year() -> None:
    assert explain(plain(rule=Rule("table", "event", 5), event=2022)).last_year == 2027
    assert explain(plain(rule=Rule("table", "event"), event=2022)) == Period(0, 2022, 2022)
    longer = explain(plain(rule=Rule("table", "event"), event=2022, documents=30))
    assert (longer.last_year, longer.raised) == (2050, "documents")


@given(FACTS)
def test_no_period_is_ever_below_the_table(facts: Facts) -> None:
    period = explain(facts)
    if facts.rule is not None and facts.rule.floor not in (UNKNOWN, FOREVER) and period.years != UNKNOWN:
        assert period.years >= facts.rule.floor
    if facts.rule is not None and facts.rule.floor == FOREVER:
        assert period.permanent


@given(FACTS)
def test_permanent_dominates_and_is_never_due(facts: Facts) -> None:
    period = explain(replace(facts, documents=FOREVER))
    assert period.permanent and period.last_year is None and not period.missing
    if facts.rule is not None and facts.rule.kind == "permanent":
        assert explain(facts).permanent


@given(FACTS, KEPT, st.integers(0, 60))
def test_a_further_document_never_shortens_a_period(facts: Facts, kept: int, later: int) -> None:
    """More documents: the longest period among them grows or stays, and so does the year of the last one."""
    before = explain(facts)
    more = replace(facts, documents=max(facts.documents, kept), ended=facts.ended + later if facts.ended else 0)
    after = explain(more)
    if before.permanent:
        assert after.permanent
    elif before.last_year is not None and after.last_year is not None:
        assert after.last_year >= before.last_year


@given(FACTS)
def test_a_date_always_has_a_base_and_one_that_is_missing_a_reason(facts: Facts) -> None:
    period = explain(facts)
    if period.last_year is not None:
        assert period.base and not period.missing and period.last_year >= period.base
    else:
        assert period.permanent != bool(period.missing)


@pytest.mark.parametrize(("fields", "words", "years"), [
    ({}, "10 năm", 10), ({}, "Vĩnh viễn", FOREVER), ({}, "", UNKNOWN), ({}, "đến khi hết hiệu lực", UNKNOWN),
    ({"maintenance": "01"}, "10 năm", FOREVER), ({"maintenance": "05"}, "", 20),
    ({"maintenance": "07", "maintenanceText": "15 năm"}, "10 năm", 15), ({"maintenance": "07"}, "15 năm", 15),
    ({"maintenance": "Vĩnh viễn"}, "5 năm", FOREVER), ({"maintenance": "99"}, "5 năm", 99)])
def test_the_period_of_a_record_is_read_from_its_code_its_remark_or_the_plan(
        fields: dict[str, str], words: str, years: int) -> None:
    assert kept_years(fields, words) == years


@given(st.text(max_size=30), st.text(max_size=30), st.text(max_size=30))
def test_any_words_give_a_period_or_none(code: str, remark: str, words: str) -> None:
    assert kept_years({"maintenance": code, "maintenanceText": remark}, words) >= UNKNOWN
    assert latest_year(code, remark, words) >= 0
