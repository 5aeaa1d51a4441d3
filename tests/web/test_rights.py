"""Rights are in the query: what a person may not know of leaves no trace in pages, counts, snippets or answers.

Two archives are served, one with planted secrets and one that never had them. Whoever may not know of the secrets must
get the same bytes from both.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from archive import acts, clock, opening, settings
from archive.correcting import correct_document
from archive.opening import Archive
from ingest.stages.index import index_documents
from retention import holds
from retention.destruction import listing
from retention.reading import asking
from search import saved
from tests.stored_documents import store_documents
from tests.web.conftest import PASSWORD, Served, add_people, serving
from tests.web.walk_material import token_of
from web.accounts import Accounts
from web.people import ROLES

FILE, OTHER, CLOSED_BOX = "H99.2026.01.VP", "H99.2026.02.VP", "H99.2026.03.VP"
EXPIRED, FOREIGN = "H99.2015.30.VP", "H98.2026.01.VP"
OPEN = [{"subject": "Quy chế văn thư điện tử", "codeNumber": "1", "codeNotation": "QĐ-SNV", "mode": "01",
         "issuedDate": "01/02/2026", "organName": "Sở Nội vụ"},
        {"subject": "Lịch công tác tuần thứ mười", "codeNumber": "2", "codeNotation": "TB-SNV", "mode": "01",
         "issuedDate": "02/02/2026", "organName": "Sở Nội vụ"}]
SECRET = [{"subject": "Kỷ luật bà Nguyễn Bímậtnhân", "codeNumber": "77", "codeNotation": "KL-SNV", "mode": "02",
           "issuedDate": "03/02/2026", "organName": "Sở Nội vụ"},
          {"subject": "Quy chế bảo vệ Bímậtnhân, thay thế Quyết định số 1/QĐ-SNV", "codeNumber": "79",
           "codeNotation": "QC-BAN", "mode": "02", "issuedDate": "03/02/2019", "organName": "Ban Kínđáo"}]
UNDECIDED = [{"subject": "Thư gửi chưaquyếtđịnh", "codeNumber": "78", "codeNotation": "CV-SNV",
              "issuedDate": "04/02/2026", "organName": "Sở Nội vụ"}]
ADDRESSES = ["/", "/search?q=", "/search?q=bimatnhan", "/search?q=chuaquyetdinh", "/search?q=ky+luat",
             "/search?q=77/KL-SNV", "/search?q=bimatnham", "/search?q=quychebaove",
             "/search?q=quychebao+vee", "/search?q=baor+veej", "/search?q=03/02/2019", "/search?q=cv+79",
             "/search?q=quy+che+bimatnhan+ky+luat", "/search?q=-quy", "/search?q=&since=03/02/2026",
             f"/search?q=&casefile={OTHER}", f"/search?q=&casefile={CLOSED_BOX}", "/search?q=%22ky+luat+ba%22",
             "/search?q=&page=2", "/casefiles", "/casefiles?q=VP", f"/casefiles/{FILE}", f"/casefiles/{OTHER}",
             f"/casefiles/{CLOSED_BOX}", f"/documents/{OTHER}.0000001", f"/documents/{OTHER}.0000001/files/0",
             f"/documents/{CLOSED_BOX}.0000001", f"/documents/{FILE}.0000001",
             "/search?q=quy+che", "/search?q=quy+chee+bao+vej", "/search?q=bao+vee", "/search?q=&in_year=2019",
             "/search?q=&in_organ=ban+kin+dao", "/search?q=&in_access=restricted", "/search?q=&in_retention=open",
             "/search?q=&in_retention=running&order=oldest", "/search/suggest?q=ky+lu", "/search/suggest?q=quy+che",
             "/search/suggest?q=77", "/search/suggest?q=79/QC", "/search/export?q=&format=csv", "/plan",
             "/plan?fonds=H99&year=2026", "/saved", f"/documents/{OTHER}.0000001/copy",
             f"/documents/{OTHER}.0000001/picture/0/1", f"/documents/{FILE}.0000001?q=quy+che&tab=text"]
# What has pages of its own round the records: holds, lists, requests, periods, what waits, parts of a document.
ROUND = ["/retention", f"/retention/{OTHER}", f"/retention/{EXPIRED}", f"/retention/{FILE}", "/holds?all=1", "/holds/1",
         f"/holds/new?code={OTHER}", "/destructions", "/destructions/HUY.2026.001", "/destructions/HUY.2026.001/vote",
         "/deadlines?within=365", "/readings", "/readings/YC.2026.0001", "/notices?all=1", "/tasks", "/review?under=1",
         f"/review/{OTHER}.0000001/0/1", f"/review/{OTHER}.0000001/0/1/picture", "/quarantine", "/transfers",
         f"/documents/{OTHER}.0000001/evidence", f"/documents/{OTHER}.0000001/copy", "/search?q=&in_retention=held",
         f"/documents/{OTHER}.0000001/picture/0/1", f"/documents/{EXPIRED}.0000001", f"/casefiles/{EXPIRED}"]
# The same for programs; what they are told carries a tag, which must not tell either.
ASKED = ["search?q=&facets=organ,year,type,fonds,legal_value,access", "search?q=bimatnhan", "search?q=&limit=1",
         "search?q=quy+chee+bao+vej", "search?q=&in_access=restricted&facets=year", "search?q=&in_retention=held",
         "casefiles", "casefiles?limit=1", f"casefiles/{FILE}", f"casefiles/{OTHER}", f"casefiles/{OTHER}/documents",
         f"casefiles/{FILE}/history", f"documents/{OTHER}.0000001", f"documents/{OTHER}.0000001/text",
         f"documents/{OTHER}.0000001/files/0", f"documents/{FILE}.0000001/history", "retention/due", "deadlines"]
MAY = {"archivist", "council_member", "archive_centre", "auditor"}
ELSEWHERE = "o-noi-khac"


def make(root: Path, *, secrets: bool) -> None:
    archive = opening.make_archive(root, {"agency": {"code": "H99", "name": "Sở Nội vụ tỉnh Mẫu"}})
    with opening.ownership(archive):
        opening.open_fonds(archive, "H98", "Sở Khác")
    store_documents(archive, OPEN, code=FILE)
    store_documents(archive, [{**OPEN[1], "subject": "Thông báo nghỉ lễ", "codeNumber": "3"}], code=FOREIGN)
    if secrets:
        store_documents(archive, SECRET, code=OTHER)
        store_documents(archive, UNDECIDED, code=CLOSED_BOX)
        _round(archive)
    with opening.ownership(archive):
        index_documents(archive)
    with archive.catalogue.session() as session:
        for owner in ("reader", ELSEWHERE):     # what is new to them is told in the morning, of what they may know of
            for words in ("bimatnhan", "quy che", ""):
                saved.save(archive.settings, session, saved.Saved(owner, f"Tìm {words}", words))
    place = root / saved.FILE_NAME
    place.write_text(re.sub(r'"seen": ?"[^"]*"', '"seen": ""', place.read_text()))
    archive.close()


def _round(archive: Archive) -> None:
    """What is done with secret records: a hold, a list for destruction, a request for use, a search that is kept."""
    store_documents(archive, [{**SECRET[0], "issuedDate": "03/02/2015"}], code=EXPIRED, case_file={
        "retention": "05 năm", "state": "closed", "closed_at": "2016-03-10T03:00:00Z", "title": "Hồ sơ Bímậtnhân",
        "fields": {"mode": "02"}},)
    now = clock.now()
    with opening.ownership(archive):
        assert holds.place(archive, [OTHER], holds.Ground(
            "thanh tra Bímậtnhân", "Hạnh", "12/QĐ-TTT", "2026-11-01", "Thanh tra tỉnh"), at=now)[0] == 1
        assert [one[0] for one in listing.record(archive, clock.in_vietnam(now).date().isoformat(), by="Hạnh", at=now)
                if one[0]] == ["HUY.2026.001"]
        request, found = asking.ask(archive, "reading", [f"{OTHER}.0000001"], asking.Reader("Phạm Thị Bímậtnhân"),
                                    asking.Purpose("nghiên cứu"), by="Hạnh", at=now)
        assert request is not None, found
        assert request.code == "YC.2026.0001"
    with archive.catalogue.session() as session:
        saved.save(archive.settings, session, saved.Saved("archivist", "Vụ Bímậtnhân", "bimatnhan"))


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Served, Served]]:
    folder, now = tmp_path_factory.mktemp("rights"), clock.now()
    made = []
    for name, secrets in (("with", True), ("without", False)):
        root = folder / name
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(clock, "now", lambda: now)        # both at the same moment
            make(root, secrets=secrets)
        held = Accounts(settings.load(root))
        # All the roles that see periods, holds, lists and hand-overs, in another agency.
        held.use_link(held.add(ELSEWHERE, "Ông Khác", ["archivist", "council_member", "archive_centre"], fonds="H98",
                               by="test"), PASSWORD)
        made.append((root, {**add_people(root), ELSEWHERE: ELSEWHERE}))
    with serving(made[0][0]) as first, serving(made[1][0]) as second:
        yield Served(first, *made[0]), Served(second, *made[1])


def read(client: httpx.Client, address: str) -> str:
    """A page as a person reads it, the marks of words that were found left out."""
    return re.sub(r"</?mark>", "", client.get(address).text)


def plain(answer: httpx.Response, site: Served) -> str:
    """An answer with its headers, without what differs between any two servers or moments."""
    text = re.sub(r'value="[0-9a-f]{64}"', 'value="TOKEN"', answer.text.replace(site.url, "URL"))
    text = re.sub(r'"instance":"[^"]*"', "", re.sub(r"\d\d:\d\d:\d\d \d\d/\d\d/\d{4}", "TIME", text))
    heads = sorted((name, value.replace(site.url, "URL")) for name, value in answer.headers.items()
                   if name not in ("date", "set-cookie", "x-request-id"))
    return f"{answer.status_code} {heads} {text}"


@pytest.mark.parametrize("role", ["reader", "administrator", ELSEWHERE])
def test_who_may_not_know_gets_the_same_bytes_as_if_the_secrets_did_not_exist(two: tuple[Served, Served],
                                                                              role: str) -> None:
    told = []
    with two[0].client(role) as first, two[1].client(role) as second:
        for address in (*ADDRESSES, *ROUND):
            if role == "administrator" and (address == "/" or address in ADDRESSES[20:]):
                continue            # the totals of the archive are this role's business; its reach is the reader's
            if plain(first.get(address), two[0]) != plain(second.get(address), two[1]):
                told.append(address)
    assert told == []


def test_a_program_is_told_the_same_too_in_lists_tags_and_problems(two: tuple[Served, Served]) -> None:
    told = []
    heads = [{"authorization": f"Bearer {token_of(site.root, ELSEWHERE)}"} for site in two]
    with two[0].client() as first, two[1].client() as second:
        for path in ASKED:
            answers = [client.get(f"/api/v1/{path}", headers=own) for client, own in (
                (first, heads[0]), (second, heads[1]))]
            if plain(answers[0], two[0]) != plain(answers[1], two[1]) or answers[0].status_code == 401:
                told.append(path)
            tag = {"if-none-match": answers[1].headers.get("etag", '"none"')}
            if first.get(f"/api/v1/{path}", headers={**heads[0], **tag}).status_code != second.get(
                    f"/api/v1/{path}", headers={**heads[1], **tag}).status_code:
                told.append(f"{path}: {tag}")
    assert told == []


def test_what_browsers_keep_of_a_page_names_nothing_that_is_not_open(two: tuple[Served, Served]) -> None:
    with two[0].client("archivist") as client:
        for address in (f"/documents/{OTHER}.0000001", f"/casefiles/{EXPIRED}", f"/retention/{EXPIRED}", "/holds/1",
                        "/destructions/HUY.2026.001", "/readings/YC.2026.0001"):
            answer = client.get(address)
            assert answer.status_code == 200, address
            assert answer.headers["cache-control"] == "no-store", address
            title = re.search(r"<title>\s*([^<]*?)\s*</title>", answer.text)
            assert title
            assert not re.search("Bímậtnhân|77", title[1]), address
        assert "1/QĐ-SNV" in client.get(f"/documents/{FILE}.0000001").text.partition("</title>")[0]


def test_how_a_period_stands_is_told_only_of_what_one_may_know_in_full(two: tuple[Served, Served]) -> None:
    """A hold or a later document that somebody may not know of shows in the state of the whole case file."""
    with two[0].client("reader") as reader, two[0].client("archivist") as archivist:
        assert "in_retention" not in reader.get("/search?q=").text.partition('id="narrow"')[2]
        assert "in_retention=held" in archivist.get("/search?q=").text
    with two[0].client(ELSEWHERE) as outside:
        assert "in_retention=held" not in outside.get("/search?q=").text
        assert "<h1>0 documents</h1>" in outside.get("/search?q=&in_retention=untold").text


def test_who_may_know_is_shown_all_of_it(two: tuple[Served, Served]) -> None:
    with two[0].client("archivist") as client:
        page = client.get("/search?q=").text
        assert all(one in page for one in ("Ban Kínđáo", "in_year=2019", "in_access=restricted"))
        assert "Bímậtnhân" in client.get("/search/suggest?q=bao+ve").text
        assert 'href="/search?q=bao+ve"' in client.get("/search?q=bao+vee").text.replace("%20", "+")
        assert "Replaced by" in client.get(f"/documents/{FILE}.0000001").text
        assert "Bímậtnhân" in client.get("/search/export?q=&format=csv").text


@pytest.mark.parametrize("role", ROLES)
def test_each_role_finds_what_it_may_and_nothing_else(two: tuple[Served, Served], role: str) -> None:
    with two[0].client(role) as client:
        secret = client.get(f"/documents/{OTHER}.0000001").status_code
        found = "77/KL-SNV" in client.get("/search?q=bimatnhan").text
        undecided = client.get(f"/documents/{CLOSED_BOX}.0000001").status_code
        assert client.get(f"/documents/{FILE}.0000001").status_code == 200
    assert (secret, found) == ((200, True) if role in MAY else (404, False))
    assert undecided == (200 if role in {*MAY, "records_officer"} else 404)


def test_the_look_at_a_restricted_document_is_noted_the_look_at_an_open_one_is_not(two: tuple[Served, Served]) -> None:
    site = two[0]
    before = len(acts.waiting(settings.load(site.root), "viewed"))
    with site.client("auditor") as client:
        client.get(f"/documents/{FILE}.0000001")
        client.get(f"/documents/{OTHER}.0000001")
        original = client.get(f"/documents/{OTHER}.0000001/files/0")
    noted = acts.waiting(settings.load(site.root), "viewed")[before:]
    assert [(one["subject"], one["actor"]) for one in noted] == [(f"{OTHER}.0000001", "auditor")]
    assert original.headers["content-disposition"].startswith("attachment")
    (download,) = acts.waiting(settings.load(site.root), "downloaded", f"{OTHER}.0000001")
    assert download["data"]["sha256"]


def test_a_correction_counts_at_once_though_the_index_learns_it_tonight(tmp_path: Path) -> None:
    make(tmp_path / "kho", secrets=False)
    names = add_people(tmp_path / "kho")
    archive: Archive = opening.open_archive(settings.load(tmp_path / "kho"))
    with serving(tmp_path / "kho") as url:
        site = Served(url, tmp_path / "kho", names)
        with site.client("reader") as client, site.client("archivist") as archivist:
            assert "Lịch công tác" in read(client, "/search?q=lich+cong+tac")
            with opening.ownership(archive):
                correct_document(archive, f"{FILE}.0000002", {"mode": "02"}, "theo kết luận", by="archivist")
            assert "Lịch công tác" not in read(client, "/search?q=lich+cong+tac")
            assert client.get(f"/documents/{FILE}.0000002").status_code == 404
            assert "Lịch công tác" not in client.get(f"/casefiles/{FILE}").text
            assert "Lịch công tác" in read(archivist, "/search?q=lich+cong+tac")
            with opening.ownership(archive):
                index_documents(archive)
            assert "Lịch công tác" not in read(client, "/search?q=lich+cong+tac")
    archive.close()


def test_a_person_of_one_agency_reads_its_own_and_only_the_open_of_others(tmp_path: Path) -> None:
    root = tmp_path / "kho"
    archive = opening.make_archive(root, {"agency": {"code": "H99", "name": "Sở Nội vụ tỉnh Mẫu"}})
    with opening.ownership(archive):
        opening.open_fonds(archive, "H98", "Sở Khác")
    store_documents(archive, SECRET[:1], code=OTHER)
    store_documents(archive, [{**SECRET[0], "subject": "Chuyện riêng sở khác"}, OPEN[1]], code="H98.2026.01.VP")
    with opening.ownership(archive):
        index_documents(archive)
    archive.close()
    names = add_people(root)
    with serving(root) as url:
        site = Served(url, root, names)
        site.accounts.set_roles("archivist", ["archivist"], fonds="H99", by="test")
        with site.client("archivist") as client:
            told = read(client, "/search?q=")
            assert "2 documents" in told
            assert "Chuyện riêng" not in told
            assert [client.get(f"/documents/{code}").status_code for code in (
                f"{OTHER}.0000001", "H98.2026.01.VP.0000001", "H98.2026.01.VP.0000002")] == [200, 404, 200]
