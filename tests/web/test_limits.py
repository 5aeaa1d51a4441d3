"""How much is answered in a minute: buckets that fill evenly, for accounts, tokens and addresses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive import opening, settings
from tests.web.conftest import Served, add_people, serving
from web import limits
from web.limits import Limits
from web.people import TooManyError
from web.tokens import Tokens


def get(url: str, **more: Any) -> httpx.Response:
    """Ask once, without the certificates that a client of its own would read: they take longer than the answer."""
    return httpx.get(url, verify=False, timeout=30, **more)


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.time = 1000.0

    def __call__(self) -> float:
        return self.time


def made(tmp_path: Path, **web: int) -> tuple[Limits, Clock]:
    opening.make_archive(tmp_path / "kho", {"web": web}).close()
    moved = Clock()
    return Limits(settings.load(tmp_path / "kho"), moved), moved


def test_a_burst_is_let_through_a_stream_is_held_down_and_the_wait_is_true(tmp_path: Path) -> None:
    held, moved = made(tmp_path, requests_per_minute=60)
    for _n in range(60):
        held.of_account("lan.nt")
    with pytest.raises(TooManyError) as told:
        held.of_account("lan.nt")
    assert told.value.wait == pytest.approx(1.0)
    held.of_account("other")                    # others are not disturbed, nor is a token of the same account
    held.of_token("lan.nt")
    moved.time += told.value.wait
    held.of_account("lan.nt")
    with pytest.raises(TooManyError):
        held.of_account("lan.nt")
    moved.time += 3600                          # no longer than a minute is saved up
    for _n in range(60):
        held.of_account("lan.nt")
    with pytest.raises(TooManyError):
        held.of_account("lan.nt")


@given(st.lists(st.floats(0, 30), max_size=200))
def test_no_more_than_a_burst_and_the_stream_is_ever_answered(pauses: list[float]) -> None:
    moved = Clock()
    held = Limits(settings.Settings(root=Path("/nowhere"), web={"requests_per_minute": 10}), moved)
    answered = 0
    for pause in pauses:
        moved.time += pause
        try:
            held.of_account("lan.nt")
            answered += 1
        except TooManyError as error:
            assert error.wait > 0
    assert answered <= 10 + (moved.time - 1000) * 10 / 60 + 1e-6


def test_this_machine_is_not_counted_and_no_limit_is_none(tmp_path: Path) -> None:
    held, _moved = made(tmp_path, requests_per_minute=0, address_requests_per_minute=2)
    for _n in range(100):
        held.of_account("lan.nt")
        for own in ("127.0.0.1", "::1", "127.8.9.1"):
            held.of_address(own)
    for _n in range(2):
        held.of_address("10.0.0.7")
    with pytest.raises(TooManyError):
        held.of_address("10.0.0.7")
    held.of_address("10.0.0.8")
    held.of_address("not an address")


def test_what_is_remembered_has_an_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    held, _moved = made(tmp_path, address_requests_per_minute=2)
    monkeypatch.setattr(limits, "MOST", 50)
    for n in range(500):
        held.of_address(f"10.0.{n // 250}.{n % 250}")
    assert len(held._buckets) == 50


def test_who_asks_too_much_is_told_when_to_come_again_at_the_pages_and_by_programs(tmp_path: Path) -> None:
    root = tmp_path / "kho"
    opening.make_archive(root, {"web": {"requests_per_minute": 5, "address_requests_per_minute": 5}}).close()
    names = add_people(root)
    with serving(root) as url:
        site = Served(url, root, names)
        with site.client("reader") as browser:
            for _n in range(5):
                assert browser.get("/account").status_code == 200
            late = browser.get("/account")
            assert late.status_code == 429
            assert 1 <= int(late.headers["retry-after"]) <= 12
            assert "<h1>" in late.text
            assert browser.get("/login").status_code == 303     # what needs nobody, and static files, go on
        shown, _token = Tokens(settings.load(root), site.accounts).make("auditor", "thử", ["records"], by="test")
        with httpx.Client(verify=False, base_url=f"{url}/api/v1", timeout=30,
                          headers={"authorization": f"Bearer {shown}"}) as client:
            told = [client.get("/me") for _n in range(6)]
        assert [one.status_code for one in told] == [200] * 5 + [429]
        assert told[-1].json()["type"] == "urn:luutru:problem:too_many"
        assert int(told[-1].headers["retry-after"]) >= 1
        # A proxy on this machine tells for whom it asks: that address is counted.
        far = {"x-forwarded-for": "10.1.2.3"}
        answers = [get(f"{url}/login", headers=far).status_code for _n in range(6)]
        assert answers == [200] * 5 + [429]
        assert get(f"{url}/static/luutru.css", headers=far).status_code == 200
        assert get(f"{url}/login", headers={"x-forwarded-for": "10.1.2.4"}).status_code == 200
