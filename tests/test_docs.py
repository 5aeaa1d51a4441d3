"""Documentation that is tested: generated pages, links, the worked example, and what a page must not forget."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import click
import pytest
from pydantic import BaseModel

from archive import findings, layout, rebuild, records
from archive.file_plan_import import import_file_plan
from archive.ledger import line_hash
from archive.opening import Archive
from archive.settings import Settings
from archive.store import Store
from cli import luutru
from ingest import nightly
from tests.conftest import ROOT

DOCS = ROOT / "docs"
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md")])
FORMAT = (DOCS / "format.md").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")


def example(name: str) -> str:
    """The code block that follows `<!-- example: name -->` in format.md."""
    found = re.search(rf"<!-- example: {name} -->\n```\w+\n(.*?)\n```", FORMAT, re.DOTALL)
    assert found, name
    return found[1]


# --- generated pages ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", ["vi", "en"])
def test_the_generated_pages_are_what_the_code_says_now_whatever_the_machine_speaks(language: str) -> None:
    done = subprocess.run([sys.executable, str(DOCS / "generate.py"), "--check"], capture_output=True, text=True,
                          check=False, env={**os.environ, "LUUTRU_LANGUAGE": language})
    assert done.returncode == 0, done.stderr


def test_every_finding_is_documented_once() -> None:
    told = re.findall(r"^### (\S+)$", (DOCS / "findings.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(told) == sorted(findings.rules())


def test_every_command_is_documented() -> None:
    page = (DOCS / "commands.md").read_text(encoding="utf-8")
    assert {words for words in command_words(luutru, "luutru") if f"# {words}\n" not in page} == set()


def command_words(command: click.Command, words: str) -> list[str]:
    found = [words]
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            assert below is not None
            found += command_words(below, f"{words} {name}")
    return found


def test_every_setting_is_documented_with_its_environment_variable() -> None:
    page = (DOCS / "settings.md").read_text(encoding="utf-8")
    assert {one for one in variables(Settings, "LUUTRU_") if f"`{one}`" not in page} == set()


def variables(model: type[BaseModel], prefix: str) -> list[str]:
    found = []
    for key, field in model.model_fields.items():
        default = field.get_default(call_default_factory=True)
        found += (variables(type(default), f"{prefix}{key.upper()}__") if isinstance(default, BaseModel)
                  else [prefix + key.upper()])
    return found


FREE = ("luutru search", "luutru digitise", "luutru report")     # what names none of their commands is an argument


# --- the pages that people write ---------------------------------------------------------------------------


def test_the_readme_names_the_two_commands() -> None:
    assert "./run nightly" in README
    assert "./run tests" in README


def test_every_command_that_a_page_tells_people_to_type_exists() -> None:
    known = set(command_words(luutru, "luutru"))
    groups = {words for words in known if any(other.startswith(f"{words} ") for other in known)}
    for page in PAGES:
        for typed in re.findall(r"\./run luutru((?: --root \S+)?(?: [a-z][a-z-]*){1,3})",
                                page.read_text(encoding="utf-8")):
            words = "luutru"
            for word in re.sub(r" --root \S+", "", typed).split():
                if words in FREE and f"{words} {word}" not in known:
                    break
                if words in groups:
                    words += f" {word}"
            assert words in known, f"{page.name}: {typed}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_no_relative_link_is_dead(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)\s]+)\)", re.sub(r"```.*?```|`[^`\n]*`", "", text, flags=re.DOTALL)):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        place = (page.parent / unquote(path)).resolve() if path else page
        assert place.exists(), target
        assert place.is_relative_to(ROOT), target
        if anchor:
            assert anchor in anchors(place.read_text(encoding="utf-8")), target


def anchors(text: str) -> set[str]:
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-")
            for heading in re.findall(r"^#+ (.+)$", text, re.MULTILINE)}


def test_no_page_names_a_place_of_the_machine_on_which_it_was_written() -> None:
    here = [str(ROOT), str(Path.home()) + "/"]
    assert [(page.name, place) for page in PAGES for place in here if place in page.read_text(encoding="utf-8")] == []


def test_each_decision_says_context_decision_and_consequences_on_less_than_a_page() -> None:
    decisions = sorted((DOCS / "decisions").glob("*.md"))
    assert [page.name[:4] for page in decisions] == [f"{n:04d}" for n in range(1, len(decisions) + 1)]
    for page in decisions:
        text = page.read_text(encoding="utf-8")
        assert all(f"**{part}.**" in text for part in ("Context", "Decision", "Consequences")), page.name
        assert len(text.split()) < 500, page.name


# --- the format --------------------------------------------------------------------------------------------


def test_the_worked_example_of_the_ledger_hash_comes_out() -> None:
    body = example("body")
    assert hashlib.sha256(body.encode()).hexdigest() == example("hash")
    assert line_hash(json.loads(body)) == example("hash")


def test_the_worked_example_of_an_objects_folder_comes_out(tmp_path: Path) -> None:
    store = Store(tmp_path, tmp_path)
    assert store.folder(layout.casefile_object("H99.2026.01.VP")).relative_to(tmp_path).as_posix() == example("folder")


@pytest.fixture
def told(archive: Archive) -> Archive:
    """An archive after one night with one stored document, its list, and one that waits."""
    inbox = archive.settings.path(archive.settings.ingest.inbox[0])
    plan = archive.settings.root / "plan.csv"
    plan.write_bytes((ROOT / "samples" / "file-plan.csv").read_bytes())
    import_file_plan(archive, plan, "H99")
    (inbox / "bao cao.txt").write_text("Báo cáo công tác lưu trữ năm 2026", encoding="utf-8")
    (inbox / "la.bin").write_bytes(bytes(range(256)))
    (inbox / "danh sach.csv").write_text("Tên tệp;Mã hồ sơ;Trích yếu\nbao cao.txt;H99.2026.01.VP;Báo cáo\n", "utf-8")
    nightly.run(archive)
    return archive


def test_every_key_that_the_store_writes_is_in_the_format(told: Archive) -> None:
    (record,) = list(records.read_documents(told.store, "H99.2026.01.VP"))
    unnamed: set[str] = set()

    def name_all(value: dict[str, Any]) -> None:
        unnamed.update(key for key in value if f"`{key}`" not in FORMAT)

    name_all(dict(record))
    for part in ("source", "receipt", "facts"):
        name_all(record[part])
    for file in record["files"]:
        name_all(file)
    name_all(dict(records.read_case_file(told.store, "H99.2026.01.VP")))
    for path in told.store.files(layout.fonds_object("H99")):
        if path.endswith(".json"):
            held = json.loads(told.store.read(layout.fonds_object("H99"), path))
            name_all(held)
            name_all(held.get("entries", [{}])[0])
    for line in told.ledger.lines():
        name_all(asdict(line))
        name_all(line.data)
    for sidecar in layout.intake_folder(told.settings).glob("*/item.json"):
        name_all(json.loads(sidecar.read_bytes()))
    assert unnamed == set()


def test_every_kind_of_event_that_the_code_writes_is_in_the_format() -> None:
    table = FORMAT[FORMAT.index("### Events"):FORMAT.index("## Intake")]
    written = set(rebuild.STATES)
    for wing in ("archive", "ingest", "search", "retention", "web"):
        for module in (ROOT / wing).rglob("*.py"):
            written.update(re.findall(r"\bEntry\(\s*\"(\w+)\"", module.read_text(encoding="utf-8")))
    assert len(written) >= 15
    assert {kind for kind in written if f"`{kind}`" not in table} == set()


def test_every_logical_path_of_a_case_file_follows_the_format(told: Archive) -> None:
    shapes = [re.escape(path).replace("<ordinal>", r"\d{7}").replace(re.escape("<document code>"), r"[\w.-]+\.\d{7}")
              .replace("<ext>", r"[a-z0-9]+") for path in re.findall(
                  r"^\| `((?:metadata|representations)/[^`]+)` ", FORMAT, re.MULTILINE)]
    assert len(shapes) >= 8
    for path in told.store.files(layout.casefile_object("H99.2026.01.VP")):
        assert any(re.fullmatch(shape, path) for shape in shapes), path


def test_every_test_that_a_page_names_is_there() -> None:
    held = {path.name for path in (ROOT / "tests").rglob("test_*.py")}
    for page in PAGES:
        named = set(re.findall(r"`(test_[a-z0-9_]+\.py)`", page.read_text(encoding="utf-8")))
        assert named <= held, (page.name, named - held)
