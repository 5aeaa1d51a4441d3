"""`luutru ledger`: whether the log of everything that was done is whole, and how far timestamps cover it."""

from __future__ import annotations

from pathlib import Path

import click

from archive import clock
from archive.i18n import _
from archive.terminal import archive_at, console, local_time, print_json


@click.group(help=_("The ledger: the log of everything that was done to the records."))
def command() -> None:
    """The ledger."""


@command.command("verify", help=_("Check the ledger's chain, and that it is the one that the seals cover."))
@click.option("--json", "as_json", is_flag=True, help=_("for machines"))
@click.pass_obj
def verify(root: Path, as_json: bool) -> None:
    """Exit code 4 when a line was changed, left out, put in or moved, or the whole was replaced."""
    from archive.evidence.ledger import check_ledger

    with archive_at(root) as archive:
        covered, faults = check_ledger(archive)
        head = archive.ledger.head
    if as_json:
        print_json({"events": covered.events, "head": head, "sealed": covered.sealed, "timestamped": covered.timed,
                    "time": clock.stamp(covered.time) if covered.time else "", "faults": faults})
    else:
        out = console()
        for fault in faults:
            out.print(f"[red]✘[/] {fault}", soft_wrap=True)
        if not faults:
            out.print("[green]✔[/] " + _("{n} events, an unbroken chain; head {head}").format(
                n=covered.events, head=head), soft_wrap=True)
        if covered.time:
            out.print(_("A timestamp of {time} covers events 1 to {n}.").format(
                time=local_time(clock.stamp(covered.time)), n=covered.timed), soft_wrap=True)
        else:
            warning = _("No timestamp covers the ledger as yet: whoever can write to the store could replace it whole. "
                        "Keep the head above somewhere else.")
            out.print(f"[yellow]{warning}[/]", soft_wrap=True)
    raise click.exceptions.Exit(4 if faults else 0)
