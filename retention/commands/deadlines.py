"""`luutru deadlines`: what is overdue and what is due soon, by which article; with --kind every single case file."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import click

from archive import clock, i18n
from archive.i18n import _
from archive.terminal import archive_at, console, print_json, print_table

_SHOWN = 50     # case files on the terminal; --json has all


@click.command(help=_("What is overdue and what is due soon, by which article."))
@click.option("--on", "on", default="", help=_("the day, YYYY-MM-DD; today"))
@click.option("--within", type=click.IntRange(0, 36_500), help=_("due within so many days; retention.deadline_days"))
@click.option("--fonds", default="", help=_("only of this fonds"))
@click.option("--kind", default="", help=_("every single case file of this kind of deadline, by name"))
@click.option("--json", "as_json", is_flag=True, help=_("for machines"))
@click.pass_obj
def command(root: Path, on: str, within: int | None, fonds: str, kind: str, as_json: bool) -> None:
    """What is overdue on a day and what is due within so many days, by kind, fonds and day."""
    from archive import model
    from retention import deadlines
    from retention.deadline_rules import kinds

    today = _day(on)
    if kind and kind not in kinds():
        raise click.UsageError(_("There is no kind of deadline “{kind}”; there are {known}.").format(
            kind=kind, known=", ".join(kinds())))
    with archive_at(root) as archive, archive.catalogue.session() as session, \
            console(stderr=True).status(_("reckoning deadlines …")):
        if fonds and session.get(model.Fonds, fonds) is None:
            raise click.UsageError(_("There is no fonds {fonds}.").format(fonds=fonds))
        ahead = archive.settings.retention.deadline_days if within is None else within
        if kind:
            each = deadlines.listed(session, archive.settings, kind, today, within=ahead, fonds=fonds)
        else:
            found = deadlines.watch(session, archive.settings, today, within=ahead, fonds=fonds)
    if as_json:
        print_json({"on": today.isoformat(), "within": ahead, **(
            {"kind": kind, "case_files": [{**one, "due": one["due"].isoformat()} for one in each]} if kind else
            {"deadlines": [_told(one) for one in found]})})
    elif kind:
        print_table(kind, (_("Code"), _("Fonds"), _("Due"), _("Article")), [
            (one["code"], one["fonds"], f"{one['due']:%d/%m/%Y}", one["article"]) for one in each[:_SHOWN]])
        if len(each) > _SHOWN:
            console().print(_("… and {n} more; --json has all.").format(n=len(each) - _SHOWN))
    else:
        _print(found)


def _told(one: Any) -> dict[str, Any]:
    return {"kind": one.kind, "fonds": one.fonds, "due": one.due.isoformat(), "state": one.state, "count": one.count,
            "first": list(one.first), "article": one.article, "certainty": one.certainty,
            "vi": one.sentence("vi"), "en": one.sentence("en"), "terms": [
                {"rule": term.rule.name, "due": term.due.isoformat(), "article": term.rule.article,
                 "certainty": term.rule.certainty} for term in one.terms]}


def _print(found: list[Any]) -> None:
    words = {"breached": f"[red bold]{_('breached')}[/]", "late": f"[red]{_('late')}[/]", "soon": _("soon")}
    language = i18n.language()
    print_table(_("Deadlines"), (_("Due"), "", _("How many"), _("What"), _("Article")), [
        (f"{one.due:%d/%m/%Y}", words.get(one.state, ""), str(one.count),
         one.sentence(language) + (f" [{one.fonds}]" if one.fonds else ""),
         one.article + mark(one.certainty) + (f"\n{others}" if (others := one.others(language)) else ""))
        for one in found])
    if found:
        console().print(_("Each by name: luutru deadlines --kind {kind}").format(kind=found[0].kind))


def mark(certainty: str) -> str:
    """What is to be said of a rule that the text itself does not settle; empty for one that it does."""
    return {"reading": _(" (the system's reading)"), "secondary": _(" (read only in descriptions)"),
            "own": _(" (the system's convention)")}.get(certainty, "")


def _day(on: str) -> date:
    if not on:
        return clock.in_vietnam(clock.now()).date()
    try:
        return date.fromisoformat(on)
    except ValueError:
        raise click.UsageError(_("“{value}” is no day; write YYYY-MM-DD.").format(value=on)) from None
