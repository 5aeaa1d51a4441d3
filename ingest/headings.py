"""Reads the head of an administrative page: number, notation, date, issuing body, type and trích yếu.

The layout is that of NĐ 30/2020/NĐ-CP, Phụ lục I. What is read are suggestions and a check against the registry;
it must never fill in what the page leaves blank, nor overrule the registry.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from archive.dates import PartialDate
from archive.fields import recognise
from archive.spelling import fold, plain

RULES = Path(__file__).with_suffix(".toml")
HEAD, ANNEX = 6000, 20_000                      # characters in which the head, the line of an annex, are looked for
HEAD_LINES = 40
FULL_LINE = 60                                  # characters of a line that fills the page
SUBJECT_LENGTH = 500                            # of the field "subject" in TT 05/2025/TT-BNV

_BLANK = r"[\s.…_·]*"
_NOTATION = r"[^\W\d_][\w]*(?:[ ]?[-–./&][ ]?[^\W\d_][\w]*)*"
_NUMBER = rf"(?P<number>\d{{1,6}}[a-zA-Z]?|){_BLANK}[/-][ ]*(?P<notation>(?:(?:19|20)\d\d[ ]*/[ ]*)?{_NOTATION})"
_OWN_NUMBER = re.compile(rf"(?:^|[^\S\n]{{2,}}|\t)\W{{0,3}}Số[ ]*[:.]?{_BLANK}{_NUMBER}", re.IGNORECASE | re.MULTILINE)
_DATE = re.compile(rf"ngày{_BLANK}(?P<day>\d{{1,2}}|){_BLANK}tháng{_BLANK}(?P<month>\d{{1,2}}|){_BLANK}"
                   rf"năm{_BLANK}(?P<year>(?:19|20)\d\d|)", re.IGNORECASE)
_SHORT_DATE = re.compile(r",\s*ngày\s*(?P<day>\d{1,2}|)\s*/\s*(?P<month>\d{1,2})\s*/\s*(?P<year>(?:19|20)\d\d)",
                         re.IGNORECASE)
_ANNEXED = re.compile(rf"ban\s+hành\s+kèm\s+theo\s+(?P<type>[^\d(:]{{3,40}}?)\s+số\s*:?{_BLANK}{_NUMBER}\s*,?\s*"
                      r"ngày\s*(?P<day>\d{1,2}|)\s*/?\s*(?:tháng)?\s*(?P<month>\d{1,2}|)\s*/?\s*(?:năm)?\s*"
                      r"(?P<year>(?:19|20)\d\d|)", re.IGNORECASE)
_MOTTO = re.compile(r"C[ỘO]NG\s+H[ÒOÓ][AÀ]\s+X[ÃA]\s+H[ỘO]I\s+CH[ỦU]\s+NGH[ĨI]A\s+VI[ỆE]T\s+NAM|"
                    r"[ĐD][ộo]c\s+l[ậa]p\s*[-–—]\s*T[ựu]\s+do\s*[-–—]\s*H[ạa]nh\s+ph[úu]c|"
                    r"Đ[ẢA]NG\s+C[ỘO]NG\s+S[ẢA]N\s+VI[ỆE]T\s+NAM", re.IGNORECASE)
_MARKUP = re.compile(r"^[ \t]*#{1,6}[ \t]+|\*+|^[ \t]*>[ \t]?", re.MULTILINE)
_NUMBERED = re.compile(r"(?:[IVX]{1,4}|\d{1,2})[.)]\s")
_ABOUT = re.compile(r"^\W*(?:V/v|Về việc)\b\s*:?\s*", re.IGNORECASE)
_AREA_TAIL = re.compile(r"\s+")


@dataclass(frozen=True, slots=True)
class Disagreement:
    """A field in which the registry and the page differ: its tag, what each says."""

    tag: str
    registry: str
    page: str


@cache
def _rules() -> dict[str, Any]:
    with RULES.open("rb") as stream:
        return tomllib.load(stream)


@cache
def _folded(name: str) -> tuple[str, ...]:
    """The words of a rule, folded, each with a blank after it: whole words are compared."""
    return tuple(fold(word) + " " for word in _rules()[name])


def _begins(line: str, name: str) -> bool:
    """Whether a folded line begins with one of the words of the rule `name`, as a whole word."""
    return (line + " ").startswith(_folded(name))


def _names_body(line: str) -> bool:
    """Whether a line begins as the name of a body does; a single word must have its own diacritics."""
    folded = fold(line)
    if not _begins(folded, "bodies") or _begins(folded, "not_bodies"):
        return False
    first = plain(line).partition(" ")[0]
    several = any(" " in word.strip() and (folded + " ").startswith(word) for word in _folded("bodies"))
    return several or first in _rules()["bodies"]


def read_heading(text: str) -> dict[str, Any]:
    """What the head of a page says, under the tags of the fields; only what is there.

    codeNumber, codeNotation, issuedDate (DD/MM/YYYY), organName, typeName (as written in full), subject; further
    `place`, `parentOrgan`, `issuedDatePart` (MM/YYYY or YYYY when the day is left blank), `incomplete` (the tags left
    blank on the page) and `fromAnnex` (the tags read from an annex's "ban hành kèm theo" line instead).
    """
    head = _MOTTO.sub("\n", "\n".join(_head_lines(text[:HEAD])))
    found: dict[str, Any] = {}
    incomplete: list[str] = []
    head = _take_date(head, found, incomplete)
    head = _take_number(head, found, incomplete)
    lines = [line for line in head.split("\n") if re.search(r"[^\W_]", line) or line == _CUT]
    at = _take_type(lines, found)
    bodies, authority = _take_names(lines, at, found)
    _name_body(bodies, authority, found)
    _complete_from_annex(text, found, incomplete)
    if incomplete:
        found["incomplete"] = incomplete
    return found


_LONGEST_END = 40
_CUT = "\x00"                                    # stands where the number was: names above it are the issuing body's


def _head_lines(head: str) -> list[str]:
    """The lines before the grounds, the addressee or the first article."""
    lines: list[str] = []
    for written in head.replace("\f", "\n").splitlines():
        line = _MARKUP.sub("", written).replace("\\", "")
        if _begins(fold(line[:_LONGEST_END]), "ends") and lines:
            break
        if line.strip():
            lines.append(line.strip())
        if len(lines) == HEAD_LINES:
            break
    return lines


def _date_of(match: re.Match[str]) -> PartialDate | None:
    """The date that the groups of a match give as far as they are filled in; None for one that cannot be."""
    if not match["year"]:
        return None
    month = int(match["month"]) if match["month"] else None
    day = int(match["day"]) if match["day"] and month else None
    try:
        return PartialDate(int(match["year"]), month, day)
    except ValueError:
        return None


def _take_date(head: str, found: dict[str, Any], incomplete: list[str]) -> str:
    match = _DATE.search(head) or _SHORT_DATE.search(head)
    if match is None:
        return head
    read = _date_of(match)
    if read is not None and read.day is not None:
        found["issuedDate"] = read.text
    else:
        incomplete.append("issuedDate")
        if read is not None:
            found["issuedDatePart"] = read.text
    before = head[:match.start()].rstrip(" ,")
    line_start = before.rfind("\n") + 1
    words = re.split(r"(\s+)", before[line_start:])
    place: list[str] = []
    # The place stands before the date and is written with capital initials: "… 24/2019/QĐ-UBND Long An, ngày …".
    while words and (not words[-1].strip() or words[-1].istitle() or words[-1] in ("TP.", "TP", "-")):
        if len(words[-1]) > 1 and words[-1].isspace():
            break
        place.insert(0, words.pop())
    named = "".join(place).strip()
    if named and len(named) <= 40:
        found["place"] = named
        before = before[:line_start] + "".join(words)
    return before.rstrip(" ") + "\n" + head[match.end():].lstrip(" .;")


def _take_number(head: str, found: dict[str, Any], incomplete: list[str]) -> str:
    match = _OWN_NUMBER.search(head)
    if match is None:
        return head
    if match["number"]:
        found["codeNumber"] = match["number"]
    else:
        incomplete.append("codeNumber")
    found["codeNotation"] = re.sub(r"\s*([-–./&])\s*", r"\1", match["notation"]).replace("–", "-")
    return head[:match.start()] + f"\n{_CUT}\n" + head[match.end():]


def _take_type(lines: list[str], found: dict[str, Any]) -> int:
    """Find the line that names the type; return its place, or that of the first line "V/v", or -1."""
    for at, line in enumerate(lines):
        words = line.split()
        capitals = next((place for place, word in enumerate(words) if not word.isupper()), len(words))
        for count in range(min(5, capitals), 0, -1):
            head = plain(" ".join(words[:count]))
            named = recognise(head)
            if named and plain(named.name) == head:
                found["typeName"] = named.name
                rest = " ".join(line.split()[count:]).strip(" :-")
                lines[at:at + 1] = ["", rest] if rest else [""]
                return at
        if _ABOUT.match(line):                   # a letter; what it encloses may have a type of its own further down
            found["typeName"] = "Công văn"
            return at - 1
    return -1


def _take_names(lines: list[str], at: int, found: dict[str, Any]) -> tuple[list[str], str]:
    """The names of bodies above the number or the type; the authority named after the trích yếu; and the trích yếu."""
    above = lines[:at + 1] if at >= 0 else lines
    if _CUT in above:
        above = above[:above.index(_CUT)]
    bodies: list[str] = []
    for line in above:
        line = _AREA_TAIL.sub(" ", line.strip(" *_-–|"))
        begins = _names_body(line)
        if not line or not (line.isupper() or begins):
            continue
        if begins or not bodies:
            bodies.append(line)
        else:
            bodies[-1] += " " + line
    subject: list[str] = []
    authority = ""
    for line in lines[at + 1:] if at >= 0 else []:
        if line == _CUT or not line.strip(" *_-–"):
            continue
        if line.isupper() and (_names_body(line) or _begins(fold(line), "officers")):
            authority = line
            break
        if line.lstrip().startswith("(") or (subject and _begins_body(line)):
            break
        subject.append(_ABOUT.sub("", line).strip())
    joined = " ".join(" ".join(subject).split())
    if joined and at >= 0:
        found["subject"] = joined[:SUBJECT_LENGTH]
    return bodies, authority


def _begins_body(line: str) -> bool:
    """Whether a line after the first of a trích yếu is running text: numbered, or a full line that opens a sentence."""
    line = line.strip()
    opens = line[:1].isupper() and not line.isupper()
    return bool(_NUMBERED.match(line)) or (opens and (len(line) >= FULL_LINE or line.endswith((".", ";", ":"))))


def _name_body(bodies: list[str], authority: str, found: dict[str, Any]) -> None:
    """The issuing body is the last one named at the top; an incomplete or missing one is taken from the authority."""
    named = bodies[-1] if bodies else ""
    words = fold(authority)
    for officer in _folded("officers"):
        if words.startswith(officer):
            authority = " ".join(authority.split()[len(officer.split()):])
            words = fold(authority)
    if authority and (not named or words.startswith(fold(named) + " ")):
        named = authority
    if named:
        found["organName"] = as_name(named)
    if len(bodies) > 1:
        found["parentOrgan"] = as_name(bodies[-2])


def _complete_from_annex(text: str, found: dict[str, Any], incomplete: list[str]) -> None:
    """Where the head has no number or date, an annex may name them: "(Ban hành kèm theo Quyết định số …)"."""
    if "codeNumber" in found and "issuedDate" in found:
        return
    match = _ANNEXED.search(_MARKUP.sub("", text[:ANNEX]))
    if match is None or fold(match["type"]) != fold(str(found.get("typeName", match["type"]))):
        return
    taken = []
    if "codeNumber" not in found and match["number"]:
        found["codeNumber"], found["codeNotation"] = match["number"], match["notation"].replace(" ", "")
        taken += ["codeNumber", "codeNotation"]
    read = _date_of(match)
    if "issuedDate" not in found and read is not None and read.day is not None:
        found["issuedDate"] = read.text
        found.pop("issuedDatePart", None)
        taken.append("issuedDate")
    if taken:
        found["fromAnnex"] = taken
        incomplete[:] = [tag for tag in incomplete if tag not in taken]


def as_name(capitals: str) -> str:
    """A body's name in running letters: "UBND TỈNH ĐẮK NÔNG" is "UBND tỉnh Đắk Nông". A suggestion, no rule."""
    if not capitals.isupper():
        return capitals
    rules = _rules()
    words: list[str] = []
    every = following = False
    for number, raw in enumerate(capitals.lower().split()):
        two = " ".join([*words[-1:], raw]).lower()
        if raw in rules["written_in_capitals"]:
            words.append(raw.upper())
        elif two in rules["committees"]:
            words.append(raw)
        elif raw in rules["areas"] or two in rules["areas"]:
            words.append(raw if number else raw.capitalize())
            every = True
            continue
        else:
            words.append(raw.capitalize() if every or following or number == 0 or raw in ("-", "–") else raw)
        following = raw in rules["heads"] and words[0].lower() in rules["heads"]
    return " ".join(words)


# --- against the registry -----------------------------------------------------------------------------------


def disagreements(heading: dict[str, Any], fields: dict[str, str]) -> list[Disagreement]:
    """The fields in which the page says plainly something else than the registry; blanks never disagree."""
    found = []
    number, _, rest = fields.get("codeNumber", "").partition("/")
    notation = fields.get("codeNotation", "") or rest
    if number.strip() and heading.get("codeNumber") and _number(number) != _number(heading["codeNumber"]):
        found.append(Disagreement("codeNumber", number.strip(), heading["codeNumber"]))
    if notation.strip() and heading.get("codeNotation") and _notation(notation) != _notation(heading["codeNotation"]):
        found.append(Disagreement("codeNotation", notation.strip(), heading["codeNotation"]))
    date, read = fields.get("issuedDate", "").strip(), heading.get("issuedDate", "")
    if date and read and not f"/{read}".endswith(f"/{date}"):
        found.append(Disagreement("issuedDate", date, read))
    organ, named = fields.get("organName", "").strip(), heading.get("organName", "")
    if organ and named and not any(_same_body(organ, other) for other in (named, heading.get("parentOrgan", ""))):
        found.append(Disagreement("organName", organ, named))
    return found


def _number(number: str) -> str:
    return number.strip().lower().lstrip("0")


def _notation(notation: str) -> str:
    """Letters only: a year at the front, dashes and blanks make no other notation."""
    return re.sub(r"^(?:19|20)\d\d", "", fold(notation).replace(" ", ""))


def _same_body(one: str, other: str) -> bool:
    """Whether two names may mean one body: abbreviations in full, and the shorter one within the longer one."""
    if not other:
        return False
    first, second = _in_full(one), _in_full(other)
    return first in second or second in first


def _in_full(name: str) -> str:
    same = {fold(short): fold(full) for short, full in _rules()["same"].items()}
    return "".join(same.get(word, word).replace(" ", "") for word in fold(name).split())
