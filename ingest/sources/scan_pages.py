"""Scans that come page by page: a folder of pictures named by file code, or files `CODE-p001.jpg`, become one scan.

    H99.2026.03.VTLT.0000007/001.jpg, 002.jpg …      or  H99.2026.03.VTLT.0000007-p001.jpg, …-p002.jpg

A convention of this system (docs/digitising.md): the law names files, not pages. Every page keeps its bytes; what is
not sure (a number that is missing or there twice) waits whole.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import PurePosixPath

from archive import codes
from archive.findings import Finding
from archive.settings import Settings
from ingest.sources.inbox import Waiting

HOW = "pages"                   # what an item's facts call a scan that came page by page
_SUFFIXES = {".jpg", ".jpeg", ".png"}
_LAST_NUMBER = re.compile(r"(?:.*\D)?(\d{1,4})", re.DOTALL)
_MARKED = re.compile(r"(.+?)[-_ ](?:page|trang|tr|p)[-_ .]?(\d{1,4})", re.IGNORECASE | re.DOTALL)
_NOT_READY = {"COLLECT-001", "COLLECT-003"}


def joined(waiting: Sequence[Waiting], settings: Settings, left: Iterable[Finding]) -> list[Waiting]:
    """The files that wait, with pages that belong together as one, under the name of the PDF that they become.

    `left` are the files that are not ready: a scan one of whose pages is still being written waits with it.
    """
    if settings.scans.pages == "off":
        return list(waiting)
    others, groups = [], dict[str, list[tuple[int, Waiting]]]()
    for one in waiting:
        place = page_of(one.name, settings)
        if place is None:
            others.append(one)
        else:
            groups.setdefault(place[0], []).append((place[1], one))
    unready = {place[0] for one in left if one.code in _NOT_READY and (place := page_of(one.subject, settings))}
    for scan, pages in groups.items():
        if scan in unready:
            continue
        first, *rest = [one for _number, one in sorted(pages, key=lambda page: (page[0], page[1].name))]
        found = tuple(each for _number, one in pages for each in one.findings)
        others.append(replace(first, name=f"{scan}.pdf", findings=found, pages=tuple(rest), by_page=True))
    return others


def page_of(name: str, settings: Settings) -> tuple[str, int] | None:
    """The scan (its path without an ending) and the number of the page that the file `name` is; None for none."""
    path = PurePosixPath(unicodedata.normalize("NFC", name))
    folders = [folder.strip("/") for folder in settings.scans.folders]
    if path.suffix.lower() not in _SUFFIXES or (folders and not any(name.startswith(f"{one}/") for one in folders)):
        return None
    marked = _MARKED.fullmatch(path.stem)
    if marked and codes.parse_scan_name(marked[1]):
        return str(path.with_name(marked[1])), int(marked[2])
    number = _LAST_NUMBER.fullmatch(path.stem)
    own = codes.parse_scan_name(path.name)      # a document's own name: its last number is an ordinal
    if number and own is None and path.parent.name and codes.parse_scan_name(path.parent.name):
        return str(path.parent), int(number[1])
    return None


def doubts(names: Sequence[str]) -> tuple[list[int], list[int]]:
    """The pages that are missing, and those that are there twice, by the names of a scan's files."""
    have = [number(name) for name in names]
    return sorted(set(range(1, max(have) + 1)) - set(have)), sorted({one for one in have if have.count(one) > 1})


def number(name: str) -> int:
    """The page that a file of a scan is by its name alone; 0 for a name without one."""
    found = _LAST_NUMBER.fullmatch(PurePosixPath(name).stem)
    return int(found[1]) if found else 0
