"""Who holds a certificate: names as people write them, and whether a person or an agency.

The second is a heuristic of this system (holders.toml), never a statement of law.
"""

from __future__ import annotations

import hashlib
import tomllib
import unicodedata
from collections.abc import Mapping
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from asn1crypto import x509

from ingest.signatures.report import Certificate, HolderKind


def certificate_of(cert: x509.Certificate) -> Certificate:
    """What people need to know of `cert`. Raises ValueError or TypeError where the certificate is damaged."""
    return _described(cert.dump())


@lru_cache(maxsize=512)     # the same signers come again and again
def _described(der: bytes) -> Certificate:
    cert = x509.Certificate.load(der)
    subject, issuer = _names(cert.subject), _names(cert.issuer)
    return Certificate(
        name=subject.get("common_name") or _whole(cert.subject), organisation=subject.get("organization_name", ""),
        unit=subject.get("organizational_unit_name", ""), title=subject.get("title", ""), holder=_kind(subject),
        serial=f"{cert.serial_number:x}", issuer=issuer.get("common_name") or _whole(cert.issuer),
        valid_from=cert.not_valid_before, valid_to=cert.not_valid_after,
        sha256=hashlib.sha256(cert.dump()).hexdigest())


def folded(name: str) -> str:
    """`name` for comparing: NFC, one case, single spaces, the two ways of writing "uỷ" as one."""
    plain = " ".join(unicodedata.normalize("NFC", name).casefold().split())
    return plain.replace("uỷ", "ủy").replace("toà", "tòa").replace("hoà", "hòa")


def _kind(subject: Mapping[str, str]) -> HolderKind:
    words = _table()
    name = folded(subject.get("common_name", ""))
    ids = [folded(subject.get(field, "")) for field in ("user_id", "serial_number")]
    if any(value.startswith(mark) for value in ids for mark in words["person_ids"]):
        return "person"
    if subject.get("given_name") or subject.get("surname") or subject.get("title"):
        return "person"
    above = {folded(part) for field in ("organization_name", "organizational_unit_name")
             for part in subject.get(field, "").split("; ") if part}
    if name in above or any(value.startswith(mark) for value in ids for mark in words["agency_ids"]):
        return "agency"
    if any(name == start or name.startswith(folded(start) + " ") for start in words["agency_starts"]):
        return "agency"
    count = len(name.split())
    letters = all(part.replace(".", "").replace("-", "").isalpha() for part in name.split())
    return "person" if 2 <= count <= words["most_words"] and letters else "unknown"


def _names(name: x509.Name) -> dict[str, str]:
    """The parts of a distinguished name by their type; several of one type joined by "; "."""
    parts: dict[str, list[str]] = {}
    for relative in name.chosen:
        for pair in relative:
            value = unicodedata.normalize("NFC", str(pair["value"].native)).strip()
            parts.setdefault(str(pair["type"].native), []).append(value)
    return {kind: "; ".join(values) for kind, values in parts.items()}


def _whole(name: x509.Name) -> str:
    return unicodedata.normalize("NFC", str(name.human_friendly))


@cache
def _table() -> dict[str, Any]:
    with Path(__file__).with_name("holders.toml").open("rb") as stream:
        return tomllib.load(stream)
