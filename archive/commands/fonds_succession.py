"""`luutru fonds open`, `close` and `reopen`: when a fonds (phông) begins and ends, and what follows it."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import click

from archive.i18n import _
from archive.terminal import archive_at, console, person, print_json

DAYS = ["%d/%m/%Y", "%Y-%m-%d"]


@click.command("open", help=_("Open the fonds of a new agency, such as one that came of a merger."))
@click.argument("code")
@click.option("--name", required=True, help=_("the agency's full name"))
@click.option("--from", "day", type=click.DateTime(DAYS), metavar="DD/MM/YYYY", help=_("its first day"))
@click.option("--json", "as_json", is_flag=True, help=_("for machines"))
@click.pass_obj
def open_(root: Path, code: str, name: str, day: datetime | None, as_json: bool) -> None:
    """Open a fonds."""
    from archive.fonds_succession import begin_fonds

    with archive_at(root) as archive:
        begin_fonds(archive, code, name, day.date() if day else None)
    if as_json:
        print_json({"code": code, "name": name, "valid_from": day.date() if day else ""})
        return
    console().print(_("The fonds {code} is open.").format(code=code))


@click.command("close", help=_("Close a fonds whose agency was merged or dissolved; it keeps its records and codes."))
@click.argument("code")
@click.option("--on", "day", type=click.DateTime(DAYS), metavar="DD/MM/YYYY", required=True, help=_("its last day"))
@click.option("--successor", default="", help=_("the fonds or agency code that follows"))
@click.option("--reason", required=True, help=_("why: the decision that merged or dissolved the agency"))
@click.option("--json", "as_json", is_flag=True, help=_("for machines"))
@click.pass_obj
def close(root: Path, code: str, day: datetime, successor: str, reason: str, as_json: bool) -> None:
    """Close a fonds."""
    from archive.fonds_succession import close_fonds

    with archive_at(root) as archive:
        close_fonds(archive, code, day.date(), successor, reason, actor=person())
    if as_json:
        print_json({"code": code, "valid_to": day.date(), "successor": successor, "reason": reason})
        return
    console().print(_("The fonds {code} is closed; its last day: {day}; followed by: {successor}.").format(
        code=code, day=f"{day:%d/%m/%Y}", successor=successor or "—"))


@click.command("reopen", help=_("Take back the closing of a fonds."))
@click.argument("code")
@click.option("--reason", required=True, help=_("why"))
@click.option("--json", "as_json", is_flag=True, help=_("for machines"))
@click.pass_obj
def reopen(root: Path, code: str, reason: str, as_json: bool) -> None:
    """Take back the closing of a fonds."""
    from archive.fonds_succession import reopen_fonds

    with archive_at(root) as archive:
        reopen_fonds(archive, code, reason, actor=person())
    if as_json:
        print_json({"code": code, "valid_to": "", "reason": reason})
        return
    console().print(_("The fonds {code} is open again.").format(code=code))
