"""Machines (luutru worker) in processes of their own, forks of one that has loaded the libraries.

    python tests/machines_driver.py     reads lines {"root": …, "name": …}, forks a machine for each in a process group
                                        of its own, and answers with its pid
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import subprocess
import sys
import traceback
from contextlib import suppress
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]


class Machines:
    """The driver, seen from a test; what the machines print goes to the file `said`."""

    def __init__(self, said: Path, environment: dict[str, str]) -> None:
        self.pids: list[int] = []
        with said.open("wb") as log:
            self.driver = subprocess.Popen([sys.executable, __file__], env=environment, stdin=subprocess.PIPE,
                                           stdout=subprocess.PIPE, stderr=log, text=True)

    def start(self, root: Path, name: str, queues: tuple[str, ...] = ("ocr", "verify", "io")) -> int:
        """One machine with one processor, which sees the archive at `root`; its pid."""
        assert self.driver.stdin is not None and self.driver.stdout is not None
        self.driver.stdin.write(json.dumps({"root": str(root), "name": name, "queues": queues}) + "\n")
        self.driver.stdin.flush()
        self.pids.append(int(self.driver.stdout.readline()))
        return self.pids[-1]

    def kill(self, pid: int) -> None:
        """Kill a machine with all its processes; once, since its number may soon be another's."""
        if pid in self.pids:
            self.pids.remove(pid)
            with suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)

    def kill_all(self) -> None:
        """Kill the machines that are left."""
        for pid in list(self.pids):
            self.kill(pid)

    def close(self) -> None:
        """Kill the machines that are left, and end the driver."""
        self.kill_all()
        self.driver.communicate(timeout=30)


def main() -> None:
    """Fork a machine for each line of the standard input."""
    from multiprocessing import resource_tracker

    from tests.night_driver import _serve_workers_by_a_fork

    for name in ("ingest.machines.serving", "ingest.stages.examine", "celery.apps.worker", "celery.concurrency.thread",
                 "kombu.transport.redis", "kombu.transport.pyamqp", "pebble", "psycopg2"):
        importlib.import_module(name)
    resource_tracker.ensure_running()
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)       # nobody waits for them
    for line in sys.stdin:
        asked: dict[str, Any] = json.loads(line)
        child = os.fork()
        if child == 0:
            code = 1
            try:
                os.setpgid(0, 0)
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                _serve_workers_by_a_fork()
                from ingest.machines.serving import serve

                code = serve(Path(asked["root"]), asked["queues"], 1, asked["name"])
            except BaseException:
                traceback.print_exc()
            finally:
                sys.stderr.flush()
                os._exit(code)
        with suppress(PermissionError, ProcessLookupError):
            os.setpgid(child, child)
        answers.write(f"{child}\n")
        answers.flush()


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    main()
