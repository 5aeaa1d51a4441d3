"""The register of trust: which certificates and revocation lists an archive believes, since when, and who confirmed it.

The working copy is the trust folder that verification reads. What was ever in it is kept in the store's object of
trust, each change a new version and an event of the ledger (S17: a list with history and approval). A certificate that
somebody only dropped into the folder is shown as not confirmed. The product brings no root of its own.
"""

from __future__ import annotations

import hashlib
import json
import urllib.error
import urllib.request
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from asn1crypto import crl, pem, x509

from archive import clock
from archive.catalogue import record
from archive.errors import RefusedError, UsageError
from archive.files import json_bytes, write_atomically
from archive.i18n import _
from archive.ledger import Entry, event_key
from archive.opening import Archive
from archive.store import NewFile
from ingest.signatures.trust import TrustLists, load_trust

OBJECT = "urn:luutru:trust"
REGISTER = "register.json"
PURPOSES = ("signatures", "timestamps", "both")
_MOST = 64 << 20                # bytes of a revocation list that is fetched


@dataclass(frozen=True, slots=True)
class Trusted:
    """One certificate of the register: list, fingerprint (SHA-256, hex), validity, purpose, and who confirmed it."""

    list: str
    sha256: str
    name: str
    issuer: str
    valid_from: str
    valid_to: str
    root: bool
    purpose: str
    confirmed_by: str
    reason: str
    added_at: str


@dataclass(frozen=True, slots=True)
class Held:
    """A certificate as it stands: its `entry` in the register (None: only dropped into the folder), if it is there."""

    sha256: str
    name: str
    list: str
    valid_to: str
    root: bool
    entry: Trusted | None
    present: bool


@dataclass(frozen=True, slots=True)
class Fetched:
    """What came of fetching one revocation list."""

    url: str
    issuer: str = ""
    number: int | None = None
    this_update: datetime | None = None
    next_update: datetime | None = None
    revoked: int = 0
    reason: str = ""            # why it was not taken; empty when it was


def read_register(archive: Archive) -> list[Trusted]:
    """The certificates of the register, in the order in which they were added."""
    if not archive.store.has(OBJECT):
        return []
    told = json.loads(archive.store.read(OBJECT, REGISTER))
    return [Trusted(**one) for one in told["certificates"]]


def held(archive: Archive) -> list[Held]:
    """What the trust folder holds and what the register says of it."""
    lists = load_trust(archive.settings.path(archive.settings.signatures.trust))
    known = {one.sha256: one for one in read_register(archive)}
    found = []
    for certificate in (*lists.roots, *lists.others):
        mark = hashlib.sha256(certificate.dump()).hexdigest()
        found.append(Held(mark, name_of(certificate), lists.name_of(certificate),
                          clock.stamp(certificate.not_valid_after), certificate.self_signed != "no",
                          known.pop(mark, None), True))
    return found + [Held(one.sha256, one.name, one.list, one.valid_to, one.root, one, False) for one in known.values()]


def add(archive: Archive, files: Iterable[Path], into: str, purpose: str, confirmed_by: str, reason: str,
        actor: str) -> list[Trusted]:
    """Take certificates into the list `into`; the caller owns the archive.

    Raises UsageError for a file that is no certificate, RefusedError for one that is no authority's.
    """
    if not into or "/" in into or into.startswith("."):
        raise UsageError(_("“{name}” cannot be the name of a trust list").format(name=into))
    now = clock.stamp(clock.now())
    register = {one.sha256: one for one in read_register(archive)}
    fresh: dict[str, tuple[Trusted, bytes]] = {}
    for path in files:
        for der in ders_of(path):
            certificate = _certificate(der, path)
            mark = hashlib.sha256(der).hexdigest()
            fresh[mark] = (Trusted(
                into, mark, name_of(certificate), str(certificate.issuer.human_friendly),
                clock.stamp(certificate.not_valid_before), clock.stamp(certificate.not_valid_after),
                certificate.self_signed != "no", purpose, confirmed_by, reason, now), der)
    register |= {mark: entry for mark, (entry, _der) in fresh.items()}
    _write(archive, list(register.values()), {f"certificates/{mark}.der": der for mark, (_entry, der) in fresh.items()})
    with archive.catalogue.session() as session:
        record(session, archive.ledger, [Entry("trust_added", mark, asdict(entry), event_key("trust_added", mark, now),
                                               actor=actor) for mark, (entry, _der) in fresh.items()])
    place = archive.settings.path(archive.settings.signatures.trust) / into
    place.mkdir(parents=True, exist_ok=True)
    for mark, (_entry, der) in fresh.items():
        write_atomically(place / f"{mark[:16]}.der", der)
    return [entry for entry, _der in fresh.values()]


def remove(archive: Archive, mark: str, reason: str, actor: str) -> Trusted | None:
    """Take the certificate of this fingerprint (or its beginning) out of the lists; the store keeps it for ever.

    Returns its entry, None where it was only dropped into the folder. Raises UsageError for none or several.
    """
    found = [one for one in held(archive) if one.sha256.startswith(mark.replace(":", "").lower())]
    if len(found) != 1:
        raise UsageError(_("{n} certificates begin with {mark}").format(n=len(found), mark=mark))
    one, now = found[0], clock.stamp(clock.now())
    register = [entry for entry in read_register(archive) if entry.sha256 != one.sha256]
    _write(archive, register, {})
    with archive.catalogue.session() as session:
        record(session, archive.ledger, [Entry("trust_removed", one.sha256, {
            "list": one.list, "name": one.name, "reason": reason}, event_key("trust_removed", one.sha256, now),
            actor=actor)])
    folder = archive.settings.path(archive.settings.signatures.trust)
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in (".pem", ".crt", ".cer", ".der") and path.is_file():
            rest = [der for der in ders_of(path) if hashlib.sha256(der).hexdigest() != one.sha256]
            if not rest:
                path.unlink()
            elif len(rest) < len(ders_of(path)):
                write_atomically(path, b"".join(pem.armor("CERTIFICATE", der) for der in rest))
    return one.entry


def restore(archive: Archive) -> int:
    """Write the register's certificates into the trust folder again (a lost folder, a new machine); how many."""
    count = 0
    for entry in read_register(archive):
        place = archive.settings.path(archive.settings.signatures.trust) / entry.list / f"{entry.sha256[:16]}.der"
        if not place.exists():
            place.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(place, archive.store.read(OBJECT, f"certificates/{entry.sha256}.der"))
            count += 1
    return count


def addresses(lists: TrustLists) -> list[str]:
    """Where the trusted certificates say that revocation lists of their issuers are, each address once."""
    found: dict[str, None] = {}
    for certificate in (*lists.others, *lists.roots):
        for point in certificate.crl_distribution_points:
            if point.url:
                found[point.url] = None
    return list(found)


def fetch(archive: Archive, urls: Sequence[str], seconds: float, actor: str) -> list[Fetched]:
    """Fetch revocation lists and take those that a trusted certificate signed; the caller owns the archive."""
    found = []
    for url in urls:
        if not url.startswith(("http://", "https://")):
            found.append(Fetched(url, reason=_("only http and https are fetched")))
            continue
        try:
            with urllib.request.urlopen(url, timeout=seconds) as answer:  # noqa: S310 (the scheme was looked at)
                data = answer.read(_MOST + 1)
        except (urllib.error.URLError, OSError, ValueError) as error:
            found.append(Fetched(url, reason=str(error)))
            continue
        found.append(take(archive, data, url, actor))
    return found


def take(archive: Archive, data: bytes, source: str, actor: str) -> Fetched:
    """Take one revocation list (DER or PEM) when a certificate of the lists signed it; the caller owns the archive."""
    lists = load_trust(archive.settings.path(archive.settings.signatures.trust))
    try:
        der = pem.unarmor(data)[2] if pem.detect(data) else data
        if len(der) > _MOST:
            raise ValueError(_("the list is too long"))
        listed = crl.CertificateList.load(der, strict=True)
        tbs = listed["tbs_cert_list"]
        told = Fetched(source, str(listed.issuer.human_friendly), listed.crl_number_value.native
                       if listed.crl_number_value else None, tbs["this_update"].native, tbs["next_update"].native,
                       len(tbs["revoked_certificates"] or ()))
    except (ValueError, TypeError, KeyError) as error:
        return Fetched(source, reason=_("not a revocation list: {error}").format(error=error))
    issuer = next((one for one in (*lists.roots, *lists.others)
                   if one.subject == listed.issuer and _signed(listed, one)), None)
    if issuer is None:
        return _refused(told, _("no certificate of the trust lists signed it"))
    folder = archive.settings.path(archive.settings.signatures.trust) / lists.name_of(issuer)
    place = folder / f"{hashlib.sha256(listed.issuer.dump()).hexdigest()[:16]}.crl"
    if place.exists() and _older(listed, place):
        return _refused(told, _("a newer list is there already"))
    digest = hashlib.sha256(der).hexdigest()
    archive.store.put(OBJECT, {f"crls/{digest}.crl": NewFile(der)}, message="revocation list", user="luutru",
                      created=clock.now())
    with archive.catalogue.session() as session:
        record(session, archive.ledger, [Entry("revocations_updated", told.issuer[:200], {
            "sha256": digest, "source": source, "number": str(told.number or ""), "revoked": told.revoked,
            "this_update": clock.stamp(told.this_update) if told.this_update else "",
            "next_update": clock.stamp(told.next_update) if told.next_update else ""},
            event_key("revocations_updated", told.issuer, digest), actor=actor)])
    write_atomically(place, der)
    return told


def ders_of(path: Path) -> list[bytes]:
    """The DER objects of a PEM or DER file. Raises UsageError for an unreadable one."""
    try:
        data = path.read_bytes()
        return [der for _kind, _headers, der in pem.unarmor(data, multiple=True)] if pem.detect(data) else [data]
    except (OSError, ValueError) as error:
        raise UsageError(f"{path}: {error}") from error


def name_of(certificate: x509.Certificate) -> str:
    """A certificate's subject as people know it: its common name, else the whole."""
    name = certificate.subject.native.get("common_name")
    return name if isinstance(name, str) else str(certificate.subject.human_friendly)


def _certificate(der: bytes, path: Path) -> x509.Certificate:
    try:
        certificate = x509.Certificate.load(der, strict=True)
        for read in (certificate.subject, certificate.issuer, certificate.public_key["algorithm"]):
            read.native     # noqa: B018 (a damaged part shows only when it is read)
    except (ValueError, TypeError, KeyError) as error:
        raise UsageError(_("{file}: not a certificate").format(file=path)) from error
    if not certificate.ca:
        raise RefusedError(_("{name} is not the certificate of an authority: it could not vouch for others").format(
            name=name_of(certificate)))
    return certificate


def _write(archive: Archive, register: Sequence[Trusted], files: dict[str, bytes]) -> None:
    body = {"schema": "luutru/trust/1", "certificates": [asdict(one) for one in register]}
    kept = {path: NewFile(der) for path, der in files.items()}
    archive.store.put(OBJECT, {REGISTER: NewFile(json_bytes(body)), **kept}, message="trust", user="luutru",
                      created=clock.now())


def _signed(listed: crl.CertificateList, by: x509.Certificate) -> bool:
    """Whether the certificate's key made the list's signature."""
    from cryptography.exceptions import InvalidSignature
    from pyhanko_certvalidator.sig_validate import DEFAULT_SIGNATURE_VALIDATOR

    try:
        DEFAULT_SIGNATURE_VALIDATOR.validate_signature(
            listed["signature"].native, listed["tbs_cert_list"].dump(), by.public_key, listed["signature_algorithm"])
    except (InvalidSignature, ValueError, TypeError, KeyError, NotImplementedError):
        return False
    return True


def _refused(told: Fetched, reason: str) -> Fetched:
    return Fetched(told.url, told.issuer, told.number, told.this_update, told.next_update, told.revoked, reason)


def _older(listed: crl.CertificateList, place: Path) -> bool:
    try:
        known = crl.CertificateList.load(place.read_bytes(), strict=True)["tbs_cert_list"]["this_update"].native
    except (ValueError, TypeError, KeyError):
        return False
    return bool(listed["tbs_cert_list"]["this_update"].native < known)
