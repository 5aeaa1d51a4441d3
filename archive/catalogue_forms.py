"""The forms of the catalogue's tables: one for each migration, with the ways up and down between them.

An upgrade takes the steps up by itself (archive/catalogue.py). The way down is for going back to an older program: what
its form has no place for goes, is told before, and is made again from the store by a later rebuild.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import cache
from pathlib import Path
from typing import Any

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import (
    Column,
    Connection,
    Constraint,
    Index,
    Table,
    Text,
    cast,
    create_engine,
    func,
    inspect,
    or_,
    select,
)
from sqlalchemy.sql.schema import ScalarElementColumnDefault

from archive.catalogue import MIGRATIONS, Catalogue, empty, form_of
from archive.errors import CatalogueBehindError, CatalogueFormError, IntegrityError, UsageError
from archive.findings import Finding, finding
from archive.i18n import _
from archive.model import SCHEMA, Base, Event, Machine, Work

OF_A_MOMENT = frozenset((Work.__tablename__, Machine.__tablename__))    # empty when no night runs; nothing is lost
VERSIONS = "archive/migrations/versions"    # in the folder of any program of ours
_SIGNS = {"add": "−", "remove": "+"}
_REVISION = re.compile(r"^revision\s*=\s*['\"](\d{4})['\"]", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Form:
    """One form: its number, what came with it, the kinds of the ledger's events that tell of that (shell patterns)."""

    number: str
    brought: str
    told_by: tuple[str, ...]


@cache
def forms() -> tuple[Form, ...]:
    """Every form that this program knows, the first first."""
    scripts = reversed(list(ScriptDirectory(str(MIGRATIONS)).walk_revisions()))
    return tuple(Form(one.revision, (one.doc or "").strip(), tuple(one.module.told_by)) for one in scripts)


def upgrade(catalogue: Catalogue) -> None:
    """Bring the tables to the newest form in one transaction: a kill leaves them as they were. Raises as `bring_up`."""
    with catalogue.whole() as connection:
        bring_up(connection, str(catalogue), refilled=catalogue.refilled)


def bring_up(connection: Connection, place: str, *, refilled: bool) -> None:
    """The same within a transaction that is open; `place`: the database, as it is named to people.

    Raises CatalogueFormError when only a newer program than this knows the form, CatalogueBehindError when it is an
    older one and the store holds what the steps up cannot bring. A catalogue to be `refilled` is emptied instead, so
    that a kill before it is full leaves no half of the truth.
    """
    form = form_of(connection)
    if form > SCHEMA:
        raise CatalogueFormError(_(
            "The catalogue {place} has the form {form} of a newer program; this one knows forms up to {known}. Use the "
            "newer program, or let it take the catalogue back: luutru catalogue downgrade --to {known}").format(
            place=place, form=form, known=SCHEMA))
    lacks = unknown_to(connection, form) if form not in ("", SCHEMA) else []
    if lacks and not refilled:
        raise CatalogueBehindError(_(
            "the catalogue has the form {form} of an older program, and the store holds what that form knows nothing "
            "of ({kinds}). Make it again with: luutru rebuild").format(form=form, kinds=", ".join(lacks)))
    if form != SCHEMA:
        command.upgrade(_config(connection), "head")
    if lacks:
        empty(connection)


def unknown_to(connection: Connection, form: str) -> list[str]:
    """The kinds of the events there are that tell of what only forms after `form` keep.

    The steps up make such tables and columns and leave them empty: right for an archive that never had any, wrong for
    one that an older program served for a while.
    """
    patterns = [pattern for one in forms() if one.number > form for pattern in one.told_by]
    kinds = connection.execute(select(Event.kind).distinct()).scalars()
    return sorted(kind for kind in kinds if any(fnmatch(kind, pattern) for pattern in patterns))


def differences(catalogue: Catalogue) -> list[Finding]:
    """Where the tables of a catalogue of the newest form are not as the program makes them (CATALOGUE-006)."""
    with catalogue.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        told = [_in_words(one) for one in compare_metadata(context, Base.metadata) if one[0] != "remove_table"]
    return [finding("CATALOGUE-006", one) for one in told]


def _in_words(step: Any) -> str:
    """What Alembic would do about a difference, as its name behind a sign: − missing, + too many, ≠ different."""
    what, *about = step[0] if isinstance(step, list) else step      # changes of one column come as a list
    names = [one if isinstance(one, str) else str(one.name) for one in about
             if isinstance(one, str | Table | Column | Index | Constraint)]
    return f"{_SIGNS.get(what.partition('_')[0], '≠')} {'.'.join(names)}"


def _config(connection: Connection) -> Config:
    """Alembic's settings for steps on an open connection, within its transaction."""
    made = Config()
    made.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    made.attributes["connection"] = connection
    return made


# --- the way down ----------------------------------------------------------------------------------------------


def of_program(folder: Path) -> str:
    """The form that the program in `folder` knows as its newest. Raises UsageError when none of ours is there."""
    found = [told[1] for path in sorted((folder / VERSIONS).glob("*.py"))
             if (told := _REVISION.search(path.read_text(encoding="utf-8")))]
    if not found:
        raise UsageError(_("{folder} holds no program of Lưu Trữ: there is nothing in {versions}.").format(
            folder=folder, versions=VERSIONS))
    return max(found)


def ask_for_way_down(form: str, to: str) -> None:
    """Raise UsageError when there is no way down from `form` to the form `to`."""
    known = [one.number for one in forms()]
    if to not in known:
        raise UsageError(_("There is no form {form}; forms are {first} to {last}.").format(
            form=to, first=known[0], last=known[-1]))
    if to >= form:
        raise UsageError(_("The catalogue has the form {form} already; the way down leads to an older one.").format(
            form=form))


def losses(catalogue: Catalogue, to: str) -> list[Finding]:
    """What of the catalogue the form `to` has no place for: tables and columns with rows in them, how many.

    CATALOGUE-001 a table, CATALOGUE-002 a column, CATALOGUE-003 when the next upgrade will ask for a rebuild.
    """
    known, found = _tables()[to], []
    with catalogue.engine.connect() as connection:
        for table in Base.metadata.sorted_tables:
            if table.name in OF_A_MOMENT:
                continue
            if table.name not in known:
                if n := connection.scalar(select(func.count()).select_from(table)):
                    found.append(finding("CATALOGUE-001", table.name, form=to, n=n))
                continue
            for column in table.columns:
                if column.name not in known[table.name] and (n := connection.scalar(
                        select(func.count()).select_from(table).where(_is_set(column)))):
                    found.append(finding("CATALOGUE-002", f"{table.name}.{column.name}", form=to, n=n))
        if kinds := unknown_to(connection, to):
            found.append(finding("CATALOGUE-003", to, kinds=", ".join(kinds)))
    return found


def _is_set(column: Column[Any]) -> Any:
    """Whether a value says more than the one that every new row has."""
    if isinstance(column.default, ScalarElementColumnDefault):
        return or_(column != column.default.arg, column.is_(None))
    return cast(column, Text).not_in(("{}", "[]", "null"))      # JSON, whose default is made anew for each row


@cache
def _tables() -> dict[str, dict[str, frozenset[str]]]:
    """Tables and columns of each form, by taking the steps up in an empty database."""
    engine, found = create_engine("sqlite://"), {}
    with engine.begin() as connection:
        for form in forms():
            command.upgrade(_config(connection), form.number)
            held = inspect(connection)
            found[form.number] = {name: frozenset(one["name"] for one in held.get_columns(name))
                                  for name in held.get_table_names()}
    return found


def downgrade(catalogue: Catalogue, to: str) -> None:
    """Bring the catalogue to the older form `to`; the caller owns the archive and starts no other command on it.

    Any command of this program would bring it up again. All of it is one transaction: killed, it has the form that it
    had. Raises UsageError when there is no such way, IntegrityError when rows went that were to stay (then all stays).
    """
    with catalogue.whole() as connection:
        ask_for_way_down(form_of(connection), to)
        staying = [table for table in Base.metadata.sorted_tables if table.name in _tables()[to]]
        before = _counts(connection, staying)
        command.downgrade(_config(connection), to)
        for name, n in _counts(connection, staying).items():
            if n != before[name]:
                raise IntegrityError(_("{table} had {n} rows and has {now}: nothing was changed").format(
                    table=name, n=before[name], now=n))


def _counts(connection: Connection, tables: Sequence[Table]) -> dict[str, int]:
    return {table.name: connection.scalar(select(func.count()).select_from(table)) or 0 for table in tables}
