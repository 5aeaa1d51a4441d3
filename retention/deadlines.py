"""Deadlines: what is due and overdue, by which article, computed from the catalogue; nothing here changes anything.

The periods are data (deadlines.toml). Where the texts disagree the strictest counts and the others are named beside it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Literal

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from archive import clock, model, working_days
from archive.fixity.auditing import standing
from archive.settings import Settings
from retention import blocking, life
from retention.deadline_rules import Ground, Term, kinds, terms
from retention.deadline_sets import Group, Source, groups, items, of_case_files, of_rows

State = Literal["breached", "late", "soon", "later"]
NAMED = 3           # things that a line names; the rest is their number
# A notice is to be seen from the day it is to be given, however far one looks ahead.
NOTICES = ("expiry",)


@dataclass(frozen=True, slots=True)
class Deadline:
    """So many things of one kind that are due: the strictest term, the others, the first things by name.

    `state`: breached (past every reading of the law), late (past the strictest), soon, later. `fonds` is empty where
    it is of none or of several. `last`: the last of several days that a line tells together; None for one day.
    """

    kind: str
    due: date
    state: State
    count: int
    first: tuple[str, ...]
    fonds: str
    terms: tuple[Term, ...]
    last: date | None = None

    @property
    def late(self) -> bool:
        """Whether the strictest term has passed."""
        return self.state in ("breached", "late")

    @property
    def subject(self) -> str:
        """The thing, or the first of them."""
        return ", ".join(self.first[:NAMED]) + (", …" if self.count > len(self.first[:NAMED]) else "")

    @property
    def article(self) -> str:
        """The article that sets the strictest term."""
        return self.terms[0].rule.article

    @property
    def certainty(self) -> str:
        """How sure that is: law, reading, secondary or own (deadlines.toml)."""
        return self.terms[0].rule.certainty

    def sentence(self, language: str) -> str:
        """What is to be done, in `vi` or `en`."""
        key = ("en" if language == "en" else "vi") + ("_many" if self.count > 1 else "")
        return kinds()[self.kind].sentences[key].format(
            subject=self.subject, count=f"{self.count:,}".replace(",", "," if language == "en" else "."))

    def others(self, language: str) -> str:
        """The other terms that texts in force give for the same thing; empty when there is none."""
        until = "until" if language == "en" else "đến"
        return "; ".join(f"{one.rule.article}: {until} {one.due:%d/%m/%Y}" for one in self.terms[1:])


def ground_of(settings: Settings) -> Ground:
    """What an archive's settings say of deadlines. Raises UsageError for a working calendar that there is not."""
    amounts = {}
    for kind in kinds().values():
        for rule in kind.rules:
            if rule.setting:
                section, _dot, name = rule.setting.partition(".")
                amounts[rule.name] = int(getattr(getattr(settings, section), name))
    special = getattr(getattr(settings, "transfer", None), "special_fonds", ())
    return Ground(working_days.calendar(settings.agency.calendar, settings.root),
                  frozenset(settings.retention.deadlines_off), amounts, frozenset(special),
                  tuple(settings.retention.construction))


def watch(session: Session, settings: Settings, today: date, *, within: int, fonds: str = "") -> list[Deadline]:
    """What is overdue on `today` or due within so many days, by kind, fonds and day, the earliest first.

    The numbers are exact, the names are the first ones. Receipt notices belong to a night: see `due`.
    """
    ground = ground_of(settings)
    found: list[Group] = [*of_rows(session, ground, fonds=fonds)]
    with _sources(session, settings, ground, today, fonds) as sources:
        for source in sources:
            found += groups(session, source)
    if not fonds:
        found += _check(session, ground, today)
    return _seen(found, ground, today, within)


def listed(session: Session, settings: Settings, kind: str, today: date, *, within: int,
           fonds: str = "") -> list[dict[str, Any]]:
    """Every case file of a kind that is overdue or due within so many days, by day and code."""
    ground = ground_of(settings)
    found = []
    with _sources(session, settings, ground, today, fonds) as sources:
        for source in sources:
            if kind in source.readings:
                found += [{"code": code, "fonds": of, "due": term.due, "article": term.rule.article}
                          for code, of, term in items(session, source, kind)
                          if term.due <= _horizon(kind, ground, today, within)]
    return sorted(found, key=lambda one: (one["due"], one["code"]))


def due(session: Session, settings: Settings, batch: str, today: date) -> list[Deadline]:
    """What the morning report after the night `batch` tells: few lines, however much is overdue; the earliest first.

    Receipt notices for the documents that other agencies sent (NĐ 30/2020 Đ21.2.c), returns of what is in quarantine
    (Đ21.2.b), and everything that `watch` finds, one line a kind for what is breached, late and soon.
    """
    ahead = settings.retention.deadline_days
    found = [*_notices(session, ground_of(settings), batch, today),
             *together(watch(session, settings, today, within=ahead))]
    return sorted(found, key=lambda one: (one.due, one.kind, one.subject))


def together(found: Iterable[Deadline]) -> list[Deadline]:
    """One line for each kind and state, whatever the fonds and the day: the earliest day, the number of all."""
    lines: dict[tuple[str, str], list[Deadline]] = {}
    for one in found:
        lines.setdefault((one.kind, one.state), []).append(one)
    told = []
    for several in lines.values():
        earliest = min(several, key=lambda one: (one.due, one.fonds))
        named = [code for one in sorted(several, key=lambda one: (one.due, one.fonds)) for code in one.first]
        one_fonds = len({one.fonds for one in several}) == 1
        one_term = len({tuple(term.due for term in one.terms) for one in several}) == 1
        latest = max(one.due for one in several)
        told.append(replace(earliest, last=latest if latest > earliest.due else None, count=sum(
            one.count for one in several), first=tuple(named[:NAMED]),
                            fonds=earliest.fonds if one_fonds else "",
                            terms=earliest.terms if one_term else earliest.terms[:1]))
    return told


# --- from the catalogue ----------------------------------------------------------------------------------------


@contextmanager
def _sources(session: Session, settings: Settings, ground: Ground, today: date, fonds: str) -> Iterator[list[Source]]:
    """The deadlines of case files, while the periods of all of them are reckoned for the session."""
    life.gather(session, today.isoformat(), blocking.held_case_files(session))
    try:
        life.judge(session, settings.retention.counting)
        decides = settings.destruction
        yield of_case_files(ground, today=today, fonds=fonds, hands_over=(
            decides.archive == "current" and decides.submits_to != "nobody"))
    finally:
        life.forget(session)


def _seen(found: Iterable[Group], ground: Ground, today: date, within: int) -> list[Deadline]:
    """Groups of one kind, fonds and day as one, those that are to be seen on `today`."""
    parts: dict[tuple[str, str, date], list[Group]] = {}
    for group in found:
        if group.terms[0].due <= _horizon(group.kind, ground, today, within):
            parts.setdefault((group.kind, group.fonds, group.terms[0].due), []).append(group)
    made = []
    for (kind, fonds, day), several in parts.items():
        # Of several ways to one day the one whose last term is the earliest: nobody is told a later one.
        reading = min((group.terms for group in several), key=lambda one: one[-1].due)
        named = sorted(code for group in several for code in group.first)
        made.append(Deadline(kind, day, _state(kind, reading, today), sum(group.count for group in several),
                             tuple(named[:NAMED]), fonds, reading))
    return sorted(made, key=lambda one: (one.due, one.kind, one.fonds))


def _horizon(kind: str, ground: Ground, today: date, within: int) -> date:
    if kind in NOTICES:
        within = max(within, *(ground.amounts.get(rule.name, rule.amount) for rule in kinds()[kind].rules), 0)
    return today + timedelta(days=within)


def _state(kind: str, reading: tuple[Term, ...], today: date) -> State:
    if reading[-1].due < today:
        return "breached" if len(reading) > 1 else "late"
    return "late" if reading[0].due < today else "soon"


def _check(session: Session, ground: Ground, today: date) -> list[Group]:
    """Until when everything is to be read again: from the oldest reading, or from the first thing that was stored."""
    now = datetime.combine(today, time(12), UTC)
    known = standing(session, now)
    if known.age is not None:
        start = today - timedelta(days=known.age)
    else:
        first = session.scalar(select(func.min(model.Event.at)).where(model.Event.kind == "stored"))
        if not first:
            return []
        start = _day(first)
    found = terms("check", start, ground)
    return [Group("check", "", tuple(found), 1, ("store",))] if found else []


def _notices(session: Session, ground: Ground, batch: str, today: date) -> list[Deadline]:
    """What the senders of the night's documents are to be told, each day's as one line when they are many."""
    named: dict[tuple[str, date], list[str]] = {}
    own = select(model.Document).where((model.Document.batch == batch) | (
        model.Document.legal_received_at >= today.isoformat())).order_by(model.Document.code)
    for document in session.scalars(own):
        if document.fields.get("direction") == "đến" or document.fields.get("documentId"):
            named.setdefault(("receipt_notice", _local(document.legal_received_at)), []).append(_name(document))
    # An item that only lacks its case file is for the archivist, not for its sender.
    held = select(model.ItemFinding.item).where(
        model.ItemFinding.level == "refused", model.ItemFinding.code.not_like("FILE-%"))
    for item in session.scalars(select(model.Item).where(
            model.Item.state == "quarantine", model.Item.id.in_(held)).order_by(model.Item.name)):
        named.setdefault(("refusal_notice", _local(item.legal_received_at)), []).append(item.name)
    told = []
    for (kind, day), names in named.items():
        if not (found := terms(kind, day, ground)):
            continue
        several = [names] if len(names) > 2 else [[name] for name in names]
        told += [Deadline(kind, found[0].due, _state(kind, tuple(found), today), len(some), tuple(some[:NAMED]), "",
                          tuple(found)) for some in several]
    return told


def _name(document: model.Document) -> str:
    number = "/".join(part for part in (document.number, document.notation) if part)
    return number or document.code


def _local(stamp: str) -> date:
    return datetime.fromisoformat(stamp).date()


def _day(stamp: str) -> date:
    return clock.in_vietnam(clock.parse(stamp)).date()
