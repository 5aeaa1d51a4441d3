"""Whether a restored archive is the one that was backed up: ledger, objects, rows of the catalogue, some documents.

Compares with the archive that is there. What came since the backup, or was destroyed since, is no difference.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import orjson
from sqlalchemy import Table, select

from archive import destroyed
from archive.catalogue import SOME
from archive.catalogue_forms import OF_A_MOMENT
from archive.errors import IntegrityError
from archive.fixity import places
from archive.i18n import _
from archive.model import Base, CaseFile, Document, Event, File
from archive.opening import Archive
from archive.verifying import own_inventory, proved

CANARIES = 5
OF_THE_INDEX = ("indexed",)        # columns that tell of the search index, which is made anew
OF_CASE_FILES = {"case_file": "code", "document": "case_file", "file": "document"}

Progress = Callable[[str, int, int], None]


def differences(archive: Archive, restored: Archive, seq: int, progress: Progress = lambda *_: None) -> Iterator[str]:
    """A sentence for each way in which `restored` (as it was at event `seq`) is not what `archive` holds."""
    yield from _ledger(archive, restored, seq)
    yield from _objects(archive, restored, progress)
    yield from _rows(archive, restored, seq)


def canaries(restored: Archive, seed: str) -> tuple[list[str], list[str]]:
    """Some documents, chosen by `seed`, opened and read whole against their stated hashes: their codes, what is wrong.
    """
    with restored.catalogue.session() as session:
        codes = list(session.scalars(select(Document.code).order_by(Document.code)))
        chosen = sorted(sorted(codes, key=lambda code: hashlib.sha256(f"{seed} {code}".encode()).digest())[:CANARIES])
        rows = session.execute(select(Document.code, CaseFile.object_id, File.path, File.sha256).join(
            CaseFile, CaseFile.code == Document.case_file).join(File, File.document == Document.code).where(
            Document.code.in_(chosen))).all()
    wrong = []
    for code, object_id, path, sha256 in rows:
        try:
            if hashlib.sha256(restored.store.read(object_id, path)).hexdigest() == sha256:
                continue
        except (IntegrityError, OSError, KeyError):
            pass
        wrong.append(_("{document}: {path} cannot be read as it was stored").format(document=code, path=path))
    return chosen, wrong


def _ledger(archive: Archive, restored: Archive, seq: int) -> Iterator[str]:
    with archive.catalogue.session() as one, restored.catalogue.session() as other:
        here = one.scalar(select(Event.hash).where(Event.seq == seq))
        there = other.scalar(select(Event.hash).where(Event.seq == seq))
    if seq and (here is None or here != there):
        yield _("ledger: event {n} is another one").format(n=seq)


def _objects(archive: Archive, restored: Archive, progress: Progress) -> Iterator[str]:
    folders, _strays = places.survey(restored.store.root)
    rewriting = destroyed.rewriting(archive)
    for n, folder in enumerate(folders, 1):
        progress("compare", n, len(folders))
        there = own_inventory(restored.store.root / folder)
        live = archive.store.root / folder
        if there is None or not places.is_object(live):
            if there is None:
                yield _("{folder}: no inventory").format(folder=folder)
            continue            # destroyed since; that the ledger knows of it is told by a check of the store
        here = own_inventory(live)
        if here is not None and here.held.number != there.held.number:
            here = proved(live, f"v{there.held.number}/")
        if here is None or here.sha512 != rewriting.now(there.object_id, there.held.number, there.sha512):
            yield _("{object}: not the object that the archive holds").format(object=there.object_id)


def _rows(archive: Archive, restored: Archive, seq: int) -> Iterator[str]:
    """Rows of the rebuilt catalogue that the archive's does not have; all tables when nothing happened since."""
    with archive.catalogue.session() as session:
        since = session.scalar(select(Event.seq).where(Event.seq > seq, Event.kind.not_like("backup%")).limit(1))
        moved = {(row.code, row.version) for row in session.execute(select(CaseFile.code, CaseFile.version))}
    with restored.catalogue.session() as session:
        same = {row.code for row in session.execute(select(CaseFile.code, CaseFile.version))
                if (row.code, row.version) in moved}
    for table in Base.metadata.sorted_tables:
        if table.name in {"event", *OF_A_MOMENT} or (since is not None and table.name not in OF_CASE_FILES):
            continue
        kept = _keep(table, same) if since is not None else lambda _row: True
        here, there = _digests(archive, table, kept), _digests(restored, table, kept)
        if wrong := len(here ^ there):
            yield _("catalogue: {n} rows of {table} differ").format(n=wrong, table=table.name)


def _keep(table: Table, same: set[str]) -> Callable[[Mapping[str, Any]], bool]:
    column = OF_CASE_FILES[table.name]
    if table.name == "file":
        return lambda row: str(row[column]).rpartition(".")[0] in same
    return lambda row: row[column] in same


def _digests(archive: Archive, table: Table, kept: Callable[[Mapping[str, Any]], bool]) -> set[bytes]:
    found: set[bytes] = set()
    with archive.catalogue.session() as session:
        for some in session.execute(select(table).execution_options(yield_per=SOME)).mappings().partitions(SOME):
            found.update(hashlib.sha256(orjson.dumps(dict(row), option=orjson.OPT_SORT_KEYS)).digest()
                         for row in _plain(some) if kept(row))
    return found


def _plain(rows: Sequence[Mapping[Any, Any]]) -> Iterator[dict[str, Any]]:
    for row in rows:
        yield {str(key): value for key, value in row.items() if key not in OF_THE_INDEX}
