"""A case file with documents, stored as a night stores them but without running one: for tests of what comes after."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from archive import clock, layout, model, records
from archive.catalogue import record as record_events
from archive.files import json_bytes
from archive.ledger import Entry, event_key
from archive.opening import Archive, ownership
from archive.store import NewFile

FILE = "H99.2026.01.VP"


def store_documents(archive: Archive, described: Sequence[Mapping[str, str]], *, profile: str = "tt05_2025",
                    code: str = FILE, case_file: Mapping[str, Any] | None = None,
                    contents: Sequence[bytes] = (), names: Sequence[str] = ()) -> None:
    """Store one text for each of `described` (its fields) as the next documents of the case file `code`.

    `contents`: their bytes, where they are not to be of their own; `names`: the names under which these came.
    """
    now = clock.now()
    stamp = clock.stamp(now)
    fonds, year, notation = code[:3], int(code[4:8]), code[9:]
    held = archive.store.has(layout.casefile_object(code))
    opened: dict[str, Any] = dict(records.read_case_file(archive.store, code)) if held else {
        "schema": "luutru/casefile/1", "code": code, "fonds": fonds, "year": year, "notation": notation,
        "title": "Hồ sơ về công tác văn thư, lưu trữ", "retention": "20 năm", "keeper": "Nguyễn Thị Lan",
        "state": "open", "profile": profile, "opened_at": stamp}
    opened |= case_file or {}
    start = records.next_ordinal(archive.store, code)
    version = archive.store.version(layout.casefile_object(code)) + 1
    files: dict[str, NewFile] = {layout.CASE_FILE: NewFile(json_bytes(opened))}
    made, entries, items, came = [], [], [], []
    for ordinal, fields in enumerate(described, start):
        document = f"{code}.{ordinal:07d}"
        content = contents[ordinal - start] if contents else f"Nội dung của {document}".encode()
        sha256, sha512 = hashlib.sha256(content).hexdigest(), hashlib.sha512(content).hexdigest()
        item = hashlib.sha256(document.encode()).hexdigest()[:16] if contents else sha256[:16]
        name = names[ordinal - start] if names else f"{ordinal}.txt"
        ending = name.rpartition(".")[2]
        path = f"{layout.RECEIVED}/{document}.{ending}"
        receipt = {"received_at": stamp, "legal_received_at": stamp, "rule": "LS"}
        received = {"source": "inbox", "name": name, "size": len(content), "sha256": sha256,
                    "sha512": sha512, **receipt, "batch": "2026-11-20.1"}
        record = {
            "schema": "luutru/document/1", "code": document, "case_file": code, "ordinal": ordinal, "item": item,
            "batch": "2026-11-20.1", "version": version, "profile": profile,
            "source": {"source": "inbox", "name": name}, "receipt": receipt, "fields": dict(fields),
            "pages": 1, "legal_value": "unsigned_information", "verdict": "unsigned", "signatures": [],
            "digitised": {}, "facts": {}, "findings": [],
            "files": [{"path": path, "role": "original", "name": name, "format": ending,
                       "size": len(content), "sha256": sha256, "sha512": sha512}]}
        files[path] = NewFile(content)
        files[layout.record_path(ordinal)] = NewFile(json_bytes(record))
        made.append(record)
        items.append(model.Item(
            id=item, source="inbox", name=name, size=len(content), sha256=sha256, sha512=sha512,
            received_at=stamp, legal_received_at=stamp, receipt_rule="LS", batch="2026-11-20.1", state="received",
            document="", fields={}, facts={}))
        came.append(Entry("received", item, received, event_key("received", item)))
        entries.append(Entry("stored", item, {
            "document": document, "case_file": code, "version": version, "batch": "2026-11-20.1",
            "legal_value": "unsigned_information", "verdict": "unsigned", "files": {path: sha256}},
            event_key("stored", item)))
    with ownership(archive):
        with archive.catalogue.session() as session:
            record_events(session, archive.ledger, came)
            session.add_all(items)
        archive.store.put(layout.casefile_object(code), files, message="batch", user="luutru", created=now)
        with archive.catalogue.session() as session:
            record_events(session, archive.ledger, entries)
            records.admit_case_file(session, opened, version)
            session.flush()
            records.admit(session, made)
