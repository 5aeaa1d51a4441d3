"""`luutru seal`: the agency's seal on copies of PDF files, or on the stored scans that wait for it (`--pending`).

With files it stands on the archive's settings alone; with `--pending` it works on the archive.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from archive.findings import Finding, Level, finding, rules, worst
from archive.i18n import _, language
from archive.terminal import (
    archive_at,
    console,
    legal_value_name,
    local_time,
    person,
    print_json,
    settings_of,
    verdict_name,
)

if TYPE_CHECKING:
    from archive.opening import Archive
    from ingest.pending_seals import Outcome, Waiting
    from ingest.signatures.sealing import Sealed, Sealer

_MARKS = {Level.failed: "[red]✗[/]", Level.refused: "[red]✗[/]", Level.warning: "[yellow]![/]"}


@click.command(help=_("Seal PDF files: signed copies with the agency's visible mark go into a folder; FILE stays as it "
                      "is. Nothing is signed unless the agency's certificate passes its check first. With --pending: "
                      "seal the stored scans that a night could not seal."))
@click.argument("files", nargs=-1, metavar="[FILE…]",
                type=click.Path(exists=True, dir_okay=False, readable=True, path_type=Path))
@click.option("--to", "folder", type=click.Path(file_okay=False, path_type=Path),
              help=_("the folder for the sealed copies"))
@click.option("--pending", is_flag=True, help=_("the stored scans that wait for the seal, instead of files"))
@click.option("--dry-run", is_flag=True, help=_("check the key and the files, sign nothing"))
@click.option("--json", "as_json", is_flag=True, help=_("for machines"))
@click.pass_context
def command(ctx: click.Context, files: tuple[Path, ...], folder: Path | None, pending: bool, dry_run: bool,
            as_json: bool) -> None:
    """Exit code 0: all sealed; 1: our side failed; 3: some were not; 4: a stored copy is damaged; 5: a rule forbids."""
    if pending:
        if files or folder is not None:
            raise click.UsageError(_("--pending seals what the archive holds; it takes neither FILE nor --to."))
        ctx.exit(_pending(ctx.obj, dry_run, as_json))
    if not files or folder is None:
        raise click.UsageError(_("Say which files to seal and where the copies go: luutru seal FILE… --to FOLDER; or "
                                 "seal what waits in the archive: luutru seal --pending"))
    from ingest.signatures.sealing import open_sealer

    with open_sealer(settings_of(ctx.obj)) as sealer:
        if not as_json:
            _head(sealer)
        results: list[Sealed] = []
        if sealer.ready:
            if not dry_run:
                folder.mkdir(parents=True, exist_ok=True)
            results = _all(sealer, files, folder, dry_run, as_json)
        found = list(sealer.findings)
    if as_json:
        print_json({**_key(sealer, dry_run), "files": [one.as_dict() for one in results]})
    elif results:
        _tail(sum(not one.refused for one in results) if dry_run else sum(one.target is not None for one in results),
              len(results), dry_run)
    ctx.exit(_code(found, results))


def _all(sealer: Sealer, files: tuple[Path, ...], folder: Path, dry_run: bool, as_json: bool) -> list[Sealed]:
    results = []
    with _bar(len(files), quiet=as_json) as step:
        for path in files:
            if dry_run:
                done = sealer.examine(path)
                if (folder / path.name).exists():
                    done.findings.append(finding("SEAL-033", path.name, target=path.name))
            else:
                done = sealer.seal(path, folder / path.name)
            results.append(done)
            if not as_json:
                _one(done, dry_run)
            step(path.name)
    return results


# --- what waits in the archive ---------------------------------------------------------------------------------


def _pending(root: Path, dry_run: bool, as_json: bool) -> int:
    """Seal what waits; the exit code."""
    from archive.correcting import CorrectionRefusedError
    from archive.opening import ownership
    from ingest import pending_seals

    with archive_at(root) as archive:
        if dry_run:
            return _seal_stored(archive, pending_seals.waiting(archive), dry_run, as_json)
        with ownership(archive):
            try:
                pending_seals.ask_right(archive, person())
            except CorrectionRefusedError as refused:
                if as_json:
                    print_json({"ready": False, "findings": [one.as_dict() for one in refused.findings]})
                else:
                    _findings(refused.findings)
                return refused.exit_code
            return _seal_stored(archive, pending_seals.waiting(archive), dry_run, as_json)


def _seal_stored(archive: Archive, wanted: Sequence[Waiting], dry_run: bool, as_json: bool) -> int:
    from ingest import pending_seals
    from ingest.signatures.sealing import open_sealer
    from ingest.stages.index import index_documents
    from ingest.stages.seal import note_pin, pin_was_refused

    if not wanted and not pin_was_refused(archive):
        if as_json:
            print_json({"ready": None, "dry_run": dry_run, "findings": [], "documents": []})
        else:
            console().print(_("No stored scan waits for the agency's seal."))
        return 0
    results: list[Outcome] = []
    with open_sealer(archive.settings) as sealer:
        if not as_json:
            _head(sealer)
        if not dry_run:
            note_pin(archive, sealer, person())
        if sealer.ready:
            with _bar(len(wanted), quiet=as_json) as step:
                def tell(outcome: Outcome) -> None:
                    results.append(outcome)
                    if not as_json:
                        _stored(outcome, dry_run)
                    step(outcome.waiting.code)

                if dry_run:
                    pending_seals.examine_waiting(archive, sealer, wanted, tell)
                else:
                    pending_seals.seal_waiting(archive, sealer, wanted, person(), tell)
        told, found = _key(sealer, dry_run), list(sealer.findings)
    if any(one.done for one in results) and not dry_run:
        index_documents(archive)
    if as_json:
        print_json({**told, "documents": [one.as_dict() for one in results]})
    elif results:
        _tail(sum(one.done for one in results), len(results), dry_run)
    return _code_of_stored(found, results)


def _stored(outcome: Outcome, dry_run: bool) -> None:
    from rich.markup import escape

    if outcome.done:
        mark = "[green]•[/]" if dry_run else "[green]✓[/]"
        told = "" if dry_run else f" · PAdES {outcome.level} · {legal_value_name(outcome.legal_value)}"
        console().print(f"{mark} {outcome.waiting.code} · {escape(outcome.waiting.name)}{told}", soft_wrap=True)
    _findings(outcome.findings)


def _code_of_stored(found: Iterable[Finding], results: Iterable[Outcome]) -> int:
    """The worst of what happened, by the findings' own levels: in records they are warnings at most."""
    codes = {about.code for one in results if not one.done for about in one.findings}
    if "SEAL-058" in codes:
        return 4
    if worst(found) is Level.failed or any(rules()[code].level is Level.failed for code in codes):
        return 1
    if worst(found) is Level.refused:
        return 5
    return 3 if any(not one.done for one in results) else 0


# --- how it is shown -------------------------------------------------------------------------------------------


@contextmanager
def _bar(total: int, *, quiet: bool) -> Iterator[Callable[[str], None]]:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    shown = console(stderr=True)
    with Progress(TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(),
                  TimeRemainingColumn(), console=shown, transient=True,
                  disable=quiet or not shown.is_terminal) as bar:
        task = bar.add_task("", total=total)
        yield lambda name: bar.update(task, description=name, advance=1)


def _key(sealer: Sealer, dry_run: bool) -> dict[str, Any]:
    """The key and its check, for machines."""
    return {"ready": sealer.ready, "dry_run": dry_run, "level": sealer.level, "layout": sealer.layout.name,
            "certificate": sealer.certificate.as_dict() if sealer.certificate else None,
            "findings": [one.as_dict() for one in sealer.findings]}


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


def _tail(done: int, total: int, dry_run: bool) -> None:
    if dry_run:
        console().print(_("Only checked, nothing was signed: {n} of {all} files can be sealed.").format(
            n=done, all=total))
    else:
        console().print(_("{n} of {all} files were sealed.").format(n=done, all=total))


def _code(found: list[Finding], results: list[Sealed]) -> int:
    levels = {worst(found), *(worst(one.findings) for one in results)}
    if Level.failed in levels:
        return 1
    if worst(found) is Level.refused:
        return 5
    return 3 if any(one.refused for one in results) else 0
