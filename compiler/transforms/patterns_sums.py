"""Patterns of sums of many terms: parts side by side, and products that are one product.

    %a = "ty.dilate"(%x) {high = [0, 2]}
    %b = "ty.dilate"(%y) {low = [0, 2]}     becomes     %s = "ty.concat"(%x, %y) {axis = 1}
    %s = "ty.add"(%a, %b)

    %a = "ty.matmul"(%x, %g) {transpose_a}              %z = "ty.concat"(%x, %y) {axis = 0}
    %b = "ty.matmul"(%y, %h) {transpose_a}   becomes    %i = "ty.concat"(%g, %h) {axis = 0}
    %s = "ty.add"(%a, %b)                               %s = "ty.matmul"(%z, %i) {transpose_a}

    %t = "ty.gather_gradient"(%i, %g)
    %s = "ty.add"(%x, %t)                    becomes    %s = "ty.scatter_nd"(%x, %i, %g) {add}

    %t = "ty.scatter_nd"(%y, %i, %g) {add}              %t = "ty.add"(%x, %y)
    %s = "ty.add"(%x, %t)                    becomes    %s = "ty.scatter_nd"(%t, %i, %g) {add}

The gradient of a tensor that is cut in parts is the first, that of a weight which many steps share
the second, that of a table which is looked up and multiplied by the third. Not for exact mode:
terms add up in another order, and -0.0 + 0.0 is 0.0.
"""

from __future__ import annotations

from typing import Any

from mlir import ir

from tyc.compiler.rewriting import users
from tyc.compiler.transforms.constants import Context, has_one_use, made_by, rebuilt
from tyc.compiler.transforms.worklist import Pattern
from tyc.dialects import building, ty
from tyc.dialects.ods import VARIADIC_LIMIT

_type = building.type_of


def concat_of_padded(op: Any, context: Context) -> ir.Value | None:
    """pad(x) + pad(y) + ... of parts that lie one behind the other is concat(x, y, ...)."""
    if _goes_on(op):
        return None
    parts = _padded_terms(op.y)
    if parts is None or len(parts) < 2:
        return None
    axis = _axis(parts)
    if axis is None:
        return None
    parts.sort(key=lambda p: p.low[axis])
    ends = [p.low[axis] + _type(p.x).shape[axis] for p in parts]
    if any(p.low[axis] != end for p, end in zip(parts[1:], ends)):
        return None
    low, high = list(parts[0].low), list(parts[-1].high)
    whole = _concat([p.x for p in parts], axis)
    if not any(low) and not any(high):
        return whole
    return ty.dilate(whole, factors=[1] * len(low), low=low, high=high)


def scatter_into_sum(op: Any, context: Context) -> ir.Value | None:
    """x + gather_gradient(i, g) adds the lines of g to x: no table of zeros is filled and added."""
    for total, value in ((op.a, op.b), (op.b, op.a)):
        table = made_by(value, "gather_gradient")
        if table is None or not has_one_use(value) or total.type != value.type:
            continue
        if table.axis % len(table.shape) == 0:
            vectors = ty.reshape(table.indices, shape=[*_type(table.indices).shape, 1])
            return ty.scatter_nd(total, vectors, table.grad, reduction="add")
    return None


def sum_before_scatter(op: Any, context: Context) -> ir.Value | None:
    """x + scatter_nd(y, i, u) adds the lines of u to x + y, which may stand where the result will,
    as the momentum of an update does."""
    for x, value in ((op.a, op.b), (op.b, op.a)):
        made = made_by(value, "scatter_nd")
        if made is None or made.reduction != "add" or not has_one_use(value):
            continue
        if x.type == value.type:
            total = ty.add(x, made.x)
            return ty.scatter_nd(total, made.indices, made.updates, reduction="add")
    return None


def select_rows_of_factor(op: Any, context: Context) -> ir.Value | None:
    """concat(rows of x^T g, other rows, ...) is concat(columns of x, other columns, ...)^T g, where
    x is the smaller one and nothing else reads the product: it stands as it is wanted at once."""
    slices = [made_by(v, "slice") for v in op.xs]
    if op.axis % _type(op.y).rank or any(s is None or set(s.steps) != {1} for s in slices):
        return None
    product = made_by(slices[0].x, "matmul")
    if product is None or _type(product.y).rank != 2 or any(s.x != product.y for s in slices):
        return None
    readers = {v for v in op.xs if has_one_use(v)}
    whole = all(s.sizes[1] == _type(product.y).shape[1] for s in slices)
    if not whole or len(users(product.y)) != len(readers):
        return None
    if 2 * _type(product.a).nbytes > _type(product.y).nbytes or not product.transpose_a:
        return None
    depth = _type(product.a).shape[0]
    parts = [
        ty.slice(product.a, starts=[0, s.starts[0]], sizes=[depth, s.sizes[0]], steps=[1, 1])
        for s in slices
    ]
    return rebuilt(product, ty.concat(parts, axis=1), product.b)


def _goes_on(op: Any) -> bool:
    """Whether a sum is a term of another one: it is looked at from its end."""
    return all(user.name == "ty.add" for user in users(op.y))


def _padded_terms(total: ir.Value) -> list[Any] | None:
    """The pads that a sum adds up, each read by it alone; `None` where a term is none."""
    parts, stack = [], [total]
    while stack:
        value = stack.pop()
        maker = made_by(value, "dilate", "add")
        if maker is None or maker.y.type != total.type:
            return None
        if value != total and not has_one_use(value):
            return None
        if maker.NAME == "add":
            stack += [maker.a, maker.b]
        elif set(maker.factors) == {1}:
            parts.append(maker)
        else:
            return None
    return parts


def _axis(parts: list[Any]) -> int | None:
    """The one dimension along which the parts are padded."""
    padded = {d for p in parts for d in range(len(p.low)) if p.low[d] or p.high[d]}
    return padded.pop() if len(padded) == 1 else None


def _concat(values: list[ir.Value], axis: int) -> ir.Value:
    """A concat of any number of values."""
    while len(values) > VARIADIC_LIMIT:
        pieces = range(0, len(values), VARIADIC_LIMIT)
        values = [ty.concat(values[i : i + VARIADIC_LIMIT], axis=axis) for i in pieces]
    return ty.concat(values, axis=axis)


def product_of_concats(op: Any, context: Context) -> ir.Value | None:
    """x^T g + y^T h + ... is concat(x, y)^T concat(g, h), where these are small beside it."""
    if _type(op.y).rank != 2 or _goes_on(op):
        return None
    products, others = _terms(op.y)
    read = sum(_type(v).nbytes for p in products for v in (p.a, p.b))
    if len(products) < 2 or read > (len(products) - 1) * _type(op.y).nbytes:
        return None
    a, b = (_concat([getattr(p, n) for p in products], 0) for n in ("a", "b"))
    total = ty.matmul(a, b, transpose_a=True)
    for other in others:
        total = ty.add(total, other)
    return total


def _terms(total: ir.Value) -> tuple[list[Any], list[ir.Value]]:
    """The products x^T g of matrices that a sum adds up, each read by it alone; the other terms."""
    products, others, stack = [], [], [total]
    while stack:
        value = stack.pop()
        maker = made_by(value, "matmul", "add")
        own = value == total or has_one_use(value)
        if maker is None or not own or maker.y.type != total.type:
            others.append(value)
        elif maker.NAME == "add":
            stack += [maker.b, maker.a]
        elif maker.transpose_a and not maker.transpose_b and _type(maker.a).rank == 2:
            products.append(maker)
        else:
            others.append(value)
    return products, others


SUMS: dict[str, tuple[Pattern, ...]] = {
    "add": (concat_of_padded, product_of_concats, scatter_into_sum, sum_before_scatter),
    "concat": (select_rows_of_factor,),
}
