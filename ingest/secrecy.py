"""The secrecy gate: tells documents that bear Mật, Tối mật or Tuyệt mật from documents that speak about secrecy.

State secrets may not enter a networked system (PY Đ4.1, LS Đ1.2, DN Đ1, LA Đ1.2). A mark is a line of its own in
capitals where stamps stand; words in a sentence are none. What is found here never repeats the document's content.
Spellings, places and distances live in secrecy.toml.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from archive.findings import Finding, finding
from search.vietnamese import letters as without_marks

_RULES = Path(__file__).with_suffix(".toml")
_SP = r"[ \t\u00a0.·]*"                      # a letter-spaced stamp, or OCR that parts a word
_NOISE = r"(?:[^\w\n]|_)*"                   # the box of a stamp, read as signs
_BOX = r"(?:[Il1!ijJ][ \t|]+)?"              # … or as a thin letter
_BOX_AFTER = r"(?:[ \t|]+[Il1!ijJ])?"
_QUOTES = frozenset("“”\"'‘’«»")
_SHOWN_DOUBTS = 3


@dataclass(frozen=True, slots=True)
class Mark:
    """A line that bears, or may bear, a secrecy mark: which level, on which page (from 1), and how sure."""

    level: str          # level id of secrecy.toml, or the words of a companion stamp
    page: int
    sure: bool
    declassified: bool = False


def secrecy_findings(fields: Mapping[str, str], text: str, subject: str) -> list[Finding]:
    """Findings against a document that bears a secrecy mark, or is barred from the network.

    `fields` are its metadata by tag, `text` its text with a form feed between pages, `subject` the name under which
    it is reported. Refused: a level in a field (CHECK-060), a mark on a page (CHECK-061, with a declassification
    stamp CHECK-065), a value of the secrecy field that is not understood (CHECK-062), barred from the network
    (CHECK-063). Warning: a line that a person should look at (CHECK-064).
    """
    return [*_in_fields(fields, subject), *_on_pages(text, subject)]


def name_findings(name: str, subject: str) -> list[Finding]:
    """The same for a received path: a folder named "Mật", a file "[MẬT] …" (CHECK-060)."""
    rules = _rules()
    for place in unicodedata.normalize("NFC", name).replace("\\", "/").split("/"):
        level = rules.levels_by_word.get(place) or _bracketed(place)
        if level:
            return [_field_finding(subject, "name", level)]
    return []


def marks(text: str) -> list[Mark]:
    """Every line of `text` (a form feed between pages) that bears or may bear a mark, in reading order."""
    text = unicodedata.normalize("NFC", text)
    rules = _rules()
    return [mark for number, page in enumerate(text.split("\f"), 1) if rules.hint.search(page)
            for mark in _page_marks(page, number, rules)]


def stamp_findings(text: str, page: int, subject: str) -> list[Finding]:
    """The finding for a short text that stands by itself, such as a note laid over `page`, when it is a mark."""
    found = _rules().line.match(unicodedata.normalize("NFC", text).strip())
    return [_page_finding(subject, page, _rules().level_of(_said(found)))] if found else []


# --- fields ---------------------------------------------------------------------------------------------------


def _in_fields(fields: Mapping[str, str], subject: str) -> list[Finding]:
    rules = _rules()
    found: list[Finding] = []
    for field, raw in fields.items():
        value = unicodedata.normalize("NFC", raw).strip()
        folded = _folded(value)
        level = ""
        if field in rules.stating:
            level = rules.words.get(folded) or rules.codes.get(folded, "") or _first_level(value, rules)
            if not level and folded not in rules.none:
                found.append(finding("CHECK-062", subject, field=field))
        elif field in rules.listing:
            level = "mat" if folded in rules.field_codes.get(field, ()) else _first_level(value, rules)
        level = level or _bracketed(value)
        if level:
            found.append(_field_finding(subject, field, level))
        if any(_folded(part) in rules.barred for part in re.split(r"[.;()\[\]]", value)):
            found.append(finding("CHECK-063", subject, where=f"trường “{field}”", where_en=f"field “{field}”"))
    return found


def _first_level(value: str, rules: _Rules) -> str:
    """The level that a part of a list such as "Mật; Khẩn" or "03 - Mật" names."""
    return next((rules.words[part] for part in map(_folded, re.split(r"[,;/|+()\[\]:–-]", value))
                 if part in rules.words), "")


def _bracketed(value: str) -> str:
    """The level of "[MẬT] …", "MẬT - …", "… (Tối mật)" or "độ mật: Mật" in free text."""
    rules = _rules()
    found = rules.bracketed.search(value)
    return rules.words[_folded(_said(found))] if found else ""


def _said(found: re.Match[str]) -> str:
    """The level in a match: each pattern has one group for each place where it may stand."""
    return next(group for group in found.groups() if group)


@lru_cache(maxsize=4096)     # fields of many documents say the same
def _folded(value: str) -> str:
    return " ".join(without_marks(value).split())


def _field_finding(subject: str, field: str, level: str) -> Finding:
    name = _rules().levels[level]
    return finding("CHECK-060", subject, field=field, secrecy=name["vi"], secrecy_en=name["en"])


# --- pages ----------------------------------------------------------------------------------------------------


def _on_pages(text: str, subject: str) -> list[Finding]:
    rules = _rules()
    seen = marks(text)
    found: list[Finding] = []
    sure = next((mark for mark in seen if mark.sure), None)
    if sure:
        found.append(_page_finding(subject, sure.page, sure.level, declassified=sure.declassified))
    else:
        pages = sorted({mark.page for mark in seen})
        found += [finding("CHECK-064", subject, page=page) for page in pages[:_SHOWN_DOUBTS]]
    for number, page in enumerate(text.split("\f"), 1):
        head = [line for line in page.splitlines() if line.strip()][:rules.head_lines]
        if any(_folded(line.strip(" \t.()[]*|-–_")) in rules.barred for line in head if len(line) < 120):
            found.append(finding("CHECK-063", subject, where=f"trang {number}", where_en=f"page {number}"))
            break
    return found


def _page_finding(subject: str, page: int, level: str, *, declassified: bool = False) -> Finding:
    name = _rules().levels.get(level, {"vi": level, "en": level})
    code = "CHECK-065" if declassified else "CHECK-061"
    return finding(code, subject, page=page, secrecy=name["vi"], secrecy_en=name["en"])


@dataclass(slots=True)
class _Candidate:
    at: int
    level: str
    exact: bool
    quoted: bool


def _page_marks(page: str, number: int, rules: _Rules) -> Iterable[Mark]:
    lines = [line.strip() for line in page.splitlines() if line.strip()]
    head = rules.head_lines if number == 1 else rules.later_head_lines
    anchors = [at for at, line in enumerate(lines) if line.upper().startswith(rules.anchors)
               or any(anchor in line for anchor in rules.anchors)]
    candidates = list(_candidates(lines, head, anchors, rules))
    stamped = any(rules.declassified.fullmatch(line) for line in lines)
    for candidate in candidates:
        near_head = candidate.at < head or any(abs(candidate.at - at) <= rules.anchor_lines for at in anchors)
        placed = near_head or (candidate.exact and candidate.at >= len(lines) - rules.end_lines)
        if not candidate.exact and not near_head:
            continue
        if candidate.quoted and not near_head:
            continue
        doubtful = candidate.quoted or any(
            other.level != candidate.level and abs(other.at - candidate.at) <= rules.table_lines
            for other in candidates) or _about_stamps(lines, candidate.at, rules)
        yield Mark(candidate.level, number, placed and not doubtful, stamped)
    for at, line in enumerate(lines[:head]):
        plain = line.strip(" .|*[]()_-–").upper()
        if plain in rules.companions:
            yield Mark(plain, number, rules.companions[plain] and not _about_stamps(lines, at, rules), stamped)


def _candidates(lines: list[str], head: int, anchors: list[int], rules: _Rules) -> Iterable[_Candidate]:
    for at, line in enumerate(lines):
        if len(line) > 200:
            continue
        found = rules.line.match(line)
        if found is None and (at < head or any(abs(at - anchor) <= rules.anchor_lines for anchor in anchors)):
            found = next((hit for pattern in rules.merged if (hit := pattern.search(line))), None)
            if found is None and at and rules.label_alone.match(lines[at - 1]):
                found = rules.level_alone.match(line)
        if found is None or _wrapped(lines, at, rules):
            continue
        mark = _said(found)
        exact = "ậ" in mark.lower()
        quoted = line[:1] in _QUOTES and line.rstrip(".,;")[-1:] in _QUOTES
        yield _Candidate(at, rules.level_of(mark), exact, quoted)


def _wrapped(lines: list[str], at: int, rules: _Rules) -> bool:
    """Whether the line is the rest of a heading such as "KẾ HOẠCH BẢO VỆ BÍ / MẬT"."""
    before = lines[at - 1].rstrip(" ,").split() if at else []
    after = lines[at + 1] if at + 1 < len(lines) else ""
    return (len(before) >= 3 and before[-1] in rules.joined_before) or after.startswith(rules.joined_after)


def _about_stamps(lines: list[str], at: int, rules: _Rules) -> bool:
    """Whether the lines around describe stamps: a rule or a form, not a stamped document."""
    around = " ".join(lines[max(0, at - rules.about_lines):at + rules.about_lines + 1]).lower()
    return sum(word in around for word in rules.about_stamps) >= 2


# --- rules ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Rules:
    levels: Mapping[str, Mapping[str, Any]]
    words: Mapping[str, str]                     # folded spelling → level id
    codes: Mapping[str, str]
    levels_by_word: Mapping[str, str]            # "MẬT", "Mật" → level id
    stating: frozenset[str]
    none: frozenset[str]
    listing: frozenset[str]
    field_codes: Mapping[str, frozenset[str]]
    barred: frozenset[str]
    hint: re.Pattern[str]                        # a page without this has no mark: most pages end here
    line: re.Pattern[str]
    merged: tuple[re.Pattern[str], ...]
    label_alone: re.Pattern[str]
    level_alone: re.Pattern[str]
    bracketed: re.Pattern[str]
    declassified: re.Pattern[str]
    companions: Mapping[str, bool]
    joined_before: frozenset[str]
    joined_after: tuple[str, ...]
    anchors: tuple[str, ...]
    about_stamps: tuple[str, ...]
    anchor_lines: int
    table_lines: int
    head_lines: int
    later_head_lines: int
    end_lines: int
    about_lines: int

    def level_of(self, mark: str) -> str:
        """The level id of a mark as read, with its OCR faults."""
        first = re.sub(_SP, "", mark).upper()
        return "tuyet_mat" if first.startswith("TU") else "toi_mat" if first.startswith("T") else "mat"


@cache
def _rules() -> _Rules:
    with _RULES.open("rb") as stream:
        raw = tomllib.load(stream)
    levels, stamp, fields = raw["levels"], raw["stamp"], raw["fields"]
    mat = rf"M{_SP}[{stamp['mat_vowels']}]{_SP}(?:[{stamp['mat_vowels']}]{_SP})?T"    # OCR may read a letter twice
    read = (rf"((?:(?:T{_SP}U{_SP}Y{_SP}[{stamp['tuyet_vowels']}]{_SP}T|T{_SP}[{stamp['toi_vowels']}]{_SP}I)"
            rf"{_SP})?{mat})")
    capitals = "((?:TUYỆT |TỐI )?MẬT)"
    any_case = "((?i:tuyệt mật|tối mật|mật))"
    label = rf"(?i:{'|'.join(map(re.escape, stamp['labels']))})"
    end = rf"{_BOX_AFTER}{_NOISE}$"
    return _Rules(
        levels=levels,
        words={word: level for level, entry in levels.items() for word in entry["words"]},
        codes={code: level for level, entry in levels.items() for code in entry["codes"]},
        levels_by_word={spelling: level for level, entry in levels.items()
                        for spelling in (entry["vi"], entry["vi"].capitalize())},
        stating=frozenset(fields["stating"]), none=frozenset(fields["none"]), listing=frozenset(fields["listing"]),
        field_codes={field: frozenset(codes) for field, codes in fields["codes"].items()},
        barred=frozenset(map(_folded, raw["network"]["phrases"])),
        hint=re.compile(rf"{mat}|(?i:mật)"),
        line=re.compile(rf"{_NOISE}{_BOX}(?:{read}{end}|{label}\s*[:.]?\s*{any_case}{end})"),
        merged=(
            re.compile(rf"^{_NOISE}(?i:số)\s*[:.]?\s*.{{0,40}}?/\S{{2,40}}\s+[\W_]*{read}(?!\w)"),
            re.compile(rf"^{_NOISE}{read}\s+\W*[^\W\d].{{0,60}}\b(?i:ngày)\s+[\d.…]{{1,6}}\s*(?i:tháng)"),
            re.compile(rf"^{_NOISE}{capitals}\s+(?:CỘNG H|ĐẢNG CỘNG|Độc lập)"),
            re.compile(rf"(?:VIỆT NAM|Hạnh phúc|HẠNH PHÚC)\s+{_NOISE}{capitals}{end}"),
            re.compile(rf"(?:^|\t|\|| {{2,}}){capitals}(?=$|\t|\|| {{2,}})")),
        label_alone=re.compile(rf"{_NOISE}{label}\s*:?\s*$"),
        level_alone=re.compile(rf"{_NOISE}{any_case}{end}"),
        bracketed=re.compile(
            rf"[(\[{{]\s*{capitals}\s*[)\]}}]|[(\[{{]\s*(Tuyệt mật|Tối mật|Mật)\s*[)\]}}]|^\s*{capitals}\s*[-–—:_.]"
            rf"|{label}\s*[:=]\s*{any_case}(?!\w|\s*[,/;]\s*(?i:tối|tuyệt|mật)|\s+(?i:hoặc|và))"),
        declassified=re.compile(rf"{_NOISE}{_BOX}{re.escape(raw['declassified']['mark'])}{end}"),
        companions={**dict.fromkeys(raw["companions"]["certain"], True),
                    **dict.fromkeys(raw["companions"]["likely"], False)},
        joined_before=frozenset(stamp["joined_before"]), joined_after=tuple(stamp["joined_after"]),
        anchors=tuple(stamp["anchors"]), about_stamps=tuple(stamp["about_stamps"]),
        anchor_lines=stamp["anchor_lines"], table_lines=stamp["table_lines"], head_lines=stamp["head_lines"],
        later_head_lines=stamp["later_head_lines"], end_lines=stamp["end_lines"], about_lines=stamp["about_lines"])
