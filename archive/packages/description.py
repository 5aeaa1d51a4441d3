"""What a package is made of before it has any XML: its files, documents, fields and history.

`assemble.py` makes it from the archive; `build.py` turns it into METS, EAD, PREMIS and schemas. It holds no
bytes but small ones: a file is named by the path where it lies.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from archive.fields.kinds import Kind

Form = Literal["SIP_hoso", "SIP_tailieu", "AIP_hoso", "AIP_tailieu", "DIP"]
Status = Literal["NEW", "SUPPLEMENT", "REPLACEMENT", "TEST", "OTHER"]


@dataclass(frozen=True, slots=True)
class PackedFile:
    """One file that travels: `path` is seen from the package's root ("representations/rep1/data/H99….pdf").

    `sha256` is lower-case hex, `created` ISO 8601 with +07:00. `name` is the name under which it came (PREMIS
    originalName); `role` as in the document record; `puid` the PRONOM id, "" where unknown.
    """

    path: str
    source: Path | bytes
    size: int
    sha256: str
    mime: str
    created: str
    role: str
    name: str = ""
    puid: str = ""
    format_name: str = ""


@dataclass(frozen=True, slots=True)
class Holey:
    """A document of an earlier package that this one only names (the `.fetch.txt` of TT 05/2025)."""

    name: str           # file name of the holey file, without ".fetch.txt"
    content: str


@dataclass(frozen=True, slots=True)
class PackedDocument:
    """One document: its fields for the package's table, complete, by tag; its main file first in `files`."""

    code: str
    kind: Kind
    fields: Mapping[str, str]
    files: Sequence[PackedFile]


@dataclass(frozen=True, slots=True)
class PremisAgent:
    """Who acted: `type` is "software", "person" or "organization"."""

    id: str
    name: str
    type: str
    version: str = ""


@dataclass(frozen=True, slots=True)
class PremisEvent:
    """One event of the ledger in PREMIS's words: `type` of the Library of Congress's list, `at` ISO 8601.

    `objects` are codes of documents, or () for the case file as a whole; `agent` is a PremisAgent's id.
    """

    id: str
    type: str
    at: str
    detail: str
    outcome: str
    agent: str
    objects: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Package:
    """A package before it is written. `fields` are those of EAD.xml, complete and by tag; `uuid` is upper case.

    `created` is ISO 8601 with +07:00. `request` is the submission's code (altRecordID), SIPs only. `others` are
    files of an AIP in the store outside rep1/data (further representations, our own records); `documentation` goes
    under documentation/.
    """

    form: Form
    uuid: str
    fonds: str
    organisation: str
    title: str
    created: str
    fields: Mapping[str, str]
    documents: Sequence[PackedDocument]
    events: Sequence[PremisEvent] = ()
    agents: Sequence[PremisAgent] = ()
    request: str = ""
    status: Status = "NEW"
    others: Sequence[PackedFile] = ()
    documentation: Sequence[PackedFile] = ()
    holey: Sequence[Holey] = ()
