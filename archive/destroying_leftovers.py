"""What may lie about of a case file outside the objects of a store: intake, staging, and what was moved aside.

Looked for by name and by hash, once for all case files of a destruction.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from sqlalchemy import select

from archive import clock, layout
from archive.catalogue import SOME
from archive.destroyed import BESIDE, Line, groups, objects_of
from archive.document_paths import paths_of
from archive.fixity.places import Place
from archive.model import Item
from archive.opening import Archive
from archive.reading import entries
from archive.store import folder_of

AREAS = ("damage", "staging", "intake", "destroying")
_OBJECT = re.compile(r"[^/]+/([0-9a-f]{3}/[0-9a-f]{3}/[0-9a-f]{3}/[^/]+)(/.*)?")


def leftovers(place: Place, lines: Sequence[Line]) -> list[Path]:
    """The files and folders of one place, outside its objects, that hold bytes of what these lines tell of."""
    areas = [area for area in AREAS if (place.folder / area).is_dir() and any((place.folder / area).iterdir())]
    if not areas:
        return []
    names = [name for line in lines for name in objects_of(line)] if {"staging", "damage"} & set(areas) else []
    folders = set(map(folder_of, names))
    stages = {hashlib.sha256(one.encode()).hexdigest()[:32] for one in (*names, *folders)}
    items = {item for line in lines for item in line["items"]}
    digests = {digest for line in lines for digest in line["sha256"]}
    found: list[Path] = []
    for area, wanted in (("intake", items), ("staging", stages)):
        if area in areas:
            found += [one for one in sorted((place.folder / area).iterdir())
                      if one.name in wanted or one.name.removeprefix(".gone-") in items]
    if "damage" in areas:
        found += _moved_aside(place.folder / "damage", folders)
        found += _moved_aside_of_documents(place.folder / "damage", lines)
    taken = [f"{one}/" for one in map(str, found)]
    for area in ("damage", "staging", "destroying"):
        found += [one for one in _same_bytes(place.folder / area, digests, by_name=area == "damage")
                  if not str(one).startswith(tuple(taken))]
    return found


def reports(archive: Archive, lines: Sequence[Line]) -> list[Path]:
    """The morning reports of the nights that took these documents in, as they were written before the destruction."""
    moments = {line["at"]: clock.parse(line["at"]).timestamp() for line in lines if line["at"]}
    before = {item: moments[line["at"]] for line in lines if line["at"] for item in line["items"]}
    ids, batches = list(before), dict[str, float]()
    with archive.catalogue.session() as session:
        for start in range(0, len(ids), SOME):
            for row in session.execute(select(Item.id, Item.batch).where(Item.id.in_(ids[start:start + SOME]))):
                batches[row.batch] = max(before[row.id], batches.get(row.batch, 0))
    folder = layout.reports_folder(archive.settings)
    return [one for one in (sorted(folder.iterdir()) if folder.is_dir() and batches else ())
            if one.stat().st_mtime <= batches.get(one.stem, 0) or any(
                one.name.startswith(f"{batch}-") and one.stat().st_mtime <= at for batch, at in batches.items())]


def _moved_aside(damage: Path, folders: set[str]) -> Iterator[Path]:
    """What was moved aside of these objects: the whole object (also as `….2`) or files of it."""
    if not damage.is_dir():
        return
    for day in sorted(damage.iterdir()):
        for folder in folders:
            parent = (day / folder).parent
            if parent.is_dir():
                name = folder.rpartition("/")[2]
                yield from (one for one in sorted(parent.iterdir())
                            if one.name == name or re.fullmatch(re.escape(name) + r"\.\d+", one.name))


def _moved_aside_of_documents(damage: Path, lines: Sequence[Line]) -> Iterator[Path]:
    """The files of single documents in what was moved aside of the objects of their case files."""
    for home, some in groups(lines).items():
        own = paths_of([line["code"] for line in some])
        for folder in _moved_aside(damage, {folder_of(kind(home)) for kind in BESIDE}):
            yield from (one for one in sorted(folder.rglob("*")) if not one.is_dir()
                        and own(one.as_posix().rpartition("/content/")[2]))


def _same_bytes(area: Path, digests: set[str], *, by_name: bool) -> Iterator[Path]:
    """Files of an area with one of these SHA-256. What was moved aside of another object is that object's.

    `by_name`: the paths of the area tell of which object a file is.
    """
    if not digests or not area.is_dir():
        return
    for path, kind in sorted(entries(area).items()):
        if kind == "file" and not (by_name and _OBJECT.fullmatch(path)):
            with (area / path).open("rb") as stream:
                if hashlib.file_digest(stream, "sha256").hexdigest() in digests:
                    yield area / path
