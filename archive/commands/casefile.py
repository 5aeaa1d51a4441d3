"""`luutru casefile`: list, show and export case files (hồ sơ); import an agency's file plan (danh mục hồ sơ)."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click
from sqlalchemy import func, select

from archive import clock, layout, model, records
from archive.catalogue import record
from archive.errors import UsageError
from archive.file_plan_import import import_file_plan
from archive.findings import Finding
from archive.i18n import _, language
from archive.ledger import Entry, event_key
from archive.opening import Archive, ownership
from archive.terminal import archive_at, casefile_state_name, console, legal_value_name, person, print_json, print_table


@click.group(help=_("Case files (hồ sơ) and file plans (danh mục hồ sơ)."))
def command() -> None:
    """Case files and file plans."""


@command.command("list", help=_("List the case files."))
@click.option("--year", type=int, help=_("only those of this year"))
@click.option("--json", "as_json", is_flag=True, help=_("for machines"))
@click.pass_obj
def list_(root: Path, year: int | None, as_json: bool) -> None:
    """List the case files with how many documents each holds."""
    with archive_at(root) as archive, archive.catalogue.session() as session:
        count = func.count(model.Document.code)
        query = (select(model.CaseFile, count).outerjoin(model.Document).group_by(model.CaseFile.code)
                 .order_by(model.CaseFile.code))
        if year is not None:
            query = query.where(model.CaseFile.year == year)
        found = [(row, number) for row, number in session.execute(query)]
    if as_json:
        print_json([{"code": row.code, "title": row.title, "retention": row.retention, "state": row.state,
                     "documents": number, "version": row.version} for row, number in found])
        return
    print_table(_("Case files"), (_("Code"), _("Title"), _("Retention"), _("Keeper"), _("Documents")),
                [(row.code, row.title, row.retention, row.keeper, str(number)) for row, number in found])


@command.command("show", help=_("Show a case file and its documents."))
@click.argument("code")
@click.option("--json", "as_json", is_flag=True, help=_("for machines"))
@click.pass_obj
def show(root: Path, code: str, as_json: bool) -> None:
    """Show a case file and its documents in the order of their ordinals."""
    with archive_at(root) as archive:
        row = _case_file(archive, code)
        with archive.catalogue.session() as session:
            found = list(session.scalars(select(model.Document).where(model.Document.case_file == code)
                                         .order_by(model.Document.ordinal)))
        if as_json:
            print_json({**records.read_case_file(archive.store, code), "version": row.version,
                        "documents": [{"code": one.code, "ordinal": one.ordinal, "number": one.number,
                                       "notation": one.notation, "issued_on": one.issued_on, "subject": one.subject,
                                       "legal_value": one.legal_value, "verdict": one.verdict} for one in found]})
            return
    out = console()
    out.print(f"[bold]{row.code}[/bold]  {row.title}")
    state = casefile_state_name(row.state)
    out.print(f"{_('Retention')}: {row.retention} · {_('Keeper')}: {row.keeper or '—'} · {_('State')}: {state} · "
              f"{_('versions in the store')}: {row.version}")
    print_table(_("Documents"), ("#", _("Number"), _("Date"), _("Subject"), _("Legal value")),
                [(f"{one.ordinal:07d}", "/".join(part for part in (one.number, one.notation) if part) or "—",
                  _day(one.issued_on), one.subject or "—", legal_value_name(one.legal_value)) for one in found])


@command.command("export", help=_("Copy a case file out of the store into a new folder, every byte checked."))
@click.argument("code")
@click.option("--to", "target", type=click.Path(path_type=Path, file_okay=False), required=True,
              help=_("the folder to make"))
@click.option("--json", "as_json", is_flag=True, help=_("for machines"))
@click.pass_obj
def export(root: Path, code: str, target: Path, as_json: bool) -> None:
    """Copy all files of a case file's newest version into a new folder, with a list of their SHA-256."""
    with archive_at(root) as archive, ownership(archive):
        _case_file(archive, code)
        if target.exists() and any(target.iterdir()):
            raise UsageError(_("{place} is not empty").format(place=target))
        try:
            lines = _copy_out(archive, layout.casefile_object(code), target)
        except BaseException:
            shutil.rmtree(target, ignore_errors=True)       # half a case file would be taken for a whole one
            raise
        with archive.catalogue.session() as session:
            at = clock.stamp(clock.now())
            record(session, archive.ledger, [Entry("exported", code, {"files": len(lines), "to": target.name},
                                                   event_key("exported", code, at), actor=person())])
    if as_json:
        print_json({"code": code, "folder": str(target), "files": len(lines)})
        return
    console().print(_("{n} files of {code} were copied to {place}; sha256sums.txt lists their hashes.").format(
        n=len(lines), code=code, place=target), soft_wrap=True)


def _copy_out(archive: Archive, object_id: str, target: Path) -> list[str]:
    """Copy every file of the object into `target`, checked; the lines of sha256sums.txt, which is written too."""
    lines = []
    for path in sorted(archive.store.files(object_id)):
        place = target / path
        place.parent.mkdir(parents=True, exist_ok=True)
        stored = archive.store.export(object_id, path, place)
        lines.append(f"{stored.sha256}  {path}")
    (target / "sha256sums.txt").write_text("\n".join(lines) + "\n")
    return lines


@command.group("plan", help=_("File plans (danh mục hồ sơ)."))
def plan() -> None:
    """File plans."""


@plan.command("import", help=_("Import a file plan from CSV or XLSX in the form of NĐ 30/2020, Phụ lục V."))
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--fonds", help=_("fonds (agency code); default: the agency of this archive"))
@click.option("--name", default="", help=_("the agency's name, where the fonds is new"))
@click.option("--year", type=int, help=_("the plan's year, where the file does not say it"))
@click.option("--dry-run", is_flag=True, help=_("read and check only"))
@click.option("--json", "as_json", is_flag=True, help=_("for machines"))
@click.pass_obj
def import_(root: Path, file: Path, fonds: str | None, name: str, year: int | None, dry_run: bool,
            as_json: bool) -> None:
    """Import a file plan; a line that is there already is renewed, none is taken away."""
    with archive_at(root) as archive:
        read = import_file_plan(archive, file, fonds or archive.settings.agency.code, name, year, dry_run=dry_run)
    if as_json:
        print_json({"year": read.year, "entries": len(read.entries), "imported": not dry_run,
                    "findings": [found.as_dict() for found in read.findings]})
        return
    rows = [(one.notation, one.title, one.retention_text, one.keeper) for one in read.entries]
    print_table(_("File plan of {year}").format(year=read.year),
                (_("Notation"), _("Title"), _("Retention"), _("Keeper")), rows)
    _print_findings(read.findings)
    console().print(_("Only checked, nothing was imported.") if dry_run else _("Imported."))


@plan.command("show", help=_("Show the file plan of a year."))
@click.argument("year", type=int)
@click.option("--fonds", help=_("fonds (agency code); default: the agency of this archive"))
@click.option("--json", "as_json", is_flag=True, help=_("for machines"))
@click.pass_obj
def show_plan(root: Path, year: int, fonds: str | None, as_json: bool) -> None:
    """Show the file plan of a year."""
    with archive_at(root) as archive, archive.catalogue.session() as session:
        rows = list(session.scalars(select(model.FilePlanEntry).where(
            model.FilePlanEntry.fonds == (fonds or archive.settings.agency.code), model.FilePlanEntry.year == year)
            .order_by(model.FilePlanEntry.notation)))
    if as_json:
        values: list[dict[str, Any]] = [{key: getattr(row, key) for key in (
            "fonds", "year", "notation", "heading", "title", "retention", "keeper", "note")} for row in rows]
        print_json(values)
        return
    print_table(_("File plan of {year}").format(year=year), (_("Notation"), _("Title"), _("Retention"), _("Keeper")),
                [(row.notation, row.title, row.retention, row.keeper) for row in rows])


def _case_file(archive: Archive, code: str) -> model.CaseFile:
    with archive.catalogue.session() as session:
        row = session.get(model.CaseFile, code)
    if row is None:
        raise click.UsageError(_("There is no case file {code}.").format(code=code))
    return row


def _print_findings(findings: Iterable[Finding]) -> None:
    for found in findings:
        console().print(f"  [yellow]{found.code}[/] {found.sentence(language())}")
        console().print(f"    [green]→ {found.cure(language())}[/]")


def _day(iso: str) -> str:
    return f"{iso[8:]}/{iso[5:7]}/{iso[:4]}" if iso else "—"
