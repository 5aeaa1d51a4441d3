"""The sample archive with everything in it that the portal has a page for, and a secret on all of these pages."""

from __future__ import annotations

import hashlib
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from archive import clock, model, opening, settings
from archive.catalogue import record
from archive.ledger import Entry, event_key
from archive.opening import Archive, ownership
from ingest.exchange import register as edxml
from ingest.signatures import register
from ingest.stages.index import index_documents
from retention import holds
from retention.destruction import council, keeping, listing, planning, printing
from retention.reading import asking, deciding
from retention.transfer import objects
from tests import transfer_material
from tests.destruction_material import THEN
from tests.stored_documents import store_documents
from web.accounts import Accounts
from web.tokens import SCOPES, Tokens

WORD, NUMBER, TITLE = "Bímậtnhân", "77/KL-SNV", "Hồ sơ kínchuyện"
SECRET = {"subject": f"Kỷ luật bà Nguyễn {WORD}", "codeNumber": "77", "codeNotation": "KL-SNV", "mode": "02",
          "issuedDate": "03/02/2026", "organName": "Sở Nội vụ"}
OPENED = "H99.2026.10.VP"           # its document is granted to the reader
CLOSED, EXPIRED, OLD, HELD, LASTING = ("H99.2026.09.VP", "H99.2015.30.VP", "H99.2015.01.VP", "H99.2015.02.VP",
                                       "H99.2025.01.VP")
WAITING = "420 cu cong chuc"        # the name of a file in quarantine
MEMBERS = [{"role": "chair", "name": "Trần Văn Lữ", "post": "Phó Giám đốc Sở", "account": "council-member"},
           {"role": "secretary", "name": "Nguyễn Thị Hạnh", "post": "Lưu trữ viên", "account": "archivist"},
           {"role": "owner", "name": "Lê Thị Mai", "post": "Trưởng phòng Hành chính", "account": ""},
           {"role": "expert", "name": "Phạm Quốc Đạt", "post": "Chuyên viên", "account": ""}]


@dataclass
class Held:
    """What the archive that is walked through holds: the names in the examples of addresses."""

    document: str = "H99.2026.01.VP.0000001"
    scan: str = "H99.2026.03.VTLT.0000006"
    case_file: str = "H99.2026.01.VP"
    secret: str = f"{CLOSED}.0000001"
    closed: str = CLOSED
    expired: str = EXPIRED
    old: str = OLD
    word: str = "bimatnhan"
    number: str = quote(NUMBER, safe="")
    night: str = ""
    item: str = ""          # four items in quarantine: in no case file, locked, secret, changed after signing
    unread: str = ""
    kept_out: str = ""
    changed: str = ""
    batch: str = ""
    batch_paper: str = ""
    hold: int = 0
    hand_over: str = ""
    hand_over_paper: str = ""
    reading: str = ""
    opened: str = f"{OPENED}.0000001"
    notice: str = ""
    certificate: str = ""
    link: str = ""


def plant(root: Path) -> Held:
    """Fill the copy of the sample archive at `root`; what it holds then."""
    held = Held()
    with closing(opening.open_archive(settings.load(root))) as archive:
        _documents(archive)
        _retention(archive, held)
        _hand_over(archive, held)
        held.notice = recalled(archive, held.document)
        with archive.catalogue.session() as session:
            items = [(row.name, row.id) for row in session.query(model.Item)]
            held.night = session.query(model.Batch.id).first()[0]       # type: ignore[index]
        held.item, held.unread, held.kept_out, held.changed = (
            next(item for name, item in items if part in name) for part in (WAITING, "co mat khau", "09-BC", "87-QĐ"))
        held.certificate = register.held(archive)[0].sha256
    held.link = Accounts(settings.load(root)).add("van.thu", "Lê Thị Thư", ["reader"], by="test")
    return held


def _documents(archive: Archive) -> None:
    """A restricted document alone in its case file; case files that are expired, one of them restricted."""
    store_documents(archive, [SECRET], code=CLOSED, case_file={"title": TITLE, "fields": {"mode": "02"}})
    closed = {"retention": "05 năm", "closed_at": clock.stamp(THEN), "state": "closed"}
    for code, title, mode in ((OLD, "Hồ sơ nếp sống văn hóa cơ sở", "01"), (HELD, "Hồ sơ khiếu nại", "01"),
                              (EXPIRED, f"{TITLE} của bà {WORD}", "02")):
        store_documents(archive, [{"subject": f"Công văn trong {title}", "issuedDate": "05/03/2015", "mode": mode}],
                        code=code, case_file={**closed, "title": title, "fields": {"mode": mode}})
    transfer_material.case_file(archive, LASTING)
    store_documents(archive, [{"subject": "Biên bản họp kín về quy hoạch", "mode": "02"}], code=OPENED)
    with ownership(archive):
        assert index_documents(archive) == 7


def _retention(archive: Archive, held: Held) -> None:
    """A hold, a batch before its council, a request for use of the restricted document."""
    now = clock.now()
    with ownership(archive):
        held.hold = holds.place(archive, [HELD], holds.Ground("thanh tra", "Hạnh", "12/QĐ-TTT", "2026-11-01",
                                                              "Thanh tra tỉnh"), at=now)[0]
        held.batch = listing.record(archive, clock.in_vietnam(now).date().isoformat(), by="Hạnh", at=now)[0][0]
        planning.plan(archive, held.batch, by="Hạnh", at=now)
        council.convene(archive, held.batch, MEMBERS, "198/QĐ-SNV", "2026-11-02", by="Hạnh", at=now)
        printing.print_papers(archive, held.batch, ["destruction_list_files"], {}, by="Hạnh", at=now)
        request, found = asking.ask(
            archive, "reading", [held.secret], asking.Reader("Phạm Thị Đọc"),
            asking.Purpose("nghiên cứu"), by="Hạnh", at=now)
        assert request is not None, found
        held.reading = request.code
        request, found = asking.ask(archive, "reading", [held.opened], asking.Reader(
            "Phạm Thị Đọc", account="reader"), asking.Purpose("nghiên cứu"), by="Hạnh", at=now)
        assert request is not None, found
        deciding.ask_opinion(archive, request.code, [], by="Hạnh", at=now)
        deciding.give_opinion(archive, request.code, [], deciding.Opinion(
            agree=True, of="Giám đốc", dated="2026-11-02"), by="Hạnh", at=now)
        assert deciding.grant(archive, request.code, [], by="Hạnh", at=now).findings == []
    held.batch_paper = _paper(archive, keeping.object_id(held.batch), keeping.PAPERS)


def recalled(archive: Archive, document: str, *, business: str = "recall") -> str:
    """As if a document had come over the axis with a task, and its sender took it back: the item that waits."""
    sender = {"organ_id": "H51.15", "name": "Sở Nội vụ tỉnh bạn"}
    notice, now = hashlib.sha256(f"{business} {document}".encode()).hexdigest()[:16], clock.stamp(clock.now())
    with archive.catalogue.session() as session:
        came = session.get_one(model.Item, session.get_one(model.Document, document).item)
    told: dict[str, Any] = {
        "kind": "document", "batch": came.batch, "received_at": now, "legal_received_at": now, "own": False,
        "from": sender, "code": "87/SNV-VP", "date": "2026-11-18", "to": ["H99"]}
    first = {**told, "item": came.id, "sha256": came.sha256, "business": "new", "steering": "2", "tasks": ["NV-01"],
             "due": "2026-11-19", "subject": "Báo cáo kết quả số hóa", "identity": {
                 "organId": "H51.15", "documentId": document}}
    second = {**told, "item": notice, "sha256": notice * 4, "business": business, "about": document,
              "reason": "Ban hành nhầm", "identity": {"organId": "H51.15", "documentId": f"{document}-{business}"}}
    with ownership(archive), archive.catalogue.session() as session:
        session.add(model.Item(
            id=notice, source="inbox", name="thu-hoi.edxml", size=1, sha256=notice * 4, sha512=notice * 8,
            received_at=now, legal_received_at=now, receipt_rule="LS", batch=came.batch, state="quarantine",
            document="", fields={}, facts={}))
        record(session, archive.ledger, [Entry(edxml.KIND, edxml.identity(
            "H51.15", one["identity"]["documentId"], one["business"]), one, event_key(edxml.KIND, one["item"]))
            for one in (first, second)])
    return notice


def _hand_over(archive: Archive, held: Held) -> None:
    """A hand-over that was registered."""
    held.hand_over = transfer_material.told(
        archive.settings.root, "register", LASTING, "--to-code", "H01", "--to-name", transfer_material.CENTRE,
        "--summary", "Hồ sơ ban hành quy chế", "--planned", "2027-01-15", "--contact", "Lê Văn Lưu, 0912345678")["code"]
    held.hand_over_paper = _paper(archive, objects.object_id(held.hand_over), objects.PAPERS)


def _paper(archive: Archive, object_id: str, folder: str) -> str:
    return next(path for path in sorted(archive.store.files(object_id)) if path.startswith(f"{folder}/"))


def token_of(root: Path, name: str) -> str:
    """A token of an account, with every scope."""
    told = settings.load(root)
    return Tokens(told, Accounts(told)).make(name, "walk", list(SCOPES), by="test")[0]


