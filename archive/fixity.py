"""Fixity: does the store hold what it says it holds, and all that the ledger says was put into it.

Reads everything and changes nothing (but that a put which a kill interrupted is finished first). The caller owns
the archive, so that no night writes meanwhile.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from archive import layout
from archive.errors import IntegrityError
from archive.i18n import _
from archive.opening import Archive

Progress = Callable[[int, int], None]


def faults(archive: Archive, progress: Progress = lambda *_: None) -> Iterator[str]:
    """A sentence for each thing that is not as it was written: ledger, objects, files, waiting items."""
    for fault in archive.ledger.check():
        yield _("ledger: {fault}").format(fault=fault)
    expected, waiting = _what_the_ledger_says(archive)
    held: set[str] = set()
    folders = archive.store.folders()
    for n, folder in enumerate(folders, 1):
        try:
            object_id = archive.store.id_of(folder)
        except (IntegrityError, OSError, ValueError, KeyError) as error:
            yield _("{object}: the object cannot be read ({error})").format(
                object=folder.relative_to(archive.store.root), error=error)
            continue
        held.add(object_id)
        yield from archive.store.verify(object_id)
        yield from _missing_files(archive, object_id, expected.get(object_id, {}))
        progress(n, len(folders))
    for object_id in sorted(set(expected) - held):
        yield _("{object}: the ledger says that it was stored, but it is not in the store").format(object=object_id)
    yield from _waiting_items(archive, waiting)


def missing_objects(archive: Archive) -> list[str]:
    """The objects that the ledger says were stored and that are not in the store."""
    expected, _waiting = _what_the_ledger_says(archive)
    return sorted(object_id for object_id in expected if not archive.store.has(object_id))


def _what_the_ledger_says(archive: Archive) -> tuple[dict[str, dict[str, str]], dict[str, dict[str, Any]]]:
    """The files of each object by their SHA-256, and the items whose bytes should lie in the intake area."""
    expected: dict[str, dict[str, str]] = {}
    waiting: dict[str, dict[str, Any]] = {}
    for line in archive.ledger.lines():
        match line.kind:
            case "stored":
                files = expected.setdefault(layout.casefile_object(line.data["case_file"]), {})
                files.update(line.data["files"])
                waiting.pop(line.subject, None)
            case "fonds_opened":
                expected.setdefault(layout.fonds_object(line.subject), {})
            case "casefile_closed":
                expected.setdefault(layout.casefile_object(line.subject), {})["METS.xml"] = line.data["mets"]
            case "casefile_reopened":
                expected.setdefault(layout.casefile_object(line.subject), {}).pop("METS.xml", None)
            case "received":
                waiting[line.subject] = line.data
            case "duplicate" | "kept_out" | "list_received" | "package_received":
                waiting.pop(line.subject, None)
    return expected, waiting


def _missing_files(archive: Archive, object_id: str, expected: dict[str, str]) -> Iterator[str]:
    held = archive.store.files(object_id)
    for path, sha256 in sorted(expected.items()):
        if path not in held:
            yield _("{object}: {path} was stored, but is not in the object").format(object=object_id, path=path)
        elif held[path].sha256 and held[path].sha256 != sha256:
            yield _("{object}: {path} is not the file that the ledger says was stored").format(
                object=object_id, path=path)


def _waiting_items(archive: Archive, waiting: dict[str, dict[str, Any]]) -> Iterator[str]:
    for item, data in sorted(waiting.items()):
        place = layout.intake_folder(archive.settings) / item / "received"
        files = sorted(path for path in place.glob("*") if path.is_file()) if place.is_dir() else []
        if data["sha256"] not in map(_sha256, files):
            yield _("intake {item}: the received bytes of {name} are not there any more").format(
                item=item, name=data["name"])


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
