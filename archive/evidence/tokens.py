"""RFC 3161 timestamp tokens: asked for, received, read and checked against their own signature.

Nothing that a server answers is believed: status, nonce, imprint, policy, key purpose and signature are checked before
a token is kept. Whether its certificate leads to a trusted root is the business of who knows the trust lists.
"""

from __future__ import annotations

import hashlib
import secrets
import urllib.error
import urllib.request
from dataclasses import dataclass
from datetime import datetime

from asn1crypto import algos, cms, tsp, x509

from archive.evidence.asn1 import TimeStampResp
from archive.evidence.ers import BrokenRecordError, token_info
from archive.i18n import _

WEAK = frozenset({"md5", "sha1"})       # no imprint of ours, and none that we accept
_MOST = 1 << 20                         # bytes of an answer; tokens have a few thousand


class TokenError(Exception):
    """The server gave no token that can be kept: the message says why, to people.

    `kind` says it to programs: "address", "silent", "size", "unreadable", "refused"; "nonce", "algorithm", "imprint",
    "policy" (not what was asked for); "weak", "certificate", "purpose", "period", "signature".
    """

    def __init__(self, message: str, kind: str = "") -> None:
        super().__init__(message)
        self.kind = kind


@dataclass(frozen=True, slots=True)
class Token:
    """What a token states: `server` is the subject of the certificate that signed it, valid until `until`."""

    der: bytes
    time: datetime
    algorithm: str
    imprint: bytes
    serial: int
    policy: str
    nonce: int | None
    server: str
    certificate: x509.Certificate | None
    until: datetime | None


def ask(url: str, digest: bytes, algorithm: str = "sha256", *, policy: str = "", seconds: float = 60) -> Token:
    """A token over `digest` from the timestamp authority at `url` (RFC 3161, 3.4), checked.

    Raises TokenError when the server cannot be reached in `seconds`, refuses, or answers something else.
    """
    if not url.startswith(("http://", "https://")):
        raise TokenError(_("{url}: only http and https are spoken").format(url=url), "address")
    nonce = secrets.randbits(64) | 1
    body = request(digest, algorithm, nonce, policy)
    asked = urllib.request.Request(url, data=body, headers={  # noqa: S310 (the scheme was looked at)
        "Content-Type": "application/timestamp-query", "Accept": "application/timestamp-reply"})
    try:
        with urllib.request.urlopen(asked, timeout=seconds) as answer:  # noqa: S310
            data = answer.read(_MOST + 1)
    except (urllib.error.URLError, OSError, ValueError) as error:
        raise TokenError(_("no answer: {error}").format(error=getattr(error, "reason", error)), "silent") from error
    return accept(data, digest, algorithm, nonce, policy)


def request(digest: bytes, algorithm: str, nonce: int, policy: str = "") -> bytes:
    """The request for a token over `digest` (DER); the server is to enclose its certificate."""
    if algorithm in WEAK:
        raise ValueError(f"{algorithm} is too weak for evidence")
    values = {"version": 1, "nonce": nonce, "cert_req": True, "message_imprint": {
        "hash_algorithm": algos.DigestAlgorithm({"algorithm": algorithm}), "hashed_message": digest}}
    if policy:
        values["req_policy"] = policy
    der: bytes = tsp.TimeStampReq(values).dump()
    return der


def accept(data: bytes, digest: bytes, algorithm: str, nonce: int, policy: str = "") -> Token:
    """The token in a server's answer, once everything in it is what was asked for. Raises TokenError."""
    if len(data) > _MOST:
        raise TokenError(_("the answer is far too long for a timestamp"), "size")
    try:
        answer = TimeStampResp.load(data, strict=True)
        status = answer["status"]["status"].native
        said = "; ".join(answer["status"]["status_string"].native or ())
        granted = status in ("granted", "granted_with_mods")
        der = answer["time_stamp_token"].dump() if granted and answer["time_stamp_token"].native else b""
    except (ValueError, TypeError, KeyError) as error:
        raise TokenError(_("the answer cannot be read: {error}").format(error=_brief(error)), "unreadable") from error
    if not der:
        raise TokenError(_("the authority refused: {answer}").format(answer=f"{status} {said}".strip()), "refused")
    token = read(der)
    for wrong, kind, said in (
            (token.nonce != nonce, "nonce", _("the timestamp answers another question (nonce): an old answer again?")),
            (token.algorithm != algorithm, "algorithm", _("the timestamp is of another hash than was asked for")),
            (token.imprint != digest, "imprint", _("the timestamp is over something else than was asked for")),
            (policy and token.policy != policy, "policy", _("the timestamp is of another policy than was asked for"))):
        if wrong:
            raise TokenError(said, kind)
    check(token)
    return token


def read(der: bytes) -> Token:
    """What the token `der` (a ContentInfo) states; its signature is not looked at. Raises TokenError."""
    try:
        info = token_info(der)
        signed = tsp.ContentInfo.load(der)["content"]
        certificate = _signer(signed)
        imprint = info["message_imprint"]
        return Token(
            der, info["gen_time"].native, imprint["hash_algorithm"]["algorithm"].native,
            imprint["hashed_message"].native, info["serial_number"].native, info["policy"].dotted,
            info["nonce"].native, _name(certificate) if certificate else "", certificate,
            certificate.not_valid_after if certificate else None)
    except (BrokenRecordError, ValueError, TypeError, KeyError, IndexError) as error:
        wrong = _("the timestamp cannot be read: {error}").format(error=_brief(error))
        raise TokenError(wrong, "unreadable") from error


def check(token: Token) -> None:
    """Raise TokenError unless the token was signed by the certificate it encloses, for the purpose of timestamps.

    The digest of the imprint must not be a weak one, and the certificate must have been in force (RFC 3161, 2.3).
    """
    if token.algorithm in WEAK:
        raise TokenError(_("its hash algorithm {name} is too weak").format(name=token.algorithm.upper()), "weak")
    if token.certificate is None:
        raise TokenError(_("the timestamp does not enclose the certificate that signed it"), "certificate")
    usage = token.certificate.extended_key_usage_value
    if usage is None or usage.native != ["time_stamping"]:
        raise TokenError(_("the authority’s certificate is not one for timestamps (timeStamping)"), "purpose")
    if not token.certificate.not_valid_before <= token.time <= token.certificate.not_valid_after:
        raise TokenError(_("the authority’s certificate was not in force at the time of the timestamp"), "period")
    from pyhanko.sign.validation.generic_cms import validate_sig_integrity  # half a second; only where a token is

    try:
        signed = tsp.ContentInfo.load(token.der)["content"]
        signer = signed["signer_infos"][0]
        content = bytes(signed["encap_content_info"]["content"])
        actual = hashlib.new(signer["digest_algorithm"]["algorithm"].native, content).digest()
        intact, matched = validate_sig_integrity(signer, token.certificate, expected_content_type="tst_info",
                                                 actual_digest=actual)
    except Exception as error:      # whatever the library raises for a damaged token, it is not one to keep
        raise TokenError(_("the timestamp’s signature cannot be checked: {error}").format(error=error),
                         "signature") from error
    if not (intact and matched):
        raise TokenError(_("the timestamp’s signature does not fit"), "signature")


def certificates(der: bytes) -> list[x509.Certificate]:
    """The certificates that the token encloses."""
    enclosed = tsp.ContentInfo.load(der)["content"]["certificates"]
    return [one.chosen for one in enclosed if one.name == "certificate"] if enclosed.native else []


def _name(certificate: x509.Certificate) -> str:
    """The subject as people know it: its common name, else the whole of it."""
    name = certificate.subject.native.get("common_name")
    return name if isinstance(name, str) else str(certificate.subject.human_friendly)


def _signer(signed: cms.SignedData) -> x509.Certificate | None:
    if len(signed["signer_infos"]) != 1:
        raise TokenError(_("a timestamp has one signature"), "unreadable")
    known = [one.chosen for one in signed["certificates"] if one.name == "certificate"] if (
        signed["certificates"].native) else []
    named = signed["signer_infos"][0]["sid"]
    for certificate in known:
        if named.name == "issuer_and_serial_number":
            if (certificate.serial_number == named.chosen["serial_number"].native
                    and certificate.issuer == named.chosen["issuer"]):
                return certificate
        elif certificate.key_identifier == named.chosen.native:
            return certificate
    return None


def _brief(error: Exception) -> str:
    """What was wrong, without the path through the structure that the library adds in further lines."""
    return str(error).partition("\n")[0]
