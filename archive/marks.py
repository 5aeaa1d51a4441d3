"""Marks of documents: their senders recalled, updated or replaced them, and an officer here agreed to that.

A marked document stays as it is (QĐ 28/2018/QĐ-TTg Điều 8, 9: the receiver's working system cancels it; the archive
keeps it with the mark and the notice). The marks are events of the ledger; here they are only read.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, Literal

from sqlalchemy import select
from sqlalchemy.orm import Session

from archive import clock
from archive.catalogue import SOME
from archive.i18n import _
from archive.model import Document, Event, Item

# The event that marks a document → what happened to it. The gravest comes first.
Kind = Literal["recalled", "replaced", "updated"]
KINDS: dict[str, Kind] = {"document_recalled": "recalled", "document_replaced": "replaced",
                          "document_updated": "updated"}


@dataclass(frozen=True, slots=True)
class Mark:
    """One mark: what happened (recalled, replaced, updated), when it was agreed to, by whose wish and why.

    `notice` is the item of the message that asked for it; `successor` the document that this message brought, once it
    is stored. `sender` is the agency's name, its code where it gave none.
    """

    document: str
    kind: Kind
    at: str
    sender: str
    reason: str
    notice: str
    successor: str = ""

    @property
    def sentence(self) -> str:
        """The mark in words, without its reason."""
        told = {"recalled": _("Recalled by {sender}; noted here on {day}. The archive keeps it."),
                "replaced": _("Replaced by {sender}; noted here on {day}. The archive keeps it."),
                "updated": _("Updated by {sender}; noted here on {day}. The archive keeps it as it was.")}[self.kind]
        return told.format(sender=self.sender or "—", day=f"{clock.in_vietnam(clock.parse(self.at)):%d/%m/%Y}")

    def as_dict(self) -> dict[str, Any]:
        """The mark for machines."""
        return asdict(self)


def mark_name(kind: str) -> str:
    """A mark in a word or two."""
    return {"recalled": _("recalled"), "replaced": _("replaced"), "updated": _("updated")}[kind]


def of(session: Session, documents: Iterable[str]) -> dict[str, list[Mark]]:
    """The marks of those of `documents` that have any, the gravest first, each kind in the order of its days."""
    wanted = sorted(set(documents))
    rows: list[Any] = []
    for start in range(0, len(wanted), SOME):
        rows += session.execute(select(Event.kind, Event.subject, Event.at, Event.data).where(
            Event.kind.in_(KINDS), Event.subject.in_(wanted[start:start + SOME])).order_by(Event.seq))
    came = _documents(session, {row.data["notice"] for row in rows})
    found: dict[str, list[Mark]] = {}
    for row in sorted(rows, key=lambda row: list(KINDS).index(row.kind)):
        sender = row.data.get("sender") or {}
        found.setdefault(row.subject, []).append(Mark(
            row.subject, KINDS[row.kind], row.at, sender.get("name") or sender.get("organ_id", ""),
            row.data.get("reason", ""), row.data["notice"], came.get(row.data["notice"], "")))
    return found


def made_by(session: Session, item: str) -> list[tuple[str, str]]:
    """The documents that the one that came in as `item` replaces or updates: the mark, and their codes."""
    return [(KINDS[kind], code) for kind, code in session.execute(select(Event.kind, Event.subject).where(
        Event.kind.in_(KINDS), Event.data["notice"].as_string() == item).order_by(Event.seq))]


def _documents(session: Session, items: Iterable[str]) -> dict[str, str]:
    wanted = sorted(items)
    return {row.id: row.document for start in range(0, len(wanted), SOME) for row in session.execute(select(
        Item.id, Item.document).join(Document, Document.code == Item.document).where(
        Item.id.in_(wanted[start:start + SOME])))}
