"""Reading XML from strangers: no DTD, no entities, nothing fetched, and caps on size, depth and number of elements.

Every XML file that comes from outside (edXML messages, packages, office documents) is read through here; it must
never be given to a parser that would expand entities or open what the file names.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol
from xml.etree.ElementTree import Element, ParseError, TreeBuilder
from xml.parsers import expat

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import DefusedXMLParser

from archive.findings import Finding, finding
from archive.settings import IngestSettings

_CHUNK = 1 << 16
_MB = 1 << 20


class XmlRefused(ValueError):  # noqa: N818 (not an error of ours: the caller turns it into its finding)
    """A file that cannot be taken as XML: the code of findings.toml that says why, with its parameters."""

    def __init__(self, code: str, **params: object) -> None:
        super().__init__(code)
        self.code = code
        self.params = params

    def finding(self, subject: str) -> Finding:
        """The finding to show for `subject`."""
        return finding(self.code, subject, level=None, **self.params)


@dataclass(frozen=True, slots=True)
class Limits:
    """How large an XML file may be: bytes, nested elements, elements in all."""

    size: int = 500 * _MB
    depth: int = 100
    elements: int = 1_000_000

    @classmethod
    def of(cls, settings: IngestSettings) -> Limits:
        """The limits that the settings give."""
        return cls(settings.max_file_mb * _MB, settings.xml_max_depth, settings.xml_max_elements)


class _Target(Protocol):
    """What the parser tells its events to."""

    def start(self, tag: str, attrs: dict[str, str], /) -> Any: ...
    def end(self, tag: str, /) -> Any: ...
    def data(self, data: str, /) -> Any: ...
    def close(self) -> Any: ...


class _Nothing:
    """A target that keeps nothing: for checking without building a tree."""

    def start(self, tag: str, attrs: dict[str, str], /) -> None: ...
    def end(self, tag: str, /) -> None: ...
    def data(self, data: str, /) -> None: ...
    def close(self) -> None: ...


class _Counted:
    """A target that stops the parse when the document is deeper or larger than allowed."""

    def __init__(self, inner: _Target, limits: Limits) -> None:
        self.inner, self.limits = inner, limits
        self.depth = self.elements = 0
        self.end, self.data, self.close = self._end, inner.data, inner.close

    def start(self, tag: str, attrs: dict[str, str], /) -> Any:
        self.depth += 1
        self.elements += 1
        if self.depth > self.limits.depth:
            raise XmlRefused("CHECK-042", what=f"> {self.limits.depth} levels")
        if self.elements > self.limits.elements:
            raise XmlRefused("CHECK-042", what=f"> {self.limits.elements} elements")
        return self.inner.start(tag, attrs)

    def _end(self, tag: str, /) -> Any:
        self.depth -= 1
        return self.inner.end(tag)


def parse(source: bytes | Path, limits: Limits | None = None) -> Element:
    """The root element of an XML document.

    Raises XmlRefused for a DTD or entity (CHECK-041), a size beyond `limits` (CHECK-042) and XML that is not
    well-formed (CHECK-043); OSError when the file cannot be read.
    """
    root = _run(_chunks(source), TreeBuilder(), limits or Limits())
    if not isinstance(root, Element):
        raise XmlRefused("CHECK-043", where="0")
    return root


def check(source: bytes | Path, limits: Limits | None = None) -> None:
    """Raise what `parse` would raise, in constant memory."""
    _run(_chunks(source), _Nothing(), limits or Limits())


def root_name(head: bytes) -> str:
    """The local name of the root element that `head`, the start of a file, shows; empty when it shows none.

    Reads no further than the root's start tag and raises nothing: it is used to tell what a file is.
    """
    return _prolog(head)[0]


def has_doctype(head: bytes) -> bool:
    """Whether `head`, the start of a file, holds a DTD before its root element, in whatever encoding."""
    return _prolog(head)[1]


class _Enough(Exception):  # noqa: N818 (stops the parse at the root element; never leaves this module)
    pass


def _prolog(head: bytes) -> tuple[str, bool]:
    found = {"root": "", "doctype": ""}

    def on_start(name: str, _attrs: dict[str, str]) -> None:
        found["root"] = name.rpartition("|")[2]
        raise _Enough

    def on_doctype(name: str, _system: str | None, _public: str | None, _internal: bool) -> None:
        found["doctype"] = name or "?"
        raise _Enough

    parser = expat.ParserCreate(namespace_separator="|")
    parser.StartElementHandler = on_start
    parser.StartDoctypeDeclHandler = on_doctype
    try:
        parser.Parse(head, False)
    except (_Enough, expat.ExpatError, LookupError, ValueError):
        pass  # what was seen before the parse stopped is the answer
    return found["root"], bool(found["doctype"])


def _chunks(source: bytes | Path) -> Iterator[bytes]:
    if isinstance(source, bytes):
        for start in range(0, len(source), _CHUNK):
            yield source[start:start + _CHUNK]
        return
    with source.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            yield chunk


def _run(chunks: Iterable[bytes], target: _Target, limits: Limits) -> object:
    parser = DefusedXMLParser(target=_Counted(target, limits), forbid_dtd=True, forbid_entities=True,
                              forbid_external=True)
    size = 0
    try:
        for chunk in chunks:
            size += len(chunk)
            if size > limits.size:
                raise XmlRefused("CHECK-042", what=f"> {limits.size // _MB} MB")
            parser.feed(chunk)
        result: object = parser.close()
    except DefusedXmlException as error:
        raise XmlRefused("CHECK-041") from error
    except ParseError as error:
        raise XmlRefused("CHECK-043", where=str(error.position[0])) from error
    except (LookupError, UnicodeError) as error:  # an encoding that nobody knows, or that its bytes do not keep
        raise XmlRefused("CHECK-043", where="1") from error
    return result
