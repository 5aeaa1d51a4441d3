"""`luutru search save|saved|forget|related`: searches that a person keeps, and what belongs to a document."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import click
from rich.table import Table
from rich.text import Text

from archive.errors import UsageError
from archive.i18n import _, ngettext_
from archive.terminal import archive_at, console, person, print_json
from search.index import open_index


def add_to(group: click.Group) -> None:
    """Give the group these commands."""
    for one in (save, saved, forget, related):
        group.add_command(one)


def _as_json() -> Callable[[Callable[..., None]], Callable[..., None]]:
    return click.option("--json", "as_json", is_flag=True, help=_("for machines"))


@click.command("save", help=_("Keep a search under a name; the morning report says when a night brings new hits."),
               context_settings={"ignore_unknown_options": True, "help_option_names": ["--help"]})
@click.argument("name")
@click.argument("words", nargs=-1, required=True)
@click.option("--quiet", is_flag=True, help=_("without a line in the morning report"))
@_as_json()
@click.pass_obj
def save(root: Path, name: str, words: tuple[str, ...], quiet: bool, as_json: bool) -> None:
    """Keep the search of whoever gives the command; one of the same name is replaced."""
    from search.commands.search import as_typed
    from search.saved import Saved
    from search.saved import save as keep

    with archive_at(root) as archive, archive.catalogue.session() as session:
        kept = keep(archive.settings, session, Saved(person(), name, " ".join(map(as_typed, words)), alert=not quiet))
    if as_json:
        print_json(asdict(kept))
    else:
        console().print(_("Kept as “{name}”: {query}").format(name=kept.name, query=kept.query), markup=False)


@click.command("saved", help=_("The searches that you keep, and what is new to them; with a name, its new hits."))
@click.argument("name", required=False)
@click.option("--all", "everybody", is_flag=True, help=_("those of everybody"))
@_as_json()
@click.pass_obj
def saved(root: Path, name: str | None, everybody: bool, as_json: bool) -> None:
    """List the searches with the number of new documents; looking at one by its name makes its hits old."""
    from search.saved import look_at, new_since, saved_searches

    with archive_at(root) as archive, archive.catalogue.session() as session:
        mine = [one for one in saved_searches(archive.settings, None if everybody else person())
                if name is None or one.name == name]
        if name is not None and not mine:
            raise UsageError(_("There is no saved search “{name}”.").format(name=name))
        index = open_index(archive.settings)
        try:
            found = [new_since(index, session, one, None) for one in mine]
        finally:
            index.close()
        if name is not None:
            look_at(archive.settings, session, person(), name)
    if as_json:
        print_json([{**asdict(one.saved), "new": one.total, "hits": [asdict(hit) for hit in one.hits]}
                    for one in found])
        return
    table = Table(header_style="bold")
    for title in (_("Name"), _("Query"), _("New"), *((_("Owner"),) if everybody else ())):
        table.add_column(title, overflow="fold")
    for one in found:
        table.add_row(Text(one.saved.name), Text(one.saved.query), str(one.total),
                      *((Text(one.saved.owner),) if everybody else ()))
    console().print(table)
    if name is not None:
        for hit in found[0].hits:
            console().print(Text(f"{hit.code}  {hit.type_name} {hit.number}/{hit.notation}  {hit.subject}"),
                            soft_wrap=True)


@click.command("forget", help=_("Keep a search no longer."))
@click.argument("name")
@_as_json()
@click.pass_obj
def forget(root: Path, name: str, as_json: bool) -> None:
    """Forget a search of whoever gives the command."""
    from search.saved import forget as drop

    with archive_at(root) as archive:
        if not drop(archive.settings, person(), name):
            raise UsageError(_("There is no saved search “{name}”.").format(name=name))
    if as_json:
        print_json({"forgotten": name})
    else:
        console().print(_("“{name}” is kept no longer.").format(name=name), markup=False)


@click.command("related", help=_("What belongs to a document: same number, what it rests on, replaces or answers, "
                                 "who does so to it, its case file."))
@click.argument("code")
@_as_json()
@click.pass_obj
def related(root: Path, code: str, as_json: bool) -> None:
    """Show the links that the texts tell; they are hints for a reader."""
    from search.related import Link
    from search.related import related as belonging

    with archive_at(root) as archive:
        index = open_index(archive.settings)
        try:
            found = belonging(index, code)
        finally:
            index.close()
    if found is None:
        raise UsageError(_("The index holds no document {code}.").format(code=code))
    if as_json:
        print_json(asdict(found))
        return

    def show(title: str, links: list[Link]) -> None:
        if links:
            console().print(Text(title, "bold"))
            for one in links:
                said = f"{relation_name(one.kind, incoming=one.incoming)}: " if one.kind != "case_file" else ""
                console().print(Text(f"  {said}{one.number}  {one.code or _('(not in the archive)')}  {one.subject}"),
                                soft_wrap=True)

    show(_("The same number"), found.same_number)
    show(_("Links"), found.links)
    show(_("In the same case file"), found.case_file)
    if found.more_in_case_file:
        console().print(ngettext_("and {n} more", "and {n} more", found.more_in_case_file).format(
            n=found.more_in_case_file))
    if not (found.same_number or found.links or found.case_file):
        console().print(_("Nothing that belongs to it was found."))


def relation_name(kind: str, *, incoming: bool) -> str:
    """What a link says, in words."""
    names = {"based_on": (_("rests on"), _("basis of")), "replaces": (_("replaces"), _("replaced by")),
             "amends": (_("amends"), _("amended by")), "repeals": (_("repeals"), _("repealed by")),
             "answers": (_("answers"), _("answered by")), "cites": (_("cites"), _("cited by")),
             "same_number": (_("same number"), _("same number"))}
    return names[kind][incoming] if kind in names else kind
