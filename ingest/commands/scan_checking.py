"""`luutru scan qc`, `accept`, `return` and `minutes`: quality control of a scan job and what follows from it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from archive.commands.groups import changes
from archive.i18n import _
from ingest.commands.scan import busy, finish, parties

if TYPE_CHECKING:
    from archive.opening import Archive
    from archive.scan_jobs import Job


@click.command("qc", help=_("Quality control: make the list to be checked, and take the filled-in list in again."))
@click.argument("job")
@click.option("--list", "target", type=click.Path(path_type=Path, dir_okay=False),
              help=_("write the list of this round (.xlsx or .csv); begins a round where there is none"))
@click.option("--sample", "percent", type=click.IntRange(1, 100), default=100, show_default=True,
              help=_("per cent of the documents that a new round checks, worst first"))
@click.option("--new-round", is_flag=True, help=_("begin another round"))
@click.option("--take-in", "filled", type=click.Path(path_type=Path, exists=True, dir_okay=False),
              help=_("the list as it was filled in"))
@click.option("--checker", default="", help=_("who checked, as it stands on the papers"))
@click.option("--force", is_flag=True, help=_("overwrite a file that is there"))
@changes
@click.pass_context
def qc(ctx: click.Context, job: str, target: Path | None, percent: int, new_round: bool, filled: Path | None,
       checker: str, force: bool, dry_run: bool, as_json: bool) -> None:
    """Quality control (TT 05/2025/TT-BNV Đ9: two classes of errors; report, correct, check again)."""
    from archive import clock, scan_jobs
    from archive.opening import ownership
    from archive.terminal import archive_at, console, person, print_json
    from ingest import scan_quality, scan_work
    from ingest.commands.scan_showing import round_sentence

    if filled is not None and (target is not None or new_round):
        raise click.UsageError(_("--take-in goes without --list and --new-round."))
    if target is not None:
        _free(target, force, scan_quality.FORMATS)
    with archive_at(ctx.obj) as archive:
        if filled is not None:
            with ownership(archive), busy(job, quiet=as_json):
                done = scan_work.take_round(archive, job, filled, checker=checker, by=person(), at=clock.now(),
                                            dry_run=dry_run)
            finish(ctx, done, dry_run, as_json, _(
                "{id}: taken in; {open} errors are open, {unjudged} documents have no verdict."))
        held, written = scan_jobs.open_job(archive, job), False
        if new_round or (target is not None and not held.rounds):
            with ownership(archive), busy(job, quiet=as_json):
                done = scan_work.begin_round(archive, job, percent, by=person(), at=clock.now(), dry_run=dry_run)
            held, written = done.job, done.written
        rows = scan_quality.write_list(held.rounds[-1], target) if target is not None and not dry_run else 0
    if as_json:
        print_json({"job": job, "state": held.state, "dry_run": dry_run, "written": written, "list": str(target or ""),
                    "rows": rows, "rounds": list(held.rounds)})
        return
    for round_ in held.rounds:
        console().print(round_sentence(round_), soft_wrap=True)
    if not held.rounds:
        console().print(_("The quality was not checked yet: luutru scan qc {id} --list LIST.xlsx").format(id=job))
    elif dry_run:
        console().print(_("Only checked, nothing was changed."))
    elif target is not None:
        console().print(_("{place}: {n} lines. Fill in verdicts and errors, then: luutru scan qc {id} --take-in {place}"
                          ).format(place=target, n=rows, id=job), soft_wrap=True)


@click.command("accept", help=_("Accept the scans (nghiệm thu), and write the minutes with the rate of faulty ones."))
@click.argument("job")
@parties(_("who did the scanning"), _("who accepts"))
@click.option("--explain", "remark", default="", help=_("why counts differ; stands in the minutes"))
@changes
@click.pass_context
def accept(ctx: click.Context, job: str, giver: str, from_role: str, receiver: str, to_role: str, remark: str,
           dry_run: bool, as_json: bool) -> None:
    """Accept the scans; refused while scans are unsigned or errors are open."""
    from archive import clock
    from archive.opening import ownership
    from archive.terminal import archive_at, person
    from ingest import scan_work

    with archive_at(ctx.obj) as archive, ownership(archive), busy(job, quiet=as_json):
        done = scan_work.accept(archive, job, {"name": giver, "role": from_role}, {"name": receiver, "role": to_role},
                                remark=remark.strip(), by=person(), at=clock.now(), dry_run=dry_run)
    finish(ctx, done, dry_run, as_json, _("{id}: {documents} documents, {pages} pages accepted; {faulty} of {rated} "
                                          "have an error that NĐ 31/2026/NĐ-CP names."))


@click.command("return", help=_("Return originals with their counts, and write the minutes."))
@click.argument("job")
@click.argument("file", required=False, type=click.Path(path_type=Path, exists=True, dir_okay=False))
@parties(_("who returns them"), _("who takes them back"))
@click.option("--as-handed-over", is_flag=True, help=_("every sheet was counted again and is there"))
@click.option("--box", "boxes", multiple=True, help=_("only this box; may be said more than once"))
@click.option("--file", "codes", multiple=True, help=_("only this case file; may be said more than once"))
@changes
@click.pass_context
def give_back(ctx: click.Context, job: str, file: Path | None, giver: str, from_role: str, receiver: str, to_role: str,
              as_handed_over: bool, boxes: tuple[str, ...], codes: tuple[str, ...], dry_run: bool,
              as_json: bool) -> None:
    """Return originals as the list FILE counts them, or as they were handed over."""
    from archive import clock
    from archive.opening import ownership
    from archive.terminal import archive_at, person
    from ingest import scan_work

    if (file is None) != as_handed_over:
        raise click.UsageError(_("Give the list of what was counted, or --as-handed-over."))
    with archive_at(ctx.obj) as archive, ownership(archive), busy(job, quiet=as_json):
        done = scan_work.give_back(
            archive, job, {"name": giver, "role": from_role}, {"name": receiver, "role": to_role}, counts=file,
            boxes=boxes, codes=codes, by=person(), at=clock.now(), dry_run=dry_run)
    finish(ctx, done, dry_run, as_json, _("{id}: {files} case files returned, {returned_sheets} of {sheets} sheets."))


@click.command("minutes", help=_("Write the papers of a job into a folder: plan, minutes, lists of errors, report."))
@click.argument("job")
@click.option("-o", "--to", "folder", type=click.Path(path_type=Path, file_okay=False), required=True,
              help=_("the folder to write into"))
@click.option("--docx", is_flag=True, help=_("Word files to edit beside the PDF/A"))
@click.option("--force", is_flag=True, help=_("overwrite files that are there"))
@click.option("--json", "as_json", is_flag=True, help=_("for machines"))
@click.pass_obj
def minutes(root: Path, job: str, folder: Path, docx: bool, force: bool, as_json: bool) -> None:
    """Write the papers of a job as they lie in its object."""
    from archive import layout, scan_jobs
    from archive.files import write_atomically
    from archive.terminal import archive_at, console, print_json

    with archive_at(root) as archive:
        held = scan_jobs.open_job(archive, job)
        made = {f"{job}-{path.removeprefix(f'{scan_jobs.PAPERS}/')}": archive.store.content(
            layout.scanjob_object(job), stored) for path, stored in scan_jobs.papers(archive.store, job).items()}
        if docx:
            made |= _words(archive, held)
    folder.mkdir(parents=True, exist_ok=True)
    for name in made:
        _free(folder / name, force)
    for name, data in made.items():
        write_atomically(folder / name, data)
    if as_json:
        print_json({"job": job, "folder": str(folder), "files": sorted(made)})
        return
    for name in sorted(made):
        console().print(f"  {folder / name}", soft_wrap=True)


def _words(archive: Archive, held: Job) -> dict[str, bytes]:
    """Every paper of the job as a Word file."""
    from archive import clock, scan_jobs, scan_papers
    from archive.forms.papers import docx

    found = {}
    for act in held.acts:
        then = scan_jobs.read(archive.store, held.id, act["version"])
        for name, data in scan_papers.data_of(then, act).items():
            found[f"{held.id}-{act['version']:04d}-{name}.docx"] = docx(
                scan_papers.KINDS[name], data, made=clock.parse(act["at"]))
    return found


def _free(target: Path, force: bool, formats: tuple[str, ...] = ()) -> None:
    """Raises UsageError for a file that is there, lies in no folder, or has another ending."""
    from archive.errors import UsageError

    if target.exists() and not force:
        raise UsageError(_("{place} is there already; --force overwrites it").format(place=target))
    if not target.absolute().parent.is_dir():
        raise UsageError(_("There is no folder {place}.").format(place=target.parent))
    if formats and target.suffix.lower() not in formats:
        raise UsageError(_("a list is written as .xlsx or .csv, not as “{suffix}”").format(suffix=target.suffix))
