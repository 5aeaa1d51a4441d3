"""`luutru edxml`: look into an edXML message. Stands alone: needs no archive and changes nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from archive.findings import Finding, Level, worst
from archive.i18n import _, language

_NEEDS_A_PERSON = 3


@click.group("edxml", help=_("Messages of the document axis (edXML, QCVN 102:2016/BTTTT)."))
def command() -> None:
    """Messages of the document axis."""


@command.command("show", help=_("Show what is in an edXML message: header, attachments, what is wrong with it."))
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--json", "as_json", is_flag=True, help=_("Print JSON."))
@click.pass_context
def show(context: click.Context, file: Path, as_json: bool) -> None:
    """Show header, attachments and faults of a message; works without an archive."""
    from ingest.sources import edxml  # not before it is needed: keeps the start of other commands quick

    shown = edxml.show(file)
    if as_json:
        click.echo(json.dumps(shown, ensure_ascii=False, indent=1))
    else:
        _print(shown)
    if worst(map(Finding.from_dict, shown["findings"])) >= Level.refused:
        context.exit(_NEEDS_A_PERSON)


def _print(shown: dict[str, Any]) -> None:
    facts = shown["edxml"]
    click.echo(f"{shown['file']}  ({shown['size']} B, SHA-256 {shown['sha256']})")
    for tag, value in shown["fields"].items():
        click.echo(f"  {tag:<14}{value}")
    if facts.get("kind") == "status":
        status = facts["status"]
        click.echo(f"  {_('status')}: {status['code']} {status['meaning']} {status['description']}".rstrip())
    if signature := facts.get("signature"):
        click.echo(f"  {_('XML signature')}: {_signature_words(signature)}")
    for hop in facts.get("trace", []):
        click.echo(f"  {_('trace')}: {hop['timestamp']}  {hop['organId'] or '?'}")
    for one in facts.get("attachments", []):
        click.echo("  " + _attachment(one))
    for found in map(Finding.from_dict, shown["findings"]):
        click.echo(f"{found.code} [{found.level.name}] {found.sentence(language())}")
        click.echo(f"    → {found.cure(language())}")


def _signature_words(told: dict[str, str]) -> str:
    """What the message's own signature is, in words."""
    if told["state"] == "verified":
        return _("verifies, signed by {signer}; no evidence for the documents").format(signer=told["signer"])
    if told["state"] == "filler":
        return _("filler: the value does not verify")
    return _("of a kind that is not checked")


def _attachment(one: dict[str, Any]) -> str:
    if not one["path"]:
        return f"{_('attachment')}: {one['name']}  {_('not readable')}"
    return f"{_('attachment')}: {one['name']}  ({one['format']}, {one['size']} B, SHA-256 {one['sha256']})"
