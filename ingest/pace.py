"""Pace: what nights cost, measured as they run, noted with each batch, and what a further item will cost by that.

Seconds are those of the night's clock, all processors at work together. A night that was interrupted tells no pace.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import PurePosixPath
from statistics import median
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from archive import clock
from archive.fixity.auditing import KIND as AUDITED
from archive.model import Batch, Event
from archive.settings import Settings

NIGHTS = 10             # the newest ones that tell the pace
BY_SIZE = 0.75          # of what a kind of files cost goes by their bytes, the rest by their number
# Until a night has told: seconds an item, and a MB of it, on one processor. Cautious on purpose (docs/performance.md).
FIRST_EACH, FIRST_MB, FIRST_SCANNED_MB, FIRST_STORE = 0.5, 0.5, 6.0, 0.1
FIRST_AFTER = 30.0      # what follows when everything is stored, besides the audit
AFTER_LONGEST = timedelta(hours=3)      # what comes later than this after a batch is no part of its night
_PICTURES = {"tif", "tiff", "jpg", "jpeg", "png", "jp2", "bmp"}
_KINDS = {"pdf": "pdf", "edxml": "message", "zip": "package", "sip": "package", "aip": "package", "csv": "list",
          "xlsx": "list", "docx": "office", "doc": "office", "odt": "office"}


def kind_of(name: str, settings: Settings) -> str:
    """Which kind of file a name of the inbox promises, as far as the cost goes."""
    path = PurePosixPath(name)
    suffix = path.suffix.lower().lstrip(".")
    if suffix in _PICTURES or (len(path.parts) > 1 and path.parts[0] in settings.scans.folders):
        return "scan"
    return _KINDS.get(suffix, "other")


@dataclass(slots=True)
class Meter:
    """Measures a night: seconds of each phase, and how the examining was spread over kinds of items."""

    seconds: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    kinds: dict[str, list[float]] = field(default_factory=dict)     # number, bytes, CPU seconds
    stored: int = 0
    taken: int = 0          # files that were taken in

    @contextmanager
    def phase(self, name: str, now: Callable[[], datetime] = lambda: clock.now()) -> Iterator[None]:
        """What is done in the block is this phase's; a clock that was set back meanwhile measures nothing."""
        began = now()
        try:
            yield
        finally:
            self.seconds[name] += max(0.0, (now() - began).total_seconds())

    def examined(self, kind: str, size: int, cpu: float) -> None:
        """An item of this kind was examined."""
        known = self.kinds.setdefault(kind, [0, 0, 0.0])
        self.kinds[kind] = [known[0] + 1, known[1] + size, known[2] + cpu]

    def told(self) -> dict[str, Any]:
        """What is noted with the batch; nothing where no time passed (a stopped clock)."""
        if not any(self.seconds.values()):
            return {}
        # Small files may take less than the system measures: each counts a little in any case.
        weight = {kind: cpu + 0.005 * n for kind, (n, _size, cpu) in self.kinds.items()}
        spent = self.seconds.get("examine", 0.0) / (sum(weight.values()) or 1.0)
        return {"seconds": {name: round(value, 3) for name, value in sorted(self.seconds.items())},
                "stored": self.stored, "taken": self.taken,
                "kinds": {kind: {"n": int(n), "bytes": int(size), "seconds": round(spent * weight[kind], 3)}
                          for kind, (n, size, _cpu) in sorted(self.kinds.items())}}


@dataclass(frozen=True, slots=True)
class Pace:
    """What things cost, seconds: by kind (number, bytes, seconds), to take a file in, to store an item, what follows.

    `nights` tell it; 0: none did, and the figures are a cautious guess.
    """

    nights: int
    kinds: Mapping[str, tuple[int, int, float]]
    take: float
    store: float
    after: float
    processors: int

    def of(self, kind: str, size: int) -> float:
        """Seconds by which the night gets longer for an item of this kind and so many bytes."""
        if (known := self.kinds.get(kind) or self.kinds.get("")) is None:
            each = FIRST_SCANNED_MB if kind in ("scan", "pdf", "package") else FIRST_MB
            return (FIRST_EACH + each * size / 1e6) / self.processors
        n, measured, seconds = known
        return seconds * ((1 - BY_SIZE) / n + (BY_SIZE * size / measured if measured else BY_SIZE / n))

    def whole(self, files: Sequence[tuple[str, int]], taken: int) -> float:
        """Seconds until all these, of such a kind and size, are stored; `taken` of them are still to be taken in."""
        return taken * self.take + len(files) * self.store + sum(self.of(kind, size) for kind, size in files)


def measured(session: Session, settings: Settings, processors: int) -> Pace:
    """The pace of the newest nights that ran through, as their batches tell it."""
    rows = list(session.scalars(select(Batch).where(Batch.finished_at != "").order_by(
        Batch.started_at.desc()).limit(NIGHTS * 3)))
    told = [(row, row.summary["cost"]) for row in rows if row.summary.get("cost")][:NIGHTS]
    if not told:
        return Pace(0, {}, 0.02, FIRST_STORE, FIRST_AFTER + settings.fixity.seconds, processors)
    kinds = _together(cost["kinds"] for _row, cost in told)
    stored = sum(cost["stored"] for _row, cost in told)
    taken = sum(cost["taken"] for _row, cost in told)
    store = sum(cost["seconds"].get("store", 0.0) for _row, cost in told)
    take = sum(cost["seconds"].get("collect", 0.0) for _row, cost in told)
    return Pace(len(told), kinds, take / max(1, taken), store / max(1, stored),
                _after(session, [row for row, _cost in told]), processors)


def _together(nights: Iterable[Mapping[str, Mapping[str, Any]]]) -> dict[str, tuple[int, int, float]]:
    """Each kind over all nights; the kind "" is all of them, for a kind that no night has seen."""
    found: dict[str, tuple[int, int, float]] = {}
    for kinds in nights:
        for name, one in kinds.items():
            for kind in (name, ""):
                n, size, seconds = found.get(kind, (0, 0, 0.0))
                found[kind] = (n + one["n"], size + one["bytes"], seconds + one["seconds"])
    return {kind: one for kind, one in found.items() if one[0]}


def _after(session: Session, batches: Iterable[Batch]) -> float:
    """How long the nights went on when everything was stored: reading again, sealing; the middle one of them."""
    ended = sorted(clock.parse(row.finished_at) for row in batches)
    last = dict.fromkeys(ended, 0.0)
    acts = session.scalars(select(Event.at).where(Event.kind.in_((AUDITED, "sealed", "seal_timed")),
                                                  Event.at >= clock.stamp(ended[0])))
    for at in map(clock.parse, acts):
        batch = next((one for one in reversed(ended) if one <= at), None)
        if batch is not None and at - batch <= AFTER_LONGEST:
            last[batch] = max(last[batch], (at - batch).total_seconds())
    return max(FIRST_AFTER, median(last.values()))
