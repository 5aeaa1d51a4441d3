"""Tags that a person may type: which there are, which are near a mistyped one, and which cannot be typed at all.

A mistyped tag would be kept and help nobody, so only tags of the tables are taken.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from difflib import get_close_matches

from archive.fields.own import own_rows
from archive.fields.tables import Row
from archive.fields.tables import profile as profile_of
from archive.i18n import _


def rows_of(profile: str, levels: Iterable[str]) -> dict[str, Row]:
    """The rows of the regime's own tables and of our own fields at `levels`, by the key that our records use.

    Raises KeyError for a level that the regime does not have.
    """
    regime = profile_of(profile)
    rows: dict[str, Row] = {}
    for level in levels:
        table = regime.table(level)
        for row in (*table, *own_rows(level, frozenset(row.key for row in table))):
            if row.key or row.tag:
                rows.setdefault(row.key or row.tag, row)
    return rows


def key_of(tag: str, *tables: Iterable[Row]) -> str:
    """The key that a tag as it is printed ("TypeName") stands for: by the first of `tables` that uses it for one field.

    Any other tag is its own key.
    """
    for rows in tables:
        found = {row.key for row in rows if tag in (row.tag, row.key) and row.key}
        if len(found) == 1:
            return found.pop()
    return tag


def unknown_tags(tags: Iterable[str], known: Collection[str]) -> list[str]:
    """For each tag that is not in `known`, a sentence with those near it, or with all that there are."""
    return [_said(tag, sorted(known)) for tag in tags if tag not in known]


def _said(tag: str, known: list[str]) -> str:
    if near := get_close_matches(tag, known, 3):
        return _("There is no field “{tag}”. Near it: {near}").format(tag=tag, near=", ".join(near))
    return _("There is no field “{tag}”. The fields are: {tags}; docs/fields.md says what each is.").format(
        tag=tag, tags=", ".join(known))
