"""The agency's own key for sealing: opened once from a PKCS#12 file or a PKCS#11 token, and checked before it signs.

Nothing is signed unless certificate and issuer pass (NĐ 23/2025/NĐ-CP Đ15). Must never log, keep or show the secret,
and must never try a PIN twice: tokens lock themselves.
"""

from __future__ import annotations

import asyncio
import importlib
import importlib.util
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from asn1crypto import pem, x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.serialization import pkcs12
from pyhanko.sign.signers import Signer
from pyhanko_certvalidator.registry import SimpleCertificateStore
from pyhanko_certvalidator.sig_validate import DEFAULT_SIGNATURE_VALIDATOR

from archive.findings import Finding, Level, finding, worst
from archive.settings import Settings
from ingest.signatures.chains import Chain, Enclosed, chain_at
from ingest.signatures.holders import certificate_of, folded
from ingest.signatures.policy import policy
from ingest.signatures.report import when
from ingest.signatures.sealing_table import table
from ingest.signatures.trust import TrustLists

DIGEST = "sha256"
_PROBE = b"L\xc6\xb0u Tr\xe1\xbb\xaf: does this key belong to this certificate?"
_SIGNING = {"digital_signature", "non_repudiation"}


class NoKeyError(Exception):
    """The key cannot be used as the machine is set up now; the finding says why, `pin_refused` that a PIN was spent."""

    def __init__(self, code: str, subject: str, reason: object = "", *, pin_refused: bool = False) -> None:
        self.finding = finding(code, subject, reason=reason)
        self.pin_refused = pin_refused
        super().__init__(self.finding.sentence("en"))


@dataclass(frozen=True, slots=True)
class Key:
    """An opened key: pyHanko's signer for it, its certificate, and what came along with that."""

    signer: Signer
    certificate: x509.Certificate
    others: tuple[x509.Certificate, ...] = ()


class _HeldKey(Signer):
    """A key in memory. The library's own signer would parse and check it anew for each file, which takes far longer."""

    def __init__(self, key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, certificate: x509.Certificate) -> None:
        store: Any = SimpleCertificateStore
        super().__init__(signing_cert=certificate, cert_registry=store(), embed_roots=False)
        self._key = key

    async def async_sign_raw(self, data: bytes, digest_algorithm: str, dry_run: bool = False) -> bytes:
        """The signature over `data`."""
        digest = getattr(hashes, digest_algorithm.upper())()
        if isinstance(self._key, rsa.RSAPrivateKey):
            return b"\0" * (self._key.key_size // 8) if dry_run else self._key.sign(data, PKCS1v15(), digest)
        return b"\0" * (self._key.key_size // 4 + 16) if dry_run else self._key.sign(data, ec.ECDSA(digest))


def is_configured(settings: Settings) -> bool:
    """Whether the settings name a key."""
    return bool(settings.seal.pkcs12 or settings.seal.pkcs11_module)


@contextmanager
def open_key(settings: Settings, *, unattended: bool = False) -> Iterator[Key]:
    """The key that the settings name, open until the end of the block. Raises NoKeyError.

    `unattended`: nobody watches, so a token that says of itself that a wrong PIN was given is left alone; a person may
    try once more, but for the last time that it allows.
    """
    told = settings.seal
    if told.pkcs12:
        yield _from_file(settings.path(Path(told.pkcs12)), _secret(settings), told.secret_file or told.secret_env)
    elif told.pkcs11_module:
        with _session(settings, unattended) as key:
            yield key
    else:
        raise NoKeyError("SEAL-001", "seal")


def _secret(settings: Settings) -> str | None:
    told = settings.seal
    if not told.secret_file:
        return os.environ.get(told.secret_env)
    place = settings.path(Path(told.secret_file))
    try:
        return place.read_text(encoding="utf-8").partition("\n")[0].rstrip("\r")
    except (OSError, UnicodeDecodeError) as error:
        raise NoKeyError("SEAL-006", place.name, reason=error) from error


def _from_file(path: Path, secret: str | None, where: str) -> Key:
    """The key of a PKCS#12 file; `where`: the place of its passphrase, which is named when there is none."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise NoKeyError("SEAL-002", path.name, reason=error.strerror or error) from error
    try:
        key, certificate, others = pkcs12.load_key_and_certificates(data, secret.encode() if secret else None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        # One error for a wrong passphrase and for damage; the beginning of the file tells which is likelier.
        code = "SEAL-003" if data[:1] == b"\x30" else "SEAL-002"
        raise NoKeyError(code, path.name, reason=where if code == "SEAL-003" and not secret else error) from error
    if not isinstance(key, (rsa.RSAPrivateKey, ec.EllipticCurvePrivateKey)) or certificate is None:
        raise NoKeyError("SEAL-002", path.name, reason="RSA, EC?")
    der = serialization.Encoding.DER
    held = x509.Certificate.load(certificate.public_bytes(der))
    return Key(_HeldKey(key, held), held, tuple(x509.Certificate.load(one.public_bytes(der)) for one in others))


@contextmanager
def _session(settings: Settings, unattended: bool) -> Iterator[Key]:
    """One session on the token for all files."""
    told = settings.seal
    if importlib.util.find_spec("pkcs11") is None:
        raise NoKeyError("SEAL-004", told.pkcs11_module)
    from pyhanko.config.pkcs11 import TokenCriteria
    from pyhanko.sign.pkcs11 import PKCS11Signer, open_pkcs11_session

    exceptions: Any = importlib.import_module("pkcs11.exceptions")     # not everybody has it
    subject = told.pkcs11_token or told.pkcs11_module
    secret = _secret(settings)
    if not secret:              # without one the token would open, and only its keys be out of sight
        raise NoKeyError("SEAL-003", subject, reason=told.secret_file or told.secret_env)
    given = _certificate_file(settings.path(Path(told.certificate))) if told.certificate else None
    wanted = TokenCriteria(label=told.pkcs11_token) if told.pkcs11_token else None
    try:
        _ask_pin_state(told.pkcs11_module, wanted, subject, unattended)
        session = open_pkcs11_session(told.pkcs11_module, user_pin=secret, token_criteria=wanted)
    except (exceptions.PinIncorrect, exceptions.PinInvalid, exceptions.PinLenRange, exceptions.PinLocked,
            exceptions.PinExpired) as error:
        raise NoKeyError("SEAL-003", subject, reason=type(error).__name__, pin_refused=True) from error
    except (exceptions.PKCS11Error, RuntimeError, OSError) as error:
        raise NoKeyError("SEAL-005", subject, reason=_said(error)) from error
    try:
        signer: Any = PKCS11Signer(session, key_label=told.pkcs11_key or None, embed_roots=False, signing_cert=given,
                                   cert_label=None if given else told.pkcs11_key or None)
        try:
            asyncio.run(signer.ensure_objects_loaded())
        except exceptions.PKCS11Error as error:
            raise NoKeyError("SEAL-005", subject, reason=_said(error)) from error
        yield Key(signer, signer.signing_cert)
    finally:
        with suppress(exceptions.PKCS11Error):      # the device is gone, and the session with it
            session.close()


def _ask_pin_state(module: str, wanted: Any, subject: str, unattended: bool) -> None:
    """Leave a token alone that counts wrong PINs and may lock itself: it says so before anybody logs in."""
    from pyhanko.sign.pkcs11 import find_token

    pkcs11: Any = importlib.import_module("pkcs11")
    token = find_token(pkcs11.lib(module).get_slots(), slot_no=None, token_criteria=wanted)
    if token is None:
        return                  # opening it will say so
    flags = pkcs11.TokenFlag
    if token.flags & flags.USER_PIN_LOCKED:
        raise NoKeyError("SEAL-003", subject, reason="PIN_LOCKED")
    if token.flags & (flags.USER_PIN_FINAL_TRY | (flags.USER_PIN_COUNT_LOW if unattended else flags(0))):
        raise NoKeyError("SEAL-007", subject)


def _certificate_file(path: Path) -> x509.Certificate:
    try:
        data = path.read_bytes()
        held = x509.Certificate.load(pem.unarmor(data)[2] if pem.detect(data) else data, strict=True)
        _ = held.subject.native, held.not_valid_after
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise NoKeyError("SEAL-002", path.name, reason=error) from error
    return held


def _said(error: BaseException) -> str:
    return f"{type(error).__name__} {error}".strip()


@dataclass(frozen=True, slots=True)
class Checked:
    """What the check of the own certificate brought: its chain, and the findings; any refusal forbids to sign."""

    chain: Chain
    findings: tuple[Finding, ...]

    @property
    def may_sign(self) -> bool:
        """Whether nothing forbids to sign."""
        return worst(self.findings) < Level.refused


def check_key(key: Key, moment: datetime, trust: TrustLists, agency: str) -> Checked:
    """Whether `key` may seal at `moment`: in force, from a listed issuer, not revoked, for signing, and really its own.

    `agency` is the archive's agency, with whose name the certificate's is compared. NĐ 23/2025/NĐ-CP Đ15 (own
    certificate and issuer, checked before signing); TT 15/2025/TT-BKHCN PL II 1.1-1.5 (copy).
    """
    held, subject = key.certificate, certificate_of(key.certificate).name
    chain = asyncio.run(chain_at(held, moment, trust, Enclosed(key.others)))
    found = [*_chain_findings(chain, held, subject), *_purpose(held, subject)]
    if not _own(key):
        found.append(finding("SEAL-017", subject))
    if chain.state == "trusted":
        if chain.revocation != "good":
            found.append(finding("SEAL-018", subject))
        if held.not_valid_after - moment < timedelta(days=table()["key"]["mention_days"]):
            found.append(finding("SEAL-019", subject, day=when(held.not_valid_after)))
    shown = certificate_of(held)
    if folded(agency) not in {folded(shown.name), folded(shown.organisation), folded(shown.unit)}:
        found.append(finding("SEAL-020", subject, agency=agency))
    return Checked(chain, tuple(found))


def _chain_findings(chain: Chain, held: x509.Certificate, subject: str) -> list[Finding]:
    shown = certificate_of(held)
    if chain.state == "trusted":
        return []
    if chain.state == "outside" and chain.holder_concerned:
        return [finding("SEAL-010", subject, start=when(held.not_valid_before), end=when(held.not_valid_after))]
    if chain.state == "revoked" and chain.holder_concerned:
        return [finding("SEAL-011", subject, time=when(chain.revoked_at))]
    if chain.state in ("outside", "revoked"):
        return [finding("SEAL-014", subject, issuer=shown.issuer, reason=chain.detail)]
    if chain.state == "unknown":
        return [finding("SEAL-012", subject, issuer=shown.issuer)]
    return [finding("SEAL-013", subject, reason=chain.detail)]


def _purpose(held: x509.Certificate, subject: str) -> Sequence[Finding]:
    """What the certificate itself says against signing documents: its key's purpose, length and digest."""
    found = []
    usage, basic = held.key_usage_value, held.basic_constraints_value
    if (usage is not None and not usage.native & _SIGNING) or (basic is not None and basic["ca"].native):
        found.append(finding("SEAL-015", subject))
    public = held.public_key
    if not policy().key(public.algorithm, public.bit_size) or held.hash_algo not in policy().plain:
        found.append(finding("SEAL-016", subject, algorithm=f"{public.algorithm} {public.bit_size}, {held.hash_algo}"))
    return found


def _own(key: Key) -> bool:
    """Whether the key makes signatures that the certificate's public key confirms: tried, not believed."""
    signature = asyncio.run(key.signer.async_sign_raw(_PROBE, DIGEST))
    how: Any = key.signer.get_signature_mechanism_for_digest(DIGEST)
    try:
        DEFAULT_SIGNATURE_VALIDATOR.validate_signature(signature, _PROBE, key.certificate.public_key, how)
    except (InvalidSignature, ValueError, TypeError):
        return False
    return True
