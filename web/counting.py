"""Requests are counted by the pattern of their path and never by the path: figures must not tell who looked at what."""

from __future__ import annotations

import time

from prometheus_client import CollectorRegistry, Counter, Histogram
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.15, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


class Requests:
    """How many requests this process has answered, with which status, and how long each took."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.answered = Counter("luutru_http_requests", "requests answered by this process",
                                ["method", "path", "status"], registry=self.registry)
        self.took = Histogram("luutru_http_request_seconds", "until the answer was complete", ["path"],
                              buckets=_BUCKETS, registry=self.registry)


class Counted:
    """Round the whole application: counts each request when its answer is complete."""

    def __init__(self, app: ASGIApp, requests: Requests) -> None:
        self.app, self.requests = app, requests

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        begun, status = time.perf_counter(), 500

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, sending)
        finally:
            path, method = pattern(scope), scope["method"]
            self.requests.answered.labels(method if method in METHODS else "other", path, str(status)).inc()
            self.requests.took.labels(path).observe(time.perf_counter() - begun)


def pattern(scope: Scope) -> str:
    """The pattern of the route that answered, with the place where its application is mounted; "other": none did."""
    route = scope.get("route")
    path = getattr(route, "path", "")
    return f"{scope.get('root_path', '')}{path}" if path else "other"


def path_for_log(scope: Scope) -> str:
    """The path as the log may have it: without the names of accounts, and without the secret of a one-time link."""
    path: str = scope["path"]
    if path.startswith("/link/"):
        return "/link/…"
    for key in ("name", "token"):
        if value := (scope.get("path_params") or {}).get(key):
            path = path.replace(str(value), "…")
    return path
