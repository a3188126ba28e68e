"""The inputs of a model: their types once every dimension has a number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx

from tyc.dialects.types import TensorType
from tyc.onnx.tensors import element_of
from tyc.runtime.errors import UserError

Shapes = Mapping[str, Sequence[int]]
MOST_BYTES = 2**47
"""Tensors are smaller: the address space of a process on x86-64."""

Dim = Any  # a size, or the name of a dimension ("" and "?" are unnamed)


def free_inputs(graph: onnx.GraphProto, constants: Mapping[str, Any]) -> list[onnx.ValueInfoProto]:
    """The inputs that are neither initialisers (old models list both) nor fixed by the user."""
    known = {t.name for t in graph.initializer} | {t.values.name for t in graph.sparse_initializer}
    return [i for i in graph.input if i.name not in known and i.name not in constants]


def check_names(graph: onnx.GraphProto, given: Mapping[str, Any], what: str, dims: bool) -> None:
    """Raises `UserError` where `given` names what is not an input (or a dimension, with `dims`)."""
    names = {i.name for i in graph.input}
    symbols = {d for i in graph.input for d in declared_dims(i) or () if isinstance(d, str) and d}
    for name in given:
        if name not in names and not (dims and name in symbols):
            hint = f"the inputs are {', '.join(sorted(names)) or 'none'}"
            raise UserError(f"{what} names no input of the model, got {name!r}", hint=hint)


def declared_dims(info: onnx.ValueInfoProto) -> list[Dim] | None:
    """The dimensions as declared: an int, or a string for a symbolic one; None without a rank."""
    kind = info.type.tensor_type
    if not kind.HasField("shape"):
        return None
    return [
        d.dim_value if d.HasField("dim_value") and d.dim_value >= 0 else d.dim_param
        for d in kind.shape.dim
    ]


def input_types(inputs: Sequence[onnx.ValueInfoProto], shapes: Shapes) -> dict[str, TensorType]:
    """The type of every input. Raises one `UserError` that lists all that have open dimensions."""
    symbols = _symbols(inputs, shapes)
    names = [i.name for i in inputs]
    if len(set(names)) < len(names) or "" in names:
        raise UserError(f"inputs must have different names, got {', '.join(map(repr, names))}")
    types, open_inputs = {}, []
    for info in inputs:
        node = f"input {info.name!r}"
        if info.type.WhichOneof("value") != "tensor_type":
            got = str(info.type.WhichOneof("value")).removesuffix("_type")
            raise UserError(f"must be a tensor, got a {got}", node=node)
        element = element_of(info.type.tensor_type.elem_type, node)
        dims = _resolved(info, shapes, symbols)
        if dims is None or any(isinstance(d, str) for d in dims):
            open_inputs.append((info, dims))
        else:
            types[info.name] = _addressable(TensorType(tuple(dims), element), node)
    if open_inputs:
        _fail_open(open_inputs)
    return types


def _addressable(kind: TensorType, node: str) -> TensorType:
    """The type. Raises `UserError` for a tensor that no machine can hold."""
    if kind.nbytes >= MOST_BYTES:
        raise UserError(f"must be smaller than {MOST_BYTES} bytes, got {kind}", node=node)
    return kind


def _symbols(inputs: Sequence[onnx.ValueInfoProto], shapes: Shapes) -> dict[str, int]:
    """The sizes of named dimensions: given by name, or by the shape of an input that has them."""
    names = {i.name for i in inputs}
    symbols = {k: int(np.ravel(v)[0]) for k, v in shapes.items() if k not in names}
    for info in inputs:
        given = shapes.get(info.name)
        for declared, size in zip(declared_dims(info) or (), given or ()):
            if isinstance(declared, str) and declared.strip("?"):
                symbols.setdefault(declared, int(size))
    return symbols


def _resolved(
    info: onnx.ValueInfoProto, shapes: Shapes, symbols: Mapping[str, int]
) -> list[Dim] | None:
    dims, node = declared_dims(info), f"input {info.name!r}"
    given = shapes.get(info.name)
    if given is None:
        return None if dims is None else [symbols.get(d, d) if d != "?" else d for d in dims]
    given = [int(s) for s in given]
    if any(s < 0 for s in given):
        raise UserError(f"sizes must not be negative, got {_text(given)}", node=node)
    if dims is None:
        return list(given)
    if len(given) != len(dims):
        message = f"shape must have rank {len(dims)}, got {_text(given)}"
        raise UserError(message, node=node, hint=f"the model declares {_text(dims)}")
    for declared, size in zip(dims, given):
        if not isinstance(declared, str) and declared != size:
            message = f"shape must agree with the declared {_text(dims)}, got {_text(given)}"
            raise UserError(message, node=node, hint="only open dimensions can be given")
    return list(given)


def _text(dims: Sequence[Dim]) -> str:
    return f"[{', '.join(str(d) or '?' for d in dims)}]"


def _fail_open(found: Sequence[tuple[onnx.ValueInfoProto, list[Dim] | None]]) -> None:
    infos = [(info.name, dims) for info, dims in found]
    node = "inputs" if len(infos) > 1 else f"input {infos[0][0]!r}"
    shown = [_text(dims) if dims is not None else "no shape at all" for _, dims in infos]
    if len(infos) > 1:
        shown = [f"{name!r} {text}" for (name, _), text in zip(infos, shown)]
    flags = [f"--shape {name}={_flag(dims)}" for name, dims in infos]
    raise UserError(
        f"every dimension must be a number, got {', '.join(shown)}",
        node=node,
        hint=f"give the shape with {' '.join(flags)} (a number for each ?)",
    )


def _flag(dims: list[Dim] | None) -> str:
    return "x".join("?" if isinstance(d, str) else str(d) for d in dims) if dims else "?x?"
