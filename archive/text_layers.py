"""Text layers: what a document's record says of its text: page by page what was read, read again, corrected.

The text of the night stays as it was recognised. What came later (a person's corrections, a better engine's reading)
lies beside it as further files, and `record["texts"]` says which of them each page is taken from (archive/texts.py
writes it). Nothing here reads or writes a file.
"""

from __future__ import annotations

import hashlib
import json
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from archive import layout

Record = Mapping[str, Any]
Pages = dict[int, list[str]]            # part → the text of its pages; part 0 is the original, 1 … the attachments
Place = tuple[int, int]                 # part, page (from 1)

KEY = "texts"
# The engine's notes that tell one engine from another; what else it notes made the access copy, not the text.
_ENGINE = ("tesseract", "languages", "data", "options")
# What is noted of a page that a newer reading measures anew.
MEASURED = ("confidence", "words", "syllables", "misread", "foreign", "doubtful", "error", "given_up", "blank")
# Of these the text in use, the corrections and further readings are kept under names of their own.
CURRENT, CORRECTIONS, READING = "text-current", "text-corrections", "text-reading"


def number(record: Record) -> int:
    """How often the text of a document was changed since it was received."""
    return int(record.get(KEY, {}).get("n", 0))


def separator(name: str) -> str:
    """The line that begins the text of a further part. The name stands in it on one line, whatever it holds."""
    shown = " ".join("".join(sign if sign.isprintable() else " " for sign in name).split())
    return f"----- {unicodedata.normalize('NFC', shown)} -----"


def parts(record: Record) -> list[tuple[int, Mapping[str, Any]]]:
    """The received files of a document that can bear text, by their number: 0 the original, 1 … its attachments."""
    original = [file for file in record["files"] if file["role"] == "original"][:1]
    return list(enumerate([*original, *(file for file in record["files"] if file["role"] == "attachment")]))


def split(record: Record, text: str) -> Pages:
    """The pages of a document's text by their parts. Parts without text are not there; `join` is the way back."""
    found: Pages = {}
    here, waiting = 0, parts(record)[1:]
    for page in text.split("\f") if text else []:
        for n, (part, file) in enumerate(waiting):
            if (rest := _after(page, separator(file["name"]))) is not None:
                here, page, waiting = part, rest, waiting[n + 1:]
                break
        found.setdefault(here, []).append(page)
    return found


def _after(page: str, head: str) -> str | None:
    """What follows the line `head` on a page that begins with it."""
    return page[len(head) + 1:] if page.startswith(head + "\n") else None


def join(record: Record, pages: Pages) -> str:
    """The text of a document, a form feed between pages; the pages of attachments begin with their names."""
    told: list[str] = []
    for part, file in parts(record):
        own = list(pages.get(part, ()))
        if not any(page.strip() for page in own):
            continue
        if part:
            own[0] = f"{separator(file['name'])}\n{own[0]}"
        told += own
    return "\f".join(told)


def sha256(text: str) -> str:
    """The SHA-256 (hex) of a page's text in UTF-8."""
    return hashlib.sha256(text.encode()).hexdigest()


def engine_key(engine: Mapping[str, str]) -> str:
    """Sixteen digits that tell by which engine, language data and options a page was read; "" where it is not known."""
    told = {key: engine[key] for key in _ENGINE if key in engine}
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:16] if told else ""


# --- pages ---------------------------------------------------------------------------------------------------


def scanned(record: Record) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """What digitising noted of each scanned part, by the part's number."""
    noted: Mapping[str, Any] = record.get("digitised", {})
    if not noted:
        return
    yield 0, noted
    numbers = {id(file): part for part, file in parts(record)}
    for one in noted.get("attachments", ()):
        # "ocr-3.txt" is of the third received file; the record's files begin with these, in their order.
        place = str(one.get("text", "")).removeprefix("ocr-").removesuffix(".txt")
        file = record["files"][int(place) - 1] if place.isdecimal() and int(place) <= len(record["files"]) else None
        part = numbers.get(id(file), 0) if file is not None else 0
        if part:
            yield part, one


def pages(record: Record) -> dict[Place, dict[str, Any]]:
    """What is known of each page of the scanned parts, as it is now: a newer reading's figures where it is in use.

    Besides the notes of digitising: `reading` (1: the night's), `corrected`, `stale` (the page was read anew after its
    correction) and `engine` (the key of the engine that read it last, in use or not).
    """
    later = {(one["part"], one["page"]): one for one in record.get(KEY, {}).get("pages", ())}
    found: dict[Place, dict[str, Any]] = {}
    for part, noted in scanned(record):
        first = engine_key(noted.get("engine", {}))
        for page in noted.get("pages", ()):
            told = dict(page) | {"reading": 1, "corrected": False, "stale": False, "engine": first}
            if (one := later.get((part, page["page"]))) is not None:
                if "facts" in one:
                    told = {key: value for key, value in told.items() if key not in MEASURED} | dict(one["facts"])
                told |= {"reading": one.get("reading", 1), "corrected": bool(one.get("corrected")),
                         "stale": bool(one.get("stale")), "engine": one.get("tried", first)}
            found[part, page["page"]] = told
    return found


def rows(record: Record) -> list[dict[str, Any]]:
    """The rows of the catalogue about the pages that were recognised, from pictures on which there is something."""
    return [{"document": record["code"], "part": part, "page": page, "failed": bool(told.get("error")),
             "confidence": told.get("confidence"), "syllables": told.get("syllables"),
             "misread": int(told.get("misread", 0)), "foreign": bool(told.get("foreign")),
             "corrected": told["corrected"], "stale": told["stale"], "reading": told["reading"],
             "engine": told["engine"]}
            for (part, page), told in pages(record).items()
            if told.get("kind") == "picture" and not told.get("blank")
            and (told.get("error") or told.get("confidence") is not None)]


# --- where the layers lie ------------------------------------------------------------------------------------


def path(code: str, role: str, n: int = 0) -> str:
    """The logical path of a layer of the document `code`; `n`: which reading (the night's is the first)."""
    ending = {CURRENT: "current.txt", CORRECTIONS: "corrections.json", READING: f"reading-{n}.json"}[role]
    return f"{layout.TEXT}/{code}.{ending}"


def places(record: Record) -> Sequence[Mapping[str, Any]]:
    """The layers of a document: `path`, `role`, `sha256`, and `object` where it is not the case file's."""
    told = record.get(KEY, {})
    return [one for one in (told.get("current"), told.get("corrections"), *told.get("readings", ())) if one]


def place_of(record: Record, role: str) -> Mapping[str, Any] | None:
    """Where the newest layer of this role lies; None when there is none."""
    found = [one for one in places(record) if one["role"] == role]
    return found[-1] if found else None
