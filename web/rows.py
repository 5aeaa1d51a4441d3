"""Small databases of the portal's own (accounts, the archive service): one connection, one transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def transaction(place: Path, *, changing: bool, wait: float, pragma: str) -> Iterator[sqlite3.Connection]:
    """A connection in one transaction: committed at the end, rolled back by an exception.

    One that is `changing` anything has the file for itself from its beginning; it waits for others for `wait` seconds.
    """
    connection = sqlite3.connect(place, timeout=wait, isolation_level=None)
    connection.row_factory = sqlite3.Row
    try:
        connection.execute(f"PRAGMA {pragma}")
        connection.execute("BEGIN IMMEDIATE" if changing else "BEGIN")
        yield connection
        if connection.in_transaction:
            connection.execute("COMMIT")
    finally:
        connection.close()
