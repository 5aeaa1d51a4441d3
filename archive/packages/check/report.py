"""What a check of one package found: verdict, counts, findings grouped by rule; ready for a person and for JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from archive.findings import Finding, Level
from archive.findings import worst as worst_of
from archive.packages.containers import printable

Signatures = Literal["checked", "not_checked", "none"]
ORDER = (Level.failed, Level.refused, Level.warning, Level.note)


@dataclass(frozen=True, slots=True)
class Group:
    """All findings of one rule and level; `examples` are the first of them."""

    code: str
    level: Level
    count: int
    examples: Sequence[Finding]


@dataclass(slots=True)
class Report:
    """One package checked.

    `kind` names what it was recognised as ("TT05 SIP_hoso", "E-ARK CSIP 2.1.0", "BagIt 1.0"), "" when as nothing.
    `files` and `bytes` count what was read and compared with a checksum, `documents` the described documents.
    `signatures`: "none" where there is no PDF; "not_checked" is never a pass. `inner` are packages within a bag.
    """

    path: Path
    kind: str = ""
    objid: str = ""
    findings: list[Finding] = field(default_factory=list)
    files: int = 0
    bytes: int = 0
    documents: int = 0
    signatures: Signatures = "none"
    inner: list[Report] = field(default_factory=list)

    @property
    def everything(self) -> list[Finding]:
        """Its findings and those of the packages within."""
        return [*self.findings, *(found for report in self.inner for found in report.everything)]

    @property
    def worst(self) -> Level:
        """The worst level found, inner packages included; `ok` when nothing was found."""
        return worst_of(self.everything)

    def count(self, level: Level) -> int:
        """How many findings have that level, inner packages included."""
        return sum(found.level == level for found in self.everything)

    def groups(self, examples: int = 3) -> list[Group]:
        """Its own findings by rule: the worst levels first, then the most frequent; each with the first `examples`."""
        kept: dict[tuple[Level, str], list[Finding]] = {}
        for found in self.findings:
            if found.level > Level.ok:
                kept.setdefault((found.level, found.code), []).append(found)
        groups = [Group(code, level, len(found), found[:examples]) for (level, code), found in kept.items()]
        return sorted(groups, key=lambda group: (ORDER.index(group.level), -group.count, group.code))

    def as_dict(self) -> dict[str, Any]:
        """A JSON-ready copy: every finding with its sentences, nothing grouped away."""
        return {
            "path": printable(str(self.path)), "kind": self.kind, "objid": self.objid, "worst": self.worst.name,
            "errors": self.count(Level.refused) + self.count(Level.failed), "warnings": self.count(Level.warning),
            "notes": self.count(Level.note), "files": self.files, "bytes": self.bytes, "documents": self.documents,
            "signatures": self.signatures,
            "findings": [{**found.as_dict(), "vi": found.sentence("vi"), "en": found.sentence("en"),
                          "article": found.article} for found in self.findings if found.level > Level.ok],
            "inner": [report.as_dict() for report in self.inner]}
