"""The printed report of signature checks: what signatures.json says, on paper.

Verdict and seven fields a signature as TT 15/2025/TT-BKHCN asks of notices (a) and (b) (copy).
It prints and never judges: every verdict, fact and reason is the JSON's own. The words come from printing.toml, the
look from templates/signatures.typ; names come from certificates that anyone can make and reach it as data only.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from archive import clock
from archive.files import json_bytes
from archive.findings import Finding, Level
from archive.forms import typesetting
from ingest.signatures.report import FIELDS, when, word

_TEMPLATE = Path(__file__).with_name("templates") / "signatures.typ"
_TOGETHER = 600                     # so many letters of a reason are not parted by the end of a page
# Which reasons explain a verdict: a verdict is the worst of its reasons (report.py).
_EXPLAINED: Mapping[str, frozenset[str]] = {
    "valid_with_notes": frozenset({"note"}), "undetermined": frozenset({"warning", "failed"}),
    "invalid": frozenset({"refused"}), "not_checked": frozenset({"warning", "failed", "refused"})}

Row = tuple[str, ...]               # label, value, and its look: "", "strong", "small" or the name of a verdict


def report_pdf(told: Mapping[str, Any], *, title: str, language: str = "vi") -> bytes:
    """The report on one document as PDF/A-2u, from `told`: what signatures.json holds.

    `title` is what people call the document (name, code); `language` "vi" or "en". The same input gives the same
    bytes: dates are those of `told`. Raises FontMissingError when no font with Vietnamese letters is to be had.
    """
    report = _Report(told, title, language)
    name = report.cut(f"{report.say('heading').capitalize()}: {title}")
    return typesetting.pdf(_TEMPLATE, report.data(), title=name, made=clock.parse(told["checked_at"]),
                           language=report.language)


@cache
def _table() -> Mapping[str, Any]:
    with Path(__file__).with_name("printing.toml").open("rb") as stream:
        return tomllib.load(stream)


class _Report:
    """The words of one report, in the order in which the template sets them."""

    def __init__(self, told: Mapping[str, Any], title: str, language: str) -> None:
        self.told, self.title, self.english = told, title, language == "en"
        self.language = "en" if self.english else "vi"
        self.files: Sequence[Mapping[str, Any]] = told.get("files", [])

    def word(self, section: str, name: str, /, **params: object) -> str:
        """A word of printing.toml, filled; a name that it does not know stands for itself."""
        pair = _table()[section].get(name)
        return str(pair[self.english]).format(**params) if pair else name

    def say(self, name: str, /, **params: object) -> str:
        return self.word("words", name, **params)

    def data(self) -> dict[str, Any]:
        hashed = hashlib.sha256(json_bytes(self.told)).hexdigest()
        return {
            **{name: self.say(name) for name in ("system", "heading", "nature", "results", "no_reasons", "replaced")},
            "other_font": self.say("other_font", font="{font}", wanted="{wanted}"),
            "document": self.document(), "verdict": self.verdict(), "circumstances": self.circumstances(),
            "files": [self.file(one, number) for number, one in enumerate(self.files, 1)], "check": self.check(),
            "footer": {"hash": self.say("footer_hash", hash=hashed), "check": self.say("footer_check"),
                       "page": self.say("page", n="{n}", count="{count}")},
        }

    # --- parts ---------------------------------------------------------------------------------------------------

    def document(self) -> list[Row]:
        found = [self.row("document", self.title, "strong")]
        if len(self.files) != 1:
            return [*found, self.row("files", str(len(self.files)))]
        one = self.files[0]
        if one.get("file", self.title) != self.title:
            found.append(self.row("name", one["file"]))
        return found + self.hash(one)

    def verdict(self) -> dict[str, Any]:
        """The conclusion, to be set large, in words and framed; its reasons under it."""
        verdict = str(self.told.get("verdict", "not_checked"))
        limits, reasons = _table()["limits"], self.explaining(verdict)
        shown = [self.cut(one, limits["letters"] // 5) for one in reasons[:limits["reasons"]]]
        if len(reasons) > len(shown):
            shown.append(self.say("more", n=len(reasons) - len(shown)))
        colon = ":" if shown and verdict == "undetermined" else ""
        return {"name": verdict, "words": self.word("verdict", verdict) + colon, "reasons": shown,
                "label": self.say("notes" if verdict == "valid_with_notes" else "reason")}

    def circumstances(self) -> list[Row]:
        """When it was checked, and by which trust lists and rules."""
        rows = [self.time("checked_at", self.told["checked_at"])]
        rows += [self.time("received_at", received) for received in
                 dict.fromkeys(one.get("received_at") for one in self.files) if received]
        for lists, version in dict.fromkeys(_trust(one) for one in self.files if one.get("signatures")):
            named = ", ".join(lists) or self.say("no_trust")
            rows.append(self.row("trust", f"{named}; {self.say('version', version=version)}" if version else named))
        rows += [self.row("policy", self.say("version", version=version)) for version in
                 dict.fromkeys(str((one.get("policy") or {}).get("version") or "") for one in self.files) if version]
        return rows

    def file(self, one: Mapping[str, Any], number: int) -> dict[str, Any]:
        signatures, name = one.get("signatures", []), str(one.get("file", ""))
        band, rows = "", []
        if len(self.files) > 1:
            band = self.cut(f"{self.say('file', n=number, count=len(self.files))}: {name}")
            rows = [self.conclusion(one), *self.hash(one)]
        if signatures:
            found, (counts, elsewhere) = one.get("finders") or {}, _kept(one)
            rows.append(self.row("found", self.say("found_by", **{way: found.get(way, 0)
                                                                  for way in ("form", "pages", "bytes")})))
            rows.append(self.row("kept", self.say("kept_counts", **counts)
                                 + (self.say("kept_elsewhere", n=elsewhere) if elsewhere else "")))
        return {"band": band, "rows": rows, "unchecked": "" if one.get("checked", True) else self.say("unchecked"),
                "about": self.say("about_file"), "notes": [self.reason(told, name) for told in one.get("notes", [])],
                "signatures": [self.signature(each, position, len(signatures), name)
                               for position, each in enumerate(signatures, 1)]}

    def signature(self, one: Mapping[str, Any], number: int, count: int, file: str) -> dict[str, Any]:
        """The panel of one signature: the conclusion, seven fields, what shows it to machines, the reasons."""
        shown = (one.get("shown") or {}).get(self.language, {})
        rows = [self.conclusion(one), *((word("field", name, self.language), self.cut(str(shown.get(name, "—"))))
                                        for name in FIELDS)]
        if token := one.get("token"):
            rows.append(self.row("token", self.say(
                "token_by", time=when(clock.parse(token["time"])), authority=token.get("authority", "—"),
                state=self.word("token_state", str(token.get("state", ""))))))
        if one.get("claimed_time"):
            rows.append(self.time("claimed_time", one["claimed_time"]))
        if held := one.get("certificate"):
            rows.append(self.row("fingerprint", held.get("sha256", "—"), "small"))
        if one.get("byte_range"):
            rows.append(self.row("byte_range", self.say("range", numbers=" ".join(map(str, one["byte_range"])),
                                                        subfilter=one.get("subfilter") or "—"), "small"))
        band = (f"{self.say('signature', n=number, count=count)}: {_kind(one, self.language)}, "
                f"{self.say('field', name=one.get('field', '—'))}")
        return {"band": self.cut(band), "verdict": str(one.get("verdict", "")), "rows": rows,
                "reasons": [self.reason(told, file) for told in one.get("reasons", [])]}

    def reason(self, told: Mapping[str, Any], file: str) -> dict[str, Any]:
        """What a check found: a sign and a word, the sentence, the basis, and the cure where one is needed."""
        level, known = str(told.get("level", "")), _known(told)
        basis, cure = str(told.get("code", "")), ""
        if known is not None and known.citation(self.language):
            basis += "; " + self.say("basis", article=known.citation(self.language))
        if known is not None and known.level > Level.ok and known.cure(self.language):
            cure = f"{self.word('sign', 'cure')}: {known.cure(self.language)}"
        texts = {"sentence": self.cut(self.sentence(told, file)), "cure": self.cut(cure), "basis": self.cut(basis)}
        return {"level": level, "sign": self.word("sign", level), **texts,
                "long": sum(map(len, texts.values())) > _TOGETHER}

    def check(self) -> dict[str, Any]:
        """How anybody can come to the same result."""
        which, numbers = self.openssl_reads()
        steps = ("report", "luutru", "openssl") if numbers else ("report", "luutru")
        return {"band": self.say("check"), "steps": [self.cut(self.word("steps", step, which=which)) for step in steps],
                "commands": [line.format(**dict(zip("abcd", numbers, strict=True)))
                             for line in (_table()["commands"]["lines"] if numbers else ())]}

    def openssl_reads(self) -> tuple[str, Sequence[int]]:
        """The first signature whose bytes and value openssl's `cms` takes as they lie: its name, its bytes."""
        for file in self.files:
            for number, one in enumerate(file.get("signatures", []), 1):
                numbers: Sequence[int] = one.get("byte_range") or ()
                if len(numbers) == 4 and one.get("subfilter") in _table()["commands"]["subfilters"]:
                    which = self.say("signature", n=number, count=len(file["signatures"])).lower()
                    return (f"{which}, {file.get('file', '')}" if len(self.files) > 1 else which), numbers
        return "", ()

    # --- lines ---------------------------------------------------------------------------------------------------

    def row(self, name: str, value: object, look: str = "") -> Row:
        return self.say(name), self.cut(str(value)), look

    def time(self, name: str, value: str) -> Row:
        return self.row(name, when(clock.parse(value)))

    def hash(self, one: Mapping[str, Any]) -> list[Row]:
        return [self.row("sha256", one["sha256"], "small")] if one.get("sha256") else []

    def conclusion(self, one: Mapping[str, Any]) -> Row:
        verdict = str(one.get("verdict", ""))
        return self.row("conclusion", self.word("verdict", verdict), verdict)

    def cut(self, text: str, most: int = 0) -> str:
        """`text`, or its beginning and how much was left out."""
        most = most or _table()["limits"]["letters"]
        left = len(text) - most
        return text if left <= 0 else text[:most] + self.say("cut", n=left)

    def sentence(self, told: Mapping[str, Any], file: str = "") -> str:
        known = _known(told)
        if known is None:
            params = "; ".join(f"{name}: {value}" for name, value in told.get("params", {}).items())
            return self.say("unknown_finding", code=told.get("code", ""), params=params)
        sentence = known.sentence(self.language).removeprefix(f"{file or known.subject}: ")
        return sentence[:1].upper() + sentence[1:]

    def explaining(self, verdict: str) -> list[str]:
        """The reasons that made the verdict, each sentence once."""
        levels = _EXPLAINED.get(verdict, frozenset())
        return list(dict.fromkeys(
            self.sentence(told) for one in self.files
            for told in (*one.get("notes", []), *(told for signature in one.get("signatures", [])
                                                  for told in signature.get("reasons", [])))
            if told.get("level") in levels))


def _trust(one: Mapping[str, Any]) -> tuple[tuple[str, ...], str]:
    trust = one.get("trust") or {}
    return tuple(map(str, trust.get("lists", ()))), str(trust.get("version", ""))


def _kept(one: Mapping[str, Any]) -> tuple[dict[str, int], int]:
    """How much evidence the JSON names, by kind, and how much of it the JSON does not hold itself."""
    entries = list((one.get("revocations") or {}).values())
    kinds = [entry.get("kind", "") for entry in entries]
    return ({"certificates": len(one.get("certificates") or {}), "crl": kinds.count("crl"),
             "ocsp": kinds.count("ocsp")}, sum(not entry.get("der") for entry in entries))


def _kind(one: Mapping[str, Any], language: str) -> str:
    kind = str(one.get("kind", ""))
    try:
        return word("kind", kind, language)
    except KeyError:
        return kind or "—"


def _known(told: Mapping[str, Any]) -> Finding | None:
    """The recorded finding, unless its code has left the catalogue since."""
    try:
        known = Finding.from_dict(told)
        known.sentence()
    except KeyError:
        return None
    return known
