"""PREMIS 3.0: what the objects of a package are, what happened to them, and who did it.

PREMIS.xml speaks of the package as a whole, PREMIS_rep1.xml of rep1's documents and files (TT 05/2025, annex I,
section 3). The order of elements is that of the official schema, against which both are valid.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from archive.fields.kinds import Kind
from archive.packages.description import PackedDocument, PackedFile, PremisAgent, PremisEvent
from archive.packages.mets import REP, XSI, Names, Xml, rep_objid, time

PREMIS = "http://www.loc.gov/premis/v3"
# objectIdentifierType of the annex (p. 91).
_TYPE_OF: Mapping[Kind, str] = {"document": "Doc", "photo": "Pic", "av": "Media"}
_CATEGORY = {"file": "file", "representation": "representation", "intellectualEntity": "intellectual entity"}
_HASHES = "http://id.loc.gov/vocabulary/preservation/cryptographicHashFunctions"
_EVENTS = "http://id.loc.gov/vocabulary/preservation/eventType"

Identifier = tuple[str, str]        # type, value


def premis_whole(names: Names) -> bytes:
    """PREMIS.xml: the package and rep1, further representations' files, the events of the whole, their agents."""
    package = names.package
    entity, rep = ("OBJID", names.objid()), ("OBJID", rep_objid(names))
    events = [event for event in package.events if not event.objects]
    writer = _Writer(names, "../../")
    writer.entity(names.id("premis", "package"), "intellectualEntity", [entity], package.title, events,
                  related=[("structural", "includes", rep)])
    writer.entity(names.id("premis", "rep1"), "representation", [rep], "", (),
                  related=[("structural", "is included in", entity)])
    for file in package.others:
        if file.path.startswith("representations/"):
            writer.file(file, [])
    for event in events:
        writer.event(event, [entity])
    return writer.finish(events)


def premis_rep(names: Names) -> bytes:
    """PREMIS_rep1.xml: each document and its files, the events of documents, their agents."""
    package = names.package
    events = [event for event in package.events if event.objects]
    of_document: dict[str, list[PremisEvent]] = {}
    for event in events:
        for code in event.objects:
            of_document.setdefault(code, []).append(event)
    writer = _Writer(names, "../../../../")
    known: dict[str, Identifier] = {}
    for document in package.documents:
        known[document.code] = own = _identifier(names, document)
        includes = [("structural", "includes", _file_identifier(names, file)) for file in document.files]
        writer.entity(names.id("premis", REP, document.code), "intellectualEntity",
                      [own, ("docCode", document.code)], "", of_document.get(document.code, ()), related=includes)
        for file in document.files:
            writer.file(file, [("structural", "is included in", own)])
    for event in events:
        writer.event(event, [known[code] for code in event.objects if code in known])
    return writer.finish(events)


class _Writer:
    """One PREMIS file in the profile's spelling; its objects come before its events and agents.

    `up` leads from its folder to the package's.
    """

    def __init__(self, names: Names, up: str) -> None:
        self.names, self.xml = names, Xml()
        prefixed = names.choices.premis_namespace == "premis"
        self._prefix = "premis:" if prefixed else ""
        self.xml.start(f"{self._prefix}premis", {
            "xmlns:premis" if prefixed else "xmlns": PREMIS, "xmlns:xsi": XSI,
            "xsi:schemaLocation": f"{PREMIS} {up}schemas/PREMIS.xsd", "version": "3.0"})

    def entity(self, xml_id: str, category: str, identifiers: Sequence[Identifier], name: str,
               events: Iterable[PremisEvent], related: Iterable[tuple[str, str, Identifier]]) -> None:
        """An object without bytes of its own: the package, its representation, a document."""
        self._object(xml_id, category, identifiers)
        if name:
            self._leaf("originalName", name)
        self._related(related)
        for event in events:
            self._pair("linkingEventIdentifier", ("local", event.id))
        self._end()

    def file(self, file: PackedFile, related: Iterable[tuple[str, str, Identifier]]) -> None:
        """A file: fixity, size, format, the name under which it came."""
        self._object(self.names.file(file.path), "file", [_file_identifier(self.names, file)])
        self._start("objectCharacteristics")
        self._leaf("compositionLevel", "0")
        self._start("fixity")
        self._leaf("messageDigestAlgorithm", "SHA-256", {
            "authority": "cryptographicHashFunctions", "authorityURI": _HASHES, "valueURI": f"{_HASHES}/sha256"})
        self._leaf("messageDigest", file.sha256.lower())
        self._end()
        self._leaf("size", str(file.size))
        self._start("format")
        self._start("formatDesignation")
        self._leaf("formatName", file.format_name or file.mime or "application/octet-stream")
        self._end()
        if file.puid:
            self._start("formatRegistry")
            self._leaf("formatRegistryName", "PRONOM")
            self._leaf("formatRegistryKey", file.puid)
            self._leaf("formatRegistryRole", "identification")
            self._end()
        self._end()
        self._end()
        if file.name:
            self._leaf("originalName", file.name)
        self._start("storage")
        self._pair("contentLocation", ("relative path", file.path))
        self._end()
        self._related(related)
        self._end()

    def event(self, event: PremisEvent, objects: Iterable[Identifier]) -> None:
        """An event with its outcome, its agent and the objects it happened to."""
        self._start("event", {"xmlID": self.names.id("premis-event", event.id)})
        self._pair("eventIdentifier", ("local", event.id))
        self._leaf("eventType", event.type, {"authority": "eventType", "authorityURI": _EVENTS})
        self._leaf("eventDateTime", time(event.at, self.names.choices))
        if event.detail:
            self._start("eventDetailInformation")
            self._leaf("eventDetail", event.detail)
            self._end()
        if event.outcome:
            self._start("eventOutcomeInformation")
            self._leaf("eventOutcome", event.outcome)
            self._end()
        if event.agent:
            self._pair("linkingAgentIdentifier", ("local", event.agent),
                       ("linkingAgentRole", self._role(event.agent)))
        for one in objects:
            self._pair("linkingObjectIdentifier", one)
        self._end()

    def finish(self, events: Iterable[PremisEvent]) -> bytes:
        """The file's bytes, with the agents of `events` at its end."""
        wanted = {event.agent for event in events}
        for agent in self.names.package.agents:
            if agent.id in wanted:
                self._agent(agent)
        self._end()
        return self.xml.finish()

    def _agent(self, agent: PremisAgent) -> None:
        self._start("agent", {"xmlID": self.names.id("premis-agent", agent.id)})
        self._pair("agentIdentifier", ("local", agent.id))
        self._leaf("agentName", agent.name)
        self._leaf("agentType", agent.type)
        if agent.version:
            self._leaf("agentVersion", agent.version)
        self._end()

    def _role(self, agent_id: str) -> str:
        kind = next((agent.type for agent in self.names.package.agents if agent.id == agent_id), "")
        return "executing program" if kind == "software" else "implementer"

    def _object(self, xml_id: str, category: str, identifiers: Sequence[Identifier]) -> None:
        """Open an object; the caller closes it."""
        as_element = self.names.choices.premis_category == "element"
        kind = {} if as_element else {"xsi:type": f"{self._prefix}{category}"}
        self._start("object", {**kind, "xmlID": xml_id})
        for one in identifiers:
            self._pair("objectIdentifier", one)
        if as_element:
            self._leaf("objectCategory", _CATEGORY[category])

    def _related(self, related: Iterable[tuple[str, str, Identifier]]) -> None:
        """Relationships; those of one kind share an element."""
        grouped: dict[tuple[str, str], list[Identifier]] = {}
        for kind, sub_kind, other in related:
            grouped.setdefault((kind, sub_kind), []).append(other)
        for (kind, sub_kind), others in grouped.items():
            self._start("relationship")
            self._leaf("relationshipType", kind)
            self._leaf("relationshipSubType", sub_kind)
            for one in others:
                self._pair("relatedObjectIdentifier", one)
            self._end()

    def _pair(self, tag: str, pair: Identifier, *more: Identifier) -> None:
        """An element of a type and a value, such as objectIdentifier."""
        self._start(tag)
        self._leaf(f"{tag}Type", pair[0])
        self._leaf(f"{tag}Value", pair[1])
        for name, value in more:
            self._leaf(name, value)
        self._end()

    def _start(self, tag: str, attributes: Mapping[str, str] | None = None) -> None:
        self.xml.start(self._prefix + tag, attributes or {})

    def _leaf(self, tag: str, content: str, attributes: Mapping[str, str] | None = None) -> None:
        self.xml.leaf(self._prefix + tag, attributes or {}, content)

    def _end(self) -> None:
        self.xml.end()


def _identifier(names: Names, document: PackedDocument) -> Identifier:
    return _TYPE_OF[document.kind], names.id("premis", REP, document.code)


def _file_identifier(names: Names, file: PackedFile) -> Identifier:
    return "File", names.file(file.path)
