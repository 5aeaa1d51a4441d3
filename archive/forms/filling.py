"""Fills the table of a paper (papers/<kind>.toml) with data: the blocks that both the page and the Word file show.

Patterns name values in braces: `{total}`, `{head.name}`, `{total:both}`. What has no value yet becomes dots, to be
written by hand; a value that no pattern asks for is a fault of the caller and refused.
"""

from __future__ import annotations

import string
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from functools import lru_cache
from typing import Any

from archive.errors import LuuTruError
from archive.forms import words

DOTS = "…………"
_LONG_DOTS = DOTS * 3


class PaperError(LuuTruError):
    """A paper was asked for with values that its table does not know; the fault is in the program."""


class Filling:
    """One paper being filled with the values of `data`."""

    def __init__(self, data: Mapping[str, Any]) -> None:
        """Take the values; they stay as they are."""
        self._data = data

    def text(self, pattern: str, row: Mapping[str, Any] | None = None) -> str:
        """`pattern` with its values; those of `row` come first."""
        parts = _parsed(pattern)
        if len(parts) == 1 and not parts[0][0] and parts[0][1] in (row or ()):     # most cells of a long table
            return self._shown(row[parts[0][1]], parts[0][2])  # type: ignore[index]
        return "".join(literal if name is None else literal + self._shown(self.value(name, row), form)
                       for literal, name, form in parts)

    def value(self, name: str, row: Mapping[str, Any] | None = None) -> Any:
        """The value of a dotted name; None when there is none."""
        first, *further = name.split(".")
        value = row[first] if row is not None and first in row else self._data.get(first)
        for one in further:
            value = value.get(one) if isinstance(value, Mapping) else None
        return value

    def has(self, name: str, row: Mapping[str, Any] | None = None) -> bool:
        """Whether there is something to show under a name; a number of nought is something."""
        value = self.value(name, row)
        return value is not None and value is not False and value != "" and value != [] and value != {}

    @staticmethod
    def _shown(value: Any, form: str) -> str:
        if type(value) is str and value and form in ("", "?", "long"):
            return value
        if value is None or value == "":
            return {"date": "ngày …… tháng …… năm ………", "?": "", "long": _LONG_DOTS}.get(form, DOTS)
        match form:
            case "date" | "day" | "date_words":
                day = value if isinstance(value, date) else date.fromisoformat(str(value)[:10])
                return (words.date_text(day) if form == "date" else
                        words.date_words(day) if form == "date_words" else f"{day:%d/%m/%Y}")
            case "words":
                return words.number_words(int(value))
            case "both":
                shown = f"{value:02d}" if 0 < value < 10 else words.figures(value)
                return f"{shown} ({words.number_words(int(value))})"
            case "two":         # numbers under 10 have a nought before them on administrative papers
                return f"{value:02d}" if isinstance(value, int) else str(value)
        if isinstance(value, bool):
            return "có" if value else "không"
        if isinstance(value, (int, float)):
            return str(value) if form == "plain" else words.figures(value)
        return ", ".join(map(str, value)) if isinstance(value, Sequence) and not isinstance(value, str) else str(value)


@lru_cache(1024)
def _parsed(pattern: str) -> tuple[tuple[str, str | None, str], ...]:
    return tuple((literal, name, form or "") for literal, name, form, _ in string.Formatter().parse(pattern))


def names(table: Any, key: str = "") -> set[str]:
    """The names of all values that a table or a part of it asks for."""
    if isinstance(table, Mapping):
        return set().union(*(names(value, name) for name, value in table.items()))
    if isinstance(table, str):
        found = [table] if key in {"of", "if", "unless"} else [name for _, name, _ in _parsed(table) if name]
        return {name.partition(".")[0] for name in found}
    if not isinstance(table, Sequence):
        return set()
    if key == "pairs":      # label, pattern and, of some, the value without which the line is left away
        return set().union(*(names(pair[1]) | {*pair[2:]} for pair in table))
    return set().union(*map(names, table))


def fill(table: Mapping[str, Any], data: Mapping[str, Any]) -> dict[str, Any]:
    """The content of a paper: heading, title, blocks, who signs and who receives, all of it text.

    Raises PaperError when `data` holds a value that the table nowhere asks for (`check` may always be there).
    """
    unknown = set(data) - names(table) - {"check"}
    if unknown:
        raise PaperError(f"not on this paper: {', '.join(sorted(unknown))}")
    filling = Filling(data)
    heading = {key: _heading(filling, key, value) for key, value in table.get("heading", {}).items()}
    return {
        "landscape": bool(table.get("landscape", False)), "heading": heading or None,
        "kind": filling.text(table.get("kind", "")), "subject": filling.text(table.get("subject", "")),
        "notes": [text for pattern in table.get("notes", ()) if (text := _if(filling, pattern))],
        "to": _texts(filling, table.get("to", ())), "authority": filling.text(table.get("authority", "")),
        "blocks": [block for one in table.get("block", ()) for block in _blocks(filling, one)],
        "signers": [signer for one in table.get("signer", ()) for signer in _signers(filling, one)],
        "recipients": _texts(filling, table.get("recipients", ())),
    }


def _heading(filling: Filling, key: str, value: Any) -> Any:
    """One value of the heading; names of agencies and what stands beside them are lists of lines."""
    if key in ("superior", "agency"):
        return [line for line in filling.text(value).split("\n") if line]
    return _texts(filling, value) if key == "beside" else filling.text(value) if isinstance(value, str) else value


def _if(filling: Filling, pattern: str | Mapping[str, Any]) -> str:
    """The text of a line; of one with `if`, only when that value is there."""
    if isinstance(pattern, str):
        return filling.text(pattern)
    return filling.text(pattern["text"]) if filling.has(pattern["if"]) else ""


def _texts(filling: Filling, patterns: Iterable[str | Mapping[str, Any]]) -> list[str]:
    """Lines; one with `of` makes a line of each of these values."""
    found = []
    for one in patterns:
        if isinstance(one, Mapping) and "of" in one:
            found += [filling.text(one.get("text", "{it}"), _row(each)) for each in filling.value(one["of"]) or ()]
        else:
            found.append(_if(filling, one))
    return [text for text in found if text]


def _row(each: Any, n: int = 0) -> Mapping[str, Any]:
    """The values of one of many; a plain text is its `it`."""
    return {"n": n, **(each if isinstance(each, Mapping) else {"it": each})}


def _blocks(filling: Filling, block: Mapping[str, Any]) -> list[dict[str, Any]]:
    if "if" in block and not filling.has(block["if"]):
        return []
    if "unless" in block and filling.has(block["unless"]):
        return []
    kind = block.get("type", "text")
    if kind == "table":
        return [_table(filling, block)]
    if kind == "facts":
        return [{"type": "facts", "pairs": [
            [label, filling.text(pattern)] for label, pattern, *needed in block["pairs"]
            if not needed or filling.has(needed[0])]}]
    if "of" not in block:
        return [{"type": kind, **{key: filling.text(block[key]) for key in ("head", "text") if key in block}}]
    rows = filling.value(block["of"]) or [{}] * block.get("empty", 0)
    texts = [filling.text(block["text"], _row(each, n)) for n, each in enumerate(rows, 1)]
    if kind == "text" and texts and texts[-1].endswith(";"):        # an enumeration ends with a full stop
        texts[-1] = texts[-1].removesuffix(";") + "."
    return [{"type": kind, "text": text} for text in texts]


def _table(filling: Filling, block: Mapping[str, Any]) -> dict[str, Any]:
    columns = [{"head": one["head"], "width": one.get("width", 10), "align": one.get("align", "left")}
               for one in block["columns"]]
    patterns = [one["text"] for one in block["columns"]]
    rows: list[list[str] | str] = []
    n = 0
    for each in filling.value(block["of"]) or ():
        if "heading" in each and len(each) == 1:            # a heading between rows
            rows.append(str(each["heading"]))
            continue
        n += 1
        values = _row(each, n)
        rows.append([filling.text(pattern, values) for pattern in patterns])
    if not rows:
        rows = [[""] * len(columns) for _ in range(block.get("empty", 1))]
    total = [filling.text(one) for one in block["total"]] if "total" in block else None
    return {"type": "table", "columns": columns, "rows": rows, "size": block.get("size", 11.5), "total": total}


def _signers(filling: Filling, one: Mapping[str, Any]) -> list[dict[str, Any]]:
    if "if" in one and not filling.has(one["if"]):
        return []
    rows = [None] if "of" not in one else [_row(each) for each in filling.value(one["of"]) or ()]
    return [{"lines": [text for line in one["lines"] for text in filling.text(line, row).split("\n") if text],
             "note": one.get("note", ""), "name": filling.text(one["name"], row)} for row in rows]
