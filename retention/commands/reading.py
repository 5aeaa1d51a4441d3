"""`luutru reading`: requests for use, from the reader's question to the copies and their removal; more in reading_*.py.

`certify` seals, so it lies with ingest, which puts the group together (ingest/commands/reading.py).
"""

from __future__ import annotations

from pathlib import Path

import click

from archive.commands.groups import Steps
from archive.i18n import _
from retention.commands.destruction_showing import changes, owned, who

_ELSEWHERE = {name: ("retention.commands.reading_showing", f"{name}_") for name in ("copy", "list", "show", "purge")}
ORDER = ("request", "opinion", "grant", "refuse", "copy", "certify", "list", "show", "purge")


@click.group(cls=Steps, order=ORDER, elsewhere=_ELSEWHERE,
             help=_("Requests for use (yêu cầu khai thác, sử dụng tài liệu): opinions, grants, copies."))
def command() -> None:
    """Requests for use."""


@command.command("request", help=_("Take a reader's request in. CODE is a document or a case file, of which every "
                                   "document is asked for."))
@click.argument("codes", metavar="CODE…", nargs=-1, required=True)
@click.option("--kind", type=click.Choice(("reading", "copy", "certified")), default="reading", show_default=True,
              help=_("reading on line, copy, or certified copy"))
@click.option("--reader", required=True, help=_("the reader's full name"))
@click.option("--id-paper", default="", help=_("number of the reader's identity paper; compulsory for certified "
                                               "copies, else better left out"))
@click.option("--contact", default="", help=_("how to reach the reader"))
@click.option("--organisation", default="", help=_("where the reader works"))
@click.option("--account", default="", help=_("the reader's account at the portal: it reaches what is granted"))
@click.option("--purpose", default="", help=_("what for, in words; compulsory"))
@click.option("--purpose-code", default="01", show_default=True,
              help=_("01 private, 02 official, 03 official, special"))
@click.option("--topic", default="", help=_("topic of the research"))
@click.option("--reader-code", default="10", show_default=True,
              help=_("group of readers (đối tượng) 01 to 10 of TT 05/2025/TT-BNV Phụ lục V; 10: other"))
@click.option("--note", default="", help=_("a note"))
@click.option("--on", default="", metavar="YYYY-MM-DD", help=_("the day on which the request came; today"))
@changes
@click.pass_context
def request(ctx: click.Context, codes: tuple[str, ...], kind: str, reader: str, id_paper: str, contact: str,
            organisation: str, account: str, purpose: str, purpose_code: str, topic: str, reader_code: str, note: str,
            on: str, by: str, dry_run: bool, as_json: bool) -> None:
    """Take a request in; exit code 5 when it may not be, and then nothing is written."""
    from archive import clock
    from retention.commands.reading_showing import answer, brief
    from retention.reading import asking
    from retention.reading.modes import needs_opinion

    with owned(ctx.obj) as archive:
        made, found = asking.ask(
            archive, kind, codes, asking.Reader(reader, id_paper, contact, organisation, account),
            asking.Purpose(purpose, purpose_code, topic, reader_code, note), by=who(by), at=clock.now(), on=on,
            dry_run=dry_run)
        waiting = sum(needs_opinion(one["mode"], archive.settings) for one in made.items) if made else 0
    done = _("The request can be taken in.") if made is None else _(
        "{code}: {n} documents asked for, {waiting} of them need an opinion.").format(
        code=made.code, n=len(made.items), waiting=waiting)
    answer(ctx, brief(made) if made else {}, found, done, dry_run=dry_run, as_json=as_json)


@command.command("opinion", help=_("Ask for the opinion that conditional documents need (ask), or write down the one "
                                   "that was given (agree, oppose)."))
@click.argument("code")
@click.argument("what", type=click.Choice(("ask", "agree", "oppose")))
@click.argument("documents", metavar="[DOCUMENT…]", nargs=-1)
@click.option("--of", default="", help=_("who gave the opinion"))
@click.option("--number", default="", help=_("number of the document that gives it"))
@click.option("--dated", default="", metavar="YYYY-MM-DD", help=_("its day"))
@click.option("--reason", default="", help=_("the reason; compulsory with oppose"))
@click.option("--file", "paper", type=click.Path(exists=True, dir_okay=False, path_type=Path),
              help=_("the document itself; it is kept"))
@changes
@click.pass_context
def opinion(ctx: click.Context, code: str, what: str, documents: tuple[str, ...], of: str, number: str, dated: str,
            reason: str, paper: Path | None, by: str, dry_run: bool, as_json: bool) -> None:
    """Opinions of the head (current archive) or of the state archives body (historical archive)."""
    from archive import clock
    from retention.commands.reading_showing import answer, brief
    from retention.reading import deciding

    ending = paper.suffix.lower() if paper is not None and paper.suffix[1:].isalnum() else ".bin"
    with owned(ctx.obj) as archive:
        if what == "ask":
            made = deciding.ask_opinion(archive, code, documents, by=who(by), at=clock.now(), dry_run=dry_run)
        else:
            made = deciding.give_opinion(archive, code, documents, deciding.Opinion(
                what == "agree", of, number, dated, reason, paper.read_bytes() if paper else b"", f"opinion{ending}"),
                by=who(by), at=clock.now(), dry_run=dry_run)
    done = _("{code}: an opinion is asked for {n} documents.") if what == "ask" else _(
        "{code}: the opinion on {n} documents is written down.")
    answer(ctx, brief(made.request), made.findings, done.format(code=code, n=len(made.documents)), dry_run=dry_run,
           as_json=as_json)


@command.command("grant", help=_("Grant documents of a request; without DOCUMENT all that may be granted now."))
@click.argument("code")
@click.argument("documents", metavar="[DOCUMENT…]", nargs=-1)
@click.option("--days", type=click.IntRange(1), help=_("how many days from today; the setting reading.days"))
@changes
@click.pass_context
def grant(ctx: click.Context, code: str, documents: tuple[str, ...], days: int | None, by: str, dry_run: bool,
          as_json: bool) -> None:
    """Grant; the reader's account reaches exactly these documents up to and with the last day."""
    from archive import clock
    from archive.terminal import local_day
    from retention.commands.reading_showing import answer, brief
    from retention.reading import deciding

    with owned(ctx.obj) as archive:
        made = deciding.grant(archive, code, documents, by=who(by), at=clock.now(), days=days or 0, dry_run=dry_run)
    until = max((one["until"] for one in made.request.items if one["document"] in made.documents), default="")
    done = _("{code}: {n} documents are granted until {day}.").format(
        code=code, n=len(made.documents), day=local_day(until))
    answer(ctx, brief(made.request), made.findings, done, dry_run=dry_run, as_json=as_json)


@command.command("refuse", help=_("Refuse documents of a request, with the reason that the reader is told; without "
                                  "DOCUMENT all that are still to be decided."))
@click.argument("code")
@click.argument("documents", metavar="[DOCUMENT…]", nargs=-1)
@click.option("--reason", default="", help=_("the reason; compulsory"))
@changes
@click.pass_context
def refuse(ctx: click.Context, code: str, documents: tuple[str, ...], reason: str, by: str, dry_run: bool,
           as_json: bool) -> None:
    """Refuse."""
    from archive import clock
    from retention.commands.reading_showing import answer, brief
    from retention.reading import deciding

    with owned(ctx.obj) as archive:
        made = deciding.refuse(archive, code, documents, reason, by=who(by), at=clock.now(), dry_run=dry_run)
    done = _("{code}: {n} documents are refused.").format(code=code, n=len(made.documents))
    answer(ctx, brief(made.request), made.findings, done, dry_run=dry_run, as_json=as_json)
