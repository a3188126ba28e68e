"""All checks of our sources in one table: `make check`, or `python -m tyc.tools.dev.check`.

In: the checkout. Out: a table with a row a check, then the findings; exit status 1 if there are
any.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable

from rich.console import Console
from rich.table import Table

from tyc.tools.dev import constraints, doctests, layers, project, size, type_errors


def ruff(*arguments: str) -> list[str]:
    """Findings of one ruff command, one a line."""
    run = subprocess.run(
        [sys.executable, "-m", "ruff", *arguments], cwd=project.ROOT, capture_output=True, text=True
    )
    return [] if run.returncode == 0 else (run.stdout + run.stderr).strip().splitlines()


def _layers() -> list[str]:
    kept, text = layers.check()
    return [] if kept else text.splitlines()


def _doctests() -> list[str]:
    reports = [doctests.run_module(name)[1] for name in project.modules_on_disk()]
    return [line for report in reports for line in report.splitlines()]


CHECKS: dict[str, Callable[[], list[str]]] = {
    "ruff": lambda: ruff("check", "--output-format=concise", "-q"),
    "format": lambda: ruff("format", "--check", "-q"),
    "size": size.findings,
    "layers": _layers,
    "types": type_errors.findings,
    "constraints": constraints.findings,
    "doctests": _doctests,
}


def main() -> int:
    """Runs the checks named on the command line, or all; the exit status says whether all pass."""
    names = sys.argv[1:] or list(CHECKS)
    if unknown := [name for name in names if name not in CHECKS]:
        print(f"no check named {', '.join(unknown)}; there are {', '.join(CHECKS)}")
        return 2
    table = Table("check", "result", "seconds")
    findings = {}
    for name in names:
        start = time.perf_counter()
        findings[name] = CHECKS[name]()
        result = f"{len(findings[name])} lines" if findings[name] else "ok"
        table.add_row(name, result, f"{time.perf_counter() - start:.1f}")
    for name in names:
        for line in findings[name]:
            print(f"{name}: {line}")
    Console().print(table)
    return any(findings.values())


if __name__ == "__main__":
    sys.exit(main())
