"""Until: which items a night still begins when it has to be done by an hour, and what becomes of those it leaves.

What is in hand is finished. What is left stands again where the ledger says, with all that is known of it beside its
bytes, and the next night takes it up: urgent ones first, then what came first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from archive import clock, model
from archive.catalogue import SOME
from archive.errors import UsageError
from archive.findings import Finding, finding
from archive.i18n import _
from archive.opening import Archive
from archive.rebuild import STATES
from archive.settings import Settings
from ingest import intake
from ingest.item import Item
from ingest.pace import Pace, kind_of
from ingest.sources.packages import SOURCE
from ingest.urgency import is_marked

NAMED = 20              # items that the batch names; the rest is counted
AT_MOST = 0.25          # of a night's hours are kept free for what follows the storing
WHOLE = timedelta(hours=1)  # a night of this length begins at least one item that earlier nights left: else an estimate
#                             that is too high would keep it out for ever


def moment(told: str, now: datetime) -> datetime | None:
    """The next time that clocks in Vietnam show `told` (HH:MM); None for "" and "off". Raises UsageError.

    A day with its hour (2026-11-21T05:30) is that moment, even if it has passed.
    """
    if told in ("", "off"):
        return None
    try:
        if told[10:11] == "T" and len(told) == 16:
            return datetime.fromisoformat(told).replace(tzinfo=clock.VIETNAM)
        hour = time.fromisoformat(told)
    except ValueError:
        hour = None
    if hour is None or hour.second or hour.tzinfo or len(told) != 5:
        raise UsageError(_("“{told}” is not a time of the day such as 05:30.").format(told=told))
    here = clock.in_vietnam(now)
    then = datetime.combine(here.date(), hour, clock.VIETNAM)
    return then if then > here else then + timedelta(days=1)


@dataclass(slots=True)
class Hours:
    """The hours of one night. Ask `admitted` for the items in the order in which they should be begun.

    `until` None: the night takes as long as it takes, and everything is begun.
    """

    until: datetime | None
    began: datetime
    pace: Pace
    settings: Settings
    now: Callable[[], datetime] = lambda: clock.now()
    left: set[str] = field(default_factory=set)             # items that are not begun
    in_hand: dict[str, float] = field(default_factory=dict)     # item → seconds that it will take
    begun: int = 0
    unstored: int = 0       # items that are examined or will be, and are still to be stored

    @property
    def remaining(self) -> float:
        """Seconds until the night is to be done; endless where it need not be."""
        return (self.until - self.now()).total_seconds() if self.until is not None else float("inf")

    @property
    def over(self) -> bool:
        """Whether there is time for nothing more."""
        return self.remaining <= self._kept_free + self.unstored * self.pace.store

    @property
    def _kept_free(self) -> float:
        """Seconds for what follows the storing: reading again, sealing, copies."""
        if self.until is None:
            return 0.0
        return min(self.pace.after, AT_MOST * max(0.0, (self.until - self.began).total_seconds()))

    def admitted(self, items: Iterable[Item]) -> Iterator[Item]:
        """The items that are begun, each decided when it is asked for; the others are `left`."""
        for item in items:
            seconds = self.pace.of(kind_of(item.name, self.settings), sum(part.size for part in item.parts))
            if self.until is None or self._fits(seconds) or self._must(item):
                self.left.discard(item.id)
                self.in_hand[item.id] = seconds
                self.begun += 1
                self.unstored += 1
                yield item
            else:
                self.left.add(item.id)

    def done(self, item: str) -> None:
        """An item came back from its worker."""
        self.in_hand.pop(item, None)

    def too_late_for(self, item: Item) -> bool:
        """Whether an item that was handed out, but that nobody has begun, would not be done in time any more."""
        seconds = self.in_hand.get(item.id, 0.0) * self.pace.processors
        return self.remaining <= self._kept_free + self.unstored * self.pace.store + seconds

    def call_off(self) -> None:
        """What is still in hand was not begun after all."""
        self.left |= self.in_hand.keys()
        self.begun -= len(self.in_hand)
        self.unstored -= len(self.in_hand)
        self.in_hand.clear()

    def within(self, seconds: float) -> float:
        """`seconds`, or what the night still has."""
        return min(seconds, max(0.0, self.remaining))

    def _fits(self, seconds: float) -> bool:
        # One item is one worker's work, and takes it as long as it would take all of them together many times over.
        needed = sum(self.in_hand.values()) + seconds * self.pace.processors
        return needed + self._kept_free + (self.unstored + 1) * self.pace.store <= self.remaining

    def _must(self, item: Item) -> bool:
        if self.until is None or self.begun or item.received_at >= self.began:
            return False
        whole = self.until - self.began
        return whole >= WHOLE and self.until - self.now() >= whole / 2


# --- what is left ------------------------------------------------------------------------------------------


def leave(archive: Archive, batch: str, hours: Hours, unseen: int) -> tuple[dict[str, Any], list[Finding]]:
    """Put the items that were not begun back where the ledger says they are; what the batch tells of them.

    `unseen` files of the inbox were not even taken in. The caller owns the archive.
    """
    if hours.until is None:
        return {}, []
    with archive.catalogue.session() as session:
        rows = list(session.scalars(select(model.Item).where(model.Item.batch == batch,
                                                             model.Item.state == "received")))
        # A document of a package that the night put together again is received like any other.
        stands = _as_told(session, [row.id for row in rows])
        told = _told(rows, hours, unseen)
        for row in rows:
            item = intake.from_row(row, archive.settings)
            if row.source != SOURCE or item.folder.is_dir():
                intake.write_sidecar(item)
                row.facts = {**item.facts, "parts": [intake.part_as_dict(part, item.folder) for part in item.parts]}
            row.state, row.batch = stands[row.id]
    if not told:
        return {}, []
    until = f"{clock.in_vietnam(hours.until):%H:%M}"
    return told, [finding("NIGHT-007", "luutru nightly", n=told["items"] + unseen, urgent=told["urgent"], until=until)]


def _as_told(session: Session, items: Sequence[str]) -> dict[str, tuple[str, str]]:
    """State and batch of some items as their events tell them (archive/rebuild.py)."""
    found: dict[str, tuple[str, str]] = {}
    for start in range(0, len(items), SOME):
        event, some = model.Event, items[start:start + SOME]
        for subject, kind, data in session.execute(select(event.subject, event.kind, event.data).where(
                event.subject.in_(some), event.kind.in_(("received", *STATES))).order_by(event.seq)):
            state = "received" if kind == "received" else STATES[kind]
            found[subject] = (state, data.get("batch", found.get(subject, ("", ""))[1]))
    return found


def _told(rows: Sequence[model.Item], hours: Hours, unseen: int) -> dict[str, Any]:
    if not rows and not unseen:
        return {}
    urgent = [row for row in rows if _urgent(row)]
    assert hours.until is not None
    first = sorted(rows, key=lambda row: (row not in urgent, row.received_at, row.name))
    return {"until": clock.stamp(hours.until), "items": len(rows), "urgent": len(urgent), "inbox": unseen,
            "bytes": sum(row.size for row in rows),
            "seconds": round(sum(hours.pace.of(kind_of(row.name, hours.settings), row.size) for row in rows)),
            "first": [{"item": row.id, "name": row.name, "urgent": row in urgent} for row in first[:NAMED]]}


def _urgent(row: model.Item) -> bool:
    return is_marked({**row.fields, **row.facts.get("registry", {})})

