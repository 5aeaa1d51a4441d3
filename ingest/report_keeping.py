"""What the morning report tells of the keeping: each target of backups, the restore test, the weekly rebuild drill.

And of the night's hours: what was foretold, what was left for the next night. From the ledger alone; no medium need be
at hand. Nothing here changes anything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from archive import clock
from archive.backup import standing
from archive.backup.standing import Standing
from archive.i18n import _, ngettext_
from archive.model import Event
from archive.settings import Settings
from archive.terminal import local_day, state_name
from ingest import rebuild_drill
from ingest.forecast import amount, duration

Told = tuple[str, str, dict[str, Any]]      # name, state and figures of a promise (ingest/report.py)
NAMES = ("backup", "restore_test", "rebuild")


def promises(session: Session, settings: Settings, now: datetime) -> Iterator[Told]:
    """How backups, the restore test and the rebuild drill stand."""
    stand = standing.standing(session, settings)
    for one in stand:
        yield _backup(one, settings, now)
    if not stand:
        yield "backup", "not_checked", {"place": ""}
    elif any(one.made_at for one in stand):
        yield _restore_test(stand, settings, now)
    yield from _rebuild(session, settings, now)


def forecast_of(session: Session, batch: str) -> dict[str, Any]:
    """What was foretold when the batch began; nothing for batches of before there were forecasts."""
    data = session.scalar(select(Event.data).where(Event.kind == "batch_started", Event.subject == batch)) or {}
    return dict(data.get("forecast", {}))


def _backup(one: Standing, settings: Settings, now: datetime) -> Told:
    since = standing.age(one.made_at, now)
    late = since is None or since >= timedelta(days=settings.backup.late_days)
    figures = {"place": one.target, "made_at": one.made_at, "age": None if since is None else since.days,
               "late": late, "days": settings.backup.late_days, "sets": one.sets, "bytes": one.size,
               "medium": one.medium, "faults": one.check_faults, "checked_at": one.checked_at}
    return "backup", "broken" if late or one.check_faults else "kept", figures


def _restore_test(stand: list[Standing], settings: Settings, now: datetime) -> Told:
    newest = max(stand, key=lambda one: one.drilled_at)
    since = standing.age(newest.drilled_at, now)
    late = since is None or since > timedelta(days=settings.backup.drill_days)
    figures = {"at": newest.drilled_at, "place": newest.target, "age": None if since is None else since.days,
               "days": settings.backup.drill_days, "faults": newest.drill_faults, "late": late}
    return "restore_test", "broken" if newest.drill_faults else "not_checked" if late else "kept", figures


def _rebuild(session: Session, settings: Settings, now: datetime) -> Iterator[Told]:
    done = rebuild_drill.last(session)
    overdue = rebuild_drill.overdue(session, settings, now)
    if done is None:
        if overdue:
            yield "rebuild", "not_checked", {"at": "", "overdue": overdue}
        return
    figures = {"at": done.at, "documents": done.data["documents"], "events": done.data["events"],
               "seconds": done.data["seconds"], "faults": done.data["number"], "overdue": overdue}
    yield "rebuild", "broken" if done.data["number"] else "not_checked" if overdue else "kept", figures


# --- in words ----------------------------------------------------------------------------------------------


def sentence(name: str, state: str, figures: Mapping[str, Any]) -> str:
    """One of these promises and how it stands, in words."""
    told: Mapping[str, Callable[[str, Mapping[str, Any]], str]] = {
        "backup": _backup_sentence, "restore_test": _restore_sentence, "rebuild": _rebuild_sentence}
    return told[name](state, figures)


def _backup_sentence(_state: str, figures: Mapping[str, Any]) -> str:
    if not figures["place"]:
        return _("No backups are made: name folders on media apart in luutru.toml (backup.targets)")
    if not figures["made_at"]:
        return _("The backup {place}: none has been made yet: luutru backup run").format(place=figures["place"])
    told = _("The backup {place}: last made {day} ({sets} sets, {size})").format(
        place=figures["place"], day=_day(figures["made_at"]), sets=figures["sets"], size=amount(figures["bytes"]))
    if figures["late"]:
        told += "; " + _("overdue, {days} days are allowed: luutru backup run").format(days=figures["days"])
    if figures["faults"]:
        told += "; " + _("{n} faults were found in it: luutru backup check").format(n=figures["faults"])
    return told


def _restore_sentence(state: str, figures: Mapping[str, Any]) -> str:
    if not figures["at"]:
        return _("A restore has never been tried: luutru backup drill")
    if state == "broken":
        told = _("The restore that was tried on {day} from {place} was not whole ({n} faults): luutru backup list")
        return told.format(day=_day(figures["at"]), place=figures["place"], n=figures["faults"])
    if figures["late"]:
        return _("A restore was last tried on {day}, every {days} days one is due: luutru backup drill").format(
            day=_day(figures["at"]), days=figures["days"])
    return _("A restore from {place} was tried on {day}: whole").format(place=figures["place"], day=_day(figures["at"]))


def _rebuild_sentence(state: str, figures: Mapping[str, Any]) -> str:
    if state == "broken":
        return _("The catalogue was made again on trial on {day}: {n} rows are not what ledger and store say: "
                 "luutru rebuild --compare").format(day=_day(figures["at"]), n=figures["faults"])
    if state == "not_checked":
        last = _day(figures["at"]) if figures["at"] else _("never")
        return _("The weekly rebuild drill is {n} days late (last: {last}): give the night more time, or run luutru "
                 "rebuild --compare").format(n=figures["overdue"], last=last)
    return _("The catalogue was made again on trial on {day} and is the same ({documents} documents, {time})").format(
        day=_day(figures["at"]), documents=figures["documents"], time=duration(figures["seconds"]))


def left_sentence(left: Mapping[str, Any]) -> str:
    """What is to be known of what a night left for the next one, besides its number (NIGHT-007), in words."""
    told = _("It will take about {time}").format(time=duration(left["seconds"]))
    if left["inbox"]:
        told += "; " + ngettext_("{n} file still lies in the inbox, not yet taken in",
                                 "{n} files still lie in the inbox, not yet taken in", left["inbox"]).format(
            n=left["inbox"])
    return told + "."


def counted(state: str, left: Mapping[str, Any]) -> str:
    """The name of a state beside its number in a report: who was received and nothing else was left."""
    return _("left for the next night") if state == "received" and left else state_name(state)


def forecast_sentence(told: Mapping[str, Any], took: float | None) -> str:
    """What was foretold of a night, and what it took; "" where nothing was."""
    if not told or not (told["files"] or told["items"]):
        return ""
    said = _("Foretold: {time} for {n} files ({size})").format(
        time=duration(told["seconds"]), n=told["files"] + told["items"], size=amount(told["bytes"]))
    return said + ("; " + _("it took {time}").format(time=duration(took)) if took is not None else "")


def _day(stamp: str) -> str:
    return local_day(clock.in_vietnam(clock.parse(stamp)).date().isoformat())
