"""What may be done with a scan job, and what it makes of the job: each act in, the changed job and its particulars out.

Pure: nothing is read or written here but the job given (archive/scan_jobs.py writes it). Whether an act is allowed
by the checks is asked before (ingest/scan_gates.py); here only the order of the acts is kept.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from archive.errors import RefusedError, UsageError
from archive.i18n import _
from archive.scan_jobs import Job, not_in

Entries = Mapping[str, Any]
QUANTITIES = ("boxes", "files", "documents", "sheets", "pages")
VERDICTS = ("", "passed", "failed")
CLASSES = ("scan", "catalogue")         # lỗi số hóa, lỗi biên mục (TT 05/2025/TT-BNV Đ9)
ERROR_STATES = ("open", "corrected", "rechecked", "dismissed")
_NEW_FILE = {"handed_over": 0, "returned": 0, "returned_sheets": 0, "returned_note": ""}


def plan(job: str, plan: Entries, agency: str) -> Job:
    """A new job from its plan: title, decision, profile, fonds, operators, devices, planned quantities."""
    return Job({"schema": "luutru/scanjob/1", "id": job, "state": "planned", "agency": agency, **plan, "acts": []})


def change(job: Job, plan: Entries) -> Job:
    """The job with another plan. Raises RefusedError once it is accepted."""
    not_in(job.state, "planned", "working", "checking")
    return replace(job, record={**job.record, **plan})


def cancel(job: Job) -> Job:
    """Give a job up. Raises RefusedError once anything was handed over: then it ends with the return."""
    not_in(job.state, "planned")
    return _in_state(job, "cancelled")


def list_files(job: Job, listed: Sequence[Entries]) -> tuple[Job, dict[str, Any]]:
    """Add case files, or renew those that were not handed over yet; of the others only treatment and note change.

    Raises RefusedError once the job is accepted.
    """
    not_in(job.state, "planned", "working", "checking")
    files = {one["code"]: dict(one) for one in job.files}
    added = renewed = 0
    for line in listed:
        old = files.get(line["code"])
        if old is None:
            files[line["code"]] = {"n": len(files) + 1, **line, **_NEW_FILE}
            added += 1
        else:
            kept = {key: line[key] for key in ("treatment", "note")} if old["handed_over"] else line
            files[line["code"]] = {**old, **kept}
            renewed += 1
    return replace(job, files=list(files.values())), {"added": added, "renewed": renewed, "number": len(files)}


def to_hand_over(job: Job, boxes: Collection[str] = (), codes: Collection[str] = ()) -> list[Entries]:
    """The case files that are not handed over yet; only those of `boxes` and `codes` when any are given.

    Raises UsageError for a box or a code that the job does not have.
    """
    return _chosen(job, [one for one in job.files if not one["handed_over"]], boxes, codes)


def hand_over(job: Job, chosen: Collection[Entries], version: int, giver: Entries, receiver: Entries,
              ) -> tuple[Job, dict[str, Any]]:
    """Hand case files over for scanning, as the job's version `version` tells. Raises RefusedError."""
    not_in(job.state, "planned", "working", "checking")
    if not chosen:
        raise RefusedError(_("There is no case file left to hand over."))
    now = {one["n"] for one in chosen}
    files = [{**one, "handed_over": version} if one["n"] in now else one for one in job.files]
    new = replace(job, files=files) if job.state == "checking" else _in_state(replace(job, files=files), "working")
    return new, {"from": dict(giver), "to": dict(receiver), **counted([one for one in files if one["n"] in now])}


def begin_round(job: Job, documents: Sequence[Entries], total: int, percent: float) -> tuple[Job, dict[str, Any]]:
    """Begin a round of quality control over `documents`, out of `total`. Raises RefusedError."""
    not_in(job.state, "working", "checking")
    if not documents:
        raise RefusedError(_("Nothing of this job has been scanned and stored yet."))
    if job.rounds and (open_errors(job.rounds[-1]) or not all(one["verdict"] for one in job.rounds[-1]["documents"])):
        raise RefusedError(_("Round {n} is not finished: every document needs a verdict, every error a correction that "
                             "was looked at again.").format(n=job.rounds[-1]["round"]))
    number = len(job.rounds) + 1
    told = {"schema": "luutru/scanjob-qc/1", "job": job.id, "round": number, "of": total, "percent": percent,
            "documents": [{**one, "verdict": ""} for one in documents], "errors": []}
    new = _in_state(replace(job, rounds=[*job.rounds, told]), "checking")
    return new, {"round": number, "documents": len(documents), "of": total, "percent": percent}


def take_in(job: Job, verdicts: Mapping[str, str], errors: Sequence[Entries]) -> tuple[Job, dict[str, Any]]:
    """Take the filled-in list of the last round in: verdicts by document, errors found, corrected or re-checked.

    What was taken in before stays: an error is renewed by its number, or when document, class, pages and text are the
    same; it never goes. Raises RefusedError without a round.
    """
    not_in(job.state, "checking")
    last = dict(job.rounds[-1])
    known = {one["n"]: dict(one) for one in last["errors"]}
    same = {(one["document"], one["class"], one["pages"], one["text"]): one["n"] for one in last["errors"]}
    for error in errors:
        key = (error["document"], error["class"], error["pages"], error["text"])
        number = error["n"] or same.get(key) or len(known) + 1
        known[number] = {**error, "n": number}
        same[key] = number
    last["errors"] = list(known.values())
    last["documents"] = [{**one, "verdict": verdicts.get(one["code"]) or one["verdict"]} for one in last["documents"]]
    new = replace(job, rounds=[*job.rounds[:-1], last])
    return new, {"round": last["round"], **checked(last)}


def accept(job: Job, figures: Entries, giver: Entries, receiver: Entries, remark: str) -> tuple[Job, dict[str, Any]]:
    """Accept the scans (nghiệm thu). Raises RefusedError."""
    not_in(job.state, "checking")
    return _in_state(job, "accepted"), {"from": dict(giver), "to": dict(receiver), "remark": remark, **figures}


def to_return(job: Job, boxes: Collection[str] = (), codes: Collection[str] = ()) -> list[Entries]:
    """The case files that were handed over and are not back yet; chosen as in `to_hand_over`."""
    return _chosen(job, [one for one in job.in_work if not one["returned"]], boxes, codes)


def give_back(job: Job, chosen: Collection[Entries], counts: Mapping[str, tuple[int, str]], version: int,
              giver: Entries, receiver: Entries) -> tuple[Job, dict[str, Any]]:
    """Return originals. `counts`: sheets counted and a remark, by file code. Raises RefusedError."""
    not_in(job.state, "accepted")
    if not chosen:
        raise RefusedError(_("There is no case file left to return."))
    now = {one["n"] for one in chosen}
    files = [{**one, "returned": version, "returned_sheets": counts[one["code"]][0],
              "returned_note": counts[one["code"]][1]} if one["n"] in now else one for one in job.files]
    new = replace(job, files=files)
    if all(one["returned"] for one in new.in_work):
        new = _in_state(new, "returned")
    back = [one for one in files if one["n"] in now]
    return new, {"from": dict(giver), "to": dict(receiver), **counted(back),
                 "returned_sheets": sum(one["returned_sheets"] for one in back)}


# --- counts ------------------------------------------------------------------------------------------------


def counted(files: Collection[Entries]) -> dict[str, int]:
    """How many boxes, case files, documents, sheets and pages `files` come to; 0 where nothing was counted."""
    return {"boxes": len({one["box"] for one in files if one["box"]}), "files": len(files),
            **{key: sum(one[key] for one in files) for key in QUANTITIES[2:]}}


def checked(round_: Entries) -> dict[str, int]:
    """How a round stands: documents passed, failed and not judged; errors by class, and those still open."""
    verdicts, errors = [one["verdict"] for one in round_["documents"]], round_["errors"]
    real = [one for one in errors if one["state"] != "dismissed"]
    return {"passed": verdicts.count("passed"), "failed": verdicts.count("failed"), "unjudged": verdicts.count(""),
            **{f"{name}_errors": sum(one["class"] == name for one in real) for name in CLASSES},
            "open": len(open_errors(round_)), "rechecked": sum(one["state"] == "rechecked" for one in real),
            "dismissed": len(errors) - len(real)}


def open_errors(round_: Entries) -> list[Entries]:
    """Errors that were not corrected and looked at again (TT 05/2025/TT-BNV Đ9: report, fix, re-check)."""
    return [one for one in round_["errors"] if one["state"] in ("open", "corrected")]


# --- steps -------------------------------------------------------------------------------------------------


def _in_state(job: Job, state: str) -> Job:
    return replace(job, record={**job.record, "state": state})


def _chosen(job: Job, files: Sequence[Entries], boxes: Collection[str], codes: Collection[str]) -> list[Entries]:
    strange = [*sorted({*boxes} - {one["box"] for one in job.files}),
               *sorted({*codes} - {one["code"] for one in job.files})]
    if strange:
        raise UsageError(_("{id} has no box or case file {names}.").format(id=job.id, names=", ".join(strange)))
    return [one for one in files if not (boxes or codes) or one["box"] in boxes or one["code"] in codes]
