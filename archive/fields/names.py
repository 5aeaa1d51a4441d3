"""The names of fields as a person reads them: from the tables of the regime, then from our own."""

from __future__ import annotations

from functools import cache

from archive.fields.normalise import with_words
from archive.fields.own import own_rows
from archive.fields.tables import profile


def field_name(key: str, regime: str, language: str = "vi") -> str:
    """The name of the field `key` under `regime` in `language`; the key itself where no table has it."""
    return _names(regime, language).get(key, key)


def regime_name(regime: str, language: str = "vi") -> str:
    """What a regime's circular is called, such as "Thông tư 05/2025/TT-BNV"."""
    told = profile(regime)
    return told.title_vi if language == "vi" else told.title_en


def shown_fields(fields: dict[str, str], regime: str) -> dict[str, str]:
    """`fields` for reading: a coded value has its text beside it ("01 Tiếng Việt"), which is no line of its own."""
    told = with_words(fields, regime)
    return {key: " ".join(filter(None, (value, told.get(f"{key}Text", "")))) for key, value in fields.items()
            if not (key.endswith("Text") and key.removesuffix("Text") in fields)}


@cache
def _names(regime: str, language: str) -> dict[str, str]:
    rows = [*profile(regime).rows, *own_rows("document"), *own_rows("file")]
    found: dict[str, str] = {}
    for row in rows:
        for key in (row.key, row.tag):
            if key:
                found.setdefault(key, row.name_vi if language == "vi" else row.name_en)
    return found
