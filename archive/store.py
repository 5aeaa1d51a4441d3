"""The store: an OCFL 1.1 storage root. Put, get, verify; it has no delete.

One object is one case file (or one fonds, or one night's batch); a put is one new version of it. A put
returns only when every byte has been read back from the disk and its hash compared. A version is made in a
staging folder and renamed into its place, so that a killed process leaves the old version or the new one.

Layout: OCFL extension 0003 (hash and id n-tuple): `<3>/<3>/<3>/<encoded id>/`, SHA-512 inventories with a
SHA-256 fixity block, because packages and evidence carry SHA-256 (TT 05/2025).
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from archive import clock, inventory, verifying
from archive.errors import IntegrityError
from archive.files import flush_everything, fsync_folder, json_bytes, write_atomically
from archive.i18n import _
from archive.inventory import INVENTORY, SIDECAR, Inventory

OCFL_ROOT = "ocfl_1.1"
OCFL_OBJECT = "ocfl_object_1.1"
LAYOUT = "0003-hash-and-id-n-tuple-storage-layout"
LAYOUT_CONFIG = {"extensionName": LAYOUT, "digestAlgorithm": "sha256", "tupleSize": 3, "numberOfTuples": 3}
DESCRIPTION = "objects by the first characters of the SHA-256 of their id, then the id itself"
ROOT_DATA = {f"0={OCFL_ROOT}": f"{OCFL_ROOT}\n".encode(),
             "ocfl_layout.json": json_bytes({"extension": LAYOUT, "description": DESCRIPTION}),
             f"extensions/{LAYOUT}/config.json": json_bytes(LAYOUT_CONFIG)}
CHUNK = 1 << 20
# What the name of an object's folder has as percent signs, of the letters that have one byte.
_SIGNS = {n: f"%{n:02x}" for n in range(128) if not (chr(n).isalnum() or chr(n) in "-_")}
_MANY = 32          # new files from which one flush of them all comes before that of each


@dataclass(frozen=True, slots=True)
class NewFile:
    """A file that a put adds: bytes, or a path to copy. `sha512` and `sha256`, where known, must come out again."""

    source: Path | bytes
    sha512: str = ""
    sha256: str = ""


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file of an object: its logical path, where its bytes lie, and their hashes (hex)."""

    path: str
    place: Path
    sha512: str
    sha256: str

    @property
    def size(self) -> int:
        """Bytes on the disk now. Raises FileNotFoundError when they are gone."""
        return self.place.stat().st_size


class Files(Mapping[str, StoredFile]):
    """The files of an object by their logical path; each is made when it is asked for, since there may be thousands."""

    def __init__(self, folder: Path, held: Inventory, version: int | None = None) -> None:
        self._folder, self._held = folder, held
        self._paths = inventory.by_path(held.state(f"v{version}")) if version else held.paths

    def __getitem__(self, path: str) -> StoredFile:
        digest = self._paths[path]
        place = self._held.manifest[digest][0]
        return StoredFile(path, self._folder / place, digest, self._held.sha256.get(place, ""))

    def __iter__(self) -> Iterator[str]:
        return iter(self._paths)

    def __len__(self) -> int:
        return len(self._paths)

    def __contains__(self, path: object) -> bool:
        return path in self._paths


class DamagedSourceError(IntegrityError):
    """The bytes to be stored are not the ones that were received."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.path = path


class Store:
    """An OCFL storage root at `root`; `staging` must lie on the same file system and outside the root."""

    def __init__(self, root: Path, staging: Path) -> None:
        self.root = root
        self.staging = staging
        self._last: tuple[Path, inventory.Stamp, Inventory] | None = None

    @classmethod
    def create(cls, root: Path, staging: Path) -> Store:
        """Make an empty storage root (or open the one that is there)."""
        staging.mkdir(parents=True, exist_ok=True)
        if not (root / f"0={OCFL_ROOT}").exists():
            (root / "extensions" / LAYOUT).mkdir(parents=True, exist_ok=True)
            for path, data in reversed(ROOT_DATA.items()):      # the declaration last
                write_atomically(root / path, data)
        return cls(root, staging)

    # --- reading ----------------------------------------------------------------------------------------

    def folder(self, object_id: str) -> Path:
        """Where the object `object_id` lies (extension 0003)."""
        return self.root / folder_of(object_id)

    def has(self, object_id: str) -> bool:
        """Whether the store holds the object."""
        return (self.folder(object_id) / f"0={OCFL_OBJECT}").exists()

    def folders(self) -> list[Path]:
        """The folders of all objects, in order."""
        return sorted(namaste.parent for namaste in self.root.glob(f"*/*/*/*/0={OCFL_OBJECT}"))

    def id_of(self, folder: Path) -> str:
        """The id of the object in `folder`, after finishing a put that was interrupted there."""
        return str(self._held(folder).told["id"])

    def objects(self) -> Iterator[str]:
        """The ids of all objects, in the order of their folders."""
        yield from map(self.id_of, self.folders())

    def inventory(self, object_id: str) -> Inventory:
        """The inventory of the object's newest version. Raises KeyError when there is no such object."""
        folder = self.folder(object_id)
        if not (folder / f"0={OCFL_OBJECT}").exists():
            raise KeyError(object_id)
        return self._held(folder)

    def version(self, object_id: str) -> int:
        """The number of the newest version; 0 when the store does not hold the object."""
        return self.inventory(object_id).number if self.has(object_id) else 0

    def files(self, object_id: str, version: int | None = None) -> Mapping[str, StoredFile]:
        """The files of the object (of its newest version, or of `version`) by their logical path."""
        return Files(self.folder(object_id), self.inventory(object_id), version)

    def read(self, object_id: str, path: str) -> bytes:
        """The bytes of one file, checked against its hash. Raises KeyError, IntegrityError."""
        return self.content(object_id, self.files(object_id)[path])

    def content(self, object_id: str, stored: StoredFile) -> bytes:
        """The bytes of one of the object's `files`, checked against its hash: for who reads many of them.

        Raises IntegrityError.
        """
        data = stored.place.read_bytes()
        if hashlib.sha512(data).hexdigest() != stored.sha512:
            raise IntegrityError(f"{object_id}: {stored.path}: the stored bytes have changed")
        return data

    def export(self, object_id: str, path: str, target: Path) -> StoredFile:
        """Copy one file to `target`, hashing on the way; `target` appears only when the hash is right.

        Raises KeyError for an unknown path, IntegrityError when the stored bytes have changed.
        """
        stored = self.files(object_id)[path]
        temporary = target.with_name(f".{target.name}.part")
        sha512, _sha256, _size = _copy(stored.place, temporary)
        with temporary.open("rb") as stream:
            os.fsync(stream.fileno())
        if sha512 != stored.sha512:
            temporary.unlink()
            raise IntegrityError(_("{object}: {path} has changed").format(object=object_id, path=path))
        temporary.replace(target)
        return stored

    # --- writing ----------------------------------------------------------------------------------------

    def put(self, object_id: str, files: Mapping[str, NewFile], *, message: str, user: str,
            created: datetime, gone: Collection[str] = ()) -> int:
        """Add `files` (logical path → content) to the object as one new version; return the version's number.

        Files of earlier versions stay; a path that exists gets the new content (the old one stays in its
        version). The paths in `gone` are not part of the new version; they, too, stay in the earlier ones. Content
        that the object already holds is not stored twice. When every path already has just this content nothing is
        written and the newest version's number comes back, so a put may be said again after a kill. Raises
        DamagedSourceError when a source does not have the hash it should have, OSError (ENOSPC) when there is no
        room: the object is then as it was.
        """
        folder = self.folder(object_id)
        old = self.inventory(object_id) if self.has(object_id) else None
        number = old.number + 1 if old else 1
        stage = self._stage(object_id)
        if stage.exists():
            shutil.rmtree(stage)
        content = stage / f"v{number}" / "content"
        content.mkdir(parents=True)
        try:
            new = _Version(object_id, old, number)
            _stage(new, files, gone, content)
            if old and not new.changed:
                return old.number
            told = new.inventory(message, user, created)
            data = inventory.as_bytes(told)
            beside = inventory.sidecar(data)
            if old is None:
                (stage / f"0={OCFL_OBJECT}").write_text(f"{OCFL_OBJECT}\n")
            for place in [stage, stage / f"v{number}"][0 if old is None else 1:]:
                (place / INVENTORY).write_bytes(data)
                (place / SIDECAR).write_bytes(beside)
            _fsync_tree(stage)
            if old is None:
                folder.parent.mkdir(parents=True, exist_ok=True)
                stage.rename(folder)
                for parent in list(folder.parents)[:4]:
                    fsync_folder(parent)
            else:
                (stage / f"v{number}").rename(folder / f"v{number}")
                fsync_folder(folder)
                inventory.adopt(folder, data, beside)
            self._last = (folder, inventory.stamp(folder), Inventory(told))
        finally:
            shutil.rmtree(stage, ignore_errors=True)
        return number

    def tidy(self, object_id: str) -> None:
        """Take away what a put of the object left in the staging area that was killed after its last rename."""
        shutil.rmtree(self._stage(object_id), ignore_errors=True)

    def _stage(self, object_id: str) -> Path:
        return self.staging / hashlib.sha256(object_id.encode()).hexdigest()[:32]

    def _held(self, folder: Path) -> Inventory:
        """The inventory of the object in `folder`; the one that was asked for last is not read and parsed again."""
        stamp = inventory.stamp(folder)
        if self._last is None or self._last[:2] != (folder, stamp):
            held = inventory.whole(folder)
            self._last = (folder, stamp, held)      # the stamp of before: what changes meanwhile is read again
        return self._last[2]

    # --- verifying --------------------------------------------------------------------------------------

    def verify(self, object_id: str, tell: Callable[[int, int], None] = lambda done, total: None) -> Iterator[str]:
        """Read the whole object; yield a sentence for each thing that is not as the inventory says.

        `tell` is told how many files were read, and how many there are.
        """
        folder = self.folder(object_id)
        self._last = None           # of a large object one parsed inventory is enough in memory
        truth = verifying.own_inventory(folder)
        if truth is None:
            yield verifying.Fault("unknown", "").sentence(object_id)
            return
        faults, _read = verifying.compare(folder, truth, both=True, tell=tell)
        yield from (fault.sentence(object_id) for fault in faults)


class _Version:
    """A version in the making: what the object held before, and what this version changes of it."""

    def __init__(self, object_id: str, old: Inventory | None, number: int) -> None:
        self.object_id, self.number, self.changed = object_id, number, False
        self.earlier: Mapping[str, Any] = old.told["versions"] if old else {}
        self.manifest = dict(old.manifest) if old else {}
        self.fixity = dict(old.fixity) if old else {}
        self._state = dict(old.state()) if old else {}
        self._paths = dict(old.paths) if old else {}

    def place(self, path: str, sha512: str) -> None:
        """Let `path` have the content with this hash ("": let the path be gone)."""
        before = self._paths.get(path, "")
        if before == sha512:
            return
        self.changed = True
        if before:
            self._state[before] = [other for other in self._state[before] if other != path]
            if not self._state[before]:
                del self._state[before]
        if sha512:
            self._paths[path] = sha512
            self._state[sha512] = sorted([*self._state.get(sha512, ()), path])
        else:
            del self._paths[path]

    def add(self, path: str, sha512: str, sha256: str) -> None:
        """Note where new content lies."""
        lies = f"v{self.number}/content/{path}"
        self.manifest[sha512] = [lies]
        self.fixity[sha256] = [*self.fixity.get(sha256, ()), lies]

    def inventory(self, message: str, user: str, created: datetime) -> dict[str, Any]:
        """The object's inventory with this version."""
        version = {"created": clock.in_vietnam(created).isoformat(timespec="seconds"), "message": message,
                   "user": {"name": user, "address": "urn:luutru:" + user}, "state": self._state}
        head = f"v{self.number}"
        return {"id": self.object_id, "type": "https://ocfl.io/1.1/spec/#inventory", "digestAlgorithm": "sha512",
                "head": head, "contentDirectory": "content", "manifest": self.manifest,
                "versions": inventory.versions_with(self.earlier, head, version), "fixity": {"sha256": self.fixity}}


def _stage(version: _Version, files: Mapping[str, NewFile], gone: Collection[str], content: Path) -> None:
    """Copy what is new into `content`, read it back and note it. Raises DamagedSourceError, IntegrityError."""
    written: dict[Path, tuple[str, int]] = {}
    for path in gone:
        if path not in files:
            version.place(path, "")
    for path, new in sorted(files.items()):
        if new.sha512 and new.sha512 in version.manifest:
            version.place(path, new.sha512)
            continue
        target = content / path
        target.parent.mkdir(parents=True, exist_ok=True)
        sha512, sha256, size = _copy(new.source, target)
        if (new.sha512 and new.sha512 != sha512) or (new.sha256 and new.sha256 != sha256):
            raise DamagedSourceError(path)
        if sha512 in version.manifest:
            target.unlink()
        else:
            written[target] = sha512, size
            version.add(path, sha512, sha256)
        version.place(path, sha512)
    if len(written) >= _MANY:
        flush_everything(content)
    for target, (sha512, size) in written.items():
        _read_back(target, sha512, size)


def folder_of(object_id: str) -> str:
    """Where an object lies, seen from any storage root of ours (extension 0003)."""
    digest = hashlib.sha256(object_id.encode()).hexdigest()
    return f"{digest[:3]}/{digest[3:6]}/{digest[6:9]}/{_encode(object_id, digest)}"


def _encode(object_id: str, digest: str) -> str:
    """The last folder's name by extension 0003: percent-encoded but for [A-Za-z0-9-_]; long ids are cut and hashed."""
    name = object_id.translate(_SIGNS)
    if not name.isascii():
        name = "".join(char if char.isascii() else "".join(f"%{byte:02x}" for byte in char.encode()) for char in name)
    return name if len(name) <= 100 else f"{name[:100]}-{digest}"


def _copy(source: Path | bytes, target: Path) -> tuple[str, str, int]:
    """Write `source` to `target`; return SHA-512, SHA-256 and size of what was read."""
    sha512, sha256, size = hashlib.sha512(), hashlib.sha256(), 0
    with target.open("wb") as out:
        if isinstance(source, bytes):
            sha512.update(source)
            sha256.update(source)
            size = len(source)
            out.write(source)
        else:
            with source.open("rb") as stream:
                while chunk := stream.read(CHUNK):
                    sha512.update(chunk)
                    sha256.update(chunk)
                    size += len(chunk)
                    out.write(chunk)
    return sha512.hexdigest(), sha256.hexdigest(), size


def _read_back(place: Path, sha512: str, size: int) -> None:
    """Flush what was written to the disk, and read it from there where the system can be asked to forget its copy."""
    with place.open("rb") as stream:
        os.fsync(stream.fileno())
        if hasattr(os, "posix_fadvise"):
            os.posix_fadvise(stream.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        digest = hashlib.file_digest(stream, "sha512").hexdigest()
    if digest != sha512 or place.stat().st_size != size:
        raise IntegrityError(f"{place}: what was read back is not what was written")


def _fsync_tree(folder: Path) -> None:
    for base, _folders, names in os.walk(folder):
        for name in names:
            if name.startswith((INVENTORY, "0=")):
                handle = os.open(Path(base) / name, os.O_RDONLY)
                os.fsync(handle)
                os.close(handle)
        fsync_folder(Path(base))
