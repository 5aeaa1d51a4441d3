"""What was destroyed may come again: it is told, taken in as something new, and never into the destroyed case file."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from archive import catalogue, destroyed, destroying, model, opening, settings
from archive.file_plan_import import import_file_plan
from archive.fixity import checking
from archive.opening import Archive, ownership
from archive.rebuild import rebuild
from ingest import nightly
from search.index import open_index
from search.reindexing import reindex
from tests.conftest import ROOT

PAPER = ROOT / "samples" / "inbox" / "van-ban-den" / "Thông báo trực kho tháng 11.pdf"
HEAD = "Tên tệp;Mã hồ sơ;Số;Ký hiệu;Ngày ban hành;Cơ quan ban hành;Trích yếu\n"
GONE, OTHER = "H99.2026.01.VP", "H99.2026.02.VP"


def comes(root: Path, code: str, listed: str = "danh-sach.csv") -> None:
    """The same paper under the same name, with a list that says where it belongs."""
    shutil.copy(PAPER, root / "inbox" / "thong-bao.pdf")
    (root / "inbox" / listed).write_text(
        f"{HEAD}thong-bao.pdf;{code};7;TB-SNV;09/11/2026;Sở Nội vụ tỉnh Mẫu;Trực kho", encoding="utf-8-sig")


@pytest.fixture
def archive(tmp_path: Path, stopped_clock: object) -> Archive:
    """An archive whose only case file was destroyed, after a real night."""
    made = opening.make_archive(tmp_path / "kho", {"agency": {"code": "H99", "name": "Sở Nội vụ tỉnh Mẫu"}})
    import_file_plan(made, ROOT / "samples" / "file-plan.xlsx", "H99")
    made.close()
    archive = opening.open_archive(settings.load(tmp_path / "kho"))
    comes(tmp_path / "kho", GONE)
    nightly.run(archive)
    index = open_index(archive.settings)
    with ownership(archive):
        planned = destroying.targets(archive, [GONE])
        assert len(list(destroying.destroy_all(archive, "TH.2026.01", planned, by="Hủy", decision="12/QĐ-SNV",
                                               index=index))) == 1
    assert destroying.absent(archive, planned[0], index) == []
    index.close()
    return archive


def items(archive: Archive) -> list[tuple[str, str, list[str]]]:
    """State, document and codes of findings of everything that came as the paper, in the order of receipt."""
    with archive.catalogue.session() as session:
        rows = session.query(model.Item).filter(model.Item.size == PAPER.stat().st_size).all()
        found = {row.id: [one.code for one in session.query(model.ItemFinding).filter_by(item=row.id)] for row in rows}
    return sorted((row.state, row.document, found[row.id]) for row in rows)


def test_the_same_file_again_is_told_and_taken_in_as_a_new_document(archive: Archive) -> None:
    assert items(archive) == [("destroyed", f"{GONE}.0000001", [])]
    comes(archive.settings.root, OTHER)
    nightly.run(archive)
    old, new = items(archive)
    assert old == ("destroyed", f"{GONE}.0000001", [])
    assert new[:2] == ("stored", f"{OTHER}.0000001") and "DESTROY-031" in new[2]
    assert not list((archive.settings.root / "inbox").glob("*.pdf"))
    nightly.run(archive)
    assert items(archive) == [old, new]
    index = open_index(archive.settings)
    target = destroying.Target(f"urn:luutru:casefile:{GONE}", GONE)
    left = destroying.absent(archive, target, index)
    index.close()
    assert [(one.state, one.what, one.hinders) for one in left] == [("elsewhere", f"{OTHER}.0000001", False)]
    assert checking.check(archive).faults == []
    with archive.catalogue.session() as session:
        before = catalogue.rows(session)
    with ownership(archive, rebuilding=True):
        rebuild(archive)
        reindex(archive)
    with archive.catalogue.session() as session:
        assert catalogue.rows(session) == before
    archive.close()


def test_nothing_is_filed_under_a_code_that_was_destroyed(archive: Archive) -> None:
    comes(archive.settings.root, GONE, "lan-hai.csv")
    nightly.run(archive)
    waiting = [one for one in items(archive) if one[0] == "quarantine"]
    assert len(waiting) == 1 and "DESTROY-032" in waiting[0][2]
    with archive.catalogue.session() as session:
        assert session.get(model.CaseFile, GONE) is None
        assert destroyed.of(session, GONE) is not None
    archive.close()
