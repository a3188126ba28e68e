"""Windows that reach into padding: which steps of a reduction stay inside of the input.

A padded read at `a * p + b * r + c` is inside where that is in [0, size). Where padding adds
nothing to the reduction (0 to a sum, -inf to a maximum), steps outside are left out.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from mlir import ir

from tyc.compiler.schedules.affine import Affine, Symbol
from tyc.compiler.schedules.loops_groups import Shape
from tyc.compiler.schedules.loops_modes import combiner
from tyc.compiler.schedules.loops_stages import Stage
from tyc.compiler.schedules.producers import padding_of
from tyc.compiler.schedules.structure import Generic, Instruction, operation_of


@dataclass(frozen=True)
class Window:
    """Padding along one parallel loop `group` and one reduction loop `fold`: the position in the
    input is `stride * p + step * r + shift`, inside in [0, size)."""

    group: int
    fold: int
    stride: int
    step: int
    shift: int
    size: int
    extent: int
    neutral: bool

    def position(self, p: Affine, r: Affine) -> Affine:
        """The position in the input."""
        return p * self.stride + r * self.step + self.shift

    @property
    def interior(self) -> tuple[int, int]:
        """The positions [low, high) along the group at which the whole window is inside."""
        low = math.ceil(-self.shift / self.stride)
        reach = self.size - 1 - self.step * (self.extent - 1) - self.shift
        return low, reach // self.stride + 1

    def first(self, p: Affine) -> tuple[Affine, int]:
        """The first step inside is the ceiling of this quotient, at least 0."""
        return p * -self.stride + (-self.shift), self.step

    def last(self, p: Affine) -> tuple[Affine, int]:
        """The end of the steps inside is the ceiling of this quotient, at most the extent."""
        return p * -self.stride + (self.size - self.shift), self.step


def windows(stage: Stage, shape: Shape) -> list[Window]:
    """The windows of a stage's reduction."""
    assert stage.reduction is not None
    found: list[Window] = []
    for condition in dict.fromkeys(shape.reads.conditions):
        x, size = condition
        window = _window(x, size, shape, stage.reduction, shape.reads.paddings[condition])
        if window is not None and window not in found:
            found.append(window)
    return found


def _window(
    x: Affine, size: int, shape: Shape, generic: Generic, padded: ir.Value
) -> Window | None:
    symbols = list(x.terms)
    if len(symbols) != 2 or not all(isinstance(s, Symbol) for s in symbols):
        return None
    by_name = {s.name: s for s in symbols if isinstance(s, Symbol)}
    if set(by_name) != {"g", "q"}:
        return None
    g, q = by_name["g"], by_name["q"]
    stride, step = x.terms[g], x.terms[q]
    if stride <= 0 or step <= 0:
        return None
    extent = shape.reductions[q.position].extent
    return Window(
        g.position, q.position, stride, step, x.constant, size, extent, _is_neutral(generic, padded)
    )


def _is_neutral(generic: Generic, padded: ir.Value) -> bool:
    """True where an element of padding leaves every accumulator as it is."""
    operation = operation_of(padded)
    if operation is None or operation.name != "tensor.pad" or len(generic.outputs) != 1:
        return False
    found = combiner(generic.body, 0)
    inputs = [k for k, o in enumerate(generic.inputs) if _leads_to(o.value, padded)]
    if found is None or len(inputs) != 1:
        return False
    argument = generic.body.arguments[inputs[0]]
    accumulator = generic.body.arguments[len(generic.inputs)]
    other = next(o for o in found.operands if o != accumulator)
    value = padding_of(operation)
    if found.name in ("arith.addf", "arith.addi"):
        return _is_zero(value) and _vanishes(other, argument, generic)
    return other == argument and _is_extreme(found.name, value)


def _leads_to(t: ir.Value, padded: ir.Value) -> bool:
    """True where `t` is the padded tensor, up to a reshape or slice."""
    while t != padded:
        operation = operation_of(t)
        if operation is None or operation.name not in (
            "tensor.expand_shape",
            "tensor.collapse_shape",
            "tensor.extract_slice",
        ):
            return False
        t = operation.operands[0]
    return True


_KEEP_ZERO = {
    "arith.extf", "arith.truncf", "arith.extsi", "arith.extui", "arith.sitofp", "arith.uitofp",
    "arith.trunci", "arith.negf",
}  # fmt: skip


def _vanishes(value: ir.Value, argument: ir.Value, generic: Generic) -> bool:
    """True where a zero in `argument` makes `value` zero."""
    if value == argument:
        return True
    defined: dict[ir.Value, Instruction] = {
        r: i for i in generic.body.instructions for r in i.results
    }
    made = defined.get(value)
    if made is None:
        return False
    if made.name in ("arith.mulf", "arith.muli"):
        return any(_vanishes(o, argument, generic) for o in made.operands)
    return made.name in _KEEP_ZERO and _vanishes(made.operands[0], argument, generic)


def _is_zero(value: ir.Attribute) -> bool:
    if isinstance(value, ir.IntegerAttr):
        return ir.IntegerAttr(value).value == 0
    return isinstance(value, ir.FloatAttr) and ir.FloatAttr(value).value == 0


def _is_extreme(name: str, value: ir.Attribute) -> bool:
    if not isinstance(value, ir.FloatAttr):
        return False
    number = ir.FloatAttr(value).value
    return (name == "arith.maximumf" and number == -math.inf) or (
        name == "arith.minimumf" and number == math.inf
    )
