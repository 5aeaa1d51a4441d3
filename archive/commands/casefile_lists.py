"""`luutru casefile lists`: what is out of order between file plans, case files and documents."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
from rich.markup import escape

from archive import casefile_lists, clock
from archive.findings import rules
from archive.i18n import _, language
from archive.terminal import archive_at, casefile_state_name, local_day, local_time, print_json, print_table

Decorated = Callable[..., Any]


@click.group("lists", help=_("What is out of order: case files in no plan, documents in no case file, files not closed "
                             "or empty, types not recognised."))
def command() -> None:
    """What is out of order."""


def _options(function: Decorated) -> Decorated:
    """The options that every list has."""
    for option in (click.option("--json", "as_json", is_flag=True, help=_("for machines")),
                   click.option("--fonds", help=_("only of this fonds (agency code)")),
                   click.option("--year", type=int, help=_("only those of this year"))):
        function = option(function)
    return click.pass_obj(function)


@command.command("unplanned", help=_("Case files that no file plan foresees."))
@_options
def unplanned(root: Path, year: int | None, fonds: str | None, as_json: bool) -> None:
    """List the case files that are in no plan."""
    with archive_at(root) as archive, archive.catalogue.session() as session:
        found = casefile_lists.unplanned(session, year, fonds)
    _print_case_files(_("Case files in no plan"), found, as_json)


@command.command("open", help=_("Case files of earlier years that are not closed."))
@_options
def open_(root: Path, year: int | None, fonds: str | None, as_json: bool) -> None:
    """List the case files that should have been closed."""
    this_year = clock.in_vietnam(clock.now()).year
    with archive_at(root) as archive, archive.catalogue.session() as session:
        found = casefile_lists.not_closed(session, this_year, year, fonds)
    _print_case_files(_("Case files of earlier years that are not closed"), found, as_json)


@command.command("empty", help=_("Planned files that were never opened, and case files without documents."))
@_options
def empty(root: Path, year: int | None, fonds: str | None, as_json: bool) -> None:
    """List the files without documents."""
    with archive_at(root) as archive, archive.catalogue.session() as session:
        found = casefile_lists.empty(session, year, fonds)
    if as_json:
        print_json([asdict(one) for one in found])
        return
    print_table(_("Files without documents"),
                (_("Fonds"), _("Year"), _("Notation"), _("Title"), _("Keeper"), _("Case file")),
                [(one.fonds, str(one.year), one.notation or "—", escape(one.title), escape(one.keeper) or "—",
                  one.case_file or _("not opened")) for one in found])


@command.command("unfiled", help=_("Documents that wait because they name no case file, or one that cannot take them."))
@_options
def unfiled(root: Path, year: int | None, fonds: str | None, as_json: bool) -> None:
    """List the documents in no case file."""
    with archive_at(root) as archive, archive.catalogue.session() as session:
        found = casefile_lists.unfiled(session, archive.settings.agency.code, year, fonds)
    if as_json:
        print_json([asdict(one) for one in found])
        return
    print_table(_("Documents in no case file"),
                (_("Id"), _("Came as"), _("Subject"), _("Names"), _("Reason")),
                [(one.item, f"{escape(one.name)}\n{local_time(one.received_at).rpartition(' ')[2]}",
                  escape(one.subject) or "—", escape(one.named) or "—",
                  f"{one.reason} {_reason(one.reason)}") for one in found])


@command.command("unrecognised-types", help=_("Texts in the place of a document type that the registry of types does "
                                              "not know, with how many documents bear them."))
@click.option("--json", "as_json", is_flag=True, help=_("for machines"))
@click.pass_obj
def unrecognised_types(root: Path, as_json: bool) -> None:
    """List the unrecognised texts of types."""
    with archive_at(root) as archive, archive.catalogue.session() as session:
        found = casefile_lists.unrecognised_types(session)
    if as_json:
        print_json([asdict(one) for one in found])
        return
    print_table(_("Types that were not recognised, or have no code of their own"),
                (_("Text"), _("Read as"), _("Stored"), _("Waiting")),
                [(escape(one.text) or _("(empty)"), _("{name} (code 32, other)").format(name=one.reading) if one.reading
                  else "—", str(one.stored), str(one.waiting)) for one in found])


def _print_case_files(title: str, found: list[casefile_lists.CaseFileLine], as_json: bool) -> None:
    if as_json:
        print_json([asdict(one) for one in found])
        return
    print_table(title, (_("Code"), _("Title"), _("Keeper"), _("State"), _("Documents"), _("Latest document")),
                [(one.code, escape(one.title), escape(one.keeper) or "—", casefile_state_name(one.state),
                  str(one.documents), local_day(one.last_document) or "—") for one in found])


def _reason(code: str) -> str:
    """The finding's sentence in short: what is wrong, without the document's name."""
    return {"FILE-001": _("names none"), "FILE-002": _("code cannot be read"), "FILE-003": _("case file is closed"),
            "FILE-004": _("fonds is not held"), "FILE-005": _("not in the file plan"),
            "FILE-007": _("fonds is closed")}.get(code, rules()[code].en if language() == "en" else rules()[code].vi)
