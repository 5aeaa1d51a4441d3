"""What the service tells, as pydantic models: they make the answers and the OpenAPI document with its examples."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Path
from pydantic import BaseModel, Field

from retention.transfer import messages, service

TransferCode = Annotated[str, Path(min_length=2, max_length=60, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$",
                                   examples=["NL.H99.2026.01"],
                                   description="code of the registration (mã đăng ký nộp)")]
FileName = Annotated[str, Path(min_length=1, max_length=200, examples=["receipt.pdf"])]


def _like(*examples: Any, **more: Any) -> Any:
    return Field(examples=list(examples), **more)


Sha256 = Annotated[str, _like("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
                              description="SHA-256, lower-case hex; also the ETag")]
Code = Annotated[str, _like("NL.H99.2026.01", description="code of the registration")]
State = Annotated[str, _like("waiting", json_schema_extra={"enum": service.states()})]


class Token(BaseModel):
    """A token of the service (RFC 6749 5.1)."""

    access_token: str = _like("lgsp_kQ8…")
    token_type: str = _like("Bearer", default="Bearer")
    expires_in: int = _like(1800, description="seconds")
    scope: str = _like("transfer.read transfer.write")


class Words(BaseModel):
    """A state in words."""

    vi: str = _like("Chờ tiếp nhận")
    en: str = _like("Received, waits to be examined")


class Held(BaseModel):
    """A message or paper: its bytes lie at `href`."""

    sha256: Sha256
    size: int = _like(20480, description="bytes")
    href: str = _like("/lgsp/v1/transfers/NL.H99.2026.01/messages/receipt")


class UploadTold(BaseModel):
    """A file on its way; whole, its SHA-256 was compared."""

    name: str = _like("packages/H99.2026.01.VP.zip")
    length: int = _like(20000000)
    offset: int = _like(524288)
    sha256: Sha256
    whole: bool = _like(False)
    href: str = _like("/lgsp/v1/uploads/0f3c2f1e9a7b4c5d8e6f1a2b3c4d5e6f")


class FindingTold(BaseModel):
    """One thing that a check found, in the language of the request."""

    code: str = _like("TRANSFER-012")
    level: str = _like("refused")
    subject: str = _like("H99.2026.01.VP.zip")
    sentence: str = _like("The SHA-256 of “H99.2026.01.VP.zip” is not the one in the list.")
    cure: str = _like("Send the package again.")
    article: str = _like("TT 05/2025/TT-BNV Đ22.4")


class ItemTold(BaseModel):
    """One case file of the registration and how far it is."""

    n: int = _like(1)
    code: str = _like("H99.2026.01.VP")
    state: str = _like("waiting")
    reason: str = _like("")
    sha256: str = _like("", description="of its package, once that was received")


class TransferTold(BaseModel):
    """A hand-over: how far it is, what can be fetched, what is missing."""

    code: Code
    state: State
    state_name: Words
    messages: dict[str, Held] = _like({}, description=f"kind ({', '.join(messages.KINDS)}) → the archive's message")
    papers: dict[str, Held] = _like({}, description="the archive's papers by name")
    received: dict[str, Held] = _like({}, description="what the archive keeps of what you sent, by name; not fetched")
    uploads: list[UploadTold] = _like([])
    items: list[ItemTold] = _like([])
    missing: list[str] = _like([], description="case files whose package did not come, or did not come whole")
    findings: list[FindingTold] = _like([], description="why the last delivery could not be received")
    returns: int = _like(0, description="packages that wait to be fetched back")
    notices_after: int = _like(41, description="the last notice about this hand-over")
    links: dict[str, str] = _like({"self": "/lgsp/v1/transfers/NL.H99.2026.01"})


class TransferBrief(BaseModel):
    """A hand-over in a list."""

    code: Code
    state: State
    state_name: Words
    links: dict[str, str] = _like({"self": "/lgsp/v1/transfers/NL.H99.2026.01"})


class Transfers(BaseModel):
    """The agency's hand-overs, by code."""

    transfers: list[TransferBrief]


class Accepted(BaseModel):
    """What was asked for is done or will be: how far the hand-over is."""

    code: Code
    state: State
    state_name: Words
    findings: list[FindingTold] = _like([], description="what was noticed, and kept nothing from being done")
    links: dict[str, str] = _like({"self": "/lgsp/v1/transfers/NL.H99.2026.01"})


class PaperTold(BaseModel):
    """A paper that was filed: what its signatures are worth."""

    name: str = _like("letter.pdf")
    sha256: Sha256
    verdict: str = _like("valid")
    signers: list[str] = _like(["Sở Nội vụ tỉnh Mẫu"])
    countersigned: str = _like("", description="of signed minutes: the name of the paper that bears both signatures")
    findings: list[FindingTold] = _like([])


class NoticeTold(BaseModel):
    """One entry of the outbox."""

    n: int = _like(42)
    at: str = _like("2026-11-20T15:30:00.000000+00:00")
    code: Code
    kind: str = _like("receipt", json_schema_extra={"enum": sorted(set(service.NOTICES.values()))})
    sha256: str = _like("", description="of the message that is to be fetched; empty: there is none")


class Notices(BaseModel):
    """The outbox from a number on; `after` is what to ask for next."""

    notices: list[NoticeTold]
    after: int = _like(42)


class Returned(BaseModel):
    """A package that goes back, with the reason."""

    name: str = _like("H99.2026.01.VP.zip")
    code: str = _like("H99.2026.01.VP")
    reason: str = _like("H99.2026.01.VP.0000002: Thiếu trang 2")
    sha256: Sha256
    size: int = _like(20480, description="bytes")
    href: str = _like("/lgsp/v1/transfers/NL.H99.2026.01/returns/H99.2026.01.VP.zip")


class Returns(BaseModel):
    """What goes back to the agency."""

    returns: list[Returned]
