"""`tyc ops`: every op of the dialect, and which of reference, gradient, lowering, ... it has."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Annotated

import typer

from tyc.tools.arguments import Json

COLUMNS = ("reference", "gradient", "lowering", "onnx", "x86-64")
TARGETS = ("x86-64",)


@dataclass(frozen=True)
class OpRow:
    """One op: its family, and for each column how it has it; empty where it has it not."""

    name: str
    family: str
    reference: str
    gradient: str
    lowering: str
    onnx: str
    targets: str

    def cells(self) -> list[str]:
        """The columns of the table."""
        return [self.reference, self.gradient, self.lowering, self.onnx, self.targets]


def ops_command(
    json: Json = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print Markdown.")] = False,
) -> None:
    """Lists the ops of the dialect and how complete each one is.

    A gradient or lowering is its own rule, or by the op's expansion, or by its scalar rule.
    """
    from tyc.tools.console import show_json, show_table

    rows = table()
    columns = ["op", "family", *COLUMNS]
    if json:
        show_json([asdict(r) for r in rows])
    elif markdown:
        print(f"| {' | '.join(columns)} |\n|{'---|' * len(columns)}")
        for r in rows:
            print(f"| {' | '.join([f'`{r.name}`', r.family, *(c or '–' for c in r.cells())])} |")
    else:
        cells: list[list[object]] = [
            [r.name, r.family, *(c or "-" for c in r.cells())] for r in rows
        ]
        show_table("", columns, cells)
        print(f"\n{len(rows)} ops")


def table() -> list[OpRow]:
    """A row for every op, from the registries."""
    import tyc.dialects.ty  # noqa: F401  (its import fills REGISTRY)
    from tyc.compiler.lowering import families
    from tyc.compiler.lowering.registry import LINALG, LOOPS, WHOLE
    from tyc.dialects.ods import REGISTRY

    families.load()
    lowered = {**dict.fromkeys(LINALG, "linalg"), **dict.fromkeys(LOOPS, "loops")}
    lowered |= dict.fromkeys(WHOLE, "schedule")
    imported = _built_by_importer()
    return [
        _row(op, lowered, imported)
        for op in sorted(REGISTRY.values(), key=lambda op: (_family(op), op.NAME))
    ]


def _family(op: type) -> str:
    return op.__module__.rpartition(".")[2]


def _row(op: type, lowered: dict[str, str], imported: set[str]) -> OpRow:
    from tyc.dialects import holes
    from tyc.dialects.ods import Elementwise, Op

    assert issubclass(op, Op)
    scalar = issubclass(op, Elementwise) and op.scalar is not None
    expansion = "expansion" if op.expand is not None else ""
    outside = op.NAME == "parameter"
    gradient = "rule" if op.gradient is not None else expansion
    if not gradient and "gradient" not in holes.missing(op, set()):
        gradient = "none needed"
    lowering = lowered.get(op.NAME) or ("scalar" if scalar else expansion)
    if outside:
        lowering = "argument"
    return OpRow(
        op.NAME,
        _family(op),
        "yes" if hasattr(op, "reference") else "outside" if outside else "",
        gradient,
        lowering,
        "yes" if op.NAME in imported else "",
        "yes" if lowering else "",
    )


def _built_by_importer() -> set[str]:
    """The ops that some rule of the ONNX importer builds: every name that its sources speak of as
    an attribute (`g.add`) or in a table of rules (`"add"`)."""
    import ast
    from pathlib import Path

    import tyc.onnx

    names = set()
    for path in Path(next(iter(tyc.onnx.__path__))).glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute):
                names.add(node.attr)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                names.add(node.value)
    return names


def onnx_operators() -> list[str]:
    """The ONNX operators with a rule of their own, those of other domains with their domain."""
    from tyc.onnx import families
    from tyc.onnx.rules import RULES

    families.load()
    return sorted(f"{domain}.{name}" if domain else name for domain, name in RULES)
