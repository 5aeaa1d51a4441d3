"""The beat: asks for the night at its hour and for the report in the morning, and sees to it that both come to an end.

It keeps no state of its own: what was asked for stands on the desk, by the day. A beat that was away at the hour asks
when it is back, until noon; of several beats one holds the clock (a lock of the database) and the others stand by.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import ExitStack
from datetime import datetime, time, timedelta

import structlog
from sqlalchemy.exc import DBAPIError

from archive import clock
from archive.catalogue import CLOCK
from archive.settings import Settings
from ingest.machines import app as broker
from ingest.machines.desk import Desk, Order
from ingest.machines.nights import NIGHT, REPORT, begins_at, night_id, report_id

TICK_SECONDS = 5.0
NOON = time(12)
DAYS_KEPT = 3               # how long the desk remembers that a day's night was asked for

log = structlog.get_logger()


class Beat:
    """One beat; `tick` as often as you like."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.desk = Desk(settings)
        self.sender = broker.Sender(settings)
        self._lock: ExitStack | None = None
        self._still: Callable[[], bool] | None = None
        self._said = ""

    def close(self) -> None:
        """Give the clock and the connections back."""
        self._let_go()
        self.desk.close()
        self.sender.close()

    def run(self, stop: threading.Event, tick: float = TICK_SECONDS) -> None:
        """Tick until `stop` is set; a database or broker that is away is waited for."""
        while True:
            try:
                state = self.tick(clock.now())
            except DBAPIError as error:
                self._let_go()
                state = f"the database does not answer ({type(error).__name__})"
            if state != self._said:
                log.info("beat", state=state)
                self._said = state
            if stop.wait(tick):
                return

    def tick(self, now: datetime) -> str:
        """Ask for what is due; what this beat is just now: "holds the clock" or "stands by"."""
        if not self._holds_the_clock():
            return "stands by"
        self.desk.lay(self._due(now))
        self.desk.take_back([NIGHT, REPORT])
        self._forget(now)
        self._send()
        return "holds the clock"

    def _due(self, now: datetime) -> list[Order]:
        """The night from its hour on until noon, the report from its hour on until noon."""
        here = clock.in_vietnam(now)
        told, found = self.settings.workers, []
        evening = here.date() - timedelta(days=here.time() < NOON)
        if begins_at(evening, told.night_at) <= here:
            found.append(Order(night_id(evening.isoformat()), NIGHT, NIGHT, {}))
        if _time(told.report_at) <= here.time() < NOON:
            found.append(Order(report_id(here.date().isoformat()), REPORT, "forms", {}))
        return found

    def _send(self) -> None:
        for work, queue, urgent in self.desk.to_send([NIGHT, REPORT]):
            try:
                self.sender.send(work.partition(":")[0], work, queue, urgent=urgent)
            except broker.BrokerAwayError as error:
                log.warning("the broker does not take messages", error=error.kind)
                self.desk.not_sent([work], TICK_SECONDS)

    def _forget(self, now: datetime) -> None:
        """Take off the desk what belongs to days that are over."""
        oldest = (clock.in_vietnam(now).date() - timedelta(days=DAYS_KEPT)).isoformat()
        for task in (NIGHT, REPORT):
            gone = [work.id for work in self.desk.all() if work.task == task and work.state != "claimed"
                    and work.id.partition(":")[2] < oldest]
            if gone:
                self.desk.clear(task, gone)

    def _holds_the_clock(self) -> bool:
        """Whether the clock is ours, taken now if nobody holds it. Raises DBAPIError when the database is away."""
        if self._lock is None:
            stack = ExitStack()
            self._still = stack.enter_context(self.desk.catalogue.held(CLOCK))
            if self._still is None:
                stack.close()
                return False
            self._lock = stack
        if self._still is None or not self._still():
            self._let_go()
            return False
        return True

    def _let_go(self) -> None:
        if self._lock is not None:
            self._lock.close()
            self._lock = None


def _time(told: str) -> time:
    return time.fromisoformat(told)
