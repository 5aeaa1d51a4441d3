"""`luutru retention import`, `tables` and `show`: retention tables (bảng thời hạn lưu trữ) as data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from archive import clock
from archive.i18n import _, language
from archive.opening import ownership
from archive.terminal import archive_at, console, local_day, person, print_json, print_table


@click.command("import", help=_("Import a retention table (CSV, XLSX, ODS, XLS, YAML), or tt09_2011, the legacy one."))
@click.argument("source")
@click.option("--id", "id_", default="", help=_("short name of the table: small letters, digits, . - _"))
@click.option("--instrument", default="", help=_("the document that set it up, such as 10/2022/TT-BNV"))
@click.option("--title", default="", help=_("its title"))
@click.option("--scope", default="", help=_("the sector it is for; empty: general"))
@click.option("--from", "valid_from", default="", help=_("first day of its validity, YYYY-MM-DD"))
@click.option("--to", "valid_to", default="", help=_("last day of its validity, where one is known"))
@click.option("--approver", default="", help=_("who approved it"))
@click.option("--dry-run", is_flag=True, help=_("check only, import nothing"))
@click.option("--json", "as_json", is_flag=True, help=_("for machines"))
@click.pass_context
def import_(ctx: click.Context, source: str, dry_run: bool, as_json: bool, id_: str, instrument: str,
            title: str, scope: str, valid_from: str, valid_to: str, approver: str) -> None:
    """Check a table and keep it as a new version; exit code 5 when it is refused, 3 when it has warnings."""
    from archive.findings import Level, worst
    from retention.tables import keeping, reading

    path = Path(source)
    if not path.is_file():
        if source not in reading.shipped():
            raise click.UsageError(_("There is no file {path}.").format(path=source))
        path = reading.shipped()[source]
    table = reading.read_table(path, id=id_, instrument=instrument, title=title, scope=scope, valid_from=valid_from,
                               valid_to=valid_to, approver=approver)
    version, refused = 0, worst(table.findings) >= Level.refused
    if not refused:
        with archive_at(ctx.obj) as archive, ownership(archive):
            kept = keeping.import_table(archive, table, path, by=person(), at=clock.now(), dry_run=dry_run)
        table, version = kept.table, kept.version
    if as_json:
        print_json({"id": table.id, "version": version, "rows": len(table.rows), "refused": refused,
                    "dry_run": dry_run, "findings": [one.as_dict() for one in table.findings]})
    else:
        for one in table.findings:
            console().print(f"[bold]{one.code}[/bold] {one.sentence(language())}", soft_wrap=True)
            console().print(f"  [dim]{one.cure(language())}[/dim]", soft_wrap=True)
        if version:
            console().print(_("Table {id}, version {version}: {n} rows were imported.").format(
                id=table.id, version=version, n=len(table.rows)))
        elif refused:
            console().print(_("Nothing was imported."))
        elif dry_run:
            console().print(_("Only checked, nothing was changed."))
    worst_level = worst(table.findings)
    ctx.exit(5 if refused else 3 if worst_level >= Level.warning else 0)


@click.command("tables", help=_("List the retention tables."))
@click.option("--all", "every", is_flag=True, help=_("also earlier versions"))
@click.option("--json", "as_json", is_flag=True, help=_("for machines"))
@click.pass_obj
def tables(root: Path, every: bool, as_json: bool) -> None:
    """The tables that were imported, and those that come with the program and were not."""
    from retention.tables import keeping, reading

    with archive_at(root) as archive, archive.catalogue.session() as session:
        found = keeping.tables(session, every=every)
        told: list[dict[str, Any]] = [
            {"id": one.id, "version": one.version, "instrument": one.instrument, "title": one.title,
             "scope": one.scope, "valid_from": one.valid_from, "valid_to": one.valid_to, "approver": one.approver,
             "legacy": one.legacy, "rows": len(keeping.rules_of(session, one.id, one.version))} for one in found]
    shipped = sorted(set(reading.shipped()) - {one["id"] for one in told})
    if as_json:
        print_json({"tables": told, "shipped": shipped})
        return
    print_table(_("Retention tables"), (_("Table"), _("Instrument"), _("Valid"), _("Rows"), _("Approved by"), ""), [
        (f"{one['id']}@{one['version']}", one["instrument"], f"{local_day(one['valid_from'])} – "
         f"{local_day(one['valid_to']) if one['valid_to'] else '…'}", str(one["rows"]), one["approver"],
         _("legacy") if one["legacy"] else one["scope"]) for one in told])
    for name in shipped:
        console().print(_("Comes with the program, not imported (legacy): {name}. luutru retention import {name}")
                        .format(name=name))


@click.command("show", help=_("Show the rows of a retention table."))
@click.argument("table")
@click.option("--json", "as_json", is_flag=True, help=_("for machines"))
@click.pass_obj
def show(root: Path, table: str, as_json: bool) -> None:
    """The rows of a table, "id" (its newest version) or "id@version"."""
    from retention.tables import keeping

    with archive_at(root) as archive, archive.catalogue.session() as session:
        found = keeping.table_of(session, table)
        if found is None:
            raise click.UsageError(_("There is no retention table {table}; see luutru retention tables.").format(
                table=table))
        rules = keeping.rules_of(session, found.id, found.version)
    if as_json:
        print_json({"id": found.id, "version": found.version, "instrument": found.instrument, "legacy": found.legacy,
                    "valid_from": found.valid_from, "valid_to": found.valid_to, "rows": [
                        {"code": one.code, "heading": one.heading, "description": one.description,
                         "period": one.period, "kind": one.kind, "years": one.years} for one in rules]})
        return
    legacy = f" · {_('legacy')}" if found.legacy else ""
    print_table(f"{found.id}@{found.version} · {found.instrument}{legacy}",
                (_("Number"), _("Group"), _("Records"), _("Period")),
                [(one.code, one.heading, one.description, one.period) for one in rules])
