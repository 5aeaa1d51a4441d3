"""Requests told to a collector of traces: the pattern of the path, status and time; of its ids only batch and item.

Never the path itself, what was searched for, or who asked: traces must not tell who looked at what. What a caller says
of a trace of his own (traceparent) is not taken over: nobody outside decides what is told.
"""

from __future__ import annotations

import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from archive.telemetry import Teller
from web.counting import METHODS, pattern

NOT_TOLD = ("/static", "/health")       # asked every few seconds, and of no interest
IDS = ("batch", "item")


class Traced:
    """Round the whole application: one span for each request, when its answer is complete."""

    def __init__(self, app: ASGIApp, teller: Teller) -> None:
        self.app, self.teller = app, teller

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http" or scope["path"].startswith(NOT_TOLD):
            await self.app(scope, receive, send)
            return
        begun, status = time.time(), 500

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, sending)
        finally:
            method, route = scope["method"] if scope["method"] in METHODS else "other", pattern(scope)
            ids = {f"luutru.{key}": str(value) for key, value in (scope.get("path_params") or {}).items() if key in IDS}
            self.teller.past(f"{method} {route}", begun, time.time(), **{
                "http.request.method": method, "http.route": route, "http.response.status_code": status, **ids})
