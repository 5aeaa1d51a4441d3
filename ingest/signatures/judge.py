"""The judgement of one signature in a PDF: integrity, later changes, then what holds for every kind (standing.py).

Must never raise for what a file holds, and never call valid what a library could not read.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from asn1crypto import cms, core
from pyhanko.sign.general import MultivaluedAttributeError, NonexistentAttributeError, find_unique_cms_attribute
from pyhanko.sign.validation.pdf_embedded import EmbeddedPdfSignature

from ingest.signatures import hexstrings, integrity
from ingest.signatures.finders import FoundField, View, said
from ingest.signatures.grounds import keep
from ingest.signatures.holders import certificate_of
from ingest.signatures.report import SignatureReport, when
from ingest.signatures.standing import Case, Notes, Signed, settle
from ingest.signatures.tokens import judge_token, tokens_in, why_untrusted

hexstrings.install()

_DETACHED = ("/adbe.pkcs7.detached", "/ETSI.CAdES.detached", "/PBAD.PAdES")
_SHA1 = "/adbe.pkcs7.sha1"
_TIMESTAMP = "/ETSI.RFC3161"


class _Signature(EmbeddedPdfSignature):
    """pyHanko's, but the signed bytes are hashed from the mapped file; it reads 4 KB at a time, which costs as much."""

    view: View

    def compute_digest(self, hash_algo: str | None = None) -> bytes:
        """The digest of the byte range. Raises ValueError for a range that cannot be, and for an unknown digest."""
        name = hash_algo or self.external_md_algorithm
        if name not in self.external_digests:
            self.external_digests[name] = integrity.range_digest(self.view, [int(one) for one in self.byte_range], name)
        return self.external_digests[name]


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
    note = Notes(report, case.subject)
    if f"/{report.subfilter}" not in (*_DETACHED, _SHA1, _TIMESTAMP):
        report.kind = "unsupported"
        report.byte_range = _range(found)
        note("VERIFY-061", kind=report.subfilter or "?")
        return report
    try:
        signature = _Signature(case.reader, found.dictionary, found.name)
        signature.view = case.view
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


async def _judge_signature(case: Case, report: SignatureReport, signature: EmbeddedPdfSignature,
                           proofs: Sequence[tuple[int, datetime]], note: Notes) -> None:
    _integrity(case, report, signature, note)
    enclosed = case.enclosed.plus(signature.other_embedded_certs, *_adobe_revocation(signature))
    digests = {signature.md_algorithm, _signature_digest(signature.signer_info) or signature.md_algorithm}
    if report.subfilter == _SHA1.lstrip("/"):
        digests.add("sha1")
    elif len(digests) > 1:
        note("VERIFY-042", what="/".join(sorted(digests)))      # RFC 8933: both digests are the same
    troubles: list[str] = []
    value = signature.signer_info["signature"].native
    tokens = _tokens_in(signature, troubles)
    await settle(case, report, Signed(signature.signer_cert, digests, enclosed, lambda name: integrity.digest_of(
        name, value), tokens, troubles, proofs), note)


async def _judge_document_timestamp(case: Case, report: SignatureReport, signature: EmbeddedPdfSignature,
                                    note: Notes) -> None:
    report.token, chain = await judge_token(signature.signed_data, signature.compute_digest, case.trust,
                                            case.enclosed.plus(signature.other_embedded_certs))
    report.time, report.time_source = report.token.time, "token"
    if report.token.state == "broken" or not integrity.gap_is_its_own(signature, case.view):
        report.integrity = "broken"
        note("VERIFY-011")
        return
    report.integrity = "intact"
    changes, report.covers_whole_file = integrity.changes_after(signature, case.view)
    report.changes = changes.kind
    if changes.kind == "content":
        note("VERIFY-015", what=changes.detail)
    if chain is not None:
        report.identity, report.trust_list, report.revocation = chain.state, chain.trust_list, chain.revocation
        keep(report, chain, case.trust, case.enclosed.plus(signature.other_embedded_certs))
        report.judged_at, report.judged_by = chain.moment, "token"
    if report.token.state == "valid":
        note("VERIFY-070", time=when(report.token.time), authority=report.token.authority)
    else:
        code, params = why_untrusted(report.token, chain)
        note(code, **params)


def _integrity(case: Case, report: SignatureReport, signature: EmbeddedPdfSignature, note: Notes) -> None:
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
    report.changes = changes.kind
    if changes.kind == "content":
        note("VERIFY-015", what=changes.detail)
    elif changes.kind == "evidence":
        note("VERIFY-018")


def _tokens_in(signature: EmbeddedPdfSignature, troubles: list[str]) -> list[cms.SignedData]:
    try:
        return tokens_in(signature.signer_info)
    except Exception as error:  # unsigned attributes are not protected: damage there must not hide the signature
        troubles.append(said(error))
        return []


def _signature_digest(signer_info: cms.SignerInfo) -> str | None:
    try:
        return str(signer_info["signature_algorithm"].hash_algo)
    except ValueError:      # plain "rsa": the digest is the signer's
        return None


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
