"""How sure each proposal is that was read from the head of a page (headings.py): a figure beside it, nothing more.

It must never fill in, change or drop a field: a person decides, and sees how far the reading can be trusted.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from archive.fields import recognise
from archive.spelling import fold, plain

RULES = Path(__file__).with_suffix(".toml")
TAGS = ("typeName", "codeNumber", "codeNotation", "issuedDate", "organName", "subject")


@cache
def _figures() -> dict[str, float]:
    with RULES.open("rb") as stream:
        return {name: float(figure) for name, figure in tomllib.load(stream).items()}


def sureness(heading: Mapping[str, Any], text: str, doubtful: Mapping[str, float] | None = None,
             mean: float | None = None) -> dict[str, float]:
    """For each proposal of `heading` a confidence, 0 to 1.

    It begins with how strict the pattern is by which the field is found (proposals.toml), rises or falls as a second
    place on the page agrees or differs (the notation names the type and the year, the authority or the signature the
    body), and is for a scan never above what the reader was sure of: `doubtful` are the words of the page that it
    doubts, with their confidence (0 to 100), `mean` is that of all its words.
    """
    figures = _figures()
    found = {tag: figures[tag] for tag in TAGS if heading.get(tag)}
    for tag, told in _second(heading, text).items():
        if tag in found:
            found[tag] = min(1.0, found[tag] + figures["agrees"]) if told else found[tag] * figures["differs"]
    for tag in heading.get("fromAnnex", ()):
        if tag in found:
            found[tag] *= figures["annex"]
    if mean is not None:
        found = {tag: sure * _read(str(heading[tag]), doubtful or {}, mean) for tag, sure in found.items()}
    return {tag: round(sure, 2) for tag, sure in found.items()}


def _second(heading: Mapping[str, Any], text: str) -> dict[str, bool]:
    """The fields of which a second place on the page tells something: whether it agrees."""
    told: dict[str, bool] = {}
    notation = str(heading.get("codeNotation", ""))
    year = re.match(r"(?:19|20)\d\d(?=/)", notation)
    date = str(heading.get("issuedDate", ""))
    if year and date:
        told["issuedDate"] = told["codeNotation"] = date.endswith(year[0])
    named = recognise(re.split(r"[-–/]", notation[year.end() + 1:] if year else notation)[0]) if notation else None
    if named is not None and heading.get("typeName"):
        told["typeName"] = plain(named.name) == plain(str(heading["typeName"]))
    elif named is None and heading.get("typeName") == "Công văn":
        told["typeName"] = True                     # a letter's notation has no abbreviation of a type
    body = fold(str(heading.get("organName", "")))
    if body and fold(text).count(body) > 1:
        told["organName"] = True
    return told


def _read(value: str, doubtful: Mapping[str, float], mean: float) -> float:
    """How sure the reader was of a value: of the least sure of its words, else of the page, and never below 0."""
    words = {fold(word) for word in re.findall(r"\w+", value)}
    least = min((sure for token, sure in doubtful.items() if words & {fold(one) for one in re.findall(r"\w+", token)}),
                default=max(mean, _figures()["sure_word"]))
    return max(0.0, min(1.0, least / 100))
