"""What is said about a digitised file: its pages' figures against the thresholds, as findings.

Must never look at the file itself: facts in, findings out, one finding a kind with the pages it is about.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from archive.findings import Finding, finding
from archive.settings import Settings
from ingest.digitise.thresholds import profile, threshold

Facts = dict[str, Any]


def judge(name: str, facts: Facts, settings: Settings) -> list[Finding]:
    """The findings about the scanned file `name`, from its facts (see __init__.py for the keys)."""
    pages = [page for page in facts["pages"] if page["kind"] == "picture"]
    rules = profile(settings.profile)
    written = [page for page in pages if not page["blank"]]
    found: list[Finding] = [*_resolution(name, pages, rules), *_looks(name, pages, written)]
    if rules["colour"]:
        found += _about("DIGITISE-019", name, [page for page in pages if page["colour"] == "bw"])
    read = [page for page in written if not page.get("error")]
    silent = [page for page in read if page["words"] < threshold("reading", "few_words")]
    unsure = [page for page in read if page not in silent and page["confidence"] < settings.ocr.review_below]
    found += _about("DIGITISE-009", name, silent)
    found += _about("DIGITISE-008", name, unsure, limit=round(settings.ocr.review_below),
                    confidence=_least(unsure, "confidence"))
    found += _about("DIGITISE-010", name, [page for page in written if page.get("error")])
    left_out = facts.get("left_out", [])
    if left_out:
        found.append(finding("DIGITISE-011", name, parts=", ".join(left_out)))
    if facts.get("not_pdfa"):
        found.append(finding("DIGITISE-012", name, reason="; ".join(facts["not_pdfa"][:3])))
    if facts.get("unclean"):
        found.append(finding("DIGITISE-013", name, reason=facts["unclean"]))
    return found


def _resolution(name: str, pages: list[Facts], rules: dict[str, float]) -> list[Finding]:
    tolerance = threshold("quality", "dpi_tolerance")
    large = [page for page in pages if page["length_mm"] > threshold("quality", "large_sheet_mm") and page["stated"]]
    unstated = [page for page in pages if not page["stated"]]
    least = rules["dpi"]
    coarse = [page for page in pages if page["stated"] and 0 < page["dpi"] < least * tolerance]
    maps = [page for page in large if page not in coarse and 0 < page["dpi"] < rules["large_dpi"] * tolerance]
    few = [page for page in unstated if page["dpi"] < least * tolerance]
    return [*_about("DIGITISE-001", name, coarse, dpi=_least(coarse, "dpi"), limit=round(least)),
            *_about("DIGITISE-020", name, maps, dpi=_least(maps, "dpi"), limit=round(rules["large_dpi"])),
            *_about("DIGITISE-021", name, few, dpi=_least(few, "dpi"), limit=round(least)),
            *_about("DIGITISE-002", name, [page for page in unstated if page not in few])]


def _looks(name: str, pages: list[Facts], written: list[Facts]) -> list[Finding]:
    skewed = [page for page in written if abs(page["skew"]) >= threshold("quality", "skew")]
    most = f"{max((abs(page['skew']) for page in skewed), default=0):.1f}"
    return [*_about("DIGITISE-003", name, [page for page in pages if page["blank"]]),
            *_about("DIGITISE-004", name, [page for page in written if page["rotation"]]),
            *_about("DIGITISE-005", name, skewed, degrees=most),
            *_about("DIGITISE-006", name, [page for page in written if page["pale"]]),
            *_about("DIGITISE-007", name, [page for page in written if page["dark"]])]


def _about(code: str, name: str, pages: list[Facts], **params: Any) -> list[Finding]:
    return [finding(code, name, pages=numbers(page["page"] for page in pages), **params)] if pages else []


def _least(pages: list[Facts], key: str) -> str:
    return str(round(min((page[key] for page in pages), default=0)))


def numbers(pages: Iterable[int]) -> str:
    """Page numbers as a person writes them: "1, 3–5"."""
    runs: list[list[int]] = []
    for page in sorted(pages):
        if runs and page == runs[-1][1] + 1:
            runs[-1][1] = page
        else:
            runs.append([page, page])
    return ", ".join(str(first) if first == last else f"{first}–{last}" for first, last in runs)
