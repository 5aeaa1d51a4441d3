"""`luutru report month|quarter|half|year [PERIOD]`: what was done in a period, for screens, spreadsheets and papers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from archive import clock, i18n
from archive.i18n import _, later

if TYPE_CHECKING:
    from retention.reports import Figures, Kind, Period

FORMATS = ("csv", "xlsx", "pdf", "docx")
_NAMES: dict[Kind, str] = {
    "month": later("What was done in a month."), "quarter": later("What was done in a quarter."),
    "half": later("What was done in half a year."), "year": later("What was done in a year (01/01 to 31/12).")}


def commands() -> list[click.Command]:
    """The four commands, one a kind of period."""
    return [_command(kind, help_) for kind, help_ in _NAMES.items()]


def _command(kind: Kind, help_: str) -> click.Command:
    @click.command(kind, help=_(help_))
    @click.argument("period", default="")
    @click.option("--fonds", default="", help=_("only of this fonds"))
    @click.option("--json", "form", flag_value="json", help=_("for machines"))
    @click.option("--csv", "form", flag_value="csv", help=_("as a CSV file, to -o"))
    @click.option("--xlsx", "form", flag_value="xlsx", help=_("as a workbook with every list, to -o"))
    @click.option("--pdf", "form", flag_value="pdf", help=_("as a paper to sign, to -o"))
    @click.option("--docx", "form", flag_value="docx", help=_("as a paper to edit, to -o"))
    @click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help=_("the file to write"))
    @click.pass_context
    def command(ctx: click.Context, period: str, fonds: str, form: str | None, output: Path | None) -> None:
        """Show or write the report of a period; the last whole one without a name."""
        from archive import model
        from archive.terminal import archive_at, print_json
        from retention import reports

        if (form in FORMATS) != (output is not None):
            raise click.UsageError(_("Give a form of file (--csv, --xlsx, --pdf, --docx) and -o FILE, or neither."))
        with archive_at(ctx.obj) as archive, archive.catalogue.session() as session:
            if fonds and session.get(model.Fonds, fonds) is None:
                raise click.UsageError(_("There is no fonds {fonds}.").format(fonds=fonds))
            now = clock.now()
            wanted = reports.period(kind, period, clock.in_vietnam(now).date())
            made = reports.build(session, wanted, clock.stamp(now), fonds=fonds)
            agency = archive.settings.agency.name
        if form == "json":
            print_json(_told(made))
        elif form is None or output is None:
            _print(made)
        else:
            _write(made, form, output, agency, fonds)

    return command


def _told(made: Figures) -> dict[str, Any]:
    """The figures for machines, with the band of NĐ 31/2026/NĐ-CP Điều 12."""
    from ingest.digitise.defects import band_of
    from retention import reports

    band = band_of(made.rate) if made.rate else None
    return {**reports.as_dict(made), "band": {"from": band.least, "to": band.below, "article": band.article}
            if band else None}


# --- in words --------------------------------------------------------------------------------------------------


def _items(made: Figures) -> list[tuple[str, int]]:
    """What came in and what became of it."""
    words = {"received": _("files received"), "stored": _("documents stored"),
             "quarantined": _("times something had to wait for a person"), "released": _("released by a person"),
             "turned_away": _("refused for good"), "kept_out": _("kept out (state secret mark)"),
             "duplicate": _("duplicates, not stored again"), "failed": _("times the system failed"),
             "package_received": _("packages"), "list_received": _("registry lists"),
             "viewed": _("documents and case files viewed at the portal"), "downloaded": _("files downloaded"),
             "exported": _("exports")}
    always = ("received", "stored", "quarantined", "turned_away", "kept_out")
    return [(word, made.items[kind]) for kind, word in words.items() if made.items[kind] or kind in always]


def _agency_words() -> dict[str, str]:
    return {"stored": _("documents stored"), "opened": _("case files opened"), "closed": _("closed"),
            "reopened": _("reopened"), "handed_over": _("handed over"), "taken_over": _("taken over"),
            "destroyed": _("case files destroyed"), "destroyed_documents": _("documents destroyed"),
            "scans": _("documents digitised"), "scan_pages": _("pages digitised"), "faulty": _("faulty"),
            "open": _("not closed at the end"), "overdue": _("overdue for submission")}


def _reasons(made: Figures) -> list[tuple[str, str, int]]:
    """Code, sentence and number of every reason of refusal, the most frequent first."""
    from archive.findings import Finding, Level

    return [(code, Finding(code, Level.refused, "…", {}).sentence(i18n.language()), count)
            for code, count in sorted(made.reasons.items(), key=lambda one: (-one[1], one[0]))]


def _scans(made: Figures) -> str:
    """How much was digitised, the rate of faulty documents, and the band it lies in."""
    from ingest.digitise.defects import Defects
    from ingest.digitised import rate_sentence

    whole = made.total
    sums = _("{documents} documents, {pages} pages digitised.").format(
        documents=whole["scans"], pages=whole["scan_pages"])
    return sums + " " + rate_sentence(Defects(whole["scans"], whole["scan_pages"], made.kinds, whole["faulty"], 0))


def _print(made: Figures) -> None:
    from archive.terminal import console, local_day, print_table
    from ingest.digitise.defects import kinds
    from retention.reports import COUNTED

    out, vietnamese = console(), i18n.language() == "vi"
    out.rule(f"[bold]{_('Report')} · {_name(made.period)}")
    if not made.complete:
        out.print(f"[yellow]{_('The period is not over: the figures are those up to now.')}[/]")
    print_table(_("Taken in"), (_("What"), _("How many")), [(word, str(count)) for word, count in _items(made)])
    print_table(_("Reasons of refusal"), (_("Code"), _("Reason"), _("How many")), [
        (code, sentence, str(count)) for code, sentence, count in _reasons(made)])
    words = _agency_words()
    print_table(_("By agency"), (_("What"), *(of or "—" for of in sorted(made.agencies)), _("Together")), [
        (words[name], *(str(made.agencies[of][name]) for of in sorted(made.agencies)), str(made.total[name]))
        for name in COUNTED if made.total[name]])
    out.print(_scans(made), soft_wrap=True)
    if made.kinds:
        print_table(_("Errors"), (_("Kind"), _("Documents"), _("Article")), [
            (one.vi if vietnamese else one.en, str(made.kinds[name]), one.article)
            for name, one in kinds().items() if name in made.kinds])
    print_table(_("Case files overdue for submission at the end of the period"), (_("Code"), _("Title"), _("Due")), [
        (one["code"], one["title"], local_day(one["due"])) for one in made.overdue[:20]])
    print_table(_("Documents in no case file at the end of the period"), (_("Item"), _("Name"), _("Since")), [
        (one["item"], one["name"], _day(one["since"])) for one in made.unfiled[:20]])
    out.print(_("Not closed at the end of the period: {open} case files, {overdue} of them overdue; in no case file: "
                "{unfiled} documents. All of them by name: --xlsx -o FILE").format(
        open=len(made.open), overdue=len(made.overdue), unfiled=len(made.unfiled)), soft_wrap=True)


def _name(period: Period) -> str:
    return period.vietnamese if i18n.language() == "vi" else period.name


def _day(stamp: str) -> str:
    return f"{clock.in_vietnam(clock.parse(stamp)):%d/%m/%Y}"


# --- files -----------------------------------------------------------------------------------------------------


def _write(made: Figures, form: str, output: Path, agency: str, fonds: str) -> None:
    from archive.files import write_atomically
    from archive.terminal import console

    if form in ("pdf", "docx"):
        write_atomically(output, _paper(made, form, agency, fonds))
    else:
        from ingest import report_tables

        sheets = report_tables.sheets(made, _items(made), _reasons(made), _agency_words(), _scans(made))
        write_atomically(output, report_tables.csv_bytes(sheets) if form == "csv" else
                         report_tables.xlsx_bytes(sheets))
    console().print(_("Written: {file}").format(file=output), soft_wrap=True)


def _paper(made: Figures, form: str, agency: str, fonds: str) -> bytes:
    """The report as a paper, dated by the day after the period, or today while that lasts: always the same bytes."""
    from datetime import datetime, time, timedelta

    from archive.forms import papers
    from ingest.report_tables import paper_data

    with i18n.speaking("vi"):       # papers of an agency are Vietnamese, whatever the screen speaks
        data = paper_data(made, agency, fonds, _items(made), _reasons(made), _scans(made))
    day = made.period.last + timedelta(days=1) if made.complete else clock.in_vietnam(clock.now()).date()
    data["date"] = day.isoformat()
    moment = datetime.combine(day, time(), clock.VIETNAM)
    return (papers.paper if form == "pdf" else papers.docx)("report_period", data, made=moment)
