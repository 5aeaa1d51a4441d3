"""How things are found: Vietnamese text, the index behind one interface, and the query a person types."""
