"""Sums of products: matrix products and what they are made into."""

from __future__ import annotations

from collections.abc import Sequence

from tyc.dialects import ty
from tyc.dispatch import TensorLike, apply, as_tensor, as_tensors
from tyc.frames import error
from tyc.functional.elementwise import add, multiply
from tyc.functional.movement import expand_dims, reshape, squeeze, transpose
from tyc.functional.reduction import sum
from tyc.tensors import Tensor


def matmul(a: TensorLike, b: TensorLike) -> Tensor:
    """`y[..., i, j] = sum of a[..., i, k] * b[..., k, j]`, leading dimensions broadcast.

    A vector counts as a row on the left and as a column on the right, as in NumPy.
    """
    left, right = as_tensors((a, b))
    if not (left.ndim and right.ndim):
        raise error(f"matmul takes vectors and matrices, got {left.type} and {right.type}", "use *")
    rows, columns = left.ndim > 1, right.ndim > 1
    product = apply(
        ty.MatmulOp,
        left if rows else expand_dims(left, 0),
        right if columns else expand_dims(right, 1),
    )
    gone = ([] if columns else [product.ndim - 1]) + ([] if rows else [product.ndim - 2])
    return squeeze(product, gone) if gone else product


def linear(x: TensorLike, weight: TensorLike, bias: TensorLike | None = None) -> Tensor:
    """`y = x @ weight.T + bias`: `x` is `[..., I]`, `weight` `[O, I]`, `bias` `[O]`."""
    value, matrix = as_tensors((x, weight))
    if matrix.ndim != 2 or not value.ndim or value.shape[-1] != matrix.shape[1]:
        raise error(f"linear takes x [..., I] and weight [O, I], got {value.type}, {matrix.type}")
    flat = value if value.ndim == 2 else reshape(value, (-1, value.shape[-1]))
    product = apply(ty.MatmulOp, flat, matrix, transpose_b=True)
    if bias is not None:
        product = add(product, bias)
    return reshape(product, (*value.shape[:-1], matrix.shape[0]))


def outer(a: TensorLike, b: TensorLike) -> Tensor:
    """`y[i, j] = a[i] * b[j]`."""
    left, right = as_tensors((a, b))
    return multiply(reshape(left, (left.size, 1)), reshape(right, (1, right.size)))


def einsum(equation: str, *operands: TensorLike) -> Tensor:
    """Sums of products by subscripts, `einsum("bik,bkj->bij", a, b)`, for one or two operands.

    Each operand's letters differ (no diagonals); there is no `...`.
    """
    tensors = as_tensors(operands)
    inputs, output = _parse(equation, tensors)
    if len(tensors) == 1:
        kept = [letter for letter in inputs[0] if letter in output]
        return _arranged(_summed(tensors[0], inputs[0], kept), kept, output)
    if len(tensors) != 2:
        raise error(f"einsum takes one or two operands, got {len(tensors)}")
    (first, second), (a, b) = inputs, tensors
    left = [c for c in first if c in output or c in second]
    right = [c for c in second if c in output or c in first]
    a, b = _summed(a, first, left), _summed(b, second, right)
    batch = [c for c in left if c in right and c in output]
    inner = [c for c in left if c in right and c not in output]
    rows = [c for c in left if c not in right]
    columns = [c for c in right if c not in left]
    sizes = {**dict(zip(left, a.shape)), **dict(zip(right, b.shape))}
    a = _matrix(_arranged(a, left, batch + rows + inner), len(batch), len(rows))
    b = _matrix(_arranged(b, right, batch + inner + columns), len(batch), len(inner))
    product = reshape(apply(ty.MatmulOp, a, b), [sizes[c] for c in batch + rows + columns])
    return _arranged(product, batch + rows + columns, output)


def _parse(equation: str, tensors: Sequence[Tensor]) -> tuple[list[str], str]:
    before, arrow, output = equation.replace(" ", "").partition("->")
    inputs = before.split(",")
    letters = "".join(inputs)
    if not arrow:
        output = "".join(sorted(c for c in set(letters) if letters.count(c) == 1))
    ranks = [t.ndim for t in tensors]
    plain = all(c.isalpha() for c in letters + output) and set(output) <= set(letters)
    if not plain or any(len(set(s)) != len(s) for s in [*inputs, output]):
        raise error(f"equation must be like 'ij,jk->ik' with different letters, got {equation!r}")
    if [len(s) for s in inputs] != ranks:
        raise error(f"equation {equation!r} must have one letter a dimension, got ranks {ranks}")
    sizes: dict[str, int] = {}
    for subscripts, tensor in zip(inputs, tensors):
        for letter, size in zip(subscripts, tensor.shape):
            if sizes.setdefault(letter, size) != size:
                raise error(f"{letter!r} must have one size, got {sizes[letter]} and {size}")
    return inputs, output


def _summed(x: Tensor, letters: str, kept: Sequence[str]) -> Tensor:
    gone = [d for d, c in enumerate(letters) if c not in kept]
    return sum(x, gone) if gone else x


def _arranged(x: Tensor, letters: Sequence[str], wanted: Sequence[str]) -> Tensor:
    order = [list(letters).index(c) for c in wanted]
    return x if order == list(range(x.ndim)) else transpose(x, order)


def _matrix(x: Tensor, batch: int, rows: int) -> Tensor:
    """`[batch..., rows..., rest...]` as `[batch..., rows, rest]`."""
    head, middle, tail = x.shape[:batch], x.shape[batch : batch + rows], x.shape[batch + rows :]
    return reshape(as_tensor(x), (*head, _product(middle), _product(tail)))


def _product(sizes: Sequence[int]) -> int:
    result = 1
    for size in sizes:
        result *= size
    return result
