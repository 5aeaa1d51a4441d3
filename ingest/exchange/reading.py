"""Messages as values from what the reader noted of them (facts["edxml"]): of a file, or of a stored record alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from archive import clock
from archive.dates import Precision, parse_date
from archive.findings import Finding
from archive.settings import Settings, load
from ingest.copying import hash_file
from ingest.exchange.messages import (
    Attachment,
    Business,
    DocumentMessage,
    Hop,
    Message,
    Party,
    Receiver,
    Reference,
    Replacement,
    Signer,
    Staff,
    StatusMessage,
)
from ingest.item import Context, Item, Part
from ingest.sources import edxml
from ingest.sources.edxml_header import code_lists


@dataclass(frozen=True, slots=True)
class Read:
    """What a file was found to be: the message (None: none that can be read), its facts, fields and findings."""

    message: Message | None
    facts: Mapping[str, Any]
    fields: Mapping[str, str]
    findings: Sequence[Finding]
    size: int
    sha256: str


def read(path: Path, folder: Path, settings: Settings | None = None) -> Read:
    """The message at `path`; its attachments are unpacked under `folder`. Needs no archive.

    Raises OSError when the file cannot be read; whatever is wrong with the message is a finding.
    """
    copied = hash_file(path)
    part = Part(path.name, "original", path, copied.size, copied.sha256, copied.sha512)
    item = Item("", "file", path.name, folder, [part], clock.now())
    found = edxml.unpack(item, Context(settings or load(), clock.night_of(clock.now())))
    facts = item.facts.get("edxml", {})
    return Read(message_of(facts, folder), facts, item.fields, found, part.size, part.sha256)


def message_of(facts: Mapping[str, Any], folder: Path | None = None) -> Message | None:
    """The message that these facts tell of; None when it could not be read, or says what no message may.

    The paths of attachments are seen from `folder`.
    """
    raw = facts.get("raw", {})
    if facts.get("kind") == "status":
        told = facts["status"]
        code = told["code"].zfill(2)
        if code not in code_lists()["status"]:
            return None
        at = clock.parse(told["timestamp"]) if told["timestamp"] else None
        return StatusMessage(_party(raw.get("From")), reference(told["responseFor"]), code, told["description"], at,
                             _staff(raw.get("StaffInfo")))
    if facts.get("kind") != "document" or facts["business"]["type"] == "unknown":
        return None
    code, promulgated, signer = _of(raw, "Code"), _of(raw, "PromulgationInfo"), _of(raw, "SignerInfo")
    kind, other = _of(raw, "DocumentType"), _of(raw, "OtherInfo")
    return DocumentMessage(
        _party(raw.get("From")), tuple(map(_party, _all(raw.get("To")))), facts["identity"]["documentId"],
        text(code.get("CodeNumber")), text(code.get("CodeNotation")), text(promulgated.get("Place")),
        day(promulgated.get("PromulgationDate")), text(kind.get("Type")), text(kind.get("TypeName")),
        text(kind.get("TypeDetail")), text(raw.get("Subject")), text(raw.get("Content")),
        Signer(text(signer.get("Competence")), text(signer.get("Position")), text(signer.get("FullName"))),
        day(raw.get("DueDate")), tuple(map(text, _all(_of(raw, "ToPlaces").get("Place")))),
        text(other.get("Priority")), text(other.get("SphereOfPromulgation")), text(other.get("TyperNotation")),
        text(other.get("PromulgationAmount")), text(other.get("PageAmount")),
        tuple(map(reference, _all(raw.get("ResponseFor")))), task_codes(facts), text(raw.get("SteeringType")),
        text(raw.get("ApplicationType")), _business(facts["business"]),
        tuple(Hop(hop["organId"], hop["timestamp"]) for hop in facts["trace"]),
        tuple(_attachment(one, folder) for one in facts.get("attachments", ()) if one["path"]))


def task_codes(facts: Mapping[str, Any]) -> tuple[str, ...]:
    """The task codes that a message names (ResponseForTask), each once, in their order."""
    return tuple(dict.fromkeys(filter(None, (
        text(code) for one in _all(facts.get("raw", {}).get("ResponseForTask"))
        for code in _all(one.get("TaskCode") if isinstance(one, Mapping) else None)))))


def reference(told: Any) -> Reference:
    """A document that is referred to; its code in two elements, or written as one."""
    told = told if isinstance(told, Mapping) else {}
    code = told.get("Code")
    written = "/".join(filter(None, (text(code.get("CodeNumber")), text(code.get("CodeNotation"))))) \
        if isinstance(code, Mapping) else text(code)
    return Reference(text(told.get("OrganId")), written, text(told.get("DocumentId")),
                     day(told.get("PromulgationDate")))


def text(value: Any) -> str:
    """A value as written, where it is a text; of several the first."""
    if isinstance(value, list):
        return text(value[0]) if value else ""
    return value if isinstance(value, str) else ""


def day(value: Any) -> date | None:
    """A day as written; None for what is none."""
    found = parse_date(text(value))
    if found is None or found.precision is not Precision.day:
        return None
    return datetime.strptime(found.text, "%d/%m/%Y").date()


def _attachment(one: Mapping[str, Any], folder: Path | None) -> Attachment:
    types = one["declaredTypes"]
    zipped = bool(one["entry"])
    # Round a ZIP the attachment says that it is one; what is inside, the manifest says.
    kind = types[-1] if zipped and types else types[0] if types else ""
    return Attachment(one["name"], kind, one["description"], one["size"], one["sha256"], zipped,
                      (folder or Path()) / one["path"])


def _business(told: Mapping[str, Any]) -> Business:
    return Business(told["type"], told["reason"], told["paper"], told["documentId"],
                    tuple(Receiver(one["organId"], one["type"]) for one in told["receivers"]),
                    tuple(Replacement(one["documentId"], tuple(one["organIds"])) for one in told["replacements"]),
                    _staff(told["staff"]))


def _party(told: Any) -> Party:
    told = told if isinstance(told, Mapping) else {}
    return Party(*(text(told.get(name)) for name in (
        "OrganId", "OrganName", "OrganizationInCharge", "OrganAdd", "Email", "Telephone", "Fax", "Website")))


def _staff(told: Any) -> Staff:
    told = told if isinstance(told, Mapping) else {}
    return Staff(*(text(told.get(name)) for name in ("Department", "Staff", "Email", "Mobile")))


def _of(raw: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    one: Any = next(iter(_all(raw.get(name))), {})
    return one if isinstance(one, Mapping) else {}


def _all(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value in (None, "") else [value]
