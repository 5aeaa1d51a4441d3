"""Moving the catalogue into another database, SQLite or PostgreSQL, and naming it in the settings.

Every row is copied in one transaction, read back and compared with its original before that transaction ends: killed,
or with anything that differs, the other database is as it was. The one moved from is only read.
"""

from __future__ import annotations

import os
import re
import stat
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from operator import itemgetter
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import URL, Connection, Table, func, inspect, make_url, select, text, tuple_
from sqlalchemy.exc import ArgumentError, DataError, NoSuchModuleError
from sqlalchemy.exc import IntegrityError as RowRefused

from archive.catalogue import FILE_NAME, SOME, WRITER, Catalogue, address, empty, without_password
from archive.catalogue_forms import OF_A_MOMENT, bring_up
from archive.errors import ArchiveBusyError, RefusedError, UsageError
from archive.files import write_atomically
from archive.findings import Finding, finding
from archive.i18n import _
from archive.model import Base, Fonds
from archive.opening import Archive
from archive.settings import FILE_NAME as SETTINGS
from archive.settings import Settings
from archive.settings_section import Address

DRIVERS = {"sqlite": "sqlite", "postgresql": "postgresql+psycopg2"}
VARIABLE = "LUUTRU_DATABASE"
READABLE = TypeAdapter(Address)
WAIT = 3.0          # seconds for whoever has just ended to be gone
TOLD = 20           # rows that differ are named, so many at most
_LINES = [re.compile(rf"(?m)^[ \t]*{mark}database[ \t]*=.*$") for mark in ("", "#[ \t]*")]     # set, else its default

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Standing:
    """What a database holds: the form of its tables (empty: none), its rows by table, whose fonds they tell of."""

    place: str
    form: str
    rows: Mapping[str, int]
    fonds: Sequence[str]

    @property
    def total(self) -> int:
        """All its rows."""
        return sum(self.rows.values())


@dataclass(frozen=True, slots=True)
class Moved:
    """What was moved: rows by table, those that were left (of a moment), what stood in the way: then nothing was."""

    rows: dict[str, int] = field(default_factory=dict)
    left: dict[str, int] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)


class _Differs(Exception):  # noqa: N818 - it ends the transaction, and is no error
    """The transaction is given up: what was written is not what was read."""


def tables() -> list[Table]:
    """The tables that are moved, each after those that its rows point to."""
    return [table for table in Base.metadata.sorted_tables if table.name not in OF_A_MOMENT]


# --- from where to where ---------------------------------------------------------------------------------------


def wanted(settings: Settings, to: str) -> str:
    """The URL of the database that a person names: "sqlite" is the file in the archive's folder.

    Raises UsageError for what is no address of SQLite or PostgreSQL, and for the database that the catalogue is in.
    """
    try:
        url = make_url(f"sqlite:///{settings.root / FILE_NAME}" if to == "sqlite" else READABLE.validate_python(to))
        driver = DRIVERS.get(url.get_backend_name())
        if driver is None or url.drivername not in (driver, url.get_backend_name()) or \
                url.database in (None, "", ":memory:"):
            raise ArgumentError(to)
    except (ArgumentError, NoSuchModuleError, ValueError):
        raise UsageError(_(
            "That is no address of a database: write sqlite, sqlite:////folder/catalogue.db or "
            "postgresql+psycopg2://user@host/database")) from None
    url = url.set(drivername=driver)
    if driver == "sqlite":
        place = Path(url.database or "").absolute()
        if not place.parent.is_dir():
            raise UsageError(_("There is no folder {place}.").format(place=place.parent))
        url = url.set(database=str(place))
    if _same(make_url(address(settings)), url):
        raise UsageError(_("The catalogue is in {place} already.").format(place=without_password(url)))
    return url.render_as_string(hide_password=False)


def _same(one: URL, other: URL) -> bool:
    if one.get_backend_name() != other.get_backend_name():
        return False
    if one.get_backend_name() == "sqlite":
        return Path(one.database or "").resolve() == Path(other.database or "").resolve()
    return (one.host, one.port or 5432, one.database) == (other.host, other.port or 5432, other.database)


def standing(catalogue: Catalogue) -> Standing:
    """What is in a database; tables of an older form are counted as far as they are there. Nothing is changed."""
    if _is_absent(catalogue):       # to look would make it
        return Standing(str(catalogue), "", {}, [])
    form = catalogue.form()
    rows: dict[str, int] = {}
    fonds: list[str] = []
    with catalogue.engine.connect() as connection:
        here = set(inspect(connection).get_table_names()) if form else set()
        for table in Base.metadata.sorted_tables:
            if table.name in here:
                rows[table.name] = connection.scalar(select(func.count()).select_from(table)) or 0
        if Fonds.__tablename__ in here:
            fonds = sorted(connection.scalars(select(Fonds.code)))
    return Standing(str(catalogue), form, rows, fonds)


def _is_absent(catalogue: Catalogue) -> bool:
    """Whether it is a file that is not there."""
    return catalogue.engine.dialect.name == "sqlite" and not Path(catalogue.engine.url.database or "").exists()


# --- moving ----------------------------------------------------------------------------------------------------


def move(archive: Archive, target: Catalogue, *, overwrite: bool = False,
         progress: Progress = lambda *_: None) -> Moved:
    """Copy every row of the archive's catalogue into `target`, and compare all of them; the caller owns the archive.

    What machines are doing at the moment is not copied (archive/model_work.py). With findings nothing was kept:
    CATALOGUE-004 another number of rows, CATALOGUE-005 a row that differs, CATALOGUE-007 one that the other database
    cannot hold. Raises RefusedError when `target` holds rows and is not to be overwritten, ArchiveBusyError when
    another archive's writer uses it, CatalogueFormError when a newer program made it.
    """
    new = _is_absent(target)
    with target.held(WRITER, WAIT) as ours:
        if ours is None:
            raise ArchiveBusyError(_("whoever uses {place}").format(place=target))
        found = standing(target)
        if found.total and not overwrite:
            raise RefusedError(refusal(found))
        done = Moved()
        with suppress(_Differs):
            _copy_and_compare(archive.catalogue, target, done, progress)
        if done.findings and new:
            target.close()
            Path(target.engine.url.database or "").unlink(missing_ok=True)
        if not done.findings and target.engine.dialect.name == "postgresql":
            with target.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                connection.execute(text("ANALYZE"))     # it plans by figures, and has none of rows that just came
        return done


def refusal(found: Standing) -> str:
    """Why a database with rows in it is left alone."""
    return _("{place} holds a catalogue already ({n} rows, fonds: {fonds}). --yes puts this archive's in its place"
             ).format(place=found.place, n=found.total, fonds=", ".join(found.fonds) or "—")


def _copy_and_compare(source: Catalogue, target: Catalogue, done: Moved, progress: Progress) -> None:
    isolation = {"isolation_level": "REPEATABLE READ"} if source.engine.dialect.name == "postgresql" else {}
    with source.engine.connect().execution_options(**isolation) as reading, target.whole() as writing:
        for table in Base.metadata.sorted_tables:
            counted = reading.scalar(select(func.count()).select_from(table)) or 0
            (done.left if table.name in OF_A_MOMENT else done.rows)[table.name] = counted
        total, n = 2 * sum(done.rows.values()), 0
        bring_up(writing, str(target), refilled=True)
        empty(writing)
        for table in tables():
            for rows in _batches(reading, table):
                _insert(writing, table, rows, done)
                progress(table.name, n := n + len(rows), total)
        for table in tables():
            there = writing.scalar(select(func.count()).select_from(table)) or 0
            if there != done.rows[table.name]:
                done.findings.append(finding("CATALOGUE-004", table.name, n=done.rows[table.name], m=there))
            for rows in _batches(reading, table):
                done.findings.extend(_compared(writing, table, rows)[:max(0, TOLD - len(done.findings))])
                progress(table.name, n := n + len(rows), total)
        if done.findings:
            raise _Differs


def _batches(reading: Connection, table: Table) -> Iterator[list[dict[str, Any]]]:
    """The rows of a table, some at a time; a server keeps the rest until it is asked."""
    for rows in reading.execute(select(table), execution_options={"yield_per": SOME}).mappings().partitions():
        yield [dict(row) for row in rows]


def _insert(writing: Connection, table: Table, rows: list[dict[str, Any]], done: Moved) -> None:
    try:
        with writing.begin_nested():
            writing.execute(table.insert(), rows)
        return
    except (DataError, RowRefused, ValueError):     # psycopg2 says the latter of a character that no text there has
        pass
    for row in rows:
        try:
            with writing.begin_nested():
                writing.execute(table.insert(), [row])
        except (DataError, RowRefused, ValueError) as error:
            done.findings.append(finding("CATALOGUE-007", key_of(table, row), table=table.name,
                                         database=writing.dialect.name, reason=_said(error)))
            raise _Differs from error
    raise AssertionError(f"{table.name}: rows that go in one by one do not go in together")


def _said(error: Exception) -> str:
    """The first line of what the database says: further ones may hold the row itself."""
    return (str(getattr(error, "orig", None) or error).strip().splitlines() or [type(error).__name__])[0]


def _compared(writing: Connection, table: Table, rows: list[dict[str, Any]]) -> list[Finding]:
    """The rows that were written and are not there now, or not the same: named by key and column, never by value."""
    keys = [key.name for key in table.primary_key]
    of = itemgetter(*keys)      # one key by itself, several as a tuple: as `in_` takes them
    column = tuple_(*table.primary_key) if len(keys) > 1 else table.c[keys[0]]
    there = {of(row): dict(row) for row in writing.execute(
        select(table).where(column.in_([of(row) for row in rows]))).mappings()}
    found = []
    for row in rows:
        other = there.get(of(row), {})
        differing = [name for name in row if name not in other or other[name] != row[name]]
        if differing:
            found.append(finding("CATALOGUE-005", key_of(table, row), table=table.name, columns=", ".join(differing)))
    return found


def key_of(table: Table, row: Mapping[str, Any]) -> str:
    """A row's key as a person reads it."""
    return " / ".join(str(row[key.name]) for key in table.primary_key)


# --- the settings ----------------------------------------------------------------------------------------------


def set_by_environment() -> bool:
    """Whether the environment names the database: it wins over the settings file."""
    return any(name.upper() == VARIABLE for name in os.environ)


def name_in_settings(settings: Settings, to: str) -> str:
    """Write the database `to` (a URL) into luutru.toml, never its password; the line that stands there now.

    All else of the file stays as it is. Raises UsageError when the file cannot be changed so.
    """
    path = settings.root / SETTINGS
    own = _same(make_url(f"sqlite:///{settings.root / FILE_NAME}"), make_url(to))
    line = 'database = "{}"'.format("" if own else without_password(to).replace("\\", "\\\\").replace('"', '\\"'))
    before = path.read_bytes().decode() if path.is_file() else ""
    head = re.search(r"(?m)^[ \t]*\[", before)
    top, rest = (before[:head.start()], before[head.start():]) if head else (before, "")
    stands = next((one for one in _LINES if one.search(top)), None)
    top = stands.sub(lambda _found: line, top, count=1) if stands else f"{top.rstrip()}\n{line}\n\n".lstrip()
    after = top + rest
    if _read(after) != {**_read(before), **tomllib.loads(line)}:
        raise UsageError(_("{file} cannot be changed by itself; write there: {line}").format(file=path, line=line))
    mode = stat.S_IMODE(path.stat().st_mode) if path.is_file() else 0o640
    known_mask = os.umask(0o077)
    try:
        write_atomically(path, after.encode())
    finally:
        os.umask(known_mask)
    path.chmod(mode)
    return line


def _read(toml: str) -> dict[str, Any]:
    try:
        return tomllib.loads(toml)
    except tomllib.TOMLDecodeError:
        return {}


def set_aside(archive: Archive, at: str) -> str:
    """Rename the SQLite file in the archive's folder that the catalogue was moved from; its new name.

    A command that does not know the new database then finds none, instead of an old one that it would go on writing.
    Empty when it is no such file, or another process (the portal) has it open: then it stays.
    """
    engine = archive.catalogue.engine
    place = archive.settings.root / FILE_NAME
    if engine.dialect.name != "sqlite" or Path(engine.url.database or "").resolve() != place.resolve():
        return ""
    archive.catalogue.close()       # the last one to close it folds its journal in
    if any(place.with_name(f"{FILE_NAME}{end}").exists() for end in ("-wal", "-journal")):
        return ""
    named = place.with_name(f"{FILE_NAME}-moved-{at}")
    place.rename(named)
    return named.name
