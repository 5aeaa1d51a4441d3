"""What was found of signatures in one file: facts, times, holders, reasons, verdicts, ready for JSON.

Holds no judgement of its own beyond one rule: a verdict is the worst of its reasons. Must never turn
something that was not checked into something that passed.
"""

from __future__ import annotations

import base64
import hashlib
import tomllib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any, Literal

from archive import clock
from archive.findings import Finding, Level, worst
from ingest.signatures.policy import policy_version

Verdict = Literal["valid", "valid_with_notes", "undetermined", "invalid", "unsigned", "not_checked"]
Kind = Literal["signature", "certification", "countersignature", "timestamp", "remnant", "unsupported"]
Integrity = Literal["intact", "broken", "remnant", "unreadable"]
LaterChanges = Literal["none", "signatures", "evidence", "content", "unknown"]
ChainState = Literal["trusted", "unknown", "outside", "revoked", "broken", "not_checked"]
Revocation = Literal["good", "revoked", "unknown"]
TimeSource = Literal["token", "document_token", "receipt", "claimed", "none"]
HolderKind = Literal["person", "agency", "unknown"]

FIELDS = ("issuer", "signer", "organisation", "time", "integrity", "validity", "period")

# From best to worst; "unsigned" stands apart: nothing was claimed. Not checked is never better than undetermined.
RANK: Mapping[Verdict, int] = {"valid": 0, "valid_with_notes": 1, "unsigned": 2, "undetermined": 3, "not_checked": 4,
                               "invalid": 5}
_LARGEST = 8 << 20      # bytes of a revocation list that a report carries along; of a longer one it names the digest
_BY_LEVEL: Mapping[Level, Verdict] = {Level.ok: "valid", Level.note: "valid_with_notes", Level.warning: "undetermined",
                                      Level.refused: "invalid", Level.failed: "undetermined"}


@cache
def _words() -> Mapping[str, Mapping[str, list[str]]]:
    with Path(__file__).with_name("words.toml").open("rb") as stream:
        return tomllib.load(stream)


def word(section: str, name: str, language: str = "vi") -> str:
    """The word for `name` of a `section` of words.toml ("verdict", "integrity", …), in `vi` or `en`."""
    vi, en = _words()[section][name]
    return en if language == "en" else vi


def verdict_of(reasons: Iterable[Finding]) -> Verdict:
    """The verdict that follows from `reasons`: the worst of them decides."""
    return _BY_LEVEL[worst(reasons)]


def worst_verdict(verdicts: Iterable[Verdict]) -> Verdict:
    """The worst of `verdicts`; "unsigned" when there is none."""
    return max(verdicts, key=RANK.__getitem__, default="unsigned")


def when(moment: datetime | None) -> str:
    """`moment` for a person: Vietnam's time, 12/11/2026 09:30:08 (+07:00); a dash for none."""
    return clock.in_vietnam(moment).strftime("%d/%m/%Y %H:%M:%S (+07:00)") if moment else "—"


@dataclass(frozen=True, slots=True)
class Certificate:
    """What people need to know of a certificate; names are NFC."""

    name: str                     # CN of the subject
    organisation: str             # O
    unit: str                     # OU, several joined by "; "
    title: str
    holder: HolderKind            # our heuristic (holders.toml)
    serial: str                   # hexadecimal, lower case
    issuer: str                   # CN of the issuer, else its whole name
    valid_from: datetime
    valid_to: datetime
    sha256: str

    def as_dict(self) -> dict[str, Any]:
        """A JSON-ready copy."""
        return {"name": self.name, "organisation": self.organisation, "unit": self.unit, "title": self.title,
                "holder": self.holder, "serial": self.serial, "issuer": self.issuer,
                "valid_from": clock.stamp(self.valid_from), "valid_to": clock.stamp(self.valid_to),
                "sha256": self.sha256}


@dataclass(frozen=True, slots=True)
class Token:
    """A timestamp token and what it is worth.

    `valid`: it belongs to this signature, its server is trusted and was certified at the time it says;
    `untrusted`: its server is not known to our lists, or was not certified then; `broken`: it does not
    belong to this signature, or was changed.
    """

    time: datetime
    authority: str
    state: Literal["valid", "untrusted", "broken"]
    imprint: str = ""             # digest of the imprint, "sha256"

    def as_dict(self) -> dict[str, Any]:
        """A JSON-ready copy."""
        return {"time": clock.stamp(self.time), "authority": self.authority, "state": self.state,
                "imprint": self.imprint}


@dataclass(frozen=True, slots=True)
class RevocationData:
    """A revocation list or an OCSP answer that a judgement rested on, and where it came from."""

    kind: Literal["crl", "ocsp"]
    origin: Literal["document", "trust"]
    issuer: str                   # who issued the list, who gave the answer
    this_update: datetime | None
    next_update: datetime | None
    der: bytes

    def as_dict(self, *, whole: bool = True) -> dict[str, Any]:
        """A JSON-ready copy; without the bytes where they are kept elsewhere."""
        return {"kind": self.kind, "origin": self.origin, "issuer": self.issuer,
                "this_update": clock.stamp(self.this_update) if self.this_update else None,
                "next_update": clock.stamp(self.next_update) if self.next_update else None,
                "der": base64.b64encode(self.der).decode() if whole and len(self.der) <= _LARGEST else ""}


@dataclass(slots=True)
class SignatureReport:
    """One signature: the five facts, each on its own, the times, the holder and the reasons."""

    name: str                                   # name of its field, or where its bytes lie
    kind: Kind = "signature"
    subfilter: str = ""
    byte_range: tuple[int, ...] = ()
    integrity: Integrity = "unreadable"
    changes: LaterChanges = "unknown"
    identity: ChainState = "not_checked"
    trust_list: str = ""                        # the list that holds the root of the chain
    revocation: Revocation = "unknown"
    certificate: Certificate | None = None
    token: Token | None = None
    claimed_time: datetime | None = None
    time: datetime | None = None                # the best statement of the time of signing
    time_source: TimeSource = "none"            # where `time` comes from
    judged_at: datetime | None = None           # the moment for which the certificate was judged
    judged_by: TimeSource = "none"
    covers_whole_file: bool = False
    revision: int = 0                           # the file's revision that it signed, from 0
    reasons: list[Finding] = field(default_factory=list)
    evidence: list[bytes] = field(default_factory=list)     # DER certificates of its chains, signer first
    revocation_data: list[RevocationData] = field(default_factory=list)     # what `revocation` rests on

    @property
    def verdict(self) -> Verdict:
        """The verdict that follows from the reasons; without any, nothing was checked."""
        return verdict_of(self.reasons) if self.reasons else "undetermined"

    @property
    def signer(self) -> str:
        """The holder's name, or the field's where no certificate could be read."""
        return self.certificate.name if self.certificate else self.name

    def fields(self, language: str = "vi") -> dict[str, str]:
        """The seven fields that must be shown for a signature, as sentences (TT 15/2025/TT-BKHCN, notice (b), copy)."""
        held = self.certificate
        organisation = " · ".join(part for part in (held.organisation, held.unit) if part) if held else ""
        source = word("time_source", self.time_source, language)
        judged = word("time_source", self.judged_by, language)
        validity = word("identity", self.identity, language)
        if self.judged_at:
            validity += f"; {word('judged', 'at', language)} {when(self.judged_at)}, {judged}"
            if self.identity != "revoked":      # then it has been said
                validity += f"; {word('revocation', self.revocation, language)}"
        return {
            "issuer": (held.issuer + (f" [{self.trust_list}]" if self.trust_list else "")) if held else "—",
            "signer": f"{held.name} ({word('holder', held.holder, language)}; serial {held.serial})" if held else "—",
            "organisation": organisation or "—",
            "time": f"{when(self.time)}, {source}" if self.time else "—",
            "integrity": word("integrity", self.integrity, language) + (
                f"; {word('changes', self.changes, language)}" if self.integrity == "intact" else ""),
            "validity": validity,
            "period": f"{when(held.valid_from)} – {when(held.valid_to)}" if held else "—",
        }

    def as_dict(self) -> dict[str, Any]:
        """A JSON-ready copy, with the reasons as recorded findings and the seven fields in both languages."""
        moments = {"claimed_time": self.claimed_time, "time": self.time, "judged_at": self.judged_at}
        return {
            "field": self.name, "kind": self.kind, "subfilter": self.subfilter, "byte_range": list(self.byte_range),
            "verdict": self.verdict, "integrity": self.integrity, "changes": self.changes,
            "identity": self.identity, "trust_list": self.trust_list, "revocation": self.revocation,
            "certificate": self.certificate.as_dict() if self.certificate else None,
            "token": self.token.as_dict() if self.token else None,
            **{name: clock.stamp(moment) if moment else None for name, moment in moments.items()},
            "time_source": self.time_source, "judged_by": self.judged_by,
            "covers_whole_file": self.covers_whole_file, "revision": self.revision,
            "reasons": [reason.as_dict() for reason in self.reasons],
            "shown": {language: self.fields(language) for language in ("vi", "en")},
        }


@dataclass(slots=True)
class DocumentSignatures:
    """All signatures of one file, and what follows for the file.

    `finders` counts what each saw: "form" (fields of the form), "pages" (widgets on pages), "bytes" (signature
    dictionaries in the raw bytes). `checked` is false when the file could not be looked into.
    """

    file: str
    signatures: list[SignatureReport] = field(default_factory=list)
    finders: dict[str, int] = field(default_factory=lambda: {"form": 0, "pages": 0, "bytes": 0})
    reasons: list[Finding] = field(default_factory=list)    # about the file, not about one signature
    checked: bool = True
    received_at: datetime | None = None
    trust_version: str = ""
    trust_lists: tuple[str, ...] = ()

    @property
    def verdict(self) -> Verdict:
        """The worst verdict of the signatures and of the reasons about the file."""
        if not self.checked and not self.signatures:
            return "not_checked"
        own = [verdict_of(self.reasons)] if self.reasons else []
        signed = [report.verdict for report in self.signatures if report.kind != "timestamp"]
        if not signed:
            bad = [report.verdict for report in self.signatures if RANK[report.verdict] > RANK["unsigned"]]
            return worst_verdict(["unsigned", *bad, *(verdict for verdict in own if verdict != "valid")])
        return worst_verdict([*(report.verdict for report in self.signatures), *own])

    def as_dict(self, kept: Collection[str] = ()) -> dict[str, Any]:
        """A JSON-ready copy; certificates, revocation lists and answers lie in it once each, by their SHA-256.

        `kept` are the SHA-256 of revocation lists that the archive's store holds: of those only the digest is said.
        """
        certificates = {hashlib.sha256(der).hexdigest(): base64.b64encode(der).decode()
                        for report in self.signatures for der in report.evidence}
        revocations = {hashlib.sha256(one.der).hexdigest(): one
                       for report in self.signatures for one in report.revocation_data}
        return {
            "file": self.file, "verdict": self.verdict, "checked": self.checked, "finders": dict(self.finders),
            "received_at": clock.stamp(self.received_at) if self.received_at else None,
            "trust": {"version": self.trust_version, "lists": list(self.trust_lists)},
            "policy": {"version": policy_version()},
            "signatures": [report.as_dict() for report in self.signatures],
            "notes": [reason.as_dict() for reason in self.reasons],
            "certificates": certificates,
            "revocations": {mark: one.as_dict(whole=one.origin == "document" or mark not in kept)
                            for mark, one in revocations.items()},
        }

    def merged_reasons(self) -> list[Finding]:
        """What a person should read of the file and its signatures: each once, naming all signers it holds for."""
        merged: dict[tuple[object, ...], list[Finding]] = {}
        for reason in (*self.reasons, *(one for report in self.signatures for one in report.reasons)):
            if reason.level > Level.ok:
                rest = tuple(sorted((name, value) for name, value in reason.params.items() if name != "signer"))
                merged.setdefault((reason.code, reason.level, rest), []).append(reason)
        return [_of_all_signers(same) for same in merged.values()]


def _of_all_signers(same: Sequence[Finding]) -> Finding:
    """One finding for several that differ in nothing but the signer."""
    if "signer" not in same[0].params:
        return same[0]
    signers = "; ".join(dict.fromkeys(one.params["signer"] for one in same))
    return replace(same[0], params={**same[0].params, "signer": signers})
