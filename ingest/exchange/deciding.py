"""Recalls, updates and replacements: an officer agrees or refuses; documents are marked, never erased.

On a recall the receiver cancels the document in the working system and reports back (QĐ 28/2018/QĐ-TTg Điều 8, 9); the
archive keeps it with a mark and keeps the notice (NĐ 30/2020/NĐ-CP Phụ lục VI). The answer, 15 or 16, is owed from the
decision on (answering.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from archive import model
from archive.catalogue import SOME, record
from archive.errors import RefusedError, UsageError
from archive.i18n import _
from archive.ledger import Entry, event_key
from archive.opening import Archive
from ingest import releasing
from ingest.exchange import register
from ingest.exchange.register import AGREED, DECIDED, DISAGREED, NOTICE, NOTICES, Registered, Target

# What is written about the document, by the business of the notice.
MARKS = {"recall": "document_recalled", "update": "document_updated", "replace": "document_replaced"}
HOLDS = ("EDXML-004",)          # what the decision answers for, of the refusals that hold a notice
TWIN = "CHECK-091"              # another document of the same number and day is here


@dataclass(frozen=True, slots=True)
class Notice:
    """A recall, update or replacement: where its document stands, and what was decided ("" when nothing was)."""

    message: Registered
    item: model.Item
    target: Target
    decision: str = ""
    reason: str = ""
    by: str = ""
    at: str = ""


def notices(session: Session) -> list[Notice]:
    """Every notice that came, in the order of receipt."""
    came = [one for one in register.registered(session) if one.business in NOTICES and not one.own]
    items = {row.id: row for start in range(0, len(came), SOME) for row in session.scalars(select(model.Item).where(
        model.Item.id.in_([one.item for one in came[start:start + SOME]])))}
    told = {row.subject: row for row in session.execute(select(
        model.Event.subject, model.Event.actor, model.Event.at, model.Event.data).where(model.Event.kind == DECIDED))}
    found = []
    for one in came:
        if one.item not in items:
            continue
        if (said := told.get(one.item)) is not None:
            target = Target(said.data["target"], said.data["case_file"], said.data["target_item"], "")
            found.append(Notice(one, items[one.item], target, said.data["decision"], said.data["reason"], said.actor,
                                said.at))
        else:
            found.append(Notice(one, items[one.item], register.target_of(session, one.data)))
    return found


def marks(session: Session, documents: Iterable[str]) -> dict[str, list[tuple[str, Mapping[str, Any]]]]:
    """What notices did to some documents: kind and data of each event, in order, by document code."""
    wanted, found = list(documents), dict[str, list[tuple[str, Mapping[str, Any]]]]()
    for start in range(0, len(wanted), SOME):
        for kind, subject, data in session.execute(select(
                model.Event.kind, model.Event.subject, model.Event.data).where(
                model.Event.kind.in_(MARKS.values()),
                model.Event.subject.in_(wanted[start:start + SOME])).order_by(model.Event.seq)):
            found.setdefault(subject, []).append((kind, data))
    return found


def decide(archive: Archive, item: str, *, agree: bool, reason: str, by: str, target: str = "",
           values: Mapping[str, str] | None = None, dry_run: bool = False) -> Notice:
    """Agree to a recall, update or replacement, or refuse it. The caller owns the archive; safe to repeat after a kill.

    `target`: the code of our document that it is about, where the notice does not lead there. A document that waits in
    quarantine is turned away by an agreed recall. The new document of an agreed update or replacement goes to the next
    night, into the case file of the old one unless `values` (fileCode …) say otherwise; every other notice is kept as
    such. Raises UsageError for what is no waiting notice, RefusedError when the other decision was made.
    """
    row = releasing.find(archive, item)
    with archive.catalogue.session() as session:
        told = register.of_item(session, row.id)
        if told is None or told.business not in NOTICES or told.own:
            raise UsageError(_("{item} is no recall, update or replacement of another agency.").format(item=row.id))
        decision = AGREED if agree else DISAGREED
        made = next((one for one in notices(session) if one.item.id == row.id and one.decision), None)
        if made is not None and made.decision != decision:
            raise RefusedError(_("{item} was decided already: {decision}").format(
                item=row.id, decision=decision_name(made.decision)))
        if made is None and row.state not in (*releasing.OPEN, "stored"):
            raise UsageError(_("{item} does not wait for a decision.").format(item=row.id))
        if not agree and not reason.strip():
            raise UsageError(_("A refusal needs a reason that the sender can be told."))
        waits = row.state in releasing.OPEN         # else a person let it in as it is: only the decision is missing
        found = _standing(session, made.target) if made else _target(session, told, target)
        if agree and told.business == "recall" and not found.document and not found.item:
            raise UsageError(_("The document that {item} recalls is not known here: name it with --target, or refuse "
                               "with that reason.").format(item=row.id))
        brings = waits and agree and told.business != "recall" and any(
            part["role"] == "original" for part in row.facts.get("parts", ()))
        if dry_run:
            return Notice(told, row, found, decision, reason, by)
        if made is None or waits:
            record(session, archive.ledger, _entries(told, row, found, decision, reason, by,
                                                     keep=waits and not brings))
            if agree and told.business == "recall" and found.item and not found.document:
                waiting = session.get_one(model.Item, found.item)
                if waiting.state in releasing.OPEN:
                    waiting.state = "turned_away"
            if waits and not brings:
                session.get_one(model.Item, row.id).state = NOTICE
    if brings and row.state != "released":
        set_ = {"fileCode": found.case_file} if found.case_file else {}
        holding = {one.code for one in releasing.findings_of(archive, row.id)}
        # The new document bears the number and the day of the old one; that is the purpose, and decided with this.
        row.facts = {**row.facts, "accepted": [*row.facts.get("accepted", []), TWIN]}
        releasing.release(archive, row, {**set_, **(values or {})}, by=by, accepted=[
            code for code in HOLDS if code in holding], reason=reason or decision_name(AGREED))
    with archive.catalogue.session() as session:
        return next(one for one in notices(session) if one.item.id == row.id)


def decision_name(decision: str) -> str:
    """A decision in words; "" while there is none."""
    return {AGREED: _("agreed"), DISAGREED: _("refused")}.get(decision, _("waits for a decision"))


def business_name(business: str) -> str:
    """What a notice asks for, in words."""
    return {"recall": _("recall"), "update": _("update"), "replace": _("replacement")}.get(business, business)


def _standing(session: Session, target: Target) -> Target:
    """The document of a decision that was made, with the state of the item that it still is."""
    row = session.get(model.Item, target.item) if target.item and not target.document else None
    return Target(item=row.id, state=row.state) if row is not None else target


def _target(session: Session, told: Registered, named: str) -> Target:
    if not named:
        return register.target_of(session, told.data)
    row = session.get(model.Document, named)
    if row is None:
        raise UsageError(_("There is no document {code}.").format(code=named))
    return Target(row.code, row.case_file, row.item, "stored")


def _entries(told: Registered, row: model.Item, found: Target, decision: str, reason: str, by: str, *,
             keep: bool) -> Sequence[Entry]:
    """The events of a decision, in one writing: the decision, the mark, and what becomes of the notice."""
    entries = [Entry(DECIDED, row.id, {
        "decision": decision, "business": told.business, "reason": reason, "about": told.data.get("about", ""),
        "target": found.document, "case_file": found.case_file, "target_item": found.item,
        "sha256": row.sha256}, event_key(DECIDED, row.id), actor=by)]
    if decision == AGREED:
        why = told.data.get("reason", "")
        if found.document:
            entries.append(Entry(MARKS[told.business], found.document, {
                "notice": row.id, "case_file": found.case_file, "sender": told.data["from"], "reason": why,
                "decided": reason}, event_key(MARKS[told.business], found.document, row.id), actor=by))
        elif found.item and told.business == "recall" and found.state in releasing.OPEN:
            entries.append(Entry("turned_away", found.item, {"reason": why or reason, "recalled_by": row.id},
                                 event_key("turned_away", found.item), actor=by))
    if keep:
        entries.append(register.kept(row, decision))
    return entries
