"""The promises of the morning report: whether this night kept them, from the recorded state alone."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from archive import clock, model
from archive.fixity import checking
from archive.fixity.auditing import standing
from archive.fixity.damage import REPAIRED
from archive.opening import Archive
from ingest import canaries, report_keeping

# Scans that were stored without the seal: waiting for it, or left without one for good.
WAITS_FOR_SEAL = "SEAL-050"
_UNSEALED = (WAITS_FOR_SEAL, "SEAL-051", "SEAL-052", "SEAL-053", "SEAL-054")


@dataclass(frozen=True, slots=True)
class Promise:
    """A promise of the archive and whether the night kept it: "kept", "broken" or "not_checked"."""

    name: str
    state: str
    figures: dict[str, Any]


def promises(session: Session, archive: Archive, row: model.Batch, counts: dict[str, int]) -> list[Promise]:
    """Every promise, as the catalogue and the ledger stand now, for the batch `row` whose items stand as counted."""
    batch, finished = row.id, row.finished_at != ""
    left = counts.get("received", 0) if finished and row.summary.get("left") else 0      # whole, for the next night
    unfinished = sum(counts.get(state, 0) for state in ("received", "examined", "released")) - left
    unindexed = session.scalar(select(func.count()).select_from(model.Document).where(model.Document.indexed == ""))
    files = session.scalar(select(func.count()).select_from(model.File).join(
        model.Document, model.Document.code == model.File.document)) or 0
    return [
        Promise("nothing_lost", "kept" if finished and not unfinished else "broken", {
            "received": sum(counts.values()), "open": unfinished, "left": left}),
        Promise("read_back", "kept" if finished else "not_checked", {"files": files}),
        Promise("searchable", "broken" if unindexed else "kept", {"unindexed": unindexed or 0}),
        *(Promise("canary", "broken" if told["stuck"] else "kept", told) for told in [canaries.figures(
            row.summary)] if told),
        Promise("ledger", "kept", {"events": archive.ledger.seq, "head": archive.ledger.head[:16]}),
        _read_again(session, archive),
        *_copies(archive),
        _sealed(session, archive, batch),
        *_scans_sealed(session, batch),
        *(Promise(*one) for one in report_keeping.promises(session, archive.settings, clock.now())),
    ]


def _read_again(session: Session, archive: Archive) -> Promise:
    """Whether every stored file was read again within the days of the settings, and all was as it was written."""
    known, days = standing(session, clock.now()), archive.settings.fixity.days
    mended = sum(data["number"] for data in session.scalars(select(model.Event.data).where(
        model.Event.kind == REPAIRED, model.Event.at >= clock.stamp(clock.now() - timedelta(days=1)))))
    figures = {"at": _clock(known.last) if known.last else "", "faults": known.faults, "age": known.age, "days": days,
               "nights": None if known.nights is None else round(known.nights), "mended": mended}
    if known.faults:
        return Promise("fixity", "broken", figures)
    kept = known.age is not None and known.age <= days and (known.nights or 0) <= days
    return Promise("fixity", "kept" if kept else "not_checked", figures)


def _copies(archive: Archive) -> list[Promise]:
    """How each copy stands, and until when everything will be read again in time."""
    status = checking.status(archive, clock.now())
    told: list[Promise] = []
    for one in status.places[1:]:
        broken = one.faults or one.state == "ahead"
        kept = one.state == "ready" and (one.lag or 0) <= 1 and one.age is not None and one.age <= status.days
        figures = {"place": one.name, "state": one.state, "age": one.age, "faults": one.faults, "lag": one.lag,
                   "days": status.days, "nights": one.nights}
        told.append(Promise("copy", "broken" if broken else "kept" if kept else "not_checked", figures))
    ahead = status.forecast
    if ahead is not None and (ahead.breaks or not ahead.holds):
        told.append(Promise("forecast", "not_checked", {
            "days": status.days, "breaks": ahead.breaks.isoformat() if ahead.breaks else "", "seconds": ahead.seconds,
            "sentence": checking.forecast_sentence(ahead, status.days)}))
    return told


def _sealed(session: Session, archive: Archive, batch: str) -> Promise:
    """Whether this night is under a seal, and that under a timestamp."""
    finished = session.scalar(select(model.Event.seq).where(model.Event.kind == "batch_finished",
                                                            model.Event.subject == batch))
    seal = None if finished is None else session.scalar(select(model.Seal).where(
        model.Seal.kind == "night", model.Seal.last_event >= finished).order_by(model.Seal.last_event).limit(1))
    if seal is None:
        return Promise("evidence", "not_checked", {"seal": ""})
    if not seal.tokens:
        return Promise("evidence", "not_checked", {"seal": seal.id, "authorities": len(archive.settings.evidence.tsa)})
    return Promise("evidence", "kept", {"seal": seal.id, "time": _clock(seal.tokens[0]["time"]),
                                        "server": seal.tokens[0]["server"]})


def _scans_sealed(session: Session, batch: str) -> list[Promise]:
    """Whether the scans of this night bear the agency's seal; nothing where none was to be sealed."""
    sealed = session.scalar(select(func.count(model.Event.subject.distinct())).join(
        model.Document, model.Document.item == model.Event.subject).where(
        model.Event.kind == "document_sealed", model.Document.batch == batch)) or 0
    waiting: dict[str, int] = defaultdict(int)
    left: dict[str, int] = defaultdict(int)
    row = model.ItemFinding
    for code, params in session.execute(select(row.code, row.params).join(model.Item, model.Item.id == row.item).where(
            model.Item.batch == batch, model.Item.state == "stored", row.code.in_(_UNSEALED))):
        if code == WAITS_FOR_SEAL:
            waiting[params.get("reason", "")] += 1
        else:
            left[code] += 1
    if not (sealed or waiting or left):
        return []
    return [Promise("scans_sealed", "not_checked" if waiting else "kept", {
        "sealed": sealed, "waiting": sum(waiting.values()), "reasons": dict(sorted(waiting.items())),
        "left": dict(sorted(left.items()))})]


def _clock(stamp: str) -> str:
    return f"{clock.in_vietnam(clock.parse(stamp)):%H:%M %d/%m/%Y}"
