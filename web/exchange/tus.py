"""Uploads that can be gone on with: tus 1.0.0 with creation, checksum (sha256), expiration and termination.

`Upload-Metadata` bears `name` (packages/….zip, or a paper's ….pdf) and `sha256` (hex), both in base64.
"""

from __future__ import annotations

import base64
import binascii
import errno
import hashlib
import os
import re
from email.utils import formatdate
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Depends, Path, Request, Response
from starlette.concurrency import run_in_threadpool

from archive.findings import finding
from retention.transfer import service
from web.exchange import models
from web.exchange.bodies import pieces
from web.exchange.callers import Caller, Writer, needs
from web.exchange.problems import ROOT, Problem, refused
from web.exchange.uploads import Upload

if TYPE_CHECKING:
    from web.exchange.app import Exchange

router = APIRouter(tags=["uploads"])
VERSION = "1.0.0"
EXTENSIONS = "creation,checksum,expiration,termination"
Id = Annotated[str, Path(pattern="^[0-9a-f]{32}$", examples=["0f3c2f1e9a7b4c5d8e6f1a2b3c4d5e6f"])]
_NUMBER = re.compile(r"[0-9]{1,16}")
_TUS = [{"name": "Tus-Resumable", "in": "header", "required": True, "schema": {"type": "string", "enum": [VERSION]},
         "example": VERSION}]


def speaks_tus(request: Request) -> None:
    """A dependency: the client speaks our version of tus. Raises Problem."""
    if request.headers.get("tus-resumable") != VERSION:
        raise Problem("tus_version", headers={"tus-version": VERSION, **_HEAD})


_HEAD = {"tus-resumable": VERSION, "cache-control": "no-store"}
Tus = Annotated[None, Depends(speaks_tus)]


@router.options("/uploads/{id}", status_code=204, response_class=Response, include_in_schema=False)
def options_of_upload(request: Request) -> Response:
    """The same for one upload."""
    return _options(request)


@router.options("/transfers/{code}/uploads", status_code=204, response_class=Response, summary="What uploads can do",
                operation_id="tusOptions")
def options(request: Request, code: models.TransferCode) -> Response:
    """The version of tus, its extensions, the greatest size; for everybody, whether the hand-over is there or not."""
    return _options(request)


def _options(request: Request) -> Response:
    exchange: Exchange = request.app.state.exchange
    return Response(status_code=204, headers={
        **_HEAD, "tus-version": VERSION, "tus-extension": EXTENSIONS, "tus-checksum-algorithm": "sha256",
        "tus-max-size": str(int(exchange.settings.package_gb * (1 << 30)))})


@router.post("/transfers/{code}/uploads", status_code=201, response_class=Response, summary="Begin an upload",
             operation_id="beginUpload",
             responses={200: {"description": "an equal upload is there already; go on with it"}}, openapi_extra={
    **needs("transfer.write"), "parameters": [
        *_TUS, {"name": "Upload-Length", "in": "header", "required": True, "schema": {"type": "integer", "minimum": 1},
                "example": 20000000},
        {"name": "Upload-Metadata", "in": "header", "required": True, "schema": {"type": "string"}, "description":
         "name (packages/….zip or a paper ….pdf) and sha256 (hex), each in base64",
         "example": "name cGFja2FnZXMvSDk5LjIwMjYuMDEuVlAuemlw,sha256 ZTNiMGM0NDI5OGZjMWMxNDlhZmJmNGM4OTk2ZmI5MjQyN2F"
                    "lNDFlNDY0OWI5MzRjYTQ5NTk5MWI3ODUyYjg1NQ=="}]})
def begin(request: Request, who: Writer, code: models.TransferCode, _tus: Tus) -> Response:
    """Begin to send a file; one with the same name, length and SHA-256 goes on where it was, so no key is needed."""
    exchange: Exchange = request.app.state.exchange
    transfer = exchange.transfer(who, code)
    length = request.headers.get("upload-length", "")
    metadata = _metadata(request.headers.get("upload-metadata", ""))
    if not _NUMBER.fullmatch(length) or "upload-defer-length" in request.headers:
        raise Problem("wrong_request", parameters=["Upload-Length"])
    name, sha256 = metadata.get("name", ""), metadata.get("sha256", "").lower()
    if transfer.state not in ("agreed", "short") or exchange.deliveries.waits(code):
        raise refused([finding("LGSP-006", code, state=exchange.state_name(transfer))], "conflict")
    known = {f"packages/{one['name']}": one for one in transfer.items if one["state"] == "waiting"}
    if name in known:       # it was received already
        raise refused([finding("LGSP-008", name)], "conflict")
    upload, new = exchange.uploads.begin(who.agency, code, name, int(length), sha256, most=2 * len(transfer.items) + 50)
    if not new:
        upload = _whole_after_all(exchange, upload, who)
    return Response(status_code=201 if new else 200, headers={
        **_told(exchange, upload), "location": f"{ROOT}/uploads/{upload.id}"})


@router.head("/uploads/{id}", response_class=Response, summary="How far an upload is", operation_id="headUpload",
             openapi_extra={**needs("transfer.write"), "parameters": _TUS})
def head(request: Request, who: Writer, id: Id, _tus: Tus) -> Response:
    """`Upload-Offset` is where to go on; equal to `Upload-Length`, it is whole and its SHA-256 was compared."""
    exchange: Exchange = request.app.state.exchange
    upload = _whole_after_all(exchange, exchange.uploads.find(id, who.agency), who)
    return Response(status_code=200, headers={**_told(exchange, upload), "upload-length": str(upload.length)})


@router.patch("/uploads/{id}", status_code=204, response_class=Response, summary="Send more of an upload",
              operation_id="patchUpload", openapi_extra={
    **needs("transfer.write"), "parameters": [
        *_TUS, {"name": "Upload-Offset", "in": "header", "required": True, "schema": {"type": "integer", "minimum": 0},
                "example": 0},
        {"name": "Upload-Checksum", "in": "header", "schema": {"type": "string"}, "description":
         "sha256 and the hash of this request's bytes in base64; not equal: 460, nothing of them is kept"}],
    "requestBody": {"required": True, "content": {"application/offset+octet-stream": {
        "schema": {"type": "string", "format": "binary"}}}}})
async def patch(request: Request, who: Writer, id: Id, _tus: Tus) -> Response:
    """Bytes from `Upload-Offset` on, as many as can be sent: what arrived before a cut is kept."""
    exchange: Exchange = request.app.state.exchange
    upload = await run_in_threadpool(exchange.uploads.find, id, who.agency)
    offset = request.headers.get("upload-offset", "")
    if request.headers.get("content-type") != "application/offset+octet-stream":
        raise Problem("wrong_media")
    if not _NUMBER.fullmatch(offset):
        raise Problem("wrong_request", parameters=["Upload-Offset"])
    wanted = _checksum(request.headers.get("upload-checksum"))
    if upload.whole:
        if int(offset) != upload.length:
            raise Problem("offset", headers={"upload-offset": str(upload.length)})
        return Response(status_code=204, headers=_told(exchange, upload))
    with exchange.uploads.writing(upload) as handle:
        start = os.fstat(handle).st_size
        if start != int(offset):
            raise Problem("offset", headers={"upload-offset": str(start)})
        await _append(request, exchange, upload, handle, start, wanted)
        size = os.fstat(handle).st_size
        if size == upload.length:
            async with exchange.hashing:
                await run_in_threadpool(exchange.uploads.conclude, upload)
    return Response(status_code=204, headers=await run_in_threadpool(_after, exchange, upload, who))


@router.delete("/uploads/{id}", status_code=204, response_class=Response, summary="Give an upload up",
               operation_id="endUpload", openapi_extra={
    **needs("transfer.write"), "parameters": _TUS})
def end(request: Request, who: Writer, id: Id, _tus: Tus) -> Response:
    """What came of it is removed; one that is whole can be given up as long as the hand-over was not finished."""
    exchange: Exchange = request.app.state.exchange
    upload = exchange.uploads.find(id, who.agency)
    if exchange.deliveries.waits(upload.code):
        raise refused([finding("LGSP-006", upload.code, state=service.state_words("uploaded")["vi"])], "conflict")
    with exchange.uploads.writing(upload):
        exchange.uploads.drop(upload)
    return Response(status_code=204, headers=_HEAD)


# --- steps -------------------------------------------------------------------------------------------------


async def _append(request: Request, exchange: Exchange, upload: Upload, handle: int, start: int,
                  wanted: bytes | None) -> None:
    """Write the body behind what is there; all of it or nothing where its hash was said. Raises Problem."""
    digest, left, limits = hashlib.sha256(), upload.length - start, exchange.settings
    try:
        async for piece in pieces(request, idle=limits.idle_seconds, longest=limits.request_minutes * 60):
            left -= len(piece)
            if left < 0:
                os.ftruncate(handle, start)
                raise Problem("too_large")
            if wanted is not None:
                digest.update(piece)
            await run_in_threadpool(_write, handle, piece)
    except BaseException as error:
        if wanted is not None:
            os.ftruncate(handle, start)
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise Problem("no_room", headers={"retry-after": "600"}) from error
        raise
    if wanted is not None and digest.digest() != wanted:
        os.ftruncate(handle, start)
        raise Problem("checksum")
    await run_in_threadpool(os.fsync, handle)


def _write(handle: int, piece: bytes) -> None:
    view = memoryview(piece)
    while view:
        view = view[os.write(handle, view):]


def _whole_after_all(exchange: Exchange, upload: Upload, who: Caller) -> Upload:
    """The upload; if all its bytes are there and we were killed before they were compared, they are now."""
    if upload.whole or not exchange.uploads.is_full(upload):
        return upload
    with exchange.uploads.writing(upload):
        exchange.uploads.conclude(upload)
    return exchange.uploads.find(upload.id, who.agency)


def _after(exchange: Exchange, upload: Upload, who: Caller) -> dict[str, str]:
    exchange.uploads.touch(upload)
    return _told(exchange, exchange.uploads.find(upload.id, who.agency))


def _told(exchange: Exchange, upload: Upload) -> dict[str, str]:
    """The headers that tell how far an upload is."""
    try:
        offset = exchange.uploads.offset(upload)
    except FileNotFoundError:
        raise Problem("gone") from None
    told: dict[str, str] = {**_HEAD, "upload-offset": str(offset)}
    if not upload.whole:
        told["upload-expires"] = formatdate(exchange.uploads.until(upload), usegmt=True)
    return told


def _metadata(header: str) -> dict[str, str]:
    """Upload-Metadata: pairs of a key and base64. Raises Problem."""
    found: dict[str, str] = {}
    for pair in header[:4000].split(",") if header.strip() else ():
        key, _blank, value = pair.strip().partition(" ")
        try:
            found[key] = base64.b64decode(value.strip(), validate=True).decode()
        except (binascii.Error, ValueError):
            raise Problem("wrong_request", parameters=["Upload-Metadata"]) from None
    return found


def _checksum(header: str | None) -> bytes | None:
    """The hash of Upload-Checksum; None where none is said. Raises Problem."""
    if header is None:
        return None
    algorithm, _blank, value = header.partition(" ")
    try:
        told = base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        told = b""
    if algorithm != "sha256" or len(told) != 32:
        raise Problem("wrong_request", parameters=["Upload-Checksum"])
    return told


