"""The benchmark of digitising: how well pages are read and at what cost, next to bare Tesseract on the same pictures.

    ./run bench digitise [--part accuracy|cpu|workers|bytes|memory] [--pages N] [--cache FOLDER] [--json]

CPU seconds are those of all processes together and are compared with floors taken in the same minutes; the speed of
two workers is wall time and is only worth something on a machine that does nothing else (the load is told).
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
if str(HERE.parent) not in sys.path:        # called as a script, Python looks beside it, not above it
    sys.path.insert(0, str(HERE.parent))

from benchmarks import material, pages_of_text  # noqa: E402
from benchmarks.cost import Cost, cost, environment  # noqa: E402
from benchmarks.nightly import machine, new_archive, night, what_became  # noqa: E402
from benchmarks.pages_of_text import PageOfText  # noqa: E402
from benchmarks.text_errors import Errors, errors, mean  # noqa: E402
from samples.making import registry  # noqa: E402

GOAL_TIMES = 1.15           # CPU of a scanned page all in, as a multiple of bare Tesseract's, one process a page
GOAL_WORKERS = 1.9          # speed of two workers, as a multiple of one's
PER_DOCUMENT = 10           # pages of one PDF where documents of several pages are measured
PARTS = ("accuracy", "cpu", "bytes", "memory", "workers")
USUAL = {"accuracy": 1000, "cpu": 25, "bytes": 25, "memory": 20, "workers": 100}     # pages; all there are, at most


def main() -> None:
    """Make the pages, measure, say what came out."""
    parser = argparse.ArgumentParser(description="The benchmark of digitising.")
    parser.add_argument("--part", choices=PARTS, help="only this part; else all, one after the other")
    parser.add_argument("--pages", type=int, help="how many pages; else what suits each part")
    parser.add_argument("--cache", type=Path, help="folder in which the pages are kept for the next time")
    parser.add_argument("--json", action="store_true", dest="as_json", help="for machines")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="luutru-bench-") as scratch:
        known = pages_of_text.kept(asked.cache or Path(scratch) / "cache")
        told: dict[str, Any] = {"machine": machine() | {"load": round(os.getloadavg()[0], 1)}}
        for part in [asked.part] if asked.part else PARTS:
            room = Path(tempfile.mkdtemp(dir=scratch))
            told[part] = MEASURES[part](known, asked.pages or USUAL[part], room)
    print(json.dumps(told, ensure_ascii=False, indent=2) if asked.as_json else "\n".join(_lines(told)))


def spread(pages: Sequence[PageOfText], most: int) -> list[PageOfText]:
    """At most so many of the pages, taken evenly, so that every kind is there as far as they go."""
    step = len(pages) / min(most, len(pages))
    return [pages[int(number * step)] for number in range(min(most, len(pages)))]


# --- accuracy -----------------------------------------------------------------------------------------------


def accuracy(known: Sequence[PageOfText], most: int, room: Path) -> dict[str, Any]:
    """The errors of bare Tesseract (`tesseract page out -l vie`, nothing set) and of ours (`luutru digitise`)."""
    pages = spread(known, most)
    files = _files(pages, room / "pages")
    bare = {page.name: _tesseract_text(file) for page, file in zip(pages, files, strict=True)}
    _digitise(files, room / "ours", 1)
    found: dict[str, dict[str, list[Errors]]] = defaultdict(lambda: {"bare": [], "ours": []})
    worse = []
    for page in pages:
        ours = errors(page.truths, (room / "ours" / f"{page.name}.txt").read_text("utf-8"))
        theirs = errors(page.truths, bare[page.name])
        for kind in {page.damage, f"face: {page.face}", "all, turned pages left out"}:
            if page.damage != pages_of_text.TURNED or kind == page.damage:
                found[kind]["bare"].append(theirs)
                found[kind]["ours"].append(ours)
        if ours.letters > theirs.letters:
            worse.append({"page": page.name, "bare": round(theirs.letters, 4), "ours": round(ours.letters, 4)})
    return {"pages": len(pages), "worse": sorted(worse, key=lambda one: one["bare"] - one["ours"]),
            "by": {kind: {"pages": len(by["ours"]), **{who: _rounded(mean(by[who])) for who in by}}
                   for kind, by in found.items() if by["ours"]}}


def _rounded(one: Errors) -> dict[str, float]:
    return {name: round(value, 4) for name, value in asdict(one).items()}


def _tesseract_text(picture: Path) -> str:
    done = subprocess.run(["tesseract", str(picture), "stdout", "-l", "vie"], capture_output=True, text=True,
                          check=True, env={**os.environ, "OMP_THREAD_LIMIT": "1"})     # the same text for less
    return done.stdout


def _files(pages: Sequence[PageOfText], folder: Path) -> list[Path]:
    folder.mkdir(parents=True)
    files = [folder / f"{page.name}.jpg" for page in pages]
    for file, page in zip(files, pages, strict=True):
        file.write_bytes(page.data)
    return files


def _digitise(files: Sequence[Path], into: Path, workers: int, look_every: float = 0.25) -> Cost:
    made = cost([sys.executable, "-m", "cli", "digitise", *map(str, files), "-o", str(into), "--workers", str(workers),
                 "--json"], environment(), look_every=look_every)
    if made.code not in (0, 3):             # 3: a scan on which a person should look
        raise SystemExit(f"luutru digitise ended with {made.code}: {made.output}")
    return made


# --- CPU ----------------------------------------------------------------------------------------------------


def cpu(known: Sequence[PageOfText], most: int, room: Path) -> dict[str, Any]:
    """A whole night (checks, text, PDF/A, storing, index) over single pages, and over one PDF for each ten of them."""
    pages = spread(known, most)
    files = _files(pages, room / "pages")
    told: dict[str, Any] = {"pages": len(pages)}
    documents = [pages_of_text.as_pdf(pages[at: at + PER_DOCUMENT]) for at in range(0, len(pages), PER_DOCUMENT)]
    for form, inbox in (("one page a document", [(f"{page.name}.jpg", page.data) for page in pages]),
                        (f"{PER_DOCUMENT} pages a document",
                         [(f"{number:04}.pdf", data) for number, data in enumerate(documents)])):
        half = len(files) // 2
        floors = [_floor(files[:half])]
        measured = _night(inbox, room)
        floors.append(_floor(files[half:]))
        each, one = (sum(pair) for pair in zip(*floors, strict=True))
        told[form] = {"documents": len(inbox), "cpu_seconds_per_page": round(measured.cpu / len(pages), 3),
                      "floor_cpu_seconds_per_page": round(each / len(pages), 3),
                      "floor_one_process_cpu_seconds_per_page": round(one / len(pages), 3),
                      "times_floor": round(measured.cpu / each, 2), "times_one_process": round(measured.cpu / one, 2)}
    return told


def _floor(files: Sequence[Path]) -> tuple[float, float]:
    """CPU of bare Tesseract, one thread: a process a page, and one process for all of them."""
    environment = {**os.environ, "OMP_THREAD_LIMIT": "1"}
    each = sum(cost(["tesseract", str(file), "stdout", "-l", "vie"], environment, quiet=True).cpu for file in files)
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as names:
        names.write("\n".join(map(str, files)))
        names.flush()
        return each, cost(["tesseract", names.name, "stdout", "-l", "vie"], environment, quiet=True).cpu


def _night(inbox: Sequence[tuple[str, bytes]], room: Path) -> Cost:
    folder = Path(tempfile.mkdtemp(dir=room))
    codes = material.case_files()
    for name, data in inbox:
        (folder / name).write_bytes(data)
    rows = [material.row(name, codes[number % len(codes)], f"{number + 1}/SNV-VP", f"Tài liệu quét thứ {number + 1}",
                         date(2026, 11, 10), "Số hóa") for number, (name, _data) in enumerate(inbox)]
    (folder / material.LIST).write_bytes(registry.as_xlsx(rows))
    root = new_archive(room, folder)
    try:
        made = night(["-m", "cli", "--root", str(root), "nightly", "--json"])
        what_became(root, len(inbox))
    finally:
        shutil.rmtree(root)
    return made


# --- bytes --------------------------------------------------------------------------------------------------


def bytes_of_copies(known: Sequence[PageOfText], most: int, room: Path) -> dict[str, Any]:
    """The access copies' bytes next to the scans', and how well each one's *picture* is read, by bare Tesseract.

    The scans as the scanner's JPEG, and the same pixels as TIFF with LZW, as scanners write without loss.
    """
    pages = [page for page in spread(known, most) if page.damage != pages_of_text.TURNED]
    files = _files(pages, room / "pages")
    whole = [_as_tiff(file) for file in files]
    _digitise(files, room / "ours", 1)
    _digitise(whole, room / "ours-tiff", 1)
    told: dict[str, dict[str, list[int]]] = defaultdict(lambda: {"scan": [], "copy": []})
    before, after, each = [], [], []
    for page, file, large in zip(pages, files, whole, strict=True):
        copy = room / "ours" / f"{page.name}.pdf"
        coarse = "300 dpi" if page.dpi > 250 else "200 dpi" if page.dpi == 200 else "90 to 150 dpi"
        for kind, scan, made in ((f"JPEG, {coarse}", file, copy), ("JPEG", file, copy),
                                 ("TIFF, LZW", large, room / "ours-tiff" / copy.name)):
            told[kind]["scan"].append(scan.stat().st_size)
            told[kind]["copy"].append(made.stat().st_size)
        before.append(errors(page.truths, _tesseract_text(file)))
        after.append(errors(page.truths, _tesseract_text(_drawn(copy))))
        each.append({"page": page.name, "scan": round(before[-1].letters, 4), "copy": round(after[-1].letters, 4),
                     "more": round(after[-1].letters - before[-1].letters, 4)})
    return {"pages": len(pages), "scan": _rounded(mean(before)), "copy": _rounded(mean(after)),
            "worse": [one for one in each if one["more"] > 0.002],
            "by": {kind: {"pages": len(by["scan"]), "scan_bytes_per_page": sum(by["scan"]) // len(by["scan"]),
                          "copy_bytes_per_page": sum(by["copy"]) // len(by["copy"]),
                          "share": round(sum(by["copy"]) / sum(by["scan"]), 3)} for kind, by in sorted(told.items())}}


def _as_tiff(scan: Path) -> Path:
    from PIL import Image

    into = scan.with_suffix(".tif")
    with Image.open(scan) as picture:
        picture.save(into, compression="tiff_lzw", dpi=picture.info["dpi"])
    return into


def _drawn(copy: Path) -> Path:
    """The picture of a copy's only page as it lies there, without loss; the text under it is not seen."""
    import pypdfium2

    into = copy.with_suffix(".png")
    with pypdfium2.PdfDocument(copy) as document:
        image = next(document[0].get_objects(filter=[3], max_depth=3))
        dpi = round(image.get_metadata().horizontal_dpi)
        document[0].render(scale=dpi / 72).to_pil().save(into, dpi=(dpi, dpi))
    return into


# --- workers and memory -------------------------------------------------------------------------------------


def workers(known: Sequence[PageOfText], most: int, room: Path) -> dict[str, Any]:
    """The same documents of ten pages with one worker and with two: wall time, and how busy the machine was else."""
    files = _documents(known, most, room)
    load = os.getloadavg()[0]
    one, two = (_digitise(files, room / f"by-{number}", number, look_every=30.0) for number in (1, 2))
    return {"pages": most, "load_before": round(load, 1),
            "one_wall": round(one.wall, 1), "two_wall": round(two.wall, 1),
            "one_cpu": round(one.cpu, 1), "two_cpu": round(two.cpu, 1), "speed": round(one.wall / two.wall, 2)}


def memory(known: Sequence[PageOfText], most: int, room: Path) -> dict[str, Any]:
    """Peak memory (PSS of all processes) with one worker, and what a second one adds."""
    files = _documents(known, most, room)
    one, two = (_digitise(files, room / f"by-{number}", number) for number in (1, 2))
    return {"pages": most, "one_mb": round(one.memory), "two_mb": round(two.memory),
            "a_worker_mb": round(two.memory - one.memory)}


def _documents(known: Sequence[PageOfText], most: int, room: Path) -> list[Path]:
    pages = [known[number % len(known)] for number in range(most)]
    files = []
    for at in range(0, most, PER_DOCUMENT):
        files.append(room / f"{at:05}.pdf")
        files[-1].write_bytes(pages_of_text.as_pdf(pages[at: at + PER_DOCUMENT]))
    return files


MEASURES: dict[str, Callable[[Sequence[PageOfText], int, Path], dict[str, Any]]] = {
    "accuracy": accuracy, "cpu": cpu, "bytes": bytes_of_copies, "memory": memory, "workers": workers}


# --- what is printed ----------------------------------------------------------------------------------------


def _lines(told: Mapping[str, Any]) -> list[str]:
    about = told["machine"]
    lines = [f"{about['processors']} processors, {about['memory_gb']} GB, Python {about['python']}, Tesseract "
             f"{about['tesseract']}; load at the start {about['load']}"]
    if one := told.get("accuracy"):
        lines += ["", f"Accuracy, {one['pages']} pages: errors in %, bare Tesseract → ours",
                  f"  {'':<30}{'CER':>15}{'CER, folded':>15}{'WER':>15}{'WER, folded':>15}{'words found':>15}"]
        lines += [f"  {kind:<30}" + "".join(f"{_pair(by, name):>15}" for name in Errors.__slots__)
                  for kind, by in one["by"].items()]
        lines += [f"  ours worse on {len(one['worse'])} pages:",
                  *(f"    {page['page']}: {page['bare']:.2%} → {page['ours']:.2%}" for page in one["worse"])]
    if one := told.get("cpu"):
        lines += ["", f"CPU, {one['pages']} pages through whole nights"]
        lines += [f"  {form}: {by['cpu_seconds_per_page']} s a page; {by['times_floor']} times bare Tesseract, one "
                  f"process a page ({by['floor_cpu_seconds_per_page']} s; goal {GOAL_TIMES}: "
                  f"{_met(by['times_floor'] <= GOAL_TIMES)}); {by['times_one_process']} times one process for all "
                  f"({by['floor_one_process_cpu_seconds_per_page']} s)"
                  for form, by in one.items() if form != "pages"]
    if one := told.get("bytes"):
        lines += ["", f"Access copies, {one['pages']} pages; their pictures read by bare Tesseract: CER "
                  f"{one['copy']['letters']:.2%}, the scans' {one['scan']['letters']:.2%}"]
        lines += [f"  {kind}: {by['copy_bytes_per_page']:,} bytes a page, the scans {by['scan_bytes_per_page']:,}: "
                  f"{by['share']:.0%} ({by['pages']} pages)" for kind, by in one["by"].items()]
        lines += [f"    {page['page']}: {page['scan']:.2%} → {page['copy']:.2%}" for page in one["worse"]]
    if one := told.get("memory"):
        lines += ["", f"Memory: {one['one_mb']} MB with one worker, {one['two_mb']} with two: "
                  f"{one['a_worker_mb']} for each further one"]
    if one := told.get("workers"):
        lines += ["", f"Two workers, {one['pages']} pages: {one['speed']} times one's speed ({one['one_wall']} s, "
                  f"{one['two_wall']} s; load before {one['load_before']}); goal {GOAL_WORKERS}: "
                  f"{_met(one['speed'] >= GOAL_WORKERS)}"]
    return lines


def _pair(by: Mapping[str, Any], name: str) -> str:
    return f"{100 * by['bare'][name]:.2f} → {100 * by['ours'][name]:.2f}"


def _met(met: bool) -> str:
    return "met" if met else "MISSED"


if __name__ == "__main__":
    main()
