"""What a granted request opens at the portal: copies of exactly its documents, until its last day, each look noted.

Of the documents here nothing is open: whoever reads anything of them reads it by a grant.
"""

from __future__ import annotations

import io
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote

import httpx
import pikepdf
import pypdfium2
import pytest
from PIL import Image
from playwright.sync_api import Page

from archive import acts, clock, model, opening, records, settings
from archive.correcting import correct_document
from archive.opening import Archive, ownership
from ingest import review
from ingest.stages.index import index_documents
from retention.reading import asking, deciding, handing_out
from tests.conftest import NIGHT
from tests.web.conftest import NAMES, Served, assert_accessible, browse_as, serving, shot
from tests.web.walk_material import token_of

READ, COPIED, WORD, BESIDE = ("H99.2026.01.VP.0000001", "H99.2026.03.VTLT.0000006", "H99.2026.02.VTLT.0000005",
                              "H99.2026.02.VTLT.0000001")
WHOLE = "H99.2026.02.VP"        # a case file that was granted as a whole
TITLES = {READ: "Ban hành Quy chế làm việc trên môi trường điện tử", COPIED: "Lịch tiếp công dân tháng 6 năm 2026",
          WORD: "Tiến độ số hóa tài liệu lưu trữ đến ngày", BESIDE: "Số hóa tài liệu lưu trữ năm 2027 của Sở"}
NOW, DAY = NIGHT + timedelta(hours=10), timedelta(days=1)


@dataclass
class Opened(Served):
    """The portal, the texts of its documents, and the archive as a second process would open it."""

    texts: dict[str, str] = field(default_factory=dict)
    titles: dict[str, str] = field(default_factory=dict)

    def archive(self) -> Archive:
        return opening.open_archive(settings.load(self.root))

    def waiting(self, kind: str) -> list[tuple[str, str, str]]:
        """The acts that wait for the ledger: document, account, and how."""
        return [(one["subject"], one["actor"], one["data"].get("how", "")) for one in acts.waiting(
            settings.load(self.root), kind)]


def granted(archive: Archive, kind: str, codes: list[str], account: str) -> str:
    """A request of an account, agreed to and granted."""
    request, found = asking.ask(archive, kind, codes, asking.Reader("Phạm Thị Đọc", account=account),
                                asking.Purpose("nghiên cứu lịch sử"), by="Hạnh", at=NOW)
    assert request is not None, found
    deciding.ask_opinion(archive, request.code, [], by="Hạnh", at=NOW)
    deciding.give_opinion(archive, request.code, [], deciding.Opinion(agree=True, of="Giám đốc", dated="2026-11-20"),
                          by="Hạnh", at=NOW)
    done = deciding.grant(archive, request.code, [], by="Hạnh", at=NOW)
    assert not any(one.level.name == "refused" for one in done[1]), done
    return request.code


@pytest.fixture(scope="module")
def opened(first_night: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Opened]:
    root = Path(shutil.copytree(first_night, tmp_path_factory.mktemp("duyet") / "kho"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clock, "now", lambda: NOW)
        archive = opening.open_archive(settings.load(root))
        with ownership(archive):
            for code in (*TITLES, f"{WHOLE}.0000001"):
                correct_document(archive, code, {"mode": "02"}, "theo kết luận", by="archivist")
            index_documents(archive)
            granted(archive, "reading", [READ, WORD], f" {NAMES['reader'].title()} ")      # as people type it
            copied = granted(archive, "copy", [COPIED], NAMES["reader"])
            assert handing_out.make_copies(archive, copied, [], by="Hạnh", at=NOW)[1]
            granted(archive, "copy", [BESIDE], NAMES["records_officer"])
            granted(archive, "reading", [WHOLE], NAMES["administrator"])
        with archive.catalogue.session() as session:
            titles = {row.code: row.subject for row in session.query(model.Document)}
        texts = {record["code"]: text for file in {code[:-8] for code in titles}
                 for record, text in records.read_documents_and_texts(archive.store, file)}
        archive.close()
        with serving(root) as url:
            yield Opened(url, root, NAMES, texts, titles)


@pytest.fixture(autouse=True)
def _that_day(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: NOW)


def sentences(opened: Opened, code: str) -> set[str]:
    """Pieces of a text by which it would be known in a page; not those that its title or another document has."""
    def lines(text: str) -> set[str]:
        return {" ".join(line.split()) for line in text.splitlines()}

    others = set().union(*(lines(text) for other, text in opened.texts.items() if other != code))
    return {line for line in lines(opened.texts[code]) - others
            if len(line) > 30 and line[:40] not in opened.titles[code]}


def everything(client: httpx.Client, code: str) -> dict[str, httpx.Response]:
    """Every address at which anything of a document could be had."""
    found = {}
    for path in ("", "?tab=text", "?tab=file", "?tab=picture&page=2", "?q=quy+che&tab=text", "/files/0",
                 "/files/0?view=1", "/files/1", "/files/2?view=1", "/files/3", "/evidence", "/copy", "/copy?view=1",
                 "/picture/0/1", "/picture/1/1", "/picture/0/999"):
        found[path] = client.get(f"/documents/{code}{path}")
    return found


def test_a_grant_opens_pages_of_a_copy_and_neither_file_nor_text(opened: Opened) -> None:
    archive = opened.archive()
    record = next(records.read_documents(archive.store, READ[:-8], [int(READ[-7:])]))
    archive.close()
    secrets = sentences(opened, READ) | {file["sha256"][:16] for file in record["files"]} | {
        record["source"]["name"], record["item"]}
    assert len(secrets) > 60
    with opened.client("reader") as client:
        answers = everything(client, READ)
        allowed = {path: answer.status_code for path, answer in answers.items() if answer.status_code == 200}
        assert set(allowed) == {"", "?tab=text", "?tab=file", "?tab=picture&page=2", "?q=quy+che&tab=text",
                                "/picture/0/1", "/picture/0/999"}
        assert {answer.status_code for path, answer in answers.items() if path not in allowed} == {403, 404}
        for path, answer in answers.items():
            assert not [one for one in secrets if one in answer.text], path
        assert answers["/picture/0/1"].headers["content-type"] == "image/png"
        assert answers["/picture/0/1"].headers["cache-control"] == "no-store"
        assert answers["/picture/0/999"].headers["x-drawn"] == "no"
        page = answers[""].text
        assert TITLES[READ] in page and "/ 8" in page and "/copy" not in page and "/files/" not in page
    with opened.client("records_officer") as client:
        assert {answer.status_code for answer in everything(client, READ).values()} == {404}, "it is the reader's"


def test_the_pages_are_those_of_the_marked_copy(opened: Opened) -> None:
    archive = opened.archive()
    with opened.client("reader") as client:
        pictures = (client.get(f"/documents/{READ}/picture/0/1").content, review.page_picture(archive, READ, 0, 1))
    archive.close()
    inked = []
    for one in pictures:
        with Image.open(io.BytesIO(one)) as drawn:
            grey = drawn.convert("L").crop((0, int(drawn.height * .93), drawn.width, drawn.height))
            inked.append(sum(grey.histogram()[:128]))
    assert inked[0] > inked[1] + 200, "the archive's name and the request stand at the foot"


def test_what_was_granted_as_a_copy_is_given_away_as_it_was_made(opened: Opened) -> None:
    with opened.client("reader") as client:
        answer = client.get(f"/documents/{COPIED}/copy")
        made = next((opened.root / "reading").glob(f"*/{COPIED}.pdf"))
        assert answer.status_code == 200 and answer.content == made.read_bytes()
        assert answer.headers["content-disposition"].startswith("attachment")
        with pypdfium2.PdfDocument(answer.content) as pdf:
            assert "BẢN SAO" in pdf[0].get_textpage().get_text_range()
        assert client.get(f"/documents/{COPIED}/files/0").status_code == 403
    with opened.client("records_officer") as client:        # nobody made it yet: then the portal does
        answer = client.get(f"/documents/{BESIDE}/copy")
        with pikepdf.open(io.BytesIO(answer.content)) as copy:
            assert len(copy.pages) == 1
        with pypdfium2.PdfDocument(answer.content) as pdf:
            said = pdf[0].get_textpage().get_text_range()
        assert "BẢN SAO" in said and "Phạm Thị Đọc" in said and re.search(r"[0-9A-F]{4}(-[0-9A-F]{4}){2}", said)


def test_what_cannot_become_pages_says_so_and_opens_nothing(opened: Opened) -> None:
    with opened.client("reader") as client:
        page = client.get(f"/documents/{WORD}")
        assert page.status_code == 200 and "No copy of this document can be made" in page.text
        assert not [one for one in sentences(opened, WORD) if one in page.text]
        assert client.get(f"/documents/{WORD}/copy").status_code == 403
        assert BESIDE not in page.text and TITLES[BESIDE] not in page.text


def test_search_shows_what_the_grant_reaches_without_a_piece_of_its_text(opened: Opened) -> None:
    with opened.client("reader") as client:
        for q in ("quy che", quote(TITLES[READ]), "lich tiep cong dan", "ket luan giao ban", ""):
            page = re.sub(r"</?mark>", "", client.get(f"/search?q={q}").text)
            assert (f'href="/documents/{READ}"' in page) == (q in ("quy che", "", quote(TITLES[READ]))), q
            assert BESIDE not in page and TITLES[BESIDE] not in page
            assert not [one for one in sentences(opened, READ) if one in page]
        without = client.get("/search?q=lich+tiep+cong+dan").text
        assert COPIED in without.partition("<ol")[0] + without and "Opened to you" in without
        for path in ("/search/suggest?q=lich+tiep", "/search/export?q=lich+tiep+cong+dan", "/saved",
                     "/casefiles?q=VTLT"):
            assert COPIED not in client.get(path).text, path
        home = client.get("/").text
        assert all(f"/documents/{code}" in home for code in (READ, COPIED, WORD)) and BESIDE not in home
        own = client.get("/readings").text
        request = re.findall(r'href="(/readings/YC[^"]+)"', own)
        assert len(request) == 2
        assert any(f'href="/documents/{READ}"' in client.get(one).text for one in request)
        case_file = client.get(f"/casefiles/{WORD[:-8]}")
        assert TITLES[BESIDE] not in case_file.text
    with opened.client("archivist") as client:
        assert "Opened to you" not in client.get("/search?q=").text


def test_each_look_is_noted_with_the_request_and_what_it_is_for(opened: Opened) -> None:
    before, downloads = len(opened.waiting("reading_viewed")), len(opened.waiting("downloaded"))
    viewed = len(opened.waiting("viewed"))
    with opened.client("reader") as client:
        client.get(f"/documents/{COPIED}")
        client.get(f"/documents/{COPIED}/picture/0/1")
        client.get(f"/documents/{COPIED}/copy")
        client.get(f"/documents/{READ}")
    assert opened.waiting("reading_viewed")[before:] == [
        (COPIED, "reader", "viewed"), (COPIED, "reader", "downloaded"), (READ, "reader", "viewed")]
    assert opened.waiting("downloaded")[downloads:] == [(COPIED, "reader", "")]
    assert len(opened.waiting("viewed")) == viewed
    last = acts.waiting(settings.load(opened.root), "reading_viewed")[-1]["data"]
    assert (last["reader"], last["purpose"], last["kind"]) == ("Phạm Thị Đọc", "nghiên cứu lịch sử", "reading")
    with opened.client("archivist") as client:
        assert "Phạm Thị Đọc" in client.get(f"/documents/{READ}").text, "who looked is told to who may see it"


def test_a_program_of_the_account_has_no_part_in_it(opened: Opened) -> None:
    token = token_of(opened.root, NAMES["reader"])
    with opened.client() as client:
        for path in ("", "/text", "/files/0", "/signatures", "/history"):
            answer = client.get(f"/api/v1/documents/{READ}{path}", headers={"authorization": f"Bearer {token}"})
            assert answer.status_code == 404, path


def test_after_the_last_day_and_with_a_mark_of_secrecy_there_is_nothing(
        opened: Opened, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(clock, "now", lambda: NOW + 15 * DAY)
    with opened.client("reader") as client:
        assert client.get(f"/documents/{READ}").status_code == 200, "the last day is one of it"
    monkeypatch.setattr(clock, "now", lambda: NOW + 16 * DAY)
    with opened.client("reader") as client:
        assert {answer.status_code for answer in everything(client, READ).values()} == {404}
        assert READ not in client.get("/search?q=quy+che").text + client.get("/").text
    monkeypatch.setattr(clock, "now", lambda: NOW)
    for mark, value in (("mode", "03"), ("secrecy", "Tối mật"), ("secrecy", "tỐI mẬT")):
        archive = opened.archive()
        with archive.catalogue.session() as session:
            row = session.get_one(model.Document, READ)
            kept = dict(row.fields)
            row.fields = {**kept, mark: value}
        with opened.client("reader") as client:
            assert {client.get(f"/documents/{READ}{path}").status_code for path in ("", "/picture/0/1", "/copy")} == {
                404}, value
            assert READ not in client.get("/").text
        with archive.catalogue.session() as session:
            session.get_one(model.Document, READ).fields = kept
        archive.close()


def test_a_case_file_granted_as_a_whole_shows_what_was_granted_of_it(opened: Opened) -> None:
    with opened.client("administrator") as client:
        page = client.get(f"/casefiles/{WHOLE}")
        assert page.status_code == 200 and f"/documents/{WHOLE}.0000001" in page.text
        assert "Case file opened" not in page.text and "/retention/" not in page.text
    with opened.client("reader") as client:
        assert client.get(f"/casefiles/{WHOLE}").status_code == 404


def test_the_granted_page_as_a_person_sees_it(opened: Opened, browser_page: Page) -> None:
    browse_as(browser_page, opened, "reader")
    browser_page.goto(f"{opened.url}/documents/{READ}?page=2")
    browser_page.wait_for_function("document.querySelector('.viewer img').naturalWidth > 500")
    assert_accessible(browser_page)
    shot(browser_page, "granted-1366")
    browser_page.set_viewport_size({"width": 390, "height": 844})
    shot(browser_page, "granted-390")
