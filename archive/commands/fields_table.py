"""The fields of a record as the circular lists them: every row, in printed order, filled or not."""

from __future__ import annotations

from collections.abc import Mapping

from rich.markup import escape

from archive.fields.names import field_name, shown_fields
from archive.fields.tables import Row, profile
from archive.i18n import _, language
from archive.terminal import print_table

REGIME = "tt05_2025"


def print_fields(values: Mapping[str, str], level: str, entered: Mapping[str, str]) -> None:
    """Print the rows of TT 05/2025 (AIP_hoso) for `level` with `values`; then what was entered beside them."""
    rows = profile(REGIME).table(level, "AIP_hoso")
    told = shown_fields({row.key: values.get(row.tag, "") for row in rows}, REGIME)
    print_table(_("Fields of TT 05/2025/TT-BNV"), ("#", _("Field"), _("Tag"), _("Value")), [
        (row.order, _name(row), row.tag, escape(told.get(row.key, "")) or "—") for row in rows])
    known = {key for row in rows for key in (row.key, row.tag, f"{row.key}Text")}
    others = shown_fields({key: value for key, value in entered.items() if key not in known and value}, REGIME)
    if others:
        print_table(_("Kept beside them"), (_("Field"), _("Tag"), _("Value")), [
            (field_name(key, REGIME, language()), key, escape(value)) for key, value in sorted(others.items())])


def _name(row: Row) -> str:
    return row.name_vi if language() == "vi" else row.name_en
