"""`luutru document correct`: put a stored document's fields right, with a reason; every former value stays."""

from __future__ import annotations

from pathlib import Path

import click

from archive import correcting
from archive.commands.corrections import options, run
from archive.i18n import _
from archive.opening import ownership
from archive.terminal import archive_at, person


@click.command("correct", help=_("Correct fields of a stored document, with a reason; every former value is kept."))
@options
@click.pass_obj
def command(root: Path, code: str, corrections: tuple[str, ...], cleared: tuple[str, ...], reason: str, dry_run: bool,
            as_json: bool) -> None:
    """Correct a document's fields: a new version of its record; its files keep every byte."""
    with archive_at(root) as archive, ownership(archive):
        run(lambda values: correcting.correct_document(archive, code, values, reason, by=person(), dry_run=dry_run),
            corrections, cleared, dry_run=dry_run, as_json=as_json)
