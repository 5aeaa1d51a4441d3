"""`luutru destruction`: the way to a destruction, from the yearly list to the dossier; more in destruction_*.py."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from archive.commands.groups import Steps
from archive.i18n import _
from retention.commands.destruction_showing import SHOWN, answer, brief, changes, owned, short, who

_ELSEWHERE = {**{name: ("retention.commands.destruction_council", attribute) for name, attribute in (
    ("council", "council"), ("opinion", "opinion"), ("settle", "settle"), ("conclude", "conclude"))},
    **{name: ("retention.commands.destruction_executing", attribute) for name, attribute in (
        ("papers", "papers"), ("receive", "receive"), ("appraisal", "appraisal"), ("apply", "apply"),
        ("close", "close"), ("certificate", "certificate"))}}
ORDER = ("due", "plan", "council", "opinion", "settle", "conclude", "papers", "receive", "appraisal", "approve",
         "apply", "close", "certificate", "cancel", "show", "list", "explain")


@click.group(cls=Steps, order=ORDER, elsewhere=_ELSEWHERE,
             help=_("Destruction (hủy tài liệu): list, plan, council, decision, proof, dossier."))
def command() -> None:
    """The way to a destruction."""


@command.command("due", help=_("List what is expired (“Xem xét hủy”), a batch of each fonds; tell what is due soon."))
@click.option("--on", default="", metavar="YYYY-MM-DD", help=_("the day; today"))
@click.option("--fonds", default="", help=_("only this fonds (agency code)"))
@click.option("--handed-over", "ground", flag_value="handed",
              help=_("list instead what another archive signed for (đã nộp lưu)"))
@click.option("--duplicates", "ground", flag_value="duplicate",
              help=_("list instead what is there twice (trùng lặp): whole case files, and single documents"))
@changes
@click.pass_context
def due(ctx: click.Context, on: str, fonds: str, ground: str | None, by: str, dry_run: bool, as_json: bool) -> None:
    """The yearly run (TT 05/2025/TT-BNV Đ48). Nothing is destroyed or changed by being listed."""
    from archive import clock
    from archive.errors import UsageError
    from archive.terminal import console, print_json
    from retention.destruction import keeping, listing
    from retention.tables.reading import is_day

    now = clock.now()
    today = clock.in_vietnam(now).date().isoformat()
    if on and not is_day(on):
        raise UsageError(_("“{value}” is no day; write YYYY-MM-DD.").format(value=on))
    if on > today and not dry_run:
        raise UsageError(_("A list for a day to come can only be looked at: --dry-run."))
    with owned(ctx.obj) as archive:
        found = listing.record(archive, on or today, by=who(by), at=now, fonds=fonds, dry_run=dry_run,
                               ground=ground or keeping.EXPIRED)
        days = archive.settings.destruction.notice_days
    if as_json:
        print_json([{"destruction": batch, "fonds": one.fonds, "items": list(one.items), "blocked": dict(one.blocked),
                     "soon": list(one.soon), "waiting": one.waiting, "duplicates": list(one.duplicates),
                     "list_hash": listing.list_hash(one.items)}
                    for batch, one in found])
        return
    if not found:
        console().print(_("Nothing is to be listed.") if ground else _("Nothing is expired."))
    for batch, one in found:
        console().print(_("{fonds}: {n} case files to consider for destruction (xem xét hủy){batch}, {blocked} kept by "
                          "a hold or a link, {waiting} in other batches.").format(
            fonds=one.fonds, n=len(one.items), batch=f": {batch}" if batch else "", blocked=len(one.blocked),
            waiting=one.waiting), soft_wrap=True)
        if one.soon:
            console().print("  " + _("{n} more expire within {days} days: {codes}").format(
                n=len(one.soon), days=days, codes=", ".join(one.soon[:SHOWN])), soft_wrap=True)
        for twice in one.duplicates[:SHOWN]:
            console().print("  " + _("There twice: {document}, the same as {copy}; list it with --duplicates.").format(
                document=twice["document"], copy=twice["copy"]), soft_wrap=True)


@command.command("plan", help=_("Freeze the list of a batch: items, the hash of every file, the plan's own SHA-256."))
@click.argument("batch")
@click.option("--remove", multiple=True, metavar="CODE", help=_("take this case file out; may be given again"))
@click.option("--add", multiple=True, metavar="CODE",
              help=_("put this case file in (with --duplicate also a single document), if it may be destroyed"))
@click.option("--reason", default="", help=_("why; the ledger keeps it"))
@click.option("--without-blocked", is_flag=True, help=_("take out what may not be destroyed, with the reason"))
@click.option("--handed-over", "ground", flag_value="handed",
              help=_("--add what another archive signed for; without --add all of the fonds"))
@click.option("--duplicate", "ground", flag_value="duplicate",
              help=_("--add a case file or a document that is there twice"))
@click.option("--twin", "twins", multiple=True, metavar="DOCUMENT=KEPT",
              help=_("with --duplicate: the document that is kept of the two, where the bytes differ"))
@click.option("--with-shared", is_flag=True, help=_("put in the case files that share a long scan with a listed one"))
@click.option("--paper", type=click.File("rb"), help=_("a CSV file of the paper: box, code, title, reason, note"))
@click.option("--no-paper", is_flag=True, help=_("no paper is left of these case files"))
@changes
@click.pass_context
def plan(ctx: click.Context, batch: str, remove: tuple[str, ...], add: tuple[str, ...], reason: str,
         without_blocked: bool, ground: str | None, twins: tuple[str, ...], with_shared: bool, paper: Any,
         no_paper: bool, by: str, dry_run: bool, as_json: bool) -> None:
    """Freeze a batch; again and again until a council is there."""
    from archive import clock
    from retention.destruction import keeping, planning
    from retention.destruction.paper import read_csv

    pairs = [one.partition("=") for one in twins]
    if any(not (sign and document.strip() and kept.strip()) for document, sign, kept in pairs):
        raise click.UsageError(_("--twin is written DOCUMENT=KEPT."))
    change = planning.Change(
        remove=dict.fromkeys(remove, reason), add=add, reason=reason, ground=ground or keeping.EXPIRED,
        named={document.strip(): kept.strip() for document, _sign, kept in pairs}, with_shared=with_shared,
        without_blocked=without_blocked, paper=read_csv(paper.read()) if paper is not None else (), no_paper=no_paper)
    with owned(ctx.obj) as archive:
        made, found = planning.plan(archive, batch, by=who(by), at=clock.now(), change=change, dry_run=dry_run)
    done = _("{id}: {n} case files, {documents} single documents, plan {plan}, SHA-256 {hash}").format(
        id=made.id, n=len(made.case_files), documents=len(made.documents), plan=made.record.get("plan", 0),
        hash=made.plan_hash)
    answer(ctx, {**brief(made), "paper": len(made.standing_paper)}, found, done, dry_run=dry_run, as_json=as_json)


@command.command("cancel", help=_("Give a batch up before anything was destroyed."))
@click.argument("batch")
@click.option("--reason", required=True, help=_("why; the ledger keeps it"))
@changes
@click.pass_context
def cancel(ctx: click.Context, batch: str, reason: str, by: str, dry_run: bool, as_json: bool) -> None:
    """Cancel a batch; its items are free for another."""
    from archive import clock
    from retention.destruction import closing

    with owned(ctx.obj) as archive:
        made = closing.cancel(archive, batch, reason, by=who(by), at=clock.now(), dry_run=dry_run)
    answer(ctx, brief(made), [], _("{id} is cancelled.").format(id=made.id), dry_run=dry_run, as_json=as_json)


@command.command("list", help=_("List the batches, newest first."))
@click.option("--json", "as_json", is_flag=True, help=_("for machines"))
@click.pass_obj
def list_(root: Path, as_json: bool) -> None:
    """List batches."""
    from sqlalchemy import func, select

    from archive.model import Destruction, DestructionItem
    from archive.terminal import archive_at, local_day, print_json, print_table
    from retention.destruction.keeping import state_name

    with archive_at(root) as archive, archive.catalogue.session() as session:
        rows = list(session.scalars(select(Destruction).order_by(Destruction.id.desc())))
        counts = {(one, state): n for one, state, n in session.execute(select(
            DestructionItem.destruction, DestructionItem.state, func.count()).group_by(
            DestructionItem.destruction, DestructionItem.state))}
    told: list[dict[str, Any]] = [{"destruction": row.id, "fonds": row.fonds, "state": row.state,
                                   "listed_on": row.listed_on, "plan_hash": row.plan_hash, **{
        state: counts.get((row.id, state), 0) for state in ("proposed", "removed", "kept", "destroyed")}}
        for row in rows]
    if as_json:
        print_json(told)
        return
    print_table(_("Batches for destruction"), (_("Batch"), _("Fonds"), _("Listed"), _("State"), _("Items"), _("Kept"),
                                               _("Destroyed"), _("Plan")), [
        (one["destruction"], one["fonds"], local_day(str(one["listed_on"])), state_name(str(one["state"])),
         str(one["proposed"]), str(one["kept"]), str(one["destroyed"]), short(str(one["plan_hash"])) or "—")
        for one in told])


@command.command("show", help=_("Show a batch: its items, its council, its papers, every step with who and when."))
@click.argument("batch")
@click.option("--json", "as_json", is_flag=True, help=_("for machines"))
@click.pass_obj
def show(root: Path, batch: str, as_json: bool) -> None:
    """Show one batch."""
    from rich.markup import escape

    from archive.terminal import archive_at, console, local_time, print_json, print_table
    from retention.destruction import council, dossier_parts, keeping, paper

    with archive_at(root) as archive:
        one = keeping.open_batch(archive, batch)
        papers = dossier_parts.there(archive, one)
    stand = [_vote(vote) for vote in council.votes(one)] if one.state == "council" else []
    if as_json:
        print_json({**one.record, "items": list(one.items), "opinions": list(one.opinions), "votes": stand,
                    "papers": papers, "paper": list(one.paper)})
        return
    out = console()
    out.print(f"[bold]{one.id}[/]  {escape(one.record['fonds_name'])}  {keeping.state_name(one.state)}")
    if one.plan_hash:
        out.print(f"  SHA-256 {one.plan_hash}")
    votes = {vote["code"]: vote for vote in stand}
    print_table(_("Items"), (_("Code"), _("Title"), _("Period"), _("Documents"), _("State"), _("Why")), [
        (escape(item["code"]), escape(item["title"]), escape(item["retention"]), str(item["documents"]),
         _item_state(votes.get(item["code"], item).get("result") or item["state"]), escape(item["why"]))
        for item in one.items[:SHOWN]])
    if len(one.items) > SHOWN:
        out.print(_("… and {n} more; --json has all.").format(n=len(one.items) - SHOWN))
    for told in paper.boxes(one):
        out.print("  " + _("Paper: box {box}, {n} case files").format(box=escape(told["box"]), n=told["files"]))
    for printed in papers:
        out.print(f"  {printed['sha256'][:12]}  {escape(printed['path'])}", soft_wrap=True)
    for act in one.acts:
        out.print(f"  {local_time(act['at'])}  {keeping.act_name(act['act'])}, {escape(act['by'])}", soft_wrap=True)


@command.command("explain", help=_("Say what a batch lacks for its next step, and what became of a case file in it."))
@click.argument("batch")
@click.argument("code", default="")
@click.option("--json", "as_json", is_flag=True, help=_("for machines"))
@click.pass_context
def explain(ctx: click.Context, batch: str, code: str, as_json: bool) -> None:
    """What is next, what stands in the way; of one case file what became of it in the batch."""
    from archive import clock
    from archive.errors import UsageError
    from archive.terminal import archive_at
    from retention.destruction import approving, checking, keeping
    from retention.destruction.deciding import competence
    from retention.destruction.executing import check

    with archive_at(ctx.obj) as archive:
        one = keeping.open_batch(archive, batch)
        at = clock.now()
        decides = competence(archive.settings)
        items = [item for item in one.items if not code or item["code"] == code]
        if code and not items:
            raise UsageError(_("The batch {id} does not name {code}.").format(id=batch, code=code))
        found = []
        if one.state == "concluded":
            found = [*checking.papers(archive, one), *approving.may_go(archive, one, at)]
        elif one.state in ("approved", "executing"):
            found = check(archive, one, at)
        elif one.state in ("listed", "planned", "council"):
            with archive.catalogue.session() as session:
                found = checking.standing(archive, session, one.standing, checking.today(at), but=one.id)
            found += checking.shared(archive, one.standing)
    found = [told for told in found if not code or told.subject in (code, one.id)]
    told: dict[str, Any] = {**brief(one), "decides": decides.decides, "appraiser": decides.appraiser,
                            "article": decides.article, "next": NEXT.get(one.state, "")}
    said = [_("{id} is: {state}. Decides: {who}. Appraisal opinion of: {appraiser}.").format(
        id=one.id, state=keeping.state_name(one.state), who=decides.decides, appraiser=decides.appraiser or "—")]
    if told["next"]:
        said.append(_("Next: luutru destruction {step} {id}").format(step=told["next"], id=one.id))
    if code:
        told["item"] = dict(items[0])
        said.append(f"{code}: {_item_state(items[0]['state'])} {items[0]['why']}".rstrip())
    answer(ctx, told, found, "\n".join(said), dry_run=False, as_json=as_json, asked=True)


# The command that takes a batch on from each state.
NEXT = {"listed": "plan", "planned": "council", "council": "opinion", "concluded": "papers", "approved": "apply",
        "executing": "apply", "partly": "apply", "destroyed": "papers"}


def _vote(vote: Any) -> dict[str, Any]:
    return {name: getattr(vote, name) for name in vote.__slots__}


def _item_state(state: str) -> str:
    return {"proposed": _("to be destroyed"), "removed": _("taken out"), "kept": _("kept by the council"),
            "destroyed": _("destroyed"), "destroy": _("council: destroy"), "keep": _("council: keep"),
            "tie": _("council: votes are equal"), "open": _("council: opinions lack")}.get(state, state)
