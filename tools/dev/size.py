"""Files over 400 lines, functions over 40, lines over 100 columns: `python -m tyc.tools.dev.size`.

In: the tracked `*.py`, `*.c` and `*.h` files. Out: one finding a line. A function's docstring is
not counted: nobody should have to choose between a short function and an explained one.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from tyc.tools.dev import project

FILE_LINES = 400
FUNCTION_LINES = 40
COLUMNS = 100


def findings(paths: list[Path] | None = None) -> list[str]:
    """What is too long, as `file:line: what`; empty when all is well."""
    if paths is None:
        paths = project.tracked_files("*.py", "*.c", "*.h")
    return [finding for path in paths for finding in _findings_in(path)]


def _findings_in(path: Path) -> Iterator[str]:
    text = path.read_text()
    lines = text.splitlines()
    name = project.shown(path) if path.is_relative_to(project.ROOT) else str(path)
    if len(lines) > FILE_LINES:
        yield f"{name}:1: file of {len(lines)} lines, at most {FILE_LINES}"
    for number, line in enumerate(lines, 1):
        if len(line) > COLUMNS:
            yield f"{name}:{number}: line of {len(line)} columns, at most {COLUMNS}"
    functions = python_functions(text) if path.suffix == ".py" else c_functions(lines)
    for number, function, length in functions:
        if length > FUNCTION_LINES:
            yield f"{name}:{number}: {function} has {length} lines, at most {FUNCTION_LINES}"


def python_functions(text: str) -> Iterator[tuple[int, str, int]]:
    """(first line, name, lines without docstring) of every function, nested ones included."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if ast.get_docstring(node, clean=False) is not None:
                docstring = node.body[0]
                length -= (docstring.end_lineno or docstring.lineno) - docstring.lineno + 1
            yield node.lineno, node.name, length


def c_functions(lines: list[str]) -> Iterator[tuple[int, str, int]]:
    """(first line, name, lines) of every C function: from a line at column 0 to its `}` there."""
    start, name = 0, ""
    for number, line in enumerate(lines, 1):
        head = re.match(r"[A-Za-z_][^;=]*?(\w+)\(", line)
        if head and not line.startswith(("typedef", "#")):
            start, name = number, head.group(1)
        elif line.startswith("}") and start:
            yield start, name, number - start + 1
            start = 0
        elif line.rstrip().endswith(");") and not line.startswith(" ") and start:
            start = 0


def main() -> int:
    """Prints the findings; the exit status says whether there are any."""
    found = findings()
    print("\n".join(found) if found else "size: nothing too long")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
