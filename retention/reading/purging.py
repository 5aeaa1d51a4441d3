"""What was made for readers goes when its days are over (TT 05/2025/TT-BNV Điều 37 khoản 5, Điều 40 khoản 6; AC-02).

The files go first, then the step is written: killed in between, the next owner finds nothing more to remove and writes
it. Also removed: what a killed command left of a copy that the request never told of, and copies of what was destroyed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import structlog
from sqlalchemy import select

from archive import clock, layout, purging
from archive.catalogue import SOME
from archive.model import CaseFile, Document, Reading, ReadingDocument
from archive.opening import Archive
from retention.reading import copies_kept, keeping
from retention.reading.keeping import Entries, Request

ACTOR = "luutru"


@dataclass(frozen=True, slots=True)
class Purged:
    """What of a request is over: its documents, and the files that were removed."""

    request: str
    documents: tuple[str, ...]
    files: tuple[str, ...]


def due(archive: Archive, today: str) -> list[str]:
    """The codes of the requests of which something is to be removed on the day `today` (YYYY-MM-DD)."""
    row = Reading
    with archive.catalogue.session() as session:
        return list(session.scalars(select(row.code).where(row.purge_after != "", row.purge_after < today)
                                    .order_by(row.code)))


def purge(archive: Archive, *, at: datetime, by: str = ACTOR, dry_run: bool = False) -> list[Purged]:
    """Remove what is over today; what was removed of which request. The caller owns the archive.

    A file goes when all documents that it shows are over. Raises OSError when one cannot be removed.
    """
    today = clock.in_vietnam(at).date().isoformat()
    done = []
    for code in due(archive, today):
        request = keeping.read(archive.store, code)
        over = [one for one in request.items if one["state"] == "granted" and one["purge_after"] < today]
        documents = tuple(one["document"] for one in over)
        files = tuple(_over(request, over))
        done.append(Purged(code, documents, files))
        if dry_run:
            continue
        place = copies_kept.folder(archive, code)
        copies_kept.take_away(archive, [place / name for name in files])
        new = request.moved({one["n"]: {"state": "purged"} for one in over})
        keeping.write(archive, new, "purged", {"documents": list(documents), "count": len(documents),
                                               "removed": list(files)}, by=by, at=at)
    return done


def catch_up(archive: Archive) -> None:
    """Tell what a kill left untold, remove what is over and what no request knows of. The caller owns the archive.

    Cheap when there is nothing.
    """
    keeping.finish(archive)
    place = layout.readings_folder(archive.settings)
    try:
        purge(archive, at=clock.now())
        if place.is_dir() and (files := list(_unknown(archive, place))):
            copies_kept.take_away(archive, files)
    except OSError as error:    # what is left is tried again by the next owner; luutru reading purge tells why
        structlog.get_logger().warning("reading_not_purged", place=str(place), reason=str(error))


def _over(request: Request, over: list[Entries]) -> Iterator[str]:
    """The names of the files none of whose documents is granted any longer."""
    going = {one["n"] for one in over}
    standing = {one["document"] for one in request.items if one["state"] == "granted" and one["n"] not in going}
    for made in request.copies():
        if standing.isdisjoint(made["documents"]):
            yield made["file"]


def _unknown(archive: Archive, place: Path) -> Iterator[Path]:
    """Files of which no request tells: half a copy of a killed command; and those of documents that are gone."""
    folders = {path.name: path for path in sorted(place.iterdir()) if path.is_dir() and path.name != purging.FOLDER}
    names = list(folders)
    row, of = Reading, ReadingDocument
    for start in range(0, len(names), SOME):
        some = names[start:start + SOME]
        with archive.catalogue.session() as session:
            acts = {one.code: one.record.get("acts", ()) for one in session.scalars(
                select(row).where(row.code.in_(some)))}
            there = {(one.reading, one.document) for one in session.execute(
                select(of.reading, of.document).join(Document, Document.code == of.document).join(
                    CaseFile, CaseFile.code == Document.case_file).where(
                    of.reading.in_(some), CaseFile.state != "destroying"))}
        for name in some:
            known = {made["file"] for made in keeping.copies_by(acts.get(name, ()))
                     if all((name, document) in there for document in made["documents"])}
            yield from (path for path in sorted(folders[name].iterdir()) if path.name not in known)
