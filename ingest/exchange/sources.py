"""Where messages come from: one interface for every source, and the simplest of them, a folder.

A source lists what waits, gives the bytes of one message, and is told when they are kept. It must never confirm by
itself, and a message that was not confirmed must be listed again.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol

from archive.errors import LuuTruError
from archive.files import fsync_folder
from ingest.copying import hash_file, safe_name

DONE = "da-nhan"        # sub-folder of a folder source: what was fetched
_CHUNK = 1 << 20


class ExchangeError(LuuTruError):
    """The other side could not be reached, or did not answer as it should; nothing was lost."""


class UnreachableError(ExchangeError):
    """The other side cannot be reached at all: what else waits need not be tried now."""


@dataclass(frozen=True, slots=True)
class Listed:
    """One message that waits at a source; `sha256` where the source tells it. `kind`: "edoc" (document) or "status"."""

    id: str
    name: str = ""
    size: int = 0
    sha256: str = ""
    kind: str = "edoc"


class Source(Protocol):
    """A place that messages are fetched from. `name` tells sources apart for ever; it stands in the ledger."""

    name: str

    def list(self) -> Sequence[Listed]:
        """What waits, oldest first. Raises ExchangeError."""

    def get(self, one: Listed, sink: IO[bytes]) -> None:
        """Write the message's bytes into `sink`, in pieces. May be called again. Raises ExchangeError."""

    def confirm(self, one: Listed) -> None:
        """Tell the source that the bytes are kept; it may be told twice. Raises ExchangeError."""


class Folder:
    """A folder into which another program drops messages; what is confirmed is moved into `da-nhan`, never removed."""

    def __init__(self, folder: Path, name: str = "folder") -> None:
        self.folder, self.name = folder, name

    def list(self) -> Sequence[Listed]:
        """The files that lie there, hidden ones and links passed over; the content is part of the id."""
        found = []
        try:
            entries = sorted(self.folder.iterdir())
        except OSError as error:
            raise ExchangeError(f"{self.folder}: {error.strerror}") from error
        for path in entries:
            if path.name.startswith(".") or path.is_symlink() or not path.is_file():
                continue
            copied = hash_file(path)
            found.append(Listed(f"{safe_name(path.name)}:{copied.sha256[:16]}", path.name, copied.size, copied.sha256))
        return found

    def get(self, one: Listed, sink: IO[bytes]) -> None:
        """The file's bytes."""
        try:
            handle = os.open(self.folder / one.name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError as error:
            raise ExchangeError(f"{one.name}: {error.strerror}") from error
        with os.fdopen(handle, "rb") as stream:
            while chunk := stream.read(_CHUNK):
                sink.write(chunk)

    def confirm(self, one: Listed) -> None:
        """Move the file away, if it is still the one that was fetched."""
        path, done = self.folder / one.name, self.folder / DONE
        if not path.is_file() or hash_file(path).sha256 != one.sha256:
            return
        done.mkdir(exist_ok=True)
        target = done / one.name
        if target.exists():
            target = done / f"{hashlib.sha256(one.id.encode()).hexdigest()[:12]}-{one.name}"
        path.replace(target)
        fsync_folder(done)
