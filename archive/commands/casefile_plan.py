"""`luutru casefile plan`: import, show and write an agency's file plan of a year (danh mục hồ sơ)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from rich.markup import escape
from sqlalchemy import select

from archive import model
from archive.errors import UsageError
from archive.file_plan import read_file_plan
from archive.file_plan_export import totals, with_headings, write_file_plan
from archive.file_plan_import import Differences, differences, import_file_plan
from archive.i18n import _, later
from archive.opening import Archive
from archive.terminal import archive_at, console, print_findings, print_json, print_table

KEYS = ("fonds", "year", "position", "notation", "heading", "title", "retention", "keeper", "note")
_NAMES = {"notation": later("Notation"), "title": later("Title"), "heading": later("Heading"),
          "retention": later("Retention"), "keeper": later("Keeper"), "note": later("Note")}


@click.group("plan", help=_("File plans (danh mục hồ sơ)."))
def plan() -> None:
    """File plans."""


@plan.command("import", help=_("Import a file plan from CSV, XLSX, ODS or XLS in the form of NĐ 30/2020, Phụ lục V."))
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--fonds", help=_("fonds (agency code); default: the agency of this archive"))
@click.option("--name", default="", help=_("the agency's name, where the fonds is new"))
@click.option("--year", type=int, help=_("the plan's year, where the file does not say it"))
@click.option("--replace", "replace_all", is_flag=True, help=_("give up lines that the file does not have"))
@click.option("--dry-run", is_flag=True, help=_("read and check only"))
@click.option("--json", "as_json", is_flag=True, help=_("for machines"))
@click.pass_obj
def import_(root: Path, file: Path, fonds: str | None, name: str, year: int | None, replace_all: bool, dry_run: bool,
            as_json: bool) -> None:
    """Import a file plan and show what it changes; a line that is there already is renewed, others are kept."""
    with archive_at(root) as archive:
        code = fonds or archive.settings.agency.code
        changes = differences(archive.store, read_file_plan(file, year), code)
        read = import_file_plan(archive, file, code, name, year, replace_all=replace_all, dry_run=dry_run)
    if as_json:
        print_json({"year": read.year, "entries": len(read.entries), "numbering": read.numbering,
                    "imported": not dry_run, "added": list(changes.added),
                    "changed": [{"before": before, "after": after} for before, after in changes.changed],
                    "gone": list(changes.gone), "findings": [found.as_dict() for found in read.findings]})
        return
    lines = [{"notation": one.notation, "title": one.title, "heading": one.heading, "retention": one.retention_text,
              "keeper": one.keeper} for one in read.entries]
    _print_plan(read.year, lines)
    _print_differences(changes, replace_all)
    print_findings(read.findings)
    console().print(_("Only checked, nothing was imported.") if dry_run else _("Imported."))


@plan.command("show", help=_("Show the file plan of a year, under its headings and in its order."))
@click.argument("year", type=int)
@click.option("--fonds", help=_("fonds (agency code); default: the agency of this archive"))
@click.option("--json", "as_json", is_flag=True, help=_("for machines"))
@click.pass_obj
def show(root: Path, year: int, fonds: str | None, as_json: bool) -> None:
    """Show the file plan of a year."""
    with archive_at(root) as archive:
        lines = _held(archive, fonds or archive.settings.agency.code, year)
    if as_json:
        print_json(lines)
        return
    _print_plan(year, lines)


@plan.command("export", help=_("Write the file plan of a year as XLSX or CSV, in the form of NĐ 30/2020, Phụ lục V."))
@click.argument("year", type=int)
@click.option("--to", "target", type=click.Path(path_type=Path, dir_okay=False), required=True,
              help=_("the file to write (.xlsx or .csv)"))
@click.option("--fonds", help=_("fonds (agency code); default: the agency of this archive"))
@click.option("--force", is_flag=True, help=_("overwrite a file that is there"))
@click.option("--json", "as_json", is_flag=True, help=_("for machines"))
@click.pass_obj
def export(root: Path, year: int, target: Path, fonds: str | None, force: bool, as_json: bool) -> None:
    """Write the file plan of a year."""
    if target.exists() and not force:
        raise UsageError(_("{place} is there already; --force overwrites it").format(place=target))
    if not target.absolute().parent.is_dir():
        raise UsageError(_("There is no folder {place}.").format(place=target.parent))
    with archive_at(root) as archive:
        code = fonds or archive.settings.agency.code
        lines = _held(archive, code, year)
        if not lines:
            raise UsageError(_("{fonds} has no file plan of {year}").format(fonds=code, year=year))
        with archive.catalogue.session() as session:
            agency = session.get_one(model.Fonds, code).name
    counted = write_file_plan(lines, agency, year, target)
    if as_json:
        print_json({"file": str(target), "files": counted.files, "permanent": counted.permanent,
                    "limited": counted.limited})
        return
    console().print(_("{place}: {n} files, {permanent} of them permanent, {limited} for a time.").format(
        place=target, n=counted.files, permanent=counted.permanent, limited=counted.limited), soft_wrap=True)


def _held(archive: Archive, fonds: str, year: int) -> list[dict[str, Any]]:
    entry = model.FilePlanEntry
    with archive.catalogue.session() as session:
        rows = session.scalars(select(entry).where(entry.fonds == fonds, entry.year == year)
                               .order_by(entry.position, entry.notation))
        return [{key: getattr(row, key) for key in KEYS} for row in rows]


def _print_plan(year: int | None, lines: list[dict[str, Any]]) -> None:
    rows = [("", escape(one), "", "") if isinstance(one, str) else
            (one["notation"], escape(one["title"]), escape(one["retention"]), escape(one["keeper"]))
            for one in with_headings(lines)]
    print_table(_("File plan of {year}").format(year=year or "?"),
                (_("Notation"), _("Title"), _("Retention"), _("Keeper")), rows)
    if not lines:
        return
    counted = totals(lines)
    console().print(_("{n} files, {permanent} of them permanent, {limited} for a time.").format(
        n=counted.files, permanent=counted.permanent, limited=counted.limited))


def _print_differences(changes: Differences, replace_all: bool) -> None:
    if not (changes.added or changes.changed or changes.gone):
        return
    gone = _("given up") if replace_all else _("not in the file")
    rows = [(_("added"), line["notation"], escape(line["title"])) for line in changes.added]
    for before, after in changes.changed:
        told = "; ".join(f"{_(_NAMES[key])}: {before[key] or '—'} → {after[key] or '—'}" for key in _NAMES
                         if before[key] != after[key])
        rows.append((_("changed"), after["notation"], escape(told)))
    rows += [(gone, line["notation"], escape(line["title"])) for line in changes.gone]
    print_table(_("Changes of the plan"), (_("Change"), _("Notation"), _("What")), rows)
