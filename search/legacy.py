"""The encodings that Vietnamese was written in before Unicode, and text that was read in the wrong one.

Tables: TCVN 5712:1993, set VN3 ("ABC"), and VNI-Windows. A text is converted only where most of its words
become Vietnamese syllables; one that is not clearly so must be left as it is.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache, lru_cache
from typing import Literal, NamedTuple

from search.syllables import LETTERS, rows, syllable_weight

Legacy = Literal["tcvn3", "vni"]

MOJIBAKE = "utf-8 as windows-1252"
ENOUGH = 0.6                   # share of words that must be syllables before a reading is believed
SURE_WORDS = 3                 # changed words that make a line speak for itself
MIN_CHANGED = 2                # changed words below which a text is left alone

CP1252 = "".join(bytes([code]).decode("windows-1252", "ignore") or chr(code) for code in range(0x80, 0x100))
"""The characters of the bytes 80 to FF; the five that windows-1252 leaves open stand for themselves."""

_WORD = re.compile("[A-Za-z\u00a1-\u024f\u0300-\u036f\u1e00-\u1eff]+")
_PLAIN_WORD = re.compile(r"[^\W\d_]+")
_SYMBOLS = "".join(chr(code) for code in range(0xA1, 0xC0) if not chr(code).isalpha()) + "×÷"
_BYTE = {sign: 0x80 + place for place, sign in enumerate(CP1252)}
_TAIL = "[" + re.escape(CP1252[:0x40]) + "]"
_MISREAD = re.compile(f"[{CP1252[0x42:0x60]}]{_TAIL}|[{CP1252[0x60:0x70]}]{_TAIL}{{2}}|"
                      f"[{CP1252[0x70:0x75]}]{_TAIL}{{3}}")
# Signs of Latin-1 that Unicode Vietnamese does not use inside words, but TCVN3, VNI and misread UTF-8 do.
_FOREIGN = "".join(chr(code) for code in range(0xA1, 0x100) if chr(code) not in LETTERS)
_VNI_PAIR = "(?i:a[ùõâáàãêéèú]|e[ùõâáàã]|[ouyô][ùõ]|oâ)"
_SUSPECT = re.compile(f"[{re.escape(_FOREIGN)}]|{_MISREAD.pattern}|{_VNI_PAIR}")


@dataclass(frozen=True, slots=True)
class Decoded:
    """A text as it was understood.

    `encoding` names how it was written ("unsure": no reading convinces, and windows-1252 was used for want of
    a better one), `confidence` (0 to 1) is the share of words that bear the reading out, `repairs` counts
    every kind of change; `from_…` counts words converted.
    """

    text: str
    encoding: str
    confidence: float
    repairs: dict[str, int] = field(default_factory=dict)


# --- The tables ----------------------------------------------------------------------------------------

@cache
def _tcvn3() -> dict[int, str]:
    return {int(code, 16): letter for code, letter in rows("tcvn3.tsv")}


@cache
def _vni() -> dict[str, str]:
    return {sequence: letter for sequence, letter in rows("vni.tsv")}  # noqa: C416 (rows are lists, not pairs)


@cache
def _vni_pattern() -> re.Pattern[str]:
    marks = "".join(sorted({sequence[1] for sequence in _vni() if len(sequence) == 2}))
    singles = "".join(sequence for sequence in _vni() if len(sequence) == 1)
    return re.compile(f"[AEOUYaeouyÔÖôö][{marks}]|[{singles}]")


def _vni_letter(match: re.Match[str]) -> str:
    sequence, table = match[0], _vni()
    if len(sequence) == 2 and sequence not in table:     # the mark was typed in the other case: "Aùn"
        sequence = sequence[0] + (sequence[1].upper() if sequence[0].isupper() else sequence[1].lower())
    return table.get(sequence, match[0])


def from_tcvn3(text: str, capitals: bool = False) -> str:
    """`text`, whose characters are TCVN3 codes, as Unicode.

    `capitals`: it was shown in a font of capitals (.VnTimeH); the codes have no capitals with tone marks.
    """
    converted = text.translate(_tcvn3())
    return converted.upper() if capitals else converted


def from_vni(text: str) -> str:
    """`text`, whose characters are VNI-Windows codes, as Unicode."""
    return _vni_pattern().sub(_vni_letter, text)


def to_tcvn3(text: str) -> bytes:
    """`text` in TCVN3; toned capitals become small, as VN3 has none. Raises UnicodeEncodeError."""
    codes = {letter: chr(code) for code, letter in _tcvn3().items()}
    signs = unicodedata.normalize("NFC", text)
    return "".join(codes.get(sign) or codes.get(sign.lower(), sign) for sign in signs).encode("latin-1")


def to_vni(text: str) -> bytes:
    """`text` in VNI-Windows. Raises UnicodeEncodeError."""
    codes = {letter: sequence for sequence, letter in _vni().items()}
    signs = unicodedata.normalize("NFC", text)
    return "".join(codes.get(sign, sign) for sign in signs).encode("windows-1252")


def from_font(text: str, font: str) -> tuple[str, Legacy | None]:
    """A run of text shown in `font`: converted, with its encoding, where the font is one of a legacy encoding.

    A run that holds Vietnamese letters outside Latin-1 was typed in Unicode and stays.
    """
    found = _font_encoding(font)
    if found is None:
        return text, None
    encoding, capitals = found
    # A font that declares itself a symbol font has its codes in the private use area, at F0xx.
    text = "".join(chr(ord(sign) & 0xFF) if "\uf020" <= sign <= "\uf0ff" else sign for sign in text)
    if any(sign > "\xff" and sign in LETTERS for sign in text):
        return text, None
    converted = from_tcvn3(text, capitals) if encoding == "tcvn3" else from_vni(text)
    return converted, encoding if converted != text else None


@lru_cache(maxsize=1024)
def _font_encoding(font: str) -> tuple[Legacy, bool] | None:
    for pattern, encoding, shown in rows("legacy_fonts.tsv"):
        if re.fullmatch(pattern, font.strip(), re.IGNORECASE):
            return ("tcvn3" if encoding == "tcvn3" else "vni"), shown == "capitals"
    return None


# --- Text that was read as windows-1252 ------------------------------------------------------------------

class _Reading(NamedTuple):
    """A word: its weight as it stands; its weight and text under each encoding (None: impossible)."""

    plain: float
    weight: dict[Legacy, float]
    text: dict[Legacy, str | None]


@lru_cache(maxsize=65536)
def _reading(word: str) -> _Reading:
    plain = syllable_weight(word.strip(_SYMBOLS).replace("\xad", ""))
    abc = from_tcvn3(word) if all(sign < "\x80" or ord(sign) in _tcvn3() for sign in word) else None
    vni: str | None = from_vni(word)
    if vni == word or not all(sign < "\x80" or sign in LETTERS for sign in vni or ""):
        vni = None
    return _Reading(plain, {"tcvn3": syllable_weight(abc or ""), "vni": syllable_weight(vni or "")},
                    {"tcvn3": abc, "vni": vni})


def _doubtful(line: str) -> list[str]:
    """The words of `line` that may be in a legacy encoding: beyond ASCII, but not beyond Latin-1."""
    return [word for word in _WORD.findall(line)
            if not word.isascii() and max(word) <= "\xff" and word.strip(_SYMBOLS)]


class _Verdict(NamedTuple):
    """What words speak for: an encoding, if one convinces; their mean weight in it; how many it betters."""

    legacy: Legacy | None
    mean: float = 0.0
    changed: int = 0


def _verdict(words: list[str], least: int) -> _Verdict:
    if not words:
        return _Verdict(None)
    readings = [_reading(word) for word in words]
    weights: dict[Legacy, float] = {name: sum(reading.weight[name] for reading in readings)
                                    for name in ("tcvn3", "vni")}
    best: Legacy = "tcvn3" if weights["tcvn3"] >= weights["vni"] else "vni"
    changed = sum(reading.weight[best] > reading.plain for reading in readings)
    spoilt = sum(reading.weight[best] < reading.plain for reading in readings)
    mean = weights[best] / len(words)
    convincing = mean >= ENOUGH and changed >= least and 2 * spoilt <= changed
    return _Verdict(best if convincing else None, mean, changed)


def _undo_legacy(text: str) -> Decoded:
    """Convert the lines and words that are in TCVN3 or VNI; leave the rest."""
    lines = text.splitlines(keepends=True)
    doubtful = [_doubtful(line) if _SUSPECT.search(line) else [] for line in lines]
    verdicts = [_verdict(words, SURE_WORDS) for words in doubtful]
    votes: Counter[Legacy] = Counter()
    for verdict in verdicts:
        if verdict.legacy:
            votes[verdict.legacy] += verdict.changed
    evidence = [word for words, verdict in zip(doubtful, verdicts, strict=True)
                if verdict.legacy or not votes for word in words]
    whole = _verdict(evidence, MIN_CHANGED)
    main = votes.most_common(1)[0][0] if votes else whole.legacy
    if main is None:
        return Decoded(text, "unicode", 1.0)
    modern = {word for word in _WORD.findall(text) if max(word) > "\xff" and syllable_weight(word)}
    everything = len(modern) <= 0.05 * len(set(evidence))       # no line of this text is Unicode
    converted: list[str] = []
    total = 0
    for line, words, verdict in zip(lines, doubtful, verdicts, strict=True):
        if words or (everything and not line.isascii()):
            new, count = _convert(line, verdict.legacy or main, everything)
            converted.append(_capitals(new) if count and (verdict.legacy or main) == "tcvn3" else new)
            total += count
        else:
            converted.append(line)
    confidence = round(min(1.0, whole.mean) * (1 - 0.5 ** whole.changed), 3)
    return Decoded("".join(converted), main, confidence, {f"from_{main}": total} if total else {})


def _capitals(line: str) -> str:
    """Give capitals their tone marks: VN3 has no such letters, so that "CỘNG HÒA" was typed "CộNG HòA".

    A line in which no letter without a mark is small was all in capitals; elsewhere single words may be.
    """
    small = re.compile(r"[a-z]")
    mixed = [word for word in _PLAIN_WORD.findall(line) if not word.isupper() and not small.search(word)
             and any(sign.isupper() for sign in word[1:])]
    if not mixed:
        return line
    if not small.search(line):
        return line.upper()
    return _PLAIN_WORD.sub(lambda match: match[0].upper() if match[0] in mixed else match[0], line)


def _convert(line: str, legacy: Legacy, everything: bool) -> tuple[str, int]:
    """Convert the words of `line` that are in `legacy`, and say how many.

    `everything`: no line of the text is Unicode. Otherwise a word that is a syllable both as it stands and converted
    is converted only where the words around it are.
    """
    found = [match for match in _WORD.finditer(line) if _speaks(match[0], everything)]
    said = [_belongs(match[0], legacy, everything) for match in found]
    before, after = _carried(said), _carried(said[::-1])[::-1]
    pieces: list[str] = []
    end = count = 0
    for match, belongs, both in zip(found, said, zip(before, after, strict=True), strict=True):
        if belongs or (belongs is None and all(both)):
            pieces += [line[end:match.start()], _reading(match[0]).text[legacy] or match[0]]
            end = match.end()
            count += 1
    return "".join([*pieces, line[end:]]), count


def _speaks(word: str, everything: bool) -> bool:
    """Whether a word can tell its encoding. A lone sign is a bullet; but ® and § are đ and Đ where all is TCVN3."""
    if word.isascii():
        return False
    return len(word) > 1 or word not in _SYMBOLS or (everything and word in "®§")


def _belongs(word: str, legacy: Legacy, everything: bool) -> bool | None:
    """Whether a word is in `legacy`; None when it may as well be Unicode."""
    reading = _reading(word)
    if max(word) > "\xff" or reading.text[legacy] is None:
        return False
    if reading.plain:
        return (everything or None) if reading.weight[legacy] else False
    return reading.weight[legacy] > 0 or (everything and (len(word) == 1 or word.strip(_SYMBOLS) != ""))


def _carried(said: list[bool | None]) -> list[bool]:
    """For each word what the last decided one before it says; at the start of a line, that it is converted."""
    carried, last = [], True
    for one in said:
        carried.append(last)
        last = last if one is None else one
    return carried


def _read_back(line: str) -> tuple[str, int]:
    """`line` with every sequence that can be UTF-8 read as windows-1252 read as UTF-8; how many there were."""
    count = 0

    def back(match: re.Match[str]) -> str:
        nonlocal count
        try:
            letter = bytes(_BYTE[sign] for sign in match[0]).decode("utf-8")
        except UnicodeDecodeError:
            return match[0]
        count += 1
        return letter

    # à is C3 A0, and its second byte is a no-break space that some program has made a plain one.
    return _MISREAD.sub(back, line.replace("Ã ", "Ã\xa0")), count


def _weights(lines: Iterable[str]) -> float:
    """The mean weight of the words beyond ASCII; 0 where there are none."""
    words = [word for line in lines for word in _PLAIN_WORD.findall(line) if not word.isascii()]
    return sum(map(syllable_weight, words)) / len(words) if words else 0.0


def _undo_mojibake(text: str) -> Decoded | None:
    """The text that was UTF-8 and read as windows-1252; None when it was not, or is not Vietnamese.

    A line that reads as well as it stands is left alone: the "Ã " of "CỘNG HÒA XÃ HỘI" is no misread à.
    """
    lines = text.split("\n")
    now, counts = lines, [0] * len(lines)
    for _ in range(2):                                           # some texts went through it twice
        read = [_read_back(line) for line in now]
        if sum(count for _line, count in read) < MIN_CHANGED:
            return None
        now = [line for line, _count in read]
        counts = [before + count for before, (_line, count) in zip(counts, read, strict=True)]
        taken = [old if not count or 0 < _weights([old]) >= _weights([new]) else new
                 for old, new, count in zip(lines, now, counts, strict=True)]
        changed = [(new, count) for old, new, count in zip(lines, taken, counts, strict=True) if old != new]
        mean, count = _weights(new for new, _count in changed), sum(count for _new, count in changed)
        if count >= MIN_CHANGED and mean >= ENOUGH:
            return Decoded("\n".join(taken), MOJIBAKE, round(mean * (1 - 0.5 ** count), 3), {"from_mojibake": count})
    return None


def may_be_legacy(text: str) -> bool:
    """Whether a text holds a sign or a word that TCVN3 or VNI would explain and Unicode Vietnamese would not."""
    return _SUSPECT.search(text) is not None or any(not syllable_weight(word) for word in set(_doubtful(text)))


def undo_misreading(text: str) -> Decoded:
    """Convert what is in a legacy encoding or was misread; `encoding` is "unicode" where nothing was.

    Mixed texts are converted line by line, mixed lines word by word; other languages are left as they are.
    """
    if not _SUSPECT.search(text):
        return Decoded(text, "unicode", 1.0)
    return _undo_mojibake(text) or _undo_legacy(text)
