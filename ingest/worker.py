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
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import CancelledError
from concurrent.futures import TimeoutError as FutureTimeout
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

from archive import clock, telemetry
from archive.findings import Finding, finding
from archive.settings import Settings
from ingest import intake
from ingest.digitise import lanes, limits
from ingest.item import Context, Examined, Item
from ingest.pool import AHEAD, limit_memory, results

RECYCLE = 500   # items after which a worker is replaced: libraries leak

_settings: Settings | None = None


def examine_all(items: Iterable[Item], context: Context, only: str = "",
                too_late: Callable[[Item], bool] = lambda _item: False) -> Iterator[Examined]:
    """Put `items` through the item stages in parallel (or through those of the name `only`).

    On this machine; where a broker is set, on whatever machines take them (ingest/machines), with the same results.
    Yields each as it is done, in no fixed order. Items that machines were handed and have not begun are left where it
    is `too_late` for them: these are not yielded.
    """
    if context.settings.workers.broker:
        from ingest.machines import handing_out  # Celery is loaded where it is used

        examined = handing_out.examine_all(items, context, only, too_late)
    else:
        examined = examine_here(items, context, only)
    for one in examined:
        telemetry.item(one.item.id, one.times, failed=bool(one.error))
        yield one


def take_said() -> list[Finding]:
    """What is to be said of the machines that took part, since this was last asked."""
    from sys import modules

    handing_out = modules.get("ingest.machines.handing_out")
    return handing_out.take_said() if handing_out is not None else []


def examine_here(items: Iterable[Item], context: Context, only: str = "") -> Iterator[Examined]:
    """The same, by the processors of this machine alone."""
    settings = context.settings
    workers = settings.ingest.workers or os.cpu_count() or 1
    with open_pool(settings, workers) as pool:
        yield from results(pool, items, lambda item: schedule(pool, item, context, only),
                           lambda future, item, attempt: outcome(future, item, attempt, settings), workers * AHEAD)


@contextmanager
def open_pool(settings: Settings, workers: int) -> Iterator[Any]:
    """A pool of `workers` processes that examine items, for `schedule`."""
    from pebble import ProcessPool

    # forkserver: the libraries are loaded once and every worker starts warm; plain fork would copy the
    # database connection and the pool's own threads.
    methods = multiprocessing.get_context("forkserver")
    methods.set_forkserver_preload(["ingest.stages.examine"])
    os.environ.setdefault("OMP_THREAD_LIMIT", "1")      # threads inside Tesseract cost more than they give
    with tempfile.TemporaryDirectory(prefix="luutru-batch-") as shared, ProcessPool(
            max_workers=workers, max_tasks=RECYCLE, initializer=_start,
            initargs=(settings.model_dump(mode="json"), shared, workers), context=methods) as pool:
        yield pool


def schedule(pool: Any, item: Item, context: Context, only: str = "", trust: str = "") -> Any:
    """Hand an item to the pool; the future of what `outcome` reads. `trust`: trust lists other than the settings'."""
    limit = limits.longest(context.settings.ingest.item_seconds, context.settings.ingest.max_pages)
    trust = trust or str(context.settings.signatures.trust)
    return pool.schedule(_examine, args=[intake.as_dict(item), only, context.night.isoformat(),
                                         clock.stamp(context.at), trust], timeout=limit)


def outcome(future: Any, item: Item, attempt: int, settings: Settings) -> Examined | None:
    """What came of an item; None when it should be tried once more. Raises CancelledError when it was called off."""
    from pebble import ProcessExpired

    try:
        answer = future.result()
    except CancelledError:
        raise
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
                    answer["cpu"], answer["error"], answer["times"])


def _too_long(item: Item, settings: Settings) -> Examined:
    return Examined(item, [finding("NIGHT-002", item.name, seconds=settings.ingest.item_seconds)])


def _start(settings: dict[str, Any], shared: str, workers: int) -> None:
    """Make ready a worker process: settings, limits, and the libraries that every item needs."""
    global _settings
    _settings = Settings.model_validate(settings)
    lanes.share(lanes.Batch(Path(shared), workers))
    limit_memory(_settings.ingest.item_memory_mb)


def _examine(task: dict[str, Any], only: str, night: str, at: str, trust: str) -> dict[str, Any]:
    from ingest.stages.examine import examine

    assert _settings is not None
    settings = _settings
    if Path(trust) != settings.signatures.trust:
        settings = settings.model_copy(update={
            "signatures": settings.signatures.model_copy(update={"trust": Path(trust)})})
    context = Context(settings, date.fromisoformat(night), clock.parse(at))
    with lanes.working(), limits.timed(settings.ingest.item_seconds):
        done = examine(intake.from_dict(task), context, only)
    return {"item": intake.as_dict(done.item), "findings": [one.as_dict() for one in done.findings], "cpu": done.cpu,
            "error": done.error, "times": done.times}
