"""What making the catalogue again from the store costs, beside reading and parsing the same files once.

    ./run bench rebuilding [--documents 5000]

The archive is that of benchmarks/destroying.py: case files with one document each, so that there are as many objects as
there can be. The floor reads every inventory, record and line of the ledger once, parses it, and keeps nothing. Both
sides run in processes of their own; imports are not counted. The search index is not made: see benchmarks/searching.py.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

if str(Path(__file__).resolve().parents[1]) not in sys.path:
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.cost import peak_memory


def main() -> None:
    """Make the archive, run both sides, and print the figures as lines of JSON."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--documents", type=int, default=5000)
    asked.add_argument("--only", choices=_ONE, help=argparse.SUPPRESS)
    asked.add_argument("--place", type=Path, help=argparse.SUPPRESS)
    given = asked.parse_args()
    if given.only:
        print(json.dumps(_ONE[given.only](given.place)))
        return
    with tempfile.TemporaryDirectory(prefix="luutru-bench-") as scratch:
        made = Path(scratch) / "kho"
        from benchmarks import destroying

        destroying.make(made, given.documents, 0)
        told = {}
        for what in _ONE:
            done = subprocess.run([sys.executable, __file__, "--only", what, "--place", str(made)],
                                  stdout=subprocess.PIPE, text=True, check=True)
            told[what] = json.loads(done.stdout.splitlines()[-1])
            print(json.dumps({"what": what, **told[what]}), flush=True)
        if told["rebuild"]["documents"] != given.documents:
            raise SystemExit(f"of {given.documents} documents {told['rebuild']['documents']} came back")
        print(json.dumps({"what": "times the floor", "cpu": round(told["rebuild"]["cpu_s"] / told["floor"]["cpu_s"], 2),
                          "records_per_cpu_second": round(told["rebuild"]["records"] / told["rebuild"]["cpu_s"])}))


def rebuilt(place: Path) -> dict[str, Any]:
    """Make the catalogue of the archive at `place` again; CPU seconds, and how many records came back."""
    from archive import opening, settings
    from archive.rebuild import rebuild
    from retention.objects import ADMITS

    archive = opening.open_archive(settings.load(place), rebuilding=True)
    with opening.ownership(archive, rebuilding=True):
        begun = time.process_time()
        counts = rebuild(archive, admits=ADMITS)
        cpu = time.process_time() - begun
    archive.close()
    return {"cpu_s": round(cpu, 4), "documents": counts["documents"],
            "records": counts["events"] + counts["objects"] + counts["documents"], "memory_mb": peak_memory()}


def parsed(place: Path) -> dict[str, Any]:
    """The floor: what a rebuild must at least read, read and parsed once."""
    begun, files = time.process_time(), 0
    for path in (place / "store").rglob("*"):
        if path.suffix == ".jsonl":
            for line in path.open("rb"):
                json.loads(line)
        elif path.suffix == ".json" and not (path.name == "inventory.json" and path.parent.name.startswith("v")):
            json.loads(path.read_bytes())       # of an object's inventories only the newest is read
        files += 1
    return {"cpu_s": round(time.process_time() - begun, 4), "files": files, "memory_mb": peak_memory()}


_ONE: dict[str, Callable[[Path], dict[str, Any]]] = {"floor": parsed, "rebuild": rebuilt}


if __name__ == "__main__":
    main()
