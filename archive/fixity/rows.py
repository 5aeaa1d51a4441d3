"""Rows: whether the catalogue says what ledger and store say, row by row.

The catalogue is made again beside the one in use, out of ledger and store alone, and the two are held against each
other. Nothing is changed: the second one lies in the store's staging folder and goes afterwards. What differs
is cured by `luutru rebuild`, but first of all a person should know who changed it.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import JSON, String, Table, func, select, type_coerce
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from archive.catalogue import SOME, Catalogue
from archive.i18n import _
from archive.ledger import Entry, Ledger, Line
from archive.model import Base, Document, Event, Item
from archive.opening import Archive
from archive.rebuild import Admit, Progress, rebuild

FOLDER = "rebuilt"                                  # in the staging folder, while the rows are compared
FOR_THE_MOMENT = ("work", "machine")                # tables that tell of this moment: no rebuild makes them
OF_THE_INDEX = {"document": ("indexed",)}           # columns that tell of the search index, which is made anew
SETTLED = ("stored", "destroyed")                   # what an item is, once the ledger says that it was stored

Row = Mapping[str, Any]
Key = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class RowFault:
    """A row of the catalogue that is not what ledger and store say.

    `kind`: changed (in `columns`), missing, extra (nothing tells of it), unreadable (of the table: `key` is empty).
    """

    table: str
    key: str
    kind: str
    columns: tuple[str, ...] = ()

    def sentence(self) -> str:
        """The fault in words."""
        return _SENTENCES[self.kind]().format(table=self.table, key=self.key, columns=", ".join(self.columns))

    def as_dict(self) -> dict[str, Any]:
        """For machines."""
        return {"table": self.table, "key": self.key, "kind": self.kind, "columns": list(self.columns)}


def compare(archive: Archive, admits: Mapping[str, Admit], progress: Progress = lambda *_: None) -> list[RowFault]:
    """Every row that is not as a rebuild would make it, in the order of the tables.

    `admits` as in archive/rebuild.py. The caller owns the archive. Raises IntegrityError when the store's records
    cannot be read, OSError when there is no room for a second catalogue.
    """
    with rebuilt_aside(archive, admits, progress) as made:
        return list(differing(archive, made))


@contextmanager
def rebuilt_aside(archive: Archive, admits: Mapping[str, Admit],
                  progress: Progress = lambda *_: None) -> Iterator[Archive]:
    """The archive with a catalogue that was made again just now, in a folder of its own; gone at the end."""
    folder = archive.store.staging / FOLDER
    shutil.rmtree(folder, ignore_errors=True)       # what a kill left
    folder.mkdir(mode=0o700, parents=True)
    made = Archive(archive.settings, archive.store, _ReadLedger(archive.ledger.folder),
                   Catalogue(f"sqlite:///{folder / 'catalogue.db'}"))
    try:
        made.catalogue.migrate()
        rebuild(made, progress, admits)
        yield made
    finally:
        made.close()
        shutil.rmtree(folder, ignore_errors=True)


def differing(archive: Archive, made: Archive, only: Collection[str] = ()) -> Iterator[RowFault]:
    """The rows of an archive's catalogue that are not those of the one that was `made` again; constant memory.

    `only`: these tables; otherwise all.
    """
    with archive.catalogue.session() as here, made.catalogue.session() as there:
        for table in Base.metadata.sorted_tables:
            if table.name in FOR_THE_MOMENT or (only and table.name not in only):
                continue
            try:
                yield from _merged(table, _rows(here, table), _rows(there, table))
            except DBAPIError:
                yield RowFault(table.name, "", "unreadable")


def behind(session: Session) -> list[str]:
    """Items of which the catalogue's own events say that they were stored, and its rows do not; the first hundred.

    So it is with a catalogue that was put back from an older copy: its owner copies the events that it lacks, but the
    rows that came with them are made by a rebuild only.
    """
    rows = select(Item.id).where(Item.id == Event.subject, Item.state.in_(SETTLED))
    found = list(session.scalars(select(Event.subject).where(Event.kind == "stored", ~rows.exists()).limit(100)))
    documents = select(Document.code).where(Document.item == Item.id)
    return found or list(session.scalars(select(Item.id).where(Item.state == "stored", ~documents.exists()).limit(100)))


def lacking(session: Session, ledger: Ledger) -> int:
    """How many lines of the ledger the catalogue has no event of (or, below zero, too many)."""
    return ledger.seq - (session.scalar(select(func.count()).select_from(Event)) or 0)


class _ReadLedger(Ledger):
    """The ledger for reading: what a kill kept from it is for its next owner to tell, not for a comparison."""

    def append(self, entries: Iterable[Entry]) -> list[Line]:
        """Write nothing."""
        return []


def _rows(session: Session, table: Table) -> Iterator[tuple[Key, Row]]:
    """Key and row of each, in the order of the keys that both kinds of databases have: by code points."""
    plain = session.get_bind().dialect.name != "postgresql"
    keys = list(table.primary_key)
    order = [key.collate("C") if not plain and isinstance(key.type, String) else key for key in keys]
    # JSON is read as text: what somebody wrote into it need not be any.
    columns = [type_coerce(column, String).label(column.name) if isinstance(column.type, JSON) else column
               for column in table.columns]
    documents = [column.name for column in table.columns if isinstance(column.type, JSON)]
    left = OF_THE_INDEX.get(table.name, ())
    for row in session.execute(select(*columns).order_by(*order).execution_options(yield_per=SOME)).mappings():
        yield tuple(_rank(row[key.name]) for key in keys), {
            name: _parsed(value) if name in documents else value for name, value in row.items() if name not in left}


def _rank(value: Any) -> tuple[int, Any]:
    """Something by which any two values of a key can be put in order, as SQLite does: numbers before texts."""
    return (0, 0) if value is None else (2, value) if isinstance(value, str) else (1, value)


def _parsed(text: Any) -> Any:
    try:
        return json.loads(text)
    except (ValueError, TypeError):
        return text


def _merged(table: Table, here: Iterator[tuple[Key, Row]], there: Iterator[tuple[Key, Row]]) -> Iterator[RowFault]:
    mine, true = next(here, None), next(there, None)
    while mine is not None or true is not None:
        if true is None or (mine is not None and mine[0] < true[0]):
            assert mine is not None
            yield RowFault(table.name, _name(mine[0]), "extra")
            mine = next(here, None)
        elif mine is None or true[0] < mine[0]:
            yield RowFault(table.name, _name(true[0]), "missing")
            true = next(there, None)
        else:
            wrong = tuple(name for name, value in true[1].items() if mine[1][name] != value)
            if wrong:
                yield RowFault(table.name, _name(mine[0]), "changed", wrong)
            mine, true = next(here, None), next(there, None)


def _name(key: Key) -> str:
    return " / ".join(str(value) for _rank_, value in key)


_SENTENCES = {
    "changed": lambda: _("catalogue: {table} {key}: {columns} is not what ledger and store say"),
    "missing": lambda: _("catalogue: {table} {key}: the row is missing"),
    "extra": lambda: _("catalogue: {table} {key}: neither ledger nor store knows of this row"),
    "unreadable": lambda: _("catalogue: the table {table} cannot be read"),
}
