"""`luutru agency`: the dated table of agency codes (mã định danh cơ quan): import, look up, list."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.markup import escape

from archive.i18n import _
from archive.terminal import archive_at, console, person, print_findings, print_json, print_table

if TYPE_CHECKING:
    from archive.agencies import Agency, AgencyTable

DAYS = ["%d/%m/%Y", "%Y-%m-%d"]
WIDE = 110              # columns from which the list also has the sources


@click.group(help=_("Agency codes (mã định danh cơ quan): which was in force when, and what came after it."))
def command() -> None:
    """Agency codes."""


@command.command("import", help=_("Import a table of agency codes from CSV, XLSX, ODS or XLS; earlier lines of the "
                                  "same codes are replaced, others stay."))
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--dry-run", is_flag=True, help=_("read and check only"))
@click.option("--json", "as_json", is_flag=True, help=_("for machines"))
@click.pass_obj
def import_(root: Path, file: Path, dry_run: bool, as_json: bool) -> None:
    """Import a table of agency codes and show what it changes."""
    from archive.agency_import import import_agencies

    with archive_at(root) as archive:
        read, differences = import_agencies(archive, file, dry_run=dry_run, actor=person())
    if as_json:
        print_json({"imported": not dry_run, "codes": len(read.lines),
                    "changes": [{"code": one.code, "kind": one.kind, "before": [_told(line) for line in one.before],
                                 "after": [_told(line) for line in one.after]} for one in differences],
                    "findings": [found.as_dict() for found in read.findings]})
        return
    names = {"added": _("added"), "changed": _("changed")}
    print_table(_("Changes of the table"), (_("Code"), _("Change"), _("Name"), _("Valid"), _("Followed by")),
                [(escape(line.code), names[one.kind], escape(line.name) or "—", _period(line, read),
                  escape(line.successor) or "—")
                 for one in differences if one.kind != "same" for line in one.after])
    print_findings(read.findings)
    console().print(_("Only checked, nothing was imported.") if dry_run else _("Imported."))


@command.command("show", help=_("Show what an agency code means, and what came after it."))
@click.argument("code")
@click.option("--on", type=click.DateTime(DAYS), metavar="DD/MM/YYYY", help=_("on this day; default: today"))
@click.option("--json", "as_json", is_flag=True, help=_("for machines"))
@click.pass_obj
def show(root: Path, code: str, on: datetime | None, as_json: bool) -> None:
    """Show the scheme of a code, its lines in the table, its other forms, and what it meant on a day."""
    from archive import clock, model
    from archive.agency_tables import agencies_of
    from archive.codes import agency_code

    code = "".join(code.split())
    if not code:
        raise click.UsageError(_("The code is empty."))
    day = on.date() if on else clock.in_vietnam(clock.now()).date()
    with archive_at(root) as archive:
        table = agencies_of(archive.settings)
        code = code.upper() if code not in table.lines and code.upper() in table.lines else code
        result = table.resolve(code, day)
        same = [one for one in table.codes_of(code) if one != code]
        found = table.check(code, day, code)
        with archive.catalogue.session() as session:
            fonds = session.get(model.Fonds, table.canonical(code))
    read = agency_code(code)
    lines = [line for one in (code, *same) for line in table.lines.get(one, ())]
    if as_json:
        print_json({"code": code, "scheme": read.scheme.value, "known_scheme": read.known, "on": day,
                    "status": result.status, "chain": result.chain,
                    "agency": result.agency and _told(result.agency, table), "canonical": table.canonical(code),
                    "same_agency": same, "fonds": fonds.code if fonds else "",
                    "findings": [one.as_dict() for one in found], "lines": [_told(line, table) for line in lines]})
        return
    out = console()
    out.print(f"[bold]{escape(code)}[/bold]  {_scheme(read.scheme.value)}")
    state = {"valid": _("in force on {day}"), "closed": _("no longer in force on {day}"),
             "not_yet": _("not in force yet on {day}"), "unknown": _("not in the table")}[result.status]
    own = result.agency if result.status == "valid" else lines[-1] if code in table.lines else None
    out.print(state.format(day=f"{day:%d/%m/%Y}") + (f": {escape(own.name)}" if own and own.name else ""))
    if len(result.chain) > 1:
        last = f"  {escape(result.agency.name)}" if result.agency else ""
        out.print(f"{_('Followed by')}: {escape(' → '.join(result.chain))}{last}", soft_wrap=True)
    if table.canonical(code) != code.upper():
        out.print(f"{_('The same agency under')}: {escape(table.canonical(code))}")
    if fonds:
        out.print(f"{_('Fonds of this archive')}: {fonds.code}  {escape(fonds.name)}")
    print_findings(found)
    if lines:
        _print_lines(lines, table, sources=False)
        for source in dict.fromkeys(line.source for line in lines if line.source):
            out.print(f"{_('Source')}: {escape(source)}", soft_wrap=True)


@command.command("list", help=_("List the table of agency codes: the archive's own lines and the shipped ones."))
@click.option("--on", type=click.DateTime(DAYS), metavar="DD/MM/YYYY", help=_("only codes in force on this day"))
@click.option("--json", "as_json", is_flag=True, help=_("for machines"))
@click.pass_obj
def list_(root: Path, on: datetime | None, as_json: bool) -> None:
    """List the table."""
    from archive.agency_tables import agencies_of

    with archive_at(root) as archive:
        table = agencies_of(archive.settings)
    lines = [line for code in sorted(table.lines) for line in table.lines[code]
             if on is None or table.in_force(line, on.date())]
    if as_json:
        print_json([_told(line, table) for line in lines])
        return
    _print_lines(lines, table, sources=console().width >= WIDE)


def _print_lines(lines: list[Agency], table: AgencyTable, *, sources: bool) -> None:
    columns = (_("Code"), _("Name"), _("Valid"), _("Followed by"), _("Also"), _("Source"))
    rows = [(escape(line.code), escape(line.name) or "—", _period(line, table), escape(line.successor) or "—",
             escape(line.alias_of) or "—", escape(line.source) or "—") for line in lines]
    wanted = len(columns) if sources else len(columns) - 1
    print_table(_("Agency codes"), columns[:wanted], [row[:wanted] for row in rows])



def _told(line: Agency, table: AgencyTable | None = None) -> dict[str, Any]:
    """The line as it was given; beside it, in a table, the last day that follows from the other lines."""
    told = {name: getattr(line, name) for name in line.__dataclass_fields__}
    return {**told, "last_day": table.last_day(line)} if table is not None else told


def _period(line: Agency, table: AgencyTable) -> str:
    return f"{_day(line.valid_from)} – {_day(table.last_day(line))}"


def _day(day: date | None) -> str:
    return f"{day:%d/%m/%Y}" if day else "…"


def _scheme(name: str) -> str:
    return {"qd20": "QĐ 20/2020/QĐ-TTg", "qcvn102": "QCVN 102:2016/BTTTT", "enterprise": _("enterprise number"),
            "other": "QĐ 20/2020/QĐ-TTg, Điều 6", "unknown": _("follows no published scheme")}[name]
