"""Hash trees and the log of the ledger: what is in them can be shown, what is not cannot."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archive.evidence import log, tree

DIGESTS = st.lists(st.binary(min_size=32, max_size=32), min_size=1, max_size=70)
LINES = st.lists(st.binary(max_size=8), min_size=1, max_size=40)


def climb(lists: list[list[bytes]], digest: bytes) -> bytes:
    """The root that a reduced hash tree gives, by the words of RFC 4998, 4.3."""
    if not lists:
        return digest
    assert digest in lists[0]
    value = tree.join(lists[0], "sha256")
    for one in lists[1:]:
        value = tree.join([*one, value], "sha256")
    return value


@given(DIGESTS)
@settings(max_examples=60, deadline=None)
def test_every_leaf_has_a_way_to_the_root_and_nothing_else_has(tmp_path_factory: pytest.TempPathFactory,
                                                               digests: list[bytes]) -> None:
    place = tmp_path_factory.mktemp("tree") / "tree.bin"
    rows = tree.levels(digests)
    root = tree.write(place, rows)
    with place.open("rb") as stream:
        for one in digests:
            found = tree.way(stream, len(rows[0]), one)
            assert found is not None
            assert climb(found, one) == root
            assert len(found) <= len(rows)
        stranger = hashlib.sha256(b"".join(digests)).digest()
        assert tree.way(stream, len(rows[0]), stranger) is None


def test_a_tree_that_was_cut_short_is_noticed(tmp_path: Path) -> None:
    place = tmp_path / "tree.bin"
    rows = tree.levels([hashlib.sha256(bytes([n])).digest() for n in range(9)])
    tree.write(place, rows)
    place.write_bytes(place.read_bytes()[:-33])
    with place.open("rb") as stream, pytest.raises(ValueError, match="shorter"):
        tree.way(stream, 9, rows[0][0])


# RFC 9162's predecessor RFC 6962 has no test vectors; these are the ones that Certificate Transparency's first
# implementation published: the inputs, and the heads after each of them.
INPUTS = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
HEADS = ["6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
         "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
         "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
         "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
         "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
         "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
         "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
         "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"]


def test_the_heads_are_those_that_the_log_s_inventors_published() -> None:
    hashes = [log.leaf(bytes.fromhex(one)) for one in INPUTS]
    assert [log.head(hashes[:n]).hex() for n in range(1, 9)] == HEADS
    assert log.head([]) == hashlib.sha256(b"").digest()


@given(LINES, st.data())
@settings(deadline=None)
def test_a_line_is_shown_to_be_in_the_log_and_no_other_line_is(lines: list[bytes], data: st.DataObject) -> None:
    hashes = [log.leaf(one) for one in lines]
    root = log.head(hashes)
    index = data.draw(st.integers(0, len(lines) - 1))
    proof = log.inclusion(hashes, index)
    assert log.includes(proof, hashes[index], index, len(lines), root)
    assert not log.includes(proof, log.leaf(b"another line, longer than any"), index, len(lines), root)
    assert not log.includes([*proof, root], hashes[index], index, len(lines), root)


@given(LINES, st.data())
@settings(deadline=None)
def test_a_log_is_shown_to_go_on_from_an_earlier_head_and_a_changed_one_is_not(lines: list[bytes],
                                                                               data: st.DataObject) -> None:
    hashes = [log.leaf(one) for one in lines]
    size = data.draw(st.integers(1, len(lines)))
    proof = log.consistency(hashes, size)
    assert log.continues(proof, size, log.head(hashes[:size]), len(lines), log.head(hashes))
    changed = [log.leaf(b"changed, longer than any"), *hashes[1:]]
    assert not log.continues(proof, size, log.head(hashes[:size]), len(lines), log.head(changed))


@given(LINES, st.integers(0, 39))
@settings(deadline=None)
def test_the_head_goes_on_from_what_is_kept_of_yesterday(lines: list[bytes], at: int) -> None:
    hashes = [log.leaf(one) for one in lines]
    first = log.Frontier()
    first.add(hashes[:at])
    second = log.Frontier(first.size, first.peaks)
    second.add(hashes[at:])
    assert second.head() == log.head(hashes)


def test_a_frontier_that_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match="whole subtrees"):
        log.Frontier(5, [b"x" * 32])
