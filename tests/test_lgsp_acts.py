"""Promises of the acts over a service: each message taken in once, in order, only as it was told; copies stay."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from archive import clock
from archive.errors import RefusedError
from archive.opening import ownership
from ingest.commands import transfer
from ingest.transfer_tools import tools
from retention.transfer import concluding, examining, messages, minutes, objects, papers, receiving
from retention.transfer.carrying import Disk
from retention.transfer.doing import Who
from retention.transfer.lgsp import Journal, ServiceError
from retention.transfer.lgsp.service import There
from samples.making import pki
from tests import transfer_material as material
from tests.conftest import NIGHT
from tests.lgsp_service import Fake
from tests.sealing_material import PIN, certificate, key_file
from tests.transfer_material import AGENCY, CENTRE, CODE, FIRST, SECOND, House, opened

Played = tuple[House, Fake]
WORD = "bi-mat-của-lgsp"


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Played]:
    """An agency and an archive whose service is played; the tests below go the way in their order."""
    with pytest.MonkeyPatch.context() as patch, (fake := Fake()).serve() as address:
        patch.setattr(clock, "now", lambda: NIGHT)
        patch.setenv("LUUTRU_USER", "Lê Văn Lưu")
        for name, value in (("ADDRESS", address), ("PIECE_KB", "64"), ("ATTEMPTS", "2")):
            patch.setenv(f"LUUTRU_LGSP__{name}", value)
        patch.setenv("LUUTRU_LGSP_SECRET", WORD)
        patch.setattr("retention.transfer.lgsp.service.sleep", lambda _seconds: None)
        patch.setattr("retention.transfer.lgsp.wire._FIRST_PAUSE", 0.001)
        yield material.make(tmp_path_factory.mktemp("lgsp"), files=(FIRST, SECOND)), fake


@pytest.fixture
def house(played: Played) -> House:
    return played[0]


@pytest.fixture
def fake(played: Played) -> Iterator[Fake]:
    """The played service; faults of a test end with it."""
    one = played[1]
    yield one
    one.fault = lambda method, path, n: None
    one.asked.clear()
    one.findings = []
    one.told_hash = Fake().told_hash


def luutru(house: House, *words: str) -> Result:
    done = CliRunner().invoke(transfer.command, [*words, "--json"], obj=house.agency)
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done


def said(house: House, *words: str, code: int = 0) -> Any:
    done = luutru(house, *words)
    assert done.exit_code == code, done.output
    return json.loads(done.stdout)


def codes(told: Any) -> list[str]:
    return [one["code"] for one in told["findings"]]


def state(house: House) -> str:
    archive = opened(house.agency)
    found = objects.read(archive.store, CODE)
    archive.close()
    return found.state


def at_the_archive(house: House, act: Any, *arguments: Any, **more: Any) -> dict[str, bytes]:
    """One act of the receiving archive; its messages and papers as they are now, newest of each name."""
    archive = opened(house.centre)
    with ownership(archive):
        done = act(archive, *arguments, **more)
    assert done.written, done.findings
    own = objects.object_id(CODE)
    made = {path.rpartition("/")[2].partition("-")[2]: archive.store.content(own, stored)
            for path, stored in objects.made(archive.store, CODE).items() if not path.startswith(objects.RECEIVED)}
    archive.close()
    return made


def who() -> Who:
    return Who("Phạm Quốc Đạt", NIGHT)


def test_a_hand_over_that_was_not_sent_there_is_not_known_there(house: House, fake: Fake) -> None:
    material.register(house, FIRST, SECOND)
    assert codes(said(house, "sync", CODE, code=5)) == ["LGSP-031"]
    assert said(house, "sync")["hand_overs"] == []


def test_the_registration_arrives_byte_for_byte_and_may_be_sent_again(house: House, fake: Fake) -> None:
    for _again in range(2):
        told = said(house, "send", CODE, "--to", "lgsp")
        assert not told["refused"]
    archive = opened(house.agency)
    own = objects.made(archive.store, CODE)["messages/0001-registration.json"]
    assert fake.registered[CODE] == archive.store.content(objects.object_id(CODE), own)
    archive.close()
    assert sorted(fake.received) == ["letter.pdf", "list.pdf"]
    assert len(set(fake.keys)) == 3         # one key a thing, the same when it is said again
    assert state(house) == "registered"


def test_a_refusal_of_the_other_side_is_a_finding_with_its_words(house: House, fake: Fake) -> None:
    fake.fault = lambda method, path, n: 409 if path == "/transfers" else None
    told = said(house, "send", CODE, "--to", "lgsp", code=5)
    assert codes(told) == ["LGSP-030"]
    assert "LGSP-006" in json.dumps(told)
    fake.fault = lambda method, path, n: 403 if method == "GET" else None
    assert codes(said(house, "sync", code=5)) == ["LGSP-030"]


def test_a_service_that_does_not_answer_is_our_failure_and_nothing_has_happened(house: House, fake: Fake) -> None:
    fake.fault = lambda method, path, n: 503
    with pytest.raises(ServiceError) as caught:
        luutru(house, "send", CODE, "--to", "lgsp")
    assert (caught.value.exit_code, WORD in str(caught.value)) == (1, False)
    assert state(house) == "registered"


def test_the_answer_is_taken_in_once_and_only_as_it_was_told(house: House, fake: Fake, tmp_path: Path) -> None:
    place = tmp_path / "registration.json"
    place.write_bytes(fake.registered[CODE])
    at_the_archive(house, receiving.take_registration, place, who())
    made = at_the_archive(house, receiving.answer, CODE, agreed=True, who=who())
    fake.messages["answer"], fake.state = made["answer.json"], "agreed"
    fake.told_hash = lambda name, data: "0" * 64
    assert codes(said(house, "sync", code=5)) == ["LGSP-032"]
    assert state(house) == "registered"
    fake.told_hash = Fake().told_hash
    fake.seen.clear()
    assert said(house, "sync", "--dry-run")["hand_overs"][0]["new"] == ["answer"]
    assert fake.calls("GET", "/messages/answer") == 0
    assert said(house, "sync")["hand_overs"][0]["took"] == ["answer"]
    fake.seen.clear()
    assert said(house, "sync")["hand_overs"][0]["took"] == []
    assert fake.calls("GET", "/messages/answer") == 0
    assert state(house) == "agreed"
    with pytest.raises(RefusedError):           # what was answered is not registered again
        luutru(house, "send", CODE, "--from", str(tmp_path), "--to", "lgsp")


def test_packages_go_on_after_a_cut_and_the_act_is_written_when_all_arrived(house: House, fake: Fake) -> None:
    folder = house.folder / "goi"
    said(house, "prepare", CODE, "--to", str(folder))
    assert luutru(house, "send", CODE, "--to", "lgsp").exit_code == 2       # from where?
    fake.fault = lambda method, path, n: "cut" if method == "PATCH" or (method == "HEAD" and n < 9) else None
    with pytest.raises(ServiceError):
        luutru(house, "send", CODE, "--from", str(folder), "--to", "lgsp")
    assert state(house) == "prepared"
    fake.fault = lambda method, path, n: None
    said(house, "send", CODE, "--from", str(folder), "--to", "lgsp", "--dry-run")
    assert fake.manifests == []
    told = said(house, "send", CODE, "--from", str(folder), "--to", "lgsp")
    assert state(house) == "sent"
    assert told["told"]["count"] == 2
    assert {one.name.partition("/")[2]: bytes(one.data) for one in fake.uploads.values()
            if one.name.startswith("packages/")} == {path.name: path.read_bytes() for path in folder.iterdir()}
    assert sorted(one.name for one in fake.uploads.values() if not one.name.startswith("packages/")) == [
        "documents-0001.pdf", "documents-0002.pdf"]
    assert sum(one["what"] == "upload resumed" for one in said(house, "journal", CODE)) == 1
    archive = opened(house.agency)
    act = objects.read(archive.store, CODE).last("sent")
    archive.close()
    assert act is not None
    assert (act["way"], act["by"]) == ("lgsp", "Lê Văn Lưu")


def test_a_delivery_that_was_refused_is_told_and_sent_again(house: House, fake: Fake) -> None:
    fake.state, fake.findings = "delivery_refused", [{"code": "TRANSFER-014", "sentence": "có mã\nđộc"}]
    told = said(house, "sync", code=3)
    assert codes(told) == ["LGSP-035"]
    assert "có mã độc" in told["findings"][0]["params"]["what"]
    said(house, "send", CODE, "--from", str(house.folder / "goi"), "--to", "lgsp")
    assert len(fake.manifests) == 2
    assert len(set(fake.manifests)) == 1
    said(house, "send", CODE, "--from", str(house.folder / "goi"), "--to", "lgsp")      # it waits there now
    assert len(fake.manifests) == 2


def test_a_receipt_without_a_signature_is_told_and_frees_nothing(house: House, fake: Fake, tmp_path: Path) -> None:
    place = tmp_path / "nop" / CODE
    for one in fake.uploads.values():
        (target := place / one.name).parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(one.data)
    (place / "manifest.json").write_bytes(fake.manifests[-1])
    unsigned = opened(house.centre)
    unsigned.close()
    (house.centre / "dau.p12").rename(house.centre / "giu.p12")
    made = at_the_archive(house, receiving.receive, CODE, Disk(place.parent), receiving.Delivery(),
                          tools(unsigned.settings), who())
    (house.centre / "giu.p12").rename(house.centre / "dau.p12")
    fake.state, fake.messages["receipt"] = "waiting", made["receipt.json"].replace(b'"complete": true',
                                                                                   b'"complete":  true')
    fake.papers = {"receipt.pdf": made["receipt.pdf"], "delivery.pdf": made["delivery.pdf"], "sai.pdf": b"no PDF"}
    told = said(house, "sync", code=5)          # the paper bears another hash: it is not the receipt's
    assert codes(told) == ["TRANSFER-026"]
    assert state(house) == "sent"
    fake.messages["receipt"] = made["receipt.json"]
    told = said(house, "sync", code=5)
    assert (told["hand_overs"][0]["took"], codes(told)) == (["receipt", "papers"], ["LGSP-033", "LGSP-034"])
    assert told["hand_overs"][0]["to_sign"] == ["delivery.pdf"]
    del fake.papers["sai.pdf"]
    assert state(house) == "waiting"
    archive = opened(house.agency)
    with archive.catalogue.session() as session:
        assert list(session.scalars(objects.handed_over(session))) == []
    archive.close()


def test_minutes_wait_for_a_key_and_only_those_very_minutes_signed_by_us_go_back(house: House, fake: Fake,
                                                                                 tmp_path: Path) -> None:
    assert codes(said(house, "sign", CODE, code=3)) == ["LGSP-038"]
    other, plain_copy = tmp_path / "khac.pdf", tmp_path / "bien-ban.pdf"
    other.write_bytes(fake.papers["receipt.pdf"] + b"% signed?")
    assert codes(said(house, "sign", CODE, str(other), code=5)) == ["LGSP-036"]
    plain_copy.write_bytes(fake.papers["delivery.pdf"] + b"\n% no signature\n")
    assert codes(said(house, "sign", CODE, str(plain_copy), code=5)) == ["LGSP-037"]
    assert fake.signed == {}
    (house.agency / "pin.txt").write_text(PIN)
    key_file(house.agency / "dau.p12", certificate(name=AGENCY, serial=0x7002), pki.key("so-noi-vu"))
    with pytest.MonkeyPatch.context() as patch:
        for name, value in (("PKCS12", "dau.p12"), ("SECRET_FILE", "pin.txt"), ("LEVEL", "B-B")):
            patch.setenv(f"LUUTRU_SEAL__{name}", value)
        patch.setattr("retention.transfer.lgsp.acts.Service.sign", _broken)
        with pytest.raises(ServiceError):       # signed here, not sent yet
            luutru(house, "sign", CODE)
    assert fake.signed == {}
    assert said(house, "sign", CODE)["told"]["sent"] == "delivery.pdf"      # the next run sends it
    assert said(house, "sign", CODE)["told"]["sent"] == "—"
    assert fake.signed["delivery.pdf"].startswith(fake.papers["delivery.pdf"])
    archive = opened(house.agency)
    assert minutes.unsigned(archive, CODE) == {}
    archive.close()


def _broken(*_arguments: Any) -> None:
    raise ServiceError("cut")


def _endless(told: Any) -> dict[str, There]:
    return {name: There(one["sha256"], 10 ** 12 if name.endswith(".zip") else one["size"])
            for name, one in (told or {}).items()}


def test_result_and_returned_packages_come_back_as_they_were_sent(house: House, fake: Fake) -> None:
    archive = opened(house.centre)
    lent = tools(archive.settings)
    archive.close()
    at_the_archive(house, examining.examine, CODE, [examining.Verdict(f"{SECOND}.0000002", False, "Thiếu trang")],
                   lent, who())
    made = at_the_archive(house, examining.approve, CODE, "88/QĐ", "2026-11-20", {}, lent, who())
    fake.state, fake.messages["result"] = "approved", made["result.json"]
    packages = {path.name: path.read_bytes() for path in (house.folder / "goi").iterdir()}
    archive = opened(house.agency)
    name = objects.read(archive.store, CODE).items[1]["name"]
    archive.close()
    fake.returned = {name: packages[name][:-1] + b"?", "../../la.zip": b"x"}
    told = said(house, "sync", code=5)
    assert told["hand_overs"][0]["took"] == ["result"]
    assert codes(told) == ["LGSP-032", "LGSP-032"]          # other bytes, and what was never sent
    fake.returned = {name: packages[name]}
    with pytest.MonkeyPatch.context() as patch:             # the right hash, and a size without end
        patch.setattr("retention.transfer.lgsp.service._there", _endless)
        assert codes(said(house, "sync", code=5)) == ["LGSP-032"]
    told = said(house, "sync", "--returns", str(house.folder / "tra-lai"))
    assert told["hand_overs"][0]["returned"] == [name]
    assert [path.read_bytes() for path in (house.folder / "tra-lai").iterdir()] == [packages[name]]
    assert not (house.folder / "la.zip").exists()


def test_only_the_signed_confirmation_lets_the_copies_go(house: House, fake: Fake) -> None:
    archive = opened(house.agency)
    transfer = objects.read(archive.store, CODE)
    item = transfer.items[0]
    line = {**{key: item[key] for key in ("n", "code", "objid", "sha256", "size")}, "files": item["contents"]}
    told = messages.message(messages.CONFIRMATION, transfer, clock.stamp(NIGHT), {
        "decision": {"number": "88/QĐ", "day": "2026-11-20"}, "packages": [line]})
    paper = papers.confirmation(transfer, [line], "Quyết định số 88/QĐ", 1, told, NIGHT)
    archive.close()
    centre = opened(house.centre)
    sealed = tools(centre.settings).seal(paper, "confirmation.pdf")
    centre.close()
    assert sealed is not None
    fake.messages["confirmation"] = told
    assert codes(said(house, "sync", code=3)) == ["LGSP-039"]       # the message alone confirms nothing
    fake.papers["confirmation.pdf"] = paper
    assert "TRANSFER-025" in codes(said(house, "sync", code=5))     # nor does an unsigned paper
    assert state(house) == "approved"
    fake.papers["confirmation.pdf"] = sealed
    assert said(house, "sync")["hand_overs"][0]["took"] == ["confirmation"]
    archive = opened(house.agency)
    with archive.catalogue.session() as session:
        assert list(session.scalars(objects.handed_over(session))) == [FIRST]
        with ownership(archive):
            concluding.close(archive, CODE, who())
    archive.close()
    assert said(house, "sync")["hand_overs"] == []                  # it is over: nobody is asked any more


def test_waiting_for_news_ends_with_them(house: House, fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("retention.transfer.lgsp.acts.followed", lambda _archive: [CODE])
    fake.notices = [{"n": 4, "code": CODE, "kind": "answer"}]
    waits: list[int] = []

    def fault(method: str, path: str, n: int) -> Any:
        if path == "/notices":
            waits.append(n)
            if n == 3:      # 1: what is there, 2: nothing more, 3: waited for
                fake.notices.append({"n": 5, "code": CODE, "kind": "signed"})
                fake.papers["delivery-signed.pdf"] = fake.signed["delivery.pdf"] + b"%"
        return None

    fake.fault = fault
    assert said(house, "sync", "--wait", "20")["hand_overs"][0]["took"] == ["papers"]
    assert waits == [1, 2, 3]


def test_the_receiving_archives_name_and_the_journal_are_shown_to_people(house: House) -> None:
    done = CliRunner().invoke(transfer.command, ["journal", CODE], obj=house.agency)
    assert done.exit_code == 0
    assert "delivery.pdf" in done.output
    done = CliRunner().invoke(transfer.command, ["sync"], obj=house.agency)
    assert done.exit_code == 0
    assert WORD not in (house.agency / "lgsp" / f"{CODE}.jsonl").read_text()
    assert CENTRE
    assert Journal(house.agency, CODE).place.is_file()
