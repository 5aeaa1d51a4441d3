"""Fixtures that several areas share: an archive of its own, the stopped clock, the sample archive after a night.

What every test would pay for anew is made cheap here, for this process and never for the ones that tests start: a new
catalogue is a copy of one that the migrations made a moment ago (tests/test_migrations.py runs them all), nothing waits
for the disk (what is flushed, and when, is watched in tests/test_store.py and by kills), and worker processes find
loaded whatever they may need (nights as people start them load it themselves: tests/test_kill.py).
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from multiprocessing import forkserver
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pebble
import pytest
from click.testing import CliRunner

from archive import catalogue, clock, files, i18n, opening
from archive.catalogue import Catalogue
from archive.commands import init
from archive.fixity.auditing import audit
from archive.opening import Archive
from ingest import nightly
from ingest.commands import nightly as nightly_command
from tests import postgres
from tests.night_driver import LOADED
from tests.night_lives import Lives

ROOT = Path(__file__).resolve().parents[1]
NIGHT = datetime(2026, 11, 20, 15, 30, tzinfo=UTC)


@pytest.fixture(scope="session", autouse=True)
def _no_waiting_for_the_disk() -> Iterator[None]:
    """No power is cut in this process."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda _handle: None)
        # No syncfs either: it would write down what the other tests have just made.
        patch.setattr(files, "ctypes", SimpleNamespace(CDLL=lambda _name: None))
        patch.setattr(catalogue, "FLUSHED", "OFF")
        yield


@pytest.fixture(scope="session", autouse=True)
def _workers_start_warm() -> Iterator[None]:
    """One server forks all workers of this process, whatever the first pool named; and pools look more often.

    The product's pools name what most of their tasks need; a worker loads the rest for its first signed file or scan,
    which is a second for each of hundreds of short nights here.
    """
    with pytest.MonkeyPatch.context() as patch:
        forkserver.set_forkserver_preload([*LOADED])
        patch.setattr(forkserver, "set_forkserver_preload", lambda _names: None)
        patch.setattr(pebble.CONSTS, "sleep_unit", 0.02)
        yield


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[Any]:
    """A browser of earlier tests keeps its event loop running in this thread: tests that drive none do not see it."""
    running = asyncio._get_running_loop()
    if running is None or "browser" in getattr(item, "fixturenames", ()):
        return (yield)
    asyncio._set_running_loop(None)
    try:
        return (yield)
    finally:
        asyncio._set_running_loop(running)


@pytest.fixture(scope="session", autouse=True)
def _migrated_once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A catalogue file that is not there yet begins as a copy of an empty one in the newest form."""
    empty = tmp_path_factory.mktemp("empty") / "catalogue.db"
    first = Catalogue(f"sqlite:///{empty}")
    first.migrate()
    first.close()
    assert [path.name for path in empty.parent.iterdir()] == [empty.name], "closed, so that one file is all"
    migrate = Catalogue.migrate

    def copied(self: Catalogue) -> None:
        place = self.engine.url.database if self.engine.dialect.name == "sqlite" else ""
        if place and place != ":memory:" and not Path(place).exists() and Path(place).parent.is_dir():
            shutil.copyfile(empty, place)
        migrate(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Catalogue, "migrate", copied)
        yield


def once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], object]) -> Path:
    """The folder that `make` fills, once in the whole run: by whichever of its processes asks first.

    Who takes it copies it: another process may be reading it, too.
    """
    base = factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    with (shared / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (shared / name).exists():
            building = shared / f"{name}.new"
            shutil.rmtree(building, ignore_errors=True)
            make(building)
            building.rename(shared / name)
    return shared / name


@pytest.fixture(scope="session")
def sample_night(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample archive after its first night, with what the night said in report.json; to be copied."""
    def make(root: Path) -> None:
        i18n.use("vi")
        with pytest.MonkeyPatch.context() as patch:
            for name in [name for name in os.environ if name.startswith("LUUTRU_") and name != "LUUTRU_SHOTS"]:
                patch.delenv(name)
            patch.setattr(clock, "now", lambda: NIGHT)
            made = CliRunner().invoke(init.command, ["--sample"], obj=root)
            assert made.exit_code == 0, made.output
            done = CliRunner().invoke(nightly_command.command, ["--json"], obj=root)
            assert done.exit_code == 3, done.output
        (root / "report.json").write_text(done.stdout)

    return once(tmp_path_factory, "sample-night", make)


@pytest.fixture(scope="session")
def lives(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lives]:
    """Nights in processes of their own that may be killed, started in no time."""
    made = Lives(tmp_path_factory.mktemp("lives") / "said.txt")
    yield made
    made.close()


@pytest.fixture(scope="session")
def _postgres_server() -> Iterator[str]:
    with postgres.server() as url:
        yield url


@pytest.fixture
def postgresql(_postgres_server: str) -> str:
    """The URL of an empty database on a real PostgreSQL, one of the test's own."""
    return postgres.database(_postgres_server)


@pytest.fixture(autouse=True)
def vietnamese(monkeypatch: pytest.MonkeyPatch) -> None:
    """Messages in Vietnamese, whatever the machine's locale is; no setting from outside."""
    for name in ("LUUTRU_LANGUAGE", "LUUTRU_ROOT", "LUUTRU_DATABASE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LUUTRU_INGEST__SETTLE_SECONDS", "0")
    i18n.use("vi")


@pytest.fixture
def stopped_clock(monkeypatch: pytest.MonkeyPatch) -> datetime:
    """The evening of 20 November 2026 in Vietnam, for ever; the audit, whose time the ledger tells, takes none."""
    monkeypatch.setattr(clock, "now", lambda: NIGHT)
    monkeypatch.setattr(nightly, "audit", lambda archive, now, seconds: audit(archive, now, seconds, lambda: 0.0))
    return NIGHT


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Archive]:
    """An empty archive of the agency H99."""
    made = opening.make_archive(tmp_path / "kho", {"agency": {"code": "H99", "name": "Sở Nội vụ tỉnh Mẫu"}})
    yield made
    made.close()
