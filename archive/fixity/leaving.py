"""When a package or a split scan has left the intake area: no document of it waits, and what came in lies elsewhere."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from archive.catalogue import SOME
from archive.model import Event, Item

ENDS = ("stored", "kept_out", "destroyed")      # states of documents that need nothing of their package any more


def package_has_left(session: Session, package: str) -> bool:
    """Whether nothing of the package `package` need wait in a copy, by the ledger and the states of its documents."""
    told = session.scalar(select(Event.data).where(Event.kind == "package_received", Event.subject == package))
    if told is None:
        return False
    states: set[str] = set()
    for start in range(0, len(told["documents"]), SOME):
        states |= set(session.scalars(select(Item.state).where(Item.id.in_(told["documents"][start:start + SOME]))))
    if not states <= set(ENDS):
        return False
    return told["form"] != "scan" or "kept_out" in states or session.scalar(
        select(Event.seq).where(Event.kind == "scan_kept", Event.subject == package)) is not None
