"""Searching, for programs: the same words, filters, facets and rights as the search page. And who one is."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Request, Response

from archive.i18n import _, later
from search.index import Hit
from web.api import models
from web.api.answers import cursor, next_page, place, told, wrong
from web.api.callers import allowed, caller, needs
from web.api.problems import Problem
from web.pages.asking import CHOICES, LONGEST, asked, not_yet_indexed
from web.pages.standing import sets_for
from web.people import Person
from web.site import Site

router = APIRouter(tags=["search"])
FARTHEST = 10_000       # hits; who wants more asks more narrowly
Words = Annotated[str, Query(max_length=LONGEST, examples=["quy chế văn thư"], description=later(
    "words, “phrases”, -without, numbers of documents, fields such as số:35/QĐ-UBND"))]
TypeName = Annotated[str, Query(max_length=100, description=later("type of document: name, abbreviation or code"))]
Organ = Annotated[str, Query(max_length=200, description=later("issuing agency"))]
Since = Annotated[str, Query(max_length=20, description=later("issued from this day, month or year on"))]
Until = Annotated[str, Query(max_length=20, description=later("issued up to this day, month or year"))]
CaseFile = Annotated[str, Query(max_length=100, description=later("code of the case file"))]
Choice = Annotated[str, Query(max_length=300, description=later("a value of this facet"))]
Facets = Annotated[str, Query(examples=["year,type"], description=later(
    "to be counted, with commas between: organ, year, type, fonds, legal_value, access"))]


@router.get("/me", response_model=models.Me, summary=later("For whom the token acts"))
def me(request: Request, who: Annotated[Person, Depends(caller)]) -> Response:
    """The account behind the token, with its roles and agency, and the token's scopes."""
    return told(request, models.Me(account=who.name, full_name=who.full_name, agency=who.fonds,
                                   roles=sorted(who.roles), token=who.token, scopes=sorted(who.scopes)))


@router.get("/search", response_model=models.Search, summary=later("Find documents"), openapi_extra=needs("records"))
def search(request: Request, who: Annotated[Person, Depends(allowed("records"))],
           q: Words = "", type: TypeName = "", organ: Organ = "", since: Since = "", until: Until = "",
           casefile: CaseFile = "", in_organ: Choice = "", in_year: Choice = "", in_type: Choice = "",
           in_fonds: Choice = "", in_legal_value: Choice = "", in_access: Choice = "",
           order: Literal["best", "newest", "oldest"] = "best", facets: Facets = "",
           limit: Annotated[int, Query(ge=1, le=100)] = 20, cursor_: Annotated[str, Query(alias="cursor")] = "",
           ) -> Response:
    """What an account may know of, best first or by date; counts and snippets tell nothing of anything else."""
    site: Site = request.app.state.site
    counted = [one for one in facets.split(",") if one]
    if unknown := [one for one in counted if one not in CHOICES]:
        raise wrong(f"facets={unknown[0][:40]}")
    at = place(cursor_, int)
    offset = at[0] if at else 0
    if not 0 <= offset < FARTHEST:
        raise wrong("cursor")
    wanted = asked(request.query_params)
    with site.session() as session:
        hidden = not_yet_indexed(session, who)
    filters = wanted.wanted(who, hidden, sets_for(site, who))
    try:
        with site.index() as index:
            found = index.search(wanted.q, limit, offset, filters, wanted.sort, counted)
    except ValueError as problem:
        raise Problem("wrong_request", _("“{value}” makes no sense here: a day, month or year is wanted.").format(
            value=problem), parameters=["since", "until"]) from problem
    after = offset + len(found.hits)
    more = found.hits and after < min(found.total, FARTHEST)
    return told(request, models.Search(
        total=found.total, understood=found.understood, instead=found.instead, hits=[_hit(one) for one in found.hits],
        facets={name: [models.FacetValue(value=one.value, name=one.name, count=one.count) for one in values]
                for name, values in found.facets.items()},
        next=next_page(request, "/search", cursor(after)) if more else None))


def _hit(one: Hit) -> models.Hit:
    return models.Hit(
        code=one.code, case_file=one.case_file, case_title=one.case_title, type=one.type_name,
        number="/".join(filter(None, (one.number, one.notation))), issued_on=one.issued_on, agency=one.organ,
        subject=one.subject, signer=one.signer, legal_value=one.legal_value, snippet=one.snippet.text,
        marks=list(one.snippet.marks))
