"""Which mode of use a document has, and whose opinion a conditional one needs (modes.toml; rule AC-01)."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

from archive.i18n import _
from archive.settings import Settings
from archive.spelling import fold

Mode = Literal["open", "conditional", "undecided", "secret"]


@dataclass(frozen=True, slots=True)
class Opinion:
    """Whose opinion a conditional document needs, what must be told of it, and by which article."""

    of: str
    needs: tuple[str, ...]
    article: str


def mode_of(fields: Mapping[str, str], of_case_file: Mapping[str, str]) -> Mode:
    """The mode of a document: its own, else its case file's. With a mark of secrecy on either it is secret.

    undecided: nobody entered one. A value that the table does not know is conditional, on the safe side.
    """
    values = _values()
    for one in (fields, of_case_file):
        if any(fold(one.get(key, "").strip()) in values["secret"] for key in ("mode", "secrecy")):
            return "secret"
    mode = fold((fields.get("mode") or of_case_file.get("mode") or "").strip())
    if not mode:
        return "undecided"
    return "open" if mode in values["open"] else "conditional"


def needs_opinion(mode: str, settings: Settings) -> bool:
    """Whether a document of this mode is granted only after an opinion (TT 05/2025/TT-BNV Đ36.1.d)."""
    return mode == "conditional" or (mode == "undecided" and settings.reading.undecided == "conditional")


def opinion(settings: Settings) -> Opinion:
    """Whose opinion this archive asks for."""
    told = _table()["opinion"][settings.destruction.archive]
    return Opinion(told["of"], tuple(told["needs"]), told["article"])


def mode_name(mode: str) -> str:
    """A mode in words."""
    return {"open": _("public (01)"), "conditional": _("conditional (02)"), "undecided": _("no mode yet"),
            "secret": _("state secret (03)")}.get(mode, mode)


@cache
def _values() -> dict[str, frozenset[str]]:
    return {name: frozenset(map(fold, told)) for name, told in _table()["values"].items()}


@cache
def _table() -> dict[str, Any]:
    with Path(__file__).with_name("modes.toml").open("rb") as stream:
        return tomllib.load(stream)
