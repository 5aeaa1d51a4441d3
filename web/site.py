"""The site: one archive as the portal's process holds it. Reading is shared; writing takes ownership for a moment."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from archive import acts, settings
from archive.opening import Archive, open_archive, ownership
from search.index import Index, open_index
from web import effective
from web.accounts import Accounts
from web.counting import Requests
from web.limits import Limits
from web.oidc import SignOn
from web.people import Person
from web.sessions import Sessions
from web.tokens import Tokens

PATIENCE = 3.0
"""How long a page waits for another writer of a moment, seconds; a night is not waited for."""

READERS = max(2, os.cpu_count() or 2)
"""Searches that run at once; the others wait for them."""


class Site:
    """One archive, its accounts and sessions. Raises NoArchiveError and its kind when there is no archive."""

    def __init__(self, root: Path) -> None:
        self.sources = effective.sources_of(root)
        self.settings = settings.load(root)
        self.archive: Archive = open_archive(self.settings)     # for reading
        self.accounts = Accounts(self.settings)
        self.sessions = Sessions(self.settings, self.accounts)
        self.tokens = Tokens(self.settings, self.accounts)
        self.limits = Limits(self.settings)
        self.requests = Requests()
        self.sign_on = SignOn(self.settings, self.accounts)
        self.report: tuple[object, Any] | None = None       # the last night's report and what it rests on
        self.openapi: Callable[[], dict[str, Any]] = dict   # what programs can ask for (web/api), once that is mounted
        self.walked: Any = None                             # the last walk over the ledger (web/ledger_view.py)
        self._free: list[Index] = []                        # indexes that are open and nobody is reading just now
        self._reading = threading.BoundedSemaphore(READERS)

    @contextmanager
    def session(self) -> Iterator[Session]:
        """A short session on the catalogue, for reading."""
        with self.archive.catalogue.session() as session:
            yield session

    @contextmanager
    def index(self) -> Iterator[Index]:
        """The search index, for one search of one thread: it follows rebuilds. Raises IndexOutdatedError.

        As many people search at once as there are processors for; more would only take them from one another.
        """
        with self._reading:
            try:
                index = self._free.pop()      # the last one that was given back is the warmest
            except IndexError:
                index = open_index(self.settings)
            try:
                yield index
            finally:
                self._free.append(index)

    @contextmanager
    def writing(self) -> Iterator[Archive]:
        """The archive, owned for writing, as briefly as can be. Raises ArchiveBusyError while a night runs."""
        archive = open_archive(self.settings)
        try:
            with ownership(archive, wait=PATIENCE):
                yield archive
        finally:
            archive.close()

    def note(self, kind: str, subject: str, who: Person, **data: Any) -> None:
        """Write down for the ledger what a person did that changes no record: never waits for a night."""
        acts.note(self.settings, kind, subject, {**data, **({"token": who.token} if who.token else {})},
                  actor=who.actor)

    def close(self) -> None:
        """Give back what is open."""
        while self._free:
            self._free.pop().close()
        self.archive.close()
