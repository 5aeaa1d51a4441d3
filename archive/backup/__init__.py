"""Backups: what the archive was on a day, on media apart, kept for a time and readable without this program.

A copy (archive/fixity/copies.py) follows the store and mends it; a backup does not follow. `media` are the places,
`sets` the format, `making` writes, `checking` reads everything again, `restoring` makes an archive of it, `drilling`
proves that this works, `standing` knows from the ledger what there is and what still holds a destroyed record.
"""
