"""The register of trust: which certificates and revocation lists an archive believes, since when, and who confirmed it.

The working copy is the trust folder that verification reads. What was ever in it is kept in the store's object of
trust, each change a new version and an event of the ledger (S17: a list with history and approval). A certificate that
somebody only dropped into the folder is shown as not confirmed. The product brings no root of its own.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from asn1crypto import pem, x509

from archive import clock
from archive.catalogue import record
from archive.errors import RefusedError, UsageError
from archive.files import json_bytes, write_atomically
from archive.i18n import _
from archive.ledger import Entry, event_key
from archive.opening import Archive
from archive.store import NewFile
from ingest.signatures.trust import CERTIFICATES, FOLDER_REGISTER, HISTORY, load_trust

OBJECT = "urn:luutru:trust"
REGISTER = "register.json"
MOST = 64 << 20                 # bytes of a certificate's file or of a revocation list
PURPOSES = ("signatures", "timestamps", "both")
_FIELDS = {"from": "since", "to": "until"}      # names of the JSON that Python keeps for itself


@dataclass(frozen=True, slots=True)
class Trusted:
    """One certificate of the register: list, fingerprint (SHA-256, hex), validity, purpose, and who confirmed it.

    `since` and `until` (YYYY-MM-DD, Vietnam, both included; empty: no bound) say for signatures of which time it is
    believed; what a certificate says of itself is in `valid_from` and `valid_to`.
    """

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
    since: str = ""
    until: str = ""
    added_by: str = "luutru"


@dataclass(frozen=True, slots=True)
class Removed:
    """A certificate that is believed no longer: when and why it was taken out, and by whom."""

    sha256: str
    list: str
    name: str
    reason: str
    removed_at: str
    removed_by: str


@dataclass(frozen=True, slots=True)
class Register:
    """The register as it stands; `number` counts up with every change of it."""

    number: int = 0
    changed_at: str = ""
    changed_by: str = ""
    certificates: tuple[Trusted, ...] = ()
    removed: tuple[Removed, ...] = ()


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


def read_register(archive: Archive) -> Register:
    """The register of the store; an empty one before the first certificate was added."""
    if not archive.store.has(OBJECT) or REGISTER not in archive.store.files(OBJECT):
        return Register()
    told = json.loads(archive.store.read(OBJECT, REGISTER))
    certificates = tuple(Trusted(**{_FIELDS.get(key, key): value for key, value in one.items()})
                         for one in told["certificates"])
    # Before numbers were given: one change for each certificate.
    return Register(told.get("number", len(certificates)), told.get("changed_at", ""), told.get("changed_by", ""),
                    certificates, tuple(Removed(**one) for one in told.get("removed", ())))


def held(archive: Archive) -> list[Held]:
    """What the trust folder holds and what the register says of it."""
    lists = load_trust(_folder(archive))
    known = {one.sha256: one for one in read_register(archive).certificates}
    found = []
    for certificate in (*lists.roots, *lists.others):
        mark = hashlib.sha256(certificate.dump()).hexdigest()
        found.append(Held(mark, name_of(certificate), lists.name_of(certificate),
                          clock.stamp(certificate.not_valid_after), certificate.self_signed != "no",
                          known.pop(mark, None), True))
    return found + [Held(one.sha256, one.name, one.list, one.valid_to, one.root, one, False) for one in known.values()]


def add(archive: Archive, files: Iterable[Path], into: str, purpose: str, confirmed_by: str, reason: str,
        actor: str, *, since: str = "", until: str = "") -> list[Trusted]:
    """Take certificates into the list `into`; the caller owns the archive.

    A certificate that is there already is entered anew; where nothing about it would change, its entry stays as it is.
    `since` and `until` bound the time for which it is believed. Raises UsageError for a file that is no certificate and
    for an empty name or reason, RefusedError for a certificate that is no authority's.
    """
    if not confirmed_by.strip():
        raise UsageError(_("Say who compared the fingerprint with the publisher's: --confirmed-by"))
    _ask_reason(reason)
    if not into or "/" in into or into.startswith(".") or into == HISTORY:
        raise UsageError(_("“{name}” cannot be the name of a trust list").format(name=into))
    if since and until and until < since:
        raise UsageError(_("The last day comes before the first."))
    now, register = clock.stamp(clock.now()), read_register(archive)
    fresh: dict[str, tuple[Trusted, bytes]] = {}
    for path in files:
        for der in ders_of(path):
            certificate = _certificate(der, path)
            mark = hashlib.sha256(der).hexdigest()
            fresh[mark] = (Trusted(
                into, mark, name_of(certificate), common_name(certificate.issuer),
                clock.stamp(certificate.not_valid_before), clock.stamp(certificate.not_valid_after),
                certificate.self_signed != "no", purpose, confirmed_by, reason, now, since, until, actor), der)
    same = {one.sha256: one for one in register.certificates if one.sha256 in fresh and one == replace(
        fresh[one.sha256][0], added_at=one.added_at, added_by=one.added_by)}
    told = [same.get(mark, entry) for mark, (entry, _der) in fresh.items()]
    for mark in same:
        _lay(archive, same[mark], fresh.pop(mark)[1])
    if not fresh:
        settle(archive)
        return told
    others = [one for one in register.certificates if one.sha256 not in fresh]
    removed = tuple(one for one in register.removed if one.sha256 not in fresh)
    changed = Register(register.number + 1, now, actor, (*others, *(entry for entry, _der in fresh.values())), removed)
    _write(archive, changed, {f"certificates/{mark}.der": der for mark, (_entry, der) in fresh.items()})
    settle(archive)
    for entry, der in fresh.values():
        _lay(archive, entry, der)
    return told


def remove(archive: Archive, mark: str, reason: str, actor: str) -> Trusted | None:
    """Take the certificate of this fingerprint (or its beginning) out of the lists; the store keeps it for ever.

    Returns its entry, None where it was only dropped into the folder. Raises UsageError for none or several, and for
    an empty reason.
    """
    _ask_reason(reason)
    found = [one for one in held(archive) if one.sha256.startswith(mark.replace(":", "").lower())]
    if not found:
        raise UsageError(_("No certificate begins with {mark}: luutru trust list").format(mark=mark))
    if len(found) != 1:
        raise UsageError(_("{n} certificates begin with {mark}").format(n=len(found), mark=mark))
    one, now, register = found[0], clock.stamp(clock.now()), read_register(archive)
    gone = Removed(one.sha256, one.list, one.name, reason, now, actor)
    rest = tuple(entry for entry in register.certificates if entry.sha256 != one.sha256)
    before = tuple(entry for entry in register.removed if entry.sha256 != one.sha256)
    _write(archive, Register(register.number + 1, now, actor, rest, (*before, gone)), {})
    settle(archive)
    _take_out(archive, one.sha256)
    return one.entry


def settle(archive: Archive) -> None:
    """Let the ledger and the trust folder say what the register says; the caller owns the archive.

    After every change, and before a night looks back: a killed command may have left the store ahead. Certificates
    that are missing in the folder are left to `restore`, which a person calls.
    """
    register = read_register(archive)
    if not register.number:
        return
    entries = [Entry("trust_added", one.sha256, {**_as_told(one), "number": register.number},
                     event_key("trust_added", one.sha256, one.added_at), one.added_by)
               for one in register.certificates]
    entries += [Entry("trust_removed", one.sha256, {
        "list": one.list, "name": one.name, "reason": one.reason, "number": register.number},
        event_key("trust_removed", one.sha256, one.removed_at), one.removed_by) for one in register.removed]
    with archive.catalogue.session() as session:
        record(session, archive.ledger, entries)
    told = json_bytes({
        "schema": "luutru/trust-folder/1", "number": register.number, "changed_at": register.changed_at,
        "changed_by": register.changed_by, "removed": [one.sha256 for one in register.removed], "certificates": [
            {"sha256": one.sha256, "list": one.list, "purpose": one.purpose, "confirmed_by": one.confirmed_by,
             "from": one.since, "to": one.until} for one in register.certificates]})
    place = _folder(archive) / FOLDER_REGISTER
    if not place.exists() or place.read_bytes() != told:
        place.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(place, told)


def restore(archive: Archive) -> int:
    """Write the register's certificates into the trust folder again (a lost folder, a new machine); how many."""
    count = 0
    for entry in read_register(archive).certificates:
        place = _folder(archive) / entry.list / f"{entry.sha256[:16]}.der"
        if not place.exists():
            place.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(place, archive.store.read(OBJECT, f"certificates/{entry.sha256}.der"))
            count += 1
    settle(archive)
    return count


def ders_of(path: Path) -> list[bytes]:
    """The DER objects of a PEM or DER file. Raises UsageError for an unreadable one."""
    try:
        data = bytes_of(path)
        return [der for _kind, _headers, der in pem.unarmor(data, multiple=True)] if pem.detect(data) else [data]
    except (OSError, ValueError) as error:
        raise UsageError(f"{path}: {error}") from error


def bytes_of(path: Path) -> bytes:
    """What a file holds, up to one byte more than any list or certificate may have (`MOST`).

    Raises UsageError for a pipe or a device, which would never end.
    """
    if not path.is_file():
        raise UsageError(_("{file}: not a file but a device, a pipe or a folder").format(file=path))
    with path.open("rb") as stream:
        return stream.read(MOST + 1)


def certificates_of(path: Path) -> list[x509.Certificate]:
    """The certificates in a PEM or DER file, whosever they are. Raises UsageError."""
    return [_readable(der, path) for der in ders_of(path)]


def name_of(certificate: x509.Certificate) -> str:
    """A certificate's subject as people know it: its common name, else the whole."""
    return common_name(certificate.subject)


def common_name(name: x509.Name) -> str:
    """The common name of a subject or an issuer, else the whole name."""
    found = name.native.get("common_name")
    return found if isinstance(found, str) else str(name.human_friendly)


def _readable(der: bytes, path: Path) -> x509.Certificate:
    try:
        certificate = x509.Certificate.load(der, strict=True)
        for read in (certificate.subject, certificate.issuer, certificate.public_key["algorithm"]):
            read.native     # noqa: B018 (a damaged part shows only when it is read)
    except (ValueError, TypeError, KeyError) as error:
        raise UsageError(_("{file}: not a certificate").format(file=path)) from error
    return certificate


def _certificate(der: bytes, path: Path) -> x509.Certificate:
    certificate = _readable(der, path)
    if not certificate.ca:
        raise RefusedError(_("{name} is not the certificate of an authority: it could not vouch for others").format(
            name=name_of(certificate)))
    return certificate


def _folder(archive: Archive) -> Path:
    return archive.settings.path(archive.settings.signatures.trust)


def _lay(archive: Archive, entry: Trusted, der: bytes) -> None:
    """Put a certificate of the register where verification reads it, and there only."""
    place = _folder(archive) / entry.list / f"{entry.sha256[:16]}.der"
    place.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(place, der)
    _take_out(archive, entry.sha256, but=place)


def _ask_reason(reason: str) -> None:
    if not reason.strip():
        raise UsageError(_("Say why: --reason"))


def _take_out(archive: Archive, mark: str, but: Path | None = None) -> None:
    """Take a certificate out of the folder's files, wherever it lies, `but` one."""
    for path in sorted(_folder(archive).rglob("*")):
        if path.suffix.lower() in CERTIFICATES and path.is_file() and path != but:
            known = ders_of(path)
            rest = [der for der in known if hashlib.sha256(der).hexdigest() != mark]
            if not rest:
                path.unlink()
            elif len(rest) < len(known):
                write_atomically(path, b"".join(pem.armor("CERTIFICATE", der) for der in rest))


def _as_told(one: Trusted) -> dict[str, Any]:
    """An entry as the store and the ledger have it."""
    names = {value: key for key, value in _FIELDS.items()}
    return {names.get(key, key): value for key, value in asdict(one).items()}


def _write(archive: Archive, register: Register, files: dict[str, bytes]) -> None:
    body = {"schema": "luutru/trust/1", "number": register.number, "changed_at": register.changed_at,
            "changed_by": register.changed_by, "certificates": [_as_told(one) for one in register.certificates],
            "removed": [asdict(one) for one in register.removed]}
    kept = {path: NewFile(der) for path, der in files.items()}
    archive.store.put(OBJECT, {REGISTER: NewFile(json_bytes(body)), **kept}, message="trust", user="luutru",
                      created=clock.now())
