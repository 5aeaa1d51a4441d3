"""The portal for tests: the sample archive after one night, served, an account of each role, and a real browser."""

from __future__ import annotations

import os
import shutil
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from argon2 import PasswordHasher
from axe_core_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright

from archive import settings
from web import accounts
from web.accounts import Accounts
from web.app import create_app
from web.people import ROLES

PASSWORD = "mùa thu Hà Nội 1954"
NAMES = {role: role.replace("_", "-") for role in ROLES}
HASHER = accounts._hasher       # the real one
DESK, TELEPHONE = {"width": 1366, "height": 768}, {"width": 390, "height": 844}


@dataclass
class Served:
    """A portal that answers under `url`; each role's account has its name, with a hyphen, and PASSWORD."""

    url: str
    root: Path
    names: dict[str, str] = field(default_factory=dict)

    @property
    def accounts(self) -> Accounts:
        return Accounts(settings.load(self.root))

    @contextmanager
    def client(self, role: str = "", language: str = "en") -> Iterator[httpx.Client]:
        """An HTTP client as a browser would be: same origin, cookies; logged in as `role` unless empty."""
        with httpx.Client(base_url=self.url, headers={"origin": self.url}, follow_redirects=False,
                          cookies={"luutru_language": language}, timeout=30, verify=False) as client:
            if role:
                answer = self.log_in(client, self.names[role])
                assert answer.status_code == 303, answer.text
            yield client

    @staticmethod
    def log_in(client: httpx.Client, name: str, password: str = PASSWORD) -> httpx.Response:
        return client.post("/login", data={"name": name, "password": password,
                                           "form_token": form_token(client.get("/login").text)})


def form_token(html: str) -> str:
    """The token of the first form of a page."""
    return html.partition('name="form_token" value="')[2].partition('"')[0]


def add_people(root: Path) -> dict[str, str]:
    """An account of each role; role → name."""
    held = Accounts(settings.load(root))
    for role, name in NAMES.items():
        held.use_link(held.add(name, f"Nguyễn Thị {role.title()}", [role], by="test"), PASSWORD)
    return NAMES


@contextmanager
def serving(root: Path) -> Iterator[str]:
    """Serve the archive at `root` on a free port; the address."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(create_app(root), log_config=None, lifespan="on"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        while not server.started:
            assert thread.is_alive()
            time.sleep(0.01)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        server.should_exit = True
        thread.join(10)


@pytest.fixture(scope="session", autouse=True)
def _cheap_hashes() -> Iterator[None]:
    """Passwords are hashed in one round: how slow a guess is, is tested in test_accounts.py with `HASHER`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(accounts, "_hasher", lambda: PasswordHasher(time_cost=1, memory_cost=64, parallelism=1))
        accounts._nobody.cache_clear()
        yield
        accounts._nobody.cache_clear()


@pytest.fixture(scope="session")
def first_night(sample_night: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample archive after its first night, with an account of each role; copy it before changing it."""
    root = Path(shutil.copytree(sample_night, tmp_path_factory.mktemp("portal") / "kho"))
    add_people(root)
    return root


@pytest.fixture(scope="session")
def site(first_night: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The sample archive, served; shared by all tests: who changes records copies `first_night` and serves that."""
    root = Path(shutil.copytree(first_night, tmp_path_factory.mktemp("site") / "kho"))
    with serving(root) as url:
        yield Served(url, root, NAMES)


@pytest.fixture
def own_site(first_night: Path, tmp_path: Path) -> Iterator[Served]:
    """The same for one test alone, which may change anything."""
    root = Path(shutil.copytree(first_night, tmp_path / "kho"))
    with serving(root) as url:
        yield Served(url, root, NAMES)


@pytest.fixture
def first_night_copy(first_night: Path, tmp_path: Path) -> Served:
    """A copy of the sample archive after its first night, which nobody serves yet."""
    return Served("", Path(shutil.copytree(first_night, tmp_path / "kho")))


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Debian's Chromium."""
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=[
            "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"])
        yield started
        started.close()


@pytest.fixture
def browser_page(browser: Browser) -> Iterator[Page]:
    """A page of its own in a real Chromium, 1366×768, nobody logged in; a complaint on the console fails the test."""
    context = browser.new_context(viewport=DESK, locale="vi-VN")
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error"
            and "status of" not in message.text else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    yield page
    context.close()
    assert complaints == []


def cookies(site: Served, role: str, language: str = "vi") -> list[Any]:
    """What a browser holds in which `role` has logged in; of a stranger's (""), the language alone."""
    with site.client(role, language) as client:
        return [{"name": one.name, "value": one.value or "", "url": site.url} for one in client.cookies.jar]


def browse_as(page: Page, site: Served, role: str, language: str = "vi") -> None:
    """Log in as `role`, and be on no page yet; how it is done with the keyboard: test_portal.py."""
    page.context.add_cookies(cookies(site, role, language))


def violations(page: Page) -> list[str]:
    """What of WCAG 2.1 A and AA axe sees violated, and where."""
    page.evaluate(Axe().axe_script)
    # Only what is wanted comes back: what passed names every element of the page.
    found: list[str] = page.evaluate(
        "rules => axe.run(document, {runOnly: rules, resultTypes: ['violations']}).then(told => told.violations.map("
        "one => `${one.id}: ${JSON.stringify(one.nodes.map(node => node.target))}`))",
        ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"])
    return found


def too_wide(page: Page) -> int:
    """By how many pixels the page is wider than the window."""
    wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    return max(0, int(wide))


def assert_accessible(page: Page) -> None:
    """No violation of WCAG 2.1 A or AA that axe can see, and nothing wider than the window."""
    assert violations(page) == []
    assert_fits(page)


def assert_fits(page: Page) -> None:
    """Nothing is wider than the window."""
    assert too_wide(page) == 0


def shot(page: Page, name: str) -> None:
    """A screenshot for people to look at, where LUUTRU_SHOTS names a folder."""
    if folder := os.environ.get("LUUTRU_SHOTS"):
        page.screenshot(path=f"{folder}/{name}.png", full_page=True)
