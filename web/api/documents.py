"""Documents, for programs: description, signatures, text, history and files, as far as the account may know of them.

Who may not know of a document gets the same answer as for one that does not exist.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Request, Response
from fastapi.responses import FileResponse
from sqlalchemy import select

from archive import layout, marks, model, records
from archive.access import access_of, within
from archive.errors import IntegrityError
from archive.fields.kinds import title_of
from archive.fields.names import field_name, shown_fields
from archive.findings import Finding, Level
from archive.i18n import language, later
from archive.records import Record
from archive.store import StoredFile
from web import history
from web.api import models
from web.api.answers import KEEP, has, told
from web.api.callers import allowed, needs
from web.api.problems import ROOT, Problem
from web.destroyed import absent
from web.people import Person
from web.site import Site

router = APIRouter(prefix="/documents/{code}", tags=["documents"])
Code = Annotated[str, Path(max_length=110, examples=["H99.2026.01.VP.0000001"])]
Reader = Annotated[Person, Depends(allowed("records"))]
_OBJECTS = (layout.casefile_object, layout.rechecks_object, layout.texts_object)


@router.get("", response_model=models.Document, summary=later("One document: description, files, findings"),
            openapi_extra=needs("records"))
def document(request: Request, code: Code, who: Reader) -> Response:
    """The description by the names of its legal profile, the files with their hashes, and what checks found."""
    site: Site = request.app.state.site
    row, case_file = _row(site, code, who)
    record = _record(site, row)
    _noted(site, who, code, record, case_file, "document")
    shown = shown_fields({key: value for key, value in record["fields"].items() if value}, record["profile"])
    brief = of_document(row, access_of(record["fields"], case_file.fields))
    with site.session() as session:
        marked = marks.of(session, [code]).get(code, [])
    return told(request, models.Document(
        **brief.model_dump(exclude={"verdict", "legal_value", "subject"}), verdict=record["verdict"],
        legal_value=record["legal_value"], subject=title_of(record["fields"]), case_title=case_file.title,
        profile=record["profile"], revision=record.get("revision", 0), source_name=record["source"]["name"],
        received_at=record["receipt"]["received_at"], legal_received_at=record["receipt"]["legal_received_at"],
        fields=[models.FieldOf(key=key, name=field_name(key, record["profile"], language()), value=str(value))
                for key, value in shown.items()],
        files=[models.FileOf(number=n, **{key: file[key] for key in (
            "role", "name", "format", "size", "sha256", "sha512")}, href=f"{ROOT}/documents/{code}/files/{n}")
            for n, file in enumerate(record["files"])],
        findings=[_finding(found) for one in record["findings"]
                  if (found := Finding.from_dict(one)).level >= Level.note],
        marks=[models.MarkOf(kind=one.kind, at=one.at, sender=one.sender, reason=one.reason, sentence=one.sentence)
               for one in marked]))


@router.get("/signatures", response_model=models.Signatures, summary=later("Its signatures, and how they were judged"),
            openapi_extra=needs("records"))
def signatures(request: Request, code: Code, who: Reader) -> Response:
    """By file, with verdict, the seven fields of TT 15/2025/TT-BKHCN, and the sentences of what was found."""
    site: Site = request.app.state.site
    row, case_file = _row(site, code, who)
    record = _record(site, row)
    _noted(site, who, code, record, case_file, "signatures")
    paths = [file["path"] for file in record["files"] if file["role"] == "signature-report"]
    held = _stored(site, record, paths[-1]) if paths else None
    report: Mapping[str, Any] = json.loads(site.archive.store.read(held[0], paths[-1])) if held else {"files": []}
    return told(request, models.Signatures(
        code=code, verdict=record["verdict"], legal_value=record["legal_value"], files=[models.SignedFile(
            file=one["file"], verdict=one["verdict"], signatures=[models.SignatureOf(
                kind=each["kind"], verdict=each["verdict"], shown=(each.get("shown") or {}).get(language(), {}),
                findings=[_finding(Finding.from_dict(reason)) for reason in each["reasons"]])
                for each in one["signatures"]]) for one in report["files"]]))


@router.get("/text", response_model=models.Text, summary=later("Its text as it is in use now"),
            openapi_extra=needs("records"))
def text(request: Request, code: Code, who: Reader) -> Response:
    """The text that is searched: with corrections, and as it was read last."""
    site: Site = request.app.state.site
    row, case_file = _row(site, code, who)
    record = _record(site, row)
    _noted(site, who, code, record, case_file, "text")
    found = records.read_text(site.archive.store, record)
    return told(request, models.Text(code=code, characters=len(found), text=found))


@router.get("/history", response_model=models.History, summary=later("What happened to it"),
            openapi_extra=needs("records"))
def history_of(request: Request, code: Code, who: Reader) -> Response:
    """Events of the ledger, the newest first; who looked at it only for those whose role may see that."""
    site: Site = request.app.state.site
    row, case_file = _row(site, code, who)
    _noted(site, who, code, {"fields": row.fields}, case_file, "history")
    with site.session() as session:
        found = history.of(session, site.settings, (code, row.item), watched=who.may("history"))
    return told(request, of_history(code, found))


@router.get("/files/{number}", response_class=FileResponse, summary=later("One of its files, byte for byte"),
            openapi_extra=needs("files"), responses={200: {"content": {"application/octet-stream": {}}}})
def file(request: Request, code: Code, number: Annotated[int, Path(ge=0, le=9999)],
         who: Annotated[Person, Depends(allowed("files"))]) -> Response:
    """As it is stored; hashed before it leaves. Its tag is its SHA-256. Each download is in the ledger."""
    site: Site = request.app.state.site
    row, _case_file = _row(site, code, who)
    record = _record(site, row)
    if number >= len(record["files"]):
        raise Problem("not_found")
    wanted = record["files"][number]
    tag = f'"{wanted["sha256"]}"'
    if has(request, tag):
        return Response(status_code=304, headers={"etag": tag, **KEEP})
    held = _stored(site, record, wanted["path"])
    if held is None:
        raise IntegrityError(f"{code}: {wanted['path']}")
    with held[1].place.open("rb") as stream:
        if hashlib.file_digest(stream, "sha512").hexdigest() != held[1].sha512:
            raise IntegrityError(f"{held[0]}: {held[1].path}")
    site.note("downloaded", code, who, path=wanted["path"], name=wanted["name"], sha256=wanted["sha256"], view=False)
    # No type of its own: whatever came from outside, no browser opens it.
    response = FileResponse(held[1].place, media_type="application/octet-stream",
                            filename=PurePosixPath(wanted["name"].replace("\\", "/")).name or f"{code}.bin")
    response.headers.update({"etag": tag, **KEEP, "content-security-policy": "default-src 'none'; sandbox"})
    return response


def of_document(row: model.Document, access: str) -> models.DocumentBrief:
    """A row of the catalogue for programs."""
    return models.DocumentBrief(
        code=row.code, case_file=row.case_file, ordinal=row.ordinal,
        type=row.fields.get("typeNameText") or row.type_name, number="/".join(filter(None, (row.number, row.notation))),
        issued_on=row.issued_on, agency=row.organ, subject=row.subject, pages=row.pages, legal_value=row.legal_value,
        verdict=row.verdict, access=access)


def of_history(code: str, found: list[history.Told]) -> models.History:
    """A history for programs."""
    return models.History(code=code, events=[models.Happened(
        at=one.at, what=one.title, by=one.actor, details=list(one.details)) for one in found])


def _row(site: Site, code: str, who: Person) -> tuple[model.Document, model.CaseFile]:
    """The rows of a document and its case file. Raises what `absent` says for one that the account cannot know of."""
    with site.session() as session:
        found = session.execute(select(model.Document, model.CaseFile).join(
            model.CaseFile, model.CaseFile.code == model.Document.case_file).where(
            model.Document.code == code, within(who.reach))).first()
    if found is None:
        raise absent(site, code, who)
    return found[0], found[1]


def _record(site: Site, row: model.Document) -> Record:
    return next(records.read_documents(site.archive.store, row.case_file, [row.ordinal]))


def _stored(site: Site, record: Record, path: str) -> tuple[str, StoredFile] | None:
    """A file of a document as the store holds it, and in which object; None where it does not."""
    for kind in _OBJECTS:
        object_id = kind(record["case_file"])
        if site.archive.store.has(object_id) and (found := site.archive.store.files(object_id).get(path)):
            return object_id, found
    return None


def _noted(site: Site, who: Person, code: str, record: Mapping[str, Any], case_file: model.CaseFile,
           part: str) -> None:
    """Note for the ledger the look at what is not open."""
    access = access_of(record["fields"], case_file.fields)
    if access != "open":
        site.note("viewed", code, who, access=access, part=part)


def _finding(found: Finding) -> models.FindingOf:
    speaks = language()
    return models.FindingOf(code=found.code, level=found.level.name, sentence=found.sentence(speaks),
                            citation=found.citation(speaks), cure=found.cure(speaks))
