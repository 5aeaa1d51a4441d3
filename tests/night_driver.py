"""Runs nights in processes of their own, with a stopped clock, and lets them die where they are told to.

    python tests/night_driver.py ROOT [--die-at TICK] [--fill STAGE]
    python tests/night_driver.py --lives       reads lines {"arguments": [ROOT, …], "after": SECONDS or null} and
                                               answers each with a return code

A tick is a moment at which something has just become durable: a flush to the disk, a rename, a commit, an item
that came back from its worker. At tick TICK the whole process group is killed with SIGKILL, as a power cut would.

The lives of --lives are forks of one process that has loaded the libraries: loading them is most of a short night, and
no promise is about it. Each leads a process group of its own; the server of its workers is a fork, too.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import pathlib
import select
import signal
import sys
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

NIGHT = datetime(2026, 11, 20, 15, 30, tzinfo=UTC)
NO_ROOM = 9
# What a worker loads, sooner or later. What loads threads or a typesetter is not among it: it could not be forked.
LOADED = ("ingest.stages.examine", "ingest.digitise.access_copy", "ingest.digitise.engine", "ingest.digitise.lanes",
          "ingest.digitise.light_pictures", "ingest.digitise.reading", "ingest.digitise.running",
          "ingest.signatures.cades", "ingest.signatures.document", "ingest.signatures.isolated",
          "ingest.signatures.judge", "ingest.signatures.later", "ingest.signatures.pictures",
          "ingest.signatures.standing", "ingest.signatures.xml_signatures", "fontTools.subset", "fontTools.ttLib",
          "img2pdf", "ocrmypdf", "openpyxl", "pikepdf.pdfa", "pypdfium2.raw", "tesserocr", "zxingcpp")


def time_of_night() -> datetime:
    """The hour at which the clock stands still; tests/faults lets it jump."""
    return NIGHT


def main(words: Sequence[str] | None = None) -> int:
    """Run the night; 0 when it came to its end, NO_ROOM when the disk was full."""
    parser = argparse.ArgumentParser()
    parser.add_argument("root", type=pathlib.Path)
    parser.add_argument("--die-at", type=int, default=0)
    parser.add_argument("--fill", default="", help="stage at which the disk is filled to the last byte")
    arguments = parser.parse_args(words)

    from archive import clock, opening, settings
    from archive.errors import NoRoomError
    from archive.findings import Level
    from ingest import nightly

    clock.now = time_of_night
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


# --- many lives -----------------------------------------------------------------------------------------------


def lives() -> None:
    """One life for each line of the standard input."""
    from multiprocessing import resource_tracker

    for name in (*LOADED, "ingest.nightly", "search.index"):
        importlib.import_module(name)
    resource_tracker.ensure_running()
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)           # what the lives print goes where errors go
    for line in sys.stdin:
        asked = json.loads(line)
        child = os.fork()   # nothing was opened yet
        if child == 0:
            _live(asked["arguments"])
        with suppress(PermissionError, ProcessLookupError):     # it has done so itself, or is over
            os.setpgid(child, child)
        answers.write(f"{_end_of(child, asked['after'])}\n")
        answers.flush()


def _live(words: Sequence[str], act: Callable[[pathlib.Path], int] | None = None) -> None:
    """A night (or another act at a folder) in this process, which then ends."""
    code = 1
    try:
        os.setpgid(0, 0)
        _serve_workers_by_a_fork()
        code = main(words) if act is None else act(pathlib.Path(words[0]))
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _end_of(child: int, after: float | None) -> int:
    """The return code of a life; its group is killed after `after` seconds."""
    handle = os.pidfd_open(child)
    try:
        if not select.select([handle], [], [], after)[0]:
            os.killpg(child, signal.SIGKILL)
    finally:
        os.close(handle)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def _serve_workers_by_a_fork() -> None:
    """Start multiprocessing's server as a fork of this process: as a new Python it would load everything again."""
    from multiprocessing import forkserver, util

    spawned = util.spawnv_passfds

    def forked(path: Any, words: Sequence[Any], handles: Sequence[int]) -> int:
        if not any("forkserver" in str(word) for word in words):
            return int(spawned(path, words, handles))
        child = os.fork()
        if child:
            return child
        try:
            begin = 3
            for kept in (*sorted(handles), os.sysconf("SC_OPEN_MAX")):      # who holds the other end never ends
                os.closerange(begin, kept)
                begin = kept + 1
            forkserver._forkserver.__init__()       # type: ignore[misc]
            forkserver.main(*handles, [])
        finally:
            os._exit(0)

    util.spawnv_passfds = forked        # type: ignore[assignment]
    forkserver.ensure_running()
    util.spawnv_passfds = spawned


if __name__ == "__main__":
    sys.exit(lives() if sys.argv[1:] == ["--lives"] else main())
