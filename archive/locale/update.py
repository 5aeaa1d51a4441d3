"""Bring the message catalogues up to date with the code: extract, merge, compile. Run by `./run catalogues`.

Messages are English in the code and are their own keys. Unlike the usual extractors this one also looks into
f-strings, where most of our messages stand.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po
from jinja2 import Environment

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
WINGS = ("archive", "ingest", "retention", "search", "web")
MARKS = {"_", "later"}

BEGAN = datetime(2026, 11, 1, tzinfo=UTC)

Message = str | tuple[str, str]


def messages() -> set[Message]:
    """Every message of the code and the templates; a pair is one with a plural."""
    found: set[Message] = set()
    for path in [ROOT / "cli.py", *(path for wing in WINGS for path in sorted((ROOT / wing).rglob("*.py")))]:
        found.update(_in_python(path))
    environment = Environment(extensions=["jinja2.ext.i18n"], autoescape=True)
    for path in [path for wing in WINGS for path in sorted((ROOT / wing).rglob("*.html"))]:
        for _line, _function, message in _in_template(environment, path):
            if isinstance(message, str):
                found.add(message)
            elif isinstance(message, tuple):        # ("one", "many", None)
                found.add((message[0], message[1]))
    return found


def _in_template(environment: Environment, path: Path) -> Iterator[tuple[int, str, object]]:
    extract = environment.extract_translations  # type: ignore[attr-defined]
    yield from extract(path.read_text(), gettext_functions=("_", "gettext", "ngettext", "ngettext_"))


def _in_python(path: Path) -> Iterator[Message]:
    for node in ast.walk(ast.parse(path.read_text())):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
            continue
        texts = [one.value for one in node.args if isinstance(one, ast.Constant) and isinstance(one.value, str)]
        if node.func.id in MARKS and texts:
            yield texts[0]
        elif node.func.id == "ngettext_" and len(texts) == 2:
            yield texts[0], texts[1]


def catalogue(language: str) -> Catalog:
    """The catalogue of a language as it lies on the disk."""
    with (HERE / language / "LC_MESSAGES" / "luutru.po").open("rb") as stream:
        return read_po(stream, locale=language)


def update(language: str) -> list[Message]:
    """Write the language's catalogue anew with exactly the code's messages; return those without a translation."""
    folder = HERE / language / "LC_MESSAGES"
    folder.mkdir(parents=True, exist_ok=True)
    old = catalogue(language) if (folder / "luutru.po").exists() else Catalog(locale=language)
    new = Catalog(locale=language, project="luutru", version="1", fuzzy=False)
    missing: list[Message] = []
    for message in sorted(messages(), key=str):
        known = old.get(message)
        text = known.string if known is not None and known.string else ""
        if language == "en" and not text:
            text = message if isinstance(message, str) else tuple(message)
        if not text or (isinstance(text, tuple) and not all(text)):
            missing.append(message)
        new.add(message, text)
    new.creation_date = new.revision_date = BEGAN       # a time of its own would differ on every run
    with (folder / "luutru.po").open("wb") as stream:
        write_po(stream, new, omit_header=False, sort_output=True, width=100)
    with (folder / "luutru.mo").open("wb") as stream:
        write_mo(stream, new)
    return missing


def main() -> None:
    """Update both catalogues; exit code 1 when a Vietnamese translation is missing."""
    missing = {language: update(language) for language in ("vi", "en")}
    for language, texts in missing.items():
        for text in texts:
            print(f"{language}: {text!r}")
    sys.exit(any(missing.values()))


if __name__ == "__main__":
    main()
