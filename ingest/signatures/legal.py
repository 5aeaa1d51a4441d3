"""The legal value of a document, computed from its signatures and never typed in.

PY Đ7; TB Đ2.3, Đ4.1; NĐ 30/2020 Đ5. Must never say more than the signatures carry: what could not be concluded stays
undetermined.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Literal

from archive.findings import Finding, finding
from ingest.signatures.holders import folded
from ingest.signatures.report import HolderKind, SignatureReport, Verdict

LegalValue = Literal["signed_original", "signed_copy", "unsigned_information", "undetermined"]


def holders_of(signatures: Iterable[SignatureReport]) -> set[HolderKind]:
    """Which kinds of holders signed: "person", "agency", "unknown"; document timestamps are nobody's signature."""
    return {report.certificate.holder for report in _people(signatures) if report.certificate is not None}


def legal_value(verdict: Verdict, holders: Collection[str], *, digitised: bool) -> LegalValue:
    """What a document with this `verdict`, signed by these `holders`, is worth.

    `signed_original`: born digital, signed by a person and by the agency (NĐ 30/2020 Đ5), and the signatures hold;
    which is which is our reading of the certificates (holders.toml), so one alone is `undetermined`. `signed_copy`:
    digitised from paper and signed by an organisation (TB Đ2.3). `unsigned_information`: nobody signed it, or no
    organisation signed the digitised copy: for information only (TB Đ4.1). `undetermined` also: a signature that
    does not hold or could not be judged.
    """
    if verdict == "unsigned":
        return "unsigned_information"
    if verdict not in ("valid", "valid_with_notes"):
        return "undetermined"
    if not digitised:
        return "signed_original" if {"person", "agency"} <= set(holders) else "undetermined"
    return "signed_copy" if "agency" in holders else "unsigned_information"


def who_is_missing(file: str, holders: Collection[str], *, digitised: bool) -> list[Finding]:
    """Notes where a document lacks the signature of a person or of an agency.

    NĐ 30/2020 Đ5: signed by the competent person and by the agency it has the value of the paper original. Who
    is which is told by a convention of ours (holders.toml), so this is a note and never a refusal.
    """
    if not holders or "unknown" in holders:
        return []
    if digitised:
        return [] if "agency" in holders else [finding("VERIFY-067", file)]
    notes = []
    if "person" not in holders:
        notes.append(finding("VERIFY-063", file))
    if "agency" not in holders:
        notes.append(finding("VERIFY-064", file))
    return notes


def issuer_differs(file: str, organisation: str, signatures: Iterable[SignatureReport]) -> list[Finding]:
    """A note where no signature bears the name of the issuing `organisation`, as on copies that a portal signed."""
    wanted = folded(organisation)
    names = [(report, [folded(part) for part in (held.name, held.organisation, *held.unit.split("; ")) if part])
             for report in _people(signatures) if (held := report.certificate) is not None]
    if not wanted or not names:
        return []
    if any(wanted in part or part in wanted for _, parts in names for part in parts):
        return []
    return [finding("VERIFY-068", file, organisation=organisation,
                    signer="; ".join(dict.fromkeys(report.signer for report, _ in names)))]


def _people(signatures: Iterable[SignatureReport]) -> list[SignatureReport]:
    return [report for report in signatures if report.kind in ("signature", "certification")]
