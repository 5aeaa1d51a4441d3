"""Fixity: do the store and its copies hold what they say they hold, and all that the ledger says was put into them.

`check` reads everything and changes nothing but the ledger's note of it (and that a put which a kill interrupted is
finished first). The caller owns the archive, so that no night writes meanwhile.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import select

from archive import clock, destroyed, layout
from archive.catalogue import record
from archive.errors import IntegrityError
from archive.fixity import auditing, damage, mending, places
from archive.fixity.damage import CHECKED, FAILED, Looked, Ward
from archive.fixity.forecast import Forecast, forecast
from archive.fixity.ledger_copies import LEDGER, look_at_ledger, mend_ledger
from archive.fixity.mending import Settled
from archive.fixity.places import Place
from archive.i18n import _
from archive.ledger import ACTOR, Entry, event_key
from archive.model import Batch
from archive.opening import Archive

Progress = Callable[[int, int], None]
FOLDERS = ("README.txt", "ocfl", "ledger", "intake", "staging", "damage", "destroying")     # docs/format.md
MONTH = re.compile(r"\d{4}-\d{2}\.jsonl")
TOLD = ("gone", "rolled_back", "misplaced", "disagrees", "forged", "unknown")      # more than one file of an object


@dataclass(frozen=True, slots=True)
class Checked:
    """A check of everything: objects of the store, events, the places read, the copies that were not, the faults."""

    objects: int
    events: int
    places: list[str]
    absent: list[str]
    faults: list[str]


def check(archive: Archive, *, copies: bool = True, actor: str = ACTOR,
          progress: Progress = lambda *_: None) -> Checked:
    """Read everything, in the copies as well unless told not to, and note what is damaged. Mends nothing."""
    ward = mending.ward(archive, clock.now(), actor)
    if not copies:
        del ward.places[1:]
    results: list[Looked] = []
    for looked in _look_at_all(ward, progress, both=True):
        if looked.faults or (looked.place.key, looked.folder) in ward.open:
            mending.settle(ward, looked, repair=False)
        if looked.faults:
            results.append(looked)
    # Last: reading an object may finish what looks like a killed put.
    others = list(_ledger_and_intake(archive, _told(ward, results), ward.places[1:]))
    faults = [*others, *(sentence for looked in results for sentence in looked.sentences())]
    read = [place.key for place in ward.places]
    absent = [one.name for one in places.copies(archive.settings) if one not in ward.places] if copies else []
    objects = len(places.survey(archive.store.root)[0])
    with archive.catalogue.session() as session:
        at = clock.stamp(clock.now())
        record(session, archive.ledger, [Entry(CHECKED if not faults else FAILED, places.MAIN, {
            "objects": objects, "faults": faults[:100], "others": len(others), "places": read},
            event_key("fixity", at), actor=actor)])
    return Checked(objects, archive.ledger.seq, read, absent, faults)


def repair(archive: Archive, now: datetime, *, everything: bool = False, dry_run: bool = False, actor: str = ACTOR,
           progress: Progress = lambda *_: None) -> list[Settled]:
    """Mend the damage that is known (or all that there is) from sound copies; with `dry_run` say what would be done."""
    ward = mending.ward(archive, now, actor)
    looks = _look_at_all(ward, progress, both=False) if everything else _look_at_open(ward)
    results: list[Settled] = []
    for looked in looks:
        if not looked.faults and (dry_run or (looked.place.key, looked.folder) not in ward.open):
            continue
        mender = mend_ledger if looked.folder == LEDGER else None
        mended = mending.foreseen(ward, looked) if dry_run else mending.settle(ward, looked, mender=mender)
        results.append((looked, mended))
    return [(looked, mended) for looked, mended in results if looked.faults]


def _look_at_open(ward: Ward) -> Iterator[Looked]:
    """The damage that the ledger knows, looked at again, where it can be read."""
    there = {place.key: place for place in ward.places}
    for key, folder in sorted(ward.open):
        if key not in there:
            continue
        if folder == "":
            yield damage.look_at_root(there[key])[1]
        elif folder == LEDGER:
            yield look_at_ledger(ward, there[key])
        else:
            yield damage.look(ward, there[key], folder)


def _look_at_all(ward: Ward, progress: Progress, *, both: bool) -> Iterator[Looked]:
    """Everything in every place."""
    folders = {place.key: damage.look_at_root(place) for place in ward.places}
    names = {place.key: sorted({*folders[place.key][0], *ward.expected(place)}) for place in ward.places}
    total, done = sum(map(len, names.values())), 0
    for place in ward.places:
        yield folders[place.key][1]
        if place.is_copy:
            yield look_at_ledger(ward, place)
        for looked in damage.look_in_order(ward, place, names[place.key], both=both):
            done += 1
            progress(done, total)
            yield looked


# --- how it stands --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PlaceStatus:
    """How one place stands: `age` of its oldest reading and `lag` of a copy in days, open faults, nights of a round."""

    key: str
    name: str
    state: str              # "store", or how the copy was found
    age: int | None
    faults: int
    nights: float | None
    lag: int | None


@dataclass(frozen=True, slots=True)
class Status:
    """How the promise stands in every place, and until when it will."""

    days: int
    places: list[PlaceStatus]
    forecast: Forecast | None

    def as_dict(self) -> dict[str, Any]:
        """For machines."""
        told = asdict(self)
        if self.forecast and self.forecast.breaks:
            told["forecast"]["breaks"] = self.forecast.breaks.isoformat()
        return told


def status(archive: Archive, now: datetime) -> Status:
    """How the store and each copy stand, by ledger and notes and a look at whether the copy is there."""
    settings = archive.settings
    seen = [places.look(archive, place) for place in places.copies(settings)]
    stand: list[PlaceStatus] = []
    with archive.catalogue.session() as session:
        for place, state in [(places.main(archive), "store"), *((one.place, one.state) for one in seen)]:
            known = auditing.standing(session, now, place.key)
            lag = places.lag(places.known(settings, place), now) if place.is_copy else None
            if lag is not None and state == "ready" and places.known(settings, place).events == archive.ledger.seq:
                lag = 0
            stand.append(PlaceStatus(place.key, place.name, state, known.age, known.faults, known.nights, lag))
        ahead = forecast(session, now, days=settings.fixity.days, seconds=settings.fixity.seconds,
                         keys=[one.key for one in stand])
    return Status(settings.fixity.days, stand, ahead)


def forecast_sentence(told: Forecast | None, days: int) -> str:
    """The forecast in a sentence."""
    if told is None:
        return _("No audit has measured the pace of reading yet; until when the promise holds cannot be said.")
    if not told.holds:
        return _("The promise to read everything again within {days} days does not hold today: a round takes {nights} "
                 "nights. It needs fixity.seconds = {seconds}.").format(
            days=days, nights=round(told.nights), seconds=told.seconds)
    if told.breaks is None:
        return _("At today's growth the promise to read everything again within {days} days holds for more than ten "
                 "years.").format(days=days)
    return _("At today's growth the promise to read everything again within {days} days will not hold from {day} on; "
             "fixity.seconds = {seconds} would hold it a year longer.").format(
        days=days, day=f"{told.breaks:%d/%m/%Y}", seconds=told.seconds)


def place_state(state: str) -> str:
    """How a place was found, in words."""
    return {"store": _("the store"), "ready": _("there"), "new": _("not begun yet"), "absent": _("not there"),
            "foreign": _("holds something else"), "overlaps": _("the same folder as another place"),
            "other": _("copy of another archive"),
            "ahead": _("its ledger is another one"), "unreadable": _("cannot be read")}.get(state, state)


# --- what the ledger says -------------------------------------------------------------------------------------


def faults(archive: Archive) -> Iterator[str]:
    """A sentence for each thing in the store that is not as it was written: ledger, objects, files, waiting items."""
    ward = mending.ward(archive, clock.now())
    del ward.places[1:]
    results: list[Looked] = []
    for looked in _look_at_all(ward, lambda *_: None, both=True):
        yield from looked.sentences()
        if looked.faults:
            results.append(looked)
    yield from _ledger_and_intake(archive, _told(ward, results))


def _told(ward: Ward, results: Iterable[Looked]) -> set[str]:
    """The folders of objects of which it is told already that they are not what the ledger says was stored."""
    return {looked.folder for looked in results if looked.place == ward.main
            and any(fault.kind in TOLD for fault in looked.faults)}


def _ledger_and_intake(archive: Archive, told: Collection[str] = (), copies: Iterable[Place] = ()) -> Iterable[str]:
    """What is no damage of an object: the ledger's chain, stored files that an object lacks, received bytes.

    Objects in the folders `told` are left out. Of `copies` only what waits there is looked at.
    """
    for fault in archive.ledger.check():
        yield _("ledger: {fault}").format(fault=fault)
    expected, waiting, received = _what_the_ledger_says(archive)
    for object_id, files in sorted(expected.items()):
        if archive.store.folder(object_id).relative_to(archive.store.root).as_posix() in told:
            continue
        if not archive.store.has(object_id):
            yield _("{object}: the ledger says that it was stored, but it is not in the store").format(object=object_id)
            continue
        try:
            yield from _missing_files(archive, object_id, files)
        except (IntegrityError, OSError, ValueError, KeyError):
            continue        # the object cannot be read: its damage is told
    yield from _waiting_items(layout.intake_folder(archive.settings), waiting)
    for copy in copies:
        place = copy.folder / "intake"
        there = {item: data for item, data in waiting.items() if (place / item).is_dir()}     # a copy may lag behind
        yield from (f"{copy.name}: {sentence}" for sentence in _waiting_items(place, there))
    yield from _lying_about(archive, received)


def missing_objects(archive: Archive) -> list[str]:
    """The objects that the ledger says were stored and that are not in the store."""
    expected, _waiting, _received = _what_the_ledger_says(archive)
    return sorted(object_id for object_id in expected if not archive.store.has(object_id))


def _what_the_ledger_says(archive: Archive) -> tuple[dict[str, dict[str, str]], dict[str, dict[str, Any]], set[str]]:
    """The files of each object by their SHA-256, the items whose bytes should lie in the intake area, all items."""
    expected: dict[str, dict[str, str]] = {}
    received: set[str] = set()
    waiting: dict[str, dict[str, Any]] = {}
    destructions: list[tuple[str, dict[str, Any]]] = []
    packages: dict[str, dict[str, Any]] = {}
    settled: dict[str, set[str]] = {"stored": set(), "kept_out": set()}
    for line in archive.ledger.lines():
        match line.kind:
            case destroyed.BEGUN:
                expected.setdefault(line.data["object"], {})
                destructions.append((line.kind, line.data))
            case destroyed.DONE:
                destructions.append((line.kind, line.data))
            case "stored":
                files = expected.setdefault(layout.casefile_object(line.data["case_file"]), {})
                files.update(line.data["files"])
                waiting.pop(line.subject, None)
                settled[line.kind].add(line.subject)
            case "text_corrected" | "text_reread":
                place = line.data.get("object", layout.casefile_object(line.data["case_file"]))
                expected.setdefault(place, {}).update(line.data["files"])
            case "document_sealed":
                expected.setdefault(layout.casefile_object(line.data["case_file"]), {}).update(line.data["files"])
            case "fonds_opened":
                expected.setdefault(layout.fonds_object(line.subject), {})
            case ("retention_table_imported" | "periods_set" | "period_events_recorded" | "documents_linked"
                  | "documents_unlinked"):
                expected.setdefault(line.data["object"], {})
            case kind if kind.startswith("transfer_"):
                expected.setdefault(line.data["object"], {}).update(line.data["files"])
            case "casefile_closed":
                expected.setdefault(layout.casefile_object(line.subject), {})["METS.xml"] = line.data["mets"]
            case "casefile_reopened":
                expected.setdefault(layout.casefile_object(line.subject), {}).pop("METS.xml", None)
            case "scan_kept":
                expected.setdefault(line.data["object"], {}).update(line.data["files"])
                waiting.pop(line.subject, None)
            case "received":
                waiting[line.subject] = line.data
                received.add(line.subject)
            case "package_received":
                packages[line.subject] = line.data
            case "kept_out":
                waiting.pop(line.subject, None)
                settled[line.kind].add(line.subject)
            case "duplicate" | "list_received":
                waiting.pop(line.subject, None)
    for package, told in packages.items():      # what came in lies in the intake area while a document of it waits
        documents = set(told["documents"])
        if documents & settled["kept_out"] or (told["form"] != "scan" and documents <= settled["stored"]):
            waiting.pop(package, None)
    for object_id in destroyed.gone(destructions, archive.store):
        if not archive.store.has(object_id):
            expected.pop(object_id, None)
    for _kind, data in destructions:
        for object_id, paths in data.get("paths", {}).items():      # of a single document whose case file stays
            for path in paths:
                expected.get(object_id, {}).pop(path, None)
    for object_id in destroyed.rewriting(archive).under_way & expected.keys():
        expected[object_id] = {}        # it has its old history or its new one
    return expected, waiting, received


def _missing_files(archive: Archive, object_id: str, expected: dict[str, str]) -> Iterator[str]:
    held, inventory = archive.store.files(object_id), archive.store.inventory(object_id)
    for path, sha256 in sorted(expected.items()):
        if path not in held:
            yield _("{object}: {path} was stored, but is not in the object").format(object=object_id, path=path)
        elif held[path].sha256 and held[path].sha256 != sha256 and not (
                path.startswith("metadata/") and sha256 in inventory.fixity):     # made anew by a later version
            yield _("{object}: {path} is not the file that the ledger says was stored").format(
                object=object_id, path=path)


def _waiting_items(intake: Path, waiting: dict[str, dict[str, Any]]) -> Iterator[str]:
    for item, data in sorted(waiting.items()):
        place = intake / item / "received"
        files = sorted(path for path in place.glob("*") if _is_file(path)) if place.is_dir() else []
        found = {file.name: _sha256(file) for file in files}
        if data["sha256"] not in found.values():
            yield _("intake {item}: the received bytes of {name} are not there any more").format(
                item=item, name=data["name"])
        else:
            for name, sha256 in found.items():
                if sha256 != data["sha256"]:
                    yield _("intake {item}: {name} lies there and was never received").format(item=item, name=name)
        for one in data.get("beside", ()):      # signature files, and the file of the backs of a scan
            path = place.parent / one["path"]
            if not _is_file(path) or _sha256(path) != one["sha256"]:
                yield _("intake {item}: the received bytes of {name} are not there any more").format(
                    item=item, name=one["name"])


def _is_file(path: Path) -> bool:
    """Whether a file lies there itself: the right bytes under a link may go with whatever disk they are on."""
    return path.is_file() and not path.is_symlink()


def _lying_about(archive: Archive, received: Collection[str]) -> Iterator[str]:
    """What lies in the store's folders and belongs to none of them; while a night is under way nobody can say."""
    with archive.catalogue.session() as session:
        if session.scalar(select(Batch.id).where(Batch.finished_at == "").limit(1)) is not None:
            return
    store = layout.store_folder(archive.settings)
    intake = layout.intake_folder(archive.settings)
    strange = [one.name for one in store.iterdir() if one.name not in FOLDERS and not one.name.startswith(".")]
    strange += [f"ledger/{one.name}" for one in layout.ledger_folder(archive.settings).iterdir()
                if not MONTH.fullmatch(one.name)]
    strange += [f"intake/{one.name}" for one in (intake.iterdir() if intake.is_dir() else ())
                if one.name not in received and not one.name.startswith(".")]
    for path in sorted(strange):
        yield _("store: {path} belongs to nothing that is known").format(path=path)


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
