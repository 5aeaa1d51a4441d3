"""`luutru demo`: rehearsals on this machine, with nobody else's systems."""

from __future__ import annotations

import importlib

import click

from archive.i18n import _

# Rehearsal -> the module that has its `command`; loaded when it is asked for.
_REHEARSALS = {"axis": "ingest.commands.axis_demo", "transfer": "ingest.commands.demo_transfer"}


class _Demo(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        """The rehearsals there are."""
        return list(_REHEARSALS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The rehearsal of that name, or None."""
        if cmd_name not in _REHEARSALS:
            return None
        found: click.Command = importlib.import_module(_REHEARSALS[cmd_name]).command
        return found


@click.group("demo", cls=_Demo, help=_("Rehearsals on this machine: a document axis to fetch from, a hand-over to an "
                                       "archive centre."))
def command() -> None:
    """Rehearsals."""
