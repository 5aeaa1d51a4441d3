"""Urgency: which items go first, through a night and to machines, as far as is known before they are read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from archive import clock
from ingest.item import Item

_URGENT = ("khẩn", "hỏa tốc", "hoả tốc")


def is_urgent(item: Item) -> bool:
    """Whether the document is marked as urgent (Khẩn, Thượng khẩn, Hỏa tốc), as far as is known before it is read."""
    return is_marked({**item.fields, **item.facts.get("registry", {})})


def is_marked(fields: Mapping[str, Any]) -> bool:
    """Whether these fields of a document bear a mark of urgency."""
    told = " ".join(str(fields.get(tag, "")) for tag in ("priority", "priorityCode")).casefold()
    return any(word in told for word in _URGENT)


def in_order(items: Iterable[Item]) -> list[Item]:
    """Urgent ones first, then those of earlier nights, of one night the largest first: it must not come last alone."""
    return sorted(items, key=lambda item: (
        not is_urgent(item), clock.night_of(item.received_at), -sum(part.size for part in item.parts)))
