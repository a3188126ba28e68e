"""The op classes as an IRDL dialect: a context that knows `ty`."""

from __future__ import annotations

from mlir import ir
from mlir.dialects import irdl

from tyc.dialects.ods import REGISTRY, Field, Op

_VARIADICITY = {"Operand": "single", "OptionalOperand": "optional", "Operands": "variadic",
                "Result": "single", "Results": "variadic"}  # fmt: skip


def _values_text(which: str, fields: list[Field], names: dict[str, str]) -> str:
    if not fields:
        return ""
    items = (f"{f.name}: {_prefix(f)}{names[f.name]}" for f in fields)
    return f"irdl.{which}({', '.join(items)})\n"


def _prefix(f: Field) -> str:
    variadicity = _VARIADICITY[f.kind]
    return "" if variadicity == "single" else f"{variadicity} "


def _operation_text(op: type[Op]) -> str:
    """The `irdl.operation` of one class. Each field has a constraint of its own: a shared one means
    *equal* in IRDL."""
    names, body = {}, []
    for f in op.FIELDS:
        names[f.name] = f"%{f.name}"
        base = "irdl.any" if f.is_attribute else 'irdl.base "!builtin.tensor"'
        body.append(f"%{f.name} = {base}\n")
    body.append(_values_text("operands", op.operand_fields(), names))
    body.append(_values_text("results", op.result_fields(), names))
    if attributes := op.attribute_fields():
        pairs = ", ".join(f'"{f.name}" = {names[f.name]}' for f in attributes)
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
