"""`TensorProto` to NumPy: raw bytes without a second copy, external data by memory map."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, numpy_helper

from tyc.dialects.types import DType, dtype
from tyc.runtime.errors import UserError

_ELEMENTS: dict[Any, str] = {
    TensorProto.FLOAT: "f32", TensorProto.DOUBLE: "f64", TensorProto.FLOAT16: "f16",
    TensorProto.BFLOAT16: "bf16", TensorProto.BOOL: "i1",
    TensorProto.INT8: "i8", TensorProto.INT16: "i16", TensorProto.INT32: "i32",
    TensorProto.INT64: "i64", TensorProto.UINT8: "u8", TensorProto.UINT16: "u16",
    TensorProto.UINT32: "u32", TensorProto.UINT64: "u64",
}  # fmt: skip

# Narrow integers are kept one a byte: the values, and so the meaning, are the same.
_WIDENED: dict[Any, str] = {
    TensorProto.INT4: "i8", TensorProto.UINT4: "u8",
    getattr(TensorProto, "INT2", -1): "i8", getattr(TensorProto, "UINT2", -2): "u8",
}  # fmt: skip


def element_name(code: int) -> str:
    """ONNX's own name of an element type code, in lower case."""
    names: dict[Any, str] = {n: name for name, n in TensorProto.DataType.items()}
    return names.get(code, f"type {code}").lower()


def element_of(code: int, node: str | None = None) -> DType:
    """The element type of an ONNX code. Raises `UserError` for one that tyc does not have."""
    if code in _ELEMENTS:
        return dtype(_ELEMENTS[code])
    got = element_name(code)
    raise UserError(f"element type {got} is not supported", node=node, hint=_element_hint(got))


def _element_hint(got: str) -> str:
    if got in ("int4", "uint4", "int2", "uint2"):
        return "narrow integers are read only as constants, for DequantizeLinear"
    return "use one of f16, bf16, f32, f64, bool, int8..int64, uint8..uint64"


def array_of(tensor: TensorProto, folder: Path) -> np.ndarray:
    """The array of a tensor, read-only where it is a view of the file."""
    label = f"tensor {tensor.name!r}"
    if tensor.data_type in _WIDENED:
        wide = dtype(_WIDENED[tensor.data_type]).numpy
        if tensor.data_location == TensorProto.EXTERNAL:
            tensor = _with_raw_data(tensor, folder)
        return numpy_helper.to_array(tensor).astype(wide)
    element = element_of(tensor.data_type, label)
    shape = tuple(tensor.dims)
    if tensor.data_location == TensorProto.EXTERNAL:
        return _external(tensor, folder, element, shape)
    if tensor.HasField("raw_data"):
        raw = tensor.raw_data
        _check_size(label, len(raw), math.prod(shape) * element.itemsize, shape, element)
        return np.frombuffer(raw, element.numpy).reshape(shape)
    try:
        return numpy_helper.to_array(tensor)
    except ValueError as error:
        raise UserError(f"data does not fill shape {list(shape)}", node=label) from error


def _with_raw_data(tensor: TensorProto, folder: Path) -> TensorProto:
    """A copy of a narrow tensor with its external bytes inside."""
    bits = 4 if tensor.data_type in (TensorProto.INT4, TensorProto.UINT4) else 2
    nbytes = -(-math.prod(tensor.dims) * bits // 8)
    copy = onnx.TensorProto(dims=tensor.dims, data_type=tensor.data_type, name=tensor.name)
    copy.raw_data = _external(tensor, folder, dtype("u8"), (nbytes,)).tobytes()
    return copy


def _check_size(label: str, got: int, want: int, shape: tuple[int, ...], element: DType) -> None:
    if got != want:
        message = f"shape {list(shape)} of {element} takes {want} bytes, got {got}"
        raise UserError(message, node=label, hint="the model is truncated or damaged")


def _external(
    tensor: TensorProto, folder: Path, element: DType, shape: tuple[int, ...]
) -> np.ndarray:
    """A memory map of the tensor's part of its data file."""
    label = f"tensor {tensor.name!r}"
    entries = {e.key: e.value for e in tensor.external_data}
    location = entries.get("location", "")
    path = folder / location
    if not location or Path(location).is_absolute() or ".." in Path(location).parts:
        message = f"external data must lie beside the model, got location {location!r}"
        raise UserError(message, node=label)
    if not path.is_file():
        message = f"external data file {str(path)!r} does not exist"
        raise UserError(message, node=label, hint="put the file beside the model")
    offset, want = int(entries.get("offset", 0)), math.prod(shape) * element.itemsize
    _check_size(label, int(entries.get("length", want)), want, shape, element)
    size = path.stat().st_size
    if offset + want > size:
        message = f"external data ends at byte {offset + want}, file {path.name!r} has {size}"
        raise UserError(message, node=label, hint="the data file is truncated")
    if want == 0:
        return np.zeros(shape, element.numpy)
    return np.memmap(path, element.numpy, "r", offset, shape)


def dense_of(sparse: onnx.SparseTensorProto, folder: Path) -> np.ndarray:
    """The dense array of a sparse tensor (indices are flat, or one row for each value)."""
    values = array_of(sparse.values, folder)
    indices = array_of(sparse.indices, folder)
    shape = tuple(sparse.dims)
    out = np.zeros(shape, values.dtype)
    where = np.unravel_index(indices, shape) if indices.ndim == 1 else tuple(indices.T)
    out[where] = values
    return out
