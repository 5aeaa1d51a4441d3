"""Plain text, CSV, HTML and RTF: files whose encoding has to be found first."""

from __future__ import annotations

from collections import Counter
from html.parser import HTMLParser
from pathlib import Path

from ingest.extract import rtf
from ingest.extract.raw import RawText
from search.encodings import decode

MAX_BYTES = 64 << 20
"""The most that is read of one such file: far beyond any written document."""

_BLOCKS = {"p", "div", "br", "tr", "li", "h1", "h2", "h3", "h4", "h5", "h6", "table", "ul", "ol", "section", "article",
           "header", "footer", "blockquote", "pre", "hr", "title", "dt", "dd"}
_HIDDEN = {"script", "style", "template", "noscript", "iframe", "object"}


def _bytes(path: Path) -> tuple[bytes, bool]:
    with path.open("rb") as stream:
        data = stream.read(MAX_BYTES + 1)
    return data[:MAX_BYTES], len(data) > MAX_BYTES


def read(path: Path) -> RawText:
    """A text file; form feeds in it part its pages."""
    data, cut = _bytes(path)
    found = decode(data)
    raw = RawText(found.text.split("\f"), "document", found.encoding, found.confidence, Counter(found.repairs))
    raw.cut = cut
    return raw.bounded()


def read_html(path: Path) -> RawText:
    """The text of a page of HTML as a simple browser would show it; nothing that it names is fetched."""
    raw = read(path)
    parser = _Html()
    parser.feed("\n".join(raw.pages))
    parser.close()
    lines = (" ".join(line.split(" ")).strip() for line in "".join(parser.pieces).split("\n"))
    raw.pages = ["\n".join(line for line in lines if line)]
    return raw


class _Html(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.pieces: list[str] = []
        self._hidden = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _HIDDEN:
            self._hidden += 1
        elif tag in _BLOCKS:
            self.pieces.append("\n")
        elif tag in ("td", "th"):
            self.pieces.append("\t")

    def handle_endtag(self, tag: str) -> None:
        if tag in _HIDDEN:
            self._hidden = max(0, self._hidden - 1)
        elif tag in _BLOCKS:
            self.pieces.append("\n")

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.pieces.append(data.replace("\n", " "))


def read_rtf(path: Path) -> RawText:
    """The text of an RTF file."""
    data, cut = _bytes(path)
    raw = rtf.read(data)
    raw.cut = raw.cut or cut
    return raw
