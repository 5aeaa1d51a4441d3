"""A request for use as the store keeps it: one object, every step one version of it.

How steps are kept: archive/procedures.py. Who the reader is lies in a file of its own: neither ledger nor catalogue
ever has the number of an identity paper or how to reach the reader.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import delete, insert, select
from sqlalchemy.orm import Session

from archive import model, procedures
from archive.catalogue import record as record_events
from archive.errors import UsageError
from archive.files import json_bytes
from archive.i18n import _
from archive.ledger import Entry
from archive.opening import Archive
from archive.procedures import WRITING as WRITING
from archive.procedures import Entries as Entries
from archive.store import NewFile, Store

PREFIX = "urn:luutru:reading:"
SCHEMA, ITEMS_SCHEMA, READER_SCHEMA = "luutru/reading/1", "luutru/reading-items/1", "luutru/reading-reader/1"
RECORD, ITEMS, READER, PAPERS, RECEIVED = "reading.json", "items.json", "reader.json", "papers", "received"
KINDS_ASKED = ("reading", "copy", "certified")
STATES = ("asked", "waiting", "granted", "refused", "purged")
# waiting: an opinion is asked; agreed, opposed: it was given; purged: what was made for the reader is gone.
ITEM_STATES = ("asked", "waiting", "agreed", "opposed", "granted", "refused", "purged")
UNDECIDED = ("asked", "waiting", "agreed", "opposed")
# What is done with a request → the kind of its event.
KINDS = {act: f"reading_{act}" for act in (
    "asked", "opinion_asked", "opinion_given", "granted", "refused", "copied", "certified", "purged")}
MOST_TOLD = 100             # documents that the ledger's line names; the object names all
_OF_AN_ITEM = ("n", "document", "case_file", "asked", "state", "until")


@dataclass(frozen=True, slots=True)
class Request(procedures.Kept):
    """A request as one version of its object tells it: its record with all steps, its documents, its reader."""

    items: Sequence[Entries]
    reader: Entries

    @property
    def code(self) -> str:
        """Its code, such as YC.2026.0001."""
        return str(self.record["code"])

    @property
    def kind(self) -> str:
        """What is asked for: reading (đọc), copy (bản sao), certified (bản sao có xác thực)."""
        return str(self.record["kind"])

    @property
    def account(self) -> str:
        """The reader's account at the portal; empty: none."""
        return str(self.record["account"])

    @property
    def state(self) -> str:
        """One of STATES, from the states of its documents: what is still to be done counts first."""
        states = {one["state"] for one in self.items}
        if states & {"asked", "agreed", "opposed"}:
            return "asked"
        return next((state for state in ("waiting", "granted", "purged") if state in states), "refused")

    def named(self, codes: Sequence[str]) -> list[Entries]:
        """The documents that `codes` name (documents, or the case files that were asked for); all for no codes.

        Raises UsageError for a code that the request does not have.
        """
        for code in codes:
            if not any(code in (one["document"], one["asked"]) for one in self.items):
                raise UsageError(_("The request {request} does not name {code}.").format(request=self.code, code=code))
        return [one for one in self.items if not codes or one["document"] in codes or one["asked"] in codes]

    def moved(self, changes: Mapping[int, Entries]) -> Request:
        """The same with `changes` (by ordinal) of its documents."""
        return replace(self, items=[{**one, **changes.get(one["n"], {})} for one in self.items])

    def copies(self) -> list[Entries]:
        """What was made for the reader and not removed yet: see `copies_by`."""
        return copies_by(self.acts)


def copies_by(acts: Sequence[Entries]) -> list[Entries]:
    """What steps made for a reader and none of them removed: `file`, `documents`, `sha256`, …; by the file's name."""
    gone = {name for act in acts if act["act"] == "purged" for name in act["removed"]}
    made = {one["file"]: one for act in acts for one in act.get("made", ())}
    return [one for name, one in sorted(made.items()) if name not in gone]


def object_id(code: str) -> str:
    """The id of the OCFL object of a request."""
    return f"{PREFIX}{code}"


def next_code(session: Session, year: int) -> str:
    """The next free code of a year by the system's convention: YC.<year>.<ordinal>."""
    row = model.Reading
    taken = [int(one.rsplit(".", 1)[1]) for one in session.scalars(
        select(row.code).where(row.code.like(f"YC.{year}.%"))) if one.rsplit(".", 1)[1].isdecimal()]
    return f"YC.{year}.{max(taken, default=0) + 1:04d}"


def read(store: Store, code: str, version: int | None = None) -> Request:
    """The request as its newest version, or `version`, tells it. Raises KeyError when the store does not hold it."""
    held = store.files(object_id(code), version)

    def told(path: str) -> Any:
        return json.loads(store.content(object_id(code), held[path]))

    return Request(told(RECORD), told(ITEMS)["items"], told(READER))


def open_request(archive: Archive, code: str) -> Request:
    """The request, for a person who named it. Raises UsageError when there is none of that code."""
    try:
        return read(archive.store, code)
    except KeyError:
        raise UsageError(_("There is no request for use {code}; see luutru reading list.").format(code=code)) from None


def write(archive: Archive, request: Request, act: str, particulars: Entries, *, by: str, at: datetime,
          files: Mapping[str, bytes] | None = None) -> Request:
    """Write a step as one version, then the ledger, then the catalogue; the request with the step.

    `request` is as the step leaves it, but for the step itself; `files` are what it brings ("received/name"). The
    caller owns the archive. Raises NoRoomError: then nothing has happened.
    """
    told = procedures.told(archive, _PROCEDURE, request.code, act, particulars, by=by, at=at)
    new = replace(request, record={**request.record, "state": request.state, "acts": [*request.acts, told]})
    stored = {RECORD: NewFile(json_bytes(new.record)),
              ITEMS: NewFile(json_bytes({"schema": ITEMS_SCHEMA, "reading": new.code, "items": list(new.items)})),
              READER: NewFile(json_bytes(new.reader)),
              **{_path(told["version"], name): NewFile(data) for name, data in (files or {}).items()}}
    procedures.put(archive, _PROCEDURE, request.code, act, stored, at=at, blank={"kind": request.kind})
    procedures.tell(archive, _PROCEDURE, request.code)
    return new


def finish(archive: Archive) -> None:
    """Tell ledger and catalogue of steps that a kill interrupted. The caller owns the archive; cheap without any."""
    procedures.finish(archive, _PROCEDURE)


def admit(archive: Archive, session: Session, place: str) -> None:
    """Make the rows of a request anew from the store, and write those of its events that the ledger lacks."""
    request = read(archive.store, place.removeprefix(PREFIX))
    record_events(session, archive.ledger, [_entry(archive.store, request, act) for act in request.acts])
    session.execute(delete(model.ReadingDocument).where(model.ReadingDocument.reading == request.code))
    granted = [one["until"] for one in request.items if one["state"] == "granted"]
    session.merge(model.Reading(
        code=request.code, kind=request.kind, state=request.state, account=request.account,
        asked_on=request.record["asked_on"], until=max(granted, default=""),
        purge_after=min((one["purge_after"] for one in request.items if one["state"] == "granted"), default=""),
        version=request.acts[-1]["version"], record={**request.record, "reader": request.reader["name"]}))
    session.flush()
    rows = [{"reading": request.code, "kind": request.kind, "account": request.account,
             **{key: one[key] for key in _OF_AN_ITEM}} for one in request.items]
    if rows:
        session.execute(insert(model.ReadingDocument), rows)


def state_name(state: str) -> str:
    """A state of a request or of one of its documents in words."""
    return {"asked": _("to be decided"), "waiting": _("waits for an opinion"), "agreed": _("opinion: agreed"),
            "opposed": _("opinion: not agreed"), "granted": _("granted"), "refused": _("refused"),
            "purged": _("over, copies removed"), WRITING: _("is being written")}.get(state, state)


def kind_name(kind: str) -> str:
    """What a request asks for in words."""
    return {"reading": _("reading on line"), "copy": _("copy"), "certified": _("certified copy")}.get(kind, kind)


def act_name(act: str) -> str:
    """A step of a request in words."""
    return {"asked": _("request taken in"), "opinion_asked": _("opinion asked"), "opinion_given": _("opinion given"),
            "granted": _("granted"), "refused": _("refused"), "copied": _("copies made"),
            "certified": _("certified package made"), "purged": _("copies removed")}.get(act, act)


# --- steps ----------------------------------------------------------------------------------------------------------


def _path(version: int, name: str) -> str:
    folder, _slash, rest = name.partition("/")
    return f"{folder}/{version:04d}-{rest}"


def _entry(store: Store, request: Request, act: Entries) -> Entry:
    """The event of a step: who reads what for which purpose, and the SHA-256 of what the step brought or made."""
    place, version = object_id(request.code), act["version"]
    there = store.files(place, version)
    brought = {path: there[path].sha256 for path in sorted(there) if f"/{version:04d}-" in path}
    data = {key: value[:MOST_TOLD] if isinstance(value, list) else value
            for key, value in procedures.particulars(act).items()}
    return procedures.entry(KINDS, request.code, act, {
        **data, "object": place, "reader": request.reader["name"], "account": request.account, "kind": request.kind,
        "purpose": request.record["purpose_text"], "files": brought})


_PROCEDURE = procedures.Procedure(model.Reading, "code", object_id, admit, "request for use")
