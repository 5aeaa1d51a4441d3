"""Runs destructions, each in a process of its own, with a stopped clock, and lets them die where they are told to.

    python tests/destroying_driver.py        reads lines "<folder> <tick>" and answers each with "<code> <ticks>"

<folder> holds an archive `kho` and `plan.json`, a list of targets. A tick is a moment at which something has just
become durable or is gone: a flush, a rename, an unlink, a write over old bytes, a commit. At tick <tick> (0: never) the
process is killed with SIGKILL.
"""

from __future__ import annotations

import json
import os
import pathlib
import signal
import sys
import traceback
from datetime import UTC, datetime
from typing import Any

from archive import clock, destroying, opening, purging, rewriting, settings
from search.index import open_index

NIGHT = datetime(2026, 11, 21, 3, 30, tzinfo=UTC)


def main() -> None:
    """One life for each line."""
    for line in sys.stdin:
        folder, die_at = line.rsplit(" ", 1)
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                os.write(writing, f"0 {destroy(pathlib.Path(folder), int(die_at))}".encode())
            except BaseException:
                traceback.print_exc()
                os._exit(1)
            os._exit(0)
        os.close(writing)
        _pid, status = os.waitpid(child, 0)
        said = os.read(reading, 100).decode()
        os.close(reading)
        print(said or f"{os.waitstatus_to_exitcode(status)} 0", flush=True)


def destroy(folder: pathlib.Path, die_at: int) -> int:
    """Destroy what the plan says; how many ticks there were."""
    clock.now = lambda: NIGHT
    planned = [destroying.Target(one["object_id"], one["code"], one["document"], tuple(map(tuple, one["files"])))
               for one in json.loads((folder / "plan.json").read_text())]
    archive = opening.open_archive(settings.load(folder / "kho"))
    index = open_index(archive.settings)
    destroying.AT_ONCE = 2
    ticks = _count(die_at)
    with opening.ownership(archive):
        done = list(destroying.destroy_all(archive, "TH.2026.01", planned, by="Trần Văn Hủy",
                                           decision="12/QĐ-SNV ngày 20/11/2026", index=index))
    assert len(done) == len(planned)
    index.close()
    archive.close()
    return ticks[0]


def _count(last: int) -> list[int]:
    ticks = [0]

    def ticking(function: Any) -> Any:
        def wrapped(*arguments: Any, **named: Any) -> Any:
            result = function(*arguments, **named)
            ticks[0] += 1
            if ticks[0] == last:
                os.kill(os.getpid(), signal.SIGKILL)
            return result
        return wrapped

    from sqlalchemy.orm import SessionTransaction

    for name in ("fsync", "unlink", "rmdir", "write", "rename", "replace", "link"):
        setattr(os, name, ticking(getattr(os, name)))
    rewriting._exchanged = ticking(rewriting._exchanged)
    purging._on_disk = ticking(purging._on_disk)
    SessionTransaction.commit = ticking(SessionTransaction.commit)   # type: ignore[method-assign]
    return ticks


if __name__ == "__main__":
    main()
