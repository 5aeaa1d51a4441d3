"""How long the yearly run and the ten-year simulation take, on a catalogue of as many case files as wanted.

    python benchmarks/retaining.py --casefiles 100000 [--database URL] [--keep FOLDER]

The catalogue is filled directly, as a rebuild would leave it; the store stays empty, since neither reads it. Every
figure is of a fresh process, with its greatest memory.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

from sqlalchemy import insert

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from archive import model, settings
from archive.catalogue import Catalogue, open_catalogue
from archive.retention_text import FOREVER, UNKNOWN

FONDS = 40
FIRST, LAST = 1996, 2026
DOCUMENTS = 5           # of a case file, in the mean
LINKED = 0.02           # share of the case files of which a document is linked from another
DECIDED = 0.6           # share under a row of a table, by one of so many decisions
DECISIONS = 400
HELD = 0.005
AT_ONCE = 10_000
AT = "2026-11-20T15:30:00.000000+00:00"


def main() -> None:
    """Fill a catalogue and measure; the figures as lines of JSON."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--casefiles", type=int, default=100_000)
    asked.add_argument("--database", default="")
    asked.add_argument("--keep", type=Path)
    asked.add_argument("--only", choices=("due", "simulate", "deadlines"))
    given = asked.parse_args()
    if given.only:
        print(json.dumps(_measure(given.only, given.keep, given.database)))
        return
    with tempfile.TemporaryDirectory() as folder:
        place = given.keep or Path(folder)
        place.mkdir(parents=True, exist_ok=True)
        if not (place / "catalogue.db").exists() or given.database:
            begun = time.perf_counter()
            fill(open_catalogue(settings.load(place, database=given.database)), given.casefiles)
            print(json.dumps({"what": "fill", "case_files": given.casefiles,
                              "seconds": round(time.perf_counter() - begun, 1)}), flush=True)
        for what in ("due", "simulate", "deadlines"):
            done = subprocess.run([sys.executable, __file__, "--only", what, "--keep", str(place),
                                   "--database", given.database], capture_output=True, text=True, check=True)
            print(done.stdout.strip(), flush=True)


def _measure(what: str, place: Path, database: str) -> dict[str, Any]:
    from retention import deadlines, simulating
    from retention.listing import listing

    catalogue = open_catalogue(settings.load(place, database=database))
    begun, used = time.perf_counter(), time.process_time()
    with catalogue.session() as session:
        if what == "due":
            found = {"ready": 0, "blocked": 0}
            with listing(session, "2026-12-31", "next_year") as items:
                for one in items:
                    found["blocked" if one.blocked else "ready"] += 1
        elif what == "deadlines":
            seen = deadlines.watch(session, settings.load(place), date(2026, 12, 31), within=30)
            found = {"lines": len(deadlines.together(seen)), "things": sum(one.count for one in seen)}
        else:
            told = simulating.simulate(session, 2027, 10, "next_year", on="2026-12-31")
            found = {"due": sum(year["due"]["case_files"] for year in told["years"]), "years": len(told["years"])}
    return {"what": what, **found, "seconds": round(time.perf_counter() - begun, 2),
            "cpu_seconds": round(time.process_time() - used, 2),
            "memory_mb": _memory(),
            "database_mb": (place / "catalogue.db").stat().st_size >> 20 if not database else None}


def _memory() -> int:
    """The greatest memory of this process, MB. Not of ru_maxrss, which a parent's size goes into."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) >> 10


def fill(catalogue: Catalogue, case_files: int) -> None:
    """Rows of `case_files` case files and five times as many documents, drawn with a fixed seed."""
    chance = random.Random(20261120)
    with catalogue.session() as session:
        session.execute(insert(model.Fonds), [{"code": f"H99.{n:02d}", "name": f"Cơ quan {n}"} for n in range(FONDS)])
        session.execute(insert(model.RetentionTable), [
            {"id": "mau", "version": 1, "instrument": "01/2026/TT-MAU", "valid_from": "1996-01-01", "approver": "Mẫu",
             "imported_at": AT}])
        session.execute(insert(model.RetentionRule), [
            {"table_id": "mau", "version": 1, "code": str(n), "position": n, "description": f"Nhóm hồ sơ {n}",
             "kind": "permanent" if n % 5 == 0 else "years", "years": 0 if n % 5 == 0 else (2, 5, 10, 20)[n % 4],
             "period": "—"} for n in range(1, 201)])
        session.execute(insert(model.PeriodDecision), [
            {"n": n, "at": AT, "by": "benchmark", "kind": "table", "from_day": "2026-01-01", "reason": "—",
             "table_id": "mau", "version": 1, "rule": str(n % 200 + 1), "years": 10, "case_files": 0}
            for n in range(1, DECISIONS + 1)])
    several: dict[Any, list[dict[str, Any]]] = {model.CaseFile: [], model.Document: [], model.PeriodAssignment: [],
                                                model.DocumentLink: []}
    former = ""
    for table, row in _rows(chance, case_files):
        if table is model.CaseFile:
            if len(several[model.CaseFile]) >= AT_ONCE:
                _write(catalogue, several)
            if former and chance.random() < LINKED:
                several[model.DocumentLink].append({"document": f"{former}.0000001", "case_file": row["code"], "n": 1,
                                                    "home": former, "at": AT})
            former = row["code"]
        several[table].append(row)
    _write(catalogue, several)
    if catalogue.engine.dialect.name != "sqlite":
        with catalogue.session() as session:
            session.connection().exec_driver_sql("ANALYZE")


def _write(catalogue: Catalogue, several: dict[Any, list[dict[str, Any]]]) -> None:
    with catalogue.session() as session:
        for table, rows in several.items():
            if rows:
                session.execute(insert(table), rows)
                rows.clear()


def _rows(chance: random.Random, case_files: int) -> Iterator[tuple[Any, dict[str, Any]]]:
    for n in range(case_files):
        year = chance.randint(FIRST, LAST)
        agency = f"H99.{chance.randrange(FONDS):02d}"
        notation = f"{n:07d}.VP"
        code = f"{agency}.{year}.{notation}"
        keep = chance.choice((UNKNOWN, 5, 10, 20, FOREVER))
        yield model.CaseFile, {
            "code": code, "fonds": agency, "year": year, "notation": notation,
            "title": f"Hồ sơ giải quyết công việc số {n} về quản lý văn thư, lưu trữ năm {year}",
            "retention": f"{keep} năm", "keeper": "Phòng Hành chính", "state": "closed", "profile": "tt05_2025",
            "object_id": f"urn:luutru:casefile:{code}", "version": 3, "opened_at": AT,
            "closed_at": AT if chance.random() < 0.9 else "", "keep_years": keep, "ended": 0}
        if chance.random() < DECIDED:
            yield model.PeriodAssignment, {"case_file": code, "n": chance.randint(1, DECISIONS)}
        for ordinal in range(1, chance.randint(1, 2 * DOCUMENTS - 1) + 1):
            document = f"{code}.{ordinal:07d}"
            yield model.Document, {
                "code": document, "case_file": code, "ordinal": ordinal, "item": f"{n:09x}{ordinal:03x}",
                "profile": "tt05_2025", "type_name": "Công văn", "number": str(ordinal), "notation": "CV-VP",
                "issued_on": f"{year}-06-15", "organ": "Văn phòng", "organ_key": "van phong",
                "subject": f"V/v triển khai công tác văn thư, lưu trữ lần {ordinal} năm {year}", "pages": 3,
                "legal_value": "signed_original", "verdict": "valid", "received_at": AT, "legal_received_at": AT,
                "receipt_rule": "LS", "batch": "2026-11-20.1", "version": 1,
                "fields": {"subject": f"V/v triển khai công tác văn thư, lưu trữ lần {ordinal} năm {year}",
                           "issuedDate": f"15/06/{year}", "organName": "Văn phòng", "typeName": "08"},
                "bytes": chance.randint(20_000, 3_000_000), "dated": min(LAST, year + (ordinal == 7)),
                "keep_years": 20 if chance.random() < 0.01 else UNKNOWN}


if __name__ == "__main__":
    main()
