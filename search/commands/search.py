"""`luutru search`: find documents by what people remember of them."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
from rich.table import Table
from rich.text import Text

from archive.errors import NoArchiveError
from archive.i18n import _, ngettext_
from archive.opening import exists
from archive.terminal import console, print_json, settings_of
from search.index import Filters, Hit, Results, open_index
from search.snippets import Snippet, highlight

MARK = "bold yellow"


# Without short options "-mật" reaches the query as it was typed.
@click.command(
    help=_("Find documents, with or without diacritics. Words, \"phrases\", -not, số:35/2016/QĐ-UBND, loại:QĐ, "
           "cơquan:\"Sở Nội vụ\", nguoiky:, trichyeu:, hoso:, nam:2019, tu:01/2019, den:31/12/2020, ngay:15/11/2016."),
    context_settings={"ignore_unknown_options": True, "help_option_names": ["--help"]})
@click.argument("words", nargs=-1)
@click.option("--from", "issued_from", default="", help=_("issued on this day, month or year or later"))
@click.option("--to", "issued_to", default="", help=_("issued on this day, month or year or earlier"))
@click.option("--type", "type_name", default="", help=_("type: name, abbreviation or code"))
@click.option("--organ", default="", help=_("issuing agency, or a part of its name"))
@click.option("--casefile", "case_file", default="", help=_("code of the case file"))
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True, help=_("most hits shown"))
@click.option("--offset", type=click.IntRange(0), default=0, help=_("hits passed over"))
@click.option("--json", "as_json", is_flag=True, help=_("for machines"))
@click.pass_obj
def command(root: Path, words: tuple[str, ...], issued_from: str, issued_to: str, type_name: str, organ: str,
            case_file: str, limit: int, offset: int, as_json: bool) -> None:
    """Search the index of the archive at `root` and show the hits, best first."""
    settings = settings_of(root)
    if not exists(settings):
        raise NoArchiveError(str(settings.root))
    index = open_index(settings)
    try:
        filters = Filters(case_file, type_name, organ, issued_from, issued_to)
        results = index.search(" ".join(map(_as_typed, words)), limit, offset, filters)
        empty = not index.count()
    except ValueError as problem:
        raise click.BadParameter(_("“{value}” makes no sense here").format(value=problem)) from problem
    finally:
        index.close()
    if as_json:
        print_json(as_dict(results))
        return
    _show(results, offset)
    if empty:
        console(stderr=True).print(_("The search index is empty. If the archive is not: luutru index rebuild"))


def _as_typed(word: str) -> str:
    """An argument as the person meant it: the shell has taken the quotes off a field's value of several words.

    A whole query in the shell's quotes is a query, not a phrase: people quote out of habit.
    """
    name, colon, value = word.partition(":")
    if " " not in word.strip() or '"' in word:
        return word
    return f'{name}:"{value}"' if colon and " " not in name else word


def as_dict(results: Results) -> dict[str, Any]:
    """Results for machines; `snippet.marks` are places in `snippet.text`, in characters."""
    return {"total": results.total, "understood": results.understood, "hits": [asdict(hit) for hit in results.hits]}


def _show(results: Results, offset: int) -> None:
    out = console()
    found = ngettext_("{n} document", "{n} documents", results.total).format(n=results.total)
    out.print(Text.assemble((found, "bold"), " · ", results.understood), soft_wrap=True)
    if not results.hits:
        return
    table = Table(show_lines=True, header_style="bold", expand=True)
    table.add_column(_("Code"), no_wrap=True)
    for name in (_("Date"), _("Number")):
        table.add_column(name, overflow="fold", max_width=20)
    table.add_column(_("Type"), max_width=12)
    table.add_column(_("Subject and text"), ratio=1)
    for hit in results.hits:
        subject = _marked(highlight(hit.subject, results.query), "bold")
        table.add_row(hit.code, _day(hit.issued_on), number_of_hit(hit), hit.type_name,
                      Text("\n").join([subject, _marked(hit.snippet, "")]) if hit.subject else _marked(hit.snippet, ""))
    out.print(table)
    last = offset + len(results.hits)
    if last < results.total:
        out.print(_("Shown: {first}–{last}. For more: --offset {last}").format(first=offset + 1, last=last))


def number_of_hit(hit: Hit) -> str:
    """Number and notation as they are printed on the document."""
    return "/".join(part for part in (hit.number, hit.notation) if part)


def _marked(snippet: Snippet, style: str) -> Text:
    return Text.assemble(*((piece, MARK if marked else style) for piece, marked in snippet.pieces()))


def _day(issued_on: str) -> str:
    return "/".join(reversed(issued_on.split("-")))
