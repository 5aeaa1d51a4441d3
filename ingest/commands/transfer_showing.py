"""How `luutru transfer` shows a hand-over on a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.markup import escape

from archive.i18n import _, language
from archive.terminal import console, local_day, local_time, print_table
from retention.transfer import objects

MOST_ROWS = 40      # case files on a terminal; --json has all


def print_transfer(held: Any, made: Sequence[str], due: Sequence[Any]) -> None:
    """Who hands over to whom, the case files with reasons, the acts, what is due, the papers."""
    out, told = console(), held.record
    out.print(f"[bold]{held.code}[/] {escape(told['registration']['summary'])}", soft_wrap=True)
    out.print(f"{escape(told['sender']['name'])} → {escape(told['receiver']['name'])} · {_('State')}: "
              f"[bold]{objects.state_name(held.state)}[/]", soft_wrap=True)
    for one in due:
        line = f"{local_day(one.due.isoformat())}: {one.sentence(language())} ({one.article})"
        out.print(f"  [{'red' if one.late else 'yellow'}]{escape(line)}[/]", soft_wrap=True)
    print_table(_("Case files"), ("#", _("Case file"), _("Title"), _("Documents"), _("State"), _("Reason")), [
        (str(one["n"]), escape(one["code"]), escape(one["title"]), str(one["documents"]),
         objects.state_name(one["state"]), escape(one["reason"])) for one in held.items[:MOST_ROWS]])
    if len(held.items) > MOST_ROWS:
        out.print(_("… and {n} more: --json").format(n=len(held.items) - MOST_ROWS))
    print_table(_("What was done"), (_("Time"), _("Act"), _("Who")), [
        (local_time(act["at"]), act_name(act["act"]), escape(act["by"])) for act in held.acts])
    for path in made:
        out.print(f"  {path}", markup=False)


def act_name(act: str) -> str:
    """An act of a hand-over in words."""
    return {"registered": _("registered"), "answered": _("registration answered"), "prepared": _("packages prepared"),
            "sent": _("sent"), "received": _("received"), "examined": _("examined"), "approved": _("approved"),
            "returned": _("returned"), "confirmed": _("confirmed by the archive"), "closed": _("closed"),
            "filed": _("papers filed")}.get(act, act)
