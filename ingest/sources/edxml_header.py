"""The header of an edXML message as plain values: fields under the profile's tags, and facts for the record.

Elements are found by name within the namespace, in any order and under any prefix. Nothing is invented:
what is missing stays missing, what cannot be read is kept as written and reported.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element

from archive import clock
from archive.agencies import AgencyTable
from archive.dates import Precision, parse_date
from archive.findings import Finding, finding
from ingest.sources.edxml_attachments import Encoded

LONGEST_VALUE = 4000        # characters of one value kept among the facts
MOST_VALUES = 2000          # values of one header kept among the facts

_OLD_CODE = re.compile(r"[0-9A-Z]{3}\.[0-9A-Z]{2}\.[0-9A-Z]{2}\.[A-Y][0-9]{2}")
_KNOWN_CODES = re.compile(r"[A-Y][0-9]{2}(\.[0-9A-Z]+)*|[0-9]{10,14}|Z[0-9]{2}[0-9A-Z]{0,32}")
_LONGEST_CODE = 35
_STAMP = "%Y/%m/%d %H:%M:%S"


@cache
def code_lists() -> Mapping[str, Any]:
    """The code lists of edxml.toml."""
    with Path(__file__).with_name("edxml.toml").open("rb") as stream:
        return tomllib.load(stream)


QCVN: str = code_lists()["namespace"]


def local(element: Element) -> str:
    """The name of an element of the norm; empty for one of another namespace (such as its XML signature)."""
    space, _, name = element.tag.rpartition("}")
    return name if space in (f"{{{QCVN}", "") else ""


def children(element: Element | None, path: str) -> Iterator[Element]:
    """All elements at `path` ("OtherInfo/Priority") under `element`, in the order of the document."""
    if element is None:
        return
    name, _, rest = path.partition("/")
    for one in element:
        if local(one) == name:
            if rest:
                yield from children(one, rest)
            else:
                yield one


def child(element: Element | None, path: str) -> Element | None:
    """The first element at `path`, or None."""
    return next(children(element, path), None)


def texts(element: Element | None, path: str) -> list[str]:
    """The texts at `path`, blanks joined, NFC; empty ones and the literal "null" left out."""
    found = (clean(one.text or "") for one in children(element, path))
    return [text for text in found if text and text != "null"]


def text(element: Element | None, path: str) -> str:
    """The first text at `path`, or ""."""
    return next(iter(texts(element, path)), "")


def outside_namespace(root: Element) -> bool:
    """Whether parts of the message that should be in the norm's namespace are in none."""
    return any("}" not in one.tag for one in root.iter())


def normalised_code(code: str) -> str:
    """An agency code for comparing: 000.00.15.H51 (QCVN 102) and H51.15 (QĐ 20/2020/QĐ-TTg) are one form.

    Only the form is changed: agencies were renumbered, so two forms need not be one agency's for ever.
    """
    code = "".join(code.split()).upper()
    if _OLD_CODE.fullmatch(code):
        return ".".join(group for group in reversed(code.split(".")) if group.strip("0"))
    return code


def read(root: Element, subject: str) -> tuple[dict[str, Any], list[Finding]]:
    """The facts of a message: kind, identity, business, trace, manifest, status and the header as written."""
    found: list[Finding] = []
    envelope = child(root, "edXMLEnvelope")
    head = child(envelope, "edXMLHeader/MessageHeader")
    trace = child(envelope, "edXMLHeader/TraceHeaderList")
    status = text(head, "StatusCode")
    sender = text(head, "From/OrganId")
    facts: dict[str, Any] = {
        "kind": "status" if status else "document",
        "identity": {"organId": normalised_code(sender), "documentId": text(head, "DocumentId")},
        "business": _business(trace),
        "trace": [_hop(hop) for hop in children(trace, "TraceHeader")],
        "manifest": list(_manifest(envelope)),
        "xmlSignature": any(one.tag.endswith("}Signature") for one in child(envelope, "edXMLHeader") or ()),
        "raw": _raw(head, [MOST_VALUES]),
    }
    if status:
        answered = child(head, "ResponseFor")
        meaning = code_lists()["status"].get(status.zfill(2), "")
        facts["status"] = {
            "code": status, "meaning": meaning, "description": text(head, "Description"),
            "timestamp": _moment(text(head, "Timestamp")), "responseFor": _raw(answered, [100])}
        found.append(finding("EDXML-005", subject, status=status, meaning=meaning or "?",
                             document=_code_of(answered) or text(answered, "DocumentId") or "?"))
        return facts, found
    kind = facts["business"]["type"]
    if kind in code_lists()["business_vi"]:
        found.append(finding("EDXML-004", subject, action=code_lists()["business_vi"][kind], action_en=kind,
                             document=facts["business"]["documentId"] or "?",
                             reason=facts["business"]["reason"] or "—"))
    elif kind == "unknown":
        found.append(finding("EDXML-019", subject, value=facts["business"]["raw"]))
    if not all(facts["identity"].values()):
        needed = {"From/OrganId": sender, "DocumentId": facts["identity"]["documentId"]}
        missing = [name for name, value in needed.items() if not value]
        found.append(finding("EDXML-017", subject, missing=", ".join(missing)))
    known = normalised_code(sender)
    if sender and not (_KNOWN_CODES.fullmatch(known) and len(known) <= _LONGEST_CODE):
        found.append(finding("EDXML-018", subject, agency=sender))
    return facts, found


def fields(head: Element, facts: Mapping[str, Any], subject: str, agency: str,
           agencies: AgencyTable) -> tuple[dict[str, str], list[Finding]]:
    """The header under the tags of the profile; values that are missing have no tag.

    `agency` is our own code; `agencies` tells which codes are one agency's.
    """
    found: list[Finding] = []
    number, notation = text(head, "Code/CodeNumber"), text(head, "Code/CodeNotation")
    competence, position = text(head, "SignerInfo/Competence"), text(head, "SignerInfo/Position")
    priority = text(head, "OtherInfo/Priority")
    sent = next((hop["date"] for hop in facts["trace"] if hop["date"]), "")
    ours = agencies.canonical(agency) == agencies.canonical(text(head, "From/OrganId"))
    values = {
        "organId": text(head, "From/OrganId"),
        "organName": text(head, "From/OrganName"),
        "to": "; ".join(_addressees(head, agencies)),
        "documentId": text(head, "DocumentId"),
        "codeNumber": number,
        # Some senders write the whole 104/QĐ-UBND here.
        "codeNotation": notation.removeprefix(f"{number}/") if number else notation,
        "issuedDate": _date(head, "PromulgationInfo/PromulgationDate", subject, found),
        "typeName": text(head, "DocumentType/TypeName"),
        "subject": text(head, "Subject"),
        "signer": text(head, "SignerInfo/FullName"),
        "signerTitle": position if position.startswith(competence) else f"{competence} {position}".strip(),
        "priority": code_lists()["priority"].get(priority, priority),
        "sentDate": sent,
        "replyTo": "; ".join(filter(None, map(_code_of, children(head, "ResponseFor")))),
        "direction": "đi" if ours else "đến",
    }
    return {tag: value for tag, value in values.items() if value}, found


def attachments(root: Element) -> list[Encoded]:
    """Everything attached, in the order of the document, under whichever of the known elements it stands."""
    parents = {id(one): parent for parent in root.iter() for one in parent
               if local(one) in ("ContentTransferEncoded", "AttachmentData") and not len(one)}
    found: list[Encoded] = []
    for one in root.iter():
        parent = parents.get(id(one))
        if parent is not None:
            found.append(Encoded(text(parent, "AttachmentName"), _content_id(text(parent, "ContentId")),
                                 text(parent, "ContentType"), text(parent, "Description"), one.text or ""))
            one.text = None     # large: it lives on in one place only
    return found


def _manifest(envelope: Element | None) -> Iterator[dict[str, str]]:
    for reference in children(envelope, "edXMLBody/edXMLManifest/Reference"):
        entry = {name: text(reference, name) for name in ("ContentType", "Description", "AttachmentName")}
        yield {"id": _content_id(text(reference, "ContentId")), **entry}


def _content_id(written: str) -> str:
    return written.strip("<> ").removeprefix("cid:").lower()


def _business(trace: Element | None) -> dict[str, Any]:
    """What the sender wants done; a message that says nothing of it brings a new document."""
    element = child(trace, "Bussiness")
    raw = text(element, "BussinessDocType")
    kind = code_lists()["business"].get(raw, "unknown") if raw else "new"
    replaced = [{"documentId": text(one, "DocumentId"), "organIds": texts(one, "OrganIdList/OrganId")}
                for one in children(element, "ReplacementInfoList/ReplacementInfo")]
    receivers = [{"organId": text(one, "OrganId"), "type": text(one, "ReceiverType")}
                 for one in children(element, "BussinessDocumentInfo/ReceiverList/Receiver")]
    return {"type": kind, "declared": bool(raw), "raw": raw, "reason": text(element, "BussinessDocReason"),
            "paper": text(element, "Paper") == "1", "documentId": text(element, "DocumentId"),
            "replacements": replaced, "receivers": receivers,
            "staff": _raw(child(element, "StaffInfo"), [20])}


def _hop(hop: Element) -> dict[str, str]:
    written = text(hop, "Timestamp")
    read = parse_date(written)
    day = read.text if read is not None and read.precision is Precision.day else ""
    return {"organId": text(hop, "OrganId"), "timestamp": written, "at": _moment(written), "date": day}


def _moment(written: str) -> str:
    """A time of the axis, which is Vietnam's and bears no zone, as recorded; "" when it cannot be read."""
    try:
        return clock.stamp(datetime.strptime(written, _STAMP).replace(tzinfo=clock.VIETNAM))
    except ValueError:
        return ""


def _date(head: Element, path: str, subject: str, found: list[Finding]) -> str:
    written = text(head, path)
    read = parse_date(written)
    if read is not None and read.precision is Precision.day:
        return read.text
    if written:
        found.append(finding("EDXML-016", subject, field=path.rpartition("/")[2], value=written))
    return ""


def _addressees(head: Element, agencies: AgencyTable) -> Iterator[str]:
    """The receivers by name, each once: some messages give an agency under its old and its new code."""
    seen: set[str] = set()
    for one in children(head, "To"):
        name = (text(one, "OrganName") or text(one, "OrganId")).replace(";", ",")
        code = agencies.canonical(text(one, "OrganId")) or name
        if name and code not in seen:
            seen.add(code)
            yield name


def _code_of(element: Element | None) -> str:
    """Number and notation of a document referred to: in two elements, or written as one."""
    parts = [text(element, "Code/CodeNumber"), text(element, "Code/CodeNotation")]
    return "/".join(filter(None, parts)) or text(element, "Code")


def _raw(element: Element | None, budget: list[int]) -> Any:
    """An element as JSON-ready values, as written; repeated children become lists, `budget` counts values."""
    if element is None:
        return {}
    values: dict[str, Any] = {}
    for one in element:
        budget[0] -= 1
        if budget[0] < 0:
            break
        name = local(one)
        if not name:
            continue
        value = _raw(one, budget) if len(one) else (one.text or "")[:LONGEST_VALUE]
        if name in values:
            known = values[name]
            values[name] = [*known, value] if isinstance(known, list) else [known, value]
        else:
            values[name] = value
    return values


def clean(written: str) -> str:
    """A text of a message as it is compared and kept: NFC, blanks and line ends joined."""
    return " ".join(unicodedata.normalize("NFC", written).split())
