"""The stages of a night, one file each: `(item, context) -> findings`, safe to run twice."""
