"""How long `luutru` takes to say its first word, beside the least that a program with its command-line library takes.

    ./run bench startup [--rounds 5]

`luutru --help`, the help of each command (the modules that a command loads are what its user waits for), and the floor:
a process of the same interpreter that imports click and nothing else. The best of the rounds counts, CPU and wall.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

if str(Path(__file__).resolve().parents[1]) not in sys.path:
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.cost import cost, environment
from cli import COMMANDS

FLOOR = ("-c", "import click")
HELP = ("-m", "cli", "--help")
GOAL_MS = 250


def main() -> None:
    """Measure, and print one line of JSON for each command."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--rounds", type=int, default=5)
    given = asked.parse_args()
    told = measure(given.rounds)
    for name, one in told.items():
        print(json.dumps({"what": name, **one}))
    print(json.dumps({"goal_ms": GOAL_MS, "met": told["luutru --help"]["wall_ms"] <= GOAL_MS}))


def measure(rounds: int) -> dict[str, dict[str, Any]]:
    """CPU and wall ms of the floor, of `luutru --help`, and of the help of each command (one round: they are many)."""
    return {"floor": best(FLOOR, rounds), "luutru --help": best(HELP, rounds),
            **{f"luutru {name} --help": best(("-m", "cli", name, "--help"), 1) for name in COMMANDS}}


def best(arguments: tuple[str, ...], rounds: int) -> dict[str, Any]:
    """The best of several starts of a Python process. Raises SystemExit when one fails."""
    made = [cost([sys.executable, *arguments], environment()) for _ in range(rounds)]
    if any(one.code for one in made):
        raise SystemExit(f"{' '.join(arguments)} ended with {max(one.code for one in made)}")
    return {"cpu_ms": round(min(one.cpu for one in made) * 1000, 1),
            "wall_ms": round(min(one.wall for one in made) * 1000, 1)}


if __name__ == "__main__":
    main()
