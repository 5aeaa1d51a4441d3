"""A line between two programs of this machine that can be cut in the middle: for rehearsals and tests."""

from __future__ import annotations

import socket
import struct
import threading
from contextlib import suppress

_PIECE = 1 << 14
_HARD = struct.pack("ii", 1, 0)         # close without waiting: the sender sees a reset


class Line:
    """Listens on a free port of 127.0.0.1 and passes on to `port`; `sent` counts the bytes that went there.

    `cut_after`: so many more bytes go through, then every connection is torn and none is taken until `mend`.
    """

    def __init__(self, port: int) -> None:
        self._target, self._server = port, socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._server.getsockname()[1]}"
        self.sent, self.is_cut = 0, False
        self._left: int | None = None
        self._lock = threading.Lock()
        self._open: set[tuple[socket.socket, bool]] = set()
        threading.Thread(target=self._accept, daemon=True).start()

    def cut_after(self, count: int) -> None:
        """Let `count` more bytes through, then cut."""
        with self._lock:
            self._left = count

    def mend(self) -> None:
        """Let everything through again."""
        with self._lock:
            self._left, self.is_cut = None, False

    def close(self) -> None:
        """End the line."""
        self._server.close()
        self._tear()

    def _accept(self) -> None:
        while True:
            try:
                near, _address = self._server.accept()
            except OSError:
                return
            try:
                far = None if self.is_cut else socket.create_connection(("127.0.0.1", self._target), timeout=10)
            except OSError:
                far = None
            if far is None:
                _reset(near)
                continue
            far.settimeout(None)
            self._open |= {(near, True), (far, False)}
            for source, sink, counted in ((near, far, True), (far, near, False)):
                threading.Thread(target=self._pass_on, args=(source, sink, counted), daemon=True).start()

    def _pass_on(self, source: socket.socket, sink: socket.socket, counted: bool) -> None:
        with suppress(OSError):
            while data := source.recv(_PIECE):
                if counted:
                    with self._lock:
                        room = len(data) if self._left is None else min(len(data), self._left)
                        self._left = None if self._left is None else self._left - room
                        self.sent += room
                    sink.sendall(data[:room])
                    if room < len(data) or self._left == 0:
                        self.is_cut = True
                        self._tear()
                        return
                else:
                    sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)

    def _tear(self) -> None:
        for connection, near in list(self._open):
            self._open.discard((connection, near))
            if near:
                _reset(connection)
            else:       # what went through has arrived: a reset could take it back
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
                connection.close()


def _reset(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _HARD)
    connection.close()
