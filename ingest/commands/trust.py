"""`luutru trust`: whose certificates and revocation lists the archive believes, each change with its reason."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.markup import escape

from archive.i18n import _, ngettext_
from archive.terminal import archive_at, console, local_time, person, print_json, print_table

if TYPE_CHECKING:
    from ingest.signatures.register import Fetched


@click.group(help=_("Trust lists: whose certificates are believed."))
def command() -> None:
    """Trust lists."""


@command.command("list", help=_("List the certificates that are believed, and who confirmed them."))
@click.option("--json", "as_json", is_flag=True, help=_("for machines"))
@click.pass_obj
def list_(root: Path, as_json: bool) -> None:
    """Every certificate of the trust folder and the register."""
    from ingest.signatures.register import held

    with archive_at(root) as archive:
        found = sorted(held(archive), key=lambda one: (one.list, not one.root, one.name))
    if as_json:
        print_json([{"sha256": one.sha256, "name": one.name, "list": one.list, "valid_to": one.valid_to,
                     "root": one.root, "present": one.present,
                     "confirmed_by": one.entry.confirmed_by if one.entry else "",
                     "purpose": one.entry.purpose if one.entry else ""} for one in found])
        return
    if not found:
        console().print(_("No certificate is trusted as yet, so no signature can be called valid: luutru trust add"))
        return
    print_table(_("Trust lists"), (_("List"), _("Name"), _("Kind"), _("Until"), _("Confirmed by"), "SHA-256"), [
        (escape(one.list), escape(one.name), _("root") if one.root else _("issuer"),
         local_time(one.valid_to).rpartition(" ")[2], _("gone from the folder: luutru trust restore")
         if not one.present else escape(one.entry.confirmed_by) if one.entry else _("not confirmed"),
         one.sha256[:8] + "…") for one in found])


@command.command("show", help=_("Show one certificate; name the beginning of its SHA-256."))
@click.argument("mark")
@click.option("--json", "as_json", is_flag=True, help=_("for machines"))
@click.pass_obj
def show(root: Path, mark: str, as_json: bool) -> None:
    """One certificate with its entry in the register and every change of it."""
    from dataclasses import asdict

    from sqlalchemy import select

    from archive.model import Event
    from ingest.signatures.register import held

    _ask_mark(mark)
    with archive_at(root) as archive, archive.catalogue.session() as session:
        found = [one for one in held(archive) if one.sha256.startswith(mark.replace(":", "").lower())]
        if not found:
            raise click.UsageError(_("No certificate begins with {mark}: luutru trust list").format(mark=mark))
        if len(found) != 1:
            raise click.UsageError(_("{n} certificates begin with {mark}").format(n=len(found), mark=mark))
        [one] = found
        events = list(session.scalars(select(Event).where(Event.subject == one.sha256, Event.kind.in_(
            ("trust_added", "trust_removed"))).order_by(Event.seq)))
    if as_json:
        print_json({**asdict(one), "changes": [{"at": event.at, "kind": event.kind, "actor": event.actor,
                                                "reason": event.data["reason"]} for event in events]})
        return
    out = console()
    out.print(f"[bold]{escape(one.name)}[/]", soft_wrap=True)
    shown = [(_("List"), one.list), (_("Until"), local_time(one.valid_to)),
             ("SHA-256", ":".join(one.sha256[n:n + 2].upper() for n in range(0, 64, 2)))]
    if one.entry:
        shown += [(_("Issued by"), one.entry.issuer), (_("Purpose"), _purpose(one.entry.purpose)),
                  (_("Confirmed by"), one.entry.confirmed_by), (_("Reason"), one.entry.reason)]
    for name, value in shown:
        out.print(f"  [dim]{name:<16}[/] {escape(value)}", soft_wrap=True)
    if not one.entry:
        out.print("  [yellow]" + _("Not confirmed: somebody put it into the folder. Compare the SHA-256 with what the "
                                   "authority publishes, then: luutru trust add") + "[/]", soft_wrap=True)
    for event in events:
        out.print(f"  {local_time(event.at)} · {_change(event.kind)} · {escape(event.actor)}: "
                  f"{escape(event.data['reason'])}", soft_wrap=True)


@command.command("add", help=_("Believe authorities' certificates; say who compared their fingerprints with whom."))
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--list", "into", required=True, help=_("the trust list, such as “Ban Cơ yếu Chính phủ”"))
@click.option("--purpose", type=click.Choice(["signatures", "timestamps", "both"]), default="both", show_default=True,
              help=_("what the authority vouches for; noted, not yet enforced"))
@click.option("--confirmed-by", required=True, help=_("who compared the fingerprint with the publisher's"))
@click.option("--reason", required=True, help=_("why, and where the fingerprint was published"))
@click.option("--json", "as_json", is_flag=True, help=_("for machines"))
@click.pass_obj
def add(root: Path, files: tuple[Path, ...], into: str, purpose: str, confirmed_by: str, reason: str,
        as_json: bool) -> None:
    """Take certificates into a list: a new version in the store, an event in the ledger, the folder last."""
    from archive.opening import ownership
    from ingest.signatures import register

    with archive_at(root) as archive, ownership(archive):
        added = register.add(archive, files, into, purpose, confirmed_by, reason, person())
    if as_json:
        print_json([{"sha256": one.sha256, "name": one.name, "list": one.list} for one in added])
        return
    for one in added:
        console().print(f"{escape(one.name)} → {escape(one.list)}\n  SHA-256 {one.sha256}", soft_wrap=True)


@command.command("remove", help=_("No longer believe a certificate; the store keeps it and the reason."))
@click.argument("mark")
@click.option("--reason", required=True, help=_("why"))
@click.option("--yes", is_flag=True, help=_("do not ask"))
@click.option("--json", "as_json", is_flag=True, help=_("for machines"))
@click.pass_obj
def remove(root: Path, mark: str, reason: str, yes: bool, as_json: bool) -> None:
    """Take a certificate out of its list."""
    from archive.opening import ownership
    from ingest.signatures import register

    _ask_mark(mark)
    with archive_at(root) as archive, ownership(archive):
        if not (yes or as_json):
            click.confirm(_("Signatures that lead to it will no longer be called valid. Go on?"), abort=True)
        entry = register.remove(archive, mark, reason, person())
    if as_json:
        print_json({"removed": entry.sha256 if entry else mark})
        return
    console().print(_("Removed: {name}").format(name=escape(entry.name) if entry else mark))


@command.command("restore", help=_("Write the register's certificates into the trust folder again."))
@click.option("--json", "as_json", is_flag=True, help=_("for machines"))
@click.pass_obj
def restore(root: Path, as_json: bool) -> None:
    """What the store keeps comes back where verification reads it."""
    from archive.opening import ownership
    from ingest.signatures import register

    with archive_at(root) as archive, ownership(archive):
        count = register.restore(archive)
    if as_json:
        print_json({"restored": count})
        return
    console().print(ngettext_("{n} certificate was written into the trust folder.",
                              "{n} certificates were written into the trust folder.", count).format(n=count))


@command.command("update", help=_("Fetch the revocation lists of the trusted authorities, or import them from files."))
@click.argument("files", nargs=-1, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--url", "urls", multiple=True, help=_("a further address of a revocation list"))
@click.option("--seconds", type=float, default=30.0, show_default=True, help=_("how long one address is waited for"))
@click.option("--json", "as_json", is_flag=True, help=_("for machines"))
@click.pass_obj
def update(root: Path, files: tuple[Path, ...], urls: tuple[str, ...], seconds: float, as_json: bool) -> None:
    """Fetch CRLs from the addresses in the certificates (or take FILES); only what a trusted key signed is kept."""
    from archive.opening import ownership
    from ingest.signatures import register
    from ingest.signatures.trust import load_trust

    with archive_at(root) as archive, ownership(archive):
        if files:
            found = [register.take(archive, path.read_bytes(), path.name, person()) for path in files]
        else:
            lists = load_trust(archive.settings.path(archive.settings.signatures.trust))
            found = register.fetch(archive, [*dict.fromkeys([*register.addresses(lists), *urls])], seconds, person())
    if as_json:
        print_json([_as_dict(one) for one in found])
    else:
        _tell(found)
    raise click.exceptions.Exit(3 if any(one.reason for one in found) else 0)


def _ask_mark(mark: str) -> None:
    """Nothing is the beginning of every fingerprint: refused, so that no certificate is met by chance."""
    if not mark.replace(":", "").strip():
        raise click.UsageError(_("Name the beginning of the SHA-256, as luutru trust list shows it."))


def _purpose(purpose: str) -> str:
    """What an authority vouches for, in words."""
    return {"signatures": _("signatures"), "timestamps": _("timestamps"),
            "both": _("signatures and timestamps")}.get(purpose, purpose)


def _change(kind: str) -> str:
    """What an event of the ledger did to a certificate, in words."""
    return {"trust_added": _("was added"), "trust_removed": _("was removed")}.get(kind, kind)


def _tell(found: list[Fetched]) -> None:
    out = console()
    if not found:
        out.print(_("The trusted certificates name no address of a revocation list; import files: "
                    "luutru trust update FILE…"), soft_wrap=True)
    for one in found:
        if one.reason:
            out.print(f"[yellow]![/] {escape(one.url)}: {escape(one.reason)}", soft_wrap=True)
        else:
            until = f"{one.next_update:%d/%m/%Y}" if one.next_update else "—"
            out.print(f"[green]✓[/] {escape(one.issuer)} · " + _("{n} revoked · next list {day}").format(
                n=one.revoked, day=until), soft_wrap=True)


def _as_dict(one: Fetched) -> dict[str, object]:
    return {"source": one.url, "issuer": one.issuer, "number": one.number, "revoked": one.revoked,
            "this_update": one.this_update.isoformat() if one.this_update else "",
            "next_update": one.next_update.isoformat() if one.next_update else "", "taken": not one.reason,
            "reason": one.reason}
