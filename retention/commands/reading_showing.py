"""`luutru reading copy`, `list`, `show`, `purge`, and how all commands of requests for use answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from archive.i18n import _
from retention.commands.destruction_showing import SHOWN, changes, owned, who
from retention.commands.destruction_showing import answer as answer_

if TYPE_CHECKING:
    from archive.findings import Finding
    from archive.settings import Settings
    from retention.reading.handing_out import Copied
    from retention.reading.keeping import Request

_MASKED = 4         # last signs of an identity paper's number that are shown without being asked for


def answer(ctx: click.Context, told: Mapping[str, Any], findings: Sequence[Finding], done: str, *, dry_run: bool,
           as_json: bool) -> None:
    """Say what was found and done. Exit codes: 5 refused, 3 a person should look, 0."""
    answer_(ctx, told, findings, done, dry_run=dry_run, as_json=as_json)


def brief(request: Request) -> dict[str, Any]:
    """A request for machines, in a few words; who the reader is only by name."""
    return {"reading": request.code, "kind": request.kind, "state": request.state, "reader": request.reader["name"],
            "account": request.account, "asked_on": request.record["asked_on"],
            "documents": [{key: one[key] for key in ("document", "asked", "mode", "state", "until", "purge_after",
                                                     "reason")} for one in request.items]}


@contextmanager
def bar(*, quiet: bool) -> Iterator[Callable[[str, int, int], None]]:
    """Progress over documents on the terminal."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from archive.terminal import console

    shown = console(stderr=True)
    with Progress(TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(),
                  TimeRemainingColumn(), console=shown, transient=True,
                  disable=quiet or not shown.is_terminal) as progress:
        task = progress.add_task("", total=None)
        yield lambda what, done, total: progress.update(task, description=what, completed=done, total=total)


@click.command("copy", help=_("Make the copies of granted documents: for a copy with BẢN SAO, for reading on line "
                              "without. They are kept until the purge; with --to they are also put into a folder."))
@click.argument("code")
@click.argument("documents", metavar="[DOCUMENT…]", nargs=-1)
@click.option("--to", "folder", type=click.Path(file_okay=False, path_type=Path),
              help=_("also put the copies into this folder, to be handed out"))
@changes
@click.pass_context
def copy_(ctx: click.Context, code: str, documents: tuple[str, ...], folder: Path | None, by: str, dry_run: bool,
          as_json: bool) -> None:
    """Make copies; exit code 3 when a file could not become pages."""
    from archive import clock
    from retention.reading import copies_kept, handing_out

    with owned(ctx.obj) as archive, bar(quiet=as_json) as step:
        made, copied, found = handing_out.make_copies(archive, code, documents, by=who(by), at=clock.now(), to=folder,
                                                      dry_run=dry_run, progress=step)
        place = folder or copies_kept.folder(archive, code)
    told = {**brief(made), "copies": [one.told() for one in copied], "folder": str(place)}
    answer(ctx, told, found, _said(copied, place), dry_run=dry_run, as_json=as_json)


def _said(copied: Sequence[Copied], place: Path) -> str:
    lines = [_("{n} copies in {place}:").format(n=len(copied), place=place)]
    lines += [_("  {file}: {pages} pages, check code {check}").format(file=one.file, pages=one.pages, check=one.check)
              for one in copied[:SHOWN]]
    return "\n".join(lines)


@click.command("list", help=_("List the requests for use, newest first; the reader's identity is not shown."))
@click.option("--state", type=click.Choice(("asked", "waiting", "granted", "refused", "purged")),
              help=_("only requests in this state"))
@click.option("--overdue", is_flag=True, help=_("only those that should have been answered by now"))
@click.option("--json", "as_json", is_flag=True, help=_("for machines"))
@click.pass_obj
def list_(root: Path, state: str | None, overdue: bool, as_json: bool) -> None:
    """List requests."""
    from rich.markup import escape
    from sqlalchemy import case, func, select

    from archive import clock
    from archive.model import Reading, ReadingDocument
    from archive.terminal import archive_at, local_day, print_json, print_table
    from retention.reading.keeping import kind_name, state_name

    with archive_at(root) as archive, archive.catalogue.session() as session:
        rows = list(session.scalars(select(Reading).order_by(Reading.asked_on.desc(), Reading.code.desc())))
        counts = {code: (n, granted) for code, n, granted in session.execute(select(
            ReadingDocument.reading, func.count(), func.sum(case((ReadingDocument.until != "", 1), else_=0))).group_by(
            ReadingDocument.reading))}
        settings = archive.settings
    today = clock.in_vietnam(clock.now()).date().isoformat()
    told = []
    for row in rows:
        answer_by = _answer_by(settings, row.asked_on) if row.state in ("asked", "waiting") else ""
        late = bool(answer_by) and answer_by < today
        if (state in (None, row.state)) and (late or not overdue):
            n, granted = counts.get(row.code, (0, 0))
            told.append({"reading": row.code, "reader": row.record.get("reader", ""), "kind": row.kind,
                         "state": row.state, "asked_on": row.asked_on, "answer_by": answer_by, "late": late,
                         "documents": n, "granted": int(granted or 0), "until": row.until})
    if as_json:
        print_json(told)
        return
    print_table(_("Requests for use"), (_("Request"), _("Reader"), _("Kind"), _("Asked on"), _("State"), _("Documents"),
                                        _("Granted"), _("Until"), _("Answer by")), [
        (one["reading"], escape(one["reader"]), kind_name(one["kind"]), local_day(one["asked_on"]),
         state_name(one["state"]), str(one["documents"]), str(one["granted"]), local_day(one["until"]) or "—",
         f"[red]{local_day(one['answer_by'])}[/]" if one["late"] else local_day(one["answer_by"]) or "—")
        for one in told])


def _answer_by(settings: Settings, asked_on: str) -> str:
    """The last day for the answer, by the strictest term that counts here; empty when none does."""
    from datetime import date

    from retention.deadline_rules import terms
    from retention.deadlines import ground_of

    found = terms("reading", date.fromisoformat(asked_on), ground_of(settings))
    return found[0].due.isoformat() if found else ""


@click.command("show", help=_("Show a request: reader, documents, opinions, copies, every step with who and when."))
@click.argument("code")
@click.option("--reader", "whole", is_flag=True,
              help=_("also the number of the identity paper and how to reach the reader"))
@click.option("--json", "as_json", is_flag=True, help=_("for machines"))
@click.pass_obj
def show_(root: Path, code: str, whole: bool, as_json: bool) -> None:
    """Show one request."""
    from rich.markup import escape

    from archive.terminal import archive_at, console, local_day, local_time, print_json, print_table
    from retention.reading import keeping
    from retention.reading.asking import titles_now
    from retention.reading.modes import mode_name

    with archive_at(root) as archive, archive.catalogue.session() as session:
        request = keeping.open_request(archive, code)
        titles = titles_now(session, request)
    reader = {**request.reader} if whole else {
        "name": request.reader["name"], "organisation": request.reader["organisation"],
        "id_paper": _masked(request.reader["id_paper"])}
    if as_json:
        print_json({**request.record, "state": request.state, "reader": {key: value for key, value in reader.items()
                                                                         if key != "schema"},
                    "documents": list(request.items), "copies": request.copies()})
        return
    out = console()
    out.print(f"[bold]{request.code}[/]  {keeping.kind_name(request.kind)}  {keeping.state_name(request.state)}")
    for name, value in ((_("Reader"), ", ".join(filter(None, (reader["name"], reader["organisation"],
                                                              reader.get("contact", ""))))),
                        (_("Identity paper"), reader["id_paper"]), (_("Account"), request.account),
                        (_("Purpose"), request.record["purpose_text"]),
                        (_("Asked on"), local_day(request.record["asked_on"]))):
        if value:
            out.print(f"  {name}: {escape(value)}", soft_wrap=True)
    print_table(_("Documents"), (_("Document"), _("Title"), _("Mode"), _("State"), _("Until"), _("Reason")), [
        (one["document"], escape(titles.get(one["document"], "—")), mode_name(one["mode"]),
         keeping.state_name(one["state"]), local_day(one["until"]) or "—", escape(one["reason"]))
        for one in request.items[:SHOWN]])
    if len(request.items) > SHOWN:
        out.print(_("… and {n} more; --json has all.").format(n=len(request.items) - SHOWN))
    for made in request.copies():
        out.print(f"  {made['file']}  {made.get('check', '')}  SHA-256 {made['sha256'][:12]}", soft_wrap=True)
    for act in request.acts:
        out.print(f"  {local_time(act['at'])}  {keeping.act_name(act['act'])} ({act['count']}), {escape(act['by'])}"
                  + escape(_whose(act)), soft_wrap=True)


def _whose(act: Mapping[str, Any]) -> str:
    """Of an opinion that was given: what it says, whose it is, and by which document."""
    if act["act"] != "opinion_given":
        return ""
    from archive.terminal import local_day
    from retention.reading.keeping import state_name

    told = (state_name("agreed" if act["agree"] else "opposed"), act["of"], act["number"], local_day(act["dated"]))
    return "; " + ", ".join(filter(None, told))


def _masked(number: str) -> str:
    return "•" * max(0, len(number) - _MASKED) + number[-_MASKED:] if len(number) > _MASKED else "•" * len(number)


@click.command("purge", help=_("Remove the copies whose days are over; every night does it by itself."))
@click.option("--dry-run", is_flag=True, help=_("check only, change nothing"))
@click.option("--json", "as_json", is_flag=True, help=_("for machines"))
@click.pass_obj
def purge_(root: Path, dry_run: bool, as_json: bool) -> None:
    """Remove what is over (TT 05/2025/TT-BNV Đ37.5, Đ40.6)."""
    from archive import clock
    from archive.opening import ownership
    from archive.terminal import archive_at, console, person, print_json
    from retention.reading import keeping, purging

    with archive_at(root) as archive, ownership(archive):
        keeping.finish(archive)
        done = purging.purge(archive, at=clock.now(), by=person(), dry_run=dry_run)
    if as_json:
        print_json([{"reading": one.request, "documents": list(one.documents), "files": list(one.files),
                     "dry_run": dry_run} for one in done])
        return
    if not done:
        console().print(_("Nothing is over."))
    for one in done:
        console().print(_("{code}: {n} documents are over, {files} files removed.").format(
            code=one.request, n=len(one.documents), files=len(one.files))
            + (" " + _("(dry run: nothing was changed)") if dry_run else ""), soft_wrap=True)
