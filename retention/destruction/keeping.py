"""A batch for destruction (đợt hủy) as the store keeps it: one object, every step one version of it.

How steps are kept: archive/procedures.py.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import delete, insert, select
from sqlalchemy.orm import Session

from archive import model, procedures
from archive.catalogue import record as record_events
from archive.document_paths import home_of
from archive.errors import UsageError
from archive.files import json_bytes
from archive.i18n import _
from archive.ledger import Entry
from archive.opening import Archive
from archive.procedures import WRITING
from archive.procedures import Entries as Entries
from archive.store import NewFile, Store

PREFIX = "urn:luutru:destruction:"
SCHEMA = "luutru/destruction/1"
RECORD, ITEMS, PLANS, OPINIONS, PAPER = "destruction.json", "items.json", "plans", "opinions", "paper.json"
PAPERS, RECEIVED, EXECUTION, DOSSIER = "papers", "received", "execution.json", "dossier.json"
# Why an item may be destroyed: its period is over, it is there twice, another archive has signed for it.
EXPIRED, DUPLICATE, HANDED = "expired", "duplicate", "handed"
# listed: status "Xem xét hủy"; returning: kept items are being given their new period; partly: "thực hiện một phần".
STATES = ("listed", "planned", "council", "returning", "concluded", "approved", "executing", "partly", "destroyed",
          "failed", "closed", "cancelled")
ENDED = ("destroyed", "failed", "closed", "cancelled")      # its items may enter another list, where they still exist
# What is done with a batch → the kind of its event.
KINDS = {act: f"destruction_{act}" for act in (
    "listed", "planned", "convened", "opined", "settled", "concluded", "returned", "printed", "appraised", "approved",
    "started", "executed", "failed", "closed", "cancelled")}
MOST_TOLD = 100             # items that the ledger's line names; the object names all
_OPINION = re.compile(rf"{OPINIONS}/\d{{4}}\.json")


@dataclass(frozen=True, slots=True)
class Batch(procedures.Kept):
    """A batch as one version of its object tells it: its record with all steps, what it names, and the opinions.

    `state`: one of STATES. `paper`: the paper case files that go by the same list (retention/destruction/paper.py).
    """

    items: Sequence[Entries] = ()
    opinions: Sequence[Entries] = ()
    paper: Sequence[Entries] = ()

    @property
    def id(self) -> str:
        """Its id, such as HUY.2026.001."""
        return str(self.record["id"])

    @property
    def plan_hash(self) -> str:
        """The SHA-256 of the plan in force; empty before there is one."""
        return str(self.record.get("plan_hash", ""))

    @property
    def standing(self) -> list[Entries]:
        """The items that are to be destroyed, as far as has been decided."""
        return [one for one in self.items if one["state"] in ("proposed", "destroyed")]

    @property
    def standing_paper(self) -> list[Entries]:
        """The paper that goes: of the items that still stand, and case files that are paper only."""
        stand, only = {one["code"] for one in self.standing}, {one["code"] for one in self.paper_only}
        return [one for one in self.paper if one["code"] in stand | only]

    @property
    def paper_only(self) -> list[Entries]:
        """The paper case files that go, of which the archive holds nothing electronic: a council decides on each."""
        named = {one["code"] for one in self.items}
        return [one for one in self.paper if one["code"] not in named and one["state"] == "proposed"]

    def because(self, reason: str) -> list[Entries]:
        """The items that are to be destroyed for this reason."""
        return [one for one in self.standing if one["reason"] == reason]

    @property
    def case_files(self) -> list[Entries]:
        """The whole case files that are to be destroyed."""
        return [one for one in self.standing if not one["document"]]

    @property
    def documents(self) -> list[Entries]:
        """The single documents that are to be destroyed, of case files that stay."""
        return [one for one in self.standing if one["document"]]

    def act(self, name: str) -> Entries:
        """The newest step of that name; empty when there is none."""
        return self.last(name) or {}

    def with_record(self, **changes: Any) -> Batch:
        """The batch with other values in its record."""
        return replace(self, record={**self.record, **changes})


def object_id(batch: str) -> str:
    """The id of the OCFL object of a batch."""
    return f"{PREFIX}{batch}"


def plan_path(n: int) -> str:
    """Where the n-th plan of a batch lies in its object."""
    return f"{PLANS}/{n:04d}.json"


def next_id(session: Session, year: int) -> str:
    """The next free id of a year by the system's convention: HUY.<year>.<ordinal>."""
    taken = [int(one.rsplit(".", 1)[1]) for one in session.scalars(
        select(model.Destruction.id).where(model.Destruction.id.like(f"HUY.{year}.%")))]
    return f"HUY.{year}.{max(taken, default=0) + 1:03d}"


def read(store: Store, batch: str, version: int | None = None) -> Batch:
    """The batch as its newest version, or `version`, tells it. Raises KeyError when the store does not hold it."""
    held = store.files(object_id(batch), version)

    def told(path: str) -> Any:
        return json.loads(store.content(object_id(batch), held[path]))

    return Batch(told(RECORD), told(ITEMS)["items"], [told(path) for path in sorted(held) if _OPINION.fullmatch(path)],
                 told(PAPER)["paper"] if PAPER in held else ())


def open_batch(archive: Archive, batch: str) -> Batch:
    """The batch, for a person who named it. Raises UsageError when there is none of that id."""
    try:
        return read(archive.store, batch)
    except KeyError:
        raise UsageError(_("There is no batch {id} for destruction; see luutru destruction list.").format(
            id=batch)) from None


def not_in(batch: Batch, *allowed: str) -> None:
    """Raises RefusedError unless the batch's state is one of `allowed`."""
    procedures.not_in(batch.state, allowed, state_name,
                      _("The batch is “{state}”; this can be done while it is: {allowed}."))


def write(archive: Archive, batch: Batch, act: str, particulars: Entries, *, by: str, at: datetime,
          files: Mapping[str, bytes] | None = None) -> Batch:
    """Write a step as one version, then the ledger, then the catalogue; the batch with the step.

    `batch` is the batch as the step leaves it, but for the step itself; `files` go into its object as they are. The
    caller owns the archive. Raises NoRoomError: then nothing has happened.
    """
    told = procedures.told(archive, _PROCEDURE, batch.id, act, particulars, by=by, at=at)
    new = batch.with_record(acts=[*batch.acts, told])
    stored = {RECORD: NewFile(json_bytes(new.record)),
              ITEMS: NewFile(json_bytes({"schema": "luutru/destruction-items/1", "destruction": batch.id,
                                         "items": list(new.items)})),
              **{f"{OPINIONS}/{n:04d}.json": NewFile(json_bytes(one)) for n, one in enumerate(new.opinions, 1)},
              **{path: NewFile(data) for path, data in (files or {}).items()}}
    if new.paper or (archive.store.has(object_id(batch.id)) and PAPER in archive.store.files(object_id(batch.id))):
        stored[PAPER] = NewFile(json_bytes({"schema": "luutru/destruction-paper/1", "destruction": batch.id,
                                            "paper": list(new.paper)}))
    procedures.put(archive, _PROCEDURE, batch.id, act, stored, at=at, blank=_BLANK)
    _tell(archive, batch.id)
    return new


def finish(archive: Archive) -> list[str]:
    """Tell ledger and catalogue of steps that a kill interrupted; the ids of their batches. The caller owns it."""
    return procedures.finish(archive, _PROCEDURE)


def admit(archive: Archive, session: Session, place: str) -> None:
    """Make the rows of a batch anew from the store, and write those of its events that the ledger lacks."""
    batch = read(archive.store, place.removeprefix(PREFIX))
    record_events(session, archive.ledger, [_entry(archive.store, batch, act) for act in batch.acts])
    session.execute(delete(model.DestructionItem).where(model.DestructionItem.destruction == batch.id))
    session.merge(model.Destruction(
        id=batch.id, fonds=batch.record["fonds"], state=batch.state, listed_on=batch.record["listed_on"],
        plan_hash=batch.plan_hash, version=batch.acts[-1]["version"], record=dict(batch.record)))
    session.flush()
    rows = [{"destruction": batch.id, "n": one["n"], "document": one["document"],
             "case_file": home_of(one["code"]) if one["document"] else one["code"],
             "reason": one["reason"], "state": one["state"]} for one in batch.items]
    if rows:
        session.execute(insert(model.DestructionItem), rows)


def under_review(session: Session) -> dict[tuple[str, str], str]:
    """What stands in a batch that is not ended: (case file, document or "") → the batch's id."""
    rows = session.execute(select(model.DestructionItem.case_file, model.DestructionItem.document, model.Destruction.id)
                           .join(model.Destruction, model.Destruction.id == model.DestructionItem.destruction)
                           .where(model.Destruction.state.not_in(ENDED), model.DestructionItem.state == "proposed"))
    return {(code, document): batch for code, document, batch in rows}


def state_name(state: str) -> str:
    """A state of a batch in words."""
    return {"listed": _("considered for destruction"), "planned": _("list frozen"),
            "council": _("before the council"), "returning": _("kept items get their new period"),
            "concluded": _("council has concluded"), "approved": _("approved by a signed decision"),
            "executing": _("is being destroyed"), "partly": _("partly executed"), "destroyed": _("destroyed"),
            "failed": _("failed: executed is not approved"), "closed": _("dossier closed"),
            "cancelled": _("cancelled"), WRITING: _("is being written")}.get(state, state)


def act_name(act: str) -> str:
    """A step of a batch in words."""
    return {"listed": _("listed"), "planned": _("list frozen"), "convened": _("council named"),
            "opined": _("opinions given"), "settled": _("settled by the chair"),
            "concluded": _("council has concluded"),
            "returned": _("kept items got their new period"), "printed": _("papers"),
            "appraised": _("appraisal opinion taken in"), "approved": _("approved by a signed decision"),
            "started": _("execution begun"), "executed": _("executed, absence looked for"),
            "failed": _("failed: executed is not approved"), "closed": _("dossier closed"),
            "cancelled": _("cancelled")}.get(act, act)


# --- steps ----------------------------------------------------------------------------------------------------------


def _tell(archive: Archive, batch: str) -> None:
    procedures.tell(archive, _PROCEDURE, batch)


def _entry(store: Store, batch: Batch, act: Entries) -> Entry:
    """The event of a step: its particulars and the SHA-256 of the files that its version brought. No title is in it."""
    place, version = object_id(batch.id), act["version"]
    brought = store.files(place, version)
    before = store.files(place, version - 1) if version > 1 else {}
    new = {path: brought[path].sha256 for path in sorted(brought)
           if path.startswith((f"{PAPERS}/", f"{RECEIVED}/", f"{PLANS}/", EXECUTION, DOSSIER))
           and (path not in before or before[path].sha512 != brought[path].sha512)}
    data = {**{key: _cut(value) for key, value in procedures.particulars(act).items()}, "object": place, "files": new}
    return procedures.entry(KINDS, batch.id, act, data)


def _cut(value: Any) -> Any:
    """A list or a table of a step as the ledger's line has it; the object has all of it."""
    if isinstance(value, Mapping):
        return dict(sorted(value.items())[:MOST_TOLD])
    return value[:MOST_TOLD] if isinstance(value, list) else value


_PROCEDURE = procedures.Procedure(model.Destruction, "id", object_id, admit, "destruction")
_BLANK = {"fonds": "", "listed_on": "", "plan_hash": ""}
