"""The op classes as an IRDL dialect: a context that knows `ty`."""

from __future__ import annotations

from mlir import ir
from mlir._mlir_libs import _mlir
from mlir.dialects import irdl

from tyc.dialects.ods import REGISTRY, VARIADIC_LIMIT, Field, Op

# Without a module for `ty` the bindings look for one again at each `value.owner`: 50 us a time.
_mlir.globals.append_dialect_search_prefix("tyc.dialects")

_VARIADICITY = {"Operand": "single", "OptionalOperand": "optional", "Operands": "optional",
                "Result": "single", "Results": "variadic"}  # fmt: skip


def _slots(f: Field) -> list[str]:
    """The names in IRDL of a field's values: many optional ones for a variadic operand."""
    if f.kind != "Operands":
        return [f.name]
    return [f"{f.name}_{i}" for i in range(VARIADIC_LIMIT)]


def _values_text(which: str, fields: tuple[Field, ...]) -> str:
    items = (f"{slot}: {_VARIADICITY[f.kind]} %{slot}" for f in fields for slot in _slots(f))
    return f"irdl.{which}({', '.join(items)})\n" if fields else ""


def _operation_text(op: type[Op]) -> str:
    """The `irdl.operation` of one class. Each value has a constraint of its own: a shared one means
    *equal* in IRDL, even for the values of one variadic operand."""
    body = []
    for f in op.FIELDS:
        base = "irdl.any" if f.is_attribute else 'irdl.base "!builtin.tensor"'
        body += [f"%{slot} = {base}\n" for slot in _slots(f)]
    body.append(_values_text("operands", op.operand_fields()))
    body.append(_values_text("results", op.result_fields()))
    if attributes := op.attribute_fields():
        pairs = ", ".join(f'"{f.name}" = %{f.name}' for f in attributes)
        body.append(f"irdl.attributes {{ {pairs} }}\n")
    return f"irdl.operation @{op.NAME} {{\n{''.join(body)}}}\n"


def dialect_text() -> str:
    """The whole dialect as IRDL text."""
    import tyc.dialects.ty  # noqa: F401  (its import fills REGISTRY)

    return "irdl.dialect @ty {\n" + "".join(map(_operation_text, REGISTRY.values())) + "}\n"


def context() -> ir.Context:
    """A new MLIR context in which the `ty` dialect is loaded."""
    ctx = ir.Context()
    with ctx, ir.Location.unknown():
        irdl.load_dialects(ir.Module.parse(dialect_text()))
    return ctx
