"""`luutru digitise redo`: stored scans are read again by today's engine; what is better is used, both are kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from archive.findings import Level, worst
from archive.i18n import _, figure, language
from archive.terminal import archive_at, console, log_to, person, print_json, print_table
from ingest.commands.page_bar import page_bar

if TYPE_CHECKING:
    from ingest.redoing import Outcome, Wanted

_SHOWN = 40


@click.command("redo", help=_("Read stored scans again with today's engine: pages whose text is poor and that it did "
                              "not read yet. The better text is used page by page, the former one is kept."))
@click.argument("documents", nargs=-1, metavar="[DOCUMENT]…")
@click.option("--worse-than", type=click.FloatRange(0, 1), metavar="QUALITY",
              help=_("text quality, 0 to 1, below which a page is read again; otherwise this system's convention"))
@click.option("--engine-older", is_flag=True,
              help=_("every page that another engine, other language data or other options have read"))
@click.option("--batch", default="", help=_("only what this night brought"))
@click.option("--fonds", default="", help=_("only this fonds"))
@click.option("--limit", type=click.IntRange(min=0), default=0, help=_("so many documents at most; 0: all"))
@click.option("--dry-run", is_flag=True, help=_("only say which documents would be read again"))
@click.option("--json", "as_json", is_flag=True, help=_("for machines"))
@click.pass_context
def command(ctx: click.Context, documents: tuple[str, ...], worse_than: float | None, engine_older: bool, batch: str,
            fonds: str, limit: int, dry_run: bool, as_json: bool) -> None:
    """Read again. Exit code 0: done; 3: a person has to look; 1: no language data, or a fault of ours."""
    from ingest import redoing

    done: list[Outcome] = []
    with archive_at(ctx.obj) as archive, log_to(archive.settings.root / "log"):
        with archive.catalogue.session() as session:
            chosen = redoing.wanted(session, archive.settings, worse_than=worse_than, batch=batch, fonds=fonds,
                                    documents=documents, engine_older=engine_older, limit=limit)
        if not dry_run:
            def tell(outcome: Outcome) -> None:
                done.append(outcome)
                if not as_json:
                    _show(outcome)

            with page_bar(_("Reading pages again ({done} of {files} documents done)"), len(chosen)) as progress:
                redoing.redo(archive, chosen, tell, progress, by=person())
            redoing.index(archive)
    if as_json:
        print_json({"dry_run": dry_run, "documents": [_wanted(one) for one in chosen] if dry_run
                    else [one.as_dict() for one in done]})
    elif dry_run:
        print_table(_("Would be read again, worst first"), (_("Document"), _("Pages"), _("Quality"), _("Subject")),
                    [(one.code, str(len(one.pages)), figure(f"{one.worst:.2f}"), one.subject[:60])
                     for one in chosen[:_SHOWN]])
        console().print(_("{n} documents; nothing was changed.").format(n=len(chosen)))
    else:
        console().print(_("{n} documents read again, {used} pages with a better text.").format(
            n=sum(one.kept for one in done), used=sum(len(one.used) for one in done)))
    level = worst(found for one in done for found in one.findings)
    ctx.exit({Level.failed: 1, Level.refused: 3, Level.warning: 3}.get(level, 0))


def _wanted(one: Wanted) -> dict[str, object]:
    return {"code": one.code, "case_file": one.case_file, "languages": one.languages, "worst": one.worst,
            "pages": [{"part": part, "page": page} for part, page in one.pages]}


def _show(outcome: Outcome) -> None:
    out = console()
    sign = "[green]✓[/]" if outcome.used else "[cyan]•[/]" if outcome.kept else "[yellow]![/]"
    out.print(f"{sign} [bold]{outcome.wanted.code}[/]", soft_wrap=True)
    for found in outcome.findings:
        out.print(f"    {found.code} {found.sentence(language())}", markup=False, soft_wrap=True)
        if found.level >= Level.warning:
            out.print(f"    → {found.cure(language())}", markup=False, soft_wrap=True)
