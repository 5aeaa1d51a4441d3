"""The ASN.1 of evidence records (RFC 4998, module ERS), as far as asn1crypto does not have it."""

from __future__ import annotations

from asn1crypto import algos, cms, core, tsp


class PartialHashtree(core.SequenceOf):
    """Hash values that are hashed together; their order in the record means nothing (RFC 4998, 4.3)."""

    _child_spec = core.OctetString


class ReducedHashtree(core.SequenceOf):
    """The lists of hash values that lead from one object to the root."""

    _child_spec = PartialHashtree


class ArchiveTimeStamp(core.Sequence):
    """A timestamp over the root of a hash tree, with the way that leads one object there."""

    _fields = [  # noqa: RUF012
        ("digest_algorithm", algos.DigestAlgorithm, {"implicit": 0, "optional": True}),
        ("attributes", cms.CMSAttributes, {"implicit": 1, "optional": True}),
        ("reduced_hashtree", ReducedHashtree, {"implicit": 2, "optional": True}),
        ("time_stamp", cms.ContentInfo)]


class ArchiveTimeStampChain(core.SequenceOf):
    """Timestamps of one hash algorithm, each over the one before."""

    _child_spec = ArchiveTimeStamp


class ArchiveTimeStampSequence(core.SequenceOf):
    """Chains, each of a newer hash algorithm and over the object and all chains before."""

    _child_spec = ArchiveTimeStampChain


class CryptoInfos(core.SequenceOf):
    """Certificates, revocation lists and the like that may help a verifier."""

    _child_spec = cms.CMSAttribute


class EncryptionInfo(core.Sequence):
    """How the objects were encrypted before they were hashed; we write none and refuse what we cannot undo."""

    _fields = [("encryption_info_type", core.ObjectIdentifier), ("encryption_info_value", core.Any)]  # noqa: RUF012


class DigestAlgorithms(core.SequenceOf):
    """The hash algorithms that the record uses."""

    _child_spec = algos.DigestAlgorithm


class EvidenceRecord(core.Sequence):
    """An evidence record: when an object was there, and that nothing in it has changed since (RFC 4998, 3.1)."""

    _fields = [  # noqa: RUF012
        ("version", core.Integer),
        ("digest_algorithms", DigestAlgorithms),
        ("crypto_infos", CryptoInfos, {"implicit": 0, "optional": True}),
        ("encryption_info", EncryptionInfo, {"implicit": 1, "optional": True}),
        ("archive_time_stamp_sequence", ArchiveTimeStampSequence)]


class TimeStampResp(core.Sequence):
    """A timestamp server's answer (RFC 3161, 2.4.2). asn1crypto's own wants a token in a refusal as well."""

    _fields = [("status", tsp.PKIStatusInfo), ("time_stamp_token", cms.ContentInfo, {"optional": True})]  # noqa: RUF012
