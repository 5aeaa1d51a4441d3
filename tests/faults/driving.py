"""Acts in forks of one process that has loaded the libraries, each with the fault that it is to meet.

    python -m tests.faults.driving      reads a line for each act and answers with how it ended
"""

from __future__ import annotations

import ctypes
import importlib
import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.faults import acts, inside
from tests.faults.drawing import KILLED, KINDS, Fault

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 300.0


@dataclass(frozen=True, slots=True)
class Life:
    """How an act ended: its return code (None: it hung and was killed), calls of each kind, faults that came."""

    code: int | None
    calls: dict[str, int]
    fired: int


def library(folder: Path) -> Path:
    """The preloaded library, compiled into `folder`. Raises CalledProcessError without a C compiler."""
    made = folder / "faults.so"
    if not made.exists():
        subprocess.run(["cc", "-O2", "-shared", "-fPIC", "-o", made, Path(__file__).with_name("faults.c"), "-ldl"],
                       check=True)
    return made


class Driver:
    """A process that has loaded the libraries and leads each act in a fork of itself."""

    def __init__(self, folder: Path) -> None:
        from tests.night_lives import environment

        self.said = folder / "said.txt"
        with self.said.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.faults.driving"], cwd=ROOT, stdin=subprocess.PIPE,
                stdout=subprocess.PIPE, stderr=log, text=True,
                env={**environment(), "LD_PRELOAD": str(library(folder)), "LUUTRU_INGEST__WORKERS": "1"})

    def life(self, root: Path, fault: Fault | None = None, *, act: str = "night", hours: int = 0,
              database: str = "") -> Life:
        """One night (or another act) at `root`, the clock ahead by `hours`."""
        assert self.process.stdin is not None and self.process.stdout is not None
        told = fault or Fault("", 0, 0, 0)
        self.process.stdin.write(json.dumps({
            "root": str(root), "act": act, "kind": told.kind, "at": told.at, "times": told.times, "error": told.error,
            "hours": hours, "database": database}) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise AssertionError(self.words())
        return Life(*json.loads(line))

    def words(self) -> str:
        """The end of what the nights printed."""
        return self.said.read_text(encoding="utf-8", errors="replace")[-6000:]

    def close(self) -> None:
        """End the process."""
        self.process.communicate(timeout=30)


def drive() -> None:
    """The driver's side: an act in a fork for each line."""
    from tests import night_driver

    shared = ctypes.CDLL(os.environ["LD_PRELOAD"])
    for name in ("faults_count", "faults_fired"):
        getattr(shared, name).restype = ctypes.c_long
    shared.faults_arm.argtypes = (ctypes.c_char_p, ctypes.c_long, ctypes.c_long, ctypes.c_int, ctypes.c_int)
    for name in ("ingest.nightly", "ingest.stages.examine", "search.index"):
        importlib.import_module(name)
    shared.faults_arm(b"/", 0, 0, 0, 0)         # the counters lie in memory that every fork shares
    inside.share()
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for line in sys.stdin:
        asked = json.loads(line)
        shared.faults_arm(b"/", 0, 0, 0, 0)
        inside.clear()
        child = os.fork()
        if child == 0:
            _live(shared, asked)
        os.setpgid(child, child)
        code: int | None = night_driver._end_of(child, PATIENCE)
        with_group(child)
        fired = shared.faults_fired() + inside.fired()
        if code == -signal.SIGKILL and not (fired and asked["error"] in (KILLED, inside.KILL, inside.KILL_AFTER)):
            code = None
        answers.write(json.dumps([code, {name: shared.faults_count(one) for name, one in KINDS.items()}
                                  | inside.calls(), fired]) + "\n")
        answers.flush()


def _live(shared: Any, asked: dict[str, Any]) -> None:
    """The act in this process, which then ends."""
    from tests import night_driver

    if asked["database"]:
        os.environ["LUUTRU_DATABASE"] = asked["database"]
    os.setpgid(0, 0)        # before a fault that would kill the group
    kind = asked["kind"]
    inside.arm(kind, asked["at"], asked["times"], asked["error"], asked["hours"])
    shared.faults_arm(asked["root"].encode(), asked["at"], asked["times"], asked["error"] if kind in KINDS else 0,
                      KINDS.get(kind, 0))
    night_driver._live([asked["root"]], acts.ACTS[asked["act"]])


def with_group(child: int) -> None:
    """End what a night left behind."""
    try:
        os.killpg(child, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return


if __name__ == "__main__":
    drive()
