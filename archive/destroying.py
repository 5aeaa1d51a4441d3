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
from sqlalchemy import delete, select, text, update
from sqlalchemy.orm import Session, aliased

from archive import clock, destroyed, layout, purging
from archive.absence import Remaining as Remaining
from archive.absence import absent as absent
from archive.absence import absent_all as absent_all
from archive.catalogue import SOME
from archive.catalogue import record as record_events
from archive.destroyed import BEGUN, DONE, STATE, TAKEN_OUT, Line
from archive.destroying_leftovers import leftovers, reports
from archive.errors import RefusedError
from archive.fixity import places
from archive.i18n import _
from archive.ledger import Entry, event_key
from archive.model import CaseFile, Document, Event, File, Item, ItemFinding, PageText, Signature
from archive.opening import Archive
from archive.store import NewFile
from archive.targets import Target as Target
from archive.targets import changed as changed
from archive.targets import targets as targets
from archive.targets import trace_lines

AT_ONCE = 100           # case files that go with one flush of the disk, one write of the ledger, one commit
MOST_TOLD = 100         # codes that the event of the beginning names; the trace names all


class Index(Protocol):
    """What destroying needs of the search index (search.index.Index has it)."""

    def remove(self, codes: Sequence[str], *, purge: bool) -> None:
        """Take documents out of it and, with `purge`, their words off the disk."""

    def fingerprints(self) -> Mapping[str, str]:
        """Every document that it holds."""


@dataclass(frozen=True, slots=True)
class Destroyed:
    """One case file that is gone: what it was made of, where it was destroyed, and which copies were out of reach."""

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
    if told := changed(archive, fresh, also=listed):
        said = _("Nothing was destroyed: {n} things are not as they were decided on; first: {first}")
        raise RefusedError(said.format(n=len(told), first=told[0]))
    if fresh:
        at = clock.now()
        n = max(known, default=0) + 1
        made = trace_lines(archive, fresh, at=at, by=by, decision=decision, destruction=destruction)
        data = b"".join(orjson.dumps(line, option=orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE) for line in made)
        store.put(destroyed.object_id(destruction), {destroyed.part_path(n): NewFile(data)},
                  message=f"destruction {destruction}", user="luutru", created=at)
    with archive.catalogue.session() as session:
        announce(archive, session, destroyed.object_id(destruction))
    _leave_index(archive, [one.code for one in planned], index)


def destroy(archive: Archive, destruction: str, target: Target, *, by: str, decision: str,
            index: Index | None = None) -> Destroyed:
    """Destroy one case file (see `destroy_all`, which does many at a much better pace). The caller owns the archive."""
    return next(iter(destroy_all(archive, destruction, [target], by=by, decision=decision, index=index)))


def destroy_all(archive: Archive, destruction: str, planned: Sequence[Target], *, by: str, decision: str,
                index: Index | None = None,
                tell: Callable[[int, int], None] = lambda done, total: None) -> Iterator[Destroyed]:
    """Destroy what a decision names, and yield each case file when it is gone and the ledger says so.

    Begins what was not begun; what is done already is yielded as the ledger has it, so all of it may be said again
    after a kill, and whenever something of it came back from a backup: it goes again, from every place. The caller owns
    the archive, and takes all that is yielded. Raises as `begin`, RefusedError while the index still holds a document,
    OSError when a disk does not let go (nothing is told to be gone then).
    """
    begin(archive, destruction, planned, by=by, decision=decision, index=index)
    lines = destroyed.lines(archive.store, destruction)
    ready = places.ready(archive)
    unreached = tuple(one.key for one in places.copies(archive.settings) if one not in ready)
    with archive.catalogue.session() as session:
        known = _done(session, destruction)
        done = {one.code: known[one.code] for one in planned if one.code in known}
        _erase(session, [lines[code] for code in done])
    todo = [lines[one.code] for one in planned if one.code not in done]
    _leave_index_again(index, [lines[code] for code in done])
    _refuse_indexed(archive, [line["code"] for line in todo])
    overwrite = archive.settings.destruction.overwrite
    for place in reversed(ready):       # of what is done, too: somebody may have brought it back
        purging.purge(place.folder / purging.FOLDER, leftovers(place, [lines[one.code] for one in planned]),
                      overwrite=overwrite)
        if not place.is_copy:
            shown = reports(archive, [lines[one.code] for one in planned])
            purging.purge(archive.settings.root / purging.FOLDER, shown, overwrite=overwrite)
        purge_objects(place, [name for code in done for name in done[code].objects], overwrite=overwrite)
    yield from done.values()
    count = len(done)
    for start in range(0, len(todo), AT_ONCE):
        some = todo[start:start + AT_ONCE]
        for place in reversed(ready):       # the copies first, the store last
            purge_objects(place, [name for line in some for name in destroyed.objects_of(line)],
                          overwrite=overwrite)
        with archive.catalogue.session() as session:
            record_events(session, archive.ledger, [_entry(line, ready, unreached) for line in some])
            _erase(session, some)
            fresh = _done(session, destruction, {line["code"] for line in some})
        count += len(some)
        tell(count, len(planned))
        yield from (fresh[line["code"]] for line in some)
    forget(archive)


def purge_objects(place: places.Place, names: Sequence[str], *, overwrite: bool) -> list[str]:
    """Destroy these objects in one place; the ids of those that were there. Raises OSError."""
    store = place.store
    folders = {name: store.folder(name) for name in names}
    there = [name for name, folder in folders.items() if folder.exists() or folder.is_symlink()]
    purging.purge(place.folder / purging.FOLDER, [folders[name] for name in there], overwrite=overwrite)
    for name in names:
        purging.prune(folders[name].parent, store.root)
    return there


def announce(archive: Archive, session: Session, object_id: str) -> None:
    """Tell ledger and catalogue of a trace's parts that a kill left in the store alone; nothing is done twice."""
    destruction = object_id.removeprefix(destroyed.PREFIX)
    for n, part in destroyed.parts(archive.store, destruction).items():
        codes = [line["code"] for line in part]
        data = {"object": object_id, "version": n, "destruction": destruction, "decision": part[0]["decision"],
                "count": len(part), "documents": sum(line["documents"] for line in part),
                "bytes": sum(line["bytes"] for line in part), "case_files": codes[:MOST_TOLD]}
        record_events(session, archive.ledger, [
            Entry(BEGUN, destruction, data, event_key(BEGUN, destruction, str(n)), part[0]["by"])])
        for start in range(0, len(codes), SOME):
            session.execute(update(CaseFile).where(CaseFile.code.in_(codes[start:start + SOME])).values(state=STATE))


def admit(archive: Archive, session: Session, object_id: str) -> None:
    """What a trace says in a rebuild: what is under way is closed to other work, what is gone has its items' word."""
    announce(archive, session, object_id)
    lines = destroyed.lines(archive.store, object_id.removeprefix(destroyed.PREFIX))
    done = _done(session, object_id.removeprefix(destroyed.PREFIX))
    _erase(session, [line for code, line in lines.items() if code in done
                     or not archive.store.has(layout.casefile_object(code))])


def forget(archive: Archive) -> None:
    """Let the database's file forget the rows that are gone: its journal is written back and cut (SQLite only)."""
    if archive.catalogue.engine.dialect.name == "sqlite":
        with archive.catalogue.engine.connect() as connection:
            connection.execute(text("PRAGMA wal_checkpoint(TRUNCATE)"))


def _leave_index(archive: Archive, codes: Sequence[str], index: Index | None) -> None:
    """Take the documents of case files out of the search index, their words off its disk, and note that."""
    if index is not None:
        with archive.catalogue.session() as session:
            wanted = [code for start in range(0, len(codes), SOME) for code in session.scalars(
                select(Document.code).where(Document.case_file.in_(codes[start:start + SOME]),
                                            Document.indexed != TAKEN_OUT))]
        if wanted:
            index.remove(wanted, purge=True)
    with archive.catalogue.session() as session:
        for start in range(0, len(codes), SOME):
            taken = update(Document).where(Document.case_file.in_(codes[start:start + SOME]))
            session.execute((taken if index is not None else taken.where(Document.indexed == "")).values(
                indexed=TAKEN_OUT))


def _leave_index_again(index: Index | None, lines: Sequence[Line]) -> None:
    """Take out what an index that somebody brought back holds of case files that are gone."""
    gone = {document for line in lines for document in line["items"].values()}
    if index is not None and gone and (back := [one for one in index.fingerprints() if one in gone]):
        index.remove(back, purge=True)


def _refuse_indexed(archive: Archive, codes: Sequence[str]) -> None:
    with archive.catalogue.session() as session:
        for start in range(0, len(codes), SOME):
            held = session.scalar(select(Document.code).where(
                Document.case_file.in_(codes[start:start + SOME]), Document.indexed != TAKEN_OUT).limit(1))
            if held is not None:
                said = _("{code} is still in the search index: it goes from there first.")
                raise RefusedError(said.format(code=held))


def _entry(line: Line, ready: Sequence[places.Place], unreached: Sequence[str]) -> Entry:
    data = {key: line[key] for key in ("destruction", "decision", "documents", "files", "bytes", "title", "digest")
            if line.get(key) not in (None, "")}
    told = {
        **data, "objects": destroyed.objects_of(line), "places": [place.key for place in ready],
        "disks": [places.begun_at(place) for place in ready if place.is_copy], "unreached": list(unreached)}
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


def _erase(session: Session, lines: Sequence[Line]) -> None:
    """Take the rows of destroyed case files away; of their items only digests, times and outcome stay."""
    if not lines:
        return
    if session.get_bind().dialect.name == "sqlite":
        session.execute(text("PRAGMA secure_delete=ON"))        # what a deleted row held is overwritten in the file
    codes = [line["code"] for line in lines]
    items = [item for line in lines for item in line["items"]]
    for start in range(0, len(codes), SOME):
        homes = codes[start:start + SOME]
        documents = select(Document.code).where(Document.case_file.in_(homes))
        for table in (PageText, Signature, File):
            session.execute(delete(table).where(table.document.in_(documents)))
        session.execute(delete(Document).where(Document.case_file.in_(homes)))
        session.execute(delete(CaseFile).where(CaseFile.code.in_(homes)))
    homes_of = {item: document for line in lines for item, document in line["items"].items()}
    begun = {item: line["at"] for line in lines for item in line["items"]}
    for start in range(0, len(items), SOME):
        ids = items[start:start + SOME]
        first = aliased(Item)
        twins = [row.id for row in session.execute(select(Item.id, Item.received_at, first.id.label("of")).join(
            first, first.sha256 == Item.sha256).where(first.id.in_(ids), Item.state == "duplicate"))
            if row.received_at <= begun[row.of]]
        session.execute(update(Item), [{"id": item, "state": destroyed.GONE, "document": homes_of[item], "name": "",
                                        "fields": {}, "facts": {}} for item in ids])
        if twins:
            session.execute(update(Item), [{"id": item, "name": "", "fields": {}, "facts": {}} for item in twins])
        session.execute(delete(ItemFinding).where(ItemFinding.item.in_([*ids, *twins])))
