"""How the periods of case files stand on a day, in six states: what people narrow a search by.

Computed as sets by retention/life.py, so it says of a case file what its explanation says (retention/explaining.py).
"""

from __future__ import annotations

from datetime import date

from sqlalchemy.orm import Session

from archive.i18n import _, later
from retention import blocking, life
from retention.period import Counting

STATES = {"permanent": later("kept for ever"), "running": later("period still runs"),
          "over": later("period is over"), "held": later("on hold"), "open": later("not closed yet"),
          "undated": later("no period or no date")}
"""In the order in which they are shown, with their names."""


def standing(session: Session, on: date, counting: Counting) -> dict[str, tuple[str, ...]]:
    """The case files in each of STATES on a day. What another case file needs has the state of that one's period."""
    found: dict[str, list[str]] = {state: [] for state in STATES}
    life.gather(session, on.isoformat(), blocking.held_case_files(session))
    try:
        life.judge(session, counting)
        for code, until, why in life.stays(session):
            found[_state(until, why, on.year)].append(code)
    finally:
        life.forget(session)
    return {state: tuple(codes) for state, codes in found.items()}


def state_in_words(state: str) -> str:
    """One of STATES as people read it."""
    return _(STATES[state])


def _state(until: int, why: str, year: int) -> str:
    if why in ("permanent", "open"):
        return why
    if why:
        return "held" if why == "hold" else "undated"
    return "running" if until >= year else "over"
