"""The message catalogues, and what brings them up to date."""
