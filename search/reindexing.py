"""Making the search index again from the store, and telling the catalogue what the index now holds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from sqlalchemy import select, update

from archive import destroyed, model, records
from archive.opening import Archive
from search.index import Entry, entry_from_record, rebuild_index


def reindex(archive: Archive, pairs: Iterable[tuple[records.Record, str]] | None = None,
            resumed: Callable[[int], None] = lambda _held: None) -> int:
    """Index every document of the store anew, in one step: killed half-way, the old index stays in use, and the next
    reindex goes on with the new one (`resumed` is told how many documents it holds already).

    `pairs` are the records with their texts, where the caller walks them (to show progress). Returns how many
    documents were indexed; what is being destroyed is not. The caller owns the archive.
    """
    fingerprints: list[dict[str, str]] = []
    with archive.catalogue.session() as session:
        leaving = set(destroyed.under_way(session, archive.store))

    def entries() -> Iterator[Entry]:
        for record, text in records.documents(archive.store) if pairs is None else pairs:
            if record["case_file"] in leaving or record["code"] in leaving:
                continue
            entry = entry_from_record(record, text)
            fingerprints.append({"code": entry.code, "indexed": entry.fingerprint})
            yield entry

    count = rebuild_index(archive.settings, entries(), resumed)
    with archive.catalogue.session() as session:
        known = set(session.scalars(select(model.Document.code)))
        if rows := [row for row in fingerprints if row["code"] in known]:
            session.execute(update(model.Document), rows)
    return count
