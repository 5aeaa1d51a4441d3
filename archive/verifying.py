"""Verifying one object of a store: every file that lies there against every file that should.

Reads each file once. The caller says by which inventory (the object's own, or the one that is known to be true), and
gets faults, each with the digest that was stated and the one that was found. Changes nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import orjson

from archive import inventory
from archive.files import json_bytes
from archive.i18n import _
from archive.inventory import INVENTORY, SIDECAR, Inventory, Versions
from archive.reading import digests_of, entries, read_small, shown

NAMASTE = "0=ocfl_object_1.1"
NAMASTE_BYTES = b"ocfl_object_1.1\n"
HALF_DONE = {f".{INVENTORY}.tmp", f".{SIDECAR}.tmp"}      # a write that did not happen (docs/format.md)
BOTH = ("sha512", "sha256")


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing in an object that is not as it was written.

    `kind`: changed, missing, extra (in no inventory), kind (a link or a folder where a file should be), inventory,
    sidecar; of a whole object: gone, rolled_back (an older version than was stored), misplaced (another object lies
    here), disagrees (two copies that are each whole in themselves differ), ahead (a copy holds a version of which
    store and ledger know nothing), unknown (nothing says what it should be), destroyed (it should be here no more).
    `path` is seen from the object's folder ("" the object itself); digests are hex, "" where there is none.
    """

    kind: str
    path: str
    stated: str = ""
    found: str = ""

    def sentence(self, name: str) -> str:
        """The fault in words; `name` is the object's."""
        return _SENTENCES[self.kind]().format(object=name, path=shown(self.path), head=self.path.split("/")[0],
                                              stated=self.stated, found=self.found)

    def as_dict(self) -> dict[str, str]:
        """For the ledger."""
        return {"kind": self.kind, "path": shown(self.path), "stated": self.stated, "found": self.found}


@dataclass(frozen=True)
class Told:
    """An inventory: its bytes, what they say, and where they were read (a path from the object's folder)."""

    data: bytes = field(repr=False)
    held: Inventory
    where: str

    @property
    def sha512(self) -> str:
        """The digest that the sidecar must state."""
        return hashlib.sha512(self.data).hexdigest()

    @property
    def object_id(self) -> str:
        """Whose inventory it is."""
        return str(self.held.told["id"])


def own_inventory(folder: Path) -> Told | None:
    """The newest inventory in the object's folder that its sidecar proves: the object's, else its newest version's.

    None when there is none. A half-finished put counts as finished: its version carries the inventory.
    """
    try:
        newest = inventory.newest(folder)
    except (OSError, IndexError):
        return None
    own = proved(folder, "")
    if own is not None and own.held.number == newest:
        return own
    other = proved(folder, f"v{newest}/")
    return max((one for one in (own, other) if one is not None and one.held.number <= newest),
               key=lambda told: told.held.number, default=None)


def proved(folder: Path, inside: str) -> Told | None:
    """The inventory in `inside` the object's folder ("" or "v3/") when its sidecar states its hash, else None."""
    try:
        data = proved_bytes(folder, inside)
        return None if data is None else Told(data, _parsed(data), f"{inside}{INVENTORY}")
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def proved_bytes(folder: Path, inside: str) -> bytes | None:
    """The bytes of that inventory, whatever they say; None where the sidecar does not state their hash."""
    try:
        if any(place.is_symlink() for place in (folder, folder / inside)):
            return None
        data = read_small(folder / inside / INVENTORY)
        stated = read_small(folder / inside / SIDECAR).split(b" ", 1)[0].decode()
    except (OSError, ValueError):
        return None
    return data if hashlib.sha512(data).hexdigest() == stated else None


def compare(folder: Path, truth: Told, *, both: bool = False, strict: bool = False,
            tell: Callable[[int, int], None] = lambda done, total: None) -> tuple[list[Fault], int]:
    """What in `folder` is not as `truth` says, and how many bytes were read. Raises OSError when it cannot be listed.

    Content is read for its SHA-256, the digest that ledger, seals and packages carry and that processors compute
    fastest; for its SHA-512 where the inventory states no other, and for both in one pass when `both` are wanted. A
    changed SHA-512 in an inventory cannot hide behind that: the inventory itself is held against its sidecar, its
    version, its copies and the seal of its night. `strict`: each earlier inventory must be the beginning of the true
    one, too, and not only have its sidecar's hash.
    """
    held = truth.held
    present = entries(folder)
    expected = inventory.by_path(held.manifest)
    faults: list[Fault] = []
    read = _own_files(folder, truth, present, faults, strict=strict)
    reading: list[str] = []
    for path in sorted(expected):
        if path not in present:
            faults.append(Fault("missing", path, expected[path]))
        elif present[path] != "file":
            faults.append(Fault("kind", path, expected[path]))
        else:
            reading.append(path)
    places = [f"{folder}/{path}" for path in reading]
    wanted = [BOTH if both else ("sha256",) if path in held.sha256 else ("sha512",) for path in reading]
    for path, algorithms, got in zip(reading, wanted, digests_of(places, wanted, lambda done: tell(done, len(reading))),
                                     strict=True):
        stated = {"sha512": expected[path], "sha256": held.sha256.get(path, "")}
        if isinstance(got, OSError):
            faults.append(Fault("changed", path, stated[algorithms[0]], f"{type(got).__name__} {got.errno}"))
            continue
        for algorithm, digest in zip(algorithms, got, strict=True):
            if stated[algorithm] and stated[algorithm] != digest:
                faults.append(Fault("changed", path, stated[algorithm], digest))
                break
    for path in reading:
        read += (folder / path).lstat().st_size
    faults += _extra(present, {*expected, *_own_names(held.number)}, held.number)
    return faults, read


def own_faults(folder: Path, truth: Told) -> list[Fault]:
    """What is wrong with the declaration, the inventories and the sidecars alone."""
    faults: list[Fault] = []
    _own_files(folder, truth, entries(folder), faults, strict=True)
    return faults


def _own_names(number: int) -> Iterator[str]:
    """The files that make a folder an object, besides its content."""
    yield from (NAMASTE, INVENTORY, SIDECAR)
    for version in range(1, number + 1):
        yield from (f"v{version}/{INVENTORY}", f"v{version}/{SIDECAR}")


def _own_files(folder: Path, truth: Told, present: dict[str, str], faults: list[Fault], *, strict: bool) -> int:
    """Check declaration, inventories and sidecars; return the bytes read."""
    read = 0
    head = truth.held.head
    known = {NAMASTE: NAMASTE_BYTES, INVENTORY: truth.data, SIDECAR: inventory.sidecar(truth.data),
             f"{head}/{INVENTORY}": truth.data, f"{head}/{SIDECAR}": inventory.sidecar(truth.data)}
    data: dict[str, bytes] = {}
    for path in _own_names(truth.held.number):
        if path not in present:
            faults.append(Fault("missing", path))
            continue
        if present[path] != "file":
            faults.append(Fault("kind", path))
            continue
        try:
            data[path] = read_small(folder / path)
        except OSError as error:
            faults.append(Fault("changed", path, "", f"{type(error).__name__} {error.errno}"))
            continue
        read += len(data[path])
        if path in known and data[path] != known[path]:
            kind = "sidecar" if path.endswith(SIDECAR) else "inventory" if path.endswith(INVENTORY) else "changed"
            faults.append(Fault(kind, path, hashlib.sha512(known[path]).hexdigest(),
                                hashlib.sha512(data[path]).hexdigest()))
    for version in range(1, truth.held.number):
        one, beside = f"v{version}/{INVENTORY}", f"v{version}/{SIDECAR}"
        agree = one in data and beside in data and data[beside] == inventory.sidecar(data[one])
        if one not in data or (agree and not strict):
            continue
        # Which of the two was changed? The inventory must still be the beginning of the newest.
        sound = begins(data[one], truth, version)
        if not sound:
            faults.append(Fault("inventory", one, "", hashlib.sha512(data[one]).hexdigest()))
        if beside in data and (not agree if sound else agree):
            faults.append(Fault("sidecar", beside, "", hashlib.sha512(data[beside]).hexdigest()))
    return read


def begins(data: bytes, truth: Told, version: int) -> bool:
    """Whether `data` is the inventory of the same object's earlier `version`, as `truth` tells its versions."""
    try:
        told, later = inventory.parsed(data), truth.held.told
        return bool(told["id"] == later["id"] and told["head"] == f"v{version}"
                    and inventory.same_versions(told["versions"], later["versions"], version)
                    and (data == inventory.as_bytes(told)
                         or data == json_bytes({**told, "versions": dict(told["versions"])})))  # 0.1.0 indented them
    except (ValueError, KeyError, TypeError):
        return False


def _extra(present: dict[str, str], expected: set[str], number: int) -> Iterator[Fault]:
    """What lies there without being expected; a folder in which nothing is expected is named once, as a whole.

    Folders that hold nothing at all are no fault: a put may leave one behind.
    """
    folders = {"", *(above for path in expected for above in _above(path))}
    folders.update(f"v{version}/content" for version in range(1, number + 1))
    filled = {above for path, kind in present.items() if kind != "folder" for above in _above(path)}
    for path, kind in sorted(present.items()):
        if path in expected or (kind == "folder" and (path in folders or path not in filled)):
            continue
        if path in HALF_DONE and kind == "file":
            continue
        if path.rpartition("/")[0] in folders:
            yield Fault("extra", path)


def _above(path: str) -> Iterator[str]:
    """The folders that a path lies in, seen from the object's."""
    while "/" in path:
        path = path.rpartition("/")[0]
        yield path


def _parsed(data: bytes) -> Inventory:
    """The inventory in `data`. Raises ValueError, KeyError, TypeError, AttributeError when it is none."""
    held = Inventory(inventory.parsed(data))
    if held.number < 1 or not isinstance(held.told["id"], str):
        raise ValueError("no inventory")
    if not (held.paths and held.manifest) and held.told["versions"] == {}:     # read: what is no inventory shows here
        raise ValueError("no versions")
    if isinstance(versions := held.told["versions"], Versions):
        for written in versions.written.values():
            orjson.loads(written)
    inventory.by_path(held.fixity)
    return held


_SENTENCES = {
    "changed": lambda: _("{object}: {path} has changed"),
    "missing": lambda: _("{object}: {path} is missing"),
    "extra": lambda: _("{object}: {path} is in no inventory"),
    "kind": lambda: _("{object}: {path} is no file any more, but a link or a folder"),
    "inventory": lambda: _("{object}: {path} has changed: the inventory does not have the hash of its sidecar"),
    "sidecar": lambda: _("{object}: {path} has changed: the sidecar does not state the hash of its inventory"),
    "gone": lambda: _("{object}: the whole object is missing"),
    "rolled_back": lambda: _("{object}: an older version lies there ({found}) than was stored ({stated})"),
    "misplaced": lambda: _("{object}: another object lies in its folder ({found})"),
    "disagrees": lambda: _("{object}: two copies are each whole in themselves, and differ ({stated} and {found})"),
    "ahead": lambda: _("{object}: the copy holds a newer version ({found}) than store and ledger know ({stated})"),
    "unknown": lambda: _("{object}: the object cannot be read: no inventory of it is whole"),
    "destroyed": lambda: _("{object}: it was destroyed by a decision, and lies here again or still"),
    "unlisted": lambda: _("{object}: the ledger does not know this object"),
    "forged": lambda: _("{object}: {path} is not what the ledger and the seals say was stored"),
}
