"""`luutru retention explain`: why a case file is kept as long as it is, on any day."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from archive.i18n import _
from archive.terminal import archive_at, console, local_day, local_time, print_json, print_table
from retention.commands.retention_due import _day, rule_in_words

if TYPE_CHECKING:
    from retention.explaining import Change, Explanation, Known


@click.command("explain", help=_("Why this date? Rule, article, base year, arithmetic, what stops it, every change."))
@click.argument("code")
@click.option("--on", "on", default="", help=_("as of the end of this day, YYYY-MM-DD; today"))
@click.option("--json", "as_json", is_flag=True, help=_("for machines"))
@click.pass_obj
def command(root: Path, code: str, on: str, as_json: bool) -> None:
    """Explain the period of one case file, as of today or any other day."""
    from retention.explaining import explanation

    on = _day(on)
    with archive_at(root) as archive, archive.catalogue.session() as session:
        found = explanation(archive, session, code, on, archive.settings.retention.counting)
        table = _table(session, found.known)
    steps = list(steps_of(found, table))
    if as_json:
        print_json(as_data(found, steps))
        return
    known = found.known
    console().print(f"[bold]{code}[/bold]  {known.record['title']}", soft_wrap=True)
    console().print(_("as of {day}, version {version} in the store").format(day=local_day(on), version=known.version))
    for step in steps:
        article = f"  [dim]({step['article']})[/dim]" if step["article"] else ""
        console().print(f"• {step['text']}{article}", soft_wrap=True)
    print_table(_("Changes"), (_("When"), _("Who"), _("What"), _("Before"), _("After"), _("From"), _("Reason")), [
        (local_time(one.at), one.by, change_in_words(one), one.before, one.after, local_day(one.from_day), one.reason)
        for one in found.changes])


def steps_of(found: Explanation, table: str) -> Any:
    """The answer step by step: what was taken, what it rests on, and by which article."""
    known, period = found.known, found.known.period
    yield _rule(known, table)
    if period.raised == "documents":
        yield _step("documents", _("Document {document} has a longer period, {period}: the longest counts.").format(
            document=known.longest_document, period=_years(known.facts.documents)),
            "Luật Lưu trữ 33/2024/QH15, Điều 15 khoản 4")
    if period.permanent:
        yield _step("permanent", _("Kept for ever; it is never listed."), "Luật Lưu trữ 33/2024/QH15, Điều 15 khoản 2")
        return
    yield from _base(known)
    if period.last_year is not None:
        formula = _("Kept until 31/12/({base} + {years}) = 31/12/{last}; it can be listed from 01/01/{next}. How the "
                    "years are counted is this system's convention (retention.counting).")
        if known.facts.counting == "end_year":
            formula = _("Kept until 31/12/({base} + {years} - 1) = 31/12/{last}; it can be listed from 01/01/{next}. "
                        "How the years are counted is this system's convention (retention.counting).")
        if known.facts.rule is not None and known.facts.rule.kind == "event" and not period.years:
            formula = _("Kept until 31/12/{last}, the end of the year of the event; it can be listed from "
                        "01/01/{next}.")
        yield _step("arithmetic", formula.format(base=period.base, years=period.years, last=period.last_year,
                                                 next=period.last_year + 1),
                    "Luật Lưu trữ 33/2024/QH15, Điều 15 khoản 3")
    for hold in found.holds:
        yield _step("hold", _("Held since {day} at the request of {requester} ({document}): {reason}. It enters no "
                              "list until the hold is released.").format(
            day=local_day(hold.from_day), requester=hold.requester, document=hold.number, reason=hold.reason), "")
    for link in found.links:
        yield _step("link", _link(link.code, link.document, link.until), "Luật Lưu trữ 33/2024/QH15, Điều 36 khoản 4 "
                    "điểm a")


def _rule(known: Known, table: str) -> dict[str, str]:
    rule, decision = known.facts.rule, known.decision
    if rule is None:
        return _step("rule", _("No rule: the period of the file plan, “{words}”, cannot be counted, and nobody decided."
                               " There is no date until somebody does.").format(words=known.record["retention"]),
                     "Luật Lưu trữ 33/2024/QH15, Điều 15 khoản 7")
    if rule.source == "plan":
        return _step("rule", _("Rule: the period of the file plan or the case file's own field, {period}.").format(
            period=_years_of(known)), "Luật Lưu trữ 33/2024/QH15, Điều 15 khoản 6")
    assert decision is not None
    who = _("decision {n} of {by}, {day}").format(n=decision.n, by=decision.by, day=local_time(decision.at))
    if rule.source == "other_law":
        return _step("rule", _("Rule: {law} sets {period} ({who}).").format(
            law=decision.law, period=_years_of(known), who=who), "Luật Lưu trữ 33/2024/QH15, Điều 3 khoản 3")
    return _step("rule", _("Rule: row {rule} of {table}, “{words}”: {period}; chosen {chosen} ({who}).").format(
        rule=decision.rule, table=table, words=known.row.description if known.row else "",
        period=known.row.period if known.row else "", chosen=_years_of(known), who=who),
        "Luật Lưu trữ 33/2024/QH15, Điều 15 khoản 5, khoản 7; Điều 14 khoản 2 điểm c")


def _base(known: Known) -> Any:
    """Where the base year comes from, or why there is none."""
    facts, missing = known.facts, known.period.missing
    if missing == "open":
        yield _step("open", _("The case file is open: no clock runs until it is closed."),
                    "Luật Lưu trữ 33/2024/QH15, Điều 15 khoản 3")
    elif missing == "end":
        yield _step("end", _("No end date: none was entered and no document has a date. Open the case file again "
                             "(luutru casefile reopen {code}), enter it (luutru casefile correct {code} --set "
                             "endDate=DD/MM/YYYY --reason …) and close it.").format(code=known.code),
                    "Luật Lưu trữ 33/2024/QH15, Điều 15 khoản 3")
    elif missing == "event":
        yield _step("event", _("The period begins with an event that nobody recorded: luutru retention event {code} "
                               "--happened YYYY-MM-DD --reason …").format(code=known.code), "")
    elif facts.rule is not None and facts.rule.kind == "event" and known.event and known.period.raised != "documents":
        yield _step("base", _("Base year {year}: the event happened on {day} (decision {n}).").format(
            year=known.period.base, day=local_day(known.event.event_on), n=known.event.n), "")
    elif known.period.base:
        yield _step("base", _end(known), "Luật Lưu trữ 33/2024/QH15, Điều 15 khoản 3")


def _end(known: Known) -> str:
    from archive.retention_text import latest_year

    if known.entered_end and latest_year(known.entered_end) == known.period.base:
        return _("Base year {year}: the work ended on {day}, as a person entered it (endDate).").format(
            year=known.period.base, day=known.entered_end)
    return _("Base year {year}: the date of the last document, {document} ({day}).").format(
        year=known.period.base, document=known.last_document, day=known.last_date)


def _link(code: str, document: str, until: int) -> str:
    from retention import life

    if until == life.NEVER:
        return _("{code}, which has no end date or is kept for ever, needs document {document}.").format(
            code=code, document=document)
    return _("{code}, kept until 31/12/{year}, needs document {document}.").format(
        code=code, document=document, year=until)


def _step(what: str, text: str, article: str) -> dict[str, str]:
    return {"step": what, "text": text, "article": article}


def _years(years: int) -> str:
    from retention.assigning import years_in_words

    return years_in_words(years)


def _years_of(known: Known) -> str:
    from retention.assigning import words

    return words(known.facts.rule)


def _table(session: Any, known: Known) -> str:
    from retention.tables import keeping

    if known.row is None:
        return ""
    table = keeping.table_of(session, f"{known.row.table_id}@{known.row.version}")
    return f"{known.row.table_id}@{known.row.version}" + (f" ({table.instrument})" if table else "")


def change_in_words(one: Change) -> str:
    """What kind of change it was."""
    names = {"opened": _("case file opened"), "corrected": _("description corrected"), "closed": _("case file closed"),
             "reopened": _("case file opened again"), "table": _("period decided"),
             "other_law": _("period of another law"), "event": _("event recorded")}
    return names[one.what] + (f" ({one.n})" if one.n else "")


def as_data(found: Explanation, steps: list[dict[str, str]]) -> dict[str, Any]:
    """The answer for machines."""
    from retention import life

    known, period = found.known, found.known.period
    return {
        "code": known.code, "on": found.on, "version": known.version, "title": known.record["title"],
        "rule": life.label(known.decision, known.row, known.facts.rule.years if known.facts.rule and
                           known.facts.rule.kind == "years" else -1 if known.facts.rule is None else life.NEVER),
        "source": known.facts.rule.source if known.facts.rule else "", "permanent": period.permanent,
        "years": None if period.permanent or period.years < 0 else period.years, "base": period.base or None,
        "kept_until": f"{period.last_year}-12-31" if period.last_year is not None else None,
        "missing": period.missing, "raised": period.raised, "counting": known.facts.counting,
        "stays_until": None if found.until == life.NEVER else f"{found.until}-12-31", "blocked": found.blocked,
        "holds": [{key: getattr(one, key) for key in one.__slots__} for one in found.holds],
        "links": [{"code": one.code, "document": one.document,
                   "until": None if one.until == life.NEVER else f"{one.until}-12-31"} for one in found.links],
        "steps": steps, "changes": [{key: getattr(one, key) for key in one.__slots__} for one in found.changes],
        "rule_in_words": rule_in_words(life.label(known.decision, known.row, -1)) if known.decision else ""}


