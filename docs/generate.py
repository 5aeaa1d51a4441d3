"""Writes the reference pages that follow from the code: findings.md, settings.md, commands.md, fields.md.

Run `python docs/generate.py` after changing a finding, a setting, a command or a field; tests/test_docs.py fails
until it is done. `--check` writes nothing and exits 1 when a page is old. The pages do not depend on the machine's
language: English, but for fields.md, which has both.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

DOCS = Path(__file__).resolve().parent
sys.path.insert(0, str(DOCS.parent))

from archive import i18n  # noqa: E402

i18n.use("en")      # before any command is loaded: help texts are chosen then

import click  # noqa: E402
from pydantic import BaseModel  # noqa: E402

from archive import findings, settings  # noqa: E402
from cli import luutru  # noqa: E402
from docs.records_tables import fields_page  # noqa: E402

MADE = "<!-- Made by docs/generate.py; do not edit. -->\n"
WIDTH = 100         # columns of the help texts


def pages() -> dict[str, str]:
    """Every generated page: file name → text."""
    return {"commands.md": commands_page(), "findings.md": findings_page(), "settings.md": settings_page(),
            "fields.md": fields_page(MADE)}


# --- findings ----------------------------------------------------------------------------------------------


def findings_page() -> str:
    """Every finding with both sentences, its article and its cure, in the order of the catalogues."""
    rules = findings.rules()
    lines = [MADE, "# Findings\n", f"All {len(rules)} findings of Lưu Trữ, from `archive/findings.toml` and the rules "
             "of packages in `archive/packages`. "
             "Codes are stable and never used twice. Words in {braces} are filled in by the check; "
             "{subject} is the document, file or field.\n",
             "Levels: **note** (for information) · **warning** (kept, but worth a look) · **refused** (the document "
             "waits in quarantine, *cách ly*) · **failed** (our fault; taken up again the next night).\n"]
    titles = _titles()
    wing = ""
    for code, rule in sorted(rules.items(), key=lambda one: list(titles).index(_prefix(one[0]))):
        if _prefix(code) != wing:
            wing = _prefix(code)
            lines.append(f"## {wing}: {titles[wing]}\n")
        lines += [f"### {code}\n", f"**{rule.level.name}**{' · no content is kept' if rule.keep_out else ''}"
                  f"{' · nobody can answer for it' if rule.final else ''}"
                  f"{' · ' + rule.article if rule.article else ''}\n", f"{_plain(rule.en)}  \n*{_plain(rule.vi)}*\n",
                  f"→ {_plain(rule.cure_en)}  \n→ *{_plain(rule.cure_vi)}*\n"]
    return "\n".join(lines)


def _titles() -> dict[str, str]:
    """What each prefix of codes stands for, as the comments of the catalogues say it, in their order."""
    found: dict[str, str] = {}
    for line in "\n".join(place.read_text(encoding="utf-8") for place in findings.CATALOGUES).splitlines():
        if match := re.match(r"# --- ([A-Z0-9, ]+): (.+?) -+$", line):
            found |= dict.fromkeys(match[1].split(", "), match[2])
    return found


def _prefix(code: str) -> str:
    return code.rpartition("-")[0]


def _plain(text: str) -> str:
    """`text` with the signs that Markdown or HTML would read as its own made harmless."""
    return text.strip().replace("<", "&lt;").replace("*", "\\*").replace("_", "\\_")


# --- settings ----------------------------------------------------------------------------------------------


def settings_page() -> str:
    """Every setting: name, meaning, default, environment variable."""
    lines = [MADE, "# Settings\n", "One file, `luutru.toml` in the archive's folder; `luutru init` writes it with "
             "every setting and its meaning. An environment variable wins over the file. Lists are written as JSON in "
             "the environment: `LUUTRU_INGEST__INBOX='[\"inbox\", \"/srv/scans\"]'`. A name in the file that is not in "
             "these tables is an error, so a misspelt setting is never silently ignored.\n",
             "The archive's folder itself is chosen by `--root`, else `LUUTRU_ROOT`, else `./var`. Keep passwords out "
             "of the file: give `LUUTRU_DATABASE` in the environment.\n"]
    lines += _section("", settings.Settings)
    return "\n".join(lines)


def _section(name: str, model: type[BaseModel]) -> list[str]:
    lines = [f"## [{name}]\n" if name else "## At the top of the file\n"]
    if name:
        lines.append(f"{(model.__doc__ or '').strip().splitlines()[0]}\n")
    lines += ["| setting | meaning | values | default | environment |", "|---|---|---|---|---|"]
    below: list[str] = []
    for key, field in model.model_fields.items():
        default = field.get_default(call_default_factory=True)
        if isinstance(default, BaseModel):
            below += _section(key, type(default))
        elif key != "root":
            variable = "LUUTRU_" + (f"{name}__" if name else "").upper() + key.upper()
            lines.append(f"| `{key}` | {field.description} | {_values(field.annotation)} | `{_shown(default)}` "
                         f"| `{variable}` |")
    return [*lines, "", *below]


def _values(annotation: Any) -> str:
    if get_origin(annotation) is Literal:
        return " · ".join(f"`{one}`" for one in get_args(annotation))
    if get_origin(annotation) is dict:
        key, value = get_args(annotation)
        return f"table: {_values(key)} → {_values(value)}"
    if get_origin(annotation) is list:
        return f"list of {_values(get_args(annotation)[0])}"
    return {bool: "`true` · `false`", int: "whole number", float: "number", str: "text",
            Path: "path"}.get(annotation, str(annotation))


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return "[" + ", ".join(_shown(one) for one in value) + "]"
    if isinstance(value, dict):
        return "{ " + ", ".join(f'"{key}" = {_shown(one)}' for key, one in value.items()) + " }" if value else "{}"
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    return f'"{value}"'


# --- commands ----------------------------------------------------------------------------------------------


def commands_page() -> str:
    """The help of every command, as the command prints it."""
    lines = [MADE, "# Commands\n", "`./run luutru …` sets the machine up first; inside the environment it is just "
             "`luutru …`. Messages are Vietnamese or English: `--language`, else the archive's setting, else the "
             "locale.\n",
             "Exit codes: **0** all well · **1** we failed · **2** wrong use · **3** done, but items need a person · "
             "**4** an integrity finding · **5** refused by a rule · **130** stopped.\n"]
    for context in commands():
        words = context.command_path
        lines += [f"{'#' * min(words.count(' ') + 2, 4)} {words}\n", f"```text\n{context.get_help()}\n```\n"]
    return "\n".join(lines)


def commands(parent: click.Context | None = None, name: str = "luutru", command: click.Command = luutru,
             ) -> Iterator[click.Context]:
    """Every command and group below `command`, each in the context in which a person calls it."""
    context = click.Context(command, parent, name, terminal_width=WIDTH, max_content_width=WIDTH,
                            **command.context_settings)
    yield context
    if isinstance(command, click.Group):
        for below in command.list_commands(context):
            found = command.get_command(context, below)
            assert found is not None
            yield from commands(context, below, found)


def main() -> None:
    """Write the pages, or with --check say which are old."""
    old = [name for name, text in pages().items()
           if not (DOCS / name).exists() or (DOCS / name).read_text(encoding="utf-8") != text]
    if "--check" in sys.argv[1:]:
        if old:
            sys.exit(f"old: {', '.join(old)}; run: python docs/generate.py")
        return
    for name, text in pages().items():
        (DOCS / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
