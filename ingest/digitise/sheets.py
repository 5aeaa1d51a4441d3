"""The sizes of a document's sheets: against those of paper at 100 %, and against one another.

Must never look at a picture: millimetres in, findings out. A file without a credible resolution has no sizes.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partial
from typing import Any

from archive.findings import Finding
from ingest.digitise.telling import about
from ingest.digitise.thresholds import sizes, threshold

Facts = dict[str, Any]

_ROOT_TWO = math.sqrt(2)
_A_SERIES = [297 * 2 ** (step / 2) for step in range(-2, 5)]      # A6 to A0, long side, mm
_figure = partial(threshold, "sheets")


def findings(name: str, pages: list[Facts]) -> Iterator[Finding]:
    """The findings about the sizes of the pictures' sheets (facts `sheet`: short and long side, mm)."""
    sized = [page for page in pages if page["stated"] and page["dpi"] > 0 and page.get("sheet")]
    stretched = [page for page in sized if page.get("stretch", 0.0) > threshold("quality", "stretch")]
    yield from about("DIGITISE-049", name, stretched,
                     percent=round(100 * max((page["stretch"] for page in stretched), default=0)))
    scaled = {page["page"]: percent for page in sized if page not in stretched and (percent := scale(*page["sheet"]))}
    yield from about("DIGITISE-042", name, [page for page in sized if page["page"] in scaled],
                     percent=", ".join(str(percent) for percent in sorted(set(scaled.values()))))
    usual = _usual(sized)
    if usual is None:
        return
    longer = [page for page in sized if _is_longer(page["sheet"], usual)]
    halves = [page for page in sized if _is_half(page["sheet"], usual)]
    sheet = f"{usual[0]:.0f} × {usual[1]:.0f}"
    yield from about("DIGITISE-043", name, longer, usual=sheet,
                     length=round(max((page["sheet"][1] for page in longer), default=0)))
    yield from about("DIGITISE-044", name, halves, usual=sheet)


def scale(short: float, long: float) -> int | None:
    """The percentage of its paper's size that a sheet of the A series was scanned at; None: 100 %, or other paper."""
    if short <= 0 or known(short, long) or abs(long / short / _ROOT_TWO - 1) > _figure("root_two"):
        return None
    # Papers are made smaller rather than larger: 80 % of A4, not 113 % of A5.
    least = min((size for size in _A_SERIES if long <= size * _figure("enlarged")), default=_A_SERIES[-1])
    return round(100 * long / least)


def known(short: float, long: float) -> bool:
    """Whether paper of this size is made."""
    slack = _figure("tolerance_mm")
    return any(abs(short - one) <= slack and abs(long - other) <= slack for one, other in sizes())


def _usual(pages: list[Facts]) -> tuple[float, float] | None:
    """The size of most of the pages; None when there is no such size."""
    if len(pages) < _figure("least_pages"):
        return None
    alike = {page["page"]: sum(_same(page["sheet"], other["sheet"]) for other in pages) for page in pages}
    most = max(pages, key=lambda page: alike[page["page"]])
    if alike[most["page"]] < _figure("usual") * len(pages):
        return None
    return most["sheet"][0], most["sheet"][1]


def _same(one: list[float], other: list[float]) -> bool:
    return all(abs(a - b) <= _figure("same") * max(a, b) for a, b in zip(one, other, strict=True))


def _is_longer(sheet: list[float], usual: tuple[float, float]) -> bool:
    """As wide as the others but longer, and no paper that is made: two sheets went in one after the other."""
    alike = abs(sheet[0] - usual[0]) <= _figure("same") * usual[0]
    return alike and sheet[1] > _figure("longer") * usual[1] and not known(*sheet)


def _is_half(sheet: list[float], usual: tuple[float, float]) -> bool:
    """Half the area of the others, one side in common."""
    share = sheet[0] * sheet[1] / (usual[0] * usual[1])
    common = min(abs(side - usual[0]) for side in sheet) <= _figure("tolerance_mm")
    return abs(share - 0.5) <= _figure("half") and common
