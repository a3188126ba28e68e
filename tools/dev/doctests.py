"""Examples in docstrings run: `python -m tyc.tools.dev.doctests`.

In: every module on the disk, imported by its name in `tyc`. Out: the examples that fail.
(pytest's own `--doctest-modules` would import the files as `frontend`, `compiler`, ...: second
copies.)
"""

from __future__ import annotations

import doctest
import importlib
import io
import sys
from contextlib import redirect_stdout

from tyc.tools.dev import project

FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def run_module(name: str) -> tuple[int, str]:
    """(examples run, report of failures) of one module; one without an example is not imported."""
    if ">>>" not in project.modules_on_disk()[name].read_text():
        return 0, ""
    module = importlib.import_module(name)
    output = io.StringIO()
    with redirect_stdout(output):
        result = doctest.testmod(module, optionflags=FLAGS)
    return result.attempted, output.getvalue() if result.failed else ""


def main() -> int:
    """Prints the failures; the exit status says whether there are any."""
    results = [run_module(name) for name in project.modules_on_disk()]
    failures = [report for _, report in results if report]
    print("".join(failures), end="")
    print(f"doctests: {sum(n for n, _ in results)} examples, {len(failures)} modules with failures")
    return bool(failures)


if __name__ == "__main__":
    sys.exit(main())
