"""`luutru casefile link` and `unlink`: a document that belongs to further case files besides its home."""

from __future__ import annotations

from pathlib import Path

import click

from archive import clock
from archive.i18n import _
from archive.opening import ownership
from archive.terminal import archive_at, console, person, print_json


@click.command("link", help=_("Link documents to a further case file: their home lives as long as it needs them."))
@click.argument("documents", nargs=-1, required=True, metavar="DOCUMENT...")
@click.argument("case_file", metavar="CASEFILE")
@click.option("--reason", required=True, help=_("why; the ledger keeps it"))
@click.option("--by", default="", help=_("who decides; else who gives the command"))
@click.option("--json", "as_json", is_flag=True, help=_("for machines"))
@click.pass_obj
def link(root: Path, documents: tuple[str, ...], case_file: str, reason: str, by: str, as_json: bool) -> None:
    """Link documents to a case file that is not their home; both may be closed."""
    _decide(root, documents, case_file, reason, by, as_json=as_json, end=False)


@click.command("unlink", help=_("End the link of documents to a case file; that it stood stays in the history."))
@click.argument("documents", nargs=-1, required=True, metavar="DOCUMENT...")
@click.argument("case_file", metavar="CASEFILE")
@click.option("--reason", required=True, help=_("why; the ledger keeps it"))
@click.option("--by", default="", help=_("who decides; else who gives the command"))
@click.option("--json", "as_json", is_flag=True, help=_("for machines"))
@click.pass_obj
def unlink(root: Path, documents: tuple[str, ...], case_file: str, reason: str, by: str, as_json: bool) -> None:
    """End links of documents to a case file."""
    _decide(root, documents, case_file, reason, by, as_json=as_json, end=True)


def _decide(root: Path, documents: tuple[str, ...], case_file: str, reason: str, by: str, *, as_json: bool,
            end: bool) -> None:
    from archive import links

    with archive_at(root) as archive, ownership(archive):
        n = links.link(archive, documents, case_file, by=by.strip() or person(), reason=reason, at=clock.now(), end=end)
    if as_json:
        print_json({"n": n, "case_file": case_file, "documents": sorted(set(documents)), "ended": end})
    elif end:
        console().print(_("The links of {n} documents to {code} have ended.").format(n=len(set(documents)),
                                                                                    code=case_file))
    else:
        console().print(_("{n} documents are linked to {code}.").format(n=len(set(documents)), code=case_file))
