"""How the periods of all case files stand, as the search page narrows by it; kept until something happens.

Reckoning takes a moment in a large archive; then the last answer serves while the next one is made. It gives no right:
what a person may not know of is shut out by their reach in the same query. A state rests on all documents of a case
file: it is told of those alone whose documents the person may all know of, as on the pages of retention.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import func, select

from archive import clock, model
from retention.standing import standing
from web.pages.retention_outlook import kept
from web.pages.retention_reach import fully_known
from web.people import Person
from web.site import Site

QUICK = 0.05            # seconds: what takes no longer is made anew before the page is answered
MOST = 20_000           # case files outside the largest state; beyond, no page counts by state

UNTOLD = "untold"       # case files whose state a person may not know, as if it were one more; never chosen or shown

Sets = Mapping[str, tuple[str, ...]]


@dataclass
class _Known:
    key: tuple[int, object]
    sets: Sets
    seconds: float
    renewing: bool = False


_known: dict[str, _Known] = {}
_lock = threading.Lock()


def sets_for(site: Site, who: Person) -> Sets:
    """The case files by the state of their periods, as far as the person may know it; the others under UNTOLD.

    Empty for who sees no periods, and where they are too many to be searched by.
    """
    if not who.may("retention"):
        return {}
    sets = sets_of(site)
    if who.reach.everything or not sets:
        return sets

    def reckon() -> frozenset[str]:
        with site.session() as session:
            return frozenset(session.scalars(select(model.CaseFile.code).where(fully_known(who.reach))))

    known = kept(site, ("standing", who.reach.plain), reckon)
    told = {state: tuple(code for code in codes if code in known) for state, codes in sets.items()}
    told[UNTOLD] = tuple(code for codes in sets.values() for code in codes if code not in known)
    return _few(told)


def sets_of(site: Site) -> Sets:
    """The case files by the state of their periods; empty where they are too many to be searched by."""
    root = str(site.settings.root)
    with site.session() as session:
        last = session.scalar(select(func.max(model.Event.seq))) or 0
    key = (last, clock.in_vietnam(clock.now()).date())
    with _lock:
        known = _known.get(root)
        if known is not None and known.key == key:
            return known.sets
        if known is not None and known.seconds > QUICK:
            if not known.renewing:
                known.renewing = True
                threading.Thread(target=_renew, args=(site, root, key), daemon=True).start()
            return known.sets
    return _reckon(site, root, key)


def _renew(site: Site, root: str, key: tuple[int, object]) -> None:
    try:
        _reckon(site, root, key)
    finally:                                  # it may have failed: then the next page tries again
        with _lock:
            _known[root].renewing = False


def _reckon(site: Site, root: str, key: tuple[int, object]) -> Sets:
    begun = time.monotonic()
    with site.session() as session:
        found = standing(session, clock.in_vietnam(clock.now()).date(), site.settings.retention.counting)
    told = _few(found)
    with _lock:
        _known[root] = _Known(key, told, time.monotonic() - begun)
    return told


def _few(sets: Sets) -> Sets:
    most = max(map(len, sets.values()), default=0)
    return sets if sum(map(len, sets.values())) - most <= MOST else {}


def largest(sets: Sets) -> str:
    """The state that most case files are in: it is searched by leaving out the others, which are fewer."""
    return max(sets, key=lambda state: len(sets[state]), default="")


def others(sets: Sets, state: str) -> tuple[str, ...]:
    """The case files in every other state."""
    return tuple(code for name, codes in sets.items() if name != state for code in codes)
