"""`luutru backup print`: log and minutes of backups, checks and restores (TT 05/2025/TT-BNV Phụ lục VII)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from archive.i18n import _
from archive.terminal import archive_at, console, print_json


@click.command("print", help=_("Print log or minutes (TT 05/2025/TT-BNV Phụ lục VII) from the ledger: check (form 01), "
                               "log (02), minutes of a backup (03), restore or drill (04)."))
@click.argument("kind", type=click.Choice(["check", "log", "minutes", "restore"]))
@click.option("--to", "target", type=click.Path(path_type=Path, dir_okay=False), required=True, help=_(
    "the file; .docx gives an editable one, everything else PDF/A"))
@click.option("--event", "number", type=int, default=0, help=_("number of the event; otherwise the newest"))
@click.option("--target", "name", default="", help=_("only of this target"))
@click.option("--from", "first", default="", metavar="YYYY-MM-DD", help=_("of the log: first day; else this month's"))
@click.option("--until", "last", default="", metavar="YYYY-MM-DD", help=_("of the log: last day; else today"))
@click.option("--where", default="", help=_("where the device stands"))
@click.option("--remedy", default="", help=_("what was done about what was found"))
@click.option("--superior", default="", help=_("superior agency, for the heading"))
@click.option("--head", default="", help=_("who signs for the unit"))
@click.option("--json", "as_json", is_flag=True, help=_("for machines"))
@click.pass_obj
def papers(root: Path, kind: str, target: Path, number: int, name: str, first: str, last: str, where: str, remedy: str,
           superior: str, head: str, as_json: bool) -> None:
    """Write the paper; what the ledger does not know and nobody gave becomes dots."""
    from datetime import date

    from archive import clock
    from archive.backup import papers as made_of
    from archive.errors import UsageError
    from archive.files import write_atomically
    from archive.forms import papers as forms

    given = {key: value for key, value in (("where", where), ("remedy", remedy), ("superior", superior),
                                           ("head", head)) if value}
    with archive_at(root) as archive, archive.catalogue.session() as session:
        own, today = archive.settings, clock.in_vietnam(clock.now()).date()
        made = clock.now()
        if kind == "log":
            try:
                days = (date.fromisoformat(first) if first else today.replace(day=1),
                        date.fromisoformat(last) if last else today)
            except ValueError as error:
                raise UsageError(_("{text} is no day, such as 2031-12-31").format(text=error)) from error
            data: dict[str, Any] = made_of.backup_log(own, session, days[0], days[1], target=name)
            data |= {"superior": superior} if superior else {}
        else:
            event = made_of.latest(session, kind, number=number, target=name)
            made = clock.parse(event.at)
            if kind == "check":
                data = made_of.check_minutes(own, event, **given)
            elif kind == "minutes":
                data = made_of.backup_minutes(own, session, event, **given)
            else:
                given.pop("remedy", None)
                data = made_of.restore_minutes(own, event, **given)
    write = forms.docx if target.suffix.lower() == ".docx" else forms.paper
    write_atomically(target, write(made_of.KINDS[kind], data, made=made))
    if as_json:
        print_json({"kind": kind, "file": str(target), "data": data})
    else:
        console().print(_("Written: {place}").format(place=target), soft_wrap=True)
