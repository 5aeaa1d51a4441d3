"""`luutru catalogue`: the catalogue's form and its database, the move to another one, the way back of an upgrade."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from archive.commands.groups import changes
from archive.i18n import _
from archive.terminal import (
    archive_at,
    console,
    print_findings,
    print_json,
    print_table,
    progress_bar,
    settings_of,
)

if TYPE_CHECKING:
    from archive.catalogue import Catalogue
    from archive.catalogue_moving import Moved, Standing
    from archive.findings import Finding
    from archive.opening import Archive


@click.group(help=_("The catalogue's form and database: show them, move it to another database, go back to an older "
                    "form."))
def command() -> None:
    """The catalogue."""


# --- version ---------------------------------------------------------------------------------------------------


@command.command("version", help=_("Which form the catalogue's tables have and which this program knows, in which "
                                   "database, with how many rows. Changes nothing, not even an older form."))
@click.option("--json", "as_json", is_flag=True, help=_("for machines"))
@click.pass_context
def version(ctx: click.Context, as_json: bool) -> None:
    """Exit code 3 when the form is not this program's, or the tables are not as it makes them."""
    from archive import __version__, catalogue_forms, opening
    from archive.catalogue import Catalogue, address
    from archive.catalogue_moving import standing
    from archive.errors import NoArchiveError
    from archive.model import SCHEMA

    settings = settings_of(ctx.obj)
    if not opening.exists(settings):
        raise NoArchiveError(str(settings.root))
    catalogue = Catalogue(address(settings))
    try:
        found = standing(catalogue)
        differences = catalogue_forms.differences(catalogue) if found.form == SCHEMA else []
    finally:
        catalogue.close()
    if as_json:
        print_json({"program": __version__, "knows": SCHEMA, "form": found.form, "database": found.place,
                    "rows": found.rows, "forms": [{"form": one.number, "brought": one.brought} for one in
                                                  catalogue_forms.forms()],
                    "findings": [one.as_dict() for one in differences]})
    else:
        _say(_("Program {version}, which knows forms up to {form}.").format(version=__version__, form=SCHEMA))
        _say(_("Catalogue: {place}").format(place=found.place))
        _say(_state(found, SCHEMA))
        print_findings(differences)
    ctx.exit(0 if found.form == SCHEMA and not differences else 3)


def _state(found: Standing, known: str) -> str:
    if not found.form:
        return _("It has no tables yet; the first command that needs them makes them.")
    if found.form < known:
        return _("Form {form}: older; the next command brings it up to {known}.").format(form=found.form, known=known)
    if found.form > known:
        return _("Form {form}: of a newer program; this one cannot use it. With the newer one: luutru catalogue "
                 "downgrade --to {known}").format(form=found.form, known=known)
    return _("Form {form}, this program's; {n} rows.").format(form=found.form, n=found.total)


# --- move ------------------------------------------------------------------------------------------------------


@command.command("move", help=_("Copy the catalogue into another database (SQLite or PostgreSQL), compare every row, "
                                "and name it in luutru.toml. The old one is only read."))
@click.option("--to", "to", required=True, metavar="URL", help=_(
    "postgresql+psycopg2://user@host/database, sqlite:////folder/file.db, or sqlite: the file in the archive's folder; "
    "the password in PGPASSWORD or ~/.pgpass"))
@click.option("--configure/--no-configure", default=None, help=_(
    "write the setting “database” into luutru.toml, without a password; asked for at a terminal"))
@click.option("--yes", is_flag=True, help=_("put it in the place of a catalogue that is there"))
@changes
@click.pass_context
def move(ctx: click.Context, to: str, configure: bool | None, yes: bool, dry_run: bool, as_json: bool) -> None:
    """Exit code 4 when what was copied differs, 1 when the other database cannot hold a row: nothing is kept then."""
    from archive import catalogue_moving as moving
    from archive.catalogue import Catalogue
    from archive.opening import ownership

    with archive_at(ctx.obj) as archive, ownership(archive):
        target = Catalogue(moving.wanted(archive.settings, to))
        try:
            there = moving.standing(target)
            if dry_run:
                _tell_plan(moving.standing(archive.catalogue), there, as_json=as_json)
                return
            with progress_bar(_("moving"), quiet=as_json) as tell:
                done = moving.move(archive, target, overwrite=yes, progress=lambda _table, n, of: tell(n, of))
            if not as_json:
                _tell_moved(done, str(target))
            told = {} if done.findings else _settle(archive, target, configure, as_json=as_json)
            if as_json:
                print_json({"from": str(archive.catalogue), "to": str(target), "rows": done.rows,
                            "left": done.left, **told, "findings": [one.as_dict() for one in done.findings]})
        finally:
            target.close()
    ctx.exit(_left_with(done.findings))


def _tell_plan(source: Standing, there: Standing, *, as_json: bool) -> None:
    from archive.catalogue_forms import OF_A_MOMENT
    from archive.catalogue_moving import refusal

    rows = {table: n for table, n in source.rows.items() if table not in OF_A_MOMENT}
    if as_json:
        print_json({"dry_run": True, "from": source.place, "to": there.place, "rows": rows,
                    "there": {"form": there.form, "rows": there.total, "fonds": list(there.fonds)}})
        return
    _print_rows(rows)
    _say(_("From {source} to {target}: {n} rows would be copied and compared. Nothing was changed.").format(
        source=source.place, target=there.place, n=sum(rows.values())))
    if there.total:
        _say(refusal(there))


def _tell_moved(done: Moved, place: str) -> None:
    if done.findings:
        print_findings(done.findings)
        _say(_("Nothing was kept in {place}; the catalogue stays where it was.").format(place=place))
        return
    _print_rows(done.rows)
    _say(_("✔ {n} rows are in {place}, each compared with its original: the same.").format(
        n=sum(done.rows.values()), place=place))
    if left := sum(done.left.values()):
        _say(_("{n} rows about machines at work were not copied: they are of a moment, and made anew.").format(n=left))


def _settle(archive: Archive, target: Catalogue, configure: bool | None, *, as_json: bool) -> dict[str, Any]:
    """Let the settings name the new database, or say how; the old file goes aside once they do."""
    from archive import catalogue_moving as moving
    from archive import clock

    fixed = moving.set_by_environment()
    if configure is None and not (as_json or fixed) and sys.stdin.isatty():
        configure = click.confirm(_("Write database = \"{place}\" into luutru.toml, so that every command uses it from "
                                    "now on?").format(place=target), default=True)
    line = moving.name_in_settings(archive.settings, target.url) if configure else ""
    aside = moving.set_aside(archive, clock.stamp(clock.now())[:19].replace(":", "").replace("-", "")
                             ) if line and not fixed else ""
    if not as_json:
        _tell_settled(archive, target, line, aside, fixed=fixed)
    return {"configured": bool(line), "set_aside": aside, "environment": fixed}


def _tell_settled(archive: Archive, target: Catalogue, line: str, aside: str, *, fixed: bool) -> None:
    if line:
        _say(_("luutru.toml says now: {line}").format(line=line))
    if fixed:
        _say(_("LUUTRU_DATABASE is set here and wins over luutru.toml: change it wherever it is set (systemd, cron), "
               "before the next command."))
    elif not line:
        _say(_("The catalogue of before is still in use. Set database = \"{place}\" in luutru.toml, or "
               "LUUTRU_DATABASE, before anything else is written.").format(place=target))
    if target.engine.url.password:
        _say(_("The password was not written down: give it in PGPASSWORD or ~/.pgpass to whoever runs luutru."))
    if aside:
        _say(_("The old file is {file} now, so that nothing goes on writing it; remove it when all is well.").format(
            file=aside))
    elif line and not fixed:
        _say(_("The old catalogue stays in {place}; stop what still uses it (the portal), and remove it when all is "
               "well.").format(place=archive.catalogue))
    if line:
        _say(_("Start the portal and the workers again; then look: luutru doctor"))


# --- downgrade -------------------------------------------------------------------------------------------------


@command.command("downgrade", help=_("Bring the catalogue to the older form of an older program, before that program "
                                     "is put back. What its form has no place for is told first, and is made again "
                                     "from the store by a later rebuild."))
@click.option("--to", "to", default="", metavar="FORM", help=_("the form, such as 0009"))
@click.option("--for", "program", type=click.Path(exists=True, file_okay=False, path_type=Path), default=None, help=_(
    "the folder of the older program, whose form is taken"))
@click.option("--yes", is_flag=True, help=_("do not ask"))
@changes
@click.pass_context
def downgrade(ctx: click.Context, to: str, program: Path | None, yes: bool, dry_run: bool, as_json: bool) -> None:
    """Tell what goes, ask, take the steps down in one transaction."""
    from archive import catalogue_forms
    from archive.errors import UsageError
    from archive.opening import ownership

    if bool(to) == (program is not None):
        raise UsageError(_("Name the form (--to 0009) or the older program's folder (--for /opt/luutru-cu)."))
    form = to or catalogue_forms.of_program(program or Path())
    with archive_at(ctx.obj) as archive, ownership(archive):
        now = archive.catalogue.form()
        if program is not None and form == now:
            # An administrator's script asks this before every way back; many releases do not touch the catalogue.
            print_json({"form": form, "dry_run": dry_run, "findings": []}) if as_json else _say(_(
                "That program knows the form {form}, which the catalogue has: nothing to do.").format(form=form))
            return
        catalogue_forms.ask_for_way_down(now, form)
        found = catalogue_forms.losses(archive.catalogue, form)
        if not as_json:
            print_findings(found)
            if not found:
                _say(_("Form {form} has a place for every row that is there.").format(form=form))
        if not dry_run:
            if not (yes or as_json):
                click.confirm(_("The catalogue is brought to form {form}; the store is not touched. Go on?").format(
                    form=form), abort=True)
            catalogue_forms.downgrade(archive.catalogue, form)
    if as_json:
        print_json({"form": form, "dry_run": dry_run, "findings": [one.as_dict() for one in found]})
    elif dry_run:
        _say(_("Nothing was changed."))
    else:
        _say(_("The catalogue has form {form} now. Put the older program in its place at once: any command of this one "
               "brings the form up again.").format(form=form))


# --- saying it -------------------------------------------------------------------------------------------------


def _print_rows(rows: dict[str, int]) -> None:
    print_table(_("Catalogue"), [_("Table"), _("Rows")], [[table, str(n)] for table, n in rows.items() if n])


def _say(sentence: str) -> None:
    console().print(sentence, soft_wrap=True, markup=False)


def _left_with(found: Iterable[Finding]) -> int:
    from archive.findings import Level

    levels = {one.level for one in found}
    return 1 if Level.failed in levels else 4 if Level.refused in levels else 0
