"""The council's commands of `luutru destruction`: council, opinion, settle, conclude."""

from __future__ import annotations

from typing import Any

import click

from archive.i18n import _
from retention.commands.destruction_showing import answer, brief, changes, owned, who

_OPINIONS = click.Choice(["destroy", "keep"])


def _years(years: int, permanent: bool) -> int:
    from archive.retention_text import FOREVER

    return FOREVER if permanent else years


@click.command("council", help=_("Name the council (Hội đồng xét hủy) by a decision."))
@click.argument("batch")
@click.option("--number", required=True, help=_("number of the decision that creates it"))
@click.option("--dated", required=True, metavar="YYYY-MM-DD", help=_("day of that decision"))
@click.option("--member", "members", multiple=True, required=True, metavar="ROLE;NAME;POST;ACCOUNT",
              help=_("a member; roles: chair, secretary, owner, expert, member; may be given again"))
@click.option("--place", default="", help=_("where it meets"))
@changes
@click.pass_context
def council(ctx: click.Context, batch: str, number: str, dated: str, members: tuple[str, ...], place: str, by: str,
            dry_run: bool, as_json: bool) -> None:
    """Name the council; it is fixed once a member has given an opinion."""
    from archive import clock
    from retention.destruction import council as councils

    told = []
    for one in members:
        role, name, post, account = ([part.strip() for part in one.split(";")] + ["", "", ""])[:4]
        if not name:
            raise click.UsageError(_("A member is written ROLE;NAME;POST;ACCOUNT: {value}").format(value=one))
        told.append({"role": role, "name": name, "post": post, "account": account})
    with owned(ctx.obj) as archive:
        made, found = councils.convene(archive, batch, told, number, dated, by=who(by), at=clock.now(), place=place,
                                       dry_run=dry_run)
    answer(ctx, brief(made), found, _("{id}: the council has {n} members.").format(id=made.id, n=len(told)),
           dry_run=dry_run, as_json=as_json)


@click.command("opinion", help=_("Give a member's opinion on items; without codes on all others."))
@click.argument("batch")
@click.argument("codes", nargs=-1, metavar="[CODE]...")
@click.option("--member", required=True, help=_("the member whose opinion it is"))
@click.option("--destroy", "opinion", flag_value="destroy", help=_("the items may be destroyed"))
@click.option("--keep", "opinion", flag_value="keep", help=_("the items are to be kept; give a reason and years"))
@click.option("--reason", default="", help=_("why"))
@click.option("--years", type=int, default=0, help=_("keep: so many years more"))
@click.option("--permanent", is_flag=True, help=_("keep: for ever"))
@click.option("--from", "file", type=click.File("rb"), help=_("a CSV file: code, opinion, reason, years"))
@changes
@click.pass_context
def opinion(ctx: click.Context, batch: str, codes: tuple[str, ...], member: str, opinion: str | None, reason: str,
            years: int, permanent: bool, file: Any, by: str, dry_run: bool, as_json: bool) -> None:
    """Give opinions; a later word takes the place of an earlier one, and all are kept."""
    from archive import clock
    from retention.destruction import council as councils

    if (file is None) == (opinion is None):
        raise click.UsageError(_("Give --destroy or --keep, or a file with --from."))
    said = councils.read_csv(file.read(), member) if file is not None else [
        {"member": member, "opinion": opinion, "codes": list(codes), "reason": reason,
         "years": _years(years, permanent)}]
    with owned(ctx.obj) as archive:
        made, found = councils.opine(archive, batch, said, by=who(by), at=clock.now(), dry_run=dry_run)
    answer(ctx, brief(made), found, _("{id}: {n} opinions of {member}.").format(id=made.id, n=len(said), member=member),
           dry_run=dry_run, as_json=as_json)


@click.command("settle", help=_("The chair settles items on which the votes are equal."))
@click.argument("batch")
@click.argument("codes", nargs=-1, required=True, metavar="CODE...")
@click.argument("opinion", type=_OPINIONS)
@click.option("--reason", required=True, help=_("why; the ledger keeps it"))
@click.option("--years", type=int, default=0, help=_("keep: so many years more"))
@click.option("--permanent", is_flag=True, help=_("keep: for ever"))
@changes
@click.pass_context
def settle(ctx: click.Context, batch: str, codes: tuple[str, ...], opinion: str, reason: str, years: int,
           permanent: bool, by: str, dry_run: bool, as_json: bool) -> None:
    """Settle ties."""
    from archive import clock
    from retention.destruction import council as councils

    with owned(ctx.obj) as archive:
        made, found = councils.settle(archive, batch, codes, opinion, reason, _years(years, permanent), by=who(by),
                                      at=clock.now(), dry_run=dry_run)
    answer(ctx, brief(made), found, _("{id}: {n} items are settled.").format(id=made.id, n=len(codes)),
           dry_run=dry_run, as_json=as_json)


@click.command("conclude", help=_("End the council: what it keeps gets a new period, of the rest a new plan is made."))
@click.argument("batch")
@click.option("--held-on", required=True, metavar="YYYY-MM-DD", help=_("day of the meeting"))
@click.option("--held-at", default="", help=_("where it met"))
@click.option("--began", default="", help=_("when it began, in words"))
@click.option("--ended", default="", help=_("when it ended, in words"))
@click.option("--number", default="", help=_("number of the minutes"))
@changes
@click.pass_context
def conclude(ctx: click.Context, batch: str, held_on: str, held_at: str, began: str, ended: str, number: str, by: str,
             dry_run: bool, as_json: bool) -> None:
    """End the council."""
    from archive import clock
    from retention.destruction import council as councils

    meeting = {"held_on": held_on, "held_at": held_at, "began": began, "ended": ended, "number": number}
    with owned(ctx.obj) as archive:
        made, found = councils.conclude(archive, batch, meeting, by=who(by), at=clock.now(), dry_run=dry_run)
    kept = len(made.act("concluded").get("kept", ()))
    done = _("{id}: {n} case files are to be destroyed, {kept} are kept; SHA-256 of the plan {hash}").format(
        id=made.id, n=len(made.standing), kept=kept, hash=made.plan_hash)
    answer(ctx, {**brief(made), "kept": kept}, found, done, dry_run=dry_run, as_json=as_json)
