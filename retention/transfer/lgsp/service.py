"""The receiving archive's service as the giving side sees it: one method a step, each safe to say twice.

Addresses are made here and never taken from an answer; what is fetched is compared with the SHA-256 that was told.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import sleep
from typing import IO, Any
from urllib.parse import quote

from archive.files import fsync_folder
from archive.i18n import _, language
from retention.transfer.carrying import hash_of
from retention.transfer.lgsp.accounts import Account, Passport
from retention.transfer.lgsp.wire import Answer, ServiceError, Sink, Told, Wire

MOST_STATE, MOST_MESSAGE, MOST_PAPER = 64 << 20, 256 << 20, 256 << 20
_HASH, _ID = re.compile(r"[0-9a-f]{64}"), re.compile(r"[A-Za-z0-9_-]{1,100}")
_MESSAGES = ("answer", "receipt", "result", "confirmation")
_PAPER = re.compile(r"[a-z0-9][a-z0-9-]{0,60}\.pdf")


class DeclinedError(ServiceError):
    """The service declined a request for a reason that asking again does not change."""

    def __init__(self, what: str, answer: Answer) -> None:
        self.what, self.status, self.said = what, answer.status, answer.said()
        told = answer.json()
        codes = told.get("codes") or [one.get("code") for one in told.get("findings") or () if isinstance(one, dict)]
        self.codes = tuple(str(one)[:20] for one in codes if isinstance(one, str)) if isinstance(codes, list) else ()
        super().__init__(_("The receiving archive's service declined {what}: HTTP {status} {said}").format(
            what=what, status=self.status, said=self.said))


@dataclass(frozen=True, slots=True)
class There:
    """A file that the service keeps for us: its SHA-256 and size, bytes."""

    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that is on its way: the service's id of it, how many bytes arrived, and whether it is whole."""

    id: str
    offset: int
    whole: bool = False


@dataclass(frozen=True, slots=True)
class State:
    """A hand-over as the other side has it."""

    state: str
    messages: Mapping[str, There] = field(default_factory=dict)     # the archive's, by kind
    papers: Mapping[str, There] = field(default_factory=dict)       # the archive's, by name
    received: Mapping[str, There] = field(default_factory=dict)     # what it keeps of ours, by name
    uploads: Mapping[tuple[str, str], Upload] = field(default_factory=dict)     # (name, SHA-256) → what is there of it
    findings: Sequence[Mapping[str, Any]] = ()      # why the last delivery could not be received


class Service:
    """The service for one account."""

    def __init__(self, account: Account, *, pause: Callable[[float], object] = sleep,
                 told: Told = lambda _why: None) -> None:
        self.account, self.pause = account, pause

        def wire(address: str, name: str = "lgsp.address") -> Wire:
            return Wire(address, seconds=account.seconds, attempts=account.attempts, authority=account.authority,
                        certificate=account.certificate, pause=pause, told=told, name=name)

        self.wire = wire(account.address)
        self._passport = Passport(account, self.wire, lambda address: wire(address, "lgsp.token_address"))

    @property
    def host(self) -> str:
        """The host that is spoken to."""
        return self.wire.host

    def close(self) -> None:
        """End the connection."""
        self.wire.close()

    def call(self, method: str, path: str, *, body: bytes = b"", headers: Mapping[str, str] | None = None,
             most: int = 1 << 20, sink: Sink | None = None, good: Sequence[int] = (200,),
             also: Sequence[int] = (), tries: int = 0, wait: float = 0.0,
             again: frozenset[int] = frozenset()) -> Answer:
        """One request with what proves us; a token that ended is fetched anew, once.

        Raises DeclinedError for a state neither `good` nor `also` expected, ServiceError when nothing helps.
        """
        for last in (False, True):
            answer = self.wire.ask(method, path, body=body, most=most, sink=sink, tries=tries, wait=wait, again=again,
                                   headers={"Accept-Language": language(), **(headers or {}),
                                            **self._passport.headers()})
            if answer.status != 401 or last or not self._passport.forget():
                break
        if answer.status in (*good, *also):
            return answer
        raise DeclinedError(f"{method} {path}", answer)

    # --- registration and papers ---------------------------------------------------------------------------

    def state(self, code: str) -> State | None:
        """How far the hand-over is there; None when it is not registered there, or not ours."""
        answer = self.call("GET", _of(code), most=MOST_STATE, also=(404,))
        if answer.status == 404:
            return None
        told = answer.json()
        findings = told.get("findings")
        return State(
            str(told.get("state", ""))[:40],
            {kind: one for kind, one in _there(told.get("messages")).items() if kind in _MESSAGES},
            {name: one for name, one in _there(told.get("papers")).items() if _PAPER.fullmatch(name)},
            _there(told.get("received")), _uploads(told.get("uploads")),
            [one for one in findings if isinstance(one, dict)] if isinstance(findings, list) else [])

    def register(self, data: bytes) -> bool:
        """Register a hand-over by the bytes of its message; false when it was registered by the same bytes before."""
        return self._post("/transfers", data, "application/json", (200, 201)).status == 201

    def put_paper(self, code: str, name: str, data: bytes) -> None:
        """Lay a paper of ours beside the registration; the same again changes nothing."""
        self.call("PUT", f"{_of(code)}/papers/{quote(name, safe='')}", body=data, good=(200, 201, 204), headers={
            "Content-Type": "application/pdf", "Idempotency-Key": _key("PUT", f"{code}/papers/{name}", data)})

    def finish(self, code: str, manifest: bytes, again: int = 0) -> None:
        """Say that the delivery of this list is whole: the other side counts it, outside of this request.

        `again`: how often the same list was refused before; saying it once more is another request then.
        """
        self._post(f"{_of(code)}/finish", manifest, "application/json", (200, 201, 202), again)

    def sign(self, code: str, name: str, data: bytes) -> None:
        """Give minutes back that our side signed."""
        self._post(f"{_of(code)}/signed/{quote(name, safe='')}", data, "application/pdf", (200, 201, 202, 204))

    def notices(self, after: int, wait: float = 0.0) -> tuple[list[dict[str, Any]], int]:
        """What became known since notice `after`, each `n`, `code`, `kind`; and after which to ask next.

        With nothing new it is waited for, `wait` seconds.
        """
        told = self.call("GET", f"/notices?after={after}&wait={wait:.0f}", most=MOST_STATE, wait=wait).json()
        found = told.get("notices")
        new = [one for one in found if isinstance(one, dict) and type(one.get("n")) is int] \
            if isinstance(found, list) else []
        return new, max([after, *(one["n"] for one in new)])

    # --- what comes back -----------------------------------------------------------------------------------

    def fetch_message(self, code: str, kind: str, told: There, target: Path) -> bool:
        """A message of the other side into `target`; whether its bytes are those that were told."""
        return self.fetch(f"{_of(code)}/messages/{kind}", told, target, MOST_MESSAGE)

    def fetch_paper(self, code: str, name: str, told: There, target: Path) -> bool:
        """A paper of the other side into `target`; whether its bytes are those that were told."""
        return self.fetch(f"{_of(code)}/papers/{quote(name, safe='')}", told, target, MOST_PAPER)

    def returns(self, code: str) -> dict[str, There]:
        """The packages that come back, by name."""
        told = self.call("GET", f"{_of(code)}/returns", most=MOST_STATE).json().get("returns")
        return _there({one["name"]: one for one in told or () if isinstance(one, dict) and isinstance(
            one.get("name"), str)} if isinstance(told, list) else {})

    def fetch_return(self, code: str, name: str, told: There, target: Path) -> bool:
        """A package that comes back into `target`; whether its bytes are those that were told."""
        return self.fetch(f"{_of(code)}/returns/{quote(name, safe='')}", told, target, told.size)

    def fetch(self, path: str, told: There, target: Path, most: int) -> bool:
        """Bring a file here, going on where an earlier try stopped; at `target` only when whole and as told.

        False, and nothing left, when its bytes are not those of `told`. Raises ServiceError, DeclinedError, OSError.
        """
        if told.size > most:
            raise ServiceError(_("The service at {host} sends more than it said; it was not taken.").format(
                host=self.host))
        if target.is_file() and hash_of(target) == told.sha256:
            return True
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_name(f".{told.sha256}.part")
        failures = 0
        while (size := part.stat().st_size if part.exists() else -1) < told.size:
            try:
                self._rest(path, told, part, max(size, 0))
            except DeclinedError:
                raise
            except ServiceError:
                if failures + 1 >= self.account.attempts:
                    raise
            if part.exists() and part.stat().st_size > size:
                failures = 0
            elif (failures := failures + 1) >= self.account.attempts:
                raise ServiceError(_("The service at {host} sends nothing more of {what}.").format(
                    host=self.host, what=path))
            else:
                self.pause(min(0.5 * 2 ** failures, 30.0))
        if part.stat().st_size != told.size or hash_of(part) != told.sha256:
            part.unlink()
            return False
        part.replace(target)
        fsync_folder(target.parent)
        return True

    def _rest(self, path: str, told: There, part: Path, size: int) -> None:
        """One request for what is missing of a file; what came stays even when the line breaks."""
        headers = {"Range": f"bytes={size}-", "If-Range": f'"{told.sha256}"'} if size else {}
        with part.open("ab") as stream:

            def into(status: int) -> IO[bytes]:
                if status == 200:       # the other side begins anew: so do we
                    stream.truncate(0)
                return stream

            answer = self.call("GET", path, headers=headers, most=told.size, sink=into, good=(200, 206), also=(416,),
                               tries=1)
            if answer.status == 416:
                stream.truncate(0)

    def _post(self, path: str, data: bytes, kind: str, good: Sequence[int], again: int = 0) -> Answer:
        return self.call("POST", path, body=data, good=good, headers={
            "Content-Type": kind, "Idempotency-Key": _key(f"POST {again}" if again else "POST", path, data)})


def _of(code: str) -> str:
    return f"/transfers/{quote(code, safe='')}"


def _key(method: str, path: str, data: bytes) -> str:
    """The same for the same request, also after a kill and from another process."""
    return hashlib.sha256(f"{method} {path}\n".encode() + hashlib.sha256(data).digest()).hexdigest()


def _there(told: Any) -> dict[str, There]:
    """Files by name, of an answer; what is not told as one is passed over."""
    return {name: There(one["sha256"], one["size"]) for name, one in told.items()
            if isinstance(one, dict) and isinstance(one.get("sha256"), str) and _HASH.fullmatch(one["sha256"])
            and type(one.get("size")) is int and one["size"] >= 0} if isinstance(told, dict) else {}


def _uploads(told: Any) -> dict[tuple[str, str], Upload]:
    found = {}
    for one in told if isinstance(told, list) else ():
        if isinstance(one, dict) and type(one.get("offset")) is int and one["offset"] >= 0 and \
                all(isinstance(one.get(key), str) for key in ("name", "sha256", "href")):
            identity = identity_of(one["href"])
            if identity:
                found[one["name"], one["sha256"]] = Upload(identity, one["offset"], one.get("whole") is True)
    return found


def identity_of(address: str) -> str:
    """The id of an upload in the address that the service tells; of the address nothing else is used."""
    last = address.rstrip("/").rpartition("/")[2]
    return last if _ID.fullmatch(last) else ""
