"""ID tokens of an identity provider (OpenID Connect Core 1.0, 3.1.3.7): believed only when all of it is right.

Two algorithms and no others: RS256 and ES256 (RFC 7518). The key is one of the provider's own (JWKS), never one that a
token brings; what a token says of its algorithm only chooses between these two and must fit the key.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

LONGEST = 16_384            # characters
LEEWAY, OLDEST = 60.0, 600.0
"""How far the clocks may be apart, and how long ago a token that just came may have been made, seconds."""
_KINDS = {"RS256": "RSA", "ES256": "EC"}
_BASE64 = re.compile(r"[A-Za-z0-9_-]+")


class NotBelievedError(Exception):
    """An answer of the identity provider is not as it must be; the text says what, for the log."""


class UnknownKeyError(NotBelievedError):
    """No key of the provider has the id that the token names: it may have new ones."""


def claims_of(token: str, keys: Iterable[Mapping[str, Any]], *, issuer: str, client: str, nonce: str, now: float,
              access_token: str = "") -> dict[str, Any]:
    """The claims of an ID token that `issuer` made for `client` and for this log-in (`nonce`).

    `keys` are those of the provider's JWKS, `now` seconds since 1970. Raises NotBelievedError, UnknownKeyError.
    """
    claims = _signed_claims(token, keys)
    _check(claims, issuer, client, nonce, now)
    if "at_hash" in claims and access_token:
        half = hashlib.sha256(access_token.encode()).digest()[:16]
        if not _same(claims["at_hash"], base64.urlsafe_b64encode(half).rstrip(b"=").decode()):
            raise NotBelievedError("at_hash")
    return claims


def access_claims(token: str, keys: Iterable[Mapping[str, Any]], *, issuer: str, audience: str,
                  now: float) -> dict[str, Any]:
    """The claims of an access token (a JWT, RFC 9068) that `issuer`, a gateway, made for `audience`.

    `keys` are those of its JWKS, `now` seconds since 1970. Raises NotBelievedError, UnknownKeyError.
    """
    claims = _signed_claims(token, keys)
    if claims.get("iss") != issuer:
        raise NotBelievedError("iss")
    told = claims.get("aud")
    if audience not in (told if isinstance(told, list) else [told]):
        raise NotBelievedError("aud")
    for name in ("exp", *(["iat"] if "iat" in claims else []), *(["nbf"] if "nbf" in claims else [])):
        if type(claims.get(name)) not in (int, float):
            raise NotBelievedError(name)
    if not claims["exp"] > now - LEEWAY:
        raise NotBelievedError("exp")
    if not max(claims.get("iat", now), claims.get("nbf", now)) <= now + LEEWAY:
        raise NotBelievedError("iat, nbf")
    return claims


def _signed_claims(token: str, keys: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """The claims of a token that one of `keys` signed. Raises NotBelievedError, UnknownKeyError."""
    if len(token) > LONGEST or token.count(".") != 2:
        raise NotBelievedError("not a signed token")
    head, body, signature = token.split(".")
    header = _json(head)
    algorithm = header.get("alg")
    if not isinstance(algorithm, str) or algorithm not in _KINDS or "crit" in header:
        raise NotBelievedError("algorithm")
    key = _key(keys, algorithm, header.get("kid"))
    _verify(algorithm, key, f"{head}.{body}".encode(), _bytes(signature))
    return _json(body)


def _check(claims: Mapping[str, Any], issuer: str, client: str, nonce: str, now: float) -> None:
    """Whether the claims are about this log-in. Raises NotBelievedError."""
    if claims.get("iss") != issuer:
        raise NotBelievedError("iss")
    told = claims.get("aud")
    audience = told if isinstance(told, list) else [told]
    if client not in audience or (len(audience) > 1 and claims.get("azp") != client) or \
            claims.get("azp", client) != client:
        raise NotBelievedError("aud")
    subject = claims.get("sub")
    if not isinstance(subject, str) or not 0 < len(subject) <= 255:
        raise NotBelievedError("sub")
    for name in ("exp", "iat", *(["nbf"] if "nbf" in claims else [])):
        if type(claims.get(name)) not in (int, float):
            raise NotBelievedError(name)
    if not claims["exp"] > now - LEEWAY:
        raise NotBelievedError("exp")
    if not now - OLDEST <= claims["iat"] <= now + LEEWAY:
        raise NotBelievedError("iat")
    if not claims.get("nbf", now) <= now + LEEWAY:
        raise NotBelievedError("nbf")
    if not _same(claims.get("nonce"), nonce):
        raise NotBelievedError("nonce")


def _key(keys: Iterable[Mapping[str, Any]], algorithm: str, key_id: object) -> Mapping[str, Any]:
    """The provider's key for signatures of `algorithm` with this id; without an id the only one that there is."""
    fit = [key for key in keys if key.get("kty") == _KINDS[algorithm] and key.get("use", "sig") == "sig"
           and key.get("alg", algorithm) == algorithm]
    if key_id is not None:
        fit = [key for key in fit if key.get("kid") == key_id]
    if not fit:
        raise UnknownKeyError("key")
    if len(fit) > 1:
        raise NotBelievedError("several keys")
    return fit[0]


def _verify(algorithm: str, key: Mapping[str, Any], signed: bytes, signature: bytes) -> None:
    try:
        if algorithm == "RS256":
            modulus = _number(key.get("n"))
            if not 2048 <= modulus.bit_length() <= 8192:
                raise NotBelievedError("length of the key")
            rsa.RSAPublicNumbers(_number(key.get("e")), modulus).public_key().verify(
                signature, signed, padding.PKCS1v15(), SHA256())
            return
        if key.get("crv") != "P-256" or len(signature) != 64:
            raise NotBelievedError("curve")
        point = ec.EllipticCurvePublicNumbers(_number(key.get("x")), _number(key.get("y")), ec.SECP256R1())
        point.public_key().verify(
            encode_dss_signature(int.from_bytes(signature[:32]), int.from_bytes(signature[32:])), signed,
            ec.ECDSA(SHA256()))
    except (InvalidSignature, ValueError, OverflowError) as error:
        raise NotBelievedError("signature") from error


def _json(part: str) -> dict[str, Any]:
    try:
        told = json.loads(_bytes(part), object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        raise NotBelievedError("not JSON") from error
    if not isinstance(told, dict):
        raise NotBelievedError("not an object")
    return told


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object in which no name stands twice: two readers could take it for two things."""
    if len({name for name, _value in pairs}) != len(pairs):
        raise ValueError("a name stands twice")
    return dict(pairs)


def _bytes(text: object) -> bytes:
    if not isinstance(text, str) or not _BASE64.fullmatch(text) or len(text) % 4 == 1:
        raise NotBelievedError("not base64url")
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _number(text: object) -> int:
    return int.from_bytes(_bytes(text))


def _same(given: object, wanted: str) -> bool:
    return isinstance(given, str) and hmac.compare_digest(given.encode(), wanted.encode())
