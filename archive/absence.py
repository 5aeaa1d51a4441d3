"""Proving an absence: looking everywhere the archive knows of for what a destruction should have taken away.

What was looked at and is clean is silent. Everything else is told: what is still there, what could not be looked at
(a copy that is away, a backup that ends some day, what was handed out), and where the same bytes are lawfully kept as
another record. A look that did not happen is never taken for a clean one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from archive import clock, destroyed, layout
from archive.backup.standing import Holder, holders, sets_told
from archive.catalogue import SOME
from archive.destroyed import GONE, Line
from archive.destroying_documents import left_in
from archive.destroying_leftovers import leftovers, reports
from archive.document_paths import home_of
from archive.fixity import places
from archive.fixity.leaving import ENDS
from archive.i18n import _
from archive.model import CaseFile, Document, Event, File, Item, ItemFinding, PageText, Signature
from archive.opening import Archive
from archive.store import folder_of
from archive.targets import Target

FOUND, NOT_CHECKED, EXPIRES, ELSEWHERE, HANDED_OUT = "found", "not checked", "expires", "elsewhere", "handed out"
WAITS = "waits"         # in a package of the intake area of which another document waits
OPEN = (FOUND, NOT_CHECKED, EXPIRES, WAITS)     # while any of these is left, a destruction is done in part only


class Look(Protocol):
    """What proving needs of the search index (search.index.Index has it)."""

    def fingerprints(self) -> Mapping[str, str]:
        """Every document that it holds."""


@dataclass(frozen=True, slots=True)
class Remaining:
    """Something that stands between a destruction and its proof.

    `state`: found; not checked (out of reach); expires (a backup, gone after the day `until`); waits (a package of the
    intake area still holds it for another of its documents); elsewhere (the same bytes are another record's); handed
    out (copies that left the archive). The last two are told, and hinder nothing.
    `place` says where: "store", "copy:…", "index", "catalogue", a backup's name; `what` which thing there.
    """

    state: str
    place: str
    until: str = ""         # YYYY-MM-DD
    what: str = ""

    @property
    def hinders(self) -> bool:
        """Whether the absence is not proved because of it."""
        return self.state in OPEN


def absent(archive: Archive, target: Target, index: Look | None = None) -> list[Remaining]:
    """What is left of one target (see `absent_all`); nothing that hinders: its absence is proved."""
    return absent_all(archive, [target], index)[target.code]


def absent_all(archive: Archive, planned: Sequence[Target], index: Look | None = None) -> dict[str, list[Remaining]]:
    """What is left of each of these case files, by code. Reads only; each place is walked once for all of them.

    Without `index` the search index counts as not checked. Raises OSError for a place that breaks off while it is read.
    """
    lines = _lines(archive, planned)
    found: dict[str, list[Remaining]] = {one.code: [] for one in planned}
    ready = places.ready(archive)
    for place in ready:
        _in_place(place, lines, found)
    for one in places.copies(archive.settings):
        if one not in ready:
            known = places.known(archive.settings, one)
            told = _("last seen complete on {day}").format(
                day=f"{clock.in_vietnam(clock.parse(known.followed_at)):%d/%m/%Y}") if known.followed_at else ""
            for code in found:
                found[code].append(Remaining(NOT_CHECKED, one.key, what=told))
    if reports(archive, list(lines.values())):
        for code, line in lines.items():
            found[code] += [Remaining(FOUND, "reports", what=one.name) for one in reports(archive, [line])]
    _in_packages(archive, ready, lines, found)
    _in_index(index, lines, found)
    _in_catalogue(archive, lines, found)
    _in_backups(archive, found)
    return found


def _lines(archive: Archive, planned: Sequence[Target]) -> dict[str, Line]:
    """The trace of each target; where nothing was begun, what the target itself tells."""
    found: dict[str, Line] = {}
    wanted = {one.code: one for one in planned}
    for destruction in destroyed.told(archive.store):
        found.update((code, line) for code, line in destroyed.lines(archive.store, destruction).items()
                     if code in wanted)
    for code, one in wanted.items():
        if code not in found:
            names = [] if one.document else [one.object_id, layout.rechecks_object(code), layout.texts_object(code)]
            found[code] = {"code": code, "objects": dict.fromkeys(names, ""), "items": {}, "at": "", "until": 0,
                           "home": home_of(code) if one.document else "",
                           "sha256": sorted({sha256 for _path, sha256 in one.files})}
    return found


def _in_place(place: places.Place, lines: Mapping[str, Line], found: dict[str, list[Remaining]]) -> None:
    """Objects by the name of their folder, wherever in the storage root it lies; other areas by name and hash."""
    owner = {folder_of(name).rpartition("/")[2]: code
             for code, line in lines.items() for name in destroyed.objects_of(line)}
    objects, strays = places.survey(place.store.root)
    for path in (*objects, *strays):
        if (code := owner.get(path.rpartition("/")[2])) is not None:
            found[code].append(Remaining(FOUND, place.key, what=f"ocfl/{path}"))
    for some in destroyed.groups(lines.values()).values():
        for code, what in left_in(place, some):
            found[code].append(Remaining(FOUND, place.key, what=what))
    if not leftovers(place, list(lines.values())):
        return
    for code, line in lines.items():
        found[code] += [Remaining(FOUND, place.key, what=one.relative_to(place.folder).as_posix())
                        for one in leftovers(place, [line])]


def _in_packages(archive: Archive, ready: Sequence[places.Place], lines: Mapping[str, Line],
                 found: dict[str, list[Remaining]]) -> None:
    """Packages and long scans that wait in the intake area for another of their documents: they hold these as well."""
    items = {item: code for code, line in lines.items() for item in line["items"]}
    with archive.catalogue.session() as session:
        for code, place, package in packages_of(session, ready, items):
            told = Remaining(WAITS, place.key, what=f"intake/{package}")
            if told not in found[code]:
                found[code].append(told)


def packages_of(session: Session, ready: Sequence[places.Place],
                items: Mapping[str, str]) -> Iterator[tuple[str, places.Place, str]]:
    """The packages and long scans in the intake areas of these places that hold one of `items` (item → case file):
    case file, place, package.
    """
    waiting: dict[str, list[places.Place]] = {}
    for place in ready:
        if (place.folder / "intake").is_dir():
            for one in (place.folder / "intake").iterdir():
                waiting.setdefault(one.name, []).append(place)
    ids = list(items) if waiting else []
    for start in range(0, len(ids), SOME):
        for subject, data in session.execute(select(Event.subject, Event.data).where(
                Event.kind == "received", Event.subject.in_(ids[start:start + SOME]))):
            package = str(data.get("package", ""))
            for place in waiting.get(package, ()):
                yield items[subject], place, package


def waiting_package(session: Session, package: str) -> tuple[str, list[str]]:
    """The name under which a package or long scan came, and the documents of it that still wait, with their states."""
    row = session.get(Item, package)
    told = session.scalar(select(Event.data).where(Event.kind == "package_received", Event.subject == package))
    documents = list(told["documents"]) if told else []
    waiting = []
    for start in range(0, len(documents), SOME):
        waiting += [f"{one.name} ({one.state})" for one in session.execute(select(Item.name, Item.state).where(
            Item.id.in_(documents[start:start + SOME]), Item.state.not_in(ENDS)).order_by(Item.name))]
    return (row.name if row is not None else package), waiting


def _in_index(index: Look | None, lines: Mapping[str, Line], found: dict[str, list[Remaining]]) -> None:
    if index is None:
        for code in found:
            found[code].append(Remaining(NOT_CHECKED, "index"))
        return
    for document in index.fingerprints():
        for code in (document, home_of(document)):
            if code in lines:
                found[code].append(Remaining(FOUND, "index", what=document))


def _in_catalogue(archive: Archive, lines: Mapping[str, Line], found: dict[str, list[Remaining]]) -> None:
    items = {item: code for code, line in lines.items() for item in line["items"]}
    documents = {document: code for code, line in lines.items() for document in line["items"].values()}
    whole = {code: [code] for code, line in lines.items() if not destroyed.is_single(line)}
    homes = whole | {home: [line["code"] for line in some] for home, some in destroyed.groups(lines.values()).items()}
    with archive.catalogue.session() as session:
        for some in _parts(whole):
            for code in session.scalars(select(CaseFile.code).where(CaseFile.code.in_(some))):
                found[code].append(Remaining(FOUND, "catalogue", what="case_file"))
            for code, number in session.execute(select(Document.case_file, func.count()).where(
                    Document.case_file.in_(some)).group_by(Document.case_file)):
                found[code].append(Remaining(FOUND, "catalogue", what=f"document: {number}"))
        for some in _parts([code for code in lines if code not in whole]):
            for code in session.scalars(select(Document.code).where(Document.code.in_(some))):
                found[code].append(Remaining(FOUND, "catalogue", what="document"))
        for some in _parts(homes):
            for subject, data in session.execute(select(Event.subject, Event.data).where(
                    Event.kind == "exported", Event.subject.in_(some))):
                for code in homes[subject]:
                    found[code].append(Remaining(HANDED_OUT, str(data.get("to", "")), what=subject))
        for ids in _parts(items):
            for row in session.execute(select(Item.id, Item.state, Item.name, Item.document).where(Item.id.in_(ids))):
                if row.state != GONE or row.name:
                    found[items[row.id]].append(Remaining(FOUND, "catalogue", what=f"item {row.id}"))
            for item in session.scalars(select(ItemFinding.item).where(ItemFinding.item.in_(ids)).distinct()):
                found[items[item]].append(Remaining(FOUND, "catalogue", what=f"finding of {item}"))
        for some in _parts(documents):
            for subject in session.scalars(select(Event.subject).where(
                    Event.kind == "exported", Event.subject.in_(some)).distinct()):
                found[documents[subject]].append(Remaining(HANDED_OUT, "", what=subject))
            for table in (File, Signature, PageText):
                for document in session.scalars(select(table.document).where(table.document.in_(some)).distinct()):
                    found[documents[document]].append(
                        Remaining(FOUND, "catalogue", what=f"{table.__tablename__} of {document}"))
        digests = {digest: code for code, line in lines.items() for digest in line["sha256"]}
        for some in _parts(sorted(digests)):
            for sha256, document in session.execute(select(File.sha256, File.document).where(
                    File.sha256.in_(some), File.role.in_(("original", "attachment")))):
                if document not in lines and home_of(document) not in lines:
                    found[digests[sha256]].append(Remaining(ELSEWHERE, "store", what=document))


def _parts(codes: Iterable[str]) -> Iterator[list[str]]:
    """Codes in lists of a size that every database takes."""
    every = list(codes)
    for start in range(0, len(every), SOME):
        yield every[start:start + SOME]


def _in_backups(archive: Archive, found: dict[str, list[Remaining]]) -> None:
    """Backups made before a case file went hold it until they end: our own (luutru backup), and those of others that
    the settings tell of.
    """
    backups, now = sorted(archive.settings.destruction.backups.items()), clock.now()
    own: dict[str, list[Holder]] = {}       # by the time of a destruction
    with archive.catalogue.session() as session:
        if not backups and not sets_told(session):
            return
        for code in found:
            absence = destroyed.of(session, code)
            at = absence.at if absence else ""
            if at not in own:
                own[at] = holders(session, archive.settings, since="", until=at)
            for one in own[at]:
                found[code].append(Remaining(EXPIRES, f"backup:{one.target}", one.until if at else "",
                                             f"{one.medium} {one.first} … {one.last}"))
            for name, days in backups:
                ends = clock.parse(absence.at) + timedelta(days=days) if absence else None
                if ends is None or ends > now:
                    until = f"{clock.in_vietnam(ends):%Y-%m-%d}" if ends else ""
                    found[code].append(Remaining(EXPIRES, name, until))

