"""Our own fields beside the legal tables (own.yaml), so that they are named and checked like the others."""

from __future__ import annotations

from functools import cache

from archive.fields.tables import Row, read_rows


@cache
def _rows() -> tuple[Row, ...]:
    return read_rows("own")


@cache
def own_rows(level: str, but: frozenset[str] = frozenset()) -> tuple[Row, ...]:
    """Our own rows for records of `level`, without those whose key is in `but` (the legal table has them)."""
    group = "document" if level.startswith("document") or level in ("photo", "av") else level
    return tuple(row for row in _rows() if row.level == group and row.key not in but)
