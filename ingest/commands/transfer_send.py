"""`luutru transfer send`: bring registration and packages over, on a disk or through another archive's service."""

from __future__ import annotations

from pathlib import Path

import click

from archive.commands.groups import changes
from archive.i18n import _

LGSP = "lgsp"
_MB = 1 << 20
FOLDER = click.Path(path_type=Path, exists=True, file_okay=False)


@click.command("send", help=_("Bring packages, papers and list over: to a disk, each read again; or, --to lgsp, to the "
                              "receiving archive's service, the registration first. Run again it goes on."))
@click.argument("code")
@click.option("--from", "folder", type=FOLDER,
              help=_("the folder of the prepared packages; not needed for a registration"))
@click.option("--to", "place", required=True, metavar="FOLDER|lgsp",
              help=_("the disk, or a folder on it; lgsp: the service of the settings"))
@changes
@click.pass_context
def send(ctx: click.Context, code: str, folder: Path | None, place: str, dry_run: bool, as_json: bool) -> None:
    """Bring the packages over."""
    from ingest.commands.transfer import acting, finish
    from retention.transfer import carrying, sending

    if place == LGSP:       # a folder of that name is ./lgsp
        _online(ctx, code, folder, dry_run, as_json)
        return
    if folder is None:
        raise click.UsageError(_("Name the folder of the prepared packages (--from)."))
    disk: Path = FOLDER.convert(place, None, ctx)
    with acting(ctx, as_json) as (archive, _tools, who, progress):
        done = sending.send(archive, code, folder, carrying.Disk(disk), "disk", who, progress=progress,
                            dry_run=dry_run)
    finish(ctx, done, dry_run, as_json, _("{code}: {count} packages copied and read again; SHA-256 of the list: "
                                          "{manifest}"))


def _online(ctx: click.Context, code: str, folder: Path | None, dry_run: bool, as_json: bool) -> None:
    """Send what comes next: the registration before it is answered, the packages once they are prepared.

    The archive is owned only while the act is written down: a night need not wait for a slow line.
    """
    from archive import clock
    from archive.opening import ownership
    from archive.terminal import archive_at, person
    from ingest.commands.transfer import finish
    from ingest.commands.transfer_lgsp import OWNER_WAIT, declined, service_of, shown
    from retention import objects as every_object
    from retention.transfer import doing, objects, sending
    from retention.transfer.lgsp import Journal, acts

    with archive_at(ctx.obj) as archive, service_of(archive, code) as service, declined(ctx, archive, code, dry_run,
                                                                                        as_json):
        journal = Journal(archive.settings.root, code)
        registering = objects.open_transfer(archive, code, objects.AGENCY).state == "registered"
        if folder is None and not registering:
            raise click.UsageError(_("Name the folder of the prepared packages (--from)."))
        with journal.alone(), shown(as_json) as progress:
            if folder is None or registering:
                done = acts.send_registration(archive, code, service, journal, dry_run=dry_run)
            else:
                carrier, done = acts.upload(archive, code, folder, service, journal, progress=progress, bytes_=(
                    lambda name, came, size: progress(f"{name}: {came / _MB:.1f}/{size / _MB:.1f} MB", 0, 0)),
                    dry_run=dry_run)
                if not dry_run and not done.refused:
                    with ownership(archive, wait=OWNER_WAIT):
                        every_object.catch_up(archive)
                        done = sending.send(archive, code, folder, carrier, acts.WAY, doing.Who(
                            person(), clock.now()), progress=progress)
        told = doing.Done(done.transfer, done.findings, done.written, {**done.told, "host": service.host})
        finish(ctx, told, dry_run, as_json, _("{code}: the registration was sent to {host}. The archive answers within "
                                              "seven working days: luutru transfer sync") if registering else
               _("{code}: {count} packages have arrived at {host}; SHA-256 of the list: {manifest}. Next: luutru "
                 "transfer sync"))
