"""`luutru account token`: tokens with which programs act for an account, from the machine itself."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click
from rich.markup import escape

from archive.i18n import _
from archive.terminal import archive_at, console, local_time, person, print_json, print_table

# As SCOPES and USUAL_DAYS of web/tokens.py, which would load the whole of the portal for a help text; a test compares.
SCOPES = ("records", "files", "reports", "retention")
USUAL_DAYS = 90


@click.group("token", help=_("Tokens with which programs act for an account under /api/v1."))
def command() -> None:
    """Tokens with which programs act for an account."""


@command.command("add", help=_("Make a token for an account and show it, this once."))
@click.argument("name")
@click.option("--title", required=True, help=_("what it is for"))
@click.option("--scope", "scopes", multiple=True, required=True, type=click.Choice(SCOPES),
              help=_("what it may be used for; repeat for several"))
@click.option("--days", type=click.IntRange(min=1), default=USUAL_DAYS, show_default=True,
              help=_("for how many days it holds"))
@click.option("--dry-run", is_flag=True, help=_("check, and change nothing"))
@click.option("--json", "as_json", is_flag=True, help=_("for machines"))
@click.pass_obj
def add(root: Path, name: str, title: str, scopes: tuple[str, ...], days: int, dry_run: bool, as_json: bool) -> None:
    """Make a token; it is shown once and nowhere kept."""
    from web.accounts import Accounts
    from web.tokens import Tokens

    with archive_at(root) as archive:
        held = Tokens(archive.settings, Accounts(archive.settings))
        if dry_run:
            held.check(" ".join(title.split()), list(scopes), days)
            console().print(_("The token could be made."))
            return
        shown, token = held.make(name, title, list(scopes), days=days, by=person())
    if as_json:
        print_json({**asdict(token), "token": shown})
        return
    console(stderr=True).print(_("The token of {name}, until {time}. It is shown only now:").format(
        name=name, time=local_time(token.until)), soft_wrap=True)
    click.echo(shown)


@command.command("list", help=_("List the tokens of an account, or all; never the tokens themselves."))
@click.argument("name", required=False, default="")
@click.option("--json", "as_json", is_flag=True, help=_("for machines"))
@click.pass_obj
def list_(root: Path, name: str, as_json: bool) -> None:
    """List tokens: whose, what for, until when, last used."""
    from web.accounts import Accounts
    from web.tokens import Tokens

    with archive_at(root) as archive:
        held = Tokens(archive.settings, Accounts(archive.settings))
        found = held.of(name) if name else held.all()
    if as_json:
        print_json([{**asdict(one), "ended": one.ended} for one in found])
        return
    print_table(_("Tokens"), ("id", _("Account"), _("What for"), _("Scopes"), _("Until"), _("Last used")), [
        (one.id, one.account, escape(one.title), ", ".join(one.scopes),
         _("ended") if one.ended else local_time(one.until), local_time(one.used_at) or "—") for one in found])


@command.command("revoke", help=_("End a token at once."))
@click.argument("id")
@click.option("--json", "as_json", is_flag=True, help=_("for machines"))
@click.pass_obj
def revoke(root: Path, id: str, as_json: bool) -> None:
    """End a token; whatever used it is turned away from now on."""
    from web.accounts import Accounts
    from web.tokens import Tokens

    with archive_at(root) as archive:
        token = Tokens(archive.settings, Accounts(archive.settings)).revoke(id, by=person())
    if as_json:
        print_json({"revoked": token.id, "account": token.account})
    else:
        console().print(_("The token {id} of {name} has ended.").format(id=token.id, name=token.account))
