"""Timestamps for seals: asked for as everywhere in the archive, from each authority in turn, every answer checked."""

from __future__ import annotations

from asn1crypto import cms, x509
from pyhanko.sign.timestamps import TimeStamper

from archive.evidence import tokens
from archive.settings import EvidenceSettings


class NoTimestampError(Exception):
    """No authority gave a timestamp; the text tells why for each."""


class Stamper(TimeStamper):
    """The authorities of the settings, in the form in which pyHanko asks."""

    def __init__(self, how: EvidenceSettings) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._how = how

    async def async_timestamp(self, message_digest: bytes, md_algorithm: str) -> cms.ContentInfo:
        """The first token that can be had."""
        troubles = []
        for url in self._how.tsa:
            try:
                token = tokens.ask(url, message_digest, md_algorithm, policy=self._how.tsa_policy,
                                   seconds=self._how.tsa_seconds)
            except tokens.TokenError as error:
                troubles.append(str(error))
                continue
            return cms.ContentInfo.load(token.der)
        raise NoTimestampError("; ".join(troubles))

    @property
    def certificates(self) -> list[x509.Certificate]:
        """Those that came with the first token."""
        return list(self._certs.values())
