"""The dated alias table of agency codes: which code was in force when, and what came after it.

Codes change; records keep theirs (QĐ 09/2025/QĐ-TTg closed and merged codes of QĐ 20/2020/QĐ-TTg). The
table answers questions about a code; it never changes one that is stored.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from types import MappingProxyType
from typing import Literal

from archive.codes import agency_code
from archive.dates import Precision, parse_date
from archive.findings import Finding, finding

COLUMNS = ("code", "scheme", "name", "valid_from", "valid_to", "successor")

Status = Literal["valid", "closed", "not_yet", "unknown"]


@dataclass(frozen=True, slots=True)
class Agency:
    """One validity period of one code; an open end is None. `successor`: the code that came after, or ""."""

    code: str
    scheme: str
    name: str
    valid_from: date | None
    valid_to: date | None
    successor: str

    def in_force(self, on: date) -> bool:
        """Whether the code was in force on `on`; both ends belong to the period."""
        return (self.valid_from or date.min) <= on <= (self.valid_to or date.max)


@dataclass(frozen=True, slots=True)
class Resolution:
    """What the table says of a code on a day.

    `agency`: the line that was in force; for a closed code the one that its successors lead to, None when
    they lead to none. `chain`: the codes followed, from the one asked for.
    """

    code: str
    on: date
    status: Status
    agency: Agency | None
    chain: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AgencyTable:
    """The lines of the table by code, and what was wrong with lines that could not be used."""

    lines: Mapping[str, tuple[Agency, ...]] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()

    def resolve(self, code: str, on: date) -> Resolution:
        """What `code` meant on `on`; a closed code is followed to its successor, a circle ends the search."""
        code = code.strip()
        lines = self.lines.get(code, ())
        if not lines:
            return Resolution(code, on, "unknown", None, (code,))
        for line in lines:
            if line.in_force(on):
                return Resolution(code, on, "valid", line, (code,))
        ended = [line for line in lines if line.valid_to is not None and line.valid_to < on]
        if not ended:
            return Resolution(code, on, "not_yet", None, (code,))
        agency, chain = self._successor(ended[-1], on)
        return Resolution(code, on, "closed", agency, chain)

    def check(self, code: str, on: date, subject: str) -> list[Finding]:
        """A finding when the table has `code` but not in force on `on`; an unlisted code is not judged."""
        result = self.resolve(code, on)
        if result.status in ("valid", "unknown"):
            return []
        successor = result.agency.code if result.agency else "—"
        return [finding("META-016", subject, value=result.code, on=f"{on:%d/%m/%Y}", successor=successor)]

    def _successor(self, line: Agency, on: date) -> tuple[Agency | None, tuple[str, ...]]:
        chain = [line.code]
        while line.successor and line.successor not in chain:
            chain.append(line.successor)
            nexts = self.lines.get(line.successor, ())
            if current := next((found for found in nexts if found.in_force(on)), None):
                return current, tuple(chain)
            if not nexts:
                break
            line = nexts[-1]
        return None, tuple(chain)


def read_agencies(path: Path) -> AgencyTable:
    """The alias table of the CSV file at `path` (UTF-8): code, scheme, name, valid_from, valid_to, successor.

    A line that cannot be used is left out with a finding. Raises OSError when the file cannot be read.
    """
    lines: dict[str, list[Agency]] = {}
    findings: list[Finding] = []
    with path.open(encoding="utf-8-sig", newline="") as stream:
        for number, raw in enumerate(csv.DictReader(stream), start=2):
            row = {name: (raw.get(name) or "").strip() for name in COLUMNS}
            line, reason, reason_en, value = _line(row)
            if line is None:
                findings.append(finding("META-017", path.name, line=number, reason=reason,
                                        reason_en=reason_en, value=value))
            else:
                lines.setdefault(line.code, []).append(line)
    ordered = {code: tuple(sorted(found, key=lambda line: line.valid_from or date.min))
               for code, found in lines.items()}
    return AgencyTable(MappingProxyType(ordered), tuple(findings))


def _line(row: Mapping[str, str]) -> tuple[Agency | None, str, str, str]:
    """The line of `row`, or None with the reason in Vietnamese and English and the value at fault."""
    if not row["code"]:
        return None, "thiếu mã", "the code is missing", row["name"]
    ends: dict[str, date | None] = {}
    for name in ("valid_from", "valid_to"):
        read = parse_date(row[name]) if row[name] else None
        if row[name] and (read is None or read.precision is not Precision.day):
            return None, "ngày hiệu lực không đọc được", "a validity date cannot be read", row[name]
        ends[name] = read.first if read else None
    if ends["valid_from"] and ends["valid_to"] and ends["valid_from"] > ends["valid_to"]:
        value = f"{row['valid_from']} – {row['valid_to']}"
        return None, "ngày hết hiệu lực trước ngày có hiệu lực", "the validity ends before it begins", value
    scheme = row["scheme"] or agency_code(row["code"]).scheme.value
    line = Agency(row["code"], scheme, row["name"], ends["valid_from"], ends["valid_to"], row["successor"])
    return line, "", "", ""
