"""The benchmark: it measures real nights, and leaves no process uncounted. No figure is judged here."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

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


PARTS = """
import json, sys
from pathlib import Path
from benchmarks import material, nightly
scratch = Path(sys.argv[1])
root = nightly.new_archive(scratch, material.letters(scratch / "cache", 1))
parts = nightly._parts(nightly.night([str(nightly.HERE / "phases.py"), str(root)]))
print(json.dumps([parts, *nightly.what_became(root, 1)]))
"""


def test_a_measured_night_stores_what_it_was_given_and_says_what_its_parts_cost(tmp_path: Path) -> None:
    parts, states, verdicts = json.loads(python("-c", PARTS, tmp_path))
    assert states == {"list": 1, "stored": 1}
    assert set(verdicts) <= {"valid", "valid_with_notes"}
    for name in ("worker: check", "worker: verify", "worker: extract", "main: store", "main: index"):
        assert parts[name] > 0, name
    assert parts["start and feed the workers"] > 0
