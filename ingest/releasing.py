"""Releasing what waits in quarantine, or turning it away: the one act behind the command and the portal's page.

A person decides, and is named in the ledger. Nothing here stores a document (the next night does, after every stage
has looked again) and nothing deletes one: what is turned away keeps its bytes.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import select

from archive import clock, model
from archive.catalogue import record
from archive.codes import parse_file_code
from archive.errors import RefusedError, UsageError
from archive.fields import normalise_fields, profile
from archive.fields.kinds import document_levels
from archive.fields.tags import rows_of, unknown_tags
from archive.findings import Finding, Level, rules
from archive.i18n import _
from archive.ledger import Entry, event_key
from archive.opening import Archive
from archive.terminal import state_name
from ingest import intake
from ingest.proposals import TAGS

MORE_TAGS = ("fileCode", "fileNotation", "fileCatalog")      # the case file, by its code or by year and notation
HELD = ("quarantine", "failed", "kept_out", "released")
OPEN = ("quarantine", "failed", "released")                  # whose bytes lie in the intake area


@dataclass(frozen=True, slots=True)
class Released:
    """What releasing an item comes to: its fields as the next night begins with them, and what is found in them.

    `taken` are the values that were set, under the tags as they were given.
    """

    item: str
    name: str
    fields: dict[str, str]
    taken: dict[str, str]
    findings: tuple[Finding, ...]


def held(archive: Archive) -> list[model.Item]:
    """What waits for a person or was released and waits for the night, by name."""
    with archive.catalogue.session() as session:
        return list(session.scalars(select(model.Item).where(model.Item.state.in_(HELD)).order_by(model.Item.name)))


def find(archive: Archive, item: str) -> model.Item:
    """The item of this id, or of the one id that begins so. Raises UsageError for none and for several."""
    with archive.catalogue.session() as session:
        rows = list(session.scalars(select(model.Item).where(model.Item.id.startswith(item, autoescape=True)).limit(2)))
    if len(rows) != 1:
        raise UsageError(_("There is no item {item}.").format(item=item) if not rows else
                         _("More than one item begins with {item}.").format(item=item))
    return rows[0]


def findings_of(archive: Archive, item: str) -> list[Finding]:
    """The findings of an item, worst first."""
    with archive.catalogue.session() as session:
        found = intake.findings_of(session, [item])[item]
    return sorted(found, key=lambda one: -one.level)


def read_on_page(row: model.Item) -> dict[str, str]:
    """What the page's heading says of fields that are empty: a proposal for a person, never taken by itself."""
    return {tag: value for tag, value in on_page(row).items() if not row.fields.get(tag)}


def on_page(row: model.Item) -> dict[str, str]:
    """What the page's heading says, also of fields that have a value."""
    heading = row.facts.get("extract", {}).get("heading", {})
    return {tag: heading[tag] for tag in TAGS if heading.get(tag)}


def sureness(row: model.Item) -> dict[str, float]:
    """How sure each proposal is, 0 to 1; nothing for items that came in before this was noted."""
    return dict(row.facts.get("extract", {}).get("heading", {}).get("sureness", {}))


def release(archive: Archive, row: model.Item, values: Mapping[str, str], *, by: str, accepted: Collection[str] = (),
            reason: str = "", dry_run: bool = False) -> Released:
    """Note `values` as corrections of a held item and let it in with the next night, which examines it again.

    `accepted` are the codes of refusals that `by` answers for; they need a reason. The caller owns the archive.
    Raises UsageError for what cannot be set or answered for and for an item that does not wait, RefusedError for a
    refusal that nobody can answer for.
    """
    check_values(archive, values)
    if accepted and not reason.strip():
        raise UsageError(_("--accept needs --reason: who passes a refusal says why; the ledger keeps both."))
    _check_accepted(archive, row, accepted)
    if row.state == "kept_out":
        _refuse_secret(accepted, row)
    else:
        _check_waits(row)
    facts = {**row.facts, "corrections": {**row.facts.get("corrections", {}), **values},
             "accepted": sorted({*row.facts.get("accepted", []), *accepted})}
    kept = {name: value for name, value in row.fields.items() if name.removesuffix("Text") not in values}
    fields, found = normalise_fields({**kept, **values}, archive.settings.profile, row.name)
    if not dry_run:
        _release(archive, row, facts, fields, reason, by)
    return Released(row.id, row.name, fields, dict(values), tuple(found))


def turn_away(archive: Archive, rows: Sequence[model.Item], reason: str, *, by: str, dry_run: bool = False) -> None:
    """Refuse items for good: a refusal is a record (LS Đ6.4), with the reason that the sender is told.

    The caller owns the archive. Raises UsageError for no reason and for an item that does not wait; then none is
    refused.
    """
    if not reason.strip():
        raise UsageError(_("A refusal needs a reason that the sender can be told."))
    for row in rows:
        _check_waits(row)
    for row in () if dry_run else rows:
        with archive.catalogue.session() as session:
            record(session, archive.ledger, [Entry("turned_away", row.id, {"reason": reason},
                                                   event_key("turned_away", row.id), actor=by)])
            session.get_one(model.Item, row.id).state = "turned_away"


def check_values(archive: Archive, values: Mapping[str, str]) -> None:
    """Raises UsageError for a mistyped tag, which would be kept and help nobody, and for what is no file code."""
    if values.get("fileCode") and parse_file_code(values["fileCode"], inventory=True) is None:
        raise UsageError(_("“{code}” is not a case file code, such as H99.2026.01.VP.").format(code=values["fileCode"]))
    for said in unknown_tags(values, tags(archive)):
        raise UsageError(said)


def tags(archive: Archive) -> set[str]:
    """The tags that may be set: those of the regime's tables of documents, and those that name the case file."""
    regime = profile(archive.settings.profile)
    levels = {**regime.levels, **{level: level for level in document_levels({}, regime)}}
    return {*rows_of(regime.id, levels.values()), *MORE_TAGS}


def _release(archive: Archive, row: model.Item, facts: dict[str, object], fields: dict[str, str], reason: str,
             by: str) -> None:
    place = intake.folder(archive.settings, row.id)
    with archive.catalogue.session() as session:
        kept = session.get_one(model.Item, row.id)
        at = clock.stamp(clock.now())
        record(session, archive.ledger, [Entry("released", row.id, {
            "corrections": facts["corrections"], "accepted": facts["accepted"], "fields": fields, "reason": reason},
            event_key("released", row.id, at), actor=by)])
        kept.state, kept.facts, kept.fields = "released", facts, dict(fields)
        if place.exists():
            intake.write_sidecar(intake.from_row(kept, archive.settings))


def _check_waits(row: model.Item) -> None:
    if row.state not in OPEN:
        raise UsageError(_("{item} does not wait in quarantine (it is: {state}).").format(
            item=row.id, state=state_name(row.state)))


def _check_accepted(archive: Archive, row: model.Item, accepted: Collection[str]) -> None:
    holding = {found.code for found in findings_of(archive, row.id) if found.level == Level.refused}
    for code in accepted:
        if code in holding and rules()[code].final:
            raise RefusedError(_("{code} holds {name} by the agency's own intake policy, and nobody can answer for it: "
                                 "take in another file, or change the policy ([signatures] in luutru.toml) and release "
                                 "the item.").format(code=code, name=row.name))
        if code not in holding:
            raise UsageError(_("{code} does not hold {name}; what holds it: {codes}").format(
                code=code, name=row.name, codes=", ".join(sorted(holding)) or "—"))


def _refuse_secret(accepted: Collection[str], row: model.Item) -> None:
    """A secrecy mark is only passed when a person answers for its being misread; the file is still in the inbox."""
    if not accepted:
        raise UsageError(_("{name} was kept out for a mark of state secrecy. If the mark was misread, release it "
                           "with --accept CODE --reason …; you answer for it.").format(name=row.name))
