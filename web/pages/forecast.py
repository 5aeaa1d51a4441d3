"""How long the disk lasts at the pace of the last nights, and how long the next night will take for what waits now."""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from itertools import chain, islice
from pathlib import Path

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from archive import clock, model
from archive.settings import Settings
from ingest.beginning import OPEN
from ingest.pace import kind_of, measured

NIGHTS = 30             # that tell the pace
MOST_FILES = 50_000     # of an inbox that are counted
KEPT = 60.0             # seconds for which the inbox is not looked through again


@dataclass(frozen=True, slots=True)
class Forecast:
    """Bytes free and in all on the archive's disk; bytes a night brings; how many nights that lasts (None: not known).

    `waiting` files of `waiting_bytes` lie in the inbox (`more`: and further ones); `seconds`: the next night for them
    and for what earlier nights left, as `luutru nightly` foretells it; None: no night has told yet. `last`: seconds of
    the last one.
    """

    free: int
    size: int
    growth: int
    nights: int | None
    waiting: int
    waiting_bytes: int
    more: bool
    seconds: float | None
    last: float | None

    @property
    def minutes(self) -> int | None:
        """How long the next night will take, minutes; one at least."""
        return None if self.seconds is None else max(1, round(self.seconds / 60))

    @property
    def last_minutes(self) -> int | None:
        """How long the last night took, minutes; one at least."""
        return None if self.last is None else max(1, round(self.last / 60))


def forecast(session: Session, settings: Settings) -> Forecast:
    """The forecast as things stand now. Growth counts what is stored of documents; index and evidence add a little."""
    disk = shutil.disk_usage(settings.root)
    batches = list(session.scalars(select(model.Batch).where(model.Batch.finished_at != "").order_by(
        model.Batch.started_at.desc()).limit(NIGHTS)))
    ids = [one.id for one in batches]
    stored = session.scalar(select(func.sum(model.Document.bytes)).where(model.Document.batch.in_(ids))) or 0
    nights = [date.fromisoformat(one.night) for one in batches]
    span = max(1, (max(nights) - min(nights)).days + 1) if nights else 1
    growth = int(stored) // span
    last = next(((clock.parse(one.finished_at) - clock.parse(one.started_at)).total_seconds() for one in batches), None)
    waiting, more = _inbox(settings)
    pace = measured(session, settings, settings.ingest.workers or os.cpu_count() or 1)
    left = [(kind_of(row.name, settings), row.size) for row in session.execute(
        select(model.Item.name, model.Item.size).where(model.Item.state.in_((*OPEN, "examined"))))]
    seconds = pace.whole([*waiting, *left], len(waiting)) + pace.after if pace.nights else None
    return Forecast(disk.free, disk.total, growth, disk.free // growth if growth else None, len(waiting),
                    sum(size for _kind, size in waiting), more, seconds, last)


_Files = tuple[list[tuple[str, int]], bool]
_seen: dict[str, tuple[float, _Files]] = {}
_lock = threading.Lock()


def _inbox(settings: Settings) -> _Files:
    """Kind and bytes of the files that wait in the inbox folders, and whether there are more than are counted."""
    root = str(settings.root)
    with _lock:
        known = _seen.get(root)
        if known is not None and time.monotonic() - known[0] < KEPT:
            return known[1]
        found = list(islice(chain.from_iterable(_files(settings.path(place)) for place in settings.ingest.inbox),
                            MOST_FILES + 1))
        told = ([(kind_of(name, settings), size) for name, size in found[:MOST_FILES]], len(found) > MOST_FILES)
        _seen[root] = (time.monotonic(), told)
        return told


def _files(folder: Path, below: str = "") -> Iterator[tuple[str, int]]:
    """Names and sizes of the files in a folder and those below; hidden ones are not taken in and do not count."""
    try:
        entries = list(os.scandir(folder))
    except OSError:                           # not there, or not to be read: the night says so
        return
    for one in entries:
        if one.name.startswith("."):
            continue
        try:
            if one.is_dir(follow_symlinks=False):
                yield from _files(Path(one.path), f"{below}{one.name}/")
            elif one.is_file(follow_symlinks=False):
                yield f"{below}{one.name}", one.stat(follow_symlinks=False).st_size
        except OSError:                       # taken away just now
            continue
