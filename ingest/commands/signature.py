"""`luutru signature verify`: checks the digital signatures of any file. Stands alone, without an archive."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime
from datetime import time as day_time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from archive import clock
from archive.findings import Finding, Level, finding, worst
from archive.i18n import _, language
from archive.settings import IngestSettings, Settings
from archive.terminal import print_json, settings_of
from ingest.commands.signature_recheck import recheck
from ingest.signatures import (
    FIELDS,
    RANK,
    DocumentSignatures,
    SignatureReport,
    TrustLists,
    load_trust,
    word,
)

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.panel import Panel

_COLOURS = {"valid": "green", "valid_with_notes": "green", "undetermined": "yellow", "invalid": "red",
            "unsigned": "cyan", "not_checked": "yellow"}
_SAID = ("VERIFY-005", "VERIFY-084")    # reasons that the verdict, or the first line, has said
_YEARS = range(1990, 2500)              # for which --at can ask
_PATIENCE = 2.0     # seconds without a word before progress is shown


@click.group(help=_("Digital signatures of any file."))
def command() -> None:
    """Digital signatures of any file; works without an archive."""


command.add_command(recheck)


@command.command("verify", help=_("Check every digital signature of files and say what each is worth."))
@click.argument("files", nargs=-1, required=True, metavar="FILE…", type=click.Path(path_type=Path))
@click.option("--trust", type=click.Path(exists=True, file_okay=False, path_type=Path),
              help=_("folder of trust lists, one sub-folder a list; otherwise the archive's"))
@click.option("--at", metavar="TIME", help=_("judge as if the files had been received then: 2026-11-20, "
                                             "2026-11-20T09:30 (Vietnam's time), 2026-11-20T02:30Z"))
@click.option("--workers", type=click.IntRange(min=1), default=None, help=_("worker processes; otherwise one a core"))
@click.option("--pdf", type=click.Path(file_okay=False, path_type=Path), metavar="FOLDER",
              help=_("folder for a printed report (PDF/A) and the JSON it was printed from, of each file"))
@click.option("--json", "as_json", is_flag=True, help=_("for machines"))
@click.option("--all", "everything", is_flag=True, help=_("show what is in order as well"))
@click.pass_obj
def verify(root: Path | None, files: tuple[Path, ...], trust: Path | None, at: str | None, workers: int | None,
           pdf: Path | None, as_json: bool, everything: bool) -> None:
    """Check FILEs. Exit code 0: all are valid, with or without notes; 3: a person has to look; 1: a fault of ours."""
    from ingest.signatures.files import kept_revocations
    from ingest.signatures.isolated import Limits, verify_files

    received = _moment(at) if at is not None else clock.now()
    settings = settings_of(root) if root is not None and trust is None else None
    folder = trust or (settings.path(settings.signatures.trust) if settings else None)
    limits = Limits.of(settings.ingest if settings else IngestSettings(), workers or 0)
    places = _places(pdf, files) if pdf else []
    with _progress(len(files)) as tell:
        results = verify_files(files, folder, received, limits, tell)
    if at is not None:
        for result in results:
            result.reasons.append(finding("VERIFY-084", result.file, time=_shown_time(received)))
    if pdf:
        _print(places, results)
    if as_json:
        kept = kept_revocations(settings) if settings else frozenset()
        print_json([result.as_dict(kept) for result in results])
    else:
        _show(results, load_trust(folder), everything, received if at is not None else None)
    if any(worst(result.reasons) == Level.failed for result in results):
        raise click.exceptions.Exit(1)
    good = all(RANK[result.verdict] <= RANK["valid_with_notes"] for result in results)
    raise click.exceptions.Exit(0 if good else 3)


def _places(folder: Path, files: Sequence[Path]) -> list[Path]:
    """Where the printed report of each file goes; files of the same name get a number. Raises UsageError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)       # before the work, not after it
    except OSError as error:
        raise click.UsageError(_("The folder {place} cannot be made ({reason}); choose another with --pdf").format(
            place=_plain(str(folder)), reason=error.strerror)) from None
    places: list[Path] = []
    for file in files:
        name, n = _plain(file.name).encode()[:200].decode(errors="ignore"), 1       # a name has 255 bytes at most
        place = folder / f"{name}.signatures.pdf"
        while place in places:
            n += 1
            place = folder / f"{name}-{n}.signatures.pdf"
        if taken := next((one for one in (place, place.with_suffix(".json")) if one.exists()), None):
            raise click.UsageError(
                _("{place} is there already; choose another folder").format(place=_plain(str(taken))))
        places.append(place)
    return places


def _print(places: Sequence[Path], results: Sequence[DocumentSignatures]) -> None:
    """Write each result as JSON, whole, and on paper. Neither says more than the other."""
    from archive.files import json_bytes, write_atomically
    from ingest.signatures.printing import report_pdf

    for place, result in zip(places, results, strict=True):
        told = {"verdict": result.verdict, "checked_at": clock.stamp(clock.now()), "files": [result.as_dict()]}
        place.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(place.with_suffix(".json"), json_bytes(told))
        write_atomically(place, report_pdf(told, title=result.file, language=language()))


def archive_trust(root: Path | None) -> Path | None:
    """The trust folder of the archive at `root`, when there is one."""
    if root is None:
        return None
    settings: Settings = settings_of(root)
    return settings.path(settings.signatures.trust)


def _moment(text: str) -> datetime:
    """The moment that --at means (ISO 8601): without a zone Vietnam's time, a day alone its end. Raises UsageError."""
    written = text.strip()
    try:
        if len(written) == 10:
            moment = datetime.combine(date.fromisoformat(written), day_time(23, 59, 59))
        elif written[10:11] in ("T", "t", " "):
            moment = datetime.fromisoformat(written)
        else:
            raise ValueError(written)
        if moment.year not in _YEARS:
            raise ValueError(written)
        return (moment if moment.tzinfo else moment.replace(tzinfo=clock.VIETNAM)).astimezone(UTC)
    except ValueError:
        raise click.UsageError(_("--at takes a time in ISO 8601, such as 2026-11-20 (the end of that day), "
                                 "2026-11-20T09:30 (Vietnam's time) or 2026-11-20T02:30:00Z, not “{text}”.").format(
                                     text=_plain(text))) from None


def _shown_time(moment: datetime) -> str:
    from ingest.signatures.report import when

    return when(moment)


@contextmanager
def _progress(total: int) -> Iterator[Callable[[int], None]]:
    """What hears of the files that are done; shows a bar on a terminal when it takes longer than two seconds."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from archive.terminal import console

    shown, started = console(stderr=True), time.monotonic()
    bar = Progress(TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
                   console=shown, transient=True, disable=not shown.is_terminal)
    task = bar.add_task(_("Checking signatures"), total=total)

    def tell(done: int) -> None:
        if time.monotonic() - started > _PATIENCE:
            bar.start()
            bar.update(task, completed=done)

    try:
        yield tell
    finally:
        bar.stop()


def _show(results: list[DocumentSignatures], lists: TrustLists, everything: bool, at: datetime | None) -> None:
    from archive.terminal import console

    out = console()
    if at is not None:
        out.print("[bold yellow]" + _("Judged as if the files had been received at {time}, not now.").format(
            time=_shown_time(at)) + "[/]", soft_wrap=True)
    for result in results:
        verdict = word("verdict", result.verdict, language())
        out.print()
        out.print(f"[bold]{_escaped(result.file)}[/]  [bold {_COLOURS[result.verdict]}]{verdict}[/]", soft_wrap=True)
        for number, report in enumerate(result.signatures, 1):
            out.print(_panel(number, report, everything))
        _sentences(out, result, everything)
        if result.signatures:
            out.print("[dim]" + _("Found: {form} in the form, {pages} on the pages, {bytes} in the bytes.").format(
                **result.finders) + "[/]")
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
    lines = _grid(_reasons(report.reasons, everything, brief=report.certificate is not None))
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
        if reason.level >= Level.warning or (reason.level > Level.ok and not brief):
            shown.append(("→", reason.cure(language())))
    return shown


def _sentences(out: Console, result: DocumentSignatures, everything: bool) -> None:
    """The reasons about the file itself; for an unsigned one its verdict has said all, and the cure is left."""
    lines = [("→", reason.cure(language())) for reason in result.reasons if reason.code == "VERIFY-005"]
    lines += _reasons([reason for reason in result.reasons if reason.code not in _SAID], everything, brief=False)
    if lines:
        out.print(_grid(lines, indent=2))


def _grid(lines: list[tuple[str, str]], indent: int = 0) -> RenderableType:
    """Sentences behind their signs; what does not fit goes on under the sentence, not under the sign."""
    from rich.padding import Padding
    from rich.table import Table

    grid = Table.grid(padding=(0, 1))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    for sign, sentence in lines:
        grid.add_row(sign, _escaped(sentence))
    return Padding(grid, (0, 0, 0, indent))


def _escaped(text: str) -> str:
    """`text` from a document, made harmless: no markup of the terminal library, no control characters."""
    from rich.markup import escape

    return escape(_plain(text))


def _plain(text: str) -> str:
    return "".join(letter if letter.isprintable() else "�" for letter in text)
