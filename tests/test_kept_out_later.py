"""Kept out for a secrecy mark only after days in quarantine: the bytes go back to the inbox, and none is lost."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from sqlalchemy import select

from archive import clock, layout, model, opening
from archive.fixity import checking
from archive.settings import load
from ingest import intake, nightly
from ingest.releasing import release
from tests import scanned_sheets as scans
from tests import sip_packages
from tests.conftest import NIGHT
from tests.scan_nights import LIST, Done, make
from tests.scanned_sheets import CODE, page

ROWS = (f"hai.tif;{CODE};;1;QĐ-SNV;01/10/2026;Sở Nội vụ;Ban hành quy chế số 1;1",
        "hai.tif;;;2;QĐ-SNV;02/10/2026;Sở Nội vụ;Ban hành quy chế số 2;1")     # no case file: it waits
SECRET = {"fileCode": CODE, "subject": "[MẬT] Ban hành quy chế số 2"}
LETTER = "den/thu.txt"


@pytest.fixture(scope="module")
def waiting(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An archive in which one of two documents of a scan waits, a letter and both of a package; the inbox is empty."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clock, "now", lambda: NIGHT)
        root = tmp_path_factory.mktemp("later") / "kho"
        archive = make(root, {"ingest": {"settle_seconds": 0}})
        inbox = root / "inbox"
        scans.tiff(inbox / "quet/hai.tif", [page(1), page(2)], "group4")
        (inbox / "quet/ds.csv").write_text("\n".join([LIST, *ROWS]), encoding="utf-8-sig")
        (inbox / LETTER).parent.mkdir()
        (inbox / LETTER).write_text("Kính gửi Sở Nội vụ: danh sách cán bộ dự tập huấn lưu trữ.\n", encoding="utf-8")
        sip_packages.write(sip_packages.loose(root.parent), inbox / "goi.zip")
        nightly.run(archive)
        archive.close()
        assert [path for path in inbox.rglob("*") if path.is_file()] == []
    return root


@pytest.fixture
def kho(waiting: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Done:
    monkeypatch.setattr(clock, "now", lambda: NIGHT)
    root = Path(shutil.copytree(waiting, tmp_path / "kho"))
    return Done(opening.open_archive(load(root)), {})


def mark(done: Done, name: str) -> None:
    """A person who looked at the item writes that it is secret, and lets it in."""
    with opening.ownership(done.archive):
        release(done.archive, done.row(name), SECRET, by="thu")


def out_of(done: Done, name: str) -> dict[str, str]:
    """The documents that came out of a scan or package, with their states."""
    with done.archive.catalogue.session() as session:
        return {row.name: row.state for row in session.scalars(
            select(model.Item).where(model.Item.name.startswith(f"{name}/")).order_by(model.Item.name))}


def received(done: Done, name: str) -> bytes:
    """The bytes of a waiting item."""
    (path,) = (intake.folder(done.archive.settings, done.row(name).id) / "received").glob("*")
    return path.read_bytes()


def in_store(done: Done, data: bytes) -> list[Path]:
    return [path for path in (done.archive.settings.root / "store").rglob("*")
            if path.is_file() and data in path.read_bytes()]


def test_a_document_that_waited_and_turns_out_secret_is_given_back(kho: Done) -> None:
    place, data = kho.archive.settings.root / "inbox" / LETTER, received(kho, LETTER)
    mark(kho, LETTER)
    night = nightly.run(kho.archive)
    assert kho.row(LETTER).state == "kept_out"
    assert place.read_bytes() == data
    assert in_store(kho, data) == []
    assert [(one.subject, one.params["place"]) for one in night.findings if one.code == "NIGHT-006"] == [
        (LETTER, LETTER)]
    assert [line.data["place"] for line in kho.archive.ledger.lines() if line.kind == "given_back"] == [LETTER]
    assert nightly.run(kho.archive).batch == "", "it lies there, and is not taken in again"
    assert place.read_bytes() == data


@pytest.mark.parametrize("whole", ["quet/hai.tif", "goi.zip"])
def test_a_part_that_waited_and_turns_out_secret_brings_back_what_it_came_in(kho: Done, whole: str) -> None:
    place, data = kho.archive.settings.root / "inbox" / whole, received(kho, whole)
    mark(kho, next(name for name, state in out_of(kho, whole).items() if state == "quarantine"))
    nightly.run(kho.archive)
    assert "kept_out" in out_of(kho, whole).values()
    assert place.read_bytes() == data
    nightly.run(kho.archive)
    assert place.read_bytes() == data
    if whole.endswith("tif"):
        assert in_store(kho, data) == [], "the scan holds the secret page: nothing of it stays"


def test_a_night_that_is_killed_before_the_bytes_are_back_gives_them_back(kho: Done,
                                                                          monkeypatch: pytest.MonkeyPatch) -> None:
    place, data = kho.archive.settings.root / "inbox" / LETTER, received(kho, LETTER)
    mark(kho, LETTER)
    with monkeypatch.context() as patch:
        patch.setattr(nightly, "_clear_inbox", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            nightly.run(kho.archive)
    assert not place.exists()
    nightly.run(kho.archive)
    assert place.read_bytes() == data
    assert sum(line.kind == "given_back" for line in kho.archive.ledger.lines()) == 1


@pytest.mark.parametrize("hindrance", ["another file of that name", "no folder can be made there"])
def test_where_it_cannot_lie_under_its_name_it_lies_where_it_is_kept_out_again(kho: Done, hindrance: str) -> None:
    inbox, data = kho.archive.settings.root / "inbox", received(kho, LETTER)
    if hindrance.startswith("another"):
        (inbox / LETTER).parent.mkdir(exist_ok=True)
        (inbox / LETTER).write_text("một thư khác cùng tên\n", encoding="utf-8")
    else:
        shutil.rmtree(inbox / "den", ignore_errors=True)
        (inbox / "den").write_text("một tệp có tên của thư mục\n", encoding="utf-8")
    mark(kho, LETTER)
    nightly.run(kho.archive)
    place = inbox / "Mật" / "thu.txt"
    assert place.read_bytes() == data
    nightly.run(kho.archive)
    assert kho.row("Mật/thu.txt").state == "kept_out", "the folder's name says that it is secret"
    assert place.read_bytes() == data
    assert in_store(kho, data) == []
    assert layout.intake_folder(kho.archive.settings).exists()


def test_what_lies_in_the_inbox_already_is_not_given_back(kho: Done) -> None:
    inbox, data = kho.archive.settings.root / "inbox", received(kho, LETTER)
    (inbox / LETTER).parent.mkdir(exist_ok=True)
    (inbox / LETTER).write_bytes(data)
    mark(kho, LETTER)
    night = nightly.run(kho.archive)
    assert [path for path in inbox.rglob("*") if path.is_file()] == [inbox / LETTER]
    assert "NIGHT-006" not in [one.code for one in night.findings]


@pytest.mark.parametrize("whole", ["quet/hai.tif", "goi.zip"])
def test_what_waits_for_its_documents_is_read_by_fixity(kho: Done, whole: str) -> None:
    assert list(checking.faults(kho.archive)) == []
    place = next((intake.folder(kho.archive.settings, kho.row(whole).id) / "received").glob("*"))
    place.write_bytes(place.read_bytes()[:-1] + b"!")
    assert [sentence for sentence in checking.faults(kho.archive) if kho.row(whole).id in sentence]


@pytest.mark.parametrize("secret", [True, False])
def test_a_package_of_which_nothing_waits_leaves_the_copies_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                                                               secret: bool) -> None:
    monkeypatch.setattr(clock, "now", lambda: NIGHT)
    copy = tmp_path / "sao"
    copy.mkdir()
    archive = make(tmp_path / "kho", {"ingest": {"settle_seconds": 0}, "copies": {"places": [str(copy)]}})
    sip_packages.write(sip_packages.loose(tmp_path), archive.settings.root / "inbox" / "goi.zip")
    nightly.run(archive)
    done = Done(archive, {})
    (held,) = copy.rglob("goi.zip")
    assert held.read_bytes() == received(done, "goi.zip")
    for name in out_of(done, "goi.zip"):
        with opening.ownership(archive):
            release(archive, done.row(name), SECRET if secret else {"fileCode": CODE}, by="thu")
    nightly.run(archive)
    assert set(out_of(done, "goi.zip").values()) == {"kept_out" if secret else "stored"}
    assert list(copy.rglob("goi.zip")) == []
    archive.close()
