"""From a caller's values to arrays that a library can read and write, or an error that says why.

An array is passed as it is when its type and shape are right and its memory is dense; it is copied
when only its memory is not. Element types of arrays are never changed silently; plain Python
numbers and lists have none, so they take the input's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tyc.runtime.abi import dtype_name
from tyc.runtime.errors import UserError
from tyc.runtime.signature import TensorSpec, identifier

_LOSSLESS = {"b": "biuf", "i": "iuf", "u": "iuf", "f": "f"}
"""Kinds of Python number, and the kinds of element type that may hold them."""


def bind(model: str, specs: Sequence[TensorSpec], args: tuple, kwargs: dict[str, Any]) -> list:
    """The values in the order of the inputs, given by position or by name."""
    names = [spec.name for spec in specs]
    listed = ", ".join(names)
    if len(args) > len(specs):
        raise _arity(model, f"takes {len(specs)} inputs ({listed}), got {len(args)}")
    values = dict(zip(names, args))
    by_identifier = {identifier(name): name for name in names}
    for key, value in kwargs.items():
        name = key if key in names else by_identifier.get(key)
        if name is None:
            raise _arity(model, f"input names must be among {listed}, got {key!r}")
        if name in values:
            raise _arity(model, f"each input must be given once, got {key!r} twice")
        values[name] = value
    missing = [name for name in names if name not in values]
    if missing:
        raise _arity(model, f"takes {len(specs)} inputs ({listed}), got none for {missing[0]!r}")
    return [values[name] for name in names]


def _arity(model: str, message: str) -> UserError:
    return UserError(message, node=model, hint="module.inputs lists what it takes")


def as_input(model: str, spec: TensorSpec, value: Any) -> np.ndarray:
    """An aligned, C-contiguous array for an input: `value` itself where possible."""
    node = f"{model}: input {spec.name!r}"
    if isinstance(value, (bool, int, float, list, tuple)):
        array = _from_python(node, spec, value)
    else:
        array = np.asarray(value)
    convert = f"convert it: {identifier(spec.name)}.astype({spec.numpy_dtype.name!r})"
    _check_type(node, spec, array, convert, "reshape it, or compile the model for this shape")
    return np.require(array, requirements=["C", "A"])


def _from_python(node: str, spec: TensorSpec, value: Any) -> np.ndarray:
    try:
        natural = np.asarray(value)
    except ValueError:
        raise UserError(
            "nested lists must be rectangular, got rows of different length",
            node=node,
            hint="pad the rows",
        ) from None
    target = spec.numpy_dtype
    if isinstance(value, (list, tuple)) and _holds_arrays(value):
        return natural
    kind = "f" if spec.dtype == "bf16" else target.kind
    if natural.size and kind not in _LOSSLESS.get(natural.dtype.kind, ""):
        raise UserError(
            f"Python numbers must fit {spec.dtype}, got {natural.dtype.name}",
            node=node,
            hint=f"give an array of {target.name}",
        )
    if natural.size and kind in "iu":
        _check_range(node, spec, natural)
    return natural.astype(target)


def _holds_arrays(value: Any) -> bool:
    while isinstance(value, (list, tuple)) and value:
        value = value[0]
    return isinstance(value, (np.ndarray, np.generic))


def _check_range(node: str, spec: TensorSpec, natural: np.ndarray) -> None:
    limits = np.iinfo(spec.numpy_dtype)
    low, high = int(natural.min()), int(natural.max())
    if low < limits.min or high > limits.max:
        raise UserError(
            f"Python numbers must fit {spec.dtype}, got {low if low < limits.min else high}",
            node=node,
            hint=f"stay within {limits.min}..{limits.max}",
        )


def _check_type(
    node: str, spec: TensorSpec, array: np.ndarray, dtype_hint: str, shape_hint: str
) -> None:
    if array.dtype != spec.numpy_dtype:
        raise UserError(
            f"dtype must be {spec.dtype}, got {dtype_name(array.dtype) or array.dtype}",
            node=node,
            hint=dtype_hint,
        )
    if array.shape != spec.shape:
        raise UserError(
            f"shape must be {list(spec.shape)}, got {list(array.shape)}",
            node=node,
            hint=shape_hint,
        )


def as_outputs(model: str, specs: Sequence[TensorSpec], out: Any) -> list[np.ndarray]:
    """The arrays that a run writes: the caller's where `out` gives them, new ones elsewhere."""
    given = _given_outputs(model, specs, out)
    for spec, array in zip(specs, given):
        if array is not None:
            _check_output(f"{model}: output {spec.name!r}", spec, array)
    return [
        np.empty(spec.shape, spec.numpy_dtype) if array is None else array
        for spec, array in zip(specs, given)
    ]


def _given_outputs(model: str, specs: Sequence[TensorSpec], out: Any) -> list:
    names = [spec.name for spec in specs]
    hint = "module.outputs lists what it gives"
    if isinstance(out, Mapping):
        for key in out:
            if key not in names:
                message = f"output names must be among {', '.join(names)}, got {key!r}"
                raise UserError(message, node=model, hint=hint)
        return [out.get(name) for name in names]
    given = list(out) if isinstance(out, (list, tuple)) else [out]
    if len(given) != len(specs):
        message = f"out must hold {len(specs)} arrays ({', '.join(names)}), got {len(given)}"
        raise UserError(message, node=model, hint=hint)
    return given


def _check_output(node: str, spec: TensorSpec, array: Any) -> None:
    make_one = f"make one: np.empty({list(spec.shape)}, {spec.numpy_dtype.name!r})"
    if not isinstance(array, np.ndarray):
        message = f"out must be a NumPy array, got {type(array).__name__}"
        raise UserError(message, node=node, hint=make_one)
    _check_type(node, spec, array, make_one, make_one)
    if not array.flags.carray:
        raise UserError(
            "out must be writable, aligned and C-contiguous, got an array that is not",
            node=node,
            hint=make_one,
        )


def check_overlap(
    model: str,
    inputs: Sequence[tuple[TensorSpec, np.ndarray]],
    outputs: Sequence[tuple[TensorSpec, np.ndarray]],
) -> None:
    """Refuses outputs that share memory with an input or another output.

    A kernel may read an input after the first output is written. The exception is the manifest's:
    an output that `aliases` an input may be that input's array.
    """
    for i, (spec, array) in enumerate(outputs):
        for other, memory in [*inputs, *outputs[:i]]:
            if not np.may_share_memory(array, memory):
                continue
            same = array.ctypes.data == memory.ctypes.data
            if not (same and spec.aliases == other.name):
                raise UserError(
                    f"out must not share memory with other tensors, got some of {other.name!r}",
                    node=f"{model}: output {spec.name!r}",
                    hint="give an array of its own",
                )
