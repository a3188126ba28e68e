"""Recognises activation functions by what they compute.

    %a = "ty.multiply"(%x, %c0)      c0 = 0.70710678         %y = "ty.gelu"(%x)
    %b = "ty.erf"(%a)
    %c = "ty.add"(%b, %c1)           c1 = 1         becomes
    %d = "ty.multiply"(%x, %c)
    %y = "ty.multiply"(%d, %c2)      c2 = 0.5

Exporters write one function in many ways, so the way does not matter here: elementwise ops of one
value and of numbers are a function of that value. It is evaluated in f64 at points near and far,
and compared with the functions that have an op. Two functions that agree at all points to the
digits of the element type are the same but for the rounding of their coefficients.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property, partial
from typing import Any

import numpy as np
from mlir import ir

from tyc.compiler.options import Options
from tyc.compiler.rewriting import erase_dead
from tyc.compiler.transforms.constants import Context, is_known, owner_of
from tyc.dialects import building, interpreter, ty
from tyc.dialects.ods import REGISTRY
from tyc.dialects.program import Program

_FAR = (-100.0, -40.0, -20.0, -1e-3, 0.0, 1e-3, 20.0, 40.0, 100.0)
POINTS = np.concatenate([np.linspace(-9.7, 9.9, 57), _FAR])
_LARGEST_CONE = 16
# What the rounding of coefficients to the element type makes of a function, relative and absolute.
# The absolute part lets no epsilon pass that someone added on purpose.
_TOLERANCE = {"f64": (1e-12, 1e-15), "f16": (2e-3, 1e-5), "bf16": (1e-2, 1e-3)}
_NAMES = (
    "add", "subtract", "multiply", "divide", "power", "maximum", "minimum", "negative", "absolute",
    "reciprocal", "sqrt", "rsqrt", "square", "exp", "log", "log1p", "expm1", "tanh", "erf",
    "sigmoid", "softplus", "relu", "clip", "hard_sigmoid", "hard_tanh", "where", "greater",
    "greater_equal", "less", "less_equal", "gelu", "elu", "leaky_relu",
)  # fmt: skip


class Cone:
    """A value as a function of one other: how many ops compute it, and its numbers at `POINTS`.

    They are computed when first asked for: most values are a function of no other, but for one op.
    """

    def __init__(self, size: int, compute: Callable[[], np.ndarray]) -> None:
        self.size = size
        self._compute = compute

    @cached_property
    def samples(self) -> np.ndarray:
        """The values at `POINTS`, in f64."""
        return self._compute()


_POINT = Cone(0, lambda: POINTS)


def raise_activations(program: Program, options: Options) -> bool:
    """Replaces elementwise expressions of one value by the activation that they are; true where
    something changed."""
    context = Context(program, options)
    cones: dict[ir.Value, dict[ir.Value, Cone]] = {}
    for operation in list(program.operations()):
        if operation.name[3:] not in _NAMES:
            continue
        found = _cones_of(operation, cones, context)
        if found:
            cones[operation.results[0]] = found
            _replace_by_activation(operation, found, cones)
    # What was replaced is dead now.
    return erase_dead(program) > 0


def _cones_of(
    operation: ir.Operation, cones: dict[ir.Value, dict[ir.Value, Cone]], context: Context
) -> dict[ir.Value, Cone]:
    """The op as a function of each value that it may be a function of."""
    operands = operation.operands
    different = len(operands) == 2 and operands[0] != operands[1]
    if different and not any(v in cones or is_known(v) for v in operands):
        return {}  # two values that have nothing in common
    result = building.type_of(operation.results[0])
    numbers = [context.splat(v) for v in operation.operands]
    free = [v for v, n in zip(operation.operands, numbers) if n is None]
    if not free or any(building.type_of(v).shape != result.shape for v in free):
        return {}
    if not all(building.type_of(v).dtype.is_float or v in cones for v in free):
        return {}
    sources = [{**cones.get(v, {}), v: _POINT} for v in free]
    found: dict[ir.Value, Cone] = {}
    for base in sources[0]:
        parts = [s[base] for s in sources if base in s]
        size = 1 + sum({id(p): p.size for p in parts}.values())
        if len(parts) == len(sources) and size <= _LARGEST_CONE:
            found[base] = Cone(size, partial(_evaluate, operation, numbers, parts))
    return found


def _evaluate(operation: ir.Operation, numbers: list[Any], parts: list[Cone]) -> np.ndarray:
    """The op on its numbers and on what its other operands are at `POINTS`."""
    left = iter(parts)
    operands = [next(left).samples if n is None else np.asarray(n) for n in numbers]
    op = building.view(operation)
    return interpreter.evaluate(type(op), operands, building.attributes_of(op))[0]


def _replace_by_activation(
    operation: ir.Operation,
    found: dict[ir.Value, Cone],
    cones: dict[ir.Value, dict[ir.Value, Cone]],
) -> None:
    """Uses the activation instead, where nothing else reads the values in between."""
    result = operation.results[0]
    for base, cone in sorted(found.items(), key=lambda item: -item[1].size):
        if cone.size < 2 or not np.isfinite(cone.samples).all():
            continue
        target = _recognise(cone.samples, building.type_of(result).dtype.name)
        if target is None or not _is_closed(operation, base):
            continue
        with ir.InsertionPoint(operation), operation.location:
            value = target(base)
        result.replace_all_uses_with(value)
        cones[value] = {base: Cone(1, partial(getattr, cone, "samples"))}
        return


def _is_closed(operation: ir.Operation, base: ir.Value) -> bool:
    """Whether the values between `base` and the result are read only in between."""
    inside = {operation.results[0]}
    pending = [operation]
    while pending:
        for value in pending.pop().operands:
            owner = owner_of(value)
            if value == base or value in inside or owner is None or not len(owner.operands):
                continue
            inside.add(value)
            pending.append(owner)
    inside.discard(operation.results[0])
    readers = (use.owner.operation.results for value in inside for use in value.uses)
    return all(len(r) and (r[0] in inside or r[0] == operation.results[0]) for r in readers)


def _recognise(samples: np.ndarray, element: str) -> Callable[[ir.Value], ir.Value] | None:
    """The closest of the functions that have an op, if it is close enough."""
    limits = _TOLERANCE.get(element, (5e-6, 1e-13))
    best, name, attributes = _distance(samples, POINTS, *limits), "", {}
    for candidate, chosen in _candidates(samples):
        distance = _distance(samples, _values(candidate, chosen), *limits)
        if distance < best:
            best, name, attributes = distance, candidate, chosen
    if best > 1 or not name:
        return None
    return lambda x: building.build(REGISTRY[name], x, **attributes)


def _distance(a: np.ndarray, b: np.ndarray, relative: float, absolute: float) -> float:
    """The largest difference in units of what is tolerated."""
    return float((np.abs(a - b) / (relative * np.abs(b) + absolute)).max())


def _candidates(samples: np.ndarray) -> list[tuple[str, dict[str, Any]]]:
    """The functions it may be, with the attributes that its own values suggest."""
    at = {p: float(samples[i]) for i, p in enumerate(_FAR, len(POINTS) - len(_FAR))}
    found: list[tuple[str, dict[str, Any]]] = [
        (name, {}) for name in ("silu", "hard_swish", "mish", "softplus", "sigmoid", "softsign")
    ]
    found += [("gelu", {"approximate": how}) for how in ("none", "tanh")]
    found += [("relu", {}), ("tanh", {}), ("selu", ty.SeluOp.bind([None], {})[1])]
    if abs(at[-20.0]) < 1e-3 and abs(at[20.0] - 1) < 1e-2:
        slope = (at[1e-3] - at[-1e-3]) / 2e-3
        found.append(("hard_sigmoid", _tidy(alpha=slope, beta=at[0.0])))
    if abs(at[100.0] - 100) < 1e-6:
        found.append(("leaky_relu", _tidy(alpha=at[-100.0] / -100)))
        found.append(("elu", _tidy(alpha=-at[-100.0])))
    return found


def _tidy(**attributes: float) -> dict[str, float]:
    """Coefficients as the f32 that they were, where they were one."""
    short = {k: float(np.float32(v)) for k, v in attributes.items()}
    return {k: short[k] if abs(short[k] - v) < 1e-9 else v for k, v in attributes.items()}


_VALUES: dict[tuple, np.ndarray] = {}


def _values(name: str, attributes: dict[str, Any]) -> np.ndarray:
    key = (name, *attributes.values())
    if key not in _VALUES:
        _VALUES[key] = interpreter.evaluate(REGISTRY[name], [POINTS], attributes)[0]
    return _VALUES[key]
