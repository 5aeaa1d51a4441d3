"""Search engines behind the one interface of `search.index`."""
