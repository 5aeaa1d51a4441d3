"""Poison: an item on which the program fails night after night goes to a person, with the place of its last failure.

Our failure stays ours: the finding says so. But an item that kills its worker every night would come back for ever, and
nobody would look.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import select
from sqlalchemy.orm import Session

from archive.findings import Finding, Level, finding
from archive.model import Event
from archive.rebuild import STATES
from ingest.item import Examined

_FRAME = re.compile(r'^\s*File "(?P<path>[^"]+)", line (?P<line>\d+), in (?P<name>\S+)', re.MULTILINE)
_OURS = re.compile(r"(?:^|/)(?P<own>(?:archive|ingest|retention|search|web)/[\w/]+\.py)$")


def placed(one: Examined) -> list[Finding]:
    """The findings of an item; those of our failures with the place in the program where it failed (`place`)."""
    where = place_of(one.error)
    return [replace(found, params={**found.params, "place": where}) if where and found.level == Level.failed else found
            for found in one.findings]


def place_of(error: str) -> str:
    """Where a traceback ends, as file, line and function: in our own code where it was there at all; "" for none."""
    frames = list(_FRAME.finditer(error))
    if not frames:
        return ""
    own = [(found["own"], frame) for frame in frames if (found := _OURS.search(frame["path"]))]
    path, frame = own[-1] if own else ("/".join(frames[-1]["path"].split("/")[-2:]), frames[-1])
    return f"{path}:{frame['line']} ({frame['name']})"


def given_up(session: Session, item: str, batch: str, name: str, found: Sequence[Finding],
             nights: int) -> Finding | None:
    """What is to be said when the failure in `batch` is the last of `nights` in a row; None while another may try.

    A person who released the item has asked for it again: counted from there.
    """
    count = 1
    for kind, data in session.execute(select(Event.kind, Event.data).where(
            Event.subject == item, Event.kind.in_(tuple(STATES))).order_by(Event.seq.desc())):
        if kind in ("failed", "quarantined") and data.get("batch") == batch:
            continue            # tonight's own, told before a kill
        if kind != "failed" or count >= nights:
            break
        count += 1
    if count < nights:
        return None
    worst = next(one for one in found if one.level == Level.failed)
    return finding("NIGHT-008", name, nights=nights, code=worst.code, place=worst.params.get("place") or "—")
