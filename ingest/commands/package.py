"""`luutru package`: write packages for other systems (TT 05/2025, TT 02/2019, BagIt), and check any package."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Iterable
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from archive import clock
from archive.i18n import _, language, later
from archive.opening import Archive, ownership
from archive.terminal import archive_at, console, person, print_json

if TYPE_CHECKING:
    from archive.findings import Finding
    from archive.packages.exporting import Order, Planned
    from archive.packages.writing import Written

# Commands that live in files of their own, loaded when they are called.
_ELSEWHERE = {"check": ("ingest.commands.package_check", later("check any package, of ours or of others"))}
_ALIKE = 3          # findings of one code that are shown one by one
_MARKS = {"failed": ("✗", "red"), "refused": ("✗", "red"), "warning": ("!", "yellow")}
_FORMS = ("sip_hoso", "sip_tailieu", "aip_hoso", "aip_tailieu", "dip", "bagit", "tt02")


class _LazyGroup(click.Group):
    """A group some of whose commands lie in other modules."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The commands, in the order in which they are used."""
        found = [name for name, (module, _purpose) in _ELSEWHERE.items() if importlib.util.find_spec(module)]
        return [*super().list_commands(ctx), *found]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name, or None."""
        if cmd_name not in self.list_commands(ctx) or cmd_name not in _ELSEWHERE:
            return super().get_command(ctx, cmd_name)
        command: click.Command = importlib.import_module(_ELSEWHERE[cmd_name][0]).command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of commands, without loading the ones that lie elsewhere."""
        lines = [(name, _(_ELSEWHERE[name][1]) if name in _ELSEWHERE else self.commands[name].get_short_help_str(90))
                 for name in self.list_commands(ctx)]
        with formatter.section(_("Commands")):
            formatter.write_dl(lines)


@click.group(cls=_LazyGroup, help=_("Packages (gói tin): write them for other systems, check any."))
def command() -> None:
    """Packages."""


@command.command("write", help=_(
    "Write packages into a folder. sip_hoso, aip_hoso, bagit, tt02: CODE is a case file, one package each; "
    "sip_tailieu, aip_tailieu, dip: CODE is a document, one package for all."))
@click.argument("codes", metavar="CODE…", nargs=-1, required=True)
@click.option("--form", type=click.Choice(_FORMS), required=True, help=_("kind of package"))
@click.option("--to", "folder", type=click.Path(path_type=Path, file_okay=False), required=True,
              help=_("the folder to write into"))
@click.option("--request", default="", help=_("SIP: code of the registered submission, such as NL.BNV.2026.01"))
@click.option("--ordinal", type=click.IntRange(1), help=_("SIP: ordinal of the (first) package in the transfer"))
@click.option("--title", default="", help=_("loose documents: title of the package"))
@click.option("--round", "round_", type=click.IntRange(1, 99), default=1, show_default=True,
              help=_("loose documents: number of the submission in the year"))
@click.option("--source", type=click.Choice(("0", "1")), help=_("loose documents: 0 outgoing, 1 incoming"))
@click.option("--description", default="", help=_("loose documents: note about the package"))
@click.option("--set", "fields", multiple=True, metavar="TAG=VALUE",
              help=_("DIP: a field of the reader's request, such as requestID=KT.2026.07; may be repeated"))
@click.option("--folder", "as_folder", is_flag=True, help=_("write a folder instead of a ZIP"))
@click.option("--force", "forced", default="", metavar="REASON",
              help=_("write in spite of refusals, for this reason, which the ledger keeps"))
@click.option("--dry-run", is_flag=True, help=_("check only, write nothing"))
@click.option("--json", "as_json", is_flag=True, help=_("for machines"))
@click.pass_context
def write(ctx: click.Context, codes: tuple[str, ...], form: Any, folder: Path, request: str, ordinal: int | None,
          title: str, round_: int, source: str | None, description: str, fields: tuple[str, ...], as_folder: bool,
          forced: str, dry_run: bool, as_json: bool) -> None:
    """Write packages; exit code 5 when a rule refuses one, and then none is written."""
    from archive.packages.exporting import Order, plan

    order = Order(form, request, ordinal, title, round_, source or "", description.strip(), _pairs(fields), as_folder)
    with archive_at(ctx.obj) as archive, nullcontext() if dry_run else ownership(archive):
        planned = plan(archive, codes, order, clock.now())
        refused = any(one.refused for one in planned)
        if not as_json:
            _show_findings(planned)
        if dry_run or (refused and not forced.strip()):
            if as_json:
                print_json(_as_json(planned, []))
            else:
                console().print(_("Only checked, nothing was written.") if dry_run else _(
                    "Nothing was written. Correct what the findings say, or give the reason with --force."))
            ctx.exit(5 if refused else 0)
        written = _write_all(ctx, archive, planned, order, folder, forced.strip(), as_json)
    if as_json:
        print_json(_as_json(planned, written))
        return
    for one in written:
        console().print(_("{place}: {files} files, {size} bytes, SHA-256 {sha256}").format(
            place=one.path, files=one.files, size=one.size, sha256=one.sha256 or "—"), soft_wrap=True)


def _write_all(ctx: click.Context, archive: Archive, planned: Iterable[Planned], order: Order, folder: Path,
               forced: str, as_json: bool) -> list[Written]:
    """Write one package after the other, with progress."""
    from rich.progress import DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    from archive.packages.ead import UnwritableTextError
    from archive.packages.exporting import unwritable
    from archive.packages.exporting import write as write_one

    shown = console(stderr=True)
    written = []
    with Progress(TextColumn("{task.description}"), DownloadColumn(), TimeRemainingColumn(), console=shown,
                  transient=True, disable=as_json or not shown.is_terminal) as bar:
        for one in planned:
            task = bar.add_task(one.name, total=None)
            try:
                written.append(write_one(archive, one, order, folder, by=person(), forced=forced,
                                         progress=lambda done, total, task=task: bar.update(  # type: ignore[misc]
                                             task, completed=done, total=total)))
            except UnwritableTextError as error:
                found = unwritable(one.name, error)
                console(stderr=True).print(f"{found.code} {found.sentence(language())}", soft_wrap=True)
                ctx.exit(5)
    return written


def _pairs(fields: Iterable[str]) -> dict[str, str]:
    found = {}
    for one in fields:
        tag, equals, value = one.partition("=")
        if not equals or not tag.strip():
            raise click.UsageError(_("{text}: a field is given as TAG=VALUE").format(text=one))
        found[tag.strip()] = value
    return found


def _show_findings(planned: Iterable[Planned]) -> None:
    """The findings of each package, those of one code together and the gravest first; --json has them all."""
    out = console()
    for one in planned:
        by_code: dict[str, list[Finding]] = {}
        for found in sorted(one.findings, key=lambda found: -found.level):
            by_code.setdefault(found.code, []).append(found)
        if by_code:
            out.print(one.name, style="bold", markup=False, soft_wrap=True)
        for code, alike in by_code.items():
            mark, colour = _MARKS.get(alike[0].level.name, ("•", "dim"))
            out.print(f"  [{colour}]{mark} {code}[/]" + (f" ×{len(alike)}" if len(alike) > 1 else ""))
            for found in alike[:_ALIKE]:
                out.print(f"      {found.sentence(language())}", markup=False, soft_wrap=True)
            if len(alike) > _ALIKE:
                out.print("      " + _("… and {count} more").format(count=f"{len(alike) - _ALIKE:,}"))
            out.print(f"    → {alike[0].cure(language())}", markup=False, soft_wrap=True)


def _as_json(planned: Iterable[Planned], written: list[Written]) -> dict[str, Any]:
    results: list[Written | None] = [*written]
    rows = []
    for n, one in enumerate(planned):
        done = results[n] if n < len(results) else None
        rows.append({"codes": list(one.codes), "objid": one.objid, "name": one.name, "refused": one.refused,
                     "findings": [found.as_dict() for found in one.findings],
                     **({"path": str(done.path), "sha256": done.sha256, "size": done.size, "files": done.files}
                        if done else {})})
    return {"written": len(written), "packages": rows}
