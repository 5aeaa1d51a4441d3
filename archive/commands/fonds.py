"""`luutru fonds`: the fonds (phông) of this archive: list, show, and put their description right."""

from __future__ import annotations

from pathlib import Path

import click
from rich.markup import escape
from sqlalchemy import func, select

from archive import correcting, model, revisions
from archive.commands import fonds_succession
from archive.commands.corrections import options, print_history, run
from archive.fields.tags import rows_of
from archive.i18n import _, language, ngettext_
from archive.opening import ownership
from archive.terminal import archive_at, console, local_day, local_time, person, print_json, print_table


@click.group(help=_("Fonds (phông): the whole of one agency's records, and its description."))
def command() -> None:
    """Fonds."""


command.add_command(fonds_succession.open_)
command.add_command(fonds_succession.close)
command.add_command(fonds_succession.reopen)


@command.command("list", help=_("List the fonds."))
@click.option("--json", "as_json", is_flag=True, help=_("for machines"))
@click.pass_obj
def list_(root: Path, as_json: bool) -> None:
    """List the fonds with their validity and how many case files each holds."""
    with archive_at(root) as archive, archive.catalogue.session() as session:
        count = func.count(model.CaseFile.code)
        found = [(row, number) for row, number in session.execute(
            select(model.Fonds, count).outerjoin(model.CaseFile).group_by(model.Fonds.code)
            .order_by(model.Fonds.code))]
    if as_json:
        print_json([{"code": row.code, "name": row.name, "valid_from": row.valid_from, "valid_to": row.valid_to,
                     "successor": row.successor, "case_files": number} for row, number in found])
        return
    print_table(_("Fonds"), (_("Code"), _("Name"), _("Valid from"), _("Valid to"), _("Successor"), _("Case files")),
                [(row.code, escape(row.name), local_day(row.valid_from) or "—", local_day(row.valid_to) or "—",
                  row.successor or "—", str(number)) for row, number in found])


@command.command("show", help=_("Show the description of a fonds, by the fonds table of TT 02/2019/TT-BNV."))
@click.argument("code")
@click.option("--history", is_flag=True, help=_("also every correction, with its reason"))
@click.option("--json", "as_json", is_flag=True, help=_("for machines"))
@click.pass_obj
def show(root: Path, code: str, history: bool, as_json: bool) -> None:
    """Show a fonds and its thirteen descriptive fields."""
    with archive_at(root) as archive:
        with archive.catalogue.session() as session:
            if session.get(model.Fonds, code) is None:
                raise click.UsageError(_("There is no fonds {code}.").format(code=code))
        record = correcting.read_fonds(archive, code)
        own = archive.settings.archive_code
        events = revisions.history(archive, code) if history else []
    if as_json:
        told = [{"at": one.at, "actor": one.actor, **one.data} for one in events]
        print_json({**record, "history": told} if history else record)
        return
    out, values = console(), {
        **revisions.described(record), "archiveCode": own, "fondsCode": code}
    out.print(f"[bold]{code}[/bold]  {escape(record['name'])}")
    for label, value in ((_("Valid from"), local_day(record["valid_from"])),
                         (_("Valid to"), local_day(record["valid_to"])), (_("Successor"), record["successor"])):
        if value:
            out.print(f"  [dim]{label:<14}[/] {escape(value)}")
    for tag, row in rows_of(correcting.FONDS_PROFILE, ["fonds"]).items():
        name = row.name_en if language() == "en" else row.name_vi
        out.print(f"  [dim]{tag:<14}[/] {name}: {escape(values.get(tag, '')) or '—'}", soft_wrap=True)
    if record.get("revised_at"):
        words = ngettext_("Corrected {n} time, at {time} by {person}.",
                          "Corrected {n} times, last at {time} by {person}.", record["revision"])
        out.print(words.format(n=record["revision"], time=local_time(record["revised_at"]),
                               person=escape(record["revised_by"])))
    if history:
        print_history(events)


@command.command("correct", help=_("Correct the description of a fonds, with a reason; every former value is kept."))
@options
@click.pass_obj
def correct(root: Path, code: str, corrections: tuple[str, ...], cleared: tuple[str, ...], reason: str, dry_run: bool,
            as_json: bool) -> None:
    """Correct a fonds' fields: a new version of its description."""
    with archive_at(root) as archive, ownership(archive):
        run(lambda values: correcting.correct_fonds(archive, code, values, reason, by=person(), dry_run=dry_run),
            corrections, cleared, dry_run=dry_run, as_json=as_json)
