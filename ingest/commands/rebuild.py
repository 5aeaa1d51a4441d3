"""`luutru rebuild`: make the catalogue and the search index again from the store alone, or say what would differ."""

from __future__ import annotations

from pathlib import Path

import click

from archive import opening
from archive.errors import IntegrityError
from archive.fixity.checking import missing_objects
from archive.i18n import _
from archive.rebuild import rebuild
from archive.terminal import archive_at, console, print_json
from retention.objects import ADMITS
from search.reindexing import reindex

SHOWN = 100     # rows that differ; --json has all


@click.command(help=_("Make the catalogue and the search index again from the store alone."))
@click.option("--yes", is_flag=True, help=_("do not ask"))
@click.option("--compare", is_flag=True, help=_("change nothing: say which rows of the catalogue are not what ledger "
                                                "and store say"))
@click.option("--force", is_flag=True, help=_("even when objects are missing that the ledger knows"))
@click.option("--json", "as_json", is_flag=True, help=_("for machines"))
@click.pass_obj
def command(root: Path, yes: bool, compare: bool, force: bool, as_json: bool) -> None:
    """Make the catalogue and the search index again; the store is only read.

    With `compare` exit code 4 when a row differs.
    """
    if compare:
        _compare(root, as_json=as_json)
        return
    if not (yes or as_json):
        click.confirm(_("The catalogue and the index are emptied and filled again from the store. Go on?"), abort=True)
    with archive_at(root, rebuilding=True) as archive, opening.ownership(archive, rebuilding=True):
        if (missing := missing_objects(archive)) and not force:
            raise IntegrityError(_("{n} objects that the ledger knows are not in the store (first: {first}). Is a disk "
                                   "missing? --force makes the catalogue of what is there.").format(
                n=len(missing), first=missing[0]))
        counts = rebuild(archive, admits=ADMITS)
        counts["indexed"] = reindex(archive)
    if as_json:
        print_json(counts)
        return
    sentence = _("Made again: {events} events, {documents} documents in {objects} objects, {indexed} indexed.")
    console().print(sentence.format(**counts))


def _compare(root: Path, *, as_json: bool) -> None:
    from archive.fixity import rows

    with archive_at(root) as archive, opening.ownership(archive):
        found = rows.compare(archive, ADMITS)
    if as_json:
        print_json({"rows": [one.as_dict() for one in found]})
    elif found:
        for one in found[:SHOWN]:
            console().print(f"✘ {one.sentence()}", soft_wrap=True, markup=False)
        if len(found) > SHOWN:
            console().print(_("… and {n} rows more").format(n=len(found) - SHOWN))
        console().print(_("luutru rebuild makes the catalogue again. First ask who changed it: tell the "
                          "administrator."), soft_wrap=True)
    else:
        console().print(_("Every row of the catalogue is what ledger and store say."))
    raise click.exceptions.Exit(4 if found else 0)
