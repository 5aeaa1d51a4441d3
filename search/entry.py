"""The entry: what is indexed of one document. It is made from the document's record and text alone."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from operator import attrgetter
from typing import Any

from archive.access import access_of
from archive.fields.kinds import title_of
from search.dates import days
from search.numbers import type_name
from search.vietnamese import clean


@dataclass(frozen=True, slots=True)
class Entry:
    """What is indexed of one document; `code` is the key.

    `issued_on` is YYYY-MM-DD, YYYY-MM or YYYY where no more is known, or empty.
    """

    code: str
    case_file: str = ""
    number: str = ""
    notation: str = ""
    issued_on: str = ""
    type_name: str = ""
    organ: str = ""
    subject: str = ""
    signer: str = ""
    case_title: str = ""
    legal_value: str = ""
    fonds: str = ""
    access: str = ""                          # open, undecided, restricted: who may know of it (archive/access.py)
    text: str = ""
    fingerprint: str = ""

    def sealed(self) -> Entry:
        """The same entry with its fingerprint: a hash over all the rest, which `verify` compares."""
        packed = json.dumps(_sealed_values(self)).encode()
        return replace(self, fingerprint=hashlib.sha256(packed).hexdigest()[:32])


_sealed_values = attrgetter(*(one.name for one in fields(Entry) if one.name != "fingerprint"))


def entry_from_record(record: Mapping[str, Any], text: str) -> Entry:
    """What is indexed of the document with this record (metadata/documents/NNNNNNN.json) and text."""
    fields = record["fields"]
    issued = fields.get("issuedDate", "").strip()
    known = days(issued)
    issued_on = ""
    if known is not None:                     # DD/MM/YYYY, MM/YYYY or YYYY: as much as is known
        whole = f"{known[0]:08d}"
        parts = 1 if len(issued) == 4 else 3 if known[0] == known[1] else 2
        issued_on = "-".join((whole[:4], whole[4:6], whole[6:])[:parts])
    return Entry(
        code=record["code"], case_file=record.get("case_file", ""), number=fields.get("codeNumber", ""),
        notation=fields.get("codeNotation", ""), issued_on=issued_on,
        type_name=fields.get("typeNameText", "") or type_name(fields.get("typeName", "")),
        organ=fields.get("organName", ""), subject=title_of(fields), signer=fields.get("signer", ""),
        case_title=record.get("case_title", ""), legal_value=record.get("legal_value", "") or "",
        fonds=record.get("fonds", ""), access=access_of(fields, {"mode": record.get("case_mode", "")}),
        text=clean(text)).sealed()
