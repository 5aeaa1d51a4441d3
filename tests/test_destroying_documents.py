"""Promise 5 for a single document: it goes from every version and copy, its case file stays whole and provable."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from archive import (
    clock,
    closing,
    completeness,
    destroyed,
    destroying,
    layout,
    model,
    opening,
    records,
    rewriting,
    settings,
    texts,
)
from archive.errors import RefusedError
from archive.evidence import ers
from archive.evidence.ledger import check_ledger
from archive.evidence.seals import way_in
from archive.file_plan_import import import_file_plan
from archive.fixity import auditing, checking
from archive.opening import Archive, ownership
from archive.rebuild import rebuild
from search.index import open_index
from search.reindexing import reindex
from tests import text_material
from tests.conftest import ROOT
from tests.stored_documents import store_documents
from tests.test_destroying import BY, COPY, DECISION, everything, fields, left, night, rows

OPEN, CLOSED = "H99.2026.01.VP", "H99.2026.02.VP"
GONE = {OPEN: f"{OPEN}.0000002", CLOSED: f"{CLOSED}.0000002"}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An open and a closed case file of three documents, of several versions, sealed, and followed by a copy."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LUUTRU_COPIES__PLACES", COPY)
        place = tmp_path_factory.mktemp("made")
        (place / "sao").mkdir()
        archive = opening.make_archive(place / "kho", {"agency": {"code": "H99", "name": "Sở Nội vụ tỉnh Mẫu"}})
        import_file_plan(archive, ROOT / "samples" / "file-plan.xlsx", "H99")
        for code in (OPEN, CLOSED):
            store_documents(archive, [fields(n, code) for n in (1, 2)], code=code)
            store_documents(archive, [fields(3, code)], code=code)
        close(archive, CLOSED)
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


def close(archive: Archive, code: str) -> None:
    with ownership(archive):
        closing.prepare(archive, code)
        closing.close(archive, completeness.examine(archive, code, {}), at=clock.now(), by="Hạnh", force=True,
                      reason="thử")


def destroy(archive: Archive, *codes: str, name: str = "TH.2026.01") -> list[destroying.Destroyed]:
    index = open_index(archive.settings)
    with ownership(archive):
        planned = destroying.targets(archive, codes)
        done = list(destroying.destroy_all(archive, name, planned, by=BY, decision=DECISION, index=index))
    index.close()
    return done


def words(code: str) -> list[bytes]:
    return [f"Nội dung của {code}".encode(), f"Phiêu lưu ký số {int(code[-1])} của {code[:-8]}".encode()]


@pytest.mark.parametrize("home", [OPEN, CLOSED])
def test_a_single_document_goes_everywhere_and_its_case_file_stays_whole(archive: Archive, home: str) -> None:
    code = GONE[home]
    planned = destroying.targets(archive, [code])
    assert {one.place for one in left(archive, *planned)} >= {"store", "copy:../sao", "index", "catalogue"}
    done = destroy(archive, code)
    assert [(one.code, one.documents, one.places) for one in done] == [(code, 1, ("store", "copy:../sao"))]
    assert left(archive, *planned) == []
    for word in words(code):
        assert word not in everything(archive.settings.root.parent).replace(
            destroyed.lines(archive.store, "TH.2026.01")[code]["title"].encode(), b"")
    assert records.ordinals(archive.store, home) == [1, 3]
    assert checking.check(archive).faults == []
    index = open_index(archive.settings)
    assert sorted(one[-1] for one in index.fingerprints() if one.startswith(home)) == ["1", "3"]
    index.close()
    with archive.catalogue.session() as session:
        row = session.get_one(model.CaseFile, home)
        assert row.state == ("open" if home == OPEN else "closed")
        assert row.version == archive.store.version(layout.casefile_object(home))
        absence = destroyed.of(session, code)
        assert absence is not None and absence.code == code and destroyed.of(session, f"{home}.0000001") is None


@pytest.mark.parametrize("home", [OPEN, CLOSED])
def test_ledger_seals_and_copies_keep_their_word(archive: Archive, home: str) -> None:
    with archive.catalogue.session() as session:
        digests = [row.sha256 for row in session.query(model.File) if row.document.startswith(home)]
        seal = session.query(model.Seal).one()
    destroy(archive, GONE[home])
    assert checking.check(archive).faults == [], "before the next night"
    for digest in digests:
        way = way_in(archive.store, seal, bytes.fromhex(digest))
        assert way is not None and ers.climb(way, bytes.fromhex(digest), seal.algorithm).hex() == seal.root
    assert night(archive) == [] and check_ledger(archive)[1] == []
    assert checking.check(archive).faults == []
    with ownership(archive):
        assert auditing.audit(archive, clock.now(), 60).faults == []
        assert checking.repair(archive, clock.now(), everything=True) == []
    before = rows(archive)
    with ownership(archive, rebuilding=True):
        rebuild(archive)
        reindex(archive)
    assert rows(archive) == before
    # A second one of the same case file, and what was rewritten twice is believed still.
    destroy(archive, f"{home}.0000003", name="TH.2026.02")
    assert checking.check(archive).faults == [] and night(archive) == []
    assert checking.check(archive).faults == []


def test_a_closed_case_file_is_the_aip_of_what_is_left(archive: Archive, tmp_path: Path) -> None:

    destroy(archive, GONE[CLOSED])
    record = records.read_case_file(archive.store, CLOSED)
    assert (record["state"], record["closing"]["documents"], record["gone"]["ordinals"]) == ("closed", 2, [2])
    held = archive.store.files(layout.casefile_object(CLOSED))
    assert "METS.xml" in held and not [path for path in held if "0000002" in path]
    for path in held:
        assert b"0000002.txt" not in held[path].place.read_bytes(), path


def test_an_ordinal_is_never_given_again(archive: Archive) -> None:
    destroy(archive, f"{OPEN}.0000003")
    store_documents(archive, [fields(4, OPEN)], code=OPEN)
    assert records.ordinals(archive.store, OPEN) == [1, 2, 4]
    with ownership(archive):
        closing.prepare(archive, OPEN)
        assert "CLOSE-002" not in {one.code for one in completeness.examine(archive, OPEN, {}).findings}
    assert checking.check(archive).faults == []


def test_a_copy_that_was_away_loses_it_and_cannot_bring_it_back(archive: Archive, tmp_path: Path) -> None:
    (tmp_path / "sao").rename(tmp_path / "trong két")
    planned = destroying.targets(archive, [GONE[CLOSED]])
    assert destroy(archive, GONE[CLOSED])[0].unreached == ("copy:../sao",)
    assert [(one.state, one.place) for one in left(archive, *planned)] == [("not checked", "copy:../sao")]
    assert checking.check(archive).faults == [], "what is noted of the copy accuses nobody"
    assert night(archive) == ["FIXITY-002"]
    (tmp_path / "trong két").rename(tmp_path / "sao")
    assert [one.state for one in left(archive, *planned)] == ["found"]
    assert checking.check(archive).faults != [], "until it lost it the check tells"
    assert night(archive) == ["DESTROY-030"]
    assert left(archive, *planned) == [] and checking.check(archive).faults == []
    for word in words(GONE[CLOSED])[:1]:
        assert word not in everything(tmp_path)
    assert night(archive) == []


def test_what_a_backup_brings_back_goes_again(archive: Archive, tmp_path: Path) -> None:
    folder = archive.store.folder(layout.casefile_object(OPEN))
    shutil.copytree(folder, tmp_path / "băng")
    planned = destroying.targets(archive, [GONE[OPEN]])
    destroy(archive, GONE[OPEN])
    shutil.copytree(tmp_path / "băng", folder, dirs_exist_ok=True)
    assert {one.state for one in left(archive, *planned)} == {"found"}
    index = open_index(archive.settings)
    with ownership(archive):
        again = list(destroying.destroy_all(archive, "TH.2026.01", planned, by=BY, decision=DECISION, index=index))
    index.close()
    assert [one.code for one in again] == [GONE[OPEN]]
    assert left(archive, *planned) == []


def test_texts_beside_a_closed_case_file_lose_it_as_well(tmp_path_factory: pytest.TempPathFactory,
                                                         tmp_path: Path) -> None:
    shutil.copytree(text_material.shelf(tmp_path_factory), tmp_path / "kho")
    archive, home = opening.open_archive(settings.load(tmp_path / "kho")), text_material.CASE_FILE
    close(archive, home)
    with ownership(archive):
        for code in (text_material.ONE_PAGE, text_material.TWO_PAGES):
            texts.correct(archive, code, 0, 1, f"Chữ sửa của {code}", by="Hạnh", reason="sai", version=0)
    night(archive)
    gone, stays = text_material.TWO_PAGES, text_material.ONE_PAGE
    planned = destroying.targets(archive, [gone])
    destroy(archive, gone)
    assert left(archive, *planned) == [] and checking.check(archive).faults == []
    assert f"Chữ sửa của {gone}".encode() not in everything(tmp_path)
    assert f"Chữ sửa của {stays}".encode() in everything(tmp_path)
    before = rows(archive)
    with ownership(archive, rebuilding=True):
        rebuild(archive)
        reindex(archive)
    assert rows(archive) == before
    archive.close()


def test_where_the_system_cannot_exchange_folders_it_ends_the_same(archive: Archive,
                                                                    monkeypatch: pytest.MonkeyPatch) -> None:
    class Nothing:
        def __init__(self, *_: Any, **__: Any) -> None:
            pass

    monkeypatch.setattr(rewriting.ctypes, "CDLL", Nothing)
    planned = destroying.targets(archive, [GONE[OPEN]])
    destroy(archive, GONE[OPEN])
    assert left(archive, *planned) == [] and checking.check(archive).faults == []


def test_what_cannot_go_alone_is_refused_in_words(archive: Archive) -> None:
    index = open_index(archive.settings)
    every = [f"{OPEN}.{n:07d}" for n in (1, 2, 3)]
    with ownership(archive):
        for codes in (every, [OPEN, every[0]]):
            with pytest.raises(RefusedError):
                destroying.begin(archive, "TH.2026.01", destroying.targets(archive, codes), by=BY, decision=DECISION,
                                 index=index)
    index.close()
    assert records.ordinals(archive.store, OPEN) == [1, 2, 3]


def test_a_lost_document_is_still_a_loss(archive: Archive) -> None:
    """Only what trace and ledger say was destroyed may be missing: the same rewriting by any other hand is a fault."""
    from archive.destroying_documents import gone_with

    object_id = layout.casefile_object(OPEN)
    rewriting.carry_out(archive.store, object_id, gone_with([{"code": GONE[OPEN], "until": 9}]), overwrite=True)
    assert checking.check(archive).faults != []
    with ownership(archive):
        checking.repair(archive, clock.now(), everything=True)
    assert records.ordinals(archive.store, OPEN) == [1, 2, 3], "the copy brings back what was lost"
