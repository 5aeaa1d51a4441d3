"""A real Redis server of the tests' own, on a free port, stopped by its own pid."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path


class RedisServer:
    """A broker without persistence: what is killed has forgotten everything when it is started again."""

    secret_file = ""        # anybody may

    def __init__(self) -> None:
        self.place = Path(tempfile.mkdtemp(prefix="luutru-redis-"))
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.start()

    def start(self) -> None:
        """Start it, and wait until it answers."""
        found = shutil.which("redis-server")
        assert found is not None, "redis-server is missing: apt-get install redis-server"
        self.running = subprocess.Popen([found, "--port", str(self.port), "--bind", "127.0.0.1", "--save", "",
                                         "--appendonly", "no", "--dir", str(self.place)],
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(200):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.02)
        raise AssertionError("redis-server does not answer")

    def kill(self) -> None:
        """As a machine goes that is switched off."""
        self.running.send_signal(signal.SIGKILL)
        self.running.wait()

    def close(self) -> None:
        """End it for good."""
        if self.running.poll() is None:
            self.running.terminate()
            self.running.wait(timeout=20)
        shutil.rmtree(self.place, ignore_errors=True)
