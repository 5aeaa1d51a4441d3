"""Evidence records: the first one, forty years of renewals, and everything that must not pass for one."""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest
from asn1crypto import algos, cms, tsp
from hypothesis import given, settings
from hypothesis import strategies as st

from archive.evidence import checker, ers, tokens, tree
from archive.evidence.asn1 import ArchiveTimeStamp, ArchiveTimeStampChain, ArchiveTimeStampSequence, EvidenceRecord
from tests.authority import Authority, authority, digest_of, served, years

TEXT = "Quyết định số 01/QĐ-SNV".encode()
OTHERS = [f"tài liệu {n}".encode() for n in range(20)]


def sha(data: bytes, algorithm: str = "sha256") -> bytes:
    return hashlib.new(algorithm, data).digest()


def way_among(digest: bytes, others: list[bytes], algorithm: str, place: Path) -> tuple[list[list[bytes]], bytes]:
    """The way of `digest` in a tree with others, and the root."""
    rows = tree.levels([digest, *(sha(one, algorithm) for one in others)], algorithm)
    root = tree.write(place, rows)
    with place.open("rb") as stream:
        found = tree.way(stream, len(rows[0]), digest)
    assert found is not None
    return found, root


@pytest.fixture
def record(tmp_path: Path) -> bytes:
    """The record of TEXT among others, by a server of 2026–2031, of a night in November 2026."""
    way, root = way_among(sha(TEXT), OTHERS, "sha256", tmp_path / "tree")
    token = years(2026, 2031).token(root, "sha256", datetime(2026, 11, 21, tzinfo=UTC))
    return ers.first_record(way, token)


def test_the_record_proves_its_object_and_no_other(record: bytes) -> None:
    [link] = ers.check(record, digest_of(TEXT))
    assert link.sound
    assert link.time == datetime(2026, 11, 21, tzinfo=UTC)
    [link] = ers.check(record, digest_of(TEXT + b" "))
    assert not link.sound
    assert "object" in link.reason


def test_an_object_alone_in_its_night_needs_no_tree(tmp_path: Path) -> None:
    way, root = way_among(sha(TEXT), [], "sha256", tmp_path / "tree")
    assert (way, root) == ([], sha(TEXT))
    token = years(2026, 2031).token(root, "sha256", datetime(2026, 11, 21, tzinfo=UTC))
    assert ers.check(ers.first_record(way, token), digest_of(TEXT))[0].sound


def test_forty_years_with_two_changes_of_algorithm_still_prove_the_first_night(record: bytes, tmp_path: Path) -> None:
    place = tmp_path / "tree"
    for year, algorithm in ((2030, ""), (2034, ""), (2038, "sha384"), (2043, ""), (2048, ""), (2053, "sha512"),
                            (2058, ""), (2063, ""), (2066, "")):
        server = years(year - 1, year + 6, name=f"TSA {year}")
        moment = datetime(year, 6, 1, tzinfo=UTC)
        if algorithm:
            way, root = way_among(ers.renewal_digest(record, sha(TEXT, algorithm), algorithm), OTHERS, algorithm, place)
            record = ers.rehashed(record, way, server.token(root, algorithm, moment), algorithm)
        else:
            digest, same = ers.token_digest(record)
            way, root = way_among(digest, OTHERS, same, place)
            record = ers.renewed(record, way, server.token(root, same, moment))
    links = ers.check(record, digest_of(TEXT))
    assert len(links) == 10
    assert all(link.sound for link in links), [link.reason for link in links]
    assert [link.algorithm for link in links] == ["sha256"] * 3 + ["sha384"] * 3 + ["sha512"] * 4
    for earlier, later in pairwise(links):
        assert tokens.read(earlier.token).until > later.time, "each token was renewed while its server was in force"
    for link in links:
        tokens.check(tokens.read(link.token))
    assert not any(link.sound for link in ers.check(record, digest_of(b"another")) if link.covers == "object")


def test_the_tree_of_a_hash_renewal_takes_object_and_chains_unsorted_and_their_very_bytes(record: bytes) -> None:
    """RFC 4998, 5.2: H(H(object) + H(sequence)), and not in ascending order as figure 4 says."""
    known = EvidenceRecord.load(record)["archive_time_stamp_sequence"].dump()
    expected = hashlib.sha512(sha(TEXT, "sha512") + hashlib.sha512(known).digest()).digest()
    assert ers.renewal_digest(record, sha(TEXT, "sha512"), "sha512") == expected


@cache
def two_in_a_list() -> bytes:
    """A sound record of TEXT and another object."""
    both = [sha(TEXT), sha(b"x")]
    return raw_record([both], tree.join(both, "sha256"))


def raw_record(lists: list[list[bytes]], root: bytes, algorithm: str = "sha256") -> bytes:
    token = years(2026, 2031).token(root, algorithm, datetime(2026, 11, 21, tzinfo=UTC))
    stamp = ArchiveTimeStamp({"reduced_hashtree": lists, "time_stamp": tsp.ContentInfo.load(token)})
    return EvidenceRecord({"version": 1, "digest_algorithms": [{"algorithm": algorithm}],
                           "archive_time_stamp_sequence": [[stamp]]}).dump()


@pytest.mark.parametrize("hashed_again", [False, True])
def test_a_first_list_of_one_value_is_read_in_both_ways_that_are_in_use(hashed_again: bool) -> None:
    other = sha(b"other")
    start = sha(sha(TEXT)) if hashed_again else sha(TEXT)
    assert ers.check(raw_record([[sha(TEXT)], [other]], tree.join([other, start], "sha256")), digest_of(TEXT))[0].sound


def test_equal_values_in_a_list_count_as_often_as_they_are_there() -> None:
    twice = [sha(TEXT), sha(TEXT), sha(b"other")]
    assert ers.check(raw_record([twice], tree.join(twice, "sha256")), digest_of(TEXT))[0].sound
    assert not ers.check(raw_record([twice], tree.join(set(twice), "sha256")), digest_of(TEXT))[0].sound


def test_what_we_write_never_has_a_first_list_of_one_value_for_others_hash_it_again(tmp_path: Path) -> None:
    for others in (0, 1, 2, 6):
        way, root = way_among(sha(TEXT), OTHERS[:others], "sha256", tmp_path / "tree")
        assert way == [] or len(way[0]) == 2
        assert ers.climb(way, sha(TEXT), "sha256") == root


def test_earlier_chains_are_hashed_as_the_bytes_that_they_are_and_never_encoded_anew() -> None:
    """A server may write lengths with more octets than needed (BER); written anew, the token would be another."""
    plain = years(2026, 2031).token(sha(TEXT), "sha256", datetime(2026, 11, 21, tzinfo=UTC))
    assert plain[:2] == b"\x30\x82"
    token = b"\x30\x84\x00\x00" + plain[2:]
    record = ers.first_record([], token)
    assert ers.last_token(record) == token
    assert ers.token_digest(record)[0] == sha(token)
    second = years(2030, 2035, name="TSA 2").token(sha(token), "sha256", datetime(2030, 1, 1, tzinfo=UTC))
    record = ers.renewed(record, [], second)
    before = record[record.index(token):]
    digest = ers.renewal_digest(record, sha(TEXT, "sha512"), "sha512")
    third = years(2034, 2039, name="TSA 3").token(digest, "sha512", datetime(2034, 1, 1, tzinfo=UTC))
    record = ers.rehashed(record, [], third, "sha512")
    assert before in record
    assert [link.sound for link in ers.check(record, digest_of(TEXT))] == [True, True, True]
    checker.check(TEXT, record, [], lambda _: None)


def test_a_record_has_the_tags_that_the_standard_s_module_names() -> None:
    """RFC 4998, appendix A, IMPLICIT TAGS: put together here by hand, octet for octet."""
    def der(tag: int, *parts: bytes) -> bytes:
        content = b"".join(parts)
        size = len(content).to_bytes(2, "big")
        length = bytes([len(content)]) if len(content) < 128 else (
            b"\x81" + size[1:] if len(content) < 256 else b"\x82" + size)
        return bytes([tag]) + length + content

    token = years(2026, 2031).token(sha(b"root"), "sha256", datetime(2026, 11, 21, tzinfo=UTC))
    name = bytes.fromhex("0609608648016503040201")
    lists = der(0x30, der(0x04, sha(b"a")), der(0x04, sha(b"b"))), der(0x30, der(0x04, sha(b"c")))
    stamp = der(0x30, der(0xA0, name), der(0xA2, *lists), token)
    assert ers.first_record([[sha(b"a"), sha(b"b")], [sha(b"c")]], token) == der(
        0x30, b"\x02\x01\x01", der(0x30, der(0x30, name)), der(0x30, der(0x30, stamp)))


@pytest.mark.parametrize("version", [0, 2, 255])
def test_a_record_of_another_version_is_not_read_as_ours(record: bytes, version: int) -> None:
    at = record.index(b"\x02\x01\x01")
    changed = record[:at] + bytes([2, 1, version]) + record[at + 3:]
    with pytest.raises(ers.BrokenRecordError, match="version"):
        ers.check(changed, digest_of(TEXT))
    with pytest.raises(checker.WrongError, match="version"):
        checker.check(TEXT, changed, [], lambda _: None)


def test_a_chain_keeps_to_one_algorithm_and_its_tokens_to_the_chain_s() -> None:
    digest = sha(TEXT, "sha512")
    token = years(2026, 2031).token(digest, "sha512", datetime(2026, 11, 21, tzinfo=UTC))
    stamp = ArchiveTimeStamp({"digest_algorithm": algos.DigestAlgorithm({"algorithm": "sha256"}),
                              "time_stamp": tsp.ContentInfo.load(token)})
    record = EvidenceRecord({"version": 1, "digest_algorithms": [{"algorithm": "sha256"}],
                             "archive_time_stamp_sequence": [[stamp]]}).dump()
    [link] = ers.check(record, digest_of(TEXT))
    assert not link.sound
    assert "sha512" in link.reason


def test_a_renewal_before_its_time_proves_nothing(record: bytes) -> None:
    digest, algorithm = ers.token_digest(record)
    early = years(2020, 2027, name="early").token(digest, algorithm, datetime(2021, 1, 1, tzinfo=UTC))
    links = ers.check(ers.renewed(record, [], early), digest_of(TEXT))
    assert [link.sound for link in links] == [True, False]
    assert "older" in links[1].reason


def test_a_renewal_over_another_token_proves_nothing(record: bytes) -> None:
    stranger = years(2028, 2034, name="later").token(sha(b"another token"), "sha256", datetime(2030, 1, 1, tzinfo=UTC))
    links = ers.check(ers.renewed(record, [], stranger), digest_of(TEXT))
    assert [link.sound for link in links] == [True, False]


@pytest.mark.parametrize("data", [b"", b"\x30\x00", b"%PDF-1.7", b"\x30\x80\x02\x01\x01"])
def test_what_is_no_record_is_said_and_ends_nothing(data: bytes) -> None:
    with pytest.raises(ers.BrokenRecordError):
        ers.check(data, digest_of(TEXT))


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_no_changed_record_passes_for_another_object(data: st.DataObject) -> None:
    sound = two_in_a_list()
    position = data.draw(st.integers(0, len(sound) - 1))
    changed = bytearray(sound)
    changed[position] ^= data.draw(st.integers(1, 255))
    try:
        links = ers.check(bytes(changed), digest_of(b"another object"))
    except ers.BrokenRecordError:
        return
    assert not any(link.sound for link in links)


# --- tokens ------------------------------------------------------------------------------------------------------


NOW = datetime(2026, 11, 21, 16, tzinfo=UTC)


def test_a_token_is_asked_for_over_http_and_kept_only_when_it_is_what_was_asked_for() -> None:
    with served(years(2026, 2031), NOW) as url:
        token = tokens.ask(url, sha(TEXT), seconds=20)
    assert (token.imprint, token.algorithm, token.time) == (sha(TEXT), "sha256", NOW)
    assert token.until == datetime(2031, 1, 1, tzinfo=UTC)


def test_the_token_is_what_openssl_takes_it_for(tmp_path: Path) -> None:
    server = years(2026, 2031)
    token = server.token(sha(TEXT), "sha256", NOW)
    (tmp_path / "token").write_bytes(token)
    (tmp_path / "text").write_bytes(TEXT)
    (tmp_path / "root.pem").write_text(subprocess.run(
        ["openssl", "x509", "-inform", "der"], input=server.root, capture_output=True, check=True).stdout.decode())
    done = subprocess.run(["openssl", "ts", "-verify", "-token_in", "-in", str(tmp_path / "token"), "-data",
                           str(tmp_path / "text"), "-CAfile", str(tmp_path / "root.pem"), "-attime",
                           str(int(NOW.timestamp()))], capture_output=True, text=True, check=False)
    assert "OK" in done.stdout + done.stderr, done.stderr
    tokens.check(tokens.read(token))


def kind_of(call: Callable[[], object]) -> str:
    """Why no token was kept."""
    with pytest.raises(tokens.TokenError) as caught:
        call()
    assert str(caught.value), "people are told as well"
    return caught.value.kind


@pytest.mark.parametrize(("server", "at", "kind"), [
    (years(2026, 2031, name="TSA", purpose=False), NOW, "purpose"), (years(2020, 2024), NOW, "period")])
def test_a_token_of_the_wrong_server_is_not_kept(server: Authority, at: datetime, kind: str) -> None:
    with served(server, at) as url:
        assert kind_of(lambda: tokens.ask(url, sha(TEXT), seconds=20)) == kind


def flipped(data: bytes, at: int) -> bytes:
    changed = bytearray(data)
    changed[at] ^= 1
    return bytes(changed)


def without_its_certificate(answer: bytes) -> bytes:
    known = tsp.TimeStampResp.load(answer)
    known["time_stamp_token"]["content"]["certificates"] = cms.CertificateSet([])
    der: bytes = known.dump(force=True)
    return der


ANSWER = years(2026, 2031).response(tokens.request(sha(TEXT), "sha256", 7), NOW)
REFUSAL = bytes.fromhex("300d 300b 020102 3006 0c04") + b"busy"      # no token: asn1crypto cannot write that
LIES = {
    "nonce": lambda: tokens.accept(ANSWER, sha(TEXT), "sha256", 8),
    "imprint": lambda: tokens.accept(ANSWER, sha(b"x"), "sha256", 7),
    "algorithm": lambda: tokens.accept(ANSWER, sha(TEXT), "sha512", 7),
    "policy": lambda: tokens.accept(ANSWER, sha(TEXT), "sha256", 7, "1.2.3"),
    "refused": lambda: tokens.accept(REFUSAL, sha(TEXT), "sha256", 7),
    "unreadable": lambda: tokens.accept(b"<html>", sha(TEXT), "sha256", 7),
    "size": lambda: tokens.accept(bytes(2 << 20), sha(TEXT), "sha256", 7),
    "signature": lambda: tokens.accept(flipped(ANSWER, -3), sha(TEXT), "sha256", 7),
    "certificate": lambda: tokens.accept(without_its_certificate(ANSWER), sha(TEXT), "sha256", 7),
    "address": lambda: tokens.ask("file:///etc/passwd", sha(TEXT)),
    "silent": lambda: tokens.ask("http://127.0.0.1:9/tsa", sha(TEXT), seconds=2),
}


@pytest.mark.parametrize("kind", LIES)
def test_a_token_that_is_not_what_was_asked_for_is_an_error_that_says_which(kind: str) -> None:
    assert kind_of(LIES[kind]) == kind


def test_a_token_whose_imprint_was_changed_is_not_kept() -> None:
    with pytest.raises(tokens.TokenError):
        tokens.accept(flipped(ANSWER, ANSWER.rindex(sha(TEXT)[:8])), sha(TEXT), "sha256", 7)


def test_no_evidence_rests_on_a_weak_hash() -> None:
    with pytest.raises(ValueError, match="weak"):
        tokens.request(sha(TEXT, "sha1"), "sha1", 1)
    now = authority(datetime(2026, 1, 1, tzinfo=UTC), datetime(2031, 1, 1, tzinfo=UTC))
    asked = tsp.TimeStampReq({"version": 1, "nonce": 5, "cert_req": True, "message_imprint": {
        "hash_algorithm": {"algorithm": "sha1"}, "hashed_message": sha(TEXT, "sha1")}}).dump()
    assert kind_of(lambda: tokens.accept(now.response(asked, NOW), sha(TEXT, "sha1"), "sha1", 5)) == "weak"


def test_the_record_is_what_the_standard_s_structure_says(record: bytes) -> None:
    known = EvidenceRecord.load(record, strict=True)
    assert known["version"].native == 1
    assert isinstance(known["archive_time_stamp_sequence"], ArchiveTimeStampSequence)
    [chain] = known["archive_time_stamp_sequence"]
    assert isinstance(chain, ArchiveTimeStampChain)
    assert known.dump(force=True) == record
