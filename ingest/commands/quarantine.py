"""`luutru quarantine`: act on what was refused: look at it, correct it and let it in, or refuse it for good."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
from rich.markup import escape

from archive.errors import UsageError
from archive.fields.names import field_name, shown_fields
from archive.findings import Finding
from archive.i18n import _, figure, language
from archive.opening import ownership
from archive.terminal import archive_at, console, local_time, person, print_json, print_table, state_name
from ingest import intake, releasing


@click.group(help=_("Act on what was refused."))
def command() -> None:
    """Act on what was refused."""


@command.command("list", help=_("List what waits for a person."))
@click.option("--json", "as_json", is_flag=True, help=_("for machines"))
@click.pass_obj
def list_(root: Path, as_json: bool) -> None:
    """List what waits for a person, with the reason that weighs most."""
    with archive_at(root) as archive:
        found = [(row, releasing.findings_of(archive, row.id)) for row in releasing.held(archive)]
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
    with archive_at(root) as archive, _told():
        row = releasing.find(archive, item)
        findings = releasing.findings_of(archive, row.id)
        folder = intake.folder(archive.settings, row.id) / "received"
    proposals = releasing.read_on_page(row)
    if as_json:
        print_json({"item": row.id, "name": row.name, "state": row.state, "fields": row.fields, "sha256": row.sha256,
                    "received_at": row.received_at, "folder": str(folder), "read_on_page": proposals,
                    "sureness": {tag: sure for tag, sure in releasing.sureness(row).items() if tag in proposals},
                    "findings": [one.as_dict() for one in findings]})
        return
    out = console()
    out.print(f"[bold]{escape(row.name)}[/bold]  {row.id} · {state_name(row.state)}", soft_wrap=True)
    size = figure(f"{row.size:,}")
    out.print(f"  SHA-256 {row.sha256} · {size} B · {local_time(row.received_at)}", soft_wrap=True)
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
        show_fields(proposals, "italic", releasing.sureness(row))
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
    done: list[dict[str, Any]] = []
    with archive_at(root) as archive, ownership(archive), _told():
        if accepted and not reason.strip():
            raise UsageError(_("--accept needs --reason: who passes a refusal says why; the ledger keeps both."))
        releasing.check_values(archive, values)
        for item in items:
            row = releasing.find(archive, item)
            taken = {**(releasing.read_on_page(row) if from_page else {}), **values}
            came = releasing.release(archive, row, taken, by=person(), accepted=accepted, reason=reason,
                                     dry_run=dry_run)
            done.append({"item": came.item, "name": came.name, "fields": came.fields, "set": came.taken,
                         "findings": [found.as_dict() for found in came.findings]})
    if as_json:
        print_json({"released": not dry_run, "items": done})
        return
    for one in done:
        console().print(f"{one['item']}  {escape(str(one['name']))}: " + (
            _("would be released") if dry_run else _("released; the next night takes it in (luutru nightly)")))
        for name, value in one["set"].items():
            console().print(f"  {name} = {escape(value)}")


@command.command("refuse", help=_("Refuse an item for good; its bytes and the reason are kept."))
@click.argument("items", nargs=-1, required=True)
@click.option("--reason", required=True, help=_("the reason that the sender is told"))
@click.option("--yes", is_flag=True, help=_("do not ask"))
@click.option("--dry-run", is_flag=True, help=_("change nothing"))
@click.option("--json", "as_json", is_flag=True, help=_("for machines"))
@click.pass_obj
def refuse(root: Path, items: tuple[str, ...], reason: str, yes: bool, dry_run: bool, as_json: bool) -> None:
    """Refuse items for good: a refusal is a record (LS Đ6.4); nothing is deleted."""
    with archive_at(root) as archive, ownership(archive), _told():
        rows = [releasing.find(archive, item) for item in items]
        releasing.turn_away(archive, rows, reason, by=person(), dry_run=True)
        if not (yes or dry_run or as_json):
            click.confirm(_("Refuse {n} items for good?").format(n=len(rows)), abort=True)
        releasing.turn_away(archive, rows, reason, by=person(), dry_run=dry_run)
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


@contextmanager
def _told() -> Iterator[None]:
    """A wrong use is told as one of the command, with its usage."""
    try:
        yield
    except UsageError as error:
        raise click.UsageError(str(error)) from error


def _reason(findings: list[Finding]) -> str:
    return f"{findings[0].code} {findings[0].sentence(language())}" if findings else ""
