"""DOC, XLS and PPT through LibreOffice, which turns them into the newer format that the other readers know.

The program runs in a folder and a profile of its own, on a copy, under limits of time and memory, with macros and
links off; it is killed with everything that it started. The received file must never be opened by it.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

from archive import outside
from archive.settings import IngestSettings
from ingest.extract.raw import RawText, Unreadable

SECONDS = 120
FILE_MB = 500               # largest file that the program may write
_NEW = {"doc": "docx", "xls": "xlsx", "ppt": "pptx"}
_PROFILE = """<?xml version="1.0" encoding="UTF-8"?>
<oor:items xmlns:oor="http://openoffice.org/2001/registry" xmlns:xs="http://www.w3.org/2001/XMLSchema">
<item oor:path="/org.openoffice.Office.Common/Security/Scripting"><prop oor:name="DisableMacrosExecution"
 oor:op="fuse"><value>true</value></prop></item>
<item oor:path="/org.openoffice.Office.Common/Security/Scripting"><prop oor:name="BlockUntrustedRefererLinks"
 oor:op="fuse"><value>true</value></prop></item>
<item oor:path="/org.openoffice.Office.Writer/Content/Update"><prop oor:name="Link"
 oor:op="fuse"><value>2</value></prop></item>
<item oor:path="/org.openoffice.Office.Calc/Content/Update"><prop oor:name="Link"
 oor:op="fuse"><value>2</value></prop></item>
</oor:items>
"""


def find() -> str | None:
    """The LibreOffice that is installed, None without one."""
    return shutil.which("soffice") or shutil.which("libreoffice")


@cache
def version(program: str) -> str:
    """The program's name and version as it states them, for the record."""
    try:
        said = outside.run([program, "--version"], outside.Limits(30, 4096)).said
    except (OSError, outside.TooLongError):
        return "LibreOffice"
    return " ".join(said.split()[:2]) or "LibreOffice"


def read(path: Path, fmt: str, settings: IngestSettings, reader: Callable[[Path, IngestSettings], RawText]) -> RawText:
    """The text of a DOC, XLS or PPT, by way of the newer format, which `reader` reads.

    Raises Unreadable: EXTRACT-007 without LibreOffice, -008 when it takes too long, -009 when it fails.
    """
    program = find()
    if program is None:
        raise Unreadable("EXTRACT-007", format=fmt)
    seconds = min(SECONDS, max(1, settings.item_seconds // 2))
    with tempfile.TemporaryDirectory(prefix="luutru-office-") as name:
        folder = Path(name)
        source = folder / f"document.{fmt}"
        shutil.copyfile(path, source)
        _run(program, source, _NEW[fmt], folder, seconds, settings.item_memory_mb)
        made = folder / "out" / f"document.{_NEW[fmt]}"
        if not made.is_file():
            raise Unreadable("EXTRACT-009", reason="no output")
        raw = reader(made, settings)
    raw.source = "converted"
    raw.tool = version(program)
    return raw


def _run(program: str, source: Path, wanted: str, folder: Path, seconds: int, memory_mb: int) -> None:
    user = folder / "profile" / "user"
    user.mkdir(parents=True)
    (user / "registrymodifications.xcu").write_text(_PROFILE, encoding="utf-8")
    command = [program, f"-env:UserInstallation={user.parent.as_uri()}", "--headless", "--norestore", "--nologo",
               "--nodefault", "--nolockcheck", "--convert-to", wanted, "--outdir", str(folder / "out"), str(source)]
    limits = outside.Limits(seconds, memory_mb, FILE_MB)
    try:
        code = outside.run(command, limits, folder).code
    except OSError as error:
        raise Unreadable("EXTRACT-009", reason=str(error)) from error
    except outside.TooLongError as error:
        raise Unreadable("EXTRACT-008", seconds=seconds) from error
    if code != 0:
        raise Unreadable("EXTRACT-009", reason=f"exit code {code}")
