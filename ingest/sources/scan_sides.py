"""Scans made side by side: a file of the fronts and a file of the backs become one order of pages.

Only when the setting `scans.sides` says how; the names tell which two files belong together (scan_sides.toml).
"""

from __future__ import annotations

import tomllib
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from sqlalchemy import select
from sqlalchemy.orm import Session

from archive import model
from archive.settings import Settings
from ingest.copying import SourceError, hash_file
from ingest.sources import scan_pages
from ingest.sources.inbox import Waiting, remove_from_inbox
from ingest.sources.scan_plan import Place

Side = Literal["front", "back", ""]
_SUFFIXES = {".pdf", ".tif", ".tiff"}


@cache
def _rules() -> Mapping[str, Any]:
    with Path(__file__).with_suffix(".toml").open("rb") as stream:
        return tomllib.load(stream)


def joined(waiting: Sequence[Waiting], settings: Settings) -> list[Waiting]:
    """The files that wait, with each file of backs beside its file of fronts, when the settings ask for that."""
    how = settings.scans.sides
    if how == "off":
        return list(waiting)
    backs = {_key(one.name, how): one for one in waiting if side_of(one.name, how) == "back"}
    done = []
    taken = set()
    for one in waiting:
        if side_of(one.name, how) == "front" and (back := backs.get(_key(one.name, how))) is not None:
            taken.add(back.name)
            one = replace(one, back=back)
        done.append(one)
    return [one for one in done if one.name not in taken]


def side_of(name: str, how: str) -> Side:
    """Which side the file `name` is: "" for a scan of both, or of no concern here."""
    path = PurePosixPath(unicodedata.normalize("NFC", name))
    if how not in _rules() or path.suffix.lower() not in _SUFFIXES:
        return ""
    stem_ = path.stem.casefold()
    for side in ("front", "back"):
        if any(stem_.endswith(end) and len(stem_) > len(end) for end in _rules()[how][side]):
            return "front" if side == "front" else "back"
    return ""


def noted(name: str, settings: Settings, *, has_back: bool) -> dict[str, Any]:
    """What an item's facts say of its sides; {} for a scan that is not made side by side."""
    how = settings.scans.sides
    side = side_of(name, how) if how != "off" else ""
    return {"how": how, "side": side, "back": has_back} if side else {}


def one_sided(facts: Mapping[str, Any]) -> bool:
    """Whether the item is one side of a scan whose other side did not come."""
    sides = facts.get("sides") or {}
    return bool(sides) and not sides["back"]


def order(pages: Sequence[int], sides: Mapping[str, Any]) -> list[Place] | None:
    """The pages of a scan as a reader turns them; None when fronts and backs cannot be those of the same sheets."""
    if sides.get("how") == scan_pages.HOW:
        return [(file, 1) for file in range(1, len(pages) + 1)]
    if len(pages) == 1:
        return [(1, page) for page in range(1, pages[0] + 1)]
    front, back = pages
    if front != back:
        return None
    turned = _rules()[sides["how"]]["reversed"]
    return [place for sheet in range(1, front + 1)
            for place in ((1, sheet), (2, back + 1 - sheet if turned else sheet))]


def stem(name: str, sides: Mapping[str, Any]) -> str:
    """The stem of a file of fronts without what says so."""
    if not sides or sides["how"] == scan_pages.HOW:
        return name
    ends = sorted((end for end in _rules()[sides["how"]]["front"] if name.casefold().endswith(end)), key=len)
    return name[:-len(ends[-1])] if ends else name


def _key(name: str, how: str) -> tuple[str, str]:
    path = PurePosixPath(unicodedata.normalize("NFC", name))
    stem_ = path.stem.casefold()
    ends = sorted((end for side in ("front", "back") for end in _rules()[how][side] if stem_.endswith(end)), key=len)
    return str(path.parent), stem_[:-len(ends[-1])] if ends else stem_


def clear(session: Session, rows: Iterable[model.Item], waiting: Sequence[tuple[str, Waiting]]) -> None:
    """Remove from the inbox the backs and further pages that lie with their first files now; called before those go."""
    by_name = {(row.source, row.name): row for row in rows}
    for source, one in waiting:
        row = by_name.get((source, one.name))
        if row is None or not one.further or row.state in ("kept_out", "received", "failed"):
            continue
        told = session.scalars(select(model.Event.data).where(
            model.Event.kind.in_(("received", "package_received")), model.Event.subject == row.id))
        known = {part["sha256"] for data in told for part in (*data.get("beside", ()),
                                                              *data.get("scan", {}).get("files", ()))}
        known |= {part["sha256"] for part in (*row.facts.get("parts", ()), *row.facts.get("beside", ()))}
        for further in one.further:
            try:
                sha256 = hash_file(further.path).sha256
            except SourceError:         # gone, or being changed: the next night sees
                continue
            if sha256 in known:
                remove_from_inbox(further.path, sha256)
