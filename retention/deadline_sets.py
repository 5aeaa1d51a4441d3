"""What is due, computed as sets: case files with the same facts form a class, the rules are asked once a class.

Case files come from the catalogue and from retention/life.py (who is permanent, whose period ends when); hand-overs,
destructions and scan jobs from their rows. Nothing here changes anything but temporary tables of the session.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, Integer, Select, and_, case, cast, column, func, literal, or_, select, table
from sqlalchemy.orm import Session

from archive import clock, model
from archive.dates import parse_date
from retention.deadline_rules import CONSTRUCTION, Ground, Term, historical, terms

FIRST = 3           # case files of a class that are named
GONE = "destroying"     # state of a case file whose destruction has begun
_OVER = ("closed", "refused", "writing")        # hand-overs of which nothing is due
_LOST = ("returned", "missing")                 # what came back from one is still to be handed over
_CONFIRMED = "confirmed"
_ENDED = ("destroyed", "failed", "closed", "cancelled", "writing")      # destructions: so, or not yet told
_DECIDED = ("approved", "executing", "partly")


@dataclass(frozen=True, slots=True)
class Group:
    """Things of one kind and fonds with the same facts: how many, the first ones, until when, the strictest first."""

    kind: str
    fonds: str
    terms: tuple[Term, ...]
    count: int
    first: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Source:
    """Where deadlines come from: a select with `fonds`, facts and `code`, and the rules over the facts of each kind."""

    query: Select[Any]
    readings: Mapping[str, Callable[[Mapping[str, Any]], list[Term]]]

    @property
    def facts(self) -> list[str]:
        """The columns that make a class."""
        return [one.name for one in self.query.selected_columns if one.name != "code"]


def groups(session: Session, source: Source) -> Iterator[Group]:
    """Every class of a source that has a deadline."""
    rows = source.query.subquery()
    parts = [rows.c[name] for name in source.facts]
    ranked = select(*parts, rows.c.code, func.count().over(partition_by=parts).label("number"),
                    func.row_number().over(partition_by=parts, order_by=rows.c.code).label("place")).subquery()
    found: dict[tuple[Any, ...], tuple[int, list[str]]] = {}
    for row in session.execute(select(ranked).where(ranked.c.place <= FIRST)).mappings():
        found.setdefault(tuple(row[name] for name in source.facts), (row["number"], []))[1].append(row["code"])
    for values, (number, codes) in found.items():
        facts = dict(zip(source.facts, values, strict=True))
        for kind, reckon in source.readings.items():
            if found_terms := reckon(facts):
                yield Group(kind, facts["fonds"], tuple(found_terms), number, tuple(sorted(codes)))


def items(session: Session, source: Source, kind: str) -> Iterator[tuple[str, str, Term]]:
    """Every single thing of a source that has a deadline of this kind: its code, its fonds and its strictest term."""
    known: dict[tuple[Any, ...], Term | None] = {}
    for row in session.execute(source.query.execution_options(yield_per=1000)).mappings():
        key = tuple(row[name] for name in source.facts)
        if key not in known:
            known[key] = next(iter(source.readings[kind]({name: row[name] for name in source.facts})), None)
        if (found := known[key]) is not None:
            yield row["code"], row["fonds"], found


def of_case_files(ground: Ground, *, today: date, hands_over: bool, fonds: str = "") -> list[Source]:
    """The deadlines of case files, after life.gather and life.judge of the session.

    `hands_over`: whether this archive hands permanent case files over to a historical one.
    """
    return [_submission(ground, fonds), *([_historical(ground, fonds)] if hands_over else []),
            *_expiry(ground, today, fonds)]


# --- case files ----------------------------------------------------------------------------------------------


def _submission(ground: Ground, fonds: str) -> Source:
    """Open case files: from the end of the work that a person entered, else from the last day of their year."""
    row = model.CaseFile
    symbols = [row.notation.like(f"%.{one}") for one in ground.construction]
    query = select(row.fonds, row.year, row.ended, case((row.ended == 0, ""), else_=row.fields["endDate"].as_string())
                   .label("ended_on"), (case((or_(*symbols), 1), else_=0) if symbols else literal(0)).label("works"),
                   row.code).where(row.closed_at == "", row.state != GONE)
    if fonds:
        query = query.where(row.fonds == fonds)

    def reckon(facts: Mapping[str, Any]) -> list[Term]:
        ended = work_ended(facts["year"], facts["ended"], facts["ended_on"] or "")
        return terms("submission", ended, ground, *([CONSTRUCTION] if facts["works"] else []))

    return Source(query, {"submission": reckon})


def work_ended(year: int, ended: int, ended_on: str) -> date:
    """The day the work of a case file ended: as entered, else 31 December of the year entered, or of its own.

    The year's last day is the system's convention: no text says what counts where nobody wrote down the day.
    """
    read = parse_date(ended_on) if ended_on else None
    if read is not None and read.year and read.month and read.day:
        return date(read.year, read.month, read.day)
    return date(ended or year, 12, 31)


def _historical(ground: Ground, fonds: str) -> Source:
    """Closed permanent case files: when they were closed here, which counts as their submission, and ended.

    What another archive has confirmed is no more to be handed over; what is on its way is registered.
    """
    row, facts, item, transfer = model.CaseFile, _FACTS, model.TransferItem, model.Transfer
    year = cast(func.substr(row.closed_at, 1, 4), Integer)
    # Recorded in UTC: from 17:00 on 31 December it is the next year in Vietnam.
    submitted = case((func.substr(row.closed_at, 6, 8) >= "12-31T17", year + 1), else_=year)
    travelling = row.code.in_(_in_hand_over(transfer.state.not_in(_OVER), item.state.not_in(_LOST)))
    query = select(row.fonds, submitted.label("submitted"), facts.c.ended,
                   case((travelling, 1), else_=0).label("registered"), row.code).join(
        facts, facts.c.case_file == row.code).join(_CLASSES, _SAME).where(
        _CLASSES.c.missing == "permanent", row.closed_at != "", row.state != GONE,
        row.code.not_in(_in_hand_over(item.state == _CONFIRMED)))

    def registration(one: Mapping[str, Any]) -> list[Term]:
        found = [] if one["registered"] else _to_history(one, ground)
        return terms("registration", found[0].due, ground) if found else []

    return Source(query.where(row.fonds == fonds) if fonds else query, {
        "registration": registration, "historical": lambda one: _to_history(one, ground)})


def _in_hand_over(*conditions: ColumnElement[bool]) -> Select[Any]:
    item, transfer = model.TransferItem, model.Transfer
    return select(item.code).join(transfer, transfer.code == item.transfer).where(
        transfer.side == "agency", *conditions)


def _to_history(facts: Mapping[str, Any], ground: Ground) -> list[Term]:
    return historical(facts["ended"] or facts["submitted"], facts["submitted"], ground,
                      special=facts["fonds"] in ground.special)


def _expiry(ground: Ground, today: date, fonds: str) -> list[Source]:
    """What nothing keeps beyond its period: ending this year or in the next, and over but on no list yet."""
    facts, linked = _FACTS, _LINKED
    named = select(model.DestructionItem.case_file).join(
        model.Destruction, model.Destruction.id == model.DestructionItem.destruction).where(
        model.Destruction.state.not_in(_ENDED), model.DestructionItem.document == "",
        model.DestructionItem.state == "proposed")
    query = select(facts.c.fonds, _CLASSES.c.until, facts.c.case_file.label("code")).select_from(facts).join(
        _CLASSES, _SAME).outerjoin(linked, linked.c.case_file == facts.c.case_file).where(
        facts.c.held == 0, func.coalesce(linked.c.until, _CLASSES.c.until) == _CLASSES.c.until,
        _CLASSES.c.until <= today.year + 1)
    if fonds:
        query = query.where(facts.c.fonds == fonds)

    def notice(one: Mapping[str, Any]) -> list[Term]:
        over = date(one["until"], 12, 31)       # the day that is told; the rule says from when it is to be seen
        return [Term(over, term.rule) for term in terms("expiry", over, ground)]

    return [Source(query.where(_CLASSES.c.until >= today.year), {"expiry": notice}),
            Source(query.where(_CLASSES.c.until < today.year, facts.c.case_file.not_in(named)), {
                "expired_list": lambda one: terms("expired_list", date(one["until"], 12, 31), ground)})]


_KEYS = ("decided", "event", "plan", "keep", "ended", "closed")
_FACTS = table("life_facts", column("case_file"), column("fonds"), column("held"), *(column(key) for key in _KEYS))
_CLASSES = table("life_class", *(column(key) for key in _KEYS), column("until"), column("missing"))
_LINKED = table("life_linked", column("case_file"), column("until"))
_SAME = and_(*(_CLASSES.c[key] == _FACTS.c[key] for key in _KEYS))


# --- hand-overs, destructions, scan jobs ---------------------------------------------------------------------


def of_rows(session: Session, ground: Ground, *, fonds: str = "") -> Iterator[Group]:
    """The deadlines of hand-overs, destructions, requests and scan jobs that are not over, one by one: few."""
    if not fonds:
        yield from _hand_overs(session, ground)
    destruction = model.Destruction
    for row in session.scalars(select(destruction).where(destruction.state.in_(_DECIDED)).order_by(destruction.id)):
        if fonds in ("", row.fonds) and (decided := _decided(row.record)):
            yield from _single("destruction", row.id, decided, ground, row.fonds)
    if not fonds:
        asked = model.Reading
        for request in session.scalars(select(asked).where(asked.state.in_(("asked", "waiting"))).order_by(asked.code)):
            yield from _single("reading", request.code, date.fromisoformat(request.asked_on), ground)
    job = model.ScanJob
    for one in session.scalars(select(job).where(job.state.not_in(("returned", "cancelled", "writing")))
                               .order_by(job.id)):
        if fonds in ("", one.fonds) and (ends_on := one.record.get("ends_on")):
            yield from _single("scan_job", one.id, date.fromisoformat(ends_on), ground, one.fonds)


def _hand_overs(session: Session, ground: Ground) -> Iterator[Group]:
    """What is due of those that this archive receives: an answer, a confirmation, an approval (rule TR-04)."""
    row = model.Transfer
    for one in session.scalars(select(row).where(row.side == "archive", row.state.not_in(_OVER)).order_by(row.code)):
        acts = {act["act"]: _day(act["at"]) for act in one.record.get("acts", ())}
        if one.state == "registered" and "registered" in acts:
            yield from _single("answer", one.code, acts["registered"], ground)
        if (complete := one.record.get("complete_on")) and one.state in ("waiting", "short", "examined"):
            kind = "confirmation" if one.kind == "current" else "processing"
            yield from _single(kind, one.code, date.fromisoformat(complete), ground)


def _decided(record: Mapping[str, Any]) -> date | None:
    """The day of the decision as its act tells it, else the day on which it was taken in."""
    act = next((one for one in reversed(record.get("acts", ())) if one["act"] == "approved"), None)
    if act is None:
        return None
    return date.fromisoformat(act["dated"]) if act.get("dated") else _day(act["at"])


def _single(kind: str, code: str, event: date, ground: Ground, fonds: str = "") -> Iterator[Group]:
    if found := terms(kind, event, ground):
        yield Group(kind, fonds, tuple(found), 1, (code,))


def _day(stamp: str) -> date:
    return clock.in_vietnam(clock.parse(stamp)).date()
