"""How documents are named: numbers (số, ký hiệu) as keys, types with their abbreviations.

104/QĐ-UBND is one thing however it is written: printed, without marks, with blanks or other dashes, with or
without a leading zero or the year. As a key of its own a number is found in 0.98 of all spellings; as words in
0.53 to 0.86. This module decides nothing about the law of numbering; an odd number simply gives an odd key.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

from search.alphabet import folded_but_for_signs, written
from search.vietnamese import clean, letters

TYPES = Path(__file__).with_name("document_types.toml")

_GLUE = r"\s{0,2}[/⁄]\s{0,2}"                   # 17 /2019/QĐ-UBND: forms leave room for the digits
_DASH = r"[-–—‐‑/.&]"
_NOTATION = rf"[^\W\d_][^\W_]{{0,15}}(?:\s?{_DASH}\s?[^\W\d_][^\W_]{{0,15}}){{0,6}}"
# The look behind follows the first digit, so that the search runs from digit to digit.
_CITED = re.compile(
    rf"(\d(?<![\w/.,–-]\d)\d{{0,7}}[a-z]?)(?:{_GLUE}((?:19|20)\d\d))?(?:{_GLUE}|[-–])({_NOTATION})")
# The same in a text whose letters are folded (`folded_but_for_signs`).
_CITED_FOLDED = re.compile(
    rb"([0-9](?<![a-z0-9_/.,-][0-9])[0-9]{0,7}[a-z]?)(?:\s{0,2}/\s{0,2}((?:19|20)[0-9][0-9]))?"
    rb"(?:\s{0,2}/\s{0,2}|-)([a-z][a-z0-9]{0,15}(?:\s?[-/.&]\s?[a-z][a-z0-9]{0,15}){0,6})")

_TYPED_HEAD = re.compile(r"0*(\d{1,6}[a-zđ]?)(?![^\W_])")
_TYPED_YEAR = re.compile(r"(?:\s*[/⁄]\s*|[-–—‐‑.]|\s+)((?:19|20)\d\d)(?![^\W_])")
_TYPED_SLASH = re.compile(r"(?:\s*[/⁄]\s*|[-–—‐‑.]|\s[-–—‐‑]\s)(?=[^\W\d_])")
_TYPED_BLANK = re.compile(r"\s+(?=[^\W\d_])")
_TYPED_PART = re.compile(r"[^\W_]{1,16}")
_SYLLABLE = re.compile(
    r"(?:ngh?|gh|gi|kh|ph|qu|t[hr]|ch|nh|[bcdghklmnpqrstvx])?[aeiouy]{1,3}(?:n[gh]|ch|[cmnpt])?")


@dataclass(frozen=True, slots=True)
class DocumentType:
    """A type of document as people name it: its full name, the code of TT 05/2025, its abbreviations."""

    name: str
    code: str
    short: tuple[str, ...]


@cache
def document_types() -> tuple[DocumentType, ...]:
    """All types of document_types.toml, in its order."""
    with TYPES.open("rb") as stream:
        return tuple(DocumentType(entry["name"], entry["code"], tuple(entry["short"]))
                     for entry in tomllib.load(stream)["type"])


@cache
def _kinds() -> frozenset[str]:
    return frozenset(letters(short) for kind in document_types() for short in kind.short)


@dataclass(frozen=True, slots=True)
class DocumentNumber:
    """A number taken apart: "35", "2016", ("qd", "ubnd"); year and notation may be missing."""

    digits: str
    year: str = ""
    notation: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """The one spelling under which every way of writing this number is known: 35/2016/qdubnd."""
        return "/".join(part for part in (self.digits, self.year, "".join(self.notation)) if part)

    @property
    def loose_key(self) -> str:
        """The key without the year, which people leave out."""
        return "/".join(part for part in (self.digits, "".join(self.notation)) if part)

    def short_keys(self, issued_year: str = "") -> set[str]:
        """The keys of all shorter ways to name this number; with the year of issue where it bears none."""
        years = {"", self.year, issued_year}
        tails = {"", "".join(self.notation), *self.notation[:1]}
        return {"/".join(part for part in (self.digits, year, tail) if part)
                for year in years for tail in tails} - {self.key}


def number_of(number: str, notation: str) -> DocumentNumber | None:
    """The number that a record's two fields give; None when they hold no digits.

    Agencies fill them in several ways: "104" and "QĐ-UBND", "35" and "2016/QĐ-UBND", or all in either field.
    """
    for typed in (f"{number}/{notation}" if notation else number, notation, number):
        found = read_number(typed.strip())
        if found is not None and found[1] == len(typed.strip()):
            return found[0]
    found = read_number(number.strip())
    return found[0] if found else None


def read_number(text: str, start: int = 0) -> tuple[DocumentNumber, int] | None:
    """The document number typed at `start`, and where it ends; None when there is no digit.

    With slashes or dashes any notation is taken (104/QĐ-UBND, 12-NQ/TW). With blanks only (104 qd ubnd) the
    first part must be a known abbreviation of a type, and further ones must not read as a syllable.
    """
    head = _TYPED_HEAD.match(text, start)
    if head is None:
        return None
    end, year = head.end(), ""
    if with_year := _TYPED_YEAR.match(text, end):
        year, end = with_year.group(1), with_year.end()
    parts: list[str] = []
    dashed = False                            # once a dash has joined two parts, a blank ends the notation
    while len(parts) < 8:
        joint = _TYPED_SLASH.match(text, end)
        blank = None if joint or dashed else _TYPED_BLANK.match(text, end)
        place = joint or blank
        if place is None or (part := _TYPED_PART.match(text, place.end())) is None:
            break
        plain = letters(part.group())
        if blank and (_SYLLABLE.fullmatch(plain) if parts else plain not in _kinds()):
            break
        dashed = bool(parts and joint)
        parts.append(plain)
        end = part.end()
    if not parts and year and text[head.end()].isspace():
        year, end = "", head.end()            # "104 2019" are two words, no number and year
    return DocumentNumber(letters(head.group(1)), year, tuple(parts)), end


def cited_keys(text: str) -> set[str]:
    """The keys of all document numbers that `text` mentions, each with and without its year."""
    return set(cited_in(written(clean(text))))


def cited_in(data: bytes) -> Iterator[str]:
    """The same for a clean text as `search.alphabet.written` gives it; a key may come more than once."""
    for digits, year, notation in _CITED_FOLDED.findall(folded_but_for_signs(data)):
        short = digits.lstrip(b"0").decode() or "0"
        # A blank may be a line break inside the notation or the dash of the sentence: both readings count.
        for joined in {_only_letters(notation), _only_letters(notation.split(maxsplit=1)[0])}:
            yield f"{short}/{joined}"
            if year:
                yield f"{short}/{year.decode()}/{joined}"


def _only_letters(notation: bytes) -> str:
    return notation.translate(None, b"-/.& \t\n\f").decode("ascii")


def cited_places(text: str) -> Iterator[tuple[str, int, int]]:
    """The longest reading of each document number that `text` mentions: its key, where it begins and ends."""
    low = text.lower()
    for found in _CITED.finditer(low if len(low) == len(text) else text):
        digits, year, notation = found.groups()
        head = notation.split(maxsplit=1)[0]
        if head != notation and not re.match(r"[-–—‐‑/&]|[^-–—‐‑/&]*[-–—‐‑/&]$", notation[len(head):].lstrip() or head):
            notation = head                   # "35/2016/QĐ-UBND ngày": the next word is none of it
        key = "/".join(part for part in (digits.lstrip("0") or "0", year, _joined(notation.lower())) if part)
        yield key, found.start(), found.start(3) + len(notation)


@lru_cache(maxsize=10_000)
def _joined(notation: str) -> str:
    return "".join(letter for letter in letters(notation) if letter.isalnum())


def type_name(code: str) -> str:
    """The name of the type with this code of TT 05/2025; empty for an unknown code."""
    return next((kind.name for kind in document_types() if kind.code == code), "")


def types_named(typed: str) -> tuple[str, ...]:
    """Full names of the types that `typed` can mean (an abbreviation or a code); itself when it is none.

    HĐ and HD differ by one mark only: typed with it, one is meant; typed without, both are.
    """
    wanted = clean(typed).strip().lower()
    with_marks = tuple(kind.name for kind in document_types()
                       if wanted == kind.code or any(wanted == clean(short).lower() for short in kind.short))
    without = tuple(kind.name for kind in document_types()
                    if any(wanted == letters(short) for short in kind.short))
    if wanted.isascii():
        return tuple(dict.fromkeys((*with_marks, *without))) or (typed,)
    return with_marks or (typed,)
