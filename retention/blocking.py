"""What keeps a case file although its period is over: the holds, as a set and one by one.

The one place where the reckoning of periods asks for holds; it knows nothing of how they are placed or released.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Select
from sqlalchemy.orm import Session

from archive import clock
from retention import holds
from retention.holds import Told


def held_case_files(session: Session) -> Select[Any]:
    """A select of the codes of all case files that are held now."""
    return holds.held(session)


def holds_of(session: Session, code: str, on: str) -> Sequence[Told]:
    """The holds that are on a case file on the day `on`; on a day to come those of today, as in `held_case_files`."""
    today = clock.in_vietnam(clock.now()).date().isoformat()
    return holds.holds_of(session, code, on if on < today else "")
