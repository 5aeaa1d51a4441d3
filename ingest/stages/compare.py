"""Compare: a scan's pages against what the registry list says of it, once they were read.

Notes the page with each finding, so that the picture can be shown beside it. Must never change a field.
"""

from __future__ import annotations

import re
from typing import Any

from archive.findings import Finding, Level, finding
from archive.spelling import fold
from ingest.item import Context, Item
from ingest.sources.scan_payload import MARK

_TEXT = "text.txt"
_HALF = 0.5             # share of the abstract's words that page 1 must hold; a convention of this system
_FEW = 4                # words below which an abstract says too little to be looked for
_SHEET = re.compile(rf"{MARK[:-1]}\s*[1I]\s*;|to\s+phan\s+cach|separator\s+sheet", re.IGNORECASE)
_MOST_WORDS = 80        # a page with more is a document that speaks of separator sheets


def compare(item: Item, context: Context) -> list[Finding]:
    """What differs between the pages of the item's main part, if it is a scan, and the fields of its list."""
    noted: dict[str, Any] = item.facts.get("digitise", {})
    if not noted.get("scan"):
        return []
    path = item.folder / _TEXT
    pages = path.read_text(encoding="utf-8").split("\f") if path.is_file() else []
    own = pages[:len(noted["pages"])]
    return [*_unread_sheets(item, own), *_page_count(item, noted["pages"]), *_abstract(item, own)]


def _unread_sheets(item: Item, pages: list[str]) -> list[Finding]:
    looked = item.facts.get("sheets") or {}
    known = {one["page"] for one in (*looked.get("sheets", ()), *looked.get("damaged", ()))}    # a person let them in
    few = {number: text for number, text in enumerate(pages, 1) if len(text.split()) <= _MOST_WORDS}
    return [finding("SCAN-029", item.name, part=0, page=number) for number, text in few.items()
            if number not in known and (_SHEET.search(text) or _SHEET.search(fold(text)))]


def _page_count(item: Item, pages: list[dict[str, Any]]) -> list[Finding]:
    """Pages, or sheets, that the list states. Blank backs explain a difference; then it is only noted."""
    blank = sum(bool(page.get("blank")) for page in pages)
    line: dict[str, Any] = item.facts.get("registry_line", {})
    registry: dict[str, str] = item.facts.get("registry", {})
    stated, sheets = _whole(registry.get("numberOfPage", "")), _whole(line.get("sheets", ""))
    found = []
    if stated and stated != len(pages):
        level = Level.note if stated == len(pages) - blank else None
        found.append(finding("SCAN-036", item.name, level=level, part=0, page=min(stated, len(pages)), stated=stated,
                             found=len(pages), blank=blank))
    if sheets and not sheets <= len(pages) <= 2 * sheets:
        found.append(finding("SCAN-036", item.name, part=0, page=min(sheets, len(pages)), stated=f"{sheets} tờ",
                             found=len(pages), blank=blank))
    return found


def _whole(text: str) -> int:
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= 6 else 0


def _abstract(item: Item, pages: list[str]) -> list[Finding]:
    """The abstract (trích yếu) of the list against page 1: most of its words stand there when it is that document."""
    said = item.facts.get("registry", {}).get("subject", "")
    words = fold(said).split()
    if len(words) < _FEW or not pages or not pages[0].strip():
        return []
    there = set(fold(pages[0]).split())
    share = sum(word in there for word in words) / len(words)
    return [] if share >= _HALF else [finding("SCAN-039", item.name, part=0, page=1, registry=said[:120])]
