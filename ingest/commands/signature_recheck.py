"""`luutru signature recheck`: look again at the signatures of stored documents, by the evidence of now."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from archive.i18n import _
from archive.terminal import archive_at, console, legal_value_name, person, print_json, verdict_name

if TYPE_CHECKING:
    from ingest.rechecking import Rechecked


@click.command("recheck", help=_("Check the signatures of stored documents again: those whose day has come, or CODEs."))
@click.argument("codes", nargs=-1, metavar="[CODE…]")
@click.option("--all", "everything", is_flag=True, help=_("all signed documents, whether their day has come or not"))
@click.option("--dry-run", is_flag=True, help=_("say what would change and change nothing"))
@click.option("--json", "as_json", is_flag=True, help=_("for machines"))
@click.pass_obj
def recheck(root: Path, codes: tuple[str, ...], everything: bool, dry_run: bool, as_json: bool) -> None:
    """Exit code 0: nothing new speaks against a document; 3: a certificate was revoked; 1: we failed."""
    from archive import clock
    from archive.findings import Level, worst
    from archive.opening import ownership
    from ingest import rechecking
    from ingest.commands.nightly import progress_bars

    if codes and everything:
        raise click.UsageError(_("Name documents, or --all."))
    with archive_at(root) as archive, ownership(archive), progress_bars(quiet=as_json) as progress:
        done = rechecking.recheck(archive, clock.now(), progress, codes=codes, everything=everything, dry_run=dry_run,
                                  by=person())
    if as_json:
        print_json(_as_dict(done, dry_run=dry_run))
    else:
        _tell(done, dry_run=dry_run)
    level = worst(done.findings)
    raise click.exceptions.Exit({Level.failed: 1, Level.refused: 3}.get(level, 0))


def _as_dict(done: Rechecked, *, dry_run: bool) -> dict[str, object]:
    from dataclasses import asdict

    return {"dry_run": dry_run, "looked": done.looked, "same": done.same, "left": done.left,
            "changed": [asdict(one) for one in done.changed],
            "findings": [{**one.as_dict(), "vi": one.sentence("vi"), "en": one.sentence("en")}
                         for one in done.findings]}


def _tell(done: Rechecked, *, dry_run: bool) -> None:
    from rich.markup import escape

    from ingest.commands.report import print_finding

    out = console()
    for one in done.changed:
        mark = "[red]✘[/]" if one.revoked else "[cyan]●[/]"
        out.print(f"{mark} [bold]{escape(one.document)}[/]  {verdict_name(one.before)} → {verdict_name(one.after)} · "
                  f"{legal_value_name(one.legal_after)}  [dim]{' '.join(one.why)}[/]", soft_wrap=True)
    for found in done.findings:
        if found.code != "TRUST-002":
            print_finding(found)
    out.print(_("{looked} documents were judged again, {changed} of them otherwise than before.").format(
        looked=done.looked, changed=len(done.changed)))
    if done.same:
        out.print(_("For {n} documents the trust lists are as they were: only their day moves on.").format(
            n=done.same))
    if done.left:
        out.print(_("{n} documents are left for the next night (signatures.recheck_seconds).").format(n=done.left))
    if dry_run:
        out.print(_("Nothing was changed."))
    elif done.changed:
        out.print("[dim]" + _("The reports on receipt are kept beside the new ones.") + "[/]")

