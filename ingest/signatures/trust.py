"""Trust lists: the certificates that a person put into the trust folder, read once a process.

One sub-folder a list, named as people should see it; PEM or DER certificates (.pem .crt .cer .der) and, beside them,
revocation lists (.crl). Self-signed certificates are roots, the others help to build chains. Nothing else is ever
trusted: no list of the operating system, nothing that a document brings along.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from asn1crypto import crl, pem, x509

_CERTIFICATES = (".pem", ".crt", ".cer", ".der")


@dataclass(frozen=True, slots=True)
class TrustLists:
    """What the trust folder holds. `version` is a hash over all of it, for the record (TT 15/2025/TT-BKHCN, copy)."""

    version: str = "none"
    names: tuple[str, ...] = ()
    roots: tuple[x509.Certificate, ...] = ()
    others: tuple[x509.Certificate, ...] = ()
    crls: tuple[crl.CertificateList, ...] = ()
    list_of: dict[str, str] = field(default_factory=dict)      # SHA-256 of a certificate → name of its list
    problems: tuple[str, ...] = ()                             # files that could not be read

    def name_of(self, certificate: x509.Certificate) -> str:
        """The list that holds `certificate`, or ""."""
        return self.list_of.get(hashlib.sha256(certificate.dump()).hexdigest(), "")


NO_TRUST = TrustLists()


def load_trust(folder: Path | None) -> TrustLists:
    """The trust lists in `folder`; none when there is no such folder. Cached until a file in it changes."""
    if folder is None or not folder.is_dir():
        return NO_TRUST
    files = sorted(path for path in folder.rglob("*")
                   if path.suffix.lower() in (*_CERTIFICATES, ".crl") and path.is_file())
    return _load(folder, tuple((path, path.stat().st_mtime_ns, path.stat().st_size) for path in files))


@lru_cache(maxsize=8)
def _load(folder: Path, files: tuple[tuple[Path, int, int], ...]) -> TrustLists:
    total = hashlib.sha256()
    names: list[str] = []
    roots: dict[str, x509.Certificate] = {}
    others: dict[str, x509.Certificate] = {}
    crls: list[crl.CertificateList] = []
    list_of: dict[str, str] = {}
    problems: list[str] = []
    for path, _changed, _size in files:
        relative = path.relative_to(folder)
        name = relative.parts[0] if len(relative.parts) > 1 else folder.name
        try:
            data = path.read_bytes()
            ders = _ders(data)
            if path.suffix.lower() == ".crl":
                for der in ders:
                    crls.append(crl.CertificateList.load(der, strict=True))
                    _ = crls[-1].issuer.native, len(crls[-1]["tbs_cert_list"]["revoked_certificates"] or ())
            else:
                for der in ders:
                    certificate = x509.Certificate.load(der, strict=True)
                    mark = hashlib.sha256(der).hexdigest()
                    _ = certificate.issuer.native, certificate.not_valid_after, certificate.public_key.algorithm
                    (roots if certificate.self_signed != "no" else others)[mark] = certificate
                    list_of.setdefault(mark, name)
                    if name not in names:
                        names.append(name)
        except (OSError, ValueError, TypeError, KeyError) as error:
            problems.append(f"{relative.as_posix()}: {error}")
            continue
        total.update(relative.as_posix().encode() + b"\0" + hashlib.sha256(data).digest())
    return TrustLists(version=total.hexdigest()[:16], names=tuple(names), roots=tuple(roots.values()),
                      others=tuple(others.values()), crls=tuple(crls), list_of=list_of, problems=tuple(problems))


def _ders(data: bytes) -> list[bytes]:
    """The DER objects of a PEM or DER file."""
    if not pem.detect(data):
        return [data]
    return [der for _kind, _headers, der in pem.unarmor(data, multiple=True)]
