"""`luutru beat`: ask for the night at its hour, and for the report in the morning."""

from __future__ import annotations

from pathlib import Path

import click

from archive.i18n import _
from archive.terminal import archive_at, console, log_to


@click.command(help=_("Ask for the night at its hour (workers.night_at) and for the morning report "
                      "(workers.report_at). Several may run: one holds the clock, the others stand by."))
@click.option("--once", is_flag=True, help=_("look at the clock once and leave, for a timer of the system"))
@click.pass_context
def command(ctx: click.Context, once: bool) -> None:
    """Ask for what is due, until SIGTERM or Ctrl-C."""
    import signal
    import threading

    from archive import clock
    from ingest.machines.clockwork import Beat

    root = Path(ctx.obj).absolute()
    with archive_at(root) as archive:
        settings = archive.settings
    beat = Beat(settings)
    try:
        if once:
            state = beat.tick(clock.now())
            console().print(_("The beat holds the clock.") if state == "holds the clock" else
                            _("Another beat holds the clock; this one did nothing."))
            return
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_arguments: stop.set())
        console(stderr=True).print(_("The night begins at {night}, the report is written at {report}.").format(
            night=settings.workers.night_at, report=settings.workers.report_at))
        with log_to(settings.root / "log"):
            beat.run(stop)
    finally:
        beat.close()
