"""Measuring: what an object of the store holds, by its inventory, at the pace that ten thousand of them ask for."""

# Of ten thousands of files: paths as texts cost a tenth of what Path does.
# ruff: noqa: PTH116, PTH123
from __future__ import annotations

import hashlib
import os
from contextlib import suppress
from dataclasses import dataclass

from archive.errors import IntegrityError
from archive.i18n import _
from archive.inventory import INVENTORY, SIDECAR, Inventory, parsed
from archive.store import Store, folder_of
from archive.verifying import NAMASTE


@dataclass(frozen=True, slots=True)
class Measure:
    """What an object holds: number and bytes of its files, how many of them have a second name (hard link), the SHA-512
    of its inventory, and the SHA-256 of every file and inventory.
    """

    files: int
    bytes: int
    linked: int
    sha512: str
    digests: tuple[str, ...]


def measure_at(store: Store, name: str) -> Measure | None:
    """What the object holds; None when the store has none of that id. Raises IntegrityError."""
    folder = f"{store.root}/{folder_of(name)}"
    return measure(folder, *stated(store, name, folder)) if os.path.lexists(f"{folder}/{NAMASTE}") else None


def stated(store: Store, name: str, folder: str) -> tuple[bytes, Inventory]:
    """An object's newest inventory, proved by its sidecar: its bytes, and what they say.

    A put that a kill interrupted is finished first. Raises KeyError for no such object, IntegrityError.
    """
    for _turn in range(2):
        try:
            with open(f"{folder}/{INVENTORY}", "rb") as one, open(f"{folder}/{SIDECAR}", "rb") as other:
                data, beside = one.read(), other.read()
        except FileNotFoundError:
            data, beside = b"", b""
        if data and beside.partition(b" ")[0] == hashlib.sha512(data).hexdigest().encode():
            held = Inventory(parsed(data))
            if not os.path.lexists(f"{folder}/v{held.number + 1}"):
                return data, held
        store.inventory(name)
    raise IntegrityError(_("{object}: nothing says what it should hold").format(object=name))


def measure(folder: str, data: bytes, held: Inventory) -> Measure:
    """What the object in `folder` with the inventory `data` holds; what is missing there counts nothing."""
    digests = set(held.fixity)
    own = [NAMASTE, INVENTORY, SIDECAR]
    for version in held.told["versions"]:       # what a night's seal covers, too
        own += [f"{version}/{INVENTORY}", f"{version}/{SIDECAR}"]
        with suppress(FileNotFoundError), open(f"{folder}/{version}/{INVENTORY}", "rb") as stream:
            digests.add(hashlib.sha256(stream.read()).hexdigest())
    size = linked = 0
    for path in (*own, *(path for paths in held.manifest.values() for path in paths)):
        with suppress(FileNotFoundError):
            told = os.stat(f"{folder}/{path}", follow_symlinks=False)
            size += told.st_size
            linked += told.st_nlink > 1
    return Measure(len(held.manifest), size, linked, hashlib.sha512(data).hexdigest(), tuple(digests))
