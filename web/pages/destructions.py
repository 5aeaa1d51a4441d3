"""Batches for destruction (đợt hủy): how far each is and what is next, what it names, its council and its papers.

Opinions are given on their own page (web/pages/votes.py). Nothing is destroyed from here: who executes a decision does
so at the archive's machine (`luutru destruction apply`), where it is asked twice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Query, Request
from fastapi.responses import FileResponse, HTMLResponse
from sqlalchemy import func, select

from archive import clock, model, procedures
from archive.access import access_of
from archive.catalogue import SOME
from archive.errors import UsageError
from archive.findings import Finding
from archive.forms import papers
from archive.i18n import _, ngettext_
from archive.settings import Settings
from archive.terminal import local_day
from retention.destruction import checking, council, deciding, dossier_parts, keeping, printing
from web.pages import retention_files
from web.pages import retention_reach as reach
from web.people import Person, requires_right
from web.rendering import page
from web.site import Site

router = APIRouter()
A_PAGE = 100
FOLDERS = (keeping.PAPERS, keeping.RECEIVED)
SEEN = Annotated[Person, Depends(requires_right("destructions"))]
Entries = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Seat:
    """A member of the council and how far that one is: items spoken of, those to be kept, and of how many."""

    name: str
    role: str
    post: str
    account: str
    said: int
    keep: int
    of: int


@router.get("/destructions")
def batches_page(request: Request, who: SEEN) -> HTMLResponse:
    """The batches that the person may know of, the newest first, each with its next step."""
    site: Site = request.app.state.site
    with site.session() as session:
        rows = [row for row in session.scalars(select(model.Destruction).order_by(model.Destruction.id.desc()))
                if reach.sees_batch(who, row)]
        item = model.DestructionItem
        counts: dict[tuple[str, str], int] = {
            (batch, state): n for batch, state, n in session.execute(select(
                item.destruction, item.state, func.count()).where(item.destruction.in_([row.id for row in rows]))
                .group_by(item.destruction, item.state))}
    told = [(row, next_step(site.settings, batch, row.state, lacks=_lacks(site, batch, row.state)), counts,
             row.state == "council" and reach.seat(who, row.record) is not None)
            for row in rows for batch in [keeping.Batch(row.record)]]
    return page(request, "destructions/list.html", told=told, state_name=keeping.state_name)


@router.get("/destructions/{name}")
def batch_page(request: Request, who: SEEN, name: str, state: str = "", check: str = "",
               at: int = Query(1, ge=1, le=100_000)) -> HTMLResponse:
    """One batch: its items, its council, what lacks for the next step, its papers, and every step that was taken."""
    site: Site = request.app.state.site
    batch = batch_of(site, who, name)
    chosen = [one for one in batch.items if state in ("", one["state"])]
    last = max(1, -(-len(chosen) // A_PAGE))
    at = min(at, last)
    shown = chosen[(at - 1) * A_PAGE:at * A_PAGE]
    votes = {one.code: one for one in council.votes(batch)} if batch.state == "council" else {}
    noted_items(site, who, batch.id, shown, "destruction")
    open_to = known_items(site, who, shown)
    lacks = _lacks(site, batch, batch.state)
    return page(
        request, "destructions/batch.html", batch=batch, items=shown, total=len(chosen), at=at, last=last, state=state,
        single=sum(bool(one["document"]) for one in chosen),
        ground_name=ground_name, paper=len(batch.standing_paper),
        states=[(one, item_state(one), n) for one in ("proposed", "kept", "removed", "destroyed")
                if (n := sum(told["state"] == one for told in batch.items))],
        votes=votes, open_to=open_to, seats=seats(batch, list(votes.values())), result_name=result_name,
        item_state=item_state, seat=reach.seat(who, batch.record), competence=deciding.competence(site.settings),
        next_step=next_step(site.settings, batch, batch.state, votes=list(votes.values()), lacks=lacks), lacks=lacks,
        files=_files(site, batch), printable=[_paper_name(one) for one in printing.printable(
            site.settings, batch.state, batch)], acts=[_act(one) for one in reversed(batch.acts)], check=bool(check),
        findings=_standing(site, batch) if check and batch.state not in keeping.ENDED else [],
        state_name=keeping.state_name, pending=batch.act("executed").get("pending", ()))


@router.get("/destructions/{name}/files/{path:path}")
def batch_file(request: Request, who: SEEN, name: str, path: str) -> FileResponse:
    """A paper of the batch, as PDF or Word file."""
    site: Site = request.app.state.site
    batch = batch_of(site, who, name)
    return retention_files.answer(site, who, keeping.object_id(batch.id), path, batch.id, FOLDERS)


def batch_of(site: Site, who: Person, name: str) -> keeping.Batch:
    """The batch, where the person may know of it. Raises 404, also while it is being written for the first time."""
    with site.session() as session:
        row = session.get(model.Destruction, name)
    if row is None or not reach.sees_batch(who, row):
        raise HTTPException(404)
    try:
        return keeping.open_batch(site.archive, name)
    except UsageError as error:
        raise HTTPException(404) from error


def known_items(site: Site, who: Person, items: Sequence[Entries]) -> set[str]:
    """The codes of those items, case files and single documents, that the person may know of: they are links."""
    with site.session() as session:
        return reach.known_codes(session, who.reach, [one["code"] for one in items if not one["document"]]) | \
            reach.known_documents(session, who.reach, [one["code"] for one in items if one["document"]])


def noted_items(site: Site, who: Person, subject: str, items: Sequence[Entries], what: str) -> None:
    """Write down who looks at a list (`subject`) that names case files or documents which are not open."""
    documents, homes = ([one["code"] for one in items if bool(one["document"]) is single] for single in (True, False))
    row, home = model.Document, model.CaseFile
    told = [(homes, home.code, select(home.fields, home.fields)),
            (documents, row.code, select(row.fields, home.fields).join(home, home.code == row.case_file))]
    with site.session() as session:
        for codes, column, asked in told:
            for start in range(0, len(codes), SOME):
                for fields, of_home in session.execute(asked.where(column.in_(codes[start:start + SOME]))):
                    if access_of(fields, of_home) == "restricted":
                        site.note("viewed", subject, who, access="restricted", what=what)
                        return


# --- in words ------------------------------------------------------------------------------------------------------


def next_step(settings: Settings, batch: keeping.Batch, state: str, *, votes: Sequence[council.Vote] = (),
              lacks: Sequence[str] = ()) -> str:
    """What is to be done next with a batch, by whom, and until when."""
    if state == "council":
        return _of_council(batch, votes)
    if state == "concluded":
        return _of_decision(settings, batch, lacks)
    if state in ("approved", "executing"):
        dated = str(batch.act("approved").get("dated", ""))
        last = date.fromisoformat(dated) + timedelta(days=settings.destruction.apply_days) if dated else None
        return _("To be executed until {day}, at the archive's machine: luutru destruction apply {id}").format(
            id=batch.id, day=local_day(last.isoformat()) if last else "…")
    if state == "partly":
        days = [one["until"] for one in batch.act("executed").get("pending", ()) if one.get("until")]
        return _("Something still holds copies of it; say luutru destruction apply {id} again on {day}.").format(
            id=batch.id, day=local_day(max(days)) if days else "…")
    if state == "cancelled":
        return _("Cancelled: {reason}").format(reason=batch.act("cancelled").get("reason", "") or _(
            "the council keeps everything"))
    if state == "closed":
        return _("The dossier is kept until {day}.").format(day=local_day(str(batch.record.get("keep_until", ""))))
    return {
        "listed": _("An archivist looks through the list, takes out what is still needed, and freezes it: luutru "
                    "destruction plan {id}"),
        "planned": _("A council is named by a decision: luutru destruction council {id}"),
        "returning": _("Kept items get their new period with the next command or night."),
        "destroyed": _("The papers on the execution are printed and signed, then the dossier is closed: luutru "
                       "destruction papers {id}, luutru destruction close {id}"),
        "failed": _("What was executed is not what was approved: tell who answers for the archive; the steps below "
                    "say more."),
        procedures.WRITING: _("A step is being written; it is told in full by the next command or night."),
        }.get(state, "").format(id=batch.id)


def _of_council(batch: keeping.Batch, votes: Sequence[council.Vote]) -> str:
    waits = sum(one.result == "open" for one in votes)
    ties = sum(one.result == "tie" and not one.settled for one in votes)
    if waits or not votes:
        told = ngettext_("The members give their opinions; {n} item still waits for some.",
                         "The members give their opinions; {n} items still wait for some.", waits)
        return told.format(n=waits) if votes else _("The members give their opinions.")
    if ties:
        return ngettext_("The votes are equal on {n} item: the chair settles it.",
                         "The votes are equal on {n} items: the chair settles them.", ties).format(n=ties)
    return _("Every item is decided. An archivist ends the council after its meeting: luutru destruction conclude {id}"
             ).format(id=batch.id)


def _of_decision(settings: Settings, batch: keeping.Batch, lacks: Sequence[str]) -> str:
    appraiser = deciding.competence(settings).appraiser
    opinion = batch.act("appraised")
    if lacks:
        return _("The papers are printed and signed: luutru destruction papers {id}").format(id=batch.id)
    if appraiser and (not opinion or opinion["plan_hash"] != batch.plan_hash):
        return _("The appraisal opinion of {appraiser} is asked for and taken in: luutru destruction appraisal {id}"
                 ).format(appraiser=appraiser, id=batch.id)
    return _("{who} decides; the signed decision is taken in: luutru destruction approve {id}").format(
        who=deciding.competence(settings).decides, id=batch.id)


def result_name(vote: council.Vote) -> str:
    """How the council stands on an item, in words."""
    told = {"destroy": _("council: destroy"), "keep": _("council: keep"), "tie": _("votes are equal"),
            "open": _("opinions lack")}
    if vote.settled:
        return _("settled by the chair: {what}").format(what={"destroy": _("destroy"), "keep": _("keep")}[vote.settled])
    return told[vote.result]


def item_state(state: str) -> str:
    """What became of an item of a batch, in words."""
    return {"proposed": _("to be destroyed"), "removed": _("taken out"), "kept": _("kept by the council"),
            "destroyed": _("destroyed")}.get(state, state)


def ground_name(reason: str) -> str:
    """Why an item may be destroyed, in words; empty where its period is over, as usual."""
    return {keeping.DUPLICATE: _("there twice"), keeping.HANDED: _("handed over and signed for")}.get(reason, "")


def role_name(role: str) -> str:
    """A role in the council, in words."""
    return {"chair": _("chair"), "secretary": _("secretary"), "owner": _("member, of the unit that owns the records"),
            "expert": _("member, knows the field"), "member": _("member")}.get(role, role)


def seats(batch: keeping.Batch, votes: Sequence[council.Vote]) -> list[Seat]:
    """The members of the council in the order of the decision, and how far each of them is."""
    found = []
    for one in batch.record.get("council", {}).get("members", ()):
        name = one["name"]
        keep = sum(name in vote.against for vote in votes)
        said = keep + sum(name in vote.agree for vote in votes)
        found.append(Seat(name, role_name(one["role"]), one.get("post", ""), one.get("account", ""), said, keep,
                          len(votes)))
    return found


def _act(act: Entries) -> dict[str, str]:
    more = [str(act[key]) for key in ("number", "reason", "note") if act.get(key)]
    if act.get("dated"):
        more.append(local_day(str(act["dated"])))
    if act.get("plan_hash") and act["act"] in ("planned", "concluded", "approved"):
        more.append(f"SHA-256 {str(act['plan_hash'])[:12]}…")
    if act["act"] == "opined":
        more += sorted({str(one["member"]) for one in act.get("opinions", ())})
    return {"at": act["at"], "by": act["by"], "what": keeping.act_name(act["act"]), "more": " · ".join(more)}


# --- papers, and what stands in the way ----------------------------------------------------------------------------


def _files(site: Site, batch: keeping.Batch) -> list[dict[str, Any]]:
    """The papers by what they are, each with its files (PDF, DOCX) and their hashes."""
    found: dict[str, dict[str, Any]] = {}
    for one in dossier_parts.there(site.archive, batch):
        folder, _slash, rest = one["path"].partition("/")
        stem, _dot, ending = rest.partition(".")
        row = found.setdefault(f"{folder}/{stem}", {
            "name": _paper_name(stem), "taken_in": folder == keeping.RECEIVED, "files": []})
        row["files"].append({"path": one["path"], "kind": ending.upper() if "." not in ending else ending,
                             "sha256": one["sha256"], "size": one["size"]})
    for told in found.values():
        told["files"].sort(key=lambda one: one["kind"] != "PDF")
    return list(found.values())


def _paper_name(stem: str) -> str:
    told = papers.kinds().get(stem)
    if told is not None:
        return told.name
    part = next((one for one in dossier_parts.parts() if stem in (one.kind, one.received)), None)
    return part.name if part is not None else stem


def _lacks(site: Site, batch: keeping.Batch, state: str) -> list[str]:
    """The papers that are due before the next step and not there."""
    before = {"concluded": "decision", "destroyed": "close"}.get(state, "")
    return [one.name for one in dossier_parts.missing(site.archive, batch, before)] if before else []


def _standing(site: Site, batch: keeping.Batch) -> list[Finding]:
    """What stands in the way now: of the items (held, linked, a longer period), and of the papers."""
    with site.session() as session:
        found = checking.standing(site.archive, session, batch.standing, checking.today(clock.now()), but=batch.id)
    return [*found, *(checking.papers(site.archive, batch) if batch.state == "concluded" else [])]
