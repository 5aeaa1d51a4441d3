"""Making and opening an archive: its folder, store, ledger, catalogue, and the lock of the one writer."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import func, select

from archive import acts, clock, layout
from archive import settings as settings_module
from archive.catalogue import WRITER, Catalogue, catch_up, compare, open_catalogue, record
from archive.errors import ArchiveBusyError, CatalogueLostError, NoArchiveError, UsageError
from archive.files import json_bytes, locked, write_atomically
from archive.i18n import _
from archive.ledger import Entry, Ledger, event_key
from archive.model import CaseFile, Document, Event, FilePlanEntry, Fonds, ScanJob
from archive.settings import Settings
from archive.settings_file import as_toml
from archive.store import NewFile, Store

README = Path(__file__).with_name("store-readme.txt")


@dataclass(slots=True)
class Archive:
    """An open archive: what the commands and the night work on."""

    settings: Settings
    store: Store
    ledger: Ledger
    catalogue: Catalogue

    def close(self) -> None:
        """Give back what is open."""
        self.catalogue.close()


def exists(settings: Settings) -> bool:
    """Whether there is an archive in the settings' folder."""
    return (layout.store_folder(settings) / "ocfl").is_dir()


def open_archive(settings: Settings, *, rebuilding: bool = False) -> Archive:
    """Open the archive for reading; who wants to write takes `ownership` as well.

    Raises NoArchiveError when there is none, IntegrityError when the ledger's end was changed, CatalogueLostError
    when the catalogue is empty and the store is not, CatalogueBehindError when it is of an older form that the steps
    of an upgrade cannot fill (both not when `rebuilding`, which is the cure), CatalogueFormError when it is newer.
    """
    if not exists(settings):
        raise NoArchiveError(str(settings.root))
    place = layout.store_folder(settings)
    archive = Archive(settings, Store.create(place / "ocfl", place / "staging"),
                      Ledger(layout.ledger_folder(settings)), open_catalogue(settings, rebuilding=rebuilding))
    if rebuilding:
        return archive
    with archive.catalogue.session() as session:
        if archive.ledger.seq and session.scalar(select(func.count()).select_from(Event)) == 0:
            raise CatalogueLostError(str(settings.root))
        compare(session, archive.ledger)
    return archive


def make_archive(root: Path, choices: Mapping[str, Any]) -> Archive:
    """Make an empty archive at `root` with `choices` as its settings file, and open its fonds.

    Raises UsageError when there is one already.
    """
    settings = settings_module.load(root, **choices)
    if exists(settings):
        raise UsageError(_("There is an archive at {place} already.").format(place=settings.root))
    for folder in (settings.root, layout.intake_folder(settings), layout.reports_folder(settings),
                   settings.path(settings.signatures.trust), *map(settings.path, settings.ingest.inbox)):
        folder.mkdir(parents=True, exist_ok=True)
    write_atomically(settings.root / settings_module.FILE_NAME, as_toml(settings).encode())
    write_atomically(layout.store_folder(settings) / "README.txt", README.read_bytes())
    place = layout.store_folder(settings)
    Store.create(place / "ocfl", place / "staging")
    archive = open_archive(settings)
    with ownership(archive):
        open_fonds(archive, settings.agency.code, settings.agency.name)
    return archive


def open_fonds(archive: Archive, code: str, name: str, valid_from: str = "") -> None:
    """Open the fonds (phông) of an agency: one fonds for each creating agency. The caller owns the archive."""
    described = {"schema": "luutru/fonds/1", "code": code, "name": name, "valid_from": valid_from, "valid_to": "",
                 "successor": ""}
    archive.store.put(layout.fonds_object(code), {layout.FONDS: NewFile(json_bytes(described))},
                      message="fonds opened", user="luutru", created=clock.now())
    with archive.catalogue.session() as session:
        record(session, archive.ledger, [Entry("fonds_opened", code, described, event_key("fonds_opened", code))])
        session.merge(Fonds(code=code, name=name, valid_from=valid_from, valid_to="", successor="", fields={}))


@contextmanager
def ownership(archive: Archive, *, rebuilding: bool = False, wait: float = 0.0) -> Iterator[None]:
    """Own the archive for writing: one writer at a time. A killed owner's lock is gone with it.

    What another process wrote between opening and owning is read first, so that no two writers ever continue the
    ledger from the same line; what people did at the portal meanwhile comes into the ledger (archive/acts.py).
    Another owner is waited for `wait` seconds. Raises ArchiveBusyError, naming the other process.
    """
    path = archive.settings.root / "luutru.lock"
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    with ExitStack() as stack:
        stack.callback(os.close, handle)
        if not locked(handle, wait):
            owner = os.pread(handle, 100, 0).decode(errors="replace").strip()
            raise ArchiveBusyError(owner or "?")
        # Not every file system that several machines share knows locks across them.
        still = stack.enter_context(archive.catalogue.held(WRITER, wait))
        if still is None:
            raise ArchiveBusyError(_("a process on another machine"))
        archive.ledger.still = still        # a server that was started anew has forgotten whose it was
        stack.callback(setattr, archive.ledger, "still", lambda: True)
        os.ftruncate(handle, 0)
        os.pwrite(handle, f"pid {os.getpid()}\n".encode(), 0)
        archive.ledger.take_over()
        if not rebuilding:
            with archive.catalogue.session() as session:
                catch_up(session, archive.ledger)
                half_done = session.scalar(select(CaseFile.code).where(
                    CaseFile.state.in_(("closing", "reopening", "revising"))).limit(1))
                unread = session.scalar(select(Document.code).where(Document.text_changes < 0).limit(1))
                unplaced = session.scalar(select(FilePlanEntry.year).where(FilePlanEntry.position == 0).limit(1))
                untold = session.scalar(select(ScanJob.id).where(ScanJob.state == "writing").limit(1))
            if half_done is not None:
                from archive import closing, revisions  # they build on this module; needed after a kill only

                revisions.finish(archive)
                closing.finish(archive)
            if untold is not None:
                from archive import scan_jobs

                scan_jobs.finish(archive)
            if unread is not None:
                from archive import texts  # a catalogue of before the review list: once an upgrade

                texts.renew(archive)
            if unplaced is not None:
                from archive import file_plan_import  # a catalogue of before the positions: once an upgrade

                file_plan_import.renew(archive)
            if acts.waits(archive.settings):
                acts.take_in(archive)
        yield
        os.ftruncate(handle, 0)     # a night that had nothing to do leaves every file as it was
