"""Decisions: what a person decides of many records at once, as one small object of the store each, numbered in a row.

Written store first, then ledger, then catalogue. The objects of a row leave no gap, so what a kill kept from ledger
and catalogue is found by asking the store for the next number.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from archive import clock
from archive.files import json_bytes
from archive.opening import Archive
from archive.store import NewFile

FILE = "decision.json"


@dataclass(frozen=True, slots=True)
class Row:
    """One row of decisions: how its object ids begin, its `schema`, and how it comes into ledger and catalogue.

    `last` is the number of the newest that the catalogue knows; `admit` writes the event and the rows of one object,
    and may be called again for one that is there.
    """

    prefix: str
    schema: str
    last: Callable[[Session], int]
    admit: Callable[[Archive, Session, str], None]

    def object_id(self, n: int) -> str:
        """The id of the n-th decision's object; padded, so that the order of the ids is that of the numbers."""
        return f"{self.prefix}{n:06d}"


def write(archive: Archive, row: Row, told: Mapping[str, Any], *, message: str, at: datetime) -> int:
    """Keep one decision; its number. The caller owns the archive.

    `told` is what the object says besides its schema, number and time.
    """
    catch_up(archive, row)
    with archive.catalogue.session() as session:
        n = row.last(session) + 1
    object_id = row.object_id(n)
    body = {"schema": row.schema, "n": n, "at": clock.stamp(at), **told}
    archive.store.put(object_id, {FILE: NewFile(json_bytes(body))}, message=message, user="luutru", created=at)
    with archive.catalogue.session() as session:
        row.admit(archive, session, object_id)
    return n


def read(archive: Archive, object_id: str) -> dict[str, Any]:
    """What a decision's object says. Raises KeyError when the store does not hold it."""
    told: dict[str, Any] = json.loads(archive.store.read(object_id, FILE))
    return told


def catch_up(archive: Archive, row: Row) -> None:
    """Tell ledger and catalogue of decisions that a kill left in the store alone. The caller owns the archive."""
    with archive.catalogue.session() as session:
        n = row.last(session) + 1
        while archive.store.has(row.object_id(n)):
            row.admit(archive, session, row.object_id(n))
            n += 1
