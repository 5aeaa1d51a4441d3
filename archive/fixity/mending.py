"""Mending: what is damaged in one place is moved aside and made again from a place where it is sound.

Nothing is destroyed: the damaged file lies on under `damage/<day>/`. Where nothing can tell what is true, nothing is
touched. Both facts go into the ledger, `damage_found` before anything is moved, `repaired` when it has been read back.
A kill in between leaves an open damage, which the next night takes up.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from archive import clock, inventory, verifying
from archive.catalogue import record
from archive.errors import IntegrityError
from archive.files import fsync_folder, write_atomically
from archive.findings import Finding, finding
from archive.fixity import places
from archive.fixity.damage import FOUND, REPAIRED, Looked, Ward, earlier_version, read
from archive.fixity.places import Place
from archive.inventory import INVENTORY, SIDECAR
from archive.ledger import ACTOR, Entry, event_key
from archive.opening import Archive
from archive.reading import copy_proved, digests
from archive.verifying import NAMASTE, NAMASTE_BYTES, Fault, Told

MOST = 100              # faults of one object that an event names


@dataclass(slots=True)
class Mended:
    """What came of mending: faults that are gone, with the place they were mended from, and those that are left."""

    done: list[tuple[Fault, str]] = field(default_factory=list)
    left: list[Fault] = field(default_factory=list)


Settled = tuple[Looked, Mended]
Mender = Callable[[Ward, Looked], tuple[list[tuple[Fault, str]], list[Fault]]]


def settle(ward: Ward, looked: Looked, *, repair: bool = True, mender: Mender | None = None) -> Mended:
    """Note the damage in the ledger and, if it is wished and possible, mend it and note that too."""
    if not looked.faults:
        _note_sound(ward, looked)
        return Mended()
    _note_found(ward, looked)
    if not repair:
        return Mended(left=looked.faults)
    try:
        done, left = (mender or _mend)(ward, looked)
    except OSError:         # a full or read-only disk: the damage stays open, and is tried again
        return Mended(left=looked.faults)
    if done:
        _note_repaired(ward, looked, done, left)
    return Mended(done, left)


def foreseen(ward: Ward, looked: Looked) -> Mended:
    """What `settle` would come to, without changing anything."""
    result = Mended()
    for fault in looked.faults:
        source = _source_of(ward, looked, fault)
        if source is None:
            result.left.append(fault)
        else:
            result.done.append((fault, source))
    return result


def _source_of(ward: Ward, looked: Looked, fault: Fault) -> str | None:
    """The place from which a fault can be mended, "" for what is only moved aside, None when it cannot be."""
    if fault.kind == "extra" or not looked.folder or (fault.kind == "unlisted" and looked.place.is_copy):
        return ""
    if looked.truth is None:
        return None
    expected = inventory.by_path(looked.truth.held.manifest)
    if fault.path not in expected:
        return next((place.key for place in ward.places if place != looked.place
                     and places.is_object(place.store.root / looked.folder)), looked.place.key)
    return next((place.key for place in ward.places if _holds(place, looked, fault.path, expected[fault.path])), None)


def _holds(place: Place, looked: Looked, path: str, sha512: str) -> bool:
    root = place.store.root / looked.folder
    try:
        return place != looked.place and _plain(root, path) and digests(root / path, "sha512")[0] == sha512
    except OSError:
        return False


def ward(archive: Archive, now: datetime, actor: str = ACTOR) -> Ward:
    """The places that are there now, and what is known of the copies."""
    known = {place.key: places.known(archive.settings, place).objects for place in places.copies(archive.settings)}
    return Ward(archive, now, places.ready(archive), known, actor)


def findings_of(archive: Archive, results: Iterable[Settled]) -> list[Finding]:
    """What a person is to know of mended and open damage; the sentences name the first of each sort."""
    sorts: dict[str, list[str]] = {"FIXITY-001": [], "FIXITY-008": [], "FIXITY-009": [], "FIXITY-010": []}
    for looked, mended in results:
        sorts["FIXITY-008"] += [fault.sentence(looked.name) for fault, _source in mended.done]
        waits = archive.settings.fixity.repair == "ask" and looked.truth is not None
        for fault in mended.left:
            code = "FIXITY-010" if fault.kind in ("disagrees", "ahead") else "FIXITY-009" if waits else "FIXITY-001"
            sorts[code].append(fault.sentence(looked.name))
    return [finding(code, "store", n=len(told), first=told[0]) for code, told in sorts.items() if told]


def _mend(ward: Ward, looked: Looked) -> tuple[list[tuple[Fault, str]], list[Fault]]:
    place, where = looked.place, looked.place.store.root / looked.folder
    if looked.faults[0].kind == "unlisted" and (place.is_copy or not places.declared(where)):
        set_aside(place, where, looked.folder, ward.now)
        return [(looked.faults[0], "")], []
    if not looked.folder:
        return _mend_root(ward, looked)
    if looked.truth is None:        # also what was destroyed by a decision: it is neither mended nor moved aside
        return [], looked.faults
    truth = looked.truth
    if any(fault.kind == "gone" for fault in looked.faults):
        if os.path.lexists(where):
            set_aside(place, where, looked.folder, ward.now)    # a file or a link in the folder's place
        where.mkdir(parents=True)
        faults, _size = read(where, truth)
    else:
        faults = [fault for fault in looked.faults if fault.path and fault.kind != "forged"]
    expected = inventory.by_path(truth.held.manifest)
    sources: dict[str, str] = {}
    for fault in faults:
        if fault.kind in ("extra", "kind"):
            set_aside(place, where / fault.path, f"{looked.folder}/{fault.path}", ward.now)
            sources.update({fault.path: ""} if fault.kind == "extra" else {})
    for fault in faults:
        if fault.path in expected and (source := _bring(ward, looked, fault.path, expected[fault.path])) is not None:
            sources[fault.path] = source.key
    left = [fault for fault in faults if fault.path in expected and fault.path not in sources]
    if not left or any(fault.kind not in ("gone", "missing") for fault in looked.faults):
        sources |= _mend_own(ward, looked, truth)
    left += verifying.own_faults(where, truth)
    still = {fault.path for fault in left}
    other = next(iter(sorted({one for one in sources.values() if one not in ("", place.key)})), place.key)
    return [(fault, sources.get(fault.path, other)) for fault in looked.faults
            if (fault.path not in still if fault.path and fault.kind != "forged" else not left)], left


def _mend_own(ward: Ward, looked: Looked, truth: Told) -> dict[str, str]:
    """Write declaration, inventories and sidecars anew where they are wrong: those of the object last."""
    place, where = looked.place, looked.place.store.root / looked.folder
    wrong = {fault.path for fault in verifying.own_faults(where, truth)}
    right: dict[str, bytes] = {}
    for version in range(1, truth.held.number + 1):
        one, beside = f"v{version}/{INVENTORY}", f"v{version}/{SIDECAR}"
        if not wrong & {one, beside}:
            continue
        told = truth if version == truth.held.number else earlier_version(ward, looked.folder, truth, version)
        if told is not None:
            right |= {one: told.data, beside: inventory.sidecar(told.data)}
        elif one not in wrong:
            right[beside] = inventory.sidecar((where / one).read_bytes())
    right |= {INVENTORY: truth.data, SIDECAR: inventory.sidecar(truth.data), NAMASTE: NAMASTE_BYTES}
    sources: dict[str, str] = {}
    for path in [path for path in right if path in wrong]:
        set_aside(place, where / path, f"{looked.folder}/{path}", ward.now)
        (where / path).parent.mkdir(parents=True, exist_ok=True)
        write_atomically(where / path, right[path])
        sources[path] = next((one.key for one in ward.places if one != place
                              and _bytes_at(one, looked.folder, path) == right[path]), place.key)
    return sources


def _bytes_at(place: Place, folder: str, path: str) -> bytes | None:
    where = place.store.root / folder / path
    try:
        return where.read_bytes() if _plain(place.store.root / folder, path) else None
    except OSError:
        return None


def _plain(root: Path, path: str) -> bool:
    """Whether `path` is a regular file that is reached without any link."""
    step = root
    for part in path.split("/"):
        if step.is_symlink():
            return False
        step = step / part
    return step.is_file() and not step.is_symlink()


def _bring(ward: Ward, looked: Looked, path: str, sha512: str) -> Place | None:
    """Put a sound file from another place in the damaged one's: copied beside, proved, then two renames.

    None when no place has it.
    """
    place, folder = looked.place, looked.folder
    for source in ward.places:
        root = source.store.root / folder
        if not _holds(source, looked, path, sha512):
            continue
        place.store.staging.mkdir(parents=True, exist_ok=True)
        new = place.store.staging / f"mend-{hashlib.sha256(f'{folder}/{path}'.encode()).hexdigest()[:32]}"
        new.unlink(missing_ok=True)
        try:
            copy_proved(root / path, new, sha512)
        except IntegrityError:
            continue
        target = place.store.root / folder / path
        set_aside(place, target, f"{folder}/{path}", ward.now)
        target.parent.mkdir(parents=True, exist_ok=True)
        new.replace(target)
        fsync_folder(target.parent)
        return source
    return None


def _mend_root(ward: Ward, looked: Looked) -> tuple[list[tuple[Fault, str]], list[Fault]]:
    """What lies about in a storage root is moved aside; its own few files are written anew."""
    place, root = looked.place, looked.place.store.root
    for fault in looked.faults:
        set_aside(place, root / fault.path, fault.path, ward.now)
        if fault.path in places.ROOT_FILES:
            (root / fault.path).parent.mkdir(parents=True, exist_ok=True)
            write_atomically(root / fault.path, places.root_files()[fault.path])
    return [(fault, "") for fault in looked.faults], []


def set_aside(place: Place, what: Path, name: str, now: datetime, *, stays: bool = False) -> None:
    """Keep `what` under `damage/<day>/<name>` of its place; nothing when nothing is there. Links are not followed.

    A file that `stays` where it is until another is renamed over it is copied.
    """
    if not os.path.lexists(what):
        return
    target = place.folder / "damage" / f"{clock.in_vietnam(now):%Y-%m-%d}" / name
    target.parent.mkdir(parents=True, exist_ok=True)
    free, number = target, 1
    while os.path.lexists(free):
        number += 1
        free = target.with_name(f"{target.name}.{number}")
    if stays and what.is_file():
        shutil.copy2(what, free, follow_symlinks=False)
        fsync_folder(free.parent)
        return
    try:
        what.rename(free)
    except OSError:
        shutil.move(what, free)     # another file system
    fsync_folder(what.parent)


# --- what the ledger is told ----------------------------------------------------------------------------------


def _note_found(ward: Ward, looked: Looked) -> None:
    faults = [fault.as_dict() for fault in looked.faults[:MOST]]
    known = ward.open.get((looked.place.key, looked.folder))
    if known is None or known["faults"] != faults:
        _record(ward, FOUND, looked, {"faults": faults, "number": len(looked.faults)})


def _note_sound(ward: Ward, looked: Looked) -> None:
    """An open damage of an object that is sound now was mended by somebody else: the ledger says so."""
    known = ward.open.get((looked.place.key, looked.folder))
    if known is not None:
        _note_repaired(ward, looked, [(Fault(one["kind"], one["path"], one["stated"], one["found"]), "")
                                      for one in known["faults"]], [])


def _note_repaired(ward: Ward, looked: Looked, done: Sequence[tuple[Fault, str]], left: Sequence[Fault]) -> None:
    _record(ward, REPAIRED, looked, {
        "faults": [{**fault.as_dict(), "from": source} for fault, source in done[:MOST]],
        "left": [fault.as_dict() for fault in left[:MOST]], "number": len(done)})


def _record(ward: Ward, kind: str, looked: Looked, more: dict[str, Any]) -> None:
    data = {"object": looked.truth.object_id if looked.truth else "", "folder": looked.folder, **more}
    n = ward.archive.ledger.seq     # the same damage may come back within one moment of a stopped clock
    with ward.archive.catalogue.session() as session:
        record(session, ward.archive.ledger, [Entry(kind, looked.place.key, data, event_key(
            kind, looked.place.key, looked.folder, clock.stamp(ward.now), str(n)), actor=ward.actor)])
    if kind == FOUND:
        ward.open[looked.place.key, looked.folder] = data
    elif more["left"]:
        ward.open[looked.place.key, looked.folder] = {**data, "faults": more["left"], "number": len(more["left"])}
    else:
        ward.open.pop((looked.place.key, looked.folder), None)
