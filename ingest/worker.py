"""The pool of one machine: worker processes that put items through the stages that need no catalogue.

A worker is disposable: it has a memory limit and a time limit for each item, and an item that kills it is
tried once more alone and then reported as our failure, never as the item's fault and never silently.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import resource
import traceback
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, wait
from concurrent.futures import TimeoutError as FutureTimeout
from datetime import date
from typing import Any

from archive import clock
from archive.findings import Finding, finding
from archive.settings import Settings
from ingest import intake
from ingest.item import Context, Examined, Item

AHEAD = 4       # items handed out per worker before the first comes back
RECYCLE = 500   # items after which a worker is replaced: libraries leak

_context: Context | None = None


def examine_all(items: Iterable[Item], context: Context) -> Iterator[Examined]:
    """Put `items` through the item stages in parallel; yield each as it is done, in no fixed order."""
    from pebble import ProcessPool

    settings = context.settings
    workers = settings.ingest.workers or os.cpu_count() or 1
    waiting = iter(items)
    # forkserver: the libraries are loaded once and every worker starts warm; plain fork would copy the
    # database connection and the pool's own threads.
    methods = multiprocessing.get_context("forkserver")
    methods.set_forkserver_preload(["ingest.stages.examine"])
    os.environ.setdefault("OMP_THREAD_LIMIT", "1")      # threads inside Tesseract cost more than they give
    with ProcessPool(max_workers=workers, max_tasks=RECYCLE, initializer=_start,
                     initargs=(settings.model_dump(mode="json"), context.night.isoformat(),
                                                                clock.stamp(context.at)), context=methods) as pool:
        running: dict[Any, tuple[Item, int]] = {}

        def hand_out(item: Item, attempt: int) -> None:
            limit = settings.ingest.item_seconds
            running[pool.schedule(_examine, args=[intake.as_dict(item)], timeout=limit)] = (item, attempt)

        try:
            while True:
                while len(running) < workers * AHEAD and (item := next(waiting, None)) is not None:
                    hand_out(item, 1)
                if not running:
                    return
                done, _ = wait(running, return_when=FIRST_COMPLETED, timeout=1.0)
                for future in done:
                    item, attempt = running.pop(future)
                    examined = _result(future, item, attempt, settings)
                    if examined is None:
                        hand_out(item, attempt + 1)
                    else:
                        yield examined
        except BaseException:
            pool.stop()  # type: ignore[no-untyped-call]
            raise


def _result(future: Any, item: Item, attempt: int, settings: Settings) -> Examined | None:
    """What came of an item; None when it should be tried once more."""
    from pebble import ProcessExpired

    try:
        answer = future.result()
    except FutureTimeout:
        return Examined(item, [finding("NIGHT-002", item.name, seconds=settings.ingest.item_seconds)])
    except ProcessExpired as gone:
        if attempt == 1:
            return None
        return Examined(item, [finding("NIGHT-003", item.name, exitcode=gone.exitcode)], error=str(gone))
    except Exception as error:  # our fault: reported as such, with its traceback in the log
        return Examined(item, [finding("NIGHT-001", item.name, error=f"{type(error).__name__}: {error}")],
                        error="".join(traceback.format_exception(error)))
    return Examined(intake.from_dict(answer["item"]), [Finding.from_dict(one) for one in answer["findings"]],
                    answer["cpu"], answer["error"])


def _start(settings: dict[str, Any], night: str, at: str) -> None:
    """Make ready a worker process: settings, limits, and the libraries that every item needs."""
    global _context
    _context = Context(Settings.model_validate(settings), date.fromisoformat(night), clock.parse(at))
    limit = _context.settings.ingest.item_memory_mb << 20
    with contextlib.suppress(ValueError, OSError):      # a tighter limit of the system stays
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def _examine(task: dict[str, Any]) -> dict[str, Any]:
    from ingest.stages.examine import examine

    assert _context is not None
    done = examine(intake.from_dict(task), _context)
    return {"item": intake.as_dict(done.item), "findings": [one.as_dict() for one in done.findings], "cpu": done.cpu,
            "error": done.error}
