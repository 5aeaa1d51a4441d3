"""The archive for programs: tokens, scopes, the same rights as the pages, problems, pages of lists, tags."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner

from archive import acts, catalogue, clock, model, opening, settings
from archive.ledger import Entry
from ingest.stages.index import index_documents
from tests.stored_documents import store_documents
from tests.web.conftest import Served, add_people, form_token, serving
from web import tokens
from web.accounts import AccountError
from web.api import models
from web.commands import account as account_command
from web.commands import account_token
from web.pages.asking import CHOICES
from web.people import ROLES
from web.tokens import SCOPES, TokenError, Tokens

FILE, OTHER, FOREIGN, GONE = "H99.2026.01.VP", "H99.2026.02.VP", "H98.2026.01.VP", "H99.2001.09.VP"
BATCH = "2026-11-20.1"
OPEN = [{"subject": f"Quy chế văn thư số {n}", "codeNumber": str(n), "codeNotation": "QĐ-SNV", "mode": "01",
         "issuedDate": f"0{n}/02/2026", "organName": "Sở Nội vụ", "typeName": "Quyết định"} for n in range(1, 6)]
SECRET = {"subject": "Kỷ luật bà Nguyễn Bímậtnhân", "codeNumber": "77", "codeNotation": "KL-SNV", "mode": "02",
          "issuedDate": "03/02/2026", "organName": "Sở Nội vụ"}
MAY = {"archivist", "council_member", "archive_centre", "auditor"}


@pytest.fixture(scope="module")
def kho(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A served archive of two agencies, with what not everybody may know of, and a case file that was destroyed."""
    root = tmp_path_factory.mktemp("api") / "kho"
    archive = opening.make_archive(root, {"agency": {"code": "H99", "name": "Sở Nội vụ tỉnh Mẫu"}})
    now = clock.stamp(clock.now())
    with opening.ownership(archive):
        opening.open_fonds(archive, "H98", "Sở Khác")
        with archive.catalogue.session() as session:
            catalogue.record(session, archive.ledger, [Entry("destroyed", GONE, {
                "destruction": "HUY.2026.01", "decision": "12/QĐ-SNV", "documents": 3, "files": 3, "bytes": 9,
                "title": "Hồ sơ cũ", "digest": "0" * 64, "objects": [], "places": []}, "0" * 40, "lan.nt"),
                Entry("batch_started", BATCH, {"night": "2026-11-20", "started_at": now}, "1" * 40)])
            session.add(model.Batch(id=BATCH, night="2026-11-20", started_at=now, finished_at=now, summary={}))
            session.add(model.Batch(id="2026-11-19.1", night="2026-11-19", started_at=f"2001{now[4:]}", summary={}))
    store_documents(archive, OPEN, code=FILE)
    store_documents(archive, [SECRET], code=OTHER)
    store_documents(archive, [{**SECRET, "subject": "Chuyện riêng sở khác"}, OPEN[0]], code=FOREIGN)
    with opening.ownership(archive):
        index_documents(archive)
    archive.close()
    names = add_people(root)
    with serving(root) as url:
        yield Served(url, root, names)


def get(url: str, **more: Any) -> httpx.Response:
    """Ask once, without the certificates that a client of its own would read: they take longer than the answer."""
    return httpx.get(url, verify=False, timeout=30, **more)


def tokens_of(site: Served) -> Tokens:
    held = site.accounts
    return Tokens(held.settings, held)


def token(site: Served, name: str, *scopes: str, days: int = 30) -> str:
    held = tokens_of(site)
    for old in held.of(name):
        held.revoke(old.id, by="test")
    return held.make(name, "thử nghiệm", list(scopes or SCOPES), days=days, by="test")[0]


@contextmanager
def program(site: Served, shown: str, language: str = "en") -> Iterator[httpx.Client]:
    """A program: no origin, no cookies, a token."""
    with httpx.Client(verify=False, base_url=f"{site.url}/api/v1", timeout=30, headers={
            "accept-language": language, **({"authorization": f"Bearer {shown}"} if shown else {})}) as client:
        yield client


def endpoints(site: Served) -> list[str]:
    """Every address of the OpenAPI document, with something in its places."""
    told = get(f"{site.url}/api/v1/openapi.json").json()
    here = {"code": f"{FILE}.0000001", "number": "0", "batch": "2026-11-20.1"}
    found = []
    for path in told["paths"]:
        values = {**here, **({"code": FILE} if path.startswith("/casefiles") else {})}
        found.append(re.sub(r"\{(\w+)\}", lambda one, values=values: values[one[1]], path))  # type: ignore[misc]
    return found


def without_number(answer: httpx.Response) -> dict[str, Any]:
    told = answer.json()
    told.pop("instance", None)
    return dict(told)


# --- tokens ------------------------------------------------------------------------------------------------


def test_nothing_is_told_without_a_token_and_no_cookie_counts(kho: Served) -> None:
    with program(kho, "") as nobody, kho.client("archivist") as browser:
        for path in endpoints(kho):
            for client, address in ((nobody, path), (browser, f"/api/v1{path}"),
                                    (nobody, f"{path}?access_token={token(kho, 'reader')}")):
                answer = client.get(address)
                assert answer.status_code == 401, address
                assert answer.headers["content-type"] == "application/problem+json"
                assert answer.headers["www-authenticate"].startswith('Bearer realm="luutru"')
                assert answer.json()["type"] == "urn:luutru:problem:unauthenticated"


@pytest.mark.parametrize("header", ["Bearer", "Bearer x", "Bearer luutru_.", "Basic YTpi", "luutru_1.2",
                                    "Bearer luutru_" + "a" * 5000, "Bearer luutru_%00.x", "Bearer ' OR 1=1 --"])
def test_a_header_that_is_no_token_opens_nothing_and_breaks_nothing(kho: Served, header: str) -> None:
    answer = get(f"{kho.url}/api/v1/me", headers={"authorization": header})
    assert answer.status_code == 401


def test_two_tokens_in_one_request_are_none(kho: Served) -> None:
    shown = token(kho, "reader")
    answer = get(f"{kho.url}/api/v1/me", headers=[("authorization", f"Bearer {shown}"),
                                                       ("authorization", f"Bearer {shown}")])
    assert answer.status_code == 401


def test_a_token_is_for_what_its_scopes_name_alone(kho: Served) -> None:
    told = get(f"{kho.url}/api/v1/openapi.json").json()["paths"]
    for scope in SCOPES:
        with program(kho, token(kho, "archivist", scope)) as client:
            for path, address in zip(told, endpoints(kho), strict=True):
                needed = told[path]["get"].get("x-luutru-scope", scope)
                answer = client.get(address)
                if needed == scope:
                    assert answer.status_code in (200, 404), (scope, address)
                else:
                    assert (answer.status_code, answer.json()["scope"]) == (403, needed), (scope, address)
                    assert f'error="insufficient_scope", scope="{needed}"' in answer.headers["www-authenticate"]


def test_a_token_ends_at_once_when_it_is_ended_or_its_account_locked_and_when_its_time_is_over(kho: Served) -> None:
    held, shown = tokens_of(kho), token(kho, "reader")
    (known,) = held.of("reader")
    with program(kho, shown) as client:
        assert client.get("/me").json()["token"] == known.id
        kho.accounts.lock("reader", locked=True, by="test")
        assert client.get("/me").status_code == 401
        kho.accounts.lock("reader", locked=False, by="test")
        assert client.get("/me").status_code == 200
        with kho.accounts.database() as database:
            database.execute("UPDATE token SET until = ? WHERE id = ?", (clock.stamp(clock.now()), known.id))
        late = client.get("/me")
        assert (late.status_code, late.json()["type"]) == (401, "urn:luutru:problem:invalid_token")
        assert "time" in late.json()["detail"]
        held.revoke(known.id, by="test")
        assert client.get("/me").status_code == 401
    with pytest.raises(AccountError):
        held.revoke(known.id, by="test")


def test_other_roles_count_at_once_and_a_new_password_ends_the_tokens(kho: Served) -> None:
    with program(kho, token(kho, "archivist")) as client:
        assert client.get(f"/documents/{OTHER}.0000001").status_code == 200
        kho.accounts.set_roles("archivist", ["reader"], by="test")
        assert client.get(f"/documents/{OTHER}.0000001").status_code == 404
        kho.accounts.set_roles("archivist", ["archivist"], by="test")
        assert client.get(f"/documents/{OTHER}.0000001").status_code == 200
    with program(kho, token(kho, "reader")) as client:
        kho.accounts.change_password("reader", "mùa thu Hà Nội 1954")
        assert client.get("/me").status_code == 401


def test_of_a_token_only_its_hash_is_kept_and_neither_log_nor_ledger_ever_sees_it(
        kho: Served, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    from web.api import searching

    shown = token(kho, "reader")
    secret = shown.partition(".")[2]

    def fail(*_arguments: object) -> None:
        raise RuntimeError("sqlite:////srv/kho/catalogue.db is locked")

    monkeypatch.setattr(searching, "not_yet_indexed", fail)
    with program(kho, shown) as client, caplog.at_level(logging.DEBUG):
        answer = client.get("/search?q=quy", headers={"x-request-id": "so-7"})
    assert (answer.status_code, answer.json()["instance"]) == (500, "urn:luutru:request:so-7")
    assert "so-7" in caplog.text
    assert "catalogue" not in answer.text
    kept = b"".join(path.read_bytes() for path in kho.root.glob("*.db*")) + b"".join(
        path.read_bytes() for path in kho.root.glob("acts*"))
    assert secret not in caplog.text
    assert secret.encode() not in kept
    assert tokens.hashed(shown).encode() in kept


def test_a_wrong_secret_costs_the_same_whether_or_not_the_token_exists(kho: Served,
                                                                       monkeypatch: pytest.MonkeyPatch) -> None:
    held, shown = tokens_of(kho), token(kho, "reader")
    compared: list[tuple[str, str]] = []
    real = tokens.hmac.compare_digest

    def compare(one: str, other: str) -> bool:
        compared.append((one, other))
        return real(one, other)

    monkeypatch.setattr(tokens.hmac, "compare_digest", compare)
    for wrong in (shown[:-1] + ("a" if shown[-1] != "a" else "b"), "luutru_000000000000." + "x" * 43):
        with pytest.raises(TokenError):
            held.person(wrong)
    assert [len(one) for pair in compared for one in pair] == [64, 64, 64, 64]


@pytest.mark.parametrize(("title", "scopes", "days"), [("", ["records"], 30), ("x" * 101, ["records"], 30),
                                                       ("a\x00b", ["records"], 30), ("ok", [], 30), ("ok", ["all"], 30),
                                                       ("ok", ["records"], 0), ("ok", ["records"], 367)])
def test_a_token_that_cannot_be_is_not_made(kho: Served, title: str, scopes: list[str], days: int) -> None:
    with pytest.raises(AccountError):
        tokens_of(kho).make("reader", title, scopes, days=days, by="test")


def test_a_machine_has_no_password_and_is_never_an_administrator(kho: Served) -> None:
    kho.accounts.add_machine("may.qlvb", "Phần mềm quản lý văn bản", ["records_officer"], fonds="H99", by="test")
    assert kho.accounts.get("may.qlvb").machine  # type: ignore[union-attr]
    for wrong in (lambda: kho.accounts.add_machine("may.hai", "Máy", ["administrator"], by="test"),
                  lambda: kho.accounts.set_roles("may.qlvb", ["administrator"], by="test"),
                  lambda: kho.accounts.reset("may.qlvb", by="test")):
        with pytest.raises(AccountError):
            wrong()
    with kho.client() as browser:
        assert kho.log_in(browser, "may.qlvb", "").status_code == 401
    with program(kho, token(kho, "may.qlvb")) as client:
        told = client.get("/me").json()
    assert (told["account"], told["agency"], told["roles"]) == ("may.qlvb", "H99", ["records_officer"])


def test_accounts_of_earlier_versions_are_taken_over(tmp_path: Path) -> None:
    import sqlite3

    from web.accounts import Accounts

    archive = opening.make_archive(tmp_path / "kho", {})
    archive.close()
    with sqlite3.connect(tmp_path / "kho" / "accounts.db") as old:
        old.execute("CREATE TABLE account (name TEXT PRIMARY KEY, full_name TEXT NOT NULL, fonds TEXT NOT NULL DEFAULT "
                    "'', password TEXT NOT NULL DEFAULT '', totp TEXT NOT NULL DEFAULT '', totp_step INTEGER NOT NULL "
                    "DEFAULT 0, locked INTEGER NOT NULL DEFAULT 0, made_at TEXT NOT NULL)")
        old.execute("INSERT INTO account (name, full_name, made_at) VALUES ('lan.nt', 'Lan', '2026-01-01')")
    for _again in range(2):
        found = Accounts(settings.load(tmp_path / "kho")).get("lan.nt")
        assert found is not None
        assert found.machine is False


def test_tokens_are_made_at_the_machine_too(kho: Served) -> None:
    assert account_token.SCOPES == SCOPES
    assert account_token.USUAL_DAYS == tokens.USUAL_DAYS

    def run(*arguments: str) -> Any:
        done = CliRunner().invoke(account_command.command, ["token", *arguments, "--json"], obj=kho.root)
        assert done.exit_code == 0, done.output
        return json.loads(done.stdout)

    made = run("add", "auditor", "--title", "Đồng bộ", "--scope", "records", "--days", "7")
    with program(kho, made["token"]) as client:
        assert client.get("/me").json()["scopes"] == ["records"]
    assert [one["id"] for one in run("list", "auditor")] == [made["id"]]
    assert "token" not in run("list")[0]
    assert run("revoke", made["id"])["account"] == "auditor"
    assert run("list", "auditor") == []
    noted = [one["kind"] for one in acts.waiting(settings.load(kho.root), subject="auditor")]
    assert noted[-2:] == ["token_made", "token_revoked"]


# --- rights ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ROLES)
def test_a_program_gets_what_its_account_gets_at_the_pages_and_nothing_else(kho: Served, role: str) -> None:
    with program(kho, token(kho, kho.names[role])) as client, kho.client(role) as browser:
        for path in (f"/documents/{FILE}.0000001", f"/documents/{OTHER}.0000001", f"/documents/{FOREIGN}.0000001",
                     f"/casefiles/{FILE}", f"/casefiles/{OTHER}", f"/casefiles/{FOREIGN}", f"/documents/{GONE}.0000001",
                     f"/casefiles/{GONE}"):
            assert client.get(path).status_code == browser.get(path).status_code, path
        for q in ("", "bimatnhan", "77/KL-SNV", "quy che"):
            total = client.get("/search", params={"q": q}).json()["total"]
            found = re.search(r"<h1>(\d+) documents?</h1>", browser.get("/search", params={"q": q}).text)
            assert found, q
            assert int(found[1]) == total, q
        secret = f"/documents/{OTHER}.0000001"
        for part in ("", "/text", "/history", "/signatures", "/files/0"):
            assert client.get(secret + part).status_code == (200 if role in MAY else 404), part


def test_the_token_of_one_agency_finds_no_trace_of_what_another_keeps_to_itself(kho: Served) -> None:
    kho.accounts.set_roles("archive-centre", ["archivist"], fonds="H99", by="test")
    hidden, never = f"{FOREIGN}.0000001", f"{FOREIGN}.0009999"
    with program(kho, token(kho, "archive-centre")) as client:
        for part in ("", "/text", "/history", "/signatures", "/files/0"):
            answers = [client.get(f"/documents/{code}{part}") for code in (hidden, never)]
            assert [one.status_code for one in answers] == [404, 404]
            assert without_number(answers[0]) == without_number(answers[1])
        for word in ("Chuyện riêng", hidden, "chuyen rieng so khac"):
            found = client.get("/search", params={"q": word, "facets": "fonds,access"})
            assert hidden not in [one["code"] for one in found.json()["hits"]], word
            assert "Chuyện riêng sở" not in found.text
        contents = client.get(f"/casefiles/{FOREIGN}/documents").json()
        assert (contents["total"], [one["code"] for one in contents["documents"]]) == (1, [f"{FOREIGN}.0000002"])
        assert client.get(f"/casefiles/{FOREIGN}").json()["documents"] == 1
        assert {one["fonds"] for one in client.get("/retention/due").json()["case_files"]} <= {"H99"}
        assert client.get("/deadlines", params={"fonds": "H98"}).status_code == 404
        assert client.get(f"/documents/{OTHER}.0000001").status_code == 200
    kho.accounts.set_roles("archive-centre", ["archive_centre"], fonds="", by="test")


@pytest.mark.parametrize("role", ROLES)
def test_reports_and_periods_are_for_the_roles_that_see_their_pages(kho: Served, role: str) -> None:
    with program(kho, token(kho, kho.names[role])) as client, kho.client(role) as browser:
        assert client.get("/deadlines").status_code == browser.get("/deadlines").status_code
        assert client.get("/retention/due").status_code == browser.get("/retention").status_code
        figures = {"administrator", "archivist", "archive_centre", "auditor"}
        assert client.get("/nights").status_code == (200 if role in figures else 403)


def test_the_night_is_told_with_names_only_to_who_may_see_them(kho: Served) -> None:
    with program(kho, token(kho, "auditor")) as client:
        brief, older = client.get("/nights").json()["nights"]
        first = client.get("/nights?limit=1").json()
        assert first["nights"] == [brief]
        rest = client.get(first["next"].removeprefix("/api/v1")).json()
        assert (rest["nights"], rest["next"]) == ([older], None)
        full = client.get(f"/nights/{brief['batch']}").json()
        due = client.get("/deadlines", params={"within": 365}).json()
    with program(kho, token(kho, "administrator")) as client:
        figures = client.get(f"/nights/{brief['batch']}").json()
        assert client.get("/nights/never").status_code == 404
    models.NightReport.model_validate(full)
    models.Deadlines.model_validate(due)
    assert full["names"] is True
    assert full["report"]["items"]
    assert figures["names"] is False
    assert set(figures["report"]) == {"counts", "totals", "promises"}
    assert figures["report"]["counts"] == full["report"]["counts"]


def test_what_was_destroyed_is_told_to_who_could_know_of_it_and_to_nobody_else(kho: Served) -> None:
    for role in ROLES:
        with program(kho, token(kho, kho.names[role]), "vi") as client, kho.client(role) as browser:
            for path in (f"/documents/{GONE}.0000002", f"/casefiles/{GONE}"):
                answer, shown = client.get(path), browser.get(path)
                assert answer.status_code == shown.status_code == (410 if role in MAY else 404), (role, path)
                if role in MAY:
                    assert answer.json()["type"] == "urn:luutru:problem:destroyed"
                    for said in (answer.json()["detail"], shown.text):
                        assert "12/QĐ-SNV" in said
                else:
                    assert "12/QĐ-SNV" not in answer.text + shown.text


def test_looks_and_downloads_are_noted_with_the_token(kho: Served) -> None:
    before = len(acts.waiting(settings.load(kho.root)))
    shown = token(kho, "council-member")
    (known,) = tokens_of(kho).of("council-member")
    with program(kho, shown) as client:
        client.get(f"/documents/{FILE}.0000001")
        client.get(f"/documents/{OTHER}.0000001/text")
        client.get(f"/documents/{FILE}.0000001/files/0")
    noted = [(one["kind"], one["subject"], one["actor"], one["data"].get("token"), one["data"].get("part"))
             for one in acts.waiting(settings.load(kho.root))[before:] if one["kind"] in ("viewed", "downloaded")]
    assert noted == [("viewed", f"{OTHER}.0000001", "council-member", known.id, "text"),
                     ("downloaded", f"{FILE}.0000001", "council-member", known.id, None)]


# --- answers -----------------------------------------------------------------------------------------------


def test_each_answer_is_what_the_document_says(kho: Served) -> None:
    code = f"{FILE}.0000002"
    with program(kho, token(kho, "archivist")) as client:
        document = models.Document.model_validate(client.get(f"/documents/{code}").json())
        assert (document.subject, document.number, document.access) == ("Quy chế văn thư số 2", "2/QĐ-SNV", "open")
        assert client.get(f"/documents/{code}/text").json()["characters"] == 0
        models.Signatures.model_validate(client.get(f"/documents/{code}/signatures").json())
        models.History.model_validate(client.get(f"/documents/{code}/history").json())
        original = client.get(document.files[0].href.removeprefix("/api/v1"))
        assert original.content.decode() == f"Nội dung của {code}"
        assert original.headers["content-type"] == "application/octet-stream"
        assert original.headers["content-disposition"].startswith("attachment")
        assert "sandbox" in original.headers["content-security-policy"]
        found = models.Search.model_validate(client.get("/search", params={
            "q": "quy chế", "facets": "year,fonds", "in_fonds": "H99"}).json())
        assert found.total == 5
        assert (found.facets["year"][0].value, found.facets["year"][0].count) == ("2026", 5)
        assert {one.value: one.count for one in found.facets["fonds"]} == {"H99": 5, "H98": 1}
        case_file = models.CaseFile.model_validate(client.get(f"/casefiles/{FILE}").json())
        assert case_file.documents == 5
        models.Due.model_validate(client.get("/retention/due").json())


def test_pages_of_lists_repeat_nothing_and_leave_nothing_out_while_others_come_in(tmp_path: Path) -> None:
    root = tmp_path / "kho"
    archive = opening.make_archive(root, {"agency": {"code": "H99", "name": "Sở Nội vụ tỉnh Mẫu"}})
    for n in (1, 3, 5, 7):
        store_documents(archive, [OPEN[0], OPEN[1]], code=f"H99.2026.0{n}.VP")
    names = add_people(root)
    with serving(root) as url:
        site = Served(url, root, names)
        with program(site, token(site, "reader")) as client:
            seen: list[str] = []
            address: str | None = "/casefiles?limit=1&year=2026"
            while address:
                answer = client.get(address).json()
                seen += [one["code"] for one in answer["case_files"]]
                address = answer["next"] and answer["next"].removeprefix("/api/v1")
                if len(seen) == 2:      # one comes in before, one after the place that was reached
                    store_documents(archive, [OPEN[2]], code="H99.2026.02.VP")
                    store_documents(archive, [OPEN[2]], code="H99.2026.06.VP")
            assert seen == [f"H99.2026.0{n}.VP" for n in (1, 3, 5, 6, 7)]
            first = client.get("/casefiles/H99.2026.01.VP/documents?limit=1").json()
            second = client.get(first["next"].removeprefix("/api/v1")).json()
            assert [one["ordinal"] for one in (*first["documents"], *second["documents"])] == [1, 2]
            assert second["next"] is None
    archive.close()


def test_the_hits_of_a_search_follow_one_another(kho: Served) -> None:
    with program(kho, token(kho, "archivist")) as client:
        seen: list[str] = []
        address: str | None = "/search?q=quy+ch%E1%BA%BF&limit=2&order=newest"
        while address:
            answer = client.get(address).json()
            seen += [one["code"] for one in answer["hits"]]
            address = answer["next"] and answer["next"].removeprefix("/api/v1")
    assert len(seen) == len(set(seen)) == 6


@pytest.mark.parametrize("query", ["cursor=x", "cursor=W10", "cursor=%00", "cursor=WyJhIl0", "limit=0", "limit=1000",
                                   "limit=a", "since=h%C3%B4m+qua", "order=worst", "facets=secrets",
                                   "q=" + "a" * 2000, "cursor=Wy0xXQ"])
def test_a_request_that_makes_no_sense_is_a_problem_and_no_failure(kho: Served, query: str) -> None:
    with program(kho, token(kho, "reader")) as client:
        answer = client.get(f"/search?{query}")
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["type"] == "urn:luutru:problem:wrong_request"
    assert answer.json()["parameters"]


@pytest.mark.parametrize(("accepts", "language"), [("vi", "vi"), ("en-US,en;q=0.9", "en"), ("fr, vi;q=0.8, en;q=0.2",
                                                   "vi"), ("", "vi"), ("*", "vi"), ("en;q=x", "vi")])
def test_problems_are_told_in_the_language_that_is_accepted(kho: Served, accepts: str, language: str) -> None:
    answer = get(f"{kho.url}/api/v1/me", headers={"accept-language": accepts})
    assert answer.headers["content-language"] == language
    assert {"Authorization", "Accept-Language"} <= {one.strip() for one in answer.headers["vary"].split(",")}


def test_every_answer_has_a_number_of_its_own_and_a_program_cannot_write_headers_with_it(kho: Served) -> None:
    for given in ("so-7", "a b", "<script>", "x" * 65, "đ"):
        answer = get(f"{kho.url}/api/v1/me", headers={"x-request-id": given.encode()})
        number = answer.headers["x-request-id"]
        assert (number == given) == (given == "so-7")
        assert answer.json()["instance"] == f"urn:luutru:request:{number}"


def test_the_name_of_a_file_that_came_from_outside_writes_no_headers(kho: Served,
                                                                      monkeypatch: pytest.MonkeyPatch) -> None:
    from web.api import documents

    real = documents._record

    def named(*arguments: Any) -> Any:
        record = real(*arguments)
        return {**record, "files": [{**record["files"][0], "name": 'x/../a"\r\nSet-Cookie: a=b\r\n\r\n<b>đ.pdf'}]}

    monkeypatch.setattr(documents, "_record", named)
    with program(kho, token(kho, "reader")) as client:
        answer = client.get(f"/documents/{FILE}.0000001/files/0")
    assert answer.status_code == 200
    assert "set-cookie" not in answer.headers
    assert re.fullmatch(r"attachment; filename\*=utf-8''[\w%.~-]+", answer.headers["content-disposition"])


def test_what_a_program_has_is_not_sent_again(kho: Served) -> None:
    with program(kho, token(kho, "reader")) as client:
        for path in (f"/documents/{FILE}.0000001", f"/documents/{FILE}.0000001/files/0", "/casefiles", "/openapi.json"):
            first = client.get(path)
            again = client.get(path, headers={"if-none-match": f'"x", {first.headers["etag"]}'})
            assert (again.status_code, again.content) == (304, b""), path
            assert client.get(path, headers={"if-none-match": '"x"'}).status_code == 200
        assert "no-cache" in client.get("/casefiles").headers["cache-control"]


def test_nothing_can_be_written_and_nothing_odd_is_our_failure(kho: Served) -> None:
    with program(kho, token(kho, "reader")) as client:
        for method in ("POST", "PUT", "DELETE", "PATCH"):
            answer = client.request(method, "/casefiles")
            assert (answer.status_code, answer.json()["type"]) == (405, "urn:luutru:problem:wrong_method"), method
        for path in ("/", "/nowhere", "/documents/..%2f..%2faccounts.db", f"/documents/{FILE}.0000001/files/99",
                     f"/documents/{FILE}.0000001/files/-1", "/casefiles/%00", "/documents/%F0%9F%98%80"):
            answer = client.get(path)
            assert answer.status_code in (400, 404), path
            assert answer.headers["content-type"] == "application/problem+json", path
        assert client.get("/me", headers={"x-long": "x" * 40_000}).status_code == 431
        assert client.post("/casefiles", content=b"x" * 6_000_000).status_code in (405, 413)


def test_the_openapi_document_tells_every_endpoint_with_examples_to_anybody(kho: Served) -> None:
    told = get(f"{kho.url}/api/v1/openapi.json").json()
    assert told["openapi"].startswith("3.")
    assert told["servers"] == [{"url": "/api/v1"}]
    assert {"/search", "/documents/{code}", "/documents/{code}/files/{number}", "/casefiles", "/nights", "/deadlines",
            "/retention/due"} <= set(told["paths"])
    for path, methods in told["paths"].items():
        (one,) = methods.values()
        assert one["summary"], path
        assert one["security"] == [{"token": []}], path
        assert "application/problem+json" in one["responses"]["401"]["content"], path
    facets = next(one for one in told["paths"]["/search"]["get"]["parameters"] if one["name"] == "facets")
    assert all(one in facets["description"] for one in CHOICES)
    for name, schema in told["components"]["schemas"].items():
        for key, field in schema["properties"].items():
            assert "examples" in field or "$ref" in json.dumps(field) or field.get("type") == "object", (name, key)


def test_the_page_for_people_lists_every_endpoint(kho: Served) -> None:
    told = get(f"{kho.url}/api/v1/openapi.json").json()
    with kho.client("reader") as browser:
        text = browser.get("/api/v1").text
    for path in told["paths"]:
        assert f"GET /api/v1{path}" in text
    assert not re.search(r"https?://(?!127\.0\.0\.1)", text)


def test_programs_can_be_turned_away_altogether(tmp_path: Path) -> None:
    root = tmp_path / "kho"
    opening.make_archive(root, {"web": {"api": False}}).close()
    names = add_people(root)
    with serving(root) as url:
        assert get(f"{url}/api/v1/openapi.json").status_code == 404
        with Served(url, root, names).client("reader") as browser:
            assert browser.get("/api/v1").status_code == 404


# --- tokens at the pages -----------------------------------------------------------------------------------


def test_a_person_makes_and_ends_own_tokens_with_the_password(kho: Served) -> None:
    asked = {"title": "Excel của tôi", "days": "10", "scopes": "records"}
    for old in tokens_of(kho).of("records-officer"):
        tokens_of(kho).revoke(old.id, by="test")
    with kho.client("records_officer") as browser:
        def send(path: str, **data: str) -> httpx.Response:
            return browser.post(path, data={**data, "form_token": form_token(browser.get("/account").text)})

        assert send("/account/tokens", **asked, password="sai").status_code == 400
        assert send("/account/tokens", **{**asked, "days": "9999"}, password="mùa thu Hà Nội 1954").status_code == 400
        shown = re.search(r'value="(luutru_[^"]+)"', send("/account/tokens", **asked,
                                                          password="mùa thu Hà Nội 1954").text)
        assert shown
        assert shown[1] not in browser.get("/account").text
        with program(kho, shown[1]) as client:
            assert client.get("/me").json()["account"] == "records-officer"
            (known,) = tokens_of(kho).of("records-officer")
            with kho.client("reader") as other:      # nobody else's are one's own
                answer = other.post(f"/account/tokens/{known.id}/end", data={
                    "form_token": form_token(other.get("/account").text)})
                assert answer.status_code == 400
            assert client.get("/me").status_code == 200
            assert send(f"/account/tokens/{known.id}/end").status_code == 303
            assert client.get("/me").status_code == 401


def test_an_administrator_makes_tokens_for_machines_only_and_ends_anybodys(kho: Served) -> None:
    with kho.client("administrator") as browser:
        def send(path: str, **data: Any) -> httpx.Response:
            return browser.post(path, data={**data, "form_token": form_token(browser.get("/account").text)})

        made = send("/accounts", name="may.ba", full_name="Máy ba", roles="reader", machine="yes")
        assert made.headers["location"] == "/accounts/may.ba"
        asked = {"title": "Đồng bộ", "days": "10", "scopes": ["records", "files"]}
        assert "luutru_" in send("/accounts/may.ba/tokens", **asked).text
        assert send("/accounts/auditor/tokens", **asked).status_code == 400
        token(kho, "auditor")
        (known,) = tokens_of(kho).of("auditor")
        assert send(f"/accounts/auditor/tokens/{known.id}/end").status_code == 303
        assert tokens_of(kho).of("auditor") == []
