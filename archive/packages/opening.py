"""Opening a package, folder or ZIP, without unpacking it and without trusting a single name in it.

What an entry calls itself is only believed when it stays inside the package; everything else is a finding and
cannot be read. Nothing is written, no link is followed, no size is believed beyond the limits of limits.toml.
"""

from __future__ import annotations

import io
import stat
import tomllib
import unicodedata
import zipfile
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO, Literal, cast

from archive.findings import Finding, finding
from archive.packages.containers import BROKEN, Entry, UnreadableError, printable, read_folder, read_zip

Container = Literal["folder", "zip"]
PIECE = 1 << 20
__all__ = ["PIECE", "Opened", "UnreadableError", "is_junk", "limits", "open_package", "same_name"]

_JUNK_NAMES = frozenset({".ds_store", "thumbs.db", "ehthumbs.db", "desktop.ini"})
_JUNK_FOLDERS = frozenset({"__MACOSX", ".Spotlight-V100", ".Trashes", "@eaDir"})
_MARKS = frozenset({"mets.xml", "bagit.txt"})       # the files that make a folder a package


@cache
def limits(section: str) -> Mapping[str, int]:
    """A section of limits.toml: what a package may ask of us."""
    with Path(__file__).with_name("limits.toml").open("rb") as stream:
        values: dict[str, int] = tomllib.load(stream)[section]
    return values


class Opened:
    """An open package: its files by their names as seen from its root, readable as streams.

    `findings` say what was wrong with the container; entries that cannot be trusted are not among `names`.
    `root` is the folder of the ZIP (or below the given folder) in which the package lies, "" for the top itself;
    `name` is what that folder is called. `names` has the order in which the bytes lie, junk of operating systems
    left out; `outside` are the container's other files.
    """

    def __init__(self, path: Path, container: Container, entries: Iterable[Entry], folders: Collection[str],
                 archive: zipfile.ZipFile | None, root: str, findings: list[Finding]) -> None:
        self.path, self.container, self.root, self.findings = path, container, root, findings
        self._archive, self._folders = archive, folders
        self._all = tuple(entries)
        prefix = f"{root}/" if root else ""
        self._entries = {entry.name[len(prefix):]: entry for entry in self._all if entry.name.startswith(prefix)}
        self.names = tuple(name for name in self._entries if not is_junk(name))
        self.outside = tuple(entry.name for entry in self._all
                             if not entry.name.startswith(prefix) and not is_junk(entry.name))
        self.name = printable(root.rpartition("/")[2] or (path.name if container == "folder" else path.stem))
        self._alike: dict[str, str] | None = None

    def has(self, name: str) -> bool:
        """Whether the package holds the file `name`, exactly so written."""
        return name in self._entries

    def has_folder(self, name: str) -> bool:
        """Whether the package has the folder `name`, be it empty."""
        path = f"{self.root}/{name}" if self.root else name
        return path in self._folders or any(known.startswith(f"{name}/") for known in self._entries)

    def like(self, name: str) -> str | None:
        """The one file whose name is `name` but for letter case and Unicode form; None without one or with several."""
        if self._alike is None:
            self._alike = {}
            for known in self._entries:
                folded = same_name(known)
                self._alike[folded] = "" if folded in self._alike else known
        return self._alike.get(same_name(name)) or None

    def size(self, name: str) -> int:
        """Bytes of the file `name`. Raises KeyError for a file that is not there."""
        return self._entries[name].size

    @property
    def total(self) -> int:
        """Bytes of all files together."""
        return sum(entry.size for entry in self._entries.values())

    def open(self, name: str) -> BinaryIO:
        """The bytes of `name` as a stream.

        Raises KeyError for a file that is not there; UnreadableError (an OSError), here or while reading, for one
        whose bytes are damaged, encrypted or cannot be had: that is a fault of the package.
        """
        source = self._entries[name].source
        try:
            if isinstance(source, Path):
                return cast("BinaryIO", _Guarded(source.open("rb", buffering=0)))
            assert self._archive is not None
            return cast("BinaryIO", _Guarded(self._archive.open(source)))
        except BROKEN as error:
            raise UnreadableError(str(error) or type(error).__name__) from error

    def pieces(self, name: str) -> Iterator[bytes]:
        """The bytes of `name` in pieces of at most 1 MB. Raises as `open`."""
        with self.open(name) as stream:
            while piece := stream.read(PIECE):
                yield piece

    def read(self, name: str, limit: int) -> bytes:
        """All bytes of `name`, at most `limit` + 1 of them. Raises as `open`."""
        with self.open(name) as stream:
            parts, left = [], limit + 1
            while left > 0 and (piece := stream.read(min(left, PIECE))):
                parts.append(piece)
                left -= len(piece)
        return b"".join(parts)

    def on_disk(self, name: str) -> Path | None:
        """Where the file lies as itself; None inside a ZIP."""
        source = self._entries[name].source
        return source if isinstance(source, Path) else None

    def within(self, folder: str) -> Opened:
        """The package that lies in `folder` of this one; open as long as this one is."""
        root = f"{self.root}/{folder}" if self.root else folder
        return Opened(self.path, self.container, self._all, self._folders, self._archive, root, [])


class _Guarded(io.RawIOBase):
    """A stream whose every way to fail is UnreadableError."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def read(self, size: int = -1) -> bytes:
        try:
            data: bytes = self._inner.read(size)
        except BROKEN as error:
            raise UnreadableError(str(error) or type(error).__name__) from error
        return data

    def readinto(self, buffer: Any) -> int:
        try:
            count: int = self._inner.readinto(buffer)
        except BROKEN as error:
            raise UnreadableError(str(error) or type(error).__name__) from error
        return count

    def readable(self) -> bool:
        return True

    def close(self) -> None:
        self._inner.close()
        super().close()


@contextmanager
def open_package(path: Path) -> Iterator[Opened]:
    """Open the package at `path`, a folder or a ZIP; a bad one opens too, with its findings and what can be read.

    Raises FileNotFoundError where nothing is, and OSError when the place itself cannot be read.
    """
    found: list[Finding] = []
    archive: zipfile.ZipFile | None = None
    if stat.S_ISDIR(path.stat().st_mode):
        container: Container = "folder"
        entries, folders = read_folder(path, limits("container"), found)
    else:
        container = "zip"
        archive, entries, folders = read_zip(path, limits("container"), found)
    try:
        _compare_names(entries, found)
        root = _root(path, container, entries, found) if entries else ""
        yield Opened(path, container, entries, folders, archive, root, found)
    finally:
        if archive is not None:
            archive.close()


def is_junk(name: str) -> bool:
    """Whether `name` is something that an operating system left behind: .DS_Store, Thumbs.db, __MACOSX."""
    parts = name.split("/")
    return parts[-1].lower() in _JUNK_NAMES or parts[-1].startswith("._") or not _JUNK_FOLDERS.isdisjoint(parts)


def same_name(name: str) -> str:
    """The key under which two names are one on a machine that ignores case or composes letters."""
    return name.lower() if name.isascii() else unicodedata.normalize("NFC", name).casefold()


def _compare_names(entries: Iterable[Entry], found: list[Finding]) -> None:
    """Names that cannot live side by side everywhere, and what operating systems left."""
    seen: dict[str, str] = {}
    for entry in entries:
        if is_junk(entry.name):
            found.append(finding("PKG-012", entry.name))
            continue
        if "\n" in entry.name or "\r" in entry.name:
            found.append(finding("PKG-026", printable(entry.name)))
        other = seen.setdefault(same_name(entry.name), entry.name)
        if other != entry.name:
            found.append(finding("PKG-006", entry.name, other=other))


def _root(path: Path, container: Container, entries: Iterable[Entry], found: list[Finding]) -> str:
    """The folder in which the package lies: the shallowest one with a METS.xml or a bagit.txt."""
    names = [entry.name for entry in entries if not is_junk(entry.name)]
    folders = {name.rpartition("/")[0] for name in names if name.rpartition("/")[2].lower() in _MARKS}
    if not folders:
        return _unmarked(path, names, found)
    depth = min(map(_depth, folders))
    roots = sorted(folder for folder in folders if _depth(folder) == depth)
    if len(roots) > 1:
        found.append(finding("PKG-014", printable(path.name), count=len(roots), names=", ".join(roots[:3])))
    if depth > (1 if container == "zip" else 0):
        found.append(finding("PKG-017", printable(path.name), folder=roots[0]))
    if depth == 0 and container == "zip":
        found.append(finding("PKG-019", printable(path.name)))
    prefix = f"{roots[0]}/" if roots[0] else ""
    if len(roots) == 1:
        found += [finding("PKG-015", name, folder=roots[0]) for name in names if not name.startswith(prefix)]
    return roots[0]


def _unmarked(path: Path, names: list[str], found: list[Finding]) -> str:
    """The most likely root of something without METS.xml and bagit.txt: the only folder at its top."""
    inner = [name for name in names if name.lower().endswith(".zip")]
    if len(names) == len(inner):
        found.append(finding("PKG-016", printable(path.name), names=", ".join(inner[:3])))
    else:
        found.append(finding("PKG-013", printable(path.name)))
    tops = {name.partition("/")[0] for name in names}
    return tops.pop() if len(tops) == 1 and all("/" in name for name in names) else ""


def _depth(folder: str) -> int:
    return folder.count("/") + 1 if folder else 0
