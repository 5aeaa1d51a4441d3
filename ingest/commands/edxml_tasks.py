"""`luutru edxml tasks` and `extend`: the monthly list of tasks (LS Điều 13), and extensions."""

from __future__ import annotations

import re
from datetime import date, datetime
from pathlib import Path

import click

from archive.i18n import _

_SHOWN = 60
_DAYS = ["%d/%m/%Y", "%Y-%m-%d"]


@click.command("tasks", help=_("Tasks that documents give: given, due, answered by which document, extended, late."))
@click.option("--month", default="", metavar="YYYY-MM", help=_("the list of a month, as it stood at its end"))
@click.option("--late", is_flag=True, help=_("only those that are overdue"))
@click.option("--csv", "csv_file", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
              help=_("write the list as a table"))
@click.option("--json", "as_json", is_flag=True, help=_("for machines"))
@click.pass_obj
def tasks(root: Path, month: str, late: bool, csv_file: Path | None, as_json: bool) -> None:
    """Show the tasks as they stand, or as they stood at the end of a month."""
    from archive import clock
    from archive.files import write_atomically
    from archive.terminal import archive_at, console, print_json, print_table
    from ingest.exchange import task_lists
    from ingest.exchange import tasks as kept

    today = clock.in_vietnam(clock.now()).date()
    year, number = _month(month) if month else (0, 0)
    on = min(today, kept.bounds(year, number)[1]) if month else today
    with archive_at(root) as archive, archive.catalogue.session() as session:
        found = kept.tasks(session, archive.settings, on)
    if month:
        found = kept.of_month(found, year, number)
    found = [one for one in found if not late or one.state == "late"]
    if csv_file is not None:
        write_atomically(csv_file, task_lists.as_csv(found))
    if as_json:
        print_json({"on": on.isoformat(), "month": month, "tasks": [task_lists.as_dict(one) for one in found],
                    "counts": {state: sum(one.state == state for one in found)
                               for state in ("open", "late", "answered", "answered_late")}})
        return
    from rich.markup import escape

    colours = {"late": "red", "answered_late": "yellow", "answered": "green", "open": "default"}
    print_table(_("Tasks on {day}").format(day=f"{on:%d/%m/%Y}"), [task_lists.heading(name) for name in (
        "id", "document", "giver_name", "assignee", "due", "state", "answered_by")], [
        (one.id, escape(one.document + (f" · {one.code}" if one.code else "")), escape(one.giver_name or one.giver),
         escape(one.assignee), f"{one.due:%d/%m/%Y}" if one.due else "—",
         f"[{colours[one.state]}]{task_lists.state_name(one.state)}[/]" + (f" ({one.days_late})" if one.days_late
                                                                          else ""),
         escape(one.answered_by)) for one in found[:_SHOWN]])
    if len(found) > _SHOWN:
        console().print(_("… and {n} more; --json has all.").format(n=len(found) - _SHOWN))


@click.command("extend", help=_("Give a task a new day: asked for within the term, approved by a document (LS Đ13.5)."))
@click.argument("task")
@click.option("--until", required=True, type=click.DateTime(_DAYS), metavar="DD/MM/YYYY", help=_("the new day"))
@click.option("--requested", required=True, type=click.DateTime(_DAYS), metavar="DD/MM/YYYY",
              help=_("the day of the request; after the term it no longer counts"))
@click.option("--approved", required=True, type=click.DateTime(_DAYS), metavar="DD/MM/YYYY",
              help=_("the day of the document that approves it"))
@click.option("--document", required=True, help=_("that document: its number, or our code of it"))
@click.option("--reason", default="", help=_("why"))
@click.option("--dry-run", is_flag=True, help=_("check only, change nothing"))
@click.option("--json", "as_json", is_flag=True, help=_("for machines"))
@click.pass_obj
def extend(root: Path, task: str, until: datetime, requested: datetime, approved: datetime, document: str, reason: str,
           dry_run: bool, as_json: bool) -> None:
    """Extend a task."""
    from archive.opening import ownership
    from archive.terminal import archive_at, console, person, print_json
    from ingest.exchange import task_lists
    from ingest.exchange import tasks as kept

    with archive_at(root) as archive, ownership(archive):
        made = kept.extend(archive, task, until=until.date(), requested=requested.date(), approved=approved.date(),
                           document=document, reason=reason, by=person(), dry_run=dry_run)
    if as_json:
        print_json({**task_lists.as_dict(made), "extended": not dry_run})
    else:
        console().print(_("{task}: due on {day}").format(task=made.id, day=f"{made.due:%d/%m/%Y}"))


def _month(text: str) -> tuple[int, int]:
    found = re.fullmatch(r"(\d{4})-(\d{2})", text)
    if found is None or not 1 <= int(found[2]) <= 12 or not date.min.year <= int(found[1]):
        raise click.UsageError(_("“{value}” is no month; write YYYY-MM.").format(value=text))
    return int(found[1]), int(found[2])
