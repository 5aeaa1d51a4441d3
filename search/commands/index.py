"""`luutru index`: compare the search index with the store, and make it again from the store."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict

import click
from rich.progress import track
from sqlalchemy import func, select

from archive import destroyed, model, records
from archive.i18n import _
from archive.opening import Archive, ownership
from archive.terminal import archive_at, console, print_json
from search.index import entry_from_record, open_index, verify
from search.reindexing import reindex

SHOWN = 20


@click.group(help=_("The search index: a follower of the store."))
def command() -> None:
    """The search index."""


@command.command("verify", help=_("Compare the search index with what the store holds, document by document."))
@click.option("--json", "as_json", is_flag=True, help=_("for machines"))
@click.pass_context
def verify_(ctx: click.Context, as_json: bool) -> None:
    """Read every record and text of the store and compare; exit code 3 when the index differs."""
    with archive_at(ctx.obj) as archive:
        with archive.catalogue.session() as session:
            leaving = set(destroyed.under_way(session, archive.store))
        expected = {entry.code: entry.fingerprint for entry in
                    (entry_from_record(*pair) for pair in _documents(as_json, archive)
                     if not {pair[0]["case_file"], pair[0]["code"]} & leaving)}
        index = open_index(archive.settings)
        try:
            difference = verify(index, expected)
        finally:
            index.close()
    if as_json:
        print_json({"documents": len(expected), **asdict(difference)})
    elif not difference:
        console().print(_("The index holds all {n} documents of the store as they are.").format(n=len(expected)))
    else:
        _list(_("not in the index"), difference.missing)
        _list(_("in the index only"), difference.surplus)
        _list(_("indexed with other content"), difference.stale)
        console().print(_("The documents themselves are safe. Cure: luutru index rebuild"))
    ctx.exit(3 if difference else 0)


@command.command("rebuild", help=_("Make the search index again from the store; the old one serves until then."))
@click.option("--json", "as_json", is_flag=True, help=_("for machines"))
@click.pass_context
def rebuild(ctx: click.Context, as_json: bool) -> None:
    """Make the index again in one step; killed half-way, the old one stays in use."""
    with archive_at(ctx.obj) as archive, ownership(archive):
        kept = 0

        def resumed(held: int) -> None:
            nonlocal kept
            kept = held
            console(stderr=True).print(_("Going on with a rebuild that was stopped: {n} documents are in it already.")
                                       .format(n=held))

        count = reindex(archive, _documents(as_json, archive), resumed)
    if as_json:
        print_json({"documents": count, "resumed": kept})
    else:
        console().print(_("{n} documents were indexed anew.").format(n=count))


def _documents(quiet: bool, archive: Archive) -> Iterator[tuple[records.Record, str]]:
    """Every record and text of the store, with progress."""
    shown = console(stderr=True)
    with archive.catalogue.session() as session:
        total = session.scalar(select(func.count()).select_from(model.Document)) or None
    yield from track(records.documents(archive.store), description=_("reading the store"), console=shown, total=total,
                     transient=True, disable=quiet or not shown.is_terminal)


def _list(title: str, codes: list[str]) -> None:
    if codes:
        more = f" … (+{len(codes) - SHOWN})" if len(codes) > SHOWN else ""
        console().print(f"[red]✘[/] {title} ({len(codes)}): {', '.join(codes[:SHOWN])}{more}", soft_wrap=True)
