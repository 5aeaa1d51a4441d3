"""`luutru fixity`: read what the store and its copies hold, mend it, bring the copies up to date, say how it stands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from archive.i18n import _
from archive.terminal import archive_at, console, person, print_json, print_table, progress_bar

if TYPE_CHECKING:
    from archive.fixity.damage import Looked
    from archive.fixity.mending import Settled


@click.group(help=_("Check that the store and its copies hold what they say they hold."))
def command() -> None:
    """Fixity."""


@command.command("check", help=_("Read the whole store and its copies: every file's hashes, every inventory, the "
                                 "ledger's chain. Changes nothing."))
@click.option("--copies/--no-copies", "with_copies", default=True, help=_("read the copies as well (the default)"))
@click.option("--json", "as_json", is_flag=True, help=_("for machines"))
@click.pass_context
def check(ctx: click.Context, with_copies: bool, as_json: bool) -> None:
    """Read everything; exit code 4 when anything is not as it was written. The ledger notes the result."""
    from archive.fixity import checking
    from archive.opening import ownership

    with archive_at(ctx.obj) as archive, ownership(archive), progress_bar(_("checking"), quiet=as_json) as tell:
        done = checking.check(archive, copies=with_copies, actor=person(), progress=tell)
    if as_json:
        print_json({"objects": done.objects, "events": done.events, "places": done.places, "absent": done.absent,
                    "faults": done.faults})
    elif done.faults:
        for fault in done.faults:
            console().print(f"✘ {fault}", soft_wrap=True, markup=False)
        console().print(_("luutru fixity repair mends what a copy still holds; take the rest from the last good "
                          "backup. Tell the administrator."))
    else:
        console().print(_("{n} objects and the ledger were read whole: nothing has changed.").format(n=done.objects))
    for name in () if as_json else done.absent:
        console().print(_("The copy {place} was not read: it is not there, or not to be used.").format(place=name))
    ctx.exit(4 if done.faults else 0)


@command.command("repair", help=_("Mend what is damaged from a sound copy. The damaged files are moved aside, never "
                                  "deleted; the ledger tells both."))
@click.option("--dry-run", is_flag=True, help=_("say what would be mended and change nothing"))
@click.option("--all", "everything", is_flag=True, help=_("read everything first, not only the damage that is known"))
@click.option("--json", "as_json", is_flag=True, help=_("for machines"))
@click.pass_context
def repair(ctx: click.Context, dry_run: bool, everything: bool, as_json: bool) -> None:
    """Mend the damage that is known, or (--all) whatever there is; exit code 4 while something is left."""
    from archive import clock
    from archive.fixity import checking
    from archive.opening import ownership

    with archive_at(ctx.obj) as archive, ownership(archive), progress_bar(_("mending"), quiet=as_json) as tell:
        results = checking.repair(archive, clock.now(), everything=everything, dry_run=dry_run, actor=person(),
                                progress=tell)
    left = [fault.sentence(looked.name) for looked, mended in results for fault in mended.left]
    if as_json:
        print_json({"dry_run": dry_run, "objects": [_as_dict(looked, mended) for looked, mended in results]})
    else:
        _print_mended(results, dry_run=dry_run)
    ctx.exit(4 if left else 0)


@command.command("follow", help=_("Bring the copies up to date now, as the night does."))
@click.option("--begin", "begin", metavar="PLACE", default="", help=_(
    "make the empty folder PLACE of copies.places a copy first: for a new disk in the place of an old one"))
@click.option("--json", "as_json", is_flag=True, help=_("for machines"))
@click.pass_context
def follow(ctx: click.Context, begin: str, as_json: bool) -> None:
    """Follow; exit code 3 when something stood in the way of a copy, 4 when damage is left."""
    from archive import clock
    from archive.findings import Level
    from archive.fixity import copies
    from archive.opening import ownership

    with archive_at(ctx.obj) as archive, ownership(archive):
        now = clock.now()
        if begin:
            copies.begin(archive, begin, now)
        with progress_bar(_("copying"), quiet=as_json) as tell:
            found = copies.follow(archive, now, lambda _stage, done, total: tell(done, total))
    if as_json:
        print_json({"findings": [{**one.as_dict(), "vi": one.sentence("vi"), "en": one.sentence("en")}
                                 for one in found]})
    else:
        from archive import i18n

        for one in found:
            console().print(f"{one.code}  {one.sentence(i18n.language())}\n  → {one.cure(i18n.language())}",
                            soft_wrap=True, markup=False)
        if not [one for one in found if one.level > Level.note]:
            console().print(_("Every copy is up to date."))
    levels = {one.level for one in found}
    ctx.exit(4 if Level.refused in levels else 1 if Level.failed in levels else 3 if Level.warning in levels else 0)


@command.command("status", help=_("Say how old the oldest reading is in the store and in each copy, what is damaged, "
                                  "how far copies lag behind, and until when the promise holds."))
@click.option("--json", "as_json", is_flag=True, help=_("for machines"))
@click.pass_context
def status(ctx: click.Context, as_json: bool) -> None:
    """How the promise stands; exit code 4 while damage is open."""
    from archive import clock
    from archive.fixity.checking import forecast_sentence, place_state
    from archive.fixity.checking import status as status_of

    with archive_at(ctx.obj) as archive:
        told = status_of(archive, clock.now())
    if as_json:
        print_json(told.as_dict())
    else:
        print_table(_("Fixity"), [_("Place"), _("Oldest reading, days"), _("Faults open"), _("Nights a round"),
                                  _("Lags behind, days"), _("State")],
                    [[one.name, _days(one.age), str(one.faults), "—" if one.nights is None else f"{one.nights:.0f}",
                      "" if one.lag is None and one.state == "store" else _days(one.lag), place_state(one.state)]
                     for one in told.places])
        console().print(forecast_sentence(told.forecast, told.days), soft_wrap=True)
    ctx.exit(4 if any(one.faults for one in told.places) else 0)


def _days(days: int | None) -> str:
    return "—" if days is None else str(days)


def _as_dict(looked: Looked, mended: Any) -> dict[str, Any]:
    return {"place": looked.place.key, "folder": looked.folder,
            "object": looked.truth.object_id if looked.truth else "",
            "found": [fault.as_dict() for fault in looked.faults],
            "mended": [{**fault.as_dict(), "from": source} for fault, source in mended.done],
            "left": [fault.as_dict() for fault in mended.left]}


def _print_mended(results: list[Settled], *, dry_run: bool) -> None:
    out = console()
    for looked, mended in results:
        for fault, source in mended.done:
            came = _("would be mended from {place}") if dry_run else _("mended from {place}")
            how = came.format(place=source.removeprefix("copy:")) if source else _("moved aside")
            out.print(f"✔ {fault.sentence(looked.name)}: {how}", soft_wrap=True, markup=False)
        for fault in mended.left:
            out.print(f"✘ {fault.sentence(looked.name)}: {_('no sound copy is within reach')}", soft_wrap=True,
                      markup=False)
    if not results:
        out.print(_("No damage is known."))
