"""Quarantine: what waits for a person, why, and with which cure; fields put right and released, or turned away.

The acts are those of the command (ingest/releasing.py). Of an item that was kept out for a mark of state secrecy
nothing is shown but that it was: its content is not kept.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, HTTPException, Query, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from sqlalchemy import String, cast, exists, select

from archive import model
from archive.access import access_of, known_case_file
from archive.codes import parse_file_code
from archive.errors import RefusedError, UsageError
from archive.findings import Finding, Level, rules
from archive.i18n import _, language
from archive.terminal import state_name
from ingest import intake, releasing, review
from ingest.digitise.telling import pages_of
from web.pages import pictures
from web.pages.field_rows import FieldRow, form_rows, levelled
from web.pages.review import SEES, sent
from web.people import Person, requires_right
from web.rendering import page as rendered
from web.site import Site

router = APIRouter()

AT_ONCE = 50
_ORDER = ("quarantine", "failed", "kept_out", "released")       # what can be acted on comes first
MOST_CODES = 2000           # case files that the form offers; all can be typed
DRAWN = ("pdf", "tiff", "jpeg", "png", "jp2")
ACTS = "quarantine"
_SEEN = Annotated[Person, Depends(requires_right(SEES))]
_ACTING = Annotated[Person, Depends(requires_right(ACTS))]
_SENT = Annotated[dict[str, str], Depends(sent)]


# --- the list ----------------------------------------------------------------------------------------------


@router.get("/quarantine")
def listed(request: Request, who: _SEEN, state: str = "", code: str = "", batch: str = "",
           at: int = Query(1, ge=1)) -> HTMLResponse:
    """What waits, with the finding that weighs most; by state, code of a finding and batch."""
    site: Site = request.app.state.site
    rows = [row for row in releasing.held(site.archive) if _may_see(site, who, row)]
    rows.sort(key=lambda row: (_ORDER.index(row.state), row.name))
    with site.session() as session:
        found = intake.findings_of(session, [row.id for row in rows])
    told = [(row, sorted(found[row.id], key=lambda one: -one.level)) for row in rows]
    codes = sorted({said[0].code for _row, said in told if said})
    shown = [(row, said) for row, said in told if state in ("", row.state) and batch in ("", row.batch)
             and (not code or any(one.code == code for one in said))]
    last = max(1, -(-len(shown) // AT_ONCE))
    at = min(at, last)
    return rendered(request, "quarantine/list.html", found=shown[(at - 1) * AT_ONCE:at * AT_ONCE], total=len(shown),
                    at=at, last=last, first=(at - 1) * AT_ONCE, codes=codes, state=state, code=code, batch=batch,
                    states=[(one, state_name(one)) for one in _ORDER],
                    batches=sorted({row.batch for row in rows}, reverse=True),
                    done=request.query_params.get("done", ""), about=request.query_params.get("about", ""))


def _may_see(site: Site, who: Person, row: model.Item) -> bool:
    """Whether an item lies within the person's reach: by its mode, and by the fonds that its file code names.

    An item without a mode waits to be described: everybody who may open this page may see it.
    """
    access = access_of(row.fields, {})
    code = parse_file_code(row.fields.get("fileCode", ""), inventory=True)
    fonds = code.agency if code else site.settings.agency.code
    if access == "undecided" and who.reach.fonds in ("", fonds):
        return True
    return who.reach.covers(fonds, access)


# --- one item ----------------------------------------------------------------------------------------------


@router.get("/quarantine/{item}")
def shown(request: Request, who: _SEEN, item: str) -> HTMLResponse:
    """An item: why it waits, what is known of it, the page that a finding names, and the form that releases it."""
    site: Site = request.app.state.site
    row = _item(site, who, item)
    access = access_of(row.fields, {})
    if row.state != "kept_out" and access != "open":
        site.note("viewed", row.id, who, access=access, what="quarantine")
    return _shown(request, who, row)


@router.get("/quarantine/{item}/picture/{part:int}/{number:int}")
def picture(request: Request, who: _SEEN, item: str, part: int, number: int, width: int = pictures.USUAL,
            turn: int = 0) -> Response:
    """A page of a waiting item as PNG; of one that was kept out there is none."""
    site: Site = request.app.state.site
    row = _item(site, who, item)
    if row.state == "kept_out":
        raise HTTPException(404)
    wide = pictures.width_of(width)
    key = (str(site.settings.root), row.id, row.sha256, part, number, wide)
    return pictures.answer(lambda: pictures.kept(key, lambda: review.page_picture_of_item(
        site.archive, row.id, part, number, width=wide)), turn, keep=False)


def _shown(request: Request, who: Person, row: model.Item, *, status: int = 200, said: str = "",
           typed: dict[str, str] | None = None) -> HTMLResponse:
    site: Site = request.app.state.site
    findings = releasing.findings_of(site.archive, row.id)
    secret = row.state == "kept_out"
    proposals = {} if secret else releasing.on_page(row)
    take = request.query_params.get("take", "")
    laid = {**row.fields, **({take: levelled(take, proposals[take], site.settings.profile)}
                                if take in proposals else {}), **(typed or {})}
    rows = [] if secret else form_rows(row.fields, site.settings.profile, language(), proposals=proposals,
                                       sureness=releasing.sureness(row), findings=findings)
    first, more = _sorted(rows)
    part, number = _page_named(request, findings)
    drawn = 0 if secret else _pages(row, part)
    return rendered(
        request, "quarantine/item.html", status=status, row=row, said=said, findings=findings, secret=secret,
        acts=who.may(ACTS) and row.state in releasing.HELD, waits=row.state in releasing.HELD, laid=laid, first=first,
        more=more, case_files=_case_files(site, who) if rows else [], mark=mark(row), acceptable=acceptable(findings),
        accepted=row.facts.get("accepted", []), part=part, number=min(number, drawn or 1), pages=drawn,
        parts_of=[] if secret else [one["name"] for one in _received(row)], view=pictures.view_of(request.query_params),
        reason=(typed or {}).get("reason", ""),
        done=request.query_params.get("done", ""), about=request.query_params.get("about", ""))


def acceptable(findings: Sequence[Finding]) -> list[Finding]:
    """The refusals that a person may answer for, one a code."""
    found = {one.code: one for one in findings if one.level == Level.refused and not rules()[one.code].final}
    return list(found.values())


def mark(row: model.Item) -> str:
    """What a form carries to notice that somebody acted on the item meanwhile."""
    told = repr((row.state, sorted(row.fields.items()), sorted(row.facts.get("corrections", {}).items()),
                 row.facts.get("accepted", [])))
    return hashlib.sha256(told.encode()).hexdigest()[:32]


def _item(site: Site, who: Person, item: str) -> model.Item:
    """The item of just this id, where the person may see it."""
    with site.session() as session:
        row = session.get(model.Item, item)
    if row is None or row.state not in (*releasing.HELD, "turned_away") or not _may_see(site, who, row):
        raise HTTPException(404)
    return row


def _sorted(rows: list[FieldRow]) -> tuple[list[FieldRow], list[FieldRow]]:
    """What is shown at once (needed, filled, proposed or at fault), and what is folded away."""
    first = [row for row in rows if row.needed or row.value or row.proposal or row.findings]
    return first, [row for row in rows if row not in first]


def _received(row: model.Item) -> list[dict[str, Any]]:
    """The item's files as pictures count them: the original first, then the attachments."""
    received = [one for one in row.facts.get("parts", ()) if one["role"] in ("original", "attachment")]
    return sorted(received, key=lambda one: bool(one["role"] != "original"))


def _pages(row: model.Item, part: int) -> int:
    """How many pages of a part can be drawn; 0 where it has none that are known."""
    received = _received(row)
    if not 0 <= part < len(received) or received[part]["format"] not in DRAWN:
        return 0
    name, noted = received[part]["name"], row.facts.get("digitise", {})
    if part:
        noted = next((one for one in noted.get("attachments", ()) if one["name"] == name), {})
    counted = next((one.get("pages") for one in row.facts.get("check", {}).get("parts", ()) if one["name"] == name), 0)
    return len(noted.get("pages", ())) or int(counted or 0)


def _page_named(request: Request, findings: Sequence[Finding]) -> tuple[int, int]:
    """The part and page that the address names, else the page that the worst finding names, else the first."""
    part, number = (request.query_params.get(name, "") for name in ("part", "page"))
    if number.isascii() and number.isdigit():
        return int(part[:4]) if part.isascii() and part.isdigit() else 0, max(1, int(number[:6]))
    named = (min(pages, default=0) for one in findings if one.level >= Level.warning
             for pages in [pages_of(one.params.get("pages") or one.params.get("page", ""))])
    return 0, next((one for one in named if one), 1)


def _case_files(site: Site, who: Person) -> list[tuple[str, str]]:
    """Case files that a document can go into: the open ones, then those of the file plans, newest first.

    Only those of which the person may know; the code of another can be typed. A line of a plan without a case file has
    no mode yet and is undecided.
    """
    with site.session() as session:
        held = session.execute(select(
            model.CaseFile.code, model.CaseFile.title, model.CaseFile.state).where(known_case_file(who.reach)).order_by(
                model.CaseFile.year.desc(), model.CaseFile.code).limit(MOST_CODES)).all()
        of_plan = (model.FilePlanEntry.fonds + "." + cast(model.FilePlanEntry.year, String) + "."
                   + model.FilePlanEntry.notation)
        planned = session.execute(select(
            model.FilePlanEntry.fonds, model.FilePlanEntry.year, model.FilePlanEntry.notation,
            model.FilePlanEntry.title).where(~exists().where(model.CaseFile.code == of_plan)).order_by(
                model.FilePlanEntry.year.desc(), model.FilePlanEntry.position).limit(MOST_CODES)).all()
    found = {one.code: one.title for one in held if one.state == "open"}
    for one in planned:
        if who.reach.covers(one.fonds, "undecided"):
            found.setdefault(f"{one.fonds}.{one.year}.{one.notation}", one.title)
    return list(found.items())[:MOST_CODES]


# --- acts --------------------------------------------------------------------------------------------------


@router.post("/quarantine/{item}/release")
def released(request: Request, who: _ACTING, item: str, form: _SENT) -> Response:
    """Note the corrected fields and let the item in with the next night; as `luutru quarantine release`."""
    site: Site = request.app.state.site
    row = _item(site, who, item)
    typed = {name.removeprefix("set."): value.strip() for name, value in form.items() if name.startswith("set.")}
    accepted = [name.removeprefix("accept.") for name in form if name.startswith("accept.")]
    reason = form.get("reason", "").strip()
    if row.state == "kept_out" and not accepted:
        return _shown(request, who, row, status=409, said=_(
            "It was kept out for a mark of state secrecy. If the mark was misread, tick the finding and say why; you "
            "answer for it."))
    if accepted and not reason:
        return _shown(request, who, row, status=400, typed={**typed, "reason": reason}, said=_(
            "Who answers for a finding says why: give a reason; the ledger keeps both."))
    said = ""
    with site.writing() as archive:         # what is shown is made afterwards: a page must not hold up a writer
        row = releasing.find(archive, row.id)
        if mark(row) != form.get("mark"):
            said = _("Somebody else acted on this item meanwhile. It is shown as it is now, with what you typed: look "
                     "again before you release it.")
        else:
            values = {tag: value for tag, value in typed.items() if value != row.fields.get(tag, "")}
            try:
                releasing.release(archive, row, values, by=who.actor, accepted=accepted, reason=reason)
            except (UsageError, RefusedError) as refused:
                said = str(refused)
    if said:
        return _shown(request, who, row, status=409, typed={**typed, "reason": reason}, said=said)
    return _back("released", row)


@router.post("/quarantine/{item}/refuse")
def turned_away(request: Request, who: _ACTING, item: str, form: _SENT) -> Response:
    """Refuse the item for good, with the reason that the sender is told; as `luutru quarantine refuse`."""
    site: Site = request.app.state.site
    row = _item(site, who, item)
    reason = form.get("refusal", "").strip()
    if not form.get("sure"):
        return _shown(request, who, row, status=400, said=_(
            "Say that you are sure: a refusal for good is told to the sender. Nothing was changed."))
    said = ""
    with site.writing() as archive:
        row = releasing.find(archive, row.id)
        try:
            releasing.turn_away(archive, [row], reason, by=who.actor)
        except UsageError as refused:
            said = str(refused)
    return _shown(request, who, row, status=409, said=said) if said else _back("turned_away", row)


def _back(done: str, row: model.Item) -> Response:
    return RedirectResponse(f"/quarantine?{urlencode({'done': done, 'about': row.name})}", 303)
