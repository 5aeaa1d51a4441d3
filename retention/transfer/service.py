"""Hand-overs on line, the taking side: what its service tells an agency, and what it takes besides packages.

The service itself (tokens, uploads, HTTP) is web/exchange; here is what needs the archive. An agency's outbox is no
list of its own: it is the ledger's events about its hand-overs, numbered by the ledger, so that it survives a rebuild.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from archive import catalogue, model
from archive.findings import Finding, Level, finding, worst
from archive.ledger import Entry, event_key
from archive.opening import Archive
from archive.store import Store, StoredFile
from retention.transfer import objects
from retention.transfer.doing import Done, Tools, Who
from retention.transfer.objects import ARCHIVE, Transfer

Entries = Mapping[str, Any]
REFUSED = "transfer_delivery_refused"
# Kind of event → kind of notice; a notice is what an agency has something to fetch for.
NOTICES = {"transfer_answered": "answer", "transfer_received": "receipt", "transfer_examined": "examined",
           "transfer_approved": "result", "transfer_returned": "returns", "transfer_closed": "confirmation",
           "transfer_filed": "signed", REFUSED: "delivery_refused"}
A_PAGE = 100            # notices that are told at once
MOST_FILED = 200        # papers that an agency may file with one hand-over
_PAPER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,80}\.pdf")
_STATES = Path(__file__).with_name("service_states.toml")


@dataclass(frozen=True, slots=True)
class Notice:
    """One entry of an agency's outbox; `sha256` is that of the message it is about, empty where there is none."""

    n: int
    at: str
    code: str
    kind: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Given:
    """A message or paper as the service gives it out: where it lies in the object, and its bytes' place and hashes."""

    path: str
    file: StoredFile


def of_agency(session: Session, agency: str) -> list[model.Transfer]:
    """The hand-overs that this agency gives to us, by code."""
    row = model.Transfer
    return list(session.scalars(select(row).where(row.side == ARCHIVE, row.partner == agency).order_by(row.code)))


def row_of(session: Session, agency: str, code: str) -> model.Transfer | None:
    """The hand-over of this code that this agency gives to us; another's is as if it were not there."""
    row = session.get(model.Transfer, code) if objects.is_code(code) else None
    return row if row is not None and row.side == ARCHIVE and row.partner == agency else None


def notices(session: Session, agency: str, after: int, *, most: int = A_PAGE) -> list[Notice]:
    """The agency's outbox from the one after `after` on, oldest first."""
    event, row = model.Event, model.Transfer
    codes = select(row.code).where(row.side == ARCHIVE, row.partner == agency)
    found = session.scalars(select(event).where(
        event.kind.in_(NOTICES), event.subject.in_(codes), event.seq > after).order_by(event.seq).limit(most))
    return [Notice(one.seq, one.at, one.subject, NOTICES[one.kind], _sha256(one)) for one in found
            if one.kind != "transfer_filed" or one.data.get("signed")]


def newest(session: Session, code: str) -> int:
    """The number of the last notice about a hand-over; 0: none."""
    event = model.Event
    return session.scalar(select(func.max(event.seq)).where(event.kind.in_(NOTICES), event.subject == code)) or 0


def given(store: Store, code: str, folder: str) -> dict[str, Given]:
    """The newest of each of the archive's messages or papers, or of what the agency filed (`received`), by name."""
    found: dict[str, Given] = {}
    for path, stored in objects.made(store, code).items():
        if path.startswith(f"{folder}/"):
            found[path.rpartition("/")[2].partition("-")[2]] = Given(path, stored)
    return found


def same_registration(store: Store, transfer: Transfer, sha256: str) -> bool:
    """Whether the hand-over was registered with just these bytes."""
    held = given(store, transfer.code, objects.RECEIVED).get("registration.json")
    return held is not None and held.file.sha256 == sha256


def file_paper(archive: Archive, code: str, name: str, path: Path, tools: Tools, who: Who, *, signed: bool = False,
               countersign: bool = True) -> Done:
    """Put a paper of the agency into the hand-over's dossier: the letter, a list; or minutes that it has `signed`.

    Signed minutes are ours with the agency's signature behind (LGSP-011, LGSP-012); the archive's own seal is put
    behind that where a key is configured, and both sides have one paper with both signatures. What is there already is
    not filed twice. The caller owns the archive.
    """
    transfer = objects.open_transfer(archive, code, ARCHIVE)
    data = path.read_bytes()
    found: list[Finding] = []
    if not _PAPER.fullmatch(name) or not data.startswith(b"%PDF-") or b"%%EOF" not in data[-2048:]:
        return Done(transfer, (finding("LGSP-010", name[:100]),))
    mine = given(archive.store, code, objects.RECEIVED)
    kept = f"signed-{name}" if signed else name
    look = tools.look(path)
    told: dict[str, Any] = {"name": name, "signed": signed, "verdict": look.verdict, "signers": list(look.signers)}
    if kept in mine and archive.store.content(objects.object_id(code), mine[kept].file) == data:
        sealed = f"{name.removesuffix('.pdf')}-signed.pdf" in given(archive.store, code, objects.PAPERS)
        return Done(transfer, (), True, {**told, "countersigned": signed and sealed})
    if len(mine) >= MOST_FILED + len(transfer.items):
        return Done(transfer, (finding("LGSP-009", name, count=len(mine)),))
    files = {f"received/{kept}": data}
    if signed:
        ours = given(archive.store, code, objects.PAPERS).get(name)
        found += _of_ours(archive, code, name, data, ours, look.verdict, whole=look.whole and look.agency,
                          signers=look.signers)
        if worst(found) >= Level.refused:
            return Done(transfer, tuple(found))
        both = tools.seal(data, name) if countersign else None
        files[f"papers/{name.removesuffix('.pdf')}-signed.pdf"] = data if both is None else both
        told["countersigned"] = both is not None
        if both is None:
            found.append(finding("TRANSFER-019", name))
    done = objects.write(archive, transfer, "filed", told, by=who.by, at=who.at, files=files)
    return Done(done, tuple(found), True, told)


def refuse_delivery(archive: Archive, code: str, manifest: str, findings: Sequence[Finding], *, by: str) -> None:
    """Write down that a delivery could not be received; the agency is told by a notice. The caller owns the archive."""
    with archive.catalogue.session() as session:
        catalogue.record(session, archive.ledger, [Entry(REFUSED, code, {
            "manifest": manifest, "findings": [one.as_dict() for one in findings[:objects.MOST_TOLD]]},
            event_key(REFUSED, code, f"{manifest} {newest(session, code)}"), by)])


def state_words(state: str) -> dict[str, str]:
    """A state of the service in the words of TT 05/2025/TT-BNV, `vi` and `en`."""
    return dict(_states()[state])


def states() -> list[str]:
    """Every state of the service, as the procedure meets them."""
    return list(_states())


# --- steps -------------------------------------------------------------------------------------------------


def _of_ours(archive: Archive, code: str, name: str, data: bytes, ours: Given | None, verdict: str, *, whole: bool,
             signers: Sequence[str]) -> list[Finding]:
    """Whether signed minutes are the ones that we made, and signed by an agency."""
    if ours is None:
        return [finding("LGSP-011", name, what="—")]
    if not data.startswith(archive.store.content(objects.object_id(code), ours.file)):
        return [finding("LGSP-011", name, what=ours.file.sha256[:16])]
    if verdict not in ("valid", "valid_with_notes") or not whole:
        return [finding("LGSP-012", name, verdict=verdict, signers=", ".join(signers) or "—")]
    return []


def _sha256(event: model.Event) -> str:
    """Of the message that an act brought, else of its first paper."""
    files: Mapping[str, str] = event.data.get("files") or {}
    for folder in (objects.MESSAGES, objects.PAPERS):
        if found := sorted(path for path in files if path.startswith(f"{folder}/")):
            return files[found[0]]
    return ""


@cache
def _states() -> Mapping[str, Mapping[str, str]]:
    with _STATES.open("rb") as stream:
        return tomllib.load(stream)
