"""Timestamp tokens (RFC 3161): whether one belongs to its signature, and whether its server can be believed.

Must never give a time that anybody could have written: only a token of a trusted, then valid server counts.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from asn1crypto import cms, core, tsp
from pyhanko.sign.general import find_cms_attribute_iter
from pyhanko.sign.validation.generic_cms import extract_certs_for_validation, validate_sig_integrity

from ingest.signatures.chains import Chain, Enclosed, chain_at, told_of_barred
from ingest.signatures.holders import certificate_of
from ingest.signatures.integrity import digest_of
from ingest.signatures.report import Token, when
from ingest.signatures.trust import TrustLists


def tokens_in(signer_info: cms.SignerInfo) -> list[cms.SignedData]:
    """The signature timestamps among the unsigned attributes."""
    if isinstance(signer_info["unsigned_attrs"], core.Void):
        return []
    return [value["content"] for value in
            find_cms_attribute_iter(signer_info["unsigned_attrs"], "signature_time_stamp_token")]


async def judge_token(token: cms.SignedData, expected: Callable[[str], bytes], trust: TrustLists,
                      enclosed: Enclosed) -> tuple[Token, Chain | None]:
    """What `token` is worth, and its server's chain at the time it says.

    `expected` gives, for a digest's name, the value that the imprint must have. Raises what asn1crypto and pyHanko
    raise for a damaged token.
    """
    content = token["encap_content_info"]["content"]
    info = content.parsed
    if not isinstance(info, tsp.TSTInfo):
        raise ValueError("the token holds no TSTInfo")
    certificates = extract_certs_for_validation(token)
    server = certificates.signer_cert
    signer_info = token["signer_infos"][0]
    moment: datetime = info["gen_time"].native
    imprint = info["message_imprint"]
    algorithm = imprint["hash_algorithm"]["algorithm"].native
    intact, matched = validate_sig_integrity(
        signer_info, server, expected_content_type="tst_info",
        actual_digest=digest_of(signer_info["digest_algorithm"]["algorithm"].native, bytes(content)))
    name = certificate_of(server).name
    if not (intact and matched and imprint["hashed_message"].native == expected(algorithm)):
        return Token(moment.astimezone(UTC), name, "broken", algorithm), None
    chain = await chain_at(server, moment, trust, enclosed.plus(certificates.other_certs), "timestamps")
    usage = server.extended_key_usage_value
    believed = chain.state == "trusted" and usage is not None and "time_stamping" in usage.native
    return Token(moment.astimezone(UTC), name, "valid" if believed else "untrusted", algorithm), chain


def why_untrusted(token: Token, chain: Chain | None) -> tuple[str, dict[str, Any]]:
    """The finding about a token whose server cannot be believed: its code and parameters."""
    if chain is not None and chain.barred is not None:
        code, params = told_of_barred(chain, "timestamps")
        return code, {**params, "authority": token.authority}
    if chain is not None and chain.revoked_at is not None:
        return "VERIFY-089", {"authority": token.authority, "date": when(chain.revoked_at), "time": when(token.time)}
    return "VERIFY-051", {"authority": token.authority}
