"""The check of packages; needs no archive."""
