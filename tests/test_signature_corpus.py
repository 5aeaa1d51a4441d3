"""What the corpus of signed PDFs promises: the genuine are taken without a false alarm, no published attack is."""

from __future__ import annotations

import json
import resource
from collections import Counter
from pathlib import Path

import pypdfium2
import pytest

from archive.findings import Level
from ingest.signatures import DocumentSignatures, TrustLists, load_trust, verify_pdf
from tests.signed import forged
from tests.signed.__main__ import plain
from tests.signed.case import NEVER, SOURCES, Case
from tests.signed.cases import CASES
from tests.signed.people import RECEIVED, write_trust

MOST_MEMORY = 400 << 20         # bytes that the judgement of one file may need beyond what it started with
NAMED = {                       # the classes of attack that were promised, each in several variants
    "universal signature forgery": 20, "signature wrapping": 3, "incremental saving": 8, "shadow hide": 5,
    "shadow replace": 5, "shadow hide and replace": 5, "evil annotation": 20, "form field": 5, "certification": 5,
    "sneaky signature": 5, "byte range": 8, "trailing bytes": 5, "duplicate objects": 5, "cross-reference": 10,
    "contents": 10, "page tree": 8, "catalog": 10, "remnant": 8}


@pytest.fixture(scope="module")
def trust(tmp_path_factory: pytest.TempPathFactory) -> TrustLists:
    """The corpus' root and sub-CA, with their revocation lists."""
    return load_trust(write_trust(tmp_path_factory.mktemp("trust") / "cong-vu").parent)


def codes(result: DocumentSignatures, level: Level) -> set[str]:
    """Codes of all reasons of at least `level`."""
    reasons = [*result.reasons, *(one for report in result.signatures for one in report.reasons)]
    return {one.code for one in reasons if one.level >= level}


def _high_water() -> int:
    """The most memory that this process had, bytes; begins anew where the system allows it."""
    try:
        text = Path("/proc/self/status").read_text()
        Path("/proc/self/clear_refs").write_text("5")
        return int(text.split("VmHWM:")[1].split()[0]) << 10
    except (OSError, IndexError):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10


@pytest.mark.filterwarnings("ignore")       # pdfium warns of XFA forms
@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_each_file_of_the_corpus_is_judged_as_it_must_be(case: Case, tmp_path: Path, trust: TrustLists) -> None:
    path = tmp_path / "van-ban.pdf"
    path.write_bytes(case.make())
    _high_water()
    before = _high_water()
    result = verify_pdf(path, trust, RECEIVED)
    assert _high_water() - before < MOST_MEMORY
    json.dumps(result.as_dict())            # every report is JSON-ready
    if case.kind == "genuine":
        assert (result.verdict, codes(result, Level.note)) == (case.verdict, case.codes)
        assert result.finders["bytes"] == case.signatures
        if result.checked:
            assert set(result.finders.values()) == {case.signatures}
        for report in result.signatures:
            assert report.changes != "content" and report.integrity != "broken"
    else:
        assert result.verdict not in NEVER
        assert result.verdict == (case.verdict or result.verdict)
        found = codes(result, Level.warning)
        assert case.codes <= found and found, "an attack is named"


def test_the_corpus_has_every_kind_of_file_and_every_published_class_of_attack() -> None:
    assert len({case.name for case in CASES}) == len(CASES) >= 150
    attacks = Counter(case.group for case in CASES if case.kind == "attack")
    assert {group: count for group, count in NAMED.items() if attacks[group] < count} == {}
    assert sum(case.kind == "genuine" for case in CASES) >= 75
    assert all(SOURCES[case.group] for case in CASES if case.kind == "attack")


def test_the_files_are_what_they_are_said_to_be() -> None:
    """The wrapped file shows the forged text and has an intact digest; some attacks are taken by the plain library."""
    for pdf in (forged.wrapped(), forged.wrapped(pairs="three")):
        with pypdfium2.PdfDocument(pdf) as document:
            assert "985.400.000" in document[0].get_textpage().get_text_range()
    by_name = {case.name: case for case in CASES}
    assert plain(by_name["level: PAdES B-T"].make())
    for name in ("incremental saving: objects only, then sealed", "form field: new field, invisible, with a script",
                 "shadow replace: fields are to be drawn anew, then sealed"):
        assert plain(by_name[name].make()), name
