"""Inventories: what an OCFL object says that it holds, and how that is read and written.

The inventory of a large case file has megabytes. It is read, checked and parsed once for as many questions as are
asked, and must never be believed without its sidecar, the file that states its hash.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
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

# How the versions of an inventory stand in what `as_bytes` writes: as the last of its keys.
_VERSIONS = b'"versions":{'
_VERSION = re.compile(rb'"(v[1-9][0-9]*)":(?={"created":)')
_END = b"}}\n"


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


class Versions(Mapping[str, Any]):
    """The versions of an inventory by name, as they are written; one is parsed when it is asked for.

    Each lists every file that the object held then. A case file that grows night after night has an inventory of
    megabytes, and nearly always the newest version alone is wanted: the others are only written down again.
    """

    def __init__(self, written: Mapping[str, bytes]) -> None:
        self.written = written
        self._parsed: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._parsed:
            self._parsed[name] = orjson.loads(self.written[name])
        return self._parsed[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.written)

    def __len__(self) -> int:
        return len(self.written)


def versions_with(earlier: Mapping[str, Any], name: str, version: Mapping[str, Any]) -> Versions:
    """`earlier` versions, and one more."""
    written = earlier.written if isinstance(earlier, Versions) else {
        other: _dumped(told) for other, told in earlier.items()}
    return Versions({**written, name: _dumped(version)})


def same_versions(one: Mapping[str, Any], other: Mapping[str, Any], count: int) -> bool:
    """Whether `one` holds the first `count` versions of `other`, and nothing else."""
    names = {f"v{number}" for number in range(1, count + 1)}
    if one.keys() != names or not names <= other.keys():
        return False
    if isinstance(one, Versions) and isinstance(other, Versions):
        return all(one.written[name] == other.written[name] for name in names)
    return all(one[name] == other[name] for name in names)


def parsed(data: bytes) -> dict[str, Any]:
    """What the inventory `data` says; of one as `as_bytes` writes it the versions are parsed later (Versions).

    Raises ValueError when it is no JSON.
    """
    told: dict[str, Any] = _cut(data) or orjson.loads(data)
    return told


def _cut(data: bytes) -> dict[str, Any]:
    """An inventory with its versions as they are written; empty when that cannot be told."""
    place = data.find(_VERSIONS) + len(_VERSIONS)
    found = list(_VERSION.finditer(data, place))
    if place < len(_VERSIONS) or not data.endswith(_END) or not found or found[0].start() != place:
        return {}
    # What stands in quotes has a backslash before each quote of its own: no title of a file looks like a version.
    ends = [*(match.start() - 1 for match in found[1:]), len(data) - len(_END)]
    written = {match[1].decode(): data[match.end():end] for match, end in zip(found, ends, strict=True)}
    try:
        rest = orjson.loads(data[:place] + _END)
    except ValueError:
        return {}
    return {**rest, "versions": Versions(written)} if rest.get("versions") == {} and len(written) == len(found) else {}


def by_path(by_digest: Mapping[str, list[str]]) -> dict[str, str]:
    """Path → digest, from OCFL's digest → paths."""
    return {path: digest for digest, paths in by_digest.items() for path in paths}


def as_bytes(told: Mapping[str, Any]) -> bytes:
    """An inventory as it is written: keys sorted, no blanks, UTF-8, closed by a newline."""
    return orjson.dumps(told, _as_written, orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE)


def _as_written(versions: Any) -> dict[str, Any]:
    if not isinstance(versions, Versions):
        raise TypeError(type(versions).__name__)
    return {name: orjson.Fragment(data) for name, data in versions.written.items()}


def _dumped(version: Mapping[str, Any]) -> bytes:
    return orjson.dumps(version, option=orjson.OPT_SORT_KEYS)


def sidecar(data: bytes) -> bytes:
    """The sidecar that belongs to the inventory `data`."""
    return f"{hashlib.sha512(data).hexdigest()} {INVENTORY}\n".encode()


def read(folder: Path) -> Inventory:
    """The inventory in `folder` (an object or one of its versions), as it stands. Raises OSError, ValueError."""
    return Inventory(parsed((folder / INVENTORY).read_bytes()))


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
    inventory = Inventory(parsed(data))
    if last == inventory.number and agrees:
        return inventory
    place = folder / f"v{last}"
    if last not in (inventory.number, inventory.number + 1) or not sidecar_is_right(place):
        raise IntegrityError(f"{folder}: inventory and versions do not agree; run `luutru fixity check`")
    data = (place / INVENTORY).read_bytes()
    adopt(folder, data, sidecar(data))
    return Inventory(parsed(data))


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
