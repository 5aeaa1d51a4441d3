"""Sealing with a key on a device (PKCS#11), tried with SoftHSM, which `./run tests` installs."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pkcs11
import pytest
from click.testing import CliRunner

from ingest import nightly, pending_seals
from ingest import signatures as sig
from ingest.commands import seal
from ingest.signatures import sealing_keys
from ingest.signatures.sealing import open_sealer
from samples.making import pki
from tests import sealing_material as made
from tests import sealing_nights as nights
from tests.conftest import NIGHT

MODULES = [path for path in (Path("/usr/lib/softhsm/libsofthsm2.so"), Path("/usr/lib64/pkcs11/libsofthsm2.so"),
                             Path("/opt/homebrew/lib/softhsm/libsofthsm2.so")) if path.is_file()]
SECRET = "271828"
TOKEN = "Con dau so"


@pytest.fixture(scope="module")
def token(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A software token with the sample department's key and certificate, and the key of another without one."""
    folder = tmp_path_factory.mktemp("softhsm")
    (folder / "tokens").mkdir()
    (folder / "softhsm2.conf").write_text(f"directories.tokendir = {folder}/tokens\nobjectstore.backend = file\n"
                                          "log.level = ERROR\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOFTHSM2_CONF", str(folder / "softhsm2.conf"))
        subprocess.run(["softhsm2-util", "--init-token", "--free", "--label", TOKEN, "--pin", SECRET, "--so-pin",
                        "31415926"], check=True, capture_output=True)
        library = pkcs11.lib(str(MODULES[0]))
        with library.get_token(token_label=TOKEN).open(rw=True, user_pin=SECRET) as session:
            put_key(session, "so-noi-vu", "dau")
            put_certificate(session, "so-noi-vu", "dau")
            put_key(session, "uy-ban", "khong-chung-thu")
            put_key(session, "uy-ban", "lan-lon")
            put_certificate(session, "so-noi-vu", "lan-lon")
        yield str(MODULES[0])


def put_key(session: Any, who: str, label: str) -> None:
    numbers, kind = pki.key(who).private_numbers(), pkcs11.Attribute
    values = {kind.MODULUS: numbers.public_numbers.n, kind.PUBLIC_EXPONENT: numbers.public_numbers.e,
              kind.PRIVATE_EXPONENT: numbers.d, kind.PRIME_1: numbers.p, kind.PRIME_2: numbers.q,
              kind.EXPONENT_1: numbers.dmp1, kind.EXPONENT_2: numbers.dmq1, kind.COEFFICIENT: numbers.iqmp}
    session.create_object({
        kind.CLASS: pkcs11.ObjectClass.PRIVATE_KEY, kind.KEY_TYPE: pkcs11.KeyType.RSA, kind.TOKEN: True,
        kind.PRIVATE: True, kind.SENSITIVE: True, kind.SIGN: True, kind.LABEL: label,
        **{name: value.to_bytes((value.bit_length() + 7) // 8, "big") for name, value in values.items()}})


def put_certificate(session: Any, who: str, label: str) -> None:
    held, kind = pki.certificate(who), pkcs11.Attribute
    session.create_object({
        kind.CLASS: pkcs11.ObjectClass.CERTIFICATE, kind.CERTIFICATE_TYPE: pkcs11.CertificateType.X_509,
        kind.TOKEN: True, kind.LABEL: label, kind.SUBJECT: held.subject.dump(), kind.VALUE: held.dump()})


@pytest.fixture
def house(tmp_path: Path, stopped_clock: datetime, monkeypatch: pytest.MonkeyPatch) -> made.House:
    monkeypatch.setenv("LUUTRU_SEAL_PIN", SECRET)
    return made.house(tmp_path / "kho")


def device(module: str, **changes: Any) -> dict[str, Any]:
    return {"pkcs12": "", "pkcs11_module": module, "pkcs11_token": TOKEN, "pkcs11_key": "dau", **changes}


def test_many_files_are_sealed_through_one_session(house: made.House, token: str, tmp_path: Path,
                                                   monkeypatch: pytest.MonkeyPatch) -> None:
    from pyhanko.sign import pkcs11 as theirs

    opened = []
    real = theirs.open_pkcs11_session
    monkeypatch.setattr(theirs, "open_pkcs11_session", lambda *a, **k: opened.append(real(*a, **k)) or opened[-1])
    source = made.archival(tmp_path / "quet.pdf")
    with open_sealer(house.settings(**device(token))) as sealer:
        assert sealer.ready, sealer.findings
        done = [sealer.seal(source, tmp_path / f"{n}.pdf") for n in range(5)]
    assert len(opened) == 1
    for one in done:
        assert one.target is not None and one.archival == "2B"
        (report,) = sig.verify_pdf(one.target, sig.load_trust(house.root / "trust"), NIGHT).signatures
        assert (report.integrity, report.identity) == ("intact", "trusted") and report.signer == made.AGENCY


def test_the_certificate_may_lie_in_a_file(house: made.House, token: str, tmp_path: Path) -> None:
    (house.root / "uy-ban.cer").write_bytes(pki.certificate("uy-ban").dump())
    source = made.archival(tmp_path / "quet.pdf")
    settings = house.settings(**device(token, pkcs11_key="khong-chung-thu", certificate="uy-ban.cer"))
    with open_sealer(settings) as sealer:
        assert sealer.ready, sealer.findings
        assert sealer.seal(source, tmp_path / "ra.pdf").target is not None
    (house.root / "uy-ban.cer").write_bytes(b"rac")
    with open_sealer(settings) as sealer:
        assert [one.code for one in sealer.findings] == ["SEAL-002"]


@pytest.mark.parametrize(("changes", "code"), [
    ({"pkcs11_token": "khac"}, "SEAL-005"), ({"pkcs11_key": "khac"}, "SEAL-005"),
    ({"pkcs11_module": "/khong/co.so"}, "SEAL-005"), ({"pkcs11_key": "khong-chung-thu"}, "SEAL-005"),
    ({"pkcs11_key": "lan-lon"}, "SEAL-017"),
])
def test_a_wrong_device_or_label_is_named(house: made.House, token: str, changes: Any, code: str) -> None:
    with open_sealer(house.settings(**device(token, **changes))) as sealer:
        assert not sealer.ready and code in [one.code for one in sealer.findings]


def test_a_wrong_pin_is_tried_once(house: made.House, token: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from pyhanko.sign import pkcs11 as theirs

    tried = []
    real = theirs.open_pkcs11_session
    monkeypatch.setattr(theirs, "open_pkcs11_session", lambda *a, **k: tried.append(1) or real(*a, **k))
    monkeypatch.setenv("LUUTRU_SEAL_PIN", "000000")
    with open_sealer(house.settings(**device(token))) as sealer:
        assert [one.code for one in sealer.findings] == ["SEAL-003"] and len(tried) == 1
        assert "000000" not in sealer.findings[0].sentence()


def test_without_a_pin_the_device_is_not_even_asked(house: made.House, token: str,
                                                    monkeypatch: pytest.MonkeyPatch) -> None:
    from pyhanko.sign import pkcs11 as theirs

    for secret in ("", None):
        monkeypatch.delenv("LUUTRU_SEAL_PIN", raising=False)
        if secret is not None:
            monkeypatch.setenv("LUUTRU_SEAL_PIN", secret)
        monkeypatch.setattr(theirs, "open_pkcs11_session", None)
        with open_sealer(house.settings(**device(token))) as sealer:
            assert [one.code for one in sealer.findings] == ["SEAL-003"] and not sealer.pin_refused
            assert "LUUTRU_SEAL_PIN" in sealer.findings[0].sentence()


def test_a_device_that_counts_wrong_pins_is_left_alone_by_what_nobody_watches(house: made.House, token: str,
                                                                              monkeypatch: pytest.MonkeyPatch) -> None:
    settings = house.settings(**device(token))
    monkeypatch.setenv("LUUTRU_SEAL_PIN", "000000")
    with open_sealer(settings) as sealer:
        assert sealer.pin_refused
    monkeypatch.setenv("LUUTRU_SEAL_PIN", SECRET)
    with open_sealer(settings, unattended=True) as sealer:
        assert [one.code for one in sealer.findings] == ["SEAL-007"] and not sealer.pin_refused
    with open_sealer(settings) as sealer:           # a person may try again; the right PIN clears the device's count
        assert sealer.ready
    with open_sealer(settings, unattended=True) as sealer:
        assert sealer.ready


@pytest.mark.parametrize(("flag", "code"), [("USER_PIN_FINAL_TRY", "SEAL-007"), ("USER_PIN_LOCKED", "SEAL-003")])
def test_the_last_try_of_a_device_is_nobodys(house: made.House, token: str, monkeypatch: pytest.MonkeyPatch, flag: str,
                                             code: str) -> None:
    from pyhanko.sign import pkcs11 as theirs

    class Counting:
        flags = getattr(pkcs11.TokenFlag, flag)

    monkeypatch.setattr(theirs, "find_token", lambda *_args, **_named: Counting)
    monkeypatch.setattr(theirs, "open_pkcs11_session", None)
    with open_sealer(house.settings(**device(token))) as sealer:
        assert [one.code for one in sealer.findings] == [code]


def test_nights_try_a_wrong_pin_once_and_wait_for_a_person(token: str, tmp_path: Path, stopped_clock: datetime,
                                                           monkeypatch: pytest.MonkeyPatch) -> None:
    from pyhanko.sign import pkcs11 as theirs

    tried = []
    real = theirs.open_pkcs11_session
    monkeypatch.setattr(theirs, "open_pkcs11_session", lambda *a, **k: tried.append(1) or real(*a, **k))
    # A device that does not count: the archive must remember by itself.
    monkeypatch.setattr(sealing_keys, "_ask_pin_state", lambda *_: None)
    monkeypatch.setattr(nightly, "examine_all", nights.examining(made.archival(tmp_path / "quet.pdf")))
    monkeypatch.setenv("LUUTRU_SEAL_PIN", "000000")
    archive = nights.prepare(tmp_path / "kho", {"a.pdf": nights.sheet(1)}, **device(token))
    assert [one.code for one in nights.run(archive).findings] == ["SEAL-003"] and len(tried) == 1
    nights.put(tmp_path / "kho", {"b.pdf": nights.sheet(2)})
    assert [one.code for one in nights.run(archive).findings] == ["SEAL-007"] and len(tried) == 1
    assert [one.reason for one in pending_seals.waiting(archive)] == ["SEAL-003", "SEAL-007"]
    archive.close()

    def luutru(*words: str) -> int:
        return int(CliRunner().invoke(seal.command, words, obj=tmp_path / "kho").exit_code)

    assert luutru("--pending", "--json") == 1 and len(tried) == 2       # a person, with the wrong PIN still
    monkeypatch.setenv("LUUTRU_SEAL_PIN", SECRET)
    assert luutru("--pending", "--dry-run", "--json") == 0
    assert luutru("--pending", "--json") == 0
    archive = nights.again(tmp_path / "kho")
    kinds = [line.kind for line in archive.ledger.lines() if "seal_pin" in line.kind]
    assert kinds == ["seal_pin_refused", "seal_pin_taken"]
    nights.put(tmp_path / "kho", {"c.pdf": nights.sheet(3)})
    nights.run(archive)
    assert nights.record_of(archive, "c.pdf")["legal_value"] == "signed_copy"
    archive.close()


def test_a_night_opens_the_device_once_for_all_its_scans(token: str, tmp_path: Path, stopped_clock: datetime,
                                                         monkeypatch: pytest.MonkeyPatch) -> None:
    from pyhanko.sign import pkcs11 as theirs

    opened = []
    real = theirs.open_pkcs11_session
    monkeypatch.setattr(theirs, "open_pkcs11_session", lambda *a, **k: opened.append(1) or real(*a, **k))
    monkeypatch.setattr(nightly, "examine_all", nights.examining(made.archival(tmp_path / "quet.pdf")))
    monkeypatch.setenv("LUUTRU_SEAL_PIN", SECRET)
    archive = nights.prepare(tmp_path / "kho", {f"{n}.pdf": nights.sheet(n) for n in range(1, 5)}, **device(token))
    nights.run(archive)
    values = {nights.record_of(archive, f"{n}.pdf")["legal_value"] for n in range(1, 5)}
    assert values == {"signed_copy"} and len(opened) == 1
    archive.close()


def test_a_device_that_goes_away_stops_the_sealing(house: made.House, token: str, tmp_path: Path) -> None:
    source = made.archival(tmp_path / "quet.pdf")
    with open_sealer(house.settings(**device(token))) as sealer:
        assert sealer._key is not None
        sealer._key.signer.pkcs11_session.close()
        done = sealer.seal(source, tmp_path / "mot.pdf")
        assert done.target is None and [one.code for one in done.findings] == ["SEAL-005"] and not sealer.ready
        after = sealer.seal(source, tmp_path / "hai.pdf")
        assert [one.code for one in after.findings] == ["SEAL-038"]
    assert not (tmp_path / "mot.pdf").exists()
