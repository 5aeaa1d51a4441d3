"""The record book: what the archive's work costs, each piece next to its floor or peer, at two sizes.

    ./run benchmarks [--only letters,search] [--scale 1.0] [--cache FOLDER] [--json] [--publish]
    ./run benchmarks --small [--json] [--publish]

Half an hour on a quiet machine. CPU seconds count, and ratios against what was measured in the same minutes; nothing
here is wall time, so that a shared machine gives nearly the same ratios. `--scale 0.1` takes a tenth of each size.
`--publish` writes benchmarks/record.json and, made from it, docs/record.md; parts that were not asked for keep what
they had, with the day and the load under which it was taken. `--small` is what CI runs (benchmarks/small_book.py).
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
if str(HERE.parent) not in sys.path:        # called as a script, Python looks beside it, not above it
    sys.path.insert(0, str(HERE.parent))

from benchmarks.book_parts import PARTS, Room, Row  # noqa: E402

KEPT, PAGE = HERE / "record.json", HERE.parent / "docs" / "record.md"
_BUSY = 1.0         # load above which a row says under what load it was taken


def main() -> None:
    """Measure what was asked for, print the table, and keep it when told so."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--only", default=",".join(PARTS), help=f"some of: {', '.join(PARTS)}")
    asked.add_argument("--scale", type=float, default=1.0, help="a part of each size; 1: the whole")
    asked.add_argument("--cache", type=Path, help="folder in which the material is kept for the next time")
    asked.add_argument("--json", action="store_true", dest="as_json", help="for machines")
    asked.add_argument("--publish", action="store_true", help="write what the repository shows")
    asked.add_argument("--small", action="store_true", help="the small form that CI runs")
    given = asked.parse_args()
    if given.small:
        from benchmarks import small_book

        small_book.tell(as_json=given.as_json, publish=given.publish)
        return
    if unknown := set(given.only.split(",")) - set(PARTS):
        asked.error(f"there is no part {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    told = measure(given.only.split(","), given.scale, given.cache)
    if given.publish:
        told = kept_with(told)
        KEPT.write_text(json.dumps(told, ensure_ascii=False, indent=1) + "\n", "utf-8")
        PAGE.write_text(page(told), "utf-8")
    print(json.dumps(told, ensure_ascii=False, indent=1) if given.as_json else table(told["rows"]))


def measure(parts: Sequence[str], scale: float, cache: Path | None) -> dict[str, Any]:
    """The rows of these parts, smaller size first, ready for JSON."""
    from benchmarks.nightly import machine

    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(prefix="luutru-bench-", dir=cache) as scratch:
        kept = cache or Path(scratch) / "cache"
        kept.mkdir(parents=True, exist_ok=True)
        for name in parts:
            part = PARTS[name]
            for size in sorted({max(part.least, int(size * scale)) for size in part.sizes}):
                begun, load = time.monotonic(), os.getloadavg()[0]
                room = Room(kept, Path(tempfile.mkdtemp(dir=scratch)))
                rows += [as_dict(row, load) for row in part.measure(size, room)]
                shutil.rmtree(room.scratch)
                print(f"{name} {size}: {time.monotonic() - begun:.0f} s", file=sys.stderr, flush=True)
    return {"machine": machine(), "rows": rows}


def as_dict(row: Row, load: float) -> dict[str, Any]:
    """A row with its ratios, and when and under which load it was taken."""
    told = asdict(row) | {"cpu": _short(row.cpu), "floor_cpu": _short(row.floor_cpu)}
    return told | {"each_ms": _short(row.each_ms), "times": _short(row.times), "met": row.met,
                   "taken": date.today().isoformat(), "load": round(load, 1)}


def kept_with(told: Mapping[str, Any]) -> dict[str, Any]:
    """What was measured now, with the parts of the kept record that were not, in the order of the parts."""
    rows = list(told["rows"])
    if KEPT.exists():
        now = {row["part"] for row in rows}
        rows += [row for row in json.loads(KEPT.read_text("utf-8"))["rows"] if row["part"] not in now]
    order = list(PARTS)
    return {"machine": told["machine"], "rows": sorted(rows, key=lambda row: order.index(row["part"]))}


# --- what is shown ------------------------------------------------------------------------------------------


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """The table in Markdown: each piece of work on one line, its smaller size → its larger one."""
    lines = ["| what | size | CPU ms each | growth | against | times as much | peak MB | aim |",
             "|---|---|---|---|---|---|---|---|"]
    for several in _together(rows):
        small, large = several[0], several[-1]
        growth = f"{large['each_ms'] / small['each_ms']:.2f}" if len(several) > 1 else ""
        lines.append(f"| {large['what']} | {_arrow(several, 'at', _count)} {large['of']} "
                     f"| {_arrow(several, 'each_ms', _figure)} a {large['each']} | {growth} | {large['floor']} "
                     f"| {_arrow(several, 'times', _figure, bold=True)} | {large['memory'] or ''} | {_aim(large)} |")
    return "\n".join(lines)


def page(told: Mapping[str, Any]) -> str:
    """docs/record.md: the table, how to take it again, how far it can be trusted."""
    about, rows = told["machine"], told["rows"]
    days = sorted({row["taken"] for row in rows})
    load = {row["part"]: row["load"] for row in sorted(rows, key=lambda row: row["load"])}
    busy = [f"{name} ({load[name]:.0f})" for name in PARTS if load.get(name, 0) > _BUSY]
    taken = days[0] if len(days) == 1 else f"{days[0]} to {days[-1]}"
    lacking = [name for name in PARTS if name not in {row["part"] for row in rows}]
    return "\n".join([
        "# The record book", "",
        "<!-- made by ./run benchmarks --publish from benchmarks/record.json; not written by hand -->", "",
        "What each piece of the work costs, beside a floor (the least that must be done) or a peer (another program "
        "that does the same), measured in the same minutes. The smaller size stands before the arrow, the larger one "
        "behind it; *growth* is what one costs at the larger size as a multiple of one at the smaller: 1 is level.", "",
        table(rows), "",
        f"Taken {taken} on {about['processors']} processors, {about['memory_gb']} GB; Python {about['python']}, "
        f"Tesseract {about['tesseract']}." + (f" Busy meanwhile (load): {', '.join(busy)}." if busy else "")
        + (f" Not yet measured: {', '.join(lacking)}." if lacking else ""), "",
        "```sh", "./run benchmarks                                   # all of it, half an hour; prints this table",
        "./run benchmarks --only letters,search --scale 0.1  # some parts, at a tenth of the size",
        "./run benchmarks --cache FOLDER --publish           # the material is kept; writes this page",
        "```", "",
        "- All figures are CPU, of all processes: a shared machine changes them by a fifth, the ratios by about a "
        "tenth.",
        "- How each part is measured, and what was found out on the way, stands in [performance.md](performance.md).",
        "- `./run tests` takes a small form of the same ratios (benchmarks/small_book.py) and fails when one has "
        "become half as bad again as the one in benchmarks/small.json. `./run benchmarks --small --publish` writes "
        "that file anew: only when a change is meant to cost more, and with a word why.", ""])


def _together(rows: Sequence[Mapping[str, Any]]) -> list[list[Mapping[str, Any]]]:
    """Rows of the same work, its sizes in ascending order."""
    found: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for row in rows:
        found.setdefault((row["part"], row["what"]), []).append(row)
    return [sorted(several, key=lambda row: row["at"]) for several in found.values()]


def _arrow(several: Sequence[Mapping[str, Any]], key: str, form: Any, *, bold: bool = False) -> str:
    shown = [form(row[key]) for row in several]
    if bold:
        shown[-1] = f"**{shown[-1]}**"
    return " → ".join(shown)


def _count(value: int) -> str:
    return f"{value:,}"


def _figure(value: float) -> str:
    """Two figures that count, or all before the point."""
    if not value:
        return "0"
    return f"{value:,.0f}" if value >= 10 else f"{value:.2g}" if value < 1 else f"{value:.1f}"


def _short(value: float) -> float:
    return float(f"{value:.4g}")


def _aim(row: Mapping[str, Any]) -> str:
    aims = [f"{row['most_times']:g} times"] if row["most_times"] else []
    aims += [f"{_figure(row['most_ms'])} ms each"] if row["most_ms"] else []
    if not aims:
        return ""
    whole = PARTS[row["part"]].sizes[-1]        # in a smaller round, what is done once weighs too much
    verdict = f"told at {whole:,}" if row["at"] < 0.9 * whole else "met" if row["met"] else "**missed**"
    return f"at most {', '.join(aims)}: {verdict}"


if __name__ == "__main__":
    main()
