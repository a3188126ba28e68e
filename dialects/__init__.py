"""What ops are and mean.

In come op classes (`ty/`, a family a file), out go an IRDL dialect, builders, views and a NumPy
interpreter. Read `types.py`, `ods.py`, one family such as `ty/movement.py`, then `building.py`,
`program.py` and `interpreter.py`.
"""
