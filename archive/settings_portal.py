"""Settings of the portal and of signing on; part of archive/settings.py."""

from __future__ import annotations

from pydantic import Field

from archive.settings_section import Section

EVERYWHERE = ("0.0.0.0", "::")  # noqa: S104  (named to be told from others; nothing listens there by itself)
"""Addresses that stand for all of a machine's: nobody can be sent there."""


def bracketed(host: str) -> str:
    """A host as it stands in an address: IPv6 in brackets."""
    return f"[{host}]" if ":" in host else host


class WebSettings(Section):
    """The portal (luutru serve): where people reach it, how long they stay logged in, how much it answers."""

    address: str = Field("", description="address at which people reach the portal, such as https://luutru.snv.gov.vn; "
                                         "empty: http://host:port, where luutru serve listens")
    host: str = Field("127.0.0.1", description="address on which luutru serve listens, unless it is told another")
    port: int = Field(8080, ge=1, le=65535, description="the port there")
    hosts: list[str] = Field(default_factory=list, description="further host names under which it answers; any other "
                                                               "is turned away")
    idle_minutes: float = Field(30.0, gt=0, description="a session ends after so many minutes without a click")
    session_hours: float = Field(10.0, gt=0, description="a session ends after so many hours in any case")
    max_form_mb: float = Field(5.0, gt=0, description="largest form that is taken, MB")
    requests_per_minute: int = Field(600, ge=0, description="so many requests of one account or token are answered in "
                                                            "a minute, by each server process; 0: no limit")
    address_requests_per_minute: int = Field(3000, ge=0, description="the same for one network address; those of this "
                                                                     "machine are not counted; 0: no limit")
    api: bool = Field(True, description="answer programs, with tokens, under /api/v1")
    token_days: int = Field(366, ge=1, description="a token for programs ends after so many days at the latest")

    def reached(self, host: str = "", port: int = 0) -> str:
        """The address at which people reach the portal: the one that is set, else the one that it listens on."""
        host = host or self.host
        return self.address.rstrip("/") or \
            f"http://{'127.0.0.1' if host in EVERYWHERE else bracketed(host)}:{port or self.port}"


class OidcSettings(Section):
    """Signing on at the agency's identity provider (OpenID Connect); off while no issuer is set. Roles stay ours."""

    issuer: str = Field("", description="the provider's issuer, such as https://sso.example.gov.vn/realms/so; its "
                                        "/.well-known/openid-configuration is read; empty: off")
    client_id: str = Field("", description="the name under which the portal is registered there")
    secret_env: str = Field("LUUTRU_OIDC_SECRET", description="name of the environment variable that has the client's "
                                                              "secret; none: a client without secret (PKCE alone)")
    secret_file: str = Field("", description="file that holds the secret in its first line; it wins over the variable")
    claim: str = Field("preferred_username", description="claim of the ID token that is the account's name here")
    scopes: str = Field("openid profile", description="scopes that are asked for; openid is among them")
    title: str = Field("", description="what the log-in page calls the provider; empty: its host name")
    seconds: float = Field(10.0, gt=0, description="how long the provider is waited for, seconds")
