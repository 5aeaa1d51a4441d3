"""`luutru fixity`: read everything that the store holds and compare it with what was written."""

from __future__ import annotations

import click
from rich.progress import Progress

from archive import clock
from archive.catalogue import record
from archive.fixity import faults as find_faults
from archive.i18n import _
from archive.ledger import Entry, event_key
from archive.opening import ownership
from archive.terminal import archive_at, console, person, print_json


@click.group(help=_("Check that the store holds what it says it holds."))
def command() -> None:
    """Fixity."""


@command.command("check", help=_("Read the whole store: every file's hashes, every inventory, the ledger's chain."))
@click.option("--json", "as_json", is_flag=True, help=_("for machines"))
@click.pass_context
def check(ctx: click.Context, as_json: bool) -> None:
    """Read the whole store; exit code 4 when anything is not as it was written. The ledger notes the result."""
    with archive_at(ctx.obj) as archive, ownership(archive):
        objects = archive.store.folders()
        shown = console(stderr=True)
        with Progress(console=shown, transient=True, disable=as_json or not shown.is_terminal) as bar:
            task = bar.add_task(_("checking"), total=len(objects))
            faults = list(find_faults(archive, lambda done, _total: bar.update(task, completed=done)))
        with archive.catalogue.session() as session:
            at = clock.stamp(clock.now())
            record(session, archive.ledger, [Entry(
                "fixity_checked" if not faults else "fixity_failed", "store",
                {"objects": len(objects), "faults": faults[:100]}, event_key("fixity", at), actor=person())])
    if as_json:
        print_json({"objects": len(objects), "events": archive.ledger.seq, "faults": faults})
    elif faults:
        for fault in faults:
            console().print(f"[red]✘[/] {fault}", soft_wrap=True)
        console().print(_("Take the files named from the last good copy of the store; tell the administrator."))
    else:
        console().print(_("{n} objects and the ledger were read whole: nothing has changed.").format(n=len(objects)))
    ctx.exit(4 if faults else 0)
