"""Runs in the environment of the second opinion: what other people's validators say of packages, as JSON.

    python ask.py packages FOLDER…      eark-validator's report of each, and its rules
    python ask.py premis FILE…          the PREMIS 3 model's objects, events and agents

Whatever these programs do wrong becomes part of the answer: {"crashed": "…"}.
"""

from __future__ import annotations

import json
import sys
import traceback
from pathlib import Path
from typing import Any


def package(path: Path) -> dict[str, Any]:
    """What eark-validator finds in one unpacked package: its report, and every rule of CSIP and of the package's kind.

    The rules are asked one by one besides, because the report of 1.1.2 keeps those of the last section only.
    """
    from eark_validator.packages import PackageValidator

    report = PackageValidator(path).validation_report
    metadata = report.metadata
    kind = report.package.package.oaispackagetype if report.package else ""
    return {"report": _told([*report.structure.messages, *(metadata.schematron_results if metadata else [])]),
            "schema": _told(metadata.schema_results) if metadata else None, "CSIP": _rules(path, "CSIP"),
            "kind": _rules(path, kind) if kind in ("SIP", "DIP") else []}


def _rules(path: Path, specification: str) -> list[list[str]]:
    from eark_validator import rules

    profile = rules.ValidationProfile.from_specification(specification)
    profile.validate(path / "METS.xml")
    return [told for results in profile.get_results().values() for told in _told(results)]


def _told(results: Any) -> list[list[str]]:
    """Rule, severity and sentence of each result."""
    return [[result.rule_id or "", result.severity.value, result.message or ""] for result in results]


def premis(path: Path) -> dict[str, Any]:
    """How much the model found in one PREMIS file."""
    from eark_models.premis.v3_0 import Premis

    read = Premis.from_xml(path)
    return {"objects": len(read.objects), "events": len(read.events), "agents": len(read.agents)}


def main() -> None:
    """Answers for every path; never fails for what a validator does."""
    ask = {"packages": package, "premis": premis}[sys.argv[1]]
    answers = {}
    for name in sys.argv[2:]:
        try:
            answers[name] = ask(Path(name))
        except BaseException as error:      # their crash is an answer, even a SystemExit
            answers[name] = {"crashed": f"{type(error).__name__}: {error}",
                             "where": traceback.format_exc().splitlines()[-3:]}
    print(json.dumps(answers))


if __name__ == "__main__":
    main()
