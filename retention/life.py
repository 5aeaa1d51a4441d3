"""How long every case file of the archive lives, computed as sets: what is due on a day, and in the years to come.

The facts of all case files are gathered in one statement into a table of their own for the session. Case files with
the same facts form a class; the rules of retention/period.py are asked once a class, never once a case file. A case
file whose document is linked from others lives as long as the longest of them (Luật Lưu trữ 33/2024/QH15 Điều 36 khoản
4 điểm a), one that is held for ever.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, column, insert, select, table, text
from sqlalchemy.orm import Session

from archive.model import PeriodDecision, RetentionRule
from archive.retention_text import FOREVER
from retention.assigning import rule_by
from retention.period import Counting, Facts, Period, Rule, explain

NEVER = FOREVER         # the year until which a case file is kept that has no date: permanent, or none yet
_KEYS = ("decided", "event", "plan", "keep", "ended", "closed")
# What does not count in a class is levelled: the plan under a decision, the end of an open case file.
_GATHER = """
CREATE TEMPORARY TABLE life_facts AS
SELECT c.code AS case_file, c.fonds AS fonds,
       CASE WHEN a.decided IS NULL THEN c.keep_years ELSE -1 END AS plan,
       CASE WHEN c.closed_at = '' THEN 0 ELSE 1 END AS closed,
       CASE WHEN c.closed_at = '' THEN 0 WHEN d.dated > c.ended THEN d.dated ELSE c.ended END AS ended,
       COALESCE(d.keep, -1) AS keep, COALESCE(d.documents, 0) AS documents, COALESCE(d.bytes, 0) AS bytes,
       COALESCE(a.decided, 0) AS decided, COALESCE(a.event, 0) AS event,
       CASE WHEN h.case_file IS NULL THEN 0 ELSE 1 END AS held
FROM case_file c
LEFT JOIN (SELECT case_file, COUNT(*) AS documents, MAX(dated) AS dated, SUM(bytes) AS bytes, MAX(keep_years) AS keep
           FROM document GROUP BY case_file) d ON d.case_file = c.code
LEFT JOIN (SELECT s.case_file AS case_file, MAX(CASE WHEN p.kind <> 'event' THEN p.n END) AS decided,
                  MAX(CASE WHEN p.kind = 'event' THEN p.n END) AS event
           FROM period_assignment s JOIN period_decision p ON p.n = s.n WHERE p.from_day <= :on
           GROUP BY s.case_file) a ON a.case_file = c.code
LEFT JOIN life_held h ON h.case_file = c.code
"""
_CLASS = "CREATE TEMPORARY TABLE life_class ({keys}, until INTEGER, rule TEXT, missing TEXT, PRIMARY KEY ({names}))"
_CLASSES = f"SELECT DISTINCT {', '.join(_KEYS)} FROM life_facts"  # noqa: S608
_FILL = f"INSERT INTO life_class VALUES (:{', :'.join(_KEYS)}, :until, :rule, :missing)"  # noqa: S608
_JOIN = "JOIN life_class k ON " + " AND ".join(f"k.{key} = f.{key}" for key in _KEYS)
_NODES = f"""
INSERT INTO life_linked SELECT f.case_file, CASE WHEN f.held = 1 THEN {NEVER} ELSE k.until END, 0
FROM life_facts f {_JOIN} WHERE f.case_file IN (SELECT home FROM life_edge UNION SELECT other FROM life_edge)
"""  # noqa: S608
_SPREAD = """
UPDATE life_linked SET until = longer.until, round = :round
FROM (SELECT e.home AS home, MAX(o.until) AS until FROM life_linked o JOIN life_edge e ON e.other = o.case_file
      WHERE o.round = :round - 1 GROUP BY e.home) AS longer
WHERE life_linked.case_file = longer.home AND life_linked.until < longer.until
"""
_TABLES = ("life_facts", "life_class", "life_edge", "life_linked", "life_held")
# The year until which a case file really stays: its own, that of the case files which need its documents, or for ever.
_EFFECTIVE = f"CASE WHEN f.held = 1 THEN {NEVER} ELSE COALESCE(l.until, k.until) END"
_ALL = f"FROM life_facts f {_JOIN} LEFT JOIN life_linked l ON l.case_file = f.case_file"


@dataclass(frozen=True, slots=True)
class Due:
    """A case file whose period is over. `until`: the last year it was to be kept; `blocked`: "", "hold" or "link"."""

    code: str
    title: str
    fonds: str
    rule: str
    until: int
    documents: int
    bytes: int
    blocked: str


@dataclass(frozen=True, slots=True)
class Sum:
    """So many case files of one fonds and one rule. `own`: the year their period ends; `until`: they really stay."""

    fonds: str
    rule: str
    missing: str
    own: int
    until: int
    held: bool
    case_files: int
    documents: int
    bytes: int


# What a decision's row of a table says in another table; None where that has no such row.
Instead = Callable[[RetentionRule], RetentionRule | None]


def gather(session: Session, on: str, held: Select[Any] | None = None) -> None:
    """Put the facts of every case file as they count on the day `on` into tables of this session.

    `held`: a select of one column, the codes of case files that are held. `forget` drops the tables.
    """
    forget(session)
    session.execute(text("CREATE TEMPORARY TABLE life_held (case_file VARCHAR(100) PRIMARY KEY)"))
    if held is not None:
        codes = held.subquery()
        session.execute(insert(table("life_held", column("case_file"))).from_select(
            ["case_file"], select(next(iter(codes.c))).distinct()))
    session.execute(text(_GATHER), {"on": on})
    session.execute(text("CREATE TEMPORARY TABLE life_edge AS SELECT DISTINCT home, case_file AS other "
                         "FROM document_link WHERE ended = 0 AND home <> case_file"))
    session.execute(text("CREATE INDEX ix_life_edge ON life_edge (other)"))


def forget(session: Session) -> None:
    """Drop what `gather` made."""
    for name in _TABLES:
        session.execute(text(f"DROP TABLE IF EXISTS {name}"))


def judge(session: Session, counting: Counting, instead: Instead = lambda row: row) -> None:
    """Ask the rules for every class of case files that `gather` found, and follow the links.

    `instead` puts another table's row in the place of each; a row without one keeps its own.
    """
    for name in ("life_class", "life_linked"):
        session.execute(text(f"DROP TABLE IF EXISTS {name}"))
    keys = ", ".join(f"{key} INTEGER" for key in _KEYS)
    session.execute(text(_CLASS.format(keys=keys, names=", ".join(_KEYS))))
    decisions = {one.n: one for one in session.query(PeriodDecision)}
    rules = {(one.table_id, one.version, one.code): one for one in session.query(RetentionRule)}
    classes = session.execute(text(_CLASSES)).mappings().all()
    rows = [_class(dict(one), decisions, rules, counting, instead) for one in classes]
    if rows:
        session.execute(text(_FILL), rows)
    session.execute(text("CREATE TEMPORARY TABLE life_linked (case_file VARCHAR(100) PRIMARY KEY, until INTEGER, "
                         "round INTEGER)"))
    if session.scalar(text("SELECT 1 FROM life_edge LIMIT 1")) is None:
        return
    session.execute(text(_NODES))
    session.execute(text("CREATE INDEX ix_life_linked ON life_linked (round)"))
    n = 1
    while session.execute(text(_SPREAD), {"round": n}).rowcount:  # type: ignore[attr-defined]
        n += 1


def _class(one: Mapping[str, Any], decisions: Mapping[int, PeriodDecision],
           rules: Mapping[tuple[str, int, str], RetentionRule], counting: Counting, instead: Instead) -> dict[str, Any]:
    """The row of one class: until when, by which rule, and what lacks."""
    decision = decisions.get(one["decided"])
    row = rules.get((decision.table_id, decision.version, decision.rule)) if decision else None
    other = instead(row) if row is not None else None
    rule = rule_by(decision, other or row, one["plan"])
    if decision is not None and other is not None and other is not row:
        rule = rule_in_other(decision, row, other)
    happened = decisions.get(one["event"])
    period = explain(Facts(rule, one["keep"], bool(one["closed"]), one["ended"],
                           int(happened.event_on[:4]) if happened else 0, counting))
    return {**one, "until": until(period), "rule": label(decision, other or row, one["plan"]),
            "missing": "permanent" if period.permanent else period.missing}


def rule_in_other(decision: PeriodDecision, row: RetentionRule | None, other: RetentionRule) -> Rule | None:
    """The rule that another table's row would give: a longer period that a person chose stays."""
    own = FOREVER if row is not None and row.kind == "permanent" else row.years if row is not None else 0
    chosen = decision.years if decision.years > own else 0
    return rule_by(PeriodDecision(kind="table", years=chosen), other, 0)


def until(period: Period) -> int:
    """The year at whose end a period is over; NEVER for permanent and for one that has no date yet."""
    return NEVER if period.last_year is None else min(period.last_year, NEVER - 1)


def label(decision: PeriodDecision | None, row: RetentionRule | None, plan: int) -> str:
    """A short name of a rule, the same for all case files under it."""
    if decision is None:
        return "" if plan < 0 else f"plan:{'permanent' if plan == FOREVER else plan}"
    if row is None:
        return f"law:{decision.law}"
    return f"{row.table_id}@{row.version}:{row.code}"


# --- what is asked of it --------------------------------------------------------------------------------


def due(session: Session, year: int, *, fonds: str = "") -> Iterator[Due]:
    """Every case file whose period is over before `year` begins, after `gather` and `judge`; by fonds and code."""
    query = f"""
    SELECT f.case_file, c.title, f.fonds, k.rule, k.until, f.documents, f.bytes,
           CASE WHEN f.held = 1 THEN 'hold' WHEN {_EFFECTIVE} >= :year THEN 'link' ELSE '' END AS blocked
    {_ALL} JOIN case_file c ON c.code = f.case_file
    WHERE k.until < :year {'AND f.fonds = :fonds' if fonds else ''} ORDER BY f.fonds, f.case_file
    """
    asked = {"year": year, **({"fonds": fonds} if fonds else {})}
    for row in session.execute(text(query).execution_options(yield_per=1000), asked):
        yield Due(*row)


def sums(session: Session) -> list[Sum]:
    """All case files, added up by fonds, rule, the end of their period and until when they really stay."""
    query = f"""
    SELECT f.fonds, k.rule, k.missing, k.until, {_EFFECTIVE}, f.held, COUNT(*), SUM(f.documents), SUM(f.bytes)
    {_ALL} GROUP BY 1, 2, 3, 4, 5, 6 ORDER BY 4, 1, 2
    """
    return [Sum(row[0], row[1], row[2], row[3], row[4], bool(row[5]), *(int(one) for one in row[6:]))
            for row in session.execute(text(query))]


def stays(session: Session) -> Iterator[tuple[str, int, str]]:
    """Every case file with the year until which it really stays, and why it has no end: permanent, hold, or what lacks.

    After `gather` and `judge`.
    """
    query = f"SELECT f.case_file, {_EFFECTIVE}, CASE WHEN f.held = 1 THEN 'hold' ELSE k.missing END {_ALL}"
    for row in session.execute(text(query).execution_options(yield_per=1000)):
        yield row[0], row[1], row[2]


def permanent(session: Session, *, fonds: str = "") -> Iterator[tuple[str, int]]:
    """Every case file that is kept for ever by its rule, and the year its work ended (0: not known), after `judge`."""
    query = f"SELECT f.case_file, f.ended {_ALL} WHERE k.missing = 'permanent'" + (
        " AND f.fonds = :fonds" if fonds else "")
    found = session.execute(text(query), {"fonds": fonds} if fonds else {})
    yield from ((code, ended) for code, ended in found)
