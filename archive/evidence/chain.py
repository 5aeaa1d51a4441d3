"""What a verifier needs besides a token: the certificates above its server's, and their revocation lists and answers.

They are taken from the trust folder as they lie there. Nothing is judged here; the files only travel along, so that who
checks a token years from now need not look for them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from asn1crypto import crl, ocsp, pem, x509

from archive.evidence import tokens

_CERTIFICATES = (".pem", ".crt", ".cer", ".der")
_HISTORY = "history"        # earlier revocation lists: only those of a token's time are of use


@dataclass(slots=True)
class Chain:
    """Certificates, revocation lists and answers (DER) by the file names under which they are handed out."""

    certificates: dict[str, bytes] = field(default_factory=dict)
    revocations: dict[str, bytes] = field(default_factory=dict)


def chain_of(ders: Iterable[bytes], folder: Path) -> Chain:
    """What belongs to the tokens `ders`: what they enclose, and what the trust `folder` holds of their issuers."""
    held = _Held(folder)
    times: list[datetime] = []
    waiting: list[x509.Certificate] = []
    for der in ders:
        times.append(tokens.read(der).time)
        waiting += tokens.certificates(der)
    known: dict[bytes, x509.Certificate] = {}
    while waiting:
        one = waiting.pop()
        der = one.dump()
        if der not in known:
            known[der] = one
            waiting += [above for above in held.certificates if _issued(above, one)]
    found = Chain({_name(der, "der"): der for der in known})
    for one in known.values():
        for lists, history in ((held.crls, False), (held.old_crls, True)):
            for listed in lists:
                if listed.issuer == one.issuer and (not history or any(_of_time(listed, time) for time in times)):
                    found.revocations[_name(listed.dump(), "crl")] = listed.dump()
        for answer in held.answers:
            if _is_about(answer, one):
                found.revocations[_name(answer.dump(), "ocsp")] = answer.dump()
    return found


class _Held:
    """The trust folder's files; what cannot be read is left out (`luutru trust list` names it)."""

    def __init__(self, folder: Path) -> None:
        self.certificates: list[x509.Certificate] = []
        self.crls: list[crl.CertificateList] = []
        self.old_crls: list[crl.CertificateList] = []
        self.answers: list[ocsp.OCSPResponse] = []
        for path in sorted(folder.rglob("*")) if folder.is_dir() else ():
            kind = path.suffix.lower()
            if kind in _CERTIFICATES:
                self.certificates += _loaded(path, x509.Certificate.load, lambda one: one.subject.native)
            elif kind == ".crl":
                lists = _loaded(path, crl.CertificateList.load, lambda one: one.issuer.native)
                (self.old_crls if _HISTORY in path.relative_to(folder).parts else self.crls).extend(lists)
            elif kind == ".ocsp":
                self.answers += _loaded(path, ocsp.OCSPResponse.load, lambda one: list(_about(one)))


def _loaded(path: Path, load: Callable[..., Any], touch: Callable[[Any], object]) -> Iterator[Any]:
    try:
        data = path.read_bytes()
        for der in [der for _kind, _head, der in pem.unarmor(data, multiple=True)] if pem.detect(data) else [data]:
            one = load(der, strict=True)
            touch(one)
            yield one
    except (OSError, ValueError, TypeError, KeyError):
        return


def _issued(above: x509.Certificate, one: x509.Certificate) -> bool:
    """Whether `above` may be the issuer: by name, and by the key's id where both tell it."""
    if above.subject != one.issuer:
        return False
    wanted, has = one.authority_key_identifier, above.key_identifier
    return wanted is None or has is None or wanted == has


def _of_time(listed: crl.CertificateList, time: datetime) -> bool:
    body = listed["tbs_cert_list"]
    until = body["next_update"].native
    return bool(body["this_update"].native <= time and (until is None or time <= until))


def _about(answer: ocsp.OCSPResponse) -> Iterator[ocsp.CertId]:
    for single in answer.response_data["responses"]:
        _ = single["cert_id"].native
        yield single["cert_id"]


def _is_about(answer: ocsp.OCSPResponse, one: x509.Certificate) -> bool:
    for named in _about(answer):
        algorithm = named["hash_algorithm"]["algorithm"].native
        if (named["serial_number"].native == one.serial_number and algorithm in hashlib.algorithms_available
                and named["issuer_name_hash"].native == hashlib.new(algorithm, one.issuer.dump()).digest()):
            return True
    return False


def _name(der: bytes, kind: str) -> str:
    return f"{hashlib.sha256(der).hexdigest()[:16]}.{kind}"
