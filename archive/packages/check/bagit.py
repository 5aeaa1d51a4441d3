"""BagIt bags, RFC 8493 and the drafts 0.93 to 0.97 before it: complete, unchanged, listing nothing that lies elsewhere.

Nothing is fetched from a network; a bag that still has to fetch something is incomplete.
"""

from __future__ import annotations

import codecs
import re
from collections import Counter as Tally
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from archive.findings import Finding, finding
from archive.packages.check.checksums import (
    ALGORITHMS,
    WEAK,
    Counted,
    Hashed,
    Tell,
    algorithm_key,
    hash_files,
    is_digest,
)
from archive.packages.opening import Opened, UnreadableError, limits

DECLARATION = "bagit.txt"
INFO = "bag-info.txt"
_MANIFEST = re.compile(r"(tag)?manifest-([A-Za-z0-9_-]+)\.txt", re.IGNORECASE)
_LINE = re.compile(r"([0-9A-Fa-f]+)[ \t]+(\S.*)")
_FETCH = re.compile(r"(\S+)[ \t]+([0-9]+|-)[ \t]+(\S.*)")
_BREAK = re.compile("\r\n|\r|\n")
_UNSAFE = re.compile(r"^[/~]|^[A-Za-z]:[/\\]|^\\|[\x00-\x09\x0b\x0c\x0e-\x1f\x7f]")
# Encodings of text; Python knows others (hex, idna, zlib) that no stranger may choose.
_ENCODING = re.compile(r"utf[-_]?(8|16|32)([-_]?[lb]e)?|(us-)?ascii|iso[-_]?8859[-_]\d{1,2}|latin[-_]?\d|cp\d+"
                       r"|windows[-_]\d+|koi8[-_][rtu]|gb[0-9k]+|big5(hkscs)?|shift[-_]jis|euc[-_](jp|kr)",
                       re.IGNORECASE)
_KNOWN = ((0, 93), (0, 94), (0, 95), (0, 96), (0, 97), (1, 0))
_ONCE = ("Payload-Oxum", "Bagging-Date", "Bag-Size", "Bag-Group-Identifier", "Bag-Count")


@dataclass(slots=True)
class _Manifest:
    name: str
    tag: bool
    key: str                    # the algorithm as compared
    written: str
    entries: dict[str, str] = field(default_factory=dict)       # path -> digest in lower case


def check_bag(opened: Opened, counted: Counted, tell: Tell) -> tuple[str, list[Finding]]:
    """The bag's version ("1.0", "" when unknown) and the findings about it; `counted` is added to."""
    bag = _Bag(opened)
    bag.declaration()
    bag.manifests()
    bag.completeness()
    bag.fetch()
    bag.info()
    bag.checksums(counted, tell)
    return ".".join(map(str, bag.version)) if bag.version else "", bag.found


class _Bag:
    """One bag while it is checked."""

    def __init__(self, opened: Opened) -> None:
        self.opened = opened
        self.found: list[Finding] = []
        self.version: tuple[int, int] | None = None
        self.encoding = "utf-8"
        self.lists: list[_Manifest] = []
        self.payload = [name for name in opened.names if name.startswith("data/")]
        self.absent: set[str] = set()

    def say(self, code: str, subject: str, **params: object) -> None:
        self.found.append(finding(code, subject, level=None, **params))

    # --- the tag files ---------------------------------------------------------------------------------

    def lines(self, name: str, encoding: str) -> list[str]:
        """The lines of a tag file; none, with a finding, when it cannot be read."""
        try:
            data = self.opened.read(name, limits("xml")["bytes"])
        except UnreadableError as error:
            self.say("PKG-018", name, reason=error)
            return []
        try:
            if data.startswith((codecs.BOM_UTF8, codecs.BOM_UTF16_BE, codecs.BOM_UTF16_LE)) and "16" not in encoding:
                raise UnicodeError
            text = data.decode(encoding)
        except (UnicodeError, LookupError):
            self.say("BAG-018", name, encoding=encoding)
            return []
        lines = _BREAK.split(text)
        return lines[:-1] if lines and not lines[-1] else lines

    def declaration(self) -> None:
        """bagit.txt: exactly the version and the encoding of the tag files."""
        lines = self.lines(DECLARATION, "utf-8")
        if not lines:
            if not self.found:
                self.say("BAG-001", DECLARATION, reason="tệp rỗng", reason_en="it is empty")
            return
        version = re.fullmatch(r"BagIt-Version\s*:\s*([0-9]+)\.([0-9]+)\s*", lines[0])
        encoding = re.fullmatch(r"Tag-File-Character-Encoding\s*:\s*(\S+)\s*", lines[1]) if len(lines) > 1 else None
        if version is None or encoding is None or len(lines) > 2:
            self.say("BAG-001", DECLARATION,
                     reason="phải có đúng hai dòng BagIt-Version và Tag-File-Character-Encoding",
                     reason_en="it must have exactly the lines BagIt-Version and Tag-File-Character-Encoding")
        if version is not None:
            self.version = (int(version[1]), int(version[2]))
            if self.version not in _KNOWN:
                self.say("BAG-002", DECLARATION, version=f"{version[1]}.{version[2]}")
            elif self.version == (1, 0) and encoding is not None and any(
                    not re.fullmatch(r"[A-Za-z-]+: \S+", line) for line in lines[:2]):
                self.say("BAG-001", DECLARATION, reason="giữa nhãn và giá trị phải là dấu hai chấm và một dấu cách",
                         reason_en="label and value must be parted by a colon and one space")
        if encoding is not None:
            if _ENCODING.fullmatch(encoding[1]):
                self.encoding = encoding[1].lower()
            else:
                self.say("BAG-018", DECLARATION, encoding=encoding[1][:40])

    def manifests(self) -> None:
        """All manifests of payload and tag files."""
        for name in self.opened.names:
            match = _MANIFEST.fullmatch(name)
            if not match:
                continue
            manifest = _Manifest(name, bool(match[1]), algorithm_key(match[2]), match[2])
            if manifest.key not in ALGORITHMS:
                self.say("BAG-017", name, algorithm=match[2])
            for number, line in enumerate(self.lines(name, self.encoding), 1):
                self._entry(manifest, number, line)
            self.lists.append(manifest)
        if not any(not manifest.tag for manifest in self.lists):
            self.say("BAG-003", self.opened.name)
        listed = any(path.startswith("data/") for manifest in self.lists for path in manifest.entries)
        if not listed and not self.opened.has_folder("data"):
            self.say("BAG-004", self.opened.name)

    def _entry(self, manifest: _Manifest, number: int, line: str) -> None:
        match = _LINE.fullmatch(line)
        digest = match[1].lower() if match else ""
        if match is None or (manifest.key in ALGORITHMS and not is_digest(digest, manifest.key)):
            self.say("BAG-005", manifest.name, line=number, text=line[:120])
            return
        text = match[2]
        if text.startswith(("*", "./")) and not self.opened.has(text):
            self.say("BAG-020", manifest.name, line=number, text=text[:120])
            text = text.removeprefix("*").removeprefix("./")
        path = self._path(manifest.name, text)
        if path is None:
            return
        if manifest.tag and (path.startswith("data/") or path.lower().startswith("tagmanifest-")):
            self.say("BAG-019", manifest.name, path=path[:200])
        elif not manifest.tag and not path.startswith("data/"):
            self.say("BAG-021", manifest.name, path=path[:200])
        elif path in manifest.entries:
            if manifest.entries[path] == digest and self.version is not None and self.version < (1, 0):
                return                          # the drafts did not forbid it
            self.say("BAG-010", manifest.name, path=path[:200])
        else:
            manifest.entries[path] = digest

    def _path(self, source: str, text: str) -> str | None:
        """The file that a line means; None, with a finding, for one that no bag may name."""
        readings = [re.sub("%(0[ADad])", lambda code: chr(int(code[1], 16)), text)]
        if self.version is None or self.version >= (1, 0):
            readings.insert(0, re.sub("%25", "%", readings[0]))
        readings.append(text)
        for path in readings:
            if _UNSAFE.search(path) or ".." in path.split("/"):
                self.say("BAG-009", source, text=text[:200])
                return None
        for path in readings:
            if self.opened.has(path):
                return path
        if alike := self.opened.like(readings[0]):
            self.say("BAG-015", alike, manifest=source, text=text[:200])
            return alike
        return readings[0]

    # --- what is there ---------------------------------------------------------------------------------

    def completeness(self) -> None:
        """Every listed file is there; every payload file is listed: in each manifest (1.0), or in one of them."""
        fetched = {path for path, _url in self._fetch_lines(silent=True)}
        for manifest in self.lists:
            for path in manifest.entries:
                if not self.opened.has(path) and path not in self.absent:
                    self.absent.add(path)
                    if path not in fetched:
                        self.say("BAG-006", path, manifest=manifest.name)
        lists = [manifest for manifest in self.lists if not manifest.tag]
        if self.version is not None and self.version < (1, 0) and lists:
            together = {path for manifest in lists for path in manifest.entries}
            lists = [_Manifest(lists[0].name, False, "", "", dict.fromkeys(together, ""))]
        for manifest in lists:
            for name in self.payload:
                if name not in manifest.entries:
                    self.say("BAG-007", name, manifest=manifest.name)

    def _fetch_lines(self, *, silent: bool) -> Iterator[tuple[str, str]]:
        if not self.opened.has("fetch.txt"):
            return
        kept = self.found
        if silent:
            self.found = []
        try:
            for number, line in enumerate(self.lines("fetch.txt", self.encoding), 1):
                match = _FETCH.fullmatch(line)
                if match is None:
                    self.say("BAG-005", "fetch.txt", line=number, text=line[:120])
                elif (path := self._path("fetch.txt", match[3])) is not None:
                    yield path, match[1]
        finally:
            if silent:
                self.found = kept

    def fetch(self) -> None:
        """fetch.txt: what it lists is in the manifests, and has been fetched."""
        lists = [manifest for manifest in self.lists if not manifest.tag]
        for path, url in self._fetch_lines(silent=False):
            if lacking := next((one.name for one in lists if path not in one.entries), ""):
                self.say("BAG-012", path, manifest=lacking)
            if not self.opened.has(path):
                self.say("BAG-011", path, url=url[:200])

    def info(self) -> None:
        """bag-info.txt: labels and values, and the count of the payload's bytes and files."""
        if not self.opened.has(INFO):
            return
        labels: Tally[str] = Tally()
        oxum = ""
        for number, line in enumerate(self.lines(INFO, self.encoding), 1):
            if not line.strip() or (line[0] in " \t" and labels):
                continue
            label, colon, value = line.partition(":")
            if not colon or not label.strip():
                self.say("BAG-014", INFO, line=number, text=line[:120])
                continue
            labels[label.strip().lower()] += 1
            if label.strip().lower() == "payload-oxum":
                oxum = value.strip()
        for label in _ONCE:
            if labels[label.lower()] > 1:
                self.say("BAG-022", INFO, label=label)
        actual = f"{sum(map(self.opened.size, self.payload))}.{len(self.payload)}"
        if oxum and oxum != actual:
            self.say("BAG-013", INFO, expected=oxum[:60], actual=actual)

    def checksums(self, counted: Counted, tell: Tell) -> None:
        """Every listed file against every manifest that lists it, read once."""
        wanted: dict[str, set[str]] = {}
        for manifest in self.lists:
            for path in manifest.entries:
                if manifest.key in ALGORITHMS and self.opened.has(path):
                    wanted.setdefault(path, set()).add(manifest.key)
        for hashed in hash_files(self.opened, wanted, tell):
            counted.files += 1
            counted.bytes += hashed.size
            if hashed.error:
                self.say("PKG-018", hashed.name, reason=hashed.error)
            else:
                self._compare(hashed)
        keys = {manifest.key for manifest in self.lists if not manifest.tag}
        if keys and WEAK.issuperset(keys):
            self.say("BAG-016", self.opened.name, algorithm=", ".join(sorted(keys)).upper())

    def _compare(self, hashed: Hashed) -> None:
        digests: Mapping[str, str] = hashed.digests
        for manifest in self.lists:
            expected = manifest.entries.get(hashed.name)
            if expected is not None and manifest.key in digests and digests[manifest.key] != expected:
                self.say("BAG-008", hashed.name, algorithm=manifest.written.upper(), manifest=manifest.name,
                         expected=expected, actual=digests[manifest.key])
