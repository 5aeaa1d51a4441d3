"""`luutru package check`: checks any package, of ours or of others. Stands alone, without an archive."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from archive import clock
from archive.findings import Finding, Level
from archive.i18n import _, language
from archive.terminal import console, print_json, settings_of

if TYPE_CHECKING:
    from rich.console import Console

    from archive.packages.check import Group, Report

_KINDS = ("sip_hoso", "sip_tailieu", "aip_hoso", "aip_tailieu", "dip", "csip", "bagit", "tt02")
_NEEDS_A_PERSON = 3
_SIGNS = {Level.failed: "[red]✗[/]", Level.refused: "[red]✗[/]", Level.warning: "[yellow]![/]",
          Level.note: "[cyan]•[/]"}


@click.command("check", help=_(
    "Check packages, folders or ZIP files: SIP, AIP and DIP of TT 05/2025, E-ARK 2.0.4 to 2.2.0, BagIt (RFC 8493), "
    "the form of TT 02/2019. "
    "Nothing is unpacked and nothing changed; no archive is needed."))
@click.argument("paths", nargs=-1, required=True, metavar="PATH…", type=click.Path(exists=True, path_type=Path))
@click.option("--as", "wanted", type=click.Choice(_KINDS), help=_("the kind that it must be"))
@click.option("--signatures/--no-signatures", default=True, show_default=True,
              help=_("check the signatures in PDF files; without it they are reported as not checked"))
@click.option("--trust", type=click.Path(exists=True, file_okay=False, path_type=Path),
              help=_("folder of trust lists, one sub-folder a list; otherwise the archive's"))
@click.option("--json", "as_json", is_flag=True, help=_("for machines"))
@click.option("--examples", type=click.IntRange(1), default=3, show_default=True,
              help=_("how many cases of one fault are shown"))
@click.pass_obj
def command(root: Path | None, paths: tuple[Path, ...], wanted: str | None, signatures: bool, trust: Path | None,
            as_json: bool, examples: int) -> None:
    """Check PATHs. Exit code 0: no error in any of them; 3: a package has an error."""
    from archive.packages.check import check_package

    judge = _judge(root, trust) if signatures else None
    reports = []
    with _progress(quiet=as_json) as watch:
        for path in paths:
            report = check_package(path, judge=judge, progress=watch(path.name), wanted=wanted or "")
            reports.append(report)
            if not as_json:
                _show(report, examples)
    if as_json:
        print_json([report.as_dict() for report in reports])
    elif len(reports) > 1:
        wrong = sum(report.worst >= Level.refused for report in reports)
        console().print(_("{count} packages: {right} without an error, {wrong} with errors.").format(
            count=len(reports), right=len(reports) - wrong, wrong=wrong))
    if any(report.worst >= Level.refused for report in reports):
        raise click.exceptions.Exit(_NEEDS_A_PERSON)


def _judge(root: Path | None, trust: Path | None) -> Callable[[Path], list[Finding]]:
    """What says what the signatures of a file are worth, by the trust lists given or those of the archive."""
    from ingest.signatures import load_trust
    from ingest.signatures.files import verify_named

    if trust is None and root is not None:
        settings = settings_of(root)
        trust = settings.path(settings.signatures.trust)
    lists, received = load_trust(trust), clock.now()

    def judge(path: Path) -> list[Finding]:
        return verify_named(path, lists, received, path.name).merged_reasons()

    return judge


@contextmanager
def _progress(*, quiet: bool) -> Iterator[Callable[[str], Callable[[int, int], None]]]:
    """A bar on the terminal, one package after the other."""
    from rich.progress import DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    shown = console(stderr=True)
    with Progress(TextColumn("{task.description}"), DownloadColumn(), TimeRemainingColumn(), console=shown,
                  transient=True, disable=quiet or not shown.is_terminal) as bar:
        task = bar.add_task("", total=None)

        def watch(name: str) -> Callable[[int, int], None]:
            bar.reset(task, description=_plain(name)[:60], total=None)
            return lambda done, total: bar.update(task, completed=done, total=total)

        yield watch


def _show(report: Report, examples: int, depth: int = 0) -> None:
    """One package: the verdict first, then what led to it, the worst first."""
    out = console()
    errors = report.count(Level.refused) + report.count(Level.failed)
    colour = "red" if errors else "yellow" if report.count(Level.warning) else "green"
    verdict = _("{count} errors").format(count=errors) if errors else _("no error")
    out.print(f"[bold]{_plain(report.path.name if not depth else report.objid or report.kind)}[/]  "
              f"[bold {colour}]{verdict}[/]  {report.kind or _('not recognised')}", soft_wrap=True)
    out.print("[dim]  " + " · ".join((
        _("{warnings} warnings, {notes} notes").format(warnings=report.count(Level.warning),
                                                       notes=report.count(Level.note)),
        _("{documents} documents").format(documents=report.documents),
        _("{files} files with {bytes} bytes compared with their checksums").format(files=report.files,
                                                                                    bytes=report.bytes),
        {"checked": _("signatures checked"), "not_checked": _("signatures not checked"),
         "none": _("no PDF to look for signatures in")}[report.signatures])) + "[/]", soft_wrap=True)
    for group in report.groups(examples):
        _show_group(out, group)
    out.print()
    for inner in report.inner:
        _show(inner, examples, depth + 1)


def _show_group(out: Console, group: Group) -> None:
    """All findings of one rule: how often, the first cases, the clause, the cure once."""
    first = group.examples[0]
    times = f" ×{group.count:,}" if group.count > 1 else ""
    for number, found in enumerate(group.examples):
        head = f"  {_SIGNS[group.level]} {group.code}{times} " if number == 0 else "      "
        cited = found.citation(language()) if number == 0 else ""
        out.print(head + _plain(found.sentence(language())) + (f" [dim]({_plain(cited)})[/]" if cited else ""),
                  soft_wrap=True)
    if group.count > len(group.examples):
        out.print("      " + _("… and {count} more").format(count=f"{group.count - len(group.examples):,}"))
    if group.level >= Level.warning:
        out.print(f"    → {_plain(first.cure(language()))}", soft_wrap=True)


def _plain(text: str) -> str:
    """`text` from a package, made harmless: no markup of the terminal library, no control characters."""
    from rich.markup import escape

    return escape("".join(letter if letter.isprintable() else "�" for letter in text))
