"""`luutru edxml write`, `send` and `sent`: messages of ours for other agencies, over the axis; what became of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from archive.commands.groups import changes
from archive.i18n import _

_NEEDS_A_PERSON = 3
_SHOWN = 50


@click.command("write", help=_("Write a stored document of our own agency as a message for other agencies, into the "
                               "outbox; or the recall of one that was sent."))
@click.argument("code")
@click.option("--to", "receivers", multiple=True, required=True, metavar="CODE=NAME",
              help=_("a receiver: its agency code and its name; may be given several times"))
@click.option("--recall", default="", metavar="REASON", help=_("ask them to give up the document that was sent before"))
@changes
@click.pass_obj
def write(root: Path, code: str, receivers: tuple[str, ...], recall: str, dry_run: bool, as_json: bool) -> None:
    """Write a document as a message into the outbox."""
    from archive import clock
    from archive.opening import ownership
    from archive.terminal import archive_at, console, person, print_json
    from ingest.exchange import composing
    from ingest.exchange.messages import Party

    to = [Party(*one.partition("=")[::2]) for one in receivers]
    if not all(one.organ_id for one in to):
        raise click.UsageError(_("--to takes CODE=NAME, such as H51.15=Sở Nội vụ"))
    with archive_at(root) as archive, ownership(archive):
        made = composing.compose(archive, code, to, clock.now(), by=person(), recall=recall, dry_run=dry_run)
        sends = archive.settings.edxml.send == "axis"
    if as_json:
        print_json({"code": code, "written": made.path is not None, "file": str(made.path or ""), "size": made.size,
                    "sha256": made.sha256, "document_id": made.message.document_id,
                    "to": [one.organ_id for one in made.message.to], "business": made.message.business.type,
                    "attachments": [one.name for one in made.message.attachments]})
        return
    if made.path is None:
        console().print(_("Only checked, nothing was changed."))
        return
    console().print(_("{file}: {document} for {n} agencies, {files} files, {size} bytes").format(
        file=made.path, document=made.message.code or made.message.document_id, n=len(made.message.to),
        files=len(made.message.attachments), size=made.size), soft_wrap=True)
    console().print(_("Send it with: luutru edxml send") if sends else _(
        "The setting edxml.send is off: another program takes it from the outbox."))


@click.command("send", help=_("Send what lies in the outbox over the document axis: answers and documents, each once; "
                              "what was sent moves to its sub-folder da-gui."))
@click.option("--limit", type=click.IntRange(0), default=0, help=_("at most so many; 0: all"))
@changes
@click.pass_context
def send(context: click.Context, limit: int, dry_run: bool, as_json: bool) -> None:
    """Send the outbox."""
    from archive.findings import Finding
    from archive.opening import ownership
    from archive.terminal import archive_at, console, print_findings, print_json
    from ingest.exchange import sending

    with archive_at(context.obj) as archive:
        carrier = sending.carrier_of(archive)
        if dry_run:
            looked = [sending.look(path, archive.settings) for path in sending.waiting(archive.settings)]
            found = [one for one in looked if isinstance(one, Finding)]
            good = [(one, "") for one in looked if not isinstance(one, Finding)]
            again: list[str] = []
        else:
            with ownership(archive), console(stderr=True).status(_("sending …")) as shown:
                made = sending.send(archive, carrier, limit=limit, progress=lambda done, total: shown.update(
                    f"{_('sending …')} {done}/{total}"))
            good, again, found = made.new, made.again, made.findings
    if as_json:
        print_json({"carrier": carrier.name, "sent": not dry_run, "messages": [
            {"file": one.path.name, "kind": one.kind, "to": list(one.to), "document_id": one.document_id,
             "code": one.code, "size": one.size, "sha256": one.sha256, "id": identity} for one, identity in good],
            "again": again, "findings": [one.as_dict() for one in found]})
    else:
        sentence = _("{n} messages would be sent.") if dry_run else _("{n} messages sent, {again} were sent before.")
        console().print(sentence.format(n=len(good), again=len(again)))
        print_findings(found)
    if found:
        context.exit(_NEEDS_A_PERSON)


@click.command("sent", help=_("What was sent over the axis, and what its receivers answered."))
@click.option("--waiting", is_flag=True, help=_("only documents that a receiver has not answered"))
@click.option("--json", "as_json", is_flag=True, help=_("for machines"))
@click.pass_obj
def sent(root: Path, waiting: bool, as_json: bool) -> None:
    """Show what was sent."""
    from rich.markup import escape

    from archive.terminal import archive_at, console, local_time, print_json, print_table
    from ingest.exchange import sending

    with archive_at(root) as archive, archive.catalogue.session() as session:
        found = [one for one in sending.told(session, archive.settings) if not waiting or (
            one.kind == "document" and len({answer.agency for answer in one.answers}) < len(one.to))]
    if as_json:
        print_json([{"at": one.at, "id": one.id, "file": one.file, "kind": one.kind, "code": one.code,
                     "document_id": one.document_id, "to": list(one.to), "answers": [
                         {"agency": each.agency, "status": each.status, "description": each.description,
                          "at": each.at} for each in one.answers]} for one in found])
        return
    print_table(_("Messages sent over the axis"), (_("Sent at"), _("Document"), _("Receivers"), _("Their answers")), [
        (local_time(one.at), escape(one.code if one.kind == "document" else f"{one.document_id} · {one.code}"),
         escape(", ".join(one.to)), escape(_answers(one.answers))) for one in found[-_SHOWN:]])
    if len(found) > _SHOWN:
        console().print(_("… and {n} more; --json has all.").format(n=len(found) - _SHOWN))


def _answers(answers: Any) -> str:
    """The newest answer of each receiver, in words."""
    from ingest.sources.edxml_header import code_lists

    newest = {one.agency: one for one in answers}
    meaning = code_lists()["status"]
    return "; ".join(f"{one.agency}: {one.status} {one.description or meaning.get(one.status.zfill(2), '')}".strip()
                     for one in newest.values()) or "—"
