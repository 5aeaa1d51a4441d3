"""The Celery worker of one machine: messages in, ids out to the machine (machine.py, nights.py).

Its threads only wait: for the machine's worker processes, for a night, for the database.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from celery import signals

from ingest.machines import nights
from ingest.machines.app import PREFIX, TASKS, make_app
from ingest.machines.machine import Machine

SPARE = 2       # threads beyond one a processor: one item is put down while another is examined; a night waits


def serve(root: Path, queues: Sequence[str], processors: int = 0, name: str = "") -> int:
    """Take work until SIGTERM, finish what is in hand, and leave; the exit code. Raises SettingsError."""
    with Machine(root, queues, processors, name) as machine:
        app = make_app(machine.settings)

        def examine(work: str) -> None:
            machine.examine(work)

        def run(work: str) -> None:
            nights.run(machine, work)

        for task, does in (("examine", examine), (nights.NIGHT, run), (nights.REPORT, run)):
            app.task(name=TASKS[task])(does)

        def stop(**_: Any) -> None:
            machine.stopping.set()          # a night here stops and goes on elsewhere; items are finished

        signals.worker_shutting_down.connect(stop, weak=False)
        logging.getLogger("celery").setLevel(logging.ERROR)
        worker = app.Worker(pool="threads", concurrency=machine.processors + SPARE, hostname=machine.name,
                            queues=[PREFIX + one for one in queues], loglevel="WARNING", quiet=True,
                            without_gossip=True, without_mingle=True, without_heartbeat=True)
        worker.start()
        return int(worker.exitcode or 0)
