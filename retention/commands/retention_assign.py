"""`luutru retention assign`, `event` and `suggest`: the rule of case files, by a person's decision."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from archive import clock
from archive.i18n import _, language
from archive.opening import ownership
from archive.terminal import archive_at, console, person, print_json, print_table

_SHOWN = 20     # findings on the terminal; --json has all


@click.command("assign", help=_("Give case files a rule: a row of a table, its period or a longer one, or another "
                                "law's period."))
@click.argument("codes", nargs=-1, metavar="[CODE]...")
@click.option("--list", "listed", type=click.File(), help=_("a file with one code a line; - for standard input"))
@click.option("--rule", default="", help=_("row of a table: tt09_2011:5.1, or tt09_2011@1:5.1"))
@click.option("--years", type=int, default=0, help=_("a longer period than the row's; with --law the period"))
@click.option("--permanent", is_flag=True, help=_("keep for ever"))
@click.option("--law", default="", help=_("another law that sets the period, with its article"))
@click.option("--from", "from_day", default="", help=_("first day of the decision, YYYY-MM-DD; today"))
@click.option("--reason", required=True, help=_("why; the ledger keeps it"))
@click.option("--by", default="", help=_("who decides; else who gives the command"))
@click.option("--dry-run", is_flag=True, help=_("check only, change nothing"))
@click.option("--json", "as_json", is_flag=True, help=_("for machines"))
@click.pass_context
def assign(ctx: click.Context, codes: tuple[str, ...], listed: Any, rule: str, years: int, permanent: bool, law: str,
           from_day: str, reason: str, by: str, dry_run: bool, as_json: bool) -> None:
    """One decision for all these case files, open or closed; exit code 5 when a rule refuses it."""
    from archive.retention_text import FOREVER

    if bool(rule) == bool(law):
        raise click.UsageError(_("Say either --rule, a row of a table, or --law, another law's period."))
    if years < 0 or (years and permanent):
        raise click.UsageError(_("Say the period: --years N or --permanent."))
    _decide(ctx, _codes(codes, listed), {
        "kind": "other_law" if law else "table", "rule": rule, "years": FOREVER if permanent else years, "law": law,
        "from_day": from_day, "reason": reason, "by": by}, dry_run=dry_run, as_json=as_json)


@click.command("event", help=_("Record that the event happened from which the period of case files is counted."))
@click.argument("codes", nargs=-1, metavar="[CODE]...")
@click.option("--list", "listed", type=click.File(), help=_("a file with one code a line; - for standard input"))
@click.option("--happened", required=True, help=_("the day, YYYY-MM-DD"))
@click.option("--reason", required=True, help=_("why; the ledger keeps it"))
@click.option("--by", default="", help=_("who decides; else who gives the command"))
@click.option("--dry-run", is_flag=True, help=_("check only, change nothing"))
@click.option("--json", "as_json", is_flag=True, help=_("for machines"))
@click.pass_context
def event(ctx: click.Context, codes: tuple[str, ...], listed: Any, happened: str, reason: str, by: str, dry_run: bool,
          as_json: bool) -> None:
    """Record the event that the rule of these case files waits for."""
    _decide(ctx, _codes(codes, listed), {"kind": "event", "event_on": happened, "from_day": "", "reason": reason,
                                         "by": by}, dry_run=dry_run, as_json=as_json)


def _codes(codes: Sequence[str], listed: Any) -> list[str]:
    """The codes that were named, and those of the file."""
    return [*codes, *(line.strip() for line in listed or () if line.strip())]


def _decide(ctx: click.Context, codes: Sequence[str], told: dict[str, Any], *, dry_run: bool, as_json: bool) -> None:
    from archive.findings import Level, worst
    from retention import assigning, objects

    now = clock.now()
    today = clock.in_vietnam(now).date().isoformat()
    decision = assigning.Decision(**{**told, "by": told["by"].strip() or person(),
                                     "from_day": told["from_day"] or today})
    with archive_at(ctx.obj) as archive, ownership(archive):
        objects.catch_up(archive)
        n, findings = assigning.assign(archive, codes, decision, at=now, dry_run=dry_run)
    refused = worst(findings) >= Level.refused
    if as_json:
        print_json({"n": n, "case_files": len(set(codes)), "dry_run": dry_run, "refused": refused,
                    "findings": [one.as_dict() for one in findings]})
    else:
        for one in findings[:_SHOWN]:
            console().print(f"[bold]{one.code}[/bold] {one.sentence(language())}", soft_wrap=True)
            console().print(f"  [dim]{one.citation(language())} {one.cure(language())}[/dim]", soft_wrap=True)
        if len(findings) > _SHOWN:
            console().print(_("… and {n} more; --json has all.").format(n=len(findings) - _SHOWN))
        if n:
            console().print(_("Decision {n} was recorded for {count} case files.").format(n=n, count=len(set(codes))))
        else:
            console().print(_("Nothing was changed."))
    ctx.exit(5 if refused else 0)


@click.command("suggest", help=_("Suggest rules for a case file, with the reasons; nothing is applied."))
@click.argument("code")
@click.option("--json", "as_json", is_flag=True, help=_("for machines"))
@click.pass_obj
def suggest(root: Path, code: str, as_json: bool) -> None:
    """The rows of tables in force that fit the title, or were chosen for case files like it."""
    from archive import model
    from retention import suggesting

    with archive_at(root) as archive, archive.catalogue.session() as session:
        row = session.get(model.CaseFile, code)
        if row is None:
            raise click.UsageError(_("There is no case file {code}.").format(code=code))
        today = clock.in_vietnam(clock.now()).date().isoformat()
        found = suggesting.suggest(session, row, today)
    if as_json:
        print_json({"code": code, "title": row.title, "suggestions": [
            {"rule": f"{one.rule.table_id}@{one.rule.version}:{one.rule.code}", "description": one.rule.description,
             "period": one.rule.period, "score": one.score, "shared": list(one.shared), "example": one.example,
             "decision": one.decision} for one in found]})
        return
    console().print(f"[bold]{code}[/bold]  {row.title}", soft_wrap=True)
    print_table(_("Suggestions"), (_("Rule"), _("Records"), _("Period"), "", _("Why")), [
        (f"{one.rule.table_id}:{one.rule.code}", one.rule.description, one.rule.period, f"{one.score:.0%}",
         _why(one.shared, one.example, one.decision)) for one in found])
    if found:
        console().print(_("Nothing was applied. To choose one: luutru retention assign {code} --rule … --reason …")
                        .format(code=code), soft_wrap=True)


def _why(shared: Sequence[str], example: str, decision: int) -> str:
    in_common = _("words in common: {words}").format(words=", ".join(shared))
    if not example:
        return in_common
    return _("decided so for {code} (decision {n}); {common}").format(code=example, n=decision, common=in_common)
