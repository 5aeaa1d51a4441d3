"""The register of messages: what was received, from whom, about what; one event of the ledger each.

Who sent a message and its DocumentId tell which document it is; the business (new, recall, update, replace) tells its
notices apart, which bear the same DocumentId. Other bytes under the same identity are a conflict, held for a person.
Nothing is read back from attachments here, and no title of a message that bears a secrecy mark is written down.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from archive import clock, model
from archive.agency_tables import agencies_of
from archive.catalogue import record
from archive.findings import Finding, Level, finding, rules
from archive.ledger import Entry, event_key
from archive.opening import Archive
from archive.records import finding_rows, set_findings
from ingest import intake
from ingest.exchange.messages import DocumentMessage
from ingest.exchange.reading import message_of, task_codes
from ingest.exchange.showing import answered
from ingest.sources.edxml_header import normalised_code

KIND = "message_registered"
KEPT = "notice_kept"            # a message that brings no document, or was decided upon: its bytes stay in intake/
NOTICE = "notice"               # the state of such an item
DECIDED = "notice_decided"      # an officer decided on a recall, update or replacement
AGREED, DISAGREED = "agreed", "refused"
NOTICES = ("recall", "update", "replace")
REPORT, STEERING = "3", "2"
MOST = 500                      # receivers, references, tasks that an event tells of
_DONE = ("turned_away", NOTICE)


@dataclass(frozen=True, slots=True)
class Registered:
    """One registered message, as its event tells it; see docs/format.md for the keys of `data`."""

    seq: int
    identity: str
    data: Mapping[str, Any]

    @property
    def item(self) -> str:
        """The item that it came in as."""
        return str(self.data["item"])

    @property
    def business(self) -> str:
        """new, recall, update, replace; "" for a status message."""
        return str(self.data.get("business", ""))

    @property
    def own(self) -> bool:
        """Whether our own agency sent it."""
        return bool(self.data["own"])


def identity(organ_id: str, document_id: str, business: str = "new") -> str:
    """The identity of a message: 40 hex digits over sender, DocumentId and, for notices, the business.

    The sender's code counts in its normalised form (000.00.15.H51 is H51.15), the DocumentId as written.
    """
    parts = [normalised_code(organ_id), document_id, *([business] if business != "new" else [])]
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:40]


def register(archive: Archive, batch: str) -> None:
    """Register the messages that were examined in this batch; what is to be said of them joins their findings.

    EXCHANGE-001: other bytes under the identity of a message that is here already; 002–004: where the document of a
    notice stands. A status message is done with: it becomes a notice. The caller owns the archive; safe to repeat.
    """
    with archive.catalogue.session() as session:
        rows = [row for row in session.scalars(select(model.Item).where(
            model.Item.batch == batch, model.Item.state == "examined").order_by(
                model.Item.received_at, model.Item.name, model.Item.id))
            if row.facts.get("edxml", {}).get("kind") in ("document", "status")]
        known = intake.findings_of(session, [row.id for row in rows])
        for row in rows:
            secret = any(rules()[one.code].keep_out and one.level >= Level.refused for one in known[row.id])
            told = _described(archive, row, secret=secret)
            own = identity(told["identity"]["organId"], told["identity"]["documentId"], told.get("business") or "new")
            found = _said(session, row, told, own)
            if whole := all(told["identity"].values()) or told["kind"] == "status":
                record(session, archive.ledger, [Entry(KIND, own, told, event_key(KIND, row.id))])
            if whole and told["kind"] == "status":
                keep(archive, session, row, "status", known[row.id])
            if found := intake.answered_for(found, row.facts.get("accepted", [])):
                set_findings(session, [row.id], finding_rows(row.id, [
                    one.as_dict() for one in (*known[row.id], *(one for one in found if one not in known[row.id]))]))


def keep(archive: Archive, session: Session, row: model.Item, why: str, found: Sequence[Finding] = ()) -> None:
    """The item is a notice and done with: nobody waits for it any more, its bytes stay where they are.

    `found` are its findings, of an item that nothing was told of yet.
    """
    intake.write_sidecar(intake.from_row(row, archive.settings))
    record(session, archive.ledger, [kept(row, why, found)])
    row.state = NOTICE


def kept(row: model.Item, why: str, found: Sequence[Finding] = ()) -> Entry:
    """The event that an item is a notice and done with."""
    findings = {"findings": [one.as_dict() for one in found]} if found else {}
    return Entry(KEPT, row.id, {"why": why, "batch": row.batch, "sha256": row.sha256, **findings},
                 event_key(KEPT, row.id))


def registered(session: Session, identities: Sequence[str] = ()) -> Iterator[Registered]:
    """The registered messages, all or those of some identities, in the order in which they came."""
    query = select(model.Event.seq, model.Event.subject, model.Event.data).where(
        model.Event.kind == KIND).order_by(model.Event.seq)
    if identities:
        query = query.where(model.Event.subject.in_(list(identities)))
    for seq, subject, data in session.execute(query):
        yield Registered(seq, subject, data)


def of_item(session: Session, item: str) -> Registered | None:
    """The registered message that came in as this item, or None."""
    found = session.execute(select(model.Event.seq, model.Event.subject, model.Event.data).where(
        model.Event.key == event_key(KIND, item))).one_or_none()
    return Registered(found.seq, found.subject, found.data) if found else None


@dataclass(frozen=True, slots=True)
class Target:
    """Where the document of a notice stands: filed as `document`, or here as `item`, or not here (both empty)."""

    document: str = ""
    case_file: str = ""
    item: str = ""
    state: str = ""


def target_of(session: Session, told: Mapping[str, Any]) -> Target:
    """Where the document stands that a notice is about: by the identity that the notice names, or bears itself."""
    sender, names = told["identity"]["organId"], (told.get("about", ""), told["identity"]["documentId"])
    for name in dict.fromkeys(filter(None, names)):
        for one in reversed(list(registered(session, [identity(sender, name)]))):
            row = session.get(model.Item, one.item)
            if row is None:
                continue
            case_file = session.scalar(select(model.Document.case_file).where(model.Document.code == row.document))
            if row.state == "stored" and case_file:
                return Target(row.document, case_file, row.id, row.state)
            return Target(item=row.id, state=row.state)
    return Target()


def _described(archive: Archive, row: model.Item, *, secret: bool) -> dict[str, Any]:
    """What the event tells of a message; of one with a secrecy mark only what an answer needs."""
    facts = row.facts["edxml"]
    agencies, settings = agencies_of(archive.settings), archive.settings
    message = message_of(facts)
    sender = getattr(message, "sender", None)
    organ = facts["identity"]["organId"]
    told: dict[str, Any] = {
        "item": row.id, "batch": row.batch, "kind": facts["kind"], "identity": dict(facts["identity"]),
        "sha256": row.sha256, "received_at": row.received_at, "legal_received_at": row.legal_received_at,
        "own": bool(organ) and agencies.canonical(settings.agency.code) == agencies.canonical(organ),
        "from": {"organ_id": sender.organ_id if sender else organ, "name": sender.name if sender else ""}}
    if facts["kind"] == "status":
        status = facts["status"]
        about = facts["status"]["responseFor"]
        return {**told, "status": status["code"], "description": "" if secret else status["description"][:500],
                "at": status["timestamp"], "about": str(about.get("DocumentId", ""))[:200]
                if isinstance(about, dict) else ""}
    business = facts["business"]
    told |= {"business": business["type"], "about": business["documentId"]}
    if not isinstance(message, DocumentMessage):
        return told
    told |= {"code": message.code, "date": message.promulgated.isoformat() if message.promulgated else ""}
    if secret:
        return {**told, "secret": True}
    told |= {"reason": business["reason"][:500], "steering": message.steering,
             "due": message.due.isoformat() if message.due else "", "tasks": list(task_codes(facts))[:MOST],
             "to": list(dict.fromkeys(agencies.canonical(one.organ_id) for one in message.to if one.organ_id))[:MOST],
             "response_for": [answered(one) for one in message.response_for][:MOST]}
    if told["due"] or told["tasks"] or message.steering in (STEERING, REPORT):
        told["subject"] = message.subject[:500]
    return {key: value for key, value in told.items() if value not in ("", [], None)}


def _said(session: Session, row: model.Item, told: Mapping[str, Any], own: str) -> list[Finding]:
    """What a person must know of a message besides its own findings."""
    if told["kind"] != "document" or not all(told["identity"].values()):
        return []
    found, mine = [], of_item(session, row.id)
    for other in registered(session, [own]):
        if mine is not None and other.seq > mine.seq:
            break       # it came after this one, whose night was interrupted
        held = session.get(model.Item, other.item)
        if other.item != row.id and other.data["sha256"] != row.sha256 and held is not None and held.state not in _DONE:
            day = f"{clock.in_vietnam(clock.parse(other.data['received_at'])):%d/%m/%Y}"
            found.append(finding("EXCHANGE-001", row.name, other=held.document or held.name, day=day,
                                 document=told["identity"]["documentId"]))
            break
    if told["business"] in NOTICES:
        target = target_of(session, told)
        if target.document:
            found.append(finding("EXCHANGE-002", row.name, document=target.document, case_file=target.case_file))
        elif target.item:
            found.append(finding("EXCHANGE-003", row.name, item=target.item))
        else:
            found.append(finding("EXCHANGE-004", row.name, document=told.get("about")
                                 or told["identity"]["documentId"]))
    return found
