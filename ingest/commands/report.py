"""`luutru report`: show a night's morning report again; it is computed from the recorded state each time."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table

from archive import i18n
from archive.commands.groups import WithDefault
from archive.findings import Finding, Level
from archive.fixity.checking import place_state
from archive.i18n import _, ngettext_
from archive.terminal import STATES, archive_at, console, legal_value_name, print_json, state_name, verdict_name
from ingest import digitised, report, report_keeping
from ingest.commands import report_period
from ingest.commands.report_digitised import command as digitised_command

MOST_ROWS = 40      # a longer table is for the page, not for a terminal
COLOURS = {Level.note: "dim", Level.warning: "yellow", Level.refused: "yellow bold", Level.failed: "red bold"}


@click.group(cls=WithDefault, default="night",
             help=_("Show the morning report of the last night, or of BATCH; or another report."))
def command() -> None:
    """Show the morning report of the last night, or of BATCH; or another report."""


command.add_command(digitised_command)
for one in report_period.commands():
    command.add_command(one)


@command.command("night", help=_("Show the morning report of the last night, or of BATCH."))
@click.argument("batch", required=False)
@click.option("--json", "as_json", is_flag=True, help=_("for machines"))
@click.pass_context
def night(ctx: click.Context, batch: str | None, as_json: bool) -> None:
    """Show the morning report of the last night, or of BATCH."""
    with archive_at(ctx.obj) as archive:
        with archive.catalogue.session() as session:
            batch = batch or report.latest_batch(session)
        if not batch:
            console().print(_("No night has been run yet. Run: luutru nightly"))
            return
        try:
            made = report.build(archive, batch)
        except KeyError:
            raise click.UsageError(_("There is no batch {batch}.").format(batch=batch)) from None
        if as_json:
            print_json(report.as_dict(made))
        else:
            print_report(made, None)


def print_report(made: report.Report, page: Path | None, *, short: bool = False) -> None:
    """The report for a terminal; `short` leaves out what was said before and shows only what waits."""
    out = console()
    out.print()
    out.rule(f"[bold]{_('Morning report')} · {made.batch} · {escape(made.agency)}")
    counts = "  ".join(f"[{STATES[state]}]{report_keeping.counted(state, made.left)}: {n}[/]"
                       for state, n in made.counts.items())
    ended = local_clock(made.finished_at) or _("not yet")
    out.print(f"{_('Started')} {local_clock(made.started_at)} · {_('ended')} {ended} · "
              f"{_('received')}: {sum(made.counts.values())}")
    out.print(counts)
    if foretold := report_keeping.forecast_sentence(made.forecast, made.took):
        out.print(f"[dim]{escape(foretold)}[/]", soft_wrap=True)
    for found in made.inbox:
        print_finding(found)
    for package in made.packages:
        out.print(f"[bold]{_('Package')}[/bold] {escape(package.name)}: {escape(package_sentence(package))}",
                  soft_wrap=True)
    if made.left:
        out.print(f"\n[bold]{_('Left for the next night')}[/bold]")
        out.print(f"  {escape(report_keeping.left_sentence(made.left))}", soft_wrap=True)
        for waits in made.left["first"]:
            mark = f"[red]{_('urgent')}[/] " if waits["urgent"] else ""
            out.print(f"  [dim]●[/] {mark}{escape(waits['name'])}  [dim]{waits['item']}[/]", soft_wrap=True)
        if (more := made.left["items"] - len(made.left["first"])) > 0:
            out.print(f"  [dim]{_('… and {n} more').format(n=more)}[/]")
    if made.rechecked:
        out.print(f"\n[bold]{_('Signatures checked again: verdicts that changed')}[/bold]")
    for looked in made.rechecked:
        mark = f"[red bold]✘ {_('REVOKED')}[/]" if looked.revoked else "[dim]●[/]"
        out.print(f"{mark} [bold]{escape(looked.document)}[/] {escape(_shorten(looked.title))}: "
                  f"{escape(recheck_sentence(looked))}", soft_wrap=True)
    stored = sorted((line for line in made.lines if line.state == "stored"), key=lambda line: line.document)
    if stored and not short:
        table = Table(title=_("Stored"), title_justify="left", title_style="bold", header_style="bold")
        for column in (_("Code"), _("Document"), _("Signature"), _("Legal value"), _("Notes")):
            table.add_column(column, overflow="fold", no_wrap=column == _("Code"))
        for line in stored[:MOST_ROWS]:
            marks = [one.code for one in line.findings if one.level >= Level.warning]
            table.add_row(line.document, escape(_shorten(line.title or line.name)), verdict_name(line.verdict),
                          legal_value_name(line.legal_value),
                          f"[yellow]{' '.join(marks)}[/]" if marks else f"[dim]{len(line.findings)}[/]")
        out.print(table)
        if len(stored) > MOST_ROWS:
            out.print(_("… and {n} more: see the page, or luutru casefile show.").format(n=len(stored) - MOST_ROWS))
    for title, lines in ((_("Needs a person"), [line for line in made.lines if line.state in report.WAITING]),
                         (_("Waiting since earlier nights"), made.earlier)):
        if lines:
            out.print(f"\n[bold]{title}[/bold]")
        for reason in report.reasons(lines):
            for line in reason.lines:
                out.print(f"[{STATES[line.state]}]●[/] [bold]{escape(line.name)}[/]  [dim]{line.item} · "
                          f"{state_name(line.state)}[/]", soft_wrap=True)
            for found in reason.findings:
                print_finding(found)
    # Scans that wait for the seal may be hundreds, all for one reason: the promise tells it once.
    warned = [line for line in made.lines if line.state in ("stored", "list", "package")
              and any(one.level >= Level.warning and one.code != report.WAITS_FOR_SEAL for one in line.findings)]
    if warned and not short:
        out.print(f"\n[bold]{_('Stored or kept, but worth a look')}[/bold]")
        for line in warned:
            out.print(f"[dim]●[/] [bold]{escape(line.document or line.name)}[/]  [dim]{escape(line.name)}[/]",
                      soft_wrap=True)
            for found in line.findings:
                if found.level >= Level.warning:
                    print_finding(found)
    twins = [line for line in made.lines if line.state == "duplicate"]
    if twins and not short:
        out.print(f"\n[bold]{_('Not stored a second time')}[/bold]")
        for line in twins:
            out.print(f"[dim]●[/] {escape(line.findings[0].sentence(i18n.language()) if line.findings else line.name)}",
                      soft_wrap=True)
    if made.again and not short:
        out.print(f"\n[bold]{_('Received before, not stored again')}[/bold]")
        for name, state in made.again:
            out.print(f"[dim]●[/] {escape(name)}  [dim]{state_name(state)}[/]", soft_wrap=True)
    if made.digitised:
        out.print(f"\n[bold]{_('Digitised')}[/bold]")
        for sentence in digitised.sentences(made.digitised):
            out.print(f"  {escape(sentence)}", soft_wrap=True)
    if made.searches:
        out.print(f"\n[bold]{_('Kept searches with new hits')}[/bold]")
        for searched in made.searches:
            out.print(f"  {escape(search_sentence(searched))}", soft_wrap=True)
    if made.deadlines:
        out.print(f"\n[bold]{_('Deadlines')}[/bold]")
        for one in made.deadlines:
            mark = f"[red]{_('late')}[/]" if one.late else " "
            others = one.others(i18n.language())
            mark = f"[red bold]{_('breached')}[/]" if one.state == "breached" else mark
            until = f" … {one.last:%d/%m/%Y}" if one.last else ""
            out.print(f"  {one.due:%d/%m/%Y}{until} {mark} {escape(one.sentence(i18n.language()))} "
                      f"[dim]({one.article}{'; ' + others if others else ''})[/]", soft_wrap=True)
        out.print(f"  [dim]{_('Every single one: luutru deadlines')}[/]")
    out.print(f"\n[bold]{_('Promises')}[/bold]")
    for promise in made.promises:
        sign = {"kept": "[green]✔[/]", "broken": "[red]✘[/]"}.get(promise.state, "[yellow]–[/]")
        out.print(f"  {sign} {promise_sentence(promise)}")
    out.print(f"\n{_('In the archive')}: {made.totals['case_files']} {_('case files')}, "
              f"{made.totals['documents']} {_('documents')}, {made.totals['files']} {_('files')}")
    if page is not None:
        out.print(f"{_('The same as a page')}: {page}", soft_wrap=True)
    _print_next(made)


def package_sentence(package: report.ReceivedPackage) -> str:
    """What became of a package: its case file and how many of its documents are stored, wait or were refused."""
    counts = ", ".join(f"{state_name(state)}: {n}" for state, n in package.documents.items())
    if package.form == "scan":
        return _("long scan, split into {n} documents ({counts})").format(
            n=sum(package.documents.values()), counts=counts)
    told = _("{form} {objid}, request {request}; {n} documents ({counts})").format(
        form=package.form or "E-ARK", objid=package.objid, request=package.request or "—",
        n=sum(package.documents.values()), counts=counts)
    return f"{told}; {_('case file')} {package.case_file}" if package.case_file else told


def search_sentence(one: report.SearchNews) -> str:
    """What the night brought to a kept search, in words."""
    return ngettext_("“{name}” of {owner}: {n} new document", "“{name}” of {owner}: {n} new documents",
                     one.documents).format(name=one.name, owner=one.owner, n=one.documents)


def recheck_sentence(one: report.RecheckedDocument) -> str:
    """What a later look made of a document's verdict and legal value, in words."""
    told = _("{before} → {after}").format(before=verdict_name(one.before), after=verdict_name(one.after))
    if one.legal_before == one.legal_after:
        return told
    return told + "; " + _("{before} → {after}").format(before=legal_value_name(one.legal_before),
                                                        after=legal_value_name(one.legal_after))


def promise_sentence(promise: report.Promise) -> str:
    """A promise and how it stands, in words."""
    if promise.name in report_keeping.NAMES:
        return report_keeping.sentence(promise.name, promise.state, promise.figures)
    if promise.name == "copy":
        return _copy(promise.figures)
    if promise.name == "forecast":
        return str(promise.figures["sentence"])
    if promise.name == "scans_sealed":
        return _scans_sealed(promise.figures)
    if promise.state == "not_checked":
        gap = (_("This night is sealed ({seal}), but no timestamp covers it yet: luutru evidence seal")
               if promise.figures.get("authorities") else
               _("This night is sealed ({seal}), without a timestamp: name an authority in luutru.toml (evidence.tsa)"))
        return {"fixity": _fixity_gap(promise.figures),
                "evidence": gap.format(**promise.figures) if promise.figures.get("seal")
                else _("This night is not sealed yet: luutru evidence seal"),
                }.get(promise.name, f"{promise.name}: {_('not checked')}")
    if promise.state == "broken":
        return {
            "nothing_lost": _("The night is not finished: {open} of {received} items have no outcome; run it again"),
            "fixity": _("Reading the store again at {at} found {faults} faults: luutru fixity check"),
            "searchable": _("{unindexed} stored documents cannot be found yet: luutru index rebuild"),
            "canary": _canary(promise.figures),
        }[promise.name].format(**promise.figures)
    sentences = {
        "nothing_lost": _("Nothing is lost: {received} received, {open} without an outcome"),
        "read_back": _("Every stored file was read back and its hash compared ({files} files in the store)"),
        "searchable": _("Every stored document can be found"),
        "canary": _("{sent} documents were searched, opened and exported on trial: found, and unchanged"),
        "ledger": _("The ledger is chained: {events} events, head {head}…"),
        "fixity": _("Every stored file was read again within {days} days; the oldest reading is {age} days old"),
        "evidence": _("This night is sealed ({seal}) under a timestamp of {time} by {server}")}
    told = sentences[promise.name].format(**promise.figures)
    if promise.name == "nothing_lost" and promise.figures.get("left"):
        told += "; " + _("{left} wait whole for the next night").format(**promise.figures)
    if promise.name == "fixity" and promise.figures.get("mended"):
        told += "; " + _("{mended} faults were mended from sound copies since yesterday").format(**promise.figures)
    return told


def _canary(figures: Mapping[str, Any]) -> str:
    """Which documents did not come through, and what to do first."""
    cure = "luutru fixity check" if figures.get("altered") else "luutru index rebuild"
    return _("On trial, these documents could not be found and exported as they were stored: {codes}: {cure}").format(
        codes=", ".join(figures.get("stuck", [])), cure=cure)


def _scans_sealed(figures: Mapping[str, Any]) -> str:
    """How many scans bear the agency's seal, how many wait for it, how many never will, and by which finding."""
    def codes(counted: Mapping[str, int]) -> str:
        return ", ".join(f"{code}: {n}" for code, n in counted.items())

    told = [_("{n} scans of this night bear the agency's seal").format(n=figures["sealed"])]
    if figures["waiting"]:
        told.append(_("{n} wait for it ({reasons}): luutru seal --pending").format(
            n=figures["waiting"], reasons=codes(figures["reasons"])))
    if figures["left"]:
        told.append(_("{n} were left as they are ({reasons})").format(
            n=sum(figures["left"].values()), reasons=codes(figures["left"])))
    return "; ".join(told)


def _copy(figures: Mapping[str, Any]) -> str:
    """How a copy stands: whether it is there, how far behind it is, its oldest reading, what is damaged."""
    told = [_("The copy {place}: {state}").format(place=figures["place"], state=place_state(figures["state"]))]
    if figures["lag"] is None:
        told.append(_("it was never complete"))
    elif figures["lag"]:
        told.append(_("it lags {lag} days behind").format(**figures))
    if figures["age"] is None:
        told.append(_("not every file in it has been read again yet"))
    else:
        told.append(_("the oldest reading is {age} days old").format(**figures))
    if figures["faults"]:
        told.append(_("{faults} faults are open: luutru fixity repair").format(**figures))
    return ", ".join(told)


def _fixity_gap(figures: Mapping[str, Any]) -> str:
    """Why it cannot be said that every file was read again in time."""
    if (figures.get("nights") or 0) > figures.get("days", 0):
        return _("At this pace one round through the store takes {nights} nights, {days} days are allowed: "
                 "give the night more time (fixity.seconds)").format(**figures)
    if figures.get("age") is not None:
        return _("Files were not read again for {age} days, {days} are allowed: luutru fixity check").format(**figures)
    return _("Not every stored file has been read again yet: luutru fixity check")


def print_finding(found: Finding) -> None:
    """A finding with its article and cure, indented."""
    language = i18n.language()
    colour = COLOURS.get(found.level, "")
    article = f" [dim]({escape(cited)})[/]" if (cited := found.citation(language)) else ""
    text = f"[{colour}]{found.code}[/] {escape(found.sentence(language))}{article}"
    text += f"\n[green]→ {escape(found.cure(language))}[/]"
    console().print(Padding(text, (0, 0, 0, 4)))


def _print_next(made: report.Report) -> None:
    out = console()
    out.print(f"\n[bold]{_('What to try next')}[/bold]")
    first = next((line.document for line in made.lines if line.state == "stored"), None)
    steps = [("search van ban dien tu", _("find documents"))]
    if first is not None:
        steps.append((f"document show {first}", _("what is known of a document")))
    if made.needs_person:
        steps.append(("quarantine list", _("act on what was refused")))
    steps.append(("fixity check", _("check everything that the store holds")))
    for step, purpose in steps:
        out.print(f"  ./run luutru {step:<40} [dim]{purpose}[/]")


def local_clock(stamp: str) -> str:
    """A time of the report as people write it: hour first, then day/month/year."""
    return f"{stamp[11:19]} {stamp[8:10]}/{stamp[5:7]}/{stamp[:4]}" if stamp else ""


def _shorten(text: str, length: int = 90) -> str:
    return text if len(text) <= length else text[:length - 1].rstrip() + "…"
