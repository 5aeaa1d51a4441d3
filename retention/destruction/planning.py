"""The plan: exactly what is to be destroyed, with the hash of every file; its own hash is what everybody signs.

A plan is canonical JSON (docs/format.md) and never changes: when the council keeps something a new one is made. Its
SHA-256 stands on each paper, in figures and as a square code (NĐ 31/2026/NĐ-CP Điều 10: destroyed as approved).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from archive import clock
from archive.errors import UsageError
from archive.findings import Finding, Level, finding, worst
from archive.i18n import _
from archive.opening import Archive
from archive.targets import Target, targets
from retention.destruction import checking, keeping, listing
from retention.destruction.keeping import Batch

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
                {**{key: item[key] for key in _PLANNED}, "files": [list(file) for file in frozen[item["code"]].files]}
                for item in items]}
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


def plan(archive: Archive, name: str, *, by: str, at: datetime, remove: Mapping[str, str] | None = None,
         add: Sequence[str] = (), reason: str = "", without_blocked: bool = False, dry_run: bool = False,
         ) -> tuple[Batch, list[Finding]]:
    """Freeze the list of a batch: `remove` items (code → reason), `add` case files, then hash all that is left.

    With a finding that refuses nothing is changed. `without_blocked` takes out what may not be destroyed (any more)
    instead, with the finding as the reason. May be said again until a council is there. The caller owns the archive.
    """
    keeping.finish(archive)
    batch = keeping.open_batch(archive, name)
    keeping.not_in(batch, "listed", "planned")
    items = [dict(one) for one in batch.items]
    known = {one["code"] for one in items}
    for code in (*(remove or {}), *add):
        if code not in known and code not in add:
            raise UsageError(_("The batch {id} does not name {code}.").format(id=name, code=code))
    if (add or remove) and not (reason.strip() or all((remove or {}).values())):
        raise UsageError(_("--reason may not be empty: the ledger keeps why."))
    _take_out(items, remove or {}, reason)
    today = clock.in_vietnam(at).date().isoformat()
    with archive.catalogue.session() as session:
        items = _put_in(items, listing.items_of(session, [code for code in add if code not in known], today,
                                                archive.settings.retention.counting), add)
        found = [finding("DESTROY-002", code) for code in add if code not in {one["code"] for one in items}]
        found += checking.standing(archive, session, [one for one in items if one["state"] == "proposed"], today,
                                   but=batch.id)
    if without_blocked:
        _take_out(items, {one.subject: one.sentence() for one in found if one.subject in known}, "")
        found = [one for one in found if one.subject not in known]
    new = Batch(batch.with_record(state="planned").record, items)
    if not new.standing:
        found.append(finding("DESTROY-001", name))
    if worst(found) >= Level.refused:
        return batch, found
    new, files = make(archive, new, at)
    if dry_run:
        return new, found
    told = {"plan": new.record["plan"], "plan_hash": new.plan_hash, "count": len(new.standing), "reason": reason,
            "removed": sorted(remove or {}), "added": list(add)}
    return keeping.write(archive, new, "planned", told, by=by, at=at, files=files), found


def _take_out(items: list[dict[str, Any]], remove: Mapping[str, str], reason: str) -> None:
    for one in items:
        if one["code"] in remove and one["state"] == "proposed":
            one["state"], one["why"] = "removed", remove[one["code"]] or reason


def _put_in(items: list[dict[str, Any]], fresh: Sequence[Mapping[str, Any]],
            add: Sequence[str]) -> list[dict[str, Any]]:
    """The items with those that were added: new ones, and ones that had been taken out."""
    for one in items:
        if one["code"] in add:
            one["state"], one["why"] = "proposed", ""
    start = max((one["n"] for one in items), default=0)
    return items + [{"n": start + n, **{key: value for key, value in one.items() if key != "fonds"}}
                    for n, one in enumerate(fresh, 1)]
