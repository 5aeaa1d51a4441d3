"""`luutru incident`: the register of what went wrong, why, and what was done about it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from archive.i18n import _
from archive.terminal import archive_at, console, local_time, person, print_json, print_table


@click.group(help=_("Incidents: what went wrong with the archive, why, what was done, and the minutes of it (TT "
                    "05/2025/TT-BNV Điều 31)."))
def command() -> None:
    """The register of incidents."""


@command.command("open", help=_("Enter an incident."))
@click.argument("title")
@click.option("--where", default="", help=_("where the device stands"))
@click.option("--found", default="", metavar="YYYY-MM-DDTHH:MM", help=_("when it was found, in Vietnam; else now"))
@click.option("--json", "as_json", is_flag=True, help=_("for machines"))
@click.pass_obj
def open_(root: Any, title: str, where: str, found: str, as_json: bool) -> None:
    """Enter it and say its code."""
    from datetime import datetime

    from archive import clock, incidents
    from archive.errors import UsageError
    from archive.opening import ownership

    try:
        moment = datetime.fromisoformat(found).replace(tzinfo=clock.VIETNAM) if found else clock.now()
    except ValueError as error:
        raise UsageError(_("{text} is no time, such as 2026-11-20T22:00").format(text=found)) from error
    with archive_at(root) as archive, ownership(archive):
        code = incidents.begin(archive, title, where=where, found_at=moment, now=clock.now(), by=person())
    if as_json:
        print_json({"code": code})
    else:
        console().print(_("Entered as {code}.").format(code=code))


@command.command("note", help=_("Add to an incident: its cause, how it was isolated, the remedy, the check "
                                "afterwards."))
@click.argument("code")
@click.argument("text")
@click.option("--about", type=click.Choice(["cause", "isolated", "remedy", "checked", "note"]), default="note",
              show_default=True, help=_("what the entry is about"))
@click.pass_obj
def note(root: Any, code: str, text: str, about: str) -> None:
    """Write the entry."""
    from archive import incidents
    from archive.opening import ownership

    with archive_at(root) as archive, ownership(archive):
        incidents.note(archive, code, about, text, by=person())
    console().print(_("Noted."))


@command.command("close", help=_("Conclude an incident; its cause and the remedy must be entered."))
@click.argument("code")
@click.option("--result", required=True, help=_("how it ended"))
@click.option("--restored", type=int, default=0, help=_("number of the event of the restore that ended it"))
@click.pass_obj
def close(root: Any, code: str, result: str, restored: int) -> None:
    """Write the end."""
    from archive import incidents
    from archive.opening import ownership

    with archive_at(root) as archive, ownership(archive):
        incidents.close(archive, code, result, by=person(), restored=restored)
    console().print(_("{code} is closed.").format(code=code))


@command.command("list", help=_("All incidents, or one with its entries."))
@click.argument("code", default="")
@click.option("--json", "as_json", is_flag=True, help=_("for machines"))
@click.pass_obj
def list_(root: Any, code: str, as_json: bool) -> None:
    """Exit code 0, also when one is open."""
    from dataclasses import asdict

    from archive import incidents

    with archive_at(root) as archive, archive.catalogue.session() as session:
        found = [incidents.incident(session, code)] if code else incidents.incidents(session)
    if as_json:
        print_json([asdict(one) for one in found])
    elif code:
        one = found[0]
        console().print(f"{one.code} · {one.title} · {local_time(one.found_at)} · {one.by}", soft_wrap=True,
                        markup=False)
        for each in one.notes:
            console().print(f"  {local_time(each.at)} {each.by}: {incidents.about_name(each.about)}: {each.text}",
                            soft_wrap=True, markup=False)
        if one.closed_at:
            console().print(f"  {local_time(one.closed_at)} {_('closed')}: {one.result}", soft_wrap=True, markup=False)
    else:
        print_table(_("Incidents"), [_("Code"), _("Title"), _("Found"), _("State")], [
            [one.code, one.title, local_time(one.found_at), _("closed") if one.closed_at else _("open")]
            for one in found])


@command.command("print", help=_("Print the minutes of an incident (TT 05/2025/TT-BNV Phụ lục VII, form 04)."))
@click.argument("code")
@click.option("--to", "target", type=click.Path(path_type=Path, dir_okay=False), required=True, help=_(
    "the file; .docx gives an editable one, everything else PDF/A"))
@click.option("--head", default="", help=_("who signs for the unit"))
@click.pass_obj
def print_(root: Any, code: str, target: Path, head: str) -> None:
    """Write the paper."""
    from archive import clock, incidents
    from archive.files import write_atomically
    from archive.forms import papers

    with archive_at(root) as archive, archive.catalogue.session() as session:
        one = incidents.incident(session, code)
        data = incidents.minutes(archive.settings, session, one)
        data |= {"head": head} if head else {}
    made = clock.parse(one.closed_at or one.opened_at)
    write = papers.docx if target.suffix.lower() == ".docx" else papers.paper
    write_atomically(target, write("restore_minutes", data, made=made))
    console().print(_("Written: {place}").format(place=target), soft_wrap=True)
