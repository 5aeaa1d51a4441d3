"""Promises 3 and 5: a destruction that is killed at any moment and said again ends as if nobody had disturbed it."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from archive import catalogue, destroying, opening, settings
from archive.fixity import checking
from archive.opening import Archive
from archive.rebuild import rebuild
from search.index import open_index
from search.reindexing import reindex
from tests.conftest import ROOT
from tests.stored_documents import store_documents
from tests.test_destroying import COPY, fields, night
from tests.test_destroying_documents import close

KILLS = 24
SEED = int(os.environ.get("LUUTRU_KILL_SEED", "20261121"))
CODES = [f"H99.2026.0{n}.VP" for n in range(1, 6)]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An archive with five case files and a copy of it: three go, and a document of each other, one of them closed."""
    from archive.file_plan_import import import_file_plan

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LUUTRU_COPIES__PLACES", COPY)
        place = tmp_path_factory.mktemp("made")
        (place / "sao").mkdir()
        archive = opening.make_archive(place / "kho", {"agency": {"code": "H99", "name": "Sở Nội vụ tỉnh Mẫu"}})
        import_file_plan(archive, ROOT / "samples" / "file-plan.xlsx", "H99")
        for code in CODES:
            store_documents(archive, [fields(n, code) for n in (1, 2)], code=code)
        close(archive, CODES[3])
        night(archive)
        planned = destroying.targets(archive, [*CODES[:3], f"{CODES[3]}.0000001", f"{CODES[4]}.0000002"])
        (place / "plan.json").write_text(json.dumps([asdict(one) for one in planned]))
        archive.close()
    return place


class Lives:
    """Runs of a destruction; each is a process of its own."""

    def __init__(self) -> None:
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "LUUTRU_COPIES__PLACES": COPY}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        self.driver = subprocess.Popen([sys.executable, ROOT / "tests" / "destroying_driver.py"], env=environment,
                                       stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def one(self, place: Path, die_at: int = 0) -> tuple[int, int]:
        """One run: its return code, and how many ticks it had."""
        assert self.driver.stdin is not None and self.driver.stdout is not None
        self.driver.stdin.write(f"{place} {die_at}\n")
        self.driver.stdin.flush()
        code, ticks = map(int, self.driver.stdout.readline().split())
        assert code in (0, -signal.SIGKILL)
        return code, ticks


@pytest.fixture(scope="module")
def lives() -> Iterator[Lives]:
    made = Lives()
    yield made
    made.driver.communicate()


def opened(place: Path) -> Archive:
    return opening.open_archive(settings.load(place / "kho"))


def picture(place: Path) -> dict[str, Any]:
    """All that two archives must agree in."""
    archive = opened(place)
    try:
        with archive.catalogue.session() as session:
            rows = catalogue.rows(session)
        index = open_index(archive.settings)
        indexed = index.fingerprints()
        index.close()
        events = sorted(json.dumps([row["kind"], row["subject"], row["actor"], row["data"]], sort_keys=True)
                        for row in rows.pop("event"))
    finally:
        archive.close()
    files = {f"{root}/{path.relative_to(place / root).as_posix()}": path.read_bytes()
             for root in ("kho/store", "sao/store") for path in sorted((place / root).rglob("*"))
             if path.is_file() and "ledger" not in path.parts}
    folders = {f"{root}/{path.relative_to(place / root).as_posix()}" for root in ("kho/store", "sao/store")
               for path in (place / root).rglob("*") if path.is_dir()}
    return {"rows": rows, "events": events, "indexed": indexed, "files": files, "folders": folders}


def assert_proved(place: Path) -> None:
    archive = opened(place)
    index = open_index(archive.settings)
    planned = [destroying.Target(one["object_id"], one["code"], one["document"], tuple(map(tuple, one["files"])))
               for one in json.loads((place / "plan.json").read_text())]
    try:
        assert destroying.absent_all(archive, planned, index) == {one.code: [] for one in planned}
        assert checking.check(archive).faults == []
        assert list(archive.ledger.check()) == []
    finally:
        index.close()
        archive.close()


@pytest.fixture(scope="module")
def peaceful(made: Path, lives: Lives, tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], int]:
    """The archive that nobody disturbed, and how many ticks its destruction had."""
    place = tmp_path_factory.mktemp("peace")
    shutil.copytree(made, place, dirs_exist_ok=True)
    _code, ticks = lives.one(place)
    return picture(place), ticks


@pytest.mark.slow
def test_killed_two_dozen_times_it_ends_the_same(made: Path, tmp_path: Path, lives: Lives,
                                                 peaceful: tuple[dict[str, Any], int],
                                                 monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LUUTRU_COPIES__PLACES", COPY)
    whole, ticks = peaceful
    assert ticks > 60
    dice = random.Random(SEED)
    kills = 0
    while kills < KILLS:
        place = tmp_path / f"run-{kills}"
        shutil.copytree(made, place)
        for _again in range(4):         # each life dies somewhere, until one comes through
            code, _ticks = lives.one(place, dice.randint(1, ticks))
            if code == 0:
                break
            kills += 1
            if dice.random() < 0.25:    # the catalogue is lost as well
                archive = opened(place)
                assert checking.missing_objects(archive) == []
                with opening.ownership(archive, rebuilding=True):
                    rebuild(archive)
                    reindex(archive)
                archive.close()
        lives.one(place)
        now = picture(place)
        assert now["files"].keys() == whole["files"].keys()
        assert now["folders"] == whole["folders"]
        assert now["files"] == whole["files"]
        assert (now["events"], now["rows"], now["indexed"]) == (whole["events"], whole["rows"], whole["indexed"])
        assert_proved(place)
        shutil.rmtree(place)
