"""`luutru hold`: keep records from destruction until a document lets them go (tạm dừng hủy)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.markup import escape

from archive import clock
from archive.i18n import _, language
from archive.opening import ownership
from archive.terminal import archive_at, console, local_day, local_time, person, print_json, print_table

if TYPE_CHECKING:
    from archive.findings import Finding
    from archive.model import Hold

_SHOWN = 20     # findings and items on the terminal; --json has all


@click.group(help=_("Holds (tạm dừng hủy): records that may not be destroyed until a document lets them go."))
def command() -> None:
    """Holds."""


@command.command("place", help=_("Hold case files, documents or fonds by their codes, or what meets conditions."))
@click.argument("codes", nargs=-1, metavar="[CODE]...")
@click.option("--list", "listed", type=click.File(), help=_("a file with one code a line; - for standard input"))
@click.option("--reason", required=True, help=_("why; the ledger keeps it"))
@click.option("--requester", required=True, help=_("who asks for the hold"))
@click.option("--number", default="", help=_("number of the document that asks for it"))
@click.option("--dated", default="", help=_("day of that document, YYYY-MM-DD"))
@click.option("--from", "from_day", default="", help=_("first day of the hold, YYYY-MM-DD; today"))
@click.option("--in-fonds", "fonds", default="", help=_("condition: the fonds"))
@click.option("--year-from", type=int, default=0, help=_("condition: case files of this year or later"))
@click.option("--year-to", type=int, default=0, help=_("condition: case files of this year or earlier"))
@click.option("--notation", default="", help=_("condition: notation of the case file"))
@click.option("--keeper", default="", help=_("condition: who made the case file"))
@click.option("--title", default="", help=_("condition: words in the title of the case file"))
@click.option("--organ", default="", help=_("condition: agency that issued a document"))
@click.option("--type", "type_name", default="", help=_("condition: type of a document"))
@click.option("--issued-from", default="", help=_("condition: document issued on this day or later, YYYY-MM-DD"))
@click.option("--issued-to", default="", help=_("condition: document issued on this day or earlier, YYYY-MM-DD"))
@click.option("--subject", default="", help=_("condition: words in the abstract of a document"))
@click.option("--documents", is_flag=True, help=_("hold the documents that meet the conditions, not their case files"))
@click.option("--standing", is_flag=True, help=_("also hold case files that meet the conditions later"))
@click.option("--by", default="", help=_("who decides; else who gives the command"))
@click.option("--dry-run", is_flag=True, help=_("check only, change nothing"))
@click.option("--json", "as_json", is_flag=True, help=_("for machines"))
@click.pass_context
def place(ctx: click.Context, /, codes: tuple[str, ...], listed: Any, reason: str, requester: str, number: str,
          dated: str, from_day: str, documents: bool, standing: bool, by: str, dry_run: bool, as_json: bool,
          **asked: Any) -> None:
    """Place one hold; exit code 5 when a rule refuses it, 3 when a part was left out."""
    from retention import holds, objects
    from retention.hold_queries import Conditions

    wanted = Conditions(**asked)
    named = [*codes, *(line.strip() for line in listed or () if line.strip())]
    ground = holds.Ground(reason, by.strip() or person(), number, dated, requester, from_day)
    with archive_at(ctx.obj) as archive, ownership(archive):
        objects.catch_up(archive)
        n, count, findings = holds.place(
            archive, named, ground, at=clock.now(), asked=wanted if wanted.any or not named else None,
            documents=documents, standing=standing, dry_run=dry_run)
    told = {"hold": f"{n:06d}" if n else "", "items": count, "dry_run": dry_run}
    done = _("Hold {n} was placed on {count} items.").format(n=f"{n:06d}", count=count) if n else ""
    plan = _("{count} items would be held.").format(count=count) if dry_run else ""
    _answer(ctx, told, findings, done or plan, as_json=as_json)


@command.command("release", help=_("Lift holds, by a document; what was held stays on record."))
@click.argument("numbers", nargs=-1, required=True, metavar="HOLD...", type=int)
@click.option("--number", default="", help=_("number of the document that lifts the hold"))
@click.option("--dated", default="", help=_("day of that document, YYYY-MM-DD"))
@click.option("--reason", required=True, help=_("why; the ledger keeps it"))
@click.option("--only", multiple=True, metavar="CODE", help=_("lift it from this item only; may be given again"))
@click.option("--by", default="", help=_("who decides; else who gives the command"))
@click.option("--dry-run", is_flag=True, help=_("check only, change nothing"))
@click.option("--json", "as_json", is_flag=True, help=_("for machines"))
@click.pass_context
def release(ctx: click.Context, numbers: tuple[int, ...], number: str, dated: str, reason: str, only: tuple[str, ...],
            by: str, dry_run: bool, as_json: bool) -> None:
    """Lift one hold or several by the same document; exit code 5 when a rule refuses one of them."""
    from retention import holds, objects

    if only and len(numbers) > 1:
        raise click.UsageError(_("--only goes with one hold."))
    ground = holds.Ground(reason, by.strip() or person(), number, dated)
    findings: list[Finding] = []
    count = 0
    with archive_at(ctx.obj) as archive, ownership(archive):
        objects.catch_up(archive)
        for n in numbers:       # all are checked before the first is lifted
            findings += holds.release(archive, n, ground, at=clock.now(), only=only, dry_run=True)[1]
        if not findings:
            for n in numbers:
                count += holds.release(archive, n, ground, at=clock.now(), only=only, dry_run=dry_run)[0]
    told = {"holds": [f"{n:06d}" for n in numbers], "items": count, "dry_run": dry_run}
    done = (_("{count} items would be let go.") if dry_run else _("{count} items were let go.")).format(count=count)
    _answer(ctx, told, findings, "" if findings else done, as_json=as_json)


@command.command("list", help=_("List the holds that stand; with a code, those on one case file."))
@click.argument("code", default="")
@click.option("--all", "all_", is_flag=True, help=_("also those that were lifted"))
@click.option("--json", "as_json", is_flag=True, help=_("for machines"))
@click.pass_obj
def list_(root: Path, code: str, all_: bool, as_json: bool) -> None:
    """List holds, newest first."""
    from sqlalchemy import select

    from archive.model import CaseFile, Hold
    from retention import holds

    with archive_at(root) as archive, archive.catalogue.session() as session:
        chosen = select(Hold).order_by(Hold.n.desc())
        if code:
            if session.get(CaseFile, code) is None:
                raise click.UsageError(_("There is no case file {code}.").format(code=code))
            chosen = chosen.where(Hold.n.in_([int(one.id) for one in holds.holds_of(session, code)]))
        elif not all_:
            chosen = chosen.where(Hold.released_on == "")
        found = list(session.scalars(chosen))
    if as_json:
        print_json([_told(one) for one in found])
        return
    columns = (_("Hold"), _("From"), _("Requester"), _("Document"), _("Items"), _("Reason"), _("Lifted"))
    print_table(_("Holds"), columns, [
        (f"{one.n:06d}", local_day(one.from_day), escape(one.requester),
         f"{escape(one.number)}, {local_day(one.dated)}", str(one.items) + (" +" if one.standing else ""),
         escape(one.reason), local_day(one.released_on) or "—") for one in found])


@command.command("show", help=_("Show a hold: its ground, its items, and how it was lifted."))
@click.argument("number", type=int)
@click.option("--json", "as_json", is_flag=True, help=_("for machines"))
@click.pass_obj
def show(root: Path, number: int, as_json: bool) -> None:
    """Show one hold with its history from the ledger."""
    from sqlalchemy import select

    from archive.model import Event, Hold, HoldItem
    from retention import holds
    from retention.hold_queries import conditions

    with archive_at(root) as archive, archive.catalogue.session() as session:
        one = session.get(Hold, number)
        if one is None:
            raise click.UsageError(_("There is no hold {n}.").format(n=f"{number:06d}"))
        items = list(session.scalars(select(HoldItem).where(HoldItem.hold == number).order_by(HoldItem.code)))
        events = list(session.scalars(select(Event).where(Event.kind.in_(
            (holds.PLACED, holds.RELEASED)), Event.subject == f"{number:06d}").order_by(Event.seq)))
    if as_json:
        print_json({**_told(one), "held": [{"code": item.code, "kind": item.kind, "case_file": item.case_file,
                                            "released_on": item.released_on} for item in items],
                    "history": [{"at": event.at, "actor": event.actor, "kind": event.kind, **event.data}
                                for event in events]})
        return
    out = console()
    out.print(f"[bold]{one.n:06d}[/bold]  {escape(one.reason)}", soft_wrap=True)
    for label, value in ((_("Requester"), one.requester), (_("Document"), f"{one.number}, {local_day(one.dated)}"),
                         (_("From"), local_day(one.from_day)), (_("Lifted"), local_day(one.released_on) or "—"),
                         (_("Conditions"), str(conditions(one.conditions))),
                         (_("Standing"), _("yes") if one.standing else "")):
        if value:
            out.print(f"  [dim]{label:<14}[/] {escape(value)}", soft_wrap=True)
    print_table(_("Items"), (_("Code"), _("Kind"), _("Lifted")), [
        (escape(item.code), _kind(item.kind), local_day(item.released_on) or "—") for item in items[:_SHOWN]])
    if len(items) > _SHOWN:
        out.print(_("… and {n} more; --json has all.").format(n=len(items) - _SHOWN))
    for event in events:
        said = _("placed") if event.kind == holds.PLACED else _("lifted")
        out.print(f"  {local_time(event.at)}  {said}, {escape(event.actor)}: {escape(event.data['reason'])} "
                  f"({escape(event.data['number'])}, {local_day(event.data['dated'])})", soft_wrap=True)


def _answer(ctx: click.Context, told: dict[str, Any], findings: Sequence[Finding], done: str, *, as_json: bool) -> None:
    """Say what was done and found. Exit codes: 5 refused, 3 a part was left out, 0."""
    from archive.findings import Level, worst

    level = worst(findings)
    if as_json:
        print_json({**told, "refused": level >= Level.refused, "findings": [one.as_dict() for one in findings]})
    else:
        for one in findings[:_SHOWN]:
            console().print(f"  [yellow]{one.code}[/] {escape(one.sentence(language()))}", soft_wrap=True)
            console().print(f"    [green]→ {escape(one.cure(language()))}[/]", soft_wrap=True)
        if len(findings) > _SHOWN:
            console().print(_("… and {n} more; --json has all.").format(n=len(findings) - _SHOWN))
        console().print(done if done and level < Level.refused else _("Nothing was changed."))
    ctx.exit(5 if level >= Level.refused else 3 if level >= Level.warning else 0)


def _told(one: Hold) -> dict[str, Any]:
    """A hold for machines."""
    return {"hold": f"{one.n:06d}", **{key: getattr(one, key) for key in (
        "at", "by", "reason", "requester", "number", "dated", "from_day", "standing", "conditions", "items", "state",
        "released_on")}}


def _kind(kind: str) -> str:
    return {"casefile": _("case file"), "document": _("document"), "fonds": _("fonds")}[kind]
