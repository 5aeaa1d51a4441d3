"""`luutru edxml notices` and `decide`: recalls, updates, replacements, and what an officer says to them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from archive.i18n import _


@click.command("notices", help=_("Recalls, updates and replacements that came: where their documents stand, what was "
                                 "decided."))
@click.option("--waiting", is_flag=True, help=_("only those without a decision"))
@click.option("--json", "as_json", is_flag=True, help=_("for machines"))
@click.pass_obj
def notices(root: Path, waiting: bool, as_json: bool) -> None:
    """List the notices."""
    from rich.markup import escape

    from archive.terminal import archive_at, print_json, print_table
    from ingest.exchange import deciding

    with archive_at(root) as archive, archive.catalogue.session() as session:
        found = [one for one in deciding.notices(session) if not (waiting and one.decision)]
    if as_json:
        print_json([_told(one) for one in found])
        return
    print_table(_("Notices of the document axis"), (
        _("Item"), _("Sender"), _("Asks for"), _("Document"), _("Where it stands"), _("Decision")), [
        (one.item.id, escape(one.message.data["from"]["name"] or one.message.data["from"]["organ_id"]),
         deciding.business_name(one.message.business),
         escape(one.message.data.get("code", "") or one.message.data["identity"]["documentId"]),
         one.target.document or one.target.item or _("not here"),
         deciding.decision_name(one.decision) + (f" ({escape(one.by)})" if one.by else "")) for one in found])


@click.command("decide", help=_("Agree to a recall, update or replacement, or refuse it. The document is marked, never "
                                "erased; the sender is answered 15 or 16."))
@click.argument("item")
@click.option("--agree/--refuse", "agree", default=None, help=_("what is decided"))
@click.option("--reason", default="", help=_("why; a refusal needs one, the sender reads it"))
@click.option("--target", default="", help=_("code of our document, where the notice does not lead to it"))
@click.option("--set", "values", multiple=True, metavar="TAG=VALUE", help=_("a field of the new document, such as "
                                                                            "fileCode=H99.2026.01.VP"))
@click.option("--yes", is_flag=True, help=_("do not ask"))
@click.option("--dry-run", is_flag=True, help=_("change nothing"))
@click.option("--json", "as_json", is_flag=True, help=_("for machines"))
@click.pass_obj
def decide(root: Path, item: str, agree: bool | None, reason: str, target: str, values: tuple[str, ...], yes: bool,
           dry_run: bool, as_json: bool) -> None:
    """Decide on a notice."""
    from archive.opening import ownership
    from archive.terminal import archive_at, console, person, print_json
    from ingest.exchange import deciding

    if agree is None:
        raise click.UsageError(_("Say what is decided: --agree or --refuse."))
    wanted = dict(one.partition("=")[::2] for one in values)
    if not all(name.isidentifier() and value for name, value in wanted.items()):
        raise click.UsageError(_("--set takes TAG=VALUE, such as fileCode=H99.2026.01.VP"))
    with archive_at(root) as archive, ownership(archive):
        if not (yes or dry_run or as_json):
            seen = deciding.decide(archive, item, agree=agree, reason=reason, by=person(), target=target,
                                   values=wanted, dry_run=True)
            click.confirm(_("{business} of {document}: {decision}?").format(
                business=deciding.business_name(seen.message.business),
                document=seen.target.document or seen.message.data.get("code", "") or seen.item.name,
                decision=deciding.decision_name(seen.decision)), abort=True)
        made = deciding.decide(archive, item, agree=agree, reason=reason, by=person(), target=target, values=wanted,
                               dry_run=dry_run)
    if as_json:
        print_json({**_told(made), "decided": not dry_run})
    else:
        console().print(f"{made.item.id}: {deciding.decision_name(made.decision)}"
                        + (f" · {made.target.document}" if made.target.document else "")
                        + (f" · {_('nothing was changed')}" if dry_run else ""))


def _told(one: Any) -> dict[str, Any]:
    data = one.message.data
    return {"item": one.item.id, "name": one.item.name, "state": one.item.state, "business": one.message.business,
            "from": data["from"], "document": data.get("code", ""), "document_id": data["identity"]["documentId"],
            "about": data.get("about", ""), "asked": data.get("reason", ""), "received_at": data["received_at"],
            "target": one.target.document, "case_file": one.target.case_file, "target_item": one.target.item,
            "decision": one.decision, "reason": one.reason, "by": one.by}
