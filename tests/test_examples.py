"""The examples that administrators copy: systemd takes the units, and every command in them exists."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import click
import pytest

import cli
from tests.conftest import ROOT

EXAMPLES = ROOT / "docs" / "examples"
UNITS = sorted((EXAMPLES / "systemd").iterdir())


@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.name)
def test_systemd_takes_each_unit(unit: Path, tmp_path: Path) -> None:
    program = tmp_path / "run"
    program.write_text("#!/bin/sh\n", encoding="utf-8")
    program.chmod(0o755)
    for one in UNITS:
        (tmp_path / one.name).write_text(one.read_text(encoding="utf-8").replace("/opt/luutru/run", str(program))
                                         .replace("User=luutru", "User=root"), encoding="utf-8")
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", tmp_path / unit.name],
                          capture_output=True, text=True, check=False)
    about = [line for line in done.stderr.splitlines() if unit.stem in line]
    assert (done.returncode, about) == (0, []), done.stderr


def test_every_command_of_an_example_exists_with_its_options() -> None:
    typed = {line for path in EXAMPLES.rglob("*") if path.is_file()
             for line in re.findall(r"luutru ((?:[a-z-]+ ?)+(?:--[a-z-]+[^\n]*)?)", path.read_text(encoding="utf-8"))
             if line.split()[0] in cli.COMMANDS}
    assert typed
    for line in typed:
        words, context = line.split(), click.Context(cli.luutru)
        group: click.Command = cli.luutru
        while words and isinstance(group, click.Group) and (command := group.get_command(context, words[0])):
            group, words = command, words[1:]
        options = {name for parameter in group.params for name in parameter.opts}
        assert {word for word in words if word.startswith("--")} <= options, line


def test_this_machine_can_judge_units() -> None:
    assert shutil.which("systemd-analyze"), "systemd is needed to check the examples"
