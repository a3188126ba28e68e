"""What each op does with operands that are kept in another order: the rules of `channels_last`.

A rule of an op gives how its result is kept, or `None`: then the op reads natural operands. Rules
run where an operand is kept in another order; those of `WINDOWS` where `channels_last` says so.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mlir import ir

from tyc.compiler.transforms.constants import rebuilt
from tyc.compiler.transforms.layouts import (
    Layouts,
    Order,
    Stored,
    channels_last_order,
    matching_groups,
    natural_order,
    permuted,
)
from tyc.dialects import building, ty
from tyc.dialects.axes import checked_axes
from tyc.dialects.expressions import Expression, widened
from tyc.dialects.ods import REGISTRY, Elementwise
from tyc.dialects.ty.normalization import centered, scaled

Rule = Callable[[Any, Layouts], Any]
_type = building.type_of


def window(op: Any, layouts: Layouts) -> Stored:
    """Convolutions and poolings read and write NXC."""
    order = channels_last_order(_type(op.x).rank)
    _, *others = building.operands_of(op)
    x = layouts.in_order(op.x, order)
    return Stored(rebuilt(op, x, *layouts.naturals(others), layout="NXC"), order)


def weight_gradient(op: Any, layouts: Layouts) -> Stored:
    """The gradient of a weight has no channels to put last: only its operands have."""
    order = channels_last_order(_type(op.x).rank)
    x, grad = (layouts.in_order(v, order) for v in (op.x, op.grad))
    y = rebuilt(op, x, grad, layout="NXC")
    return Stored(y, natural_order(_type(y).rank))


def pool_indices(op: Any, layouts: Layouts) -> list[Stored] | None:
    """Indices count elements of x as it is kept: only `max_pool_gradient` may read them."""
    readers = [use.owner.operation.name for use in op.indices.uses]
    if any(name != "ty.max_pool_gradient" for name in readers):
        return None
    order = channels_last_order(_type(op.x).rank)
    results = rebuilt(op, layouts.in_order(op.x, order), layout="NXC")
    return [Stored(r, order) for r in results]


def pool_gradient(op: Any, layouts: Layouts) -> Stored | None:
    """Follows the indices that it reads."""
    if op.indices not in layouts:
        return None
    order = layouts.get(op.indices).order
    grad = layouts.in_order(op.grad, order)
    shape = permuted(op.shape, order)
    y = rebuilt(op, layouts.get(op.indices).value, grad, shape=shape, layout="NXC")
    return Stored(y, order)


def elementwise(op: Any, layouts: Layouts) -> Stored | None:
    """All operands in one order, smaller ones with the dimensions that broadcasting adds."""
    rank = _type(op.operation.results[0]).rank
    operands = list(op.operation.operands)
    full = [v for v in operands if _type(v).rank == rank]
    order = layouts.cheapest(full, op.operation.results[0])
    if order is None:
        return None
    return Stored(rebuilt(op, *(_spread(v, order, layouts) for v in operands)), order)


def _spread(value: ir.Value, order: Order, layouts: Layouts) -> ir.Value:
    t = _type(value)
    if t.rank == len(order):
        return layouts.in_order(value, order)
    if t.rank == 0:
        return value
    wide = ty.reshape(layouts.natural(value), shape=[1] * (len(order) - t.rank) + list(t.shape))
    return layouts.in_order(wide, order)


def concat(op: Any, layouts: Layouts) -> Stored | None:
    """All operands in one order."""
    order = layouts.cheapest(op.xs, op.y)
    if order is None:
        return None
    parts = [layouts.in_order(x, order) for x in op.xs]
    return Stored(ty.concat(parts, axis=order.index(op.axis % len(order))), order)


def _without(order: Order, axes: list[int]) -> Order:
    """The order of what is left when dimensions are dropped."""
    left = [d for d in order if d not in axes]
    return tuple(sorted(left).index(d) for d in left)


def reduction(op: Any, layouts: Layouts) -> Stored:
    """Reduces the same dimensions where they are kept."""
    x = layouts.get(op.x)
    axes = checked_axes(type(op), op.axes, len(x.order))
    y = rebuilt(op, x.value, axes=sorted(x.axis(a) for a in axes))
    return Stored(y, x.order if op.keepdims else _without(x.order, axes))


def position(op: Any, layouts: Layouts) -> Stored:
    """The same dimension where it is kept."""
    x = layouts.get(op.x)
    y = rebuilt(op, x.value, axis=x.axis(op.axis))
    dropped = [op.axis % len(x.order)]
    return Stored(y, x.order if op.keepdims else _without(x.order, dropped))


def along(attribute: str) -> Rule:
    """The rule of ops along one dimension; other operands are natural."""

    def rule(op: Any, layouts: Layouts) -> Stored:
        first, *others = building.operands_of(op)
        x = layouts.get(first)
        axis = {attribute: x.axis(getattr(op, attribute))}
        return Stored(rebuilt(op, x.value, *layouts.naturals(others), **axis), x.order)

    return rule


def batch_norm_training(op: Any, layouts: Layouts) -> list[Stored]:
    """The statistics of the channels, wherever these are kept."""
    x = layouts.get(op.x)
    others = layouts.naturals([op.scale, op.bias])
    y, *statistics = rebuilt(op, x.value, *others, channel_axis=x.axis(op.channel_axis))
    return [Stored(y, x.order), *(Stored(s, (0,)) for s in statistics)]


def softmax_gradient(op: Any, layouts: Layouts) -> Stored | None:
    """Both operands in one order."""
    order = layouts.cheapest([op.y, op.grad], op.dx)
    if order is None:
        return None
    y, grad = (layouts.in_order(v, order) for v in (op.y, op.grad))
    return Stored(ty.softmax_gradient(y, grad, axis=order.index(op.axis % len(order))), order)


def cross_entropy(op: Any, layouts: Layouts) -> Stored | None:
    """The classes wherever they are kept; the other dimensions in their own order."""
    x = layouts.get(op.x)
    axis = op.axis % len(x.order)
    if _without(x.order, [axis]) != natural_order(len(x.order) - 1):
        return None
    y = ty.cross_entropy(x.value, layouts.natural(op.target), axis=x.axis(axis))
    return Stored(y, natural_order(len(x.order) - 1))


def each_dimension(*attributes: str) -> Rule:
    """The rule of ops whose attributes have one entry a dimension, or none."""

    def rule(op: Any, layouts: Layouts) -> Stored | None:
        x = layouts.get(op.x)
        lists = {a: getattr(op, a) for a in attributes if getattr(op, a)}
        if any(len(v) != len(x.order) for v in lists.values()):
            return None
        return Stored(
            rebuilt(op, x.value, **{a: permuted(v, x.order) for a, v in lists.items()}), x.order
        )

    return rule


def reverse(op: Any, layouts: Layouts) -> Stored:
    """The same dimensions where they are kept."""
    x = layouts.get(op.x)
    return Stored(ty.reverse(x.value, axes=[x.axis(a) for a in op.axes]), x.order)


def gather(op: Any, layouts: Layouts) -> Stored | None:
    """A list of indices keeps the rank, and so the order."""
    if op.x not in layouts or _type(op.indices).rank != 1:
        return None
    x = layouts.get(op.x)
    return Stored(ty.gather(x.value, layouts.natural(op.indices), axis=x.axis(op.axis)), x.order)


def trailing_normalization(op: Any, layouts: Layouts) -> Stored | None:
    """Layer norms: the normalised dimensions must be kept last and in order."""
    first, *others = building.operands_of(op)
    x = layouts.get(first)
    axis, rank = op.axis % len(x.order), len(x.order)
    if x.order[axis:] != natural_order(rank)[axis:]:
        return None
    return Stored(rebuilt(op, x.value, *layouts.naturals(others)), x.order)


def channel_normalization(op: Any, layouts: Layouts) -> Stored | None:
    """Instance and group norm have no NXC form: they are written out for it."""
    rank = _type(op.x).rank
    x = layouts.get(op.x)
    if x.order != channels_last_order(rank):
        return None
    channels = _type(op.x).shape[1]
    groups = op.groups if op.NAME == "group_norm" else channels
    others = layouts.naturals([op.scale, op.bias])
    return Stored(_grouped_norm(x.value, *others, groups=groups, epsilon=op.epsilon), x.order)


@widened
def _grouped_norm(x: Any, scale: Any, bias: Any, groups: int, epsilon: float) -> ir.Value:
    """The normalisation of NXC on [N, pixels, groups, channels of a group]."""
    t = _type(x)
    channels = t.shape[-1]
    pixels = t.size // max(t.shape[0] * channels, 1)
    split = [t.shape[0], pixels, groups, channels // groups]
    grouped = centered(Expression(ty.reshape(x, shape=split)), [1, 3], epsilon)
    y = Expression(ty.reshape(grouped.value, shape=list(t.shape)))
    factors = (None if v is None else Expression(v) for v in (scale, bias))
    return scaled(y, *factors).value


def transpose(op: Any, layouts: Layouts) -> Stored:
    """Moves nothing: the same value is kept in an order of other names."""
    x = layouts.get(op.x)
    return Stored(x.value, tuple(list(op.perm).index(d) for d in x.order))


def reshape(op: Any, layouts: Layouts) -> Stored | None:
    """Dimensions that merge and split among themselves may stay where they are kept."""
    x = layouts.get(op.x)
    source, target = _type(op.x).shape, tuple(op.shape)
    groups = matching_groups(source, target)
    if groups is None:
        return None
    groups.sort(key=lambda g: min(x.order.index(d) for d in g[0]))
    together = [d for inner, _ in groups for d in inner]
    kept = [d for d in x.order if source[d] != 1]
    if kept != together and op.y not in layouts.wanted:
        return None
    value = x.value
    if kept != together:
        units = [d for d in range(len(source)) if source[d] == 1]
        value = layouts.in_order(op.x, (*together, *units))
    order = _with_units([d for _, outer in groups for d in outer], target)
    return Stored(ty.reshape(value, shape=permuted(target, order)), order)


def _with_units(order: list[int], shape: tuple[int, ...]) -> Order:
    """`order` with the dimensions of size 1 put after those that they follow."""
    for d in range(len(shape)):
        if shape[d] == 1 and d not in order:
            order.insert(order.index(d - 1) + 1 if d else 0, d)
    return tuple(order)


def matmul(op: Any, layouts: Layouts) -> Stored | None:
    """A matrix kept the other way round is read the other way round."""
    flags = {"transpose_a": op.transpose_a, "transpose_b": op.transpose_b}
    operands = []
    for name, value in (("transpose_a", op.a), ("transpose_b", op.b)):
        x = layouts.get(value)
        rank = len(x.order)
        swapped = x.order == (*range(rank - 2), rank - 1, rank - 2)
        flags[name] ^= swapped
        operands.append(x.value if swapped else layouts.natural(value))
    y = ty.matmul(*operands, **flags)
    return Stored(y, natural_order(_type(y).rank))


WINDOWS: dict[str, Rule] = {
    **dict.fromkeys(("conv", "conv_transpose", "max_pool", "average_pool", "lp_pool"), window),
    "conv_weight_gradient": weight_gradient,
    "max_pool_indices": pool_indices,
    "max_pool_gradient": pool_gradient,
}

# These read what is kept in another order and give natural results.
READERS: dict[str, Rule] = {"matmul": matmul}

_REDUCTIONS = ("sum", "mean", "max", "min", "product", "any", "all", "l1", "l2", "log_sum",
               "log_sum_exp", "sum_square")  # fmt: skip

RULES: dict[str, Rule] = {
    **{f"reduce_{name}": reduction for name in _REDUCTIONS},
    **dict.fromkeys(("argmax", "argmin"), position),
    **dict.fromkeys(("softmax", "log_softmax", "lp_normalize"), along("axis")),
    **dict.fromkeys(("cumulative_sum", "quantize", "dequantize"), along("axis")),
    "batch_norm": along("channel_axis"),
    "batch_norm_training": batch_norm_training,
    "softmax_gradient": softmax_gradient,
    "cross_entropy": cross_entropy,
    "layer_norm": trailing_normalization,
    "rms_norm": trailing_normalization,
    "instance_norm": channel_normalization,
    "group_norm": channel_normalization,
    "concat": concat,
    "slice": each_dimension("starts", "sizes", "steps"),
    "pad": each_dimension("low", "high"),
    "dilate": each_dimension("factors", "low", "high"),
    "tile": each_dimension("repeats"),
    "broadcast_to": each_dimension("shape"),
    "resize": each_dimension("sizes", "scales"),
    "reverse": reverse,
    "gather": gather,
    "transpose": transpose,
    "reshape": reshape,
}


def rule_of(name: str) -> Rule | None:
    """The rule of an op that has no order of its own; `None` where it has one."""
    found = RULES.get(name)
    if found is None and issubclass(REGISTRY[name], Elementwise):
        return elementwise
    return found
