"""How `luutru scan` shows jobs and findings on a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.markup import escape

from archive import scan_acts, scan_jobs
from archive.i18n import _
from archive.scan_jobs import Job
from archive.terminal import console, local_day, local_time, print_table

MOST_ROWS = 40      # case files on a terminal


def print_job(job: Job, papers: Sequence[str]) -> None:
    """The plan, the case files, the acts, the state of quality control, the papers."""
    out, told = console(), job.record
    out.print(f"[bold]{job.id}[/] {escape(told['title'])}", soft_wrap=True)
    out.print(f"{_('State')}: [bold]{scan_jobs.state_name(job.state)}[/] · {_('Fonds')}: {told['fonds']} · "
              f"{_('Profile')}: {told['profile']} · {_('Begun')}: {local_day(told['started_on'])}")
    out.print(_("Decision {number} of {date}; operators: {operators}; devices: {devices}").format(
        number=escape(told["decision"]["number"]), date=local_day(told["decision"]["date"]),
        operators=escape(", ".join(told["operators"])), devices=escape(", ".join(told["devices"]))), soft_wrap=True)
    rows = [(one["code"], escape(one["box"]), str(one["documents"] or "—"), str(one["sheets"]),
             escape(one["condition"] or "—"), _where(one)) for one in job.files[:MOST_ROWS]]
    print_table(_("Case files"), (_("Case file"), _("Box"), _("Documents"), _("Sheets"), _("Condition"), _("Where")),
                rows)
    if len(job.files) > MOST_ROWS:
        out.print(_("… and {n} more: luutru scan show {id} --json").format(n=len(job.files) - MOST_ROWS, id=job.id))
    for round_ in job.rounds:
        out.print(round_sentence(round_))
    print_table(_("What was done"), (_("Time"), _("Act"), _("Who")), [
        (local_time(act["at"]), act_name(act["act"]), escape(act["by"])) for act in job.acts])
    for path in papers:
        out.print(f"  {path}")


def round_sentence(round_: Mapping[str, Any]) -> str:
    """How a round of quality control stands."""
    told = scan_acts.checked(round_)
    return _("Quality control {n}: {listed} of {of} documents; {passed} passed, {failed} failed, {unjudged} without a "
             "verdict; {scan} scan errors, {catalogue} cataloguing errors, {open} of them open").format(
        n=round_["round"], listed=len(round_["documents"]), of=round_["of"], passed=told["passed"],
        failed=told["failed"], unjudged=told["unjudged"], scan=told["scan_errors"],
        catalogue=told["catalogue_errors"], open=told["open"])


def act_name(act: str) -> str:
    """An act in words."""
    return {"planned": _("planned"), "changed": _("plan changed"), "listed": _("case files listed"),
            "handed_over": _("originals handed over"), "qc_begun": _("quality control begun"),
            "qc_taken_in": _("checked list taken in"), "accepted": _("accepted"), "returned": _("originals returned"),
            "cancelled": _("cancelled")}.get(act, act)


def _where(one: Mapping[str, Any]) -> str:
    if one["returned"]:
        return _("returned")
    return _("handed over") if one["handed_over"] else _("not handed over")
