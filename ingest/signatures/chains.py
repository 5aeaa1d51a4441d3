"""Chains of certificates at a moment: to which list they lead, and whether they were in force and not revoked.

Offline only: what the document and the trust folder hold. Must never fetch anything, and must never say
"not revoked" unless every certificate of the chain below the root was looked up.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import lru_cache
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
from ingest.signatures.policy import policy
from ingest.signatures.report import ChainState, Revocation
from ingest.signatures.trust import TrustLists


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


async def chain_at(certificate: x509.Certificate, moment: datetime, trust: TrustLists,
                   enclosed: Enclosed) -> Chain:
    """The chain of `certificate` as it stood at `moment`.

    Revocation data younger than `moment` count as well: they know more, and say when. First every certificate
    must be covered by such data ("good"); where data are missing or stale, the answer is "unknown".
    """
    if not trust.roots:
        return Chain("unknown", moment, detail="no trust list")
    if trust.crls or enclosed.crls or enclosed.ocsps:
        thorough = await _chain(certificate, moment, trust, enclosed, "require")
        if thorough is not None:
            return thorough
    plain = await _chain(certificate, moment, trust, enclosed, "soft-fail")
    assert plain is not None
    return replace(plain, revocation="unknown") if plain.revocation == "good" else plain


async def _chain(certificate: x509.Certificate, moment: datetime, trust: TrustLists, enclosed: Enclosed,
                 mode: str) -> Chain | None:
    """The chain with revocation `mode` of the library; None where data for "require" are missing."""
    context = ValidationContext(
        trust_manager=_roots(trust), other_certs=[*trust.others, *enclosed.certificates], moment=moment,
        best_signature_time=moment, crls=[*trust.crls, *enclosed.crls], ocsps=list(enclosed.ocsps),
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


def _certificates(path: ValidationPath) -> tuple[x509.Certificate, ...]:
    return tuple(path.iter_certs(include_root=True))


def _list(trust: TrustLists, path: ValidationPath) -> str:
    chain = _certificates(path)
    return trust.name_of(chain[0]) if chain else ""


@lru_cache(maxsize=8)
def _roots_of(version: str, roots: tuple[bytes, ...]) -> Any:
    return SimpleTrustManager.build([x509.Certificate.load(der) for der in roots])


def _roots(trust: TrustLists) -> Any:
    return _roots_of(trust.version, tuple(root.dump() for root in trust.roots))


@lru_cache(maxsize=1)
def _algorithms() -> DisallowWeakAlgorithmsPolicy:
    """What the library refuses outright; the dated rules are applied to the finished chain (judge.py)."""
    return DisallowWeakAlgorithmsPolicy(  # type: ignore[no-untyped-call]
        weak_hash_algos=policy().never, rsa_key_size_threshold=1024, dsa_key_size_threshold=1024)
