"""`luutru account`: the portal's accounts, from the machine itself."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click
from sqlalchemy import select

from archive import model
from archive.i18n import _
from archive.terminal import archive_at, console, person, print_json, print_table
from web.commands import account_token

if TYPE_CHECKING:
    from web.accounts import Account

# As ROLES of web/people.py, which would load the whole of the portal for a help text; a test compares them.
ROLES = ("administrator", "archivist", "records_officer", "council_member", "archive_centre", "auditor", "reader")


@click.group(help=_("Accounts of the portal: who may log in, and as what."))
def command() -> None:
    """Accounts of the portal."""


command.add_command(account_token.command)


@command.command("add", help=_("Make an account and show the one-time link under which its person chooses a password; "
                               "for a program, which never logs in, --machine."))
@click.argument("name")
@click.option("--full-name", required=True, help=_("the person's full name"))
@click.option("--role", "roles", multiple=True, required=True, type=click.Choice(ROLES), help=_("repeat for several"))
@click.option("--fonds", default="", help=_("the agency whose fonds is the person's own; empty: the whole archive"))
@click.option("--machine", is_flag=True, help=_("for a program: no password, tokens act for it"))
@click.option("--dry-run", is_flag=True, help=_("check, and change nothing"))
@click.option("--json", "as_json", is_flag=True, help=_("for machines"))
@click.pass_obj
def add(root: Path, name: str, full_name: str, roles: tuple[str, ...], fonds: str, machine: bool, dry_run: bool,
        as_json: bool) -> None:
    """Make an account."""
    from web.accounts import Accounts

    with archive_at(root) as archive:
        if fonds:
            with archive.catalogue.session() as session:
                known = session.scalar(select(model.Fonds.code).where(model.Fonds.code == fonds))
            if known is None:
                raise click.UsageError(_("This archive has no fonds {code}.").format(code=fonds))
        held = Accounts(archive.settings)
        if dry_run:
            held.check(name.strip().lower(), full_name, list(roles), machine=machine)
            console().print(_("The account {name} could be made.").format(name=name))
            return
        if machine:
            held.add_machine(name, full_name, list(roles), fonds=fonds, by=person())
            if as_json:
                print_json({"name": name.strip().lower(), "machine": True})
            else:
                console().print(_("The account {name} is made. A token for it: luutru account token add {name}").format(
                    name=name.strip().lower()), soft_wrap=True)
            return
        _show_link(root, held.add(name, full_name, list(roles), fonds=fonds, by=person()), name, as_json)


@command.command("list", help=_("List the accounts."))
@click.option("--json", "as_json", is_flag=True, help=_("for machines"))
@click.pass_obj
def list_(root: Path, as_json: bool) -> None:
    """List the accounts with their roles."""
    from web.accounts import Accounts
    from web.people import role_title

    with archive_at(root) as archive:
        found = Accounts(archive.settings).all()
    if as_json:
        print_json([asdict(one) for one in found])
        return
    print_table(_("Accounts"), (_("Name"), _("Full name"), _("Roles"), _("Agency"), _("State")), [
        (one.name, one.full_name, ", ".join(map(role_title, one.roles)), one.fonds or _("whole archive"), _state(one))
        for one in found])


def _state(one: Account) -> str:
    if one.locked:
        return _("locked")
    if one.machine:
        return _("a program's")
    return _("in use") if one.has_password else _("waits for its person")


@command.command("lock", help=_("Lock an account, or unlock it; its sessions end."))
@click.argument("name")
@click.option("--off", is_flag=True, help=_("unlock it"))
@click.option("--reason", default="", help=_("for the ledger"))
@click.option("--json", "as_json", is_flag=True, help=_("for machines"))
@click.pass_obj
def lock(root: Path, name: str, off: bool, reason: str, as_json: bool) -> None:
    """Lock an account, or unlock it."""
    from web.accounts import Accounts

    with archive_at(root) as archive:
        Accounts(archive.settings).lock(name, locked=not off, reason=reason, by=person())
    if as_json:
        print_json({"name": name, "locked": not off})
    else:
        console().print((_("{name} is unlocked.") if off else _("{name} is locked.")).format(name=name))


@command.command("reset", help=_("Take password and second factor from an account and show its new one-time link."))
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help=_("for machines"))
@click.pass_obj
def reset(root: Path, name: str, as_json: bool) -> None:
    """Give an account a new one-time link."""
    from web.accounts import Accounts

    with archive_at(root) as archive:
        _show_link(root, Accounts(archive.settings).reset(name, by=person()), name, as_json)


@command.command("roles", help=_("Give an account exactly these roles; its sessions end."))
@click.argument("name")
@click.argument("roles", nargs=-1, required=True, type=click.Choice(ROLES))
@click.option("--fonds", default=None, help=_("the agency whose fonds is the person's own; empty: the whole archive"))
@click.option("--json", "as_json", is_flag=True, help=_("for machines"))
@click.pass_obj
def roles_(root: Path, name: str, roles: tuple[str, ...], fonds: str | None, as_json: bool) -> None:
    """Give an account other roles."""
    from web.accounts import Accounts

    with archive_at(root) as archive:
        held = Accounts(archive.settings)
        held.set_roles(name, list(roles), fonds=fonds, by=person())
        found = held.get(name)
    assert found is not None
    if as_json:
        print_json(asdict(found))
    else:
        console().print(f"{found.name}: {', '.join(found.roles)}")


def _show_link(root: Path, token: str, name: str, as_json: bool) -> None:
    from archive.settings import load

    web = load(root).web
    link = f"{web.reached()}/link/{token}"
    if as_json:
        print_json({"name": name.strip().lower(), "link": link, "hours": 24})
        return
    console().print(_("Give this link to the person yourself; it works once, within 24 hours:"), soft_wrap=True)
    console().print(link, markup=False, soft_wrap=True)     # [::1] is no style
    if not web.address:
        console().print(_("At this address if luutru serve listens on port {port} of this machine; where people reach "
                          "it by another one, set web.address in luutru.toml.").format(port=web.port), soft_wrap=True)
