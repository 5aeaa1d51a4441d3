"""An archive outlives its program: its catalogue goes up to newer forms and down again, and is what a rebuild makes.

On SQLite and on a real PostgreSQL, with rows in every table; killed half way, it has the form that it had.
"""

from __future__ import annotations

import fnmatch
import json
import shutil
import tomllib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command, op
from alembic.script import ScriptDirectory
from click.testing import CliRunner, Result

from archive import casefile_lists, catalogue, catalogue_forms, opening, settings
from archive.catalogue import Catalogue
from archive.commands import catalogue as commands
from archive.errors import CatalogueBehindError, CatalogueFormError, CatalogueLostError, IntegrityError, UsageError
from archive.findings import rules
from archive.model import SCHEMA, Base, CaseFile
from archive.rebuild import rebuild
from retention import holds
from retention.objects import ADMITS
from tests.conftest import NIGHT, ROOT

Rows = dict[str, list[dict[str, Any]]]
Shape = dict[str, dict[str, Any]]
FORMS = [one.number for one in catalogue_forms.forms()]


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database of each kind."""
    return (f"sqlite:///{tmp_path / 'steps.db'}" if request.param == "sqlite"
            else str(request.getfixturevalue("postgresql")))


@pytest.fixture
def kho(sample_night: Path, tmp_path: Path) -> Path:
    """The sample archive after its night, a copy of the test's own."""
    return Path(shutil.copytree(sample_night, tmp_path / "kho"))


def rows_of(root: Path) -> Rows:
    archive = opening.open_archive(settings.load(root))
    try:
        with archive.catalogue.session() as session:
            return catalogue.rows(session)
    finally:
        archive.close()


def up(made: Catalogue, form: str) -> None:
    with made.whole() as connection:
        command.upgrade(catalogue_forms._config(connection), form)


def shape(made: Catalogue) -> Shape:
    """Everything about the tables that a program can rely on, but for the order of columns."""
    look = sa.inspect(made.engine)
    columns, keys = look.get_multi_columns(), look.get_multi_pk_constraint()
    foreign, indexes, unique = (look.get_multi_foreign_keys(), look.get_multi_indexes(),
                                look.get_multi_unique_constraints())
    return {place[1]: {
        "columns": {one["name"]: (str(one["type"]), one["nullable"], one["default"]) for one in columns[place]},
        "key": keys[place],
        "foreign": sorted(map(str, foreign.get(place, []))),
        "indexes": sorted((one["name"], one["column_names"], bool(one["unique"])) for one in indexes.get(place, [])
                          if not one.get("duplicates_constraint")),
        "unique": sorted((one["name"], one["column_names"]) for one in unique.get(place, []))}
        for place in columns if place[1] != "alembic_version"}


def value(column: sa.Column[Any], n: int) -> Any:
    """A value that is no default, the same for a key and for what points to it."""
    for key in column.foreign_keys:
        return value(key.column, n)
    match column.type:
        case sa.Boolean():
            return True
        case sa.BigInteger():
            return 2 ** 40 + n
        case sa.Integer():
            return 100 + n
        case sa.Float():
            return n + 0.25
        case sa.JSON():
            return {"khóa": n}
        case _:
            return f"{column.name[:6]}{n}"


def fill(made: Catalogue) -> Rows:
    """Two rows in every table."""
    rows = {table.name: [{column.name: value(column, n) for column in table.columns} for n in (1, 2)]
            for table in Base.metadata.sorted_tables}
    put(made, rows)
    return rows


def put(made: Catalogue, rows: Rows) -> None:
    """Write those of `rows` that the form of the tables has a place for."""
    then = sa.MetaData()
    then.reflect(made.engine)
    with made.engine.begin() as connection:
        for table in Base.metadata.sorted_tables:
            if table.name in then.tables and rows[table.name]:
                kept = [column.name for column in table.columns if column.name in then.tables[table.name].columns]
                typed = sa.table(table.name, *(sa.column(name, table.columns[name].type) for name in kept))
                connection.execute(typed.insert(), [{name: row[name] for name in kept} for row in rows[table.name]])


def read(made: Catalogue, columns: Shape) -> Rows:
    """The rows, by the columns that these tables have."""
    found: Rows = {}
    with made.engine.connect() as connection:
        for table in Base.metadata.sorted_tables:
            if table.name in columns:
                chosen = [column for column in table.columns if column.name in columns[table.name]["columns"]]
                found[table.name] = [dict(row) for row in connection.execute(
                    sa.select(*chosen).order_by(*table.primary_key)).mappings()]
    return found


# --- steps -----------------------------------------------------------------------------------------------------


def test_from_every_form_there_is_a_way_down_and_up_again_with_rows_in_it(place: str) -> None:
    made, shapes = Catalogue(place), {}
    for form in FORMS:
        up(made, form)
        assert made.form() == form
        shapes[form] = shape(made)
    assert catalogue_forms.differences(made) == [] and FORMS[-1] == SCHEMA
    rows = fill(made)
    told = {form: catalogue_forms.losses(made, form) for form in FORMS}
    for form in reversed(FORMS[:-1]):
        assert {one.subject for one in told[form]} == gone(shapes[form], shapes[SCHEMA])
        assert all(one.params["n"] == "2" and one.code == ("CATALOGUE-002" if "." in one.subject else "CATALOGUE-001")
                   for one in told[form])
        catalogue_forms.downgrade(made, form)
        assert made.form() == form and shape(made) == shapes[form]
        held = read(made, shapes[form])
        assert held == {name: [{key: row[key] for key in held[name][0]} for row in rows[name]] for name in held}
    made.migrate()
    assert made.form() == SCHEMA and shape(made) == shapes[SCHEMA] and catalogue_forms.differences(made) == []
    with made.whole() as connection:
        command.downgrade(catalogue_forms._config(connection), "base")
    assert made.form() == "" and shape(made) == {}
    made.close()


def gone(then: Shape, now: Shape) -> set[str]:
    """Tables, and columns of tables that stay, that a form does not have."""
    return {name for name in now if name not in then and name not in catalogue_forms.OF_A_MOMENT} | {
        f"{name}.{column}" for name in then for column in now[name]["columns"] if column not in then[name]["columns"]}


def test_a_step_that_breaks_off_leaves_the_form_that_was_there(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    made = Catalogue(place)
    up(made, "0001")
    first = shape(made)
    with monkeypatch.context() as patch:
        patch.setattr(op, "create_table", until("hold_item", op.create_table))
        with pytest.raises(KeyError):
            made.migrate()
    assert made.form() == "0001" and shape(made) == first
    made.migrate()
    newest, rows = shape(made), fill(made)
    with monkeypatch.context() as patch:
        patch.setattr(op, "drop_column", until("case_file", op.drop_column))
        with pytest.raises(KeyError):
            catalogue_forms.downgrade(made, "0001")
    assert made.form() == SCHEMA and shape(made) == newest and read(made, newest) == rows
    with monkeypatch.context() as patch:        # a step that takes more than it should
        patch.setattr(op, "drop_column", lambda *_names: op.execute("DELETE FROM finding"))
        with pytest.raises(IntegrityError, match="finding"):
            catalogue_forms.downgrade(made, "0006")
    assert made.form() == SCHEMA and read(made, newest) == rows
    made.close()


def until(at: str, real: Callable[..., Any]) -> Callable[..., Any]:
    """One of Alembic's operations, which breaks off when the table `at` is to be changed."""
    def act(table: str, *rest: Any, **more: Any) -> Any:
        if table == at:
            raise KeyError(at)
        return real(table, *rest, **more)

    return act


def test_each_migration_names_its_events_and_they_are_events_of_the_ledger() -> None:
    known = tomllib.loads((ROOT / "web" / "ledger_kinds.toml").read_text("utf-8"))
    for form in catalogue_forms.forms():
        for pattern in form.told_by:
            assert fnmatch.filter(known, pattern), f"{form.number}: {pattern}"
    assert ScriptDirectory(str(catalogue.MIGRATIONS)).get_heads() == [SCHEMA]


def test_the_kind_of_documents_of_the_first_form_follows_from_their_fields(place: str) -> None:
    made = Catalogue(place)
    up(made, "0001")
    rows = {table.name: [{column.name: value(column, n) for column in table.columns} for n in (1, 2, 3)]
            for table in Base.metadata.sorted_tables}
    for row, fields in zip(rows["document"], ({"imageTitle": "Lễ ký"}, {"movieTitle": "Phim", "imageTitle": " "},
                                              {"subject": "imageTitle"}), strict=True):
        row["fields"] = fields
    put(made, rows)
    made.migrate()
    with made.engine.connect() as connection:
        kinds = connection.execute(sa.text("SELECT kind FROM document ORDER BY code")).scalars().all()
    assert kinds == ["photo", "av", "document"]
    made.close()


# --- an archive ------------------------------------------------------------------------------------------------


@pytest.fixture
def older(kho: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, place: str) -> tuple[Path, Rows]:
    """The sample archive with a catalogue of the first form, and the rows that it had in the newest."""
    rows = rows_of(kho)
    (kho / "catalogue.db").unlink()
    monkeypatch.setenv("LUUTRU_DATABASE", place)
    made = Catalogue(place)
    up(made, "0001")
    put(made, rows)
    made.close()
    return kho, rows


def test_a_catalogue_that_an_older_program_served_is_made_again_and_never_half_believed(
        older: tuple[Path, Rows], place: str) -> None:
    root, wanted = older
    told = settings.load(root)
    for _again in range(2):
        with pytest.raises(CatalogueBehindError, match="sealed"):
            opening.open_archive(told)
        made = Catalogue(place)
        assert made.form() == "0001"
        made.close()
    opening.open_archive(told, rebuilding=True).close()         # killed before the first row
    with pytest.raises(CatalogueLostError):
        opening.open_archive(told)
    archive = opening.open_archive(told, rebuilding=True)
    rebuild(archive, admits=ADMITS)
    archive.close()
    assert settled(rows_of(root)) == settled(wanted)


def test_a_catalogue_of_the_first_form_with_its_rows_becomes_the_one_that_a_rebuild_makes(
        older: tuple[Path, Rows], monkeypatch: pytest.MonkeyPatch) -> None:
    root, wanted = older
    wanted["seal"] = []
    unsealed = tuple(replace(one, told_by=tuple(kind for kind in one.told_by if kind != "sealed"))
                     for one in catalogue_forms.forms())
    monkeypatch.setattr(catalogue_forms, "forms", lambda: unsealed)
    upgraded = rows_of(root)
    waiting = {"file_plan_entry", "page_text", "document"}      # their order, their pages
    assert {name for name in wanted if upgraded[name] != wanted[name]} <= waiting
    archive = opening.open_archive(settings.load(root))
    with opening.ownership(archive):        # … the next command that writes learns from the store
        pass
    with archive.catalogue.session() as session:
        found = catalogue.rows(session)
    for row in (*found["document"], *wanted["document"]):
        row["recheck_on"] = row["recheck_trust"] = ""   # records of the time of the first form named no day
    assert found == wanted
    archive.close()


def settled(rows: Rows) -> Rows:
    """Rows without the index's marks, which a rebuild of the catalogue alone takes away."""
    return {**rows, "document": [{**row, "indexed": ""} for row in rows["document"]]}


def test_the_lists_say_the_same_on_either_database(kho: Path, postgresql: str) -> None:
    here = opening.open_archive(settings.load(kho))
    with here.catalogue.session() as session:
        rows = catalogue.rows(session)
    there = Catalogue(postgresql)
    there.migrate()
    put(there, rows)
    said = []
    for one in (here.catalogue, there):
        with one.session() as session:
            said.append([casefile_lists.unplanned(session), casefile_lists.unfiled(session, "H99"),
                         casefile_lists.not_closed(session, 2027), casefile_lists.empty(session, 2026, "H99"),
                         casefile_lists.unrecognised_types(session)])
    assert said[0] == said[1] and all((said[0][1], said[0][2], said[0][4]))
    here.close()
    there.close()


# --- the commands ----------------------------------------------------------------------------------------------


def run(root: Path, *words: str) -> Result:
    return CliRunner().invoke(commands.command, [*words], obj=root)


def test_the_way_back_to_an_older_program_and_up_again(kho: Path, tmp_path: Path) -> None:
    wanted = rows_of(kho)
    old = tmp_path / "luutru-cu"
    (old / catalogue_forms.VERSIONS).mkdir(parents=True)
    for path in sorted((ROOT / catalogue_forms.VERSIONS).glob("000*.py"))[:6]:
        shutil.copy(path, old / catalogue_forms.VERSIONS)
    shown = json.loads(run(kho, "version", "--json").stdout)
    assert (shown["form"], shown["knows"], shown["findings"]) == (SCHEMA, SCHEMA, [])
    assert shown["rows"]["document"] == len(wanted["document"]) and len(shown["forms"]) == len(FORMS)

    dry = run(kho, "downgrade", "--for", str(old), "--dry-run")
    assert dry.exit_code == 0 and "CATALOGUE-001" in dry.stdout and "page_text" in dry.stdout
    refused = CliRunner().invoke(commands.command, ["downgrade", "--to", "0006"], obj=kho, input="n\n")
    assert refused.exit_code == 1 and rows_of(kho) == wanted
    done = run(kho, "downgrade", "--for", str(old), "--yes", "--json")
    told = json.loads(done.stdout)
    assert (done.exit_code, told["form"], told["dry_run"]) == (0, "0006", False)
    older = run(kho, "version")
    assert older.exit_code == 3 and "0006" in older.stdout
    assert json.loads(run(kho, "version", "--json").stdout)["form"] == "0006"       # looking does not bring it up

    archive = opening.open_archive(settings.load(kho))      # nothing after that form was ever used: all comes back
    with opening.ownership(archive):
        pass
    archive.close()
    assert rows_of(kho) == wanted


def test_a_program_that_knows_the_same_form_needs_no_way_back(kho: Path) -> None:
    wanted = rows_of(kho)
    done = run(kho, "downgrade", "--for", str(ROOT), "--yes")
    assert done.exit_code == 0 and SCHEMA in done.stdout
    told = json.loads(run(kho, "downgrade", "--for", str(ROOT), "--json").stdout)
    assert (told["form"], told["findings"]) == (SCHEMA, []) and rows_of(kho) == wanted


def test_a_hold_that_the_older_form_could_not_keep_is_never_forgotten(kho: Path) -> None:
    archive = opening.open_archive(settings.load(kho))
    with archive.catalogue.session() as session:
        code = session.scalars(sa.select(CaseFile.code).order_by(CaseFile.code).limit(1)).one()
    with opening.ownership(archive):
        holds.place(archive, [code], holds.Ground("thanh tra", "Nguyễn Thị Hạnh", "12/QĐ-TTT", "2026-11-20",
                                                  "Thanh tra tỉnh"), at=NIGHT)
    archive.close()
    found = json.loads(run(kho, "downgrade", "--to", "0004", "--yes", "--json").stdout)["findings"]
    assert {one["code"]: one["subject"] for one in found}.items() >= {("CATALOGUE-003", "0004")}
    assert {"hold", "hold_item"} <= {one["subject"] for one in found}
    with pytest.raises(CatalogueBehindError, match="hold_placed"):
        opening.open_archive(settings.load(kho))
    again = opening.open_archive(settings.load(kho), rebuilding=True)
    rebuild(again, admits=ADMITS)
    again.close()
    assert [row["code"] for row in rows_of(kho)["hold_item"]] == [code]


def test_what_cannot_be_is_said_in_words(kho: Path, tmp_path: Path) -> None:
    for words, said in ((["downgrade"], "--for"), (["downgrade", "--to", "0009", "--for", str(tmp_path)], "--for"),
                        (["downgrade", "--to", "0099"], "0099"), (["downgrade", "--to", SCHEMA], SCHEMA),
                        (["downgrade", "--for", str(tmp_path)], str(tmp_path))):
        with pytest.raises(UsageError, match=said):
            raise run(kho, *words).exception or AssertionError(words)
    made = Catalogue(f"sqlite:///{kho / 'catalogue.db'}")
    with made.engine.begin() as connection:
        connection.execute(sa.text("DROP INDEX ix_document_issued_on"))
        connection.execute(sa.text("ALTER TABLE hold DROP COLUMN conditions"))
    changed = run(kho, "version", "--json")
    found = json.loads(changed.stdout)["findings"]
    assert changed.exit_code == 3 and {one["code"] for one in found} == {"CATALOGUE-006"}
    assert sorted(one["subject"][2:] for one in found) == ["hold.conditions", "ix_document_issued_on"]
    with made.engine.begin() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '0099'"))
    made.close()
    with pytest.raises(CatalogueFormError, match=r"0099.*downgrade --to"):
        opening.open_archive(settings.load(kho))
    newer = run(kho, "version")
    assert newer.exit_code == 3 and "0099" in newer.stdout


def test_every_finding_of_the_catalogue_is_tested() -> None:
    text = Path(__file__).read_text("utf-8") + Path(__file__).with_name("test_catalogue_move.py").read_text("utf-8")
    assert [code for code in rules() if code.startswith("CATALOGUE-") and code not in text] == []
