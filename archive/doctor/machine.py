"""The machine: room on its disks and when it runs out, its clock, who may read and write the archive's folder."""

from __future__ import annotations

import ctypes
import os
import platform
import shutil
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import func, select

from archive import clock
from archive.backup import media
from archive.doctor import secrets
from archive.findings import Finding, finding
from archive.fixity import places
from archive.model import Document, Event, File
from archive.opening import Archive
from archive.settings import Settings

LEAST = 50 << 20            # bytes below which no night begins (ingest/nightly.py)
SOON = 90                   # days within which a disk that fills up is told
SPAN = timedelta(weeks=8)   # that growth is taken from
SMALL = timedelta(minutes=2)    # that a clock may lag
_UNSYNCHRONISED = 5         # adjtimex(2): TIME_ERROR
_BAD = {"vfat", "msdos", "exfat", "tmpfs", "ramfs", "9p", "fuse.sshfs"}     # no hard promise of fsync, names or stay
_LOG_MB = 1024


def rooms(archive: Archive, now: datetime) -> Iterator[Finding]:
    """Free room where the archive, its copies and its backups lie, and the day on which it is used up."""
    settings = archive.settings
    with archive.catalogue.session() as session:
        held = int(session.scalar(select(func.coalesce(func.sum(File.size), 0))) or 0)
        since = clock.stamp(now - SPAN)
        grown = int(session.scalar(select(func.coalesce(func.sum(File.size), 0)).join(
            Document, Document.code == File.document).where(Document.received_at >= since)) or 0)
        first = session.scalar(select(func.min(Document.received_at))) or clock.stamp(now)
    days = max((now - max(clock.parse(first), now - SPAN)) / timedelta(days=1), 7.0)
    growth = grown / days
    lying = [("", settings.root)] + [(place.name, place.folder.parent) for place in places.copies(settings)]
    seen: set[int] = set()
    for name, folder in lying:
        if not folder.is_dir() or (device := folder.stat().st_dev) in seen:
            continue
        seen.add(device)
        free = shutil.disk_usage(folder).free
        if free < LEAST:
            yield finding("DOCTOR-006", name or str(folder), free=free >> 20, least=LEAST >> 20)
        elif growth > 0 and (left := (free - LEAST) / growth) < SOON:
            yield finding("DOCTOR-007", name or str(folder), days=int(left), free=free >> 20,
                          growth=round(growth / (1 << 20), 1),
                          day=f"{clock.in_vietnam(now + timedelta(left)):%d/%m/%Y}")
    for target in media.targets(settings):
        if target.folder.is_dir() and (free := shutil.disk_usage(target.folder).free) < held + growth * 31:
            yield finding("DOCTOR-008", target.name, free=free >> 20, need=int(held + growth * 31) >> 20)


def time_of(archive: Archive, now: datetime) -> Iterator[Finding]:
    """Whether the clock is kept by somebody, and not behind the ledger (QCVN 12:2026/BCA 2.2.22)."""
    with archive.catalogue.session() as session:
        last = session.scalar(select(Event.at).order_by(Event.seq.desc()).limit(1))
    if last and clock.parse(last) > now + SMALL:
        yield finding("DOCTOR-010", platform.node(), now=f"{clock.in_vietnam(now):%H:%M %d/%m/%Y}",
                      last=f"{clock.in_vietnam(clock.parse(last)):%H:%M %d/%m/%Y}")
    if clock_state() == _UNSYNCHRONISED:
        yield finding("DOCTOR-009", platform.node())


def clock_state() -> int:
    """What the system's kernel says of its clock: 0 kept in step, 5 kept by nobody, -1 not told (adjtimex(2))."""
    try:
        return int(ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(512)))
    except (OSError, AttributeError):
        return -1


def rights(settings: Settings) -> Iterator[Finding]:
    """Whether this account may write the archive's folder, and nobody else read what is secret."""
    root = settings.root
    for place in (root, root / "store", root / "store" / "ocfl", root / "store" / "ledger"):
        if place.is_dir() and not os.access(place, os.W_OK | os.X_OK):
            yield finding("DOCTOR-012", str(place))
    owner = root.stat().st_uid
    others = [one for one in [*root.iterdir(), *(root / "store").iterdir()] if one.lstat().st_uid != owner]
    if others:
        yield finding("DOCTOR-013", str(others[0]), n=len(others))
    yield from secrets.kept(settings)


def file_systems(settings: Settings, mounts: Path = Path("/proc/mounts")) -> Iterator[Finding]:
    """Whether archive and copies lie on file systems that keep what they promise."""
    try:
        told = [line.split()[1:3] for line in mounts.read_text().splitlines()]
    except OSError:
        return
    for folder in (settings.root, *(place.folder.parent for place in places.copies(settings))):
        if not folder.is_dir():
            continue
        above = [str(one) for one in (folder.resolve(), *folder.resolve().parents)]
        kind = next((kind for one in above for point, kind in reversed(told) if point == one), "")
        if kind in _BAD:
            yield finding("DOCTOR-015", str(folder), kind=kind)


def left_over(settings: Settings) -> Iterator[Finding]:
    """What a killed command left, and logs that nobody turns over."""
    root = settings.root
    try:
        pid = (root / "luutru.lock").read_text().strip().removeprefix("pid ")
    except OSError:
        pid = ""
    running = pid.isdecimal() and Path(f"/proc/{pid}").exists()
    if pid and not running:
        yield finding("DOCTOR-016", "luutru.lock", pid=pid)
    staging = root / "store" / "staging"
    if not running and staging.is_dir() and any(staging.iterdir()):
        yield finding("DOCTOR-017", "store/staging", n=len(list(staging.iterdir())))
    log = root / "log" / "luutru.jsonl"
    if log.is_file() and log.stat().st_size > _LOG_MB << 20:
        yield finding("DOCTOR-018", "log/luutru.jsonl", size=log.stat().st_size >> 20)
