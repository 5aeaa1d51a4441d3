"""Executes an approved batch, killed by SIGKILL at its n-th change of the disk, until it gets through."""

from __future__ import annotations

import os
import random
import signal
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

from archive import clock, layout
from archive.opening import open_archive, ownership
from archive.settings import load
from archive.store import Store
from retention import objects
from retention.destruction import executing, keeping
from search.index import open_index

WATCHED = {"os.rename", "os.remove", "os.rmdir", "os.truncate", "os.mkdir", "shutil.rmtree"}
SEED = 6


def apply(root: Path, batch: str, plan_hash: str, at: datetime, last: int) -> None:
    """Apply as the command does; the process dies before the `last` change of the disk."""
    archive = open_archive(load(root))
    count = 0

    def watch(event: str, args: tuple[Any, ...]) -> None:
        nonlocal count
        if event in WATCHED or (event == "open" and isinstance(args[2], int) and args[2] & (os.O_WRONLY | os.O_RDWR)):
            count += 1
            if count == last:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(watch)
    with ownership(archive):
        objects.catch_up(archive)
        executing.apply(archive, batch, plan_hash, executing.Executor("Hạnh"), index=open_index(archive.settings),
                        at=at)
    archive.close()


def left(root: Path, batch: str) -> int:
    """How many case files of the batch the store still holds."""
    store = Store(root / "store" / "ocfl", root / "store" / "staging")
    return sum(store.has(layout.casefile_object(one["code"])) for one in keeping.read(store, batch).items)


def main(root: Path, batch: str, plan_hash: str, at: datetime) -> None:
    """Print how often it was killed, and after how many of these kills something, but not all, was gone."""
    clock.now = lambda: at
    kills = halves = 0
    whole = left(root, batch)
    dice = random.Random(SEED)
    while True:
        last = dice.randint(1, 20 + 3 * kills)
        child = os.fork()           # nothing was opened yet and no thread runs
        if not child:
            apply(root, batch, plan_hash, at, last)
            os._exit(0)
        _pid, status = os.waitpid(child, 0)
        if os.WIFEXITED(status):
            print(kills, halves)
            sys.exit(os.WEXITSTATUS(status))
        kills += 1
        halves += 0 < left(root, batch) < whole


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], sys.argv[3], datetime.fromisoformat(sys.argv[4]))
