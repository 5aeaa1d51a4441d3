"""How long records are kept, and what happens then."""
