"""The doctor: what is missing, wrong, full, late or about to end, as findings with a cure. Changes nothing.

`parts` looks at programs, `machine` at disks, clock and rights, `records` at the archive itself and its standing,
`keeping` at copies and backups, `certificates` at whose days are numbered; `examining` asks them all.
"""
