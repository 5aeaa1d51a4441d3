"""Finding and reading at the portal: facets, suggestions, kept searches, tables, the page of the hit, copies, plans."""

from __future__ import annotations

import csv
import io
import json
import re
import zipfile
from contextlib import closing
from urllib.parse import quote

import httpx
import openpyxl
import pikepdf
import pytest
from playwright.sync_api import Page
from sqlalchemy import select

from archive import acts, model, opening, settings
from search import saved
from tests.web.conftest import (
    Served,
    assert_accessible,
    browse_as,
    form_token,
    shot,
)
from web.pages import charts

DOCUMENT, CASE_FILE = "H99.2026.01.VP.0000001", "H99.2026.01.VP"
OTHER = "H99.2026.02.VTLT.0000001"
LINK = re.compile(r'<li><a href="(/search\?[^"]*in_(\w+)=[^"]*)" rel="nofollow"><span>([^<]*)</span> <b>(\d+)</b>')


def total(html: str) -> int:
    """How many documents a page of results says that there are."""
    found = re.search(r"<h1>([\d.,]+) document", html)
    assert found, html[:500]
    return int(re.sub(r"\D", "", found[1]))


def facets(html: str) -> list[tuple[str, str, str, int]]:
    """The choices of a page: address, facet, name, count."""
    return [(one[0].replace("&amp;", "&"), one[1], one[2], int(one[3])) for one in LINK.findall(html)]


def codes(html: str) -> list[str]:
    """The documents of a page of results, in their order."""
    return re.findall(r'<h3><a href="/documents/([\w.]+)', html)


def test_every_facet_leads_to_as_many_documents_as_it_says_and_can_be_taken_off(site: Served) -> None:
    with site.client("archivist") as client:
        page = client.get("/search?q=").text
        found = facets(page)
        assert {"organ", "type", "retention"} <= {one[1] for one in found}
        for address, _facet, name, count in found[::3]:
            narrowed = client.get(address).text
            assert total(narrowed) == count, name
            assert f"{name} <span" in narrowed
        for facet in ("organ", "type", "retention"):
            counts = [one[3] for one in found if one[1] == facet]
            assert sum(counts) <= total(page), facet
        assert sum(one[3] for one in found if one[1] == "retention") == total(page)
        two = client.get(found[0][0]).text
        further = next(one for one in facets(two) if one[1] != found[0][1])
        both = client.get(further[0]).text
        off = re.search(r'<ul class="chosen"[^>]*>\s*<li><a href="([^"]+)"', both)
        assert off
        assert total(client.get(off[1].replace("&amp;", "&")).text) >= total(both) == further[3]


def test_orders_and_pages_hold_every_document_once(site: Served) -> None:
    with site.client("archivist") as client:
        first = client.get("/search?q=&order=newest").text
        pages = [codes(client.get(f"/search?q=&order={order}&page={n}").text) for order in ("newest", "oldest")
                 for n in range(1, -(-total(first) // 20) + 1)]
        half = len(pages) // 2
        newest, oldest = ([code for page in some for code in page] for some in (pages[:half], pages[half:]))
        assert len(newest) == len(set(newest)) == total(first)
        assert newest == oldest[::-1]
        assert client.get("/search?q=&order=sideways&page=1e9").status_code == 200


def test_a_slip_of_the_finger_is_asked_about(site: Served) -> None:
    with site.client("archivist") as client:
        page = client.get("/search?q=ban+hanh+quy+chee").text
        meant = re.search(r'Did you mean: <a href="([^"]+)">([^<]+)<', page.replace("</p>", ""))
        assert meant, page
        assert total(client.get(meant[1]).text) > 0


def test_suggestions_are_of_what_the_person_may_know(site: Served) -> None:
    with site.client("archivist") as client:
        told = client.get("/search/suggest", params={"q": "ban ha"}).json()
        assert told
        assert any(one["text"].startswith("Ban hành") for one in told)
        assert client.get("/search/suggest", params={"q": "x"}).json() == []
    with site.client() as client:
        assert client.get("/search/suggest?q=quyet").status_code == 303


def test_a_hit_opens_the_document_at_its_page_in_a_frame_of_our_own(site: Served) -> None:
    with (site.client("archivist") as client, closing(opening.open_archive(settings.load(site.root))) as archive,
          archive.catalogue.session() as session):
        code = session.scalars(select(model.Document.code).where(model.Document.pages > 1).order_by(
            model.Document.code)).first() or ""
        word = later_word(client, code)
        answer = client.get(f"/documents/{code}?q={quote(word)}")
        frame = re.search(r'<iframe src="(/documents/[^"]+/files/\d+\?view=1)#page=(\d+)&amp;', answer.text)
        assert frame, answer.text
        assert int(frame[2]) > 1
        assert "frame-src 'self'" in answer.headers["content-security-policy"]
        file = client.get(frame[1])
        assert file.content.startswith(b"%PDF")
        assert file.headers["x-frame-options"] == "SAMEORIGIN"
        assert "frame-ancestors 'self'" in file.headers["content-security-policy"]
        assert file.headers["content-disposition"].startswith("inline")
        text = client.get(f"/documents/{code}?tab=text&q={quote(word)}").text
        assert re.search(rf'id="leaf-{frame[2]}"[\s\S]*<mark>', text)
        picture = client.get(f"/documents/{code}/picture/0/{frame[2]}?width=1200")
        assert picture.content.startswith(b"\x89PNG")


def later_word(client: httpx.Client, code: str) -> str:
    """A word that stands on a page after the first and not on that one."""
    leaves = re.split(r'id="leaf-\d+"', client.get(f"/documents/{code}?tab=text").text)[1:]
    words = [set(re.findall(r"[A-Za-zÀ-ỹ]{5,}", re.sub(r"<[^>]+>", " ", leaf).partition("</section>")[0]))
             for leaf in leaves]
    return str(min(words[1] - words[0]))


def test_a_look_at_an_open_document_is_not_noted_a_download_and_a_copy_are(site: Served) -> None:
    told = settings.load(site.root)
    with site.client("reader") as client:
        before = len(acts.waiting(told, "downloaded", OTHER))
        page = client.get(f"/documents/{OTHER}").text
        shown = re.search(r'<iframe src="([^"#]+)', page)
        assert shown
        assert client.get(shown[1]).status_code == 200
        assert len(acts.waiting(told, "downloaded", OTHER)) == before
        copy = client.get(f"/documents/{OTHER}/copy")
    assert copy.headers["content-disposition"] == f'attachment; filename="{OTHER}.ban-sao.pdf"'
    with pikepdf.open(io.BytesIO(copy.content)) as pdf:
        assert "BẢN SAO" in str(pdf.docinfo["/Title"])
        pages = len(pdf.pages)
    (noted,) = acts.waiting(told, "downloaded", OTHER)[before:]
    assert (noted["actor"], noted["data"]["copy"], noted["data"]["pages"]) == ("reader", True, pages)


def test_the_page_tells_signatures_evidence_relations_and_history(site: Served) -> None:
    with site.client("archivist") as client:
        page = client.get(f"/documents/{DOCUMENT}").text
        packed = client.get(f"/documents/{DOCUMENT}/evidence")
    with zipfile.ZipFile(io.BytesIO(packed.content)) as taken:
        assert {f"{DOCUMENT}/statement.html", f"{DOCUMENT}/checker.py"} <= set(taken.namelist())
    assert acts.waiting(settings.load(site.root), "exported", DOCUMENT)[-1]["data"]["evidence"] is True
    for heading in ("Description", "Signatures", "Files", "Related", "Evidence", "What happened to it"):
        assert f"<h2>{heading}</h2>" in page
    assert 'class="verdict-said"' in page
    assert "Was stored" in page
    assert re.search(r"Under seal \d{6} of ", page)


def test_a_search_is_kept_for_its_owner_alone_and_tells_what_is_new(site: Served) -> None:
    with site.client("archivist") as client, site.client("auditor") as other:
        page = client.get("/search?q=quyet+dinh&in_access=undecided").text
        form = {"form_token": form_token(page), "q": "quyet dinh", "name": "Quyết định", "alert": "1",
                "in_retention": "open", "order": "newest"}
        assert client.post("/saved", data=form).headers["location"].startswith("/saved?kept=1")
        (kept,) = saved.saved_searches(settings.load(site.root), "archivist")
        assert (kept.query, dict(kept.chosen), kept.alert) == ("quyet dinh", {}, True)
        assert "Quyết định" in client.get("/saved").text
        assert 'class="sheet kept"' not in other.get("/saved").text
        assert "new hits" not in client.get("/").text
        place = site.root / saved.FILE_NAME
        told = json.loads(place.read_bytes())
        told["searches"][0]["seen"] = ""                # as if kept before the night
        place.write_text(json.dumps(told))
        assert re.search(r'class="tag new">\d+ new', client.get("/saved").text)
        assert "Kept searches with new hits" in client.get("/").text
        assert "Kept searches with new hits" not in other.get("/").text
        act = {"form_token": form["form_token"], "name": "Quyết định"}
        assert client.post("/saved/seen", data=act).status_code == 303
        assert 'class="tag new"' not in client.get("/saved").text
        assert other.post("/saved/forget", data={**act, "form_token": form_token(other.get("/saved").text)}
                          ).status_code == 303
        assert len(saved.saved_searches(settings.load(site.root), "archivist")) == 1
        assert client.post("/saved/forget", data=act).status_code == 303
        assert client.post("/saved", data={**form, "name": " "}).status_code == 400
    assert saved.saved_searches(settings.load(site.root), "archivist") == []


@pytest.mark.parametrize("form", ["csv", "xlsx"])
def test_results_are_taken_along_as_a_table_within_rights_and_noted(site: Served, form: str) -> None:
    told = settings.load(site.root)
    before = len(acts.waiting(told, "results_exported"))
    with site.client("archivist") as client, site.client("reader") as reader:
        for who in (client, reader):
            count = total(who.get("/search?q=quyet+dinh").text)
            answer = who.get(f"/search/export?q=quyet+dinh&format={form}")
            assert answer.headers["content-disposition"].startswith("attachment")
            rows = list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig")))) if form == "csv" else list(
                openpyxl.load_workbook(io.BytesIO(answer.content)).active.values)  # type: ignore[union-attr]
            assert len(rows) == count + 1
        assert client.get("/search/export?q=a&format=exe").status_code == 400
        assert client.get("/search/export?q=&since=whenever").status_code == 400
    noted = acts.waiting(told, "results_exported")[before:]
    assert [one["actor"] for one in noted] == ["archivist", "reader"]
    assert all(set(one["data"]) == {"rows", "format"} for one in noted)


def test_the_case_file_tells_what_it_lacks_and_the_plan_leads_to_it(site: Served) -> None:
    with site.client("archivist") as client, site.client("reader") as reader:
        page = client.get(f"/casefiles/{CASE_FILE}").text
        assert 'id="completeness"' in page
        assert 'id="retention"' in page
        plan = client.get("/plan").text
        assert f'href="/casefiles/{CASE_FILE}"' in plan
        lines = re.search(r"([\d,]+) lines in the plan, ([\d,]+) case files, ([\d,]+) documents", plan)
        assert lines
        assert int(lines[3]) == total(client.get("/search?q=&in_fonds=H99").text)
        seen = reader.get("/plan").text
        known = re.search(r"lines in the plan, ([\d,]+) case files, ([\d,]+) documents", seen)
        assert known
        assert int(known[2]) == total(reader.get("/search?q=&in_fonds=H99").text)
        assert int(known[1]) <= int(lines[2])


def test_the_morning_page_draws_what_it_tells_in_tables(site: Served) -> None:
    with site.client("archivist") as client, site.client("administrator") as admin, site.client("reader") as reader:
        page = client.get("/").text
        assert page.count('<figure class="chart">') == 2
        assert "Documents stored, by night" in page
        drawn = sum(int(one.replace(",", "")) for one in re.findall(r'class="figure"[^>]*>([\d,]+)<', page.partition(
            "</figure>")[0]))
        assert drawn > 10
        assert "GB are free" in page
        assert "/quarantine?code=" in page
        assert "Due in ten years" in page
        own = admin.get("/").text
        assert "GB are free" in own
        assert "agency not known" not in own            # totals alone, by no agency
        assert 'class="keys"' not in own
        assert '<figure class="chart">' not in reader.get("/").text


def test_columns_stand_on_a_round_scale_and_add_up() -> None:
    made = charts.columns("x", "X", "Y", ["a", "b", "c"], {"one": [1, 0, 30], "two": [2, 0, 12]})
    assert [one.total for one in made.columns] == [3, 0, 42]
    assert [number for number, _y in made.scale] == [0, 10, 20, 30, 40, 50]
    top = made.columns[2]
    assert round(sum(one.height for one in top.pieces), 1) == round(made.base - top.top, 1)
    assert made.columns[1].pieces == ()
    assert charts.columns("x", "X", "Y", [], {}).columns == ()
    assert [charts.step_of(most) for most in (0, 5, 6, 10, 26, 51, 101, 10_000)] == [1, 1, 2, 2, 10, 20, 50, 2000]


def test_suggestions_are_chosen_with_the_keyboard(site: Served, browser_page: Page) -> None:
    browse_as(browser_page, site, "archivist", "en")
    browser_page.goto(site.url)
    field = browser_page.locator("#find")
    assert field.get_attribute("role") == "combobox"
    field.focus()
    browser_page.keyboard.type("ban ha")
    options = browser_page.locator(".find [role=option]")
    options.first.wait_for()
    assert field.get_attribute("aria-expanded") == "true"
    browser_page.keyboard.press("ArrowDown")
    chosen = options.first.locator("b").inner_text()
    assert field.get_attribute("aria-activedescendant") == options.first.get_attribute("id")
    assert field.input_value() == chosen
    shot(browser_page, "suggestions")
    assert_accessible(browser_page)
    browser_page.keyboard.press("Escape")
    assert field.input_value() == "ban ha"
    assert options.count() == 0 or not options.first.is_visible()
    browser_page.keyboard.press("ArrowDown")
    options.first.wait_for()
    browser_page.keyboard.press("ArrowDown")
    browser_page.keyboard.press("Enter")
    browser_page.wait_for_url("**/search?q=*")
    assert browser_page.locator("h1").inner_text() != "0 documents"
