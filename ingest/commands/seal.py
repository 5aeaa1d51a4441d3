"""`luutru seal`: sealed copies of PDF files, signed with the agency's key. Stands on the archive's settings alone."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from archive.findings import Finding, Level, worst
from archive.i18n import _, language
from archive.terminal import console, local_time, print_json, settings_of, verdict_name

if TYPE_CHECKING:
    from ingest.signatures.sealing import Sealed, Sealer

_MARKS = {Level.failed: "[red]✗[/]", Level.refused: "[red]✗[/]", Level.warning: "[yellow]![/]"}


@click.command(help=_("Seal PDF files: signed copies with the agency's visible mark go into a folder; FILE stays as it "
                      "is. Nothing is signed unless the agency's certificate passes its check first."))
@click.argument("files", nargs=-1, required=True, metavar="FILE…",
                type=click.Path(exists=True, dir_okay=False, readable=True, path_type=Path))
@click.option("--to", "folder", type=click.Path(file_okay=False, path_type=Path), required=True,
              help=_("the folder for the sealed copies"))
@click.option("--dry-run", is_flag=True, help=_("check the key and the files, sign nothing"))
@click.option("--json", "as_json", is_flag=True, help=_("for machines"))
@click.pass_context
def command(ctx: click.Context, files: tuple[Path, ...], folder: Path, dry_run: bool, as_json: bool) -> None:
    """Exit code 0: all sealed; 1: our side failed; 3: some files were not; 5: the certificate's check forbids it."""
    from ingest.signatures.sealing import open_sealer

    settings = settings_of(ctx.obj)
    with open_sealer(settings) as sealer:
        if not as_json:
            _head(sealer)
        results: list[Sealed] = []
        if sealer.ready:
            if not dry_run:
                folder.mkdir(parents=True, exist_ok=True)
            results = _all(sealer, files, folder, dry_run, as_json)
        found = list(sealer.findings)
    if as_json:
        print_json({"ready": sealer.ready, "dry_run": dry_run, "level": sealer.level, "layout": sealer.layout.name,
                    "certificate": sealer.certificate.as_dict() if sealer.certificate else None,
                    "findings": [one.as_dict() for one in found], "files": [one.as_dict() for one in results]})
    else:
        _tail(results, dry_run)
    ctx.exit(_code(found, results))


def _all(sealer: Sealer, files: tuple[Path, ...], folder: Path, dry_run: bool, as_json: bool) -> list[Sealed]:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    shown = console(stderr=True)
    results = []
    with Progress(TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(),
                  TimeRemainingColumn(), console=shown, transient=True,
                  disable=as_json or not shown.is_terminal) as bar:
        task = bar.add_task("", total=len(files))
        for path in files:
            bar.update(task, description=path.name)
            done = sealer.examine(path) if dry_run else sealer.seal(path, folder / path.name)
            results.append(done)
            bar.advance(task)
            if not as_json:
                _one(done, dry_run)
    return results


def _head(sealer: Sealer) -> None:
    """Whose key it is, until when it is valid, and what its check found."""
    from rich.markup import escape

    out = console()
    held = sealer.certificate
    if held is not None:
        out.print(f"[bold]{escape(held.name)}[/] · {escape(held.issuer)} · "
                  f"{held.valid_from:%d/%m/%Y}-{held.valid_to:%d/%m/%Y} · PAdES {sealer.level or '—'}", soft_wrap=True)
    _findings(sealer.findings)
    if not sealer.ready:
        out.print("[red]" + _("Nothing was signed.") + "[/]")


def _one(done: Sealed, dry_run: bool) -> None:
    from rich.markup import escape

    out = console()
    if done.target is not None and done.report is not None:
        out.print(f"[green]✓[/] {escape(str(done.target))} · PAdES {done.level} · {local_time(done.time.isoformat())}"
                  if done.time else escape(str(done.target)), soft_wrap=True)
        out.print(f"    SHA-256 {done.sha256} · {verdict_name(done.report.verdict)}", style="dim", soft_wrap=True)
    elif dry_run and not done.refused:
        out.print(f"[green]•[/] {escape(str(done.source))} · {escape(' / '.join(done.text))}", soft_wrap=True)
    _findings(done.findings)


def _findings(found: Iterable[Finding]) -> None:
    out = console()
    for one in sorted(found, key=lambda one: -one.level):
        out.print(f"{_MARKS.get(one.level, '[cyan]•[/]')} {one.code} ", end="", soft_wrap=True)
        out.print(one.sentence(language()), markup=False, soft_wrap=True)
        if one.level >= Level.warning:
            out.print(f"    → {one.cure(language())}", markup=False, soft_wrap=True)


def _tail(results: list[Sealed], dry_run: bool) -> None:
    if not results:
        return
    done = sum(one.target is not None for one in results)
    if dry_run:
        console().print(_("Only checked, nothing was signed: {n} of {all} files can be sealed.").format(
            n=sum(not one.refused for one in results), all=len(results)))
    else:
        console().print(_("{n} of {all} files were sealed.").format(n=done, all=len(results)))


def _code(found: list[Finding], results: list[Sealed]) -> int:
    levels = {worst(found), *(worst(one.findings) for one in results)}
    if Level.failed in levels:
        return 1
    if worst(found) is Level.refused:
        return 5
    return 3 if any(one.refused for one in results) else 0
