"""The dated rules of policy.toml: which digests and keys are taken, at which time, and other limits.

Must never make a weak algorithm strong because a signature says that it is old: the moments that are
asked about are proven ones.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Literal

Use = Literal["document", "certificate", "listed", "imprint"]
Answer = Literal["plain", "noted", "beyond"]


@dataclass(frozen=True, slots=True)
class Rule:
    """Until when a digest is taken for one use; no `until`: at any time, with a note."""

    name: str
    use: Use
    until: datetime | None
    source: str
    sure: bool


@dataclass(frozen=True, slots=True)
class Policy:
    """policy.toml, typed."""

    plain: frozenset[str]
    never: frozenset[str]
    rules: Mapping[tuple[str, str], Rule]
    key_bits: Mapping[str, int]
    other_purposes: frozenset[str]
    shift_from: timedelta
    shift_to: timedelta
    shift: timedelta
    mention: timedelta
    receipt_tolerance: timedelta
    recheck: timedelta
    grace: timedelta
    most_objects: int
    largest_picture: float
    most_pictures: int

    def digest(self, name: str, use: Use, moment: datetime) -> Answer:
        """What the digest `name` is worth for `use` at `moment`: plain, noted (weak, still taken) or beyond."""
        if name in self.plain:
            return "plain"
        rule = self.rules.get((name, use))
        if rule is None or name in self.never:
            return "beyond"
        return "noted" if rule.until is None or moment < rule.until else "beyond"

    def key(self, algorithm: str, bits: int) -> bool:
        """Whether a key of `bits` is long enough; keys of unknown kinds (EdDSA, ML-DSA) have no length to judge."""
        return bits >= self.key_bits.get(algorithm, 0)


_FILE = Path(__file__).with_name("policy.toml")


@cache
def policy_version() -> str:
    """The version of the rules: the beginning of policy.toml's SHA-256. It stands in every report."""
    return hashlib.sha256(_FILE.read_bytes()).hexdigest()[:16]


@cache
def policy() -> Policy:
    """The policy of this installation, read once."""
    raw = tomllib.loads(_FILE.read_text(encoding="utf-8"))
    rules = [Rule(entry["name"], entry["use"], entry.get("until"), entry["source"], entry["sure"])
             for entry in raw["algorithm"]]
    times = raw["time"]
    return Policy(
        plain=frozenset(raw["plain"]), never=frozenset(raw["never"]),
        rules={(rule.name, rule.use): rule for rule in rules}, key_bits=raw["key_bits"],
        other_purposes=frozenset(raw["scope"]["other_purposes"]),
        shift_from=timedelta(hours=times["shift_hours_from"]), shift_to=timedelta(hours=times["shift_hours_to"]),
        shift=timedelta(hours=times["shift_hours"]), mention=timedelta(minutes=times["mention_minutes"]),
        receipt_tolerance=timedelta(minutes=times["receipt_tolerance_minutes"]),
        recheck=timedelta(days=raw["revocation"]["recheck_days"]),
        grace=timedelta(hours=raw["revocation"]["grace_hours"]), most_objects=raw["look"]["most_objects"],
        largest_picture=raw["look"]["largest_picture"], most_pictures=raw["look"]["most_pictures"])
