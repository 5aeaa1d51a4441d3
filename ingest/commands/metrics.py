"""`luutru metrics`: the archive's figures for a monitoring system, as text or into a folder that one collects from."""

from __future__ import annotations

from pathlib import Path

import click

from archive.i18n import _


@click.command(help=_("Figures for a monitoring system (Prometheus): what waits, the last night, promises, deadlines, "
                      "disk, copies. No names of records."))
@click.option("--to", "target", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE.prom",
              help=_("write them there, whole or not at all (a folder of node_exporter's textfile collector)"))
@click.pass_context
def command(ctx: click.Context, target: Path | None) -> None:
    """Figures of the archive, for machines."""
    from archive.files import write_atomically
    from archive.terminal import archive_at
    from ingest.metrics import exposition

    with archive_at(ctx.obj) as archive:
        told = exposition(archive)
    if target is None:
        click.echo(told, nl=False)
    else:
        write_atomically(target, told)
