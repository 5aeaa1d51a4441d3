"""Promise 7: many machines make the same archive as one. With real brokers, a real database, and real deaths.

A night is handed out to three machines on two hosts, which see the archive under different paths (tests/two_hosts.py:
under different names and networks, too). A machine is killed, the broker, the night itself, and all connections to the
database are cut; it ends with what one machine makes alone, file by file and row by row. LUUTRU_HURTS=40 lets more
befall it than the four of the suite, LUUTRU_BROKER=redis lets Redis wake the machines (tests/test_celery.py speaks to a
real one, too).
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, text

from archive import clock, opening, settings
from archive.errors import SettingsError
from archive.file_plan_import import import_file_plan
from archive.settings import Settings
from ingest.machines import app as broker_app
from ingest.machines.desk import Desk
from tests import sip_packages, test_kill
from tests.conftest import NIGHT, ROOT, once
from tests.machines_driver import Machines
from tests.night_lives import Lives, environment
from tests.rabbitmq_server import RabbitMQServer
from tests.redis_server import RedisServer

INBOX = ROOT / "samples" / "inbox"
LETTERS = ("45-TTr-SNV.pdf", "45-TTr-SNV (1).pdf", "402-SNV-VTLT.pdf", "77-GM-SNV (co mat khau).pdf")
TEXTS = 6
MACHINES = 3
BROKER = os.environ.get("LUUTRU_BROKER", "rabbitmq")
HURTS = int(os.environ.get("LUUTRU_HURTS", "4"))
Broker = RedisServer | RabbitMQServer
SEED = int(os.environ.get("LUUTRU_KILL_SEED", "20261122"))


@pytest.fixture(scope="module")
def rabbitmq() -> Iterator[RabbitMQServer]:
    server = RabbitMQServer()
    yield server
    server.close()


@pytest.fixture
def broker(request: pytest.FixtureRequest) -> Iterator[Broker]:
    """The one that wakes the machines of a night."""
    if BROKER == "rabbitmq":
        yield request.getfixturevalue("rabbitmq")
        return
    server = RedisServer()
    yield server
    server.close()


def make_inbox(folder: Path) -> None:
    """A message, letters, a copy of one, a locked one, a package, texts; by hand a scan: each way through a night."""
    folder.mkdir(parents=True)
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
def one_machine(tmp_path_factory: pytest.TempPathFactory, lives: Lives) -> Path:
    """An inbox, and the archive that one machine makes of it; to be copied."""
    def make(place: Path) -> None:
        make_inbox(place / "inbox")
        make_archive(place / "alone" / "kho", place / "inbox")
        assert lives.one(place / "alone" / "kho") == 0

    return once(tmp_path_factory, "one-machine", make)


@pytest.fixture(scope="module")
def inbox(one_machine: Path) -> Path:
    return one_machine / "inbox"


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory, one_machine: Path) -> test_kill.Picture:
    """What one machine makes of it."""
    place = tmp_path_factory.mktemp("alone")
    shutil.copytree(one_machine / "alone", place, dirs_exist_ok=True)
    made = picture(place / "kho")
    states = {row["state"] for row in made.rows["item"]}
    assert {"stored", "duplicate", "package", "quarantine", "list"} <= states, "nothing goes untried"
    return made


@pytest.fixture(scope="module")
def machines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machines]:
    said = tmp_path_factory.mktemp("machines") / "said.txt"
    made = Machines(said, environment())
    yield made
    made.close()
    print(said.read_text(errors="replace")[-3000:])


def handed_out(place: Path, inbox: Path, database: str, broker: Broker, **more: object) -> tuple[Path, Path]:
    """An archive for many machines, seen from two hosts: under its own path, and under another."""
    make_archive(place / "kho", inbox, database=database,
                 workers={"broker": broker.url, "secret_file": str(broker.secret_file), "lease_seconds": 2.0,
                          "patience_seconds": 240.0, **more})      # a slow start of the broker is no reason
    (place / "may-khac").mkdir()
    (place / "may-khac" / "kho-chung").symlink_to(place / "kho")
    return place / "kho", place / "may-khac" / "kho-chung"


def until(condition: Callable[[], object], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


KINDS = ("machine", "broker", "connections", "night")


class Hurts:
    """What befalls a night: each kind of death in turn, at random moments, while machines work."""

    def __init__(self, here: Path, there: Path, database: str, broker: Broker, machines: Machines) -> None:
        self.places, self.database, self.server, self.machines = (here, there), database, broker, machines
        self.desk = Desk(settings.load(here))
        self.dice = random.Random(SEED)
        self.pids: dict[str, int] = {}
        self.took_part: set[str] = set()
        self.died: list[str] = []
        self.over = threading.Event()
        for n in range(MACHINES):
            self.start_machine(n)
        until(lambda: len(self.desk.machines()) == MACHINES)

    def start_machine(self, n: int) -> None:
        name = f"may-{len(self.pids)}"
        self.pids[name] = self.machines.start(self.places[n % 2], name)

    def run(self) -> None:
        """Let the hurts befall, one after the other; the first when two machines have had something in hand."""
        while len(self.died) < HURTS and not self.over.is_set():
            seen = {work.machine for work in self.desk.all() if work.machine}
            self.took_part |= seen
            if len(self.took_part) < 2 and len(self.died) == 0:
                time.sleep(0.01)
                continue
            if not [work for work in self.desk.all() if work.state == "claimed"]:
                time.sleep(0.01)
                continue
            name = KINDS[len(self.died) % len(KINDS)]
            if getattr(self, name)():
                self.died.append(name)
            time.sleep(self.dice.uniform(0.05, 1.0))

    def machine(self) -> bool:
        """One that has something in hand; another comes instead."""
        at_work = [work.machine for work in self.desk.all() if work.state == "claimed"]
        if not at_work:
            return False
        victim = self.dice.choice(at_work)
        if self.pids[victim] not in self.machines.pids:     # killed before; its claim has not ended yet
            return False
        self.machines.kill(self.pids[victim])
        self.start_machine(len(self.pids))
        return True

    def broker(self) -> bool:
        """It forgets every message."""
        self.server.kill()
        time.sleep(self.dice.uniform(0, 0.5))
        self.server.start()
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


    def end(self) -> None:
        """The machines go, too; their driver stays for the next test."""
        self.desk.close()
        self.machines.kill_all()


def nights_until_done(here: Path, hurts: Hurts, lives: Lives) -> list[int]:
    """Nights, as often as they are cut off, while the hurts befall them: how each ended."""
    went_wrong: list[BaseException] = []

    def hurting() -> None:
        try:
            hurts.run()
        except BaseException as error:
            went_wrong.append(error)

    thread, codes = threading.Thread(target=hurting), list[int]()
    thread.start()
    while not codes or codes[-1] != 0:
        assert len(codes) < HURTS + 10, codes
        codes.append(lives.one_of_any_end(here))    # what was cut off ends, and is started again
    hurts.over.set()
    thread.join()
    assert went_wrong == [], "the hurts themselves went wrong"
    assert len(hurts.took_part) >= 2, "nobody worked alone"
    assert hurts.desk.all() == []
    return codes


def assert_as_alone(here: Path, alone: test_kill.Picture) -> None:
    made = picture(here)
    test_kill.assert_same(made, alone)
    assert list((here / "store" / "staging").iterdir()) == []
    for path, data in made.store.items():
        assert (here.parent / "sao" / path).read_bytes() == data, "the copy has it too"


@pytest.mark.slow
def test_machines_broker_connections_and_night_die_and_the_archive_is_the_same(
        tmp_path: Path, inbox: Path, alone: test_kill.Picture, lives: Lives, postgresql: str, broker: Broker,
        machines: Machines) -> None:
    here, there = handed_out(tmp_path, inbox, postgresql, broker, ahead=8, tries=20)
    hurts = Hurts(here, there, postgresql, broker, machines)
    try:
        codes = nights_until_done(here, hurts, lives)
    finally:
        hurts.end()
    assert hurts.died[:4] == list(KINDS)[:HURTS], hurts.died
    assert -signal.SIGKILL in codes or HURTS < 4
    assert_as_alone(here, alone)
    print(f"{len(hurts.died)} deaths, {len(codes)} nights, {len(hurts.pids)} machines")


# --- RabbitMQ -------------------------------------------------------------------------------------------------


def told(root: Path, url: str, secret_file: Path) -> Settings:
    return Settings(root=root, workers={"broker": url, "secret_file": str(secret_file)})    # type: ignore[arg-type]


def test_rabbitmq_hands_out_urgent_messages_first_and_again_when_their_machine_is_gone(
        tmp_path: Path, rabbitmq: RabbitMQServer) -> None:
    sender = broker_app.Sender(told(tmp_path, rabbitmq.url, rabbitmq.secret_file))
    for work, urgent in (("examine:a", False), ("examine:b", True)):
        sender.send("examine", work, "io", urgent=urgent)

    def taken() -> tuple[Any, list[Any]]:
        connection, found = sender.app.connection_for_read(), list[Any]()
        queue = next(one for one in sender.app.conf.task_queues if one.name == "luutru.io")(connection.default_channel)

        def two() -> bool:
            if (one := queue.get(no_ack=False)) is not None:
                found.append(one)
            return len(found) == 2

        until(two)
        return connection, found

    for redelivered in (False, True):
        connection, found = taken()
        assert [json.loads(one.body)[0] for one in found] == [["examine:b"], ["examine:a"]]
        assert [json.loads(one.body)[1] for one in found] == [{}, {}], "an id, and nothing else"
        assert [one.properties["priority"] for one in found] == [broker_app.URGENT, broker_app.USUAL]
        assert [one.delivery_info["redelivered"] for one in found] == [redelivered] * 2
        if redelivered:
            for one in found:
                one.ack()
        connection.collect()        # a machine that is gone says nothing
    sender.close()


def test_rabbitmq_refuses_a_wrong_password_and_a_wrong_virtual_host_and_neither_is_told(
        tmp_path: Path, rabbitmq: RabbitMQServer) -> None:
    broker_app.greet(told(tmp_path, rabbitmq.url, rabbitmq.secret_file))
    (tmp_path / "nham").write_text("nham-roi")
    for url, secret in ((rabbitmq.url, tmp_path / "nham"), (rabbitmq.url + "kho-khac", rabbitmq.secret_file)):
        wrong = told(tmp_path, url, secret)
        with pytest.raises(SettingsError) as refused:
            broker_app.greet(wrong)
        assert "mat-khau" not in str(refused.value) and "nham-roi" not in str(refused.value)
        sender = broker_app.Sender(wrong)
        with pytest.raises(broker_app.BrokerAwayError, match=r"AccessRefused|NotAllowed"):
            sender.send("examine", "examine:a", "io", urgent=False)
