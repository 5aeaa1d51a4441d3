"""The settings in force: each with its value, its meaning, and where it comes from; nothing that gives access is shown.

Secrets are never in the settings themselves, only the names of variables and files that hold them. What an address or a
command may carry all the same (user:password@, password=…) is left out.
"""

from __future__ import annotations

import json
import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from archive.i18n import language
from archive.settings import FILE_NAME, Settings
from archive.settings_file import first_paragraph, in_vietnamese

_USER = re.compile(r"(?<=://)[^/@\s]+(?=@)")
_SAID = re.compile(r"(?i)\b(pass(?:word|wd|phrase)?|pwd|secret|token|pin|key)(\s*[=:]\s*)[^\s&;,\"']+")
HIDDEN = "•••"


@dataclass(frozen=True, slots=True)
class One:
    """One setting. `source`: default, file or environment; `variable`: the environment's name for it."""

    name: str
    value: str
    source: str
    variable: str
    meaning: str


@dataclass(frozen=True, slots=True)
class Part:
    """A section of the settings with what it is about."""

    name: str
    meaning: str
    settings: tuple[One, ...]


@dataclass(frozen=True, slots=True)
class Sources:
    """What the settings file said when the server started, and the file's state then."""

    file: Mapping[str, Any]
    state: tuple[int, int]


def sources_of(root: Path) -> Sources:
    """The settings file as it is now, to be asked later where a setting comes from and whether the file has changed."""
    place = root / FILE_NAME
    try:
        return Sources(tomllib.loads(place.read_text(encoding="utf-8")), _state(place))
    except (OSError, ValueError):
        return Sources({}, (0, 0))


def changed(settings: Settings, sources: Sources) -> bool:
    """Whether the settings file has changed since the server read it: then it is to be started again."""
    return _state(settings.root / FILE_NAME) != sources.state


def effective(settings: Settings, sources: Sources) -> list[Part]:
    """Every setting in force, by section, in the order of the settings file."""
    parts = [Part("", "", tuple(_ones("", type(settings), settings, sources)))]
    for name, value in settings:
        if isinstance(value, BaseModel):
            meaning = _meaning(name, first_paragraph(type(value).__doc__))
            parts.append(Part(name, meaning, tuple(_ones(name, type(value), value, sources))))
    return parts


def _ones(section: str, kind: type[BaseModel], values: BaseModel, sources: Sources) -> list[One]:
    found = []
    for key, described in kind.model_fields.items():
        value = getattr(values, key)
        if isinstance(value, BaseModel):
            continue
        variable = "LUUTRU_" + (f"{section}__{key}" if section else key).upper()
        told = sources.file.get(section, {}) if section else sources.file
        source = "environment" if _in_environment(section, key, variable) else \
            "file" if isinstance(told, Mapping) and key in told else "default"
        name = f"{section}.{key}" if section else key
        found.append(One(name, shown(value), source, variable, _meaning(name, described.description or "")))
    return found


def _in_environment(section: str, key: str, variable: str) -> bool:
    """Whether a variable sets it: its own, one below it, or the section's as JSON."""
    names = {name.upper(): value for name, value in os.environ.items() if name.upper().startswith("LUUTRU_")}
    if variable in names or any(name.startswith(f"{variable}__") for name in names):
        return True
    try:
        told = json.loads(names.get(f"LUUTRU_{section.upper()}", "{}")) if section else {}
    except ValueError:
        return False
    return isinstance(told, dict) and key in told


def shown(value: Any) -> str:
    """A value as it stands in the file, with nothing in it that opens anything."""
    text = str(value) if isinstance(value, str | Path) else json.dumps(value, ensure_ascii=False, default=str)
    return _SAID.sub(rf"\1\2{HIDDEN}", _USER.sub(HIDDEN, text))


def _meaning(name: str, english: str) -> str:
    return in_vietnamese().get(name, english) if language() == "vi" else english


def _state(place: Path) -> tuple[int, int]:
    try:
        status = place.stat()
    except OSError:
        return 0, 0
    return status.st_mtime_ns, status.st_size
