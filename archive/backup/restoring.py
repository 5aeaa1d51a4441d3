"""Restoring: an archive's folder out of a chain of sets, every file proved while it is copied.

Needs no archive, only a medium. Writes into an empty folder only, or goes on where a killed restore of the same set
stopped. What the last set's lists do not name (stored elsewhere since, or destroyed) is not brought back. A damaged
file is looked for on other media; what is nowhere sound is told, and the rest is restored all the same.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import orjson

from archive import clock
from archive.backup.media import read_marker
from archive.backup.sets import BrokenSetError, Set, State, chains, manifest, sets_in, state_of
from archive.errors import IntegrityError, UsageError
from archive.files import flush_everything, json_bytes, write_atomically
from archive.i18n import _
from archive.reading import copy_hashed, digests

GOING_ON = "luutru-restore.json"        # in the folder that is being filled
OBJECTS = "store/ocfl/"
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)


@dataclass
class Restored:
    """What was restored: the last set of the chain, files and bytes, from where; `lost`: files that no medium has."""

    set: str
    made_at: str
    medium: str
    seq: int
    head: str
    files: int = 0
    size: int = 0
    kept: int = 0                                           # that an earlier run had restored already
    elsewhere: list[str] = field(default_factory=list)      # taken from another medium
    lost: list[str] = field(default_factory=list)


def choose(medium: Path, *, wanted: str = "", at: datetime | None = None) -> list[Set]:
    """The chain to restore from a medium: up to the set `wanted`, or the last one made before `at`; else the newest.

    Raises UsageError when this is no medium or has no such set, IntegrityError for a chain that is not whole.
    """
    try:
        if read_marker(medium) is None:
            raise UsageError(_("{place} holds no backups of an archive").format(place=medium))
        sets, _unfinished, broken = sets_in(medium)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(_("{place} holds no backups of an archive").format(place=medium)) from error
    found: list[Set] = []
    for chain in chains(sets):
        for n, one in enumerate(chain, 1):
            if (one.id == wanted) if wanted else at is None or clock.parse(one.made_at) <= at:
                found = chain[:n]
    if not found and wanted and (wanted in broken or any(one.id == wanted for one in sets)):
        raise IntegrityError(_("{name} cannot be restored: a backup that it needs is damaged or not there").format(
            name=wanted))
    if not found:
        raise UsageError(_("there is no such backup in {place}").format(place=medium))
    return found


def restore(chain: Sequence[Set], target: Path, *, spare: Sequence[Path] = (),
            progress: Callable[[int, int], None] = lambda *_: None) -> Restored:
    """Make the archive's folder `target` out of a chain; `spare`: other media to take damaged files from.

    Raises UsageError when `target` holds something else, IntegrityError when the chain's own lists are damaged,
    OSError when there is no room.
    """
    last = chain[-1]
    try:
        state = state_of(chain)
        sources = _sources(chain, state)
    except (BrokenSetError, OSError) as error:
        raise IntegrityError(_("{name} cannot be restored: a backup that it needs is damaged or not there").format(
            name=error)) from error
    done = Restored(last.id, last.made_at, str(last.told["medium"]), int(last.told["ledger"]["seq"]),
                    str(last.told["ledger"]["head"]))
    _begin(target, last)
    wanted = [(path, told) for path, told in sorted(sources.items()) if _belongs(path, state)]
    others: list[Mapping[str, Sequence[tuple[Path, str]]]] = []
    for n, (path, (one, digest)) in enumerate(wanted, 1):
        progress(n, len(wanted))
        place = target / path
        if _there(place, digest):
            done.kept += 1
        elif not _copied(one.folder / "data" / path, place, digest):
            if spare and not others:
                others.append(_on_other_media(spare))
            source = next((at for at, stated in (others[0].get(path, ()) if others else ()) if stated == digest
                           and _copied(at, place, digest)), None)
            if source is None:
                done.lost.append(path)
                continue
            done.elsewhere.append(path)
        done.files += 1
        done.size += place.stat().st_size
        if "/" not in path and path.endswith(".db"):
            place.chmod(0o600)          # accounts: nobody else's business
    done.lost += sorted({path for path in _promised(state) if path not in sources} - set(done.lost))
    for folder in ("staging", "intake", "ledger"):
        (target / "store" / folder).mkdir(parents=True, exist_ok=True)
    flush_everything(target)
    return done


def finish(target: Path) -> None:
    """The restored folder is an archive from here on: what told that it was being filled goes."""
    (target / GOING_ON).unlink(missing_ok=True)


def _begin(target: Path, last: Set) -> None:
    mark = {"schema": "luutru/restore/1", "set": last.id, "sha256": last.sha256}
    place = target / GOING_ON
    if place.is_file():
        try:
            if orjson.loads(place.read_bytes()) == mark:
                return
        except ValueError:
            pass
        raise UsageError(_("{place} is being restored from another backup").format(place=target))
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise UsageError(_("{place} is not empty").format(place=target))
    target.mkdir(parents=True, exist_ok=True)
    write_atomically(place, json_bytes(mark))


def _sources(chain: Sequence[Set], state: State) -> dict[str, tuple[Set, str]]:
    """Path → the set that has its newest bytes, and their SHA-256; of an object only since it was brought whole."""
    found: dict[str, tuple[Set, str]] = {}
    for n, one in enumerate(chain):
        found.update((path, (one, digest)) for path, digest in manifest(one).items()
                     if not path.startswith(OBJECTS) or n >= state.since.get(_folder(path), 0))
    return found


def _folder(path: str) -> str:
    """The object's folder in the storage root, of a path under it."""
    return "/".join(path.removeprefix(OBJECTS).split("/")[:4])


def _belongs(path: str, state: State) -> bool:
    """Whether a file belongs to the archive at the end of the chain."""
    if path.startswith(OBJECTS):
        parts = path.removeprefix(OBJECTS).split("/")
        held = state.objects.get(_folder(path))
        if len(parts) < 5 or parts[0] == "extensions":
            return True                                     # of the storage root itself
        inside = parts[4]
        return held is not None and not (inside[0] == "v" and inside[1:].isdecimal() and int(inside[1:]) > held[0])
    return path in state.others or (path == "store/README.txt")


def _promised(state: State) -> Iterator[str]:
    yield from state.others
    for folder in state.objects:
        yield f"{OBJECTS}{folder}/inventory.json"


def _there(place: Path, digest: str) -> bool:
    try:
        return place.is_file() and digests(place, "sha256")[0] == digest
    except OSError:
        return False


def _copied(source: Path, place: Path, digest: str) -> bool:
    """Copy one file with proof; False when it is damaged or not there. Raises OSError of the place it goes to."""
    try:
        with source.open("rb"):
            pass
    except OSError:
        return False
    place.parent.mkdir(parents=True, exist_ok=True)
    place.unlink(missing_ok=True)
    try:
        if not source.is_symlink() and copy_hashed(source, place, "sha256") == digest:
            return True
    except OSError as error:
        if error.errno in FULL:         # not the medium's fault
            raise
    place.unlink(missing_ok=True)
    return False


def _on_other_media(spare: Sequence[Path]) -> dict[str, list[tuple[Path, str]]]:
    """Path → where else it lies, with the SHA-256 stated there."""
    found: dict[str, list[tuple[Path, str]]] = {}
    for medium in spare:
        for one in sets_in(medium)[0]:
            try:
                listed = manifest(one)
            except (BrokenSetError, OSError):
                continue
            for path, digest in listed.items():
                found.setdefault(path, []).append((one.folder / "data" / path, digest))
    return found
