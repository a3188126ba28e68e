"""Checks of our own sources: what a contributor runs before a commit.

In: the checkout. Out: a table of findings and an exit status.
Read `check.py` first: it runs the others. `size.py` counts lines, `doctests.py` runs the examples in
docstrings, `contracts.py` holds layers against the disk, `links.py` shows our folders to pyright.
"""
