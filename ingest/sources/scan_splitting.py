"""A long scan that holds several documents: taken apart before its stages, kept whole beside them.

The received file is only read. Each document becomes an item of its own, as the documents of a package do, and goes
through every stage; its record says which pages of which file it is (docs/decisions/0009). What is not sure is not
split: the scan waits whole.
"""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path, PurePosixPath
from typing import Any

from archive import codes, layout
from archive.files import json_bytes, write_atomically
from archive.findings import Finding, Level, finding
from archive.settings import Settings
from ingest import intake
from ingest.copying import copy_hashed, hash_file, safe_name
from ingest.digitise.pages import file_kind
from ingest.digitise.telling import numbers
from ingest.item import Context, Item, Part
from ingest.sources import scan_pages, scan_reading, scan_sides
from ingest.sources.inbox import RECEIVED, TAKING, item_id
from ingest.sources.packages import MANIFEST, SOURCE
from ingest.sources.scan_cutting import NotCopiedError, bears_signature, cut
from ingest.sources.scan_plan import Cut, Place, Plan, plan, ranges

FORM = "scan"                   # what MANIFEST and `package_received` call a scan that was taken apart
_SUFFIXES = {".pdf", ".tif", ".tiff"}
# Findings that a person who answers for them lets pass; with any other one the scan is then stored as one document.
SPLIT_ANYWAY = frozenset({"SCAN-025", "SCAN-027", "SCAN-028", "SCAN-030", "SCAN-031", "SCAN-040"})


def may_be_split(item_name: str, settings: Settings, *, by_page: bool = False) -> bool:
    """Whether a file is looked into for separator sheets at all: by its ending, its folder and the settings."""
    if (settings.scans.separators == "off" and not by_page) or Path(item_name).suffix.lower() not in _SUFFIXES:
        return False
    folders = [folder.strip("/") for folder in settings.scans.folders]
    return not folders or any(item_name.startswith(f"{folder}/") for folder in folders)


def look(item: Item, context: Context) -> list[Finding]:
    """Note in `item.facts["sheets"]` what separator sheets the item's pages are; {} where it is no long scan."""
    paths = [part.path for part in _sides(item)]
    noted = scan_reading.look(paths, context.settings.ingest, by_page=_by_page(item)) or {}
    if noted and context.settings.scans.separators == "off":
        noted |= {"sheets": [], "damaged": []}
    item.facts["sheets"] = noted
    return []


def is_long_scan(item: Item) -> bool:
    """Whether there is anything in the item to be taken apart: sheets, rows of a list for its parts, or two sides."""
    noted = item.facts.get("sheets") or {}
    if scan_sides.one_sided(item.facts) or _by_page(item):
        return True
    return bool(noted) and bool(noted["sheets"] or noted["damaged"] or len(item.facts.get("scan_rows", [])) > 1
                                or len(noted["pages"]) > 1)


def unfold(item: Item, context: Context) -> list[Finding]:
    """Take the scan apart: an intake folder for each of its documents, and MANIFEST for itself; or say why not.

    `item.facts["package"]` is set when the scan is (or is held as) several documents; without it the item goes on as
    one document. Safe to run twice, until its documents are registered (stages/packages.py).
    """
    accepted = set(item.facts.get("accepted", []))
    item.facts.pop("package", None)
    sides = _sides(item)
    if scan_sides.one_sided(item.facts):
        found = [finding("SCAN-035", item.name, part=0, page=1, front="?", back=0)]
        return _held(item, found, accepted)
    noted = item.facts["sheets"]
    if _by_page(item):
        if not noted:
            return _held(item, [finding("SCAN-038", item.name, reason="có trang không phải ảnh đọc được")], accepted)
        gaps, twice = scan_pages.doubts([part.name for part in sides])
        if (gaps or twice) and "SCAN-040" not in accepted:
            return _held(item, [finding("SCAN-040", item.name, part=0, page=1, missing=numbers(gaps) or "—",
                                        twice=numbers(twice) or "—")], accepted)
    order = scan_sides.order(noted["pages"], item.facts.get("sides", {}))
    if order is None:
        front, back = noted["pages"]
        return _held(item, [finding("SCAN-035", item.name, part=1, page=min(front, back), front=front, back=back)],
                     accepted)
    made = plan(item.name, noted, order, item.facts.get("scan_rows", []))
    if not made.by and (len(sides) > 1 or _by_page(item)):
        made = Plan([_named(item, order)], "pages") if _by_page(item) else Plan([Cut("", 0, list(order))], "sides")
    if not made.by:
        return []
    refused = {one.code for one in made.findings if one.level >= Level.refused}
    if refused - (accepted & SPLIT_ANYWAY):
        return _held(item, made.findings, accepted)
    try:
        if any(bears_signature(part.path) for part in sides):
            return _held(item, [*made.findings, finding("SCAN-038", item.name, reason="chữ ký số")], accepted)
        _Unfolding(item, context.settings, made, sides).run()
    except NotCopiedError as error:
        return _held(item, [*made.findings, finding("SCAN-038", item.name, reason=str(error))], accepted)
    item.facts["package"] = {"unfolded": True}
    return made.findings


def cut_again(scan: Item, settings: Settings, told: dict[str, Any], wanted: set[str], lying: Sequence[Path]) -> None:
    """Take the documents with the item ids `wanted` out of a scan that was split before, as its manifest `told`.

    For a document that was kept out for its secrecy mark and that a person released: its bytes are alone in the scan's
    files, which are `lying` in the inbox; they are taken in again, to be kept whole now. Raises NotCopiedError,
    OSError.
    """
    scan.parts = []
    for number, (path, one) in enumerate(zip(lying, told["files"], strict=False)):
        kept = scan.folder / one["path"]
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.unlink(missing_ok=True)
        copied = copy_hashed(path, kept)
        scan.parts.append(Part(one["name"], "back" if number else "original", kept, copied.size, copied.sha256,
                               copied.sha512))
    if [part.sha256 for part in scan.parts] != [one["sha256"] for one in told["files"]]:
        raise NotCopiedError(scan.name)
    scan.facts["sheets"] = told["looked"]
    cuts = [Cut(one["code"], one["ordinal"], pages_told(one["pages"]), sheet=one["sheet"]) for one in told["documents"]]
    again = Plan(cuts, told["by"], pages_told(told["sheets"]), pages_told(told["backs"]))
    _Unfolding(scan, settings, again, _sides(scan), wanted).run()


def _held(item: Item, found: list[Finding], accepted: set[str]) -> list[Finding]:
    """The scan waits whole; or, when a person answered for all that holds it, it goes on as one document."""
    refused = {one.code for one in found if one.level >= Level.refused}
    if not refused <= accepted or _by_page(item):       # pages are no document of one file: only taken apart they are
        item.facts["package"] = {"unfolded": False}
    return found


def _sides(item: Item) -> list[Part]:
    """The received files of a scan: itself, and the file of the backs where there is one."""
    backs = [part for part in item.parts if part.role == "back"]
    if _by_page(item):      # a page that came later stands where its number says
        return sorted([item.main, *backs], key=lambda part: (scan_pages.number(part.name), part.name))
    return [item.main, *backs]


def _named(item: Item, order: Sequence[Place]) -> Cut:
    """The one document of a scan that came page by page; its name is that of a scan (TT 05/2025/TT-BNV Đ8.1.d)."""
    named = codes.parse_scan_name(PurePosixPath(item.name).name)
    if named is None or item.facts.get("registry", {}).get("fileCode"):
        return Cut("", (named.ordinal or 0) if named else 0, list(order))
    return Cut(str(named.file), named.ordinal or 0, list(order))


def _by_page(item: Item) -> bool:
    return bool((item.facts.get("sides") or {}).get("how") == scan_pages.HOW)


class _Unfolding:
    """The taking apart of one scan."""

    def __init__(self, item: Item, settings: Settings, made: Plan, sides: Sequence[Part],
                 wanted: set[str] | None = None) -> None:
        self.item, self.settings, self.plan, self.sides, self.wanted = item, settings, made, sides, wanted
        stated = item.facts.get("corrections", {}).get("fileCode", "")
        # A person's case file is that of all documents, when they were all of one.
        self.corrected = stated if len({one.code for one in made.cuts}) == 1 else ""
        self.kind = file_kind(sides[0].path)
        self.suffix = ".tif" if self.kind == "tiff" else ".pdf"

    def run(self) -> None:
        (self.item.folder / MANIFEST).unlink(missing_ok=True)
        taking = self.item.folder.parent / f"{TAKING}{uuid.uuid4().hex}"
        taking.mkdir(parents=True)
        try:
            targets = [taking / f"{n:04d}{self.suffix}" for n in range(len(self.plan.cuts))]
            digests = cut([part.path for part in self.sides],
                          [(one.pages, target) for one, target in zip(self.plan.cuts, targets, strict=True)])
            told = [self._document(one, number, target, digest, taking) for number, (one, target, digest) in enumerate(
                zip(self.plan.cuts, targets, digests, strict=True), 1)]
        finally:
            shutil.rmtree(taking, ignore_errors=True)
        os.sync()       # nothing is registered before it is on the disk
        write_atomically(self.item.folder / MANIFEST, json_bytes({
            "schema": "luutru/package/1", "id": self.item.id, "name": self.item.name, "objid": "", "form": FORM,
            "fonds": "", "organisation": "", "request": "", "title": "", "status": "", "case_file": "", "fields": {},
            "documents": [one["item"] for one in told], "submission": [],
            "scan": {"by": self.plan.by, "files": [self._file(part) for part in self.sides],
                     "sheets": ranges(self.plan.sheets), "backs": ranges(self.plan.backs), "documents": told,
                     "looked": self.item.facts["sheets"]}}))

    def _file(self, part: Part) -> dict[str, Any]:
        return {"name": part.name, "size": part.size, "sha256": part.sha256, "sha512": part.sha512,
                "path": part.path.relative_to(self.item.folder).as_posix()}

    def _document(self, one: Cut, number: int, target: Path, digest: str, taking: Path) -> dict[str, Any]:
        """Give a document an intake folder of its own and describe it there; what the manifest tells of it."""
        name = self._name(one, number)
        hashed = hash_file(target)
        identity = item_id(SOURCE, "\0".join((self.item.id, str(number), name)), hashed.sha256)
        told = {"item": identity, "name": name, "code": one.code, "ordinal": one.ordinal, "sheet": one.sheet,
                "pages": ranges(one.pages), "by": self.plan.by, "pictures": digest, "sha256": hashed.sha256}
        if self.wanted is not None and identity not in self.wanted:
            return told
        root = self.item.folder.parent
        home, made = root / identity, taking / identity
        (made / RECEIVED).mkdir(parents=True)
        place = f"{RECEIVED}/{safe_name(name)}"
        target.rename(made / place)
        part = {"name": name, "role": "original", "path": place, "size": hashed.size, "sha256": hashed.sha256,
                "sha512": hashed.sha512, "format": ""}
        facts: dict[str, Any] = {
            "package": {"item": self.item.id, "name": self.item.name, "objid": "", "form": FORM, "request": "",
                        "case_file": "", "code": "", "ordinal": one.ordinal or number, "path": name, "parts": [part]},
            "scan": {"object": layout.scan_object(self.item.id), "by": self.plan.by, "pages": told["pages"],
                     "sources": [{"name": side.name, "size": side.size, "sha256": side.sha256} for side in self.sides],
                     "pictures": digest, "tool": _tool(self.kind)}}
        if accepted := self.item.facts.get("accepted", []):
            facts["accepted"] = accepted
        rows = self.item.facts
        if one.row is not None:
            facts["registry"] = one.row["fields"]
            facts["registry_line"] = {"list": one.row["list"], "line": one.row["line"], **one.row["beside"]}
        elif len(self.plan.cuts) == 1 and "registry" in rows:
            facts["registry"], facts["registry_line"] = rows["registry"], rows.get("registry_line", {})
        code = self.corrected or one.code
        fields = {"fileCode": code} if code else {}
        if self.corrected and "registry" in facts:
            facts["registry"] = {**facts["registry"], "fileCode": code}
        item = Item(identity, SOURCE, "", made, [Part(name, "original", made / place, hashed.size, hashed.sha256,
                                                      hashed.sha512)], self.item.received_at, fields, facts)
        (made / intake.SIDECAR).write_bytes(intake.sidecar(item))
        if home.exists():           # of a run that was killed before its documents were registered
            intake.leave(self.settings, identity)
        made.rename(home)
        return told

    def _name(self, one: Cut, number: int) -> str:
        """What the document's file is called: as a scan of its own would be (TT 05/2025/TT-BNV Đ8.1.d)."""
        if one.code and one.ordinal:
            return f"{one.code}.{one.ordinal:0{codes.ORDINAL_DIGITS}d}{self.suffix}"
        if one.code and len([each for each in self.plan.cuts if each.code == one.code]) == 1:
            return f"{one.code}{self.suffix}"
        stem = scan_sides.stem(Path(self.item.name).stem, self.item.facts.get("sides", {}))
        return f"{stem}{self.suffix}" if len(self.plan.cuts) == 1 else f"{stem} ({number}){self.suffix}"


def _tool(kind: str | None) -> str:
    name = {"pdf": "pikepdf", "jpeg": "img2pdf", "png": "img2pdf"}.get(kind or "", "")
    return f"{name} {version(name)}" if name else "luutru scan_tiff 1"


def pages_told(pages: Sequence[Sequence[int]]) -> list[Place]:
    """The pages that `ranges` wrote."""
    return [(file, page) for file, first, last in pages for page in range(first, last + 1)]
