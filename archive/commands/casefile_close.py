"""`luutru casefile close` and `reopen`: end a case file as a whole AIP, and open it again with a reason."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from rich.markup import escape
from rich.progress import Progress as Bar
from rich.progress import SpinnerColumn
from sqlalchemy import select

from archive import clock, destroyed, model, records
from archive.completeness import Progress, examine, waiting_items
from archive.errors import RefusedError
from archive.findings import Finding, Level
from archive.i18n import _, language, ngettext_
from archive.opening import Archive, ownership
from archive.terminal import archive_at, console, local_time, person, print_json

ALIKE = 3           # findings of one code that are shown one by one
SHOWN = 20          # names and faults of one case file on the terminal; --json has all
_COLOURS = {Level.refused: "red", Level.failed: "red", Level.warning: "yellow", Level.note: "dim"}


@dataclass(frozen=True, slots=True)
class _Result:
    """What came of one case file. `outcome`: closed, fit (dry run), already, refused, damaged."""

    code: str
    title: str
    outcome: str
    findings: Sequence[Finding] = ()
    faults: Sequence[str] = ()
    version: int = 0
    objid: str = ""
    mets_sha256: str = ""
    closed_at: str = ""


@click.command("close", help=_("Close case files: check that they are complete, then write their AIP into the store."))
@click.argument("codes", nargs=-1, metavar="[CODE]...")
@click.option("--all-due", is_flag=True, help=_("all open case files of years that have ended"))
@click.option("--year", type=int, help=_("all open case files of this year"))
@click.option("--force", is_flag=True, help=_("close in spite of findings that refuse; needs --reason"))
@click.option("--reason", default="", help=_("why; the ledger keeps it"))
@click.option("--dry-run", is_flag=True, help=_("check only, close nothing"))
@click.option("--json", "as_json", is_flag=True, help=_("for machines"))
@click.pass_context
def close(ctx: click.Context, codes: tuple[str, ...], all_due: bool, year: int | None, force: bool, reason: str,
          dry_run: bool, as_json: bool) -> None:
    """Close case files (NĐ 30/2020 Đ29.4); exit code 4 when bytes are damaged, 5 when something must be done first."""
    if force and not reason.strip():
        raise click.UsageError(_("--force needs --reason: the ledger keeps why."))
    if not (codes or all_due or year is not None):
        raise click.UsageError(_("Name the case files, or use --year or --all-due."))
    # A dry run reads every byte, too: a night that stores documents meanwhile would look like damage.
    with archive_at(ctx.obj) as archive, ownership(archive):
        results = _close(archive, _wanted(archive, codes, all_due, year), force, reason, dry_run=dry_run, quiet=as_json)
    if as_json:
        print_json({"dry_run": dry_run, "case_files": [_as_json(one) for one in results]})
    else:
        for one in results:
            _show(one)
        _sum_up(results)
    outcomes = {one.outcome for one in results}
    ctx.exit(4 if "damaged" in outcomes else 5 if "refused" in outcomes else 0)


@click.command("reopen", help=_("Open a closed case file again; its AIP stays in the version that closed it."))
@click.argument("code")
@click.option("--reason", required=True, help=_("why; the ledger keeps it"))
@click.option("--dry-run", is_flag=True, help=_("say what would be done, change nothing"))
@click.option("--json", "as_json", is_flag=True, help=_("for machines"))
@click.pass_obj
def reopen(root: Path, code: str, reason: str, dry_run: bool, as_json: bool) -> None:
    """Open a closed case file again: a new version without the AIP's metadata."""
    from archive import closing

    if not reason.strip():
        raise click.UsageError(_("--reason may not be empty: the ledger keeps why."))
    with archive_at(root) as archive:
        _row(archive, code)
        if dry_run:
            record = records.read_case_file(archive.store, code)
            if record["state"] != "closed":
                raise RefusedError(_("{code} is open.").format(code=code))
            version = 0
        else:
            with ownership(archive):
                closing.prepare(archive, code)
                version = closing.reopen(archive, code, at=clock.now(), by=person(), reason=reason.strip())
    if as_json:
        print_json({"code": code, "reopened": not dry_run, "version": version, "reason": reason.strip()})
    elif dry_run:
        console().print(_("{code} can be reopened. Only checked, nothing was changed.").format(code=code))
    else:
        console().print(_("{code} is open again (version {version}). The AIP of version {before} stays in the store; "
                          "close the case file anew when the work is done.").format(
            code=code, version=version, before=version - 1), soft_wrap=True)


# --- the work --------------------------------------------------------------------------------------------


def _wanted(archive: Archive, codes: Sequence[str], all_due: bool, year: int | None) -> list[model.CaseFile]:
    """The case files to close: the ones that were named, and the open ones of a year or of all years that ended."""
    with archive.catalogue.session() as session:
        named = [_row(archive, code) for code in dict.fromkeys(codes)]
        row = model.CaseFile
        query = select(row).where(row.state == "open").order_by(row.code)
        if year is not None:
            query = query.where(row.year == year)
        if all_due:
            query = query.where(row.year < clock.in_vietnam(clock.now()).year)
        known = {one.code for one in named}
        more = list(session.scalars(query)) if all_due or year is not None else []
        return named + [one for one in more if one.code not in known]


def _close(archive: Archive, rows: Sequence[model.CaseFile], force: bool, reason: str, *, dry_run: bool,
           quiet: bool) -> list[_Result]:
    with archive.catalogue.session() as session:
        waiting = waiting_items(session)
    shown = console(stderr=True)
    results = []
    with Bar(SpinnerColumn(), *Bar.get_default_columns(), console=shown, transient=True,
                  disable=quiet or not shown.is_terminal) as bar:
        task = bar.add_task(_("closing"), total=len(rows))
        inner = bar.add_task("", total=None)

        def watch(step: str) -> Progress:
            """A line for one step within a case file: its documents or files one by one."""
            bar.reset(inner, description=step, total=None)
            return lambda done, total: bar.update(inner, completed=done, total=total)

        for row in rows:
            bar.update(task, description=row.code)
            results.append(_close_one(archive, row, waiting, force, reason, watch, dry_run=dry_run))
            bar.advance(task)
    return results


def _close_one(archive: Archive, row: model.CaseFile, waiting: dict[str, list[str]], force: bool, reason: str,
               watch: Callable[[str], Progress], *, dry_run: bool) -> _Result:
    from archive import closing  # XML writers, which the other commands do not need

    if row.state == "closed":
        return _Result(row.code, row.title, "already", version=row.version, closed_at=row.closed_at)
    if not dry_run:
        closing.prepare(archive, row.code)
    examined = examine(archive, row.code, waiting, watch(_("reading the records")))
    title = examined.record["title"]
    if faults := list(closing.faults(archive, examined, watch(_("checking the bytes")))):
        return _Result(row.code, title, "damaged", examined.findings, faults)
    if examined.refused and not (force and examined.forceable):
        return _Result(row.code, title, "refused", examined.findings)
    if dry_run:
        return _Result(row.code, title, "fit", examined.findings)
    now = clock.now()
    done = closing.close(archive, examined, at=now, by=person(), force=force, reason=reason.strip(),
                         progress=watch(_("writing the package")))
    return _Result(row.code, title, "closed", examined.findings, (), done.version, done.objid, done.mets_sha256,
                   clock.stamp(now))


def _row(archive: Archive, code: str) -> model.CaseFile:
    with archive.catalogue.session() as session:
        row = session.get(model.CaseFile, code)
        if row is None:
            destroyed.refuse(session, code)
            raise click.UsageError(_("There is no case file {code}.").format(code=code))
    return row


# --- words -----------------------------------------------------------------------------------------------


def _as_json(one: _Result) -> dict[str, Any]:
    return {"code": one.code, "title": one.title, "outcome": one.outcome, "version": one.version, "objid": one.objid,
            "mets_sha256": one.mets_sha256, "closed_at": one.closed_at, "faults": list(one.faults),
            "findings": [{**found.as_dict(), "sentence": found.sentence(language())} for found in one.findings]}


def _show(one: _Result) -> None:
    out = console()
    out.print(f"[bold]{escape(one.code)}[/bold]  {escape(one.title)}", soft_wrap=True)
    groups: dict[str, list[Finding]] = {}
    for found in sorted(one.findings, key=lambda each: -each.level):
        groups.setdefault(found.code, []).append(found)
    for same in groups.values():
        for found in same if len(same) <= ALIKE else same[:1]:
            sentence = escape(found.sentence(language()))
            out.print(f"  [{_COLOURS[found.level]}]{found.code}[/] {sentence}", soft_wrap=True)
            if found.level > Level.note:
                out.print(f"    [green]→ {escape(found.cure(language()))}[/]", soft_wrap=True)
        if len(same) > ALIKE:
            rest = [found.subject for found in same[1:]]
            words = _("the same of {n} more: {names}") if len(rest) <= SHOWN else _(
                "the same of {n} more: {names}, … (--json shows all)")
            out.print("    " + words.format(n=len(rest), names=", ".join(rest[:SHOWN])), soft_wrap=True)
    for fault in one.faults[:SHOWN]:
        out.print(f"  [red]✘ {escape(fault)}[/]", soft_wrap=True)
    out.print("  " + _outcome(one), soft_wrap=True)


def _outcome(one: _Result) -> str:
    refused = sum(found.level >= Level.refused for found in one.findings)
    match one.outcome:
        case "closed":
            words = _("[green]✔ Closed[/] as version {version}, with the package {objid}; METS.xml SHA-256 {sha256}")
            return words.format(version=one.version, objid=one.objid, sha256=one.mets_sha256)
        case "fit":
            return _("[green]✔ Can be closed.[/] Only checked, nothing was changed.")
        case "already":
            return _("Closed already, {at}.").format(at=local_time(one.closed_at))
        case "damaged":
            return _("[red]✘ Not closed: stored bytes are damaged.[/] Take them from the last good copy of the store.")
        case _:
            return ngettext_("[red]✘ Not closed:[/] {n} thing must be put right first.",
                             "[red]✘ Not closed:[/] {n} things must be put right first.", refused).format(n=refused)


def _sum_up(results: Sequence[_Result]) -> None:
    if not results:
        console().print(_("No case file is due for closing."))
    elif len(results) > 1:
        count = {outcome: sum(one.outcome == outcome for one in results)
                 for outcome in ("closed", "fit", "already", "refused", "damaged")}
        console().print(_("{n} case files: {closed} closed, {fit} can be closed, {already} closed before, {refused} "
                          "not fit, {damaged} damaged.").format(n=len(results), **count), soft_wrap=True)
