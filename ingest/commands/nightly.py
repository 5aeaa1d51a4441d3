"""`luutru nightly`: run tonight's batch and print the morning report."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING

import click
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from archive import clock, layout, telemetry
from archive.findings import Level, worst
from archive.i18n import _
from archive.opening import Archive
from archive.terminal import archive_at, console, log_to, print_json

if TYPE_CHECKING:
    from ingest.forecast import Forecast
    from ingest.nightly import Progress as Told
    from ingest.report import Report


@click.command(help=_("Run tonight's batch: take in what waits, store it, report. Safe to run again at any time."))
@click.option("--dry-run", is_flag=True, help=_("say what waits, and what the night will come to; change nothing"))
@click.option("--until", "until", metavar="HH:MM", help=_(
    "begin nothing that would not be done by then (Vietnam's time; also a day with its hour, 2026-11-21T05:30; “off”: "
    "take as long as it takes); urgent documents first, the rest waits whole for the next night; otherwise the setting "
    "night.until"))
@click.option("--json", "as_json", is_flag=True, help=_("for machines"))
@click.pass_context
def command(ctx: click.Context, dry_run: bool, until: str | None, as_json: bool) -> None:
    """Run tonight's batch: take in what waits, store it, report."""
    from ingest import nightly, report  # a second of libraries, which no --help should wait for
    from ingest.commands.report import print_finding, print_report
    from ingest.until import moment

    with archive_at(ctx.obj) as archive:
        end = moment(archive.settings.night.until if until is None else until, clock.now())
        if dry_run:
            _say_what_waits(archive, end, as_json)
            return
        with log_to(archive.settings.root / "log"), progress_bars(quiet=as_json) as bars, \
                telemetry.night(archive.settings, bars) as progress:
            night = nightly.run(archive, progress, end, _not_told if as_json else _print_forecast)
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


def exit_code(made: Report, level: Level) -> int:
    """4 when the store is known to be damaged, 1 when we failed, 3 when items need a person, else 0."""
    if any(promise.state == "broken" and (promise.name in ("fixity", "copy") or promise.figures.get("altered"))
           for promise in made.promises):
        return 4
    if level == Level.failed:
        return 1
    return 3 if made.needs_person else 0


@contextmanager
def progress_bars(*, quiet: bool) -> Iterator[Told]:
    """A bar for each stage of a night, on a terminal."""
    names = {"collect": _("taking in"), "sheets": _("looking for separator sheets"),
             "examine": _("checking, verifying, reading"), "store": _("storing"),
             "seal": _("sealing scans"),
             "index": _("indexing"), "recheck": _("checking signatures again"),
             "drill": _("making the catalogue again on trial"), "copy": _("copying")}
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


def _not_told(_ahead: Forecast) -> None:
    pass


def _print_forecast(ahead: Forecast) -> None:
    for told in ahead.sentences() if not ahead.empty else []:
        console().print(told, soft_wrap=True)


def _say_what_waits(archive: Archive, until: datetime | None, as_json: bool) -> None:
    from ingest.forecast import amount
    from ingest.nightly import look_ahead

    ahead, waiting, findings = look_ahead(archive, until)
    if as_json:
        print_json({"waiting": [one.name for _source, one in waiting], "bytes": ahead.size,
                    "forecast": {**ahead.as_dict(), "ends": clock.stamp(ahead.ends), "free": ahead.free,
                                 "room_wanted": ahead.wanted},
                    "inbox_findings": [one.as_dict() for one in findings]})
        return
    if ahead.empty:
        console().print(_("Nothing waits. Nothing was changed."))
    else:
        _print_forecast(ahead)
        if ahead.free < ahead.wanted:
            console().print(_("That is too little room: a night begins with {wanted} free.").format(
                wanted=amount(ahead.wanted)))
        console().print(_("Nothing was changed."))
    for one in findings:
        console().print(f"  {one.code}  {one.sentence()}")
