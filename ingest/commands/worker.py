"""`luutru worker`: let this machine take work, and show what lies on the desk."""

from __future__ import annotations

from pathlib import Path

import click

from archive.commands.groups import WithDefault
from archive.i18n import _
from archive.terminal import archive_at, console, log_to, print_json, print_table

QUEUES = ("ocr", "verify", "io", "forms", "night")      # ingest/machines/desk.py, which loads the database's library


@click.group(cls=WithDefault, default="run", help=_("Many machines: let this one take work, or see who does what."))
def command() -> None:
    """Many machines: let this one take work, or see who does what."""


@command.command("run", help=_("Take work until stopped: examine items, run nights, write reports. What is in hand is "
                               "finished first."))
@click.option("--queue", "queues", multiple=True, type=click.Choice(QUEUES),
              help=_("kind of work to take; several times for several; all when none is named"))
@click.option("--processors", type=click.IntRange(0, 512), default=0,
              help=_("worker processes; 0: as ingest.workers says, else one a processor"))
@click.option("--name", default="", help=_("this machine's name in the log; else the host's and a number"))
@click.option("--dry-run", is_flag=True, help=_("check that it could start, and change nothing"))
@click.pass_context
def run(ctx: click.Context, queues: tuple[str, ...], processors: int, name: str, dry_run: bool) -> None:
    """Take work until SIGTERM."""
    from ingest.machines.app import BrokerAwayError, greet
    from ingest.machines.desk import Desk

    root = Path(ctx.obj).absolute()
    with archive_at(root) as archive:      # what stands in the way is said here, once
        settings = archive.settings
    Desk(settings).close()
    chosen = [one for one in QUEUES if one in queues] or list(QUEUES)
    out = console(stderr=True)
    try:
        greet(settings)
    except BrokerAwayError as error:
        if dry_run:
            raise
        out.print(_("{error}; this machine waits for it.").format(error=str(error)[:1].upper() + str(error)[1:]))
    if dry_run:
        out.print(_("This machine can take work: {queues}").format(queues=", ".join(chosen)))
        return
    from ingest.machines.serving import serve

    out.print(_("Takes work ({queues}); Ctrl-C stops when what is in hand is done.").format(queues=", ".join(chosen)))
    with log_to(settings.root / "log"):
        code = serve(root, chosen, processors, name)
    ctx.exit(code)


@command.command("status", help=_("What machines there are, and what lies on the desk."))
@click.option("--json", "as_json", is_flag=True, help=_("for machines"))
@click.pass_obj
def status(root: Path, as_json: bool) -> None:
    """What machines there are, and what lies on the desk."""
    from archive.terminal import settings_of
    from ingest.machines.desk import Desk
    from ingest.machines.fingerprint import fingerprint

    settings = settings_of(root)
    desk = Desk(settings)
    try:
        machines, work, now = desk.machines(), desk.all(), desk.now()
    finally:
        desk.close()
    ours = fingerprint(settings)
    if as_json:
        print_json({
            "machines": [{"name": one.name, "queues": one.queues, "processors": one.processors,
                          "silent_seconds": round(now - one.seen, 1), "version": one.version,
                          "fits": one.settings == ours} for one in machines],
            "work": [{"id": one.id, "queue": one.queue, "state": one.state, "urgent": one.urgent, "tries": one.tries,
                      "machine": one.machine, "error": one.error} for one in work]})
        return
    print_table(_("Machines"), [_("Name"), _("Takes"), _("Processors"), _("Silent for"), _("Settings")],
                [[one.name, ", ".join(one.queues), str(one.processors), f"{max(0, now - one.seen):.0f} s",
                  _("as here") if one.settings == ours else _("[red]others: takes nothing[/]")] for one in machines])
    states = {"waiting": _("waits"), "claimed": _("in hand"), "done": _("done")}
    print_table(_("On the desk"), [_("Work"), _("Queue"), _("State"), _("Tries"), _("Machine"), _("Last error")],
                [[one.id, one.queue, states.get(one.state, one.state) + (_(", urgent") if one.urgent else ""),
                  str(one.tries), one.machine, one.error.strip().rpartition("\n")[2][:120]] for one in work])
