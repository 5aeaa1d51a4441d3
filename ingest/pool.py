"""What the pools of worker processes share: handing out, trying once more, limits of memory. Nothing of what they do.

A worker is disposable: whatever it is given may kill it, and the others go on.
"""

from __future__ import annotations

import contextlib
import resource
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from typing import Any, TypeVar

T = TypeVar("T")
R = TypeVar("R")

AHEAD = 4       # tasks handed out per worker before the first comes back


def results(pool: Any, tasks: Iterable[T], schedule: Callable[[T], Future[Any]],
            outcome: Callable[[Future[Any], T, int], R | None], most: int,
            tick: Callable[[], None] = lambda: None) -> Iterator[R]:
    """What came of each task, as it is done, in no fixed order; at most `most` are handed out at a time.

    `schedule` hands a task to the pool; `outcome` (of the future, the task, which attempt it was) may return None to
    have it tried once more. `tick` is called at least every second. Whatever is raised stops the pool.
    """
    running: dict[Future[Any], tuple[T, int]] = {}
    waiting = iter(tasks)
    try:
        while True:
            while len(running) < most and (task := next(waiting, None)) is not None:
                running[schedule(task)] = (task, 1)
            if not running:
                return
            done, _ = wait(running, return_when=FIRST_COMPLETED, timeout=1.0)
            for future in done:
                task, attempt = running.pop(future)
                made = outcome(future, task, attempt)
                if made is None:
                    running[schedule(task)] = (task, attempt + 1)
                else:
                    yield made
            tick()
    except BaseException:
        pool.stop()
        raise


def limit_memory(memory_mb: int) -> None:
    """Give this process a limit of memory, MB, and let it leave no image of a document's content when it crashes."""
    for what, limit in ((resource.RLIMIT_AS, memory_mb << 20), (resource.RLIMIT_CORE, 0)):
        with contextlib.suppress(ValueError, OSError):      # a tighter limit of the system stays
            resource.setrlimit(what, (limit, limit))
