"""Pages for people: the morning report."""
