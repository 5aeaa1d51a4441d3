"""`luutru init`: make an archive; with --sample one that is filled with the sample inbox to try things on."""

from __future__ import annotations

import os
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
    if not sample:
        make_archive(root, choices).close()
    else:
        _make_sample(root, choices)
    if as_json:
        print_json({"root": str(root.absolute()), "agency": agency, "sample": sample})
        return
    console().print(_("An archive was made at {place} for {name} ({code}).").format(
        place=root.absolute(), **agency), soft_wrap=True)
    console().print(_("Put files into {inbox}, then run: luutru nightly").format(inbox=root.absolute() / "inbox"),
                    soft_wrap=True)


def _make_sample(root: Path, choices: dict[str, Any]) -> None:
    """Make the sample archive beside its place and rename it last: stopped half-way it is simply not there."""
    if not SAMPLES.is_dir():
        raise click.UsageError(_("The samples come only with the source of the program, not with the package."))
    if root.exists() and any(root.iterdir()):
        raise click.UsageError(_("{place} is not empty").format(place=root))
    building = root.absolute().with_name(f".{root.absolute().name}.new")
    shutil.rmtree(building, ignore_errors=True)
    archive = make_archive(building, choices)
    try:
        for name, place in (("inbox", building / "inbox"), ("trust", archive.settings.path(Path("trust")))):
            # copyfile: the copies are the archive's own, also where the samples are read-only
            shutil.copytree(SAMPLES / name, place, dirs_exist_ok=True, copy_function=shutil.copyfile)
            for folder in (place, *(path for path in place.rglob("*") if path.is_dir())):
                folder.chmod(0o777 & ~_umask())
        import_file_plan(archive, SAMPLES / "file-plan.xlsx", choices["agency"]["code"], choices["agency"]["name"])
    finally:
        archive.close()
    if root.exists():
        root.rmdir()
    building.rename(root.absolute())


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
