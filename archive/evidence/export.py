"""Handing out a document with its evidence: files, records, certificates, revocation lists, a statement, the checker.

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
from archive.evidence.chain import chain_of
from archive.files import new_folder, write_atomically
from archive.i18n import _
from archive.opening import Archive
from archive.terminal import role_name

HERE = Path(__file__).parent
CHECKER = HERE / "checker.py"
CERTIFICATES, REVOCATIONS = "certificates", "revocation"


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
    seals = renewal.seals_of_files(archive, [document["item"]])     # a copy that was sealed later is another night's
    records = renewal.Records(archive)
    found: list[Exported] = []
    given: dict[bytes, None] = {}
    names: set[str] = set()
    for file in document["files"]:
        name = _own_name(file, names)
        archive.store.export(layout.casefile_object(document["case_file"]), file["path"], target / name)
        seal = seals.get(file["sha256"], "")
        record, gap, used = record_or_gap(records, seal, file["sha256"], target / name)
        stamps = []
        if record:
            write_atomically(target / f"{name}.ers", record)
            stamps = _stamps(record, target / name, given)
        for number, one in enumerate(used, 1):          # other authorities' tokens over the same root
            for further, token in enumerate(records.tokens(one)[1:], 2):
                write_atomically(target / f"{name}.{number}-{further}.tsr", token)
                given[token] = None
        found.append(Exported(name, file["role"], file["sha256"], file["size"], stamps, gap))
    chain = chain_of(given, archive.settings.path(archive.settings.signatures.trust))
    for folder, files in ((CERTIFICATES, chain.certificates), (REVOCATIONS, chain.revocations)):
        for file_name, der in files.items():
            (target / folder).mkdir(exist_ok=True)
            write_atomically(target / folder / file_name, der)
    write_atomically(target / "checker.py", CHECKER.read_bytes())
    write_atomically(target / "statement.html", _statement(archive, document, found, now).encode())
    return found


def _own_name(file: Mapping[str, Any], names: set[str]) -> str:
    """The file's name among what is handed out: a scan in PDF and its access copy bear the same one in the store."""
    path = Path(file["path"])
    name = path.name
    if name.casefold() in names:
        name = f"{path.stem}.{file['role']}{path.suffix}"
    names.add(name.casefold())
    return name


def digests_of_file(path: Path) -> ers.Digest:
    """The digest of the file at `path` under any algorithm, read in pieces."""
    def digest(algorithm: str) -> bytes:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, algorithm).digest()
    return digest


def record_or_gap(records: renewal.Records, seal: str, sha256: str, place: Path) -> tuple[bytes, str, list[str]]:
    """The evidence record of the file at `place` and the seals in it; or no bytes, and why there is none yet."""
    if not seal:
        return b"", _("stored since the last night was sealed; the next night seals it"), []
    if not records.rows[seal].tokens:
        return b"", _("seal {seal} has no timestamp yet").format(seal=seal), []
    try:
        record, used = records.of(seal, bytes.fromhex(sha256), digests_of_file(place))
    except KeyError:
        said = _("it came later than its document; only the inventory in seal {seal} covers it")
        return b"", said.format(seal=seal), []
    return record, "", used


def _stamps(record: bytes, place: Path, given: dict[bytes, None]) -> list[Stamp]:
    """The timestamps of a record, each also written beside its file and kept in `given`."""
    stamps = []
    for number, link in enumerate(ers.check(record, digests_of_file(place)), 1):
        if not link.sound:
            raise IntegrityError(_("the evidence of {name} is broken: {reason}").format(
                name=place.name, reason=link.reason))
        write_atomically(place.with_name(f"{place.name}.{number}.tsr"), link.token)
        token = tokens.read(link.token)
        given[link.token] = None
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
