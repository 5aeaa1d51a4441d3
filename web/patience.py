"""Connections: how long one may take to say what it wants (uvicorn itself waits for ever), and no waiting of ours."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

HEADERS = 20.0      # until the last line of a request's headers is there, seconds
CONNECTIONS = 1000  # that are held at once by a server process; a further one is answered 503


class Patient(H11Protocol):
    """uvicorn's protocol, which cuts off who does not end the headers of a request in HEADERS seconds."""

    _late: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """Begin to wait.

        An answer goes out at once, also in its parts: a listening socket that is shared by several processes does not
        tell asyncio that it is TCP's, and every page would wait 40 ms for the other side's acknowledgement.
        """
        super().connection_made(transport)
        if (connection := transport.get_extra_info("socket")) is not None and connection.family != socket.AF_UNIX:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._wait()

    def data_received(self, data: bytes) -> None:
        """Stop waiting when a request has begun; wait again when half of the next one came."""
        super().data_received(data)
        if self.cycle is not None and not self.cycle.response_complete:
            self._stop()
        elif self._late is None:
            self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing more to wait for."""
        self._stop()
        super().connection_lost(exc)

    def _wait(self) -> None:
        self._stop()
        self._late = self.loop.call_later(HEADERS, self._too_late)

    def _stop(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None

    def _too_late(self) -> None:
        self._late = None
        if (self.cycle is None or self.cycle.response_complete) and not self.transport.is_closing():
            self.transport.close()
