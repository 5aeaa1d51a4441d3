"""Evidence records (RFC 4998): made, renewed, and checked against an object's digest.

This module does the hashes and their order; whether a token's signature and server can be believed is said by
`tokens.py`. It hashes the very bytes that are in the record and never encodes a token or chain anew.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache

from asn1crypto import algos, tsp

from archive.evidence import tree
from archive.evidence.asn1 import ArchiveTimeStamp, ArchiveTimeStampChain, EvidenceRecord

Digest = Callable[[str], bytes]     # algorithm → the digest of the object's bytes


class BrokenRecordError(Exception):
    """The bytes are no evidence record, or one that contradicts itself; the message says where."""


@dataclass(frozen=True, slots=True)
class Link:
    """One token of a record: its DER, the time it gives, the hash algorithm, and whether what it covers is right.

    `covers` is "object" for the first token of a chain and "token" for the others. `fault` is empty when `sound`, else
    "algorithm", "covers" or "order", and `reason` says it in detail.
    """

    token: bytes
    time: datetime
    algorithm: str
    chain: int
    covers: str
    sound: bool
    reason: str = ""
    fault: str = ""


def first_record(way: Sequence[Sequence[bytes]], token: bytes, algorithm: str = "sha256") -> bytes:
    """The record of an object whose digest `way` leads to the root that `token` (a ContentInfo, DER) covers."""
    return _record([_stamp(way, token, algorithm)], [algorithm])


def renewed(record: bytes, way: Sequence[Sequence[bytes]], token: bytes) -> bytes:
    """The record with a further token over its last one (timestamp renewal, RFC 4998, 5.2).

    `way` leads from `token_digest(record)` to the root that `token` covers.
    """
    known = _load(record)
    chains = list(known["archive_time_stamp_sequence"])
    stamp = _stamp(way, token, _algorithm(chains[-1][-1]))
    return _record([*(chain.contents for chain in chains[:-1]), chains[-1].contents + stamp], _algorithms(known))


def rehashed(record: bytes, way: Sequence[Sequence[bytes]], token: bytes, algorithm: str) -> bytes:
    """The record with a new chain under a newer hash (hash-tree renewal, RFC 4998, 5.2).

    `way` leads from `renewal_digest(record, …)` to the root that `token` covers.
    """
    known = _load(record)
    return _record([*(chain.contents for chain in known["archive_time_stamp_sequence"]), _stamp(way, token, algorithm)],
                   [*dict.fromkeys([*_algorithms(known), algorithm])])


def token_digest(record: bytes) -> tuple[bytes, str]:
    """What a timestamp renewal covers: the digest of the last token, and its algorithm."""
    last = _load(record)["archive_time_stamp_sequence"][-1][-1]
    algorithm = _algorithm(last)
    return hashlib.new(algorithm, last["time_stamp"].dump()).digest(), algorithm


def renewal_digest(record: bytes, digest: bytes, algorithm: str) -> bytes:
    """What a hash-tree renewal covers: H(H(object) + H(all chains so far)), unsorted (RFC 4998, 5.2 step 4).

    `digest` is the object's under the new `algorithm`.
    """
    chains = list(_load(record)["archive_time_stamp_sequence"])
    return _renewal(digest, chains, algorithm)


def last_token(record: bytes) -> bytes:
    """The newest token of the record (a ContentInfo, DER)."""
    der: bytes = _load(record)["archive_time_stamp_sequence"][-1][-1]["time_stamp"].dump()
    return der


def check(record: bytes, digest: Digest) -> list[Link]:
    """Every token of the record, in order, with whether what it covers is what it should.

    Raises BrokenRecordError for bytes that are no record.
    """
    chains = list(_load(record)["archive_time_stamp_sequence"])
    if not chains or not all(len(chain) for chain in chains):
        raise BrokenRecordError("a chain of timestamps is empty")
    links: list[Link] = []
    for number, chain in enumerate(chains):
        algorithm = _algorithm(chain[0])
        covered = digest(algorithm)
        if number:
            covered = _renewal(covered, chains[:number], algorithm)
        covers = "object"
        for stamp in chain:
            links.append(_link(stamp, covered, algorithm, number, covers))
            covered, covers = hashlib.new(algorithm, stamp["time_stamp"].dump()).digest(), "token"
    return _in_time(links)


def _link(stamp: ArchiveTimeStamp, covered: bytes, chain_algorithm: str, number: int, covers: str) -> Link:
    info = token_info(stamp["time_stamp"].dump())
    imprint = info["message_imprint"]
    algorithm = _algorithm(stamp)
    reason = fault = ""
    if algorithm != chain_algorithm:
        fault = "algorithm"
        reason = f"the chain changes from {chain_algorithm} to {algorithm}"
    elif imprint["hash_algorithm"]["algorithm"].native != algorithm:
        fault = "algorithm"
        reason = f"the token is over {imprint['hash_algorithm']['algorithm'].native}, the chain is of {algorithm}"
    elif imprint["hashed_message"].native not in _roots(stamp, covered, algorithm):
        fault = "covers"
        reason = f"the {covers} is not what the token covers"
    return Link(stamp["time_stamp"].dump(), info["gen_time"].native, algorithm, number, covers, not reason, reason,
                fault)


def _roots(stamp: ArchiveTimeStamp, covered: bytes, algorithm: str) -> set[bytes]:
    """The roots that the reduced tree gives for `covered`; none when it is not in the first list.

    Two readings of a first list of one value are in use: it goes up as it is, or is hashed once more. Both are
    accepted, the second is never written.
    """
    lists = stamp["reduced_hashtree"].native or []
    if not lists:
        return {covered}
    if covered not in lists[0]:
        return set()
    starts = {tree.join(lists[0], algorithm)} | ({covered} if len(lists[0]) == 1 else set())
    found = set()
    for value in starts:
        for one in lists[1:]:
            value = tree.join([*one, value], algorithm)
        found.add(value)
    return found


def _in_time(links: list[Link]) -> list[Link]:
    """A token that is older than the one before it proves nothing about it."""
    found: list[Link] = []
    for one in links:
        if found and one.time < found[-1].time and one.sound:
            one = Link(one.token, one.time, one.algorithm, one.chain, one.covers, False,
                       "the token is older than the one before it", "order")
        found.append(one)
    return found


def climb(way: Sequence[Sequence[bytes]], digest: bytes, algorithm: str) -> bytes:
    """The root to which a way that we wrote leads `digest`."""
    value = tree.join(way[0], algorithm) if way else digest
    for one in way[1:]:
        value = tree.join([*one, value], algorithm)
    return value


def token_info(token: bytes) -> tsp.TSTInfo:
    """What a token (a ContentInfo, DER) states. Raises BrokenRecordError."""
    try:
        content = tsp.ContentInfo.load(token)
        info = content["content"]["encap_content_info"]["content"].parsed
        if not isinstance(info, tsp.TSTInfo):
            raise BrokenRecordError("the token holds no TSTInfo")
        _ = info["gen_time"].native, info["message_imprint"].native
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise BrokenRecordError(f"the token cannot be read: {error}") from error
    return info


def _renewal(digest: bytes, chains: Sequence[ArchiveTimeStampChain], algorithm: str) -> bytes:
    sequence = _der(_SEQUENCE, b"".join(chain.dump() for chain in chains))
    return hashlib.new(algorithm, digest + hashlib.new(algorithm, sequence).digest()).digest()


def _algorithm(stamp: ArchiveTimeStamp) -> str:
    """The hash algorithm of an archive timestamp: its own, else that of its token's imprint."""
    stated = stamp["digest_algorithm"].native
    if stated is not None:
        name: str = stated["algorithm"]
    else:
        name = token_info(stamp["time_stamp"].dump())["message_imprint"]["hash_algorithm"]["algorithm"].native
    if name not in hashlib.algorithms_available:
        raise BrokenRecordError(f"the hash algorithm {name} is not known")
    return name


# Records are written by hand: thousands of them go into one package, and asn1crypto takes 10 ms for each.
_SEQUENCE, _ALGORITHM, _TREE, _OCTETS, _VERSION_1 = 0x30, 0xA0, 0xA2, 0x04, b"\x02\x01\x01"


def _stamp(way: Sequence[Sequence[bytes]], token: bytes, algorithm: str) -> bytes:
    """An ArchiveTimeStamp (DER): tags [0] and [2] are implicit (RFC 4998, appendix A); the token stays as it is."""
    lists = b"".join(_der(_SEQUENCE, b"".join(_der(_OCTETS, value) for value in one)) for one in way)
    return _der(_SEQUENCE, _der(_ALGORITHM, _algorithm_oid(algorithm)) + (_der(_TREE, lists) if way else b"") + token)


def _record(chains: Sequence[bytes], algorithms: Sequence[str]) -> bytes:
    """The EvidenceRecord (DER) of chains, each given as the stamps in it."""
    named = _der(_SEQUENCE, b"".join(_der(_SEQUENCE, _algorithm_oid(one)) for one in algorithms))
    return _der(_SEQUENCE, _VERSION_1 + named + _der(_SEQUENCE, b"".join(_der(_SEQUENCE, one) for one in chains)))


@cache
def _algorithm_oid(name: str) -> bytes:
    """The content of an AlgorithmIdentifier: parameters of the SHA-2 family are left out (RFC 5754, 2)."""
    der: bytes = algos.DigestAlgorithmId(name).dump()
    return der


def _algorithms(record: EvidenceRecord) -> list[str]:
    return [one["algorithm"].native for one in record["digest_algorithms"]]


def _der(tag: int, content: bytes) -> bytes:
    count = len(content)
    if count < 0x80:
        return bytes([tag, count]) + content
    octets = count.to_bytes((count.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(octets)]) + octets + content


def _load(record: bytes) -> EvidenceRecord:
    try:
        found: EvidenceRecord = EvidenceRecord.load(record, strict=True)
        if found["version"].native != 1:
            raise BrokenRecordError(f"version {found['version'].native} of the evidence record is not known")
        if found["encryption_info"].native is not None:
            raise BrokenRecordError("the object was encrypted before it was hashed; that cannot be undone here")
        _ = found["digest_algorithms"].native
        for chain in found["archive_time_stamp_sequence"]:
            for stamp in chain:
                _ = stamp["digest_algorithm"].native, stamp["reduced_hashtree"].native, stamp["time_stamp"].contents
    except (ValueError, TypeError, KeyError) as error:
        raise BrokenRecordError(f"not an evidence record: {error}") from error
    return found
