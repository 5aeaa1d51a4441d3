"""Copies: whole archives on other disks, brought up to date at the end of each night.

A new version is made in the copy's staging folder from what the store's inventory promises, flushed, read back from
the copy's disk, and renamed into its place; its inventory becomes the object's last of all. So a kill leaves the copy
with the old version or the new one, and the next night goes on. What is damaged in the store never reaches a copy;
what is not in the store any more goes from a copy only where a decision destroyed it (losing.py). What a copy is known
to hold is not read: the audit does that.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import shutil
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import orjson
import structlog
from sqlalchemy import select

from archive import clock, inventory, layout, purging
from archive.catalogue import record
from archive.errors import IntegrityError, UsageError
from archive.files import flush_everything, fsync_folder, json_bytes, write_atomically
from archive.findings import Finding, finding
from archive.fixity import damage, mending, places
from archive.fixity.damage import Ward
from archive.fixity.leaving import package_has_left
from archive.fixity.ledger_copies import follow_ledger, look_at_ledger, mend_ledger
from archive.fixity.losing import lose
from archive.fixity.places import BEGUN, MARKER, Held, Known, Place, Seen
from archive.i18n import _
from archive.inventory import INVENTORY, SIDECAR
from archive.ledger import Entry, event_key
from archive.model import Item
from archive.opening import Archive
from archive.reading import copy_hashed, digests, entries
from archive.settings import FILE_NAME
from archive.store import OCFL_OBJECT, Store
from archive.verifying import Told, own_inventory, proved

GONE = ("stored", "duplicate", "kept_out", "list", "destroyed")     # items whose bytes have left the intake area
SECRETS = (".p12", ".pfx", ".key", ".pin")
MANY = 32               # files from which one flush of them all comes before that of each
SEEN = {"absent": "FIXITY-002", "foreign": "FIXITY-003", "other": "FIXITY-003", "unreadable": "FIXITY-004",
        "ahead": "FIXITY-006", "overlaps": "FIXITY-013"}
UNFIT = (errno.EINVAL, errno.ENAMETOOLONG, errno.EILSEQ, errno.EFBIG, errno.EEXIST)     # one file, not the whole disk

Progress = Callable[[str, int, int], None]
log = structlog.get_logger()


def follow(archive: Archive, now: datetime, progress: Progress = lambda *_: None) -> list[Finding]:
    """Bring every copy up to date; what stands in the way of one is a finding, and the others go on.

    The caller owns the archive.
    """
    findings: list[Finding] = []
    for place in places.copies(archive.settings):
        known = places.known(archive.settings, place)
        before = dict(known.objects) or None
        seen = places.look(archive, place)
        found = [finding("FIXITY-005", place.name)] if seen.same_disk else []
        try:
            if seen.state in ("ready", "new"):
                found += _follow(archive, seen, known, now, progress)
            else:
                found.append(_trouble(SEEN[seen.state], place, known, now, seen.reason))
        except OSError as error:        # read-only, full, gone in the middle: the next night goes on from here
            found.append(_trouble("FIXITY-004", place, known, now, error.strerror or str(error)))
        except Exception as error:
            log.exception("following failed", place=place.name)
            found.append(finding("FIXITY-011", place.name, error=str(error)))
        known.findings = [one.as_dict() for one in found]
        places.note(archive.settings, place, known, before)
        findings += [one for one in found if one not in findings]
    return findings


def begin(archive: Archive, name: str, now: datetime) -> None:
    """Make the (empty) folder at the place `name` a copy of this archive; the next following fills it.

    For a new disk in the place of an old one, where the night takes an empty folder for a disk that is not mounted.
    Raises UsageError for a place that the settings do not name or that is not an empty folder.
    """
    place = next((one for one in places.copies(archive.settings) if one.name == name), None)
    if place is None:
        raise UsageError(_("{place} is not among copies.places").format(place=name))
    seen = places.look(archive, place)
    root = place.folder.parent
    if seen.state == "ready":
        return
    if seen.state not in ("new", "absent") or not root.is_dir():
        raise UsageError(_("{place} is not an empty folder").format(place=root))
    _begin(archive, place, now)


def _trouble(code: str, place: Place, known: Known, now: datetime, reason: str) -> Finding:
    days = places.lag(known, now)
    since = f"{clock.in_vietnam(clock.parse(known.followed_at)):%d/%m/%Y}" if known.followed_at else "—"
    return finding(code, place.name, reason=reason, days="—" if days is None else days, since=since)


def _begin(archive: Archive, place: Place, now: datetime) -> None:
    places.note(archive.settings, place, Known(), None)     # what an earlier copy here held says nothing of this one
    write_atomically(place.folder.parent / MARKER, json_bytes({
        "schema": "luutru/copy/1", "archive": places.identity(archive), "begun_at": clock.stamp(now),
        "agency": f"{archive.settings.agency.name} ({archive.settings.agency.code})"}))


def _follow(archive: Archive, seen: Seen, known: Known, now: datetime, progress: Progress) -> list[Finding]:
    place = seen.place
    if seen.state == "new":
        known.objects = {}
        _begin(archive, place, now)
    _tell_begun(archive, place)
    # What a killed following left, or a killed destruction: then it holds what must go for good.
    purging.purge(place.folder / purging.FOLDER, [place.store.staging] if place.store.staging.is_dir() else [],
                  overwrite=archive.settings.destruction.overwrite)
    Store.create(place.store.root, place.store.staging)
    ward = mending.ward(archive, now)
    ward.known[place.key] = known.objects
    unfit: list[OSError] = []
    lost = _follow_intake(archive, place, now, unfit)
    came_back = lose(archive, place)
    damage.renew_notes(ward.witness.rewriting, known.objects)
    results = _follow_objects(ward, place, known, progress, unfit)
    held_up = [one for _looked, mended in results for one in mended.left]
    try:
        follow_ledger(archive, place)
    except IntegrityError:
        looked = look_at_ledger(ward, place)
        mended = mending.settle(ward, looked, repair=archive.settings.fixity.repair == "auto", mender=mend_ledger)
        results.append((looked, mended))
        held_up += mended.left
        if not mended.left:
            follow_ledger(archive, place)
    _follow_small(archive, place, now)
    if not held_up and not lost and not unfit:
        _leave_intake(archive, place)       # not sooner: what waited may be the last sound bytes of what was stored
        known.followed_at, known.events = clock.stamp(now), archive.ledger.seq
    found = mending.findings_of(archive, results)
    if came_back:
        found.append(finding("DESTROY-030", place.name, n=len(came_back), first=came_back[0]))
    if unfit:
        found.append(finding("FIXITY-012", place.name, n=len(unfit), first=Path(str(unfit[0].filename)).name,
                             reason=unfit[0].strerror or str(unfit[0])))
    return [*found, *(finding("FIXITY-007", place.name, what=one) for one in lost)]


def _tell_begun(archive: Archive, place: Place) -> None:
    at = str(orjson.loads((place.folder.parent / MARKER).read_bytes())["begun_at"])
    with archive.catalogue.session() as session:
        record(session, archive.ledger, [Entry(BEGUN, place.key, {"begun_at": at}, event_key(BEGUN, place.key, at))])


# --- objects --------------------------------------------------------------------------------------------------


def _follow_objects(ward: Ward, place: Place, known: Known, progress: Progress,
                    unfit: list[OSError]) -> list[mending.Settled]:
    """Bring every object up to date; what does not fit is judged, and mended where that may be.

    An object of which the disk cannot hold a file is added to `unfit`, and the others go on.
    """
    store = ward.main.store
    folders, _strays = places.survey(store.root)
    todo = [folder for folder in folders if not _is_known(store.root / folder, known.objects.get(folder))]
    for folder in ward.destroyed & known.objects.keys():        # the copy lost it, or does before this
        del known.objects[folder]
    todo = [folder for folder in todo if folder not in ward.destroyed]
    todo += sorted(set(known.objects) - set(folders))
    results: list[mending.Settled] = []
    repair = ward.archive.settings.fixity.repair == "auto"
    for n, folder in enumerate(todo, 1):
        progress("copy", n, len(todo))
        try:
            held = _bring(ward, place, folder, known.objects.get(folder))
        except OSError as error:
            if error.errno not in UNFIT:
                raise
            unfit.append(error)
            continue
        if held is None:
            for one in (ward.main, place):
                looked = damage.look(ward, one, folder)
                if looked.faults:
                    results.append((looked, mending.settle(ward, looked, repair=repair)))
            held = _bring(ward, place, folder, known.objects.get(folder))
        if held is not None:
            known.objects[folder] = held
    return results


def _is_known(folder: Path, held: Held | None) -> bool:
    """Whether the store's object is the one that the copy is known to hold: by its sidecar alone."""
    try:
        return held is not None and (folder / SIDECAR).read_bytes().startswith(held[1].encode())
    except OSError:
        return False


def _bring(ward: Ward, place: Place, folder: str, held: Held | None) -> Held | None:
    """Copy the versions that the copy lacks; what it holds then. None when something does not fit, to be judged."""
    source, target = ward.main.store.root / folder, place.store.root / folder
    truth = own_inventory(source) if places.is_object(source) else None
    if truth is None or truth.where != INVENTORY or ward.main.store.folder(truth.object_id) != source:
        return None
    number = 0
    if os.path.lexists(target):
        damage.finish(target)
        there = own_inventory(target)
        if there is None or there.where != INVENTORY or there.object_id != truth.object_id:
            return None
        number = there.held.number
        earlier = truth if number == truth.held.number else proved(source, f"v{number}/")
        if number > truth.held.number or earlier is None or earlier.sha512 != there.sha512:
            return None
    if held is not None and number < held[0]:
        return None             # the copy had more: lost there, not new here
    try:
        if number == 0:
            _copy_versions(ward, place, folder, truth, range(1, truth.held.number + 1), whole=True)
        for version in range(number + 1, truth.held.number + 1) if number else ():
            _copy_versions(ward, place, folder, truth, range(version, version + 1), whole=False)
    except IntegrityError:
        return None
    return truth.held.number, truth.sha512


def _copy_versions(ward: Ward, place: Place, folder: str, truth: Told, versions: range, *, whole: bool) -> None:
    """Copy versions beside, prove them, put them in their place. Raises IntegrityError: the source is damaged."""
    source, target = ward.main.store.root / folder, place.store.root / folder
    stage = place.store.staging / hashlib.sha256(folder.encode()).hexdigest()[:32]
    shutil.rmtree(stage, ignore_errors=True)
    stage.mkdir(parents=True)
    try:
        copied: list[tuple[Path, str]] = []
        for path, sha512 in inventory.by_path(truth.held.manifest).items():
            if int(path.split("/", 1)[0][1:]) in versions:
                (stage / path).parent.mkdir(parents=True, exist_ok=True)
                if (source / path).is_symlink() or copy_hashed(source / path, stage / path) != sha512:
                    raise IntegrityError(f"{folder}/{path}")
                copied.append((stage / path, sha512))
        told = truth
        for version in versions:
            one = truth if version == truth.held.number else proved(source, f"v{version}/")
            if one is None:
                raise IntegrityError(f"{folder}/v{version}")
            told = one
            (stage / f"v{version}").mkdir(exist_ok=True)
            _write_inventory(stage / f"v{version}", told.data)
        if whole:
            (stage / f"0={OCFL_OBJECT}").write_text(f"{OCFL_OBJECT}\n")
            _write_inventory(stage, truth.data)
        _prove(stage, copied)
        if whole:
            target.parent.mkdir(parents=True, exist_ok=True)
            stage.rename(target)
            for parent in list(target.parents)[:4]:
                fsync_folder(parent)
        else:
            (stage / f"v{versions[0]}").rename(target / f"v{versions[0]}")
            fsync_folder(target)
            inventory.adopt(target, told.data, inventory.sidecar(told.data))
    except FileNotFoundError as error:
        raise IntegrityError(str(error)) from error         # of the source: what the inventory promises is not there
    finally:
        shutil.rmtree(stage, ignore_errors=True)


def _write_inventory(folder: Path, data: bytes) -> None:
    (folder / INVENTORY).write_bytes(data)
    (folder / SIDECAR).write_bytes(inventory.sidecar(data))


def _prove(stage: Path, copied: list[tuple[Path, str]]) -> None:
    """Flush everything that was written and read it back from the disk. Raises IntegrityError."""
    if len(copied) >= MANY:
        flush_everything(stage)
    for path, kind in entries(stage).items():
        if kind in ("file", "folder"):
            handle = os.open(stage / path, os.O_RDONLY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)
    for place, sha512 in copied:
        if digests(place, "sha512")[0] != sha512:
            raise IntegrityError(f"{place}: what was read back is not what was written")


# --- what else a rebuild needs --------------------------------------------------------------------------------


def _follow_intake(archive: Archive, place: Place, now: datetime, unfit: list[OSError]) -> list[str]:
    """Copy what waits in the intake area; the names whose received bytes are not those that the ledger knows.

    A file that the disk cannot hold is added to `unfit`.
    """
    own, other = layout.intake_folder(archive.settings), place.folder / "intake"
    lost: list[str] = []
    other.mkdir(exist_ok=True)
    with archive.catalogue.session() as session:
        rows = session.execute(select(Item.id, Item.name, Item.sha512).where(Item.state.not_in(GONE)))
        stated = {row.id: (row.name, row.sha512) for row in rows}
    for item in sorted(path.name for path in own.iterdir() if path.name in stated):
        for path, kind in sorted(entries(own / item).items()):
            source, target = own / item / path, other / item / path
            if kind != "file" or path.rpartition("/")[2].startswith("."):
                continue
            if _same(source, target):
                continue
            one = path.startswith("received/") and sum(
                1 for file in (own / item / "received").iterdir() if not file.name.startswith(".")) == 1
            try:
                if not _follow_file(place, source, f"{item}/{path}", stated[item][1] if one else "", now):
                    lost.append(stated[item][0])
            except OSError as error:
                if error.errno not in UNFIT:
                    raise
                unfit.append(error)
    return lost


def _follow_file(place: Place, source: Path, path: str, stated: str, now: datetime) -> bool:
    """Copy one file that waits; False, and nothing is changed, when it does not have the SHA-512 that is `stated`."""
    target = place.folder / "intake" / path
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}.part")
    temporary.unlink(missing_ok=True)
    sha512 = copy_hashed(source, temporary)
    if stated and sha512 != stated:
        temporary.unlink()
        return False
    with temporary.open("rb") as stream:
        os.fsync(stream.fileno())
    if digests(temporary, "sha512")[0] != sha512:
        raise OSError(errno.EIO, _("what was read back is not what was written"), str(target))
    shutil.copystat(source, temporary)
    if "/received/" in path and target.is_file() and digests(target, "sha512")[0] != sha512:
        mending.set_aside(place, target, f"intake/{path}", now)     # which of the two was spoilt nothing here can tell
    temporary.replace(target)
    fsync_folder(target.parent)
    return True


def _same(source: Path, target: Path) -> bool:
    if target.is_symlink() or not target.is_file():
        return False
    one, other = source.stat(), target.stat()
    return one.st_size == other.st_size and int(one.st_mtime) == int(other.st_mtime)


def _leave_intake(archive: Archive, place: Place) -> None:
    """What the ledger says has left the intake area leaves it in the copy: it lies in the objects by now."""
    waiting = place.folder / "intake"
    names = {path.name for path in waiting.iterdir()} - {
        path.name for path in layout.intake_folder(archive.settings).iterdir()}
    with archive.catalogue.session() as session:
        for name in sorted(names):
            row = session.get(Item, name)
            if row is not None and (row.state in GONE or (row.state == "package" and package_has_left(session, name))):
                shutil.rmtree(waiting / name)


def _follow_small(archive: Archive, place: Place, now: datetime) -> None:
    """Settings without secrets, trust lists, the store's own description. What is gone here is moved aside there."""
    root, copy = archive.settings.root, place.folder.parent
    wanted: dict[str, bytes] = {}
    if (root / FILE_NAME).is_file():
        wanted[FILE_NAME] = without_secrets((root / FILE_NAME).read_text()).encode()
    wanted["store/README.txt"] = (layout.store_folder(archive.settings) / "README.txt").read_bytes()
    trust = archive.settings.path(archive.settings.signatures.trust)
    if trust.is_dir():
        wanted |= {f"trust/{path}": (trust / path).read_bytes() for path, kind in entries(trust).items()
                   if kind == "file" and not path.endswith(SECRETS)}
    for path, data in sorted(wanted.items()):
        target = copy / path
        if target.is_symlink() or not target.is_file() or target.read_bytes() != data:
            if target.is_symlink():
                mending.set_aside(place, target, path, now)
            target.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(target, data)
    for path, kind in entries(copy / "trust").items() if (copy / "trust").is_dir() else ():
        if kind != "folder" and f"trust/{path}" not in wanted:
            mending.set_aside(place, copy / "trust" / path, f"trust/{path}", now)


def without_secrets(text: str) -> str:
    """The settings file without the database's address: it may hold a password. Other secrets never stand in it."""
    return re.sub(r"(?m)^\s*database\s*=.*$", '# database = ""', text)
