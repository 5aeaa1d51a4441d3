"""The plan: exactly what is to be destroyed, with the hash of every file; its own hash is what everybody signs.

A plan is canonical JSON (docs/format.md) and never changes: when the council keeps something a new one is made. Its
SHA-256 stands on each paper, in figures and as a square code (NĐ 31/2026/NĐ-CP Điều 10: destroyed as approved).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from archive import clock, model
from archive.document_paths import home_of
from archive.errors import UsageError
from archive.findings import Finding, Level, finding, worst
from archive.i18n import _
from archive.opening import Archive
from archive.targets import Target, shared_scans, targets
from retention.destruction import checking, grounds, keeping, listing, paper
from retention.destruction.keeping import DUPLICATE, EXPIRED, HANDED, Batch, Entries

SCHEMA = "luutru/destruction-plan/1"
_PLANNED = ("n", "object", "code", "document", "title", "retention", "rule", "until", "reason", "documents", "pages",
            "bytes", "scans")


def canonical(value: Any) -> bytes:
    """`value` as canonical JSON: keys sorted, no blanks, UTF-8."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def make(archive: Archive, batch: Batch, at: datetime) -> tuple[Batch, dict[str, bytes]]:
    """The batch with a new plan of its standing items in force, and the plan's file. Raises IntegrityError."""
    items = batch.standing
    frozen = {one.code: one for one in targets(archive, [item["code"] for item in items])}
    n = int(batch.record.get("plan", 0)) + 1
    told = {"schema": SCHEMA, "id": batch.id, "n": n, "fonds": batch.record["fonds"],
            "fonds_name": batch.record["fonds_name"], "listed_on": batch.record["listed_on"], "at": clock.stamp(at),
            "from": batch.plan_hash, "items": [
                {**{key: item[key] for key in _PLANNED}, **({"twins": item["twins"]} if "twins" in item else {}),
                 "files": [list(file) for file in frozen[item["code"]].files]} for item in items]}
    if batch.standing_paper:
        told["paper"] = [{key: one[key] for key in ("box", "code", "title", "reason", "note")}
                         for one in batch.standing_paper]
    data = canonical(told)
    return (batch.with_record(plan=n, plan_hash=hashlib.sha256(data).hexdigest()), {keeping.plan_path(n): data})


def read_plan(archive: Archive, batch: Batch) -> dict[str, Any]:
    """The plan in force, after its hash was taken again. Raises IntegrityError, KeyError without a plan."""
    from archive.errors import IntegrityError

    data = archive.store.read(keeping.object_id(batch.id), keeping.plan_path(int(batch.record["plan"])))
    if hashlib.sha256(data).hexdigest() != batch.plan_hash:
        raise IntegrityError(_("{object}: the plan is not the one whose hash the batch names").format(object=batch.id))
    told: dict[str, Any] = json.loads(data)
    return told


def planned(told: Mapping[str, Any]) -> list[Target]:
    """What a plan names, as archive/destroying.py takes it."""
    return [Target(one["object"], one["code"], one["document"], tuple((path, sha256) for path, sha256 in one["files"]))
            for one in told["items"]]


@dataclass(frozen=True, slots=True)
class Change:
    """What a person changes of a list before it is frozen.

    `remove`: item → reason; `add`: case files, for the reason `ground` (none named and HANDED: all of the fonds that
    another archive signed for); `named`: document → the one that is kept, of what is there twice; `with_shared`: also
    the case files that share a long scan with a listed one; `without_blocked`: take out what may not go; `paper`: rows
    of the paper list, `no_paper`: none of it is left.
    """

    remove: Mapping[str, str] = field(default_factory=dict)
    add: Sequence[str] = ()
    reason: str = ""
    ground: str = EXPIRED
    named: Mapping[str, str] = field(default_factory=dict)
    with_shared: bool = False
    without_blocked: bool = False
    paper: Sequence[Entries] = ()
    no_paper: bool = False


def plan(archive: Archive, name: str, *, by: str, at: datetime, remove: Mapping[str, str] | None = None,
         add: Sequence[str] = (), reason: str = "", without_blocked: bool = False, dry_run: bool = False,
         change: Change | None = None) -> tuple[Batch, list[Finding]]:
    """Freeze the list of a batch: take items out, put case files in, then hash all that is left.

    With a finding that refuses nothing is changed. `without_blocked` takes out what may not be destroyed (any more)
    instead, with the finding as the reason. May be said again until a council is there; `change` has more to ask for,
    and stands instead of the single words. The caller owns the archive.
    """
    asked = change or Change(remove or {}, add, reason, without_blocked=without_blocked)
    keeping.finish(archive)
    batch = keeping.open_batch(archive, name)
    keeping.not_in(batch, "listed", "planned")
    items = [dict(one) for one in batch.items]
    known = {one["code"] for one in items}
    for code in asked.remove:
        if code not in known:
            raise UsageError(_("The batch {id} does not name {code}.").format(id=name, code=code))
    if (asked.add or asked.remove) and not (asked.reason.strip() or all(asked.remove.values())):
        raise UsageError(_("--reason may not be empty: the ledger keeps why."))
    _take_out(items, asked.remove, asked.reason)
    today = clock.in_vietnam(at).date().isoformat()
    with archive.catalogue.session() as session:
        items, found, added = _added(archive, session, batch, items, asked, today)
        blocked = _blocked(archive, session, items, today, name)
        while asked.without_blocked and (out := {one.subject: one.sentence() for one in blocked
                                                 if one.subject in known and _stands(items, one.subject)}):
            _take_out(items, out, "")
            blocked = _blocked(archive, session, items, today, name)
        found += blocked + checking.waiting(archive, session, [
            one["code"] for one in items if one["state"] == "proposed"])
        none = asked.no_paper or (bool(batch.record.get("no_paper")) and not asked.paper)
        given = [{**one, "given": True} for one in asked.paper or [one for one in batch.paper if one["given"]]]
        rows = [] if none else paper.listed(session, [one for one in items if one["state"] == "proposed"], given)
    new = replace(batch.with_record(state="planned"), items=items, paper=rows)
    if none or "no_paper" in batch.record:
        new = new.with_record(no_paper=none)
    if not new.standing:
        found.append(finding("DESTROY-001", name))
    if worst(found) >= Level.refused:
        return batch, found
    new, files = make(archive, new, at)
    if dry_run:
        return new, found
    told = {"plan": new.record["plan"], "plan_hash": new.plan_hash, "count": len(new.standing), "reason": asked.reason,
            "removed": sorted(asked.remove), "added": added}
    if new.paper:
        told["paper"] = len(new.standing_paper)
    return keeping.write(archive, new, "planned", told, by=by, at=at, files=files), found


# --- steps ----------------------------------------------------------------------------------------------------------


def _added(archive: Archive, session: Session, batch: Batch, items: list[dict[str, Any]], asked: Change, today: str,
           ) -> tuple[list[dict[str, Any]], list[Finding], list[str]]:
    """The items with all that is to be put in, what speaks against some of it, and which case files these are."""
    counting = archive.settings.retention.counting
    known, gone = {one["code"] for one in items}, {one["code"] for one in items if one["state"] == "proposed"}
    add = list(asked.add)
    if asked.ground == HANDED and not add:
        add = [code for code in grounds.handed_over(session, fonds=batch.record["fonds"]) if code not in known]
    wanted = [code for code in add if code not in gone]
    fresh, found = listing.items_of(session, wanted, today, counting, ground=asked.ground, named=asked.named, gone=gone)
    items = _put_in(items, fresh)
    if asked.ground == DUPLICATE:
        single, lacking = listing.documents_of(session, wanted, today, counting, named=asked.named, gone=gone)
        items, found = _put_in(items, single), found + lacking
    named = {one["code"] for one in items} | {one.subject for one in found}
    found += [finding("DESTROY-057" if session.get(model.Document, code) is not None else "DESTROY-002", code)
              for code in add if code not in named]
    whole = {one["code"] for one in items if one["state"] == "proposed" and not one["document"]}
    _take_out(items, {one["code"]: _("it goes with its case file") for one in items
                      if one["document"] and home_of(one["code"]) in whole and one["code"] not in add}, "")
    while asked.with_shared and (others := sorted({code for one in shared_scans(
            archive, [one["code"] for one in items if one["state"] == "proposed" and not one["document"]])
            for code in one.missing})):
        fresh, _lacking = listing.items_of(session, others, today, counting)
        items = _put_in(items, fresh)
        add += [one["code"] for one in fresh]
        if len(fresh) < len(others):
            break               # the finding on the shared scan says which
    return items, found, add


def _blocked(archive: Archive, session: Session, items: Sequence[Mapping[str, Any]], today: str,
             name: str) -> list[Finding]:
    stand = [one for one in items if one["state"] == "proposed"]
    return [*checking.standing(archive, session, stand, today, but=name), *checking.shared(archive, stand)]


def _stands(items: Sequence[Mapping[str, Any]], code: str) -> bool:
    return any(one["code"] == code and one["state"] == "proposed" for one in items)


def _take_out(items: list[dict[str, Any]], remove: Mapping[str, str], reason: str) -> None:
    for one in items:
        if one["code"] in remove and one["state"] == "proposed":
            one["state"], one["why"] = "removed", remove[one["code"]] or reason


def _put_in(items: list[dict[str, Any]], fresh: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The items with those that were added: new ones, and ones that had been taken out, for the reason of now."""
    told = [{key: value for key, value in one.items() if key != "fonds"} for one in fresh]
    places = {one["code"]: n for n, one in enumerate(items)}
    made, last = list(items), max((one["n"] for one in items), default=0)
    for one in told:
        if one["code"] in places:
            made[places[one["code"]]] = {"n": items[places[one["code"]]]["n"], **one}
        else:
            last += 1
            made.append({"n": last, **one})
    return made
