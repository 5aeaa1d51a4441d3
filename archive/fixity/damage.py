"""Judging damage: is an object in a place what it should be, and if not, what should it be.

An object is believed by its own inventory when nothing contradicts it: its folder, the ledger's digests, the nightly
seals, what is known of the copies. Otherwise all places are asked. Nothing is outvoted: where two hold different
objects that are each whole in themselves, ledger and seals decide; where they do not, nobody does. Changes nothing,
but that a put which a kill interrupted is finished.
"""

from __future__ import annotations

import hashlib
import os
from collections import deque
from collections.abc import Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from sqlalchemy import select
from sqlalchemy.orm import Session

from archive import destroyed, inventory, layout, verifying
from archive.fixity import places
from archive.fixity.places import Held, Place
from archive.fixity.witness import Witness
from archive.inventory import INVENTORY, SIDECAR
from archive.ledger import ACTOR
from archive.model import Batch, Event
from archive.opening import Archive
from archive.reading import read_small
from archive.store import folder_of as folder_of
from archive.verifying import Fault, Told, compare, own_inventory, proved, proved_bytes

ROOT = "ocfl"           # what the storage root itself is called, where the fault is in none of its objects
READERS = min(4, (os.cpu_count() or 1) * 2)     # objects read at the same time: a disk answers several at once
FOUND, REPAIRED = "damage_found", "repaired"
CHECKED, FAILED = "fixity_checked", "fixity_failed"


@dataclass
class Ward:
    """What one run needs to judge and mend: the places that can be read, what is known of copies, the witnesses."""

    archive: Archive
    now: datetime
    places: list[Place]
    known: dict[str, dict[str, Held]]       # copy → folder of an object → what it is known to hold
    actor: str = ACTOR
    witness: Witness = field(init=False)

    def __post_init__(self) -> None:
        self.witness = Witness(self.archive)
        for one in self.known.values():
            renew_notes(self.witness.rewriting, one)

    @cached_property
    def open(self) -> dict[tuple[str, str], dict[str, Any]]:
        """The damage that is not mended; kept up to date by what this run notes."""
        with self.archive.catalogue.session() as session:
            return open_damage(session)

    def prepare(self) -> None:
        """Read now what is otherwise read when it is first asked for."""
        self.witness.prepare()
        for name in ("recorded", "settled", "destroyed", "rewritten"):
            getattr(self, name)

    @cached_property
    def settled(self) -> bool:
        """Whether no night is under way: only then is an object that the ledger does not know a foreign one."""
        with self.archive.catalogue.session() as session:
            return session.scalar(select(Batch.id).where(Batch.finished_at == "").limit(1)) is None

    @cached_property
    def main(self) -> Place:
        """The store itself."""
        return self.places[0]

    def expected(self, place: Place) -> set[str]:
        """The folders of objects that should be in a place, by what is known without looking there."""
        return (set(self.known.get(place.key, {})) if place.is_copy else self.recorded.union(*self.known.values())
                ) - self.destroyed

    @cached_property
    def destroyed(self) -> set[str]:
        """The folders of the objects that are gone by a decision, here or in a copy.

        Of a destruction that is under way only what the store itself does not hold any more.
        """
        store = self.main.store
        found = {one: name for name in destroyed.objects(self.archive)
                 if not places.is_object(store.root / (one := store.folder(name).relative_to(store.root).as_posix()))}
        return set(found) | destroyed_folders(self.archive)

    @cached_property
    def rewritten(self) -> set[str]:
        """The folders of the objects that are losing a document to a destruction which is under way."""
        return {folder_of(name) for name in self.witness.rewriting.under_way}

    @cached_property
    def recorded(self) -> set[str]:
        """The folders of the objects that the ledger tells of."""
        store = self.main.store
        return {store.folder(object_id).relative_to(store.root).as_posix() for object_id in self.witness.objects}


@dataclass(frozen=True, slots=True)
class Looked:
    """An object in a place as it was read: its faults, the inventory that is true (None: nothing can tell)."""

    place: Place
    folder: str
    faults: list[Fault]
    truth: Told | None
    size: int = 0

    @property
    def name(self) -> str:
        """What the object is called, with the copy's name where it lies in one.

        Its folder bears its id, percent-encoded (OCFL extension 0003), also when nothing else is left of it.
        """
        name = self.truth.object_id if self.truth else unquote(self.folder.rpartition("/")[2]) or ROOT
        return f"{self.place.name}: {name}" if self.place.is_copy else name

    def sentences(self) -> list[str]:
        """The faults in words."""
        return [fault.sentence(self.name) for fault in self.faults]


def ward(archive: Archive, now: datetime, actor: str = ACTOR) -> Ward:
    """The places that are there now, and what is known of the copies."""
    known = {place.key: places.known(archive.settings, place).objects for place in places.copies(archive.settings)}
    return Ward(archive, now, places.ready(archive), known, actor)


def renew_notes(rewriting: destroyed.Rewriting, known: dict[str, Held]) -> None:
    """Let what is noted of a copy's objects follow those whose history was written anew without a document."""
    for name, versions in rewriting.done.items():
        held = known.get(folder_of(name))
        if held is not None and held[0] in versions:
            known[folder_of(name)] = (held[0], rewriting.now(name, held[0], held[1]))


def destroyed_folders(archive: Archive) -> set[str]:
    """The folders of the objects that the ledger says were destroyed."""
    with archive.catalogue.session() as session:
        return {folder_of(name) for data in session.scalars(select(Event.data).where(Event.kind == destroyed.DONE))
                for name in data["objects"]}


def open_damage(session: Session) -> dict[tuple[str, str], dict[str, Any]]:
    """The damage that is not mended: (place, folder of the object) → object and faults, as the ledger tells it."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for event in session.scalars(select(Event).where(
            Event.kind.in_((FOUND, REPAIRED, CHECKED, places.BEGUN, destroyed.DONE))).order_by(Event.seq)):
        if event.kind == destroyed.DONE:        # what was damaged of it is gone as well
            folders = {folder_of(name) for name in event.data["objects"]} if found else set()
            found = {key: one for key, one in found.items() if key[1] not in folders}
            continue
        if event.kind in (CHECKED, places.BEGUN):   # a check found these places whole; a copy was begun anew
            sound = event.data.get("places", [places.MAIN]) if event.kind == CHECKED else [event.subject]
            found = {key: one for key, one in found.items() if key[0] not in sound}
            continue
        key = event.subject, event.data["folder"]
        if event.kind == FOUND:
            found[key] = event.data
        elif not event.data["left"]:
            found.pop(key, None)
        else:
            found[key] = {**event.data, "faults": event.data["left"], "number": len(event.data["left"])}
    return found


def look(ward: Ward, place: Place, folder: str, *, both: bool = False) -> Looked:
    """Read the object in `folder` of a place whole. A put that a kill interrupted there is finished first."""
    where = place.store.root / folder
    if folder in ward.destroyed:
        return Looked(place, folder, [Fault("destroyed", "")] if os.path.lexists(where) else [], None)
    if not places.is_object(where):
        return Looked(place, folder, [Fault("gone", "")], _truth(ward, folder)[0])
    finish(where)
    own = own_inventory(where)
    if own is not None and folder in ward.rewritten:    # it has the old history or the new one: either is true now
        faults, size = read(where, own, both)
        return Looked(place, folder, faults, own, size)
    if _is_foreign(ward, place, folder, own):
        return Looked(place, folder, [Fault("unlisted", "")], None)
    doubt = _doubt(ward, place, folder, own)
    if doubt is None and own is not None:
        faults, size = read(where, own, both)
        return Looked(place, folder, faults, own, size)
    if doubt is not None and doubt.kind == "ahead":
        return Looked(place, folder, [doubt], None)
    truth, kind = _truth(ward, folder)
    if truth is None:
        assert doubt is not None
        return Looked(place, folder, [replace(doubt, kind=kind or doubt.kind)], None)
    faults, size = read(where, truth, both, strict=True)
    if doubt is not None and doubt.kind != "unknown" and faults:
        faults = [doubt, *faults]
    return Looked(place, folder, faults, truth, size)


def _is_foreign(ward: Ward, place: Place, folder: str, own: Told | None) -> bool:
    """Whether nothing knows of an object in this folder."""
    if folder in ward.recorded or not ward.settled or any(
            folder in one for key, one in ward.known.items() if key == place.key or not place.is_copy):
        return False
    if place.is_copy:
        return not places.is_object(ward.main.store.root / folder)
    return own is None or own.object_id.startswith(layout.casefile_object("")) or not own.object_id.startswith(
        layout.URN)


def look_in_order(ward: Ward, place: Place, folders: Iterable[str], *,
                  both: bool = False) -> Generator[Looked, None, None]:
    """As `look` at each of `folders`, in their order; a few are read at the same time. The caller may stop early."""
    waiting: deque[Future[Looked]] = deque()
    ward.prepare()      # before there are several readers
    with ThreadPoolExecutor(READERS) as pool:
        try:
            for folder in folders:
                waiting.append(pool.submit(look, ward, place, folder, both=both))
                if len(waiting) > 2 * READERS:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)


def read(where: Path, truth: Told, both: bool = False, *, strict: bool = False) -> tuple[list[Fault], int]:
    """As `compare`; a folder that cannot be listed is a fault, and no error."""
    try:
        return compare(where, truth, both=both, strict=strict)
    except OSError as error:
        return [Fault("changed", "", "", f"{type(error).__name__} {error.errno}")], 0


def finish(where: Path) -> None:
    """Finish a put (or a following) that was killed between its last renames; anything else is damage, left as it is.

    Only the two states that a kill can leave are taken for one: the new version is there, whole, and the object's
    inventory is still the earlier version's, or its sidecar is.
    """
    try:
        newest = inventory.newest(where)
        beside = read_small(where / SIDECAR)
        if newest < 2 or beside == read_small(where / f"v{newest}" / SIDECAR):
            return
        last, before = proved(where, f"v{newest}/"), proved(where, f"v{newest - 1}/")
        if last is None or before is None or last.held.number != newest or before.held.number != newest - 1:
            return
        if beside == inventory.sidecar(before.data) and read_small(where / INVENTORY) in (before.data, last.data):
            inventory.adopt(where, last.data, inventory.sidecar(last.data))
    except (OSError, IndexError):
        return


def _doubt(ward: Ward, place: Place, folder: str, own: Told | None) -> Fault | None:
    """Why the object is not to be believed by its own inventory; None when everything else agrees with it."""
    if own is None:
        return Fault("unknown", "")
    store = place.store
    where = store.root / folder
    if store.folder(own.object_id) != where:
        return Fault("misplaced", "", folder, own.object_id)
    number = own.held.number
    notes = [one[folder] for key, one in ward.known.items()
             if folder in one and (key == place.key or not place.is_copy)]
    least = max([0 if place.is_copy else ward.witness.version(own.object_id), *(version for version, _sha512 in notes)])
    if number < least:
        return Fault("rolled_back", "", f"v{least}", f"v{number}")
    if place.is_copy and number > max(least, ward.witness.version(own.object_id)):
        there = own_inventory(ward.main.store.root / folder)
        if there is not None and there.held.number < number:
            return Fault("ahead", "", f"v{there.held.number}", f"v{number}")
    if place.is_copy and not notes and (there := proved(ward.main.store.root / folder, f"v{number}/")) is not None:
        notes = [(number, there.sha512)]
    for version, digest in notes:
        data = own.data if version == number else proved_bytes(where, f"v{version}/")
        if data is not None and hashlib.sha512(data).hexdigest() != digest:
            return Fault("disagrees", "", digest, hashlib.sha512(data).hexdigest())
    return _forged(ward, where, own)


def _forged(ward: Ward, where: Path, own: Told) -> Fault | None:
    """What in an inventory contradicts the ledger or a seal."""
    held, witness = own.held, ward.witness
    if held.number >= witness.version(own.object_id):
        for path, sha256 in sorted(witness.files(own.object_id).items()):
            if sha256 not in held.fixity or (path not in held.paths and not path.startswith("metadata/")):
                return Fault("forged", path, sha256, _sha256_of(own, path))
            if not path.startswith("metadata/") and _sha256_of(own, path) != sha256:
                return Fault("forged", path, sha256, _sha256_of(own, path))
    for version in range(1, held.number + 1):
        data = own.data if version == held.number else proved_bytes(where, f"v{version}/")
        if data is None:
            continue        # compare() says so
        digest = hashlib.sha256(data).hexdigest()
        if witness.sealed(own.object_id, version, digest) is False:
            return Fault("forged", f"v{version}/{INVENTORY}", "", digest)
    return None


def _sha256_of(own: Told, path: str) -> str:
    """The SHA-256 of a logical path, by its inventory; "" when it has none."""
    lies = own.held.manifest.get(own.held.paths.get(path, ""), [""])[0]
    return own.held.sha256.get(lies, "")


def _truth(ward: Ward, folder: str) -> tuple[Told | None, str]:
    """The inventory by which an object is to be judged, from all places; else None and why ("" when there is none)."""
    found: list[tuple[Path, Told]] = []
    for place in ward.places:
        where = place.store.root / folder
        own = own_inventory(where) if places.is_object(where) else None
        if own is not None and place.store.folder(own.object_id) == where and _forged(ward, where, own) is None:
            found.append((where, own))
    if not found:
        return None, ""
    newest = max(own.held.number for _where, own in found)
    object_id = found[0][1].object_id
    if newest < ward.witness.version(object_id):
        return None, "rolled_back"
    if newest > ward.witness.version(object_id) and any(
            _has_newer(place.store.root / folder, newest) for place in ward.places):
        return None, ""
    tops = {own.sha512: (where, own) for where, own in found if own.held.number == newest}
    sealed = {digest for digest, (_where, own) in tops.items() if ward.witness.sealed(
        object_id, newest, hashlib.sha256(own.data).hexdigest())}
    if len(tops) > 1 and len(sealed) != 1:
        return None, "disagrees"
    where, truth = tops[next(iter(sealed or tops))]
    if sealed:
        return truth, ""
    # No seal yet: every older copy, and all that is known of copies, must be a beginning of it.
    older = [(own.held.number, own.sha512) for _where, own in found if own.held.number < newest]
    for version, digest in [*older, *(one[folder] for one in ward.known.values() if folder in one)]:
        if version > newest:
            return None, "rolled_back"
        earlier = truth if version == newest else earlier_version(ward, folder, truth, version, digest)
        if earlier is not None and earlier.sha512 != digest:
            return None, "disagrees"
    return truth, ""


def _has_newer(where: Path, number: int) -> bool:
    """Whether an object of which no inventory is whole has a version after `number`: an older copy is not its truth."""
    try:
        return places.is_object(where) and own_inventory(where) is None and inventory.newest(where) > number
    except (OSError, IndexError):
        return False


def earlier_version(ward: Ward, folder: str, truth: Told, version: int, digest: str = "") -> Told | None:
    """The inventory of an earlier version that fits the newest, from any place (the one with `digest`, if one has)."""
    fitting: list[Told] = []
    for place in ward.places:
        told = proved(place.store.root / folder, f"v{version}/")
        if told is not None and verifying.begins(told.data, truth, version) and ward.witness.sealed(
                truth.object_id, version, hashlib.sha256(told.data).hexdigest()) is not False:
            fitting.append(told)
    return next((told for told in fitting if told.sha512 == digest), fitting[0] if fitting else None)


def look_at_root(place: Place) -> tuple[list[str], Looked]:
    """The folders of the objects in a place, and what lies about in its storage root that should not."""
    root = place.store.root
    objects, strays = places.survey(root)
    faults = [Fault("extra", path) for path in strays]
    for path, data in places.root_files().items():
        if not (root / path).is_file() or (root / path).is_symlink():
            faults.append(Fault("missing", path))
        elif (root / path).read_bytes() != data:
            faults.append(Fault("changed", path, hashlib.sha512(data).hexdigest(),
                                hashlib.sha512((root / path).read_bytes()).hexdigest()))
    return objects, Looked(place, "", faults, None)
