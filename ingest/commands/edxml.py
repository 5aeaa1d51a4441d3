"""`luutru edxml`: messages of the document axis. `show` and `status` stand alone: they need no archive.

What works on an archive (answers, decisions on recalls, tasks, fetching, sending) is in edxml_*.py.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from archive.commands.groups import Steps
from archive.findings import Finding, Level, worst
from archive.i18n import _, language

_NEEDS_A_PERSON = 3
_MORE = {name: (f"ingest.commands.{module}", name) for name, module in (
    ("answers", "edxml_answers"), ("answer", "edxml_answers"), ("notices", "edxml_notices"),
    ("decide", "edxml_notices"), ("tasks", "edxml_tasks"), ("extend", "edxml_tasks"), ("fetch", "edxml_fetch"),
    ("write", "edxml_send"), ("send", "edxml_send"), ("sent", "edxml_send"))}
_ORDER = ("show", "status", "fetch", "answers", "answer", "write", "send", "sent", "notices", "decide", "tasks",
          "extend")


@click.group("edxml", cls=Steps, order=_ORDER, elsewhere=_MORE,
             help=_("Messages of the document axis (edXML, QCVN 102:2016/BTTTT): look into them, "
                                         "answer them, fetch and send them; recalls; tasks."))
def command() -> None:
    """Messages of the document axis."""


@command.command("show", help=_("Show what is in an edXML message: header, attachments, what is wrong with it."))
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--json", "as_json", is_flag=True, help=_("Print JSON."))
@click.option("--extract", type=click.Path(file_okay=False, path_type=Path), metavar="DIR",
              help=_("put the attachments into this folder; it must be empty or new"))
@click.pass_context
def show(context: click.Context, file: Path, as_json: bool, extract: Path | None) -> None:
    """Show header, attachments and faults of a message; works without an archive."""
    from ingest.exchange import showing  # not before it is needed: keeps the start of other commands quick

    shown = showing.show(file, extract=extract)
    if as_json:
        click.echo(json.dumps(shown, ensure_ascii=False, indent=1))
    else:
        _print(shown)
    if worst(map(Finding.from_dict, shown["findings"])) >= Level.refused:
        context.exit(_NEEDS_A_PERSON)


@command.command("status", help=_("Write a status message that answers an edXML message: received, refused, done …"))
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--code", required=True, help=_("status code: 01 arrived, 02 refused, 03 accepted, 04 assigned, 05 in "
                                              "work, 06 done, 13 taken back, 15 agreed, 16 not agreed"))
@click.option("--reason", default="", help=_("why; a refusal needs one"))
@click.option("-o", "--output", "target", required=True, type=click.Path(dir_okay=False, path_type=Path),
              help=_("the file that is written; it must not be there"))
@click.option("--from", "organ", default="", help=_("code of the agency that answers; the archive's own"))
@click.option("--name", default="", help=_("its name; the archive's own"))
@click.option("--json", "as_json", is_flag=True, help=_("Print JSON."))
@click.pass_obj
def status(root: Path | None, file: Path, code: str, reason: str, target: Path, organ: str, name: str,
           as_json: bool) -> None:
    """Write a status message for the sender of FILE."""
    import tempfile

    from archive import clock
    from archive.settings import load
    from ingest.exchange import reading, statuses, writing
    from ingest.exchange.messages import DocumentMessage, Party

    if target.exists():
        raise click.UsageError(_("{place} is there already; nothing was written.").format(place=target))
    settings = load(root)
    with tempfile.TemporaryDirectory() as passing:
        message = reading.read(file, Path(passing), settings).message
    if not isinstance(message, DocumentMessage):
        raise click.UsageError(_("{file} is no message with a document: there is nothing to answer. Look at it with: "
                                 "luutru edxml show").format(file=file))
    sender = Party(organ or settings.agency.code, name or ("" if organ else settings.agency.name))
    written = writing.save(statuses.answer(message, sender, code, reason, clock.now()), target)
    if as_json:
        click.echo(json.dumps({"file": str(target), "size": written.size, "sha256": written.sha256, "code": code},
                              ensure_ascii=False, indent=1))
    else:
        click.echo(_("{file}: status {code} for {document}, {size} bytes").format(
            file=target, code=code, document=message.code or message.document_id, size=written.size))


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
    for one in shown["attachments"]:
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
    name = f"{one['inside']} › {one['name']}" if one["inside"] else one["name"]
    if not one["readable"]:
        return f"{_('attachment')}: {name}  {_('not readable')}"
    packed = f", {_('in a ZIP')}" if one["container"] else ""
    return f"{_('attachment')}: {name}  ({one['format']}, {one['size']} B{packed}, SHA-256 {one['sha256']})"
