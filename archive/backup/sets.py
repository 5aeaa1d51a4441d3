"""Sets: one backup each, as it lies on a medium (docs/format.md). Reads them; writing.py writes.

A set is a BagIt bag (RFC 8493). `set.json` is written last: a folder without it was never finished. A full set and
the incremental ones after it are a chain; together they tell the archive's state at the time of the last.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from archive.packages.bagit import encoded

SCHEMA = "luutru/backup-set/1"
RECORD, MANIFEST, OBJECTS, OTHERS, METADATA = ("set.json", "manifest-sha256.txt", "objects.tsv", "others.tsv",
                                               "metadata.xml")
FULL, INCREMENTAL = "full", "incremental"
NAME = re.compile(r"\d{8}T\d{6}Z(-\d+)?-(full|incremental)")

Held = tuple[int, str]          # version and SHA-512 of the inventory of an object


class BrokenSetError(ValueError):
    """A set's own lists cannot be read or are not those that its record states."""


@dataclass(frozen=True)
class Set:
    """A finished set: where it lies, what set.json says, and the SHA-256 of set.json, by which the ledger knows it."""

    folder: Path
    told: Mapping[str, Any] = field(repr=False)
    sha256: str

    @property
    def id(self) -> str:
        """Its name, and that of its folder: the time, and full or incremental."""
        return str(self.told["id"])

    @property
    def is_full(self) -> bool:
        """Whether it needs no other."""
        return bool(self.told["kind"] == FULL)

    @property
    def made_at(self) -> str:
        """The moment whose state it holds."""
        return str(self.told["made_at"])

    @property
    def base(self) -> tuple[str, str]:
        """Id and SHA-256 of the set that it continues; "" of a full one."""
        base = self.told["base"] or {"id": "", "sha256": ""}
        return base["id"], base["sha256"]


@dataclass
class State:
    """What a chain holds at its end: objects by their folder in the storage root, other files by their path.

    `since`: number (from 0) of the set that brought the object whole; what earlier ones have of it belongs to a history
    that was written anew (a document was destroyed), or to an object of that name that is no more.
    """

    objects: dict[str, Held] = field(default_factory=dict)
    since: dict[str, int] = field(default_factory=dict)                     # object → first set of the chain with it
    others: dict[str, tuple[str, int]] = field(default_factory=dict)        # path → SHA-256, size


def read_set(folder: Path) -> Set | None:
    """The set in `folder`; None when it was never finished. Raises BrokenSetError when set.json is none of ours."""
    try:
        data = (folder / RECORD).read_bytes()
    except FileNotFoundError:
        return None
    if not data.endswith(b"}\n"):       # killed while it was written: nothing was ever told of it
        return None
    try:
        told = orjson.loads(data)
        if told["schema"] != SCHEMA or told["id"] != folder.name or told["kind"] not in (FULL, INCREMENTAL):
            raise BrokenSetError(folder.name)
        told["base"], told["made_at"], told["ledger"]["seq"], told["lists"][MANIFEST]
    except (ValueError, KeyError, TypeError) as error:
        raise BrokenSetError(f"{folder.name}/{RECORD}") from error
    return Set(folder, told, hashlib.sha256(data).hexdigest())


def sets_in(medium: Path) -> tuple[list[Set], list[str], list[str]]:
    """The finished sets of a medium, oldest first; the names of unfinished ones; of those that cannot be read."""
    found: list[Set] = []
    unfinished: list[str] = []
    broken: list[str] = []
    for folder in sorted(one for one in medium.iterdir() if NAME.fullmatch(one.name) and one.is_dir()):
        try:
            one = read_set(folder)
        except (BrokenSetError, OSError):
            broken.append(folder.name)
            continue
        if one is None:
            unfinished.append(folder.name)
        else:
            found.append(one)
    return sorted(found, key=lambda one: (one.made_at, one.id)), unfinished, broken


def chains(sets: Sequence[Set]) -> list[list[Set]]:
    """The chains among `sets`, oldest first: each begins with a full set, each next one continues the one before.

    A set whose base is not there, or is not the one that it names, belongs to no chain.
    """
    found: list[list[Set]] = []
    ends: dict[tuple[str, str], list[Set]] = {}
    for one in sets:
        if one.is_full:
            found.append([one])
            ends[one.id, one.sha256] = found[-1]
        elif (chain := ends.get(one.base)) is not None and chain[-1].id == one.base[0]:
            chain.append(one)
            ends[one.id, one.sha256] = chain
    return found


def state_of(chain: Sequence[Set]) -> State:
    """What the archive was at the end of `chain`. Raises BrokenSetError for a list that is not the one stated."""
    state = State()
    for n, one in enumerate(chain):
        for folder, version, digest, first in _rows(one, OBJECTS, 4):
            if version == "-":
                state.objects.pop(folder, None)
                continue
            state.objects[folder] = _number(one, version), digest
            if _number(one, first) == 1:
                state.since[folder] = n
    if chain:
        state.others = {decoded(path): (digest, _number(chain[-1], size))
                        for digest, size, path in _rows(chain[-1], OTHERS, 3)}
    return state


def manifest(one: Set) -> dict[str, str]:
    """Path under data/ → SHA-256 of every file that this set brings. Raises BrokenSetError."""
    found = {}
    for line in _lines(one, MANIFEST):
        digest, _gap, path = line.partition("  ")
        inside = decoded(path.removeprefix("data/"))
        if len(digest) != 64 or not path.startswith("data/") or not _inside(inside):
            raise BrokenSetError(f"{one.id}/{MANIFEST}")
        found[inside] = digest
    return found


def proved(one: Set, name: str) -> bytes:
    """The bytes of one of a set's lists, of which set.json states the SHA-256. Raises BrokenSetError, OSError."""
    try:
        data = (one.folder / name).read_bytes()
    except FileNotFoundError as error:
        raise BrokenSetError(f"{one.id}/{name}") from error
    if hashlib.sha256(data).hexdigest() != one.told["lists"].get(name):
        raise BrokenSetError(f"{one.id}/{name}")
    return data


@dataclass(frozen=True, slots=True)
class Taken:
    """An object that a set brings: as it is now (None: it is no more), its id, the first version that is in the set."""

    held: Held | None
    object_id: str = ""
    first: int = 1


def objects_list(changed: Mapping[str, Taken]) -> bytes:
    """objects.tsv: folder, version, SHA-512 of the inventory, first version in the set; "-" for what is gone."""
    return "".join(f"{folder}\t{one.held[0]}\t{one.held[1]}\t{one.first}\n" if one.held else f"{folder}\t-\t-\t-\n"
                   for folder, one in sorted(changed.items())).encode()


def others_list(others: Mapping[str, tuple[str, int]]) -> bytes:
    """others.tsv: SHA-256, size, path of every other file of the archive at that time."""
    return "".join(f"{digest}\t{size}\t{encoded(path)}\n" for path, (digest, size) in sorted(others.items())).encode()


def decoded(path: str) -> str:
    """The path that a manifest writes as `path` (RFC 8493, 2.1.3)."""
    return re.sub("%(0D|0A|25)", lambda found: chr(int(found[1], 16)), path, flags=re.IGNORECASE)


def _inside(path: str) -> bool:
    """Whether a path stays below the folder that it is seen from: a list on a medium may be anybody's."""
    return not path.startswith("/") and "\0" not in path and not {"", ".", ".."} & set(path.split("/"))


def _lines(one: Set, name: str) -> list[str]:
    try:
        return proved(one, name).decode().split("\n")[:-1]
    except UnicodeDecodeError as error:
        raise BrokenSetError(f"{one.id}/{name}") from error


def _rows(one: Set, name: str, columns: int) -> Iterator[list[str]]:
    for line in _lines(one, name):
        row = line.split("\t", columns - 1)
        if len(row) != columns:
            raise BrokenSetError(f"{one.id}/{name}")
        yield row


def _number(one: Set, text: str) -> int:
    if not text.isdecimal():
        raise BrokenSetError(f"{one.id}: {text}")
    return int(text)
