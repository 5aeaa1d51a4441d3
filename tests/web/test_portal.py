"""What people do on the portal's first pages: keys, no script, paper. How every page looks: test_every_page.py."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page

from archive import acts, settings
from tests.web.conftest import (
    PASSWORD,
    Served,
    assert_accessible,
    browse_as,
    form_token,
    serving,
    shot,
)
from web.people import ROLES

DOCUMENT = "H99.2026.01.VP.0000001"


@pytest.mark.parametrize("role", ROLES)
def test_each_role_sees_its_menu_and_what_it_links_to(site: Served, role: str) -> None:
    with site.client(role, "vi") as client:
        home = client.get("/").text
        links = re.findall(r'<li><a href="([^"]+)"', home.partition("<nav")[2].partition("</nav>")[0])
        assert links[:3] == ["/", "/search", "/casefiles"]
        assert ("/administration" in links) == (role in ("archivist", "administrator", "auditor"))
        assert ("/quarantine" in links) == (role in ("archivist", "administrator", "auditor"))
        for link in links:
            answer = client.get(link, follow_redirects=True)
            assert answer.status_code == 200, link
            menu = answer.text.partition("<nav")[2].partition("</nav>")[0]
            assert re.findall(r'href="([^"]+)" aria-current="page"', menu) == [answer.url.path]
            below = re.findall(r'href="([^"]+)"', menu.partition('class="below"')[2])
            assert len(below) != 1 and ("aria-current=\"true\"" in menu) == bool(below)
            assert ("/accounts" in below) == (role == "administrator" and link == "/administration")
            for page in below:
                assert client.get(page).status_code == 200, page
        assert ("420 cu cong chuc" in home) == (role in ("archivist", "auditor"))


def test_a_person_works_with_the_keyboard_alone(site: Served, browser_page: Page) -> None:
    browser_page.goto(f"{site.url}/login")
    for field, typed in (("#name", site.names["reader"]), ("#password", PASSWORD)):
        browser_page.focus(field)
        browser_page.keyboard.type(typed)
    browser_page.keyboard.press("Enter")
    browser_page.wait_for_url(f"{site.url}/")
    browser_page.keyboard.press("Tab")
    focused = browser_page.locator(":focus")
    assert focused.get_attribute("href") == "#main"
    box = focused.bounding_box()
    assert box is not None
    assert box["y"] >= 0                      # the skip link is seen once it has the focus
    for _n in range(2):
        browser_page.keyboard.press("Tab")
    assert browser_page.locator(":focus").get_attribute("name") == "q"
    browser_page.keyboard.type("lam viec moi truong dien tu")
    browser_page.keyboard.press("Enter")
    browser_page.wait_for_url("**/search?q=*")
    assert browser_page.locator(".hits mark").count() > 3
    link = browser_page.locator(".hits h3 a").first
    link.focus()
    assert link.evaluate("one => getComputedStyle(one).outlineStyle") != "none"
    browser_page.keyboard.press("Enter")
    browser_page.wait_for_url("**/documents/*")


def test_the_pages_work_without_script(site: Served, browser_page: Page) -> None:
    context = browser_page.context.browser.new_context(java_script_enabled=False)  # type: ignore[union-attr]
    page = context.new_page()
    page.goto(f"{site.url}/login")
    page.fill("#name", "reader")
    page.fill("#password", PASSWORD)
    page.click("button.main")
    page.goto(f"{site.url}/search?q=quyet+dinh")
    assert page.locator(".hits li").count() > 0
    page.click("text=English")
    assert page.locator("html").get_attribute("lang") == "en"
    assert "q=quyet" in page.url
    context.close()


def test_nothing_comes_from_elsewhere_and_paper_shows_the_content_alone(site: Served, browser_page: Page) -> None:
    asked: list[str] = []
    browser_page.on("request", lambda request: asked.append(request.url))
    browse_as(browser_page, site, "archivist")
    browser_page.goto(f"{site.url}/documents/{DOCUMENT}")
    # Chromium shows a PDF with an extension of its own.
    assert [url for url in asked if not url.startswith((site.url, "data:", "chrome-extension:"))] == []
    browser_page.emulate_media(media="print")
    assert not browser_page.locator(".find").is_visible()
    assert not browser_page.locator(".top nav").is_visible()
    assert browser_page.locator("h1").is_visible()


def test_the_original_comes_back_byte_for_byte_and_is_noted(site: Served) -> None:
    import hashlib

    with site.client("reader") as client:
        page = client.get(f"/documents/{DOCUMENT}").text
        told = re.search(r'href="(/documents/[^"]+/files/\d+)" download[^>]*original[\s\S]*?SHA-256 (\w{16})', page)
        assert told
        answer = client.get(told[1])
        assert hashlib.sha256(answer.content).hexdigest().startswith(told[2])
        assert "filename*=utf-8''" in answer.headers["content-disposition"]
        part = client.get(told[1], headers={"range": "bytes=0-3"})
        assert (part.status_code, part.content) == (206, b"%PDF")
    noted = acts.waiting(settings.load(site.root), "downloaded", DOCUMENT)
    assert [one["actor"] for one in noted] == ["reader", "reader"]


def test_a_person_sets_up_the_portal_with_the_first_link_and_makes_the_others(
        first_night_copy: Served, browser_page: Page) -> None:
    root = first_night_copy.root
    for file in root.glob("accounts.db*"):
        file.unlink()
    with serving(root) as url:
        link = Served(url, root).accounts.set_up_link()
        browser_page.goto(f"{url}/link/{link}")
        assert_accessible(browser_page)
        browser_page.fill("#name", "quan.tri")
        browser_page.fill("#full_name", "Trần Văn Quản")
        browser_page.fill("#password", PASSWORD)
        browser_page.fill("#again", PASSWORD)
        browser_page.keyboard.press("Enter")
        browser_page.wait_for_url(f"{url}/login")
        browser_page.fill("#name", "quan.tri")
        browser_page.fill("#password", PASSWORD)
        browser_page.keyboard.press("Enter")
        browser_page.wait_for_url(f"{url}/")
        browser_page.goto(f"{url}/accounts")
        browser_page.fill("#full_name", "Lê Thị Thư")
        browser_page.locator("#name").fill("van.thu")
        browser_page.check("input[value=records_officer]")
        browser_page.locator("aside button.main").click()
        given = browser_page.locator(".done input").input_value()
        assert given.startswith(f"{url}/link/")
        browser_page.goto(f"{url}/link/{link}")      # the first link has ended
        assert browser_page.locator("#password").count() == 0


def test_the_second_factor_is_set_up_on_the_own_page(site: Served, browser_page: Page) -> None:
    from web import totp

    browse_as(browser_page, site, "council_member")
    browser_page.goto(f"{site.url}/account")
    browser_page.locator("form[action='/account/code'] button").click()
    browser_page.wait_for_url("**/account/code")        # its picture, too
    assert browser_page.locator(".qr").evaluate("one => one.naturalWidth") > 100
    secret = browser_page.locator(".hint .code").inner_text()
    shot(browser_page, "second-factor")
    from archive import clock

    browser_page.fill("#code", totp.code_at(secret, int(clock.now().timestamp()) // 30))
    browser_page.keyboard.press("Enter")
    browser_page.wait_for_url(f"{site.url}/account")
    assert site.accounts.get("council-member").has_totp  # type: ignore[union-attr]
    site.accounts.set_totp("council-member", "", "")


def test_a_changed_password_ends_every_session(site: Served) -> None:
    name = site.names["records_officer"]
    with site.client("records_officer") as client, site.client("records_officer") as other:
        token = form_token(client.get("/account").text)
        new = {"form_token": token, "old_password": PASSWORD, "new_password": "nước chảy đá mòn", "again_password":
               "nước chảy đá mòn"}
        assert client.post("/account/password", data={**new, "old_password": "sai"}).status_code == 400
        assert client.post("/account/password", data=new).status_code == 303
        assert client.get("/account").status_code == other.get("/account").status_code == 303
        assert site.log_in(client, name).status_code == 401
        assert site.log_in(client, name, "nước chảy đá mòn").status_code == 303
    site.accounts.change_password(name, PASSWORD)
