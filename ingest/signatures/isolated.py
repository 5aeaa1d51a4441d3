"""Each file in a disposable process: what one file does to its process must not touch the others, nor this program.

A worker has a limit of memory and, for each file, of time. A file that goes beyond either, or kills its process, is
"not checked" and says so; the others go on. The results, in the order of the files, are the same for any number of
workers.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from archive.findings import Level, finding
from ingest.pool import AHEAD, limit_memory, results
from ingest.signatures.files import not_checked, verify_named
from ingest.signatures.report import DocumentSignatures, word
from ingest.signatures.trust import NO_TRUST, TrustLists, load_trust

if TYPE_CHECKING:
    from archive.settings import IngestSettings

RECYCLE = 50            # files after which a worker is replaced: what one file left behind ends with it
_STARVED = 75           # exit code of a worker that came to the end of its memory

Judge = Callable[[Path, TrustLists, datetime, str], DocumentSignatures]

_trust = NO_TRUST


@dataclass(frozen=True, slots=True)
class Limits:
    """What one worker may use: seconds for each file, MB of memory, and how many workers there are (0: the cores)."""

    seconds: float = 600.0
    memory_mb: int = 4096
    workers: int = 0

    @classmethod
    def of(cls, settings: IngestSettings, workers: int = 0) -> Limits:
        """The limits that the night gives its items; `workers` wins over the setting."""
        return cls(settings.item_seconds, settings.item_memory_mb, workers or settings.workers)


def verify_files(paths: Sequence[Path], trust: Path | None, received_at: datetime, limits: Limits | None = None,
                 progress: Callable[[int], None] = lambda done: None, judge: Judge = verify_named,
                 ) -> list[DocumentSignatures]:
    """The reports on `paths`, in their order; `progress` hears how many are done, at least every second.

    `trust` is the folder of trust lists. A path that is no file, or cannot be read, is a report like any other.
    """
    from pebble import ProcessPool

    limits = limits or Limits()
    workers = max(1, min(limits.workers or os.cpu_count() or 1, len(paths)))
    # forkserver, as in the night: the libraries are loaded once, and no thread or open file is inherited.
    methods = multiprocessing.get_context("forkserver")
    methods.set_forkserver_preload(["ingest.signatures.isolated", "ingest.signatures.judge"])
    done: dict[int, DocumentSignatures] = {}
    with ProcessPool(max_workers=workers, max_tasks=RECYCLE, context=methods, initializer=_start,
                     initargs=(trust.absolute() if trust else None, limits.memory_mb)) as pool:

        def schedule(place: int) -> Future[DocumentSignatures]:
            path = paths[place]         # the workers may stand in another folder
            return pool.schedule(_judge, args=[judge, path.absolute(), received_at, shown_name(path)],
                                 timeout=limits.seconds)

        def outcome(future: Future[DocumentSignatures], place: int,
                    attempt: int) -> tuple[int, DocumentSignatures] | None:
            made = _result(future, attempt, shown_name(paths[place]), trust, received_at, limits)
            return None if made is None else (place, made)

        for place, made in results(pool, range(len(paths)), schedule, outcome, workers * AHEAD,
                                   lambda: progress(len(done))):
            done[place] = made          # noqa: PERF403 (progress counts it on the way)
    return [done[place] for place in range(len(paths))]


def shown_name(path: Path) -> str:
    """`path` as it was given, in letters that every output can write: bytes that are no UTF-8 as \\xNN."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def _result(future: Future[DocumentSignatures], attempt: int, name: str, trust: Path | None, received_at: datetime,
            limits: Limits) -> DocumentSignatures | None:
    """What came of a file; None when it should be tried once more in a fresh process."""
    from pebble import ProcessExpired

    try:
        return future.result()
    except FutureTimeout:
        why, params = "time", {"seconds": f"{limits.seconds:g}"}
    except ProcessExpired as gone:
        if attempt == 1:        # perhaps of what other files had left behind, or the machine was short of memory
            return None
        why, params = "died", {"code": str(gone.exitcode)}
        if gone.exitcode == _STARVED:
            why, params = "memory", {"memory": str(limits.memory_mb)}
    except Exception as error:  # our fault, not the file's: said as such, and the others go on
        logging.getLogger(__name__).exception("check failed: %s", name)
        why, params = "fault", {"error": f"{type(error).__name__}: {error}"}
    result = not_checked(name, load_trust(trust), received_at, "VERIFY-083", reason=_why(why, "vi", params),
                         reason_en=_why(why, "en", params))
    if why == "fault":
        result.reasons = [finding("VERIFY-083", name, level=Level.failed, **result.reasons[0].params)]
    return result


def _why(why: str, language: str, params: dict[str, str]) -> str:
    return word("stopped", why, language).format(**params)


def _start(trust: Path | None, memory_mb: int) -> None:
    """Make ready a worker: its limit of memory, and the trust lists."""
    global _trust
    limit_memory(memory_mb)
    _trust = load_trust(trust)


def _judge(judge: Judge, path: Path, received_at: datetime, name: str) -> DocumentSignatures:
    """Judge one file; a process that came to the end of its memory ends, whatever it has found out by then."""
    try:
        return judge(path, _trust, received_at, name)
    except MemoryError:
        os._exit(_STARVED)
