"""Signatures inside files that are neither PDF nor CMS: office files, XML, and the compound files of older Office.

Must never call a file unsigned when it carries a signature that this program cannot check.
"""

from __future__ import annotations

import mmap
from datetime import datetime
from pathlib import Path

from archive.findings import finding
from ingest import compound, formats
from ingest.signatures.office import verify_office
from ingest.signatures.report import DocumentSignatures, SignatureReport
from ingest.signatures.trust import TrustLists
from ingest.signatures.xmlfiles import verify_xml

_XML = frozenset({"xml", "edxml", "svg"})
# How Office 97–2003 names the storages of its signatures, as a directory entry spells them.
_OLE_MARKS = tuple(name.encode("utf-16-le") + b"\0\0" for name in ("_xmlsignatures", "_signatures"))


def verify_other(path: Path, trust: TrustLists, received_at: datetime, name: str = "") -> DocumentSignatures | None:
    """Find and judge every signature inside the file at `path`, by what its content is; None where there is none.

    `received_at` (aware) is when the file came to us; `name` is what people call it. Reads only. Raises OSError when
    the file cannot be opened; anything wrong inside it is in the result.
    """
    with path.open("rb") as stream:
        head = stream.read(8)
    if head.startswith(b"PK"):
        return verify_office(path, trust, received_at, name)
    if head.startswith(compound.MAGIC):
        return _compound(path, trust, received_at, name)
    if formats.identify(path).format.id in _XML:
        return verify_xml(path, trust, received_at, name)
    return None


def _compound(path: Path, trust: TrustLists, received_at: datetime, name: str) -> DocumentSignatures | None:
    """Files of Office 97–2003: whether there is a signature is seen; what it is worth is not."""
    with path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as view:
        if all(view.find(mark) < 0 for mark in _OLE_MARKS):
            return None
    result = DocumentSignatures(name or path.name, received_at=received_at, trust_version=trust.version,
                                trust_lists=trust.names)
    report = SignatureReport(name="OLE", kind="unsupported", subfilter="OLE")
    report.reasons.append(finding("VERIFY-061", result.file, signer="OLE", kind="Office 97–2003 (OLE)"))
    result.signatures.append(report)
    result.finders["bytes"] = 1
    return result
