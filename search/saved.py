"""Saved searches: queries that a person keeps under a name, and what each night brought them.

They are settings of persons and no records (docs/decisions/0011): one file in the archive's folder, which no rebuild
makes or reads. What is new is found by the rights of the moment, never by those of the day on which it was saved.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from itertools import accumulate
from pathlib import Path
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from archive import clock, model
from archive.access import Reach
from archive.errors import LuuTruError, UsageError
from archive.files import json_bytes, write_atomically
from archive.i18n import _
from archive.settings import Settings
from search.engines.terms import FACETS
from search.index import Filters, Hit, Index

FILE_NAME = "saved-searches.json"
SCHEMA = "luutru/saved-searches/1"
LONGEST_NAME, LONGEST_QUERY, MOST = 100, 1000, 200      # characters; searches of one person
SHOWN = 20
MOST_NEW = 20_000       # documents of later nights among which is looked for what is new


class SavedSearchesError(LuuTruError):
    """The file of the saved searches cannot be read."""


@dataclass(frozen=True, slots=True)
class Saved:
    """A search kept under a name. `filters` are the filters' names and values, `chosen` those of facets.

    `seen` is the last night looked at.
    """

    owner: str
    name: str
    query: str
    filters: Mapping[str, str] = field(default_factory=dict)
    alert: bool = True
    saved_at: str = ""
    seen: str = ""
    chosen: Mapping[str, str] = field(default_factory=dict)

    def wanted(self, reach: Reach | None = None, without: tuple[str, ...] = (),
               only: tuple[str, ...] | None = None) -> Filters:
        """Its filters, for somebody who may know of `reach` alone."""
        asked = Filters(**self.filters)  # type: ignore[arg-type]
        return replace(asked, chosen=self.chosen, reach=reach, without=without, only=only)


@dataclass(frozen=True, slots=True)
class New:
    """What is new to a saved search: how many documents, and the newest of them.

    `more`: so much came since the owner looked that only the newest MOST_NEW documents were searched.
    """

    saved: Saved
    total: int
    hits: list[Hit]
    more: bool = False


FILTERS = ("case_file", "type_name", "organ", "issued_from", "issued_to")


def saved_searches(settings: Settings, owner: str | None = None) -> list[Saved]:
    """The searches saved by `owner`, or by all, in the order of their names. Raises SavedSearchesError."""
    path = settings.root / FILE_NAME
    try:
        told = json.loads(path.read_bytes())
        known = {one.name for one in Saved.__dataclass_fields__.values()}
        found = [Saved(**{key: value for key, value in one.items() if key in known}) for one in told["searches"]]
        if told["schema"] != SCHEMA:
            raise ValueError(told["schema"])
    except FileNotFoundError:
        return []
    except (ValueError, TypeError, KeyError, AttributeError) as problem:
        raise SavedSearchesError(_("the saved searches cannot be read: {path}").format(path=path)) from problem
    return sorted((one for one in found if owner in (None, one.owner)), key=lambda one: (one.owner, one.name))


def save(settings: Settings, session: Session, search: Saved) -> Saved:
    """Keep a search; one of the same owner and name is replaced. What is there already counts as seen.

    Raises UsageError for a name or query that cannot be kept, ValueError for a filter that makes no sense.
    """
    name = " ".join(search.name.split())
    if not name or len(name) > LONGEST_NAME or len(search.query) > LONGEST_QUERY:
        raise UsageError(_("A name of up to {n} characters is wanted, and a query of up to {m}.").format(
            n=LONGEST_NAME, m=LONGEST_QUERY))
    if set(search.filters) - set(FILTERS):
        raise UsageError(", ".join(sorted(set(search.filters) - set(FILTERS))))
    if set(search.chosen) - set(FACETS):
        raise UsageError(", ".join(sorted(set(search.chosen) - set(FACETS))))
    list(search.wanted().clauses())
    kept = replace(search, name=name, saved_at=clock.stamp(clock.now()), seen=last_batch(session))
    with _changing(settings) as searches:
        mine = [one for one in searches if one.owner == kept.owner and one.name != kept.name]
        if len(mine) >= MOST:
            raise UsageError(_("There are {n} saved searches already; forget some first.").format(n=len(mine)))
        searches[:] = [one for one in searches if (one.owner, one.name) != (kept.owner, kept.name)] + [kept]
    return kept


def forget(settings: Settings, owner: str, name: str) -> bool:
    """Keep a search no longer; whether there was one."""
    with _changing(settings) as searches:
        before = len(searches)
        searches[:] = [one for one in searches if (one.owner, one.name) != (owner, name)]
        return len(searches) < before


def look_at(settings: Settings, session: Session, owner: str, name: str) -> None:
    """Note that the owner has seen what is there now."""
    with _changing(settings) as searches:
        searches[:] = [replace(one, seen=last_batch(session)) if (one.owner, one.name) == (owner, name) else one
                       for one in searches]


def last_batch(session: Session) -> str:
    """The newest batch that stored a document; empty: none did."""
    return max(session.scalars(select(model.Document.batch).distinct()), key=_order, default="")


def new_since(index: Index, session: Session, search: Saved, reach: Reach | None,
              without: tuple[str, ...] = ()) -> New:
    """What came since the owner last looked, of what they may know of (`reach`; None: everything)."""
    return new_to(index, session, [search], reach, without)[0]


def new_to(index: Index, session: Session, searches: Sequence[Saved], reach: Reach | None,
           without: tuple[str, ...] = (), shown: int = SHOWN) -> list[New]:
    """The same of several searches; of each the newest `shown` hits."""
    counts = {row[0]: row[1] for row in session.execute(select(model.Document.batch, func.count()).where(
        model.Document.indexed != "").group_by(model.Document.batch))}
    newest = sorted(counts, key=_order, reverse=True)
    codes: dict[int, tuple[str, ...]] = {}
    found = []
    for one in searches:
        later = [batch for batch in newest if _order(batch) > _order(one.seen)]
        fit = sum(total <= MOST_NEW for total in accumulate(counts[batch] for batch in later))
        number = max(fit, min(1, len(later)))
        if number not in codes:
            codes[number] = _codes(session, later[:number])
        total, hits = _found(index, one, codes[number], reach, without, shown)
        found.append(New(one, total, hits, number < len(later)))
    return found


def of_night(index: Index, session: Session, searches: Sequence[Saved], batch: str) -> list[New]:
    """What one batch brought to those of `searches` that ask to be told; the ones that got nothing are left out.

    Finds as somebody who may know of everything: it is for the morning report, which such people read.
    """
    codes = _codes(session, [batch])
    found = (New(one, *_found(index, one, codes, None, (), SHOWN)) for one in searches if one.alert)
    return [one for one in found if one.total]


def _codes(session: Session, batches: Sequence[str]) -> tuple[str, ...]:
    """The documents of these batches that the index holds."""
    return tuple(session.scalars(select(model.Document.code).where(
        model.Document.batch.in_(batches), model.Document.indexed != ""))) if batches else ()


def _found(index: Index, search: Saved, codes: tuple[str, ...], reach: Reach | None, without: tuple[str, ...],
           shown: int) -> tuple[int, list[Hit]]:
    if not codes:
        return 0, []
    found = index.search(search.query, shown, 0, search.wanted(reach, without, codes), "newest", forgiving=False)
    return found.total, found.hits


def _order(batch: str) -> tuple[str, int]:
    """Batches in the order of their nights and of their numbers: 2026-11-20.2 comes before 2026-11-20.10."""
    night, _dot, number = batch.rpartition(".")
    return (night, int(number)) if number.isdigit() else (batch, 0)


@contextmanager
def _changing(settings: Settings) -> Iterator[list[Saved]]:
    """The searches of all, to be changed in place; one process at a time, on the disk in one step."""
    path: Path = settings.root / FILE_NAME
    handle = os.open(path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        searches = saved_searches(settings)
        yield searches
        told: list[dict[str, Any]] = [{**asdict(one), "filters": dict(one.filters), "chosen": dict(one.chosen)}
                                      for one in searches]
        write_atomically(path, json_bytes({"schema": SCHEMA, "searches": told}))
        path.chmod(0o600)
    finally:
        os.close(handle)
