"""Digitising any files without an archive: the night's own stage in worker processes, its results in a folder.

Must never change or replace a source, never replace an earlier result unasked, and never leave half a result: a file's
results are made in a working folder beside their places and moved there when they are whole.
"""

from __future__ import annotations

import hashlib
import mmap
import multiprocessing
import os
import signal
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from archive import clock
from archive.files import json_bytes, write_atomically
from archive.findings import Finding, Level, finding
from archive.settings import Settings
from ingest.digitise import digitise, lanes, limits
from ingest.digitise.pages import file_kind
from ingest.item import Context, Item, Part
from ingest.pool import AHEAD, limit_memory, results

Outcome = Literal["read", "text", "left", "failed"]
Progress = Callable[[int, int, int], None]      # files done, pages read, pages expected so far

RECYCLE = 200           # files after which a worker is replaced
FACTS = ".digitise.json"
_LONGEST_NAME = 200     # bytes; with its endings a name stays under the 255 of file systems

_context: Context | None = None


class OccupiedError(Exception):
    """A result would lie where a file lies already; the exception's text is that place."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where the results of one file go: `folder` / `name` with .pdf, .txt and .digitise.json."""

    source: Path
    folder: Path
    name: str

    @property
    def places(self) -> dict[str, Path]:
        """The results' places by their kind: "access", "text", "facts"."""
        return {"access": self.folder / f"{self.name}.pdf", "text": self.folder / f"{self.name}.txt",
                "facts": self.folder / f"{self.name}{FACTS}"}


@dataclass(slots=True)
class Digitised:
    """What became of one file.

    `outcome`: "read" (it has scanned pages, which were recognised), "text" (it has text already), "left" (not
    digitised, the findings say why), "failed" (a fault of ours). `facts` have the shape of item.facts["digitise"].
    """

    file: str
    outcome: Outcome
    facts: dict[str, Any] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    sha256: str = ""
    made: dict[str, str] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """The result for machines; the facts file holds the same but for the results' places."""
        return {"file": self.file, "sha256": self.sha256, "outcome": self.outcome, "digitise": self.facts,
                "findings": [{**one.as_dict(), "vi": one.sentence("vi"), "en": one.sentence("en"),
                              "cure_vi": one.cure("vi"), "cure_en": one.cure("en")} for one in self.findings],
                "results": self.made}


def targets(files: Sequence[Path], folder: Path, *, replace: bool = False) -> list[Target]:
    """Where the results of each file go; files of the same name get a number.

    Raises OccupiedError for a place that is taken; with `replace` only when one of `files` itself lies there.
    """
    found: list[Target] = []
    taken: set[str] = set()
    sources = {_identity(file) for file in files}
    for file in files:
        stem = plain(file.name.removesuffix(file.suffix) or file.name)
        name, n = stem.encode()[:_LONGEST_NAME].decode(errors="ignore"), 1
        while name.casefold() in taken:
            n += 1
            name = f"{stem.encode()[:_LONGEST_NAME].decode(errors='ignore')}-{n}"
        taken.add(name.casefold())
        target = Target(file, folder, name)
        for place in target.places.values():
            if place.exists() and (not replace or _identity(place) in sources):
                raise OccupiedError(str(place))
        found.append(target)
    return found


def _identity(path: Path) -> tuple[int, int] | str:
    try:
        known = path.stat()
    except OSError:
        return str(path.absolute())
    return known.st_dev, known.st_ino


def plain(text: str) -> str:
    """`text` without control characters and bytes that are no letters."""
    return "".join(letter if letter.isprintable() else "�" for letter in text)


def shown(path: Path) -> str:
    """`path` as it was given, in letters that every output can write."""
    return plain(os.fsencode(path).decode("utf-8", "backslashreplace"))


def run(wanted: Sequence[Target], settings: Settings, progress: Progress = lambda files, read, expected: None,
        ) -> Iterator[tuple[Target, Digitised]]:
    """Digitise every target's source and put its results into their places; yields each as it is done.

    The largest file comes first, so that the last ones are short; a long one uses every processor that is free.
    """
    from pebble import ProcessPool

    workers = max(1, min(settings.ingest.workers or os.cpu_count() or 1, len(wanted)))
    processors = settings.ingest.workers or os.cpu_count() or 1
    methods = multiprocessing.get_context("forkserver")     # as in the night
    methods.set_forkserver_preload([f"ingest.digitise.{module}" for module in ("running", "reading", "access_copy")])
    os.environ.setdefault("OMP_THREAD_LIMIT", "1")
    folder = wanted[0].folder
    folder.mkdir(parents=True, exist_ok=True)
    longest = limits.longest(settings.ingest.item_seconds, settings.ingest.max_pages)
    with tempfile.TemporaryDirectory(prefix=".luutru-", dir=folder) as work:
        batch = lanes.Batch(Path(work), processors)
        with ProcessPool(max_workers=workers, max_tasks=RECYCLE, context=methods, initializer=_start,
                         initargs=(settings.model_dump(mode="json"), str(batch.folder), processors)) as pool:
            count = 0

            def schedule(target: Target) -> Any:
                room = Path(tempfile.mkdtemp(dir=work))
                return pool.schedule(_digitise, args=[target.source.absolute(), room, shown(target.source)],
                                     timeout=longest)

            def outcome(future: Future[Any], target: Target, attempt: int) -> tuple[Target, Digitised] | None:
                done = _result(future, target, attempt, settings)
                return None if done is None else (target, _put(done, target))

            def tick() -> None:
                progress(count, batch.counted("read"), batch.counted("expected"))

            largest_first = sorted(wanted, key=_size, reverse=True)
            for done in results(pool, largest_first, schedule, outcome, workers * AHEAD, tick):
                count += 1
                yield done


def _size(target: Target) -> int:
    try:
        return target.source.stat().st_size
    except OSError:
        return 0


def _put(done: Digitised, target: Target) -> Digitised:
    """Move the made files into their places, the facts last: where they lie, everything lies."""
    places = target.places
    made = {kind: Path(place) for kind, place in done.made.items()}
    done.made = {}
    for kind, path in made.items():
        with path.open("rb+") as stream:
            os.fsync(stream.fileno())
        path.replace(places[kind])
        done.made[kind], done.facts[kind] = str(places[kind]), places[kind].name
    told = done.as_dict()
    del told["results"]
    write_atomically(places["facts"], json_bytes({**told, "at": clock.stamp(clock.now())}))
    done.made["facts"] = str(places["facts"])
    return done


def _result(future: Future[Any], target: Target, attempt: int, settings: Settings) -> Digitised | None:
    """What came of a file; None when it should be tried once more in a fresh process."""
    from pebble import ProcessExpired

    name = plain(target.source.name)
    try:
        answer = future.result()
    except (FutureTimeout, ProcessExpired) as gone:
        code = getattr(gone, "exitcode", -signal.SIGALRM)
        if code == -signal.SIGALRM:
            said = finding("DIGITISE-036", name, seconds=settings.ingest.item_seconds)
        elif attempt == 1:
            return None
        else:
            said = finding("DIGITISE-037", name, exitcode=code)
        return Digitised(shown(target.source), "left", findings=[said])
    except Exception as error:  # our fault, not the file's: said as such, and the others go on
        return Digitised(shown(target.source), "failed", findings=[
            finding("DIGITISE-038", name, error=f"{type(error).__name__}: {error}")])
    found = [Finding.from_dict(one) for one in answer["findings"]]
    return Digitised(answer["file"], answer["outcome"], answer["facts"], found, answer["sha256"], answer["made"])


# --- in the worker ------------------------------------------------------------------------------------------


def _start(settings: dict[str, Any], shared: str, processors: int) -> None:
    global _context
    at = clock.now()
    _context = Context(Settings.model_validate(settings), clock.night_of(at), at)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)        # what picture libraries say of damaged files is found otherwise
    lanes.share(lanes.Batch(Path(shared), processors))
    limit_memory(_context.settings.ingest.item_memory_mb)


def _digitise(source: Path, room: Path, name: str) -> dict[str, Any]:
    assert _context is not None
    with lanes.working(), limits.timed(_context.settings.ingest.item_seconds):
        done = digitise_file(source, room, name, _context)
    return {"file": done.file, "outcome": done.outcome, "facts": done.facts, "sha256": done.sha256, "made": done.made,
            "findings": [one.as_dict() for one in done.findings]}


def digitise_file(source: Path, room: Path, file: str, context: Context) -> Digitised:
    """Digitise one file in this process; what is made lies in `room`, an empty folder. The source is only read.

    `file` is the source as it was given; findings name it without its folder, as the night does.
    """
    name = plain(source.name)
    try:
        with source.open("rb") as stream:
            sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
            stream.seek(0)
            sha512 = hashlib.file_digest(stream, "sha512").hexdigest()
        kind = file_kind(source)
    except OSError as error:
        return Digitised(file, "left", findings=[finding("DIGITISE-035", name, reason=error.strerror or str(error))])
    if kind is None:
        return Digitised(file, "left", findings=[finding("DIGITISE-034", name)], sha256=sha256)
    part = Part(name, "original", source, source.stat().st_size, sha256, sha512)
    item = Item("1", "command", name, room, [part], context.at)
    if kind == "pdf" and _signed(source, context):
        item.facts["verify"] = {"signatures": [{"file": name}]}
    found = digitise(item, context)
    facts = item.facts["digitise"]
    made = {role: str(room / facts[role]) for role in ("access", "text") if role in facts}
    outcome: Outcome = "read" if facts["scan"] else "text"
    if facts.get("unread"):
        found.append(finding("DIGITISE-033", name) if facts["unread"] == "encrypted" else
                     finding("DIGITISE-039", name))
    if not made and (found or facts.get("unread")):
        outcome = "failed" if any(one.level is Level.failed for one in found) else "left"
    return Digitised(file, outcome, facts, found, sha256, made)


def _signed(path: Path, context: Context) -> bool:
    from ingest.signatures.finders import may_be_signed

    with path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as view:
        if not may_be_signed(view, path):
            return False
    from ingest.signatures.files import verify_named
    from ingest.signatures.trust import NO_TRUST

    return bool(verify_named(path, NO_TRUST, context.at, path.name).signatures)
