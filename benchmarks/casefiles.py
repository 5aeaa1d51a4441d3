"""Makes the case files that packages are measured with: as many documents and bytes as wanted, in a real archive.

One document goes through a real night; the others are its likes, with names, numbers and bytes of their own, put as
the night does; the catalogue then follows from the store. Must never measure anything, nor be measured.
"""

from __future__ import annotations

import hashlib
import json
import random
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import select

from archive import catalogue, clock, layout, records
from archive.ledger import Entry, event_key
from archive.model import Event
from archive.opening import Archive, open_archive, ownership
from archive.rebuild import rebuild
from archive.settings import load
from archive.store import NewFile
from benchmarks import material
from benchmarks.nightly import new_archive, night
from ingest.stages.index import index_documents

LARGE, SMALL = "H99.2026.01.VP", "H99.2026.02.VP"
_PERIOD = {"maintenance", "maintenanceText"}       # the case file's then counts: permanent, as a submission must be
_ORIGINAL, _REPORT, _PRINT = "original", "signature-report", "signature-print"


@dataclass(frozen=True, slots=True)
class Likeness:
    """A stored document: its record, its files' bytes and the events about it and its night, to make others after."""

    record: dict[str, Any]
    events: list[tuple[str, dict[str, Any]]]
    night: list[tuple[str, dict[str, Any]]]
    files: Mapping[str, bytes]


def archive_with(cache: Path, scratch: Path, documents: int, megabytes: int) -> Path:
    """An archive with a case file LARGE of `documents` documents, all in one version, and SMALL with one.

    `megabytes` (10^6 bytes) is what the received files of LARGE come to, at least.
    """
    kept = cache / f"casefile-{documents}-{megabytes}"
    if not kept.exists():
        former = new_archive(scratch, material.letter(cache, 0, LARGE))
        night(["-m", "cli", "--root", str(former), "nightly", "--json"])
        archive = open_archive(load(former))
        try:
            one = _likeness(archive)
        finally:
            archive.close()
        shutil.rmtree(former)
        half = new_archive(scratch, None)
        archive = open_archive(load(half))
        try:
            with ownership(archive):
                fill(archive, one, LARGE, documents, megabytes * 1_000_000 // documents, scratch)
                fill(archive, one, SMALL, 1, 0, scratch)
                rebuild(archive)
                index_documents(archive)
        finally:
            archive.close()
        shutil.copytree(half, kept.with_name(f"{kept.name}.part"))
        kept.with_name(f"{kept.name}.part").rename(kept)
        shutil.rmtree(half)
    root = scratch / "kho"
    shutil.rmtree(root, ignore_errors=True)
    shutil.copytree(kept, root, copy_function=_linked)
    return root


def fill(archive: Archive, one: Likeness, code: str, documents: int, size: int, scratch: Path) -> None:
    """Put `documents` likes of `one` into the new case file `code`, each original `size` bytes or more."""
    folder = scratch / "new-files"
    folder.mkdir()
    dice = random.Random(f"{code} {documents} {size}")      # the same numbers, the same bytes
    files: dict[str, NewFile] = {}
    batch = one.record["batch"]
    events = [Entry(kind, batch, data, event_key(kind, batch)) for kind, data in one.night]
    for ordinal in range(1, documents + 1):
        record, contents = like(one, code, ordinal, size, dice)
        for path, data in contents.items():
            place = folder / f"{ordinal}-{len(files)}"
            place.write_bytes(data)
            files[path] = NewFile(place)
        for kind, data in one.events:
            told = _renamed(data, one.record, record)
            if "files" in told:         # the audit compares the store with them
                told["files"] = {file["path"]: file["sha256"] for file in record["files"]}
            events.append(Entry(kind, record["item"], told, event_key(kind, record["item"])))
    described = _case_file(archive, one, code)
    files[layout.CASE_FILE] = NewFile(json.dumps(described, ensure_ascii=False, sort_keys=True, indent=1).encode())
    archive.store.put(layout.casefile_object(code), files, message="benchmark", user="luutru", created=clock.now())
    shutil.rmtree(folder)
    with archive.catalogue.session() as session:
        catalogue.record(session, archive.ledger, events)


def like(one: Likeness, code: str, ordinal: int, size: int,
         dice: random.Random) -> tuple[dict[str, Any], dict[str, bytes]]:
    """The record of a document like `one`, and its files' bytes by their path (the record's own among them)."""
    mine = {**one.record, "code": f"{code}.{ordinal:07d}", "case_file": code, "ordinal": ordinal, "version": 1,
            "item": hashlib.sha256(f"{code} {ordinal}".encode()).hexdigest()[:16]}
    mine = _renamed(mine, one.record, mine)
    mine["fields"] = {key: value for key, value in mine["fields"].items() if key not in _PERIOD}
    mine["fields"]["codeNumber"] = str(ordinal)
    contents: dict[str, bytes] = {}
    for file, former in zip(mine["files"], one.record["files"], strict=True):
        if former["role"] in (_REPORT, _PRINT):
            file["path"] = (layout.signatures_path if former["role"] == _REPORT else layout.printed_path)(ordinal)
        data = one.files[former["path"]]
        if file["role"] == _ORIGINAL:       # after a PDF's end any bytes may stand
            data += dice.randbytes(max(16, size - len(data)))
        elif file["role"] == _REPORT:
            data = json.dumps({**json.loads(data), "number": ordinal}, ensure_ascii=False, indent=1).encode()
        else:
            data += f"\n{mine['code']}\n".encode()
        file |= {"size": len(data), "sha256": hashlib.sha256(data).hexdigest(),
                 "sha512": hashlib.sha512(data).hexdigest()}
        contents[file["path"]] = data
    contents[layout.record_path(ordinal)] = json.dumps(mine, ensure_ascii=False, sort_keys=True, indent=1).encode()
    return mine, contents


def _likeness(archive: Archive) -> Likeness:
    object_id = layout.casefile_object(LARGE)
    record = dict(next(records.read_documents(archive.store, LARGE)))
    with archive.catalogue.session() as session:
        events, night_events = ([(row.kind, row.data) for row in session.scalars(
            select(Event).where(Event.subject == subject).order_by(Event.seq))]
            for subject in (record["item"], record["batch"]))
    return Likeness(record, events, night_events, {file["path"]: archive.store.read(object_id, file["path"])
                                     for file in record["files"]})


def _renamed(data: dict[str, Any], former: Mapping[str, Any], mine: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of `data` in which the former document's codes are those of another."""
    text = json.dumps(data, ensure_ascii=False)
    for key in ("code", "case_file", "item"):
        text = text.replace(former[key], mine[key])
    renamed: dict[str, Any] = json.loads(text)
    return renamed


def _case_file(archive: Archive, one: Likeness, code: str) -> dict[str, Any]:
    return {"schema": "luutru/casefile/1", "code": code, "fonds": "H99", "year": 2026,
            "notation": code.removeprefix("H99.2026."), "title": f"Hồ sơ để đo {code}", "retention": "Vĩnh viễn",
            "keeper": "Vũ Văn Mẫu", "state": "open", "profile": one.record["profile"],
            "opened_at": clock.stamp(clock.now())}


def _linked(source: str, target: str) -> str:
    """Copy, but for the store's contents, which nobody ever writes to: these get a second name."""
    if "/content/" in source:
        Path(target).hardlink_to(source)
    else:
        shutil.copy2(source, target)
    return target
