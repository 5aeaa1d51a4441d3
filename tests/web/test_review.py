"""Review: the worst page first, its picture beside its text, put right by a person, found by the search afterwards."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from archive import acts, settings
from archive.model import Document, Event
from archive.opening import Archive, open_archive, ownership
from ingest import review
from ingest.doubts import doubts
from search.generations import STATE
from search.index import index_folder, open_index
from tests.web.conftest import (
    DESK,
    NAMES,
    TELEPHONE,
    Served,
    assert_accessible,
    assert_fits,
    browse_as,
    form_token,
    serving,
    shot,
)
from web.pages import review_texts
from web.pages.pictures import View, view_of
from web.pages.review import _limit

FADED = "H99.2026.03.VTLT.0000006"      # the sample whose writing is faded
LONG = "H99.2026.03.VTLT.0000003"       # three pages
UNDER = "?under=0.9"


@pytest.fixture
def kho(own_site: Served) -> Iterator[Archive]:
    """The archive behind `own_site`, for looking at what the pages did."""
    opened = open_archive(settings.load(own_site.root))
    yield opened
    opened.close()


def events(kho: Archive, kind: str) -> list[Event]:
    """The events of a kind, acts that wait for the ledger taken in."""
    with ownership(kho), kho.catalogue.session() as session:
        return list(session.query(Event).where(Event.kind == kind).order_by(Event.seq))


def found_by(kho: Archive, words: str) -> list[str]:
    index = open_index(kho.settings)
    try:
        return [hit.code for hit in index.search(words).hits]
    finally:
        index.close()


def open_page(page: Page, site: Served, document: str, number: int = 1, query: str = "") -> None:
    page.goto(f"{site.url}/review/{document}/0/{number}{query}")


def text_of(page: Page) -> str:
    return page.input_value("#text")


# --- the list and the picture ------------------------------------------------------------------------------


def test_the_worst_scan_comes_first_and_its_picture_is_really_drawn(browser_page: Page, site: Served) -> None:
    browse_as(browser_page, site, "archivist")
    browser_page.goto(f"{site.url}/review?under=0,95")
    rows = browser_page.locator("a[data-row]")
    assert FADED in (rows.first.get_attribute("href") or "")
    scores = [float(told.replace(",", ".")) for told in browser_page.locator(".quality b").all_inner_texts()]
    assert scores == sorted(scores) and len(scores) > 3 and scores[-1] < 0.95
    assert str(len(scores)) in browser_page.inner_text(".count")

    browser_page.keyboard.press("j")
    browser_page.keyboard.press("j")
    browser_page.keyboard.press("k")
    browser_page.keyboard.press("Enter")
    browser_page.wait_for_url(f"**/review/{FADED}/0/1**")
    drawn = browser_page.locator("[data-viewer] img")
    assert drawn.evaluate("img => [img.complete, img.naturalWidth, img.naturalHeight > img.naturalWidth]") == [
        True, 1200, True]
    shown = Image.open(io.BytesIO(browser_page.locator("[data-viewer]").screenshot())).convert("RGB")
    raw = shown.tobytes()
    colours = {(raw[at] // 16, raw[at + 1] // 16, raw[at + 2] // 16) for at in range(0, len(raw), 3)}
    assert len(colours) > 60                                                # a scan, not one grey field
    assert any(red - green > 2 and red - blue > 2 for red, green, blue in colours)      # the seal is red
    side, text = (browser_page.locator(one).bounding_box() for one in ("[data-viewer]", "#text"))
    assert side and text and side["x"] + side["width"] <= text["x"] and abs(side["y"] - text["y"]) < 120
    assert "THÔNG BÁO" in text_of(browser_page)


def test_filters_narrow_the_list_and_its_count_is_true(site: Served) -> None:
    with site.client("archivist") as client:
        assert "No page waits for review" in client.get("/review?fonds=H00&under=1").text
        assert client.get("/review?under=1").text.count("data-row ") == client.get(
            "/review?under=100%25&fonds=H99").text.count("data-row ") == 17
        only = client.get(f"/review?under=1&document={LONG}").text
        assert only.count("data-row ") == 3 and "3 pages wait" in only
        assert client.get("/review?under=1&at=99").status_code == 200


@pytest.mark.parametrize(("typed", "limit"), [
    ("0,85", 0.85), ("0.85", 0.85), ("85 %", 0.85), ("85", 0.85), ("", None), ("abc", None), ("0", None), ("1", 1.0),
    ("1000", None), ("-1", None)])
def test_a_limit_is_read_as_people_type_it(typed: str, limit: float | None) -> None:
    assert _limit(typed) == limit


# --- acts --------------------------------------------------------------------------------------------------


def test_a_corrected_word_is_found_the_page_leaves_the_list_and_the_history_says_who(
        browser_page: Page, own_site: Served, kho: Archive) -> None:
    assert found_by(kho, "thaplucbatquai") == []
    browse_as(browser_page, own_site, "archivist", "en")
    open_page(browser_page, own_site, FADED, query=UNDER)
    expect(browser_page.locator("#text")).to_be_focused()
    before = text_of(browser_page)
    browser_page.fill("#text", before.replace("THÔNG BÁO", "THÔNG BÁO thaplucbatquai"))
    browser_page.locator(".why summary").click()
    browser_page.select_option("#reason", index=1)
    browser_page.fill("#note", "tờ 2")
    browser_page.press("#text", "Control+Enter")
    browser_page.wait_for_url("**/review?**done=saved**")
    assert f"Saved: {FADED}, page 1" in browser_page.inner_text(".done")
    assert browser_page.locator("a[data-row]").count() == 0

    assert found_by(kho, "thaplucbatquai") == [FADED]
    told = review.page_text(kho, FADED, 0, 1)
    assert told.corrected and "thaplucbatquai" in told.corrected and told.recognised.rstrip() == before.rstrip()
    assert [(one.by, one.reason) for one in told.history] == [
        ("archivist", "compared with the paper original: tờ 2")]
    assert [event.actor for event in events(kho, "text_corrected")] == ["archivist"]

    open_page(browser_page, own_site, FADED)
    assert "archivist" in browser_page.inner_text(".history") and "tờ 2" in browser_page.inner_text(".history")
    browser_page.get_by_text("Recognised text and correction compared").click()
    assert [told.strip() for told in browser_page.locator("ins").all_inner_texts()] == ["thaplucbatquai"]
    assert_accessible(browser_page)


def test_a_page_that_is_right_is_said_so_by_keys_and_the_next_one_comes(
        browser_page: Page, own_site: Served, kho: Archive) -> None:
    browse_as(browser_page, own_site, "archivist", "en")
    open_page(browser_page, own_site, FADED, query="?under=0.95")
    following = browser_page.get_by_role("link", name="Next in the list").get_attribute("href")
    waiting = int(browser_page.inner_text(".left").split(" of ")[1].split()[0])
    browser_page.press("#text", "Control+Shift+Enter")
    browser_page.wait_for_url("**done=right**")
    assert following and following.partition("?")[0] in browser_page.url and "under=0.95" in browser_page.url
    assert f"of {waiting - 1} " in browser_page.inner_text(".left")
    told = review.page_text(kho, FADED, 0, 1)
    assert told.corrected == told.recognised.rstrip() and told.history[0].reason == "the page is right as it is"

    # What was typed is not lost by that key: it says so and keeps it.
    browser_page.fill("#text", "của tôi")
    browser_page.press("#text", "Control+Shift+Enter")
    expect(browser_page.locator(".fault")).to_contain_text("You have changed the text")
    assert text_of(browser_page) == "của tôi"
    browser_page.press("#text", "Control+Enter")
    browser_page.wait_for_url("**done=saved**")


def test_nothing_is_saved_where_nothing_was_changed(own_site: Served, kho: Archive) -> None:
    with own_site.client("archivist") as client:
        html = client.get(f"/review/{LONG}/0/1").text
        told = review.page_text(kho, LONG, 0, 1)
        done = client.post(f"/review/{LONG}/0/1", data={
            "form_token": form_token(html), "act": "save", "base": review_texts.mark(told.recognised),
            "text": told.recognised.replace("\n", "\r\n")})
    assert done.status_code == 303 and "done=unchanged" in done.headers["location"]
    assert review.page_text(kho, LONG, 0, 1).history == []


def test_a_text_is_kept_as_it_was_typed_and_shows_as_text(own_site: Served, kho: Archive) -> None:
    typed = "</textarea><script>window.bad = 1</script>\n  &amp; \U0001f600 dòng\fhai\x00  \n\n"
    with own_site.client("archivist") as client:
        html = client.get(f"/review/{LONG}/0/2").text
        assert client.post(f"/review/{LONG}/0/2", data={
            "form_token": form_token(html), "act": "save", "text": typed,
            "base": review_texts.mark(review.page_text(kho, LONG, 0, 2).recognised),
            "following": "//elsewhere.example/"}).headers["location"].startswith("/review?")
        again = client.get(f"/review/{LONG}/0/2").text
    kept = review.page_text(kho, LONG, 0, 2).corrected
    assert kept == "</textarea><script>window.bad = 1</script>\n  &amp; \U0001f600 dòng\nhai"
    assert "<script>window" not in again and "&lt;/textarea&gt;&lt;script&gt;" in again


def test_two_people_at_once_lose_nothing(browser: Browser, own_site: Served, kho: Archive) -> None:
    first, second = (browser.new_context(viewport={"width": 1366, "height": 768}).new_page() for _ in range(2))
    browse_as(first, own_site, "archivist", "en")
    browse_as(second, own_site, "administrator", "en")
    for page in (first, second):
        open_page(page, own_site, FADED, query=UNDER)
    text = text_of(first)
    first.fill("#text", text + "\ncủa người thứ nhất")
    second.fill("#text", text + "\ncủa người thứ hai")
    first.press("#text", "Control+Enter")
    first.wait_for_url("**done=saved**")
    second.press("#text", "Control+Enter")
    expect(second.locator("h1")).to_have_text("Somebody else saved this page meanwhile")
    assert "archivist saved it at" in second.inner_text(".fault")
    assert "của người thứ nhất" in second.inner_text(".boxed")
    assert "của người thứ hai" in second.input_value("textarea")
    assert second.locator("ins").all_inner_texts()[-1].split()[-1] == "hai"
    assert_accessible(second)
    shot(second, "review-conflict")
    assert "thứ hai" not in (review.page_text(kho, FADED, 0, 1).corrected or "")
    second.get_by_role("button", name="Save mine over it").click()
    second.wait_for_url("**done=saved**")
    told = review.page_text(kho, FADED, 0, 1)
    assert [one.by for one in told.history] == ["archivist", "administrator"]
    assert "thứ hai" in (told.corrected or "")
    for page in (first, second):
        page.context.close()


def test_two_people_at_two_pages_of_one_document_do_not_meet(own_site: Served, kho: Archive) -> None:
    with own_site.client("archivist") as client:
        forms = {number: client.get(f"/review/{LONG}/0/{number}").text for number in (1, 3)}
        bases = {number: review_texts.mark(review.page_text(kho, LONG, 0, number).recognised) for number in (1, 3)}
        for number, html in forms.items():
            done = client.post(f"/review/{LONG}/0/{number}", data={
                "form_token": form_token(html), "act": "save", "text": f"trang {number}", "base": bases[number]})
            assert done.status_code == 303 and "done=saved" in done.headers["location"]
    assert [review.page_text(kho, LONG, 0, number).corrected for number in (1, 3)] == ["trang 1", "trang 3"]


def test_what_is_typed_is_kept_while_a_night_runs(own_site: Served, kho: Archive) -> None:
    with own_site.client("archivist") as client:
        html = client.get(f"/review/{LONG}/0/1").text
        with ownership(kho):
            done = client.post(f"/review/{LONG}/0/1", data={
                "form_token": form_token(html), "act": "save", "text": "một câu rất dài " * 9,
                "base": review_texts.mark(review.page_text(kho, LONG, 0, 1).recognised)})
    assert done.status_code == 503 and "một câu rất dài một câu rất dài" in done.text


# --- proposals ---------------------------------------------------------------------------------------------


def test_a_proposal_is_taken_by_one_key_and_changes_nothing_before_it_is_confirmed(
        browser_page: Page, own_site: Served, kho: Archive) -> None:
    with ownership(kho):
        from archive.correcting import correct_document

        correct_document(kho, FADED, {"codeNumber": "38", "issuedDate": "27/05/2026"}, "gõ nhầm", by="thử")

    def fields() -> dict[str, str]:
        with kho.catalogue.session() as session:
            return dict(session.get_one(Document, FADED).fields)

    browse_as(browser_page, own_site, "archivist", "en")
    open_page(browser_page, own_site, FADED)
    chips = browser_page.inner_text(".chips")
    assert "33" in chips and "28/05/2026" in chips
    browser_page.keyboard.press("Escape")
    key = browser_page.locator("[data-into='set-codeNumber']").get_attribute("data-take")
    browser_page.keyboard.press(str(key))
    expect(browser_page.locator("[data-confirm]")).to_be_focused()
    assert browser_page.input_value("#set-codeNumber") == "33" and fields()["codeNumber"] == "38"
    shot(browser_page, "review-taken")
    assert_accessible(browser_page)
    browser_page.keyboard.press("Enter")
    browser_page.wait_for_url("**done=fields**")
    assert fields()["codeNumber"] == "33" and fields()["issuedDate"] == "27/05/2026"
    event = events(kho, "document_corrected")[-1]
    assert (event.actor, event.data["before"]) == ("archivist", {"codeNumber": "38"})


def test_a_field_that_somebody_else_corrected_meanwhile_is_shown_and_not_overwritten(
        own_site: Served, kho: Archive) -> None:
    from archive.correcting import correct_document

    with own_site.client("archivist") as client:
        token = form_token(client.get(f"/review/{FADED}/0/1").text)
        with ownership(kho):
            correct_document(kho, FADED, {"codeNumber": "44"}, "sửa", by="người khác")
        sent = {"form_token": token, "was.codeNumber": "33", "set.codeNumber": "38"}
        done = client.post(f"/review/{FADED}/0/1/fields", data=sent)
        assert done.status_code == 409 and "Document number: 44" in done.text
        refused = client.post(f"/review/{FADED}/0/1/fields", data={
            "form_token": token, "was.issuedDate": "28/05/2026", "set.issuedDate": "30/02/2026"})
        assert refused.status_code == 409 and "30/02/2026" in refused.text
        assert client.post(f"/review/{FADED}/0/1/fields", data={"form_token": token}).status_code == 400
    with kho.catalogue.session() as session:
        assert session.get_one(Document, FADED).fields["codeNumber"] == "44"


# --- without script, small and large, in both languages ------------------------------------------------------


def test_everything_works_without_script(browser: Browser, own_site: Served, kho: Archive) -> None:
    context = browser.new_context(viewport=DESK, java_script_enabled=False)       # type: ignore[arg-type]
    page = context.new_page()
    page.context.add_cookies([{"name": "luutru_language", "value": "en", "url": own_site.url}])
    page.goto(f"{own_site.url}/login")
    page.fill("#name", "archivist")
    page.fill("#password", "mùa thu Hà Nội 1954")
    page.keyboard.press("Enter")
    page.wait_for_url(f"{own_site.url}/")
    page.goto(f"{own_site.url}/review{UNDER}")
    page.locator("a[data-row]").first.click()
    assert page.locator(".marked mark").count() > 3 and page.locator(".marked").is_visible()
    assert page.locator("[data-doubt]").first.is_hidden()
    narrow = page.locator(".paper").bounding_box()
    page.get_by_role("link", name="Larger").click()
    wide = page.locator(".paper").bounding_box()
    assert narrow and wide and round(wide["width"] / narrow["width"], 1) == 1.5
    page.get_by_role("link", name="Turn").click()
    page.wait_for_url("**turn=90**")
    turned = page.locator("[data-viewer] img").bounding_box()
    assert turned and turned["width"] > turned["height"] and "zoom=150" in page.url
    shot(page, "review-without-script")

    if page.locator("main").get_by_role("link", name="Take").count():
        page.locator("main").get_by_role("link", name="Take").first.click()
        assert page.locator("input.taken").count() == 1
    page.fill("#text", "chỉ bằng biểu mẫu")
    page.get_by_role("button", name="Save, next page").click()
    page.wait_for_url("**done=saved**")
    assert review.page_text(kho, FADED, 0, 1).corrected == "chỉ bằng biểu mẫu"
    context.close()


def test_the_help_on_keys_is_accessible(browser_page: Page, site: Served) -> None:
    browse_as(browser_page, site, "archivist")
    for address in ("/review?under=0.95", f"/review/{FADED}/0/1?under=0.95"):
        browser_page.goto(site.url + address)
        browser_page.locator(".keys summary").click()
        assert_accessible(browser_page)
        browser_page.set_viewport_size(TELEPHONE)                                       # type: ignore[arg-type]
        assert_fits(browser_page)


def test_doubtful_words_stay_marked_while_one_types_and_keys_lead_from_one_to_the_next(
        browser_page: Page, site: Served) -> None:
    browse_as(browser_page, site, "archivist")
    open_page(browser_page, site, FADED)
    marked = "[...document.querySelectorAll('.under mark')].map(mark => mark.textContent)"
    chosen = ("() => { const t = document.querySelector('#text'); "
              "return t.value.slice(t.selectionStart, t.selectionEnd); }")
    first = browser_page.evaluate(marked)
    assert len(first) > 3
    browser_page.keyboard.press("F2")
    assert browser_page.evaluate(chosen) == first[0]
    browser_page.keyboard.press("F2")
    assert browser_page.evaluate(chosen) == first[1]
    browser_page.keyboard.type("thay thế")
    assert browser_page.evaluate(marked) == [first[0], *first[2:]]
    browser_page.keyboard.press("F2")
    assert browser_page.evaluate(chosen) == first[2]
    browser_page.keyboard.press("Shift+F2")
    assert browser_page.evaluate(chosen) == first[0]
    browser_page.wait_for_function("document.querySelectorAll('.under mark.now').length === 1")
    same = browser_page.evaluate("() => document.querySelector('.under').textContent.trimEnd() === "
                                 "document.querySelector('#text').value.trimEnd()")
    assert same                         # the marks lie behind the very letters
    browser_page.keyboard.press("Escape")
    browser_page.keyboard.press("+")
    width = browser_page.locator(".paper").evaluate("paper => paper.style.width")
    assert width == "125%"
    browser_page.locator(".keys summary").click()
    browser_page.uncheck("[data-keys-switch]")
    browser_page.locator("h1").click()
    browser_page.keyboard.press("+")
    assert browser_page.locator(".paper").evaluate("paper => paper.style.width") == width
    browser_page.check("[data-keys-switch]")
    browser_page.on("dialog", lambda dialog: dialog.accept())       # it warns: the text is not saved


def test_the_picture_shows_the_word_where_the_caret_is(browser_page: Page, site: Served) -> None:
    browse_as(browser_page, site, "archivist")
    open_page(browser_page, site, LONG)
    browser_page.wait_for_selector("#text[data-placed]")
    assert int(str(browser_page.get_attribute("#text", "data-placed"))) > 200
    places = {}
    for word in ("QUYẾT ĐỊNH", "Điều 2."):
        browser_page.evaluate("word => { const t = document.querySelector('#text'); t.focus(); "
                              "const at = t.value.indexOf(word); t.setSelectionRange(at, at); }", word)
        browser_page.keyboard.press("Shift")
        places[word] = browser_page.locator("[data-ring]").bounding_box()
    first, second = places.values()
    assert first and second and second["y"] > first["y"] + 100 and second["x"] < first["x"]
    # The ring lies on letters, not on bare paper.
    seen = Image.open(io.BytesIO(browser_page.locator("[data-ring]").screenshot())).convert("L")
    assert sum(1 for grey in seen.resize((60, 20)).tobytes() if grey < 140) > 60


# --- who may -----------------------------------------------------------------------------------------------


def test_archivist_and_administrator_act_the_auditor_sees_and_others_do_not(own_site: Served) -> None:
    may = {"archivist": (200, 200, 303), "administrator": (200, 200, 303), "auditor": (200, 200, 403)}
    for role in own_site.names:
        listed, shown, acted = may.get(role, (403, 403, 403))
        with own_site.client(role) as client:
            assert client.get("/review").status_code == listed, role
            page = client.get(f"/review/{FADED}/0/1")
            assert page.status_code == shown, role
            assert client.get(f"/review/{FADED}/0/1/picture").status_code == shown, role
            sent = {"form_token": form_token(client.get("/").text), "act": "save", "text": "x", "base": "y"}
            done = client.post(f"/review/{FADED}/0/1", data={**sent, "base": _base(page.text)})
            assert done.status_code == acted, role
            assert client.post(f"/review/{FADED}/0/1/fields", data=sent).status_code in (acted, 400), role
            if role == "auditor":
                assert "<button name=\"act\"" not in page.text and "readonly" in page.text
    with own_site.client() as client:
        assert client.get("/review").status_code == 303


def _base(html: str) -> str:
    return html.partition('name="base" value="')[2].partition('"')[0]


def test_a_look_at_a_restricted_document_is_written_down(own_site: Served, kho: Archive) -> None:
    from archive.correcting import correct_document

    with ownership(kho):
        correct_document(kho, FADED, {"mode": "02"}, "thử", by="thử")
    with own_site.client("auditor") as client:
        assert client.get(f"/review/{FADED}/0/1").status_code == 200
        assert client.get(f"/review/{FADED}/0/1/picture").headers["cache-control"] == "no-store"
    with own_site.client("administrator") as client:        # whose reach ends at open documents
        assert client.get(f"/review/{FADED}/0/1").status_code == 404
        assert FADED not in client.get("/review?under=1").text
    told = acts.waiting(kho.settings, "viewed", FADED)
    assert [(one["actor"], one["data"]["access"], one["data"]["page"]) for one in told] == [
        ("auditor", "restricted", 1)]


def test_what_is_not_there_is_not_found(site: Served) -> None:
    with site.client("archivist") as client:
        for wrong in (f"{FADED}/0/99", f"{FADED}/7/1", "H99.2026.99.X.0000001/0/1", quote("../..", safe="") + "/0/1"):
            assert client.get(f"/review/{wrong}").status_code == 404, wrong
        sentence = client.get(f"/review/{FADED}/0/99/picture")
        assert sentence.headers["content-type"].startswith("image/svg") and "99" in sentence.text
        assert client.get(f"/review/{FADED}/0/1/picture?width=999999").status_code == 200


# --- what is shown of texts --------------------------------------------------------------------------------


def test_doubts_say_why() -> None:
    text = "Số: 2O26/QĐ-UBND ngày 30 tháng 13. Cãn cứ Luâtt, V/v H99 Đắk Lắk và Internet"
    found = {text[one.begin:one.end]: one.why for one in doubts(text, {"doubtful": {"Cãn": 40.0, "và": 80.0}})}
    assert found == {"2O26": "figure", "ngày 30 tháng 13.": "figure", "Cãn": "reader", "và": "reader",
                     "Luâtt": "syllable"}
    assert [one.why for one in doubts("the quick brown fox", {"foreign": True})] == []


@given(st.text(alphabet=st.sampled_from("aăâbcđeêghiOlI019./- \n\tờẹ́😀“”"), max_size=120))
def test_pieces_are_the_text_and_stand_where_browsers_count(text: str) -> None:
    found = review_texts.pieces(text, {"doubtful": {"aa": 1.0}})
    assert "".join(one.text for one in found) == text
    units = text.encode("utf-16-le")
    for one in found:
        if one.why:
            assert units[2 * one.begin:2 * one.end].decode("utf-16-le") == one.text


@given(st.text(alphabet="ab \n", max_size=40), st.text(alphabet="ab \n", max_size=40))
def test_changes_hold_both_texts(before: str, after: str) -> None:
    found = review_texts.changes(before, after)
    assert "".join(one.text for one in found if one.how != "new") == before
    assert "".join(one.text for one in found if one.how != "gone") == after


def test_a_view_of_nonsense_is_the_usual_one() -> None:
    assert view_of({"zoom": "1e9", "turn": "45"}) == View() == view_of({"zoom": "９９９９９", "turn": "-90"})
    assert view_of({"zoom": "200", "turn": "270"}) == View(200, 270)


def test_a_long_list_is_paged(first_night: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from web.pages import review as pages

    root = Path(shutil.copytree(first_night, tmp_path / "kho"))
    monkeypatch.setattr(pages, "AT_ONCE", 5)
    with serving(root) as url, Served(url, root, NAMES).client("archivist") as client:
        parts = [client.get(f"/review?under=1&at={at}").text for at in (1, 2, 3, 4)]
    assert [part.count("data-row ") for part in parts] == [5, 5, 5, 2]
    assert "6–10 of 17" in parts[1] and "17 pages wait" in parts[1]


def test_an_index_of_another_version_stops_no_correction_and_the_search_says_what_to_do(
        own_site: Served, kho: Archive) -> None:
    state = index_folder(kho.settings) / STATE
    state.write_text(json.dumps({**json.loads(state.read_text()), "layout": 0}))
    address = f"/review/{FADED}/0/1"
    with own_site.client("archivist") as client:
        html = client.get(address).text
        base = html.partition('name="base" value="')[2].partition('"')[0]
        saved = client.post(address, data={"form_token": form_token(html), "base": base, "act": "save",
                                           "text": "Lịch tiếp công dân"})
        found = client.get("/search?q=công dân")
    assert saved.status_code in (200, 303), saved.text
    assert review.page_text(kho, FADED, 0, 1).corrected == "Lịch tiếp công dân"
    assert found.status_code == 503 and "luutru index rebuild" in found.text
