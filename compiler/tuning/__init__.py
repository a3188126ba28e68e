"""Finds the best schedules of kernels on this machine, by measuring.

`session.py` goes through a model's kernels, the heaviest first; `search.py` searches one kernel's
space; `runner.py` measures in a child process (`trial.py`), which may crash or hang; what was found
stands in a file that `database.py` reads and `tyc compile --tuned` uses.
"""
