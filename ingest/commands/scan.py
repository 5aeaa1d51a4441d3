"""`luutru scan`: scan jobs (đợt số hóa) from plan to hand-over; what follows is in scan_checking.py."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from archive.commands.groups import Decorated, Steps, changes
from archive.i18n import _

if TYPE_CHECKING:
    from ingest.scan_work import Done

DAYS = ["%d/%m/%Y", "%Y-%m-%d"]
_ELSEWHERE = {"qc": ("ingest.commands.scan_checking", "qc"), "accept": ("ingest.commands.scan_checking", "accept"),
              "return": ("ingest.commands.scan_checking", "give_back"),
              "minutes": ("ingest.commands.scan_checking", "minutes"),
              "sheets": ("ingest.commands.scan_sheets", "command")}
_ORDER = ("new", "import", "hand-over", "sheets", "qc", "accept", "return", "cancel", "show", "list", "minutes")


@click.group(cls=Steps, order=_ORDER, elsewhere=_ELSEWHERE,
             help=_("Scan jobs: plan, hand-over, quality control, acceptance, return of the originals."))
def command() -> None:
    """Scan jobs."""


def parties(giver: str, receiver: str) -> Callable[[Decorated], Decorated]:
    """The options that name who gives and who receives."""
    def with_options(function: Decorated) -> Decorated:
        for option in (click.option("--to-role", default="", help=_("post and unit of who receives")),
                       click.option("--to", "receiver", required=True, help=receiver),
                       click.option("--from-role", default="", help=_("post and unit of who gives")),
                       click.option("--from", "giver", required=True, help=giver)):
            function = option(function)
        return function
    return with_options


@command.command("new", help=_("Plan a scan job; with --change, change the plan of one."))
@click.argument("job", required=False, default="")
@click.option("--title", help=_("what is scanned"))
@click.option("--decision", help=_("number of the decision that approved the plan"))
@click.option("--decision-date", type=click.DateTime(DAYS), metavar="DD/MM/YYYY", help=_("its date"))
@click.option("--fonds", help=_("fonds (agency code); default: the agency of this archive"))
@click.option("--profile", type=click.Choice(["tt05_2025", "tt02_2019", "nd30_2020"]),
              help=_("whose scan rules apply; default: the setting profile"))
@click.option("--operator", "operators", multiple=True, help=_("who scans; may be said more than once"))
@click.option("--device", "devices", multiple=True, help=_("scanner; may be said more than once"))
@click.option("--start", type=click.DateTime(DAYS), metavar="DD/MM/YYYY",
              help=_("first day: scans that come from then on are the job's; default: today"))
@click.option("--end", type=click.DateTime(DAYS), metavar="DD/MM/YYYY", help=_("last day, as planned"))
@click.option("--boxes", type=click.IntRange(0), help=_("boxes, as planned"))
@click.option("--files", type=click.IntRange(0), help=_("case files, as planned"))
@click.option("--documents", type=click.IntRange(0), help=_("documents, as planned"))
@click.option("--sheets", type=click.IntRange(0), help=_("sheets, as planned"))
@click.option("--pages", type=click.IntRange(0), help=_("pages, as planned"))
@click.option("--place", help=_("where it is done"))
@click.option("--note", help=_("what else the plan says"))
@click.option("--change", "changing", is_flag=True, help=_("change the plan of a job; what is not given stays"))
@changes
@click.pass_context
def new(ctx: click.Context, /, job: str, changing: bool, dry_run: bool, as_json: bool, **given: Any) -> None:
    """Plan a scan job (TT 05/2025/TT-BNV Đ5–9: an approved plan)."""
    from archive import clock, scan_jobs
    from archive.opening import ownership
    from archive.terminal import archive_at, person
    from ingest import scan_work

    if changing and not job:
        raise click.UsageError(_("Name the job whose plan changes."))
    missing = [name for name in ("title", "decision", "decision_date", "operators", "devices") if not given[name]]
    if missing and not changing:
        raise click.UsageError(_("A plan needs: {options}").format(options=", ".join(
            f"--{name.removesuffix('s').replace('_', '-')}" for name in missing)))
    with archive_at(ctx.obj) as archive, ownership(archive):
        today = clock.in_vietnam(clock.now()).date()
        before = scan_jobs.open_job(archive, job).record if changing else {
            "fonds": archive.settings.agency.code, "profile": archive.settings.profile, "planned": {}, "decision": {},
            "started_on": today.isoformat(), "ends_on": "", "place": "", "note": ""}
        done = scan_work.plan(archive, job, _planned(before, given), by=person(), at=clock.now(), changing=changing,
                              dry_run=dry_run)
    finish(ctx, done, dry_run, as_json, _("Planned: {id}. Next: luutru scan import {id} LIST.xlsx"))


@command.command("import", help=_("List boxes and case files from CSV, XLSX, ODS or XLS, with counts and condition."))
@click.argument("job")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@changes
@click.pass_context
def import_(ctx: click.Context, job: str, file: Path, dry_run: bool, as_json: bool) -> None:
    """List the case files of a job; one that is listed already is renewed."""
    from archive import clock
    from archive.opening import ownership
    from archive.terminal import archive_at, person
    from ingest import scan_work

    with archive_at(ctx.obj) as archive, ownership(archive), busy(job, quiet=as_json):
        done = scan_work.take_list(archive, job, file, by=person(), at=clock.now(), dry_run=dry_run)
    finish(ctx, done, dry_run, as_json,
           _("{id}: {added} case files added, {renewed} renewed; {number} in all. Next: luutru scan hand-over {id}"))


@command.command("hand-over", help=_("Hand originals over for scanning, and write the minutes."))
@click.argument("job")
@parties(_("who hands over"), _("who receives them for scanning"))
@click.option("--box", "boxes", multiple=True, help=_("only this box; may be said more than once"))
@click.option("--file", "codes", multiple=True, help=_("only this case file; may be said more than once"))
@click.option("--leave-untreated", is_flag=True, help=_("leave out what must be treated first"))
@changes
@click.pass_context
def hand_over(ctx: click.Context, job: str, giver: str, from_role: str, receiver: str, to_role: str,
              boxes: tuple[str, ...], codes: tuple[str, ...], leave_untreated: bool, dry_run: bool,
              as_json: bool) -> None:
    """Hand originals over: counts and condition as they were listed."""
    from archive import clock
    from archive.opening import ownership
    from archive.terminal import archive_at, person
    from ingest import scan_work

    with archive_at(ctx.obj) as archive, ownership(archive), busy(job, quiet=as_json):
        done = scan_work.hand_over(
            archive, job, {"name": giver, "role": from_role}, {"name": receiver, "role": to_role}, boxes=boxes,
            codes=codes, leave_untreated=leave_untreated, by=person(), at=clock.now(), dry_run=dry_run)
    finish(ctx, done, dry_run, as_json,
           _("{id}: {files} case files, {sheets} sheets handed over; {behind} stay behind to be treated."))


@command.command("cancel", help=_("Give a job up that nothing was handed over for."))
@click.argument("job")
@click.option("--reason", required=True, help=_("why; the ledger keeps it"))
@click.option("--yes", is_flag=True, help=_("do not ask"))
@changes
@click.pass_context
def cancel(ctx: click.Context, job: str, reason: str, yes: bool, dry_run: bool, as_json: bool) -> None:
    """Give a job up; its record stays."""
    from archive import clock
    from archive.opening import ownership
    from archive.terminal import archive_at, person
    from ingest import scan_work

    if not (yes or dry_run):
        click.confirm(_("Give the scan job {id} up?").format(id=job), abort=True)
    with archive_at(ctx.obj) as archive, ownership(archive):
        done = scan_work.cancel(archive, job, reason=reason, by=person(), at=clock.now(), dry_run=dry_run)
    finish(ctx, done, dry_run, as_json, _("{id} is given up; its record stays."))


@command.command("show", help=_("Show a scan job: plan, case files, what was done, what is open."))
@click.argument("job")
@click.option("--json", "as_json", is_flag=True, help=_("for machines"))
@click.pass_obj
def show(root: Path, job: str, as_json: bool) -> None:
    """Show a scan job."""
    from archive import scan_jobs
    from archive.terminal import archive_at, print_json
    from ingest.commands.scan_showing import print_job

    with archive_at(root) as archive:
        held = scan_jobs.open_job(archive, job)
        made = list(scan_jobs.papers(archive.store, job))
    if as_json:
        print_json({**held.record, "files": list(held.files), "rounds": list(held.rounds), "papers": made})
    else:
        print_job(held, made)


@command.command("list", help=_("List the scan jobs."))
@click.option("--state", type=click.Choice(["planned", "working", "checking", "accepted", "returned", "cancelled"]),
              help=_("only these"))
@click.option("--json", "as_json", is_flag=True, help=_("for machines"))
@click.pass_obj
def list_(root: Path, state: str | None, as_json: bool) -> None:
    """List the scan jobs."""
    from sqlalchemy import func, select

    from archive import model, scan_jobs
    from archive.terminal import archive_at, local_day, print_json, print_table

    row, file = model.ScanJob, model.ScanJobFile
    with archive_at(root) as archive, archive.catalogue.session() as session:
        query = select(row, func.count(file.n), func.coalesce(func.sum(file.sheets), 0)).outerjoin(
            file, file.job == row.id).group_by(row.id).order_by(row.id)
        found = [(one, files, int(sheets)) for one, files, sheets in session.execute(
            query.where(row.state == state) if state else query)]
    if as_json:
        print_json([{"id": one.id, "title": one.title, "fonds": one.fonds, "profile": one.profile, "state": one.state,
                     "started_on": one.started_on, "files": files, "sheets": sheets} for one, files, sheets in found])
        return
    from rich.markup import escape

    print_table(_("Scan jobs"), (_("Scan job"), _("Title"), _("Fonds"), _("Begun"), _("State"), _("Case files"),
                                 _("Sheets")),
                [(one.id, escape(one.title), one.fonds, local_day(one.started_on), scan_jobs.state_name(one.state),
                  str(files), str(sheets)) for one, files, sheets in found])


# --- what the commands share -------------------------------------------------------------------------------


@contextmanager
def busy(job: str, *, quiet: bool) -> Iterator[None]:
    """A sign of life on the terminal while a long job is read and its papers are set."""
    from archive.terminal import console

    if quiet:
        yield
        return
    with console(stderr=True).status(_("Working on {id} …").format(id=job)):
        yield


def finish(ctx: click.Context, done: Done, dry_run: bool, as_json: bool, sentence: str) -> None:
    """Tell what came of an act on a job, and leave with its exit code."""
    from ingest.commands.acting import leave

    told = dict(done.told or {})
    leave(ctx, {"job": done.job.id, "state": done.job.state, "told": told}, done.findings,
          sentence, {**told, "id": done.job.id}, written=done.written, refused=done.refused, dry_run=dry_run,
          as_json=as_json)


def _planned(before: Mapping[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    """The plan: what was there, and over it what was given."""
    def day(value: datetime | None, old: str) -> str:
        return value.date().isoformat() if value is not None else old

    kept = {key: before.get(key) for key in ("title", "fonds", "profile", "operators", "devices", "place", "note")}
    quantities = {key: given[key] for key in ("boxes", "files", "documents", "sheets", "pages")
                  if given[key] is not None}
    return {**kept, **{key: list(value) if isinstance(value, tuple) else value for key in kept
                       if (value := given[key])},
            "decision": {"number": given["decision"] or before["decision"].get("number", ""),
                         "date": day(given["decision_date"], before["decision"].get("date", ""))},
            "planned": {**before["planned"], **quantities}, "started_on": day(given["start"], before["started_on"]),
            "ends_on": day(given["end"], before["ends_on"])}
