"""The ledger in the copies: its newest lines are added to theirs, and each is held against the others.

A copy's ledger is never overwritten by another history: lines are added only where they continue it. A file that was
changed is moved aside and made again from one whose chain is whole.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

from archive import layout
from archive.errors import IntegrityError
from archive.files import fsync_folder, write_atomically
from archive.fixity.damage import Looked, Ward
from archive.fixity.mending import set_aside
from archive.fixity.places import Place
from archive.ledger import GENESIS, line_hash
from archive.opening import Archive
from archive.verifying import Fault

LEDGER = "ledger"
BEFORE = 1 << 16        # bytes before the new lines that must be the same in both, each night

Head = tuple[int, str]


def follow_ledger(archive: Archive, place: Place) -> int:
    """Add to the copy's ledger what the archive's has more; the bytes added.

    Raises IntegrityError when the new lines do not continue the copy's, or are not whole themselves.
    """
    own, other = layout.ledger_folder(archive.settings), place.folder / LEDGER
    other.mkdir(parents=True, exist_ok=True)
    added = 0
    files = sorted(own.glob("*.jsonl"))
    for n, file in enumerate(files):
        target = other / file.name
        have = _whole_lines(target)
        size = file.stat().st_size
        if target.exists() and have == size:
            continue
        with file.open("rb") as stream:
            stream.seek(max(0, have - BEFORE))
            before, new = stream.read(min(have, BEFORE)), stream.read()
        if have and _from(target, max(0, have - BEFORE), len(before)) != before:
            raise IntegrityError(file.name)
        head = _last(before) if have else _last(_end(files[n - 1])) if n else (0, GENESIS)
        if chain(new, head) is None:
            raise IntegrityError(file.name)
        with target.open("r+b" if target.exists() else "xb") as out:
            out.truncate(have)
            out.seek(have)
            out.write(new)
            out.flush()
            os.fsync(out.fileno())
        if not have:
            fsync_folder(other)
        if _from(target, have, len(new)) != new:
            raise IntegrityError(f"{target}")
        added += len(new)
    return added


def chain(data: bytes, head: Head) -> Head | None:
    """Where the chain ends after the lines in `data`, begun at `head` (number and hash); None when it breaks."""
    seq, last = head
    for raw in data.splitlines():
        try:
            body = json.loads(raw)
            stated = body.pop("hash")
            if body["prev"] != last or body["seq"] != seq + 1 or line_hash(body) != stated:
                return None
        except (ValueError, KeyError, TypeError, AttributeError):
            return None
        seq, last = seq + 1, stated
    return seq, last


def look_at_ledger(ward: Ward, place: Place) -> Looked:
    """Read the copy's ledger against the archive's: every file must be its beginning."""
    faults: list[Fault] = []
    size = 0
    own = layout.ledger_folder(ward.archive.settings)
    names = sorted(file.name for file in own.glob("*.jsonl"))
    for path in sorted((place.folder / LEDGER).glob("*")):
        if path.name not in names or path.is_symlink():
            faults.append(Fault("extra", path.name))
    newest = max((path.name for path in (place.folder / LEDGER).glob("*.jsonl")), default="")
    for name in names:
        target = place.folder / LEDGER / name
        if target.is_symlink():
            continue
        if not target.is_file():
            if name < newest:
                faults.append(Fault("missing", name))
            continue
        size += target.stat().st_size
        same = target.stat().st_size == (own / name).stat().st_size or name == newest
        if not same or not _begins(own / name, target):
            faults.append(Fault("changed", name))
    return Looked(place, LEDGER, faults, None, size)


def mend_ledger(ward: Ward, looked: Looked) -> tuple[list[tuple[Fault, str]], list[Fault]]:
    """Make the ledger files that differ again from the side whose chain is whole; neither: nothing is touched."""
    own = layout.ledger_folder(ward.archive.settings)
    done: list[tuple[Fault, str]] = []
    left: list[Fault] = []
    for fault in looked.faults:
        here, there = own / fault.path, looked.place.folder / LEDGER / fault.path
        if fault.kind == "extra":
            set_aside(looked.place, there, f"{LEDGER}/{fault.path}", ward.now)
            done.append((fault, ""))
        elif _is_whole(own, here.read_bytes(), fault.path):
            data = here.read_bytes()
            set_aside(looked.place, there, f"{LEDGER}/{fault.path}", ward.now, stays=True)
            write_atomically(there, data)
            done.append((fault, ward.main.key))
        elif there.is_file() and _is_whole(own, data := there.read_bytes() + _from(
                here, there.stat().st_size, here.stat().st_size), fault.path):
            set_aside(ward.main, here, f"{LEDGER}/{fault.path}", ward.now, stays=True)  # never without
            write_atomically(here, data)
            done.append((fault, looked.place.key))
        else:
            left.append(fault)
    return done, left


def _is_whole(own: Path, data: bytes, name: str) -> bool:
    """Whether `data` fits as the archive's ledger file of this name between its neighbours."""
    files = sorted(own.glob("*.jsonl"))
    n = next(n for n, file in enumerate(files) if file.name == name)
    end = chain(data, _last(_end(files[n - 1])) if n else (0, GENESIS))
    if end is None:
        return False
    if n + 1 < len(files):
        with files[n + 1].open("rb") as stream:
            return chain(stream.readline(), end) is not None
    return end[1] == _last(_end(files[n]))[1]       # the archive was opened: its last line is its own


def _whole_lines(target: Path) -> int:
    """The size of a ledger file without a torn last line."""
    if not target.is_file():
        return 0
    raw = _end(target)
    return target.stat().st_size - (len(raw) - (raw.rfind(b"\n") + 1))


def _end(file: Path) -> bytes:
    """The end of a file that holds its last whole line."""
    size = file.stat().st_size
    step = BEFORE
    while True:
        raw = _from(file, max(0, size - step), step)
        if raw.count(b"\n") >= 2 or step >= size:
            return raw
        step *= 4


def _last(raw: bytes) -> Head:
    """Number and hash of the last whole line. Raises IntegrityError when it is no line."""
    try:
        line = json.loads(raw[:raw.rfind(b"\n")].rsplit(b"\n", 1)[-1])
        return int(line["seq"]), str(line["hash"])
    except (ValueError, KeyError, TypeError) as error:
        raise IntegrityError(str(error)) from error


def _from(file: Path, start: int, length: int) -> bytes:
    with file.open("rb") as stream:
        stream.seek(start)
        return stream.read(length)


def _begins(whole: Path, part: Path) -> bool:
    """Whether `part` is the beginning of `whole`, byte for byte, a torn last line left out."""
    left = _whole_lines(part)
    if left > whole.stat().st_size:
        return False
    with whole.open("rb") as one, part.open("rb") as other:
        while left:
            chunk = other.read(min(left, 1 << 20))
            if not chunk or one.read(len(chunk)) != chunk:
                return False
            left -= len(chunk)
    return True
