"""The decision: a signed PDF is taken in and binds only when it names the very plan, everything it rests on is there,
and nothing has changed since (Luật Lưu trữ 33/2024/QH15 Điều 16; NĐ 31/2026/NĐ-CP Điều 10).

Signatures are verified by who calls (ingest/commands/destruction.py): this wing knows nothing of certificates.
"""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from archive import clock
from archive.errors import UsageError
from archive.findings import Finding, Level, finding, worst
from archive.i18n import _
from archive.opening import Archive
from archive.spelling import fold
from retention.destruction import checking, council, keeping
from retention.destruction.deciding import competence
from retention.destruction.keeping import Batch
from retention.tables.reading import is_day

_HASH = re.compile(r"(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])")
_CODE = "luutru:sha256:"
_DPI = 200
OPINIONS = ("agree", "partly", "disagree")


@dataclass(frozen=True, slots=True)
class Signer:
    """Who signed a paper: the names that the certificate bears, and whether that signature holds."""

    name: str
    organisation: str
    verdict: str


@dataclass(frozen=True, slots=True)
class Signed:
    """What is known of the signatures of a paper: the verdict on the file, who signed, the whole report."""

    verdict: str
    signers: Sequence[Signer]
    report: Mapping[str, Any]


def approve(archive: Archive, name: str, paper: bytes, signed: Signed, number: str, dated: str, *, by: str,
            at: datetime, dry_run: bool = False) -> tuple[Batch, list[Finding]]:
    """Take the signed decision in. With a finding that refuses nothing is changed. The caller owns the archive."""
    council.resume(archive)
    batch = keeping.open_batch(archive, name)
    keeping.not_in(batch, "concluded")
    if not number.strip() or not is_day(dated):
        raise UsageError(_("Give the number and the day (YYYY-MM-DD) of the decision."))
    found = signatures(archive, batch, signed)
    if worst(found) < Level.refused:        # what nobody vouches for is not read
        found += hashes(batch, paper)
    found += checking.term(archive, batch, dated, checking.today(at))
    found += checking.papers(archive, batch)
    found += may_go(archive, batch, at)
    if worst(found) >= Level.refused or dry_run:
        return batch, found
    told = {"number": number.strip(), "dated": dated, "plan_hash": batch.plan_hash, "count": len(batch.standing),
            "verdict": signed.verdict, "signers": [one.name for one in signed.signers],
            "decides": competence(archive.settings).decides}
    files = {f"{keeping.RECEIVED}/decision.pdf": paper,
             f"{keeping.RECEIVED}/decision.signatures.json": _json(signed.report)}
    return keeping.write(archive, batch.with_record(state="approved"), "approved", told, by=by, at=at,
                         files=files), found


def appraise(archive: Archive, name: str, opinion: str, number: str, dated: str, *, by: str, at: datetime,
             paper: tuple[str, bytes] | None = None, note: str = "", dry_run: bool = False) -> Batch:
    """Take in the appraisal opinion (ý kiến thẩm định, TT 05/2025/TT-BNV Đ49.4–49.5). The caller owns the archive.

    `paper`: the letter's extension and bytes. Raises UsageError for an opinion or a day that is none.
    """
    council.resume(archive)
    batch = keeping.open_batch(archive, name)
    keeping.not_in(batch, "concluded")
    if opinion not in OPINIONS or not number.strip() or not is_day(dated):
        raise UsageError(_("Give the opinion (agree, partly, disagree), the number and the day of its document."))
    told = {"opinion": opinion, "number": number.strip(), "dated": dated, "note": note,
            "appraiser": competence(archive.settings).appraiser, "plan_hash": batch.plan_hash}
    if dry_run:
        return batch
    files = {f"{keeping.RECEIVED}/appraisal.{paper[0]}": paper[1]} if paper else {}
    return keeping.write(archive, batch, "appraised", told, by=by, at=at, files=files)


def signatures(archive: Archive, batch: Batch, signed: Signed) -> list[Finding]:
    """Whether the paper is signed, every signature holds, and one is that of who may sign."""
    if signed.verdict in ("unsigned", "not_checked"):
        return [finding("DESTROY-020", batch.id)]
    if signed.verdict not in ("valid", "valid_with_notes"):
        return [finding("DESTROY-021", batch.id, verdict=signed.verdict,
                        signers=", ".join(one.name for one in signed.signers))]
    may = [fold(one) for one in archive.settings.destruction.signers or [archive.settings.agency.name]]
    if not any(one.verdict in ("valid", "valid_with_notes") and {fold(one.name), fold(one.organisation)} & set(may)
               for one in signed.signers):
        return [finding("DESTROY-022", batch.id, signers=", ".join(one.name for one in signed.signers),
                        may=", ".join(archive.settings.destruction.signers or [archive.settings.agency.name]))]
    return []


def hashes(batch: Batch, paper: bytes) -> list[Finding]:
    """Whether the paper bears the plan's hash, in its text or as a square code, and no other one."""
    there = printed_hashes(paper)
    if not there:
        return [finding("DESTROY-023", batch.id)]
    if there != {batch.plan_hash}:
        return [finding("DESTROY-024", batch.id, found=", ".join(sorted(one[:12] for one in there)),
                        plan=batch.plan_hash[:12])]
    return []


def printed_hashes(paper: bytes) -> set[str]:
    """The SHA-256 that a PDF bears: in its text (also broken over lines) and in square codes of this system."""
    import pypdfium2
    import zxingcpp

    found: set[str] = set()
    try:
        with pypdfium2.PdfDocument(io.BytesIO(paper)) as pdf:
            for page in pdf:
                text = page.get_textpage().get_text_bounded()
                found |= set(_HASH.findall(text)) | set(_HASH.findall(re.sub(r"\s*\n\s*", "", text)))
                picture = page.render(scale=_DPI / 72).to_numpy()
                found |= {code.text.removeprefix(_CODE) for code in zxingcpp.read_barcodes(picture)
                          if code.text.startswith(_CODE)}
    except pypdfium2.PdfiumError:
        return set()
    return found


def may_go(archive: Archive, batch: Batch, at: datetime, done: Sequence[str] = ()) -> list[Finding]:
    """Whether all that is left of the plan is as it was frozen and may still be destroyed."""
    left = [one for one in batch.standing if one["code"] not in done]
    with archive.catalogue.session() as session:
        found = checking.standing(archive, session, left, checking.today(at), but=batch.id)
    return found + checking.unchanged(archive, batch, done)


def _json(value: Mapping[str, Any]) -> bytes:
    from archive.files import json_bytes

    return json_bytes({**value, "taken_in_at": clock.stamp(clock.now())})
