"""`luutru signature verify` and the night give one and the same answer, file by file, whatever a file does to them."""

from __future__ import annotations

import io
import json
import os
import shutil
import signal
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from asn1crypto import crl as asn1_crl
from click.testing import CliRunner
from cryptography.hazmat.primitives import serialization
from rich.console import Console

from archive import clock, terminal
from archive.findings import Level
from archive.opening import Archive
from archive.settings import Settings, SignatureSettings
from ingest import nightly
from ingest import signatures as sig
from ingest.commands import signature as signature_command
from ingest.commands.signature import _moment, command
from ingest.item import Context, Item, Part
from ingest.signatures import files, isolated
from ingest.signatures.policy import policy_version
from ingest.stages import verify as stage
from ingest.stages.examine import examine
from tests.test_signatures import (
    CA,
    PERSON,
    PLAIN,
    RECEIVED,
    ROOT,
    blank_pdf,
    both,
    certificate,
    revocation_list,
    sign,
)

CHANGED = sign(PLAIN).replace(b"185.400.000", b"485.400.000")


@pytest.fixture(scope="module")
def trust(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One list, "cong-vu": root, sub-CA and their revocation lists."""
    folder = tmp_path_factory.mktemp("trust") / "cong-vu"
    folder.mkdir()
    for holder in (ROOT, CA):
        (folder / f"{holder.serial}.pem").write_bytes(certificate(holder).public_bytes(serialization.Encoding.PEM))
        (folder / f"{holder.serial}.crl").write_bytes(revocation_list(holder, {}, RECEIVED))
    return folder.parent


@pytest.fixture(scope="module")
def papers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of files as people have them."""
    folder = tmp_path_factory.mktemp("văn bản đến")
    for name, data in (("Quyết định số 1.pdf", both()), ("sửa đổi.pdf", CHANGED), ("tron.pdf", PLAIN),
                       ("hỏng.pdf", PLAIN[:-200]), ("trang.txt", "không phải PDF".encode())):
        (folder / name).write_bytes(data)
    (folder / "thư mục").mkdir()
    return folder


def run(*arguments: object, root: Path | None = None) -> tuple[int, str]:
    done = CliRunner().invoke(command, ["verify", *map(str, arguments)], obj=root)
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.exit_code, done.stdout


def judged(*arguments: object, root: Path | None = None) -> tuple[int, list[dict[str, Any]]]:
    code, text = run(*arguments, "--json", root=root)
    told: list[dict[str, Any]] = json.loads(text)
    return code, told


@pytest.fixture
def in_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """The command without its worker processes, where they are not what is tested."""
    def verify(paths: list[Path], folder: Path | None, received_at: datetime, *_rest: object,
               ) -> list[sig.DocumentSignatures]:
        return [files.verify_named(path, sig.load_trust(folder), received_at, isolated.shown_name(path))
                for path in paths]

    monkeypatch.setattr(isolated, "verify_files", verify)


# --- the report --------------------------------------------------------------------------------------------

def test_a_report_has_the_agreed_shape_and_keeps_certificates_and_revocation_lists(papers: Path, trust: Path) -> None:
    code, (told,) = judged(papers / "Quyết định số 1.pdf", "--trust", trust, "--at", RECEIVED.isoformat())
    assert code == 0 and told["verdict"] == "valid"
    assert list(told) == ["file", "verdict", "checked", "finders", "received_at", "trust", "policy", "signatures",
                          "notes", "certificates", "revocations"]
    assert list(told["signatures"][0]) == [
        "field", "kind", "subfilter", "byte_range", "verdict", "integrity", "changes", "identity", "trust_list",
        "revocation", "certificate", "token", "claimed_time", "time", "judged_at", "time_source", "judged_by",
        "covers_whole_file", "revision", "reasons", "shown"]
    assert told["finders"] == {"form": 2, "pages": 2, "bytes": 2} and told["policy"] == {"version": policy_version()}
    assert told["trust"]["lists"] == ["cong-vu"] and told["received_at"] == clock.stamp(RECEIVED)
    assert len(told["certificates"]) == 5       # two signers, the timestamp's server, sub-CA and root
    kept = told["revocations"].values()
    assert {(one["kind"], one["origin"], one["issuer"]) for one in kept} == {
        ("crl", "trust", CA.cn), ("crl", "trust", ROOT.cn)}
    for mark, one in told["revocations"].items():
        assert one["this_update"] < one["next_update"] and len(mark) == 64 and one["der"]


def test_of_a_revocation_list_that_the_store_holds_only_the_digest_is_said(papers: Path, trust: Path) -> None:
    result = files.verify_named(papers / "Quyết định số 1.pdf", sig.load_trust(trust), RECEIVED, "x")
    whole = result.as_dict()["revocations"]
    told = result.as_dict(set(whole))["revocations"]
    assert set(told) == set(whole) and {one["der"] for one in told.values()} == {""}
    assert "" not in {one["der"] for one in whole.values()}


def test_only_lists_that_the_issuer_signed_and_that_can_have_decided_are_kept(tmp_path: Path, trust: Path) -> None:
    folder = tmp_path / "trust"
    shutil.copytree(trust, folder)
    impostor = replace(CA, key="goc")       # the sub-CA's name, another's key
    older = [RECEIVED - timedelta(days=days) for days in (40, 80, 120)]
    (folder / "cong-vu" / "false.crl").write_bytes(revocation_list(impostor, {}, RECEIVED + timedelta(days=2)))
    for n, moment in enumerate(older):
        (folder / "cong-vu" / f"old{n}.crl").write_bytes(revocation_list(CA, {}, moment))
    path = tmp_path / "a.pdf"
    path.write_bytes(sign(PLAIN, at=RECEIVED - timedelta(days=70)))
    (report,) = files.verify_named(path, sig.load_trust(folder), RECEIVED, "a.pdf").signatures
    of_ca = [one for one in report.revocation_data if one.issuer == CA.cn]
    assert [one.this_update for one in of_ca] == [moment - timedelta(days=1) for moment in (RECEIVED, older[1])]
    assert all(asn1_crl.CertificateList.load(one.der).issuer.native for one in of_ca)


# --- the command -------------------------------------------------------------------------------------------

@pytest.mark.usefixtures("in_process")
def test_all_valid_is_0_and_anything_else_3(papers: Path, trust: Path) -> None:
    at = ("--trust", trust, "--at", RECEIVED.isoformat())
    good = papers / "Quyết định số 1.pdf"
    assert run(good, good, *at)[0] == 0
    for name, verdict in (("sửa đổi.pdf", "invalid"), ("tron.pdf", "unsigned"), ("hỏng.pdf", "not_checked"),
                          ("trang.txt", "not_checked")):
        code, told = judged(good, papers / name, *at)
        assert code == 3 and [one["verdict"] for one in told] == ["valid", verdict], name
    assert run()[0] == run(good, "--trust", papers / "không có")[0] == 2


def test_what_is_no_file_is_said_and_the_others_are_judged(papers: Path, trust: Path, tmp_path: Path) -> None:
    good, pipe = papers / "Quyết định số 1.pdf", tmp_path / "ống dẫn"
    os.mkfifo(pipe)
    strange = os.fsdecode(bytes(papers) + b"/v\xe3n b\xe5n.pdf")
    given = [papers / "thư mục", good, papers / "đã xóa.pdf", good / "x.pdf", pipe, Path(strange)]
    code, told = judged(*given, "--trust", trust, "--at", RECEIVED.isoformat())
    assert code == 3 and [one["verdict"] for one in told] == ["not_checked", "valid", *["not_checked"] * 4]
    assert [one["notes"][0]["code"] for one in told] == [
        "VERIFY-081", "VERIFY-037", "VERIFY-080", "VERIFY-082", "VERIFY-081", "VERIFY-080"]
    assert [one["file"] for one in told][:3] == [str(one) for one in given[:3]]
    assert told[5]["file"].endswith("v\\xe3n b\\xe5n.pdf")
    assert "đã xóa.pdf" in run(*given, "--trust", trust)[1]


@pytest.mark.parametrize(("text", "moment"), [
    ("2026-11-20", datetime(2026, 11, 20, 16, 59, 59, tzinfo=UTC)),
    ("2026-11-20T09:30", datetime(2026, 11, 20, 2, 30, tzinfo=UTC)),
    ("2026-11-20 09:30:15", datetime(2026, 11, 20, 2, 30, 15, tzinfo=UTC)),
    ("2026-11-20T09:30:00Z", datetime(2026, 11, 20, 9, 30, tzinfo=UTC)),
    ("2026-11-20T09:30:00+09:00", datetime(2026, 11, 20, 0, 30, tzinfo=UTC))])
def test_a_moment_is_read_as_iso_8601_in_vietnams_time(text: str, moment: datetime) -> None:
    assert _moment(text) == moment and _moment(text).utcoffset() == timedelta(0)


@pytest.mark.parametrize("text", ["", "hôm qua", "20/11/2026", "2026-13-01", "2026-11-20T25:00", "2026-11-20x09:30",
                                  "0001-01-01", "9999-12-31", "\x1b[31m"])
def test_a_moment_in_any_other_form_is_wrong_use(papers: Path, text: str) -> None:
    done = CliRunner().invoke(command, ["verify", str(papers / "tron.pdf"), "--at", text])
    assert done.exit_code == 2 and "2026-11-20T09:30" in done.output and "\x1b" not in done.output


@pytest.mark.usefixtures("in_process")
def test_a_file_is_judged_for_the_moment_that_was_asked_for(tmp_path: Path, trust: Path) -> None:
    ended = replace(PERSON, period=(datetime(2024, 3, 1, tzinfo=UTC), datetime(2026, 11, 30, tzinfo=UTC)), serial=201)
    path = tmp_path / "a.pdf"
    path.write_bytes(sign(PLAIN, ended, no_token=True))
    before, after = (judged(path, "--trust", trust, "--at", day)[1][0] for day in ("2026-11-20", "2026-12-05"))
    assert (before["verdict"], after["verdict"]) == ("valid_with_notes", "undetermined")
    for told in (before, after):
        assert [one["params"]["time"] for one in told["notes"] if one["code"] == "VERIFY-084"]
    assert "VERIFY-084" not in {one["code"] for one in judged(path, "--trust", trust)[1][0]["notes"]}
    assert "20/11/2026 23:59:59" in run(path, "--trust", trust, "--at", "2026-11-20")[1]


@pytest.mark.usefixtures("in_process")
def test_nothing_that_a_file_says_reaches_the_terminal_as_a_command(tmp_path: Path, trust: Path) -> None:
    path = tmp_path / "a[bold].pdf"
    path.write_bytes(sign(PLAIN, replace(PERSON, cn="A[red]\x1b]0;x\x07", serial=202)))
    _code, text = run(path, "--trust", trust, "--all")
    assert "\x1b" not in text and "\x07" not in text and "a[bold].pdf" in text and "A[red]" in text


@pytest.mark.parametrize(("patience", "shown"), [(0.0, True), (60.0, False)])
def test_progress_shows_on_a_terminal_when_it_takes_long(patience: float, shown: bool,
                                                         monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.StringIO()
    monkeypatch.setattr(terminal, "console", lambda **_: Console(file=out, force_terminal=True, width=80))
    monkeypatch.setattr(signature_command, "_PATIENCE", patience)
    with signature_command._progress(3) as tell:
        tell(1)
        tell(2)
    assert ("2/3" in out.getvalue()) is shown


# --- each file in a process of its own -----------------------------------------------------------------------

def misbehaving(path: Path, lists: sig.TrustLists, received_at: datetime, name: str) -> sig.DocumentSignatures:
    """What a file could do to the process that reads it, by the file's name."""
    match path.stem:
        case "treo":
            time.sleep(120)
        case "nặng":
            _ = bytearray(8 << 30)
        case "chết":
            os.kill(os.getpid(), signal.SIGKILL)
        case "lỗi":
            raise RuntimeError("of ours")
    return files.verify_named(path, lists, received_at, name)


def test_a_file_that_hangs_eats_memory_or_kills_its_process_is_not_checked_and_the_others_are(
        papers: Path, trust: Path, tmp_path: Path) -> None:
    paths = [papers / "tron.pdf"]
    for stem in ("treo", "nặng", "chết", "lỗi"):
        paths += [tmp_path / f"{stem}.pdf", papers / "tron.pdf"]
        (tmp_path / f"{stem}.pdf").write_bytes(PLAIN)
    heard: list[int] = []
    results = isolated.verify_files(paths, trust, RECEIVED, isolated.Limits(seconds=8, memory_mb=2048, workers=2),
                                    heard.append, misbehaving)
    assert [result.verdict for result in results] == ["unsigned", *["not_checked", "unsigned"] * 4]
    stopped = [result.reasons[0] for result in results[1::2]]
    assert [(one.code, one.level) for one in stopped] == [("VERIFY-083", Level.warning)] * 3 + [
        ("VERIFY-083", Level.failed)]
    for one, expected in zip(stopped, ("8", "2048", "-9", "of ours"), strict=True):
        assert expected in one.sentence("en") and expected in one.sentence("vi")
    assert [result.file for result in results] == [str(path) for path in paths] and heard[-1] == len(paths)


def test_names_are_meant_from_where_the_person_stands(papers: Path, trust: Path, tmp_path: Path,
                                                      monkeypatch: pytest.MonkeyPatch) -> None:
    for place in (tmp_path, papers):        # the process that workers come from began in the first
        shutil.copytree(trust, place / "tin cậy")
        monkeypatch.chdir(place)
        told = isolated.verify_files([Path("Quyết định số 1.pdf")], Path("tin cậy"), RECEIVED)
    assert [(one.file, one.verdict) for one in told] == [("Quyết định số 1.pdf", "valid")]
    shutil.rmtree(papers / "tin cậy")


def test_the_results_are_the_same_with_one_worker_and_with_several(papers: Path, trust: Path) -> None:
    given = [*sorted(papers.iterdir()), papers / "không có.pdf"] * 2
    one, several = (json.dumps([result.as_dict() for result in isolated.verify_files(
        given, trust, RECEIVED, isolated.Limits(workers=workers))]) for workers in (1, 3))
    assert one == several


def test_a_fault_of_ours_ends_with_1_and_is_no_fault_of_the_file(papers: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(paths: list[Path], *_rest: object) -> list[sig.DocumentSignatures]:
        told = files.not_checked("x", sig.NO_TRUST, RECEIVED, "VERIFY-083", reason="", reason_en="")
        told.reasons = [replace(told.reasons[0], level=Level.failed)]
        return [told]

    monkeypatch.setattr(isolated, "verify_files", broken)
    assert run(papers / "tron.pdf")[0] == 1


# --- the night and the command ---------------------------------------------------------------------------------

def plain(value: Any) -> Any:
    """A report without what must differ: the names under which a file is known, and the note that --at leaves."""
    if isinstance(value, dict):
        return {key: plain(one) for key, one in value.items() if key not in ("file", "subject")}
    if isinstance(value, list):
        return [plain(one) for one in value if not (isinstance(one, dict) and one.get("code") == "VERIFY-084")]
    return value


def test_the_night_and_the_command_say_the_same_of_the_same_file(archive: Archive, trust: Path, tmp_path: Path) -> None:
    root = archive.settings.root
    shutil.copytree(trust, root / "trust", dirs_exist_ok=True)
    for name, data in (("tốt.pdf", both()), ("sửa.pdf", CHANGED), ("tron.pdf", blank_pdf())):
        (root / "inbox" / name).write_bytes(data)
    nightly.run(archive)
    seen = {}
    for path in (root / "store" / "intake").glob("*/signatures.json"):
        (told,) = json.loads(path.read_text())["files"]
        seen[told["file"]] = told["verdict"]
        (received,) = path.parent.glob("received/*")
        _code, (again,) = judged(received, "--at", told["received_at"], root=root)
        assert plain(again) == plain(told)
    assert seen == {"tốt.pdf": "valid", "sửa.pdf": "invalid", "tron.pdf": "unsigned"}


def test_a_part_that_could_not_be_judged_never_lets_its_item_pass(
        tmp_path: Path, trust: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parts = []
    for n, (name, data) in enumerate((("van-ban.pdf", both()), ("phu-luc.pdf", PLAIN))):
        (tmp_path / name).write_bytes(data)
        parts.append(Part(name, "attachment" if n else "original", tmp_path / name, len(data), "", "", "pdf"))
    item = Item("1", "inbox", "van-ban.pdf", tmp_path, parts, RECEIVED)
    real = files.verify_file

    def fails(path: Path, *rest: Any) -> Any:
        if path.name == "phu-luc.pdf":
            raise MemoryError
        return real(path, *rest)

    monkeypatch.setattr(stage, "verify_file", fails)
    done = examine(item, Context(Settings(signatures=SignatureSettings(trust=trust)), RECEIVED.date(), RECEIVED))
    assert max(one.level for one in done.findings) == Level.failed
    assert "NIGHT-001" in {one.code for one in done.findings} and "verify" not in item.facts
