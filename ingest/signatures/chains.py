"""Chains of certificates at a moment: to which list they lead, and whether they were in force and not revoked.

Offline only: what the document and the trust folder hold. Must never fetch anything, and must never say
"not revoked" unless every certificate of the chain below the root was looked up.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import lru_cache
from itertools import pairwise
from typing import Any

from asn1crypto import crl, ocsp, x509
from pyhanko_certvalidator import ValidationContext, find_valid_path
from pyhanko_certvalidator.errors import (
    DisallowedAlgorithmError,
    ExpiredError,
    InsufficientRevinfoError,
    InvalidCertificateError,
    NotYetValidError,
    PathBuildingError,
    PathValidationError,
    RevokedError,
    ValidationError,
)
from pyhanko_certvalidator.path import ValidationPath
from pyhanko_certvalidator.policy_decl import DisallowWeakAlgorithmsPolicy
from pyhanko_certvalidator.registry import SimpleTrustManager

from ingest.signatures.finders import said
from ingest.signatures.holders import certificate_of
from ingest.signatures.policy import policy
from ingest.signatures.report import ChainState, Revocation, when
from ingest.signatures.revocation import COMPROMISED, Revoked, Standing, last_word, names, standing
from ingest.signatures.trust import Belief, Purpose, TrustLists


@dataclass(frozen=True, slots=True)
class Enclosed:
    """Certificates and revocation data that a document brings along. They prove nothing by themselves."""

    certificates: tuple[x509.Certificate, ...] = ()
    crls: tuple[crl.CertificateList, ...] = ()
    ocsps: tuple[ocsp.OCSPResponse, ...] = ()

    def plus(self, certificates: Iterable[x509.Certificate] = (), crls: Iterable[crl.CertificateList] = (),
             ocsps: Iterable[ocsp.OCSPResponse] = ()) -> Enclosed:
        """The same with more."""
        return Enclosed((*self.certificates, *certificates), (*self.crls, *crls), (*self.ocsps, *ocsps))


@dataclass(frozen=True, slots=True)
class Barred:
    """The listed certificate that may not vouch here: its name, its list, what it is believed for, and why not here."""

    name: str
    trust_list: str
    why: str                    # "purpose" or "period"
    belief: Belief


@dataclass(frozen=True, slots=True)
class Chain:
    """What became of one certificate at one moment."""

    state: ChainState
    moment: datetime
    trust_list: str = ""
    path: tuple[x509.Certificate, ...] = ()     # root first; empty unless a chain was built
    revocation: Revocation = "unknown"
    revoked_at: datetime | None = None
    holder_concerned: bool = True               # the fault is the certificate's own, not an issuer's
    definite: bool = True                       # false: the library could not tell, rather than said no
    detail: str = ""
    barred: Barred | None = None                # the chain leads to the lists, but not for this
    good_until: datetime | None = None          # "not revoked" was proved up to then, by a list that ran out …
    ended: datetime | None = None               # … at that time; both only where that matters
    compromised: Revoked | None = None          # a timestamp server's: revoked later, so that nothing of it counts


async def chain_at(certificate: x509.Certificate, moment: datetime, trust: TrustLists,
                   enclosed: Enclosed, purpose: Purpose = "signatures") -> Chain:
    """The chain of `certificate` as it stood at `moment`, to an authority that is believed for `purpose`.

    Revocation data younger than `moment` count as well: they know more, and say when. First every certificate
    must be covered by such data ("good"); where data are missing or stale, the answer is "unknown".
    """
    if not trust.roots:
        return Chain("unknown", moment, detail="no trust list")
    barred = trust.barred(purpose, moment)
    chain = await _revocation_too(certificate, moment, trust, enclosed, barred)
    if purpose == "timestamps" and chain.state == "trusted":
        chain = _later_compromise(chain, trust, enclosed)
    if barred and chain.state == "unknown":
        return replace(chain, barred=await _who_is_barred(certificate, moment, trust, enclosed, barred))
    return chain


def last_word_on(chain: Chain, trust: TrustLists, enclosed: Enclosed) -> tuple[datetime, x509.Certificate] | None:
    """The first revocation in the chain after its moment by all that is known: when, and whose; None: none is known."""
    found = [(revoked.at, below) for above, below in pairwise(chain.path) if (revoked := last_word(
        below, above, _lists(trust, enclosed), (*trust.ocsps, *enclosed.ocsps))) is not None]
    return min(((at, below) for at, below in found if at > chain.moment), key=lambda one: one[0], default=None)


def told_of_barred(chain: Chain, purpose: Purpose) -> tuple[str, dict[str, Any]]:
    """The finding about a chain that leads to an authority which is not believed for this: its code and parameters."""
    barred = chain.barred
    assert barred is not None
    named = {"root": barred.name, "list": barred.trust_list}
    if barred.why == "purpose":
        return ("VERIFY-085" if purpose == "signatures" else "VERIFY-086"), named
    return "VERIFY-087", {**named, "since": barred.belief.since or "…", "until": barred.belief.until or "…",
                          "time": when(chain.moment)}


async def _revocation_too(certificate: x509.Certificate, moment: datetime, trust: TrustLists, enclosed: Enclosed,
                          barred: Collection[str]) -> Chain:
    """The chain, its certificates looked up in lists and answers: by the library, then by our rules for old ones."""
    crls, ocsps = _lists(trust, enclosed), (*trust.ocsps, *enclosed.ocsps)
    if crls or ocsps:
        thorough = await _chain(certificate, moment, trust, enclosed, "require", barred)
        if thorough is not None:
            return thorough
    plain = await _chain(certificate, moment, trust, enclosed, "soft-fail", barred)
    assert plain is not None
    if plain.revocation != "good":
        return plain
    plain = replace(plain, revocation="unknown")
    known: list[Standing] = []
    for above, below in pairwise(plain.path) if crls or ocsps else ():
        one = standing(below, above, moment, crls, ocsps, policy().grace)
        if one.revoked is not None:
            return replace(plain, state="revoked", revocation="revoked", revoked_at=one.revoked.at, trust_list="",
                           holder_concerned=below.sha256 == certificate.sha256)
        known.append(one)
    stretched = [one for one in known if one.grace or one.state == "unknown"]
    weakest = min((one for one in stretched if one.good_until), key=lambda one: one.good_until or moment, default=None)
    if weakest is not None:
        plain = replace(plain, good_until=weakest.good_until, ended=weakest.ended)
    if known and all(one.state == "good" for one in known):
        return replace(plain, revocation="good")
    return plain


def _later_compromise(chain: Chain, trust: TrustLists, enclosed: Enclosed) -> Chain:
    """RFC 3161, 4: a server's certificate that was revoked later, for its key's sake or without a reason."""
    if len(chain.path) < 2:
        return chain
    above, server = chain.path[-2:]
    revoked = last_word(server, above, _lists(trust, enclosed), (*trust.ocsps, *enclosed.ocsps))
    if revoked is None or revoked.at <= chain.moment or revoked.reason not in COMPROMISED:
        return chain
    return replace(chain, state="revoked", revocation="revoked", revoked_at=revoked.at, compromised=revoked)


async def _who_is_barred(certificate: x509.Certificate, moment: datetime, trust: TrustLists, enclosed: Enclosed,
                         barred: Mapping[str, str]) -> Barred | None:
    """The listed certificate over which the chain would go if it were believed for this; None: there is no such."""
    open_chain = await _chain(certificate, moment, trust, enclosed, "soft-fail", (), ())
    for link in open_chain.path if open_chain is not None else ():
        if (mark := link.sha256.hex()) in barred:
            return Barred(certificate_of(link).name, trust.name_of(link), barred[mark], trust.belief(link))
    return None


def _is_by(listed: crl.CertificateList, certificate: x509.Certificate) -> bool:
    try:
        return bool(listed.issuer == certificate.issuer)
    except (ValueError, TypeError, KeyError):       # damaged; the library says so in its own way
        return False


def _lists(trust: TrustLists, enclosed: Enclosed) -> tuple[crl.CertificateList, ...]:
    return (*trust.crls, *enclosed.crls)


async def _chain(certificate: x509.Certificate, moment: datetime, trust: TrustLists, enclosed: Enclosed,
                 mode: str, barred: Collection[str], crls: Sequence[crl.CertificateList] | None = None) -> Chain | None:
    """The chain with revocation `mode` of the library; None where data for "require" are missing.

    It goes over none of the `barred` certificates, whoever brings them along.
    """
    certificate = _known(certificate.dump())
    brought = (_known(one.dump()) for one in enclosed.certificates)
    others = [one for one in (*trust.others, *brought) if not barred or one.sha256.hex() not in barred]
    if crls is None:
        # Of lists made after the certificate's end the library would take silence for "not revoked".
        crls = [one for one in _lists(trust, enclosed) if names(one, certificate) or not _is_by(one, certificate)]
    context = ValidationContext(
        trust_manager=_roots(trust, barred), other_certs=others, moment=moment,
        best_signature_time=moment, crls=list(crls), ocsps=[*trust.ocsps, *enclosed.ocsps],
        allow_fetching=False, revocation_mode=mode, retroactive_revinfo=True, algorithm_usage_policy=_algorithms())
    try:
        path = await find_valid_path(certificate, context.path_builder.async_build_paths_lazy(certificate), context)
    except RevokedError as error:
        return Chain("revoked", moment, path=_certificates(error.original_path), revocation="revoked",
                     revoked_at=error.revocation_dt.astimezone(UTC), detail=said(error),
                     holder_concerned=error.is_ee_cert and not error.is_side_validation)
    except InsufficientRevinfoError as error:
        return None if mode == "require" else Chain("broken", moment, detail=said(error), definite=False)
    except (ExpiredError, NotYetValidError) as error:
        return Chain("outside", moment, path=_certificates(error.original_path), detail=said(error),
                     trust_list=_list(trust, error.original_path),
                     holder_concerned=error.is_ee_cert and not error.is_side_validation)
    except PathBuildingError as error:
        return Chain("unknown", moment, detail=said(error))
    except InvalidCertificateError as error:
        state: ChainState = "unknown" if certificate.self_signed != "no" else "broken"
        return Chain(state, moment, detail=said(error), definite=False)
    except PathValidationError as error:
        return Chain("broken", moment, path=_certificates(error.original_path), detail=said(error),
                     definite=not isinstance(error, DisallowedAlgorithmError))
    except (ValidationError, ValueError, TypeError, KeyError) as error:
        # Damaged extensions in a certificate surface as plain Python errors: the chain could not be made out.
        return Chain("broken", moment, detail=said(error), definite=False)
    return Chain("trusted", moment, path=_certificates(path), trust_list=_list(trust, path), revocation="good")


@lru_cache(maxsize=512)
def _known(der: bytes) -> x509.Certificate:
    """One object for the same certificate in all documents: the library prepares its names once an object."""
    return x509.Certificate.load(der)


def _certificates(path: ValidationPath) -> tuple[x509.Certificate, ...]:
    return tuple(path.iter_certs(include_root=True))


def _list(trust: TrustLists, path: ValidationPath) -> str:
    chain = _certificates(path)
    return trust.name_of(chain[0]) if chain else ""


@lru_cache(maxsize=8)
def _roots_of(version: str, roots: tuple[bytes, ...]) -> Any:
    return SimpleTrustManager.build([x509.Certificate.load(der) for der in roots])


def _roots(trust: TrustLists, barred: Collection[str]) -> Any:
    return _roots_of(trust.version, tuple(root.dump() for root in trust.roots if root.sha256.hex() not in barred))


@lru_cache(maxsize=1)
def _algorithms() -> DisallowWeakAlgorithmsPolicy:
    """What the library refuses outright; the dated rules are applied to the finished chain (judge.py)."""
    return DisallowWeakAlgorithmsPolicy(  # type: ignore[no-untyped-call]
        weak_hash_algos=policy().never, rsa_key_size_threshold=1024, dsa_key_size_threshold=1024)
