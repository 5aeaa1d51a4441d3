"""The later commands of `luutru destruction`: papers, receive, appraisal, apply, close, certificate."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from archive.i18n import _
from retention.commands.destruction_showing import answer, brief, changes, owned, who


@click.command("papers", help=_("Print the papers of a batch (PDF/A and DOCX): all that can be, or the kinds named."))
@click.argument("batch")
@click.argument("kinds", nargs=-1, metavar="[KIND]...")
@click.option("--values", type=click.File("rb"), help=_("a TOML file: [all], one table a kind; what lacks is dots"))
@click.option("--to", "folder", type=click.Path(file_okay=False, path_type=Path), help=_("also write them there"))
@changes
@click.pass_context
def papers(ctx: click.Context, batch: str, kinds: tuple[str, ...], values: Any, folder: Path | None, by: str,
           dry_run: bool, as_json: bool) -> None:
    """Print papers into the batch's dossier."""
    from archive import clock
    from archive.files import write_atomically
    from retention.destruction import printing

    given = printing.read_values(values.read()) if values is not None else {}
    with owned(ctx.obj) as archive:
        made, files = printing.print_papers(archive, batch, kinds, given, by=who(by), at=clock.now(), dry_run=dry_run)
    if folder is not None and not dry_run:
        folder.mkdir(parents=True, exist_ok=True)
        for path, data in files.items():
            write_atomically(folder / path.rpartition("/")[2], data)
    answer(ctx, {**brief(made), "papers": sorted(files)}, [], _("{id}: {n} papers.").format(
        id=made.id, n=len(files)), dry_run=dry_run, as_json=as_json)


@click.command("receive", help=_("Take a signed paper of the dossier in, such as a scan of the minutes."))
@click.argument("batch")
@click.argument("kind")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@changes
@click.pass_context
def receive(ctx: click.Context, batch: str, kind: str, file: Path, by: str, dry_run: bool, as_json: bool) -> None:
    """Take in a paper; the printed one stays beside it."""
    from archive import clock
    from retention.destruction import closing

    with owned(ctx.obj) as archive:
        made = closing.receive(archive, batch, kind, file.read_bytes(), _suffix(file), by=who(by), at=clock.now(),
                               dry_run=dry_run)
    answer(ctx, brief(made), [], _("{id}: {kind} was taken in.").format(id=made.id, kind=kind), dry_run=dry_run,
           as_json=as_json)


@click.command("appraisal", help=_("Take in the appraisal opinion (ý kiến thẩm định) on the plan."))
@click.argument("batch")
@click.argument("opinion", type=click.Choice(["agree", "partly", "disagree"]))
@click.option("--number", required=True, help=_("number of the document"))
@click.option("--dated", required=True, metavar="YYYY-MM-DD", help=_("day of the document"))
@click.option("--file", type=click.Path(exists=True, dir_okay=False, path_type=Path), help=_("the document itself"))
@click.option("--note", default="", help=_("what it says besides"))
@changes
@click.pass_context
def appraisal(ctx: click.Context, batch: str, opinion: str, number: str, dated: str, file: Path | None, note: str,
              by: str, dry_run: bool, as_json: bool) -> None:
    """Take the opinion in; it is an opinion on the plan in force, and on no other."""
    from archive import clock
    from retention.destruction import approving

    paper = (_suffix(file), file.read_bytes()) if file is not None else None
    with owned(ctx.obj) as archive:
        made = approving.appraise(archive, batch, opinion, number, dated, by=who(by), at=clock.now(), paper=paper,
                                  note=note, dry_run=dry_run)
    answer(ctx, brief(made), [], _("{id}: the appraisal opinion was taken in.").format(id=made.id), dry_run=dry_run,
           as_json=as_json)


@click.command("apply", help=_("Destroy what was approved, then prove that nothing is left. There is no way back."))
@click.argument("batch")
@click.option("--plan-hash", default="", help=_("the plan's hash (its first 12 characters at least); with --yes"))
@click.option("--yes", is_flag=True, help=_("do not ask; needs --plan-hash"))
@click.option("--witness", default="", help=_("who watches"))
@click.option("--paper-minutes", default="", help=_("number of the minutes on the destruction of the paper"))
@click.option("--paper-dated", default="", metavar="YYYY-MM-DD", help=_("day of these minutes"))
@changes
@click.pass_context
def apply(ctx: click.Context, batch: str, plan_hash: str, yes: bool, witness: str, paper_minutes: str,
          paper_dated: str, by: str, dry_run: bool, as_json: bool) -> None:
    """Execute an approved batch; killed, it goes on when it is said again. Exit codes: 3 in part, 4 not as approved."""
    from contextlib import closing

    from archive import clock
    from archive.terminal import archive_at, console
    from retention.destruction import executing, keeping, paper
    from search.index import open_index

    if yes and not plan_hash:
        raise click.UsageError(_("--yes needs --plan-hash: nothing is destroyed unseen."))
    with archive_at(ctx.obj) as archive:
        one = keeping.open_batch(archive, batch)
    if not yes and not dry_run:
        console(stderr=True).print(_("{id}: {n} case files with {documents} documents are destroyed for ever.").format(
            id=one.id, n=len(one.case_files), documents=sum(item["documents"] for item in one.case_files)))
        if one.documents:
            console(stderr=True).print(_("{id}: {n} single documents are destroyed for ever; their case files stay.")
                                       .format(id=one.id, n=len(one.documents)))
        click.confirm(_("Go on?"), abort=True, err=True)
        plan_hash = click.prompt(_("Type the first 12 characters of the plan's hash, from the signed decision"),
                                 err=True)
        if one.standing_paper and not paper.minutes_of(one) and not paper_minutes:
            paper_minutes = click.prompt(_("Number of the minutes on the destruction of the paper ({n} case files), "
                                           "empty when it still lies there").format(n=len(one.standing_paper)),
                                         default="", show_default=False, err=True)
            if paper_minutes:
                paper_dated = click.prompt(_("Day of these minutes (YYYY-MM-DD)"), err=True)
    minutes = paper.Minutes(paper_minutes, paper_dated) if paper_minutes or paper_dated else None
    with (owned(ctx.obj) as archive, closing(open_index(archive.settings)) as index,
          _progress(len(one.standing)) as tell):
        made, found = executing.apply(archive, batch, plan_hash or one.plan_hash, executing.Executor(who(by), witness),
                                      index=index, at=clock.now(), tell=tell, minutes=minutes, dry_run=dry_run)
    done = _("{id}: {state}; {n} case files are destroyed.").format(
        id=made.id, state=keeping.state_name(made.state),
        n=sum(item["state"] == "destroyed" for item in made.case_files))
    if made.documents:
        done += " " + _("{n} single documents are destroyed.").format(
            n=sum(item["state"] == "destroyed" for item in made.documents))
    answer(ctx, {**brief(made), "executed": dict(made.act("executed"))}, found, done, dry_run=dry_run, as_json=as_json)


@click.command("close", help=_("Close the dossier of what is destroyed everywhere; it is kept at least 20 years."))
@click.argument("batch")
@changes
@click.pass_context
def close(ctx: click.Context, batch: str, by: str, dry_run: bool, as_json: bool) -> None:
    """Close the dossier."""
    from archive import clock
    from retention.destruction import closing

    with owned(ctx.obj) as archive:
        made, found = closing.close(archive, batch, by=who(by), at=clock.now(), dry_run=dry_run)
    answer(ctx, {**brief(made), "keep_until": made.record.get("keep_until", "")}, found,
           _("{id}: the dossier is closed and kept until {day}.").format(id=made.id,
                                                                        day=made.record.get("keep_until", "…")),
           dry_run=dry_run, as_json=as_json)


@click.command("certificate", help=_("Print the certificate of destruction for machines (JSON)."))
@click.argument("batch")
@click.option("--json", "as_json", is_flag=True, help=_("for machines; it is JSON in any case"))
@click.pass_obj
def certificate(root: Path, batch: str, as_json: bool) -> None:
    """The certificate: decision, times, hashes, places; nothing of the content."""
    from archive.errors import RefusedError
    from archive.terminal import archive_at, print_json
    from retention.destruction import closing, keeping

    with archive_at(root) as archive:
        one = keeping.open_batch(archive, batch)
        if not one.act("executed"):
            raise RefusedError(_("The batch {id} was not executed.").format(id=batch))
        print_json(closing.certificate(archive, one))


def _suffix(file: Path) -> str:
    return "".join(letter for letter in file.suffix.lower() if letter.isalnum())[:8] or "bin"


def _progress(total: int) -> Any:
    from contextlib import contextmanager

    from archive.terminal import console

    @contextmanager
    def shown() -> Any:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

        err = console(stderr=True)
        with Progress(TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
                      console=err, transient=True, disable=not err.is_terminal or total < 1) as bar:
            task = bar.add_task(_("Destroying"), total=total)
            yield lambda done, _total: bar.update(task, completed=done)

    return shown()
