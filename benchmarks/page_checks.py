"""Measures the checks on scanned pages: how many good pages each fires on, how many faulty ones it catches.

    nice python -m benchmarks.page_checks [--read]

`--read` also recognises every page, for what only shows when a page is read (on its head, crooked). Prints the table
of docs/digitising.md.
"""

from __future__ import annotations

import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterable
from itertools import chain
from pathlib import Path
from typing import Any

import pypdfium2

from archive.findings import Finding, Level
from archive.settings import Settings
from benchmarks import pages_with_faults
from benchmarks.pages_with_faults import Scan
from ingest.digitise import _scale, _unread
from ingest.digitise.judgement import judge
from ingest.digitise.pages import survey
from ingest.digitise.quality import measure

NAME = "quet.pdf"


def judged(scan: Scan, *, read: bool = False) -> list[Finding]:
    """The findings about a scan, by the way that the night takes; unread pages count as read well."""
    settings = Settings()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, NAME)
        path.write_bytes(scan.pdf())
        seen = survey(path, "pdf", settings.ingest)
        facts: list[dict[str, Any]] = []
        with pypdfium2.PdfDocument(path) as document:
            for page in seen.pages:
                dpi, scale = _scale(page, document[page.number - 1].get_size())
                picture = document[page.number - 1].render(scale=scale).to_numpy()
                noted = _unread(page, "") | {"words": 200, "confidence": 95.0} | measure(picture, 72 * scale).facts()
                facts.append(noted | (_read(picture, dpi, settings) if read and not noted["blank"] else {}))
    return judge(NAME, {"pages": facts}, settings)


def _read(picture: Any, dpi: float, settings: Settings) -> dict[str, Any]:
    from ingest.digitise.engine import find_tessdata, reader
    from ingest.digitise.reading import read_page

    data = find_tessdata(settings.ocr)
    assert data is not None
    result = read_page(picture, dpi, reader(data, settings.ocr.languages), settings.ocr)
    return {"rotation": result.turned, "skew": result.skew}


def main() -> None:
    """Print the table."""
    read = "--read" in sys.argv
    pages, false = _good(pages_with_faults.good(), read)
    caught: dict[str, list[bool]] = defaultdict(list)
    for scan in chain(pages_with_faults.faulty(), pages_with_faults.lying() if read else ()):
        codes = [one.code for one in judged(scan, read=read and scan.fault in ("DIGITISE-004", "DIGITISE-005"))]
        caught[scan.fault].append(scan.fault in codes)
        if scan.fault not in codes:
            print(f"missed: {scan.kind}: {codes}", file=sys.stderr)
    print(f"Good pages: {pages}")
    print("| Code | Good pages that fire | Faulty scans caught |\n|---|---|---|")
    for code in sorted({*caught, *false}):
        print(f"| {code} | {false[code]} | {sum(caught[code])} of {len(caught[code])} |")


def _good(scans: Iterable[Scan], read: bool) -> tuple[int, Counter[str]]:
    pages, false = 0, Counter[str]()
    for scan in scans:
        pages += len(scan.pages)
        for found in judged(scan, read=read):
            if found.level >= Level.note:
                false[found.code] += 1
                print(f"fired: {scan.kind}: {found.sentence('en')}", file=sys.stderr)
    return pages, false


if __name__ == "__main__":
    main()
