"""Promises about sending: each message once, only what is ours and may leave, nothing lost when the axis fails."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import select

from archive import clock, model
from archive.catalogue import record
from archive.errors import RefusedError, UsageError
from archive.ledger import Entry, event_key
from archive.opening import Archive, ownership
from ingest.commands import axis_demo
from ingest.commands.edxml import command
from ingest.exchange import composing, reading, register, sending, writing
from ingest.exchange.axis import Account, Axis
from ingest.exchange.axis_server import DemoAxis
from ingest.exchange.messages import (
    Business,
    DocumentMessage,
    Party,
    Reference,
    StatusMessage,
    attach,
)
from ingest.exchange.sources import ExchangeError, UnreachableError
from tests.conftest import NIGHT
from tests.edxml_messages import PDF
from tests.stored_documents import FILE, store_documents

SECRET = "bí mật"
US, THEM = Party("H99", "Sở Nội vụ tỉnh Mẫu"), Party("000.00.15.H51", "Sở Nội vụ")
FIELDS = {"organName": US.name, "codeNumber": "104", "codeNotation": "SNV-VP", "issuedDate": "03/11/2026",
          "typeName": "22", "subject": "Về việc nộp lưu hồ sơ", "signer": "Nguyễn Văn An",
          "signerTitle": "KT. GIÁM ĐỐC PHÓ GIÁM ĐỐC", "priority": "Khẩn", "mode": "01"}
FIRST = f"{FILE}.0000001"


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[DemoAxis, str]]:
    axis = DemoAxis({"H99": SECRET, "H51.15": "khác"})
    with axis.serve() as address:
        yield axis, address


@pytest.fixture
def axis(served: tuple[DemoAxis, str]) -> DemoAxis:
    """The axis without messages and faults."""
    one = served[0]
    one.messages.clear()
    one.seen.clear()
    one.asked.clear()
    one.fault = lambda path, n: 0
    return one


@pytest.fixture
def client(served: tuple[DemoAxis, str], axis: DemoAxis) -> Axis:
    return Axis(Account(served[1], "H99", SECRET, 5.0, 3), pause=lambda seconds: None)


class Slip:
    """A way out that notes what went, and fails when told to."""

    name = "axis:thử:H99"

    def __init__(self, error: Exception | None = None) -> None:
        self.error, self.gone = error, list[tuple[str, str, tuple[str, ...]]]()

    def send(self, path: Path, kind: str, to: Sequence[str], sha256: str) -> str:
        if self.error is not None:
            raise self.error
        assert hashlib.sha256(path.read_bytes()).hexdigest() == sha256
        self.gone.append((path.name, kind, tuple(to)))
        return f"id-{len(self.gone)}"


def outbox(archive: Archive) -> Path:
    return archive.settings.path(archive.settings.edxml.outbox)


def put(archive: Archive, name: str, message: DocumentMessage | StatusMessage) -> Path:
    return writing.save(message, outbox(archive) / f"{name}.edxml").path


def drop(archive: Archive, data: bytes) -> None:
    """Put something into the outbox that no writer of ours made."""
    outbox(archive).mkdir()
    (outbox(archive) / "x.edxml").write_bytes(data)


def paper(archive: Archive, **values: Any) -> DocumentMessage:
    page = archive.settings.root / "trang.pdf"
    page.write_bytes(PDF)
    return DocumentMessage(**{"sender": US, "to": (THEM,), "document_id": "H99,2026/11/03,104/SNV-VP", "number": "104",
                              "notation": "SNV-VP", "promulgated": date(2026, 11, 3), "subject": "Việc",
                              "attachments": (attach(page, "công văn.pdf", zipped=True),), **values})


def status(code: str = "01", about: Party = THEM) -> StatusMessage:
    return StatusMessage(US, Reference(about.organ_id, "7/SNV", "H51.15,2026/11/18,7/SNV"), code, "lý do", NIGHT)


def sent(archive: Archive, way: sending.Carrier, **more: Any) -> sending.Sent:
    with ownership(archive):
        return sending.send(archive, way, **more)


def names(archive: Archive) -> tuple[list[str], list[str]]:
    """What waits, and what was sent."""
    return ([path.name for path in sending.waiting(archive.settings)],
            sorted(path.name for path in (outbox(archive) / sending.SENT).glob("*")))


def told(archive: Archive) -> list[dict[str, Any]]:
    with archive.catalogue.session() as session:
        return list(session.scalars(select(model.Event.data).where(model.Event.kind == sending.KIND).order_by(
            model.Event.seq)))


def test_answers_and_documents_go_over_the_axis_and_their_receiver_fetches_equal_bytes(
        archive: Archive, axis: DemoAxis, client: Axis, served: tuple[DemoAxis, str]) -> None:
    document = put(archive, "a", paper(archive, to=(THEM, Party("H51.15"), Party("H01", "Sở Tài chính"))))
    raw = document.read_bytes()
    put(archive, "b", status())
    made = sent(archive, client)
    assert made.findings == [] and names(archive) == ([], ["a.edxml", "b.edxml"])
    assert next(iter(axis.messages.values())).data == raw
    assert [(one.to, one.kind) for one in axis.messages.values()] == [     # one agency under two codes gets one
        ("000.00.15.H51", "edoc"), ("H01", "edoc"), ("000.00.15.H51", "status")]
    events = told(archive)
    assert [(one["kind"], one["code"], one["to"]) for one in events] == [
        ("document", "104/SNV-VP", ["000.00.15.H51", "H01"]), ("status", "01", ["000.00.15.H51"])]
    assert events[0]["sha256"] == hashlib.sha256(raw).hexdigest() and events[0]["id"] == made.new[0][1] != ""
    other = Axis(Account(served[1], "H51.15", "khác", 5.0, 1))
    listed = list(other.list())
    assert [one.kind for one in listed] == ["edoc", "status"]
    with (archive.settings.root / "theirs").open("wb+") as sink:
        other.get(listed[0], sink)
        sink.seek(0)
        assert sink.read() == raw
    for one in listed:
        other.confirm(one)
    assert list(other.list()) == []
    axis.seen.clear()
    assert sent(archive, client).new == [] and axis.seen == []


def test_what_was_sent_and_not_told_goes_again_and_what_was_told_only_moves(
        archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    put(archive, "a", paper(archive))
    way = Slip()

    def dies(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(sending, "record", dies)
        sent(archive, way)
    assert names(archive) == (["a.edxml"], []) and told(archive) == []
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(sending, "_put_away", dies)
        sent(archive, way)
    assert len(way.gone) == 2 and names(archive) == (["a.edxml"], [])
    made = sent(archive, way)
    assert (len(way.gone), made.new, made.again) == (2, [], ["a.edxml"]) and names(archive) == ([], ["a.edxml"])
    assert len(told(archive)) == 1


def test_another_message_of_the_same_name_goes_and_writes_nothing_over(archive: Archive) -> None:
    way = Slip()
    for code in ("01", "03", "06"):
        put(archive, "a", status(code))
        assert len(sent(archive, way).new) == 1
    assert names(archive) == ([], ["a-2.edxml", "a-3.edxml", "a.edxml"]) and len(told(archive)) == 3


@pytest.mark.parametrize(("wrong", "code"), [
    (lambda archive: put(archive, "x", paper(archive, sender=THEM)), "EXCHANGE-024"),
    (lambda archive: put(archive, "x", paper(archive, to=())), "EXCHANGE-025"),
    (lambda archive: put(archive, "x", paper(archive, to=(Party("Sở nội vụ"),))), "EXCHANGE-025"),
    (lambda archive: put(archive, "x", status(about=Party(""))), "EXCHANGE-025"),
    (lambda archive: put(archive, "x", paper(archive, subject="[MẬT] Việc")), "EXCHANGE-026"),
    (lambda archive: put(archive, "[TỐI MẬT] x", paper(archive)), "EXCHANGE-026"),
    (lambda archive: drop(archive, b"<edXML/>"), "EXCHANGE-023"), (lambda archive: drop(archive, b""), "EXCHANGE-023")])
def test_what_may_not_leave_stays_and_does_not_stop_the_rest(archive: Archive, wrong: Any, code: str) -> None:
    wrong(archive)
    put(archive, "zz", status())
    way = Slip()
    made = sent(archive, way)
    assert [one.code for one in made.findings] == [code] and [one[0] for one in way.gone] == ["zz.edxml"]
    assert len(names(archive)[0]) == 1
    for one in made.findings:
        assert "…" not in one.sentence("vi") + one.sentence("en") and one.cure("vi") and one.cure("en")


def test_links_and_hidden_files_are_left_alone(archive: Archive) -> None:
    put(archive, ".đang-viết", status())
    elsewhere = writing.save(status(), archive.settings.root / "khác.edxml").path
    (outbox(archive) / "y.edxml").symlink_to(elsewhere)
    assert sent(archive, Slip()).new == [] and elsewhere.is_file()


def test_a_refusal_is_told_and_the_next_is_tried_but_not_when_nobody_answers(archive: Archive) -> None:
    for name in ("a", "b"):
        put(archive, name, status())
    refused = sent(archive, Slip(ExchangeError("khoá sai")))
    assert [one.code for one in refused.findings] == ["EXCHANGE-022"] * 2
    assert [one.code for one in sent(archive, Slip(UnreachableError("xa"))).findings] == ["EXCHANGE-022"]
    assert names(archive) == (["a.edxml", "b.edxml"], [])
    assert len(sent(archive, Slip(), limit=1).new) == 1 and len(sent(archive, Slip(), limit=1).new) == 1


def test_a_stumbling_axis_gets_the_whole_file_again(archive: Archive, axis: DemoAxis, client: Axis) -> None:
    raw = put(archive, "a", paper(archive)).read_bytes()
    axis.fault = lambda path, n: 503 if n < 3 else 0
    assert len(sent(archive, client).new) == 1 and [one.data for one in axis.messages.values()] == [raw]
    axis.fault = lambda path, n: 500
    put(archive, "b", status())
    made = sent(archive, client)
    assert [one.code for one in made.findings] == ["EXCHANGE-022"] and names(archive)[0] == ["b.edxml"]


def test_bytes_that_are_not_those_that_were_signed_are_refused_by_the_axis(axis: DemoAxis, client: Axis,
                                                                          tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"bytes")
    for to, sha256 in ((["H01"], "0" * 64), ([], hashlib.sha256(b"bytes").hexdigest())):
        with pytest.raises(ExchangeError):
            client.send(tmp_path / "x", "edoc", to, sha256)
    with pytest.raises(ValueError, match="not a header"):
        client.send(tmp_path / "x", "edoc", ["H01"], "0\r\nfrom: H01")
    assert not axis.messages


def test_a_stored_document_of_ours_becomes_a_message_that_is_read_back_equal(archive: Archive) -> None:
    store_documents(archive, [FIELDS], contents=[PDF], names=["công văn.pdf"])
    with ownership(archive):
        shown = composing.compose(archive, FIRST, (THEM,), NIGHT, by="An", dry_run=True)
        assert shown.path is None and not list(outbox(archive).rglob("*"))
        made = composing.compose(archive, FIRST, (THEM,), NIGHT, by="An")
        with pytest.raises(UsageError):
            composing.compose(archive, FIRST, (THEM,), NIGHT, by="An")
    assert made.path is not None and made.path.parent == outbox(archive)
    back = reading.read(made.path, archive.settings.root / "ra", archive.settings)
    message = back.message
    assert message == made.message and isinstance(message, DocumentMessage)
    assert message.document_id == "H99,2026/11/03,104/SNV-VP" and message.code == "104/SNV-VP"
    assert (message.type_name, message.priority, message.signer.competence) == ("Công văn", "1", "KT.")
    assert (message.signer.name, message.subject) == ("Nguyễn Văn An", FIELDS["subject"])
    assert [(one.name, one.path.read_bytes(), one.zipped) for one in message.attachments] == [
        ("công văn.pdf", PDF, True)]
    with archive.catalogue.session() as session:
        event = session.scalars(select(model.Event).where(model.Event.kind == "exported")).one()
    assert (event.subject, event.actor, event.data["to"]) == (FIRST, "An", made.path.name)
    assert list(event.data["files"].values()) == [hashlib.sha256(PDF).hexdigest()]
    assert len(sent(archive, Slip()).new) == 1


def test_only_what_our_agency_issued_and_nobody_recalled_is_sent(archive: Archive) -> None:
    foreign = {**FIELDS, "organName": "Sở Tài chính", "organId": "H99.02"}
    nameless = {key: value for key, value in FIELDS.items() if key != "codeNumber"}
    store_documents(archive, [FIELDS, foreign, nameless])
    with archive.catalogue.session() as session:
        record(session, archive.ledger, [Entry(
            "document_recalled", FIRST, {"notice": "x"}, event_key("document_recalled", FIRST))])
    with ownership(archive):
        with pytest.raises(RefusedError):
            composing.compose(archive, FIRST, (THEM,), NIGHT, by="An")
        for code, error in ((f"{FILE}.0000002", RefusedError), (f"{FILE}.0000003", UsageError),
                            (f"{FILE}.0000009", UsageError)):
            with pytest.raises(error):
                composing.compose(archive, code, (THEM,), NIGHT, by="An")
        with pytest.raises(RefusedError):
            composing.compose(archive, FIRST, (), NIGHT, by="An")
        recall = composing.compose(archive, FIRST, (THEM,), NIGHT, by="An", recall="Ban hành nhầm")
    assert recall.message.attachments == ()
    assert recall.message.business == Business("recall", "Ban hành nhầm", document_id="H99,2026/11/03,104/SNV-VP")
    assert isinstance(sending.look(recall.path or Path(), archive.settings), sending.Outgoing)


def test_the_commands_write_send_and_show_what_came_of_it(
        archive: Archive, axis: DemoAxis, served: tuple[DemoAxis, str], monkeypatch: pytest.MonkeyPatch) -> None:
    root = archive.settings.root
    monkeypatch.setattr(clock, "now", lambda: NIGHT)
    monkeypatch.setenv("LUUTRU_USER", "Lê Văn Lưu")
    store_documents(archive, [FIELDS], contents=[PDF], names=["công văn.pdf"])

    def run(*arguments: str, code: int = 0) -> Any:
        done = CliRunner().invoke(command, [*arguments, "--json"], obj=root)
        assert done.exit_code == code, (done.output, done.exception)
        return json.loads(done.stdout)

    assert isinstance(CliRunner().invoke(command, ["send"], obj=root).exception, UsageError)        # it is off
    for name, value in {"SEND": "axis", "ADDRESS": served[1]}.items():
        monkeypatch.setenv(f"LUUTRU_EDXML__{name}", value)
    monkeypatch.setenv("LUUTRU_EDXML_SECRET", SECRET)
    assert run("write", FIRST, "--to", "H51.15=Sở Nội vụ", "--dry-run")["written"] is False
    made = run("write", FIRST, "--to", "H51.15=Sở Nội vụ")
    assert made["written"] and made["attachments"] == ["công văn.pdf"]
    assert run("send", "--dry-run")["sent"] is False and not axis.messages
    done = run("send")
    assert [one["id"] for one in done["messages"]] == [one.sent for one in axis.messages.values()] != []
    assert run("sent", "--waiting")[0]["answers"] == []
    answer = StatusMessage(THEM, Reference("H99", "104/SNV-VP", made["document_id"]), "03", "đã nhận", NIGHT)
    read = reading.read(writing.save(answer, root / "a.edxml").path, root / "o")
    came = {"item": "x", "kind": "status", "identity": dict(read.facts["identity"]), "received_at": "", "own": False,
            "from": {"organ_id": THEM.organ_id, "name": ""}, "status": "03", "description": "đã nhận",
            "about": made["document_id"]}
    with ownership(archive), archive.catalogue.session() as session:
        record(session, archive.ledger, [Entry(register.KIND, "y", came, event_key(register.KIND, "x"))])
    shown = run("sent")
    assert [(one["status"], one["agency"]) for one in shown[0]["answers"]] == [("03", THEM.organ_id)]
    assert run("sent", "--waiting") == []
    for arguments in (["sent"], ["send"], ["write", FIRST, "--to", "H01", "--recall", "Nhầm"]):
        assert CliRunner().invoke(command, arguments, obj=root).exit_code == 0


def test_the_demo_axis_says_what_it_was_sent(tmp_path: Path) -> None:
    data = writing.save(status(), tmp_path / "a.edxml").path.read_bytes()
    assert axis_demo._said(data).startswith("01 lý do") and axis_demo._said(b"x") == "?"
