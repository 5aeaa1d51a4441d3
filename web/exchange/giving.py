"""What an agency fetches: messages, papers, what goes back to it, and the outbox of notices."""

from __future__ import annotations

import asyncio
import re
import time
from pathlib import Path as File
from typing import TYPE_CHECKING, Annotated, Any, Literal
from urllib.parse import quote

from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.responses import FileResponse
from starlette.concurrency import run_in_threadpool

from retention.transfer import objects, service
from web.api.answers import has
from web.exchange import models
from web.exchange.callers import Caller, Reader, needs
from web.exchange.problems import ROOT, Problem

if TYPE_CHECKING:
    from web.exchange.app import Exchange

router = APIRouter(tags=["what the archive tells"])
_RANGE = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})")
LONGEST_WAIT = 30.0         # seconds that a question for notices may wait
LOOK = 1.0                  # how often it looks meanwhile, seconds
MOST_WAITING = 4            # questions of one client that may wait at once; a further one is answered at once
Kind = Annotated[Literal["registration", "answer", "manifest", "receipt", "result", "confirmation"],
                 Path(examples=["receipt"])]


def _bytes(media: str) -> dict[int | str, dict[str, Any]]:
    """What the OpenAPI document says of an answer that is a file."""
    content = {media: {"schema": {"type": "object"} if media.endswith("json") else
                       {"type": "string", "format": "binary"}}}
    return {200: {"description": "the bytes; ETag is their SHA-256", "content": content},
            206: {"description": "a part of them (Range)", "content": content},
            304: {"description": "unchanged (If-None-Match)"}}


@router.get("/transfers/{code}/messages/{kind}", summary="A message of the archive", operation_id="message",
            responses=_bytes("application/json"), response_class=Response, openapi_extra=needs("transfer.read"))
def message(request: Request, who: Reader, code: models.TransferCode, kind: Kind) -> Response:
    """Its bytes as they were written: signed papers bear their SHA-256."""
    return _given(request, who, code, objects.MESSAGES, f"{kind}.json", "application/json")


@router.get("/transfers/{code}/papers/{name}", summary="A paper of the archive", operation_id="paper",
            responses=_bytes("application/pdf"), response_class=Response, openapi_extra=needs("transfer.read"))
def paper(request: Request, who: Reader, code: models.TransferCode, name: models.FileName) -> Response:
    """Receipt, minutes, list of what goes back, confirmation (PDF)."""
    return _given(request, who, code, objects.PAPERS, name, "application/pdf")


@router.get("/transfers/{code}/returns", response_model=models.Returns, summary="What goes back (Điều 25)",
            operation_id="returns", openapi_extra=needs("transfer.read"))
def returns(request: Request, who: Reader, code: models.TransferCode) -> models.Returns:
    """Packages that failed and were returned, each with the reason."""
    exchange: Exchange = request.app.state.exchange
    return models.Returns(returns=[models.Returned(
        name=one["name"], code=one["code"], reason=one["reason"], sha256=one["sha256"], size=one["size"],
        href=f"{ROOT}/transfers/{code}/returns/{quote(one['name'], safe='')}")
        for one, _place in exchange.returned(exchange.transfer(who, code))])


@router.get("/transfers/{code}/returns/{name}", summary="A package that goes back", operation_id="returned",
            responses=_bytes("application/zip"), response_class=Response, openapi_extra=needs("transfer.read"))
def returned(request: Request, who: Reader, code: models.TransferCode, name: models.FileName) -> Response:
    """The package as it came."""
    exchange: Exchange = request.app.state.exchange
    for one, place in exchange.returned(exchange.transfer(who, code)):
        if one["name"] == name:
            return _file(request, place, one["sha256"], "application/zip", name)
    raise Problem("not_found")


@router.get("/notices", response_model=models.Notices, summary="The outbox", operation_id="notices",
            openapi_extra=needs("transfer.read"))
async def notices(request: Request, who: Reader,
                  after: Annotated[int, Query(ge=0, le=2**53, examples=[41])] = 0,
                  wait: Annotated[int, Query(ge=0, le=3600, description="seconds to wait for the next; at most 30",
                                             examples=[0])] = 0) -> models.Notices:
    """Notices about the agency's hand-overs after number `after`, oldest first; with `wait` it waits for the next."""
    exchange: Exchange = request.app.state.exchange
    until = time.monotonic() + min(float(wait), LONGEST_WAIT)
    waiting = exchange.waiting.setdefault(who.client.id, [0])
    patient = waiting[0] < MOST_WAITING
    waiting[0] += 1
    try:
        while True:
            found = await run_in_threadpool(_outbox, exchange, who, after)
            if found or not patient or time.monotonic() >= until or await request.is_disconnected():
                break
            await asyncio.sleep(LOOK)
    finally:
        waiting[0] -= 1
    return models.Notices(notices=[models.NoticeTold(
        n=one.n, at=one.at, code=one.code, kind=one.kind, sha256=one.sha256) for one in found],
        after=found[-1].n if found else after)


# --- steps -------------------------------------------------------------------------------------------------


def _outbox(exchange: Exchange, who: Caller, after: int) -> list[service.Notice]:
    with exchange.site.session() as session:
        return service.notices(session, who.agency, after)


def _given(request: Request, who: Caller, code: str, folder: str, name: str, media: str) -> Response:
    """A file of the hand-over, its bytes compared with their checksum before they leave."""
    exchange: Exchange = request.app.state.exchange
    exchange.transfer(who, code)
    store = exchange.site.archive.store
    found = service.given(store, code, folder).get(name)
    if found is None:
        raise Problem("not_found")
    store.content(objects.object_id(code), found.file)
    return _file(request, found.file.place, found.file.sha256, media, name)


def _check_range(asked: str, size: int) -> None:
    """Raises Problem for a range that cannot be told or is behind the end."""
    part = _RANGE.fullmatch(asked.strip())
    if part is None or not (part[1] or part[2]) or (part[1] and part[2] and int(part[1]) > int(part[2])):
        raise Problem("wrong_request", parameters=["Range"])
    if (part[1] and int(part[1]) >= size) or (not part[1] and int(part[2]) == 0):
        raise Problem("range", headers={"content-range": f"bytes */{size}"})


def _file(request: Request, place: File, sha256: str, media: str, name: str) -> Response:
    tag = f'"{sha256}"'
    headers = {"etag": tag, "cache-control": "private, no-cache"}
    if has(request, tag):
        return Response(status_code=304, headers=headers)
    if (asked := request.headers.get("range")) is not None:
        _check_range(asked, place.stat().st_size)
    return FileResponse(place, media_type=media, filename=name, headers=headers)
