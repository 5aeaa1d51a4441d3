"""`luutru calendar`: the working calendars by which working days and the legal time of receipt are counted."""

from __future__ import annotations

from pathlib import Path

import click

from archive.i18n import _
from archive.terminal import archive_at, console, person, print_json, print_table, settings_of


@click.group(help=_("Working calendars: days off, and days worked instead."))
def command() -> None:
    """Working calendars: show one, take others in."""


@command.command("show", help=_("Show a working calendar, the agency's own when none is named."))
@click.argument("name", required=False)
@click.option("--year", type=click.IntRange(1900, 2999), help=_("only of this year"))
@click.option("--json", "as_json", is_flag=True, help=_("for machines"))
@click.pass_obj
def show(root: Path, name: str | None, year: int | None, as_json: bool) -> None:
    """The days off and the days worked instead, with what is not settled yet."""
    from archive.working_days import WEEKDAYS, calendars, named

    settings = settings_of(root)
    known = calendars(settings.root)
    one = named(known, name or settings.agency.calendar)
    days = sorted(day for day in one.names if year in (None, day.year))
    kinds = {day: "off" if day in one.off else "worked" if day in one.worked else "unsure" for day in days}
    if as_json:
        print_json({"calendar": one.id, "name": one.name, "years": sorted(one.years), "known": sorted(known),
                    "sessions": {WEEKDAYS[day]: [[f"{start:%H:%M}", f"{end:%H:%M}"] for start, end in hours]
                                 for day, hours in sorted(one.week.items())},
                    "days": [{"date": day.isoformat(), "kind": kinds[day], "name": one.names[day],
                              "settled": one.settled(day)} for day in days]})
        return
    words = {"off": _("day off"), "worked": _("worked instead"), "unsure": _("worked, not settled")}
    print_table(f"{one.id}: {one.name}", (_("Day"), _("Standing"), _("Name"), _("Sure")), [
        (f"{day:%d/%m/%Y}", words[kinds[day]], one.names[day], _("yes") if one.settled(day) else _("to be checked"))
        for day in days])
    console().print(_("Years with a list of holidays: {years}. Calendars: {known}.").format(
        years=", ".join(map(str, sorted(one.years))), known=", ".join(sorted(known))), soft_wrap=True)


@command.command("import", help=_("Take working calendars in from a TOML file, formed as the one that is shipped."))
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--dry-run", is_flag=True, help=_("check only"))
@click.pass_obj
def import_(root: Path, file: Path, dry_run: bool) -> None:
    """Check the calendars of FILE and put them beside the settings; the ledger keeps who did it and all they say."""
    from archive.opening import ownership
    from archive.working_days import import_calendars, read_calendars

    try:
        text = file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise click.UsageError(_("{file} is not written in UTF-8.").format(file=file.name)) from error
    found = read_calendars(text, file.name)
    if not dry_run:
        from archive import acts

        with archive_at(root) as archive, ownership(archive):
            import_calendars(archive.settings.root, text, file.name)
            acts.note(archive.settings, "calendars_imported", file.name[:200], {
                "calendars": sorted(found), "text": text}, actor=person())
            acts.take_in(archive)
    console().print(_("{n} working calendars: {names}.").format(n=len(found), names=", ".join(sorted(found)))
                    + (" " + _("Nothing was changed.") if dry_run else ""))
