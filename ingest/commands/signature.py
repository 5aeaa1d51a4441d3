"""`luutru signature verify`: checks the digital signatures of any PDF. Stands alone, without an archive."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from archive import clock
from archive.findings import Finding, Level
from archive.i18n import _, language
from archive.terminal import print_json, settings_of
from ingest.signatures import (
    FIELDS,
    RANK,
    DocumentSignatures,
    SignatureReport,
    TrustLists,
    load_trust,
    verify_pdf,
    word,
)

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.panel import Panel

_COLOURS = {"valid": "green", "valid_with_notes": "green", "undetermined": "yellow", "invalid": "red",
            "unsigned": "cyan", "not_checked": "yellow"}


@click.group(help=_("Digital signatures of any file."))
def command() -> None:
    """Digital signatures of any file; works without an archive."""


@command.command("verify", help=_("Check every digital signature of PDF files and say what each is worth."))
@click.argument("files", nargs=-1, required=True, metavar="FILE…",
                type=click.Path(exists=True, dir_okay=False, readable=True, path_type=Path))
@click.option("--trust", type=click.Path(exists=True, file_okay=False, path_type=Path),
              help=_("folder of trust lists, one sub-folder a list; otherwise the archive's"))
@click.option("--json", "as_json", is_flag=True, help=_("for machines"))
@click.option("--all", "everything", is_flag=True, help=_("show what is in order as well"))
@click.pass_obj
def verify(root: Path | None, files: tuple[Path, ...], trust: Path | None, as_json: bool, everything: bool) -> None:
    """Check FILEs. Exit code 0: all valid; 3: a person has to look; 4: a signature is not valid."""
    lists = load_trust(trust or archive_trust(root))
    received = clock.now()
    results = [verify_pdf(path, lists, received) for path in files]
    if as_json:
        print_json([result.as_dict() for result in results])
    else:
        _show(results, lists, everything)
    worst = max(RANK[result.verdict] for result in results)
    raise click.exceptions.Exit(0 if worst <= RANK["valid_with_notes"] else 4 if worst == RANK["invalid"] else 3)


def archive_trust(root: Path | None) -> Path | None:
    """The trust folder of the archive at `root`, when there is one."""
    if root is None:
        return None
    settings = settings_of(root)
    return settings.path(settings.signatures.trust)


def _show(results: list[DocumentSignatures], lists: TrustLists, everything: bool) -> None:
    from archive.terminal import console

    out = console()
    for result in results:
        verdict = word("verdict", result.verdict, language())
        out.print()
        out.print(f"[bold]{_escaped(result.file)}[/]  [bold {_COLOURS[result.verdict]}]{verdict}[/]", soft_wrap=True)
        for number, report in enumerate(result.signatures, 1):
            out.print(_panel(number, report, everything))
        _sentences(out, result, everything)
        if result.signatures:
            out.print("[dim]" + _("Found: {form} in the form, {pages} on the pages, {bytes} in the bytes.").format(
                **result.found) + "[/]")
    out.print()
    if lists.names:
        out.print("[dim]" + _("Trust lists: {names} (version {version})").format(
            names=", ".join(lists.names), version=lists.version) + "[/]", soft_wrap=True)
    else:
        out.print("[yellow]" + _("No trust list: name a folder with --trust; without one nothing can be called valid.")
                  + "[/]", soft_wrap=True)


def _panel(number: int, report: SignatureReport, everything: bool) -> Panel:
    """One signature as people read it: the verdict, the seven fields, the reasons."""
    from rich.console import Group
    from rich.panel import Panel
    from rich.table import Table

    colour = _COLOURS[report.verdict]
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    if report.certificate is not None:
        values = report.fields(language())
        for name in FIELDS:
            table.add_row(word("field", name, language()), _escaped(values[name]))
    lines = Table.grid(padding=(0, 1))
    lines.add_column(no_wrap=True)
    lines.add_column(overflow="fold")
    for sign, sentence in _reasons(report.reasons, everything, brief=report.certificate is not None):
        lines.add_row(sign, _escaped(sentence))
    title = (f"[bold]{number}. {word('kind', report.kind, language())}[/] · "
             f"[bold {colour}]{word('verdict', report.verdict, language())}[/]")
    parts: list[RenderableType] = [table] if report.certificate is not None else []
    return Panel(Group(*parts, lines), title=title, title_align="left", border_style=colour)


def _reasons(reasons: list[Finding], everything: bool, *, brief: bool) -> list[tuple[str, str]]:
    """Signs and sentences of `reasons`; the cures too, but for mere notes when `brief`."""
    signs = {Level.ok: "[green]✓[/]", Level.note: "[cyan]•[/]", Level.warning: "[yellow]![/]",
             Level.refused: "[red]✗[/]", Level.failed: "[red]✗[/]"}
    shown = []
    for reason in reasons:
        if reason.level == Level.ok and not everything:
            continue
        sentence = reason.sentence(language()).removeprefix(f"{reason.subject}: ")
        shown.append((signs[reason.level], sentence[:1].upper() + sentence[1:]))
        if reason.level >= Level.warning or not brief:
            shown.append(("→", reason.cure(language())))
    return shown


def _sentences(out: Console, result: DocumentSignatures, everything: bool) -> None:
    """The reasons about the file itself; for an unsigned one its verdict has said all, and the cure is left."""
    for reason in result.reasons:
        if reason.code == "VERIFY-005":
            out.print(f"  → {reason.cure(language())}", soft_wrap=True)
    rest = [reason for reason in result.reasons if reason.code != "VERIFY-005"]
    for sign, sentence in _reasons(rest, everything, brief=False):
        out.print(f"  {sign} {_escaped(sentence)}", soft_wrap=True)


def _escaped(text: str) -> str:
    """`text` from a document, made harmless: no markup of the terminal library, no control characters."""
    from rich.markup import escape

    return escape("".join(letter if letter.isprintable() else "�" for letter in text))
