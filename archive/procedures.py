"""Procedures: how a thing that is a row of acts is kept, such as a scan job, a destruction, a hand-over.

Each is one OCFL object, every act one version of it, and its record names all acts so far. The order is store, ledger,
catalogue; the catalogue notes the intention first ("writing"), so that whoever owns the archive next finishes what a
kill left half told. What an act may be, and what it brings, is the business of each procedure's own module.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from archive import clock
from archive.errors import IntegrityError, NoRoomError, RefusedError
from archive.ledger import Entry, event_key
from archive.opening import Archive
from archive.store import NewFile

WRITING = "writing"         # a row's state in the catalogue, from before the put until the ledger knows

Entries = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Kept:
    """A procedure as one version of its object tells it; each kind adds what else it keeps."""

    record: Entries

    @property
    def state(self) -> str:
        """How far it is: one of its kind's states."""
        return str(self.record["state"])

    @property
    def acts(self) -> Sequence[Entries]:
        """What was done, in order."""
        acts: Sequence[Entries] = self.record["acts"]
        return acts

    def last(self, act: str) -> Entries | None:
        """The last act of this name; None when it was never done."""
        return next((one for one in reversed(self.acts) if one["act"] == act), None)


@dataclass(frozen=True, slots=True)
class Procedure:
    """A kind of procedure: its table and the name of the key, its objects' ids, its way into the catalogue."""

    row: Any                                            # the table's class; has a column `state`
    key: str
    object_id: Callable[[str], str]
    admit: Callable[[Archive, Session, str], None]      # makes the rows of an object, and events that the ledger lacks
    message: str                                        # what the message of each version begins with


def told(archive: Archive, procedure: Procedure, name: str, act: str, particulars: Entries, *, by: str,
         at: datetime) -> dict[str, Any]:
    """An act as the record will have it, with the number of the version that it makes."""
    version = archive.store.version(procedure.object_id(name)) + 1
    return {"act": act, "version": version, "at": clock.stamp(at), "by": by, **particulars}


def put(archive: Archive, procedure: Procedure, name: str, act: str, files: Mapping[str, NewFile], *, at: datetime,
        blank: Entries) -> None:
    """Note the intention and write an act's version into the store; `tell` comes next. The caller owns the archive.

    `blank`: the columns of a row that is not there yet. Raises NoRoomError: then nothing has happened.
    """
    with archive.catalogue.session() as session:
        row = session.get(procedure.row, name)
        if row is not None:
            row.state = WRITING
        else:
            session.add(procedure.row(**{procedure.key: name}, **blank, state=WRITING, version=0, record={}))
    try:
        archive.store.put(procedure.object_id(name), files, message=f"{procedure.message}: {act}", user="luutru",
                          created=at)
    except (OSError, IntegrityError) as error:
        finish(archive, procedure)
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise NoRoomError(str(archive.settings.root)) from error
        raise


def tell(archive: Archive, procedure: Procedure, name: str) -> None:
    """Tell ledger and catalogue what the store says; what is not in the store never happened."""
    with archive.catalogue.session() as session:
        if archive.store.has(procedure.object_id(name)):
            procedure.admit(archive, session, procedure.object_id(name))
        else:
            session.execute(delete(procedure.row).where(getattr(procedure.row, procedure.key) == name))


def finish(archive: Archive, procedure: Procedure) -> list[str]:
    """Tell ledger and catalogue of acts that a kill interrupted; whose they are. The caller owns the archive.

    The store says how far it came: a version that is there is told, one that is not never happened. Cheap without any.
    """
    key = getattr(procedure.row, procedure.key)
    with archive.catalogue.session() as session:
        names = list(session.scalars(select(key).where(procedure.row.state == WRITING).order_by(key)))
    for name in names:
        tell(archive, procedure, name)
    return names


def entry(kinds: Mapping[str, str], name: str, act: Entries, data: Entries) -> Entry:
    """The event of an act: one a version, by who acted."""
    kind = kinds[act["act"]]
    return Entry(kind, name, dict(data), event_key(kind, name, f"v{act['version']}"), act["by"])


def particulars(act: Entries) -> dict[str, Any]:
    """What an act says besides its name and who acted."""
    return {key: value for key, value in act.items() if key not in ("by", "act")}


def not_in(state: str, allowed: Sequence[str], name: Callable[[str], str], sentence: str) -> None:
    """Raise RefusedError unless `state` is one of `allowed`; `sentence` has {state} and {allowed}, in words."""
    if state not in allowed:
        raise RefusedError(sentence.format(state=name(state), allowed=", ".join(map(name, allowed))))
