"""Forms on paper: everything that is printed goes through one typesetter (Typst) and comes out as PDF/A."""
