"""Promise 5: destruction takes exactly what was decided on, everywhere it can reach, proves it, and keeps the trace."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner

import cli
from archive import absence, catalogue, clock, destroyed, destroying, layout, model, opening, settings
from archive.errors import IntegrityError, RefusedError, UsageError
from archive.evidence import ers
from archive.evidence.ledger import check_ledger
from archive.evidence.seals import way_in
from archive.file_plan_import import import_file_plan
from archive.fixity import auditing, checking, copies, damage, mending, places
from archive.opening import Archive, ownership
from archive.rebuild import rebuild
from ingest.stages.index import index_documents
from search.index import open_index
from search.reindexing import reindex
from tests.conftest import ROOT
from tests.stored_documents import store_documents

NIGHT = datetime(2026, 11, 20, 15, 30, tzinfo=UTC)
COPY = '["../sao"]'
GOES, STAYS, ALSO = "H99.2026.01.VP", "H99.2026.02.VP", "H99.2026.03.VP"
BY, DECISION = "Trần Văn Hủy", "12/QĐ-SNV ngày 20/11/2026"


def fields(n: int, code: str) -> dict[str, str]:
    return {"fileCode": code, "codeNumber": str(n), "codeNotation": "QĐ-SNV",
            "subject": f"Phiêu lưu ký số {n} của {code}",
            "organName": "Sở Nội vụ", "issuedDate": f"{n:02d}/01/2026"}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an archive with three case files, indexed, sealed, and followed by one copy."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LUUTRU_COPIES__PLACES", COPY)
        place = tmp_path_factory.mktemp("made")
        (place / "sao").mkdir()
        archive = opening.make_archive(place / "kho", {"agency": {"code": "H99", "name": "Sở Nội vụ tỉnh Mẫu"}})
        import_file_plan(archive, ROOT / "samples" / "file-plan.xlsx", "H99")
        for code in (GOES, STAYS, ALSO):
            store_documents(archive, [fields(n, code) for n in (1, 2, 3)], code=code)
        night(archive)
        archive.close()
    return place


@pytest.fixture
def archive(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Archive]:
    """That archive and its copy, each test's own."""
    monkeypatch.setenv("LUUTRU_COPIES__PLACES", COPY)
    for name in ("kho", "sao"):
        shutil.copytree(made / name, tmp_path / name)
    opened = opening.open_archive(settings.load(tmp_path / "kho"))
    yield opened
    opened.close()


def night(archive: Archive) -> list[str]:
    """What of a night matters here; the codes of the findings about copies."""
    from archive.evidence import seals

    with ownership(archive):
        index_documents(archive)
        seals.seal_night(archive, clock.now())
        found = copies.follow(archive, clock.now())
    return [one.code for one in found if one.code != "FIXITY-005"]


def destroy(archive: Archive, *codes: str, name: str = "TH.2026.01") -> list[destroying.Destroyed]:
    index = open_index(archive.settings)
    with ownership(archive):
        planned = destroying.targets(archive, codes)
        done = list(destroying.destroy_all(archive, name, planned, by=BY, decision=DECISION, index=index))
    index.close()
    return done


def left(archive: Archive, *planned: destroying.Target) -> list[absence.Remaining]:
    index = open_index(archive.settings)
    found = destroying.absent_all(archive, planned, index)
    index.close()
    return [one for code in found for one in found[code]]


def rows(archive: Archive) -> dict[str, list[dict[str, object]]]:
    with archive.catalogue.session() as session:
        return catalogue.rows(session)


def everything(root: Path) -> bytes:
    """Every byte that lies in an archive's folder and its copy, but for the ledger and the copies of it."""
    return b"".join(path.read_bytes() for path in sorted(root.rglob("*"))
                    if path.is_file() and "ledger" not in path.parts and not path.name.startswith("catalogue.db"))


def test_what_was_decided_is_gone_everywhere_and_the_rest_is_whole(archive: Archive) -> None:
    planned = destroying.targets(archive, [GOES])
    assert {one.state for one in left(archive, *planned)} == {"found"}, "the look sees what is there"
    assert {one.place for one in left(archive, *planned)} >= {"store", "copy:../sao", "index", "catalogue"}
    done = destroy(archive, GOES)
    assert [(one.code, one.documents, one.places, one.unreached) for one in done] == [
        (GOES, 3, ("store", "copy:../sao"), ())]
    assert left(archive, *planned) == []
    assert b"urn:luutru:casefile:H99.2026.02.VP" in everything(archive.settings.root.parent)
    for word in (f"Nội dung của {GOES}.0000001".encode(), f"Phiêu lưu ký số 1 của {GOES}".encode()):
        assert word not in everything(archive.settings.root.parent)
    checked = checking.check(archive)
    assert checked.faults == []
    assert checking.missing_objects(archive) == []
    index = open_index(archive.settings)
    assert index.count() == 6 and index.search("phiêu lưu ký").total == 6
    index.close()
    assert list((archive.settings.root / "index").rglob("*.del")) == [], "nothing is only marked as removed"


def test_the_trace_keeps_the_decision_and_nothing_of_the_content(archive: Archive) -> None:
    destroy(archive, GOES)
    line = destroyed.lines(archive.store, "TH.2026.01")[GOES]
    assert (line["decision"], line["by"], line["documents"], line["title"]) == (
        DECISION, BY, 3, "Hồ sơ về công tác văn thư, lưu trữ")
    assert set(line) == {"schema", "code", "destruction", "decision", "by", "at", "fonds", "year", "retention", "title",
                         "documents", "files", "bytes", "linked", "objects", "digest", "items", "sha256"}
    with archive.catalogue.session() as session:
        absence = destroyed.of(session, f"{GOES}.0000002")
        events = [row.kind for row in session.query(model.Event) if row.kind.startswith("destr")]
    assert absence is not None and (absence.code, absence.decision) == (GOES, DECISION)
    assert events == ["destruction_begun", "destroyed"]


@pytest.mark.parametrize(("policy", "title"), [
    ("drop", ""), ("hash", "sha256:ba5b7d9c")])
def test_of_the_title_stays_what_the_setting_lets_stand(archive: Archive, policy: str, title: str,
                                                        monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LUUTRU_DESTRUCTION__TITLES", policy)
    archive.settings = settings.load(archive.settings.root)
    destroy(archive, GOES)
    told = destroyed.lines(archive.store, "TH.2026.01")[GOES]["title"]
    assert "Hồ sơ" not in told and (told == title if not title else len(told) == 71)
    with archive.catalogue.session() as session:
        assert destroyed.of(session, GOES).title == told  # type: ignore[union-attr]


def test_a_rebuild_gives_the_same_rows_and_says_the_same(archive: Archive) -> None:
    destroy(archive, GOES)
    before = rows(archive)
    assert checking.missing_objects(archive) == []
    with ownership(archive, rebuilding=True):
        rebuild(archive)
        reindex(archive)
    assert rows(archive) == before
    with archive.catalogue.session() as session:
        assert destroyed.of(session, GOES) is not None


def test_a_rebuild_in_the_middle_of_a_destruction_keeps_what_was_begun(archive: Archive) -> None:
    index = open_index(archive.settings)
    with ownership(archive):
        planned = destroying.targets(archive, [GOES, ALSO])
        destroying.begin(archive, "TH.2026.01", planned, by=BY, decision=DECISION, index=index)
        destroying.purge_objects(places.main(archive), [layout.casefile_object(GOES)], overwrite=False)   # and killed
    index.close()
    assert checking.missing_objects(archive) == []
    with ownership(archive, rebuilding=True):
        rebuild(archive)
        reindex(archive)
    with archive.catalogue.session() as session:
        assert destroyed.under_way(session) == [ALSO]
    index = open_index(archive.settings)
    assert index.count() == 3, "what is under way is not searchable again"
    with ownership(archive):
        list(destroying.destroy_all(archive, "TH.2026.01", planned, by=BY, decision=DECISION, index=index))
    index.close()
    assert left(archive, *planned) == []
    assert checking.check(archive).faults == []
    with archive.catalogue.session() as session:
        assert {row.state for row in session.query(model.Item) if row.document.startswith((GOES, ALSO))} == {
            "destroyed"}


@pytest.mark.parametrize("kind", ["corrected", "added", "record"])
def test_nothing_goes_when_anything_changed_since_the_plan(archive: Archive, kind: str) -> None:
    planned = destroying.targets(archive, [GOES, ALSO])
    if kind == "corrected":
        store_documents(archive, [], code=GOES, case_file={"title": "Tên khác"})
    elif kind == "added":
        store_documents(archive, [fields(9, GOES)], code=GOES)
    else:
        planned[0] = replace(planned[0], files=planned[0].files[1:])
    assert destroying.changed(archive, planned)
    index = open_index(archive.settings)
    with ownership(archive), pytest.raises(RefusedError):
        list(destroying.destroy_all(archive, "TH.2026.01", planned, by=BY, decision=DECISION, index=index))
    assert index.count() >= 9
    index.close()
    assert archive.store.has(layout.casefile_object(ALSO)), "the whole list is refused, not its one bad line"
    with archive.catalogue.session() as session:
        assert destroyed.under_way(session) == []


def test_a_plan_of_damaged_bytes_is_refused(archive: Archive) -> None:
    stored = archive.store.files(layout.casefile_object(GOES))[f"{layout.RECEIVED}/{GOES}.0000001.txt"]
    stored.place.write_bytes(b"x" * stored.size)
    with pytest.raises(IntegrityError):
        destroying.targets(archive, [GOES])


def test_unknown_codes_are_refused_in_words(archive: Archive) -> None:
    with pytest.raises(UsageError):
        destroying.targets(archive, ["H99.1999.01.VP"])
    destroy(archive, GOES)
    with pytest.raises(RefusedError, match="12/QĐ-SNV"):
        destroying.targets(archive, [GOES])


def test_without_the_index_nothing_goes(archive: Archive) -> None:
    planned = destroying.targets(archive, [GOES])
    with ownership(archive), pytest.raises(RefusedError):
        destroying.destroy(archive, "TH.2026.01", planned[0], by=BY, decision=DECISION)
    assert archive.store.has(layout.casefile_object(GOES))


def test_a_copy_that_was_away_loses_it_when_it_comes_back_and_says_so(archive: Archive, tmp_path: Path) -> None:
    (tmp_path / "sao").rename(tmp_path / "trong két")
    planned = destroying.targets(archive, [GOES])
    done = destroy(archive, GOES)
    assert done[0].unreached == ("copy:../sao",)
    assert [(one.state, one.place, one.hinders) for one in left(archive, *planned)] == [
        ("not checked", "copy:../sao", True)]
    assert b"0000001" in everything(tmp_path / "trong két")
    (tmp_path / "trong két").rename(tmp_path / "sao")
    faults = checking.check(archive).faults
    assert len(faults) == 1 and GOES in faults[0], "before the copy lost it the check tells"
    assert left(archive, *planned)[0].state == "found"
    assert night(archive) == ["DESTROY-030"]
    assert left(archive, *planned) == []
    assert checking.check(archive).faults == []
    assert f"Nội dung của {GOES}".encode() not in everything(tmp_path)
    assert night(archive) == [], "once"


def test_mending_never_brings_it_back(archive: Archive, tmp_path: Path) -> None:
    """A copy that still holds it is no source for the store."""
    (tmp_path / "sao").rename(tmp_path / "trong két")
    destroy(archive, GOES)
    (tmp_path / "trong két").rename(tmp_path / "sao")
    with ownership(archive):
        checking.repair(archive, clock.now(), everything=True)
        auditing.audit(archive, clock.now(), 60)
    assert not archive.store.has(layout.casefile_object(GOES))
    night(archive)
    with ownership(archive):
        assert auditing.audit(archive, clock.now(), 60).faults == []


def test_what_somebody_puts_back_is_a_fault_and_goes_again(archive: Archive, tmp_path: Path) -> None:
    planned = destroying.targets(archive, [GOES])
    folder = archive.store.folder(layout.casefile_object(GOES))
    kept = {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    destroy(archive, GOES)
    for path, data in kept.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    assert len(checking.check(archive, copies=False).faults) == 1
    assert night(archive) == []
    index = open_index(archive.settings)
    with ownership(archive):
        again = list(destroying.destroy_all(archive, "TH.2026.01", planned, by=BY, decision=DECISION, index=index))
    index.close()
    assert [one.code for one in again] == [GOES]
    assert left(archive, *planned) == []
    assert checking.check(archive).faults == []


def test_a_lost_object_is_still_a_loss(archive: Archive) -> None:
    """Only what trace and ledger say was destroyed may be missing."""
    destroy(archive, GOES)
    with ownership(archive):
        destroying.purge_objects(places.main(archive), [layout.casefile_object(STAYS)], overwrite=False)
    assert checking.missing_objects(archive) == [layout.casefile_object(STAYS)]
    with ownership(archive):
        checking.repair(archive, clock.now(), everything=True)
    assert checking.missing_objects(archive) == [], "the copy brings back what was lost"
    with archive.catalogue.session() as session:    # a row in the catalogue alone excuses nothing
        session.query(model.CaseFile).filter_by(code=STAYS).update({"state": "destroying"})
    with ownership(archive):
        destroying.purge_objects(places.main(archive), [layout.casefile_object(STAYS)], overwrite=False)
    assert checking.missing_objects(archive) == [layout.casefile_object(STAYS)]


def test_what_lies_about_goes_too(archive: Archive) -> None:
    planned = destroying.targets(archive, [GOES])
    item = destroyed_items(archive)[0]
    content = f"Nội dung của {GOES}.0000001".encode()
    store = archive.settings.root / "store"
    folder = archive.store.folder(layout.casefile_object(GOES)).relative_to(archive.store.root).as_posix()
    other = archive.store.folder(layout.casefile_object(STAYS)).relative_to(archive.store.root).as_posix()
    for path in (f"intake/{item}/received/a.txt", f"damage/2026-11-01/{folder}/v1/content/a.txt",
                 f"damage/2026-11-02/{folder}.2/v1/b", "damage/2026-11-03/a.txt", f"staging/{'0' * 32}/a.txt",
                 "destroying/abc/a.txt", f"damage/2026-11-01/{other}/v1/content/a.txt"):
        (store / path).parent.mkdir(parents=True, exist_ok=True)
        (store / path).write_bytes(content)
    destroy(archive, GOES)
    assert left(archive, *planned) == []
    assert sorted(path.relative_to(store).as_posix() for path in store.rglob("a.txt")) == [
        f"damage/2026-11-01/{other}/v1/content/a.txt"], "what was moved aside of another case file stays"


def destroyed_items(archive: Archive) -> list[str]:
    with archive.catalogue.session() as session:
        return [row.item for row in session.query(model.Document).filter_by(case_file=GOES)]


def test_a_package_that_still_waits_for_another_document_is_told(archive: Archive) -> None:
    planned = destroying.targets(archive, [GOES])
    item = destroyed_items(archive)[0]
    with ownership(archive), archive.catalogue.session() as session:     # as if the document had come with a package
        event = session.query(model.Event).filter_by(kind="received", subject=item).one()
        event.data = {**event.data, "package": "f" * 16}
    (archive.settings.root / "store" / "intake" / ("f" * 16) / "received").mkdir(parents=True)
    destroy(archive, GOES)
    assert [(one.state, one.place, one.what, one.hinders) for one in left(archive, *planned)] == [
        ("waits", "store", f"intake/{'f' * 16}", True)]


def test_a_backup_is_told_until_it_ends(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LUUTRU_DESTRUCTION__BACKUPS", '{"băng tuần": 30}')
    archive.settings = settings.load(archive.settings.root)
    monkeypatch.setattr(clock, "now", lambda: NIGHT)
    planned = destroying.targets(archive, [GOES])
    destroy(archive, GOES)
    assert [(one.state, one.place, one.until, one.hinders) for one in left(archive, *planned)] == [
        ("expires", "băng tuần", "2026-12-20", True)]
    monkeypatch.setattr(clock, "now", lambda: NIGHT.replace(year=2027))
    assert left(archive, *planned) == []


def test_a_look_without_the_index_is_no_proof(archive: Archive) -> None:
    planned = destroying.targets(archive, [GOES])
    destroy(archive, GOES)
    assert [(one.state, one.place) for one in destroying.absent(archive, planned[0])] == [("not checked", "index")]


def test_what_is_under_way_is_closed_to_other_work(archive: Archive) -> None:
    index = open_index(archive.settings)
    with ownership(archive):
        planned = destroying.targets(archive, [GOES])
        destroying.begin(archive, "TH.2026.01", planned, by=BY, decision=DECISION, index=index)
        assert index_documents(archive) == 0, "the night does not index it again"
        with pytest.raises(RefusedError):
            destroying.begin(archive, "TH.2026.02", planned, by=BY, decision=DECISION, index=index)
    assert index.count() == 6
    index.close()
    assert checking.check(archive).faults == []


def test_hard_linked_bytes_of_another_record_are_not_overwritten(archive: Archive, tmp_path: Path) -> None:
    stored = archive.store.files(layout.casefile_object(GOES))[f"{layout.RECEIVED}/{GOES}.0000001.txt"]
    (tmp_path / "elsewhere.txt").hardlink_to(stored.place)
    destroy(archive, GOES)
    assert (tmp_path / "elsewhere.txt").read_bytes() == f"Nội dung của {GOES}.0000001".encode()
    assert destroyed.lines(archive.store, "TH.2026.01")[GOES]["linked"] == 1


def test_the_database_forgets_the_rows(archive: Archive) -> None:
    def held(code: str) -> bool:
        files = (archive.settings.root / name for name in ("catalogue.db", "catalogue.db-wal"))
        return any(f"Phiêu lưu ký số 1 của {code}".encode() in file.read_bytes() for file in files)

    assert held(GOES) and held(STAYS)
    destroy(archive, GOES)
    assert held(STAYS) and not held(GOES)


def test_said_again_it_changes_nothing(archive: Archive) -> None:
    planned = destroying.targets(archive, [GOES])
    first = destroy(archive, GOES)
    before, seq = rows(archive), archive.ledger.seq
    index = open_index(archive.settings)
    with ownership(archive):
        again = list(destroying.destroy_all(archive, "TH.2026.01", planned, by=BY, decision=DECISION, index=index))
    index.close()
    assert (again, rows(archive), archive.ledger.seq) == (first, before, seq)


def test_open_damage_goes_with_the_case_file(archive: Archive) -> None:
    object_id = layout.casefile_object(GOES)
    place = archive.store.files(object_id)[f"{layout.RECEIVED}/{GOES}.0000001.txt"].place
    planned = destroying.targets(archive, [GOES])
    place.write_bytes(b"x")
    checking.check(archive, copies=False)
    index = open_index(archive.settings)
    with ownership(archive):
        list(destroying.destroy_all(archive, "TH.2026.01", planned, by=BY, decision=DECISION, index=index))
        with archive.catalogue.session() as session:
            assert damage.open_damage(session) == {}
        assert auditing.take_up(mending.ward(archive, clock.now())) == []
    index.close()


def test_one_entry_a_case_file_and_the_ledger_is_whole(archive: Archive) -> None:
    destroy(archive, GOES, ALSO)
    assert list(archive.ledger.check()) == []
    told = [line for line in archive.ledger.lines() if line.kind == "destroyed"]
    assert [(line.subject, line.actor) for line in told] == [(GOES, BY), (ALSO, BY)]
    assert told[0].data["objects"] == sorted(kind(GOES) for kind in destroyed.BESIDE)


def test_what_changed_and_went_on_one_day_is_sealed_all_the_same(archive: Archive) -> None:
    store_documents(archive, [fields(4, GOES)], code=GOES)      # its inventory is gone when the night seals
    destroy(archive, GOES)
    night(archive)
    assert check_ledger(archive)[1] == []


def test_the_evidence_of_others_stands(archive: Archive) -> None:
    with archive.catalogue.session() as session:
        digests = {row.document[:14]: row.sha256 for row in session.query(model.File)}
        seal = session.query(model.Seal).one()
    destroy(archive, GOES)
    for digest in digests.values():
        way = way_in(archive.store, seal, bytes.fromhex(digest))
        assert way is not None and ers.climb(way, bytes.fromhex(digest), seal.algorithm).hex() == seal.root
    assert check_ledger(archive)[1] == []
    assert digests[GOES] in destroyed.digests(archive.store) and digests[STAYS] not in destroyed.digests(archive.store)


@pytest.mark.parametrize("command", [
    ["document", "show", f"{GOES}.0000001"], ["document", "export", f"{GOES}.0000001", "--to", "x"],
    ["casefile", "show", GOES], ["evidence", "export", f"{GOES}.0000001", "--to", "x"]])
def test_whoever_asks_for_it_is_told_of_the_decision(archive: Archive, command: list[str]) -> None:
    destroy(archive, GOES)
    asked = CliRunner().invoke(cli.luutru, ["--root", str(archive.settings.root), *command])
    assert isinstance(asked.exception, destroyed.DestroyedError), asked.output
    assert asked.exception.exit_code == 5
    assert DECISION in str(asked.exception) and "TH.2026.01" in str(asked.exception)
