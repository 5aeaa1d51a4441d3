"""Texts: corrections by persons and later readings by better engines, kept as layers beside the text of the night.

What was recognised on the way in is never touched. A change is a new version of the case file's object; of a closed
case file, whose object is a whole AIP and gets no more versions, of an object beside it (`layout.texts_object`). Who
reads a document's text reads the one in use (archive/records.py). A person's correction always wins over a machine.
"""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from archive import clock, layout, model, records, revisions, text_layers
from archive.catalogue import SOME
from archive.catalogue import record as record_events
from archive.errors import UsageError
from archive.files import json_bytes
from archive.findings import finding
from archive.i18n import _
from archive.ledger import Entry, event_key
from archive.opening import Archive
from archive.records import Record
from archive.store import NewFile, Store
from archive.text_layers import CORRECTIONS, CURRENT, KEY, READING, Pages, Place

CORRECTED, REREAD = "text_corrected", "text_reread"
MOST_CHARACTERS = 200_000       # of one page
_NO_TEXT = re.compile("[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff\ufffe\uffff]")
_LATER = re.compile(rf"{layout.DOCUMENTS}/(\d{{7}})\.json")
_NAMES = ("code", "case_file", "ordinal", "item")


@dataclass(frozen=True, slots=True)
class Correction:
    """A person's text of one page. The hashes (SHA-256) are of the machine's text, of what was in use, of `text`."""

    part: int
    page: int
    by: str
    at: str
    reason: str
    recognised: str
    before: str
    after: str
    text: str = field(repr=False, default="")


@dataclass(frozen=True, slots=True)
class PageNow:
    """A page's text now: the machine's in use, the person's (None: not corrected), every correction, oldest first."""

    name: str
    pages: int
    recognised: str
    corrected: str | None
    history: list[Correction]


@dataclass(frozen=True, slots=True)
class Reading:
    """What a later reading brings: its `engine`, the pages read and which of them are to be used.

    Each of `pages`: `part`, `page`, `text`, `facts` (of digitising), `score` and `before` (text quality, 0 to 1; None:
    nothing to judge), `used`.
    """

    engine: Mapping[str, str]
    pages: Sequence[Mapping[str, Any]]


# --- reading ---------------------------------------------------------------------------------------------------


def received_text(store: Store, record: Record) -> str:
    """The text that was recognised when the document was received, whatever came later; "" when it has none."""
    path = next((file["path"] for file in record["files"] if file["role"] == "text"), "")
    return store.read(layout.casefile_object(record["case_file"]), path).decode() if path else ""


def machine(store: Store, record: Record) -> Pages:
    """The pages of the text as machines read them: each from the reading that is in use, without corrections."""
    pages = text_layers.split(record, received_text(store, record))
    counts = _counts(record, pages)
    found = {part: [*pages.get(part, ()), *([""] * (count - len(pages.get(part, ()))))]
             for part, count in counts.items()}
    for told in record.get(KEY, {}).get("readings", ()):
        for one in json.loads(_layer(store, record, told))["pages"]:
            if one["used"]:
                found[one["part"]][one["page"] - 1] = one["text"]
    return found


def corrections(store: Store, record: Record) -> list[Correction]:
    """Every correction of a document's text, oldest first."""
    told = text_layers.place_of(record, CORRECTIONS)
    if told is None:
        return []
    return [Correction(**one) for one in json.loads(_layer(store, record, told))["corrections"]]


def page(archive: Archive, record: Record, part: int, number: int) -> PageNow:
    """One page's text. Raises UsageError for a part or page that is not there."""
    pages = machine(archive.store, record)
    return _page(record, pages, corrections(archive.store, record), part, number)


def _page(record: Record, pages: Pages, made: Sequence[Correction], part: int, number: int) -> PageNow:
    file = dict(text_layers.parts(record)).get(part)
    if file is None:
        raise UsageError(_("{code} has no part {part}.").format(code=record["code"], part=part))
    if not 1 <= number <= len(pages.get(part, ())):
        raise UsageError(_("{code} has no page {page} with text in part {part}.").format(
            code=record["code"], page=number, part=part))
    own = [one for one in made if (one.part, one.page) == (part, number)]
    return PageNow(file["name"], len(pages[part]), pages[part][number - 1], own[-1].text if own else None, own)


def _counts(record: Record, pages: Pages) -> dict[int, int]:
    """How many pages each part has: those of its text, and of its scan where that has more."""
    counts = {part: len(own) for part, own in pages.items()}
    for part, noted in text_layers.scanned(record):
        counts[part] = max(counts.get(part, 0), len(noted.get("pages", ())))
    return counts


def _layer(store: Store, record: Record, told: Mapping[str, Any]) -> bytes:
    return store.read(told.get("object", layout.casefile_object(record["case_file"])), told["path"])


# --- correcting ------------------------------------------------------------------------------------------------


def correct(archive: Archive, code: str, part: int, number: int, text: str, *, by: str, reason: str,
            version: int) -> None:
    """Keep a person's text of a page; the machine's stays. The same text as recognised says: this page is right.

    `version` is the `text_layers.number` that the person saw. The caller owns the archive. Raises UsageError for what
    is not there and for no reason, CorrectionRefusedError when the text was changed meanwhile (DIGITISE-070), holds
    characters that no text has or too many (DIGITISE-071), or `by` may not correct (CORR-001).
    """
    from archive.correcting import CorrectionRefusedError, ask

    ask(archive, code, reason, by)
    with archive.catalogue.session() as session:
        row = session.get(model.Document, code)
    if row is None:
        raise UsageError(_("There is no document {code}.").format(code=code))
    revisions.catch_up(archive, row.case_file)
    record = next(records.read_documents(archive.store, row.case_file, [row.ordinal]))
    if text_layers.number(record) != version:
        raise CorrectionRefusedError([finding("DIGITISE-070", code, page=number)])
    clean = unicodedata.normalize("NFC", text).replace("\r\n", "\n").replace("\r", "\n").rstrip()
    if (odd := _NO_TEXT.search(clean)) is not None or len(clean) > MOST_CHARACTERS:
        raise CorrectionRefusedError([finding("DIGITISE-071", code, page=number, limit=MOST_CHARACTERS,
                                              character=f"U+{ord(odd[0]):04X}" if odd else "—")])
    pages, made = machine(archive.store, record), corrections(archive.store, record)
    now = _page(record, pages, made, part, number)
    known = now.recognised if now.corrected is None else now.corrected
    if now.corrected == clean and not _stale(record, part, number):
        return
    at = clock.now()
    new = Correction(part, number, by, clock.stamp(at), reason.strip(), text_layers.sha256(now.recognised),
                     text_layers.sha256(known), text_layers.sha256(clean), clean)
    told = {"kind": "corrected", "by": by, "reason": reason.strip(), "part": part, "page": number,
            "recognised": new.recognised, "before": new.before, "after": new.after}
    _write(archive, record, told, pages, [*made, new], at=at)


def _stale(record: Record, part: int, number: int) -> bool:
    return any(one.get("stale") for one in record.get(KEY, {}).get("pages", ())
               if (one["part"], one["page"]) == (part, number))


def add_reading(archive: Archive, record: Record, reading: Reading, *, by: str, at: datetime,
                changes: Mapping[str, Any] | None = None, files: Mapping[str, NewFile] | None = None) -> None:
    """Keep a later reading of a document beside the earlier ones, and use its pages that are to be used.

    Pages that a person corrected keep the person's text; where the reading beneath it changed they are marked `stale`.
    `changes` of the record and `files` (a new access copy) come in the same version; only where the case file is open.
    The caller owns the archive.
    """
    pages = machine(archive.store, record)
    for one in reading.pages:
        if one["used"]:
            pages[one["part"]][one["page"] - 1] = one["text"]
    told = {"kind": "reread", "by": by, "reason": "", "engine": dict(reading.engine),
            "read": [[one["part"], one["page"]] for one in reading.pages],
            "used": [[one["part"], one["page"]] for one in reading.pages if one["used"]]}
    _write(archive, record, told, pages, corrections(archive.store, record), at=at, reading=reading,
           changes=changes or {}, files=files or {})


# --- writing ---------------------------------------------------------------------------------------------------


def is_open(archive: Archive, case_file: str) -> bool:
    """Whether the case file's own object still takes versions."""
    return bool(records.read_case_file(archive.store, case_file)["state"] == "open")


def _write(archive: Archive, record: Record, told: Mapping[str, Any], pages: Pages, made: Sequence[Correction], *,
           at: datetime, reading: Reading | None = None, changes: Mapping[str, Any] | None = None,
           files: Mapping[str, NewFile] | None = None) -> None:
    """One change of a document's text: store, then ledger, then catalogue (both by `revisions.catch_up`)."""
    code, case_file = record["code"], record["case_file"]
    own = is_open(archive, case_file)
    object_id = layout.casefile_object(case_file) if own else layout.texts_object(case_file)
    known = record.get(KEY, {})
    layers: dict[str, tuple[str, bytes]] = {}
    before = known.get("readings", [])
    if reading is not None:
        nth = len(before) + 2
        layers[text_layers.path(code, READING, nth)] = READING, json_bytes({
            "schema": "luutru/reading/1", "document": code, "reading": nth, "at": clock.stamp(at), "by": told["by"],
            "engine": dict(reading.engine), "pages": [dict(one) for one in reading.pages]})
    if made:
        layers[text_layers.path(code, CORRECTIONS)] = CORRECTIONS, json_bytes({
            "schema": "luutru/corrections/1", "document": code, "corrections": [asdict(one) for one in made]})
    whole = text_layers.join(record, _with_corrections(pages, made))
    layers[text_layers.path(code, CURRENT)] = CURRENT, whole.encode()
    listed = {path: _described(path, role, data, "" if own else object_id) for path, (role, data) in layers.items()}
    by_role = {one["role"]: one for one in listed.values()}
    texts: dict[str, Any] = {
        "n": text_layers.number(record) + 1, "at": clock.stamp(at), "version": archive.store.version(object_id) + 1,
        "last": dict(told), "pages": _pages(record, made, reading, told), "current": _place(by_role[CURRENT])}
    if not own:
        texts["object"] = object_id
    if made:
        texts["corrections"] = _place(by_role[CORRECTIONS])
    if reading is not None:
        texts["readings"] = [*before, {**_place(by_role[READING]), "n": len(before) + 2, "at": clock.stamp(at),
                                       "by": told["by"], "engine": dict(reading.engine)}]
    elif before:
        texts["readings"] = before
    new = {path: NewFile(data) for path, (_role, data) in layers.items()}
    path = layout.record_path(record["ordinal"])
    if own:
        kept = {**record, **(changes or {})}
        kept["files"] = [*(file for file in kept["files"] if file["path"] not in listed),
                         *({key: value for key, value in one.items() if key != "object"} for one in listed.values())]
        revisions.put(archive, object_id, {**new, **(files or {}), path: NewFile(json_bytes({**kept, KEY: texts}))},
                      f"text of {code}: {told['kind']}", at)
        return
    new[path] = NewFile(json_bytes({"schema": "luutru/text/1", **{key: record[key] for key in _NAMES}, KEY: texts,
                                    "files": [dict(one) for one in listed.values()]}))
    revisions.mark(archive, case_file)
    try:
        archive.store.put(object_id, new, message=f"text of {code}: {told['kind']}", user="luutru", created=at)
    finally:
        revisions.catch_up(archive, case_file)


def _with_corrections(pages: Pages, made: Sequence[Correction]) -> Pages:
    found = {part: list(own) for part, own in pages.items()}
    for one in made:
        found[one.part][one.page - 1] = one.text
    return found


def _pages(record: Record, made: Sequence[Correction], reading: Reading | None,
           told: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What the record says of the pages that are no longer as the night read them, or were tried again."""
    known: dict[Place, dict[str, Any]] = {(one["part"], one["page"]): dict(one)
                                          for one in record.get(KEY, {}).get("pages", ())}
    if reading is None:
        place = told["part"], told["page"]
        known[place] = {**known.get(place, {"part": place[0], "page": place[1]}), "corrected": True}
        known[place].pop("stale", None)
    else:
        nth, corrected = len(record.get(KEY, {}).get("readings", ())) + 2, {(one.part, one.page) for one in made}
        for one in reading.pages:
            place = one["part"], one["page"]
            page = known.setdefault(place, {"part": place[0], "page": place[1]})
            page["tried"] = text_layers.engine_key(reading.engine)
            if one["used"]:
                measured = {key: value for key, value in one["facts"].items() if key in text_layers.MEASURED}
                page |= {"reading": nth, "facts": measured} | ({"stale": True} if place in corrected else {})
    return [known[place] for place in sorted(known)]


def _described(path: str, role: str, data: bytes, object_id: str) -> dict[str, Any]:
    told = {"path": path, "role": role, "name": path.rpartition("/")[2], "format": path.rpartition(".")[2],
            "size": len(data), "sha256": hashlib.sha256(data).hexdigest(), "sha512": hashlib.sha512(data).hexdigest()}
    return told | ({"object": object_id} if object_id else {})


def _place(told: Mapping[str, Any]) -> dict[str, Any]:
    return {key: told[key] for key in ("path", "role", "sha256", "object") if key in told}


# --- the ledger and the catalogue ------------------------------------------------------------------------------


def entry(record: Record, version: int) -> Entry:
    """The event of the last change of a document's text, from the record that tells of it."""
    texts, code = record[KEY], record["code"]
    last = {key: value for key, value in texts["last"].items() if key not in ("kind", "by")}
    place = {"object": texts["object"]} if "object" in texts else {}
    # Files of another object than the case file's are under the night's seal through its inventory.
    files = {} if place else {one["path"]: one["sha256"] for one in text_layers.places(record) if "object" not in one}
    kind = CORRECTED if texts["last"]["kind"] == "corrected" else REREAD
    if kind == REREAD and not place:        # a reading may bring a new access copy under the path of the old one
        files |= {file["path"]: file["sha256"] for file in record["files"] if file["role"] == "access"}
    return Entry(kind, code, {**last, "case_file": record["case_file"], "n": texts["n"], "version": version, **place,
                              "files": files}, event_key(kind, code, str(texts["n"])), texts["last"]["by"])


def announce(archive: Archive, session: Session, object_id: str) -> list[int]:
    """Write the events of changed texts of a closed case file that the ledger lacks; the ordinals of the documents."""
    later = [json.loads(archive.store.read(object_id, path)) for path in archive.store.files(object_id)
             if _LATER.fullmatch(path)]
    record_events(session, archive.ledger, [entry(one, one[KEY]["version"]) for one in later])
    numbers = {code: n for start in range(0, len(later), SOME) for code, n in session.execute(
        select(model.Document.code, model.Document.text_changes).where(
            model.Document.code.in_([one["code"] for one in later[start:start + SOME]]))).all()}
    return [one["ordinal"] for one in later if numbers.get(one["code"], one[KEY]["n"]) < one[KEY]["n"]]


def catch_up(archive: Archive, session: Session, case_file: str) -> None:
    """Tell ledger and catalogue what the store knows of texts that changed since a case file was closed."""
    object_id = layout.texts_object(case_file)
    if archive.store.has(object_id) and (told := announce(archive, session, object_id)):
        records.renew(session, *records.read_documents(archive.store, case_file, told))


def history(archive: Archive, code: str) -> list[model.Event]:
    """The events of all changes of a document's text, oldest first."""
    with archive.catalogue.session() as session:
        return list(session.scalars(select(model.Event).where(
            model.Event.kind.in_((CORRECTED, REREAD)), model.Event.subject == code).order_by(model.Event.seq)))


def renew(archive: Archive) -> None:
    """Read the pages of the scans that a catalogue of before knew nothing of: once an upgrade. The caller owns."""
    with archive.catalogue.session() as session:
        waiting = session.execute(select(model.Document.case_file, model.Document.ordinal).where(
            model.Document.text_changes < 0).order_by(model.Document.case_file, model.Document.ordinal)).all()
    by_case_file: dict[str, list[int]] = {}
    for row in waiting:
        by_case_file.setdefault(row.case_file, []).append(row.ordinal)
    for case_file, ordinals in by_case_file.items():
        with archive.catalogue.session() as session:
            for record in records.read_documents(archive.store, case_file, ordinals):
                if rows := text_layers.rows(record):
                    session.execute(model.PageText.__table__.insert(), rows)  # type: ignore[attr-defined]
                session.execute(update(model.Document).where(model.Document.code == record["code"]).values(
                    text_changes=text_layers.number(record)))
