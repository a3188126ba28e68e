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

_MISSING = object()
_LOSSLESS = {"b": "biuf", "i": "iuf", "u": "iuf", "f": "f"}
"""Kinds of Python number, and the kinds of element type that may hold them."""


def positions(specs: Sequence[TensorSpec]) -> dict[str, int]:
    """The place of each input by its name, and by its name made an identifier."""
    places = {identifier(spec.name): i for i, spec in enumerate(specs)}
    return places | {spec.name: i for i, spec in enumerate(specs)}


def bind(
    model: str,
    specs: Sequence[TensorSpec],
    places: dict[str, int],
    args: tuple,
    kwargs: dict[str, Any],
) -> list:
    """The values in the order of the inputs, given by position or by name."""
    if len(args) > len(specs):
        raise _arity(model, f"takes {_listed(specs)}, got {len(args)}")
    values = [*args, *[_MISSING] * (len(specs) - len(args))]
    for key, value in kwargs.items():
        place = places.get(key)
        if place is None:
            names = ", ".join(spec.name for spec in specs)
            raise _arity(model, f"input names must be among {names}, got {key!r}")
        if values[place] is not _MISSING:
            raise _arity(model, f"each input must be given once, got {key!r} twice")
        values[place] = value
    for spec, value in zip(specs, values):
        if value is _MISSING:
            raise _arity(model, f"takes {_listed(specs)}, got none for {spec.name!r}")
    return values


def _listed(specs: Sequence[TensorSpec]) -> str:
    return f"{len(specs)} inputs ({', '.join(spec.name for spec in specs)})"


def _arity(model: str, message: str) -> UserError:
    return UserError(message, node=model, hint="module.inputs lists what it takes")


def as_input(model: str, spec: TensorSpec, value: Any) -> np.ndarray:
    """An aligned, C-contiguous array for an input: `value` itself where possible.

    What a run updates must be `value` itself.
    """
    node = f"{model}: input {spec.name!r}"
    if spec.updated:
        _check_written(node, "an updated input", spec, value)
        return value
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
    arrays = []
    for spec, array in zip(specs, _given_outputs(model, specs, out)):
        if array is None:
            array = np.empty(spec.shape, spec.numpy_dtype)
        elif not fits(array, spec.numpy_dtype, spec.shape):
            _check_written(f"{model}: output {spec.name!r}", "out", spec, array)
        arrays.append(array)
    return arrays


def fits(value: Any, dtype: np.dtype, shape: tuple[int, ...]) -> bool:
    """Whether `value` can be passed as it is: a plain array, dense, aligned and writable."""
    return (
        type(value) is np.ndarray
        and value.dtype == dtype
        and value.shape == shape
        and value.flags.carray
    )


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


def _check_written(node: str, what: str, spec: TensorSpec, array: Any) -> None:
    make_one = f"make one: np.empty({list(spec.shape)}, {spec.numpy_dtype.name!r})"
    if not isinstance(array, np.ndarray):
        message = f"{what} must be a NumPy array, got {type(array).__name__}"
        raise UserError(message, node=node, hint=make_one)
    _check_type(node, spec, array, make_one, make_one)
    if not array.flags.carray:
        raise UserError(
            f"{what} must be writable, aligned and C-contiguous, got an array that is not",
            node=node,
            hint=make_one,
        )


def check_overlap(
    model: str,
    inputs: Sequence[tuple[TensorSpec, int]],
    outputs: Sequence[tuple[TensorSpec, int]],
) -> None:
    """Refuses outputs and updated inputs that share memory with another tensor, given addresses.

    A kernel may read an input after the first output is written.
    """
    ranges = [(at, at + s.nbytes, s.updated, s) for s, at in inputs]
    ranges += [(at, at + s.nbytes, True, s) for s, at in outputs]
    ranges = sorted((r for r in ranges if r[0] < r[1]), key=lambda r: r[:2])
    # By rising address: a range overlaps an earlier one if one of those reaches beyond its begin.
    reach: dict[bool, tuple[int, TensorSpec | None]] = {False: (0, None), True: (0, None)}
    for begin, end, is_output, spec in ranges:
        for other_is_output, (other_end, other) in reach.items():
            if other is not None and begin < other_end and (is_output or other_is_output):
                raise _overlap(model, *((spec, other) if is_output else (other, spec)))
        if end > reach[is_output][0]:
            reach[is_output] = (end, spec)


def _overlap(model: str, output: TensorSpec, other: TensorSpec) -> UserError:
    return UserError(
        f"{'an updated input' if output.updated else 'out'} must not share memory with other "
        f"tensors, got some of {other.name!r}",
        node=f"{model}: {'input' if output.updated else 'output'} {output.name!r}",
        hint="give an array of its own",
    )
