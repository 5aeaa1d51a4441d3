"""What a person types into the search field, as a small tree that any engine can run.

Words, "phrases", -not, field:value (số, loại, cơ quan, hồ sơ, ký, trích yếu, năm, từ, đến) and document codes
with their hyphens and slashes. No input is an error: what cannot be read as meant becomes words or is left
out, and a remark says so.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from typing import Literal

from archive.i18n import _
from search.aliases import BUILT_IN, Aliases
from search.dates import days, spellings, typed_at
from search.numbers import DocumentNumber, document_types, read_number, types_named
from search.vietnamese import clean, fold, letters, streams

LONGEST_QUERY = 1000
"""More is cut, characters: nobody types it, and a pasted page would make thousands of terms."""

Field = Literal["number", "type", "organ", "case_file", "signer", "subject", "cited"]

FIELDS: dict[str, str] = {
    "so": "number", "sohieu": "number", "sokyhieu": "number", "number": "number",
    "loai": "type", "type": "type",
    "coquan": "organ", "cq": "organ", "organ": "organ", "agency": "organ",
    "hoso": "case_file", "hs": "case_file", "casefile": "case_file",
    "ky": "signer", "nguoiky": "signer", "signer": "signer",
    "trichyeu": "subject", "subject": "subject", "title": "subject",
    "nam": "year", "year": "year", "tu": "from", "from": "from", "den": "to", "to": "to",
    "ngay": "day", "date": "day", "viendan": "cited", "cites": "cited",
    "phong": "fonds", "fonds": "fonds",
}
"""Every name under which a field can be typed, without marks and hyphens: số: and so:, cơ-quan: and coquan: are one."""

_QUOTES = {'"': '"', "“": "”", "”": "”", "„": "”", "«": "»"}
_FIELD = re.compile(r"([^\W\d_]{2,10}(?:-[^\W\d_]{1,6}){0,2}):\s?(?=[^\s:])")
_CHUNK = re.compile(r"[^\s\"“”„«»]+")


@dataclass(frozen=True, slots=True)
class Word:
    """One word that must occur, or one of the phrases (folded) that say the same: UBND, ủy ban nhân dân."""

    folded: str
    exact: str
    also: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class Phrase:
    """Words that must follow one another: quoted (with the marks as typed) or joined as in 02091-C-71.

    A day or month (`days`, first and last) is also found where it is written in another way (`also`, folded) and where
    a document is issued then.
    """

    folded: tuple[str, ...]
    exact: tuple[str, ...]
    quoted: bool
    also: tuple[tuple[str, ...], ...] = ()
    days: tuple[int, int] | None = None

    @property
    def marked(self) -> bool:
        """Whether the marks that were typed are to be kept."""
        return self.quoted and self.folded != self.exact


@dataclass(frozen=True, slots=True)
class Number:
    """A document number: the document itself, one that cites it, or its parts as words."""

    number: DocumentNumber
    folded: tuple[str, ...]
    exact: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FieldIs:
    """A field with a value: any of `values`, as the words of the field or (`whole`) as all that is in it."""

    field: Field
    values: tuple[str, ...]
    number: DocumentNumber | None = None
    whole: bool = False


@dataclass(frozen=True, slots=True)
class Issued:
    """The day of issue lies within these days (YYYYMMDD, both included; None: open)."""

    first: int | None
    last: int | None


@dataclass(frozen=True, slots=True)
class Key:
    """A key as it is in the index: what somebody may know of (access), single documents, a chosen facet."""

    field: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Begins:
    """A field has a word or key that begins so: what a person is still typing."""

    field: str
    start: str


Part = Word | Phrase | Number | FieldIs | Issued | Key | Begins


@dataclass(frozen=True, slots=True)
class Clause:
    """One part of a query; `negative` when it must not be so; `typed` as the person wrote it."""

    part: Part
    negative: bool
    typed: str


@dataclass(frozen=True, slots=True)
class Query:
    """What was typed, as clauses that must all be met, with remarks on what could not be read as meant."""

    typed: str
    clauses: tuple[Clause, ...]
    remarks: tuple[str, ...] = ()

    @property
    def wanted(self) -> tuple[Word | Phrase | Number, ...]:
        """The parts that look for words, in their order, without the negative ones."""
        return tuple(clause.part for clause in self.clauses
                     if not clause.negative and isinstance(clause.part, Word | Phrase | Number))

    @property
    def folded(self) -> tuple[str, ...]:
        """All words looked for, folded: what ranking takes for the whole phrase."""
        return tuple(word for part in self.wanted for word in _words(part)[0])

    @property
    def exact(self) -> tuple[str, ...]:
        """All words looked for, with their marks."""
        return tuple(word for part in self.wanted for word in _words(part)[1])


def _words(part: Word | Phrase | Number) -> tuple[tuple[str, ...], tuple[str, ...]]:
    if isinstance(part, Word):
        return (part.folded,), (part.exact,)
    return part.folded, part.exact


def parse(typed: str, aliases: Aliases = BUILT_IN) -> Query:
    """Read what a person typed. Never raises: what is odd becomes words or a remark."""
    text, remarks = clean(typed).strip(), []
    if len(text) > LONGEST_QUERY:
        text = text[:LONGEST_QUERY]
        remarks.append(_("the query was cut after {n} characters").format(n=LONGEST_QUERY))
    clauses: list[Clause] = []
    place = 0
    while place < len(text):
        if text[place].isspace():
            place += 1
            continue
        start = place
        negative = text[place] == "-" and place + 1 < len(text) and (text[place + 1].isalnum()
                                                                     or text[place + 1] in _QUOTES)
        place, parts = _read_part(text, place + negative, remarks, aliases)
        clauses += [Clause(part, negative, text[start:place].strip()) for part in parts]
    return Query(text, tuple(_with_aliases(list(_without_so(clauses)), aliases)), tuple(remarks))


def _read_part(text: str, place: int, remarks: list[str], aliases: Aliases) -> tuple[int, list[Part]]:
    """Read what stands at `place`: the place after it, and its parts (none for mere punctuation)."""
    if text[place] in _QUOTES:
        inside, place = _quoted(text, place, remarks)
        return place, _phrase(inside, quoted=True)
    if (named := _FIELD.match(text, place)) and (field := FIELDS.get(letters(named.group(1)).replace("-", ""))):
        return _read_field(text, named.end(), field, named.group(), remarks, aliases)
    if dated := typed_at(text, place):
        end, (first, last) = dated
        words = streams(text[place:end])
        return end, [Phrase(tuple(words.folded), tuple(words.exact), False, spellings(first, last), (first, last))]
    if (number := read_number(text, place)) and number[0].notation and _ends_well(text, number[1]):
        return number[1], [_number(number[0], text[place:number[1]])]
    chunk = _CHUNK.match(text, place)
    if chunk is None:                        # a closing quote without its opening one
        return place + 1, []
    return chunk.end(), _phrase(chunk.group(), quoted=False)


def _read_field(text: str, place: int, field: str, name: str, remarks: list[str],
                aliases: Aliases) -> tuple[int, list[Part]]:
    if text[place] in _QUOTES:
        value, place = _quoted(text, place, remarks)
    elif field in {"number", "cited"} and (number := read_number(text, place)) and _ends_well(text, number[1]):
        value, place = text[place:number[1]], number[1]
    elif field == "type" and (end := _type_ends(text, place)):
        value, place = text[place:end], end
    else:
        chunk = _CHUNK.match(text, place)
        value, place = (chunk.group(), chunk.end()) if chunk else ("", place + 1)
    part = field_part(field, value, aliases=aliases)
    if part is None and field in {"year", "from", "to", "day"}:
        remarks.append(_("“{typed}” is no date and was left out").format(typed=name + value))
        return place, []
    if part is None:
        remarks.append(_("“{typed}” was not understood and is searched as words").format(typed=name + value))
        return place, _phrase(value, quoted=False)
    return place, [part]


def _type_ends(text: str, place: int) -> int:
    """Where the name of a type ends that stands at `place` without quotes ("loai:tờ trình"); 0: none."""
    names = {fold(kind.name) for kind in document_types()}
    ends = [match.end() for match in islice(_CHUNK.finditer(text, place), 4)]
    return next((end for end in reversed(ends) if fold(text[place:end]) in names), 0)


def field_part(field: str, value: str, *, whole: bool = False, aliases: Aliases = BUILT_IN) -> Part | None:
    """The part that asks for `value` in a field (a value of FIELDS); None when that makes no sense."""
    match field:
        case "year" | "from" | "to" | "day":
            return _issued(field, value)
        case "number" | "cited":
            read = read_number(value.strip())
            if read is None or read[1] != len(value.strip()):
                return None
            return FieldIs("number" if field == "number" else "cited", (read[0].key,), read[0])
        case "fonds":
            return Key("facet_fonds", (value.strip(),)) if value.strip() else None
        case "type":
            return FieldIs("type", types_named(value)) if streams(value).folded else None
        case "organ" | "case_file" | "signer" | "subject":
            values = aliases.names(value.strip()) if field == "organ" else (value.strip(),)
            return FieldIs(field, values, whole=whole) if streams(value).folded else None
    return None


def _issued(field: str, value: str) -> Issued | None:
    first, dash, last = value.replace("..", "-").partition("-") if field == "year" else (value, "", "")
    begin, end = days(first), days(last if dash else first)
    if begin is None or end is None or begin[0] > end[1]:
        return None
    if field == "to":
        return Issued(None, end[1])
    return Issued(begin[0], None if field == "from" else end[1])


def _quoted(text: str, place: int, remarks: list[str]) -> tuple[str, int]:
    close = text.find(_QUOTES[text[place]], place + 1)
    if close < 0 and text[place] != '"':     # “ typed, " at the end: keyboards and editors mix them
        close = text.find('"', place + 1)
    if close < 0:
        remarks.append(_("the closing quotation mark is missing"))
        close = len(text)
    return text[place + 1:close], close + 1


def _phrase(text: str, *, quoted: bool) -> list[Part]:
    words = streams(text)
    if len(words.folded) == 1 and not (quoted and words.marked):
        return [Word(words.folded[0], words.exact[0])]
    return [Phrase(tuple(words.folded), tuple(words.exact), quoted)] if words.folded else []


def _number(number: DocumentNumber, typed: str) -> Number:
    words = streams(typed)
    return Number(number, tuple(words.folded), tuple(words.exact))


def _ends_well(text: str, place: int) -> bool:
    return place >= len(text) or text[place].isspace() or text[place] in _QUOTES or text[place] in ",;.)?!"


def _without_so(clauses: list[Clause]) -> Iterator[Clause]:
    """Leave out "số" before a document number: it belongs to the number, and not every document prints it."""
    for n, clause in enumerate(clauses):
        following = clauses[n + 1].part if n + 1 < len(clauses) else None
        if isinstance(clause.part, Word) and clause.part.folded == "so" and isinstance(following, Number):
            continue
        yield clause


def _with_aliases(clauses: list[Clause], aliases: Aliases) -> Iterator[Clause]:
    """Let each word stand for the phrases that say the same, and each word of such a phrase for the abbreviation."""
    words = [one.part.folded if isinstance(one.part, Word) and not one.negative else "" for one in clauses]
    others = aliases.of_words(words)
    for n, (one, also) in enumerate(zip(clauses, others, strict=True)):
        if words[n] and _numbered(clauses[n + 1:n + 3]):
            also = (*also, *_types_of(one.typed))
        yield replace(one, part=replace(one.part, also=also)) if also and isinstance(one.part, Word) else one


def _numbered(following: list[Clause]) -> bool:
    """Whether a number comes next, perhaps after "số"."""
    if following and isinstance(following[0].part, Word) and following[0].part.folded == "so":
        following = following[1:]
    return bool(following) and (isinstance(following[0].part, Number) or (
        isinstance(following[0].part, Word) and following[0].part.folded.isdigit()))


def _types_of(typed: str) -> tuple[tuple[str, ...], ...]:
    """The types, folded, for which `typed` is short: no công văn says CV, but people type "CV 318"."""
    return tuple(tuple(fold(name).split()) for name in types_named(typed) if name != typed)


def describe(query: Query) -> str:
    """One sentence that says how the query was understood, in the language of the moment."""
    words = " ".join(clause.typed for clause in query.clauses
                     if isinstance(clause.part, Word) and not clause.negative)
    said = [_("all of the words: {words}").format(words=words)] if words else []
    for clause in query.clauses:
        if isinstance(clause.part, Begins) or (isinstance(clause.part, Key) and not clause.typed):
            continue
        if clause.negative:
            said.append(_("without: {what}").format(what=clause.typed[1:]))
        elif not isinstance(clause.part, Word):
            said.append(_describe(clause.part, clause.typed))
    return "; ".join([*(said or [_("all documents, newest first")]), *query.remarks])


def _describe(part: Part, typed: str) -> str:
    match part:
        case Phrase(days=(first, _last)):
            return _("the date {date}, of issue or in the text").format(
                date=_day(first) if first == _last else _day(first)[3:])
        case Phrase():
            return _("the phrase “{phrase}”").format(phrase=typed.strip('"“”„«»'))
        case Number():
            return _("the number {number}, its own or cited").format(number=typed)
        case FieldIs(field="number" | "cited" as field):
            return f"{_field_name(field)}: {typed.partition(':')[2].strip()}"
        case FieldIs(field=field, values=values):
            return f"{_field_name(field)}: {' / '.join(values)}"
        case Issued(first=first, last=last):
            return _("issued: {first} – {last}").format(first=_day(first), last=_day(last))
        case _:
            return typed


def _field_name(field: Field) -> str:
    return {"number": _("number"), "type": _("type"), "organ": _("agency"), "case_file": _("case file"),
            "signer": _("signer"), "subject": _("subject"), "cited": _("cites")}[field]


def _day(day: int | None) -> str:
    return f"{day % 100:02d}/{day // 100 % 100:02d}/{day // 10000}" if day else "…"
