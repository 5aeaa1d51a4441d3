"""Revocation lists (CRL) and answers (OCSP): whether one can be used at all, who signed it, and what it proves.

Must never take silence for "not revoked": a list that has run out says nothing of later times, and one that was made
after a certificate's end need not name it any more (RFC 5280, 3.3).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, Literal

from asn1crypto import crl, ocsp, x509

from archive.i18n import _

# RFC 3161, 4: after these, or without a reason, nothing is believed any more that the key ever made.
COMPROMISED = frozenset({"", "key_compromise", "ca_compromise", "aa_compromise"})
_HOLD = "certificate_hold"      # suspended: the only state that ends again


@dataclass(frozen=True, slots=True)
class Revoked:
    """When a certificate was revoked and for which reason ("": none was given)."""

    at: datetime
    reason: str


_Word = tuple[datetime, datetime | None, Revoked | None]        # thisUpdate, nextUpdate, what it says


@dataclass(frozen=True, slots=True)
class Standing:
    """What lists and answers prove of one certificate at one moment.

    `good_until`: the latest moment for which one of them says "not revoked"; `ended`: when the list that says so ran
    out (its nextUpdate). `grace`: "good" only because the policy stretches a list that had run out.
    """

    state: Literal["good", "revoked", "unknown"]
    revoked: Revoked | None = None
    good_until: datetime | None = None
    ended: datetime | None = None
    grace: bool = False


def unusable(listed: crl.CertificateList) -> str:
    """Why a list cannot be used by itself: a delta of another, or one for several authorities; "" for a whole one."""
    if listed.delta_crl_indicator_value is not None:
        return _("it is a delta list, which only tells what changed: import the whole list")
    scope = listed.issuing_distribution_point_value
    if scope is not None and scope["indirect_crl"].native:
        return _("it is an indirect list, made for other authorities: import the list of the authority itself")
    return ""


def signed(listed: crl.CertificateList, by: x509.Certificate) -> bool:
    """Whether the certificate's key made the list's signature, and may make such."""
    usage = by.key_usage_value
    if usage is not None and "crl_sign" not in usage.native:
        return False
    try:
        return _holds(listed["signature"].native, listed["tbs_cert_list"].dump(), by, listed["signature_algorithm"])
    except (ValueError, TypeError, KeyError):       # damaged: nobody's
        return False


def answered(response: ocsp.OCSPResponse, issuer: x509.Certificate) -> bool:
    """Whether the answer is signed by `issuer`, or by a responder that it certified for that (RFC 6960, 4.2.2.2)."""
    if response["response_status"].native != "successful":
        return False
    basic = response.basic_ocsp_response
    made = basic["tbs_response_data"]["produced_at"].native
    for one in [issuer, *(basic["certs"] or ())]:
        if one.sha256 != issuer.sha256 and not _delegated(one, issuer, made):
            continue
        if _holds(basic["signature"].native, basic["tbs_response_data"].dump(), one, basic["signature_algorithm"]):
            return True
    return False


def concerns(single: ocsp.SingleResponse, issuer: x509.Certificate, serial: int | None = None) -> bool:
    """Whether one entry of an answer is about a certificate of `issuer` (with this `serial`)."""
    named = single["cert_id"]
    digest = named["hash_algorithm"]["algorithm"].native
    return (serial is None or named["serial_number"].native == serial) and bool(
        named["issuer_name_hash"].native == getattr(issuer.subject, digest, None)
        and named["issuer_key_hash"].native == getattr(issuer.public_key, digest, None))


def names(listed: crl.CertificateList, certificate: x509.Certificate) -> bool:
    """Whether the list would have to name `certificate` if it were revoked: made before its end, and of its kind."""
    try:
        return listed.issuer == certificate.issuer and _in_scope(listed, certificate)
    except (ValueError, TypeError, KeyError):       # damaged: it names nobody
        return False


def _in_scope(listed: crl.CertificateList, certificate: x509.Certificate) -> bool:
    made = listed["tbs_cert_list"]["this_update"].native
    if made > certificate.not_valid_after:
        # Our care: without the extension expiredCertsOnCRL a list drops what has run out (X.509, 9.5.2.8).
        kept = next((one["extn_value"] for one in listed["tbs_cert_list"]["crl_extensions"]
                     if one["extn_id"].dotted == "2.5.29.60"), None)
        if kept is None or _moment(kept) > certificate.not_valid_after:
            return False
    scope = listed.issuing_distribution_point_value
    if scope is None:
        return True
    wrong = "only_contains_user_certs" if certificate.ca else "only_contains_ca_certs"
    return not any(scope[one].native for one in (wrong, "only_contains_attribute_certs", "only_some_reasons"))


def entry_of(listed: crl.CertificateList, serial: int) -> Revoked | None:
    """What the list says of a serial number; None when it does not name it."""
    from cryptography.x509 import CRLReason, ExtensionNotFound

    entry = _quick(listed).get_revoked_certificate_by_serial_number(serial)
    if entry is None:
        return None
    try:
        reason = entry.extensions.get_extension_for_class(CRLReason).value.reason.name
    except (ExtensionNotFound, ValueError):
        reason = ""
    return Revoked(entry.revocation_date_utc, reason)


def standing(certificate: x509.Certificate, issuer: x509.Certificate, moment: datetime,
             crls: Iterable[crl.CertificateList], ocsps: Iterable[ocsp.OCSPResponse], grace: timedelta) -> Standing:
    """What is proved of `certificate` at `moment` by what its `issuer` signed.

    A revocation before `moment` stays one for ever, also by a list that ran out since, but for a suspension. "Not
    revoked" holds up to a list's nextUpdate, else up to its thisUpdate plus `grace`.
    """
    found: Revoked | None = None
    best = ended = None
    good = stretched = False
    for made, until, revoked in _said(certificate, issuer, crls, ocsps):
        runs_out = until or made
        if revoked is not None and revoked.at <= moment:
            if revoked.reason != _HOLD or moment <= runs_out:
                found = min(filter(None, (found, revoked)), key=lambda one: one.at)
            continue
        good = good or moment <= runs_out
        stretched = stretched or moment <= made + grace
        if best is None or made > best:
            best, ended = made, until
    if found is not None:
        return Standing("revoked", found)
    if good or stretched:
        return Standing("good", good_until=best, ended=ended, grace=not good)
    return Standing("unknown", good_until=best, ended=ended)


def last_word(certificate: x509.Certificate, issuer: x509.Certificate, crls: Iterable[crl.CertificateList],
              ocsps: Iterable[ocsp.OCSPResponse]) -> Revoked | None:
    """The revocation of `certificate`, whenever it was, by anything that its `issuer` signed; None: none is known."""
    found = [revoked for _made, _until, revoked in _said(certificate, issuer, crls, ocsps) if revoked is not None]
    return min(found, key=lambda one: one.at, default=None)


def _said(certificate: x509.Certificate, issuer: x509.Certificate, crls: Iterable[crl.CertificateList],
          ocsps: Iterable[ocsp.OCSPResponse]) -> Iterable[_Word]:
    """What every usable list and answer says of `certificate`; one that is damaged says nothing."""
    for thing in (*crls, *ocsps):
        try:
            yield from (_listed if isinstance(thing, crl.CertificateList) else _answers)(thing, certificate, issuer)
        except (ValueError, TypeError, KeyError, AttributeError):
            continue


def _listed(listed: crl.CertificateList, certificate: x509.Certificate, issuer: x509.Certificate) -> list[_Word]:
    if not names(listed, certificate) or unusable(listed) or not signed(listed, issuer):
        return []
    tbs = listed["tbs_cert_list"]
    return [(tbs["this_update"].native, tbs["next_update"].native, entry_of(listed, certificate.serial_number))]


def _answers(response: ocsp.OCSPResponse, certificate: x509.Certificate, issuer: x509.Certificate) -> list[_Word]:
    if response["response_status"].native != "successful":
        return []
    about = [one for one in response.response_data["responses"] if concerns(one, issuer, certificate.serial_number)]
    words: list[_Word] = []
    for single in about if about and answered(response, issuer) else ():
        made, status, revoked = single["this_update"].native, single["cert_status"], None
        if status.name == "unknown" or made > certificate.not_valid_after:
            continue
        if status.name == "revoked":
            revoked = Revoked(status.chosen["revocation_time"].native,
                              status.chosen["revocation_reason"].native or "")
        words.append((made, single["next_update"].native, revoked))
    return words


def _delegated(one: x509.Certificate, issuer: x509.Certificate, moment: datetime) -> bool:
    usage = one.extended_key_usage_value
    return bool(one.issuer == issuer.subject and usage is not None and "ocsp_signing" in usage.native
                and one.not_valid_before <= moment <= one.not_valid_after
                and _holds(one.signature, one["tbs_certificate"].dump(), issuer, one["signature_algorithm"]))


def _holds(signature: bytes, data: bytes, by: x509.Certificate, algorithm: Any) -> bool:
    from cryptography.exceptions import InvalidSignature
    from pyhanko_certvalidator.errors import DSAParametersUnavailable, PSSParameterMismatch
    from pyhanko_certvalidator.sig_validate import DEFAULT_SIGNATURE_VALIDATOR

    try:
        DEFAULT_SIGNATURE_VALIDATOR.validate_signature(signature, data, by.public_key, algorithm)
    except (InvalidSignature, PSSParameterMismatch, DSAParametersUnavailable, ValueError, TypeError, KeyError,
            NotImplementedError):
        return False
    return True


@lru_cache(maxsize=16)
def _quick(listed: crl.CertificateList) -> Any:
    """The list in a form that finds one of a hundred thousand serial numbers at once."""
    from cryptography.x509 import load_der_x509_crl

    return load_der_x509_crl(listed.dump())


def _moment(value: Any) -> datetime:
    """A GeneralizedTime inside an extension that asn1crypto does not know."""
    from asn1crypto.core import GeneralizedTime

    moment: datetime = GeneralizedTime.load(value.contents).native
    return moment.astimezone(UTC)
