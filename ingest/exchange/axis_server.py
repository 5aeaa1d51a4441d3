"""A small document axis for rehearsals and tests: it behaves like the axis's wire interface, on this machine only.

It keeps messages in memory, checks the signed headers and their age, and lists a message until it was confirmed. It is
no product of the axis's operator, keeps nothing, and must never listen to a network.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from ingest.exchange.axis import HASH, KINDS, SERVICE, SIGN, SIGN_KEYS, TIME
from ingest.sources.edxml_header import normalised_code

_OLDEST = timedelta(minutes=5)
_LARGEST = 64 << 20


@dataclass(slots=True)
class Held:
    """A message on the axis for one receiver, and where it stands: initial, processing, done, fail.

    `sent`: the id that its sender was told; one sending to many has one.
    """

    id: str
    sender: str
    to: str
    kind: str
    data: bytes
    status: str = "initial"
    at: str = ""
    sent: str = ""


@dataclass(slots=True)
class DemoAxis:
    """The axis: secrets by system, messages, and the requests that came (`seen`: path, docId, status of the answer).

    `fault` may answer in the axis's place: it is given the path and how often this path was asked for (from 1), and
    returns a status code, or 0 to go on; with `cut` the body of a download ends early.
    """

    secrets: dict[str, str]
    messages: dict[str, Held] = field(default_factory=dict)
    seen: list[tuple[str, str, int]] = field(default_factory=list)
    fault: Callable[[str, int], int] = lambda path, n: 0
    cut: Callable[[int], bool] = lambda n: False
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    asked: dict[str, int] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def put(self, data: bytes, *, to: str, sender: str = "", kind: str = "edoc", identity: str = "",
            sent: str = "") -> str:
        """Put a message onto the axis; its docId."""
        one = Held(identity or str(uuid.uuid4()), sender, to, kind, data, at=self.now().isoformat())
        one.sent = sent or one.id
        with self.lock:
            self.messages[one.id] = one
        return one.id

    @contextmanager
    def serve(self, port: int = 0) -> Iterator[str]:
        """Serve on 127.0.0.1 within the block; gives the address."""
        server = ThreadingHTTPServer(("127.0.0.1", port), type("Handler", (_Handler,), {"axis": self}))
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            server.server_close()
            thread.join()

    def refused(self, headers: Any) -> str:
        """Why a request is not believed; "" for one that is."""
        told = headers.get(SIGN, "")
        try:
            values = json.loads(told)
        except ValueError:
            return "no signed headers"
        if not isinstance(values, dict) or ";".join(values) != headers.get(SIGN_KEYS, ""):
            return "signed headers do not match their names"
        secret = self.secrets.get(str(values.get("from", "")))
        if secret is None:
            return "unknown system"
        proof = hmac.new(secret.encode(), told.encode(), hashlib.sha256).hexdigest()
        if not hmac.compare_digest(proof, headers.get(HASH, "")):
            return "wrong signature"
        if any(headers.get(name, "") != value for name, value in values.items()):
            return "headers differ from the signed ones"
        try:
            at = datetime.strptime(str(values["timestamp"]), TIME)
        except (KeyError, ValueError):
            return "no timestamp"
        return "timestamp too old or in the future" if abs(self.now() - at) > _OLDEST else ""


def _same(one: str, other: str) -> bool:
    """Whether two codes are one agency's: the axis knows the old form and the new."""
    return normalised_code(one) == normalised_code(other)


class _Handler(BaseHTTPRequestHandler):
    axis: DemoAxis
    protocol_version = "HTTP/1.1"
    timeout = 30

    def do_POST(self) -> None:
        """Every call of the axis."""
        axis, path = self.axis, self.path
        length = self.headers.get("Content-Length", "0")
        size = int(length) if length.isdecimal() and len(length) < 16 else 0
        self.close_connection = self.close_connection or size > _LARGEST
        body = self.rfile.read(size) if size <= _LARGEST else b""
        with axis.lock:
            axis.asked[path] = n = axis.asked.get(path, 0) + 1
        if status := axis.fault(path, n):
            self._send(status, b"", {"Location": "http://127.0.0.1:9/"} if 300 <= status < 400 else {})
        elif reason := axis.refused(self.headers):
            self._json(401, {"status": "FAIL", "ErrorCode": "-1", "ErrorDesc": reason})
        elif size > _LARGEST:
            self._json(413, {"status": "FAIL", "ErrorCode": "413", "ErrorDesc": "too large"})
        else:
            match path:
                case "/getReceivedEdocList":
                    self._list()
                case "/getSentEdocList":
                    self._list_sent()
                case "/downloadEdoc":
                    self._download()
                case "/updateStatus":
                    self._update()
                case "/sendEdoc":
                    self._take(body)
                case _:
                    self._json(404, {"status": "FAIL", "ErrorCode": "404", "ErrorDesc": path})

    def _list(self) -> None:
        system, kind = self.headers["from"], self.headers.get("messagetype", "edoc")
        with self.axis.lock:
            waiting = [one for one in self.axis.messages.values()
                       if _same(one.to, system) and one.kind == kind and one.status not in ("done", "fail")]
        self._json(200, {"status": "OK", "ErrorCode": "0", "ErrorDesc": "", "data": [{
            "docId": one.id, "serviceType": SERVICE, "messageType": one.kind, "created_time": one.at,
            "updated_time": one.at, "from": one.sender, "to": one.to, "status": one.status, "status_desc": ""}
            for one in waiting]})

    def _list_sent(self) -> None:
        """What the one who asks has sent, a line for each receiver; the names are those of the axis's SDK."""
        system, kind = self.headers["from"], self.headers.get("messagetype", "edoc")
        with self.axis.lock:
            sent = [one for one in self.axis.messages.values() if _same(one.sender, system) and one.kind == kind]
        self._json(200, {"status": "OK", "ErrorCode": "0", "ErrorDesc": "", "data": [{
            "serviceType": SERVICE, "messageType": one.kind, "senderDocId": one.sent, "receiverDocId": one.id,
            "fromCode": one.sender, "toCode": one.to, "sendStatus": "done", "sendStatusDesc": "", "sentTime": one.at,
            "receiveStatus": one.status, "receiveStatusDesc": "", "receivedTime": ""} for one in sent]})

    def _download(self) -> None:
        one = self._mine()
        if one is None:
            return
        n = self.axis.asked[self.path]
        data = one.data[:len(one.data) // 2] if self.axis.cut(n) else one.data
        self._note(200)
        self.send_response(200)
        self.send_header("Content-Type", "application/octet-stream")
        self.send_header("Content-Length", str(len(one.data)))
        self.send_header("X-Content-SHA256", hashlib.sha256(one.data).hexdigest())
        self.end_headers()
        self.wfile.write(data)
        self.close_connection = self.close_connection or len(data) < len(one.data)

    def _update(self) -> None:
        one, status = self._mine(), self.headers.get("status", "")
        if one is None:
            return
        if status not in ("done", "fail", "processing"):
            self._json(400, {"status": "FAIL", "ErrorCode": "1", "ErrorDesc": "status"})
            return
        one.status = status
        self._json(200, {"status": "OK", "ErrorCode": "0", "ErrorDesc": ""})

    def _take(self, body: bytes) -> None:
        """Take a message for each of its receivers, when it is what its sender signed."""
        kind = self.headers.get("messagetype", "")
        try:
            to = json.loads(self.headers.get("to", ""))
        except ValueError:
            to = None
        wrong = "messagetype" if kind not in KINDS else "to" if not isinstance(to, list) or not to or not all(
            isinstance(code, str) and code for code in to) else "hash-file" if hashlib.sha256(
            body).hexdigest() != self.headers.get("hash-file", "") else ""
        if wrong:
            self._json(400, {"status": "FAIL", "ErrorCode": "1", "ErrorDesc": wrong})
            return
        sent = str(uuid.uuid4())
        for code in dict.fromkeys(to):
            self.axis.put(body, to=code, sender=self.headers["from"], kind=kind, sent=sent)
        self._json(200, {"status": "OK", "ErrorCode": "0", "ErrorDesc": "", "DocId": sent})

    def _mine(self) -> Held | None:
        """The message that is asked for, when it is for the one who asks."""
        one = self.axis.messages.get(self.headers.get("docId", ""))
        if one is None or not _same(one.to, self.headers["from"]):
            self._json(404, {"status": "FAIL", "ErrorCode": "404", "ErrorDesc": "docId"})
            return None
        return one

    def _json(self, status: int, told: Any) -> None:
        self._send(status, json.dumps(told, ensure_ascii=False).encode(), {"Content-Type": "application/json"})

    def _send(self, status: int, data: bytes, headers: dict[str, str]) -> None:
        self._note(status)
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _note(self, status: int) -> None:
        with self.axis.lock:
            self.axis.seen.append((self.path, self.headers.get("docId", ""), status))

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: `seen` tells."""
