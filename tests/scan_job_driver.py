"""Does everything that may be done with a scan job, each act unless it is done: killed and run again by a test."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from archive import clock, scan_jobs
from archive.opening import Archive, open_archive, ownership
from archive.settings import load
from ingest import scan_work
from tests.scan_job_material import FILES, JOB

NIGHT = datetime(2026, 11, 20, 15, 30, tzinfo=UTC)
PERSON = {"name": "Trần Thị Kho", "role": "Lưu trữ viên"}
PLAN = {"title": "Hồ sơ năm 2026", "fonds": "H99", "profile": "tt05_2025", "operators": ["Nguyễn Văn Quét"],
        "devices": ["Máy quét số 01"], "place": "", "note": "", "planned": {"files": 2}, "started_on": "2026-11-01",
        "ends_on": "", "decision": {"number": "125/QĐ-SNV", "date": "2026-11-01"}}


def main(root: Path, lists: Path) -> None:
    print("begins", flush=True)
    archive = open_archive(load(root))
    with ownership(archive):
        try:
            done = [act["act"] for act in scan_jobs.read(archive.store, JOB).acts]
        except KeyError:
            done = []
        for n, act in enumerate(("planned", "listed", "handed_over", "changed", "qc_begun", "qc_taken_in", "accepted",
                                 "returned")):
            if act not in done:
                at = NIGHT + timedelta(minutes=n)
                clock.now = lambda at=at: at        # type: ignore[misc]
                _do(archive, act, lists, {"by": "lan", "at": at})
    archive.close()


def _do(archive: Archive, act: str, lists: Path, who: Any) -> None:
    match act:
        case "planned":
            did = scan_work.plan(archive, JOB, PLAN, **who)
        case "changed":
            did = scan_work.plan(archive, JOB, {**PLAN, "title": "Hồ sơ năm 2026 của Văn phòng"}, changing=True, **who)
        case "listed":
            did = scan_work.take_list(archive, JOB, lists / "giao.csv", **who)
        case "handed_over":
            did = scan_work.hand_over(archive, JOB, PERSON, PERSON, boxes=(), codes=FILES, leave_untreated=False, **who)
        case "qc_begun":
            did = scan_work.begin_round(archive, JOB, 100, **who)
        case "qc_taken_in":
            did = scan_work.take_round(archive, JOB, lists / "kiem-tra.csv", **who)
        case "accepted":
            did = scan_work.accept(archive, JOB, PERSON, PERSON, remark="", **who)
        case _:
            did = scan_work.give_back(archive, JOB, PERSON, PERSON, counts=None, boxes=(), codes=(), **who)
    assert did.written, did.findings


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
