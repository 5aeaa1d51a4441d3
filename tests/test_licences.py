"""Nothing under the GPL or the AGPL is linked: what the program itself needs, and what that needs."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import Distribution, distribution

from packaging.requirements import Requirement

from tests.conftest import ROOT

_STRONG = re.compile(r"\b(A?GPL)|(GNU (Affero )?General Public)", re.IGNORECASE)


def needed() -> dict[str, Distribution]:
    """Every distribution that the program loads, by name: without what the tests need."""
    waiting = [Requirement(line) for line in tomllib.loads(
        (ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"]]
    found: dict[str, Distribution] = {}
    while waiting:
        one = waiting.pop()
        extras = [{"extra": extra} for extra in one.extras] or [{"extra": ""}]
        if one.name.lower() in found and not one.extras:
            continue
        found[one.name.lower()] = held = distribution(one.name)
        waiting += [more for more in map(Requirement, held.requires or []) if not more.marker or any(
            more.marker.evaluate(extra) for extra in extras)]
    return found


def licence(held: Distribution) -> list[str]:
    """What a distribution says of its licence, each choice that it leaves on its own."""
    told = held.metadata
    choices = [one.rpartition("::")[2] for one in told.get_all("Classifier") or [] if one.startswith("License ::")]
    return choices or re.split(r"\s+OR\s+|/", told.get("License-Expression") or told.get("License") or "")


def test_no_library_of_the_program_is_under_the_gpl_or_agpl() -> None:
    found = needed()
    assert {"sqlalchemy", "tantivy", "pyhanko", "celery"} <= found.keys()
    under = {name: licence(held) for name, held in found.items()
             if licence(held) and all(_STRONG.search(one) and "Lesser" not in one and "LGPL" not in one
                                      for one in licence(held))}
    assert under == {}


def test_the_gpl_would_be_seen() -> None:
    assert _STRONG.search("GNU General Public License v3 (GPLv3)")
    assert _STRONG.search("AGPL-3.0-only")
    assert not _STRONG.search("LGPL-3.0-only")
