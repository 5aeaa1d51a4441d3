"""How each file of the inbox is made: one recipe a kind, chosen by inbox.toml.

A recipe takes the document and the file's entry and returns the bytes. All recipes but `locked` give the same
bytes every time; encryption draws its salts by lot.
"""

from __future__ import annotations

import io
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pikepdf

from samples.making import edxml, office, scans, signed, typeset
from samples.making.typeset import TEXTS, Document

Entry = Mapping[str, Any]
ANNEX = "Mau bao cao nop luu.docx"


@cache
def entries() -> list[dict[str, Any]]:
    """The files of the inbox, as inbox.toml tells them."""
    with Path(__file__).with_name("inbox.toml").open("rb") as stream:
        return list(tomllib.load(stream)["file"])


def make(entry: Entry) -> bytes:
    """The bytes of one file of the inbox."""
    return _pile(entry) if "documents" in entry else RECIPES[entry["recipe"]](
        typeset.documents()[entry["document"]], entry)


def named(entry: Entry) -> list[tuple[Entry, str]]:
    """The rows of the list about one file: what each is made like, and the name that it gives.

    Documents after separator sheets are named by file code and ordinal, those of a pile without sheets by the pile.
    """
    if "documents" not in entry:
        return [(entry, entry["path"])]
    folder, _, last = entry["path"].rpartition("/")
    made = [{**entry, "document": one, "recipe": "scan"} for one in entry["documents"]]
    if (sheets := entry.get("sheets")) is None:
        return [(one, entry["path"]) for one in made]
    return [(one, f"{folder}/{sheets['code']}.{sheets['first'] + number:07}.{last.rpartition('.')[2]}")
            for number, one in enumerate(made)]


def page_count(entry: Entry) -> int:
    """How many pages the register says the document has."""
    document = typeset.documents()[entry["document"]]
    if entry["recipe"] in ("xlsx", "tcvn3"):
        return 1
    inked = entry["recipe"] == "scan"
    with pikepdf.open(io.BytesIO(typeset.pdf(document, inked=inked))) as opened:
        count = len(opened.pages)
    return min(count, scans.MOST_PAGES) + bool(entry.get("blank_backs")) if inked else count


def _plain(document: Document, entry: Entry) -> bytes:
    return typeset.pdf(document)


def _signed(document: Document, entry: Entry) -> bytes:
    token = entry.get("token", True)
    if len(entry["signers"]) == 1:
        return signed.person_only(document, entry["signers"][0], token=token)
    person, agency = entry["signers"]
    return signed.person_and_seal(document, person, agency, token=token, certify=entry.get("certify", False))


def _changed(document: Document, entry: Entry) -> bytes:
    def swap(old: Document) -> Document:
        lines = []
        for line in old.body:
            for was, becomes in entry["swap"]:
                line = line.replace(was, becomes)
            lines.append(line)
        return replace(old, body=lines)

    person, agency = entry["signers"]
    return signed.changed(document, person, agency, swap)


def _copy(document: Document, entry: Entry) -> bytes:
    return make(next(other for other in entries() if other["path"] == entry["of"]))


def _locked(document: Document, entry: Entry) -> bytes:
    out = io.BytesIO()
    with pikepdf.open(io.BytesIO(typeset.pdf(document))) as opened:
        opened.save(out, encryption=pikepdf.Encryption(user=entry["password"], owner=entry["password"], R=6))
    return out.getvalue()


def _truncated(document: Document, entry: Entry) -> bytes:
    whole = typeset.pdf(document)
    return whole[:int(len(whole) * 0.62)]


def _docx(document: Document, entry: Entry) -> bytes:
    return office.docx(document)


def _xlsx(document: Document, entry: Entry) -> bytes:
    return office.xlsx(document)


def _tcvn3(document: Document, entry: Entry) -> bytes:
    return office.tcvn3_text(document, TEXTS / "long-an-24-2019.txt")


def _scan(document: Document, entry: Entry) -> bytes:
    look, pages = scans.Look(**entry["look"]), _scanned(document, entry)
    if entry["kind"] == "pdf":
        return scans.as_pdf(pages, look)
    if entry["kind"] == "jpeg":
        return scans.as_jpeg(pages[0], look)
    return scans.as_tiff(pages, look, "group4" if entry["kind"] == "tiff-g4" else "jpeg")


def _scanned(document: Document, entry: Entry) -> list[Any]:
    return scans.scanned(document, scans.Look(**entry["look"]), blank_backs=entry.get("blank_backs", False))


def _pile(entry: Entry) -> bytes:
    """Several documents in one scan, each after its separator sheet when the entry has `sheets`."""
    look, told = scans.Look(**entry["look"]), entry.get("sheets")
    pages = [scans.separator(look, "F", told["code"], 0, len(entry["documents"]))] if told else []
    for number, one in enumerate(entry["documents"]):
        pages += [scans.separator(look, "D", told["code"], told["first"] + number)] if told else []
        pages += scans.scanned(typeset.documents()[one], look)
    return scans.as_pdf(pages, look) if entry["kind"] == "pdf" else scans.as_tiff(pages, look, "jpeg")


def _edxml(document: Document, entry: Entry) -> bytes:
    annex = office.docx(replace(document, kind="Báo cáo", number="…/BC-…", subject="Kết quả nộp lưu hồ sơ điện tử",
                                body=["1. Số hồ sơ đã kết thúc: …", "2. Số hồ sơ đã nộp lưu: …", "3. Vướng mắc: …"]))
    return edxml.message(document, _signed(document, entry), ANNEX, annex, page_count({**entry, "recipe": "signed"}))


RECIPES: dict[str, Callable[[Document, Entry], bytes]] = {
    "plain": _plain, "signed": _signed, "changed": _changed, "copy": _copy, "locked": _locked,
    "truncated": _truncated, "docx": _docx, "xlsx": _xlsx, "tcvn3": _tcvn3, "scan": _scan, "edxml": _edxml}
