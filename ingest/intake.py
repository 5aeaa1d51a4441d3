"""The intake area: received bytes that are not stored yet, and how an item's row and its folder belong together.

Nothing here removes a received file but `leave`, which is called when the store (or a refusal that may keep no
content) has taken its place.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from archive import clock, layout, model
from archive.catalogue import SOME
from archive.files import fsync_folder, json_bytes, write_atomically
from archive.findings import Finding, Level, rules
from archive.records import finding_rows, set_findings
from archive.settings import Settings
from ingest.item import Item, Part

SIDECAR = "item.json"


def folder(settings: Settings, item_id: str) -> Path:
    """The folder of an item in the intake area."""
    return layout.intake_folder(settings) / item_id


def as_dict(item: Item) -> dict[str, Any]:
    """An item as JSON-ready values, for a worker process, a sidecar or the catalogue."""
    return {"id": item.id, "source": item.source, "name": item.name, "folder": str(item.folder),
            "received_at": clock.stamp(item.received_at), "fields": dict(item.fields),
            "parts": [part_as_dict(part, item.folder) for part in item.parts], "facts": dict(item.facts)}


def from_dict(data: dict[str, Any]) -> Item:
    """The item that `as_dict` described."""
    place = Path(data["folder"])
    parts = [Part(one["name"], one["role"], place / one["path"], one["size"], one["sha256"], one["sha512"],
                  one["format"]) for one in data["parts"]]
    return Item(data["id"], data["source"], data["name"], place, parts, clock.parse(data["received_at"]),
                dict(data["fields"]), dict(data["facts"]))


def from_row(row: model.Item, settings: Settings) -> Item:
    """The item of a catalogue row; its parts are among the row's facts once the item was taken in."""
    facts = dict(row.facts)
    place = folder(settings, row.id)
    # What came out of a package knows its files from there; of others the one received file is what is known, and the
    # signature files that lay beside it.
    parts = facts.pop("parts", None) or facts.get("package", {}).get("parts") or [*received_parts(
        place, row.name, row.size, row.sha256, row.sha512), *facts.get("beside", ())]
    return from_dict({"id": row.id, "source": row.source, "name": row.name, "folder": str(place), "parts": parts,
                      "received_at": row.received_at, "fields": row.fields, "facts": facts})


def received_parts(place: Path, name: str, size: int, sha256: str, sha512: str) -> list[dict[str, Any]]:
    """The one part of an item of which nothing is known but what was received."""
    received = place / "received"
    file = next((path for path in sorted(received.glob("*")) if path.is_file()), received / "lost")
    own = Path(name).name if file.suffix.lower() == Path(name).suffix.lower() else file.name   # a scan's first page
    return [{"name": own, "role": "original", "path": file.relative_to(place).as_posix(), "size": size,
             "sha256": sha256, "sha512": sha512, "format": ""}]


def note(session: Session, done: Sequence[tuple[Item, Iterable[Finding]]], state: str) -> None:
    """Write what the stages learned of some items into their rows, with few statements for all of them."""
    rows = {row.id: row for row in session.scalars(select(model.Item).where(
        model.Item.id.in_([item.id for item, _ in done])))}
    set_findings(session, list(rows), [row for item, findings in done for row in finding_rows(
        item.id, [found.as_dict() for found in findings])])
    for item, _ in done:
        row = rows[item.id]
        row.state, row.fields = state, dict(item.fields)
        row.facts = {**item.facts, "parts": [part_as_dict(part, item.folder) for part in item.parts]}


def findings_of(session: Session, items: Sequence[str]) -> dict[str, list[Finding]]:
    """The findings of some items in their order, by item."""
    found: dict[str, list[Finding]] = {item: [] for item in items}
    row = model.ItemFinding
    for start in range(0, len(items), SOME):
        for item, code, level, subject, params in session.execute(
                select(row.item, row.code, row.level, row.subject, row.params)
                .where(row.item.in_(items[start:start + SOME])).order_by(row.item, row.n)):
            found[item].append(Finding(code, Level[level], subject, params))
    return found


def answered_for(found: Iterable[Finding], accepted: Sequence[str]) -> list[Finding]:
    """A refusal that a person answers for (quarantine release --accept) becomes a note: it no longer holds the item.

    A final refusal stays one, whoever answers for it.
    """
    return [replace(one, level=Level.note) if one.level == Level.refused and one.code in accepted
            and not rules()[one.code].final else one for one in found]


def write_sidecar(item: Item) -> None:
    """Keep fields and facts of a waiting item beside its bytes, so that a rebuild finds them again."""
    write_atomically(item.folder / SIDECAR, sidecar(item))


def sidecar(item: Item) -> bytes:
    """What `write_sidecar` writes."""
    facts = {**item.facts, "parts": [part_as_dict(part, item.folder) for part in item.parts]}
    return json_bytes({"schema": "luutru/item/1", "id": item.id, "fields": item.fields, "facts": facts})


def read_sidecar(settings: Settings, item_id: str) -> dict[str, Any]:
    """What `write_sidecar` wrote. Raises FileNotFoundError."""
    data: dict[str, Any] = json.loads((folder(settings, item_id) / SIDECAR).read_bytes())
    return data


def leave(settings: Settings, item_id: str) -> None:
    """Remove an item's folder: its bytes are in the store, or may not be kept at all."""
    place = folder(settings, item_id)
    if place.exists():
        # The rename takes the folder out of sight in one step: a kill while removing leaves no half item.
        gone = place.with_name(f".gone-{item_id}")
        if gone.exists():
            shutil.rmtree(gone)
        place.rename(gone)
        shutil.rmtree(gone)
        fsync_folder(place.parent)


def sweep(settings: Settings) -> None:
    """Finish what a killed `leave` began; remove what machines made for a night that is over (ingest/machines)."""
    shutil.rmtree(layout.views_folder(settings), ignore_errors=True)
    for gone in layout.intake_folder(settings).glob(".gone-*"):
        shutil.rmtree(gone)


def part_as_dict(part: Part, place: Path) -> dict[str, Any]:
    """A part as JSON-ready values, its path under `place`, the item's folder."""
    return {"name": part.name, "role": part.role, "path": part.path.relative_to(place).as_posix(), "size": part.size,
            "sha256": part.sha256, "sha512": part.sha512, "format": part.format}
