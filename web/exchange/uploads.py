"""Uploads: packages that come in parts, each a file of the service's folder that grows until it is whole.

How far an upload came is the size of its file: nothing is counted beside it, so a kill at any byte leaves the truth. It
is whole when it has its length and its SHA-256 is the one that was said; any other is dropped. No name that came from
outside is ever a name on the disk.
"""

from __future__ import annotations

import fcntl
import os
import re
import secrets
import shutil
import sqlite3
import time
import unicodedata
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from archive.files import fsync_folder
from archive.findings import finding
from retention.transfer import carrying
from web.exchange.held import Held
from web.exchange.problems import Problem, refused

_PACKAGE = re.compile(r"packages/[^/\\\x00-\x1f\x7f]{1,200}\.zip", re.IGNORECASE)
_PAPER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,80}\.pdf", re.IGNORECASE)
_SHA256 = re.compile(r"[0-9a-f]{64}")
_GB = 1 << 30
LEFT = 3600.0       # a file of no upload that is older was left by a kill, seconds


@dataclass(frozen=True, slots=True)
class Upload:
    """One file on its way: of which hand-over, under which name, how long it will be, whether it is whole."""

    id: str
    agency: str
    code: str
    name: str
    length: int
    sha256: str
    touched: float
    whole: bool


class Uploads:
    """The uploads of one archive's service."""

    def __init__(self, held: Held) -> None:
        self.held, self.settings = held, held.settings.service

    def place(self, upload: Upload) -> Path:
        """Where its bytes lie."""
        return self.held.folder / upload.id

    def offset(self, upload: Upload) -> int:
        """How many bytes of it came. Raises FileNotFoundError for one that was given up meanwhile."""
        return upload.length if upload.whole else self.place(upload).stat().st_size

    def is_full(self, upload: Upload) -> bool:
        """Whether all its bytes are there. Raises Problem for one that was given up meanwhile."""
        try:
            return self.offset(upload) == upload.length
        except FileNotFoundError:
            raise Problem("gone") from None

    def until(self, upload: Upload) -> float:
        """When it is given up unless something comes, seconds since 1970."""
        return upload.touched + self.settings.upload_hours * 3600

    def of(self, code: str) -> list[Upload]:
        """The uploads of a hand-over, by name; a file that is sent anew is there twice until it is whole."""
        with self.held.database(changing=False) as database:
            return [_upload(row) for row in database.execute(
                "SELECT * FROM upload WHERE code = ? ORDER BY name, whole", (code,))]

    def arrived(self, code: str) -> Mapping[str, Path]:
        """The whole files of a hand-over by their names, as a Carrier tells them."""
        return {one.name: self.place(one) for one in self.of(code) if one.whole}

    def find(self, id_: str, agency: str) -> Upload:
        """The upload of this agency. Raises Problem: another agency's is not there."""
        with self.held.database(changing=False) as database:
            row = database.execute("SELECT * FROM upload WHERE id = ? AND agency = ?", (id_[:64], agency)).fetchone()
        if row is None:
            raise Problem("not_found")
        return _upload(row)

    def begin(self, agency: str, code: str, name: str, length: int, sha256: str, *, most: int) -> tuple[Upload, bool]:
        """Begin an upload; an equal one that is there already goes on instead (then the second is false).

        `most`: files that this hand-over may have. Raises Problem.
        """
        name = check(code, name, length, sha256)
        if length > self.settings.package_gb * _GB:
            raise Problem("too_large", headers={"tus-max-size": str(int(self.settings.package_gb * _GB))})
        new = Upload(secrets.token_hex(16), agency, code, name, length, sha256, time.time(), whole=False)
        os.close(os.open(self.place(new), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        fsync_folder(self.held.folder)
        found = new
        try:
            found = self._begin(new, most=most)
        finally:
            if found is not new:
                self.place(new).unlink(missing_ok=True)
        return found, found is new

    def _begin(self, new: Upload, *, most: int) -> Upload:
        """Note a new upload, or find the equal one that is there. Raises Problem."""
        agency, code, name, length = new.agency, new.code, new.name, new.length
        with self.held.database() as database:
            rows = [_upload(row) for row in database.execute(
                "SELECT * FROM upload WHERE code = ? AND name = ? ORDER BY whole DESC", (code, name))]
            same = next((one for one in rows if one.sha256 == new.sha256 and one.length == length), None)
            if same is not None:
                database.execute("UPDATE upload SET touched = ? WHERE id = ?", (new.touched, same.id))
                return same
            open_, waiting, bytes_ = 0, 0, 0
            for one in map(_upload, database.execute("SELECT * FROM upload WHERE whole = 0")):
                left = one.length - _size(self.place(one))
                bytes_ += max(0, left)
                open_ += one.agency == agency
            waiting = database.execute("SELECT count(*) FROM upload WHERE code = ?", (code,)).fetchone()[0]
            if open_ >= self.settings.open_uploads or waiting >= most:
                raise refused([finding("LGSP-009", name, count=max(open_, waiting))], "too_many")
            free = shutil.disk_usage(self.held.folder).free - bytes_ - self.settings.keep_free_gb * _GB
            if free < length:
                raise Problem("no_room", headers={"retry-after": "3600"})
            given_up = [one for one in rows if not one.whole]
            database.executemany("DELETE FROM upload WHERE id = ?", [(one.id,) for one in given_up])
            database.execute("INSERT INTO upload VALUES (?, ?, ?, ?, ?, ?, ?, 0)", (
                new.id, agency, code, name, length, new.sha256, new.touched))
        for one in given_up:
            self.place(one).unlink(missing_ok=True)
        return new

    @contextmanager
    def writing(self, upload: Upload) -> Iterator[int]:
        """The open file of an upload, for one writer at a time over all server processes. Raises Problem."""
        try:
            handle = os.open(self.place(upload), os.O_RDWR | os.O_APPEND)
        except FileNotFoundError:
            raise Problem("gone") from None
        try:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise Problem("locked", headers={"retry-after": "1"}) from None
            yield handle
        finally:
            os.close(handle)

    def touch(self, upload: Upload) -> float:
        """Note that something came; until when it is kept now."""
        now = time.time()
        with self.held.database() as database:
            database.execute("UPDATE upload SET touched = ? WHERE id = ?", (now, upload.id))
        return now + self.settings.upload_hours * 3600

    def conclude(self, upload: Upload) -> None:
        """Every byte has come: read them again and compare. The caller is the one that is writing.

        Raises Problem (LGSP-004) when they are not what was said; the upload is dropped then.
        """
        if carrying.hash_of(self.place(upload)) != upload.sha256:
            self.drop(upload)
            raise refused([finding("LGSP-004", upload.name, stated=upload.sha256[:16])], "checksum")
        with self.held.database() as database:
            before = [_upload(row) for row in database.execute(
                "SELECT * FROM upload WHERE code = ? AND name = ? AND id <> ?",
                (upload.code, upload.name, upload.id))]
            database.executemany("DELETE FROM upload WHERE id = ?", [(one.id,) for one in before])
            database.execute("UPDATE upload SET whole = 1, touched = ? WHERE id = ?", (time.time(), upload.id))
        for one in before:
            self.place(one).unlink(missing_ok=True)

    def drop(self, upload: Upload) -> None:
        """Give an upload up; its bytes go."""
        with self.held.database() as database:
            database.execute("DELETE FROM upload WHERE id = ?", (upload.id,))
        self.place(upload).unlink(missing_ok=True)

    def forget(self, code: str) -> None:
        """The whole files of a hand-over are not needed here any more: they were received."""
        for one in self.of(code):
            if one.whole:
                self.drop(one)

    def sweep(self) -> None:
        """Give up what nobody went on with, and remove files that no upload knows (a kill left them)."""
        since = time.time() - self.settings.upload_hours * 3600
        with self.held.database() as database:
            old = {row["id"] for row in database.execute("SELECT id FROM upload WHERE whole = 0 AND touched < ?",
                                                         (since,))}
            database.executemany("DELETE FROM upload WHERE id = ?", [(one,) for one in old])
            known = {row["id"] for row in database.execute("SELECT id FROM upload")}
        for path in self.held.folder.iterdir():
            if re.fullmatch(r"[0-9a-f]{32}", path.name) and path.name not in known and (
                    path.name in old or _age(path) > LEFT):
                path.unlink(missing_ok=True)


def check(code: str, name: str, length: int, sha256: str) -> str:
    """The name under which a file goes into a hand-over (NFC). Raises Problem (LGSP-003)."""
    name = unicodedata.normalize("NFC", name)
    wrong = "name" if not (_PACKAGE.fullmatch(name) or _PAPER.fullmatch(name)) or len(name.encode()) > 220 or \
        not name.isprintable() else "sha256" if not _SHA256.fullmatch(sha256) else "length" if length < 1 else ""
    if wrong:
        raise refused([finding("LGSP-003", code, what=wrong)], parameters=[wrong])
    return name


def _age(path: Path) -> float:
    try:
        return time.time() - path.stat().st_mtime
    except FileNotFoundError:
        return 0.0


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _upload(row: sqlite3.Row) -> Upload:
    return Upload(row["id"], row["agency"], row["code"], row["name"], row["length"], row["sha256"], row["touched"],
                  whole=bool(row["whole"]))
