"""Recalls, updates and replacements of the document axis: where their documents stand, and what is decided.

The same as `luutru edxml notices` and `decide` (ingest/exchange/deciding.py): an agreed notice marks its document, none
is ever erased. They are shown to who may know of all of the agency that received them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException, Query, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from sqlalchemy import select
from sqlalchemy.orm import Session

from archive import model
from archive.access import within
from archive.codes import parse_file_code
from archive.errors import RefusedError, UsageError
from archive.i18n import _
from archive.terminal import explain
from ingest.exchange import deciding
from ingest.exchange.deciding import Notice
from web.pages.retention_outlook import kept
from web.pages.retention_reach import covers, own_covered
from web.pages.review import sent
from web.people import NotAllowedError, Person, requires_right
from web.rendering import page
from web.site import Site

router = APIRouter()
A_PAGE = 50
_SENT = Annotated[dict[str, str], Depends(sent)]
SEES, DECIDES = "notices", "notices_decide"


def allowed(who: Annotated[Person, Depends(requires_right(SEES))]) -> Person:
    """The person, who reaches all of their own agency: a notice may be about any document. Raises NotAllowedError."""
    if not own_covered(who):
        raise NotAllowedError
    return who


_SEEN = Annotated[Person, Depends(allowed)]


@dataclass(frozen=True, slots=True)
class Line:
    """A notice with the document that it is about, and the one that it brought, as far as the person may know of them.

    `titles`: their subjects by their codes.
    """

    notice: Notice
    brought: str
    titles: dict[str, str]

    @property
    def waits(self) -> bool:
        """Whether somebody has to decide."""
        return not self.notice.decision


@router.get("/notices")
def notices_page(request: Request, who: _SEEN, all: str = "",
                 at: int = Query(1, ge=1, le=100_000)) -> HTMLResponse:
    """The notices that wait for a decision, the first to come first; or all of them, the newest first."""
    site: Site = request.app.state.site
    found = seen(site, who)
    waiting = [one for one in found if not one.decision]
    chosen = found[::-1] if all else waiting
    last = max(1, -(-len(chosen) // A_PAGE))
    at = min(at, last)
    with site.session() as session:
        rows = [_line(session, who, one) for one in chosen[(at - 1) * A_PAGE:at * A_PAGE]]
    return page(request, "notices/list.html", rows=rows, total=len(chosen), waiting=len(waiting), count=len(found),
                all=bool(all), at=at, last=last, business_name=deciding.business_name,
                decision_name=deciding.decision_name)


@router.get("/notices/{item}")
def notice_page(request: Request, who: _SEEN, item: str) -> HTMLResponse:
    """One notice: who asks for what and why, where the document stands, and the form to decide."""
    return _shown(request, who, item)


@router.post("/notices/{item}")
def decided(request: Request, who: _SEEN, item: str, form: _SENT) -> Response:
    """Agree to a notice or refuse it, as `luutru edxml decide`."""
    site: Site = request.app.state.site
    if not who.may(DECIDES):
        raise NotAllowedError
    _one(site, who, item)
    typed = {name: form.get(name, "").strip()[:2000] for name in ("decision", "reason", "target")}
    if typed["decision"] not in ("agree", "refuse"):
        return _shown(request, who, item, typed=typed, fault=_("Say whether you agree or refuse."))
    if typed["target"]:
        with site.session() as session:
            if not _titles(session, who, [typed["target"]]):
                return _shown(request, who, item, typed=typed, fault=_("There is no document {code}.").format(
                    code=typed["target"]))
    with site.writing() as archive:
        try:
            deciding.decide(archive, item, agree=typed["decision"] == "agree", reason=typed["reason"], by=who.actor,
                            target=typed["target"])
        except (UsageError, RefusedError) as error:
            return _shown(request, who, item, typed=typed, fault=explain(error))
    return RedirectResponse(f"/notices/{item}?done=1", 303)


def seen(site: Site, who: Person) -> list[Notice]:
    """The notices that the person may know of, in the order in which they came; none for who has no right to them."""
    if not (who.may(SEES) and own_covered(who)):
        return []

    def told() -> list[tuple[Notice, str]]:
        with site.session() as session:
            return [(one, _fonds(site, session, one)) for one in deciding.notices(session)]

    return [one for one, fonds in kept(site, "notices", told) if covers(who.reach, fonds)]


def _one(site: Site, who: Person, item: str) -> Notice:
    found = next((one for one in seen(site, who) if one.item.id == item), None)
    if found is None:
        raise HTTPException(404)
    return found


def _shown(request: Request, who: Person, item: str, *, fault: str = "",
           typed: dict[str, str] | None = None) -> HTMLResponse:
    site: Site = request.app.state.site
    notice = _one(site, who, item)
    with site.session() as session:
        line = _line(session, who, notice)
    return page(request, "notices/notice.html", status=409 if fault else 200, line=line, one=notice, fault=fault,
                typed=typed or {"decision": "", "reason": "", "target": ""}, done=request.query_params.get("done", ""),
                decides=who.may(DECIDES), business_name=deciding.business_name, decision_name=deciding.decision_name)


def _line(session: Session, who: Person, notice: Notice) -> Line:
    brought = notice.item.document if notice.item.state == "stored" else ""
    return Line(notice, brought, _titles(session, who, [notice.target.document, brought]))


def _titles(session: Session, who: Person, codes: list[str]) -> dict[str, str]:
    return {row.code: row.subject or row.code for row in session.execute(select(
        model.Document.code, model.Document.subject).join(
        model.CaseFile, model.CaseFile.code == model.Document.case_file).where(
        model.Document.code.in_([one[:110] for one in codes if one]), within(who.reach)))}


def _fonds(site: Site, session: Session, notice: Notice) -> str:
    """The agency whose notice it is: that of its document, else the one that receives messages here."""
    code = notice.target.case_file
    if not code and notice.target.item and (row := session.get(model.Item, notice.target.item)) is not None:
        code = row.fields.get("fileCode", "")
    parsed = parse_file_code(code, inventory=True) if code else None
    return parsed.agency if parsed else site.settings.agency.code
