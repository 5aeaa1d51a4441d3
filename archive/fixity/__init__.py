"""Fixity: the store and its copies are read again in turn, what is damaged is mended, both facts are recorded.

`auditing` reads a part each night, `checking` everything on demand; `damage` finds, `witness` says who is right,
`mending` puts right; `copies` follow the store.
"""
