"""Deliveries that were finished, and the one thread that receives them: outside every request, one after the other.

Who asks for it only writes a row; the thread takes the archive when it is free, so a night is waited for, and goes on
after a kill: receiving is done once, for the hand-over's state says whether it was.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import sqlite3
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from archive import clock
from archive.errors import ArchiveBusyError, LuuTruError, NoRoomError
from archive.files import fsync_folder
from archive.findings import Finding, Level, finding
from archive.opening import Archive
from ingest.transfer_tools import tools
from retention import objects as every_object
from retention.transfer import doing, objects, receiving, service
from web.exchange import once
from web.exchange.callers import Caller
from web.exchange.held import Held
from web.exchange.uploads import Uploads

if TYPE_CHECKING:
    from web.site import Site

_LOG = logging.getLogger("luutru.exchange")
TRIES, PAUSE, LOOK, SWEEP = 5, 5.0, 2.0, 600.0
"""How often our own failure is tried again, the first pause (seconds, doubled each time), how often it is looked for
deliveries that another process was asked for, and for what is to be given up, seconds."""


class _UnscannedError(LuuTruError):
    """No virus scanner could look at a package, and the settings ask for one."""


class _Arrived:
    """The whole uploads of a hand-over and the list, as what `receive` takes them from; given up once received."""

    gives_up = True

    def __init__(self, files: Mapping[str, Path]) -> None:
        self.files = files

    def arrived(self, request: str) -> Mapping[str, Path]:
        """As `Arrivals.arrived`."""
        return self.files


class Deliveries:
    """The finished deliveries of one archive's service."""

    def __init__(self, site: Site, held: Held, uploads: Uploads) -> None:
        self.site, self.held, self.uploads = site, held, uploads
        self._asked, self._stop = threading.Event(), threading.Event()
        self._thread: threading.Thread | None = None
        self._swept = 0.0

    # --- what requests ask ------------------------------------------------------------------------------

    def ask(self, transfer: objects.Transfer, manifest: Path, sha256: str, who: Caller) -> None:
        """Have a delivery received: its list lies at `manifest`; what was asked for and waits is not asked twice."""
        code = transfer.code
        kept = self._manifest(sha256)
        if not kept.exists():
            temporary = kept.with_name(f"{kept.name}.{os.getpid()}.{threading.get_ident()}.part")
            shutil.copyfile(manifest, temporary)
            with temporary.open("rb") as stream:
                os.fsync(stream.fileno())
            temporary.replace(kept)
            fsync_folder(self.held.folder)
        with self.held.database() as database:
            if not database.execute("SELECT 1 FROM delivery WHERE code = ? AND state = 'waiting'",
                                    (code,)).fetchone():
                database.execute("INSERT INTO delivery (code, manifest, client, asked_at, acts, state) VALUES "
                                 "(?, ?, ?, ?, ?, 'waiting')", (
                                     code, sha256, who.client.actor, clock.stamp(clock.now()), len(transfer.acts)))
        self._asked.set()

    def has(self, code: str, sha256: str) -> bool:
        """Whether the delivery with this list waits, or was received."""
        with self.held.database(changing=False) as database:
            return database.execute("SELECT 1 FROM delivery WHERE code = ? AND manifest = ? AND state IN ('waiting', "
                                    "'done')", (code, sha256)).fetchone() is not None

    def last(self, code: str) -> tuple[str, list[Finding]]:
        """How far the last delivery is (waiting, done, refused, failed; empty: none) and what was found."""
        with self.held.database(changing=False) as database:
            row = database.execute("SELECT state, findings FROM delivery WHERE code = ? ORDER BY n DESC LIMIT 1",
                                   (code,)).fetchone()
        return (row["state"], [Finding.from_dict(one) for one in json.loads(row["findings"])]) if row else ("", [])

    def waits(self, code: str) -> bool:
        """Whether a delivery of this hand-over is being received or waits for it."""
        return self.last(code)[0] == "waiting"

    # --- receiving --------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin to receive what was asked for."""
        self._thread = threading.Thread(target=self._run, name="luutru-exchange", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop; what is being received is received first."""
        self._stop.set()
        self._asked.set()
        if self._thread is not None:
            self._thread.join(60)

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self.work()
                if time.monotonic() - self._swept > SWEEP or not self._swept:
                    self.uploads.sweep()
                    self.held.sweep()
                    once.forget(self.held)
                    self._swept = time.monotonic()
            except Exception as error:
                _LOG.error("exchange", exc_info=error)
                self._stop.wait(PAUSE)
            self._asked.wait(LOOK)
            self._asked.clear()

    def work(self) -> int:
        """Receive every delivery that is due; how many were."""
        done = 0
        while not self._stop.is_set():
            with self.held.database(changing=False) as database:
                row = database.execute("SELECT * FROM delivery WHERE state = 'waiting' AND due <= ? ORDER BY n LIMIT 1",
                                       (time.time(),)).fetchone()
            if row is None:
                break
            n, code = row["n"], row["code"]
            try:
                with self.site.writing() as archive:
                    told = self._receive(archive, row) if self._still_waits(n) else None
                if told is not None:        # the archive is free again when the agency reads that it was received
                    self._done(n, *told)
                    if told[0] == "done":
                        self.uploads.forget(code)
                done += 1
            except (ArchiveBusyError, NoRoomError) as error:
                _LOG.warning("%s waits: %s", code, type(error).__name__)
                self._later(n, 4 * PAUSE)
            except Exception as error:
                tried = row["tried"] + 1
                _LOG.error("%s: receiving failed (%d)", code, tried, exc_info=error)
                if tried < TRIES:
                    self._later(n, PAUSE * 2.0 ** tried, tried=tried)
                else:
                    self._give_up(row)
        return done

    def _give_up(self, row: sqlite3.Row) -> None:
        """It is our fault and stays so: the agency is told, as far as that can be, and a person must look."""
        found = [finding("LGSP-014", row["code"], count=TRIES)]
        self._done(row["n"], "failed", found)
        with self.site.writing() as archive:
            service.refuse_delivery(archive, row["code"], row["manifest"], found, by=row["client"])

    def _receive(self, archive: Archive, row: sqlite3.Row) -> tuple[str, list[Finding]]:
        """Receive one delivery, the archive being ours: what came of it, and what was found."""
        code, manifest, client = row["code"], row["manifest"], row["client"]
        every_object.catch_up(archive)
        transfer = objects.open_transfer(archive, code, objects.ARCHIVE)
        who = doing.Who(client, clock.now())
        since = [act for act in transfer.acts[row["acts"]:] if act["act"] == "received"]
        if transfer.state not in ("agreed", "short") or any(act["manifest"] == manifest for act in since):
            return "done", []       # killed after it was received
        files = {**self.uploads.arrived(code), "manifest.json": self._manifest(manifest)}
        asked = self.held.settings.service.unscanned == "refused"
        try:
            told = receiving.receive(archive, code, _Arrived(files), receiving.Delivery(note="Nộp trực tuyến."),
                                     _strict(tools(archive.settings)) if asked else tools(archive.settings), who)
        except _UnscannedError as error:
            found = [finding("LGSP-013", str(error))]
        else:
            found = [one for one in told.findings if one.level >= Level.warning]
            if told.written:
                return "done", found
        service.refuse_delivery(archive, code, manifest, found, by=client)
        return "refused", found

    def _manifest(self, sha256: str) -> Path:
        return self.held.folder / f"{sha256}.manifest.json"

    def _still_waits(self, n: int) -> bool:
        with self.held.database(changing=False) as database:
            return database.execute("SELECT 1 FROM delivery WHERE n = ? AND state = 'waiting'",
                                    (n,)).fetchone() is not None

    def _done(self, n: int, state: str, found: list[Finding]) -> None:
        with self.held.database() as database:
            database.execute("UPDATE delivery SET state = ?, findings = ? WHERE n = ?", (
                state, json.dumps([one.as_dict() for one in found[:objects.MOST_TOLD]], ensure_ascii=False), n))

    def _later(self, n: int, pause: float, *, tried: int = 0) -> None:
        with self.held.database() as database:
            database.execute("UPDATE delivery SET due = ?, tried = max(tried, ?) WHERE n = ?", (
                time.time() + pause, tried, n))


def _strict(given: doing.Tools) -> doing.Tools:
    """The same tools, but a package that could not be scanned ends the receiving before anything is written."""
    def scan(path: Path, name: str) -> tuple[str, list[Finding]]:
        state, found = given.scan(path, name)
        if state not in ("clean", "infected"):
            raise _UnscannedError(name)
        return state, found

    return doing.Tools(seal=given.seal, look=given.look, scan=scan, judge=given.judge)
