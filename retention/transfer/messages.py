"""The messages that the two sides of a hand-over exchange: small JSON files, made and read here.

Each says its schema, the code of the registration, who sends and who receives. What cannot be read, or is about
something else, is a finding and never an exception.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from archive.files import json_bytes
from archive.findings import Finding, finding
from retention.transfer.objects import Transfer

REGISTRATION, ANSWER, MANIFEST = "registration", "answer", "manifest"
RECEIPT, RESULT, CONFIRMATION = "receipt", "result", "confirmation"
KINDS = (REGISTRATION, ANSWER, MANIFEST, RECEIPT, RESULT, CONFIRMATION)
_SCHEMA = "luutru/transfer-{}/1"
_MOST_BYTES = 256 << 20     # a list of a million case files; more is no message
_DEEPEST, _LARGEST = 12, 1 << 53
_UNFIT = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
# What a message of each kind must say besides its head: name → type.
_SAYS: Mapping[str, Mapping[str, type]] = {
    REGISTRATION: {"kind": str, "form": str, "registration": dict, "items": list},
    ANSWER: {"agreed": bool, "reasons": list, "plan": str, "note": str, "day": str},
    MANIFEST: {"packages": list}, RECEIPT: {"values": dict, "packages": list, "complete": bool, "missing": list},
    RESULT: {"decision": dict, "approved": list, "failed": list}, CONFIRMATION: {"decision": dict, "packages": list}}
_OF_A_LINE: Mapping[str, Mapping[str, Mapping[str, type]]] = {
    REGISTRATION: {"items": {"n": int, "code": str, "title": str, "start": str, "end": str, "documents": int,
                             "pages": int, "mode": str, "maintenance": str, "note": str}},
    MANIFEST: {"packages": {"n": int, "code": str, "objid": str, "name": str, "sha256": str, "size": int,
                            "files": list}},
    RECEIPT: {"packages": {"n": int, "code": str, "objid": str, "sha256": str, "size": int}},
    RESULT: {"approved": {"n": int, "code": str}, "failed": {"n": int, "code": str, "reason": str}},
    CONFIRMATION: {"packages": {"n": int, "code": str, "objid": str, "sha256": str, "size": int, "files": list}}}
_REGISTERED: Mapping[str, type] = {
    "round": int, "year": int, "paper": bool, "summary": str, "from": str, "to": str, "files": int, "documents": int,
    "pages": int, "bytes": int, "planned": str, "way": str, "contact": str, "note": str, "fonds": list, "scheme": str}


# What the catalogue can hold of a line.
_FITS: Mapping[str, Callable[[Any], bool]] = {
    "n": lambda n: 0 < n < 1 << 31, "code": lambda code: len(code) <= 100, "objid": lambda objid: len(objid) <= 200,
    "sha256": lambda sha256: len(sha256) <= 64, "documents": lambda count: 0 <= count < 1 << 31,
    "pages": lambda count: 0 <= count < 1 << 31}


@dataclass(frozen=True, slots=True)
class Message:
    """A message as it came: what it says, its bytes and their SHA-256."""

    told: Mapping[str, Any]
    data: bytes

    @property
    def kind(self) -> str:
        """registration, answer, manifest, receipt, result or confirmation."""
        return str(self.told["schema"]).removeprefix("luutru/transfer-").partition("/")[0]

    @property
    def sha256(self) -> str:
        """Of its bytes, lower-case hex: what a signed paper bears."""
        return hashlib.sha256(self.data).hexdigest()


def message(kind: str, transfer: Transfer, at: str, told: Mapping[str, Any]) -> bytes:
    """A message of this kind about a hand-over, as bytes."""
    return json_bytes({"schema": _SCHEMA.format(kind), "request": transfer.code, "at": at,
                       "sender": transfer.record["sender"], "receiver": transfer.record["receiver"], **told})


def read_message(path: Path, *kinds: str) -> tuple[Message | None, list[Finding]]:
    """The message in the file, or the finding (TRANSFER-023) that says why it is none of these `kinds`."""
    try:
        if path.stat().st_size > _MOST_BYTES:
            return None, [finding("TRANSFER-023", path.name, what=f"> {_MOST_BYTES >> 20} MB")]
        data = path.read_bytes()
        told = json.loads(data, object_pairs_hook=_once, parse_constant=_no_number)
    except (ValueError, RecursionError):
        return None, [finding("TRANSFER-023", path.name, what="JSON")]
    except OSError as error:
        return None, [finding("TRANSFER-023", path.name, what=error.strerror or type(error).__name__)]
    what = _unfit(told) or _wrong(told, kinds or KINDS)
    return (None, [finding("TRANSFER-023", path.name, what=what)]) if what else (Message(told, data), [])


def about(held: Message, transfer: Transfer, name: str) -> list[Finding]:
    """TRANSFER-024 when a message is not about this hand-over and between these two."""
    told, record = held.told, transfer.record
    wrong = [f"{key} {_short(told[key])} ≠ {_short(mine)}" for key, mine in (
        ("request", transfer.code), ("sender", record["sender"]["code"]), ("receiver", record["receiver"]["code"]))
        if (told[key]["code"] if isinstance(told[key], dict) else told[key]) != mine]
    return [finding("TRANSFER-024", name, what="; ".join(wrong))] if wrong else []


def _wrong(told: Any, kinds: Sequence[str]) -> str:
    """What in `told` is not as a message of one of `kinds` has it; empty: nothing."""
    schemas = {_SCHEMA.format(kind): kind for kind in kinds}
    if not isinstance(told, dict) or not isinstance(told.get("schema"), str) or told["schema"] not in schemas:
        return "schema ≠ " + ", ".join(schemas)
    kind = schemas[told["schema"]]
    head: dict[str, type] = {"request": str, "at": str, "sender": dict, "receiver": dict, **_SAYS[kind]}
    for key, wanted in head.items():
        if type(told.get(key)) is not wanted:
            return key
    for key in ("sender", "receiver"):
        if not all(isinstance(told[key].get(one), str) for one in ("code", "name")) or len(told[key]["code"]) > 35:
            return key
    for key, says in _OF_A_LINE.get(kind, {}).items():
        for number, line in enumerate(told[key], 1):
            if not isinstance(line, dict):
                return f"{key}[{number}]"
            if bad := [one for one, of in says.items() if type(line.get(one)) is not of]:
                return f"{key}[{number}].{bad[0]}"
            if bad := [one for one, fits in _FITS.items() if one in says and not fits(line[one])]:
                return f"{key}[{number}].{bad[0]}"
            if (files := line.get("files")) and not all(map(_is_file, files)):
                return f"{key}[{number}].files"
        codes = [line["n"] for line in told[key]]
        if len(codes) != len(set(codes)):
            return f"{key}.n"
    if kind == REGISTRATION:
        if bad := [one for one, of in _REGISTERED.items() if type(told["registration"].get(one)) is not of]:
            return f"registration.{bad[0]}"
        if told["kind"] not in ("historical", "current") or told["form"] not in ("sip_hoso", "aip_hoso"):
            return "kind, form"
    return ""


def _unfit(told: Any) -> str:
    """What no record of ours can hold, wherever it stands: halves of letters, control characters, numbers too long."""
    waiting, deep = [(told, 0)], 0
    while waiting:
        value, deep = waiting.pop()
        if deep > _DEEPEST:
            return f"> {_DEEPEST}"
        if isinstance(value, dict):
            waiting += [(one, deep + 1) for pair in value.items() for one in pair]
        elif isinstance(value, list):
            waiting += [(one, deep + 1) for one in value]
        elif isinstance(value, str):
            if _UNFIT.search(value):
                return "control characters"
        elif isinstance(value, int) and not -_LARGEST <= value <= _LARGEST:
            return "number"
    return ""


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object in which no name stands twice: two readers could take it for two things."""
    told = dict(pairs)
    if len(told) != len(pairs):
        raise ValueError("a name stands twice")
    return told


def _no_number(name: str) -> float:
    raise ValueError(name)


def _is_file(one: Any) -> bool:
    return isinstance(one, dict) and all(type(one.get(key)) is of for key, of in (
        ("path", str), ("sha256", str), ("size", int)))


def _short(value: Any) -> str:
    text = str(value["code"] if isinstance(value, dict) else value)
    return "".join(letter if letter.isprintable() else "�" for letter in text)[:80]
