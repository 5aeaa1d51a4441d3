"""`luutru retention due` and `simulate`: what is due on a day, and in the years to come."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from archive import clock
from archive.i18n import _
from archive.terminal import archive_at, console, print_json, print_table

_SHOWN = 50     # case files on the terminal; --json has all


@click.command("due", help=_("List the case files whose period is over on a day, and what keeps some of them."))
@click.option("--on", "on", default="", help=_("the day, YYYY-MM-DD; today"))
@click.option("--fonds", default="", help=_("only of this fonds"))
@click.option("--json", "as_json", is_flag=True, help=_("for machines"))
@click.pass_obj
def due(root: Path, on: str, fonds: str, as_json: bool) -> None:
    """What is due: expired, never permanent; held ones and those linked to longer-lived ones say so."""
    from retention.listing import listing

    on = _day(on)
    with archive_at(root) as archive, archive.catalogue.session() as session, \
            console(stderr=True).status(_("reckoning periods …")), \
            listing(session, on, archive.settings.retention.counting, fonds=fonds) as items:
        found = [{key: getattr(one, key) for key in one.__slots__} for one in items]
    if as_json:
        print_json({"on": on, "case_files": found, "ready": sum(not one["blocked"] for one in found),
                    "bytes": sum(one["bytes"] for one in found if not one["blocked"])})
        return
    print_table(_("Due on {day}").format(day=on), (_("Code"), _("Title"), _("Rule"), _("Kept until"), _("Documents"),
                                                   _("Bytes"), _("Kept by")), [
        (one["code"], one["title"], rule_in_words(one["rule"]), f"31/12/{one['until']}", str(one["documents"]),
         str(one["bytes"]), blocked_in_words(one["blocked"])) for one in found[:_SHOWN]])
    if len(found) > _SHOWN:
        console().print(_("… and {n} more; --json has all.").format(n=len(found) - _SHOWN))


@click.command("simulate", help=_("What becomes due in the years to come, what it frees, and what keeps it."))
@click.option("--years", type=click.IntRange(1, 100), default=10, show_default=True, help=_("how many years"))
@click.option("--from", "first", type=click.IntRange(1900, 2999), help=_("first year; the next one"))
@click.option("--schedule", default="", help=_("also under this retention table: id or id@version"))
@click.option("--json", "as_json", is_flag=True, help=_("for machines"))
@click.pass_obj
def simulate(root: Path, years: int, first: int | None, schedule: str, as_json: bool) -> None:
    """By year, fonds and rule what becomes due; with --schedule what another table would change."""
    from retention import simulating

    today = _day("")
    with archive_at(root) as archive, archive.catalogue.session() as session, \
            console(stderr=True).status(_("reckoning periods …")):
        told = simulating.simulate(session, first or int(today[:4]) + 1, years, archive.settings.retention.counting,
                                   on=today, schedule=schedule)
    if as_json:
        print_json(told)
        return
    _print_years(_("What becomes due"), told)
    if "other" in told:
        other = told["other"]
        _print_years(_("Under {table}").format(table=other["table"]), other, told)
        if other["unmatched"]["case_files"]:
            console().print(_("{n} case files stand under rows that {table} does not have; they keep their period: "
                              "{rules}").format(n=other["unmatched"]["case_files"], table=other["table"],
                                                rules=", ".join(other["unmatched"]["rules"][:10])), soft_wrap=True)


def _print_years(title: str, told: dict[str, Any], against: dict[str, Any] | None = None) -> None:
    columns = [_("Year"), _("Due"), _("Can be listed"), _("Held"), _("Linked"), _("Bytes freed")]
    rows = []
    for n, year in enumerate(told["years"]):
        cells = [str(year["year"]), *(str(year[key]["case_files"]) for key in ("due", "ready", "hold", "link")),
                 str(year["ready"]["bytes"])]
        if against is not None:
            cells.append(f"{year['due']['case_files'] - against['years'][n]['due']['case_files']:+d}")
        rows.append(cells)
    print_table(title, [*columns, *([_("Difference")] if against is not None else [])], rows)
    why = told["without_date"]
    console().print(_("Permanent: {permanent}. Without a date: {open} open, {end} without end date, {event} waiting "
                      "for an event, {rule} without a rule.").format(
        permanent=told["permanent"]["case_files"], **{key: why[key]["case_files"] for key in why}), soft_wrap=True)


def rule_in_words(rule: str) -> str:
    """The short name of a rule (retention/life.py) as people read it."""
    if not rule:
        return _("none")
    kind, _colon, rest = rule.partition(":")
    if kind == "plan":
        return _("file plan: {period}").format(
            period=_("permanent") if rest == "permanent" else _("{n} years").format(n=rest))
    return rest if kind == "law" else rule


def blocked_in_words(blocked: str) -> str:
    """What keeps a case file, in words."""
    return {"hold": _("a hold"), "link": _("a longer-lived case file that needs its documents")}.get(blocked, "")


def _day(on: str) -> str:
    from retention.tables.reading import is_day

    if not on:
        return clock.in_vietnam(clock.now()).date().isoformat()
    if not is_day(on):
        raise click.UsageError(_("“{value}” is no day; write YYYY-MM-DD.").format(value=on))
    return on
