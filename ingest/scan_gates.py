"""What a scan job may not pass, and what must be told: findings SCAN-001 to SCAN-017.

Law: scans unsigned at acceptance (NĐ 31/2026/NĐ-CP Điều 12.3.c), no backup of scan data (Điều 12.7), stuck, torn or
faded originals that were not treated, quality control before acceptance (TT 05/2025/TT-BNV Đ5–9). How counts are
compared is this system's convention: sheets have one or two sides, and who explains a difference may go on.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from archive import scan_acts
from archive.catalogue import SOME
from archive.codes import parse_file_code
from archive.findings import Finding, Level, finding
from archive.model import CaseFile, FilePlanEntry, Item, ScanJob, ScanJobFile
from archive.scan_jobs import Job
from ingest.scan_lists import damage
from ingest.scan_quality import Scan

Entries = Mapping[str, Any]
SHOWN = 10              # names that one sentence tells
_DONE = ("done", "not_needed")
_DAMAGE = {"stuck": ("dính, bết", "stuck"), "torn": ("rách", "torn"), "faded": ("mờ, phai", "faded"),
           "other": ("hư hỏng", "damaged")}
_QUANTITY = {"boxes": ("hộp", "boxes"), "files": ("hồ sơ", "case files"), "documents": ("văn bản", "documents"),
             "sheets": ("tờ", "sheets"), "pages": ("trang", "pages")}


def about_list(session: Session, job: Job, listed: Sequence[Entries]) -> list[Finding]:
    """Case files of a list: unknown codes (SCAN-002), in another open job (SCAN-004), of another profile (SCAN-007),
    counted otherwise than when they were handed over (SCAN-018).
    """
    codes = [one["code"] for one in listed]
    held: dict[str, str] = {}
    others: dict[str, str] = {}
    for start in range(0, len(codes), SOME):
        some = codes[start:start + SOME]
        held |= {row.code: row.profile for row in session.execute(
            select(CaseFile.code, CaseFile.profile).where(CaseFile.code.in_(some)))}
        others |= {row.code: row.job for row in session.execute(
            select(ScanJobFile.code, ScanJobFile.job).join(ScanJob, ScanJob.id == ScanJobFile.job).where(
                ScanJobFile.code.in_(some), ScanJobFile.job != job.id, ScanJobFile.returned == 0,
                ScanJob.state.not_in(("returned", "cancelled"))))}
    given = {one["code"]: one for one in job.in_work}
    found = []
    for line in listed:
        code = line["code"]
        if code not in held and not _planned(session, code):
            found.append(finding("SCAN-002", code))
        if code in others:
            found.append(finding("SCAN-004", code, code=code, where=f"đợt {others[code]}",
                                 where_en=f"the job {others[code]}"))
        if (old := given.get(code)) and (what := _changed(old, line)):
            found.append(finding("SCAN-018", code, what=f"hồ sơ đã bàn giao, {what[0]} không sửa được nữa",
                                 what_en=f"it was handed over, {what[1]} cannot be changed any more"))
        if code in held and held[code] != job.record["profile"]:
            found.append(finding("SCAN-007", code, job=job.record["profile"], held=held[code]))
    return found


def untreated(files: Iterable[Entries]) -> list[Entries]:
    """The case files that must be treated before they are scanned, and were not."""
    return [one for one in files if one["treatment"] not in _DONE and (
        one["treatment"] == "needed" or damage(one["condition"]))]


def before_hand_over(job: Job, chosen: Sequence[Entries]) -> list[Finding]:
    """Untreated originals (SCAN-001), and totals that differ from the plan (SCAN-008)."""
    found = []
    for one in untreated(chosen):
        kind = _DAMAGE.get(damage(one["condition"]), ("cần xử lý", "to be treated"))
        found.append(finding("SCAN-001", one["code"], condition=one["condition"] or "—", kind=kind[0], kind_en=kind[1]))
    now = {one["n"] for one in chosen}
    totals = scan_acts.counted([*job.in_work, *chosen])
    if now >= {one["n"] for one in job.files if not one["handed_over"]}:       # the last part: nothing is to come
        for what, planned in job.record["planned"].items():
            if planned and totals[what] and planned != totals[what]:
                found.append(finding("SCAN-008", job.id, what=_QUANTITY[what][0], what_en=_QUANTITY[what][1],
                                     planned=planned, found=totals[what]))
    return found


def about_counts(job: Job, scans: Sequence[Scan], *, explained: bool = False) -> list[Finding]:
    """What was handed over against what was scanned, case file by case file (SCAN-009, -010, -011).

    Refused; a warning where the difference is `explained`. One scan of a whole case file may hold all its documents.
    """
    documents, pages = Counter(one.case_file for one in scans), Counter[str]()
    for one in scans:
        pages[one.case_file] += one.pages
    level = Level.warning if explained else Level.refused
    found = []
    for file in job.in_work:
        code, have = file["code"], pages[file["code"]]
        if not documents[code]:
            found.append(finding("SCAN-011", code, level=level, sheets=file["sheets"]))
            continue
        if file["documents"] and documents[code] not in (file["documents"], 1):
            found.append(finding("SCAN-009", code, level=level, listed=file["documents"], scanned=documents[code]))
        least, most = (file["pages"], file["pages"]) if file["pages"] else (file["sheets"], 2 * file["sheets"])
        if not least <= have <= most:
            expected = str(least) if least == most else f"{least}–{most}"
            found.append(finding("SCAN-010", code, level=level, expected=expected, scanned=have,
                                 sheets=file["sheets"]))
    return found


def about_quality(job: Job, scans: Sequence[Scan]) -> list[Finding]:
    """Errors that are open (SCAN-013); documents not judged, or scans that came after the check began (SCAN-014)."""
    if not job.rounds:
        return [finding("SCAN-014", job.id, n=len(scans), why="chưa kiểm tra chất lượng lần nào",
                        why_en="the quality was never checked")]
    last = job.rounds[-1]
    told, found = scan_acts.checked(last), []
    if told["open"]:
        found.append(finding("SCAN-013", job.id, n=told["open"], round=last["round"], documents=_named(
            one["document"] for one in scan_acts.open_errors(last))))
    if told["unjudged"]:
        found.append(finding("SCAN-014", job.id, n=told["unjudged"], why=f"đợt {last['round']} chưa ghi kết quả",
                             why_en=f"round {last['round']} has no verdict on them"))
    if later := len(scans) - last["of"]:
        found.append(finding("SCAN-014", job.id, n=abs(later), why="số bản quét đã thay đổi sau khi lập danh sách",
                             why_en="the number of scans changed after the list was made"))
    return found


def before_acceptance(job: Job, scans: Sequence[Scan], waiting: Sequence[Item], *, explained: bool) -> list[Finding]:
    """Everything that stands in the way of acceptance; what a person explained is a warning."""
    found = [*about_quality(job, scans), *about_counts(job, scans, explained=explained)]
    if unsigned := [one.code for one in scans if not one.signed]:
        found.append(finding("SCAN-012", job.id, n=len(unsigned), documents=_named(unsigned)))
    if waiting:
        found.append(finding("SCAN-015", job.id, level=Level.warning if explained else Level.refused, n=len(waiting),
                             names=_named(one.name for one in waiting)))
    return found


def before_return(job: Job, chosen: Collection[Entries], scans: Sequence[Scan],
                  counts: Mapping[str, tuple[int, str]], *, without_backup: bool) -> list[Finding]:
    """Scans that no copy holds (SCAN-016; a warning where the settings say so), counts that differ (SCAN-017).

    A difference that has a remark is a warning, one without is refused.
    """
    found, codes = [], {one["code"] for one in chosen}
    bare = [one.code for one in scans if one.case_file in codes and not one.copies]
    if bare:
        level = Level.warning if without_backup else Level.refused
        found.append(finding("SCAN-016", job.id, level=level, n=len(bare), documents=_named(bare)))
    for file in chosen:
        sheets, remark = counts[file["code"]]
        if sheets != file["sheets"]:
            found.append(finding("SCAN-017", file["code"], level=Level.warning if remark else Level.refused,
                                 given=file["sheets"], returned=sheets))
    return found


# --- steps -------------------------------------------------------------------------------------------------


def _planned(session: Session, code: str) -> bool:
    parsed = parse_file_code(code, inventory=True)
    return parsed is not None and session.get(FilePlanEntry, (parsed.agency, parsed.year, parsed.notation)) is not None


def _changed(old: Entries, line: Entries) -> tuple[str, str] | None:
    """What a new list says otherwise than the minutes of hand-over: a count, or the condition."""
    words = {**_QUANTITY, "condition": ("tình trạng", "the condition")}
    return next((told for what, told in words.items() if what in line and old[what] != line[what]), None)


def _named(names: Iterable[str]) -> str:
    told = list(dict.fromkeys(names))
    return ", ".join(told[:SHOWN]) + (f", … (+{len(told) - SHOWN})" if len(told) > SHOWN else "")
