"""The dated alias table of agency codes: which code was in force when, and what came after it.

Codes change; records keep theirs (QĐ 09/2025/QĐ-TTg closed and merged codes of QĐ 20/2020/QĐ-TTg). The
table answers questions about a code; it never changes one that is stored. Reading it from a file: agency_tables.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from types import MappingProxyType
from typing import Literal

from archive.codes import Scheme, agency_code, likely_qd20
from archive.findings import Finding, finding
from archive.spelling import fold

Status = Literal["valid", "closed", "not_yet", "unknown"]


@dataclass(frozen=True, slots=True)
class Agency:
    """One validity period of one code; an open end is None. `successor`: the code that came after, or "".

    `alias_of`: another code of the same agency, such as the new one of an old one; a successor is another agency
    unless it is said here. `source` is where the line comes from, `confidence` how sure it is ("" where nobody said).
    """

    code: str
    scheme: str
    name: str
    valid_from: date | None
    valid_to: date | None
    successor: str
    alias_of: str = ""
    source: str = ""
    confidence: str = ""


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
            if self.in_force(line, on):
                return Resolution(code, on, "valid", line, (code,))
        ended = [line for line in lines if (self.last_day(line) or date.max) < on]
        if not ended:
            return Resolution(code, on, "not_yet", None, (code,))
        agency, chain = self._successor(ended[-1], on)
        return Resolution(code, on, "closed", agency, chain)

    def last_day(self, line: Agency) -> date | None:
        """The last day of `line`, None when it is open. One that says none and is another code of an agency (alias_of)
        ends with that code: the old code of an agency that was closed is closed too."""
        seen = {line.code}
        while line.valid_to is None and line.alias_of not in seen and (others := self.lines.get(line.alias_of)):
            seen.add(line.alias_of)
            line = others[-1]
        return line.valid_to

    def in_force(self, line: Agency, on: date) -> bool:
        """Whether `line` was in force on `on`; both ends belong to the period."""
        return (line.valid_from or date.min) <= on <= (self.last_day(line) or date.max)

    def check(self, code: str, on: date, subject: str) -> list[Finding]:
        """A finding when `code` was not in force on `on`; a code that the table knows nothing of is not judged.

        A code below a closed one (G04.02 below G04) went with it, unless the table has it with a line of its own.
        """
        listed = self._listed(code.strip())
        if listed is None:
            return []
        result = self.resolve(listed, on)
        if result.status == "valid" or (result.status == "not_yet" and listed != code.strip()):
            return []
        successor = result.agency.code if result.agency else "—"
        return [finding("META-016", subject, value=code.strip(), on=f"{on:%d/%m/%Y}", successor=successor)]

    def canonical(self, code: str) -> str:
        """The code under which an agency's codes are one: the new code of an old one, else `code` itself.

        Goes by what the table says first (alias_of; an old code whose successor bears the same name), then by the
        mechanical reading of an old code, unless the table gives that new code to an agency of another name. Only
        for comparing and finding: it never takes the place of a code that was received. Mergers are not followed.
        """
        code = "".join(code.split()).upper()
        seen = [code]
        while (following := self._same(seen[-1])) and following not in seen:
            seen.append(following)
        return seen[-1]

    def codes_of(self, code: str) -> tuple[str, ...]:
        """Every listed code of the agency that has `code`, `code` itself among them, sorted."""
        wanted = self.canonical(code)
        return tuple(sorted({code.strip(), *(one for one in self.lines if self.canonical(one) == wanted)}))

    def with_lines(self, others: Mapping[str, tuple[Agency, ...]]) -> AgencyTable:
        """This table with the lines of `others` instead of its own for the codes that `others` has."""
        return AgencyTable(MappingProxyType({**self.lines, **others}), self.findings)

    def _same(self, code: str) -> str:
        lines = self.lines.get(code, ())
        if stated := next((line.alias_of for line in reversed(lines) if line.alias_of), ""):
            return stated
        read = agency_code(code)
        if read.scheme is not Scheme.qcvn102:
            return ""
        for line in reversed(lines):
            if line.successor and self._named(line.successor, line.name):
                return line.successor
        likely = likely_qd20(read) or ""
        mine = next((line.name for line in reversed(lines) if line.name), "")
        return likely if not mine or self._named(likely, mine) else ""

    def _named(self, code: str, name: str) -> bool:
        """Whether `code` may be an agency called `name`: it is listed under that name, or under none."""
        names = {fold(line.name) for line in self.lines.get(code, ()) if line.name}
        return not names or not name or fold(name) in names

    def _listed(self, code: str) -> str | None:
        """`code` when the table has it, else the nearest listed code above it, under either form."""
        if code in self.lines:
            return code
        above = self.canonical(code)
        while above:
            if above in self.lines:
                return above
            above = above.rpartition(".")[0]
        return None

    def _successor(self, line: Agency, on: date) -> tuple[Agency | None, tuple[str, ...]]:
        chain = [line.code]
        while (following := line.successor or line.alias_of) and following not in chain:
            chain.append(following)
            nexts = self.lines.get(following, ())
            if current := next((found for found in nexts if self.in_force(found, on)), None):
                return current, tuple(chain)
            if not nexts:
                break
            line = nexts[-1]
        return None, tuple(chain)


def table_of(lines: Iterable[Agency], findings: Iterable[Finding] = ()) -> AgencyTable:
    """The table of `lines`, those of one code by the day on which they begin."""
    by_code: dict[str, list[Agency]] = {}
    for line in lines:
        by_code.setdefault(line.code, []).append(line)
    ordered = {code: tuple(sorted(found, key=lambda line: line.valid_from or date.min))
               for code, found in by_code.items()}
    return AgencyTable(MappingProxyType(ordered), tuple(findings))
