"""The procedure on line (TT 05/2025/TT-BNV Điều 20–25): register, file papers, finish a delivery, send signed minutes.

Messages are the bytes that travel on a disk as well; what is checked here besides is who sends them.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path as File
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from starlette.concurrency import run_in_threadpool

from archive import clock
from archive.findings import finding
from archive.opening import Archive
from ingest.transfer_tools import tools
from retention import objects as every_object
from retention.transfer import doing, messages, objects, receiving, service
from web.exchange import models
from web.exchange.bodies import spool
from web.exchange.callers import Caller, Reader, Writer, needs
from web.exchange.once import Once
from web.exchange.problems import ROOT, refused, told

if TYPE_CHECKING:
    from web.exchange.app import Exchange

router = APIRouter(tags=["hand-overs"])
_KEY = {"name": "Idempotency-Key", "in": "header", "required": True, "schema": {"type": "string", "maxLength": 200},
        "description": "a new one for each thing that is done; said again, the same answer comes again",
        "example": "8e03978e-40d5-43e8-bc93-6894a57f9324"}
_PDF = {"required": True, "content": {"application/pdf": {"schema": {"type": "string", "format": "binary"}}}}
_MB = 1_000_000
_Act = Callable[[Archive, doing.Who], tuple[doing.Done, int]]       # what came of it, and the status of the answer


def _json_body(schema: str, example: dict[str, Any]) -> dict[str, Any]:
    return {"required": True, "content": {"application/json": {
        "schema": {"type": "object", "description": f"the bytes of luutru/transfer-{schema}/1 (docs/format.md)"},
        "example": example}}}


_PARTIES = {"sender": {"code": "H99", "name": "Sở Nội vụ tỉnh Mẫu"},
            "receiver": {"code": "H01", "name": "Trung tâm Lưu trữ lịch sử tỉnh Mẫu"}}
_REGISTRATION = {"schema": "luutru/transfer-registration/1", "request": "NL.H99.2026.01",
                 "at": "2026-11-20T02:00:00.000000+00:00", **_PARTIES, "kind": "historical", "form": "sip_hoso",
                 "registration": {"round": 1, "year": 2026, "paper": False, "summary": "Hồ sơ ban hành quy chế",
                                  "from": "2016-01-05", "to": "2016-12-30", "files": 1, "documents": 2, "pages": 9,
                                  "bytes": 40960, "planned": "2027-01-15", "way": "online",
                                  "contact": "Lê Văn Lưu, 0912345678", "note": "", "fonds": ["H99"], "scheme": ""},
                 "items": [{"n": 1, "code": "H99.2016.01.VP", "title": "Hồ sơ ban hành quy chế", "start": "05/01/2016",
                            "end": "30/12/2016", "documents": 2, "pages": 9, "mode": "01", "maintenance": "01",
                            "note": ""}]}
_MANIFEST = {"schema": "luutru/transfer-manifest/1", "request": "NL.H99.2026.01",
             "at": "2026-12-01T02:00:00.000000+00:00", **_PARTIES, "packages": [
                 {"n": 1, "code": "H99.2016.01.VP", "objid": "urn:uuid:0f3c2f1e-9a7b-4c5d-8e6f-1a2b3c4d5e6f",
                  "name": "SIP_H99.2016.01.VP.zip", "sha256": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b"
                  "7852b855", "size": 51200, "documents": 2, "files": []}]}


@router.post("/transfers", status_code=201, response_model=models.Accepted, summary="Register a hand-over (Điều 20)",
             operation_id="register",
             responses={200: {"model": models.Accepted, "description": "it was registered with the same bytes"}},
             openapi_extra={**needs("transfer.write"), "parameters": [_KEY],
                            "requestBody": _json_body("registration", _REGISTRATION)})
async def register(request: Request, who: Writer) -> Response:
    """From here the seven working days of the answer run (Điều 21)."""
    exchange: Exchange = request.app.state.exchange
    with exchange.held.spooling() as place:
        path = place / "registration.json"
        sha256 = await _spooled(request, exchange, path, exchange.settings.message_mb)
        once = Once(exchange.held, request, who, sha256)
        async with exchange.working:
            return await run_in_threadpool(_registered, exchange, who, once, path, sha256)


@router.get("/transfers", response_model=models.Transfers, summary="The agency's hand-overs", operation_id="transfers",
            openapi_extra=needs("transfer.read"))
def transfers(request: Request, who: Reader) -> models.Transfers:
    """By code; of this agency only."""
    exchange: Exchange = request.app.state.exchange
    return models.Transfers(transfers=[exchange.brief(one) for one in exchange.all_of(who)])


@router.get("/transfers/{code}", response_model=models.TransferTold, summary="How far a hand-over is",
            operation_id="transfer", openapi_extra=needs("transfer.read"))
def transfer(request: Request, who: Reader, code: models.TransferCode) -> models.TransferTold:
    """State, messages, papers, uploads, what is missing: to be asked again and again, or after a notice."""
    exchange: Exchange = request.app.state.exchange
    return exchange.told(exchange.transfer(who, code))


@router.put("/transfers/{code}/papers/{name}", response_model=models.PaperTold, summary="File a paper of the agency",
            operation_id="filePaper", openapi_extra={**needs("transfer.write"), "requestBody": _PDF})
async def put_paper(request: Request, who: Writer, code: models.TransferCode, name: models.FileName) -> Response:
    """The signed letter of registration and the lists that go with it (Điều 20.4), PDF."""
    return await _filed(request, who, code, name, signed=False)


@router.post("/transfers/{code}/signed/{name}", status_code=201, response_model=models.PaperTold,
             summary="Send minutes back, signed", operation_id="sendSigned",
             openapi_extra={**needs("transfer.write"), "parameters": [_KEY], "requestBody": _PDF})
async def send_signed(request: Request, who: Writer, code: models.TransferCode, name: models.FileName) -> Response:
    """The archive's paper `name` with the agency's signature behind; the archive adds its own, and keeps both."""
    return await _filed(request, who, code, name, signed=True)


@router.post("/transfers/{code}/finish", status_code=202, response_model=models.Accepted,
             summary="Finish a delivery (Điều 22)", operation_id="finish",
             openapi_extra={**needs("transfer.write"), "parameters": [_KEY],
                            "requestBody": _json_body("manifest", _MANIFEST)})
async def finish(request: Request, who: Writer, code: models.TransferCode) -> Response:
    """The list of packages with their SHA-256. Counting, virus scan and authenticity follow; ask for the state."""
    exchange: Exchange = request.app.state.exchange
    await run_in_threadpool(exchange.transfer, who, code)
    with exchange.held.spooling() as place:
        path = place / "manifest.json"
        sha256 = await _spooled(request, exchange, path, exchange.settings.message_mb)
        once = Once(exchange.held, request, who, sha256)
        async with exchange.working:
            return await run_in_threadpool(_finished, exchange, who, once, code, path, sha256)


# --- steps -------------------------------------------------------------------------------------------------


async def _spooled(request: Request, exchange: Exchange, path: File, most_mb: float) -> str:
    service_ = exchange.settings
    return await spool(request, path, most=int(most_mb * _MB), idle=service_.idle_seconds,
                       longest=service_.request_minutes * 60)


def _registered(exchange: Exchange, who: Caller, once: Once, path: File, sha256: str) -> Response:
    if (said := once.again()) is not None:
        return said
    held, found = messages.read_message(path, messages.REGISTRATION)
    if held is None:
        raise refused(found)
    code = held.told["request"]
    if held.told["sender"]["code"] != who.agency:
        raise refused([finding("LGSP-001", code[:60], sender=str(held.told["sender"]["code"])[:40],
                               agency=who.agency)], "not_allowed")
    if not who.client.owns(code) or not objects.is_code(code):
        raise refused([finding("LGSP-002", code[:60], prefix=who.client.prefix)])

    def act(archive: Archive, by: doing.Who) -> tuple[doing.Done, int]:
        if (there := exchange.find(who, code)) is not None:
            if not service.same_registration(archive.store, there, sha256):
                raise refused([finding("LGSP-005", code)], "conflict")
            return doing.Done(there, (), True), 200
        return receiving.take_registration(archive, path, by), 201

    done, status = _acted(exchange, who, act)
    if done.refused:
        raise refused(done.findings)
    return once.keep(_accepted(exchange, done, status))


def _finished(exchange: Exchange, who: Caller, once: Once, code: str, path: File, sha256: str) -> Response:
    if (said := once.again()) is not None:
        return said
    there = exchange.transfer(who, code)
    held, found = messages.read_message(path, messages.MANIFEST)
    if held is None or (found := [*found, *messages.about(held, there, path.name)]):
        raise refused(found)
    if not exchange.deliveries.has(code, sha256) or there.state == "short":
        if there.state not in ("agreed", "short"):
            raise refused([finding("LGSP-006", code, state=exchange.state_name(there))], "conflict")
        if open_ := [one for one in exchange.uploads.of(code) if not one.whole]:
            raise refused([finding("LGSP-007", code, count=len(open_), name=open_[0].name)], "conflict")
        exchange.deliveries.ask(there, path, sha256, who)
    return once.keep(_accepted(exchange, doing.Done(there, (), True), 202))


async def _filed(request: Request, who: Caller, code: str, name: str, *, signed: bool) -> Response:
    exchange: Exchange = request.app.state.exchange
    await run_in_threadpool(exchange.transfer, who, code)
    with exchange.held.spooling() as place:
        path = place / "paper.pdf"
        sha256 = await _spooled(request, exchange, path, exchange.settings.paper_mb)
        once = Once(exchange.held, request, who, sha256, needed=signed)
        async with exchange.working:
            return await run_in_threadpool(_paper, exchange, who, once, code, name, path, sha256, signed)


def _paper(exchange: Exchange, who: Caller, once: Once, code: str, name: str, path: File, sha256: str,
           signed: bool) -> Response:
    if (said := once.again()) is not None:
        return said

    def act(archive: Archive, by: doing.Who) -> tuple[doing.Done, int]:
        return service.file_paper(archive, code, name, path, tools(archive.settings), by, signed=signed,
                                  countersign=exchange.settings.countersign), 201 if signed else 200

    done, status = _acted(exchange, who, act)
    if done.refused:
        raise refused(done.findings)
    both = f"{name.removesuffix('.pdf')}-signed.pdf" if done.told.get("countersigned") else ""
    return once.keep(JSONResponse(models.PaperTold(
        name=name, sha256=sha256, verdict=done.told["verdict"], signers=done.told["signers"], countersigned=both,
        findings=[models.FindingTold(**one) for one in told(done.findings)]).model_dump(), status))


def _acted(exchange: Exchange, who: Caller, act: _Act) -> tuple[doing.Done, int]:
    """Do an act as the newest owner of the archive. Raises ArchiveBusyError while a night runs."""
    with exchange.site.writing() as archive:
        every_object.catch_up(archive)
        return act(archive, doing.Who(who.client.actor, clock.now()))


def _accepted(exchange: Exchange, done: doing.Done, status: int) -> JSONResponse:
    brief = exchange.brief(done.transfer)
    return JSONResponse(models.Accepted(**brief.model_dump(), findings=[
        models.FindingTold(**one) for one in told(done.findings)]).model_dump(), status, {
            "location": f"{ROOT}/transfers/{done.transfer.code}"})
