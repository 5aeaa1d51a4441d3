"""The judgement of one signature: five facts, each with its reasons: integrity, later changes, chain, revocation, time.

Must never raise for what a file holds, and never call valid what a library could not read.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from asn1crypto import cms, core, x509
from pyhanko.sign.general import MultivaluedAttributeError, NonexistentAttributeError, find_unique_cms_attribute
from pyhanko.sign.validation.pdf_embedded import EmbeddedPdfSignature

from archive.findings import Finding, Level, finding
from ingest.signatures import hexstrings, integrity, timing
from ingest.signatures.chains import Chain, Enclosed
from ingest.signatures.finders import FoundField, View, said
from ingest.signatures.holders import certificate_of
from ingest.signatures.policy import Use, policy
from ingest.signatures.report import SignatureReport, when
from ingest.signatures.tokens import judge_token, tokens_in
from ingest.signatures.trust import TrustLists

# pyHanko logs every failed check as a warning with its traceback; the reasons of our report say the same to people.
hexstrings.install()
for _name in ("pyhanko", "pyhanko_certvalidator"):
    logging.getLogger(_name).setLevel(logging.CRITICAL)

_DETACHED = ("/adbe.pkcs7.detached", "/ETSI.CAdES.detached", "/PBAD.PAdES")
_SHA1 = "/adbe.pkcs7.sha1"
_TIMESTAMP = "/ETSI.RFC3161"


@dataclass(slots=True)
class Case:
    """What the judgement of every signature of one file shares."""

    subject: str                            # the file, as a person would name it
    reader: Any                             # pyHanko PdfFileReader
    view: View
    trust: TrustLists
    enclosed: Enclosed                      # what the document's security store holds
    received_at: datetime


def subfilter_of(found: FoundField) -> str:
    """The signature's /SubFilter with its slash, "" where there is none."""
    try:
        return str(found.dictionary["/V"].get("/SubFilter", "") or "")
    except Exception:   # of whatever kind: a signature object that is not a dictionary; the judgement will say so
        return ""


def is_timestamp(found: FoundField) -> bool:
    """Whether this is a timestamp over the whole document rather than somebody's signature."""
    return subfilter_of(found) == _TIMESTAMP


async def judge(case: Case, found: FoundField, proofs: Sequence[tuple[int, datetime]]) -> SignatureReport:
    """The report on one signature.

    `proofs` are the document timestamps that hold: the revision each covers and its time. What cannot be read or
    is of a kind that we do not know becomes a report that says so.
    """
    report = SignatureReport(name=found.name or "—", subfilter=subfilter_of(found).lstrip("/"))
    note = _Notes(report, case.subject)
    if f"/{report.subfilter}" not in (*_DETACHED, _SHA1, _TIMESTAMP):
        report.kind = "unsupported"
        report.byte_range = _range(found)
        note("VERIFY-061", kind=report.subfilter or "?")
        return report
    try:
        signature = EmbeddedPdfSignature(case.reader, found.dictionary, found.name)
        report.byte_range = tuple(int(number) for number in signature.byte_range)
        report.revision = int(signature.signed_revision)
        report.certificate = certificate_of(signature.signer_cert)
        report.claimed_time = _claimed(signature)
        if f"/{report.subfilter}" == _TIMESTAMP:
            report.kind = "timestamp"
            await _judge_document_timestamp(case, report, signature, note)
        else:
            report.kind = "certification" if _certifies(case.reader, found) else "signature"
            await _judge_signature(case, report, signature, proofs, note)
    except Exception as error:
        # The libraries raise of every kind on damaged signatures. Whatever it is, the signature was not read to
        # its end, so it is "unreadable" and can at best be undetermined; what was found before stays.
        report.integrity = "broken" if report.integrity == "broken" else "unreadable"
        report.byte_range = report.byte_range or _range(found)
        note("VERIFY-062", reason=said(error))
    if found.finders == {"pages"} and report.integrity in ("broken", "unreadable"):
        # The form was taken away: the file was saved again by something that did not know of signatures.
        report.kind, report.integrity = "remnant", "remnant"
        report.reasons = []
        note("VERIFY-060")
    return report


class _Notes:
    """Adds reasons to one report, with the file as subject and the signer among the parameters."""

    def __init__(self, report: SignatureReport, subject: str) -> None:
        self.report, self.subject = report, subject

    def __call__(self, code: str, level: Level | None = None, **params: object) -> None:
        made: Finding = finding(code, self.subject, level=level, signer=self.report.signer, **params)
        self.report.reasons.append(made)


async def _judge_signature(case: Case, report: SignatureReport, signature: EmbeddedPdfSignature,
                           proofs: Sequence[tuple[int, datetime]], note: _Notes) -> None:
    _integrity(case, report, signature, note)
    enclosed = case.enclosed.plus(signature.other_embedded_certs, *_adobe_revocation(signature))
    token_chain = await _tokens(case, report, signature, enclosed, note)
    chain = await timing.judge_time(case, report, signature.signer_cert, enclosed, proofs, note)
    _algorithms(case, report, signature, (chain, token_chain), note)
    held = report.certificate
    assert held is not None
    note("VERIFY-043", organisation=held.organisation or "—", title=held.title or "—")
    _key_usage(signature.signer_cert, note)


async def _judge_document_timestamp(case: Case, report: SignatureReport, signature: EmbeddedPdfSignature,
                                    note: _Notes) -> None:
    report.token, chain = await judge_token(signature.signed_data, signature.compute_digest, case.trust,
                                            case.enclosed.plus(signature.other_embedded_certs))
    report.time, report.time_source = report.token.time, "token"
    if report.token.state == "broken" or not integrity.gap_is_its_own(signature, case.view):
        report.integrity = "broken"
        note("VERIFY-011")
        return
    report.integrity = "intact"
    changes, report.covers_whole_file = integrity.changes_after(signature, case.view)
    report.later_changes = changes.kind
    if changes.kind == "content":
        note("VERIFY-015", what=changes.detail)
    if chain is not None:
        report.chain, report.trust_list, report.revocation = chain.state, chain.trust_list, chain.revocation
        report.evidence = [certificate.dump() for certificate in reversed(chain.path)]
        report.judged_at, report.judged_by = chain.moment, "token"
    if report.token.state == "valid":
        note("VERIFY-070", time=when(report.token.time), authority=report.token.authority)
    else:
        note("VERIFY-051", authority=report.token.authority)


def _integrity(case: Case, report: SignatureReport, signature: EmbeddedPdfSignature, note: _Notes) -> None:
    same, matched = integrity.signed_value(signature)
    if not same:
        note("VERIFY-011")
    if not matched:
        note("VERIFY-012")
    own = integrity.gap_is_its_own(signature, case.view)
    if not own:
        note("VERIFY-017")
    report.integrity = "intact" if same and matched and own else "broken"
    if report.integrity == "broken":
        return                      # what came after a signature that does not hold says nothing
    note("VERIFY-010")
    note("VERIFY-013")
    changes, report.covers_whole_file = integrity.changes_after(signature, case.view)
    report.later_changes = changes.kind
    if changes.kind == "content":
        note("VERIFY-015", what=changes.detail)
    elif changes.kind == "evidence":
        note("VERIFY-018")


async def _tokens(case: Case, report: SignatureReport, signature: EmbeddedPdfSignature, enclosed: Enclosed,
                  note: _Notes) -> Chain | None:
    """Judge the signature timestamps; the best one becomes the report's. Returns its server's chain."""
    value = signature.signer_info["signature"].native
    troubles: list[str] = []
    rank = {"valid": 0, "untrusted": 1, "broken": 2}
    best: Chain | None = None
    for token in _tokens_in(signature, troubles):
        try:
            judged, chain = await judge_token(token, lambda name: integrity.digest_of(name, value), case.trust,
                                              enclosed)
        except Exception as error:  # as for signatures: whatever the library raises, this token proves nothing
            troubles.append(said(error))
            continue
        if report.token is None or rank[judged.state] < rank[report.token.state]:
            report.token, best = judged, chain
    if report.token is None:
        if troubles:
            note("VERIFY-052", reason=troubles[0])
        else:
            claims = timing.readings(report.claimed_time)
            note("VERIFY-053", claimed=when(max(claims, default=None)), earlier=when(min(claims, default=None)))
    elif report.token.state == "valid":
        note("VERIFY-050", time=when(report.token.time), authority=report.token.authority)
        server = best.path[-1] if best and best.path else None
        if server is not None and server.not_valid_after < case.received_at:
            note("VERIFY-055", authority=report.token.authority, date=when(server.not_valid_after))
    elif report.token.state == "untrusted":
        note("VERIFY-051", authority=report.token.authority)
    else:
        note("VERIFY-052", reason="message imprint or signature of the token")
    return best


def _tokens_in(signature: EmbeddedPdfSignature, troubles: list[str]) -> list[cms.SignedData]:
    try:
        return tokens_in(signature.signer_info)
    except Exception as error:  # unsigned attributes are not protected: damage there must not hide the signature
        troubles.append(said(error))
        return []


def _algorithms(case: Case, report: SignatureReport, signature: EmbeddedPdfSignature,
                chains: Sequence[Chain | None], note: _Notes) -> None:
    """Apply the dated rules to every digest and key that the verdict rests on."""
    rules = policy()
    # The moment that is proven: a token's time, else our receipt. A claimed time proves nothing.
    by_token = report.judged_by in ("token", "document_token") and report.judged_at is not None
    proven = report.judged_at if by_token and report.judged_at else case.received_at
    uses: list[tuple[str, Use, datetime]] = []
    digests = {signature.md_algorithm, _signature_digest(signature.signer_info) or signature.md_algorithm}
    if report.subfilter == _SHA1.lstrip("/"):
        digests.add("sha1")
    uses += [(name, "document", proven) for name in digests]
    if len(digests) > 1 and report.subfilter != _SHA1.lstrip("/"):
        note("VERIFY-042", what="/".join(sorted(digests)))      # RFC 8933: both digests are the same
    if report.token and report.token.imprint and report.token.state == "valid":
        uses.append((report.token.imprint, "imprint", report.token.time))
    keys: list[x509.Certificate] = [signature.signer_cert]
    for chain in filter(None, chains):
        keys += chain.path
        for certificate in chain.path[1:]:        # the root is trusted as it is; nobody relies on its own signature
            use: Use = "listed" if case.trust.name_of(certificate) else "certificate"
            uses.append((certificate.hash_algo or "", use, certificate.not_valid_before))
    answers = {(name, use, rules.digest(name, use, moment)) for name, use, moment in uses if name}
    weak = [f"{name.upper()} ({use})" for name, use, answer in answers if answer == "noted"]
    beyond = [f"{name.upper()} ({use})" for name, use, answer in answers if answer == "beyond"]
    for certificate in keys:
        key = certificate.public_key
        if not rules.key(key.algorithm, key.bit_size or 0):
            beyond.append(f"{key.algorithm.upper()} {key.bit_size}")
    if beyond:
        note("VERIFY-042", what=", ".join(sorted(set(beyond))))
    if weak:
        note("VERIFY-041", what=", ".join(sorted(set(weak))))
    if not beyond and not weak:
        note("VERIFY-040")


def _signature_digest(signer_info: cms.SignerInfo) -> str | None:
    try:
        return str(signer_info["signature_algorithm"].hash_algo)
    except ValueError:      # plain "rsa": the digest is the signer's
        return None


def _key_usage(certificate: x509.Certificate, note: _Notes) -> None:
    usage = certificate.key_usage_value
    if usage is not None and not {"digital_signature", "non_repudiation"} & usage.native:
        note("VERIFY-044")


def _claimed(signature: EmbeddedPdfSignature) -> datetime | None:
    try:
        moment = signature.self_reported_timestamp
    except Exception:       # a date that cannot be read is no claim
        return None
    if moment is None:
        return None
    # A date without zone comes from the dictionary's /M; Vietnamese tools write UTC in the attribute, so read it so.
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)


def _adobe_revocation(signature: EmbeddedPdfSignature) -> tuple[Iterable[Any], Iterable[Any]]:
    """Revocation lists and answers that the signer put into the signed attributes (Adobe's attribute)."""
    attributes = signature.signer_info["signed_attrs"]
    if isinstance(attributes, core.Void):
        return (), ()
    try:
        value = find_unique_cms_attribute(attributes, "adobe_revocation_info_archival")
    except (NonexistentAttributeError, MultivaluedAttributeError):
        return (), ()
    return tuple(value["crl"] or ()), tuple(value["ocsp"] or ())


def _certifies(reader: Any, found: FoundField) -> bool:
    try:
        permission = reader.root["/Perms"].raw_get("/DocMDP")
        return bool((permission.idnum, permission.generation) == found.key)
    except (KeyError, AttributeError):
        return False


def _range(found: FoundField) -> tuple[int, ...]:
    try:
        return tuple(int(number) for number in found.dictionary["/V"]["/ByteRange"])
    except Exception:       # no range, or none that can be read: the finder of raw bytes counts it on its own
        return ()
