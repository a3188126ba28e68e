"""What each op does with operands that are kept in another order: the rules of `channels_last`.

A rule says in which orders an op would read its operands and give its results (`turn`), and builds
it so (`build`, of operands by field that are in those orders). Without a turn an op is as it is
written.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from mlir import ir

from tyc.compiler.transforms.constants import rebuilt
from tyc.compiler.transforms.layouts import (
    Layouts,
    Order,
    channels_last_order,
    is_natural,
    matching_groups,
    natural_order,
    permuted,
    swapped_order,
)
from tyc.dialects import building, ty
from tyc.dialects.axes import checked_axes
from tyc.dialects.expressions import Expression, widened
from tyc.dialects.ods import REGISTRY, Elementwise
from tyc.dialects.ty.normalization import centered, scaled


@dataclass(frozen=True)
class Turn:
    """An op in another order: those of its operands, in the order of the operation's, and those of
    its results."""

    operands: tuple[Order, ...]
    results: tuple[Order, ...]


@dataclass(frozen=True)
class Rule:
    """`turn(op, orders)` where operands may be had in these orders, `None` where the op stays;
    `build(op, operands, turn)` gives its results."""

    turn: Callable[[Any, Sequence[Order]], Turn | None]
    build: Callable[[Any, list[Any], Turn], Any]


_type = building.type_of


def _natural_operands(op: Any) -> list[Order]:
    return [natural_order(_type(v).rank) for v in op.operation.operands]


def _first(op: Any, read: Order, *results: Order) -> Turn:
    """Only the first operand in another order."""
    return Turn((read, *_natural_operands(op)[1:]), results)


def _window_turn(op: Any, orders: Sequence[Order]) -> Turn | None:
    """Convolutions and poolings can always be NXC."""
    order = channels_last_order(_type(op.x).rank)
    return _first(op, order, order) if op.layout == "NCX" else None


def _window(op: Any, operands: list[Any], turn: Turn) -> Any:
    return rebuilt(op, *operands, layout="NXC")


def _weight_gradient_turn(op: Any, orders: Sequence[Order]) -> Turn | None:
    """The gradient of a weight has no channels to put last: only its operands have."""
    order = channels_last_order(_type(op.x).rank)
    result = natural_order(_type(op.operation.results[0]).rank)
    return Turn((order, order), (result,)) if op.layout == "NCX" else None


def _pool_indices_turn(op: Any, orders: Sequence[Order]) -> Turn | None:
    """Indices count elements of x as it is kept: only `max_pool_gradient` may read them."""
    readers = [use.owner.operation.name for use in op.indices.uses]
    if op.layout != "NCX" or any(name != "ty.max_pool_gradient" for name in readers):
        return None
    order = channels_last_order(_type(op.x).rank)
    return Turn((order,), (order, order))


def _pool_gradient_turn(op: Any, orders: Sequence[Order]) -> Turn | None:
    """Follows the indices that it reads."""
    order = channels_last_order(len(op.shape))
    return Turn((order, order), (order,)) if orders[0] == order and op.layout == "NCX" else None


def _pool_gradient(op: Any, operands: list[Any], turn: Turn) -> Any:
    return rebuilt(op, *operands, shape=permuted(op.shape, turn.results[0]), layout="NXC")


def _pool_taps_turn(op: Any, orders: Sequence[Order]) -> Turn | None:
    """A tap has the same number however pixels are kept."""
    order = channels_last_order(_type(op.grad).rank)
    return Turn((order, order), (order,)) if op.layout == "NCX" else None


def _together_turn(op: Any, orders: Sequence[Order]) -> Turn | None:
    """All operands of the result's rank in one order, that in which most bytes may be had."""
    result = _type(op.operation.results[0])
    sizes: dict[Order, int] = {}
    for value, order in zip(op.operation.operands, orders):
        if len(order) == result.rank and not is_natural(order):
            sizes[order] = sizes.get(order, 0) + _type(value).nbytes
    if not sizes or len(op.operation.results) > 1:
        return None
    best = max(sizes, key=lambda o: sizes[o])
    natural = _natural_operands(op)
    return Turn(tuple(best if len(n) == result.rank else n for n in natural), (best,))


def _elementwise(op: Any, operands: list[Any], turn: Turn) -> Any:
    """Smaller operands get the dimensions that broadcasting adds."""
    (order,) = turn.results
    return rebuilt(op, *(v if v is None else _spread(v, order) for v in operands))


def _spread(value: ir.Value, order: Order) -> ir.Value:
    t = _type(value)
    if t.rank in (0, len(order)):
        return value
    wide = ty.reshape(value, shape=[1] * (len(order) - t.rank) + list(t.shape))
    return ty.transpose(wide, perm=list(order))


def _concat(op: Any, operands: list[Any], turn: Turn) -> Any:
    (order,) = turn.results
    return ty.concat(operands[0], axis=order.index(op.axis % len(order)))


def _without(order: Order, axes: list[int]) -> Order:
    """The order of what is left when dimensions are dropped."""
    left = [d for d in order if d not in axes]
    return tuple(sorted(left).index(d) for d in left)


def _reduction_turn(op: Any, orders: Sequence[Order]) -> Turn | None:
    order = orders[0]
    axes = checked_axes(type(op), op.axes, len(order))
    return _first(op, order, order if op.keepdims else _without(order, axes))


def _reduction(op: Any, operands: list[Any], turn: Turn) -> Any:
    """Reduces the same dimensions where they are kept."""
    order = turn.operands[0]
    axes = checked_axes(type(op), op.axes, len(order))
    return rebuilt(op, *operands, axes=sorted(order.index(a) for a in axes))


def _position_turn(op: Any, orders: Sequence[Order]) -> Turn | None:
    order = orders[0]
    dropped = [op.axis % len(order)]
    return _first(op, order, order if op.keepdims else _without(order, dropped))


def _same_turn(op: Any, orders: Sequence[Order]) -> Turn | None:
    """The result in the order of the first operand; others are natural."""
    return _first(op, orders[0], orders[0]) if len(op.operation.results) == 1 else None


def _batch_norm_training_turn(op: Any, orders: Sequence[Order]) -> Turn | None:
    """The statistics of the channels, wherever these are kept."""
    statistics = op.operation.results[1:]
    return _first(op, orders[0], orders[0], *(natural_order(_type(s).rank) for s in statistics))


def _cross_entropy_turn(op: Any, orders: Sequence[Order]) -> Turn | None:
    """The classes wherever they are kept; the other dimensions in their own order."""
    order = orders[0]
    result = natural_order(len(order) - 1)
    fits = _without(order, [op.axis % len(order)]) == result
    return _first(op, order, result) if fits else None


def _along(attribute: str) -> Callable[[Any, list[Any], Turn], Any]:
    """Ops along one dimension: the same one where it is kept."""

    def build(op: Any, operands: list[Any], turn: Turn) -> Any:
        order = turn.operands[0]
        return rebuilt(
            op, *operands, **{attribute: order.index(getattr(op, attribute) % len(order))}
        )

    return build


def _each_dimension(*attributes: str) -> Rule:
    """The rule of ops whose attributes have one entry a dimension, or none."""

    def lists(op: Any) -> dict[str, Any]:
        return {a: getattr(op, a) for a in attributes if getattr(op, a)}

    def turn(op: Any, orders: Sequence[Order]) -> Turn | None:
        fits = all(len(v) == len(orders[0]) for v in lists(op).values())
        return _same_turn(op, orders) if fits else None

    def build(op: Any, operands: list[Any], turn: Turn) -> Any:
        moved = {a: permuted(v, turn.operands[0]) for a, v in lists(op).items()}
        return rebuilt(op, *operands, **moved)

    return Rule(turn, build)


def _reverse(op: Any, operands: list[Any], turn: Turn) -> Any:
    order = turn.operands[0]
    return ty.reverse(operands[0], axes=[order.index(a % len(order)) for a in op.axes])


def _gather_turn(op: Any, orders: Sequence[Order]) -> Turn | None:
    """A list of indices keeps the rank, and so the order."""
    return _same_turn(op, orders) if _type(op.indices).rank == 1 else None


def _trailing_turn(op: Any, orders: Sequence[Order]) -> Turn | None:
    """Layer norms: the normalised dimensions must be kept last and in order."""
    order, rank = orders[0], len(orders[0])
    axis = op.axis % rank
    return _same_turn(op, orders) if order[axis:] == natural_order(rank)[axis:] else None


def _rebuild(op: Any, operands: list[Any], turn: Turn) -> Any:
    return rebuilt(op, *operands)


def _channel_norm_turn(op: Any, orders: Sequence[Order]) -> Turn | None:
    return _same_turn(op, orders) if orders[0] == channels_last_order(len(orders[0])) else None


def _channel_norm(op: Any, operands: list[Any], turn: Turn) -> Any:
    """Instance and group norm have no NXC form: they are written out for it."""
    channels = _type(op.x).shape[1]
    groups = op.groups if op.NAME == "group_norm" else channels
    return _grouped_norm(*operands, groups=groups, epsilon=op.epsilon)


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


def _reshape_turn(op: Any, orders: Sequence[Order]) -> Turn | None:
    """Dimensions that merge and split among themselves may stay where they are kept; those that
    merge are read side by side."""
    order, source, target = orders[0], _type(op.x).shape, tuple(op.shape)
    groups = matching_groups(source, target)
    if groups is None:
        return None
    groups.sort(key=lambda g: min(order.index(d) for d in g[0]))
    together = [d for inner, _ in groups for d in inner]
    if [d for d in order if source[d] != 1] != together:
        order = (*together, *(d for d in range(len(source)) if source[d] == 1))
    result = _with_units([d for _, outer in groups for d in outer], target)
    return Turn((order,), (result,))


def _with_units(order: list[int], shape: tuple[int, ...]) -> Order:
    """`order` with the dimensions of size 1 put after those that they follow."""
    for d in range(len(shape)):
        if shape[d] == 1 and d not in order:
            order.insert(order.index(d - 1) + 1 if d else 0, d)
    return tuple(order)


def _reshape(op: Any, operands: list[Any], turn: Turn) -> Any:
    return ty.reshape(operands[0], shape=permuted(op.shape, turn.results[0]))


def matmul_by_flags(op: Any, layouts: Layouts) -> ir.Value:
    """A product whose matrices are read the other way round where they are kept so."""
    flags = {"transpose_a": op.transpose_a, "transpose_b": op.transpose_b}
    operands = []
    for name, value in (("transpose_a", op.a), ("transpose_b", op.b)):
        x = layouts.get(value)
        swapped = x.order == swapped_order(len(x.order))
        flags[name] ^= swapped
        operands.append(x.value if swapped else layouts.natural(value))
    return ty.matmul(*operands, **flags)


WINDOWS: dict[str, Rule] = {
    **dict.fromkeys(
        ("conv", "conv_transpose", "max_pool", "max_pool_taps", "average_pool", "lp_pool"),
        Rule(_window_turn, _window),
    ),
    "conv_weight_gradient": Rule(_weight_gradient_turn, _window),
    "max_pool_indices": Rule(_pool_indices_turn, _window),
    "max_pool_gradient": Rule(_pool_gradient_turn, _pool_gradient),
    "max_pool_taps_gradient": Rule(_pool_taps_turn, _pool_gradient),
    "max_pool_spread": Rule(_pool_taps_turn, _window),
}

_REDUCTIONS = ("sum", "mean", "max", "min", "product", "any", "all", "l1", "l2", "log_sum",
               "log_sum_exp", "sum_square")  # fmt: skip
_AXIS = Rule(_same_turn, _along("axis"))
_TRAILING = Rule(_trailing_turn, _rebuild)
_CHANNEL_NORM = Rule(_channel_norm_turn, _channel_norm)

RULES: dict[str, Rule] = {
    **{f"reduce_{name}": Rule(_reduction_turn, _reduction) for name in _REDUCTIONS},
    **dict.fromkeys(("argmax", "argmin"), Rule(_position_turn, _along("axis"))),
    **dict.fromkeys(("softmax", "log_softmax", "lp_normalize"), _AXIS),
    **dict.fromkeys(("cumulative_sum", "quantize", "dequantize"), _AXIS),
    "batch_norm": Rule(_same_turn, _along("channel_axis")),
    "batch_norm_training": Rule(_batch_norm_training_turn, _along("channel_axis")),
    "softmax_gradient": Rule(_together_turn, _along("axis")),
    "cross_entropy": Rule(_cross_entropy_turn, _along("axis")),
    "layer_norm": _TRAILING,
    "rms_norm": _TRAILING,
    "instance_norm": _CHANNEL_NORM,
    "group_norm": _CHANNEL_NORM,
    "concat": Rule(_together_turn, _concat),
    "slice": _each_dimension("starts", "sizes", "steps"),
    "pad": _each_dimension("low", "high"),
    "dilate": _each_dimension("factors", "low", "high"),
    "tile": _each_dimension("repeats"),
    "broadcast_to": _each_dimension("shape"),
    "resize": _each_dimension("sizes", "scales"),
    "reverse": Rule(_same_turn, _reverse),
    "gather": Rule(_gather_turn, _along("axis")),
    "reshape": Rule(_reshape_turn, _reshape),
}
_ELEMENTWISE = Rule(_together_turn, _elementwise)


def rule_of(name: str) -> Rule | None:
    """The rule of an op that has no order of its own; `None` where it has one."""
    found = RULES.get(name)
    if found is None and issubclass(REGISTRY[name], Elementwise):
        return _ELEMENTWISE
    return found
