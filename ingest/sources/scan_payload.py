"""What is written in the codes of a separator sheet (tờ phân cách): an own format, documented in docs/digitising.md.

    LUUTRU1;<kind>;<file code>;<ordinal>;<count>;<checksum>

Kinds: F begins a case file, D a document, B is the back of a sheet. `count` is what whoever printed the sheet expects:
documents after F, pages after D; empty where nobody said. The checksum is CRC-16/CCITT-FALSE over everything before
it, the last ";" included. Text is ASCII: other characters of a file code are percent-encoded UTF-8.
"""

from __future__ import annotations

import binascii
import re
from dataclasses import dataclass
from typing import Literal
from urllib.parse import quote, unquote

from archive import codes

MARK = "LUUTRU1"
Kind = Literal["F", "D", "B"]
_WRITTEN = re.compile(rf"{MARK};([A-Z]);([!-:<-~]*);(\d{{0,7}});(\d{{0,6}});([0-9A-F]{{4}})")


@dataclass(frozen=True, slots=True)
class Sheet:
    """What a separator sheet says. `ordinal` is 0 where it has none, `count` 0 where nothing was said of it."""

    kind: Kind
    code: str
    ordinal: int = 0
    count: int = 0


class NotOursError(ValueError):
    """The text in a code is no separator sheet's: a letter's or an invoice's own."""


class DamagedPayloadError(ValueError):
    """The text began as a separator sheet's, and is not one: it was misread, mistyped or made by another version."""


def encode(sheet: Sheet) -> str:
    """The text of the codes on `sheet`. Raises ValueError for what no sheet may say."""
    _check(sheet)
    head = f"{MARK};{sheet.kind};{quote(sheet.code, safe='.-')};{sheet.ordinal or ''};{sheet.count or ''};"
    return head + _checksum(head)


def decode(text: str) -> Sheet:
    """The sheet that `text` says. Raises NotOursError and DamagedPayloadError."""
    if not text.startswith(MARK[:-1]):
        raise NotOursError(text)
    match = _WRITTEN.fullmatch(text.strip())
    if match is None or _checksum(text.strip()[:-4]) != match[5]:
        raise DamagedPayloadError(text)
    try:
        code = unquote(match[2], errors="strict")
        if match[1] not in ("F", "D", "B"):
            raise ValueError(match[1])
        sheet = Sheet(match[1], code, int(match[3] or 0), int(match[4] or 0))  # type: ignore[arg-type]
        _check(sheet)
    except ValueError as error:
        raise DamagedPayloadError(text) from error
    return sheet


def _check(sheet: Sheet) -> None:
    parsed = codes.parse_file_code(sheet.code, inventory=True)
    if parsed is None or str(parsed) != sheet.code:
        raise ValueError(f"not a file code: {sheet.code}")
    if not 0 <= sheet.ordinal < 10 ** codes.ORDINAL_DIGITS or not 0 <= sheet.count < 1_000_000:
        raise ValueError(f"out of range: {sheet}")
    if (sheet.kind == "D") != bool(sheet.ordinal):
        raise ValueError(f"a document's sheet has an ordinal, no other has: {sheet}")


def _checksum(text: str) -> str:
    return f"{binascii.crc_hqx(text.encode(), 0xFFFF):04X}"
