"""The desk: the table `work`, on which the night lays what is to be done and machines lay what came of it.

Every step is one statement in a transaction of its own; nothing is held while files are read or written. A claim has a
token, and only who shows the token of the present claim can renew it, end it or give it back: a machine that was
given up for dead and comes back finds its token void. Times are those of the database's clock.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import uuid4

from sqlalchemy import case, delete, func, or_, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from archive.catalogue import Catalogue
from archive.errors import SettingsError
from archive.i18n import _
from archive.model import Machine, Work
from archive.settings import Settings

T = TypeVar("T")

QUEUES = ("ocr", "verify", "io", "forms", "night")
RESEND_SECONDS = 20.0       # until the message of unclaimed work is sent again; doubled each time …
RESEND_DOUBLINGS = 4        # … so often
RETRY_SECONDS = 1.0         # between two tries of a statement while the database does not answer
ALIVE = 2.5                 # leases without a sign of life after which a machine counts as gone
_NOW = func.date_part("epoch", func.clock_timestamp())


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be laid on the desk: `id` is all that its message carries, `asked` all that the machine is told."""

    id: str
    task: str
    queue: str
    asked: Mapping[str, Any]
    urgent: bool = False


@dataclass(frozen=True, slots=True)
class Claim:
    """A piece of work that a machine has taken; `tries` counts this one."""

    id: str
    token: str
    task: str
    tries: int
    asked: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Told:
    """What came of a piece of work, or (with an `error`) why nothing did."""

    id: str
    token: str
    tries: int
    machine: str
    told: dict[str, Any]
    error: str


class Desk:
    """The desk of one archive. A database that does not answer is waited for `workers.patience_seconds`.

    Raises SettingsError when the archive's database is no server: several machines need one.
    """

    def __init__(self, settings: Settings) -> None:
        if not settings.database.startswith("postgresql"):
            raise SettingsError(_("workers.broker is set, but the database is a file: several machines need "
                                  "PostgreSQL (set “database”)"))
        self.catalogue = Catalogue(settings.database)
        self.lease = settings.workers.lease_seconds
        self.patience = settings.workers.patience_seconds
        self.tries = settings.workers.tries

    def close(self) -> None:
        """Give the connections back."""
        self.catalogue.close()

    def _do(self, act: Callable[[Session], T]) -> T:
        """`act` in a transaction; again, for a while, when the connection was lost. Every act may be said twice."""
        until = time.monotonic() + self.patience
        while True:
            try:
                with self.catalogue.session() as session:
                    return act(session)
            except DBAPIError as error:
                if not (error.connection_invalidated or _is_unreachable(error)) or time.monotonic() > until:
                    raise
                time.sleep(RETRY_SECONDS)

    # --- the night's side, and the beat's -------------------------------------------------------------------

    def lay(self, orders: Iterable[Order]) -> int:
        """Lay orders on the desk; those that lie there already stay as they are. How many are new."""
        rows = [{"id": one.id, "task": one.task, "queue": one.queue, "urgent": one.urgent, "state": "waiting",
                 "tries": 0, "sends": 0, "due": 0.0, "token": "", "machine": "", "until": 0.0,
                 "asked": dict(one.asked), "told": {}, "error": ""} for one in orders]
        if not rows:
            return 0
        laid = insert(Work).values(rows).on_conflict_do_nothing().returning(Work.id)
        return self._do(lambda session: len(session.scalars(laid).all()))

    def to_send(self, tasks: Collection[str]) -> list[tuple[str, str, bool]]:
        """(id, queue, urgent) of waiting work whose message is to be sent (again); the next time is noted at once.

        A message that is sent twice does no harm: the second finds the work claimed.
        """
        doubled = case((Work.sends > RESEND_DOUBLINGS, RESEND_DOUBLINGS), else_=Work.sends)
        chosen = update(Work).where(
            Work.task.in_(tasks), Work.state == "waiting", Work.tries < self.tries, Work.due <= _NOW).values(
            sends=Work.sends + 1, due=_NOW + RESEND_SECONDS * func.power(2, doubled)).returning(
            Work.id, Work.queue, Work.urgent)
        found = self._do(lambda session: session.execute(chosen).all())
        return sorted(((row.id, row.queue, row.urgent) for row in found), key=lambda one: (not one[2], one[0]))

    def not_sent(self, ids: Collection[str], wait: float) -> None:
        """The broker did not take the messages of these: send them in `wait` seconds."""
        again = update(Work).where(Work.id.in_(ids), Work.state == "waiting").values(due=_NOW + wait)
        self._do(lambda session: session.execute(again))

    def take_back(self, tasks: Collection[str]) -> list[tuple[str, str]]:
        """Take work away from machines that were silent for too long: (id, machine) of each."""
        silent = update(Work).where(Work.task.in_(tasks), Work.state == "claimed", Work.until < _NOW).values(
            state="waiting", token="", due=_NOW, error=_LOST + Work.machine).returning(Work.id, Work.machine)
        return self._do(lambda session: [(row.id, row.machine) for row in session.execute(silent)])

    def finished(self, task: str, most: int = 32) -> list[Told]:
        """Work that is done, and work that was tried too often (its `error` says why, `told` is empty)."""
        query = select(Work).where(Work.task == task, or_(
            Work.state == "done", (Work.state == "waiting") & (Work.tries >= self.tries))).limit(most)
        return self._do(lambda session: [Told(row.id, row.token, row.tries, row.machine, row.told,
                                              "" if row.state == "done" else row.error or "?")
                                         for row in session.scalars(query)])

    def clear(self, task: str, ids: Collection[str] | None = None) -> None:
        """Take work off the desk, whatever its state; who has it will find that nobody wants it any more."""
        gone = delete(Work).where(Work.task == task)
        if ids is not None:
            gone = gone.where(Work.id.in_(ids))
        self._do(lambda session: session.execute(gone))

    def withdraw(self, task: str, ids: Collection[str] | None = None) -> list[str]:
        """Take everything off the desk (or what of `ids` lies there) that no machine has claimed; the ids."""
        gone = delete(Work).where(Work.task == task, Work.state == "waiting")
        if ids is not None:
            gone = gone.where(Work.id.in_(ids))
        return self._do(lambda session: list(session.scalars(gone.returning(Work.id))))

    def again(self, told: Told, error: str, wait: float = 5.0) -> None:
        """What was told cannot be used (`error`): the work waits for another machine, the try counted."""
        back = update(Work).where(Work.id == told.id, Work.token == told.token, Work.state == "done").values(
            state="waiting", token="", told={}, error=error, due=_NOW + wait)
        self._do(lambda session: session.execute(back))

    def claimed(self, task: str) -> int:
        """How many pieces of this kind machines have in hand."""
        count = select(func.count()).select_from(Work).where(Work.task == task, Work.state == "claimed")
        return self._do(lambda session: session.scalar(count)) or 0

    def state(self, work: str) -> str:
        """Where a piece of work stands; "" when it is not on the desk."""
        return self._do(lambda session: session.scalar(select(Work.state).where(Work.id == work))) or ""

    # --- the machine's side -------------------------------------------------------------------------------

    def claim(self, work: str, machine: str, settings: str = "") -> Claim | None:
        """Claim a piece of work; None when it is done, claimed by another, tried too often, or not wanted any more.

        Also when it asks for other `settings` (a fingerprint) than this machine has.
        """
        token = uuid4().hex
        wanted = Work.asked["settings"].as_string()
        taken = update(Work).where(Work.id == work, Work.state == "waiting", Work.tries < self.tries,
                                   or_(wanted.is_(None), wanted == settings)).values(
            state="claimed", token=token, machine=machine, tries=Work.tries + 1,
            until=_NOW + self.lease).returning(Work.id, Work.task, Work.tries, Work.asked)
        row = self._do(lambda session: session.execute(taken).first())
        # A commit whose answer was lost leaves a claim that nobody works on: it ends with its lease.
        return Claim(row.id, token, row.task, row.tries, row.asked) if row is not None else None

    def renew(self, tokens: Sequence[str]) -> set[str]:
        """Renew claims; the tokens that still count."""
        if not tokens:
            return set()
        kept = update(Work).where(Work.token.in_(tokens), Work.state == "claimed").values(
            until=_NOW + self.lease).returning(Work.token)
        return self._do(lambda session: set(session.scalars(kept)))

    def finish(self, claim: Claim, told: Mapping[str, Any]) -> bool:
        """Lay what came of it on the desk; False when the claim does not count any more."""
        done = update(Work).where(Work.id == claim.id, Work.token == claim.token).values(
            state="done", told=dict(told), error="").returning(Work.id)
        return self._do(lambda session: session.scalar(done)) is not None

    def give_back(self, claim: Claim, error: str, *, counted: bool, wait: float = 5.0) -> bool:
        """Give the work back, to be done by anybody in `wait` seconds; `counted`: this was one of its tries."""
        back = update(Work).where(Work.id == claim.id, Work.token == claim.token, Work.state == "claimed").values(
            state="waiting", token="", error=error, due=_NOW + wait,
            tries=Work.tries if counted else Work.tries - 1).returning(Work.id)
        return self._do(lambda session: session.scalar(back)) is not None

    # --- machines -----------------------------------------------------------------------------------------

    def sign_of_life(self, name: str, queues: Sequence[str], processors: int, settings: str, version: str) -> None:
        """Note that this machine is there and what it takes."""
        row = {"queues": list(queues), "processors": processors, "settings": settings, "version": version,
               "seen": _NOW}
        told = insert(Machine).values(name=name, **row).on_conflict_do_update(index_elements=[Machine.name], set_=row)
        self._do(lambda session: session.execute(told))

    def leave(self, name: str) -> None:
        """This machine takes no more work."""
        self._do(lambda session: session.execute(delete(Machine).where(Machine.name == name)))

    def machines(self) -> list[Machine]:
        """The machines that gave a sign of life lately, by name; those that are long gone are forgotten."""
        def act(session: Session) -> list[Machine]:
            session.execute(delete(Machine).where(Machine.seen < _NOW - 86_400))
            return list(session.scalars(select(Machine).where(Machine.seen > _NOW - ALIVE * self.lease)
                                        .order_by(Machine.name)))
        return self._do(act)

    def all(self) -> list[Work]:
        """Everything on the desk, by task and id: for people who look."""
        return self._do(lambda session: list(session.scalars(select(Work).order_by(Work.task, Work.id))))

    def now(self) -> float:
        """The database's clock, seconds since 1970."""
        return float(self._do(lambda session: session.scalar(select(_NOW))) or 0)


_LOST = "the machine was silent for too long: "


def _is_unreachable(error: DBAPIError) -> bool:
    """Whether the server was not there at all, or is just starting or stopping (class 57P, 08)."""
    state = getattr(error.orig, "pgcode", None)
    return state is None or state.startswith(("57P", "08"))


def is_ready(desk: Desk) -> bool:
    """Whether the database answers now."""
    try:
        with desk.catalogue.session() as session:
            session.execute(text("SELECT 1"))
    except DBAPIError:
        return False
    return True
