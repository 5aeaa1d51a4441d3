"""`luutru edxml answers` and `answer`: what received messages are owed by when, and writing it into the outbox."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from archive.i18n import _

_SHOWN = 50
_NEEDS_A_PERSON = 3


@click.command("answers", help=_("What received messages are owed: receipt notices, refusals, statuses; by when, and "
                                 "what waits for a person first."))
@click.option("--json", "as_json", is_flag=True, help=_("for machines"))
@click.pass_obj
def answers(root: Path, as_json: bool) -> None:
    """Show what is owed; write nothing."""
    from archive import clock
    from archive.terminal import archive_at
    from ingest.exchange import answering

    now = clock.now()
    with archive_at(root) as archive, archive.catalogue.session() as session:
        owed, waits = answering.owed(session, archive.settings, now)
        on = archive.settings.edxml.answers == "on"
    _tell(owed, waits, now, as_json, {"answers": "on" if on else "off", "written": False})
    if not on and not as_json:
        click.echo(_("The setting edxml.answers is off: nothing of this is written; the document management system "
                     "answers."))


@click.command("answer", help=_("Write the answers that are owed into the outbox, each once; the night does so too."))
@click.option("--dry-run", is_flag=True, help=_("show them only"))
@click.option("--json", "as_json", is_flag=True, help=_("for machines"))
@click.pass_context
def answer(context: click.Context, dry_run: bool, as_json: bool) -> None:
    """Write the answers that are owed."""
    from archive import clock
    from archive.errors import UsageError
    from archive.opening import ownership
    from archive.terminal import archive_at
    from ingest.exchange import answering

    now = clock.now()
    with archive_at(context.obj) as archive:
        if archive.settings.edxml.answers == "off":
            raise UsageError(_("The setting edxml.answers is off: this archive answers nobody. Set it to “on” where "
                               "the archive itself is the receiving end."))
        with archive.catalogue.session() as session:
            owed, waits = answering.owed(session, archive.settings, now)
        if not dry_run:
            with ownership(archive):
                owed = answering.write(archive, now)
    _tell(owed, waits, now, as_json, {"answers": "on", "written": not dry_run})
    if any(one.due is not None and now > one.due for one in waits):
        context.exit(_NEEDS_A_PERSON)


def _tell(owed: Any, waits: Any, now: Any, as_json: bool, more: dict[str, Any]) -> None:
    from archive.terminal import console, print_json, print_table

    if as_json:
        print_json({**more, "owed": [{
            "item": one.message.item, "document": one.message.data.get("code", ""),
            "document_id": one.message.data["identity"]["documentId"], "to": one.message.data["from"],
            "code": one.code, "description": one.description, "due": _iso(one.due), "late": one.late(now),
            "article": one.article, "again": bool(one.again)} for one in owed],
            "waiting": [{"item": one.message.item, "document": one.message.data.get("code", ""), "what": one.what,
                         "due": _iso(one.due), "late": one.due is not None and now > one.due} for one in waits]})
        return
    from rich.markup import escape

    print_table(_("Answers written") if more["written"] else _("Answers owed"),
                (_("Item"), _("Document"), _("Receiver"), _("Status"), _("Due")),
                [(one.message.item, escape(one.message.data.get("code", "") or "—"),
                  escape(one.message.data["from"]["name"] or one.message.data["from"]["organ_id"]),
                  f"{one.code} {escape(one.description)}", _due(one.due, now)) for one in owed[:_SHOWN]])
    if len(owed) > _SHOWN:
        console().print(_("… and {n} more; --json has all.").format(n=len(owed) - _SHOWN))
    if waits:
        words = {"refusal": _("waits in quarantine: let it in or refuse it"),
                 "decision": _("asks for a decision: luutru edxml decide")}
        print_table(_("Needs a person before it can be answered"), (_("Item"), _("Document"), "", _("Due")),
                    [(one.message.item, escape(one.message.data.get("code", "") or "—"), words[one.what],
                      _due(one.due, now)) for one in waits[:_SHOWN]])


def _iso(due: Any) -> str:
    return due.isoformat() if due else ""


def _due(due: Any, now: Any) -> str:
    if due is None:
        return "—"
    return f"[red]{due:%H:%M %d/%m/%Y}[/]" if now > due else f"{due:%H:%M %d/%m/%Y}"
