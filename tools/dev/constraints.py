"""Constraint ids of ops match their code: `python -m tyc.tools.dev.constraints`.

In: the op classes in `dialects/ty`. Out: ids that stand in a docstring, as `(C1)`, and not in the
code, as `# C1`, or the other way round. The code of an op is its class, the classes it derives
from, and the functions of the same file that these call.
"""

from __future__ import annotations

import ast
import re
import sys
from dataclasses import dataclass
from pathlib import Path

from tyc.tools.dev import project


@dataclass(frozen=True)
class _Definition:
    file: Path
    line: int
    stated: frozenset[str]
    checked: frozenset[str]
    names: frozenset[str]
    bases: tuple[str, ...]


def findings(folder: Path = project.ROOT / "dialects" / "ty") -> list[str]:
    """Ids that do not match, as `file:line: what`; empty when all is well."""
    classes, functions = _definitions(sorted(folder.rglob("*.py")))
    found = []
    for name, op in classes.items():
        family = [op, *_ancestors(op, classes)]
        called = [
            functions[key] for d in family for n in d.names if (key := (d.file, n)) in functions
        ]
        stated = frozenset().union(*(d.stated for d in family))
        checked = frozenset().union(*(d.checked for d in [*family, *called]))
        where = f"{op.file.name}:{op.line}: {name}"
        found += [
            f"{where} states ({id}) but no code has `# {id}`" for id in sorted(op.stated - checked)
        ]
        found += [
            f"{where} has `# {id}` but states no ({id})" for id in sorted(op.checked - stated)
        ]
    return found


def _ancestors(op: _Definition, classes: dict[str, _Definition]) -> list[_Definition]:
    parents = [classes[base] for base in op.bases if base in classes]
    return parents + [ancestor for parent in parents for ancestor in _ancestors(parent, classes)]


def _definitions(
    files: list[Path],
) -> tuple[dict[str, _Definition], dict[tuple[Path, str], _Definition]]:
    """All classes by name, and all module functions by file and name."""
    classes, functions = {}, {}
    for file in files:
        text = file.read_text()
        for node in ast.parse(text).body:
            if isinstance(node, ast.ClassDef):
                classes[node.name] = _definition(file, text, node)
            elif isinstance(node, ast.FunctionDef):
                functions[file, node.name] = _definition(file, text, node)
    return classes, functions


def _definition(file: Path, text: str, node: ast.ClassDef | ast.FunctionDef) -> _Definition:
    source = ast.get_source_segment(text, node) or ""
    comments = " ".join(re.findall(r"#[^\n]*", source))
    return _Definition(
        file=file,
        line=node.lineno,
        stated=frozenset(re.findall(r"\((C\d+)\)", ast.get_docstring(node) or "")),
        checked=frozenset(re.findall(r"\bC\d+\b", comments)),
        names=frozenset(n.id for n in ast.walk(node) if isinstance(n, ast.Name)),
        bases=tuple(ast.unparse(b) for b in getattr(node, "bases", [])),
    )


def main() -> int:
    """Prints the findings; the exit status says whether there are any."""
    found = findings()
    print("\n".join(found) if found else "constraints: docstrings and code agree")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
