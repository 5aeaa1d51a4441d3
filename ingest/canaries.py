"""Canary records: each night a few stored documents go a reader's way, from the search to a copy in the hand.

That every part is well does not say that they are well together. Chosen are the first document, the last, and one that
the batch's own name draws, so that over the nights every document may be the one. What came of it stands in the night's
summary and in the morning report.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import structlog
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from archive import layout, model
from archive.errors import LuuTruError
from archive.opening import Archive
from archive.reading import digests
from search.index import Filters, Index, open_index

log = structlog.get_logger()
AMONG = 50      # hits among which a document must be when its title is searched in its own case file
WORDS = 12      # of the title


@dataclass(frozen=True, slots=True)
class Canary:
    """One document's way: found by its title; exported from the store, and the copy's hash is the recorded one."""

    document: str
    found: bool
    exported: bool


def look(archive: Archive, batch: str) -> list[dict[str, Any]]:
    """Send the canaries of the night `batch`; nothing is changed, and nothing raised: what fails is told."""
    with archive.catalogue.session() as session:
        chosen = _choose(session, batch)
    if not chosen:
        return []
    index = _index(archive)
    try:
        return [asdict(Canary(one.code, _found(index, one), _exported(archive, one, sha256)))
                for one, sha256 in chosen]
    finally:
        if index is not None:
            index.close()


def figures(summary: Mapping[str, Any]) -> dict[str, Any]:
    """What the morning report tells of a night's `summary`; nothing of nights before there were canaries."""
    sent = summary.get("canaries", [])
    return {"sent": len(sent), "stuck": [one["document"] for one in sent if not (one["found"] and one["exported"])],
            "altered": any(not one["exported"] for one in sent)} if sent else {}


def _choose(session: Session, batch: str) -> list[tuple[model.Document, str]]:
    """The documents, and the SHA-256 of each one's original."""
    row = model.Document
    number = session.scalar(select(func.count()).select_from(row)) or 0
    if not number:
        return []
    drawn = int.from_bytes(hashlib.sha256(batch.encode()).digest()[:8]) % number
    codes = [session.scalar(select(row.code).order_by(row.code).offset(place).limit(1))
             for place in sorted({0, drawn, number - 1})]
    found = session.execute(select(row, model.File.sha256).join(model.File, model.File.document == row.code).where(
        row.code.in_(codes), model.File.role == "original").order_by(row.code))
    return [(document, sha256) for document, sha256 in found]


def _index(archive: Archive) -> Index | None:
    try:
        return open_index(archive.settings)
    except (LuuTruError, OSError):
        log.exception("canary: no index")
        return None


def _found(index: Index | None, document: model.Document) -> bool:
    if index is None:
        return False
    words = document.subject.replace('"', " ").split()[:WORDS]
    try:
        if not words:       # a photograph without a title is reached by its code alone
            return index.entry(document.code) is not None
        hits = index.search(f'"{" ".join(words)}"', limit=AMONG, filters=Filters(case_file=document.case_file)).hits
    except (LuuTruError, OSError, ValueError):
        log.exception("canary not found", document=document.code)
        return False
    return any(hit.code == document.code for hit in hits)


def _exported(archive: Archive, document: model.Document, sha256: str) -> bool:
    """Whether the original comes out of the store with the hash that the catalogue has of it."""
    try:
        with archive.catalogue.session() as session:
            path = session.scalar(select(model.File.path).where(
                model.File.document == document.code, model.File.role == "original").limit(1))
        with tempfile.TemporaryDirectory(prefix="luutru-canary-") as folder:
            target = Path(folder) / "copy"
            archive.store.export(layout.casefile_object(document.case_file), path or "", target)
            return digests(target, "sha256") == (sha256,)
    except (LuuTruError, OSError, KeyError):
        log.exception("canary not exported", document=document.code)
        return False
