"""What happens to an op: recorded inside of a trace, else checked, compiled and run at once.

Element types: all tensors that an op combines must have one; nothing is promoted silently. Python
numbers are weak: they take the type of the tensors they meet, but a float does not become an
integer. NumPy arrays count as tensors.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import numpy as np

from tyc.dialects.ods import Op
from tyc.dialects.types import DType, dtype
from tyc.frames import error, located
from tyc.runtime.errors import UserError
from tyc.state import STATE
from tyc.tensors import Tensor, array_of, is_array

Scalar = bool | int | float
TensorLike = Tensor | np.ndarray | Scalar


_DEFAULTS = {bool: dtype("i1"), int: dtype("i64"), float: dtype("f32")}


@contextmanager
def exact() -> Iterator[None]:
    """Ops round as written: `trace(exact=True)` of the same function gives the same bits."""
    before, STATE.exact = STATE.exact, True
    try:
        yield
    finally:
        STATE.exact = before


def apply(op: type[Op], *operands: Any, **attributes: Any) -> Any:
    """The result of one op, or the list of its results.

    `operands` come in the op's order: tensors, arrays, Python numbers, None for an absent one, a
    list for a variadic one. Attributes must be hashable.
    """
    # ty.concat is the one op with a list of operands.
    variadic = operands and isinstance(operands[0], list)
    tensors = [as_tensors(operands[0])] if variadic else as_tensors(operands)
    recorder, tapes = STATE.recorder, STATE.tapes
    try:
        if recorder is not None:
            results = recorder.record(op, tensors, attributes)
        else:
            results = _run(op, tensors, attributes)
    except UserError as raised:
        raise located(raised) from None
    if tapes:
        watch(op, tensors, attributes, results if isinstance(results, list) else [results])
    return results


def watch(
    op: type[Op], tensors: list[Any], attributes: dict[str, Any], results: list[Tensor]
) -> None:
    """Tells the open tapes of an op."""
    if STATE.checkpointing is not None and STATE.recorder is None:
        STATE.checkpointing.note(op, tensors, attributes, results)
    for tape in STATE.tapes:
        tape.record(op, tensors, attributes, results)


def as_tensors(operands: Sequence[Any]) -> list[Any]:
    """Operands as tensors of one element type where a Python number meets a tensor."""
    if len(operands) == 2 and isinstance(operands[0], Tensor):
        # What most ops are given, without loops.
        first, second = operands
        if isinstance(second, Tensor):
            return [first, second]
        if isinstance(second, (int, float)):
            return [first, _weak(second, first)]
    for operand in operands:
        if not isinstance(operand, Tensor):
            break
    else:
        return list(operands)
    if not any(isinstance(o, (int, float)) for o in operands):
        return [_lift(o) for o in operands]
    known = next((as_tensor(o) for o in operands if isinstance(o, Tensor) or is_array(o)), None)
    return [_weak(o, known) if isinstance(o, (int, float)) else _lift(o) for o in operands]


def _lift(operand: Any) -> Any:
    return None if operand is None else as_tensor(operand)


def as_tensor(value: Any) -> Tensor:
    """A tensor from a tensor, an array of NumPy or another framework, or a Python number;
    `UserError` for anything else."""
    if isinstance(value, Tensor):
        return value
    if isinstance(value, (bool, int, float)) and not isinstance(value, np.generic):
        return _weak(value, None)
    if is_array(value):
        return Tensor(array_of(value))
    raise error(
        f"an operand must be a tensor, an array or a number, got {type(value).__name__}",
        "make it a tensor: tyc.tensor(...)",
    )


def _weak(value: Scalar, known: Tensor | None) -> Tensor:
    """A Python number as a tensor of rank 0, of the element type of what it meets."""
    if known is None:
        kind = next(k for t, k in _DEFAULTS.items() if isinstance(value, t))
    else:
        # An array says its element type at once; a tensor's type may have to be made.
        kind = known.dtype if known._array is None else known._array.dtype
    # -0.0 and 0.0 are one key, but not one text.
    made = _constant(value, kind, "" if value else str(value))
    if made is None:
        assert known is not None
        raise error(
            f"number {value!r} does not fit the element type of {known.type}",
            "cast the tensor: x.astype(tyc.float32)" if isinstance(value, float) else "",
        )
    return Tensor(made)


def _fits(value: Scalar, kind: DType) -> bool:
    if kind.kind == "bool":
        return isinstance(value, bool)
    if kind.is_float:
        return True
    if isinstance(value, float):
        return False
    limits = np.iinfo(kind.numpy)
    return limits.min <= value <= limits.max


@lru_cache(maxsize=1024, typed=True)
def _constant(value: Scalar, kind: DType | np.dtype, zero: str) -> np.ndarray | None:
    """A number as an array of rank 0; `None` where the element type has no such number. `zero` is
    the text of a zero."""
    del zero
    element = dtype(kind)
    if not _fits(value, element):
        return None
    with np.errstate(over="ignore"):
        return np.array(value).astype(element.numpy)


def _run(op: type[Op], tensors: list[Any], attributes: dict[str, Any]) -> Any:
    if op.NAME == "reshape":
        return Tensor(tensors[0].array().reshape(attributes["shape"]))
    arrays = [_array(t) if getattr(t, "_array", None) is None else t._array for t in tensors]
    results = kernel(op, arrays, attributes)
    return Tensor(results[0]) if len(results) == 1 else [Tensor(r) for r in results]


def _array(operand: Tensor | list[Tensor] | None) -> Any:
    """The array of an operand, those of a variadic one, `None` for an absent one."""
    if isinstance(operand, Tensor):
        return operand.array()
    return None if operand is None else [t.array() for t in operand]


def kernel(op: type[Op], arrays: list[Any], attributes: dict[str, Any]) -> list[np.ndarray]:
    """The results of one op on arrays, by its compiled kernel; checks the op's rules first."""
    return _run_op()(op, arrays, attributes, STATE.exact)


@lru_cache(maxsize=1)
def _run_op() -> Callable[..., list[np.ndarray]]:
    from tyc.compiler.eager import run_op  # importing tensors loads no compiler

    return run_op
