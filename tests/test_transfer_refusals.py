"""What a hand-over refuses, on both sides, and that a kill or a cut disk loses nothing."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tomllib
import zipfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from archive import clock, layout
from archive.catalogue import record
from archive.errors import RefusedError, UsageError
from archive.forms.filling import fill
from archive.ledger import Ledger
from archive.opening import ownership
from archive.store import Store
from retention.transfer import carrying, messages, objects, papers, receiving
from tests import transfer_material as material
from tests.conftest import NIGHT, ROOT
from tests.stored_documents import store_documents
from tests.transfer_material import CENTRE, CODE, FIRST, SECOND, THIRD, House, luutru, opened, refused, told

FOURTH, LIMITED, SECRET, OPEN = "H99.2026.04.VP", "H99.2026.05.VP", "H99.2026.06.VP", "H99.2026.07.VP"
GIVEN = ("--to-code", "H01", "--to-name", CENTRE, "--summary", "Hồ sơ", "--planned", "2027-01-15", "--contact", "Lưu")


@pytest.fixture(scope="module", autouse=True)
def _evening() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clock, "now", lambda: NIGHT)
        yield


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> House:
    """Packages on the disk; and case files that may not travel."""
    house = material.make(tmp_path_factory.mktemp("nop"))
    archive = opened(house.agency)
    material.case_file(archive, LIMITED, retention="10 năm", documents=1, maintenance="06")
    material.case_file(archive, SECRET, documents=1, mode="03", close=False)
    material.case_file(archive, OPEN, documents=1, close=False)
    archive.close()
    material.to_delivery(house)
    return house


@pytest.fixture
def house(prepared: House, tmp_path: Path) -> House:
    """A copy of everything."""
    return House(copied(prepared.folder, tmp_path / "nop"))


@pytest.fixture
def agency(prepared: House, tmp_path: Path) -> House:
    """A copy of the agency alone; tests of what is refused need none."""
    copied(prepared.agency, tmp_path / "co-quan")
    return House(tmp_path)


@pytest.fixture(scope="module")
def delivered(prepared: House, tmp_path_factory: pytest.TempPathFactory) -> House:
    """The same after the historical archive has received it."""
    house = House(copied(prepared.folder, tmp_path_factory.mktemp("nhan") / "nop"))
    told(house.centre, *receive(house))
    return house


@pytest.fixture
def received(delivered: House, tmp_path: Path) -> House:
    """A copy of the historical archive that has received it."""
    copied(delivered.centre, tmp_path / "luu-tru")
    return House(tmp_path)


def copied(source: Path, target: Path) -> Path:
    """A copy. What an OCFL object holds never changes, so it gets but a second name: these tests destroy nothing."""
    def copy(one: str, to: str) -> None:
        if "/store/ocfl/" in one:
            os.link(one, to)
        else:
            shutil.copy2(one, to)

    return Path(shutil.copytree(source, target, copy_function=copy))


def packages(house: House) -> list[Path]:
    return sorted((house.disk / CODE / "packages").iterdir())


def found(root: Path, *arguments: str) -> set[str]:
    """The codes of all findings of a command, whatever came of it."""
    return {one["code"] for one in json.loads(luutru(root, *arguments, "--json").stdout)["findings"]}


def state(root: Path, code: str = CODE) -> str:
    return str(told(root, "show", code)["state"])


def receive(house: House) -> tuple[str, ...]:
    return ("receive", CODE, str(house.disk))


def manifest(house: House, edit: Callable[[dict[str, Any]], None]) -> None:
    place = house.disk / CODE / "manifest.json"
    body = json.loads(place.read_bytes())
    edit(body)
    place.write_text(json.dumps(body))


# --- registration ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("codes", "wanted"), [
    (("H99.2026.99.VP",), {"TRANSFER-001"}), ((LIMITED,), {"TRANSFER-002"}), ((OPEN,), {"TRANSFER-003"}),
    ((FIRST,), {"TRANSFER-004"}), ((SECRET,), {"TRANSFER-003", "TRANSFER-007"})])
def test_what_may_not_be_handed_over_is_not_registered(prepared: House, codes: tuple[str, ...],
                                                      wanted: set[str]) -> None:
    assert refused(prepared.agency, "register", *codes, *GIVEN) == wanted
    assert len(told(prepared.agency, "list")) == 1


def test_a_registration_without_contact_or_case_file_is_refused(agency: House) -> None:
    archive = opened(agency.agency)
    material.case_file(archive, FOURTH)
    archive.close()
    assert refused(agency.agency, "register", FOURTH, *GIVEN[:-1], " ") == {"TRANSFER-008"}
    with pytest.raises(UsageError):
        luutru(agency.agency, "register", *GIVEN)
    with pytest.raises(UsageError):
        luutru(agency.agency, "register", FOURTH, *GIVEN, "--code", CODE)
    with pytest.raises(UsageError):
        luutru(agency.agency, "register", FOURTH, *GIVEN, "--code", "../x")


def test_the_current_archive_takes_what_is_not_permanent(prepared: House) -> None:
    assert found(prepared.agency, "register", LIMITED, *GIVEN, "--kind", "current", "--dry-run") == set()


@pytest.mark.parametrize(("now", "code"), [(datetime(2031, 6, 1, tzinfo=UTC), "TRANSFER-005"),
                                           (datetime(2032, 6, 1, tzinfo=UTC), "TRANSFER-006")])
def test_a_late_registration_is_told_and_not_refused(agency: House, monkeypatch: pytest.MonkeyPatch, now: datetime,
                                                     code: str) -> None:
    archive = opened(agency.agency)
    material.case_file(archive, FOURTH)
    archive.close()
    monkeypatch.setattr(clock, "now", lambda: now)
    done = luutru(agency.agency, "register", FOURTH, *GIVEN, "--json")
    assert done.exit_code == 3
    assert {one["code"] for one in json.loads(done.stdout)["findings"]} == {code}


def test_what_is_due_is_proposed_by_the_day_on_which_it_must_be_registered(prepared: House) -> None:
    assert told(prepared.agency, "propose", "--on", "30/12/2030") == []
    rows = told(prepared.agency, "propose", "--on", "31/12/2030")
    assert {one["code"] for one in rows} == {FIRST, SECOND, THIRD, SECRET, OPEN}        # permanent ones only
    assert {(one["due"], one["register_by"]) for one in rows if one["code"] == FIRST} == {("2031-12-31", "2030-12-31")}
    assert {one["transfer"] for one in rows if one["code"] == FIRST} == {CODE}


# --- answer ------------------------------------------------------------------------------------------------


def test_a_refusal_needs_its_reason_and_above_capacity_a_plan(prepared: House, tmp_path: Path) -> None:
    house = fresh(prepared, tmp_path)
    assert refused(house.centre, "answer", CODE, "--refuse", "capacity") == {"TRANSFER-022"}
    assert refused(house.centre, "answer", CODE, "--refuse", "other") == {"TRANSFER-022"}
    assert luutru(house.centre, "answer", CODE).exit_code == 2
    told(house.centre, "answer", CODE, "--refuse", "capacity", "--plan", "Nhận trong quý II năm 2027")
    assert state(house.centre) == "refused"
    with pytest.raises(RefusedError):
        luutru(house.centre, "answer", CODE, "--agree")


def fresh(prepared: House, tmp_path: Path) -> House:
    """A historical archive that has just taken the registration in."""
    house = House(tmp_path)
    from archive import opening

    opening.make_archive(house.centre, {"agency": {"code": "H01", "name": CENTRE}}).close()
    place = tmp_path / "registration.json"
    place.write_bytes((prepared.folder / "giay-to" / "dang-ky" / "registration.json").read_bytes())
    told(house.centre, "take", str(place))
    return house


def test_the_answer_is_due_in_seven_working_days(prepared: House, tmp_path: Path) -> None:
    house = fresh(prepared, tmp_path)
    (due,) = told(house.centre, "show", CODE)["due"]
    # Registered on Friday, 20 November 2026: Monday is the first of the seven.
    assert (due["kind"], due["due"], due["late"]) == ("answer", "2026-12-01", False)


def test_a_registration_for_another_archive_or_a_second_time_is_refused(prepared: House, tmp_path: Path) -> None:
    house = fresh(prepared, tmp_path)
    place = tmp_path / "registration.json"
    assert refused(house.centre, "take", str(place)) == {"TRANSFER-024"}
    body = json.loads(place.read_bytes())
    place.write_text(json.dumps({**body, "receiver": {"code": "H77", "name": "x"}, "request": "NL.H99.2026.09"}))
    assert refused(house.centre, "take", str(place)) == {"TRANSFER-024"}
    secret = [{**one, "mode": "03"} for one in body["items"]]
    place.write_text(json.dumps({**body, "request": "NL.H99.2026.08", "items": secret}))
    assert refused(house.centre, "take", str(place)) == {"TRANSFER-007"}
    place.write_text(json.dumps({**body, "request": "../../x"}))
    assert refused(house.centre, "take", str(place)) == {"TRANSFER-024"}


def test_an_answer_out_of_turn_is_refused(prepared: House) -> None:
    assert refused(prepared.agency, "take", str(prepared.folder / "giay-to" / "tra-loi" / "answer.json")) == {
        "TRANSFER-024"}


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"schema": "luutru/transfer-answer/1"}', b"\xff\xfe", b"1e999",
                                     b'{"schema": "luutru/transfer-registration/1", "request": "a", "at": "", '
                                     b'"sender": {}, "receiver": {}}'])
def test_what_is_no_message_is_told_and_never_crashes(prepared: House, tmp_path: Path, content: bytes) -> None:
    place = tmp_path / "x.json"
    place.write_bytes(content)
    assert refused(prepared.agency, "take", str(place)) == {"TRANSFER-023"}


_JSON = st.recursive(st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
                     lambda inner: st.lists(inner, max_size=3)
                     | st.dictionaries(st.text(max_size=8), inner, max_size=3), max_leaves=8)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_message_with_any_value_in_any_place_is_read_or_told(prepared: House, tmp_path: Path, data: Any) -> None:
    source = data.draw(st.sampled_from(sorted((prepared.folder / "giay-to").rglob("*.json"))))
    body = json.loads(source.read_bytes())
    keys = data.draw(st.sampled_from(sorted(body)))
    inner = body[keys]
    if isinstance(inner, dict) and inner and data.draw(st.booleans()):
        inner[data.draw(st.sampled_from(sorted(inner)))] = data.draw(_JSON)
    elif isinstance(inner, list) and inner and isinstance(inner[0], dict):
        inner[0][data.draw(st.sampled_from(sorted(inner[0])))] = data.draw(_JSON)
    else:
        body[keys] = data.draw(_JSON)
    place = tmp_path / "x.json"
    place.write_text(json.dumps(body))
    held, findings = messages.read_message(place)
    assert (held is None) == bool(findings)
    assert {one.code for one in findings} <= {"TRANSFER-023"}


# --- packages and disk -------------------------------------------------------------------------------------


def test_a_package_that_cannot_be_right_is_not_sent(agency: House, tmp_path: Path,
                                                    monkeypatch: pytest.MonkeyPatch) -> None:
    from archive.packages import exporting

    def refusing(*args: Any, **more: Any) -> Any:
        from dataclasses import replace

        from archive.findings import finding

        return [replace(one, findings=(finding("WRITE-001", FIRST, value="02"),)) for one in plan(*args, **more)]

    plan = exporting.plan
    monkeypatch.setattr(exporting, "plan", refusing)
    archive = opened(agency.agency)
    held = objects.read(archive.store, CODE)
    with ownership(archive):
        objects.write(archive, held.moved("agreed", {}), "answered", {"agreed": True}, by="x", at=NIGHT)
    archive.close()
    assert refused(agency.agency, "prepare", CODE, "--to", str(tmp_path / "goi")) == {"TRANSFER-009"}


def as_prepared(house: House) -> None:
    """Take the agency's side back to where its packages lie ready."""
    archive = opened(house.agency)
    held = objects.read(archive.store, CODE)
    with ownership(archive):
        objects.write(archive, held.moved("prepared", {one["n"]: {"state": "prepared"} for one in held.items}),
                      "prepared", {}, by="x", at=NIGHT)
    archive.close()


def test_preparing_again_keeps_what_is_whole_and_mends_what_is_not(house: House) -> None:
    as_prepared(house)
    folder = house.folder / "goi"
    first, second, third = sorted(folder.iterdir())
    kept, gone = first.stat().st_mtime_ns, third.name
    second.write_bytes(second.read_bytes()[:1000])          # as a kill or a bad disk leaves it
    third.unlink()
    told(house.agency, "prepare", CODE, "--to", str(folder))
    assert first.stat().st_mtime_ns == kept
    assert (folder / gone).exists()
    items = told(house.agency, "show", CODE)["items"]
    assert [hashlib.sha256((folder / one["name"]).read_bytes()).hexdigest() for one in items] == [
        one["sha256"] for one in items]


def test_a_prepared_package_that_changed_or_went_is_not_sent(house: House) -> None:
    first, second, _third = sorted((house.folder / "goi").iterdir())
    first.write_bytes(first.read_bytes() + b"x")
    second.unlink()
    assert refused(house.agency, "send", CODE, "--from", str(house.folder / "goi"), "--to", str(house.disk)) == {
        "TRANSFER-011", "TRANSFER-012"}


def test_a_copy_that_arrives_cut_is_taken_away_and_sending_again_mends_it(house: House,
                                                                          monkeypatch: pytest.MonkeyPatch) -> None:
    place = packages(house)[1]
    place.unlink()
    send = ("send", CODE, "--from", str(house.folder / "goi"), "--to", str(house.disk))
    with monkeypatch.context() as broken:
        broken.setattr(carrying, "_forget", lambda handle: os.ftruncate(handle, 100))
        assert refused(house.agency, *send) == {"TRANSFER-010"}
    assert not place.exists()
    told(house.agency, *send)
    assert place.exists()


def test_a_missing_package_makes_the_delivery_short_until_it_comes(house: House) -> None:
    place = packages(house)[1]
    aside = house.folder / place.name
    place.rename(aside)
    done = luutru(house.centre, *receive(house), "--json")
    assert done.exit_code == 3
    body = json.loads(done.stdout)
    assert "TRANSFER-011" in {one["code"] for one in body["findings"]}
    assert body["told"]["result"] == "chưa đủ, số còn thiếu: 1 hồ sơ"
    assert (body["state"], told(house.centre, "show", CODE)["due"]) == ("short", [])
    aside.rename(place)
    told(house.centre, *receive(house))
    shown = told(house.centre, "show", CODE)
    assert (shown["state"], [one["state"] for one in shown["items"]]) == ("waiting", ["waiting"] * 3)
    assert [(one["kind"], one["due"]) for one in shown["due"]] == [("processing", "2027-01-19")]


def test_what_did_not_arrive_is_prepared_and_sent_again_and_the_rest_stays_as_it_was_received(house: House) -> None:
    packages(house)[1].unlink()
    told(house.centre, *receive(house))
    first = told(house.centre, "show", CODE)["items"]
    told(house.agency, "take", str(house.papers(house.centre, "mot") / "receipt.json"))
    assert state(house.agency) == "short"
    shutil.rmtree(house.folder / "goi")
    told(house.agency, "prepare", CODE, "--to", str(house.folder / "goi"))
    assert len(list((house.folder / "goi").iterdir())) == 1
    told(house.agency, "send", CODE, "--from", str(house.folder / "goi"), "--to", str(house.disk))
    told(house.centre, *receive(house))
    again = told(house.centre, "show", CODE)["items"]
    assert [one["state"] for one in again] == ["waiting"] * 3
    assert [again[n]["sha256"] for n in (0, 2)] == [first[n]["sha256"] for n in (0, 2)]
    told(house.agency, "take", str(house.papers(house.centre, "hai") / "receipt.json"))
    assert state(house.agency) == "waiting"


def test_a_changed_or_cut_package_is_not_taken(house: House) -> None:
    first, second, _third = packages(house)
    data = bytearray(first.read_bytes())
    data[len(data) // 2] ^= 1
    first.write_bytes(data)
    second.write_bytes(second.read_bytes()[:-500])
    assert "TRANSFER-012" in found(house.centre, *receive(house))
    assert [one["state"] for one in told(house.centre, "show", CODE)["items"]] == ["missing", "missing", "waiting"]


def test_nothing_that_came_is_no_delivery(house: House) -> None:
    for place in packages(house):
        place.unlink()
    assert refused(house.centre, *receive(house)) == {"TRANSFER-011"}
    (house.disk / CODE / "manifest.json").unlink()
    assert refused(house.centre, *receive(house)) == {"TRANSFER-023"}
    assert state(house.centre) == "agreed"


def test_what_is_not_in_the_list_is_told_and_left(house: House) -> None:
    shutil.copy(packages(house)[0], house.disk / CODE / "packages" / "4 thêm.zip")
    assert "TRANSFER-013" in found(house.centre, *receive(house))
    assert not list((house.centre / receiving.FOLDER).rglob("4*"))


def test_an_infected_package_is_not_taken_and_without_scanner_it_is_told(house: House,
                                                                         monkeypatch: pytest.MonkeyPatch) -> None:
    assert found(house.centre, *receive(house), "--dry-run") == {"TRANSFER-015"}
    scanner = house.folder / "quet.sh"
    scanner.write_text('#!/bin/sh\ncase "$1" in */1uuid*) exit 1;; esac\nexit 0\n')
    scanner.chmod(0o755)
    monkeypatch.setenv("LUUTRU_INGEST__VIRUS_SCANNER", json.dumps([str(scanner)]))
    assert found(house.centre, *receive(house)) == {"TRANSFER-014"}
    assert [one["state"] for one in told(house.centre, "show", CODE)["items"]] == ["missing", "waiting", "waiting"]


def test_a_package_of_another_case_file_under_a_listed_name_is_not_taken(house: House) -> None:
    first, second, _third = packages(house)
    shutil.copy(second, first)

    def as_if_right(body: dict[str, Any]) -> None:
        one, two = body["packages"][:2]
        one.update(sha256=two["sha256"], size=two["size"])

    manifest(house, as_if_right)
    assert "TRANSFER-017" in found(house.centre, *receive(house))
    assert told(house.centre, "show", CODE)["items"][0]["state"] == "missing"


def test_a_count_that_differs_from_the_registration_is_told(house: House) -> None:
    archive = opened(house.centre)
    held = objects.read(archive.store, CODE)
    with ownership(archive):
        objects.write(archive, held.moved("agreed", {1: {"documents": 7}}), "answered", {}, by="x", at=NIGHT)
    archive.close()
    assert "TRANSFER-021" in found(house.centre, *receive(house))


def test_without_a_key_the_receipt_is_told_to_be_unsigned(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LUUTRU_SEAL__PKCS12", "")
    assert "TRANSFER-019" in found(house.centre, *receive(house))


# --- examination -------------------------------------------------------------------------------------------


def test_the_same_case_file_twice_in_a_hand_over_is_refused_whatever_the_officer_says(house: House) -> None:
    archive = opened(house.centre)
    held = objects.read(archive.store, CODE)
    item = {**held.items[0], "n": 4}
    with ownership(archive):
        objects.write(archive, objects.Transfer(held.record, [*held.items, item]), "answered", {}, by="x", at=NIGHT)
    archive.close()
    shutil.copy(packages(house)[0], house.disk / CODE / "packages" / "4 again.zip")
    manifest(house, lambda body: body["packages"].append({**body["packages"][0], "n": 4, "name": "4 again.zip"}))
    told(house.centre, *receive(house))
    assert "TRANSFER-018" in found(house.centre, "examine", CODE, "--pass", f"{FIRST}=Vẫn nhận")
    states = [one["state"] for one in told(house.centre, "show", CODE)["items"]]
    assert (states[3], states[1:3]) == ("failed", ["passed", "passed"])


def test_what_the_holdings_have_waits_for_the_officer(house: House) -> None:
    archive = opened(house.centre)
    store_documents(archive, [{"subject": "Đã có", "codeNumber": "1"}], code=FIRST)     # same code, same bytes
    archive.close()
    told(house.centre, *receive(house))
    body = json.loads(luutru(house.centre, "examine", CODE, "--json").stdout)
    where = [one["params"]["where"] for one in body["findings"] if one["code"] == "TRANSFER-020"]
    assert len(where) == 2                              # the case file and its first document, side by side
    assert any("Đã có" in one and "Ban hành Quy chế số 10" in one for one in where)
    assert refused(house.centre, "approve", CODE, "--decision", "1", "--date", "2026-11-20") == {"TRANSFER-020"}
    told(house.centre, "examine", CODE, "--fail", f"{FIRST}=Đã có trong Kho")
    shown = told(house.centre, "show", CODE)["items"][0]
    assert (shown["state"], shown["reason"]) == ("failed", f"{FIRST}: Đã có trong Kho")


def test_a_package_with_errors_fails_unless_the_officer_passes_it_for_a_reason(house: House) -> None:
    place = packages(house)[0]
    rest = house.folder / "rest.zip"
    with zipfile.ZipFile(place) as old, zipfile.ZipFile(rest, "w") as new:
        for entry in old.infolist():
            if not entry.filename.endswith("schemas/EAD_doc.xsd"):
                new.writestr(entry, old.read(entry))
    rest.replace(place)
    manifest(house, lambda body: body["packages"][0].update(
        sha256=hashlib.sha256(place.read_bytes()).hexdigest(), size=place.stat().st_size))
    told(house.centre, *receive(house))
    assert "TRANSFER-016" in found(house.centre, "examine", CODE)
    assert told(house.centre, "show", CODE)["items"][0]["state"] == "failed"
    assert refused(house.centre, "examine", CODE, "--pass", f"{FIRST}=") == {"TRANSFER-022"}
    told(house.centre, "examine", CODE, "--pass", f"{FIRST}=Thiếu lược đồ không ảnh hưởng nội dung")
    assert told(house.centre, "show", CODE)["items"][0]["state"] == "passed"


def test_a_failure_without_a_reason_and_a_verdict_on_nothing_are_refused(received: House) -> None:
    house = received
    assert refused(house.centre, "examine", CODE, "--fail", FIRST) == {"TRANSFER-022"}
    with pytest.raises(UsageError):
        luutru(house.centre, "examine", CODE, "--fail", "H99.2026.88.VP=x")


def test_a_package_that_changes_while_it_waits_is_not_examined(received: House) -> None:
    house = received
    next((house.centre / receiving.FOLDER).rglob("*.zip")).write_bytes(b"PK")
    assert refused(house.centre, "examine", CODE) == {"TRANSFER-012"}


# --- kills -------------------------------------------------------------------------------------------------


class Killed(BaseException):
    """A kill."""


@pytest.mark.parametrize("place", ["put", "ledger", "catalogue"])
def test_a_kill_between_store_ledger_and_catalogue_is_caught_up_by_the_next_command(
        house: House, monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    def dies(*_args: Any, **_more: Any) -> Any:
        raise Killed

    def told_and_dies(*args: Any, **more: Any) -> Any:
        record(*args, **more)
        raise Killed

    before = [one["act"] for one in told(house.centre, "show", CODE)["acts"]]
    with monkeypatch.context() as broken:
        target: tuple[Any, str, Any] = {"put": (Store, "put", dies), "ledger": (Ledger, "append", dies),
                                        "catalogue": (objects, "record_events", told_and_dies)}[place]
        broken.setattr(*target)
        with pytest.raises(Killed):
            luutru(house.centre, *receive(house))
    archive = opened(house.centre)
    with ownership(archive):
        objects.catch_up(archive)
    held = objects.read(archive.store, CODE)
    lines = [line.kind for line in archive.ledger.lines() if line.kind.startswith("transfer_")]
    archive.close()
    acts = [act["act"] for act in held.acts]
    assert acts == (before if place == "put" else [*before, "received"])
    assert lines == [objects.KINDS[act] for act in acts]
    assert [one["state"] for one in told(house.centre, "list")] == [held.state]
    if place == "put":
        told(house.centre, *receive(house))
        assert state(house.centre) == "waiting"


def test_a_kill_between_the_approval_and_the_inbox_is_made_good_by_saying_it_again(
        received: House, monkeypatch: pytest.MonkeyPatch) -> None:
    from retention.transfer import examining

    house = received
    told(house.centre, "examine", CODE)
    approve = ("approve", CODE, "--decision", "88/QĐ", "--date", "2026-11-20")
    with monkeypatch.context() as broken:
        def dies(*_args: Any) -> int:
            raise Killed
        broken.setattr(examining, "_lay", dies)
        with pytest.raises(Killed):
            luutru(house.centre, *approve)
    assert state(house.centre) == "approved"
    assert told(house.centre, *approve)["told"]["laid"] == 3
    assert told(house.centre, *approve)["told"]["laid"] == 0
    assert len([act for act in told(house.centre, "show", CODE)["acts"] if act["act"] == "approved"]) == 1
    assert refused(house.centre, "close", CODE) == {"TRANSFER-029"}


# --- terms and carriers ------------------------------------------------------------------------------------


def test_terms_that_are_switched_off_propose_nothing_and_warn_of_nothing(prepared: House,
                                                                        monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LUUTRU_RETENTION__DEADLINES_OFF", '["historical.five_years"]')
    assert told(prepared.agency, "propose", "--on", "31/12/2040") == []


def test_the_term_of_a_hand_over_passes(prepared: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    house = fresh(prepared, tmp_path)
    monkeypatch.setattr(clock, "now", lambda: NIGHT + timedelta(days=30))
    (due,) = told(house.centre, "show", CODE)["due"]
    assert (due["kind"], due["late"], due["article"]) == ("answer", True, "TT 05/2025/TT-BNV, Điều 21 khoản 4")


def test_another_carrier_may_take_the_place_of_the_disk(house: House) -> None:
    class Network:
        """Keeps what is put by its name."""

        gives_up = False

        def __init__(self) -> None:
            self.held: dict[str, Path] = {}

        def put(self, request: str, name: str, source: Path, sha256: str) -> bool:
            assert (request, carrying.hash_of(source)) == (CODE, sha256)
            return self.held.setdefault(name, source) is source

        def arrived(self, request: str) -> dict[str, Path]:
            return self.held

    from retention.transfer import sending
    from retention.transfer.doing import Tools, Who

    network: carrying.Carrier = Network()
    agency, centre = opened(house.agency), opened(house.centre)
    with ownership(agency):
        assert sending.send(agency, CODE, house.folder / "goi", network, "lgsp", Who("lan", NIGHT)).written
    with ownership(centre):
        done = receiving.receive(centre, CODE, network, receiving.Delivery(), Tools(), Who("dat", NIGHT))
    assert (done.written, done.transfer.state) == (True, "waiting")
    assert centre.store.has(objects.object_id(CODE))
    assert not centre.store.has(layout.casefile_object(FIRST))
    agency.close()
    centre.close()


@pytest.mark.parametrize("returned", [0, 2])
def test_the_minutes_of_approval_name_a_list_of_returns_only_where_there_is_one(
        returned: int, monkeypatch: pytest.MonkeyPatch) -> None:
    told: dict[str, Any] = {}
    monkeypatch.setattr(papers, "_minutes", lambda *_: {})
    monkeypatch.setattr(papers, "paper", lambda name, data, **_: told.update(fill(_table(name), data)) or b"")
    papers.approval(None, {"registered": 3, "submitted": 3, "approved": 3 - returned, "returned": returned},  # type: ignore[arg-type]
                    "số 1", {}, NIGHT, "Lan")
    assert ("Danh sách hồ sơ trả lại" in json.dumps(told, ensure_ascii=False)) is bool(returned)


def _table(name: str) -> dict[str, Any]:
    return tomllib.loads((ROOT / "archive" / "forms" / "papers" / f"{name}.toml").read_text(encoding="utf-8"))
