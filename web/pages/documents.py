"""The document page: what is known of a document, its signatures, files and history; and its files themselves.

Who may not know of a document gets the same answer as for one that does not exist.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Request, Response
from fastapi.responses import FileResponse
from sqlalchemy import select

from archive import layout, model, records
from archive.access import access_of, within
from archive.errors import IntegrityError
from archive.fields.kinds import title_of
from archive.fields.names import field_name, shown_fields
from archive.fields.tables import profile
from archive.findings import Finding, Level
from archive.i18n import language
from archive.records import Record
from ingest.signatures.report import FIELDS, word
from web import history
from web.people import Person, person
from web.rendering import page
from web.site import Site

router = APIRouter()
LONGEST_TEXT = 40_000
INLINE = {"pdf": "application/pdf", "png": "image/png", "jpg": "image/jpeg", "jpeg": "image/jpeg",
          "txt": "text/plain; charset=utf-8"}
# In this order people look for them.
ROLES = ("original", "attachment", "message", "access", "text", "signature", "signature-print", "signature-report")


@router.get("/documents/{code}")
def document_page(request: Request, code: str, who: Annotated[Person, Depends(person)]) -> Response:
    """Everything that is known of a document; the look at one that is not open goes into the ledger."""
    site: Site = request.app.state.site
    row, case_file = _row(site, code, who)
    record = next(records.read_documents(site.archive.store, row.case_file, [row.ordinal]))
    access = access_of(record["fields"], case_file.fields)
    if access != "open":
        site.note("viewed", code, who, access=access)
    with site.session() as session:
        told = history.of(session, site.settings, (code, row.item), watched=who.may("history"))
    text = records.read_text(site.archive.store, record)
    return page(
        request, "document.html", record=record, row=row, case_file=case_file, access=access,
        title=title_of(record["fields"]) or record["source"]["name"], fields=described(record), told=told,
        type_name=record["fields"].get("typeNameText") or row.type_name,
        signatures=_signatures(site, record), field_names=FIELDS, word=word, files=_files(record),
        findings=[found for one in record["findings"] if (found := Finding.from_dict(one)).level >= Level.note],
        text=text[:LONGEST_TEXT], cut=len(text) > LONGEST_TEXT, inline=INLINE)


@router.get("/documents/{code}/files/{number}")
def document_file(request: Request, code: str, number: int, who: Annotated[Person, Depends(person)],
                  view: bool = False) -> Response:
    """One of a document's files, byte for byte as it is stored; hashed before it leaves, and noted for the ledger."""
    site: Site = request.app.state.site
    row, _case_file = _row(site, code, who)
    record = next(records.read_documents(site.archive.store, row.case_file, [row.ordinal]))
    if not 0 <= number < len(record["files"]):
        raise HTTPException(404)
    file = record["files"][number]
    object_id = layout.casefile_object(row.case_file)
    if file["path"] not in (held := site.archive.store.files(object_id)):
        object_id = layout.rechecks_object(row.case_file)
        held = site.archive.store.files(object_id)
    stored = held[file["path"]]
    with stored.place.open("rb") as stream:
        if hashlib.file_digest(stream, "sha512").hexdigest() != stored.sha512:
            raise IntegrityError(f"{object_id}: {stored.path}")
    ending = PurePosixPath(file["path"]).suffix.lstrip(".").lower()
    shown = view and ending in INLINE
    site.note("downloaded", code, who, path=file["path"], name=file["name"], sha256=file["sha256"], view=shown)
    response = FileResponse(stored.place, media_type=INLINE.get(ending, "application/octet-stream"),
                            filename=_name(record, file, ending),
                            content_disposition_type="inline" if shown else "attachment")
    # What came from outside runs nothing here; a PDF viewer does not start in a sandbox.
    response.headers["content-security-policy"] = (
        "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:; object-src 'self'; frame-ancestors 'none'"
        + ("" if ending == "pdf" else "; sandbox"))
    return response


def _row(site: Site, code: str, who: Person) -> tuple[model.Document, model.CaseFile]:
    """The rows of a document and its case file. Raises 404 also where the person may not know of it."""
    with site.session() as session:
        found = session.execute(select(model.Document, model.CaseFile).join(
            model.CaseFile, model.CaseFile.code == model.Document.case_file).where(
            model.Document.code == code, within(who.reach))).first()
    if found is None:
        raise HTTPException(404)
    return found[0], found[1]


def described(record: Record) -> list[tuple[str, str]]:
    """The filled fields with their names, in the order of the record's profile."""
    regime = record["profile"]
    place: dict[str, int] = {}
    for row in profile(regime).rows:
        for key in (row.key, row.tag):
            place.setdefault(key, len(place))
    shown = shown_fields({key: value for key, value in record["fields"].items() if value}, regime)
    return [(field_name(key, regime, language()), shown[key])
            for key in sorted(shown, key=lambda key: (place.get(key, 10_000), key))]


def _signatures(site: Site, record: Record) -> list[dict[str, Any]]:
    """The files that were looked into, with each signature's seven fields and the sentences of its verdict."""
    paths = [file["path"] for file in record["files"] if file["role"] == "signature-report"]
    if not paths:
        return []
    for object_id in (layout.casefile_object(record["case_file"]), layout.rechecks_object(record["case_file"])):
        if site.archive.store.has(object_id) and paths[-1] in site.archive.store.files(object_id):
            report = json.loads(site.archive.store.read(object_id, paths[-1]))
            return [{**one, "signatures": [_judged(each) for each in one["signatures"]]} for one in report["files"]]
    return []


def _judged(signature: Mapping[str, Any]) -> dict[str, Any]:
    reasons = [Finding.from_dict(one) for one in signature["reasons"]]
    return {"kind": signature["kind"], "verdict": signature["verdict"],
            "shown": (signature.get("shown") or {}).get(language(), {}),
            "reasons": sorted((one for one in reasons if one.level > Level.ok), key=lambda one: -one.level),
            "good": [one for one in reasons if one.level == Level.ok]}


def _files(record: Record) -> list[tuple[int, dict[str, Any], str]]:
    """Number, description and ending of each file, the original first."""
    numbered = [(number, file, PurePosixPath(file["path"]).suffix.lstrip(".").lower())
                for number, file in enumerate(record["files"])]
    return sorted(numbered, key=lambda one: (ROLES.index(one[1]["role"]) if one[1]["role"] in ROLES else 99, one[0]))


def _name(record: Record, file: Mapping[str, Any], ending: str) -> str:
    """The name under which a file is saved: its own for what was received, the document's code for what we made."""
    if file["role"] in ("original", "attachment", "message", "signature"):
        return PurePosixPath(file["name"].replace("\\", "/")).name or f"{record['code']}.{ending}"
    return PurePosixPath(file["path"]).name if file["role"] != "access" else f"{record['code']}.access.{ending}"
