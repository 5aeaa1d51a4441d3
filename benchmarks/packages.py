"""The benchmark of packages: what writing and checking a large one costs, next to hashing and zipping the same bytes.

    ./run bench packages [--documents 5000] [--megabytes 2000] [--small 1000] [--runs 3] [--cache FOLDER]
                         [--peer COMMAND] [--json]

Also what one more document costs a case file that holds many, and how small packages compare with eark-validator
(`--peer`: its command, such as "eark-validator -c"; it is not installed with Lưu Trữ). CPU seconds count, and ratios
against a floor measured in the same minutes; on a shared machine wall time cannot be trusted.
"""

from __future__ import annotations

import argparse
import json
import shlex
import shutil
import statistics
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
if str(HERE.parent) not in sys.path:        # called as a script, Python looks beside it, not above it
    sys.path.insert(0, str(HERE.parent))

from archive import layout  # noqa: E402
from archive.store import Store  # noqa: E402
from benchmarks import material  # noqa: E402
from benchmarks.casefiles import LARGE, SMALL, archive_with  # noqa: E402
from benchmarks.cost import Cost, cost  # noqa: E402
from benchmarks.nightly import machine, median, night  # noqa: E402

GOAL_RATIO = 1.5            # CPU of writing, and of checking, as a multiple of sha256sum and zip -0 over the same bytes
GOAL_MEMORY = 200           # MB at the most, resident
GOAL_ADD = 3.0              # CPU of adding a document to a large case file, as a multiple of adding one to an empty one
FORMS = ("SIP_hoso", "AIP_hoso")
FLOOR = 'find "$1" -type f -print0 | xargs -0 sha256sum >/dev/null && cd "$1" && zip -0 -q -r "$2" .'
PEER_PACKAGES = 100         # of the small ones: the other checker's share


def main() -> None:
    """Make the case file, measure, say what came out."""
    parser = argparse.ArgumentParser(description="The benchmark of packages.")
    parser.add_argument("--documents", type=int, default=5000, help="documents of the large case file")
    parser.add_argument("--megabytes", type=int, default=2000, help="what its received files come to")
    parser.add_argument("--small", type=int, default=1000, help="small packages to check; 0: none")
    parser.add_argument("--nights", type=int, default=3, help="nights with one document, of each kind; at most 6")
    parser.add_argument("--runs", type=int, default=3, help="how often each is measured; the median run counts")
    parser.add_argument("--peer", default="", help="command of eark-validator; the package's path is added")
    parser.add_argument("--cache", type=Path, help="folder in which the material is kept for the next time")
    parser.add_argument("--json", action="store_true", dest="as_json", help="for machines")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="luutru-bench-", dir=arguments.cache) as scratch:
        told = measure(arguments, arguments.cache or Path(scratch) / "cache", Path(scratch))
    print(json.dumps(told, ensure_ascii=False, indent=2) if arguments.as_json else "\n".join(_lines(told)))


def measure(asked: argparse.Namespace, cache: Path, scratch: Path) -> dict[str, Any]:
    """Everything that the benchmark measures, ready for JSON."""
    cache.mkdir(parents=True, exist_ok=True)
    root = archive_with(cache, scratch, asked.documents, asked.megabytes)
    told: dict[str, Any] = {"machine": machine(), "runs": asked.runs, "documents": asked.documents, "packages": {}}
    for form in FORMS:
        told["packages"][form] = _large(root, scratch, form, asked.runs)
    if asked.nights:
        told["night"] = _nights(root, cache, asked.nights)
    # After the nights: their audit would call objects that the ledger does not know a fault.
    told["put"] = _step("put", root, LARGE, max(asked.runs, 1))[1]
    if asked.small:
        told["small"] = _small(root, scratch, asked.small, asked.runs, shlex.split(asked.peer))
    return told


def _large(root: Path, scratch: Path, form: str, runs: int) -> dict[str, Any]:
    """Writing and checking the package of the large case file, and the floor, turn by turn."""
    held, target = _contents(root, form), scratch / f"{form}.zip"
    floors, writings, checks, steps = [], [], [], []
    for _ in range(runs):
        floors.append(cost(["sh", "-c", FLOOR, "sh", str(held), str(scratch / "floor.zip")]))
        if floors[-1].code:
            raise SystemExit("sha256sum or zip failed")
        (scratch / "floor.zip").unlink()
        target.unlink(missing_ok=True)
        made, wrote = _step("write", root, LARGE, form, target)
        looked, found = _step("check", target)
        if found["errors"]:      # a figure for a package that is not right would be a lie
            raise SystemExit(f"the {form} that was written has errors: {found['errors']}")
        writings.append(made)
        checks.append(looked)
        steps.append((wrote, found))
    target.unlink()
    floor, wrote = median(floors), steps[-1][0]
    return {"files": wrote["files"], "megabytes": round(wrote["bytes"] / 1e6), "kind": steps[-1][1]["kind"],
            "assemble_cpu": round(statistics.median(one[0]["assemble"] for one in steps), 2),
            "floor": _figures(floor, floor, 0),
            "write": _figures(median(writings), floor, max(one[0]["rss_mb"] for one in steps)),
            "check": _figures(median(checks), floor, max(one[1]["rss_mb"] for one in steps))}


def _contents(root: Path, form: str) -> Path:
    """The bytes that travel, as they lie in the store: what was received, or for an AIP all that is there."""
    place = Store(root / "store" / "ocfl", root / "store" / "staging").folder(layout.casefile_object(LARGE))
    content = place / "v1" / "content"
    return content if form == "AIP_hoso" else content / layout.RECEIVED


def _figures(one: Cost, floor: Cost, memory: int) -> dict[str, Any]:
    return {"cpu_seconds": round(one.cpu, 2), "wall_seconds": round(one.wall, 1), "peak_memory_mb": memory,
            "times_floor": round(one.cpu / floor.cpu, 2), "times_floor_wall": round(one.wall / floor.wall, 2)}


def _nights(root: Path, cache: Path, nights: int) -> dict[str, Any]:
    """Whole nights with one document: into a new case file and into the large one, turn by turn, in one archive."""
    others = [code for code in material.case_files() if code not in (LARGE, SMALL)][:nights]
    costs: dict[str, list[Cost]] = {"empty": [], "large": []}
    for number, other in enumerate(others, 1):
        for place, code, which in (("empty", other, 2 * number), ("large", LARGE, 2 * number + 1)):
            shutil.copytree(material.letter(cache, which, code), root / "inbox", dirs_exist_ok=True)
            costs[place].append(night(["-m", "cli", "--root", str(root), "nightly", "--json"]))
    empty, large = median(costs["empty"]), median(costs["large"])
    return {"times": round(large.cpu / empty.cpu, 2), "empty_cpu": round(empty.cpu, 2),
            "large_cpu": round(large.cpu, 2), "empty_wall": round(empty.wall, 1), "large_wall": round(large.wall, 1)}


def _small(root: Path, scratch: Path, number: int, runs: int, peer: Sequence[str]) -> dict[str, Any]:
    """Checking many packages of one document each, and the other checker on some of the same."""
    folder = scratch / "small"
    folder.mkdir()
    made, _wrote = _step("write", root, SMALL, "SIP_hoso", folder, number)
    checked = [_step("check", folder) for _ in range(runs)]
    if errors := checked[0][1]["errors"]:
        raise SystemExit(f"the small packages have errors: {errors}")
    looked = median([one for one, _found in checked])
    told = {"packages": number, "write_ms_each": round(made.cpu / number * 1000, 2),
            "check_cpu_seconds": round(looked.cpu, 2), "check_ms_each": round(looked.cpu / number * 1000, 2)}
    if peer:
        some = sorted(folder.iterdir())[:PEER_PACKAGES]
        theirs = cost([*peer, *map(str, some)], quiet=True)
        if theirs.code:
            raise SystemExit(f"{peer[0]} ended with {theirs.code}")
        told["peer_ms_each"] = round(theirs.cpu / len(some) * 1000, 2)
        told["peer_times"] = round(told["peer_ms_each"] / told["check_ms_each"], 1)
    return told


def _step(*arguments: object) -> tuple[Cost, dict[str, Any]]:
    """One step in a process of its own: what it cost and what it says. Raises SystemExit when it failed."""
    made = cost([sys.executable, str(HERE / "package_steps.py"), *map(str, arguments)])
    if made.code:
        raise SystemExit(f"{arguments[0]} ended with {made.code}")
    told: dict[str, Any] = json.loads(made.output)
    return made, told


def _lines(told: Mapping[str, Any]) -> list[str]:
    about = told["machine"]
    lines = [f"{about['processors']} processors, {about['memory_gb']} GB, Python {about['python']}; "
             f"median of {told['runs']}; case file of {told['documents']} documents"]
    for form, one in told["packages"].items():
        lines += ["", f"{form}: {one['files']} files, {one['megabytes']} MB ({one['kind']}); CPU of putting it "
                      f"together {one['assemble_cpu']} s",
                  f"  {'':<24}{'CPU s':>8}{'wall s':>8}{'× floor':>9}{'× wall':>8}{'MB':>6}"]
        for name, key in (("sha256sum and zip -0", "floor"), ("write", "write"), ("check", "check")):
            part = one[key]
            goal = "" if key == "floor" else _met(part["times_floor"] <= GOAL_RATIO and
                                                  part["peak_memory_mb"] <= GOAL_MEMORY)
            lines.append(f"  {name:<24}{part['cpu_seconds']:>8}{part['wall_seconds']:>8}{part['times_floor']:>9}"
                         f"{part['times_floor_wall']:>8}{part['peak_memory_mb']:>6}  {goal}".rstrip())
    one = told["put"]
    lines += ["", "One document more, put into the store alone (median; CPU ms, wall ms)",
              f"  into an empty case file {one['empty_cpu_ms']}, {one['empty_wall_ms']}; into the large one "
              f"{one['large_cpu_ms']}, {one['large_wall_ms']}"]
    if one := told.get("night"):
        lines += ["One document more, a whole night (CPU s)",
                  f"  into an empty case file {one['empty_cpu']}; into the large one {one['large_cpu']}: "
                  f"{one['times']} times; goal {GOAL_ADD:g}: {_met(one['times'] <= GOAL_ADD)}"]
    if one := told.get("small"):
        lines += ["", f"{one['packages']} small packages: writing {one['write_ms_each']} ms each, checking "
                      f"{one['check_ms_each']} ms each (CPU, one process)"]
        if "peer_times" in one:
            lines.append(f"  eark-validator on {PEER_PACKAGES} of them: {one['peer_ms_each']} ms each, "
                         f"{one['peer_times']} times as much")
    return lines


def _met(met: bool) -> str:
    return "met" if met else "MISSED"


if __name__ == "__main__":
    main()
