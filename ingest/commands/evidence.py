"""`luutru evidence`: seal, fetch timestamps, renew, show what is due, hand evidence out, and check anybody's."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.markup import escape
from rich.progress import Progress

from archive import clock
from archive.i18n import _
from archive.ledger import Entry, event_key
from archive.terminal import archive_at, console, local_time, person, print_json, print_table

if TYPE_CHECKING:
    from archive.evidence.ers import Link
    from ingest.signatures.chains import Chain


@click.group(help=_("Evidence: that files have been there unchanged, for decades (RFC 4998)."))
def command() -> None:
    """Evidence records and timestamps."""


@command.command("seal", help=_("Seal what is new now, and fetch timestamps; the night does the same."))
@click.option("--json", "as_json", is_flag=True, help=_("for machines"))
@click.pass_obj
def seal(root: Path, as_json: bool) -> None:
    """Seal what happened since the last seal, renew what is due, fetch the tokens."""
    from archive.evidence.night import seal_and_renew
    from archive.opening import ownership

    with archive_at(root) as archive, ownership(archive):
        done = seal_and_renew(archive, clock.now())
    if as_json:
        print_json({"seal": done.seal, "renewals": done.renewals, "timed": done.timed, "refused": done.refused,
                    "waiting": done.waiting, "ended": [{"seals": list(one.seals), "until": clock.stamp(one.until)}
                                                       for one in done.ended]})
    else:
        _tell(done.seal, done.renewals, done.timed, done.refused, done.waiting)
        for one in done.ended:
            said = _("Too late: the certificate of {seals} ended on {date} before it was renewed; there is a gap.")
            console().print(f"[yellow]{said.format(seals=', '.join(one.seals), date=f'{one.until:%d/%m/%Y}')}[/]",
                            soft_wrap=True)
    raise click.exceptions.Exit(3 if done.refused else 0)


def _tell(sealed: str, renewals: list[str], timed: list[str], refused: dict[str, str], waiting: list[str]) -> None:
    out = console()
    out.print(_("Sealed: {seal}").format(seal=sealed) if sealed else _("Nothing new to seal."))
    if renewals:
        out.print(_("Renewed: {seals}").format(seals=", ".join(renewals)))
    if timed:
        out.print(_("Timestamps received for: {seals}").format(seals=", ".join(timed)))
    for url, reason in refused.items():
        out.print(f"[yellow]{url}[/]: {reason}", soft_wrap=True)
    if waiting:
        out.print(_("Without a timestamp as yet: {seals}").format(seals=", ".join(waiting)), soft_wrap=True)


@command.command("list", help=_("List the seals with their timestamps."))
@click.option("--json", "as_json", is_flag=True, help=_("for machines"))
@click.pass_obj
def list_(root: Path, as_json: bool) -> None:
    """Every seal: when, how many leaves, and who gave it a timestamp."""
    from sqlalchemy import select

    from archive.model import Seal

    with archive_at(root) as archive, archive.catalogue.session() as session:
        rows = list(session.scalars(select(Seal).order_by(Seal.id)))
    if as_json:
        print_json([{"seal": row.id, "kind": row.kind, "at": row.at, "algorithm": row.algorithm, "leaves": row.leaves,
                     "root": row.root, "tokens": row.tokens, "renews": row.renews} for row in rows])
        return
    names = {"night": _("night"), "renewal": _("renewal of timestamps"), "rehash": _("renewal of the hash")}
    print_table(_("Seals"), ("#", _("Kind"), _("Sealed"), _("Leaves"), _("Timestamp"), _("Authority"), _("Until")), [
        (row.id, names[row.kind], local_time(row.at), f"{row.leaves:,}",
         local_time(row.tokens[0]["time"]) if row.tokens else _("none yet"),
         row.tokens[0]["server"] if row.tokens else "—", local_time(row.until) or "—") for row in rows])


@command.command("calendar", help=_("Show which timestamps must be renewed when."))
@click.option("--json", "as_json", is_flag=True, help=_("for machines"))
@click.pass_obj
def calendar(root: Path, as_json: bool) -> None:
    """The renewals to come, the soonest first."""
    from archive.evidence.renewal import calendar_of

    with archive_at(root) as archive:
        due = calendar_of(archive)
    now = clock.now()
    if as_json:
        print_json([{"due": clock.stamp(one.due), "until": clock.stamp(one.until), "algorithm": one.algorithm,
                     "seals": list(one.seals), "overdue": one.due <= now} for one in due])
        return
    if not due:
        console().print(_("No timestamp is there to be renewed."))
        return
    print_table(_("Renewals to come"), (_("To be renewed"), _("Certificate ends"), _("Hash"), _("Seals")), [
        (local_time(clock.stamp(one.due)) + (" ●" if one.due <= now else ""), local_time(clock.stamp(one.until)),
         one.algorithm.upper(), f"{len(one.seals)}: {one.seals[0]} … {one.seals[-1]}" if len(one.seals) > 1
         else one.seals[0]) for one in due])


@command.command("renew", help=_("Renew the hash: read every sealed file again under a newer algorithm."))
@click.option("--hash", "algorithm", type=click.Choice(["sha384", "sha512"]), required=True,
              help=_("the newer hash algorithm"))
@click.option("--yes", is_flag=True, help=_("do not ask"))
@click.option("--json", "as_json", is_flag=True, help=_("for machines"))
@click.pass_obj
def renew(root: Path, algorithm: str, yes: bool, as_json: bool) -> None:
    """A hash-tree renewal (RFC 4998, 5.2) of everything sealed so far; timestamps are renewed by the night itself."""
    from archive.evidence.night import fetch
    from archive.evidence.renewal import renew_hashes
    from archive.opening import ownership

    with archive_at(root) as archive, ownership(archive):
        if not (yes or as_json):
            click.confirm(_("This reads every sealed file of the store again. Go on?"), abort=True)
        shown = console(stderr=True)
        with Progress(console=shown, transient=True, disable=as_json or not shown.is_terminal) as bar:
            task = bar.add_task(_("Seals"), total=None)
            made = renew_hashes(archive, algorithm, clock.now(),
                                lambda _what, done, total: bar.update(task, completed=done, total=total))
        timed = fetch(archive, clock.now())
    if as_json:
        print_json({"seal": made, "timed": timed.done, "refused": timed.refused})
    else:
        _tell(made, [], timed.done, timed.refused, [])
    raise click.exceptions.Exit(3 if timed.refused else 0)


@command.command("export", help=_("Copy a document out with its evidence, to be checked without this archive."))
@click.argument("code")
@click.option("--to", "target", type=click.Path(path_type=Path, file_okay=False), required=True,
              help=_("the folder to make"))
@click.option("--json", "as_json", is_flag=True, help=_("for machines"))
@click.pass_obj
def export(root: Path, code: str, target: Path, as_json: bool) -> None:
    """Files, evidence records, certificates, a statement for people, and a checker that needs only Python."""
    from archive import destroyed, records
    from archive.catalogue import record as record_events
    from archive.evidence.export import export_evidence
    from archive.model import Document
    from archive.opening import ownership

    with archive_at(root) as archive, ownership(archive):
        with archive.catalogue.session() as session:
            row = session.get(Document, code)
            if row is None:
                destroyed.refuse(session, code)
        if row is None:
            raise click.UsageError(_("There is no document {code}.").format(code=code))
        now = clock.now()
        found = export_evidence(archive, next(records.read_documents(archive.store, row.case_file, [row.ordinal])),
                                target, now)
        with archive.catalogue.session() as session:
            record_events(session, archive.ledger, [Entry("exported", code, {
                "files": {one.name: one.sha256 for one in found}, "evidence": True},
                event_key("exported", code, clock.stamp(now)), actor=person())])
    if as_json:
        print_json({"code": code, "folder": str(target), "files": [
            {"name": one.name, "sha256": one.sha256, "gap": one.gap,
             "timestamps": [clock.stamp(stamp.time) for stamp in one.stamps]} for one in found]})
    else:
        for one in found:
            console().print(f"{one.name}  " + (
                _("proved since {time}").format(time=local_time(clock.stamp(one.stamps[0].time))) if one.stamps
                else f"[yellow]{_('no evidence record yet')}[/]: {one.gap}"), soft_wrap=True)
        if any(one.stamps for one in found):
            said = _("In {place}: statement.html for people; python3 checker.py FILE FILE.ers for machines.")
            console().print(said.format(place=target), soft_wrap=True)
    raise click.exceptions.Exit(3 if any(one.gap for one in found) else 0)


@command.command("verify", help=_("Check an evidence record against its file; works without an archive."))
@click.argument("evidence", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--trust", type=click.Path(exists=True, file_okay=False, path_type=Path),
              help=_("folder of trust lists, one sub-folder a list; otherwise the archive's"))
@click.option("--json", "as_json", is_flag=True, help=_("for machines"))
@click.pass_obj
def verify(root: Path | None, evidence: Path, file: Path, trust: Path | None, as_json: bool) -> None:
    """Exit code 0: proved; 3: a timestamp's authority is not in the trust lists; 4: the evidence does not hold."""
    from archive.evidence.ers import BrokenRecordError, check
    from archive.evidence.export import digests_of_file
    from ingest.commands.signature import archive_trust
    from ingest.signatures import load_trust

    lists = load_trust(trust or archive_trust(root))
    try:
        links = check(evidence.read_bytes(), digests_of_file(file))
    except BrokenRecordError as error:
        if as_json:
            print_json({"file": str(file), "verdict": "broken", "reason": str(error), "timestamps": []})
        else:
            console().print("[red]✗[/] " + _(
                "{file}: this is not an evidence record, or it is damaged. First the record, then its file: "
                "luutru evidence verify FILE.ers FILE").format(file=escape(str(evidence))), soft_wrap=True)
        raise click.exceptions.Exit(4) from error
    judged = asyncio.run(_judge(links, lists))
    states = {one["state"] for one in judged}
    verdict = "broken" if "broken" in states else "proved" if states == {"trusted"} else "untrusted"
    if as_json:
        print_json({"file": str(file), "verdict": verdict, "timestamps": judged})
    else:
        _show(file, judged, verdict)
    raise click.exceptions.Exit({"proved": 0, "untrusted": 3, "broken": 4}[verdict])


async def _judge(links: list[Link], lists: Any) -> list[dict[str, Any]]:
    """What each timestamp is worth: its place in the record, its own signature, its server's chain.

    A server is judged at the time of the next timestamp, which proves that the token was there by then; the last one at
    its own time.
    """
    from archive.evidence import tokens
    from ingest.signatures.chains import Enclosed, chain_at

    found = []
    for number, link in enumerate(links):
        state, reason, server, until = "trusted", link.reason, "", ""
        try:
            token = tokens.read(link.token)
            server, until = token.server, clock.stamp(token.until) if token.until else ""
            tokens.check(token)
        except tokens.TokenError as error:
            state, reason = "broken", str(error)
        else:
            if not link.sound:
                state, reason = "broken", _fault(link)
            elif token.certificate is not None:
                moment = links[number + 1].time if number + 1 < len(links) else link.time
                chain = await chain_at(token.certificate, moment, lists,
                                       Enclosed(tuple(tokens.certificates(link.token))), "timestamps")
                if chain.state != "trusted":
                    state, reason = "untrusted", _untrusted(chain)
        found.append({"time": clock.stamp(link.time), "algorithm": link.algorithm, "covers": link.covers,
                      "server": server, "until": until, "state": state, "reason": reason})
    return found


def _untrusted(chain: Chain) -> str:
    """Why a timestamp's authority is not believed, in words; the library's where we have none."""
    words = {"unknown": _("its authority is not in the trust lists"),
             "outside": _("a certificate of its authority had ended before the next timestamp"),
             "revoked": _("a certificate of its authority was revoked")}
    return words.get(chain.state, chain.detail or chain.state)


def _fault(link: Link) -> str:
    """What is wrong with a timestamp's place in its record, in words."""
    words = {"algorithm": _("its hash is not the one of its chain"), "order": _("it is older than the one before it"),
             "covers": _("it is not over this file") if link.covers == "object" else
             _("it is not over the timestamp before it")}
    return words[link.fault]


def _show(file: Path, judged: list[dict[str, Any]], verdict: str) -> None:
    out = console()
    signs = {"trusted": "[green]✓[/]", "untrusted": "[yellow]![/]", "broken": "[red]✗[/]"}
    out.print(f"[bold]{file}[/]", soft_wrap=True)
    for one in judged:
        out.print(f"  {signs[one['state']]} {local_time(one['time'])} · {one['algorithm'].upper()} · {one['server']}"
                  + (f" · {one['reason']}" if one["reason"] else ""), soft_wrap=True)
    colour, sentence = {
        "proved": ("green", _("The file is unchanged since {time}.")),
        "untrusted": ("yellow", _("The record fits the file, but an authority is not in the trust lists.")),
        "broken": ("red", _("The evidence does not hold for this file."))}[verdict]
    out.print(f"[{colour}]{sentence.format(time=local_time(judged[0]['time']))}[/]", soft_wrap=True)
