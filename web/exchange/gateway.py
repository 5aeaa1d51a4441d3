"""The gateway (LGSP) that stands before the service: its tokens count where the settings name its keys (JWKS)."""

from __future__ import annotations

import threading
import time
from typing import Any

from archive.settings import Settings
from web.fetching import fetched
from web.id_tokens import NotBelievedError, UnknownKeyError, access_claims

KEPT, AGAIN, SECONDS = 3600.0, 60.0, 10.0
"""How long the keys are kept, how soon they are asked for again at the earliest for a key that is not known, how long
the gateway is waited for (seconds)."""


class Gateway:
    """The gateway whose tokens the settings trust; without an issuer there is none, and no token of any counts."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings.service
        self._keys: tuple[float, list[dict[str, Any]]] | None = None
        self._asking = threading.Lock()

    def client_of(self, token: str) -> str:
        """How the gateway calls the client for whom it made this token. Raises NotBelievedError."""
        trust = self.settings
        if not (trust.gateway_issuer and trust.gateway_keys and trust.gateway_audience):
            raise NotBelievedError("no gateway")
        for again in (False, True):
            try:
                claims = access_claims(token, self._key_set(again=again), issuer=trust.gateway_issuer,
                                       audience=trust.gateway_audience, now=time.time())
            except UnknownKeyError:
                if again:
                    raise
                continue
            name = claims.get(trust.gateway_claim)
            if not isinstance(name, str) or not 0 < len(name) <= 200 or not name.isprintable():
                raise NotBelievedError("claim")
            return name
        raise AssertionError

    def _key_set(self, *, again: bool) -> list[dict[str, Any]]:
        """The gateway's keys: from the settings' address, never from one that a token names."""
        with self._asking:
            now = time.monotonic()
            if self._keys is None or self._keys[0] < now - (AGAIN if again else KEPT):
                keys = fetched(self.settings.gateway_keys, seconds=SECONDS).get("keys")
                if not isinstance(keys, list):
                    raise NotBelievedError("JWKS")
                self._keys = (now, [one for one in keys if isinstance(one, dict)])
            return self._keys[1]
