"""`luutru doctor`: what is missing, wrong, full, late or about to end, and what to do about it."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from archive import clock
from archive.doctor.examining import examine, settings_fault
from archive.doctor.parts import Part, look
from archive.errors import SettingsError
from archive.findings import Finding, Level, worst
from archive.fixity.checking import Status
from archive.i18n import _
from archive.opening import exists
from archive.settings import Settings
from archive.terminal import console, print_findings, print_json, settings_of

__all__ = ["Part", "command", "look"]


@click.command(help=_("Say what is missing, wrong, full, late or about to end: programs, disks, clock, rights, copies, "
                      "backups, certificates, timestamps; and what to do. Changes nothing."))
@click.option("--json", "as_json", is_flag=True, help=_("for machines"))
@click.option("--quiet", is_flag=True, help=_("say only what needs somebody; for cron"))
@click.pass_context
def command(ctx: click.Context, as_json: bool, quiet: bool) -> None:
    """Exit code 1: something needed is missing; 4: damage; 3: something needs a person; 0: all well."""
    try:
        settings = settings_of(ctx.obj)
    except SettingsError as error:
        _leave(ctx, [settings_fault(error)], as_json=as_json)
        return
    found, parts, status = examine(settings, clock.now())
    if quiet:
        found = [one for one in found if one.level > Level.note]
    if as_json:
        free = shutil.disk_usage(settings.root if settings.root.exists() else Path.cwd()).free
        print_json({"parts": [asdict(part) for part in parts], "archive": exists(settings), "free_mb": free >> 20,
                    "copies": _copies(status), "findings": [
                        {**one.as_dict(), "vi": one.sentence("vi"), "en": one.sentence("en"), "cure_vi": one.cure("vi"),
                         "cure_en": one.cure("en")} for one in found]})
        ctx.exit(_code(found))
    if not quiet:
        _print_machine(settings, parts, status)
    _leave(ctx, found, as_json=False)


def _leave(ctx: click.Context, found: Sequence[Finding], *, as_json: bool) -> None:
    if as_json:
        print_json({"parts": [], "archive": False, "copies": None, "findings": [
            {**one.as_dict(), "vi": one.sentence("vi"), "en": one.sentence("en")} for one in found]})
    else:
        print_findings(sorted(found, key=lambda one: (-one.level, one.code)))
    ctx.exit(_code(found))


def _code(found: Sequence[Finding]) -> int:
    levels = {one.level for one in found}
    if Level.refused in levels:
        return 4
    return 1 if Level.failed in levels else 3 if worst(found) == Level.warning else 0


def _print_machine(settings: Settings, parts: Sequence[Part], status: Status | None) -> None:
    out = console()
    for part in parts:
        sign = {"there": "[green]✔[/]", "missing": "[red]✘[/]"}.get(part.state, "[yellow]–[/]")
        out.print(f"{sign} {part.name:<22} [dim]{part.purpose}[/] {part.version}")
        if part.state == "optional":
            out.print(f"    → {part.cure}")
    free = shutil.disk_usage(settings.root if settings.root.exists() else Path.cwd()).free
    place = settings.root if exists(settings) else _("none yet (luutru init)")
    out.print(f"{_('Archive')}: {place} · {_('free')}: {free >> 20} MB")
    if (copies := _copies(status)) is not None:
        out.print(_copies_line(copies), soft_wrap=True, markup=False)


def _copies(status: Status | None) -> dict[str, Any] | None:
    """How the copies stand: named, complete up to now, not to be used, faults open anywhere; None without an archive.
    """
    if status is None:
        return None
    copies = [one for one in status.places if one.state != "store"]
    return {"named": len(copies), "complete": sum(1 for one in copies if one.state == "ready" and one.lag == 0),
            "absent": [one.name for one in copies if one.state != "ready"],
            "faults": sum(one.faults for one in status.places)}


def _copies_line(copies: dict[str, Any]) -> str:
    if not copies["named"]:
        line = _("Copies: none (copies.places): when this disk goes, everything on it goes")
    else:
        line = _("Copies: {complete} of {named} complete").format(**copies)
    if copies["absent"]:
        line += " · " + _("not usable: {places}").format(places=", ".join(copies["absent"]))
    if copies["faults"]:
        line += " · " + _("{faults} faults are open: luutru fixity repair").format(**copies)
    return line
