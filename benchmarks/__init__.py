"""Benchmarks: what a night costs, next to what it must cost at least."""
