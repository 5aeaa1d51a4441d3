"""How long the yearly run, the ten-year simulation, deadlines and a hold take, on a catalogue of any size.

    python benchmarks/retaining.py --casefiles 100000 [--postgres | --database URL] [--keep FOLDER]

The catalogue is filled directly, as a rebuild would leave it; the store holds nothing but the holds, since nothing else
of it is read. Every figure is of a fresh process, with its greatest memory; the hold is the last, for it stays.
`--postgres` starts a server of its own, which is gone at the end; what it works is not in the CPU seconds.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from contextlib import nullcontext
from datetime import date
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from archive import clock, opening, settings
from archive.catalogue import Catalogue, open_catalogue
from archive.opening import Archive
from benchmarks.retaining_material import FIRST, LAST, fill

STEPS = ("due", "simulate", "deadlines", "hold")
FLOOR = "floor"         # a step as well: every row of case files, and what counts of documents, read once by the driver
HELD = 100_000          # items that the hold is to have, or a few more


def main() -> None:
    """Fill a catalogue and measure; the figures as lines of JSON."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--casefiles", type=int, default=100_000)
    asked.add_argument("--postgres", action="store_true", help="on a PostgreSQL server that is started for it")
    asked.add_argument("--database", default="", help="URL of an empty database, or of one that was filled so")
    asked.add_argument("--keep", type=Path, help="folder of the archive; filled when there is none yet")
    asked.add_argument("--steps", default=",".join(STEPS))
    asked.add_argument("--only", choices=(FLOOR, *STEPS), help=argparse.SUPPRESS)
    given = asked.parse_args()
    if given.only:
        print(json.dumps(measure(given.only, given.keep, given.casefiles)))
        return
    if given.postgres:
        from tests.postgres import server
    with tempfile.TemporaryDirectory(prefix="luutru-bench-") as folder, (
            server() if given.postgres else nullcontext(given.database)) as database:
        place = given.keep or Path(folder)
        begun = time.perf_counter()
        if not (place / settings.FILE_NAME).exists():
            archive = opening.make_archive(place, {"database": database} if database else {})
            fill(archive.catalogue, given.casefiles)
            print(json.dumps({"what": "fill", "case_files": given.casefiles, "database": database.partition(":")[0],
                              "seconds": round(time.perf_counter() - begun, 1), **_size(archive)}), flush=True)
            archive.close()
        for what in given.steps.split(","):
            done = subprocess.run([sys.executable, __file__, "--only", what, "--keep", str(place),
                                   "--casefiles", str(given.casefiles)], stdout=subprocess.PIPE, text=True, check=True)
            print(done.stdout.strip(), flush=True)


def measure(what: str, place: Path, case_files: int) -> dict[str, Any]:
    """What one step found, and its cost in this process; the catalogue of the archive at `place` was filled before."""
    from retention import deadlines, holds, simulating  # noqa: F401  imported before the clock starts
    from retention.listing import listing

    held = settings.load(place)
    catalogue = open_catalogue(held)
    if what == "hold":
        catalogue.close()
        return _hold(opening.open_archive(held), case_files)
    if what == FLOOR:
        return _floor(catalogue)
    begun, used = time.perf_counter(), time.process_time()
    with catalogue.session() as session:
        if what == "due":
            found = {"ready": 0, "blocked": 0}
            with listing(session, "2026-12-31", "next_year") as items:
                for one in items:
                    found["blocked" if one.blocked else "ready"] += 1
        elif what == "deadlines":
            seen = deadlines.watch(session, held, date(2026, 12, 31), within=30)
            found = {"lines": len(deadlines.together(seen)), "things": sum(one.count for one in seen)}
        else:
            told = simulating.simulate(session, 2027, 10, "next_year", on="2026-12-31")
            found = {"due": sum(year["due"]["case_files"] for year in told["years"]), "years": len(told["years"])}
    cost = _cost(begun, used)
    catalogue.close()
    return {"what": what, **found, **cost}


def _floor(catalogue: Catalogue) -> dict[str, Any]:
    connection = catalogue.engine.raw_connection()
    cursor = connection.cursor()
    begun, used, rows = time.perf_counter(), time.process_time(), 0
    for query in ("SELECT code, fonds, year, state, closed_at, keep_years, ended FROM case_file",
                  "SELECT case_file, dated, bytes, keep_years FROM document"):
        cursor.execute(query)
        while some := cursor.fetchmany(10_000):
            rows += len(some)
    told = {"what": FLOOR, "rows": rows, **_cost(begun, used)}
    connection.close()
    catalogue.close()
    return told


def _hold(archive: Archive, case_files: int) -> dict[str, Any]:
    """Place a hold by conditions on case files that were made in so many years."""
    from retention.hold_queries import Conditions
    from retention.holds import Ground, place

    years = min(LAST - FIRST + 1, -(-HELD * 21 * (LAST - FIRST + 1) // (20 * case_files)))
    now = clock.now()
    ground = Ground("thanh tra", "benchmark", f"{now:%H%M%S}/QĐ-TTT", "2026-11-01", "Thanh tra tỉnh")
    asked = Conditions(year_from=LAST - years + 1, year_to=LAST)
    begun, used = time.perf_counter(), time.process_time()
    with opening.ownership(archive):
        _n, count, problems = place(archive, [], ground, at=now, asked=asked)
    assert not problems, problems
    return {"what": "hold", "items": count, **_cost(begun, used)}


def _cost(begun: float, used: float) -> dict[str, Any]:
    return {"seconds": round(time.perf_counter() - begun, 3), "cpu_seconds": round(time.process_time() - used, 3),
            "memory_mb": _memory()}


def _size(archive: Archive) -> dict[str, int]:
    engine = archive.catalogue.engine
    if engine.dialect.name == "sqlite":
        return {"database_mb": Path(str(engine.url.database)).stat().st_size >> 20}
    with engine.connect() as connection:
        size = connection.exec_driver_sql("SELECT pg_database_size(current_database())").scalar()
    return {"database_mb": int(size or 0) >> 20}


def _memory() -> int:
    """The greatest memory of this process, MB. Not of ru_maxrss, which a parent's size goes into."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) >> 10


if __name__ == "__main__":
    main()
