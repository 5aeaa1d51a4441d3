"""RTF: the text of the body, headers and footers, run by run with its font, in one pass over the bytes.

Pictures, embedded objects, style tables and every destination that a reader may ignore are left out; nothing embedded
is ever opened.
"""

from __future__ import annotations

import codecs
import re
from collections import Counter
from dataclasses import dataclass, replace

from ingest.extract.raw import RawText
from search.encodings import from_font

_TOKEN = re.compile(rb"\\([a-zA-Z]{1,32})(-?\d{1,10})? ?|\\'([0-9a-fA-F]{2})|\\([^a-zA-Z'])|([{}])|"
                    rb"[\r\n]+|([^\\{}\r\n]+)|.", re.DOTALL)
_SKIPPED = {b"colortbl", b"stylesheet", b"info", b"pict", b"object", b"objdata", b"themedata", b"datastore",
            b"listtable", b"listoverridetable", b"revtbl", b"rsidtbl", b"generator", b"latentstyles", b"xmlnstbl",
            b"filetbl", b"fldinst", b"annotation", b"atnid", b"atnauthor", b"nonshppict", b"pntext", b"bkmkstart",
            b"bkmkend"}
_KEPT_STARRED = {b"shptxt", b"shpinst", b"footnote"}
_SIGNS = {b"par": "\n", b"line": "\n", b"sect": "\n", b"tab": "\t", b"cell": "\t", b"nestcell": "\t", b"row": "\n",
          b"nestrow": "\n", b"page": "\f", b"emdash": "—", b"endash": "–", b"lquote": "‘", b"rquote": "’",
          b"ldblquote": "“", b"rdblquote": "”", b"bullet": "•", b"emspace": " ", b"enspace": " "}
_APART = {b"header", b"headerl", b"headerr", b"headerf", b"footer", b"footerl", b"footerr", b"footerf", b"shptxt",
          b"footnote"}
# Windows charsets of fonts, as code pages.
_CHARSETS = {0: 1252, 128: 932, 129: 949, 134: 936, 136: 950, 161: 1253, 162: 1254, 163: 1258, 177: 1255, 178: 1256,
             186: 1257, 204: 1251, 222: 874, 238: 1250}
_MOST_GROUPS = 2000


@dataclass(slots=True)
class _State:
    """What a group has set: its font, how many characters stand for a \\u, whether it is shown."""

    font: int = 0
    skip: int = 1
    shown: bool = True
    table: bool = False
    hidden: bool = False


class _Reader:
    def __init__(self) -> None:
        self.runs: list[tuple[int, str]] = []
        self.names: dict[int, str] = {}
        self.pages: dict[int, int] = {}
        self.code_page = 1252
        self.default = 0
        self.state = _State()
        self.above: list[_State] = []
        self.pending = 0                            # characters still to leave out: they stand for a \u before them
        self.bytes = bytearray()                    # of a run of \'hh and plain text, decoded together

    def flush(self) -> None:
        if not self.bytes:
            return
        page = self.pages.get(self.state.font, self.code_page)
        try:
            codec = codecs.lookup(f"cp{page}").name
        except LookupError:
            codec = "cp1252"
        text = bytes(self.bytes).decode(codec, "replace") if codec != "cp1252" else _western(self.bytes)
        self.bytes.clear()
        self.add(text)

    def add(self, text: str) -> None:
        if self.state.shown and not self.state.hidden:
            self.runs.append((self.state.font, text))

    def byte(self, data: bytes) -> None:
        left = min(self.pending, len(data))
        self.pending -= left
        data = data[left:]
        if self.state.table:
            self.names[self.state.font] = self.names.get(self.state.font, "") + data.decode("latin-1")
        elif self.state.shown:
            self.bytes += data

    def word(self, word: bytes, number: int | None) -> None:
        state = self.state
        if word == b"u" and number is not None:
            self.flush()
            self.add(chr(number % 65536))
            self.pending = state.skip
        elif word == b"uc" and number is not None:
            state.skip = max(0, min(number, 100))
        elif word in (b"f", b"af") and number is not None:
            if word == b"f":
                self.flush()
                state.font = number
        elif word == b"deff" and number is not None:
            self.default = state.font = number
        elif word == b"plain":
            self.flush()
            state.font, state.hidden = self.default, False
        elif word == b"v":
            self.flush()
            state.hidden = number != 0
        elif word == b"ansicpg" and number is not None:
            self.code_page = number
        elif word == b"fcharset" and number is not None and state.table:
            if number in _CHARSETS:
                self.pages[state.font] = _CHARSETS[number]
        elif word == b"fonttbl":
            state.table = True
        elif word in _SKIPPED:
            self.flush()
            state.shown = False
        elif word in _APART:
            self.flush()
            self.add("\n")
        elif word in _SIGNS:
            self.flush()
            self.add(_SIGNS[word])

    def symbol(self, sign: bytes) -> None:
        if sign in (b"\\", b"{", b"}"):
            self.byte(sign)
        elif sign == b"~":
            self.flush()
            self.add(" ")
        elif sign == b"_":
            self.flush()
            self.add("-")
        elif sign in (b"\n", b"\r"):
            self.flush()
            self.add("\n")

    def group(self, brace: bytes) -> None:
        self.flush()
        self.pending = 0
        if brace == b"{":
            self.above.append(self.state)
            self.state = replace(self.state)
        elif self.above:
            self.state = self.above.pop()


def _western(data: bytearray) -> str:
    """windows-1252 whose open bytes stand for themselves: legacy fonts put letters there."""
    return "".join(bytes([code]).decode("cp1252", "ignore") or chr(code) for code in data)


def read(data: bytes) -> RawText:
    """The text of an RTF file. A damaged one gives what can be read of it; groups nested too deep are not followed."""
    reader = _Reader()
    starred = False
    for match in _TOKEN.finditer(data):
        word, number, code, sign, brace, text = match.groups()
        if word is not None:
            word = word if word in _SIGNS else word.lower()
            if starred and word not in _KEPT_STARRED:
                reader.flush()
                reader.state.shown = False
            reader.word(word, int(number) if number is not None else None)
        elif code is not None:
            reader.byte(bytes([int(code, 16)]))
        elif brace is not None:
            if brace == b"{" and len(reader.above) >= _MOST_GROUPS:
                break
            reader.group(brace)
        elif text is not None:
            reader.byte(text)
        starred = sign == b"*"
        if sign is not None and not starred:
            reader.symbol(sign)
    reader.flush()
    return _joined(reader)


def _joined(reader: _Reader) -> RawText:
    """The runs, those in a legacy font converted; neighbours of one font together, as a letter may span two."""
    converted: Counter[str] = Counter()
    pieces: list[str] = []
    at = 0
    while at < len(reader.runs):
        font, end = reader.runs[at][0], at
        while end < len(reader.runs) and reader.runs[end][0] == font:
            end += 1
        text, encoding = from_font("".join(text for _, text in reader.runs[at:end]),
                                   reader.names.get(font, "").rstrip(";").strip())
        if encoding:
            converted[encoding] += 1
        pieces.append(text)
        at = end
    # \u gives UTF-16 units: pairs of them become one character, a lone half is nothing.
    whole = "".join(pieces).encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    lines = [line.rstrip("\t ") for line in whole.replace("\t\n", "\n").split("\n")]
    return RawText([page.strip("\n") for page in "\n".join(lines).split("\f")], converted=converted).bounded()
