"""Promises of the archive service against who wants to do harm: nothing opens, nothing leaves, nothing breaks."""

from __future__ import annotations

import base64
import hashlib
import json
import logging
import os
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as hypothesis_settings
from hypothesis.errors import Unsatisfiable
from schemathesis.core.result import Ok

from archive import clock, opening
from archive.opening import Archive
from archive.settings import load
from tests import transfer_material as material
from tests.conftest import NIGHT
from tests.transfer_material import AGENCY, CENTRE, CODE, opened
from tests.web import exchange_storm
from tests.web import hostile_packages as hostile
from tests.web.conftest import serving
from tests.web.exchange_material import BASE, TUS, Program, make_client, program, switch_on
from tests.web.identity_provider import EcKey, Provider, RsaKey, base64url, token

AUDIENCE = "luutru-lgsp"
SECOND = "NL.H99.2026.02"
TRIES = int(os.environ.get("LUUTRU_TRIES", "2"))        # requests of each kind to each endpoint; more by hand


@dataclass
class Field:
    """A served archive centre, two agencies' credentials, the gateway it trusts, and the folder round it."""

    folder: Path
    url: str
    credentials: tuple[str, str]
    stranger: tuple[str, str]
    gateway: Provider

    @property
    def root(self) -> Path:
        return self.folder / "luu-tru"

    def agency(self) -> Any:
        return program(self.url, self.credentials)


class Heard(logging.Handler):
    """Everything that was logged, as lines of text."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.said.append(record.getMessage())


@pytest.fixture(scope="module")
def heard() -> Iterator[list[str]]:
    """What the server logs while it is attacked."""
    handler = Heard()
    logging.getLogger("luutru").addHandler(handler)
    yield handler.said
    logging.getLogger("luutru").removeHandler(handler)


@pytest.fixture(scope="module")
def field(tmp_path_factory: pytest.TempPathFactory, heard: list[str]) -> Iterator[Field]:
    """One centre for the whole module, with one hand-over that was agreed to."""
    folder, gateway = tmp_path_factory.mktemp("tan-cong"), Provider()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clock, "now", lambda: NIGHT)
        patch.setenv("LUUTRU_INGEST__SETTLE_SECONDS", "0")
        patch.setattr("web.exchange.giving.LONGEST_WAIT", 0.0)
        root = folder / "luu-tru"
        centre = opening.make_archive(root, {"agency": {"code": "H01", "name": CENTRE}})
        with opening.ownership(centre):
            opening.open_fonds(centre, "H99", AGENCY)
        centre.close()
        switch_on(root, idle_seconds=0.6, open_uploads=8, requests_per_minute=0, gateway_issuer=gateway.issuer,
                  gateway_keys=f"{gateway.issuer}/keys", gateway_audience=AUDIENCE)
        credentials = make_client(root, "H99", AGENCY, "--gateway", "app-h99")
        stranger = make_client(root, "H98", "Sở Tài chính")
        with serving(root) as url:
            one = Field(folder, url, credentials, stranger, gateway)
            agreed(one, SECOND, ["H99.2026.50.VP", "H99.2026.51.VP"])
            yield one
    gateway.close()


def agreed(field: Field, code: str, case_files: list[str]) -> None:
    """A registration that the centre agreed to."""
    with field.agency() as one:
        done = one.post("/transfers", hostile.registration(case_files, code))
        assert done.status_code == 201, done.text
    material.told(field.root, "answer", code, "--agree")


def tree(folder: Path) -> dict[str, bytes | str]:
    """Every file round the archive that no upload may touch: all but what the service itself keeps."""
    own = ("exchange", "store", "catalogue", "transfers", "acts", "accounts", "index", "log")
    found: dict[str, bytes | str] = {}
    for path in sorted(folder.rglob("*")):
        parts = path.relative_to(folder).parts
        if len(parts) > 1 and parts[1].startswith(own):
            continue
        found["/".join(parts)] = path.read_bytes() if path.is_file() else "folder"
    return found


def raw(field: Field, data: bytes, *, wait: float = 5.0) -> bytes:
    """What the server answers to these bytes, whatever they are."""
    host, port = field.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=wait) as line:
        line.sendall(data)
        answer = b""
        try:
            while piece := line.recv(65536):
                answer += piece
                if b"\r\n\r\n" in answer and b"Connection: close" not in data:
                    break
        except TimeoutError:
            pass
    return answer


def status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1]) if answer.startswith(b"HTTP/") else 0


# --- who asks ----------------------------------------------------------------------------------------------


def endpoints(field: Field) -> list[tuple[str, str]]:
    """Every endpoint of the service's document but the one that gives tokens, with an address of it."""
    told = httpx.get(f"{field.url}{BASE}/openapi.json", timeout=30).json()
    names = {"{code}": SECOND, "{name}": "receipt.pdf", "{kind}": "receipt", "{id}": "0" * 32}
    found = []
    for path, methods in told["paths"].items():
        place = path
        for name, value in names.items():
            place = place.replace(name, value)
        assert "{" not in place, place
        found += [(method.upper(), place) for method in methods if path != "/token" and method != "options"]
    assert len(found) >= 13, found
    return found


def test_no_endpoint_answers_without_a_token_that_counts(field: Field) -> None:
    with field.agency() as one:
        good = one.headers["authorization"]
    wrong: list[list[tuple[str, str]]] = [
        [], [("authorization", good.replace("Bearer", "Basic"))], [("authorization", good), ("authorization", good)],
        [("authorization", good[:-1])], [("authorization", good + "x")], [("authorization", good.upper())],
        [("cookie", f"authorization={good}; session={good}")], [("x-authorization", good)],
        [("authorization", "Bearer")]]
    with httpx.Client(base_url=field.url, timeout=30) as http:
        for n, (method, place) in enumerate(every := endpoints(field)):
            for headers in wrong if n == len(every) // 2 else wrong[:1]:
                answer = http.request(method, f"{BASE}{place}", params={"access_token": good.split()[1]},
                                      headers=[*headers, ("tus-resumable", "1.0.0"), ("idempotency-key", "x")])
                assert answer.status_code == 401, (method, place, headers, answer.text)
                assert "www-authenticate" in answer.headers and SECOND not in answer.text


def test_another_agency_learns_nothing_of_a_hand_over_or_its_uploads(field: Field) -> None:
    with field.agency() as one:
        location = one.begin(SECOND, "packages/riêng.zip", b"x" * 100).headers["location"]
        assert one.patch(location, b"x" * 10, 0).status_code == 204
    with program(field.url, field.stranger) as other:
        for method, place in endpoints(field):
            headers = {**other.headers, **TUS, "idempotency-key": "k", "upload-length": "5", "upload-offset": "10",
                       "content-type": "application/offset+octet-stream",
                       "upload-metadata": "name cGFja2FnZXMvYS56aXA=,sha256 " + base64.b64encode(b"0" * 64).decode()}
            body = b"%PDF-1.7 %%EOF" if method in ("PUT", "POST", "PATCH") else b""
            answer = other.http.request(method, f"{BASE}{place}", headers=headers, content=body)
            if SECOND in place:
                assert answer.status_code == 404, (method, place, answer.text)
            assert "riêng" not in answer.text
        absent = other.head(location.rpartition("/")[0] + "/" + "f" * 32)
        there = other.head(location)
        assert there.status_code == absent.status_code == 404 and there.text == absent.text
        assert other.patch(location, b"y" * 90, 10).status_code == 404
        assert other.http.delete(location, headers={**other.headers, **TUS}).status_code == 404
    with field.agency() as one:
        assert one.head(location).headers["upload-offset"] == "10"
        assert one.http.delete(location, headers={**one.headers, **TUS}).status_code == 204


def test_a_token_for_reading_writes_nothing(field: Field) -> None:
    with httpx.Client(base_url=field.url, timeout=30) as http:
        one = Program(http, *field.credentials)
        assert one.log_in("transfer.read").status_code == 200
        for answer in (one.post("/transfers", hostile.registration(["H99.2026.60.VP"], "NL.H99.2026.60")),
                       one.begin(SECOND, "packages/a.zip", b"x"),
                       one.put(f"/transfers/{SECOND}/papers/a.pdf", b"%PDF-"),
                       one.post(f"/transfers/{SECOND}/finish", b"{}"), one.head(f"{BASE}/uploads/{'0' * 32}")):
            assert answer.status_code == 403, answer.text
            assert 'scope="transfer.write"' in answer.headers["www-authenticate"]


def claims(field: Field, **changed: Any) -> dict[str, Any]:
    now = time.time()
    told = {"iss": field.gateway.issuer, "aud": AUDIENCE, "client_id": "app-h99", "iat": now, "exp": now + 600,
            **changed}
    return {name: value for name, value in told.items() if value is not None}


def asked(field: Field, shown: str) -> int:
    told = {"authorization": f"Bearer {shown}"}
    return httpx.get(f"{field.url}{BASE}/transfers", headers=told, timeout=30).status_code


def test_a_gateways_token_counts_only_when_all_of_it_is_right(field: Field) -> None:
    key, now = field.gateway.keys[0], time.time()
    assert asked(field, token(key, claims(field))) == 200
    wrong: list[dict[str, Any]] = [
        {"aud": "another"}, {"aud": None}, {"aud": ["another"]}, {"aud": {AUDIENCE: 1}}, {"iss": "https://evil.example"},
        {"iss": None}, {"exp": now - 120}, {"exp": None}, {"exp": "soon"}, {"exp": True}, {"nbf": now + 600},
        {"iat": now + 600}, {"client_id": "app-h98"}, {"client_id": None}, {"client_id": ["app-h99"]},
        {"client_id": ""}, {"client_id": "x" * 300}]
    for changed in wrong:
        assert asked(field, token(key, claims(field, **changed))) == 401, changed


def test_a_gateways_token_is_believed_by_no_key_but_the_gateways(field: Field) -> None:
    key, mine = field.gateway.keys[0], RsaKey("một")
    good = token(key, claims(field))
    head, body, signature = good.split(".")
    unsigned = base64url(json.dumps({"alg": "none", "kid": "một"}).encode())
    with hostile.ear() as (called, ears):
        public = json.dumps(key.public()).encode()
        symmetric = base64url(json.dumps({"alg": "HS256", "kid": "một"}).encode())
        forged = [
            token(mine, claims(field)), token(EcKey("một"), claims(field)), token(mine, claims(field), kid="khác"),
            token(mine, claims(field), jku=f"{called}/keys", x5u=f"{called}/x5u", jwk=mine.public()),
            token(key, claims(field), crit=["exp"]), f"{unsigned}.{body}.", f"{unsigned}.{body}.{signature}",
            f"{symmetric}.{body}." + base64url(hashlib.sha256(public).digest()), f"{head}.{body}.", f"{head}.{body}",
            f"{head}.{base64url(json.dumps(claims(field, client_id='app-h98')).encode())}.{signature}",
            f"{head}.{body}.{signature[:-4]}AAAA", f"{head}.{body}.{signature}.x", "a" * 20_000, "..", "é.é.é"]
        for shown in forged:
            answer = httpx.get(f"{field.url}{BASE}/transfers", timeout=30,
                               headers={b"authorization": f"Bearer {shown}".encode()})
            assert answer.status_code == 401, shown[:80]
        assert ears == []
    assert field.gateway.asked.count("/realms/so/keys") <= 2       # no token makes us ask again and again


# --- names and addresses -----------------------------------------------------------------------------------

CLIMBS = ["..%2f..%2fluutru.toml", "%2e%2e/%2e%2e/luutru.toml", "..%5c..%5cluutru.toml", "....//luutru.toml", "%00",
          "a%00b", "%0d%0ax-forged:1", "..;/luutru.toml", "%252e%252e%252fluutru.toml", "%c0%ae%c0%ae/x", "%ff%fe",
          "/etc/passwd", "..", ".", "~root", "CON", "a" * 5000, "%f0%9f%98%80", "*", "' OR 1=1--", "{{7*7}}", "${jndi:ldap://127.0.0.1/a}"]


def test_no_address_leads_out_of_the_hand_over(field: Field) -> None:
    before = tree(field.folder)
    with field.agency() as one:
        shown = one.headers["authorization"]
    places = (f"/transfers/{SECOND}/papers/", "/transfers/", f"/transfers/{SECOND}/messages/", "/uploads/",
              f"/transfers/{SECOND}/returns/", "/notices?after=")
    for n, climb in enumerate(CLIMBS):
        for path in (f"{places[0]}{climb}", f"{places[1 + n % 5]}{climb}"):
            line = f"GET {BASE}{path.replace(' ', '%20')} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: {shown}\r\n" \
                   "Tus-Resumable: 1.0.0\r\nConnection: close\r\n\r\n"
            answer = raw(field, line.encode("ascii", "replace"))
            assert 400 <= status(answer) < 500, (path, answer[:300])
            assert b"pkcs12" not in answer and b"[agency]" not in answer and b"root:" not in answer
            assert b"\r\nx-forged" not in answer.lower()
    assert tree(field.folder) == before


def test_no_name_of_an_upload_or_paper_becomes_a_place(field: Field) -> None:
    before = tree(field.folder)
    names = ["packages/../../luutru.toml", "../x.zip", "/x.zip", "packages/a/../../b.zip", "packages\\x.zip", "C:x.zip",
             "packages/x.zip\x00.pdf", "packages/x\r\n.zip", "packages/\u202egpj.zip", "packages/.zip/",
             "packages//.zip", "exchange.db", "luutru.toml", "registration.json", "a.pdf/../b.pdf", "-rf.pdf", ".x.pdf",
             "packages/x.zip "]
    with field.agency() as one:
        for name in names:
            answer = one.begin(SECOND, name, b"x")
            assert answer.status_code == 422 and answer.json()["findings"][0]["code"] == "LGSP-003", name
        for name in ("..%2fx.pdf", "x.exe", ".htaccess", "a%00.pdf", "a%0a.pdf"):
            assert 400 <= one.put(f"/transfers/{SECOND}/papers/{name}", b"%PDF-1.7\n%%EOF").status_code < 500
        odd = one.begin(SECOND, "packages/... '\";rm -rf $HOME.zip", b"x")          # ugly, and only a name
        assert odd.status_code == 201 and "rm -rf" not in odd.headers["location"]
        assert one.http.delete(odd.headers["location"], headers={**one.headers, **TUS}).status_code == 204
    assert tree(field.folder) == before


def test_no_header_of_an_answer_is_written_by_who_asks(field: Field) -> None:
    with field.agency() as one:
        shown = one.headers["authorization"]
        for number in ("x\r\nset-cookie: a=b", "ệ", "x" * 65, "<script>", "", "a b"):
            answer = raw(field, f"GET {BASE}/transfers HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: {shown}\r\n"
                                f"X-Request-Id: {number}\r\nConnection: close\r\n\r\n".encode())
            told = answer.partition(b"\r\n\r\n")[0].lower()
            assert b"set-cookie" not in told and b"<script>" not in told and status(answer) in (200, 400)
        for name, value in (("accept-language", "vi\x00"), ("idempotency-key", "a\x00b"), ("upload-metadata", "a é"),
                            ("upload-length", "1\x00"), ("range", "bytes=0-,1-,2-" * 500),
                            ("if-none-match", '"' * 900)):
            answer = raw(field, f"POST {BASE}/transfers/{SECOND}/uploads HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: "
                                f"{shown}\r\nTus-Resumable: 1.0.0\r\n{name}: {value}\r\nContent-Length: 0\r\n"
                                "Connection: close\r\n\r\n".encode())
            assert 400 <= status(answer) < 500, (name, answer[:200])
        for host in ("evil.example", "127.0.0.1.evil.example", "", "127.0.0.1\r\nx: y"):
            answer = raw(field, (f"GET {BASE}/openapi.json HTTP/1.1\r\nHost: {host}\r\n"
                                 "Connection: close\r\n\r\n").encode())
            assert status(answer) in (200, 400) and b"evil" not in answer


def test_two_ways_of_saying_how_long_a_request_is_are_refused(field: Field) -> None:
    """Request smuggling: what a proxy takes for one request must not be two for us."""
    inner = f"GET {BASE}/transfers HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    for framing in ("Content-Length: 4\r\nTransfer-Encoding: chunked",
                    "Transfer-Encoding: chunked\r\nContent-Length: 4",
                    "Content-Length: 4\r\nContent-Length: 60", "Transfer-Encoding: xchunked", "Content-Length: -1",
                    "Content-Length: +4", "Transfer-Encoding : chunked", "Content-Length: 1e3"):
        asks = f"POST {BASE}/token HTTP/1.1\r\nHost: 127.0.0.1\r\n{framing}\r\n\r\n0\r\n\r\n{inner}"
        answer = raw(field, asks.encode(), wait=1.5)
        assert status(answer) in (0, 400, 413, 501) and answer.count(b"HTTP/1.1 ") <= 1, (framing, answer[:200])


# --- what is sent ------------------------------------------------------------------------------------------


def test_hostile_packages_are_found_out_and_touch_nothing(field: Field, tmp_path: Path) -> None:
    """Zip slip, links, bombs, ten thousand files, XML with entities, addresses: each in a package that else is good."""
    began = time.monotonic()
    with hostile.ear() as (called, ears):
        kinds = hostile.hostile(called)
        codes = [f"H99.2026.{n:02d}.VP" for n in range(1, len(kinds) + 1)]
        packages = {code: make(code) for code, make in zip(codes, kinds.values(), strict=True)}
        good = "H99.2026.99.VP"
        packages[good] = hostile.zipped(hostile.plan(good).build(), hostile.plan(good).folder)
        agreed(field, CODE, list(packages))
        before = tree(field.folder)
        with field.agency() as one:
            for code, data in packages.items():
                assert one.upload(CODE, f"packages/{code}.zip", data).status_code == 204, code
            done = one.post(f"/transfers/{CODE}/finish", hostile.manifest(packages, tmp_path))
            assert done.status_code == 202, done.text
            told = one.wait(CODE, "short", "waiting", "delivery_refused")
        material.told(field.root, "examine", CODE)
        ears_heard = list(ears)
    after = {item["code"]: item for item in opened_items(field)}
    assert after[good]["state"] == "waiting" or after[good]["state"] == "passed", after[good]
    for name, code in zip(kinds, codes, strict=True):
        item = after[code]
        if name in hostile.HARMLESS:        # only odd: a name that is shown without harm, an address nobody opens
            assert item["state"] == "passed" and item["findings"], (name, item["state"])
            continue
        assert item["state"] in ("missing", "failed"), (name, item["state"], item["findings"])
        assert item["reason"], name
    assert ears_heard == [] and tree(field.folder) == before and told["state"] == "short"
    assert not [path for path in field.folder.rglob("*") if path.is_symlink()]
    held = sum(path.stat().st_size for path in (field.root / "transfers").rglob("*") if path.is_file())
    assert held < sum(map(len, packages.values())) + 100_000         # nothing was unpacked
    assert time.monotonic() - began < 60


def opened_items(field: Field) -> list[Any]:
    """The case files of CODE as the archive has them."""
    from retention.transfer import objects

    archive: Archive = opened(field.root)
    found = list(objects.open_transfer(archive, CODE, objects.ARCHIVE).items)
    archive.close()
    return found


def test_messages_that_are_bombs_or_lies_are_refused(field: Field) -> None:
    base = json.loads(hostile.registration(["H99.2026.70.VP"], "NL.H99.2026.70"))
    item = base["items"][0]
    bodies: list[bytes] = [
        b"", b"null", b"[" * 200_000, b'{"a":' * 50_000, b"\x00" * 1000, b'"' + b"x" * 1_000_000 + b'"', b"1" * 100_000,
        b"-", b"NaN", b'{"a":1e999999}', b'{"schema":"luutru/transfer-registration/1"}', "﻿{}".encode(),
        json.dumps({**base, "items": [item] * 3}).encode(), json.dumps({**base, "items": [{**item, "n": 0}]}).encode(),
        json.dumps({**base, "items": [{**item, "code": "x\u0000"}]}).encode(),
        json.dumps({**base, "sender": {"code": ["H99"], "name": "x"}}).encode(),
        *(json.dumps({**base, "request": code}).encode() for code in (
            "../../x", "NL.H99.2026.70/../x", "NL.H98.2026.01", "", "NL.H99.2026.70\n")),
        json.dumps({**base, "items": []}).encode(),
        json.dumps({**base, "receiver": {"code": "H77", "name": "x"}}).encode()]
    with field.agency() as one:
        for body in bodies:
            answer = one.post("/transfers", body)
            assert answer.status_code in (400, 403, 422), (body[:60], answer.status_code, answer.text[:200])
            assert answer.headers["content-type"] == "application/problem+json"
            finish = one.post(f"/transfers/{SECOND}/finish", body)
            assert 400 <= finish.status_code < 500, (body[:60], finish.text[:200])
        for body in (b"%PDF-" + b"x" * 100, b"<html>", b"%PDF-1.7\n%%EOF",
                     b"%PDF-1.7 1 0 obj<</Length 99999999999>>%%EOF"):
            assert one.put(f"/transfers/{SECOND}/papers/letter.pdf", body).status_code in (200, 422)
        assert {each["code"] for each in one.get("/transfers").json()["transfers"]} <= {SECOND, CODE}


def test_who_begins_more_uploads_than_allowed_is_stopped_and_stops_nobody_else(field: Field) -> None:
    with field.agency() as one:
        begun = [one.begin(SECOND, f"packages/{n}.zip", b"x" * 9) for n in range(12)]
        assert [answer.status_code for answer in begun] == [201] * 8 + [429] * 4
        assert begun[-1].json()["findings"][0]["code"] == "LGSP-009"
        huge = one.begin(SECOND, "packages/0.zip", b"x", length=1 << 60)
        assert huge.status_code in (400, 413), huge.text
        for answer in begun[:8]:
            assert one.http.delete(answer.headers["location"], headers={**one.headers, **TUS}).status_code == 204
    with program(field.url, field.stranger) as other:
        assert other.get("/transfers").status_code == 200


def test_a_replayed_request_does_nothing_twice(field: Field) -> None:
    data = b"abcdefghij" * 50
    with field.agency() as one:
        place = one.begin(SECOND, "packages/replay.zip", data).headers["location"]
        again = one.begin(SECOND, "packages/replay.zip", data)
        assert (again.status_code, again.headers["location"]) == (200, place)
        known = hostile.registration(["H99.2026.50.VP", "H99.2026.51.VP"], SECOND)
        assert one.post("/transfers", known, key="k-1").status_code == 200
        other = one.post("/transfers", hostile.registration(["H99.2026.52.VP"], "NL.H99.2026.03"), key="k-1")
        assert other.status_code == 422                              # the key was another request's
        assert one.patch(place, data[:100], 0).status_code == 204
        again = one.patch(place, data[:100], 0)
        assert (again.status_code, again.headers["upload-offset"]) == (409, "100")
        assert one.patch(place, data[100:], 100).status_code == 204
        assert one.patch(place, data[100:], 100).status_code == 409
        assert one.head(place).headers["upload-offset"] == str(len(data))
        with program(field.url, field.stranger) as stranger:         # a key of one client is nothing to another
            told = hostile.registration(["H98.2026.01.VP"], "NL.H98.2026.01", "H98")
            assert stranger.post("/transfers", told, key="k-1").status_code == 201
        assert one.http.delete(place, headers={**one.headers, **TUS}).status_code == 204


# --- slow and many -----------------------------------------------------------------------------------------


def test_who_is_silent_is_cut_off_and_what_came_is_kept(field: Field) -> None:
    host, port = field.url.removeprefix("http://").split(":")
    with field.agency() as one:
        place = one.begin(SECOND, "packages/slow.zip", b"x" * 1000).headers["location"]
        head = (f"PATCH {place} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: {one.headers['authorization']}\r\n"
                "Tus-Resumable: 1.0.0\r\nUpload-Offset: 0\r\nContent-Type: application/offset+octet-stream\r\n"
                "Content-Length: 1000\r\n\r\n").encode()
        with socket.create_connection((host, int(port)), timeout=10) as line:
            began = time.monotonic()
            line.sendall(head + b"x" * 300)
            assert line.recv(4096).startswith(b"HTTP/1.1 408")
            assert time.monotonic() - began < 5
        told = one.head(place)
        assert told.headers["upload-offset"] == "300"
        assert one.patch(place, b"x" * 10, 300).status_code == 204     # nobody holds it any more
        assert one.http.delete(place, headers={**one.headers, **TUS}).status_code == 204


def test_hundreds_of_half_sent_requests_keep_nobody_waiting(field: Field) -> None:
    host, port = field.url.removeprefix("http://").split(":")
    lines = [socket.create_connection((host, int(port)), timeout=10) for _ in range(200)]
    try:
        for n, line in enumerate(lines):
            line.sendall((f"POST {BASE}/token HTTP/1.1\r\nHost: 127.0.0.1\r\nX-{n}: " if n % 2 else
                          f"POST {BASE}/token HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 500\r\n\r\ngrant_type=")
                         .encode())
        began = time.monotonic()
        with field.agency() as one:
            for _ in range(5):
                assert one.get("/transfers").status_code == 200
        assert time.monotonic() - began < 5
    finally:
        for line in lines:
            line.close()


def test_parallel_uploads_lose_nothing_and_mix_nothing(field: Field) -> None:
    files = {f"packages/{n}.zip": bytes([n]) * 700_000 + bytes(range(256)) for n in range(8)}
    with field.agency() as one:
        token_ = one.headers

    def send(name: str) -> tuple[str, int]:
        with httpx.Client(base_url=field.url, timeout=60) as http:
            each = Program(http, *field.credentials, headers=dict(token_))
            place = each.begin(SECOND, name, files[name]).headers["location"]
            third = len(files[name]) // 3
            for start in range(0, len(files[name]), third):
                answer = each.patch(place, files[name][start:start + third], start)
                assert answer.status_code == 204, answer.text
            return place, answer.status_code

    with ThreadPoolExecutor(8) as pool:
        places = list(pool.map(send, files))
    with field.agency() as one:
        told = {each["name"]: each for each in one.get(f"/transfers/{SECOND}").json()["uploads"]}
        assert {name: told[name]["sha256"] for name in files} == {
            name: hashlib.sha256(data).hexdigest() for name, data in files.items()}
        assert all(told[name]["whole"] for name in files)
        for name, (place, _status) in zip(files, places, strict=True):
            assert (field.root / "exchange" / place.rpartition("/")[2]).read_bytes() == files[name]
            assert one.http.delete(place, headers={**one.headers, **TUS}).status_code == 204


# --- whatever the document allows --------------------------------------------------------------------------


def test_nothing_that_the_document_allows_or_forbids_makes_the_service_fail(field: Field) -> None:
    """Schemathesis: requests made from the OpenAPI document, right and wrong ones; no answer is our failure."""
    schema = schemathesis.openapi.from_url(f"{field.url}{BASE}/openapi.json")
    schema.config.update(base_url=f"{field.url}{BASE}")
    with field.agency() as one:
        shown = dict(one.headers)
    seen: dict[str, set[int]] = {}
    for made in schema.get_all_operations():
        assert isinstance(made, Ok)
        operation = made.ok()
        if operation.method == "options":       # it takes nothing
            continue

        def attack(case: Any) -> None:
            answer = case.call(headers={**shown, **TUS}, timeout=30)
            seen.setdefault(case.operation.label, set()).add(answer.status_code)
            assert answer.status_code < 500, (case.as_curl_command(), answer.text)

        for mode in schemathesis.GenerationMode:
            run: Callable[[], None] = hypothesis_settings(
                max_examples=TRIES, deadline=None, database=None, suppress_health_check=list(HealthCheck),
                phases=[Phase.generate])(
                    given(case=operation.as_strategy(generation_mode=mode))(attack))
            try:
                run()
            except Unsatisfiable:       # nothing of it can be wrong: it takes no parameter and no body
                assert mode is schemathesis.GenerationMode.NEGATIVE, operation.label
    assert len(seen) >= 13, seen


@schemathesis.serializer("application/pdf", "application/offset+octet-stream")
def _bytes(_context: Any, value: Any) -> Any:
    """How schemathesis sends what is no text."""
    return value if isinstance(value, bytes) else str(value).encode()


def test_the_log_has_one_line_for_one_event_and_no_secret(field: Field, heard: list[str]) -> None:
    with pytest.MonkeyPatch.context() as patch, field.agency() as one:
        def fails(*_: Any) -> None:
            raise RuntimeError("dòng một\nERROR giả mạo")

        patch.setattr("web.exchange.app.Exchange.all_of", fails)
        answer = one.get("/transfers?x=%0aERROR%20gi%E1%BA%A3", **{"x-request-id": "so-1"})
        assert answer.status_code == 500 and "dòng một" not in answer.text and "so-1" in answer.text
        shown = one.headers["authorization"].split()[1]
    assert any("so-1" in line for line in heard)
    for line in heard:
        assert "\n" not in line and "\r" not in line, line
        assert field.credentials[1] not in line and shown not in line


def test_nothing_that_was_tried_changed_what_the_archive_holds(field: Field) -> None:
    archive = opened(field.root)
    assert load(field.root).service.on and not list(archive.store.root.rglob("*luutru.toml*"))
    archive.close()
    with field.agency() as one:
        assert one.get(f"/transfers/{SECOND}").json()["state"] in ("agreed", "uploading")


def test_a_server_killed_while_it_takes_uploads_loses_and_doubles_nothing(tmp_path: Path) -> None:
    """In a process of its own, as `luutru serve` runs; in full size by hand (tests/web/exchange_storm.py)."""
    server, credentials = exchange_storm.made(tmp_path)
    files = [exchange_storm.File(f"packages/{n}.zip", n, (3 << 20) + n) for n in range(4)]
    try:
        assert exchange_storm.storm(server, credentials, files, kills=1) > 0
        exchange_storm.check(server, files)
        assert max(server.peaks) < 300 << 20
    finally:
        server.kill()
