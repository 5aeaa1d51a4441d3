"""From the store's records to a package: which files travel, under which names, with which history."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import Any

import pytest

from archive import layout, records
from archive.errors import UsageError
from archive.files import json_bytes
from archive.opening import Archive, ownership
from archive.packages import assemble
from archive.packages.description import PackedDocument
from archive.store import NewFile
from tests.stored_documents import FILE, store_documents
from tests.test_closing import GOOD

CREATED = datetime(2026, 11, 21, 2, 0, tzinfo=UTC)
# id.loc.gov/vocabulary/preservation/eventType, as far as it can be said here
TERMS = {"accession", "creation", "digital signature generation", "digital signature validation", "exporting",
         "fixity check", "information package creation", "ingestion", "metadata modification", "modification",
         "quarantine", "transfer", "unquarantine"}


@pytest.fixture
def kho(archive: Archive, stopped_clock: datetime) -> Archive:
    """A case file of two documents: a plain one, and a scan with an attachment, a message and an access copy."""
    store_documents(archive, [GOOD, {**GOOD, "codeNumber": "2", "confidenceLevel": "02"}])
    object_id = layout.casefile_object(FILE)
    record: dict[str, Any] = dict(next(records.read_documents(archive.store, FILE, [2])))
    files: dict[str, NewFile] = {}
    for role, path, name in (
            ("attachment", f"{layout.RECEIVED}/{FILE}.0000002-a01.docx", "phụ lục.docx"),
            ("message", f"{layout.RECEIVED}/{FILE}.0000002-message.edxml", "1.edxml"),
            ("access", f"{layout.ACCESS}/{FILE}.0000002.pdf", "access.pdf"),
            ("text", f"{layout.TEXT}/{FILE}.0000002.txt", "text.txt")):
        content = f"{role} của văn bản 2".encode()
        files[path] = NewFile(content)
        record["files"] = [*record["files"], {
            "path": path, "role": role, "name": name, "format": path.rpartition(".")[2], "size": len(content),
            "sha256": hashlib.sha256(content).hexdigest(), "sha512": hashlib.sha512(content).hexdigest()}]
    record |= {"digitised": {"engine": "x"}, "verdict": "valid", "legal_value": "signed_copy"}
    files[layout.record_path(2)] = NewFile(json_bytes(record))
    with ownership(archive):
        version = archive.store.put(object_id, files, message="x", user="luutru", created=stopped_clock)
        with archive.catalogue.session() as session:
            records.renew(session, record)
            records.admit_case_file(session, records.read_case_file(archive.store, FILE), version)
    return archive


def names(document: PackedDocument) -> list[tuple[str, str]]:
    return [(file.path.rpartition("/")[2], file.role) for file in document.files]


def test_a_scan_leaves_as_its_access_copy_with_the_received_file_beside_it(kho: Archive) -> None:
    plain, scan = assemble.case_file(kho, FILE, "SIP_hoso", created=CREATED, request="NL.H99.2026.01").documents
    assert names(plain) == [(f"{FILE}.0000001.txt", "original")]
    assert names(scan) == [(f"{FILE}.0000002.pdf", "original"), (f"{FILE}.0000002-received.txt", "attachment"),
                           (f"{FILE}.0000002-a01.docx", "attachment"), (f"{FILE}.0000002-message.edxml", "message")]
    assert all(file.path.startswith("representations/rep1/data/") for file in scan.files)


def test_an_aip_holds_what_was_received_and_names_everything_else(kho: Archive) -> None:
    package = assemble.case_file(kho, FILE, "AIP_hoso", created=CREATED)
    assert names(package.documents[1])[0] == (f"{FILE}.0000002.txt", "original")
    listed = {file.path for one in package.documents for file in one.files} | {file.path for file in package.others}
    assert listed == set(kho.store.files(layout.casefile_object(FILE)))
    assert {file.role for file in package.others} == {"record", "access", "text"}


def test_every_file_is_what_the_store_holds(kho: Archive) -> None:
    for form in ("SIP_hoso", "AIP_hoso"):
        package = assemble.case_file(kho, FILE, form, created=CREATED)
        for file in [*(each for one in package.documents for each in one.files), *package.others]:
            data = file.source if isinstance(file.source, bytes) else file.source.read_bytes()
            assert (len(data), hashlib.sha256(data).hexdigest()) == (file.size, file.sha256)
            assert file.created.endswith("+07:00") and file.mime


def test_the_same_package_is_described_twice_alike(kho: Archive) -> None:
    one, other = (assemble.case_file(kho, FILE, "SIP_hoso", created=CREATED) for _ in range(2))
    assert one == other
    assert one.uuid == one.uuid.upper()
    later = assemble.case_file(kho, FILE, "SIP_hoso", created=CREATED.replace(hour=3))
    assert later.uuid != one.uuid
    given = "0648D84A-1B12-59BB-8288-E2C957B59155"
    assert assemble.case_file(kho, FILE, "SIP_hoso", created=CREATED, uuid=given.lower()).uuid == given


def test_history_is_told_in_the_terms_of_the_list_of_events(kho: Archive) -> None:
    package = assemble.case_file(kho, FILE, "AIP_hoso", created=CREATED)
    told = {(event.type, event.objects) for event in package.events}
    assert ("ingestion", (f"{FILE}.0000001",)) in told
    assert ("transfer", (f"{FILE}.0000002",)) in told           # TT 05/2025 PL I: what was digitised
    assert ("accession", (f"{FILE}.0000002",)) in told
    assert package.events[-1].type == "information package creation"
    assert {event.agent for event in package.events} == {agent.id for agent in package.agents}
    assert len({event.id for event in package.events}) == len(package.events)
    table = assemble._table()
    known = {rule[key] for section in ("events", "record") for rule in table[section].values()
             for key in ("type", "digitised") if key in rule}
    assert known <= TERMS
    assert list(assemble.case_file(kho, FILE, "SIP_hoso", created=CREATED).events) == []


def test_loose_documents_are_numbered_in_their_round(kho: Archive) -> None:
    codes = [f"{FILE}.0000002", f"{FILE}.0000001"]
    package = assemble.loose(kho, codes, "SIP_tailieu", created=CREATED, title="Công văn đến", round=2, ordinal=7,
                             source="1", request="NL.H99.2026.01")
    assert [one.code for one in package.documents] == ["H99.2026.02.0000007", "H99.2026.02.0000008"]
    assert [one.fields["docCode"] for one in package.documents] == ["H99.2026.02.0000007", "H99.2026.02.0000008"]
    assert names(package.documents[0])[0] == ("H99.2026.02.0000007.pdf", "original")
    assert package.fields == {"fileCode": "H99.2026.02.0000007", "title": "Công văn đến", "source": "1",
                              "totalDoc": "2", "description": ""}
    kept = assemble.loose(kho, codes, "AIP_tailieu", created=CREATED, title="x", round=2, ordinal=7, source="1")
    assert kept.fields["arcFileCode"] == "H99.H99.2026.02.0000007"
    assert kept.request == "" and {event.type for event in kept.events} >= {"ingestion", "transfer"}


def test_a_reader_gets_copies_without_the_message(kho: Archive) -> None:
    package = assemble.request(kho, [f"{FILE}.0000002"], created=CREATED,
                               fields={"requestID": "YC-1", "researchTopic": "Quy chế", "description": "x"})
    assert [role for _, role in names(package.documents[0])] == ["original", "attachment", "attachment"]
    assert (package.fields["requestID"], package.fields["purpose"], package.title) == ("YC-1", "", "Quy chế")
    assert package.documents[0].fields["arcDocCode"] == f"H99.{FILE}.0000002"


@pytest.mark.parametrize("codes", [[], ["không phải mã"], [f"{FILE}.0000009"], ["H99.2026.77.VP.0000001"]])
def test_what_the_archive_does_not_hold_is_not_packed(kho: Archive, codes: list[str]) -> None:
    with pytest.raises(UsageError):
        assemble.request(kho, codes, created=CREATED, fields={})
