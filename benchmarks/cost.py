"""What a command costs: CPU of the whole tree of processes, wall time, peak memory.

Must count every descendant, also those that outlive their parent, and never the cost of counting.
"""

from __future__ import annotations

import ctypes
import os
import subprocess
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
_SUBREAPER = 36             # PR_SET_CHILD_SUBREAPER of <linux/prctl.h>
_LOOK_EVERY = 0.25          # seconds between two looks at the memory


@dataclass(frozen=True, slots=True)
class Cost:
    """`cpu`: user and system seconds of all processes; `wall` seconds; `memory`: highest sum of their PSS seen, MB."""

    code: int
    cpu: float
    wall: float
    memory: float
    output: str


def environment() -> dict[str, str]:
    """The environment of a measured process: no setting of ours from outside, and its libraries compiled beforehand."""
    # With PYTHONDONTWRITEBYTECODE every process would compile the libraries again.
    kept = {name: value for name, value in os.environ.items()
            if name != "PYTHONDONTWRITEBYTECODE" and not name.startswith("LUUTRU_")}
    return {**kept, "PYTHONPATH": str(ROOT)}


def cost(command: Sequence[str], environment: Mapping[str, str] | None = None, *, quiet: bool = False,
         look_every: float = _LOOK_EVERY) -> Cost:
    """Run `command` to the end of its last process. Linux only; the caller must have no other children.
    With `quiet` its words on standard error are dropped. `look_every`: seconds between two looks at the memory; a look
    walks through all pages of all processes, so where the wall time of a full machine counts it is a long while.

    A server of worker processes outlives the command that started it and would be lost to RUSAGE_CHILDREN: we adopt
    such orphans (a "subreaper") and wait for them too.
    """
    if ctypes.CDLL(None, use_errno=True).prctl(_SUBREAPER, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "cannot adopt the processes that a command leaves behind")
    cpu, code = 0.0, 0
    begun = time.monotonic()
    with tempfile.TemporaryFile() as out:
        process = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=out,
                                   stderr=subprocess.DEVNULL if quiet else None, start_new_session=True)
        memory = _Memory(process.pid, look_every)
        memory.start()
        while True:
            try:
                pid, status, usage = os.wait4(-1, 0)
            except ChildProcessError:
                break
            cpu += usage.ru_utime + usage.ru_stime
            if pid == process.pid:
                code = process.returncode = os.waitstatus_to_exitcode(status)
        wall = time.monotonic() - begun
        memory.ended.set()
        memory.join()
        out.seek(0)
        return Cost(code, cpu, wall, memory.peak, out.read().decode())


def peak_memory() -> int:
    """The greatest memory of this process, MB; not of ru_maxrss, into which its parent's size goes."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) >> 10


class _Memory(threading.Thread):
    """Looks now and then at how much memory the session's processes hold, shared pages counted once."""

    def __init__(self, session: int, look_every: float) -> None:
        super().__init__(daemon=True)
        self.session, self.look_every, self.peak, self.ended = session, look_every, 0.0, threading.Event()

    def run(self) -> None:
        while not self.ended.wait(self.look_every):
            self.peak = max(self.peak, sum(map(_megabytes, self._processes())))

    def _processes(self) -> list[Path]:
        return [place for place in Path("/proc").glob("[0-9]*") if _session(place) == self.session]


def _session(place: Path) -> int:
    try:
        return int((place / "stat").read_text().rpartition(")")[2].split()[3])
    except OSError:         # ended while we looked
        return 0


def _megabytes(place: Path) -> float:
    try:
        lines = (place / "smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024
