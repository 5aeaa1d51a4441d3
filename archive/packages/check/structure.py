"""The layout of a package: folders and files that must, may and must not be there, by the data of structure.toml."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from archive.findings import Finding, Level, finding
from archive.packages.opening import Opened
from archive.packages.reading import ReadPackage


def check_structure(opened: Opened, package: ReadPackage) -> list[Finding]:
    """Findings about the layout: of TT 05/2025 (annexes, part I) for its packages, else of E-ARK CSIP."""
    found = list(_folder_name(opened, package))
    if package.form is None:
        return [*found, *_recommended(opened)]
    found += _required(opened, package.form)
    found += _others(opened, package)
    found += _names(opened)
    return found


def _folder_name(opened: Opened, package: ReadPackage) -> Iterator[Finding]:
    """The package's folder bears its OBJID, ":" as "_"; several makers write the other signs as "_" too."""
    if not package.objid or (opened.container == "zip" and not opened.root):
        return
    wanted = package.objid.replace(":", "_")
    if _key(wanted) != _key(opened.name):
        yield finding("PKG-051", opened.name[:200], wanted=wanted[:200])


def _key(name: str) -> str:
    return re.sub(r"[\W_]+", "", name).lower()


def _required(opened: Opened, form: str) -> Iterator[Finding]:
    names = "\n".join(name for name in opened.names if "\n" not in name)
    for pattern, rule in _patterns():
        if form in rule.get("forms", (form,)) and not pattern.search(names):
            subject = rule["what"] if rule["code"] == "PKG-055" else opened.name
            yield finding(rule["code"], subject, what=rule["what"], what_en=rule["what_en"])


def _others(opened: Opened, package: ReadPackage) -> Iterator[Finding]:
    """What the layout does not know. In an AIP, what its METS lists is the archive's own affair: noted, not blamed."""
    layout = _rules()["layout"]
    listed = {reference.path for one in package.mets for reference in one.references if reference.kind != "pointer"}
    aip = str(package.form).startswith("AIP")
    tops = {name.lower() for name in layout["top"]}
    preservation = re.compile(layout["preservation"], re.IGNORECASE)
    representations: dict[str, bool] = {}
    for name in opened.names:
        parts = name.split("/")
        own = aip and name in listed
        if parts[0].lower() not in tops:
            yield finding("PKG-059", name, level=Level.note if own else None)
        elif parts[0].lower() == "representations" and len(parts) > 1 and parts[1].lower() != "rep1":
            representations[parts[1]] = representations.get(parts[1], True) and own
        if package.form in layout["no_preservation"] and preservation.fullmatch(name):
            yield finding("PKG-054", name)
    for representation, own in representations.items():
        yield finding("PKG-053", f"representations/{representation}", level=Level.note if own else None)


def _names(opened: Opened) -> Iterator[Finding]:
    layout = _rules()["layout"]
    printed = {name.lower(): name for name in layout["names"]}
    for name in opened.names:
        folder, _, last = name.rpartition("/")
        wanted = printed.get(name.lower(), name)
        for prefix in layout["prefixes"] if folder.lower().endswith("descriptive") else ():
            if last.lower().startswith(prefix.lower()) and not last.startswith(prefix):
                wanted = f"{folder}/{prefix}{last[len(prefix):]}"
        if wanted != name and name != opened.like("METS.xml"):
            yield finding("PKG-057", name, wanted=wanted)


def _recommended(opened: Opened) -> Iterator[Finding]:
    tops = {name.partition("/")[0] for name in opened.names if "/" in name}
    for rule in _rules()["recommended"]:
        if rule["folder"] not in tops:
            yield finding("PKG-060", opened.name, what=rule["what"], what_en=rule["what_en"])


@cache
def _rules() -> Mapping[str, Any]:
    with Path(__file__).with_name("structure.toml").open("rb") as stream:
        return tomllib.load(stream)


@cache
def _patterns() -> list[tuple[re.Pattern[str], Mapping[str, Any]]]:
    return [(re.compile("^" + rule["pattern"].replace("[^/]", r"[^/\n]") + "$", re.IGNORECASE | re.MULTILINE), rule)
            for rule in _rules()["required"]]
