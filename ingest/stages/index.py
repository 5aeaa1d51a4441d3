"""Index: what was stored tonight, and whatever an earlier night could not index, becomes searchable.

The catalogue records the fingerprint of what the index holds of each document. A document whose fingerprint is
empty is indexed now; a failed write leaves it empty, so that it stays visible until it has been done.
"""

from __future__ import annotations

from collections.abc import Callable

import structlog
from sqlalchemy import select, update

from archive import model, records
from archive.findings import Finding, finding
from archive.opening import Archive
from search.index import Entry, IndexOutdatedError, entry_from_record, open_index
from search.reindexing import reindex

AT_ONCE = 500
log = structlog.get_logger()


def as_follower(batch: str, work: Callable[[], int]) -> list[Finding]:
    """Do `work` on the index in a night: its records are safe without, and the report shows a failure red."""
    try:
        work()
    except Exception as error:
        log.exception("index failed", batch=batch)
        return [finding("INDEX-001", "index", error=str(error))]
    return []


def renew_outdated(archive: Archive) -> int:
    """Make an index of another version, or one that cannot be read, anew from the store; how many documents it holds.

    Without it nothing would be found after an upgrade until somebody says `luutru index rebuild`. 0: it is well.
    """
    try:
        open_index(archive.settings).close()
    except IndexOutdatedError:
        return reindex(archive)
    return 0


def index_documents(archive: Archive, progress: Callable[[int, int], None] = lambda *_: None) -> int:
    """Index every document that the index does not hold; return how many. Raises what the engine raises."""
    with archive.catalogue.session() as session:
        todo = session.execute(select(model.Document.code, model.Document.case_file, model.Document.ordinal)
                               .where(model.Document.indexed == "").order_by(model.Document.code)).all()
        codes = {row.case_file for row in todo}
        homes = {row.code: records.for_index(row.title, row.fonds, row.fields) for row in session.scalars(
            select(model.CaseFile).where(model.CaseFile.code.in_(codes)))}
    if not todo:
        return 0
    index = open_index(archive.settings)
    try:
        for start in range(0, len(todo), AT_ONCE):
            by_case_file: dict[str, list[int]] = {}
            for row in todo[start:start + AT_ONCE]:
                by_case_file.setdefault(row.case_file, []).append(row.ordinal)
            entries: list[Entry] = []
            for code, ordinals in by_case_file.items():
                for record, text in records.read_documents_and_texts(archive.store, code, ordinals):
                    entries.append(entry_from_record({**record, **homes[code]}, text))
            index.add(entries)
            with archive.catalogue.session() as session:
                session.execute(update(model.Document), [
                    {"code": entry.code, "indexed": entry.fingerprint} for entry in entries])
            progress(min(start + AT_ONCE, len(todo)), len(todo))
    finally:
        index.close()
    return len(todo)
