"""Hand-overs (thu nộp) in the store: what one is, how an act is written, and how the catalogue learns it.

One OCFL object a hand-over on each side; every act is one version of it (TT 05/2025/TT-BNV Đ20–25: a dossier of the
whole process). How acts are kept: archive/procedures.py.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Select, delete, insert, select
from sqlalchemy.orm import Session

from archive import procedures
from archive.catalogue import record as record_events
from archive.errors import UsageError
from archive.files import json_bytes
from archive.i18n import _
from archive.ledger import Entry
from archive.model import Transfer as Row
from archive.model import TransferItem as ItemRow
from archive.opening import Archive
from archive.procedures import WRITING, Entries
from archive.store import NewFile, Store, StoredFile

PREFIX = "urn:luutru:transfer:"
TRANSFER, ITEMS = "transfer.json", "items.json"
SCHEMA, ITEMS_SCHEMA = "luutru/transfer/1", "luutru/transfer-items/1"
PAPERS, MESSAGES, RECEIVED = "papers", "messages", "received"
AGENCY, ARCHIVE = "agency", "archive"
# What is done → the kind of its event.
KINDS = {"registered": "transfer_registered", "answered": "transfer_answered", "prepared": "transfer_prepared",
         "sent": "transfer_sent", "received": "transfer_received", "examined": "transfer_examined",
         "approved": "transfer_approved", "returned": "transfer_returned", "confirmed": "transfer_confirmed",
         "closed": "transfer_closed", "filed": "transfer_filed"}
OVER = ("closed", "refused")
CONFIRMED = "confirmed"     # an item's state: the archive signed for the same bytes (DS-08)
MOST_TOLD = 100             # findings and codes that the ledger's line keeps; the object keeps all
_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,58}[A-Za-z0-9]")
_OF_AN_ITEM = ("n", "code", "title", "state", "objid", "sha256", "reason")


@dataclass(frozen=True, slots=True)
class Transfer(procedures.Kept):
    """A hand-over as one version of its object tells it: registration and acts, and its case files.

    How far it is: see `state_name`.
    """

    items: Sequence[Entries] = ()

    @property
    def code(self) -> str:
        """The code of its registration (mã đăng ký nộp), such as NL.H99.2026.01."""
        return str(self.record["code"])

    def in_state(self, *states: str) -> list[Entries]:
        """Its case files that stand in one of these states, in order."""
        return [one for one in self.items if one["state"] in states]

    def moved(self, state: str, changes: Mapping[int, Entries]) -> Transfer:
        """The same in another state, with `changes` (by ordinal) of its case files."""
        items = [{**one, **changes[one["n"]]} if one["n"] in changes else one for one in self.items]
        return Transfer({**self.record, "state": state}, items)


def object_id(code: str) -> str:
    """The id of the OCFL object of a hand-over."""
    return f"{PREFIX}{code}"


def is_code(code: str) -> bool:
    """Whether a hand-over can have this code."""
    return _CODE.fullmatch(code) is not None


def check_code(code: str) -> str:
    """The code as it was given. Raises UsageError for one that no object can have."""
    if not is_code(code):
        raise UsageError(_("“{code}” cannot name a hand-over: letters without marks, digits, dots, hyphens, such as "
                           "NL.H99.2026.01").format(code=code))
    return code


def next_code(session: Session, agency: str, year: int) -> tuple[str, int]:
    """The next free code and number of a year by the system's convention: NL.<agency>.<year>.<number of the round>."""
    start = f"NL.{agency}.{year}."
    taken = [one.removeprefix(start) for one in session.scalars(select(Row.code).where(Row.code.startswith(start)))]
    number = max((int(one) for one in taken if one.isdecimal()), default=0) + 1
    return f"{start}{number:02d}", number


def read(store: Store, code: str, version: int | None = None) -> Transfer:
    """The hand-over as its newest version, or `version`, tells it. Raises KeyError when the store does not hold it."""
    held = store.files(object_id(code), version)

    def told(path: str) -> Any:
        return json.loads(store.content(object_id(code), held[path]))

    return Transfer(told(TRANSFER), told(ITEMS)["items"])


def open_transfer(archive: Archive, code: str, side: str = "") -> Transfer:
    """The hand-over, for a person who named it. Raises UsageError when there is none, or it is of the other side."""
    try:
        found = read(archive.store, check_code(code))
    except KeyError:
        raise UsageError(_("There is no hand-over {code}.").format(code=code)) from None
    if side and found.record["side"] != side:
        raise UsageError(_("{code} is handed over by this archive; this is for who receives.").format(code=code)
                         if side == ARCHIVE else
                         _("{code} is received by this archive; this is for who hands over.").format(code=code))
    return found


def not_in(transfer: Transfer, *allowed: str) -> None:
    """Raises RefusedError unless the hand-over is in one of the states `allowed`."""
    procedures.not_in(transfer.state, allowed, state_name,
                      _("The hand-over is “{state}”; this can be done while it is: {allowed}."))


def made(store: Store, code: str) -> dict[str, StoredFile]:
    """Every paper and message of a hand-over by its logical path, in the order in which they came."""
    held = store.files(object_id(code))
    return {path: held[path] for path in sorted(held) if path not in (TRANSFER, ITEMS)}


def write(archive: Archive, transfer: Transfer, act: str, particulars: Entries, *, by: str, at: datetime,
          files: Mapping[str, bytes | Path] | None = None) -> Transfer:
    """Write an act as one version: papers, messages and records into the store, then the ledger, then the catalogue.

    `transfer` is as the act leaves it, but for the act itself; `files` are what it brings, by "papers/name.pdf",
    "messages/name.json", "received/name". The caller owns the archive. Returns it with the act. Raises NoRoomError:
    then nothing has happened.
    """
    told = procedures.told(archive, _PROCEDURE, transfer.code, act, particulars, by=by, at=at)
    new = replace(transfer, record={**transfer.record, "acts": [*transfer.acts, told]})
    body = {"schema": ITEMS_SCHEMA, "transfer": transfer.code, "items": list(new.items)}
    put = {TRANSFER: NewFile(json_bytes(new.record)), ITEMS: NewFile(json_bytes(body))}
    put |= {path_of(told["version"], name): NewFile(data) for name, data in (files or {}).items()}
    procedures.put(archive, _PROCEDURE, transfer.code, act, put, at=at,
                   blank={"side": transfer.record["side"], "kind": "", "partner": ""})
    procedures.tell(archive, _PROCEDURE, transfer.code)
    return new


def path_of(version: int, name: str) -> str:
    """Where a file that the act of this version brought lies in the object: its folder, version and name."""
    folder, _slash, rest = name.partition("/")
    return f"{folder}/{version:04d}-{rest}"


def catch_up(archive: Archive) -> None:
    """Tell ledger and catalogue of acts that a kill interrupted. The caller owns the archive; cheap without any."""
    procedures.finish(archive, _PROCEDURE)


def admit(archive: Archive, session: Session, own: str) -> None:
    """Make the rows of a hand-over anew from the store, and write those of its events that the ledger lacks."""
    held = read(archive.store, own.removeprefix(PREFIX))
    record_events(session, archive.ledger, [_entry(archive.store, held, act) for act in held.acts])
    session.execute(delete(ItemRow).where(ItemRow.transfer == held.code))
    told = held.record
    session.merge(Row(code=held.code, side=told["side"], kind=told["kind"], state=held.state,
                      partner=told["receiver" if told["side"] == AGENCY else "sender"]["code"],
                      version=held.acts[-1]["version"], record=dict(told)))
    session.flush()
    rows = [{"transfer": held.code, **{key: one.get(key, "") for key in _OF_AN_ITEM}} for one in held.items]
    if rows:
        session.execute(insert(ItemRow), rows)


# --- what others ask ---------------------------------------------------------------------------------------


def handed_over(session: Session) -> Select[Any]:
    """A select of the codes of case files that another archive signed for: the local copy may be destroyed.

    NĐ 01/2013/NĐ-CP Đ7.5 (rule DS-08): only after the receiver's confirmation. `session` is what it will be run on.
    """
    return select(ItemRow.code).join(Row, Row.code == ItemRow.transfer).where(
        Row.side == AGENCY, ItemRow.state == CONFIRMED).distinct()


def open_transfers(session: Session, codes: Iterable[str]) -> dict[str, str]:
    """Case file → hand-over by this archive that has it and is not over, or that was confirmed; of some `codes`."""
    wanted = list(codes)
    found: dict[str, str] = {}
    for start in range(0, len(wanted), 500):
        query = select(ItemRow.code, ItemRow.transfer).join(Row, Row.code == ItemRow.transfer).where(
            Row.side == AGENCY, ItemRow.code.in_(wanted[start:start + 500]),
            (ItemRow.state == CONFIRMED) | (Row.state.not_in(OVER) & ItemRow.state.not_in(("returned", "missing"))))
        found |= {row.code: row.transfer for row in session.execute(query)}
    return found


def state_name(state: str) -> str:
    """A state of a hand-over or of one of its case files in words."""
    return {"registered": _("registered"), "agreed": _("registration agreed"), "refused": _("registration refused"),
            "prepared": _("packages prepared"), "sent": _("sent"), "short": _("received, not complete"),
            "waiting": _("received, waits for the intake"), "examined": _("examined"), "approved": _("approved"),
            "returned": _("returned"), "missing": _("did not come"), "passed": _("passed"), "failed": _("failed"),
            "stored": _("stored"), CONFIRMED: _("confirmed, the local copy may be destroyed"),
            "closed": _("closed"), WRITING: _("is being written")}.get(state, state)


# --- steps -------------------------------------------------------------------------------------------------


def _entry(store: Store, held: Transfer, act: Entries) -> Entry:
    """The event of an act: its particulars, and the SHA-256 of what it brought."""
    own, version = object_id(held.code), act["version"]
    there = store.files(own, version)
    brought = {path: there[path].sha256 for path in sorted(there) if f"/{version:04d}-" in path}
    data = procedures.particulars(act)
    for key in ("findings", "case_files", "failed"):
        if len(data.get(key, ())) > MOST_TOLD:
            data |= {f"{key}_number": len(data[key]), key: data[key][:MOST_TOLD]}
    return procedures.entry(KINDS, held.code, act, {**data, "side": held.record["side"], "object": own,
                                                    "files": brought})


_PROCEDURE = procedures.Procedure(Row, "code", object_id, admit, "hand-over")
