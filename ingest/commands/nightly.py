"""`luutru nightly`: run tonight's batch and print the morning report."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import click
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from archive import layout
from archive.findings import Level, worst
from archive.i18n import _
from archive.opening import Archive
from archive.terminal import archive_at, console, log_to, print_json
from ingest import nightly, report
from ingest.commands.report import print_finding, print_report


@click.command(help=_("Run tonight's batch: take in what waits, store it, report. Safe to run again at any time."))
@click.option("--dry-run", is_flag=True, help=_("say what waits and change nothing"))
@click.option("--json", "as_json", is_flag=True, help=_("for machines"))
@click.pass_context
def command(ctx: click.Context, dry_run: bool, as_json: bool) -> None:
    """Run tonight's batch: take in what waits, store it, report."""
    with archive_at(ctx.obj) as archive:
        if dry_run:
            _say_what_waits(archive, as_json)
            return
        with log_to(archive.settings.root / "log"), progress_bars(quiet=as_json) as progress:
            night = nightly.run(archive, progress)
        with archive.catalogue.session() as session:
            batch = night.batch or report.latest_batch(session)
        if not night.batch and not as_json:
            console().print(_("Nothing new: the inbox holds nothing to take in, and nothing waits for a night."))
            for found in night.findings:
                print_finding(found)
        if not batch:
            if as_json:
                print_json({"batch": "", "changed": False})
            return
        made = report.build(archive, batch)
        if night.batch or made.rechecked:       # an idle night, too, may change a verdict
            from ingest.report_page import write_json, write_report

            page = write_report(made, layout.reports_folder(archive.settings))
            write_json(made, layout.reports_folder(archive.settings))
        else:
            page = layout.reports_folder(archive.settings) / f"{batch}.html"
        if as_json:
            print_json({"changed": bool(night.batch), "resumed": night.resumed, **report.as_dict(made)})
        else:
            print_report(made, page if page.exists() else None, short=not night.batch)
        levels = [worst(night.findings), *(line.level for line in made.lines)]
        ctx.exit(exit_code(made, max(levels, default=Level.ok)))


def exit_code(made: report.Report, level: Level) -> int:
    """4 when the store is known to be damaged, 1 when we failed, 3 when items need a person, else 0."""
    if any(promise.state == "broken" and (promise.name in ("fixity", "copy") or promise.figures.get("altered"))
           for promise in made.promises):
        return 4
    if level == Level.failed:
        return 1
    return 3 if made.needs_person else 0


@contextmanager
def progress_bars(*, quiet: bool) -> Iterator[nightly.Progress]:
    """A bar for each stage of a night, on a terminal."""
    names = {"collect": _("taking in"), "examine": _("checking, verifying, reading"), "store": _("storing"),
             "seal": _("sealing scans"),
             "index": _("indexing"), "recheck": _("checking signatures again"), "copy": _("copying")}
    shown = console(stderr=True)
    if quiet or not shown.is_terminal:
        yield lambda *_args: None
        return
    with Progress(TextColumn("{task.description:<32}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
                  console=shown, transient=True) as bars:
        tasks = {stage: bars.add_task(name, total=None, start=False) for stage, name in names.items()}

        def show(stage: str, done: int, total: int) -> None:
            bars.start_task(tasks[stage])
            bars.update(tasks[stage], completed=done, total=total)

        yield show


def _say_what_waits(archive: Archive, as_json: bool) -> None:
    from archive import clock
    from ingest.stages.collect import waiting_files

    waiting, findings = waiting_files(archive, clock.now())
    size = sum(one.path.stat().st_size for _source, one in waiting)
    if as_json:
        print_json({"waiting": [one.name for _source, one in waiting], "bytes": size,
                    "inbox_findings": [one.as_dict() for one in findings]})
        return
    console().print(_("{n} files wait in the inbox ({size} MB). Nothing was changed.").format(
        n=len(waiting), size=round(size / 1e6, 1)))
    for one in findings:
        console().print(f"  {one.code}  {one.sentence()}")
