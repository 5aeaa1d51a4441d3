"""Opinions of the council on a batch: one an item or for many at once, and the chair's word where votes are equal.

Who sits on the council by the account that the decision's record names speaks for themselves and for nobody else. The
acts are those of `luutru destruction opinion` and `settle` (retention/destruction/council.py); all words are kept.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, HTTPException, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.datastructures import FormData

from archive import clock
from archive.errors import RefusedError, UsageError
from archive.findings import Finding, Level, worst
from archive.i18n import _
from archive.opening import Archive
from archive.retention_text import FOREVER, LONGEST
from retention import objects
from retention.destruction import council, keeping
from web.pages import retention_reach as reach
from web.pages.destructions import SEEN, batch_of, known_items, noted_items, role_name
from web.people import Person
from web.rendering import page
from web.site import Site

router = APIRouter()
AT_ONCE = 50
Entries = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Row:
    """An item before the person: what it is, and what they have said of it so far (empty: nothing yet)."""

    item: Entries
    opinion: str
    reason: str
    years: str              # as it is typed: a number, or "permanent"


async def form_of(request: Request) -> FormData:
    """The form that was sent."""
    return await request.form()


_SENT = Annotated[FormData, Depends(form_of)]


@router.get("/destructions/{name}/vote")
def vote_page(request: Request, who: SEEN, name: str) -> HTMLResponse:
    """The items with what the person has said of each, and for the chair those on which the votes are equal."""
    site: Site = request.app.state.site
    batch = batch_of(site, who, name)
    seat = reach.seat(who, batch.record)
    if seat is None:
        raise HTTPException(404)
    return _shown(request, who, batch, seat)


@router.post("/destructions/{name}/vote")
def voted(request: Request, who: SEEN, name: str, form: _SENT) -> Response:
    """Give opinions: those of the rows, or one for many at once. A later word takes the place of an earlier one."""
    site: Site = request.app.state.site
    if reach.seat(who, batch_of(site, who, name).record) is None:
        raise HTTPException(404)
    said, count = "", 0
    findings: list[Finding] = []
    with site.writing() as archive:
        objects.catch_up(archive)
        batch = keeping.open_batch(archive, name)
        seat = reach.seat(who, batch.record)
        if seat is None or mark(batch, seat["name"]) != form.get("mark"):
            said = _stale()
        else:
            try:
                words = _many(batch, seat["name"], form) if form.get("act") == "many" else _rows(
                    batch, seat["name"], form)
                count = sum(len(one["codes"]) for one in words)
                findings = council.opine(archive, name, words, by=who.actor, at=clock.now())[1] if words else []
            except (UsageError, RefusedError) as refused:
                said = str(refused)
    if said or worst(findings) >= Level.refused:
        batch = batch_of(site, who, name)
        return _shown(request, who, batch, _seat(who, batch), status=409, said=said, findings=findings, typed=form)
    done = "said" if count else "unchanged"
    return RedirectResponse(_address(name, request, done=done, count=str(count)), 303)


@router.post("/destructions/{name}/settle")
def settled(request: Request, who: SEEN, name: str, form: _SENT) -> Response:
    """The chair settles the items that were ticked, on which the votes are equal."""
    site: Site = request.app.state.site
    if (seat := reach.seat(who, batch_of(site, who, name).record)) is None or seat["role"] != "chair":
        raise HTTPException(404)
    codes = [str(one) for one in form.getlist("tie")]
    said = ""
    findings: list[Finding] = []
    with site.writing() as archive:
        objects.catch_up(archive)
        batch = keeping.open_batch(archive, name)
        mine = reach.seat(who, batch.record)
        if mine is None or mine["role"] != "chair" or ties_mark(batch) != form.get("mark"):
            said = _stale()
        else:
            try:
                findings = _settle(archive, name, codes, form, who.actor)
            except (UsageError, RefusedError) as refused:
                said = str(refused)
    if said or worst(findings) >= Level.refused:
        batch = batch_of(site, who, name)
        return _shown(request, who, batch, _seat(who, batch), status=409, said=said, findings=findings)
    return RedirectResponse(_address(name, request, done="settled", count=str(len(codes))), 303)


def mark(batch: keeping.Batch, member: str) -> str:
    """What a form carries to notice that the list changed, or that the member spoke elsewhere meanwhile."""
    mine = [one["at"] for one in batch.opinions if one["member"] == member]
    return hashlib.sha256(repr((batch.state, batch.plan_hash, mine)).encode()).hexdigest()[:32]


def ties_mark(batch: keeping.Batch) -> str:
    """The same of the items that the chair is to settle."""
    votes = [(one.code, one.result, one.settled) for one in council.votes(batch)] if batch.state == "council" else []
    return hashlib.sha256(repr((batch.state, batch.plan_hash, votes)).encode()).hexdigest()[:32]


def _stale() -> str:
    return _("The list, or what you said of it, has changed meanwhile. It is shown as it is now: look again before you "
             "give your opinion. Nothing was changed.")


def _seat(who: Person, batch: keeping.Batch) -> Entries:
    seat = reach.seat(who, batch.record)
    if seat is None:
        raise HTTPException(404)
    return seat


def _address(name: str, request: Request, **more: str) -> str:
    kept = {key: value for key, value in request.query_params.items() if key in ("at", "show")}
    return f"/destructions/{name}/vote?{urlencode({**kept, **more})}"


def ballot(batch: keeping.Batch) -> list[Entries]:
    """What the council decides on: the items that stand, and the case files of which there is nothing but paper."""
    return [*batch.standing, *({"document": "", "retention": "", "until": 0, "pages": 0, **one}
                               for one in batch.paper_only)]


# --- what is shown -------------------------------------------------------------------------------------------------


def _shown(request: Request, who: Person, batch: keeping.Batch, seat: Entries, *, status: int = 200, said: str = "",
           findings: Sequence[Finding] = (), typed: FormData | None = None) -> HTMLResponse:
    site: Site = request.app.state.site
    votes = council.votes(batch) if batch.state == "council" else []
    own = _own(batch, seat["name"])
    show = request.query_params.get("show", "")
    items = ballot(batch)
    rows = [_row(item, own.get(item["code"])) for item in items
            if show != "open" or item["code"] not in own]
    number = request.query_params.get("at", "1")
    last = max(1, -(-len(rows) // AT_ONCE))
    at = min(max(1, int(number)) if number.isascii() and number.isdecimal() and len(number) < 6 else 1, last)
    shown = [_typed(row, typed) for row in rows[(at - 1) * AT_ONCE:at * AT_ONCE]]
    noted_items(site, who, batch.id, [row.item for row in shown], "destruction")
    open_to = known_items(site, who, [row.item for row in shown])
    named = {item["code"]: item for item in items}
    return page(
        request, "destructions/vote.html", status=status, batch=batch, seat=seat, role=role_name(seat["role"]),
        rows=shown, total=len(rows), at=at, last=last, show=show, open_to=open_to, said=said, findings=findings,
        done=request.query_params.get("done", ""), count=request.query_params.get("count", ""),
        spoken=sum(item["code"] in own for item in items), all=len(items),
        votes_now=batch.state == "council", mark=mark(batch, seat["name"]), ties_mark=ties_mark(batch),
        ties=[(vote, named[vote.code]) for vote in votes if vote.result == "tie"] if seat["role"] == "chair" else [],
        many={name: str(typed.get(f"many.{name}", "")) if typed else "" for name in (
            "opinion", "which", "reason", "years")}, state_name=keeping.state_name, longest=LONGEST)


def _own(batch: keeping.Batch, member: str) -> dict[str, Entries]:
    """What a member has said of each item: the last word on it (as retention/destruction/council.py counts)."""
    found: dict[str, Entries] = {}
    for one in batch.opinions:
        if one["member"] == member:
            codes = one["codes"] or [item["code"] for item in ballot(batch) if item["code"] not in found]
            found |= dict.fromkeys(codes, one)
    return found


def _row(item: Entries, said: Entries | None) -> Row:
    if said is None:
        return Row(item, "", "", "")
    years = int(said.get("years") or 0)
    return Row(item, said["opinion"], said["reason"], "permanent" if years == FOREVER else str(years or ""))


def _typed(row: Row, form: FormData | None) -> Row:
    """The row as it was typed, where a form came back."""
    code = row.item["code"]
    if form is None or f"opinion.{code}" not in form:
        return row
    return Row(row.item, str(form[f"opinion.{code}"]), str(form.get(f"reason.{code}", "")),
               str(form.get(f"years.{code}", "")))


# --- what is said --------------------------------------------------------------------------------------------------


def _rows(batch: keeping.Batch, member: str, form: FormData) -> list[dict[str, Any]]:
    """The opinions of single rows that differ from what the member has said before; those of one mind together."""
    own = _own(batch, member)
    words: dict[tuple[str, str, int], list[str]] = {}
    for item in ballot(batch):
        code = item["code"]
        opinion = str(form.get(f"opinion.{code}", ""))
        if opinion not in (council.DESTROY, council.KEEP):
            continue
        reason = str(form.get(f"reason.{code}", "")).strip()[:1000]
        years = _years(str(form.get(f"years.{code}", ""))) if opinion == council.KEEP else 0
        before = own.get(code)
        if before is None or (before["opinion"], before["reason"], int(before.get("years") or 0)) != (
                opinion, reason, years):
            words.setdefault((opinion, reason, years), []).append(code)
    return [_word(member, opinion, codes, reason, years) for (opinion, reason, years), codes in words.items()]


def _many(batch: keeping.Batch, member: str, form: FormData) -> list[dict[str, Any]]:
    """One opinion for the ticked items, for those not spoken of yet, or for the whole list."""
    opinion, which = str(form.get("many.opinion", "")), str(form.get("many.which", ""))
    if opinion not in (council.DESTROY, council.KEEP):
        raise UsageError(_("Choose what is to become of the items: destroy or keep."))
    own = _own(batch, member)
    picked = {str(one) for one in form.getlist("pick")}
    codes = [item["code"] for item in ballot(batch) if which == "all" or (
        item["code"] not in own if which == "open" else item["code"] in picked)]
    if not codes:
        raise UsageError(_("No item is chosen: tick some, or take all of which you have not spoken yet."))
    return [_word(member, opinion, codes, str(form.get("many.reason", "")).strip()[:1000],
                  _years(str(form.get("many.years", ""))) if opinion == council.KEEP else 0)]


def _word(member: str, opinion: str, codes: Sequence[str], reason: str, years: int) -> dict[str, Any]:
    return {"member": member, "opinion": opinion, "codes": list(codes), "reason": reason, "years": years}


def _years(typed: str) -> int:
    """Years as they are typed; FOREVER for permanent, 0 for what is no number of years."""
    typed = typed.strip().lower()
    if typed in ("permanent", "vv", "vĩnh viễn"):
        return FOREVER
    return int(typed) if typed.isascii() and typed.isdecimal() and len(typed) < 4 else 0


def _settle(archive: Archive, name: str, codes: Sequence[str], form: FormData, by: str) -> list[Finding]:
    opinion = str(form.get("opinion", ""))
    if not codes or opinion not in (council.DESTROY, council.KEEP):
        raise UsageError(_("Tick the items and choose what is to become of them: destroy or keep."))
    reason = str(form.get("reason", "")).strip()[:1000]
    if not reason:
        raise UsageError(_("The chair says why: the reason stands in the minutes."))
    years = _years(str(form.get("years", ""))) if opinion == council.KEEP else 0
    return council.settle(archive, name, codes, opinion, reason, years, by=by, at=clock.now())[1]
