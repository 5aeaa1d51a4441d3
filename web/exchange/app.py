"""The application of the archive service, mounted beside the pages: token endpoint, endpoints, OpenAPI document.

No cookie counts here and every request bears a token, so no browser can be made to use it for somebody.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import parse_qs, quote, unquote_plus

import anyio
import orjson
from fastapi import Depends, FastAPI, Request, Response
from fastapi.responses import JSONResponse
from starlette.concurrency import run_in_threadpool

from archive import procedures
from archive.errors import ArchiveBusyError, LuuTruError, NoRoomError, RefusedError, UsageError
from archive.terminal import explain
from retention.transfer import objects, receiving, service
from web.api.answers import has
from web.api.app import Shell
from web.api.problems import handlers
from web.exchange import giving, models, transfers, tus
from web.exchange.bodies import spool
from web.exchange.callers import Caller, over_tls
from web.exchange.clients import Clients, UnknownClientError
from web.exchange.deliveries import Deliveries
from web.exchange.gateway import Gateway
from web.exchange.held import Held
from web.exchange.problems import KINDS, MEDIA_TYPE, ROOT, Problem, answer
from web.exchange.problems import told as findings_told
from web.exchange.uploads import Upload, Uploads
from web.site import Site

KEPT = 20       # hand-overs that are kept in memory as they were read last
AT_ONCE = 4     # messages and papers that are read and written at once, whole files that are read again at once
DESCRIPTION = """
The archive's service for agencies that hand records over on line (Thông tư 05/2025/TT-BNV Điều 20–25), directly or
through the province's LGSP.

- **Clients** are given out by the archive, one or more an agency (`luutru client add`). A client gets a token at
  `POST /lgsp/v1/token` (OAuth 2.0 client credentials, RFC 6749 4.4); where the archive trusts a gateway, the gateway's
  token counts as well.
- **The way:** register → answer → upload packages (tus 1.0.0) → finish → receipt → result → sign minutes →
  confirmation. `GET /notices` tells when there is something to fetch.
- **Again:** every POST bears an `Idempotency-Key`; said again it is done once and gives the same answer. An upload goes
  on from where it was cut.
- **Errors** are `application/problem+json` (RFC 9457) with findings, in the language of `Accept-Language` (`vi`, `en`).
- **Another agency's** hand-overs do not exist for a client: 404.
- Every answer has an `X-Request-Id`.
"""


class Exchange:
    """The service of one archive as a server process holds it."""

    def __init__(self, site: Site) -> None:
        self.site, self.settings = site, site.settings.service
        self.held = Held(site.settings)
        self.clients, self.gateway = Clients(self.held), Gateway(site.settings)
        self.uploads = Uploads(self.held)
        self.deliveries = Deliveries(site, self.held, self.uploads)
        self.working, self.hashing = anyio.CapacityLimiter(AT_ONCE), anyio.CapacityLimiter(AT_ONCE)
        self._read: dict[str, tuple[int, objects.Transfer]] = {}    # hand-overs as last read, by code; with the version
        self.waiting: dict[str, list[int]] = {}         # client → questions for notices that wait

    def start(self) -> None:
        """Begin to receive deliveries."""
        self.deliveries.start()

    def stop(self) -> None:
        """Stop receiving."""
        self.deliveries.stop()

    # --- hand-overs of the agency that asks -------------------------------------------------------------

    def transfer(self, who: Caller, code: str) -> objects.Transfer:
        """The hand-over of the caller's agency. Raises Problem: another's is not there."""
        found = self.find(who, code)
        if found is None:
            raise Problem("not_found")
        return found

    def find(self, who: Caller, code: str) -> objects.Transfer | None:
        """The hand-over of the caller's agency; None when there is none. Read again when it has changed."""
        with self.site.session() as session:
            row = service.row_of(session, who.agency, code)
            mark = None if row is None or row.state == procedures.WRITING else row.version
        if row is None:
            return None
        kept = self._read.get(code)
        if kept is not None and mark is not None and kept[0] == mark:
            return kept[1]
        try:
            found = objects.read(self.site.archive.store, code)
        except KeyError:            # killed between its row and its object: the next writer takes the row away
            return None
        if mark is not None:
            self._read[code] = (mark, found)
            while len(self._read) > KEPT:
                self._read.pop(next(iter(self._read)), None)
        return found

    def all_of(self, who: Caller) -> Iterator[objects.Transfer]:
        """Every hand-over of the caller's agency, by code; without its case files."""
        with self.site.session() as session:
            rows = service.of_agency(session, who.agency)
        for row in rows:
            if row.record:
                yield objects.Transfer(row.record)

    def state_of(self, transfer: objects.Transfer) -> str:
        """How far a hand-over is, uploads and waiting deliveries included."""
        last, _found = self.deliveries.last(transfer.code)
        if last == "waiting":
            return "uploaded"
        if transfer.state in ("agreed", "short"):
            if last in ("refused", "failed"):
                return "delivery_refused"
            if self.uploads.of(transfer.code):
                return "uploading"
        return transfer.state

    def state_name(self, transfer: objects.Transfer) -> str:
        """The same in words, Vietnamese: for findings."""
        return service.state_words(self.state_of(transfer))["vi"]

    def brief(self, transfer: objects.Transfer) -> models.TransferBrief:
        """A hand-over in a list."""
        state = self.state_of(transfer)
        return models.TransferBrief(code=transfer.code, state=state, state_name=models.Words(
            **service.state_words(state)), links=_links(transfer.code))

    def told(self, transfer: objects.Transfer) -> models.TransferTold:
        """A hand-over whole."""
        code, store = transfer.code, self.site.archive.store
        with self.site.session() as session:
            newest = service.newest(session, code)
        last, found = self.deliveries.last(code)

        def held(folder: str, *, at: str) -> dict[str, models.Held]:
            return {name: models.Held(sha256=one.file.sha256, size=one.file.place.stat().st_size, href=f"{at}{name}"
                                      if at else "") for name, one in service.given(store, code, folder).items()}

        base = f"{ROOT}/transfers/{code}"
        written = held(objects.MESSAGES, at=f"{base}/messages/")
        return models.TransferTold(
            **self.brief(transfer).model_dump(),
            messages={name.removesuffix(".json"): models.Held(**{**one.model_dump(), "href": one.href.removesuffix(
                ".json")}) for name, one in written.items()},
            papers=held(objects.PAPERS, at=f"{base}/papers/"), received=held(objects.RECEIVED, at=""),
            uploads=[self._upload(one) for one in self.uploads.of(code)],
            items=[models.ItemTold(**{key: one[key] for key in ("n", "code", "state", "reason", "sha256")})
                   for one in transfer.items],
            missing=[one["code"] for one in transfer.in_state("missing")] if transfer.last("received") else [],
            findings=[models.FindingTold(**one) for one in findings_told(found)] if last != "waiting" else [],
            returns=len(list(self.returned(transfer))), notices_after=newest)

    def returned(self, transfer: objects.Transfer) -> Iterator[tuple[Any, Path]]:
        """The packages that go back to the agency, and where they lie."""
        for one in transfer.in_state("returned"):
            place = receiving.package_place(self.site.archive, transfer.code, one["name"])
            if place.is_file():
                yield one, place

    def _upload(self, one: Upload) -> models.UploadTold:
        try:
            offset = self.uploads.offset(one)
        except FileNotFoundError:
            offset = 0
        return models.UploadTold(name=one.name, length=one.length, offset=offset, sha256=one.sha256, whole=one.whole,
                                 href=f"{ROOT}/uploads/{one.id}")


def create_exchange(site: Site) -> tuple[FastAPI, Exchange]:
    """The application that answers agencies about the archive of `site`, to be mounted at ROOT, and what it works on.

    Who mounts it starts and stops the second.
    """
    exchange = Exchange(site)
    app = FastAPI(title="Lưu Trữ: dịch vụ thu nộp", version="1", description=DESCRIPTION, docs_url=None,
                  redoc_url=None, openapi_url=None, redirect_slashes=False, servers=[{"url": ROOT}], responses={
                      status: {"description": said, "content": {MEDIA_TYPE: {"schema": _PROBLEM}}}
                      for status, said in _STATUSES.items()})
    app.state.exchange, app.state.site = exchange, site
    for router in (transfers.router, tus.router, giving.router):
        app.include_router(router)
    app.add_api_route("/token", _token, methods=["POST"], tags=["token"], operation_id="token",
                      response_model=models.Token, summary="A token for a client", openapi_extra=_OF_TOKEN)
    app.add_api_route("/openapi.json", _openapi, include_in_schema=False)
    for kind, handler in _HANDLERS.items():
        app.add_exception_handler(kind, handler)
    app.add_middleware(Shell)
    return app, exchange


async def _token(request: Request, _tls: Annotated[None, Depends(over_tls)]) -> Response:
    """OAuth 2.0 client credentials (RFC 6749 4.4): the client by Basic, or by client_id and client_secret."""
    exchange: Exchange = request.app.state.exchange
    with exchange.held.spooling() as place:
        path = place / "form"
        await spool(request, path, most=10_000, idle=exchange.settings.idle_seconds, longest=60.0)
        try:
            told = parse_qs(path.read_text(errors="replace"), max_num_fields=20)
        except ValueError:
            raise Problem("wrong_request", error="invalid_request") from None
    form = {key: values[0] for key, values in told.items() if len(values) == 1}
    if form.get("grant_type") != "client_credentials":
        raise Problem("wrong_request", parameters=["grant_type"], error="unsupported_grant_type"
                      if "grant_type" in form else "invalid_request")
    id_, secret = _credentials(request, form)
    try:
        shown, scopes = await run_in_threadpool(exchange.clients.token, id_, secret, form.get("scope", ""))
    except UnknownClientError as error:
        exchange.site.limits.of_failures(request.client.host if request.client else "")
        raise Problem("invalid_client", headers={"www-authenticate": 'Basic realm="luutru-lgsp"'},
                      error="invalid_client") from error
    except ValueError as error:
        raise Problem("wrong_request", parameters=["scope"], error="invalid_scope") from error
    given = models.Token(access_token=shown, scope=" ".join(scopes),
                         expires_in=int(exchange.settings.token_minutes * 60))
    return JSONResponse(given.model_dump(), headers={"cache-control": "no-store"})


def _credentials(request: Request, form: dict[str, str]) -> tuple[str, str]:
    """The client and its secret; one way of the two. Raises Problem."""
    scheme, _blank, given = request.headers.get("authorization", "").partition(" ")
    if not scheme:
        return form.get("client_id", ""), form.get("client_secret", "")
    if scheme.lower() != "basic" or "client_secret" in form:
        raise Problem("wrong_request", parameters=["Authorization"], error="invalid_request")
    try:
        id_, _colon, secret = base64.b64decode(given, validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        raise Problem("wrong_request", parameters=["Authorization"], error="invalid_request") from None
    return unquote_plus(id_), unquote_plus(secret)


async def _openapi(request: Request) -> Response:
    """The OpenAPI document: the same for everybody, it says nothing of any archive."""
    body = orjson.dumps(request.app.openapi())
    tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    if has(request, tag):
        return Response(status_code=304, headers={"etag": tag})
    return Response(body, media_type="application/json", headers={"etag": tag, "cache-control": "no-cache"})


def _links(code: str) -> dict[str, str]:
    base = f"{ROOT}/transfers/{quote(code, safe='')}"
    return {"self": base, "uploads": f"{base}/uploads", "finish": f"{base}/finish", "returns": f"{base}/returns"}


# --- what is told when something cannot be done --------------------------------------------------------------


async def _locked(request: Request, error: Exception) -> Response:
    """Our own file is held by another process for too long."""
    if isinstance(error, sqlite3.OperationalError) and "locked" in str(error):
        return answer(request, Problem("not_ready", headers={"retry-after": "5"}))
    raise error


async def _ours(request: Request, error: Exception) -> Response:
    """An error of ours that has a sentence for people; any other is our failure."""
    match error:
        case RefusedError():
            return answer(request, Problem("refused", explain(error)))
        case NoRoomError():
            return answer(request, Problem("no_room", headers={"retry-after": "600"}))
        case ArchiveBusyError():
            return answer(request, Problem("not_ready", explain(error), {"retry-after": "60"}))
        case UsageError():
            return answer(request, Problem("wrong_request", explain(error)))
    raise error


_PROBLEM = {"type": "object", "required": ["type", "title", "status", "detail", "instance"], "properties": {
    "type": {"type": "string", "examples": ["urn:luutru:problem:refused_message"]},
    "title": {"type": "string", "examples": ["Thông điệp không nhận được"]},
    "status": {"type": "integer", "examples": [422]}, "detail": {"type": "string"},
    "instance": {"type": "string", "examples": ["urn:luutru:request:5f1c09aa3be0d3c7"]},
    "parameters": {"type": "array", "items": {"type": "string"}}, "scope": {"type": "string"},
    "error": {"type": "string", "description": "of the token endpoint: RFC 6749 5.2"},
    "findings": {"type": "array", "items": {"type": "object"}}}}
_OF_TOKEN = {"requestBody": {"required": True, "content": {"application/x-www-form-urlencoded": {"schema": {
    "type": "object", "required": ["grant_type"], "properties": {
        "grant_type": {"type": "string", "enum": ["client_credentials"]}, "client_id": {"type": "string"},
        "client_secret": {"type": "string"}, "scope": {"type": "string"}}},
    "example": {"grant_type": "client_credentials", "client_id": "h99-5f1c09aa", "client_secret": "…",
                "scope": "transfer.read transfer.write"}}}}}
_HANDLERS: dict[type[Exception], Any] = {
    **handlers(answer), sqlite3.OperationalError: _locked, LuuTruError: _ours}
_STATUSES = {status: title for status, title, _detail in sorted(KINDS.values(), reverse=True) if status != 500}
