"""The item: one document on its way from a source into the store, with what the stages learned of it.

An item's bytes lie in its intake folder. Stages read them, write further files beside them and
note facts; they never change or remove a received file.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any, Literal

from archive import clock
from archive.findings import Finding
from archive.settings import Settings

Role = Literal["original", "attachment", "message", "signature", "list", "back"]


@dataclass(slots=True)
class Part:
    """One received file of an item: its bytes as they came.

    `name` is the name it came under (for an attachment: the name its message gives it), `path` lies in
    the intake folder. `format` is a short id of ingest/formats.toml ("pdf", "docx", …), set by check.
    """

    name: str
    role: Role
    path: Path
    size: int
    sha256: str
    sha512: str
    format: str = ""


@dataclass(slots=True)
class Item:
    """One document on its way in.

    `id` follows from source, name and content, so that taking the same file in twice is seen.
    `name` is the path under the source's folder, NFC, with "/". `fields` carry registry metadata
    under the tags of the profile (codeNumber, issuedDate, fileCode, …) as text. `facts` are JSON-ready
    notes of the stages, one key a stage ("check", "verify", "digitise", "extract"); `facts["files"]`
    lists the files that stages made in `folder`: {"path", "role", "format"}.
    """

    id: str
    source: str
    name: str
    folder: Path
    parts: list[Part]
    received_at: datetime                       # raw time of receipt, UTC
    fields: dict[str, str] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def main(self) -> Part:
        """The part that is the document itself."""
        return next((part for part in self.parts if part.role == "original"), self.parts[0])

    def made(self, path: Path, role: str, fmt: str) -> None:
        """Note that a stage made `path` (under `folder`); saying it again replaces it: stages may run twice."""
        name = path.relative_to(self.folder).as_posix()
        files = [known for known in self.facts.get("files", []) if known["path"] != name]
        self.facts["files"] = [*files, {"path": name, "role": role, "format": fmt}]


@dataclass(frozen=True, slots=True)
class Context:
    """What a stage may know besides its item: the settings, the night, and the moment at which it judges.

    `at` is when the night's batch began, so that a batch that was interrupted judges alike before and after.
    """

    settings: Settings
    night: date
    at: datetime = field(default_factory=lambda: clock.now())


@dataclass(slots=True)
class Examined:
    """An item after the stages, what they found, and what each cost in CPU seconds."""

    item: Item
    findings: list[Finding]
    cpu: dict[str, float] = field(default_factory=dict)
    error: str = ""         # a traceback, for the log
    times: list[list[Any]] = field(default_factory=list)    # [stage, begun, ended], seconds since 1970
