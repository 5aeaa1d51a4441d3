"""The settings file (luutru.toml) of a new archive, and what each setting means, in both languages.

English stands beside each setting in archive/settings*.py, Vietnamese in settings_vi.toml; a test compares the two.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from archive.catalogue import without_password
from archive.hiding import password_in
from archive.settings import Settings
from archive.settings_section import Section

_VIETNAMESE = Path(__file__).with_name("settings_vi.toml")
_ALWAYS_WRITTEN = {("agency", "code"), ("agency", "name"), ("ingest", "inbox"), ("", "language"), ("", "profile")}


@cache
def in_vietnamese() -> Mapping[str, str]:
    """The meaning of each setting ("web.port") and section ("web") by its name."""
    found: dict[str, str] = {}
    for name, value in tomllib.loads(_VIETNAMESE.read_text(encoding="utf-8")).items():
        if isinstance(value, dict):
            found |= {f"{name}.{key}" if key != "_" else name: one for key, one in value.items()}
        else:
            found[name] = value
    return found


def first_paragraph(doc: str | None) -> str:
    """What a section is about, of its class's docstring."""
    return " ".join((doc or "").split("\n\n")[0].split())


def as_toml(settings: Settings) -> str:
    """The settings file of a new archive: every setting with its meaning in both languages, the chosen ones set."""
    lines = ["# Cấu hình của Lưu Trữ. Dòng có dấu # ở đầu giữ giá trị mặc định; bỏ dấu # rồi sửa để đặt giá trị khác.",
             "# Settings of Lưu Trữ. A line that is commented out has its default.",
             "# Biến môi trường được ưu tiên / environment variables win: LUUTRU_LANGUAGE, LUUTRU_INGEST__WORKERS, …",
             ""]
    meanings = in_vietnamese()
    sections: list[tuple[str, type[BaseModel], BaseModel]] = [("", Settings, settings)]
    for name, value in settings:
        if isinstance(value, Section):
            sections.append((name, type(value), value))
    for name, model, values in sections:
        if name:
            lines += ["", *_comments(meanings.get(name, ""), first_paragraph(model.__doc__)), f"[{name}]"]
        for key, described in model.model_fields.items():
            value = getattr(values, key)
            if isinstance(value, BaseModel) or key == "root":
                continue
            default = described.get_default(call_default_factory=True)
            if isinstance(value, str) and password_in(value):       # of the environment: it stays there
                value = without_password(value)
            mark = "# " if value == default and (name, key) not in _ALWAYS_WRITTEN else ""
            vietnamese = meanings.get(f"{name}.{key}" if name else key, "")
            lines += [*_comments(vietnamese, described.description or ""), f"{mark}{key} = {_toml_value(value)}"]
    return "\n".join(lines) + "\n"


def _comments(*meanings: str) -> list[str]:
    return [f"# {one}" for one in meanings if one]


def _toml_value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return str(value)
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_toml_value(one) for one in value) + "]"
    if isinstance(value, dict):
        inside = ", ".join(f"{json.dumps(key, ensure_ascii=False)} = {_toml_value(one)}" for key, one in value.items())
        return f"{{ {inside} }}" if inside else "{}"
    return json.dumps("" if value is None else str(value), ensure_ascii=False)
