"""A served archive service in a process of its own: many uploads at once, its memory, kills. By hand in full size:

python -m tests.web.exchange_storm FOLDER --uploads 50 --mb 20 --kills 30
python -m tests.web.exchange_storm FOLDER --uploads 1 --mb 5120 --sparse
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from archive import opening
from tests import transfer_material as material
from tests.conftest import ROOT
from tests.transfer_material import AGENCY, CENTRE, CODE
from tests.web.exchange_material import BASE, Program, make_client, switch_on
from tests.web.hostile_packages import registration

_PIECE = 1 << 20
_SENT = 4 << 20         # bytes of one request, as an agency's program sends them


@dataclass
class Server:
    """`luutru serve` on a port of its own, which may be killed and started again."""

    root: Path
    port: int = 0
    peaks: list[int] = field(default_factory=list)
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it, and wait until it answers."""
        if not self.port:
            with socket.socket() as free:
                free.bind(("127.0.0.1", 0))
                self.port = free.getsockname()[1]
        with (self.root / "serve.log").open("ab") as said:
            self.process = subprocess.Popen(
                [sys.executable, str(ROOT / "cli.py"), "--root", str(self.root), "serve", "--port", str(self.port)],
                stdout=said, stderr=said, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)})
        until = time.monotonic() + 90
        while True:
            with suppress(httpx.HTTPError):
                if httpx.get(f"{self.url}{BASE}/openapi.json", timeout=5).status_code == 200:
                    return
            assert self.process.poll() is None, (self.root / "serve.log").read_text()[-3000:]
            assert time.monotonic() < until
            time.sleep(0.05)

    def kill(self) -> None:
        """Without warning."""
        assert self.process is not None
        self.peaks.append(self.peak())
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def peak(self) -> int:
        """The most memory that it ever had, bytes."""
        assert self.process is not None
        lines = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) << 10 for line in lines if line.startswith("VmHWM"))


@dataclass(frozen=True)
class File:
    """A file to send whose bytes are made as they are read, so that nothing of it need lie anywhere."""

    name: str
    seed: int
    size: int
    sparse: bool = False

    def pieces(self, start: int) -> Iterator[bytes]:
        """Its bytes from `start` on."""
        at = start // _PIECE
        while at * _PIECE < self.size:
            whole = bytes(_PIECE) if self.sparse else random.Random(self.seed * 100_000 + at).randbytes(_PIECE)
            yield whole[max(0, start - at * _PIECE):self.size - at * _PIECE]
            at += 1

    def sha256(self) -> str:
        digest = hashlib.sha256()
        for piece in self.pieces(0):
            digest.update(piece)
        return digest.hexdigest()


def made(folder: Path) -> tuple[Server, tuple[str, str]]:
    """A centre that agreed to one hand-over, served; its agency's credentials."""
    root = folder / "luu-tru"
    centre = opening.make_archive(root, {"agency": {"code": "H01", "name": CENTRE}})
    with opening.ownership(centre):
        opening.open_fonds(centre, "H99", AGENCY)
    centre.close()
    switch_on(root, requests_per_minute=0)
    credentials, server = make_client(root), Server(root)
    server.start()
    with httpx.Client(base_url=server.url, timeout=60) as http:
        one = Program(http, *credentials)
        one.log_in()
        done = one.post("/transfers", registration([f"H99.2026.{n:02d}.VP" for n in range(1, 41)]))
        assert done.status_code == 201, done.text
    material.told(root, "answer", CODE, "--agree")
    return server, credentials


@dataclass
class Shared:
    """One token for all that send, as a program has it; fetched again when it does not count any more."""

    credentials: tuple[str, str]
    headers: dict[str, str] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def program(self, http: httpx.Client, spent: dict[str, str] | None = None) -> Program:
        """A program with a token other than `spent`."""
        with self.lock:
            one = Program(http, *self.credentials, headers=self.headers)
            if not self.headers or self.headers == spent:
                assert one.log_in().status_code == 200
                self.headers = one.headers
        return one


def send(server: Server, shared: Shared, one: File) -> int:
    """Send a file as a program does that nothing stops: from the offset that the service tells; how often it was cut.
    """
    sha256, cuts = one.sha256(), 0
    with httpx.Client(base_url=server.url, timeout=120) as http:
        location, spent = "", None
        while True:
            try:
                program = shared.program(http, spent)
                if not location:
                    begun = program.begin(CODE, one.name, b"", sha256=sha256, length=one.size)
                    assert begun.status_code in (200, 201), begun.text
                    location = begun.headers["location"]
                told = program.head(location)
                if told.status_code == 401:
                    spent = program.headers
                    continue
                assert told.status_code == 200, told.text
                offset = int(told.headers["upload-offset"])
                if offset == one.size:
                    return cuts
                answer = program.patch(location, _some(one, offset), offset)
                assert answer.status_code in (204, 401, 409, 423), answer.text
            except httpx.HTTPError as error:
                cuts += not isinstance(error, httpx.ConnectError)
                time.sleep(0.2)


def _some(one: File, offset: int) -> Iterator[bytes]:
    left = min(_SENT, one.size - offset)
    for piece in one.pieces(offset):
        yield piece[:left]
        left -= len(piece[:left])
        if left <= 0:
            return


def storm(server: Server, credentials: tuple[str, str], files: list[File], kills: int, *, seed: int = 1) -> int:
    """Send all files at once while the server is killed `kills` times; how many requests were cut.

    It is killed each time another part of all bytes has come, a moment of chance after that.
    """
    chance, done, every = random.Random(seed), threading.Event(), sum(one.size for one in files)

    def killing() -> int:
        for killed in range(kills):
            while sum(map(_size, (server.root / "exchange").glob("?" * 32))) < every * (killed + 1) // (kills + 2):
                if done.wait(0.005):
                    return killed
            time.sleep(chance.uniform(0, 0.05))
            server.kill()
            server.start()
        return kills

    with ThreadPoolExecutor(len(files) + 1) as pool:
        killer = pool.submit(killing)
        shared = Shared(credentials)
        sending = [pool.submit(send, server, shared, one) for one in files]
        try:
            cuts = sum(one.result() for one in sending)
        finally:
            done.set()
        assert killer.result() == kills, f"all was sent after {killer.result()} kills"
        print(f"killed {kills} times, {cuts} requests cut", flush=True)
    server.peaks.append(server.peak())
    return cuts


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def check(server: Server, files: list[File]) -> None:
    """Every file lies there whole, once, byte for byte."""
    from archive.settings import load
    from web.exchange.held import Held
    from web.exchange.uploads import Uploads

    uploads = Uploads(Held(load(server.root)))
    arrived = uploads.arrived(CODE)
    assert sorted(arrived) == sorted(one.name for one in files), sorted(arrived)
    for one in files:
        with arrived[one.name].open("rb") as stream:
            assert hashlib.file_digest(stream, "sha256").hexdigest() == one.sha256(), one.name


def main() -> None:
    """By hand, in full size."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    for name in ("uploads", "mb", "kills"):
        parser.add_argument(f"--{name}", type=int, default=0)
    parser.add_argument("--sparse", action="store_true")
    asked = parser.parse_args()
    server, credentials = made(asked.folder)
    try:
        files = [File(f"packages/{n}.zip", n, asked.mb << 20, asked.sparse) for n in range(asked.uploads)]
        began = time.monotonic()
        storm(server, credentials, files, asked.kills)
        seconds = time.monotonic() - began
        check(server, files)
        print(f"{asked.uploads} × {asked.mb} MB in {seconds:.1f} s, peak memory {max(server.peaks) >> 20} MB")
    finally:
        server.kill()


if __name__ == "__main__":
    main()
