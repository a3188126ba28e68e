"""What names mean while a graph, a branch or a function body is walked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import onnx
from onnx import AttributeProto

from tyc.onnx.tensors import array_of, dense_of
from tyc.runtime.errors import UserError

_INT, _FLOAT, _STRING = AttributeProto.INT, AttributeProto.FLOAT, AttributeProto.STRING


@dataclass(frozen=True)
class Unknown:
    """Stands for an output of a node that could not be imported and whose type is not known."""

    node: str


@dataclass
class Scope:
    """Names to values, within `parent` (a branch sees what surrounds it, a function body does not).

    `tensors` are initialisers not read yet; `bound` are the attributes of the function call that
    `ref_attr_name` refers to; `prefix` begins the labels of the nodes within.
    """

    opsets: Mapping[str, int]
    folder: Path
    parent: Scope | None = None
    values: dict[str, Any] = field(default_factory=dict)
    tensors: dict[str, Any] = field(default_factory=dict)
    bound: Mapping[str, Any] | None = None
    prefix: str = ""

    def child(self, prefix: str) -> Scope:
        """The scope of a branch or loop body."""
        return Scope(self.opsets, self.folder, self, bound=self.bound, prefix=prefix)

    def function(self, opsets: Mapping[str, int], bound: Mapping[str, Any], prefix: str) -> Scope:
        """The scope of a function body: it sees its inputs and attributes only."""
        return Scope(opsets, self.folder, bound=bound, prefix=prefix)

    def find(self, name: str) -> Scope | None:
        """The innermost scope that knows `name`."""
        scope: Scope | None = self
        while scope is not None:
            if name in scope.values or name in scope.tensors:
                return scope
            scope = scope.parent
        return None

    def array(self, name: str) -> Any:
        """Reads the initialiser `name` of this scope."""
        tensor = self.tensors.pop(name)
        dense = isinstance(tensor, onnx.TensorProto)
        self.values[name] = (array_of if dense else dense_of)(tensor, self.folder)
        return self.values[name]


def attribute_value(attribute: AttributeProto, scope: Scope) -> Any:
    """The Python value of an attribute; graphs and types stay protos."""
    kind = attribute.type
    if kind == _INT:
        return attribute.i
    if kind == _FLOAT:
        return attribute.f
    if kind == _STRING:
        return attribute.s.decode("utf-8", "replace")
    if kind == AttributeProto.TENSOR:
        return array_of(attribute.t, scope.folder)
    if kind == AttributeProto.SPARSE_TENSOR:
        return dense_of(attribute.sparse_tensor, scope.folder)
    if kind == AttributeProto.STRINGS:
        return [s.decode("utf-8", "replace") for s in attribute.strings]
    for which, name in _LISTS.items():
        if kind == which:
            value = getattr(attribute, name)
            return value if name in ("g", "tp") else list(value)
    raise UserError(f"attribute {attribute.name!r} has kind {kind}, which is not supported")


_LISTS = {
    AttributeProto.INTS: "ints", AttributeProto.FLOATS: "floats", AttributeProto.GRAPH: "g",
    AttributeProto.TYPE_PROTO: "tp", AttributeProto.GRAPHS: "graphs",
    AttributeProto.TENSORS: "tensors",
}  # fmt: skip


def attributes_of(node: onnx.NodeProto, scope: Scope) -> dict[str, Any]:
    """The attributes of a node by name; references to a function's attributes are resolved."""
    values = {}
    for attribute in node.attribute:
        if attribute.ref_attr_name:
            bound = scope.bound or {}
            if attribute.ref_attr_name in bound:
                values[attribute.name] = bound[attribute.ref_attr_name]
        else:
            values[attribute.name] = attribute_value(attribute, scope)
    return values
