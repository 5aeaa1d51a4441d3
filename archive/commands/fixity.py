"""`luutru fixity`: read everything that the store holds and compare it with what was written."""

from __future__ import annotations

import click
from rich.progress import track

from archive import clock
from archive.catalogue import record
from archive.i18n import _
from archive.ledger import Entry, event_key
from archive.opening import ownership
from archive.terminal import archive_at, console, print_json


@click.group(help=_("Check that the store holds what it says it holds."))
def command() -> None:
    """Fixity."""


@command.command("check", help=_("Read the whole store: every file's hashes, every inventory, the ledger's chain."))
@click.option("--json", "as_json", is_flag=True, help=_("for machines"))
@click.pass_context
def check(ctx: click.Context, as_json: bool) -> None:
    """Read the whole store; exit code 4 when anything is not as it was written. The ledger notes the result."""
    with archive_at(ctx.obj) as archive:
        faults = [f"ledger: {fault}" for fault in archive.ledger.check()]
        objects = list(archive.store.objects())
        shown = console(stderr=True)
        for object_id in track(objects, description=_("checking"), console=shown, transient=True,
                               disable=as_json or not shown.is_terminal):
            faults += archive.store.verify(object_id)
        with ownership(archive.settings), archive.catalogue.session() as session:
            at = clock.stamp(clock.now())
            record(session, archive.ledger, [Entry(
                "fixity_checked" if not faults else "fixity_failed", "store",
                {"objects": len(objects), "faults": faults[:100]}, event_key("fixity", at))])
    if as_json:
        print_json({"objects": len(objects), "events": archive.ledger.seq, "faults": faults})
    elif faults:
        for fault in faults:
            console().print(f"[red]✘[/] {fault}", soft_wrap=True)
    else:
        console().print(_("{n} objects and the ledger were read whole: nothing has changed.").format(n=len(objects)))
    ctx.exit(4 if faults else 0)
