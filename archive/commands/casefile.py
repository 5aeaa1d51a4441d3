"""`luutru casefile`: list, show and export case files (hồ sơ); its other commands lie in casefile_*.py."""

from __future__ import annotations

from pathlib import Path

import click
from sqlalchemy import func, select

from archive import clock, destroyed, layout, model, records
from archive.catalogue import record
from archive.commands import (
    casefile_close,
    casefile_convert,
    casefile_correct,
    casefile_link,
    casefile_lists,
    casefile_plan,
)
from archive.files import new_folder
from archive.i18n import _
from archive.ledger import Entry, event_key
from archive.opening import Archive, ownership
from archive.terminal import (
    archive_at,
    casefile_state_name,
    console,
    legal_value_name,
    local_time,
    person,
    print_json,
    print_table,
)


@click.group(help=_("Case files (hồ sơ) and file plans (danh mục hồ sơ)."))
def command() -> None:
    """Case files and file plans."""


command.add_command(casefile_correct.command)
command.add_command(casefile_close.close)
command.add_command(casefile_close.reopen)
command.add_command(casefile_convert.command)
command.add_command(casefile_link.link)
command.add_command(casefile_link.unlink)
command.add_command(casefile_lists.command)
command.add_command(casefile_plan.plan)


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
    print_table(_("Case files"), (_("Code"), _("Title"), _("Retention"), _("Keeper"), _("State"), _("Documents")),
                [(row.code, row.title, row.retention, row.keeper, casefile_state_name(row.state), str(number))
                 for row, number in found])


@command.command("show", help=_("Show a case file and its documents."))
@click.argument("code")
@click.option("--fields", "all_fields", is_flag=True, help=_("also every field of the circular, filled or not"))
@click.option("--json", "as_json", is_flag=True, help=_("for machines"))
@click.pass_obj
def show(root: Path, code: str, all_fields: bool, as_json: bool) -> None:
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
        described = _described(archive, code) if all_fields else {}
    out = console()
    out.print(f"[bold]{row.code}[/bold]  {row.title}")
    state = casefile_state_name(row.state)
    out.print(f"{_('Retention')}: {row.retention} · {_('Keeper')}: {row.keeper or '—'} · {_('State')}: {state} · "
              f"{_('versions in the store')}: {row.version}")
    if row.closed_at:
        out.print(f"{_('Closed')}: {local_time(row.closed_at)} · AIP: {row.uuid}")
    if described:
        from archive.commands.fields_table import print_fields

        print_fields(described, "file", row.fields)
    print_table(_("Documents"), ("#", _("Number"), _("Date"), _("Subject"), _("Legal value")),
                [(f"{one.ordinal:07d}", "/".join(part for part in (one.number, one.notation) if part) or "—",
                  _day(one.issued_on), one.subject or "—", legal_value_name(one.legal_value)) for one in found])


def _described(archive: Archive, code: str) -> dict[str, str]:
    """The fields of a case file as its AIP states them, or would if it were closed now."""
    from archive.describing import case_file_fields

    documents = records.read_documents(archive.store, code)
    return case_file_fields(records.read_case_file(archive.store, code), documents,
                            archive.settings.archive_code, "AIP_hoso")


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
        with new_folder(target):
            lines = _copy_out(archive, layout.casefile_object(code), target)
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


def _case_file(archive: Archive, code: str) -> model.CaseFile:
    with archive.catalogue.session() as session:
        row = session.get(model.CaseFile, code)
        if row is None:
            destroyed.refuse(session, code)
            raise click.UsageError(_("There is no case file {code}.").format(code=code))
    return row


def _day(iso: str) -> str:
    return f"{iso[8:]}/{iso[5:7]}/{iso[:4]}" if iso else "—"
