"""A program of others cannot hold the archive up: not by time, memory, files or chatter, and it reaches no network."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from archive import outside
from archive.outside import Limits, run


def python(code: str, *arguments: str) -> list[str]:
    return [sys.executable, "-c", code, *arguments]


def until(true: Callable[[], bool]) -> None:
    """Wait for what other processes do; a minute at most."""
    deadline = time.monotonic() + 60
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def gone(pid: int) -> bool:
    try:
        return ") Z " in Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return True


def test_a_program_that_ends_tells_its_code_and_what_it_said(tmp_path: Path) -> None:
    ended = run(python("import os, sys; print('xong', os.getcwd()); sys.exit(3)"), Limits(), tmp_path)
    assert (ended.code, ended.said) == (3, f"xong {tmp_path}\n")


def test_a_program_that_hangs_is_ended_with_all_that_it_started(tmp_path: Path) -> None:
    code = ("import subprocess, sys, time; child = subprocess.Popen(['sleep', '600'])\n"
            "open('pid', 'w').write(str(child.pid)); time.sleep(600)")
    with pytest.raises(outside.TooLongError):
        run(python(code), Limits(seconds=2), tmp_path)
    child = int((tmp_path / "pid").read_text())
    until(lambda: gone(child))


def test_a_program_that_eats_memory_or_the_processor_or_the_disk_is_ended(tmp_path: Path) -> None:
    assert run(python("held = bytearray(600 << 20)"), Limits(memory_mb=300)).code != 0
    assert run(python("open('to', 'wb').write(bytes(3 << 20))"), Limits(file_mb=2), tmp_path).code != 0
    assert (tmp_path / "to").stat().st_size <= 2 << 20
    spin = "import resource; resource.setrlimit(resource.RLIMIT_CPU, (1, 1))\nwhile True: pass"
    spinning = run(python(spin), Limits(60))
    assert spinning.code in (-signal.SIGXCPU, -signal.SIGKILL)


def test_what_a_program_says_is_capped(tmp_path: Path) -> None:
    ended = run(python("while True: print('x' * 1000)"), Limits(file_mb=1, output=5000), tmp_path)
    assert ended.code != 0 and len(ended.said) == 5000


def test_the_limit_of_processor_time_is_set() -> None:
    told = run(python("import resource; print(resource.getrlimit(resource.RLIMIT_CPU)[0])"), Limits(seconds=7))
    assert told.said.strip() == "7"


def test_a_program_reaches_no_network_where_the_system_can_keep_it_from_one() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        reach = python("import socket, sys; socket.create_connection(('127.0.0.1', int(sys.argv[1])), 5)",
                       str(server.getsockname()[1]))
        can = any(subprocess.run(["unshare", *how, "true"], capture_output=True, check=False).returncode == 0
                  for how in (["-n"], ["-Un"]))
        assert (run(reach, Limits()).code == 0) is not can
        assert run(reach, Limits(network=True)).code == 0


def test_the_folder_of_its_own_is_gone_afterwards() -> None:
    place = run(python("import os; open('x', 'w').close(); print(os.environ['HOME'])"), Limits()).said.strip()
    assert place and not Path(place).exists()


def test_a_program_ends_with_the_process_that_started_it(tmp_path: Path) -> None:
    code = ("import sys; from pathlib import Path; from archive.outside import Limits, run\n"
            "run(['sh', '-c', 'echo $$ > pid; exec sleep 600'], Limits(600), Path(sys.argv[1]))")
    starter = subprocess.Popen(python(code, str(tmp_path)), cwd=Path(__file__).resolve().parents[1])
    until(lambda: (tmp_path / "pid").exists() and bool((tmp_path / "pid").read_text().strip()))
    starter.kill()
    starter.wait()
    pid = int((tmp_path / "pid").read_text())
    until(lambda: gone(pid))
