"""Quarantine in the portal: why an item waits, its page beside; put right and released on the spot, or turned away."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from contextlib import closing
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from archive import acts, clock, i18n, settings
from archive.fields import code_lists
from archive.findings import finding
from archive.model import Event, Item, ItemFinding
from archive.opening import Archive, open_archive, ownership
from ingest import releasing
from ingest.commands import nightly as nightly_command
from tests.conftest import NIGHT
from tests.web.conftest import DESK, Served, browse_as, form_token, shot
from web.pages import quarantine
from web.pages.field_rows import form_rows

LOOSE = "van-ban-den/420 cu cong chuc chinh ly.pdf"        # in no list: no case file, no fields
CHANGED = "van-ban-den/87-QĐ-SNV phê duyệt dự toán.pdf"    # changed after it was signed
SECRET = "van-ban-den/09-BC-SNV.pdf"                       # bears a mark of state secrecy
LOCKED = "van-ban-den/77-GM-SNV (co mat khau).pdf"         # needs a password


@pytest.fixture
def kho(own_site: Served) -> Iterator[Archive]:
    """The archive behind `own_site`, for looking at what the pages did."""
    opened = open_archive(settings.load(own_site.root))
    yield opened
    opened.close()


def row_of(kho: Archive, name: str) -> Item:
    with kho.catalogue.session() as session:
        return session.query(Item).where(Item.name == name, Item.state.in_((*releasing.HELD, "turned_away",
                                                                           "stored"))).one()


def item_of(site: Served, name: str) -> str:
    with closing(open_archive(settings.load(site.root))) as held:
        return row_of(held, name).id


def released(kho: Archive, item: str) -> list[Event]:
    with ownership(kho), kho.catalogue.session() as session:
        return list(session.query(Event).where(Event.subject == item, Event.kind.in_(("released", "turned_away"))))


def form_of(client: Any, item: str, **more: str) -> dict[str, str]:
    html = client.get(f"/quarantine/{item}").text
    return {"form_token": form_token(html), "mark": html.partition('name="mark" value="')[2].partition('"')[0], **more}


def test_an_item_is_put_right_by_keys_released_and_the_next_night_stores_it(
        browser_page: Page, own_site: Served, kho: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    browse_as(browser_page, own_site, "archivist", "en")
    browser_page.goto(f"{own_site.url}/quarantine?code=FILE-001")
    assert browser_page.locator("a[data-row]").all_inner_texts() == [LOOSE]
    browser_page.keyboard.press("j")
    browser_page.keyboard.press("Enter")
    browser_page.wait_for_url("**/quarantine/*")
    why = browser_page.inner_text(".rolls")
    assert "FILE-001" in why and "Phụ lục I" in why and "→" in why      # sentence, article, cure
    drawn = Image.open(io.BytesIO(browser_page.locator("[data-viewer]").screenshot())).convert("L")
    greys = drawn.tobytes()
    ink = sum(1 for grey in greys if grey < 100) / len(greys)
    assert 0.005 < ink < 0.3                                            # a page with writing, really drawn

    values = {}
    for button in browser_page.locator("[data-take]").all():
        tag = str(button.get_attribute("data-into")).removeprefix("set-")
        assert browser_page.input_value(f"#set-{tag}") == ""            # nothing fills in by itself
        browser_page.locator("h1").click()
        browser_page.keyboard.press(str(button.get_attribute("data-take")))
        values[tag] = browser_page.input_value(f"#set-{tag}")
    assert code_lists()["tt05_typeName"].values[values["typeName"]] == "Công văn"
    assert values == {"typeName": values["typeName"], "codeNumber": "420", "codeNotation": "SNV-VTLT",
                      "issuedDate": "19/11/2026", "organName": "Sở Nội vụ",
                      "subject": "cử công chức tham gia chỉnh lý tài liệu"}
    assert released(kho, row_of(kho, LOOSE).id) == []
    shot(browser_page, "quarantine-taken")
    browser_page.fill("#set-fileCode", "H99.2026.01.VTLT")
    browser_page.press("#set-fileCode", "Control+Enter")
    browser_page.wait_for_url("**done=released**")
    assert LOOSE in browser_page.inner_text(".done")
    row = row_of(kho, LOOSE)
    event, = released(kho, row.id)
    assert row.state == "released" and (event.kind, event.actor) == ("released", "archivist")
    assert event.data["corrections"] == {**values, "fileCode": "H99.2026.01.VTLT"}

    monkeypatch.setattr(clock, "now", lambda: NIGHT)
    done = CliRunner().invoke(nightly_command.command, ["--json"], obj=own_site.root)
    assert done.exit_code in (0, 3), done.output
    row = row_of(kho, LOOSE)
    assert row.state == "stored" and row.document.startswith("H99.2026.01.VTLT.")


def test_a_mark_of_state_secrecy_shows_nothing_of_the_content(site: Served) -> None:
    item = item_of(site, SECRET)
    with site.client("archivist") as client:
        html = client.get(f"/quarantine/{item}").text
        assert client.get(f"/quarantine/{item}/picture/0/1").status_code == 404
        assert "CHECK-061" in html and "<img" not in html and 'name="set.' not in html
        assert "Kept out for a mark of state secrecy" in html and f"/quarantine/{item}/refuse" not in html


def test_who_answers_for_a_finding_says_why(own_site: Served, kho: Archive) -> None:
    item = item_of(own_site, SECRET)
    with own_site.client("archivist") as client:
        form = form_of(client, item)
        assert client.post(f"/quarantine/{item}/release", data=form).status_code == 409
        without = client.post(f"/quarantine/{item}/release", data={**form, "accept.CHECK-061": "1"})
        assert without.status_code == 400 and "give a reason" in without.text
        assert client.post(f"/quarantine/{item}/release", data={
            **form, "accept.VERIFY-004": "1", "reason": "thử"}).status_code == 409
        assert released(kho, item) == []
        done = client.post(f"/quarantine/{item}/release", data={
            **form, "accept.CHECK-061": "1", "reason": "ví dụ trong văn bản hướng dẫn"})
        assert done.status_code == 303
    event, = released(kho, item)
    assert event.data["accepted"] == ["CHECK-061"] and event.data["reason"] == "ví dụ trong văn bản hướng dẫn"


def test_a_wrong_code_is_told_and_what_was_typed_stays(own_site: Served, kho: Archive) -> None:
    item = item_of(own_site, LOOSE)
    with own_site.client("archivist") as client:
        done = client.post(f"/quarantine/{item}/release", data=form_of(
            client, item, **{"set.fileCode": "không phải mã", "set.subject": "gõ rồi"}))
        assert done.status_code == 409 and "không phải mã" in done.text and "gõ rồi" in done.text
    assert released(kho, item) == []


def test_two_people_at_one_item_see_each_other(own_site: Served, kho: Archive) -> None:
    item = item_of(own_site, LOOSE)
    with own_site.client("archivist") as client:
        form = form_of(client, item, **{"set.subject": "của tôi"})
        with ownership(kho):
            releasing.release(kho, row_of(kho, LOOSE), {"codeNumber": "421"}, by="người khác")
        done = client.post(f"/quarantine/{item}/release", data=form)
        assert done.status_code == 409 and "Somebody else acted on this item" in done.text
        assert "của tôi" in done.text and 'value="421"' in done.text
    assert [one.actor for one in released(kho, item)] == ["người khác"]


def test_an_item_is_refused_for_good_with_a_reason_and_only_by_who_is_sure(
        browser_page: Page, own_site: Served, kho: Archive) -> None:
    item = item_of(own_site, LOCKED)
    with own_site.client("archivist") as client:
        unsure = client.post(f"/quarantine/{item}/refuse", data=form_of(client, item, refusal="có mật khẩu"))
        assert unsure.status_code == 400 and released(kho, item) == []
        assert client.post(f"/quarantine/{item}/refuse", data=form_of(
            client, item, refusal=" ", sure="1")).status_code == 409
    browse_as(browser_page, own_site, "administrator", "en")
    browser_page.goto(f"{own_site.url}/quarantine/{item}")
    expect(browser_page.locator(".none")).to_contain_text("There is no picture")
    browser_page.locator(".refusal summary").click()
    browser_page.fill("#refusal", "tệp đặt mật khẩu")
    browser_page.check("#sure")
    browser_page.get_by_role("button", name="Refuse for good").click()
    browser_page.wait_for_url("**done=turned_away**")
    event, = released(kho, item)
    assert (event.kind, event.actor, event.data["reason"]) == ("turned_away", "administrator", "tệp đặt mật khẩu")
    assert LOCKED not in browser_page.locator("a[data-row]").all_inner_texts()


def test_the_page_that_a_finding_names_lies_beside_it(own_site: Served, kho: Archive) -> None:
    request: Any = SimpleNamespace(query_params={})
    found = [finding("DIGITISE-006", "x", pages="3–4"), finding("META-001", "x"), finding("VERIFY-072", "x", pages="2")]
    assert quarantine._page_named(request, found) == (0, 3)
    assert quarantine._page_named(request, []) == (0, 1)
    request.query_params = {"part": "1", "page": "7"}
    assert quarantine._page_named(request, found) == (1, 7)
    request.query_params = {"part": "-", "page": "²"}
    assert quarantine._page_named(request, found) == (0, 3)
    item = item_of(own_site, CHANGED)
    with kho.catalogue.session() as session:
        named = session.query(ItemFinding).where(ItemFinding.item == item, ItemFinding.code == "VERIFY-072").one()
        assert named.params["pages"] == "1"
    with own_site.client("auditor") as client:
        html = client.get(f"/quarantine/{item}").text
        assert f"/quarantine/{item}/picture/0/1?width=1200" in html
        assert client.get(f"/quarantine/{item}/picture/0/1?turn=180").headers["content-type"] == "image/png"
        assert client.get(f"/quarantine/{item}/picture/0/99").headers["content-type"].startswith("image/svg")
        assert client.get("/quarantine/nothere").status_code == 404
        assert client.get(f"/quarantine/{item_of(own_site, LOOSE)}").status_code == 200
    assert acts.waiting(kho.settings, "viewed", item) == []             # its list says that it is open
    told = acts.waiting(kho.settings, "viewed", item_of(own_site, LOOSE))
    assert [(one["actor"], one["data"]["access"]) for one in told] == [("auditor", "undecided")]


def test_archivist_and_administrator_act_the_auditor_sees_and_others_do_not(own_site: Served) -> None:
    item = item_of(own_site, LOOSE)
    may = {"archivist": (200, 409), "administrator": (200, 409), "auditor": (200, 403)}
    for role in own_site.names:
        shown, acted = may.get(role, (403, 403))
        with own_site.client(role) as client:
            sent = {"form_token": form_token(client.get("/").text), "mark": "of another time"}
            assert client.get("/quarantine").status_code == shown, role
            page = client.get(f"/quarantine/{item}")
            assert page.status_code == shown, role
            assert client.get(f"/quarantine/{item}/picture/0/1").status_code == shown, role
            assert client.post(f"/quarantine/{item}/release", data=sent).status_code == acted, role
            assert client.post(f"/quarantine/{item}/refuse", data=sent).status_code == (400 if acted == 409 else 403)
            if role == "auditor":
                assert "<button" not in page.text.partition('class="release"')[2].partition("</form>")[0]


def test_it_works_without_script(browser: Browser, own_site: Served, kho: Archive) -> None:
    item = item_of(own_site, LOOSE)
    context = browser.new_context(viewport=DESK, java_script_enabled=False)       # type: ignore[arg-type]
    page = context.new_page()
    browse_as(page, own_site, "archivist", "en")
    page.goto(f"{own_site.url}/quarantine/{item}")
    page.locator("main").get_by_role("link", name="Take").nth(3).click()
    assert page.input_value("#set-issuedDate") == "19/11/2026" and page.locator(".taken").count() == 1
    page.fill("#set-fileCode", "H99.2026.01.VTLT")
    page.get_by_role("button", name="Save and release").click()
    page.wait_for_url("**done=released**")
    event, = released(kho, item)
    assert event.data["corrections"] == {"fileCode": "H99.2026.01.VTLT", "issuedDate": "19/11/2026"}
    context.close()


def test_the_form_names_what_is_required_and_what_the_archive_fills_in_is_not() -> None:
    rows = {row.tag: row for row in form_rows({"typeName": "07", "codeNumber": "33"}, "tt05_2025", "vi", proposals={
        "typeName": "Thông báo", "codeNumber": "38", "issuedDate": "28/05/2026"}, findings=[
            finding("META-001", "x", tag="subject", name="Trích yếu nội dung")])}
    assert {tag for tag, row in rows.items() if row.needed} == {"fileCode", "typeName", "issuedDate", "organName",
                                                               "subject"}
    assert [rows[tag].proposal for tag in ("typeName", "codeNumber", "issuedDate")] == ["", "38", "28/05/2026"]
    assert [rows[tag].key for tag in ("codeNumber", "issuedDate")] == ["1", "2"]
    assert rows["subject"].findings and rows["typeName"].name == "Tên loại tài liệu"
    assert not {"docCode", "arcDocCode", "docOrdinal"} & rows.keys()


def test_the_command_and_the_page_do_the_same(own_site: Served, kho: Archive) -> None:
    """The same values by the command give the same event."""
    from ingest.commands import quarantine as command

    i18n.use("en")
    item = item_of(own_site, LOOSE)
    with own_site.client("archivist") as client:
        assert client.post(f"/quarantine/{item}/release", data=form_of(
            client, item, **{"set.fileCode": "H99.2026.01.VTLT", "reason": "xếp hồ sơ"})).status_code == 303
    by_page, = released(kho, item)
    done = CliRunner().invoke(command.command, ["release", item_of(own_site, CHANGED), "--set",
                                                "fileCode=H99.2026.01.VTLT", "--reason", "xếp hồ sơ", "--json"],
                              obj=own_site.root)
    assert done.exit_code == 0 and json.loads(done.output)["released"], done.output
    by_command, = released(kho, item_of(own_site, CHANGED))
    assert by_page.data.keys() == by_command.data.keys()
    assert by_page.data["corrections"] == by_command.data["corrections"]
