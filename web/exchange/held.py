"""What the service keeps beside the archive: exchange.db (clients, tokens, uploads, deliveries) and its folder.

It holds no record: what an agency registered, sent and signed lies in the store when it was taken. Losing it loses
credentials and half-sent packages, which their senders have still.
"""

from __future__ import annotations

import os
import secrets
import shutil
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from archive.files import fsync_folder
from archive.settings import Settings
from web.rows import transaction

FILE, FOLDER, SPOOL = "exchange.db", "exchange", "spool"
_SCHEMA = """
CREATE TABLE IF NOT EXISTS client (
  id TEXT PRIMARY KEY, secret TEXT NOT NULL, agency TEXT NOT NULL, name TEXT NOT NULL, prefix TEXT NOT NULL,
  scopes TEXT NOT NULL, gateway TEXT NOT NULL DEFAULT '', made_at TEXT NOT NULL, made_by TEXT NOT NULL,
  until TEXT NOT NULL DEFAULT '', ended_at TEXT NOT NULL DEFAULT '', used REAL NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS token (
  id TEXT PRIMARY KEY, client TEXT NOT NULL REFERENCES client(id), scopes TEXT NOT NULL, until REAL NOT NULL);
CREATE TABLE IF NOT EXISTS once (
  client TEXT NOT NULL, key TEXT NOT NULL, fingerprint TEXT NOT NULL, status INTEGER NOT NULL, headers TEXT NOT NULL,
  body BLOB NOT NULL, at REAL NOT NULL, PRIMARY KEY (client, key));
CREATE TABLE IF NOT EXISTS upload (
  id TEXT PRIMARY KEY, agency TEXT NOT NULL, code TEXT NOT NULL, name TEXT NOT NULL, length INTEGER NOT NULL,
  sha256 TEXT NOT NULL, touched REAL NOT NULL, whole INTEGER NOT NULL DEFAULT 0);
CREATE INDEX IF NOT EXISTS upload_code ON upload (code, name);
CREATE TABLE IF NOT EXISTS delivery (
  n INTEGER PRIMARY KEY AUTOINCREMENT, code TEXT NOT NULL, manifest TEXT NOT NULL, client TEXT NOT NULL,
  asked_at TEXT NOT NULL, acts INTEGER NOT NULL, state TEXT NOT NULL, tried INTEGER NOT NULL DEFAULT 0,
  due REAL NOT NULL DEFAULT 0,
  findings TEXT NOT NULL DEFAULT '[]');
CREATE INDEX IF NOT EXISTS delivery_code ON delivery (code);
"""


class Held:
    """The service's own file and folder. Raises OSError where they cannot be made."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.place, self.folder = settings.root / FILE, settings.root / FOLDER
        if not self.place.exists():
            os.close(os.open(self.place, os.O_RDWR | os.O_CREAT, 0o600))
            fsync_folder(settings.root)
        self.place.chmod(0o600)
        self.folder.mkdir(mode=0o700, exist_ok=True)
        with closing(sqlite3.connect(self.place, timeout=10)) as made:
            made.execute("PRAGMA journal_mode=WAL")
            made.executescript(_SCHEMA)

    @contextmanager
    def database(self, *, changing: bool = True) -> Iterator[sqlite3.Connection]:
        """A connection in one transaction: committed at the end, rolled back by an exception."""
        with transaction(self.place, changing=changing, wait=30, pragma="synchronous=FULL") as connection:
            yield connection

    @contextmanager
    def spooling(self) -> Iterator[Path]:
        """A folder of its own for what one request brings; gone at the end, and some hours after a kill."""
        place = self.folder / SPOOL / secrets.token_hex(12)
        place.mkdir(parents=True, mode=0o700)
        try:
            yield place
        finally:
            shutil.rmtree(place, ignore_errors=True)

    def sweep(self) -> None:
        """Remove what requests of killed processes left behind; no request takes so long."""
        old = time.time() - 2 * 60 * self.settings.service.request_minutes - 3600
        for place in (self.folder / SPOOL).glob("*"):
            if place.stat().st_mtime < old:
                shutil.rmtree(place, ignore_errors=True)
