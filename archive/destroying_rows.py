"""The catalogue's rows of what was destroyed: they go, and of items only digests, times and outcome stay."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import bindparam, delete, select, text, update
from sqlalchemy.orm import Session, aliased

from archive import destroyed
from archive.catalogue import SOME
from archive.destroyed import Line, is_single
from archive.model import CaseFile, Document, File, Item, ItemFinding, PageText, Signature


def erase(session: Session, lines: Sequence[Line]) -> None:
    """Take the rows of destroyed case files and documents away; of their items only digests, times and outcome stay."""
    if not lines:
        return
    if session.get_bind().dialect.name == "sqlite":
        session.execute(text("PRAGMA secure_delete=ON"))        # what a deleted row held is overwritten in the file
    whole = [line["code"] for line in lines if not is_single(line)]
    single = [line["code"] for line in lines if is_single(line)]
    for codes, column in ((whole, Document.case_file), (single, Document.code)):
        for start in range(0, len(codes), SOME):
            some = codes[start:start + SOME]
            documents = select(Document.code).where(column.in_(some))
            for table in (PageText, Signature, File):
                session.execute(_at_once(delete(table).where(table.document.in_(documents))))
            session.execute(_at_once(delete(Document).where(column.in_(some))))
    for start in range(0, len(whole), SOME):
        session.execute(delete(CaseFile).where(CaseFile.code.in_(whole[start:start + SOME])))
    _forget_items(session, lines)


def _forget_items(session: Session, lines: Sequence[Line]) -> None:
    homes = {item: document for line in lines for item, document in line["items"].items()}
    begun = {item: line["at"] for line in lines for item in line["items"]}
    items = list(homes)
    for start in range(0, len(items), SOME):
        ids = items[start:start + SOME]
        first = aliased(Item)
        twins = [row.id for row in session.execute(select(Item.id, Item.received_at, first.id.label("of")).join(
            first, first.sha256 == Item.sha256).where(first.id.in_(ids), Item.state == "duplicate"))
            if row.received_at <= begun[row.of]]
        other = [row for row in session.execute(select(Item.id, Item.document).where(Item.id.in_(ids)))
                 if row.document != homes[row.id]]
        session.execute(_at_once(update(Item).where(Item.id.in_(ids)).values(
            state=destroyed.GONE, name="", fields={}, facts={})))
        if other:
            session.connection().execute(update(Item.__table__).where(Item.id == bindparam("item")).values(  # type: ignore[arg-type]
                document=bindparam("home")), [{"item": row.id, "home": homes[row.id]} for row in other])
        if twins:
            session.execute(_at_once(update(Item).where(Item.id.in_(twins)).values(name="", fields={}, facts={})))
        session.execute(_at_once(delete(ItemFinding).where(ItemFinding.item.in_([*ids, *twins]))))


def _at_once(statement: Any) -> Any:
    """A statement that no object in the session has to follow."""
    return statement.execution_options(synchronize_session=False)
