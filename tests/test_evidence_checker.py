"""The single-file checker agrees with the archive's own verifier and needs nothing but Python."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archive.evidence import checker, ers, tree
from archive.evidence.renewal import digests_of
from tests.authority import years

TEXT = b"h\xe1\xbb\x93 s\xc6\xa1"
PROGRAM = Path(checker.__file__)


def a_record() -> bytes:
    """A record with a renewal of its timestamp and one of its hash."""
    def way(digest: bytes, algorithm: str) -> list[list[bytes]]:
        other = hashlib.new(algorithm, b"other").digest()
        return [sorted([digest, other]), [hashlib.new(algorithm, b"more").digest()]]

    def root(lists: list[list[bytes]], algorithm: str) -> bytes:
        value = tree.join(lists[0], algorithm)
        return tree.join([*lists[1], value], algorithm)

    def token(value: bytes, algorithm: str, year: int) -> bytes:
        return years(year, year + 5, name=f"TSA {year}").token(value, algorithm, datetime(year, 2, 1, tzinfo=UTC))

    lists = way(hashlib.sha256(TEXT).digest(), "sha256")
    record = ers.first_record(lists, token(root(lists, "sha256"), "sha256", 2026))
    lists = way(ers.token_digest(record)[0], "sha256")
    record = ers.renewed(record, lists, token(root(lists, "sha256"), "sha256", 2030))
    lists = way(ers.renewal_digest(record, hashlib.sha512(TEXT).digest(), "sha512"), "sha512")
    return ers.rehashed(record, lists, token(root(lists, "sha512"), "sha512", 2034), "sha512")


RECORD = a_record()


def run(folder: Path, data: bytes, record: bytes, *more: str) -> subprocess.CompletedProcess[str]:
    (folder / "file").write_bytes(data)
    (folder / "file.ers").write_bytes(record)
    command = [sys.executable, "-I", "-S", str(PROGRAM), str(folder / "file"), str(folder / "file.ers"), *more]
    return subprocess.run(command, capture_output=True, text=True, check=False, encoding="utf-8",
                          env={"PYTHONUTF8": "1"})


def test_it_needs_no_library_and_shows_every_time(tmp_path: Path) -> None:
    done = run(tmp_path, TEXT, RECORD)
    assert done.returncode == 0, done.stdout + done.stderr
    times = [line[:10] for line in done.stdout.splitlines() if " · SHA" in line]
    assert times == ["01/02/2026", "01/02/2030", "01/02/2034"]
    assert "ĐÚNG" in done.stdout


def test_it_is_short_enough_to_be_read() -> None:
    assert len(PROGRAM.read_text(encoding="utf-8").splitlines()) < 300


def test_a_gap_between_two_timestamps_is_said_and_the_hashes_still_fit(tmp_path: Path) -> None:
    def at(year: int, value: bytes) -> bytes:
        return years(year, year + 2, name=f"TSA {year}").token(value, "sha256", datetime(year, 2, 1, tzinfo=UTC))

    record = ers.first_record([], at(2026, hashlib.sha256(TEXT).digest()))
    for year, gap in ((2027, 0), (2031, 1)):
        done = run(tmp_path, TEXT, ers.renewed(record, [], at(year, ers.token_digest(record)[0])))
        assert (done.returncode, done.stdout.count("a gap")) == (0, gap), done.stdout


def test_a_changed_file_is_said(tmp_path: Path) -> None:
    done = run(tmp_path, TEXT + b" ", RECORD)
    assert done.returncode == 3
    assert "SAI" in done.stdout


def test_a_root_that_was_given_must_have_issued_every_certificate(tmp_path: Path) -> None:
    (tmp_path / "root.der").write_bytes(years(2026, 2031).root)
    assert run(tmp_path, TEXT, RECORD, "--root", str(tmp_path / "root.der")).returncode == 0
    stranger = years(2026, 2031, name="stranger")
    (tmp_path / "root.der").write_bytes(stranger.certificate)
    done = run(tmp_path, TEXT, RECORD, "--root", str(tmp_path / "root.der"))
    assert done.returncode == 3
    assert "issued" in done.stdout


@pytest.mark.parametrize("record", [b"", b"%PDF", RECORD[:-5], RECORD + b"\x00", b"\x30\x84\xff\xff\xff\xff"])
def test_what_is_no_record_is_said_without_a_traceback(tmp_path: Path, record: bytes) -> None:
    done = run(tmp_path, TEXT, record)
    assert done.returncode == 3
    assert "Traceback" not in done.stderr


@given(st.data())
@settings(max_examples=500, deadline=None)
def test_whatever_is_changed_in_a_record_it_never_says_right_where_the_archive_s_own_verifier_says_wrong(
        data: st.DataObject) -> None:
    changed = bytearray(RECORD)
    changed[data.draw(st.integers(0, len(RECORD) - 1))] ^= data.draw(st.integers(1, 255))
    try:
        checker.check(TEXT, bytes(changed), [], lambda _: None)
    except (checker.WrongError, ValueError, IndexError, KeyError):
        return
    with suppress(ers.BrokenRecordError):       # stricter about the framing, which nothing rests on
        assert all(link.sound for link in ers.check(bytes(changed), digests_of(TEXT)))


@given(st.binary(max_size=300))
@settings(deadline=None)
def test_noise_is_refused(noise: bytes) -> None:
    with pytest.raises((checker.WrongError, ValueError, IndexError, KeyError)):
        checker.check(TEXT, noise, [], lambda _: None)


def test_a_file_that_is_not_there_and_a_root_that_is_not_der_are_wrong_use(tmp_path: Path) -> None:
    (tmp_path / "root.pem").write_bytes(b"-----BEGIN CERTIFICATE-----\n")
    for more in (("--root", str(tmp_path / "nowhere")), ("--root", str(tmp_path / "root.pem")), ("--root",)):
        done = run(tmp_path, TEXT, RECORD, *more)
        assert (done.returncode, done.stderr) == (2, ""), more
        assert "SAI" not in done.stdout and done.stdout, more
