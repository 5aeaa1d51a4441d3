"""sealing.toml, read once: layouts of the seal by the rules, text, place, limits."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any


@cache
def table() -> Mapping[str, Any]:
    """The whole of sealing.toml."""
    with Path(__file__).with_name("sealing.toml").open("rb") as stream:
        return tomllib.load(stream)
