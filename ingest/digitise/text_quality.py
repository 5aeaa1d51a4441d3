"""How far the text of a page can be trusted: the reader's confidence, plausible syllables, misread figures.

Facts in, figures and findings out; it must never change a text. The figures steer a person's eye, and which pages are
read once more when a better engine comes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from archive.findings import Finding, finding
from ingest.digitise.telling import numbers
from ingest.digitise.thresholds import threshold
from search.encodings import counts, vietnamese_share

if TYPE_CHECKING:                       # Tesseract is loaded when the first scan comes
    from ingest.digitise.engine import Word

Facts = dict[str, Any]

_ALIKE = "lIOo|"                        # what 1 and 0 are misread as
_FIGURE = re.compile(rf"(?<![^\s(:/.,–-])(?=[\d{_ALIKE}]*\d)(?=[\d]*[{_ALIKE}])[\d{_ALIKE}]{{2,}}(?![^\s).,;:/–-])")
_SPOKEN = re.compile(r"\bngày\s+(\S{1,3})\s+tháng\s+(\S{1,4})(?!\S)(?:\s+năm\s+(\S{1,5}))?", re.IGNORECASE)
_WRITTEN = re.compile(rf"(?<![\w/.-])([\d{_ALIKE}]{{1,2}})([/.-])([\d{_ALIKE}]{{1,2}})\2([\d{_ALIKE}]{{4}})(?![\w/-])")


def text_facts(text: str) -> Facts:
    """The entries of a page in facts["digitise"]: `syllables` (share, None without enough words), `misread` (figures
    and dates that cannot be), `foreign` (hardly a word is plainly Vietnamese: syllables then say nothing)."""
    counted, valid = counts(text)
    if counted < threshold("text", "least_words"):
        return {"syllables": None, "misread": misread(text)}
    plausible = round(valid / counted, 3)
    foreign = vietnamese_share(text) < threshold("text", "vietnamese_share")
    return {"syllables": plausible, "misread": misread(text)} | ({"foreign": True} if foreign else {})


def doubtful_words(words: Sequence[Word]) -> dict[str, float]:
    """The words at the head of a page that its reader doubts, with their confidence (0 to 100)."""
    head = words[:int(threshold("text", "head_words"))]
    found: dict[str, float] = {}
    for word in head:
        if word.confidence < threshold("text", "doubtful_below") and any(map(str.isalnum, word.text)):
            found[word.text] = min(round(word.confidence, 1), found.get(word.text, 100.0))
    return found


def misread(text: str) -> int:
    """How many figures and dates of `text` look misread: "3O", "2O26", "l0/O2/2026", "ngày 30 tháng 13".

    Places left blank ("ngày … tháng …") are none.
    """
    return len(misread_places(text))


def misread_places(text: str) -> list[tuple[int, int]]:
    """Where the misread figures and dates stand (`misread`): begin and end of each, in no order."""
    wrong = [match for match in _SPOKEN.finditer(text) if not _is_date(match[1], match[2], match[3] or "")]
    wrong += [match for match in _WRITTEN.finditer(text) if not _is_date(match[1], match[3], match[4])]
    spans = [match.span() for match in wrong]
    return spans + [match.span() for match in _FIGURE.finditer(text)
                    if not any(begin <= match.start() < end for begin, end in spans)]


def _is_date(day: str, month: str, year: str = "") -> bool:
    day, month, year = (part.strip(".,;:()[]/_…-–") for part in (day, month, year))
    if not (any(map(str.isdigit, day)) or any(map(str.isdigit, month))):
        return True                             # left blank, or words: "ngày mồng một tháng giêng"
    fits = all(part == "" or part.isdecimal() for part in (day, month, year))
    return fits and (not day or 1 <= int(day) <= 31) and (not month or 1 <= int(month) <= 12) and \
        (len(year) != 4 or 1000 <= int(year) <= 2199)


def review(page: Facts) -> float | None:
    """How good the text of a page is, 0 to 1, as far as it can be told without the picture; None: nothing to judge.

    The least of the reader's mean word confidence and of what the syllables say, less a little for each misread
    figure. Behind each syllable that cannot be there are, measured, four more words that are wrong or missing.
    """
    if page.get("kind") != "picture" or page.get("blank"):
        return None
    if page.get("error"):
        return 0.0
    if page.get("confidence") is None:
        return None
    best = float(page["confidence"]) / 100
    if page.get("syllables") is not None and not page.get("foreign"):
        best = min(best, 1 - threshold("text", "syllable_weight") * (1 - float(page["syllables"])))
    figures = min(threshold("text", "most_misread"), int(page.get("misread", 0)) * threshold("text", "misread_weight"))
    return round(max(0.0, best - figures), 3)


def review_list(facts: Facts) -> list[int]:
    """The pages that a person should look at, worst first (facts of one file; see digitise/__init__.py)."""
    return worse_than(facts, threshold("text", "review_below"))


def worse_than(facts: Facts, limit: float) -> list[int]:
    """The pages whose text is worse than `limit` (0 to 1), worst first; also of facts that an older version noted."""
    judged = [(value, page["page"]) for page in facts.get("pages", []) if (value := review(page)) is not None]
    return [number for value, number in sorted(judged) if value < limit]


def judge_text(name: str, facts: Facts) -> list[Finding]:
    """The findings about the text of the scanned file `name`."""
    worst = review_list(facts)
    pages = {page["page"]: page for page in facts.get("pages", [])}
    told = [number for number in worst if not pages[number].get("error")]       # DIGITISE-010 tells of the others
    odd = [number for number in told if _implausible(pages[number])]
    figures = [number for number, page in pages.items() if page.get("misread", 0) >= threshold("text", "misread_told")]
    found = []
    if odd:
        share = min(pages[number]["syllables"] for number in odd)
        found.append(finding("DIGITISE-060", name, pages=numbers(odd), worst=odd[0], share=round(100 * share),
                             limit=round(100 * threshold("text", "least_syllables"))))
    if figures:
        found.append(finding("DIGITISE-061", name, pages=numbers(figures), count=_sum(pages, figures)))
    return found


def _implausible(page: Facts) -> bool:
    known = page.get("syllables") is not None and not page.get("foreign")
    return known and bool(page["syllables"] < threshold("text", "least_syllables"))


def _sum(pages: dict[int, Facts], chosen: Iterable[int]) -> int:
    return sum(int(pages[number]["misread"]) for number in chosen)
