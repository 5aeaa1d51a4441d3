"""Rows of a registry list that tell of documents inside a long scan, not of files: by its name, or by its sheets.

Takes such rows away from those that name files (registry.py), so that none is called lost or contradictory for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from archive.findings import Finding, finding
from ingest.sources.registry import Row, fields_of, file_meant
from ingest.sources.scan_plan import code_of, ordinal_of

_SCANS = {".pdf", ".tif", ".tiff", ".jpg", ".jpeg", ".png", ".jp2"}
_SHOWN = 20


def take(rows: Sequence[Row], scans: Mapping[str, Mapping[str, Any]], names: Iterable[str], folder: str,
         subject: str) -> tuple[list[Row], dict[str, list[dict[str, Any]]]]:
    """The rows of the list `subject` that name files, and by scan those that tell of its documents, in their order.

    `scans`: what was seen on the pages of long scans (scan_reading.look) by their names; `names`: all files that the
    list, which lies in `folder`, may mean.
    """
    means_file, means_scan = file_meant(names), file_meant(scans)
    own: dict[str, list[tuple[Row, dict[str, Any]]]] = {}
    for row in rows:
        fields, beside = fields_of(row)
        told = {"file": row.file_name, "fields": fields, "beside": beside, "list": subject, "line": row.line}
        named = means_scan(row.file_name, folder)
        if len(named) == 1:
            own.setdefault(named[0], []).append((row, told))
        elif not means_file(row.file_name, folder) and ordinal_of(told):
            holds = [name for name, noted in scans.items() if _within(noted, code_of(told), ordinal_of(told))]
            if len(holds) == 1:
                own.setdefault(holds[0], []).append((row, told))
    taken: dict[str, list[dict[str, Any]]] = {}
    for name, pairs in own.items():
        if len(pairs) > 1 or (scans[name]["sheets"] and ordinal_of(pairs[0][1])):
            taken[name] = [told for _row, told in pairs]
    away = {id(row) for name in taken for row, _told in own[name]}
    return [row for row in rows if id(row) not in away], taken


def not_named(names: Iterable[str], told: Iterable[str], folder: str, subject: str) -> list[Finding]:
    """The finding about scans beside the list that no row names; `told`: those that a list of tonight tells of."""
    known = set(told)
    extra = sorted(name for name in names if name not in known and name.rpartition("/")[0] == folder
                   and PurePosixPath(name).suffix.lower() in _SCANS)
    if not extra:
        return []
    shown = ", ".join(extra[:_SHOWN]) + (f" … (+{len(extra) - _SHOWN})" if len(extra) > _SHOWN else "")
    return [finding("SCAN-032", subject, part=0, page=1, document=shown)]


def _within(noted: Mapping[str, Any], code: str, ordinal: int) -> bool:
    """Whether the document stands between the sheets of a scan: on a sheet, or in a gap of theirs."""
    have = [one["ordinal"] for one in noted["sheets"] if one["kind"] == "D" and one["code"] == code]
    return bool(have) and min(have) <= ordinal <= max(have)
