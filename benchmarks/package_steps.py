"""Runs one step of the benchmark of packages in this process and prints, as JSON, what it came to.

    python benchmarks/package_steps.py write ROOT CASE-FILE FORM TARGET.zip [COPIES]
    python benchmarks/package_steps.py check PATH
    python benchmarks/package_steps.py put ROOT CASE-FILE ROUNDS

Its caller counts the CPU of the whole process, imports included. Must do nothing but the step.
"""

from __future__ import annotations

import json
import re
import resource
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, uuid5

if str(Path(__file__).resolve().parents[1]) not in sys.path:
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from archive import clock
from archive.opening import open_archive
from archive.settings import load

CREATED = clock.parse("2026-11-21T01:00:00.000000+00:00")


def main() -> None:
    """Run the step that the command line names."""
    step, *arguments = sys.argv[1:]
    steps: dict[str, Callable[..., dict[str, Any]]] = {"write": write, "check": check, "put": put}
    told = steps[step](*arguments)
    told["rss_mb"] = _peak()
    print(json.dumps(told))


def _peak() -> int:
    """The most memory this process had, MB: of its own, since ru_maxrss also counts what its parent had at the fork."""
    status = Path("/proc/self/status")
    if status.exists():
        return round(int(re.search(r"VmHWM:\s+(\d+)", status.read_text())[1]) / 1000)  # type: ignore[index]
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000)


def write(root: str, code: str, form: Any, target: str, copies: str = "") -> dict[str, Any]:
    """Write the package of a case file; with `copies`, that many packages with UUIDs of their own, into a folder."""
    from archive.packages import assemble
    from archive.packages.serialisation import serialisation
    from archive.packages.writing import write_zip

    archive, begun = open_archive(load(Path(root))), time.process_time()
    try:
        package = assemble.case_file(archive, code, form, created=CREATED, request="BENCHMARK.1")
    finally:
        archive.close()
    assembled, profile = time.process_time(), serialisation()
    if copies:
        written = [write_zip(replace(package, uuid=str(uuid5(NAMESPACE_URL, str(n))).upper()), profile,
                             Path(target) / f"{n:05}.zip") for n in range(int(copies))]
    else:
        written = [write_zip(package, profile, Path(target))]
    return {"assemble": assembled - begun, "write": time.process_time() - assembled,
            "files": sum(one.files for one in written), "bytes": sum(one.bytes for one in written)}


def check(path: str) -> dict[str, Any]:
    """Check one package, or every package of a folder of ZIPs."""
    from archive.findings import Level
    from archive.packages.check import check_package

    packages = sorted(Path(path).iterdir()) if Path(path).is_dir() else [Path(path)]
    reports = [check_package(package) for package in packages]
    errors = sorted({one.code for report in reports for one in report.findings if one.level >= Level.refused})
    return {"packages": len(packages), "errors": errors, "kind": reports[0].kind}


def put(root: str, code: str, rounds: str) -> dict[str, Any]:
    """Put one document, as often as told: each time a version more of `code`, and one new case file for comparison."""
    from archive import layout
    from archive.store import NewFile

    archive = open_archive(load(Path(root)))
    costs: dict[str, list[tuple[float, float]]] = {"large": [], "empty": []}
    try:
        for n in range(int(rounds)):
            for name, object_id in (("empty", f"urn:luutru:casefile:H99.2026.empty-{n}"),
                                    ("large", layout.casefile_object(code))):
                files = {f"{place}/new-{n}": NewFile(f"{name} {n} {place}".encode() * 100)
                         for place in (layout.DOCUMENTS, layout.RECEIVED, layout.TEXT)}
                wall, cpu = time.perf_counter(), time.process_time()
                archive.store.put(object_id, files, message="benchmark", user="luutru", created=clock.now())
                costs[name].append((time.perf_counter() - wall, time.process_time() - cpu))
    finally:
        archive.close()
    return {f"{name}_{what}_ms": round(statistics.median(one[n] for one in each) * 1000, 1)
            for name, each in costs.items() for n, what in enumerate(("wall", "cpu"))}


if __name__ == "__main__":
    main()
