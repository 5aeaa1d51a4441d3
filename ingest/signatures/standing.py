"""What holds for a signature of any kind once its bytes were checked: tokens, time and chain, algorithms, purpose.

Signatures in PDF (judge.py), CMS and XML all end here. Says nothing of integrity: must never be taken for a verdict
without it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from asn1crypto import cms, x509

from archive.findings import Level, finding
from ingest.signatures import timing
from ingest.signatures.chains import Chain, Enclosed
from ingest.signatures.finders import View, said
from ingest.signatures.grounds import keep
from ingest.signatures.policy import Use, policy
from ingest.signatures.report import Certificate, DocumentSignatures, SignatureReport, when
from ingest.signatures.tokens import judge_token, why_untrusted
from ingest.signatures.trust import TrustLists

# pyHanko logs every failed check as a warning with its traceback; the reasons of our report say the same to people.
for _name in ("pyhanko", "pyhanko_certvalidator"):
    logging.getLogger(_name).setLevel(logging.CRITICAL)

_RANK = {"valid": 0, "untrusted": 1, "broken": 2}


@dataclass(slots=True)
class Case:
    """What the judgement of every signature of one file shares."""

    subject: str                            # the file, as a person would name it
    reader: Any                             # pyHanko PdfFileReader
    view: View
    trust: TrustLists
    enclosed: Enclosed                      # what the document's security store holds
    received_at: datetime


@dataclass(frozen=True, slots=True)
class Signed:
    """One signature as the judgement needs it, whatever it was written in.

    `digests` are the names of all digests between the content and the signature value; `imprint` gives, for a
    digest's name, what a signature timestamp of this signature must be over.
    """

    certificate: x509.Certificate
    digests: Collection[str]
    enclosed: Enclosed
    imprint: Callable[[str], bytes]
    tokens: Sequence[cms.SignedData] = ()
    troubles: list[str] = field(default_factory=list)       # what could not be read among the tokens
    proofs: Sequence[tuple[int, datetime]] = ()             # document timestamps that hold: revision covered, time


class Notes:
    """Adds reasons to one report, with the file as subject and the signer among the parameters."""

    def __init__(self, report: SignatureReport, subject: str) -> None:
        self.report, self.subject = report, subject

    def __call__(self, code: str, level: Level | None = None, **params: object) -> None:
        """Add the reason `code`."""
        self.report.reasons.append(finding(code, self.subject, level=level, signer=self.report.signer, **params))


def result_for(file: str, trust: TrustLists, received_at: datetime) -> DocumentSignatures:
    """An empty result for `file`."""
    return DocumentSignatures(file=file, received_at=received_at, trust_version=trust.version, trust_lists=trust.names)


def case_for(file: str, trust: TrustLists, received_at: datetime) -> Case:
    """What the judgement of every signature of a file that is no PDF shares."""
    return Case(file, None, b"", trust, Enclosed(), received_at)


async def settle(case: Case, report: SignatureReport, signed: Signed, note: Notes) -> None:
    """Judge a signature's timestamps, its time and chain, its algorithms and the certificate's purpose."""
    token_chain = await _tokens(case, report, signed, note)
    chain = await timing.judge_time(case, report, signed.certificate, signed.enclosed, signed.proofs, note)
    keep(report, token_chain, case.trust, signed.enclosed)
    _algorithms(case, report, signed, (chain, token_chain), note)
    assert report.certificate is not None
    tell_holder(signed.certificate, report.certificate, note)


async def _tokens(case: Case, report: SignatureReport, signed: Signed, note: Notes) -> Chain | None:
    """Judge the signature timestamps; the best one becomes the report's. Returns its server's chain."""
    troubles, best = list(signed.troubles), None
    for token in signed.tokens:
        try:
            judged, chain = await judge_token(token, signed.imprint, case.trust, signed.enclosed)
        except Exception as error:  # whatever the libraries raise over a damaged token: it proves nothing
            troubles.append(said(error))
            continue
        if report.token is None or _RANK[judged.state] < _RANK[report.token.state]:
            report.token, best = judged, chain
    token = report.token
    if token is None and troubles:
        note("VERIFY-052", reason=troubles[0])
    elif token is None:
        claims = timing.readings(report.claimed_time)
        if claims:
            note("VERIFY-053", claimed=when(max(claims)), earlier=when(min(claims)))
        else:
            note("VERIFY-059")
    elif token.state == "valid":
        note("VERIFY-050", time=when(token.time), authority=token.authority)
        server = best.path[-1] if best and best.path else None
        if server is not None and server.not_valid_after < case.received_at:
            note("VERIFY-055", authority=token.authority, date=when(server.not_valid_after))
    elif token.state == "untrusted":
        code, params = why_untrusted(token, best)
        note(code, **params)
    else:
        note("VERIFY-052", reason="message imprint or signature of the token")
    return best


def _algorithms(case: Case, report: SignatureReport, signed: Signed, chains: Sequence[Chain | None],
                note: Notes) -> None:
    """Apply the dated rules to every digest and key that the verdict rests on."""
    rules = policy()
    # The moment that is proven: a token's time, else our receipt. A claimed time proves nothing.
    by_token = report.judged_by in ("token", "document_token") and report.judged_at is not None
    proven = report.judged_at if by_token and report.judged_at else case.received_at
    uses: list[tuple[str, Use, datetime]] = [(name, "document", proven) for name in signed.digests]
    if report.token and report.token.imprint and report.token.state == "valid":
        uses.append((report.token.imprint, "imprint", report.token.time))
    keys = [signed.certificate]
    for chain in filter(None, chains):
        keys += chain.path
        uses += [(link.hash_algo or "", "listed" if case.trust.name_of(link) else "certificate", link.not_valid_before)
                 for link in chain.path[1:]]       # the root is trusted as it is
    answers = {(name, use, rules.digest(name, use, moment)) for name, use, moment in uses if name}
    weak = sorted({f"{name.upper()} ({use})" for name, use, answer in answers if answer == "noted"})
    beyond = {f"{name.upper()} ({use})" for name, use, answer in answers if answer == "beyond"}
    beyond |= {f"{link.public_key.algorithm.upper()} {bits}" for link in keys
               if not rules.key(link.public_key.algorithm, bits := _bits(link))}
    if beyond:
        note("VERIFY-042", what=", ".join(sorted(beyond)))
    if weak:
        note("VERIFY-041", what=", ".join(weak))
    if not beyond and not weak:
        note("VERIFY-040")


def _bits(certificate: x509.Certificate) -> int:
    try:
        return int(certificate.public_key.bit_size or 0)
    except UnboundLocalError:       # asn1crypto has no measure for EdDSA keys
        return 0


def tell_holder(certificate: x509.Certificate, held: Certificate, note: timing.Note) -> None:
    """Note whom the certificate was issued to and for what (TT 15/2025/TT-BKHCN, Annex II 1.4 and 1.5, copy)."""
    uses = certificate.extended_key_usage_value
    named = ", ".join(uses.native) if uses is not None else "—"
    note("VERIFY-043", organisation=held.organisation or "—", title=held.title or "—", scope=named)
    usage = certificate.key_usage_value
    if usage is not None and not {"digital_signature", "non_repudiation"} & usage.native:
        note("VERIFY-044")
    if uses is not None and set(uses.native) <= policy().other_purposes:
        note("VERIFY-046", scope=named)
