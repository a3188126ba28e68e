"""Walks the nodes of a model in order and builds `main`.

%y = Relu(%x)   ->   %0 = "ty.relu"(%x) loc("onnx:relu1:Relu")
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from mlir import ir
from mlir.dialects import func

from tyc.dialects import building, registration
from tyc.dialects.program import Program, named
from tyc.dialects.types import TensorType
from tyc.onnx import families, functions, inputs
from tyc.onnx.graph import CONSTANT_ELEMENTS, Graph
from tyc.onnx.reader import ModelLike, Source, normal_domain, opset_versions, read
from tyc.onnx.rules import MICROSOFT, Node, check_node, find_rule
from tyc.onnx.scope import Scope, Unknown, attributes_of
from tyc.onnx.tensors import element_of
from tyc.runtime.errors import InternalError, TycError, UserError

families.load()

Constants = Mapping[str, np.ndarray]
OnError = Callable[[onnx.NodeProto, Scope, TycError], None]


def load(
    model: ModelLike,
    shapes: inputs.Shapes | None = None,
    name: str | None = None,
    constants: Constants | None = None,
) -> Program:
    """The program of an ONNX model: a path, bytes, or a `ModelProto`.

    `shapes` gives numbers to open dimensions, by input (`{"x": (1, 3, 224, 224)}`) or by the
    dimension's own name (`{"batch": (1,)}`). `constants` fixes inputs at compile time: they are
    no inputs of the program. Raises `UserError` for what cannot be imported.
    """
    source = read(model)
    with registration.context(), ir.Location.unknown():
        walk = Importer(source)
        walk.signature(shapes or {}, constants or {})
        walk.walk(source.model.graph.node, walk.scope)
        return walk.finish(name or _program_name(model, source))


def _program_name(model: ModelLike, source: Source) -> str:
    """A C identifier from the file's stem, or from the graph's name where there is no file."""
    if isinstance(model, (str, Path)):
        stem = Path(model).stem
    else:
        stem = source.model.graph.name or "model"
    text = re.sub(r"\W+", "_", stem, flags=re.ASCII).strip("_").lower() or "model"
    return text if text[0].isalpha() else f"model_{text}"


class Importer:
    """One import: the graph under construction, the outermost scope, and the model's functions."""

    def __init__(self, source: Source, on_error: OnError | None = None) -> None:
        self.source = source
        self.graph = Graph()
        self.scope = Scope(source.opsets, source.folder)
        self.on_error = on_error
        self.functions = {
            (normal_domain(f.domain), f.name, getattr(f, "overload", "")): f
            for f in source.model.functions
        }
        self.module = ir.Module.create()
        self.input_names: list[str] = []

    def signature(self, shapes: inputs.Shapes, constants: Constants) -> None:
        """Starts `main` with the model's inputs; initialisers wait in the scope to be read."""
        graph = self.source.model.graph
        inputs.check_names(graph, shapes, "shape", dims=True)
        inputs.check_names(graph, constants, "constant", dims=False)
        free = inputs.free_inputs(graph, constants)
        types = inputs.input_types(free, shapes)
        self._fix(graph, constants)
        arguments = [building.mlir_type(t) for t in types.values()]
        self.input_names = list(types)
        with ir.InsertionPoint(self.module.body):
            self.main = func.FuncOp("main", (arguments, []))
        self.main.attributes["arg_attrs"] = named(self.input_names)
        self.block = self.main.add_entry_block()
        self.arguments = list(self.block.arguments)
        self.scope.values.update(zip(types, self.arguments))
        self.add_initializers(graph, self.scope)

    def _fix(self, graph: onnx.GraphProto, constants: Constants) -> None:
        """Puts the inputs that the user fixes into the scope, in their declared element type."""
        declared = {i.name: i.type.tensor_type.elem_type for i in graph.input}
        for name, value in constants.items():
            element = element_of(declared[name], f"input {name!r}")
            self.scope.values[name] = np.array(value, element.numpy)

    def add_initializers(self, graph: onnx.GraphProto, scope: Scope) -> None:
        """Makes the initialisers of a graph known in its scope; they are read when first used."""
        for tensor in graph.initializer:
            if tensor.name not in scope.values:
                scope.tensors[tensor.name] = tensor
        for sparse in graph.sparse_initializer:
            scope.tensors[sparse.values.name] = sparse

    def walk(self, nodes: Iterable[onnx.NodeProto], scope: Scope) -> None:
        """Imports nodes in order at the end of the block."""
        with ir.InsertionPoint(self.block):
            for proto in nodes:
                label = proto.name or next((o for o in proto.output if o), proto.op_type)
                where = f"{scope.prefix}{label}"
                location = ir.Location.name(f"onnx:{where}:{proto.op_type}")
                try:
                    with location:
                        self._import(proto, scope, where)
                except TycError as error:
                    labelled = _labelled(error, f"node {where!r} ({proto.op_type})")
                    if self.on_error is None or scope is not self.scope:
                        raise labelled from error
                    self.on_error(proto, scope, labelled)

    def _import(self, proto: onnx.NodeProto, scope: Scope, where: str) -> None:
        """Imports one node and makes its outputs known."""
        domain, label = normal_domain(proto.domain), f"node {where!r} ({proto.op_type})"
        operands = [self.lookup(name, scope) if name else None for name in proto.input]
        node = Node(
            proto.op_type, domain, scope.opsets.get(domain, 0), label, operands,
            list(proto.output), attributes_of(proto, scope), describe=self.describe,
        )  # fmt: skip
        body = self.functions.get((domain, proto.op_type, getattr(proto, "overload", "")))
        if body is not None:
            results = self.call(body, node, scope, where, opset_versions(body.opset_import))
        else:
            results = self._apply(proto, node, scope, where)
        self._bind(node, results, scope)

    def _apply(self, proto: onnx.NodeProto, node: Node, scope: Scope, where: str) -> Sequence[Any]:
        """The results of an operator: by its rule, or else by its ONNX function body."""
        if node.domain not in scope.opsets and node.domain != MICROSOFT:
            node.fail(f"operator set {node.domain or 'ai.onnx'!r} is not imported by the model")
        check_node(node)
        function = find_rule(node.domain, node.op_type, node.version or 1)
        results = NotImplemented
        if function is not None:
            node.inline = lambda graph, values: self.inline(graph, values, scope, where)
            try:
                results = function(self.graph, node)
            except TycError:
                raise
            except Exception as error:
                message = f"import failed with {type(error).__name__}: {error}"
                raise InternalError(message, node=node.label) from error
        if results is NotImplemented:
            body, opsets = functions.body_of(proto, node, self.graph, scope.opsets)
            return self.call(body, node, scope, where, opsets)
        return list(results) if isinstance(results, (list, tuple)) else [results]

    def lookup(self, name: str, scope: Scope) -> Any:
        """What `name` stands for: an array or a value."""
        found = scope.find(name)
        if found is None:
            raise UserError(f"input {name!r} is made by no node before this one")
        if name in found.tensors:
            array = found.array(name)
            self.graph.name_array(array, found.prefix + name)
        value = found.values[name]
        if isinstance(value, Unknown):
            raise UserError(f"input {name!r} comes from node {value.node!r}, which is unsupported")
        return value

    def describe(self, value: Any) -> str:
        """Where a run-time value comes from, in words."""
        found = self._inputs_behind(value)
        names = [repr(n) for n, a in zip(self.input_names, self.arguments) if a in found]
        inputs_text = f"the graph input{'s' if len(names) > 1 else ''} {', '.join(names)}"
        return inputs_text if value in self.arguments else f"a value computed from {inputs_text}"

    def _inputs_behind(self, value: ir.Value) -> set[ir.Value]:
        """The arguments of `main` that a value is computed from."""
        seen, waiting, found = {value}, [value], set()
        while waiting:
            v = waiting.pop()
            if isinstance(v.owner, ir.Block):
                found.add(v)
                continue
            fresh = [o for o in v.owner.operands if o not in seen]
            seen.update(fresh)
            waiting += fresh
        return found

    def _bind(self, node: Node, results: Sequence[Any], scope: Scope) -> None:
        for index, name in enumerate(node.outputs):
            result = results[index] if index < len(results) else None
            if not name:
                continue
            if result is None:
                node.fail(f"output {index} ({name!r}) is not supported")
            if isinstance(result, np.ndarray) and result.size > CONSTANT_ELEMENTS:
                self.graph.name_array(result, scope.prefix + name)
            scope.values[name] = result

    def call(
        self, body: onnx.FunctionProto, node: Node, scope: Scope, where: str,
        opsets: Mapping[str, int],
    ) -> list[Any]:  # fmt: skip
        """Walks a function's body in place of the call; its results."""
        bound = dict(node.attributes)
        inner = scope.function(opsets, bound, f"{where}/")
        for attribute in body.attribute_proto:
            if attribute.name not in bound:
                bound[attribute.name] = attributes_of(onnx.NodeProto(attribute=[attribute]), scope)[
                    attribute.name
                ]
        operands = [*node.inputs, *[None] * (len(body.input) - len(node.inputs))]
        inner.values.update(zip(body.input, operands))
        self.walk(body.node, inner)
        wanted = zip(body.output, node.outputs)
        return [self.lookup(inside, inner) if outside else None for inside, outside in wanted]

    def inline(
        self, graph: onnx.GraphProto, values: Sequence[Any], scope: Scope, where: str
    ) -> list[Any]:
        """Walks a subgraph in place with `values` as its inputs; its outputs."""
        inner = scope.child(f"{where}/")
        inner.values.update(zip([i.name for i in graph.input], values))
        self.add_initializers(graph, inner)
        self.walk(graph.node, inner)
        return [self.lookup(o.name, inner) for o in graph.output]

    def finish(self, name: str) -> Program:
        """Returns from `main` with the model's outputs."""
        outputs = self.source.model.graph.output
        names = [o.name for o in outputs]
        with ir.InsertionPoint(self.block):
            results = [self._output(o) for o in outputs]
            func.ReturnOp(results)
        arguments = [a.type for a in self.block.arguments]
        kind = ir.FunctionType.get(arguments, [r.type for r in results])
        self.main.attributes["function_type"] = ir.TypeAttr.get(kind)
        self.main.attributes["res_attrs"] = named(names)
        return Program(self.module, self.graph.parameters, name)

    def _output(self, info: onnx.ValueInfoProto) -> ir.Value:
        name, node = info.name, f"output {info.name!r}"
        if self.scope.find(name) is None:
            raise UserError("is made by no node of the model", node=node)
        value = self.lookup(name, self.scope)
        if isinstance(value, list):
            raise UserError("must be a tensor, got a sequence", node=node)
        with ir.Location.name(f"onnx:{name}:Output"):
            result = self.graph.value(value)
        declared, got = info.type.tensor_type.elem_type, self.graph.dtype(result)
        if declared and element_of(declared, node) != got:
            raise UserError(f"element type must be the declared {element_of(declared, node)}, "
                            f"got {got}", node=node)  # fmt: skip
        return result

    def result_type(self, name: str) -> TensorType:
        """The type of what `name` stands for at the top of the model."""
        return self.graph.type(self.lookup(name, self.scope))


def _labelled(error: TycError, label: str) -> TycError:
    """The error with the node's label, unless a node within has put its own there."""
    if error.node.startswith("node '"):
        return error
    inner = f"{error.node}: " if error.node.startswith("tensor ") else ""
    return type(error)(inner + error.message, node=label, hint=error.hint)
