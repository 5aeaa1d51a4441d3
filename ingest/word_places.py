"""Where the words of a recognised page stand on its picture: from the text layer of the access copy.

For pointing only. A page whose access copy was straightened has other places than its picture, and tells none. The
copy is read in a process of its own with limits, as a page is drawn (drawing.py).
"""

from __future__ import annotations

import json
import re
import sys
import tempfile
import unicodedata
from dataclasses import dataclass
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any

from archive import layout, outside, records, text_layers
from archive.errors import UsageError
from archive.i18n import _
from archive.model import Document
from archive.opening import Archive

Box = tuple[float, float, float, float]     # left, top, right, bottom, as shares of the page's width and height

_LIMITS = outside.Limits(20.0, 2048, 16)
_MOST = 20_000                              # words of one page that are looked at
_ROOT = Path(__file__).resolve().parents[1]
_TOKEN = re.compile(r"\S+")


@dataclass(frozen=True, slots=True)
class WordPlace:
    """A word of a text, from `begin` to before `end`, and where it stands on the page."""

    begin: int
    end: int
    box: Box


def word_places(archive: Archive, document: str, page: int, text: str) -> list[WordPlace]:
    """The places of those words of `text` that the access copy's page of the original has too, in their order.

    Empty where there is no access copy, or where its page was straightened. Raises UsageError for an unknown document.
    """
    with archive.catalogue.session() as session:
        row = session.get(Document, document)
    if row is None:
        raise UsageError(_("There is no document {code}.").format(code=document))
    record = next(records.read_documents(archive.store, row.case_file, [row.ordinal]))
    noted = text_layers.pages(record).get((0, page), {})
    path = next((file["path"] for file in record["files"] if file["role"] == "access"), "")
    if not path or noted.get("straightened"):
        return []
    with tempfile.TemporaryDirectory(prefix="luutru-") as room:
        place = Path(room) / "access.pdf"
        archive.store.export(layout.casefile_object(record["case_file"]), path, place)
        return matched(text, _read(place, page, Path(room)))


def matched(text: str, words: list[tuple[str, Box]]) -> list[WordPlace]:
    """The words of `text` with the boxes of the same words of the page, as far as their order agrees."""
    tokens = list(_TOKEN.finditer(text))[:_MOST]
    ours = [unicodedata.normalize("NFC", token[0]) for token in tokens]
    theirs = [unicodedata.normalize("NFC", word) for word, _box in words]
    found = []
    for block in SequenceMatcher(None, ours, theirs, autojunk=False).get_matching_blocks():
        for step in range(block.size):
            token = tokens[block.a + step]
            found.append(WordPlace(token.start(), token.end(), words[block.b + step][1]))
    return found


def _read(place: Path, page: int, room: Path) -> list[tuple[str, Box]]:
    try:
        ended = outside.run([sys.executable, "-m", __name__, str(place), str(page), str(room / "words.json")], _LIMITS,
                            room, {"PYTHONPATH": str(_ROOT), "PYTHONDONTWRITEBYTECODE": "1"})
    except outside.TooLongError:
        return []
    told = room / "words.json"
    if ended.code != 0 or not told.is_file():
        return []
    return [(word, (box[0], box[1], box[2], box[3])) for word, box in json.loads(told.read_bytes())]


# --- in the process of its own --------------------------------------------------------------------------------


def _words(place: Path, page: int) -> list[tuple[str, list[float]]]:
    import pypdfium2

    document = pypdfium2.PdfDocument(place)
    sheet = document[page - 1]
    across, up = sheet.get_size()
    layer = sheet.get_textpage()
    found: list[tuple[str, list[float]]] = []
    word, box = "", [1.0, 1.0, 0.0, 0.0]
    text: Any = layer.get_text_range()
    for nth, sign in enumerate(text):
        if sign.isspace() or sign in "\x00\ufffe":
            if word:
                found.append((word, box))
            word, box = "", [1.0, 1.0, 0.0, 0.0]
            continue
        left, bottom, right, top = layer.get_charbox(nth, loose=True)
        word += sign
        box = [min(box[0], left / across), min(box[1], 1 - top / up), max(box[2], right / across),
               max(box[3], 1 - bottom / up)]
    return [*found, (word, box)][:_MOST] if word else found[:_MOST]


def _main(place: str, page: str, target: str) -> int:
    try:
        Path(target).write_text(json.dumps(_words(Path(place), int(page))))
    except (OSError, RuntimeError, ValueError, IndexError, MemoryError) as error:
        print(str(error) or type(error).__name__)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(_main(*sys.argv[1:]))
