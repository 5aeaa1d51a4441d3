"""The benchmark of the night: what a document costs from inbox to report, next to what it must cost at least.

    ./run bench [--documents 1000] [--scans 20] [--runs 1] [--cache FOLDER] [--json]

Runs real nights over real archives, and on the same machine in the same minutes two floors: hashing the same files,
and bare Tesseract on the same page pictures. CPU seconds are those of all processes together; on a shared machine
they and the ratios can be trusted, wall time cannot.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
if str(HERE.parent) not in sys.path:        # called as a script, Python looks beside it, not above it
    sys.path.insert(0, str(HERE.parent))

from benchmarks import material  # noqa: E402
from benchmarks.cost import Cost, cost, environment  # noqa: E402

GOAL_DOCUMENTS = 10.0       # born-digital documents per CPU second
GOAL_SCANS = 1.25           # CPU of a scanned page, as a multiple of bare Tesseract's
PEER_DOCUMENT = (0.7, 1.2)  # CPU seconds of paperless-ngx for a text PDF, no signature checked
PEER_PAGE = (15.0, 18.0)    # … and for a scanned page, with its defaults
DONE = (0, 3)               # exit codes of a night that came to its end; 3: items need a person


@dataclass(frozen=True, slots=True)
class Measured:
    """One kind of material through the night: the median run, its parts, and what became of the documents."""

    documents: int
    megabytes: float
    night: Cost
    floor: Cost
    parts: Mapping[str, float]
    states: Mapping[str, int]
    verdicts: Mapping[str, int]

    def as_dict(self) -> dict[str, Any]:
        """The figures, ready for JSON."""
        cpu = self.night.cpu
        return {
            "documents": self.documents, "megabytes": round(self.megabytes, 1), "states": dict(self.states),
            "verdicts": dict(self.verdicts), "cpu_seconds": round(cpu, 2), "wall_seconds": round(self.night.wall, 1),
            "peak_memory_mb": round(self.night.memory), "cpu_seconds_per_document": round(cpu / self.documents, 4),
            "documents_per_cpu_second": round(self.documents / cpu, 2),
            "documents_per_minute": round(self.documents / self.night.wall * 60, 1),
            "floor_cpu_seconds": round(self.floor.cpu, 3), "times_floor": round(cpu / self.floor.cpu, 2),
            "cpu_by_part": {name: round(seconds, 3) for name, seconds in self.parts.items()}}


def main() -> None:
    """Make the material, run the nights and the floors, say what came out."""
    parser = argparse.ArgumentParser(description="The benchmark of the night.")
    parser.add_argument("--documents", type=int, default=1000, help="signed born-digital PDFs; 0: none")
    parser.add_argument("--scans", type=int, default=20, help="scanned pages; 0: none")
    parser.add_argument("--runs", type=int, default=1, help="how often each is measured; the median run counts")
    parser.add_argument("--cache", type=Path, help="folder in which the material is kept for the next time")
    parser.add_argument("--json", action="store_true", dest="as_json", help="for machines")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="luutru-bench-") as scratch:
        told = measure(arguments.documents, arguments.scans, arguments.runs, arguments.cache or Path(scratch) / "cache",
                       Path(scratch))
    print(json.dumps(told, ensure_ascii=False, indent=2) if arguments.as_json else "\n".join(_lines(told)))


def measure(documents: int, scans: int, runs: int, cache: Path, scratch: Path) -> dict[str, Any]:
    """Everything that the benchmark measures, ready for JSON."""
    told: dict[str, Any] = {"machine": machine(), "runs": runs}
    if documents:
        inbox = material.letters(cache, documents)
        files = sorted(map(str, inbox.glob("*.pdf")))
        told["born_digital"] = _measured(
            inbox, scratch, runs, lambda: cost(["sha256sum", *files], quiet=True)).as_dict()
    if scans:
        inbox, pictures = material.scanned(cache, scans)
        pages = sorted(pictures.iterdir())
        told["scans"] = _measured(inbox, scratch, runs, lambda: _tesseract(pages)).as_dict()
    return told


def machine() -> dict[str, Any]:
    """What the figures depend on, without anything that names the machine."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    tesseract = subprocess.run(["tesseract", "--version"], capture_output=True, text=True, check=True)
    return {"processors": os.cpu_count(), "memory_gb": round(memory / 1e9), "python": platform.python_version(),
            "tesseract": tesseract.stdout.split()[1]}


def _measured(inbox: Path, scratch: Path, runs: int, floor: Callable[[], Cost]) -> Measured:
    files = [path for path in inbox.iterdir() if path.name != material.LIST]
    nights, floors, parts, became = [], [], [], []
    for _ in range(runs):
        floors.append(floor())
        root = new_archive(scratch, inbox)
        nights.append(night(["-m", "cli", "--root", str(root), "nightly", "--json"]))
        became.append(what_became(root, len(files)))
        shutil.rmtree(root)
        root = new_archive(scratch, inbox)
        parts.append(_parts(night([str(HERE / "phases.py"), str(root)])))
        became.append(what_became(root, len(files)))
        shutil.rmtree(root)
    if any(one != became[0] for one in became):
        raise SystemExit(f"the nights did not come to the same: {became}")
    states, verdicts = became[0]
    names = list(dict.fromkeys(name for one in parts for name in one))
    return Measured(len(files), sum(path.stat().st_size for path in files) / 1e6, median(nights), median(floors),
                    {name: statistics.median(one.get(name, 0.0) for one in parts) for name in names}, states, verdicts)


def new_archive(scratch: Path, inbox: Path | None) -> Path:
    """A new archive with the sample agency's file plan and trust list, the material (if any) in its inbox."""
    from archive.file_plan_import import import_file_plan
    from archive.opening import make_archive

    root = Path(tempfile.mkdtemp(prefix="kho-", dir=scratch))
    archive = make_archive(root, {"agency": {"code": "H99", "name": "Sở Nội vụ tỉnh Mẫu"},
                                  "ingest": {"settle_seconds": 0}})      # the copies are new, and whole
    try:
        settings = archive.settings
        shutil.copytree(material.SAMPLES / "trust", settings.path(settings.signatures.trust), dirs_exist_ok=True)
        import_file_plan(archive, material.SAMPLES / "file-plan.xlsx", "H99", settings.agency.name)
        if inbox is not None:
            shutil.copytree(inbox, settings.path(settings.ingest.inbox[0]), dirs_exist_ok=True)
    finally:
        archive.close()
    return root


def night(arguments: Sequence[str]) -> Cost:
    """Run a night in a process of its own. Raises SystemExit when it did not come to its end."""
    made = cost([sys.executable, *arguments], environment())
    if made.code not in DONE:
        raise SystemExit(f"the night ended with {made.code}: {made.output}")
    return made


def _parts(night: Cost) -> dict[str, float]:
    """CPU by stage of the workers and by phase of the main process; what is left started and fed the workers."""
    told = json.loads(night.output)
    parts = {f"worker: {name}": seconds for name, seconds in told["stages"].items()}
    parts |= {f"main: {name}": seconds for name, seconds in told["phases"].items()}
    return parts | {"start and feed the workers": night.cpu - sum(parts.values())}


def what_became(root: Path, documents: int) -> tuple[dict[str, int], dict[str, int]]:
    """How many items are in which state, and stored documents under which verdict; nothing may have been left out."""
    from sqlalchemy import select

    from archive import model
    from archive.opening import open_archive
    from archive.settings import load

    archive = open_archive(load(root))
    try:
        with archive.catalogue.session() as session:
            states = Counter(session.scalars(select(model.Item.state)))
            verdicts = Counter(session.scalars(select(model.Document.verdict)))
    finally:
        archive.close()
    if states["stored"] != documents:       # a figure for half the work would be a lie
        raise SystemExit(f"of {documents} documents the night stored {states['stored']}: {dict(states)}")
    return dict(states), dict(verdicts)


def _tesseract(pages: Sequence[Path]) -> Cost:
    """Bare Tesseract as one would call it: one process a page, one thread each, text to standard output."""
    environment = {**os.environ, "OMP_THREAD_LIMIT": "1"}
    made = [cost(["tesseract", str(page), "stdout", "-l", "vie"], environment, quiet=True) for page in pages]
    return Cost(max(one.code for one in made), sum(one.cpu for one in made), sum(one.wall for one in made),
                max(one.memory for one in made), "")


def median(costs: Sequence[Cost]) -> Cost:
    """The one in the middle, by CPU."""
    return sorted(costs, key=lambda one: one.cpu)[len(costs) // 2]


def _lines(told: Mapping[str, Any]) -> list[str]:
    about = told["machine"]
    lines = [f"{about['processors']} processors, {about['memory_gb']} GB, Python {about['python']}, "
             f"Tesseract {about['tesseract']}; median of {told['runs']}"]
    if one := told.get("born_digital"):
        low, high = (round(each / one["cpu_seconds_per_document"], 1) for each in PEER_DOCUMENT)
        met = _met(one["documents_per_cpu_second"] >= GOAL_DOCUMENTS)
        lines += ["", f"Signed born-digital PDFs: {_common(one)}",
                  f"  {one['documents_per_cpu_second']} documents per CPU second; goal {GOAL_DOCUMENTS:g}: {met}",
                  f"  {one['times_floor']} times sha256sum over the same files ({one['floor_cpu_seconds']} s)",
                  f"  paperless-ngx, no signature checked, takes {low} to {high} times as much", *_table(one)]
    if one := told.get("scans"):
        low, high = (round(each / one["cpu_seconds_per_document"], 1) for each in PEER_PAGE)
        met = _met(one["times_floor"] <= GOAL_SCANS)
        lines += ["", f"Scanned pages: {_common(one)}",
                  f"  {one['times_floor']} times bare Tesseract on the same pictures ({one['floor_cpu_seconds']} s); "
                  f"goal {GOAL_SCANS}: {met}",
                  f"  paperless-ngx, with its defaults, takes {low} to {high} times as much", *_table(one)]
    return lines


def _common(one: Mapping[str, Any]) -> str:
    became = ", ".join(f"{state} {number}" for state, number in sorted(one["states"].items()))
    return (f"{one['documents']} files, {one['megabytes']} MB ({became})\n"
            f"  {one['cpu_seconds']} CPU s, {one['cpu_seconds_per_document']} a document; peak {one['peak_memory_mb']} "
            f"MB; wall {one['wall_seconds']} s, {one['documents_per_minute']} documents a minute")


def _met(met: bool) -> str:
    return "met" if met else "MISSED"


def _table(one: Mapping[str, Any]) -> list[str]:
    parts = one["cpu_by_part"]
    whole = sum(parts.values())
    return ["  where the CPU goes:", *(
        f"    {name:<32}{seconds:>9.2f} s{seconds / one['documents'] * 1000:>9.1f} ms each{seconds / whole:>7.1%}"
        for name, seconds in sorted(parts.items(), key=lambda each: -each[1]))]


if __name__ == "__main__":
    main()
