"""How things come in: sources, the stages of a night, and the night itself."""
