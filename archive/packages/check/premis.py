"""Judges a PREMIS file by the PREMIS rules of mets_rules.toml: PREMIS 3 as E-ARK AIP and TT 05/2025/TT-BNV use it.

That of a large AIP has thirty elements for each of its files: it is read, judged and forgotten piece by piece.
"""

from __future__ import annotations

import copy
from typing import Any

from lxml import etree

from archive.findings import Finding
from archive.packages.check.mets import NAMESPACES, MetsPlace, Verdict, judge, not_of_the_kind
from archive.packages.opening import Opened
from archive.packages.parsing import children, read_xml

_PREMIS = NAMESPACES["premis"]
_TAGS = [f"{{{_PREMIS}}}{name}" for name in ("object", "event", "agent", "rights")]
_LINK = f"{{{_PREMIS}}}linkingAgentIdentifier"
_WHOLE = 1 << 20        # bytes up to which a file is judged in one piece
_PIECE = 500            # children of the root in a piece


def check_premis_file(opened: Opened, name: str, where: MetsPlace) -> list[Finding]:
    """What is wrong with the PREMIS file `name`. A file of another kind counts only where TT 05 gives the name."""
    found: list[Finding] = []
    if opened.size(name) <= _WHOLE:
        tree = read_xml(opened, name, found)
        if tree is not None and _asked(tree, where):
            found += check_premis(tree, where)
        return found
    verdict, piece, left = Verdict(where, ("PREMIS",)), _empty(), _empty()
    for element in children(opened, name, _TAGS, found):
        if element.getparent() is not None:
            piece.append(element)
            if len(piece) >= _PIECE:
                verdict.hear(piece, "pieces")
                piece = _remembered(piece, left)
            continue
        if not _asked(element, where):
            return found
        if not _is_premis(element):
            return [*found, not_of_the_kind("PREMIS-001", element, where)]
        if _misplaced(element):
            found.append(not_of_the_kind("PREMIS-002", element, where))
        for other in list(element):
            _move(other)
            piece.append(other)
        verdict.hear(piece, "pieces")
        _remembered(piece, left)
        left.sourceline = element.sourceline
        verdict.hear(left, "whole")
        found += verdict.findings()
    return found


def check_premis(tree: Any, where: MetsPlace) -> list[Finding]:
    """What is wrong with the PREMIS file `tree` (an lxml tree or its root) in the package that `where` describes.

    A file whose elements stand in no namespace, as the samples of TT 05 print them, or in PREMIS 2's, is read as if
    they stood in PREMIS 3's, with a finding. Never raises for what the file holds.
    """
    root = tree.getroot() if hasattr(tree, "getroot") else tree
    if not _is_premis(root):
        return [not_of_the_kind("PREMIS-001", root, where)]
    found = []
    if _misplaced(root):
        found.append(not_of_the_kind("PREMIS-002", root, where))
        root = _move(copy.deepcopy(root))
    return found + judge(root, where, prefixes=("PREMIS",))


def _asked(root: Any, where: MetsPlace) -> bool:
    """Whether the file is meant to be PREMIS: E-ARK lets other files lie beside it."""
    return where.family == "TT05" or str(root.tag).rpartition("}")[2] == "premis"


def _is_premis(root: Any) -> bool:
    return root is not None and isinstance(root.tag, str) and etree.QName(root).localname == "premis"


def _misplaced(root: Any) -> bool:
    return root.tag != f"{{{_PREMIS}}}premis" or any(etree.QName(one).namespace is None
                                                     for one in root.iterchildren("*"))


def _move(root: Any) -> Any:
    """Put the element and all in it into PREMIS 3's namespace."""
    for element in root.iter("*"):
        element.tag = f"{{{_PREMIS}}}{etree.QName(element).localname}"
    return root


def _empty() -> Any:
    return etree.Element(f"{{{_PREMIS}}}premis")


def _remembered(piece: Any, left: Any) -> Any:
    """Move the children of `piece` to `left`, with nothing but identifiers and agents; a new empty piece."""
    for child in list(piece):
        own = f"{child.tag}Identifier"
        for part in list(child):
            if part.tag not in (own, _LINK):
                child.remove(part)
        left.append(child)
    return _empty()
