"""Nothing that is said aloud has a secret of the settings in it, and no log names a person or what a document is about.

Every secret is planted, everything is made to fail, and then it is looked for: in what commands print, in errors and
tracebacks, in the technical log, in every file of the archive.
"""

from __future__ import annotations

import base64
import json
import logging
import re
import shutil
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
import structlog
from click.testing import CliRunner
from sqlalchemy import select

import cli
from archive import doctor, hiding, model, opening, settings
from archive.doctor import secrets as doctor_secrets
from archive.errors import SettingsError
from archive.opening import Archive
from archive.settings import Settings
from archive.settings_file import as_toml
from archive.terminal import log_to
from ingest import worker
from ingest.item import Context, Examined, Item
from ingest.plain_logs import anonymous
from tests.conftest import ROOT
from web.counting import path_for_log

SECRETS = [(section, field) for section, told in Settings.model_validate({})
           for field in getattr(type(told), "model_fields", {}) if field.endswith(("secret_env", "secret_file"))]
# Settings whose names sound like a secret and that were looked at: places, labels and addresses.
NO_SECRETS = {"seal.pkcs11_key", "seal.pkcs11_token", "lgsp.token_address", "lgsp.token_header", "web.token_days",
              "service.token_minutes", "service.gateway_keys", "signatures.trust", "backup.keep_months",
              "service.keep_free_gb", "fixity.repair"}
NOWHERE = "http://127.0.0.1:1"
SERVED = {"oidc": {"issuer": NOWHERE, "client_id": "luutru"}, "telemetry": {"collector": NOWHERE, "seconds": 0.5},
          "edxml": {"address": f"{NOWHERE}/api", "source": "axis", "send": "axis", "attempts": 1, "seconds": 0.5},
          "lgsp": {"address": f"{NOWHERE}/lgsp/v1", "client_id": "luutru", "service_id": "luutru", "attempts": 1,
                   "seconds": 0.5},
          "seal": {"pkcs12": "khoa.p12", "nightly": "scans"},
          "workers": {"broker": "redis://luutru@127.0.0.1:1/0", "patience_seconds": 0.0}}
COMMANDS = ["doctor", "doctor --json", "doctor --quiet", "metrics", "nightly --json", "report", "serve --dry-run",
            "worker run --dry-run", "worker status", "worker status --json", "beat --once", "edxml fetch --json",
            "edxml send --json", "seal --pending --dry-run", "seal --pending", "backup run --json", "trust list",
            "incident open Thử --where Phòng --found 2026-11-21T23:10 --json", "incident list --json",
            "ledger verify --json", "evidence list --json", "fixity status --json", "search thử --json",
            "account list --json", "client list --json"]


def planted(section: str, field: str) -> str:
    return f"Bí/mật+{section}.{field}"


def forms(secret: str) -> Iterator[str]:
    """How a secret may look in what is said: plain, in an address, in JSON, in a header."""
    yield from {secret, quote(secret, safe=""), json.dumps(secret)[1:-1], repr(secret)[1:-1]}
    for user in ("", "luutru:"):
        for shift in range(3):      # base64 of it wherever it begins
            encoded = base64.b64encode((" " * shift + user + secret).encode()).decode()
            yield encoded[4 if shift else 0:-4]


def found_in(text: str, secrets: Iterable[str]) -> list[str]:
    return [secret for secret in secrets if any(form in text for form in forms(secret))]


def said(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, root: Path, line: str) -> str:
    """What a command prints, errors and tracebacks included, as a person in front of the terminal reads it."""
    monkeypatch.setattr(sys, "argv", ["luutru", "--root", str(root), *line.split()])
    with pytest.raises(SystemExit):
        cli.main()
    told = capfd.readouterr()
    return told.out + told.err


@pytest.fixture
def kept(archive: Archive) -> Iterator[Archive]:
    """An archive whose every service is named and away."""
    root = archive.settings.root
    (root / "khoa.p12").write_bytes(b"\x30\x82not a key")
    text = (root / "luutru.toml").read_text(encoding="utf-8")
    for section, told in SERVED.items():
        lines = "".join(f"{key} = {json.dumps(value)}\n" for key, value in told.items())
        text = text.replace(f"\n[{section}]\n", f"\n[{section}]\n{lines}")
    (root / "luutru.toml").write_text(text, encoding="utf-8")
    yield archive
    hiding._known.clear()


def test_every_setting_that_sounds_like_a_secret_is_one_of_those_that_are_planted() -> None:
    assert {("seal", "secret_env"), ("oidc", "secret_file"), ("lgsp", "service_secret_env"), ("edxml", "secret_env"),
            ("workers", "secret_file"), ("telemetry", "secret_env")} <= set(SECRETS)
    sounds = {f"{section}.{field}" for section, told in Settings.model_validate({})
              for field in getattr(type(told), "model_fields", {})
              if re.search(r"secret|pass|pin|token|key|credential", field)}
    assert sounds - NO_SECRETS == {f"{section}.{field}" for section, field in SECRETS}


@pytest.mark.parametrize("by", ["variables", "files"])
def test_no_command_says_a_secret_and_no_file_of_the_archive_gets_one(
        by: str, kept: Archive, tmp_path: Path, capfd: pytest.CaptureFixture[str],
        monkeypatch: pytest.MonkeyPatch) -> None:
    root, there = kept.settings.root, settings.load(kept.settings.root)
    (tmp_path / "secrets").mkdir()
    for section, field in SECRETS:
        if by == "variables" and field.endswith("_env"):
            monkeypatch.setenv(getattr(getattr(there, section), field), planted(section, field))
        elif by == "files" and field.endswith("_file"):
            place = tmp_path / "secrets" / f"{section}.{field}"
            place.write_text(planted(section, field) + "\n", encoding="utf-8")
            place.chmod(0o600)
            monkeypatch.setenv(f"LUUTRU_{section.upper()}__{field.upper()}", str(place))
    secrets = [planted(*one) for one in SECRETS if one[1].endswith(by[:-1].replace("variable", "env"))]
    assert hiding.secrets_of(settings.load(root)) == set(secrets), "each is known to the last net"
    # The net is taken away: who holds a secret must keep it without.
    monkeypatch.setattr(hiding, "secrets_of", lambda _settings: set())
    ran = 0
    for line in COMMANDS:
        told = said(capfd, monkeypatch, root, line)
        assert found_in(told, secrets) == [], line
        assert "Traceback" not in told, f"{line}\n{told}"
        ran += "Usage:" not in told and "Cách dùng" not in told
    assert ran == len(COMMANDS)
    for path in root.rglob("*"):
        if path.is_file():
            assert found_in(path.read_bytes().decode(errors="replace"), secrets) == [], path


def test_the_password_of_a_database_that_is_away_is_said_nowhere(
        archive: Archive, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    secret = "bí-mật-của-cơ-sở"
    monkeypatch.setenv("LUUTRU_DATABASE", f"postgresql+psycopg2://luutru:{quote(secret)}@127.0.0.1:1/kho")
    monkeypatch.setenv("LUUTRU_WORKERS__BROKER", "redis://127.0.0.1:1/0")
    monkeypatch.setenv("LUUTRU_WORKERS__PATIENCE_SECONDS", "0")      # a database that is away is waited for
    for line in ("doctor", "doctor --json", "nightly", "nightly --json", "metrics", "report", "serve --dry-run",
                 "worker", "worker status", "beat --once", "incident list", "rebuild --yes", "backup run"):
        told = said(capfd, monkeypatch, archive.settings.root, line)
        assert "127.0.0.1" in told or "DOCTOR-019" in told, f"{line}: {told}"
        assert found_in(told, [secret]) == [], line
        assert "Traceback" not in told, f"{line}\n{told}"


@pytest.mark.parametrize("address", [
    "postgresql+psycopg2://luutru:mùa@thu/Hà:Nội@db/kho", "postgresql+psycopg2://luutru:mùa/thu@db/kho",
    "postgresql+psycopg2://luutru:mùa#thu@db/kho", "postgresql+psycopg2://luutru:mùa thu@db/kho"])
@pytest.mark.parametrize("setting", ["LUUTRU_DATABASE", "LUUTRU_WORKERS__BROKER"])
def test_an_address_whose_password_would_be_taken_for_its_host_is_refused_without_being_repeated(
        setting: str, address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(setting, address)
    with pytest.raises(SettingsError) as refused:
        settings.load(tmp_path)
    told = str(refused.value)
    assert setting.removeprefix("LUUTRU_").lower().replace("__", ".") in told and "%40" in told
    assert not {"mùa", "thu", "Nội"} & set(re.findall(r"\w+", told))
    monkeypatch.setenv(setting, "postgresql+psycopg2://luutru:m%40a%2Fthu@db/kho?application_name=kho")
    settings.load(tmp_path)


def test_a_variable_that_cannot_be_read_is_named_and_not_repeated(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LUUTRU_BACKUP__TARGETS", '{"nas": bí-mật')
    with pytest.raises(SettingsError) as refused:
        settings.load(tmp_path)
    assert "backup" in str(refused.value) and "bí-mật" not in str(refused.value)


def test_a_password_of_the_environment_is_not_written_into_a_new_archives_settings() -> None:
    made = Settings.model_validate({"database": "postgresql+psycopg2://luutru:bí-mật@db/kho",
                                    "workers": {"broker": "redis://:bí-mật@db/0"}})
    told = as_toml(made)
    assert "bí-mật" not in told
    # What is left of the address is written: without the variable the program must not fall back on another database.
    assert 'database = "postgresql+psycopg2://luutru@db/kho"' in told and '@db/0"' in told
    without = Settings.model_validate({"database": "postgresql+psycopg2://luutru@db/kho"})
    assert 'database = "postgresql+psycopg2://luutru@db/kho"' in as_toml(without)


# --- the last net -----------------------------------------------------------------------------------------------


@pytest.fixture
def net(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    """Settings with a password in an address, a PIN of digits and a token in a file, remembered."""
    (tmp_path / "token").write_text("mã-truy-cập\n", encoding="utf-8")
    monkeypatch.setenv("LUUTRU_SEAL_PIN", "123456")
    made = settings.load(tmp_path, database="postgresql+psycopg2://luutru:m%C3%B9a%40thu@db/kho",
                         telemetry={"secret_file": "token"})
    hiding.remember(made)
    yield made
    hiding._known.clear()


def test_what_a_library_says_is_said_without_secrets(net: Settings) -> None:
    assert hiding.hidden("no host mùa@thu for m%C3%B9a%40thu") == "no host … for …"
    assert hiding.hidden("PIN 123456 is wrong, mã-truy-cập too") == "PIN … is wrong, … too"
    # What only looks like a PIN is left: times, hashes, sizes.
    assert hiding.hidden("0.1234567 s, 7123456, ab123456") == "0.1234567 s, 7123456, ab123456"


def test_a_traceback_in_the_log_has_no_secret_and_the_ids_of_batch_and_item(net: Settings) -> None:
    log = structlog.get_logger()
    with log_to(net.root / "log"):
        structlog.contextvars.bind_contextvars(batch="2026-11-20.1")
        try:
            raise ValueError("invalid literal for int() with base 10: 'mùa@thu'")
        except ValueError:
            log.exception("stage failed", item="a" * 16, note="mã-truy-cập")
    with log_to(net.root / "log"):
        log.error("another night")
    first, second = map(json.loads, (net.root / "log" / "luutru.jsonl").read_text(encoding="utf-8").splitlines())
    assert first["batch"] == "2026-11-20.1" and first["item"] == "a" * 16 and "batch" not in second
    assert "'…'" in first["exception"] and first["note"] == "…" and "mùa" not in str(first)


def test_the_portals_errors_and_a_fault_of_ours_have_no_secret(
        net: Settings, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    record = logging.LogRecord("luutru.web", logging.ERROR, __file__, 1, "%s %r", ("GET", "/search"), (
        ValueError, ValueError("host mùa@thu"), None))
    assert hiding.Hiding().format(record) == "GET '/search'\nValueError: host …"
    own = logging.Formatter("%(levelname)s %(message)s")
    assert hiding.Hiding(own).format(record).startswith("ERROR GET")

    def fails(*_arguments: object, **_more: object) -> None:
        raise RuntimeError("mã-truy-cập")

    monkeypatch.setattr(cli.luutru, "main", fails)
    with pytest.raises(SystemExit) as ended:
        cli.main()
    told = capfd.readouterr().err
    assert ended.value.code == 1 and "Traceback" in told and "RuntimeError: …" in told
    assert "mã-truy-cập" not in told


def test_the_server_puts_the_net_under_what_it_writes(net: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    assert logging.lastResort is not None
    monkeypatch.setattr(logging.lastResort, "formatter", None)
    hiding.hide_in_errors(net)
    assert isinstance(logging.lastResort.formatter, hiding.Hiding)


# --- the doctor -------------------------------------------------------------------------------------------------


def test_the_doctor_tells_of_secrets_that_others_read_that_are_gone_or_stand_in_the_settings(
        archive: Archive, tmp_path: Path) -> None:
    root = archive.settings.root
    assert list(doctor_secrets.kept(archive.settings)) == []
    (tmp_path / "broker").write_text("bí-mật\n")
    (tmp_path / "broker").chmod(0o644)
    told = settings.load(root, workers={"secret_file": str(tmp_path / "broker"), "broker": "redis://:bí-mật@db/0"},
                         edxml={"secret_file": str(tmp_path / "gone")})
    (root / "luutru.toml").write_text('[workers]\nbroker = "redis://:bí-mật@db/0"\n')
    found = {one.code: one for one in doctor_secrets.kept(told)}
    assert set(found) == {"DOCTOR-011", "DOCTOR-072", "DOCTOR-073"}
    assert (found["DOCTOR-073"].subject, found["DOCTOR-011"].subject) == ("edxml.secret_file", str(tmp_path / "broker"))
    assert "bí-mật" not in str([one.as_dict() for one in found.values()])
    # An address without a password is what the settings file is for.
    plain = "postgresql+psycopg2://luutru@db/kho"
    (root / "luutru.toml").write_text(f'database = "{plain}"\n')
    assert list(doctor_secrets.kept(settings.load(root))) == []


def test_every_secret_file_is_looked_at_by_the_doctor(tmp_path: Path) -> None:
    told = settings.load(tmp_path, **{section: {field: "x"} for section, field in SECRETS if field.endswith("_file")
                                      and field == "secret_file"})
    assert {name for name, _place in doctor_secrets.named(told)} == {
        f"{section}.secret_file" for section, field in SECRETS if field == "secret_file"}
    assert doctor.__name__ == "archive.doctor"


# --- persons ----------------------------------------------------------------------------------------------------

NAME = "van-ban-den/Quyết định nghỉ hưu ông Trần Văn Bình.txt"
FIELDS = {"subject": "V/v nghỉ hưu đối với ông Trần Văn Bình", "signer": "Nguyễn Thị Lưu", "email": "binh@snv.gov.vn"}


def test_a_night_in_which_an_item_fails_logs_its_ids_and_nobodys_name(
        archive: Archive, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    place = archive.settings.root / "inbox" / NAME
    place.parent.mkdir()
    place.write_text("Nội dung", encoding="utf-8")
    seen: list[str] = []

    def here(items: Iterable[Item], _context: Context, _only: str = "") -> Iterator[Examined]:
        for item in items:
            item.fields = dict(FIELDS)
            seen.append(item.id)
            yield Examined(item, [], error=f"Traceback\n  File \"x.py\"\nValueError: {item.name}: "
                                           f"{FIELDS['subject']!r} <{FIELDS['email']}> by {FIELDS['signer']}\n")

    monkeypatch.setattr(worker, "examine_here", here)
    done = CliRunner().invoke(cli.luutru, ["--root", str(archive.settings.root), "nightly", "--json"])
    assert done.exit_code in (0, 1, 3), done.output
    (line,) = [json.loads(one) for one in (archive.settings.root / "log" / "luutru.jsonl").read_text().splitlines()
               if "stage failed" in one]
    assert line["item"] in seen and line["batch"] == json.loads(done.stdout)["batch"]
    assert "ValueError" in line["error"]
    for word in ("Bình", "nghỉ hưu", "Lưu", "@snv"):
        assert word not in json.dumps(line, ensure_ascii=False), word


def test_what_is_known_of_an_item_is_taken_out_of_a_traceback_and_nothing_else(tmp_path: Path) -> None:
    item = Item("a" * 16, "inbox", NAME, tmp_path, [], opening.clock.now(), dict(FIELDS), {
        "registry": {"note": "chữ ký\tlạ"}, "check": {"format": "docx"}})
    odd = item.facts["registry"]["note"]
    told = anonymous(f"KeyError: {NAME} {odd!r} {FIELDS['signer']} docx in stage check", item)
    assert told == "KeyError: … '…' … docx in stage check"


def test_after_the_sample_night_neither_log_nor_figures_nor_doctor_name_anybody(
        sample_night: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str],
        monkeypatch: pytest.MonkeyPatch) -> None:
    root = Path(shutil.copytree(sample_night, tmp_path / "kho"))
    archive = opening.open_archive(settings.load(root))
    with archive.catalogue.session() as session:
        subjects = set(session.scalars(select(model.Document.subject)))
        names = {Path(name).stem for name in session.scalars(select(model.Item.name))}
        signers = set(session.scalars(select(model.Signature.signer)))
    archive.close()
    private = {one for one in subjects | names | signers if len(one) > 8}
    assert len(private) > 40
    log = root / "log" / "luutru.jsonl"
    told = {"metrics": said(capfd, monkeypatch, root, "metrics"), "doctor": said(capfd, monkeypatch, root, "doctor"),
            "doctor --json": said(capfd, monkeypatch, root, "doctor --json"),
            "log": log.read_text(encoding="utf-8") if log.exists() else ""}
    for where, text in told.items():
        assert [one for one in private if one in text or json.dumps(one)[1:-1] in text] == [], where
        assert not re.findall(r"[\w.]+@[\w.]+\.vn", text), where
    assert "luutru_records" in told["metrics"]


def test_a_path_in_the_portals_log_has_no_account_and_no_link() -> None:
    assert path_for_log({"path": "/link/AbC", "path_params": {"token": "AbC"}}) == "/link/…"
    assert path_for_log({"path": "/people/tran.binh/lock", "path_params": {"name": "tran.binh"}}) == "/people/…/lock"
    assert path_for_log({"path": "/documents/H99.2026.1", "path_params": {"code": "H99.2026.1"}}) == \
        "/documents/H99.2026.1"


# --- what is installed ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lock", ["requirements.lock", "tests/second_opinion/requirements.txt"])
def test_every_package_is_locked_to_one_version_and_its_bytes(lock: str) -> None:
    entries = re.sub(r"\\\n", " ", (ROOT / lock).read_text(encoding="utf-8")).strip().splitlines()
    assert len(entries) > 5
    for entry in entries:
        assert re.fullmatch(r"[A-Za-z0-9._-]+==[^\s;]+( ; [^-]+?)?(\s+--hash=sha256:[0-9a-f]{64})+\s*", entry), entry
