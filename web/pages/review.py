"""Review: the pages whose text is doubtful, worst first, and each page's picture beside its text, to be put right.

Nothing fills in by itself: a person saves a text, says that it is right as it is, or takes a proposal and confirms it.
"""

from __future__ import annotations

import logging
import re
from dataclasses import replace
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, HTTPException, Query, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from archive import model
from archive.access import access_of, within
from archive.catalogue import SOME
from archive.correcting import Correction, CorrectionRefusedError, correct_document
from archive.errors import UsageError
from archive.fields.names import field_name
from archive.i18n import _, language
from archive.opening import Archive
from ingest import review
from ingest.digitise.text_quality import review as quality
from ingest.digitise.thresholds import threshold
from ingest.review import PageText, PageToReview
from ingest.word_places import word_places
from web.pages import pictures, review_texts
from web.pages.field_rows import FieldRow, levelled, said_otherwise
from web.people import Person, requires_right
from web.rendering import page as rendered
from web.site import Site

router = APIRouter()

SEES, ACTS = "watch", "review"      # rights (web/roles.toml)
AT_ONCE = 50
UNCOMPARED = ("typeName", "subject")    # ingest/headings.py says nothing of these: any difference is shown
INDEXED_AT_ONCE = 200       # more than that wait for the night
_LOG = logging.getLogger("luutru.web")
_SEEN = Annotated[Person, Depends(requires_right(SEES))]
_ACTING = Annotated[Person, Depends(requires_right(ACTS))]
_PLACE = "/review/{document}/{part:int}/{number:int}"


def reasons() -> list[str]:
    """Why a text is corrected, the usual one first: kept with the correction in the words that are chosen."""
    return [_("compared with the picture of the page"), _("compared with the paper original"),
            _("handwriting, stamps or seals were misread"), _("tables and columns were put in order")]


# --- the list ----------------------------------------------------------------------------------------------


@router.get("/review")
def listed(request: Request, who: _SEEN, batch: str = "", fonds: str = "", document: str = "", under: str = "",
           at: int = Query(1, ge=1)) -> HTMLResponse:
    """The pages to review, worst first; a part of them at once, with the true count of all."""
    site: Site = request.app.state.site
    asked = _asked(batch, fonds, document, under)
    found = _pages(site, who, asked)
    last = max(1, -(-len(found) // AT_ONCE))
    at = min(at, last)
    with site.session() as session:
        batches = list(session.scalars(select(model.Batch.id).order_by(model.Batch.id.desc()).limit(100)))
        held = list(session.scalars(select(model.Fonds.code).order_by(model.Fonds.code)))
    return rendered(request, "review/list.html", found=found[(at - 1) * AT_ONCE:at * AT_ONCE], total=len(found), at=at,
                    last=last, first=(at - 1) * AT_ONCE, asked=asked, link=_link(asked), batches=batches, fonds=held,
                    usual=threshold("text", "review_below"), done=request.query_params.get("done", ""),
                    about=request.query_params.get("about", ""))


def _asked(batch: str, fonds: str, document: str, under: str) -> dict[str, str]:
    """What is asked for, without what is empty: it goes into every link of the list and back."""
    limit = _limit(under)
    told = {"batch": batch, "fonds": fonds, "document": document, "under": f"{limit:g}" if limit is not None else ""}
    return {name: value for name, value in told.items() if value}


def _limit(under: str) -> float | None:
    """A limit as people type it, "0,85", "85 %" or "0.85"; None for nothing or what is no limit."""
    match = re.fullmatch(r"\s*(\d{1,3}(?:[.,]\d{1,3})?)\s*(%?)\s*", under)
    if match is None:
        return None
    value = float(match[1].replace(",", "."))
    value = value / 100 if match[2] or value > 1 else value
    return value if 0 < value <= 1 else None


def _pages(site: Site, who: Person, asked: dict[str, str]) -> list[PageToReview]:
    with site.session() as session:
        found = review.pages_to_review(
            session, site.archive, worse_than=_limit(asked.get("under", "")), batch=asked.get("batch", ""),
            fonds=asked.get("fonds", ""), document=asked.get("document", ""))
        if who.reach.everything:
            return found
        open_to = _open_to(session, who, sorted({one.document for one in found}))
    return [one for one in found if one.document in open_to]


def _open_to(session: Session, who: Person, codes: list[str]) -> set[str]:
    known: set[str] = set()
    for start in range(0, len(codes), SOME):
        known.update(session.scalars(
            select(model.Document.code).join(model.CaseFile, model.CaseFile.code == model.Document.case_file)
            .where(model.Document.code.in_(codes[start:start + SOME]), within(who.reach))))
    return known


def _link(asked: dict[str, str]) -> str:
    return f"?{urlencode(asked)}" if asked else ""


# --- one page ----------------------------------------------------------------------------------------------


@router.get(_PLACE)
def shown(request: Request, who: _SEEN, document: str, part: int, number: int) -> HTMLResponse:
    """A page's picture beside its text, with what is doubtful, what is proposed and what was corrected."""
    site: Site = request.app.state.site
    row = _document(site, who, document)
    try:
        told = review.page_text(site.archive, document, part, number)
    except UsageError as error:
        raise HTTPException(404) from error
    _viewed(site, who, row, part, number)
    return _shown(request, who, row, told)


@router.get(_PLACE + "/picture")
def picture(request: Request, who: _SEEN, document: str, part: int, number: int, width: int = pictures.USUAL,
            turn: int = 0) -> Response:
    """The page's picture as PNG, `width` points wide before it is turned (degrees clockwise)."""
    site: Site = request.app.state.site
    row = _document(site, who, document)
    wide = pictures.width_of(width)
    key = (str(site.settings.root), document, str(row.version), str(row.revision), part, number, wide)
    return pictures.answer(
        lambda: pictures.kept(key, lambda: review.page_picture(site.archive, document, part, number, width=wide)),
        turn, keep=_access(site, row) == "open")


@router.get(_PLACE + "/places")
def places(request: Request, who: _SEEN, document: str, part: int, number: int) -> JSONResponse:
    """Where the words of the page's text stand on its picture: begin and end as browsers count, and shares of the page.

    For the page's script, which shows the place of the word where the caret is.
    """
    site: Site = request.app.state.site
    row = _document(site, who, document)
    if part:
        return JSONResponse([])
    try:
        text = review_texts.of(review.page_text(site.archive, document, part, number))
    except UsageError as error:
        raise HTTPException(404) from error
    return JSONResponse(review_texts.as_browsers_count(text, word_places(site.archive, row.code, number, text)))


def _shown(request: Request, who: Person, row: model.Document, told: PageText, *, status: int = 200, said: str = "",
           base: str = "", typed: dict[str, str] | None = None) -> HTMLResponse:
    site: Site = request.app.state.site
    take, done, about = (request.query_params.get(name, "") for name in ("take", "done", "about"))
    asked = _asked(*(request.query_params.get(name, "") for name in ("batch", "fonds", "document", "under")))
    waiting = _pages(site, who, asked)
    text = review_texts.of(told)
    where = (told.document, told.part, told.page)
    place = next((n for n, one in enumerate(waiting) if (one.document, one.part, one.page) == where), None)
    following = waiting[place + 1:place + 2] if place is not None else waiting[:1]
    return rendered(
        request, "review/page.html", status=status, row=row, told=told, text=text, acts=who.may(ACTS),
        pieces=review_texts.pieces(text, told.facts), score=quality(told.facts),
        limit=threshold("text", "review_below"),
        changes=review_texts.changes(told.recognised, text) if told.corrected is not None else [],
        base=base or review_texts.mark(text), place=place, waiting=len(waiting), link=_link(asked),
        following=_address(following[0]) + _link(asked) if following else "",
        proposals=_proposals(told, row, take, typed or {}), reasons=reasons(), done=done, about=about, said=said,
        view=pictures.view_of(request.query_params), address=_address(told))


def _address(one: PageToReview | PageText) -> str:
    return f"/review/{one.document}/{one.part}/{one.page}"


def _proposals(told: PageText, row: model.Document, take: str, typed: dict[str, str]) -> list[FieldRow]:
    """The fields of which page 1 says something, those that differ from the record first and with a key each."""
    found, key = [], 0
    for one in told.proposals:
        plainly = one.differs or not one.recorded or one.tag in UNCOMPARED
        said = said_otherwise(one.tag, one.value, row.fields, row.profile) if plainly else ""
        key += bool(said)
        taken = levelled(one.tag, said, row.profile)
        value = taken if said and take == one.tag else row.fields.get(one.tag, "")
        found.append(FieldRow(
            one.tag, field_name(one.tag, row.profile, language()), typed.get(one.tag, value),
            row.fields.get(one.tag, ""), proposal=said, taken=taken, sureness=one.sureness,
            key=str(key) if said else "", long=one.tag == "subject", differs=one.differs))
    return sorted(found, key=lambda one: not one.proposal)


def _document(site: Site, who: Person, code: str) -> model.Document:
    """The document, where it lies within the person's reach; whether there is another is not told."""
    with site.session() as session:
        row = session.scalar(select(model.Document).join(
            model.CaseFile, model.CaseFile.code == model.Document.case_file).where(
                model.Document.code == code, within(who.reach)))
    if row is None:
        raise HTTPException(404)
    return row


def _access(site: Site, row: model.Document) -> str:
    with site.session() as session:
        of_case_file = session.get_one(model.CaseFile, row.case_file).fields
    return access_of(row.fields, of_case_file)


def _viewed(site: Site, who: Person, row: model.Document, part: int, number: int) -> None:
    """Who looks at a document that is not open is written down."""
    if (access := _access(site, row)) != "open":
        site.note("viewed", row.code, who, access=access, what="review", part=part, page=number)


# --- acts --------------------------------------------------------------------------------------------------


async def sent(request: Request) -> dict[str, str]:
    """The fields of the form that was sent, with line ends as LF (browsers send CRLF)."""
    return {name: value.replace("\r\n", "\n") for name, value in (await request.form()).items()
            if isinstance(value, str)}


_SENT = Annotated[dict[str, str], Depends(sent)]


@router.post(_PLACE)
def corrected(request: Request, who: _ACTING, document: str, part: int, number: int, form: _SENT) -> Response:
    """Save the text of a page, or say that it is right as it is; then the next page of the list."""
    site: Site = request.app.state.site
    row = _document(site, who, document)
    as_it_is = form.get("act") == "right"
    mine = review_texts.typed(form.get("text", ""))
    reason = _reason(form, as_it_is=as_it_is)
    done = "right" if as_it_is else "saved"
    with site.writing() as archive:         # what is shown is made afterwards: a page must not hold up a writer
        now = review.page_text(archive, document, part, number)
        theirs = review_texts.typed(review_texts.of(now))
        if review_texts.mark(theirs) != form.get("base"):
            done = "same" if mine == theirs else "conflict"
        elif as_it_is and mine != theirs:
            done = "changed"
        elif not as_it_is and mine == theirs:
            done = "unchanged"
        else:
            review.correct(archive, document, part, number, mine, by=who.actor, reason=reason, version=now.version)
            _findable(archive)
    if done == "conflict":
        return _conflict(request, row, now, mine, form)
    if done == "changed":
        return _shown(request, who, row, replace(now, corrected=mine), base=form.get("base", ""), status=409, said=_(
            "You have changed the text: save it, or load the page again and say that it is right as it is."))
    return _on(request, now, done, form)


def _findable(archive: Archive) -> None:
    """Let the search find the new text at once; what cannot be indexed now is left to the night, as ever."""
    from ingest.stages.index import index_documents

    with archive.catalogue.session() as session:
        waiting = session.scalar(select(func.count()).select_from(model.Document).where(model.Document.indexed == ""))
    if waiting and waiting <= INDEXED_AT_ONCE:
        try:
            index_documents(archive)
        except Exception:       # the index is a follower: the correction is safe
            _LOG.exception("a corrected text could not be indexed")


def _reason(form: dict[str, str], *, as_it_is: bool) -> str:
    note = form.get("note", "").strip()
    chosen = _("the page is right as it is") if as_it_is else form.get("reason", "").strip() or reasons()[0]
    return f"{chosen}: {note}" if note else chosen


def _on(request: Request, told: PageText, done: str, form: dict[str, str]) -> Response:
    """To the next page of the list after an act; it was known when the form was made."""
    onward = form.get("following", "")
    target = onward.partition("?")[0] if onward.startswith("/review/") else ""
    query = dict(request.query_params) | {"done": done, "about": _("{document}, page {n}").format(
        document=told.document, n=told.page)}
    if done == "unchanged" or not target:
        target = _address(told) if done == "unchanged" else "/review"
    return RedirectResponse(f"{target}?{urlencode(query)}", 303)


def _conflict(request: Request, row: model.Document, now: PageText, mine: str, form: dict[str, str]) -> HTMLResponse:
    """Somebody else saved this page meanwhile: both texts, and nothing is lost or overwritten."""
    theirs = review_texts.of(now)
    return rendered(request, "review/conflict.html", status=409, row=row, told=now, mine=mine, theirs=theirs,
                    last=now.history[-1] if now.history else None, base=review_texts.mark(theirs),
                    changes=review_texts.changes(theirs, mine), following=form.get("following", ""), reasons=reasons(),
                    address=_address(now), query=f"?{request.url.query}" if request.url.query else "",
                    right=form.get("act") == "right")


@router.post(_PLACE + "/fields")
def fields(request: Request, who: _ACTING, document: str, part: int, number: int, form: _SENT) -> Response:
    """Correct fields of the document, to which a person took proposals of its first page."""
    site: Site = request.app.state.site
    row = _document(site, who, document)
    typed = {name.removeprefix("set."): value.strip() for name, value in form.items() if name.startswith("set.")}
    before = {name.removeprefix("was."): value for name, value in form.items() if name.startswith("was.")}
    values = {tag: value for tag, value in typed.items() if value != before.get(tag, "")}

    def back(said: str, status: int = 409) -> HTMLResponse:
        told = review.page_text(site.archive, document, part, number)
        return _shown(request, who, _document(site, who, document), told, said=said, status=status, typed=typed)

    if not values:
        return back(_("Nothing was changed: take a proposal or type a value first."), 400)
    try:
        with site.writing() as archive:
            with archive.catalogue.session() as session:
                now = dict(session.get_one(model.Document, document).fields)
            changed = [tag for tag in values if now.get(tag, "") != before.get(tag, "")]
            done = Correction(document) if changed else correct_document(
                archive, document, values, form.get("reason", "").strip() or _("compared with the first page"),
                by=who.actor)
    except (CorrectionRefusedError, UsageError) as refused:
        return back(str(refused))
    if changed:
        return back(_("Somebody else corrected the same field meanwhile: {fields}. It is shown as it is now; look "
                      "again and confirm.").format(fields=", ".join(
                          f"{field_name(tag, row.profile, language())}: {now.get(tag, '') or '—'}" for tag in changed)))
    query: dict[str, Any] = dict(request.query_params) | {"done": "fields" if done.after else "unchanged"}
    query.pop("take", None)
    if done.new:
        return back(_("Corrected. New findings in the corrected fields: {findings}").format(findings=" ".join(
            f"{one.code} {one.sentence(language())} → {one.cure(language())}" for one in done.new)), 200)
    return RedirectResponse(f"/review/{document}/{part}/{number}?{urlencode(query)}", 303)
