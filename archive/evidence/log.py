"""The ledger as a Merkle tree log (RFC 9162, 2.1): one head over all its lines, and proofs that nothing was dropped.

Unlike the hash chain, two heads of different days can be shown to belong to one log without reading what lies between,
and one line can be shown to be in it without the others.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence


def leaf(data: bytes) -> bytes:
    """The hash of a line."""
    return hashlib.sha256(b"\x00" + data).digest()


def inner(left: bytes, right: bytes) -> bytes:
    """The hash of two subtrees."""
    return hashlib.sha256(b"\x01" + left + right).digest()


class Frontier:
    """The heads of the whole subtrees of a log so far: enough to go on with it, a few dozen hashes for any length."""

    def __init__(self, size: int = 0, peaks: Sequence[bytes] = ()) -> None:
        if bin(size).count("1") != len(peaks):
            raise ValueError(f"a log of {size} lines does not have {len(peaks)} whole subtrees")
        self.size = size
        self.peaks = list(peaks)

    def add(self, hashes: Iterable[bytes]) -> None:
        """Add lines by the hashes of their leaves."""
        for one in hashes:
            size = self.size
            while size & 1:
                one = inner(self.peaks.pop(), one)
                size >>= 1
            self.peaks.append(one)
            self.size += 1

    def head(self) -> bytes:
        """The head of the log: SHA-256 of nothing for an empty one."""
        if not self.peaks:
            return hashlib.sha256(b"").digest()
        found = self.peaks[-1]
        for peak in reversed(self.peaks[:-1]):
            found = inner(peak, found)
        return found


def head(hashes: Sequence[bytes]) -> bytes:
    """The head over the hashes of leaves (RFC 9162, 2.1.1)."""
    frontier = Frontier()
    frontier.add(hashes)
    return frontier.head()


def inclusion(hashes: Sequence[bytes], index: int) -> list[bytes]:
    """The proof that line `index` is in the log (RFC 9162, 2.1.3.1). Raises IndexError outside of it."""
    if not 0 <= index < len(hashes):
        raise IndexError(index)
    if len(hashes) == 1:
        return []
    split = _split(len(hashes))
    if index < split:
        return [*inclusion(hashes[:split], index), head(hashes[split:])]
    return [*inclusion(hashes[split:], index - split), head(hashes[:split])]


def includes(proof: Sequence[bytes], one: bytes, index: int, size: int, root: bytes) -> bool:
    """Whether `proof` shows that the leaf hash `one` is line `index` of the log of `size` lines (2.1.3.2)."""
    if not 0 <= index < size:
        return False
    at, last, found = index, size - 1, one
    for value in proof:
        if last == 0:
            return False
        if at & 1 or at == last:
            found = inner(value, found)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            found = inner(found, value)
        at, last = at >> 1, last >> 1
    return last == 0 and found == root


def consistency(hashes: Sequence[bytes], size: int) -> list[bytes]:
    """The proof that the log began with its first `size` lines (RFC 9162, 2.1.4.1). Raises ValueError for no part."""
    if not 0 < size <= len(hashes):
        raise ValueError(size)
    return [] if size == len(hashes) else _subproof(hashes, size, whole=True)


def continues(proof: Sequence[bytes], first: int, first_root: bytes, second: int, second_root: bytes) -> bool:
    """Whether `proof` shows that the log of `second` lines goes on from that of `first` (2.1.4.2)."""
    if not 0 < first <= second:
        return False
    if first == second:
        return not proof and first_root == second_root
    path = list(proof)
    if first & (first - 1) == 0:
        path.insert(0, first_root)
    if not path:
        return False
    at, last = first - 1, second - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    old = new = path[0]
    for value in path[1:]:
        if last == 0:
            return False
        if at & 1 or at == last:
            old, new = inner(value, old), inner(value, new)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            new = inner(new, value)
        at, last = at >> 1, last >> 1
    return old == first_root and new == second_root and last == 0


def _subproof(hashes: Sequence[bytes], size: int, *, whole: bool) -> list[bytes]:
    if size == len(hashes):
        return [] if whole else [head(hashes)]
    split = _split(len(hashes))
    if size <= split:
        return [*_subproof(hashes[:split], size, whole=whole), head(hashes[split:])]
    return [*_subproof(hashes[split:], size - split, whole=False), head(hashes[:split])]


def _split(count: int) -> int:
    """The greatest power of two below `count`."""
    return 1 << ((count - 1).bit_length() - 1)
