"""The crosswalk TT 02/2019 ↔ TT 05/2025: a record's fields under the other circular, and what happened to each.

Reads `crosswalk.toml`. Nothing is lost without a word: every value that goes in comes out, stays under
"<key>Text" or in the note, or is named by a finding. TT 05/2025/TT-BNV Đ51.3 lets old data stay until converted.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import MappingProxyType

from archive.dates import Precision, parse_date
from archive.fields import code_lists, profile, recognise
from archive.fields.normalise import TEXT
from archive.fields.tables import CodeList, Row
from archive.fields.validator import about, split_codes
from archive.findings import Finding
from archive.retention_text import parse_retention

PLACE = Path(__file__).with_name("crosswalk.toml")
TT02, TT05 = "tt02_2019", "tt05_2025"
LEVELS = ("file", "document", "photo", "av")
_ATTACHED, _JOINT, _NOTE = "Tài liệu đi kèm: ", "; ", "description"


@dataclass(frozen=True, slots=True)
class Step:
    """One field of one level: the key of our records, its tag in either circular, how it converts."""

    key: str
    tt02: str
    tt05: str
    how: str
    other: str


@dataclass(frozen=True, slots=True)
class Conversion:
    """The fields under the other circular, and a finding (CONV-…) for each value that did not stay as it was."""

    fields: Mapping[str, str]
    notes: tuple[Finding, ...]


@dataclass(slots=True)
class _Work:
    """The fields as they become, the rows to cite, those with code lists, and what was noted on the way."""

    fields: dict[str, str]
    rows: Mapping[str, Row]
    coded: Mapping[str, Row]
    subject: str
    notes: list[Finding] = field(default_factory=list)

    def note(self, code: str, key: str, value: str, **params: object) -> None:
        self.notes.append(about(self.rows[key], value, self.subject, code, **params))

    def put(self, key: str, value: str) -> None:
        """Set or, with "", take away."""
        if value:
            self.fields[key] = value
        else:
            self.fields.pop(key, None)


@cache
def crosswalk() -> Mapping[str, tuple[Step, ...]]:
    """The steps of each level, in the order of the table of TT 02/2019, then what only TT 05/2025 has."""
    with PLACE.open("rb") as stream:
        raw = tomllib.load(stream)
    return MappingProxyType({level: tuple(Step(one["key"], one["tt02"], one["tt05"], one["how"], one.get("other", ""))
                                          for one in raw[level]) for level in LEVELS})


def convert(fields: Mapping[str, str], level: str, source: str, target: str, subject: str = "") -> Conversion:
    """`fields` of a record of `level` from one circular to the other; values under printed tags move to our keys.

    Raises KeyError for a level or a regime that the crosswalk does not have.
    """
    if {source, target} - {TT02, TT05}:
        raise KeyError((source, target))
    steps = crosswalk()[level]
    rows = {name: {row.key: row for row in profile(name).table(level) if row.key} for name in (TT02, TT05)}
    work = _Work(_by_key(fields, level, source), {**rows[source], **rows[target]}, rows[TT05], subject)
    if source != target:
        forth = target == TT05
        for step in steps:
            (_FORTH if forth else _BACK)[step.how](work, step)
        if forth:
            _ask_for_new(work, steps, level)
    return Conversion(work.fields, tuple(work.notes))


def _by_key(fields: Mapping[str, str], level: str, source: str) -> dict[str, str]:
    """The fields with printed tags ("TypeName") moved to the keys of our records, where that is unambiguous."""
    found = dict(fields)
    table = profile(source).table(level)
    tags = [row.tag for row in table]
    for row in table:
        if row.key and row.key not in found and row.tag in found and tags.count(row.tag) == 1:
            found[row.key] = found.pop(row.tag)
    return found


# --- TT 02/2019 → TT 05/2025 -------------------------------------------------------------------------------


def _leave(_work: _Work, _step: Step) -> None:
    """The value as it is."""


def _beside(work: _Work, step: Step) -> None:
    """The other table lacks the field: the value stays in our record, and the person is told."""
    if value := work.fields.get(step.key, "").strip():
        work.note("CONV-004", step.key, value)


def _recompute(work: _Work, step: Step) -> None:
    if value := work.fields.get(step.key, "").strip():
        work.note("CONV-009", step.key, value)


def _to_code(work: _Work, step: Step) -> None:
    """Words to a code; the words stay under "<key>Text"."""
    value = work.fields.get(step.key, "").strip()
    if not value:
        return
    code, exact = _code_of(value, work.coded[step.key], step)
    older = work.fields.get(step.key + TEXT, "").strip()
    words = value
    if older and older != value:
        if code and _text_of(older, step) == value:      # "QĐ", from which normalising made "Quyết định"
            words = older
        else:
            work.note("CONV-007", step.key, older)
    if not code:
        work.put(step.key, "")
        work.put(step.key + TEXT, value)
        work.note("CONV-005", step.key, value)
        return
    work.put(step.key, code)
    work.put(step.key + TEXT, words)
    if value != code:
        work.note("CONV-001" if exact else "CONV-002", step.key, value, reading=code)


def _to_boolean(work: _Work, step: Step) -> None:
    """A text about what goes with the record to 0 or 1; the text stays beside it and, where it fits, in the note."""
    value = work.fields.get(step.key, "").strip()
    if not value:
        return
    older = work.fields.get(step.key + TEXT, "").strip()
    if older and older != value:
        work.note("CONV-007", step.key, older)
    code = _list_of(work.coded[step.key]).code_of(value)
    work.put(step.key, code or "1")
    work.put(step.key + TEXT, value)
    if code:
        if value != code:
            work.note("CONV-001", step.key, value, reading=code)
        return
    told = _JOINT.join(part for part in (work.fields.get(_NOTE, "").strip(), _ATTACHED + value) if part)
    fits = len(told) <= (work.rows[_NOTE].length or len(told))
    if fits:
        work.put(_NOTE, told)
    work.note("CONV-003" if fits else "CONV-010", step.key, value, reading="1")


def _ask_for_new(work: _Work, steps: tuple[Step, ...], level: str) -> None:
    """The fields that TT 02/2019 does not have and that neither the record nor the archive gives: a person must."""
    given = profile(TT05).filled_by_archive.get(level, frozenset())
    for step in steps:
        row = work.rows[step.key]
        if (step.how == "new" and row.mandatory == "yes" and step.key not in given
                and not work.fields.get(step.key, "").strip()):
            work.note("CONV-006", step.key, "")


# --- TT 05/2025 → TT 02/2019 -------------------------------------------------------------------------------


def _to_words(work: _Work, step: Step) -> None:
    """A code to words: the ones that came with it where they mean that code, else those of the list."""
    code = work.fields.get(step.key, "").strip()
    words = work.fields.get(step.key + TEXT, "").strip()
    row = work.coded[step.key]
    if not code:
        if words:               # a text without a code: it had none on the way in
            work.put(step.key, words)
            work.put(step.key + TEXT, "")
        return
    if words and _code_of(words, row, step)[0] == code:
        text = _text_of(words, step)
        work.put(step.key, text)
        work.put(step.key + TEXT, words if words != text else "")
        work.note("CONV-001", step.key, code, reading=text)
        return
    known = _list_of(row)
    parts = split_codes(known, code)
    if not all(part in known.values for part in parts):
        work.note("CONV-005", step.key, code)
        return
    text = "; ".join(known.values[part] for part in parts)
    if words:
        work.note("CONV-007", step.key, words)
    work.put(step.key, text)
    work.put(step.key + TEXT, "")
    work.note("CONV-005" if step.other in parts else "CONV-001", step.key, code, reading=text)


def _to_text(work: _Work, step: Step) -> None:
    """0 or 1 to the text that it stood for; the note loses what was put there for it."""
    code = work.fields.get(step.key, "").strip()
    words = work.fields.get(step.key + TEXT, "").strip()
    known = _list_of(work.coded[step.key])
    if not code:
        return
    if words and (known.code_of(words) or "1") == code:
        work.put(step.key, words)
        work.put(step.key + TEXT, "")
        note, line = work.fields.get(_NOTE, ""), _ATTACHED + words
        if note == line or note.endswith(_JOINT + line):
            work.put(_NOTE, note[:-len(line)].removesuffix(_JOINT))
    else:
        if words:
            work.note("CONV-007", step.key, words)
        work.put(step.key, known.values.get(code, code))
        work.put(step.key + TEXT, "")
    work.note("CONV-001", step.key, code, reading=work.fields[step.key])


def _date_back(work: _Work, step: Step) -> None:
    """TT 02/2019 wants day, month and year; a date that is known less exactly stays so."""
    value = work.fields.get(step.key, "").strip()
    read = parse_date(value) if value else None
    if read and read.precision is not Precision.day:
        work.note("CONV-008", step.key, value)


_How = Mapping[str, Callable[[_Work, Step], None]]
_FORTH: _How = {"same": _leave, "date": _leave, "code": _to_code, "type": _to_code, "period": _to_code,
                "attached": _to_boolean, "recompute": _recompute, "beside": _beside, "new": _leave}
_BACK: _How = {"same": _leave, "date": _date_back, "code": _to_words, "type": _to_words, "period": _to_words,
               "attached": _to_text, "recompute": _recompute, "beside": _leave, "new": _beside}


# --- words and codes ---------------------------------------------------------------------------------------


def _code_of(value: str, row: Row, step: Step) -> tuple[str, bool]:
    """The code that `value` means ("": none), and whether it says all that the words say."""
    known = _list_of(row)
    if step.how == "type":
        found = recognise(value)
        return (found.code, found.has_own_code) if found else (step.other, False)
    if step.how == "period":
        period = None if value in known.values else parse_retention(value)
        if period is None:
            return known.code_of(value) or "", value != step.other
        code = known.code_of(str(period))
        return (code, True) if code else (step.other if period.within_law else "", False)
    codes: list[str] = []
    for part in split_codes(known, value):
        code = known.code_of(part) or step.other
        if not code:
            return "", False
        if code not in codes:
            codes.append(code)
    return ";".join(codes), all(known.code_of(part) for part in split_codes(known, value))


def _text_of(words: str, step: Step) -> str:
    """The words as TT 02/2019 carries them: the full name of a type, anything else as it was written."""
    found = recognise(words) if step.how == "type" else None
    return found.name if found and words not in code_lists()["tt05_typeName"].values else words


def _list_of(row: Row) -> CodeList:
    return code_lists()[row.code_list]
