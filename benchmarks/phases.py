"""Runs one night through its Python interface and prints, as JSON, what each stage and phase cost in CPU seconds.

    python benchmarks/phases.py ROOT [--profile FILE]

`stages` are those of the worker processes, `phases` those of the main process. Must run nothing but the night.
"""

from __future__ import annotations

import argparse
import cProfile
import json
import sys
import time
from collections import defaultdict
from pathlib import Path

if str(Path(__file__).resolve().parents[1]) not in sys.path:
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

# What has just ended when the night reports the beginning of a stage.
_BEFORE = {"collect": "look into the inbox", "sheets": "read the list", "examine": "read the list", "store": "file"}
_DURING = {"collect": "collect", "sheets": "look for separator sheets", "examine": "note what was found",
           "store": "store", "index": "index"}


def main() -> None:
    """Run the night and print."""
    parser = argparse.ArgumentParser(description="Runs one night and prints what its parts cost.")
    parser.add_argument("root", type=Path)
    parser.add_argument("--profile", type=Path, help="where to write a cProfile of the main process")
    arguments = parser.parse_args()

    from archive.opening import open_archive
    from archive.settings import load
    from ingest import nightly

    phases: dict[str, float] = defaultdict(float)
    last = 0.0

    def note(phase: str) -> None:
        nonlocal last
        now = time.process_time()
        phases[phase] += now - last
        last = now

    def progress(stage: str, done: int, _total: int) -> None:
        note(_DURING[stage] if done or stage not in _BEFORE else _BEFORE[stage])

    archive = open_archive(load(arguments.root))
    note("start")
    profiler = cProfile.Profile()
    if arguments.profile:
        profiler.enable()
    night = nightly.run(archive, progress)
    if arguments.profile:
        profiler.disable()
        profiler.dump_stats(arguments.profile)
    note("clear the inbox")
    archive.close()
    print(json.dumps({"batch": night.batch, "stages": dict(night.cpu), "phases": dict(phases)}))


if __name__ == "__main__":
    main()
