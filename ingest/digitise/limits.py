"""How long one item and one page may take, and who says so when they take longer.

A page has its own limit (thresholds.toml), so the time that pages take is not counted against their item: a document
of a thousand sheets is read to its end, and a file that hangs anywhere else is still ended.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from archive.findings import Finding
from ingest.digitise.telling import about
from ingest.digitise.thresholds import threshold

GivenUp = str       # why a page was given up: "time", "died" or "left" (others had been given up before it)


@contextmanager
def timed(seconds: float) -> Iterator[None]:
    """End this process (SIGALRM) when what is done inside takes longer than `seconds`, pages not counted.

    Python's own handlers wait for library calls to return; the signal's default does not.
    """
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


@contextmanager
def not_counted() -> Iterator[None]:
    """Stop the clock of `timed` while what has limits of its own is done; without such a clock nothing happens."""
    left, _interval = signal.setitimer(signal.ITIMER_REAL, 0)
    try:
        yield
    finally:
        if left:
            signal.setitimer(signal.ITIMER_REAL, left)


def longest(item_seconds: float, pages: int) -> float:
    """The longest that an item of up to `pages` pages can take, seconds: the last resort of a pool."""
    return item_seconds + pages * threshold("limits", "page_wall")


def given_up(name: str, pages: list[dict[str, Any]]) -> list[Finding]:
    """The findings about the pages of `name` that were given up: too slow, deadly, or after too many of those."""
    found: list[Finding] = []
    for why, code in (("time", "DIGITISE-030"), ("died", "DIGITISE-031"), ("left", "DIGITISE-032")):
        found += about(code, name, [page for page in pages if page.get("given_up") == why],
                       seconds=f"{threshold('limits', 'page_seconds'):g}",
                       limit=f"{threshold('limits', 'pages_given_up'):g}")
    return found
