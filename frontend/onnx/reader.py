"""A file, bytes or a `ModelProto` becomes a `Source`: the checked proto and where its data is."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Union

import onnx
from google.protobuf.message import DecodeError

from tyc.runtime.errors import UserError

ModelLike = Union[str, "os.PathLike[str]", bytes, onnx.ModelProto]

OLDEST_OPSET = 7


@dataclass(frozen=True)
class Source:
    """A model's proto, the folder of its external data, and the label that errors show."""

    model: onnx.ModelProto
    folder: Path
    label: str

    @property
    def opsets(self) -> dict[str, int]:
        """The version of each operator set by domain."""
        return opset_versions(self.model.opset_import)


def opset_versions(imports: object) -> dict[str, int]:
    """The version of each operator set by domain, from a list of `OperatorSetIdProto`."""
    return {normal_domain(o.domain): o.version for o in imports}  # pyright: ignore


def normal_domain(domain: str) -> str:
    """The standard domain has two names, `""` and `"ai.onnx"`: the first one."""
    return "" if domain == "ai.onnx" else domain


def read(model: ModelLike) -> Source:
    """The checked `Source` of a model. Raises `UserError` where it cannot be an ONNX model."""
    if isinstance(model, onnx.ModelProto):
        source = Source(model, Path(), "model")
    elif isinstance(model, (bytes, bytearray, memoryview)):
        data = bytes(model)
        source = Source(_parse(data, "model"), Path(), "model")
    else:
        path = Path(model)
        source = Source(_parse(_bytes_of(path), path.name), path.parent, path.name)
    _check(source)
    return source


def _bytes_of(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise UserError(f"file {str(path)!r} does not exist", node=path.name) from None
    except OSError as error:
        message = f"file {str(path)!r} cannot be read: {(error.strerror or 'error').lower()}"
        raise UserError(message, node=path.name) from None


def _parse(data: bytes, label: str) -> onnx.ModelProto:
    """The proto of `data`; protobuf has no magic, so a parse that fails is all that can be said."""
    if not data:
        raise UserError("must be an ONNX model, got an empty file", node=label)
    try:
        return onnx.ModelProto.FromString(data)
    except DecodeError:
        message = f"must be an ONNX model, got {len(data)} bytes that begin with {data[:8]!r}"
        hint = "the file is truncated or of another format"
        if len(data) >= 2**31:
            hint = "weights of 2 GiB and more must be saved as external data"
        raise UserError(message, node=label, hint=hint) from None


def _check(source: Source) -> None:
    """What every rule below relies on: a graph with nodes or outputs, and opsets that we know."""
    model, label = source.model, source.label
    if not model.HasField("graph") or not model.graph.output:
        got = f"{len(model.graph.node)} nodes and {len(model.graph.output)} outputs"
        hint = "the file is truncated or of another format"
        raise UserError(f"must hold a graph with outputs, got {got}", node=label, hint=hint)
    opset = source.opsets.get("")
    newest = onnx.defs.onnx_opset_version()
    if opset is None:
        return
    if opset < OLDEST_OPSET:
        hint = f"convert it with onnx.version_converter.convert_version(model, {OLDEST_OPSET})"
        message = f"opset must be at least {OLDEST_OPSET}, got {opset}"
        raise UserError(message, node=label, hint=hint)
    if opset > newest:
        message = f"opset must be at most {newest}, got {opset}"
        raise UserError(message, node=label, hint="install a newer onnx package")
