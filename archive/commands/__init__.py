"""Commands of this wing, one file a command (or group)."""
