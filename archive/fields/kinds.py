"""Kinds of documents: which field table of a regime a document's fields follow.

The circulars describe texts, photos and negatives, and sound and film by different tables.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from archive.fields.tables import Profile
from archive.spelling import fold

Kind = Literal["document", "photo", "av"]       # the levels of the field tables

# The fields that only the table of a kind has.
KEYS_OF: Mapping[Kind, tuple[str, ...]] = {
    "photo": ("typePic", "imageTitle", "photoTime", "photographer", "photoPlace", "filmSize"),
    "av": ("typeMedia", "movieTitle", "playTime", "recorder", "recordPlace", "recordDate")}


def kind_of(fields: Mapping[str, str]) -> Kind:
    """"photo" or "av" when a field is filled that only that table has; else "document", a text."""
    for kind, keys in KEYS_OF.items():
        if any(fields.get(key, "").strip() for key in keys):
            return kind
    return "document"


def direction(fields: Mapping[str, str]) -> str:
    """"đi" or "đến" as the record says it, with or without diacritics; "" when it does not say."""
    return {"di": "đi", "den": "đến"}.get(fold(fields.get("direction", "")), "")


def document_level(fields: Mapping[str, str], regime: Profile) -> str:
    """The table of `regime` that a document with these fields follows: of its kind, else of its direction, else texts.

    A regime without a table of its own for photos, sound and film has its table of texts for them.
    """
    kind = kind_of(fields)
    if kind != "document" and kind in _levels(regime):
        return kind
    return regime.by_direction.get(direction(fields), regime.levels["document"])


def document_levels(fields: Mapping[str, str], regime: Profile) -> list[str]:
    """Every table that a document may follow under `regime`, the one that it follows now first."""
    now = document_level(fields, regime)
    return list(dict.fromkeys([now, regime.levels["document"], *regime.by_direction.values(),
                               *(kind for kind in KEYS_OF if kind in _levels(regime))]))


def _levels(regime: Profile) -> frozenset[str]:
    return frozenset(row.level for row in regime.rows)


def title_of(fields: Mapping[str, str]) -> str:
    """What people call a document: its subject, or the title of a photo, film or recording."""
    return next((fields[key] for key in ("subject", "imageTitle", "movieTitle") if fields.get(key, "").strip()), "")
