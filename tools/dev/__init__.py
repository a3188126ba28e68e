"""Checks of our own sources: what a contributor runs before a commit.

In: the checkout. Out: a table of findings and an exit status. Read `check.py` first: it runs the
others. `size.py` counts lines, `doctests.py` runs the examples in docstrings, `layers.py` holds
imports to go down, `links.py` shows our folders to pyright.
"""
