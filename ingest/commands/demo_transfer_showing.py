"""What a person sees of the rehearsal of a hand-over: each step, its commands, the proof at the end."""

from __future__ import annotations

import shlex
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.markup import escape

from archive.i18n import _
from archive.terminal import console, print_table, verdict_name

_MOST_FILES = 12        # files that are shown; --json has all
_LONGEST = 110


class Teller:
    """Tells steps, commands and what they said; `quiet` tells nothing."""

    def __init__(self, *, quiet: bool) -> None:
        self._quiet, self._n, self._begun = quiet, 0, time.monotonic()

    def step(self, sentence: str) -> None:
        """The next step of the procedure."""
        self._n += 1
        if not self._quiet:
            console().print(f"\n[bold]{self._n}. {escape(sentence)}[/]  [dim]{time.monotonic() - self._begun:.0f} s[/]",
                            soft_wrap=True)

    def command(self, root: Path, words: Sequence[str]) -> None:
        """A command that is given, by whom."""
        if not self._quiet:
            who = {"co-quan": _("giving agency"), "trung-tam": _("receiving centre")}[root.name]
            line = f"luutru {shlex.join(words)}"
            line = line if len(line) <= _LONGEST else f"{line[:_LONGEST]}…"
            console().print(f"   [cyan]{who}[/] $ {escape(line)}", soft_wrap=True)

    def said(self, sentence: str) -> None:
        """What came of it, where that is worth telling."""
        if not self._quiet:
            console().print(f"   [yellow]{escape(sentence)}[/]", soft_wrap=True)


def print_proof(told: Mapping[str, Any]) -> None:
    """The proof: packages, files, minutes, at both ends; and the verdict."""
    out = console()
    out.print()
    same = {True: f"[green]✔ {_('the same')}[/]", False: f"[red]✘ {_('differs')}[/]"}
    print_table(_("Packages: SHA-256 as sent, received, confirmed"), (
        _("Case file"), _("sent"), _("received"), _("confirmed"), ""), [
        (escape(one["code"]), one["sent"][:16], one["received"][:16], one["confirmed"][:16], same[one["equal"]])
        for one in told["packages"]])
    files = told["files"]
    print_table(_("Documents: SHA-256 in the agency's store and in the centre's"), (
        _("File"), _("giving agency"), _("receiving centre"), ""), [
        (escape(one["path"]), one["agency"][:16], one["centre"][:16], same[one["equal"]])
        for one in files[:_MOST_FILES]])
    if len(files) > _MOST_FILES:
        out.print(_("… and {n} more: --json").format(n=len(files) - _MOST_FILES))
    print_table(_("Minutes: one paper with both signatures, at both ends"), (
        _("Paper"), _("signed by"), _("giving agency"), _("receiving centre"), ""), [
        (escape(one["name"]), escape("; ".join(one["signers"])), one["agency"][:16], one["centre"][:16],
         f"{same[one['equal']]} · {verdict_name(one['verdict'])}") for one in told["minutes"]])
    for one in told["resumed"]:
        out.print(_("After the cut sending went on at byte {offset} of {size} ({name}).").format(**one), soft_wrap=True)
    out.print(_("{code}: handed over in {seconds} s; the agency's copies stayed until the signed confirmation matched. "
                "Both archives lie in {folder}").format(**told) if told["well"] else
              f"[red]{_('The two archives differ; look above.')}[/]", soft_wrap=True)
