"""Promise 7: many machines make the same archive as one. With a real broker, a real database, and real deaths.

A night is handed out to two machines that see the archive under different paths. A machine is killed, the broker, the
night itself, and all connections to the database are cut; it ends with what one machine makes alone, file by file and
row by row. LUUTRU_HURTS=40 lets more befall it than the four of the suite.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from archive import clock, opening, settings
from archive.file_plan_import import import_file_plan
from ingest.machines.desk import Desk
from tests import sip_packages, test_kill
from tests.conftest import NIGHT, ROOT
from tests.machines_driver import Machines
from tests.night_lives import Lives, environment
from tests.redis_server import RedisServer

INBOX = ROOT / "samples" / "inbox"
LETTERS = ("45-TTr-SNV.pdf", "45-TTr-SNV (1).pdf", "402-SNV-VTLT.pdf", "77-GM-SNV (co mat khau).pdf")
TEXTS = 6
HURTS = int(os.environ.get("LUUTRU_HURTS", "4"))
SEED = int(os.environ.get("LUUTRU_KILL_SEED", "20261122"))


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisServer]:
    server = RedisServer()
    yield server
    server.close()


@pytest.fixture(scope="module")
def inbox(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A message, letters, a copy of one, a locked one, a package, texts; by hand a scan: each way through a night."""
    folder = tmp_path_factory.mktemp("mixed") / "inbox"
    folder.mkdir()
    for name in LETTERS:
        shutil.copy2(INBOX / "van-ban-den" / name, folder / name)
    shutil.copy2(INBOX / "lien-thong" / "1864-UBND-NC.edxml", folder)
    if HURTS > 4:       # reading it anew after each death takes long
        shutil.copy2(INBOX / "quet" / "IMG_20261110_0004.jpg", folder)
    shutil.copy2(INBOX / "danh-sach-van-ban.xlsx", folder)
    sip_packages.write(sip_packages.case_file(folder.parent, (1, 2)), folder / "nop.zip")
    for n in range(TEXTS):
        (folder / f"ghi-chu-{n}.txt").write_text(f"Nội dung ghi chú số {n}", encoding="utf-8")
    rows = ["Tên tệp;Mã hồ sơ;Ngày ban hành;Trích yếu"]
    rows += [f"ghi-chu-{n}.txt;H99.2026.0{n % 2 + 1}.VP;05/03/2026;Ghi chú số {n}" for n in range(TEXTS)]
    (folder / "ghi-chu.csv").write_text("\n".join(rows), encoding="utf-8-sig")
    return folder


def make_archive(root: Path, inbox: Path, **choices: object) -> None:
    root.parent.mkdir(parents=True, exist_ok=True)
    patch = pytest.MonkeyPatch()
    patch.setattr(clock, "now", lambda: NIGHT)
    archive = opening.make_archive(root, {"agency": {"code": "H99", "name": "Sở Nội vụ tỉnh Mẫu"}, **choices})
    import_file_plan(archive, ROOT / "samples" / "file-plan.xlsx", "H99")
    archive.close()
    patch.undo()
    shutil.copytree(ROOT / "samples" / "trust", root / "trust", dirs_exist_ok=True)
    shutil.copytree(inbox, root / "inbox", dirs_exist_ok=True)
    (root.parent / "sao").mkdir()


def picture(root: Path) -> test_kill.Picture:
    """The archive but for what is there for the moment."""
    found = test_kill.picture(root)
    return replace(found, rows={name: rows for name, rows in found.rows.items() if name not in ("work", "machine")})


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory, inbox: Path, lives: Lives) -> test_kill.Picture:
    """What one machine makes of it."""
    root = tmp_path_factory.mktemp("alone") / "kho"
    make_archive(root, inbox)
    assert lives.one(root) == 0
    made = picture(root)
    states = {row["state"] for row in made.rows["item"]}
    assert {"stored", "duplicate", "package", "quarantine", "list"} <= states, "nothing goes untried"
    return made


@pytest.fixture
def machines(tmp_path: Path) -> Iterator[Machines]:
    made = Machines(tmp_path / "machines.txt", environment())
    yield made
    made.close()
    print((tmp_path / "machines.txt").read_text(errors="replace")[-3000:])


def handed_out(place: Path, inbox: Path, database: str, redis: RedisServer, **more: object) -> tuple[Path, Path]:
    """An archive for many machines, seen from two of them: under its own path, and under another."""
    make_archive(place / "kho", inbox, database=database,
                 workers={"broker": redis.url, "lease_seconds": 2.0, "patience_seconds": 60.0, **more})
    (place / "may-khac").mkdir()
    (place / "may-khac" / "kho-chung").symlink_to(place / "kho")
    return place / "kho", place / "may-khac" / "kho-chung"


def until(condition: Callable[[], object], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


class Hurts:
    """What befalls a night: each kind of death in turn, at random moments, while machines work."""

    def __init__(self, here: Path, there: Path, database: str, redis: RedisServer, machines: Machines) -> None:
        self.places, self.database, self.redis, self.machines = (here, there), database, redis, machines
        self.desk = Desk(settings.load(here))
        self.dice = random.Random(SEED)
        self.pids: dict[str, int] = {}
        self.took_part: set[str] = set()
        self.died: list[str] = []
        self.over = threading.Event()
        for n in range(2):
            self.start_machine(n)
        until(lambda: len(self.desk.machines()) == 2)

    def start_machine(self, n: int) -> None:
        name = f"may-{len(self.pids)}"
        self.pids[name] = self.machines.start(self.places[n % 2], name)

    def run(self) -> None:
        """Let the hurts befall, one after the other; the first when both machines have had something in hand."""
        kinds = [("machine", self.machine), ("broker", self.broker), ("connections", self.connections),
                 ("night", self.night)]
        while len(self.died) < HURTS and not self.over.is_set():
            seen = {work.machine for work in self.desk.all() if work.machine}
            self.took_part |= seen
            if len(self.took_part) < 2 and len(self.died) == 0:
                time.sleep(0.01)
                continue
            if not [work for work in self.desk.all() if work.state == "claimed"]:
                time.sleep(0.01)
                continue
            name, kind = kinds[len(self.died) % len(kinds)]
            if kind():
                self.died.append(name)
            time.sleep(self.dice.uniform(0.05, 1.0))

    def machine(self) -> bool:
        """One that has something in hand; another comes instead."""
        at_work = [work.machine for work in self.desk.all() if work.state == "claimed"]
        if not at_work:
            return False
        victim = self.dice.choice(at_work)
        try:
            os.killpg(self.pids[victim], signal.SIGKILL)
        except ProcessLookupError:      # killed before; its claim has not ended yet
            return False
        self.start_machine(len(self.pids))
        return True

    def broker(self) -> bool:
        """It forgets every message."""
        self.redis.kill()
        time.sleep(self.dice.uniform(0, 0.5))
        self.redis.start()
        return True

    def connections(self) -> bool:
        """All that anybody has to the database."""
        engine = create_engine(self.database, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            cut = connection.scalar(text("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
                                         "WHERE datname = current_database() AND pid <> pg_backend_pid()"))
        engine.dispose()
        return bool(cut)

    def night(self) -> bool:
        """The one writer itself; it is started again, as its timer or the beat would."""
        told = (self.places[0] / "luutru.lock").read_text()
        if not told.startswith("pid "):
            return False
        try:
            os.killpg(int(told.split()[1]), signal.SIGKILL)
        except ProcessLookupError:
            return False
        return True


@pytest.mark.slow
def test_machines_broker_connections_and_night_die_and_the_archive_is_the_same(
        tmp_path: Path, inbox: Path, alone: test_kill.Picture, lives: Lives, postgresql: str, redis: RedisServer,
        machines: Machines) -> None:
    here, there = handed_out(tmp_path, inbox, postgresql, redis, ahead=8, tries=20)
    hurts = Hurts(here, there, postgresql, redis, machines)
    hurting = threading.Thread(target=lambda: codes_of_hurts.append(hurts.run()))
    codes_of_hurts: list[None] = []
    hurting.start()
    codes: list[int] = []
    while not codes or codes[-1] != 0:
        assert len(codes) < HURTS + 10, codes
        codes.append(lives.one_of_any_end(here))    # what was cut off ends, and is started again
    hurts.over.set()
    hurting.join()
    assert codes_of_hurts == [None], "the hurts themselves went wrong"
    assert hurts.died[:4] == ["machine", "broker", "connections", "night"][:HURTS], hurts.died
    assert len(hurts.took_part) >= 2, "nobody worked alone"
    assert -signal.SIGKILL in codes or HURTS < 4
    assert hurts.desk.all() == []
    hurts.desk.close()
    test_kill.assert_same(picture(here), alone)
    assert list((here / "store" / "staging").iterdir()) == []
    for path, data in picture(here).store.items():
        assert (here.parent / "sao" / path).read_bytes() == data, "the copy has it too"
    print(f"{len(hurts.died)} deaths, {len(codes)} nights, {len(hurts.pids)} machines")
