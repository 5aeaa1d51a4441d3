"""Execution: exactly the approved plan, item by item, then the proof that nothing is left; safe to kill and run again.

Asked again before the first item: is everything as it was approved, is nothing held, is the term still running. What is
executed must be what was approved, else the whole batch fails loudly (NĐ 31/2026/NĐ-CP Điều 10 khoản 3 điểm b).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import select

from archive import clock, destroyed
from archive.absence import FOUND, WAITS, Remaining, absent_all, waiting_package
from archive.destroying import destroy_all
from archive.document_paths import home_of
from archive.errors import IntegrityError
from archive.files import json_bytes
from archive.findings import Finding, Level, finding, worst
from archive.i18n import _
from archive.model import Event
from archive.opening import Archive
from archive.targets import Target
from retention.destruction import approving, checking, keeping, paper, planning
from retention.destruction.keeping import Batch
from retention.reading import copies_kept

SCHEMA = "luutru/destruction-execution/1"
READERS = "reading"         # where copies made for readers lie
PAPER_LACKS = "minutes"      # pending while the number of the minutes on the paper lacks
_EXECUTED = ("partly", "destroyed", "closed")
Tell = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Executor:
    """Who executes, and who watches it."""

    by: str
    witness: str = ""


def check(archive: Archive, batch: Batch, at: datetime) -> list[Finding]:
    """What forbids to execute the batch now; what was begun is asked only for what is left of it."""
    begun = set(destroyed.lines(archive.store, batch.id))
    if not begun:
        decided = batch.act("approved")
        return [*checking.term(archive, batch, decided["dated"], checking.today(at)), *checking.papers(archive, batch),
                *approving.may_go(archive, batch, at)]
    gone = set(_gone(archive, batch.id))
    left = [one for one in batch.standing if one["code"] not in gone]
    with archive.catalogue.session() as session:
        return checking.standing(archive, session, left, checking.today(at), but=batch.id)


def apply(archive: Archive, name: str, plan_hash: str, who: Executor, *, index: Any = None, at: datetime,
          tell: Tell = lambda done, total: None, minutes: paper.Minutes | None = None,
          dry_run: bool = False) -> tuple[Batch, list[Finding]]:
    """Execute an approved batch, or go on with one; then look everywhere for what is left. The caller owns the archive.

    `plan_hash`: what the person typed, at least twelve characters of the hash. `minutes`: those of the destruction of
    the paper, where the plan names any. A batch that was executed is looked at again, and what came back of it, from a
    backup or with a copy, goes again. Raises RefusedError in the wrong state, IntegrityError when the plan or what is
    executed is not what was approved: the batch has failed then.
    """
    keeping.finish(archive)
    batch = keeping.open_batch(archive, name)
    keeping.not_in(batch, "approved", "executing", *_EXECUTED)
    if len(plan_hash) < SHORT or not batch.plan_hash.startswith(plan_hash.strip().lower()):
        return batch, [finding("DESTROY-029", name, typed=plan_hash)]
    targets = planning.planned(planning.read_plan(archive, batch))
    _compare_approved(batch, targets)
    found = paper.check(archive.settings, batch, minutes, checking.today(at))
    if batch.state not in _EXECUTED:
        found += check(archive, batch, at)
    if worst(found) >= Level.refused or dry_run:
        return batch, found
    if batch.state in ("destroyed", "closed") and not any(
            one.hinders for some in _left(archive, targets, index).values() for one in some):
        return batch, found     # said again, and all is as it was
    if batch.state == "approved":
        batch = keeping.write(archive, batch.with_record(state="executing"), "started", {
            "plan_hash": batch.plan_hash, "witness": who.witness, "typed": plan_hash}, by=who.by, at=at)
    decided = batch.act("approved")
    copies_kept.remove(archive, [_home(one) for one in targets])
    for _one in destroy_all(archive, name, targets, by=who.by, index=index, tell=tell,
                            decision=f"{decided['number']}, {decided['dated']}"):
        pass
    made, left = _prove(archive, batch, targets, who, index, minutes)
    return made, found + left


SHORT = 12      # characters of the plan's hash that a person types at least


def _compare_approved(batch: Batch, targets: Sequence[Target]) -> None:
    """What the plan names is what the batch says stands and what was approved. Raises IntegrityError."""
    decided = batch.act("approved")
    same = [one.code for one in targets] == [one["code"] for one in batch.standing]
    if not same or decided["plan_hash"] != batch.plan_hash or decided["count"] != len(targets):
        raise IntegrityError(_("{batch}: the list is not the one that was approved; nothing was destroyed").format(
            batch=batch.id))


def _prove(archive: Archive, batch: Batch, targets: Sequence[Target], who: Executor, index: Any,
           minutes: paper.Minutes | None) -> tuple[Batch, list[Finding]]:
    """Compare what was executed with what was approved, look for what is left, and write both down."""
    gone = _gone(archive, batch.id)
    traced = destroyed.lines(archive.store, batch.id)
    wanted = {one.code: one.digest for one in targets}
    now = clock.now()
    differing = sorted(set(gone) ^ set(wanted) | set(traced) ^ set(wanted) | {
        code for code in wanted if code in traced and traced[code]["digest"] != wanted[code]})
    if differing:
        told = {"differing": differing[:keeping.MOST_TOLD], "executed": len(gone), "approved": len(wanted)}
        failed = keeping.write(archive, batch.with_record(state="failed"), "failed", told, by=who.by, at=now)
        return failed, [finding("DESTROY-027", batch.id, n=len(differing), first=differing[0])]
    left = _left(archive, targets, index)
    hinders = [(code, one) for code, some in left.items() for one in some if one.hinders]
    there = [(code, one) for code, one in hinders if one.state == FOUND]
    told_paper = {"number": minutes.number.strip(), "dated": minutes.dated} if minutes else dict(
        paper.minutes_of(batch))
    lacks = bool(batch.standing_paper) and not told_paper
    pending = _pending([one for _code, one in hinders]) + ([{
        "state": PAPER_LACKS, "place": paper.PLACE, "until": "", "items": len(batch.standing_paper)}] if lacks else [])
    plan = planning.read_plan(archive, batch)
    executed = planning.canonical({**plan, "items": [one for one in plan["items"] if one["code"] in gone]})
    first, last = min(told[0] for told in gone.values()), max(told[0] for told in gone.values())
    done = {"count": len(gone), "documents": sum(told[1]["documents"] for told in gone.values()),
            "files": sum(told[1]["files"] for told in gone.values()),
            "bytes": sum(told[1]["bytes"] for told in gone.values()), "began": first, "ended": last,
            "checked_at": clock.stamp(now), "executor": who.by, "witness": batch.act("started").get("witness", ""),
            "plan_hash": batch.plan_hash, "executed_hash": hashlib.sha256(executed).hexdigest(),
            "complete": not hinders and not lacks, "pending": pending,
            "places": _places(gone, left, index is not None), **({"paper": told_paper} if told_paper else {})}
    report = {"schema": SCHEMA, "destruction": batch.id, **done, "items": [
        {"code": code, "at": gone[code][0], "digest": wanted[code], "places": gone[code][1]["places"],
         "left": [{"state": one.state, "place": one.place, "until": one.until, "what": one.what}
                  for one in left[code]]} for code in wanted]}
    items = [{**one, "state": "destroyed" if one["code"] in gone else one["state"]} for one in batch.items]
    end = "closed" if batch.state == "closed" else "destroyed"
    new = replace(batch, items=items).with_record(state=end if done["complete"] else "partly")
    new = keeping.write(archive, new, "executed", done, by=who.by, at=now,
                        files={keeping.EXECUTION: json_bytes(report)})
    found = [finding("DESTROY-007", code, place=one.place, what=one.what) for code, one in there]
    found += [finding("DESTROY-028", batch.id, place=one["place"], until=one["until"] or "…", n=one["items"])
              for one in pending if one["state"] not in (FOUND, WAITS, PAPER_LACKS)]
    if lacks:
        found.append(finding("DESTROY-054", batch.id, n=len(batch.standing_paper),
                             boxes=", ".join(one["box"] for one in paper.boxes(batch))))
    return new, found + _waiting(archive, hinders)


def _left(archive: Archive, targets: Sequence[Target], index: Any) -> dict[str, list[Remaining]]:
    """What is left anywhere of each of these case files, copies made for readers included."""
    left = absent_all(archive, targets, index)
    with archive.catalogue.session() as session:
        for one in targets:
            left[one.code] += [Remaining(FOUND, READERS, what=path.name)
                               for path in copies_kept.of_case_files(archive, session, [_home(one)])
                               if not one.document or path.suffix == ".zip" or path.stem == one.document]
    return left


def _home(one: Target) -> str:
    """The case file of a target; of a single document all copies of it are removed, since packages hold several."""
    return home_of(one.code) if one.document else one.code


def _waiting(archive: Archive, hinders: Sequence[tuple[str, Remaining]]) -> list[Finding]:
    """DESTROY-052 for every package of the intake area that still holds something, with what it waits for."""
    packages: dict[str, set[str]] = {}
    for code, one in hinders:
        if one.state == WAITS:
            packages.setdefault(one.what.rpartition("/")[2], set()).add(code)
    found = []
    with archive.catalogue.session() as session:
        for package, codes in sorted(packages.items()):
            name, waiting = waiting_package(session, package)
            found.append(finding("DESTROY-052", name, codes=", ".join(sorted(codes)[:checking.MOST]), n=len(waiting),
                                 first=", ".join(waiting[:3]) or "…"))
    return found


def _gone(archive: Archive, batch: str) -> dict[str, tuple[str, Mapping[str, Any]]]:
    """What the ledger says is gone by this batch: code → (moment, data)."""
    with archive.catalogue.session() as session:
        rows = session.execute(select(Event.subject, Event.at, Event.data).where(Event.kind == destroyed.DONE)).all()
    return {code: (at, data) for code, at, data in rows if data["destruction"] == batch}


def _pending(left: Sequence[Remaining]) -> list[dict[str, Any]]:
    """The places that still hold something or could not be looked at, each once, with the last day of what expires."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for one in left:
        told = found.setdefault((one.state, one.place), {"state": one.state, "place": one.place, "until": "",
                                                          "items": 0})
        told["items"] += 1
        told["until"] = max(told["until"], one.until)
    return [found[key] for key in sorted(found)]


def _places(gone: Mapping[str, tuple[str, Mapping[str, Any]]], left: Mapping[str, Sequence[Remaining]],
            index: bool) -> list[list[Any]]:
    """Each place with how many case files were destroyed there, how many were still seen, and a remark."""
    found: dict[str, int] = {}
    for _at, data in gone.values():
        for place in data["places"]:
            found[place] = found.get(place, 0) + 1
    if index:
        found["index"] = len(gone)
    found["catalogue"] = len(gone)
    if any(one.place == READERS for some in left.values() for one in some):
        found[READERS] = 0
    rows = []
    for place, n in found.items():
        seen = sum(any(one.place == place and one.state == "found" for one in some) for some in left.values())
        rows.append([_place_name(place), n, seen, "đã kiểm tra"])
    return rows


def _place_name(place: str) -> str:
    """A place as the papers name it."""
    names = {"store": "Kho lưu trữ chính", "index": "Chỉ mục tìm kiếm", "catalogue": "Cơ sở dữ liệu danh mục",
             READERS: "Bản sao cho người khai thác"}
    return names.get(place, f"Bản sao {place.removeprefix('copy:')}")
