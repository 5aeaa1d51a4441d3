"""Many nights of one archive: what a document costs in the last of them, and whether memory and open files stay flat.

    ./run bench long_run [--documents 10000] [--nights 30] [--cache FOLDER]

All nights run in one process, as a worker's would, with a clock that is set a day further for each. The documents are
signed letters, spread over case files of about `--each` documents, so that case files grow from night to night. At the
end every byte is read again, and what is stored is counted.

Each night's audit (archive/fixity/auditing.py) reads on in the store for as long as `fixity.seconds` allows, in a small
archive all of it: it costs by what is held and not by what comes, and is told apart.
"""

from __future__ import annotations

import argparse
import csv
import gc
import json
import os
import resource
import shutil
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from archive import clock, model, opening, settings
from archive.file_plan_import import import_file_plan
from archive.fixity import auditing, checking
from benchmarks import material

FIRST = datetime(2026, 11, 2, 15, 30, tzinfo=UTC)       # 22:30 in Vietnam
GOAL = 1.2              # cost of a document in the last night, as a multiple of the second's
PLAN = "danh-muc.csv"


def main() -> None:
    """Make the material, run the nights, say what each cost."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--documents", type=int, default=10_000)
    asked.add_argument("--nights", type=int, default=30)
    asked.add_argument("--each", type=int, default=50, help="documents of a case file in the end")
    asked.add_argument("--cache", type=Path, help="folder in which the material is kept for the next time")
    given = asked.parse_args()
    with tempfile.TemporaryDirectory(prefix="luutru-bench-") as scratch:
        told = run(given.documents, given.nights, given.each, given.cache or Path(scratch) / "cache", Path(scratch))
    print(json.dumps(told))


def run(documents: int, nights: int, each: int, cache: Path, scratch: Path) -> dict[str, Any]:
    """The nights of one archive and their figures. Raises SystemExit when a document is not stored or not whole."""
    codes = [f"H99.2026.{number:03d}.DN" for number in range(1, max(2, documents // each) + 1)]
    share = documents // nights
    parts = [_part(cache, night * share, share, codes) for night in range(nights)]
    root = _archive(scratch, codes)
    figures = []
    for night, part in enumerate(parts):
        shutil.copytree(part, root / "inbox", dirs_exist_ok=True)
        figures.append(_night(root, FIRST + timedelta(days=night), share))
        print(json.dumps(figures[-1]), flush=True)
    archive = opening.open_archive(settings.load(root))
    with opening.ownership(archive):
        found = checking.check(archive)
    with archive.catalogue.session() as session:
        stored = session.query(model.Document).count()
    archive.close()
    if stored != share * nights or found.faults:
        raise SystemExit(f"{stored} of {share * nights} are stored; faults: {found.faults[:3]}")
    return {"documents": stored, "nights": nights, "case_files": len(codes),
            "last_to_second": round(figures[-1]["cpu_ms_each"] / figures[1]["cpu_ms_each"], 2), "goal": GOAL,
            "last_to_second_with_audit": round(_whole(figures[-1]) / _whole(figures[1]), 2),
            "memory_growth_mb": round(figures[-1]["memory_mb"] - figures[1]["memory_mb"], 1),
            "open_files_growth": figures[-1]["open_files"] - figures[1]["open_files"]}


def _part(cache: Path, start: int, number: int, codes: list[str]) -> Path:
    """The letters of one night: each case file gets some of them, again and again over the nights."""
    turned = codes[start % len(codes):] + codes[:start % len(codes)]
    return material.part_of_letters(cache, start, number, turned)


def _night(root: Path, moment: datetime, share: int) -> dict[str, Any]:
    from ingest import nightly

    audited = 0.0

    def audit(*given: Any) -> Any:
        nonlocal audited
        before = _cpu()
        done = auditing.audit(*given)
        audited = _cpu() - before
        return done

    setattr(nightly, "audit", audit)        # noqa: B010 (it is not exported)
    begun = time.perf_counter()
    clock.now = lambda: moment + timedelta(seconds=time.perf_counter() - begun)
    used = _cpu()
    archive = opening.open_archive(settings.load(root))
    night = nightly.run(archive)
    archive.close()
    del archive
    gc.collect()
    # Worker processes are nobody's children that could be asked afterwards: they tell what each stage cost.
    cpu = _cpu() - used + sum(night.cpu.values())
    return {"night": night.batch, "cpu_ms_each": round((cpu - audited) * 1000 / share, 2),
            "audit_cpu_ms_each": round(audited * 1000 / share, 2),
            "wall_s": round(time.perf_counter() - begun, 1), "memory_mb": round(_resident(), 1),
            "open_files": len(list(Path("/proc/self/fd").iterdir()))}


def _whole(figures: dict[str, Any]) -> float:
    return float(figures["cpu_ms_each"]) + float(figures["audit_cpu_ms_each"])


def _cpu() -> float:
    """CPU seconds of this process and of all its ended children."""
    return sum(one.ru_utime + one.ru_stime for one in map(resource.getrusage, (
        resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)))


def _resident() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def _archive(scratch: Path, codes: list[str]) -> Path:
    plan = scratch / PLAN
    with plan.open("w", encoding="utf-8-sig", newline="") as stream:
        out = csv.writer(stream)
        out.writerow(["DANH MỤC HỒ SƠ NĂM 2026", "", "", "", ""])
        out.writerow(["Số và ký hiệu hồ sơ", "Tên đề mục và tiêu đề hồ sơ", "Thời hạn bảo quản", "Người lập hồ sơ",
                      "Ghi chú"])
        for code in codes:
            out.writerow([code.removeprefix("H99.2026."), f"Hồ sơ công việc số {code}", "20 năm", "Vũ Văn Mẫu", ""])
    clock.now = lambda: FIRST
    root = scratch / "kho"
    archive = opening.make_archive(root, {"agency": {"code": "H99", "name": "Sở Nội vụ tỉnh Mẫu"},
                                          "ingest": {"settle_seconds": 0}})
    shutil.copytree(material.SAMPLES / "trust", archive.settings.path(archive.settings.signatures.trust),
                    dirs_exist_ok=True)
    import_file_plan(archive, plan, "H99")
    archive.close()
    return root


if __name__ == "__main__":
    main()
