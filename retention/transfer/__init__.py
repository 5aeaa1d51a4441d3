"""Hand-over (thu nộp) of case files to another archive, both sides of it: who gives and who takes.

The face of this part for the commands (docs/decisions/0004). `sending` is the giving agency's side, `receiving` and
`examining` the taking archive's, `terms` its deadlines, `carrying` the one interface by which files travel.
"""
