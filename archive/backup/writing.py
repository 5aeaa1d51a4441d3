"""Writes a set: a BagIt bag whose last file is set.json. Everything is flushed and read back from the medium first.

Nothing is renamed and no finished set is ever touched, so that a medium which only takes new files will do.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from archive.backup.sets import MANIFEST, RECORD
from archive.errors import IntegrityError
from archive.files import flush_everything, fsync_folder, json_bytes
from archive.packages.bagit import DECLARATION, encoded
from archive.reading import copy_hashed, digests, digests_of, entries

INFO, DECLARED, TAGS = "bag-info.txt", "bagit.txt", "tagmanifest-sha256.txt"
SUMS = "SHA256SUMS"          # the manifest once more, as sha256sum reads it: BagIt writes a percent sign as %25


class SetWriter:
    """A set that is being written into the new folder `folder`; without `finish` it counts as never made."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=0o700)
        (folder / "data").mkdir()
        self.folder = folder
        self.files: dict[str, str] = {}         # path under data/ → SHA-256
        self.size = 0
        self._made: set[Path] = set()           # folders that are there

    def copy(self, source: Path, path: str, *, sha512: str, sha256: str) -> None:
        """Take a file whose hashes are known. Raises IntegrityError when its bytes are others, and OSError."""
        target = self._place(path)
        if source.is_symlink() or copy_hashed(source, target) != sha512:
            self._take_back(target, path)
            raise IntegrityError(str(source))
        self.size += target.stat().st_size
        self.files[path] = sha256

    def copy_any(self, source: Path, path: str) -> tuple[str, int]:
        """Take a file of which nothing states a hash; its SHA-256 and size as they were read."""
        target = self._place(path)
        self.files[path] = copy_hashed(source, target, "sha256")
        size = target.stat().st_size
        self.size += size
        return self.files[path], size

    def put(self, path: str, data: bytes) -> None:
        """Take bytes."""
        with self._place(path).open("xb") as stream:
            stream.write(data)
        self.files[path] = hashlib.sha256(data).hexdigest()
        self.size += len(data)

    def finish(self, record: Mapping[str, Any], lists: Mapping[str, bytes], made: tuple[str, ...],
               info: Mapping[str, str], tell: Callable[[int], None] = lambda _done: None) -> str:
        """Write the lists, flush and read back everything, then set.json; its SHA-256.

        `record`: set.json but for its `lists`, `files` and `bytes`; `lists`: name → bytes; `made`: further lists that
        lie in the folder already. Raises IntegrityError when the medium gives back something else, and OSError.
        """
        manifest = "".join(f"{digest}  data/{encoded(path)}\n" for path, digest in sorted(self.files.items()))
        told = {"Payload-Oxum": f"{self.size}.{len(self.files)}", **info}
        plain = "".join(_as_coreutils(digest, f"data/{path}") for path, digest in sorted(self.files.items()))
        tags = {**lists, MANIFEST: manifest.encode(), SUMS: plain.encode(), DECLARED: DECLARATION,
                INFO: "".join(f"{label}: {value}\n" for label, value in told.items()).encode()}
        for name, data in tags.items():
            (self.folder / name).write_bytes(data)
        hashes = {name: hashlib.sha256(data).hexdigest() for name, data in tags.items()}
        hashes |= {name: digests(self.folder / name, "sha256")[0] for name in made}
        whole = json_bytes({**record, "files": len(self.files), "bytes": self.size, "lists": hashes})
        sealed = hashlib.sha256(whole).hexdigest()
        (self.folder / TAGS).write_text("".join(
            f"{digest}  {name}\n" for name, digest in sorted({**hashes, RECORD: sealed}.items())))
        self._flush()
        self._read_back(hashes, tell)
        with (self.folder / RECORD).open("xb") as stream:
            stream.write(whole)
            stream.flush()
            os.fsync(stream.fileno())
        fsync_folder(self.folder)
        fsync_folder(self.folder.parent)
        return sealed

    def _place(self, path: str) -> Path:
        target = self.folder / "data" / path
        if target.parent not in self._made:
            target.parent.mkdir(parents=True, exist_ok=True)
            self._made.add(target.parent)
        return target

    def _take_back(self, target: Path, path: str) -> None:
        """Of a file that is not what it should be nothing stays; where the medium forbids that, it is listed as it is,
        and no list of objects names it.
        """
        with suppress(OSError):
            target.unlink(missing_ok=True)
        if target.exists():
            self.files[path] = digests(target, "sha256")[0]
            self.size += target.stat().st_size

    def _flush(self) -> None:
        flush_everything(self.folder)
        for path, kind in entries(self.folder).items():
            if kind in ("file", "folder"):
                handle = os.open(self.folder / path, os.O_RDONLY)
                try:
                    os.fsync(handle)
                finally:
                    os.close(handle)

    def _read_back(self, lists: Mapping[str, str], tell: Callable[[int], None]) -> None:
        wanted = {f"data/{path}": digest for path, digest in self.files.items()} | dict(lists)
        found = digests_of([f"{self.folder}/{path}" for path in wanted], [("sha256",)] * len(wanted), tell)
        for (path, digest), got in zip(wanted.items(), found, strict=True):
            if isinstance(got, OSError):
                raise got
            if got[0] != digest:
                raise IntegrityError(f"{self.folder.name}/{path}: what was read back is not what was written")


def _as_coreutils(digest: str, path: str) -> str:
    """A line as sha256sum(1) writes and reads it: a backslash in front tells that the name has escapes."""
    escaped = path.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r")
    return f"{'' if escaped == path else chr(92)}{digest}  {escaped}\n"


def make_read_only(folder: Path) -> None:
    """Take the right to write from a finished set; a medium without rights stays as it is."""
    for path, kind in sorted(entries(folder).items(), reverse=True):
        if kind in ("file", "folder"):
            with suppress(OSError):
                (folder / path).chmod(0o400 if kind == "file" else 0o500)
    with suppress(OSError):
        folder.chmod(0o500)
