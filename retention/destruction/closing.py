"""The end of a batch: the certificate for machines, and the dossier of all parts, kept like a case file of its own."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from archive import clock
from archive.errors import UsageError
from archive.files import json_bytes
from archive.findings import Finding, Level, finding, worst
from archive.i18n import _
from archive.opening import Archive
from retention.destruction import dossier_parts, keeping, paper, planning
from retention.destruction.keeping import Batch

CERTIFICATE = f"{keeping.PAPERS}/destruction_certificate.json"


def certificate(archive: Archive, batch: Batch) -> dict[str, Any]:
    """The certificate of destruction for machines: decision, times, hashes, places; nothing of the content, no title.

    Raises KeyError for a batch that was not executed.
    """
    import json

    report = json.loads(archive.store.read(keeping.object_id(batch.id), keeping.EXECUTION))
    decided = batch.act("approved")
    return {"schema": "luutru/destruction-certificate/1", "destruction": batch.id, "fonds": batch.record["fonds"],
            "agency": {"code": archive.settings.agency.code, "name": archive.settings.agency.name},
            "decision": {"number": decided["number"], "dated": decided["dated"], "signers": decided["signers"],
                         "sha256": _sha256(archive, batch, f"{keeping.RECEIVED}/decision.pdf")},
            "plan": {"n": batch.record["plan"], "sha256": batch.plan_hash},
            **{key: report[key] for key in ("count", "documents", "files", "bytes", "began", "ended", "checked_at",
                                            "executor", "witness", "executed_hash", "complete", "pending")},
            **({"paper": {"files": len(batch.standing_paper), "boxes": paper.boxes(batch),
                          "minutes": dict(paper.minutes_of(batch))}} if batch.standing_paper else {}),
            "items": [{key: one[key] for key in ("code", "at", "digest", "left")} for one in report["items"]],
            "ledger": {"seq": archive.ledger.seq, "head": archive.ledger.head}}


def close(archive: Archive, name: str, *, by: str, at: datetime, dry_run: bool = False) -> tuple[Batch, list[Finding]]:
    """Close the dossier of a batch that is destroyed everywhere: its parts in order, kept at least 20 years.

    Luật Lưu trữ 2011 Điều 28 khoản 4, 5 (setting destruction.dossier_years). The caller owns the archive.
    """
    keeping.finish(archive)
    batch = keeping.open_batch(archive, name)
    keeping.not_in(batch, "destroyed")
    found = [finding("DESTROY-017", name, paper=one.name) for one in dossier_parts.missing(archive, batch, "close")]
    if worst(found) >= Level.refused or dry_run:
        return batch, found
    told = dossier_parts.there(archive, batch)
    ended = clock.in_vietnam(clock.parse(batch.act("executed")["ended"])).year
    until = ended + archive.settings.destruction.dossier_years
    dossier = {"schema": "luutru/destruction-dossier/1", "destruction": batch.id, "closed_at": clock.stamp(at),
               "title": f"Hồ sơ hủy tài liệu lưu trữ hết giá trị, phông {batch.record['fonds_name']}, đợt {batch.id}",
               "keep_until": f"{until}-12-31", "plan_hash": batch.plan_hash,
               "parts": [{"letter": one.letter, "name": one.name, "files": dossier_parts.of_part(one, told)}
                         for one in dossier_parts.needed(archive.settings, batch)]}
    new = batch.with_record(state="closed", keep_until=dossier["keep_until"])
    return keeping.write(archive, new, "closed", {"keep_until": dossier["keep_until"]}, by=by, at=at, files={
        keeping.DOSSIER: json_bytes(dossier), CERTIFICATE: json_bytes(certificate(archive, batch))}), found


def cancel(archive: Archive, name: str, reason: str, *, by: str, at: datetime, dry_run: bool = False) -> Batch:
    """Give a batch up before anything was destroyed; its items are free again. The caller owns the archive."""
    keeping.finish(archive)
    batch = keeping.open_batch(archive, name)
    keeping.not_in(batch, "listed", "planned", "council", "concluded", "approved")
    if not reason.strip():
        raise UsageError(_("--reason may not be empty: the ledger keeps why."))
    if dry_run:
        return batch
    return keeping.write(archive, batch.with_record(state="cancelled"), "cancelled", {"reason": reason.strip()}, by=by,
                         at=at)


def receive(archive: Archive, name: str, part: str, data: bytes, suffix: str, *, by: str, at: datetime,
            dry_run: bool = False) -> Batch:
    """Take in a signed paper of the dossier (a scan of the minutes, say) beside the printed one. The caller owns it.

    Raises UsageError for a part that the dossier does not have.
    """
    keeping.finish(archive)
    batch = keeping.open_batch(archive, name)
    keeping.not_in(batch, *(state for state in keeping.STATES if state not in ("closed", "cancelled")))
    kinds = [one.kind for one in dossier_parts.parts() if one.kind]
    if part not in kinds:
        raise UsageError(_("The dossier has no part “{part}”; it has: {parts}.").format(part=part,
                                                                                       parts=", ".join(kinds)))
    if dry_run:
        return batch
    return keeping.write(archive, batch, "printed", {"kinds": [part], "plan_hash": batch.plan_hash, "taken_in": True},
                         by=by, at=at, files={f"{keeping.RECEIVED}/{part}.{suffix}": data})


def plan_of(archive: Archive, batch: Batch) -> dict[str, Any]:
    """The plan in force; empty before there is one."""
    return planning.read_plan(archive, batch) if batch.plan_hash else {}


def _sha256(archive: Archive, batch: Batch, path: str) -> str:
    return archive.store.files(keeping.object_id(batch.id))[path].sha256
