"""Losing: a copy that was out of reach while something was destroyed loses it as soon as it can be written again.

Disks may take turns at one place: what counts is which disk was there, not which place was named. A copy never brings
back what is gone (copies.py, mending.py leave it out), and each disk's loss is an event of its own.
"""

from __future__ import annotations

from sqlalchemy import select

from archive import destroyed, destroying_documents, purging
from archive.catalogue import record
from archive.destroyed import DONE, IN_COPY
from archive.destroying_leftovers import leftovers
from archive.fixity import places
from archive.fixity.places import Place
from archive.ledger import Entry, event_key
from archive.model import Event
from archive.opening import Archive


def lose(archive: Archive, place: Place) -> list[str]:
    """Destroy in a copy what was destroyed while its disk was away; the codes of case files that it still held.

    The caller owns the archive. Safe to say again after a kill. Raises OSError when the disk does not let go.
    """
    disk = places.begun_at(place)
    waiting: dict[str, dict[str, list[str]]] = {}       # destruction -> case file -> its objects
    with archive.catalogue.session() as session:
        noted = {data["destruction"] for data in session.scalars(select(Event.data).where(Event.kind == IN_COPY))
                 if data["disk"] == disk}
        for code, data in session.execute(select(Event.subject, Event.data).where(Event.kind == DONE)):
            if data["destruction"] not in noted and disk not in data["disks"]:
                waiting.setdefault(data["destruction"], {})[code] = data["objects"]
    found: list[str] = []
    for destruction, objects in sorted(waiting.items()):
        found += _lose(archive, place, destruction, objects, disk)
    return found


def _lose(archive: Archive, place: Place, destruction: str, objects: dict[str, list[str]], disk: str) -> list[str]:
    store, overwrite = place.store, archive.settings.destruction.overwrite
    held = {code: [store.folder(name) for name in names if store.folder(name).exists()]
            for code, names in objects.items()}
    lines = destroyed.lines(archive.store, destruction)
    about = leftovers(place, [lines[code] for code in objects if code in lines])
    purging.purge(place.folder / purging.FOLDER, [*about, *(one for some in held.values() for one in some)],
                  overwrite=overwrite)
    for folders in held.values():
        for folder in folders:
            purging.prune(folder.parent, store.root)
    codes = sorted(code for code, folders in held.items() if folders)
    for home, some in destroyed.groups(lines[code] for code in objects if code in lines).items():
        whole = [line for line in lines.values() if line.get("home") == home]
        if destroying_documents.destroy_in(archive, place, whole, overwrite=overwrite):
            codes += [line["code"] for line in some]
    with archive.catalogue.session() as session:
        record(session, archive.ledger, [Entry(IN_COPY, place.key, {
            "destruction": destruction, "disk": disk, "count": len(codes), "case_files": codes[:100]},
            event_key(IN_COPY, place.key, destruction, disk, str(archive.ledger.seq)))])
    return codes
