"""Old Excel files (.xls), read in a process of their own: their reader can be brought to abort by a damaged file.

Run as a script it reads a workbook from standard input and writes its sheets as JSON, within limits of memory and time;
it imports nothing of ours. Whatever becomes of it, the archive's process goes on.
"""

from __future__ import annotations

import io
import json
import resource
import subprocess
import sys
from collections.abc import Iterable, Iterator
from datetime import date, datetime, time
from pathlib import Path

MEMORY = 1 << 30            # bytes of address space
SECONDS = 60
_PROTECTED, _TOO_MANY = 3, 4


class OldWorkbookError(Exception):
    """The workbook could not be read: `reason` is "protected", "too many", or "damaged"."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def read_old_workbook(data: bytes, most_cells: int) -> list[tuple[str, list[list[str]]]]:
    """The sheets of the XLS workbook `data`: name, rows of cells as they are shown. Raises OldWorkbookError."""
    try:
        # -P: the folder of this file, whose modules have names of their own, is no place to import from.
        done = subprocess.run([sys.executable, "-P", str(Path(__file__)), str(most_cells)], input=data,
                              capture_output=True, timeout=SECONDS, check=False)
    except subprocess.TimeoutExpired as error:
        raise OldWorkbookError("damaged") from error
    if done.returncode:
        raise OldWorkbookError({_PROTECTED: "protected", _TOO_MANY: "too many"}.get(done.returncode, "damaged"))
    sheets: list[tuple[str, list[list[str]]]] = json.loads(done.stdout)
    return sheets


def shown(row: Iterable[object]) -> Iterator[str]:
    """Cells as a person sees them: whole numbers without ".0", dates as DD/MM/YYYY."""
    for cell in row:
        if cell is None:
            yield ""
        elif isinstance(cell, float) and cell.is_integer():
            yield str(int(cell))
        elif isinstance(cell, datetime) and cell.time() != time():
            yield f"{cell:%d/%m/%Y %H:%M}"
        elif isinstance(cell, datetime | date):
            yield f"{cell:%d/%m/%Y}"
        else:
            yield str(cell)


def _main() -> int:
    from python_calamine import CalamineWorkbook, PasswordError

    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    sheets = []
    try:
        book = CalamineWorkbook.from_filelike(io.BytesIO(sys.stdin.buffer.read()))
        for name in book.sheet_names:
            sheet = book.get_sheet_by_name(name)
            if sheet.total_height * sheet.total_width > int(sys.argv[1]):
                return _TOO_MANY
            sheets.append((name, [list(shown(row)) for row in sheet.to_python(skip_empty_area=False)]))
    except PasswordError:
        return _PROTECTED
    json.dump(sheets, sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(_main())
