"""`luutru quarantine`: act on what was refused: look at it, correct it and let it in, or refuse it for good."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
from rich.markup import escape
from sqlalchemy import select

from archive import clock, model
from archive.catalogue import record
from archive.codes import parse_file_code
from archive.errors import RefusedError
from archive.fields import normalise_fields, profile
from archive.fields.kinds import document_levels
from archive.fields.names import field_name, shown_fields
from archive.fields.tags import rows_of, unknown_tags
from archive.findings import Finding, Level, rules
from archive.i18n import _, language
from archive.ledger import Entry, event_key
from archive.opening import Archive, ownership
from archive.terminal import archive_at, console, local_time, person, print_json, print_table, state_name
from ingest import intake

MORE_TAGS = ("fileCode", "fileNotation", "fileCatalog")      # the case file, by its code or by year and notation
HELD = ("quarantine", "failed", "kept_out", "released")


@click.group(help=_("Act on what was refused."))
def command() -> None:
    """Act on what was refused."""


@command.command("list", help=_("List what waits for a person."))
@click.option("--json", "as_json", is_flag=True, help=_("for machines"))
@click.pass_obj
def list_(root: Path, as_json: bool) -> None:
    """List what waits for a person, with the reason that weighs most."""
    with archive_at(root) as archive:
        found = [(row, _findings(archive, row.id)) for row in _held(archive)]
    if as_json:
        print_json([{"item": row.id, "name": row.name, "state": row.state, "received_at": row.received_at,
                     "findings": [one.as_dict() for one in findings]} for row, findings in found])
        return
    print_table(_("Waiting for a person"), (_("Item"), _("File"), _("State"), _("Reason")),
                [(row.id, escape(row.name), state_name(row.state), escape(_reason(findings)))
                 for row, findings in found])


@command.command("show", help=_("Show why an item waits, what is known of it and what to do."))
@click.argument("item")
@click.option("--json", "as_json", is_flag=True, help=_("for machines"))
@click.pass_obj
def show(root: Path, item: str, as_json: bool) -> None:
    """Show why an item waits, its fields, and where its bytes lie."""
    with archive_at(root) as archive:
        row = _item(archive, item)
        findings = _findings(archive, row.id)
        folder = intake.folder(archive.settings, row.id) / "received"
    proposals = _read_on_page(row)
    if as_json:
        print_json({"item": row.id, "name": row.name, "state": row.state, "fields": row.fields, "sha256": row.sha256,
                    "received_at": row.received_at, "folder": str(folder), "read_on_page": proposals,
                    "sureness": {tag: sure for tag, sure in _sureness(row).items() if tag in proposals},
                    "findings": [one.as_dict() for one in findings]})
        return
    out = console()
    out.print(f"[bold]{escape(row.name)}[/bold]  {row.id} · {state_name(row.state)}", soft_wrap=True)
    out.print(f"  SHA-256 {row.sha256} · {row.size:,} B · {local_time(row.received_at)}", soft_wrap=True)
    if row.state != "kept_out":
        out.print(f"  {folder}", soft_wrap=True)
    def show_fields(fields: dict[str, str], style: str = "", sure: Mapping[str, float] | None = None) -> None:
        for key, value in sorted(shown_fields(fields, archive.settings.profile).items()):
            named = f"{field_name(key, archive.settings.profile, language())} ({key})"
            told = f"  [dim]{sure[key]:.0%}[/]" if sure and key in sure else ""
            out.print(f"  [dim]{named:<44}[/] {escape(value)}{told}", soft_wrap=True, style=style)

    show_fields(row.fields)
    if proposals:
        out.print("\n  " + _("Read on the page, not in the fields; `release --from-page` takes it:"), soft_wrap=True)
        show_fields(proposals, "italic", _sureness(row))
    for found in findings:
        article = f" [dim]({escape(cited)})[/]" if (cited := found.citation(language())) else ""
        out.print(f"\n  [bold]{found.code}[/] {escape(found.sentence(language()))}{article}", soft_wrap=True)
        out.print(f"  [green]→ {escape(found.cure(language()))}[/]", soft_wrap=True)


@command.command("release", help=_("Correct an item's fields and let it in with the next night."))
@click.argument("items", nargs=-1, required=True)
@click.option("--set", "corrections", multiple=True, metavar="TAG=VALUE", help=_("a field's right value, such as "
                                                                                 "fileCode=H99.2026.01.VP"))
@click.option("--from-page", is_flag=True, help=_("take what the page's heading says for the fields that are empty; "
                                                  "--set wins"))
@click.option("--accept", "accepted", multiple=True, metavar="CODE",
              help=_("a finding that you answer for, such as VERIFY-010: it no longer holds the item"))
@click.option("--reason", default="", help=_("why"))
@click.option("--dry-run", is_flag=True, help=_("show the fields as they would be, change nothing"))
@click.option("--json", "as_json", is_flag=True, help=_("for machines"))
@click.pass_obj
def release(root: Path, items: tuple[str, ...], corrections: tuple[str, ...], from_page: bool,
            accepted: tuple[str, ...], reason: str, dry_run: bool, as_json: bool) -> None:
    """Note corrections and let the items in with the next night, which puts them through every stage again."""
    values = _values(corrections)
    if accepted and not reason.strip():
        raise click.UsageError(_("--accept needs --reason: who passes a refusal says why; the ledger keeps both."))
    if values.get("fileCode") and parse_file_code(values["fileCode"], inventory=True) is None:
        raise click.UsageError(_("“{code}” is not a case file code, such as H99.2026.01.VP.").format(
            code=values["fileCode"]))
    done: list[dict[str, Any]] = []
    with archive_at(root) as archive, ownership(archive):
        _check_tags(archive, values)
        for item in items:
            row = _item(archive, item)
            _check_accepted(archive, row, accepted)
            if row.state == "kept_out":
                _refuse_secret(accepted, row)
            elif row.state not in ("quarantine", "failed", "released"):
                raise click.UsageError(_("{item} does not wait in quarantine (it is: {state}).").format(
                    item=item, state=state_name(row.state)))
            taken = {**(_read_on_page(row) if from_page else {}), **values}
            facts = {**row.facts, "corrections": {**row.facts.get("corrections", {}), **taken},
                     "accepted": sorted({*row.facts.get("accepted", []), *accepted})}
            kept = {name: value for name, value in row.fields.items() if name.removesuffix("Text") not in taken}
            fields, found = normalise_fields({**kept, **taken}, archive.settings.profile, row.name)
            done.append({"item": row.id, "name": row.name, "fields": fields, "set": taken,
                         "findings": [one.as_dict() for one in found]})
            if not dry_run:
                _release(archive, row, facts, fields, reason)
    if as_json:
        print_json({"released": not dry_run, "items": done})
        return
    for one in done:
        console().print(f"{one['item']}  {escape(str(one['name']))}: " + (
            _("would be released") if dry_run else _("released; the next night takes it in (luutru nightly)")))
        for name, value in one["set"].items():
            console().print(f"  {name} = {escape(value)}")


def _read_on_page(row: model.Item) -> dict[str, str]:
    """What the page's heading says of fields that are empty: a proposal for a person, never taken by itself."""
    heading = row.facts.get("extract", {}).get("heading", {})
    tags = ("typeName", "codeNumber", "codeNotation", "issuedDate", "organName", "subject")
    return {tag: heading[tag] for tag in tags if heading.get(tag) and not row.fields.get(tag)}


def _sureness(row: model.Item) -> dict[str, float]:
    """How sure each proposal is, 0 to 1; nothing for items that came in before this was noted."""
    return dict(row.facts.get("extract", {}).get("heading", {}).get("sureness", {}))


def _release(archive: Archive, row: model.Item, facts: dict[str, object], fields: dict[str, str], reason: str) -> None:
    place = intake.folder(archive.settings, row.id)
    with archive.catalogue.session() as session:
        held = session.get_one(model.Item, row.id)
        at = clock.stamp(clock.now())
        record(session, archive.ledger, [Entry("released", row.id, {
            "corrections": facts["corrections"], "accepted": facts["accepted"], "fields": fields, "reason": reason},
            event_key("released", row.id, at), actor=person())])
        held.state, held.facts, held.fields = "released", facts, dict(fields)
        if place.exists():
            intake.write_sidecar(intake.from_row(held, archive.settings))


def _check_tags(archive: Archive, values: dict[str, str]) -> None:
    """A mistyped tag would be kept and help nobody: only the tags of the tables are taken."""
    regime = profile(archive.settings.profile)
    levels = {**regime.levels, **{level: level for level in document_levels({}, regime)}}
    for said in unknown_tags(values, {*rows_of(regime.id, levels.values()), *MORE_TAGS}):
        raise click.UsageError(said)


def _check_accepted(archive: Archive, row: model.Item, accepted: tuple[str, ...]) -> None:
    holding = {found.code for found in _findings(archive, row.id) if found.level == Level.refused}
    for code in accepted:
        if code in holding and rules()[code].final:
            raise RefusedError(_("{code} holds {name} by the agency's own intake policy, and nobody can answer for it: "
                                 "take in another file, or change the policy ([signatures] in luutru.toml) and release "
                                 "the item.").format(code=code, name=row.name))
        if code not in holding:
            raise click.UsageError(_("{code} does not hold {name}; what holds it: {codes}").format(
                code=code, name=row.name, codes=", ".join(sorted(holding)) or "—"))


def _refuse_secret(accepted: tuple[str, ...], row: model.Item) -> None:
    """A secrecy mark is only passed when a person answers for its being misread; the file is still in the inbox."""
    if not accepted:
        raise click.UsageError(_("{name} was kept out for a mark of state secrecy. If the mark was misread, release it "
                                 "with --accept CODE --reason …; you answer for it.").format(name=row.name))


@command.command("refuse", help=_("Refuse an item for good; its bytes and the reason are kept."))
@click.argument("items", nargs=-1, required=True)
@click.option("--reason", required=True, help=_("the reason that the sender is told"))
@click.option("--yes", is_flag=True, help=_("do not ask"))
@click.option("--dry-run", is_flag=True, help=_("change nothing"))
@click.option("--json", "as_json", is_flag=True, help=_("for machines"))
@click.pass_obj
def refuse(root: Path, items: tuple[str, ...], reason: str, yes: bool, dry_run: bool, as_json: bool) -> None:
    """Refuse items for good: a refusal is a record (LS Đ6.4); nothing is deleted."""
    if not reason.strip():
        raise click.UsageError(_("A refusal needs a reason that the sender can be told."))
    with archive_at(root) as archive, ownership(archive):
        rows = [_item(archive, item) for item in items]
        for row in rows:
            if row.state not in ("quarantine", "failed", "released"):
                raise click.UsageError(_("{item} does not wait in quarantine (it is: {state}).").format(
                    item=row.id, state=state_name(row.state)))
        if not (yes or dry_run or as_json):
            click.confirm(_("Refuse {n} items for good?").format(n=len(rows)), abort=True)
        for row in rows:
            if dry_run:
                continue
            with archive.catalogue.session() as session:
                record(session, archive.ledger, [Entry("turned_away", row.id, {"reason": reason},
                                                       event_key("turned_away", row.id), actor=person())])
                session.get_one(model.Item, row.id).state = "turned_away"
    if as_json:
        print_json({"refused": not dry_run, "items": [row.id for row in rows], "reason": reason})
        return
    for row in rows:
        console().print(f"{row.id}  {escape(row.name)}: " + (_("would be refused") if dry_run else _(
            "refused; its bytes are kept with the reason")))


def _values(corrections: tuple[str, ...]) -> dict[str, str]:
    values = {}
    for one in corrections:
        name, sign, value = one.partition("=")
        if not sign or not name.isidentifier():
            raise click.UsageError(_("--set takes TAG=VALUE, not “{text}”").format(text=one))
        values[name] = value.strip()
    return values


def _held(archive: Archive) -> list[model.Item]:
    with archive.catalogue.session() as session:
        return list(session.scalars(select(model.Item).where(model.Item.state.in_(HELD)).order_by(model.Item.name)))


def _item(archive: Archive, item: str) -> model.Item:
    """The item of this id, or of the one id that begins so."""
    with archive.catalogue.session() as session:
        rows = list(session.scalars(select(model.Item).where(model.Item.id.startswith(item, autoescape=True)).limit(2)))
    if len(rows) != 1:
        raise click.UsageError(_("There is no item {item}.").format(item=item) if not rows else
                               _("More than one item begins with {item}.").format(item=item))
    return rows[0]


def _findings(archive: Archive, item: str) -> list[Finding]:
    with archive.catalogue.session() as session:
        found = [Finding(one.code, Level[one.level], one.subject, one.params) for one in session.scalars(
            select(model.ItemFinding).where(model.ItemFinding.item == item).order_by(model.ItemFinding.n))]
    return sorted(found, key=lambda one: -one.level)


def _reason(findings: list[Finding]) -> str:
    return f"{findings[0].code} {findings[0].sentence(language())}" if findings else ""
