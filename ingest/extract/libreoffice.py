"""DOC, XLS and PPT through LibreOffice, which turns them into the newer format that the other readers know.

The program runs in a folder and a profile of its own, on a copy, under limits of time and memory, with macros and
links off; it is killed with everything that it started. The received file must never be opened by it.
"""

from __future__ import annotations

import os
import resource
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

from archive.settings import IngestSettings
from ingest.extract.raw import RawText, Unreadable

SECONDS = 120
_MB = 1 << 20
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
        said = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=30, check=False).stdout
    except (OSError, subprocess.TimeoutExpired):
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
    environment = {"PATH": os.environ.get("PATH", os.defpath), "HOME": str(folder), "TMPDIR": str(folder),
                   "LANG": "C.UTF-8", "http_proxy": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9"}

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (memory_mb * _MB, memory_mb * _MB))
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 5))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))

    try:
        process = subprocess.Popen(command, cwd=folder, env=environment, start_new_session=True, preexec_fn=limit,
                                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    except OSError as error:
        raise Unreadable("EXTRACT-009", reason=str(error)) from error
    try:
        code = process.wait(timeout=seconds)
    except subprocess.TimeoutExpired as error:
        raise Unreadable("EXTRACT-008", seconds=seconds) from error
    finally:
        _kill_group(process)
    if code != 0:
        raise Unreadable("EXTRACT-009", reason=f"exit code {code}")


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    """End the program and everything that it started; nothing is left behind whatever happened."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass                                        # all of it has ended by itself
    process.wait()
