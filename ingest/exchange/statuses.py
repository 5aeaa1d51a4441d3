"""Status messages that answer a received document message: whom they go to, what they name, what they must say."""

from __future__ import annotations

from datetime import datetime

from archive.errors import UsageError
from archive.i18n import _
from ingest.exchange.messages import DocumentMessage, Party, Reference, StatusMessage, said
from ingest.sources.edxml_header import code_lists


def answer(message: DocumentMessage, sender: Party, code: str, reason: str, at: datetime) -> StatusMessage:
    """The status `code` of `message`, from us (`sender`) to who sent it.

    It names the document that the message brought; of a recall, update or replacement the one that it is about. Raises
    UsageError for a code that the norm does not know, and for a refusal without a reason (LS Đ6.4, LA Đ5.1.d).
    """
    return StatusMessage(sender, about(message), checked(code, reason), reason, at)


def about(message: DocumentMessage) -> Reference:
    """The document that an answer to `message` names: number and notation as one string, the way of the axis."""
    document = message.business.document_id if message.business.type != "new" else ""
    return Reference(message.sender.organ_id, message.code, document or message.document_id, message.promulgated)


def checked(code: str, reason: str) -> str:
    """The code. Raises UsageError for one that there is not, and where a reason is missing."""
    lists = code_lists()
    if code not in lists["status"]:
        raise UsageError(_("There is no status code “{code}”; there are {known}.").format(
            code=code, known=", ".join(lists["status"])))
    if code in lists["status_needs"]["reason"] and not said(reason):
        raise UsageError(_("The status {code} needs a reason that the sender can read.").format(code=code))
    return code
