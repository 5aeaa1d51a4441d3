"""Promises of the sending end about the line: nothing twice, nothing elsewhere, on at the byte where it stopped."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from archive.errors import UsageError
from archive.settings import Settings
from ingest.commands.demo_relay import Line
from retention.transfer.carrying import NotDeliveredError
from retention.transfer.lgsp.accounts import SCOPES, Account, account_of
from retention.transfer.lgsp.carrier import LgspCarrier
from retention.transfer.lgsp.journal import InUseError, Journal
from retention.transfer.lgsp.service import DeclinedError, Service, There
from retention.transfer.lgsp.wire import ServiceError, Wire
from tests.conftest import ROOT
from tests.lgsp_service import BASE, Fake

CODE, SECRET = "NL.H99.2026.01", "mật-ngữ-7A"
PIECE = 1 << 10


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[Fake, str]]:
    fake = Fake()
    with fake.serve() as address:
        yield fake, address


@pytest.fixture
def fake(served: tuple[Fake, str]) -> Fake:
    """The service with one registered hand-over, without faults."""
    one = served[0]
    fresh = Fake(state="agreed", registered={CODE: b"{}"})
    for name in vars(fresh):
        if name != "lock":
            setattr(one, name, getattr(fresh, name))
    return one


@pytest.fixture
def address(served: tuple[Fake, str]) -> str:
    return served[1]


@pytest.fixture
def service(fake: Fake, address: str) -> Iterator[Service]:
    one = client(address)
    yield one
    one.close()


def client(address: str, **more: Any) -> Service:
    return Service(Account(address, **{"client_id": "h99-1", "secret": SECRET, "piece": PIECE, "attempts": 3,
                                       "seconds": 5.0, **more}), pause=lambda _seconds: None)


def package(tmp_path: Path, size: int = 5000) -> tuple[Path, str]:
    place = tmp_path / "gói.zip"
    place.write_bytes(os.urandom(size))
    return place, hashlib.sha256(place.read_bytes()).hexdigest()


def put(service: Service, tmp_path: Path, source: Path, sha256: str, name: str = "packages/gói.zip") -> bool:
    return LgspCarrier(service, Journal(tmp_path, CODE)).put(CODE, name, source, sha256)


def steps(tmp_path: Path) -> list[str]:
    return [one["what"] for one in Journal(tmp_path, CODE).steps()]


def whole(fake: Fake) -> list[bytes]:
    return [bytes(one.data) for one in fake.uploads.values() if one.whole]


# --- uploads -----------------------------------------------------------------------------------------------


def test_a_package_arrives_once_and_whole(service: Service, fake: Fake, tmp_path: Path) -> None:
    source, sha256 = package(tmp_path)
    assert put(service, tmp_path, source, sha256)
    assert whole(fake) == [source.read_bytes()]
    assert not put(service, tmp_path, source, sha256)           # another run: asked once, nothing sent
    assert fake.calls("POST", "/uploads") == 1
    assert steps(tmp_path) == ["upload begun", "upload whole", "upload resumed"]


def test_a_cut_in_the_middle_of_a_piece_costs_only_what_did_not_arrive(service: Service, fake: Fake,
                                                                       tmp_path: Path) -> None:
    source, sha256 = package(tmp_path)
    fake.fault = lambda method, path, n: "cut" if method == "PATCH" and n in (2, 3) else None
    assert put(service, tmp_path, source, sha256)
    assert whole(fake) == [source.read_bytes()]
    sent = sum(int(headers["Content-Length"]) for method, _path, headers in fake.seen if method == "PATCH")
    assert sent == 5000 - 2 * PIECE // 2        # the halves that had arrived were not sent again
    assert [one["offset"] for one in Journal(tmp_path, CODE).steps() if one["what"] == "tried again"] == [1024, 1536]


@pytest.mark.parametrize("forgotten", [False, True], ids=["journal", "asked"])
def test_another_run_goes_on_at_the_byte_where_the_first_stopped(fake: Fake, address: str, tmp_path: Path,
                                                                 forgotten: bool) -> None:
    source, sha256 = package(tmp_path)
    first = client(address, attempts=1)
    fake.fault = lambda method, path, n: "cut" if method == "PATCH" and n == 3 else None
    with pytest.raises(ServiceError):
        put(first, tmp_path, source, sha256)
    first.close()
    if forgotten:       # without its journal the service is asked what it has
        Journal(tmp_path, CODE).place.unlink()
    second = client(address)
    assert put(second, tmp_path, source, sha256)
    second.close()
    resumed = [one for one in Journal(tmp_path, CODE).steps() if one["what"] == "upload resumed"]
    assert [one["offset"] for one in resumed] == [2 * PIECE + PIECE // 2]
    assert whole(fake) == [source.read_bytes()]
    assert fake.calls("POST", "/uploads") == 1


def test_a_killed_sender_goes_on(fake: Fake, address: str, tmp_path: Path) -> None:
    source, sha256 = package(tmp_path, 200_000)
    line = Line(int(address.split(":")[2].partition("/")[0]))
    slow = client(f"http://{line.address}{BASE}")
    code = ("import sys; from pathlib import Path; from tests.test_lgsp import client, put\n"
            f"put(client({slow.account.address!r}), Path({str(tmp_path)!r}), Path({str(source)!r}), {sha256!r})")
    sender = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT)
    until = time.monotonic() + 60
    while line.sent < 50_000 and sender.poll() is None and time.monotonic() < until:
        time.sleep(0.002)
    sender.send_signal(signal.SIGKILL)
    sender.wait()
    there = [len(one.data) for one in fake.uploads.values()]
    assert 0 < there[0] <= 200_000
    assert put(slow, tmp_path, source, sha256) == (there[0] < 200_000)
    slow.close()
    line.close()
    assert whole(fake) == [source.read_bytes()]


def test_a_line_that_is_torn_again_and_again_ends_with_the_package_or_with_an_error(fake: Fake, address: str,
                                                                                    tmp_path: Path) -> None:
    source, sha256 = package(tmp_path)
    fake.fault = lambda method, path, n: 503 if method == "PATCH" else None
    lazy = client(address, attempts=4)
    with pytest.raises(ServiceError):
        put(lazy, tmp_path, source, sha256)
    lazy.close()
    assert fake.calls("PATCH", "") == 4
    assert whole(fake) == []


def test_what_arrived_otherwise_is_told_and_nothing_is_believed(service: Service, fake: Fake, tmp_path: Path) -> None:
    source, _sha256 = package(tmp_path)
    with pytest.raises(NotDeliveredError, match="gói"):
        put(service, tmp_path, source, "0" * 64)
    assert fake.uploads == {}


def test_an_upload_that_the_other_side_gave_up_is_begun_anew(service: Service, fake: Fake, tmp_path: Path) -> None:
    source, sha256 = package(tmp_path)

    def fault(method: str, path: str, n: int) -> Any:
        if method == "PATCH" and n == 3 and len(fake.seen) < 8:
            fake.uploads.clear()
        return None

    fake.fault = fault
    assert put(service, tmp_path, source, sha256)
    assert whole(fake) == [source.read_bytes()]
    assert fake.calls("POST", "/uploads") == 2


def test_a_lock_of_the_line_that_was_cut_is_waited_for(service: Service, fake: Fake, tmp_path: Path) -> None:
    source, sha256 = package(tmp_path)
    # A failure of another kind after it has all its tries still.
    fake.fault = lambda method, path, n: 423 if method == "PATCH" and n < 20 else 503 if method == "PATCH" and \
        n == 20 else None
    assert put(service, tmp_path, source, sha256)
    assert whole(fake) == [source.read_bytes()]


def test_a_delivery_that_was_ended_before_a_kill_is_not_carried_again(service: Service, fake: Fake,
                                                                      tmp_path: Path) -> None:
    source, sha256 = package(tmp_path)
    Journal(tmp_path, CODE).note("finishing", sha256=sha256)
    fake.state = "uploaded"
    carrier = LgspCarrier(service, Journal(tmp_path, CODE), manifest=sha256)
    assert not carrier.put(CODE, "packages/gói.zip", source, sha256)
    assert not carrier.put(CODE, "manifest.json", source, sha256)
    assert (fake.uploads, fake.manifests) == ({}, [])


def test_a_delivery_that_was_refused_is_ended_anew_under_another_key(service: Service, fake: Fake,
                                                                     tmp_path: Path) -> None:
    source, sha256 = package(tmp_path)
    for _again in range(2):
        carrier = LgspCarrier(service, Journal(tmp_path, CODE), manifest=sha256)
        assert carrier.put(CODE, "manifest.json", source, sha256)
        fake.state = "delivery_refused"
    assert len(fake.manifests) == 2
    assert len(set(fake.keys)) == 2


# --- who asks ----------------------------------------------------------------------------------------------


def test_a_token_is_asked_for_once_and_anew_when_it_ended(service: Service, fake: Fake) -> None:
    assert service.state(CODE) is not None
    assert service.state(CODE) is not None
    assert fake.calls("POST", "/token") == 1
    asked = next(headers for _method, path, headers in fake.seen if path == "/token")
    assert asked["Authorization"] == "Basic " + base64.b64encode(f"h99-1:{SECRET}".encode()).decode()
    fake.tokens.append("lgsp_other")            # the first one does not count any more
    assert service.state(CODE) is not None
    assert fake.calls("POST", "/token") == 2


def test_a_client_that_is_not_known_is_told_without_its_secret(fake: Fake, address: str) -> None:
    fake.fault = lambda method, path, n: 401 if path == "/token" else None
    one = client(address)
    with pytest.raises(ServiceError) as caught:
        one.state(CODE)
    one.close()
    assert SECRET not in str(caught.value)
    assert SECRET not in repr(one.account)
    assert fake.calls("POST", "/token") == 1


def test_each_variant_of_a_gateway_is_asked_as_it_wants(fake: Fake, address: str) -> None:
    """The three of which code is known (client credentials above): own header, with and without a token; system key."""
    fake.needs_token = False
    more = {"AppName": "LUUTRU", "PartnerCode": "H99", "PartnerCodeCus": ""}

    def headers(**account: Any) -> list[dict[str, str]]:
        fake.seen.clear()
        one = client(address, **account)
        one.state(CODE)
        one.close()
        return [{key: value for key, value in told.items() if key in (
            "Authorization", "lgspaccesstoken", "X-SystemId", "X-SecretKey", "X-Authentication-Token")}
            for _method, _path, told in fake.seen]

    own = base64.b64encode(json.dumps({"AccessKey": "h99-1", "SecretKey": "k", **more}, separators=(",", ":"))
                           .encode()).decode()
    assert headers(way="access_token", secret="k", more=more) == [{"lgspaccesstoken": own}]
    assert headers(way="access_token", secret="k", more=more, token_address=f"{address}/token",
                   token_header="X-Authentication-Token") == [
        {"lgspaccesstoken": own}, {"X-Authentication-Token": "lgsp_0"}]
    assert headers(way="access_token", secret="k", more=more, token_address=f"{address}/token") == [
        {"lgspaccesstoken": own}, {"Authorization": "Bearer lgsp_1"}]
    assert headers(way="system_key", secret="k") == [{"X-SystemId": "h99-1", "X-SecretKey": "k"}]
    # A service behind the gateway that wants its own token too.
    basic = "Basic " + base64.b64encode(b"us:s").decode()
    assert headers(way="system_key", secret="k", service_id="us", service_secret="s") == [
        {"X-SystemId": "h99-1", "X-SecretKey": "k", "Authorization": basic},
        {"X-SystemId": "h99-1", "X-SecretKey": "k", "Authorization": "Bearer lgsp_2"}]


def test_the_settings_say_who_we_are_and_what_is_missing(tmp_path: Path) -> None:
    def settings(**lgsp: Any) -> Settings:
        return Settings(root=tmp_path, lgsp=lgsp)  # type: ignore[arg-type]

    with pytest.raises(UsageError, match=r"lgsp\.address"):
        account_of(settings(), {})
    with pytest.raises(UsageError, match="LUUTRU_LGSP_SECRET"):
        account_of(settings(address="https://luutru.example.gov.vn/lgsp/v1"), {})
    with pytest.raises(UsageError, match=r"lgsp\.secret_file"):
        account_of(settings(address="https://a.example/", secret_file="none"), {})
    with pytest.raises(UsageError, match="X-Authentication-Token"):
        account_of(settings(address="https://a.example/", service_id="us"),
                   {"LUUTRU_LGSP_SECRET": "a", "LUUTRU_LGSP_SERVICE_SECRET": "b"})
    (tmp_path / "secret").write_text("từ tệp\nkhác")
    made = account_of(settings(address="https://a.example/lgsp", secret_file="secret", piece_kb=64),
                      {"LUUTRU_LGSP_SECRET": "từ biến"})
    assert (made.secret, made.client_id, made.piece) == ("từ tệp", "H99", 64 << 10)


@pytest.mark.parametrize("address", ["http://luutru.example.gov.vn/", "ftp://127.0.0.1/", "https://a:b@host/", "https://",
                                     "http://127.0.0.1:99999/", "https://host/a b", "https://host/?a=1", "//host"])
def test_an_address_that_must_not_be_spoken_to_is_refused(address: str) -> None:
    with pytest.raises(UsageError):
        Wire(address)


# --- only the set address, only what was told ----------------------------------------------------------------


def test_no_redirect_and_no_address_of_an_answer_is_followed(fake: Fake, address: str, tmp_path: Path) -> None:
    fake.fault = lambda method, path, n: (307, {"Location": "http://127.0.0.1:1/"}) if path != "/token" else None
    one = client(address)
    with pytest.raises(ServiceError, match="307") as caught:
        one.state(CODE)
    assert not isinstance(caught.value, DeclinedError)      # told as what it is
    fake.fault = lambda method, path, n: None
    fake.location = "http://127.0.0.1:1/elsewhere/uploads/{id}?a=b"     # only an id may be taken from it: here is none
    source, sha256 = package(tmp_path)
    with pytest.raises(ServiceError):
        put(one, tmp_path, source, sha256)
    fake.uploads.clear()
    fake.location = "http://127.0.0.1:1/elsewhere/uploads/{id}"
    assert put(one, tmp_path, source, sha256)
    one.close()
    assert whole(fake) == [source.read_bytes()]


def test_a_value_that_could_begin_another_header_is_sent_nowhere(address: str) -> None:
    one = client(address, way="system_key", secret="k\r\nX-Admin: 1")
    with pytest.raises(UsageError):
        one.state(CODE)


def test_an_answer_that_is_too_long_or_no_json_ends_with_a_sentence(fake: Fake, address: str,
                                                                    service: Service) -> None:
    fake.fault = lambda method, path, n: (200, {}, b"[" * 100_000) if path == "/token" else None
    with pytest.raises(ServiceError):
        service.state(CODE)
    fake.fault = lambda method, path, n: (200, {}, b"[" * 10_000) if path == "/token" else None
    with pytest.raises(ServiceError, match=r"mã truy cập|token"):
        service.state(CODE)
    fake.fault = lambda method, path, n: (200, {}, b'{"state": 5, "messages": [1], "uploads": {"a": 1}, "papers": '
                                          b'{"../x.pdf": {"sha256": "0", "size": 1}}, "findings": 7}') \
        if path != "/token" else None
    told = service.state(CODE)
    assert told is not None
    assert (told.messages, told.papers, told.uploads, told.findings) == ({}, {}, {}, [])


def test_an_answer_that_drips_is_given_up(fake: Fake, address: str) -> None:
    hurried = client(address, seconds=0.1, attempts=1)

    def drip(method: str, path: str, n: int) -> Any:
        time.sleep(0.6)
        return 200

    fake.fault = drip
    with pytest.raises(ServiceError):
        hurried.state(CODE)
    hurried.close()


def test_a_refusal_is_told_with_its_words_and_codes_and_not_tried_again(service: Service, fake: Fake) -> None:
    fake.fault = lambda method, path, n: 409 if path == "/transfers" else None
    with pytest.raises(DeclinedError) as caught:
        service.register(b'{"request": "x"}')
    assert (caught.value.status, caught.value.codes, caught.value.said) == (409, ("LGSP-006",), "T vì sao")
    assert fake.calls("POST", "/transfers") == 1


def test_the_service_is_left_alone_for_as_long_as_it_asks(fake: Fake, address: str) -> None:
    pauses: list[float] = []
    one = Service(client(address).account, pause=pauses.append)
    fake.fault = lambda method, path, n: (503, {"Retry-After": "7" if n == 1 else "9" * 30}) \
        if method == "GET" and n < 3 else None
    assert one.state(CODE) is not None
    one.close()
    assert pauses[0] == 7.0
    assert pauses[1] <= 60.0


# --- what comes back -----------------------------------------------------------------------------------------


def test_a_download_goes_on_where_it_was_cut(service: Service, fake: Fake, tmp_path: Path) -> None:
    data = os.urandom(300_000)
    fake.returned["a.zip"] = data
    told = There(hashlib.sha256(data).hexdigest(), len(data))
    part = tmp_path / f".{told.sha256}.part"
    part.write_bytes(data[:100_000])            # what an earlier run had
    assert service.fetch_return(CODE, "a.zip", told, tmp_path / "a.zip")
    assert (tmp_path / "a.zip").read_bytes() == data
    assert [headers["Range"] for method, path, headers in fake.seen if path.endswith("a.zip")] == ["bytes=100000-"]
    fake.seen.clear()
    assert service.fetch_return(CODE, "a.zip", told, tmp_path / "a.zip")        # it is here: nobody is asked
    assert fake.seen == []


def test_other_bytes_than_were_told_are_dropped(service: Service, fake: Fake, tmp_path: Path) -> None:
    fake.messages["answer"] = b"otherwise"
    told = There(hashlib.sha256(b"what it is").hexdigest(), 9)
    assert not service.fetch_message(CODE, "answer", told, tmp_path / "answer.json")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ServiceError):           # more than was told
        service.fetch_message(CODE, "answer", replace(told, size=3), tmp_path / "answer.json")
    with pytest.raises(ServiceError):           # less, for ever
        service.fetch_message(CODE, "answer", replace(told, size=30), tmp_path / "answer.json")
    assert not (tmp_path / "answer.json").exists()


# --- the journal -----------------------------------------------------------------------------------------------


def test_half_a_line_of_the_journal_spoils_nothing(tmp_path: Path) -> None:
    held = Journal(tmp_path, CODE)
    held.note("upload begun", name="a", sha256="0", id="one")
    with held.place.open("ab") as stream:
        stream.write(b'{"what": "upload beg')
    held.note("upload begun", name="a", sha256="0", id="two")
    assert steps(tmp_path) == ["upload begun", "upload begun"]
    assert held.uploads() == {("a", "0"): "two"}


def test_two_senders_do_not_send_the_same(tmp_path: Path) -> None:
    with Journal(tmp_path, CODE).alone(), pytest.raises(InUseError), Journal(tmp_path, CODE).alone():
        pass
    with pytest.raises(UsageError):
        Journal(tmp_path, "../x")


def test_the_scopes_are_those_that_sending_needs() -> None:
    assert SCOPES.split() == ["transfer.read", "transfer.write"]
