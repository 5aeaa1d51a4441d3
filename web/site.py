"""The site: one archive as the portal's process holds it. Reading is shared; writing takes ownership for a moment."""

from __future__ import annotations

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
from web.limits import Limits
from web.oidc import SignOn
from web.people import Person
from web.sessions import Sessions
from web.tokens import Tokens

PATIENCE = 3.0
"""How long a page waits for another writer of a moment, seconds; a night is not waited for."""


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
        self.sign_on = SignOn(self.settings, self.accounts)
        self.report: tuple[object, Any] | None = None       # the last night's report and what it rests on
        self.openapi: Callable[[], dict[str, Any]] = dict   # what programs can ask for (web/api), once that is mounted
        self.walked: Any = None                             # the last walk over the ledger (web/ledger_view.py)
        self._index: Index | None = None
        self._opening = threading.Lock()

    @contextmanager
    def session(self) -> Iterator[Session]:
        """A short session on the catalogue, for reading."""
        with self.archive.catalogue.session() as session:
            yield session

    @contextmanager
    def index(self) -> Iterator[Index]:
        """The search index, for one search at a time: it follows rebuilds. Raises IndexOutdatedError."""
        with self._opening:
            if self._index is None:
                self._index = open_index(self.settings)
            yield self._index

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
        if self._index is not None:
            self._index.close()
        self.archive.close()
