"""Extract: the text of every part of an item, mended, in one file; and what the page says of itself.

Received files are read and never changed. What the heading says is noted beside the registry's fields and compared
with them; it never replaces them.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

from archive.findings import Finding, Level, finding
from ingest.digitise import repair
from ingest.digitise.telling import numbers
from ingest.extract import RawText, Unreadable, carries_text, read_part
from ingest.extract.pdf import BROKEN
from ingest.headings import disagreements, read_heading
from ingest.item import Context, Item, Part
from ingest.proposals import sureness
from search.encodings import Decoded, from_pictures, language_guess, recover

TEXT = "text.txt"
UNSURE = 0.75                       # confidence under which a person is asked to look at a conversion
# How changes of letters are shown. Changes of form (composing, blanks, invisible signs) are counted, but leave every
# letter what it was and are not worth a line in the report.
_SHOWN = {"oi_letter": "ƣ → ư", "look_alike": "ð → đ", "mixed_script": "а, о, е (Cyrillic, Greek) → a, o, e",
          "stray_mark": "◌́", "broken_bytes": "UTF-8 → \ufffd"}
_ROLES = ("original", "attachment")
_SHEETS = {"xlsx", "xlsm", "xls", "ods", "csv"}     # tables have no head in the sense of NĐ 30/2020


def extract(item: Item, context: Context) -> list[Finding]:
    """Write the text of the item's parts to text.txt, and compare the page's head with the registry.

    The main part comes first; each further part begins a page with a line that holds its name. Pages are parted by
    form feeds. Notes under `facts["extract"]`: pages, characters, encoding, repairs, language_guess, by_part
    (of a PDF with `page_text`: where the text of each page came from), heading (with `sureness` of each proposal).
    """
    findings: list[Finding] = []
    pages: list[str] = []
    by_part: list[dict[str, Any]] = []
    main: dict[str, Any] = {}
    parts = [item.main, *(part for part in item.parts if part is not item.main and part.role in _ROLES)]
    for part in parts:
        noted, text, found = _extract_part(item, part, context)
        findings += found
        if noted is None:
            continue
        by_part.append(noted)
        main = noted if part is item.main else main
        own = text.split("\f") if text.strip() else []
        if own and part is not item.main:
            own[0] = f"{separator(part.name)}\n{own[0]}"
        pages += own
    whole = "\f".join(pages)
    # Written plainly: a run that is killed here has noted nothing, and the next one writes the file anew.
    (item.folder / TEXT).write_text(whole, encoding="utf-8", newline="\n")
    item.made(item.folder / TEXT, "text", "txt")
    # The annex whose line names the number may begin on a later page; a part of its own is another document.
    page = main.get("characters") and main["format"] not in _SHEETS
    head = "\n".join(pages[:min(4, main["pages"])]) if page else ""
    heading = read_heading(head) if page else {}
    if heading:
        heading["sureness"] = sureness(heading, head, *_reader_of(item, main))
    repairs: Counter[str] = Counter()
    for noted in by_part:
        repairs.update(noted["repairs"])
    item.facts["extract"] = {
        "pages": sum(noted["pages"] for noted in by_part), "characters": len(whole),
        "encoding": main.get("encoding", ""), "repairs": dict(repairs), "language_guess": language_guess(whole),
        "by_part": by_part, "heading": heading}
    if main.get("characters"):
        findings += _compare(item, heading, main["source"] in ("ocr", "both"))
    return findings


def _reader_of(item: Item, main: dict[str, Any]) -> tuple[dict[str, float], float | None]:
    """The words of page 1 that its reader doubts, and the page's mean confidence; None where it was not recognised."""
    pages = item.facts.get("digitise", {}).get("pages", [])
    if pages and pages[0].get("confidence") is not None:
        return dict(pages[0].get("doubtful", {})), float(pages[0]["confidence"])
    noted = main.get("page_text", [{}])[0]
    return {}, noted.get("confidence")


def separator(name: str) -> str:
    """The line that begins the text of a further part. The name stands in it on one line, whatever it holds."""
    shown = " ".join("".join(sign if sign.isprintable() else " " for sign in name).split())
    return f"----- {unicodedata.normalize('NFC', shown)} -----"


def _extract_part(item: Item, part: Part, context: Context) -> tuple[dict[str, Any] | None, str, list[Finding]]:
    """What is noted of a part (None when it carries no text), its mended text, and what was found."""
    # Parts that come from outside the check stage (a single command, a test) have no format yet: go by the name.
    fmt = part.format or part.path.suffix.lower().lstrip(".")
    noted_scan = _digitised(item, part)
    if not carries_text(fmt) and not noted_scan.get("scan"):
        return None, "", []
    findings: list[Finding] = []
    raw = RawText([])
    if carries_text(fmt):
        try:
            raw = read_part(part.path, fmt, context.settings.ingest)
        except Unreadable as unreadable:
            findings.append(unreadable.finding(part.name))
    unread = bool(findings)
    if noted_scan.get("scan"):
        raw = _with_ocr(item, noted_scan, raw)
    mended = _mend(raw)
    noted: dict[str, Any] = {}
    if raw.origins and (mended.text.strip() or BROKEN in raw.origins):
        mended, noted, found = _repaired(part, raw, mended, context)
        findings += found
    findings += _judge(part.name, raw, mended, unread)
    return {"name": part.name, "format": fmt, "source": raw.source, "pages": len(raw.pages),
            "characters": sum(map(len, mended.text.split())), "encoding": mended.encoding,
            "confidence": mended.confidence, "repairs": dict(sorted(mended.repairs.items())),
            **({"tool": raw.tool} if raw.tool else {}), **({"cut": True} if raw.cut else {}), **noted
            }, mended.text, findings


def _repaired(part: Part, raw: RawText, mended: Decoded,
              context: Context) -> tuple[Decoded, dict[str, Any], list[Finding]]:
    """The text of a PDF with the pages that were no text read from their picture; `page_text` says where each is from.

    The file itself stays as it is: a signed one above all.
    """
    pages = mended.text.split("\f")
    known = repair.origins(raw.pages, pages, raw.origins, mended.encoding)
    done = repair.repair_pages(part.path, pages, known, context.settings)
    findings = []
    if done.read:
        findings.append(finding("EXTRACT-015", part.name, pages=numbers(done.read)))
        raw.source = "ocr" if len(done.read) == len(pages) else "both"
    if len(done.left) == len(pages):
        findings.append(finding("EXTRACT-005", part.name))
    elif done.left:
        findings.append(finding("EXTRACT-016", part.name, pages=numbers(done.left)))
    noted = {"page_text": done.notes, **({"engine": done.engine} if done.engine else {})}
    return replace(mended, text="\f".join(done.pages)), noted, findings


def _digitised(item: Item, part: Part) -> dict[str, Any]:
    """What the digitise stage noted of this part."""
    noted: dict[str, Any] = item.facts.get("digitise", {})
    if part is item.main:
        return noted
    number = next(number for number, one in enumerate(item.parts, 1) if one is part)
    same = [one for one in noted.get("attachments", []) if one["name"] == part.name]
    # Two attachments may bear one name; their texts are numbered by their place.
    return next((one for one in same if one.get("text") == f"ocr-{number}.txt"), same[0] if len(same) == 1 else {})


def _with_ocr(item: Item, noted: dict[str, Any], raw: RawText) -> RawText:
    """The recognised text in place of the pages that are pictures; the other pages keep their text layer."""
    path = item.folder / Path(noted.get("text", "")).name
    if not noted.get("text") or not path.is_file():
        return raw
    recognised = path.read_text(encoding="utf-8").split("\f")
    pages = []
    for number in range(max(len(recognised), len(raw.pages))):
        layer = raw.pages[number] if number < len(raw.pages) else ""
        seen = recognised[number] if number < len(recognised) else ""
        pages.append(seen if seen.strip() else layer)
    both = any(page["kind"] == "text" for page in noted.get("pages", []))
    layers = raw.origins + ["layer"] * (len(pages) - len(raw.origins))
    origins = ["ocr" if number < len(recognised) and recognised[number].strip() else origin
               for number, origin in enumerate(layers)]
    return RawText(pages, "both" if both else "ocr", cut=raw.cut, converted=raw.converted, origins=origins)


def _mend(raw: RawText) -> Decoded:
    """Recover and repair a text as a whole; what the reader found by itself (bytes, fonts) is kept with it.

    What was recognised from pictures throughout is Unicode: a sign that the reader took for « is no legacy encoding.
    """
    whole = "\f".join(raw.pages)
    found = recover(whole) if raw.source != "ocr" else from_pictures(whole)
    repairs = Counter(raw.repairs) + Counter(found.repairs)
    encoding, confidence = found.encoding, found.confidence
    if encoding == "unicode" and raw.encoding != "unicode":
        encoding, confidence = raw.encoding, raw.confidence
    if raw.converted:
        repairs.update({f"from_{name}": runs for name, runs in raw.converted.items()})
        # The name of a font says for certain what only statistics could say of bytes.
        if encoding == "unicode":
            encoding, confidence = raw.converted.most_common(1)[0][0], 1.0
    return Decoded(found.text, encoding, confidence, dict(repairs))


def _judge(name: str, raw: RawText, mended: Decoded, unread: bool) -> list[Finding]:
    findings: list[Finding] = []
    if raw.cut:
        findings.append(finding("EXTRACT-010", name))
    if not mended.text.strip():
        return findings if unread else [*findings, finding("EXTRACT-001", name)]
    sure = f"{mended.confidence:.0%}"
    if mended.encoding == "unsure":
        findings.append(finding("EXTRACT-004", name, encoding="windows-1252"))
    elif any(kind.startswith("from_") for kind in mended.repairs) or mended.encoding == "windows-1258":
        code = "EXTRACT-002" if mended.confidence >= UNSURE else "EXTRACT-004"
        findings.append(finding(code, name, encoding=mended.encoding, confidence=sure))
    loud = [f"{shown} ({mended.repairs[kind]})" for kind, shown in _SHOWN.items() if kind in mended.repairs]
    if loud:
        findings.append(finding("EXTRACT-003", name, kinds=", ".join(loud)))
    return findings


_SAYS = {"codeNumber": "EXTRACT-011", "codeNotation": "EXTRACT-012", "issuedDate": "EXTRACT-013",
         "organName": "EXTRACT-014"}


def _compare(item: Item, heading: dict[str, Any], recognised: bool) -> list[Finding]:
    """The page against the registry; what was only recognised from a picture may be misread, so it is a note."""
    level = Level.note if recognised else None
    return [finding(_SAYS[one.tag], item.name, level=level, registry=one.registry, page=one.page)
            for one in disagreements(heading, item.fields)]

