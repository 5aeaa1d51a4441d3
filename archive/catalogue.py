"""The catalogue: the database's engine and sessions, its migrations, and the events' way into it.

It follows the store. Whatever it says can be made again from the store (archive/rebuild.py); where the two
differ, the store is right.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine, event, func, inspect, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from archive.errors import IntegrityError
from archive.i18n import _
from archive.ledger import Entry, Ledger, Line
from archive.model import SCHEMA, Base, Event
from archive.settings import Settings

MIGRATIONS = Path(__file__).with_name("migrations")
FILE_NAME = "catalogue.db"
WRITER, CLOCK = 5_001, 5_002    # what a database lock is for: the one writer of the archive, the one beat
SOME = 500      # rows of one IN list, below every database's limit of parameters


class Catalogue:
    """The database behind one archive."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.engine = _engine(url)

    @contextmanager
    def session(self) -> Iterator[Session]:
        """A session in one transaction: committed at the end, rolled back by an exception."""
        with Session(self.engine, expire_on_commit=False) as session, session.begin():
            yield session

    def migrate(self) -> None:
        """Bring the tables to the newest form; quick when they have it."""
        with self.engine.connect() as connection:
            if inspect(connection).has_table("alembic_version"):
                known = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
                if known == SCHEMA:
                    return
        from alembic import command  # half the start-up time of the whole command; needed once an upgrade
        from alembic.config import Config

        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS))
        with self.engine.begin() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, "head")

    def clear(self) -> None:
        """Empty every table, before a rebuild."""
        with self.session() as session:
            for table in reversed(Base.metadata.sorted_tables):
                session.execute(table.delete())

    @contextmanager
    def held(self, lock: int, wait: float = 0.0) -> Iterator[Callable[[], bool] | None]:
        """Hold one of the database's own locks (WRITER, CLOCK), waited for `wait` seconds; None when it is not ours.

        Else a function that says whether it still is: PostgreSQL gives it back when our connection ends, also that of
        a machine that has gone. SQLite has no such lock and needs none: what uses it is on one machine, where the lock
        of a file is enough.
        """
        if self.engine.dialect.name != "postgresql":
            yield lambda: True
            return
        with self.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            # By itself a server notices after two hours that a machine was switched off.
            for name, seconds in (("idle", 20), ("interval", 10), ("count", 3)):
                connection.execute(text(f"SET tcp_keepalives_{name} = {seconds}"))
            patience, asked = time.monotonic() + wait, text("SELECT pg_try_advisory_lock(:lock)")
            while not (ours := bool(connection.scalar(asked, {"lock": lock}))) and time.monotonic() < patience:
                time.sleep(0.05)

            def still() -> bool:
                try:
                    return bool(connection.scalar(text("SELECT true")))
                except DBAPIError:
                    return False

            try:
                yield still if ours else None
            finally:
                connection.invalidate()     # closed, not kept for others: the lock goes with it

    def close(self) -> None:
        """Give the connections back."""
        self.engine.dispose()


def open_catalogue(settings: Settings) -> Catalogue:
    """The catalogue of the archive that `settings` describe, its tables in their newest form."""
    catalogue = Catalogue(settings.database or f"sqlite:///{settings.root / FILE_NAME}")
    catalogue.migrate()
    return catalogue


def record(session: Session, ledger: Ledger, entries: Iterable[Entry]) -> list[Line]:
    """Write the events that the ledger does not have yet, and their copies; the ledger is on the disk first.

    The key of an entry makes it safe to say again after a kill. The copies are committed with whatever else
    the session holds; a kill in between is mended by `catch_up`.
    """
    wanted = {entry.key: entry for entry in entries}
    keys = list(wanted)
    known: set[str] = set()
    for start in range(0, len(keys), SOME):
        known.update(session.scalars(select(Event.key).where(Event.key.in_(keys[start:start + SOME]))))
    lines = ledger.append([entry for key, entry in wanted.items() if key not in known])
    _copy_in(session, lines)
    return lines


def compare(session: Session, ledger: Ledger) -> int:
    """The number of the last event that the catalogue knows.

    Raises IntegrityError when the ledger is shorter than that, or ends with another event of the same number.
    """
    have = session.scalar(select(func.max(Event.seq))) or 0
    if have > ledger.seq:
        ledger.look_again()     # a writer was at work between the two looks; it writes the ledger first
    if have > ledger.seq:
        raise IntegrityError(_("the ledger ends at event {have}, the catalogue knows {n}: lines are missing").format(
            have=ledger.seq, n=have))
    if have == ledger.seq:
        known = session.scalar(select(Event.hash).where(Event.seq == have))
        if have and known != ledger.head:
            raise IntegrityError(_("event {event} is not the one that the catalogue copied from the ledger").format(
                event=have))
    return have


def catch_up(session: Session, ledger: Ledger) -> list[Line]:
    """Copy the ledger's lines that the catalogue lacks: the ones a killed process could not copy.

    Only for the owner of the archive: what a running writer is about to copy is not missing. Raises as `compare`.
    """
    have = compare(session, ledger)
    if have == ledger.seq:
        return []
    lines = list(ledger.lines(after=have))
    _copy_in(session, lines)
    return lines


def rows(session: Session) -> dict[str, list[dict[str, Any]]]:
    """Every row of every table as plain values, sorted: what a comparison of two catalogues compares."""
    found: dict[str, list[dict[str, Any]]] = {}
    for table in Base.metadata.sorted_tables:
        order = [table.c[column.name] for column in table.primary_key]
        found[table.name] = [dict(row._mapping) for row in session.execute(select(table).order_by(*order))]
    return found


def _copy_in(session: Session, lines: Iterable[Line]) -> None:
    values = [{key: getattr(line, key) for key in Line.__slots__ if key != "prev"} for line in lines]
    if values:
        session.execute(Event.__table__.insert(), values)  # type: ignore[attr-defined]


def _engine(url: str) -> Engine:
    # A server may have been started anew since a connection was used: it is asked first, and replaced.
    engine = create_engine(url, pool_pre_ping=not url.startswith("sqlite"))
    if engine.dialect.name == "sqlite":
        @event.listens_for(engine, "connect")
        def _set_up(connection: Any, _: Any) -> None:
            cursor = connection.cursor()
            # WAL: readers do not wait for the batch. NORMAL may lose the last commits to a power cut,
            # never the file; the ledger has them and catch_up brings them back.
            for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON", "busy_timeout=10000"):
                cursor.execute(f"PRAGMA {pragma}")
            cursor.close()
    return engine
