"""Runs one night in a process of its own, with a stopped clock, and dies where it is told to.

    python tests/night_driver.py ROOT [--die-at TICK] [--fill STAGE] [--workers N]

A tick is a moment at which something has just become durable: a flush to the disk, a rename, a commit, an item
that came back from its worker. At tick TICK the whole process group is killed with SIGKILL, as a power cut would.
"""

from __future__ import annotations

import argparse
import os
import pathlib
import signal
import sys
from datetime import UTC, datetime
from typing import Any

NIGHT = datetime(2026, 11, 20, 15, 30, tzinfo=UTC)
NO_ROOM = 9


def main() -> int:
    """Run the night; 0 when it came to its end, NO_ROOM when the disk was full."""
    parser = argparse.ArgumentParser()
    parser.add_argument("root", type=pathlib.Path)
    parser.add_argument("--die-at", type=int, default=0)
    parser.add_argument("--fill", default="", help="stage at which the disk is filled to the last byte")
    arguments = parser.parse_args()

    from archive import clock, opening, settings
    from archive.errors import NoRoomError
    from archive.findings import Level
    from ingest import nightly

    clock.now = lambda: NIGHT
    # How long the audit read is in the ledger, and so in the seal: the same in every life.
    audit = nightly.audit
    nightly.audit = lambda archive, now, seconds: audit(archive, now, seconds, lambda: 0.0)     # type: ignore[assignment]
    if arguments.die_at:
        _die_at(arguments.die_at)
    archive = opening.open_archive(settings.load(arguments.root))

    def progress(stage: str, done: int, total: int) -> None:
        if stage == arguments.fill and done >= total // 2 and not (arguments.root / "hog").exists():
            _fill(arguments.root / "hog")

    try:
        night = nightly.run(archive, progress)
    except NoRoomError as error:
        print(error)
        return NO_ROOM
    finally:
        archive.close()
    for found in night.findings:
        print(found.code, found.sentence("en"))
    return int(any(found.level is Level.failed for found in night.findings))


def _die_at(last: int) -> None:
    ticks = 0

    def tick() -> None:
        nonlocal ticks
        ticks += 1
        if ticks >= last:
            os.killpg(os.getpgid(0), signal.SIGKILL)

    def ticking(function: Any) -> Any:
        def wrapped(*arguments: Any, **named: Any) -> Any:
            tick()
            result = function(*arguments, **named)
            tick()
            return result
        return wrapped

    from sqlalchemy.orm import SessionTransaction

    os.fsync = ticking(os.fsync)
    pathlib.Path.rename = ticking(pathlib.Path.rename)              # type: ignore[method-assign]
    pathlib.Path.replace = ticking(pathlib.Path.replace)            # type: ignore[method-assign]
    pathlib.Path.unlink = ticking(pathlib.Path.unlink)              # type: ignore[method-assign]
    # `with session.begin()` commits through the transaction, not through Session.commit.
    SessionTransaction.commit = ticking(SessionTransaction.commit)   # type: ignore[method-assign]
    from ingest import nightly

    examine_all = nightly.examine_all

    def examined(*arguments: Any, **named: Any) -> Any:
        for one in examine_all(*arguments, **named):
            tick()
            yield one

    nightly.examine_all = examined                                   # type: ignore[assignment]


def _fill(hog: pathlib.Path) -> None:
    with hog.open("wb", buffering=0) as stream:
        for size in (1 << 20, 1 << 12, 1 << 6, 1):
            try:
                while True:
                    stream.write(b"\0" * size)
            except OSError:
                continue


if __name__ == "__main__":
    sys.exit(main())
