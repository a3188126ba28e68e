"""ONNX's own function bodies: what an operator without a rule of ours is expanded to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn

import numpy as np
import onnx
from onnx import helper

from tyc.onnx.graph import Graph
from tyc.onnx.reader import opset_versions
from tyc.onnx.rules import RULES, Node, schema_of

_ALTERNATIVES = {
    "NonZero": "its output's shape depends on data; use Where or a mask",
    "Unique": "its output's shape depends on data",
    "NonMaxSuppression": "its output's shape depends on data; leave it to the host program",
    "Scan": "unroll it while exporting",
    "RandomNormal": "pass the random numbers as an input",
    "RandomUniform": "pass the random numbers as an input",
    "RandomNormalLike": "pass the random numbers as an input",
    "RandomUniformLike": "pass the random numbers as an input",
    "Multinomial": "pass the random numbers as an input",
    "Bernoulli": "pass the random numbers as an input",
}


def body_of(
    proto: onnx.NodeProto, node: Node, g: Graph, opsets: Mapping[str, int]
) -> tuple[onnx.FunctionProto, dict[str, int]]:
    """The function body of a standard operator, and the operator sets it is written in.

    Raises `UserError` for an operator that has neither a rule nor a body.
    """
    schema = schema_of(node.domain, node.op_type, node.version)
    if schema is None:
        unsupported(node)
    for name, formal in schema.attributes.items():
        if name not in node.attributes and formal.default_value.type:
            node.attributes[name] = helper.get_attribute_value(formal.default_value)
    body = None
    if schema.has_function:
        body = schema.function_body
    elif schema.has_context_dependent_function:
        body = _body_for_types(proto, node, g, schema)
    if body is None or (node.domain, node.op_type) in {(b.domain, b.op_type) for b in body.node}:
        unsupported(node)
    versions = {node.domain: node.version, **opset_versions(body.opset_import)}
    return body, {"": opsets.get("", onnx.defs.onnx_opset_version()), **versions}


def _body_for_types(
    proto: onnx.NodeProto, node: Node, g: Graph, schema: Any
) -> onnx.FunctionProto | None:
    types = [_type_proto(g, value).SerializeToString() for value in node.inputs]
    resolved = onnx.NodeProto()
    resolved.CopyFrom(proto)
    del resolved.attribute[:]
    for name, value in node.attributes.items():
        resolved.attribute.append(_attribute(name, value))
    version = schema.since_version
    data = schema.get_context_dependent_function_with_opset_version(
        version, resolved.SerializeToString(), types
    )
    return onnx.FunctionProto.FromString(data) if data else None


def _attribute(name: str, value: Any) -> onnx.AttributeProto:
    if isinstance(value, np.ndarray):
        return helper.make_attribute(name, onnx.numpy_helper.from_array(value))
    return helper.make_attribute(name, value)


def _type_proto(g: Graph, value: Any) -> onnx.TypeProto:
    if value is None or isinstance(value, list):
        return onnx.TypeProto()
    t = g.type(value)
    code = helper.np_dtype_to_tensor_dtype(t.dtype.numpy)
    return helper.make_tensor_type_proto(code, list(t.shape))


def unsupported(node: Node) -> NoReturn:
    """Raises the error for an operator that tyc cannot import."""
    domain = f"{node.domain}." if node.domain else ""
    hint = _ALTERNATIVES.get(node.op_type, "")
    if not hint:
        near = nearest(node.op_type)
        hint = f"the nearest supported operators are {', '.join(near)}" if near else ""
    node.fail(f"operator {domain}{node.op_type} is not supported", hint)


def nearest(op_type: str) -> list[str]:
    """Supported operators with a similar name."""
    import difflib

    names = sorted({name for _, name in RULES})
    return difflib.get_close_matches(op_type, names, n=2, cutoff=0.75)
