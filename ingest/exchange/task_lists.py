"""Lists of tasks as JSON and CSV; a cell of the CSV never becomes a formula in an office program."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import asdict
from datetime import date
from typing import Any

from archive.i18n import _
from ingest.exchange.tasks import Task

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
# (key, whether a column of the CSV); the JSON has everything.
COLUMNS = ("id", "kind", "code", "document", "stored", "giver", "giver_name", "assignee", "subject", "given",
           "first_due", "due", "extensions", "state", "answered_on", "answered_by", "answered_stored", "days_late")


def as_dict(one: Task) -> dict[str, Any]:
    """A task for machines."""
    told = asdict(one)
    told["extensions"] = [{key: _text(value) for key, value in each.items()} for each in told["extensions"]]
    return {key: _text(value) if not isinstance(value, (int, list)) else value for key, value in told.items()}


def as_csv(found: Sequence[Task]) -> bytes:
    """The list as CSV (UTF-8 with BOM, so that office programs see Vietnamese), one line a task."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\r\n")
    writer.writerow([heading(name) for name in COLUMNS])
    for one in found:
        told = as_dict(one)
        told["extensions"] = "; ".join(f"{each['until']} ({each['document']})" for each in told["extensions"])
        told["state"], told["kind"] = state_name(one.state), kind_name(one.kind)
        writer.writerow([_cell(str(told[name])) for name in COLUMNS])
    return b"\xef\xbb\xbf" + stream.getvalue().encode()


def heading(name: str) -> str:
    """A column's name in words."""
    return {"id": _("Task"), "kind": _("Kind"), "code": _("Task code"), "document": _("Given by document"),
            "stored": _("Our code of it"), "giver": _("Agency that gave it"), "giver_name": _("Its name"),
            "assignee": _("Given to"), "subject": _("Content"), "given": _("Given on"), "first_due": _("First term"),
            "due": _("Due"), "extensions": _("Extended until"), "state": _("State"), "answered_on": _("Answered on"),
            "answered_by": _("Answered by document"), "answered_stored": _("Our code of the answer"),
            "days_late": _("Days late")}[name]


def state_name(state: str) -> str:
    """How a task stands, in words."""
    return {"open": _("in its term"), "late": _("overdue"), "answered": _("answered in time"),
            "answered_late": _("answered late")}[state]


def kind_name(kind: str) -> str:
    """What is asked for, in words."""
    return {"task": _("task"), "reply": _("answer wanted")}[kind]


def _cell(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA) else text


def _text(value: Any) -> str:
    return value.isoformat() if isinstance(value, date) else "" if value is None else str(value)
