"""Where copies for readers lie until they are removed: outside the store, since they can be made again at any time.

`<archive>/reading/<request>/`: one PDF a document, or packages. The ledger and the request's object keep their hashes.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from archive import layout, purging
from archive.catalogue import SOME
from archive.model import ReadingDocument
from archive.opening import Archive


def folder(archive: Archive, request: str) -> Path:
    """The folder of a request's copies; it need not be there."""
    return layout.readings_folder(archive.settings) / request


def take_away(archive: Archive, files: Iterable[Path]) -> int:
    """Remove copies so that no program reaches them any more, and folders that are left empty; how many there were.

    Durable when this returns. Raises OSError when one cannot be removed.
    """
    wanted = list(files)
    place = layout.readings_folder(archive.settings)
    if not place.is_dir():
        return 0
    count = purging.purge(place / purging.FOLDER, wanted, overwrite=archive.settings.destruction.overwrite)
    for one in sorted({path.parent for path in wanted}):
        if one.is_dir() and one != place and not any(one.iterdir()):
            one.rmdir()
    return count


def of_case_files(archive: Archive, session: Session, codes: Iterable[str]) -> list[Path]:
    """Every copy on the disk that shows something of these case files: for a destruction and its proof.

    A package that holds one of their documents counts as a whole.
    """
    wanted = sorted(set(codes))
    found: set[Path] = set()
    row = ReadingDocument
    for start in range(0, len(wanted), SOME):
        for request, document in session.execute(select(row.reading, row.document).where(
                row.case_file.in_(wanted[start:start + SOME])).distinct()):
            place = folder(archive, request)
            if place.is_dir():
                found.update(path for path in place.iterdir()
                             if path.name == f"{document}.pdf" or path.suffix == ".zip")
    return sorted(found)


def remove(archive: Archive, codes: Iterable[str]) -> int:
    """Remove every copy of these case files; how many there were. The caller owns the archive."""
    with archive.catalogue.session() as session:
        files = of_case_files(archive, session, codes)
    return take_away(archive, files)
