"""`luutru serve`: the portal, for browsers."""

from __future__ import annotations

import os
from pathlib import Path

import click

from archive.i18n import _
from archive.terminal import archive_at, console


@click.command(help=_("Serve the portal to browsers. On the first start it shows the link under which the first "
                      "administrator's account is made."))
@click.option("--host", default=None, help=_("the address to listen on; else the setting web.host (127.0.0.1)"))
@click.option("--port", type=click.IntRange(1, 65535), default=None, help=_("the port; else the setting web.port "
                                                                            "(8080)"))
@click.option("--workers", type=click.IntRange(1, 64), default=1, show_default=True, help=_("processes"))
@click.option("--dry-run", is_flag=True, help=_("check that it could start, and change nothing"))
@click.pass_obj
def command(root: Path, host: str | None, port: int | None, workers: int, dry_run: bool) -> None:
    """Serve the portal of the archive at `root` until it is stopped."""
    with archive_at(root) as archive:      # what stands in the way is said here, once, not by every worker
        settings = archive.settings
    host, port = host or settings.web.host, port or settings.web.port
    if dry_run:
        console().print(_("The portal can start."))
        return
    import uvicorn

    from archive.settings_portal import EVERYWHERE, bracketed
    from web.accounts import Accounts
    from web.patience import CONNECTIONS, Patient
    from web.serving import LISTENS_ON

    address = settings.web.reached(host, port)
    held = Accounts(settings)
    out = console(stderr=True)
    out.print(_("The portal: {address}").format(address=address), markup=False, soft_wrap=True)
    if settings.service.on:
        out.print(_("The archive service: {address}").format(address=f"{address}/lgsp/v1"), markup=False,
                  soft_wrap=True)
    if held.none_yet():
        out.print(_("Nobody has an account yet. Open this link once, within 24 hours, to make the first "
                    "administrator:"), soft_wrap=True)
        out.print(f"  {address}/link/{held.set_up_link()}", markup=False, soft_wrap=True)
    os.environ["LUUTRU_ROOT"] = str(settings.root)
    os.environ[LISTENS_ON] = "" if host in EVERYWHERE else bracketed(host)
    uvicorn.run("web.serving:application", factory=True, host=host, port=port, workers=workers, log_level="warning",
                server_header=False, access_log=False, timeout_graceful_shutdown=10, http=Patient,
                limit_concurrency=CONNECTIONS)
