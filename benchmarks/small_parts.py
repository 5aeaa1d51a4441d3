"""The parts of the small record book: a few documents, every kind of work, its floor or a peer right beside it.

Each part is a turn that can be taken again and again. The floors are other people's code or plain Python: were they
ours, a slowness in common would hide in the ratio.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from datetime import UTC, datetime
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

from benchmarks.small_book import Turn, spent

LETTERS = 8             # of the night
PAGE = "H99.2026.03.VTLT.0000008.jpg"
CUT = 900               # pixels of that page's height that are read: letterhead and some lines
HASHES, RECORDS = 30_000, 40
CASE_FILES = 2_000      # of the yearly run
HELD = 80               # documents of the archive that is read again and made again
TEXTS, ASKED = 250, 12


def parts(scratch: Path) -> Iterator[Turn]:
    """The parts one after the other; each is made when it is asked for, and its material is no part of a turn."""
    cache = scratch / "cache"
    cache.mkdir()
    os.environ["OMP_THREAD_LIMIT"] = "1"        # as in the night's workers
    yield start_up()
    letters = _letters(cache)
    yield verification(cache, letters)
    stored = scratch / "stored"
    yield night(scratch, letters, stored)
    yield packages(scratch, stored)
    yield scan(scratch)
    yield evidence(scratch)
    held = scratch / "held"
    _held(held)
    yield partial(fixity, held)
    yield partial(rebuild, held)
    yield retention(scratch)
    yield search(scratch)


def start_up() -> Turn:
    """`luutru --help` next to an interpreter that imports its command-line library and nothing else."""
    from benchmarks.cost import environment
    from benchmarks.startup import FLOOR, HELP

    def start(arguments: Iterable[str]) -> float:
        return spent(lambda: subprocess.run([sys.executable, *arguments], env=environment(), check=True,
                                            stdout=subprocess.DEVNULL))

    return lambda: {"start-up": (min(start(HELP), start(HELP)), min(start(FLOOR), start(FLOOR)))}


def verification(cache: Path, letters: Path) -> Turn:
    """Signed letters verified, next to plain pyHanko on the same."""
    from benchmarks import trust_material, trust_steps

    trust = trust_material.trust(cache)

    def turn() -> Mapping[str, tuple[float, float]]:
        told = trust_steps.signatures(trust, letters, 1)
        return {"verification": (told["ours_ms"] / 1000, told["peer_ms"] / 1000)}

    return turn


def night(scratch: Path, letters: Path, stored: Path) -> Turn:
    """A whole night of letters in this process, workers and all; `stored` becomes the archive after one of them.

    The floor is what other people's libraries need to hash the letters, verify them and read their text.
    """
    from benchmarks import material, trust_steps
    from benchmarks import nightly as bench
    from ingest.signatures import load_trust

    new = bench.new_archive(scratch, letters)
    plain = trust_steps.plain_pyhanko(load_trust(material.SAMPLES / "trust"))
    files = sorted(letters.glob("*.pdf"))
    numbers = count()

    def turn() -> Mapping[str, tuple[float, float]]:
        root = scratch / f"night-{next(numbers)}"
        shutil.copytree(new, root)
        ours = spent(partial(_night, root))
        bench.what_became(root, len(files))
        shutil.rmtree(stored, ignore_errors=True)
        root.rename(stored)
        return {"night": (ours, spent(partial(_bare, files, plain)))}

    return turn


def _night(root: Path) -> None:
    from archive.opening import open_archive
    from archive.settings import load
    from ingest import nightly, worker
    from ingest.stages.examine import examine

    def here(items: Iterable[Any], context: Any, only: str = "") -> Iterator[Any]:
        return (examine(item, context, only) for item in items)

    kept, worker.examine_here = worker.examine_here, here
    archive = open_archive(load(root))
    try:
        nightly.run(archive)
    finally:
        archive.close()
        worker.examine_here = kept


def _bare(files: Iterable[Path], plain: Any) -> None:
    import pypdfium2

    for path in files:
        data = path.read_bytes()
        hashlib.sha256(data).digest()
        hashlib.sha512(data).digest()
        good, _count = plain(path)
        with pypdfium2.PdfDocument(data) as opened:
            text = "".join(opened[number].get_textpage().get_text_range() for number in range(len(opened)))
        if not good or not text:
            raise SystemExit(f"the floor cannot read {path.name}")


def packages(scratch: Path, stored: Path) -> Turn:
    """The night's case file written as an AIP and checked, next to hashing and zipping the same files."""
    from archive import layout
    from archive.store import Store
    from benchmarks import package_steps
    from benchmarks.casefiles import LARGE

    target, bare = scratch / "aip.zip", scratch / "bare.zip"

    def floor() -> None:
        place = Store(stored / "store" / "ocfl", stored / "store" / "staging").folder(layout.casefile_object(LARGE))
        with zipfile.ZipFile(bare, "w") as out:
            for path in sorted(place.rglob("*")):
                if path.is_file():
                    hashlib.sha256(path.read_bytes()).digest()
                    out.write(path, path.relative_to(place))

    def turn() -> Mapping[str, tuple[float, float]]:
        for path in (target, bare):
            path.unlink(missing_ok=True)
        told = package_steps.write(str(stored), LARGE, "AIP_hoso", str(target))
        found: dict[str, Any] = {}
        checked = spent(lambda: found.update(package_steps.check(str(target))))
        if found["errors"]:
            raise SystemExit(f"the package that was written has errors: {found['errors']}")
        plain = spent(floor)
        return {"package written": (told["assemble"] + told["write"], plain), "package checked": (checked, plain)}

    return turn


def scan(scratch: Path) -> Turn:
    """The head of a scanned page through all stages of an item, next to bare Tesseract on the same picture."""
    from PIL import Image

    from archive import opening
    from benchmarks import material

    picture = scratch / PAGE
    with Image.open(material.SAMPLES / "inbox" / "quet" / PAGE) as whole:
        whole.crop((0, 0, whole.width, CUT)).save(picture, quality=90, dpi=whole.info["dpi"])
    archive = opening.make_archive(scratch / "scans", {})
    settings = archive.settings
    archive.close()

    def tesseract() -> None:
        subprocess.run(["tesseract", str(picture), "stdout", "-l", "vie"], check=True, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL)

    return lambda: {"scan": (spent(lambda: _scan(picture, settings)), spent(tesseract))}


def _scan(picture: Path, settings: Any) -> None:
    from ingest.item import Context, Item, Part
    from ingest.stages.examine import examine

    now = datetime.now(UTC)
    with tempfile.TemporaryDirectory(dir=picture.parent) as place:
        file = Path(shutil.copy(picture, place))
        data = file.read_bytes()
        part = Part(file.name, "original", file, len(data), hashlib.sha256(data).hexdigest(),
                    hashlib.sha512(data).hexdigest())
        done = examine(Item("scan", "inbox", file.name, Path(place), [part], now), Context(settings, now.date(), now))
        words = sum(page["words"] for page in done.item.facts["digitise"]["pages"])
    if done.error or words < 20:
        raise SystemExit(f"the scan was not read: {words} words; {done.error}")


def evidence(scratch: Path) -> Turn:
    """Digests sealed, and records out of the seal; next to bare hashes, and to asn1crypto that reads a record."""
    from benchmarks import trust_steps
    from benchmarks.nightly import new_archive

    new, numbers = new_archive(scratch, None), count()

    def turn() -> Mapping[str, tuple[float, float]]:
        root = scratch / f"seal-{next(numbers)}"
        shutil.copytree(new, root)
        told = trust_steps.evidence(root, HASHES, RECORDS)
        return {"evidence": (told["seal_cpu_s"], told["floor_cpu_s"]),
                "evidence record": (told["record_ms"] / 1000, told["parse_ms"] / 1000)}

    return turn


def fixity(held: Path) -> Mapping[str, tuple[float, float]]:
    """Every object read as the audit reads it, next to one hash of every file."""
    from benchmarks import trust_steps

    place = held / "store" / "ocfl"

    def floor() -> None:
        for path in place.rglob("*"):
            if path.is_file():
                with path.open("rb") as stream:
                    hashlib.file_digest(stream, "sha256")

    return {"fixity": (trust_steps.fixity(place)["cpu_s"], spent(floor))}


def rebuild(held: Path) -> Mapping[str, tuple[float, float]]:
    """The catalogue made again from the store, next to reading and parsing the same files."""
    from benchmarks import rebuilding

    told = rebuilding.rebuilt(held)
    if told["documents"] != HELD:
        raise SystemExit(f"of {HELD} documents {told['documents']} came back")
    return {"rebuild": (told["cpu_s"], rebuilding.parsed(held)["cpu_s"])}


def retention(scratch: Path) -> Turn:
    """The yearly run, next to reading the same rows."""
    from archive import opening
    from benchmarks import retaining
    from benchmarks.retaining_material import fill

    place = scratch / "due"
    archive = opening.make_archive(place, {})
    fill(archive.catalogue, CASE_FILES)
    archive.close()

    def cpu(what: str) -> float:
        return float(retaining.measure(what, place, CASE_FILES)["cpu_seconds"])

    return lambda: {"retention": (min(cpu("due"), cpu("due")), min(cpu(retaining.FLOOR) for _ in range(3)))}


def search(scratch: Path) -> Turn:
    """Documents indexed and titles searched, next to SQLite FTS5, which folds Vietnamese letters by itself."""
    from benchmarks.search_material import documents, plain, queries
    from search.index import Index

    entries, numbers = list(documents(TEXTS)), count()
    asked = [one for one in queries(TEXTS) if one.kind.startswith("title")][:ASKED]

    def turn() -> Mapping[str, tuple[float, float]]:
        index = Index.open(scratch / f"index-{next(numbers)}")
        made = min(spent(lambda: index.rebuild(entries)), spent(lambda: index.rebuild(entries)))
        found = sum(one.item in [hit.code for hit in index.search(one.typed, 10).hits] for one in asked)    # and warm
        if found < len(asked):
            raise SystemExit(f"of {len(asked)} documents {found} are found")
        searched = spent(lambda: [index.search(one.typed, 10) for one in asked])
        index.close()
        with closing(sqlite3.connect(":memory:")) as base:
            filled = min(spent(lambda: _fts5(base, entries)) for _ in range(3))
            bare = spent(lambda: _ask(base, [plain(one.typed) for one in asked]))
        return {"search index": (made, filled), "search query": (searched, bare)}

    return turn


def _fts5(base: sqlite3.Connection, entries: Iterable[Any]) -> None:
    base.execute("DROP TABLE IF EXISTS fts")
    base.execute("CREATE VIRTUAL TABLE fts USING fts5(code UNINDEXED, subject, text, "
                 "tokenize='unicode61 remove_diacritics 2')")
    base.executemany("INSERT INTO fts VALUES (?, ?, ?)", ((one.code, one.subject, one.text) for one in entries))
    base.commit()


def _ask(base: sqlite3.Connection, asked: Iterable[str]) -> None:
    for typed in asked:
        words = " OR ".join(f'"{word}"' for word in re.findall(r"\w+", typed))
        base.execute("SELECT code, snippet(fts, 2, '[', ']', '…', 20) FROM fts WHERE fts MATCH ? "
                     "ORDER BY bm25(fts) LIMIT 10", (words,)).fetchall()


def _letters(cache: Path) -> Path:
    from benchmarks import material
    from benchmarks.casefiles import LARGE

    return material.part_of_letters(cache, 0, LETTERS, [LARGE])


def _held(place: Path) -> None:
    from benchmarks import destroying

    destroying.make(place, HELD, 0)
