"""Which pages of a long scan make which document: by its separator sheets, or by the page counts of a registry list.

It decides and never cuts. What is not sure is not split: the scan waits whole, with findings that name the page.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from archive import codes
from archive.findings import Finding, finding
from ingest.digitise.telling import numbers

Place = tuple[int, int]         # file (from 1) and page (from 1)
_SHOWN = 10


@dataclass(slots=True)
class Cut:
    """One document of a scan: its pages in order, what names it, and the row of the list that tells of it.

    `ordinal` is 0 where nobody said one; `sheet` is the place in the scan, from 1, of the separator sheet that begins
    it (0: none), `expected` the pages that the sheet says (0: it does not).
    """

    code: str
    ordinal: int
    pages: list[Place] = field(default_factory=list)
    row: dict[str, Any] | None = None
    sheet: int = 0
    expected: int = 0


@dataclass(slots=True)
class Plan:
    """How a scan is split: its documents (none: it is one document), pages of none, and what is to be said."""

    cuts: list[Cut] = field(default_factory=list)
    by: str = ""                        # "sheets", "counts", or "" for a scan that is one document
    sheets: list[Place] = field(default_factory=list)
    backs: list[Place] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)


def plan(name: str, noted: Mapping[str, Any], order: Sequence[Place], rows: Sequence[dict[str, Any]]) -> Plan:
    """How the scan `name` is split; `noted` is what scan_reading.look saw, `order` its pages, `rows` those of a list.

    Of a row `fields` and `line` are read. A plan without cuts and findings leaves the scan as it is.
    """
    if noted["sheets"] or noted["damaged"]:
        return _BySheets(name, noted, order).run(rows)
    if len(rows) > 1:
        return _by_counts(name, noted, order, rows)
    return Plan()


# --- by separator sheets ----------------------------------------------------------------------------------------


class _BySheets:
    """The reading of one scan's separator sheets, from its first page to its last."""

    def __init__(self, name: str, noted: Mapping[str, Any], order: Sequence[Place]) -> None:
        self.name, self.order = name, order
        self.sheets = {(one["file"], one["page"]): one for one in noted["sheets"]}
        self.damaged = {(one["file"], one["page"]): one["why"] for one in noted["damaged"]}
        self.blank = {(one["file"], one["page"]) for one in noted["blank"]}
        self.done = Plan(by="sheets")
        self.loose: list[int] = []          # places in the scan of pages that follow no sheet

    def run(self, rows: Sequence[dict[str, Any]]) -> Plan:
        self._read()
        self._judge()
        if rows:
            self.done.findings += _against_list(self.name, self.done.cuts, rows)
        return self.done

    def _find(self, rule: str, at: int, /, **params: object) -> None:
        file, page = self.order[at - 1]
        self.done.findings.append(finding(rule, self.name, level=None, part=file - 1, page=page, **params))

    def _read(self) -> None:
        current: Cut | None = None
        begun: dict[str, Any] | None = None         # the case file's sheet that no document has followed yet
        after_sheet = False
        for at, place in enumerate(self.order, 1):
            if why := self.damaged.get(place):
                self._find("SCAN-021" if why == "contradictory" else "SCAN-020", at)
                self.done.sheets.append(place)
                after_sheet = True
                continue
            sheet = self.sheets.get(place)
            if sheet is None:
                if place in self.blank and after_sheet:
                    self.done.backs.append(place)
                elif current is None:
                    if begun is None:
                        self.loose.append(at)
                    else:                           # a case file without documents' sheets: one document
                        current = Cut(begun["code"], 0, [place], sheet=begun["at"])
                        self.done.cuts.append(current)
                else:
                    current.pages.append(place)
                after_sheet = False
                continue
            self.done.sheets.append(place)
            after_sheet = sheet["kind"] != "B"
            if sheet["kind"] == "D":
                if _same(current, sheet) and not (current and current.pages):
                    continue                        # front and back of one sheet bear the same code
                if begun is not None and begun["code"] != sheet["code"]:
                    self._find("SCAN-024", at, code=sheet["code"], begun=begun["code"])
                current = Cut(sheet["code"], sheet["ordinal"], sheet=at, expected=sheet["count"])
                self.done.cuts.append(current)
            elif sheet["kind"] == "F" and not (begun and begun["code"] == sheet["code"] and current is None):
                current, begun = None, {**sheet, "at": at}
                self._expect(sheet, at)

    def _expect(self, sheet: Mapping[str, Any], at: int) -> None:
        same = [one for one in self.sheets.values() if one["kind"] == "D" and one["code"] == sheet["code"]]
        have = len({one["ordinal"] for one in same})
        if sheet["count"] and have != sheet["count"]:
            self._find("SCAN-025", at, code=sheet["code"], stated=sheet["count"], found=have)

    def _judge(self) -> None:
        cuts = self.done.cuts
        if self.loose:
            self._find("SCAN-022", self.loose[0], pages=numbers(self.loose))
        for one in cuts:
            if not one.pages:
                self._find("SCAN-023", one.sheet, document=_called(one))
            elif one.expected and len(one.pages) != one.expected:
                self._find("SCAN-028", one.sheet, document=_called(one), stated=one.expected, found=len(one.pages))
        for (code, ordinal), times in Counter((one.code, one.ordinal) for one in cuts).items():
            if times > 1:
                at = [one.sheet for one in cuts if (one.code, one.ordinal) == (code, ordinal)]
                self._find("SCAN-026", at[1], document=_called(Cut(code, ordinal)), pages=numbers(at))
        for code in dict.fromkeys(one.code for one in cuts):
            have = {one.ordinal for one in cuts if one.code == code and one.ordinal}
            gaps = sorted(set(range(min(have), max(have) + 1)) - have) if have else []
            if gaps:
                after = next(one for one in cuts if one.code == code and one.ordinal > gaps[0])
                self._find("SCAN-027", after.sheet, code=code, gaps=numbers(gaps[:_SHOWN * 10]))
        if not cuts and not self.done.findings:     # sheets alone, or a case file's sheet and nothing after it
            self._find("SCAN-023", 1, document=", ".join(sorted({one["code"] for one in self.sheets.values()})))


def _same(cut: Cut | None, sheet: Mapping[str, Any]) -> bool:
    return cut is not None and (cut.code, cut.ordinal) == (sheet["code"], sheet["ordinal"])


def _against_list(name: str, cuts: Sequence[Cut], rows: Sequence[dict[str, Any]]) -> Iterator[Finding]:
    """Give each document the row that tells of it; where the list and the sheets disagree, that is said."""
    waiting = {(one.code, one.ordinal): one for one in cuts}
    unnamed = [row for row in rows if not ordinal_of(row)]
    if unnamed and len(unnamed) == len(rows) == len(cuts):      # no ordinals at all: the order tells
        pairs = list(zip(cuts, rows, strict=True))
    else:
        pairs = []
        for row in rows:
            ours = [key for key in waiting if key[1] == ordinal_of(row) and code_of(row) in ("", key[0])]
            if len(ours) == 1:
                pairs.append((waiting.pop(ours[0]), row))
            else:
                yield finding("SCAN-031", name, part=0, page=1, line=row["line"], document=told(row))
    matched = {id(cut) for cut, _row in pairs}
    for cut in cuts:
        if id(cut) not in matched:
            yield finding("SCAN-032", name, part=0, page=cut.sheet or 1, document=_called(cut))
    for cut, row in pairs:
        cut.row = row
        stated = count_of(row)
        if stated and stated != len(cut.pages):
            yield finding("SCAN-030", name, part=0, page=cut.sheet or 1, line=row["line"], document=_called(cut),
                          stated=stated, found=len(cut.pages))


# --- by the page counts of a list -------------------------------------------------------------------------------


def _by_counts(name: str, noted: Mapping[str, Any], order: Sequence[Place], rows: Sequence[dict[str, Any]]) -> Plan:
    done = Plan(by="counts")
    counts = [count_of(row) for row in rows]
    if missing := [str(row["line"]) for row, count in zip(rows, counts, strict=True) if not count]:
        done.findings.append(finding("SCAN-034", name, part=0, page=1, lines=", ".join(missing[:_SHOWN])))
        return done
    if sum(counts) != len(order):
        done.findings.append(finding(
            "SCAN-033", name, part=0, page=min(sum(counts), len(order)), stated=sum(counts), found=len(order),
            difference=f"{len(order) - sum(counts):+d}", blank=len(noted["blank"])))
        return done
    scan = codes.parse_scan_name(PurePosixPath(name).name)
    own = str(scan.file) if scan is not None else ""
    ordinals = [ordinal_of(row) for row in rows]
    if len(set(filter(None, ordinals))) != len(rows):
        ordinals = list(range(1, len(rows) + 1))
    start = 0
    for row, count, ordinal in zip(rows, counts, ordinals, strict=True):
        done.cuts.append(Cut(code_of(row) or own, ordinal, list(order[start:start + count]), row))
        start += count
    if len({(one.code, one.ordinal) for one in done.cuts}) != len(done.cuts):
        done.findings.append(finding("SCAN-034", name, part=0, page=1,
                                     lines=", ".join(str(row["line"]) for row in rows[:_SHOWN])))
        done.cuts = []
    return done


# --- rows -------------------------------------------------------------------------------------------------------


def code_of(row: Mapping[str, Any]) -> str:
    """The case file that a row of a list names: in its own column, else in the name of the file; "" for none."""
    stated = codes.parse_file_code(str(row["fields"].get("fileCode", "")), inventory=True)
    scan = _scan_name(row)
    return str(stated) if stated else str(scan.file) if scan else ""


def ordinal_of(row: Mapping[str, Any]) -> int:
    """The document's place in its case file that a row names: in its own column, else in the file's name; 0: none."""
    text = str(row["fields"].get("docOrdinal", "")).strip()
    if text.isascii() and text.isdecimal():
        return int(text)
    scan = _scan_name(row)
    return (scan.ordinal or 0) if scan else 0


def count_of(row: Mapping[str, Any]) -> int:
    """The pages that a row states; 0 where it states none, or nothing that can be read."""
    text = str(row["fields"].get("numberOfPage", "")).strip()
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= 6 else 0


def told(row: Mapping[str, Any]) -> str:
    """A row as a person finds it: what it calls the document."""
    code, ordinal = code_of(row), ordinal_of(row)
    return _called(Cut(code, ordinal)) if code else str(row["fields"].get("subject", "")) or str(row.get("file", "—"))


def ranges(pages: Iterable[Place]) -> list[list[int]]:
    """Pages as runs: file, first page, last page; the way in which a record tells them."""
    runs: list[list[int]] = []
    for file, page in pages:
        if runs and runs[-1][0] == file and runs[-1][2] + 1 == page:
            runs[-1][2] = page
        else:
            runs.append([file, page, page])
    return runs


def _scan_name(row: Mapping[str, Any]) -> codes.ScanName | None:
    return codes.parse_scan_name(PurePosixPath(str(row.get("file", "")).replace("\\", "/")).name)


def _called(cut: Cut) -> str:
    return f"{cut.code}.{cut.ordinal:0{codes.ORDINAL_DIGITS}d}" if cut.ordinal else cut.code
