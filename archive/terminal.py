"""How commands speak to a terminal: tables, JSON, progress, errors in words. Nothing here decides anything."""

from __future__ import annotations

import getpass
import json
import logging
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from archive import clock, hiding, i18n
from archive.errors import (
    ArchiveBusyError,
    CatalogueLostError,
    DestroyedError,
    IntegrityError,
    LuuTruError,
    NoArchiveError,
    NoRoomError,
    RefusedError,
    UsageError,
)
from archive.findings import Finding, Level
from archive.i18n import _, language
from archive.opening import Archive, open_archive
from archive.settings import Settings, load

STATES = {"stored": "green", "quarantine": "yellow", "failed": "red", "kept_out": "red", "duplicate": "dim",
          "list": "dim", "package": "green", "turned_away": "dim", "released": "cyan", "received": "cyan",
          "examined": "cyan", "destroyed": "dim", "notice": "dim"}
ALIKE = 5           # findings of one code that are shown; --json has all
_COLOURS = {Level.refused: "red", Level.failed: "red", Level.warning: "yellow", Level.note: "dim"}


def console(*, stderr: bool = False) -> Console:
    """A console that keeps long lines whole when its output is no terminal."""
    stream = sys.stderr if stderr else sys.stdout
    # :AB: in a fingerprint or a title is no emoji.
    return Console(stderr=stderr, highlight=False, emoji=False, width=None if stream.isatty() else 140, soft_wrap=False)


def settings_of(root: Path) -> Settings:
    """The settings of the archive at `root`; from here on its language is spoken, unless one was asked for."""
    settings = load(root)
    hiding.remember(settings)
    if "--language" not in sys.argv:
        i18n.use(settings.language)
    return settings


@contextmanager
def archive_at(root: Path, *, rebuilding: bool = False) -> Iterator[Archive]:
    """The open archive at `root`, closed at the end. Raises what `open_archive` raises."""
    archive = open_archive(settings_of(root), rebuilding=rebuilding)
    try:
        yield archive
    finally:
        archive.close()


@contextmanager
def progress_bar(what: str, *, quiet: bool) -> Iterator[Callable[[int, int], None]]:
    """A bar on a terminal, to be told how much of how much is done; nothing where it is `quiet` or no terminal."""
    from rich.progress import Progress

    shown = console(stderr=True)
    with Progress(console=shown, transient=True, disable=quiet or not shown.is_terminal) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def print_json(value: Any) -> None:
    """`value` for machines: one JSON document on standard output."""
    click.echo(json.dumps(value, ensure_ascii=False, indent=1, default=str))


def print_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """A table for people; an empty one says so."""
    rows = list(rows)
    if not rows:
        console().print(f"[bold]{title}[/bold]: {_('nothing')}")
        return
    table = Table(title=title, title_justify="left", title_style="bold", header_style="bold", expand=False)
    for n, column in enumerate(columns):
        table.add_column(column, overflow="fold", no_wrap=n == 0)
    for row in rows:
        table.add_row(*row)
    console().print(table)


def state_name(state: str) -> str:
    """A state of an item in words."""
    names = {"stored": _("stored"), "quarantine": _("in quarantine"), "failed": _("failed, taken up again next night"),
             "kept_out": _("kept out (state secret mark)"), "duplicate": _("duplicate"), "list": _("registry list"),
             "package": _("package, taken apart"),
             "turned_away": _("refused for good"), "released": _("released, stored next night"),
             "received": _("received"), "examined": _("examined"), "destroyed": _("destroyed by decision"),
             "notice": _("notice of the document axis, kept")}
    return names.get(state, state)


def legal_value_name(value: str) -> str:
    """A computed legal value in words."""
    names = {"signed_original": _("signed original"), "signed_copy": _("signed digitised copy"),
             "unsigned_information": _("unsigned, for information only"), "undetermined": _("not determined"), "": "—"}
    return names.get(value, value)


def verdict_name(verdict: str) -> str:
    """A signature verdict in words."""
    names = {"valid": _("valid"), "valid_with_notes": _("valid, with notes"), "undetermined": _("not enough to decide"),
             "invalid": _("invalid"), "unsigned": _("no signature"), "not_checked": _("not checked"), "": "—"}
    return names.get(verdict, verdict)


def role_name(role: str) -> str:
    """What a file is to its document, in words."""
    names = {"original": _("original"), "attachment": _("attachment"), "message": _("message"),
             "signature": _("signature file"),
             "access": _("access copy"), "text": _("text"), "signature-report": _("signature report"),
             "signature-print": _("signature report, printed"), "text-current": _("text in use"),
             "text-corrections": _("corrections of the text"), "text-reading": _("later reading of the text"),
             "access-waiting": _("new access copy, waits for the seal")}
    return names.get(role, role)


def time_source_name(source: str) -> str:
    """Where a signing time comes from, in words."""
    names = {"token": _("by a timestamp"), "receipt": _("by our receipt"), "claimed": _("claimed by the signer"),
             "": "—"}
    return names.get(source, source)


def casefile_state_name(state: str) -> str:
    """A state of a case file in words."""
    return {"open": _("open"), "closed": _("concluded"), "closing": _("is being closed"),
            "reopening": _("is being reopened"), "revising": _("a correction is being written")}.get(state, state)


def local_time(stamp: str) -> str:
    """A recorded time as people in Vietnam write it: hour first, then day/month/year; empty stays empty."""
    return f"{clock.in_vietnam(clock.parse(stamp)):%H:%M:%S %d/%m/%Y}" if stamp else ""


def local_day(iso: str) -> str:
    """A recorded day as people in Vietnam write it, day/month/year; what is no whole day stays as it is."""
    year, first, month, second, day = iso[:4], iso[4:5], iso[5:7], iso[7:8], iso[8:]
    return f"{day}/{month}/{year}" if first == second == "-" and len(day) == 2 else iso


def print_findings(findings: Iterable[Finding]) -> None:
    """Findings with their articles and cures; many of one code are told by their number, the cure once."""
    found = list(findings)
    of_code, shown = Counter(one.code for one in found), Counter[str]()
    for one in found:
        shown[one.code] += 1
        if shown[one.code] <= ALIKE:
            cited = one.citation(language())
            console().print(f"  [{_COLOURS.get(one.level, '')}]{one.code}[/] {escape(one.sentence(language()))}"
                            + (f" [dim]({escape(cited)})[/]" if cited else ""), soft_wrap=True)
        if shown[one.code] == min(ALIKE, of_code[one.code]):
            if (more := of_code[one.code] - ALIKE) > 0:
                console().print(_("  … and {n} more of {code}").format(n=more, code=one.code))
            console().print(f"    [green]→ {escape(one.cure(language()))}[/]", soft_wrap=True)


def person() -> str:
    """Who gives the command, for the ledger: LUUTRU_USER, else the name the system knows."""
    return os.environ.get("LUUTRU_USER", "").strip() or getpass.getuser()


def explain(error: LuuTruError) -> str:
    """An error of ours in one sentence a person can act on."""
    detail = str(error)
    match error:
        case NoArchiveError():
            return _("There is no archive at {place}. Make one with: luutru init").format(place=detail)
        case ArchiveBusyError():
            return _("Another batch owns the archive just now ({owner}). Wait until it has ended.").format(owner=detail)
        case NoRoomError():
            return _("Not enough room on the disk: {detail}. Nothing was lost; free some space and run again.").format(
                detail=detail)
        case CatalogueLostError():
            lost = _("The catalogue of {place} is empty, but its store is not. Make it again with: luutru rebuild")
            return lost.format(place=detail)
        case IntegrityError():
            return _("Integrity: {detail}").format(detail=detail)
        case UsageError() | DestroyedError():
            return detail
        case RefusedError():
            return _("Refused: {detail}").format(detail=detail)
        case _:
            return _("Error: {detail}").format(detail=detail)


@contextmanager
def log_to(folder: Path) -> Iterator[None]:
    """Write the technical log as JSON lines into `folder`, and keep libraries' chatter out of the terminal."""
    import structlog

    folder.mkdir(parents=True, exist_ok=True)
    stream = (folder / "luutru.jsonl").open("a", encoding="utf-8")
    structlog.configure(processors=[structlog.contextvars.merge_contextvars, structlog.processors.add_log_level,
                                    structlog.processors.TimeStamper(fmt="iso", utc=True),
                                    structlog.processors.format_exc_info, hiding.in_log,
                                    structlog.processors.JSONRenderer(ensure_ascii=False)],
                        logger_factory=structlog.WriteLoggerFactory(file=stream))
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)
        structlog.contextvars.clear_contextvars()
        structlog.reset_defaults()
        with suppress(OSError):     # a full disk: the error that matters is already on its way
            stream.close()
