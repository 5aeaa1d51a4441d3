"""Lists: keep the registry lists of the night as they were received, but for rows about state secrets.

A list says number, subject and signer of every document it names. Of a document that was kept out for its secrecy
mark not even that may stay (promise 8), so such a list is kept as its other rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import select

from archive import layout, model
from archive.catalogue import record
from archive.files import json_bytes
from archive.findings import Finding, Level, finding, rules
from archive.ledger import Entry, event_key
from archive.opening import Archive
from archive.records import finding_rows, set_findings
from archive.store import NewFile
from ingest import intake
from ingest.secrecy import secrecy_findings
from ingest.sources import registry


@dataclass(frozen=True, slots=True)
class _Kept:
    """What is kept of a list: its path in the object and its content, and how many rows were left out."""

    path: str
    content: NewFile
    left_out: int


def store_lists(archive: Archive, batch: str, now: datetime) -> None:
    """Put the night's lists into the batch's object; safe to say again. Raises OSError when the disk is full."""
    with archive.catalogue.session() as session:
        rows = list(session.scalars(select(model.Item).where(model.Item.batch == batch, model.Item.state == "list")
                                    .order_by(model.Item.name)))
        secret = list(session.scalars(select(model.Item.name).where(model.Item.state == "kept_out")))
    held = {row.id: _kept(archive, row, secret) for row in rows if intake.folder(archive.settings, row.id).exists()}
    if not held:
        return
    names = {row.id: {"name": row.name, "sha256": row.sha256, "sha512": row.sha512,
                      "rows_left_out": held[row.id].left_out} for row in rows if row.id in held}
    files = {kept.path: kept.content for kept in held.values()}
    files["metadata/lists.json"] = NewFile(json_bytes({"schema": "luutru/lists/1", "batch": batch, "lists": names}))
    archive.store.put(layout.batch_object(batch), files, message=f"batch {batch}", user="luutru", created=now)
    for row in rows:
        if row.id in held and held[row.id].left_out:
            _note(archive, row, held[row.id].left_out)


def _kept(archive: Archive, row: model.Item, secret: Sequence[str]) -> _Kept:
    item = intake.from_row(row, archive.settings)
    read = registry.read_list(item.main.path, row.name, long_scans=True)
    matched, _ = registry.match(read.rows, secret, folder=row.name.rpartition("/")[0])
    left_out = {one.line for one in matched.values()}
    left_out |= {one.line for one in read.rows if _is_secret(one)}
    if not left_out:
        path = f"metadata/lists/{row.id}{Path(row.name).suffix.lower()}"
        return _Kept(path, NewFile(item.main.path, sha512=row.sha512, sha256=row.sha256), 0)
    rest: list[dict[str, Any]] = [{"line": one.line, "sheet": one.sheet, "cells": dict(one.raw)} for one in read.rows
                                  if one.line not in left_out]
    content = json_bytes({"schema": "luutru/list/1", "name": row.name, "left_out": sorted(left_out), "rows": rest})
    return _Kept(f"metadata/lists/{row.id}.json", NewFile(content), len(left_out))


def _is_secret(row: registry.Row) -> bool:
    return any(rules()[found.code].keep_out for found in secrecy_findings(row.fields, "", row.file_name))


def _note(archive: Archive, row: model.Item, count: int) -> None:
    with archive.catalogue.session() as session:
        known = [Finding(one.code, Level[one.level], one.subject, one.params) for one in session.scalars(
            select(model.ItemFinding).where(model.ItemFinding.item == row.id).order_by(model.ItemFinding.n))]
        if any(found.code == "LIST-014" for found in known):
            return
        found = [one.as_dict() for one in (*known, finding("LIST-014", row.name, count=count))]
        record(session, archive.ledger, [Entry("list_redacted", row.id, {"batch": row.batch, "findings": found},
                                               event_key("list_redacted", row.id))])
        set_findings(session, [row.id], finding_rows(row.id, found))
