"""The faults that can be drawn: which calls, what each can meet, and the one that belongs to a seed."""

from __future__ import annotations

import errno
import random
from collections.abc import Mapping
from dataclasses import dataclass

from tests.faults import inside

OPEN, WRITE, SYNC, RENAME, LINK, UNLINK, MKDIR, SIZE, READ = (1 << n for n in range(9))
KINDS = {"open": OPEN, "write": WRITE, "sync": SYNC, "rename": RENAME, "link": LINK, "unlink": UNLINK, "mkdir": MKDIR,
         "size": SIZE, "read": READ}
SHORT, KILLED = -1, -2
# What each kind of call can meet on a real disk.
ERRORS = {"open": (errno.ENOSPC, errno.EIO, errno.EACCES, errno.EMFILE, errno.EROFS),
          "write": (errno.ENOSPC, errno.EIO, errno.EDQUOT, SHORT), "sync": (errno.EIO, errno.ENOSPC),
          "rename": (errno.EIO, errno.ENOSPC, errno.EACCES), "link": (errno.EIO, errno.EMLINK, errno.EPERM),
          "unlink": (errno.EIO, errno.EACCES, errno.EROFS), "mkdir": (errno.ENOSPC, errno.EIO, errno.EACCES),
          "size": (errno.EIO, errno.ENOSPC), "read": (errno.EIO,)}
# Families of faults (--kinds): kind of call -> what it can meet. A clock jumps by hours, for a look or for good.
FAMILIES: dict[str, dict[str, tuple[int | str, ...]]] = {
    "files": {**ERRORS},
    "killed": {**dict.fromkeys(KINDS, (KILLED,)), "statement": (inside.KILL,),
               "commit": (inside.KILL, inside.KILL_AFTER)},
    "sqlite": {"statement": ("locked", "io", "full", "malformed"), "commit": ("locked", "io", "full"),
               "connect": ("unable", "locked")},
    "postgresql": {"statement": (*inside.SERVER, inside.LOST), "connect": ("refused",),
                   "commit": (inside.LOST, inside.ANSWER_LOST, "not serialisable", inside.KILL, inside.KILL_AFTER)},
    "clock": {"clock": (-1, 1, -13, 13, -24 * 3, 24 * 3, -24 * 40, 24 * 40, -24 * 366 * 5, 24 * 400)}}
FOR_GOOD = 1 << 40      # calls that fail: from the drawn one until the night ends


@dataclass(frozen=True, slots=True)
class Fault:
    """From call number `at` of its kind on, `times` calls end with `error` (SHORT: half is written).

    `stays`: the nights after it have the clock as the fault left it.
    """

    kind: str
    at: int
    times: int
    error: int | str
    stays: bool = False

    @property
    def kills(self) -> bool:
        """Whether the process ends there."""
        return self.error in (KILLED, inside.KILL, inside.KILL_AFTER)

    @property
    def hours(self) -> int:
        """By how much the clock of later nights is ahead."""
        return int(self.error) if self.stays else 0

    def __str__(self) -> str:
        match self.error:
            case str(name):
                pass
            case int(hours) if self.kind == "clock":
                name = f"{hours:+} h"
            case number:
                name = {SHORT: "SHORT", KILLED: "killed"}.get(number) or errno.errorcode[number]
        return f"{self.kind} {self.at} {name}" + (" for good" if self.times == FOR_GOOD else "") + (
            ", and stays" if self.stays else "")


def draw(seed: int, family: str, calls: Mapping[str, int]) -> Fault:
    """The fault of this seed, of a night (or another act) that makes so many `calls` of each kind."""
    met = FAMILIES[family]
    drawn = random.Random(seed if family == "files" else f"{family} {seed}")
    kind = drawn.choice([one for one in met if calls[one]])
    at, for_good, error = drawn.randint(1, calls[kind]), drawn.random() < 0.3, drawn.choice(met[kind])
    times = FOR_GOOD if for_good or (kind == "clock" and drawn.random() < 0.5) else 1
    return Fault(kind, at, times, error, stays=kind == "clock" and for_good)
