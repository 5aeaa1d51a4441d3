"""Where items come from; each source yields the same `Item`."""
