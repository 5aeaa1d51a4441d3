"""The text layer of PDF files, in the order in which the file holds it; nothing is drawn, nothing changed."""

from __future__ import annotations

import re
from pathlib import Path

from ingest.extract.raw import RawText, Unreadable

# PDFium puts U+FFFE (or U+0002) where a word is parted by a hyphen at the end of a line.
_PARTED = re.compile("[\ufffe\x02](?:\r?\n)?")
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


def is_garbage(text: str, share: float) -> bool:
    """Whether a text layer is no text: codes without meaning, as fonts without a map of characters give them.

    `share` is the share of Vietnamese syllables in it. Text in another language, in any script, is no garbage.
    """
    signs = [sign for sign in text if not sign.isspace()]
    if len(signs) < 100:
        return False
    strange = sum(1 for sign in signs if "\ue000" <= sign <= "\uf8ff" or sign == "\ufffd" or sign < " ")
    if strange > 0.05 * len(signs):
        return True
    if share >= 0.1:
        return False
    letters = sum(1 for sign in signs if sign.isalpha())
    digits = sum(1 for sign in signs if sign.isdigit())
    if letters + digits < 0.5 * len(signs):
        return True
    words = re.findall(r"[A-Za-zÀ-ɏ]{2,}", text)
    if letters < 0.3 * len(signs) or len(words) < 20:
        return False
    vowelled = sum(1 for word in words if re.search(r"[aeiouyAEIOUYÀ-ÖØ-öø-ɏ]", word))
    inner_capitals = sum(1 for word in words if not word.isupper() and re.search(r"[^\W\d_][A-Z]", word[1:]))
    return vowelled < 0.6 * len(words) or inner_capitals > 0.3 * len(words)
