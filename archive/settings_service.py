"""Settings of the archive service, the receiving end of hand-overs on line; part of archive/settings.py."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from archive.settings_section import Section


class ServiceSettings(Section):
    """The archive service: agencies hand over on line, through the LGSP or directly (docs/lgsp.md)."""

    on: bool = Field(False, description="answer agencies under /lgsp/v1; needs clients (luutru client add)")
    plain_http: bool = Field(False, description="answer without TLS to other machines than this one; only behind a "
                                                "proxy that does not say that it was asked by https")
    token_minutes: float = Field(30.0, gt=0, le=1440, description="a token of the service holds so many minutes")
    requests_per_minute: int = Field(1200, ge=0, description="so many requests of one client are answered in a minute, "
                                                             "by each server process; 0: no limit")
    message_mb: float = Field(16.0, gt=0, description="largest message (registration, list) that is taken, MB")
    paper_mb: float = Field(64.0, gt=0, description="largest paper (PDF) that is taken, MB")
    package_gb: float = Field(50.0, gt=0, description="largest package that is taken, GB")
    open_uploads: int = Field(100, ge=1, description="so many unfinished uploads an agency may have at once")
    upload_hours: float = Field(168.0, gt=0, description="an unfinished upload that nobody went on with is given up "
                                                         "after so many hours")
    keep_free_gb: float = Field(5.0, ge=0, description="no upload is begun that would leave less than so much room on "
                                                       "the disk, GB")
    idle_seconds: float = Field(60.0, gt=0, description="a sender who is silent for so long is cut off, seconds; it "
                                                        "can go on where it was")
    request_minutes: float = Field(60.0, gt=0, description="one request may take so long, minutes; an upload goes on "
                                                           "with the next")
    unscanned: Literal["received", "refused"] = Field(
        "received", description="what becomes of a delivery that no virus scanner could look at: received, with “not "
                                "scanned” in receipt and minutes, or refused")
    countersign: bool = Field(True, description="put the archive's own seal behind minutes that an agency has signed "
                                                "and sent back")
    gateway_issuer: str = Field("", description="issuer of the tokens of a gateway (LGSP) that stands before the "
                                                "service; empty: only tokens of the service count")
    gateway_keys: str = Field("", description="address of the gateway's keys (JWKS), such as "
                                              "https://lgsp.example.gov.vn/oauth2/jwks; http only on this machine")
    gateway_audience: str = Field("", description="what the gateway's tokens must be made for (aud)")
    gateway_claim: str = Field("client_id", description="claim of the gateway's token that names the client (luutru "
                                                        "client add --gateway)")
