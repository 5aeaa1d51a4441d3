"""The archive service on ugly days: killed, a night that runs, what is missing, gateways that lie, silent senders."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import shutil
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import uvicorn
from fastapi import Request

from archive import clock, opening
from archive.settings import load
from retention.transfer import objects, service
from tests.conftest import NIGHT
from tests.transfer_material import CODE, FIRST, SECOND
from tests.web import exchange_material as material
from tests.web.exchange_material import Uploaded
from tests.web.identity_provider import EcKey, RsaKey, token
from web import patience
from web.exchange import deliveries, tus
from web.exchange.app import Exchange
from web.exchange.callers import over_tls
from web.exchange.gateway import Gateway
from web.exchange.problems import Problem
from web.id_tokens import NotBelievedError
from web.site import Site


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


AGENCY: Any = SimpleNamespace(agency="H99", client=SimpleNamespace(id="h99-1", actor="H99 (h99-1)"))


@pytest.fixture(scope="module", autouse=True)
def _evening() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clock, "now", lambda: NIGHT)
        yield


@pytest.fixture
def here(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> Uploaded:
    return material.uploaded(tmp_path_factory, tmp_path / "ca")


@pytest.fixture
def exchange(here: Uploaded) -> Iterator[Exchange]:
    """The service of the centre without a server: nothing is received unless a test says so."""
    site = Site(here.house.centre)
    yield Exchange(site)
    site.close()


def ask(exchange: Exchange, here: Uploaded) -> None:
    exchange.deliveries.ask(exchange.transfer(AGENCY, CODE), here.folder / "manifest.json", "f" * 64, AGENCY)


def state(exchange: Exchange) -> str:
    return exchange.state_of(exchange.transfer(AGENCY, CODE))


# --- receiving ----------------------------------------------------------------------------------------------------


def test_a_night_that_runs_is_waited_for(here: Uploaded, exchange: Exchange, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("web.site.PATIENCE", 0.0)
    monkeypatch.setattr(deliveries, "PAUSE", 0.0)
    ask(exchange, here)
    night = opening.open_archive(load(here.house.centre))
    with closing(night), opening.ownership(night):
        monkeypatch.setattr(exchange.deliveries, "_later", lambda *_told, **_named: exchange.deliveries._stop.set())
        assert exchange.deliveries.work() == 0
        assert state(exchange) == "uploaded"
    exchange.deliveries._stop.clear()
    assert exchange.deliveries.work() == 1 and state(exchange) == "waiting"


def test_killed_after_it_was_received_it_is_not_received_again(here: Uploaded, exchange: Exchange,
                                                               monkeypatch: pytest.MonkeyPatch) -> None:
    ask(exchange, here)

    class KilledError(BaseException):
        pass

    def killed(*_told: object) -> None:
        raise KilledError

    with monkeypatch.context() as patch:
        patch.setattr(exchange.deliveries, "_done", killed)
        with pytest.raises(KilledError):
            exchange.deliveries.work()
    assert state(exchange) == "uploaded"        # nobody was told yet
    assert exchange.deliveries.work() == 1 and state(exchange) == "waiting"
    acts = [act["act"] for act in exchange.transfer(AGENCY, CODE).acts]
    assert acts.count("received") == 1 and exchange.uploads.of(CODE) == []


def test_our_own_failure_is_tried_again_and_then_left_for_a_person(here: Uploaded, exchange: Exchange,
                                                                  monkeypatch: pytest.MonkeyPatch) -> None:
    ask(exchange, here)

    def broken(*_told: object, **_named: object) -> None:
        raise ValueError("ours")

    monkeypatch.setattr("retention.transfer.receiving.receive", broken)
    monkeypatch.setattr(deliveries, "PAUSE", 0.0)
    assert exchange.deliveries.work() == 0
    assert state(exchange) == "delivery_refused"
    assert [one.code for one in exchange.deliveries.last(CODE)[1]] == ["LGSP-014"]
    with exchange.site.session() as session:
        assert service.notices(session, "H99", 0)[-1].kind == "delivery_refused"
    assert exchange.uploads.of(CODE) != []      # and nothing of it is lost
    monkeypatch.undo()
    ask(exchange, here)
    assert exchange.deliveries.work() == 1 and state(exchange) == "waiting"


def test_where_the_settings_ask_for_a_scanner_nothing_is_received_unscanned(here: Uploaded) -> None:
    place = here.house.centre / "luutru.toml"
    place.write_text(place.read_text().replace("[service]\n", '[service]\nunscanned = "refused"\n'))
    site = Site(here.house.centre)
    exchange = Exchange(site)
    ask(exchange, here)
    exchange.deliveries.work()
    told = exchange.told(exchange.transfer(AGENCY, CODE))
    assert told.state == "delivery_refused" and [one.code for one in told.findings] == ["LGSP-013"]
    assert exchange.transfer(AGENCY, CODE).state == "agreed" and len(told.uploads) == len(here.files)
    scanner = here.folder / "quet"
    scanner.write_text("#!/bin/sh\nexit 0\n")
    scanner.chmod(0o755)
    place.write_text(place.read_text().replace("[ingest]\n", f'[ingest]\nvirus_scanner = ["{scanner}"]\n', 1))
    site.close()
    site = Site(here.house.centre)
    exchange = Exchange(site)
    ask(exchange, here)         # finished again, without a new upload
    exchange.deliveries.work()
    assert state(exchange) == "waiting"
    receipt = exchange.told(exchange.transfer(AGENCY, CODE)).messages["receipt"]
    assert receipt.size > 0
    site.close()


def test_what_did_not_come_is_named_and_comes_with_a_further_delivery(here: Uploaded, exchange: Exchange) -> None:
    names = {json.loads(here.manifest)["packages"][n]["code"]: json.loads(here.manifest)["packages"][n]["name"]
             for n in (0, 1)}
    late = f"packages/{names[SECOND]}"
    for one in exchange.uploads.of(CODE):
        if one.name == late:
            exchange.uploads.drop(one)
    ask(exchange, here)
    exchange.deliveries.work()
    told = exchange.told(exchange.transfer(AGENCY, CODE))
    assert (told.state, told.missing) == ("short", [SECOND])
    assert {one.code: one.state for one in told.items} == {FIRST: "waiting", SECOND: "missing"}
    with pytest.raises(Problem) as twice:       # what was received does not come again
        tus.begin(_begin(exchange, f"packages/{names[FIRST]}"), AGENCY, CODE, None)
    assert twice.value.more["findings"][0]["code"] == "LGSP-008"
    data = here.files[late]
    upload, new = exchange.uploads.begin("H99", CODE, late, len(data), sha256(data), most=50)
    assert new
    exchange.uploads.place(upload).write_bytes(data)
    exchange.uploads.conclude(upload)
    ask(exchange, here)         # the same list: what it names is all there now
    exchange.deliveries.work()
    told = exchange.told(exchange.transfer(AGENCY, CODE))
    assert (told.state, told.missing) == ("waiting", [])


def _begin(exchange: Exchange, name: str) -> Request:
    """A request that begins an upload."""
    told = ",".join(f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in (
        ("name", name), ("sha256", "0" * 64)))
    return Request({"type": "http", "method": "POST", "path": "/", "query_string": b"", "server": ("x", 80),
                    "app": SimpleNamespace(state=SimpleNamespace(exchange=exchange)), "headers": [
                        (b"upload-length", b"5"), (b"upload-metadata", told.encode())]})


# --- uploads ------------------------------------------------------------------------------------------------------


def test_killed_before_its_hash_was_compared_an_upload_is_compared_when_it_is_asked_for(
        here: Uploaded, exchange: Exchange) -> None:
    good, bad = b"a" * 1000, b"b" * 1000
    hashed = sha256(good)
    upload, _new = exchange.uploads.begin("H99", CODE, "packages/x.zip", 1000, hashed, most=50)
    exchange.uploads.place(upload).write_bytes(bad)
    with pytest.raises(Problem) as told:
        tus._whole_after_all(exchange, upload, AGENCY)
    assert told.value.kind == "checksum"
    upload, _new = exchange.uploads.begin("H99", CODE, "packages/x.zip", 1000, hashed, most=50)
    exchange.uploads.place(upload).write_bytes(good)
    assert tus._whole_after_all(exchange, upload, AGENCY).whole


def test_what_nobody_goes_on_with_is_given_up_and_what_a_kill_left_is_removed(exchange: Exchange,
                                                                            monkeypatch: pytest.MonkeyPatch) -> None:
    kept = {one.id for one in exchange.uploads.of(CODE)}
    upload, _new = exchange.uploads.begin("H99", CODE, "packages/x.zip", 5, "0" * 64, most=50)
    stray = exchange.held.folder / ("0" * 32)
    stray.touch()
    exchange.uploads.sweep()
    assert exchange.uploads.place(upload).exists() and stray.exists()       # it may be about to be noted
    now = time.time()
    monkeypatch.setattr("web.exchange.uploads.time.time", lambda: now + 8 * 86400)
    exchange.uploads.sweep()
    assert not exchange.uploads.place(upload).exists() and not stray.exists()
    assert {one.id for one in exchange.uploads.of(CODE)} == kept        # what is whole waits for its delivery


def test_uploads_are_bounded_in_number_and_by_the_room_on_the_disk(exchange: Exchange,
                                                                  monkeypatch: pytest.MonkeyPatch) -> None:
    begin = exchange.uploads.begin
    with pytest.raises(Problem) as told:
        begin("H99", CODE, "packages/x.zip", 51 << 30, "0" * 64, most=50)
    assert told.value.kind == "too_large"
    with pytest.raises(Problem) as told:
        begin("H99", CODE, "packages/x.zip", 5, "0" * 64, most=1)
    assert told.value.kind == "too_many" and told.value.more["findings"][0]["code"] == "LGSP-009"
    monkeypatch.setattr(shutil, "disk_usage", lambda _place: SimpleNamespace(free=1500))
    begin("H99", CODE, "packages/x.zip", 1000, "0" * 64, most=50)
    with pytest.raises(Problem) as told:
        begin("H99", CODE, "packages/y.zip", 1000, "0" * 64, most=50)       # the first one's room is taken
    assert told.value.kind == "no_room"


def test_a_file_that_is_sent_anew_replaces_the_one_before_when_it_is_whole(exchange: Exchange) -> None:
    uploads, bytes_ = exchange.uploads, (b"before", b"after!")
    made = []
    for data in bytes_:
        upload, _new = uploads.begin("H99", CODE, "packages/x.zip", len(data), sha256(data), most=50)
        made.append(upload)
        uploads.place(upload).write_bytes(data)
        assert uploads.arrived(CODE).get("packages/x.zip") == (uploads.place(made[0]) if made[1:] else None)
        uploads.conclude(upload)
    assert uploads.arrived(CODE)["packages/x.zip"].read_bytes() == bytes_[1]
    assert not uploads.place(made[0]).exists()


# --- gateways -----------------------------------------------------------------------------------------------------


def test_a_gateways_token_counts_only_with_its_issuer_audience_key_and_time(monkeypatch: pytest.MonkeyPatch) -> None:
    key, other = EcKey("một"), RsaKey("hai")
    asked: list[str] = []

    def fetched(url: str, **_more: float) -> dict[str, Any]:
        asked.append(url)
        return {"keys": [key.public()]}

    monkeypatch.setattr("web.exchange.gateway.fetched", fetched)
    trust = load(Path("/nowhere"), service={
        "gateway_issuer": "https://lgsp.example/token", "gateway_keys": "https://lgsp.example/jwks",
        "gateway_audience": "luutru"})
    now = time.time()
    claims = {"iss": "https://lgsp.example/token", "aud": ["luutru"], "exp": now + 60, "iat": now,
              "client_id": "so-noi-vu"}
    assert Gateway(trust).client_of(token(key, claims)) == "so-noi-vu"
    gateway = Gateway(trust)
    for wrong in ({"iss": "https://evil.example"}, {"aud": "other"}, {"aud": None}, {"exp": now - 120}, {"exp": "9"},
                  {"iat": now + 3600}, {"nbf": now + 3600}, {"client_id": ["x"]}, {"client_id": ""}):
        with pytest.raises(NotBelievedError):
            gateway.client_of(token(key, {**claims, **wrong}))
    forgeries = (token(other, claims), token(key, claims, alg="none"), token(key, claims, alg="HS256"), "a.b.c",
                 token(key, claims, jku="https://evil.example/jwks", kid="x"), token(key, claims)[:-4] + "AAAA")
    for forged in forgeries:
        with pytest.raises(NotBelievedError):
            gateway.client_of(forged)
    assert set(asked) == {"https://lgsp.example/jwks"}      # no address that a token names
    with pytest.raises(NotBelievedError):
        Gateway(load(Path("/nowhere"))).client_of(token(key, claims))


def test_keys_are_fetched_over_tls_or_from_this_machine_only() -> None:
    from web.fetching import fetched

    for url in ("http://10.0.0.1/jwks", "file:///etc/passwd", "ftp://127.0.0.1/x", "https://", "x"):
        with pytest.raises(NotBelievedError):
            fetched(url, seconds=1)


def test_no_secret_is_asked_for_without_tls_but_on_this_machine(exchange: Exchange) -> None:
    app = SimpleNamespace(state=SimpleNamespace(exchange=exchange))

    def asked(scheme: str, address: str) -> Request:
        return Request({"type": "http", "scheme": scheme, "client": (address, 1), "app": app, "path": "/",
                        "headers": [], "server": ("x", 80), "query_string": b""})

    for scheme, address in (("https", "10.0.0.5"), ("http", "127.0.0.1"), ("http", "::1")):
        over_tls(asked(scheme, address))
    for address in ("10.0.0.5", "", "127.0.0.1.evil.example"):
        with pytest.raises(Problem) as told:
            over_tls(asked("http", address))
        assert told.value.kind == "needs_tls"


# --- connections --------------------------------------------------------------------------------------------------


def test_who_does_not_end_a_requests_headers_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "HEADERS", 0.3)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await asyncio.sleep(0.6)        # an answer that takes longer than headers may is no reason
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="off", http=patience.Patient))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        while not server.started:
            assert thread.is_alive()
            time.sleep(0.01)
        with socket.create_connection(listener.getsockname(), timeout=10) as slow:
            slow.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n")
            assert slow.recv(100) == b""
        with socket.create_connection(listener.getsockname(), timeout=10) as quick:
            for _again in range(2):
                quick.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
                assert quick.recv(1000).startswith(b"HTTP/1.1 204")
            # The second part of an answer does not wait for the other side to acknowledge the first.
            held = next(iter(server.server_state.connections)).transport.get_extra_info("socket")
            assert held.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
            quick.sendall(b"GET / HT")      # half of a further request
            assert quick.recv(100) == b""
        server.should_exit = True
        thread.join(10)


def test_the_dossier_tells_who_acted(here: Uploaded, exchange: Exchange) -> None:
    held = objects.read(exchange.site.archive.store, CODE)
    client = here.credentials("H99")[0]
    assert {act["by"] for act in held.acts if act["act"] in ("registered", "filed")} == {f"H99 ({client})"}
