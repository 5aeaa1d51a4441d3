"""`luutru digitise review` and `luutru digitise correct`: the pages to look at, worst first; and putting one right."""

from __future__ import annotations

import sys
from dataclasses import asdict
from difflib import unified_diff
from pathlib import Path
from typing import TYPE_CHECKING

import click

from archive.i18n import _, figure
from archive.terminal import archive_at, console, local_time, person, print_json, print_table

if TYPE_CHECKING:
    from ingest.review import PageText, PageToReview

SHOWN = 40          # pages that a terminal shows when no --limit is given


@click.command("review", help=_("List the pages whose text a person should look at, worst first."))
@click.option("--worse-than", type=click.FloatRange(0, 1), metavar="QUALITY",
              help=_("text quality, 0 to 1, below which a page is listed; otherwise this system's convention"))
@click.option("--batch", default="", help=_("only what this night brought"))
@click.option("--fonds", default="", help=_("only this fonds"))
@click.option("--document", default="", help=_("only this document"))
@click.option("--corrected", is_flag=True, help=_("also pages that a person has corrected"))
@click.option("--limit", type=click.IntRange(min=0), default=0, help=_("so many at most; 0: all"))
@click.option("--json", "as_json", is_flag=True, help=_("for machines"))
@click.pass_obj
def review_command(root: Path, worse_than: float | None, batch: str, fonds: str, document: str, corrected: bool,
                   limit: int, as_json: bool) -> None:
    """List pages. Exit code 0 also when there are some: they wait for a person, nothing is wrong."""
    from ingest.review import pages_to_review

    with archive_at(root) as archive, archive.catalogue.session() as session:
        found = pages_to_review(session, archive, worse_than=worse_than, batch=batch, fonds=fonds, document=document,
                                limit=limit, corrected=corrected)
    if as_json:
        print_json([asdict(one) for one in found])
        return
    shown = found if limit else found[:SHOWN]
    print_table(_("Pages to look at, worst first"),
                (_("Document"), _("Part"), _("Page"), _("Quality"), _("Why"), _("Subject")),
                [(one.document, str(one.part), str(one.page), figure(f"{one.score:.2f}"), _why(one),
                  _short(one.subject)) for one in shown])
    if len(found) > len(shown):
        console().print(_("… and {n} more: --limit, --json.").format(n=len(found) - len(shown)))
    if found:
        first = found[0]
        part = f" --part {first.part}" if first.part else ""
        console().print(f"→ luutru digitise correct {first.document} --page {first.page}{part} --reason …",
                        markup=False, soft_wrap=True)


def _why(one: PageToReview) -> str:
    """What made the score: confidence, syllables, misread figures; or that nothing could be read."""
    told = []
    if one.confidence is None:
        told.append(_("could not be read"))
    else:
        told.append(_("words {n} %").format(n=f"{one.confidence:.0f}"))
    if one.syllables is not None:
        told.append(_("syllables {n} %").format(n=f"{100 * one.syllables:.0f}"))
    if one.misread:
        told.append(_("figures misread: {n}").format(n=one.misread))
    if one.stale:
        told.append(_("read anew since it was corrected"))
    elif one.corrected:
        told.append(_("corrected"))
    return " · ".join(told)


@click.command("correct", help=_("Put the text of a page right; the recognised text is kept beside it. Without "
                                 "--text-file the page is opened in an editor."))
@click.argument("document")
@click.option("--page", type=click.IntRange(min=1), required=True, help=_("which page, from 1"))
@click.option("--part", type=click.IntRange(min=0), default=0, show_default=True,
              help=_("which file: 0 the original, 1 … its attachments"))
@click.option("--text-file", type=click.Path(exists=True, dir_okay=False, allow_dash=True), metavar="FILE",
              help=_("the right text, UTF-8; - reads it from the standard input"))
@click.option("--reason", default="", help=_("why; the ledger keeps it"))
@click.option("--dry-run", is_flag=True, help=_("show what would differ, change nothing"))
@click.option("--json", "as_json", is_flag=True, help=_("for machines"))
@click.pass_context
def correct_command(ctx: click.Context, document: str, page: int, part: int, text_file: str | None,
                    reason: str, dry_run: bool, as_json: bool) -> None:
    """Correct one page. Exit code 5: refused by a rule."""
    from archive.correcting import CorrectionRefusedError
    from archive.opening import ownership
    from archive.terminal import print_findings
    from ingest import review

    with archive_at(ctx.obj) as archive:
        before = review.page_text(archive, document, part, page)
        known = before.recognised if before.corrected is None else before.corrected
        text = _typed(known, text_file)
        if text is None:
            console().print(_("The text was left as it is; nothing was changed."))
            return
        if not dry_run:
            try:
                with ownership(archive):
                    review.correct(archive, document, part, page, text, by=person(), reason=reason,
                                   version=before.version)
            except CorrectionRefusedError as refused:
                if as_json:
                    print_json({"corrected": False, "findings": [one.as_dict() for one in refused.findings]})
                else:
                    print_findings(refused.findings)
                ctx.exit(refused.exit_code)
        after = review.page_text(archive, document, part, page)
    if as_json:
        print_json({"code": document, "part": part, "page": page, "corrected": not dry_run,
                    "version": after.version, "before": known, "after": text.rstrip(),
                    "history": [asdict(one) for one in after.history]})
        return
    _show(known, text.rstrip())
    if dry_run:
        console().print(_("Only shown, nothing was changed."))
        return
    console().print(_("{code}, page {page}: kept as the text in use; what was recognised stays beside it.").format(
        code=document, page=page))
    _print_history(after)


def _typed(known: str, text_file: str | None) -> str | None:
    """What the person gives as the right text; None when the editor was closed without saving."""
    if text_file is not None:
        try:
            if text_file == "-":
                return sys.stdin.buffer.read().decode("utf-8-sig")
            return Path(text_file).read_text(encoding="utf-8-sig")
        except UnicodeDecodeError as error:
            raise click.UsageError(_("{file} is not UTF-8 text.").format(file=text_file)) from error
    written: str | None = click.edit(known + "\n", extension=".txt", require_save=True)
    return written


def _show(before: str, after: str) -> None:
    colours = {"+": "green", "-": "red"}
    for line in list(unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=1))[2:]:
        console().print(line, style=colours.get(line[:1], "dim"), markup=False, soft_wrap=True)


def _print_history(told: PageText) -> None:
    print_table(_("Corrections"), (_("Time"), _("By"), _("Reason")),
                [(local_time(one.at), one.by, one.reason) for one in told.history])


def _short(text: str, length: int = 60) -> str:
    return text if len(text) <= length else text[:length - 1].rstrip() + "…"
