"""An agency at a served archive centre: its client, its packages, and a small program that speaks with the service."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner

from tests import transfer_material as material
from tests.conftest import once
from tests.transfer_material import CODE, FIRST, SECOND, House
from tests.web.conftest import serving
from web.commands import client as command

BASE = "/lgsp/v1"
TUS = {"tus-resumable": "1.0.0"}


def make_client(root: Path, agency: str = "H99", name: str = material.AGENCY, *more: str) -> tuple[str, str]:
    """A client of an agency: its id and secret."""
    done = CliRunner().invoke(command.command, ["add", agency, "--name", name, "--json", *more], obj=root)
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    return told["client_id"], told["client_secret"]


def switch_on(root: Path, **more: object) -> None:
    """Let the archive at `root` answer agencies."""
    told = "".join(f"{name} = {json.dumps(value)}\n" for name, value in {"keep_free_gb": 0, **more}.items())
    place = root / "luutru.toml"
    place.write_text(place.read_text().replace("[service]\n", f"[service]\non = true\n{told}"))


@dataclass
class Program:
    """What an agency runs: an HTTP client with its credentials."""

    http: httpx.Client
    client: str
    secret: str
    language: str = "en"
    headers: dict[str, str] = field(default_factory=dict)

    def log_in(self, scope: str = "") -> httpx.Response:
        """Get a token."""
        answer = self.http.post(f"{BASE}/token", data={"grant_type": "client_credentials", **(
            {"scope": scope} if scope else {})}, auth=(self.client, self.secret))
        if answer.status_code == 200:
            self.headers = {"authorization": f"Bearer {answer.json()['access_token']}",
                            "accept-language": self.language}
        return answer

    def get(self, path: str, **headers: str) -> httpx.Response:
        """GET below the service's address."""
        return self.http.get(f"{BASE}{path}", headers={**self.headers, **headers})

    def post(self, path: str, body: bytes = b"", key: str = "", **headers: str) -> httpx.Response:
        """POST with a key of its own."""
        return self.http.post(f"{BASE}{path}", content=body, headers={
            **self.headers, "idempotency-key": key or secrets.token_hex(8), **headers})

    def put(self, path: str, body: bytes) -> httpx.Response:
        """PUT."""
        return self.http.put(f"{BASE}{path}", content=body, headers=self.headers)

    def begin(self, code: str, name: str, data: bytes, *, sha256: str = "", length: int | None = None,
              **headers: str) -> httpx.Response:
        """Begin an upload."""
        told = {"name": name, "sha256": sha256 or hashlib.sha256(data).hexdigest()}
        return self.http.post(f"{BASE}/transfers/{code}/uploads", headers={
            **self.headers, **TUS, "upload-length": str(len(data) if length is None else length),
            "upload-metadata": ",".join(f"{key} {base64.b64encode(value.encode()).decode()}"
                                        for key, value in told.items()), **headers})

    def patch(self, location: str, data: bytes | Iterator[bytes], offset: int, **headers: str) -> httpx.Response:
        """Send bytes of an upload."""
        return self.http.patch(location, content=data, headers={
            **self.headers, **TUS, "upload-offset": str(offset), "content-type": "application/offset+octet-stream",
            **headers})

    def head(self, location: str) -> httpx.Response:
        """Ask how far an upload is."""
        return self.http.head(location, headers={**self.headers, **TUS})

    def upload(self, code: str, name: str, data: bytes) -> httpx.Response:
        """A whole file."""
        begun = self.begin(code, name, data)
        assert begun.status_code in (200, 201), begun.text
        offset = int(begun.headers["upload-offset"])
        return self.patch(begun.headers["location"], data[offset:], offset)

    def wait(self, code: str, *states: str) -> dict[str, Any]:
        """The hand-over, once it is in one of these states."""
        until = time.monotonic() + 30
        while True:
            told: dict[str, Any] = self.get(f"/transfers/{code}").json()
            if told["state"] in states:
                return told
            assert time.monotonic() < until, told
            time.sleep(0.05)


@contextmanager
def program(url: str, credentials: tuple[str, str], language: str = "en") -> Iterator[Program]:
    """A program that has a token."""
    with httpx.Client(base_url=url, timeout=30) as http:
        one = Program(http, *credentials, language)
        assert one.log_in().status_code == 200
        yield one


def registration(house: House) -> bytes:
    """The bytes of the agency's registration."""
    return (house.papers(house.agency, "dang-ky") / "registration.json").read_bytes()


def packages(house: House, answer: bytes) -> tuple[dict[str, bytes], bytes]:
    """The agency takes the answer in and prepares: its files by the names of uploads, and the list."""
    place = house.folder / "tra-loi.json"
    place.write_bytes(answer)
    material.told(house.agency, "take", str(place))
    folder = house.folder / "goi"
    material.told(house.agency, "prepare", CODE, "--to", str(folder))
    papers = house.papers(house.agency, "goi")
    files: Mapping[str, Path] = {f"packages/{one.name}": one for one in folder.iterdir()} | {
        one.name: one for one in papers.glob("documents-*.pdf")}
    return {name: path.read_bytes() for name, path in files.items()}, (papers / "manifest.json").read_bytes()


# --- a hand-over up to its last upload -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Uploaded:
    """An agency and an archive centre between which everything was uploaded and nothing was finished yet."""

    folder: Path

    @property
    def house(self) -> House:
        """Both archives."""
        return House(self.folder / "nha")

    def credentials(self, agency: str) -> tuple[str, str]:
        """The client of H99, whose hand-over it is, or of H98, a stranger: its id and secret."""
        id_, secret = json.loads((self.folder / f"{agency}.json").read_bytes())
        return id_, secret

    @property
    def registration(self) -> bytes:
        """What was registered."""
        return (self.folder / "registration.json").read_bytes()

    @property
    def manifest(self) -> bytes:
        """The list of the packages."""
        return (self.folder / "manifest.json").read_bytes()

    @property
    def files(self) -> dict[str, bytes]:
        """What was uploaded, by name."""
        top = self.folder / "tep"
        return {path.relative_to(top).as_posix(): path.read_bytes() for path in sorted(top.rglob("*"))
                if path.is_file()}


def uploaded(factory: pytest.TempPathFactory, target: Path) -> Uploaded:
    """A copy at `target` of what is made once in the whole run. The caller has stopped the clock."""
    return Uploaded(Path(shutil.copytree(once(factory, "exchange", _make), target)))


def _make(folder: Path) -> None:
    house = material.make(folder / "nha", files=(FIRST, SECOND))
    switch_on(house.centre)
    for agency, name in (("H99", material.AGENCY), ("H98", "Sở Tài chính tỉnh Mẫu")):
        (folder / f"{agency}.json").write_text(json.dumps(make_client(house.centre, agency, name)))
    made = Uploaded(folder)
    material.register(house, FIRST, SECOND, way="online")
    (folder / "registration.json").write_bytes(registration(house))
    with serving(house.centre) as url, program(url, made.credentials("H99")) as one:
        done = one.post("/transfers", made.registration, key="dang-ky-1")
        assert done.status_code == 201 and done.json()["state"] == "registered", done.text
        assert one.begin(CODE, "packages/a.zip", b"x").status_code == 409       # nothing before the answer
        letter = (house.papers(house.agency, "dang-ky") / "letter.pdf").read_bytes()
        assert one.put(f"/transfers/{CODE}/papers/letter.pdf", letter).status_code == 200
        material.told(house.centre, "answer", CODE, "--agree", "--day", "2026-12-01")
        (notice,) = one.get("/notices?after=0").json()["notices"]
        answer = one.get(f"/transfers/{CODE}/messages/answer")
        assert notice["kind"] == "answer" and answer.headers["etag"] == f'"{notice["sha256"]}"'
        files, manifest = packages(house, answer.content)
        for name, data in files.items():
            place = folder / "tep" / name
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(data)
        (folder / "manifest.json").write_bytes(manifest)
        for name, data in sorted(files.items(), reverse=True):
            _upload_with_a_cut(one, name, data)
        assert one.get(f"/transfers/{CODE}").json()["state"] == "uploading"


def _upload_with_a_cut(one: Program, name: str, data: bytes) -> None:
    """A file in two parts, between which the program was killed and forgot everything."""
    begun = one.begin(CODE, name, data)
    assert begun.status_code == 201, begun.text
    place, third = begun.headers["location"], len(data) // 3
    assert one.patch(place, data[:third], 0).headers["upload-offset"] == str(third)
    again = one.begin(CODE, name, data)
    assert (again.status_code, again.headers["location"]) == (200, place)
    offset = int(again.headers["upload-offset"])
    assert offset == third
    assert one.patch(place, data[:third], 0).status_code == 409     # from the beginning: no
    assert one.patch(place, data[offset:], offset).status_code == 204
    assert one.head(place).headers["upload-offset"] == str(len(data))
