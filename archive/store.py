"""The store: an OCFL 1.1 storage root. Put, get, verify; it has no delete.

One object is one case file (or one fonds, or one night's batch); a put is one new version of it. A put
returns only when every byte has been read back from the disk and its hash compared. A version is made in a
staging folder and renamed into its place, so that a killed process leaves the old version or the new one.

Layout: OCFL extension 0003 (hash and id n-tuple): `<3>/<3>/<3>/<encoded id>/`, SHA-512 inventories with a
SHA-256 fixity block, because packages and evidence carry SHA-256 (TT 05/2025).
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from archive import clock
from archive.errors import IntegrityError
from archive.files import fsync_folder, json_bytes, write_atomically
from archive.i18n import _

OCFL_ROOT = "ocfl_1.1"
OCFL_OBJECT = "ocfl_object_1.1"
LAYOUT = "0003-hash-and-id-n-tuple-storage-layout"
LAYOUT_CONFIG = {"extensionName": LAYOUT, "digestAlgorithm": "sha256", "tupleSize": 3, "numberOfTuples": 3}
INVENTORY = "inventory.json"
CHUNK = 1 << 20


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

    @classmethod
    def create(cls, root: Path, staging: Path) -> Store:
        """Make an empty storage root (or open the one that is there)."""
        staging.mkdir(parents=True, exist_ok=True)
        if not (root / f"0={OCFL_ROOT}").exists():
            (root / "extensions" / LAYOUT).mkdir(parents=True, exist_ok=True)
            (root / "extensions" / LAYOUT / "config.json").write_bytes(json_bytes(LAYOUT_CONFIG))
            description = "objects by the first characters of the SHA-256 of their id, then the id itself"
            (root / "ocfl_layout.json").write_bytes(json_bytes({"extension": LAYOUT, "description": description}))
            write_atomically(root / f"0={OCFL_ROOT}", f"{OCFL_ROOT}\n".encode())
        return cls(root, staging)

    # --- reading ----------------------------------------------------------------------------------------

    def folder(self, object_id: str) -> Path:
        """Where the object `object_id` lies (extension 0003)."""
        digest = hashlib.sha256(object_id.encode()).hexdigest()
        return self.root / digest[:3] / digest[3:6] / digest[6:9] / _encode(object_id, digest)

    def has(self, object_id: str) -> bool:
        """Whether the store holds the object."""
        return (self.folder(object_id) / f"0={OCFL_OBJECT}").exists()

    def folders(self) -> list[Path]:
        """The folders of all objects, in order."""
        return sorted(namaste.parent for namaste in self.root.glob(f"*/*/*/*/0={OCFL_OBJECT}"))

    def id_of(self, folder: Path) -> str:
        """The id of the object in `folder`, after finishing a put that was interrupted there."""
        self._finish_interrupted_put(folder)
        return str(read_inventory(folder)["id"])

    def objects(self) -> Iterator[str]:
        """The ids of all objects, in the order of their folders."""
        yield from map(self.id_of, self.folders())

    def inventory(self, object_id: str) -> dict[str, Any]:
        """The inventory of the object's newest version. Raises KeyError when there is no such object."""
        folder = self.folder(object_id)
        if not (folder / f"0={OCFL_OBJECT}").exists():
            raise KeyError(object_id)
        return self._finish_interrupted_put(folder)

    def version(self, object_id: str) -> int:
        """The number of the newest version; 0 when the store does not hold the object."""
        return int(self.inventory(object_id)["head"][1:]) if self.has(object_id) else 0

    def files(self, object_id: str, version: int | None = None) -> dict[str, StoredFile]:
        """The files of the object (of its newest version, or of `version`) by their logical path."""
        inventory = self.inventory(object_id)
        folder = self.folder(object_id)
        head = f"v{version}" if version else inventory["head"]
        sha256 = {path: digest for digest, paths in inventory.get("fixity", {}).get("sha256", {}).items()
                  for path in paths}
        found = {}
        for digest, logical_paths in inventory["versions"][head]["state"].items():
            place = inventory["manifest"][digest][0]
            for path in logical_paths:
                found[path] = StoredFile(path, folder / place, digest, sha256.get(place, ""))
        return found

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
        exists = (folder / f"0={OCFL_OBJECT}").exists()
        old = self._finish_interrupted_put(folder) if exists else None
        number = int(old["head"][1:]) + 1 if old else 1
        stage = self.staging / hashlib.sha256(object_id.encode()).hexdigest()[:32]
        if stage.exists():
            shutil.rmtree(stage)
        content = stage / f"v{number}" / "content"
        content.mkdir(parents=True)
        try:
            inventory = self._stage(object_id, old, number, files, gone, content, message, user, created)
            if inventory is None:
                return number - 1
            if old is None:
                (stage / f"0={OCFL_OBJECT}").write_text(f"{OCFL_OBJECT}\n")
                _write_inventory(stage, inventory)
            _write_inventory(stage / f"v{number}", inventory)
            _fsync_tree(stage)
            self._move_in(folder, stage, number, first=old is None)
        finally:
            shutil.rmtree(stage, ignore_errors=True)
        return number

    def _stage(self, object_id: str, old: dict[str, Any] | None, number: int, files: Mapping[str, NewFile],
               gone: Collection[str], content: Path, message: str, user: str,
               created: datetime) -> dict[str, Any] | None:
        manifest: dict[str, list[str]] = dict(old["manifest"]) if old else {}
        fixity: dict[str, list[str]] = dict(old.get("fixity", {}).get("sha256", {})) if old else {}
        state = {path: digest for digest, paths in old["versions"][old["head"]]["state"].items()
                 for path in paths} if old else {}
        before = dict(state)
        for path in gone:
            state.pop(path, None)
        for path, new in sorted(files.items()):
            if new.sha512 and new.sha512 in manifest:
                state[path] = new.sha512
                continue
            target = content / path
            target.parent.mkdir(parents=True, exist_ok=True)
            sha512, sha256, size = _copy(new.source, target)
            if (new.sha512 and new.sha512 != sha512) or (new.sha256 and new.sha256 != sha256):
                raise DamagedSourceError(path)
            if sha512 in manifest:
                target.unlink()
            else:
                _read_back(target, sha512, size)
                manifest[sha512] = [f"v{number}/content/{path}"]
                fixity.setdefault(sha256, []).append(f"v{number}/content/{path}")
            state[path] = sha512
        if old and state == before:
            return None
        by_digest: dict[str, list[str]] = {}
        for path, digest in sorted(state.items()):
            by_digest.setdefault(digest, []).append(path)
        versions = dict(old["versions"]) if old else {}
        versions[f"v{number}"] = {"created": clock.in_vietnam(created).isoformat(timespec="seconds"),
                                  "message": message, "user": {"name": user, "address": "urn:luutru:" + user},
                                  "state": by_digest}
        return {"id": object_id, "type": "https://ocfl.io/1.1/spec/#inventory", "digestAlgorithm": "sha512",
                "head": f"v{number}", "contentDirectory": "content", "manifest": manifest, "versions": versions,
                "fixity": {"sha256": fixity}}

    def _move_in(self, folder: Path, stage: Path, number: int, *, first: bool) -> None:
        if first:
            folder.parent.mkdir(parents=True, exist_ok=True)
            stage.rename(folder)
            for parent in list(folder.parents)[:4]:
                fsync_folder(parent)
            return
        (stage / f"v{number}").rename(folder / f"v{number}")
        fsync_folder(folder)
        _adopt_version(folder, number)

    def _finish_interrupted_put(self, folder: Path) -> dict[str, Any]:
        """Bring an object whose writer was killed between its two last renames to the newest whole version.

        Returns its inventory.
        """
        stated = folder / INVENTORY
        newest = max((int(place.name[1:]) for place in folder.glob("v[0-9]*")), default=0)
        inventory: dict[str, Any] = json.loads(stated.read_bytes())
        head = int(inventory["head"][1:])
        if newest == head and _sidecar_is_right(folder):
            return inventory
        if newest not in (head, head + 1) or not _sidecar_is_right(folder / f"v{newest}"):
            raise IntegrityError(f"{folder}: inventory and versions do not agree; run `luutru fixity check`")
        _adopt_version(folder, newest)
        return read_inventory(folder)

    # --- verifying --------------------------------------------------------------------------------------

    def verify(self, object_id: str) -> Iterator[str]:
        """Read the whole object; yield a sentence for each thing that is not as the inventory says."""
        folder = self.folder(object_id)
        if not _sidecar_is_right(folder):
            yield _("{object}: the inventory does not have the hash of its sidecar").format(object=object_id)
            return
        inventory = read_inventory(folder)
        head = inventory["head"]
        if not _sidecar_is_right(folder / head) or (folder / head / INVENTORY).read_bytes() != (
                folder / INVENTORY).read_bytes():
            yield _("{object}: the inventory of {head} is not that of the object").format(object=object_id, head=head)
        sha256 = {path: digest for digest, paths in inventory.get("fixity", {}).get("sha256", {}).items()
                  for path in paths}
        expected = {path: digest for digest, paths in inventory["manifest"].items() for path in paths}
        for path, digest in sorted(expected.items()):
            place = folder / path
            if not place.is_file():
                yield _("{object}: {path} is missing").format(object=object_id, path=path)
                continue
            got512, got256 = _hashes(place)
            if got512 != digest or (path in sha256 and sha256[path] != got256):
                yield _("{object}: {path} has changed").format(object=object_id, path=path)
        present = {place.relative_to(folder).as_posix() for place in folder.glob("v*/content/**/*") if place.is_file()}
        for path in sorted(present - set(expected)):
            yield _("{object}: {path} is in no inventory").format(object=object_id, path=path)


def read_inventory(folder: Path) -> dict[str, Any]:
    """The inventory in `folder` (an object or one of its versions), as it stands."""
    inventory: dict[str, Any] = json.loads((folder / INVENTORY).read_bytes())
    return inventory


def _encode(object_id: str, digest: str) -> str:
    """The last folder's name by extension 0003: percent-encoded but for [A-Za-z0-9-_]; long ids are cut and hashed."""
    name = "".join(char if char.isascii() and (char.isalnum() or char in "-_") else
                   "".join(f"%{byte:02x}" for byte in char.encode()) for char in object_id)
    return name if len(name) <= 100 else f"{name[:100]}-{digest}"


def _copy(source: Path | bytes, target: Path) -> tuple[str, str, int]:
    """Write `source` to `target`, flushed to the disk; return SHA-512, SHA-256 and size of what was read."""
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
        out.flush()
        os.fsync(out.fileno())
    return sha512.hexdigest(), sha256.hexdigest(), size


def _read_back(place: Path, sha512: str, size: int) -> None:
    """Read what was written, from the disk where the system can be asked to forget its copy."""
    with place.open("rb") as stream:
        if hasattr(os, "posix_fadvise"):
            os.posix_fadvise(stream.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        digest = hashlib.file_digest(stream, "sha512").hexdigest()
    if digest != sha512 or place.stat().st_size != size:
        raise IntegrityError(f"{place}: what was read back is not what was written")


def _hashes(place: Path) -> tuple[str, str]:
    sha512, sha256 = hashlib.sha512(), hashlib.sha256()
    with place.open("rb") as stream:
        while chunk := stream.read(CHUNK):
            sha512.update(chunk)
            sha256.update(chunk)
    return sha512.hexdigest(), sha256.hexdigest()


def _write_inventory(folder: Path, inventory: Mapping[str, Any]) -> None:
    data = json_bytes(inventory)
    (folder / INVENTORY).write_bytes(data)
    (folder / f"{INVENTORY}.sha512").write_text(f"{hashlib.sha512(data).hexdigest()} {INVENTORY}\n")


def _adopt_version(folder: Path, number: int) -> None:
    """Make version `number`'s inventory that of the object; the sidecar last, so that a kill in between shows."""
    data = (folder / f"v{number}" / INVENTORY).read_bytes()
    write_atomically(folder / INVENTORY, data)
    write_atomically(folder / f"{INVENTORY}.sha512", f"{hashlib.sha512(data).hexdigest()} {INVENTORY}\n".encode())


def _sidecar_is_right(folder: Path) -> bool:
    try:
        stated = (folder / f"{INVENTORY}.sha512").read_text().split()[0]
        return hashlib.sha512((folder / INVENTORY).read_bytes()).hexdigest() == stated
    except (OSError, IndexError):
        return False


def _fsync_tree(folder: Path) -> None:
    for base, _folders, names in os.walk(folder):
        for name in names:
            if name.startswith((INVENTORY, "0=")):
                handle = os.open(Path(base) / name, os.O_RDONLY)
                os.fsync(handle)
                os.close(handle)
        fsync_folder(Path(base))
