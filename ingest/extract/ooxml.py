"""Reading parts of an OOXML or ODF package: one opening, every part through the caps on ZIP and XML."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from xml.etree.ElementTree import Element

from archive.settings import IngestSettings
from ingest import containers, xmlsafe
from ingest.extract.raw import Unreadable

# Fonts matter only where one of a legacy encoding occurs; parsing the styles of every document would cost more than
# its text does.
_LEGACY_FONT = re.compile(rb"""[="'](?:\.?Vn[A-Za-z]|VNI[- ])""", re.IGNORECASE)

# A table in a table in a text box nests deeper than the XML of messages and packages.
_DEPTH = 250


def local(element: Element) -> str:
    """The element's name without its namespace: transitional and strict OOXML differ in nothing else here."""
    return element.tag.rpartition("}")[2]


def attribute(element: Element, name: str) -> str:
    """The value of the attribute with this local name, "" without one."""
    value = element.get(name)
    if value is not None:
        return value
    return next((value for key, value in element.attrib.items() if key.rpartition("}")[2] == name), "")


def child(element: Element, name: str) -> Element | None:
    """The first child with this local name."""
    return next((one for one in element if local(one) == name), None)


@dataclass(frozen=True, slots=True)
class Package:
    """An open package whose parts are read as XML."""

    container: containers.SafeZip
    limits: xmlsafe.Limits

    def part(self, name: str) -> Element | None:
        """The root element of a part, None when the package has none of this name. Raises XmlRefused."""
        try:
            data = self.container.read(name)
        except KeyError:
            return None
        return xmlsafe.parse(data, self.limits)

    def styles(self, name: str) -> Element | None:
        """The root element of a part of styles, None when it names no font of a legacy encoding."""
        try:
            data = self.container.read(name)
        except KeyError:
            return None
        return xmlsafe.parse(data, self.limits) if _LEGACY_FONT.search(data) else None

    def related(self, source: str) -> list[tuple[str, str, str]]:
        """The relations of a part (id, last word of the type, target within the package), without external ones."""
        folder, _, name = source.rpartition("/")
        root = self.part(posixpath.join(folder, "_rels", name + ".rels"))
        found = []
        for one in root if root is not None else ():
            if one.get("TargetMode") == "External":
                continue
            target = one.get("Target", "")
            inside = target[1:] if target.startswith("/") else posixpath.normpath(posixpath.join(folder, target))
            found.append((one.get("Id", ""), one.get("Type", "").rpartition("/")[2], inside))
        return found

    def main_part(self, usual: str) -> str:
        """The part that holds the document, `usual` when the package does not say."""
        return next((target for _, kind, target in self.related("") if kind == "officeDocument"), usual)


@contextmanager
def open_package(path: Path, settings: IngestSettings) -> Iterator[Package]:
    """Open an office file. Raises Unreadable (EXTRACT-006) for one that is damaged or passes a limit."""
    limits = xmlsafe.Limits(settings.archive_max_unpacked_mb << 20, max(_DEPTH, settings.xml_max_depth),
                            settings.xml_max_elements)
    try:
        with containers.open_zip(path, containers.Limits.of(settings)) as container:
            yield Package(container, limits)
    except (containers.ContainerRefused, xmlsafe.XmlRefused) as refused:
        raise Unreadable("EXTRACT-006", reason=refused.finding(path.name).sentence("en")) from refused
