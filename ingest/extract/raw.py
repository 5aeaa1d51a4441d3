"""What every reader of this package returns, and how it says that it cannot read.

A reader takes one received file and must never change it, nor follow what it refers to.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from archive.findings import Finding, finding

MAX_CHARACTERS = 20_000_000
"""The most characters that are taken from one file; a longer text is cut, and a finding says so."""


@dataclass(slots=True)
class RawText:
    """The text of one file before it is mended: a string a page (or sheet, or slide), and where it came from.

    `source`: "text layer", "ocr", "both", "document" or "converted". `encoding` is "unicode" unless the reader found
    another by itself (bytes, fonts); `converted` counts the runs converted by their font. `tool` names an outside
    program and its version. `origins`, of a PDF: where each page's text came from ("layer", "converted tcvn3",
    "converted vni", "broken", "ocr").
    """

    pages: list[str]
    source: str = "document"
    encoding: str = "unicode"
    confidence: float = 1.0
    repairs: Counter[str] = field(default_factory=Counter)
    converted: Counter[str] = field(default_factory=Counter)
    tool: str = ""
    cut: bool = False
    origins: list[str] = field(default_factory=list)

    def bounded(self) -> RawText:
        """This text with no more than MAX_CHARACTERS."""
        left = MAX_CHARACTERS
        for number, page in enumerate(self.pages):
            if len(page) > left:
                self.pages = [*self.pages[:number], page[:left]]
                self.cut = True
                break
            left -= len(page)
        return self


class Unreadable(ValueError):  # noqa: N818 (not an error of ours: the caller turns it into its finding)
    """A file whose text cannot be had: the code of findings.toml that says why, with its parameters."""

    def __init__(self, code: str, **params: object) -> None:
        super().__init__(code)
        self.code = code
        self.params: dict[str, Any] = params

    def finding(self, subject: str) -> Finding:
        """The finding to show for `subject`."""
        return finding(self.code, subject, **self.params)
