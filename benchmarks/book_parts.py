"""The parts of the record book: each asks one of the other benchmarks, at one size, and gives rows of the table.

A row is one piece of work: what it cost, and what a floor or a peer took for the same in the same run. Measures nothing
itself, and judges nothing but whether an aim is met.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ONE_LETTER, LARGE_SCAN = "one page, token", "50 MB scan, token"
ROUNDS = 3
DUE_SECONDS, DUE_OF = 60, 1_000_000     # the yearly run's aim: so many seconds for so many case files
INDEXED = 2_500                         # documents a CPU second that the index aims at
FOUND_MS = 30                           # … and a query


@dataclass(frozen=True, slots=True)
class Row:
    """One piece of work at one size: `at` of `of` ("1000", "letters") is how large the whole was.

    `cpu` and `floor_cpu` are CPU seconds of all processes for `count` pieces (`each` is the name of one). `memory`:
    peak, MB; 0: not looked at. `most_times` and `most_ms`: what is aimed at, against the floor and each; 0: nothing.
    """

    part: str
    what: str
    at: int
    of: str
    count: int
    each: str
    cpu: float
    floor: str
    floor_cpu: float
    memory: int = 0
    most_times: float = 0.0
    most_ms: float = 0.0

    @property
    def times(self) -> float:
        """The cost as a multiple of the floor's."""
        return self.cpu / self.floor_cpu

    @property
    def each_ms(self) -> float:
        """CPU ms for each piece."""
        return self.cpu / self.count * 1000

    @property
    def met(self) -> bool:
        """Whether nothing that is aimed at was missed."""
        return not ((self.most_times and self.times > self.most_times)
                    or (self.most_ms and self.each_ms > self.most_ms))


@dataclass(frozen=True, slots=True)
class Room:
    """Where material is kept for the next time, and where a part may work."""

    cache: Path
    scratch: Path


@dataclass(frozen=True, slots=True)
class Part:
    """What is measured at which two sizes, and the least size that makes sense."""

    measure: Callable[[int, Room], list[Row]]
    sizes: tuple[int, ...]
    least: int = 1


def letters(size: int, room: Room) -> list[Row]:
    """A whole night of signed letters; the floor hashes the same files."""
    from benchmarks import nightly

    told = nightly.measure(size, 0, 1, room.cache, room.scratch)["born_digital"]
    return [Row("letters", "a night of signed letters", size, "letters", size, "letter", told["cpu_seconds"],
                "`sha256sum`", told["floor_cpu_seconds"], told["peak_memory_mb"],
                most_ms=1000 / nightly.GOAL_DOCUMENTS)]


def scans(size: int, room: Room) -> list[Row]:
    """A whole night of scanned pages; the floor is bare Tesseract, a process a page."""
    from benchmarks import nightly

    told = nightly.measure(0, size, 1, room.cache, room.scratch)["scans"]
    return [Row("scans", "a night of scanned pages", size, "pages", size, "page", told["cpu_seconds"],
                "`tesseract -l vie`", told["floor_cpu_seconds"], told["peak_memory_mb"],
                most_times=nightly.GOAL_SCANS)]


def signatures(size: int, room: Room) -> list[Row]:
    """One signed file verified, of about so many kilobytes; the peer is plain pyHanko."""
    from benchmarks import trust

    kind = ONE_LETTER if size < 1000 else LARGE_SCAN
    told = trust.signatures(room.cache, ROUNDS, [kind])[kind]
    return [Row("verification", "a signed PDF verified", round(told["bytes"] / 1000), "kB", 1, "file",
                told["ours_ms"] / 1000, "plain pyHanko", told["peer_ms"] / 1000, most_times=trust.GOAL_TIMES)]


def packages(size: int, room: Room) -> list[Row]:
    """A case file written as an AIP of TT 05/2025/TT-BNV and checked; the floor hashes and zips the same bytes."""
    from benchmarks import packages as bench

    asked = argparse.Namespace(documents=size, megabytes=max(1, size * 4 // 10), small=0, nights=0, runs=1, peer="")
    told = bench.measure(asked, room.cache, room.scratch)["packages"]["AIP_hoso"]
    return [Row("packages", f"a case file's package {done}", size, "documents", size, "document",
                told[key]["cpu_seconds"], "`sha256sum`, `zip -0`", told["floor"]["cpu_seconds"],
                told[key]["peak_memory_mb"], most_times=bench.GOAL_RATIO)
            for key, done in (("write", "written"), ("check", "checked"))]


def evidence(size: int, room: Room) -> list[Row]:
    """A seal over so many digests, in the store, with its timestamp; and one record handed out of it."""
    from benchmarks import trust

    made, told = trust.evidence(room.scratch, size)
    return [Row("evidence", "digests sealed, with a timestamp", size, "digests", size, "digest", told["seal_cpu_s"],
                "as many bare SHA-256", told["floor_cpu_s"], round(made.memory), most_ms=trust.GOAL_TREE / 1000),
            Row("evidence", "an evidence record out of them", size, "digests", 1, "record", told["record_ms"] / 1000,
                "asn1crypto reading it", told["parse_ms"] / 1000, most_ms=trust.GOAL_RECORD)]


def fixity(size: int, room: Room) -> list[Row]:
    """So many megabytes of the store read again as the audit reads them; the floor is sha256sum on the same tree."""
    from benchmarks import trust

    told = trust.fixity(room.cache, size, ROUNDS)
    return [Row("fixity", "the store read again", told["megabytes"], "MB", told["megabytes"], "MB", told["cpu_s"],
                "`sha256sum`", told["floor_cpu_s"], most_times=round(1 / trust.GOAL_FIXITY, 2))]


def retention(size: int, room: Room) -> list[Row]:
    """The yearly run; the floor reads what counts of the same rows once."""
    told = {one["what"]: one for one in _script("retaining.py", room, "--casefiles", size, "--steps", "floor,due")}
    due = told["due"]
    return [Row("retention", "the yearly run", size, "case files", size, "case file", due["cpu_seconds"],
                "its rows read by `sqlite3`", told["floor"]["cpu_seconds"], due["memory_mb"],
                most_ms=DUE_SECONDS * 1000 / DUE_OF)]


def search(size: int, room: Room) -> list[Row]:
    """Documents indexed, and the 60 queries; the peer is SQLite FTS5 with the same words."""
    ours, peer = _script("searching.py", room, "--documents", size, "--only", "tantivy,fts5", "--folder", room.scratch)
    if min(ours["recall"], peer["recall"]) < 0.9:
        raise SystemExit(f"what was looked for is not found: {ours['recall']}, {peer['recall']}")
    return [Row("search", "documents indexed", size, "documents", size, "document", size / ours["a_cpu_second"],
                "SQLite FTS5", size / peer["a_cpu_second"], ours["memory_mb"], most_ms=1000 / INDEXED),
            Row("search", "a query, p95", size, "documents", 1, "query", ours["cpu_p95"] / 1000,
                "SQLite FTS5", peer["cpu_p95"] / 1000, ours["memory_searching_mb"], most_ms=FOUND_MS)]


def rebuild(size: int, room: Room) -> list[Row]:
    """The catalogue made again from the store; the floor reads and parses the same files once."""
    told = {one["what"]: one for one in _script("rebuilding.py", room, "--documents", size)}
    return [Row("rebuild", "the catalogue made again", size, "documents", told["rebuild"]["records"], "record",
                told["rebuild"]["cpu_s"], "its files read and parsed", told["floor"]["cpu_s"],
                told["rebuild"]["memory_mb"])]


def destruction(size: int, room: Room) -> list[Row]:
    """Case files destroyed with proof; the floor is rm, find and a delete in the index."""
    told = {one["what"]: one for one in _script("destroying.py", room, "--items", size, "--staying", size // 5,
                                                "--steps", "destroy", "--folder", room.scratch)}
    return [Row("destruction", "case files destroyed, with proof", size, "case files", size, "case file",
                told["ours"]["cpu"], "`rm`, `find`, index delete", told["floor"]["cpu"], told["ours"]["memory_mb"],
                most_times=2.0)]


def startup(_size: int, _room: Room) -> list[Row]:
    """`luutru --help`, and the command whose help takes longest; the floor is an interpreter that imports click."""
    from benchmarks import startup as bench

    told = bench.measure(2 * ROUNDS)
    floor = told.pop("floor")["cpu_ms"] / 1000
    first = told.pop("luutru --help")
    slowest = max(told, key=lambda name: told[name]["cpu_ms"])
    return [Row("start-up", what, 1, "start", 1, "start", one["cpu_ms"] / 1000, "`import click`", floor, most_ms=aim)
            for what, one, aim in (("`luutru --help`", first, bench.GOAL_MS),
                                   (f"`{slowest}`, the slowest", told[slowest], 0))]


def _script(name: str, room: Room, *arguments: object) -> list[dict[str, Any]]:
    """What another benchmark prints as lines of JSON."""
    with tempfile.TemporaryDirectory(dir=room.scratch) as place:
        done = subprocess.run([sys.executable, str(HERE / name), *map(str, arguments)], stdout=subprocess.PIPE,
                              text=True, check=True, cwd=place)
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


PARTS: Mapping[str, Part] = {
    "letters": Part(letters, (100, 1000)), "scans": Part(scans, (8, 40)),
    "verification": Part(signatures, (75, 50_000), 75), "packages": Part(packages, (500, 2_000)),
    "evidence": Part(evidence, (100_000, 1_000_000)), "fixity": Part(fixity, (100, 600), 10),
    "retention": Part(retention, (20_000, 200_000)), "search": Part(search, (2_000, 20_000), 300),
    "rebuild": Part(rebuild, (500, 5_000)), "destruction": Part(destruction, (300, 3_000), 5),
    "start-up": Part(startup, (1,))}
