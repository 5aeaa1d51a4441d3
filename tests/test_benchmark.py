"""The benchmark: it measures real nights, and leaves no process uncounted. No figure is judged here."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks import material
from tests.conftest import ROOT

# A child that leaves another one behind, which then burns CPU: as a night leaves the server of its workers.
ORPHAN = """
import os, time
if os.fork() == 0:
    if os.fork() == 0:
        os.setsid() if {own_session} else None
        while time.process_time() < 0.5:
            pass
    os._exit(0)
"""


def python(*arguments: str | Path) -> str:
    """What a Python process of its own prints: `cost` waits for every child of its caller."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    done = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, check=False,
                          env={**environment, "PYTHONPATH": str(ROOT)})
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("own_session", [False, True])
def test_processes_that_outlive_their_parent_are_counted(own_session: bool) -> None:
    script = ("import sys; from benchmarks.cost import cost; "
              f"print(cost([sys.executable, '-c', {ORPHAN.format(own_session=own_session)!r}]).cpu)")
    assert float(python("-c", script)) >= 0.5


def test_the_exit_code_and_the_words_of_a_command_come_back() -> None:
    script = ("import sys; from benchmarks.cost import cost; "
              "one = cost([sys.executable, '-c', 'print(7); raise SystemExit(3)']); print(one.code, one.output)")
    assert python("-c", script).split() == ["3", "7"]


def test_the_letters_are_all_different(tmp_path: Path) -> None:
    folder = material.letters(tmp_path, 3)
    assert len({path.read_bytes() for path in folder.glob("*.pdf")}) == 3
    assert material.letters(tmp_path, 3) == folder


@pytest.mark.slow
def test_a_small_benchmark_stores_and_verifies_all_it_was_given(tmp_path: Path) -> None:
    told = json.loads(python(ROOT / "benchmarks" / "nightly.py", "--documents", "2", "--scans", "1",
                             "--cache", tmp_path, "--json"))
    letters: dict[str, Any] = told["born_digital"]
    assert letters["states"] == {"list": 1, "stored": 2}
    assert set(letters["verdicts"]) <= {"valid", "valid_with_notes"}
    assert told["scans"]["states"] == {"list": 1, "stored": 1}
    for one in (letters, told["scans"]):
        assert one["cpu_seconds"] > one["cpu_by_part"]["worker: check"] > 0
        assert one["floor_cpu_seconds"] > 0
        assert one["peak_memory_mb"] > 0
    assert told["scans"]["cpu_by_part"]["worker: digitise"] > letters["cpu_by_part"]["worker: digitise"]


@pytest.mark.slow
def test_a_small_benchmark_of_packages_writes_and_checks_right_ones(tmp_path: Path) -> None:
    told = json.loads(python(ROOT / "benchmarks" / "packages.py", "--documents", "3", "--megabytes", "1",
                             "--small", "2", "--nights", "1", "--runs", "1", "--cache", tmp_path, "--json"))
    for form in ("SIP_hoso", "AIP_hoso"):
        one: dict[str, Any] = told["packages"][form]
        assert form in one["kind"]
        assert one["files"] > 3
        assert one["megabytes"] >= 1
        for part in ("floor", "write", "check"):
            assert one[part]["cpu_seconds"] > 0
        assert one["write"]["peak_memory_mb"] > 0
    assert told["packages"]["AIP_hoso"]["files"] > told["packages"]["SIP_hoso"]["files"]
    assert told["put"]["large_cpu_ms"] > 0
    assert told["night"]["large_cpu"] > 0
    assert told["small"]["packages"] == 2
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith("luutru-bench-")] == []
