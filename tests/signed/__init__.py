"""Signed PDFs made by ourselves: every genuine kind, and every published class of attack in several variants.

`cases.CASES` is the table; `python -m tests.signed` prints it, with what plain pyHanko says of the same files.
"""
