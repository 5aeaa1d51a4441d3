"""Builds edXML messages for tests: whole ones, and any disorder that was met in real ones."""

from __future__ import annotations

import base64
import io
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass

from ingest.sources.edxml_header import QCVN

PDF = b"%PDF-1.7\n1 0 obj\n<<>>\nendobj\n" + bytes(range(256))
TABLE = b"ten,so\nAn,1\nBinh,2\n"

HEADER = """
<From><OrganId>000.00.15.H51</OrganId><OrganName>Sở  Nội vụ</OrganName></From>
<To><OrganId>000.00.00.G12</OrganId><OrganName>Bộ Nội vụ</OrganName></To>
<To><OrganId>G12</OrganId><OrganName>Bộ Nội vụ</OrganName></To>
<To><OrganId>H51.01</OrganId><OrganName>Văn phòng; Ủy ban</OrganName></To>
<Code><CodeNumber>104</CodeNumber><CodeNotation>QĐ-UBND</CodeNotation></Code>
<PromulgationInfo><Place>Lạng Sơn</Place><PromulgationDate>2026/03/05</PromulgationDate></PromulgationInfo>
<DocumentType><Type>71</Type><TypeName>Công văn</TypeName></DocumentType>
<Subject>Về việc nộp lưu hồ sơ</Subject>
<SignerInfo><Competence>KT. GIÁM ĐỐC</Competence><Position>PHÓ GIÁM ĐỐC</Position>
<FullName>Nguyễn Văn An</FullName></SignerInfo>
<OtherInfo><Priority>1</Priority><PageAmount>2</PageAmount></OtherInfo>
<ResponseFor><OrganId>G12</OrganId><Code><CodeNumber>7</CodeNumber><CodeNotation>BNV-VP</CodeNotation></Code>
</ResponseFor>
<DocumentId>000.00.15.H51,2026/03/05,104/QĐ-UBND</DocumentId>
"""
TRACE = """<TraceHeader><OrganId>000.00.15.H51</OrganId><Timestamp>2026/03/05 08:30:00</Timestamp></TraceHeader>
<TraceHeader><OrganId>null</OrganId><Timestamp>hôm nay</Timestamp></TraceHeader>"""
STATUS = """<From><OrganId>H51</OrganId></From><StatusCode>02</StatusCode><Description>Sai nơi nhận</Description>
<ResponseFor><OrganId>G12</OrganId><Code>7816/VPCP-TTĐT</Code><DocumentId>x</DocumentId></ResponseFor>
<Timestamp>2026/03/06 07:00:00</Timestamp>"""


def business(kind: int | str) -> str:
    return (f"<Bussiness><BussinessDocType>{kind}</BussinessDocType><BussinessDocReason>Sai thẩm quyền"
            f"</BussinessDocReason><Paper>1</Paper><DocumentId>cũ</DocumentId></Bussiness>")


@dataclass(frozen=True)
class Attached:
    name: str = "công văn.pdf"
    data: bytes = PDF
    type: str = "application/pdf"
    id: str = "cid:1"
    encoded: str | None = None
    listed: bool = True

    @property
    def text(self) -> str:
        return base64.encodebytes(self.data).decode() if self.encoded is None else self.encoded


def message(attached: Sequence[Attached] = (Attached(),), header: str = HEADER, trace: str = TRACE,
            root: str = f'<edXML xmlns="{QCVN}">', manifest: str = "", prolog: str = "") -> bytes:
    references = "".join(
        f"<Reference><ContentId>{one.id}</ContentId><ContentType>{one.type}</ContentType>"
        f"<AttachmentName>{one.name}</AttachmentName></Reference>" for one in attached if one.listed) + manifest
    files = "".join(
        f"<Attachment><ContentType>{one.type}</ContentType><ContentId>{one.id.removeprefix('cid:')}</ContentId>"
        f"<AttachmentName>{one.name}</AttachmentName><ContentTransferEncoded>{one.text}</ContentTransferEncoded>"
        f"</Attachment>" for one in attached)
    return (f"{prolog}{root}<edXMLEnvelope><edXMLHeader><TraceHeaderList>{trace}</TraceHeaderList>"
            f"<MessageHeader>{header}</MessageHeader>"
            f'<Signature xmlns="http://www.w3.org/2000/09/xmldsig#"><SignatureValue>x</SignatureValue></Signature>'
            f"</edXMLHeader><edXMLBody><edXMLManifest>{references}</edXMLManifest></edXMLBody></edXMLEnvelope>"
            f"<AttachmentEncoded>{files}</AttachmentEncoded></edXML>").encode()


def zipped(*entries: tuple[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in entries:
            archive.writestr(name, data)
    return stream.getvalue()
