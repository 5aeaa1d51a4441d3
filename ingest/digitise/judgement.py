"""What is said about a digitised file: its pages' figures against the thresholds, as findings.

Must never look at the file itself: facts in, findings out, one finding a kind with the pages it is about.
"""

from __future__ import annotations

from typing import Any

from archive.findings import Finding, finding
from archive.settings import Settings
from ingest.digitise import names, sheets
from ingest.digitise.limits import given_up
from ingest.digitise.telling import about
from ingest.digitise.thresholds import profile, threshold

Facts = dict[str, Any]

_SIDES = {"left": ("trái", "left"), "right": ("phải", "right"), "top": ("trên", "top"), "bottom": ("dưới", "bottom")}


def judge(name: str, facts: Facts, settings: Settings) -> list[Finding]:
    """The findings about the scanned file `name`, from its facts (see __init__.py for the keys)."""
    pages = [page for page in facts["pages"] if page["kind"] == "picture"]
    rules = profile(settings.profile)
    written = [page for page in pages if not page["blank"]]
    found: list[Finding] = [*_resolution(name, pages, rules), *_looks(name, pages, written), *_edges(name, written),
                            *sheets.findings(name, pages)]
    if rules["colour"]:
        found += about("DIGITISE-019", name, [page for page in pages if page["colour"] == "bw"])
        found += about("DIGITISE-046", name, [page for page in pages if page["colour"] == "grey"])
    found += names.findings(name) if pages else []
    read = [page for page in written if not page.get("error")]
    silent = [page for page in read if page["words"] < threshold("reading", "few_words")]
    unsure = [page for page in read if page not in silent and page["confidence"] < settings.ocr.review_below]
    found += about("DIGITISE-009", name, silent)
    found += about("DIGITISE-008", name, unsure, limit=round(settings.ocr.review_below),
                   confidence=_least(unsure, "confidence"))
    found += about("DIGITISE-010", name, [page for page in written if page.get("error") and "given_up" not in page])
    found += given_up(name, written)
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
    return [*about("DIGITISE-001", name, coarse, dpi=_least(coarse, "dpi"), limit=round(least)),
            *about("DIGITISE-020", name, maps, dpi=_least(maps, "dpi"), limit=round(rules["large_dpi"])),
            *about("DIGITISE-021", name, few, dpi=_least(few, "dpi"), limit=round(least)),
            *about("DIGITISE-002", name, [page for page in unstated if page not in few])]


def _looks(name: str, pages: list[Facts], written: list[Facts]) -> list[Finding]:
    least, most_likely = threshold("quality", "skew"), threshold("reading", "straighten_most")
    skewed = [page for page in written if least <= abs(page["skew"]) <= most_likely]    # steeper: a drawing's lines
    most = f"{max((abs(page['skew']) for page in skewed), default=0):.1f}"
    return [*about("DIGITISE-003", name, [page for page in pages if page["blank"]]),
            *about("DIGITISE-004", name, [page for page in written if page["rotation"]]),
            *about("DIGITISE-005", name, skewed, degrees=most),
            *about("DIGITISE-006", name, [page for page in written if page["pale"]]),
            *about("DIGITISE-007", name, [page for page in written if page["dark"]])]


def _edges(name: str, written: list[Facts]) -> list[Finding]:
    cut = [page for page in written if page.get("cut")]
    border = [page for page in written if page.get("border")]
    return [*about("DIGITISE-040", name, cut, **_sides(cut, "cut")),
            *about("DIGITISE-041", name, border, **_sides(border, "border")),
            *about("DIGITISE-045", name, [page for page in written if page.get("spread")]),
            *about("DIGITISE-048", name, [page for page in written if page.get("moire")])]


def _least(pages: list[Facts], key: str) -> str:
    return str(round(min((page[key] for page in pages), default=0)))


def _sides(pages: list[Facts], key: str) -> dict[str, str]:
    """The sides that the pages' facts name, in both languages."""
    found = [side for side in _SIDES if any(side in page.get(key, ()) for page in pages)]
    return {"sides_vi": ", ".join(_SIDES[side][0] for side in found),
            "sides_en": ", ".join(_SIDES[side][1] for side in found)}
