"""Text of received files, whatever their format: one reader a format, each under limits.

The face of this package is `read_part`. It must never change a received file, run what it holds or fetch what it
refers to.
"""

from __future__ import annotations

from pathlib import Path

from archive.settings import IngestSettings
from ingest.extract import libreoffice, opendocument, pdf, plain, sheets, slides, word
from ingest.extract.raw import RawText, Unreadable

__all__ = ["RawText", "Unreadable", "carries_text", "read_part"]

_OFFICE = {"docx": word.read, "docm": word.read, "xlsx": sheets.read, "xlsm": sheets.read, "pptx": slides.read,
           "pptm": slides.read, "odt": opendocument.read, "ods": opendocument.read, "odp": opendocument.read}
_PLAIN = {"txt": plain.read, "csv": plain.read, "xml": plain.read, "htm": plain.read_html, "rtf": plain.read_rtf}
_OLD = {"doc": word.read, "xls": sheets.read, "ppt": slides.read}


def carries_text(fmt: str) -> bool:
    """Whether files of this format (an id of formats.toml) hold text that can be read without recognising it."""
    return fmt == "pdf" or fmt in _OFFICE or fmt in _PLAIN or fmt in _OLD


def read_part(path: Path, fmt: str, settings: IngestSettings) -> RawText:
    """The text of one received file of format `fmt`.

    Raises Unreadable when it cannot be had, KeyError for a format that carries none.
    """
    if fmt == "pdf":
        return pdf.read(path, settings.max_pages)
    if fmt in _OFFICE:
        return _OFFICE[fmt](path, settings)
    if fmt in _OLD:
        return libreoffice.read(path, fmt, settings, _OLD[fmt])
    return _PLAIN[fmt](path)
