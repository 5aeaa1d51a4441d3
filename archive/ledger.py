"""The ledger: an append-only, hash-chained log of everything that was done to the records.

One JSON object a line, in files by month under the store's `ledger/` folder. Every line carries the hash
of the one before, so that nothing can be changed, left out or put in between without breaking the chain.
Lines are never changed; a torn last line of a killed writer was never acknowledged and is cut off.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from archive import clock
from archive.errors import IntegrityError, OwnershipLostError
from archive.files import fsync_folder
from archive.i18n import _

GENESIS = "0" * 64
ACTOR = "luutru"


@dataclass(frozen=True, slots=True)
class Entry:
    """An event that is to be written: what was done (`kind`) to what (`subject`), with `data`.

    `key` makes it unique for ever: writing an entry whose key the ledger has is a mistake of the caller,
    who asks the catalogue first (Catalogue.record).
    """

    kind: str
    subject: str
    data: Mapping[str, Any]
    key: str
    actor: str = ACTOR


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the ledger as it stands in the file."""

    seq: int
    key: str
    at: str
    kind: str
    subject: str
    actor: str
    data: dict[str, Any]
    prev: str
    hash: str


def event_key(kind: str, subject: str, *more: str) -> str:
    """The key of an event that can happen once to `subject` (or once for each of `more`)."""
    return hashlib.sha256("\x1f".join((kind, subject, *more)).encode()).hexdigest()[:40]


def line_hash(body: Mapping[str, Any]) -> str:
    """SHA-256 (hex) over the canonical JSON of a line without its own hash (sorted keys, no blanks, UTF-8)."""
    return hashlib.sha256(_canonical(body)).hexdigest()


def line_bytes(line: Line) -> bytes:
    """The bytes whose SHA-256 is the line's hash: its canonical JSON without the hash itself."""
    return _canonical({name: getattr(line, name) for name in Line.__slots__ if name != "hash"})


class Ledger:
    """The ledger of one store: anyone may read it at any time, one writes at a time, after `take_over`.

    `still`: asked before each writing, whether the archive is still ours (another machine may have taken it over).
    Raises IntegrityError when the last line does not carry its own hash.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.still: Callable[[], bool] = lambda: True
        self._unsure = False        # whether a writing broke off, so that the file may hold more than we know
        folder.mkdir(parents=True, exist_ok=True)
        self.seq: int = 0
        self.head: str = GENESIS
        self._read_end()

    def take_over(self) -> None:
        """Become the writer (the caller owns the archive): cut off a torn last line, read where the ledger ends now.

        Only the owner may cut: to a reader the line that another process is just writing looks torn too.
        """
        for file in self._files()[-1:]:
            raw = _tail(file)
            torn = len(raw) - (raw.rfind(b"\n") + 1)
            if torn:
                with file.open("r+b") as stream:
                    stream.truncate(file.stat().st_size - torn)
                    os.fsync(stream.fileno())
        self._read_end()

    def look_again(self) -> None:
        """Read where the ledger ends now: another process may have written since. Raises IntegrityError."""
        self._read_end()

    def settle(self) -> None:
        """After a writing that ended with an error: what of it lies in the file counts, as after a kill.

        Raises OSError as long as the disk does not take it.
        """
        if not self._unsure:
            return
        for file in self._files()[-1:]:
            with file.open("rb") as stream:
                os.fsync(stream.fileno())
        self.take_over()
        self._unsure = False

    def append(self, entries: Iterable[Entry]) -> list[Line]:
        """Write `entries` in order and return them as lines; on the disk when this returns.

        Raises OwnershipLostError when the archive is not ours any more; then nothing was written.
        """
        self.settle()
        lines: list[Line] = []
        seq, head = self.seq, self.head
        at = clock.now()
        # A clock that was set back must not put a line into an older file than the last one.
        name = max([f"{clock.in_vietnam(at):%Y-%m}.jsonl", *(known.name for known in self._files()[-1:])])
        file = self.folder / name
        chunk: list[bytes] = []
        for entry in entries:
            seq += 1
            body = {"seq": seq, "key": entry.key, "at": clock.stamp(at), "kind": entry.kind, "subject": entry.subject,
                    "actor": entry.actor, "data": dict(entry.data), "prev": head}
            head = line_hash(body)
            lines.append(Line(**body, hash=head))  # type: ignore[arg-type]
            chunk.append(_canonical({**body, "hash": head}) + b"\n")
        if not lines:
            return []
        if not self.still():
            raise OwnershipLostError(_("the connection to the database that held the archive for us was lost"))
        new = not file.exists()
        self._unsure = True
        with file.open("ab") as stream:
            stream.write(b"".join(chunk))
            stream.flush()
            os.fsync(stream.fileno())
        if new:
            fsync_folder(self.folder)
        self.seq, self.head, self._unsure = seq, head, False
        return lines

    def lines(self, after: int = 0) -> Iterator[Line]:
        """The lines with a number greater than `after`, in order, as they stand (their hashes are not computed).

        Raises IntegrityError for what is no line of a ledger.
        """
        for file in self._files():
            with file.open("rb") as stream:
                for number, raw in enumerate(stream, 1):
                    if not raw.endswith(b"\n"):
                        continue
                    line = _parsed(raw)
                    if line is None:
                        raise IntegrityError(_("{place}: not a line of the ledger").format(
                            place=f"{file.name}:{number}"))
                    if line.seq > after:
                        yield line

    def check(self) -> Iterator[str]:
        """Walk the whole chain; yield a sentence for each break (none: the ledger is whole)."""
        for _line, faults in self.examine():
            yield from faults

    def examine(self) -> Iterator[tuple[Line | None, list[str]]]:
        """Walk the whole chain: each line (None: not one) with a sentence for everything that is wrong there."""
        seq, head = 0, GENESIS
        for file in self._files():
            with file.open("rb") as stream:
                for number, raw in enumerate(stream, 1):
                    place, line = f"{file.name}:{number}", _parsed(raw)
                    if line is None:
                        yield None, [_("{place}: not a line of the ledger").format(place=place)]
                        continue
                    faults = []
                    if not _has_its_hash(line, raw):
                        faults.append(_("{place}: the line was changed (event {event})").format(
                            place=place, event=line.seq))
                    if line.prev != head or line.seq != seq + 1:
                        faults.append(_("{place}: the chain is broken before event {event}").format(
                            place=place, event=line.seq))
                    yield line, faults
                    seq, head = line.seq, line.hash

    def _files(self) -> list[Path]:
        return sorted(self.folder.glob("*.jsonl"))

    def _read_end(self) -> None:
        self.seq, self.head = 0, GENESIS
        for file in reversed(self._files()):
            raw = _tail(file)
            whole = raw[:raw.rfind(b"\n") + 1].rstrip(b"\n")
            if not whole:
                continue
            line = _parsed(whole.rsplit(b"\n", 1)[-1])
            if line is None or not _has_its_hash(line, whole.rsplit(b"\n", 1)[-1]):
                said = _("{place}: the last line of the ledger was changed; nothing can be written after it")
                raise IntegrityError(said.format(place=file))
            self.seq, self.head = line.seq, line.hash
            return


def _canonical(body: Mapping[str, Any]) -> bytes:
    return json.dumps(body, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def _parsed(raw: bytes) -> Line | None:
    """The line that `raw` holds; None for anything else."""
    try:
        data = json.loads(raw)
        line = Line(**data)
    except (ValueError, TypeError, RecursionError):
        return None
    texts = (line.key, line.at, line.kind, line.subject, line.actor, line.prev, line.hash)
    right = type(line.seq) is int and isinstance(line.data, dict) and all(isinstance(one, str) for one in texts)
    return line if right else None


def _has_its_hash(line: Line, raw: bytes) -> bool:
    try:
        # As we write a line, its own hash cut out leaves the bytes that were hashed; else they are put together anew.
        head, _hash, tail = raw.rstrip(b"\n").partition(f',"hash":"{line.hash}"'.encode())
        return (hashlib.sha256(head + tail).hexdigest() == line.hash
                or hashlib.sha256(line_bytes(line)).hexdigest() == line.hash)
    except UnicodeEncodeError:      # half a character, which no writer of ours can have written
        return False


def _tail(file: Path) -> bytes:
    """The end of a file: at least its last two lines where it has as many, so that one is whole."""
    size = file.stat().st_size
    step = 1 << 20
    with file.open("rb") as stream:
        while True:
            stream.seek(max(0, size - step))
            raw = stream.read()
            if raw.count(b"\n") >= 2 or step >= size:
                return raw
            step *= 4
