"""The time of a signature, and the certificate at that time.

The moment of judgement is, in this order: a valid token's time; a valid document timestamp's; our own receipt, which
proves only that the signature existed by then; last the time that the signer claims, always called "claimed".
Must never take a claimed time for a proof, and never hold the seven hours' fault against a signer.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from asn1crypto import x509

from archive.findings import Level
from ingest.signatures.chains import Chain, Enclosed, chain_at, last_word_on, told_of_barred
from ingest.signatures.grounds import keep
from ingest.signatures.holders import certificate_of
from ingest.signatures.policy import policy
from ingest.signatures.report import SignatureReport, TimeSource, when

if TYPE_CHECKING:
    from ingest.signatures.standing import Case


class Note(Protocol):
    """Adds a reason to the report."""

    def __call__(self, code: str, level: Level | None = None, **params: object) -> None: ...


def readings(claimed: datetime | None) -> list[datetime]:
    """What a claimed time can mean: as it stands, and seven hours earlier (Vietnam's time written as UTC)."""
    return [] if claimed is None else [claimed, claimed - policy().shift]


def seven_hours_late(claimed: datetime, token: datetime) -> bool:
    """Whether `claimed` is late against the token by the seven hours of Vietnamese signing software."""
    return policy().shift_from <= claimed - token <= policy().shift_to


async def judge_time(case: Case, report: SignatureReport, certificate: x509.Certificate, enclosed: Enclosed,
                     proofs: Sequence[tuple[int, datetime]], note: Note) -> Chain:
    """Settle the time of signing and judge the certificate at it; notes the reasons and returns the chain."""
    moment, source = _moment(case, report, proofs)
    _tell_times(case, report, note)
    chain = await chain_at(certificate, moment, case.trust, enclosed)
    if source == "token":
        _by_token(report, chain, note)
    elif chain.state == "trusted":
        _claim_against_validity(report, certificate, note)
    elif chain.state == "outside":
        chain, source = await _out_of_force(case, report, certificate, enclosed, chain, source, note)
    elif chain.state == "revoked":
        _revoked_without_token(report, chain, note)
    report.identity, report.trust_list, report.revocation = chain.state, chain.trust_list, chain.revocation
    report.judged_at, report.judged_by = chain.moment, source
    keep(report, chain, case.trust, enclosed)
    await _tell_chain(case, report, certificate, enclosed, chain, note)
    return chain


def _moment(case: Case, report: SignatureReport, proofs: Sequence[tuple[int, datetime]]) -> tuple[datetime, TimeSource]:
    """The moment to judge at and where it comes from; fills in the report's time of signing."""
    if report.token is not None and report.token.state == "valid":
        report.time, report.time_source = report.token.time, "token"
        return report.token.time, "token"
    covering = [moment for revision, moment in proofs if revision > report.revision]
    moment, source = (min(covering), "document_token") if covering else (case.received_at, "receipt")
    known: tuple[datetime, TimeSource] = (moment, source)  # type: ignore[assignment]
    report.time, report.time_source = (report.claimed_time, "claimed") if report.claimed_time else known
    return known


def _tell_times(case: Case, report: SignatureReport, note: Note) -> None:
    token = report.token.time if report.token and report.token.state == "valid" else None
    claimed, tolerance = report.claimed_time, policy().receipt_tolerance
    if token is not None and token > case.received_at + tolerance:
        note("VERIFY-056", time=when(token), received=when(case.received_at))
    if claimed is None:
        return
    if token is not None and seven_hours_late(claimed, token):
        note("VERIFY-054", claimed=when(claimed), token=when(token))
    elif token is not None and abs(claimed - token) > policy().mention:
        note("VERIFY-057", claimed=when(claimed), token=when(token))
    elif token is None and min(readings(claimed)) > case.received_at + tolerance:
        note("VERIFY-056", time=when(claimed), received=when(case.received_at))


def _by_token(report: SignatureReport, chain: Chain, note: Note) -> None:
    if chain.state == "outside":
        note("VERIFY-025", time=when(chain.moment), who=_who(report, chain))
    elif chain.state == "revoked":
        note("VERIFY-031", date=when(chain.revoked_at), time=when(chain.moment), who=_who(report, chain))


def _claim_against_validity(report: SignatureReport, certificate: x509.Certificate, note: Note) -> None:
    """The certificate is in force by our receipt; does the claimed time agree?"""
    inside = [_in_force(certificate, moment) for moment in readings(report.claimed_time)]
    if inside and not any(inside):
        note("VERIFY-029", time=when(report.claimed_time))
    elif not all(inside):
        note("VERIFY-027", level=Level.note, time=when(report.claimed_time))


async def _out_of_force(case: Case, report: SignatureReport, certificate: x509.Certificate, enclosed: Enclosed,
                        chain: Chain, source: TimeSource, note: Note) -> tuple[Chain, TimeSource]:
    """By the proven moment the certificate was no longer (or not yet) in force: all that is left is the claim."""
    claimed = report.claimed_time
    if claimed is None or chain.moment < certificate.not_valid_before:
        note("VERIFY-058", proven=when(chain.moment), start=when(certificate.not_valid_before),
             end=when(certificate.not_valid_after))
        return chain, source
    chains = [await chain_at(certificate, moment, case.trust, enclosed) for moment in readings(claimed)]
    inside = [one.state != "outside" for one in chains]
    if all(inside):
        note("VERIFY-026", proven=when(chain.moment), time=when(claimed))
    elif any(inside):
        note("VERIFY-027", time=when(claimed))
    else:
        note("VERIFY-028", time=when(claimed), who=_who(report, chain))
        return chain, source
    best = chains[inside.index(True)]
    if best.state == "revoked":
        _revoked_without_token(report, best, note)
    return best, "claimed"


def _revoked_without_token(report: SignatureReport, chain: Chain, note: Note) -> None:
    """Revoked by the moment that is proven: was it before or after signing? Only the signer's word is left."""
    assert chain.revoked_at is not None
    claims = readings(report.claimed_time)
    code = "VERIFY-031" if claims and min(claims) >= chain.revoked_at else "VERIFY-032"
    note(code, date=when(chain.revoked_at), time=when(report.claimed_time), who=_who(report, chain))


async def _tell_chain(case: Case, report: SignatureReport, certificate: x509.Certificate, enclosed: Enclosed,
                      chain: Chain, note: Note) -> None:
    if chain.state == "unknown":
        if chain.barred is not None:
            code, params = told_of_barred(chain, "signatures")
            note(code, **params)
            return
        issuer = report.certificate.issuer if report.certificate else "—"
        note("VERIFY-021" if case.trust.roots else "VERIFY-022", issuer=issuer)
        return
    if chain.state == "broken":
        note("VERIFY-023", level=None if chain.definite else Level.warning, reason=chain.detail)
        return
    if chain.state != "trusted":
        return
    note("VERIFY-020", list=chain.trust_list)
    ended = certificate.not_valid_after
    if ended < case.received_at:
        note("VERIFY-024", time=when(chain.moment), ended=when(ended))
    else:
        note("VERIFY-019", time=when(chain.moment))
    if chain.revocation == "good":
        note("VERIFY-030", time=when(chain.moment))
    else:
        note("VERIFY-034", date=(case.received_at + policy().recheck).strftime("%d/%m/%Y"))
    if chain.good_until is not None:
        note("VERIFY-088", until=when(chain.good_until), ended=when(chain.ended), time=when(chain.moment))
    if later_on := last_word_on(chain, case.trust, enclosed):
        at, who = later_on
        note("VERIFY-033", date=when(at), time=when(chain.moment), who=certificate_of(who).name)
    elif (case.trust.crls or enclosed.crls or enclosed.ocsps) and chain.moment < case.received_at <= ended:
        later = await chain_at(certificate, case.received_at, case.trust, enclosed)
        if later.state == "revoked":
            note("VERIFY-033", date=when(later.revoked_at), time=when(chain.moment), who=_who(report, later))


def _in_force(certificate: x509.Certificate, moment: datetime) -> bool:
    return bool(certificate.not_valid_before <= moment <= certificate.not_valid_after)


def _who(report: SignatureReport, chain: Chain) -> str:
    """Whose certificate is at fault: the signer's, or an issuer's above."""
    if chain.holder_concerned or report.certificate is None:
        return report.signer
    return report.certificate.issuer
