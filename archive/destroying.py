"""Destroying: the one place where anything stored goes for ever, and only what a decision names.

In this order: the trace of what is to go (store, ledger), the search index, what lies about (intake, damage, staging),
every copy that is within reach, the store, then the ledger's word for each case file, then the catalogue. Killed at any
moment and said again it ends the same. Who may decide what, papers, council and terms are retention's; here nothing is
asked but whether the stored bytes are still the ones that were decided on (NĐ 31/2026 Điều 10: exactly the approved
list). What overwriting is worth, and what is left: docs/destruction.md.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import orjson
from sqlalchemy import ColumnElement, or_, select, text, update
from sqlalchemy.orm import Session

from archive import clock, destroyed, destroying_documents, layout, purging, records
from archive.absence import Remaining as Remaining
from archive.absence import absent as absent
from archive.absence import absent_all as absent_all
from archive.catalogue import SOME
from archive.catalogue import record as record_events
from archive.destroyed import BEGUN, DONE, STATE, TAKEN_OUT, Line, is_single
from archive.destroying_leftovers import leftovers, reports
from archive.destroying_rows import erase
from archive.document_paths import ordinal_of
from archive.errors import RefusedError
from archive.fixity import places
from archive.i18n import _
from archive.ledger import Entry, event_key
from archive.measuring import Measure
from archive.model import CaseFile, Document, Event
from archive.opening import Archive
from archive.store import NewFile
from archive.targets import Target as Target
from archive.targets import changed as changed
from archive.targets import targets as targets
from archive.targets import trace_lines

AT_ONCE = 500           # case files that go with one flush of the disk, one write of the ledger, one commit
MOST_TOLD = 100         # codes that the event of the beginning names; the trace names all


class Index(Protocol):
    """What destroying needs of the search index (search.index.Index has it)."""

    def remove(self, codes: Sequence[str], *, purge: bool) -> None:
        """Take documents out of it and, with `purge`, their words off the disk."""

    def fingerprints(self) -> Mapping[str, str]:
        """Every document that it holds."""


@dataclass(frozen=True, slots=True)
class Destroyed:
    """One case file that is gone: what it was made of, where it was destroyed, and which copies were out of reach.

    Or one document, with its own code, of a case file that stays.
    """

    code: str
    destruction: str
    at: str                         # raw time of the ledger's line
    objects: tuple[str, ...]
    documents: int
    files: int
    bytes: int
    places: tuple[str, ...]         # "store", "copy:…"
    unreached: tuple[str, ...]      # copies that lose it when they come back


def begin(archive: Archive, destruction: str, planned: Sequence[Target], *, by: str, decision: str,
          index: Index | None = None) -> None:
    """Write down what is to go, close it to all other work, and take it out of the search index.

    The caller owns the archive. Safe to say again, also with more targets. `index` may be left out only where none of
    them is indexed. Raises RefusedError, and nothing is begun, when anything is not as it was planned or belongs to
    another destruction.
    """
    store, known = archive.store, destroyed.parts(archive.store, destruction)
    listed = {line["code"] for part in known.values() for line in part}
    fresh = [one for one in planned if one.code not in listed]
    measured: dict[str, Measure] = {}
    if told := changed(archive, fresh, also=listed, measured=measured):
        said = _("Nothing was destroyed: {n} things are not as they were decided on; first: {first}")
        raise RefusedError(said.format(n=len(told), first=told[0]))
    if fresh:
        at = clock.now()
        n = max(known, default=0) + 1
        whole, single = ([one for one in fresh if bool(one.document) is is_one] for is_one in (False, True))
        made = [*trace_lines(archive, whole, at=at, by=by, decision=decision, destruction=destruction,
                             measured=measured),
                *destroying_documents.trace_lines(archive, single, at=at, by=by, decision=decision,
                                                  destruction=destruction)]
        data = b"".join(orjson.dumps(line, option=orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE) for line in made)
        store.put(destroyed.object_id(destruction), {destroyed.part_path(n): NewFile(data)},
                  message=f"destruction {destruction}", user="luutru", created=at)
    with archive.catalogue.session() as session:
        announce(archive, session, destroyed.object_id(destruction))
    _leave_index(archive, planned, index)


def destroy(archive: Archive, destruction: str, target: Target, *, by: str, decision: str,
            index: Index | None = None) -> Destroyed:
    """Destroy one target (see `destroy_all`, which does many at a much better pace). The caller owns the archive."""
    return next(iter(destroy_all(archive, destruction, [target], by=by, decision=decision, index=index)))


def destroy_all(archive: Archive, destruction: str, planned: Sequence[Target], *, by: str, decision: str,
                index: Index | None = None,
                tell: Callable[[int, int], None] = lambda done, total: None) -> Iterator[Destroyed]:
    """Destroy what a decision names, and yield each case file and document when it is gone and the ledger says so.

    Begins what was not begun; what is done already is yielded as the ledger has it, so all of it may be said again
    after a kill, and whenever something of it came back from a backup: it goes again, from every place. The caller owns
    the archive, and takes all that is yielded. Raises as `begin`, RefusedError while the index still holds a document,
    OSError when a disk does not let go (nothing is told to be gone then).
    """
    begin(archive, destruction, planned, by=by, decision=decision, index=index)
    lines = destroyed.lines(archive.store, destruction)
    ready = places.ready(archive)
    unreached = tuple(one.key for one in places.copies(archive.settings) if one not in ready)
    disks = [places.begun_at(place) for place in ready if place.is_copy]
    with archive.catalogue.session() as session:
        known = _done(session, destruction)
        done = {one.code: known[one.code] for one in planned if one.code in known}
        erase(session, [lines[code] for code in done])
    listed = [lines[one.code] for one in planned]
    todo = [line for line in listed if line["code"] not in done]
    _leave_index_again(index, [lines[code] for code in done])
    _refuse_indexed(archive, todo)
    overwrite = archive.settings.destruction.overwrite
    for place in reversed(ready):       # of what is done, too: somebody may have brought it back
        purging.purge(place.folder / purging.FOLDER, leftovers(place, listed), overwrite=overwrite)
        if not place.is_copy:
            purging.purge(archive.settings.root / purging.FOLDER, reports(archive, listed), overwrite=overwrite)
        purge_objects(place, [name for code in done for name in done[code].objects], overwrite=overwrite)
        for some in destroyed.groups(lines[code] for code in done).values():
            destroying_documents.destroy_in(archive, place, some, overwrite=overwrite)
    yield from done.values()
    count = len(done)
    whole = [line for line in todo if not is_single(line)]
    homes = {home: [line for line in lines.values() if line.get("home") == home] for home in destroyed.groups(todo)}
    for some in [*(whole[start:start + AT_ONCE] for start in range(0, len(whole), AT_ONCE)), *homes.values()]:
        more: list[Entry] = []
        version = 0
        for place in reversed(ready):       # the copies first, the store last
            if is_single(some[0]):
                destroying_documents.destroy_in(archive, place, some, overwrite=overwrite)
            else:
                purge_objects(place, [name for line in some for name in destroyed.objects_of(line)],
                              overwrite=overwrite)
        if home := some[0].get("home"):
            version = destroying_documents.close_up(archive, some)
            more = destroying_documents.entries(archive, home)
        gone = [line for line in some if line["code"] not in known]
        with archive.catalogue.session() as session:
            record_events(session, archive.ledger, [*more, *(
                _entry(line, ready, disks, unreached, version) for line in gone)])
            erase(session, gone)
            if home:
                records.admit_case_file(session, records.read_case_file(archive.store, home), version)
            fresh = _done(session, destruction, {line["code"] for line in gone})
        count += len(gone)
        tell(count, len(planned))
        yield from (fresh[line["code"]] for line in gone)
    forget(archive)


def purge_objects(place: places.Place, names: Sequence[str], *, overwrite: bool) -> list[str]:
    """Destroy these objects in one place; the ids of those that were there. Raises OSError."""
    return purging.purge_objects(place.store, names, overwrite=overwrite)


def announce(archive: Archive, session: Session, object_id: str) -> None:
    """Tell ledger and catalogue of a trace's parts that a kill left in the store alone; nothing is done twice."""
    destruction = object_id.removeprefix(destroyed.PREFIX)
    parts = destroyed.parts(archive.store, destruction)
    single = any(is_single(line) for part in parts.values() for line in part)
    gone = set(_done(session, destruction)) if single else set()
    for n, part in parts.items():
        codes = [line["code"] for line in part]
        data = {"object": object_id, "version": n, "destruction": destruction, "decision": part[0]["decision"],
                "count": len(part), "documents": sum(line["documents"] for line in part),
                "bytes": sum(line["bytes"] for line in part), "case_files": codes[:MOST_TOLD]}
        if documents := sum(is_single(line) for line in part):
            data["single"] = documents
        record_events(session, archive.ledger, [
            Entry(BEGUN, destruction, data, event_key(BEGUN, destruction, str(n)), part[0]["by"])])
        held = [line.get("home") or line["code"] for line in part if line["code"] not in gone]
        for start in range(0, len(held), SOME):
            session.execute(update(CaseFile).where(CaseFile.code.in_(held[start:start + SOME])).values(state=STATE))


def admit(archive: Archive, session: Session, object_id: str) -> None:
    """What a trace says in a rebuild: what is under way is closed to other work, what is gone has its items' word."""
    announce(archive, session, object_id)
    lines = destroyed.lines(archive.store, object_id.removeprefix(destroyed.PREFIX))
    done = _done(session, object_id.removeprefix(destroyed.PREFIX))
    homes = {home: set(records.ordinals(archive.store, home)) for home in destroyed.groups(lines.values())}
    erase(session, [line for code, line in lines.items() if code in done or (
        ordinal_of(code) not in homes[line["home"]] if is_single(line)
        else not archive.store.has(layout.casefile_object(code)))])


def forget(archive: Archive) -> None:
    """Let the database's file forget the rows that are gone: its journal is written back and cut (SQLite only)."""
    if archive.catalogue.engine.dialect.name == "sqlite":
        with archive.catalogue.engine.connect() as connection:
            connection.execute(text("PRAGMA wal_checkpoint(TRUNCATE)"))


def _leave_index(archive: Archive, planned: Sequence[Target], index: Index | None) -> None:
    """Take the documents of targets out of the search index, their words off its disk, and note that."""
    if index is not None:
        with archive.catalogue.session() as session:
            wanted = [code for some in _of(planned) for code in session.scalars(
                select(Document.code).where(some, Document.indexed != TAKEN_OUT))]
        if wanted:
            index.remove(wanted, purge=True)
    with archive.catalogue.session() as session:
        for some in _of(planned):
            taken = update(Document).where(some)
            session.execute((taken if index is not None else taken.where(Document.indexed == "")).values(
                indexed=TAKEN_OUT).execution_options(synchronize_session=False))


def _of(planned: Sequence[Target]) -> Iterator[ColumnElement[bool]]:
    """The documents of targets, in conditions of a size that every database takes."""
    for start in range(0, len(planned), SOME):
        some = planned[start:start + SOME]
        yield or_(Document.case_file.in_([one.code for one in some if not one.document]),
                  Document.code.in_([one.document for one in some if one.document]))


def _leave_index_again(index: Index | None, lines: Sequence[Line]) -> None:
    """Take out what an index that somebody brought back holds of what is gone."""
    gone = {document for line in lines for document in line["items"].values()}
    if index is not None and gone and (back := [one for one in index.fingerprints() if one in gone]):
        index.remove(back, purge=True)


def _refuse_indexed(archive: Archive, lines: Sequence[Line]) -> None:
    codes = [line["code"] for line in lines]
    with archive.catalogue.session() as session:
        for start in range(0, len(codes), SOME):
            some = codes[start:start + SOME]
            held = session.scalar(select(Document.code).where(
                or_(Document.case_file.in_(some), Document.code.in_(some)), Document.indexed != TAKEN_OUT).limit(1))
            if held is not None:
                said = _("{code} is still in the search index: it goes from there first.")
                raise RefusedError(said.format(code=held))


def _entry(line: Line, ready: Sequence[places.Place], disks: Sequence[str], unreached: Sequence[str],
           version: int) -> Entry:
    data = {key: line[key] for key in ("destruction", "decision", "documents", "files", "bytes", "title", "digest")
            if line.get(key) not in (None, "")}
    told = {
        **data, "objects": destroyed.objects_of(line), "places": [place.key for place in ready],
        "disks": list(disks), "unreached": list(unreached)}
    if is_single(line):
        told |= destroying_documents.told_of(line, version)
    return Entry(DONE, line["code"], told, event_key(DONE, line["code"], line["destruction"]), line["by"])


def _done(session: Session, destruction: str, codes: Collection[str] | None = None) -> dict[str, Destroyed]:
    """What the ledger says is gone of a destruction, by code (only `codes` when given)."""
    found: dict[str, Destroyed] = {}
    wanted = select(Event.subject, Event.at, Event.data).where(Event.kind == DONE)
    chunks = [wanted] if codes is None else [
        wanted.where(Event.subject.in_(sorted(codes)[start:start + SOME])) for start in range(0, len(codes), SOME)]
    for chunk in chunks:
        for code, at, data in session.execute(chunk):
            if data["destruction"] == destruction:
                found[code] = Destroyed(code, destruction, at, tuple(data["objects"]), data["documents"],
                                        data["files"], data["bytes"], tuple(data["places"]), tuple(data["unreached"]))
    return found
