"""The text layer of PDF files, in the order in which the file holds it; nothing is drawn, nothing changed."""

from __future__ import annotations

import re
from pathlib import Path

from ingest.extract.raw import RawText, Unreadable
from search.encodings import language_guess

# PDFium puts U+FFFE (or U+0002) where a word is parted by a hyphen at the end of a line.
_PARTED = re.compile("[\ufffe\x02](?:\r?\n)?")
_ODD_WORD = re.compile(r"""[^\W\d_][^\w\s.,:;/&@'’()\-–_+%"“”=?*]+\w|\w[!#$<>\[\]^`{|}~\\]+[^\W_]|"""
                       r"[a-zà-ỹ][A-ZĐ][a-zà-ỹ]")
_STRANGE = re.compile("[\x00-\x08\ue000-\uf8ff\ufffd]")
_LINE_END = re.compile(r"[ \t]*\r?\n")


def read(path: Path, max_pages: int) -> RawText:
    """The text layer, page by page; pages beyond `max_pages` are left out.

    Raises Unreadable (EXTRACT-006) for a file that PDFium cannot open.
    """
    import pypdfium2  # lazily: workers that meet no PDF need not load it

    try:
        document = pypdfium2.PdfDocument(path)
    except pypdfium2.PdfiumError as error:
        raise Unreadable("EXTRACT-006", reason=str(error)) from error
    with document:
        pages = [_page(document, number) for number in range(min(len(document), max_pages))]
        return RawText(pages, "text layer", cut=len(document) > max_pages).bounded()


def _page(document: object, number: int) -> str:
    import pypdfium2

    try:
        page = document[number]  # type: ignore[index]
    except pypdfium2.PdfiumError:
        return ""                                   # one page that cannot be loaded does not lose the others
    try:
        layer = page.get_textpage()
        try:
            text: str = layer.get_text_range()
        finally:
            layer.close()
    except pypdfium2.PdfiumError:
        return ""
    finally:
        page.close()
    return _LINE_END.sub("\n", _PARTED.sub("-\n", text)).replace("\f", "\n")


def is_garbage(text: str) -> bool:
    """Whether a text layer is no text: codes without meaning, as fonts without a map of characters give them.

    Text in another language, in any script, is no garbage.
    """
    length = sum(map(len, text.split()))
    if length < 100:
        return False
    if len(_STRANGE.findall(text)) > 0.05 * length:
        return True
    if language_guess(text) == "vi":
        return False
    # A font without a map gives each letter some other sign: signs amid letters, capitals amid small letters.
    words = text.split()
    odd = sum(1 for word in words if _ODD_WORD.search(word))
    return odd > 0.25 * len(words)
