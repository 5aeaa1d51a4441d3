"""The catalogue: the database's engine and sessions, its migrations, and the events' way into it.

It follows the store. Whatever it says can be made again from the store (archive/rebuild.py); where the two
differ, the store is right.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, func, inspect, make_url, select, text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.orm import Session

from archive.errors import CatalogueLostError, IntegrityError
from archive.i18n import _
from archive.ledger import Entry, Ledger, Line
from archive.model import SCHEMA, Base, Event
from archive.settings import Settings

MIGRATIONS = Path(__file__).with_name("migrations")
FILE_NAME = "catalogue.db"
WRITER, CLOCK, FORM = 5_001, 5_002, 5_003   # database locks: the one writer of the archive, the one beat, a migration
PATIENCE = "60s"                # how long a migration waits for those who read the tables that it changes
ALONE = ("batch_started", "batch_finished")     # events that a transaction has for itself
FLUSHED = "FULL"                # when SQLite waits for the disk
SOME = 500      # rows of one IN list, below every database's limit of parameters


class Catalogue:
    """The database behind one archive; `refilled`: its rows do not matter, they are about to be made again."""

    def __init__(self, url: str, *, refilled: bool = False) -> None:
        self.url = url
        self.refilled = refilled
        self.engine = _engine(url)

    @contextmanager
    def session(self) -> Iterator[Session]:
        """A session in one transaction: committed at the end, rolled back by an exception."""
        with Session(self.engine, expire_on_commit=False) as session, session.begin():
            yield session

    def __str__(self) -> str:
        """The database's address without its password."""
        return without_password(self.engine.url)

    def form(self) -> str:
        """The form of the tables that are there, such as "0011" (archive/migrations); empty: there are none."""
        with self.engine.connect() as connection:
            return form_of(connection)

    def migrate(self) -> None:
        """Bring the tables to the newest form; quick when they have it. Raises as catalogue_forms.upgrade."""
        if self.form() != SCHEMA:
            from archive import catalogue_forms  # alembic is half of a command's start-up time; needed once an upgrade

            catalogue_forms.upgrade(self)

    @contextmanager
    def whole(self) -> Iterator[Connection]:
        """One transaction for everything, making and dropping of tables as well; who else wants one waits for it."""
        with self.engine.begin() as connection:
            if self.engine.dialect.name == "sqlite":
                # Python begins a transaction in front of a change of rows, not of tables: each would stand by itself.
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            else:
                connection.execute(text(f"SET LOCAL lock_timeout = '{PATIENCE}'"))
                connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": FORM})
            yield connection

    def clear(self) -> None:
        """Empty every table, before a rebuild."""
        with self.engine.begin() as connection:
            empty(connection)

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
                try:
                    # A busy server takes a while to see that a connection was closed: who asks next would be refused.
                    with suppress(SQLAlchemyError):
                        connection.execute(text("SELECT pg_advisory_unlock_all()"))
                finally:
                    connection.invalidate()     # closed, not kept for others

    def close(self) -> None:
        """Give the connections back."""
        self.engine.dispose()


def open_catalogue(settings: Settings, *, rebuilding: bool = False) -> Catalogue:
    """The catalogue of the archive that `settings` describe, its tables in their newest form. Raises as `migrate`.

    `rebuilding`: it is about to be filled anew.
    """
    catalogue = Catalogue(address(settings), refilled=rebuilding)
    catalogue.migrate()
    return catalogue


def address(settings: Settings) -> str:
    """The URL of the archive's database: the setting's, else of a file in its folder."""
    return settings.database or f"sqlite:///{settings.root / FILE_NAME}"


def without_password(address: str | URL) -> str:
    """A database's address as it is said and written."""
    url = make_url(address)
    kept = {key: value for key, value in url.query.items() if key != "password"}
    return URL.create(url.drivername, url.username, None, url.host, url.port, url.database, kept).render_as_string()


def form_of(connection: Connection) -> str:
    """The form of the tables as the connection sees them; empty: there are none."""
    if not inspect(connection).has_table("alembic_version"):
        return ""
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar() or ""


def record(session: Session, ledger: Ledger, entries: Iterable[Entry]) -> list[Line]:
    """Write the events that the ledger does not have yet, and their copies; the ledger is on the disk first.

    The key of an entry makes it safe to say again after a kill. The copies are committed with whatever else
    the session holds; a kill in between is mended by `catch_up`.
    """
    wanted = {entry.key: entry for entry in entries}
    ledger.settle()
    have = session.scalar(select(func.max(Event.seq))) or 0
    if have < ledger.seq:       # a transaction failed after its line was written, and its owner went on
        _copy_in(session, ledger.lines(after=have))
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

    Only for the owner of the archive: what a running writer is about to copy is not missing. Raises as `compare`, and
    CatalogueLostError when more is missing than one transaction: its rows are made by a rebuild only.
    """
    have = compare(session, ledger)
    if have == ledger.seq:
        return []
    lines = list(ledger.lines(after=have))
    if len(lines) > 1 and any(line.kind in ALONE for line in lines):
        raise CatalogueLostError(_("the catalogue ends at event {n}, the ledger at {have}: it is an older copy, or "
                                   "lost its last rows; luutru rebuild makes it again").format(n=have, have=ledger.seq))
    _copy_in(session, lines)
    return lines


def rows(session: Session) -> dict[str, list[dict[str, Any]]]:
    """Every row of every table as plain values, sorted: what a comparison of two catalogues compares."""
    found: dict[str, list[dict[str, Any]]] = {}
    for table in Base.metadata.sorted_tables:
        order = [table.c[column.name] for column in table.primary_key]
        found[table.name] = [dict(row._mapping) for row in session.execute(select(table).order_by(*order))]
    return found


def empty(connection: Connection) -> None:
    """Take every row out of every table."""
    for table in reversed(Base.metadata.sorted_tables):
        connection.execute(table.delete())


def _copy_in(session: Session, lines: Iterable[Line]) -> None:
    values = [{key: getattr(line, key) for key in Line.__slots__ if key != "prev"} for line in lines]
    if values:
        session.execute(Event.__table__.insert(), values)  # type: ignore[attr-defined]


def _answering(url: str) -> dict[str, int]:
    """How long a connection to a server waits for an answer; what the address itself says counts.

    A server, or the way to it, may go without a word: by itself a system notices after two hours.
    """
    if not url.startswith("postgresql"):
        return {}
    wanted = {"connect_timeout": 10, "keepalives_idle": 20, "keepalives_interval": 10, "keepalives_count": 3,
              "tcp_user_timeout": 60_000}       # the last one in milliseconds
    return {name: value for name, value in wanted.items() if name not in make_url(url).query}


def _engine(url: str) -> Engine:
    # A server may have been started anew since a connection was used: it is asked first, and replaced.
    engine = create_engine(url, pool_pre_ping=not url.startswith("sqlite"), connect_args=_answering(url))
    if engine.dialect.name == "sqlite":
        @event.listens_for(engine, "connect")
        def _set_up(connection: Any, _: Any) -> None:
            cursor = connection.cursor()
            # WAL: readers do not wait for the batch. FULL: a power cut takes nothing that was committed; the ledger is
            # ahead by one transaction at most, as after a kill, and the next owner says that one again.
            for pragma in ("journal_mode=WAL", f"synchronous={FLUSHED}", "foreign_keys=ON", "busy_timeout=10000"):
                cursor.execute(f"PRAGMA {pragma}")
            cursor.close()
    return engine
