"""Promise 4, against somebody who can write into every file and row: who changes, removes, adds or swaps one is named.

KINDS is the whole list of what lies in an archive: a file of no kind fails here, so that whoever brings a new one says
who notices when it is changed. What nobody guards has its reason, and stands in docs/security.md.
"""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import select

from archive import clock, opening, settings
from archive.doctor import records
from archive.errors import CatalogueLostError, LuuTruError
from archive.fixity import checking, copies, rows
from archive.model import Base, Document
from archive.opening import Archive
from cli import luutru
from retention.objects import ADMITS
from search.index import open_index
from tests.conftest import NIGHT, ROOT, once
from web.accounts import Accounts
from web.tokens import Tokens

DICE = random.Random(20261122)
FIXITY, LEDGER, ROWS, INDEX = "fixity check", "ledger verify", "rebuild --compare", "index verify"
OBJECT = r"store/ocfl/(?:[0-9a-f]{3}/){3}[^/]+"
CASE, FONDS, BATCH, SCAN, SEAL = (r"store/ocfl/(?:[0-9a-f]{3}/){3}urn%3aluutru%3a" + name + r"[^/]+/v\d+/content/"
                                  for name in ("casefile", "fonds", "batch", "scan", "seal"))
DATA = CASE + r"representations/rep1/data/"


@dataclass(frozen=True)
class Kind:
    """Files of one kind: who notices that one was changed (a command), or why nobody need."""

    name: str
    pattern: str
    guard: str = FIXITY
    why: str = ""


KINDS = (
    Kind("storage root", r"store/ocfl/(0=ocfl_1\.1|ocfl_layout\.json|extensions/.+)"),
    Kind("object declaration", OBJECT + r"/0=ocfl_object_1\.1"),
    Kind("inventory", OBJECT + r"/inventory\.json"),
    Kind("sidecar", OBJECT + r"/inventory\.json\.sha512"),
    Kind("inventory of a version", OBJECT + r"/v\d+/inventory\.json"),
    Kind("sidecar of a version", OBJECT + r"/v\d+/inventory\.json\.sha512"),
    Kind("case file's record", CASE + r"metadata/casefile\.json"),
    Kind("document's record", CASE + r"metadata/documents/\d{7}\.json"),
    Kind("signature report", CASE + r"metadata/documents/\d{7}\.signatures\.(json|pdf)"),
    Kind("original", DATA + r"[^/]+\.\d{7}(-a\d+)?\.[a-z0-9]+"),
    Kind("message", DATA + r"[^/]+-message\.[a-z0-9]+"),
    Kind("detached signature", DATA + r".+\.p7[sm]"),
    Kind("access copy", CASE + r"representations/access/data/.+"),
    Kind("text", CASE + r"representations/text/data/.+"),
    Kind("what a package brought besides", CASE + r"documentation/.+"),
    Kind("fonds", FONDS + r"metadata/fonds\.json"),
    Kind("file plan", FONDS + r"metadata/file-plans/.+"),
    Kind("registry lists", BATCH + r"metadata/.+"),
    Kind("long scan", SCAN + r".+"),
    Kind("seal", SEAL + r"seal\.json"),
    Kind("hash tree", SEAL + r"tree\.bin"),
    Kind("trust in the store", r"store/ocfl/(?:[0-9a-f]{3}/){3}urn%3aluutru%3atrust/v\d+/content/.+"),
    Kind("ledger", r"store/ledger/\d{4}-\d\d\.jsonl", LEDGER),
    Kind("received bytes", r"store/intake/[0-9a-f]{16}/(received|submission)/.+"),
    Kind("waiting item", r"store/intake/[0-9a-f]{16}/item\.json", ROWS),
    Kind("made by the stages", r"store/intake/[0-9a-f]{16}/[^/]+", "", "made again when the item is taken up"),
    Kind("catalogue", r"catalogue\.db(-wal|-shm)?", ROWS),
    Kind("search index", r"index/.+", INDEX),
    Kind("accounts.db", r"accounts\.db(-wal|-shm)?", "doctor"),
    Kind("acts.jsonl", r"acts(\.taking)?\.jsonl", "", "acts at the portal until the ledger has them"),
    Kind("exchange.db", r"exchange(\.db(-wal|-shm)?|/.+)", "", "clients and uploads; what is received is proved anew"),
    Kind("transfers/, lgsp/, outbox/", r"(transfers|lgsp|outbox)/.+", "", "proved when received"),
    Kind("reading/", r"reading/.+", "", "copies for readers, made again from the store"),
    Kind("damage/", r"store/damage/.+", "", "what was mended, kept for a person to look at"),
    Kind("README.txt", r"store/README\.txt", "", "a note for people; the program never reads it"),
    Kind("luutru.toml", r"luutru\.toml", "", "believed, with the environment and the command line"),
    Kind("trust/", r"trust/.+", "", "believed; what a verdict rested on is kept in the store"),
    Kind("inbox/", r"inbox/.+", "", "not received yet"),
    Kind("reports/", r"reports/.+", "", "made again with luutru report"),
    Kind("log/", r"log/.+", "", "technical; the ledger is the record"),
    Kind("copies/", r"copies/.+", "", "notes of what copies hold; made again when they are lost"),
    Kind("locks", r"(luutru|backup|acts|writer)\.lock", "", "empty"),
)
COPIED = (
    Kind("copy's marker", r"luutru-copy\.json", "doctor"),
    Kind("copy's settings and trust", r"luutru\.toml|trust/.+|store/README\.txt", "", "taken by nobody but a person"),
)


@pytest.fixture(scope="module")
def after(sample_night: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the sample archive after its night, `kho`, and a copy of it, `sao`."""
    def make(folder: Path) -> None:
        shutil.copytree(sample_night, folder / "kho")
        (folder / "kho" / "report.json").unlink()
        (folder / "sao").mkdir()
        place = folder / "kho" / settings.FILE_NAME
        text = re.sub(r"(?m)^#? *places = .*$", 'places = ["../sao"]', place.read_text(encoding="utf-8"), count=1)
        place.write_text(text, encoding="utf-8")
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(clock, "now", lambda: NIGHT)
            with closing(opening.open_archive(settings.load(folder / "kho"))) as archive, opening.ownership(archive):
                assert {one.code for one in copies.follow(archive, NIGHT)} <= {"FIXITY-005"}

    return once(tmp_path_factory, "tampered", make)


@pytest.fixture
def place(after: Path, tmp_path: Path, stopped_clock: Any) -> Path:
    return copied(after, tmp_path / "all")


def copied(after: Path, place: Path) -> Path:
    """A copy of the archive; objects are the same files under other names, which whoever changes one takes apart."""
    def copy(source: str, target: str) -> None:
        (os.link if "/store/ocfl/" in source else shutil.copy2)(source, target)

    return Path(shutil.copytree(after, place, copy_function=copy))


def write(place: Path, data: bytes) -> None:
    place.unlink()
    place.write_bytes(data)


def said(root: Path, *words: str) -> tuple[int, str]:
    """A command's exit code and what it printed or broke off with, without the breaks of lines."""
    done = CliRunner().invoke(luutru, ["--root", str(root), *words])
    code = done.exception.exit_code if isinstance(done.exception, LuuTruError) else done.exit_code
    return code, " ".join(f"{done.output} {done.exception or ''}".split())


def files(root: Path) -> list[str]:
    return sorted(one.relative_to(root).as_posix() for one in root.rglob("*") if one.is_file() or one.is_symlink())


def kind_of(path: str, kinds: tuple[Kind, ...] = KINDS) -> Kind:
    found = next((one for one in kinds if re.fullmatch(one.pattern, path)), None)
    assert found is not None, f"{path}: of no kind: who notices when somebody changes it?"
    return found


# --- files ------------------------------------------------------------------------------------------------------


def test_every_file_is_of_a_kind_and_what_nobody_guards_is_written_down(after: Path) -> None:
    seen = {kind_of(path).name for path in files(after / "kho")}
    seen |= {kind_of(path, (*COPIED, *KINDS)).name for path in files(after / "sao")}
    assert {one.name for one in KINDS if one.guard == FIXITY} - seen <= {
        "detached signature", "trust in the store", "what a package brought besides"}, "the sample shows nearly all"
    security = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
    for one in (*KINDS, *COPIED):
        if not one.guard:
            assert f"| {one.name} |" in security, one.name


def flip(place: Path) -> None:
    data = bytearray(place.read_bytes())
    data[DICE.randrange(len(data))] ^= 1 << DICE.randrange(8)
    write(place, data)


def cut(place: Path) -> None:
    write(place, place.read_bytes()[:-1])


def swap(place: Path) -> None:
    """With what lies in another file."""
    write(place, b"what was somewhere else")


def link(place: Path) -> None:
    """The same bytes, but they lie outside of the archive."""
    outside = next(above for above in place.parents if above.name == "all") / f"{DICE.randrange(1 << 40)}"
    place.rename(outside)
    place.symlink_to(outside)


HOW: dict[str, Callable[[Path], None]] = {"flip": flip, "cut": cut, "remove": Path.unlink, "swap": swap, "link": link}


def object_of(path: str) -> str:
    """The folder of the object that a path of the storage root lies in."""
    return "/".join(path.split("/")[:6]) if re.match(OBJECT + "/", path) else ""


def chosen(root: Path, kinds: tuple[Kind, ...], *, structural: bool) -> Iterator[str]:
    """A file of each kind that `fixity check` guards; of an object whose own files are changed only one."""
    used: set[str] = set()
    here = files(root)
    for kind in kinds:
        of_an_object = kind.pattern.startswith(OBJECT)
        if kind.guard != FIXITY or of_an_object is not structural:
            continue
        found = [path for path in here if kind_of(path, (*COPIED, *KINDS)) is kind
                 and not (structural and object_of(path) in used)]
        if found:
            used.add(object_of(path := DICE.choice(found)))
            yield path


def names(path: str) -> tuple[str, ...]:
    """What a sentence about this file must say."""
    if path.startswith("store/intake/"):
        return (path.split("/")[2],)
    if folder := object_of(path):
        return folder.rpartition("/")[2].replace("%3a", ":").replace("%2e", "."), path.removeprefix(f"{folder}/")
    return (path.removeprefix("store/").removeprefix("ocfl/"),)


def unnamed(faults: list[str], root: Path, paths: list[str]) -> list[str]:
    """The files among `paths` that no sentence names."""
    copied = root.name == "sao"
    told = [one for one in faults if ("../sao" in one) is copied]
    return [path for path in paths if not any(all(name in one for name in names(path)) for one in told)]


def check(root: Path) -> list[str]:
    with closing(opening.open_archive(settings.load(root))) as archive, opening.ownership(archive):
        return checking.check(archive).faults


@pytest.mark.parametrize("structural", [False, True])
@pytest.mark.parametrize("how", HOW)
def test_a_file_of_the_store_or_of_a_copy_that_was_changed_is_named(place: Path, how: str, structural: bool) -> None:
    tampered = {root: list(chosen(root, KINDS, structural=one)) for root, one in (
        (place / "kho", structural), (place / "sao", not structural))}
    for root, paths in tampered.items():
        for path in paths:
            HOW[how](root / path)
    faults = check(place / "kho")
    for root, paths in tampered.items():
        assert paths
        assert unnamed(faults, root, paths) == [], faults


def test_what_was_added_anywhere_in_the_store_is_named(place: Path) -> None:
    root = place / "kho"
    found = files(root)
    inside = object_of(next(path for path in found if kind_of(path).name == "original"))
    item = next(path for path in found if kind_of(path).name == "received bytes").split("/")[2]
    shutil.copytree(root / inside, root / (twice := "store/ocfl/aaa/bbb/ccc/urn%3aluutru%3acasefile%3aH99%2e1"))
    added = [f"{inside}/v1/content/representations/rep1/data/la.pdf", f"{inside}/v1/content/la/la.pdf",
             f"{inside}/v1/la.txt", f"{inside}/la.txt", f"{inside}/v7/la.txt", f"{inside}/inventory.json.bak",
             "store/ocfl/la.txt", "store/ocfl/extensions/la.txt", f"store/intake/{item}/received/la.pdf",
             "store/intake/0123456789abcdef/received/la.pdf", "store/la.txt", "store/ledger/la.txt"]
    for path in added:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text("x")
    faults = check(root)
    for path in (*added, f"{twice}/inventory.json"):
        known = {"v7/la.txt": "v7", "v1/content/la/la.pdf": "v1/content/la"}
        parts = known.get(path.removeprefix(f"{inside}/"), path.removeprefix(f"{inside}/"))
        wanted = names(f"{inside}/{parts}" if path.startswith(inside) else path)
        wanted = wanted[:1] if path.startswith(twice) else wanted
        assert any(all(name in one for name in wanted) for one in faults), (path, faults)


# --- the ledger -------------------------------------------------------------------------------------------------


def changed(lines: list[bytes]) -> None:
    lines[40] = lines[40].replace(b'"actor":"luutru"', b'"actor":"nobody"')


def removed(lines: list[bytes]) -> None:
    del lines[40]


def swapped(lines: list[bytes]) -> None:
    lines[40], lines[41] = lines[41], lines[40]


def inserted(lines: list[bytes]) -> None:
    lines.insert(40, lines[12])


def ended_early(lines: list[bytes]) -> None:
    del lines[-1]


def last_changed(lines: list[bytes]) -> None:
    lines[-1] = lines[-1].replace(b'"actor":"luutru"', b'"actor":"nobody"')


def no_line(lines: list[bytes]) -> None:
    lines[40] = b"{}\n"


def emptied(lines: list[bytes]) -> None:
    lines.clear()


@pytest.mark.parametrize(("how", "named"), [
    (changed, "2026-11.jsonl:41"), (removed, "2026-11.jsonl:41"), (swapped, "2026-11.jsonl:41"),
    (inserted, "2026-11.jsonl:41"), (no_line, "2026-11.jsonl:41"), (last_changed, "2026-11.jsonl"),
    (ended_early, ""), (emptied, "")], ids=lambda one: getattr(one, "__name__", ""))
def test_a_line_of_the_ledger_that_was_changed_is_named(place: Path, how: Callable[[list[bytes]], None],
                                                        named: str) -> None:
    file = place / "kho" / "store" / "ledger" / "2026-11.jsonl"
    lines = file.read_bytes().splitlines(keepends=True)
    last = len(lines)
    how(lines)
    file.write_bytes(b"".join(lines))
    code, text = said(place / "kho", "ledger", "verify")
    assert code == 4
    assert (named or str(last)) in text, text


def test_the_ledger_and_the_marker_of_a_copy_that_were_changed_are_named(place: Path) -> None:
    file = place / "sao" / "store" / "ledger" / "2026-11.jsonl"
    file.write_bytes(file.read_bytes().replace(b'"actor":"luutru"', b'"actor":"nobody"', 1))
    faults = check(place / "kho")
    assert any("../sao" in one and "2026-11.jsonl" in one for one in faults), faults
    marker = place / "sao" / "luutru-copy.json"
    marker.write_bytes(marker.read_bytes().replace(b'"archive": "', b'"archive": "0', 1))
    told = json.loads(CliRunner().invoke(luutru, ["--root", str(place / "kho"), "doctor", "--json"]).stdout)
    assert told["copies"]["absent"] == ["../sao"]


# --- rows -------------------------------------------------------------------------------------------------------


class Database:
    """Two catalogues as files, the archive's and the one made again: an attacker's way to the first."""

    def __init__(self, archive: Archive, made: Archive) -> None:
        self.archive, self.made = archive, made
        self.connections = [sqlite3.connect(str(one.catalogue.engine.url.database)) for one in (archive, made)]

    def run(self, statement: str, values: tuple[Any, ...] = (), *, both: bool = False) -> None:
        for connection in self.connections if both else self.connections[:1]:
            connection.execute(statement, values)
            connection.commit()

    def one(self, statement: str) -> tuple[Any, ...]:
        return tuple(self.connections[0].execute(statement).fetchone())

    def differing(self, table: str) -> list[rows.RowFault]:
        return list(rows.differing(self.archive, self.made, [table]))


@pytest.fixture(scope="module")
def database(after: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    place = copied(after, tmp_path_factory.mktemp("rows") / "all") / "kho"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clock, "now", lambda: NIGHT)
        with closing(opening.open_archive(settings.load(place))) as archive, opening.ownership(archive):
            before = {path: (place / path).read_bytes() for path in files(place) if not path.startswith("catalogue")}
            with rows.rebuilt_aside(archive, ADMITS) as made:
                assert list(rows.differing(archive, made)) == []
                yield Database(archive, made)
            assert {path: (place / path).read_bytes() for path in files(place)
                    if not path.startswith("catalogue")} == before, "a comparison writes nothing"


TABLES = [table for table in Base.metadata.sorted_tables if table.name not in rows.FOR_THE_MOMENT]


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_a_row_of_the_catalogue_that_was_changed_added_or_removed_is_named(database: Database, table: Any) -> None:
    name, keys = table.name, [key.name for key in table.primary_key]
    columns = [column.name for column in table.columns]
    made_up: dict[type, Any] = dict.fromkeys((int, float, bool), 7_000_007) | dict.fromkeys((dict, list), "{}")
    new = tuple(made_up.get(column.type.python_type, f"la-{column.name}") for column in table.columns)
    quoted = ", ".join(f'"{column}"' for column in columns)
    insert = f"INSERT INTO {name} ({quoted}) VALUES ({', '.join('?' * len(new))})"
    key = " / ".join(str(new[columns.index(one)]) for one in keys)
    database.run(insert, new)
    assert [(one.kind, one.key) for one in database.differing(name)] == [("extra", key)]
    where, values = " AND ".join(f'"{one}" = ?' for one in keys), tuple(new[columns.index(one)] for one in keys)
    database.run(f"DELETE FROM {name} WHERE {where}", values)
    database.connections[1].execute(insert, new)
    database.connections[1].commit()
    assert [(one.kind, one.key) for one in database.differing(name)] == [("missing", key)]
    database.run(insert, new)
    assert database.differing(name) == []
    for column, value in zip(columns, new, strict=True):
        if column in keys or column in rows.OF_THE_INDEX.get(name, ()):
            continue
        other: Any = {"{}": '{"a":1}', 7_000_007: 0}.get(value, f"{value}x")
        database.run(f'UPDATE {name} SET "{column}" = ? WHERE {where}', (other, *values))
        assert [(one.kind, one.key, one.columns) for one in database.differing(name)] == [("changed", key, (column,))]
        database.run(f'UPDATE {name} SET "{column}" = ? WHERE {where}', (value, *values))
    database.run(f"DELETE FROM {name} WHERE {where}", values, both=True)


def test_what_is_no_json_no_text_or_no_table_any_more_is_named_and_ends_nothing(database: Database) -> None:
    (code, fields) = database.one("SELECT code, fields FROM document ORDER BY code LIMIT 1")
    database.run("UPDATE document SET fields = ? WHERE code = ?", ("{not json", code))
    assert [(one.key, one.columns) for one in database.differing("document")] == [(code, ("fields",))]
    database.run("UPDATE document SET fields = CAST(x'ff00ff' AS TEXT) WHERE code = ?", (code,))
    assert [one.kind for one in database.differing("document")] == ["unreadable"]
    database.run("UPDATE document SET fields = ? WHERE code = ?", (fields, code))
    assert database.differing("document") == []


def test_the_command_names_the_row_and_its_column_and_changes_nothing(place: Path) -> None:
    root = place / "kho"
    with closing(sqlite3.connect(root / "catalogue.db")) as connection:
        (code,) = connection.execute("SELECT code FROM document ORDER BY code LIMIT 1").fetchone()
        connection.execute("UPDATE document SET subject = 'đã bị sửa' WHERE code = ?", (code,))
        connection.execute("UPDATE document SET received_at = '2020-01-01' WHERE code = ?", (code,))
        connection.commit()
    (waiting,) = [path for path in files(root) if kind_of(path).name == "waiting item"][:1]
    told = json.loads((root / waiting).read_bytes())
    told["fields"] = {**told["fields"], "subject": "đã bị sửa"}
    (root / waiting).write_text(json.dumps(told))
    code_of, text = said(root, "rebuild", "--compare")
    assert code_of == 4
    assert f"document {code}: received_at, subject" in text or f"document {code}: subject, received_at" in text
    assert waiting.split("/")[2] in text, "the file of what waits in quarantine against the row"
    assert not (root / "store" / "staging" / "rebuilt").exists()


def test_the_doctor_notices_rows_that_are_gone_without_reading_everything(place: Path) -> None:
    root = place / "kho"

    def codes() -> list[tuple[str, str]]:
        with closing(opening.open_archive(settings.load(root))) as archive:
            return [(one.code, one.subject) for one in records.rows(archive)]

    assert codes() == []
    with closing(sqlite3.connect(root / "catalogue.db")) as connection:
        connection.execute("DELETE FROM event WHERE seq = 41")
        code, item = connection.execute("SELECT code, item FROM document ORDER BY code LIMIT 1").fetchone()
        connection.execute("DELETE FROM document WHERE code = ?", (code,))
        connection.commit()
    assert codes() == [("DOCTOR-050", "event"), ("DOCTOR-051", item)]


def test_an_account_role_or_token_that_somebody_wrote_into_the_file_is_named(place: Path) -> None:
    root = place / "kho"
    accounts = Accounts(settings.load(root))
    accounts.add("mai", "Lê Thị Mai", ["records_officer"], fonds="H99", by="quản trị")
    accounts.add("bac-cu", "Phạm Văn Cũ", ["archivist"], by="quản trị")
    accounts.set_roles("mai", ["archivist", "records_officer"], by="quản trị")
    accounts.lock("bac-cu", locked=True, reason="nghỉ việc", by="quản trị")
    accounts.add_machine("may", "Máy", ["records_officer"], by="quản trị")
    Tokens(accounts.settings, accounts).make("may", "thống kê", ["records"], by="quản trị")

    def named() -> list[str]:
        with closing(opening.open_archive(settings.load(root))) as archive:
            found = list(records.accounts(archive))
        assert {one.code for one in found} <= {"DOCTOR-052"}
        return [f"{one.subject}: {one.params['now']} ≠ {one.params['said']}" for one in found]

    assert named() == [], "some are in the ledger, others wait for it"
    with closing(opening.open_archive(settings.load(root))) as archive, opening.ownership(archive):
        pass
    assert named() == []
    with closing(sqlite3.connect(root / "accounts.db")) as connection:
        connection.execute("INSERT INTO role VALUES ('mai', 'administrator')")
        connection.execute("UPDATE account SET locked = 0 WHERE name = 'bac-cu'")
        connection.execute("INSERT INTO account (name, full_name, made_at) VALUES ('nguoi-la', 'Lạ', '2026')")
        connection.execute("UPDATE token SET id = 'strange'")
        connection.commit()
    assert named() == [
        "bac-cu: archivist ≠ archivist · locked",
        "mai: administrator, archivist, records_officer · H99 ≠ archivist, records_officer · H99",
        "nguoi-la:  ≠ —", "may: token strange ≠ —"]


def test_a_document_that_was_taken_out_of_the_index_is_named(place: Path) -> None:
    root = place / "kho"
    assert said(root, "index", "verify")[0] == 0
    with closing(opening.open_archive(settings.load(root))) as archive, archive.catalogue.session() as session:
        gone = session.scalars(select(Document.code).order_by(Document.code)).first()
        index = open_index(archive.settings)
        index.remove([str(gone)])
        index.close()
    code, text = said(root, "index", "verify")
    assert code == 3
    assert str(gone) in text


def test_a_catalogue_that_was_put_back_from_an_older_copy_is_not_worked_on(sample_night: Path, tmp_path: Path,
                                                                           stopped_clock: Any) -> None:
    root = copied(sample_night, tmp_path / "kho")
    with closing(sqlite3.connect(root / "catalogue.db")) as connection:     # as it was before the night
        for table in ("event", "batch", "item", "document", "file", "signature", "finding", "page_text", "seal"):
            wanted = "seq >= (SELECT min(seq) FROM event WHERE kind = 'batch_started')" if table == "event" else "1"
            connection.execute(f"DELETE FROM {table} WHERE {wanted}")
        connection.commit()
    with closing(opening.open_archive(settings.load(root))) as archive, pytest.raises(CatalogueLostError), \
            opening.ownership(archive):
        raise AssertionError("the events were copied, and their rows are not there")
    assert said(root, "rebuild", "--yes")[0] == 0
    assert said(root, "rebuild", "--compare", "--json") == (0, '{ "rows": [] }')


def test_what_the_catalogue_wrote_down_is_on_the_disk(tmp_path: Path) -> None:
    """The ledger is behind by one transaction at most: a power cut takes none that was committed."""
    asked = ("from archive.catalogue import Catalogue\n"
             "with Catalogue('sqlite:///c.db').session() as one:\n"
             "    print(one.connection().exec_driver_sql('PRAGMA synchronous').scalar())")
    done = subprocess.run([sys.executable, "-c", asked], cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)},
                          capture_output=True, text=True, check=True)
    assert done.stdout == "2\n"
