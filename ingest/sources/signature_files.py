"""Signature files (`.p7s`) of the inbox: each goes with the file that it signs, or waits where it is.

Must never become a document of its own, and never leave the inbox before it lies with its document.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace

from sqlalchemy import select
from sqlalchemy.orm import Session

from archive import model
from archive.findings import Finding, finding
from ingest.beside import Owners, is_signature, wanted_name
from ingest.copying import SourceError, hash_file
from ingest.sources.inbox import Waiting, remove_from_inbox

_SETTLED = ("quarantine", "turned_away", "failed")      # states in which the intake area keeps an item's files


def joined(ready: Sequence[Waiting], left: Sequence[Finding]) -> tuple[list[Waiting], list[Finding]]:
    """The files of one folder that are taken in, signature files with what they sign, and why others wait.

    `left` are the findings about files that are not ready: what they sign, or what signs them, waits with them.
    """
    unready = {found.subject for found in left}
    times = Counter(one.name for one in ready)
    owners = Owners([*times, *unready])
    beside: dict[str, list[Waiting]] = defaultdict(list)
    held: set[str] = set()
    findings: list[Finding] = []
    for one in ready:
        if not is_signature(one.name):
            continue
        mine = owners.of(one.name)
        if not mine:
            findings.append(finding("COLLECT-010", one.name, wanted=wanted_name(one.name).rpartition("/")[2]))
        elif len(mine) > 1 or times[mine[0]] > 1:
            held.update(mine)
            findings.append(finding("COLLECT-011", one.name, names=", ".join(mine[:6]),
                                    first=mine[0].rpartition("/")[2]))
        elif mine[0] not in unready:        # else both wait, and the finding about the file says so
            beside[mine[0]].append(one)
    for name in sorted(filter(is_signature, unready)):
        for owner in owners.of(name):
            if owner in times and owner not in held:
                held.add(owner)
                findings.append(finding("COLLECT-012", owner, signature=name))
    taken = [replace(one, beside=tuple(beside[one.name])) if one.name in beside else one for one in ready
             if not is_signature(one.name) and one.name not in held]
    return taken, findings


def clear(session: Session, rows: Iterable[model.Item], waiting: Sequence[tuple[str, Waiting]]) -> list[Finding]:
    """Remove from the inbox the signature files that lie with their documents now; called before those are removed.

    In that order a kill in between leaves a document alone, which is known, and never a signature alone.
    """
    by_name = {(row.source, row.name): row for row in rows}
    stays: list[Finding] = []
    for source, one in waiting:
        row = by_name.get((source, one.name))
        if row is None or not one.beside or row.state == "kept_out":
            continue
        kept = _kept(session, row)
        for signature in one.beside:
            try:
                sha256 = hash_file(signature.path).sha256
            except SourceError:     # gone, or being changed: the next night sees
                continue
            if sha256 not in kept:
                if row.state in ("stored", "duplicate"):
                    stays.append(finding("COLLECT-013", signature.name, document=row.document or row.name))
            elif not remove_from_inbox(signature.path, sha256):
                stays.append(finding("NIGHT-005", signature.name))
    return stays


def _kept(session: Session, row: model.Item) -> set[str]:
    """The SHA-256 of the signature files that an item has safely: in the store, or in the intake area."""
    if row.state == "stored":
        return set(session.scalars(select(model.File.sha256).where(model.File.document == row.document)))
    if row.state not in _SETTLED:
        return set()
    return {str(part["sha256"]) for part in (*row.facts.get("parts", ()), *row.facts.get("beside", ()))}
