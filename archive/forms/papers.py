"""The papers of the law: one kind and its data become a page to sign (PDF/A-2u) or a Word file to edit (DOCX).

Both come from the same content: the table papers/<kind>.toml says what stands on a paper in which order, data fill it,
papers/nd30.typ (NĐ 30/2020/NĐ-CP Phụ lục I) or docx_writing.py lays it out. papers.toml says what each paper is called,
on which article it rests and how sure we are of its form. Papers of the law are Vietnamese.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from archive.forms.filling import PaperError, fill, names

FOLDER = Path(__file__).with_name("papers")
_PAGE = FOLDER / "paper.typ"


@dataclass(frozen=True, slots=True)
class Paper:
    """A kind of paper: its name, the article it rests on, and how sure its form is: official, secondary or own."""

    kind: str
    name: str
    article: str
    certainty: str
    note: str = ""


def paper(kind: str, data: Mapping[str, Any], *, made: datetime) -> bytes:
    """The paper as PDF/A-2u; the same data and `made` (the date of the file) give the same bytes.

    `data` are the values that papers/<kind>.toml names, JSON-ready, days as "YYYY-MM-DD"; what is missing becomes dots.
    `check` ({"name", "hash"}) puts a hash and its square code at the foot of every page.
    Raises PaperError for an unknown kind or value, FontMissingError when no font with Vietnamese letters is there.
    """
    from archive.forms.long_papers import set_paper

    told = content(kind, data)
    if told["check"]:
        told["check"]["squares"] = _squares(told["check"]["code"])
    told["replaced"] = "□: chữ không in được bằng phông chữ này."
    return set_paper(_PAGE, told, title=_title(kind, told), made=made)


def docx(kind: str, data: Mapping[str, Any], *, made: datetime) -> bytes:
    """The same paper as an editable Word file (ISO/IEC 29500). Raises PaperError as `paper` does."""
    from archive.forms.docx_writing import write

    told = content(kind, data)
    return write(told, title=_title(kind, told), made=made)


def values(kind: str) -> set[str]:
    """The names of the values that this kind of paper may be given. Raises PaperError for an unknown kind."""
    return names(_table(kind)) | {"check"}


def content(kind: str, data: Mapping[str, Any]) -> dict[str, Any]:
    """What stands on the paper, as text in blocks. Raises PaperError for an unknown kind or value."""
    check = data.get("check")
    made = fill(_table(kind), data)
    made["check"] = {"name": check["name"], "hash": check["hash"], "code": f"luutru:sha256:{check['hash']}"
                     } if check else None
    return made


@cache
def kinds() -> Mapping[str, Paper]:
    """Every kind of paper that can be printed, in the order of papers.toml."""
    with Path(__file__).with_name("papers.toml").open("rb") as stream:
        return {kind: Paper(kind, **told) for kind, told in tomllib.load(stream).items()}


@cache
def _table(kind: str) -> Mapping[str, Any]:
    if kind not in kinds():
        raise PaperError(f"no such paper: {kind}")
    with (FOLDER / f"{kind}.toml").open("rb") as stream:
        return tomllib.load(stream)


def _title(kind: str, told: Mapping[str, Any]) -> str:
    return f"{kinds()[kind].name}" + (f": {told['subject']}" if told["subject"] else "")


def _squares(text: str) -> list[list[int]]:
    """The modules of a QR code (ISO/IEC 18004, error correction M) with its quiet zone: 0 is dark, 255 light."""
    import numpy
    import zxingcpp

    code = zxingcpp.create_barcode(text, zxingcpp.BarcodeFormat.QRCode, ec_level="M")
    modules: list[list[int]] = numpy.asarray(code.to_image(scale=1)).tolist()
    return modules
