"""The record book: no ratio may become half as bad again as the committed one, and the page says what was measured.

The ratios are those of CPU seconds against a floor in the same process (benchmarks/small_book.py), measured once in the
whole run by whichever of its processes asks first. When a change is meant to cost more: `./run benchmarks --small
--publish`, and say why.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from benchmarks import book, small_book
from benchmarks.book_parts import PARTS, Row
from benchmarks.small_book import LEAST, LIMIT, MOST
from tests.conftest import ROOT, once

COMMITTED = small_book.committed()


@pytest.fixture(scope="session")
def measured(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The small record book, in a process of its own: what the tests have set for this one is not measured."""
    def make(folder: Path) -> None:
        folder.mkdir()
        kept = {name: value for name, value in os.environ.items()
                if name != "PYTHONDONTWRITEBYTECODE" and not name.startswith("LUUTRU_")}
        done = subprocess.run([sys.executable, str(ROOT / "benchmarks" / "book.py"), "--small", "--json"],
                              env=kept, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        (folder / "small.json").write_text(done.stdout)

    told: dict[str, Any] = json.loads((once(tmp_path_factory, "record-book", make) / "small.json").read_text())
    return told


@pytest.mark.parametrize("name", sorted(COMMITTED))
def test_no_work_costs_half_as_much_again_as_it_did_against_its_floor(name: str, measured: dict[str, Any]) -> None:
    now = measured[name]
    assert now["times"] <= LIMIT * COMMITTED[name], (
        f"{name}: {now['ours_ms']} ms of CPU, its floor {now['floor_ms']}; that is {now['times']} times, "
        f"committed are {COMMITTED[name]} (best of {now['turns']} turns)")


def test_what_is_measured_is_committed(measured: dict[str, Any]) -> None:
    assert sorted(measured) == sorted(COMMITTED)
    assert len(COMMITTED) >= 12


def test_the_part_for_pdfa_is_loaded_without_the_grammars_of_uris() -> None:
    """They would cost every worker that reads a scan two CPU seconds; no ratio shows what a process costs once."""
    done = subprocess.run([sys.executable, "-c", "import sys; from ingest.pdfa import pdfa; "
                           "print(pdfa().validate_written.__name__, 'lark' in sys.modules)"], cwd=ROOT,
                          capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["validate_written", "False"]


# --- the comparison itself ---------------------------------------------------------------------------------


def burn(seconds: float) -> None:
    begun = time.process_time()
    while time.process_time() - begun < seconds:
        pass


def test_work_that_has_become_slow_is_seen_and_slow_turns_of_a_busy_machine_are_not() -> None:
    turns: list[int] = []

    def turn(cost: float, disturbed: int = 0) -> Mapping[str, tuple[float, float]]:
        turns.append(1)
        more = 0.01 if len(turns) <= disturbed else 0.0
        return {"work": (small_book.spent(lambda: burn(cost + more)), small_book.spent(lambda: burn(0.004)))}

    slow = small_book.compare(lambda: turn(0.008), {"work": 1.0})["work"]
    assert slow.times > LIMIT and slow.turns == MOST
    turns.clear()
    good = small_book.compare(lambda: turn(0.004, disturbed=3), {"work": 1.0})["work"]
    assert good.times <= LIMIT and LEAST <= good.turns <= MOST


def test_a_floor_that_was_slow_once_lets_nothing_pass() -> None:
    floors = iter([9.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0])
    told = small_book.compare(lambda: {"work": (2.0, next(floors))}, {"work": 1.0})["work"]
    assert (told.times, told.turns) == (2.0, MOST)


def test_work_of_which_nothing_is_committed_takes_every_turn() -> None:
    assert small_book.compare(lambda: {"work": (1.0, 1.0)}, {})["work"].turns == MOST


# --- the large book ----------------------------------------------------------------------------------------


def row(at: int, cpu: float, floor_cpu: float, **more: Any) -> dict[str, Any]:
    aims = {"most_times": 4.0, **more}
    return book.as_dict(Row("letters", "a night of letters", at, "letters", at, "letter", cpu, "`sha256sum`", floor_cpu,
                            285, **aims), 0.2)


def test_a_row_says_how_cost_grows_and_how_it_stands_to_its_floor_and_aim() -> None:
    told = book.table([row(100, 5.0, 1.0), row(1000, 30.0, 10.0)]).splitlines()[-1]
    assert told == ("| a night of letters | 100 → 1,000 letters | 50 → 30 a letter | 0.60 | `sha256sum` "
                    "| 5.0 → **3.0** | 285 | at most 4 times: met |")
    assert "100 ms each: met" in book.table([row(1000, 50.0, 1.0, most_times=0, most_ms=100.0)])
    assert "20 ms each: **missed**" in book.table([row(1000, 50.0, 1.0, most_times=0, most_ms=20.0)])
    assert "20 ms each: told at 1,000" in book.table([row(100, 5.0, 1.0, most_times=0, most_ms=20.0)])
    assert book.table([row(100, 5.0, 1.0, most_times=0)]).endswith("| 285 |  |")


def test_parts_that_are_not_measured_again_keep_what_they_had(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(book, "KEPT", tmp_path / "record.json")
    other = row(8, 1.0, 1.0) | {"part": "scans"}
    book.KEPT.write_text(json.dumps({"machine": {}, "rows": [other, row(100, 9.0, 1.0)]}))
    told = book.kept_with({"machine": {"processors": 2}, "rows": [row(100, 5.0, 1.0)]})
    assert [(one["part"], one["cpu"]) for one in told["rows"]] == [("letters", 5.0), ("scans", 1.0)]


def test_the_page_is_what_the_record_says() -> None:
    kept = json.loads(book.KEPT.read_text("utf-8"))
    page = book.PAGE.read_text("utf-8")
    assert page == book.page(kept)
    assert {one["part"] for one in kept["rows"]} <= set(PARTS)
    for name, part in PARTS.items():
        sizes = {one["at"] for one in kept["rows"] if one["part"] == name}
        assert len(sizes) == len(part.sizes) or (not sizes and re.search(rf"Not yet measured: .*\b{name}\b", page))
