"""What an edXML message says, as one JSON document for programs; and its attachments, put into a folder."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from archive.files import new_folder
from archive.settings import Settings
from ingest import formats
from ingest.copying import safe_name
from ingest.exchange.messages import DocumentMessage, Party, Reference, StatusMessage
from ingest.exchange.reading import message_of
from ingest.sources import edxml
from ingest.sources.edxml_header import code_lists


def show(path: Path, settings: Settings | None = None, extract: Path | None = None) -> dict[str, Any]:
    """Everything about the message at `path`, JSON-ready; its attachments, nested ones too, are put into `extract`.

    Besides the keys of `edxml.show`: business, from, to, document_id, code, promulgation, type, subject, signer,
    response_for, priority, tasks, attachments, status. Needs no archive. Raises OSError, and UsageError when `extract`
    is not empty.
    """
    with tempfile.TemporaryDirectory() as passing:
        place = Path(passing)
        told = edxml.show(path, settings, place)
        attachments = list(_attachments(told["edxml"]))
        if extract is not None:
            with new_folder(extract) as folder:
                _extract(attachments, place, folder)
        for one in attachments:
            one.pop("path")
        return {**told, **_said(told["edxml"]), "attachments": attachments}


def _said(facts: Mapping[str, Any]) -> dict[str, Any]:
    message = message_of(facts)
    told: dict[str, Any] = {
        "kind": facts.get("kind", "unreadable"), "business": facts.get("business"), "from": None, "to": [],
        "document_id": facts.get("identity", {}).get("documentId", ""), "code": "", "promulgation": None, "type": None,
        "subject": "", "signer": None, "response_for": [], "priority": None, "tasks": None, "status": None}
    if facts.get("kind") == "status":
        told["status"] = facts["status"]
        told["business"] = None
    if isinstance(message, StatusMessage):
        told |= {"from": party(message.sender), "response_for": [answered(message.response_for)]}
    if isinstance(message, DocumentMessage):
        words = code_lists()["priority"]
        told |= {
            "from": party(message.sender), "to": [party(one) for one in message.to],
            "code": message.code, "promulgation": {"place": message.place, "date": _iso(message.promulgated)},
            "type": {"code": message.type_code, "name": message.type_name, "detail": message.type_detail},
            "subject": message.subject,
            "signer": {"competence": message.signer.competence, "position": message.signer.position,
                       "name": message.signer.name},
            "response_for": [answered(one) for one in message.response_for],
            "priority": {"code": message.priority, "name": words.get(message.priority, "")},
            "tasks": {"codes": list(message.tasks), "due": _iso(message.due), "steering": message.steering}}
    return told


def party(one: Party) -> dict[str, str]:
    """An agency as JSON: what the message says of it."""
    return {key: value for key in ("organ_id", "name", "in_charge", "address", "email", "telephone", "fax", "website")
            if (value := getattr(one, key)) or key in ("organ_id", "name")}


def answered(one: Reference) -> dict[str, str]:
    """A document that is referred to, as JSON."""
    return {"organ_id": one.organ_id, "code": one.code, "document_id": one.document_id,
            "date": _iso(one.promulgated)}


def _iso(day: Any) -> str:
    return day.isoformat() if day else ""


def _attachments(facts: Mapping[str, Any], inside: str = "") -> Iterator[dict[str, Any]]:
    """Every attachment with what is declared and what it is; those of messages within the message after theirs."""
    for one in facts.get("attachments", ()):
        if not one["path"]:
            yield {"name": one["name"], "declared_type": "", "real_type": "", "size": 0, "sha256": "", "container": "",
                   "entry": "", "inside": inside, "readable": False, "path": ""}
            continue
        types = one["declaredTypes"]
        yield {"name": one["name"], "declared_type": types[0] if types else "", "declared_types": types,
               "real_type": formats.known(one["format"]).mime, "format": one["format"], "size": one["size"],
               "sha256": one["sha256"], "container": "zip" if one["entry"] else "", "entry": one["entry"],
               "inside": inside, "readable": True, "path": one["path"]}
        if "edxml" in one:
            yield from _attachments(one["edxml"], f"{inside} › {one['name']}" if inside else one["name"])


def _extract(attachments: list[dict[str, Any]], place: Path, folder: Path) -> None:
    taken: set[str] = set()
    for n, one in enumerate(attachments, 1):
        if not one["readable"]:
            continue
        name = safe_name(one["name"])
        if name.casefold() in taken:
            name = safe_name(f"{n}-{one['name']}")
        taken.add(name.casefold())
        shutil.copyfile(place / one["path"], folder / name)
        one["extracted"] = name
