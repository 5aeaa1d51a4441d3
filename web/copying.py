"""Copies marked BẢN SAO (archive/forms/copies.py), made in a process of its own with limits of time and memory.

Files that came from strangers are taken apart for it: what they do is their own affair, not the portal's.
"""

from __future__ import annotations

import json
import sys
import tempfile
import threading
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from archive import clock, layout, outside, text_layers
from archive.errors import UsageError
from archive.findings import Finding, finding
from archive.forms.copied_pages import Source
from archive.forms.copies import Stamp, copy
from archive.i18n import _, language
from archive.opening import Archive
from archive.records import Record

FORMATS = frozenset({"pdf", "jpg", "jpeg", "png", "tif", "tiff", "bmp", "gif"})
"""Endings of files that become pages; the rest of a document stays out of its copy, and people are told so."""

_SECONDS, _MEMORY_MB, _FILE_MB = 60.0, 3072, 512
_ROOT = Path(__file__).resolve().parents[1]
_turn = threading.Semaphore(2)      # each takes a processor for a moment


@dataclass(frozen=True, slots=True)
class Copy:
    """A copy as PDF, its pages, and what was found of files that are not in it."""

    pdf: bytes
    pages: int
    findings: tuple[Finding, ...]


def can_be_copied(record: Record) -> tuple[bool, list[str]]:
    """Whether anything of a document can become pages, and the names of the files that cannot."""
    named = [(file["name"], _format(file["path"]) in FORMATS) for _part, file in text_layers.parts(record)]
    return any(good for _name, good in named), [name for name, good in named if not good]


def copy_of(archive: Archive, record: Record, for_whom: str, now: datetime) -> Copy:
    """The copy of a document's received files. Raises UsageError, with the reason, where none can be made."""
    with tempfile.TemporaryDirectory(prefix="luutru-") as folder:
        room = Path(folder)
        sources = []
        for number, file in text_layers.parts(record):
            ending = _format(file["path"])
            place = room / f"{number}.{ending}"
            archive.store.export(layout.casefile_object(record["case_file"]), file["path"], place)
            sources.append(Source(file["name"], place, ending))
        day = f"{clock.in_vietnam(now):%H:%M ngày %d/%m/%Y}"
        # The paper is Vietnamese whatever language the page speaks.
        lines = (f"{record['code']} · sao từ tài liệu lưu trữ lúc {day} cho {for_whom}",
                 "Chữ ký số của bản gốc không kiểm tra được trong bản sao")
        return made(record["code"], sources, Stamp(archive.settings.agency.name, lines), now)


def made(subject: str, sources: Sequence[Source], stamp: Stamp, now: datetime) -> Copy:
    """The copy of some files with `stamp` on its pages; raises as `copy_of`."""
    if not any(one.format in FORMATS for one in sources):       # then no process is needed to find that out
        raise UsageError(_("No copy of this document can be made: {why}").format(why="; ".join(
            finding("READING-014", subject, name=one.name, format=one.format).sentence(language())
            for one in sources)))
    with _turn, tempfile.TemporaryDirectory(prefix="luutru-") as folder:
        room = Path(folder)
        asked = {"subject": subject, "stamp": asdict(stamp), "made": clock.stamp(now),
                 "sources": [{"name": one.name, "path": str(one.path.resolve()), "format": one.format}
                             for one in sources],
                 "target": str(room / "copy.pdf"), "told": str(room / "told.json")}
        try:
            ended = outside.run([sys.executable, "-m", "web.copying", json.dumps(asked)],
                                outside.Limits(_SECONDS, _MEMORY_MB, _FILE_MB), room,
                                {"PYTHONPATH": str(_ROOT), "PYTHONDONTWRITEBYTECODE": "1"})
        except outside.TooLongError as late:
            raise UsageError(_("No copy of this document can be made: {why}").format(why=late)) from late
        if ended.code != 0:
            why = (ended.said.strip().splitlines() or [f"exit code {ended.code}"])[-1]
            raise UsageError(_("No copy of this document can be made: {why}").format(why=why))
        told = json.loads((room / "told.json").read_bytes())
        findings = tuple(Finding.from_dict(one) for one in told["findings"])
        if not told["pages"]:
            raise UsageError(_("No copy of this document can be made: {why}").format(
                why="; ".join(one.sentence(language()) for one in findings)))
        return Copy((room / "copy.pdf").read_bytes(), told["pages"], findings)


def _format(path: str) -> str:
    return path.rpartition(".")[2].lower()


# --- in the process of its own --------------------------------------------------------------------------------


def _main(asked: dict[str, Any]) -> int:
    pdf, pages, findings = copy(
        asked["subject"], [Source(one["name"], Path(one["path"]), one["format"]) for one in asked["sources"]],
        Stamp(**{**asked["stamp"], "lines": tuple(asked["stamp"]["lines"])}), made=clock.parse(asked["made"]))
    Path(asked["target"]).write_bytes(pdf)
    Path(asked["told"]).write_text(json.dumps({"pages": pages, "findings": [one.as_dict() for one in findings]}))
    return 0


if __name__ == "__main__":
    sys.exit(_main(json.loads(sys.argv[1])))
