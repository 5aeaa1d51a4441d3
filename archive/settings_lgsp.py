"""Settings of handing over through another archive's service (LGSP); part of archive/settings.py."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from archive.settings_section import Section


class LgspSettings(Section):
    """The receiving archive's service, reached directly or through a province's gateway (docs/transfer.md)."""

    address: str = Field("", description="address of the receiving archive's service, such as "
                                         "https://luutru.example.gov.vn/lgsp/v1, or the gateway's address of it; http "
                                         "only on this machine")
    way: Literal["client_credentials", "access_token", "system_key"] = Field(
        "client_credentials", description="how the gateway or service knows us: client_credentials (OAuth2: a token "
                                          "for id and secret), access_token (header lgspaccesstoken), system_key "
                                          "(headers X-SystemId and X-SecretKey)")
    client_id: str = Field("", description="our id there (client id, AccessKey, SystemId); empty: the agency's code")
    secret_env: str = Field("LUUTRU_LGSP_SECRET", description="name of the environment variable that holds its secret")
    secret_file: str = Field("", description="file that holds the secret in its first line; it wins over the variable")
    token_address: str = Field("", description="where tokens are given, on the gateway; empty: <address>/token, and "
                                               "with access_token none: the header goes with every request")
    token_header: Literal["Authorization", "X-Authentication-Token"] = Field(
        "Authorization", description="header that bears the gateway's token")
    app: str = Field("", description="access_token: AppName")
    partner: str = Field("", description="access_token: PartnerCode")
    partner_customer: str = Field("", description="access_token: PartnerCodeCus")
    service_id: str = Field("", description="our client id at the service itself, where a gateway stands in front and "
                                            "the service asks for its own token as well")
    service_secret_env: str = Field("LUUTRU_LGSP_SERVICE_SECRET", description="environment variable of its secret")
    service_secret_file: str = Field("", description="file of its secret; it wins over the variable")
    authority: str = Field("", description="PEM file of the authority that the service's TLS certificate hangs on; "
                                           "empty: those that this machine trusts")
    certificate: str = Field("", description="PEM file with our TLS certificate and key, where the channel asks "
                                             "for one")
    piece_kb: int = Field(4096, ge=64, le=1 << 16, description="a file goes in pieces of so many KB; smaller where the "
                                                               "gateway limits requests")
    seconds: float = Field(60.0, gt=0, description="how long one answer is waited for, seconds")
    attempts: int = Field(6, ge=1, le=30, description="how often one request is tried, with growing pauses")
