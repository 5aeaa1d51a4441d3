"""How much is answered in a minute: a bucket for each account, token and network address, in memory.

A bucket holds what a minute allows and fills again evenly, so that a burst is let through and a stream is held down.
Each server process counts for itself: with several workers up to so many times as much is answered (docs/portal.md).
"""

from __future__ import annotations

import ipaddress
import threading
import time
from collections.abc import Callable

from archive.settings import Settings
from web.people import TooManyError

FAILURES = 60       # wrong secrets of programs that are answered in a minute, for one network address
MOST = 20_000       # buckets that are kept; who has asked least lately is forgotten first


class Limits:
    """The buckets of one server process."""

    def __init__(self, settings: Settings, now: Callable[[], float] = time.monotonic) -> None:
        self.settings, self.now = settings, now
        self._buckets: dict[str, tuple[float, float]] = {}      # who → what is left, when that was
        self._changing = threading.Lock()

    def of_account(self, name: str) -> None:
        """Count one request of the account `name`. Raises TooManyError."""
        self._count(f"account {name}", self.settings.web.requests_per_minute)

    def of_token(self, token: str) -> None:
        """Count one request of the token with this id. Raises TooManyError."""
        self._count(f"token {token}", self.settings.web.requests_per_minute)

    def of_client(self, client: str) -> None:
        """Count one request of a client of the archive service. Raises TooManyError."""
        self._count(f"client {client}", self.settings.service.requests_per_minute)

    def of_failures(self, address: str) -> None:
        """Count a wrong secret from a network address, whichever it is. Raises TooManyError."""
        self._count(f"failures {address}", FAILURES)

    def of_address(self, address: str) -> None:
        """Count one request from a network address. Raises TooManyError.

        This machine's own is not counted: a proxy on it that does not say whom it speaks for stands for everybody.
        """
        if not _is_own(address):
            self._count(f"address {address}", self.settings.web.address_requests_per_minute)

    def _count(self, who: str, a_minute: int) -> None:
        if not a_minute:
            return
        now = self.now()
        with self._changing:
            left, at = self._buckets.pop(who, (float(a_minute), now))
            left = min(float(a_minute), left + (now - at) * a_minute / 60)
            self._buckets[who] = (left - 1 if left >= 1 else left, now)     # at the end: the latest
            while len(self._buckets) > MOST:
                del self._buckets[next(iter(self._buckets))]
        if left < 1:
            raise TooManyError((1 - left) * 60 / a_minute)


def _is_own(address: str) -> bool:
    try:
        return ipaddress.ip_address(address.partition("%")[0]).is_loopback
    except ValueError:
        return False
