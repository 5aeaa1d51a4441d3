#!/usr/bin/env python3
"""Kiểm tra bản ghi bằng chứng (RFC 4998) của một tệp / checks the evidence record of a file. No library needed.

    python3 checker.py FILE FILE.ers [--root ROOT.der …]

It shows: the file's bytes are those that the hash tree covers; every timestamp covers what it should, in the order of
time; every timestamp was signed by the certificate in it (RSA; for other kinds it says what to run). Whether that
certificate is the authority's own nobody can know from the file alone: compare its SHA-256, which is printed, with what
the authority publishes, or give the root with --root. Exit code 0: all shown · 3: something is wrong · 2: wrong use.
"""

import hashlib
import pathlib
import re
import sys

HASHES = {"2.16.840.1.101.3.4.2.1": "sha256", "2.16.840.1.101.3.4.2.2": "sha384", "2.16.840.1.101.3.4.2.3": "sha512"}
RSA = {"1.2.840.113549.1.1.1": "", "1.2.840.113549.1.1.11": "sha256", "1.2.840.113549.1.1.12": "sha384",
       "1.2.840.113549.1.1.13": "sha512", "1.2.840.113549.1.1.5": "sha1"}
DIGEST_INFO = {"sha1": "3021300906052b0e03021a05000414", "sha256": "3031300d060960864801650304020105000420",
               "sha384": "3041300d060960864801650304020205000430", "sha512": "3051300d060960864801650304020305000440"}
SIGNED_DATA = "1.2.840.113549.1.7.2"
TST_INFO, MESSAGE_DIGEST = "1.2.840.113549.1.9.16.1.4", "1.2.840.113549.1.9.4"


class WrongError(Exception):
    """Something does not fit; the message says what."""


class Node:
    """One DER element: its tag, its content, and its whole bytes."""

    def __init__(self, data, at=0):
        try:
            self.tag = data[at]
            first, start = data[at + 1], at + 2
            if first == 0x80 or first > 0x84:
                raise WrongError("a length that DER does not have")
            if first > 0x80:
                start += first - 0x80
                length = int.from_bytes(data[at + 2:start], "big")
            else:
                length = first
        except IndexError:
            raise WrongError("the data end too early") from None
        self.end = start + length
        if self.end > len(data):
            raise WrongError("the data end too early")
        self.body, self.whole = data[start:self.end], data[at:self.end]

    def parts(self):
        _need(self.tag in (0x30, 0x31, 0xA0, 0xA1, 0xA2), "an element is not of the kind that it should be")
        found, at = [], 0
        while at < len(self.body):
            node = Node(self.body, at)
            found.append(node)
            at = node.end
        return found

    def oid(self):
        if self.tag != 0x06 or not self.body:
            raise WrongError("an object identifier is missing")
        first = self.body[0]
        numbers, value = [first // 40, first % 40] if first < 80 else [2, first - 80], 0
        for octet in self.body[1:]:
            value = value << 7 | octet & 0x7F
            if octet < 0x80:
                numbers.append(value)
                value = 0
        return ".".join(map(str, numbers))

    def number(self):
        return int.from_bytes(self.body, "big", signed=True)


def _need(condition, what):
    if not condition:
        raise WrongError(what)


def _child(nodes, index, what):
    _need(index < len(nodes), f"{what} is missing")
    return nodes[index]


def _hash_name(algorithm):
    parts = algorithm.parts()
    _need([one.whole for one in parts[1:]] in ([], [b"\x05\x00"]), "a hash algorithm with parameters")
    name = HASHES.get(_child(parts, 0, "the hash algorithm").oid())
    _need(name, "a hash algorithm that is not one of SHA-256, SHA-384, SHA-512")
    return name


def _digest(name, data):
    return hashlib.new(name, data).digest()


def _read_token(content_info):
    """The parts of a timestamp token: imprint, time, certificates, signer, and the signed bytes."""
    parts = content_info.parts()
    _need(parts[0].oid() == SIGNED_DATA, "the token is not signed data")
    signed = _child(_child(parts, 1, "the token").parts(), 0, "the token").parts()
    _need(len(signed) >= 4, "the token is not whole")
    encapsulated = signed[2].parts()
    _need(_child(encapsulated, 0, "the content").oid() == TST_INFO, "the token holds no timestamp")
    info_bytes = _child(_child(encapsulated, 1, "the content").parts(), 0, "the content").body
    info = Node(info_bytes).parts()
    _need(len(info) >= 5, "the timestamp is not whole")
    imprint = info[2].parts()
    certificates = [one.whole for node in signed[3:] if node.tag == 0xA0 for one in node.parts() if one.tag == 0x30]
    signers = [one for node in signed[3:] if node.tag == 0x31 for one in node.parts()]
    _need(len(signers) == 1, "a timestamp has one signature")
    return {"algorithm": _hash_name(imprint[0]), "imprint": imprint[1].body, "time": info[4].body.decode("ascii"),
            "certificates": certificates, "signer": signers[0].parts(), "signed": info_bytes}


def _certificate_parts(der):
    """Serial number, issuer, period, subject, public key and key identifier of a certificate."""
    body = _child(Node(der).parts(), 0, "the certificate").parts()
    if body and body[0].tag == 0xA0:
        body = body[1:]
    _need(len(body) >= 6, "the certificate is not whole")
    period = [_time_of(node) for node in body[3].parts()]
    return {"serial": body[0].number(), "issuer": body[2].whole, "from": period[0], "to": period[1],
            "subject": body[4], "key": body[5].parts(), "purposes": b"\x2b\x06\x01\x05\x05\x07\x03\x08" in der}


def _time_of(node):
    text = node.body.decode("ascii")
    if node.tag == 0x17:
        text = ("19" if text[:2] >= "50" else "20") + text
    return text


def _plain_time(text):
    match = re.fullmatch(r"(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)?(\.\d+)?Z", text)
    _need(match, f"the time {text} is not in UTC")
    return "".join(match.groups("00")[:6])


def _shown(text):
    plain = _plain_time(text)
    return f"{plain[6:8]}/{plain[4:6]}/{plain[:4]} {plain[8:10]}:{plain[10:12]}:{plain[12:]} UTC"


def _names(node):
    pairs = [attribute.parts() for group in node.parts() for attribute in group.parts()]
    return ", ".join(pair[1].body.decode("utf-8", "replace") for pair in reversed(pairs))


def _find_certificate(token):
    sid = _child(token["signer"], 1, "the signer")
    for der in token["certificates"]:
        known = _certificate_parts(der)
        if sid.tag == 0x30:
            issuer, serial = sid.parts()
            if issuer.whole == known["issuer"] and serial.number() == known["serial"]:
                return der, known
        elif sid.body in der:
            return der, known
    raise WrongError("the certificate that signed the timestamp is not in it")


def _rsa_fits(key, algorithm, signature, data):
    """Whether an RSA PKCS#1 v1.5 signature fits; None when it is of another kind."""
    kind = _child(key[0].parts(), 0, "the key").oid()
    if kind != "1.2.840.113549.1.1.1" or algorithm not in DIGEST_INFO:
        return None
    modulus, exponent = (node.number() for node in Node(key[1].body[1:]).parts())
    size = (modulus.bit_length() + 7) // 8
    _need(modulus > 0 and size >= 256 and exponent > 2, "the key of the timestamp is too short")
    value = pow(int.from_bytes(signature, "big"), exponent, modulus).to_bytes(size, "big")
    wanted = bytes.fromhex(DIGEST_INFO[algorithm]) + _digest(algorithm, data)
    return value == b"\x00\x01" + b"\xff" * (size - len(wanted) - 3) + b"\x00" + wanted


def _check_signature(token):
    """The signer's certificate and a sentence; raises Wrong when the signature does not fit."""
    der, known = _find_certificate(token)
    signer = token["signer"]
    algorithm = _hash_name(_child(signer, 2, "the digest algorithm"))
    attributes = _child(signer, 3, "the signed attributes")
    _need(attributes.tag == 0xA0, "the timestamp has no signed attributes")
    stated = [one.parts()[1].parts()[0].body for one in attributes.parts() if one.parts()[0].oid() == MESSAGE_DIGEST]
    _need(stated == [_digest(algorithm, token["signed"])], "the timestamp was changed after it was signed")
    kind = _child(_child(signer, 4, "the signature").parts(), 0, "the signature").oid()
    _need(known["purposes"], "the certificate is not one for timestamps")
    _need(_plain_time(known["from"]) <= _plain_time(token["time"]) <= _plain_time(known["to"]),
         "the certificate was not in force at the time of the timestamp")
    fits = _rsa_fits(known["key"], RSA[kind] or algorithm, _child(signer, 5, "the signature").body,
                    b"\x31" + attributes.whole[1:]) if kind in RSA else None
    _need(fits is not False, "the signature of the timestamp does not fit its certificate")
    return der, known, fits


def _issued_by(der, roots):
    """Whether one of the roots signed the certificate; None when that cannot be told here."""
    body, algorithm, signature = Node(der).parts()
    kind = algorithm.parts()[0].oid()
    if kind not in RSA:
        return None
    return any(_rsa_fits(_certificate_parts(root)["key"], RSA[kind], signature.body[1:], body.whole) for root in roots)


def _climb(stamp, covered, algorithm):
    """The roots that the reduced hash tree gives (a single first value is read in both ways that are in use)."""
    trees = [node for node in stamp if node.tag == 0xA2]
    lists = [[value.body for value in one.parts()] for one in trees[0].parts()] if trees else []
    if not lists:
        return {covered}
    _need(covered in lists[0], "tệp đã thay đổi, hoặc bản ghi là của tệp khác / the digest is not in the hash tree")
    starts = {_digest(algorithm, b"".join(sorted(lists[0])))} | ({covered} if len(lists[0]) == 1 else set())
    found = set()
    for value in starts:
        for one in lists[1:]:
            value = _digest(algorithm, b"".join(sorted([*one, value])))
        found.add(value)
    return found


def check(data, record, roots, say):
    """Check the record of `data`; calls say(sentence) for each fact. Raises Wrong."""
    outer = Node(record)
    _need(outer.end == len(record), "there is something after the record")
    parts = outer.parts()
    _need(len(parts) >= 3 and outer.tag == parts[1].tag == 0x30 and parts[0].tag == 0x02 and parts[0].number() == 1,
          "not an evidence record of version 1")
    for one in parts[1].parts():
        _hash_name(one)
    _need(parts[-1].tag == 0x30 and not any(node.tag == 0xA1 for node in parts), "the record is of an encrypted file")
    chains, before, until = parts[-1].parts(), "", "9"
    _need(chains and all(chain.parts() for chain in chains), "the record has no timestamp")
    for number, chain in enumerate(chains):
        covered = b""
        for place, one in enumerate(chain.parts()):
            stamp = one.parts()
            token_node = stamp[-1]
            token = _read_token(token_node)
            algorithm = token["algorithm"]
            if place == 0:
                covered, first = _digest(algorithm, data), algorithm
                if number:
                    earlier = b"".join(node.whole for node in chains[:number])
                    size = len(earlier).to_bytes((len(earlier).bit_length() + 7) // 8, "big")
                    head = b"\x30" + (bytes([len(earlier)]) if len(earlier) < 128 else bytes([0x80 | len(size)]) + size)
                    covered = _digest(algorithm, covered + _digest(algorithm, head + earlier))
            _need(algorithm == first, "a chain changes its hash algorithm")
            _need(stamp[0].tag != 0xA0 or _hash_name(stamp[0]) == algorithm, "a timestamp names another hash algorithm")
            _need(token["imprint"] in _climb(stamp, covered, algorithm),
                  "a timestamp does not cover the one before it" if place else "the timestamp does not cover the file")
            _need(_plain_time(token["time"]) >= before, "a timestamp is older than the one before it")
            before = _plain_time(token["time"])
            der, known, fits = _check_signature(token)
            say(f"{_shown(token['time'])} · {algorithm.upper()} · {_names(known['subject'])}")
            say(f"    over {token['imprint'].hex()}")
            say(f"    certificate until {_shown(known['to'])}, SHA-256 {hashlib.sha256(der).hexdigest()}")
            if before > until:
                say("    CHÚ Ý: chứng thư của dấu trước hết hạn trước dấu này / NOTE: a gap, the one before had ended")
            until = _plain_time(known["to"])
            if fits is None:
                say("    its signature is not RSA PKCS#1 v1.5: check it with `openssl ts -verify`")
            if roots:
                trusted = _issued_by(der, roots)
                _need(trusted is not False, "the certificate was not issued by a root that was given")
                say("    issued by a root that was given" if trusted else "    its issuer cannot be checked here")
            covered = _digest(algorithm, token_node.whole)


def main(arguments):
    """Check one file; returns the exit code."""
    roots = []
    while "--root" in arguments[:-1]:
        at = arguments.index("--root")
        roots.append(arguments[at + 1])
        del arguments[at:at + 2]
    if len(arguments) != 2:
        print(__doc__)
        return 2
    try:
        data, record, *roots = [pathlib.Path(name).read_bytes() for name in (*arguments, *roots)]
    except OSError as error:
        print(f"Không đọc được tệp / cannot be read: {error.filename} ({error.strerror})")
        return 2
    if any(root[:1] != b"0" for root in roots):
        print("--root: chứng thư phải ở dạng DER / must be DER: openssl x509 -in ROOT.pem -outform der -out ROOT.der")
        return 2
    print(f"{arguments[0]}: SHA-256 {hashlib.sha256(data).hexdigest()}")
    try:
        check(data, record, roots, print)
    except (WrongError, ValueError, IndexError, KeyError) as error:
        print(f"SAI / WRONG: {error}")
        return 3
    print("ĐÚNG: tệp không thay đổi kể từ thời điểm đầu tiên nêu trên. / RIGHT: unchanged since the first time above.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
