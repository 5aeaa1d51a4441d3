"""Judges a METS file by the rules of mets_rules.toml: E-ARK CSIP, SIP, AIP, DIP, and the annexes of TT 05/2025/TT-BNV.

Only what the XML says is judged here; whether the files are there and their checksums true is another check's. A rule
is a finding with its test beside it: `at` chooses the elements (XPath seen from <mets>), and one or more of these must
hold there:

  needs = "@CREATED"               something is there and not blank
  lacks = "mets:amdSec"            nothing is there
  most = 1, of = "mets:agent[…]"   not more than so many
  test = "…"                       an XPath that is true
  value = "@TYPE" with             what stands there, if anything does:
    one_of = [...]                   is one of these, letter for letter
    vocabulary = "status"            is in that list of vocabularies.toml
    matches = "…"                    is matched as a whole by this regular expression
    names = "//mets:file/@ID"        holds only such ids, parted by blanks
  function = "…"                   a function of logic.py, for what does not fit

`only` (root, representation), `kinds`, `versions` and `folder` say where the rule holds; `levels` gives it another
level, or "off", in some places. The most telling key wins: "TT05 root", "TT05 AIP", "TT05", "2.2.0",
"representation", in this order. `beyond_tt05`: the circular itself does not ask for it.

A PREMIS file may be judged piece by piece. A rule that asks for more than one child of its root says with `pieces` what
`at` is in each piece ("": nothing), and with `whole` what it is over all children, of which identifiers and agents
are then left.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, Literal

from lxml import etree

from archive.findings import Finding, Level, finding, rules
from archive.packages.check import logic

_HERE = Path(__file__).parent
VERSIONS = ("2.0.4", "2.1.0", "2.2.0")
METS = "http://www.loc.gov/METS/"
CSIP = "https://DILCIS.eu/XML/METS/CSIPExtensionMETS"
NAMESPACES = {"mets": METS, "csip": CSIP, "sip": "https://DILCIS.eu/XML/METS/SIPExtensionMETS",
              "xlink": "http://www.w3.org/1999/xlink", "xsi": "http://www.w3.org/2001/XMLSchema-instance",
              "premis": "http://www.loc.gov/premis/v3"}
_ANNEXES = {"AIP_hoso": "I", "AIP_tailieu": "II", "SIP_hoso": "III", "SIP_tailieu": "IV", "DIP": "V"}
_SHOWN = 3          # places and values that one finding names
_PREFIXES = {"E-ARK": {"SIP": "ESIP", "AIP": "EAIP", "DIP": "EDIP"}}

Extent = Literal["at", "pieces", "whole"]
Wrong = Sequence[tuple[Any, str]]       # elements that break a rule, each with the value found there


@dataclass(frozen=True, slots=True)
class MetsPlace:
    """Which METS (or PREMIS) file is judged, and as what.

    `path` is seen from the package's root. `kind` is ("TT05", "SIP_hoso") or ("E-ARK", "CSIP"), with the kinds of
    Form or CSIP, SIP, AIP, DIP; `version` is E-ARK's, for TT 05 always 2.0.4. `folders` are the folders right under the
    package's or the representation's, None when not known: rules about a folder's files are then only warnings.
    """

    path: str
    level: Literal["root", "representation"]
    kind: tuple[str, str]
    version: str = VERSIONS[0]
    folders: frozenset[str] | None = None

    @property
    def family(self) -> str:
        """"TT05" or "E-ARK"."""
        return self.kind[0]

    @property
    def oais(self) -> str:
        """SIP, AIP, DIP or CSIP."""
        return self.kind[1].partition("_")[0]


@dataclass(frozen=True, slots=True)
class _Rule:
    """A rule's test, ready to run; the sentences are in archive/findings.py."""

    code: str
    level: Level
    article: str
    keys: Mapping[str, Any]
    tests: Mapping[Extent, Sequence[Callable[[Any], Wrong]]]


def check_mets(tree: Any, where: MetsPlace) -> list[Finding]:
    """What is wrong with the METS file `tree` (an lxml tree or its root), by the rules that hold at `where`.

    One finding a rule, however many elements break it. Never raises for what the file holds.
    """
    root = tree.getroot() if hasattr(tree, "getroot") else tree
    if root is None or root.tag != f"{{{METS}}}mets":
        return [not_of_the_kind("METS-001", root, where)]
    return judge(root, where, prefixes=("METS", "CSIP", "TT05") if where.family == "TT05" else
                 ("METS", "CSIP", _PREFIXES["E-ARK"].get(where.oais, "")), csip=_csip_of(root))


def not_of_the_kind(code: str, root: Any, where: MetsPlace) -> Finding:
    """The finding `code` about a file whose root element `root` is another than expected."""
    if root is None or not isinstance(root.tag, str):
        return finding(code, where.path, found="—", count=1, at=":0", article=rules()[code].article)
    name = etree.QName(root)
    shown = f"{name.localname} ({name.namespace})" if name.namespace else name.localname
    return finding(code, where.path, found=_cut(shown), count=1, at=_place(root), article=rules()[code].article)


def judge(root: Any, where: MetsPlace, *, prefixes: Iterable[str], csip: str = CSIP) -> list[Finding]:
    """The findings of all rules whose code begins with one of `prefixes`; `csip` is the namespace of that prefix."""
    verdict = Verdict(where, tuple(prefixes), csip)
    verdict.hear(root)
    return verdict.findings()


class Verdict:
    """What the rules that hold at a place say of a file, which may be heard as a whole or piece by piece."""

    def __init__(self, where: MetsPlace, prefixes: tuple[str, ...], csip: str = CSIP) -> None:
        self.where = where
        self._rules = _holding(csip, prefixes, where.level, where.kind, where.version, where.folders)
        self._wrong: dict[str, _Wrong] = {}

    def hear(self, root: Any, extent: Extent = "at") -> None:
        """Judge the file `root`; "pieces": only a piece of it, "whole": what is left of all its pieces."""
        for rule, level in self._rules:
            for test in rule.tests[extent]:
                if wrong := test(root):
                    self._wrong.setdefault(rule.code, _Wrong(rule, level)).add(wrong)

    def findings(self) -> list[Finding]:
        """One finding for each rule that was broken, in the order of the rules."""
        return [one.finding(self.where) for rule, _level in self._rules if (one := self._wrong.get(rule.code))]


@dataclass(slots=True)
class _Wrong:
    """How often a rule was broken, with the different values and places in their order."""

    rule: _Rule
    level: Level
    count: int = 0
    values: dict[str, None] = field(default_factory=dict)
    places: dict[str, None] = field(default_factory=dict)

    def add(self, wrong: Wrong) -> None:
        """Count what breaks the rule; its elements are not kept."""
        self.count += len(wrong)
        self.values.update((_cut(value), None) for _, value in wrong if value.strip())
        self.places.update((_place(element), None) for element, _ in wrong)

    def finding(self, where: MetsPlace) -> Finding:
        """The finding of the rule."""
        return finding(self.rule.code, where.path, level=self.level, count=self.count, at=_several(list(self.places)),
                       found=_several(list(self.values)) or "—", article=_article(self.rule, where))


@lru_cache(256)
def _holding(csip: str, prefixes: tuple[str, ...], level: Literal["root", "representation"], kind: tuple[str, str],
             version: str, folders: frozenset[str] | None) -> Sequence[tuple[_Rule, Level]]:
    """The rules that hold at a place, each with its level there."""
    where = MetsPlace("", level, kind, version, folders)
    return [(rule, found) for rule in _compiled(csip)
            if rule.code.partition("-")[0] in prefixes and (found := _level(rule, where)) is not None]


def _level(rule: _Rule, where: MetsPlace) -> Level | None:
    """How bad breaking `rule` is at `where`; None when it does not hold there."""
    keys = rule.keys
    if keys.get("only", where.level) != where.level:
        return None
    if "kinds" in keys and where.kind[1] not in keys["kinds"] and where.oais not in keys["kinds"]:
        return None
    version = where.version if where.version in VERSIONS and where.family == "E-ARK" else VERSIONS[0]
    if where.version not in VERSIONS and where.family == "E-ARK":
        version = VERSIONS[-1]
    if version not in keys.get("versions", VERSIONS):
        return None
    level = rule.level
    levels = keys.get("levels", {})
    for key in (f"{where.family} {where.level}", f"{where.family} {where.oais}", where.family, version, where.level):
        if key in levels:
            if levels[key] == "off":
                return None
            level = Level[levels[key]]
            break
    if folder := keys.get("folder"):
        if where.folders is None:
            level = min(level, Level.warning)
        elif folder not in where.folders:
            return None
    return level


def _article(rule: _Rule, where: MetsPlace) -> str:
    """The clause with the specification's version or the circular's annex."""
    version = where.version if where.family == "E-ARK" else VERSIONS[0]
    clause = re.sub(r"^(E-ARK \w+),", rf"\1 {version},", rule.article)
    annex = f"Phụ lục {_ANNEXES.get(where.kind[1], 'I–V')}"
    clause = clause.replace("Phụ lục I–V", annex)
    if where.family == "TT05" and rule.code.startswith("CSIP") and not rule.keys.get("beyond_tt05"):
        clause = f"TT 05/2025/TT-BNV, {annex}; {clause}"
    return clause


def _place(element: Any) -> str:
    """How a person finds `element` again: its name, its ID, its line."""
    named = next((element.get(name) for name in ("ID", "USE", "LABEL", "xmlID") if element.get(name)), "")
    return f"{etree.QName(element).localname}{f' {_cut(named)}' if named else ''}:{element.sourceline or 0}"


def _several(texts: Sequence[str]) -> str:
    shown = "; ".join(texts[:_SHOWN])
    return f"{shown}; … +{len(texts) - _SHOWN}" if len(texts) > _SHOWN else shown


def _cut(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= 100 else f"{text[:99]}…"


def _csip_of(root: Any) -> str:
    """The namespace in which the file has its csip: attributes; TT 05 prints two, and real files have more."""
    for element in (root, *root.iterchildren(f"{{{METS}}}metsHdr")):
        for name in element.attrib:
            namespace = etree.QName(name).namespace or ""
            if namespace.lower().removesuffix("/").endswith("csipextensionmets"):
                return str(namespace)
    return CSIP


# --- rules made ready ---------------------------------------------------------------------------------------


@cache
def vocabularies() -> Mapping[str, frozenset[str]]:
    """The closed lists of vocabularies.toml, folded for comparing."""
    with (_HERE / "vocabularies.toml").open("rb") as stream:
        return {name: frozenset(logic.folded(term) for term in terms) for name, terms in tomllib.load(stream).items()}


@cache
def _raw() -> Mapping[str, Any]:
    with (_HERE / "mets_rules.toml").open("rb") as stream:
        return tomllib.load(stream)


@cache
def _compiled(csip: str) -> Sequence[_Rule]:
    """Every rule with its tests. Raises KeyError or XPathSyntaxError for a rule that is written wrongly: ours."""
    # A file that spells one of E-ARK's two namespaces in its own way spells the other likewise.
    names = {**NAMESPACES, "csip": csip, "sip": csip.replace("CSIPExtensionMETS", "SIPExtensionMETS")}
    return [_Rule(code, Level[raw["level"]], raw["article"], raw, _extents(raw, names))
            for code, raw in _raw().items()]


def _extents(raw: Mapping[str, Any], names: Mapping[str, str]) -> Mapping[Extent, Sequence[Callable[[Any], Wrong]]]:
    at = raw.get("at", ".")
    tests = tuple(_tests(raw, at, names))
    pieces, whole = raw.get("pieces", at), raw.get("whole", "")
    return {"at": tests, "pieces": tests if pieces == at else tuple(_tests(raw, pieces, names)) if pieces else (),
            "whole": tuple(_tests(raw, whole, names)) if whole else ()}


def _tests(raw: Mapping[str, Any], at: str, names: Mapping[str, str]) -> Iterable[Callable[[Any], Wrong]]:
    if "needs" in raw:
        yield _elements(f"({at})[not(({raw['needs']})[self::* or normalize-space()])]", names)
    if "lacks" in raw:
        yield _elements(f"({at})[{raw['lacks']}]", names)
    if "most" in raw:
        yield _elements(f"({at})[count({raw['of']}) > {raw['most']}]", names)
    if "test" in raw:
        yield _elements(f"({at})[not({raw['test']})]", names)
    if "value" in raw:
        yield _values(raw, f"({at})/{raw['value']}", names)
    if "function" in raw:
        yield _function(raw, at, names)


def _xpath(text: str, names: Mapping[str, str]) -> Any:
    return etree.XPath(text, namespaces=dict(names), extensions={(None, "fold"): logic.fold})


def _elements(text: str, names: Mapping[str, str]) -> Callable[[Any], Wrong]:
    chosen = _xpath(text, names)
    return lambda root: [(element, "") for element in chosen(root)]


def _values(raw: Mapping[str, Any], text: str, names: Mapping[str, str]) -> Callable[[Any], Wrong]:
    values = _xpath(text, names)
    ids = _xpath(raw["names"], names) if "names" in raw else None
    pattern = re.compile(raw["matches"]) if "matches" in raw else None
    allowed = vocabularies()[raw["vocabulary"]] if "vocabulary" in raw else None
    listed = frozenset(raw["one_of"]) if "one_of" in raw else None

    def wrong(root: Any) -> Wrong:
        known = frozenset(ids(root)) if ids is not None else frozenset()

        def right(value: str) -> bool:
            return not ((listed is not None and value not in listed)
                        or (allowed is not None and logic.folded(value) not in allowed)
                        or (pattern is not None and not pattern.fullmatch(value))
                        or (ids is not None and not (value.split() and known.issuperset(value.split()))))

        return [(value.getparent(), str(value)) for value in values(root) if not right(str(value))]

    return wrong


def _function(raw: Mapping[str, Any], at: str, names: Mapping[str, str]) -> Callable[[Any], Wrong]:
    chosen = _xpath(at, names)
    made: Callable[[Any, list[Any]], Wrong] = logic.FUNCTIONS[raw["function"]]
    return lambda root: made(root, chosen(root))
