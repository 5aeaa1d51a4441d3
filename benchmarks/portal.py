"""How long the portal's search page takes when many people search at once: a real server, logged in, over HTTP.

    python benchmarks/portal.py [--documents 200000] [--people 20] [--workers 2] [--seconds 20] [--folder FOLDER]

Half of the people are archivists, half readers, who may know of open documents only. Each asks the queries of
benchmarks/searching.py one after another and keeps the connection; what is told is the time from the last byte of the
request to the last of the page: the server's time and that of the asking threads, which run on the same processors.
Three rounds: one person alone; everybody, with a pause of two seconds before the next search, as people read what
they found; everybody without any pause, which is more than people do.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from sqlalchemy import insert

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from archive import model, opening, settings
from archive.retention_text import FOREVER
from benchmarks.search_material import Asked, documents, queries
from search.entry import Entry
from search.index import index_folder, open_index
from web.accounts import Accounts

ROOT = Path(__file__).resolve().parents[1]
PASSWORD = "mùa thu Hà Nội 1954"
AT = "2026-11-20T15:30:00.000000+00:00"
PAUSE = 2.0             # seconds


def main() -> None:
    """Make an archive, serve it, ask, and print the figures as lines of JSON."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--documents", type=int, default=200_000)
    asked.add_argument("--people", type=int, default=20)
    asked.add_argument("--workers", type=int, default=2)
    asked.add_argument("--seconds", type=float, default=20.0, help="of each round")
    asked.add_argument("--folder", type=Path, help="an archive to keep; made when there is none yet")
    given = asked.parse_args()
    with tempfile.TemporaryDirectory(prefix="luutru-bench-") as folder:
        root = given.folder or Path(folder) / "kho"
        if not (root / settings.FILE_NAME).exists():
            _make(root, given.documents)
        wanted = [_address(one) for one in queries(given.documents)]
        for workers in sorted({1, given.workers}):
            with _Server(root, workers) as server:
                people = [server.log_in(name) for name in _people(root, given.people)]
                for name, some, pause in (("one alone", people[:1], 0.0), ("all, reading", people, PAUSE),
                                          ("all, without a pause", people, 0.0)):
                    told = server.round(some, wanted, pause, given.seconds)
                    print(json.dumps({"what": name, "documents": given.documents, "workers": workers,
                                      "people": len(some), **told}), flush=True)


def _make(root: Path, count: int) -> None:
    archive = opening.make_archive(root, {"agency": {"code": "H99", "name": "Sở Nội vụ tỉnh Mẫu"}})
    homes: dict[str, Entry] = {}

    def entries() -> Any:
        for entry in documents(count):
            homes.setdefault(entry.case_file, entry)
            yield entry

    index = open_index(archive.settings)
    index.rebuild(entries())
    index.close()
    with archive.catalogue.session() as session:
        session.execute(insert(model.CaseFile), [
            {"code": code, "fonds": "H99", "year": int(code.split(".")[1]), "notation": code.split(".")[2],
             "title": entry.case_title, "retention": "20 năm", "profile": "tt05_2025", "version": 1, "opened_at": AT,
             "object_id": f"urn:luutru:casefile:{code}", "closed_at": AT, "state": "closed",
             "keep_years": FOREVER if n % 4 else 20} for n, (code, entry) in enumerate(homes.items())])
    archive.close()
    assert index_folder(settings.load(root)).is_dir()


def _people(root: Path, count: int) -> list[str]:
    """The names of so many accounts, made where they lack."""
    held = Accounts(settings.load(root))
    names = [f"nguoi-{n:02d}" for n in range(count)]
    for n, name in enumerate(names):
        if held.get(name) is None:
            role = "archivist" if n % 2 == 0 else "reader"
            held.use_link(held.add(name, f"Nguyễn Văn {n}", [role], by="benchmark"), PASSWORD)
    return names


def _address(one: Asked) -> str:
    """The address of the search page for a query with its filters."""
    told = {"q": one.typed, "type": one.filters.type_name, "organ": one.filters.organ,
            "since": one.filters.issued_from, "until": one.filters.issued_to}
    return f"/search?{urlencode({name: value for name, value in told.items() if value})}"


class _Server:
    """`luutru serve` on an archive, with so many worker processes."""

    def __init__(self, root: Path, workers: int) -> None:
        self._root, self._workers, self._port = root, workers, random.Random().randint(20_000, 60_000)

    def __enter__(self) -> _Server:
        self._process = subprocess.Popen(
            [sys.executable, str(ROOT / "cli.py"), "--root", str(self._root), "serve", "--port", str(self._port),
             "--workers", str(self._workers)], cwd=ROOT, stdout=subprocess.DEVNULL, start_new_session=True,
            env={**os.environ, "PYTHONPATH": str(ROOT), "LUUTRU_WEB__REQUESTS_PER_MINUTE": "0"})
        patience = time.monotonic() + 60
        while True:
            try:
                self._get(self._connection(), "/login", "")
                return self
            except OSError:
                if time.monotonic() > patience or self._process.poll() is not None:
                    raise
                time.sleep(0.2)

    def __exit__(self, *_error: object) -> None:
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(30)

    def _connection(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)

    @staticmethod
    def _get(connection: http.client.HTTPConnection, address: str, cookie: str) -> tuple[int, bytes, list[str]]:
        connection.request("GET", address, headers={"cookie": cookie, "accept-language": "vi"})
        answer = connection.getresponse()
        return answer.status, answer.read(), answer.headers.get_all("set-cookie") or []

    def log_in(self, name: str) -> str:
        """Log in as a browser does; the cookie of the session."""
        connection = self._connection()
        _status, body, cookies = self._get(connection, "/login", "")
        token = body.decode().partition('name="form_token" value="')[2].partition('"')[0]
        here = f"http://127.0.0.1:{self._port}"
        connection.request("POST", "/login", urlencode({"name": name, "password": PASSWORD, "form_token": token}), {
            "content-type": "application/x-www-form-urlencoded", "origin": here, "cookie": _pairs(cookies)})
        answer = connection.getresponse()
        answer.read()
        assert answer.status == 303, (answer.status, name)
        return _pairs(answer.headers.get_all("set-cookie") or [])

    def round(self, cookies: list[str], addresses: list[str], pause: float, seconds: float) -> dict[str, Any]:
        """Let everybody search for so many seconds."""
        took: list[float] = []
        wrong: list[int] = []
        until = time.monotonic() + seconds

        def person(n: int) -> None:
            chance, connection, place = random.Random(n), self._connection(), n * 7
            time.sleep(chance.random() * pause)
            while time.monotonic() < until:
                begun = time.perf_counter()
                status, body, _cookies = self._get(connection, addresses[place % len(addresses)], cookies[n])
                took.append((time.perf_counter() - begun) * 1000)
                if status != 200 or b"<main" not in body:
                    wrong.append(status)
                place += 1
                time.sleep(pause * (0.5 + chance.random()))

        used = self._cpu()
        threads = [threading.Thread(target=person, args=(n,)) for n in range(len(cookies))]
        for one in threads:
            one.start()
        for one in threads:
            one.join()
        used = self._cpu() - used
        spread = statistics.quantiles(took, n=20, method="inclusive")
        return {"pages": len(took), "p50_ms": round(statistics.median(took)), "p95_ms": round(spread[-1]),
                "cpu_ms_a_page": round(1000 * used / len(took), 1), "pages_a_second": round(len(took) / seconds, 1),
                "failed": len(wrong), "load": round(os.getloadavg()[0], 1)}

    def _cpu(self) -> float:
        """CPU seconds of the server's processes."""
        total = 0
        for path in Path("/proc").glob("[0-9]*/stat"):
            try:
                facts = path.read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(facts[3]) == self._process.pid:      # session: the server and its workers
                total += sum(map(int, facts[11:13]))
        return total / os.sysconf("SC_CLK_TCK")


def _pairs(cookies: list[str]) -> str:
    return "; ".join(one.partition(";")[0] for one in cookies)


if __name__ == "__main__":
    main()
