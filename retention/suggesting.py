"""Suggesting a rule for a case file, from its title and from what was decided for ones like it; never applied alone.

Every suggestion shows its reasons. A row is only suggested from a table that was in force in the case file's year or is
today; a legacy table never for a year after it (docs/retention.md).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from archive.model import CaseFile, PeriodAssignment, PeriodDecision, RetentionRule
from archive.spelling import plain
from retention.tables import keeping

# Words of every title say nothing of what it is about.
_EMPTY = frozenset((
    "hồ", "sơ", "tài", "liệu", "về", "việc", "của", "và", "các", "năm", "tháng", "quý", "trong", "cho", "theo", "công",
    "tác", "tập", "văn", "bản", "số", "đến", "từ", "là", "có", "được", "cơ", "quan"))
MOST = 5
LEAST = 0.25            # share of a title's weight that the words in common must have
_LOOKED_AT = 20_000     # decided case files of the fonds that are compared, the newest first


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A row of a table that may fit, how well (0 to 1), and why."""

    rule: RetentionRule
    score: float
    shared: tuple[str, ...]             # words that title and row, or title and title, have in common
    example: str = ""                   # the case file whose decision it comes from
    decision: int = 0


def suggest(session: Session, case_file: CaseFile, today: str) -> list[Suggestion]:
    """The rows that may fit a case file, the best first; decisions for case files like it before bare words."""
    tables = [one for one in keeping.tables(session) if keeping.valid_in(one, case_file.year) or (
        not one.legacy and one.valid_from <= today and (not one.valid_to or today <= one.valid_to))]
    rules = [rule for one in tables for rule in keeping.rules_of(session, one.id, one.version)]
    wanted = words(case_file.title)
    if not rules or not wanted:
        return []
    weight = _weights([words(rule.description) for rule in rules])
    found: dict[tuple[str, int, str], Suggestion] = {}
    for one in (*_like_decided(session, case_file, wanted, rules), *_like_words(rules, wanted, weight)):
        key = (one.rule.table_id, one.rule.version, one.rule.code)
        if key not in found or found[key].score < one.score:
            found[key] = one
    return sorted(found.values(), key=lambda one: (-one.score, one.rule.table_id, one.rule.position))[:MOST]


def words(text: str) -> frozenset[str]:
    """The telling words of a title, with their diacritics."""
    return frozenset(word for word in plain(text).split() if word not in _EMPTY and not word.isdecimal())


def _weights(texts: Iterable[frozenset[str]]) -> dict[str, float]:
    """How telling each word is: the rarer among the rows, the more."""
    texts = list(texts)
    seen = Counter(word for text in texts for word in text)
    return {word: math.log((len(texts) + 1) / count) for word, count in seen.items()}


def _like_words(rules: Sequence[RetentionRule], wanted: frozenset[str],
                weight: dict[str, float]) -> Iterable[Suggestion]:
    """Rows whose description shares telling words with the title."""
    unknown = max(weight.values(), default=1.0)
    whole = sum(weight.get(word, unknown) for word in wanted)
    for rule in rules:
        own = words(rule.description)
        shared = wanted & own
        # Of the title's weight, and a little of the row's: a short row that fits wholly goes before a long one.
        of_title = sum(weight[word] for word in shared) / whole if whole else 0.0
        of_row = len(shared) / len(own) if own else 0.0
        score = 0.75 * of_title + 0.15 * of_row
        if shared and score >= LEAST:
            yield Suggestion(rule, round(score, 3), tuple(sorted(shared)))


def _like_decided(session: Session, case_file: CaseFile, wanted: frozenset[str],
                  rules: Sequence[RetentionRule]) -> Iterable[Suggestion]:
    """Rows that were decided for case files of this fonds with the same or a like title."""
    offered = {(rule.table_id, rule.code): rule for rule in rules}
    rows = session.execute(select(CaseFile.code, CaseFile.title, PeriodDecision).join(
        PeriodAssignment, PeriodAssignment.case_file == CaseFile.code).join(
        PeriodDecision, PeriodDecision.n == PeriodAssignment.n).where(
        CaseFile.fonds == case_file.fonds, CaseFile.code != case_file.code, PeriodDecision.kind == "table").order_by(
        PeriodDecision.n.desc()).limit(_LOOKED_AT))
    for code, title, decision in rows:
        rule = offered.get((decision.table_id, decision.rule))
        own = words(title)
        shared = wanted & own
        if rule is None or not shared:
            continue
        score = len(shared) / len(wanted | own)
        if score >= 0.5:
            yield Suggestion(rule, round(min(1.0, 0.9 * score + 0.1), 3), tuple(sorted(shared)), code, decision.n)
