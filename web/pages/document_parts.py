"""The parts of the document page: files as they are shown, text page by page, signatures, evidence, relations.

Only reads. What a person may see is decided before (web/pages/documents.py); relations are looked for within reach.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from archive import layout, model, records, text_layers
from archive.evidence.renewal import seals_of_files
from archive.fields.names import field_name, shown_fields
from archive.fields.tables import profile
from archive.findings import Finding, Level
from archive.i18n import _, language
from archive.records import Record
from ingest.signatures.report import word
from search.index import Filters, Index, Snippet, highlight, snippet
from search.related import Link, Related, related
from web.site import Site

INLINE = {"pdf": "application/pdf", "png": "image/png", "jpg": "image/jpeg", "jpeg": "image/jpeg",
          "txt": "text/plain; charset=utf-8"}
DRAWN = ("pdf", "tiff", "jpeg", "png", "jp2")       # formats whose pages can be drawn as pictures
# In this order people look for them.
ROLES = ("original", "attachment", "message", "access", "text", "signature", "signature-print", "signature-report")
LEAVES = 5              # pages of text that are shown at once
LONGEST_LEAF = 40_000   # characters of one page
RELATIONS = ("same_number", "based_on", "replaces", "amends", "repeals", "answers", "cites")


@dataclass(frozen=True, slots=True)
class Part:
    """A received file as it is shown: `file` is the number of the one a browser can show (-1: none), and its ending.

    `copy`: that is the access copy, which has the text to be searched under its pictures.
    """

    number: int
    name: str
    file: int
    ending: str
    copy: bool
    drawn: bool


@dataclass(frozen=True, slots=True)
class Leaf:
    """One page of the text: which of all, the part and the page there, and its words with those looked for marked."""

    number: int
    part: int
    page: int
    words: Snippet
    cut: bool


@dataclass(frozen=True, slots=True)
class Text:
    """The text of a document: some of its pages, how many there are, and the page on which most of the query stands."""

    leaves: Sequence[Leaf]
    pages: int
    first: int
    best: int
    places: Sequence[tuple[int, int]]


# --- files -------------------------------------------------------------------------------------------------


def ending_of(path: str) -> str:
    """The ending of a file's name, in small letters without its dot."""
    return PurePosixPath(path).suffix.lstrip(".").lower()


def parts(record: Record) -> list[Part]:
    """The received files: each as itself, or as its access copy where it is a scan."""
    numbers = {file["path"]: number for number, file in enumerate(record["files"])}
    copies = {PurePosixPath(file["path"]).stem: file["path"] for file in record["files"] if file["role"] == "access"}
    found = []
    for number, file in text_layers.parts(record):
        copy = copies.get(PurePosixPath(file["path"]).stem, "")
        shown = copy or file["path"]
        ending = ending_of(shown)
        found.append(Part(number, file["name"], numbers[shown] if ending in INLINE else -1, ending, bool(copy),
                          file["format"] in DRAWN))
    return found


def files(record: Record) -> list[tuple[int, Mapping[str, Any], str]]:
    """Number, description and ending of each file, the original first."""
    numbered = [(number, file, ending_of(file["path"])) for number, file in enumerate(record["files"])]
    return sorted(numbered, key=lambda one: (ROLES.index(one[1]["role"]) if one[1]["role"] in ROLES else 99, one[0]))


# --- text --------------------------------------------------------------------------------------------------


def text_of(site: Site, record: Record, q: str, wanted: int) -> Text:
    """The text around its page `wanted` (0: the one on which most of the query `q` stands)."""
    whole = records.read_text(site.archive.store, record)
    split = text_layers.split(record, whole)
    pages = [(part, n, own) for part in sorted(split) for n, own in enumerate(split[part], 1)]
    with site.index() as index:
        query = index.read(q) if q else None
    best = min(snippet(whole, query).page, max(1, len(pages))) if query is not None else 1
    here = min(wanted or best, max(1, len(pages)))
    first = (here - 1) // LEAVES * LEAVES
    leaves = []
    for number, (part, n, own) in enumerate(pages[first:first + LEAVES], first + 1):
        words = own[:LONGEST_LEAF]
        leaves.append(Leaf(number, part, n, highlight(words, query) if query is not None else Snippet(words),
                           len(own) > LONGEST_LEAF))
    return Text(leaves, len(pages), here, best, [(part, n) for part, n, _own in pages])


# --- description and signatures ----------------------------------------------------------------------------


def described(record: Record) -> list[tuple[str, str]]:
    """The filled fields with their names, in the order of the record's profile."""
    regime = record["profile"]
    place: dict[str, int] = {}
    for row in profile(regime).rows:
        for key in (row.key, row.tag):
            place.setdefault(key, len(place))
    shown = shown_fields({key: value for key, value in record["fields"].items() if value}, regime)
    return [(field_name(key, regime, language()), shown[key])
            for key in sorted(shown, key=lambda key: (place.get(key, 10_000), key))]


def signatures(site: Site, record: Record) -> list[dict[str, Any]]:
    """The files that were looked into, with each signature's seven fields and the sentences of its verdict."""
    paths = [file["path"] for file in record["files"] if file["role"] == "signature-report"]
    if not paths:
        return []
    for object_id in (layout.casefile_object(record["case_file"]), layout.rechecks_object(record["case_file"])):
        if site.archive.store.has(object_id) and paths[-1] in site.archive.store.files(object_id):
            report = json.loads(site.archive.store.read(object_id, paths[-1]))
            return [{**one, "signatures": [_judged(each) for each in one["signatures"]]} for one in report["files"]]
    return []


def _judged(signature: Mapping[str, Any]) -> dict[str, Any]:
    reasons = [Finding.from_dict(one) for one in signature["reasons"]]
    wrong = sorted((one for one in reasons if one.level > Level.ok), key=lambda one: -one.level)
    good = [one for one in reasons if one.level == Level.ok]
    facts = [word(section, str(signature[section]), language()) for section in ("integrity", "identity", "revocation")
             if signature.get(section)]
    said = wrong[0].sentence(language()) if wrong else "; ".join(facts)
    return {"kind": signature["kind"], "verdict": signature["verdict"],
            "shown": (signature.get("shown") or {}).get(language(), {}), "said": said,
            "reasons": wrong, "good": good}


# --- evidence and relations --------------------------------------------------------------------------------


def evidence(site: Site, row: model.Document, record: Record) -> dict[str, Any]:
    """Under which seal of a night the original lies, and the timestamp over it: what can be said without reading it."""
    original = next((file["sha256"] for file in record["files"] if file["role"] == "original"), "")
    seal = seals_of_files(site.archive, [row.item]).get(original, "")
    with site.session() as session:
        found = session.get(model.Seal, seal) if seal else None
    token = found.tokens[0] if found is not None and found.tokens else None
    return {"sha256": original, "seal": seal, "at": found.at if found is not None else "",
            "time": token["time"] if token else "", "server": token["server"] if token else "",
            "until": found.until if found is not None else ""}


def relations(index: Index, code: str, filters: Filters) -> tuple[list[tuple[str, list[Link]]], Related | None]:
    """What belongs to a document, by what the link says, and all of it; numbers that no document bears are told too."""
    found = related(index, code, filters)
    if found is None:
        return [], None
    links = [*found.same_number, *found.links]
    # A number that the document rests on, replaces or answers is cited, too: that is said once.
    said = {(one.number, one.code, one.incoming) for one in links if one.kind != "cites"}
    links = [one for one in links if one.kind != "cites" or (one.number, one.code, one.incoming) not in said]
    told = []
    for kind in RELATIONS:
        for incoming in (False, True):
            some = [one for one in links if one.kind == kind and one.incoming == incoming]
            if some:
                told.append((relation_name(kind, incoming=incoming), some))
    return told, found


def relation_name(kind: str, *, incoming: bool) -> str:
    """What a link says, as a heading over the documents that it leads to."""
    names = {"based_on": (_("Rests on"), _("Is the basis of")), "replaces": (_("Replaces"), _("Replaced by")),
             "amends": (_("Amends"), _("Amended by")), "repeals": (_("Repeals"), _("Repealed by")),
             "answers": (_("Answers"), _("Answered by")), "cites": (_("Cites"), _("Cited by")),
             "same_number": (_("The same number"), _("The same number"))}
    return names[kind][incoming] if kind in names else kind
