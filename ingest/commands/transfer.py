"""`luutru transfer`: hand case files over to another archive (thu nộp). The receiving side is in transfer_archive.py.

It lies with ingest because it lends its tools to the other wing: seal, signatures, virus scanner.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from archive.commands.groups import Steps, changes
from archive.i18n import _

if TYPE_CHECKING:
    from archive.opening import Archive
    from retention.transfer import doing

DAYS = ["%d/%m/%Y", "%Y-%m-%d"]
FILE = click.Path(path_type=Path, exists=True, dir_okay=False)
_PATIENCE = 5.0      # how long another writer of a moment is waited for (the portal, the archive service), seconds
FOLDER = click.Path(path_type=Path, file_okay=False)
_ELSEWHERE = {name: ("ingest.commands.transfer_archive", "give_back" if name == "return" else name)
              for name in ("answer", "receive", "examine", "approve", "return")}
_ELSEWHERE |= {name: ("ingest.commands.transfer_lgsp", name) for name in ("sync", "sign", "journal")}
_ELSEWHERE["send"] = ("ingest.commands.transfer_send", "send")
_ORDER = ("propose", "register", "take", "answer", "prepare", "send", "sync", "receive", "examine", "approve", "return",
          "sign", "confirm", "close", "show", "list", "papers", "journal")


@click.group(cls=Steps, order=_ORDER, elsewhere=_ELSEWHERE,
             help=_("Hand-over of case files to another archive, both sides: registration, packages, "
                    "receipt, approval, confirmation."))
def command() -> None:
    """Hand-overs."""


@command.command("propose", help=_("List the permanent case files that are due for the historical archive, or must be "
                                   "registered by a day."))
@click.option("--on", "day", type=click.DateTime(DAYS), metavar="DD/MM/YYYY", help=_("the day; default: today"))
@click.option("--fonds", default="", help=_("only this fonds (agency code)"))
@click.option("--json", "as_json", is_flag=True, help=_("for machines"))
@click.pass_obj
def propose(root: Path, day: datetime | None, fonds: str, as_json: bool) -> None:
    """What is due (Luật Lưu trữ 33/2024/QH15 Đ17.3, Đ65.6)."""
    from archive.terminal import archive_at, console, local_day, print_json, print_table

    with archive_at(root) as archive:
        found = _proposed(archive, day, fonds)
    if as_json:
        print_json([{"code": one.code, "title": one.title, "fonds": one.fonds, "ended": one.ended, "due": one.due,
                     "register_by": one.register_by, "state": one.state, "transfer": one.transfer} for one in found])
        return
    from rich.markup import escape

    print_table(_("Due for the historical archive"), (_("Case file"), _("Title"), _("Work ended"), _("Register by"),
                                                      _("Hand over by"), _("State")),
                [(one.code, escape(one.title), str(one.ended), local_day(one.register_by.isoformat()),
                  local_day(one.due.isoformat()), one.transfer or (_("ready") if one.state == "closed" else _("open")))
                 for one in found[:200]])
    if len(found) > 200:
        console().print(_("… and {n} more: --json").format(n=len(found) - 200))
    console().print(_("The year of submission to the current archive is taken to be that of closing the case file: a "
                      "convention of this system."), style="dim")


@command.command("register", help=_("Register case files with the receiving archive: letter, list and message."))
@click.argument("codes", nargs=-1, metavar="[CODE…]")
@click.option("--due", type=click.DateTime(DAYS), metavar="DD/MM/YYYY", help=_("all that `propose` lists for that day"))
@click.option("--to-code", required=True, help=_("code of the receiving archive"))
@click.option("--to-name", required=True, help=_("its name"))
@click.option("--kind", type=click.Choice(["historical", "current"]), default="historical", show_default=True,
              help=_("kind of archive that receives; the historical one takes permanent case files only"))
@click.option("--same-system", is_flag=True, help=_("both archives use one system: packages are AIP, else SIP"))
@click.option("--code", default="", help=_("code of the registration; default: NL.<agency>.<year>.<number>"))
@click.option("--summary", required=True, help=_("what it is about"))
@click.option("--planned", type=click.DateTime(DAYS), metavar="DD/MM/YYYY", required=True, help=_("planned day"))
@click.option("--way", type=click.Choice(["direct", "online"]), default="direct", show_default=True,
              help=_("how it will be handed over"))
@click.option("--contact", required=True, help=_("who can be asked: name, post, telephone"))
@click.option("--paper", is_flag=True, help=_("paper records were handed over already"))
@click.option("--scheme", default="", help=_("classification scheme"))
@click.option("--note", default="", help=_("what else is to be said"))
@changes
@click.pass_context
def register(ctx: click.Context, /, codes: tuple[str, ...], due: datetime | None, planned: datetime, to_code: str,
             to_name: str, dry_run: bool, as_json: bool, **given: Any) -> None:
    """Register a hand-over (TT 05/2025/TT-BNV Đ20)."""
    from retention.transfer import sending

    with acting(ctx, as_json) as (archive, tools, who, progress):
        wanted = [*codes, *(one.code for one in (_proposed(archive, due, "") if due else ())
                            if one.state == "closed" and not one.transfer)]
        asked = sending.Asked(to_code, to_name, planned=planned.date().isoformat(), **given)
        done = sending.register(archive, wanted, asked, tools, who, progress=progress, dry_run=dry_run)
    finish(ctx, done, dry_run, as_json, _("Registered: {code}, {files} case files. Next: luutru transfer papers {code} "
                                          "--to FOLDER, and bring registration.json to the archive."))


@command.command("take", help=_("Take a message of the other side in: registration, answer, receipt or result (JSON)."))
@click.argument("file", type=FILE)
@click.option("--paper", type=FILE, help=_("the PDF that goes with it; its signature is looked at"))
@changes
@click.pass_context
def take(ctx: click.Context, file: Path, paper: Path | None, dry_run: bool, as_json: bool) -> None:
    """Take what came, whichever it is."""
    from retention.transfer import concluding, messages, receiving, sending

    with acting(ctx, as_json) as (archive, tools, who, _progress):
        held, _found = messages.read_message(file)
        kind = held.kind if held is not None else ""
        if kind == messages.ANSWER:
            done = sending.take_answer(archive, file, who, dry_run=dry_run)
        elif kind in (messages.RECEIPT, messages.RESULT):
            done = concluding.take(archive, file, paper, tools, who, dry_run=dry_run)
        else:
            done = receiving.take_registration(archive, file, who, dry_run=dry_run)
    finish(ctx, done, dry_run, as_json, _("{code}: taken in; it is now: {state}."))


@command.command("prepare", help=_("Write the packages into a folder, and check each; run again it goes on."))
@click.argument("code")
@click.option("--to", "folder", type=FOLDER, required=True, help=_("the folder for the packages"))
@changes
@click.pass_context
def prepare(ctx: click.Context, code: str, folder: Path, dry_run: bool, as_json: bool) -> None:
    """Prepare the packages (TT 05/2025/TT-BNV Đ17, Đ22.1)."""
    from retention.transfer import sending

    with acting(ctx, as_json) as (archive, tools, who, progress):
        if not dry_run:
            folder.mkdir(parents=True, exist_ok=True)
        done = sending.prepare(archive, code, folder, who, tools=tools, progress=progress, dry_run=dry_run)
    finish(ctx, done, dry_run, as_json, _("{code}: {count} packages lie ready in {folder}."))


@command.command("confirm", help=_("Take the archive's signed confirmation in: only then may the copy here go."))
@click.argument("file", type=FILE)
@click.argument("paper", type=FILE)
@click.option("--signer", default="", help=_("how the certificate names the archive, when otherwise than registered"))
@changes
@click.pass_context
def confirm(ctx: click.Context, file: Path, paper: Path, signer: str, dry_run: bool, as_json: bool) -> None:
    """Compare every hash with what was sent (rule DS-08)."""
    from retention.transfer import concluding

    with acting(ctx, as_json) as (archive, tools, who, _progress):
        done = concluding.confirm(archive, file, paper, tools, who, signer=signer, dry_run=dry_run)
    finish(ctx, done, dry_run, as_json, _("{code}: {count} case files are handed over; their local copies may be "
                                          "destroyed (luutru destruction)."))


@command.command("close", help=_("Conclude a hand-over: the archive signs that all is stored; the sender ends it."))
@click.argument("code")
@click.option("--giver", default="", help=_("who handed over: name, post"))
@click.option("--taker", default="", help=_("who received: name, post"))
@changes
@click.pass_context
def close(ctx: click.Context, code: str, giver: str, taker: str, dry_run: bool, as_json: bool) -> None:
    """Conclude, whichever side this is."""
    from retention.transfer import concluding, examining, objects

    with acting(ctx, as_json) as (archive, tools, who, _progress):
        if objects.open_transfer(archive, code).record["side"] == objects.AGENCY:
            done = concluding.close(archive, code, who, dry_run=dry_run)
        else:
            done = examining.close(archive, code, {"giver": giver, "taker": taker}, tools, who, dry_run=dry_run)
    finish(ctx, done, dry_run, as_json, _("{code} is closed."))


@command.command("show", help=_("Show a hand-over: case files, what was done, what is due."))
@click.argument("code")
@click.option("--json", "as_json", is_flag=True, help=_("for machines"))
@click.pass_obj
def show(root: Path, code: str, as_json: bool) -> None:
    """Show a hand-over."""
    from archive import clock
    from archive.terminal import archive_at, print_json
    from ingest.commands.transfer_showing import print_transfer
    from retention.deadlines import ground_of
    from retention.transfer import objects, terms

    with archive_at(root) as archive:
        held = objects.open_transfer(archive, code)
        made = list(objects.made(archive.store, code))
        today = clock.in_vietnam(clock.now()).date()
        due = terms.of_transfer(held.record, today, ground_of(archive.settings))
    if as_json:
        print_json({**held.record, "items": list(held.items), "files": made, "due": [
            {"kind": one.kind, "due": one.due, "late": one.late, "article": one.article} for one in due]})
    else:
        print_transfer(held, made, due)


@command.command("list", help=_("List the hand-overs of this archive, given and received."))
@click.option("--json", "as_json", is_flag=True, help=_("for machines"))
@click.pass_obj
def list_(root: Path, as_json: bool) -> None:
    """List the hand-overs."""
    from sqlalchemy import func, select

    from archive import model
    from archive.terminal import archive_at, print_json, print_table
    from retention.transfer import objects

    row, item = model.Transfer, model.TransferItem
    with archive_at(root) as archive, archive.catalogue.session() as session:
        found = list(session.execute(select(row, func.count(item.n)).outerjoin(item, item.transfer == row.code)
                                     .group_by(row.code).order_by(row.code)))
    if as_json:
        print_json([{"code": one.code, "side": one.side, "kind": one.kind, "partner": one.partner, "state": one.state,
                     "case_files": count} for one, count in found])
        return
    print_table(_("Hand-overs"), (_("Registration"), _("Side"), _("Other side"), _("State"), _("Case files")), [
        (one.code, _("gives") if one.side == objects.AGENCY else _("receives"), one.partner,
         objects.state_name(one.state), str(count)) for one, count in found])


@command.command("papers", help=_("Write the papers and messages of a hand-over into a folder: what is sent to the "
                                  "other side, what is printed and signed."))
@click.argument("code")
@click.option("--to", "folder", type=FOLDER, required=True, help=_("a new or empty folder"))
@click.pass_obj
def papers(root: Path, code: str, folder: Path) -> None:
    """Hand the papers out, each read with its checksum."""
    from archive.files import new_folder
    from archive.terminal import archive_at, console
    from retention.transfer import objects

    with archive_at(root) as archive:
        objects.open_transfer(archive, code)
        with new_folder(folder):
            newest: dict[str, str] = {}
            for path in objects.made(archive.store, code):
                if not path.startswith(objects.RECEIVED):
                    base = path.rpartition("/")[2]
                    name = base.partition("-")[2]
                    if name in newest:              # of an earlier act: it keeps its number
                        (folder / name).rename(folder / newest[name])
                    newest[name] = base
                    archive.store.export(objects.object_id(code), path, folder / name)
    console().print(_("Written to {place}.").format(place=folder), soft_wrap=True)


# --- what the commands share -------------------------------------------------------------------------------


@contextmanager
def acting(ctx: click.Context, quiet: bool) -> Iterator[tuple[Archive, doing.Tools, doing.Who, Callable[..., None]]]:
    """The owned archive, the tools, who acts, and a sign of life on the terminal."""
    from archive import clock
    from archive.opening import ownership
    from archive.terminal import archive_at, console, person
    from ingest.transfer_tools import tools
    from retention import objects
    from retention.transfer import doing

    shown = console(stderr=True)
    with archive_at(ctx.obj) as archive, ownership(archive, wait=_PATIENCE):
        objects.catch_up(archive)
        who = doing.Who(person(), clock.now())
        if quiet or not shown.is_terminal:
            yield archive, tools(archive.settings), who, doing.silent
            return
        with shown.status(_("Working …")) as status:
            yield archive, tools(archive.settings), who, lambda what, done, total: status.update(
                f"{done}/{total} {what}")


def finish(ctx: click.Context, done: doing.Done, dry_run: bool, as_json: bool, sentence: str) -> None:
    """Tell what came of an act on a hand-over, and leave with its exit code."""
    from ingest.commands.acting import leave
    from retention.transfer import objects

    told = {"code": done.transfer.code, "state": done.transfer.state, "told": dict(done.told)}
    leave(ctx, told, done.findings, sentence,
          {**done.told, "code": done.transfer.code, "state": objects.state_name(done.transfer.state)},
          written=done.written, refused=done.refused, dry_run=dry_run, as_json=as_json)


def _proposed(archive: Archive, day: datetime | None, fonds: str) -> list[Any]:
    from archive import clock
    from retention.deadlines import ground_of
    from retention.transfer import terms

    on = day.date() if day is not None else clock.in_vietnam(clock.now()).date()
    with archive.catalogue.session() as session:
        return list(terms.propose(session, on, archive.settings.retention.counting, ground_of(archive.settings),
                                  fonds=fonds))
