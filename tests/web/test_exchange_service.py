"""The archive service: a hand-over on line from the registration to the confirmation, and what it refuses."""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner
from sqlalchemy import select

from archive import clock, model
from archive.settings import load
from ingest.signatures import load_trust
from ingest.signatures.files import verify_named
from ingest.transfer_tools import tools
from retention.transfer import objects
from samples.making import pki
from tests import transfer_material as material
from tests.conftest import NIGHT
from tests.sealing_material import PIN, certificate, key_file
from tests.transfer_material import AGENCY, CODE, SECOND, House, night, opened
from tests.web import exchange_material as exchange
from tests.web.conftest import serving
from tests.web.exchange_material import BASE, TUS, Program, program
from web.commands import client as command
from web.exchange.clients import SCOPES


@pytest.fixture(scope="module", autouse=True)
def _evening() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clock, "now", lambda: NIGHT)
        patch.setenv("LUUTRU_INGEST__SETTLE_SECONDS", "0")
        yield


@dataclass
class Went:
    """A hand-over that went its whole way, and what the agency got on it."""

    house: House
    url: str
    credentials: tuple[str, str]
    stranger: tuple[str, str]
    registration: bytes
    files: dict[str, bytes]
    manifest: bytes
    told: dict[str, Any]

    def agency(self, language: str = "en") -> Any:
        return program(self.url, self.credentials, language)

    def other(self) -> Any:
        return program(self.url, self.stranger)


@pytest.fixture(scope="module")
def went(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Went]:
    """From the registration to the confirmation, each step as an agency's program does it."""
    begun = exchange.uploaded(tmp_path_factory, tmp_path_factory.mktemp("truc-tuyen") / "ca")
    house, credentials, told = begun.house, begun.credentials("H99"), {}
    with serving(house.centre) as url, program(url, credentials) as one:
        done = one.post(f"/transfers/{CODE}/finish", begun.manifest)
        assert done.status_code == 202, done.text
        told["received"] = one.wait(CODE, "waiting")
        _examined(house)
        material.told(house.centre, "return", CODE, "--online")
        told["returned"] = one.get(f"/transfers/{CODE}/returns").json()["returns"]
        night(house.centre)
        material.told(house.centre, "close", CODE)
        told["closed"] = one.get(f"/transfers/{CODE}").json()
        yield Went(house, url, credentials, begun.credentials("H98"), begun.registration, begun.files, begun.manifest,
                   told)


def _examined(house: House) -> None:
    material.told(house.centre, "examine", CODE, "--fail", f"{SECOND}.0000001=Thiếu trang 2")
    material.told(house.centre, "approve", CODE, "--decision", "88/QĐ-TTLT", "--date", "2026-11-20")


# --- the way --------------------------------------------------------------------------------------------------


def test_both_ends_have_the_same_hashes_from_registration_to_confirmation(went: Went) -> None:
    received, closed = went.told["received"], went.told["closed"]
    listed = {one["n"]: one["sha256"] for one in json.loads(went.manifest)["packages"]}
    assert {one["n"]: one["sha256"] for one in received["items"]} == listed
    assert sorted(listed.values()) == sorted(hashlib.sha256(data).hexdigest() for name, data in went.files.items()
                                             if name.startswith("packages/"))
    assert received["state_name"] == {"vi": "Chờ tiếp nhận", "en": "Received, waits to be examined"}
    assert closed["state"] == "closed" and set(closed["messages"]) == {"answer", "receipt", "result", "confirmation"}
    assert {"receipt.pdf", "delivery.pdf", "approval.pdf", "confirmation.pdf", "returned.pdf"} <= set(closed["papers"])
    with went.agency() as one:
        for kind in ("receipt", "result", "confirmation"):
            place = went.house.folder / f"{kind}.json"
            held = closed["messages"][kind]
            place.write_bytes(one.http.get(held["href"], headers=one.headers).content)
            assert hashlib.sha256(place.read_bytes()).hexdigest() == held["sha256"]
        paper = went.house.folder / "confirmation.pdf"
        paper.write_bytes(one.get(f"/transfers/{CODE}/papers/confirmation.pdf").content)
        material.told(went.house.agency, "send", CODE, "--from", str(went.house.folder / "goi"), "--to",
                      str(went.house.disk))
        for kind in ("receipt", "result"):
            material.told(went.house.agency, "take", str(went.house.folder / f"{kind}.json"))
        material.told(went.house.agency, "confirm", str(went.house.folder / "confirmation.json"), str(paper))


def test_what_the_agency_sent_is_kept_in_the_dossier_byte_for_byte(went: Went) -> None:
    held = went.told["closed"]["received"]
    assert held["registration.json"]["sha256"] == hashlib.sha256(went.registration).hexdigest()
    assert held["manifest.json"]["sha256"] == hashlib.sha256(went.manifest).hexdigest()
    for name, data in went.files.items():
        if not name.startswith("packages/"):
            assert held[name]["sha256"] == hashlib.sha256(data).hexdigest()
    assert "letter.pdf" in held


def test_papers_are_whole_pdf_files_under_plain_names_and_filed_once(went: Went) -> None:
    letter = (went.house.papers(went.house.agency, "dang-ky") / "letter.pdf").read_bytes()
    with went.agency() as one:
        for name, data in (("letter.pdf", b"x"), ("letter.exe", letter), (".pdf", letter), ("thư.pdf", letter),
                           ("letter.pdf", letter[:-3000])):
            refused = one.put(f"/transfers/{CODE}/papers/{name}", data)
            assert refused.status_code == 422 and refused.json()["findings"][0]["code"] == "LGSP-010", name
        assert one.put(f"/transfers/{CODE}/papers/letter.pdf", letter).json()["verdict"] == "unsigned"
    archive = opened(went.house.centre)
    filed = [act["name"] for act in objects.read(archive.store, CODE).acts if act["act"] == "filed"]
    archive.close()
    assert filed.count("letter.pdf") == 1


def test_nothing_of_a_received_delivery_is_left_in_the_services_folder(went: Went) -> None:
    left = [path.name for path in (went.house.centre / "exchange").iterdir()]
    assert [name for name in left if not name.endswith(".manifest.json") and name != "spool"] == []
    assert went.told["closed"]["uploads"] == []


def test_what_failed_is_fetched_back_as_it_came_with_its_reason(went: Went) -> None:
    (back,) = went.told["returned"]
    assert back["code"] == SECOND and "Thiếu trang 2" in back["reason"]
    with went.agency() as one:
        whole = one.http.get(back["href"], headers=one.headers)
        part = one.http.get(back["href"], headers={**one.headers, "range": "bytes=10-19"})
    assert whole.content == went.files[f"packages/{back['name']}"]
    assert (part.status_code, part.content) == (206, whole.content[10:20])


def test_the_outbox_tells_each_step_once_in_order_and_goes_on_after_a_number(went: Went) -> None:
    with went.agency() as one:
        found = one.get("/notices?after=0").json()
        kinds = [notice["kind"] for notice in found["notices"]]
        assert kinds[:6] == ["answer", "receipt", "examined", "result", "returns", "confirmation"]
        later = one.get(f"/notices?after={found['notices'][3]['n']}").json()["notices"]
        assert [notice["kind"] for notice in later][:2] == ["returns", "confirmation"]
        assert one.get(f"/notices?after={found['after']}").json() == {"notices": [], "after": found["after"]}


def test_minutes_signed_by_the_agency_come_back_with_both_signatures(went: Went, tmp_path: Path) -> None:
    (tmp_path / "pin.txt").write_text(PIN)
    key_file(tmp_path / "co-quan.p12", certificate(name=AGENCY), pki.key("so-noi-vu"))
    settings = load(went.house.agency, seal={"pkcs12": str(tmp_path / "co-quan.p12"), "level": "B-B",
                                             "secret_file": str(tmp_path / "pin.txt")})
    with went.agency() as one:
        minutes = one.get(f"/transfers/{CODE}/papers/approval.pdf").content
        signed = tools(settings).seal(minutes, "approval.pdf")
        assert signed is not None and signed.startswith(minutes)
        unsigned = one.post(f"/transfers/{CODE}/signed/approval.pdf", minutes)
        assert [found["code"] for found in unsigned.json()["findings"]] == ["LGSP-012"]
        foreign = one.post(f"/transfers/{CODE}/signed/delivery.pdf", signed)
        assert [found["code"] for found in foreign.json()["findings"]] == ["LGSP-011"]
        done = one.post(f"/transfers/{CODE}/signed/approval.pdf", signed, key="bien-ban")
        assert done.status_code == 201 and done.json()["countersigned"] == "approval-signed.pdf", done.text
        assert one.post(f"/transfers/{CODE}/signed/approval.pdf", signed, key="bien-ban").json() == done.json()
        both = one.get(f"/transfers/{CODE}/papers/approval-signed.pdf").content
        assert one.get("/notices?after=0").json()["notices"][-1]["kind"] == "signed"
    place = tmp_path / "approval.pdf"
    place.write_bytes(both)
    lists = load_trust(went.house.centre / "trust")
    seen = {one.certificate.name: one.verdict for one in verify_named(place, lists, NIGHT, place.name).signatures
            if one.certificate is not None}
    assert both.startswith(signed) and set(seen) == {AGENCY, material.CENTRE}
    assert set(seen.values()) <= {"valid", "valid_with_notes"}


# --- once, and not twice ------------------------------------------------------------------------------------------


def test_the_same_registration_again_is_one_and_other_bytes_under_its_code_are_refused(went: Went) -> None:
    changed = json.dumps({**json.loads(went.registration), "at": "2026-01-01T00:00:00+00:00"}).encode()
    with went.agency() as one:
        assert one.post("/transfers", went.registration).status_code == 200
        again = one.post("/transfers", went.registration, key="dang-ky-1")
        assert again.status_code == 201 and again.headers["idempotency-replayed"] == "true"
        assert one.post("/transfers", changed, key="dang-ky-1").status_code == 422      # the key is another's
        other = one.post("/transfers", changed)
        assert other.status_code == 409 and other.json()["findings"][0]["code"] == "LGSP-005"
        assert one.post("/transfers", went.registration, key="có dấu".encode().hex()).status_code == 200
        naked = one.http.post(f"{BASE}/transfers", content=went.registration, headers=one.headers)
        assert (naked.status_code, naked.json()["type"]) == (428, "urn:luutru:problem:key_needed")
    archive = opened(went.house.centre)
    assert len([act for act in objects.read(archive.store, CODE).acts if act["act"] == "registered"]) == 1
    archive.close()


def test_a_delivery_finished_again_is_not_received_twice(went: Went) -> None:
    with went.agency() as one:
        again = one.post(f"/transfers/{CODE}/finish", went.manifest)
        assert (again.status_code, again.json()["state"]) == (202, "closed")
        changed = json.loads(went.manifest)
        changed["at"] = "2026-01-01T00:00:00+00:00"
        other = one.post(f"/transfers/{CODE}/finish", json.dumps(changed).encode())
        assert other.status_code == 409 and other.json()["findings"][0]["code"] == "LGSP-006"
    archive = opened(went.house.centre)
    assert len([act for act in objects.read(archive.store, CODE).acts if act["act"] == "received"]) == 1
    archive.close()


# --- who may ------------------------------------------------------------------------------------------------------


def test_another_agencys_hand_over_is_not_there(went: Went) -> None:
    with went.other() as one:
        assert one.get("/transfers").json() == {"transfers": []} and one.get("/notices").json()["notices"] == []
        for path in ("", "/messages/receipt", "/papers/receipt.pdf", "/returns", "/returns/x.zip"):
            assert one.get(f"/transfers/{CODE}{path}").status_code == 404
        absent = one.get("/transfers/NL.H99.2026.77")
        there = one.get(f"/transfers/{CODE}")
        assert {**absent.json(), "instance": ""} == {**there.json(), "instance": ""}
        assert one.post(f"/transfers/{CODE}/finish", went.manifest).status_code == 404
        assert one.begin(CODE, "packages/a.zip", b"x").status_code == 404
        assert one.put(f"/transfers/{CODE}/papers/letter.pdf", b"%PDF-").status_code == 404
        assert one.post(f"/transfers/{CODE}/signed/approval.pdf", b"%PDF-").status_code == 404
        own = one.post("/transfers", went.registration)
        assert own.status_code == 403 and own.json()["findings"][0]["code"] == "LGSP-001"
        told = json.loads(went.registration)
        told["sender"]["code"] = "H98"
        taken = one.post("/transfers", json.dumps(told).encode())       # another agency's code, there or not
        free = one.post("/transfers", json.dumps({**told, "request": "NL.H99.2026.55"}).encode())
        assert [answer.json()["findings"][0]["code"] for answer in (taken, free)] == ["LGSP-002"] * 2


def test_only_a_token_that_counts_opens_and_only_for_its_scope(went: Went) -> None:
    with httpx.Client(base_url=went.url, timeout=30) as http:
        one = Program(http, *went.credentials)
        assert http.get(f"{BASE}/transfers").status_code == 401
        for token in ("lgsp_", "lgsp_x", "x.y.z", "luutru_a.b", "é"):
            told = http.get(f"{BASE}/transfers", headers=[(b"authorization", f"Bearer {token}".encode())])
            assert (told.status_code, told.headers["content-type"]) == (401, "application/problem+json")
        assert Program(http, went.credentials[0], "nothing").log_in().json()["error"] == "invalid_client"
        assert Program(http, "h99-00000000", went.credentials[1]).log_in().status_code == 401
        assert http.post(f"{BASE}/token", data={"grant_type": "password"}).json()["error"] == "unsupported_grant_type"
        assert one.log_in("nothing").json()["error"] == "invalid_scope"
        assert one.log_in("transfer.read").json()["scope"] == "transfer.read"
        assert one.get("/transfers").status_code == 200
        assert one.post("/transfers", went.registration).json()["scope"] == "transfer.write"


def test_a_token_ends_by_itself_and_with_its_client(went: Went, monkeypatch: pytest.MonkeyPatch) -> None:
    client = exchange.make_client(went.house.centre, "H97", "Sở Y tế")
    with program(went.url, client) as one:
        assert one.get("/transfers").status_code == 200
        now = time.time()
        with monkeypatch.context() as patch:
            patch.setattr("web.exchange.clients.time.time", lambda: now + 31 * 60)
            assert one.get("/transfers").status_code == 401
        assert CliRunner().invoke(command.command, ["end", client[0]], obj=went.house.centre).exit_code == 0
        assert one.get("/transfers").status_code == 401 and one.log_in().status_code == 401


def test_clients_are_made_once_listed_without_secrets_and_told_to_the_ledger(went: Went) -> None:
    assert command.SCOPES == SCOPES
    listed = CliRunner().invoke(command.command, ["list", "--json"], obj=went.house.centre).stdout
    assert went.credentials[0] in listed and went.credentials[1] not in listed
    assert went.credentials[1] not in (went.house.centre / "exchange.db").read_bytes().decode("latin-1")
    taken = CliRunner().invoke(command.command, ["add", "H98", "--name", "x", "--prefix", "NL.H99."],
                               obj=went.house.centre)
    assert taken.exit_code != 0
    archive = opened(went.house.centre)
    with archive.catalogue.session() as session:
        made = session.scalars(select(model.Event).where(model.Event.kind == "client_made")).all()
    archive.close()
    assert {"H99", "H98"} <= {event.data["agency"] for event in made}
    assert went.credentials[1] not in json.dumps([event.data for event in made])


# --- uploads ------------------------------------------------------------------------------------------------------


@pytest.fixture
def fresh(went: Went, tmp_path: Path) -> Iterator[tuple[Program, str]]:
    """A second registration that was agreed to, at a service of its own that holds nothing else."""
    root = Path(shutil.copytree(went.house.centre, tmp_path / "kho"))
    told = json.loads(went.registration)
    told["request"] = "NL.H99.2026.02"
    with serving(root) as url, program(url, went.credentials) as one:
        assert one.post("/transfers", json.dumps(told).encode()).status_code == 201
        material.told(root, "answer", "NL.H99.2026.02", "--agree")
        yield one, "NL.H99.2026.02"


def test_uploads_follow_tus_and_drop_what_is_not_what_was_said(fresh: tuple[Program, str]) -> None:
    one, code = fresh
    data = b"0123456789" * 1000
    plain = one.http.request("OPTIONS", f"{BASE}/transfers/{code}/uploads")
    assert plain.headers["tus-version"] == "1.0.0" and "creation" in plain.headers["tus-extension"]
    wrong = one.begin(code, "packages/a.zip", data, sha256="0" * 64)
    place = wrong.headers["location"]
    dropped = one.patch(place, data, 0)
    assert dropped.status_code == 460 and dropped.json()["findings"][0]["code"] == "LGSP-004"
    assert one.head(place).status_code == 404
    for name in ("packages/../a.zip", "../a.zip", "/etc/passwd", "packages/a/b.zip", "packages/a\x00.zip", "a.exe",
                 "packages/" + "ế" * 100 + ".zip", "manifest.json", ""):
        refused = one.begin(code, name, data)
        assert refused.status_code == 422 and refused.json()["findings"][0]["code"] == "LGSP-003", name
    place = one.begin(code, "packages/gói tin số 1.zip", data).headers["location"]
    assert one.patch(place, data, 0, **{"tus-resumable": "0.2.2"}).status_code == 412
    assert one.patch(place, data, 0, **{"content-type": "text/plain"}).status_code == 415
    assert one.patch(place, data + b"x", 0).status_code == 413
    assert one.patch(place, data[:10], 0, **{"upload-checksum": f"sha256 {'A' * 43}="}).status_code == 460
    assert one.head(place).headers["upload-offset"] == "0"
    assert one.patch(place, data[:10], 0).status_code == 204
    gap = one.patch(place, data[20:], 20)
    assert (gap.status_code, gap.headers["upload-offset"]) == (409, "10")
    early = one.post(f"/transfers/{code}/finish", json.dumps({
        "schema": "luutru/transfer-manifest/1", "request": code, "at": "", "packages": [], **{
            key: {"code": value, "name": ""} for key, value in (("sender", "H99"), ("receiver", "H01"))}}).encode())
    assert early.json()["findings"][0]["code"] == "LGSP-007"
    assert one.http.delete(place, headers={**one.headers, **TUS}).status_code == 204
    assert one.head(place).status_code == 404 and one.get(f"/transfers/{code}").json()["uploads"] == []


def test_a_delivery_without_packages_is_refused_told_and_finished_again(fresh: tuple[Program, str]) -> None:
    one, code = fresh
    manifest = json.dumps({
        "schema": "luutru/transfer-manifest/1", "request": code, "at": "", "packages": [], **{
            key: {"code": value, "name": ""} for key, value in (("sender", "H99"), ("receiver", "H01"))}}).encode()
    assert one.post(f"/transfers/{code}/finish", manifest).status_code == 202
    told = one.wait(code, "delivery_refused")
    assert {found["code"] for found in told["findings"]} == {"TRANSFER-011"}
    assert one.get("/notices?after=0").json()["notices"][-1]["kind"] == "delivery_refused"
    assert one.post(f"/transfers/{code}/finish", manifest).status_code == 202
    one.wait(code, "delivery_refused")


def test_two_writers_of_one_upload_are_not_mixed(fresh: tuple[Program, str]) -> None:
    one, code = fresh
    data = bytes(range(256)) * 400
    place = one.begin(code, "packages/a.zip", data).headers["location"]
    seen: list[int] = []

    def slow() -> Iterator[bytes]:
        yield data[:1000]
        with httpx.Client(base_url=str(one.http.base_url), timeout=30) as second:
            other = Program(second, one.client, one.secret, headers=one.headers)
            seen.append(other.patch(place, b"zzz", 0).status_code)
        yield data[1000:]

    assert one.patch(place, slow(), 0).status_code == 204
    assert seen == [423] and one.head(place).headers["upload-offset"] == str(len(data))


# --- what everybody is told ---------------------------------------------------------------------------------------


def test_problems_are_told_in_two_languages_with_the_number_of_the_request(went: Went) -> None:
    with went.agency("vi") as one:
        told = one.post("/transfers", b"[" * 100_000, **{"x-request-id": "so-17"})
    assert told.status_code == 422 and told.headers["x-request-id"] == "so-17"
    body = told.json()
    assert body["instance"] == "urn:luutru:request:so-17" and body["findings"][0]["code"] == "TRANSFER-023"
    assert "Không đọc được" in body["findings"][0]["sentence"]


def test_messages_that_no_record_can_hold_are_refused(went: Went) -> None:
    told = json.loads(went.registration)
    odd = [{**told, "at": "\ud800"}, {**told, "kind": "a\x00b"}, {**told, "items": [{**told["items"][0], "n": 2**70}]},
           {**told, "items": [{**told["items"][0], "code": "x" * 5000}]}, {**told, "more": float("nan")},
           {**told, "more": [[[[[[[[[[[[[[]]]]]]]]]]]]]]}]
    with went.agency() as one:
        for body in [json.dumps(one_).encode() for one_ in odd] + [
                went.registration.replace(b'"kind"', b'"at": "", "kind"', 1), b"\xff\xfe", b""]:
            answer = one.post("/transfers", body)
            assert answer.status_code == 422 and answer.json()["findings"][0]["code"] == "TRANSFER-023", body[:80]
        large = one.post("/transfers", b" " * 17_000_000)
        assert large.status_code == 413


def test_the_openapi_document_tells_every_endpoint_with_examples(went: Went) -> None:
    told = httpx.get(f"{went.url}{BASE}/openapi.json", timeout=30).json()
    assert {"/token", "/transfers", "/transfers/{code}", "/transfers/{code}/finish", "/uploads/{id}", "/notices",
            "/transfers/{code}/papers/{name}", "/transfers/{code}/returns/{name}"} <= set(told["paths"])
    assert told["servers"] == [{"url": BASE}]
    for path, methods in told["paths"].items():
        for method, one in methods.items():
            assert one["summary"] and {"401", "404", "422", "429", "503"} <= set(one["responses"]), path
            if path != "/token" and method != "options":
                assert one["security"] == [{"token": []}] and one["x-luutru-scope"] in SCOPES, path
    for name, schema in told["components"]["schemas"].items():
        for key, field in schema["properties"].items():
            assert "examples" in field or "$ref" in json.dumps(field), (name, key)


def test_the_service_is_off_unless_the_settings_say_so(went: Went) -> None:
    with serving(went.house.agency) as url:
        assert httpx.get(f"{url}{BASE}/openapi.json", timeout=30).status_code == 404
        assert httpx.post(f"{url}{BASE}/token", timeout=30).status_code in (404, 405)
    assert not (went.house.agency / "exchange.db").exists()
