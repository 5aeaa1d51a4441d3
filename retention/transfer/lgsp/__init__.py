"""The giving side over another archive's service (LGSP): send, follow, take in what comes back (docs/transfer.md)."""

from retention.transfer.lgsp.accounts import account_of
from retention.transfer.lgsp.journal import Journal
from retention.transfer.lgsp.service import DeclinedError, Service
from retention.transfer.lgsp.wire import ServiceError

__all__ = ["DeclinedError", "Journal", "Service", "ServiceError", "account_of"]
