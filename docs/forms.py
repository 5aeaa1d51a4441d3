"""Prints one of each paper (archive/forms/papers.toml) into docs/forms/, from the examples of docs/forms.toml.

    python docs/forms.py            # all; or the kinds named

The papers are looked at by people; tests/test_papers.py makes sure that they show what the tables say now.
"""

from __future__ import annotations

import sys
import tomllib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "forms"
sys.path.insert(0, str(FOLDER.parent.parent))

from archive.forms import papers  # noqa: E402  (run as a script, the checkout is not on the path)

_DESTRUCTION = ("destruction_", "council_", "appraisal_")
MADE = datetime(2026, 11, 21, 1, 0, tzinfo=UTC)


def examples() -> dict[str, dict[str, Any]]:
    """The example values of each kind: its own and those that papers share, as far as it asks for them."""
    with FOLDER.with_suffix(".toml").open("rb") as stream:
        told = tomllib.load(stream)
    groups = {name: told.pop(name) for name in ("all", "destruction", "scan")}
    made = {}
    for kind in papers.kinds():
        common = groups["scan"] if kind.startswith("scan_") else {
            **groups["all"], **(groups["destruction"] if kind.startswith(_DESTRUCTION) else {})}
        asked = papers.values(kind)
        made[kind] = {**{key: value for key, value in common.items() if key in asked}, **told.get(kind, {})}
    return made


def main(kinds: list[str]) -> None:
    """Print the papers of these kinds; all when none is named."""
    FOLDER.mkdir(exist_ok=True)
    for kind, data in examples().items():
        if not kinds or kind in kinds:
            (FOLDER / f"{kind}.pdf").write_bytes(papers.paper(kind, data, made=MADE))


if __name__ == "__main__":
    main(sys.argv[1:])
