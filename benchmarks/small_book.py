"""The small form of the record book, which CI runs: has any ratio become half as bad again as the committed one?

Every piece of work is done next to its floor in this process, turn by turn, and both sides are taken at their best:
what else the machine does can make a turn slower, never quicker. So the ratio of the two best holds under load, and it
is tried again only while it is worse than it may be. CPU counts, never time; nothing waits for the disk.

`./run benchmarks --small --publish` writes small.json, which the test compares with (tests/test_record_book.py).
"""

from __future__ import annotations

import json
import math
import os
import resource
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

KEPT = Path(__file__).with_name("small.json")
LIMIT = 1.5             # times the committed ratio
LEAST, MOST = 2, 7      # turns; the first one warms

# One turn of a part: the CPU seconds of ours and of the floor, by the name of the work.
Turn = Callable[[], Mapping[str, tuple[float, float]]]


@dataclass(slots=True)
class Best:
    """The best of the turns of both sides, CPU seconds."""

    ours: float = math.inf
    floor: float = math.inf
    turns: int = 0

    def take(self, ours: float, floor: float) -> None:
        """One more turn."""
        self.ours, self.floor, self.turns = min(self.ours, ours), min(self.floor, floor), self.turns + 1

    @property
    def times(self) -> float:
        """Ours as a multiple of the floor."""
        return self.ours / self.floor


def compare(turn: Turn, committed: Mapping[str, float], most: int = MOST) -> dict[str, Best]:
    """The best of each work of one part: turn by turn, until no ratio is worse than it may be, or `most` are done.

    Work of which nothing is committed takes all turns.
    """
    found: dict[str, Best] = {}
    for number in range(1, most + 1):
        for name, (ours, floor) in turn().items():
            found.setdefault(name, Best()).take(ours, floor)
        if number >= LEAST and all(one.times <= LIMIT * committed.get(name, 0.0) for name, one in found.items()):
            break
    return found


def committed() -> dict[str, float]:
    """The ratios that were published, by the name of the work; none before the first time."""
    if not KEPT.exists():
        return {}
    told: dict[str, float] = json.loads(KEPT.read_text("utf-8"))
    return told


def measure(known: Mapping[str, float], most: int = MOST) -> dict[str, Best]:
    """Every part, in an order in which one may use what an earlier one made."""
    from benchmarks.small_parts import parts

    found: dict[str, Best] = {}
    with tempfile.TemporaryDirectory(prefix="luutru-bench-") as scratch:
        for turn in parts(Path(scratch)):
            found |= compare(turn, known, most)
    return found


def tell(*, as_json: bool, publish: bool) -> None:
    """Measure and print; with `publish` all turns are taken, and the ratios are what later ones are compared with."""
    nothing_waits_for_the_disk()
    known = committed()
    found = measure({} if publish else known)
    if publish:
        ratios = {name: round(one.times, 3) for name, one in found.items()}
        KEPT.write_text(json.dumps(ratios, indent=1) + "\n", "utf-8")
    if as_json:
        told = {name: {"times": round(one.times, 3), "ours_ms": round(one.ours * 1000, 1),
                       "floor_ms": round(one.floor * 1000, 1), "turns": one.turns} for name, one in found.items()}
        print(json.dumps(told, indent=1))
        return
    print(f"{'CPU, best of the turns':<34}{'ours ms':>9}{'floor ms':>9}{'times':>8}{'committed':>11}{'turns':>7}")
    for name, one in found.items():
        print(f"{name:<34}{one.ours * 1000:>9.1f}{one.floor * 1000:>9.1f}{one.times:>8.2f}"
              f"{known.get(name, math.nan):>11.2f}{one.turns:>7}")
    if worse := [name for name, one in found.items() if one.times > LIMIT * known.get(name, math.inf)]:
        sys.exit(f"Worse than {LIMIT} times the committed ratio: {', '.join(worse)}")


def spent(work: Callable[[], Any]) -> float:
    """CPU seconds of `work`: of this process with all its threads, and of the children that ended meanwhile."""
    begun = _cpu()
    work()
    return _cpu() - begun


def _cpu() -> float:
    return sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))


def nothing_waits_for_the_disk() -> None:
    """In this process no power is cut: what is flushed would cost the time of whoever else uses the disk."""
    os.fsync = lambda fd: None
    os.sync = lambda: None
