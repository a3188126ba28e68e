"""What of a model tyc can import, node by node, without compiling anything."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from mlir import ir

from tyc.dialects import building, registration
from tyc.dialects.types import TensorType
from tyc.onnx import inputs
from tyc.onnx.importer import Importer
from tyc.onnx.reader import ModelLike, Source, read
from tyc.onnx.scope import Scope, Unknown
from tyc.onnx.tensors import element_of
from tyc.runtime.errors import TycError, UserError


@dataclass(frozen=True)
class NodeReport:
    """One node: is it supported, and if not, why, and what to use instead.

    `shapes` are the types of its inputs, then of its outputs, as far as they are known.
    """

    name: str
    op: str
    shapes: tuple[str, ...]
    supported: bool
    reason: str = ""
    alternative: str = ""


@dataclass
class _Checker:
    """Goes on after a node that cannot be imported, with the types that ONNX infers."""

    source: Source
    failed: dict[str, TycError] = field(default_factory=dict)
    types: dict[str, TensorType] | None = None

    def on_error(self, proto: onnx.NodeProto, scope: Scope, error: TycError) -> None:
        """Notes the error and puts stand-ins in place of the node's outputs."""
        key = next((o for o in proto.output if o), proto.name)
        self.failed[key] = error
        if self.types is None:
            self.types = _inferred_types(self.source.model)
        for name in proto.output:
            if not name:
                continue
            known = self.types.get(name)
            if known is None:
                scope.values[name] = Unknown(proto.name or key)
            else:
                block = self.importer.block
                kind = building.mlir_type(known)
                scope.values[name] = block.add_argument(kind, ir.Location.unknown())

    importer: Any = None


def _inferred_types(model: onnx.ModelProto) -> dict[str, TensorType]:
    """The types that ONNX's own shape inference finds, where they have no open dimension."""
    try:
        inferred = onnx.shape_inference.infer_shapes(model, data_prop=True).graph
    except Exception:  # a broken model has no types; its nodes are reported one by one
        return {}
    types = {}
    for info in [*inferred.value_info, *inferred.output]:
        dims = inputs.declared_dims(info)
        if dims is None or any(isinstance(d, str) for d in dims):
            continue
        try:
            element = element_of(info.type.tensor_type.elem_type)
        except UserError:
            continue
        types[info.name] = TensorType(tuple(dims), element)
    return types


def check(
    model: ModelLike,
    shapes: inputs.Shapes | None = None,
    constants: Mapping[str, np.ndarray] | None = None,
) -> list[NodeReport]:
    """A report for every node of the model's graph, in order.

    Raises `UserError` where the model cannot be read or a dimension of an input is open.
    """
    source = read(model)
    checker = _Checker(source)
    with registration.context(), ir.Location.unknown():
        walk = checker.importer = Importer(source, checker.on_error)
        walk.signature(shapes or {}, constants or {})
        walk.walk(source.model.graph.node, walk.scope)
        return [_report(proto, walk, checker) for proto in source.model.graph.node]


def _report(proto: onnx.NodeProto, walk: Importer, checker: _Checker) -> NodeReport:
    key = next((o for o in proto.output if o), proto.name)
    error = checker.failed.get(key)
    op = f"{proto.domain}.{proto.op_type}" if proto.domain else proto.op_type
    shapes = _types([*proto.input, *proto.output], walk)
    if error is None:
        return NodeReport(proto.name or key, op, shapes, True)
    return NodeReport(proto.name or key, op, shapes, False, error.message, error.hint)


def _types(names: Sequence[str], walk: Importer) -> tuple[str, ...]:
    texts = []
    for name in names:
        if not name:
            continue
        found = walk.scope.find(name)
        value = found.values.get(name) if found is not None else None
        if isinstance(value, (np.ndarray, ir.Value)):
            texts.append(str(walk.graph.type(value)))
        else:
            texts.append("sequence" if isinstance(value, list) else "unknown")
    return tuple(texts)
