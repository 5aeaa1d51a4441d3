"""XML files that carry a signature of their own: edXML messages, and others.

Must never take a part of a document for the whole: a signature counts for the file only when the whole root element
was what it signed. In an edXML message a value that does not verify is filler (QCVN 102:2016/BTTTT messages carry
copied signature blocks), said as such and never held against the documents in the message.
"""

from __future__ import annotations

import asyncio
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archive.findings import Finding, Level, finding
from ingest.signatures.report import DocumentSignatures, SignatureReport, word
from ingest.signatures.trust import TrustLists

if TYPE_CHECKING:
    from lxml import etree

    from ingest.signatures.standing import Case

_IDS = ("Id", "ID", "id", "{http://www.w3.org/XML/1998/namespace}id")


def verify_xml(path: Path, trust: TrustLists, received_at: datetime, name: str = "") -> DocumentSignatures | None:
    """Find and judge every signature in the XML file at `path`; None where there is none.

    `received_at` (aware) is when the file came to us; `name` is what people call it. Reads only. Raises OSError when
    the file cannot be opened; anything wrong inside it is in the result.
    """
    if not _mentions(path):
        return None
    from ingest.signatures import xml_signatures  # half a second to import: not for unsigned files
    from ingest.signatures.standing import case_for, result_for

    result = result_for(name or path.name, trust, received_at)
    if path.stat().st_size > xml_signatures.LARGEST:
        return _unread(result, f"> {xml_signatures.LARGEST >> 20} MB")
    try:
        root = xml_signatures.parsed(path.read_bytes())
    except OSError:
        raise
    except Exception as error:          # XML that is refused or damaged: what it says of signatures is not known
        return _unread(result, getattr(error, "code", f"{type(error).__name__}: {error}"[:200]))
    found = xml_signatures.signatures_in(root)
    foreign = [one for one in root.iter() if isinstance(one.tag, str) and one not in found
               and one.tag.rpartition("}")[2] == "Signature" and len(one)
               and not any(above in found for above in one.iterancestors())]
    if not found and not foreign:
        return None
    case = case_for(result.file, trust, received_at)
    asyncio.run(_judge_all(case, root, found[:xml_signatures.MOST], result))
    for one in foreign[:xml_signatures.MOST]:
        report = SignatureReport(name=_name(one, 0), kind="unsupported", subfilter="XMLDSig")
        report.reasons.append(finding("VERIFY-061", result.file, kind=f"Signature {{{one.tag[1:].partition('}')[0]}}}"))
        result.signatures.append(report)
    result.finders["bytes"] = len(result.signatures)
    return result


def message_signature(path: Path, trust: TrustLists, received_at: datetime,
                      subject: str) -> tuple[dict[str, Any], list[Finding]]:
    """What the XML signature of the edXML message at `path` is: a fact for its record, and what a person should read.

    `state`: "verified", "filler" (the value or a digest does not hold, or the block is none) or "unsupported" (it uses
    what is not checked here, or the message is too large); an empty fact where there is no signature. Never raises for
    what the message holds.
    """
    result = verify_xml(path, trust, received_at, subject)
    if result is None or not result.signatures:
        if result is None or result.checked:
            return {}, []
        return {"state": "unsupported", "signer": "", "identity": "not_checked",
                "detail": result.reasons[0].sentence("en")}, result.reasons
    first = result.signatures[0]
    reason = next((one.sentence("en") for one in first.reasons if one.level > Level.note), "")
    if first.integrity == "intact" and first.changes == "none":
        state, found = "verified", finding("VERIFY-098", subject, signer=first.signer,
                                           state=word("identity", first.identity),
                                           state_en=word("identity", first.identity, "en"))
    else:
        asked = [one.params.get("kind", "") for one in first.reasons if one.code == "VERIFY-061"]
        state = "unsupported" if asked and not asked[0].startswith("Signature {") else "filler"
        found = finding("VERIFY-099", subject, reason=_short(first))
    return {"state": state, "signer": first.certificate.name if first.certificate else "",
            "identity": first.identity, "detail": reason}, [found]


async def _judge_all(case: Case, root: etree._Element, found: list[etree._Element],
                     result: DocumentSignatures) -> None:
    for number, signature in enumerate(found, 1):
        report = SignatureReport(name=_name(signature, number if len(found) > 1 else 0))
        result.signatures.append(report)
        await _judge(case, root, signature, report)


async def _judge(case: Case, root: etree._Element, signature: etree._Element, report: SignatureReport) -> None:
    from ingest.signatures import xml_signatures
    from ingest.signatures.finders import said
    from ingest.signatures.standing import Notes

    note = Notes(report, case.subject)
    report.subfilter = xml_signatures.form(signature)
    try:
        checked = xml_signatures.check(root, signature)
        await xml_signatures.judge_checked(case, report, signature, checked, note)
        if report.integrity != "intact":
            return
        report.covers_whole_file = any(_is_whole(root, uri) for uri, _signed in checked.signed)
        report.changes = "none" if report.covers_whole_file else "content"
        if not report.covers_whole_file:
            note("VERIFY-097", what=", ".join(sorted({str(root.tag).rpartition("}")[2]})))
    except xml_signatures.Unsupported as error:
        report.kind = "unsupported"
        note("VERIFY-061", kind=f"{report.subfilter} ({error})")
    except Exception as error:  # whatever the libraries raise over a damaged signature: it was not read to its end
        report.integrity = "broken" if report.integrity == "broken" else "unreadable"
        note("VERIFY-062", reason=said(error))


def _is_whole(root: etree._Element, uri: str) -> bool:
    """Whether a reference is the whole document: no address, or that of its root element."""
    return uri == "" or any(uri == f"#{root.get(name)}" for name in _IDS if root.get(name))


def _mentions(path: Path) -> bool:
    """Whether the bytes speak of a signature at all, in UTF-8 or UTF-16."""
    marks = (b"Signature", "Signature".encode("utf-16-le"), "Signature".encode("utf-16-be"))
    before = b""
    with path.open("rb") as stream:
        while chunk := stream.read(1 << 20):
            if any(mark in before + chunk for mark in marks):
                return True
            before = chunk[-40:]
    return False


def _name(signature: etree._Element, number: int) -> str:
    return signature.get("Id") or (f"Signature#{number}" if number else "Signature")


def _short(report: SignatureReport) -> str:
    """Why a message's signature is no evidence, in a few words that both languages share."""
    codes = {one.code for one in report.reasons}
    if "VERIFY-012" in codes:
        return "SignatureValue"
    if codes & {"VERIFY-011", "VERIFY-015", "VERIFY-096", "VERIFY-097"}:
        return "DigestValue"
    return next((one.params.get("kind") or one.params.get("reason", "") for one in report.reasons
                 if one.code in ("VERIFY-061", "VERIFY-062", "VERIFY-090")), "XMLDSig")


def _unread(result: DocumentSignatures, reason: str) -> DocumentSignatures:
    result.checked = False
    result.reasons.append(finding("VERIFY-090", result.file, place=result.file, reason=reason))
    return result
