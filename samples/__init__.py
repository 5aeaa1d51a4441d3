"""The sample inbox and the scripts that make it; for trying things out and for tests."""
