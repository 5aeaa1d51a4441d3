"""What the commands that correct have in common: their options, and how a correction is shown."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

import click
from rich.markup import escape

from archive.correcting import Correction, CorrectionRefusedError
from archive.i18n import _
from archive.model import Event
from archive.terminal import console, local_time, print_findings, print_json, print_table

Command = TypeVar("Command", bound=Callable[..., Any])


def options(command: Command) -> Command:
    """CODE --set TAG=VALUE… --clear TAG… --reason TEXT --dry-run --json."""
    for option in (
            click.option("--json", "as_json", is_flag=True, help=_("for machines")),
            click.option("--dry-run", is_flag=True, help=_("show the fields as they would be, change nothing")),
            click.option("--reason", default="", help=_("why; the ledger keeps it")),
            click.option("--clear", "cleared", multiple=True, metavar="TAG", help=_("a field to empty")),
            click.option("--set", "corrections", multiple=True, metavar="TAG=VALUE",
                         help=_("a field's right value, such as issuedDate=20/11/2026")),
            click.argument("code")):
        command = option(command)
    return command


def run(correct: Callable[[Mapping[str, str]], Correction], corrections: Iterable[str], cleared: Iterable[str], *,
        dry_run: bool, as_json: bool) -> None:
    """Correct, and show what came of it; a refusal is shown with its cures and ends with exit code 5."""
    values = assignments(corrections, cleared)
    try:
        done = correct(values)
    except CorrectionRefusedError as refused:
        if as_json:
            print_json({"corrected": False, "findings": [one.as_dict() for one in refused.findings]})
        else:
            print_findings(refused.findings)
        click.get_current_context().exit(refused.exit_code)
    if as_json:
        print_json({"code": done.code, "corrected": done.version > 0, "version": done.version, "before": done.before,
                    "after": done.after, "findings": [one.as_dict() for one in done.findings],
                    "new": [one.as_dict() for one in done.new]})
        return
    if not done.after:
        console().print(_("{code}: the fields have these values already; nothing was changed.").format(code=done.code))
        return
    print_table(escape(done.code), (_("Field"), _("Before"), _("After")),
                [(tag, escape(done.before[tag]) or "—", escape(value) or "—") for tag, value in done.after.items()])
    if done.new:
        console().print(_("Found in the corrected fields, and not before:"))
        print_findings(done.new)
    console().print(_("Only shown, nothing was changed.") if dry_run else _(
        "Corrected as version {version}; the former values stay in version {before} and in the ledger.").format(
            version=done.version, before=done.version - 1))


def assignments(corrections: Iterable[str], cleared: Iterable[str]) -> dict[str, str]:
    """The values by their tags; an empty one clears. Raises click.UsageError for none and for what is no TAG=VALUE."""
    values: dict[str, str] = {}
    for one in corrections:
        name, sign, value = one.partition("=")
        if not sign or not name.strip().isidentifier():
            raise click.UsageError(_("--set takes TAG=VALUE, not “{text}”").format(text=one))
        values[name.strip()] = value
    for tag in cleared:
        if tag in values:
            raise click.UsageError(_("“{tag}” is both set and cleared.").format(tag=tag))
        values[tag] = ""
    if not values:
        raise click.UsageError(_("Say what to correct: --set TAG=VALUE or --clear TAG."))
    return values



def print_history(events: Iterable[Event]) -> None:
    """The corrections of a record, oldest first: when, who, why, and each field before and after."""
    rows = [(local_time(event.at), escape(event.actor), escape(event.data["reason"]), tag,
             escape(event.data["before"][tag]) or "—", escape(event.data["after"][tag]) or "—")
            for event in events for tag in sorted(event.data["after"])]
    print_table(_("Corrections"), (_("Time"), _("By"), _("Reason"), _("Field"), _("Before"), _("After")), rows)
