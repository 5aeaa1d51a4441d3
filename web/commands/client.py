"""`luutru client`: the agencies' credentials for the archive service, from the machine itself."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click
from rich.markup import escape

from archive.commands.groups import changes
from archive.i18n import _
from archive.terminal import archive_at, console, local_time, person, print_json, print_table

# As SCOPES of web/exchange/clients.py, which would load the whole of the portal for a help text; a test compares.
SCOPES = ("transfer.read", "transfer.write")


@click.group(help=_("Clients of the archive service: the programs with which agencies hand over on line."))
def command() -> None:
    """Clients of the archive service."""


@command.command("add", help=_("Make a client for an agency and show its secret, this once."))
@click.argument("agency")
@click.option("--name", required=True, help=_("the agency's name"))
@click.option("--scope", "scopes", multiple=True, type=click.Choice(SCOPES), help=_("what it may; default: both"))
@click.option("--prefix", default="", help=_("what the codes of its registrations begin with; default: NL.<agency>."))
@click.option("--gateway", default="", help=_("how the gateway (LGSP) names it in its tokens"))
@click.option("--days", type=click.IntRange(0, 3660), default=0, help=_("for how many days it counts; 0: until it is "
                                                                        "ended"))
@changes
@click.pass_obj
def add(root: Path, agency: str, name: str, scopes: tuple[str, ...], prefix: str, gateway: str, days: int,
        dry_run: bool, as_json: bool) -> None:
    """Make a client; its secret is shown once and nowhere kept."""
    from web.exchange.clients import Clients
    from web.exchange.held import Held

    with archive_at(root) as archive:
        client, secret = Clients(Held(archive.settings)).add(
            agency, name, scopes=scopes or SCOPES, prefix=prefix, gateway=gateway, days=days, by=person(),
            dry_run=dry_run)
        on = archive.settings.service.on
    if as_json:
        print_json({**asdict(client), "client_id": client.id, "client_secret": secret, "dry_run": dry_run})
        return
    if dry_run:
        console().print(_("The client could be made."))
        return
    shown = console(stderr=True)
    shown.print(_("The client of {agency}; its registrations begin with {prefix}. The secret is shown only now:")
                .format(agency=agency, prefix=client.prefix), soft_wrap=True)
    click.echo(f"client_id={client.id}")
    click.echo(f"client_secret={secret}")
    if not on:
        shown.print(_("The archive service is off: set service.on in {file}.").format(file="luutru.toml"),
                    soft_wrap=True)


@command.command("list", help=_("List the clients; never their secrets."))
@click.option("--json", "as_json", is_flag=True, help=_("for machines"))
@click.pass_obj
def list_(root: Path, as_json: bool) -> None:
    """List the clients: whose, what for, since when, last used."""
    from web.exchange.clients import Clients
    from web.exchange.held import Held

    with archive_at(root) as archive:
        found = Clients(Held(archive.settings)).all()
    if as_json:
        print_json([{**asdict(one), "ended": one.ended} for one in found])
        return
    print_table(_("Clients"), ("id", _("Agency"), _("Name"), _("Registrations"), _("Scopes"), _("Made"),
                               _("Last used"), _("State")), [
        (one.id, one.agency, escape(one.name), f"{one.prefix}…", ", ".join(one.scopes), local_time(one.made_at),
         local_time(one.used_at) or "—", _("ended") if one.ended else _("in use")) for one in found])


@command.command("end", help=_("End a client and its tokens at once."))
@click.argument("id")
@changes
@click.pass_obj
def end(root: Path, id: str, dry_run: bool, as_json: bool) -> None:
    """End a client; its program is turned away from now on, what it handed over stays."""
    from web.exchange.clients import Clients
    from web.exchange.held import Held

    with archive_at(root) as archive:
        client = Clients(Held(archive.settings)).end(id, by=person(), dry_run=dry_run)
    if as_json:
        print_json({"ended": client.id, "agency": client.agency, "dry_run": dry_run})
    elif dry_run:
        console().print(_("Only checked, nothing was changed."))
    else:
        console().print(_("The client {id} of {agency} has ended.").format(id=client.id, agency=client.agency))
