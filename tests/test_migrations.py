"""An archive outlives its program: a catalogue of an older form becomes the newest, and is the one a rebuild makes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from archive import casefile_lists, catalogue, clock, opening
from archive.file_plan_import import import_file_plan
from archive.files import json_bytes
from archive.layout import casefile_object, record_path
from archive.model import SCHEMA, Base
from archive.opening import Archive
from archive.rebuild import rebuild
from archive.store import NewFile
from ingest import nightly
from tests.conftest import NIGHT, ROOT

Rows = dict[str, list[dict[str, Any]]]


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest) -> str:
    return "" if request.param == "sqlite" else str(request.getfixturevalue("postgresql"))


def to_revision(engine: sa.Engine, revision: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(catalogue.MIGRATIONS))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)


def older(archive: Archive, rows: Rows, revision: str) -> None:
    """Put the catalogue back into the form of `revision`, with those of `rows` that it could hold."""
    with archive.catalogue.engine.begin() as connection:
        for table in reversed(Base.metadata.sorted_tables):
            table.drop(connection)
        connection.execute(sa.text("DROP TABLE alembic_version"))
    to_revision(archive.catalogue.engine, revision)
    then = sa.MetaData()
    then.reflect(archive.catalogue.engine)
    with archive.catalogue.engine.begin() as connection:
        for table in Base.metadata.sorted_tables:
            if table.name not in then.tables:
                continue
            kept = [column.name for column in table.columns if column.name in then.tables[table.name].columns]
            typed = sa.table(table.name, *(sa.column(name, table.columns[name].type) for name in kept))
            if rows[table.name]:
                connection.execute(typed.insert(), [{name: row[name] for name in kept} for row in rows[table.name]])


@pytest.fixture
def filled(tmp_path: Path, database: str, monkeypatch: pytest.MonkeyPatch) -> Archive:
    """After one night: a stored text, a photo, a film, one that waits, and a plan whose order is not its numbers'."""
    monkeypatch.setattr(clock, "now", lambda: NIGHT)
    archive = opening.make_archive(tmp_path / "kho", {"agency": {"code": "H99", "name": "Sở Mẫu"},
                                                      "database": database})
    plan = tmp_path / "plan.csv"
    lines = (ROOT / "samples" / "file-plan.csv").read_text("utf-8-sig").splitlines()
    first = next(n for n, line in enumerate(lines) if "01.VP" in line)
    lines[first], lines[first + 1] = lines[first + 1], lines[first]
    plan.write_text("\n".join(lines), "utf-8-sig")
    import_file_plan(archive, plan, "H99")
    inbox = archive.settings.path(archive.settings.ingest.inbox[0])
    for name in ("van.txt", "anh.txt", "phim.txt", "cho.txt"):
        (inbox / name).write_text(f"Nội dung của {name}", encoding="utf-8")
    (inbox / "danh sach.csv").write_text("Tên tệp;Mã hồ sơ;Ngày ban hành;Trích yếu;Tên loại\n" + "".join(
        f"{name};{code};05/03/2026;Về {name};Sắc phong\n" for name, code in (
            ("van.txt", "H99.2026.01.VP"), ("anh.txt", "H99.2026.01.VP"), ("phim.txt", "H99.2026.01.VP"),
            ("cho.txt", ""))), "utf-8")
    monkeypatch.setattr(nightly, "_seal", lambda *_arguments: [])       # the first form knew no seals
    nightly.run(archive)
    object_id = casefile_object("H99.2026.01.VP")
    for ordinal, fields in ((1, {"imageTitle": "Lễ ký"}), (2, {"movieTitle": "Phim tư liệu", "imageTitle": " "})):
        record = json.loads(archive.store.read(object_id, record_path(ordinal)))
        record["fields"] |= fields
        archive.store.put(object_id, {record_path(ordinal): NewFile(json_bytes(record))}, message="kinds",
                          user="luutru", created=NIGHT)
    rebuild(archive)
    return archive


def test_the_catalogue_of_the_first_form_with_its_rows_becomes_the_one_that_a_rebuild_makes(filled: Archive) -> None:
    with filled.catalogue.session() as session:
        wanted = catalogue.rows(session)
    assert len(wanted["document"]) == 3 and {row["kind"] for row in wanted["document"]} == {"photo", "av", "document"}
    assert min(wanted["file_plan_entry"], key=lambda row: row["position"])["notation"] != "01.VP"
    older(filled, wanted, "0001")
    filled.close()

    again = opening.open_archive(filled.settings)
    with again.catalogue.session() as session:
        upgraded = catalogue.rows(session)
    for table, rows in upgraded.items():
        if table != "file_plan_entry":      # a catalogue of the first form did not know the lines' order …
            assert rows == wanted[table], table
    with opening.ownership(again):
        pass
    with again.catalogue.session() as session:
        assert catalogue.rows(session) == wanted        # … the next command that writes learns it from the store
    rebuild(again)
    with again.catalogue.session() as session:
        assert catalogue.rows(session) == wanted
    again.close()


def test_an_upgraded_catalogue_has_the_tables_that_the_classes_describe(filled: Archive) -> None:
    with filled.catalogue.session() as session:
        rows = catalogue.rows(session)
    for revision in [one.revision for one in reversed(list(scripts().walk_revisions()))][:-1]:
        older(filled, rows, revision)
        filled.catalogue.migrate()
        with filled.catalogue.engine.connect() as connection:
            assert connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar() == SCHEMA
            context = MigrationContext.configure(connection, opts={"compare_type": True})
            assert compare_metadata(context, Base.metadata) == []
    filled.close()


def test_the_newest_migration_is_the_one_that_the_classes_name() -> None:
    assert scripts().get_heads() == [SCHEMA]


def test_the_lists_say_the_same_on_either_database(filled: Archive) -> None:
    with filled.catalogue.session() as session:
        assert casefile_lists.unplanned(session) == []
        assert [one.name for one in casefile_lists.unfiled(session, "H99")] == ["cho.txt"]
        assert [one.code for one in casefile_lists.not_closed(session, 2027)] == ["H99.2026.01.VP"]
        assert len(casefile_lists.empty(session, 2026, "H99")) == 7
        [one] = casefile_lists.unrecognised_types(session)
        assert (one.text, one.stored, one.waiting) == ("Sắc phong", 1, 1)
    filled.close()


def scripts() -> ScriptDirectory:
    return ScriptDirectory(str(catalogue.MIGRATIONS))
