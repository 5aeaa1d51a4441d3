"""The desk, the views, the beat and the machines, each alone: what happens when two believe to have the same work."""

from __future__ import annotations

import base64
import json
import shutil
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import redis as redis_client
import structlog.testing
from celery.worker import state as celery_state
from click.testing import CliRunner
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from sqlalchemy import text

from archive import clock, opening, settings
from archive.catalogue import WRITER, Catalogue
from archive.errors import ArchiveBusyError, SettingsError
from archive.findings import Level, finding
from archive.settings import Settings
from cli import luutru
from ingest import intake, worker
from ingest.item import Context, Examined, Item, Part
from ingest.machines import app as broker
from ingest.machines import handing_out, nights, views
from ingest.machines.clockwork import Beat
from ingest.machines.desk import Desk, Order
from ingest.machines.fingerprint import fingerprint
from ingest.machines.machine import Machine
from ingest.machines.serving import InHand
from ingest.urgency import is_urgent
from tests import postgres
from tests.conftest import NIGHT, ROOT
from tests.redis_server import RedisServer

NOWHERE = "redis://127.0.0.1:1/0"       # no broker answers there
EVENING = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)     # 22:00 in Vietnam


@pytest.fixture(autouse=True)
def _log() -> Iterator[list[Any]]:
    """What is logged, kept; without a log, a traceback would be painted with all its variables."""
    with structlog.testing.capture_logs() as logged:
        yield logged


@pytest.fixture(scope="module")
def _shared(tmp_path_factory: pytest.TempPathFactory, _postgres_server: str) -> Path:
    place = tmp_path_factory.mktemp("celery") / "kho"
    opening.make_archive(place, {
        "agency": {"code": "H99", "name": "Sở Nội vụ tỉnh Mẫu"},
        "database": postgres.database(_postgres_server),
        "workers": {"broker": NOWHERE, "lease_seconds": 2.0, "patience_seconds": 0.0}}).close()
    return place


@pytest.fixture
def root(_shared: Path) -> Iterator[Path]:
    """An archive for many machines whose broker is away, and where machines are soon given up; the desk is empty."""
    told = settings.load(_shared)
    yield _shared
    left = Desk(told)
    for task in ("examine", "night", "report"):
        left.clear(task)
    for machine in left.machines():
        left.leave(machine.name)
    left.close()
    views.sweep(told)
    shutil.rmtree(intake.folder(told, "a").parent, ignore_errors=True)


@pytest.fixture(autouse=True)
def _nobody_was_alone() -> Iterator[None]:
    """A process remembers through its night that no machine takes work; each test is a night of its own."""
    yield
    handing_out._alone_since.clear()


@pytest.fixture
def desk(root: Path) -> Iterator[Desk]:
    made = Desk(settings.load(root))
    yield made
    made.close()


def item_at(root: Path, name: str = "a") -> Item:
    """A received text in the intake area."""
    told = settings.load(root)
    folder = intake.folder(told, name)
    (folder / "received").mkdir(parents=True)
    path = folder / "received" / f"{name}.txt"
    path.write_text(f"Nội dung {name}", encoding="utf-8")
    return Item(name, "inbox", path.name, folder, [Part(path.name, "original", path, path.stat().st_size, "0", "0")],
                NIGHT)


def context(root: Path) -> Context:
    return Context(settings.load(root), NIGHT.date(), NIGHT)


def examined(item: Item, _context: Context, only: str = "") -> Examined:
    """Stands in for the stages, which are tested elsewhere: writes a file, notes a fact, finds something."""
    (item.folder / "text.txt").write_text(f"đã đọc {item.id} {only}", encoding="utf-8")
    item.made(item.folder / "text.txt", "text", "txt")
    item.facts["extract"] = {"by": only or "all"}
    return Examined(item, [finding("NIGHT-005", item.name)], {"extract": 0.5})


class Here:
    """A pool that is this process."""

    active = True

    def __init__(self, does: Callable[[Item, Context, str], Examined] = examined) -> None:
        self.does = does

    def __enter__(self) -> Here:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def stop(self) -> None:
        pass


@pytest.fixture
def pool(monkeypatch: pytest.MonkeyPatch) -> Here:
    """Machines of this test examine in this process."""
    made = Here()
    monkeypatch.setattr(worker, "open_pool", lambda _settings, _workers: made)
    monkeypatch.setattr(worker, "schedule", lambda _pool, item, context, only, trust="": made.does(item, context, only))
    monkeypatch.setattr(worker, "outcome", lambda done, _item, _attempt, _settings: done)
    return made


def serving(machine: Machine) -> threading.Event:
    """Let a machine take whatever waits, without a broker, until the event is set."""
    stop = threading.Event()

    def take() -> None:
        while not stop.wait(0.02):
            for work in machine.desk.all():
                if work.state == "waiting":
                    machine.examine(work.id)

    threading.Thread(target=take, daemon=True).start()
    return stop


# --- the way of an item ---------------------------------------------------------------------------------------


def test_an_item_comes_back_as_if_it_had_been_examined_here(root: Path, pool: Here) -> None:
    told = settings.load(root)
    items = [item_at(root, name) for name in "abc"]
    patient = context(root)
    patient = Context(with_patience(told, 60.0), patient.night, patient.at)
    with Machine(root, ["verify"], 1, "mot") as machine:
        stop = serving(machine)
        done = {one.item.id: one for one in handing_out.examine_all(items, patient, "")}
        stop.set()
    assert set(done) == {"a", "b", "c"}
    for item in items:
        one = done[item.id]
        assert one.item.folder == item.folder and one.item.parts == item.parts
        assert one.item.facts["extract"] == {"by": "all"}
        assert [found.code for found in one.findings] == ["NIGHT-005"] and one.cpu == {"extract": 0.5}
        assert (item.folder / "text.txt").read_text(encoding="utf-8") == f"đã đọc {item.id} "
        assert (item.folder / "received").is_dir() and not (item.folder / "received").is_symlink()
    assert not views.area(told).exists()
    assert handing_out.take_said() == []


def with_patience(told: Settings, seconds: float, **more: object) -> Settings:
    return told.model_copy(update={"workers": told.workers.model_copy(update={"patience_seconds": seconds, **more})})


def test_without_any_machine_the_one_of_the_night_does_it_and_says_so(root: Path,
                                                                     monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "examine_here", lambda items, context, only: (
        examined(item, context, only) for item in items))
    done = list(handing_out.examine_all([item_at(root, name) for name in "ab"], context(root), "sheets"))
    assert sorted(one.item.id for one in done) == ["a", "b"]
    said = handing_out.take_said()
    assert [one.code for one in said] == ["WORKER-002", "WORKER-004"]
    assert said[1].params["error"] == "ConnectionError", "nobody answers there, and no address is told"
    assert handing_out.take_said() == []


def test_what_no_machine_has_begun_when_the_night_closes_stays_for_the_next(
        root: Path, pool: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handing_out.broker.Sender, "send", lambda *_told, **_options: None)
    told, closed = context(root), threading.Event()
    told = Context(with_patience(told.settings, 60.0), told.night, told.at)
    taken: list[str] = []

    def one_by_one(item: Item, told: Context, only: str) -> Examined:
        taken.append(item.id)
        closed.set()
        return examined(item, told, only)

    pool.does = one_by_one
    with Machine(root, ["verify"], 1, "mot") as machine:
        coming = handing_out.examine_all((item_at(root, name) for name in "abc"), told,
                                         too_late=lambda _item: closed.is_set())

        def one_of_three() -> None:
            while len(machine.desk.all()) < 3:
                time.sleep(0.02)
            machine.examine("examine:b")

        threading.Thread(target=one_of_three, daemon=True).start()
        done = [one.item.id for one in coming]
        assert done == taken == ["b"], "it is ended, and nothing else begun"
        assert machine.desk.all() == []


def test_the_machine_of_the_night_which_does_it_alone_closes_as_well(
        root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    closed = threading.Event()

    def one_by_one(items: Iterable[Item], told: Context, only: str) -> Iterator[Examined]:
        for item in items:
            yield examined(item, told, only)
            closed.set()

    monkeypatch.setattr(worker, "examine_here", one_by_one)
    done = handing_out.examine_all([item_at(root, name) for name in "ab"], context(root),
                                   too_late=lambda _item: closed.is_set())
    assert len(list(done)) == 1
    handing_out.take_said()


def test_a_broker_that_forgot_everything_in_a_quiet_moment_is_told_again(root: Path, pool: Here,
                                                                       monkeypatch: pytest.MonkeyPatch) -> None:
    """It was started anew after the last message was sent: nobody noticed, and nothing is due for a long time."""
    sent: list[str] = []
    with Machine(root, ["verify"], 1, "mot") as machine:
        class Forgets:
            def __init__(self, _settings: Settings) -> None:
                pass

            def send(self, _task: str, work: str, _queue: str, *, urgent: bool) -> None:
                sent.append(work)
                if len(sent) > 2:
                    machine.examine(work)

            def close(self) -> None:
                pass

        monkeypatch.setattr(broker, "Sender", Forgets)
        monkeypatch.setattr(handing_out, "NUDGE_SECONDS", 0.1)
        told = with_patience(settings.load(root), 15.0)
        done = list(handing_out.examine_all([item_at(root, name) for name in "ab"],
                                            Context(told, NIGHT.date(), NIGHT), ""))
    assert sorted(one.item.id for one in done) == ["a", "b"]
    assert sent == ["examine:a", "examine:b"] * 2
    assert handing_out.take_said() == [], "the machine did it"


def test_an_item_that_stops_every_machine_is_set_aside_with_its_traceback(root: Path, pool: Here,
                                                                         monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(item: Item, _context: Context, _only: str) -> Examined:
        if item.id == "hong":
            raise OSError(5, "đĩa hỏng")
        return examined(item, _context)

    pool.does = fails
    monkeypatch.setenv("LUUTRU_WORKERS__TRIES", "2")
    told = with_patience(settings.load(root), 60.0)
    with Machine(root, ["verify"], 1, "mot") as machine:
        stop = serving(machine)
        done = {one.item.id: one for one in handing_out.examine_all(
            [item_at(root, "hong"), item_at(root, "lanh")], Context(told, NIGHT.date(), NIGHT), "")}
        stop.set()
    assert [found.code for found in done["lanh"].findings] == ["NIGHT-005"]
    [found] = done["hong"].findings
    assert (found.code, found.level, found.params["tries"]) == ("WORKER-001", Level.failed, "2")
    assert "đĩa hỏng" in found.params["error"] and "Traceback" in done["hong"].error
    assert not (intake.folder(told, "hong") / "text.txt").exists()


def test_a_machine_with_other_settings_takes_nothing_and_is_named(root: Path, pool: Here,
                                                                  monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "examine_here", lambda items, context, only: (
        examined(item, context, only) for item in items))
    monkeypatch.setenv("LUUTRU_OCR__RETRY_BELOW", "50")
    taken = list[str]()
    pool.does = lambda item, _context, _only: taken.append(item.id) or examined(item, _context)     # type: ignore[func-returns-value]
    with Machine(root, ["verify"], 1, "khac") as machine:
        monkeypatch.delenv("LUUTRU_OCR__RETRY_BELOW")
        stop = serving(machine)
        told = with_patience(settings.load(root), 0.5)
        done = list(handing_out.examine_all([item_at(root)], Context(told, NIGHT.date(), NIGHT), ""))
        stop.set()
    assert [found.code for one in done for found in one.findings] == ["NIGHT-005"]
    assert taken == []
    said = handing_out.take_said()
    assert [(one.code, one.subject) for one in said if one.code == "WORKER-003"] == [("WORKER-003", "khac")]


def test_what_decides_results_is_in_the_fingerprint_and_where_things_lie_is_not(
        root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ours = fingerprint(settings.load(root))
    for name, value in (("LUUTRU_OCR__TESSDATA", "/elsewhere"), ("LUUTRU_INGEST__WORKERS", "7"),
                        ("LUUTRU_DATABASE", "postgresql://elsewhere/kho"), ("LUUTRU_LANGUAGE", "en")):
        monkeypatch.setenv(name, value)
        assert fingerprint(settings.load(root)) == ours, name
    for name, value in (("LUUTRU_INGEST__MAX_PAGES", "3"), ("LUUTRU_SIGNATURES__INVALID", "pass"),
                        ("LUUTRU_PROFILE", "tt02_2019"), ("LUUTRU_SCANS__SEPARATORS", "off")):
        monkeypatch.setenv(name, value)
        assert fingerprint(settings.load(root)) != ours, name
        monkeypatch.delenv(name)


def test_urgent_documents_and_kinds_of_work(root: Path) -> None:
    item = item_at(root)
    assert (handing_out.queue_of(item), is_urgent(item)) == ("verify", False)
    assert handing_out.queue_of(item, "sheets") == "ocr"
    item.facts["registry"] = {"priority": "Hỏa tốc"}
    assert is_urgent(item)
    for name, queue in (("quet/a.TIF", "ocr"), ("a.jpg", "ocr"), ("nop.zip", "io"), ("a.pdf", "verify")):
        item.name = name
        assert handing_out.queue_of(item) == queue, name
    item.facts["sheets"] = {"pages": [3], "sheets": []}
    assert handing_out.queue_of(item) == "ocr"


# --- the desk -------------------------------------------------------------------------------------------------


def test_of_two_that_claim_one_gets_it_and_whoever_was_given_up_is_not_heard(desk: Desk) -> None:
    assert desk.lay([Order("examine:a", "examine", "verify", {"n": 1})]) == 1
    assert desk.lay([Order("examine:a", "examine", "verify", {"n": 2})]) == 0
    first = desk.claim("examine:a", "mot")
    assert first is not None and (first.tries, first.asked) == (1, {"n": 1})
    assert desk.claim("examine:a", "hai") is None
    assert desk.renew([first.token]) == {first.token}
    assert desk.take_back(["examine"]) == []
    age(desk, "until")
    assert desk.take_back(["examine"]) == [("examine:a", "mot")]
    second = desk.claim("examine:a", "hai")
    assert second is not None and second.tries == 2
    assert desk.renew([first.token, second.token]) == {second.token}
    assert not desk.finish(first, {"by": "mot"})
    assert not desk.give_back(first, "muộn", counted=True)
    assert desk.finish(second, {"by": "hai"}) and desk.finish(second, {"by": "hai"})
    [told] = desk.finished("examine")
    assert (told.told, told.machine, told.token) == ({"by": "hai"}, "hai", second.token)
    desk.clear("examine", ["examine:a"])
    assert not desk.finish(second, {"by": "hai"})


def age(desk: Desk, column: str) -> None:
    with desk.catalogue.session() as session:
        session.execute(text(f"UPDATE work SET {column} = {column} - 1000"))


def test_a_message_that_nobody_followed_is_sent_again_urgent_ones_first(desk: Desk) -> None:
    desk.lay([Order("examine:a", "examine", "verify", {}), Order("examine:b", "examine", "ocr", {}, urgent=True)])
    assert desk.to_send(["examine"]) == [("examine:b", "ocr", True), ("examine:a", "verify", False)]
    assert desk.to_send(["examine"]) == []
    age(desk, "due")
    taken = desk.claim("examine:b", "mot")
    assert taken is not None
    assert [one[0] for one in desk.to_send(["examine"])] == ["examine:a"]
    desk.not_sent(["examine:a"], 0.0)
    assert [one[0] for one in desk.to_send(["examine"])] == ["examine:a"]
    for _ in range(2):
        assert desk.finished("examine") == []
        desk.give_back(taken, "Traceback …", counted=True, wait=0.0)
        again = desk.claim("examine:b", "mot")
        assert again is not None
        taken = again
    assert desk.finished("examine") == [], "the third try is still on"
    desk.give_back(taken, "Traceback …", counted=True, wait=0.0)
    assert desk.claim("examine:b", "mot") is None
    assert [(one.id, one.tries, one.error) for one in desk.finished("examine")] == [("examine:b", 3, "Traceback …")]
    assert "examine:b" not in [one[0] for one in desk.to_send(["examine"])]


def test_a_database_that_was_away_for_a_moment_is_asked_again(root: Path) -> None:
    told = with_patience(settings.load(root), 20.0)
    desk = Desk(told)
    desk.lay([Order("examine:a", "examine", "verify", {})])
    other = Catalogue(told.database)
    with desk.catalogue.session() as held:
        held.execute(text("SELECT 1"))
        with other.session() as session:
            session.execute(text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = "
                                 "current_database() AND pid <> pg_backend_pid()"))
        assert desk.claim("examine:a", "mot") is not None
        held.invalidate()
    other.close()
    desk.close()


def test_a_database_that_goes_without_a_word_is_not_waited_for_all_day(desk: Desk) -> None:
    with desk.catalogue.engine.connect() as connection:
        told = connection.connection.driver_connection.get_dsn_parameters()     # type: ignore[union-attr]
    assert {name: told[name] for name in ("connect_timeout", "keepalives_idle", "tcp_user_timeout")} == {
        "connect_timeout": "10", "keepalives_idle": "20", "tcp_user_timeout": "60000"}
    own = Catalogue(f"{desk.catalogue.url}?connect_timeout=77")
    with own.engine.connect() as connection:
        told = connection.connection.driver_connection.get_dsn_parameters()     # type: ignore[union-attr]
        assert told["connect_timeout"] == "77"
    own.close()


def test_several_machines_need_a_database_server_and_a_broker(tmp_path: Path) -> None:
    told = Settings(root=tmp_path, workers={"broker": NOWHERE})     # type: ignore[arg-type]
    with pytest.raises(SettingsError, match="PostgreSQL"):
        Desk(told)
    with pytest.raises(SettingsError):
        broker.broker_of(Settings(root=tmp_path))
    with pytest.raises(SettingsError) as error:
        broker.broker_of(Settings(root=tmp_path, workers={"broker": "kafka://bi-mat@kho"}))     # type: ignore[arg-type]
    assert "bi-mat" not in str(error.value)


def test_the_one_writer_is_one_on_all_machines(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the file system's lock is not seen by the other machine."""
    told = settings.load(root)
    archive, elsewhere = opening.open_archive(told), Catalogue(told.database)
    with elsewhere.held(WRITER) as still:
        assert still is not None and still()
        with pytest.raises(ArchiveBusyError), opening.ownership(archive):
            pytest.fail("two writers")
    with opening.ownership(archive), elsewhere.held(WRITER) as still:
        assert still is None
    with elsewhere.held(WRITER) as still:
        assert still is not None, "given back"
    archive.close()
    elsewhere.close()


def test_who_ends_gives_the_archive_back_before_a_busy_server_has_seen_it_go(
        root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = settings.load(root)
    one, other = Catalogue(told.database), Catalogue(told.database)
    monkeypatch.setattr("sqlalchemy.engine.Connection.invalidate", lambda _self: None)      # not yet seen
    with one.held(WRITER) as still:
        assert still is not None
    with other.held(WRITER) as still:
        assert still is not None and still()
    one.close()
    other.close()


# --- views ----------------------------------------------------------------------------------------------------


def test_two_machines_with_the_same_item_never_touch_the_same_file_and_one_is_adopted(root: Path) -> None:
    told, item = settings.load(root), item_at(root)
    (item.folder / "cu.txt").write_text("của đêm trước")
    made = {}
    for token in ("1", "2"):
        place = views.make(told, token, item.folder)
        (place / "text.txt").write_text(f"máy {token}")
        (place / "cu.txt").write_text(f"máy {token}")
        (place.parent / "vb" / "received").mkdir(parents=True)
        (place.parent / "vb" / "received" / "vb.pdf").write_text(f"máy {token}")
        (place.parent / ".taking-x").mkdir()
        made[token] = views.listed(place)
        assert (place / "received" / "a.txt").read_text(encoding="utf-8") == "Nội dung a"
    assert set(made["2"]) == {"a/text.txt", "a/cu.txt", "vb/received/vb.pdf"}
    assert (item.folder / "cu.txt").read_text() == "của đêm trước"
    assert views.missing(told, "2", made["2"]) == []
    (views.area(told) / "2" / "a" / "text.txt").write_text("cụt")
    assert views.missing(told, "2", made["2"]) == ["a/text.txt"]
    views.adopt(told, "1", item.folder, others=True)
    assert (item.folder / "text.txt").read_text() == (item.folder / "cu.txt").read_text() == "máy 1"
    assert (intake.folder(told, "vb") / "received" / "vb.pdf").read_text() == "máy 1"
    assert (item.folder / "received" / "a.txt").read_text(encoding="utf-8") == "Nội dung a"
    views.sweep(told)
    assert sorted(path.name for path in item.folder.parent.iterdir()) == ["a", "vb"]


def test_the_desk_cannot_send_a_machine_out_of_the_archive(root: Path, pool: Here) -> None:
    item = item_at(root)
    asked: dict[str, Any] = {"item": {**intake.as_dict(item), "folder": "/etc"}, "night": "2026-11-20",
                             "at": clock.stamp(NIGHT), "only": "", "trust": "trust",
                             "settings": fingerprint(settings.load(root))}
    with Machine(root, ["verify"], 1, "mot") as machine:
        machine.desk.lay([Order("examine:x", "examine", "verify", asked),
                          Order("examine:y", "examine", "verify", {
                              **asked, "item": {**asked["item"], "folder": "store/../../x"}})])
        assert [machine.examine(work) for work in ("examine:x", "examine:y")] == ["given back", "given back"]
        assert {work.error.partition(": ")[2].partition(":")[0] for work in machine.desk.all()} == {
            "/etc", "store/../../x"}


# --- messages -------------------------------------------------------------------------------------------------


def test_a_message_carries_an_id_and_nothing_else_and_urgent_ones_overtake(root: Path,
                                                                           monkeypatch: pytest.MonkeyPatch) -> None:
    server = RedisServer()
    try:
        monkeypatch.setenv("LUUTRU_WORKERS__BROKER", server.url)
        broker.greet(settings.load(root))
        sender = broker.Sender(settings.load(root))
        sender.send("examine", "examine:a", "ocr", urgent=False)
        server.kill()
        with pytest.raises(broker.BrokerAwayError):
            sender.send("examine", "examine:b", "ocr", urgent=True)
        server.start()
        for work in "ab":
            sender.send("examine", f"examine:{work}", "ocr", urgent=work == "b")
        sender.close()
        app = sender.app
        found = redis_client.Redis(port=server.port)
        lists = {name.decode(): [json.loads(one) for one in found.lrange(name, 0, -1)]
                 for name in found.keys("luutru.*")}
        found.close()
    finally:
        server.close()
    assert set(lists) == {"luutru.ocr", "luutru.ocr\x06\x166"}
    for name, work in (("luutru.ocr", "examine:b"), ("luutru.ocr\x06\x166", "examine:a")):
        [message] = lists[name]
        arguments, named, _more = json.loads(base64.b64decode(message["body"]))
        assert (arguments, named) == ([work], {})
        assert message["headers"]["task"] == "luutru.examine" and message["headers"]["ignore_result"]
    conf = app.conf
    assert conf.task_acks_late and conf.accept_content == ["json"] and conf.result_backend is None
    assert not conf.worker_enable_remote_control


MACHINE = """
import sys
from pathlib import Path
from archive.settings import Settings
from ingest.machines import app as broker

app = broker.make_app(Settings(root=Path("/"), workers={"broker": sys.argv[1]}))


@app.task(name="luutru.examine")
def examine(work):
    print(work, flush=True)


app.Worker(pool="threads", concurrency=3, queues=["luutru.ocr"], quiet=True, without_gossip=True, without_mingle=True,
           without_heartbeat=True).start()
"""


def test_a_machine_finds_its_redis_again(tmp_path: Path) -> None:
    server = RedisServer()
    told = Settings(root=tmp_path, workers={"broker": server.url})      # type: ignore[arg-type]
    with (tmp_path / "said.txt").open("wb") as said, subprocess.Popen(
            [sys.executable, "-c", MACHINE, server.url], cwd=ROOT, stdout=subprocess.PIPE, stderr=said,
            text=True) as machine:
        assert machine.stdout is not None
        try:
            sender = broker.Sender(told)
            sender.send("examine", "examine:a", "ocr", urgent=False)
            assert machine.stdout.readline() == "examine:a\n"
            server.kill()
            server.start()
            with suppress(broker.BrokerAwayError):
                sender.send("examine", "examine:b", "ocr", urgent=False)
            sender.send("examine", "examine:c", "ocr", urgent=False)
            assert machine.stdout.readline() in ("examine:b\n", "examine:c\n")
            sender.close()
        finally:
            machine.kill()
            server.close()


def test_the_brokers_password_comes_from_a_file_or_the_environment(tmp_path: Path,
                                                                   monkeypatch: pytest.MonkeyPatch) -> None:
    told = Settings(root=tmp_path, workers={"broker": "amqp://luutru@kho:5672/"})       # type: ignore[arg-type]
    assert broker.broker_of(told) == "amqp://luutru@kho:5672/"
    monkeypatch.setenv("LUUTRU_BROKER_SECRET", "a/b")
    assert broker.broker_of(told) == "amqp://luutru:a%2Fb@kho:5672/"
    (tmp_path / "mat-khau").write_text("c@d\n")
    told = Settings(root=tmp_path, workers={"broker": "redis://kho/0", "secret_file": "mat-khau"})  # type: ignore[arg-type]
    assert broker.broker_of(told) == "redis://:c%40d@kho/0"


def certificate(place: Path, name: str) -> Path:
    """A certificate for `name` that nobody vouches for, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    named = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    made = (x509.CertificateBuilder().subject_name(named).issuer_name(named).public_key(key.public_key())
            .serial_number(1).not_valid_before(datetime(2020, 1, 1)).not_valid_after(datetime(2050, 1, 1))
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(key, hashes.SHA256()))
    target = place / f"{name}.pem"
    target.write_bytes(made.public_bytes(serialization.Encoding.PEM) + key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    return target


@pytest.mark.parametrize("scheme", ["amqps", "rediss"])
def test_an_encrypted_broker_must_show_a_certificate_that_is_known_and_its_own(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scheme: str) -> None:
    """The libraries would give the password to whoever answers."""
    ours, other = certificate(tmp_path, "localhost"), certificate(tmp_path, "may-khac")
    heard: dict[tuple[str, str], bytes] = {}
    for shown, trusted in ((ours, ours), (ours, other), (other, other)):
        monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
        server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        server.load_cert_chain(shown)
        with socket.create_server(("127.0.0.1", 0)) as listening:
            def answer(context: ssl.SSLContext = server, place: socket.socket = listening,
                       case: tuple[str, str] = (shown.stem, trusted.stem)) -> None:
                heard[case] = b""
                with suppress(OSError):
                    while True:
                        plain, _peer = place.accept()
                        with suppress(OSError), context.wrap_socket(plain, server_side=True) as encrypted:
                            encrypted.settimeout(2)
                            heard[case] += encrypted.recv(100)

            answering = threading.Thread(target=answer, daemon=True)
            answering.start()
            address = f"{scheme}://luutru:mat-khau@localhost:{listening.getsockname()[1]}/"
            with pytest.raises((broker.BrokerAwayError, SettingsError)) as error:
                broker.greet(Settings(root=tmp_path, workers={"broker": address}))      # type: ignore[arg-type]
            assert "mat-khau" not in str(error.value)
            listening.shutdown(socket.SHUT_RDWR)
            answering.join(timeout=10)
    assert heard.pop(("localhost", "localhost")) != b""
    assert heard == {("localhost", "may-khac"): b"", ("may-khac", "may-khac"): b""}


def test_the_message_of_work_that_lasts_is_let_go_before_the_work_is_done() -> None:
    """RabbitMQ breaks with whoever keeps a message for half an hour, as a machine does that runs a night."""
    class Request:
        acknowledged = 0

        def acknowledge(self) -> None:
            self.acknowledged += 1

    in_hand, requests = InHand(), {name: Request() for name in ("dem", "tep")}
    celery_state.requests.update(requests)
    with in_hand.noted("dem"):
        assert in_hand.let_go(seconds=3600) == []
        with in_hand.noted("tep"):
            pass
        assert in_hand.let_go(seconds=0) == ["dem"]
        assert in_hand.let_go(seconds=0) == []
    assert {name: one.acknowledged for name, one in requests.items()} == {"dem": 1, "tep": 0}


# --- beats and nights -----------------------------------------------------------------------------------------


def test_of_two_beats_one_holds_the_clock_and_a_night_is_asked_for_once(root: Path) -> None:
    told, sent = settings.load(root), list[str]()
    one, other = Beat(told), Beat(told)
    try:
        for beat in (one, other):
            beat._send = lambda: None       # type: ignore[method-assign]
        assert one.tick(EVENING - timedelta(minutes=1)) == "holds the clock" and one.desk.all() == []
        assert (one.tick(EVENING), other.tick(EVENING)) == ("holds the clock", "stands by")
        assert [work.id for work in one.desk.all()] == ["night:2026-11-20"]
        one._let_go()       # its machine is gone
        assert other.tick(EVENING + timedelta(hours=2)) == "holds the clock"
        assert one.tick(EVENING) == "stands by"
        assert [work.id for work in other.desk.all()] == ["night:2026-11-20"]
        claim = other.desk.claim("night:2026-11-20", "mot")
        assert claim is not None and other.desk.finish(claim, {"code": 0})
        other.tick(EVENING + timedelta(hours=9))        # 07:00: the report too
        assert {work.id: work.state for work in other.desk.all()} == {
            "night:2026-11-20": "done", "report:2026-11-21": "waiting"}
        other.tick(EVENING + timedelta(hours=20))       # 18:00: nothing new
        assert len(other.desk.all()) == 2
        other.tick(EVENING + timedelta(days=5))
        assert [work.id for work in other.desk.all()] == ["night:2026-11-25"]
        assert sent == []
    finally:
        one.close()
        other.close()


def test_a_beat_whose_connection_was_cut_lets_the_other_hold_the_clock(root: Path) -> None:
    one, other = Beat(settings.load(root)), Beat(settings.load(root))
    try:
        assert one.tick(EVENING) == "holds the clock"
        with other.desk.catalogue.session() as session:
            session.execute(text("SELECT pg_terminate_backend(pid, 10000) FROM pg_locks WHERE locktype = 'advisory'"))
        assert one.tick(EVENING) == "stands by"
        assert other.tick(EVENING) == "holds the clock"
    finally:
        one.close()
        other.close()


@pytest.mark.parametrize(("code", "state", "tries"), [(0, "done", 1), (3, "done", 1), (1, "waiting", 0),
                                                      (130, "waiting", 0)])
def test_a_night_that_a_machine_runs(root: Path, monkeypatch: pytest.MonkeyPatch, code: int, state: str,
                                     tries: int) -> None:
    real = nights.subprocess.Popen
    said = []

    def stands_in(command: list[str], **options: Any) -> Any:
        said.append(command)
        return real([sys.executable, "-S", "-c", f"raise SystemExit({code})"], **options)

    monkeypatch.setattr(nights.subprocess, "Popen", stands_in)
    with Machine(root, ["night"], 1, "mot") as machine:
        machine.desk.lay([Order("night:2026-11-20", "night", "night", {})])
        nights.run(machine, "night:2026-11-20")
        assert nights.run(machine, "night:2026-11-20") == "gone" or state == "waiting"
        [work] = machine.desk.all()
    assert (work.state, work.tries) == (state, tries)
    assert said[0][-4:] == ["--root", str(root), "nightly", "--json"]


@pytest.mark.parametrize(("night_at", "until", "ends"), [
    ("22:30", "05:30", "2026-11-21T05:30"), ("01:00", "05:30", "2026-11-21T05:30"),
    ("18:00", "23:00", "2026-11-20T23:00")])
def test_a_night_that_is_tried_again_too_late_does_not_take_the_next_nights_hours(
        root: Path, monkeypatch: pytest.MonkeyPatch, night_at: str, until: str, ends: str) -> None:
    real, said = nights.subprocess.Popen, []

    def stands_in(command: list[str], **options: Any) -> Any:
        said.append(command)
        return real([sys.executable, "-S", "-c", ""], **options)

    monkeypatch.setattr(nights.subprocess, "Popen", stands_in)
    monkeypatch.setenv("LUUTRU_NIGHT__UNTIL", until)
    monkeypatch.setenv("LUUTRU_WORKERS__NIGHT_AT", night_at)
    with Machine(root, ["night"], 1, "mot") as machine:
        machine.desk.lay([Order("night:2026-11-20", "night", "night", {})])
        nights.run(machine, "night:2026-11-20")
    assert said[0][-2:] == ["--until", ends]


# Who started the tests may ignore SIGINT (a shell does for what it puts into the background); a machine does not.
NIGHT_THAT_LASTS = "import signal, time; signal.signal(signal.SIGINT, signal.SIG_DFL); time.sleep(60)"


def test_a_machine_that_is_stopped_stops_its_night_too(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = nights.subprocess.Popen
    monkeypatch.setattr(nights.subprocess, "Popen", lambda _command, **options: real(
        [sys.executable, "-S", "-c", NIGHT_THAT_LASTS], **options))
    with Machine(root, ["night"], 1, "mot") as machine:
        machine.desk.lay([Order("night:2026-11-20", "night", "night", {})])
        threading.Timer(0.5, machine.stopping.set).start()
        assert nights.run(machine, "night:2026-11-20") == "given back"
        [work] = machine.desk.all()
    assert (work.state, work.tries, work.due <= machine_now(root)) == ("waiting", 0, True)


def machine_now(root: Path) -> float:
    desk = Desk(settings.load(root))
    try:
        return desk.now()
    finally:
        desk.close()


# --- commands -------------------------------------------------------------------------------------------------


def test_the_commands_say_what_is_missing_and_what_lies_there(root: Path, desk: Desk, tmp_path: Path,
                                                              monkeypatch: pytest.MonkeyPatch) -> None:
    desk.lay([Order("examine:a", "examine", "verify", {}, urgent=True)])
    desk.sign_of_life("mot", ["ocr"], 4, "khác", "0.1")
    run = CliRunner().invoke
    done = run(luutru, ["--root", str(root), "worker", "status", "--json"])
    told = json.loads(done.stdout)
    assert done.exit_code == 0 and told["work"][0]["id"] == "examine:a" and not told["machines"][0]["fits"]
    assert "examine:a" in run(luutru, ["--root", str(root), "worker", "status"]).stdout
    away = run(luutru, ["--root", str(root), "worker", "--dry-run", "--queue", "ocr"])
    assert isinstance(away.exception, broker.BrokerAwayError) and away.exception.exit_code == 1
    monkeypatch.setattr(broker, "greet", lambda _settings: None)
    assert run(luutru, ["--root", str(root), "worker", "--dry-run", "--queue", "ocr"]).exit_code == 0
    assert run(luutru, ["--root", str(root), "beat", "--once"]).exit_code == 0
    opening.make_archive(tmp_path / "mot-may", {}).close()
    refused = run(luutru, ["--root", str(tmp_path / "mot-may"), "worker", "--dry-run"])
    assert isinstance(refused.exception, SettingsError)
