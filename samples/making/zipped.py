"""Writes ZIP-based files (DOCX, XLSX, the container of edXML) so that the same content gives the same bytes."""

from __future__ import annotations

import io
import re
import zipfile

FIXED = (2026, 11, 18, 8, 0, 0)
STAMP = b"2026-11-18T01:00:00Z"
_DATES = re.compile(rb"(<dcterms:(created|modified)[^>]*>)[^<]*(<)")


def steady(packed: bytes) -> bytes:
    """The ZIP file `packed` with every date in it fixed, so that it does not tell when it was made."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(packed)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for entry in old.infolist():
            body = old.read(entry)
            if entry.filename == "docProps/core.xml":
                body = _DATES.sub(rb"\g<1>" + STAMP + rb"\g<3>", body)
            new.writestr(_entry(entry.filename), body)
    return out.getvalue()


def wrapped(name: str, body: bytes) -> bytes:
    """`body` as the only entry, called `name`, of a ZIP: how the software kit of the document axis attaches files."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr(_entry(name), body)
    return out.getvalue()


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, FIXED)
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.external_attr = 0o644 << 16
    return entry
