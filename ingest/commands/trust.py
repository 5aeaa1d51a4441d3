"""`luutru trust`: whose certificates and revocation lists the archive believes, each change with its reason."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.markup import escape

from archive.i18n import _, ngettext_
from archive.terminal import archive_at, console, local_time, person, print_json, print_table

if TYPE_CHECKING:
    from ingest.signatures.revocation_store import Fetched
    from ingest.signatures.trust import TrustLists


_DAY = click.DateTime(["%Y-%m-%d", "%d/%m/%Y"])


@click.group(help=_("Trust lists: whose certificates are believed."))
def command() -> None:
    """Trust lists."""


@command.command("list", help=_("List the certificates that are believed, and who confirmed them."))
@click.option("--json", "as_json", is_flag=True, help=_("for machines"))
@click.pass_obj
def list_(root: Path, as_json: bool) -> None:
    """Every certificate of the trust folder and the register."""
    from ingest.signatures.register import held
    from ingest.signatures.trust import load_trust

    with archive_at(root) as archive:
        found = sorted(held(archive), key=lambda one: (one.list, not one.root, one.name))
        lists = load_trust(archive.settings.path(archive.settings.signatures.trust))
    if as_json:
        print_json([{"sha256": one.sha256, "name": one.name, "list": one.list, "valid_to": one.valid_to,
                     "root": one.root, "present": one.present, "version": lists.version,
                     "confirmed_by": one.entry.confirmed_by if one.entry else "",
                     "purpose": one.entry.purpose if one.entry else "both",
                     "from": one.entry.since if one.entry else "",
                     "to": one.entry.until if one.entry else ""} for one in found])
        return
    if not found:
        console().print(_("No certificate is trusted as yet, so no signature can be called valid: luutru trust add"))
        return
    print_table(_("Trust lists"), (_("List"), _("Name"), _("Kind"), _("Believed for"), _("Until"), _("Confirmed by"),
                                   "SHA-256"), [
        (escape(one.list), escape(one.name), _("root") if one.root else _("issuer"),
         _believed(one.entry.purpose, one.entry.since, one.entry.until) if one.entry else _purpose("both"),
         local_time(one.valid_to).rpartition(" ")[2], _("gone from the folder: luutru trust restore")
         if not one.present else escape(one.entry.confirmed_by) if one.entry else _("not confirmed"),
         one.sha256[:8] + "…") for one in found])
    _tell_version(lists)


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
        shown += [(_("Issued by"), one.entry.issuer),
                  (_("Believed for"), _believed(one.entry.purpose, one.entry.since, one.entry.until)),
                  (_("Confirmed by"), one.entry.confirmed_by), (_("Reason"), one.entry.reason)]
    for name, value in shown:
        out.print(f"  [dim]{name:<16}[/] {escape(value)}", soft_wrap=True)
    if not one.entry:
        out.print("  [yellow]" + _("Not confirmed: somebody put it into the folder. Compare the SHA-256 with what the "
                                   "authority publishes, then: luutru trust add") + "[/]", soft_wrap=True)
    for event in events:
        told = event.data
        what = f" ({_believed(told['purpose'], told.get('from', ''), told.get('to', ''))})" if "purpose" in told else ""
        out.print(escape(f"  {local_time(event.at)} · {_change(event.kind)} · {told['list']}{what} · {event.actor}: "
                         f"{told['reason']}"), soft_wrap=True)


@command.command("add", help=_("Believe authorities' certificates; say who compared their fingerprints with whom."))
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--list", "into", required=True, help=_("the trust list, such as “Ban Cơ yếu Chính phủ”"))
@click.option("--purpose", type=click.Choice(["signatures", "timestamps", "both"]), default="both", show_default=True,
              help=_("what the authority may vouch for; a chain to it counts for nothing else"))
@click.option("--from", "since", type=_DAY, help=_("believed for signatures from this day on (YYYY-MM-DD)"))
@click.option("--to", "until", type=_DAY, help=_("believed for signatures up to this day (YYYY-MM-DD)"))
@click.option("--confirmed-by", required=True, help=_("who compared the fingerprint with the publisher's"))
@click.option("--reason", required=True, help=_("why, and where the fingerprint was published"))
@click.option("--json", "as_json", is_flag=True, help=_("for machines"))
@click.pass_obj
def add(root: Path, files: tuple[Path, ...], into: str, purpose: str, since: datetime | None, until: datetime | None,
        confirmed_by: str, reason: str, as_json: bool) -> None:
    """Take certificates into a list: a new version in the store, an event in the ledger, the folder last."""
    from archive.opening import ownership
    from ingest.signatures import register
    from ingest.signatures.trust import load_trust

    with archive_at(root) as archive, ownership(archive):
        register.settle(archive)
        added = register.add(archive, files, into, purpose, confirmed_by, reason, person(), since=_day(since),
                             until=_day(until))
        lists = load_trust(archive.settings.path(archive.settings.signatures.trust))
    if as_json:
        print_json([{"sha256": one.sha256, "name": one.name, "list": one.list, "purpose": one.purpose,
                     "from": one.since, "to": one.until, "version": lists.version} for one in added])
        return
    for one in added:
        console().print(f"{escape(one.name)} → {escape(one.list)} · "
                        f"{_believed(one.purpose, one.since, one.until)}\n  SHA-256 {one.sha256}", soft_wrap=True)
    _tell_version(lists)


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
        register.settle(archive)
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
    from ingest.signatures import register, revocation_store

    with archive_at(root) as archive, ownership(archive):
        count, lists = register.restore(archive), revocation_store.restore(archive)
    if as_json:
        print_json({"restored": count, "revocations": lists})
        return
    console().print(ngettext_("{n} certificate was written into the trust folder.",
                              "{n} certificates were written into the trust folder.", count).format(n=count))


@command.command("update", help=_("Fetch the revocation lists of the trusted authorities, or import lists and answers "
                                  "(CRL, OCSP) from files."))
@click.argument("files", nargs=-1, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--url", "urls", multiple=True, help=_("a further address of a revocation list, or of a responder"))
@click.option("--certificate", "certificates", multiple=True,
              type=click.Path(exists=True, dir_okay=False, path_type=Path),
              help=_("ask the responder (OCSP) about the certificate in this file"))
@click.option("--seconds", type=click.FloatRange(min=0.1), default=30.0, show_default=True,
              help=_("how long one address is waited for"))
@click.option("--json", "as_json", is_flag=True, help=_("for machines"))
@click.pass_obj
def update(root: Path, files: tuple[Path, ...], urls: tuple[str, ...], certificates: tuple[Path, ...], seconds: float,
           as_json: bool) -> None:
    """Fetch CRLs from the addresses in the certificates (or take FILES); only what a trusted key signed is kept."""
    from archive.errors import UsageError
    from archive.opening import ownership
    from ingest.signatures import register, revocation_store
    from ingest.signatures.trust import load_trust

    with archive_at(root) as archive, ownership(archive):
        register.settle(archive)
        found: list[Fetched] = []
        for path in files:
            try:
                data = register.bytes_of(path)
            except UsageError as error:
                found.append(revocation_store.Fetched(path.name, reason=str(error).removeprefix(f"{path}: ")))
                continue
            found.append(revocation_store.take(archive, data, path.name, person()))
        for path in certificates:
            for certificate in register.certificates_of(path):
                found += revocation_store.ask(archive, certificate, urls, seconds, person())
        if not files and not certificates:
            lists = load_trust(archive.settings.path(archive.settings.signatures.trust))
            found += revocation_store.fetch(
                archive, [*dict.fromkeys([*revocation_store.addresses(lists), *urls])], seconds, person())
    if as_json:
        print_json([_as_dict(one) for one in found])
    else:
        _tell(found)
    raise click.exceptions.Exit(3 if any(one.reason and not one.kept for one in found) else 0)


def _day(moment: datetime | None) -> str:
    return moment.date().isoformat() if moment is not None else ""


def _believed(purpose: str, since: str, until: str) -> str:
    """For what, and for signatures of which time, an authority is believed."""
    days = " – ".join("/".join(reversed(day.split("-"))) if day else "…" for day in (since, until))
    return f"{_purpose(purpose)} ({days})" if since or until else _purpose(purpose)


def _tell_version(lists: TrustLists) -> None:
    """The version of the lists, since when and by whom (S17: a list with history and approval)."""
    if lists.number:
        console().print(_("Trust lists: version {version}, changed on {day} by {person}").format(
            version=lists.version, day=local_time(lists.changed_at), person=escape(lists.changed_by)), soft_wrap=True)


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
            if one.kind == "ocsp":
                out.print(f"[green]✓[/] {escape(one.name)} · OCSP · " + (
                    _("revoked") if one.revoked else _("not revoked")), soft_wrap=True)
                continue
            out.print(f"[green]✓[/] {escape(one.name)} · " + _("{n} revoked · next list {day}").format(
                n=one.revoked, day=until), soft_wrap=True)


def _as_dict(one: Fetched) -> dict[str, object]:
    return {"source": one.url, "kind": one.kind, "kept": one.kept or not one.reason, "issuer": one.issuer,
            "number": one.number, "revoked": one.revoked,
            "this_update": one.this_update.isoformat() if one.this_update else "",
            "next_update": one.next_update.isoformat() if one.next_update else "", "taken": not one.reason,
            "reason": one.reason}
