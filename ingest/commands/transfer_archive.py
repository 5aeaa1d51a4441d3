"""`luutru transfer`, the receiving archive's side: answer, receive, examine, approve, return."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from archive.commands.groups import changes
from archive.i18n import _
from ingest.commands.transfer import DAYS, acting, finish

_PLACE = click.Path(path_type=Path, exists=True, file_okay=False)


def _people(function: Callable[..., Any]) -> Callable[..., Any]:
    for option in (click.option("--taker", default="", help=_("who receives: name, post")),
                   click.option("--giver", default="", help=_("who hands over: name, post"))):
        function = option(function)
    return function


@click.command("answer", help=_("Agree to a registration, or refuse it with a reason; due in seven working days."))
@click.argument("code")
@click.option("--agree", is_flag=True, help=_("agree"))
@click.option("--refuse", "reasons", multiple=True,
              type=click.Choice(["composition", "declaration", "capacity", "other"]),
              help=_("refuse: wrong composition, unclear declaration, above capacity, other; may be repeated"))
@click.option("--plan", default="", help=_("above capacity: when and how it can be received"))
@click.option("--day", type=click.DateTime(DAYS), metavar="DD/MM/YYYY", help=_("agreed: the day of the delivery"))
@click.option("--note", default="", help=_("what else is to be said; of another reason: its words"))
@changes
@click.pass_context
def answer(ctx: click.Context, code: str, agree: bool, reasons: tuple[str, ...], plan: str, day: datetime | None,
           note: str, dry_run: bool, as_json: bool) -> None:
    """Answer a registration (TT 05/2025/TT-BNV Đ21)."""
    from retention.transfer import receiving

    if agree == bool(reasons):
        raise click.UsageError(_("Say --agree, or --refuse with a reason."))
    with acting(ctx, as_json) as (archive, _tools, who, _progress):
        done = receiving.answer(archive, code, agreed=agree, reasons=reasons, plan=plan, note=note, who=who,
                                day=day.date().isoformat() if day else "", dry_run=dry_run)
    finish(ctx, done, dry_run, as_json, _("{code}: {state}. The answer lies in luutru transfer papers {code} --to "
                                          "FOLDER."))


@click.command("receive", help=_("Count a delivery against the list, scan it, compare every hash; writes the receipt."))
@click.argument("code")
@click.argument("place", type=_PLACE)
@_people
@click.option("--device", "devices", multiple=True, metavar="NAME;STATE;ABOUT",
              help=_("a device: name and number; condition; what is on it; may be repeated"))
@click.option("--note", default="", help=_("what the minutes are to note"))
@changes
@click.pass_context
def receive(ctx: click.Context, code: str, place: Path, giver: str, taker: str, devices: tuple[str, ...], note: str,
            dry_run: bool, as_json: bool) -> None:
    """Receive a delivery (TT 05/2025/TT-BNV Đ22–23)."""
    from retention.transfer import carrying, receiving

    told = [dict(zip(("name", "state", "about"), [part.strip() for part in (one + ";;").split(";")][:3], strict=True))
            for one in devices]
    with acting(ctx, as_json) as (archive, tools, who, progress):
        done = receiving.receive(archive, code, carrying.Disk(place), receiving.Delivery(giver, taker, told, note),
                                 tools, who, progress=progress, dry_run=dry_run)
    finish(ctx, done, dry_run, as_json, _("{code}: {came} packages received: {result}."))


@click.command("examine", help=_("Examine what came: packages, signatures, duplicates; take verdicts in."))
@click.argument("code")
@click.option("--fail", "fails", multiple=True, metavar="CODE=REASON",
              help=_("a document or case file fails, for this reason; may be repeated"))
@click.option("--pass", "passes", multiple=True, metavar="CODE=REASON",
              help=_("it passes in spite of a finding, for this reason; may be repeated"))
@changes
@click.pass_context
def examine(ctx: click.Context, code: str, fails: tuple[str, ...], passes: tuple[str, ...], dry_run: bool,
            as_json: bool) -> None:
    """Examine a delivery (TT 05/2025/TT-BNV Đ24)."""
    from retention.transfer import examining

    verdicts = [examining.Verdict(name.strip(), passed, reason) for passed, given in ((False, fails), (True, passes))
                for name, _equals, reason in (one.partition("=") for one in given)]
    with acting(ctx, as_json) as (archive, tools, who, progress):
        done = examining.examine(archive, code, verdicts, tools, who, progress=progress, dry_run=dry_run)
    finish(ctx, done, dry_run, as_json, _("{code}: {passed} passed, {failed} failed, {waiting} wait for the officer."))


@click.command("approve", help=_("Write the decision down; what passed goes into the inbox, for the night to take in."))
@click.argument("code")
@click.option("--decision", required=True, help=_("number of the decision"))
@click.option("--date", "dated", type=click.DateTime(DAYS), metavar="DD/MM/YYYY", required=True, help=_("its date"))
@_people
@changes
@click.pass_context
def approve(ctx: click.Context, code: str, decision: str, dated: datetime, giver: str, taker: str, dry_run: bool,
            as_json: bool) -> None:
    """Approve (TT 05/2025/TT-BNV Đ25)."""
    from retention.transfer import examining

    with acting(ctx, as_json) as (archive, tools, who, _progress):
        done = examining.approve(archive, code, decision, dated.date().isoformat(), {"giver": giver, "taker": taker},
                                 tools, who, dry_run=dry_run)
    finish(ctx, done, dry_run, as_json, _("{code}: approved; {laid} packages lie in the inbox now. After the night: "
                                          "luutru transfer close {code}"))


@click.command("return", help=_("Return what failed: its packages, the list with the reasons, minutes of their own."))
@click.argument("code")
@click.option("--to", "folder", type=_PLACE, help=_("the disk, or a folder on it"))
@click.option("--online", is_flag=True, help=_("without a disk: the agency fetches them from the archive service"))
@_people
@changes
@click.pass_context
def give_back(ctx: click.Context, code: str, folder: Path | None, online: bool, giver: str, taker: str, dry_run: bool,
              as_json: bool) -> None:
    """Return what failed (TT 05/2025/TT-BNV Đ25)."""
    from retention.transfer import examining

    if online == (folder is not None):
        raise click.UsageError(_("Say --to with a disk, or --online."))
    with acting(ctx, as_json) as (archive, _tools, who, _progress):
        done = examining.give_back(archive, code, folder, {"giver": giver, "taker": taker}, who, dry_run=dry_run)
    finish(ctx, done, dry_run, as_json, _("{code}: {count} case files are returned."))
