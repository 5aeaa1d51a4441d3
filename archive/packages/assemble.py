"""Assembling: from the store's records and the archive's history to a package that can be written.

One pass over the records and a query for every 500 subjects, however many documents travel. Nothing is checked here
and nothing is made up: fields come from archive/describing.py, bytes from the store, history from the ledger's events.
"""

from __future__ import annotations

import hashlib
import tomllib
import uuid as uuids
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Any

from sqlalchemy import select

from archive import __version__, clock, describing, layout, model, records
from archive.catalogue import SOME
from archive.codes import LooseCode, parse_document_code
from archive.errors import UsageError
from archive.fields.kinds import kind_of
from archive.files import json_bytes
from archive.i18n import _
from archive.ledger import ACTOR, event_key
from archive.opening import Archive
from archive.packages.description import (
    Form,
    Package,
    PackedDocument,
    PackedFile,
    PremisAgent,
    PremisEvent,
    Status,
)
from archive.packages.text_files import current_texts
from archive.records import Record
from archive.store import StoredFile

TABLE = Path(__file__).with_name("assembling.toml")
DATA = layout.RECEIVED                      # TT 05/2025 PL I: representations/rep1/data
_RECEIVED = ("original", "attachment", "signature", "message")
DOCUMENTATION = "documentation/"
# What only a closed case file's object holds: the metadata of its AIP.
_OF_AIP = ("METS.xml", "metadata/descriptive/", "metadata/preservation/", "representations/rep1/METS.xml",
           "representations/rep1/metadata/", "schemas/")


@dataclass(slots=True)
class _History:
    """What happened, and who acted."""

    events: list[PremisEvent] = field(default_factory=list)
    agents: dict[str, PremisAgent] = field(default_factory=dict)

    def add(self, event: PremisEvent) -> None:
        """Keep an event and its agent."""
        self.events.append(event)
        if event.agent not in self.agents:
            luutru = event.agent == ACTOR
            self.agents[event.agent] = PremisAgent(event.agent, "Lưu Trữ" if luutru else event.agent,
                                                   "software" if luutru else "person", __version__ if luutru else "")


def case_file(archive: Archive, code: str, form: Form, *, created: datetime, request: str = "",
              uuid: str = "") -> Package:
    """The package of a whole case file: SIP_hoso or AIP_hoso (TT 05/2025 Phụ lục III, I).

    `request` is the code of the submission (SIPs only). Without `uuid` an AIP has the case file's own, else one made
    from the code, the form and the time. Raises KeyError for a case file that the store does not hold.
    """
    return of_record(archive, records.read_case_file(archive.store, code), form, created=created, request=request,
                     uuid=uuid)


def of_record(archive: Archive, record: Record, form: Form, *, created: datetime, request: str = "", uuid: str = "",
              documents: Sequence[Record] | None = None) -> Package:
    """As `case_file`, for a record that is about to be stored: what closing packs.

    `documents` are the records of its documents (`records.brief` is enough), where the caller has read them.
    """
    code = record["code"]
    found = documents
    if found is None:
        found = list(map(records.brief, records.read_documents(archive.store, code)))
    place = _Place(archive, layout.casefile_object(code))
    packed = [_document(one, record, archive.settings.archive_code, form, place) for one in found]
    history = _History()
    status: Status = "NEW"
    others: list[PackedFile] = []
    documentation: list[PackedFile] = []
    if form == "AIP_hoso":
        history, reopened = _history(archive, record, found, form, created)
        status = "REPLACEMENT" if reopened else "NEW"
        others = list(_others(record, packed, place, created))
        documentation = [_made_here(path, place) for path in sorted(place.files) if path.startswith(DOCUMENTATION)]
        uuid = uuid or record.get("uuid", "")
    return _package(archive, form, record["fonds"], uuid or _uuid(form, code, created), record["title"], created,
                    describing.case_file_fields(record, found, archive.settings.archive_code, form), packed,
                    history=history, request=request if form == "SIP_hoso" else "", status=status, others=others,
                    documentation=documentation)


def loose(archive: Archive, codes: Sequence[str], form: Form, *, created: datetime, title: str, round: int,
          ordinal: int, source: str, request: str = "", description: str = "") -> Package:
    """A package of documents that were not filed together: SIP_tailieu, AIP_tailieu (TT 05/2025 Phụ lục IV, II).

    `round` is the submission's, `ordinal` that of the package in the round; documents count on from it. `source` is
    "0" for outgoing, "1" for incoming; `description` is the package's note. Raises UsageError for no documents, or
    documents of several fonds.
    """
    found = _records(archive, codes)
    numbered = [_loose_code(one["code"], round, ordinal + n) for n, (one, _home) in enumerate(found)]
    if len({code.rpartition(".")[0] for code in numbered}) != 1:
        raise UsageError(_("A package of loose documents holds those of one fonds and one year."))
    own, archive_code = numbered[0], archive.settings.archive_code
    packed = [_document({**one, "code": code, "was": one["code"]}, home, archive_code, form, _place_of(archive, one))
              for code, (one, home) in zip(numbered, found, strict=True)]
    pseudo = {"code": own, "title": title, "fields": {"source": source, "description": description}}
    documents, first, history = [one for one, _home in found], found[0][1], _History()
    if form == "AIP_tailieu":
        history, _reopened = _history(archive, {**pseudo, "opened_at": clock.stamp(created)}, documents, form, created)
    return _package(archive, form, first["fonds"], _uuid(form, own, created), title, created,
                    describing.case_file_fields(pseudo, documents, archive_code, form), packed,
                    history=history, request=request if form == "SIP_tailieu" else "")


def request(archive: Archive, codes: Sequence[str], *, created: datetime, fields: Mapping[str, str]) -> Package:
    """A package for a reader (DIP, TT 05/2025 Phụ lục V): copies of documents, with the fields of the request.

    The message that brought a document stays in the archive. Raises UsageError for no documents or several fonds.
    """
    found = _records(archive, codes)
    fonds = {str(home["fonds"]) for _one, home in found}
    if len(fonds) != 1:
        raise UsageError(_("A package for a reader holds documents of one fonds."))
    archive_code, asked = archive.settings.archive_code, fields.get("requestID", "")
    packed = [_document(one, home, archive_code, "DIP", _place_of(archive, one)) for one, home in found]
    title = fields.get("researchTopic", "") or asked
    pseudo = {"code": asked, "title": title, "fields": dict(fields)}
    texts = [file for one, _home in found for file in current_texts(archive, one)]
    return _package(archive, "DIP", fonds.pop(), _uuid("DIP", "|".join([asked, *codes]), created), title, created,
                    describing.case_file_fields(pseudo, [], archive_code, "DIP"), packed, documentation=texts)


def _package(archive: Archive, form: Form, fonds: str, uuid: str, title: str, created: datetime,
             fields: Mapping[str, str], packed: Sequence[PackedDocument], *, history: _History | None = None,
             request: str = "", status: Status = "NEW", others: Sequence[PackedFile] = (),
             documentation: Sequence[PackedFile] = ()) -> Package:
    with archive.catalogue.session() as session:
        row = session.get(model.Fonds, fonds)
    told = history or _History()
    return Package(form=form, uuid=uuid.upper(), fonds=fonds, organisation=row.name if row else fonds, title=title,
                   created=_time(created), fields=fields, documents=packed, events=told.events,
                   agents=[told.agents[name] for name in sorted(told.agents)], request=request, status=status,
                   others=others, documentation=documentation)


# --- documents and files -----------------------------------------------------------------------------------


class _Place:
    """The files of one OCFL object, read once: where each lies and when its version was made."""

    def __init__(self, archive: Archive, object_id: str) -> None:
        self.files: Mapping[str, StoredFile] = archive.store.files(object_id)
        versions = archive.store.inventory(object_id).told["versions"]
        self._made: dict[str, str] = {name: one["created"] for name, one in versions.items()}
        self._depth = len(archive.store.folder(object_id).parts)

    def made(self, path: str) -> str:
        """When the version that brought the bytes of `path` was made, ISO 8601 with +07:00."""
        return self._made[self.files[path].place.parts[self._depth]]


def _place_of(archive: Archive, record: Record) -> _Place:
    return _Place(archive, layout.casefile_object(record["case_file"]))


def _document(record: Record, case_file: Record, archive_code: str, form: Form, place: _Place) -> PackedDocument:
    described = {key: value for key, value in record.items() if key != "was"}
    files = list(_data(record, form, place))
    fields = describing.document_fields(described, case_file, archive_code, form)
    return PackedDocument(record["code"], kind_of(describing.entered(record)), fields, files)


def _data(record: Record, form: Form, place: _Place) -> Iterator[PackedFile]:
    """The files of one document that lie in rep1/data, its main file first.

    In a package that leaves the archive a scan is preceded by its access copy, PDF/A with a text layer, which TT
    05/2025 asks for: it is the main file, the received scan lies beside it as "…-received".
    """
    own, code = record.get("was", record["code"]), record["code"]
    copies = {PurePosixPath(file["path"]).stem: file for file in record["files"] if file["role"] == "access"}
    looks = {(part["role"], part["name"]): part for part in record.get("facts", {}).get("check", {}).get("parts", ())}
    files = sorted((file for file in record["files"] if file["role"] in _RECEIVED),
                   key=lambda file: _RECEIVED.index(file["role"]))
    for file in files:
        if file["role"] == "message" and form == "DIP":
            continue
        path = PurePosixPath(file["path"])
        stem = path.stem.replace(own, code, 1)
        role, look = file["role"], looks.get((file["role"], file["name"]), {})
        received = _time(clock.parse(record["receipt"]["received_at"]))
        if form not in ("AIP_hoso", "AIP_tailieu") and (copy := copies.get(path.stem)) is not None:
            yield _packed(copy, f"{DATA}/{stem}{PurePosixPath(copy['path']).suffix}", place, role,
                          place.made(copy["path"]))
            stem, role = f"{stem}-received", "attachment"
        elif form not in ("AIP_hoso", "AIP_tailieu") and role == "signature" and (
                signed := PurePosixPath(path.stem)).stem in copies:      # it is of the received file, not of the copy
            stem = f"{signed.stem.replace(own, code, 1)}-received{signed.suffix}"
        yield _packed(file, f"{DATA}/{stem}{path.suffix}", place, role, received, look)


def _packed(file: Mapping[str, Any], path: str, place: _Place, role: str, created: str,
            look: Mapping[str, Any] | None = None) -> PackedFile:
    look = look or {}
    stored = place.files[file["path"]]
    mime = look.get("mime") or _table()["mime"].get(PurePosixPath(file["path"]).suffix[1:], "application/octet-stream")
    name = f"{look['format']} {look['version']}" if look.get("version") else str(look.get("format") or file["format"])
    return PackedFile(path, stored.place, file["size"], file["sha256"], mime, created, role, file["name"],
                      look.get("puid", ""), name)


def _others(record: Record, packed: Sequence[PackedDocument], place: _Place, created: datetime) -> Iterator[PackedFile]:
    """What else lies in the object: further representations and our own records; the case file's as it will be."""
    data = json_bytes(record)
    digest, name = hashlib.sha256(data).hexdigest(), PurePosixPath(layout.CASE_FILE).name
    yield PackedFile(layout.CASE_FILE, data, len(data), digest, "application/json", _time(created), "record", name,
                     format_name="json")
    taken = {file.path for one in packed for file in one.files} | {layout.CASE_FILE}
    for path in sorted(place.files):
        if is_ours(path) and path not in taken and not path.startswith(DOCUMENTATION):
            yield _made_here(path, place)


def _made_here(path: str, place: _Place) -> PackedFile:
    stored, name = place.files[path], PurePosixPath(path)
    mime = _table()["mime"].get(name.suffix[1:].lower(), "application/octet-stream")
    return PackedFile(path, stored.place, stored.size, stored.sha256, mime, place.made(path), _role(path), name.name,
                      format_name=name.suffix[1:].lower())


def is_ours(path: str) -> bool:
    """Whether a path of a case file's object is the archive's own, not one of its AIP (METS, EAD, PREMIS, schemas)."""
    return not path.startswith(_OF_AIP)


def _role(path: str) -> str:
    if path.startswith(layout.ACCESS):
        return "access"
    if path.startswith(layout.TEXT):
        return "text"
    if path.startswith(DOCUMENTATION):
        return "documentation"
    return "signature-report" if path.endswith((".signatures.json", ".signatures.pdf")) else "record"


# --- history -----------------------------------------------------------------------------------------------


def _history(archive: Archive, record: Record, documents: Sequence[Record], form: Form,
             created: datetime) -> tuple[_History, bool]:
    """The events of a case file in the order in which they happened, and whether it was ever reopened.

    The last one is the making of this package; while a case file is being closed, that is the closing itself.
    """
    told, code = _History(), record["code"]
    by_item = {one["item"]: one for one in documents}
    by_code = {one["code"]: one for one in documents}
    events, reopened = [], False
    for row in _events(archive, [code, "store", *by_item, *by_code], record["opened_at"]):
        reopened |= row.kind == "casefile_reopened"
        if (event := _event(row, code, by_item, by_code)) is not None:
            events.append(event)
    events += _checked_signatures(archive, documents)
    now, closed_at = clock.stamp(created), record.get("closed_at", "")
    if closed_at:
        events.append(_made("closing", code, closed_at, form, ACTOR))
    by = record["closing"]["by"] if closed_at == now else ACTOR
    for event in [*sorted(events, key=lambda one: (one.at, one.id)), _made("created", code, now, form, by)]:
        told.add(event)
    return told, reopened


def _events(archive: Archive, subjects: Sequence[str], since: str) -> Iterator[model.Event]:
    """The ledger's events about `subjects`, by blocks of them; checks of the whole store only `since` a time."""
    kinds = list(_table()["events"])
    with archive.catalogue.session() as session:
        for start in range(0, len(subjects), SOME):
            for row in session.scalars(select(model.Event).where(
                    model.Event.kind.in_(kinds), model.Event.subject.in_(subjects[start:start + SOME]))):
                if row.subject != "store" or row.at >= since:
                    yield row


def _event(row: model.Event, code: str, by_item: Mapping[str, Record],
           by_code: Mapping[str, Record]) -> PremisEvent | None:
    rule = _table()["events"][row.kind]
    subject = by_item.get(row.subject) or by_code.get(row.subject)
    if subject is None and row.subject not in (code, "store"):
        return None
    digitised = subject is not None and describing.is_digitised(subject)
    kind = rule["digitised"] if digitised and "digitised" in rule else rule["type"]
    detail = rule["detail"].format_map(_Told(row.data)).rstrip(": ")
    return PremisEvent(row.key, kind, _time(clock.parse(row.at)), detail, rule["outcome"], row.actor,
                       (subject["code"],) if subject is not None else ())


def _checked_signatures(archive: Archive, documents: Iterable[Record]) -> Iterator[PremisEvent]:
    """The check of each document's signatures, made in the night that took it in; nothing where none was made."""
    with archive.catalogue.session() as session:
        nights = {row.id: row.started_at for row in session.scalars(select(model.Batch))}
    rule = _table()["record"]["signatures"]
    for one in documents:
        verdict = one.get("rechecked", {}).get("first", one["verdict"])     # a later look has an event of its own
        outcome = rule["outcomes"].get(verdict)
        if outcome is None or one["batch"] not in nights:
            continue
        yield PremisEvent(event_key("signatures", one["item"]), rule["type"], _time(clock.parse(nights[one["batch"]])),
                          rule["detail"].format(verdict=verdict), outcome, ACTOR, (one["code"],))


def _made(name: str, code: str, at: str, form: Form, agent: str) -> PremisEvent:
    rule = _table()["record"][name]
    return PremisEvent(event_key(name, code, form, at), rule["type"], _time(clock.parse(at)),
                       rule["detail"].format(form=form), rule["outcome"], agent)


class _Told(dict[str, Any]):
    """An event's data; what an older event does not tell is left out of its sentence."""

    def __missing__(self, key: str) -> str:
        return ""


# --- what several ask --------------------------------------------------------------------------------------


def _records(archive: Archive, codes: Sequence[str]) -> list[tuple[Record, Record]]:
    """The records of documents in the order asked for, each with its case file's. Raises UsageError."""
    wanted: dict[str, dict[int, int]] = {}
    for n, code in enumerate(codes):
        parsed = parse_document_code(code)
        if parsed is None:
            raise UsageError(_("There is no document {code}.").format(code=code))
        wanted.setdefault(str(parsed.file), {})[parsed.ordinal] = n
    found: dict[int, tuple[Record, Record]] = {}
    for home, ordinals in wanted.items():
        held = set(records.ordinals(archive.store, home))
        if missing := sorted(set(ordinals) - held):
            raise UsageError(_("There is no document {code}.").format(code=codes[ordinals[missing[0]]]))
        case = records.read_case_file(archive.store, home)
        for one in records.read_documents(archive.store, home, ordinals):
            found[ordinals[one["ordinal"]]] = one, case
    if not found:
        raise UsageError(_("No document was named."))
    return [found[n] for n in sorted(found)]


def _loose_code(code: str, round_: int, ordinal: int) -> str:
    """The code of a document or package in a round of submission, from agency and year in a document's code."""
    parsed = parse_document_code(code)
    if parsed is None:
        raise ValueError(code)
    return str(LooseCode(parsed.file.agency, parsed.file.year, round_, ordinal))


def _uuid(form: str, code: str, created: datetime) -> str:
    """A UUID that the same package always gets: made from what it is of and when it was made."""
    return str(uuids.uuid5(uuids.NAMESPACE_URL, f"urn:luutru:{form}:{code}:{clock.stamp(created)}"))


def _time(moment: datetime) -> str:
    """ISO 8601 in Vietnam's zone with milliseconds, as the examples of TT 05/2025 write it."""
    return clock.in_vietnam(moment).isoformat(timespec="milliseconds")


@cache
def _table() -> dict[str, Any]:
    with TABLE.open("rb") as stream:
        return tomllib.load(stream)
