"""A real PostgreSQL server of the tests' own, on a free port, gone when they end."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from sqlalchemy import create_engine, text


def binary(name: str) -> str:
    """The path of a PostgreSQL program: from PATH, or from where Debian puts it."""
    found = shutil.which(name) or next((str(path) for path in sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"),
                                                                     reverse=True)), None)
    if found is None:
        raise AssertionError(f"{name} is missing: apt-get install postgresql")
    return found


@contextmanager
def server() -> Iterator[str]:
    """Start a server and give the URL of its database; stop it by its own pid at the end."""
    user = "postgres" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
    place = Path(tempfile.mkdtemp(prefix="luutru-pg-"))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    if os.geteuid() == 0:       # PostgreSQL refuses to run as root
        try:
            pwd.getpwnam(user)
        except KeyError:
            user = "nobody"
        shutil.chown(place, user)
    options = {"user": user} if os.geteuid() == 0 else {}
    subprocess.run([binary("initdb"), "-D", place / "data", "-U", "luutru", "--auth=trust", "--encoding=UTF8",
                    "--no-locale", "--no-sync"],
                   check=True, capture_output=True, cwd=place, **options)  # type: ignore[call-overload]
    running = subprocess.Popen([binary("postgres"), "-D", place / "data", "-p", str(port), "-k", place,
                                "-h", "127.0.0.1", "-c", "fsync=off"],
                               cwd=place, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                               **options)  # type: ignore[call-overload]
    try:
        for _ in range(100):
            ready = subprocess.run([binary("pg_isready"), "-h", "127.0.0.1", "-p", str(port), "-t", "1"], check=False,
                                   capture_output=True)
            if ready.returncode == 0:
                break
        yield f"postgresql+psycopg2://luutru@127.0.0.1:{port}/postgres"
    finally:
        running.send_signal(signal.SIGINT)      # fast shutdown: does not wait for clients
        running.wait(timeout=30)
        shutil.rmtree(place, ignore_errors=True)


def database(server_url: str, like: str = "") -> str:
    """A new database on the server, empty or a copy of `like` (a URL that nobody is connected to); its URL."""
    name = f"test_{uuid4().hex[:12]}"
    engine = create_engine(server_url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}" + (f" TEMPLATE {like.rpartition('/')[2]}" if like else "")))
    engine.dispose()
    return server_url.rpartition("/")[0] + f"/{name}"


def drop(url: str) -> None:
    """Remove a database, whoever is connected to it."""
    engine = create_engine(url.rpartition("/")[0] + "/postgres", isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"DROP DATABASE {url.rpartition('/')[2]} WITH (FORCE)"))
    engine.dispose()
