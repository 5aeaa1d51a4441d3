"""The Celery worker of one machine: messages in, ids out to the machine (machine.py, nights.py).

Its threads only wait: for the machine's worker processes, for a night, for the database.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from celery import signals
from celery.worker import state

from ingest.machines import nights
from ingest.machines.app import PREFIX, TASKS, make_app
from ingest.machines.machine import Machine

SPARE = 2               # threads beyond one a processor: one item is put down while another is examined; a night waits
LASTING_SECONDS = 600   # after which the message of what is still in hand is let go
_LOOK_SECONDS = 15.0    # between two looks for such messages


class InHand:
    """The messages of the work in hand. One whose work lasts is acknowledged before the work is done.

    The claim on the desk is what keeps the work ours. The message is of no more use by then, and RabbitMQ breaks with
    whoever keeps one for half an hour: a night would lose its machine the connection.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._since: dict[str, float] = {}

    @contextmanager
    def noted(self, message: str) -> Iterator[None]:
        """The work of this message is in hand while the block runs."""
        with self._lock:
            self._since[message] = time.monotonic()
        try:
            yield
        finally:
            with self._lock:        # afterwards Celery acknowledges it, in this same thread: never both
                self._since.pop(message, None)

    def let_go(self, seconds: float = LASTING_SECONDS) -> list[str]:
        """Acknowledge the messages that have been in hand for `seconds`; which."""
        gone = []
        with self._lock:
            for message, since in list(self._since.items()):
                request = state.requests.get(message)
                if time.monotonic() - since >= seconds and request is not None:
                    request.acknowledge()
                    del self._since[message]
                    gone.append(message)
        return gone

    def keep(self, ended: threading.Event) -> None:
        """Look for such messages until `ended` is set."""
        while not ended.wait(_LOOK_SECONDS):
            self.let_go()


def _is_news(record: logging.LogRecord) -> bool:
    """Not what Celery says, with a traceback for each, of messages whose broker went away: the desk has the work."""
    return not str(record.msg).startswith("Couldn't ack")


def serve(root: Path, queues: Sequence[str], processors: int = 0, name: str = "") -> int:
    """Take work until SIGTERM, finish what is in hand, and leave; the exit code. Raises SettingsError."""
    with Machine(root, queues, processors, name) as machine:
        app = make_app(machine.settings)
        in_hand, ended = InHand(), threading.Event()

        def doing(does: Callable[[str], object]) -> Callable[[Any, str], None]:
            def do(task: Any, work: str) -> None:
                with in_hand.noted(task.request.id):
                    does(work)
            return do

        for task, does in (("examine", machine.examine), (nights.NIGHT, lambda work: nights.run(machine, work)),
                           (nights.REPORT, lambda work: nights.run(machine, work))):
            app.task(name=TASKS[task], bind=True)(doing(does))

        def stop(**_: Any) -> None:
            machine.stopping.set()          # a night here stops and goes on elsewhere; items are finished

        signals.worker_shutting_down.connect(stop, weak=False)
        logging.getLogger("celery").setLevel(logging.ERROR)
        logging.getLogger("celery.worker.request").addFilter(_is_news)
        worker = app.Worker(pool="threads", concurrency=machine.processors + SPARE, hostname=machine.name,
                            queues=[PREFIX + one for one in queues], loglevel="WARNING", quiet=True,
                            without_gossip=True, without_mingle=True, without_heartbeat=True)
        threading.Thread(target=in_hand.keep, args=[ended], name="messages", daemon=True).start()
        try:
            worker.start()
        finally:
            ended.set()
        return int(worker.exitcode or 0)
