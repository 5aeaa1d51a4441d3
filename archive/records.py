"""Records: what the store says of a case file and its documents, and how the catalogue learns it.

A document's record is written once, when it is stored, beside its bytes. `admit` is the only way in which a
record's rows come into the catalogue: after a put, after a kill, and in a rebuild alike.
"""

from __future__ import annotations

import json
import re
import sys
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from typing import Any

import orjson
from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from archive import layout, text_layers
from archive.catalogue import SOME
from archive.fields.kinds import kind_of, title_of
from archive.model import CaseFile, Document, File, FilePlanEntry, Fonds, Item, ItemFinding, PageText, Signature
from archive.retention_text import kept_years, latest_year
from archive.store import Store

_RECORD = re.compile(rf"{layout.DOCUMENTS}/(\d{{7}})\.json")

Record = Mapping[str, Any]

# What describing, checking and packing read of a document's record (`brief`).
_READ = ("code", "case_file", "ordinal", "item", "batch", "profile", "pages", "legal_value", "verdict",
         "rechecked")
_LATER = ("verdict", "legal_value", "signatures", "findings", "recheck", "rechecked")
_READ_OF_FILE = ("path", "role", "name", "format", "size", "sha256")
_READ_OF_PART = ("role", "name", "mime", "format", "version", "puid")


def read_case_file(store: Store, code: str) -> Record:
    """The record of the case file. Raises KeyError when the store does not hold it."""
    record: Record = json.loads(store.read(layout.casefile_object(code), layout.CASE_FILE))
    return record


def ordinals(store: Store, code: str) -> list[int]:
    """The ordinals of the documents that the store holds of a case file, ascending; empty for an unknown one."""
    object_id = layout.casefile_object(code)
    if not store.has(object_id):
        return []
    return sorted(int(match[1]) for path in store.files(object_id)
                  if path.startswith(layout.DOCUMENTS) and (match := _RECORD.fullmatch(path)))


def next_ordinal(store: Store, code: str) -> int:
    """The ordinal of the next document of a case file; never one that a destroyed document had."""
    gone: Sequence[int] = ()
    if store.has(layout.casefile_object(code)):
        gone = read_case_file(store, code).get("gone", {}).get("ordinals", ())
    return max([*ordinals(store, code), *gone], default=0) + 1


def read_documents(store: Store, code: str, wanted: Iterable[int] | None = None) -> Iterator[Record]:
    """The records of a case file's documents in the order of their ordinals (only `wanted` ones when given)."""
    for record, _ in _read(store, code, wanted, with_text=False):
        yield record


def read_documents_and_texts(store: Store, code: str, wanted: Iterable[int] | None = None,
                             ) -> Iterator[tuple[Record, str]]:
    """As `read_documents`, each with its text as it is in use now (corrected, read again); "" when it has none."""
    return _read(store, code, wanted, with_text=True)


def read_text(store: Store, record: Record) -> str:
    """The text of a document as it is in use now; empty when it has none."""
    return next(text for _, text in read_documents_and_texts(store, record["case_file"], [record["ordinal"]]))


def _read(store: Store, code: str, wanted: Iterable[int] | None, *, with_text: bool) -> Iterator[tuple[Record, str]]:
    numbers = sorted(ordinals(store, code) if wanted is None else wanted)
    if not numbers:
        return
    object_id = layout.casefile_object(code)
    held, later, changed = store.files(object_id), _later(store, code), _changed_texts(store, code)
    for ordinal in numbers:
        record: Record = orjson.loads(store.content(object_id, held[layout.record_path(ordinal)]))
        if ordinal in later and later[ordinal]["rechecked"]["n"] > record.get("rechecked", {}).get("n", 0):
            record = {**record, **{key: later[ordinal][key] for key in _LATER if key in later[ordinal]}}
            if "recheck" not in later[ordinal]:
                record.pop("recheck", None)
        if ordinal in changed and text_layers.number(changed[ordinal]) > text_layers.number(record):
            record = {**record, text_layers.KEY: changed[ordinal][text_layers.KEY]}
        text = ""
        if with_text and (current := text_layers.place_of(record, text_layers.CURRENT)) is not None:
            text = store.read(current.get("object", object_id), current["path"]).decode()
        elif with_text and (path := next((file["path"] for file in record["files"] if file["role"] == "text"), "")):
            text = store.content(object_id, held[path]).decode()
        yield record, text


def _changed_texts(store: Store, code: str) -> dict[int, Record]:
    """What came of the texts of a closed case file's documents since it was closed, by ordinal (archive/texts.py)."""
    object_id = layout.texts_object(code)
    if not store.has(object_id):
        return {}
    return {int(match[1]): orjson.loads(store.content(object_id, stored))
            for path, stored in store.files(object_id).items() if (match := _RECORD.fullmatch(path))}


def _later(store: Store, code: str) -> dict[int, Record]:
    """What later looks at the signatures say of documents of a closed case file, by ordinal (archive/rechecks.py)."""
    object_id = layout.rechecks_object(code)
    if not store.has(object_id):
        return {}
    return {int(match[1]): orjson.loads(store.content(object_id, stored))
            for path, stored in store.files(object_id).items() if (match := _RECORD.fullmatch(path))}


def brief(record: Record) -> dict[str, Any]:
    """What describing, checking and packing read of a document's record: thousands of them are held at once."""
    facts: Mapping[str, Any] = record.get("facts", {})
    parts = [_kept(part, _READ_OF_PART) for part in facts.get("check", {}).get("parts", ())]
    kept = {"check": {"parts": parts}, "accepted": facts.get("accepted", ())}
    if "language_guess" in facts.get("extract", {}):
        kept["extract"] = {"language_guess": facts["extract"]["language_guess"]}
    told = {**_kept(record, _READ), "facts": kept, "digitised": {"scan": True} if record.get("digitised") else {}}
    for key, wanted in (("fields", None), ("receipt", ("received_at",))):
        if key in record:
            told[key] = _kept(record[key], wanted or record[key])
    if "files" in record:
        told["files"] = [_kept(file, _READ_OF_FILE) for file in record["files"]]
    return told


def _kept(told: Mapping[str, Any], keys: Iterable[str]) -> dict[str, Any]:
    """Some of what a record tells; equal texts, of which thousands of records are full, are kept once."""
    return {key: sys.intern(value) if isinstance(value := told[key], str) else value for key in keys if key in told}


def documents(store: Store) -> Iterator[tuple[Record, str]]:
    """Every document of the store with its text; the record also says what the index takes of its case file."""
    for object_id in store.objects():
        code = object_id.removeprefix(layout.casefile_object(""))
        if code == object_id:
            continue
        case_file = read_case_file(store, code)
        home = for_index(case_file["title"], case_file["fonds"], case_file.get("fields", {}))
        for record, text in read_documents_and_texts(store, code):
            yield {**record, **home}, text


def for_index(title: str, fonds: str, fields: Mapping[str, str]) -> dict[str, str]:
    """What the index takes of a document's case file: its title, fonds, and mode (chế độ sử dụng) where one is set."""
    return {"case_title": title, "fonds": fonds, "case_mode": fields.get("mode", "")}


def admit_case_file(session: Session, record: Record, version: int) -> None:
    """Make or renew the row of a case file from its record."""
    fields = dict(record.get("fields", {}))
    session.merge(CaseFile(
        code=record["code"], fonds=record["fonds"], year=record["year"], notation=record["notation"],
        title=record["title"], retention=record["retention"], keeper=record["keeper"], state=record["state"],
        profile=record["profile"], object_id=layout.casefile_object(record["code"]), version=version,
        opened_at=record["opened_at"], closed_at=record.get("closed_at", ""), uuid=record.get("uuid", ""),
        fields=fields, keep_years=kept_years(fields, record["retention"]),
        ended=latest_year(fields.get("endDate", ""))))


def case_file_record(row: CaseFile) -> dict[str, Any]:
    """The record of a case file as the catalogue knows it: what `admit_case_file` read."""
    record = {"schema": "luutru/casefile/1", **{key: getattr(row, key) for key in (
        "code", "fonds", "year", "notation", "title", "retention", "keeper", "state", "profile", "opened_at")}}
    added = {"closed_at": row.closed_at, "uuid": row.uuid, "fields": dict(row.fields)}
    return {**record, **{key: value for key, value in added.items() if value}}


def admit(session: Session, records: Iterable[Record]) -> None:
    """Make the rows of documents, files, signatures and findings from their records; the items become "stored"."""
    documents, files, signatures, findings, items, pages = [], [], [], [], [], []
    for record in records:
        fields, receipt, recheck = record["fields"], record["receipt"], recheck_of(record)
        documents.append({
            "code": record["code"], "case_file": record["case_file"], "ordinal": record["ordinal"],
            "item": record["item"], "profile": record["profile"], "kind": kind_of(fields),
            "revision": record.get("revision", 0), "type_name": fields.get("typeName", ""),
            "number": fields.get("codeNumber", ""), "notation": fields.get("codeNotation", ""),
            "issued_on": iso_date(fields.get("issuedDate", "")), "organ": fields.get("organName", ""),
            "organ_key": name_key(fields.get("organName", "")), "subject": title_of(fields),
            "pages": record["pages"], "legal_value": record["legal_value"], "verdict": record["verdict"],
            "received_at": receipt["received_at"], "legal_received_at": receipt["legal_received_at"],
            "receipt_rule": receipt["rule"], "batch": record["batch"], "version": record["version"],
            "fields": fields, "indexed": "", "recheck_on": recheck["on"], "recheck_trust": recheck["trust"],
            "bytes": sum(file["size"] for file in record["files"]), "keep_years": kept_years(fields),
            "dated": dated_year(fields),
            "text_changes": text_layers.number(record)})
        pages += text_layers.rows(record)
        files += [{"document": record["code"], **{key: file[key] for key in (
            "path", "role", "name", "format", "size", "sha256", "sha512")}} for file in record["files"]]
        signatures += [{"document": record["code"], "n": n, "verdict": one.get("verdict", ""),
                        "signer": one.get("signer", ""), "organisation": one.get("organisation", ""),
                        "time": one.get("time") or "", "time_source": one.get("time_source", ""), "report": one}
                       for n, one in enumerate(record["signatures"], 1)]
        findings += finding_rows(record["item"], record["findings"])
        items.append(record)
    if not documents:
        return
    set_findings(session, [record["item"] for record in items], findings)
    session.execute(Document.__table__.insert(), documents)  # type: ignore[attr-defined]
    for table, values in ((File, files), (Signature, signatures), (PageText, pages)):
        if values:
            session.execute(table.__table__.insert(), values)  # type: ignore[attr-defined]
    rows = {row.id: row for start in range(0, len(items), SOME) for row in session.scalars(
        select(Item).where(Item.id.in_([record["item"] for record in items[start:start + SOME]])))}
    for record in items:
        row = rows.get(record["item"])
        if row is not None:
            row.state, row.document, row.batch = "stored", record["code"], record["batch"]
            row.fields, row.facts = dict(record["fields"]), {}


def renew(session: Session, *corrected: Record) -> None:
    """Make the rows of documents anew from their corrected records."""
    for start in range(0, len(corrected), SOME):
        some = corrected[start:start + SOME]
        codes = [record["code"] for record in some]
        days = {row.code: row for row in session.execute(select(
            Document.code, Document.recheck_on, Document.recheck_trust).where(Document.code.in_(codes)))}
        for table in (File, Signature, PageText):
            session.execute(delete(table).where(table.document.in_(codes)).execution_options(synchronize_session=False))
        session.execute(delete(Document).where(Document.code.in_(codes)).execution_options(synchronize_session=False))
        admit(session, some)
        for record in some:     # the day of the next look moved on without a new record
            row, told = days.get(record["code"]), recheck_of(record)["on"]
            if row is not None and told and row.recheck_on > told:
                session.execute(update(Document).where(Document.code == row.code).values(
                    recheck_on=row.recheck_on, recheck_trust=row.recheck_trust))


def recheck_of(record: Record) -> Mapping[str, str]:
    """When the signatures are to be looked at again (`on`, "" for never) and by which `trust` lists they were judged.

    Records of version 0.1.0 say it only in the finding about revocation.
    """
    known: Mapping[str, str] = record.get("recheck", {})
    if known or "rechecked" in record:
        return {"on": known.get("on", ""), "trust": known.get("trust", "")}
    days = [iso_date(one["params"].get("date", "")) for one in record["findings"] if one["code"] == "VERIFY-034"]
    return {"on": max(days, default=""), "trust": ""}


def finding_rows(item: str, findings: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The rows of an item's findings, numbered in their order."""
    return [{"item": item, "n": n, "code": one["code"], "level": one["level"], "subject": one["subject"],
             "params": dict(one["params"])} for n, one in enumerate(findings, 1)]


def set_findings(session: Session, items: Iterable[str], values: list[dict[str, Any]]) -> None:
    """Replace the findings of `items` by `values`."""
    ids = list(items)
    for start in range(0, len(ids), SOME):
        session.execute(delete(ItemFinding).where(ItemFinding.item.in_(ids[start:start + SOME])))
    if values:
        session.execute(ItemFinding.__table__.insert(), values)  # type: ignore[attr-defined]


def admit_fonds(session: Session, store: Store, object_id: str) -> None:
    """Make the rows of a fonds and of its file plans from the fonds' object."""
    described = json.loads(store.read(object_id, layout.FONDS))
    session.merge(Fonds(**{key: described[key] for key in ("code", "name", "valid_from", "valid_to", "successor")},
                        fields=dict(described.get("fields", {}))))
    for path in store.files(object_id):
        if re.fullmatch(rf"{layout.FILE_PLANS}/\d{{4}}\.json", path):
            admit_file_plan(session, json.loads(store.read(object_id, path)))


def admit_file_plan(session: Session, plan: Record) -> None:
    """Make the rows of one year's file plan; a line that was there before is renewed."""
    for position, entry in enumerate(plan["entries"], 1):
        session.merge(FilePlanEntry(
            fonds=plan["fonds"], year=plan["year"], position=position, notation=entry["notation"],
            heading=entry["heading"], title=entry["title"], retention=entry["retention"], keeper=entry["keeper"],
            note=entry["note"]))


def dated_year(fields: Mapping[str, str]) -> int:
    """The year of a document's own date, whatever its kind; 0 where it has none."""
    return latest_year(next((fields[key] for key in ("issuedDate", "photoTime", "recordDate") if fields.get(key)), ""))


def iso_date(text: str) -> str:
    """DD/MM/YYYY (the circulars' form) as YYYY-MM-DD; empty for anything else, which the field checks report."""
    match = re.fullmatch(r"(\d{2})/(\d{2})/(\d{4})", text)
    if match is None:
        return ""
    try:
        return date(int(match[3]), int(match[2]), int(match[1])).isoformat()
    except ValueError:      # 30/02/2026: no such day
        return ""


def name_key(name: str) -> str:
    """A name without case, marks and double blanks: for finding the same body under two spellings."""
    plain = unicodedata.normalize("NFD", name.replace("đ", "d").replace("Đ", "D"))
    return " ".join("".join(char for char in plain if not unicodedata.combining(char)).casefold().split())
