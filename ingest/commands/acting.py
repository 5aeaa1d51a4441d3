"""How commands that act on a scan job or a hand-over say what came of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import click

from archive.findings import Finding, Level
from archive.i18n import _
from archive.terminal import console, print_findings, print_json


def leave(ctx: click.Context, told: Mapping[str, Any], findings: Sequence[Finding], sentence: str,
          words: Mapping[str, Any], *, written: bool, refused: bool, dry_run: bool, as_json: bool) -> None:
    """Tell what came of an act, and leave with its exit code: 5 refused by a rule, 3 done with warnings, 0 done.

    `told`: what machines are told of it besides; `sentence`: what a person is told when it was done, and only then
    with its `words` (what was refused or only checked may lack some).
    """
    if as_json:
        print_json({**told, "dry_run": dry_run, "written": written, "refused": refused,
                    "findings": [one.as_dict() for one in findings]})
    else:
        print_findings(findings)
        if refused:
            console().print(_("Nothing was changed."))
        elif dry_run:
            console().print(_("Only checked, nothing was changed."))
        else:
            console().print(sentence.format(**words), soft_wrap=True)
    warned = any(one.level >= Level.warning for one in findings)
    ctx.exit(5 if refused else 3 if warned else 0)
