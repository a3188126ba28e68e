"""Nodes, and the table of rules that import them.

    @rule("Softmax", since=13)
    def softmax(g: Graph, n: Node): return g.softmax(n.inputs[0], axis=n.get("axis", -1))

A rule takes the graph under construction and a node with its inputs in place; it returns the
node's output or a list of them, or `NotImplemented` to leave the node to its function body.
`since` is the first operator-set version that it is right for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np
import onnx

from tyc.runtime.errors import UserError

if TYPE_CHECKING:
    from mlir import ir

    from tyc.onnx.graph import Graph

    Value = np.ndarray | ir.Value
    Rule = Callable[[Graph, "Node"], Value | Sequence[Any]]

MICROSOFT = "com.microsoft"

RULES: dict[tuple[str, str], list[tuple[int, Rule]]] = {}
"""The rules by (domain, op type), each with the first version it serves, newest first."""


def rule(*op_types: str, since: int = 1, domain: str = "") -> Callable[[Rule], Rule]:
    """Registers a function as the rule of operators from version `since` on."""

    def register(function: Rule) -> Rule:
        for op_type in op_types:
            add_rule(op_type, function, since, domain)
        return function

    return register


def add_rule(op_type: str, function: Rule, since: int = 1, domain: str = "") -> None:
    """Puts one row in the table."""
    rows = RULES.setdefault((domain, op_type), [])
    rows.append((since, function))
    rows.sort(key=lambda row: -row[0])


def find_rule(domain: str, op_type: str, version: int) -> Rule | None:
    """The rule for an operator at a version of its operator set, or `None`."""
    for since, function in RULES.get((domain, op_type), ()):
        if since <= version:
            return function
    return None


@dataclass
class Node:
    """One node at import: `inputs` are arrays (known), values (at run time) or None (absent).

    `attributes` are Python values. `inline(graph, values)` imports a subgraph of an attribute in
    place; `describe(value)` says in words where a run-time value comes from.
    """

    op_type: str
    domain: str
    version: int
    label: str
    inputs: list[Any]
    outputs: list[str]
    attributes: dict[str, Any] = field(default_factory=dict)
    inline: Callable[..., list[Any]] | None = None
    describe: Callable[[Any], str] = lambda value: "a run-time value"

    def get(self, name: str, default: Any = None) -> Any:
        """The attribute `name`, or `default` where the node has none."""
        return self.attributes.get(name, default)

    def input(self, index: int) -> Any:
        """The input at `index`, or None where the node has none."""
        return self.inputs[index] if index < len(self.inputs) else None

    def wants(self, index: int) -> bool:
        """True if somebody uses the output at `index`."""
        return index < len(self.outputs) and bool(self.outputs[index])

    def input_name(self, index: int) -> str:
        """ONNX's name of the input at `index` (`shape` for the second one of Reshape)."""
        schema = schema_of(self.domain, self.op_type, self.version)
        if schema is None or not schema.inputs:
            return f"input {index}"
        return schema.inputs[min(index, len(schema.inputs) - 1)].name

    def known(self, index: int) -> np.ndarray | None:
        """The array of the input at `index`, None where absent.

        Raises `UserError` where it is known only at run time.
        """
        value = self.input(index)
        if value is None or isinstance(value, np.ndarray):
            return value
        self.fail(
            f"{self.input_name(index)} must be known at compile time, got {self.describe(value)}",
            "make it an initializer, or fix the graph input that it comes from"
            " (load(..., constants={name: array}))",
        )

    def ints(self, index: int) -> list[int] | None:
        """The input at `index` as a list of integers, None where absent."""
        array = self.known(index)
        return None if array is None else [int(i) for i in array.reshape(-1)]

    def axis(self, rank: int, default: int = 0) -> int:
        """The attribute `axis` as a dimension in 0..rank-1."""
        return self.counted(self.get("axis", default), rank)

    def counted(self, axis: int, rank: int, name: str = "axis") -> int:
        """A dimension in 0..rank-1. Raises `UserError` where the rank has it not."""
        if rank == 0:
            self.fail(f"{name} must name a dimension, got {axis} for a scalar")
        if not -rank <= axis < rank:
            self.fail(f"{name} must lie in {-rank}..{rank - 1}, got {axis}")
        return axis % rank

    def fail(self, message: str, hint: str = "") -> NoReturn:
        """Raises the error of this node."""
        raise UserError(message, node=self.label, hint=hint)


_SCHEMAS: dict[tuple[str, str, int], Any] = {}


def schema_of(domain: str, op_type: str, version: int) -> Any:
    """ONNX's own definition of an operator (an `OpSchema`), or None for one that is not ONNX's."""
    key = (domain, op_type, version)
    if key not in _SCHEMAS:
        try:
            _SCHEMAS[key] = onnx.defs.get_schema(op_type, version, domain)
        except onnx.defs.SchemaError:
            _SCHEMAS[key] = None
    return _SCHEMAS[key]


_SINGLE = onnx.defs.OpSchema.FormalParameterOption.Single
_LIMITS: dict[tuple[str, str, int], tuple[int, int, list[str], set[str]]] = {}


def check_node(node: Node) -> None:
    """Raises `UserError` where the node's inputs or attributes are not what its definition asks."""
    schema = schema_of(node.domain, node.op_type, node.version)
    if schema is None:
        return
    key = (node.domain, node.op_type, node.version)
    if key not in _LIMITS:
        required = [a.name for a in schema.attributes.values() if a.required]
        _LIMITS[key] = schema.min_input, schema.max_input, required, set(schema.attributes)
    low, high, required, allowed = _LIMITS[key]
    if not low <= len(node.inputs) <= high:
        span = f"{low}" if low == high else f"{low} to {high}" if high < 99 else f"at least {low}"
        plural = "" if span == "1" else "s"
        node.fail(f"takes {span} input{plural}, got {len(node.inputs)}")
    for value, formal in zip(node.inputs, schema.inputs):
        if value is None and formal.option == _SINGLE:
            node.fail(f"input {formal.name!r} is missing")
        if isinstance(value, list) and not any("seq(" in t for t in formal.types):
            node.fail(f"input {formal.name!r} must be a tensor, got a sequence")
    for name in required:
        if name not in node.attributes:
            node.fail(f"attribute {name!r} is missing")
    for name in node.attributes:
        if name not in allowed:
            node.fail(
                f"attribute {name!r} is unknown in opset {node.version}",
                f"known are {', '.join(sorted(allowed)) or 'none'}",
            )
