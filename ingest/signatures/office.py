"""Signatures inside office files (OOXML, OpenDocument): seen, never judged here.

Must never call such a file unsigned when it carries a signature that this program cannot check.
"""

from __future__ import annotations

import zipfile
from pathlib import Path


def office_signature(path: Path) -> str:
    """The kind of signature inside the office file at `path`, or "" for none. Reads only the list of entries."""
    try:
        if not zipfile.is_zipfile(path):
            return ""
        with zipfile.ZipFile(path) as package:
            names = package.namelist()
    except (OSError, zipfile.BadZipFile, ValueError, NotImplementedError):
        return ""           # the check stage reports damaged containers
    if any(name.lower().startswith("_xmlsignatures/") and name.lower().endswith(".xml") for name in names):
        return "OOXML (XMLDSig)"
    if "META-INF/documentsignatures.xml" in names:
        return "OpenDocument (XMLDSig)"
    return ""
