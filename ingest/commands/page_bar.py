"""The bar of pages that commands show while scans are read."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from archive.terminal import console

if TYPE_CHECKING:
    from ingest.digitise.running import Progress

_PATIENCE = 2.0     # seconds without a word before progress is shown


@contextmanager
def page_bar(sentence: str, files: int) -> Iterator[Progress]:
    """What hears how far it is; shows a bar of pages on a terminal when it takes longer than two seconds.

    `sentence` holds {done} and {files}: how many of the files are finished.
    """
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    shown, started = console(stderr=True), time.monotonic()
    bar = Progress(TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
                   console=shown, transient=True, disable=not shown.is_terminal)
    task = bar.add_task("", total=None)

    def tell(done: int, read: int, expected: int) -> None:
        if time.monotonic() - started > _PATIENCE:
            bar.start()
            bar.update(task, completed=read, total=expected or None,
                       description=sentence.format(done=done, files=files))

    try:
        yield tell
    finally:
        bar.stop()
