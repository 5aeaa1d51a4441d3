"""`luutru search`: find documents by what people remember of them; keep searches; what belongs to a document."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
from rich.table import Table
from rich.text import Text

from archive.commands.groups import WithDefault
from archive.errors import NoArchiveError
from archive.i18n import _, ngettext_
from archive.opening import exists
from archive.settings import Settings
from archive.terminal import console, legal_value_name, print_json, settings_of
from search.engines.terms import FACETS
from search.index import Facet, Filters, Hit, Index, Results, open_index
from search.snippets import Snippet, highlight

MARK = "bold yellow"
WIDE = 110              # columns of a terminal from which on each thing has a column of its own
ORDERS = ("best", "newest", "oldest")


@click.group(cls=WithDefault, default="find", alone=False, help=_(
    "Find documents, with or without diacritics: luutru search WORDS. Words, \"phrases\", -not, "
    "số:35/2016/QĐ-UBND, loại:QĐ, cơ-quan:\"Sở Nội vụ\", nguoiky:, trichyeu:, hồ-sơ:, phông:, viendan:, nam:2019, "
    "năm:2016..2019, tu:01/2019, den:31/12/2020, ngay:15/11/2016. The options are those of find; a word that is also "
    "the name of a command stands in quotation marks of its own: '\"saved\"'."))
def command() -> None:
    """Finding documents."""


@contextmanager
def index_at(root: Path) -> Iterator[tuple[Settings, Index]]:
    """The settings and the index of the archive at `root`. Raises NoArchiveError, IndexOutdatedError."""
    settings = settings_of(root)
    if not exists(settings):
        raise NoArchiveError(str(settings.root))
    index = open_index(settings)
    try:
        yield settings, index
    finally:
        index.close()


# Without short options "-mật" reaches the query as it was typed.
@command.command(
    "find", help=_("Find documents: what luutru search WORDS does."),
    context_settings={"ignore_unknown_options": True, "help_option_names": ["--help"]})
@click.argument("words", nargs=-1)
@click.option("--from", "issued_from", default="", help=_("issued on this day, month or year or later"))
@click.option("--to", "issued_to", default="", help=_("issued on this day, month or year or earlier"))
@click.option("--type", "type_name", default="", help=_("type: name, abbreviation or code"))
@click.option("--organ", default="", help=_("issuing agency, or a part of its name"))
@click.option("--casefile", "case_file", default="", help=_("code of the case file"))
@click.option("--order", type=click.Choice(ORDERS), default="best", show_default=True, help=_("order of the hits"))
@click.option("--facets", is_flag=True, help=_("count the hits by agency, year, type, fonds, legal value and access"))
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True, help=_("most hits shown"))
@click.option("--offset", type=click.IntRange(0), default=0, help=_("hits passed over"))
@click.option("--csv", "csv_file", type=click.Path(path_type=Path, dir_okay=False),
              help=_("write all hits to this CSV file"))
@click.option("--xlsx", "xlsx_file", type=click.Path(path_type=Path, dir_okay=False),
              help=_("write all hits to this workbook"))
@click.option("--json", "as_json", is_flag=True, help=_("for machines"))
@click.pass_obj
def find(root: Path, words: tuple[str, ...], issued_from: str, issued_to: str, type_name: str, organ: str,
         case_file: str, order: Any, facets: bool, limit: int, offset: int, csv_file: Path | None,
         xlsx_file: Path | None, as_json: bool) -> None:
    """Search the index of the archive at `root` and show the hits, best first; write all of them where asked."""
    query, written = " ".join(map(as_typed, words)), {}
    filters = Filters(case_file, type_name, organ, issued_from, issued_to)
    with index_at(root) as (_settings, index):
        try:
            results = index.search(query, limit, offset, filters, order, FACETS if facets else ())
        except ValueError as problem:
            raise click.BadParameter(_("“{value}” makes no sense here").format(value=problem)) from problem
        if csv_file or xlsx_file:
            written = _write(index, query, filters, order, csv_file, xlsx_file)
        empty = not index.count()
    if as_json:
        print_json({**as_dict(results), "written": written})
        return
    _show(results, offset)
    for path, count in written.items():
        console().print(_("{n} hits were written to {path}").format(n=count, path=path), soft_wrap=True)
    if empty:
        console(stderr=True).print(_("The search index is empty. If the archive is not: luutru index rebuild"))


def _write(index: Index, query: str, filters: Filters, order: Any, csv_file: Path | None,
           xlsx_file: Path | None) -> dict[str, int]:
    from search.export import all_hits, row, write_csv, write_xlsx

    rows = [row(hit) for hit in all_hits(index, query, filters, order)]
    return {str(path): write(path, rows) for path, write in ((csv_file, write_csv), (xlsx_file, write_xlsx)) if path}


def as_typed(word: str) -> str:
    """An argument as the person meant it: the shell has taken the quotes off a field's value of several words.

    A whole query in the shell's quotes is a query, not a phrase: people quote out of habit.
    """
    name, colon, value = word.partition(":")
    if " " not in word.strip() or '"' in word:
        return word
    return f'{name}:"{value}"' if colon and " " not in name else word


def as_dict(results: Results) -> dict[str, Any]:
    """Results for machines; `snippet.marks` are places in `snippet.text`, in characters."""
    return {"total": results.total, "understood": results.understood, "instead": results.instead,
            "facets": {name: [asdict(one) for one in values] for name, values in results.facets.items()},
            "hits": [asdict(hit) for hit in results.hits]}


def _show(results: Results, offset: int) -> None:
    out = console()
    found = ngettext_("{n} document", "{n} documents", results.total).format(n=results.total)
    out.print(Text.assemble((found, "bold"), " · ", results.understood), soft_wrap=True)
    if results.instead:
        out.print(_("Did you mean: {query}").format(query=results.instead), markup=False, soft_wrap=True)
    if not results.hits:
        return
    out.print(_table(results, wide=out.width >= WIDE))
    _show_facets(results.facets)
    last = offset + len(results.hits)
    if last < results.total:
        out.print(_("Shown: {first}–{last}. For more: --offset {last}").format(first=offset + 1, last=last))


def _table(results: Results, *, wide: bool) -> Table:
    """The hits: with a column for each of what tells them apart, or, in a narrow terminal, all of that in one."""
    table = Table(show_lines=True, header_style="bold", expand=True)
    if wide:
        table.add_column(_("Code"), no_wrap=True)
        table.add_column(_("Number"), overflow="fold", max_width=20)
        table.add_column(_("Date"), no_wrap=True)
        table.add_column(_("Type"), max_width=12)
    else:
        table.add_column(_("Document"), overflow="fold", max_width=30)
    table.add_column(_("Subject and text"), ratio=1)
    for hit in results.hits:
        number, day = number_of_hit(hit), _day(hit.issued_on)
        said = [_marked(highlight(hit.subject, results.query), "bold"), Text(hit.organ, "dim"),
                _marked(hit.snippet, "")]
        told = [hit.code, number, day, hit.type_name] if wide else [_below(Text(hit.type_name), Text(
            number, "bold"), Text(day), Text(hit.code, "dim"))]
        table.add_row(*told, _below(*said))
    return table


def _below(*lines: Text) -> Text:
    """Those lines that say something, one below the other."""
    return Text("\n").join(one for one in lines if one.plain)


def _show_facets(facets: Mapping[str, tuple[Facet, ...]]) -> None:
    names = {"organ": _("Agency"), "year": _("Year"), "type": _("Type"), "fonds": _("Fonds"),
             "legal_value": _("Legal value"), "access": _("Access")}
    accesses = {"open": _("open to all"), "restricted": _("restricted"), "undecided": _("not decided")}
    for facet, values in facets.items():
        shown = [f"{legal_value_name(one.name) if facet == 'legal_value' else accesses.get(one.name, one.name)}"
                 f" ({one.count})" for one in values]
        if shown:
            console().print(Text.assemble((names[facet], "bold"), ": ", " · ".join(shown)), soft_wrap=True)


def number_of_hit(hit: Hit) -> str:
    """Number and notation as they are printed on the document."""
    return "/".join(part for part in (hit.number, hit.notation) if part)


def _marked(snippet: Snippet, style: str) -> Text:
    return Text.assemble(*((piece, MARK if marked else style) for piece, marked in snippet.pieces()))


def _day(issued_on: str) -> str:
    return "/".join(reversed(issued_on.split("-")))


from search.commands import kept  # noqa: E402  (adds its commands to the group)

kept.add_to(command)
