"""Where secrets lie: files that others may read or that are not there, passwords in the settings file."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from archive.findings import Finding, finding
from archive.hiding import password_in
from archive.settings import FILE_NAME, Settings

OTHERS = ("seal.pkcs12", "lgsp.certificate")        # settings that name files with a key in them


def named(settings: Settings) -> Iterator[tuple[str, Path]]:
    """Each setting that names a file with a secret in it, and the file."""
    for section, told in settings:
        for field in getattr(type(told), "model_fields", {}):
            name = f"{section}.{field}"
            if (field.endswith("secret_file") or name in OTHERS) and (place := getattr(told, field)):
                yield name, settings.path(Path(place))


def kept(settings: Settings) -> Iterator[Finding]:
    """Secrets that others on this machine may read, that are missing, or that stand where they should not."""
    root = settings.root
    for name, place in (("", root / "accounts.db"), ("", root / "acts.jsonl"), *named(settings)):
        if place.is_file() and place.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            yield finding("DOCTOR-011", str(place))
        # The key of [seal] has looks of its own (archive/doctor/certificates.py).
        if name and not name.startswith("seal.") and not os.access(place, os.R_OK):
            yield finding("DOCTOR-073", name, place=str(place))
    try:
        written = (root / FILE_NAME).read_text(encoding="utf-8")
    except OSError:
        return
    if password_in(settings.database) and settings.database in written:
        yield finding("DOCTOR-014", FILE_NAME)
    if password_in(settings.workers.broker) and settings.workers.broker in written:
        yield finding("DOCTOR-072", FILE_NAME)
