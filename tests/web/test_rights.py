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

from archive import acts, opening, settings
from archive.correcting import correct_document
from archive.opening import Archive
from ingest.stages.index import index_documents
from tests.stored_documents import store_documents
from tests.web.conftest import Served, add_people, serving
from web.people import ROLES

FILE, OTHER, CLOSED_BOX = "H99.2026.01.VP", "H99.2026.02.VP", "H99.2026.03.VP"
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
             "/search?q=77/KL-SNV", "/search?q=bimatnham", "/search?q=quy+che+bimatnhan+ky+luat", "/search?q=-quy",
             "/search?q=&since=03/02/2026",
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
MAY = {"archivist", "council_member", "archive_centre", "auditor"}


def make(root: Path, *, secrets: bool) -> None:
    archive = opening.make_archive(root, {"agency": {"code": "H99", "name": "Sở Nội vụ tỉnh Mẫu"}})
    store_documents(archive, OPEN, code=FILE)
    if secrets:
        store_documents(archive, SECRET, code=OTHER)
        store_documents(archive, UNDECIDED, code=CLOSED_BOX)
    with opening.ownership(archive):
        index_documents(archive)
    archive.close()


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Served, Served]]:
    folder = tmp_path_factory.mktemp("rights")
    made = []
    for name, secrets in (("with", True), ("without", False)):
        make(folder / name, secrets=secrets)
        made.append((folder / name, add_people(folder / name)))
    with serving(made[0][0]) as first, serving(made[1][0]) as second:
        yield Served(first, *made[0]), Served(second, *made[1])


def read(client: httpx.Client, address: str) -> str:
    """A page as a person reads it, the marks of words that were found left out."""
    return re.sub(r"</?mark>", "", client.get(address).text)


def plain(answer: httpx.Response, site: Served) -> str:
    """An answer without what differs between any two servers or moments."""
    text = re.sub(r'value="[0-9a-f]{64}"', 'value="TOKEN"', answer.text.replace(site.url, "URL"))
    return f"{answer.status_code} " + re.sub(r"\d\d:\d\d:\d\d \d\d/\d\d/\d{4}", "TIME", text)


@pytest.mark.parametrize("role", ["reader", "administrator"])
def test_who_may_not_know_gets_the_same_bytes_as_if_the_secrets_did_not_exist(two: tuple[Served, Served],
                                                                              role: str) -> None:
    with two[0].client(role) as first, two[1].client(role) as second:
        for address in ADDRESSES:
            if role == "administrator" and address == "/":
                continue            # the totals of the archive are this role's business
            assert plain(first.get(address), two[0]) == plain(second.get(address), two[1]), address


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
