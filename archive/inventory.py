"""Inventories: what an OCFL object says that it holds, and how that is read and written.

The inventory of a large case file has megabytes. It is read, checked and parsed once for as many questions as are
asked, and must never be believed without its sidecar, the file that states its hash.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import orjson

from archive.errors import IntegrityError
from archive.files import write_atomically

INVENTORY = "inventory.json"
SIDECAR = f"{INVENTORY}.sha512"

Stamp = tuple[int, ...]


@dataclass(frozen=True)
class Inventory:
    """An object's inventory as it stands in JSON (`told`: never changed in place), and its answers."""

    told: Mapping[str, Any] = field(repr=False)

    @property
    def head(self) -> str:
        """The newest version, as OCFL names it: "v3"."""
        return str(self.told["head"])

    @property
    def number(self) -> int:
        """The number of the newest version."""
        return int(self.head[1:])

    @property
    def manifest(self) -> Mapping[str, list[str]]:
        """SHA-512 → where these bytes lie, seen from the object's folder."""
        manifest: Mapping[str, list[str]] = self.told["manifest"]
        return manifest

    @property
    def fixity(self) -> Mapping[str, list[str]]:
        """SHA-256 → where these bytes lie."""
        fixity: Mapping[str, list[str]] = self.told.get("fixity", {}).get("sha256", {})
        return fixity

    def state(self, version: str = "") -> Mapping[str, list[str]]:
        """SHA-512 → logical paths of the newest version, or of `version`."""
        state: Mapping[str, list[str]] = self.told["versions"][version or self.head]["state"]
        return state

    @cached_property
    def paths(self) -> Mapping[str, str]:
        """Logical path → SHA-512 in the newest version."""
        return by_path(self.state())

    @cached_property
    def sha256(self) -> Mapping[str, str]:
        """Where bytes lie → their SHA-256."""
        return by_path(self.fixity)


def by_path(by_digest: Mapping[str, list[str]]) -> dict[str, str]:
    """Path → digest, from OCFL's digest → paths."""
    return {path: digest for digest, paths in by_digest.items() for path in paths}


def as_bytes(told: Mapping[str, Any]) -> bytes:
    """An inventory as it is written: keys sorted, no blanks, UTF-8, closed by a newline."""
    return orjson.dumps(told, option=orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE)


def sidecar(data: bytes) -> bytes:
    """The sidecar that belongs to the inventory `data`."""
    return f"{hashlib.sha512(data).hexdigest()} {INVENTORY}\n".encode()


def read(folder: Path) -> Inventory:
    """The inventory in `folder` (an object or one of its versions), as it stands. Raises OSError, ValueError."""
    return Inventory(orjson.loads((folder / INVENTORY).read_bytes()))


def stamp(folder: Path) -> Stamp:
    """What tells that an object has not been written to: identity, time and size of inventory and sidecar, versions.

    A sidecar that is not there counts as zeros. Raises FileNotFoundError without an inventory.
    """
    one = (folder / INVENTORY).stat()
    try:
        other = (folder / SIDECAR).stat()
    except FileNotFoundError:
        return (newest(folder), one.st_ino, one.st_mtime_ns, one.st_size, 0, 0, 0)
    return (newest(folder), one.st_ino, one.st_mtime_ns, one.st_size, other.st_ino, other.st_mtime_ns, other.st_size)


def newest(folder: Path) -> int:
    """The highest number of a version's folder; 0 when there is none."""
    names = (place.name for place in folder.iterdir())
    return max((int(name[1:]) for name in names if name[0] == "v" and name[1:].isdecimal()), default=0)


def whole(folder: Path) -> Inventory:
    """The inventory of the object in `folder`, after finishing a put that was killed between its last renames.

    Raises IntegrityError when inventory, sidecar and versions do not agree, OSError, ValueError.
    """
    data, last = (folder / INVENTORY).read_bytes(), newest(folder)
    agrees = sidecar_is_right(folder, data)
    inventory = Inventory(orjson.loads(data))
    if last == inventory.number and agrees:
        return inventory
    place = folder / f"v{last}"
    if last not in (inventory.number, inventory.number + 1) or not sidecar_is_right(place):
        raise IntegrityError(f"{folder}: inventory and versions do not agree; run `luutru fixity check`")
    data = (place / INVENTORY).read_bytes()
    adopt(folder, data, sidecar(data))
    return Inventory(orjson.loads(data))


def adopt(folder: Path, data: bytes, beside: bytes) -> None:
    """Make `data`, a version's inventory, that of the object; the sidecar last, so that a kill in between shows."""
    write_atomically(folder / INVENTORY, data)
    write_atomically(folder / SIDECAR, beside)


def sidecar_is_right(folder: Path, data: bytes | None = None) -> bool:
    """Whether the sidecar in `folder` states the hash of the inventory beside it (`data`, where that was read)."""
    try:
        stated = (folder / SIDECAR).read_text().split()[0]
        held = (folder / INVENTORY).read_bytes() if data is None else data
    except (OSError, IndexError):
        return False
    return hashlib.sha512(held).hexdigest() == stated
