"""What an act of a hand-over gives back, and what acts need from outside this wing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from archive.findings import Finding, Level, worst
from retention.transfer.objects import Transfer

Entries = Mapping[str, Any]
Progress = Callable[[str, int, int], None]      # what is worked on, how many are done, how many there are


def silent(_what: str, _done: int, _total: int) -> None:
    """Progress that nobody watches."""


@dataclass(frozen=True, slots=True)
class Done:
    """What came of an act: the hand-over as it is now, the findings, whether anything was written, its particulars."""

    transfer: Transfer
    findings: tuple[Finding, ...] = ()
    written: bool = False
    told: Entries = field(default_factory=dict)

    @property
    def refused(self) -> bool:
        """Whether the findings refused it."""
        return not self.written and worst(self.findings) >= Level.refused


@dataclass(frozen=True, slots=True)
class Who:
    """Who acts and when: the name for the ledger and the raw time."""

    by: str
    at: Any                         # datetime with its zone


@dataclass(frozen=True, slots=True)
class Signature:
    """What a look at a signed paper found: the verdict, and of each signature the signer, `holder` and coverage.

    `text` is the paper's text without blanks: what is printed on it is compared with the record it stands for.
    """

    verdict: str
    signers: tuple[str, ...] = ()
    organisations: tuple[str, ...] = ()
    agency: bool = False            # a certificate of an agency, not of a person
    whole: bool = False             # a signature covers the whole file
    certificate: str = ""           # SHA-256
    text: str = ""


@dataclass(frozen=True, slots=True)
class Tools:
    """What acts borrow from the wings that this one may not import (docs/decisions/0004); the commands lend it.

    `seal`: a PDF's bytes to a sealed copy, None while no key is configured or it cannot sign now. `look`: what the
    signatures of a PDF are worth. `scan`: a file and its name to "clean", "infected", "not checked" or "failed", and
    the finding. `judge`: the findings about the signatures of a file in a package.
    """

    seal: Callable[[bytes, str], bytes | None] = lambda _data, _name: None
    look: Callable[[Path], Signature] = lambda _path: Signature("not_checked")
    scan: Callable[[Path, str], tuple[str, list[Finding]]] = lambda _path, _name: ("not checked", [])
    judge: Callable[[Path], list[Finding]] | None = None
