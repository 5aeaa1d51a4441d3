"""The catalogue moves between SQLite and PostgreSQL whole or not at all; no catalogue is overwritten by the way."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from click.testing import CliRunner, Result

from archive import catalogue, catalogue_moving, opening, settings
from archive.catalogue import Catalogue
from archive.commands import catalogue as commands
from archive.errors import ArchiveBusyError, CatalogueLostError, RefusedError, UsageError
from archive.model import Document, Fonds

Rows = dict[str, list[dict[str, Any]]]


@pytest.fixture
def kho(sample_night: Path, tmp_path: Path) -> Path:
    """The sample archive after its night, a copy of the test's own."""
    return Path(shutil.copytree(sample_night, tmp_path / "kho"))


@pytest.fixture
def there(postgresql: str) -> Iterator[Catalogue]:
    """The empty database to move to."""
    made = Catalogue(postgresql)
    yield made
    made.close()


def rows(made: Catalogue) -> Rows:
    with made.session() as session:
        return catalogue.rows(session)


def rows_of(root: Path) -> Rows:
    archive = opening.open_archive(settings.load(root))
    try:
        return rows(archive.catalogue)
    finally:
        archive.close()


def run(root: Path, *words: str, **more: Any) -> Result:
    return CliRunner().invoke(commands.command, ["move", *words], obj=root, **more)


def told(done: Result) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_there_and_back_every_row_is_the_same_and_the_settings_name_the_place(kho: Path, there: Catalogue) -> None:
    wanted, before = rows_of(kho), tomllib.loads((kho / "luutru.toml").read_text("utf-8"))
    with_password = there.url.replace("luutru@", "luutru:mật-khẩu@")
    done = run(kho, "--to", with_password, "--configure")
    assert done.exit_code == 0 and there.url in done.output
    assert not [one for one in (done.output, (kho / "luutru.toml").read_text("utf-8")) if "mật-khẩu" in one]
    assert tomllib.loads((kho / "luutru.toml").read_text("utf-8")) == {**before, "database": there.url}
    assert rows(there) == wanted and settings.load(kho).database == there.url
    assert keys_in_order(rows(there)) == keys_in_order(wanted)
    assert rows_of(kho) == wanted and not (kho / "catalogue.db").exists()
    assert len(list(kho.glob("catalogue.db-moved-*"))) == 1

    back = told(run(kho, "--to", "sqlite", "--configure", "--json"))
    assert back["configured"] and back["rows"]["document"] == len(wanted["document"]) and back["findings"] == []
    assert tomllib.loads((kho / "luutru.toml").read_text("utf-8")) == {**before, "database": ""}
    assert rows_of(kho) == wanted and rows(there) == wanted


def keys_in_order(found: Rows) -> list[str]:
    return [json.dumps(row["data"]) for row in found["event"]]


def test_a_look_changes_nothing_and_makes_no_file(kho: Path, tmp_path: Path) -> None:
    place, before = tmp_path / "khác.db", (kho / "luutru.toml").read_bytes()
    shown = told(run(kho, "--to", f"sqlite:///{place}", "--dry-run", "--json"))
    assert shown["dry_run"] and shown["there"] == {"form": "", "rows": 0, "fonds": []} and shown["rows"]["document"] > 9
    assert run(kho, "--to", f"sqlite:///{place}", "--dry-run").exit_code == 0
    assert not place.exists() and (kho / "luutru.toml").read_bytes() == before


def test_a_catalogue_with_rows_in_it_is_left_alone_without_yes(kho: Path, tmp_path: Path) -> None:
    other = Catalogue(f"sqlite:///{tmp_path / 'khác.db'}")
    other.migrate()
    with other.session() as session:
        session.add(Fonds(code="H01", name="Phông khác", fields={}))
    known = rows(other)
    for words in ([], ["--json"], ["--configure"]):
        done = run(kho, "--to", other.url, *words)
        assert isinstance(done.exception, RefusedError) and "H01" in str(done.exception)
    assert rows(other) == known and settings.load(kho).database == ""
    assert told(run(kho, "--to", other.url, "--yes", "--json"))["configured"] is False
    assert rows(other) == rows_of(kho)      # nobody asked for the settings to be changed: the old one is in use
    other.close()


def test_a_copy_that_differs_is_not_kept_and_its_rows_are_named(
        kho: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = Catalogue(f"sqlite:///{tmp_path / 'khác.db'}")
    other.migrate()
    with other.session() as session:
        session.add(Fonds(code="H01", name="Phông khác", fields={}))
    known, wanted = rows(other), rows_of(kho)
    insert = catalogue_moving._insert

    def spoiled(writing: sa.Connection, table: sa.Table, some: list[dict[str, Any]], *rest: Any) -> None:
        if table.name == "document":
            some[0] = {**some[0], "subject": "khác", "fields": {}}
        insert(writing, table, some[1:] if table.name == "file" else some, *rest)

    monkeypatch.setattr(catalogue_moving, "_insert", spoiled)
    done = run(kho, "--to", other.url, "--yes", "--configure", "--json")
    found = {(one["code"], one["subject"]): one["params"] for one in told(done)["findings"]}
    assert done.exit_code == 4 and rows(other) == known and settings.load(kho).database == ""
    gone = len(wanted["file"])
    assert [(code, one["columns"]) for (code, _key), one in found.items() if one.get("table") == "document"] == [
        ("CATALOGUE-005", "subject, fields")]
    assert found["CATALOGUE-004", "file"] == {"n": str(gone), "m": str(gone - 1)}
    assert run(kho, "--to", f"sqlite:///{tmp_path / 'mới.db'}").exit_code == 4
    assert not (tmp_path / "mới.db").exists()
    other.close()


@pytest.mark.parametrize(("statement", "key"), [
    ("UPDATE document SET legal_value = hex(zeroblob(50)) WHERE code = (SELECT min(code) FROM document)", "document"),
    ("UPDATE fonds SET name = 'Sở' || char(0) || 'Mẫu' WHERE code = 'H99'", "fonds"),
    ("UPDATE document SET pages = 5000000000 WHERE code = (SELECT min(code) FROM document)", "document")])
def test_a_row_that_postgresql_cannot_hold_is_named_and_nothing_is_kept(
        kho: Path, there: Catalogue, statement: str, key: str) -> None:
    made = sqlite3.connect(kho / "catalogue.db")
    made.execute(statement)
    made.commit()
    made.close()
    done = run(kho, "--to", there.url, "--json")
    [found] = told(done)["findings"]
    assert (done.exit_code, found["code"], found["params"]["table"]) == (1, "CATALOGUE-007", key)
    assert found["subject"].startswith("H99") and "0000000000" not in done.output and there.form() == ""


@pytest.mark.parametrize(("kind", "part"), [("sqlite", 0.9), ("postgresql", 0.4)])
def test_a_move_that_is_killed_leaves_the_other_database_as_it_was(
        kho: Path, tmp_path: Path, kind: str, part: float, request: pytest.FixtureRequest) -> None:
    url = f"sqlite:///{tmp_path / 'khác.db'}" if kind == "sqlite" else str(request.getfixturevalue("postgresql"))
    child = os.fork()
    if child == 0:
        def killing(_table: str, n: int, of: int) -> None:
            if n >= part * of:
                os.kill(os.getpid(), signal.SIGKILL)

        try:
            archive = opening.open_archive(settings.load(kho))
            with opening.ownership(archive):
                catalogue_moving.move(archive, Catalogue(url), progress=killing)
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    left = Catalogue(url)
    assert catalogue_moving.standing(left).total == 0 and left.form() == ""
    wanted = rows_of(kho)
    assert run(kho, "--to", url).exit_code == 0 and rows(left) == wanted
    left.close()


def test_what_is_in_use_elsewhere_is_not_moved_to(
        kho: Path, there: Catalogue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalogue_moving, "WAIT", 0.0)
    with there.held(catalogue.WRITER) as ours:
        assert ours
        assert isinstance(run(kho, "--to", there.url).exception, ArchiveBusyError)
    assert there.form() == ""


def test_the_old_file_stays_while_something_uses_it_or_another_name_wins(
        kho: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    portal = opening.open_archive(settings.load(kho))
    with portal.catalogue.engine.connect() as connection:
        connection.execute(sa.select(Document.code)).first()
        connection.commit()
        done = told(run(kho, "--to", f"sqlite:///{tmp_path / 'một.db'}", "--configure", "--json"))
    portal.close()
    assert (done["configured"], done["set_aside"]) == (True, "") and (kho / "catalogue.db").exists()
    monkeypatch.setenv("LUUTRU_DATABASE", f"sqlite:///{kho / 'catalogue.db'}")
    fixed = told(run(kho, "--to", f"sqlite:///{tmp_path / 'hai.db'}", "--configure", "--json"))
    assert (fixed["environment"], fixed["configured"], fixed["set_aside"]) == (True, True, "")
    said = run(kho, "--to", f"sqlite:///{tmp_path / 'ba.db'}")
    assert "LUUTRU_DATABASE" in said.output and (kho / "catalogue.db").exists()


def test_a_command_that_does_not_know_the_new_place_finds_no_old_one_to_go_on_with(kho: Path, there: Catalogue) -> None:
    assert run(kho, "--to", there.url, "--configure").exit_code == 0
    (kho / "luutru.toml").write_text((kho / "luutru.toml").read_text("utf-8").replace(there.url, ""), "utf-8")
    with pytest.raises(CatalogueLostError):
        opening.open_archive(settings.load(kho))


NONE_OF_OURS = ("mysql://luutru@127.0.0.1/luutru", "sqlite://", "sqlite:///:memory:", "gì đó", "",
                "postgresql+asyncpg://luutru@127.0.0.1/luutru", "postgresql://luutru@127.0.0.1/",
                "sqlite:////không/có/thư/mục.db", "postgresql://luutru:mật@khẩu/@db.example/luutru")


def test_what_is_no_database_of_ours_is_refused_in_words(kho: Path) -> None:
    for to in NONE_OF_OURS:
        done = run(kho, "--to", to)
        assert isinstance(done.exception, UsageError) and "khẩu/" not in f"{done.exception}{done.output}", to


def test_the_catalogue_is_not_moved_onto_itself(kho: Path) -> None:
    for to in ("sqlite", f"sqlite:///{kho}/catalogue.db", f"sqlite:///{kho}/../kho/catalogue.db"):
        assert isinstance(run(kho, "--to", to).exception, UsageError)
    told_of = settings.load(kho, database="postgresql://luutru:x@db.example/luutru")
    with pytest.raises(UsageError, match=r"postgresql\+psycopg2://luutru@db.example:5432/luutru"):
        catalogue_moving.wanted(told_of, "postgresql+psycopg2://luutru@db.example:5432/luutru")


@pytest.mark.parametrize("before", [
    "", 'language = "vi"\n', '# database URL; empty: SQLite\n# database = ""\n\n[agency]\ncode = "H99"\n',
    '[agency]\ncode = "H99"\n[web]\n# database = 5\n', 'database = "sqlite:////cũ.db"   # cũ\n# database = ""\n',
    '# database = ""\ndatabase = "x"\n\n[backup]\nkeep_months = 3\n',
    'language = "en"\r\n\r\n[agency]\r\ncode = "H9"\r\n'])
def test_only_that_one_setting_changes(tmp_path: Path, before: str) -> None:
    path = tmp_path / "luutru.toml"
    path.write_bytes(before.encode())
    path.chmod(0o600)
    told_of = settings.load(tmp_path / "nơi khác").model_copy(update={"root": tmp_path})
    catalogue_moving.name_in_settings(
        told_of, "postgresql+psycopg2://luutru:bí%20mật@db.example/luutru?password=y&sslmode=require")
    after = path.read_text("utf-8")
    assert tomllib.loads(after) == {**tomllib.loads(before),
                                    "database": "postgresql+psycopg2://luutru@db.example/luutru?sslmode=require"}
    assert others(after) == others(before)
    assert path.stat().st_mode & 0o777 == 0o600


def others(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.strip() and "database =" not in line]


def test_a_settings_file_that_cannot_be_changed_so_is_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "luutru.toml"
    path.write_text('note = """\n# database = ""\n"""\n', "utf-8")
    before = path.read_bytes()
    told_of = settings.load(tmp_path / "nơi khác").model_copy(update={"root": tmp_path})
    with pytest.raises(UsageError, match="database = "):
        catalogue_moving.name_in_settings(told_of, "sqlite:////nơi/khác.db")
    assert path.read_bytes() == before
