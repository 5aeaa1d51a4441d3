"""Acts that wait for the ledger: what people did while another process owned the archive.

The portal never waits for a night: a view, a log-in, a change of an account is one line in `acts.jsonl` in the
archive's folder, on the disk before the person is answered, and the next owner of the archive takes all of them into
the ledger (docs/format.md). Killed at any moment, each act is in the ledger once.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archive import clock
from archive.catalogue import record
from archive.files import fsync_folder
from archive.ledger import Entry
from archive.settings import Settings

if TYPE_CHECKING:
    from archive.opening import Archive

FILE, TAKING, LOCK = "acts.jsonl", "acts.taking.jsonl", "acts.lock"
SOME = 1000     # acts that go into the ledger at once


def note(settings: Settings, kind: str, subject: str, data: Mapping[str, Any], *, actor: str) -> str:
    """Write down that `actor` did `kind` to `subject`; the act's key. On the disk when this returns.

    Anyone may call it at any time, from many processes. `data` must hold no secret: the ledger is for ever.
    """
    key = secrets.token_hex(20)
    line = {"key": key, "at": clock.stamp(clock.now()), "kind": kind, "subject": subject, "actor": actor,
            "data": dict(data)}
    with _locked(settings):
        place = settings.root / FILE
        new = not place.exists()
        handle = os.open(place, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            size = _whole(handle)
            os.ftruncate(handle, size)      # half a line of a killed writer, whose caller was never answered
            os.pwrite(handle, json.dumps(line, ensure_ascii=False).encode() + b"\n", size)
            os.fsync(handle)
        finally:
            os.close(handle)
        if new:
            fsync_folder(settings.root)
    return key


def take_in(archive: Archive) -> int:
    """Write the waiting acts into the ledger, in their order; how many were new. The caller owns the archive.

    The file is set aside first, then written to the ledger, then removed: killed in between, the next owner finds it
    set aside, and the key of each act keeps it from being written twice.
    """
    settings = archive.settings
    waiting, taking = settings.root / FILE, settings.root / TAKING
    written = 0
    while True:
        if not taking.exists():
            if not waiting.exists():
                return written
            with _locked(settings):
                waiting.rename(taking)
            fsync_folder(settings.root)
        lines = list(_lines(taking))
        for start in range(0, len(lines), SOME):
            with archive.catalogue.session() as session:
                written += len(record(session, archive.ledger, [
                    Entry(one["kind"], one["subject"], {**one["data"], "done_at": one["at"]}, one["key"],
                          one["actor"]) for one in lines[start:start + SOME]]))
        taking.unlink()
        fsync_folder(settings.root)


def waits(settings: Settings) -> bool:
    """Whether any act waits for an owner."""
    return (settings.root / FILE).exists() or (settings.root / TAKING).exists()


def waiting(settings: Settings, kind: str = "", subject: str = "") -> list[dict[str, Any]]:
    """The acts that no owner has taken yet (of one kind, about one subject), in their order: for showing them."""
    found = []
    for name in (TAKING, FILE):
        found += [one for one in _lines(settings.root / name)
                  if kind in ("", one["kind"]) and subject in ("", one["subject"])]
    return found


def _lines(place: Path) -> Iterator[dict[str, Any]]:
    try:
        raw = place.read_bytes()
    except FileNotFoundError:
        return
    for line in raw[:raw.rfind(b"\n") + 1].splitlines():
        yield json.loads(line)


def _whole(handle: int) -> int:
    """How long the file is up to its last whole line, bytes."""
    size = os.fstat(handle).st_size
    if size == 0 or os.pread(handle, 1, size - 1) == b"\n":
        return size
    return os.pread(handle, size, 0).rfind(b"\n") + 1


@contextmanager
def _locked(settings: Settings) -> Iterator[None]:
    """Be the one who changes the file; held for a moment only, by writers and by the owner who sets it aside."""
    handle = os.open(settings.root / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
