"""Accounts, log-ins, the second factor, and the acts that wait for the ledger."""

from __future__ import annotations

import base64
import json
import multiprocessing
import os
import signal
import sqlite3
import stat
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from argon2 import Type
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from archive import acts, catalogue, clock, opening, settings
from archive.errors import ArchiveBusyError, UsageError
from archive.opening import Archive
from cli import luutru
from tests.web.conftest import HASHER
from web import accounts, passwords, sessions, totp
from web.accounts import AccountError, Accounts
from web.commands import account as account_command
from web.people import ROLES
from web.sessions import Sessions

PASSWORD = "mùa thu Hà Nội 1954"


@pytest.fixture
def held(archive: Archive) -> Accounts:
    return Accounts(archive.settings)


@pytest.fixture
def administrator(held: Accounts) -> str:
    return held.use_link(held.set_up_link(), PASSWORD, name="quan.tri", full_name="Trần Văn Quản")


# --- accounts ----------------------------------------------------------------------------------------------


def test_the_file_of_accounts_is_for_its_owner_alone_and_holds_no_secret_in_clear(held: Accounts,
                                                                                  administrator: str) -> None:
    token = held.add("van.thu", "Lê Thị Thư", ["records_officer"], by=administrator)
    assert stat.S_IMODE(held.place.stat().st_mode) == 0o600
    raw = b"".join(path.read_bytes() for path in held.place.parent.glob("accounts.db*"))
    assert PASSWORD.encode() not in raw
    assert token.encode() not in raw
    assert b"$argon2id$" in raw


def test_the_set_up_link_makes_one_administrator_and_ends(held: Accounts) -> None:
    assert held.none_yet()
    token = held.set_up_link()
    assert held.link(token) == ""
    assert held.use_link(token, PASSWORD, name="Quan.Tri", full_name="Trần Văn Quản") == "quan.tri"
    assert held.link(token) is None
    assert not held.none_yet()
    with pytest.raises(AccountError):
        held.use_link(token, PASSWORD, name="thu-hai", full_name="Kẻ Lạ")
    assert held.link(held.set_up_link()) is None        # there is an administrator: no link makes a second one


def test_a_link_works_once_also_when_two_use_it_at_the_same_moment(held: Accounts, administrator: str) -> None:
    token = held.add("van.thu", "Lê Thị Thư", ["reader"], by=administrator)

    def use(n: int) -> bool:
        try:
            held.use_link(token, f"{PASSWORD} {n}")
        except AccountError:
            return False
        return True

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(use, range(4))) == [False, False, False, True]


def test_a_link_ends_after_a_day(held: Accounts, administrator: str, monkeypatch: pytest.MonkeyPatch) -> None:
    token = held.add("van.thu", "Lê Thị Thư", ["reader"], by=administrator)
    later = clock.now() + timedelta(hours=24, minutes=1)
    monkeypatch.setattr(clock, "now", lambda: later)
    assert held.link(token) is None


def test_the_last_administrator_cannot_be_locked_or_demoted(held: Accounts, administrator: str) -> None:
    with pytest.raises(AccountError):
        held.lock(administrator, locked=True, by="root")
    with pytest.raises(AccountError):
        held.set_roles(administrator, ["reader"], by="root")
    held.use_link(held.add("thu.hai", "Phạm Hai", ["administrator"], by=administrator), PASSWORD)
    held.lock(administrator, locked=True, by="thu.hai")


@pytest.mark.parametrize("name", ["", "ab", "Có dấu", "a b c", "../../etc", "-abc", "x" * 41, "a\nbc"])
def test_a_name_that_could_be_something_else_is_no_name(held: Accounts, name: str) -> None:
    with pytest.raises(AccountError):
        held.add(name, "Ai Đó", ["reader"], by="root")


@pytest.mark.parametrize("password", ["ngắn quá", "x" * 201, "matkhau123456", "Mật khẩu@123456", "aaaaaaaaaaaaaaaa",
                                      "administrator2026", "van.thu123456", "123456789012"])
def test_passwords_that_are_short_or_everybodys_are_refused(password: str) -> None:
    with pytest.raises(UsageError):
        passwords.checked(password, "van.thu")


def test_a_password_is_the_same_however_the_keyboard_composes_its_letters() -> None:
    secret = accounts.hash_of("Mùa thu Hà Nội")
    assert accounts.matches(secret, "Mùa thu Hà Nội")
    assert not accounts.matches(secret, "Mua thu Ha Noi")
    assert not accounts.matches("", "")


@given(st.text(max_size=30))
def test_no_text_passes_for_a_code(text: str) -> None:
    secret = base64.b32encode(b"12345678901234567890").decode()
    right = {totp.code_at(secret, int(clock.now().timestamp()) // 30 + off) for off in (-2, -1, 0, 1, 2)}
    assert totp.step_of(secret, text, 0) is None or "".join(text.split()) in right


@pytest.mark.parametrize(("seconds", "code"), [(59, "287082"), (1111111109, "081804"), (1111111111, "050471"),
                                               (1234567890, "005924"), (2000000000, "279037")])
def test_the_codes_are_those_of_rfc_6238(seconds: int, code: str) -> None:
    assert totp.code_at(base64.b32encode(b"12345678901234567890").decode(), seconds // 30) == code


def test_the_qr_code_reads_back() -> None:
    import io

    import zxingcpp
    from PIL import Image

    address = totp.address(totp.new_secret(), "van.thu", "H99")
    with Image.open(io.BytesIO(totp.picture(address))) as picture:
        (read,) = zxingcpp.read_barcodes(picture)
    assert read.text == address


# --- logging in --------------------------------------------------------------------------------------------


def test_wrong_passwords_make_a_name_wait_longer_and_longer_whether_it_exists_or_not(
        held: Accounts, administrator: str, monkeypatch: pytest.MonkeyPatch) -> None:
    logins = Sessions(held.settings, held)
    monkeypatch.setattr(accounts, "matches", lambda secret, password: bool(secret) and password == PASSWORD)
    now = [1_000_000.0]
    monkeypatch.setattr(sessions.time, "time", lambda: now[0])
    waits: dict[str, list[float]] = {}
    for name, address in ((administrator, "10.0.0.1"), ("khong-co", "10.0.0.2")):
        told = waits.setdefault(name, [])
        for _n in range(8):
            told.append(logins.log_in(name, "sai", address).wait)
            now[0] += told[-1] + 1
    assert waits[administrator] == waits["khong-co"] == [0, 0, 0, 0, 60, 120, 240, 480]
    logins.log_in(administrator, "sai", "10.0.0.3")
    locked = logins.log_in(administrator, PASSWORD, "10.0.0.3")      # the right one does not shorten the wait
    assert (locked.session, locked.wait) == ("", 960)
    now[0] += 961
    assert logins.log_in(administrator, PASSWORD, "10.0.0.3").session


def test_an_address_that_tries_many_names_waits_too(held: Accounts, administrator: str,
                                                    monkeypatch: pytest.MonkeyPatch) -> None:
    logins = Sessions(held.settings, held)
    monkeypatch.setattr(accounts, "matches", lambda secret, password: bool(secret) and password == PASSWORD)
    for n in range(sessions.ADDRESS_TRIES):
        assert not logins.log_in(f"nguoi-{n}", "sai", "10.0.0.9").session
    assert logins.log_in(administrator, PASSWORD, "10.0.0.9").wait > 0
    assert logins.log_in(administrator, PASSWORD, "10.0.0.10").session


def test_what_was_typed_as_an_unknown_name_is_written_nowhere(held: Accounts, administrator: str) -> None:
    Sessions(held.settings, held).log_in("day-la-mat-khau-cua-toi", "x", "10.0.0.1")
    noted = acts.waiting(held.settings, "login_failed")
    assert [one["subject"] for one in noted] == ["?"]
    assert "day-la-mat-khau" not in json.dumps(noted)


# --- acts --------------------------------------------------------------------------------------------------


def test_acts_come_into_the_ledger_once_with_the_next_owner_while_nobody_waits(archive: Archive) -> None:
    other = opening.open_archive(archive.settings)
    with opening.ownership(other):
        acts.note(archive.settings, "viewed", "H99.2026.01.VP.0000001", {"access": "restricted"}, actor="van.thu")
        with pytest.raises(ArchiveBusyError), opening.ownership(archive):
            pass
    other.close()
    for _n in range(2):
        with opening.ownership(archive):
            pass
    lines = [line for line in archive.ledger.lines() if line.kind == "viewed"]
    assert [(line.subject, line.actor, line.data["access"]) for line in lines] == [
        ("H99.2026.01.VP.0000001", "van.thu", "restricted")]
    assert lines[0].data["done_at"] < lines[0].at
    assert acts.waiting(archive.settings) == []
    assert list(archive.ledger.check()) == []


def test_half_a_line_of_a_killed_writer_spoils_no_other(archive: Archive) -> None:
    acts.note(archive.settings, "viewed", "a", {}, actor="x")
    with (archive.settings.root / acts.FILE).open("ab") as stream:
        stream.write(b'{"key": "half')
    acts.note(archive.settings, "viewed", "b", {}, actor="x")
    with opening.ownership(archive):
        pass
    assert [line.subject for line in archive.ledger.lines() if line.kind == "viewed"] == ["a", "b"]


def _write(root: Path, worker: int) -> None:
    held = settings.load(root)
    for n in range(1000):
        acts.note(held, "viewed", f"{worker}-{n}", {}, actor="x")
        with (root / f"answered-{worker}").open("a") as stream:
            stream.write(f"{worker}-{n}\n")


def _take(root: Path) -> None:
    while True:
        held = opening.open_archive(settings.load(root))
        with opening.ownership(held, wait=10):
            pass
        held.close()


def test_killed_writers_and_killed_owners_lose_no_act_and_tell_none_twice(archive: Archive) -> None:
    root = archive.settings.root
    context = multiprocessing.get_context("fork")
    for round_ in range(6):
        lives = [context.Process(target=_write, args=(root, round_ * 10 + n)) for n in range(2)]
        lives.append(context.Process(target=_take, args=(root,)))
        for life in lives:
            life.start()
        time.sleep(0.25 + 0.07 * round_)
        for life in lives:
            assert life.pid
            os.kill(life.pid, signal.SIGKILL)
            life.join()
    again = opening.open_archive(archive.settings)
    with opening.ownership(again):
        pass
    told = [line.subject for line in again.ledger.lines() if line.kind == "viewed"]
    answered = {line for path in root.glob("answered-*") for line in path.read_text().splitlines()}
    assert len(answered) > 20
    assert answered <= set(told)
    assert len(told) == len(set(told))
    assert list(again.ledger.check()) == []
    with again.catalogue.session() as session:
        assert catalogue.compare(session, again.ledger) == again.ledger.seq
    again.close()


# --- the command -------------------------------------------------------------------------------------------


def test_accounts_are_made_listed_locked_and_reset_from_the_machine(archive: Archive) -> None:
    root = archive.settings.root

    def run(*words: str) -> object:
        done = CliRunner().invoke(account_command.command, [*words, "--json"], obj=root, catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return json.loads(done.stdout)

    made = run("add", "van.thu", "--full-name", "Lê Thị Thư", "--role", "records_officer", "--fonds", "H99")
    assert isinstance(made, dict)
    assert Accounts(archive.settings).link(made["link"].rpartition("/")[2]) == "van.thu"
    assert run("roles", "van.thu", "reader", "auditor")["roles"] == ["auditor", "reader"]  # type: ignore[index]
    assert run("lock", "van.thu", "--reason", "nghỉ việc") == {"name": "van.thu", "locked": True}
    again = run("reset", "van.thu")
    assert isinstance(again, dict)
    assert again["link"] != made["link"]
    assert [(one["name"], one["locked"]) for one in run("list")] == [("van.thu", True)]  # type: ignore[attr-defined]
    kinds = [one["kind"] for one in acts.waiting(archive.settings)]
    assert kinds == ["account_made", "account_roles", "account_locked", "account_reset"]
    assert "/link/" not in json.dumps(acts.waiting(archive.settings))


def test_the_command_knows_the_roles_and_refuses_a_fonds_that_is_not_there(archive: Archive) -> None:
    assert account_command.ROLES == ROLES
    done = CliRunner().invoke(luutru, ["--root", str(archive.settings.root), "account", "add", "abc",
                                       "--full-name", "A", "--role", "reader", "--fonds", "H77"])
    assert done.exit_code == 2


@pytest.mark.parametrize(("told", "address"), [
    ({}, "http://127.0.0.1:8080/link/"), ({"PORT": "9443", "HOST": "::"}, "http://127.0.0.1:9443/link/"),
    ({"HOST": "fd00::7"}, "http://[fd00::7]:8080/link/"),
    ({"PORT": "9443", "ADDRESS": "https://luutru.snv.example.gov.vn/"}, "https://luutru.snv.example.gov.vn/link/")])
def test_a_link_leads_to_where_the_settings_say_that_the_portal_is(
        archive: Archive, monkeypatch: pytest.MonkeyPatch, told: dict[str, str], address: str) -> None:
    for name, value in told.items():
        monkeypatch.setenv(f"LUUTRU_WEB__{name}", value)
    done = CliRunner().invoke(account_command.command, ["add", "lan", "--full-name", "Lan", "--role", "reader"],
                              obj=archive.settings.root, catch_exceptions=False)
    assert address in done.stdout
    assert ("web.address" in done.stdout) == ("ADDRESS" not in told)


def test_sessions_end_when_idle_when_old_and_when_the_account_is_locked(
        held: Accounts, administrator: str, monkeypatch: pytest.MonkeyPatch) -> None:
    logins, now = Sessions(held.settings, held), [time.time()]
    monkeypatch.setattr(sessions.time, "time", lambda: now[0])
    for wait, alive in ((29 * 60, True), (31 * 60, False)):
        token = logins.log_in(administrator, PASSWORD, "10.0.0.1").session
        now[0] += wait
        assert (_who(logins, token) is not None) is alive
    token = logins.log_in(administrator, PASSWORD, "10.0.0.1").session
    for _n in range(29):
        now[0] += 20 * 60
        assert _who(logins, token) is not None
    now[0] += 21 * 60       # ten hours, however busy
    assert _who(logins, token) is None
    token = logins.log_in(administrator, PASSWORD, "10.0.0.1").session
    held.use_link(held.add("thu.hai", "Phạm Hai", ["administrator"], by=administrator), PASSWORD)
    held.lock(administrator, locked=True, by="thu.hai")
    assert _who(logins, token) is None


def _who(logins: Sessions, token: str) -> object:
    from starlette.requests import Request

    return logins.person(Request({"type": "http", "method": "GET", "scheme": "http", "path": "/", "query_string": b"",
                                  "server": ("127.0.0.1", 80), "headers": [(b"cookie", f"luutru={token}".encode())]}))


def test_an_account_file_of_the_first_day_still_opens(held: Accounts, administrator: str) -> None:
    again = Accounts(held.settings)
    assert again.form_key == held.form_key
    with sqlite3.connect(held.place) as database:
        assert database.execute("PRAGMA journal_mode").fetchone()[0] == "wal"


def test_a_guess_costs_what_rfc_9106_asks_for() -> None:
    """All other tests of the portal hash in one round (conftest.py)."""
    used = HASHER()
    assert (used.type, used.time_cost, used.memory_cost, used.parallelism) == (Type.ID, 3, 64 << 10, 4)
