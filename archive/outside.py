"""Programs of others: run within limits of time, memory, file size and output, in a folder of their own, offline.

Must never wait longer than it was told, and never leave behind a process that the program started.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_MB = 1 << 20
_NEW_NETWORK, _NEW_USER = 0x40000000, 0x10000000        # unshare(2): CLONE_NEWNET, CLONE_NEWUSER
_PDEATHSIG = 1                                          # prctl(2)
_libc = ctypes.CDLL(None)


class TooLongError(Exception):
    """The program was ended because it took longer than it may."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a program may use: seconds (of time, and of a processor), MB of memory, MB of each file that it writes.

    `output`: bytes that are kept of what it says. `network`: whether it may reach one; without, the system keeps it in
    a network of its own where it knows how to (Linux, unless forbidden), and proxies are set to nowhere everywhere.
    """

    seconds: float = 20.0
    memory_mb: int = 1024
    file_mb: int = 64
    output: int = 65536
    network: bool = False


@dataclass(frozen=True, slots=True)
class Ended:
    """How the program ended: its exit code (negative: the signal), and the beginning of what it said."""

    code: int
    said: str


def run(command: Sequence[str], limits: Limits, folder: Path | None = None,
        environment: Mapping[str, str] | None = None) -> Ended:
    """Run `command` in `folder` (otherwise an empty one that is gone afterwards), and end all that it has started.

    `environment` is laid over PATH, a plain language, HOME and the temporary folder. Raises OSError when it cannot be
    started, TooLongError when it was ended.
    """
    if folder is None:
        with tempfile.TemporaryDirectory(prefix="luutru-") as made:
            return run(command, limits, Path(made), environment)
    nowhere = {} if limits.network else dict.fromkeys(("http_proxy", "https_proxy"), "http://127.0.0.1:9")
    shown = {"PATH": os.environ.get("PATH", os.defpath), "LANG": "C.UTF-8", "HOME": str(folder), "TMPDIR": str(folder)}
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(command, cwd=folder, env={**shown, **nowhere, **(environment or {})},
                                   stdin=subprocess.DEVNULL, stdout=said, stderr=subprocess.STDOUT,
                                   start_new_session=True, preexec_fn=lambda: _confine(limits))
        try:
            code = process.wait(timeout=limits.seconds)
        except subprocess.TimeoutExpired as late:
            raise TooLongError(f"{limits.seconds:g} s") from late
        finally:
            with suppress(ProcessLookupError):          # all of it has ended by itself
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        said.seek(0)
        return Ended(code, said.read(limits.output).decode(errors="replace"))


def _confine(limits: Limits) -> None:
    """In the forked process, before the program: what it may use; it ends with the process that started it."""
    seconds = max(1, round(limits.seconds))
    for what, most, more in ((resource.RLIMIT_AS, limits.memory_mb * _MB, 0), (resource.RLIMIT_CPU, seconds, 5),
                             (resource.RLIMIT_FSIZE, limits.file_mb * _MB, 0), (resource.RLIMIT_CORE, 0, 0)):
        with suppress(ValueError, OSError):             # a tighter limit of the system stays
            resource.setrlimit(what, (most, most + more))
    with suppress(AttributeError):                      # not Linux
        _libc.prctl(_PDEATHSIG, signal.SIGKILL)
        if not limits.network and _libc.unshare(_NEW_NETWORK) != 0:
            _libc.unshare(_NEW_NETWORK | _NEW_USER)     # without the right of root; forbidden: the proxies are left
