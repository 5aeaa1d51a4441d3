"""`luutru backup restore` and `luutru backup drill`: an archive out of a backup, in earnest and as a trial."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from archive.i18n import _
from archive.terminal import archive_at, console, local_time, person, print_findings, print_json
from ingest.commands.backup import bar, left_with, megabytes

_FOLDER = click.Path(path_type=Path, file_okay=False)


@click.command("restore", help=_("Make an archive out of a backup, in an empty folder: every file proved while it is "
                                 "copied, catalogue and index made again, everything read once more. Needs no archive, "
                                 "only the medium."))
@click.option("--from", "medium", type=_FOLDER, required=True, help=_("folder of the medium"))
@click.option("--to", "target", type=_FOLDER, required=True, help=_("empty folder for the archive"))
@click.option("--set", "wanted", default="", help=_("the backup to restore; otherwise the newest"))
@click.option("--at", default="", metavar="YYYY-MM-DDTHH:MM", help=_(
    "otherwise the last one made before this time in Vietnam"))
@click.option("--also", type=_FOLDER, multiple=True, help=_("other media to take damaged files from"))
@click.option("--ledger", type=click.Path(path_type=Path, file_okay=False, exists=True), help=_(
    "a newer ledger (of a copy): say what was destroyed since the backup was made"))
@click.option("--reason", default="", help=_("what happened; the ledger and the minutes keep it"))
@click.option("--dry-run", is_flag=True, help=_("say what would be restored and change nothing"))
@click.option("--json", "as_json", is_flag=True, help=_("for machines"))
@click.pass_context
def restore(ctx: click.Context, medium: Path, target: Path, wanted: str, at: str, also: tuple[Path, ...],
            ledger: Path | None, reason: str, dry_run: bool, as_json: bool) -> None:
    """Exit code 4 when something could not be restored sound. A killed restore goes on when it is said again."""
    from datetime import datetime

    from archive import clock
    from archive.backup import restoring
    from archive.errors import UsageError
    from ingest.backups import destroyed_after, make_usable

    try:
        moment = datetime.fromisoformat(at).replace(tzinfo=clock.VIETNAM) if at else None
    except ValueError as error:
        raise UsageError(_("{text} is no time, such as 2026-11-20T22:00").format(text=at)) from error
    chain = restoring.choose(medium, wanted=wanted, at=moment)
    if dry_run:
        size = sum(int(one.told["bytes"]) for one in chain)
        if as_json:
            print_json({"dry_run": True, "set": chain[-1].id, "sha256": chain[-1].sha256, "made_at": chain[-1].made_at,
                        "sets": [one.id for one in chain], "bytes": size})
        else:
            said = _("Would restore the archive as it was on {time}, from {n} backups, at most {size}.")
            console().print(said.format(
                time=local_time(chain[-1].made_at), n=len(chain), size=megabytes(size)))
            console().print(_("SHA-256 of its set.json, as its minutes have it: {sha256}").format(
                sha256=chain[-1].sha256), soft_wrap=True)
        return
    with bar(_("restoring"), quiet=as_json) as tell:
        restored = restoring.restore(chain, target, spare=also, progress=tell)
        done = make_usable(target, restored, actor=person(), reason=reason, progress=lambda _stage, n, of: tell(n, of))
    if ledger is not None:
        done.findings += destroyed_after(ledger, restored.seq, str(target))
    if as_json:
        print_json({"root": str(target), **_told(done), "findings": [one.as_dict() for one in done.findings]})
    else:
        _say(done, _("Restored as it was on {time}: {files} files, {size}; {documents} documents in {objects} "
                     "objects."))
        said = _("The archive is in {place}. Put back what backups do not hold: keys (PKCS#12), the database's "
                 "address.")
        console().print(said.format(place=target), soft_wrap=True)
    ctx.exit(left_with(done.findings))


@click.command("drill", help=_("Try a restore: the newest backup of each target (or those named) is restored beside "
                               "the archive, compared with it, and removed again. Quarterly (TT 05/2025/TT-BNV Điều "
                               "30)."))
@click.argument("targets", nargs=-1)
@click.option("--in", "folder", type=click.Path(path_type=Path, file_okay=False, exists=True), help=_(
    "folder on a disk with room for the whole archive; otherwise the system's temporary one"))
@click.option("--wait", default=600.0, show_default=True, help=_("seconds to wait for a night that is running"))
@click.option("--json", "as_json", is_flag=True, help=_("for machines"))
@click.pass_context
def drill(ctx: click.Context, targets: tuple[str, ...], folder: Path | None, wait: float, as_json: bool) -> None:
    """Exit code 4 when the restored archive is not the one that was backed up. The ledger notes the result."""
    from archive import clock
    from archive.backup import media
    from archive.findings import finding
    from ingest.backups import drill as drill_one

    outcomes, found = [], []
    with archive_at(ctx.obj) as archive, bar(_("restoring"), quiet=as_json) as tell:
        chosen = ([media.target_named(archive.settings, name) for name in targets] if targets
                  else media.targets(archive.settings))
        if not chosen:
            found.append(finding("BACKUP-001", "backup.targets"))
        for target in chosen:
            seen = media.look(archive, target)
            if seen.state != "ready":
                found.append(finding("BACKUP-002" if seen.state in ("absent", "new") else "BACKUP-003", target.name,
                                     place=target.folder, reason=seen.reason))
                continue
            outcomes.append(drill_one(archive, target, clock.now(), folder=folder, actor=person(), wait=wait,
                                      progress=lambda _stage, n, of: tell(n, of)))
    found += [one for done in outcomes for one in done.findings]
    if as_json:
        print_json({"targets": [{"target": one.target, **_told(one)} for one in outcomes],
                    "findings": [one.as_dict() for one in found]})
    else:
        for one in outcomes:
            _say(one, _("{target}: restored as it was on {time}: {files} files, {size}; {documents} documents in "
                        "{objects} objects; {seconds} seconds."))
            if not one.faults:
                console().print(_("  the same as the archive; opened and found: {documents}").format(
                    documents=", ".join(one.canaries) or "—"), soft_wrap=True, markup=False)
        print_findings(found)
    ctx.exit(left_with(found))


def _told(done: Any) -> dict[str, Any]:
    own = done.restored
    return {"set": own.set, "made_at": own.made_at, "medium": own.medium, "files": own.files, "bytes": own.size,
            "kept": own.kept, "elsewhere": own.elsewhere, "lost": own.lost, "documents": done.documents,
            "objects": done.objects, "events": done.events, "indexed": done.indexed, "canaries": done.canaries,
            "faults": done.faults, "seconds": round(done.seconds, 1)}


def _say(done: Any, sentence: str) -> None:
    own = done.restored
    console().print(sentence.format(target=done.target, time=local_time(own.made_at), files=own.files,
                                    size=megabytes(own.size), documents=done.documents, objects=done.objects,
                                    seconds=round(done.seconds)), soft_wrap=True, markup=False)
    for fault in done.faults[:20]:
        console().print(f"✘ {fault}", soft_wrap=True, markup=False)
    if not done.target:
        print_findings(done.findings)
