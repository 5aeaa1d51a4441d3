"""Administration at the portal: settings, trust lists, the audit log, requests for use."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page

from archive import acts, clock, opening, settings
from archive.settings import Settings
from archive.settings_file import as_toml
from ingest.stages.index import index_documents
from retention.reading import asking, keeping
from tests.conftest import ROOT
from tests.stored_documents import store_documents
from tests.web.conftest import (
    Served,
    add_people,
    assert_accessible,
    browse_as,
    form_token,
    serving,
    shot,
)
from web import effective, ledger_view

FILE, OTHER, FOREIGN = "H99.2026.01.VP", "H99.2026.02.VP", "H98.2026.01.VP"
OPEN = {"subject": "Quy chế văn thư", "codeNumber": "1", "mode": "01", "issuedDate": "01/02/2026"}
SECRET = {"subject": "Kỷ luật bà Bímậtnhân", "codeNumber": "77", "mode": "02", "issuedDate": "03/02/2026"}


@pytest.fixture(scope="module")
def kho(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A served archive of two agencies with a trusted certificate, requests for use, and an auditor of one agency."""
    from ingest.signatures import register

    root = tmp_path_factory.mktemp("administration") / "kho"
    archive = opening.make_archive(root, {
        "agency": {"code": "H99", "name": "Sở Nội vụ tỉnh Mẫu"},
        "evidence": {"tsa": ["http://lan:matkhau@tsa.example/tsa"]},
        "ingest": {"virus_scanner": ["clamdscan", "--password=matkhau"]}})
    with opening.ownership(archive):
        opening.open_fonds(archive, "H98", "Sở Khác")
    store_documents(archive, [OPEN], code=FILE)
    store_documents(archive, [SECRET], code=OTHER)
    store_documents(archive, [{**SECRET, "subject": "Chuyện riêng sở khác"}, OPEN], code=FOREIGN)
    place = root / "ca.pem"
    place.write_bytes(certificate())
    with opening.ownership(archive):
        index_documents(archive)
        register.add(archive, [place], "CA thử nghiệm", "signatures", "Trần Văn Xét", "đối chiếu trên trang của CA",
                     "lan.nt")
        for code, name, account in ((f"{FILE}.0000001", "Phạm Văn Đọc", "reader"),
                                    (f"{OTHER}.0000001", "Lê Thị Khảo", ""), (f"{FOREIGN}.0000001", "Vũ Văn Xa", "")):
            made, found = asking.ask(archive, "reading", [code], asking.Reader(
                name, "012345678901", "0900 000 000", account=account), asking.Purpose("Nghiên cứu lịch sử"),
                by="lan.nt", at=clock.now())
            assert made is not None, found
    archive.close()
    names = add_people(root)
    with serving(root) as url:
        site = Served(url, root, names)
        site.accounts.set_roles("council-member", ["auditor"], fonds="H99", by="test")
        yield site


def certificate() -> bytes:
    """An authority's own certificate, PEM."""
    from datetime import UTC, datetime

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "CA <b>thử</b> nghiệm G1")])
    made = (x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
            .serial_number(7).not_valid_before(datetime(2024, 1, 1, tzinfo=UTC))
            .not_valid_after(datetime(2034, 1, 1, tzinfo=UTC))
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(x509.KeyUsage(False, False, False, False, False, True, True, False, False), critical=True)
            .sign(key, hashes.SHA256()))
    return made.public_bytes(serialization.Encoding.PEM)


PAGES = {"/settings": {"administrator", "auditor"}, "/trust": {"administrator", "archivist", "auditor"},
         "/audit": {"archivist", "auditor"}, "/administration": {"administrator", "archivist", "auditor"}}


@pytest.mark.parametrize("role", ["administrator", "archivist", "records_officer", "archive_centre", "auditor",
                                  "reader"])
def test_each_page_is_for_the_roles_that_the_table_names(kho: Served, role: str) -> None:
    with kho.client(role) as client:
        menu = client.get("/account").text
        for path, roles in PAGES.items():
            assert client.get(path).status_code == (403 if role not in roles else 303 if path == "/administration"
                                                    else 200), path
        assert ('href="/administration"' in menu) == (role in PAGES["/administration"])
        token = form_token(menu)
        assert client.post("/audit/check", data={"form_token": token}).status_code == (
            200 if role in PAGES["/audit"] else 403)


# --- settings ----------------------------------------------------------------------------------------------


def test_settings_say_where_they_come_from_and_show_nothing_that_opens_anything(kho: Served) -> None:
    with kho.client("administrator") as client:
        text = client.get("/settings").text
        own = client.get("/settings?changed=1").text
    assert "matkhau" not in text
    assert "tsa.example/tsa" in text
    assert text.count("•••") >= 2
    for section in Settings.model_fields.values():
        default = section.get_default(call_default_factory=True)
        for key in getattr(type(default), "model_fields", {}):
            assert f".{key}</strong>" in text, key
    assert "agency.name" in own
    assert "web.idle_minutes" not in own


@pytest.mark.parametrize(("value", "shown"), [
    ("postgresql://luutru:b%C3%AD@db/kho", "postgresql://•••@db/kho"), ("https://tsa.example/x", "https://tsa.example/x"),
    ("postgresql://db/kho?password=abc&x=1", "postgresql://db/kho?password=•••&x=1"), (["a", "--pin=1234"],
                                                                                      '["a", "--pin=•••"]'),
    (Path("/srv/kho"), "/srv/kho"), (True, "true"), ({"đĩa": 3}, '{"đĩa": 3}')])
def test_a_value_is_shown_without_what_it_may_carry(value: object, shown: str) -> None:
    assert effective.shown(value) == shown


def test_the_source_of_a_setting_is_told_truly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opening.make_archive(tmp_path / "kho", {"web": {"idle_minutes": 10.0}}).close()
    monkeypatch.setenv("LUUTRU_WEB__SESSION_HOURS", "4")
    monkeypatch.setenv("LUUTRU_RETENTION", '{"deadline_days": 7}')
    sources = effective.sources_of(tmp_path / "kho")
    held = settings.load(tmp_path / "kho")
    told = {one.name: (one.value, one.source) for part in effective.effective(held, sources) for one in part.settings}
    assert told["web.idle_minutes"] == ("10.0", "file")
    assert told["web.session_hours"] == ("4.0", "environment")
    assert told["retention.deadline_days"] == ("7", "environment")
    assert told["web.max_form_mb"] == ("5.0", "default")
    assert not effective.changed(held, sources)
    place = tmp_path / "kho" / "luutru.toml"
    place.write_text(place.read_text() + "\n# anders\n")
    assert effective.changed(held, sources)


def test_every_setting_has_its_meaning_in_vietnamese() -> None:
    told = tomllib.loads((ROOT / "archive" / "settings_vi.toml").read_text(encoding="utf-8"))
    for name, field in Settings.model_fields.items():
        default = field.get_default(call_default_factory=True)
        keys = getattr(type(default), "model_fields", None)
        if keys is None:
            assert told.get(name), name
            continue
        assert set(told[name]) == {"_", *keys}, name


def test_the_settings_file_of_a_new_archive_says_each_meaning_in_both_languages_and_reads_as_it_was(
        tmp_path: Path) -> None:
    chosen = Settings(root=tmp_path, web={"port": 9000}, agency={"code": "H01", "name": "Sở “A” \\ B"})
    text = as_toml(chosen)
    lines = text.splitlines()
    at = lines.index("port = 9000")
    assert lines[at - 2:at] == ["# cổng mạng (số) ở địa chỉ đó", "# the port there"]
    assert lines[lines.index("[web]") - 1].startswith("# The portal (luutru serve)")
    assert lines[lines.index("[web]") - 2].startswith("# Cổng thông tin")
    (tmp_path / "luutru.toml").write_text(text)
    assert settings.load(tmp_path).model_dump() == chosen.model_dump()


# --- trust -------------------------------------------------------------------------------------------------


def test_the_trust_lists_show_who_confirmed_what_and_every_change(kho: Served) -> None:
    with kho.client("auditor") as client:
        text = client.get("/trust").text
        sha256 = re.search(r'href="/trust/([0-9a-f]{64})"', text)
        assert sha256
        one = client.get(f"/trust/{sha256[1]}").text
        for wrong in ("0" * 64, "x", sha256[1].upper()):
            assert client.get(f"/trust/{wrong}").status_code == 404
    assert "CA &lt;b&gt;thử&lt;/b&gt; nghiệm G1" in text
    assert "Trần Văn Xét" in text
    assert "đối chiếu trên trang của CA" in one
    assert "lan.nt" in one
    assert sha256[1][:2].upper() + ":" in one


def test_a_certificate_that_somebody_only_put_there_is_called_so(kho: Served) -> None:
    folder = kho.root / "trust" / "Ai đó"
    folder.mkdir(parents=True)
    (folder / "lạ.pem").write_bytes(certificate())
    with kho.client("auditor") as client:
        assert "not confirmed" in client.get("/trust").text
    for file in folder.iterdir():
        file.unlink()
    folder.rmdir()


# --- the audit log -----------------------------------------------------------------------------------------


def test_the_log_is_sifted_by_day_kind_subject_and_actor_and_goes_page_by_page(kho: Served) -> None:
    with kho.client("auditor") as client:
        def found(query: str) -> list[int]:
            text = client.get(f"/audit?{query}").text
            return [int(one) for one in re.findall(r'<span class="code">#(\d+)</span>', text)]

        every = found("")
        assert every == sorted(every, reverse=True)
        assert found("kind=trust_added") and set(found("kind=trust_added")) < set(every)
        assert found(f"subject={FILE}.0000001") == []
        assert found("actor=lan.nt")
        today = f"{clock.in_vietnam(clock.now()):%d/%m/%Y}"
        assert set(found(f"day={today}")) == set(every)
        assert found("day=01/01/2001") == []
        assert client.get("/audit?day=31/02/2026").status_code == 400
        assert client.get("/audit?before=-1").status_code == 400
        assert found(f"before={every[2]}")[:1] == [every[2] - 1]
        assert found("kind=%27%20OR%201=1") == []
        assert "&lt;script&gt;" in client.get("/audit?actor=%3Cscript%3E").text


def test_every_kind_of_event_has_a_name_in_both_languages() -> None:
    text = (ROOT / "docs" / "format.md").read_text(encoding="utf-8")
    table = text[text.index("### Events"):text.index("## Intake")]
    told = {kind for line in table.splitlines() if line.startswith("| `")
            for kind in re.findall(r"`(\w+)`", line.split("|")[1])}
    assert told - set(ledger_view.kinds()) == set()
    for kind, one in ledger_view.kinds().items():
        assert one["about"] in ("record", "item", "account", "actor", "system", "many"), kind
        assert one["vi"] and one["en"], kind


def test_an_auditor_of_one_agency_learns_nothing_of_what_another_keeps_to_itself(kho: Served) -> None:
    with kho.client("auditor") as whole, kho.client("archivist") as looks:
        looks.get(f"/documents/{FOREIGN}.0000001")
        looks.get(f"/documents/{OTHER}.0000001")
        archive = opening.open_archive(settings.load(kho.root))
        with opening.ownership(archive):
            acts.take_in(archive)
        archive.close()
        assert f'href="/documents/{FOREIGN}.0000001"' in whole.get("/audit?kind=viewed").text
        assert 'href="/readings/YC.' in whole.get("/audit?kind=reading_asked").text
    with kho.client("council_member") as limited:
        seen = limited.get("/audit?kind=viewed").text
        assert f"{OTHER}.0000001" in seen
        assert f"{FOREIGN}.0000001" not in seen
        for query in ("", f"subject={FOREIGN}.0000001", "kind=stored", "kind=reading_asked", "kind=account_made"):
            text = re.sub(r'value="[^"]*"', "", limited.get(f"/audit?{query}").text.partition("<main")[2])
            for secret in (f"{FOREIGN}.0000001", "Chuyện riêng", "Vũ Văn Xa", "Nguyễn Thị Reader"):
                assert secret not in text, (query, secret)


def test_a_line_that_was_changed_is_seen_on_the_page_and_by_the_walk(kho: Served, tmp_path: Path) -> None:
    import shutil
    import sqlite3

    root = Path(shutil.copytree(kho.root, tmp_path / "kho"))
    with serving(root) as url:
        site = Served(url, root, kho.names)
        with site.client("auditor") as client:
            token = form_token(client.get("/account").text)
            whole = client.post("/audit/check", data={"form_token": token}).text
            assert "each of" in whole
            assert 'class="broken"' not in whole
            with sqlite3.connect(root / "catalogue.db") as catalogue:
                catalogue.execute("UPDATE event SET actor = 'kẻ khác' WHERE kind = 'trust_added'")
            assert 'class="broken"' in client.get("/audit?kind=trust_added").text
            (file,) = (root / "store" / "ledger").glob("*.jsonl")
            lines = file.read_bytes().splitlines(keepends=True)
            told = json.loads(lines[2])
            lines[2] = json.dumps({**told, "actor": "kẻ khác"}, ensure_ascii=False, sort_keys=True,
                                  separators=(",", ":")).encode() + b"\n"
            file.write_bytes(b"".join(lines))
            assert "faults: 1" in client.post("/audit/check", data={"form_token": token}).text


# --- requests for use --------------------------------------------------------------------------------------


def test_requests_are_seen_by_who_decides_who_watches_and_who_asked(kho: Served) -> None:
    expected = {"archivist": 3, "auditor": 3, "council_member": 2, "reader": 1, "administrator": 0,
                "records_officer": 0}
    for role, count in expected.items():
        with kho.client(role) as client:
            text = client.get("/readings").text
            codes = set(re.findall(r"YC\.2026\.\d{4}", text)) or set(re.findall(r"YC\.\d{4}\.\d{4}", text))
            assert len(codes) == count, role
    with kho.client("council_member") as limited:
        assert "Vũ Văn Xa" not in limited.get("/readings").text


def request_of(kho: Served, name: str) -> str:
    from archive import model

    archive = opening.open_archive(settings.load(kho.root))
    with archive.catalogue.session() as session:
        found = next(one.code for one in session.query(model.Reading) if one.record["reader"] == name)
    archive.close()
    return str(found)


def test_the_number_of_an_identity_paper_is_for_who_decides_and_that_look_is_noted(kho: Served) -> None:
    code = request_of(kho, "Lê Thị Khảo")
    with kho.client("auditor") as client:
        text = client.get(f"/readings/{code}").text
        assert "Lê Thị Khảo" in text
        assert "012345678901" not in text
    assert acts.waiting(settings.load(kho.root), "viewed", code) == []
    with kho.client("archivist") as client:
        assert "012345678901" in client.get(f"/readings/{code}").text
    assert acts.waiting(settings.load(kho.root), "viewed", code)
    with kho.client("reader") as client:
        assert client.get(f"/readings/{code}").status_code == 404
        token = form_token(client.get("/account").text)
        assert client.post(f"/readings/{code}/grant", data={"form_token": token}).status_code == 404


def test_a_request_is_granted_or_refused_with_a_reason_by_who_decides_alone(kho: Served) -> None:
    mine, other = request_of(kho, "Phạm Văn Đọc"), request_of(kho, "Vũ Văn Xa")
    for role, status in (("auditor", 403), ("reader", 403), ("administrator", 404)):
        with kho.client(role) as client:
            token = form_token(client.get("/account").text)
            assert client.post(f"/readings/{mine}/grant", data={"form_token": token}).status_code == status, role
    with kho.client("archivist") as client:
        token = form_token(client.get("/account").text)

        def send(path: str, **data: str) -> int:
            return client.post(path, data={"form_token": token, **data}).status_code

        assert send(f"/readings/{mine}/burn") == 403
        assert send(f"/readings/{mine}/grant", days="x") == 400
        assert send(f"/readings/{mine}/grant", days="5", document=f"{OTHER}.0000001") == 400
        assert send(f"/readings/{mine}/grant", days="5") == 303
        assert send(f"/readings/{mine}/grant", days="5") == 409
        assert send(f"/readings/{other}/grant") == 409          # used under conditions: an opinion first
        assert send(f"/readings/{other}/refuse", reason=" ") == 409
        assert send(f"/readings/{other}/refuse", reason="Chưa có căn cứ") == 303
    archive = opening.open_archive(settings.load(kho.root))
    assert keeping.read(archive.store, mine).state == "granted"
    refused = keeping.read(archive.store, other)
    assert (refused.state, refused.acts[-1]["by"], refused.acts[-1]["reason"]) == (
        "refused", "archivist", "Chưa có căn cứ")
    archive.close()
    with kho.client("reader") as client:
        assert "Reason" not in client.get(f"/readings/{mine}").text


# --- how it looks ------------------------------------------------------------------------------------------


def test_who_decides_does_so_with_the_keyboard_and_makes_a_machine_a_token(kho: Served, browser_page: Page) -> None:
    code = request_of(kho, "Lê Thị Khảo")
    browse_as(browser_page, kho, "archivist")
    browser_page.goto(f"{kho.url}/readings/{code}")
    assert_accessible(browser_page)
    shot(browser_page, "reading-decide")
    browser_page.locator("summary", has_text=re.compile("Từ chối|Refuse")).click()
    browser_page.fill("#refusal", "Tài liệu đang được tu bổ")
    browser_page.locator("form[action$='/refuse'] button").click()
    browser_page.wait_for_url(f"{kho.url}/readings/{code}")
    assert "tu bổ" in browser_page.content()
    browser_page.context.clear_cookies()
    browse_as(browser_page, kho, "administrator")
    kho.accounts.add_machine("may.bon", "Phần mềm một cửa", ["reader"], by="test")
    browser_page.goto(f"{kho.url}/accounts/may.bon")
    assert_accessible(browser_page)
    browser_page.locator("details.new summary").click()
    browser_page.fill("#token-title", "Một cửa")
    browser_page.check("input[value=records]")
    browser_page.locator("details.new button").click()
    assert browser_page.locator(".done input").input_value().startswith("luutru_")
    assert_accessible(browser_page)
    shot(browser_page, "machine-token")
