"""Packages by the tus protocol (resumable uploads, tus.io 1.0.0) to the receiving archive's service: another `Carrier`.

The other side compares the file's SHA-256 when it is whole. Killed at any byte, the next run asks how far the upload
came and goes on there; an upload that the other side gave up is begun anew.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from pathlib import Path

from archive.i18n import _
from retention.transfer.carrying import NotDeliveredError
from retention.transfer.lgsp.journal import Journal
from retention.transfer.lgsp.service import DeclinedError, Service, State, Upload, identity_of
from retention.transfer.lgsp.wire import Answer, ServiceError
from retention.transfer.minutes import MINUTES

TUS = {"Tus-Resumable": "1.0.0"}
MANIFEST, REGISTRATION = "manifest.json", "registration.json"
_GONE, _BEHIND, _LOCKED, _CORRUPT = (404, 410), 409, 423, (422, 460)
_MOST_LOCKED = 60       # how often a lock of the line that was cut is waited for
Bytes = Callable[[str, int, int], None]     # what is on its way, bytes that arrived, bytes it has


class LgspCarrier:
    """Carries the files of one hand-over over the service; `bytes_` hears how far a file came.

    `manifest`: the SHA-256 of the list that ends the delivery; `taken`: of everything that was taken in from the other
    side. Where an earlier run ended this delivery already and it was not refused, nothing is carried any more.
    """

    def __init__(self, service: Service, journal: Journal, *, manifest: str = "", taken: Collection[str] = (),
                 bytes_: Bytes = lambda _name, _done, _size: None) -> None:
        self._service, self._journal, self._bytes = service, journal, bytes_
        self._ended = any(one["what"] == "finishing" and one.get("sha256") == manifest for one in journal.steps())
        self._taken = taken
        self._state: State | None = None
        self._here: set[tuple[str, str]] = set()        # arrived whole, as this run has seen

    def put(self, request: str, name: str, source: Path, sha256: str) -> bool:
        """As `Carrier.put`: packages and papers as uploads, the list of them as the end of the delivery."""
        if name == REGISTRATION or name in MINUTES or (name, sha256) in self._here or self._delivered(request):
            return False
        if name == MANIFEST:
            self._journal.note("finishing", sha256=sha256)
            again = sum(one["what"] == "delivery again" for one in self._journal.steps())
            self._service.finish(request, source.read_bytes(), again)
            self._journal.note("finished", sha256=sha256)
            new = self._ended = True
        elif (held := self._known(request).received.get(name)) is not None and held.sha256 == sha256:
            new = False         # letter and list lie beside the registration
        else:
            new = self._upload(request, name, source, sha256)
        self._here.add((name, sha256))
        return new

    def arrived(self, request: str) -> Mapping[str, Path]:
        """The packages that came back, fetched and whole (TT 05/2025/TT-BNV Đ25), by name; raises ServiceError."""
        found = {}
        for name, told in self._service.returns(request).items():
            if "/" in name or name.startswith("."):
                continue
            target = self._journal.folder / "returned" / name
            if self._service.fetch_return(request, name, told, target):
                found[f"returned/{name}"] = target
        return found

    def _delivered(self, code: str) -> bool:
        """Whether an earlier run ended this delivery already, and the other side did not refuse it."""
        if not self._ended:
            return False
        there = self._known(code)
        receipt = there.messages.get("receipt")
        if there.state != "uploaded" and (receipt is None or receipt.sha256 in self._taken):
            self._journal.note("delivery again", state=there.state)
            self._ended = False
        return self._ended

    # --- one upload ----------------------------------------------------------------------------------------

    def _upload(self, code: str, name: str, source: Path, sha256: str) -> bool:
        """Bring one file over; false when it lay there whole. Raises NotDeliveredError, ServiceError."""
        size, failures, locked = source.stat().st_size, 0, 0
        upload = self._begin(code, name, sha256, size)
        if upload.whole:
            return False
        with source.open("rb") as stream:
            while upload.offset < size:
                self._bytes(name, upload.offset, size)
                stream.seek(upload.offset)
                piece = stream.read(self._service.account.piece)
                end, status = upload.offset + len(piece), 0
                failures += 1
                try:
                    answer = self._patch(upload, piece)
                except DeclinedError:
                    raise
                except ServiceError as error:
                    why = str(error)
                    if failures >= self._service.account.attempts:
                        raise
                else:
                    status = answer.status
                    if status == _LOCKED and (locked := locked + 1) < _MOST_LOCKED:
                        failures -= 1       # the other side has not seen yet that our last line was cut
                        self._service.pause(2.0)
                        continue
                    if status in (200, 204) and _offset(answer) == end:
                        upload, failures = replace(upload, offset=end), 0
                        continue
                    why = f"HTTP {status} {answer.said()}".strip()
                    if failures >= self._service.account.attempts:
                        raise DeclinedError(f"PATCH {name}", answer)
                self._journal.note("tried again", name=name, offset=upload.offset, why=why[:300])
                self._service.pause(min(0.5 * 2 ** (failures - 1), 60.0))
                there = self._ask(upload.id)
                if there is None and end >= size and status in _CORRUPT:
                    raise NotDeliveredError(name)       # whole, and not what was sent: the other side dropped it
                if there is not None and (there.offset > size or (there.offset == size and status in _CORRUPT)):
                    raise NotDeliveredError(name)
                upload = there or self._begin(code, name, sha256, size, anew=True)
        self._bytes(name, size, size)
        self._journal.note("upload whole", name=name, sha256=sha256, size=size)
        return True

    def _patch(self, upload: Upload, piece: bytes) -> Answer:
        # Without a checksum of its own: half a piece that a cut leaves there then counts, and need not come again.
        return self._service.call("PATCH", f"/uploads/{upload.id}", body=piece, tries=1, good=(200, 204),
                                  also=(*_GONE, *_CORRUPT, _BEHIND, _LOCKED), headers={
                                      **TUS, "Content-Type": "application/offset+octet-stream",
                                      "Upload-Offset": str(upload.offset)})

    def _begin(self, code: str, name: str, sha256: str, size: int, *, anew: bool = False) -> Upload:
        """What of the file is there: by our journal, by what the service says, else a new upload."""
        if not anew:
            held = self._journal.uploads().get((name, sha256)) or getattr(
                self._known(code).uploads.get((name, sha256)), "id", "")
            if held and (there := self._ask(held)) is not None and there.offset <= size:
                self._journal.note("upload resumed", name=name, id=held, offset=there.offset, size=size)
                return replace(there, whole=there.offset == size)
        told = ",".join(f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in (
            ("name", name), ("sha256", sha256)))
        answer = self._service.call("POST", f"/transfers/{code}/uploads", good=(200, 201), headers={
            **TUS, "Upload-Length": str(size), "Upload-Metadata": told})
        identity = identity_of(answer.headers.get("location", ""))
        offset = _offset(answer) or 0
        if answer.status == 200 and offset == size:
            return Upload(identity, size, whole=True)
        if not identity:
            raise ServiceError(_("The service at {host} began an upload without saying which.").format(
                host=self._service.host))
        self._journal.note("upload begun", name=name, sha256=sha256, size=size, id=identity, offset=offset)
        return Upload(identity, min(offset, size))

    def _ask(self, identity: str) -> Upload | None:
        """How far an upload came; None when the service does not have it any more, or dropped it for a wrong hash."""
        answer = self._service.call("HEAD", f"/uploads/{identity}", headers=TUS, good=(200, 204),
                                    also=(*_GONE, *_CORRUPT))
        offset = _offset(answer)
        return Upload(identity, offset) if answer.status in (200, 204) and offset is not None else None

    def _known(self, code: str) -> State:
        if self._state is None:
            self._state = self._service.state(code) or State("")
        return self._state


def _offset(answer: Answer) -> int | None:
    said = answer.headers.get("upload-offset", "")
    return int(said) if said.isdecimal() and len(said) < 19 else None
