"""Done once: the answer to a request with an Idempotency-Key is kept, and given again when it is said again."""

from __future__ import annotations

import hashlib
import json
import re
import time

from fastapi import Request
from fastapi.responses import Response

from web.exchange.callers import Caller
from web.exchange.held import Held
from web.exchange.problems import Problem

HOURS = 72
"""How long a key is remembered, hours."""
_KEY = re.compile(r"[\x21-\x7e]{1,200}")
_KEPT = ("content-type", "location", "etag", "upload-offset")


class Once:
    """One request's key; what it does is done once. Raises Problem for a key that is missing or cannot be."""

    def __init__(self, held: Held, request: Request, who: Caller, fingerprint: str, *, needed: bool = True) -> None:
        self.held, self.client = held, who.client.id
        given = request.headers.getlist("idempotency-key")
        if len(given) > 1 or (given and not _KEY.fullmatch(given[0])):
            raise Problem("wrong_request", parameters=["Idempotency-Key"])
        if not given and needed:
            raise Problem("key_needed")
        self.key = given[0] if given else ""
        self.fingerprint = hashlib.sha256(
            f"{request.method}\n{request.url.path}\n{fingerprint}".encode(errors="replace")).hexdigest()

    def again(self) -> Response | None:
        """The answer that was given before, if it was. Raises Problem when the key was used for something else."""
        if not self.key:
            return None
        with self.held.database(changing=False) as database:
            row = database.execute("SELECT * FROM once WHERE client = ? AND key = ? AND at > ?", (
                self.client, self.key, time.time() - HOURS * 3600)).fetchone()
        if row is None:
            return None
        if row["fingerprint"] != self.fingerprint:
            raise Problem("key_reused")
        return Response(row["body"], row["status"], {**json.loads(row["headers"]), "idempotency-replayed": "true"})

    def keep(self, response: Response) -> Response:
        """The answer, remembered; refusals are not: what was wrong may be right the next time."""
        if self.key and response.status_code < 300:
            headers = {name: response.headers[name] for name in _KEPT if name in response.headers}
            with self.held.database() as database:
                database.execute("INSERT OR REPLACE INTO once VALUES (?, ?, ?, ?, ?, ?, ?)", (
                    self.client, self.key, self.fingerprint, response.status_code, json.dumps(headers),
                    bytes(response.body), time.time()))
        return response


def forget(held: Held) -> None:
    """Forget keys whose time is over."""
    with held.database() as database:
        database.execute("DELETE FROM once WHERE at <= ?", (time.time() - HOURS * 3600,))
