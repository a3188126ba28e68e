"""Operations of the `ty` dialect: build them, read them back as views of their classes."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from mlir import ir
from mlir.dialects import func

from tyc.dialects.ods import REGISTRY, VARIADIC_LIMIT, Field, Op
from tyc.dialects.types import DType, TensorType, dtype

_SEGMENTS = "operandSegmentSizes"


def mlir_element(d: DType) -> ir.Type:
    """The MLIR type of an element type; needs a current context."""
    return ir.Type.parse(d.mlir)


def mlir_type(t: TensorType) -> ir.Type:
    """The MLIR type of a tensor type; needs a current context."""
    return ir.Type.parse(t.mlir)


@lru_cache(maxsize=4096)
def _tensor_type(text: str) -> TensorType:
    *sizes, element = text[len("tensor<") : -1].split("x")
    return TensorType(tuple(int(s) for s in sizes), dtype(element))


_KNOWN: dict[ir.Type, TensorType] = {}


def type_of(value: ir.Value) -> TensorType:
    """The tensor type of an MLIR value."""
    kind = value.type
    found = _KNOWN.get(kind)
    return _read_type(kind) if found is None else found


def _read_type(kind: ir.Type) -> TensorType:
    # Types keep their context alive: only those of the newest one stay.
    if _KNOWN and next(iter(_KNOWN)).context is not kind.context:
        _KNOWN.clear()
    found = _KNOWN[kind] = _tensor_type(str(kind))
    return found


def encode_attribute(f: Field, value: Any) -> ir.Attribute:
    """The MLIR attribute of a Python value; `None` is `unit`."""
    if value is None:
        return ir.UnitAttr.get()
    return _ENCODE[f.kind](value)


def _encode_elements(value: Any) -> ir.Attribute:
    array = np.asarray(value)
    d = dtype(array.dtype)
    data = np.packbits(array.reshape(-1), bitorder="little") if d.kind == "bool" else array
    if array.size and (array == array.reshape(-1)[0]).all():
        # One element is a splat to MLIR, for i1 a whole byte of ones or zeros.
        data = array.reshape(-1)[:1]
        if d.kind == "bool":
            data = np.array([255 if data[0] else 0], np.uint8)
    kind = mlir_type(TensorType(tuple(array.shape), d))
    return ir.DenseElementsAttr.get(np.ascontiguousarray(data).view(np.uint8), type=kind)


_ENCODE: dict[str, Callable[[Any], ir.Attribute]] = {
    "Int": lambda v: ir.IntegerAttr.get(ir.IntegerType.get_signless(64), int(v)),
    "Ints": lambda v: ir.DenseI64ArrayAttr.get([int(i) for i in v]),
    "Float": lambda v: ir.FloatAttr.get(ir.F64Type.get(), float(v)),
    "Floats": lambda v: ir.DenseF64ArrayAttr.get([float(i) for i in v]),
    "Str": lambda v: ir.StringAttr.get(str(v)),
    "Strs": lambda v: ir.ArrayAttr.get([ir.StringAttr.get(s) for s in v]),
    "Bool": lambda v: ir.BoolAttr.get(bool(v)),
    "Element": lambda v: ir.TypeAttr.get(mlir_element(dtype(v))),
    "Elements": _encode_elements,
}


def decode_attribute(f: Field, attribute: ir.Attribute) -> Any:
    """The Python value of an attribute of the given field; `unit` is `None`."""
    if isinstance(attribute, ir.UnitAttr):
        return None
    return _DECODE[f.kind](attribute)


def _decode_elements(attribute: ir.Attribute) -> np.ndarray:
    dense = ir.DenseElementsAttr(attribute)
    kind = _tensor_type(str(dense.type))
    if dense.is_splat:
        text = str(dense.get_splat_value())
        return np.full(kind.shape, _splat(text, kind.dtype), kind.dtype.numpy)
    if kind.dtype.name == "bf16":
        # The bindings have no buffer of bf16: its numbers are read from the text.
        body = str(attribute).split("dense<", 1)[1].rsplit("> :", 1)[0]
        values = [_splat(text, kind.dtype) for text in re.findall(r"[^\s,\[\]]+", body)]
        return np.array(values, kind.dtype.numpy).reshape(kind.shape)
    return np.array(dense).astype(kind.dtype.numpy).reshape(kind.shape)


def _splat(text: str, d: DType) -> Any:
    value = text.split(":")[0].strip()
    if d.kind == "bool":
        return value in ("true", "1", "-1")
    if d.is_integer:
        return np.array(int(value)).astype(d.numpy)
    if value.startswith("0x"):
        raw = int(value, 16).to_bytes(d.itemsize, "little")
        return np.frombuffer(raw, d.numpy)[0]
    return float(value)


_DECODE: dict[str, Callable[[Any], Any]] = {
    "Int": lambda a: ir.IntegerAttr(a).value,
    "Ints": lambda a: list(ir.DenseI64ArrayAttr(a)),
    "Float": lambda a: ir.FloatAttr(a).value,
    "Floats": lambda a: list(ir.DenseF64ArrayAttr(a)),
    "Str": lambda a: ir.StringAttr(a).value,
    "Strs": lambda a: [ir.StringAttr(s).value for s in ir.ArrayAttr(a)],
    "Bool": lambda a: ir.BoolAttr(a).value,
    "Element": lambda a: dtype(str(ir.TypeAttr(a).value)),
    "Elements": _decode_elements,
}


def _slots(f: Field) -> int:
    """How many segments the values of a field take."""
    return VARIADIC_LIMIT if f.kind == "Operands" else 1


def _flatten(op: type[Op], operands: Sequence[Any]) -> tuple[list[ir.Value], list[int]]:
    """The operands one after another, and the sizes of their segments (see `VARIADIC_LIMIT`)."""
    flat: list[ir.Value] = []
    sizes = []
    for f, value in zip(op.operand_fields(), operands):
        group = list(value) if f.kind == "Operands" else [] if value is None else [value]
        if len(group) > VARIADIC_LIMIT:
            raise op.error(f"takes at most {VARIADIC_LIMIT} {f.name}, got {len(group)}")
        flat += group
        sizes += [1] * len(group) + [0] * (_slots(f) - len(group))
    return flat, sizes


def operand_types(op: type[Op], operands: Sequence[Any]) -> list[Any]:
    """What `infer` is given: a type, a list for a variadic operand, `None` for an absent one."""
    types: list[Any] = []
    for f, value in zip(op.operand_fields(), operands):
        if f.kind == "Operands":
            types.append([type_of(v) for v in value])
        else:
            types.append(None if value is None else type_of(value))
    return types


def build(op: type[Op], *args: Any, **kwargs: Any) -> Any:
    """A new operation of class `op` at the current insertion point: its result, or a list of them.

    Infers (and so verifies) the types. Raises `UserError` where a rule of the op is broken.
    """
    operands, attributes = op.bind(args, kwargs)
    results = op.infer(*operand_types(op, operands), **attributes)
    return _create(op, operands, attributes, results)


def _create(op: type[Op], operands: Sequence[Any], attributes: dict[str, Any], results: Any) -> Any:
    many = isinstance(results, (list, tuple))
    flat, sizes = _flatten(op, operands)
    encoded = {f.name: encode_attribute(f, attributes[f.name]) for f in op.attribute_fields()}
    if sum(_slots(f) for f in op.operand_fields() if f.kind != "Operand") > 1:
        encoded[_SEGMENTS] = ir.DenseI32ArrayAttr.get(sizes)
    created = ir.Operation.create(
        f"ty.{op.NAME}",
        results=[mlir_type(t) for t in (results if many else [results])],
        operands=flat,
        attributes=encoded,
    )
    return list(created.results) if many else created.results[0]


def builder(op: type[Op]) -> Callable[..., Any]:
    """The snake-case function that builds `op` (`ty.transpose(x, perm=...)`)."""

    def call(*args: Any, **kwargs: Any) -> Any:
        return build(op, *args, **kwargs)

    call.__name__ = call.__qualname__ = op.NAME
    call.__doc__ = op.__doc__
    return call


def op_class(operation: ir.Operation | ir.OpView) -> type[Op] | None:
    """The class of an operation, or `None` where it is not one of ours."""
    name = operation.operation.name
    return REGISTRY.get(name[3:]) if name.startswith("ty.") else None


def view(operation: ir.Operation | ir.OpView) -> Op:
    """The operation as an instance of its class: operands, attributes and results as fields."""
    operation = operation.operation
    op = REGISTRY[operation.name[3:]]
    instance = object.__new__(op)
    instance.operation = operation
    for f, value in zip(op.operand_fields(), _operand_groups(op, operation)):
        setattr(instance, f.name, value)
    for f in op.attribute_fields():
        setattr(instance, f.name, decode_attribute(f, operation.attributes[f.name]))
    results = list(operation.results)
    for f in op.result_fields():
        setattr(instance, f.name, results if f.kind == "Results" else results.pop(0))
    return instance


def _operand_groups(op: type[Op], operation: ir.Operation) -> list[Any]:
    """The operands by field: a value, a list for a variadic field, `None` for an absent one."""
    values = list(operation.operands)
    fields = op.operand_fields()
    if len(values) == len(fields) and op.PLAIN_OPERANDS:
        return values
    if _SEGMENTS in operation.attributes:
        sizes = list(ir.DenseI32ArrayAttr(operation.attributes[_SEGMENTS]))
    else:
        odd = len(values) - sum(f.kind == "Operand" for f in fields)
        sizes = [1 if f.kind == "Operand" else odd for f in fields]
    groups: list[Any] = []
    for f in fields:
        size = sum(sizes[: _slots(f)])
        taken, values, sizes = values[:size], values[size:], sizes[_slots(f) :]
        groups.append(taken if f.kind == "Operands" else (taken[0] if taken else None))
    return groups


def attributes_of(instance: Op) -> dict[str, Any]:
    """The attributes of a view by name, as `build` takes them."""
    return {f.name: getattr(instance, f.name) for f in instance.attribute_fields()}


def operands_of(instance: Op) -> list[Any]:
    """The operands of a view by field, as `build` takes them."""
    return [getattr(instance, f.name) for f in instance.operand_fields()]


def expand(op: type[Op], operands: Sequence[Any], attributes: dict[str, Any]) -> Any:
    """Builds a composite's expansion at the current insertion point.

    `expand` is a static function of operands in field order and attributes by name.
    """
    assert op.expand is not None, op.NAME
    return op.expand(*operands, **attributes)


def infer_by_expansion(op: type[Op], types: Sequence[Any], attributes: dict[str, Any]) -> Any:
    """The result types of a composite, by its expansion in a module that is thrown away."""
    flat = [t for group in types for t in (group if isinstance(group, list) else [group])]
    module = ir.Module.create(ir.Location.unknown())
    with ir.InsertionPoint(module.body):
        arguments = [mlir_type(t) for t in flat if t is not None]
        block = func.FuncOp("signature", (arguments, [])).add_entry_block()
    values = iter(block.arguments)
    operands = [
        [next(values) for _ in t] if isinstance(t, list) else None if t is None else next(values)
        for t in types
    ]
    with ir.InsertionPoint(block):
        results = expand(op, operands, attributes)
    if isinstance(results, (list, tuple)):
        return [type_of(r) for r in results]
    return type_of(results)
