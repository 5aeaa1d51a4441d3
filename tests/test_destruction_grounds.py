"""What may go although its period is not over, and what goes by the same list: another copy always stands for it."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from archive import clock, layout, links, opening, rechecks, records, settings, texts
from archive.catalogue import record as record_events
from archive.errors import UsageError
from archive.files import json_bytes
from archive.fixity import checking as fixity
from archive.forms import papers
from archive.ledger import Entry, event_key
from archive.model import CaseFile, Document, Event, Item, ScanJob, ScanJobFile
from archive.opening import Archive, ownership
from archive.rebuild import rebuild
from archive.store import NewFile
from ingest.stages.index import index_documents
from retention import holds
from retention.destruction import checking, dossier_parts, grounds, keeping, listing, printing
from retention.destruction import paper as paper_lists
from retention.objects import ADMITS
from retention.transfer import objects as transfers
from search.index import open_index
from tests import destruction_material
from tests.destruction_material import FOREVER, NOW, OLD, THEN, YOUNG, Way
from tests.stored_documents import store_documents

GIVEN, LATER = "H99.2014.31.VP", "H99.2014.32.VP"               # handed over; the second was changed since
DOUBLE, KEPT, ODD = "H99.2015.41.VP", "H99.2015.42.VP", "H99.2015.43.VP"
CENTRE, HANDED_OVER = "Trung tâm Lưu trữ lịch sử tỉnh Mẫu", "NL.H99.2016.01"
BATCH = "HUY.2026.001"


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The archive of the way, with case files that were handed over and others that are there twice."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clock, "now", clock.now)
        patch.setenv("LUUTRU_USER", "Nguyễn Thị Hạnh")
        root = tmp_path_factory.mktemp("can-cu") / "kho"
        archive = destruction_material.fill(root)
        clock.now = lambda: THEN
        closed = {"closed_at": clock.stamp(THEN), "state": "closed"}
        for code in (GIVEN, LATER):
            store_documents(archive, [{"subject": "Quy chế"}, {"subject": "Quyết định"}], code=code,
                            case_file={**closed, "retention": "Vĩnh viễn", "title": f"Hồ sơ đã nộp {code}"})
        same = [b"cung mot noi dung 1", b"cung mot noi dung 2"]
        dated = {"issuedDate": "05/03/2015"}
        for code, period in ((KEPT, "20 năm"), (DOUBLE, "15 năm")):
            store_documents(archive, [{"subject": "Tờ trình", **dated}, {"subject": "Phụ lục", **dated}], code=code,
                            contents=same, case_file={**closed, "retention": period, "title": f"Hồ sơ trùng {code}"})
            clock.now = lambda: THEN + timedelta(hours=1)
        store_documents(archive, [{"subject": "Tờ trình", **dated}, {"subject": "Riêng", **dated}], code=ODD,
                        contents=[same[0], b"chi co o day"], case_file={**closed, "retention": "15 năm"})
        hand_over(archive, GIVEN, LATER)
        clock.now = lambda: NOW
        store_documents(archive, [], code=LATER, case_file={"title": "Sửa sau khi nộp"})
        shared_scan(archive, OLD[0], OLD[1], YOUNG)
        archive.close()
        yield root


def hand_over(archive: Archive, *codes: str) -> None:
    """What the agency's side keeps of a hand-over whose receiver signed for these case files."""
    items, packages = [], []
    for n, code in enumerate(codes, 1):
        files = [{"path": f"{layout.RECEIVED}/{k}.txt", "sha256": one.sha256, "size": one.size}
                 for k, (path, one) in enumerate(sorted(archive.store.files(layout.casefile_object(code)).items()))
                 if path.startswith(layout.RECEIVED)]
        items.append({"n": n, "code": code, "title": "x", "state": "prepared", "objid": f"o{n}", "sha256": "ab" * 32,
                      "size": 1, "reason": "", "contents": files})
        packages.append({"n": n, "code": code, "objid": f"o{n}", "sha256": "ab" * 32, "size": 1, "files": files})
    held = transfers.Transfer({"schema": transfers.SCHEMA, "code": HANDED_OVER, "side": "agency", "state": "prepared",
                               "kind": "historical", "form": "sip_hoso", "sender": {"code": "H99", "name": "Sở"},
                               "receiver": {"code": "H01", "name": CENTRE}, "registration": {}, "acts": []}, items)
    data = json_bytes({"packages": packages})
    with ownership(archive):
        held = transfers.write(archive, held, "prepared", {}, by="Lưu", at=clock.now())
        signed = held.moved("confirmed", {n: {"state": "confirmed"} for n, _one in enumerate(items, 1)})
        told = {"verdict": "valid", "confirmation": hashlib.sha256(data).hexdigest()}
        transfers.write(archive, signed, "confirmed", told, by="Lưu", at=clock.now(), files={
            "received/confirmation.json": data})


def shared_scan(archive: Archive, *codes: str) -> None:
    """A long scan in the store, out of which the first document of each of these case files came."""
    item = "5" * 16
    told = {"documents": [{"document": f"{code}.0000001"} for code in codes]}
    with ownership(archive):
        archive.store.put(layout.scan_object(item), {layout.SCAN: NewFile(json_bytes(told))}, message="scan",
                          user="luutru", created=clock.now())
        with archive.catalogue.session() as session:
            record_events(session, archive.ledger, [Entry("scan_kept", item, {
                "object": layout.scan_object(item), "files": {}, "version": 1}, event_key("scan_kept", item))])


@pytest.fixture
def copied(filled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Way, Archive]]:
    """A copy of it: its commands, and itself."""
    monkeypatch.setattr(clock, "now", clock.now)
    monkeypatch.setenv("LUUTRU_USER", "Nguyễn Thị Hạnh")
    shutil.copytree(filled, tmp_path / "kho", symlinks=True)
    opened = opening.open_archive(settings.load(tmp_path / "kho"))
    yield Way(tmp_path / "kho", tmp_path), opened
    opened.close()


@pytest.fixture
def looked(filled: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Way, Archive]]:
    """The archive itself, for tests that change nothing in it."""
    monkeypatch.setattr(clock, "now", clock.now)
    opened = opening.open_archive(settings.load(filled))
    yield Way(filled, filled.parent), opened
    opened.close()


def approved(run: Way, archive: Archive, monkeypatch: pytest.MonkeyPatch, batch: str = BATCH) -> None:
    """As if council, papers and decision were there: what they ask for is tested elsewhere."""
    monkeypatch.setattr(checking, "papers", lambda *_: [])
    held = keeping.read(archive.store, batch)
    with ownership(archive):
        keeping.write(archive, held.with_record(state="approved"), "approved", {
            "number": "215/QĐ", "dated": "2026-11-16", "plan_hash": held.plan_hash, "count": len(held.standing),
            "verdict": "valid", "signers": [], "decides": ""}, by="Hạnh", at=clock.now())


def gone(archive: Archive, *codes: str) -> list[bool]:
    return [not archive.store.has(layout.casefile_object(code)) for code in codes]


def faults(archive: Archive) -> list[str]:
    with ownership(archive):
        return fixity.check(archive, copies=False).faults


# --- handed over ----------------------------------------------------------------------------------------------------


def test_what_another_archive_signed_for_goes_although_it_is_permanent(copied: Any,
                                                                       monkeypatch: pytest.MonkeyPatch) -> None:
    run, archive = copied
    listed = run.told("due", "--handed-over")[0]
    assert [(one["code"], one["reason"]) for one in listed["items"]] == [(GIVEN, "handed"), (LATER, "handed")]
    assert run.codes("plan", BATCH) == ["DESTROY-050"], "changed here since"
    run.told("plan", BATCH, "--without-blocked")
    shown = run.told("show", BATCH)
    assert {one["code"]: one["state"] for one in shown["items"]} == {GIVEN: "proposed", LATER: "removed"}
    row = printing.filled(archive, keeping.read(archive.store, BATCH), "destruction_list_files", {}, NOW)["files"][0]
    assert row["reason"] == "Đã nộp lưu" and HANDED_OVER in row["note"] and CENTRE in row["note"]
    approved(run, archive, monkeypatch)
    assert run.told(*run.apply(BATCH))["state"] == "destroyed"
    assert gone(archive, GIVEN, LATER, FOREVER) == [True, False, False]
    assert fixity.missing_objects(archive) == []


def test_what_the_receipt_does_not_cover_stays(looked: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    _run, archive = looked

    def faults(code: str = GIVEN) -> list[str]:
        with archive.catalogue.session() as session:
            return [one.params["what"] for one in grounds.check_handed(archive, session, [
                {"code": code, "reason": "handed"}])]

    assert faults() == []
    assert len(faults(FOREVER)) == 1, "nobody signed for it"
    real = grounds._confirmed(archive, HANDED_OVER)[GIVEN]
    for wrong in (grounds.Receipt(real.transfer, real.receiver, real.prepared_at, frozenset([*real.files][:1])),
                  grounds.Receipt(real.transfer, real.receiver, real.prepared_at, real.files, "x"),
                  grounds.Receipt(real.transfer, real.receiver, "2016-03-09T00:00:00.000000+00:00", real.files)):
        with monkeypatch.context() as patch:
            patch.setattr(grounds, "_confirmed", lambda *_, wrong=wrong: {GIVEN: wrong})
            assert len(faults()) == 1


def test_a_confirmation_that_was_altered_or_not_signed_stands_for_nothing(copied: Any) -> None:
    run, archive = copied
    held = transfers.read(archive.store, HANDED_OVER)
    act = held.last("confirmed")
    assert act is not None
    for change in ({"verdict": "invalid"}, {"confirmation": "cd" * 32}):
        acts = [*held.acts[:-1], {**act, **change}]
        with ownership(archive):
            transfers.write(archive, transfers.Transfer({**held.record, "acts": acts[:-1]}, held.items), "confirmed", {
                **{key: value for key, value in acts[-1].items() if key not in ("act", "version", "at", "by")}},
                by="?", at=NOW, files={"received/confirmation.json": archive.store.read(
                    transfers.object_id(HANDED_OVER), transfers.path_of(act["version"], "received/confirmation.json"))})
        assert run.told("due", "--handed-over", "--dry-run")[0]["items"]
        with archive.catalogue.session() as session:
            assert len(grounds.check_handed(archive, session, [{"code": GIVEN, "reason": "handed"}])) == 1


def test_a_hold_or_a_link_keeps_also_what_was_handed_over(copied: Any) -> None:
    run, archive = copied
    run.told("due", "--handed-over")
    with ownership(archive):
        links.link(archive, [f"{GIVEN}.0000001"], YOUNG, by="H", reason="cùng vụ", at=NOW)
    assert "DESTROY-006" in run.codes("plan", BATCH, "--remove", LATER, "--reason", "x")
    with ownership(archive):
        holds.place(archive, [GIVEN], holds.Ground("án", "Hạnh", "3/TA", "2026-11-20", "Tòa án tỉnh"), at=NOW)
    assert "DESTROY-005" in run.codes("plan", BATCH, "--remove", LATER, "--reason", "x")
    assert run.told("due", "--handed-over", "--dry-run")[0]["blocked"] == {GIVEN: "hold"}


def test_a_yearly_list_takes_in_what_was_handed_over(copied: Any) -> None:
    run, _archive = copied
    run.told("due")
    run.told("plan", BATCH, "--add", GIVEN, "--handed-over", "--with-shared", "--without-blocked", "--remove", OLD[0],
             "--remove", OLD[1], "--reason", "x")
    reasons = {one["code"]: one["reason"] for one in run.told("show", BATCH)["items"] if one["state"] == "proposed"}
    assert reasons == {**dict.fromkeys(OLD[2:], "expired"), GIVEN: "handed"}


# --- there twice ----------------------------------------------------------------------------------------------------


def test_a_case_file_that_is_there_twice_goes_at_once_and_the_kept_one_stays(copied: Any,
                                                                            monkeypatch: pytest.MonkeyPatch) -> None:
    run, archive = copied
    listed = run.told("due", "--duplicates")[0]
    assert [one["code"] for one in listed["items"]] == [DOUBLE, f"{ODD}.0000001"], (
        "not the case file of which a document is there only once, but its other document")
    assert {one["document"] for one in listed["duplicates"]} == {
        f"{DOUBLE}.0000001", f"{DOUBLE}.0000002", f"{ODD}.0000001"}
    assert [one[:2] for one in listed["items"][0]["twins"]] == [
        [f"{DOUBLE}.0000001", f"{KEPT}.0000001"], [f"{DOUBLE}.0000002", f"{KEPT}.0000002"]]
    run.told("plan", BATCH, "--remove", f"{ODD}.0000001", "--reason", "để đợt sau")
    held = keeping.read(archive.store, BATCH)
    rows = printing.filled(archive, held, "destruction_list_documents", {}, NOW)
    assert (rows["count"], rows["items"][1]["note"]) == (2, f"Bản được giữ: {KEPT}.0000002")
    told = papers.content("destruction_explanation", printing.filled(
        archive, held, "destruction_explanation", {"all": {"place": "x"}}, NOW))
    assert "1 hồ sơ có mọi tài liệu trùng" in json.dumps(told, ensure_ascii=False)
    assert "Danh mục tài liệu trùng lặp" in [one.name for one in dossier_parts.missing(archive, held, "decision")]
    approved(run, archive, monkeypatch)
    kept = archive.store.files(layout.casefile_object(KEPT))[f"{layout.RECEIVED}/{KEPT}.0000001.txt"].place
    whole = kept.read_bytes()
    kept.chmod(0o644)
    kept.write_bytes(b"cung mot noi dung X")
    assert run.codes(*run.apply(BATCH)) == ["DESTROY-051"], "the kept bytes are read again before anything goes"
    kept.write_bytes(whole)
    assert run.told(*run.apply(BATCH))["state"] == "destroyed"
    assert gone(archive, DOUBLE, KEPT, ODD) == [True, False, False]


@pytest.mark.parametrize("code", [ODD, KEPT, FOREVER])
def test_what_is_not_there_twice_or_lives_longer_is_no_duplicate(copied: Any, code: str) -> None:
    run, _archive = copied
    run.told("due")
    found = run.codes("plan", BATCH, "--add", code, "--duplicate", "--reason", "x")
    assert "DESTROY-051" in found and ("DESTROY-003" in found) == (code == FOREVER)


def test_a_person_names_the_kept_copy_where_the_bytes_differ(copied: Any) -> None:
    run, _archive = copied
    run.told("due", "--duplicates")
    twin = ("--twin", f"{ODD}.0000002={KEPT}.0000002")
    run.told("plan", BATCH, "--add", ODD, "--duplicate", *twin, "--reason", "bản quét lại của cùng văn bản")
    item = run.told("show", BATCH)["items"][-1]
    assert [one[1] for one in item["twins"]] == [f"{KEPT}.0000001", f"{KEPT}.0000002"]
    assert run("plan", BATCH, "--twin", "x").exit_code == 2
    assert "DESTROY-051" in run.codes("plan", BATCH, "--add", KEPT, "--duplicate", "--twin",
                                      f"{KEPT}.0000001={DOUBLE}.0000001", "--reason", "x"), "that one goes itself"


def test_a_single_document_that_is_there_twice_goes_and_its_case_file_stays(copied: Any,
                                                                            monkeypatch: pytest.MonkeyPatch) -> None:
    run, archive = copied
    code = f"{ODD}.0000001"
    run.told("due", "--duplicates")
    run.told("plan", BATCH, "--remove", DOUBLE, "--reason", "để đợt sau")
    held = keeping.read(archive.store, BATCH)
    assert [(one["code"], one["twins"][0][:2]) for one in held.documents] == [(code, [code, f"{KEPT}.0000001"])]
    printable = printing.printable(archive.settings, "planned", held)
    assert "destruction_list_files" not in printable and "destruction_list_documents" in printable
    rows = printing.filled(archive, held, "destruction_list_documents", {}, NOW)
    assert [(one["code"], one["note"]) for one in rows["items"]] == [(code, f"Bản được giữ: {KEPT}.0000001")]
    decision = printing.filled(archive, held, "destruction_decision", {}, NOW)
    assert (decision["count"], decision["documents"]) == (0, 1)
    approved(run, archive, monkeypatch)
    assert run.told(*run.apply(BATCH))["state"] == "destroyed"
    assert gone(archive, DOUBLE, KEPT, ODD) == [False, False, False]
    assert records.ordinals(archive.store, ODD) == [2] and faults(archive) == []
    item = next(one for one in run.told("show", BATCH)["items"] if one["code"] == code)
    assert item["state"] == "destroyed"
    run.told("papers", BATCH)
    with archive.catalogue.session() as session:
        before = {row.code for row in session.query(Document)}
    with ownership(archive, rebuilding=True):
        rebuild(archive, admits=ADMITS)
    with archive.catalogue.session() as session:
        assert {row.code for row in session.query(Document)} == before and code not in before


def test_what_may_not_go_alone_is_refused_in_words(copied: Any) -> None:
    run, archive = copied
    run.told("due", "--duplicates")
    assert run.codes("plan", BATCH, "--add", f"{ODD}.0000002", "--reason", "x") == ["DESTROY-057"]
    assert "DESTROY-051" in run.codes("plan", BATCH, "--add", f"{ODD}.0000002", "--duplicate", "--reason", "x")
    assert "DESTROY-072" in run.codes("plan", BATCH, "--add", f"{DOUBLE}.0000001", "--duplicate", "--reason", "x")
    run.told("plan", BATCH, "--remove", DOUBLE, "--reason", "x")
    both = [word for n in (1, 2) for word in ("--add", f"{DOUBLE}.000000{n}")]
    assert set(run.codes("plan", BATCH, *both, "--duplicate", "--reason", "x")) == {"DESTROY-071"}
    with ownership(archive):
        holds.place(archive, [ODD], holds.Ground("án", "Hạnh", "3/TA", "2026-11-20", "Tòa án tỉnh"), at=clock.now())
    assert run.codes("plan", BATCH) == ["DESTROY-005"]


def test_a_document_of_a_long_scan_cannot_go_alone(copied: Any) -> None:
    _run, archive = copied
    item = "6" * 16
    told = {"documents": [{"document": f"{ODD}.0000001"}, {"document": f"{ODD}.0000002"}]}
    with ownership(archive):
        archive.store.put(layout.scan_object(item), {layout.SCAN: NewFile(json_bytes(told))}, message="scan",
                          user="luutru", created=clock.now())
        with archive.catalogue.session() as session:
            record_events(session, archive.ledger, [Entry("scan_kept", item, {
                "object": layout.scan_object(item), "files": {}, "version": 1}, event_key("scan_kept", item))])
    with archive.catalogue.session() as session:
        found = list(checking.of_documents(archive, session, {f"{ODD}.0000001"}, set()))
    assert [(one.code, one.params["scan"]) for one in found] == [("DESTROY-070", item)]


def test_what_a_council_keeps_of_duplicates_needs_no_new_period(copied: Any) -> None:
    run, archive = copied
    run.told("due", "--duplicates")
    (run.folder / "giay.csv").write_text("Hộp;Hồ sơ số;Tiêu đề\n1;G.1;Chứng từ\n2;G.2;Sổ sách\n", encoding="utf-8")
    run.told("plan", BATCH, "--add", ODD, "--duplicate", "--twin", f"{ODD}.0000002={KEPT}.0000002", "--reason", "x",
             "--paper", str(run.folder / "giay.csv"))
    run.told("council", BATCH, "--number", "1", "--dated", "2026-11-02", "--member", "chair;A;;", "--member",
             "secretary;B;;", code=3)
    for name in ("A", "B"):
        run.told("opinion", BATCH, ODD, "G.1", "--member", name, "--keep", "--reason", "khác bản")
        run.told("opinion", BATCH, "--member", name, "--destroy")
    run.told("conclude", BATCH, "--held-on", "2026-11-12")
    held = keeping.read(archive.store, BATCH)
    assert [one["code"] for one in held.standing] == [DOUBLE] and held.state == "concluded"
    assert [one["code"] for one in held.standing_paper] == ["G.2"], "paper is decided on by the same council"
    minutes = printing.filled(archive, held, "council_minutes", {}, NOW)["items"]
    assert {one["code"]: one["result"] for one in minutes} == {ODD: "Giữ lại: khác bản", "G.1": "Giữ lại: khác bản"}
    assert not [one for one in archive.ledger.lines() if one.kind == "periods_set"]


# --- long scans, packages -------------------------------------------------------------------------------------------


def test_a_long_scan_is_told_with_the_case_files_that_lack_and_they_can_be_put_in(copied: Any) -> None:
    run, archive = copied
    run.told("due")
    found = run.told("plan", BATCH, code=5)["findings"]
    assert [(one["code"], one["subject"], one["params"]["others"]) for one in found] == [
        ("DESTROY-053", OLD[0], YOUNG), ("DESTROY-053", OLD[1], YOUNG)]
    codes = run.codes("plan", BATCH, "--with-shared", "--reason", "x")
    assert codes == ["DESTROY-004"], "what shares it is not expired: nothing is frozen"
    run.told("plan", BATCH, "--without-blocked")
    assert [one["code"] for one in run.told("show", BATCH)["items"] if one["state"] == "removed"] == OLD[:2]
    shared_again(archive, OLD[2], OLD[3])
    assert run.codes("plan", BATCH, "--remove", OLD[3], "--reason", "x") == ["DESTROY-053"]
    run.told("plan", BATCH, "--remove", OLD[3], "--with-shared", "--reason", "x")
    assert OLD[3] in [one["code"] for one in run.told("show", BATCH)["items"] if one["state"] == "proposed"]


def shared_again(archive: Archive, *codes: str) -> None:
    """The scan is one of these two alone."""
    told = {"documents": [{"document": f"{code}.0000001"} for code in codes]}
    with ownership(archive):
        archive.store.put(layout.scan_object("5" * 16), {layout.SCAN: NewFile(json_bytes(told))}, message="scan",
                          user="luutru", created=clock.now())


def test_a_package_that_waits_is_named_with_what_it_waits_for(copied: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    run, archive = copied
    package = "f" * 16
    with ownership(archive), archive.catalogue.session() as session:
        item = session.query(Document).filter_by(code=f"{OLD[2]}.0000001").one().item
        row = session.get_one(Item, item)
        session.add(Item(id=package, source="inbox", name="gói nộp.zip", size=1, sha256="0" * 64, sha512="0" * 128,
                         received_at=row.received_at, legal_received_at=row.received_at, receipt_rule="LS",
                         batch=row.batch, state="package"))
        session.add(Item(id="e" * 16, source="package", name="gói nộp.zip/2", size=1, sha256="1" * 64,
                         sha512="1" * 128, received_at=row.received_at, legal_received_at=row.received_at,
                         receipt_rule="LS", batch=row.batch, state="quarantine"))
        record_events(session, archive.ledger, [Entry("package_received", package, {
            "documents": [item, "e" * 16], "form": "sip", "batch": row.batch}, event_key("package_received", package))])
        event = session.query(Event).filter_by(kind="received", subject=item).one()
        event.data = {**event.data, "package": package}
    folder = run.root / "store" / "intake" / package / "received"
    folder.mkdir(parents=True)
    run.told("due")
    away = [word for code in (*OLD[:2], *OLD[3:]) for word in ("--remove", code)]
    assert run.codes("plan", BATCH, *away, "--reason", "x", code=3) == ["DESTROY-058"], "told before anything goes"
    approved(run, archive, monkeypatch)
    done = run.told(*run.apply(BATCH), code=3)
    assert done["state"] == "partly"
    assert [(one["code"], one["subject"], one["params"]["first"]) for one in done["findings"]] == [
        ("DESTROY-052", "gói nộp.zip", "gói nộp.zip/2 (quarantine)")]
    shutil.rmtree(folder.parent)
    assert run.told(*run.apply(BATCH))["state"] == "destroyed"


# --- paper ----------------------------------------------------------------------------------------------------------

PAPER = "Hộp;Hồ sơ số;Tiêu đề;Lý do;Ghi chú\n12;G.1998.04;Chứng từ năm 1998;hết thời hạn;\n7;{};;;bìa rách\n"


def test_paper_goes_by_the_same_list_and_the_batch_waits_for_its_minutes(copied: Any, tmp_path: Path,
                                                                         monkeypatch: pytest.MonkeyPatch) -> None:
    run, archive = copied
    with archive.catalogue.session() as session:
        session.add(ScanJob(id="SH.2016.01", title="x", fonds="H99", state="returned", profile="", version=1,
                            started_on="2016-01-01"))
        session.flush()
        session.add(ScanJobFile(job="SH.2016.01", n=1, code=OLD[4], box="9", title="x", documents=1, sheets=2, pages=2,
                                condition="", treatment="", note="", handed_over=2, returned=3, returned_sheets=2,
                                returned_note=""))
    table = tmp_path / "giay.csv"
    table.write_text(PAPER.format(OLD[5]), encoding="utf-8")
    run.told("due")
    away = [word for code in OLD[:4] for word in ("--remove", code)]
    made = run.told("plan", BATCH, *away, "--reason", "x", "--paper", str(table))
    assert made["paper"] == 3
    first = run.hash_of(BATCH)
    held = keeping.read(archive.store, BATCH)
    assert [(one["box"], one["code"]) for one in held.standing_paper] == [
        ("12", "G.1998.04"), ("7", OLD[5]), ("9", OLD[4])]
    run.told("plan", BATCH, "--no-paper")
    assert run.told("plan", BATCH)["paper"] == 0, "that none is left is remembered"
    assert run.hash_of(BATCH) != first, "the paper list is part of what is signed"
    run.told("plan", BATCH, "--paper", str(table))
    assert run.hash_of(BATCH) != first, "the plan names the one before it"
    listed = printing.filled(archive, keeping.read(archive.store, BATCH), "destruction_list_paper", {}, NOW)
    assert (listed["count"], listed["boxes"], listed["files"][0]["reason"]) == (3, 3, "Hết thời hạn lưu trữ")
    assert "Danh mục tài liệu giấy hết giá trị" in [
        one.name for one in dossier_parts.missing(archive, keeping.read(archive.store, BATCH), "decision")]
    approved(run, archive, monkeypatch)
    done = run.told(*run.apply(BATCH), code=3)
    assert (done["state"], [one["code"] for one in done["findings"]]) == ("partly", ["DESTROY-054"])
    assert gone(archive, OLD[4], OLD[5]) == [True, True]
    for day in ("2026-11-15", "2026-11-22"):
        assert run.codes(*run.apply(BATCH, "--paper-minutes", "3/BB", "--paper-dated", day)) == ["DESTROY-055"]
    run.at = NOW + timedelta(days=20)
    done = run.told(*run.apply(BATCH, "--paper-minutes", "3/BB", "--paper-dated", "2026-12-05"), code=3)
    assert (done["state"], [one["code"] for one in done["findings"]]) == ("destroyed", ["DESTROY-056"])
    held = keeping.read(archive.store, BATCH)
    minutes = json.dumps(papers.content("destruction_minutes", printing.filled(
        archive, held, "destruction_minutes", {}, run.at)), ensure_ascii=False)
    assert "Hộp 12" in minutes and "số 3/BB ngày 05/12/2026" in minutes
    assert paper_lists.minutes_of(held)["number"] == "3/BB"
    with ownership(archive, rebuilding=True):
        rebuild(archive, admits=ADMITS)
    assert run.told("list")[0]["state"] == "destroyed"


@pytest.mark.parametrize("content", ["", "Hộp;Hồ sơ số\n1;\n", "Hộp;Hồ sơ số;Lý do\n1;A;lạ\n",
                                     "Hộp;Hồ sơ số\n1;A\n2;A\n"])
def test_a_paper_list_that_cannot_be_read_is_refused_in_words(content: str) -> None:
    with pytest.raises(UsageError):
        paper_lists.read_csv(content.encode())
    with pytest.raises(UsageError):
        paper_lists.read_csv(b"\xff\xfe")


# --- closed case files with what lies beside them; what comes back; the yearly run ---------------------------------


def test_what_lies_beside_a_closed_case_file_goes_with_it(copied: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    run, archive = copied
    code = OLD[2]
    record = next(records.read_documents(archive.store, code, [1]))
    with ownership(archive):
        texts.add_reading(archive, record, texts.Reading({"tesseract": "5"}, ()), by="Lan", at=NOW)
        rechecks.write(archive, code, [rechecks.Look(record, {
            "verdict": "unsigned", "legal_value": record["legal_value"], "signatures": [], "findings": [],
            "recheck": {"on": ""}, "rechecked": {"n": 1, "at": clock.stamp(NOW), "trust": "1", "by": "luutru"}},
            {"json": b"{}"})], NOW)
    beside = [layout.texts_object(code), layout.rechecks_object(code)]
    assert all(map(archive.store.has, beside))
    run.told("due")
    run.told("plan", BATCH, *(word for one in OLD if one != code for word in ("--remove", one)), "--reason", "x")
    approved(run, archive, monkeypatch)
    assert run.told(*run.apply(BATCH))["state"] == "destroyed"
    assert not any(map(archive.store.has, [*beside, layout.casefile_object(code)]))
    assert fixity.missing_objects(archive) == [] and faults(archive) == []
    with ownership(archive, rebuilding=True):
        rebuild(archive, admits=ADMITS)
    with archive.catalogue.session() as session:
        assert session.get(CaseFile, code) is None


@pytest.mark.parametrize("partly", [True, False])
def test_what_a_backup_brings_back_goes_again_when_it_is_said_again(copied: Any, tmp_path: Path, partly: bool,
                                                                    monkeypatch: pytest.MonkeyPatch) -> None:
    run, archive = copied
    if partly:
        monkeypatch.setenv("LUUTRU_DESTRUCTION__BACKUPS", '{"băng": 30}')
    run.told("due")
    run.told("plan", BATCH, *(word for one in OLD[:2] for word in ("--remove", one)), "--reason", "x")
    approved(run, archive, monkeypatch)
    folder = archive.store.folder(layout.casefile_object(OLD[2]))
    shutil.copytree(folder, tmp_path / "giu")
    with ownership(archive):
        index_documents(archive)
    shutil.copytree(run.root / "index", tmp_path / "chi-muc")
    first = run.told(*run.apply(BATCH), code=3 if partly else 0)
    assert first["state"] == ("partly" if partly else "destroyed")
    again = run.told(*run.apply(BATCH), code=3 if partly else 0)
    assert partly or again["executed"] == first["executed"], "nothing came back: nothing is written"
    if not partly:
        held = keeping.read(archive.store, BATCH)
        with ownership(archive):
            keeping.write(archive, held.with_record(state="closed"), "closed", {"keep_until": "2046-12-31"}, by="Hạnh",
                          at=NOW)
    shutil.copytree(tmp_path / "giu", folder)
    shutil.copytree(tmp_path / "giu", run.root / "store" / "damage" / "2026-11-22" / folder.relative_to(
        archive.store.root))
    shutil.rmtree(run.root / "index")
    shutil.copytree(tmp_path / "chi-muc", run.root / "index")
    assert len(faults(archive)) == 1
    run.at = NOW + timedelta(days=40)
    done = run.told(*run.apply(BATCH))
    assert done["state"] == ("destroyed" if partly else "closed") and not folder.exists()
    assert faults(archive) == []
    assert not list((run.root / "store" / "damage").rglob("*.txt"))
    index = open_index(archive.settings)
    assert not [one for one in index.fingerprints() if one.startswith(tuple(OLD[2:]))]
    index.close()


def test_the_morning_page_names_the_yearly_run_from_new_year_and_its_list_is_always_the_same(looked: Any) -> None:
    from datetime import date

    from retention import deadlines

    run, archive = looked

    def told(day: date) -> list[tuple[str, date, str]]:
        with archive.catalogue.session() as session:
            return [(one.state, one.due, one.first[0]) for one in deadlines.due(session, archive.settings, "", day)
                    if one.kind == "expired_list"]

    assert told(date(2020, 12, 31)) == [], "nothing is over on the last day"
    assert told(date(2021, 1, 1)) == [("soon", date(2021, 1, 15), OLD[0])]
    assert told(date(2021, 1, 16)) == [("late", date(2021, 1, 15), OLD[0])]
    assert told(date(2022, 1, 1)) == [("breached", date(2021, 1, 15), OLD[0])]
    hashes = {run.told("due", "--dry-run")[0]["list_hash"] for _n in range(2)}
    with archive.catalogue.session() as session:
        items = listing.look(session, "2026-11-21", archive.settings.retention.counting)[0].items
    assert hashes == {listing.list_hash(items)}


def test_a_list_is_the_same_after_a_rebuild_and_the_ledger_keeps_its_hash(copied: Any) -> None:
    run, archive = copied
    before = run.told("due", "--dry-run")[0]["list_hash"]
    with ownership(archive, rebuilding=True):
        rebuild(archive, admits=ADMITS)
    assert run.told("due")[0]["list_hash"] == before
    assert [one.data["list_hash"] for one in archive.ledger.lines() if one.kind == "destruction_listed"] == [before]


def test_a_closing_in_the_first_hours_of_a_new_year_in_vietnam_counts_there(copied: Any) -> None:
    """17:00 UTC of 31 December is 00:00 of 1 January in Vietnam: the five years begin a year later."""
    from datetime import date

    from retention import deadlines

    _run, archive = copied
    found = {}
    for stamp in ("2026-12-31T16:59:59.999999+00:00", "2026-12-31T17:00:00.000000+00:00"):
        with archive.catalogue.session() as session:
            session.get_one(CaseFile, FOREVER).closed_at = stamp
            session.get_one(CaseFile, FOREVER).ended = 2026
        with archive.catalogue.session() as session:
            rows = deadlines.listed(session, archive.settings, "historical", date(2027, 1, 5), within=36500)
        found[stamp] = next(one["due"] for one in rows if one["code"] == FOREVER)
    assert list(found.values()) == [date(2031, 12, 31), date(2032, 12, 31)]
