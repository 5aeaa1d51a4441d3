"""`luutru edxml fetch`: bring what waits at the document axis, or in a folder, into the inbox."""

from __future__ import annotations

import click

from archive.i18n import _

_NEEDS_A_PERSON = 3


@click.command("fetch", help=_("Fetch the messages that wait at the axis (or in the folder of the settings) into the "
                               "inbox; each once, confirmed only when its bytes are kept."))
@click.option("--limit", type=click.IntRange(0), default=0, help=_("at most so many new ones; 0: all"))
@click.option("--dry-run", is_flag=True, help=_("list what waits, fetch nothing"))
@click.option("--json", "as_json", is_flag=True, help=_("for machines"))
@click.pass_context
def fetch(context: click.Context, limit: int, dry_run: bool, as_json: bool) -> None:
    """Fetch what waits."""
    from archive.i18n import language
    from archive.opening import ownership
    from archive.terminal import archive_at, console, print_json
    from ingest.exchange import fetching

    with archive_at(context.obj) as archive:
        source = fetching.source_of(archive)
        if dry_run:
            waiting = source.list()
            if as_json:
                print_json({"source": source.name, "fetched": False, "waiting": [one.id for one in waiting]})
            else:
                console().print(_("{n} messages are listed at {source}").format(n=len(waiting), source=source.name))
            return
        out = console(stderr=True)
        with ownership(archive), out.status(_("fetching …")) as shown:
            made = fetching.fetch(archive, source, limit=limit, progress=lambda done, total: shown.update(
                f"{_('fetching …')} {done}/{total}"))
    if as_json:
        print_json({"source": source.name, "fetched": True, "new": made.new, "again": made.again,
                    "findings": [one.as_dict() for one in made.findings]})
    else:
        console().print(_("{new} new messages in the inbox, {again} known ones confirmed again").format(
            new=len(made.new), again=len(made.again)))
        for one in made.findings:
            click.echo(f"{one.code} {one.sentence(language())}")
    if made.findings:
        context.exit(_NEEDS_A_PERSON)
