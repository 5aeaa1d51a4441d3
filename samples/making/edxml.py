"""One message of the national document axis (QCVN 102:2016) as the national software kit writes it.

The signature block of real messages is filler and is left out here; authenticity rests on the signed PDF.
"""

from __future__ import annotations

import base64
import textwrap
import uuid
from dataclasses import dataclass
from pathlib import Path
from string import Template
from xml.sax.saxutils import escape

from samples.making import zipped
from samples.making.typeset import Document

NAMESPACE = "http://www.mic.gov.vn/TBT/QCVN_102_2016"
SENDER = "000.00.00.H99"
_IDS = uuid.UUID("6f0e1c1e-0000-4000-8000-000000000102")
_REFERENCE = Template(
    "<edXML:Reference><edXML:ContentId>cid:$id</edXML:ContentId><edXML:ContentType>$mime</edXML:ContentType>"
    "<edXML:Description>$told</edXML:Description><edXML:AttachmentName>$name</edXML:AttachmentName>"
    "</edXML:Reference>")
_ATTACHMENT = Template(
    "<Attachment><ContentId>cid:$id</ContentId><AttachmentName>$name</AttachmentName>"
    "<Description>$told</Description><ContentType>$mime</ContentType>"
    "<ContentTransferEncoded>$body</ContentTransferEncoded></Attachment>")


@dataclass(frozen=True, slots=True)
class _Attachment:
    name: str
    mime: str
    told: str
    body: bytes

    def fields(self) -> dict[str, str]:
        body = "\n".join(textwrap.wrap(base64.b64encode(self.body).decode("ascii"), 76))
        return {"id": str(uuid.uuid5(_IDS, self.name)), "name": escape(self.name), "mime": self.mime,
                "told": escape(self.told), "body": body}


def message(document: Document, signed_pdf: bytes, annex_name: str, annex: bytes, pages: int) -> bytes:
    """The document as a message with two attachments: the signed PDF as it is, the annex wrapped in a ZIP."""
    inside = f"{uuid.uuid5(_IDS, annex_name + '/entry')}{Path(annex_name).suffix}"
    attached = [_Attachment(f"{document.code_number}-{document.code_notation}.pdf", "application/pdf",
                            document.subject, signed_pdf).fields(),
                _Attachment(annex_name, "application/zip", "Mẫu báo cáo kèm theo",
                            zipped.wrapped(inside, annex)).fields()]
    return Template(Path(__file__).with_name("message.xml").read_text("utf-8")).substitute(
        namespace=NAMESPACE, sender=SENDER, number=document.code_number, notation=document.code_notation,
        whole_number=document.number, place=document.place, date=f"{document.issued:%Y/%m/%d}", kind=document.kind,
        subject=escape(document.subject), signer=document.signer, pages=pages,
        references="".join(map(_REFERENCE.substitute, attached)),
        attachments="".join(map(_ATTACHMENT.substitute, attached))).encode()
