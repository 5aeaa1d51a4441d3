"""The night's side: items laid on the desk, messages sent, what comes back put in its place.

The night hands out a bounded number of items at a time, in the order in which they come; it sends messages again that
nobody followed, takes work away from machines that went silent, sets aside what several machines could not do, and does
everything itself when there is no machine. So a broker that forgets, or a machine that dies, costs time and no item.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import structlog

from archive import clock
from archive.errors import NoRoomError
from archive.findings import Finding, finding
from ingest import intake
from ingest.item import Context, Examined, Item
from ingest.machines import app as broker
from ingest.machines import views
from ingest.machines.desk import Desk, Order, Told
from ingest.machines.fingerprint import fingerprint
from ingest.sources.packages import SOURCE
from ingest.urgency import is_urgent

EXAMINE = "examine"
SHOWN_SECONDS = 60.0        # a shared file system may take so long to show on one machine what another wrote
ROOM_RUNNING = 8 << 20      # bytes free on the shared disk below which the night stops
_PAUSES = (0.02, 0.25)      # seconds between two looks at the desk: at work, and when nothing happens
NUDGE_SECONDS = 5.0         # after which messages are sent once more when nobody has anything in hand
_BROKER_SECONDS = 3.0       # until a broker that did not answer is asked again
_LOOK_SECONDS = 1.0         # between two looks at what machines there are and what they have
_PICTURES = {".tif", ".tiff", ".jpg", ".jpeg", ".png", ".jp2", ".bmp"}

log = structlog.get_logger()


@dataclass(slots=True)
class _Out:
    """What is handed out: the items that lie on the desk, those that do not yet, and since when nothing happened."""

    waiting: Iterator[Item]
    too_late: Callable[[Item], bool]
    more: bool = True           # whether some still wait, as far as is known
    lying: dict[str, Item] = field(default_factory=dict)
    unseen: dict[str, float] = field(default_factory=dict)      # token → since when its files are waited for
    quiet_since: float = field(default_factory=lambda: _alone_since[0] if _alone_since else time.monotonic())
    broker_after: float = 0.0
    broker_lost: str = ""       # why it did not take the last message; empty: it did
    nudged: bool = False
    looked: float = 0.0


_said: list[Finding] = []
_alone_since: list[float] = []      # since when this process has known that nobody takes work; empty: somebody does


def take_said() -> list[Finding]:
    """What is to be said of the machines since the last time this was asked; said once."""
    told, _said[:] = list(_said), []
    return told


def examine_all(items: Iterable[Item], context: Context, only: str = "",
                too_late: Callable[[Item], bool] = lambda _item: False) -> Iterator[Examined]:
    """Put `items` through the stages (or those of the name `only`) on whatever machines take them.

    Yields each as it is done, in no fixed order, as ingest.worker.examine_all does on one machine; takes an item only
    when it is about to be handed out. What no machine has begun when it is `too_late` for it is taken off the desk and
    not yielded. The caller owns the archive. Raises NoRoomError when the shared disk is full, SQLAlchemy's errors when
    the database stays away.
    """
    settings = context.settings
    desk, sender = Desk(settings), broker.Sender(settings)
    out = _Out(iter(items), too_late)
    asked = {"night": context.night.isoformat(), "at": clock.stamp(context.at), "only": only,
             "settings": fingerprint(settings), "trust": _inside(settings.path(settings.signatures.trust), context)}
    try:
        for machine in desk.machines():
            if machine.settings != asked["settings"]:
                _say(finding("WORKER-003", machine.name))
        desk.clear(EXAMINE)         # of a night that was killed
        views.sweep(settings)
        while out.more or out.lying:
            _lay(desk, out, asked, context)
            _send(desk, sender, out)
            done = list(_take_in(desk, out, context))
            yield from done
            if done:
                _somebody_works(out)
            yield from _look_after(desk, out, context, only)
            time.sleep(_PAUSES[not done])
    finally:
        desk.clear(EXAMINE)
        views.sweep(settings)
        desk.close()
        sender.close()


def queue_of(item: Item, only: str = "") -> str:
    """Which kind of work an item is, as far as is known before it is examined; a hint, and no promise.

    ocr: pictures, and PDFs that were seen to hold pictures only; io: packages; verify: everything else.
    """
    if only:
        return "ocr" if only == "sheets" else "verify"
    suffix = Path(item.name).suffix.lower() or Path(item.main.name).suffix.lower()
    if suffix in (".zip", ".sip", ".aip") and item.source != SOURCE:
        return "io"
    scanned = bool(item.facts.get("sheets")) or bool(item.facts.get("scan"))
    return "ocr" if suffix in _PICTURES or scanned else "verify"


def _inside(path: Path, context: Context) -> str:
    """A path as seen from the archive's folder, which lies elsewhere on other machines; absolute where it is outside.
    """
    return str(path.relative_to(context.settings.root)) if path.is_relative_to(context.settings.root) else str(path)


def _lay(desk: Desk, out: _Out, asked: dict[str, Any], context: Context) -> None:
    orders = []
    while out.more and len(out.lying) < context.settings.workers.ahead:
        if (item := next(out.waiting, None)) is None:
            out.more = False
            break
        name = f"{EXAMINE}:{item.id}"
        out.lying[name] = item
        told = {**intake.as_dict(item), "folder": _inside(item.folder, context)}
        orders.append(Order(name, EXAMINE, queue_of(item, asked["only"]), {**asked, "item": told}, is_urgent(item)))
    desk.lay(orders)


def _send(desk: Desk, sender: broker.Sender, out: _Out) -> None:
    """Send the messages that are due. What the broker does not take is due again in a moment."""
    if time.monotonic() < out.broker_after:
        return
    due = desk.to_send([EXAMINE])
    for n, (work, queue, urgent) in enumerate(due):
        try:
            sender.send(EXAMINE, work, queue, urgent=urgent)
        except broker.BrokerAwayError as error:
            log.warning("the broker does not take messages", error=error.kind)
            desk.not_sent([one[0] for one in due[n:]], 0.0)
            out.broker_after, out.broker_lost = time.monotonic() + _BROKER_SECONDS, error.kind
            return
    if due and out.broker_lost:         # it is back, and may have forgotten what it had
        out.broker_lost = ""
        desk.not_sent(out.lying, 0.0)


def _take_in(desk: Desk, out: _Out, context: Context) -> Iterator[Examined]:
    """What is done: its files put in place, the work off the desk."""
    for told in desk.finished(EXAMINE):
        item = out.lying.get(told.id)
        if item is None:
            desk.clear(EXAMINE, [told.id])
        elif told.error:
            yield _set_aside(desk, out, told, item)
        elif (one := _put_in_place(desk, out, told, item, context)) is not None:
            yield one


def _set_aside(desk: Desk, out: _Out, told: Told, item: Item) -> Examined:
    """Several machines could not do it: our failure, with the last traceback for the log."""
    desk.clear(EXAMINE, [told.id])
    del out.lying[told.id]
    last = told.error.strip().rpartition("\n")[2]
    return Examined(item, [finding("WORKER-001", item.name, tries=told.tries, machine=told.machine, error=last)],
                    error=told.error)


def _put_in_place(desk: Desk, out: _Out, told: Told, item: Item, context: Context) -> Examined | None:
    settings, result = context.settings, told.told
    if missing := views.missing(settings, told.token, result["files"]):
        since = out.unseen.setdefault(told.token, time.monotonic())
        if time.monotonic() - since > SHOWN_SECONDS:
            del out.unseen[told.token]
            views.drop(settings, told.token)
            desk.again(told, f"{told.machine}: not to be seen on the shared disk: {missing[0]}")
        return None
    out.unseen.pop(told.token, None)
    done = intake.from_dict({**result["item"], "folder": str(item.folder)})
    views.adopt(settings, told.token, item.folder, others=bool(done.facts.get("package", {}).get("unfolded")))
    desk.clear(EXAMINE, [told.id])
    del out.lying[told.id]
    return Examined(done, [Finding.from_dict(one) for one in result["findings"]], result["cpu"], result["error"],
                    times=result.get("times", []))


def _look_after(desk: Desk, out: _Out, context: Context, only: str) -> Iterator[Examined]:
    """Once a second: silent machines, a full disk, what it is too late for, and whether anybody is there at all."""
    now = time.monotonic()
    if now - out.looked < _LOOK_SECONDS or not out.lying:
        return
    out.looked, settings = now, context.settings
    if shutil.disk_usage(settings.root).free < ROOM_RUNNING:
        raise NoRoomError(str(settings.root))
    if late := [work for work, item in out.lying.items() if out.too_late(item)]:
        for work in desk.withdraw(EXAMINE, late):
            del out.lying[work]
    for work, machine in desk.take_back([EXAMINE]):
        log.warning("a machine went silent", machine=machine, work=work)
    if desk.claimed(EXAMINE):
        _somebody_works(out)
        return
    if now - out.quiet_since >= NUDGE_SECONDS and not out.nudged:
        out.nudged = True       # a broker that was started anew between two messages has forgotten those before
        desk.not_sent(out.lying, 0.0)
    if now - out.quiet_since >= settings.workers.patience_seconds:
        yield from _do_here(desk, out, context, only)       # and on like this, until a machine is quicker


def _somebody_works(out: _Out) -> None:
    out.quiet_since, out.nudged = time.monotonic(), False
    _alone_since.clear()


def _do_here(desk: Desk, out: _Out, context: Context, only: str) -> Iterator[Examined]:
    """No machine takes what is handed out: this one does it."""
    from ingest.worker import examine_here

    mine = [out.lying.pop(work) for work in desk.withdraw(EXAMINE) if work in out.lying]
    _alone_since[:] = [out.quiet_since]         # the next items of this night do not wait as long again
    if mine:
        log.warning("no machine takes work; the machine of the night does it itself", items=len(mine))
        _say(finding("WORKER-002", "luutru worker", seconds=f"{context.settings.workers.patience_seconds:g}"))
        if out.broker_lost:
            _say(finding("WORKER-004", "workers.broker", error=out.broker_lost))
        yield from examine_here((item for item in mine if not out.too_late(item)), context, only)


def _say(one: Finding) -> None:
    if one not in _said:
        _said.append(one)
