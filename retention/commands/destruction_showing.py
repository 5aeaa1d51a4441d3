"""What the commands of `luutru destruction` share: their options, and how they answer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from archive.commands import groups
from archive.commands.groups import Decorated
from archive.i18n import _

if TYPE_CHECKING:
    from archive.findings import Finding
    from archive.opening import Archive
    from retention.destruction.keeping import Batch

SHOWN = 20      # findings and items on the terminal; --json has all
DIFFERS = ("DESTROY-007", "DESTROY-027")        # an integrity fault, whatever else was found


def changes(function: Decorated) -> Decorated:
    """The options of every command by which somebody decides."""
    return click.option("--by", default="", help=_("who decides; else who gives the command"))(
        groups.changes(function))


@contextmanager
def owned(root: Path) -> Iterator[Archive]:
    """The archive, owned, with everything told that a kill left untold."""
    from archive.opening import ownership
    from archive.terminal import archive_at
    from retention import objects

    with archive_at(root) as archive, ownership(archive):
        objects.catch_up(archive)
        yield archive


def who(by: str) -> str:
    """Who decides: who is named, else who gives the command."""
    from archive.terminal import person

    return by.strip() or person()


def brief(batch: Batch) -> dict[str, Any]:
    """A batch for machines, in a few words."""
    return {"destruction": batch.id, "state": batch.state, "plan": batch.record.get("plan", 0),
            "plan_hash": batch.plan_hash, "items": len(batch.standing)}


def answer(ctx: click.Context, told: Mapping[str, Any], findings: Sequence[Finding], done: str, *, dry_run: bool,
           as_json: bool, asked: bool = False) -> None:
    """Say what was found and done. Exit codes: 4 integrity, 5 refused, 3 a person should look; 0, also when `asked`."""
    from rich.markup import escape

    from archive.findings import Level, worst
    from archive.i18n import language
    from archive.terminal import console, print_json

    level = worst(findings)
    differs = any(one.code in DIFFERS for one in findings)
    refused = level >= Level.refused and not differs
    if as_json:
        print_json({**told, "dry_run": dry_run, "refused": refused,
                    "findings": [{**one.as_dict(), "article": one.article} for one in findings]})
    else:
        for one in findings[:SHOWN]:
            console().print(f"  [yellow]{one.code}[/] {escape(one.sentence(language()))} "
                            f"[dim]{escape(one.citation(language()))}[/]", soft_wrap=True)
            console().print(f"    [green]→ {escape(one.cure(language()))}[/]", soft_wrap=True)
        if len(findings) > SHOWN:
            console().print(_("… and {n} more; --json has all.").format(n=len(findings) - SHOWN))
        if refused and not asked:
            console().print(_("Nothing was changed."))
        else:
            console().print(escape(done) + (" " + _("(dry run: nothing was changed)") if dry_run else ""),
                            soft_wrap=True)
    ctx.exit(0 if asked else 4 if differs else 5 if refused else 3 if level >= Level.warning else 0)


def short(plan_hash: str) -> str:
    """The beginning of a plan's hash, as people compare and type it."""
    return plan_hash[:12]
