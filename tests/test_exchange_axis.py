"""Promises about fetching: each message once, confirmed only when its bytes are kept, from the set address alone."""

from __future__ import annotations

import hashlib
import io
import json
import re
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import IO, Any

import pytest
from click.testing import CliRunner
from sqlalchemy import select

from archive import model
from archive.errors import UsageError
from archive.opening import Archive, ownership
from archive.settings import Settings
from ingest.commands import axis_demo
from ingest.commands.edxml import command
from ingest.exchange import axis as axis_module
from ingest.exchange import fetching
from ingest.exchange.axis import HASH, SIGN, SIGN_KEYS, Account, Axis, signed
from ingest.exchange.axis_server import DemoAxis
from ingest.exchange.sources import DONE, ExchangeError, Folder, Listed, Source
from tests.edxml_messages import message

RECORDED = Path(__file__).parent / "fixtures" / "axis"
SECRET = "bí mật"


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[DemoAxis, str]]:
    axis = DemoAxis({"H99": SECRET, "H01": "khác"})
    with axis.serve() as address:
        yield axis, address


@pytest.fixture
def axis(served: tuple[DemoAxis, str]) -> DemoAxis:
    """The axis without messages and faults."""
    one = served[0]
    one.messages.clear()
    one.seen.clear()
    one.asked.clear()
    one.fault, one.cut, one.now = lambda path, n: 0, lambda n: False, lambda: datetime.now(UTC)
    return one


@pytest.fixture
def client(served: tuple[DemoAxis, str], axis: DemoAxis) -> Axis:
    return client_of(served[1])


def client_of(address: str, **more: Any) -> Axis:
    return Axis(Account(address, "H99", **{"secret": SECRET, "seconds": 5.0, "attempts": 3, **more}),
                pause=lambda seconds: None)


def fetched(archive: Archive, source: Source) -> fetching.Fetched:
    with ownership(archive):
        return fetching.fetch(archive, source)


def inbox(archive: Archive) -> dict[str, bytes]:
    folder = archive.settings.root / "inbox" / "truc-lien-thong"
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def statuses(axis: DemoAxis) -> list[str]:
    return [one.status for one in axis.messages.values()]


def test_what_waits_is_fetched_kept_and_confirmed_once(archive: Archive, axis: DemoAxis, client: Axis) -> None:
    data = [message(header=f"<DocumentId>{n}</DocumentId>") for n in range(2)]
    ids = [axis.put(one, to="H99", sender="H51") for one in data]
    axis.put(b"other", to="H01")
    made = fetched(archive, client)
    assert len(made.new) == 2 and made.findings == [] and sorted(inbox(archive).values()) == sorted(data)
    assert statuses(axis) == ["done", "done", "initial"]
    with archive.catalogue.session() as session:
        told = session.scalars(select(model.Event.data).where(model.Event.kind == fetching.KIND)).all()
    assert {one["id"]: one["sha256"] for one in told} == {
        identity: hashlib.sha256(one).hexdigest() for identity, one in zip(ids, data, strict=True)}
    axis.seen.clear()
    assert fetched(archive, client).new == [] and [one[0] for one in axis.seen] == ["/getReceivedEdocList"] * 2


def test_nothing_is_confirmed_before_bytes_and_hash_are_kept(
        archive: Archive, axis: DemoAxis, client: Axis, monkeypatch: pytest.MonkeyPatch) -> None:
    axis.put(message(), to="H99")
    def dies(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(fetching, "record", dies)
        fetched(archive, client)
    assert statuses(axis) == ["initial"] and len(inbox(archive)) == 1
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Axis, "confirm", dies)
        fetched(archive, client)
    assert statuses(axis) == ["initial"]
    for path in (archive.settings.root / "inbox" / "truc-lien-thong").iterdir():
        path.unlink()       # the night took it meanwhile
    axis.seen.clear()
    made = fetched(archive, client)
    assert (made.new, len(made.again), statuses(axis), inbox(archive)) == ([], 1, ["done"], {})
    assert "/downloadEdoc" not in [one[0] for one in axis.seen]


@pytest.mark.parametrize("fault", [500, 503, 429])
def test_a_stumbling_axis_is_tried_again(archive: Archive, axis: DemoAxis, client: Axis, fault: int) -> None:
    axis.put(message(), to="H99")
    axis.fault = lambda path, n: fault if n <= 2 else 0
    made = fetched(archive, client)
    assert len(made.new) == 1 and made.findings == [] and statuses(axis) == ["done"]


def test_a_download_that_is_cut_is_begun_anew(archive: Archive, axis: DemoAxis, client: Axis) -> None:
    axis.put(message(), to="H99")
    axis.cut = lambda n: n < 3
    assert len(fetched(archive, client).new) == 1 and list(inbox(archive).values()) == [message()]


def test_what_cannot_be_had_or_told_is_said_and_comes_again(archive: Archive, axis: DemoAxis, client: Axis) -> None:
    axis.put(message(), to="H99")
    axis.cut = lambda n: True
    made = fetched(archive, client)
    assert [one.code for one in made.findings] == ["EXCHANGE-020"] and inbox(archive) == {}
    axis.cut = lambda n: False
    axis.fault = lambda path, n: 500 if path == "/updateStatus" else 0
    made = fetched(archive, client)
    assert [one.code for one in made.findings] == ["EXCHANGE-021"] and len(made.new) == 1
    axis.fault = lambda path, n: 0
    assert len(fetched(archive, client).again) == 1 and statuses(axis) == ["done"]
    for found in made.findings:
        assert "…" not in found.sentence("vi") + found.sentence("en") and found.cure("vi") and found.cure("en")


def test_pauses_between_tries_grow(axis: DemoAxis, served: tuple[DemoAxis, str]) -> None:
    pauses: list[float] = []
    axis.fault = lambda path, n: 503
    slow = Axis(Account(served[1], "H99", SECRET, 5.0, 6), pause=pauses.append)
    with pytest.raises(ExchangeError):
        slow.list()
    assert len(pauses) == 5 and all(0.5 * 2 ** n / 2 <= one <= 0.5 * 2 ** n for n, one in enumerate(pauses))


def sent_elsewhere(status: int, _path: str, _n: int) -> int:
    return status


def test_no_redirect_is_followed_and_no_other_address_opened(axis: DemoAxis, client: Axis) -> None:
    for status in (301, 302, 307, 308):
        axis.asked.clear()
        axis.fault = partial(sent_elsewhere, status)
        with pytest.raises(ExchangeError):
            client.list()
        assert axis.asked == {"/getReceivedEdocList": 1}


@pytest.mark.parametrize("address", ["", "truc", "ftp://h/x", "file:///etc/passwd", "http://truc.example.vn/",
                                     "https://a:b@truc.example.vn", "https://truc.example.vn/?x=1", "https:///x"])
def test_addresses_that_could_lead_elsewhere_are_refused(address: str) -> None:
    with pytest.raises(UsageError):
        client_of(address)
    with pytest.raises(UsageError):
        client_of("https://truc.example.vn", secret="")


def test_who_cannot_prove_himself_is_turned_away_and_told_why(axis: DemoAxis, served: tuple[DemoAxis, str]) -> None:
    axis.put(message(), to="H99")
    with pytest.raises(ExchangeError, match="wrong signature"):
        client_of(served[1], secret="falsch").list()
    axis.now = lambda: datetime(2020, 1, 1, tzinfo=UTC)
    with pytest.raises(ExchangeError, match="timestamp"):
        client_of(served[1]).list()


def test_a_replayed_or_altered_request_is_turned_away(axis: DemoAxis, client: Axis) -> None:
    headers = signed({"from": "H99", "servicetype": "eDoc", "timestamp": datetime.now(UTC).strftime("%d%m%YT%H%M%S%z"),
                      "docId": "1", "status": "done"}, SECRET)
    assert axis.refused(headers) == ""
    assert axis.refused({**headers, "docId": "2"}) and axis.refused({**headers, SIGN: "{}"})
    assert axis.refused({**headers, SIGN: "[]"}) and axis.refused({}) and axis.refused({**headers, HASH: "0"})


def test_the_signed_headers_are_those_of_the_recorded_exchange() -> None:
    told = json.loads((RECORDED / "signed.json").read_text())
    made = signed(told["headers"], told["secret"])
    assert (made[SIGN_KEYS], made[SIGN], made[HASH]) == (
        told["sign-header-key"], told["sign-header"], told["hash-header"])
    for bad in ("x\r\nfrom: H01", "ệ", "\x00"):
        with pytest.raises(ValueError, match="not a header"):
            signed({"from": bad}, "s")


class Recorded(Axis):
    """The client before a recorded answer."""

    answer = b""

    def _once(self, *_: Any) -> bytes:
        axis_module._json(self.answer)
        return self.answer


def test_a_recorded_list_is_read_and_what_could_do_harm_is_passed_over() -> None:
    source = Recorded(Account("https://truc.example.vn", "H99", "s"))
    source.answer = (RECORDED / "list.json").read_bytes()
    assert [one.id for one in source.list()] == ["7001", "b0e4f0de-7f0a-4f5e-9c40-2a0a5a4f9d11", "../../etc/passwd"]
    for broken in (b"", b"[]", b"<html>", b'{"status":"FAIL","ErrorDesc":"khoa\\u0007 sai"}', b'{"data":3}',
                   b"[" * 9999):
        source.answer = broken
        with pytest.raises(ExchangeError) as told:
            source.list()
        assert not re.search(r"[\x00-\x1f]", str(told.value))


class Hostile:
    """A source whose ids and bytes want to leave the inbox."""

    name = "thù địch"
    confirmed: Sequence[str]

    def __init__(self, ids: Sequence[str]) -> None:
        self.ids, self.confirmed = ids, ()

    def list(self) -> Sequence[Listed]:
        return [Listed(one) for one in self.ids]

    def get(self, one: Listed, sink: IO[bytes]) -> None:
        sink.write(message() + one.id.encode("utf-8", "replace"))

    def confirm(self, one: Listed) -> None:
        self.confirmed = [*self.confirmed, one.id]


def test_no_id_leads_out_of_the_inbox_or_over_another_message(archive: Archive) -> None:
    before = {path for path in archive.settings.root.rglob("*") if path.is_file()}
    source = Hostile(["../../luutru.toml", "/etc/passwd", "a/b", "a_b", "A_B", ".ẩn", "x" * 400, "CON", "x\ny", "..."])
    made = fetched(archive, source)
    folder = archive.settings.root / "inbox" / "truc-lien-thong"
    assert len(inbox(archive)) == 10 == len(set(made.new)) and source.confirmed == source.ids
    new = {path for path in archive.settings.root.rglob("*") if path.is_file()} - before
    assert {path.parent for path in new if "store" not in path.parts and path.suffix == ".edxml"} == {folder}
    assert all(not path.name.startswith(".") for path in folder.iterdir())


def test_a_message_larger_than_allowed_is_left(axis: DemoAxis, served: tuple[DemoAxis, str]) -> None:
    axis.put(b"x" * 5000, to="H99")
    small = client_of(served[1], largest=4096)
    sink = io.BytesIO()
    with pytest.raises(ExchangeError):
        small.get(small.list()[0], sink)
    assert axis.asked["/downloadEdoc"] == 1 and len(sink.getvalue()) <= 4096


def test_an_axis_that_drips_does_not_hold_the_archive() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        def drip() -> None:
            taken, _from = listening.accept()
            with taken, suppress(OSError):
                for byte in b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\nX-Long: " + b"x" * 400:
                    taken.sendall(bytes([byte]))
                    time.sleep(0.02)

        thread = threading.Thread(target=drip, daemon=True)
        thread.start()
        slow = client_of(f"http://127.0.0.1:{listening.getsockname()[1]}", seconds=0.1, attempts=1)
        with pytest.raises(ExchangeError):
            slow.list()
        thread.join(5)
        assert not thread.is_alive()


def test_a_folder_is_a_source_and_keeps_what_was_fetched(archive: Archive, tmp_path: Path) -> None:
    drop = tmp_path / "thả"
    drop.mkdir()
    (drop / "a.edxml").write_bytes(message())
    (drop / ".đang-chép").write_bytes(b"half")
    (drop / "b.edxml").symlink_to("/etc/passwd")
    source = Folder(drop)
    assert len(fetched(archive, source).new) == 1 and list(inbox(archive).values()) == [message()]
    assert (drop / DONE / "a.edxml").read_bytes() == message() and not (drop / "a.edxml").exists()
    (drop / "a.edxml").write_bytes(message() + b"\n")       # another message under the same name
    assert len(fetched(archive, source).new) == 1 and len(inbox(archive)) == 2
    assert len(list((drop / DONE).iterdir())) == 2
    with pytest.raises(ExchangeError):
        Folder(tmp_path / "fehlt").list()


def test_the_commands_fetch_from_the_demo_axis(
        archive: Archive, axis: DemoAxis, served: tuple[DemoAxis, str], monkeypatch: pytest.MonkeyPatch) -> None:
    root = archive.settings.root
    assert isinstance(CliRunner().invoke(command, ["fetch"], obj=root).exception, UsageError)
    for data in axis_demo._made("H99", "Sở mẫu"):
        axis.put(data, to="H99")
    for name, value in {"SOURCE": "axis", "ADDRESS": served[1], "SECRET": SECRET}.items():
        monkeypatch.setenv("LUUTRU_EDXML_SECRET" if name == "SECRET" else f"LUUTRU_EDXML__{name}", value)
    listed = json.loads(CliRunner().invoke(command, ["fetch", "--dry-run", "--json"], obj=root).stdout)
    assert len(listed["waiting"]) == 2 and statuses(axis) == ["initial"] * 2
    done = json.loads(CliRunner().invoke(command, ["fetch", "--limit", "1", "--json"], obj=root).stdout)
    assert len(done["new"]) == 1 and sorted(statuses(axis)) == ["done", "initial"]
    assert len(json.loads(CliRunner().invoke(command, ["fetch", "--json"], obj=root).stdout)["new"]) == 1
    names = sorted((root / "inbox" / "truc-lien-thong").iterdir())
    shown = [json.loads(CliRunner().invoke(command, ["show", str(path), "--json"]).stdout) for path in names]
    assert sorted(one["business"]["type"] for one in shown) == ["new", "recall"]
    assert Settings.model_fields["edxml"] is not None


def test_the_demo_axis_says_how_to_fetch_from_it() -> None:
    done = CliRunner().invoke(axis_demo.command, ["--seconds", "0.01", "--system", "H99"])
    assert done.exit_code == 0, done.output
    assert "127.0.0.1" in done.output and "LUUTRU_EDXML__ADDRESS=http://127.0.0.1:" in done.output
