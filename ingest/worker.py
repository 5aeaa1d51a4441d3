"""The pool of one machine: worker processes that put items through the stages that need no catalogue.

A worker is disposable: it has a memory limit and a time limit for each item, and an item that kills it is
tried once more alone and then reported as our failure, never as the item's fault and never silently. The pages of a
scan have limits of their own and do not count against their item's; a long scan is read by every free processor.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import tempfile
import traceback
from collections.abc import Iterable, Iterator
from concurrent.futures import TimeoutError as FutureTimeout
from datetime import date
from pathlib import Path
from typing import Any

from archive import clock
from archive.findings import Finding, finding
from archive.settings import Settings
from ingest import intake
from ingest.digitise import lanes, limits
from ingest.item import Context, Examined, Item
from ingest.pool import AHEAD, limit_memory, results

RECYCLE = 500   # items after which a worker is replaced: libraries leak

_context: Context | None = None


def examine_all(items: Iterable[Item], context: Context, only: str = "") -> Iterator[Examined]:
    """Put `items` through the item stages in parallel (or through those of the name `only`).

    Yields each as it is done, in no fixed order.
    """
    from pebble import ProcessPool

    settings = context.settings
    workers = settings.ingest.workers or os.cpu_count() or 1
    # forkserver: the libraries are loaded once and every worker starts warm; plain fork would copy the
    # database connection and the pool's own threads.
    methods = multiprocessing.get_context("forkserver")
    methods.set_forkserver_preload(["ingest.stages.examine"])
    os.environ.setdefault("OMP_THREAD_LIMIT", "1")      # threads inside Tesseract cost more than they give
    with tempfile.TemporaryDirectory(prefix="luutru-batch-") as shared, ProcessPool(
            max_workers=workers, max_tasks=RECYCLE, initializer=_start,
            initargs=(settings.model_dump(mode="json"), context.night.isoformat(), clock.stamp(context.at), shared,
                      workers), context=methods) as pool:
        limit = limits.longest(settings.ingest.item_seconds, settings.ingest.max_pages)

        def schedule(item: Item) -> Any:
            return pool.schedule(_examine, args=[intake.as_dict(item), only], timeout=limit)

        def outcome(future: Any, item: Item, attempt: int) -> Examined | None:
            return _result(future, item, attempt, settings)

        yield from results(pool, items, schedule, outcome, workers * AHEAD)


def _result(future: Any, item: Item, attempt: int, settings: Settings) -> Examined | None:
    """What came of an item; None when it should be tried once more."""
    from pebble import ProcessExpired

    try:
        answer = future.result()
    except FutureTimeout:
        return _too_long(item, settings)
    except ProcessExpired as gone:
        if gone.exitcode == -signal.SIGALRM:
            return _too_long(item, settings)
        if attempt == 1:
            return None
        return Examined(item, [finding("NIGHT-003", item.name, exitcode=gone.exitcode)], error=str(gone))
    except Exception as error:  # our fault: reported as such, with its traceback in the log
        return Examined(item, [finding("NIGHT-001", item.name, error=f"{type(error).__name__}: {error}")],
                        error="".join(traceback.format_exception(error)))
    return Examined(intake.from_dict(answer["item"]), [Finding.from_dict(one) for one in answer["findings"]],
                    answer["cpu"], answer["error"])


def _too_long(item: Item, settings: Settings) -> Examined:
    return Examined(item, [finding("NIGHT-002", item.name, seconds=settings.ingest.item_seconds)])


def _start(settings: dict[str, Any], night: str, at: str, shared: str, workers: int) -> None:
    """Make ready a worker process: settings, limits, and the libraries that every item needs."""
    global _context
    _context = Context(Settings.model_validate(settings), date.fromisoformat(night), clock.parse(at))
    lanes.share(lanes.Batch(Path(shared), workers))
    limit_memory(_context.settings.ingest.item_memory_mb)


def _examine(task: dict[str, Any], only: str) -> dict[str, Any]:
    from ingest.stages.examine import examine

    assert _context is not None
    with lanes.working(), limits.timed(_context.settings.ingest.item_seconds):
        done = examine(intake.from_dict(task), _context, only)
    return {"item": intake.as_dict(done.item), "findings": [one.as_dict() for one in done.findings], "cpu": done.cpu,
            "error": done.error}
