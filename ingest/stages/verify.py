"""The verify stage: judges the digital signatures of an item's parts and what they make of it in law.

Writes `signatures.json` beside the parts and notes the short of it under facts["verify"]. Must never touch a received
file, and must never let a document pass as checked when it was not.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace
from typing import Any

from archive import clock
from archive.files import json_bytes, write_atomically
from archive.findings import Finding, Level, finding
from ingest.item import Context, Item, Part
from ingest.signatures import (
    DocumentSignatures,
    SignatureReport,
    Verdict,
    holders_of,
    issuer_differs,
    legal_value,
    load_trust,
    verify_pdf,
    who_is_missing,
    worst_verdict,
)
from ingest.signatures.office import office_signature

REPORT = "signatures.json"
_VERDICT_CODES: dict[Verdict, str] = {"valid": "VERIFY-001", "valid_with_notes": "VERIFY-002",
                                      "undetermined": "VERIFY-003", "invalid": "VERIFY-004"}
# What `confidenceLevel` says: codes of TT 05/2025 PL I and the words behind them.
_DIGITISED = {"02", "số hóa", "số hoá"}
_BORN_DIGITAL = {"01", "gốc điện tử"}
_PICTURES = {"jpg", "jpeg", "png", "tif", "tiff", "jp2", "bmp"}


def verify(item: Item, context: Context) -> list[Finding]:
    """Check every signature of every part of `item` (NĐ 30/2020 Đ21.2: authenticity and integrity on receipt).

    A verdict that `settings.signatures.refuse` names holds the item back; every other becomes a finding of at most
    "warning". Reads `item.fields` (confidenceLevel, organName); safe to run twice.
    """
    settings = context.settings
    trust = load_trust(settings.path(settings.signatures.trust))
    documents: list[tuple[Part, DocumentSignatures]] = []
    for part in item.parts:
        result = (verify_pdf(part.path, trust, item.received_at, part.name) if _is_pdf(part)
                  else _other(part, item, trust.version))
        if result is not None:
            documents.append((part, result))
    main = next((result for part, result in documents if part is item.main), None)
    verdict = _verdict(main, [result for _, result in documents if result is not main])
    of_main = main.signatures if main else []
    digitised, holders = is_digitised(item), holders_of(of_main)

    path = item.folder / REPORT
    write_atomically(path, json_bytes({"verdict": verdict, "checked_at": clock.stamp(context.at),
                                       "files": [result.as_dict() for _, result in documents]}))
    item.made(path, "signature-report", "json")
    item.facts["verify"] = {
        "verdict": verdict, "legal_value": legal_value(verdict, holders, digitised=digitised), "digitised": digitised,
        "holders": sorted(holders),
        "signatures": [_short(result.file, report) for _, result in documents for report in result.signatures],
        "counts": {finder: sum(result.found[finder] for _, result in documents)
                   for finder in ("form", "pages", "bytes")},
        "trust_version": trust.version,
    }
    findings = [found for _, result in documents for found in _findings(result, settings.signatures.refuse)]
    if verdict in ("valid", "valid_with_notes"):
        findings += who_is_missing(item.name, holders, digitised=digitised)
        findings += issuer_differs(item.name, item.fields.get("organName", ""), of_main)
    if verdict == "unsigned":
        if _level(item) in _BORN_DIGITAL:
            findings.append(finding("VERIFY-069", item.name))
        level = Level.refused if "unsigned" in settings.signatures.refuse else None
        findings.append(finding("VERIFY-005", item.name, level=level))
    return findings


def settle_legal_value(item: Item, _context: Context) -> list[Finding]:
    """Compute the legal value again once the digitise stage knows whether the document is a scan.

    Changes nothing but facts["verify"]; safe to run twice, and does nothing before verify ran.
    """
    facts = item.facts.get("verify")
    digitised = is_digitised(item)
    if facts is None or facts["digitised"] == digitised:
        return []
    holders: Collection[str] = facts["holders"]
    facts["digitised"] = digitised
    facts["legal_value"] = legal_value(facts["verdict"], holders, digitised=digitised)
    if facts["verdict"] not in ("valid", "valid_with_notes"):
        return []
    return who_is_missing(item.name, holders, digitised=digitised)


def is_digitised(item: Item) -> bool:
    """Whether the document was made from paper: by its metadata, else by what digitise saw, else by its format."""
    if _level(item) in _DIGITISED | _BORN_DIGITAL:
        return _level(item) in _DIGITISED
    seen = item.facts.get("digitise", {}).get("scan")
    return bool(seen) if seen is not None else item.main.format in _PICTURES


def _is_pdf(part: Part) -> bool:
    if part.format:                     # what check saw in the content, not what the name says
        return part.format.startswith("pdf")
    return part.name.lower().endswith(".pdf")


def _level(item: Item) -> str:
    return item.fields.get("confidenceLevel", "").strip().casefold()


def _other(part: Part, item: Item, trust_version: str) -> DocumentSignatures | None:
    """The report on a part that is no PDF but carries a signature: seen, not judged; None where there is none."""
    kind = office_signature(part.path)
    if not kind:
        return None
    report = SignatureReport(name=kind, kind="unsupported", subfilter=kind)
    report.reasons.append(finding("VERIFY-061", part.name, signer=kind, kind=kind))
    return DocumentSignatures(file=part.name, signatures=[report], received_at=item.received_at,
                              trust_version=trust_version)


def _verdict(main: DocumentSignatures | None, others: Iterable[DocumentSignatures]) -> Verdict:
    """The item's verdict: its main file's, or that of an attachment that is worse.

    An unsigned attachment is no fault, and a signed one does not make an unsigned document signed.
    """
    first: Verdict = main.verdict if main else "unsigned"
    further = [result.verdict for result in others]
    if first == "unsigned":
        return worst_verdict(["unsigned", *(one for one in further if one not in ("valid", "valid_with_notes"))])
    return worst_verdict([first, *(one for one in further if one != "unsigned")])


def _short(file: str, report: SignatureReport) -> dict[str, Any]:
    """What the record of the document keeps of one signature; the whole report lies in signatures.json."""
    held = report.certificate
    return {"file": file, "signer": report.signer, "organisation": held.organisation if held else "",
            "holder": held.holder if held else "unknown", "serial": held.serial if held else "",
            "issuer": held.issuer if held else "", "kind": report.kind, "verdict": report.verdict,
            "time": clock.stamp(report.time) if report.time else "", "time_source": report.time_source}


def _findings(result: DocumentSignatures, refuse: Collection[str]) -> list[Finding]:
    """The verdict on one file and the reasons a person should read: each once, naming all signers it holds for."""
    verdict = result.verdict
    level = Level.refused if verdict in refuse else None
    signers = "; ".join(dict.fromkeys(report.signer for report in result.signatures if report.kind != "timestamp"))
    made: list[Finding] = []
    if verdict in _VERDICT_CODES:
        made.append(finding(_VERDICT_CODES[verdict], result.file, level=level, signers=signers))
    # The verdict holds a document back, or does not; its reasons explain.
    return [*made, *(replace(one, level=min(one.level, Level.warning)) for one in result.merged_reasons())]
