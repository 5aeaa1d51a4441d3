"""Trust lists: the certificates that a person put into the trust folder, read once a process.

One sub-folder a list, named as people should see it; PEM or DER certificates (.pem .crt .cer .der) and, beside them,
revocation lists (.crl) and answers (.ocsp). Self-signed certificates are roots, the others help to build chains.
Nothing else is ever trusted: no list of the operating system, nothing that a document brings along.

`register.json` at the top, written by `luutru trust`, says of each certificate for what and for when it is believed,
and who confirmed it. A certificate that is only dropped into the folder is believed for everything, and not confirmed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from asn1crypto import crl, ocsp, pem, x509

from archive import clock

Purpose = Literal["signatures", "timestamps"]
FOLDER_REGISTER = "register.json"
HISTORY = "history"             # sub-folder of earlier revocation lists for one look back; not part of the version
CERTIFICATES = (".pem", ".crt", ".cer", ".der")
_REVOCATIONS = (".crl", ".ocsp")


@dataclass(frozen=True, slots=True)
class Belief:
    """What the register says of one certificate: for what, and for moments from when to when, it is believed.

    `since` and `until` are days in Vietnam (YYYY-MM-DD), both included; empty: without a bound.
    """

    purpose: str = "both"
    confirmed_by: str = ""
    since: str = ""
    until: str = ""

    def bar(self, purpose: Purpose, moment: datetime) -> str:
        """Why it may not vouch for this at `moment`: "purpose", "period", or "" when it may."""
        if self.purpose not in (purpose, "both"):
            return "purpose"
        day = clock.in_vietnam(moment).date().isoformat()
        return "period" if (self.since and day < self.since) or (self.until and day > self.until) else ""


_UNBOUND = Belief()


@dataclass(frozen=True, slots=True)
class TrustLists:
    """What the trust folder holds. `version` is for the record (TT 15/2025/TT-BKHCN, copy): the register's number,
    where there is one, and a hash over all of the folder."""

    version: str = "none"
    names: tuple[str, ...] = ()
    roots: tuple[x509.Certificate, ...] = ()
    others: tuple[x509.Certificate, ...] = ()
    crls: tuple[crl.CertificateList, ...] = ()
    list_of: dict[str, str] = field(default_factory=dict)      # SHA-256 of a certificate → name of its list
    problems: tuple[str, ...] = ()                             # files that could not be read
    ocsps: tuple[ocsp.OCSPResponse, ...] = ()
    beliefs: Mapping[str, Belief] = field(default_factory=dict)     # SHA-256 of a certificate → what is believed of it
    number: int = 0                                            # of the register; 0: there is none
    changed_at: str = ""
    changed_by: str = ""

    def name_of(self, certificate: x509.Certificate) -> str:
        """The list that holds `certificate`, or ""."""
        return self.list_of.get(certificate.sha256.hex(), "")

    def belief(self, certificate: x509.Certificate) -> Belief:
        """What is believed of `certificate`: everything, where the register does not bound it."""
        return self.beliefs.get(certificate.sha256.hex(), _UNBOUND)

    def barred(self, purpose: Purpose, moment: datetime) -> dict[str, str]:
        """The certificates that may not vouch for this at `moment`: SHA-256 → "purpose" or "period"."""
        return {mark: why for mark, belief in self.beliefs.items() if (why := belief.bar(purpose, moment))}


NO_TRUST = TrustLists()


def load_trust(folder: Path | None) -> TrustLists:
    """The trust lists in `folder`; none when there is no such folder. Cached until a file in it changes."""
    if folder is None or not folder.is_dir():
        return NO_TRUST
    files = sorted(path for path in folder.rglob("*") if (
        path.suffix.lower() in (*CERTIFICATES, *_REVOCATIONS) or path == folder / FOLDER_REGISTER) and path.is_file())
    return _load(folder, tuple((path, path.stat().st_mtime_ns, path.stat().st_size) for path in files))


@lru_cache(maxsize=8)
def _load(folder: Path, files: tuple[tuple[Path, int, int], ...]) -> TrustLists:
    total = hashlib.sha256()
    names: list[str] = []
    roots: dict[str, x509.Certificate] = {}
    others: dict[str, x509.Certificate] = {}
    crls: list[crl.CertificateList] = []
    ocsps: list[ocsp.OCSPResponse] = []
    list_of: dict[str, str] = {}
    problems: list[str] = []
    told: Mapping[str, Any] = {}
    beliefs: dict[str, Belief] = {}
    for path, _changed, _size in files:
        relative = path.relative_to(folder)
        name = relative.parts[0] if len(relative.parts) > 1 else folder.name
        try:
            data = path.read_bytes()
            if path == folder / FOLDER_REGISTER:
                told = json.loads(data)
                beliefs = _beliefs(told)
            elif path.suffix.lower() == ".crl":
                crls += [_list(der) for der in ders(data)]
            elif path.suffix.lower() == ".ocsp":
                ocsps += [_answer(der) for der in ders(data)]
            else:
                for der in ders(data):
                    certificate = x509.Certificate.load(der, strict=True)
                    mark = hashlib.sha256(der).hexdigest()
                    _ = certificate.issuer.native, certificate.not_valid_after, certificate.public_key.algorithm
                    (roots if certificate.self_signed != "no" else others)[mark] = certificate
                    list_of.setdefault(mark, name)
                    if name not in names:
                        names.append(name)
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            problems.append(f"{relative.as_posix()}: {error}")
            if path == folder / FOLDER_REGISTER:        # who may vouch for what is then not known: nobody
                return TrustLists(problems=tuple(problems))
            continue
        if relative.parts[0] != HISTORY:
            total.update(relative.as_posix().encode() + b"\0" + hashlib.sha256(data).digest())
    for mark in told.get("removed", ()):                # a file that a kill left, or that somebody put back
        if roots.pop(mark, None) or others.pop(mark, None):
            problems.append(f"{list_of.pop(mark)}: {mark[:16]}… was removed from the register")
    digest, number = total.hexdigest()[:16], int(told.get("number", 0))
    return TrustLists(version=f"{number}-{digest}" if number else digest, names=tuple(names),
                      roots=tuple(roots.values()), others=tuple(others.values()), crls=tuple(crls), list_of=list_of,
                      problems=tuple(problems), ocsps=tuple(ocsps), beliefs=beliefs, number=number,
                      changed_at=str(told.get("changed_at", "")), changed_by=str(told.get("changed_by", "")))


def ders(data: bytes) -> list[bytes]:
    """The DER objects of a PEM or DER file."""
    if not pem.detect(data):
        return [data]
    return [der for _kind, _headers, der in pem.unarmor(data, multiple=True)]


def _beliefs(told: Mapping[str, Any]) -> dict[str, Belief]:
    """The register's certificates. Raises ValueError, TypeError, KeyError, AttributeError for a damaged one."""
    found = {}
    for one in told["certificates"]:
        belief = Belief(one["purpose"], one["confirmed_by"], one.get("from", ""), one.get("to", ""))
        if belief.purpose not in ("signatures", "timestamps", "both"):
            raise ValueError(f"purpose {belief.purpose!r}")
        found[str(one["sha256"])] = belief
    return found


def _list(der: bytes) -> crl.CertificateList:
    from ingest.signatures.revocation import unusable

    loaded = crl.CertificateList.load(der, strict=True)
    _ = loaded.issuer.native, len(loaded["tbs_cert_list"]["revoked_certificates"] or ())
    if reason := unusable(loaded):
        raise ValueError(reason)
    return loaded


def _answer(der: bytes) -> ocsp.OCSPResponse:
    loaded = ocsp.OCSPResponse.load(der, strict=True)
    _ = loaded.response_data["responses"].native
    return loaded
