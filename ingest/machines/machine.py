"""A machine: a process that claims items from the desk and examines them in worker processes of its own.

The process that speaks to the broker and the database opens no received file; its workers, the same as those of a night
on one machine (ingest/worker.py), have neither. A machine may die at any moment: its claims end, its views are swept.
"""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
import threading
import traceback
from collections.abc import Iterator, Sequence
from concurrent.futures import CancelledError
from contextlib import ExitStack, contextmanager, suppress
from datetime import date
from pathlib import Path
from typing import Any

import structlog
from sqlalchemy.exc import DBAPIError

from archive import __version__, clock
from archive import settings as settings_module
from archive.settings import Settings
from ingest import intake, worker
from ingest.item import Context, Examined
from ingest.machines import views
from ingest.machines.desk import Claim, Desk
from ingest.machines.fingerprint import fingerprint

ROOM_RUNNING = 8 << 20      # bytes free below which what stages find is not believed, here or on the shared disk
NO_ROOM_WAIT = 20.0         # seconds until an item is offered again that this machine cannot do now

log = structlog.get_logger()


class NotFitError(Exception):
    """This machine cannot do the work now; the reason is the machine's and not the item's."""


class Machine:
    """One machine with its pool; `claims` holds what it has in hand. Open with `with`."""

    def __init__(self, root: Path, queues: Sequence[str], processors: int = 0, name: str = "") -> None:
        self.root, self.queues = root, list(queues)
        self.settings = settings_module.load(root)
        self.name = name or f"{socket.gethostname()}-{os.getpid()}"
        self.processors = processors or self.settings.ingest.workers or os.cpu_count() or 1
        self.desk = Desk(self.settings)
        self.claims: dict[str, Any] = {}        # token → the future of its item, None where there is none
        self.stopping = threading.Event()       # no new work; what is in hand is finished
        self._ended = threading.Event()
        self._lock = threading.Lock()
        self._stack = ExitStack()
        self._pool: Any = None
        self._pool_for = ""
        self._file_changed = self._changed()

    def __enter__(self) -> Machine:
        self._sign()
        self._keeper = threading.Thread(target=self._keep, name="keeper", daemon=True)
        self._keeper.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopping.set()
        self._ended.set()
        self._keeper.join(timeout=5)
        with self._lock:
            if self._pool is not None:
                self._pool.stop()
            self._stack.close()
        with suppress(DBAPIError):
            self.desk.leave(self.name)
        self.desk.close()

    # --- one item -----------------------------------------------------------------------------------------

    def examine(self, work: str) -> str:
        """Claim a piece of work and do it; what came of it: done, gone, given back, or void (the claim was lost)."""
        settings = self._settings_now()
        claim = self.desk.claim(work, self.name, fingerprint(settings))
        if claim is None:
            return "gone"
        with self.holding(claim.token):
            return self._work_on(claim, settings)

    @contextmanager
    def holding(self, token: str) -> Iterator[None]:
        """The claim is renewed while the block runs."""
        with self._lock:
            self.claims[token] = None
        try:
            yield
        finally:
            with self._lock:
                self.claims.pop(token, None)

    def holds(self, token: str) -> bool:
        """Whether the claim still counts, as far as is known."""
        with self._lock:
            return token in self.claims

    def _work_on(self, claim: Claim, settings: Settings) -> str:
        try:
            told = self._examined(claim, settings)
        except NotFitError as reason:
            log.error("this machine takes no work", machine=self.name, reason=str(reason))
            views.drop(self.settings, claim.token)
            self.desk.give_back(claim, f"{self.name}: {reason}", counted=False, wait=NO_ROOM_WAIT)
            return "given back"
        except CancelledError:          # the claim was lost, or the pool was changed for other settings
            views.drop(self.settings, claim.token)
            self.desk.give_back(claim, f"{self.name}: broken off", counted=False)
            return "void"
        except Exception as error:      # ours, the disk's or the database's: the item is tried elsewhere
            log.exception("work failed", machine=self.name, work=claim.id)
            views.drop(self.settings, claim.token)
            with suppress(DBAPIError):  # else the claim ends by itself
                self.desk.give_back(claim, "".join(traceback.format_exception(error)), counted=True)
            return "given back"
        if not self.desk.finish(claim, told):
            views.drop(self.settings, claim.token)
            return "void"
        return "done"

    def _examined(self, claim: Claim, settings: Settings) -> dict[str, Any]:
        asked = claim.asked
        folder = self._here(asked["item"]["folder"])
        if not folder.is_dir():
            raise FileNotFoundError(folder)
        item = intake.from_dict({**asked["item"], "folder": str(views.make(settings, claim.token, folder))})
        context = Context(settings, date.fromisoformat(asked["night"]), clock.parse(asked["at"]))
        done, attempt = None, 0
        while done is None:
            attempt += 1
            future = worker.schedule(self._pool_of(settings), item, context, asked["only"],
                                     trust=str(self._here(asked["trust"])))
            with self._lock:
                if claim.token not in self.claims:
                    future.cancel()
                else:
                    self.claims[claim.token] = future
            done = worker.outcome(future, item, attempt, settings)
        for place in (settings.root, Path(tempfile.gettempdir())):
            if shutil.disk_usage(place).free < ROOM_RUNNING:    # a full disk makes good files look bad
                raise NotFitError(f"{place}: no room")
        return self._told(done, item.folder)

    def _told(self, done: Examined, place: Path) -> dict[str, Any]:
        item = intake.as_dict(done.item)
        item.pop("folder")
        return {"item": item, "findings": [one.as_dict() for one in done.findings], "cpu": done.cpu,
                "times": done.times, "error": done.error, "files": views.listed(place), "machine": self.name}

    def _here(self, path: str) -> Path:
        """A path that is told from the archive's folder, as it is on this machine. Raises NotFitError.

        The desk may name places inside the archive and the folder of trust lists, and nothing else.
        """
        place = self.settings.path(Path(path))
        trusted = self.settings.path(self.settings.signatures.trust)
        if place != trusted and (".." in place.parts or not place.is_relative_to(self.settings.root)):
            raise NotFitError(f"{path}: not in the archive")
        return place

    # --- settings and pool --------------------------------------------------------------------------------

    def _settings_now(self) -> Settings:
        """The settings, read again when their file has changed."""
        with self._lock:
            if (changed := self._changed()) != self._file_changed:
                self._file_changed, self.settings = changed, settings_module.load(self.root)
            return self.settings

    def _changed(self) -> int:
        try:
            return (self.root / settings_module.FILE_NAME).stat().st_mtime_ns
        except OSError:
            return 0

    def _pool_of(self, settings: Settings) -> Any:
        """The pool of warm worker processes; another one after the settings changed."""
        with self._lock:
            wanted = settings.model_dump_json()
            if self._pool is None or self._pool_for != wanted or not self._pool.active:
                if self._pool is not None:
                    self._pool.stop()
                    self._stack.close()
                self._pool = self._stack.enter_context(worker.open_pool(settings, self.processors))
                self._pool_for = wanted
            return self._pool

    # --- the keeper ---------------------------------------------------------------------------------------

    def _keep(self) -> None:
        """Renew the claims in hand while the process lives; stop work on what is not ours any more."""
        pause = min(self.desk.lease / 4, 10.0)
        while not self._ended.wait(pause):
            with self._lock:
                mine = dict(self.claims)
            try:
                self._sign()
                ours = self.desk.renew(list(mine))
            except DBAPIError as error:
                log.warning("the database does not answer", machine=self.name, error=type(error).__name__)
                continue
            for token in set(mine) - ours:
                with self._lock:
                    future = self.claims.pop(token, None)
                if future is not None:
                    log.warning("a claim was lost", machine=self.name)
                    future.cancel()

    def _sign(self) -> None:
        self.desk.sign_of_life(self.name, self.queues, self.processors, fingerprint(self.settings), __version__)
