"""Holds (tạm dừng hủy): which there are and what each holds; placed and released here as `luutru hold` does.

A hold needs the document that asks for it, a release the document that lifts it (retention/holds.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Query, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from archive import clock, model
from archive.errors import RefusedError, UsageError
from archive.findings import Finding, Level, finding, worst
from archive.i18n import _
from retention import holds, objects
from retention.hold_queries import conditions
from web.pages import retention_reach as reach
from web.pages.review import sent
from web.people import Person, requires_right
from web.rendering import page
from web.site import Site

router = APIRouter()
A_PAGE = 100
MOST_CODES, LONGEST = 5000, 2000
_SEEN = Annotated[Person, Depends(requires_right("holds"))]
_ACTING = Annotated[Person, Depends(requires_right("hold"))]
_SENT = Annotated[dict[str, str], Depends(sent)]
_BLANK = {"codes": "", "reason": "", "requester": "", "number": "", "dated": "", "from_day": ""}


@router.get("/holds")
def holds_page(request: Request, who: _SEEN, code: str = "", all: str = "",
               at: int = Query(1, ge=1, le=100_000)) -> HTMLResponse:
    """The holds that stand, the newest first; those on one case file, or also those that were lifted."""
    site: Site = request.app.state.site
    chosen = select(model.Hold).where(reach.visible_holds(who))
    with site.session() as session:
        if code := code.strip()[:120]:
            known = reach.case_file(session, who, code)
            numbers = [int(one.id) for one in holds.holds_of(session, code)] if known is not None else []
            chosen = chosen.where(model.Hold.n.in_(numbers))
        elif not all:
            chosen = chosen.where(model.Hold.released_on == "")
        total = session.scalar(select(func.count()).select_from(chosen.subquery())) or 0
        last = max(1, -(-total // A_PAGE))
        at = min(at, last)
        rows = list(session.scalars(chosen.order_by(model.Hold.n.desc()).limit(A_PAGE).offset((at - 1) * A_PAGE)))
    return page(request, "holds/list.html", rows=rows, total=total, at=at, last=last, code=code, all=bool(all))


@router.get("/holds/new")
def new_page(request: Request, who: _ACTING, code: str = "") -> HTMLResponse:
    """The form for a new hold, with the case file that the person comes from."""
    return page(request, "holds/new.html", typed={**_BLANK, "codes": code[:120]}, findings=[], said="",
                today=_today().isoformat())


@router.post("/holds")
def placed(request: Request, who: _ACTING, form: _SENT) -> Response:
    """Place a hold on what was named; refused as a whole when one of it cannot be."""
    site: Site = request.app.state.site
    typed = {name: form.get(name, "").strip()[:LONGEST if name != "codes" else 200_000] for name in _BLANK}
    codes = typed["codes"].replace(",", "\n").split()[:MOST_CODES]
    ground = holds.Ground(typed["reason"], who.actor, typed["number"], typed["dated"], typed["requester"],
                          typed["from_day"])
    n, said = 0, "" if codes else _("Name at least one case file, document or fonds by its code.")
    findings: list[Finding] = []
    if codes:
        with site.writing() as archive:
            objects.catch_up(archive)
            with archive.catalogue.session() as session:
                known = reach.holdable(session, who, codes)
            findings = [finding("HOLD-001", code) for code in dict.fromkeys(codes) if code not in known]
            if rest := [code for code in codes if code in known]:
                n, _count, told = holds.place(archive, rest, ground, at=clock.now(), dry_run=bool(findings))
                findings += told
    if n and not findings:
        return RedirectResponse(f"/holds/{n}?done=placed", 303)
    if n:
        return _shown(request, who, n, findings=findings, done="placed")
    return page(request, "holds/new.html", status=409 if findings else 400, typed=typed, findings=findings, said=said,
                today=_today().isoformat())


@router.get("/holds/{n:int}")
def hold_page(request: Request, who: _SEEN, n: int) -> HTMLResponse:
    """One hold: its ground, what it holds, how it was lifted, and the form that lifts it."""
    return _shown(request, who, n, done=request.query_params.get("done", ""))


@router.post("/holds/{n:int}/release")
def released(request: Request, who: _ACTING, n: int, form: _SENT) -> Response:
    """Lift a hold, or lift it from some of its items, by a document."""
    site: Site = request.app.state.site
    with site.session() as session:
        _hold(session, who, n)
    typed = {name: form.get(name, "").strip()[:LONGEST] for name in ("number", "dated", "reason", "only")}
    only = typed["only"].replace(",", "\n").split()[:MOST_CODES]
    said, count = "", 0
    findings: list[Finding] = []
    with site.writing() as archive:
        objects.catch_up(archive)
        with archive.catalogue.session() as session:
            now = mark(session.get_one(model.Hold, n))
        if now != form.get("mark"):
            said = _("Somebody else has changed this hold meanwhile. It is shown as it is now: look again.")
        elif not form.get("sure"):
            said = _("Say that you are sure: what is let go may be destroyed. Nothing was changed.")
        else:
            try:
                count, findings = holds.release(
                    archive, n, holds.Ground(typed["reason"], who.actor, typed["number"], typed["dated"]),
                    at=clock.now(), only=only)
            except (UsageError, RefusedError) as refused:
                said = str(refused)
    if said or worst(findings) >= Level.refused:
        return _shown(request, who, n, status=409, said=said, findings=findings, typed=typed)
    return RedirectResponse(f"/holds/{n}?done=released&count={count}", 303)


def mark(row: model.Hold) -> str:
    """What a form carries to notice that somebody changed the hold meanwhile."""
    return f"{row.n}.{row.releases}.{row.released_on}"


def _hold(session: Session, who: Person, n: int) -> model.Hold:
    row = session.scalar(select(model.Hold).where(model.Hold.n == n, reach.visible_holds(who)))
    if row is None:
        raise HTTPException(404)
    return row


def _shown(request: Request, who: Person, n: int, *, status: int = 200, said: str = "", done: str = "",
           findings: Sequence[Finding] = (), typed: dict[str, str] | None = None) -> HTMLResponse:
    site: Site = request.app.state.site
    at = request.query_params.get("at", "1")
    with site.session() as session:
        row = _hold(session, who, n)
        items = select(model.HoldItem).where(model.HoldItem.hold == n)
        total = session.scalar(select(func.count()).select_from(items.subquery())) or 0
        left = session.scalar(select(func.count()).select_from(items.where(
            model.HoldItem.released_on == "").subquery())) or 0
        last = max(1, -(-total // A_PAGE))
        number = min(max(1, int(at)) if at.isascii() and at.isdecimal() and len(at) < 7 else 1, last)
        rows = list(session.scalars(items.order_by(model.HoldItem.code).limit(A_PAGE).offset((number - 1) * A_PAGE)))
        named = reach.titles(session, [one.case_file for one in rows if one.case_file])
        events: list[dict[str, Any]] = [
            {"at": one.at, "by": one.actor, "what": _("placed") if one.kind == holds.PLACED else _("lifted"),
             "more": f"{one.data['reason']} ({one.data['number']}, {_day(one.data['dated'])})"}
            for one in session.scalars(select(model.Event).where(model.Event.kind.in_((
                holds.PLACED, holds.RELEASED)), model.Event.subject == f"{n:06d}").order_by(model.Event.seq))]
    return page(request, "holds/hold.html", status=status, row=row, items=rows, titles=named, total=total, left=left,
                at=number, last=last, events=events, said=said, findings=findings, done=done, mark=mark(row),
                acts=who.may("hold") and not row.released_on, asked=str(conditions(row.conditions)),
                typed=typed or {"number": "", "dated": "", "reason": "", "only": ""}, today=_today().isoformat(),
                kinds={"casefile": _("case file"), "document": _("document"), "fonds": _("fonds")})


def _day(iso: str) -> str:
    return f"{iso[8:10]}/{iso[5:7]}/{iso[:4]}"


def _today() -> date:
    return clock.in_vietnam(clock.now()).date()
