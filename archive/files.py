"""Writing files so that a killed process or a cut cable leaves either the old or the new, never half.

Bytes are flushed to the disk before a name points to them, and the folder after it.
"""

from __future__ import annotations

import ctypes
import fcntl
import json
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from archive.errors import UsageError
from archive.i18n import _


def write_atomically(path: Path, data: bytes) -> None:
    """Put `data` at `path` in one step: temporary file, fsync, rename, fsync of the folder."""
    temporary = path.with_name(f".{path.name}.tmp")
    with temporary.open("wb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())
    temporary.replace(path)
    fsync_folder(path.parent)


def json_bytes(value: Any) -> bytes:
    """`value` as the JSON that the store holds: sorted, readable, UTF-8, closed by a newline."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, indent=1).encode() + b"\n"


@contextmanager
def new_folder(target: Path) -> Iterator[Path]:
    """Make the folder `target` and fill it within the block; after an error or Ctrl-C nothing of it is left.

    Half of what is handed out would be taken for the whole. Raises UsageError when it is there and not empty.
    """
    if target.exists() and any(target.iterdir()):
        raise UsageError(_("{place} is not empty").format(place=target))
    try:
        target.mkdir(parents=True, exist_ok=True)
        yield target
    except BaseException:
        shutil.rmtree(target, ignore_errors=True)
        raise


def locked(handle: int, wait: float = 0.0) -> bool:
    """Take the one lock on an open file, waited for `wait` seconds; whether it is ours. A killed process gives it back.
    """
    patience = time.monotonic() + wait
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= patience:
                return False
            time.sleep(0.05)
        else:
            return True


def fsync_folder(folder: Path) -> None:
    """Make the names in `folder` durable."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def flush_everything(folder: Path) -> None:
    """Let the file system of `folder` write everything at once: the fsync of each of thousands of files is then cheap.

    Only that fsync promises anything; where the system has no such call it takes its time.
    """
    handle = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError, AttributeError):
            ctypes.CDLL(None).syncfs(handle)
    finally:
        os.close(handle)
