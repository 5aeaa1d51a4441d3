"""The virus scanner, when the agency has one: an outside program under a time limit, never a library in our process.

A file that was not scanned is recorded as "not checked", never as clean (ĐN Đ5.2; TT 05/2025/TT-BNV Đ22).
"""

from __future__ import annotations

import os
from pathlib import Path

from archive import outside
from archive.findings import Finding, finding

SECONDS = 120
FILE_MB = 1000              # what it may unpack to a file
MEMORY_MB = 4096            # a scanner holds all its signatures, over 1 GB of them
NOT_CHECKED, CLEAN, INFECTED, FAILED = "not checked", "clean", "infected", "failed"


def scan(path: Path, subject: str, command: list[str], seconds: float = SECONDS) -> tuple[str, list[Finding]]:
    """Scan one file with `command` (its path is appended): what to record, and the finding if there is one.

    Exit code 0 means clean and 1 infected, as clamscan and clamdscan have it; anything else is a failed check.
    """
    if not command:
        return NOT_CHECKED, []
    limits = outside.Limits(seconds, MEMORY_MB, FILE_MB, network=True)      # clamdscan asks its daemon
    try:
        code = outside.run([*command, str(path.absolute())], limits, Path.cwd(), os.environ).code
    except outside.TooLongError:
        return FAILED, [finding("CHECK-071", subject, reason=f"> {seconds:g} s")]
    except OSError as error:
        return FAILED, [finding("CHECK-071", subject, reason=error.strerror or type(error).__name__)]
    if code == 0:
        return CLEAN, []
    if code == 1:
        return INFECTED, [finding("CHECK-070", subject)]
    return FAILED, [finding("CHECK-071", subject, reason=f"exit {code}")]
