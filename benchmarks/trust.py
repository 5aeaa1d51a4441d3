"""The benchmark of trust: signatures next to plain pyHanko, evidence, fixity next to sha256sum, the ledger.

    ./run bench trust [--rounds 5] [--hashes 1000000] [--events 100000] [--megabytes 1000] [--cache FOLDER] [--json]

CPU counts, and ratios against a floor or a peer measured turn by turn in the same minutes; on a shared machine wall
time cannot be trusted. Each step runs in a process of its own; imports are told apart.
"""

from __future__ import annotations

import argparse
import json
import os
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

from benchmarks import material, trust_material  # noqa: E402
from benchmarks.casefiles import SMALL  # noqa: E402
from benchmarks.cost import Cost, cost  # noqa: E402
from benchmarks.nightly import machine, new_archive, night  # noqa: E402

GOAL_TIMES = 1.5            # CPU of a single-signature file, as a multiple of plain pyHanko's
GOAL_TREE = 10.0            # seconds for a million hashes, until every record of them can be handed out
GOAL_RECORD = 20.0          # ms for one record
GOAL_FIXITY = 0.9           # throughput, as a part of sha256sum's on the same tree with as many processes
RECORDS = 200
FLOOR = 'find "$1" -type f -print0 | xargs -0 sha256sum >/dev/null'


def main() -> None:
    """Make the material, measure, say what came out."""
    parser = argparse.ArgumentParser(description="The benchmark of trust.")
    parser.add_argument("--rounds", type=int, default=5, help="how often each comparison is made; the median counts")
    parser.add_argument("--hashes", type=int, default=1_000_000, help="hashes of the evidence; 0: none")
    parser.add_argument("--events", type=int, default=100_000, help="events of the ledger; 0: none")
    parser.add_argument("--megabytes", type=int, default=1000, help="size of the store that is read again; 0: none")
    parser.add_argument("--cache", type=Path, help="folder in which the material is kept for the next time")
    parser.add_argument("--json", action="store_true", dest="as_json", help="for machines")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="luutru-bench-", dir=arguments.cache) as scratch:
        told = measure(arguments, arguments.cache or Path(scratch) / "cache", Path(scratch))
    print(json.dumps(told, ensure_ascii=False, indent=2) if arguments.as_json else "\n".join(_lines(told)))


def measure(asked: argparse.Namespace, cache: Path, scratch: Path) -> dict[str, Any]:
    """Everything that the benchmark measures, ready for JSON."""
    cache.mkdir(parents=True, exist_ok=True)
    told: dict[str, Any] = {"machine": machine(), "rounds": asked.rounds}
    told["signatures"] = signatures(cache, asked.rounds)
    trust = trust_material.trust(cache)
    first = min(trust_material.kinds(cache, ["one page, token"])["one page, token"].glob("*.pdf"))
    told["fresh"] = {who: _median([_step("one", who, trust, first)[1] for _ in range(asked.rounds)])
                     for who in ("ours", "peer")}
    if asked.hashes:
        told["evidence"] = evidence(scratch, asked.hashes)[1]
        told["folder"] = _folder(cache, scratch)
    if asked.events:
        root = new_archive(scratch, None)
        told["ledger"] = _step("ledger", root, asked.events)[1]
        shutil.rmtree(root)
    if asked.megabytes:
        told["fixity"] = fixity(cache, asked.megabytes, asked.rounds)
    return told


def signatures(cache: Path, rounds: int, wanted: Sequence[str] = ()) -> dict[str, dict[str, Any]]:
    """Ours next to plain pyHanko by the kind of file, all kinds or the `wanted` ones."""
    trust = trust_material.trust(cache)
    return {kind: _step("signatures", trust, folder, rounds)[1]
            for kind, folder in trust_material.kinds(cache, wanted).items()}


def evidence(scratch: Path, hashes: int) -> tuple[Cost, dict[str, Any]]:
    """A seal over so many digests, in an archive of its own that is gone afterwards, and records out of it."""
    root = new_archive(scratch, None)
    told = _step("evidence", root, hashes, min(RECORDS, hashes))
    shutil.rmtree(root)
    return told


def _folder(cache: Path, scratch: Path) -> dict[str, Any]:
    """The whole folder of one document out of a real night, and both checks of its record in fresh processes."""
    from tests.authority import served, years

    root = new_archive(scratch, material.letter(cache, 0, SMALL))
    with served(years(2026, 2036)) as url:
        night(["-m", "cli", "--root", str(root), "nightly", "--json"])
        sealed = cost([sys.executable, "-m", "cli", "--root", str(root), "evidence", "seal", "--json"],
                      {**os.environ, "LUUTRU_EVIDENCE__TSA": json.dumps([url])}, quiet=True)
        if sealed.code:
            raise SystemExit(f"luutru evidence seal ended with {sealed.code}")
    code = f"{SMALL}.0000001"
    (scratch / "out").mkdir()
    made = _step("folder", root, code, scratch / "out")[1]
    place = min((scratch / "out").iterdir())
    file = place / f"{code}.pdf"
    alone = [cost([sys.executable, str(place / "checker.py"), str(file), f"{file}.ers"]) for _ in range(5)]
    ours = [cost([sys.executable, "-m", "cli", "evidence", "verify", f"{file}.ers", str(file), "--trust", str(scratch),
                  "--json"]) for _ in range(5)]
    if any(one.code for one in alone) or any(one.code != 3 for one in ours):     # 3: the authority is not in the lists
        raise SystemExit("a record out of a real night does not hold")
    shutil.rmtree(root)
    return {**made, "checker_process_ms": round(_cpu(alone) * 1000), "verify_process_ms": round(_cpu(ours) * 1000)}


def fixity(cache: Path, megabytes: int, rounds: int) -> dict[str, Any]:
    """`sha256sum` and the audit's reading of the same tree, one process each, turn by turn, both from the disk."""
    place = trust_material.store(cache, max(megabytes // 10, 1), 10, 1_000_000)
    turns = []
    for _ in range(rounds):
        _forget(place)          # the audit forgets what is cached, or it would not look at the disk
        turns.append((cost(["sh", "-c", FLOOR, "sh", str(place)]), _step("fixity", place)[1]))
    size = sum(path.stat().st_size for path in place.rglob("*") if path.is_file())
    return {"megabytes": round(size / 1e6), "floor_cpu_s": round(statistics.median(one.cpu for one, _ours in turns), 2),
            "floor_wall_s": round(statistics.median(one.wall for one, _ours in turns), 2),
            "cpu_s": round(statistics.median(ours["cpu_s"] for _floor, ours in turns), 2),
            "wall_s": round(statistics.median(ours["wall_s"] for _floor, ours in turns), 2),
            "throughput": round(statistics.median(one.wall / ours["wall_s"] for one, ours in turns), 2),
            "throughput_cpu": round(statistics.median(one.cpu / ours["cpu_s"] for one, ours in turns), 2)}


def _step(*arguments: object) -> tuple[Cost, dict[str, Any]]:
    """One step in a process of its own: what it cost and what it says. Raises SystemExit when it failed."""
    made = cost([sys.executable, str(HERE / "trust_steps.py"), *map(str, arguments)])
    if made.code:
        raise SystemExit(f"{arguments[0]} ended with {made.code}")
    told: dict[str, Any] = json.loads(made.output)
    return made, told


def _median(found: list[dict[str, Any]]) -> dict[str, Any]:
    return {name: statistics.median(one[name] for one in found) for name in found[0]}


def _cpu(costs: list[Cost]) -> float:
    return statistics.median(one.cpu for one in costs)


def _lines(told: Mapping[str, Any]) -> list[str]:
    about = told["machine"]
    lines = [f"{about['processors']} processors, {about['memory_gb']} GB, Python {about['python']}; "
             f"median of {told['rounds']}", "", f"Signatures{'CPU ms a file':>38}{'plain pyHanko':>15}{'times':>7}"]
    for kind, one in told["signatures"].items():
        goal = _met(one["times"] <= GOAL_TIMES) if one["signatures"] == 1 else ""
        lines.append(f"  {kind:<28}{one['ours_ms']:>18}{one['peer_ms']:>15}{one['times']:>7}  {goal}".rstrip())
    fresh = told["fresh"]
    lines.append(f"  the first file of a process: imports {fresh['ours']['imports_ms']:g} ms, pyHanko's "
                 f"{fresh['peer']['imports_ms']:g}; the file {fresh['ours']['file_ms']:g}, "
                 f"{fresh['peer']['file_ms']:g}")
    if one := told.get("evidence"):
        lines += ["", f"Evidence of {one['hashes']:,} hashes",
                  f"  tree built and written {one['tree_cpu_s']} s CPU; sealed in the store with its timestamp "
                  f"{one['seal_cpu_s']} s CPU, {one['seal_wall_s']} s wall: {_met(one['seal_cpu_s'] < GOAL_TREE)}",
                  f"  one record {one['record_ms']} ms CPU, {one['record_wall_ms']} ms wall, "
                  f"{one['record_bytes']} bytes: {_met(one['record_ms'] < GOAL_RECORD)}; each of many "
                  f"{one['record_of_many_ms']} ms",
                  f"  checked by our verifier {one['verify_ms']} ms, by checker.py {one['checker_ms']} ms"]
        one = told["folder"]
        lines += [f"  the whole folder of a document ({one['files']} files) {one['cpu_ms']} ms CPU, "
                  f"{one['wall_ms']} ms wall; a process of its own: checker.py {one['checker_process_ms']} ms, "
                  f"luutru evidence verify {one['verify_process_ms']} ms"]
    if one := told.get("ledger"):
        lines += ["", f"Ledger of {one['events']:,} events checked: {one['cpu_s']} s CPU, {one['cpu_s_per_100000']} s "
                      "for each 100,000"]
    if one := told.get("fixity"):
        lines += ["", f"Fixity of {one['megabytes']} MB, one process: {one['wall_s']} s, sha256sum "
                      f"{one['floor_wall_s']} s: {one['throughput']} of its throughput (by CPU "
                      f"{one['throughput_cpu']}): "
                      f"{_met(one['throughput'] >= GOAL_FIXITY)}"]
    return lines


def _forget(place: Path) -> None:
    for path in place.rglob("*"):
        if path.is_file():
            handle = os.open(path, os.O_RDONLY)
            os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
            os.close(handle)


def _met(met: bool) -> str:
    return "met" if met else "MISSED"


if __name__ == "__main__":
    main()
