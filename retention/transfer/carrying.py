"""The way by which packages and messages travel: one small interface, and the disk that people carry.

LGSP (the province's integration platform) will be another `Carrier`; nothing else of a hand-over knows how files
travel (TT 05/2025/TT-BNV Đ18: directly by a device, or online where systems are safely connected).
"""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from archive.errors import LuuTruError, NoRoomError
from archive.files import fsync_folder

_PIECE = 1 << 20


class NotDeliveredError(LuuTruError):
    """What arrived is not what was sent; the copy was taken away, and sending again starts there."""


class Arrivals(Protocol):
    """Where the files of hand-overs have come to; it may give them up (then they are moved and not copied)."""

    gives_up: bool

    def arrived(self, request: str) -> Mapping[str, Path]:
        """Every file of a hand-over that has come, by the name under which it was put. Raises OSError."""


class Carrier(Protocol):
    """Takes the files of one hand-over from here to there."""

    def put(self, request: str, name: str, source: Path, sha256: str) -> bool:
        """Bring one file under `name` (a/b.zip) to the other side; false when it lay there whole already.

        What arrived is read again and compared with `sha256`. Raises NotDeliveredError, NoRoomError, OSError; may be
        said again after any of them.
        """

    def arrived(self, request: str) -> Mapping[str, Path]:
        """As `Arrivals.arrived`."""


class Disk:
    """A folder on a disk that is carried over: one folder a hand-over in it."""

    gives_up = False

    def __init__(self, place: Path, *, link: bool = False) -> None:
        """Use the folder `place`, which must be there: a disk that is not mounted is no empty folder.

        `link`: what is put gets a further name there instead of being copied, where it lies on the same disk; only for
        what is given up under its old one.
        """
        self.place, self.link = place, link

    def put(self, request: str, name: str, source: Path, sha256: str) -> bool:
        """As `Carrier.put`; a file that is not whole never has its name."""
        if not self.place.is_dir():
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(self.place))
        target = self.place / request / name
        if target.is_file() and hash_of(target) == sha256:
            return False
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = target.with_name(f".{target.name}.part")
        try:
            if not (self.link and _linked(source, temporary)):
                _copy(source, temporary)
            if hash_of(temporary) != sha256:
                raise NotDeliveredError(name)
            temporary.replace(target)
            fsync_folder(target.parent)
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise NoRoomError(str(self.place)) from error
            raise
        finally:
            temporary.unlink(missing_ok=True)
        return True

    def arrived(self, request: str) -> Mapping[str, Path]:
        """As `Carrier.arrived`; hidden files and links are passed over. `place` may be the hand-over's own folder."""
        folder = self.place / request if (self.place / request).is_dir() else self.place
        return {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*"))
                if path.is_file() and not path.is_symlink()
                and not any(part.startswith(".") for part in path.relative_to(folder).parts)}


def hash_of(path: Path) -> str:
    """The SHA-256 of a file, lower-case hex. Raises OSError."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _linked(source: Path, target: Path) -> bool:
    """Give a file a further name; false where that cannot be."""
    target.unlink(missing_ok=True)
    try:
        target.hardlink_to(source)
    except OSError:
        return False
    return True


def _copy(source: Path, target: Path) -> None:
    with source.open("rb") as stream, target.open("wb") as out:
        while piece := stream.read(_PIECE):
            out.write(piece)
        out.flush()
        os.fsync(out.fileno())
        _forget(out.fileno())


def _forget(handle: int) -> None:
    """Ask the system to drop its cache of a file, so that reading it again reads the disk; where it can."""
    if hasattr(os, "posix_fadvise"):
        os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
