"""What is held, and how it stays true: the store, the ledger, the catalogue, the legal field tables."""

__version__ = "0.1.0"
