"""Promises about received messages: each is answered once and in time; recalls mark and erase nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pikepdf
import pytest
from click.testing import CliRunner
from sqlalchemy import select

from archive import catalogue, clock, model, opening, settings
from archive.file_plan_import import import_file_plan
from archive.opening import Archive, ownership
from archive.rebuild import rebuild
from ingest import nightly, releasing
from ingest.commands.edxml import command
from ingest.exchange import answering, deciding, register, sending, tasks, writing
from ingest.exchange.messages import Business, DocumentMessage, Hop, Party, Reference, StatusMessage, attach
from ingest.exchange.reading import read
from retention.objects import ADMITS
from tests.conftest import NIGHT, ROOT

SENDER, US = Party("000.00.15.H51", "Sở Nội vụ"), Party("H99", "Sở Nội vụ tỉnh Mẫu")
HEAD = "Tên tệp;Mã hồ sơ;Số tờ\n"


class House:
    """An archive that answers itself, its inbox and its outbox; nights on days of their own."""

    def __init__(self, root: Path) -> None:
        self.root, self.inbox, self.outbox = root, root / "inbox", root / "outbox"
        self.page = root.parent / "page.pdf"

    def opened(self) -> Archive:
        return opening.open_archive(settings.load(self.root))

    def message(self, name: str, **values: Any) -> DocumentMessage:
        """Put a message into the inbox; its page differs by name, its header is a whole one but for `values`."""
        made: dict[str, Any] = {
            "sender": SENDER, "to": (US,), "document_id": f"H51.15,2026/11/18,{name}", "number": name,
            "notation": "SNV-VP", "promulgated": date(2026, 11, 18), "type_name": "Công văn", "subject": f"Việc {name}",
            "trace": (Hop("H51.15", "2026/11/18 09:00:00"),), **values}
        if "attachments" not in made:
            with pikepdf.new() as pdf:
                pdf.add_blank_page(page_size=(595, 842))
                pdf.docinfo["/Title"] = f"{name} {made['subject']}"
                pdf.save(self.page, deterministic_id=True)
            made["attachments"] = (attach(self.page, f"{name}.pdf"),)
        message = DocumentMessage(**made)
        writing.save(message, self.inbox / f"{name}.edxml")
        return message

    def night(self, at: datetime, listed: str = "") -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(clock, "now", lambda: at)
            patch.setenv("LUUTRU_INGEST__SETTLE_SECONDS", "0")
            if listed:
                (self.inbox / f"{at:%d%H}.csv").write_text(HEAD + listed, encoding="utf-8-sig")
            archive = self.opened()
            nightly.run(archive)
            archive.close()

    def run(self, at: datetime, *arguments: str) -> Any:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(clock, "now", lambda: at)
            patch.setenv("LUUTRU_USER", "Lê Văn Lưu")
            done = CliRunner().invoke(command, [*arguments, "--json"], obj=self.root)
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        return json.loads(done.stdout)

    def answers(self) -> list[tuple[str, str, str]]:
        """What lies in the outbox, as the other agency's program would read it: document, code, words."""
        found = []
        for path in sorted(self.outbox.glob("*.edxml")):
            message = read(path, self.root.parent / "out").message
            assert isinstance(message, StatusMessage)
            found.append((message.response_for.code.partition("/")[0], message.status, message.description))
        return sorted(found)

    def taken(self) -> list[tuple[str, str, str]]:
        """The same, and taken away by that program."""
        found = self.answers()
        for path in self.outbox.glob("*.edxml"):
            path.unlink()
        return found

    def item(self, name: str) -> model.Item:
        archive = self.opened()
        with archive.catalogue.session() as session:
            found = session.scalars(select(model.Item).where(model.Item.name == f"{name}.edxml").order_by(
                model.Item.received_at.desc())).first()
        archive.close()
        assert found is not None
        return found


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """Nights of a week; the tests of this module follow one another and look at what came of them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clock, "now", lambda: NIGHT)
        root = tmp_path_factory.mktemp("lien-thong") / "kho"
        archive = opening.make_archive(root, {"agency": {"code": "H99", "name": US.name}, "edxml": {"answers": "on"}})
        import_file_plan(archive, ROOT / "samples" / "file-plan.xlsx", "H99")
        archive.close()
        yield House(root)


MONDAY = NIGHT + timedelta(days=3)


class Way:
    """A way out that takes everything."""

    name = "axis:thử:H99"

    def __init__(self) -> None:
        self.gone: list[str] = []

    def send(self, path: Path, kind: str, to: Sequence[str], sha256: str) -> str:
        self.gone.append(sha256)
        return f"{len(self.gone)}"


def test_a_received_message_is_answered_once(house: House) -> None:
    house.message("1", steering="2", tasks=("NV-1",), due=date(2026, 12, 1))
    house.message("2")                                              # of no case file: it waits
    house.message("3")
    writing.save(StatusMessage(SENDER, Reference("H99", "9/SNV", "x"), "03", "đã nhận"), house.inbox / "4.edxml")
    house.message("5", sender=US, to=(SENDER,))                     # our own: owed nothing
    house.night(NIGHT, "1.edxml;H99.2026.01.VP\n3.edxml;H99.2026.01.VP\n5.edxml;H99.2026.01.VP\n")
    said = house.answers()
    assert [one[:2] for one in said] == [("1", "01"), ("1", "03"), ("2", "01"), ("3", "01"), ("3", "03"), ("3", "06")]
    assert "H99.2026.01.VP.000000" in said[1][2]
    assert house.item("4").state == register.NOTICE
    archive = house.opened()        # a status describes no document: nothing is missing from it
    assert [one.code for one in releasing.findings_of(archive, house.item("4").id)] == ["EDXML-005"]
    archive.close()
    assert len(house.taken()) == 6
    assert house.run(NIGHT, "answer")["owed"] == [] and house.answers() == []
    house.night(NIGHT + timedelta(hours=1))
    assert house.answers() == [] and not list((house.outbox / answering.PENDING).iterdir())


def test_each_answer_has_its_term_by_the_working_calendar(house: House) -> None:
    archive = house.opened()
    with archive.catalogue.session() as session:
        told = session.scalars(select(model.Event.data).where(model.Event.kind == answering.KIND)).all()
        _owed, waits = answering.owed(session, archive.settings, MONDAY)
    archive.close()
    # Received on Friday at 22:30, so legally on Monday the 23rd at 07:30 (LS Đ11.2): notice that day, refusal in 2 h.
    assert {clock.in_vietnam(clock.parse(one["due"])).strftime("%d %H:%M") for one in told if one["code"] == "01"} == {
        "23 17:00"}
    assert [(one.what, one.due and one.due.strftime("%d %H:%M")) for one in waits] == [("refusal", "23 09:30")]
    assert not any(one["late"] for one in told)


def test_the_same_bytes_again_are_acknowledged_again_and_other_bytes_are_held(house: House) -> None:
    first = house.item("1")
    house.message("1", steering="2", tasks=("NV-1",), due=date(2026, 12, 1))
    (house.inbox / "ban sao.edxml").write_bytes((house.inbox / "1.edxml").read_bytes())
    house.night(MONDAY)
    assert [one[:2] for one in house.taken()] == [("1", "01"), ("1", "01")]
    house.message("1", steering="2", tasks=("NV-1",), due=date(2026, 12, 1), subject="Việc khác")
    house.message("2", subject="Hai", document_id="cùng mã")
    house.message("2b", subject="Hai bê", document_id="cùng mã")
    house.night(MONDAY + timedelta(hours=1), "2.edxml;H99.2026.01.VP\n")
    held = house.item("1")
    archive = house.opened()
    found = {name: {one.code for one in releasing.findings_of(archive, house.item(name).id)} for name in ("1", "2b")}
    archive.close()
    assert held.id != first.id and held.state == "quarantine"
    assert all("EXCHANGE-001" in codes for codes in found.values())
    assert house.item("2").state == "stored"        # the first of the two was there before
    house.taken()
    archive = house.opened()
    with ownership(archive):
        releasing.turn_away(archive, [held], "Bản cũ là đúng", by="Lê Văn Lưu")
    archive.close()
    house.run(MONDAY + timedelta(hours=2), "answer")
    assert house.taken() == [("1", "02", "Bản cũ là đúng")]


def test_a_kill_between_any_two_steps_neither_loses_nor_doubles_an_answer(house: House) -> None:
    house.message("k")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(answering, "write", lambda archive, now: [])
        house.night(MONDAY + timedelta(hours=3))
    archive = house.opened()

    def killed(place: Any, name: str, dies: Any) -> None:
        with pytest.MonkeyPatch.context() as patch, ownership(archive), pytest.raises(KeyboardInterrupt):
            patch.setattr(place, name, dies)
            answering.write(archive, MONDAY)

    def after(*arguments: Any, real: Any = answering._put_aside) -> None:
        real(*arguments)
        raise KeyboardInterrupt

    def before(*_: Any) -> None:
        raise KeyboardInterrupt

    def move(one: Path, target: Path) -> Path:
        if one.parent.name == answering.PENDING and not one.name.startswith("."):
            raise KeyboardInterrupt
        return one.rename(target)

    aside = house.outbox / answering.PENDING
    killed(answering, "_put_aside", after)          # aside, and nobody knows
    killed(answering, "record", before)             # the same, all of them aside
    assert house.answers() == [] and len(list(aside.iterdir())) == 1
    killed(Path, "replace", move)                   # the ledger knows, the outbox does not
    assert house.answers() == [] and len(list(aside.iterdir())) == 1
    with ownership(archive):
        assert answering.write(archive, MONDAY) == []
    assert house.answers() == [("k", "01", "Thông điệp đã đến hệ thống lưu trữ.")] and not list(aside.iterdir())
    with archive.catalogue.session() as session:
        told = session.scalars(select(model.Event.data).where(model.Event.kind == answering.KIND).order_by(
            model.Event.seq.desc())).first()
    assert told is not None
    again = writing.save(answering.message_of(told), house.root.parent / "lai.edxml")
    assert again.path.read_bytes() == (house.outbox / told["file"]).read_bytes() and again.sha256 == told["sha256"]
    house.taken()
    killed(answering, "_finish", before)
    with ownership(archive):
        answering.write(archive, MONDAY)
    archive.close()
    assert house.answers() == []


def test_an_agreed_recall_marks_the_document_and_erases_nothing(house: House) -> None:
    target = house.item("3")
    house.message("r", business=Business("recall", "Ban hành nhầm", document_id="H51.15,2026/11/18,3"),
                  attachments=())
    house.message("q", business=Business("recall", "Nhầm", document_id="chưa từng thấy"), attachments=())
    house.night(MONDAY + timedelta(days=1))
    notice = house.item("r")
    archive = house.opened()
    found = {one.code: one for one in releasing.findings_of(archive, notice.id)}
    archive.close()
    assert notice.state == "quarantine" and {"EDXML-004", "EXCHANGE-002"} <= set(found)
    assert found["EXCHANGE-002"].params["document"] == target.document
    assert [one[:2] for one in house.taken()] == [("q", "01"), ("r", "01")]
    at = MONDAY + timedelta(days=1, hours=1)
    listed = house.run(at, "notices", "--waiting")
    assert {(one["item"], one["target"]) for one in listed} == {(notice.id, target.document), (house.item("q").id, "")}
    assert house.run(at, "decide", notice.id, "--agree", "--dry-run")["decided"] is False
    assert house.item("r").state == "quarantine"
    made = house.run(at, "decide", notice.id, "--agree")
    assert (made["decision"], made["state"], made["by"]) == ("agreed", "notice", "Lê Văn Lưu")
    assert house.run(at, "decide", notice.id, "--agree")["decision"] == "agreed"      # again: nothing more
    house.run(at, "answer")
    assert [one[:2] for one in house.taken()] == [("r", "15")]
    archive = house.opened()
    with archive.catalogue.session() as session:
        marks = deciding.marks(session, [target.document])
        assert session.get(model.Document, target.document) is not None
    assert [(kind, data["reason"]) for kind, data in marks[target.document]] == [("document_recalled", "Ban hành nhầm")]
    kept = archive.settings.root / "store" / "intake" / notice.id / "received" / "r.edxml"
    assert kept.is_file()
    archive.close()


def test_a_refused_recall_is_answered_with_the_reason(house: House) -> None:
    notice, at = house.item("q"), MONDAY + timedelta(days=1, hours=3)
    archive = house.opened()
    assert "EXCHANGE-004" in {one.code for one in releasing.findings_of(archive, notice.id)}
    archive.close()
    for arguments in (("--refuse",), ("--agree",)):     # no reason; no document to mark
        with pytest.raises(Exception, match=r"."):
            house.run(at, "decide", notice.id, *arguments)
    house.run(at, "decide", notice.id, "--refuse", "--reason", "Không nhận được văn bản này")
    house.run(at, "answer")
    assert house.taken() == [("q", "16", "Không nhận được văn bản này")]
    with pytest.raises(Exception, match=r"."):
        house.run(at, "decide", notice.id, "--agree", "--target", house.item("3").document)


def test_an_agreed_replacement_is_stored_beside_the_old_document(house: House) -> None:
    old = house.item("3")
    house.message("3", business=Business("replace", "Đính chính", document_id="H51.15,2026/11/18,3"),
                  document_id="H51.15,2026/11/18,3-tt")
    archive = house.opened()        # and a person answers for the conflict of 2b
    with ownership(archive):
        releasing.release(archive, house.item("2b"), {"fileCode": "H99.2026.01.VP"}, by="An",
                          accepted=["EXCHANGE-001"], reason="Bên gửi xác nhận")
    archive.close()
    house.night(MONDAY + timedelta(days=2))
    assert house.item("2b").state == "stored"
    notice = house.item("3")
    assert notice.id != old.id and notice.state == "quarantine"
    house.run(MONDAY + timedelta(days=2), "decide", notice.id, "--agree")
    assert house.item("3").state == "released"
    house.night(MONDAY + timedelta(days=2, hours=1))
    new = house.item("3")
    assert new.state == "stored" and new.document != old.document
    assert new.document.rpartition(".")[0] == old.document.rpartition(".")[0]
    assert [one[:2] for one in house.taken()] == [("2b", "03"), ("2b", "06"), ("3", "01"), ("3", "15")]


def test_an_agreed_recall_of_what_still_waits_turns_it_away_without_a_refusal(house: House) -> None:
    house.message("w")
    house.message("rw", business=Business("recall", "Nhầm", document_id="H51.15,2026/11/18,w"), attachments=())
    house.night(MONDAY + timedelta(days=3, hours=1))
    house.run(MONDAY + timedelta(days=3, hours=2), "decide", house.item("rw").id, "--agree")
    assert house.item("w").state == "turned_away"
    house.run(MONDAY + timedelta(days=3, hours=2), "answer")
    assert [one[:2] for one in house.taken()] == [("rw", "01"), ("rw", "15"), ("w", "01")]


def test_a_task_is_done_by_the_document_that_answers_it(house: House) -> None:
    at = MONDAY + timedelta(days=4)
    before = house.run(at, "tasks")["tasks"]
    (first,) = [one for one in before if one["code"] == "NV-1"]       # the refused version gives none
    assert (first["state"], first["assignee"], first["kind"]) == ("open", "H99", "task")
    assert first["stored"].startswith("H99.2026.01.VP.")
    house.message("77", sender=US, to=(SENDER,), steering="3", tasks=("NV-1",), promulgated=date(2026, 11, 26))
    house.night(at, "77.edxml;H99.2026.01.VP\n")
    done = house.run(at, "tasks", "--month", "2026-11")
    first = next(one for one in done["tasks"] if one["code"] == "NV-1" and one["answered_by"])
    assert (first["state"], first["answered_by"], first["answered_on"]) == ("answered", "77/SNV-VP", "2026-11-26")
    assert first["answered_stored"] == house.item("77").document
    assert ("1", "06") in [one[:2] for one in house.taken()]


def test_everything_survives_a_rebuild(house: House) -> None:
    archive = house.opened()
    with archive.catalogue.session() as session:
        before = catalogue.rows(session)
        listed = tasks.tasks(session, archive.settings, date(2026, 11, 30))
    with ownership(archive):
        rebuild(archive, admits=ADMITS)
    with archive.catalogue.session() as session:
        after = catalogue.rows(session)
        assert tasks.tasks(session, archive.settings, date(2026, 11, 30)) == listed
    archive.close()
    for table in ("item", "event", "finding"):
        assert after[table] == before[table]
    house.run(MONDAY + timedelta(days=5), "answer")
    assert house.taken() == []


def test_a_message_with_a_secrecy_mark_is_refused_and_nothing_of_it_is_told(house: House) -> None:
    house.message("m", subject="TUYỆT MẬT: kế hoạch tác chiến", steering="2", due=date(2026, 12, 1))
    house.night(MONDAY + timedelta(days=6))
    assert house.item("m").state == "kept_out"
    assert [one[:2] for one in house.answers()] == [("m", "01"), ("m", "02")]
    archive, way = house.opened(), Way()
    with ownership(archive):
        assert sending.send(archive, way).findings == [] and len(way.gone) == 2
    with archive.catalogue.session() as session:
        told = session.scalars(select(model.Event.data).where(model.Event.kind == sending.KIND)).all()
    archive.close()
    assert [(one["code"], one["item"]) for one in told] == [("01", house.item("m").id), ("02", house.item("m").id)]
    assert house.answers() == []
    ledger = b"".join(path.read_bytes() for path in sorted((house.root / "store" / "ledger").iterdir())).decode()
    assert "tác chiến" not in ledger


def test_answers_are_off_where_another_system_answers(archive: Archive, stopped_clock: datetime) -> None:
    home = House(archive.settings.root)
    home.message("1")
    nightly.run(archive)
    assert archive.settings.edxml.answers == "off" and not home.outbox.exists()
    assert [one["code"] for one in home.run(NIGHT, "answers")["owed"]] == ["01"]
    with pytest.raises(Exception, match=r"."):
        home.run(NIGHT, "answer")
    assert not home.outbox.exists()
