"""Outcomes: where an examined item goes when it is not stored: to a person, to the next night, or out of the archive.

Every outcome is an event of the ledger; a rebuild reads states and findings from there.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from archive import model
from archive.catalogue import record
from archive.findings import Finding, Level, rules, worst
from archive.ledger import Entry, event_key
from archive.opening import Archive
from archive.records import finding_rows, set_findings
from ingest import intake, poison


def note_lists(archive: Archive, batch: str, lists: dict[str, list[Finding]]) -> None:
    """Note that these items (with what was found in them) are registry lists, and no documents."""
    with archive.catalogue.session() as session:
        for item_id, findings in sorted(lists.items()):
            found = [one.as_dict() for one in findings]
            record(session, archive.ledger, [Entry("list_received", item_id, {"batch": batch, "findings": found},
                                                   event_key("list_received", item_id))])
            row = session.get_one(model.Item, item_id)
            row.state, row.facts = "list", {}
            set_findings(session, [item_id], finding_rows(item_id, found))


def sort_out(archive: Archive, batch: str) -> None:
    """Send every examined item its way: on to filing, into quarantine, out (secrecy), or to the next night."""
    with archive.catalogue.session() as session:
        rows = list(session.scalars(select(model.Item).where(model.Item.batch == batch, model.Item.state == "examined")
                                    .order_by(model.Item.name, model.Item.id)))
        known = intake.findings_of(session, [row.id for row in rows])
        for row in rows:
            found = known[row.id]
            level = worst(found)
            if secret := [one for one in found if rules()[one.code].keep_out and one.level >= Level.refused]:
                keep_out(archive, session, row, secret)
            elif level >= Level.refused:
                set_aside(archive, session, row, found)


def set_aside(archive: Archive, session: Session, row: model.Item, found: Sequence[Finding]) -> None:
    """Record that an item waits: for an archivist (quarantine), or for the next night because we failed.

    After so many nights of failing in a row (night.failed_nights) it waits for a person as well.
    """
    state = "failed" if worst(found) == Level.failed else "quarantine"
    given_up = None if state == "quarantine" else poison.given_up(
        session, row.id, row.batch, row.name, found, archive.settings.night.failed_nights)
    if given_up is not None:
        # What failing nights made of the parts is not believed: who releases the item begins with what was received.
        row.facts = {key: value for key, value in row.facts.items() if key not in ("parts", "seal")}
        state, found = "quarantine", [given_up, *found]
    item = intake.from_row(row, archive.settings)
    intake.write_sidecar(item)
    if given_up is not None:
        row.facts = {**item.facts, "parts": [intake.part_as_dict(part, item.folder) for part in item.parts]}
    kind = "quarantined" if state == "quarantine" else "failed"
    as_dicts = [one.as_dict() for one in found]
    record(session, archive.ledger, [Entry(kind, row.id, {"batch": row.batch, "findings": as_dicts},
                                           event_key(kind, row.id, row.batch))])
    row.state = state
    set_findings(session, [row.id], finding_rows(row.id, as_dicts))


def keep_out(archive: Archive, session: Session, row: model.Item, found: Sequence[Finding]) -> None:
    """Refuse a document with a secrecy mark: keep no content, leave the inbox file to the people in charge.

    The program does not remove it: nothing is destroyed without a decision, and a mark may have been misread.
    """
    as_dicts = [one.as_dict() for one in found]
    record(session, archive.ledger, [Entry("kept_out", row.id, {"batch": row.batch, "findings": as_dicts},
                                           event_key("kept_out", row.id))])
    row.state, row.fields, row.facts = "kept_out", {}, {}
    set_findings(session, [row.id], finding_rows(row.id, as_dicts))
