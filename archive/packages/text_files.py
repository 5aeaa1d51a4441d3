"""Changed texts in packages: what persons corrected and later readings, as documentation beside the documents.

An AIP that is made when a case file is closed holds every layer in its place (representations/text/data). What came
after the closing lies beside the object and travels with the stored AIP; a reader (DIP) gets the text in use.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath

from archive import layout, text_layers
from archive.opening import Archive
from archive.packages.description import PackedFile
from archive.records import Record

FOLDER = "documentation/texts"
_MIME = {".txt": "text/plain", ".json": "application/json"}


def later_texts(archive: Archive, code: str) -> list[PackedFile]:
    """All layers of texts that changed after the case file was closed."""
    object_id = layout.texts_object(code)
    if not archive.store.has(object_id):
        return []
    return [_packed(archive, object_id, path) for path in sorted(archive.store.files(object_id))
            if path.startswith(layout.TEXT)]


def current_texts(archive: Archive, record: Record) -> Iterator[PackedFile]:
    """The text in use of a document, where it was corrected or read again."""
    if (told := text_layers.place_of(record, text_layers.CURRENT)) is not None:
        yield _packed(archive, told.get("object", layout.casefile_object(record["case_file"])), told["path"])


def _packed(archive: Archive, object_id: str, path: str) -> PackedFile:
    stored, held = archive.store.files(object_id)[path], archive.store.inventory(object_id)
    name = PurePosixPath(path)
    version = stored.place.relative_to(archive.store.folder(object_id)).parts[0]
    return PackedFile(f"{FOLDER}/{name.name}", stored.place, stored.size, stored.sha256,
                      _MIME.get(name.suffix, "application/octet-stream"), held.told["versions"][version]["created"],
                      "documentation", name.name, format_name=name.suffix[1:])
