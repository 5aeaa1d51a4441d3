"""Handing out a document with its evidence: files, records, certificates, a statement and the checker.

What is handed out can be checked on another machine, by other programs, without this archive.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, select_autoescape

from archive import clock, i18n, layout
from archive.errors import IntegrityError
from archive.evidence import ers, renewal, tokens
from archive.files import new_folder, write_atomically
from archive.i18n import _
from archive.opening import Archive
from archive.terminal import role_name

HERE = Path(__file__).parent
CHECKER = HERE / "checker.py"


@dataclass(frozen=True, slots=True)
class Stamp:
    """One timestamp of a record, as the statement shows it."""

    time: datetime
    algorithm: str
    server: str
    until: datetime | None
    fingerprint: str
    covers: str


@dataclass(frozen=True, slots=True)
class Exported:
    """One file that was handed out; without `stamps` it has no record yet, and `gap` says why."""

    name: str
    role: str
    sha256: str
    size: int
    stamps: list[Stamp] = field(default_factory=list)
    gap: str = ""


def export_evidence(archive: Archive, document: Mapping[str, Any], target: Path, now: datetime) -> list[Exported]:
    """Copy every file of `document` (its record) into the new folder `target`, each with its evidence record.

    Raises UsageError when the folder is there and not empty, IntegrityError when a file or its evidence is not what the
    archive says.
    """
    with new_folder(target):
        return _fill(archive, document, target, now)


def _fill(archive: Archive, document: Mapping[str, Any], target: Path, now: datetime) -> list[Exported]:
    seal = renewal.seal_of(archive, "stored", document["item"])
    found: list[Exported] = []
    certificates: dict[str, bytes] = {}
    for file in document["files"]:
        name = Path(file["path"]).name
        archive.store.export(layout.casefile_object(document["case_file"]), file["path"], target / name)
        record, gap = _record(archive, seal, file["sha256"], target / name)
        stamps = []
        if record:
            write_atomically(target / f"{name}.ers", record)
            stamps = _stamps(record, target / name, certificates)
        found.append(Exported(name, file["role"], file["sha256"], file["size"], stamps, gap))
    if certificates:
        (target / "certificates").mkdir()
        for fingerprint, der in certificates.items():
            write_atomically(target / "certificates" / f"{fingerprint[:16]}.der", der)
    write_atomically(target / "checker.py", CHECKER.read_bytes())
    write_atomically(target / "statement.html", _statement(archive, document, found, now).encode())
    return found


def digests_of_file(path: Path) -> ers.Digest:
    """The digest of the file at `path` under any algorithm, read in pieces."""
    def digest(algorithm: str) -> bytes:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, algorithm).digest()
    return digest


def _record(archive: Archive, seal: str, sha256: str, place: Path) -> tuple[bytes, str]:
    if not seal:
        return b"", _("stored since the last night was sealed; the next night seals it")
    try:
        return renewal.record_of(archive, seal, bytes.fromhex(sha256), digests_of_file(place)), ""
    except KeyError:
        return b"", _("seal {seal} has no timestamp yet").format(seal=seal)


def _stamps(record: bytes, place: Path, certificates: dict[str, bytes]) -> list[Stamp]:
    stamps = []
    for number, link in enumerate(ers.check(record, digests_of_file(place)), 1):
        if not link.sound:
            raise IntegrityError(_("the evidence of {name} is broken: {reason}").format(
                name=place.name, reason=link.reason))
        write_atomically(place.with_name(f"{place.name}.{number}.tsr"), link.token)
        token = tokens.read(link.token)
        ders = {hashlib.sha256(one.dump()).hexdigest(): one.dump() for one in tokens.certificates(link.token)}
        certificates.update(ders)
        own = hashlib.sha256(token.certificate.dump()).hexdigest() if token.certificate else ""
        stamps.append(Stamp(token.time, link.algorithm, token.server, token.until, own, link.covers))
    return stamps


def _statement(archive: Archive, document: Mapping[str, Any], found: list[Exported], now: datetime) -> str:
    environment = Environment(loader=FileSystemLoader(HERE / "templates"), autoescape=select_autoescape(),
                              trim_blocks=True, lstrip_blocks=True)
    environment.globals.update(_=_, language=i18n.language(), role_name=role_name, local=_local)
    return environment.get_template("statement.html").render(
        agency=archive.settings.agency, document=document, fields=document["fields"], files=found, now=now)


def _local(moment: datetime | None) -> str:
    return f"{clock.in_vietnam(moment):%H:%M:%S %d/%m/%Y}" if moment else "—"
