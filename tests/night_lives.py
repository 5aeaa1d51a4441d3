"""Nights that are killed, many of them: each a fork of one driver that has loaded the libraries (night_driver.py)."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

from tests.night_driver import NO_ROOM

ROOT = Path(__file__).resolve().parents[1]
COPY = {"LUUTRU_COPIES__PLACES": '["../sao"]'}      # every night of these tests brings a copy up to date as well


def environment() -> dict[str, str]:
    """What the processes of these nights find in their environment."""
    found = {**os.environ, "PYTHONPATH": str(ROOT), "LUUTRU_INGEST__SETTLE_SECONDS": "0", **COPY}
    found.pop("PYTHONDONTWRITEBYTECODE", None)
    return found


class Lives:
    """The driver; what the lives print goes to the file `said`."""

    def __init__(self, said: Path) -> None:
        self.said = said
        with said.open("wb") as log:
            self.driver = subprocess.Popen([sys.executable, ROOT / "tests" / "night_driver.py", "--lives"],
                                           env=environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                           stderr=log, text=True)

    def one(self, root: Path, *more: str, after: float | None = None) -> int:
        """One life of the night in a process group of its own, killed from outside after `after` seconds."""
        code = self.one_of_any_end(root, *more, after=after)
        if code not in (0, NO_ROOM, -signal.SIGKILL):
            raise AssertionError(f"{code!r}: " + self.said.read_text(encoding="utf-8", errors="replace")[-5000:])
        return code

    def one_of_any_end(self, root: Path, *more: str, after: float | None = None) -> int:
        """The same for a night that may also break off by itself."""
        assert self.driver.stdin is not None and self.driver.stdout is not None
        self.driver.stdin.write(json.dumps({"arguments": [str(root), *more], "after": after}) + "\n")
        self.driver.stdin.flush()
        return int(self.driver.stdout.readline())

    def close(self) -> None:
        """End the driver."""
        self.driver.communicate(timeout=30)
