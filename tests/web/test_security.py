"""What stands before the pages: log-in, tokens, origins, hosts, sizes, headers, our failures, a busy archive."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner

from archive import acts, opening, settings
from archive.opening import Archive
from ingest.stages.index import index_documents
from tests.stored_documents import store_documents
from tests.web.conftest import PASSWORD, Served, add_people, form_token, serving
from web import sessions, totp
from web.commands import serve
from web.security import HEADERS, local_path

FILE = "H99.2026.01.VP"


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A served archive of two documents."""
    root = tmp_path_factory.mktemp("small") / "kho"
    archive = opening.make_archive(root, {"agency": {"code": "H99", "name": "Sở Nội vụ tỉnh Mẫu"}})
    store_documents(archive, [{"subject": "Quy chế <script>alert(1)</script>", "mode": "01", "codeNumber": "1",
                               "issuedDate": "01/02/2026"}, {"subject": "Kết luận", "mode": "02"}], code=FILE)
    with opening.ownership(archive):
        index_documents(archive)
    archive.close()
    names = add_people(root)
    with serving(root) as url:
        yield Served(url, root, names)




def test_every_page_but_the_log_in_asks_who_is_there(small: Served) -> None:
    from web.pages import OPEN, ROUTERS

    told = {route.path for router in ROUTERS for route in router.routes}  # type: ignore[attr-defined]
    free = {route.path for router in OPEN for route in router.routes}  # type: ignore[attr-defined]
    assert free == {"/login", "/login/code", "/login/oidc", "/login/oidc/back", "/logout", "/link/{token}",
                    "/language/{language}"}
    with small.client() as client:
        for path in sorted(told):
            address = path.replace("{code}", f"{FILE}.0000001").replace("{number}", "0").replace("{name}", "reader")
            answer = client.get(re.sub(r"\{\w+(:\w+)?\}", "1", address))
            assert (answer.status_code, answer.headers.get("location", "/login")[:6]) in (
                (303, "/login"), (405, "/login")), path


def test_every_answer_carries_the_headers_and_nothing_restricted_is_cached(small: Served) -> None:
    with small.client("archivist") as client:
        for address in ("/", "/search?q=quy", f"/documents/{FILE}.0000001", "/nowhere", "/login",
                        f"/documents/{FILE}.0000001/files/0"):
            answer = client.get(address)
            for name, value in HEADERS.items():
                if name != "content-security-policy" or "/files/" not in address:
                    # The page of a document shows its file in a frame of its own.
                    assert answer.headers[name].removesuffix("; frame-src 'self'") == value, (address, name)
        policy = client.get("/").headers["content-security-policy"]
        assert "unsafe" not in policy
        assert "server" not in client.get("/").headers or "uvicorn" in client.get("/").headers["server"]
    with small.client() as client:
        sheet = re.search(r'href="(/static/luutru\.css\?\w+)"', client.get("/login").text)
        assert sheet
        assert "immutable" in client.get(sheet[1]).headers["cache-control"]


def test_no_page_has_anything_inline_and_what_people_wrote_is_text(small: Served) -> None:
    with small.client("archivist") as client:
        for address in ("/", "/search?q=quy+che", f"/documents/{FILE}.0000001", f"/casefiles/{FILE}",
                        "/search?q=%3Cscript%3Ealert(2)%3C/script%3E"):
            text = client.get(address).text
            assert not re.search(r"<script(?![^>]+src=)|<style|\sstyle=|\son\w+=|javascript:", text), address


@pytest.mark.parametrize("token", ["", "0" * 64, "x"])
def test_a_form_without_the_token_of_this_browser_does_nothing(small: Served, token: str) -> None:
    with small.client("administrator") as client:
        answer = client.post("/accounts/reader/lock", data={"locked": "yes", "reason": "x", "form_token": token})
        assert answer.status_code == 403
        assert small.accounts.get("reader").locked is False  # type: ignore[union-attr]
        with small.client("auditor") as other:       # another browser's token is none of ours
            foreign = form_token(other.get("/account").text)
        answer = client.post("/accounts/reader/lock", data={"locked": "yes", "reason": "x", "form_token": foreign})
        assert answer.status_code == 403


@pytest.mark.parametrize("headers", [{"origin": "https://evil.example"}, {"origin": "null"},
                                     {"origin": "", "referer": "https://evil.example/x"}, {"origin": ""},
                                     {"sec-fetch-site": "cross-site"}])
def test_a_form_from_elsewhere_is_turned_away(small: Served, headers: dict[str, str]) -> None:
    with small.client("administrator") as client:
        token = form_token(client.get("/account").text)
        answer = client.post("/logout", data={"form_token": token}, headers=headers)
        assert (answer.status_code, answer.text) == (403, "403 Forbidden: origin")


def test_another_host_name_is_turned_away(small: Served) -> None:
    with small.client() as client:
        for host in ("evil.example", "127.0.0.1.evil.example", "", "localhost@evil"):
            assert client.get("/login", headers={"host": host}).status_code == 400


def test_what_is_too_large_is_turned_away_announced_or_not(small: Served) -> None:
    with small.client("archivist") as client:
        assert client.post("/logout", content=b"x" * 6_000_000).status_code == 413
        pieces = (b"&a=" + b"x" * 100_000 for _n in range(80))
        answer = client.post("/logout", content=pieces,
                             headers={"content-type": "application/x-www-form-urlencoded"})
        assert answer.status_code == 413


@pytest.mark.parametrize("path", ["/static/../accounts.db", "/static/%2e%2e/app.py", "/static/..%2f..%2fcli.py",
                                  "/documents/..%2f..%2faccounts.db", f"/documents/{FILE}.0000001/files/../../x",
                                  f"/documents/{FILE}.0000001/files/-1", f"/documents/{FILE}.0000001/files/99",
                                  f"/documents/{FILE}.0000001/files/0%00", "/casefiles/%00", "/search?q=%00%ff&page=-1",
                                  "/nights/..%2f..", "/search?q=a&since=" + "9" * 4000])
def test_no_path_leads_out_and_nothing_odd_is_our_failure(small: Served, path: str) -> None:
    with small.client("archivist") as client:
        answer = client.get(path)
        assert answer.status_code in (200, 307, 400, 404), path
        assert b"SQLite" not in answer.content


def test_a_failure_of_ours_tells_a_number_and_nothing_of_the_insides(
        small: Served, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    from web.pages import casefiles

    def fail(*_arguments: object) -> None:
        raise RuntimeError("sqlite:////srv/kho/catalogue.db is locked")

    monkeypatch.setattr(casefiles, "known_to", fail)
    with small.client("archivist") as client, caplog.at_level(logging.ERROR, "luutru.web"):
        answer = client.get("/casefiles")
    number = re.search(r"number: ([0-9a-f]{8})", answer.text)
    assert answer.status_code == 500
    assert number
    assert "catalogue" not in answer.text
    assert "Traceback" not in answer.text
    assert number[1] in caplog.text
    assert answer.headers["content-security-policy"] == HEADERS["content-security-policy"]


def test_the_session_changes_with_the_log_in_and_ends_with_the_log_out(small: Served) -> None:
    with small.client() as client:
        client.cookies.set("luutru", "chosen-by-an-attacker")
        assert small.log_in(client, "reader").status_code == 303
        own = [one for one in client.cookies.jar if one.name == "luutru"][-1]
        assert own.value != "chosen-by-an-attacker"
    with small.client("reader") as client, small.client("reader") as second:
        kept = dict(client.cookies)
        token = form_token(client.get("/account").text)
        assert client.post("/logout", data={"form_token": token, "everywhere": "yes"}).status_code == 303
        assert second.get("/account").status_code == 303
        with httpx.Client(base_url=small.url, cookies=kept, timeout=30) as stolen:
            assert stolen.get("/account").status_code == 303


def test_the_cookie_is_for_this_host_over_tls_alone(small: Served) -> None:
    with small.client() as client:
        said = small.log_in(client, "reader").headers["set-cookie"]
        assert "HttpOnly" in said
        assert "samesite=lax" in said.lower()
        shown = client.get("/login", headers={"x-forwarded-proto": "https"})
        token = form_token(shown.text)
        said = client.post("/login", data={"name": "reader", "password": PASSWORD, "form_token": token},
                           headers={"x-forwarded-proto": "https"}).headers["set-cookie"]
        assert "__Host-luutru=" in said
        assert "Secure" in said
        assert "strict-transport-security" in shown.headers


def test_what_was_written_is_kept_while_the_archive_is_being_written(small: Served, monkeypatch: pytest.MonkeyPatch,
                                                                     ) -> None:
    from web import site as site_module
    from web.pages import accounts

    monkeypatch.setattr(site_module, "PATIENCE", 0.1)

    def write(site: site_module.Site, code: str) -> str:
        with site.writing():
            return code

    monkeypatch.setattr(accounts, "_fonds", write)
    night: Archive = opening.open_archive(settings.load(small.root))
    with small.client("administrator") as client:
        token = form_token(client.get("/accounts").text)
        with opening.ownership(night):
            assert client.get("/search?q=quy").status_code == 200       # reading goes on
            acts_before = len(acts.waiting(night.settings))
            answer = client.post("/accounts", data={"form_token": token, "name": "moi.den", "roles": "reader",
                                                    "full_name": "Người mới “đến” " + "dài " * 20})
            assert len(acts.waiting(night.settings)) == acts_before
        assert answer.status_code == 503
        assert answer.headers["retry-after"]
        assert "Người mới “đến” dài dài" in answer.text
        kept = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', answer.text))
        full_name = re.search(r"<textarea[^>]*name=\"full_name\"[^>]*>\n(.*?)</textarea>", answer.text, re.DOTALL)
        assert full_name
        again = client.post("/accounts", data={**kept, "full_name": full_name[1]})
        assert again.status_code == 200
        assert "/link/" in again.text
    night.close()


def test_an_expired_session_keeps_what_was_written_but_no_password(small: Served) -> None:
    with small.client("administrator") as client:
        token = form_token(client.get("/accounts").text)
        with small.accounts.database() as database:
            database.execute("DELETE FROM session WHERE account = 'administrator'")
        answer = client.post("/accounts/reader/lock", data={"form_token": token, "reason": "nghỉ",
                                                            "password": "bí mật"})
        assert answer.status_code == 401
        assert "nghỉ" in answer.text
        assert "bí mật" not in answer.text


def test_the_second_factor_is_asked_for_and_a_code_counts_once(small: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = totp.new_secret()
    now = int(sessions.time.time()) // 30
    small.accounts.set_totp("auditor", secret, totp.code_at(secret, now - 1))
    with small.client() as client:
        assert small.log_in(client, "auditor").headers["location"] == "/login/code"
        assert client.get("/").status_code == 303            # the password alone opens nothing
        asked = form_token(client.get("/login/code").text)
        assert client.post("/login/code", data={"code": "000000x", "form_token": asked}).status_code == 401
        code = totp.code_at(secret, now)
        assert client.post("/login/code", data={"code": code, "form_token": asked}).headers["location"] == "/"
        assert client.get("/").status_code == 200
    with small.client() as client:
        small.log_in(client, "auditor")
        asked = form_token(client.get("/login/code").text)
        assert client.post("/login/code", data={"code": code, "form_token": asked}).status_code == 401
    small.accounts.set_totp("auditor", "", "")


@pytest.mark.parametrize(("wanted", "path"), [("/search?q=a", "/search?q=a"), ("//evil.example", "/"), ("/\\evil", "/"),
                                              ("https://evil.example", "/"), ("javascript:alert(1)", "/"), ("", "/"),
                                              ("/\nSet-Cookie: a=b", "/"), ("evil", "/"), ("/a\\b", "/")])
def test_after_the_log_in_nobody_is_led_elsewhere(wanted: str, path: str) -> None:
    assert local_path(wanted) == path


def test_only_administrators_see_accounts(small: Served) -> None:
    for role in ("archivist", "auditor", "reader", "records_officer", "council_member", "archive_centre"):
        with small.client(role) as client:
            assert client.get("/accounts").status_code == 403, role
            token = form_token(client.get("/account").text)
            answer = client.post("/accounts/reader/lock", data={"form_token": token, "locked": "yes", "reason": "x"})
            assert answer.status_code == 403


def test_two_languages_at_once_do_not_disturb_one_another(small: Served) -> None:
    from concurrent.futures import ThreadPoolExecutor

    def read(language: str) -> bool:
        with small.client("reader", language) as client:
            return all(f'<html lang="{language}">' in client.get("/account").text for _n in range(15))

    with ThreadPoolExecutor(6) as pool:
        assert all(pool.map(read, ["vi", "en"] * 3))


def test_the_command_says_what_is_missing_before_it_serves(tmp_path: Path, small: Served) -> None:
    done = CliRunner().invoke(serve.command, ["--dry-run"], obj=small.root)
    assert done.exit_code == 0
    assert CliRunner().invoke(serve.command, ["--dry-run"], obj=tmp_path / "nothing").exception is not None
