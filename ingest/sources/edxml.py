"""edXML messages of the document axis (QCVN 102:2016/BTTTT): header into fields, attachments into parts.

Must never act on what a message asks (recall, update, replacement wait for an officer), never fetch what
it names, never take its XML signature for evidence. Disorder is a finding, never an exception.
"""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element

from archive import clock
from archive.agency_tables import agencies_of
from archive.findings import Finding, finding
from archive.settings import Settings, load
from ingest import formats, xmlsafe
from ingest.beside import Owners, is_signature
from ingest.copying import hash_file
from ingest.item import Context, Item, Part
from ingest.sources import edxml_header as header
from ingest.sources.edxml_attachments import Encoded, Unpacked, Unpacker

ATTACHMENTS = Path("received", "attachments")
_HEAD = 1 << 14


def is_message(path: Path, name: str = "") -> bool:
    """Whether the file is meant as an edXML message, of this lineage or another: by its start or its name."""
    with path.open("rb") as stream:
        head = stream.read(_HEAD)
    if name.lower().endswith(".edxml") or _lineage(head):
        return True
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if not start.startswith((b"<", b"\xff\xfe", b"\xfe\xff")):
        return False
    return xmlsafe.root_name(start).lower() == "edxml"


def unpack(item: Item, context: Context) -> list[Finding]:
    """Take an edXML message apart; an item that is none stays as it is.

    Header values go to `item.fields` under the tags of the profile, everything else to `item.facts["edxml"]`;
    the first attachment becomes the part "original", the others "attachment", the message itself "message".
    Attachments lie under `received/attachments`. Safe to run twice.
    """
    folder = item.folder / ATTACHMENTS
    outer = next((part for part in item.parts if folder not in part.path.parents), None)
    if outer is None or not is_message(outer.path, outer.name):
        return []
    work = _Work(item, context, Unpacker(folder, context.settings.ingest))
    outer = replace(outer, role="message")
    item.facts["edxml"] = work.message(outer, item.name, 1)
    beside = [part for part in item.parts if part.role == "signature" and folder not in part.path.parents]
    item.parts = [*work.documents(), outer, *work.nested, *beside]
    work.unpacker.clear_others()
    return [*work.findings, *work.unpacker.findings, *_own_signature(item, outer, context.settings)]


def brings_nothing(item: Item) -> bool:
    """Whether this is a message without a document: a status, a recall. Nothing is missing from what it lacks."""
    told = item.facts.get("edxml", {})
    return all(part.role in ("message", "signature") for part in item.parts) and (
        told.get("kind") == "status" or told.get("business", {}).get("type") in header.code_lists()["business_vi"])


def show(path: Path, settings: Settings | None = None, place: Path | None = None) -> dict[str, Any]:
    """What is in the edXML message at `path`, JSON-ready: fields, facts, attachments and findings.

    Needs no archive and leaves no trace; the attachments are unpacked under `place`, where one is given, and stay
    there. Raises OSError when the file cannot be read.
    """
    with tempfile.TemporaryDirectory() as passing:
        copied = hash_file(path)
        part = Part(path.name, "original", path, copied.size, copied.sha256, copied.sha512)
        item = Item("", "file", path.name, place or Path(passing), [part], clock.now())
        findings = unpack(item, Context(settings or load(), clock.night_of(clock.now())))
        if "edxml" not in item.facts:
            findings = [finding("EDXML-002", path.name)]
        return {"file": path.name, "size": part.size, "sha256": part.sha256, "fields": item.fields,
                "edxml": item.facts.get("edxml", {}), "findings": [found.as_dict() for found in findings]}


def _own_signature(item: Item, message: Part, settings: Settings) -> list[Finding]:
    """Say what the message's XML signature is: it verifies, or it is filler. No evidence for its documents."""
    facts = item.facts["edxml"]
    if facts.get("kind") == "unreadable" or not facts.get("xmlSignature"):
        return []
    from ingest.signatures.trust import load_trust
    from ingest.signatures.xmlfiles import message_signature

    trust = load_trust(settings.path(settings.signatures.trust))
    facts["signature"], found = message_signature(message.path, trust, item.received_at, item.name)
    return found


class _Work:
    """The taking apart of one item: what was found on the way."""

    def __init__(self, item: Item, context: Context, unpacker: Unpacker) -> None:
        self.item, self.context, self.unpacker = item, context, unpacker
        self.findings: list[Finding] = []
        self.attached: list[Part] = []
        self.nested: list[Part] = []

    def documents(self) -> list[Part]:
        """The attachments that are documents, the first is the original; then their signature files."""
        owners = Owners(part.name for part in self.attached)
        signatures = [part for part in self.attached if is_signature(part.name) and len(owners.of(part.name)) == 1]
        documents = [part for part in self.attached if part not in signatures]
        for number, part in enumerate(documents):
            part.role = "attachment" if number else "original"
        for part in signatures:
            part.role = "signature"
        return [*documents, *signatures]

    def message(self, part: Part, subject: str, depth: int) -> dict[str, Any]:
        """Read one message, its attachments too; its facts."""
        root = self._parse(part, subject)
        if root is None:
            return {"message": part.name, "kind": "unreadable"}
        envelope = header.child(root, "edXMLEnvelope")
        head = header.child(envelope, "edXMLHeader/MessageHeader")
        if envelope is None or head is None:
            self._find("EDXML-003", subject, missing="edXMLEnvelope" if envelope is None else "MessageHeader")
            return {"message": part.name, "kind": "unreadable"}
        if header.outside_namespace(root):
            self._find("EDXML-020", subject)
        facts, found = header.read(root, subject)
        self.findings += found
        facts = {"message": part.name, **facts}
        if depth == 1 and facts["kind"] == "document":
            settings = self.context.settings
            fields, found = header.fields(head, facts, subject, settings.agency.code, agencies_of(settings))
            self.item.fields.update(fields)
            self.findings += found
        facts["attachments"] = self._attachments(root, facts, subject, depth)
        return facts

    def _find(self, code: str, subject: str, **params: str | int) -> None:
        self.findings.append(finding(code, subject, level=None, **params))

    def _parse(self, part: Part, subject: str) -> Element | None:
        with part.path.open("rb") as stream:
            lineage = _lineage(stream.read(_HEAD))
        if lineage:
            self._find("EDXML-001", subject, lineage=lineage)
            return None
        try:
            root = xmlsafe.parse(part.path, xmlsafe.Limits.of(self.context.settings.ingest))
        except xmlsafe.XmlRefused as error:
            self.findings.append(error.finding(subject))
            return None
        if root.tag != f"{{{header.QCVN}}}edXML":
            self._find("EDXML-002", subject)
            return None
        return root

    def _attachments(self, root: Element, facts: dict[str, Any], subject: str,
                     depth: int) -> list[dict[str, Any]]:
        """Unpack what is attached, check it against the manifest, and go into messages within the message."""
        given = header.attachments(root)
        manifest: list[dict[str, str]] = facts["manifest"]
        if facts["kind"] == "document" and not given and facts["business"]["type"] == "new":
            self._find("EDXML-006", subject)
        self._join(given, manifest, subject)
        told: list[dict[str, Any]] = []
        declared = {entry["id"]: entry for entry in manifest}
        for attachment in given:
            listed = declared.get(attachment.content_id, {})
            one = self.unpacker.unpack(_named(attachment, listed), subject)
            if one is None:
                told.append({"name": attachment.name, "contentId": attachment.content_id, "path": ""})
                continue
            types = [kind for kind in (attachment.content_type, listed.get("ContentType", "")) if kind]
            self._compare(one, types, subject)
            part = one.part
            told.append({"name": part.name, "declaredName": attachment.name, "contentId": attachment.content_id,
                         "declaredTypes": types, "description": attachment.description, "format": one.format,
                         "entry": one.entry, "path": part.path.relative_to(self.item.folder).as_posix(),
                         "size": part.size, "sha256": part.sha256})
            if is_message(one.part.path, one.entry):
                told[-1]["edxml"] = self._inner(one.part, subject, depth + 1)
            else:
                self.attached.append(one.part)
        return told

    def _inner(self, part: Part, subject: str, depth: int) -> dict[str, Any]:
        """A message within the message: its documents join those of the item."""
        part.role = "message"
        self.nested.append(part)
        about = f"{subject} › {part.name}"
        if depth > self.context.settings.ingest.archive_max_depth:
            self._find("EDXML-012", about, depth=self.context.settings.ingest.archive_max_depth)
            return {"message": part.name, "kind": "unopened"}
        self._find("EDXML-011", about)
        return self.message(part, about, depth)

    def _join(self, given: list[Encoded], manifest: list[dict[str, str]], subject: str) -> None:
        """Manifest and attachments name each other by content id (QĐ 28/2018/QĐ-TTg Điều 9: complete)."""
        ids = [attachment.content_id for attachment in given]
        listed = [entry["id"] for entry in manifest]
        for entry in manifest:
            if entry["id"] not in ids:
                self._find("EDXML-008", subject, name=entry.get("AttachmentName") or entry["id"] or "?")
        for attachment in given:
            if attachment.content_id not in listed:
                self._find("EDXML-009", subject, name=attachment.name or attachment.content_id or "?")
        if len(set(ids)) < len(ids) or len(set(listed)) < len(listed):
            self._find("EDXML-021", subject)

    def _compare(self, one: Unpacked, types: list[str], subject: str) -> None:
        """Report where bytes, file name and declared types disagree; nothing is put right."""
        told = formats.known(one.format)
        wrong = [kind for kind in types if not _agrees(kind, told)]
        if not told.fits(one.part.name):
            wrong.insert(0, one.part.name)
        if wrong:
            self._find("EDXML-010", f"{subject} › {one.part.name}", declared=", ".join(dict.fromkeys(wrong)),
                       real=told.vi, real_en=told.en)


def _lineage(head: bytes) -> str:
    """The name of another lineage of electronic documents that the start of a file shows, or ""."""
    shown = head.replace(b"\x00", b"")      # UTF-16 as well
    return next((name for uri, name in header.code_lists()["lineages"].items() if uri.encode() in shown), "")


def _named(attachment: Encoded, listed: dict[str, str]) -> Encoded:
    """The attachment with the name that the manifest gives it, where it bears none itself."""
    return attachment if attachment.name else replace(attachment, name=listed.get("AttachmentName", ""))


def _agrees(declared: str, told: formats.Format) -> bool:
    """Whether a declared content type, or an extension in its place, may stand for the format found."""
    kinds = header.code_lists()["content_types"]
    kind = declared.partition(";")[0].strip().lower()
    kind = kinds["same"].get(kind, kind)
    return kind in kinds["generic"] or kind == told.mime or kind.lstrip(".") in told.extensions
