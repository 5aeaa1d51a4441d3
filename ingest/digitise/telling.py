"""How a finding about pages is told: one a kind, with the pages it is about."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from archive.findings import Finding, finding

_LAST = 100_000         # no document has more pages: a text that says so is none of ours


def about(code: str, name: str, pages: list[dict[str, Any]], **params: Any) -> list[Finding]:
    """The finding `code` about the file `name`, naming `pages`; nothing without pages."""
    return [finding(code, name, pages=numbers(page["page"] for page in pages), **params)] if pages else []


def numbers(pages: Iterable[int]) -> str:
    """Page numbers as a person writes them: "1, 3–5"."""
    runs: list[list[int]] = []
    for page in sorted(pages):
        if runs and page == runs[-1][1] + 1:
            runs[-1][1] = page
        else:
            runs.append([page, page])
    return ", ".join(str(first) if first == last else f"{first}–{last}" for first, last in runs)


def pages_of(told: str) -> set[int]:
    """The page numbers that `numbers` wrote; empty for anything else."""
    found: set[int] = set()
    for run in told.split(", "):
        first, _dash, last = run.partition("–")
        if first.isdecimal() and (last or first).isdecimal():
            found |= set(range(int(first), min(int(last or first), _LAST) + 1))
    return found
