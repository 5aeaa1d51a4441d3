"""A small archive service for tests of the sending end: it keeps in memory what it is given, and fails on demand.

It speaks the surface of docs/lgsp.md as far as the sending end uses it; the real one is met in test_lgsp_demo.py.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

BASE = "/lgsp/v1"


@dataclass
class Upload:
    name: str
    sha256: str
    length: int
    data: bytearray = field(default_factory=bytearray)

    @property
    def whole(self) -> bool:
        return len(self.data) == self.length


@dataclass
class Fake:
    """The service. `fault(method, path, n)` may answer in its place: a status, "cut" (half the body), or None."""

    state: str = "registered"
    registered: dict[str, bytes] = field(default_factory=dict)
    messages: dict[str, bytes] = field(default_factory=dict)
    papers: dict[str, bytes] = field(default_factory=dict)
    received: dict[str, bytes] = field(default_factory=dict)
    signed: dict[str, bytes] = field(default_factory=dict)
    returned: dict[str, bytes] = field(default_factory=dict)
    uploads: dict[str, Upload] = field(default_factory=dict)
    manifests: list[bytes] = field(default_factory=list)
    findings: list[dict[str, str]] = field(default_factory=list)
    seen: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    tokens: list[str] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    told_hash: Callable[[str, bytes], str] = lambda name, data: hashlib.sha256(data).hexdigest()
    fault: Callable[[str, str, int], Any] = lambda method, path, n: None
    asked: dict[str, int] = field(default_factory=dict)
    needs_token: bool = True
    location: str = BASE + "/uploads/{id}"
    notices: list[dict[str, Any]] = field(default_factory=list)
    lock: threading.RLock = field(default_factory=threading.RLock)

    @contextmanager
    def serve(self) -> Iterator[str]:
        server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"fake": self}))
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}{BASE}"
        finally:
            server.shutdown()
            server.server_close()
            thread.join()

    def calls(self, method: str, ending: str) -> int:
        return sum(one[0] == method and one[1].endswith(ending) for one in self.seen)

    def told(self, code: str) -> dict[str, Any]:
        def held(given: dict[str, bytes]) -> dict[str, Any]:
            return {name: {"sha256": self.told_hash(name, data), "size": len(data), "href": "http://elsewhere.example/"}
                    for name, data in given.items()}

        return {"code": code, "state": self.state, "messages": held(self.messages), "papers": held(self.papers),
                "received": held(self.received), "findings": self.findings, "uploads": [
                    {"name": one.name, "length": one.length, "offset": len(one.data), "sha256": one.sha256,
                     "whole": one.whole, "href": f"{BASE}/uploads/{identity}"}
                    for identity, one in self.uploads.items()]}


class _Handler(BaseHTTPRequestHandler):
    fake: Fake
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def do(self) -> None:
        fake = self.fake
        url = urlsplit(self.path)
        path = url.path.removeprefix(BASE)
        length = int(self.headers.get("Content-Length") or 0)
        with fake.lock:
            name = f"{self.command} {re.sub(r'[0-9a-f]{32}', 'ID', path)}"
            fake.asked[name] = n = fake.asked.get(name, 0) + 1
            fault = fake.fault(self.command, path, n)
        if fault == "cut":      # half of the body arrives, then the line is gone
            body = self.rfile.read(length // 2)
            with fake.lock:
                if (upload := fake.uploads.get(path.rpartition("/")[2])) is not None:
                    upload.data += body
            self.close_connection = True
            self.connection.close()
            return
        body = self.rfile.read(length)
        with fake.lock:
            fake.seen.append((self.command, path, dict(self.headers.items())))
            if isinstance(fault, int):
                self.say(fault, {"title": "T", "detail": "vì\nsao", "findings": [{"code": "LGSP-006"}]})
            elif isinstance(fault, tuple):
                self.say(fault[0], fault[2] if len(fault) > 2 else b"", fault[1])
            else:
                self.route(path, parse_qs(url.query), body)

    do_GET = do_POST = do_PUT = do_PATCH = do_HEAD = do  # noqa: N815 - the server's own names

    def route(self, path: str, query: dict[str, list[str]], body: bytes) -> None:
        fake, method = self.fake, self.command
        if path == "/token":
            token = f"lgsp_{len(fake.tokens)}"
            fake.tokens.append(token)
            return self.say(200, {"access_token": token, "token_type": "Bearer", "expires_in": 1800})
        newest = fake.tokens[-1] if fake.tokens else "-"
        if fake.needs_token and self.headers.get("Authorization") != f"Bearer {newest}":
            return self.say(401, {"title": "token"})
        if (key := self.headers.get("Idempotency-Key")) is not None:
            fake.keys.append(key)
        parts = [unquote(one) for one in path.strip("/").split("/")]
        if path == "/transfers":
            code = json.loads(body)["request"]
            if code in fake.registered and fake.registered[code] != body:
                return self.say(409, {"title": "conflict"})
            new = code not in fake.registered
            fake.registered[code] = body
            return self.say(201 if new else 200, fake.told(code))
        if path == "/notices":
            after = int(query["after"][0])
            return self.say(200, {"notices": [one for one in fake.notices if one["n"] > after]})
        if parts[0] == "uploads":
            return self.upload(parts[1], body)
        code = parts[1]
        if code not in fake.registered:
            return self.say(404, {"title": "not found"})
        rest = parts[2:]
        if not rest:
            return self.say(200, fake.told(code))
        if rest[0] == "papers" and method == "PUT":
            fake.received[rest[1]] = body
            return self.say(200, {})
        if rest[0] in ("papers", "messages") and method == "GET":
            given = getattr(fake, rest[0]).get(rest[1])
            return self.say(404, {}) if given is None else self.piece(given)
        if rest[0] == "signed":
            fake.signed[rest[1]] = body
            return self.say(201, {})
        if rest[0] == "returns":
            if len(rest) == 1:
                return self.say(200, {"returns": [{"name": name, **told} for name, told in {
                    name: {"sha256": fake.told_hash(name, data), "size": len(data)}
                    for name, data in fake.returned.items()}.items()]})
            return self.piece(fake.returned[rest[1]])
        if rest[0] == "finish":
            fake.manifests.append(body)
            fake.state = "uploaded"
            return self.say(202, {})
        metadata = {key: base64.b64decode(value).decode() for key, _blank, value in (
            one.partition(" ") for one in self.headers["Upload-Metadata"].split(","))}
        upload = Upload(metadata["name"], metadata["sha256"], int(self.headers["Upload-Length"]))
        for identity, one in fake.uploads.items():
            if (one.name, one.sha256, one.length) == (upload.name, upload.sha256, upload.length):
                return self.say(200, b"", {"Location": fake.location.format(id=identity),
                                           "Upload-Offset": str(len(one.data))})
        identity = hashlib.md5(f"{upload.name}{len(fake.seen)}".encode()).hexdigest()
        fake.uploads[identity] = upload
        return self.say(201, b"", {"Location": fake.location.format(id=identity), "Upload-Offset": "0"})

    def upload(self, identity: str, body: bytes) -> None:
        one = self.fake.uploads.get(identity)
        if one is None:
            return self.say(404, {})
        if self.command == "HEAD":
            return self.say(200, b"", {"Upload-Offset": str(len(one.data))})
        if int(self.headers["Upload-Offset"]) != len(one.data):
            return self.say(409, {}, {"Upload-Offset": str(len(one.data))})
        one.data += body
        if one.whole and hashlib.sha256(one.data).hexdigest() != one.sha256:
            del self.fake.uploads[identity]
            return self.say(460, {"title": "checksum", "findings": [{"code": "LGSP-004"}]})
        return self.say(204, b"", {"Upload-Offset": str(len(one.data))})

    def piece(self, data: bytes) -> None:
        wanted = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        start = int(wanted[1]) if wanted else 0
        self.say(206 if wanted else 200, data[start:], {"Content-Type": "application/octet-stream"})

    def say(self, status: int, body: Any, headers: dict[str, str] | None = None) -> None:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **(headers or {}),
                            **({} if status == 204 else {"Content-Length": str(len(data))})}.items():
            self.send_header(name, value)
        with suppress(OSError):     # a client may have had enough
            self.end_headers()
            if self.command != "HEAD" and status != 204:
                self.wfile.write(data)
