"""Other people's judges of packages: the METS schema, eark-validator, a PREMIS model, in their own environment.

`./run tests` makes that environment (`.venv-second`), and so does the first test that needs it; the network is needed
once.
"""

from __future__ import annotations

import functools
import json
import os
import subprocess
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lxml import etree

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
ASK = HERE / "ask.py"


@functools.cache
def python() -> Path:
    """The interpreter of the second opinion's environment, made if it is not there. Raises RuntimeError without it."""
    made = subprocess.run([str(ROOT / "run"), "second-opinion"], capture_output=True, text=True, check=False)
    if made.returncode:
        raise RuntimeError(f"the second opinion's environment could not be made: {made.stderr.strip()}")
    return Path(made.stdout.strip())


@functools.cache
def mets_schema() -> etree.XMLSchema:
    """METS 1.12 with XLink and the E-ARK extensions, as eark-validator ships them; nothing is fetched."""
    folder = _resources() / "schema"
    parser = etree.XMLParser(no_network=True, load_dtd=False, resolve_entities=False)
    parser.resolvers.add(_Beside(folder))
    return etree.XMLSchema(etree.parse(folder / "mets.sip.local.v2-0.xsd", parser))


def profiles() -> Path:
    """The folder of the E-ARK METS profiles, which print whole examples."""
    return _resources() / "profiles"


def _resources() -> Path:
    [folder] = python().parents[1].glob("lib/python3*/site-packages/eark_validator/ipxml/resources")
    return folder


class _Beside(etree.Resolver):
    """Every schema that one of them imports, wherever it says it lies, is taken from the folder beside it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def resolve(self, url: str, _public: str | None, context: Any) -> Any:
        place = self.folder / url.rpartition("/")[2]
        return self.resolve_filename(str(place), context) if place.exists() else self.resolve_empty(context)


def ask_eark(paths: Sequence[Path]) -> Mapping[str, Any]:
    """What eark-validator says of unpacked packages, by path; see ask.py."""
    return _ask("packages", paths)


def ask_premis(paths: Sequence[Path]) -> Mapping[str, Any]:
    """What the PREMIS model makes of PREMIS files, by path; see ask.py."""
    return _ask("premis", paths)


def differences() -> Mapping[str, Any]:
    """differences.toml: where we differ from eark-validator (`differs`), and which of its rules never fire (`deaf`)."""
    return tomllib.loads((HERE / "differences.toml").read_text(encoding="utf-8"))


def _ask(what: str, paths: Sequence[Path]) -> Mapping[str, Any]:
    environment = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "PYTHONHOME")}
    done = subprocess.run([str(python()), str(ASK), what, *map(str, paths)], capture_output=True, text=True, check=True,
                          timeout=120, env=environment)
    answers: Mapping[str, Any] = json.loads(done.stdout)
    return answers
