"""Findings: what a check found, in words a person can act on.

Every finding has a code; its sentences, article and cure live in `findings.toml`, or, for packages, in the
rule files beside their check: the only places where they are written. Documentation and tests are made from them.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from functools import cache
from pathlib import Path
from typing import Any

_HERE = Path(__file__).parent
CATALOGUES = (_HERE / "findings.toml", _HERE / "packages" / "findings.toml",
              _HERE / "packages" / "check" / "mets_rules.toml")


class Level(IntEnum):
    """How bad a finding is. `refused`: the item is wrong; `failed`: we are. They never mix."""

    ok = 0
    note = 1
    warning = 2
    refused = 3
    failed = 4


@dataclass(frozen=True, slots=True)
class Rule:
    """One entry of findings.toml: the sentences, article and cure that belong to a code."""

    code: str
    level: Level
    vi: str
    en: str
    article: str
    cure_vi: str
    cure_en: str
    keep_out: bool = False      # no content of the item may be kept (state secrets)
    final: bool = False         # as a refusal, nobody can answer for it (quarantine release --accept)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a check found: what, where, how bad, by which article, and the cure.

    The sentences live in findings.toml, keyed by `code`; `params` fill them.
    """

    code: str
    level: Level
    subject: str
    params: Mapping[str, str] = field(default_factory=dict)

    def sentence(self, language: str = "vi") -> str:
        """The sentence a person reads, in `vi` or `en`."""
        rule = rules()[self.code]
        return _fill(rule.en if language == "en" else rule.vi, self)

    def cure(self, language: str = "vi") -> str:
        """What the person can do about it, in `vi` or `en`."""
        rule = rules()[self.code]
        return _fill(rule.cure_en if language == "en" else rule.cure_vi, self)

    @property
    def article(self) -> str:
        """The article or standard that the finding rests on; empty where it is only our own care.

        A check that knows the very place in the text gives it as the parameter "article".
        """
        return self.params.get("article") or rules()[self.code].article

    def citation(self, language: str = "vi") -> str:
        """The article where the sentence does not name it already; else empty."""
        return "" if self.article in self.sentence(language) else self.article

    def as_dict(self) -> dict[str, Any]:
        """A JSON-ready copy, the form in which findings are recorded."""
        return {"code": self.code, "level": self.level.name, "subject": self.subject, "params": dict(self.params)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Finding:
        """The finding that `as_dict` wrote."""
        return cls(data["code"], Level[data["level"]], data["subject"], dict(data["params"]))


def finding(code: str, subject: str, /, *, level: Level | None = None, **params: object) -> Finding:
    """Make the finding `code` about `subject`; the level is the catalogue's unless a policy gives another.

    Raises KeyError for a code that findings.toml does not have: that is a fault of ours.
    """
    rule = rules()[code]
    return Finding(code, rule.level if level is None else level, subject,
                   {name: str(value) for name, value in params.items()})


def worst(findings: Iterable[Finding]) -> Level:
    """The worst level among `findings`; `ok` when there is none."""
    return max((found.level for found in findings), default=Level.ok)


@cache
def rules() -> Mapping[str, Rule]:
    """Every rule of the catalogues by its code."""
    raw: dict[str, Any] = {}
    for place in CATALOGUES:
        with place.open("rb") as stream:
            raw.update(tomllib.load(stream))
    return {code: Rule(code=code, level=Level[entry["level"]], vi=entry["vi"], en=entry["en"],
                       article=entry["article"], cure_vi=entry["cure_vi"], cure_en=entry["cure_en"],
                       keep_out=entry.get("keep_out", False), final=entry.get("final", False))
            for code, entry in raw.items()}


class _Params(dict[str, str]):
    """Parameters that a recorded finding may lack after its sentence gained one."""

    def __missing__(self, key: str) -> str:
        return "…"


def _fill(sentence: str, found: Finding) -> str:
    return sentence.format_map(_Params(found.params, subject=found.subject))
