"""One case of the corpus: how its file is made, and what our judgement of it must be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

type_of_case = Literal["genuine", "attack"]
NEVER = frozenset({"valid", "valid_with_notes", "unsigned"})


@dataclass(frozen=True)
class Case:
    """`codes` of a genuine file are all its reasons above "ok"; those of an attack are some that must be among them.

    `signatures` is what every finder must see in a genuine file. `group` names the kind or the class of attack,
    `source` where the class was published.
    """

    name: str
    make: Callable[[], bytes]
    group: str
    kind: type_of_case
    verdict: str = ""                       # "" for an attack: any but NEVER
    codes: frozenset[str] = frozenset()
    signatures: int = 1
    source: str = ""


def genuine(group: str, name: str, make: Callable[[], bytes], verdict: str = "valid", *codes: str,
            signatures: int = 1) -> Case:
    """A file that must be judged as `verdict`, with no reason above "ok" but `codes`."""
    return Case(f"{group}: {name}", make, group, "genuine", verdict, frozenset(codes), signatures)


def attack(group: str, name: str, make: Callable[[], bytes], *codes: str, verdict: str = "") -> Case:
    """A file that must never pass; `codes` are among its reasons."""
    return Case(f"{group}: {name}", make, group, "attack", verdict, frozenset(codes), source=SOURCES[group])


USF_PAPER = "Mladenov, Mainka, Meyer zu Selhausen, Grothe, Schwenk: 1 Trillion Dollar Refund, ACM CCS 2019"
SHADOW_PAPER = "Mainka, Mladenov, Rohlmann: Shadow Attacks, NDSS 2021"
CERTIFIED_PAPER = "Rohlmann, Mladenov, Mainka, Schwenk: Breaking the Specification: PDF Certification, IEEE S&P 2021"
FORMAT = "ISO 32000-2, 7.5 and 12.8; RFC 5652"
SOURCES = {
    "universal signature forgery": USF_PAPER, "signature wrapping": USF_PAPER, "incremental saving": USF_PAPER,
    "byte range": USF_PAPER, "trailing bytes": USF_PAPER, "shadow hide": SHADOW_PAPER, "shadow replace": SHADOW_PAPER,
    "shadow hide and replace": SHADOW_PAPER, "form field": SHADOW_PAPER, "evil annotation": CERTIFIED_PAPER,
    "sneaky signature": CERTIFIED_PAPER, "certification": CERTIFIED_PAPER, "duplicate objects": FORMAT,
    "cross-reference": FORMAT, "contents": FORMAT, "page tree": FORMAT, "catalog": FORMAT, "remnant": FORMAT,
    "changed bytes": FORMAT, "identity": FORMAT, "exhausting": FORMAT,
}
