"""Hand-overs (thu nộp), both sides: how far each is, what waits for us and until when, its case files and papers.

The archive centre answers a registration, passes or fails what came, approves, gives back on line and concludes: the
acts of `luutru transfer answer`, `examine`, `approve`, `return --online` and `close`. The agency concludes its side.
What needs a disk is done at the archive's machine.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, HTTPException, Request, Response
from fastapi.responses import FileResponse, HTMLResponse, RedirectResponse
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from archive import clock, model
from archive.access import OPEN_MODES
from archive.errors import RefusedError, UsageError
from archive.findings import Finding, Level, worst
from archive.forms import papers
from archive.i18n import _, language
from archive.opening import Archive
from archive.terminal import local_day
from ingest.commands.transfer_showing import act_name
from ingest.transfer_tools import tools
from retention import objects as every_object
from retention.deadlines import ground_of
from retention.transfer import concluding, doing, examining, objects, receiving, terms
from web.pages import retention_files
from web.pages import retention_reach as reach
from web.pages.retention_outlook import today
from web.pages.review import sent
from web.people import NotAllowedError, Person, requires_right
from web.rendering import page
from web.site import Site

router = APIRouter()
A_PAGE = 50
FOLDERS = (objects.PAPERS, objects.MESSAGES, objects.RECEIVED)
MOST_AT_ONCE, MOST_BYTES = 60, 300 << 20
"""Packages, and their bytes, that are examined from a page: more takes too long for a browser to wait for."""
_SEEN = Annotated[Person, Depends(requires_right("transfers"))]
_ACTING = Annotated[Person, Depends(requires_right("receive"))]
_OWN = {objects.ARCHIVE: "receive", objects.AGENCY: "hand_over"}     # whose right it is to conclude a side
_SENT = Annotated[dict[str, str], Depends(sent)]
Entries = Mapping[str, Any]
# Files of papers → kinds of archive/forms/papers.toml.
_PAPERS = {"letter": "transfer_letter", "list": "submission_list_files", "receipt": "transfer_receipt",
           "delivery": "submission_minutes_delivery", "approval": "submission_minutes_approval",
           "returned": "returned_list", "return-minutes": "handover_minutes", "handover": "handover_minutes",
           "confirmation": "transfer_confirmation"}
_Act = Callable[[Archive, doing.Who], doing.Done]


@router.get("/transfers")
def transfers_page(request: Request, who: _SEEN, side: str = "", open: str = "") -> HTMLResponse:
    """The hand-overs that the person may know of: what waits for us first, then by code."""
    site: Site = request.app.state.site
    ground = ground_of(site.settings)
    with site.session() as session:
        rows = [row for row in session.scalars(select(model.Transfer).order_by(model.Transfer.code.desc()))
                if row.record and side in ("", row.side) and not (open and row.state in objects.OVER)
                and reach.sees_transfer(who, row, _codes(session, who, row.code))]
        item = model.TransferItem
        counts = {row[0]: row[1] for row in session.execute(select(item.transfer, func.count()).where(
            item.transfer.in_([row.code for row in rows])).group_by(item.transfer))}
    told: list[dict[str, Any]] = []
    for row in rows:
        ours, following = waits(row.record, row.state)
        told.append({"row": row, "ours": ours, "next": following, "files": counts.get(row.code, 0),
                     "due": terms.of_transfer(row.record, today(), ground)})
    told.sort(key=lambda one: (not one["ours"], one["due"][0].due.isoformat() if one["due"] else "9999"))
    return page(request, "transfers/list.html", told=told, side=side, open=bool(open), state_name=objects.state_name)


@router.get("/transfers/{code}")
def transfer_page(request: Request, who: _SEEN, code: str) -> HTMLResponse:
    """One hand-over: what is next, the receipt's ten values, its case files, what comes back, its papers."""
    site: Site = request.app.state.site
    return _shown(request, who, transfer_of(site, who, code), done=request.query_params.get("done", ""))


@router.get("/transfers/{code}/files/{path:path}")
def transfer_file(request: Request, who: _SEEN, code: str, path: str) -> FileResponse:
    """A paper or message of the hand-over."""
    site: Site = request.app.state.site
    transfer_of(site, who, code)
    return retention_files.answer(site, who, objects.object_id(code), path, code, FOLDERS)


@router.post("/transfers/{code}/answer")
def answered(request: Request, who: _ACTING, code: str, form: _SENT) -> Response:
    """Agree to a registration, or refuse it with a reason of TT 05/2025/TT-BNV Đ21.3."""
    reasons = [reason for reason in receiving.REASONS if form.get(f"reason.{reason}")]
    agreed = form.get("answer") == "agree"

    def act(archive: Archive, by: doing.Who) -> doing.Done:
        if form.get("answer") not in ("agree", "refuse"):
            raise UsageError(_("Say whether the registration is agreed to or refused."))
        return receiving.answer(
            archive, code, agreed=agreed, reasons=() if agreed else reasons, plan=form.get("plan", "")[:1000],
            note=form.get("note", "")[:1000], day=form.get("day", "")[:10] if agreed else "", who=by)

    return _done(request, who, code, form, act, "answered")


@router.post("/transfers/{code}/examine")
def examined(request: Request, who: _ACTING, code: str, form: _SENT) -> Response:
    """Examine what came, with the officer's verdicts: passed in spite of a finding, or failed, each for a reason."""
    numbered = [(name.removeprefix("verdict."), value) for name, value in form.items() if name.startswith("verdict.")]

    def act(archive: Archive, by: doing.Who) -> doing.Done:
        transfer = objects.open_transfer(archive, code, objects.ARCHIVE)
        codes = {str(one["n"]): one["code"] for one in transfer.items}
        if not few(transfer):
            raise RefusedError(_("There is too much to examine from a page: luutru transfer examine {code}").format(
                code=code))
        verdicts = [examining.Verdict(codes[n], value == "pass", form.get(f"reason.{n}", "").strip()[:1000])
                    for n, value in numbered if value in ("pass", "fail") and n in codes]
        return examining.examine(archive, code, verdicts, tools(archive.settings), by)

    return _done(request, who, code, form, act, "examined")


@router.post("/transfers/{code}/approve")
def approved(request: Request, who: _ACTING, code: str, form: _SENT) -> Response:
    """Write the decision down; what passed goes into the inbox, for the night to take in."""
    def act(archive: Archive, by: doing.Who) -> doing.Done:
        return examining.approve(archive, code, form.get("number", "")[:100], form.get("dated", "")[:10],
                                 _people(form), tools(archive.settings), by)

    return _done(request, who, code, form, act, "approved")


@router.post("/transfers/{code}/return")
def given_back(request: Request, who: _ACTING, code: str, form: _SENT) -> Response:
    """Give back what failed, on line: the list with the reasons and the minutes; the agency fetches its packages."""
    site: Site = request.app.state.site

    def act(archive: Archive, by: doing.Who) -> doing.Done:
        if not site.settings.service.on:
            raise RefusedError(_("The archive service is off: luutru transfer return {code} --to DISK").format(
                code=code))
        return examining.give_back(archive, code, None, _people(form), by)

    return _done(request, who, code, form, act, "returned")


@router.post("/transfers/{code}/close")
def closed(request: Request, who: _SEEN, code: str, form: _SENT) -> Response:
    """Conclude: the receiving archive signs that everything is stored; the agency ends its side."""
    site: Site = request.app.state.site
    side = transfer_of(site, who, code).record["side"]
    if not who.may(_OWN[side]):
        raise NotAllowedError

    def act(archive: Archive, by: doing.Who) -> doing.Done:
        if side == objects.AGENCY:
            return concluding.close(archive, code, by)
        if not few(objects.open_transfer(archive, code), "approved"):
            raise RefusedError(_("There is too much to read again from a page: luutru transfer close {code}").format(
                code=code))
        return examining.close(archive, code, _people(form), tools(archive.settings), by)

    return _done(request, who, code, form, act, "closed")


def _people(form: Mapping[str, str]) -> dict[str, str]:
    return {name: form.get(name, "").strip()[:200] for name in ("giver", "taker")}


def _done(request: Request, who: Person, code: str, form: Mapping[str, str], act: _Act, done: str) -> Response:
    """Do an act as the newest owner of the archive, and show what came of it."""
    site: Site = request.app.state.site
    transfer_of(site, who, code)
    said, told = "", doing.Done(objects.Transfer({}, ()))
    with site.writing() as archive:
        every_object.catch_up(archive)
        if mark(objects.open_transfer(archive, code)) != form.get("mark"):
            said = _("Somebody else has acted on this hand-over meanwhile. It is shown as it is now: look again.")
        else:
            try:
                told = act(archive, doing.Who(who.actor, clock.now()))
            except (UsageError, RefusedError) as refused:
                said = str(refused)
    if said or told.refused or worst(told.findings) >= Level.warning:
        nothing = bool(said) or not told.written
        return _shown(request, who, transfer_of(site, who, code), status=409 if nothing else 200, said=said,
                      findings=told.findings, done="" if nothing else done, typed=form if nothing else {})
    return RedirectResponse(f"/transfers/{code}?{urlencode({'done': done})}", 303)


def mark(transfer: objects.Transfer) -> str:
    """What a form carries to notice that somebody acted meanwhile."""
    return f"{transfer.state}.{len(transfer.acts)}"


def transfer_of(site: Site, who: Person, code: str) -> objects.Transfer:
    """The hand-over, where the person may know of it. Raises 404."""
    with site.session() as session:
        row = session.get(model.Transfer, code)
        seen = row is not None and reach.sees_transfer(who, row, _codes(session, who, code))
    if not seen:
        raise HTTPException(404)
    try:
        return objects.open_transfer(site.archive, code)
    except UsageError as error:
        raise HTTPException(404) from error


def _codes(session: Session, who: Person, code: str) -> list[str]:
    """The case files of a hand-over, where they matter: whose account has the whole archive is not asked for them."""
    return [] if who.whole_archive else list(session.scalars(select(model.TransferItem.code).where(
        model.TransferItem.transfer == code)))


def few(transfer: objects.Transfer, *states: str) -> bool:
    """Whether what came (or the case files in `states`) can be read while a browser waits."""
    came = transfer.in_state(*(states or ("waiting", "passed", "failed")))
    return len(came) <= MOST_AT_ONCE and sum(int(one.get("size") or 0) for one in came) <= MOST_BYTES


# --- what is shown -------------------------------------------------------------------------------------------------


def _shown(request: Request, who: Person, transfer: objects.Transfer, *, status: int = 200, said: str = "",
           done: str = "", findings: Sequence[Finding] = (), typed: Mapping[str, str] | None = None) -> HTMLResponse:
    site: Site = request.app.state.site
    number = request.query_params.get("at", "1")
    last = max(1, -(-len(transfer.items) // A_PAGE))
    at = min(max(1, int(number)) if number.isascii() and number.isdecimal() and len(number) < 7 else 1, last)
    shown = transfer.items[(at - 1) * A_PAGE:at * A_PAGE]
    if any(one.get("mode") and one["mode"] not in OPEN_MODES for one in shown):
        site.note("viewed", transfer.code, who, access="restricted", what="transfer")
    ours, following = waits(transfer.record, transfer.state)
    with site.session() as session:
        open_to = reach.known_codes(session, who.reach, [one["code"] for one in shown])
    side = transfer.record["side"]
    acts = who.may("receive") and side == objects.ARCHIVE
    left = transfer.in_state("failed" if side == objects.ARCHIVE else "approved")
    ends = who.may(_OWN[side]) and not left and transfer.state in (
        ("approved",) if side == objects.ARCHIVE else ("approved", "confirmed"))
    return page(
        request, "transfers/transfer.html", status=status, transfer=transfer, told=transfer.record, items=shown, at=at,
        last=last, ours=ours, next_step=following, receipt=_receipt(site, transfer), files=_files(site, transfer.code),
        due=terms.of_transfer(transfer.record, today(), ground_of(site.settings)), said=said, done=done,
        findings=findings, typed=typed or {}, mark=mark(transfer), acts=[_act(one) for one in reversed(transfer.acts)],
        back=transfer.in_state("failed", "returned", "missing"), open_to=open_to, state_name=objects.state_name,
        answers=acts and transfer.state == "registered", few=few(transfer), language=language(),
        examines=acts and transfer.state in ("waiting", "short", "examined"), of_item=_findings,
        approves=acts and transfer.state == "examined", ends=ends, left=len(left), centre=side == objects.ARCHIVE,
        gives_back=acts and transfer.state == "approved" and bool(left), online=site.settings.service.on,
        closable=side == objects.AGENCY or few(transfer, "approved"),
        reasons=[(one, reason_name(one)) for one in receiving.REASONS], today=today().isoformat())


def waits(record: Entries, state: str) -> tuple[bool, str]:
    """Whether a hand-over waits for us, and for what, in words."""
    code = record["code"]
    if record["side"] == objects.ARCHIVE:
        told = {
            "registered": (True, _("The registration is to be answered.")),
            "agreed": (False, _("The delivery is awaited: luutru transfer receive {code} DISK")),
            "short": (False, _("A further delivery is awaited: something did not come.")),
            "waiting": (True, _("What came is to be examined.")),
            "examined": (True, _("The result of the examination is to be decided on.")),
            "approved": (True, _("What failed is returned, on line or on a disk (luutru transfer return {code} --to "
                                 "DISK); when the night has taken in what passed, the hand-over is concluded."))}
    else:
        told = {
            "registered": (False, _("The archive's answer is awaited.")),
            "agreed": (True, _("The packages are to be made: luutru transfer prepare {code} --to FOLDER")),
            "prepared": (True, _("The packages are to be sent: luutru transfer send {code} --from FOLDER --to DISK")),
            "sent": (False, _("The archive's receipt is awaited.")),
            "short": (True, _("What did not come is to be sent again.")),
            "waiting": (False, _("The archive examines what came.")),
            "received": (False, _("The archive examines what came.")),
            "approved": (False, _("The archive's signed confirmation is awaited; nothing here may go before.")),
            "confirmed": (True, _("The hand-over is to be concluded."))}
    told |= {"refused": (False, _("The registration was refused.")), "closed": (False, _("It is concluded."))}
    ours, said = told.get(state, (False, ""))
    return ours, said.format(code=code)


def reason_name(reason: str) -> str:
    """A reason for refusing a registration, in words (TT 05/2025/TT-BNV Đ21.3)."""
    return {"composition": _("wrong composition of the records"), "declaration": _("unclear or incomplete declaration"),
            "capacity": _("more than can be received (say when it can be)"), "other": _("another reason (say which)")
            }[reason]


def _receipt(site: Site, transfer: objects.Transfer) -> Entries:
    """The ten values of the newest receipt (TT 05/2025/TT-BNV Đ23.1); empty before there is one."""
    path = next((one for one in reversed(objects.made(site.archive.store, transfer.code))
                 if one.endswith("-receipt.json")), "")
    if not path:
        return {}
    told = json.loads(site.archive.store.read(objects.object_id(transfer.code), path))
    return {"values": told["values"], "complete": told["complete"], "missing": told["missing"],
            "virus": told.get("virus", "")}


def _files(site: Site, code: str) -> list[dict[str, Any]]:
    """Papers and messages, the newest act first."""
    found = []
    for path, stored in objects.made(site.archive.store, code).items():
        version, _hyphen, name = path.rpartition("/")[2].partition("-")
        found.append({"path": path, "name": name, "title": title_of(name), "size": stored.size,
                      "folder": path.partition("/")[0], "version": int(version)})
    return sorted(found, key=lambda one: (-int(str(one["version"])), str(one["name"])))


def title_of(name: str) -> str:
    """What a paper or message of a hand-over is, by the name of its file."""
    stem, _dot, ending = name.rpartition(".")
    if ending == "json":
        return {"registration": _("message: registration"), "answer": _("message: answer"),
                "manifest": _("message: list of the packages"), "receipt": _("message: receipt"),
                "result": _("message: result"), "confirmation": _("message: confirmation")}.get(stem, name)
    kind = "document_list" if stem.startswith("documents-") else _PAPERS.get(stem, "")
    return papers.kinds()[kind].name if kind else name


def _findings(item: Entries) -> list[Finding]:
    """What the examination found of a case file, the worst first; without what is in order."""
    found = [Finding.from_dict(one) for one in item.get("findings", ())]
    return sorted((one for one in found if one.level >= Level.warning), key=lambda one: -one.level)[:5]


def _act(act: Entries) -> dict[str, str]:
    more = []
    if "agreed" in act:
        more.append(_("agreed") if act["agreed"] else _("refused: {why}").format(
            why=", ".join(reason_name(one) for one in act["reasons"] if one in receiving.REASONS)))
    more += [str(act[key]) for key in ("note", "plan", "count_result") if act.get(key)]
    if decision := act.get("decision"):
        more.append(f"{decision['number']}, {local_day(str(decision['day']))}")
    if act["act"] == "examined":
        more.append(_("{passed} passed, {failed} failed").format(passed=act["passed"], failed=len(act["failed"])))
    return {"at": act["at"], "by": act["by"], "what": act_name(act["act"]), "more": " · ".join(more)}
