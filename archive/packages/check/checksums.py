"""Every file of a package against what its METS files promise: there, of that size, of that checksum, and no file more.

Each file is read once, in the order in which it lies, whatever the number of checksums asked of it.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from queue import Queue
from typing import Any, NamedTuple

from archive.findings import Finding, finding
from archive.packages.opening import PIECE, Opened, UnreadableError
from archive.packages.references import Mets, Reference

Tell = Callable[[int], None]            # told the bytes read since the last call, from any thread

ALGORITHMS: Mapping[str, tuple[str, int]] = {       # as compared -> name of hashlib, hex digits
    "md5": ("md5", 32), "sha1": ("sha1", 40), "sha224": ("sha224", 56), "sha256": ("sha256", 64),
    "sha384": ("sha384", 96), "sha512": ("sha512", 128), "sha3256": ("sha3_256", 64), "sha3512": ("sha3_512", 128)}
WEAK = frozenset({"md5", "sha1"})
_LARGE = 4 * PIECE                      # from here on reading and hashing run side by side
_MOST = 200                             # small files that one thread takes at once
_HEX = frozenset("0123456789abcdef")


@dataclass(frozen=True, slots=True)
class Hashed:
    """What was read of one file: digests in lower-case hex by algorithm; `error` when it could not be read."""

    name: str
    size: int
    digests: Mapping[str, str] = field(default_factory=dict)
    error: str = ""


@dataclass(slots=True)
class Counted:
    """How much a check has read."""

    files: int = 0
    bytes: int = 0


def algorithm_key(name: str) -> str:
    """The algorithm as it is compared: "SHA-256", "sha_256" and "SHA256" are one."""
    return name.strip().lower().replace("-", "").replace("_", "")


def is_digest(value: str, key: str) -> bool:
    """Whether `value`, in lower case, has the form of a digest of that algorithm."""
    return len(value) == ALGORITHMS[key][1] and _HEX.issuperset(value)


def hash_files(opened: Opened, wanted: Mapping[str, Iterable[str]], tell: Tell) -> Iterator[Hashed]:
    """The digests of the files `wanted` by the algorithms named for each, in the order of their bytes."""
    names = [name for name in opened.names if name in wanted]
    names += sorted(set(wanted).difference(names))          # what an operating system left, but a METS lists
    workers = min(4, os.cpu_count() or 1, sum(opened.size(name) >= _LARGE for name in names))
    if workers < 2:
        yield from (_hash(opened, name, wanted[name], tell) for name in names)
        return
    with ThreadPoolExecutor(workers) as pool:
        for done in pool.map(lambda some: [_hash(opened, name, wanted[name], tell) for name in some],
                             list(_jobs(opened, names))):
            yield from done


def _jobs(opened: Opened, names: Iterable[str]) -> Iterator[list[str]]:
    """The names in their order, together until there is some work for a thread: most files are tiny."""
    some: list[str] = []
    size = 0
    for name in names:
        some.append(name)
        size += opened.size(name)
        if size >= _LARGE or len(some) >= _MOST:
            yield some
            some, size = [], 0
    if some:
        yield some


def _hash(opened: Opened, name: str, algorithms: Iterable[str], tell: Tell) -> Hashed:
    hashers = {key: hashlib.new(ALGORITHMS[key][0], usedforsecurity=False) for key in algorithms}
    size = 0
    try:
        pieces = opened.pieces(name)
        if opened.size(name) >= _LARGE:
            size = _side_by_side(pieces, list(hashers.values()), tell)
        else:
            for piece in pieces:
                size += len(piece)
                for hasher in hashers.values():
                    hasher.update(piece)
            tell(size)
    except UnreadableError as error:
        return Hashed(name, size, {}, str(error))
    return Hashed(name, size, {key: hasher.hexdigest() for key, hasher in hashers.items()})


def _side_by_side(pieces: Iterator[bytes], hashers: list[Any], tell: Tell) -> int:
    """Hash `pieces` in a second thread while the next one is read; both let go of the interpreter's lock."""
    waiting: Queue[bytes | None] = Queue(maxsize=4)

    def work() -> None:
        while (piece := waiting.get()) is not None:
            for hasher in hashers:
                hasher.update(piece)

    size = 0
    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(work)
        try:
            for piece in pieces:
                waiting.put(piece)
                size += len(piece)
                tell(len(piece))
        finally:
            waiting.put(None)
        done.result()
    return size


class _Claim(NamedTuple):
    """What one METS says about one file."""

    mets: str
    key: str
    value: str
    size: str
    written: str        # the algorithm as written

    @classmethod
    def of(cls, mets: str, reference: Reference) -> _Claim:
        return cls(mets, algorithm_key(reference.algorithm), reference.checksum.strip().lower(), reference.size.strip(),
                   reference.algorithm)


Promises = dict[str, tuple[tuple[str, Reference], ...]]     # by file: each METS that speaks of it, and what it says


def check_files(opened: Opened, mets: Iterable[Mets], counted: Counted, tell: Tell) -> list[Finding]:
    """Findings about every file that the METS files name or should name; `counted` is added to."""
    found: list[Finding] = []
    promises: Promises = {}
    known: set[str] = set()
    missing: set[str] = set()
    mets = list(mets)
    for one in mets:
        known.add(one.path)
        for reference in one.references:
            if not reference.path:
                continue
            known.add(reference.path)
            if reference.path == mets[0].path:
                continue                        # nothing inside can vouch for the root METS
            if reference.there:
                before = promises.get(reference.path, ())
                # A METS that is only pointed to is hashed by its fileGrp, if at all.
                told = reference.kind != "pointer" or reference.checksum
                promises[reference.path] = (*before, (one.path, reference)) if told else before
            elif reference.path not in missing:
                missing.add(reference.path)
                found.append(finding("PKG-040", reference.path, mets=one.path))
    for hashed in hash_files(opened, _algorithms(promises), tell):
        counted.files += 1
        counted.bytes += hashed.size
        if hashed.error:
            found.append(finding("PKG-018", hashed.name, reason=hashed.error))
        else:
            found += _judge(hashed, [_Claim.of(*one) for one in promises[hashed.name]])
    found += [finding("PKG-045", name) for name in opened.names if name not in known]
    return found


def _algorithms(promises: Promises) -> Mapping[str, Iterable[str]]:
    """The algorithms that are asked of each file; most files share one set."""
    sets: dict[frozenset[str], frozenset[str]] = {}
    asked: dict[str, Iterable[str]] = {}
    for path, made in promises.items():
        keys = frozenset(algorithm_key(one.algorithm) for _mets, one in made).intersection(ALGORITHMS)
        asked[path] = sets.setdefault(keys, keys)
    return asked


def _judge(hashed: Hashed, claims: list[_Claim]) -> Iterator[Finding]:
    """Compare one file with every claim about it; equal claims are judged once."""
    name, sure = hashed.name, False
    seen: dict[str, str] = {}
    for claim in dict.fromkeys(claims):
        if claim.size and claim.size != str(hashed.size):
            yield finding("PKG-042", name, mets=claim.mets, expected=claim.size[:40], actual=hashed.size)
        if not claim.value:
            continue
        sure = True
        if claim.key not in ALGORITHMS:
            yield finding("PKG-044", name, mets=claim.mets, algorithm=claim.written[:40] or "?")
            continue
        if not is_digest(claim.value, claim.key):
            yield finding("PKG-048", name, mets=claim.mets, value=claim.value[:140], algorithm=claim.written)
            continue
        if seen.setdefault(claim.key, claim.value) != claim.value:
            yield finding("PKG-046", name, algorithm=claim.written)
        elif hashed.digests[claim.key] != claim.value:
            yield finding("PKG-041", name, mets=claim.mets, algorithm=claim.written, expected=claim.value,
                          actual=hashed.digests[claim.key])
    if not sure:
        yield finding("PKG-043", name, mets=claims[0].mets if claims else "METS.xml")
    elif seen and WEAK.issuperset(seen) and all(hashed.digests[key] == value for key, value in seen.items()):
        yield finding("PKG-047", name, algorithm=", ".join(sorted(seen)).upper())
