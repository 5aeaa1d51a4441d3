"""Papers of a batch or a hand-over as they lie in the store: hashed before they leave, and noted for the ledger."""

from __future__ import annotations

import hashlib
from pathlib import PurePosixPath

from fastapi import HTTPException
from fastapi.responses import FileResponse

from archive.errors import IntegrityError
from web.people import Person
from web.site import Site

KINDS = {"pdf": "application/pdf", "json": "application/json", "docx":
         "application/vnd.openxmlformats-officedocument.wordprocessingml.document"}
SHOWN = ("pdf",)        # what a browser may show itself


def answer(site: Site, who: Person, object_id: str, path: str, subject: str, folders: tuple[str, ...]) -> FileResponse:
    """One file of the object `object_id` that lies in one of `folders`. Raises 404, IntegrityError."""
    held = site.archive.store.files(object_id)
    if path not in held or path.partition("/")[0] not in folders:
        raise HTTPException(404)
    stored = held[path]
    with stored.place.open("rb") as stream:
        if hashlib.file_digest(stream, "sha512").hexdigest() != stored.sha512:
            raise IntegrityError(f"{object_id}: {stored.path}")
    place = PurePosixPath(path)
    ending = place.suffix.lstrip(".").lower()
    site.note("downloaded", subject, who, path=path, name=place.name, sha256=stored.sha256)
    response = FileResponse(
        stored.place, media_type=KINDS.get(ending, "application/octet-stream"), filename=f"{subject}-{place.name}",
        content_disposition_type="inline" if ending in SHOWN else "attachment")
    # What came from outside runs nothing here; a PDF viewer does not start in a sandbox.
    response.headers["content-security-policy"] = (
        "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:; object-src 'self'; frame-ancestors 'none'"
        + ("" if ending == "pdf" else "; sandbox"))
    return response
