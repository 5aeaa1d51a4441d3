"""`luutru doctor`: say what this machine lacks, and the one line that installs it."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path

import click

from archive.i18n import _
from archive.opening import exists
from archive.terminal import console, print_json, settings_of

FONT = Path("/usr/share/fonts/truetype/liberation2/LiberationSerif-Regular.ttf")


@dataclass(frozen=True, slots=True)
class Part:
    """Something outside the program that it uses: whether it is there, and how to get it."""

    name: str
    purpose: str
    state: str          # "there", "missing", "optional"
    version: str
    cure: str


@click.command(help=_("Say what this machine lacks and how to install it."))
@click.option("--json", "as_json", is_flag=True, help=_("for machines"))
@click.pass_context
def command(ctx: click.Context, as_json: bool) -> None:
    """Look at the machine and the settings; exit code 1 when something needed is missing."""
    settings = settings_of(ctx.obj)
    parts = look()
    free = shutil.disk_usage(settings.root if settings.root.exists() else Path.cwd()).free
    if as_json:
        print_json({"parts": [asdict(part) for part in parts], "archive": exists(settings), "free_mb": free >> 20})
    else:
        out = console()
        for part in parts:
            sign = {"there": "[green]✔[/]", "missing": "[red]✘[/]"}.get(part.state, "[yellow]–[/]")
            out.print(f"{sign} {part.name:<22} [dim]{part.purpose}[/] {part.version}")
            if part.state != "there":
                out.print(f"    → {part.cure}")
        place = settings.root if exists(settings) else _("none yet (luutru init)")
        out.print(f"{_('Archive')}: {place} · {_('free')}: {free >> 20} MB")
    ctx.exit(1 if any(part.state == "missing" for part in parts) else 0)


def look() -> list[Part]:
    """The parts that the program uses from outside, as this machine has them."""
    tesseract = _ask(["tesseract", "--version"])
    languages = _ask(["tesseract", "--list-langs"])
    office = shutil.which("soffice") or shutil.which("libreoffice")
    return [
        Part("tesseract", _("reads scans"), "there" if tesseract else "missing", tesseract.splitlines()[0] if tesseract
             else "", "apt-get install tesseract-ocr"),
        Part("tesseract vie", _("Vietnamese for it"), "there" if "vie" in languages.split() else "missing", "",
             "apt-get install tesseract-ocr-vie"),
        Part("LibreOffice", _("reads old .doc and .xls"), "there" if office else "optional", "",
             "apt-get install libreoffice-writer-nogui libreoffice-calc-nogui"),
        Part("Liberation Serif 2", _("the text of the agency's seal (luutru seal)"), "there" if FONT.is_file() else
             "optional", "", "apt-get install fonts-liberation2"),
        Part("python-pkcs11", _("the agency's key in a token or HSM (luutru seal)"),
             "there" if find_spec("pkcs11") else "optional", "", "pip install 'python-pkcs11>=0.9.3,<0.10'"),
    ]


def _ask(command_line: list[str]) -> str:
    try:
        done = subprocess.run(command_line, capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout or done.stderr
