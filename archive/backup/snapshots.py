"""What of the archive's folder is no object of the store: which files a backup takes, and databases as they stand.

A database is copied by its own means, so that the copy is whole while others write. The catalogue becomes one SQLite
file whatever database it lives in; the program goes along as source (TT 05/2025/TT-BNV Điều 30).
"""

from __future__ import annotations

import io
import sqlite3
import tarfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

from sqlalchemy import select, text

from archive import __version__
from archive.catalogue import FILE_NAME, Catalogue
from archive.fixity.copies import SECRETS
from archive.model import Base
from archive.opening import Archive
from archive.reading import entries

# Of the archive's folder: made again, of a moment, or the store's objects, which making.py takes one by one.
FOLLOWERS = frozenset((FILE_NAME, "index", "reports", "log", "reading", "copies", "transfers", "outbox", "luutru.lock",
                       "backup.lock", "acts.lock"))
IN_STORE = frozenset(("ocfl", "staging", "damage", "destroying"))
BESIDE = ("-wal", "-shm", "-journal")       # of SQLite: inside the copy of the database
WORK = ".backup"                            # folder in the archive's own where copies of databases are made
PROGRAM = ("cli.py", "run", "pyproject.toml", "requirements.lock", "README.md", "CHANGELOG.md", "archive", "ingest",
           "retention", "search", "web", "docs", "samples")
SETTINGS = "luutru.toml"


def other_files(root: Path) -> tuple[list[str], list[str], list[str]]:
    """What a backup takes besides objects and catalogue: files, SQLite databases, and what it leaves out and why not.

    Paths from the archive's folder. Left out: links and devices, secrets (keys never lie beside what they lock), names
    that are no UTF-8.
    """
    files: list[str] = []
    databases: list[str] = []
    left: list[str] = []
    for path, kind in _walk(root):
        if kind == "folder" or path.endswith(BESIDE):
            continue
        if kind != "file" or path.endswith(SECRETS) or not _printable(path):
            left.append(path.encode("utf-8", "backslashreplace").decode())
        elif "/" not in path and _is_sqlite(root / path):
            databases.append(path)
        else:
            files.append(path)
    return sorted(files), sorted(databases), sorted(left)


def _walk(root: Path) -> Iterator[tuple[str, str]]:
    for entry in sorted(root.iterdir()):
        if entry.name in FOLLOWERS or entry.name == WORK or entry.name.startswith(f"{FILE_NAME}-") or (
                entry.name.startswith(".") and entry.name.endswith(".tmp")):
            continue
        if entry.is_symlink() or not entry.is_dir():
            yield entry.name, "file" if entry.is_file() and not entry.is_symlink() else "link"
            continue
        below = [one for one in sorted(entry.iterdir()) if one.name not in IN_STORE] if entry.name == "store" else None
        for folder in [entry] if below is None else below:
            inside = folder.relative_to(root).as_posix()
            if folder.is_symlink() or not folder.is_dir():
                yield inside, "file" if folder.is_file() and not folder.is_symlink() else "link"
            else:
                yield from ((f"{inside}/{path}", kind) for path, kind in entries(folder).items()
                            if not (inside == "store/intake" and path.startswith((".taking-", ".gone-"))))


def _printable(path: str) -> bool:
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True


def _is_sqlite(path: Path) -> bool:
    with path.open("rb") as stream:
        return stream.read(16) == b"SQLite format 3\0"


def copy_database(source: Path, target: Path) -> None:
    """Copy an SQLite database as it stands at one moment, while others use it (SQLite's online backup)."""
    with closing(sqlite3.connect(f"file:{quote(str(source))}?mode=ro", uri=True)) as reading, closing(
            sqlite3.connect(target)) as writing:
        reading.backup(writing)


def copy_catalogue(archive: Archive, target: Path) -> None:
    """Copy the catalogue into the new SQLite file `target`: of SQLite by its own means, of a server row by row.

    The rows of a server come out of one transaction that sees one moment.
    """
    engine = archive.catalogue.engine
    if engine.dialect.name == "sqlite" and engine.url.database:
        copy_database(Path(engine.url.database), target)
        return
    made = Catalogue(f"sqlite:///{target}")
    try:
        made.migrate()
        with engine.connect().execution_options(isolation_level="REPEATABLE READ", stream_results=True) as reading, \
                made.engine.begin() as writing:
            for table in Base.metadata.sorted_tables:
                for rows in reading.execute(select(table)).mappings().partitions(1000):
                    writing.execute(table.insert(), [dict(row) for row in rows])
    finally:
        with made.engine.connect() as connection:
            connection.execute(text("PRAGMA journal_mode=DELETE"))
        made.close()


def program() -> bytes:
    """The program that is running, as an uncompressed tar of its sources: the same version gives the same bytes."""
    place = Path(__file__).resolve().parents[2]
    said = io.BytesIO()
    with tarfile.open(fileobj=said, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name in PROGRAM:
            top = place / name
            paths = [top, *sorted(top.rglob("*"))] if top.is_dir() else [top] if top.is_file() else []
            for path in paths:
                if path.is_symlink() or not path.is_file() or "__pycache__" in path.parts:
                    continue
                data = path.read_bytes()
                told = tarfile.TarInfo(f"luutru-{__version__}/{path.relative_to(place).as_posix()}")
                told.size, told.mode = len(data), 0o755 if name == "run" else 0o644
                tar.addfile(told, io.BytesIO(data))
    return said.getvalue()
