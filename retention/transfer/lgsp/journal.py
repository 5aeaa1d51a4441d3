"""The sender's own journal of a hand-over that goes through a service: one JSON line a step, never rewritten.

It remembers uploads that were begun, so that a killed sender goes on at the byte where it stopped, and tells people
what the line did. Nothing rests on it: without it the service is asked what it has.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from archive import clock
from archive.errors import LuuTruError
from archive.files import locked
from archive.i18n import _
from retention.transfer import objects

FOLDER = "lgsp"     # in the archive's folder: journals, and what was fetched


class InUseError(LuuTruError):
    """Another process sends or fetches for the same hand-over just now."""


class Journal:
    """The journal of the hand-over `code` of the archive at `root`."""

    def __init__(self, root: Path, code: str) -> None:
        self.place = Path(root) / FOLDER / f"{objects.check_code(code)}.jsonl"
        self.folder = self.place.with_suffix("")        # what was fetched for it

    def note(self, what: str, **told: Any) -> None:
        """Write a step down, on the disk when this returns. Raises OSError."""
        self.place.parent.mkdir(exist_ok=True)
        line = json.dumps({"at": clock.stamp(clock.now()), "what": what, **told}, ensure_ascii=False).encode() + b"\n"
        with self.place.open("ab") as stream:
            if stream.tell() and not self._ends_well():
                line = b"\n" + line         # a kill left half a line
            stream.write(line)
            stream.flush()
            os.fsync(stream.fileno())

    def steps(self) -> Iterator[dict[str, Any]]:
        """Every step in order; a half-written line is passed over."""
        if not self.place.is_file():
            return
        with self.place.open("rb") as stream:
            for line in stream:
                try:
                    told = json.loads(line)
                except ValueError:
                    continue
                if isinstance(told, dict) and isinstance(told.get("what"), str):
                    yield told

    def uploads(self) -> dict[tuple[str, str], str]:
        """Uploads that were begun: name and SHA-256 → the service's id of the newest."""
        return {(one["name"], one["sha256"]): one["id"] for one in self.steps() if one["what"] == "upload begun"}

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Send or fetch for this hand-over alone. Raises InUseError while another process does."""
        self.place.parent.mkdir(exist_ok=True)
        with self.place.with_suffix(".lock").open("wb") as handle:
            if not locked(handle.fileno()):
                raise InUseError(_("Another process sends or fetches for {code} just now.").format(
                    code=self.folder.name))
            yield

    def _ends_well(self) -> bool:
        with self.place.open("rb") as stream:
            stream.seek(-1, os.SEEK_END)
            return stream.read(1) == b"\n"
