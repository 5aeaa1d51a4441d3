"""Makes many different signed one-page PDFs fast: the material of benchmarks and load tests.

A batch of pages is typeset in one go and taken apart; each page is then signed on its own. Same number, same
bytes.
"""

from __future__ import annotations

import io
import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from functools import cache, lru_cache

import pikepdf
import typst

from samples.making import signing
from samples.making.typeset import TEXTS, renamed

BATCH = 50
LONGEST_PARAGRAPH = 600

_PAGE = """#set document(title: "Văn bản mẫu", date: none)
#set page(paper: "a4", margin: (top: 20mm, bottom: 20mm, left: 30mm, right: 18mm))
#set text(font: "Liberation Serif", size: 13.5pt, lang: "vi", hyphenate: false, fallback: false)
#set par(justify: true, leading: 0.62em, spacing: 0.85em)
#for d in json(bytes(sys.inputs.data)) [
  #grid(columns: (43%, 57%), align: center + top, row-gutter: 9pt,
    [ỦY BAN NHÂN DÂN TỈNH MẪU \\ *SỞ NỘI VỤ*], [*CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM \\ Độc lập - Tự do - Hạnh phúc*],
    [Số: #d.number], [_Mẫu, #d.day _])
  #align(center)[*CÔNG VĂN \\ #d.subject*]
  #for p in d.body [#p #parbreak()]
  #grid(columns: (48%, 52%), [*_Nơi nhận:_* \\ - Như trên; \\ - Lưu: VT.],
    align(center)[*GIÁM ĐỐC \\ \\ \\ \\ Trần Thị Mẫu*])
  #if d.more { pagebreak() }
]
"""


@dataclass(frozen=True, slots=True)
class Variant:
    """One of many documents: its file name, its bytes and what a register would say of it."""

    name: str
    body: bytes
    number: str
    subject: str


def variants(count: int, *, start: int = 0, token: bool = True, signed: bool = True) -> Iterator[Variant]:
    """`count` different one-page documents, numbered from `start`; each signed, with a token if `token`."""
    for number in range(start, start + count):
        words, page = _batch(number // BATCH)[number % BATCH]
        if signed:
            at = signing.DEFAULT_TIME + timedelta(minutes=number % 600)
            page = signing.sign(page, "giam-doc", at=at, token=token)
        yield Variant(f"{number:06}-SNV-VTLT.pdf", page, str(words["number"]), str(words["subject"]))


@lru_cache(maxsize=2)
def _batch(batch: int) -> list[tuple[dict[str, object], bytes]]:
    """The words and pages of one batch, always whole: a page's fonts hold the letters of all its batch."""
    told = [_words(number) for number in range(batch * BATCH, (batch + 1) * BATCH)]
    return list(zip(told, _pages(told), strict=True))


def _words(number: int) -> dict[str, object]:
    dice = random.Random(number)     # the same number, the same words
    lines = _lines()
    body = dice.sample(lines, 4)
    day = dice.randint(1, 20)
    return {"number": f"{number}/SNV-VTLT", "day": f"ngày {day:02} tháng 11 năm 2026",
            "subject": f"V/v {dice.choice(lines)[:70].rstrip(' ,.;')} ({number})",
            "body": [f"Văn bản mẫu thứ {number}.", *body]}


@cache
def _lines() -> list[str]:
    """Paragraphs of the sample texts that fit a one-page letter."""
    found = []
    for path in sorted(TEXTS.glob("*[0-9].txt")):
        found += [line for line in renamed(path.read_text("utf-8")).splitlines()
                  if 80 < len(line) < LONGEST_PARAGRAPH and "<" not in line]
    return found


def _pages(told: list[dict[str, object]]) -> Iterator[bytes]:
    """One PDF a page, typeset together because starting the typesetter costs more than a page."""
    for words in told:
        words["more"] = words is not told[-1]
    data = json.dumps(told, ensure_ascii=False)
    whole = typst.compile(_PAGE.encode(), sys_inputs={"data": data}, pdf_tags=False, timestamp=0)
    assert isinstance(whole, bytes)
    with pikepdf.open(io.BytesIO(whole)) as source:
        assert len(source.pages) == len(told), "a letter grew longer than its page"
        for page in source.pages:
            out = io.BytesIO()
            with pikepdf.new() as single:
                single.pages.append(page)
                single.save(out, deterministic_id=True)
            yield out.getvalue()
