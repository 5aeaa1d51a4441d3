"""Small real packages for tests: a case file of some documents, written by our own writer, and broken on purpose."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pikepdf

from archive.fields import profile
from archive.packages.description import (
    Form,
    Holey,
    Package,
    PackedDocument,
    PackedFile,
    PremisAgent,
    PremisEvent,
    Status,
)
from archive.packages.serialisation import serialisation
from archive.packages.writing import write_zip
from tests.conftest import ROOT

PLAIN = ROOT / "samples" / "inbox" / "van-ban-den" / "Thông báo trực kho tháng 11.pdf"
UUID = "7A1C0B52-3E0D-4D56-9B0A-2F6E1D3C4B5A"
CREATED = "2026-11-18T09:30:00.000+07:00"
EAD = "metadata/descriptive/EAD.xml"
CODE = "H99.2026.07.TCHC"       # not in the sample file plan: the sender's own
CASE_FILE = {"title": "Hồ sơ nâng bậc lương năm 2026", "maintenance": "01", "mode": "01", "language": "01",
             "startDate": "05/01/2026", "endDate": "30/06/2026", "keyword": "nâng bậc lương", "confidenceLevel": "01",
             "riskRecovery": "0", "format": "01", "description": "Hồ sơ do Phòng Tổ chức lập."}


def pdf(folder: Path, title: str) -> bytes:
    """A PDF of one page whose bytes nobody else has."""
    target = folder / f"{hashlib.sha256(title.encode()).hexdigest()[:12]}.pdf"
    with pikepdf.open(PLAIN) as document:
        document.docinfo["/Title"] = title
        document.save(target, deterministic_id=True)
    return target.read_bytes()


def packed(path: str, data: bytes, role: str = "original", mime: str = "application/pdf") -> PackedFile:
    """A file of a package, from its bytes."""
    return PackedFile(path, data, len(data), hashlib.sha256(data).hexdigest(), mime, CREATED, role,
                      path.rpartition("/")[2])


def document(folder: Path, code: str, number: int, *, attachments: int = 0, **fields: str) -> PackedDocument:
    """A document of the package with all the fields of its table."""
    values = {"docId": f"{number:08d}", "docCode": code, "maintenance": "01", "typeName": "02",
              "codeNumber": str(number), "codeNotation": "QĐ-SNV", "issuedDate": f"{number:02d}/02/2026",
              "organName": "Sở Nội vụ tỉnh Mẫu", "subject": f"Nâng bậc lương đợt {number} năm 2026", "language": "01",
              "numberOfPage": "1", "mode": "01", "confidenceLevel": "01", "autograph": "", "format": "01",
              "process": "0", "riskRecovery": "0", "keyword": "lương", **fields}
    data = "representations/rep1/data"
    files = [packed(f"{data}/{code}.pdf", pdf(folder, f"{code} {number}"))]
    files += [packed(f"{data}/{code}-a{n:02d}.pdf", pdf(folder, f"{code} {number} a{n}"), "attachment")
              for n in range(1, attachments + 1)]
    return PackedDocument(code, "document", _complete("document", values, "SIP_hoso"), files)


def case_file(folder: Path, codes: Sequence[int] = (1, 2, 3), *, uuid: str = UUID, status: Status = "NEW",
              code: str = CODE, form: Form = "SIP_hoso", changed: Mapping[str, str] | None = None,
              documents: Sequence[PackedDocument] | None = None, holey: Sequence[Holey] = ()) -> Package:
    """The package of a case file; `codes` are the ordinals of its documents, the first has an attachment."""
    documents = documents if documents is not None else [
        document(folder, f"{code}.{number:07d}", number, attachments=int(place == 0))
        for place, number in enumerate(codes)]
    values = {"fileCode": code, "totalDoc": str(len(documents)), "numberOfPage": str(len(documents)), **CASE_FILE,
              **(changed or {})}
    return Package(form, uuid, "H99", "Sở Nội vụ tỉnh Mẫu", values["title"], CREATED,
                   _complete("file", values, form), documents, request="NL.SNV.2026.01", status=status, holey=holey,
                   documentation=[packed("documentation/danh-muc.txt", "Danh mục tài liệu nộp lưu\n".encode(),
                                         "documentation", "text/plain")])


def loose(folder: Path, ordinals: Sequence[int] = (1, 2)) -> Package:
    """A package of documents without case files (SIP_tailieu)."""
    documents = [document(folder, f"H99.2026.01.{number:07d}", number) for number in ordinals]
    documents = [PackedDocument(one.code, one.kind, _complete("document", one.fields, "SIP_tailieu"), one.files)
                 for one in documents]
    fields = _complete("package", {"fileCode": "H99.2026.01.0000001", "title": "Tài liệu rời năm 2026", "source": "1",
                                   "totalDoc": str(len(documents))}, "SIP_tailieu")
    return Package("SIP_tailieu", UUID.replace("7A1C", "8A1C"), "H99", "Sở Nội vụ tỉnh Mẫu", "Tài liệu rời năm 2026",
                   CREATED, fields, documents, request="NL.SNV.2026.02")


def aip(folder: Path, numbers: Sequence[int] = (1, 2)) -> Package:
    """The case file as another archive (LTLS) hands it over: archival codes, and PREMIS."""
    documents = []
    for number in numbers:
        one = document(folder, f"LTLS.{CODE}.{number:07d}", number)
        fields = _complete("document", {**one.fields, "arcDocCode": one.code}, "AIP_hoso")
        documents.append(PackedDocument(one.code, one.kind, fields, one.files))
    made = case_file(folder, documents=documents, form="AIP_hoso", changed={"arcFileCode": f"LTLS.{CODE}"})
    events = [PremisEvent(f"e{place}", "information package creation", CREATED, "SIP → AIP", "success", "a1", objects)
              for place, objects in enumerate([(), *((one.code,) for one in documents)])]
    return replace(made, request="", events=events, agents=[PremisAgent("a1", "Phần mềm lưu trữ", "software", "1.0")])


def eark(source: Path, target: Path) -> Path:
    """The SIP `source` with another kind of EAD in the place of the circular's: for E-ARK it is as good as before."""
    old = entries(source)[EAD]
    new = b'<?xml version="1.0" encoding="UTF-8"?>\n<ead xmlns="http://ead3.archivists.org/schema/"/>\n'

    def change(path: str, data: bytes) -> bytes:
        if path.endswith(EAD):
            return new
        if path.count("/") == 1 and path.endswith("/METS.xml"):
            return data.replace(_hash(old), _hash(new)).replace(b'SIZE="%d"' % len(old), b'SIZE="%d"' % len(new))
        return data

    return rewrite(source, target, change)


def write(package: Package, target: Path) -> Path:
    """Write the package as a ZIP with the normal choices."""
    target.parent.mkdir(parents=True, exist_ok=True)
    return write_zip(package, serialisation(), target).path


def rewrite(source: Path, target: Path, change: Callable[[str, bytes], bytes | None]) -> Path:
    """The ZIP with the bytes of each entry as `change` gives them (None: the entry is left out)."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for entry in old.infolist():
            data = change(entry.filename, old.read(entry))
            if data is not None:
                new.writestr(entry, data)
    return target


def entries(path: Path) -> dict[str, bytes]:
    """The files of a ZIP by their paths below its folder."""
    with zipfile.ZipFile(path) as opened:
        return {name.partition("/")[2]: opened.read(name) for name in opened.namelist() if not name.endswith("/")}


def _hash(data: bytes) -> bytes:
    return hashlib.sha256(data).hexdigest().upper().encode()


def _complete(level: str, values: Mapping[str, str], form: str) -> dict[str, str]:
    return {row.tag: values.get(row.tag, "") for row in profile("tt05_2025").table(level, form)}
