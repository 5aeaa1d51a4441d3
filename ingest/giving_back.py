"""Giving back: the received bytes of an item that was kept out after its file had left the inbox.

A file with a secrecy mark stays in the inbox for the people in charge (docs/decisions/0002). One that waited in
quarantine lies there no more when the mark is found, nor does the package or scan that it came in; its bytes are put
back, whole and under their name, before the intake area loses them. Must never write over a file.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from archive import model
from archive.catalogue import record
from archive.files import fsync_folder
from archive.findings import Finding, finding
from archive.ledger import Entry, event_key
from archive.opening import Archive
from ingest import intake
from ingest.copying import SourceError, copy_hashed, hash_file
from ingest.sources.inbox import RECEIVED, Waiting
from ingest.sources.packages import SOURCE

# Where the bytes lie when their own place is taken: a name by which the next night keeps them out again.
SHELTER = "Mật"
_PART = ".luutru-tra-lai.tmp"       # an ending that the inbox passes over (sources/inbox.toml)


def give_back(archive: Archive, rows: Sequence[model.Item],
              waiting: Sequence[tuple[str, Waiting]]) -> list[Finding]:
    """Put back what `rows`, items that were kept out, came in, unless it lies in the inbox; safe to say again.

    Returns a finding for each that was put back. Raises OSError when there is no place for it: then the bytes stay
    where they are, and the night is not over.
    """
    lying = {(source, one.name): one for source, one in waiting}
    said: list[Finding] = []
    for row in rows:
        with archive.catalogue.session() as session:
            whole = _whole(session, row)
            beside = _beside(session, whole.id) if whole is not None else {}
        if whole is None:
            continue
        said += _give_back(archive, whole, beside, lying)
    return said


def _whole(session: Session, row: model.Item) -> model.Item | None:
    """What the item came in as a file: itself, or its package or scan."""
    if row.source != SOURCE:
        return row
    told = session.scalar(select(model.Event.data).where(
        model.Event.kind == "received", model.Event.subject == row.id))
    return session.get(model.Item, told["package"]) if told and told.get("package") else None


def _beside(session: Session, item: str) -> dict[str, dict[str, Any]]:
    """What came with an item in files of their own, by its place in the item's folder."""
    told = session.scalar(select(model.Event.data).where(
        model.Event.kind == "received", model.Event.subject == item)) or {}
    return {one["path"]: one for one in told.get("beside", ())}


def _give_back(archive: Archive, whole: model.Item, beside: dict[str, dict[str, Any]],
               lying: dict[tuple[str, str], Waiting]) -> Iterator[Finding]:
    folder = intake.folder(archive.settings, whole.id)
    received = sorted(path for path in (folder / RECEIVED).rglob("*") if path.is_file())
    there = lying.get((whole.source, whole.name))
    if not received or (there is not None and _is(there.path, {whole.sha256})):
        return      # it never left the inbox, or lies there again
    home = _inbox(archive, whole.source)
    # A scan that came page by page bears the name of the PDF that it becomes (sources/scan_pages.py).
    by_page = any(path.parent.name == RECEIVED and path.suffix.lower() != Path(whole.name).suffix.lower()
                  for path in received)
    for path in received:
        known = beside.get(path.relative_to(folder).as_posix())
        main = path.parent.name == RECEIVED
        own = known["name"] if known else path.name
        if by_page:
            name = f"{Path(whole.name).with_suffix('')}/{own}"
        else:
            name = whole.name if main else str(Path(whole.name).with_name(own))
        sha256 = whole.sha256 if main else hash_file(path).sha256
        place = _put(path, [home / name, home / SHELTER / Path(name).name,
                            _inbox(archive, "inbox") / SHELTER / whole.id / Path(name).name], {sha256})
        shown = place.relative_to(home).as_posix() if home in place.parents else str(place)
        with archive.catalogue.session() as session:
            record(session, archive.ledger, [Entry("given_back", whole.id, {
                "name": name, "place": shown, "sha256": sha256}, event_key("given_back", whole.id, name))])
        yield finding("NIGHT-006", name, place=shown)


def _put(source: Path, places: Sequence[Path], digests: Collection[str]) -> Path:
    """Copy `source` to the first of `places` where nothing else lies; where it is now. Raises OSError."""
    trouble: OSError = FileExistsError(str(places[-1]))
    for place in places:
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            if os.path.lexists(place):
                if _is(place, digests):
                    return place
                continue
            part = place.with_name(place.name[:80] + _PART)
            part.unlink(missing_ok=True)
            copy_hashed(source, part)
            _name(part, place)
            fsync_folder(place.parent)
        except OSError as error:
            trouble = error
            continue
        return place
    raise trouble


def _name(part: Path, place: Path) -> None:
    """Give a written file its name, which no other file may bear."""
    try:
        os.link(part, place)            # fails where a file came meanwhile; a rename would replace it
    except FileExistsError:
        raise
    except OSError:                     # a share without hard links
        if os.path.lexists(place):
            raise
        part.rename(place)
    else:
        part.unlink()


def _is(path: Path, digests: Collection[str]) -> bool:
    try:
        return hash_file(path).sha256 in digests
    except SourceError:
        return False


def _inbox(archive: Archive, source: str) -> Path:
    """The folder of a source, as collect names them."""
    places = [archive.settings.path(place) for place in archive.settings.ingest.inbox]
    number = int(source.removeprefix("inbox") or "1")
    return places[number - 1] if number <= len(places) else places[0]
