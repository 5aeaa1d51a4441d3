"""The papers of a scan job: plan, minutes of hand-over, lists of errors, report, acceptance, minutes of return.

What they contain is named by TT 05/2025/TT-BNV Đ5–9; their form is this system's
(archive/forms/papers/scan_*.toml). A paper is made from the job's record alone: the same version of a job always gives
the same paper.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from archive import clock
from archive.findings import Finding
from archive.forms.papers import paper
from archive.scan_acts import CLASSES, counted, open_errors
from archive.scan_jobs import Job

Entries = Mapping[str, Any]
KINDS = {"plan": "scan_plan", "hand-over": "scan_hand_over", "scan-errors": "scan_errors",
         "catalogue-errors": "scan_errors", "qc-report": "scan_qc_report", "acceptance": "scan_acceptance",
         "return": "scan_return"}
PROFILES = {"tt05_2025": "Thông tư số 05/2025/TT-BNV", "tt02_2019": "Thông tư số 02/2019/TT-BNV",
            "nd30_2020": "Nghị định số 30/2020/NĐ-CP"}
_WHAT = {"boxes": "Hộp (cặp)", "files": "Hồ sơ", "documents": "Văn bản, tài liệu", "sheets": "Tờ", "pages": "Trang"}
_CLASS = {"scan": "số hóa", "catalogue": "biên mục"}
_STATE = {"open": "chưa khắc phục", "corrected": "đã sửa, chưa kiểm tra lại", "rechecked": "đã kiểm tra lại",
          "dismissed": "bác bỏ, có lý do"}
_TREATED = {"done": "đã xử lý", "not_needed": "không cần xử lý", "needed": "cần xử lý"}


def of_act(job: Job, act: Entries) -> dict[str, bytes]:
    """The papers that an act brings, by their names: PDF/A-2u, dated by the act. Most acts bring one or none."""
    made = clock.parse(act["at"])
    return {name: paper(KINDS[name], data, made=made) for name, data in data_of(job, act).items()}


def data_of(job: Job, act: Entries) -> dict[str, dict[str, Any]]:
    """What stands on the papers of an act, by their names, as archive/forms/papers.py takes it (also for DOCX)."""
    match act["act"]:
        case "planned" | "changed":
            return {"plan": _plan(job, act)}
        case "handed_over":
            return {"hand-over": _hand_over(job, act)}
        case "qc_taken_in":
            return {**{f"{of}-errors": _errors(job, act, of) for of in CLASSES}, "qc-report": _report(job, act)}
        case "accepted":
            return {"acceptance": _acceptance(job, act)}
        case "returned":
            return {"return": _return(job, act)}
    return {}


# --- each paper --------------------------------------------------------------------------------------------


def _head(job: Job, act: Entries) -> dict[str, Any]:
    return {"id": job.id, "title": job.record["title"], "agency": job.record["agency"],
            "date": clock.in_vietnam(clock.parse(act["at"])).date().isoformat()}


def _decision(job: Job) -> dict[str, Any]:
    return {"decision": job.record["decision"]["number"], "decision_date": job.record["decision"]["date"]}


def _plan(job: Job, act: Entries) -> dict[str, Any]:
    told, planned = job.record, job.record["planned"]
    return {**_head(job, act), **_decision(job), "tt05": told["profile"] == "tt05_2025",
            "profile": PROFILES[told["profile"]], "fonds": told["fonds"], "started_on": told["started_on"],
            "ends_on": told["ends_on"], "place": told["place"], "operators": list(told["operators"]),
            "devices": list(told["devices"]), "note": told["note"],
            "quantities": [{"what": name, "count": planned[what]} for what, name in _WHAT.items() if planned.get(what)]}


def _hand_over(job: Job, act: Entries) -> dict[str, Any]:
    files = [one for one in job.files if one["handed_over"] == act["version"]]
    return {**_head(job, act), **_decision(job), "from": dict(act["from"]), "to": dict(act["to"]),
            "files": [{"box": one["box"], "code": one["code"], "title": one["title"],
                       "documents": one["documents"] or "", "sheets": one["sheets"], "remark": one["note"],
                       "condition": "; ".join(filter(None, (one["condition"], _TREATED.get(one["treatment"], ""))))}
                      for one in files],
            "documents": act["documents"] or "", "sheets": act["sheets"], "boxes": act["boxes"], "count": len(files)}


def _errors(job: Job, act: Entries, of: str) -> dict[str, Any]:
    round_ = job.rounds[-1]
    found = [one for one in round_["errors"] if one["class"] == of]
    real = [one for one in found if one["state"] != "dismissed"]
    return {**_head(job, act), "class": _CLASS[of], "round": round_["round"], "checker": act["checker"],
            "of": round_["of"], "checked": sum(bool(one["verdict"]) for one in round_["documents"]), "count": len(real),
            "open": sum(one["state"] in ("open", "corrected") for one in real),
            "errors": [{"document": one["document"], "pages": one["pages"], "text": one["text"],
                        "state": _STATE[one["state"]], "remark": one["note"]} for one in found]}


def _report(job: Job, act: Entries) -> dict[str, Any]:
    round_ = job.rounds[-1]
    counts = Counter((one["class"], one["state"]) for one in round_["errors"])
    states = ("open", "corrected", "rechecked")
    if open_errors(round_):
        conclusion = "Còn lỗi chưa khắc phục hoặc chưa kiểm tra lại; chưa đủ điều kiện nghiệm thu."
    elif act["unjudged"]:
        conclusion = "Chưa kiểm tra xong danh sách; chưa đủ điều kiện nghiệm thu."
    else:
        conclusion = "Các lỗi đã được khắc phục và kiểm tra lại; đủ điều kiện nghiệm thu về chất lượng."
    whole = len(round_["documents"]) == round_["of"]
    return {**_head(job, act), "round": round_["round"], "checker": act["checker"], "listed": len(round_["documents"]),
            "of": round_["of"], "scope": "toàn bộ" if whole else f"mẫu {round_['percent']} %, xếp từ kém nhất",
            "passed": act["passed"], "failed": act["failed"], "unjudged": act["unjudged"],
            "classes": [{"name": f"Lỗi {_CLASS[of]}", "all": sum(counts[of, state] for state in states),
                         **{state: counts[of, state] for state in states}} for of in CLASSES],
            "dismissed": act["dismissed"] or "", "kinds": [
                {"name": one["vi"], "of": f"Lỗi {_CLASS[one['of']]}", "documents": one["documents"],
                 "article": one["article"]} for one in act["kinds"]], "conclusion": conclusion}


def _acceptance(job: Job, act: Entries) -> dict[str, Any]:
    given, round_ = counted(job.in_work), job.rounds[-1]
    scanned = {"files": act["files"], "documents": act["documents"], "pages": act["pages"]}
    rate = Decimal(100 * act["faulty"]) / act["rated"] if act["rated"] else Decimal(0)
    return {**_head(job, act), **_decision(job), "from": dict(act["from"]), "to": dict(act["to"]),
            "quantities": [{"what": name, "planned": job.record["planned"].get(what) or "", "given": given[what] or "",
                            "scanned": scanned.get(what, "")} for what, name in _WHAT.items()],
            "remark": act["remark"], "differences": [
                {"subject": one["subject"], "text": Finding.from_dict(one).sentence("vi").removeprefix(
                    f"{one['subject']}: ")} for one in act["findings"]],
            "rounds": len(job.rounds), "of": round_["of"],
            "checked": sum(bool(one["verdict"]) for one in round_["documents"]),
            **{f"{of}_errors": sum(one["class"] == of and one["state"] != "dismissed" for told in job.rounds
                                   for one in told["errors"]) for of in CLASSES},
            "faulty": act["faulty"], "rated": act["rated"], "documents": act["documents"], "signed": act["signed"],
            "rate": _decimal(rate), "bands": _bands(act["bands"], rate, act["faulty"]),
            "backup": "Chưa có bản sao lưu dữ liệu số hóa nào được cấu hình." if not act["of_copies"] else
            f"{act['backed_up']} bản số hóa đã có ít nhất một bản sao lưu (NĐ 31/2026/NĐ-CP Điều 12.7)."}


def _return(job: Job, act: Entries) -> dict[str, Any]:
    files = [one for one in job.files if one["returned"] == act["version"]]
    gone = sum(one["returned_sheets"] - one["sheets"] for one in files)
    return {**_head(job, act), "from": dict(act["from"]), "to": dict(act["to"]),
            "files": [{"box": one["box"], "code": one["code"], "title": one["title"], "sheets": one["sheets"],
                       "returned": one["returned_sheets"], "remark": one["returned_note"],
                       "difference": _signed(one["returned_sheets"] - one["sheets"])} for one in files],
            "sheets": act["sheets"], "returned": act["returned_sheets"], "difference": _signed(gone),
            "boxes": act["boxes"], "count": len(files),
            "differing": sum(one["returned_sheets"] != one["sheets"] for one in files) or "",
            "left": sum(not one["returned"] for one in job.in_work) or ""}


# --- figures -----------------------------------------------------------------------------------------------


def _bands(bands: Sequence[Entries], rate: Decimal, faulty: int) -> list[dict[str, str]]:
    """The bands of NĐ 31/2026/NĐ-CP Điều 12, and from the last threshold on that there is none; which is this job's."""
    told = [{"band": f"từ {_decimal(Decimal(one['from']))} % đến dưới {_decimal(Decimal(one['to']))} %",
             "article": one["article"],
             "here": "x" if faulty and Decimal(one["from"]) <= rate < Decimal(one["to"]) else ""} for one in bands]
    last = Decimal(bands[-1]["to"])
    return [*told, {"band": f"từ {_decimal(last)} % trở lên", "article": "văn bản không nêu khung",
                    "here": "x" if faulty and rate >= last else ""}]


def _decimal(number: Decimal) -> str:
    text = f"{number.quantize(Decimal('0.01'), ROUND_HALF_UP):f}".rstrip("0").rstrip(".")
    return text.replace(".", ",")


def _signed(number: int) -> str:
    return f"{number:+d}".replace("-", "\N{MINUS SIGN}") if number else ""
