"""`luutru backup`: backups on media apart, made, listed, checked, ended; restored and tried in their own modules."""

from __future__ import annotations

from typing import Any

import click

from archive.commands.groups import Steps
from archive.i18n import _
from archive.terminal import archive_at, console, local_day, local_time, person, print_findings, print_json, print_table

ORDER = ("begin", "run", "list", "check", "restore", "drill", "end", "print")
ELSEWHERE = {"restore": ("ingest.commands.backup_restore", "restore"),
             "drill": ("ingest.commands.backup_restore", "drill"),
             "print": ("ingest.commands.backup_papers", "papers")}


@click.group(cls=Steps, order=ORDER, elsewhere=ELSEWHERE, help=_(
    "Backups on media apart: incremental every day, full every month; checked, restored, tried (TT 05/2025/TT-BNV "
    "Điều 30)."))
def command() -> None:
    """Backups."""


@command.command("begin", help=_("Make the empty folder of a target a medium, under its code and with the last day of "
                                 "its life: for the first medium, or a new one in the place of an old one."))
@click.argument("target")
@click.option("--medium", default="", help=_("code of the medium (mã phương tiện); otherwise target and day"))
@click.option("--ends", default="", metavar="YYYY-MM-DD", help=_(
    "last day of the medium's life; luutru doctor warns a year before"))
@click.option("--json", "as_json", is_flag=True, help=_("for machines"))
@click.pass_obj
def begin(root: Any, target: str, medium: str, ends: str, as_json: bool) -> None:
    """Write the marker and the ledger's note of it."""
    from archive import clock
    from archive.backup import media
    from archive.opening import ownership

    with archive_at(root) as archive, ownership(archive):
        made = media.begin(archive, media.target_named(archive.settings, target), clock.now(), code=medium, ends=ends,
                           actor=person())
    if as_json:
        print_json({"target": target, "medium": made.code, "ends": made.ends, "begun_at": made.begun_at})
    else:
        console().print(_("Medium {medium} of {target} is ready.").format(medium=made.code, target=target))


@command.command("run", help=_("Make a backup on every target (or those named): full when this month has none on the "
                               "medium, else what changed since the last."))
@click.argument("targets", nargs=-1)
@click.option("--full", "full", is_flag=True, help=_("a full one, whatever there is"))
@click.option("--wait", default=600.0, show_default=True, help=_("seconds to wait for a night that is running"))
@click.option("--json", "as_json", is_flag=True, help=_("for machines"))
@click.pass_context
def run(ctx: click.Context, targets: tuple[str, ...], full: bool, wait: float, as_json: bool) -> None:
    """Exit code 4 when something in the store is damaged, 1 when a target failed, 3 when one was not there."""
    import time

    from archive import clock
    from archive.backup import making, media
    from archive.findings import finding

    with archive_at(ctx.obj) as archive, bar(_("backing up"), quiet=as_json) as tell:
        chosen = ([media.target_named(archive.settings, name) for name in targets] if targets
                  else media.targets(archive.settings))
        done = [making.run(archive, target, clock.now(), kind="full" if full else "", actor=person(), wait=wait,
                           progress=lambda _stage, n, of: tell(n, of), ticking=time.monotonic) for target in chosen]
    found = [one for made in done for one in made.findings]
    if not chosen:
        found.append(finding("BACKUP-001", "backup.targets"))
    if as_json:
        print_json({"targets": [{
            "target": one.target, "set": one.set, "kind": one.kind, "medium": one.medium, "objects": one.objects,
            "files": one.files, "bytes": one.size, "seconds": round(one.seconds, 3), "removed": one.removed}
            for one in done], "findings": [one.as_dict() for one in found]})
    else:
        for one in done:
            if one.set:
                said = _("✔ {target}: {set} on {medium}: {files} files, {size}, read back and equal")
                console().print(said.format(target=one.target, set=one.set, medium=one.medium, files=one.files,
                                            size=megabytes(one.size)), soft_wrap=True, markup=False)
            for name in one.removed:
                console().print(_("  {set} was kept long enough and is gone").format(set=name), markup=False)
        print_findings(found)
    ctx.exit(left_with(found))


@command.command("list", help=_("The backups that there are, by the ledger, and until when each is kept."))
@click.option("--json", "as_json", is_flag=True, help=_("for machines"))
@click.pass_context
def list_(ctx: click.Context, as_json: bool) -> None:
    """What the ledger knows; no medium need be there."""
    from archive.backup import standing

    with archive_at(ctx.obj) as archive, archive.catalogue.session() as session:
        sets = standing.sets_told(session)
        media = standing.media_told(session)
        months = archive.settings.backup.keep_months
        held = {one.name: one.append_only for one in _targets(archive.settings)}
    until = {}
    for chain in standing.chains_told(sets):
        for one in chain.sets:
            ends = "" if held.get(chain.target) else standing.kept_until(chain, months).isoformat()
            until[one.target, one.medium, one.id] = ends
    if as_json:
        print_json({"sets": [{"set": one.id, "target": one.target, "medium": one.medium, "kind": one.kind,
                              "base": one.base, "made_at": one.made_at, "events": one.seq, "files": one.files,
                              "bytes": one.size, "faults": one.faults, "sha256": one.sha256, "by": one.actor,
                              "until": until.get((one.target, one.medium, one.id), "")} for one in sets],
                    "media": [{"medium": one.code, "target": one.target, "begun_at": one.begun_at, "ends": one.ends,
                               "append_only": one.append_only} for one in media]})
        return
    kinds = {"full": _("full"), "incremental": _("incremental")}
    print_table(_("Backups"), [_("Set"), _("Target"), _("Medium"), _("Kind"), _("State of"), _("Size"),
                               _("Kept until")],
                [[one.id, one.target, one.medium, kinds[one.kind], local_time(one.made_at), megabytes(one.size),
                  local_day(until.get((one.target, one.medium, one.id), "")) or "—"] for one in sets])


def _targets(settings: Any) -> Any:
    from archive.backup import media

    return media.targets(settings)


@command.command("check", help=_("Read the newest full backup and its increments of every target again: lists, hashes, "
                                 "ledger; and look for viruses."))
@click.argument("targets", nargs=-1)
@click.option("--all", "everything", is_flag=True, help=_("all backups of each medium"))
@click.option("--scan/--no-scan", "scanning", default=False, help=_(
    "look at every file with the virus scanner (ingest.virus_scanner) as well"))
@click.option("--wait", default=600.0, show_default=True, help=_("seconds to wait for a night that is running"))
@click.option("--json", "as_json", is_flag=True, help=_("for machines"))
@click.pass_context
def check(ctx: click.Context, targets: tuple[str, ...], everything: bool, scanning: bool, wait: float,
          as_json: bool) -> None:
    """Exit code 4 when anything is not as it was written; the ledger notes the result."""
    from archive import clock
    from archive.backup import checking, media
    from archive.findings import finding
    from ingest.backups import scanner_of

    with archive_at(ctx.obj) as archive, bar(_("reading"), quiet=as_json) as tell:
        scan, scanner = scanner_of(archive) if scanning else (None, "")
        chosen = ([media.target_named(archive.settings, name) for name in targets] if targets
                  else media.targets(archive.settings))
        done = [checking.check(archive, target, clock.now(), everything=everything, scan=scan, scanner=scanner,
                               actor=person(), wait=wait, progress=lambda _stage, n, of: tell(n, of))
                for target in chosen]
    found = [one for checked in done for one in checked.findings]
    if not chosen:
        found.append(finding("BACKUP-001", "backup.targets"))
    if scanning and scan is None:
        found.append(finding("BACKUP-016", "ingest.virus_scanner"))
    if as_json:
        print_json({"targets": [{"target": one.target, "medium": one.medium, "sets": one.sets, "files": one.files,
                                 "bytes": one.size, "faults": [fault.sentence() for fault in one.faults],
                                 "scan": one.scan, "infected": one.infected} for one in done],
                    "findings": [one.as_dict() for one in found]})
    else:
        for one in done:
            for fault in one.faults:
                console().print(f"✘ {fault.sentence()}", soft_wrap=True, markup=False)
            if one.sets and not one.faults:
                said = _("✔ {target}: {n} backups on {medium}, {files} files read: as they were written")
                console().print(said.format(target=one.target, n=len(one.sets), medium=one.medium, files=one.files),
                                soft_wrap=True, markup=False)
            if one.scan:
                said = _("  scanned for viruses: {clean} clean, {infected} infected, {other} not checked")
                clean, infected = one.scan.get("clean", 0), one.scan.get("infected", 0)
                console().print(said.format(clean=clean, infected=infected,
                                            other=sum(one.scan.values()) - clean - infected))
        print_findings(found)
    ctx.exit(left_with(found))


@command.command("end", help=_("Remove backups before their time, with every increment that needs them; of an "
                               "append-only or lost medium only note that it was destroyed or wiped."))
@click.argument("target")
@click.argument("sets", nargs=-1, required=True)
@click.option("--reason", required=True, help=_("why; the ledger keeps it"))
@click.option("--medium-gone", is_flag=True, help=_("the medium was destroyed, wiped or lost: only note it"))
@click.option("--yes", is_flag=True, help=_("do not ask"))
@click.option("--json", "as_json", is_flag=True, help=_("for machines"))
@click.pass_context
def end(ctx: click.Context, target: str, sets: tuple[str, ...], reason: str, medium_gone: bool, yes: bool,
        as_json: bool) -> None:
    """Take them away and tell the ledger."""
    from archive.backup import ending, media
    from archive.errors import UsageError
    from archive.opening import ownership

    if not (yes or as_json):
        click.confirm(_("These backups can then not be restored any more. Go on?"), abort=True)
    with archive_at(ctx.obj) as archive, ownership(archive):
        place = media.target_named(archive.settings, target)
        seen = media.look(archive, place)
        if not medium_gone and seen.medium is None:
            raise UsageError(_("{place} is not there; --medium-gone notes that its medium is no more").format(
                place=place.folder))
        gone = ending.end(archive, place, None if medium_gone else seen.medium, sets, reason=reason, actor=person())
    if as_json:
        print_json({"target": target, "ended": gone})
    else:
        console().print(_("{n} backups of {target} are ended: {sets}").format(n=len(gone), target=target,
                                                                            sets=", ".join(gone)), soft_wrap=True)


def left_with(found: Any) -> int:
    """The exit code: 4 an integrity finding, 1 we failed, 3 something needs a person, 0 well."""
    from archive.findings import Level

    levels = {one.level for one in found}
    return 4 if Level.refused in levels else 1 if Level.failed in levels else 3 if Level.warning in levels else 0


def megabytes(size: int) -> str:
    """A size for people."""
    from archive.backup.papers import size as shown

    return shown(size)


def bar(what: str, *, quiet: bool) -> Any:
    """A bar that is told how many of how many are done."""
    from contextlib import contextmanager

    from rich.progress import Progress

    @contextmanager
    def drawn() -> Any:
        shown = console(stderr=True)
        with Progress(console=shown, transient=True, disable=quiet or not shown.is_terminal) as progress:
            task = progress.add_task(what, total=None)
            yield lambda done, total: progress.update(task, completed=done, total=total)

    return drawn()
