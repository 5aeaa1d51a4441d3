"""The forecast: before a night begins, how long it will take for what waits, how much room, whether it will be done.

From what earlier nights cost (ingest/pace.py); it changes nothing. What was foretold stands in the event that begins
the batch, so that the morning report can hold it against what came.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select

from archive import clock, model
from archive.i18n import _, figure, ngettext_
from archive.opening import Archive
from ingest.beginning import OPEN, ROOM_FACTOR, ROOM_LEAST
from ingest.pace import NIGHTS, Pace, kind_of
from ingest.sources.inbox import Waiting

KEPT_FACTOR = 2.0       # of what comes in is kept, until a night has told: the received file, access copy, text, index


@dataclass(frozen=True, slots=True)
class Forecast:
    """What the night will come to: `files` of the inbox and `items` of earlier nights, bytes in both.

    `seconds` until everything is stored, and `after` that for reading again, sealing and copies.

    `kept`: bytes that the archive will grow by; `free` on its disk now, `wanted` before anything is begun. `nights`:
    how many earlier ones it is reckoned from; 0: a cautious guess.
    """

    at: datetime
    until: datetime | None
    files: int
    items: int
    size: int
    seconds: float
    after: float
    kept: int
    free: int
    wanted: int
    nights: int

    @property
    def ends(self) -> datetime:
        """When everything that waits would be done."""
        return self.at + timedelta(seconds=self.seconds + self.after)

    @property
    def fits(self) -> bool:
        """Whether all of it will be done in time."""
        return self.until is None or self.ends <= self.until

    @property
    def empty(self) -> bool:
        """Whether nothing waits."""
        return not (self.files or self.items)

    def as_dict(self) -> dict[str, Any]:
        """For the ledger and for machines. The free disk is of the moment and no part of it."""
        told: dict[str, Any] = {"files": self.files, "items": self.items, "bytes": self.size,
                                "seconds": round(self.seconds), "after": round(self.after), "kept": self.kept,
                                "nights": self.nights}
        return {**told, "until": clock.stamp(self.until), "fits": self.fits} if self.until is not None else told

    def sentences(self) -> list[str]:
        """What a person is told before the night begins."""
        told = [waiting_sentence(self.files, self.items, self.size)]
        told.append(_("It will take about {time}, until about {ends}; it adds about {kept} to the archive, {free} are "
                      "free.").format(time=duration(self.seconds + self.after), ends=hour(self.ends, self.at),
                                      kept=amount(self.kept), free=amount(self.free)))
        if not self.nights:
            told.append(_("This is a guess: no night has told yet what things cost on this machine."))
        if not self.fits and self.until is not None:
            told.append(_("Not all of it will be done by {until}. Urgent documents come first; what is left waits "
                          "whole for the next night.").format(until=hour(self.until, self.at)))
        return told


def foretell(archive: Archive, waiting: Sequence[tuple[str, Waiting]], now: datetime, until: datetime | None,
             pace: Pace) -> Forecast:
    """The forecast for what waits now, in the inbox and from earlier nights."""
    settings = archive.settings
    with archive.catalogue.session() as session:
        shut_out = {(row.source, row.name) for row in session.execute(select(
            model.Item.source, model.Item.name).where(model.Item.state == "kept_out"))}     # these stay where they are
        left = [(row.name, row.size) for row in session.execute(select(model.Item.name, model.Item.size).where(
            model.Item.state.in_((*OPEN, "examined"))))]
        some = list(session.scalars(select(model.Batch.id).where(model.Batch.finished_at != "").order_by(
            model.Batch.started_at.desc()).limit(NIGHTS)))
        received = session.scalar(select(func.sum(model.Item.size)).where(
            model.Item.batch.in_(some), model.Item.state == "stored")) or 0
        stored = session.scalar(select(func.sum(model.Document.bytes)).where(model.Document.batch.in_(some))) or 0
    coming = [(one.name, sum(_size(each) for each in (one, *one.beside, *one.further)))
              for source, one in waiting if (source, one.name) not in shut_out]
    everything = [*coming, *left]
    size = sum(length for _name, length in everything)
    seconds = pace.whole([(kind_of(name, settings), length) for name, length in everything], len(coming))
    factor = int(stored) / int(received) if received else KEPT_FACTOR
    return Forecast(now, until, len(coming), len(left), size, seconds, pace.after, int(size * factor),
                    shutil.disk_usage(settings.root).free, ROOM_LEAST + ROOM_FACTOR * size, pace.nights)


def waiting_sentence(files: int, items: int, size: int) -> str:
    """What waits, in words."""
    told = ngettext_("{n} file waits in the inbox", "{n} files wait in the inbox", files).format(n=files)
    if items:
        told += ngettext_(", {n} item from earlier nights", ", {n} items from earlier nights", items).format(n=items)
    return f"{told} ({amount(size)})."


def duration(seconds: float) -> str:
    """A length of time for people: minutes, or hours and minutes."""
    minutes = max(1, round(seconds / 60))
    if minutes < 60:
        return ngettext_("{n} minute", "{n} minutes", minutes).format(n=minutes)
    return _("{hours} h {minutes} min").format(hours=minutes // 60, minutes=minutes % 60)


def hour(moment: datetime, now: datetime) -> str:
    """A time of the day in Vietnam, with its day where that is not near."""
    here = clock.in_vietnam(moment)
    return f"{here:%H:%M}" if abs(moment - now) < timedelta(hours=20) else f"{here:%H:%M %d/%m}"


def amount(size: int) -> str:
    """A number of bytes for people."""
    if size < 995_000_000:
        return figure(f"{max(size / 1e6, 0.1):.{1 if size < 9_950_000 else 0}f}") + " MB"
    return figure(f"{size / 1e9:,.1f}") + " GB"


def _size(one: Waiting) -> int:
    try:
        return one.path.stat().st_size
    except OSError:         # taken away just now
        return 0
