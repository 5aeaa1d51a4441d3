"""Scan jobs survive: a rebuild makes the same rows again, and a kill at any moment loses and doubles nothing."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from archive import catalogue, layout, model, opening, scan_jobs
from archive.errors import NoRoomError
from archive.opening import Archive, ownership
from archive.rebuild import rebuild
from archive.settings import load
from archive.store import Store
from tests import scan_job_driver
from tests.conftest import ROOT
from tests.scan_job_material import FILES, JOB, PLAN, file_list, run, store_scans, write_csv

TABLES = ("scan_job", "scan_job_file", "scan_job_error")
SEED = int(os.environ.get("LUUTRU_KILL_SEED", "20261121"))
LIVES = 6                   # the last is not killed
QC = ("Mã tài liệu", "Kết quả kiểm tra", "Loại lỗi", "Trang lỗi", "Mô tả lỗi", "Khắc phục")


@pytest.fixture(scope="module")
def lists(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The lists that the driver reads."""
    folder = tmp_path_factory.mktemp("danh-sach")
    file_list(folder / "giao.csv")
    rows = [[f"{code}.{n:07d}", "đạt", "", "", "", ""] for code in FILES for n in range(1, 4)]
    rows[1][1:] = ["không đạt", "số hóa", "2", "Cắt mép", "đã kiểm tra lại"]
    write_csv(folder / "kiem-tra.csv", rows, QC)
    return folder


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An archive with stored scans and no job, to be copied."""
    root = tmp_path_factory.mktemp("goc") / "kho"
    made = opening.make_archive(root, {"agency": {"code": "H99", "name": "Sở Nội vụ tỉnh Mẫu"}})
    store_scans(made)
    made.close()
    return root


@pytest.fixture
def root(prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LUUTRU_SCANS__RETURN_WITHOUT_BACKUP", "true")
    return Path(shutil.copytree(prepared, tmp_path / "kho"))


def rows_of(archive: Archive) -> dict[str, Any]:
    with archive.catalogue.session() as session:
        found = catalogue.rows(session)
    return {name: found[name] for name in TABLES}


def events(archive: Archive) -> list[tuple[str, str, str]]:
    return [(line.kind, line.actor, json.dumps(line.data, sort_keys=True)) for line in archive.ledger.lines()
            if line.kind.startswith("scan_job_")]


@pytest.fixture
def opened(root: Path) -> Iterator[Archive]:
    archive = opening.open_archive(load(root))
    yield archive
    archive.close()


@pytest.fixture
def whole(root: Path, lists: Path) -> Iterator[Archive]:
    """An archive in which a job went its whole way in peace."""
    scan_job_driver.main(root, lists)
    archive = opening.open_archive(load(root))
    yield archive
    archive.close()


@pytest.fixture(autouse=True)
def running_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """The driver stops the clock; it runs again after each test."""
    from archive import clock

    monkeypatch.setattr(clock, "now", clock.now)


def test_a_rebuild_makes_the_same_rows_and_writes_no_new_event(whole: Archive) -> None:
    before, told = rows_of(whole), whole.ledger.seq
    assert len(before["scan_job"]) == 1 and len(before["scan_job_file"]) == 2 and len(before["scan_job_error"]) == 1
    assert before["scan_job"][0]["state"] == "returned" and before["scan_job"][0]["version"] == 8
    with ownership(whole, rebuilding=True):
        rebuild(whole)
    assert rows_of(whole) == before and whole.ledger.seq == told


def test_every_version_of_a_job_verifies(whole: Archive) -> None:
    assert list(whole.store.verify(layout.scanjob_object(JOB))) == []
    assert [scan_jobs.read(whole.store, JOB, n).state for n in range(1, 9)] == [
        "planned", "planned", "working", "working", "checking", "checking", "accepted", "returned"]


class Killed(BaseException):
    """Stands for SIGKILL: nothing catches it."""


def test_killed_before_the_put_the_act_never_happened(opened: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    def dies(*_args: object, **_more: object) -> int:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(Store, "put", dies)
        with pytest.raises(Killed):
            run(opened.settings.root, "new", JOB, *PLAN)
    with opened.catalogue.session() as session:
        assert session.scalars(select(model.ScanJob.state)).all() == ["writing"]
    with ownership(opened):
        pass                        # whoever owns the archive next, the night as well
    assert rows_of(opened) == {name: [] for name in TABLES} and events(opened) == []


def test_killed_between_store_and_ledger_the_next_owner_tells_it(opened: Archive, lists: Path,
                                                                 monkeypatch: pytest.MonkeyPatch) -> None:
    root = opened.settings.root
    run(root, "new", JOB, *PLAN)

    def dies(*_args: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(scan_jobs, "_tell", dies)
        with pytest.raises(Killed):
            run(root, "import", JOB, str(lists / "giao.csv"))
    assert [kind for kind, *_ in events(opened)] == ["scan_job_planned"]
    with ownership(opened):
        pass
    assert [kind for kind, *_ in events(opened)] == ["scan_job_planned", "scan_job_listed"]
    assert len(rows_of(opened)["scan_job_file"]) == 2 and rows_of(opened)["scan_job"][0]["state"] == "planned"


def test_killed_between_store_and_ledger_a_rebuild_tells_it(opened: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    def dies(*_args: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(scan_jobs, "_tell", dies)
        with pytest.raises(Killed):
            run(opened.settings.root, "new", JOB, *PLAN)
    with ownership(opened, rebuilding=True):
        rebuild(opened)
    assert [kind for kind, *_ in events(opened)] == ["scan_job_planned"]
    assert rows_of(opened)["scan_job"][0]["state"] == "planned"


def test_killed_between_ledger_and_catalogue_nothing_is_told_twice(opened: Archive,
                                                                   monkeypatch: pytest.MonkeyPatch) -> None:
    real = catalogue.record

    def dies(*args: Any) -> None:
        real(*args)
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(scan_jobs, "record_events", dies)
        with pytest.raises(Killed):
            run(opened.settings.root, "new", JOB, *PLAN)
    assert len([line for line in opened.ledger.lines() if line.kind == "scan_job_planned"]) == 1
    with ownership(opened):
        pass
    assert [kind for kind, *_ in events(opened)] == ["scan_job_planned"]
    assert rows_of(opened)["scan_job"][0]["state"] == "planned"


def test_a_full_disk_leaves_the_job_as_it_was(opened: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    root = opened.settings.root
    run(root, "new", JOB, *PLAN)
    before = rows_of(opened)

    def full(*_args: object, **_more: object) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Store, "put", full)
        with pytest.raises(NoRoomError):
            run(root, "new", JOB, "--change", "--title", "khác")
    assert rows_of(opened) == before and len(events(opened)) == 1


def test_killed_at_random_moments_a_job_ends_as_in_peace(prepared: Path, whole: Archive, lists: Path,
                                                         tmp_path: Path) -> None:
    other = Path(shutil.copytree(prepared, tmp_path / "khac"))
    moments, kills = random.Random(SEED), 0
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "LUUTRU_SCANS__RETURN_WITHOUT_BACKUP": "true"}
    for life in range(LIVES):
        process = subprocess.Popen([sys.executable, ROOT / "tests" / "scan_job_driver.py", other, lists],
                                   env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        assert process.stdout is not None
        assert process.stdout.readline() == b"begins\n"        # it has loaded what it needs
        try:
            output, _ = process.communicate(timeout=moments.uniform(0, 0.4) if life < LIVES - 1 else 300)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.communicate()
            kills += 1
            continue
        assert process.returncode == 0, output.decode(errors="replace")
        if kills:
            break
    assert kills >= 1 and process.returncode == 0
    archive = opening.open_archive(load(other))
    try:
        with ownership(archive):
            pass
        assert rows_of(archive) == rows_of(whole) and events(archive) == events(whole)
        assert list(archive.ledger.check()) == [] and list(archive.store.verify(layout.scanjob_object(JOB))) == []
        one, two = (where.store.files(layout.scanjob_object(JOB)) for where in (archive, whole))
        assert {path: file.sha512 for path, file in one.items()} == {path: file.sha512 for path, file in two.items()}
    finally:
        archive.close()
