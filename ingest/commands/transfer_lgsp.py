"""`luutru transfer` over another archive's service: sync, sign, journal (the giving side; send: transfer_send.py)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from archive.commands.groups import changes
from archive.i18n import _

if TYPE_CHECKING:
    from archive.findings import Finding
    from archive.opening import Archive
    from retention.transfer import doing
    from retention.transfer.lgsp import Service

OWNER_WAIT = 300.0     # a night that owns the archive is waited for: what was sent is sent
_LONGEST_QUESTION = 30.0


@click.command("sync", help=_("Fetch what the receiving archive's service has for us (answer, receipt, result, "
                              "minutes, confirmation, what comes back) and take it in."))
@click.argument("code", required=False, default="")
@click.option("--wait", type=click.IntRange(0, 86400), default=0, metavar="SECONDS",
              help=_("with nothing new, wait so long for it"))
@click.option("--returns", "folder", type=click.Path(path_type=Path, file_okay=False),
              help=_("folder for packages that come back; default: lgsp/<code>/returned in the archive's folder"))
@changes
@click.pass_context
def sync(ctx: click.Context, code: str, wait: int, folder: Path | None, dry_run: bool, as_json: bool) -> None:
    """Follow one hand-over, or all that go through the service."""
    import time

    from archive.findings import Level, finding, worst
    from archive.terminal import archive_at, console, print_findings, print_json
    from retention.transfer.lgsp import DeclinedError, acts

    until = time.monotonic() + wait
    told: list[dict[str, Any]] = []
    found: list[Finding] = []
    with archive_at(ctx.obj) as archive, service_of(archive, code) as service, shown(as_json) as progress:
        after = -1
        while True:
            for one in [code] if code else acts.followed(archive):
                progress(one, 0, 0)
                try:
                    followed, findings = _follow(archive, one, service, folder, dry_run)
                except DeclinedError as error:
                    followed, findings = {"code": one, "took": [], "state": ""}, [finding(
                        "LGSP-030", one, what=error.what, status=error.status, said=error.said or "—",
                        codes=", ".join(error.codes) or "—")]
                told.append(followed)
                found += findings
            left = until - time.monotonic()
            if left <= 0 or dry_run or found or any(one["took"] for one in told):
                break
            progress(_("waiting …"), 0, 0)
            if after < 0:           # what is known by now is no news
                after = _after_all(service)
                told.clear()
                continue
            _new, after = service.notices(after, min(left, _LONGEST_QUESTION))
            told.clear()
    if as_json:
        print_json({"dry_run": dry_run, "hand_overs": told, "findings": [one.as_dict() for one in found]})
    else:
        _print(told, dry_run)
        print_findings(found)
        if not told:
            console().print(_("No hand-over goes through the service just now."))
    level = worst(found)
    ctx.exit(5 if level >= Level.refused else 3 if level >= Level.warning else 0)


@click.command("sign", help=_("Sign the minutes that the receiving archive gave, with our key or in another program "
                              "(FILE…), and send them back."))
@click.argument("code")
@click.argument("files", nargs=-1, type=click.Path(path_type=Path, exists=True, dir_okay=False))
@changes
@click.pass_context
def sign(ctx: click.Context, code: str, files: tuple[Path, ...], dry_run: bool, as_json: bool) -> None:
    """Sign minutes; what was signed and not sent yet is sent by the next run."""
    from archive.terminal import archive_at
    from ingest.commands.transfer import acting, finish
    from retention.transfer import minutes
    from retention.transfer.lgsp import Journal, acts

    with acting(ctx, as_json) as (archive, tools, who, _progress):
        done = minutes.sign(archive, code, files, tools, who, dry_run=dry_run)
    sent: list[str] = []
    with archive_at(ctx.obj) as archive:
        journal = Journal(archive.settings.root, code)
        if not dry_run and not done.refused and journal.place.is_file():
            with service_of(archive, code) as service, declined(ctx, archive, code, dry_run, as_json), journal.alone():
                sent = acts.send_signed(archive, code, service, journal)
    names = ", ".join(done.told["names"]) or "—"
    finish(ctx, type(done)(done.transfer, done.findings, done.written, {
        **done.told, "signed": names if done.written else "—", "sent": ", ".join(sent) or "—"}), dry_run, as_json,
        _("{code}: signed: {signed}; sent back: {sent}."))


@click.command("journal", help=_("Show the sender's journal of a hand-over that goes through a service."))
@click.argument("code")
@click.option("--json", "as_json", is_flag=True, help=_("for machines"))
@click.pass_obj
def journal(root: Path, code: str, as_json: bool) -> None:
    """Show what the line did: what was begun, gone on with, tried again and why."""
    from rich.markup import escape

    from archive.terminal import archive_at, local_time, print_json, print_table
    from retention.transfer import objects
    from retention.transfer.lgsp import Journal

    with archive_at(root) as archive:
        objects.open_transfer(archive, code, objects.AGENCY)
        steps = list(Journal(archive.settings.root, code).steps())
    if as_json:
        print_json(steps)
        return
    print_table(_("Journal of {code}").format(code=code), (_("Time"), _("Act"), _("Particulars")), [
        (local_time(one["at"]), _step(one["what"]), escape(", ".join(
            f"{key} {_short(value)}" for key, value in one.items() if key not in ("at", "what"))))
        for one in steps])


# --- what the commands share -------------------------------------------------------------------------------


@contextmanager
def service_of(archive: Archive, code: str) -> Iterator[Service]:
    """The service of the settings; what is tried again goes into the hand-over's journal."""
    import os

    from retention.transfer.lgsp import Journal, Service, account_of

    def again(why: str) -> None:
        if code:
            Journal(archive.settings.root, code).note("tried again", why=why)

    service = Service(account_of(archive.settings, os.environ), told=again)
    try:
        yield service
    finally:
        service.close()


@contextmanager
def declined(ctx: click.Context, archive: Archive, code: str, dry_run: bool, as_json: bool) -> Iterator[None]:
    """A refusal of the other side is a finding (LGSP-030), not a failure of ours."""
    from archive.findings import finding
    from ingest.commands.transfer import finish
    from retention.transfer import doing, objects
    from retention.transfer.lgsp import DeclinedError

    try:
        yield
    except DeclinedError as error:
        told = finding("LGSP-030", code, what=error.what, status=error.status, said=error.said or "—",
                       codes=", ".join(error.codes) or "—")
        finish(ctx, doing.Done(objects.open_transfer(archive, code), (told,)), dry_run, as_json, "")


@contextmanager
def shown(quiet: bool) -> Iterator[Callable[[str, int, int], None]]:
    """A sign of life on a terminal."""
    from archive.terminal import console
    from retention.transfer import doing

    out = console(stderr=True)
    if quiet or not out.is_terminal:
        yield doing.silent
        return
    with out.status(_("Working …")) as status:
        yield lambda what, done, total: status.update(f"{done}/{total} {what}" if total else what)


def _follow(archive: Archive, code: str, service: Service, folder: Path | None,
            dry_run: bool) -> tuple[dict[str, Any], Sequence[Finding]]:
    """Fetch and take in what there is of one hand-over."""
    from archive import clock
    from archive.opening import ownership
    from archive.terminal import person
    from ingest.transfer_tools import tools
    from retention import objects as every_object
    from retention.transfer import doing, minutes, objects
    from retention.transfer.lgsp import Journal, acts

    journal = Journal(archive.settings.root, code)
    done: list[doing.Done] = []
    with journal.alone():
        came = acts.fetch(archive, code, service, journal, returns=folder, dry_run=dry_run)
        if came.anything and not dry_run:
            with ownership(archive, wait=OWNER_WAIT):
                every_object.catch_up(archive)
                done = acts.take(archive, code, came, tools(archive.settings), doing.Who(
                    person(), clock.now()))
    transfer = objects.open_transfer(archive, code)
    told = {"code": code, "state": transfer.state, "there": came.there.state, "new": [*came.messages, *came.papers],
            "took": [one.told["kind"] for one in done if one.written], "returned": list(came.returned),
            "folder": str(folder or journal.folder / "returned"), "to_sign": sorted(minutes.unsigned(archive, code))}
    return told, [*came.findings, *(each for one in done for each in one.findings)]


def _after_all(service: Service) -> int:
    """The number of the newest notice there is."""
    after = 0
    while True:
        new, after = service.notices(after)
        if not new:
            return after


def _print(told: Sequence[dict[str, Any]], dry_run: bool) -> None:
    from archive.terminal import console
    from retention.transfer import objects

    out = console()
    for one in told:
        line = f"{one['code']}: {objects.state_name(one['state'])}" if one["state"] else one["code"]
        if one["took"]:
            line += ". " + _("Taken in: {what}").format(what=", ".join(map(_kind, one["took"])))
        elif dry_run and one.get("new"):
            line += ". " + _("New there: {what}").format(what=", ".join(map(_kind, one["new"])))
        else:
            line += ". " + _("Nothing new.")
        out.print(line, soft_wrap=True)
        if one.get("returned"):
            out.print("  " + _("{n} packages came back: {folder}").format(
                n=len(one["returned"]), folder=one["folder"]), soft_wrap=True)
        if one.get("to_sign"):
            out.print("  " + _("Minutes wait for our signature: {names}. luutru transfer sign {code}").format(
                names=", ".join(one["to_sign"]), code=one["code"]), soft_wrap=True)


def _kind(kind: str) -> str:
    """What came, in words; a paper by its file name."""
    return {"answer": _("answer"), "receipt": _("receipt"), "result": _("result"), "papers": _("papers"),
            "confirmation": _("confirmation")}.get(kind, kind)


def _step(what: str) -> str:
    """A step of the journal in words."""
    return {"registered": _("registration sent"), "upload begun": _("upload begun"),
            "upload resumed": _("upload gone on with"), "upload whole": _("arrived whole"),
            "tried again": _("tried again"), "finishing": _("list of packages is sent"),
            "finished": _("list of packages sent"), "delivery again": _("the delivery is sent again"),
            "fetched": _("fetched"), "minutes sent": _("signed minutes sent")}.get(what, what)


def _short(value: Any) -> str:
    text = str(value)
    return f"{text[:16]}…" if len(text) == 64 and text.isalnum() else text
