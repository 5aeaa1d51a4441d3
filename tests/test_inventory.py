"""Inventories: the versions of one are cut out unread, and never otherwise than a parser would have it."""

from __future__ import annotations

import json
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive.inventory import Inventory, Versions, as_bytes, parsed, same_versions, versions_with

# What a title or a path may hold, and what the inventory's own JSON looks like.
WORDS = st.one_of(st.text(max_size=12), st.sampled_from([
    '"versions":{', '"v2":{"created":', ',"v3":{"created":"x"', "}}\n", '{"created":', "\\", '\\"', "v1"]))
STATES = st.dictionaries(WORDS, st.lists(WORDS, max_size=3), max_size=4)


@st.composite
def inventories(draw: st.DrawFn) -> dict[str, Any]:
    count = draw(st.integers(1, 12))
    versions = {f"v{n}": {"created": draw(WORDS), "message": draw(WORDS), "state": draw(STATES),
                          "user": {"name": draw(WORDS)}} for n in range(1, count + 1)}
    return {"id": draw(WORDS), "type": "https://ocfl.io/1.1/spec/#inventory", "digestAlgorithm": "sha512",
            "head": f"v{count}", "contentDirectory": "content", "manifest": draw(STATES),
            "versions": versions, "fixity": {"sha256": draw(STATES)}}


@given(inventories())
def test_an_inventory_says_the_same_however_it_is_read(told: dict[str, Any]) -> None:
    data = as_bytes(told)
    read = parsed(data)
    assert isinstance(read["versions"], Versions)
    assert {**read, "versions": dict(read["versions"])} == orjson.loads(data) == told
    assert as_bytes(read) == data
    assert Inventory(read).state() == told["versions"][told["head"]]["state"]


@given(inventories(), STATES)
def test_a_version_more_is_written_as_if_all_had_been_parsed(told: dict[str, Any], state: dict[str, list[str]]) -> None:
    name = f"v{len(told['versions']) + 1}"
    more = {"created": "2026-11-20T22:30:00+07:00", "message": "đêm", "state": state, "user": {"name": "luutru"}}
    wanted = as_bytes({**told, "head": name, "versions": {**told["versions"], name: more}})
    for earlier in (told["versions"], parsed(as_bytes(told))["versions"]):
        made = versions_with(earlier, name, more)
        assert as_bytes({**told, "head": name, "versions": made}) == wanted
        for n in range(1, len(made) + 1):
            first = {f"v{m}": made[f"v{m}"] for m in range(1, n + 1)}
            assert same_versions(first, made, n) and not same_versions(first, made, n + 1)
        assert same_versions(parsed(as_bytes(told))["versions"], made, len(told["versions"]))


@given(inventories(), st.data())
def test_another_history_is_not_the_same(told: dict[str, Any], data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(told["versions"])))
    changed = json.loads(json.dumps(told))
    changed["versions"][name]["message"] += "!"
    count = len(told["versions"])
    for one in (changed["versions"], parsed(as_bytes(changed))["versions"]):
        assert not same_versions(one, parsed(as_bytes(told))["versions"], count)
        assert not same_versions(one, told["versions"], count)


@pytest.mark.parametrize("data", [
    json.dumps({"head": "v1", "versions": {"v1": {"created": "x"}}}, indent=1).encode(),      # as 0.1.0 wrote them
    b'{"head":"v1","versions":{"v1":{"message":"x"}}}\n', b'{"versions":{}}\n', b'{"versions":{}}', b"{}\n", b"[]",
    b'{"fixity":{"versions":{"v1":{"created":"x"}}},"head":"v1","versions":{"v1":{"created":"y"}}}\n',
    b'{"head":"v1","versions":{"v1":{"created":"x"},"v1":{"created":"y"}}}\n'])
def test_what_is_written_otherwise_is_parsed_as_a_whole(data: bytes) -> None:
    assert parsed(data) == orjson.loads(data)


@pytest.mark.parametrize("data", [b"", b"{", b'"versions":{', b'"versions":{"v1":{"created":}}\n'])
def test_what_is_no_json_is_none(data: bytes) -> None:
    with pytest.raises(orjson.JSONDecodeError):
        parsed(data)
