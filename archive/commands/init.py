"""`luutru init`: make an archive; with --sample one that is filled with the sample inbox to try things on."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import click

from archive import i18n
from archive.codes import agency_code
from archive.file_plan_import import import_file_plan
from archive.i18n import _
from archive.opening import make_archive
from archive.terminal import console, print_json

SAMPLES = Path(__file__).resolve().parents[2] / "samples"


@click.command(help=_("Make an archive in the folder given by --root."))
@click.option("--code", default=None, help=_("agency code, such as H37.01"))
@click.option("--name", default=None, help=_("the agency's full name"))
@click.option("--sample", is_flag=True, help=_("fill it with the sample agency, file plan, certificates and inbox"))
@click.option("--json", "as_json", is_flag=True, help=_("for machines"))
@click.pass_obj
def command(root: Path, code: str | None, name: str | None, sample: bool, as_json: bool) -> None:
    """Make an archive in the folder given by --root."""
    if not sample and not (code and name):
        raise click.UsageError(_("A real archive needs --code and --name; to try things on: --sample."))
    if code and not agency_code(code).known:
        raise click.UsageError(_("“{code}” is not an agency code (QĐ 20/2020/QĐ-TTg, QCVN 102:2016/BTTTT).").format(
            code=code))
    agency = {"code": code or "H99", "name": name or ("Sở Nội vụ tỉnh Mẫu" if sample else "Cơ quan mẫu")}
    choices: dict[str, Any] = {"agency": agency, "language": i18n.language()}
    if sample:
        choices["ingest"] = {"settle_seconds": 0}       # the sample inbox is copied as a whole, and tried at once
    archive = make_archive(root, choices)
    try:
        if sample:
            shutil.copytree(SAMPLES / "inbox", archive.settings.root / "inbox", dirs_exist_ok=True)
            shutil.copytree(SAMPLES / "trust", archive.settings.path(archive.settings.signatures.trust),
                            dirs_exist_ok=True)
            import_file_plan(archive, SAMPLES / "file-plan.xlsx", agency["code"], agency["name"])
    finally:
        archive.close()
    if as_json:
        print_json({"root": str(archive.settings.root), "agency": agency, "sample": sample})
        return
    console().print(_("An archive was made at {place} for {name} ({code}).").format(
        place=archive.settings.root, **agency))
    console().print(_("Put files into {inbox}, then run: luutru nightly").format(
        inbox=archive.settings.path(archive.settings.ingest.inbox[0])))
