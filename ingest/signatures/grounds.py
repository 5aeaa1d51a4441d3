"""What a judgement rested on, to be kept with it for ever: certificates, revocation lists and answers.

Must never keep as a ground what its issuer did not sign, or what says nothing of the certificate.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any, Literal

from asn1crypto import crl, x509

from ingest.signatures import revocation
from ingest.signatures.chains import Chain, Enclosed
from ingest.signatures.holders import certificate_of
from ingest.signatures.report import RevocationData, SignatureReport
from ingest.signatures.trust import TrustLists

_DAMAGED = (ValueError, TypeError, KeyError, AttributeError)     # what asn1crypto raises where it is damaged


def keep(report: SignatureReport, chain: Chain | None, trust: TrustLists, enclosed: Enclosed) -> None:
    """Keep in `report` the certificates of `chain`, signer first, and what was said of their revocation (S16)."""
    if chain is None:
        return
    known = set(report.evidence)
    report.evidence += [der for link in reversed(chain.path) if (der := link.dump()) not in known]
    for one in grounds(chain, trust, enclosed):
        if one not in report.revocation_data:
            report.revocation_data.append(one)


def grounds(chain: Chain, trust: TrustLists, enclosed: Enclosed) -> Iterator[RevocationData]:
    """Of each certificate below the root: the newest that is said, the newest by the moment, and what names it revoked.

    A folder of trust may hold the lists of many years; these are the ones that can have decided.
    """
    sources: tuple[tuple[Literal["document", "trust"], Sequence[Any]], ...] = (
        ("document", (*enclosed.crls, *enclosed.ocsps)), ("trust", (*trust.crls, *trust.ocsps)))
    for above, below in pairwise(chain.path):
        for origin, things in sources:
            said = sorted(filter(None, (_said(thing, below, above) for thing in things)), key=lambda one: one.made,
                          reverse=True)
            by_then = [one for one in said if one.made <= chain.moment]
            for choice in (said, by_then, [one for one in said if one.revoked]):
                best = next((one for one in choice if _is_signed(one, above)), None)
                if best is not None:
                    yield RevocationData(best.kind, origin, certificate_of(above).name, best.made, best.until,
                                         best.thing.dump())


@dataclass(frozen=True, slots=True)
class _Said:
    """What one list or answer says of a certificate: from when, until when, and whether it names it as revoked."""

    kind: Literal["crl", "ocsp"]
    made: datetime
    until: datetime | None
    revoked: bool
    thing: Any


def _said(thing: Any, below: x509.Certificate, above: x509.Certificate) -> _Said | None:
    """What `thing` says of `below`; None where it says nothing, or is damaged."""
    try:
        if isinstance(thing, crl.CertificateList):
            if not revocation.names(thing, below) or revocation.unusable(thing):
                return None
            tbs = thing["tbs_cert_list"]
            return _Said("crl", tbs["this_update"].native, tbs["next_update"].native,
                         revocation.entry_of(thing, below.serial_number) is not None, thing)
        if thing["response_status"].native != "successful":
            return None
        single = next((one for one in thing.response_data["responses"]
                       if revocation.concerns(one, above, below.serial_number)), None)
        if single is None:
            return None
        return _Said("ocsp", single["this_update"].native, single["next_update"].native,
                     single["cert_status"].name == "revoked", thing)
    except _DAMAGED:
        return None


def _is_signed(one: _Said, above: x509.Certificate) -> bool:
    try:
        return (revocation.signed if one.kind == "crl" else revocation.answered)(one.thing, above)
    except _DAMAGED:
        return False
