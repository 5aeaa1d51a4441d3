"""Kinds of documents: which field table of a regime a document's fields follow.

The circulars describe texts, photos and negatives, and sound and film by different tables.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

Kind = Literal["document", "photo", "av"]       # the levels of the field tables

_MARKS: tuple[tuple[Kind, tuple[str, ...]], ...] = (
    ("photo", ("typePic", "imageTitle", "photoTime", "photographer", "photoPlace", "filmSize")),
    ("av", ("typeMedia", "movieTitle", "playTime", "recorder", "recordPlace", "recordDate")))


def kind_of(fields: Mapping[str, str]) -> Kind:
    """"photo" or "av" when a field is filled that only that table has; else "document", a text."""
    for kind, keys in _MARKS:
        if any(fields.get(key, "").strip() for key in keys):
            return kind
    return "document"
