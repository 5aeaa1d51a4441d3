"""The verify stage: judges the digital signatures of an item's parts and what they make of it in law.

Writes `signatures.json` beside the parts and notes the short of it under facts["verify"]. Must never touch a received
file, and must never let a document pass as checked when it was not.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, get_args

from archive import clock
from archive.agency_tables import agencies_of
from archive.files import json_bytes, write_atomically
from archive.findings import Finding, Level, finding
from archive.settings import IntakeAction, Judged, Settings
from ingest.beside import is_signature, signed_by
from ingest.item import Context, Item, Part
from ingest.signatures import (
    DocumentSignatures,
    SignatureReport,
    TrustLists,
    Verdict,
    holders_of,
    issuer_differs,
    legal_value,
    load_trust,
    who_is_missing,
    word,
    worst_verdict,
)
from ingest.signatures.files import kept_revocations, not_checked, verify_file
from ingest.signatures.printing import report_pdf
from ingest.signatures.report import when
from ingest.sources.edxml import brings_nothing

REPORT = "signatures.json"
PRINTED = "signatures.pdf"
_VERDICT_CODES: dict[Verdict, str] = {"valid": "VERIFY-001", "valid_with_notes": "VERIFY-002",
                                      "undetermined": "VERIFY-003", "invalid": "VERIFY-004"}
# What `confidenceLevel` says: codes of TT 05/2025 PL I and the words behind them.
_DIGITISED = {"02", "số hóa", "số hoá"}
_BORN_DIGITAL = {"01", "gốc điện tử"}
_PICTURES = {"jpg", "jpeg", "png", "tif", "tiff", "jp2", "bmp"}


def verify(item: Item, context: Context) -> list[Finding]:
    """Check every signature of every part of `item` (NĐ 30/2020 Đ21.2: authenticity and integrity on receipt).

    A verdict holds the item back as the agency's intake policy says (`settings.signatures`); every other becomes a
    finding of at most "warning". Reads `item.fields` (confidenceLevel, organName, organId); safe to run twice.
    """
    settings = context.settings
    trust = load_trust(settings.path(settings.signatures.trust))
    documents = list(_judged(item, trust))
    main = next((result for part, result in documents if part is item.main), None)
    verdict = _verdict(main, [result for _, result in documents if result is not main])
    of_main = main.signatures if main else []
    digitised, holders = is_digitised(item), holders_of(of_main)

    path = item.folder / REPORT
    told: dict[str, Any] = {"verdict": verdict, "checked_at": clock.stamp(context.at),
            "files": [result.as_dict(kept_revocations(settings)) for _, result in documents]}
    write_atomically(path, json_bytes(told))
    item.made(path, "signature-report", "json")
    if settings.signatures.printed and any(result.signatures for _, result in documents):
        printed = item.folder / PRINTED
        write_atomically(printed, report_pdf(told, title=item.name))
        item.made(printed, "signature-print", "pdf")
    item.facts["verify"] = {
        "verdict": verdict, "legal_value": legal_value(verdict, holders, digitised=digitised), "digitised": digitised,
        "holders": sorted(holders),
        "signatures": [_short(result.file, report) for _, result in documents for report in result.signatures],
        "counts": {finder: sum(result.finders[finder] for _, result in documents)
                   for finder in ("form", "pages", "bytes")},
        "trust_version": trust.version,
    }
    policy = intake_policy(settings, item.fields.get("organId", ""))
    findings = [found for _, result in documents for found in _findings(result, policy)]
    if any(result.signatures for _, result in documents):
        kept = {kind: _kept(told, kind) for kind in ("certificates", "revocations")}
        findings.append(finding("VERIFY-036", item.name, level=None, time=when(context.at), **kept))
    if verdict in ("valid", "valid_with_notes"):
        findings += who_is_missing(item.name, holders, digitised=digitised)
        findings += issuer_differs(item.name, item.fields.get("organName", ""), of_main)
    if verdict == "unsigned" and not brings_nothing(item):
        if _level(item) in _BORN_DIGITAL:
            findings.append(finding("VERIFY-069", item.name))
        findings += _held("unsigned", policy, [finding("VERIFY-005", item.name)], item.name)
    return findings


def intake_policy(settings: Settings, agency: str) -> Mapping[str, IntakeAction]:
    """What each verdict does to a document of `agency` (its code as it came; empty: not known)."""
    chosen = settings.signatures
    policy: dict[str, IntakeAction] = {name: getattr(chosen, name) for name in get_args(Judged)}
    if agency.strip() and chosen.agencies:
        table = agencies_of(settings)       # an old code and the new one are the same agency
        for code, own in chosen.agencies.items():
            if table.canonical(code) == table.canonical(agency):
                policy.update({str(verdict): action for verdict, action in own.items()})
    return policy


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


def _judged(item: Item, trust: TrustLists) -> Iterator[tuple[Part, DocumentSignatures]]:
    """Each part that can carry signatures, with its report; a signature file is reported with the part it is of."""
    names = [part.name for part in item.parts]
    belongs = {n: signed for n, part in enumerate(item.parts) if (part.role == "signature" or is_signature(part.name))
               and len(signed := signed_by(part.name, names)) == 1 and names.count(signed[0]) == 1}
    for n, part in enumerate(item.parts):
        if n in belongs or part.role == "message":      # what a message's own signature is, edxml.py tells
            continue
        beside = [item.parts[other] for other, signed in belongs.items() if signed == [part.name]]
        result = verify_file(part.path, trust, item.received_at, part.name, [one.path for one in beside],
                             [one.name for one in beside])
        if result is None and _is_pdf(part):        # called a PDF, and is none: never "unsigned"
            result = not_checked(part.name, trust, item.received_at, "VERIFY-008")
        if result is not None:
            yield part, result


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


def _kept(told: Mapping[str, Any], kind: str) -> int:
    """How many different things of a kind ("certificates", "revocations") the reports keep."""
    return len({mark for one in told["files"] for mark in one[kind]})


def _findings(result: DocumentSignatures, policy: Mapping[str, IntakeAction]) -> list[Finding]:
    """The verdict on one file and the reasons a person should read: each once, naming all signers it holds for."""
    verdict = result.verdict
    signers = "; ".join(dict.fromkeys(report.signer for report in result.signatures if report.kind != "timestamp"))
    # The verdict holds a document back, or does not; its reasons explain.
    reasons = [replace(one, level=min(one.level, Level.warning)) for one in result.merged_reasons()]
    if verdict in _VERDICT_CODES:
        told = finding(_VERDICT_CODES[verdict], result.file, signers=signers)
        return [*_held(verdict, policy, [told], result.file), *reasons]
    if verdict == "not_checked":        # the reason is the verdict
        return _held(verdict, policy, reasons, result.file)
    return reasons


def _held(verdict: Verdict, policy: Mapping[str, IntakeAction], told: Sequence[Finding], file: str) -> list[Finding]:
    """What tells of `verdict` at the level that the intake policy gives it."""
    action = policy.get(verdict, "pass")
    if action == "quarantine":
        return [replace(one, level=Level.refused) for one in told]
    if action == "block":
        return [*told, finding("VERIFY-038", file, verdict=word("verdict", verdict),
                               verdict_en=word("verdict", verdict, "en"))]
    return list(told)
