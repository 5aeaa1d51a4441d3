"""PDF/A and the seal: an addition that spoils nothing, whether a file claims to be PDF/A, and whether that holds.

The check is pikepdf's validator. A claim without a check is no pass: what cannot be checked is a fault that is named.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter

_PART = re.compile(rb"pdfaid:part(?:\s*=\s*[\"']|[^>]*>)\s*(\d)")
# What a seal brings and the validator does not know; none of it is drawn.
_BESIDE = ("/AcroForm", "/DSS", "/Extensions", "/Perms")
_PRINT, _UNSEEN = 0b100, 0b100011       # print; invisible, hidden, not viewed
_CONFORMANCE = re.compile(rb"pdfaid:conformance(?:\s*=\s*[\"']|[^>]*>)\s*([A-Za-z])")


class Addition(IncrementalPdfFileWriter):
    """An addition that leaves the file's description alone: the library would write its own name and the hour, and
    raise the version, into what PDF/A wants to agree with the metadata."""

    output_version = (1, 4)
    first_part = False          # PDF/A-1 knows no version but 1.4, and no extensions

    def _update_meta(self) -> None:
        pass

    def ensure_output_version(self, version: Any) -> None:
        """Raise the version where the file may have a higher one."""
        if not self.first_part:
            super().ensure_output_version(version)  # type: ignore[no-untyped-call]

    def register_extension(self, ext: Any) -> None:
        """Name the extensions that PAdES uses, where the file may have any."""
        if not self.first_part:
            super().register_extension(ext)


@dataclass(frozen=True, slots=True)
class Claim:
    """The PDF/A part and conformance that a file states; part 0: none."""

    part: int = 0
    conformance: str = ""

    @property
    def level(self) -> str:
        """Such as "2B"; empty where the file claims nothing."""
        return f"{self.part}{self.conformance}" if self.part else ""


def claim_of(reader: Any) -> Claim:
    """What the metadata of pyHanko's `reader` state. Raises of every kind on damaged files."""
    if "/Metadata" not in reader.root:
        return Claim()
    data: bytes = reader.root["/Metadata"].data
    part, conformance = _PART.search(data), _CONFORMANCE.search(data)
    return Claim(int(part[1]), conformance[1].decode().upper() if conformance else "") if part else Claim()


def faults(path: Path, claim: Claim) -> list[str]:
    """Why the file is not the PDF/A that it claims to be; empty: it is.

    Levels A and U are checked as B of the same part: what they ask beyond it, a seal does not touch. The validator
    does not know forms and security stores: it judges the file as it lies, and once more with all that annotations
    show drawn into the pages; the rules for annotations and forms are looked at here. Memory: objects, not pictures.
    """
    import pikepdf

    from ingest.pdfa import pdfa as load_pdfa

    pdfa, flavour = load_pdfa(), f"{claim.part}b"
    try:
        as_it_lies = pdfa.validate_written(path, flavour)
        found = [one.message for one in as_it_lies.findings if one.kind == "violation"]
        with pikepdf.open(path) as pdf:
            found += _forms(pdf)
            pdf.flatten_annotations("all")
            for key in [key for key in _BESIDE if key in pdf.Root]:
                del pdf.Root[key]
            for page in pdf.pages:
                if "/Annots" in page:
                    del page["/Annots"]
            found += [one.message for one in pdfa.check(pdf, flavour).findings]
    except Exception as error:      # of every kind on damaged files; what was not checked is no pass
        return [f"PDF/A-{claim.level}: {error}"]
    return sorted(set(found))


def _forms(pdf: Any) -> list[str]:
    """What ISO 19005-1 6.5.3, 6.9 and ISO 19005-2 6.3, 6.4 forbid of annotations and forms."""
    found = []
    form = pdf.Root.get("/AcroForm") or {}
    if form.get("/NeedAppearances", False) or "/XFA" in form:
        found.append("/AcroForm asks for appearances to be made, or holds XFA")
    for page in pdf.pages:
        for note in page.get("/Annots") or []:
            kind = str(note.get("/Subtype", ""))
            flags = int(note.get("/F", 0))
            if kind == "/Popup":
                continue
            if not flags & _PRINT or flags & _UNSEEN:
                found.append(f"{kind}: /F {flags} does not print or is hidden")
            shown = note.get("/AP")
            if shown is not None and set(shown) != {"/N"}:
                found.append(f"{kind}: /AP has more than /N")
            if kind == "/Widget" and ("/A" in note or "/AA" in note):
                found.append("/Widget: an action")
    return found
