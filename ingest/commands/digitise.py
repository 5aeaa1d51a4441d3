"""`luutru digitise FILE…`: scans become searchable PDF/A and text, without an archive; and what follows in one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from archive.commands.groups import WithDefault
from archive.findings import Finding, Level, worst
from archive.i18n import _, figure, language, later
from archive.settings import Settings
from archive.terminal import console, print_json, settings_of
from ingest.commands.digitise_redo import command as redo_command
from ingest.commands.digitise_review import correct_command, review_command
from ingest.commands.page_bar import page_bar

if TYPE_CHECKING:
    from ingest.digitise.running import Digitised

_OUTCOMES = {"read": ("green", later("digitised")), "text": ("cyan", later("has text already: nothing to do")),
             "left": ("yellow", later("not digitised")), "failed": ("red", later("a fault of ours"))}
_SIGNS = {Level.ok: "[green]✓[/]", Level.note: "[cyan]•[/]", Level.warning: "[yellow]![/]",
          Level.refused: "[red]✗[/]", Level.failed: "[red]✗[/]"}


@click.group("digitise", cls=WithDefault, default="files",
             help=_("Make searchable copies of scans (digitise FILE… -o FOLDER, see digitise files --help); the pages "
                    "whose text a person should look at; reading stored scans again."))
def command() -> None:
    """Digitise FILE… into a folder; or one of the further commands."""


command.add_command(review_command)
command.add_command(correct_command)
command.add_command(redo_command)


@command.command("files", help=_("Make searchable PDF/A copies and texts of scans (PDF, TIFF, JPEG, PNG, JPEG 2000), "
                                  "without an archive."))
@click.argument("files", nargs=-1, required=True, metavar="FILE…", type=click.Path(path_type=Path))
@click.option("-o", "--output", required=True, metavar="FOLDER", type=click.Path(file_okay=False, path_type=Path),
              help=_("folder for the results: NAME.pdf, NAME.txt and NAME.digitise.json of each file"))
@click.option("--languages", metavar="LANGUAGES", help=_("Tesseract languages, joined by +; otherwise the settings'"))
@click.option("--profile", type=click.Choice(["tt05_2025", "tt02_2019", "nd30_2020"]),
              help=_("whose scan rules are checked; otherwise the settings'"))
@click.option("--workers", type=click.IntRange(min=1), help=_("worker processes; otherwise one a core"))
@click.option("--replace", is_flag=True, help=_("replace results that are there already"))
@click.option("--json", "as_json", is_flag=True, help=_("for machines"))
@click.pass_obj
def files_command(root: Path | None, files: tuple[Path, ...], output: Path, languages: str | None,
                  profile: str | None, workers: int | None, replace: bool, as_json: bool) -> None:
    """Digitise FILEs. Exit code 0: all is well; 3: a person has to look; 1: a fault of ours, or no language data."""
    from ingest.digitise.running import OccupiedError, run, targets

    _check(files)
    settings = _settings(root, languages, profile, workers)
    try:
        wanted = targets(files, output, replace=replace)
    except OccupiedError as taken:
        raise click.UsageError(_taken(str(taken), replace=replace)) from taken
    places = {id(target): n for n, target in enumerate(wanted)}
    done: list[Digitised | None] = [None] * len(wanted)
    with page_bar(_("Reading pages ({done} of {files} files done)"), len(wanted)) as tell:
        for target, one in run(wanted, settings, tell):
            done[places[id(target)]] = one
    results = [one for one in done if one is not None]
    if as_json:
        print_json([one.as_dict() for one in results])
    else:
        for one in results:
            _show(one)
    level = worst(found for one in results for found in one.findings)
    raise click.exceptions.Exit({Level.failed: 1, Level.refused: 3, Level.warning: 3}.get(level, 0))


def _check(files: Sequence[Path]) -> None:
    """Raises UsageError for what is no file, before anything is done."""
    from ingest.digitise.running import shown

    for file in files:
        if file.is_dir():
            raise click.UsageError(_("{folder} is a folder; name its files: {folder}/*").format(folder=shown(file)))
        if not file.exists():
            raise click.UsageError(_("There is no file {file}.").format(file=shown(file)))
        if not file.is_file():
            raise click.UsageError(_("{file} is no ordinary file.").format(file=shown(file)))


def _settings(root: Path | None, languages: str | None, profile: str | None, workers: int | None) -> Settings:
    settings = settings_of(root) if root is not None else Settings()
    if languages:
        settings = settings.model_copy(update={"ocr": settings.ocr.model_copy(update={"languages": languages})})
    if workers:
        settings = settings.model_copy(update={"ingest": settings.ingest.model_copy(update={"workers": workers})})
    return settings.model_copy(update={"profile": profile}) if profile else settings


def _taken(place: str, *, replace: bool) -> str:
    from ingest.digitise.running import plain

    if replace:
        return _("{place} is one of the files to be digitised; choose another folder").format(place=plain(place))
    return _("{place} is there already; choose another folder, or --replace").format(place=plain(place))


def _show(one: Digitised) -> None:
    """One file as people read it: what was read, what was done to its pages, what is found, where the results are."""
    from rich.padding import Padding
    from rich.table import Table

    out = console()
    colour, word = _OUTCOMES[one.outcome]
    out.print()
    out.print(f"[bold]{_escaped(one.file)}[/]  [bold {colour}]{_(word)}[/]", soft_wrap=True)
    grid = Table.grid(padding=(0, 1))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    if one.outcome == "read":
        for line in _figures(one.facts):
            grid.add_row("", line)
    for found in one.findings:
        grid.add_row(_SIGNS[found.level], f"{found.code} {_escaped(found.sentence(language()))}{_cited(found)}")
        if found.level >= Level.note:
            grid.add_row("→", _escaped(found.cure(language())))
    if grid.row_count:
        out.print(Padding(grid, (0, 0, 0, 2)))
    for place in one.made.values():
        out.print(f"    [dim]{_escaped(place)}[/]", soft_wrap=True)


def _cited(found: Finding) -> str:
    cited = found.citation(language())
    return f" [dim]({_escaped(cited)})[/]" if cited else ""


def _figures(facts: dict[str, Any]) -> Iterator[str]:
    """Pages, words and confidence; then which pages were turned, straightened, blank."""
    from ingest.digitise.telling import numbers

    pages = facts["pages"]
    words = sum(page.get("words", 0) for page in pages)
    mean = facts.get("mean_confidence")
    yield (_("pages: {pages}, read from pictures: {read} · words: {words}").format(
        pages=len(pages), read=sum(page["kind"] == "picture" for page in pages), words=words)
        + ("" if mean is None else " · " + _("mean confidence {mean} %").format(mean=figure(f"{mean:.1f}"))))
    told = ((_("turned upright: page {pages}"), "rotation"), (_("straightened: page {pages}"), "straightened"),
            (_("blank: page {pages}"), "blank"))
    parts = [said.format(pages=numbers(page["page"] for page in pages if page.get(key))) for said, key in told
             if any(page.get(key) for page in pages)]
    if parts:
        yield " · ".join(parts)


def _escaped(text: str) -> str:
    from rich.markup import escape

    from ingest.digitise.running import plain

    return escape(plain(text))
