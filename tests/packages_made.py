"""Packages made from a few lines, good ones that a test then spoils: SIP, AIP and DIP of TT 05/2025, E-ARK, BagIt.

Nothing here uses the product's writers: what the checker believes must not come from the hand that it checks.
"""

from __future__ import annotations

import hashlib
import uuid
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

NOW = "2026-11-21T08:00:00.000+07:00"
FONDS = "H99"
ARCHIVE = "A50"
FILE_CODE = "H99.2026.01.VP"
ANNEX_SCHEMAS = ("METS.xsd", "EAD.xsd", "EAD_doc.xsd", "EAD_media.xsd", "EAD_pic.xsd")
_NS = ('xmlns="http://www.loc.gov/METS/" xmlns:xlink="http://www.w3.org/1999/xlink" '
       'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" '
       'xmlns:csip="https://DILCIS.eu/XML/METS/CSIPExtensionMETS" '
       'xmlns:sip="https://DILCIS.eu/XML/METS/SIPExtensionMETS" '
       'xsi:schemaLocation="http://www.loc.gov/METS/ {up}schemas/METS.xsd"')

Edit = Callable[[str], str]


def made_id(text: str, prefix: str = "uuid-") -> str:
    """An ID in the form of the circular that depends on `text` alone."""
    return prefix + str(uuid.uuid5(uuid.NAMESPACE_URL, text)).upper()


def document_fields(ordinal: int, **changed: str) -> dict[str, str]:
    """A text's fields by the table of SIP_hoso."""
    return {"docId": f"{FONDS}.2026.{ordinal}", "docCode": f"{FILE_CODE}.{ordinal:07d}", "maintenance": "01",
            "typeName": "02", "codeNumber": str(ordinal), "codeNotation": "QĐ-UBND", "issuedDate": "15/03/2026",
            "organName": "Ủy ban nhân dân tỉnh", "subject": f"Quyết định số {ordinal}", "language": "01",
            "numberOfPage": "2", "inforSign": "TC", "keyword": "tổ chức", "mode": "01", "confidenceLevel": "01",
            "autograph": "Đã xem", "format": "01", "process": "0", "riskRecovery": "0", "riskRecoveryStatus": "02",
            "description": "Bản gốc", **changed}


def case_file_fields(**changed: str) -> dict[str, str]:
    """A case file's fields by the table of SIP_hoso."""
    return {"fileCode": FILE_CODE, "title": "Hồ sơ về tổ chức bộ máy năm 2026", "maintenance": "01", "mode": "01",
            "language": "01", "startDate": "01/01/2026", "endDate": "31/12/2026", "keyword": "tổ chức", "totalDoc": "2",
            "numberOfPaper": "0", "numberOfPage": "4", "format": "01", "inforSign": "TC", "confidenceLevel": "01",
            "paperFileCode": "A50.01.02", "riskRecovery": "0", "riskRecoveryStatus": "02",
            "description": "Nguyễn Văn A lập", **changed}


def simpledc(fields: dict[str, str]) -> bytes:
    """An EAD file as the circular prints it."""
    inner = "".join(f"\n  <{tag}>{value}</{tag}>" for tag, value in fields.items())
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<simpledc>{inner}\n</simpledc>\n'.encode()


@dataclass
class Doc:
    """One document: its fields, its files by name; `kind` "doc", "pic" or "media"; `holey` its link's content."""

    fields: dict[str, str]
    files: dict[str, bytes]
    kind: str = "doc"
    holey: str = ""


def pdf(text: str) -> bytes:
    """Bytes that begin as a PDF does; enough for a checksum."""
    return b"%PDF-1.7\n" + text.encode() * 20


@dataclass
class Plan:
    """A package to be made. Edits apply, in this order: to the files without METS, to both METS files, to all."""

    form: str = "SIP_hoso"
    fields: dict[str, str] = field(default_factory=case_file_fields)
    docs: list[Doc] = field(default_factory=lambda: [
        Doc(document_fields(1), {f"{FILE_CODE}.0000001.pdf": pdf("một"), "phu-luc.pdf": pdf("phụ lục")}),
        Doc(document_fields(2), {f"{FILE_CODE}.0000002.pdf": pdf("hai")})])
    objid: str = made_id("package")
    status: str = "NEW"
    others: dict[str, bytes] = field(default_factory=dict)
    edit_files: Callable[[dict[str, bytes]], object] | None = None
    edit_rep: Edit | None = None
    edit_root: Edit | None = None
    edit_all: Callable[[dict[str, bytes]], object] | None = None
    name: str = ""

    @property
    def kind(self) -> str:
        """SIP, AIP or DIP."""
        return self.form.partition("_")[0]

    @property
    def folder(self) -> str:
        """What the package's folder is called."""
        return self.name or self.objid.replace(":", "_")

    def build(self) -> dict[str, bytes]:
        """Every file of the package by its path."""
        files: dict[str, bytes] = {"metadata/descriptive/EAD.xml": simpledc(self.fields)}
        for doc in self.docs:
            for name, data in doc.files.items():
                files[f"{REP}/data/{name}"] = data
            files[f"{REP}/metadata/descriptive/{self._record(doc)}"] = simpledc(doc.fields)
        files |= {f"schemas/{name}": b"<xs:schema xmlns:xs='http://www.w3.org/2001/XMLSchema'/>" + name.encode()
                  for name in ANNEX_SCHEMAS}
        if self.kind == "AIP":
            files["metadata/preservation/PREMIS.xml"] = premis("gói tin")
            files[f"{REP}/metadata/preservation/PREMIS_rep1.xml"] = premis("rep1")
        files |= self.others
        if self.edit_files:
            self.edit_files(files)
        files[f"{REP}/METS.xml"] = (self.edit_rep or str)(self._rep(files)).encode()
        files["METS.xml"] = (self.edit_root or str)(self._root(files)).encode()
        if self.edit_all:
            self.edit_all(files)
        return files

    def _record(self, doc: Doc) -> str:
        return f"EAD_{doc.kind}_{next(iter(doc.files)).removesuffix('.fetch.txt').rpartition('.')[0]}.xml"

    def _rep(self, files: dict[str, bytes]) -> str:
        start = f"{REP}/"
        inner = {path.removeprefix(start): data for path, data in files.items() if path.startswith(start)}
        data = {path: bytes_ for path, bytes_ in inner.items() if path.startswith("data/")}
        plain = {path: bytes_ for path, bytes_ in data.items() if not path.endswith(".fetch.txt")}
        holey = {path: bytes_ for path, bytes_ in data.items() if path.endswith(".fetch.txt")}
        records = {path: bytes_ for path, bytes_ in inner.items() if path.startswith("metadata/descriptive/")}
        preserved = {path: bytes_ for path, bytes_ in inner.items() if path.startswith("metadata/preservation/")}
        groups = group("Data", plain) + (group("Holeyfile", holey) if holey else "")
        adm = f' ADMID="{made_id("amd" + next(iter(preserved)))}"' if preserved else ""
        links = attached = ""
        for doc in self.docs:
            names = [f"data/{name}" for name in doc.files]
            dmd = made_id(f"dmdmetadata/descriptive/{self._record(doc)}")
            label = "MetadataLink/Holey" if names[0].endswith(".fetch.txt") else "MetadataLink/File"
            links += (f'<div ID="{made_id("link" + names[0])}" DMDID="{dmd}"{adm} LABEL="{label}">'
                      f'<fptr FILEID="{made_id(names[0], "ID-")}"/></div>')
            if len(names) > 1:
                pointers = "".join(f'<fptr FILEID="{made_id(name, "ID-")}"/>' for name in names[1:])
                attached += (f'<div ID="{made_id("att" + names[0])}" LABEL="{made_id(names[0], "ID-")}">{pointers}'
                             '</div>')
        attachments = f'<div ID="{made_id("attachments")}" LABEL="AttachmentFile">{attached}</div>' if attached else ""
        struct = (f'<div ID="{made_id("rep1div")}" TYPE="ORIGINAL" LABEL="rep1">'
                  f'<div ID="{made_id("data")}" LABEL="Data"><fptr FILEID="{made_id("groupData")}"/></div>'
                  f'<div ID="{made_id("links")}" LABEL="MetadataLink">{links}</div>{attachments}</div>')
        return self._mets(made_id("rep1"), "../../", descriptive(records) + preservation(preserved), groups, struct,
                          root=False)

    def _root(self, files: dict[str, bytes]) -> str:
        ead = {path: data for path, data in files.items() if path.lower() == "metadata/descriptive/ead.xml"}
        preserved = {path: data for path, data in files.items() if path.startswith("metadata/preservation/")}
        schemas = {path: data for path, data in files.items() if path.startswith("schemas/")}
        documentation = {path: data for path, data in files.items() if path.startswith("documentation/")}
        known = {*ead, *preserved, *schemas, *documentation}
        rest = {path: data for path, data in files.items() if path not in known and not path.startswith(f"{REP}/")}
        rep = {f"{REP}/METS.xml": files[f"{REP}/METS.xml"]}
        groups = (group("Schemas", schemas) + group("Representations/rep1", rep)
                  + (group("Documentation", documentation) if documentation else "")
                  + (group("Others", rest) if rest else ""))
        adm = f' ADMID="{made_id("amd" + next(iter(preserved)))}"' if preserved else ""
        dmd = f' DMDID="{made_id("dmd" + next(iter(ead)))}"' if ead else ""
        documents = (f'<div ID="{made_id("docs")}" LABEL="Documentation">'
                     f'<fptr FILEID="{made_id("groupDocumentation")}"/></div>' if documentation else "")
        struct = (f'<div ID="{made_id("root")}" LABEL="{self.objid}">'
                  f'<div ID="{made_id("md")}"{dmd}{adm} LABEL="Metadata"/>'
                  f'<div ID="{made_id("sc")}" LABEL="Schemas"><fptr FILEID="{made_id("groupSchemas")}"/></div>'
                  f'{documents}'
                  f'<div ID="{made_id("rp")}" LABEL="Representations/rep1"><mptr xlink:type="simple" '
                  f'xlink:href="{REP}/METS.xml" xlink:title="{made_id("groupRepresentations/rep1")}" LOCTYPE="URL"/>'
                  '</div></div>')
        return self._mets(self.objid, "", descriptive(ead) + preservation(preserved), groups, struct, root=True)

    def _mets(self, objid: str, up: str, sections: str, groups: str, struct: str, *, root: bool) -> str:
        profile = ("https://earkdip.dilcis.eu/profile/E-ARK-DIP.xml" if self.kind == "DIP"
                   else "https://earkcsip.dilcis.eu/profile/E-ARK-CSIP.xml")
        kind = {"SIP_tailieu": "Collection", "AIP_tailieu": "Collection", "DIP": "MIXED"}.get(self.form, "Mixed")
        software = ('<agent ROLE="CREATOR" TYPE="OTHER" OTHERTYPE="SOFTWARE"><name>Phần mềm thử</name>'
                    '<note csip:NOTETYPE="SOFTWARE VERSION">1.0.0</note></agent>')
        agency = ('<agent ROLE="CREATOR" TYPE="ORGANIZATION"><name>UBND tỉnh</name>'
                  f'<note csip:NOTETYPE="IDENTIFICATIONCODE">{FONDS}</note></agent>')
        keeper = ('<agent ROLE="ARCHIVIST" TYPE="ORGANIZATION"><name>Trung tâm Lưu trữ lịch sử</name>'
                  f'<note csip:NOTETYPE="IDENTIFICATIONCODE">{ARCHIVE}</note></agent>') if self.kind != "SIP" else ""
        request = ('<altRecordID TYPE="SUBMISSIONAGREEMENT">NL.H99.2026.01</altRecordID>'
                   if root and self.kind == "SIP" else "")
        return (f'<?xml version="1.0" encoding="UTF-8"?>\n<mets {_NS.format(up=up)} OBJID="{objid}" LABEL="Hồ sơ" '
                f'TYPE="{kind}" csip:CONTENTINFORMATIONTYPE="MIXED" PROFILE="{profile}">\n'
                f'<metsHdr CREATEDATE="{NOW}" LASTMODDATE="{NOW}" RECORDSTATUS="{self.status}" '
                f'csip:OAISPACKAGETYPE="{self.kind}">{software}{agency}{keeper}{request}</metsHdr>\n{sections}'
                f'<fileSec ID="{made_id(objid + "fileSec")}">{groups}</fileSec>\n'
                f'<structMap ID="{made_id(objid + "map")}" TYPE="PHYSICAL" LABEL="CSIP">{struct}</structMap>\n'
                '</mets>\n')


REP = "representations/rep1"


def facts(data: bytes, path: str) -> str:
    """The attributes that say what a file is."""
    mime = {"pdf": "application/pdf", "txt": "text/plain", "xml": "text/xml", "xsd": "text/xml"}.get(
        path.rpartition(".")[2].lower(), "application/octet-stream")
    return (f'MIMETYPE="{mime}" SIZE="{len(data)}" CREATED="{NOW}" '
            f'CHECKSUM="{hashlib.sha256(data).hexdigest().upper()}" CHECKSUMTYPE="SHA-256"')


def group(use: str, files: dict[str, bytes]) -> str:
    """A fileGrp."""
    inner = "".join(f'\n<file ID="{made_id(path, "ID-")}" {facts(data, path)}><FLocat xlink:type="simple" '
                    f'xlink:href="{path}" LOCTYPE="URL"/></file>' for path, data in files.items())
    return f'<fileGrp ID="{made_id("group" + use)}" USE="{use}">{inner}</fileGrp>'


def descriptive(files: dict[str, bytes]) -> str:
    """A dmdSec for each file."""
    return "".join(f'<dmdSec ID="{made_id("dmd" + path)}" CREATED="{NOW}" STATUS="CURRENT"><mdRef '
                   f'ID="{made_id("ref" + path)}" LOCTYPE="URL" MDTYPE="OTHER" OTHERMDTYPE="EAD" MDTYPEVERSION="1.0" '
                   f'xlink:type="simple" xlink:href="{path}" {facts(data, path)}/></dmdSec>\n'
                   for path, data in files.items())


def preservation(files: dict[str, bytes]) -> str:
    """An amdSec for each file."""
    return "".join(f'<amdSec ID="{made_id("amd" + path)}"><digiprovMD ID="{made_id("dig" + path)}" CREATED="{NOW}" '
                   f'STATUS="CURRENT"><mdRef ID="{made_id("pref" + path)}" LOCTYPE="URL" MDTYPE="PREMIS" '
                   f'xlink:type="simple" xlink:href="{path}" {facts(data, path)}/></digiprovMD></amdSec>\n'
                   for path, data in files.items())


def premis(name: str) -> bytes:
    """A PREMIS file with one object, one event and one agent."""
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<premis:premis xmlns:premis="http://www.loc.gov/premis/v3" version="3.0"
  xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
<premis:object xsi:type="premis:intellectualEntity" xmlID="obj-1"><premis:objectIdentifier>
<premis:objectIdentifierType>File</premis:objectIdentifierType>
<premis:objectIdentifierValue>{name}</premis:objectIdentifierValue>
</premis:objectIdentifier></premis:object>
<premis:event><premis:eventIdentifier><premis:eventIdentifierType>local</premis:eventIdentifierType>
<premis:eventIdentifierValue>ev-1</premis:eventIdentifierValue></premis:eventIdentifier>
<premis:eventType>information package creation</premis:eventType><premis:eventDateTime>{NOW}</premis:eventDateTime>
<premis:linkingAgentIdentifier><premis:linkingAgentIdentifierType>local</premis:linkingAgentIdentifierType>
<premis:linkingAgentIdentifierValue>ag-1</premis:linkingAgentIdentifierValue></premis:linkingAgentIdentifier></premis:event>
<premis:agent><premis:agentIdentifier><premis:agentIdentifierType>local</premis:agentIdentifierType>
<premis:agentIdentifierValue>ag-1</premis:agentIdentifierValue></premis:agentIdentifier>
<premis:agentName>Phần mềm thử</premis:agentName><premis:agentType>software</premis:agentType></premis:agent>
</premis:premis>
""".encode()


def aip(**changed: object) -> Plan:
    """A good AIP_hoso of the same case file."""
    fields = {"arcFileCode": f"{ARCHIVE}.{FILE_CODE}", **case_file_fields()}
    del fields["fileCode"]
    docs = []
    for ordinal in (1, 2):
        made = document_fields(ordinal)
        record = {"docId": made.pop("docId"), "arcDocCode": f"{ARCHIVE}.{made.pop('docCode')}", **made}
        docs.append(Doc(record, {f"{FILE_CODE}.{ordinal:07d}.pdf": pdf(str(ordinal))}))
    return Plan(**{"form": "AIP_hoso", "objid": f"urn:{FONDS}:{made_id('aip', 'uuid:')}", "fields": fields,
                   "docs": docs, **changed})  # type: ignore[arg-type]


def eark() -> dict[str, bytes]:
    """A small E-ARK CSIP without folders but data: nothing in it is wrong, and not much is there."""
    plan = Plan(objid="csip-1", form="SIP_hoso")
    data = {"data/a.txt": b"a"}
    struct = ('<div ID="d1" LABEL="csip-1"><div ID="d2" LABEL="Data">'
              f'<fptr FILEID="{made_id("groupData")}"/></div></div>')
    return {**data, "METS.xml": plan._mets("csip-1", "", "", group("Data", data), struct, root=True).encode()}


def write_folder(files: dict[str, bytes], place: Path) -> Path:
    """The files as a folder `place`."""
    for path, data in files.items():
        target = place / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
    return place


def write_zip(files: dict[str, bytes], target: Path, folder: str = "", method: int = zipfile.ZIP_DEFLATED) -> Path:
    """The files as a ZIP with `folder` at its top ("": none)."""
    with zipfile.ZipFile(target, "w", method) as archive:
        for path, data in files.items():
            archive.writestr(zipfile.ZipInfo(f"{folder}/{path}" if folder else path, (2026, 11, 21, 8, 0, 0)), data)
    return target


def bag(payload: dict[str, bytes] | None = None, version: str = "1.0",
        algorithms: tuple[str, ...] = ("sha256", "sha512")) -> dict[str, bytes]:
    """The files of a good bag."""
    data = {f"data/{path}": content for path, content in (payload or {"một.txt": b"1", "b/hai.txt": b"22"}).items()}
    files = {"bagit.txt": f"BagIt-Version: {version}\nTag-File-Character-Encoding: UTF-8\n".encode(), **data}
    total = sum(map(len, data.values()))
    files["bag-info.txt"] = f"Source-Organization: UBND\nPayload-Oxum: {total}.{len(data)}\n".encode()
    for name in algorithms:
        files[f"manifest-{name}.txt"] = manifest(data, name)
    seal(files, algorithms)
    return files


def manifest(files: dict[str, bytes], algorithm: str) -> bytes:
    """A manifest of these files."""
    return "".join(f"{hashlib.new(algorithm, data).hexdigest()}  {path}\n" for path, data in files.items()).encode()


def seal(files: dict[str, bytes], algorithms: tuple[str, ...] = ("sha256", "sha512")) -> None:
    """Make the tag manifests of a bag again."""
    for name in algorithms:
        files.pop(f"tagmanifest-{name}.txt", None)
    tags = {path: data for path, data in files.items() if not path.startswith(("data/", "tagmanifest-"))}
    for name in algorithms:
        files[f"tagmanifest-{name}.txt"] = manifest(tags, name)
