"""Packages made by hand for the tests of their writers: small, but with everything that a package can have."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

from archive.packages.build import metadata_files
from archive.packages.description import (
    Form,
    Holey,
    Package,
    PackedDocument,
    PackedFile,
    PremisAgent,
    PremisEvent,
)
from archive.packages.ead import table_of
from archive.packages.serialisation import Serialisation, serialisation

CASE = "H99.2026.01.VP"
CREATED = "2026-11-20T21:30:05+07:00"
UUID = "9C13E70E-08B2-4C54-8BAF-979B35D01B4D"
OTHER = "0B6F1C52-7E3D-4D56-9B0A-2F6E1D3C4B5A"        # an earlier package
TITLE = "Hồ sơ về “tổ chức” & bộ máy <năm 2026>"
FORMS: tuple[Form, ...] = ("SIP_hoso", "SIP_tailieu", "AIP_hoso", "AIP_tailieu", "DIP")

_VALUES = {"maintenance": "01", "mode": "01", "language": "01; 02", "typeName": "02", "issuedDate": "15/01/2026",
           "startDate": "15/01/2026", "endDate": "20/11/2026", "numberOfPage": "3", "numberOfPaper": "2",
           "totalDoc": "4", "confidenceLevel": "01", "process": "0", "riskRecovery": "0", "typePic": "02",
           "typeMedia": "01", "colour": "01", "docAttached": "0", "photoTime": "15/01/2026",
           "recordDate": "15/01/2026", "playTime": "00:10:00", "source": "1", "requestID": "KT.2026.0007",
           "requestDate": "19/11/2026", "purpose": "02", "feeObjectType": "10", "format": "02",
           "codeNumber": "12", "codeNotation": "QĐ-UBND", "docId": "H99.2026.12", "title": TITLE,
           "subject": "Về việc kiện toàn tổ chức", "organName": "UBND tỉnh mẫu", "description": ""}


def fields_of(form: Form, schema: str, **more: str) -> dict[str, str]:
    """A value for every row of the table."""
    more = {"fileCode": CASE, "arcFileCode": f"H99.{CASE}", **more}
    found = {row.tag: _VALUES.get(row.tag, f"giá trị {row.tag}") for row in table_of(form, schema)}  # type: ignore[arg-type]
    found.update({"riskRecoveryStatus": ""} if "riskRecoveryStatus" in found else {})
    return {**found, **{tag: value for tag, value in more.items() if tag in found}}


def packed(path: str, data: bytes | Path, role: str = "original", mime: str = "application/pdf",
           puid: str = "fmt/95") -> PackedFile:
    content = data if isinstance(data, bytes) else data.read_bytes()
    return PackedFile(path, data, len(content), hashlib.sha256(content).hexdigest(), mime, CREATED, role,
                      name="Quyết định số 12.pdf", puid=puid, format_name="PDF/A-2b")


def document(form: Form, ordinal: int = 1, kind: str = "document", files: int = 2,
             more: Mapping[str, str] | None = None) -> PackedDocument:
    code = f"{CASE}.{ordinal:07d}"
    schema = {"document": "EAD_doc", "photo": "EAD_pic", "av": "EAD_media"}[kind]
    stems = [code, *(f"{code}-a{n:02d}" for n in range(1, files))][:files]
    return PackedDocument(
        code, kind,  # type: ignore[arg-type]
        fields_of(form, schema, docCode=code, arcDocCode=f"H99.{code}", **(more or {})),
        [packed(f"representations/rep1/data/{stem}.pdf", f"%PDF {stem}".encode(),
                "original" if n == 0 else "attachment") for n, stem in enumerate(stems)])


def package(form: Form, documents: list[PackedDocument] | None = None, **more: object) -> Package:
    """A package of three documents of the three kinds and, in a SIP or AIP, one that is only named."""
    holey_code = f"{CASE}.0000004"
    made: dict[str, object] = {
        "form": form, "uuid": UUID, "fonds": "H99", "organisation": "Sở Nội vụ tỉnh mẫu", "title": TITLE,
        "created": CREATED, "fields": fields_of(form, "EAD"), "request": "NL.BNV.2026.01" if "SIP" in form else "",
        "documents": documents or [document(form, 1), document(form, 2, "photo", 1), document(form, 3, "av", 3)],
        "agents": [PremisAgent("luutru", "Lưu Trữ", "software", "0.1.0"),
                   PremisAgent("lan", "Nguyễn Thị Lan", "person")],
        "events": [PremisEvent("e-1", "ingestion start", CREATED, "đêm 2026-11-20", "success", "luutru"),
                   PremisEvent("e-2", "transfer", CREATED, "", "success", "lan", [f"{CASE}.0000001"]),
                   PremisEvent("e-3", "information package creation", CREATED, "", "success", "luutru")]}
    if form != "DIP":
        made["documentation"] = [packed("documentation/HuongDan.pdf", b"%PDF guide")]
    if form != "DIP" and documents is None:
        made["documents"] = [*made["documents"], document(form, 4, "document", 0)]  # type: ignore[misc]
        link = (f"urn_H99_{OTHER}_representations/rep1/data/x.pdf 100 representations/rep1/data/{holey_code}.pdf "
                f"ID-{OTHER}") if form.startswith("AIP") else _VALUES["docId"]
        made["holey"] = [Holey(f"{holey_code}.pdf", link)]
    if form.startswith("AIP"):
        made["others"] = [
            packed(f"representations/access/data/{CASE}.0000001.pdf", b"%PDF access", "access"),
            packed(f"representations/text/data/{CASE}.0000001.txt", b"text", "text", "text/plain", "x-fmt/111"),
            packed("metadata/casefile.json", b"{}", "record", "application/json", ""),
            packed("metadata/documents/0000001.json", b"{ }", "record", "application/json", ""),
            packed("metadata/documents/0000001.signatures.json", b"[]", "record", "application/json", "")]
    return Package(**{**made, **more})  # type: ignore[arg-type]


def files_of(made: Package, profile: Serialisation | None = None) -> dict[str, bytes]:
    """The metadata files of a package by their path."""
    return dict(metadata_files(made, profile or serialisation()))
