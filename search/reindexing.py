"""Making the search index again from the store, and telling the catalogue what the index now holds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from sqlalchemy import select, update

from archive import model, records
from archive.opening import Archive
from search.index import Entry, entry_from_record, rebuild_index


def reindex(archive: Archive, pairs: Iterable[tuple[records.Record, str]] | None = None) -> int:
    """Index every document of the store anew, in one step: killed half-way, the old index stays in use.

    `pairs` are the records with their texts, where the caller walks them (to show progress). Returns how many
    documents were indexed. The caller owns the archive.
    """
    fingerprints: list[dict[str, str]] = []

    def entries() -> Iterator[Entry]:
        for record, text in records.documents(archive.store) if pairs is None else pairs:
            entry = entry_from_record(record, text)
            fingerprints.append({"code": entry.code, "indexed": entry.fingerprint})
            yield entry

    count = rebuild_index(archive.settings, entries())
    with archive.catalogue.session() as session:
        known = set(session.scalars(select(model.Document.code)))
        if rows := [row for row in fingerprints if row["code"] in known]:
            session.execute(update(model.Document), rows)
    return count
