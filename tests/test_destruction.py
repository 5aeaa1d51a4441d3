"""Nothing goes without a decision: the whole way to a destruction, and everything that must stop it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pypdfium2
import pytest

from archive import catalogue, clock, destroying, layout, links, opening, settings
from archive.errors import IntegrityError, RefusedError, UsageError
from archive.fixity import copies
from archive.forms import papers
from archive.model import Event, ReadingDocument
from archive.opening import Archive, ownership
from archive.rebuild import rebuild
from retention import assigning, holds
from retention.destruction import checking, dossier_parts, executing, keeping, printing
from retention.destruction.approving import printed_hashes
from retention.explaining import known_on
from retention.objects import ADMITS, catch_up
from samples.making import pki, signing
from tests import destruction_material
from tests.conftest import ROOT
from tests.destruction_material import FOREVER, HELD, LINKED, MEMBERS, NAMES, NOW, OLD, YOUNG, Way
from tests.stored_documents import store_documents


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An archive with what is expired and what may not go; tests work on copies of it."""
    folder = tmp_path_factory.mktemp("filled")
    with _by_hand():
        destruction_material.fill(folder / "kho").close()
    return folder


@pytest.fixture
def run(filled: Path, copied: Any) -> Way:
    """The commands on a copy of it."""
    way: Way = copied(filled)[0]
    return way


@pytest.fixture
def archive(run: Way) -> Iterator[Archive]:
    """That copy itself."""
    made = opening.open_archive(settings.load(run.root))
    yield made
    made.close()


def rows(archive: Archive) -> dict[str, list[dict[str, Any]]]:
    with archive.catalogue.session() as session:
        return catalogue.rows(session)


def test_the_yearly_list_names_what_is_expired_and_never_what_something_keeps(run: Way) -> None:
    looked = run.told("due", "--dry-run")[0]
    assert (looked["destruction"], [one["code"] for one in looked["items"]]) == ("", OLD)
    assert looked["blocked"] == {HELD: "hold", LINKED: "link"}
    assert {one["retention"] for one in looked["items"]} == {"05 năm"}
    first = run.told("due")[0]
    assert first["destruction"] == "HUY.2026.001"
    again = run.told("due")[0]
    assert (again["destruction"], again["items"], again["waiting"]) == ("", [], len(OLD))
    assert run.told("list")[0]["state"] == "listed"


def test_the_whole_way_from_list_to_dossier(approved: Path, copied: Any) -> None:
    run, archive = copied(approved)
    batch = BATCH
    done = run.told(*run.apply(batch))
    assert done["state"] == "destroyed"
    assert done["executed"]["executed_hash"] == done["plan_hash"] == done["executed"]["plan_hash"]
    run.told("papers", batch, "--values", run.values())
    closed = run.told("close", batch)
    assert closed["keep_until"] == "2046-12-31"
    held = {code for code in (*OLD, HELD, LINKED, FOREVER, YOUNG) if archive.store.has(layout.casefile_object(code))}
    assert held == {HELD, LINKED, FOREVER, YOUNG}
    shown = run.told("show", batch)
    assert {one["code"]: one["state"] for one in shown["items"]} == dict.fromkeys(OLD, "destroyed")
    dossier = json.loads(archive.store.read(keeping.object_id(batch), keeping.DOSSIER))
    assert [part["letter"] for part in dossier["parts"]] == list("abbbcdđeghi")
    assert all(part["files"] for part in dossier["parts"])
    before = rows(archive)
    with ownership(archive, rebuilding=True):
        rebuild(archive, admits=ADMITS)
    after = rows(archive)
    assert {name for name in before if before[name] != after[name]} == set()


# --- what must stop it ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("code", "expected"), [
    (FOREVER, "DESTROY-003"), (YOUNG, "DESTROY-004"), (HELD, "DESTROY-005"), (LINKED, "DESTROY-006"),
    ("H99.1999.01.VP", "DESTROY-002")])
def test_what_may_not_be_destroyed_cannot_be_smuggled_into_the_plan(run: Way, code: str, expected: str) -> None:
    batch = run.told("due")[0]["destruction"]
    assert expected in run.codes("plan", batch, "--add", code, "--reason", "x")
    assert run.told("show", batch)["state"] == "listed"


def test_a_plan_can_be_changed_until_the_council_and_says_what_was_taken_out(run: Way, archive: Archive) -> None:
    batch = run.planned()
    first = run.hash_of(batch)
    run.told("plan", batch, "--remove", OLD[0], "--reason", "còn dùng")
    assert run.hash_of(batch) != first
    run.told("plan", batch, "--add", OLD[0], "--reason", "nhầm")
    assert len([one for one in run.told("show", batch)["items"] if one["state"] == "proposed"]) == len(OLD)
    assert isinstance(run("plan", batch, "--remove", FOREVER, "--reason", "x").exception, UsageError)
    everything = [word for code in OLD for word in ("--remove", code)]
    assert run.codes("plan", batch, *everything, "--reason", "x") == ["DESTROY-001"]
    hold(archive, OLD[2])
    assert run.codes("plan", batch) == ["DESTROY-005"]
    run.told("plan", batch, "--without-blocked")
    removed = {one["code"]: one["why"] for one in run.told("show", batch)["items"] if one["state"] == "removed"}
    assert set(removed) == {OLD[2]}


def test_a_case_file_stands_in_one_batch_only(run: Way) -> None:
    first = run.planned()
    run.told("cancel", first, "--reason", "nhầm năm")
    second = run.told("due")[0]["destruction"]
    assert second != first
    run.told("plan", second, "--remove", OLD[0], "--reason", "để đợt sau")
    third = run.told("due")[0]
    assert [one["code"] for one in third["items"]] == [OLD[0]]
    assert "DESTROY-008" in run.codes("plan", second, "--add", OLD[0], "--reason", "x")


def hold(archive: Archive, *codes: str) -> None:
    with ownership(archive):
        holds.place(archive, codes, holds.Ground("án", "Hạnh", "3/TA", "2026-11-20", "Tòa án tỉnh"), at=clock.now())


def there(archive: Archive) -> list[str]:
    return [code for code in OLD if archive.store.has(layout.casefile_object(code))]


@pytest.fixture(scope="module")
def concluded(filled: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An archive whose batch has everything but the decision; tests work on copies of it."""
    folder = tmp_path_factory.mktemp("concluded") / "ban"
    shutil.copytree(filled, folder, symlinks=True)
    with _by_hand():
        Way(folder / "kho", folder).appraised()
    return folder


@pytest.fixture(scope="module")
def approved(concluded: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An archive whose batch is approved; tests work on copies of it."""
    folder = tmp_path_factory.mktemp("approved") / "ban"
    shutil.copytree(concluded, folder, symlinks=True)
    with _by_hand():
        way = Way(folder / "kho", folder)
        way.told(*way.approve(BATCH, way.decision(BATCH)))
    return folder


@contextmanager
def _by_hand() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clock, "now", clock.now)
        patch.setenv("LUUTRU_USER", "Nguyễn Thị Hạnh")
        patch.setenv("LUUTRU_INGEST__SETTLE_SECONDS", "0")
        yield


BATCH = "HUY.2026.001"


@pytest.fixture
def copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Makes a copy of such an archive to work on: its commands, and itself."""
    monkeypatch.setattr(clock, "now", clock.now)
    monkeypatch.setenv("LUUTRU_USER", "Nguyễn Thị Hạnh")
    opened = []

    def copy(made: Path) -> tuple[Way, Archive]:
        shutil.copytree(made, tmp_path / "ban", symlinks=True)
        way = Way(tmp_path / "ban" / "kho", tmp_path / "ban")
        opened.append(opening.open_archive(settings.load(way.root)))
        return way, opened[-1]

    yield copy
    for one in opened:
        one.close()


@pytest.mark.parametrize(("signer", "expected"), [("", "DESTROY-020"), ("la-nguoi", "DESTROY-021"),
                                                  ("uy-ban", "DESTROY-022")])
def test_an_unsigned_or_foreign_decision_is_refused(concluded: Path, copied: Any, signer: str, expected: str) -> None:
    run, _archive = copied(concluded)
    name = next(iter(one.name for one in pki.identities().values() if one.issuer == "la-goc" and one.name != "la-goc")
                ) if signer == "la-nguoi" else signer
    assert run.codes(*run.approve(BATCH, run.decision(BATCH, name))) == [expected]
    assert run.told("show", BATCH)["state"] == "concluded"


def test_a_decision_for_another_list_or_for_none_is_refused(concluded: Path, copied: Any, tmp_path: Path) -> None:
    run, _archive = copied(concluded)
    text = run.decision(BATCH, "")
    other = tmp_path / "khac.pdf"
    data = papers.paper("destruction_decision", {"check": {"name": "x", "hash": "ab" * 32}}, made=NOW)
    other.write_bytes(signing.sign(data, "so-noi-vu", at=NOW - timedelta(days=3)))
    assert run.codes(*run.approve(BATCH, other)) == ["DESTROY-024"]
    other.write_bytes(signing.sign(papers.paper("destruction_decision", {}, made=NOW), "so-noi-vu",
                                   at=NOW - timedelta(days=3)))
    assert run.codes(*run.approve(BATCH, other)) == ["DESTROY-023"]
    assert printed_hashes(text.read_bytes()) == {run.hash_of(BATCH)}
    assert printed_hashes(b"no pdf at all") == set()


def test_the_square_code_alone_names_the_plan(tmp_path: Path) -> None:
    data = papers.paper("destruction_decision", {"check": {"name": "x", "hash": "cd" * 32}}, made=NOW)
    with pypdfium2.PdfDocument(data) as pdf:
        pictures = [page.render(scale=200 / 72).to_pil().convert("RGB") for page in pdf]
    scan = tmp_path / "scan.pdf"
    pictures[0].save(scan, save_all=True, append_images=pictures[1:], resolution=200)
    assert printed_hashes(scan.read_bytes()) == {"cd" * 32}


def test_everything_that_was_done_to_an_item_since_is_found_before_the_decision(concluded: Path, copied: Any) -> None:
    run, archive = copied(concluded)
    hold(archive, OLD[1])
    store_documents(archive, [{"subject": "Đến sau"}], code=OLD[2], case_file={"title": "Tên khác"})
    found = run.codes(*run.approve(BATCH, run.decision(BATCH)))
    assert {"DESTROY-005", "DESTROY-009"} <= set(found)


def test_without_a_paper_or_the_appraisal_opinion_nothing_is_approved(concluded: Path, copied: Any) -> None:
    run, archive = copied(concluded)
    batch = keeping.read(archive.store, BATCH)
    printed = {kind: told for kind, told in batch.record["printed"].items() if kind != "council_minutes"}
    with ownership(archive):        # as if the minutes had been printed for another plan
        keeping.write(archive, batch.with_record(printed={**printed, "council_minutes": "ab" * 32}), "printed",
                      {"kinds": [], "plan_hash": ""}, by="?", at=NOW)
    decision = run.decision(BATCH)
    assert run.codes(*run.approve(BATCH, decision)) == ["DESTROY-017"]
    run.told("papers", BATCH, "council_minutes")
    run.told("appraisal", BATCH, "disagree", "--number", "1/TĐ", "--dated", "2026-11-14")
    assert run.codes(*run.approve(BATCH, decision)) == ["DESTROY-019"]
    run.told("appraisal", BATCH, "agree", "--number", "2/TĐ", "--dated", "2026-11-15")
    assert run.codes(*run.approve(BATCH, decision)[:-1], "2026-11-30") == ["DESTROY-026"]
    run.told(*run.approve(BATCH, decision))


@pytest.mark.parametrize(("where", "expected"), [("nobody", []), ("province", ["DESTROY-018"])])
def test_only_an_agency_that_submits_somewhere_needs_an_appraisal_opinion(
        concluded: Path, copied: Any, monkeypatch: pytest.MonkeyPatch, where: str, expected: list[str]) -> None:
    monkeypatch.setenv("LUUTRU_DESTRUCTION__SUBMITS_TO", where)
    _run, archive = copied(concluded)
    batch = keeping.read(archive.store, BATCH)
    without = batch.with_record(acts=[one for one in batch.acts if one["act"] != "appraised"])
    assert [one.code for one in checking.papers(archive, without)] == expected
    assert ("appraisal_request" in printing.printable(archive.settings, "concluded")) == bool(expected)


def test_after_the_fifteenth_day_nothing_is_destroyed(approved: Path, copied: Any) -> None:
    run, archive = copied(approved)
    run.at = NOW + timedelta(days=11)       # 2 December: the sixteenth day after 16 November
    assert run.codes(*run.apply(BATCH)) == ["DESTROY-025"]
    assert there(archive) == OLD
    run.at = NOW + timedelta(days=10)
    assert run.told(*run.apply(BATCH))["state"] == "destroyed"


@pytest.mark.parametrize("what", ["hold", "link", "permanent", "altered"])
def test_what_comes_after_the_approval_stops_all_of_it(approved: Path, copied: Any, what: str) -> None:
    run, archive = copied(approved)
    if what == "hold":
        hold(archive, OLD[3])
    elif what == "altered":
        store_documents(archive, [{"subject": "Đến sau", "issuedDate": "05/03/2015"}], code=OLD[3])
    else:
        with ownership(archive):
            if what == "link":
                links.link(archive, [f"{OLD[3]}.0000001"], YOUNG, by="H", reason="cùng vụ", at=NOW)
            else:
                assigning.assign(archive, [OLD[3]], assigning.Decision(
                    "other_law", "có giá trị", "H", "2026-11-21", years=9999, law="Luật Di sản, Điều 1"), at=NOW)
    expected = {"hold": "DESTROY-005", "link": "DESTROY-006", "permanent": "DESTROY-003", "altered": "DESTROY-009"}
    assert expected[what] in run.codes(*run.apply(BATCH))
    assert there(archive) == OLD


def test_a_list_that_was_altered_in_the_store_destroys_nothing(approved: Path, copied: Any) -> None:
    run, archive = copied(approved)
    place, path = keeping.object_id(BATCH), keeping.plan_path(1)
    batch = keeping.read(archive.store, BATCH)
    items = [dict(one) for one in batch.items]
    items[0] |= {"code": FOREVER, "object": layout.casefile_object(FOREVER)}
    with ownership(archive):
        keeping.write(archive, replace(batch, items=items), "printed", {"kinds": [], "plan_hash": ""}, by="?", at=NOW)
    assert isinstance(run(*run.apply(BATCH)).exception, IntegrityError)
    stored = archive.store.files(place)[path].place
    stored.chmod(0o644)
    stored.write_bytes(stored.read_bytes().replace(OLD[0].encode(), FOREVER.encode()))
    assert isinstance(run(*run.apply(BATCH)).exception, IntegrityError)
    assert there(archive) == OLD and archive.store.has(layout.casefile_object(FOREVER))


def test_the_hash_is_typed_and_asked_for_twice(approved: Path, copied: Any) -> None:
    run, archive = copied(approved)
    assert run("apply", BATCH, "--yes").exit_code == 2
    assert run.codes("apply", BATCH, "--yes", "--plan-hash", "0123456789ab") == ["DESTROY-029"]
    assert run.codes("apply", BATCH, "--yes", "--plan-hash", run.hash_of(BATCH)[:4]) == ["DESTROY-029"]
    assert run("apply", BATCH, input="n\n").exit_code == 1
    assert run("apply", BATCH, input="y\nsai\n").exit_code == 5
    run.told("apply", BATCH, "--dry-run")
    assert there(archive) == OLD
    assert run("apply", BATCH, input=f"y\n{run.hash_of(BATCH)[:12]}\n").exit_code == 0
    assert there(archive) == []


def with_a_backup(root: Path) -> None:
    """A tape that the archive does not see keeps everything for thirty days."""
    told = (root / "luutru.toml").read_text(encoding="utf-8")
    assert "# backups = {}" in told
    (root / "luutru.toml").write_text(told.replace("# backups = {}", 'backups = { "băng tháng 10" = 30 }'),
                                      encoding="utf-8")


def test_a_backup_or_a_copy_out_of_reach_leaves_it_done_in_part(approved: Path, copied: Any) -> None:
    run, _archive = copied(approved)
    with_a_backup(run.root)
    done = run.told(*run.apply(BATCH), code=3)
    assert (done["state"], [one["code"] for one in done["findings"]]) == ("partly", ["DESTROY-028"])
    assert done["executed"]["pending"][0]["until"] == "2026-12-21"
    run.told("papers", BATCH, "--values", run.values())
    assert isinstance(run("close", BATCH).exception, RefusedError)
    run.at = NOW + timedelta(days=31)
    assert run.told(*run.apply(BATCH))["state"] == "destroyed"
    assert run.codes("close", BATCH) == ["DESTROY-017"] * 3         # those that were printed name the tape
    run.told("papers", BATCH, "--values", run.values())
    run.told("close", BATCH)


@pytest.mark.parametrize("away", [False, True])
def test_a_second_copy_on_another_root_loses_it_too_also_one_that_was_away(
        approved: Path, copied: Any, monkeypatch: pytest.MonkeyPatch, away: bool) -> None:
    monkeypatch.setenv("LUUTRU_COPIES__PLACES", '["../sao"]')
    run, archive = copied(approved)
    place = run.root.parent / "sao"
    place.mkdir()

    def held() -> list[str]:
        return [code for code in OLD if (place / "store" / "ocfl" / archive.store.folder(
            layout.casefile_object(code)).relative_to(archive.store.root)).exists()]

    with ownership(archive):
        copies.follow(archive, clock.now())
    assert held() == OLD
    if away:
        place.rename(run.root.parent / "mang-di")
        done = run.told(*run.apply(BATCH), code=3)
        assert (done["state"], [one["state"] for one in done["executed"]["pending"]]) == ("partly", ["not checked"])
        (run.root.parent / "mang-di").rename(place)
        assert held() == OLD
        with ownership(archive):
            copies.follow(archive, clock.now())
    assert run.told(*run.apply(BATCH))["state"] == "destroyed"
    assert held() == [] and there(archive) == []


def test_what_comes_back_after_the_destruction_is_seen_and_goes_again(
        approved: Path, copied: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run, archive = copied(approved)
    with_a_backup(run.root)
    folder = archive.store.folder(layout.casefile_object(OLD[0]))
    shutil.copytree(folder, tmp_path / "giu")
    reading = layout.readings_folder(archive.settings) / "YC.2026.00001" / f"{OLD[0]}.0000001.pdf"
    reading.parent.mkdir(parents=True)
    reading.write_bytes(b"%PDF-1.7 a copy for a reader")
    with archive.catalogue.session() as session:
        session.add(ReadingDocument(reading="YC.2026.00001", n=1, document=reading.stem, case_file=OLD[0],
                                    asked=OLD[0], kind="copy", state="granted"))
    run.told(*run.apply(BATCH), code=3)
    assert not reading.exists()
    shutil.copytree(tmp_path / "giu", folder)
    with monkeypatch.context() as broken:       # what comes back at once cannot be got rid of
        broken.setattr(executing, "destroy_all", lambda *_args, **_more: [])
        assert "DESTROY-007" in run.codes(*run.apply(BATCH), code=4)
    assert run.told("show", BATCH)["state"] == "partly"
    run.at = NOW + timedelta(days=31)
    assert run.told(*run.apply(BATCH))["state"] == "destroyed"
    assert there(archive) == []


def test_a_hold_that_comes_in_the_middle_keeps_what_is_left_until_it_is_lifted(approved: Path, copied: Any,
                                                                               monkeypatch: pytest.MonkeyPatch) -> None:
    run, archive = copied(approved)

    def two(archive: Archive, name: str, planned: Any, **more: Any) -> Any:
        yield from destroying.destroy_all(archive, name, planned[:2], **more)
        raise KeyboardInterrupt

    with monkeypatch.context() as killed:
        killed.setattr(executing, "destroy_all", two)
        run(*run.apply(BATCH))
    assert there(archive) == OLD[2:]
    hold(archive, OLD[4])
    run.at = NOW + timedelta(days=60)           # what was begun in time may be ended later
    assert run.codes(*run.apply(BATCH)) == ["DESTROY-005"]
    assert there(archive) == OLD[2:]
    with ownership(archive):
        holds.release(archive, 2, holds.Ground("xong", "Hạnh", "4/TA", "2026-11-21"), at=run.at)
    assert run.told(*run.apply(BATCH))["state"] == "destroyed"
    assert there(archive) == []


def test_executed_is_not_approved_fails_the_whole_batch(approved: Path, copied: Any,
                                                        monkeypatch: pytest.MonkeyPatch) -> None:
    run, archive = copied(approved)
    whole = destroying.destroy_all
    monkeypatch.setattr(executing, "destroy_all", lambda archive, name, planned, **more: whole(
        archive, name, planned[:-1], **more))
    assert run.codes(*run.apply(BATCH), code=4) == ["DESTROY-027"]
    assert run.told("show", BATCH)["state"] == "failed"
    assert there(archive) == [OLD[-1]]
    assert run(*run.apply(BATCH)).exit_code != 0


def test_killed_twenty_times_in_the_middle_it_ends_the_same(approved: Path, copied: Any) -> None:
    run, archive = copied(approved)
    plan_hash = run.hash_of(BATCH)
    done = subprocess.run([sys.executable, "-m", "tests.destruction_driver", str(run.root), BATCH, plan_hash,
                           clock.stamp(NOW)], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    kills, halves = (int(word) for word in done.stdout.split())
    assert kills >= 20 and halves >= 3, done.stdout     # some left a part of the case files, some none
    assert there(archive) == []
    shown = run.told("show", BATCH)
    assert (shown["state"], shown["acts"][-1]["executed_hash"]) == ("destroyed", plan_hash)
    assert [one["act"] for one in shown["acts"]].count("started") == 1
    assert {one["state"] for one in shown["items"]} == {"destroyed"}
    with archive.catalogue.session() as session:
        gone = [one.subject for one in session.query(Event).filter(Event.kind == "destroyed")]
        assert sorted(gone) == OLD
    before = rows(archive)
    with ownership(archive, rebuilding=True):
        rebuild(archive, admits=ADMITS)
    assert rows(archive) == before


# --- the council ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def seated(filled: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An archive with a council of four, before any opinion; tests work on copies of it."""
    folder = tmp_path_factory.mktemp("seated") / "ban"
    shutil.copytree(filled, folder, symlinks=True)
    with _by_hand():
        run = Way(folder / "kho", folder)
        run.planned()
        assert run.codes("council", BATCH, "--number", "1", "--dated", "2026-11-02", "--member", MEMBERS[1]) == [
            "DESTROY-010", "DESTROY-011", "DESTROY-011"]
        run.told("council", BATCH, "--number", "198/QĐ-SNV", "--dated", "2026-11-02",
                 *(word for one in MEMBERS for word in ("--member", one)))
    return folder


@pytest.fixture
def sitting(seated: Path, copied: Any) -> tuple[Way, Archive]:
    """The commands on a copy of it, and itself."""
    made: tuple[Way, Archive] = copied(seated)
    return made


MEETING = ("--held-on", "2026-11-12")


def test_opinions_that_cannot_be_are_refused_and_none_is_kept(sitting: Any, tmp_path: Path) -> None:
    run, _archive = sitting
    assert run.codes("opinion", BATCH, "--member", "Người Lạ", "--destroy") == ["DESTROY-012"]
    assert run.codes("opinion", BATCH, FOREVER, "--member", NAMES[0], "--destroy") == ["DESTROY-013"]
    assert run.codes("opinion", BATCH, OLD[0], "--member", NAMES[0], "--keep") == ["DESTROY-016"]
    assert run("opinion", BATCH, "--member", NAMES[0]).exit_code == 2
    table = tmp_path / "y-kien.csv"
    table.write_text(f"Mã hồ sơ;Ý kiến;Lý do;Số năm\n{OLD[0]};giữ lại;còn dùng;5\n{OLD[1]};hủy;;\n", encoding="utf-8")
    run.told("opinion", BATCH, "--member", NAMES[0], "--from", str(table))
    votes = {one["code"]: one for one in _votes(run)}
    assert (votes[OLD[0]]["against"], votes[OLD[1]]["agree"]) == ([NAMES[0]], [NAMES[0]])
    table.write_text("Mã hồ sơ;Ý kiến\nX;có lẽ\n", encoding="utf-8")
    assert run("opinion", BATCH, "--member", NAMES[0], "--from", str(table)).exit_code != 0
    assert run.codes("conclude", BATCH, *MEETING) == ["DESTROY-014"]


def _votes(run: Way) -> list[dict[str, Any]]:
    return list(json.loads(run("show", BATCH, "--json").stdout)["votes"])


def test_equal_votes_are_settled_by_the_chair_and_dissent_stays_in_the_minutes(sitting: Any) -> None:
    run, archive = sitting
    for n, name in enumerate(NAMES):
        if n < 2:
            run.told("opinion", BATCH, OLD[0], "--member", name, "--keep", "--reason", f"lý do {n}", "--years", "3")
        run.told("opinion", BATCH, "--member", name, "--destroy")
    assert run.codes("conclude", BATCH, *MEETING) == ["DESTROY-015"]
    assert isinstance(run("settle", BATCH, OLD[1], "destroy", "--reason", "x").exception, RefusedError)
    run.told("settle", BATCH, OLD[0], "keep", "--reason", "còn tranh chấp", "--years", "3")
    first = run.hash_of(BATCH)
    assert run.told("conclude", BATCH, *MEETING)["kept"] == 1
    assert run.hash_of(BATCH) != first
    vote = next(one for one in run.told("show", BATCH)["acts"][-2]["votes"] if one["code"] == OLD[0])
    assert (vote["settled"], len(vote["dissent"])) == ("keep", 2)
    with archive.catalogue.session() as session:
        kept = known_on(archive, session, OLD[0], "2026-11-21", "next_year")
        assert kept.period.last_year == 2028
        assert kept.decision is not None and kept.decision.reason == f"{BATCH}: còn tranh chấp"
    assert OLD[0] not in [one["code"] for told in run.told("due", "--dry-run") for one in told["items"]]


def test_a_kill_between_the_conclusion_and_the_new_period_is_made_good(sitting: Any,
                                                                        monkeypatch: pytest.MonkeyPatch) -> None:
    run, archive = sitting
    for name in NAMES:
        run.told("opinion", BATCH, OLD[0], "--member", name, "--keep", "--reason", "x", "--permanent")
        run.told("opinion", BATCH, "--member", name, "--destroy")

    def die(*_args: Any, **more: Any) -> Any:
        if not more["dry_run"]:
            raise KeyboardInterrupt
        return 0, []

    with monkeypatch.context() as killed:
        killed.setattr(assigning, "assign", die)
        run("conclude", BATCH, *MEETING)
    assert run.told("explain", BATCH)["state"] == "returning"
    run.told("due")
    assert run.told("explain", BATCH)["state"] == "concluded"
    with archive.catalogue.session() as session:
        assert len(assigning.history(session, OLD[0])) == 1


@pytest.mark.parametrize("rebuilt", [False, True])
def test_a_kill_after_the_store_was_written_leaves_a_step_that_is_told_later(
        run: Way, archive: Archive, monkeypatch: pytest.MonkeyPatch, rebuilt: bool) -> None:
    def die(*_args: Any, **_more: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as killed:
        killed.setattr(keeping, "_tell", die)
        run("due")
    assert archive.store.has(keeping.object_id(BATCH))
    with ownership(archive, rebuilding=rebuilt):
        if rebuilt:
            rebuild(archive, admits=ADMITS)
        catch_up(archive)
    assert [one["state"] for one in run.told("list")] == ["listed"]
    with archive.catalogue.session() as session:
        assert session.query(Event).filter(Event.kind == "destruction_listed").count() == 1


def test_the_ledger_bears_no_title_and_the_certificate_no_content(approved: Path, copied: Any) -> None:
    run, archive = copied(approved)
    run.told(*run.apply(BATCH))
    told = json.loads(run("certificate", BATCH).stdout)
    assert (told["complete"], told["plan"]["sha256"], len(told["items"])) == (True, run.hash_of(BATCH), len(OLD))
    assert "nếp sống" not in json.dumps(told, ensure_ascii=False)
    lines = [one for one in archive.ledger.lines() if one.kind.startswith("destruction_")]
    assert "nếp sống" not in json.dumps([one.data for one in lines], ensure_ascii=False)


def test_values_that_no_paper_has_or_that_the_system_knows_are_refused(run: Way, tmp_path: Path) -> None:
    batch = run.planned()
    for wrong in ("[all]\nnonsense = 1", "[destruction_list_files]\ncount = 9", "[nothing]\nplace = 'x'", "[[["):
        (tmp_path / "v.toml").write_text(wrong, encoding="utf-8")
        assert isinstance(run("papers", batch, "--values", str(tmp_path / "v.toml")).exception, UsageError)
    assert isinstance(run("papers", batch, "destruction_minutes").exception, RefusedError)


def test_everything_stored_follows_the_tables_and_every_paper_is_known() -> None:
    assert {one.kind for one in dossier_parts.parts() if one.kind} <= set(papers.kinds())
    assert {kind for kinds in printing._OF_STATE.values() for kind in kinds} <= set(papers.kinds())
