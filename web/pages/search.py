"""The search page: what a person types, with facets, filters and pages, over what they may know of.

The rights are in the query, so that counts, facets, snippets, suggestions and "did you mean" tell nothing of what lies
outside.
"""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import JSONResponse

from archive import marks, model
from archive.errors import UsageError
from archive.i18n import _
from archive.terminal import legal_value_name
from retention.standing import STATES, state_in_words
from search.export import all_hits, row, write_csv, write_xlsx
from search.index import Facet, Hit, Results, highlight, open_index
from web.pages.asking import CHOICES, ORDERS, RETENTION, Asked, asked, not_yet_indexed, page_number
from web.pages.grants import reached
from web.pages.standing import Sets, largest, sets_for
from web.people import Person, person
from web.rendering import page
from web.site import Site

__all__ = ["not_yet_indexed", "page_number", "router"]

router = APIRouter()
A_PAGE, LAST_PAGE = 20, 500
SUGGESTED = 8
SHOWN = 6               # values of a facet before the rest is folded away
MOST_EXPORTED = 5_000   # rows that the portal writes at once; the command has no such limit
FORMATS = {"csv": (write_csv, "text/csv; charset=utf-8"),
           "xlsx": (write_xlsx, "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet")}
_exporting = threading.Lock()       # one at a time: a table of thousands of rows keeps a processor busy


@dataclass(frozen=True, slots=True)
class Value:
    """One value by which the hits can be narrowed down; `address` chooses it, or takes the choice off."""

    name: str
    count: int
    address: str
    chosen: bool = False


@dataclass(frozen=True, slots=True)
class Group:
    """A facet with its values: those shown at once, those folded away, and the way to all of them after a choice."""

    name: str
    title: str
    values: Sequence[Value]
    further: Sequence[Value]
    chosen: Value | None = None


@router.get("/search")
def search_page(request: Request, who: Annotated[Person, Depends(person)]) -> Response:
    """The documents that are found, best first, with the words that were looked for marked."""
    site: Site = request.app.state.site
    wanted = asked(request.query_params)
    number = page_number(request.query_params.get("page", "1"), LAST_PAGE)
    results: Results | None = None
    fault = ""
    with site.session() as session:
        hidden = not_yet_indexed(session, who)
        fonds = {one.code: one.name for one in session.query(model.Fonds)} if wanted.q or not wanted.empty else {}
    sets = sets_for(site, who)
    try:
        with site.index() as index:
            results = index.search(wanted.q, A_PAGE, (number - 1) * A_PAGE, wanted.wanted(who, hidden, sets),
                                   wanted.sort, CHOICES, groups={
                                       state: codes for state, codes in sets.items() if state != largest(sets)})
    except ValueError as problem:
        fault = _("“{value}” makes no sense here: a day, month or year is wanted.").format(value=problem)
    opened, further = _granted(site, who, wanted, sets) if results is not None and number == 1 else ([], 0)
    shown = [*(results.hits if results else ()), *opened]
    with site.session() as session:
        marked = marks.of(session, [hit.code for hit in shown])
    last = min(LAST_PAGE, max(1, -(-results.total // A_PAGE))) if results else 1
    return page(request, "search.html", status=400 if fault else 200, asked=wanted, results=results, fault=fault,
                opened=opened, further=further, marks=marked,
                number=number, last=last, first=(number - 1) * A_PAGE, highlight=highlight,
                groups=_groups(wanted, results, sets, fonds) if results else [], most_exported=MOST_EXPORTED,
                orders=[(name, _order_name(name)) for name in ORDERS],
                words=bool(results and results.query.wanted))


def _granted(site: Site, who: Person, wanted: Asked, sets: Sets) -> tuple[list[Hit], int]:
    """What is found among the documents that the person reaches by a grant alone, and how many more there are.

    A search of its own, so that counts, facets and snippets of the other are as they were without any grant; of these
    hits no piece of text is shown.
    """
    if who.reach.everything:
        return [], 0
    with site.session() as session:
        codes = tuple(one.document.code for one in reached(session, who))
    if not codes:
        return [], 0
    filters = replace(wanted.wanted(who, (), sets), reach=None, only=codes)
    with site.index() as index:
        found = index.search(wanted.q, A_PAGE, 0, filters, wanted.sort, forgiving=False)
    return found.hits, found.total - len(found.hits)


@router.get("/search/suggest")
def suggest(request: Request, who: Annotated[Person, Depends(person)], q: str = "") -> Response:
    """What the person may be about to type, of what they may know of: words of titles, numbers of documents."""
    site: Site = request.app.state.site
    with site.session() as session:
        hidden = not_yet_indexed(session, who)
    with site.index() as index:
        found = index.suggest(q[:200], SUGGESTED, Asked().wanted(who, hidden, {}))
    return JSONResponse([{"text": one.text, "code": one.code, "subject": one.subject,
                          "address": f"/documents/{one.code}" if one.code else ""} for one in found])


@router.get("/search/export")
def export(request: Request, who: Annotated[Person, Depends(person)], format: str = "csv") -> Response:
    """The results as a table for office programs, within what the person may know of; noted for the ledger.

    What was looked for is not noted: it may be the name of a person (docs/decisions/0011).
    """
    site: Site = request.app.state.site
    if format not in FORMATS:
        raise UsageError(_("A table is written as CSV or as a workbook (xlsx)."))
    write, media_type = FORMATS[format]
    wanted = asked(request.query_params)
    with site.session() as session:
        hidden = not_yet_indexed(session, who)
    filters = wanted.wanted(who, hidden, sets_for(site, who))
    with _exporting, tempfile.TemporaryDirectory(prefix="luutru-") as room:
        place = Path(room) / f"table.{format}"
        index = open_index(site.settings)       # its own: the search page does not wait for it
        try:
            count = write(place, map(row, all_hits(index, wanted.q, filters, wanted.sort, MOST_EXPORTED)))
        except ValueError as problem:
            raise UsageError(_("“{value}” makes no sense here: a day, month or year is wanted.").format(
                value=problem)) from problem
        finally:
            index.close()
        body = place.read_bytes()
    site.note("results_exported", "search", who, rows=count, format=format)
    return Response(body, media_type=media_type, headers={
        "content-disposition": f'attachment; filename="luutru-{format}.{format}"'})


# --- facets ------------------------------------------------------------------------------------------------


def _groups(wanted: Asked, results: Results, sets: Sets, fonds: Mapping[str, str]) -> list[Group]:
    """The facets in which something can be chosen or was, in the order in which people use them."""
    made = []
    for name in CHOICES:
        values = [Value(_shown(name, one, fonds), one.count, wanted.narrowed(name, one.value).address(),
                        one.value == wanted.chosen.get(name)) for one in results.facets.get(name, ())]
        made.append(_group(wanted, name, values, wanted.chosen.get(name, "")))
    if counted := results.groups:
        counts = {state: counted.get(state, 0) for state in sets}
        counts[largest(sets)] = max(0, counted[""] - sum(counts.values())) if sets else 0
        values = [Value(state_in_words(state), counts[state], wanted.narrowed(RETENTION, state).address(),
                        state == wanted.chosen.get(RETENTION)) for state in STATES if counts.get(state)]
        made.append(_group(wanted, RETENTION, values, wanted.chosen.get(RETENTION, "")))
    return [one for one in made if one.chosen or len(one.values) > 1]


def _group(wanted: Asked, name: str, values: list[Value], chosen: str) -> Group:
    if not chosen:
        return Group(name, _title(name), values[:SHOWN], values[SHOWN:])
    without = wanted.narrowed(name, "").address()
    here = next((one for one in values if one.chosen), None)
    label = here.name if here else _named(name, chosen)
    rest = [one for one in values if not one.chosen]
    return Group(name, _title(name), [], rest, Value(label, here.count if here else 0, without, chosen=True))


def _title(name: str) -> str:
    return {"organ": _("Agency"), "year": _("Year"), "type": _("Type"), "fonds": _("Fonds"),
            "legal_value": _("Legal value"), "access": _("Access"), RETENTION: _("Retention")}[name]


def _shown(name: str, one: Facet, fonds: Mapping[str, str]) -> str:
    match name:
        case "legal_value":
            return legal_value_name(one.value)
        case "access":
            return access_name(one.value)
        case "fonds":
            return fonds.get(one.value) or one.value
    return one.name


def _named(name: str, chosen: str) -> str:
    """A choice of which nothing is found: as it was asked for, no name is looked up for it."""
    if name == RETENTION:
        return state_in_words(chosen) if chosen in STATES else chosen
    return {"legal_value": legal_value_name, "access": access_name}.get(name, str)(chosen)


def access_name(access: str) -> str:
    """Who may know of a document, in words."""
    return {"open": _("open to the public"), "undecided": _("access not decided yet"),
            "restricted": _("used under conditions")}.get(access, access)


def _order_name(order: str) -> str:
    return {"best": _("best first"), "newest": _("newest first"), "oldest": _("oldest first")}[order]
